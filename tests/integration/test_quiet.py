"""What the plugin leaves alone: commands without a request, public indexes, and a Poetry that it
does not fit.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests import packages
from tests.integration.world import NAME, World, assert_authorized, names_locked, source
from tests.poetry_process import FILE_KEYRING, PoetryHome
from tests.servers import IndexServer

pytestmark = pytest.mark.paths

# Runs in Poetry's process, and only there, before Poetry does: at the end it tells what was opened,
# started, reached and imported.
WATCHER = """
import atexit, json, os, sys

SEEN = {"open": [], "subprocess.Popen": [], "socket.connect": []}


def watch(event, arguments):
    if event in SEEN:
        SEEN[event].append(str(arguments[0 if event == "open" else 1]))


def tell():
    seen = {key: list(values) for key, values in SEEN.items()}
    with open(OUTPUT, "w") as file:
        json.dump({**seen, "modules": sorted(sys.modules)}, file)


OUTPUT = os.environ.pop("WATCH", None)
if OUTPUT:
    sys.addaudithook(watch)
    atexit.register(tell)
"""


@pytest.fixture
def home(cold_home: PoetryHome) -> PoetryHome:
    """What a whole start of Poetry does is what is counted."""
    return cold_home


def at_start(world: World, code: str) -> None:
    """Run ``code`` when a Python of this home starts, before anything else."""
    (world.home.keyring_home / "sitecustomize.py").write_text(code)


def watched(world: World, *words: str) -> dict[str, Any]:
    """What happened in the process of a command that must succeed."""
    output = world.home.root / "watched.json"
    world.home.environ["WATCH"] = str(output)
    world.home.ok(*words)
    found: dict[str, Any] = json.loads(output.read_text())
    output.unlink()
    return found


class TestCommandsWithoutARequest:
    """DESIGN section 1: no network, keyring, subprocess or file work of ours."""

    @pytest.mark.parametrize(
        "words", [("version",), ("list",), ("check",), ("config", "--list"), ("help", "lock")]
    )
    def test_nothing_of_ours_happens(self, world: World, words: tuple[str, ...]) -> None:
        """Our own file cannot even be parsed, and that does not matter; Poetry's are opened by
        Poetry alone.
        """
        at_start(world, WATCHER)
        world.home.keyring = FILE_KEYRING
        world.project("gamma")
        (world.home.config / "poetry-repo-plugin.toml").write_text("][ this is no TOML")
        (world.home.root / ".netrc").write_text("neither is this a netrc")

        plain = watched(world, "--no-plugins", *words)
        seen = watched(world, *words)

        assert world.home.keyring_calls() == []
        assert world.index.requests == []
        assert seen["socket.connect"] == []
        assert seen["subprocess.Popen"] == plain["subprocess.Popen"]
        home = str(world.home.root)
        assert {path for path in seen["open"] if path.startswith(home)} <= set(plain["open"])
        ours = {name for name in seen["modules"] if name.split(".")[0] == "poetry_repo_plugin"}
        assert ours == {"poetry_repo_plugin", "poetry_repo_plugin.plugin"}
        costly = {"keyring", "cryptography", "truststore", "id", "subprocess"}
        assert costly & set(seen["modules"]) <= costly & set(plain["modules"])

    def test_the_watcher_sees(self, world: World) -> None:
        """The twin: a look-up does open our file, reach the index and import our modules."""
        at_start(world, WATCHER)
        world.project("gamma")
        seen = watched(world, "lock")
        assert any(path.endswith("poetry-repo-plugin.toml") for path in seen["open"])
        assert any(str(world.index.port) in address for address in seen["socket.connect"])
        assert "poetry_repo_plugin.http.adapter" in seen["modules"]
        assert "cryptography" in seen["modules"]  # the key is encrypted

    def test_a_look_up_over_tls_loads_nothing_that_it_does_not_need(self, world: World) -> None:
        """A private CA, a client certificate in PEM, a password in auth.toml: each of these modules
        is felt.
        """
        at_start(world, WATCHER)
        world.settle("poetry-repo-plugin.toml", "repositories", NAME, "client-key", value=None)
        world.identify_with_one_file()
        world.project("gamma")
        costly = {"keyring.backend", "cryptography", "truststore", "id"}
        costly.add("poetry_repo_plugin.credentials.process")
        assert costly & set(watched(world, "lock")["modules"]) == set()


class TestPublicIndexes:
    """An index that asks for nothing gets nothing, and no keyring is asked for it."""

    def test_no_keyring_call_for_an_open_index(self, world: World) -> None:
        world.home.keyring = FILE_KEYRING
        with IndexServer() as public:
            public.add_all((packages.wheel("gamma", "1.0"), packages.wheel("delta", "1.0")))
            world.home.write_project(
                dependencies=("gamma", "delta"), extra=source("public", public.index_url)
            )
            world.use_venv(world.home.root / "venv")
            world.home.ok("lock")
            world.home.ok("install", "--no-root", "--no-cache")
        assert public.authorizations() == []
        assert world.home.keyring_calls() == []

    @pytest.mark.parametrize("mode", ["hang", "locked", "fail"])
    def test_a_keyring_that_is_no_use_does_not_matter(self, world: World, mode: str) -> None:
        """Defect 5: a keyring that never answers hangs Poetry for ever, also for public
        packages.
        """
        world.home.keyring = FILE_KEYRING
        world.home.environ["KEYRING_MODE"] = mode
        with IndexServer() as public:
            public.add(*packages.wheel("gamma", "1.0"))
            world.home.write_project(
                dependencies=("gamma",), extra=source("public", public.index_url)
            )
            world.use_venv(world.home.root / "venv")
            world.home.ok("lock")
            world.home.ok("install", "--no-root")


CHANGED = """
try:
    from poetry.publishing.uploader import Uploader
    from poetry.utils.authenticator import Authenticator
