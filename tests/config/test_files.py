"""Files are replaced whole, privately, by one process at a time, and never at the price of what was
in them.
"""

from __future__ import annotations

import os
import random
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from poetry_repo_plugin.config import files as store
from poetry_repo_plugin.config import lock
from poetry_repo_plugin.config.document import put, read_toml
from poetry_repo_plugin.config.toml import parse
from poetry_repo_plugin.config.transaction import Transaction
from poetry_repo_plugin.core.errors import StateError
from tests.credentials.contract import printed_at_vvv

posix = pytest.mark.skipif(os.name != "posix", reason="modes, links and signals of POSIX")
linux = pytest.mark.skipif(sys.platform != "linux", reason="limits and devices of Linux")

AUTH = '[http-basic.foo]\nusername = "me"\npassword = "pw"\n'


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def others(path: Path) -> list[str]:
    """What lies beside ``path``: nothing but the lock may."""
    beside = {entry.name for entry in path.parent.iterdir()} - {
        path.name,
        ".poetry-repo-plugin.lock",
    }
    return sorted(beside)


def failure(ask: Any, *arguments: Any, **options: Any) -> str:
    with pytest.raises(StateError) as caught:
        ask(*arguments, **options)
    return caught.value.message


def edit(path: Path, keys: tuple[str, ...], value: object) -> None:
    transaction = Transaction(path.parent)
    transaction.edit(path, lambda document: put(document, keys, value), private=True)
    transaction.commit()


@contextmanager
def running(code: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A process that runs ``code``; it has said a first line, and is gone at the end."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


class TestWriting:
    def test_a_new_file_and_its_folders(self, tmp_path: Path) -> None:
        path = tmp_path / "a" / "b" / "auth.toml"
        assert store.write_text(path, "x = 'ä'\r\n", private=True) is False
        assert path.read_bytes() == "x = 'ä'\r\n".encode()
        assert others(path) == []

    @posix
    def test_a_secret_file_is_private_whatever_it_was(self, tmp_path: Path) -> None:
        path = tmp_path / "auth.toml"
        previous = os.umask(0)
        try:
            assert store.write_text(path, "1", private=True) is False
            assert mode(path) == 0o600
            for loose in (0o644, 0o666, 0o640, 0o604, 0o777):
                path.chmod(loose)
                assert store.write_text(path, f"mode = {loose}", private=True) is True
                assert mode(path) == 0o600
            path.chmod(0o400)
            assert store.write_text(path, "2", private=True) is False
            assert mode(path) == 0o600
        finally:
            os.umask(previous)

    @posix
    def test_another_file_keeps_its_mode(self, tmp_path: Path) -> None:
        path = tmp_path / "pyproject.toml"
        path.write_text("old", encoding="utf-8")
        for kept in (0o644, 0o664, 0o600):
            path.chmod(kept)
            assert store.write_text(path, f"new {kept}") is False
            assert mode(path) == kept

    @pytest.mark.skipif(
        os.name != "posix" or os.geteuid() != 0, reason="only root can give a file away"
    )
    def test_root_leaves_a_user_s_file_to_the_user(self, tmp_path: Path) -> None:
        path = tmp_path / "auth.toml"
        path.write_text("old", encoding="utf-8")
        os.chown(path, 12345, 23456)
        store.write_text(path, "new", private=True)
        assert (path.stat().st_uid, path.stat().st_gid, mode(path)) == (12345, 23456, 0o600)

    @posix
    def test_a_link_stays_one(self, tmp_path: Path) -> None:
        target = tmp_path / "dotfiles" / "auth.toml"
        target.parent.mkdir()
        target.write_text("old", encoding="utf-8")
        target.chmod(0o644)
        link = tmp_path / "auth.toml"
        link.symlink_to(Path("dotfiles") / "auth.toml")
        assert store.write_text(link, "new", private=True) is True
        assert link.is_symlink()
        assert target.read_text(encoding="utf-8") == "new"
        assert mode(target) == 0o600
        assert others(target) == []
        target.unlink()
        store.write_text(link, "again", private=True)
        assert link.is_symlink()
        assert target.read_text(encoding="utf-8") == "again"

    @posix
    def test_the_secret_is_never_in_a_loose_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Not even for a moment: the temporary file is private before anything is in it."""
        path = tmp_path / "auth.toml"
        path.write_text("old", encoding="utf-8")
        path.chmod(0o666)
        seen = []
        original = os.fsync

        def look(descriptor: int) -> None:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                seen.append(
                    (stat.S_IMODE(os.fstat(descriptor).st_mode), os.fstat(descriptor).st_size)
                )
            original(descriptor)

        monkeypatch.setattr(os, "fsync", look)
        previous = os.umask(0)
        try:
            store.write_text(path, "new", private=True)
        finally:
            os.umask(previous)
        assert seen == [(0o600, 3)]


class TestFailing:
    """Each of these leaves the old file as it was, and nothing beside it."""

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        path = tmp_path / "auth.toml"
        path.write_text(AUTH, encoding="utf-8")
        return path

    def unharmed(self, path: Path) -> bool:
        return path.read_text(encoding="utf-8") == AUTH and others(path) == []

    def test_the_folder_is_a_file(self, path: Path) -> None:
        inside = path / "deeper" / "auth.toml"
        message = failure(store.write_text, inside, "new", private=True)
        assert str(inside) in message
        assert message.endswith("Nothing was changed.")
        assert "not a directory" in failure(lambda: lock.locked(inside.parent).__enter__())
        assert self.unharmed(path)

    @linux
    def test_a_folder_that_cannot_be_written(self, path: Path) -> None:
        """``/proc`` cannot, not even by root."""
        assert "cannot be written" in failure(store.write_text, Path("/proc/1/auth.toml"), "new")
        assert "cannot be written" in failure(
            store.write_text, Path("/proc/poetry/auth.toml"), "new"
        )
        assert "cannot be written" in failure(lambda: lock.locked(Path("/proc/poetry")).__enter__())
        assert "cannot be read" in failure(read_toml, Path("/proc/self/mem"))

    @linux
    @pytest.mark.parametrize("where", ["write_text", "editing"])
    def test_the_disk_is_full(self, path: Path, where: str) -> None:
        """A limit on the size of files stops the writer in the middle of the new file."""
        code = f"""
import resource, sys
from pathlib import Path
from poetry_repo_plugin.config import files as store
from poetry_repo_plugin.config.document import put
from poetry_repo_plugin.config.transaction import Transaction
from poetry_repo_plugin.core.errors import StateError
path = Path(sys.argv[1])
import filelock, tomlkit
resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))
try:
    if {where!r} == "write_text":
        store.write_text(path, "S3CR3T" * 1000, private=True)
    else:
        transaction = Transaction(path.parent)
        password = "S3CR3T" * 1000
        transaction.edit(path, lambda document: put(document, ("http-basic", "bar", "password"), password))
        transaction.commit()
