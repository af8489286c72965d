"""A keyring that hangs, fails, is locked or dies: nobody waits for it in vain, and it is asked as
little as can be.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import packages
from tests.integration.world import installed, make_venv, source
from tests.poetry_process import FILE_KEYRING, PoetryHome
from tests.servers import IndexServer

PATIENCE = 5.0  # seconds that a keyring gets where nobody can answer it
USER, PASSWORD = "alice", "s3cret-in-the-keyring"
BROKEN = ("hang", "fail", "locked")


@pytest.fixture(scope="module")
def module_index() -> Iterator[IndexServer]:
    with IndexServer() as server:
        server.add_all(packages.wheel(f"lib{number}", "1.0") for number in range(30))
        yield server


@pytest.fixture
def index(module_index: IndexServer) -> Iterator[IndexServer]:
    """An index that is open to everyone; a test may close it."""
    module_index.clear()
    yield module_index
    module_index.credentials = None


@pytest.fixture
def home(home: PoetryHome) -> PoetryHome:
    """A home with a keyring; what a test does with it is written down."""
    home.keyring = FILE_KEYRING
    home.environ["POETRY_VIRTUALENVS_CREATE"] = "false"
    return home


def keep(home: PoetryHome, service: str) -> None:
    """Put the user's password under ``service``."""
    file = home.keyring_home / "keyring.json"
    entries = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps({**entries, service: {USER: PASSWORD}}))


def close(index: IndexServer) -> None:
    index.credentials = {USER: PASSWORD}


def point_to_keyring(home: PoetryHome, *names: str) -> None:
    """As after ``login``: the file has the user, the keyring has the password."""
    text = "".join(f'[http-basic.{name}]\nusername = "{USER}"\n' for name in names)
    (home.config / "auth.toml").write_text(text)
    for name in names:
        keep(home, f"poetry-repository-{name}")


@pytest.mark.parametrize("mode", ["hang", "fail"])
def test_a_public_install_does_not_ask(
    home: PoetryHome, index: IndexServer, tmp_path: Path, mode: str
) -> None:
    home.environ["KEYRING_MODE"] = mode
    site_packages = make_venv(tmp_path / "venv")
    home.environ["VIRTUAL_ENV"] = str(tmp_path / "venv")
    home.write_project(dependencies=("lib0",), extra=source("open", index.index_url))
    home.ok("install", "--no-root")
    assert installed(site_packages) == ["lib0-1.0"]
    assert home.keyring_calls() == []


@pytest.mark.parametrize("mode", BROKEN)
def test_a_credential_that_is_in_it(home: PoetryHome, index: IndexServer, mode: str) -> None:
    """The run ends, in good time and with the reason; a hung backend does not keep the process."""
    close(index)
    point_to_keyring(home, "foo")
    home.environ.update(KEYRING_MODE=mode, POETRY_REPO_PLUGIN_KEYRING_TIMEOUT=f"{PATIENCE:g}")
    home.write_project(dependencies=("lib0",), extra=source("foo", index.index_url))
    started = time.monotonic()
    done = home.fails("lock")
    assert "keyring" in done.text
    assert "[credential-missing]" in done.text
    assert time.monotonic() - started < PATIENCE + 40
    assert len(home.keyring_calls()) == 1
    assert index.authorizations() == []


@pytest.mark.parametrize("mode", ["hang", "locked"])
def test_environment_credentials_win_without_touching_it(
    home: PoetryHome, index: IndexServer, mode: str
) -> None:
    close(index)
    point_to_keyring(home, "foo")
    home.environ.update(
        KEYRING_MODE=mode,
        POETRY_HTTP_BASIC_FOO_USERNAME=USER,
        POETRY_HTTP_BASIC_FOO_PASSWORD=PASSWORD,
    )
    home.write_project(dependencies=("lib0",), extra=source("foo", index.index_url))
    home.ok("lock")
    assert home.keyring_calls() == []


def test_netrc_answers_in_the_place_of_one_that_nothing_points_to(
    home: PoetryHome, index: IndexServer
) -> None:
    """As in plain Poetry; the twin without netrc says that the keyring is locked."""
    close(index)
    home.write_project(dependencies=("lib0",), extra=source("foo", index.index_url))
    home.environ.update(KEYRING_MODE="locked", NETRC=str(home.root / "netrc"))
    assert "the keyring is locked" in home.fails("lock").err
    (home.root / "netrc").write_text(f"machine 127.0.0.1 login {USER} password {PASSWORD}\n")
    home.ok("lock")


@pytest.mark.parametrize("mode", [*BROKEN, "fail-write"])
def test_login_falls_back_and_says_so(home: PoetryHome, index: IndexServer, mode: str) -> None:
    close(index)
    home.environ["KEYRING_MODE"] = mode
    words = ("--username", USER, "--password-stdin")
    done = home.ok("repo", "login", "foo", "--url", index.index_url, *words, stdin=PASSWORD)
    assert "plain text" in done.err
    assert home.toml("auth.toml")["http-basic"]["foo"] == {"username": USER, "password": PASSWORD}
    home.write_project(dependencies=("lib0",), extra=source("foo", index.index_url))
    home.ok("lock")


