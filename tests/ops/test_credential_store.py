"""A login is bound before it is kept, and what fails on the way leaves everything as it was. With
real files.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from poetry_repo_plugin.config.bindings import Bindings
from poetry_repo_plugin.config.settings import Settings
from poetry_repo_plugin.core.errors import StateError
from poetry_repo_plugin.core.notices import Notices
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.credentials.keyring import KeyringGate
from poetry_repo_plugin.ops.credential_store import Logins
from tests.credentials.keyrings import Call, MemoryKeyring, in_use

HERE, THERE = "https://host.example/simple/", "https://other.example/simple/"
ENTRY = ("poetry-repository-corp", "me")


class Person:
    def __init__(self, folder: Path, backend: MemoryKeyring) -> None:
        self.settings = Settings(folder, environ={})
        self.backend = backend
        self.said: list[str] = []
        self.enabled = True

    @property
    def logins(self) -> Logins:
        gate = KeyringGate(enabled=lambda: self.enabled)
        return Logins(self.settings, gate, Notices(self.said.append), Bindings(self.settings))

    @property
    def origins(self) -> tuple[str, ...]:
        self.settings.refresh()
        return self.settings.user_settings("corp").credential_origins

    def files(self) -> dict[str, bytes]:
        folder = self.settings.folder
        return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix == ".toml"}


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Person]:
    with in_use(MemoryKeyring()) as backend:
        yield Person(tmp_path, backend)


def test_the_binding_is_there_before_the_secret(person: Person) -> None:
    """Whoever is killed in between leaves no secret that anybody may ask for."""
    seen: list[object] = []
    person.backend.before = lambda call: seen.append(
        (call, person.origins, person.settings.auth_file.exists())
    )
    person.logins.store("corp", "me", Secret("new"), [HERE])
    assert seen == [(("set", *ENTRY), ("https://host.example",), False)]


@pytest.mark.parametrize("earlier", [True, False])
def test_a_file_that_cannot_be_written_leaves_keyring_and_binding_as_they_were(
    person: Person, earlier: bool
) -> None:
    if earlier:
        person.logins.store("corp", "me", Secret("old"), [HERE])
    before, kept = person.files(), dict(person.backend.entries)

    def break_file(call: Call) -> None:
        if call[0] == "set" and not (person.settings.folder / "auth.toml.kept").exists():
            if earlier:
                person.settings.auth_file.rename(person.settings.folder / "auth.toml.kept")
            person.settings.auth_file.mkdir()

    person.backend.before = break_file
    with pytest.raises(StateError):
        person.logins.store("corp", "me", Secret("new"), [THERE])
    assert person.backend.entries == kept
    assert person.origins == (("https://host.example",) if earlier else ())
    person.settings.auth_file.rmdir()
    if earlier:
        (person.settings.folder / "auth.toml.kept").rename(person.settings.auth_file)
    assert {name: text for name, text in person.files().items() if text} == before


def test_a_folder_that_cannot_be_written_is_found_out_before_a_keyring_is_changed(
    person: Person,
) -> None:
    (person.settings.folder / "there").mkdir()
    person.settings.own_file.symlink_to(person.settings.folder / "there" / "gone" / "x.toml")
    (person.settings.folder / "there" / "gone").write_text("a file, and no folder")
    with pytest.raises(StateError, match="cannot be written"):
        person.logins.store("corp", "me", Secret("new"), [HERE])
    assert person.backend.calls == []
    assert not person.settings.auth_file.exists()


class TestForget:
    def test_what_a_locked_keyring_keeps_stays_bound_and_can_be_forgotten_later(
        self, person: Person
    ) -> None:
        person.logins.store("corp", "me", Secret("s"), [HERE])
        person.enabled = False
        forgotten = person.logins.forget("corp")
        assert forgotten.left is not None
        assert person.origins == ("https://host.example",)
        assert [line for line in person.said if "may be left" in line]
        person.enabled = True
        forgotten = person.logins.forget("corp")
        assert (forgotten.found, forgotten.left) == (True, None)
        assert person.backend.entries == {}
        assert not person.origins

    def test_a_login_of_another_user_says_which_entry_is_left(self, person: Person) -> None:
        person.logins.store("corp", "me", Secret("s"), [HERE])
        person.enabled = False
        person.logins.store("corp", "you", Secret("t"), [HERE])
        assert [line for line in person.said if "poetry-repository-corp may be left" in line]

    def test_nothing_is_asked_where_nothing_speaks_of_it(self, person: Person) -> None:
        assert person.logins.forget("corp", thorough=False).found is False
        assert person.backend.calls == []
        assert person.logins.forget("corp").found is False
        assert person.backend.calls != [], "a token of `poetry config` leaves no trace"
