"""An index that is 20 to 150 ms away: what a command takes, and what it asks; uv beside it."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from tests import packages
from tests.bench.measure import (
    Compared,
    Row,
    Run,
    Side,
    Sides,
    execute,
    home,
    in_megabytes,
    in_seconds,
    outside,
    run,
    spread,
)
from tests.certs import CertificateFactory, server_context
from tests.integration.world import PEER, USER, World, make_venv
from tests.servers import IndexServer, RecordedRequest, Response

PAIRS = 3
PASSWORD = "an-0rdinary-one"
GOALS = {"lock, cold": 0.30, "lock again": 0.35, "install": 0.90}
MORE_MEMORY = 15.0  # megabytes
APPLICATION = Path(__file__).with_name("application.json")

# Each package with its versions and what it requires.
Graph = dict[str, tuple[Sequence[str], Sequence[str]]]


@dataclass(frozen=True)
class Shape:
    """What a project needs.

    :param wanted: its own requirements.
    """

    name: str
    wanted: Sequence[str]
    graph: Graph


def web(count: int = 64) -> Shape:
    """Packages that each need four others; the project needs four of them."""
    steps = ((3, 1), (5, 7), (7, 11), (11, 2))
    needs = [[f"lib{(one * by + more) % count}" for by, more in steps] for one in range(count)]
    graph: Graph = {
        f"lib{one}": (["1.0"], [lib for lib in needs[one] if lib != f"lib{one}"])
        for one in range(count)
    }
    return Shape(f"{count} packages, four each", [f"lib{one}" for one in range(4)], graph)


def chain(count: int = 40) -> Shape:
    """Packages that each need the next one."""
    graph: Graph = {
        f"lib{one}": (["1.0"], [f"lib{one + 1}"] if one + 1 < count else []) for one in range(count)
    }
    return Shape(f"chain of {count}", ["lib0"], graph)


def flat(count: int = 200) -> Shape:
    """Packages that need nothing; the project needs all of them."""
    graph: Graph = {f"lib{one}": (["1.0"], []) for one in range(count)}
    return Shape(f"{count} flat", list(graph), graph)


def application() -> Shape:
    """A web shop that really exists, as its lock file of 2021 has it (github.com/saleor/saleor):
    names, versions and requirements. Where somebody has an upper bound, there is a release beyond
    it, which the solver must reject.
    """
    data = json.loads(APPLICATION.read_text())
    wanted = [one.replace('"', "'") for one in data["wanted"]]  # it goes into a text of TOML
    return Shape(f"application, {len(data['packages'])}", wanted, data["packages"])


@dataclass
class Counter:
    """Makes each answer take ``seconds`` longer, and counts."""

    seconds: float
    now: int = 0
    most: int = 0
    urls: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def respond(self, request: RecordedRequest) -> Response | None:
        """The hook of the server."""
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
            self.urls.add(request.target)
        time.sleep(self.seconds)
        with self.lock:
            self.now -= 1
        return None


@dataclass(frozen=True)
class Seen:
    """One command, and what the server saw of it."""

    run: Run
    requests: int
    most: int
    urls: frozenset[str]


class Place:
    """A home of one side with a project of one shape."""

    def __init__(
        self,
        stack: ExitStack,
        side: Side,
        index: IndexServer,
        shape: Shape,
        certs: CertificateFactory,
    ) -> None:
        self.home = stack.enter_context(home(side))
        self.home.environ["POETRY_INSTALLER_MAX_WORKERS"] = (
            "16"  # Poetry itself takes its processors and 4
        )
        self.index, self.side = index, side
        self.world = World(index, self.home, certs, certs.client(PEER))
        if index.tls is not None:
            self.world.trust()
            self.world.identify_with_one_file()
            self.world.log_in(password=PASSWORD)
        self.world.project(*shape.wanted)

    def forget(self, *, lock: bool) -> None:
        """As if nothing had been asked before."""
        shutil.rmtree(self.home.root / "cache", ignore_errors=True)
        if lock:
            (self.home.project / "poetry.lock").unlink(missing_ok=True)

    def once(self, counter: Counter, *words: str) -> Seen:
        """Run a command."""
        self.index.clear()
        counter.most, counter.urls = 0, set()
        done = run(self.home, *words)
        return Seen(done, len(self.index.requests), counter.most, frozenset(counter.urls))

    @property
    def lock_file(self) -> bytes:
        """What was written."""
        return (self.home.project / "poetry.lock").read_bytes()


# A step: its name, what comes before it, outside the time, and the command.
Step = tuple[str, Callable[[Place], object], tuple[str, ...]]

COLD: Step = ("lock, cold", lambda place: place.forget(lock=True), ("lock",))
AGAIN: Step = ("lock again", lambda place: None, ("lock", "--regenerate"))
UNCACHED: Step = ("lock --no-cache", lambda place: place.forget(lock=True), ("lock", "--no-cache"))


def _new_environment(place: Place) -> None:
    place.forget(lock=False)
    venv = place.home.root / "venv"
    shutil.rmtree(venv, ignore_errors=True)
    make_venv(venv, place.side.python)
    place.home.environ["VIRTUAL_ENV"] = str(venv)


INSTALL: Step = ("install", _new_environment, ("install", "--no-root"))


def rows(both: Sides, pairs: int = PAIRS) -> Iterator[Row]:
    """Each shape at its distance, and the step in which memory grows most."""
    peaks: list[tuple[float, float]] = []
    shapes: list[tuple[Shape, float, bool, tuple[Step, ...]]] = [
        (web(), 0.05, False, (COLD, AGAIN, UNCACHED, INSTALL)),
        (web(), 0.02, False, (COLD, AGAIN)),
        (web(), 0.15, False, (COLD, AGAIN)),
        (web(), 0.05, True, (COLD,)),
        (web(), 0.0, False, (COLD, INSTALL)),
        (chain(), 0.05, False, (COLD,)),
        (flat(), 0.05, False, (COLD,)),
        (application(), 0.05, False, (COLD, AGAIN)),
    ]
    for shape, seconds, tls, steps in shapes:
        yield from _rows(both, pairs, shape, seconds, tls, steps, peaks)
    plain, plugin = max(peaks, key=lambda peak: peak[1] - peak[0])
    more = plugin - plain
    figures = (in_megabytes(plain), in_megabytes(plugin))
    yield Row(
        "peak memory, where it differs most",
        figures,
        f"{more:+.1f} MB",
        f"at most +{MORE_MEMORY:.0f} MB",
        more <= MORE_MEMORY,
    )


def _rows(
    both: Sides,
    pairs: int,
    shape: Shape,
    seconds: float,
    tls: bool,
    steps: tuple[Step, ...],
    peaks: list[tuple[float, float]],
) -> Iterator[Row]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="bench-")))
        certs = CertificateFactory(folder / "certs")
        index = stack.enter_context(_index(certs, tls))
        for name, (versions, requires) in shape.graph.items():
            index.add_all(packages.wheel(name, version, requires) for version in versions)
        counter = Counter(seconds)
        index.respond = counter.respond
        places = {side.name: Place(stack, side, index, shape, certs) for side in both}
        what = f"{seconds * 1000:.0f} ms, {shape.name}{', client certificate' * tls}"
        for step in steps:
            seen = _pairs(both, places, counter, pairs, step)
            plain, plugin = (max(one.run.peak_mb for one in seen[side.name]) for side in both)
            peaks.append((plain, plugin))
            assert places["plain"].lock_file == places["plugin"].lock_file, (
                f"{what}: another lock file"
            )
            yield from _of_step(seen, f"{what}: {step[0]}", _limit(step[0], shape, seconds))
        if steps[0] is COLD and seconds == 0.05 and not tls:
            yield from uv(index, shape, folder, pairs, f"{what}: uv lock, cold")


def _index(certs: CertificateFactory, tls: bool) -> IndexServer:
    if not tls:
        return IndexServer()
    return IndexServer(tls=server_context(certs.server(), certs.ca), credentials={USER: PASSWORD})


def _limit(step: str, shape: Shape, seconds: float) -> float | None:
    if seconds == 0 or shape.name.startswith("chain"):
        return 1.0
    return GOALS.get(step) if seconds == 0.05 and shape.name.startswith("64") else None


def _pairs(
    both: Sides, places: dict[str, Place], counter: Counter, pairs: int, step: Step
) -> dict[str, list[Seen]]:
    _, before, words = step
    seen: dict[str, list[Seen]] = {side.name: [] for side in both}
    for number in range(pairs):
        for side in tuple(both)[:: 1 if number % 2 == 0 else -1]:
            before(places[side.name])
            seen[side.name].append(places[side.name].once(counter, *words))
    return seen


def _of_step(seen: dict[str, list[Seen]], what: str, limit: float | None) -> Iterator[Row]:
    compared = Compared.of({name: [one.run for one in some] for name, some in seen.items()})
    plain, plugin = seen["plain"][-1], seen["plugin"][-1]
    more, fewer = len(plugin.urls - plain.urls), len(plain.urls - plugin.urls)
    cpu = {name: statistics.median(one.run.cpu for one in some) for name, some in seen.items()}
    row = compared.row(what, limit)
    row.notes += [
        f"requests {plain.requests} and {plugin.requests}, URLs +{more} -{fewer}, at a time {plain.most} and "
        f"{plugin.most}, processor {in_seconds(cpu['plain'])} and {in_seconds(cpu['plugin'])}"
    ]
    yield row


def headline(both: Sides, pairs: int = PAIRS) -> dict[str, float]:
    """Seconds of a cold lock at 50 ms, for the README's picture: plain Poetry, with the plugin,
    uv.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="bench-")))
        certs, shape, counter = CertificateFactory(folder / "certs"), web(), Counter(0.05)
        index = stack.enter_context(IndexServer())
        for name, (versions, requires) in shape.graph.items():
            index.add_all(packages.wheel(name, version, requires) for version in versions)
        index.respond = counter.respond
        places = {side.name: Place(stack, side, index, shape, certs) for side in both}
        seen = _pairs(both, places, counter, pairs, COLD)
        found = {
            name: statistics.median(one.run.seconds for one in some) for name, some in seen.items()
        }
        return {**found, "uv": statistics.median(uv_runs(index, shape, folder, pairs)[0])}


