"""One process at a time changes the settings.

The lock is never held over a call that may hang (a keyring, a network): whoever needs one makes it
before or after.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from poetry_repo_plugin.config.files import JOURNAL, PRIVATE, reason, sync_folder
from poetry_repo_plugin.core.errors import StateError

if TYPE_CHECKING:
    from filelock import FileLock

LOCK_SECONDS = 10.0
_MOST_HOLDERS = 30  # for which somebody waits in turn
_LONGEST_HOLDER = 100  # bytes


def _acquire(lock: FileLock, holder: Path) -> None:
    """Take ``lock``; a queue in which each in turn gets it is waited for, one holder that keeps it
    is not.
    """
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
    """Hold the lock of the settings in ``folder`` (between processes, not re-entrant between
    threads).

    Waits up to ``LOCK_SECONDS`` for one and the same holder, longer in a queue that moves; then
    raises :class:`StateError`, which says who holds it. What a killed holder had begun to put in
    place is finished first.
    """
    import tomlkit  # noqa: F401 -- what is done under the lock needs it; nobody waits for the import
    from filelock import FileLock, Timeout

    holder = folder / ".poetry-repo-plugin.holder"
    lock = FileLock(folder / ".poetry-repo-plugin.lock", timeout=LOCK_SECONDS, mode=PRIVATE)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _acquire(lock, holder)
    except Timeout:
        raise StateError(
            f"The settings in {folder} are in use by {_read_holder(holder)}; waited {LOCK_SECONDS:.0f} s.",
        ) from None
    except OSError as error:
        raise StateError(
            f"{folder} cannot be written: {reason(error)}. Nothing was changed."
        ) from None
    try:
        with suppress(OSError):
            _write_holder(holder)
        _finish(folder)
        yield
    finally:
        with suppress(OSError):
            holder.unlink()
        lock.release()


def finish(folder: Path) -> None:
    """Finish what a killed process had begun to put in place. Raises nothing: the next holder tries
    again.
    """
    if os.path.lexists(folder / JOURNAL):
        with suppress(StateError), locked(folder):
            pass


def _finish(folder: Path) -> None:
    """Make the renames that are still to be made. The files were whole before the journal was
    written.
    """
    journal = folder / JOURNAL
    if not os.path.lexists(journal):
        return
    with suppress(OSError, ValueError, TypeError):
        for temporary, target in json.loads(journal.read_text(encoding="utf-8")):
            with suppress(OSError):
                os.replace(temporary, target)
            sync_folder(Path(target).parent)
    with suppress(OSError):
        journal.unlink()


def _write_holder(path: Path) -> None:
    """Say who holds the lock. What a killed process left there goes, and so does a link or a pipe;
    none is followed.
    """
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(f"process {os.getpid()}")


def _read_holder(path: Path) -> str:
    """Who holds the lock, as far as a plain file says so; a link is not followed, a pipe not waited
    for.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        with os.fdopen(os.open(path, flags), "rb") as file:
            plain = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            said = ""
            if plain:
                said = file.read(_LONGEST_HOLDER).decode("utf-8", "replace").strip()
    except OSError:
        said = ""
    return said or "another process"
