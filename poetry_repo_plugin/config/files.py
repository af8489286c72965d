"""The one module that writes files: atomically, privately, one process at a time.

A reader sees the old file or the new one, never a part of either, also when the writer is killed; a file that cannot
be parsed is reported and left as it is.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poetry_repo_plugin.core.errors import StateError

if TYPE_CHECKING:
    from filelock import FileLock
    from tomlkit.toml_document import TOMLDocument

LOCK_SECONDS = 10.0
_MOST_HOLDERS = 30  # for which somebody waits in turn
_PRIVATE = 0o600
_LONGEST_HOLDER = 100  # bytes


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of ``path``; ``{}`` where there is no such file.

    Raises :class:`StateError`, naming the file and the place in it, for anything else that keeps it from being read.
    """
    from poetry_repo_plugin.config.toml import parse

    try:
        return parse(path.read_bytes().decode("utf-8"), str(path))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except UnicodeDecodeError as error:
        raise StateError(f"{path} is not UTF-8 (at byte {error.start}). It was left as it is.") from None
    except OSError as error:
        raise StateError(f"{path} cannot be read: {_reason(error)}.") from None


def write_text(path: Path, text: str, *, private: bool = False) -> bool:
    """Replace ``path`` by ``text`` in one step (temporary file, fsync, rename), creating missing folders.

    A private file is 0600 whatever it was before; any other keeps its mode. The owner stays, and a symbolic link stays
    one: its target is replaced. Line ends are written as they are in ``text``.

    Returns whether an existing private file was readable by others before. Raises :class:`StateError`; the old file
    is then untouched.
    """
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(6)}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        before = _status(target)
        mode = _PRIVATE if private or before is None else stat.S_IMODE(before.st_mode)
        _write_synced(temporary, text.encode("utf-8"), mode, before)
        temporary.replace(target)
    except UnicodeEncodeError:  # half of a surrogate pair, from bytes that were no UTF-8; its text quotes them
        raise StateError(f"{path} cannot be written: a value is not valid Unicode. Nothing was changed.") from None
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink()
        if not isinstance(error, OSError):
            raise
        raise StateError(f"{path} cannot be written: {_reason(error)}. Nothing was changed.") from None
    _sync_folder(target.parent)
    return private and before is not None and is_loose(before.st_mode)


