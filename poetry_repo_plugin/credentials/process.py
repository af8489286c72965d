"""The one way to run somebody else's program: no shell, a time limit, bounded output, nothing of
ours leaked to it.

Nothing secret is ever an argument (any user of the machine can list those): what a program must
know goes to its standard input. What it writes to standard output is taken for a secret; standard
error is for people and may be shown.
"""

from __future__ import annotations

import errno
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

from poetry_repo_plugin.core.patterns import Pattern
from poetry_repo_plugin.core.terminal import without_secrets

if TYPE_CHECKING:
    import subprocess
    import threading

STDOUT_LIMIT = 1024 * 1024
STDERR_LIMIT = 64 * 1024

# Seconds that a program's output may stay open after the program has ended: one that starts a
# daemon (as git's credential-cache does) may leave it holding our pipe, and is not waited for.
LINGER = 1.0

# Seconds that a killed program gets to be gone.
_REAP = 5.0

# What Poetry's variables say of repositories. A user name may be a token and a URL may hold a
# password; what a program must know of its own repository, it is told.
_OF_REPOSITORIES = Pattern(
    r"POETRY_(?:HTTP_BASIC|PYPI_TOKEN|CERTIFICATES|REPOSITORIES)_.*|POETRY_PYPI_MIRROR_URL",
    re.IGNORECASE | re.DOTALL,
)

# Characters of a line that are looked at: more than is shown, and few enough for what may look at
# each more than once.
_ENOUGH = 1000

