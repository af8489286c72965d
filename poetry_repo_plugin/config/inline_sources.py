"""Sources written as ``source = [{ name = "foo", url = "..." }]``: the array's elements as text
that can be edited.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from poetry_repo_plugin.config import toml, toml_text
from poetry_repo_plugin.config.toml_text import KeyPath, Part

_COMMENT = re.compile(r"[ \t]*#[^\n]*")


@dataclass(eq=False)
class Unit:
    """One source: its data, and its text (``None`` for one that is not written yet).

    In an inline array ``before`` is the white space and the comments above it, ``between`` what
    stands before its comma, and ``after`` a comment behind it on the same line.
    """

    data: dict[str, Any]
    text: str | None = None
    before: str = ""
    between: str = ""
    after: str = ""


@dataclass
class InlineSources:
    """The array: its elements, and where it stands in the table that it is a key of."""

    part: Part
    start: int
    end: int
    line_start: int
    line_end: int
    units: list[Unit] = field(default_factory=list)
    comma_last: bool = False
    close: str = ""

    @classmethod
    def find(cls, parts: list[Part], path: KeyPath) -> InlineSources | None:
        """The array that is the value of ``path``, if it is written as one."""
        for part in parts:
            if part.path is None or part.array or path[: len(part.path)] != part.path:
                continue
            for one in toml_text.statements(part.text):
                if one.kind == "pair" and (*part.path, *one.key) == path:
                    start, end = (one.start + offset for offset in one.value_span)
                    found = cls(part, start, end, one.start, one.start + len(one.text))
                    found._read(part.text[start + 1 : end - 1])
                    return found
        return None

    def place(self, parts: list[Part], units: list[Unit]) -> str:
        """The whole file with ``units`` in the array; with its last element the array goes, if no
        comment is in it.
        """
        text = self.part.text
        if units or not self.units or "#" in self.close + text[self.end : self.line_end]:
            new = f"{text[: self.start]}[{self._render(units)}]{text[self.end :]}"
        else:
            new = text[: self.line_start] + text[self.line_end :]
        return "".join(new if part is self.part else part.text for part in parts)

    def _read(self, inner: str) -> None:
        """Cut the text between the brackets into elements with what belongs to each."""
        depth = done = 0
        element = comma = -1
        spans: list[tuple[int, int]] = []
        for kind, start, end in toml_text.tokens(inner):
            if kind == "open":
                element, depth = (start if depth == 0 else element), depth + 1
            elif kind == "close":
                depth -= 1
                if depth == 0:
                    spans.append((element, end))
                    comma = -1
            elif kind == "comma" and depth == 0:
                comma = start
                done = self._take(inner, done, spans[-1], comma)
        if spans and comma < 0:
            done = self._take(inner, done, spans[-1], -1)
        self.comma_last = bool(spans) and comma >= 0
        self.close = inner[done:]

    def _take(self, inner: str, done: int, span: tuple[int, int], comma: int) -> int:
        start, end = span
        text = inner[start:end]
        behind = comma + 1 if comma >= 0 else end
        comment = _COMMENT.match(inner, behind)
        after = comment[0] if comment else ""
        between = inner[end:comma] if comma >= 0 else ""
        self.units.append(
            Unit(toml.parse(f"x = {text}")["x"], text, inner[done:start], between, after)
        )
        return behind + len(after)

    def _render(self, units: list[Unit]) -> str:
        out = ""
        for number, unit in enumerate(units):
            last = number == len(units) - 1
            comma = "," if not last or self.comma_last else ""
            text = toml.dump(unit.data) if unit.text is None else unit.text
            out += (
                _joint(out, self._before(number, unit)) + text + unit.between + comma + unit.after
            )
        return out + _joint(out, self.close)

    def _before(self, number: int, unit: Unit) -> str:
        """What stands before an element: its own lines, or, where all is on one line, what its
        place had.
        """
        leads = [one.before for one in self.units]
        if any("\n" in lead for lead in leads):
            lines = [found[0] for lead in leads if (found := re.search(r"\n[ \t]*\Z", lead))]
            return unit.before if unit.text is not None else lines[-1] if lines else "\n"
        return " " if number else "".join(leads[:1])


def _joint(out: str, text: str) -> str:
    """``text``, on a line of its own if ``out`` ends in a comment."""
    return f"\n{text}" if "#" in _last_comment(out) and not re.match(r"[ \t\r]*\n", text) else text


def _last_comment(out: str) -> str:
    found = [out[start:end] for kind, start, end in toml_text.tokens(out) if kind == "comment"]
    return found[-1] if found and out.endswith(found[-1]) else ""
