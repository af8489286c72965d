"""What every room of the bench uses: the two Poetries, commands that are timed in pairs, and the
rows of the table.

Both sides are installed as a user has them, each in a virtual environment of its own below
``.venvs``: Poetry alone, and the same Poetry with the plugin's wheel. They take turns, so that
whatever else the machine does meets both.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from tests.poetry_process import NO_KEYRING, PoetryHome

ROOT = Path(__file__).resolve().parents[2]
POETRY = os.environ.get("POETRY_VERSION", "2.5.1")
_T = TypeVar("_T")
# Homes lie in memory where there is a file system for that. On a disk the thousands of folders of
# Poetry's cache cost a third more or less by where they come to lie: plain Poetry against itself
# was 0.94 to 1.12 there.
MEMORY = Path("/dev/shm")
ROOM = 2 * 1024**3  # bytes
KILOBYTES = 1024.0  # of a megabyte; ru_maxrss counts kilobytes on Linux (getrusage(2))


@dataclass(frozen=True)
class Side:
    """One of the two that are compared: its name in the table, and its ``poetry``."""

    name: str
    poetry: Path

    @property
    def python(self) -> Path:
        """The interpreter that it runs on."""
        return self.poetry.with_name("python")


@dataclass(frozen=True)
class Sides:
    """Plain Poetry and the same Poetry with the plugin, in this order."""

    plain: Side
    plugin: Side

    def __iter__(self) -> Iterator[Side]:
        return iter((self.plain, self.plugin))


@dataclass(frozen=True)
class Run:
    """A command that ended: wall seconds, seconds of processor time, the peak of its memory, what
    it printed.
    """

    seconds: float
    cpu: float
    peak_mb: float
    code: int
    text: str


@dataclass
class Row:
    """A line of the table.

    :param limit: what DESIGN or the issue asks for, in words; empty where there is nothing to hold.
    :param held: whether the figures are within it.
    """

    what: str
    figures: tuple[str, ...]
    ratio: str = ""
    limit: str = ""
    held: bool | None = None
    notes: list[str] = field(default_factory=list)


def sides() -> Sides:
    """Both sides, installed; the plugin from a wheel of this checkout. Takes a minute the first
    time.
    """
    return Sides(
        Side("plain", _environment("bench-plain", f"poetry=={POETRY}")),
        Side("plugin", _environment("bench-plugin", f"poetry=={POETRY}", own=True)),
    )


def in_memory() -> bool:
    """Whether homes lie in memory."""
    return os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= ROOM


def outside() -> Path:
    """The folder with the executables of uv and pip, the marks from outside."""
    return _environment("bench-outside", "uv", "pip>=24").parent


def _environment(name: str, *requirements: str, own: bool = False) -> Path:
    folder = ROOT / ".venvs" / name
    python = folder / "bin" / "python"
    stamp = folder / ".complete"
    wanted = "\n".join(requirements)
    if not stamp.exists() or stamp.read_text() != wanted:
        _quietly(sys.executable, "-m", "venv", "--clear", str(folder))
        _quietly(str(python), "-m", "pip", "install", "-q", *requirements)
        stamp.write_text(wanted)
    if own:  # a wheel, as users have it: an editable install makes every start slower
        _quietly(
            str(python), "-m", "pip", "install", "-q", "--force-reinstall", "--no-deps", str(ROOT)
        )
        _quietly(str(python), "-m", "pip", "install", "-q", str(ROOT))
        _quietly(
            str(python),
            "-m",
            "compileall",
            "-q",
            str(next(folder.glob("lib/*/site-packages/poetry_repo_plugin"))),
        )
    return folder / "bin" / "poetry"


def _quietly(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")


@contextmanager
def home(side: Side, keyring: str = NO_KEYRING) -> Iterator[PoetryHome]:
    """A home of its own, gone afterwards."""
    with tempfile.TemporaryDirectory(
        prefix="bench-", dir=MEMORY if in_memory() else None
    ) as folder:
        made = PoetryHome(Path(folder, "home"), side.poetry, keyring=keyring)
        made.environ["POETRY_VIRTUALENVS_CREATE"] = "false"
        yield made


@contextmanager
def homes(both: Sides) -> Iterator[dict[str, PoetryHome]]:
    """A home for each side, by its name."""
    with home(both.plain) as plain, home(both.plugin) as plugin:
        yield {both.plain.name: plain, both.plugin.name: plugin}


def run(at: PoetryHome, *words: str, check: bool = True) -> Run:
    """A ``poetry`` command, timed from outside. Raises :class:`RuntimeError` where it fails and
    ``check`` is set.
    """
    return execute([str(at.executable), *words], at.project, at.environment(), check=check)


def run_within(limit: float, at: PoetryHome, *words: str) -> Run | None:
    """As :func:`run`; ``None`` if it had to be killed after ``limit`` seconds."""
    try:
        return execute([str(at.executable), *words], at.project, at.environment(), limit=limit)
    except TimeoutError:
        return None


# Starts the command and waits for it, from a process of its own: on Linux the peak of a command's
# memory includes that of the process that it was forked from, and this one's servers hold what was
# uploaded to them.
_LAUNCHER = """
import json, os, signal, sys, time
pid = 0
def end(*_):
    os.kill(pid, signal.SIGKILL)
