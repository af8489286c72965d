"""What a repository may be called, and when two names mean the same one."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from pathlib import PurePath

from poetry_repo_plugin.core.errors import InputError
from poetry_repo_plugin.core.hints import LONGEST_NAME, is_name
from poetry_repo_plugin.core.origin import hidden
from poetry_repo_plugin.core.variables import env_key

_LONGEST_ENTRY = 255  # bytes of an entry of a folder: the limit of ext4, NTFS and APFS


def check_name(name: str) -> str:
    """``name``, if a repository can be called so in Poetry's files, in variables and in keyrings
    alike.

    Raises :class:`InputError` otherwise: ASCII letters, digits, dots, hyphens and underscores, at
    most 100 of them, beginning and ending with a letter or digit.
    """
    if not name.strip():
        raise InputError("A repository needs a name.")
    if len(name) > LONGEST_NAME:
        raise InputError(
            f"The name {hidden(name)[:20]!r}… has {len(name)} characters; {LONGEST_NAME} are allowed."
        )
    if not is_name(name):
        raise InputError(
            f"{hidden(name)!r} cannot be a repository's name: use letters, digits, '.', '-' and '_', "
            "beginning and ending with a letter or digit."
        )
    return name


def is_folder_name(name: str) -> bool:
    """Whether a folder called ``name`` lies in the folder that it is made in, or below, and a
    terminal can show it.
    """
    path = PurePath(name)
    fits = all(len(part.encode("utf-8", "replace")) <= _LONGEST_ENTRY for part in path.parts)
    inside = bool(path.parts) and not path.anchor and ".." not in path.parts
    return fits and inside and not re.search(r"[\x00-\x1f\x7f-\x9f]", name)


def is_pypi(name: str) -> bool:
    """Whether ``name`` is Poetry's own name for PyPI, in any spelling."""
    return name.lower() == "pypi"


def match_name(name: str, known: Iterable[str]) -> str | None:
    """The name in ``known`` that ``name`` means: the same, or the same but for case; else
    ``None``.
    """
    names = list(known)
    if name in names:
        return name
    return next((other for other in names if other.lower() == name.lower()), None)


def collision(name: str, known: Iterable[str]) -> str | None:
    """Another name that shares ``name``'s environment variables or pool entry: only one of them
    could be reached.
    """
    return next(
        (other for other in known if other != name and env_key(other) == env_key(name)), None
    )


def no_choice(
    given: str, what: str, choices: Iterable[str], meant: str | None = None
) -> InputError:
    """``given`` is not one of ``choices``, which are all said.

    :param what: what it was to be, with its article: ``a priority``.
    :param meant: what was probably meant, where that is none of them.
    """
    known = list(choices)
    meant = meant or nearest(given, known)
    suggestion = ""
    if meant is not None:
        suggestion = f" Did you mean {meant}?"
    return InputError(f"{given!r} is not {what}; there are {', '.join(known)}.{suggestion}")


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The name in ``known`` that ``name`` is probably a misspelling of, or ``None``."""
    names = list(known)
    close = difflib.get_close_matches(
        name.lower(), [other.lower() for other in names], n=1, cutoff=0.6
    )
    return next((other for other in names if close and other.lower() == close[0]), None)
