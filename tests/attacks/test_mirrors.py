"""Mirrors and trust: who may name one, what a hostile one can do, and which secrets go where."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import tomlkit

from poetry_repo_plugin.config.repositories import Catalogue, Repository
from poetry_repo_plugin.config.settings import Settings
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.credentials.oauth_store import SignedIn
from tests import packages
from tests.certs import CertificateFactory
from tests.integration.far import lock_file
from tests.integration.pypi_place import FILES, pypi_place
from tests.integration.world import installed, make_venv, source
from tests.servers import IndexServer, ProxyServer, RecordedRequest, Response, refused_url
from tests.warm import WarmHome

USER, PASSWORD = "alice", "0f-the-mirror"
TOKEN = "pypi-AgEIcHlwaS5vcmc"
GONE = Response.text(503, "gone", {"Retry-After": "0"})


@dataclass
class Scene:
    """A home with a mirror ``corp``, and PyPI, which counts who asks for it."""

    home: WarmHome
    mirror: IndexServer
    pypi: IndexServer
    proxy: ProxyServer

    def settle(self, name: str, **keys: object) -> None:
        file = self.home.config / "poetry-repo-plugin.toml"
        document = self.home.toml(file.name)
        table = document.setdefault("repositories", {}).setdefault(name, {})
        table.update({key.replace("_", "-"): value for key, value in keys.items()})
        file.write_text(tomlkit.dumps(document), encoding="utf-8")

    def lock_with_pypi(self) -> bytes:
        """What plain Poetry locks."""
        self.home.ok("--no-plugins", "lock")
        self.proxy.clear()
        return lock_file(self.home)

    def venv(self, folder: Path) -> Path:
        self.home.environ["VIRTUAL_ENV"] = str(folder)
        return make_venv(folder)


@pytest.fixture(scope="module")
def module_scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[object, ...]]:
    certs = CertificateFactory(tmp_path_factory.mktemp("certs"))
    with pypi_place(certs) as (front, proxy):
        front.add(*packages.wheel("lib", "1.0"))
        yield front, proxy, certs


@pytest.fixture
def scene(
    module_scene: tuple[IndexServer, ProxyServer, CertificateFactory], warm_home: WarmHome
) -> Iterator[Scene]:
    front, proxy, certs = module_scene
    front.clear()
    proxy.clear()
    ca = str(certs.ca_file())
    warm_home.environ.update(
        POETRY_VIRTUALENVS_CREATE="false",
        HTTPS_PROXY=proxy.origin,
        NO_PROXY="127.0.0.1",
        POETRY_CERTIFICATES_PYPI_CERT=ca,
        REQUESTS_CA_BUNDLE=ca,
    )
    warm_home.write_project(dependencies=("lib",))
    with IndexServer() as mirror:
        mirror.index.packages.update(front.index.packages)
        scene = Scene(warm_home, mirror, front, proxy)
        scene.settle("corp", url=mirror.index_url, mirror_of="pypi")
        yield scene


class TestLies:
    @pytest.mark.parametrize("hashes", [True, False], ids=["its own hash", "no hash"])
    def test_another_file(self, scene: Scene, tmp_path: Path, hashes: bool) -> None:
        """A file with another hash than the lock file has is not installed, and PyPI is not asked
        instead.
        """
        scene.lock_with_pypi()
        name, _ = packages.wheel("lib", "1.0")
        other = packages.wheel("lib", "1.0", files={"lib.py": "import os\n"})
        scene.mirror.add(name, other[1])
        scene.mirror.index.hashes = hashes
        scene.settle("corp", fallback=True)
        site_packages = scene.venv(tmp_path / "venv")
        scene.home.fails("install", "--no-root")
        assert installed(site_packages) == []
        assert scene.proxy.tunnels == []

    def test_twin_the_same_file(self, scene: Scene, tmp_path: Path) -> None:
        scene.lock_with_pypi()
        site_packages = scene.venv(tmp_path / "venv")
        scene.home.ok("install", "--no-root")
        assert installed(site_packages) == ["lib-1.0"]
        assert scene.proxy.tunnels == []


class TestLedBack:
    """A mirror that does not keep the files itself: its pages, or a redirect, lead to PyPI."""

    @pytest.fixture(params=["link", "redirect", "page"])
    def leading(self, scene: Scene, request: pytest.FixtureRequest) -> Scene:
        if request.param == "link":
            scene.mirror.index.file_base_url = FILES
            return scene
        below, target = {
            "redirect": ("/files/", FILES),
            "page": ("/simple/", "https://pypi.org/simple/"),
        }[request.param]

        def answer(asked: RecordedRequest) -> Response | None:
            if not asked.path.startswith(below):
                return None
            where = target + asked.path.removeprefix(below)
            return Response(302, headers={"Location": where})

        scene.mirror.respond = answer
        return scene

    def test_stops(self, leading: Scene, tmp_path: Path) -> None:
        leading.lock_with_pypi()
        leading.venv(tmp_path / "venv")
        done = leading.home.fails("install", "--no-root")
        assert "nothing is fetched from https://" in done.text
        assert "--mirror-of pypi --fallback" in done.text
        assert leading.proxy.tunnels == []

    def test_twin_with_fallback(self, scene: Scene, tmp_path: Path) -> None:
        scene.lock_with_pypi()
        scene.mirror.index.file_base_url = FILES
        scene.settle("corp", fallback=True)
        site_packages = scene.venv(tmp_path / "venv")
        scene.home.ok("install", "--no-root")
        assert installed(site_packages) == ["lib-1.0"]


class TestProjects:
    """No project names a mirror, and none gets at its login."""

    @pytest.mark.parametrize("where", ["pyproject.toml", "poetry.toml"])
    def test_a_project_that_names_one(self, scene: Scene, where: str) -> None:
        (scene.home.config / "poetry-repo-plugin.toml").unlink()
        url = scene.mirror.index_url
        own = f'[tool.poetry-repo-plugin.corp]\nmirror-of = "pypi"\nurl = "{url}"\n'
        if where == "pyproject.toml":
            scene.home.write_project(dependencies=("lib",), extra=own)
        else:
            other = f'[plugins.pypi_mirror]\nurl = "{url}"\n'
            (scene.home.project / where).write_text(other)
        done = scene.home.ok("lock")
        assert "mirror" in done.err
        assert "is ignored" in done.err
        assert "mirror" in scene.home.ok("repo", "list").err
        assert scene.mirror.requests == []
        assert "pypi.org:443" in scene.proxy.tunnels

    def test_a_project_that_calls_a_source_as_the_mirror(self, scene: Scene) -> None:
        scene.mirror.credentials = {USER: PASSWORD}
        words = ("--username", USER, "--password-stdin")
        scene.home.ok("repo", "login", "corp", *words, stdin=f"{PASSWORD}\n")
        with IndexServer(credentials={USER: PASSWORD}) as stranger:
            stranger.add(*packages.wheel("lib", "1.0"))
            extra = source("corp", stranger.index_url) + source("pypi", "", "supplemental")
            extra = extra.replace('url = ""\n', "")
            scene.home.write_project(dependencies=("lib",), extra=extra)
            scene.home.fails("lock")
            assert stranger.requests
            assert stranger.authorizations() == []


class TestSecrets:
    def test_the_original_s_do_not_go_to_the_mirror(self, scene: Scene) -> None:
        scene.mirror.credentials = {USER: PASSWORD}
        scene.home.ok("config", "http-basic.pypi", USER, PASSWORD)
        scene.home.environ["POETRY_PYPI_TOKEN_PYPI"] = TOKEN
        done = scene.home.fails("lock")
        assert "[credential-missing]" in done.text
        assert scene.mirror.authorizations() == []
        assert scene.proxy.tunnels == []

    def test_the_mirror_s_do_not_go_to_the_original(self, scene: Scene) -> None:
        scene.mirror.credentials = {USER: PASSWORD}
        words = ("--username", USER, "--password-stdin")
        scene.home.ok("repo", "login", "corp", *words, stdin=f"{PASSWORD}\n")
        scene.settle("corp", fallback=True)
        scene.mirror.respond = lambda request: GONE
        scene.home.ok("lock")
        assert scene.pypi.requests
        assert scene.pypi.authorizations() == []


class TestNoLogin:
    """The mirror wants a login, and the issuer of its token cannot be reached: the mirror itself
    can, so PyPI is not asked instead.
    """

    @pytest.fixture
    def signed_in(self, scene: Scene) -> Scene:
        ended = SignedIn(
            *("https://id.example.org", "poetry", refused_url(), Secret("old")),
            refresh=Secret("r3fresh"),
            expires_at=datetime.now(timezone.utc) - timedelta(hours=1),
        )
        tokens = {"http-basic": {"corp": {"oauth-tokens": ended.text().reveal()}}}
        file = scene.home.config / "auth.toml"
        file.write_text(tomlkit.dumps(tokens), encoding="utf-8")
        file.chmod(0o600)
        bound = [scene.mirror.origin]
        scene.settle("corp", fallback=True, signed_in="auth.toml", credential_origins=bound)
        return scene

    def test_stops(self, signed_in: Scene) -> None:
        signed_in.mirror.credentials = {USER: PASSWORD}
        done = signed_in.home.fails("lock")
        assert "no credential: its token could not be renewed" in done.text
        assert "is used instead" not in done.text
        assert signed_in.proxy.tunnels == []

    def test_twin_a_mirror_that_is_not_there(self, signed_in: Scene) -> None:
        signed_in.mirror.respond = lambda request: GONE
        assert "pypi is used instead" in signed_in.home.ok("lock").err
        assert signed_in.pypi.requests


class TestOtherWaysToTheOriginal:
    """A project, a page or a redirect may spell it otherwise; it is the same server."""

    @pytest.fixture
    def catalogue(self, tmp_path: Path) -> Catalogue:
        own = {
            "corp": {"url": "https://corp.example.org/pypi/simple/", "mirror-of": "pypi"},
            "acme": {"url": "https://acme.example.org/pypi/acme/simple/"},
            "near": {"url": "https://near.example.org/simple/", "mirror-of": "acme"},
        }
        file = tmp_path / "poetry-repo-plugin.toml"
        file.write_text(tomlkit.dumps({"repositories": own}), encoding="utf-8")
        pypi = Repository("pypi", "https://pypi.org/simple/")
        return Catalogue(Settings(tmp_path, environ={}), None, pypi)

    @pytest.mark.parametrize(
        "url",
        [
            "https://pypi.org/simple/lib/",
            "https://PyPI.org.:443/pypi/lib/json",
            "https://files.pythonhosted.org/packages/lib-1.0.tar.gz",
            "http://pypi.org/simple/lib/",
            "http://files.pythonhosted.org/packages/lib-1.0.tar.gz",
            "https://www.pypi.org/simple/lib/",
            "https://pypi.python.org/simple/lib/",
            "https://acme.example.org/pypi/acme/simple/lib/",
            "http://acme.example.org/pypi/acme/simple/lib/",
            "https://acme.example.org/pypi//acme/simple/lib/",
            "https://acme.example.org/pypi/x/%2e%2e/acme/simple/lib/",
        ],
    )
    def test_are_barred(self, catalogue: Catalogue, url: str) -> None:
        assert catalogue.barred(url) is not None

    @pytest.mark.parametrize(
        "url",
        [
            "https://corp.example.org/pypi/simple/lib/",
            "https://corp.example.org/pypi//simple/lib/",
            "https://near.example.org/simple/lib/",
            "https://test.pypi.org/simple/lib/",
            "https://test-files.pythonhosted.org/packages/lib-1.0.tar.gz",
            "https://acme.example.org/pypi/other/simple/lib/",
            "https://pypi.org.example.com/simple/lib/",
        ],
    )
    def test_twin_others_are_not(self, catalogue: Catalogue, url: str) -> None:
        assert catalogue.barred(url) is None
