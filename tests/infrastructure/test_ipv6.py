"""An index at ``[::1]``: URLs, certificates, bindings and credentials with an address in
brackets.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import packages
from tests.certs import CertificateFactory, server_context
from tests.infrastructure.parts import free_port, missing
from tests.integration.world import installed, source
from tests.servers import IndexServer
from tests.warm import WarmHome

NAME = "six"
USER, PASSWORD = "alice", "Pa55-{cache-dir}-wörd"


@pytest.fixture
def index(certs: CertificateFactory) -> Iterator[IndexServer]:
    try:
        assert socket.has_ipv6
        free_port("::1")
    except (AssertionError, OSError):
        missing("this machine has no IPv6 loopback")
    tls = server_context(certs.server("::1"), certs.ca)
    with IndexServer(host="::1", tls=tls, credentials={USER: PASSWORD}) as server:
        server.add(*packages.wheel("lib", "1.0"))
        yield server


def set_up(home: WarmHome, index: IndexServer, certs: CertificateFactory) -> None:
    home.ok("repo", "add", NAME, index.index_url, "--publish-url", index.upload_url)
    pem = certs.pem(certs.client())
    home.ok("repo", "certs", NAME, "--ca", str(certs.ca_file()), "--client-cert", str(pem))
    home.ok("repo", "login", NAME, "--username", USER, "--password-stdin", stdin=f"{PASSWORD}\n")


def test_the_whole_way(
    index: IndexServer, home: WarmHome, certs: CertificateFactory, venv: Path
) -> None:
    home.write_project("app", dependencies=("lib",), extra=source(NAME, index.index_url))
    set_up(home, index, certs)
    own = home.toml("poetry-repo-plugin.toml")["repositories"][NAME]
    assert own["credential-origins"] == [f"https://[::1]:{index.port}"]
    home.ok("lock")
    home.ok("install", "--no-root")
    assert "lib-1.0" in installed(venv)
    home.ok("publish", "--build", "-r", NAME)
    assert len(index.uploads) == 2
    home.ok("repo", "doctor", NAME)
    listed = json.loads(home.ok("repo", "list", "--json").out)["repositories"][0]
    assert listed["origins"] == [f"https://[::1]:{index.port}"]
    netrc = home.ok("repo", "token", NAME, "--format", "netrc").out
    assert "machine ::1 " in netrc or "machine [::1] " in netrc, netrc


def test_twin_another_port(index: IndexServer, home: WarmHome, certs: CertificateFactory) -> None:
    """The same address at another port is another origin: neither password nor certificate go
    there.
    """
    home.write_project("app", dependencies=("lib",), extra=source(NAME, index.index_url))
    set_up(home, index, certs)
    tls = server_context(certs.server("::1"))
    with IndexServer(host="::1", tls=tls, credentials={USER: PASSWORD}) as other:
        home.write_project("app", dependencies=("lib",), extra=source(NAME, other.index_url))
        done = home.fails("lock")
        assert done.text.count("[origin-mismatch]") == 1, done.text
        assert f"https://[::1]:{index.port}" in done.text
        assert f"poetry repo login {NAME} --url" in done.text
        assert other.authorizations() == []
        assert all(request.peer is None for request in other.requests)


def test_twin_certificate_of_ipv4(
    index: IndexServer, home: WarmHome, certs: CertificateFactory
) -> None:
    index.tls = server_context(certs.server("127.0.0.1"), certs.ca)
    home.write_project("app", dependencies=("lib",), extra=source(NAME, index.index_url))
    set_up_ca = home.ok("repo", "certs", NAME, "--ca", str(certs.ca_file()))
    assert "[hostname-mismatch]" in set_up_ca.err
    done = home.fails("lock")
    assert done.text.count("[hostname-mismatch]") == 1, done.text
    assert "::1" in done.text
    assert "127.0.0.1" in done.text
