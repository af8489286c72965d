"""An index whose files live on another host, and PyPI, of which everything does: whose CA, whose
client certificate.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import packages
from tests.certs import Authority, CertificateFactory, server_context
from tests.integration.told import assert_clean, assert_once
from tests.integration.world import NAME, PEER, World, installed, names_locked
from tests.servers import IndexServer, ProxyServer, RecordedRequest, Response
from tests.warm import WarmHome

pytestmark = pytest.mark.failures

TOKEN = "pypi-{cache-dir}-t0ken"


class TestFilesOnAnotherHost:
    @pytest.fixture
    def cdn(self, world: World) -> Iterator[IndexServer]:
        """Holds the files; it would take a client certificate if one came."""
        tls = server_context(world.certs.server(), world.certs.ca, require=False)
        with IndexServer(tls=tls) as server:
            server.index.packages = world.index.index.packages
            world.index.index.file_base_url = f"{server.origin}/files/"
            yield server

    @pytest.mark.parametrize("json", [True, False], ids=["json", "html"])
    def test_the_ca_goes_along_and_nothing_else_does(
        self, world: World, venv: Path, cdn: IndexServer, json: bool
    ) -> None:
        world.index.index.serve_json = json
        world.project("alpha")
        world.home.ok("lock")
        done = world.home.ok("install", "--no-root")
        assert_clean(done)
        assert len(installed(venv)) == 4
        assert [path for path in cdn.paths() if path.endswith(".metadata")]
        assert [path for path in cdn.paths() if path.endswith(".whl")]
        assert {request.peer for request in cdn.requests} == {None}
        assert cdn.authorizations() == []
        assert {request.peer for request in world.index.requests} == {PEER}

    def test_twin_a_ca_that_does_not_fit(self, world: World, cdn: IndexServer) -> None:
        """The host is named that has the certificate, and the repository that the CA belongs to."""
        cdn.tls = server_context(world.certs.server_unknown_ca())
        world.project("alpha")
        done = world.home.fails("lock")
        assert_once(done, "unknown-ca")
        assert f"Repository {NAME} ({cdn.netloc})" in done.text
        assert f"poetry repo certs {NAME} --ca PATH" in done.text
        assert_clean(done)

    def test_the_default_cas_are_trusted_there_as_well(
        self, world: World, venv: Path, cdn: IndexServer
    ) -> None:
        """A public CDN, say; at the index itself they are not."""
        public = Authority.root("Public root")
        world.home.environ["REQUESTS_CA_BUNDLE"] = str(
            world.certs.ca_file(public, name="public.pem")
        )
        cdn.tls = server_context(public.server())
        world.project("alpha")
        world.home.ok("lock")
        assert_clean(world.home.ok("install", "--no-root"))
        assert len(installed(venv)) == 4
        assert {request.peer for request in cdn.requests} == {None}
        world.index.tls = server_context(public.server())
        (world.home.project / "poetry.lock").unlink()
        assert_once(world.home.fails("lock", "--no-cache"), "unknown-ca")

    def test_twin_files_that_demand_a_client_certificate(
        self, world: World, cdn: IndexServer
    ) -> None:
        """Not to offer it there is a decision: the message says so, and how to decide otherwise."""
        world.home.ok("repo", "certs", NAME, "--ca", str(world.certs.ca_file()), "--no-verify")
        cdn.tls = server_context(world.certs.server(), world.certs.ca)
        world.project("alpha")
        done = world.home.fails("lock")
        assert_once(done, "origin-mismatch")
        assert f"poetry repo login {NAME} --url {cdn.origin}" in done.text
        assert_clean(done)


@dataclass
class Pypi:
    """PyPI behind a proxy that a company has put in the way: all of its hosts have certificates of
    the company's CA.
    """

    front: IndexServer
    files: IndexServer
    uploads: IndexServer
    proxy: ProxyServer


@pytest.fixture
def pypi(world: World, certs: CertificateFactory) -> Iterator[Pypi]:
    with ExitStack() as stack:

        def serve(*hosts: str) -> IndexServer:
            tls = server_context(certs.server(*hosts), certs.ca, require=False)
            server = IndexServer(
                tls=tls, upload_path="/legacy/", upload_credentials={"__token__": TOKEN}
            )
            server.index.packages = dict(world.index.index.packages)
            return stack.enter_context(server)

        found = [serve("pypi.org"), serve("files.pythonhosted.org"), serve("upload.pypi.org")]
        front, files, uploads = found
        front.index.file_base_url = "https://files.pythonhosted.org/files/"
        front.respond = release
        hosts = {
            host: ("127.0.0.1", server.port) for host, server in zip(HOSTS, found, strict=True)
        }
        proxy = stack.enter_context(ProxyServer(hosts=hosts))
        world.home.environ["HTTPS_PROXY"] = proxy.origin
        for file in world.home.config.glob("*.toml"):
            file.unlink()
        world.home.write_project(dependencies=("gamma",))
        yield Pypi(front, files, uploads, proxy)


HOSTS = ("pypi.org", "files.pythonhosted.org", "upload.pypi.org")


def release(request: RecordedRequest) -> Response | None:
    """PyPI's JSON of one release, without dependencies, so that Poetry looks into the files for
    them.
    """
    if not request.path.startswith("/pypi/"):
        return None
    _, _, name, version, _ = request.path.split("/")
    info = {
        "name": name,
        "version": version,
        "summary": "",
        "requires_dist": None,
        "requires_python": None,
    }
    file, content = packages.wheel(name, version)
    url = f"https://files.pythonhosted.org/files/{file}"
    digests = {"sha256": hashlib.sha256(content).hexdigest()}
    urls = [
        {
            "packagetype": "bdist_wheel",
            "filename": file,
            "url": url,
            "size": len(content),
            "digests": digests,
        }
    ]
    return Response.json({"info": info, "urls": urls})


def put_wheel(home: WarmHome) -> None:
    name, content = packages.wheel("app", "0.1.0")
    (home.project / "dist").mkdir()
    (home.project / "dist" / name).write_bytes(content)


class TestPypi:
    @pytest.mark.parametrize(
        ("how", "spelling"), [("repo certs", "PyPI"), ("config", "pypi"), ("config", "PYPI")]
    )
    def test_the_ca_counts_for_the_index_its_files_and_uploads(
        self, world: World, home: WarmHome, venv: Path, pypi: Pypi, spelling: str, how: str
    ) -> None:
        """Plain Poetry uses it for the index alone, and only if the name is in lower case."""
        ca = str(world.certs.ca_file())
        if how == "config":
            home.ok("config", f"certificates.{spelling}.cert", ca)
        else:
            home.ok("repo", "certs", spelling, "--ca", ca, "--no-verify")
        self.check(world, home, venv, pypi)

    def test_of_the_environment(self, world: World, home: WarmHome, venv: Path, pypi: Pypi) -> None:
        home.environ["POETRY_CERTIFICATES_PYPI_CERT"] = str(world.certs.ca_file())
        self.check(world, home, venv, pypi)

    @staticmethod
    def check(world: World, home: WarmHome, venv: Path, pypi: Pypi) -> None:
        assert_clean(home.ok("lock"))
        assert names_locked(world) == ["gamma-1.0"]
        assert_clean(home.ok("install", "--no-root"))
        assert installed(venv) == ["gamma-1.0"]
        assert pypi.front.requests
        assert [path for path in pypi.files.paths() if path.endswith(".whl")]
        put_wheel(home)
        home.environ["POETRY_PYPI_TOKEN_PYPI"] = TOKEN
        assert_clean(home.ok("publish"))
        assert [upload.username for upload in pypi.uploads.uploads] == ["__token__"]
        assert sorted(set(pypi.proxy.tunnels)) == sorted(f"{host}:443" for host in HOSTS)

    def test_twin_without_it(self, home: WarmHome, pypi: Pypi) -> None:
        done = home.fails("lock")
        assert_once(done, "unknown-ca")
        assert "Repository pypi (pypi.org)" in done.text
        assert "Try: poetry repo certs pypi --ca PATH" in done.text
        put_wheel(home)
        home.environ["POETRY_PYPI_TOKEN_PYPI"] = TOKEN
        done = home.fails("publish")
        assert_once(done, "unknown-ca")
        assert "Repository pypi (upload.pypi.org)" in done.text
        assert_clean(done)

    def test_twin_without_it_for_a_file(
        self, world: World, home: WarmHome, venv: Path, pypi: Pypi
    ) -> None:
        home.ok("repo", "certs", "pypi", "--ca", str(world.certs.ca_file()), "--no-verify")
        home.ok("lock")
        pypi.files.tls = server_context(world.certs.other_ca.server("files.pythonhosted.org"))
        done = home.fails("install", "--no-root")
        assert_once(done, "unknown-ca")
        assert "Repository pypi (files.pythonhosted.org)" in done.text
        assert "Try: poetry repo certs pypi --ca PATH" in done.text

    def test_a_client_certificate_for_pypi(
        self, world: World, home: WarmHome, venv: Path, pypi: Pypi
    ) -> None:
        """A company's mirror in PyPI's place may demand one everywhere."""
        pem = world.certs.pem(world.identity)
        home.ok(
            "repo",
            "certs",
            "pypi",
            "--ca",
            str(world.certs.ca_file()),
            "--client-cert",
            str(pem),
            "--no-verify",
        )
        self.check(world, home, venv, pypi)
        for server in (pypi.front, pypi.files, pypi.uploads):
            assert {request.peer for request in server.requests} == {PEER}, server
