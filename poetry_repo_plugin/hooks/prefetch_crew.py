"""The threads that ask ahead. They start when a host turns out to be far, and never hold anybody up
at the end.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from poetry_repo_plugin.http.ahead import Abandoned, HoldBack, NotYet, asking_ahead

Task = Callable[[], object]


class Crew:
    """Runs tasks in as many threads as :meth:`allow` allows.

    The threads are daemons: the interpreter does not wait for an answer that nobody needs any more.
    """

    def __init__(self) -> None:
        self._tasks: deque[Task] = deque()
        self._parked: dict[object, list[Task]] = {}
        self._changed = threading.Condition()
        self._allowed = 0
        self._threads = 0
        self._idle = 0  # of them
        self._open: set[object] = set()

    def add(self, task: Task) -> None:
        """Run ``task`` soon, in a thread that asks ahead; what it raises is dropped."""
        with self._changed:
            self._tasks.append(task)
            self._man()
            self._changed.notify()

    def allow(self, threads: int) -> None:
        """Let so many work at a time from now on; what is under way ends first."""
        with self._changed:
            if threads and not self._threads:
                _hold_back_logs()
            self._allowed = threads
            self._man()
            self._changed.notify_all()

    def open(self, place: object) -> None:
        """``place`` has accepted a request: what waited for it goes on."""
        with self._changed:
            self._open.add(place)
            self._tasks.extend(self._parked.pop(place, ()))
            self._man()
            self._changed.notify_all()

    def _man(self) -> None:
        while self._threads < self._allowed and len(self._tasks) > self._idle:
            self._threads += 1
            self._idle += 1
            threading.Thread(
                target=self._work, name="poetry-repo-plugin-ahead", daemon=True
            ).start()

    def _work(self) -> None:
        with asking_ahead():
            while True:
                with self._changed:
                    while not self._tasks or self._threads - self._idle >= self._allowed:
                        self._changed.wait()
                    task = self._tasks.popleft()
                    self._idle -= 1
                self._run(task)
                with self._changed:
                    self._idle += 1
                    self._changed.notify()

    def _run(self, task: Task) -> None:
        try:
            with suppress(Exception):
                task()
        except NotYet as wait:
            with self._changed:
                if wait.place in self._open:
                    self._tasks.append(task)
                else:
                    self._parked.setdefault(wait.place, []).append(task)
        except Abandoned:
            pass


def _hold_back_logs() -> None:
    for handler in logging.root.handlers:
        if not any(isinstance(one, HoldBack) for one in handler.filters):
            handler.addFilter(HoldBack())
