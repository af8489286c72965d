"""Several files change together or not at all, whatever happens in the middle. With real files and
real kills.
"""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from poetry_repo_plugin.config.changes import Changes
from poetry_repo_plugin.config.document import put
from poetry_repo_plugin.config.files import JOURNAL
from poetry_repo_plugin.config.settings import Settings
from poetry_repo_plugin.config.transaction import Transaction
from poetry_repo_plugin.core.errors import StateError
from poetry_repo_plugin.core.secret import Secret
from tests.deadly import killed_at_each_step

linux = pytest.mark.skipif(
    sys.platform != "linux", reason="forks, and places that cannot be written, of Linux"
)

OLD = {
    "auth.toml": '# mine\n[http-basic.acme]\nusername = "old"\npassword = "old-pw"\n',
    "config.toml": '[repositories.acme]\nurl = "https://old.example/"\n',
    "poetry-repo-plugin.toml": '[repositories.acme]\nurl = "https://old.example/simple/"\n',
    "pyproject.toml": "# old\n",
}


def write(folder: Path) -> None:
    folder.mkdir()
    for name, text in OLD.items():
        (folder / name).write_text(text)
    (folder / "auth.toml").chmod(0o600)


def change(folder: Path, *, url: str = "https://new.example/") -> None:
    with Changes(Settings(folder, environ={})) as changes:
        changes.save_user_settings("acme", {"url": f"{url}simple/"})
        changes.save_login("acme", "new", Secret("new-pw"))
        changes.save_publish_url("acme", url)
        changes.rewrite(folder / "pyproject.toml", lambda text: "# new\n")


def content(folder: Path) -> dict[str, str]:
    return {name: (folder / name).read_text() for name in OLD}


def leftovers(folder: Path) -> list[str]:
    return sorted(
        path.name for path in folder.iterdir() if path.name not in OLD and path.suffix != ".lock"
    )


@pytest.fixture
def folder(quick_path: Path) -> Path:
    write(quick_path / "config")
    return quick_path / "config"


NEW = {name: text.replace("old", "new") for name, text in OLD.items()}


def test_all_change(folder: Path) -> None:
    change(folder)
    assert content(folder) == NEW
    assert leftovers(folder) == []


@linux
def test_killed_at_each_step(folder: Path) -> None:
    """Whoever reads the settings next sees all of the old ones or all of the new ones; the next
    change clears up.
    """
    seen = set()
    for step in killed_at_each_step(folder, lambda: change(folder)):
        Settings(folder, environ={}).check()
        found = content(folder)
        assert found in (OLD, NEW), step
        seen.add("new" if found == NEW else "old")
        with Changes(Settings(folder, environ={})) as changes:
            changes.save_user_settings("other", {"url": "https://other.example/"})
            changes.save_login("other", "me", Secret("pw"))
            changes.save_publish_url("other", "https://other.example/")
            changes.rewrite(folder / "pyproject.toml", lambda text: f"{text}# more\n")
        assert leftovers(folder) == [], step
    assert seen == {"old", "new"}


class TestOneThatCannotBeWritten:
    @linux
    @pytest.mark.parametrize("name", list(OLD))
    def test_none_is(self, folder: Path, name: str) -> None:
        (folder / name).unlink()
        (folder / name).symlink_to("/proc/poetry/there-is-no-such-place")
        before = {other: text for other, text in OLD.items() if other != name}
        with pytest.raises(
            StateError, match=r"cannot be written.* Nothing was changed\.$"
        ) as caught:
            change(folder)
        assert str(folder / name) in caught.value.message
        assert {other: (folder / other).read_text() for other in before} == before
        assert leftovers(folder) == []

    @pytest.mark.parametrize("number", range(4))
    def test_or_not_put_in_its_place(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, number: int
    ) -> None:
        """As where a container has mounted the one file: it cannot be renamed. Those before it are
        put back.
        """
        real, renamed = os.rename, []

        def rename(self: Path, target: Path) -> Path:
            if target.name in OLD and not self.name.endswith(".kept"):
                renamed.append(target.name)
                if len(renamed) == number + 1:
                    raise OSError(16, "Device or resource busy")
            real(self, target)
            return target

        monkeypatch.setattr(Path, "replace", rename)
        with pytest.raises(StateError, match=r"device or resource busy\. Nothing was changed\.$"):
            change(folder)
        assert content(folder) == OLD
        assert leftovers(folder) == []
        assert stat.S_IMODE((folder / "auth.toml").stat().st_mode) == 0o600

    def test_a_new_file_goes_again(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        real = os.rename
        (folder / "poetry-repo-plugin.toml").unlink()

        def rename(self: Path, target: Path) -> Path:
            if target.name == "auth.toml":
                raise PermissionError(1, "Operation not permitted")
            real(self, target)
            return target

        monkeypatch.setattr(Path, "replace", rename)
        with pytest.raises(StateError, match="Nothing was changed"):
            change(folder)
        assert not (folder / "poetry-repo-plugin.toml").exists()

    def test_one_that_cannot_be_parsed(self, folder: Path) -> None:
        (folder / "config.toml").write_text("[broken\n")
        with pytest.raises(StateError, match="is not valid TOML"):
            change(folder)
        assert content(folder) == {**OLD, "config.toml": "[broken\n"}


class TestRehearsal:
    def test_changes_nothing(self, folder: Path) -> None:
        changes = Changes(Settings(folder, environ={}))
        changes.save_login("acme", "new", Secret("new-pw"))
        before = (folder / "auth.toml").stat()
        changes.rehearse()
        after = (folder / "auth.toml").stat()
        assert (after.st_ino, content(folder), leftovers(folder)) == (before.st_ino, OLD, [])
        changes.commit()
        assert "new-pw" in (folder / "auth.toml").read_text()

    @linux
    def test_finds_out_what_cannot_be_written(self, folder: Path) -> None:
        (folder / "config.toml").unlink()
        (folder / "config.toml").symlink_to("/proc/poetry/there-is-no-such-place")
        changes = Changes(Settings(folder, environ={}))
        changes.save_publish_url("acme", "https://new.example/")
        with pytest.raises(StateError, match="cannot be written"):
            changes.rehearse()


@pytest.mark.parametrize("text", ["", "{", "[1]", '[["/nowhere/a", "/nowhere/b"]]', "\0"])
def test_a_journal_that_makes_no_sense_is_removed(folder: Path, text: str) -> None:
    (folder / JOURNAL).write_text(text)
    Settings(folder, environ={}).check()
    assert content(folder) == OLD
    assert leftovers(folder) == []


def test_an_empty_transaction_touches_nothing(tmp_path: Path) -> None:
    assert Transaction(tmp_path / "none").commit() == []
    Transaction(tmp_path / "none").rehearse()
    assert list(tmp_path.iterdir()) == []


def test_an_error_in_an_edit_is_passed_on(folder: Path) -> None:
    transaction = Transaction(folder)
    transaction.edit(folder / "auth.toml", lambda document: put(document, ("a",), 1))
    transaction.rewrite(folder / "pyproject.toml", lambda text: str(1 / 0))
    with pytest.raises(ZeroDivisionError):
        transaction.commit()
    assert content(folder) == OLD
    assert leftovers(folder) == []
