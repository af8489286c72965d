"""The plugin as users get it: ``poetry self add`` into a Poetry that does not have it, or through a
project.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import packages
from tests.infrastructure import throwaway
from tests.integration.world import installed, make_venv, source
from tests.poetry_process import PoetryHome
from tests.servers import IndexServer

# Each installs into a whole Poetry, or looks at all of it: a dozen of commands.
pytestmark = pytest.mark.timeout(300)

NAME = "acme"
USER, PASSWORD = "alice", "Pa55-word"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return throwaway.build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def public(wheel: Path) -> Iterator[IndexServer]:
    """Stands in for PyPI."""
    with IndexServer() as server:
        throwaway.stock(server, wheel)
        yield server


@pytest.fixture
def home(tmp_path: Path) -> PoetryHome:
    """A home with a Poetry of its own, without the plugin."""
    home = PoetryHome(tmp_path / "home", throwaway.make_poetry(tmp_path / "poetry"))
    home.environ["POETRY_VIRTUALENVS_CREATE"] = "false"
    return home


def own_packages(home: PoetryHome) -> list[str]:
    return installed(next((home.executable.parents[1] / "lib").glob("python*/site-packages")))


@pytest.mark.paths
def test_self_add_show_remove(home: PoetryHome, public: IndexServer, wheel: Path) -> None:
    assert home.run("repo").code == 1
    (home.config / "pyproject.toml").write_text(source("public", public.index_url))
    home.ok("self", "add", str(wheel))
    ours = [name for name in own_packages(home) if name.startswith("poetry_repo_plugin")]
    assert len(ours) == 1
    assert {name.split("-")[0] for name in own_packages(home)} == {
        "poetry_repo_plugin",
        *throwaway.ONLY_OURS,
    }
    shown = home.ok("self", "show", "plugins").out
    assert "poetry-repo-plugin" in shown
    assert "1 application plugin" in shown
    assert "poetry repo add" in home.ok("repo").text
    assert home.run("--no-plugins", "repo").code == 1
    home.ok("self", "remove", "poetry-repo-plugin")
    assert [name for name in own_packages(home) if name.startswith("poetry_repo_plugin")] == []
    assert home.run("repo").code == 1
    assert "poetry-repo-plugin" not in home.ok("self", "show", "plugins").out


def test_twin_no_such_wheel(home: PoetryHome, public: IndexServer, tmp_path: Path) -> None:
    (home.config / "pyproject.toml").write_text(source("public", public.index_url))
    assert (
        home.run("self", "add", str(tmp_path / "poetry_repo_plugin-0.1.0-py3-none-any.whl")).code
        == 1
    )
    assert own_packages(home) == []


class TestProjectPlugin:
    """``[tool.poetry.requires-plugins]``: a colleague has plain Poetry, and nothing of ours."""

    @pytest.fixture
    def private(self) -> Iterator[IndexServer]:
        with IndexServer(credentials={USER: PASSWORD}) as server:
            server.add(*packages.wheel("lib", "1.0"))
            yield server

    @pytest.fixture
    def venv(
        self, home: PoetryHome, public: IndexServer, private: IndexServer, tmp_path: Path
    ) -> Path:
        home.environ["VIRTUAL_ENV"] = str(tmp_path / "venv")
        tables = source("public", public.index_url) + source(NAME, private.index_url, "explicit")
        tables += f'[tool.poetry.dependencies]\nlib = {{ version = "*", source = "{NAME}" }}\n'
        tables += '[tool.poetry.requires-plugins]\npoetry-repo-plugin = ">=0.1"\n'
        home.write_project("app", dependencies=("lib",), extra=tables)
        home.environ.update(
            POETRY_HTTP_BASIC_ACME_USERNAME=USER, POETRY_HTTP_BASIC_ACME_PASSWORD=PASSWORD
        )
        home.ok("lock")
        for name in [name for name in home.environ if name.startswith("POETRY_HTTP")]:
            del home.environ[name]
        return make_venv(tmp_path / "venv")

    def test_clone_and_install(self, home: PoetryHome, venv: Path, private: IndexServer) -> None:
        """The first ``install`` fetches the plugin, beside the project; from then on it says what
        is missing.
        """
        first = home.run("install", "--no-root")
        assert first.code == 1, first.text
        installing = first.out.index("  - Installing poetry-repo-plugin (")
        assert "  - poetry-repo-plugin (>=0.1)\n" in first.out[:installing]
        assert "  - Installing lib (1.0)" in first.out[installing:]
        # It is there, but a Poetry that runs already does not load it: these are Poetry's own words
        # still.
        assert f"Authorization error accessing {private.index_url}lib/" in first.err
        assert "[credential-missing]" not in first.text
        plugins = home.project / ".poetry" / "plugins"
        assert "poetry_repo_plugin" in {name.split("-")[0] for name in installed(plugins)}
        assert own_packages(home) == []
        done = home.fails("install", "--no-root")
        assert done.text.count("[credential-missing]") == 1, done.text
        assert f"poetry repo login {NAME}" in done.text
        home.ok(
            "repo", "login", NAME, "--username", USER, "--password-stdin", stdin=f"{PASSWORD}\n"
        )
        home.ok("install", "--no-root")
        assert "lib-1.0" in installed(venv)

    def test_ci(self, home: PoetryHome, venv: Path) -> None:
        """Two variables are all, also for the very first run."""
        home.environ.update(
            POETRY_HTTP_BASIC_ACME_USERNAME=USER, POETRY_HTTP_BASIC_ACME_PASSWORD=PASSWORD
        )
        home.ok("install", "--no-root")
        assert "lib-1.0" in installed(venv)
        assert "repo login" in home.ok("repo").text
