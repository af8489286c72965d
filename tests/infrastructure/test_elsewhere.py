"""An index whose files lie on another host, as with a CDN: nginx redirects there, or the index's
pages link there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import packages
from tests.certs import CertificateFactory, Identity, server_context
from tests.infrastructure.nginx import Nginx, nginx
from tests.infrastructure.parts import SystemPart
from tests.integration.world import files_of, installed, source
from tests.servers import IndexServer
from tests.warm import WarmHome

NAME = "acme"
USER, PASSWORD = "alice", "Pa55-{cache-dir}-wörd"

_LOCATIONS = """
    location / {{ proxy_pass {index}; proxy_set_header Host $http_host; }}
    location /files/ {{ return 302 {files}$request_uri; }}
"""


@dataclass(frozen=True)
class Matcher:
    """nginx with the index behind it, and the host where the files are."""

    front: Nginx
    index: IndexServer
    files: IndexServer
    certs: CertificateFactory
    identity: Identity

    @property
    def index_url(self) -> str:
        return f"{self.front.origin}/simple/"

    def set_up(self, home: WarmHome) -> None:
        pem = self.certs.pem(self.identity)
        home.write_project("app", dependencies=("lib",), extra=source(NAME, self.index_url))
        home.ok("repo", "add", NAME, self.index_url)
        home.ok("repo", "certs", NAME, "--ca", str(self.certs.ca_file()), "--client-cert", str(pem))
        home.ok(
            "repo", "login", NAME, "--username", USER, "--password-stdin", stdin=f"{PASSWORD}\n"
        )


@pytest.fixture(scope="module")
def module_places(
    system_part: SystemPart, certs: CertificateFactory, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Matcher]:
    tls = server_context(certs.server("localhost"), certs.ca, require=False)
    wheel = packages.wheel("lib", "1.0")
    folder = tmp_path_factory.mktemp("places") / "nginx"
    with (
        IndexServer(credentials={USER: PASSWORD}, core_metadata=False) as index,
        IndexServer(host="localhost", tls=tls) as files,
    ):
        index.add(*wheel)
        files.add(*wheel)
        locations = _LOCATIONS.format(index=index.origin, files=files.origin)
        with nginx(system_part, folder, certs.server(), locations, clients=certs.ca) as front:
            yield Matcher(front, index, files, certs, certs.client("alice-laptop"))


@pytest.fixture
def places(module_places: Matcher) -> Iterator[Matcher]:
    held = module_places.files.tls
    module_places.index.clear()
    module_places.files.clear()
    yield module_places
    module_places.files.tls = held
    module_places.index.index.file_base_url = None


@pytest.fixture(params=["redirected", "linked"])
def how(request: pytest.FixtureRequest, places: Matcher) -> None:
    if request.param == "linked":
        places.index.index.file_base_url = f"{places.files.origin}/files/"


@pytest.mark.usefixtures("how")
def test_lock_and_install(places: Matcher, home: WarmHome, venv: Path) -> None:
    """It works, and the other host sees neither the password nor the client certificate."""
    places.set_up(home)
    home.ok("lock")
    home.ok("install", "--no-root")
    assert "lib-1.0" in installed(venv)
    assert files_of(places.files, ".whl")
    assert places.files.authorizations() == []
    assert {request.peer for request in places.files.requests} == {None}
    assert not places.files.saw_secret(PASSWORD)
    assert all("alice-laptop" in row.client for row in places.front.seen())


@pytest.mark.usefixtures("how")
def test_twin_stranger_with_the_files(
    places: Matcher, home: WarmHome, certs: CertificateFactory
) -> None:
    """Whoever answers there with a certificate of another CA is named, with his host, and the
    repository's.
    """
    places.files.tls = server_context(certs.other_ca.server("localhost"))
    places.set_up(home)
    done = home.fails("lock")
    assert done.text.count("[unknown-ca]") == 1, done.text
    assert places.files.netloc in done.text
    assert places.files.requests == []


def test_twin_refused_at_the_index(places: Matcher, home: WarmHome) -> None:
    places.set_up(home)
    home.ok("repo", "logout", NAME)
    done = home.fails("lock")
    assert done.text.count("[credential-missing]") == 1, done.text
    assert places.files.requests == []


def test_twin_the_other_host_wants_a_password(places: Matcher, home: WarmHome) -> None:
    """The files' host wants a password as well: it does not get the index's."""
    places.set_up(home)
    places.files.credentials = {USER: PASSWORD}
    try:
        done = home.fails("lock")
    finally:
        places.files.credentials = None
    assert places.files.authorizations() == []
    assert not (home.project / "poetry.lock").exists()
    assert places.files.netloc in done.text
