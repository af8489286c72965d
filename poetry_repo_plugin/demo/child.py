"""Runs the commands of the demo: the Poetry that runs, in a process of its own, its output as it
comes.
"""

from __future__ import annotations

import codecs
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from poetry_repo_plugin.demo.stopping import Signals

PATIENCE = 90.0  # seconds after which a command is taken to hang

# This very Poetry, with the plugins it has found: the same Python, the same import path.
_SAME_POETRY = """\
import sys
sys.path[:] = {path!r}
sys.argv[0] = "poetry"
from poetry.console.application import main
sys.exit(main())
"""
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True)
class Finished:
    """A command that ended.

    :param text: what it printed, both streams, without colours.
    """

    code: int
    text: str


@dataclass(frozen=True)
class Runner:
    """Runs one command after the other.

    :param environment: what they see.
    :param colour: whether they print in colour, as they would on the terminal that shows their
        output.
    :param show: takes their output, piece by piece.
    """

    environment: dict[str, str]
    colour: bool
    show: Callable[[str], None]
    signals: Signals

    def run(self, words: tuple[str, ...], folder: Path, stdin: Path | None = None) -> Finished:
        """Run ``poetry WORDS`` in ``folder``; whatever happens, it has ended afterwards.

        Raises :class:`Stopped` where somebody wants the demo to end.
        """
        poetry = [
            sys.executable,
            "-c",
            _SAME_POETRY.format(path=sys.path),
            *(["--ansi"] if self.colour else []),
        ]
        with open(stdin or os.devnull, "rb") as source:
            process = subprocess.Popen(  # noqa: S603
                [*poetry, *words],
                stdin=source,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=self.environment,
                # A Ctrl-C on the terminal is ours alone, and nothing it starts can outlive it.
                start_new_session=os.name == "posix",
            )
        watch = threading.Timer(PATIENCE, _end, [process])
        watch.start()
        try:
            text = self._follow(process)
            return Finished(process.wait(), text)
        finally:
            watch.cancel()
            _end(process)

    def _follow(self, process: subprocess.Popen[bytes]) -> str:
        assert process.stdout is not None
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        pieces = []
        with process.stdout, self.signals.heeded():
            while True:
                data = os.read(process.stdout.fileno(), 8192)
                piece = decoder.decode(data, final=not data).replace("\r\n", "\n")
                pieces.append(piece)
                self.show(piece)
                if not data:
                    return _ANSI.sub("", "".join(pieces))


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill it and all that it has started; there is nothing of worth in the room."""
    if process.poll() is not None:
        return
    if sys.platform != "win32":
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()
