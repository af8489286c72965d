"""gnome-keyring through keyring's own SecretService backend: unlocked, locked, absent.

Nothing of the machine's own session is touched: the bus, the keyring and its files belong to the
test.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests import packages
from tests.infrastructure.dbus import BACKEND, session
from tests.infrastructure.parts import SystemPart
from tests.integration.world import source
from tests.servers import IndexServer
from tests.warm import WarmHome

NAME = "acme"
USER = "alice"
PASSWORD = "Pa55-{cache-dir}-word"  # plain Poetry sends others than latin-1's in a way that servers misread

Join = Callable[[bool], None]
LIMIT = 5.0
"""Seconds that a keyring has without a terminal."""


@pytest.fixture(scope="module")
def module_index() -> Iterator[IndexServer]:
    with IndexServer(credentials={USER: PASSWORD}) as server:
        server.add(*packages.wheel("lib", "1.0"))
        yield server


@pytest.fixture
def index(module_index: IndexServer, home: WarmHome) -> IndexServer:
    module_index.clear()
    home.write_project("app", dependencies=("lib",), extra=source(NAME, module_index.index_url))
    return module_index


@pytest.fixture
def join(system_part: SystemPart, home: WarmHome, tmp_path: Path) -> Iterator[Join]:
    """Puts the home on a session bus whose keyring is unlocked, or not; the one before it ends."""
    with ExitStack() as stack:

        def join(unlocked: bool) -> None:
            stack.close()
            folder = tmp_path / ("open" if unlocked else "shut")
            home.environ.update(
                stack.enter_context(session(system_part, folder, home.root, unlocked=unlocked))
            )
            home.keyring = BACKEND

        yield join


def log_in(home: WarmHome, *words: str) -> str:
    return home.ok(
        "repo", "login", NAME, "--username", USER, "--password-stdin", *words, stdin=f"{PASSWORD}\n"
    ).err


class TestUnlocked:
    @pytest.fixture(autouse=True)
    def _join(self, index: IndexServer, join: Join) -> None:
        join(True)

    def test_login_lock_logout(self, home: WarmHome, index: IndexServer) -> None:
        """The password is in the keyring and in no file; every command finds it; logout takes it
        away.
        """
        told = log_in(home)
        assert "SecretService" in told or "Secret" in told, told
        assert "password" not in str(home.toml("auth.toml"))
        assert home.files_with(PASSWORD) == []
        index.clear()
        home.ok("lock")
        assert {(found.username, found.password) for found in index.authorizations()} == {
            (USER, PASSWORD)
        }
        assert home.ok("repo", "token", NAME).out.strip() == PASSWORD
        home.ok("repo", "logout", NAME)
        done = home.fails("lock", "--regenerate")
        assert "[credential-missing]" in done.text

    def test_plain_poetry_reads_it(self, home: WarmHome, index: IndexServer) -> None:
        """It lies where Poetry looks for it."""
        log_in(home)
        index.clear()
        home.ok("--no-plugins", "lock")
        assert {(found.username, found.password) for found in index.authorizations()} == {
            (USER, PASSWORD)
        }

    def test_what_plain_poetry_stored(self, home: WarmHome, index: IndexServer) -> None:
        home.ok("--no-plugins", "config", f"http-basic.{NAME}", USER, PASSWORD)
        assert home.files_with(PASSWORD) == []
        home.ok("lock")
        home.ok("repo", "logout", NAME)
        home.fails("lock", "--regenerate")

    def test_what_an_earlier_version_kept_beside_the_login_is_moved(
        self, home: WarmHome, index: IndexServer
    ) -> None:
        """By the backend itself, asked from outside before and after."""
        code = """