def test_it_is_switched_off(home: PoetryHome, index: IndexServer) -> None:
    """Not one call, by any command."""
    close(index)
    keep(home, "poetry-repository-foo")
    (home.config / "config.toml").write_text("[keyring]\nenabled = false\n")
    home.write_project(dependencies=("lib0",), extra=source("foo", index.index_url))
    home.fails("lock")
    home.ok("repo", "login", "foo", "--username", USER, "--password-stdin", stdin=PASSWORD)
    home.ok("lock")
    home.ok("repo", "logout", "foo")
    assert home.keyring_calls() == []


def test_lock_and_install_of_30_packages(
    home: PoetryHome, index: IndexServer, tmp_path: Path
) -> None:
    """One call for the repository, in each of the two runs, whichever thread comes first."""
    close(index)
    point_to_keyring(home, "foo")
    site_packages = make_venv(tmp_path / "venv")
    home.environ["VIRTUAL_ENV"] = str(tmp_path / "venv")
    names = [f"lib{number}" for number in range(30)]
    home.write_project(dependencies=tuple(names), extra=source("foo", index.index_url))
    home.ok("lock")
    call = ["get_password", "poetry-repository-foo", USER]
    assert home.keyring_calls() == [call]
    home.ok("install", "--no-root")
    assert home.keyring_calls() == [call] * 2
    assert len(installed(site_packages)) == 30
    assert {
        (request.authorization and request.authorization.password) for request in index.requests
    } == {PASSWORD}


@pytest.fixture
def other_index() -> Iterator[IndexServer]:
    with IndexServer(host="localhost") as server:
        server.add_all(packages.wheel(f"other{number}", "1.0") for number in range(20))
        yield server


@pytest.mark.parametrize("open_to_all", [True, False])
def test_many_urls_of_two_hosts(
    home: PoetryHome, index: IndexServer, other_index: IndexServer, open_to_all: bool
) -> None:
    """Hosts that no repository is configured for: not one call while they are open, one for each
    that refuses.
    """
    for server in (index, other_index):
        keep(home, server.netloc)
        if not open_to_all:
            close(server)
    urls = [
        f"{name}{number} @ {server.origin}/files/{name}{number}-1.0-py3-none-any.whl"
        for name, server in (("lib", index), ("other", other_index))
        for number in range(20)
    ]
    home.write_project(dependencies=tuple(urls))
    home.ok("lock")
    calls = (
        []
        if open_to_all
        else [["get_credential", server.netloc, None] for server in (index, other_index)]
    )
    assert sorted(home.keyring_calls()) == sorted(calls)


DYING = """
from tests_keyring import HOME, FileKeyring
import os, time


class DyingKeyring(FileKeyring):
    priority = 9.5

    def get_password(self, service, username):
        answer = super().get_password(service, username)
        with (HOME / "calls.log").open() as log:
            if len(log.readlines()) > 1:
                if os.environ["DEATH"] == "hang":
                    time.sleep(3600)
                raise RuntimeError("the connection to the service is gone: " + str(answer))
        return answer
"""


@pytest.mark.parametrize("death", ["hang", "fail"])
def test_it_dies_between_two_calls(home: PoetryHome, index: IndexServer, death: str) -> None:
    """What it has answered stays good; for the other repository the run ends with the reason,
    without a secret.
    """
    close(index)
    point_to_keyring(home, "foo", "bar")
    (home.keyring_home / "tests_dying.py").write_text(DYING)
    home.keyring = "tests_dying.DyingKeyring"
    home.environ.update(DEATH=death, POETRY_REPO_PLUGIN_KEYRING_TIMEOUT=f"{PATIENCE:g}")
    other = index.add_index("/two/simple/", credentials={USER: PASSWORD})
    other.add(*packages.wheel("two", "1.0"))
    try:
        sources = source("foo", index.index_url) + source("bar", index.url_of(other))
        home.write_project(dependencies=("lib0",), extra=sources)
        done = home.fails("lock")
    finally:
        index.indexes.remove(other)
    assert "Repository bar" in done.text
    assert "keyring" in done.text
    assert PASSWORD not in done.text
    assert len(home.keyring_calls()) == 2
    assert [request.status for request in index.requests if request.path.startswith("/simple")] == [
        200
    ]


def test_a_slow_one_is_waited_for(home: PoetryHome, index: IndexServer) -> None:
    """The twin: a cloud's backend starts a tool of its own, and takes its time without a terminal
    as well.
    """
    close(index)
    point_to_keyring(home, "foo")
    home.environ["KEYRING_MODE"] = "slow=7"
    home.write_project(dependencies=("lib0",), extra=source("foo", index.index_url))
    done = home.ok("lock")
    assert "Waiting for the keyring to answer (up to 90 s)" in done.err