_ESCAPE_SEQUENCE = Pattern(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_LOOKS_SECRET = Pattern(
    r"eyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)*"  # a JSON web token
    r"|(?<=\bbearer )[^\s'\"]+|(?<=\bbasic )[A-Za-z0-9+/=]{8,}"
    r"|(?<=\bpassword=)[^\s&'\"]+|(?<=\btoken=)[^\s&'\"]+|(?<=//)[^\s/@]+(?=@)",
    re.IGNORECASE,
)


class ToolFailed(Exception):
    """The program did not run to its end, or wrote too much. ``str()`` says why and may be
    shown.
    """


class ToolMissing(ToolFailed):
    """There is no such program, or it cannot be started."""


class ToolTimeout(ToolFailed):
    """The program took longer than its limit and was killed, with everything that it had
    started.
    """


@dataclass(frozen=True)
class Finished:
    """What a program left behind.

    :param status: its exit status; negative is the signal that ended it (POSIX).
    :param stdout: everything it wrote there: taken for a secret, so not in the ``repr``.
    :param stderr: what it wrote there, decoded, at most 64 KiB, as it came. Show :attr:`complaint`
    instead.
    """

    status: int
    stdout: bytes = field(repr=False)
    stderr: str = field(repr=False)

    @property
    def succeeded(self) -> bool:
        return self.status == 0

    @property
    def complaint(self) -> str:
        """How it ended and what it said, for a person: one line."""
        ending = (
            f"ended with status {self.status}"
            if self.status >= 0
            else f"was ended by signal {-self.status}"
        )
        said = presentable(self.stderr)
        if said:
            return f"{ending}: {said}"
        return f"{ending} without output"

    @property
    def failure(self) -> str:
        """The same of a program that should have succeeded."""
        how = f"status {self.status}" if self.status >= 0 else f"signal {-self.status}"
        return f"failed ({how}): {presentable(self.stderr) or 'no output'}"


def run(
    argv: Sequence[str], *, input: bytes = b"", timeout: float, env: Mapping[str, str] | None = None
) -> Finished:
    """Run a program to its end and return what it left.

    :param argv: the program (absolute, or a bare name that is looked for in the absolute folders of
        ``PATH``) and its arguments. No secret belongs in here.
    :param input: what it finds on standard input, which is closed after it.
    :param timeout: in seconds; then the program and all that it started are killed.
    :param env: variables set on top of our own environment, without what Poetry reads there for
        repositories.

    Raises :class:`ToolMissing`, :class:`ToolTimeout` and :class:`ToolFailed` (too much output). A
    failing exit status is no error here: see :attr:`Finished.status`.
    """
    import threading

    process = _start(
        [_resolve(argv[0]), *argv[1:]], bool(input), {**handed_on(os.environ), **(env or {})}
    )
    deadline = time.monotonic() + timeout
    out, err = (
        _Reader(process.stdout, STDOUT_LIMIT),
        _Reader(process.stderr, STDERR_LIMIT, drop_rest=True),
    )
    threads = [
        threading.Thread(target=out.read, args=(lambda: _kill(process),), daemon=True),
        threading.Thread(target=err.read, daemon=True),
    ]
    if process.stdin is not None:
        threads.append(threading.Thread(target=_feed, args=(process.stdin, input), daemon=True))
    for thread in threads:
        thread.start()
    status = _wait(process, deadline, argv[0], timeout)
    _linger(threads)
    if out.overflowed:
        raise ToolFailed(f"{_shown(argv[0])} wrote more than {STDOUT_LIMIT // 1024} KiB")
    return Finished(status, bytes(out.data), bytes(err.data).decode("utf-8", "replace"))


def find(program: str) -> None:
    """Look for a program without running it. Raises :class:`ToolMissing`, as :func:`run` would."""
    found = _resolve(program)
    if not os.path.isfile(found):
        raise ToolMissing(f"{_shown(program)} cannot be started: {os.strerror(errno.ENOENT)}")
    if not os.access(found, os.X_OK):
        raise ToolMissing(f"{_shown(program)} cannot be started: {os.strerror(errno.EACCES)}")


def handed_on(environ: Mapping[str, str]) -> dict[str, str]:
    """``environ`` without the variables that Poetry reads for its repositories."""
    return {name: value for name, value in environ.items() if not _OF_REPOSITORIES.fullmatch(name)}


def presentable(text: str, *, lines: int = 3, width: int = 200) -> str:
    """The first ``lines`` lines of somebody else's text as one line that is safe on a terminal and
    in a log.

    Escape sequences and control characters are removed, each line is cut at ``width`` characters,
    and what looks like a secret becomes ``****``. Of a Python traceback only the last line is kept.
    """
    plain = [_line(line) for line in _ESCAPE_SEQUENCE.sub("", text).splitlines()]
    kept = [line for line in plain if line]
    if kept and kept[0].startswith("Traceback (most recent call last)"):
        kept = kept[-1:]
    return " / ".join(
        line if len(line) <= width else f"{line[: width - 1]}…" for line in kept[:lines]
    )


def _line(line: str) -> str:
    plain = "".join(char if char.isprintable() else " " for char in line)
    beginning = without_secrets(" ".join(plain.split()))[:_ENOUGH]
    return _LOOKS_SECRET.sub("****", beginning)


def _shown(program: str) -> str:
    return presentable(program, lines=1) or repr(program)


def _resolve(program: str) -> str:
    """The absolute path of ``program``. The current folder never counts: it may be a stranger's
    project.
    """
    if os.path.isabs(program):
        return program
    if os.path.basename(program) != program or not program:
        raise ToolMissing(f"{_shown(program)} is not an absolute path")
    import shutil

    folders = [
        folder
        for folder in os.environ.get("PATH", os.defpath).split(os.pathsep)
        if os.path.isabs(folder)
    ]
    found = None
    if folders:
        found = shutil.which(program, path=os.pathsep.join(folders))
    if found is None or not os.path.isabs(found):
        raise ToolMissing(f"{_shown(program)} is not on PATH")
    return found


def _start(argv: list[str], fed: bool, env: dict[str, str]) -> subprocess.Popen[bytes]:
    import subprocess

    # A session of its own (POSIX): its group can be killed whole, and it has no terminal to ask for
    # a password on.
    flags = 0
    if sys.platform == "win32":  # pragma: no cover
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
    try:
        return subprocess.Popen(  # noqa: S603 - argv is a user's own setting or a constant of ours; no shell
            argv,
            bufsize=0,
            stdin=subprocess.PIPE if fed else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=env,
            start_new_session=sys.platform != "win32",
            creationflags=flags,
        )
    except (OSError, ValueError) as error:  # ValueError: a NUL in an argument or a variable
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ToolMissing(f"{_shown(argv[0])} cannot be started: {reason}") from None


def _wait(process: subprocess.Popen[bytes], deadline: float, program: str, timeout: float) -> int:
    import subprocess

    try:
        return process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        _kill(process)
        raise ToolTimeout(
            f"{_shown(program)} did not answer within {timeout:g} s and was stopped"
        ) from None
    except BaseException:  # Ctrl+C reaches us only: the program is in a session of its own
        _kill(process)
        raise


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the program and what it has started, as far as that stayed in its group."""
    import contextlib
    import subprocess

    if process.poll() is not None:  # reaped: its number may be another's by now
        return
    if sys.platform == "win32":  # pragma: no cover
        taskkill = os.path.join(
            os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32", "taskkill.exe"
        )
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            command = [taskkill, "/T", "/F", "/PID", str(process.pid)]
            subprocess.run(command, capture_output=True, timeout=_REAP, check=False)  # noqa: S603
        process.kill()
    else:
        import signal

        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_REAP)


def _linger(threads: Iterable[threading.Thread]) -> None:
    until = time.monotonic() + LINGER
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))


def _feed(stream: IO[bytes], text: bytes) -> None:
    import contextlib

    # A program that does not read is no failure (credential-helper-spec, "Input").
    with contextlib.suppress(OSError), stream:
        view = memoryview(text)
        while view:
            view = view[stream.write(view) :]


class _Reader:
    """Empties one pipe into memory, up to a limit; the pipe is closed by the thread that reads
    it.
    """

    def __init__(self, stream: IO[bytes] | None, limit: int, *, drop_rest: bool = False) -> None:
        assert stream is not None
        self._stream = stream
        self._limit = limit
        self._drop_rest = drop_rest
        self.data = bytearray()
        self.overflowed = False

    def read(self, on_overflow: Callable[[], None] | None = None) -> None:
        with self._stream:
            while chunk := self._stream.read(65536):
                self.data += chunk[: self._limit - len(self.data) + 1]
                if len(self.data) <= self._limit:
                    continue
                del self.data[self._limit :]
                self.overflowed = True
                if not self._drop_rest:
                    break
        if self.overflowed and on_overflow is not None:
            on_overflow()
