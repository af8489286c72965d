"""An https index behind a proxy that wants a password of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests import packages
from tests.certs import CertificateFactory, server_context
from tests.infrastructure.parts import SystemPart
from tests.infrastructure.squid import Squid, squid
from tests.integration.world import assert_no_secret, source
from tests.servers import IndexServer
from tests.warm import WarmHome

NAME = "acme"
USER, PASSWORD = "alice", "index-Pa55"
PROXY_USER, PROXY_PASSWORD = "employee", "proxy-Pa55"


@pytest.fixture(scope="module")
def proxy(system_part: SystemPart) -> Iterator[Squid]:
    with squid(system_part, {PROXY_USER: PROXY_PASSWORD}) as running:
        yield running


@pytest.fixture(scope="module")
def module_index(certs: CertificateFactory) -> Iterator[IndexServer]:
    tls = server_context(certs.server(), certs.ca)
    with IndexServer(tls=tls, credentials={USER: PASSWORD}, overwrite=True) as server:
        server.add(*packages.wheel("lib", "1.0"))
        yield server


@pytest.fixture
def index(module_index: IndexServer) -> IndexServer:
    module_index.clear()
    return module_index


@pytest.fixture
def behind(home: WarmHome, index: IndexServer, proxy: Squid, certs: CertificateFactory) -> WarmHome:
    """A home whose machine is told to use the proxy."""
    home.write_project("app", dependencies=("lib",), extra=source(NAME, index.index_url))
    home.environ["HTTPS_PROXY"] = proxy.url(PROXY_USER, PROXY_PASSWORD)
    pem = certs.pem(certs.client())
    home.ok("repo", "add", NAME, index.index_url, "--publish-url", index.upload_url)
    home.ok("repo", "certs", NAME, "--ca", str(certs.ca_file()), "--client-cert", str(pem))
    home.ok("repo", "login", NAME, "--username", USER, "--password-stdin", stdin=f"{PASSWORD}\n")
    return home


def test_everything_goes_through_it(behind: WarmHome, index: IndexServer, proxy: Squid) -> None:
    before = len(proxy.requests())
    index.clear()
    for words in (("lock",), ("publish", "--build", "-r", NAME), ("repo", "doctor", NAME)):
        done = behind.ok(*words)
        assert_no_secret(done, PASSWORD, PROXY_PASSWORD)
    assert len(index.uploads) == 2
    seen = proxy.requests()[before:]
    assert {row[1:] for row in seen if row[0] == 200} == {("CONNECT", index.netloc, PROXY_USER)}
    assert index.connections >= len([row for row in seen if row[0] == 200]) > 0


def test_the_two_passwords_never_meet(behind: WarmHome, index: IndexServer, proxy: Squid) -> None:
    """The proxy sees a tunnel: its own password only; the index sees nothing of the proxy's."""
    behind.ok("lock")
    behind.ok("publish", "--build", "-r", NAME)
    log = proxy.log()
    assert PROXY_USER in log
    assert "GET" not in {row[1] for row in proxy.requests()}
    for header in {found.raw for found in index.authorizations()}:
        assert header not in log
    assert not index.saw_secret(PROXY_PASSWORD)
    assert not any("Proxy-Authorization" in request.headers for request in index.requests)


@pytest.mark.parametrize(
    "userinfo", [(PROXY_USER, "wrong"), ("nobody", PROXY_PASSWORD)], ids=["password", "user"]
)
@pytest.mark.parametrize(
    "words", [("lock",), ("publish", "--build", "-r", NAME)], ids=["lock", "publish"]
)
def test_twin_wrong_proxy_password(
    behind: WarmHome,
    index: IndexServer,
    proxy: Squid,
    words: tuple[str, ...],
    userinfo: tuple[str, str],
) -> None:
    behind.environ["HTTPS_PROXY"] = proxy.url(*userinfo)
    index.clear()
    done = behind.fails(*words)
    assert done.text.count("[proxy]") == 1, done.text
    assert_no_secret(done, PASSWORD, PROXY_PASSWORD)
    assert index.requests == []
    rows = json.loads(behind.run("repo", "doctor", NAME, "--json").out)["repositories"][0]["checks"]
    assert ("fail", "proxy") in {(row["state"], row["cause"]) for row in rows}


def test_no_proxy(behind: WarmHome, index: IndexServer, proxy: Squid) -> None:
    """Where NO_PROXY names the index, the proxy is left alone: it could not even be reached."""
    before = proxy.log()
    behind.environ["HTTPS_PROXY"] = "http://127.0.0.1:1"
    behind.environ["NO_PROXY"] = "127.0.0.1"
    behind.ok("lock")
    behind.ok("publish", "--build", "-r", NAME)
    assert proxy.log() == before


def test_twin_proxy_is_down(behind: WarmHome) -> None:
    behind.environ["HTTPS_PROXY"] = "http://127.0.0.1:1"
    done = behind.fails("publish", "--build", "-r", NAME)
    assert done.text.count("[proxy]") == 1, done.text
