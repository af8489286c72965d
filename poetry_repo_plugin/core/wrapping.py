"""Lines for a person at a terminal: folded between words, with what is meant to be copied, commands
and URLs, whole.
"""

from __future__ import annotations

import os
import textwrap
from typing import Any

from poetry_repo_plugin.core.patterns import Pattern

_NARROWEST = 20  # columns; below, whatever is done looks bad
_USUAL = 80
# A command in backticks, or at a line's end; of the latter's look-alike the URL behind it is what
# matters.
_COMMAND = Pattern(r"`[^`]+`|(?<=: )poetry (?!publish -r \S+ uploads ).*")
_GLUE = "\x00"  # our lines are printable, so there is none in them


def width_of(output: Any) -> int | None:
    """The columns of the terminal that ``output`` (cleo's, or a file) writes to; ``None`` if it is
    none.
    """
    stream = getattr(output, "stream", output)
    try:
        if not stream.isatty():
            return None
        given = os.environ.get("COLUMNS", "")
        columns = 0
        if given.isascii() and given.isdigit():
            columns = int(given)
        columns = columns or os.get_terminal_size(stream.fileno()).columns or _USUAL
    except (AttributeError, OSError, ValueError):  # no file, or a closed one
        return None
    if columns >= _NARROWEST:
        return columns
    return None


def wrapped(line: str, width: int | None) -> list[str]:
    """``line`` in lines of at most ``width`` columns, but where a command or a URL is longer."""
    if width is None or len(line) <= width or line.startswith("Try: "):
        return [line]
    glued = _COMMAND.sub(lambda found: found[0].replace(" ", _GLUE), line)
    return [one.replace(_GLUE, " ") for one in fill(glued, width, breaks=False)]


def folded(row: str, width: int | None, indent: int) -> list[str]:
    """A row of a table in lines of at most ``width`` columns; those behind the first are indented.

    Paths, URLs and names stay whole, to be copied.
    """
    if width is None or len(row) <= width:
        return [row]
    return fill(row, width, breaks=False, indent=" " * min(indent, width // 2))


def fill(text: str, width: int, *, breaks: bool = True, indent: str = "") -> list[str]:
    """``text`` in lines; hyphenated words stay whole.

    :param breaks: whether a word that is longer than a line is cut.
    :param indent: of all lines but the first.
    """
    return textwrap.wrap(
        text, width, break_long_words=breaks, break_on_hyphens=False, subsequent_indent=indent
    ) or [""]
