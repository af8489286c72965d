"""What the attacks share: servers and logged-in users for a session, an arena for each test, and
the sum at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.attacks.arena import (
    PASSPHRASE,
    PEER,
    PRIVATE,
    PUBLIC,
    STRANGERS,
    Arena,
    Ledger,
    copy_home,
    log_in,
    new_company,
    new_evil,
    new_home,
    new_proxy,
    restored,
)
from tests.certs import CertificateFactory
from tests.poetry_process import PoetryHome
from tests.servers import IndexServer, ProxyServer
from tests.warm import Zygote


@pytest.fixture(scope="session")
def ledger(request: pytest.FixtureRequest) -> Iterator[Ledger]:
    """Counts what hostile servers received, and says so when the session ends."""
    book = Ledger()
    yield book
    reporter = request.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and book.attacks:
        reporter.write_line(f"\n{book.line()}")


@pytest.fixture(scope="session")
def certs(tmp_path_factory: pytest.TempPathFactory) -> CertificateFactory:
    """One CA that every machine trusts, and a client's files."""
    factory = CertificateFactory(tmp_path_factory.mktemp("attack-certs"))
    identity = factory.client(PEER)
    factory.ca_file()
    factory.cert_file(identity)
    factory.key_file(identity, passphrase=PASSPHRASE)
    return factory


@pytest.fixture(scope="session")
def company_server(certs: CertificateFactory) -> Iterator[IndexServer]:
    with new_company(certs) as server:
        server.add_all((PRIVATE, PUBLIC))
        yield server


@pytest.fixture(scope="session")
def evil_server(certs: CertificateFactory) -> Iterator[IndexServer]:
    with new_evil(certs) as server:
        server.add_all((STRANGERS, PUBLIC))
        yield server


@pytest.fixture(scope="session")
def proxy_server(company_server: IndexServer, evil_server: IndexServer) -> Iterator[ProxyServer]:
    with new_proxy(company_server, evil_server) as server:
        yield server


@pytest.fixture(scope="session")
def users(
    tmp_path_factory: pytest.TempPathFactory, certs: CertificateFactory, proxy_server: ProxyServer
) -> Callable[[str], PoetryHome]:
    """The home of a user who is logged in, by where the credential is stored. Each is made once, by
    real commands.
    """
    made: dict[str, PoetryHome] = {}

    def user(storage: str) -> PoetryHome:
        if storage not in made:
            home = new_home(tmp_path_factory.mktemp("user") / "home", certs, proxy_server)
            log_in(home, storage, certs)
            made[storage] = home
        return made[storage]

    return user


@pytest.fixture
def storage() -> str:
    """Where the user's credential is; a test may say otherwise."""
    return "auth.toml"


@pytest.fixture
def arena(
    users: Callable[[str], PoetryHome],
    storage: str,
    company_server: IndexServer,
    evil_server: IndexServer,
    proxy_server: ProxyServer,
    certs: CertificateFactory,
    tmp_path: Path,
    ledger: Ledger,
    zygote: Zygote,
) -> Iterator[Arena]:
    """A logged-in user, the company and the attacker; at the end the attacker must have got
    nothing.
    """
    template = users(storage)
    with restored(company_server) as company, restored(evil_server) as evil:
        proxy_server.clear()
        found = Arena(
            company, evil, proxy_server, copy_home(template, tmp_path / "home", zygote), certs
        )
        yield found
        proxy_server.respond = None
        ledger.attacks += 1
        ledger.bytes_of_credentials += found.loot()
        ledger.certificates += len(found.peers())
        found.assert_nothing_lost()
