"""A failure stops the command: no other index is asked in the repository's place, and no file is
written.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import packages
from tests.integration.told import assert_clean, assert_once, assert_told, spoiled
from tests.integration.world import NAME, World, installed, names_locked, source
from tests.integration.wrong import ANSWERS, CLIENT, FILES, SERVER, Wrong
from tests.servers import IndexServer, ProxyServer, RecordedRequest, Response
from tests.servers.faults import forbidden, proxy_authentication_required

pytestmark = pytest.mark.failures

TABLE = {row.name: row for row in (*SERVER, *CLIENT, *FILES, *ANSWERS)}
REFUSALS = [TABLE[name] for name in ("401", "401-without", "403")]
SAMPLE = [
    TABLE[name]
    for name in ("401", "unknown-ca", "client-cert-required-tls1.3", "passphrase-missing", "407")
]

ANYBODYS = "gamma-0.9"


@pytest.fixture
def other() -> Iterator[IndexServer]:
    """Anybody's index, with a package of the same name. (Poetry takes the highest version of all
    primary sources.)
    """
    with IndexServer() as server:
        server.add(*packages.wheel("gamma", "0.9"))
        yield server


@pytest.fixture
def two(world: World, other: IndexServer) -> World:
    """A project with two primary sources, ours first."""
    world.project("gamma", extra=source("other", other.index_url))
    return world


def locked_from(world: World) -> str:
    """Where the one package in the lock file comes from."""
    (package,) = world.home.lock()["package"]
    return str(package["source"]["reference"])


class TestTwoSources:
    @pytest.mark.parametrize("row", REFUSALS, ids=lambda row: row.name)
    @pytest.mark.parametrize(
        "words", [("lock",), ("update", "--lock"), ("add", "--lock", "delta")], ids=lambda w: w[0]
    )
    def test_a_refusal_stops(
        self, two: World, other: IndexServer, row: Wrong, words: tuple[str, ...]
    ) -> None:
        """Plain Poetry goes on to the next index and locks a stranger's package, with exit code
        0.
        """
        with spoiled(two, row):
            pyproject = (two.home.project / "pyproject.toml").read_bytes()
            done = two.home.run(*words)
            assert (two.home.project / "pyproject.toml").read_bytes() == pyproject
        assert_told(done, row)
        assert [path for path in other.paths() if "gamma" in path] == []
        assert not (two.home.project / "poetry.lock").exists()

    @pytest.mark.parametrize("row", REFUSALS, ids=lambda row: row.name)
    def test_a_lock_file_stays_as_it_is(self, two: World, other: IndexServer, row: Wrong) -> None:
        two.home.ok("lock")
        assert locked_from(two) == NAME
        lock = two.home.project / "poetry.lock"
        before, written = lock.read_bytes(), lock.stat().st_mtime_ns
        other.clear()
        with spoiled(two, row):
            done = two.home.run("lock", "--regenerate")
        assert_told(done, row)
        assert (lock.read_bytes(), lock.stat().st_mtime_ns) == (before, written)
        assert [path for path in other.paths() if "gamma" in path] == []

    def test_twin(self, two: World, other: IndexServer) -> None:
        """With the password put right, the package comes from ours; the other index learns no
        credential.
        """
        two.log_in(password="an old one")
        two.home.fails("lock")
        two.log_in()
        two.home.ok("lock")
        assert locked_from(two) == NAME
        assert other.authorizations() == []

    def test_a_404_goes_on_as_ever(self, two: World, other: IndexServer) -> None:
        """Not to have a package is no failure."""
        two.index.index.packages = {}
        two.home.ok("lock")
        assert locked_from(two) == "other"

    def test_a_server_that_fails_is_not_passed_over_either(
        self, two: World, other: IndexServer
    ) -> None:
        """A server error would lead to the stranger as well."""
        two.index.respond = lambda request: Response(507)
        done = two.home.fails("lock")
        assert_once(done, "server-error")
        assert other.paths() == []


class TestIgnoredCodes:
    """The way out, for an index that answers 403 for what it does not have."""

    @pytest.fixture(autouse=True)
    def _no_gamma(self, two: World) -> None:
        def respond(request: RecordedRequest) -> Response | None:
            return forbidden() if "gamma" in request.path else None

        two.index.respond = respond

    def test_the_message_names_it(self, two: World) -> None:
        done = two.home.fails("lock")
        assert f"poetry repo add {NAME} --ignore-error-code 403" in done.text

    def test_for_the_user(self, two: World) -> None:
        two.home.ok("repo", "add", NAME, "--ignore-error-code", "403")
        two.home.ok("lock")
        assert (names_locked(two), locked_from(two)) == ([ANYBODYS], "other")

    def test_for_the_project(self, two: World) -> None:
        file = two.home.project / "pyproject.toml"
        file.write_text(
            f"{file.read_text()}\n[tool.poetry-repo-plugin.{NAME}]\nignore-error-codes = [403]\n"
        )
        two.home.ok("lock")
        assert (names_locked(two), locked_from(two)) == ([ANYBODYS], "other")

    def test_another_code_still_stops(self, two: World, other: IndexServer) -> None:
        two.home.ok("repo", "add", NAME, "--ignore-error-code", "404")
        done = two.home.fails("lock")
        assert_once(done, "credential-rejected")
        assert other.paths() == []

    def test_a_code_that_poetry_would_take_for_an_error(self, two: World) -> None:
        two.index.respond = lambda request: Response(410) if "gamma" in request.path else None
        assert "410" in two.home.fails("lock").text
        two.home.ok("repo", "add", NAME, "--ignore-error-code", "410")
        two.home.ok("lock")
        assert (names_locked(two), locked_from(two)) == ([ANYBODYS], "other")
        two.home.ok("repo", "add", NAME, "--ignore-error-code", "none")
        assert "410" in two.home.fails("lock", "--regenerate", "--no-cache").text

    def test_and_a_401_still_stops(self, two: World, other: IndexServer) -> None:
        """A password that has expired must not open the way to the stranger."""
        two.index.respond = None
        two.home.ok("repo", "add", NAME, "--ignore-error-code", "403")
        two.log_in(password="an old one")
        done = two.home.fails("lock")
        assert_once(done, "credential-rejected")
        assert other.paths() == []


def test_a_proxy_that_wants_a_login_for_plain_http(world: World) -> None:
    """There the proxy answers in the server's place; nobody takes that for a missing package, or
    tries it again.
    """
    world.home.write_project(
        dependencies=("gamma",), extra=source(NAME, "http://pypi.example.invalid/simple/")
    )
    with ProxyServer() as proxy:
        proxy.respond = lambda request: proxy_authentication_required()
        world.home.environ["HTTP_PROXY"] = proxy.origin
        done = world.home.fails("lock")
        assert_once(done, "proxy")
        assert "the proxy requires a user name and a password (407)." in done.text
        assert len(proxy.requests) == 1


def test_files_that_an_index_does_not_serve_are_left_to_poetry(world: World) -> None:
    """It asks for metadata beside a file, and takes the file where that is refused in whatever way
    (PEP 658).
    """
    world.project("gamma")
    world.index.respond = lambda request: (
        Response(410) if request.path.endswith(".metadata") else None
    )
    world.home.ok("lock")
    assert names_locked(world) == ["gamma-1.0"]
    assert [path for path in world.index.paths() if path.endswith(".metadata")]


class TestAdd:
    @pytest.mark.parametrize("row", SAMPLE, ids=lambda row: row.name)
    def test_changes_nothing(self, world: World, row: Wrong) -> None:
        world.project()
        with spoiled(world, row):
            before = (world.home.project / "pyproject.toml").read_bytes()
            done = world.home.run("add", "--lock", "gamma")
            assert (world.home.project / "pyproject.toml").read_bytes() == before
        assert_told(done, row)
        assert not (world.home.project / "poetry.lock").exists()
        assert_clean(world.home.ok("add", "--lock", "gamma"))
        assert names_locked(world) == ["gamma-1.0"]


class TestInstall:
    @pytest.mark.parametrize("row", SAMPLE, ids=lambda row: row.name)
    def test_five_downloads_at_once_say_it_once(
        self, world: World, venv: Path, lock_file: str, row: Wrong
    ) -> None:
        """In full the first time; on Poetry 2.0 too, whose threads print other errors with a piece
        of source.
        """
        world.project("alpha", "sigma")
        (world.home.project / "poetry.lock").write_text(lock_file)
        with spoiled(world, row):
            done = world.home.run("install", "--no-root")
        assert_told(done, row)
        assert installed(venv) == []
        assert_clean(world.home.ok("install", "--no-root"))
        assert len(installed(venv)) == 5
