"""TOML as data: what a text says, and how a value is written (TOML 1.0,
https://toml.io/en/v1.0.0).
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any

from poetry_repo_plugin.core.errors import StateError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def parse(text: str, what: str = "pyproject.toml") -> dict[str, Any]:
    """The data of ``text``. Raises :class:`StateError` that names ``what`` and the position, and
    shows no content.
    """
    try:
        found: dict[str, Any] = tomllib.loads(text)
        return found
    except (ValueError, RecursionError) as error:
        detail = "nested too deeply"
        if not isinstance(error, RecursionError):
            detail = str(error)
        if text.startswith("\ufeff"):
            detail = (
                "it starts with a byte-order mark, which TOML does not allow (at line 1, column 1)"
            )
        raise StateError(f"{what} is not valid TOML: {detail}. It was not changed.") from None


def dump(value: object) -> str:
    """``value`` as a TOML value on one line."""
    if isinstance(value, bool):
        if value:
            return "true"
        return "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list):
        return f"[{', '.join(map(dump, value))}]"
    if isinstance(value, dict):
        return (
            f"{{ {', '.join(f'{dump_key(key)} = {dump(item)}' for key, item in value.items())} }}"
        )
    return str(value)


def dump_key(key: str) -> str:
    """``key`` bare where TOML allows it, quoted and escaped elsewhere (so it is also safe to
    print).
    """
    if re.fullmatch(r"[A-Za-z0-9_-]+", key):
        return key
    return json.dumps(key).replace("\x7f", "\\u007f")


def shown(text: str) -> str:
    """``text`` as it may be printed: escaped where it holds what a terminal would act on."""
    if text.isprintable():
        return text
    return json.dumps(text)


def same(left: object, right: object) -> bool:
    """Whether two parsed documents are equal; the order of keys makes no difference, ``nan`` is
    equal to itself.
    """
    return _canonical(left) == _canonical(right)


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=repr)
