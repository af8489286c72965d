"""The sources of a ``pyproject.toml`` as text that can be edited: everything else keeps every byte.

:class:`SourceText` takes edits, and hands back a text that it has parsed again: either it says what
was meant and all else is as before, or it is not returned. An inline ``source = [{ ... }]`` becomes
``[[tool.poetry.source]]`` tables as soon as a source changes.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from poetry_repo_plugin.config import toml, toml_text
from poetry_repo_plugin.config.source_array import array_as_tables
from poetry_repo_plugin.config.toml_parts import (
    block,
    cut,
    joined,
    places_of,
    put,
    put_element,
    with_pair,
    without_pair,
    without_table,
)
from poetry_repo_plugin.config.toml_text import KeyPath, Part
from poetry_repo_plugin.core.errors import StateError
from poetry_repo_plugin.core.names import match_name

POETRY = ("tool", "poetry")
SOURCE = (*POETRY, "source")
OWN = ("tool", "poetry-repo-plugin")


KEPT_PYPI = """\
[[tool.poetry.source]]
name = "PyPI"  # keeps PyPI enabled
priority = "primary"
"""


@dataclass(eq=False)
class Unit:
    """One source: its data, and its text (``None`` for one that is not written yet)."""

    data: dict[str, Any]
    text: str | None = None

    @classmethod
    def kept_pypi(cls) -> Unit:
        """A new entry for PyPI that says why it is there. One in other words is a user's."""
        return cls({"name": "PyPI", "priority": "primary"}, KEPT_PYPI)

    @property
    def is_kept_pypi(self) -> bool:
        """Whether :meth:`kept_pypi` made it."""
        return self.text is not None and self.text.strip() == KEPT_PYPI.strip()


class SourceText:
    """A ``pyproject.toml`` whose sources are edited through ``units``; :meth:`text` gives the file
    back.

    ``units`` is a plain list: take out of it, insert into it; :meth:`move` reorders it.
    :raises StateError: the text cannot be parsed, or its sources are not a list of tables.
    """

    def __init__(self, text: str, what: str = "pyproject.toml") -> None:
        self._what = what
        self._original = text
        self._crlf = "\r\n" in text and not re.search(r"(?<!\r)\n", text)
        self._open_end = bool(text) and not text.endswith("\n")
        self._text = text.replace("\r\n", "\n") if self._crlf else text
        self._text += "\n" if self._open_end else ""
        self._data = toml.parse(self._text, what)
        tables = _source_tables(self._data, what)
        self._as_it_is = toml_text.parts(self._text)
        converted = array_as_tables(self._as_it_is, SOURCE, tables)
        self._is_array = converted is not None
        self._parts = toml_text.parts(self._text) if converted is None else converted
        self._old = [_unit(part) for part in self._parts if _is_source(part)]
        self._old_texts = [unit.text for unit in self._old]
        if not toml.same([unit.data for unit in self._old], tables):
            raise self._unfit()
        self.units = list(self._old)
        self._moved: list[Unit] = []

    @property
    def turns_array(self) -> bool:
        """Whether an inline array becomes tables."""
        return self._is_array and self._is_edited() and bool(self.units)

    def set(self, unit: Unit, key: str, value: object) -> None:
        """Give ``key`` of a source a value; a key that is there keeps its place and its comment."""
        unit.data[key] = value
        assert unit.text is not None, "a new source is inserted with all its words"
        unit.text = with_pair(unit.text, key, value)

    def drop(self, unit: Unit, key: str, instead: tuple[str, object] | None = None) -> None:
        """Take ``key`` out of a source, or put another pair in its place. Its comment stays."""
        del unit.data[key]
        if instead:
            unit.data[instead[0]] = instead[1]
        assert unit.text is not None, "a new source is inserted with all its words"
        unit.text = without_pair(unit.text, (key,), instead)

    def move(self, unit: Unit, at: int) -> None:
        """Make ``unit`` number ``at`` of the others. What stands around the others stays there."""
        self.units.remove(unit)
        self.units.insert(at, unit)
        self._moved.append(unit)

    def drop_settings(self, name: str) -> bool:
        """Remove ``[tool.poetry-repo-plugin.NAME]`` in any spelling of the name; whether there was
        one.
        """
        own = self._data.get("tool", {}).get(OWN[1])
        if not isinstance(own, dict):
            return False
        gone = [key for key in own if key.lower() == name.lower()]
        paths: list[KeyPath] = [(*OWN, key) for key in gone]
        for key in gone:
            del own[key]
        if gone and not own:
            paths.append(OWN)
        for path in paths:
            self._parts = without_table(self._parts, path)
            self._as_it_is = without_table(self._as_it_is, path)
        return bool(gone)

    def set_setting(self, name: str, key: str, value: object) -> None:
        """Give a key of ``[tool.poetry-repo-plugin.NAME]`` a value; ``None`` takes it out."""
        own = self._data.setdefault("tool", {}).setdefault(OWN[1], {})
        spelled = match_name(name, own) or name
        table = own.setdefault(spelled, {}) if isinstance(own, dict) else None
        if not isinstance(table, dict):
            raise self._unfit()
        if value is not None:
            table[key] = value
        elif table.pop(key, None) is None or not table:
            self.drop_settings(spelled)
            return
        path = (*OWN, spelled)
        self._parts = _with_setting(self._parts, path, key, value)
        self._as_it_is = _with_setting(self._as_it_is, path, key, value)

    def text(self) -> str:
        """The file with all edits. Raises :class:`StateError` where its form does not allow
        them.
        """
        expected = copy.deepcopy(self._data)
        sources = [unit.data for unit in self.units]
        expected.setdefault("tool", {}).setdefault("poetry", {})["source"] = sources
        new = self._place() if self._is_edited() else joined(self._as_it_is)
        if not _says(new, expected):
            raise self._unfit()
        if new == self._text:
            return self._original
        if self._open_end:
            new = new.removesuffix("\n")
        if not self._crlf:
            return new
        return new.replace("\n", "\r\n")

    def _is_edited(self) -> bool:
        """Whether a source changed."""
        return self.units != self._old or [unit.text for unit in self.units] != self._old_texts

    def _unfit(self) -> StateError:
        form = "is written in a form in which its sources cannot be edited here"
        mend = "write them as [[tool.poetry.source]] tables"
        return StateError(f"{self._what} {form}. It was not changed: {mend}.")

    def _place(self) -> str:
        """The text with the units in it: those that went or moved are cut out, then those that came
        or moved are put where they belong.
        """
        stay = [unit for unit in self._old if unit in self.units and unit not in self._moved]
        pieces = [Part(part.text, part.path, part.array) for part in self._parts]
        for at, unit in reversed(list(zip(places_of(pieces, SOURCE), self._old, strict=True))):
            if unit not in stay:
                pieces = cut(pieces, at)
            elif unit.text is not None:
                pieces[at].text = unit.text
        for number, unit in enumerate(self.units):
            if unit not in stay:
                text = block(SOURCE, unit.data) if unit.text is None else unit.text
                pieces = put_element(pieces, SOURCE, number, text)
        return joined(pieces)


