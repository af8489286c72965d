"""What the command tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.certs import CertificateFactory
from tests.poetry_process import FILE_KEYRING
from tests.servers import IndexServer
from tests.warm import WarmHome

USER = "alice"
PASSWORD = "Pa55-{cache-dir}-wörd <error>"


@pytest.fixture
def keyed(home: WarmHome) -> WarmHome:
    """The same with a keyring."""
    home.keyring = FILE_KEYRING
    return home


@pytest.fixture(scope="session")
def certs(tmp_path_factory: pytest.TempPathFactory) -> CertificateFactory:
    return CertificateFactory(tmp_path_factory.mktemp("certs"))


@pytest.fixture
def index() -> Iterator[IndexServer]:
    """An index that wants a user name and a password."""
    with IndexServer(credentials={USER: PASSWORD}) as server:
        yield server


@pytest.fixture
def open_index() -> Iterator[IndexServer]:
    """An index that is open to everyone."""
    with IndexServer() as server:
        yield server
