"""Each question once at a time: whoever asks for what is under way waits for it.

What a thread ahead of Poetry has found is kept until Poetry takes it. What it failed at is dropped,
and Poetry tries itself; but for “there is no such package”, which is an answer.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable
from typing import Any

from poetry.repositories.exceptions import PackageNotFoundError

from poetry_repo_plugin.http.ahead import Abandoned, is_ahead, keeping_records, replay

_PATIENCE = 0.5  # seconds; between them Ctrl-C is noticed, on Windows too


class _Flight:
    """A call that is under way, or has ended."""

    def __init__(self) -> None:
        self.ahead = is_ahead()
        self.over = threading.Event()
        self.answered = False
        self.value: Any = None
        self.missing: PackageNotFoundError | None = None
        self.records: list[logging.LogRecord] = []

    def wait(self) -> None:
        while not self.over.wait(_PATIENCE):
            pass

    def take(self) -> Any:
        """The value; to Poetry, with what was logged on the way."""
        if self.records and not is_ahead():
            replay(self.records)
        if self.missing is not None:
            raise self.missing
        return self.value


class Flights:
    """Calls by their arguments.

    :param call: what is called.
    :param keep: remember answers for good, as ``functools.cache`` does; else Poetry is given each
        once, and calls anew the next time.
    """

    def __init__(self, call: Callable[..., Any], *, keep: bool) -> None:
        self._call = call
        self._keep = keep
        self._lock = threading.Lock()
        self._flights: dict[Hashable, _Flight] = {}
        self._taken: set[Hashable] = set()

    def __call__(self, *arguments: Any) -> Any:
        """The answer for ``arguments``. Raises what the call raises."""
        while True:
            flight, mine = self._board(arguments)
            if mine:
                return self._fly(arguments, flight)
            flight.wait()
            if flight.answered:
                self._note_taken(arguments, flight)
                return flight.take()
            if is_ahead():
                raise Abandoned

    def fetch(self, *arguments: Any) -> None:
        """Call ahead for ``arguments``, unless somebody has, or is about to."""
        if arguments not in self._taken and arguments not in self._flights:
            self(*arguments)

    def _board(self, key: Hashable) -> tuple[_Flight, bool]:
        with self._lock:
            flight = self._flights.get(key)
            if flight is not None:
                return flight, False
            if is_ahead() and key in self._taken:
                raise Abandoned  # Poetry has it already
            flight = self._flights[key] = _Flight()
            return flight, True

    def _fly(self, key: tuple[Any, ...], flight: _Flight) -> Any:
        try:
            if flight.ahead:
                with keeping_records(flight.records):
                    flight.value = self._call(*key)
            else:
                flight.value = self._call(*key)
            flight.answered = True
            return flight.value
        except PackageNotFoundError as error:
            if flight.ahead:
                flight.missing, flight.answered = error, True
            raise
        finally:
            self._land(key, flight)

    def _land(self, key: Hashable, flight: _Flight) -> None:
        with self._lock:
            if not flight.ahead:
                self._taken.add(key)
            lasting = flight.answered and (self._keep or flight.ahead)
            if not lasting:
                self._flights.pop(key, None)
        flight.over.set()

    def _note_taken(self, key: Hashable, flight: _Flight) -> None:
        """Poetry has its answer: what is given once is gone, and so is “not found”, which it asks
        for anew.
        """
        if is_ahead():
            return
        with self._lock:
            self._taken.add(key)
            once = not self._keep or flight.missing is not None
            if once and self._flights.get(key) is flight:
                del self._flights[key]


class OneFlight(Flights):
    """As :class:`Flights`, of a call whose answer is the same whatever its arguments are."""

    def __call__(self, *arguments: Any) -> Any:
        """The answer. Raises what the call raises; that there is no page, with the name that was
        asked for.
        """
        try:
            return super().__call__("")
        except PackageNotFoundError as error:
            raise PackageNotFoundError(str(error).replace("[]", f"[{arguments[0]}]")) from error

    def fetch(self, *arguments: Any) -> None:
        """See :meth:`Flights.fetch`."""
        super().fetch("")
