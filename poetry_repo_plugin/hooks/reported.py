"""Our errors in the form that Poetry prints well: a message and a command, no trace, once."""

from __future__ import annotations

import sys
import threading
from typing import Any

from cleo.formatters.formatter import Formatter

from poetry_repo_plugin.core.errors import RepoError
from poetry_repo_plugin.core.wrapping import width_of, wrapped

try:
    from poetry.console.exceptions import PoetryRuntimeError as _Base
except ImportError:  # Poetry 2.0
    from poetry.exceptions import PoetryError as _Base  # type: ignore[assignment]

_lock = threading.Lock()
_said: set[str] = set()


class Reported(_Base):
    """A failure on its way to the screen. Parallel downloads raise it once each; it is printed once."""

    def __init__(self, error: RepoError) -> None:
        self.lines = error.lines()
        self.cause = getattr(error, "cause", None)
        super().__init__(markup(self.lines))

    def __str__(self) -> str:
        return "\n".join(self.lines)

    def get_text(self, debug: bool = False, indent: str = "", strip: bool = False) -> str:
        """The text as Poetry's executor and application ask for it; a line that points back from the second time on."""
        with _lock:
            again = str(self) in _said
            _said.add(str(self))
        if again:
            return f"{indent}{'(as above)' if strip else '<fg=default;options=dark>(as above)</>'}"
        width = width_of(sys.stderr)
        text = str(self) if strip else markup(self.lines, width - len(indent) if width is not None else None)
        return "\n".join(f"{indent}{line}" for line in text.splitlines())


def reported(error: RepoError) -> Reported:
    """``error`` as an exception to raise inside Poetry."""
    _teach_old_poetry()
    return Reported(error)


def is_reported(error: BaseException) -> bool:
    """Whether ``error`` is one of ours already."""
    return isinstance(error, Reported)


def markup(lines: list[str], width: int | None = None) -> str:
    """The message in red, the command that mends it as Poetry shows commands; what is in them is not markup.

    :param width: of the terminal in columns, if it is one.
    """
    head, *rest = lines
    told = [f"<error>{Formatter.escape(one)}</error>" for one in wrapped(head, width)]
    return "\n".join([*told, *(f"<c1>{Formatter.escape(line)}</c1>" for line in rest)])


def _teach_old_poetry() -> None:
    """Poetry 2.0 prints every exception with a piece of our source; give it the message instead."""
    if hasattr(_Base, "get_text"):
        return
    from cleo.ui.exception_trace import ExceptionTrace

    original = ExceptionTrace.render
    if getattr(original, "knows_reported", False):
        return

    def render(self: Any, io: Any, simple: bool = False) -> None:
        error = self._exception
        if isinstance(error, Reported):
            io.write_line("")
            io.write_line(error.get_text())
            return
        original(self, io, simple)

    render.knows_reported = True  # type: ignore[attr-defined]
    ExceptionTrace.render = render  # type: ignore[method-assign]
