"""Paths 6 and 9: Poetry installs into its own environment, or plugins for a project.

Both run in a throwaway copy of the Poetry under test: a virtual environment whose packages are
those of the real one, seen through a ``.pth`` file, so that nothing is ever installed in the real
one.
"""

from __future__ import annotations

from importlib.metadata import distributions
from pathlib import Path

import pytest

from tests import packages
from tests.integration.far import Far
from tests.integration.world import (
    MISSING,
    NAME,
    World,
    assert_authorized,
    assert_fails_with,
    assert_no_secret,
    files_of,
    installed,
    make_venv,
    poetry_version,
)
from tests.poetry_process import PoetryHome, poetry_under_test

pytestmark = pytest.mark.paths

PLUGIN = "tiny-poetry-plugin"
PLUGIN_WHEEL = "tiny_poetry_plugin-1.0-py3-none-any.whl"


def real_packages() -> Path:
    return next((poetry_under_test().parents[1] / "lib").glob("python*/site-packages"))


@pytest.fixture
def home(cold_home: PoetryHome) -> PoetryHome:
    """Another Poetry than the one that waits to be forked."""
    return cold_home


@pytest.fixture
def own(world: World, tmp_path: Path) -> Path:
    """The ``site-packages`` of a throwaway Poetry, which the home uses from here on."""
    folder = tmp_path / "poetry"
    site_packages = make_venv(folder)
    (site_packages / "real.pth").write_text(
        f"import site; site.addsitedir({str(real_packages())!r})\n"
    )
    script = folder / "bin" / "poetry"
    script.write_text(
        f"#!{folder}/bin/python\nimport sys\nfrom poetry.console.application import main\nsys.exit(main())\n"
    )
    script.chmod(0o755)
    world.home.executable = script
    return site_packages


class TestSelfAdd:
    """Path 6. The source is put into Poetry's own project by ``repo add --self``."""

    @pytest.fixture(autouse=True)
    def _source(self, world: World, own: Path) -> None:
        version = ".".join(str(part) for part in poetry_version())
        world.index.add(*packages.wheel("poetry", version))  # Poetry's own project depends on it
        world.home.ok("repo", "add", NAME, world.index.index_url, "--self", "--default")
        world.index.clear()

    def test_self_add(self, world: World, own: Path) -> None:
        before = installed(real_packages())
        done = world.home.ok("self", "add", PLUGIN, "-v")
        assert installed(own) == ["tiny_poetry_plugin-1.0"]
        assert installed(real_packages()) == before
        assert files_of(world.index, ".whl") == [PLUGIN_WHEEL]
        assert_authorized(world.index.requests)
        assert_no_secret(done)
        assert world.home.ok(PLUGIN).out == "hello from tiny-poetry-plugin 1.0\n"

    def test_self_add_asks_ahead(self, world: World, own: Path) -> None:
        world.home.environ["POETRY_INSTALLER_MAX_WORKERS"] = "16"
        far = Far(world.index)
        far.gather(2)
        world.home.ok("self", "add", PLUGIN)
        assert installed(own) == ["tiny_poetry_plugin-1.0"]
        assert far.most >= 2
        assert not far.twice
        assert_authorized(world.index.requests)

    @pytest.mark.parametrize("missing", MISSING)
    def test_twin(self, world: World, own: Path, missing: str) -> None:
        world.break_off(missing)
        assert_fails_with(world.home.run("self", "add", PLUGIN), missing)
        assert installed(own) == []


class TestRequiredPlugins:
    """Path 9: ``[tool.poetry.requires-plugins]``, installed below the project by ``poetry
    install``.
    """

    @pytest.fixture(autouse=True)
    def _project(self, world: World, own: Path, venv: Path) -> None:
        for distribution in distributions(
            path=[str(real_packages())]
        ):  # all of them count as pinned
            world.index.add(*packages.wheel(distribution.metadata["Name"], distribution.version))
        world.project(extra=f'[tool.poetry.requires-plugins]\n{PLUGIN} = ">=1.0"\n')
        world.home.ok("lock")
        world.index.clear()

    def test_install(self, world: World, own: Path) -> None:
        world.home.ok("install", "--no-root")
        folder = world.home.project / ".poetry" / "plugins"
        assert installed(folder) == ["tiny_poetry_plugin-1.0"]
        assert installed(own) == []
        assert PLUGIN_WHEEL in files_of(world.index, ".whl")
        assert_authorized(world.index.requests)

    def test_twin(self, world: World) -> None:
        world.break_off("credential")
        assert_fails_with(world.home.run("install", "--no-root"), "credential")
        assert installed(world.home.project / ".poetry" / "plugins") == []
