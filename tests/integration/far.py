"""An index that is far away: each answer takes a while, and it is known what was under way at the
same time.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import packages
from tests.integration.world import source
from tests.poetry_process import PoetryHome
from tests.servers import IndexServer, RecordedRequest, Response, Server

AWAY = 0.06  # seconds
PATIENCE = 10.0  # seconds, in which those who should come together do; Poetry gives up after 15
SWITCH = "POETRY_REPO_PLUGIN_PREFETCH"

Answer = Callable[[RecordedRequest], "Response | None"]


class Far:
    """Makes ``server`` far, and counts.

    :param answer: what it answers, in place of the server, behind the wait.
    :ivar most: requests under way at the same time.
    :ivar twice: URLs of which two requests were under way at the same time.
    :ivar started: for each request in order, how many others were under way when it came.
    """

    def __init__(
        self, server: Server, away: float = AWAY, answer: Answer = lambda request: None
    ) -> None:
        self.server = server
        self.away = away
        self.answer = answer
        self._before = server.respond
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self.clear()
        server.respond = self._respond

    def clear(self) -> None:
        """Count anew."""
        self.server.clear()
        self.most = 0
        self.twice: set[str] = set()
        self.started: list[tuple[str, int]] = []
        self._now: Counter[str] = Counter()
        self._together, self._freely = 0, 1

    def gather(self, count: int, after: int = 1) -> None:
        """Answer the first requests, then nothing until ``count`` are under way at the same time:
        whoever asks for so many at once is seen, however slow the machine is. Those who do not are
        kept waiting once.
        """
        self._together, self._freely = count, after

    @property
    def urls(self) -> list[str]:
        """Each URL, in alphabetical order, as often as it was asked for."""
        return sorted(request.target for request in self.server.requests)

    def _respond(self, request: RecordedRequest) -> Response | None:
        with self._lock:
            self.started.append((request.target, self._now.total()))
            self._now[request.target] += 1
            self.most = max(self.most, self._now.total())
            if self._now[request.target] > 1:
                self.twice.add(request.target)
            self._changed.notify_all()
            if len(self.started) > self._freely and not self._changed.wait_for(
                self._are_together, PATIENCE
            ):
                self._together = 0  # waited for once only
        time.sleep(self.away)
        with self._lock:
            self._now[request.target] -= 1
        found = self.answer(request)
        return found if found is not None or self._before is None else self._before(request)

    def _are_together(self) -> bool:
        return self.most >= self._together


def add_web(index: IndexServer, count: int = 12) -> tuple[str, ...]:
    """Packages ``lib0``, ``lib1`` … that each need some of the others, in two versions; their
    names.
    """
    names = tuple(f"lib{number}" for number in range(count))
    for number, name in enumerate(names):
        needs = [names[one] for one in (2 * number + 1, 2 * number + 2) if one < count]
        index.add_all((packages.wheel(name, "1.0", needs), packages.wheel(name, "2.0", needs)))
    return names


@contextmanager
def switched_off(home: PoetryHome) -> Iterator[None]:
    """Commands ask one question after the other, as plain Poetry does."""
    home.environ[SWITCH] = "false"
    yield
    del home.environ[SWITCH]


def forget(home: PoetryHome, *, lock: bool = True) -> None:
    """As if nothing had been asked before."""
    shutil.rmtree(home.root / "cache", ignore_errors=True)
    if lock:
        (home.project / "poetry.lock").unlink(missing_ok=True)


def lock_file(home: PoetryHome) -> bytes:
    """Its bytes."""
    return (home.project / "poetry.lock").read_bytes()


def project_of(home: PoetryHome, index: IndexServer, *dependencies: str, extra: str = "") -> Path:
    """A project of which the index is the one source."""
    home.environ["POETRY_VIRTUALENVS_CREATE"] = "false"
    home.environ["POETRY_INSTALLER_MAX_WORKERS"] = "16"
    return home.write_project(
        dependencies=dependencies, extra=source("foo", index.index_url) + extra
    )
