"""Sources written as ``source = [{ name = "foo", url = "..." }]``, turned into tables with their
comments.
"""

from __future__ import annotations

from typing import Any

from poetry_repo_plugin.config import toml_text
from poetry_repo_plugin.config.toml_parts import block, put_element
from poetry_repo_plugin.config.toml_text import KeyPath, Part, Statement


def array_as_tables(
    parts: list[Part], path: KeyPath, elements: list[dict[str, Any]]
) -> list[Part] | None:
    """``parts`` with the array as tables; ``None`` where the value of ``path`` is no inline array.

    A comment goes above the header of its element. Those behind the last element stay where the
    array was, and so does the one behind the bracket.

    :param elements: what the array holds.
    """
    found = _find(parts, path)
    if found is None:
        return None
    part, statement = found
    start, end = statement.value_span
    comments, rest = _comments(statement.text[start + 1 : end - 1])
    if statement.comment >= 0:
        rest.append(statement.text[statement.comment :].rstrip("\n"))
    place, behind = statement.start, statement.start + len(statement.text)
    left = part.text[:place] + "".join(f"{one}\n" for one in rest) + part.text[behind:]
    pieces = [Part(one.text, one.path, one.array) for one in parts if one is not part or left]
    if left:
        pieces[parts.index(part)].text = left
    for number, (data, above) in enumerate(zip(elements, comments, strict=True)):
        text = "".join(f"{one}\n" for one in above) + block(path, data)
        pieces = put_element(pieces, path, number, text)
    return pieces


def _find(parts: list[Part], path: KeyPath) -> tuple[Part, Statement] | None:
    """The pair whose key is ``path``, and where it stands."""
    for part in parts:
        if part.path is None or part.array or path[: len(part.path)] != part.path:
            continue
        for one in toml_text.statements(part.text):
            if one.kind == "pair" and (*part.path, *one.key) == path:
                return part, one
    return None


def _comments(inner: str) -> tuple[list[list[str]], list[str]]:
    """The comments of each element, and those behind the last.

    A comment belongs to the element that it stands in or behind on a line, else to the next one.
    """
    found: list[list[str]] = []
    held: list[str] = []
    depth, is_behind = 0, False
    for kind, start, end in toml_text.tokens(inner):
        if kind == "open":
            if depth == 0:
                found.append(held)
                held = []
            depth += 1
            is_behind = True
        elif kind == "close":
            depth -= 1
        elif kind == "newline" and depth == 0:
            is_behind = False
        elif kind == "comment":
            owner = held
            if is_behind:
                owner = found[-1]
            owner.append(inner[start:end])
    return found, held
