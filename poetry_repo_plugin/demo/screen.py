"""How the demo looks: a transcript of a shell, with and without colour, in 80 columns."""

from __future__ import annotations

from cleo.formatters.formatter import Formatter
from cleo.io.io import IO
from cleo.io.outputs.output import Type


class Screen:
    """Prints on standard output, in the order in which things happen."""

    def __init__(self, io: IO) -> None:
        self._output = io.output
        self._line_begins = True
        self._encoding = getattr(getattr(self._output, "stream", None), "encoding", None) or "utf-8"

    @property
    def colour(self) -> bool:
        """Whether commands may print in colour."""
        return self._output.is_decorated()

    def title(self, text: str) -> None:
        """What comes now."""
        self._line(f"<options=bold>{self._escaped(text)}</>", gap=True)

    def line(self, text: str = "") -> None:
        """A sentence of the demo's own."""
        self._line(self._escaped(text))

    def remark(self, text: str, *, gap: bool = False) -> None:
        """A sentence in the transcript, as a comment. ``gap`` leaves a line free above it."""
        self._line(f"<comment># {self._escaped(text)}</comment>", gap=gap)

    def typed(self, lines: list[str]) -> None:
        """A command, as it is typed."""
        for line in lines:
            self._line(f"<c1>{self._escaped(line)}</c1>")

    def piece(self, text: str) -> None:
        """Some of a command's output, exactly as it is."""
        if text:
            self._output.write(self._printable(text), type=Type.RAW)
            self._line_begins = text.endswith("\n")

    def settle(self) -> None:
        """End the line that a command has left open."""
        if not self._line_begins:
            self.piece("\n")

    def _line(self, markup: str, *, gap: bool = False) -> None:
        self.settle()
        if gap:
            self._output.write_line("")
        self._output.write_line(markup)

    def _escaped(self, text: str) -> str:
        return str(Formatter.escape(self._printable(text)))

    def _printable(self, text: str) -> str:
        """What a terminal that is not UTF-8 can show of it."""
        return text.encode(self._encoding, "replace").decode(self._encoding)
