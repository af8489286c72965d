"""Look-ups, downloads and builds: what the index received on each path, and the failing twin of
each.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests import packages
from tests.integration.world import (
    CAUSES,
    MISSING,
    World,
    assert_authorized,
    assert_fails_with,
    assert_no_secret,
    files_of,
    installed,
    names_locked,
    poetry_version,
)
from tests.servers import RecordedRequest, Response, Server
from tests.servers.faults import forbidden

pytestmark = pytest.mark.paths

ALL = ["alpha-2.0", "beta-1.0", "delta-1.0", "gamma-1.0"]


class TestLookUps:
    """Path 1: the pool."""

    def test_lock_reads_pages_and_metadata_files(self, world: World) -> None:
        world.project("alpha")
        done = world.home.ok("lock", "-vvv")
        assert names_locked(world) == ALL
        assert_authorized(world.index.requests)
        assert files_of(world.index, ".whl") == []  # PEP 658: no wheel is opened
        assert "alpha-2.0-py3-none-any.whl.metadata" in files_of(world.index, ".metadata")
        assert_no_secret(done)

    def test_lock_reads_ranges_of_wheels_where_there_is_no_metadata_file(
        self, world: World
    ) -> None:
        world.index.index.core_metadata = False
        world.project("alpha")
        world.home.ok("lock")
        assert names_locked(world) == ALL
        assert_authorized(world.index.requests)
        wheels = [request for request in world.index.requests if request.path.endswith(".whl")]
        assert any(request.headers.get("Range") and request.status == 206 for request in wheels)

    def test_add_and_update(self, world: World) -> None:
        world.project("alpha<2")
        world.home.ok("add", "--lock", "gamma")
        assert names_locked(world) == ["alpha-1.0", "gamma-1.0"]
        pyproject = world.home.project / "pyproject.toml"
        pyproject.write_text(pyproject.read_text().replace("alpha<2", "alpha"))
        world.home.ok("update", "--lock", "alpha")
        assert names_locked(world) == ALL
        assert_authorized(world.index.requests)

    @pytest.mark.parametrize("missing", MISSING)
    def test_twin_of_lock(self, world: World, missing: str) -> None:
        """What cannot get better is not tried again (POETRY.md, defect 9: five times, in 8.5 s)."""
        world.break_off(missing)
        world.project("alpha")
        before = world.index.connections
        assert_fails_with(world.home.run("lock"), missing)
        assert world.index.connections - before <= 3  # one, and looks at what the server wants
        assert not (world.home.project / "poetry.lock").exists()

    def test_twin_of_add(self, world: World) -> None:
        world.break_off("credential")
        file = world.project("alpha")
        before = file.read_text()
        assert_fails_with(world.home.run("add", "--lock", "gamma"), "credential")
        assert not (world.home.project / "poetry.lock").exists()
        assert file.read_text() == before


@pytest.fixture
def locked(world: World, venv: Path, lock_file: str) -> Path:
    """A project that is locked, with nothing in the cache; the ``site-packages`` of its empty
    environment.
    """
    world.project("alpha", "sigma")
    (world.home.project / "poetry.lock").write_text(lock_file)
    return venv


class TestDownloads:
    """Paths 2 and 3: the executor, in parallel, and the build requirements of an sdist."""

    @pytest.mark.parametrize(
        "words", [("install", "--no-root"), ("sync", "--no-root")], ids=["install", "sync"]
    )
    def test_install(self, world: World, locked: Path, words: tuple[str, ...]) -> None:
        done = world.home.ok(*words, "-v")
        assert installed(locked) == [*ALL, "sigma-1.0"]
        assert sorted(set(files_of(world.index, ".whl"))) == [
            *(f"{name}-py3-none-any.whl" for name in ALL),
            "tiny_backend-1.0-py3-none-any.whl",
        ]
        assert files_of(world.index, ".tar.gz") == ["sigma-1.0.tar.gz"]
        assert_authorized(world.index.requests)
        assert_no_secret(done)

    @pytest.mark.parametrize("missing", MISSING)
    def test_twin_of_downloads(self, world: World, locked: Path, missing: str) -> None:
        """Five downloads are refused at once, and that is said once."""
        world.break_off(missing)
        done = world.home.run("install", "--no-root")
        assert_fails_with(done, missing)
        assert done.text.count(f"[{CAUSES[missing][0]}]") == 1, done.text
        assert installed(locked) == []

    def test_lock_builds_an_sdist_with_a_backend_of_the_index(self, world: World) -> None:
        """Only the backend can tell what such an sdist depends on, so the look-up already needs
        it.
        """
        world.project("sigma")
        world.home.ok("lock")
        assert names_locked(world) == ["sigma-1.0"]
        assert "tiny_backend-1.0-py3-none-any.whl" in files_of(world.index, ".whl")
        assert_authorized(world.index.requests)

    def test_twin_of_build_requirements(self, world: World, locked: Path) -> None:
        """The sdist may be had and its backend may not: the refusal of the backend is what is
        told.
        """
        world.index.respond = _no_backend
        done = world.home.run("install", "--no-root")
        assert done.code == 1, done.text
        assert f"Repository foo ({world.index.netloc})" in done.text
        assert "[forbidden]" in done.text, "the credential was accepted for the sdist"
        assert "poetry repo login" not in done.text
        assert "sigma-1.0" not in installed(locked)


def _no_backend(request: RecordedRequest) -> Response | None:
    return forbidden() if "tiny" in request.path else None


class TestBuild:
    """Path 4: the isolated environment of ``poetry build``.

    Poetry 2.0 makes one only for a project with a build script, and installs what ``requires``
    names in it; from 2.1 on it makes one for every backend that is not its own.
    """

    @pytest.fixture(autouse=True)
    def _project(self, world: World, venv: Path) -> None:
        file = world.project()
        text = file.read_text().replace('"poetry-core>=2.0"', '"tiny-backend"')
        if poetry_version() >= (2, 1):
            text = text.replace('"poetry.core.masonry.api"', '"tiny_backend"')
            (world.home.project / "PKG-INFO").write_text(packages.metadata("app", "0.1.0"))
        else:
            text += '[tool.poetry.build]\nscript = "build.py"\n'
            (world.home.project / "build.py").write_text("import tiny_backend\n")
        file.write_text(text)

    def test_build(self, world: World) -> None:
        done = world.home.ok("build", "--format", "wheel", "-v")
        assert len(list((world.home.project / "dist").glob("app-0.1.0-*.whl"))) == 1
        assert files_of(world.index, ".whl") == ["tiny_backend-1.0-py3-none-any.whl"]
        assert_authorized(world.index.requests)
        assert_no_secret(done)

    @pytest.mark.parametrize("missing", MISSING)
    def test_twin(self, world: World, missing: str) -> None:
        world.break_off(missing)
        assert_fails_with(world.home.run("build", "--format", "wheel"), missing)
        assert not list((world.home.project / "dist").glob("*.whl"))


class TestUrlDependency:
    """Path 7: a file of the index's host, named by its URL."""

    @pytest.fixture
    def wheel_url(self, world: World) -> str:
        return f"{world.index.origin}/files/gamma-1.0-py3-none-any.whl"

    def test_lock_and_install(self, world: World, venv: Path, wheel_url: str) -> None:
        world.project(f"gamma @ {wheel_url}")
        world.home.ok("lock")
        assert world.home.lock()["package"][0]["source"] == {"type": "url", "url": wheel_url}
        shutil.rmtree(world.home.root / "cache")
        world.home.ok("install", "--no-root")
        assert installed(venv) == ["gamma-1.0"]
        assert files_of(world.index, ".whl")
        assert_authorized(world.index.requests)

    @pytest.mark.parametrize("missing", MISSING)
    def test_twin(self, world: World, missing: str, wheel_url: str) -> None:
        world.break_off(missing)
        world.project(f"gamma @ {wheel_url}")
        assert_fails_with(world.home.run("lock"), missing)

    def test_another_host_receives_nothing(self, world: World) -> None:
        with Server() as stranger:
            stranger.respond = lambda request: Response(200, packages.wheel("omega", "1.0")[1])
            world.project(f"omega @ {stranger.origin}/files/omega-1.0-py3-none-any.whl")
            world.home.ok("lock")
        assert stranger.requests
        assert stranger.authorizations() == []