def _with_setting(pieces: list[Part], path: KeyPath, key: str, value: object) -> list[Part]:
    """``pieces`` with a pair of the table ``path`` set, or for ``None`` taken out; a new table
    stands behind those like it.
    """
    for piece in pieces:
        if piece.path == path and not piece.array:
            if value is None:
                piece.text = without_pair(piece.text, (key,))
            else:
                piece.text = with_pair(piece.text, key, value)
            return pieces
    like = [at for at, one in enumerate(pieces, 1) if one.path and one.path[: len(OWN)] == OWN]
    header = ".".join(toml.dump_key(part) for part in path)
    text = f"[{header}]\n{toml.dump_key(key)} = {toml.dump(value)}\n"
    return put(pieces, like[-1] if like else len(pieces), text)


def tables_of(text: str, what: str = "pyproject.toml") -> list[dict[str, Any]]:
    """Give the sources of ``text``. Raises as the class."""
    return _source_tables(toml.parse(text, what), what)


def as_tables(text: str, what: str = "pyproject.toml") -> str:
    """The sources of ``text`` alone, as tables, whatever the form that they are written in. Raises
    as the class.
    """
    return "".join(block(SOURCE, data) for data in tables_of(text, what))


def _source_tables(data: dict[str, Any], what: str) -> list[dict[str, Any]]:
    poetry: Any = data
    for number, key in enumerate(POETRY, 1):
        poetry = poetry.get(key, {})
        if not isinstance(poetry, dict):
            raise StateError(f"{what}: {'.'.join(POETRY[:number])} is not a table.")
    sources = poetry.get("source", [])
    whole = ".".join(SOURCE)
    if not isinstance(sources, list):
        raise StateError(f"{what}: {whole} is not a list.")
    if not all(isinstance(entry, dict) for entry in sources):
        raise StateError(f"{what}: {whole} holds something that is not a table.")
    return list(sources)


def _is_source(part: Part) -> bool:
    return part.path == SOURCE and part.array


def _unit(part: Part) -> Unit:
    return Unit(toml.parse(part.text)["tool"]["poetry"]["source"][0], part.text)


def _says(text: str, expected: dict[str, Any]) -> bool:
    try:
        return toml.same(_pruned(toml.parse(text)), _pruned(expected))
    except StateError:
        return False


def _pruned(data: dict[str, Any]) -> dict[str, Any]:
    """``data`` without the tables and lists of ours and Poetry's that hold nothing: they come and
    go with sources.
    """
    tool = dict(data.get("tool", {}))
    for name in (POETRY[1], OWN[1]):
        inner = tool.get(name)
        if isinstance(inner, dict):
            tool[name] = {key: value for key, value in inner.items() if key != "source" or value}
    filled: Iterable[tuple[str, Any]] = ((key, value) for key, value in tool.items() if value)
    return {**data, "tool": dict(filled)}
