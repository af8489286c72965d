"""Commands as processes that start fast: forks of a Python that has imported Poetry
(:mod:`tests.zygote`).

A fork has its own environment, folder, streams, signals and end; only the 0.7 s that the imports
take are saved. The first test of each room runs a whole process all the same.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.poetry_process import Finished, PoetryHome

ZYGOTE = Path(__file__).with_name("zygote.py")


class Zygote:
    """The Python that waits, and the line to it. One command at a time."""

    def __init__(self, executable: Path) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="zygote-")
        path = str(Path(self._folder.name) / "socket")
        environ = {
            key: value for key, value in os.environ.items() if not key.upper().startswith("POETRY_")
        }
        measured = environ.pop(
            "COVERAGE_PROCESS_START", ""
        )  # of each fork, not of the one that waits
        self._process = subprocess.Popen(
            [str(executable.with_name("python")), str(ZYGOTE), path, measured],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            env=environ,
            start_new_session=True,
        )
        self._line = socket.socket(socket.AF_UNIX)
        assert self._process.stdout is not None
        self._process.stdout.readline()  # "ready"; if it is not, the next line fails
        self._line.connect(path)
        self._answers: Any = self._line.makefile("rb", buffering=0)

    def start(
        self,
        words: tuple[str, ...],
        home: PoetryHome,
        cwd: Path,
        streams: list[int],
        terminal: bool,
    ) -> int:
        """Start ``poetry WORDS`` on three file descriptors; its process id."""
        order = {
            "words": words,
            "environ": home.environment(),
            "cwd": str(cwd),
            "terminal": terminal,
        }
        socket.send_fds(self._line, [json.dumps(order).encode() + b"\n"], streams)
        return int(self._answers.readline())

    def wait(self, pid: int, timeout: float) -> int:
        """Its exit code, negative for a signal. Raises :class:`TimeoutError`; it is killed then."""
        ended, _, _ = select.select([self._line], [], [], timeout)
        if not ended:
            os.kill(pid, signal.SIGKILL)
        code = int(self._answers.readline())
        if not ended:
            raise TimeoutError(f"the command did not end within {timeout:.0f} s")
        return code

    def close(self) -> None:
        """End it."""
        self._answers.close()
        self._line.close()
        self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._folder.cleanup()


@dataclass
class WarmHome(PoetryHome):
    """A home whose commands start fast; :meth:`cold` runs one as a user does."""

    zygote: Zygote | None = field(default=None, repr=False)

    def run(
        self, *words: str, stdin: str | None = None, cwd: Path | None = None, timeout: float = 60
    ) -> Finished:
        """See :meth:`PoetryHome.run`."""
        assert self.zygote is not None
        with ExitStack() as stack:
            given, out, err = (stack.enter_context(tempfile.TemporaryFile()) for _ in range(3))
            given.write((stdin or "").encode())
            given.seek(0)
            streams = [given.fileno(), out.fileno(), err.fileno()]
            pid = self.zygote.start(words, self, cwd or self.project, streams, terminal=False)
            code = self.zygote.wait(pid, timeout)
            out.seek(0)
            err.seek(0)
            return Finished(code, out.read().decode(), err.read().decode())

    def says(self, *words: str, err: str = "", out: str = "", stdin: str | None = None) -> None:
        """Run ``poetry WORDS``; it must succeed with exactly this on its streams."""
        done = self.run(*words, stdin=stdin)
        assert (done.out, done.err, done.code) == (out, err, 0)

    def refuses(self, *words: str, err: str, stdin: str | None = None) -> None:
        """Run ``poetry WORDS``; it must fail with exactly this, and leave every file as it was."""
        before = self.files()
        done = self.run(*words, stdin=stdin)
        assert (done.out, done.err, done.code) == ("", err, 1)
        assert self.files() == before

    def files(self) -> dict[str, bytes]:
        """The files of the settings, the project and the keyring with their contents; locks and
        logs excepted.
        """
        return {
            str(path.relative_to(self.root)): path.read_bytes()
            for folder in (self.config, self.project, self.keyring_home)
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.suffix not in (".lock", ".log", ".pyc")
        }

    def cold(self, *words: str, stdin: str | None = None) -> Finished:
        """Run a whole process of its own."""
        return super().run(*words, stdin=stdin)

    @contextlib.contextmanager
    def terminal(self, *words: str) -> Iterator[Terminal]:
        """Run ``poetry WORDS`` on a terminal, for a person to talk to; ended when the block ends.

        It is wide enough for every sentence, unless ``COLUMNS`` says otherwise.
        """
        import pty  # Windows has none, and no test that needs one

        assert self.zygote is not None
        user = replace(self, environ={"COLUMNS": "500", **self.environ})
        controller, line = pty.openpty()
        try:
            pid = self.zygote.start(words, user, self.project, [line, line, line], terminal=True)
            os.close(line)
            screen = Terminal(self.zygote, pid, controller)
            try:
                yield screen
            except BaseException:
                screen.kill()
                raise
            finally:
                screen.end()
        finally:
            os.close(controller)


class Terminal:
    """A terminal with a command on it."""

    def __init__(self, zygote: Zygote, pid: int, controller: int) -> None:
        self._zygote = zygote
        self._pid = pid
        self._controller = controller
        self._code: int | None = None
        self.screen = ""

    def expect(self, text: str, timeout: float = 20) -> None:
        """Wait until ``text`` is on the screen behind what was expected before."""
        until = time.monotonic() + timeout
        seen = getattr(self, "_seen", 0)
        while (at := self.screen.find(text, seen)) < 0:
            assert self._read(until), f"no {text!r} on the screen:\n{self.screen}"
        self._seen = at + len(text)

    def type(self, text: str) -> None:
        """Type ``text`` (surrogates are bytes, PEP 383) and the Enter key."""
        os.write(self._controller, f"{text}\n".encode("utf-8", "surrogateescape"))

    def interrupt(self) -> None:
        """Press Ctrl-C, when the command waits for input: Python sees no signal that comes just
        before it reads.
        """
        until = time.monotonic() + 10
        status = Path(f"/proc/{self._pid}/stat")
        while status.exists() and status.read_text().rpartition(")")[2].split()[0] != "S":
            assert time.monotonic() < until, "the command does not wait for input"
            time.sleep(0.01)
        time.sleep(0.05 if status.exists() else 0.5)
        os.write(self._controller, b"\x03")

    def hang_up(self) -> None:
        """Press Ctrl-D."""
        os.write(self._controller, b"\x04")

    def kill(self) -> None:
        """End it whatever it does."""
        if self._code is None:
            os.kill(self._pid, signal.SIGKILL)

    def end(self, timeout: float = 30) -> int:
        """Wait for the command's end; its exit code."""
        if self._code is None:
            until = time.monotonic() + timeout
            while self._read(until):
                pass
            try:
                self._code = self._zygote.wait(self._pid, timeout)
            except TimeoutError as error:
                self._code = -signal.SIGKILL
                raise AssertionError(f"{error}; on the screen:\n{self.screen}") from None
            self.screen = re.sub(r"\x1b\[[0-9;]*m", "", self.screen).replace("\r\n", "\n")
        return self._code

    def lines(self) -> list[str]:
        """The screen as a person sees it: what was wiped away (by Poetry's spinner) is not there
        any more.
        """
        text = re.sub(r"\x1b\[[0-9;]*m", "", self.screen).replace("\r\n", "\n")
        return [line.rpartition("\r\x1b[2K")[2] for line in text.split("\n")]

    def watch(self, seconds: float) -> None:
        """Look on for so long."""
        until = time.monotonic() + seconds
        while self._read(until):
            pass

    def _read(self, until: float) -> bool:
        ready, _, _ = select.select([self._controller], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            return False
        try:
            data = os.read(self._controller, 65536)
        except OSError:  # Linux's word for: nobody is on the other side any more
            return False
        self.screen += data.decode("utf-8", "replace")
        return bool(data)


def mode_of(path: Path) -> int:
    """The permissions of a file."""
    return path.stat().st_mode & 0o777


def parsed(done: Finished) -> Any:
    """The one JSON document on standard output."""
    return json.loads(done.out)
