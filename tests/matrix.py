"""The path tests on every Poetry minor release, and on every Python that this machine has, as one
table.

    .venv/bin/python tests/matrix.py              everything
    .venv/bin/python tests/matrix.py 2.0.1 3.12   only these versions of Poetry or Python
    python3 tests/matrix.py --prepare             nothing is run, but their environments are made
    .venv/bin/python tests/matrix.py --suite      Poetry's own tests instead, those of each version

A row is one Poetry on one Python, a column one path by which Poetry opens connections; a cell says
how many tests of it passed. There is every Poetry on this Python, the newest on every Python, and
the oldest on the oldest and the newest. Each pairing gets a virtual environment of its own below
``.venvs``, made once. The tests themselves run under this Python; ``POETRY_UNDER_TEST`` tells them
which Poetry to start.

A Python that this machine lacks is a row that says so. Where ``REQUIRE_SYSTEM_PARTS`` is set, at
least one other than this one must be there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests import environments  # noqa: E402

POETRIES = ("2.0.1", "2.1.4", "2.2.1", "2.3.4", "2.4.3", "2.5.1")
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
OLDEST, NEWEST = POETRIES[0], POETRIES[-1]
OWN = f"{sys.version_info.major}.{sys.version_info.minor}"

# Each path, and the tests that walk it. The suite runs them, and all others of `-m paths`, on the
# newest Poetry.
PATHS = {
    "seams": "hooks/test_seams.py",
    "lock, add": "integration/test_paths_index.py::TestLookUps",
    "install": "integration/test_paths_index.py::TestDownloads",
    "caches": "integration/test_cache.py::TestTheCacheOfMetadata",
    "build": "integration/test_paths_index.py::TestBuild",
    "URL": "integration/test_paths_index.py::TestUrlDependency",
    "git": "integration/test_paths_git.py",
    "self add": "integration/test_paths_self.py::TestSelfAdd",
    "plugins": "integration/test_paths_self.py::TestRequiredPlugins",
    "publish": "integration/test_paths_publish.py",
    "ahead": "integration/test_prefetch.py::TestLock",
    "mirror": "integration/test_mirrors.py::TestPypi",
    # The plugin itself, into a Poetry without it. The suite does that on the newest Poetry; here it
    # is done on the oldest, under this Python, for which the index is stocked.
    "itself": "infrastructure/test_self.py",
}


@dataclass(frozen=True)
class Pairing:
    """One Poetry on one Python; ``interpreter`` is ``None`` where this machine does not have that
    Python.
    """

    poetry: str
    python: str
    interpreter: str | None

    @property
    def folder(self) -> Path:
        return ROOT / ".venvs" / f"poetry-{self.poetry}-py{self.python}"

    @property
    def paths(self) -> list[str]:
        """The columns that this row has."""
        return [
            path
            for path in PATHS
            if path != "itself" or (self.poetry, self.python) == (OLDEST, OWN)
        ]

    @property
    def executable(self) -> Path:
        return self.folder / ("Scripts/poetry.exe" if os.name == "nt" else "bin/poetry")


@dataclass(frozen=True)
class Row:
    """How it went.

    :param cells: by path, how many tests passed and how many ran.
    """

    pairing: Pairing
    ok: bool
    cells: dict[str, tuple[int, int]]
    note: str
    seconds: float
    output: str = ""

    def line(self) -> str:
        """As the table shows it."""
        cells = [_cell(self.cells.get(path)).center(len(path) + 2) for path in PATHS]
        start = f"{self.pairing.poetry:<8}{self.pairing.python:<8}{'ok' if self.ok else 'FAIL':<6}"
        return f"{start}{''.join(cells)}{self.seconds:>5.0f} s  {self.note}".rstrip()


def _cell(counted: tuple[int, int] | None) -> str:
    if counted is None:
        return "-"
    passed, ran = counted
    return str(passed) if passed == ran else f"{passed}/{ran}"


def pairings(chosen: list[str]) -> list[Pairing]:
    """Every Poetry on this Python, the newest on every other Python, and the oldest on the oldest
    and the newest.
    """
    others = {python: _interpreter(python) for python in PYTHONS if python != OWN}
    corners = [python for python in (PYTHONS[0], PYTHONS[-1]) if python in others]
    found = [Pairing(poetry, OWN, sys.executable) for poetry in POETRIES]
    found += [Pairing(NEWEST, python, interpreter) for python, interpreter in others.items()]
    found += [Pairing(OLDEST, python, others[python]) for python in corners]
    return [
        pairing
        for pairing in found
        if not chosen or pairing.poetry in chosen or pairing.python in chosen
    ]


def _interpreter(python: str) -> str | None:
    candidates = [shutil.which(f"python{python}")]
    candidates += [
        str(path)
        for path in sorted((Path.home() / ".pyenv" / "versions").glob(f"{python}.*/bin/python"))
    ]
    for candidate in filter(None, candidates):
        asked = [candidate, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        answer = subprocess.run(asked, capture_output=True, text=True, check=False)
        if answer.returncode == 0 and answer.stdout.strip() == python:
            return candidate
    return None


def prepare(pairing: Pairing) -> str:
    """Make the pairing's environment; the error if that did not work, else nothing."""
    assert pairing.interpreter is not None
    wanted = [f"poetry=={pairing.poetry}", "-e", f"{ROOT}[demo]"]
    return environments.make(pairing.folder, wanted, pairing.interpreter)