except StateError as error:
    print(error)
"""
        done = subprocess.run(
            [sys.executable, "-c", code, path],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        assert done.stdout == f"{path} cannot be written: file too large. Nothing was changed.\n"
        assert "S3CR3T" not in done.stderr
        assert self.unharmed(path)

    @linux
    def test_the_device_is_full(self) -> None:
        assert "cannot be written" in failure(
            store.write_text, Path("/dev/full/auth.toml"), "new", private=True
        )

    def test_what_is_no_text(self, path: Path) -> None:
        """A password from bytes that were no UTF-8. Python's own error would quote it."""
        with pytest.raises(StateError) as caught:
            store.write_text(path, "password = 'S3CR3T\udcff'", private=True)
        assert "S3CR3T" not in printed_at_vvv(caught.value)
        assert self.unharmed(path)

    def test_an_interrupt_in_the_middle(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupt(descriptor: int) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(os, "fsync", interrupt)
        with pytest.raises(KeyboardInterrupt):
            store.write_text(path, "S3CR3T", private=True)
        assert self.unharmed(path)

    def test_a_file_system_that_cannot_sync_a_folder(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Then the new file is in place, and saying otherwise would be wrong."""
        original = os.fsync

        def refuse_folders(descriptor: int) -> None:
            if stat.S_ISDIR(os.fstat(descriptor).st_mode):
                raise OSError(22, "Invalid argument")
            original(descriptor)

        monkeypatch.setattr(os, "fsync", refuse_folders)
        store.write_text(path, "new", private=True)
        assert path.read_text(encoding="utf-8") == "new"

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (b"[http-basic\n", "line 1"),
            (b"a = 1\na = 2\n", "overwrite"),
            (b"a = '\xff'\n", "not UTF-8 (at byte 5)"),
            (b"\xef\xbb\xbfa = 1\n", "byte-order mark"),
            (b"a = " + b"[" * 5000, ""),
            (b"\0", ""),
        ],
    )
    def test_a_file_that_cannot_be_parsed_is_named_and_left(
        self, tmp_path: Path, content: bytes, said: str
    ) -> None:
        path = tmp_path / "auth.toml"
        path.write_bytes(content)
        for message in (failure(read_toml, path), failure(edit, path, ("a",), "new")):
            assert message.startswith(str(path))
            assert said.lower() in message.lower()
            assert message.endswith("It was not changed.")
        assert path.read_bytes() == content

    @pytest.mark.parametrize(
        "keys", [("http-basic", "b", "username"), ("http-basic", "a", "x", "y")]
    )
    def test_a_form_that_the_writer_would_garble_is_left_as_it_is(
        self, tmp_path: Path, keys: tuple[str, ...]
    ) -> None:
        """tomlkit moves the second line into the new table: one repository's password becomes
        another's key.
        """
        path = tmp_path / "auth.toml"
        text = 'http-basic.a.username = "u"\nhttp-basic.a.password = "S3CR3T"\n'
        path.write_text(text, encoding="utf-8")

        message = failure(edit, path, keys, "new")
        assert message.startswith(str(path))
        assert message.endswith("Nothing was changed.")
        assert "S3CR3T" not in message
        assert path.read_text(encoding="utf-8") == text
        assert others(path) == []

    @posix
    def test_a_loop_of_links(self, tmp_path: Path) -> None:
        path = tmp_path / "auth.toml"
        path.symlink_to(path)
        assert "cannot be" in failure(read_toml, path)
        assert "cannot be" in failure(store.write_text, path, "new")
        assert "cannot be" in failure(edit, path, ("a",), "new")

    def test_a_folder_in_the_place_of_the_file(self, tmp_path: Path) -> None:
        path = tmp_path / "auth.toml"
        path.mkdir()
        assert "cannot be" in failure(read_toml, path)
        assert "cannot be" in failure(store.write_text, path, "new")
        assert path.is_dir()
        assert others(path) == []

    def test_a_path_that_is_too_long(self, tmp_path: Path) -> None:
        folder = tmp_path / ("x" * 300)
        assert "cannot be" in failure(read_toml, folder / "auth.toml")
        assert "cannot be" in failure(store.write_text, folder / "auth.toml", "new")
        assert "cannot be" in failure(lambda: lock.locked(folder).__enter__())

    def test_no_file_is_an_empty_one(self, tmp_path: Path) -> None:
        assert read_toml(tmp_path / "auth.toml") == {}
        assert read_toml(tmp_path / "no" / "auth.toml") == {}


class TestEditing:
    def edited(self, path: Path, text: str, keys: tuple[str, ...], value: object) -> str:
        path.write_bytes(text.encode())
        edit(path, keys, value)
        return path.read_bytes().decode()

    def test_comments_and_unknown_keys_stay(self, tmp_path: Path) -> None:
        path = tmp_path / "auth.toml"
        text = (
            "# mine\nunknown = [1, # one\n  2]\n\n# the first\n[http-basic.a] # a\n# inner\nusername = 'u' # who\n"
            "odd = 1\n\n[other.table]\nx = { y = 2 } # z\n\n[http-basic.b]\nusername = 'v'\n# end\n"
        )
        changed = self.edited(path, text, ("http-basic", "a", "username"), "w")
        assert changed == text.replace("'u'", '"w"')
        added = self.edited(path, text, ("pypi-token", "c"), "t")
        assert added == f'{text}\n[pypi-token]\nc = "t"\n'
        removed = self.edited(path, text, ("http-basic", "b"), None)
        assert parse(removed) == {**parse(text), "http-basic": {"a": {"username": "u", "odd": 1}}}
        for comment in ("# mine", "# one", "# the first", "# a", "# inner", "# who", "# z"):
            assert comment in removed

    def test_an_unchanged_document_is_not_written(self, tmp_path: Path) -> None:
        path = tmp_path / "auth.toml"
        path.write_text(AUTH, encoding="utf-8")
        before = path.stat()
        edit(path, ("http-basic", "foo", "username"), "me")
        edit(path, ("http-basic", "none", "username"), None)
        assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)

    def test_emptied_tables_go(self, tmp_path: Path) -> None:
        text = "[a.b.c]\nd = 1\n[a.x]\ny = 1\n"
        assert parse(self.edited(tmp_path / "f", text, ("a", "b", "c", "d"), None)) == {
            "a": {"x": {"y": 1}}
        }
        assert self.edited(tmp_path / "f", "[a.b.c]\nd = 1\n", ("a", "b", "c"), None).strip() == ""

    def test_true_is_not_one(self, tmp_path: Path) -> None:
        assert parse(self.edited(tmp_path / "f", "a = 1\n", ("a",), True)) == {"a": True}
        assert parse(self.edited(tmp_path / "f", "a = false\n", ("a",), 0)) == {"a": 0}

    @pytest.mark.parametrize(
        ("text", "keys"),
        [
            ("http-basic = 'x'\n", ("http-basic", "foo", "username")),
            ("[http-basic]\nfoo = 'x'\n", ("http-basic", "foo", "username")),
            ("[[http-basic]]\nfoo = 1\n", ("http-basic", "foo", "username")),
            ("[pypi-token]\nfoo = 'S3CR3T'\n", ("pypi-token", "foo", "bar")),
            ("[pypi-token.foo]\nbar = 'S3CR3T'\n", ("pypi-token", "foo")),
        ],
    )
    def test_what_is_in_the_way_is_not_overwritten(
        self, tmp_path: Path, text: str, keys: tuple[str, ...]
    ) -> None:
        path = tmp_path / "auth.toml"
        message = failure(self.edited, path, text, keys, "new")
        assert message.startswith(f"{path} holds a ")
        assert message.endswith("Nothing was changed.")
        assert "S3CR3T" not in message
        assert path.read_text(encoding="utf-8") == text

    def test_an_error_inside_changes_nothing(self, tmp_path: Path) -> None:
        path = tmp_path / "auth.toml"
        path.write_text(AUTH, encoding="utf-8")

        def fail(document: Any) -> None:
            put(document, ("http-basic", "foo"), None)
            raise ZeroDivisionError

        transaction = Transaction(tmp_path)
        transaction.edit(path, fail, private=True)
        with pytest.raises(ZeroDivisionError):
            transaction.commit()
        assert path.read_text(encoding="utf-8") == AUTH

    @settings(
        max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
    )
    @given(data=st.data())
    def test_whatever_the_file_looks_like_only_what_was_asked_changes(
        self, tmp_path: Path, data: st.DataObject
    ) -> None:
        """Against a model: plain dictionaries. Where that cannot be done the file is left alone,
        and that is said.
        """
        path = tmp_path / "auth.toml"
        names = st.sampled_from(["a", "b", "a.b", "A"])
        lines = data.draw(
            st.lists(
                st.one_of(
                    st.builds(
                        '[http-basic."{}"]\nusername = "u"\npassword = "p" # c\n'.format, names
                    ),
                    st.builds("[http-basic.{}]\nusername = 'u'\n".format, names),
                    st.builds(
                        '[pypi-token]\n{} = "t"\n"x.y" = "t"\n'.format, st.sampled_from("abc")
                    ),
                    st.builds("[x.y{}]\n# comment\nz = [1,\n 2]\n".format, st.integers(0, 3)),
                    st.builds("http-basic.{}.username = 'q'\n".format, st.sampled_from("abc")),
                    st.builds(
                        "[http-basic]\n{} = {{username='i'}}\n".format, st.sampled_from("abc")
                    ),
                    st.just("\n"),
                ),
                max_size=5,
            )
        )
        text = "".join(lines)
        try:
            model = parse(text)
        except StateError:
            return
        path.write_text(text, encoding="utf-8")
        for _ in range(data.draw(st.integers(1, 4))):
            section = data.draw(st.sampled_from(["http-basic", "pypi-token"]))
            keys = (section, data.draw(names), *(["username"] if section == "http-basic" else []))
            value = data.draw(st.sampled_from([None, "new", "newer"]))
            before = path.read_text(encoding="utf-8")
            try:
                edit(path, keys, value)
            except StateError:
                assert path.read_text(encoding="utf-8") == before
                continue
            set_in(model, keys, value)
            assert pruned(parse(path.read_text(encoding="utf-8"))) == pruned(model)
        assert tomlkit.parse(path.read_text(encoding="utf-8")) is not None


def set_in(model: dict[str, Any], keys: tuple[str, ...], value: object) -> None:
    for key in keys[:-1]:
        model = model.setdefault(key, {})
    if value is None:
        model.pop(keys[-1], None)
    else:
        model[keys[-1]] = value


def pruned(tree: Any) -> Any:
    """Without empty tables: whether one is left behind makes no difference to anybody."""
    if not isinstance(tree, dict):
        return tree
    return {key: value for key, inner in tree.items() if (value := pruned(inner)) != {}}


WRITER = """
import sys
from pathlib import Path
from poetry_repo_plugin.config.document import put
from poetry_repo_plugin.config.transaction import Transaction
path = Path(sys.argv[1])
texts = [f'text = "{letter * 40000}"\\n' for letter in "ab"]
import filelock, tomlkit
print("ready", flush=True)
while True:
    for letter in "ab":
        transaction = Transaction(path.parent)
        transaction.edit(path, lambda document: put(document, ("text",), letter * 40000), private=True)
        transaction.commit()
"""


@posix
class TestKilled:
    def test_at_any_moment_the_file_is_the_old_one_or_the_new_one(self, tmp_path: Path) -> None:
        path = tmp_path / "auth.toml"
        path.write_text(f'text = "{"a" * 40000}"\n', encoding="utf-8")
        whole = {"a" * 40000, "b" * 40000}
        delays = random.Random(7)
        for _ in range(8):
            with running(WRITER, path) as process:
                until = time.monotonic() + delays.uniform(0.01, 0.1)
                while time.monotonic() < until:
                    assert read_toml(path)["text"] in whole  # a reader that takes no lock
                process.send_signal(signal.SIGKILL)
                process.wait()
            assert read_toml(path)["text"] in whole
            assert len([name for name in others(path) if name.endswith(".tmp")]) <= 1
        edit(path, ("text",), "after")
        assert others(path) == []  # also nothing of what the killed ones had begun
        assert mode(path) == 0o600

    def test_what_a_killed_writer_left_is_removed_and_nothing_else(self, tmp_path: Path) -> None:
        path = tmp_path / "auth.toml"
        left = tmp_path / ".auth.toml.0123456789ab.tmp"
        mine = [
            tmp_path / name
            for name in (".auth.toml.tmp", ".config.toml.0123456789ab.tmp", "auth.toml.bak")
        ]
        for file in (left, *mine):
            file.write_text("S3CR3T", encoding="utf-8")
        edit(path, ("a",), None)
        assert not left.exists()
        assert all(file.exists() for file in mine)


HOLDER = """
import sys
from pathlib import Path
from poetry_repo_plugin.config import lock
with lock.locked(Path(sys.argv[1])):
    print("ready", flush=True)
    sys.stdin.readline()
"""


class TestLock:
    def test_who_holds_it_is_said_after_a_while(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(lock, "LOCK_SECONDS", 0.3)
        with running(HOLDER, tmp_path) as process:
            began = time.monotonic()
            message = failure(lambda: lock.locked(tmp_path).__enter__())
            assert 0.2 < time.monotonic() - began < 5
            assert (
                message
                == f"The settings in {tmp_path} are in use by process {process.pid}; waited 0 s."
            )
        with lock.locked(tmp_path):
            pass

    def test_the_limit_is_ten_seconds(self) -> None:
        assert lock.LOCK_SECONDS == 10

    def test_a_waiting_process_gets_its_turn(self, tmp_path: Path) -> None:
        with running(HOLDER, tmp_path) as process:
            assert process.stdin is not None
            threading.Timer(0.3, process.stdin.close).start()
            with lock.locked(tmp_path):
                pass

    @posix
    def test_a_killed_holder_holds_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(lock, "LOCK_SECONDS", 5.0)
        with running(HOLDER, tmp_path) as process:
            process.send_signal(signal.SIGKILL)
            process.wait()
        with lock.locked(tmp_path):
            pass
        assert others(tmp_path / "auth.toml") == []

    def test_it_holds_between_threads_and_is_let_go_after_an_error(self, tmp_path: Path) -> None:
        path = tmp_path / "count"
        path.write_text("0", encoding="utf-8")

        def add() -> None:
            for _ in range(5):
                with lock.locked(tmp_path):
                    count = int(path.read_text(encoding="utf-8"))
                    time.sleep(0.001)
                    path.write_text(str(count + 1), encoding="utf-8")

        with pytest.raises(ZeroDivisionError), lock.locked(tmp_path):
            _ = 1 / 0
        threads = [threading.Thread(target=add) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert path.read_text(encoding="utf-8") == "20"

    def test_missing_folders_are_made(self, tmp_path: Path) -> None:
        with lock.locked(tmp_path / "a" / "b"):
            assert (tmp_path / "a" / "b").is_dir()


LOGIN = """
import json, sys
from pathlib import Path
from poetry_repo_plugin.config import lock
from poetry_repo_plugin.config.bindings import Bindings, Kind
from poetry_repo_plugin.config.changes import Changes
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.config.settings import Settings
from poetry_repo_plugin.config.changes import Changes
from tests.config.saving import saving
import filelock, tomlkit
folder, number = Path(sys.argv[1]), sys.argv[2]
settings = Settings(folder)
settings.check()
lock.LOCK_SECONDS = 60.0  # on a machine with other work
print("ready", flush=True)
sys.stdin.readline()
with Changes(settings) as changes:
    changes.save_login(f"r{number}", f"user{number}", Secret(f"pw{number}"))
Bindings(settings).record("shared", Kind.CREDENTIAL, [f"https://host{number}.example/simple/"])
"""


def test_of_twenty_processes_that_log_in_at_once_twenty_are_kept(tmp_path: Path) -> None:
    """Plain Poetry keeps one to four of them."""
    command = [sys.executable, "-c", LOGIN, str(tmp_path)]
    processes = [
        subprocess.Popen(
            [*command, str(number)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for number in range(20)
    ]
    for process in processes:  # all have read the old files before the first one writes
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate(timeout=60)
        assert process.returncode == 0
    logins = read_toml(tmp_path / "auth.toml")["http-basic"]
    assert logins == {f"r{n}": {"username": f"user{n}", "password": f"pw{n}"} for n in range(20)}
    own = read_toml(tmp_path / "poetry-repo-plugin.toml")["repositories"]["shared"]
    assert sorted(own["credential-origins"]) == sorted(
        f"https://host{n}.example" for n in range(20)
    )
    assert others(tmp_path / "auth.toml") == ["poetry-repo-plugin.toml"]


@pytest.mark.skipif(os.name != "posix", reason="links and pipes")
class TestWhatStandsInTheHoldersPlace:
    """In a folder that others can write."""

    def test_a_link_is_not_followed(self, tmp_path: Path) -> None:
        target, holder = tmp_path / "precious", tmp_path / ".poetry-repo-plugin.holder"
        target.write_text("mine")
        holder.symlink_to(target)
        with lock.locked(tmp_path):
            assert holder.read_text() == f"process {os.getpid()}"
            assert not holder.is_symlink()
        assert target.read_text() == "mine"

    def test_a_pipe_holds_nobody_up(self, tmp_path: Path) -> None:
        holder = tmp_path / ".poetry-repo-plugin.holder"
        os.mkfifo(holder)
        with lock.locked(tmp_path):
            assert holder.is_file()
        assert not holder.exists()

    @pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
    def test_who_waits_reads_neither(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
    ) -> None:
        monkeypatch.setattr(lock, "LOCK_SECONDS", 0.1)
        holder = tmp_path / ".poetry-repo-plugin.holder"
        (tmp_path / "secret").write_text("s3cret")
        with lock.locked(tmp_path):
            holder.unlink()
            if kind == "link":
                holder.symlink_to(tmp_path / "secret")
            elif kind == "pipe":
                os.mkfifo(holder)
            else:
                holder.mkdir()
            with (
                pytest.raises(StateError, match="in use by another process"),
                lock.locked(tmp_path),
            ):
                raise AssertionError

    def test_twin_a_plain_file_says_who_it_is(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(lock, "LOCK_SECONDS", 0.1)
        with (
            lock.locked(tmp_path),
            pytest.raises(StateError, match=f"in use by process {os.getpid()}"),
            lock.locked(tmp_path),
        ):
            raise AssertionError