def uv(index: IndexServer, shape: Shape, folder: Path, times: int, what: str) -> Iterator[Row]:
    """What uv takes to lock the same project."""
    took, done = uv_runs(index, shape, folder, times)
    said = in_seconds(statistics.median(took)) if done.code == 0 else "cannot"
    notes = [] if done.code == 0 else done.text.strip().splitlines()[-1:]
    yield Row(f"from outside: {what}", ("", said), spread(took, in_seconds), notes=notes)


def uv_runs(index: IndexServer, shape: Shape, folder: Path, times: int) -> tuple[list[float], Run]:
    """The seconds of each, and the last."""
    project, cache = folder / "uv-project", folder / "uv-cache"
    project.mkdir()
    (project / "pyproject.toml").write_text(
        f'[project]\nname = "app"\nversion = "1"\nrequires-python = ">=3.10,<4.0"\n'
        f"dependencies = {json.dumps(list(shape.wanted))}\n"
        f'[[tool.uv.index]]\nurl = "{index.index_url}"\ndefault = true\n'
    )
    clean = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    environ = {
        **clean,
        "UV_CACHE_DIR": str(cache),
        "UV_PYTHON": sys.executable,
        "UV_PYTHON_DOWNLOADS": "never",
    }
    runs = []
    for _ in range(times):
        shutil.rmtree(cache, ignore_errors=True)
        (project / "uv.lock").unlink(missing_ok=True)
        runs.append(execute([f"{outside()}/uv", "lock", "-q"], project, environ, check=False))
    return [one.seconds for one in runs], runs[-1]
