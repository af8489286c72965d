"""A mirror in the place of PyPI or of a source: everything comes from it, and what Poetry writes is
as if it came from the original.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path

import pytest

from tests import packages
from tests.certs import CertificateFactory, Identity
from tests.integration.far import SWITCH, Far, forget, lock_file
from tests.integration.pypi_place import pypi_place
from tests.integration.test_paths_self import PLUGIN, own, real_packages
from tests.integration.world import (
    USER,
    World,
    assert_authorized,
    assert_no_secret,
    installed,
    poetry_version,
    source,
)
from tests.poetry_process import Finished, PoetryHome, poetry_under_test
from tests.servers import IndexServer, ProxyServer, RecordedRequest, Response
from tests.warm import WarmHome, Zygote

pytestmark = pytest.mark.paths

__all__ = ["own"]  # a fixture

NAME = "corp"
NEEDS = ("alpha", "sigma", "old")
GONE = Response.text(503, "gone", {"Retry-After": "0"})
PAGES = {
    "JSON and metadata": {},
    "HTML and metadata": {"serve_json": False},
    "HTML alone": {
        "serve_json": False,
        "core_metadata": False,
        "ranges": False,
        "hashes": False,
    },
}


@pytest.fixture(scope="module")
def module_index(module_index: IndexServer) -> IndexServer:
    """The mirror: TLS, a client certificate, a password. It has what PyPI has."""
    module_index.add(*packages.wheel("old", "1.0"), requires_python=">=3.8", yanked="")
    module_index.add(*packages.wheel("old", "0.9"), requires_python=">=3.8")
    module_index.add(*packages.installed_wheel("poetry-core"))
    return module_index


@pytest.fixture
def bare(
    index: IndexServer, home: PoetryHome, certs: CertificateFactory, identity: Identity
) -> World:
    return World(index, home, certs, identity, NAME)


@pytest.fixture
def trap() -> Iterator[ProxyServer]:
    """In the place of all hosts but this machine."""
    with ProxyServer() as proxy:
        yield proxy


@pytest.fixture
def mirror(world: World, trap: ProxyServer) -> World:
    """The index stands in for PyPI, and nobody else can be reached."""
    stand_in(world)
    lead_through(world.home, trap)
    world.home.write_project(dependencies=NEEDS)
    return world


@pytest.fixture(scope="module")
def module_pypi(
    module_index: IndexServer, certs: CertificateFactory
) -> Iterator[tuple[IndexServer, ProxyServer]]:
    with pypi_place(certs) as (front, proxy):
        front.index.packages.update(module_index.index.packages)
        yield front, proxy


@pytest.fixture
def pypi(
    mirror: World, module_pypi: tuple[IndexServer, ProxyServer], certs: CertificateFactory
) -> ProxyServer:
    """PyPI is there, and it is known who asks for it; the home would trust it."""
    _, proxy = module_pypi
    proxy.clear()
    lead_through(mirror.home, proxy)
    mirror.home.environ["POETRY_CERTIFICATES_PYPI_CERT"] = str(certs.ca_file())
    return proxy


@pytest.fixture(scope="module")
def lock_of_pypi(
    module_pypi: tuple[IndexServer, ProxyServer],
    certs: CertificateFactory,
    tmp_path_factory: pytest.TempPathFactory,
    zygote: Zygote,
) -> bytes:
    """What plain Poetry writes where PyPI has the same packages."""
    folder = tmp_path_factory.mktemp("plain")
    home = WarmHome(folder / "home", poetry_under_test(), zygote=zygote)
    lead_through(home, module_pypi[1])
    home.environ.update(POETRY_VIRTUALENVS_CREATE="false")
    home.environ["REQUESTS_CA_BUNDLE"] = str(certs.ca_file())
    home.write_project(dependencies=NEEDS)
    home.ok("--no-plugins", "lock")
    return lock_file(home)


def stand_in(world: World, original: str = "pypi", **keys: object) -> None:
    """Settings as ``repo add NAME URL --mirror-of ORIGINAL`` writes them."""
    world.settle("config.toml", "repositories", value=None)
    for key, value in {"url": world.index.index_url, "mirror-of": original, **keys}.items():
        world.settle("poetry-repo-plugin.toml", "repositories", world.name, key, value=value)


def allow_fallback(world: World) -> None:
    world.settle("poetry-repo-plugin.toml", "repositories", world.name, "fallback", value=True)


def lead_through(home: PoetryHome, proxy: ProxyServer) -> None:
    home.environ.update(HTTPS_PROXY=proxy.origin, HTTP_PROXY=proxy.origin, NO_PROXY="127.0.0.1")


def assert_stopped(done: Finished, cause: str) -> None:
    assert done.code == 1, done.text
    assert f"[{cause}]" in done.text, done.text
    assert "Repository corp" in done.text
    assert "Traceback" not in done.text
    assert_no_secret(done)


class TestPypi:
    @pytest.mark.parametrize("pages", PAGES.values(), ids=PAGES)
    def test_lock_file_is_the_one_of_plain_poetry(
        self, mirror: World, trap: ProxyServer, lock_of_pypi: bytes, pages: dict[str, bool]
    ) -> None:
        vars(mirror.index.index).update(pages)
        mirror.home.ok("lock")
        assert lock_file(mirror.home) == lock_of_pypi
        assert_authorized(mirror.index.requests)
        assert trap.tunnels == []

    def test_asked_ahead_and_not(
        self, mirror: World, trap: ProxyServer, lock_of_pypi: bytes
    ) -> None:
        """The same requests, and each URL is asked for once."""
        far = Far(mirror.index)
        mirror.home.environ["POETRY_INSTALLER_MAX_WORKERS"] = "16"
        mirror.home.ok("lock")
        ahead, most = far.urls, far.most
        mirror.home.environ[SWITCH] = "false"
        forget(mirror.home)
        far.clear()
        mirror.home.ok("lock")
        assert (ahead, most > 1, far.most) == (far.urls, True, 1)
        assert lock_file(mirror.home) == lock_of_pypi
        assert trap.tunnels == []

    def test_a_day_of_work(
        self, mirror: World, trap: ProxyServer, venv: Path, lock_of_pypi: bytes
    ) -> None:
        """Install (an sdist is built with a backend from the mirror), add, search, show, build."""
        home = mirror.home
        (home.project / "poetry.lock").write_bytes(lock_of_pypi)
        home.ok("install", "--no-root")
        assert "sigma-1.0" in installed(venv)
        home.ok("add", "beta")
        assert all("source" not in package for package in home.lock()["package"])
        assert "beta" in home.ok("search", "beta").out
        assert "1.0" in home.ok("show", "--latest").out
        home.ok("build")
        assert_authorized(mirror.index.requests)
        assert trap.tunnels == []

    def test_publish_is_not_mirrored(self, mirror: World, trap: ProxyServer) -> None:
        mirror.home.environ["POETRY_PYPI_TOKEN_PYPI"] = "pypi-AgEIcHlwaS5vcmc"
        mirror.home.ok("build", "-f", "wheel")
        mirror.index.clear()
        mirror.home.fails("publish")
        assert set(trap.tunnels) == {"upload.pypi.org:443"}
        assert mirror.index.requests == []

    def test_what_comes_from_a_mirror_is_not_kept_as_pypi_s(
        self, mirror: World, pypi: ProxyServer
    ) -> None:
        mirror.home.ok("lock")
        assert pypi.tunnels == []
        mirror.settle("poetry-repo-plugin.toml", "repositories", NAME, "mirror-of", value=None)
        mirror.index.clear()
        mirror.home.ok("lock", "--regenerate")
        assert "pypi.org:443" in pypi.tunnels
        assert mirror.index.requests == []


class TestOwnEnvironment:
    @pytest.fixture
    def home(self, cold_home: PoetryHome) -> PoetryHome:
        """Another Poetry than the one that waits to be forked."""
        return cold_home

    def test_self_add(self, mirror: World, trap: ProxyServer, own: Path) -> None:
        version = ".".join(str(part) for part in poetry_version())
        mirror.index.add(*packages.wheel("poetry", version))
        mirror.home.ok("self", "add", PLUGIN)
        assert installed(own) == ["tiny_poetry_plugin-1.0"]
        assert_authorized(mirror.index.requests)
        assert trap.tunnels == []

    def test_required_plugins(
        self, mirror: World, trap: ProxyServer, own: Path, venv: Path
    ) -> None:
        for one in distributions(path=[str(real_packages())]):  # all of them count as pinned
            mirror.index.add(*packages.wheel(one.metadata["Name"], one.version))
        mirror.home.write_project(extra=f'[tool.poetry.requires-plugins]\n{PLUGIN} = ">=1.0"\n')
        mirror.home.ok("install", "--no-root")
        folder = mirror.home.project / ".poetry" / "plugins"
        assert installed(folder) == ["tiny_poetry_plugin-1.0"]
        assert_authorized(mirror.index.requests)
        assert trap.tunnels == []


class TestFallback:
    def test_a_mirror_that_fails(
        self, mirror: World, pypi: ProxyServer, lock_of_pypi: bytes
    ) -> None:
        mirror.index.respond = lambda request: GONE
        assert_stopped(mirror.home.run("lock"), "server-error")
        assert pypi.tunnels == []
        allow_fallback(mirror)
        done = mirror.home.ok("lock")
        assert lock_file(mirror.home) == lock_of_pypi
        assert "corp, the mirror of pypi, cannot be reached (server-error)" in done.err
        assert "pypi.org:443" in pypi.tunnels

    def test_a_mirror_that_is_not_there(self, mirror: World, pypi: ProxyServer) -> None:
        mirror.home.write_project(dependencies=("gamma",))
        nobody = "https://127.0.0.1:9/simple/"
        mirror.settle("poetry-repo-plugin.toml", "repositories", NAME, "url", value=nobody)
        allow_fallback(mirror)
        assert "(refused)" in mirror.home.ok("lock").err
        assert "source" not in mirror.home.lock()["package"][0]

    def test_a_file_that_the_mirror_cannot_deliver(
        self, mirror: World, pypi: ProxyServer, venv: Path, lock_of_pypi: bytes
    ) -> None:
        (mirror.home.project / "poetry.lock").write_bytes(lock_of_pypi)

        def answer(request: RecordedRequest) -> Response | None:
            return GONE if "gamma-1.0" in request.path else None

        mirror.index.respond = answer
        assert_stopped(mirror.home.run("install", "--no-root"), "server-error")
        assert pypi.tunnels == []
        allow_fallback(mirror)
        mirror.home.ok("install", "--no-root")
        assert "gamma-1.0" in installed(venv)
        assert "files.pythonhosted.org:443" in pypi.tunnels

    @pytest.mark.parametrize("status", [401, 403])
    def test_twin_a_refusal_is_the_end(self, mirror: World, pypi: ProxyServer, status: int) -> None:
        allow_fallback(mirror)
        mirror.index.respond = lambda request: Response.text(status, "no")
        assert_stopped(mirror.home.run("lock"), "credential-rejected")
        assert pypi.tunnels == []

    def test_twin_nobody_logged_in(self, mirror: World, pypi: ProxyServer) -> None:
        allow_fallback(mirror)
        mirror.break_off("credential")
        done = mirror.home.run("lock")
        assert_stopped(done, "credential-missing")
        assert "poetry repo login corp" in done.text
        assert pypi.tunnels == []

    def test_twin_what_the_mirror_does_not_have(self, mirror: World, pypi: ProxyServer) -> None:
        allow_fallback(mirror)
        mirror.home.write_project(dependencies=("gamma",))
        del mirror.index.index.packages["gamma-1.0-py3-none-any.whl"]
        assert "gamma" in mirror.home.fails("lock").text
        assert pypi.tunnels == []


class TestSource:
    """A source of the project, for which a mirror stands in."""

    @pytest.fixture
    def original(self) -> Iterator[IndexServer]:
        with IndexServer() as server:
            yield server

    @pytest.fixture
    def project(self, mirror: World, original: IndexServer) -> World:
        stand_in(mirror, "company")
        original.index.packages.update(mirror.index.index.packages)
        mirror.home.write_project(
            dependencies=("alpha", "sigma"), extra=source("company", original.index_url)
        )
        mirror.home.ok("--no-plugins", "lock")
        original.clear()
        return mirror

    def test_lock_and_install(self, project: World, original: IndexServer, venv: Path) -> None:
        plain = lock_file(project.home)
        forget(project.home)
        project.home.ok("lock")
        assert lock_file(project.home) == plain
        assert original.index_url.rstrip("/") in plain.decode()
        project.home.ok("install", "--no-root")
        assert "sigma-1.0" in installed(venv)
        project.home.ok("search", "alpha")
        assert_authorized(project.index.requests)
        assert original.requests == []

    def test_fallback(self, project: World, original: IndexServer) -> None:
        plain = lock_file(project.home)
        forget(project.home)
        project.index.respond = lambda request: GONE
        assert_stopped(project.home.run("lock"), "server-error")
        assert original.requests == []
        allow_fallback(project)
        project.home.ok("lock")
        assert lock_file(project.home) == plain
        assert original.authorizations() == []


class TestOwnedNames:
    """A mirror learns of the names that the one may learn of for which it stands in."""

    OWNED = '[tool.poetry-repo-plugin.company]\npackages = ["alpha"]\n'

    def test_a_mirror_of_pypi_sees_no_name_of_others(
        self, mirror: World, trap: ProxyServer
    ) -> None:
        with IndexServer() as company:
            company.add(*packages.wheel("alpha", "1.0", ["gamma"]))
            sources = source("company", company.index_url, "explicit")
            mirror.home.write_project(dependencies=("alpha", "beta"), extra=sources + self.OWNED)
            mirror.home.ok("lock")
        seen = set(mirror.index.paths())
        assert {"/simple/beta/", "/simple/gamma/"} <= seen
        assert "/simple/alpha/" not in seen
        assert trap.tunnels == []

    def test_a_mirror_of_the_owner_does(self, mirror: World) -> None:
        stand_in(mirror, "company")
        with IndexServer() as company:
            extra = source("company", company.index_url) + self.OWNED
            mirror.home.write_project(dependencies=("alpha",), extra=extra)
            mirror.home.ok("lock")
            assert "/simple/alpha/" in mirror.index.paths()
            assert company.requests == []


class TestOtherPlugin:
    """The words of poetry-plugin-pypi-mirror."""

    def test_understood(self, mirror: World, trap: ProxyServer, lock_of_pypi: bytes) -> None:
        (mirror.home.config / "poetry-repo-plugin.toml").unlink()
        mirror.identify()
        url = mirror.index.index_url
        mirror.home.environ["POETRY_PYPI_MIRROR_URL"] = url
        done = mirror.home.fails("repo", "remove", "pypi-mirror", "--all")
        assert "unset POETRY_PYPI_MIRROR_URL" in done.text
        done = mirror.home.run("lock")
        assert "repo certs pypi-mirror" in done.text  # nothing of another name's goes there
        mirror.settle("config.toml", "repositories", NAME, "url", value=url)
        mirror.home.ok("lock")
        assert lock_file(mirror.home) == lock_of_pypi
        assert {found.username for found in mirror.index.authorizations()} == {USER}
        assert trap.tunnels == []

    def test_login_in_the_url(self, trap: ProxyServer, home: PoetryHome) -> None:
        home.environ["POETRY_VIRTUALENVS_CREATE"] = "false"
        lead_through(home, trap)
        with IndexServer(credentials={USER: "s3cret"}) as server:
            server.add(*packages.wheel("lib", "1.0"))
            home.write_project(dependencies=("lib",))
            url = server.index_url.replace("://", f"://{USER}:s3cret@")
            home.environ["POETRY_PYPI_MIRROR_URL"] = url
            assert_no_secret(home.ok("lock"), "s3cret")
            assert "source" not in home.lock()["package"][0]
        assert trap.tunnels == []

    def test_twin_no_url(self, mirror: World, trap: ProxyServer) -> None:
        mirror.home.environ["POETRY_PYPI_MIRROR_URL"] = "mirror.example.org"
        assert "POETRY_PYPI_MIRROR_URL" in mirror.home.fails("lock").text
        assert trap.tunnels == []


class TestCommands:
    def test_add_list_doctor_remove(self, world: World, trap: ProxyServer) -> None:
        """The whole life of a mirror, inside a project, which stays as it is."""
        home, index = world.home, world.index
        world.settle("config.toml", "repositories", value=None)
        lead_through(home, trap)
        file = home.write_project(dependencies=("gamma",))
        before = file.read_bytes()
        done = home.ok("repo", "add", NAME, index.index_url, "--mirror-of", "PyPI")
        assert f"corp ({index.index_url}) stands in for pypi, in every project." in done.err
        home.ok("lock")
        assert "stands in for pypi" in home.ok("repo", "list").out
        assert "corp stands in for it" in home.ok("repo", "show", "pypi").out
        done = home.ok("repo", "doctor")
        assert "stands in for pypi" in done.out
        assert file.read_bytes() == before
        other = home.fails(
            "repo", "add", "other", "https://o.example/simple/", "--mirror-of", "pypi"
        )
        assert "corp already stands in for pypi" in other.err
        done = home.run("repo", "doctor", "pypi")  # where PyPI takes uploads is not mirrored
        assert "corp stands in for it, so its index is not contacted" in done.out
        assert {one.partition(":")[0] for one in trap.tunnels} <= {"upload.pypi.org"}
        home.ok("repo", "remove", NAME, "--all")
        assert "stands in" not in home.ok("repo", "list").out
