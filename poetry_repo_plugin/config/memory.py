"""What other plugins have put into Poetry's configuration in memory.

Poetry merges its files into one table, and plugins merge theirs (a token that they have just
fetched) into the same. What differs from the files is theirs. What a project's files brought there
is not: a project is believed in less.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from poetry_repo_plugin.config.keys import Table, table_at, value_at

SECTIONS = ("http-basic", "pypi-token", "certificates", "repositories")
ANOTHER_PLUGIN = "another plugin"

Leaf = tuple[tuple[str, ...], Any]


def leaves_of(table: Mapping[str, Any]) -> Iterator[Leaf]:
    """Every value below the sections that are about repositories, with the keys that lead to it."""
    for section in SECTIONS:
        for keys, value in _below(table_at(table, section)):
            yield (section, *keys), value


def added_to(
    memory: Mapping[str, Any],
    user: Sequence[Mapping[str, Any]],
    project: Sequence[Leaf],
) -> Table:
    """What is in ``memory`` and in no file.

    The user name of the user's files goes with a new password; nothing else of theirs is taken
    along, because it may be bound to some origins, and what is in memory is bound to none.

    :param user: what the user's files hold.
    :param project: what projects' files brought there.
    """
    found: dict[str, Any] = {}
    for leaves in _entries(memory):
        new = [leaf for leaf in leaves if not _is_in(user, leaf) and leaf not in project]
        names = [leaf for leaf in leaves if leaf[0][-1] == "username" and _is_in(user, leaf)]
        for keys, value in (*names, *new) if new else ():
            _put(found, keys, value)
    return Table.of(found)


def _entries(memory: Mapping[str, Any]) -> Iterable[list[Leaf]]:
    found: dict[tuple[str, ...], list[Leaf]] = {}
    for keys, value in leaves_of(memory):
        entry = keys
        if keys[0] != "pypi-token":
            entry = keys[:-1]
        found.setdefault(entry, []).append((keys, value))
    return found.values()


def _is_in(tables: Sequence[Mapping[str, Any]], leaf: Leaf) -> bool:
    keys, value = leaf
    return any(value_at(table, keys) == value for table in tables)


def _below(table: Mapping[str, Any], before: tuple[str, ...] = ()) -> Iterator[Leaf]:
    for key, value in table.items():
        keys = (*before, str(key))
        if isinstance(value, Mapping):
            yield from _below(value, keys)
        else:
            yield keys, value


def _put(table: dict[str, Any], keys: tuple[str, ...], value: Any) -> None:
    for key in keys[:-1]:
        table = table.setdefault(key, {})
    table[keys[-1]] = value