signal.signal(signal.SIGTERM, end)
started = time.perf_counter()
pid = os.fork()
if pid == 0:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.execv(sys.argv[2], sys.argv[2:])
_, status, spent = os.wait4(pid, 0)
with open(sys.argv[1], "w") as file:
    code, seconds = os.waitstatus_to_exitcode(status), time.perf_counter() - started
    json.dump([seconds, spent.ru_utime + spent.ru_stime, spent.ru_maxrss, code], file)
"""


def execute(
    command: Sequence[str],
    folder: Path,
    environ: dict[str, str],
    *,
    limit: float | None = None,
    check: bool = True,
) -> Run:
    """A command, timed from outside; :class:`TimeoutError` if it had to be killed."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryDirectory(prefix="bench-") as place:
        report = Path(place) / "report.json"
        process = subprocess.Popen(
            [sys.executable, "-S", "-E", "-c", _LAUNCHER, str(report), *command],
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            process.wait(limit)
        except subprocess.TimeoutExpired:
            process.terminate()
            process.wait()
            raise TimeoutError(f"killed after {limit:.0f} s") from None
        seconds, cpu, peak, code = json.loads(report.read_text())
        output.seek(0)
        text = output.read().decode(errors="replace")
    done = Run(seconds, cpu, peak / KILOBYTES, code, text)
    if check and done.code:
        raise RuntimeError(f"{' '.join(command)} failed ({done.code}):\n{done.text}")
    return done


def in_turn(both: Sides, times: int, once: Callable[[Side], _T]) -> dict[str, list[_T]]:
    """``once`` on each side, ``times`` times, pair by pair; who comes first changes from pair to
    pair.
    """
    runs: dict[str, list[_T]] = {side.name: [] for side in both}
    for number in range(times):
        for side in tuple(both)[:: 1 if number % 2 == 0 else -1]:
            runs[side.name].append(once(side))
    return runs


def commands_in_turn(
    both: Sides,
    at: dict[str, PoetryHome],
    times: int,
    *words: str,
    before: Callable[[PoetryHome], object] = lambda at: None,
) -> dict[str, list[Run]]:
    """The same ``poetry`` command in both homes; see :func:`in_turn`.

    :param before: run ahead of each, outside the time.
    """

    def once(side: Side) -> Run:
        before(at[side.name])
        return run(at[side.name], *words)

    return in_turn(both, times, once)


@dataclass(frozen=True)
class Compared:
    """Pairs of figures: both medians, and the median and the quartiles of the ratios pair by
    pair.
    """

    plain: float
    plugin: float
    ratio: float
    low: float
    high: float

    @classmethod
    def of(
        cls, runs: dict[str, list[Run]], figure: Callable[[Run], float] = lambda run: run.seconds
    ) -> Compared:
        """Of what :func:`in_turn` gave; wall time, unless another ``figure`` is meant."""
        plain, plugin = ([figure(one) for one in some] for some in runs.values())
        ratios = sorted(ours / theirs for theirs, ours in zip(plain, plugin, strict=True))
        low, high = ratios[len(ratios) // 4], ratios[-1 - len(ratios) // 4]
        return cls(
            statistics.median(plain),
            statistics.median(plugin),
            statistics.median(ratios),
            low,
            high,
        )

    def row(self, what: str, limit: float | None = None) -> Row:
        """The line of the table; held if the ratio is within ``limit`` (rounded as it is
        printed).
        """
        spread = f"{self.ratio:.2f} ({self.low:.2f} to {self.high:.2f})"
        figures = (in_seconds(self.plain), in_seconds(self.plugin))
        if limit is None:
            return Row(what, figures, spread)
        return Row(what, figures, spread, f"at most {limit:.2f}", round(self.ratio, 2) <= limit)


def spread(figures: Sequence[float], shown: Callable[[float], str]) -> str:
    """The quartiles of figures that have no pair, in brackets."""
    ordered = sorted(figures)
    return f"({shown(ordered[len(ordered) // 4])} to {shown(ordered[-1 - len(ordered) // 4])})"


def in_seconds(figure: float | None) -> str:
    """For the table."""
    if figure is None:
        return "never"
    return f"{figure * 1000:.0f} ms" if figure < 1 else f"{figure:.1f} s"


def in_megabytes(figure: float) -> str:
    """For the table."""
    return f"{figure:.0f} MB"
