from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.certs import CertificateFactory
from tests.credentials.keyrings import MemoryKeyring, in_use
from tests.http.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with in_use(MemoryKeyring()) as backend:
        yield World(tmp_path, backend)


@pytest.fixture
def certs(tmp_path: Path) -> CertificateFactory:
    return CertificateFactory(tmp_path / "certs")