def require_writable(path: Path) -> None:
    """Find out whether ``path`` can be replaced, before anything is done that could not be taken back.

    Raises :class:`StateError`.
    """
    target = Path(os.path.realpath(path))
    probe = target.with_name(f".{target.name}.{secrets.token_hex(6)}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE))
        probe.unlink()
    except OSError as error:
        raise StateError(f"{path} cannot be written: {_reason(error)}. Nothing was changed.") from None


def is_loose(mode: int) -> bool:
    """Whether a file of this mode can be read or written by others than its owner (POSIX only)."""
    return os.name == "posix" and bool(stat.S_IMODE(mode) & 0o077)


def _acquire(lock: FileLock, holder: Path) -> None:
    """Take ``lock``; a queue in which each in turn gets it is waited for, one holder that keeps it is not."""
    from filelock import Timeout

    before = _read_holder(holder)
    for _ in range(_MOST_HOLDERS):
        try:
            lock.acquire(poll_interval=0.05)
        except Timeout:
            now = _read_holder(holder)
            if now == before:
                raise
            before = now
        else:
            return
    raise Timeout(str(lock.lock_file))


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of the settings in ``folder`` (between processes, not re-entrant between threads).

    Waits up to ``LOCK_SECONDS`` for one and the same holder, longer in a queue that moves; then raises
    :class:`StateError`, which says who holds it.
    """
    import tomlkit  # noqa: F401 -- what is done under the lock needs it; nobody waits for the import
    from filelock import FileLock, Timeout

    holder = folder / ".poetry-repo-plugin.holder"
    lock = FileLock(folder / ".poetry-repo-plugin.lock", timeout=LOCK_SECONDS, mode=_PRIVATE)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _acquire(lock, holder)
    except Timeout:
        raise StateError(
            f"The settings in {folder} are in use by {_read_holder(holder)}; waited {LOCK_SECONDS:.0f} s.",
        ) from None
    except OSError as error:
        raise StateError(f"{folder} cannot be written: {_reason(error)}. Nothing was changed.") from None
    try:
        with suppress(OSError):
            _write_holder(holder)
        yield
    finally:
        with suppress(OSError):
            holder.unlink()
        lock.release()


@contextmanager
def editing(path: Path, *, private: bool) -> Iterator[TOMLDocument]:
    """The document in ``path``, to be changed in place; written back when the block ends without an error.

    The caller holds the lock. Comments and unknown keys survive. An unchanged document is not written. What a killed
    writer left behind is removed. Raises :class:`StateError`; the file is then as it was.
    """
    import tomlkit

    from poetry_repo_plugin.config.toml import parse, same

    read_toml(path)  # the clear error for a broken file
    text = path.read_bytes().decode("utf-8") if path.exists() else ""
    clumsy = StateError(
        f"{path} is written in a way that cannot be changed safely (keys with dots above the first table, perhaps). "
        "Nothing was changed."
    )
    try:
        document = tomlkit.parse(text)
    except ValueError:
        raise clumsy from None
    _sweep(path)
    try:
        yield document
    except _InTheWayError as error:
        raise StateError(f"{path} holds {error}. Nothing was changed.") from None
    changed = tomlkit.dumps(document)
    if changed == text:
        return
    try:
        kept = same(parse(changed), document.unwrap())
    except StateError:
        kept = False
    if not kept:  # tomlkit may write a dotted key into the table before it
        raise clumsy
    write_text(path, changed, private=private)


def put(document: Any, keys: tuple[str, ...], value: object) -> None:
    """Set ``keys`` in a tomlkit document, creating the tables on the way; ``None`` removes it and emptied tables.

    What stands where a table belongs is not overwritten: :func:`editing` raises :class:`StateError` then.
    """
    if value is None:
        _remove(document, keys)
        return
    import tomlkit
    from tomlkit.items import InlineTable

    table = document
    for index, key in enumerate(keys[:-1]):
        if key not in table:
            fresh = tomlkit.table() if index == len(keys) - 2 else tomlkit.table(is_super_table=True)
            table[key] = tomlkit.inline_table() if isinstance(table, InlineTable) else fresh
        table = table[key]
        if not isinstance(table, dict):
            raise _InTheWayError(f"a value for {'.'.join(keys[: index + 1])}, where a table belongs")
    if isinstance(table.get(keys[-1]), dict):
        raise _InTheWayError(f"a table for {'.'.join(keys)}, where a value belongs")
    if table.get(keys[-1]) != value or isinstance(table.get(keys[-1]), bool) != isinstance(value, bool):
        table[keys[-1]] = value


def _remove(document: Any, keys: tuple[str, ...]) -> None:
    trail = []
    table = document
    for key in keys:
        if not isinstance(table, dict) or key not in table:
            return
        trail.append((table, key))
        table = table[key]
    for index, (parent, key) in enumerate(reversed(trail)):
        if index and parent[key]:
            break
        del parent[key]


class _InTheWayError(Exception):
    """What is there would have to be overwritten; ``str()`` says what it is, and shows no value."""


def _sweep(path: Path) -> None:
    """Remove the temporary files, secrets and all, of writers that were killed; under the lock there is no other."""
    target = Path(os.path.realpath(path))
    with suppress(OSError):
        for left in target.parent.iterdir():
            if re.fullmatch(rf"\.{re.escape(target.name)}\.[0-9a-f]{{12}}\.tmp", left.name):
                left.unlink()


def _write_synced(path: Path, data: bytes, mode: int, before: os.stat_result | None) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE)
    with os.fdopen(descriptor, "wb") as file:
        if os.name == "posix":
            if before is not None and before.st_uid != os.geteuid():
                with suppress(OSError):  # root, by sudo, works on a user's file
                    os.fchown(file.fileno(), before.st_uid, before.st_gid)
            os.fchmod(file.fileno(), mode)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    with suppress(OSError):  # some network file systems cannot; the new file is in place
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _write_holder(path: Path) -> None:
    """Say who holds the lock. What a killed process left there goes, and so does a link or a pipe; none is followed."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(f"process {os.getpid()}")


def _read_holder(path: Path) -> str:
    """Who holds the lock, as far as a plain file says so; a link is not followed, a pipe not waited for."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        with os.fdopen(os.open(path, flags), "rb") as file:
            plain = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            said = file.read(_LONGEST_HOLDER).decode("utf-8", "replace").strip() if plain else ""
    except OSError:
        said = ""
    return said or "another process"


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
