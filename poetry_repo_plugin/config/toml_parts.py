"""Edits of TOML as text: a pair in a table, and tables in a file that is cut into parts.

Each text ends its last line. Whoever edits parses the result once more and compares; nothing here
is believed.
"""

from __future__ import annotations

import itertools
import re
from typing import Any

from poetry_repo_plugin.config import toml, toml_text
from poetry_repo_plugin.config.toml_text import KeyPath, Part

_FIRST = (("name",), ("url",), ("priority",))  # the words that Poetry writes first in a source


def block(path: KeyPath, data: dict[str, Any]) -> str:
    """An element of the array of tables ``path``."""
    lines = [f"[[{'.'.join(path)}]]"]
    lines += [f"{toml.dump_key(key)} = {toml.dump(value)}" for key, value in data.items()]
    return "\n".join(lines) + "\n"


def with_pair(text: str, key: str, value: object) -> str:
    """The text of one table with ``key`` set: in its old place, else behind the words that Poetry
    writes first.
    """
    found = list(toml_text.statements(text))
    for statement in found:
        if statement.kind == "pair" and statement.key == (key,):
            start, end = (statement.start + offset for offset in statement.value_span)
            return text[:start] + toml.dump(value) + text[end:]
    anchor = next(one for one in found if one.kind == "header")
    for one in found:
        if one.kind == "pair" and one.key in _FIRST:
            anchor = one
    end = anchor.start + len(anchor.text)
    pair = f"{_indent(anchor.text)}{toml.dump_key(key)} = {toml.dump(value)}\n"
    return text[:end] + pair + text[end:]


def without_pair(text: str, key: KeyPath, instead: tuple[str, object] | None = None) -> str:
    """The text of one table without the pairs below ``key``, or with another pair in their place.
    Comments stay.
    """
    kept = []
    for statement in toml_text.statements(text):
        line = statement.text
        if statement.kind != "pair" or statement.key[: len(key)] != key:
            kept.append(line)
        elif instead:
            tail = line[statement.value_span[1] :]
            pair = f"{toml.dump_key(instead[0])} = {toml.dump(instead[1])}"
            kept.append(f"{_indent(line)}{pair}{tail}")
        elif statement.comment >= 0:
            kept.append(_indent(line) + line[statement.comment :])
    return "".join(kept)


def without_table(pieces: list[Part], path: KeyPath) -> list[Part]:
    """``pieces`` without the table ``path`` and all below it, be it a header or a pair of another
    table.
    """
    while at := _first_below(pieces, path):
        pieces = cut(pieces, at - 1)
    for piece in pieces:
        own = piece.path
        if own is not None and path[: len(own)] == own and not piece.array:
            piece.text = without_pair(piece.text, path[len(own) :])
    return pieces


def cut(pieces: list[Part], at: int) -> list[Part]:
    """``pieces`` without the one at ``at`` and the blank lines that set it apart. It undoes
    :func:`put`, byte for byte.
    """
    before, after = joined(pieces[:at]), joined(pieces[at + 1 :])
    below = _blank_start(after)
    if not before:
        return toml_text.parts(after.removeprefix(below))
    if below or not after:
        before = before.removesuffix(_blank_end(before))
    return toml_text.parts(before + after)


def put(pieces: list[Part], at: int, text: str) -> list[Part]:
    """``pieces`` with the table ``text`` before the one at ``at``, set apart as its neighbours are:
    by a blank line, unless there was none at this place.
    """
    before, after = joined(pieces[:at]), joined(pieces[at:])
    gap = _blank_end(before)
    if gap:
        return toml_text.parts(before + text + gap + after)
    if not before:
        return toml_text.parts(f"{text}\n{after}" if after else text)
    if not after or _blank_start(after):
        return toml_text.parts(f"{before}\n{text}{after}")
    ends_in_comment = list(toml_text.statements(text))[-1].kind == "comment"
    return toml_text.parts(before + text + ("\n" if ends_in_comment else "") + after)


def put_element(pieces: list[Part], path: KeyPath, number: int, text: str) -> list[Part]:
    """``pieces`` with ``text`` as element ``number`` of the array of tables ``path``.

    It goes behind the element before it, so that a comment stays with what it is about; the first
    one goes before the others, else behind the other tables of its table, else to the end.
    """
    places = places_of(pieces, path)
    if number:
        return put(pieces, places[number - 1] + 1, text)
    if places:
        return put(pieces, _in_front_of(pieces, places[0]), text)
    tables = [at for at, piece in enumerate(pieces, 1) if piece.path is not None]
    near = [at for at in tables if _is_below(pieces[at - 1], path[:-1])]
    return put(pieces, [len(pieces), *tables, *near][-1], text)


def places_of(pieces: list[Part], path: KeyPath) -> list[int]:
    """Where the elements of the array of tables ``path`` stand."""
    return [at for at, piece in enumerate(pieces) if piece.array and piece.path == path]


def joined(pieces: list[Part]) -> str:
    """The text of ``pieces``."""
    return "".join(piece.text for piece in pieces)


def _first_below(pieces: list[Part], path: KeyPath) -> int:
    """The number of the first table that is ``path`` or below it, from 1; 0 for none."""
    numbers = (number for number, piece in enumerate(pieces, 1) if _is_below(piece, path))
    return next(numbers, 0)


def _in_front_of(pieces: list[Part], first: int) -> int:
    """The place before a table, and before the comments that introduce it. A comment on top of the
    file introduces the file if a blank line follows.
    """
    if first == 0 or pieces[first - 1].path is not None:
        return first
    introduces_file = first == 1 and _blank_end(pieces[0].text)
    if introduces_file:
        return first
    return first - 1


def _is_below(piece: Part, path: KeyPath) -> bool:
    return piece.path is not None and piece.path[: len(path)] == path


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _lines(text: str) -> list[str]:
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _blank_start(text: str) -> str:
    return "".join(itertools.takewhile(_is_blank, _lines(text)))


def _blank_end(text: str) -> str:
    found = list(itertools.takewhile(_is_blank, reversed(_lines(text))))
    return "".join(reversed(found))


def _is_blank(line: str) -> bool:
    return not line.strip()
