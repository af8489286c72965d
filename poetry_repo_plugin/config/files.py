"""The one module that writes files: atomically and privately.

A reader sees the old file or the new one, never a part of either, also when the writer is killed; a
file that cannot be parsed is reported and left as it is.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import stat
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from poetry_repo_plugin.core.errors import StateError

PRIVATE = 0o600
JOURNAL = ".poetry-repo-plugin.journal"  # of renames that are under way


def read_bytes(path: Path) -> bytes | None:
    """Read ``path``; ``None`` where there is no such file. Raises :class:`StateError`."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StateError(f"{path} cannot be read: {reason(error)}.") from None


def read_settings_text(path: Path) -> str:
    """Read the text of a file of settings; ``""`` where there is no such file.

    Raises :class:`StateError`, naming the file and the place in it, for what cannot be read.
    """
    try:
        return (read_bytes(path) or b"").decode("utf-8")
    except UnicodeDecodeError as error:
        where = f"at byte {error.start}"
        raise StateError(f"{path} is not UTF-8 ({where}). It was not changed.") from None


@dataclass
class Replacement:
    """A new content for ``path``, written beside it and synced, that a rename puts in its place.

    :ivar path: as it was given, for messages.
    :ivar target: the file itself; a symbolic link stays one.
    :ivar temporary: where the new content lies.
    :ivar was_loose: an existing private file was readable by others before.
    """

    path: Path
    target: Path
    temporary: Path
    was_loose: bool = False
    backup: Path | None = None

    def put_in_place(self, *, keep_old: bool = False) -> None:
        """Put the new content in the place of the old one.

        :param keep_old: so that :meth:`take_back` can undo it, until :meth:`clear`.

        Raises :class:`OSError`; the old file is untouched then.
        """
        if keep_old and self.target.exists():
            backup = _beside(self.target)
            try:
                os.link(self.target, backup)
            except OSError:  # a file system without links
                shutil.copy2(self.target, backup)
            self.backup = backup
        self.temporary.replace(self.target)

    def take_back(self) -> None:
        """Put the old file back, or remove the new one where there was none. Raises
        :class:`OSError`.
        """
        if self.backup is not None:
            self.backup.replace(self.target)
            self.backup = None
        else:
            self.target.unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove what is left beside the file."""
        for left in (self.temporary, self.backup):
            if left is not None:
                with suppress(OSError):
                    left.unlink(missing_ok=True)


def prepare(path: Path, text: str, *, private: bool = False) -> Replacement:
    """Write ``text`` beside ``path``, creating missing folders.

    A private file is 0600 whatever it was before; any other keeps its mode. The owner stays. Line
    ends are written as they are in ``text``. Raises :class:`StateError`; nothing is left behind
    then.
    """
    target = Path(os.path.realpath(path))
    temporary = _beside(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        before = _status(target)
        mode = PRIVATE if private or before is None else stat.S_IMODE(before.st_mode)
        _write_synced(temporary, text.encode("utf-8"), mode, before)
    except (
        UnicodeEncodeError
    ):  # half of a surrogate pair, from bytes that were no UTF-8; its text quotes them
        raise StateError(
            f"{path} cannot be written: a value is not valid Unicode. Nothing was changed."
        ) from None
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink()
        if not isinstance(error, OSError):
            raise
        raise unwritten(path, error) from None
    was_loose = private and before is not None and is_loose(before.st_mode)
    return Replacement(path, target, temporary, was_loose)


def write_text(path: Path, text: str, *, private: bool = False) -> bool:
    """Replace ``path`` by ``text`` in one step, as :func:`prepare` says.

    Returns whether an existing private file was readable by others before. Raises
    :class:`StateError`; the old file is then untouched.
    """
    new = prepare(path, text, private=private)
    try:
        new.put_in_place()
    except OSError as error:
        raise unwritten(path, error) from None
    finally:
        new.clear()
    sync_folder(new.target.parent)
    return new.was_loose


def unwritten(path: Path, error: OSError) -> StateError:
    """Say that ``path`` cannot be written, and that nothing was."""
    return StateError(f"{path} cannot be written: {reason(error)}. Nothing was changed.")


def is_loose(mode: int) -> bool:
    """Tell whether a file of this mode can be read or written by others than its owner (POSIX
    only).
    """
    return os.name == "posix" and bool(stat.S_IMODE(mode) & 0o077)


def sweep(path: Path) -> None:
    """Remove the temporary files, secrets and all, of writers that were killed; under the lock
    there is no other.
    """
    target = Path(os.path.realpath(path))
    with suppress(OSError):
        for left in target.parent.iterdir():
            if re.fullmatch(rf"\.{re.escape(target.name)}\.[0-9a-f]{{12}}\.tmp", left.name):
                left.unlink()


def sync_folder(folder: Path) -> None:
    """Make renames in ``folder`` last. Some network file systems cannot; the new file is in place
    all the same.
    """
    if os.name != "posix":
        return
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def reason(error: OSError) -> str:
    """Give the system's words for what went wrong, in lower case."""
    return (error.strerror or str(error)).lower()


def _beside(target: Path) -> Path:
    return target.with_name(f".{target.name}.{secrets.token_hex(6)}.tmp")


def _write_synced(path: Path, data: bytes, mode: int, before: os.stat_result | None) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    with os.fdopen(descriptor, "wb") as file:
        if sys.platform != "win32":
            if before is not None and before.st_uid != os.geteuid():
                with suppress(OSError):  # root, by sudo, works on a user's file
                    os.fchown(file.fileno(), before.st_uid, before.st_gid)
            os.fchmod(file.fileno(), mode)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None
