"""Whether a file is the administrator's: theirs alone to change, with every folder on the way to it.

A symbolic link is followed, and each folder that holds a link on the way counts as well.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

_ROOT = 0
_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def objection(file: Path) -> str | None:
    """Why ``file``, which exists, is not taken for the administrator's; ``None`` if it is.

    Raises :class:`OSError` where that cannot be found out.
    """
    if not file.is_file():
        return "it is not a regular file"
    if os.name == "nt":
        from poetry_repo_plugin.core import windows

        return next(filter(None, map(windows.objection, _on_the_way(file))), None)
    # Nobody can replace what is root's in a folder with the sticky bit, as /tmp has it. The
    # file's own folder is held to the plain rule.
    folders = {file.parent, Path(os.path.realpath(file)).parent}
    strict = {file, Path(os.path.realpath(file)), *folders}
    for place in _on_the_way(file):
        reason = _objection_to(place, strict=place in strict)
        if reason is not None:
            return reason
    return None


def _objection_to(place: Path, *, strict: bool) -> str | None:
    found = place.stat()
    if found.st_uid != _ROOT or place.lstat().st_uid != _ROOT:
        return f"{place} does not belong to root"
    is_sticky = bool(found.st_mode & stat.S_ISVTX) and not strict
    if found.st_mode & _OTHERS and not is_sticky:
        return f"{place} can be changed by others (mode {stat.S_IMODE(found.st_mode):04o})"
    return None


def _on_the_way(file: Path) -> Iterator[Path]:
    """The file, the folders above it, and the same of each link's target among them."""
    waiting, seen = [file, Path(os.path.realpath(file))], set[Path]()
    while waiting:
        path = waiting.pop()
        for place in (path, *path.parents):
            if place in seen:
                continue
            seen.add(place)
            yield place
            if place.is_symlink():
                waiting.append(Path(os.path.normpath(place.parent / place.readlink())))
