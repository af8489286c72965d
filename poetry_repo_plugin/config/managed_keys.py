"""The keys that managed settings know for a repository, and what each may hold."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from poetry_repo_plugin.core.origin import InvalidUrl, Origin, split_userinfo

SYSTEM = "system"

_OUTSIDE = ("helper", "provider", "oauth")

# Keys that make sense together only: whoever locks one has locked them all.
_GROUPS = (
    ("ca", "relaxed"),
    ("client-cert", "client-key"),
    (*_OUTSIDE, "helper-protocol"),
    ("mirror-of", "fallback"),
)
# A user who sets one of these has no use for the administrator's value of the key.
_RIVALS = {
    "relaxed": ("relaxed", "ca"),
    "client-key": ("client-key", "client-cert"),
    "fallback": ("fallback", "mirror-of"),
    **dict.fromkeys((*_OUTSIDE, "helper-protocol"), _OUTSIDE),
}

# What somebody may take for settings, and what must never be in a file that everybody reads.
SECRETS = frozenset(
    {
        *("password", "passphrase", "token", "secret", "client-secret", "api-key"),
        *("header", "headers", "http-basic", "pypi-token"),
    }
)


class UnfitError(Exception):
    """A key cannot hold this; ``str()`` continues the key's name, and shows no value."""


def with_its_group(key: str) -> tuple[str, ...]:
    """The keys that are locked with ``key``, itself among them."""
    return next((group for group in _GROUPS if key in group), (key,))


def rivals_of(key: str) -> tuple[str, ...]:
    """The keys of the user's that stand in the way of the administrator's ``key``."""
    return _RIVALS.get(key, (key,))


def _text(value: object, folder: Path) -> str:
    if not isinstance(value, str) or not value:
        raise UnfitError("is not a string")
    return value


def _url(value: object, folder: Path) -> str:
    text = _text(value, folder)
    try:
        bare, username, _ = split_userinfo(text)
        Origin.of(bare)
    except InvalidUrl as error:
        raise UnfitError(f"is not a usable URL: {error}") from None
    if username is not None:
        raise UnfitError("holds a user name or password, and this file can hold no secret")
    return text


def _path(value: object, folder: Path) -> str:
    """A relative path starts at the folder of the file; ``~`` is the home of whoever runs Poetry."""
    text = _text(value, folder)
    if text.startswith("~"):
        return text
    return str(folder / text)


def _ca(value: object, folder: Path) -> str:
    if value == SYSTEM:
        return SYSTEM
    return _path(value, folder)


def _texts(value: object, folder: Path) -> list[str]:
    if not isinstance(value, list) or not value or not all(isinstance(one, str) for one in value):
        raise UnfitError("is not a list of strings")
    return value


def _helper(value: object, folder: Path) -> list[str]:
    """The command is looked for nowhere, so that no folder of a project's can have another one."""
    words = _texts(value, folder)
    if not os.path.isabs(words[0]):
        raise UnfitError("does not start with an absolute path")
    return words


def _flag(value: object, folder: Path) -> bool:
    if not isinstance(value, bool):
        raise UnfitError("is not true or false")
    return value


def _codes(value: object, folder: Path) -> list[int]:
    if not isinstance(value, list) or not all(type(one) is int for one in value):
        raise UnfitError("is not a list of numbers")
    return value


def _oauth(value: object, folder: Path) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UnfitError("is not a table")
    if SECRETS & {*value}:
        raise UnfitError("holds a secret, and this file can hold none: everybody can read it")
    unknown = [key for key in value if key not in ("issuer", "client-id", "scopes", "audience")]
    if unknown:
        raise UnfitError(f"holds {unknown[0]!r}, which is not one of its keys")
    return value


KEYS: Mapping[str, Callable[[object, Path], object]] = {
    "url": _url,
    "publish-url": _url,
    "mirror-of": _text,
    "fallback": _flag,
    "packages": _texts,
    "ca": _ca,
    "relaxed": _flag,
    "client-cert": _path,
    "client-key": _path,
    "helper": _helper,
    "helper-protocol": _text,
    "provider": _text,
    "oauth": _oauth,
    "audience": _text,
    "ignore-error-codes": _codes,
}
