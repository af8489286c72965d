"""Killed at any moment, a login or logout leaves nothing torn, nothing lost, nothing that a logout
does not find.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from poetry_repo_plugin.config.bindings import Bindings, Kind
from poetry_repo_plugin.config.changes import Changes
from poetry_repo_plugin.config.settings import Settings
from poetry_repo_plugin.core.notices import Notices
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.credentials.base import Credential, Query
from poetry_repo_plugin.credentials.keyring import KeyringGate
from poetry_repo_plugin.credentials.stored import StoredSource
from poetry_repo_plugin.ops.credential_store import Logins
from poetry_repo_plugin.ops.passphrases import Passphrases
from tests.credentials.keyrings import FileKeyring, in_use
from tests.deadly import killed_at_each_step

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks of Linux")

HERE, THERE = "https://host.example/simple/", "https://other.example/simple/"
OTHERS = ("poetry-repository-other", "me")


class Person:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = Settings(folder, environ={})
        self.gate = KeyringGate(enabled=lambda: True)
        self.bindings = Bindings(self.settings)
        self.notices = Notices(lambda line: None)

    @property
    def logins(self) -> Logins:
        return Logins(self.settings, self.gate, self.notices, self.bindings)

    @property
    def passphrases(self) -> Passphrases:
        return Passphrases(self.settings, self.gate, self.notices)

    def sent_to(self, url: str) -> str | None:
        """The secret that goes to ``url``."""
        found = StoredSource(self.settings, self.gate, self.bindings).get(Query("corp", url))
        return found.secret.reveal() if isinstance(found, Credential) else None


class Scene:
    """A folder with a keyring in it, in which somebody has logged in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keyring = FileKeyring(folder / "keyring.json")

    def fresh(self) -> Person:
        return Person(self.folder)

    def begin(self) -> None:
        self.folder.mkdir()
        self.fresh().logins.store("other", "me", Secret("others"), [THERE])

    def log_in(self, username: str, secret: str, *urls: str, plaintext: bool = False) -> None:
        self.fresh().logins.store("corp", username, Secret(secret), urls, plaintext=plaintext)

    def assert_whole(self) -> None:
        """Each file can be read, and the other repository's login is where it was."""
        settings = Settings(self.folder, environ={})
        settings.check()
        assert self.keyring.entries[OTHERS] == "others"
        assert settings.user_settings("other").credential_origins == ("https://other.example",)

    def assert_logout_finds_all(self) -> None:
        self.fresh().logins.forget("corp", thorough=False)
        assert list(self.keyring.entries) == [OTHERS]
        settings = Settings(self.folder, environ={})
        assert (settings.login("corp"), settings.token("corp")) == (None, None)
        assert settings.user_settings("corp").credential_origins == ()
        assert settings.user_settings("corp").keyring_users == ()
        left = [
            path.name for path in self.folder.iterdir() if path.name.endswith((".tmp", ".journal"))
        ]
        assert left == []


@pytest.fixture
def scene(quick_path: Path) -> Scene:
    return Scene(quick_path / "config")


def test_a_first_login(scene: Scene) -> None:
    with in_use(scene.keyring):
        scene.begin()
        for step in killed_at_each_step(scene.folder, lambda: scene.log_in("me", "new", HERE)):
            scene.assert_whole()
            assert scene.fresh().sent_to(HERE) in (None, "new"), step
            assert scene.fresh().sent_to(THERE) is None, step
            scene.assert_logout_finds_all()


@pytest.mark.parametrize(
    ("username", "plaintext"), [("me", False), ("you", False), ("__token__", False), ("me", True)]
)
def test_a_new_password_for_the_same_place(scene: Scene, username: str, plaintext: bool) -> None:
    """The old one or the new one goes there at any moment: nothing is lost."""

    with in_use(scene.keyring):
        scene.begin()
        scene.log_in("me", "old", HERE)
        work = lambda: scene.log_in(username, "new", HERE, plaintext=plaintext)  # noqa: E731
        for step in killed_at_each_step(scene.folder, work):
            scene.assert_whole()
            assert scene.fresh().sent_to(HERE) in ("old", "new"), step
            scene.assert_logout_finds_all()


@pytest.mark.parametrize(("username", "plaintext"), [("me", False), ("you", False), ("me", True)])
def test_a_login_for_another_place(scene: Scene, username: str, plaintext: bool) -> None:
    """At no moment does the old secret go to the new place, or the new one to the old."""

    with in_use(scene.keyring):
        scene.begin()
        scene.log_in("me", "old", HERE, plaintext=plaintext)
        work = lambda: scene.log_in(username, "new", THERE, plaintext=plaintext)  # noqa: E731
        for step in killed_at_each_step(scene.folder, work):
            scene.assert_whole()
            sent = scene.fresh().sent_to(HERE), scene.fresh().sent_to(THERE)
            assert sent in (("old", None), (None, None), (None, "new")), step
            scene.assert_logout_finds_all()


def test_a_logout(scene: Scene) -> None:
    with in_use(scene.keyring):
        scene.begin()
        scene.log_in("me", "old", HERE)
        for step in killed_at_each_step(scene.folder, lambda: scene.fresh().logins.forget("corp")):
            scene.assert_whole()
            assert scene.fresh().sent_to(HERE) in (None, "old"), step
            scene.assert_logout_finds_all()


@pytest.mark.parametrize("earlier", ["old", None])
def test_a_passphrase(scene: Scene, earlier: str | None) -> None:
    """``certs --unset`` finds it."""
    key = ("poetry-repo-plugin: corp", "client-key-passphrase")

    def keep(passphrase: str) -> None:
        person = scene.fresh()
        changes = Changes(person.settings)
        changes.save_certificates("corp", {"client-cert": f"/{passphrase}.pem"})
        person.passphrases.keep(changes, "corp", Secret(passphrase))

    with in_use(scene.keyring):
        scene.begin()
        if earlier is not None:
            keep(earlier)
        for step in killed_at_each_step(scene.folder, lambda: keep("new")):
            scene.assert_whole()
            assert scene.keyring.entries.get(key) in (earlier, "new"), step
            person = scene.fresh()
            person.passphrases.forget(Changes(person.settings), "corp")
            assert key not in scene.keyring.entries, step
            assert (
                not Settings(scene.folder, environ={}).user_settings("corp").passphrase_in_keyring
            )


def test_a_removal(scene: Scene) -> None:
    """The settings of the repository are whole or gone, and a second removal takes what was
    left.
    """

    def remove() -> None:
        person = scene.fresh()
        changes = Changes(person.settings)
        changes.forget("corp")
        forgotten = person.logins.forget_in_keyring("corp", thorough=False)
        person.logins.note_forgotten(changes, "corp", forgotten)
        person.passphrases.forget(changes, "corp", forgotten.gone)

    with in_use(scene.keyring):
        scene.begin()
        scene.log_in("me", "old", HERE)
        for _ in killed_at_each_step(scene.folder, remove):
            scene.assert_whole()
            settings = Settings(scene.folder, environ={})
            bound = bool(settings.user_settings("corp").credential_origins)
            assert bound == (settings.login("corp") is not None)
            remove()
            scene.assert_logout_finds_all()


def test_the_record_of_a_killed_login_is_no_word_about_where_it_belongs(scene: Scene) -> None:
    with in_use(scene.keyring):
        scene.begin()
        person = scene.fresh()
        with Changes(person.settings) as changes:
            changes.save_user_settings("corp", {"keyring-users": ["me"]})
        assert person.bindings.allows("corp", Kind.CREDENTIAL, HERE) is None
        assert os.listdir(scene.folder)