import keyring
from poetry_repo_plugin.credentials.keyring import KeyringGate
from poetry_repo_plugin.credentials.keyring_services import PASSPHRASE, HostService
old, new = PASSPHRASE.old_address("acme"), PASSPHRASE.address("acme")
keyring.set_password(*old, "open")
keyring.set_password("poetry-repository-acme", "alice", "login")
gate = KeyringGate(enabled=lambda: True, announce=print)
print(gate.own("acme", PASSPHRASE).reveal())
print(keyring.get_password(*old), keyring.get_password(*new))
print(KeyringGate(enabled=lambda: True).own("acme", PASSPHRASE).reveal())
print(gate.forget_own("acme", PASSPHRASE), keyring.get_password(*new))
print(keyring.get_password("poetry-repository-acme", "alice"))
"""
        python = home.executable.with_name("python")
        environ = {**home.environ, "PYTHON_KEYRING_BACKEND": home.keyring}
        done = subprocess.run(
            [python, "-c", code], env=environ, capture_output=True, text=True, timeout=60
        )
        assert done.stdout.splitlines() == ["open", "None open", "open", "True None", "login"], (
            done.stderr
        )

    def test_switched_off(self, home: WarmHome, index: IndexServer) -> None:
        """The twin: with ``keyring.enabled false`` the same login writes a file."""
        home.ok("config", "keyring.enabled", "false")
        log_in(home)
        assert home.toml("auth.toml")["http-basic"][NAME]["password"] == PASSWORD
        home.ok("lock")


class TestLocked:
    """Without a display nobody can be asked for the keyring's password."""

    def test_login_falls_back_to_the_file(
        self, home: WarmHome, index: IndexServer, join: Join
    ) -> None:
        join(False)
        started = time.monotonic()
        told = log_in(home)
        assert time.monotonic() - started < LIMIT + 10
        assert "keyring" in told, told
        assert "auth.toml" in told, told
        assert home.toml("auth.toml")["http-basic"][NAME]["password"] == PASSWORD
        home.ok("lock")

    def test_what_was_stored_is_out_of_reach(
        self, home: WarmHome, index: IndexServer, join: Join
    ) -> None:
        """A private index ends with the keyring's state in the message, not with a wrong
        password.
        """
        join(True)
        log_in(home)
        join(False)
        home.environ["POETRY_REPO_PLUGIN_KEYRING_TIMEOUT"] = f"{LIMIT:g}"
        started = time.monotonic()
        done = home.fails("lock")
        assert time.monotonic() - started < LIMIT + 10
        assert "keyring" in done.text, done.text
        assert "[credential-missing]" in done.text, done.text
        assert PASSWORD not in done.text

    def test_a_public_install_goes_on(self, home: WarmHome, index: IndexServer, join: Join) -> None:
        join(True)
        log_in(home)
        join(False)
        index.credentials = None
        try:
            home.environ["POETRY_REPO_PLUGIN_KEYRING_TIMEOUT"] = f"{LIMIT:g}"
            started = time.monotonic()
            home.ok("lock")
            assert time.monotonic() - started < LIMIT + 10
        finally:
            index.credentials = {USER: PASSWORD}


class TestAbsent:
    """No bus at all, as in a container: keyring finds no backend that works."""

    @pytest.fixture(autouse=True)
    def _alone(self, home: WarmHome, index: IndexServer, tmp_path: Path) -> None:
        home.environ["DBUS_SESSION_BUS_ADDRESS"] = f"unix:path={tmp_path}/nothing"
        home.environ["XDG_RUNTIME_DIR"] = str(tmp_path)
        home.keyring = ""

    def test_login_uses_the_file(self, home: WarmHome) -> None:
        told = log_in(home)
        assert "auth.toml" in told
        assert home.toml("auth.toml")["http-basic"][NAME]["password"] == PASSWORD
        home.ok("lock")
        home.ok("repo", "logout", NAME)
        home.fails("lock", "--regenerate")

    def test_named_all_the_same(self, home: WarmHome) -> None:
        """Somebody's ``PYTHON_KEYRING_BACKEND`` insists on the Secret Service."""
        home.keyring = BACKEND
        told = log_in(home)
        assert "auth.toml" in told
        home.ok("lock")
