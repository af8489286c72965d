from __future__ import annotations

from pathlib import Path

import pytest

from tests.certs import CertificateFactory


@pytest.fixture
def certs(tmp_path: Path) -> CertificateFactory:
    """The authorities and identities of one test."""
    return CertificateFactory(tmp_path / "certs")