except ImportError:  # a Python without Poetry
    pass
else:
    {}
"""
SEAMS = {
    "a method is gone": (
        "del Authenticator.get_credentials_for_git_url",
        "Authenticator.get_credentials_for_git_url",
    ),
    "a method takes other words": (
        "Authenticator.get_pypi_token = lambda self, place: None",
        "Authenticator.get_pypi_token",
    ),
}
GONE = SEAMS["a method is gone"][0]


class TestAnotherPoetry:
    """A Poetry whose inside has changed is left as it is, and that is said in one line."""

    @pytest.mark.parametrize("change", SEAMS)
    def test_plain_behaviour_and_one_line(self, world: World, change: str) -> None:
        code, named = SEAMS[change]
        at_start(world, CHANGED.format(code))
        world.index.credentials = {"bob": "plain"}
        world.log_in("bob", "plain")
        world.identify_with_one_file()
        world.project("gamma")
        done = world.home.ok("lock")
        lines = [line for line in done.err.splitlines() if "poetry-repo-plugin" in line]
        assert len(lines) == 1, done.err
        assert named in lines[0]
        assert "plain Poetry" in lines[0]
        assert names_locked(world) == ["gamma-1.0"]
        assert_authorized(world.index.requests, username="bob", password="plain")

    def test_plain_failure_is_plain_poetrys(self, world: World) -> None:
        """The twin: what only the plugin can do (a key in a file of its own) does not work then."""
        at_start(world, CHANGED.format(GONE))
        world.project("gamma")
        done = world.home.run("lock")
        assert done.code == 1
        assert f"poetry repo certs {NAME}" not in done.text

    def test_uploads_alone_are_plain_where_only_the_uploader_has_changed(
        self, world: World
    ) -> None:
        at_start(world, CHANGED.format("del Uploader.make_session"))
        world.project("gamma")
        assert "poetry-repo-plugin" not in world.home.ok("lock").text
        assert_authorized(world.index.requests)
        told = world.home.run("publish", "-r", NAME, "--dry-run").err
        assert "lacks Uploader.make_session; private repositories work as in plain Poetry" in told

    def test_it_is_said_for_no_command_without_a_request(self, world: World) -> None:
        at_start(world, CHANGED.format(GONE))
        world.project("gamma")
        assert "poetry-repo-plugin" not in world.home.ok("version").text
