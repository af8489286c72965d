"""The sources of a ``pyproject.toml`` as text that can be edited: everything else keeps every byte.

:class:`SourceText` reads ``[[tool.poetry.source]]`` tables or an inline ``source = [{ ... }]``,
takes edits, and hands back a text that it has parsed again: either it says what was meant and all
else is as before, or it is not returned.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable
from typing import Any

from poetry_repo_plugin.config import toml, toml_text
from poetry_repo_plugin.config.inline_sources import InlineSources, Unit
from poetry_repo_plugin.config.toml_text import KeyPath, Part
from poetry_repo_plugin.core.errors import StateError

POETRY = ("tool", "poetry")
SOURCE = (*POETRY, "source")
OWN = ("tool", "poetry-repo-plugin")


class SourceText:
    """A ``pyproject.toml`` whose sources are edited through ``units``; :meth:`text` gives the file
    back.

    ``units`` is a plain list: reorder it, take out of it, insert into it. :raises StateError: the
    text cannot be parsed, or its sources are not a list of tables.
    """

    def __init__(self, text: str, what: str = "pyproject.toml") -> None:
        self._what = what
        self._original = text
        self._crlf = "\r\n" in text and not re.search(r"(?<!\r)\n", text)
        self._text = text.replace("\r\n", "\n") if self._crlf else text
        self._data = toml.parse(self._text, what)
        tables = _source_tables(self._data, what)
        self._parts = toml_text.parts(self._text)
        self._inline = InlineSources.find(self._parts, SOURCE)
        self._old = (
            self._inline.units
            if self._inline
            else [_unit(part) for part in self._parts if _is_source(part)]
        )
        if not toml.same([unit.data for unit in self._old], tables):
            raise self._unfit()
        self.units = list(self._old)

    def set(self, unit: Unit, key: str, value: object) -> None:
        """Give ``key`` of a source a value; a key that is there keeps its place and its comment."""
        unit.data[key] = value
        assert unit.text is not None, "a new source is inserted with all its words"
        unit.text = toml.dump(unit.data) if self._inline else _with_pair(unit.text, key, value)

    def drop(self, unit: Unit, key: str, instead: tuple[str, object] | None = None) -> None:
        """Take ``key`` out of a source, or put another pair in its place. Its comment stays."""
        del unit.data[key]
        if instead:
            unit.data[instead[0]] = instead[1]
        assert unit.text is not None, "a new source is inserted with all its words"
        unit.text = (
            toml.dump(unit.data) if self._inline else _without_pair(unit.text, (key,), instead)
        )

    def drop_settings(self, name: str) -> bool:
        """Remove ``[tool.poetry-repo-plugin.NAME]`` in any spelling of the name; whether there was
        one.
        """
        own = self._data.get("tool", {}).get(OWN[1])
        gone = [key for key in own if key.lower() == name.lower()] if isinstance(own, dict) else []
        for key in gone:
            _remove_table(self._parts, (*OWN, key))
            del own[key]
        if gone and not own:
            _remove_table(self._parts, OWN)
        if self._inline and (moved := InlineSources.find(self._parts, SOURCE)):
            moved.units = self._inline.units
            self._inline = moved
        return bool(gone)

    def text(self) -> str:
        """The file with all edits. Raises :class:`StateError` where its form does not allow
        them.
        """
        expected = copy.deepcopy(self._data)
        expected.setdefault("tool", {}).setdefault("poetry", {})["source"] = [
            unit.data for unit in self.units
        ]
        new = self._inline.place(self._parts, self.units) if self._inline else self._place()
        if not _says(new, expected):
            raise self._unfit()
        if new == self._text:
            return self._original
        return new.replace("\n", "\r\n") if self._crlf else new

    def _unfit(self) -> StateError:
        return StateError(
            f"{self._what} is written in a form in which its sources cannot be edited here. It was left as it is: "
            "write them as [[tool.poetry.source]] tables."
        )

    def _place(self) -> str:
        """The parts with the units in the places of the old sources: missing ones removed, new ones
        behind.
        """
        pieces = [Part(part.text, part.path, part.array) for part in self._parts]
        places = [piece for piece in pieces if _is_source(piece)]
        for unit, piece in zip(self._old, list(places), strict=True):
            if unit not in self.units:
                places.remove(piece)
                _remove(pieces, piece)
        while len(places) < len(self.units):
            places.append(_insert(pieces, places[-1] if places else None))
        for unit, piece in zip(self.units, places, strict=True):
            piece.text = _block(unit.data) if unit.text is None else unit.text
        return "".join(
            [_ended(piece.text) for piece in pieces[:-1]] + [piece.text for piece in pieces[-1:]]
        )


def tables_of(text: str, what: str = "pyproject.toml") -> list[dict[str, Any]]:
    """Give the sources of ``text``. Raises as the class."""
    return _source_tables(toml.parse(text, what), what)


def as_tables(text: str, what: str = "pyproject.toml") -> str:
    """The sources of ``text`` alone, as tables, whatever the form that they are written in. Raises
    as the class.
    """
    return "".join(map(_block, _source_tables(toml.parse(text, what), what)))


def _source_tables(data: dict[str, Any], what: str) -> list[dict[str, Any]]:
    inner: Any = data
    for number, key in enumerate(SOURCE, 1):
        inner = inner.get(key, [] if key == "source" else {})
        if not isinstance(inner, list if key == "source" else dict):
            raise StateError(
                f"{what}: {'.'.join(SOURCE[:number])} is not {'a list' if key == 'source' else 'a table'}."
            )
    if not all(isinstance(entry, dict) for entry in inner):
        raise StateError(f"{what}: {'.'.join(SOURCE)} holds something that is not a table.")
    return list(inner)


def _is_source(part: Part) -> bool:
    return part.path == SOURCE and part.array


def _unit(part: Part) -> Unit:
    return Unit(toml.parse(part.text)["tool"]["poetry"]["source"][0], part.text)


def _block(data: dict[str, Any]) -> str:
    pairs = "".join(f"{toml.dump_key(key)} = {toml.dump(value)}\n" for key, value in data.items())
    return f"[[{'.'.join(SOURCE)}]]\n{pairs}"


def _ended(text: str) -> str:
    return text if text.endswith("\n") or not text else f"{text}\n"


def _with_pair(text: str, key: str, value: object) -> str:
    """The text of one table with ``key`` set: in its old place, else behind the words that Poetry
    writes first.
    """
    found = list(toml_text.statements(_ended(text)))
    for statement in found:
        if statement.kind == "pair" and statement.key == (key,):
            start, end = (statement.start + offset for offset in statement.value_span)
            return text[:start] + toml.dump(value) + text[end:]
    known = [
        one
        for one in found
        if one.kind == "pair" and one.key in (("name",), ("url",), ("priority",))
    ]
    anchor = known[-1] if known else next(one for one in found if one.kind == "header")
    indent = anchor.text[: len(anchor.text) - len(anchor.text.lstrip())]
    end = anchor.start + len(anchor.text)
    return f"{_ended(text)[:end]}{indent}{toml.dump_key(key)} = {toml.dump(value)}\n{text[end:]}"


def _without_pair(text: str, key: KeyPath, instead: tuple[str, object] | None = None) -> str:
    """The text of one table without the pairs below ``key``, or with another pair in their place.
    Comments stay.
    """
    kept = []
    for statement in toml_text.statements(_ended(text)):
        if statement.kind != "pair" or statement.key[: len(key)] != key:
            kept.append(statement.text)
            continue
        indent = statement.text[: len(statement.text) - len(statement.text.lstrip())]
        comment = statement.text[statement.comment :] if statement.comment >= 0 else ""
        if instead:
            tail = statement.text[statement.value_span[1] :]
            kept.append(f"{indent}{toml.dump_key(instead[0])} = {toml.dump(instead[1])}{tail}")
        elif comment:
            kept.append(indent + comment)
    return "".join(kept)


def _remove_table(pieces: list[Part], path: KeyPath) -> None:
    """Take the table ``path`` and all below it out of ``pieces``, whether it has a header or is a
    pair of another.
    """
    for piece in list(pieces):
        if piece.path is None:
            continue
        if piece.path[: len(path)] == path:
            _remove(pieces, piece)
        elif path[: len(piece.path)] == piece.path and not piece.array:
            piece.text = _without_pair(piece.text, path[len(piece.path) :])


def _remove(pieces: list[Part], piece: Part) -> None:
    """Take ``piece`` out of ``pieces`` with the blank lines that set it apart; what stands between
    tables stays.
    """
    at = next(i for i, one in enumerate(pieces) if one is piece)
    first = at - 1 if at and pieces[at - 1].path is None else at
    last = at + 1 if at + 1 < len(pieces) and pieces[at + 1].path is None else at
    before, after = (
        "".join(one.text for one in some) for some in (pieces[first:at], pieces[at + 1 : last + 1])
    )
    if at == 0 or (before and not _lines(before)[-1].strip()):
        after = _trimmed(after, front=True)
    if last == len(pieces) - 1 and not after:
        before = _trimmed(before, front=False)
    pieces[first : last + 1] = [Part(before + after)] if before + after else []


def _insert(pieces: list[Part], behind: Part | None) -> Part:
    """Make room for one more source: behind the last one, else behind Poetry's own tables, else at
    the end.
    """
    new = Part("", SOURCE, True)
    tables = [piece for piece in pieces if piece.path is not None]
    ours = [piece for piece in tables if piece.path is not None and piece.path[:2] == POETRY]
    anchor = behind or next(reversed(ours or tables or pieces), None)
    if anchor is None:
        pieces.append(new)
        return new
    at = next(i for i, one in enumerate(pieces, 1) if one is anchor)
    follows = at < len(pieces) and pieces[at].path is not None
    apart = anchor.path is None and not _lines(anchor.text)[-1].strip()
    pieces[at:at] = [*([] if apart else [Part("\n")]), new, *([Part("\n")] if follows else [])]
    return new


def _lines(text: str) -> list[str]:
    return re.findall(r"[^\n]*\n|[^\n]+", text) or [""]


def _trimmed(text: str, *, front: bool) -> str:
    lines = _lines(text)
    while lines and not lines[0 if front else -1].strip():
        del lines[0 if front else -1]
    return "".join(lines)


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
