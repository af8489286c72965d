"""TOML as text: where its statements are, so that an edit leaves every other byte alone.

``tomlkit`` hangs a comment above a header on the table before it, so that removing or moving one
table of an array takes the comment of its neighbour along. Here a file is cut into statements, and
a comment belongs to the header that it stands directly above. Everything assumes a text that
``tomllib`` has accepted (TOML 1.0, https://toml.io/en/v1.0.0).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from poetry_repo_plugin.core.patterns import Pattern

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_TOKEN = Pattern(
    r"""
    (?P<string> \"{3} (?:[^\\]|\\.)*? \"{3,5} | '{3} .*? '{3,5} | "(?:[^"\\\n]|\\.)*" | '[^'\n]*' )
    | (?P<comment> \#[^\n]* )
    | (?P<open> [\[{] ) | (?P<close> [\]}] ) | (?P<equals> = ) | (?P<comma> , ) | (?P<newline> \n )
    """,
    re.VERBOSE | re.DOTALL,
)

KeyPath = tuple[str, ...]


@dataclass(frozen=True)
class Statement:
    """One statement of a text with its line ending: a header, a ``key = value``, a comment or a
    blank line.

    ``kind`` is ``header``, ``pair``, ``comment`` or ``blank``; ``equals`` and ``comment`` are
    offsets into ``text``, -1 where there is none.
    """

    text: str
    start: int
    kind: str
    equals: int
    comment: int

    @property
    def key(self) -> KeyPath:
        """The parts of a pair's key, relative to the table it stands in."""
        found: list[str] = []
        inner: Any = tomllib.loads(f"{self.text[: self.equals]}= 0")
        while isinstance(inner, dict):
            name, inner = next(iter(inner.items()))
            found.append(name)
        return tuple(found)

    @property
    def value_span(self) -> tuple[int, int]:
        """Where in ``text`` the value of a pair starts and ends."""
        end = self.comment if self.comment >= 0 else len(self.text)
        value = self.text[self.equals + 1 : end]
        start = self.equals + 1 + len(value) - len(value.lstrip())
        return start, start + len(value.strip())


@dataclass
class Part:
    """A piece of a file: a table with the comments above it (``path`` names it), or what stands
    between two tables (``path`` is ``None``). ``array`` says that the header was ``[[...]]``; the
    pairs above any header have path ``()``.
    """

    text: str
    path: KeyPath | None = None
    array: bool = False


def statements(text: str) -> Iterator[Statement]:
    """The statements of ``text`` in order; joined, their texts are ``text``."""
    start = depth = 0
    equals = comment = -1
    for token in _TOKEN.finditer(text):
        name = token.lastgroup
        if name == "open":
            depth += 1
        elif name == "close":
            depth -= 1
        elif name == "equals" and depth == 0 and equals < 0:
            equals = token.start() - start
        elif name == "comment" and depth == 0:
            comment = token.start() - start
        elif name == "newline" and depth == 0:
            yield _statement(text[start : token.end()], start, equals, comment)
            start, equals, comment = token.end(), -1, -1
    if start < len(text):
        yield _statement(text[start:], start, equals, comment)


def parts(text: str) -> list[Part]:
    """``text`` as tables and what stands between them; joined, their texts are ``text``.

    A table starts with the comment lines directly above its header (except those at the very top of
    a file, which speak of the file) and ends after its last pair and the comment lines directly
    below that.
    """
    found: list[Part] = []
    held: list[Statement] = []
    path: KeyPath = ()
    array = False
    for statement in statements(text):
        if statement.kind == "header":
            cut = len(held) - _lead(held)
            found += _table(held[:cut], path, array)
            held = held[cut:]
            path, array = _header(statement.text)
        held.append(statement)
    return found + _table(held, path, array)


def tokens(text: str) -> Iterator[tuple[str, int, int]]:
    """``(kind, start, end)`` of the strings, comments, brackets, commas and line ends in
    ``text``.
    """
    for token in _TOKEN.finditer(text):
        assert token.lastgroup is not None
        yield token.lastgroup, token.start(), token.end()


def _statement(text: str, start: int, equals: int, comment: int) -> Statement:
    bare = text.strip()
    kind = "blank"
    if bare:
        kind = {"#": "comment", "[": "header"}.get(bare[0], "pair")
    return Statement(text, start, kind, equals, comment)


def _header(text: str) -> tuple[KeyPath, bool]:
    """The path that a header names, and whether it opens an element of an array."""
    path: list[str] = []
    inner: Any = tomllib.loads(text)
    array = False
    while inner:
        if isinstance(inner, list):
            inner, array = inner[0], True
        else:
            name, inner = next(iter(inner.items()))
            path.append(name)
    return tuple(path), array


def _lead(held: list[Statement]) -> int:
    """How many comment lines at the end of ``held`` stand directly above the header that
    follows.
    """
    count = 0
    while count < len(held) and held[-1 - count].kind == "comment":
        count += 1
    if count and held[-count].start == 0:
        return 0
    return count


def _table(held: list[Statement], path: KeyPath, array: bool) -> list[Part]:
    """``held`` as the table itself and the lines below that belong to no table."""
    end = max((i for i, one in enumerate(held, 1) if one.kind in ("header", "pair")), default=0)
    while 0 < end < len(held) and held[end].kind == "comment":
        end += 1
    table, rest = ("".join(one.text for one in some) for some in (held[:end], held[end:]))
    return ([Part(table, path, array)] if table else []) + ([Part(rest)] if rest else [])
