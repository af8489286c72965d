"""Edits of TOML as text: a pair in a table, and tables in a file that is cut into parts.

Whoever edits parses the result once more and compares; nothing here is believed.
"""

from __future__ import annotations

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
    text = ended(text)
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
    for statement in toml_text.statements(ended(text)):
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


def remove_table(pieces: list[Part], path: KeyPath) -> None:
    """Take the table ``path`` and all below it out of ``pieces``, whether it has a header or is a
    pair of another.
    """
    for piece in list(pieces):
        if piece.path is None:
            continue
        if piece.path[: len(path)] == path:
            remove(pieces, piece)
        elif path[: len(piece.path)] == piece.path and not piece.array:
            piece.text = without_pair(piece.text, path[len(piece.path) :])


def remove(pieces: list[Part], piece: Part) -> None:
    """Take ``piece`` out of ``pieces`` with the blank lines that set it apart; what stands between
    tables stays.
    """
    first = last = _place_of(pieces, piece)
    before = after = ""
    if first and pieces[first - 1].path is None:
        first -= 1
        before = pieces[first].text
    if last + 1 < len(pieces) and pieces[last + 1].path is None:
        last += 1
        after = pieces[last].text
    if pieces[0] is piece or _ends_blank(before):
        after = _trimmed(after, front=True)
    if last == len(pieces) - 1 and not after:
        before = _trimmed(before, front=False)
    pieces[first : last + 1] = [Part(before + after)] if before + after else []


def insert(pieces: list[Part], path: KeyPath, behind: Part | None = None) -> Part:
    """Make room for one more element of the array of tables ``path``: behind ``behind``, else
    behind the other tables of its table, else at the end.
    """
    new = Part("", path, True)
    tables = [piece for piece in pieces if piece.path is not None]
    near = [piece for piece in tables if _is_below(piece, path[:-1])]
    anchor = behind or next(reversed(near or tables or pieces), None)
    if anchor is None:
        pieces.append(new)
        return new
    at = _place_of(pieces, anchor) + 1
    added = [new]
    if anchor.path is not None or not _ends_blank(anchor.text):
        added.insert(0, Part("\n"))
    if at < len(pieces) and pieces[at].path is not None:
        added.append(Part("\n"))
    pieces[at:at] = added
    return new


def joined(pieces: list[Part]) -> str:
    """The file; each part but the last ends its line."""
    whole = [ended(piece.text) for piece in pieces[:-1]]
    return "".join(whole + [piece.text for piece in pieces[-1:]])


def ended(text: str) -> str:
    """``text`` with a line end behind it, unless it is empty."""
    if not text or text.endswith("\n"):
        return text
    return f"{text}\n"


def _place_of(pieces: list[Part], piece: Part) -> int:
    return next(at for at, one in enumerate(pieces) if one is piece)


def _is_below(piece: Part, path: KeyPath) -> bool:
    return piece.path is not None and piece.path[: len(path)] == path


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _lines(text: str) -> list[str]:
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _ends_blank(text: str) -> bool:
    lines = _lines(text)
    return bool(lines) and not lines[-1].strip()


def _trimmed(text: str, *, front: bool) -> str:
    lines = _lines(text)
    side = 0 if front else -1
    while lines and not lines[side].strip():
        del lines[side]
    return "".join(lines)
