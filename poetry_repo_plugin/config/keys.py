"""Repositories' names in Poetry's files: as one key or, at its dots, as nested tables, and in any
case of letters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

_DEEPEST = 50  # tables in a chain: a name has at most 100 characters


class Table(dict[str, Any]):
    """A table as read, which finds its keys in any case at once: there may be a thousand
    repositories.
    """

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> Table:
        """``table`` and all below it."""
        return cls(
            {
                key: cls.of(value) if isinstance(value, dict) else value
                for key, value in table.items()
            }
        )

    @cached_property
    def spelled(self) -> dict[str, list[str]]:
        """The keys by their lower case."""
        found: dict[str, list[str]] = {}
        for key in self:
            found.setdefault(key.lower(), []).append(key)
        return found


def table_at(table: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The table under ``key``; an empty one where there is something else or nothing."""
    value = table.get(key)
    if isinstance(value, dict):
        return value
    return {}


def entries_of(table: Mapping[str, Any], section: str, name: str) -> list[Any]:
    """What ``section`` holds under ``name``: as one key, as nested tables, then spelled in other
    case.
    """
    entries = table_at(table, section)
    exact = ((name,), tuple(name.split(".")))
    spellings = sorted(
        spellings_of(entries, name),
        key=lambda keys: exact.index(keys) if keys in exact else len(exact),
    )
    return [value_at(entries, keys) for keys in spellings]


def spellings_of(table: Mapping[str, Any], name: str) -> Iterator[tuple[str, ...]]:
    """The keys that lead from ``table`` to ``name``: one key or, at its dots, several; case makes
    no difference.
    """
    wanted = name.lower()
    for end in (*(at for at, char in enumerate(wanted) if char == "."), len(wanted)):
        for key in _spelled(table, wanted[:end]):
            if end == len(wanted):
                yield (key,)
            elif isinstance(table[key], dict):
                for rest in spellings_of(table[key], wanted[end + 1 :]):
                    yield (key, *rest)


def _spelled(table: Mapping[str, Any], lowered: str) -> list[str]:
    if isinstance(table, Table):
        return table.spelled.get(lowered, [])
    return [str(key) for key in table if str(key).lower() == lowered]


def value_at(table: Any, keys: tuple[str, ...]) -> Any:
    """What nested tables hold at ``keys``, or ``None``."""
    for key in keys:
        table = table.get(key) if isinstance(table, dict) else None
    return table


def text_at(table: Mapping[str, Any], section: str, name: str, key: str) -> str | None:
    """The first text that ``section`` holds under ``name`` and ``key``, in any spelling of the
    name.
    """
    found = (
        entry.get(key) for entry in entries_of(table, section, name) if isinstance(entry, dict)
    )
    return next((value for value in found if isinstance(value, str)), None)


def leaf_names(
    entries: Mapping[str, Any], depth: int = _DEEPEST, *, settings: frozenset[str] = frozenset()
) -> Iterator[str]:
    """The names below a section; a name with dots may be a chain of tables.

    :param settings: keys that hold a table and are no part of a name.
    """
    for name, value in entries.items():
        inner = []
        if isinstance(value, dict):
            inner = [
                key
                for key, below in value.items()
                if isinstance(below, dict) and key not in settings
            ]
        if isinstance(value, dict) and inner and depth:
            for below in leaf_names(
                {key: value[key] for key in inner}, depth - 1, settings=settings
            ):
                yield f"{name}.{below}"
        if not inner or not isinstance(value, dict) or len(inner) < len(value):
            yield name
