"""Further headers are bound before they are kept; what fails, or is killed, leaves nothing torn and
nothing that a stranger gets or a logout does not find. With real files.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from poetry_repo_plugin.config.bindings import Bindings
from poetry_repo_plugin.config.changes import Changes
from poetry_repo_plugin.config.settings import Settings
from poetry_repo_plugin.core.errors import StateError
from poetry_repo_plugin.core.headers import Header
from poetry_repo_plugin.core.notices import Notices
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.credentials.base import Purpose, Query
from poetry_repo_plugin.credentials.headers import StoredHeaders
from poetry_repo_plugin.credentials.keyring import KeyringGate
from poetry_repo_plugin.ops.credential_store import Logins
from poetry_repo_plugin.ops.header_store import HeaderStore
from tests.credentials.keyrings import Call, FileKeyring, MemoryKeyring, in_use
from tests.deadly import killed_at_each_step

HERE, THERE = "https://host.example/simple/", "https://other.example/simple/"
ENTRY = ("poetry-repo-plugin: corp", "headers")


class Person:
    """A new run of one user."""

    def __init__(self, folder: Path, *, enabled: bool = True) -> None:
        self.settings = Settings(folder, environ={})
        self.said: list[str] = []
        self._parts = (
            self.settings,
            KeyringGate(enabled=lambda: enabled),
            Notices(self.said.append),
            Bindings(self.settings),
        )

    def keep(
        self, url: str, *, plaintext: bool = False, further: bool = False, **values: str
    ) -> None:
        headers = tuple(Header(name, Secret(value)) for name, value in values.items())
        changes, store = Changes(self.settings), HeaderStore(*self._parts)
        how = {"plaintext": plaintext, "further": further}
        with store.keeping("corp", headers, [url], changes, **how):
            changes.commit()

    def sent_to(self, url: str, purpose: Purpose = Purpose.INDEX) -> dict[str, str]:
        settings, gate, _, bindings = self._parts
        reader = StoredHeaders(settings, gate, bindings, self.said.append)
        found = reader.find(Query("corp", url, purpose))
        return {name: value.reveal() for name, value in found}

    def forget(self) -> None:
        Logins(*self._parts).forget("corp", thorough=False)


@pytest.fixture
def backend() -> Iterator[MemoryKeyring]:
    with in_use(MemoryKeyring()) as backend:
        yield backend


def test_they_go_to_their_place_and_never_to_git(backend: MemoryKeyring, tmp_path: Path) -> None:
    Person(tmp_path).keep(HERE, Key="one")
    person = Person(tmp_path)
    assert person.sent_to(HERE) == {"Key": "one"}
    assert person.sent_to(HERE, Purpose.GIT) == {}
    assert person.sent_to(THERE) == {}
    assert "Key belongs to https://host.example" in person.said[0]


def test_more_of_them_for_the_same_place_and_a_further_one(
    backend: MemoryKeyring, tmp_path: Path
) -> None:
    Person(tmp_path).keep(HERE, Key="one", Id="me")
    Person(tmp_path).keep(HERE, key="two")
    Person(tmp_path).keep(THERE, further=True, Other="three")
    for url in (HERE, THERE):
        assert Person(tmp_path).sent_to(url) == {"Id": "me", "key": "two", "Other": "three"}


def test_twin_another_place_takes_nothing_along(backend: MemoryKeyring, tmp_path: Path) -> None:
    Person(tmp_path).keep(HERE, Key="one", Id="me")
    Person(tmp_path).keep(THERE, Key="two")
    assert Person(tmp_path).sent_to(HERE) == {}
    assert Person(tmp_path).sent_to(THERE) == {"Key": "two"}


def test_a_login_takes_them_nowhere(backend: MemoryKeyring, tmp_path: Path) -> None:
    """A password for another place has a binding of its own."""
    person = Person(tmp_path)
    person.keep(HERE, Key="one")
    Logins(*person._parts).store("corp", "me", Secret("pw"), [THERE])
    assert Person(tmp_path).sent_to(THERE) == {}
    assert Person(tmp_path).sent_to(HERE) == {"Key": "one"}


def test_a_keyring_that_is_locked_loses_none(backend: MemoryKeyring, tmp_path: Path) -> None:
    Person(tmp_path).keep(HERE, Key="one", Id="me")
    with pytest.raises(StateError, match="cannot be read") as caught:
        Person(tmp_path, enabled=False).keep(HERE, Key="two")
    assert "--header Id" in str(caught.value.hint)
    locked = Person(tmp_path, enabled=False)
    assert locked.sent_to(HERE) == {}
    assert "Id, Key cannot be sent" in locked.said[0]
    Person(tmp_path, enabled=False).keep(HERE, Key="two", Id="you")  # as the hint says
    assert Person(tmp_path).sent_to(HERE) == {"Id": "you", "Key": "two"}


@pytest.mark.parametrize("url", [HERE, THERE])
@pytest.mark.parametrize("earlier", [True, False])
def test_a_file_that_cannot_be_written_leaves_all_as_it_was(
    backend: MemoryKeyring, tmp_path: Path, earlier: bool, url: str
) -> None:
    if earlier:
        Person(tmp_path).keep(HERE, Key="one")
    kept, own = dict(backend.entries), Settings(tmp_path, environ={}).user_settings("corp")

    def break_file(call: Call) -> None:
        if call[0] == "set":
            (tmp_path / "auth.toml").mkdir(exist_ok=True)

    backend.before = break_file
    with pytest.raises(StateError):
        Person(tmp_path).keep(url, Key="two")
    (tmp_path / "auth.toml").rmdir()
    assert backend.entries == kept
    assert Settings(tmp_path, environ={}).user_settings("corp") == own


@pytest.mark.skipif(sys.platform != "linux", reason="forks of Linux")
@pytest.mark.parametrize(
    ("url", "plaintext", "before"),
    [(HERE, False, False), (HERE, True, True), (THERE, False, True), (THERE, True, False)],
)
def test_killed_at_any_moment(quick_path: Path, url: str, plaintext: bool, before: bool) -> None:
    """The old value only ever goes to the old place and the new one to the new; a logout finds
    all.

    :param before: the old value is in plain text.
    """
    folder = quick_path / "config"
    folder.mkdir()
    keyring = FileKeyring(folder / "keyring.json")
    with in_use(keyring):
        Person(folder).keep(HERE, plaintext=before, Key="old")
        work = lambda: Person(folder).keep(url, plaintext=plaintext, Key="new")  # noqa: E731
        for step in killed_at_each_step(folder, work, steps=1):
            sent = [Person(folder).sent_to(where).get("Key") for where in (HERE, THERE)]
            if url == HERE:
                assert sent in (["old", None], ["new", None]), step
            else:
                assert sent in (["old", None], [None, None], [None, "new"]), step
            Person(folder).forget()
            assert ENTRY not in keyring.entries, step
            settings = Settings(folder, environ={})
            assert settings.headers("corp") is None
            assert settings.user_settings("corp").header_origins == ()
