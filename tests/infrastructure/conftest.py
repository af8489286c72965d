"""What the tests on real programs share: finding one, certificates, and homes whose commands start
fast.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.certs import CertificateFactory
from tests.infrastructure import parts
from tests.infrastructure.parts import SystemPart
from tests.integration.world import make_venv
from tests.poetry_process import poetry_under_test
from tests.warm import WarmHome, Zygote


@pytest.fixture(scope="session")
def system_part() -> SystemPart:
    """Finds a program, or skips."""
    return parts.system_part


@pytest.fixture(scope="session")
def certs(tmp_path_factory: pytest.TempPathFactory) -> CertificateFactory:
    return CertificateFactory(tmp_path_factory.mktemp("certs"))


@pytest.fixture
def home(tmp_path: Path, zygote: Zygote) -> WarmHome:
    """A home that needs no virtual environment to lock."""
    home = WarmHome(tmp_path / "home", poetry_under_test(), zygote=zygote)
    home.environ["POETRY_VIRTUALENVS_CREATE"] = "false"
    return home


@pytest.fixture
def venv(home: WarmHome, tmp_path: Path) -> Path:
    """The ``site-packages`` of an empty virtual environment that the home's commands use."""
    home.environ["VIRTUAL_ENV"] = str(tmp_path / "venv")
    return make_venv(tmp_path / "venv")
