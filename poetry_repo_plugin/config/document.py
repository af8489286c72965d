"""A TOML file of settings: reading it, and editing it through tomlkit, so that comments and unknown
keys survive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from poetry_repo_plugin.config.files import read_settings_text
from poetry_repo_plugin.config.toml import parse, same
from poetry_repo_plugin.core.errors import StateError

Change = Callable[[Any], None]
"""Changes a tomlkit document in place."""


def read_toml(path: Path) -> dict[str, Any]:
    """Read the tables of ``path``; ``{}`` where there is no such file.

    Raises :class:`StateError`, naming the file and the place in it, for anything else that keeps it
    from being read.
    """
    return parse(read_settings_text(path), str(path))


def edited(path: Path, text: str, changes: Iterable[Change]) -> str:
    """Give ``text``, the content of ``path``, with ``changes`` applied in their order.

    Raises :class:`StateError` where the text cannot be parsed, holds something else where a table
    or a value belongs, or is written in a form that tomlkit would garble.
    """
    import tomlkit

    parse(text, str(path))  # the clear error for a broken file
    clumsy = StateError(
        f"{path} cannot be edited safely (perhaps for its dotted keys above the first table). "
        "Nothing was changed."
    )
    try:
        document = tomlkit.parse(text)
    except ValueError:
        raise clumsy from None
    try:
        for change in changes:
            change(document)
    except _InTheWayError as error:
        raise StateError(f"{path} holds {error}. Nothing was changed.") from None
    changed = tomlkit.dumps(document)
    if changed != text and not _says(changed, document.unwrap()):
        raise clumsy  # tomlkit may write a dotted key into the table before it
    return changed


def _says(text: str, data: object) -> bool:
    try:
        return same(parse(text), data)
    except StateError:
        return False


def put(document: Any, keys: tuple[str, ...], value: object) -> None:
    """Set ``keys`` in a tomlkit document, creating the tables on the way; ``None`` removes it and
    emptied tables. A dictionary is written on one line.

    What stands where a table belongs is not overwritten: :func:`edited` raises :class:`StateError`
    then.
    """
    if value is None:
        _remove(document, keys)
        return
    import tomlkit
    from tomlkit.items import InlineTable

    table = document
    for index, key in enumerate(keys[:-1]):
        if key not in table:
            fresh = (
                tomlkit.table() if index == len(keys) - 2 else tomlkit.table(is_super_table=True)
            )
            table[key] = tomlkit.inline_table() if isinstance(table, InlineTable) else fresh
        table = table[key]
        if not isinstance(table, dict):
            raise _InTheWayError(
                f"a value for {'.'.join(keys[: index + 1])}, where a table belongs"
            )
    if isinstance(value, dict):
        inline = tomlkit.inline_table()
        inline.update(value)
        value = inline
    if isinstance(table.get(keys[-1]), dict):
        raise _InTheWayError(f"a table for {'.'.join(keys)}, where a value belongs")
    if table.get(keys[-1]) != value or isinstance(table.get(keys[-1]), bool) != isinstance(
        value, bool
    ):
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
