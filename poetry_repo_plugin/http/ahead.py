"""Requests ahead of Poetry: which host may be asked ahead, and how such a request differs from
Poetry's own.

A request ahead spends nothing but time: it asks nobody for a credential, tries nothing twice, reads
no archive, but for the range of a wheel in which its metadata are. Where it cannot go on so, it is
:class:`Abandoned`; Poetry asks for the same itself, and meets whatever there is to meet.

Ranges are worth it: with 50 ms a request and 64 packages without PEP 658 metadata, a cold lock took
0.79 of plain Poetry's time with the pages ahead alone, and 0.23 with the ranges as well.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from requests import PreparedRequest

    from poetry_repo_plugin.core.origin import Origin
    from poetry_repo_plugin.http.matching import Grant

MOST = 16  # requests ahead at a time
FAR = 0.008  # seconds: from here on, waiting costs more than a thread does
VERY_FAR = 0.03  # seconds: so long takes no request on this machine, connecting included
_RECENT = 4  # answers by which a host is judged; a busy machine makes a near one slow for once
_WORK = 0.004  # seconds of processor time for each request: more threads than this leaves room for gain nothing

_ARCHIVES = (".whl", ".gz", ".zip", ".bz2", ".xz", ".tgz", ".tar", ".egg", ".exe", ".msi", ".rpm")
_here = threading.local()


class Abandoned(BaseException):  # no error: like a cancellation, it passes all who explain or retry
    """A request ahead that is given up."""


class NotYet(Abandoned):
    """A request ahead to a place that has not accepted any request yet; it may be made later.

    :ivar place: what :meth:`Hosts.place` said of it.
    """

    def __init__(self, place: object) -> None:
        super().__init__()
        self.place = place


def is_ahead() -> bool:
    """Whether this thread asks ahead of Poetry."""
    return getattr(_here, "ahead", False)


@contextmanager
def asking_ahead() -> Iterator[None]:
    """Mark this thread as one that asks ahead."""
    _here.ahead = True
    try:
        yield
    finally:
        _here.ahead = False


@contextmanager
def keeping_records(records: list[logging.LogRecord]) -> Iterator[None]:
    """Collect in ``records`` what this thread logs while it asks ahead."""
    before = getattr(_here, "records", None)
    _here.records = records
    try:
        yield
    finally:
        _here.records = before


class HoldBack(logging.Filter):
    """Keeps back what threads ahead log; who takes their answer logs it, at the time when Poetry
    would have.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether ``record`` is written now."""
        if not is_ahead():
            return True
        records = getattr(_here, "records", None)
        if records is not None:
            records.append(record)
        return False


class Hosts:
    """What the hosts of a run have answered so far; for all threads.

    :ivar on_change: called with the place where one accepts its first request, or ``None``, and the
        number of requests at a time that are worth it from now on.
    """

    def __init__(self) -> None:
        self.on_change: Callable[[object, int], None] = lambda place, workers: None
        self._accepted: set[object] = set()
        self._ranges: set[Origin] = set()  # that gave one of a file
        self._refused: set[Origin] = set()
        self._recent: dict[Origin, deque[float]] = {}
        self._measured: set[Origin] = set()
        self._workers = 0

    @staticmethod
    def place(grant: Grant) -> object:
        """What a success stands for: this repository, with its credential, at this origin."""
        return (
            grant.repository.name if grant.repository is not None else "",
            grant.query,
            grant.origin,
        )

    def settle(
        self, grant: Grant, status: int, seconds: float | None, *, ignored: bool = False
    ) -> None:
        """Learn from the answer to a request.

        :param seconds: that the host took; ``None`` where a cache answered.
        :param ignored: the user says that ``status`` means “not here”: it neither refuses nor
            accepts.
        """
        if seconds is None or ignored:
            return
        if is_failure(status):
            self.refuse(grant.origin)
        elif status < 400 or status == 404:
            self._accept(grant, seconds)
        if status == 206 and grant.origin not in self._ranges:
            self._ranges.add(grant.origin)
            self.on_change(_ranges_of(grant), self._workers)

    def _accept(self, grant: Grant, seconds: float) -> None:
        recent = self._recent.setdefault(grant.origin, deque(maxlen=_RECENT))
        recent.append(seconds)
        if len(recent) == _RECENT:
            self._measured.add(grant.origin)
        place, workers = self.place(grant), self.workers()
        is_new = place not in self._accepted
        if is_new or workers != self._workers:
            self._accepted.add(place)
            self._workers = workers
            self.on_change(place if is_new else None, workers)

    def refuse(self, origin: Origin) -> None:
        """The host has refused or failed: nothing more is asked of it ahead."""
        self._refused.add(origin)

    def check(self, grant: Grant, request: PreparedRequest) -> None:
        """Raise :class:`Abandoned` where ``request`` may not be made ahead."""
        if grant.origin in self._refused or request.method != "GET":
            raise Abandoned
        path = str(urlsplit(request.url or "").path).lower()
        if path.endswith(_ARCHIVES):
            if not path.endswith(".whl") or "Range" not in request.headers:
                raise Abandoned
            if grant.origin not in self._ranges:  # it may send the whole file
                raise NotYet(_ranges_of(grant))
        place = self.place(grant)
        if place not in self._accepted:
            raise NotYet(place)

    def workers(self) -> int:
        """How many requests ahead are worth it at a time, by the host that is the farthest; 0 for
        none.
        """
        return max(map(self._workers_for, list(self._recent)), default=0)

    def _workers_for(self, origin: Origin) -> int:
        recent = list(self._recent[origin])
        needed = VERY_FAR if len(recent) == 1 else FAR  # the first includes the connecting
        if origin in self._refused or min(recent) < needed:
            return 0
        return min(MOST, max(2, round(min(recent) / _WORK)))

    def are_near(self) -> bool:
        """Whether all hosts were measured, and none is far."""
        return (
            bool(self._recent) and len(self._measured) == len(self._recent) and not self.workers()
        )


def _ranges_of(grant: Grant) -> object:
    return ("ranges", grant.origin)


def is_failure(status: int) -> bool:
    """Whether a host that answers so is left alone."""
    return status in (401, 403, 407, 429) or status >= 500


def replay(records: list[Any]) -> None:
    """Log what was kept back."""
    while records:
        record = records.pop(0)
        logging.getLogger(record.name).handle(record)
