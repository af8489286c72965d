"""What the tests of what commands do share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.poetry_process import poetry_under_test
from tests.warm import WarmHome, Zygote


@pytest.fixture
def home(tmp_path: Path, zygote: Zygote) -> WarmHome:
    """A fresh home outside of any project, without a keyring."""
    return WarmHome(tmp_path / "home", poetry_under_test(), zygote=zygote)
