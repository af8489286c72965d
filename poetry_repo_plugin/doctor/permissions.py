"""Files of settings that others can read or change (POSIX)."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from poetry_repo_plugin.config import files
from poetry_repo_plugin.core.hints import repo
from poetry_repo_plugin.doctor.report import Finding, Mended, State
from poetry_repo_plugin.http.auth import Access

_OTHERS_WRITE = 0o022
_FIX = repo("doctor", None, "--fix")


def permissions(access: Access) -> Iterator[Finding]:
    """The folder of settings, and our private files in it."""
    folder = access.settings.folder
    if _can_be_changed(folder):
        message = f"{folder} can be changed by others, and so can where credentials go"
        close = partial(_close_folder, folder)
        yield Finding("permissions", State.FAIL, message, hint=_FIX, fix=close)
    for file in (access.settings.auth_file, access.settings.own_file):
        if file.exists() and files.is_loose(file.stat().st_mode):
            yield _loose(file)


def _can_be_changed(folder: Path) -> bool:
    """Whether others can replace the files in ``folder``."""
    return os.name == "posix" and folder.is_dir() and bool(folder.stat().st_mode & _OTHERS_WRITE)


def _loose(file: Path) -> Finding:
    mode = file.stat().st_mode & 0o777
    what, state = "read", State.WARN
    if mode & _OTHERS_WRITE:  # who writes there decides what is sent where, and who is asked
        what, state = "changed", State.FAIL
    message = f"{file} can be {what} by others (mode {mode:04o})"
    return Finding("permissions", state, message, hint=_FIX, fix=partial(_close_file, file))


def _close_folder(folder: Path, mended: Mended) -> None:
    mode = stat.S_IMODE(folder.stat().st_mode) & ~_OTHERS_WRITE
    _change_mode(folder, mode, "can now be changed by you only", mended)


def _close_file(file: Path, mended: Mended) -> None:
    _change_mode(file, 0o600, "is now private (0600)", mended)


def _change_mode(path: Path, mode: int, done: str, mended: Mended) -> None:
    try:
        path.chmod(mode)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        mended.leave(f"{path} was not changed: {why}.")
    else:
        mended.done.append(f"{path} {done}.")