def run(pairing: Pairing) -> Row:
    """The path tests with this Poetry."""
    started = time.monotonic()
    error = prepare(pairing)
    if error:
        return Row(pairing, False, {}, "cannot be installed", time.monotonic() - started, error)
    started = time.monotonic()
    done, cells = _tests(pairing)
    note = ""
    if (
        done.returncode == 1
    ):  # two run side by side, so a time limit may have been met; what fails again has failed
        failed = {path for path, (passed, ran) in cells.items() if passed < ran}
        done, again = _tests(pairing, "--last-failed", "--last-failed-no-failures", "none")
        for path in failed & set(again):
            (passed, ran), (more, _) = cells[path], again[path]
            cells[path] = (passed + more, ran)
        note = "at the second try"
    complete = set(cells) == set(pairing.paths)
    note = note if complete else "not every path was tested"
    output = done.stdout + done.stderr
    return Row(
        pairing, done.returncode == 0 and complete, cells, note, time.monotonic() - started, output
    )


def _tests(
    pairing: Pairing, *options: str
) -> tuple[subprocess.CompletedProcess[str], dict[str, tuple[int, int]]]:
    report = pairing.folder / "report.xml"
    report.unlink(missing_ok=True)
    files = [f"tests/{PATHS[path]}" for path in pairing.paths]
    cache = ("-o", f"cache_dir={pairing.folder / '.pytest_cache'}")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-m",
            "paths",
            *cache,
            f"--junitxml={report}",
            *files,
            *options,
        ],
        cwd=ROOT,
        env={**os.environ, "POETRY_UNDER_TEST": str(pairing.executable)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done, counted(report) if report.exists() else {}


def counted(report: Path) -> dict[str, tuple[int, int]]:
    """By path, how many tests of a JUnit report passed and how many ran; a skipped one did not
    run.
    """
    cells: dict[str, tuple[int, int]] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        if case.find("skipped") is not None:
            continue
        where = f"{case.get('classname', '')}."
        for path, tests in PATHS.items():
            file, _, room = tests.partition("::")
            module = f".{file.removesuffix('.py').replace('/', '.')}."
            if module in where and (not room or f".{room}." in where):
                passed, ran = cells.get(path, (0, 0))
                good = case.find("failure") is None and case.find("error") is None
                cells[path] = (passed + good, ran + 1)
    return cells


def prepare_all(chosen: list[Pairing]) -> int:
    """Make all environments; 1 if one could not be made."""
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 2) as pool:
        errors = [error for error in pool.map(prepare, chosen) if error]
    print("\n".join(errors) or f"{len(chosen)} environments")
    return 1 if errors else 0


def main() -> int:
    """Run all, print the table; 1 if any failed."""
    words = sys.argv[1:]
    if "--suite" in words:
        suite = ROOT / "tests" / "poetry_suite" / "run.py"
        versions = [word for word in words if word in POETRIES] or POETRIES
        return subprocess.run([sys.executable, str(suite), *versions], check=False).returncode
    chosen = pairings([word for word in words if word != "--prepare"])
    if "--prepare" in words:
        return prepare_all([pairing for pairing in chosen if pairing.interpreter is not None])
    print(
        f"{'Poetry':<8}{'Python':<8}{'':<6}{''.join(path.center(len(path) + 2) for path in PATHS)}",
        flush=True,
    )
    here = [pairing for pairing in chosen if pairing.interpreter is not None]
    failed = []
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 2) as pool:
        for row in pool.map(run, here):
            print(row.line(), flush=True)
            if not row.ok:
                failed.append(row)
    absent = [pairing for pairing in chosen if pairing.interpreter is None]
    for pairing in absent:
        print(
            f"{pairing.poetry:<8}{pairing.python:<8}not installed: this machine has no Python {pairing.python}"
        )
    for row in failed:
        print(
            f"\n== Poetry {row.pairing.poetry} on Python {row.pairing.python}\n{row.output[-6000:]}"
        )
    lacking = f", {len(absent)} not installed" if absent else ""
    print(f"\n{len(here) - len(failed)} passed, {len(failed)} failed{lacking}")
    alone = (
        absent
        and {pairing.python for pairing in here} <= {OWN}
        and bool(os.environ.get("REQUIRE_SYSTEM_PARTS"))
    )
    if alone:
        print(f"Not one Python beside {OWN} is installed here.")
    return 1 if failed or alone else 0


if __name__ == "__main__":
    raise SystemExit(main())
