"""What the path tests share. Servers live as long as a module, homes as long as a test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import packages
from tests.certs import CertificateFactory, Identity, server_context
from tests.integration.world import PASSWORD, PEER, USER, World
from tests.poetry_process import PoetryHome, poetry_under_test
from tests.servers import IndexServer


@pytest.fixture(scope="session")
def certs(tmp_path_factory: pytest.TempPathFactory) -> CertificateFactory:
    return CertificateFactory(tmp_path_factory.mktemp("certs"))


@pytest.fixture(scope="session")
def identity(certs: CertificateFactory) -> Identity:
    return certs.client(PEER)


@pytest.fixture(scope="module")
def module_index(certs: CertificateFactory) -> Iterator[IndexServer]:
    tls = server_context(certs.server(), certs.ca)
    with IndexServer(tls=tls, credentials={USER: PASSWORD}) as server:
        server.add_all(
            (
                packages.wheel("alpha", "1.0"),
                packages.wheel("alpha", "2.0", ["beta>=1.0", "gamma"]),
                packages.wheel("beta", "1.0", ["delta"]),
                packages.wheel("gamma", "1.0"),
                packages.wheel("delta", "1.0"),
                packages.backend_wheel(),
                packages.sdist_with_backend("sigma", "1.0"),
                packages.plugin_wheel(),
            )
        )
        yield server


@pytest.fixture
def index(module_index: IndexServer) -> Iterator[IndexServer]:
    """The index, with nothing recorded; what a test changes of it is put back."""
    options = {**vars(module_index.index)}
    held, tls = dict(module_index.index.packages), module_index.tls
    module_index.clear()
    yield module_index
    vars(module_index.index).update({**options, "packages": held})
    module_index.respond, module_index.tls = None, tls


@pytest.fixture
def bare(
    index: IndexServer, home: PoetryHome, certs: CertificateFactory, identity: Identity
) -> World:
    """A home that knows nothing of the index yet."""
    return World(index, home, certs, identity)


@pytest.fixture
def world(bare: World) -> World:
    """A home that may use the index: CA, client certificate with a separate encrypted key, user and
    password.
    """
    return set_up(bare)


def set_up(world: World) -> World:
    """Store everything that the index asks for."""
    world.trust()
    world.identify()
    world.log_in()
    world.publish_to()
    world.lock_without_env()
    return world


@pytest.fixture
def venv(world: World, tmp_path: Path) -> Path:
    """The ``site-packages`` of an empty virtual environment that the home's commands use."""
    return world.use_venv(tmp_path / "venv")


@pytest.fixture(scope="module")
def lock_file(
    module_index: IndexServer,
    certs: CertificateFactory,
    identity: Identity,
    tmp_path_factory: pytest.TempPathFactory,
) -> str:
    """The ``poetry.lock`` of a project that depends on ``alpha`` and ``sigma``."""
    home = PoetryHome(tmp_path_factory.mktemp("locking") / "home", poetry_under_test())
    world = World(module_index, home, certs, identity)
    set_up(world)
    world.project("alpha", "sigma")
    home.ok("lock")
    module_index.clear()
    return (home.project / "poetry.lock").read_text(encoding="utf-8")
