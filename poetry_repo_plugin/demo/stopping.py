"""Ctrl-C and its kin, at the moments where they do no harm."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_NAMES = (
    "SIGINT",
    "SIGTERM",
    "SIGHUP",
    "SIGBREAK",
)  # the third is not on Windows, the last only there


class Stopped(KeyboardInterrupt):
    """Somebody wants the demo to end."""


class Signals:
    """Within it, a signal is remembered, and raises :class:`Stopped` only where the demo waits.

    So nothing that was started is lost between being started and being known, and no second Ctrl-C
    interrupts the clearing up. A signal that is ignored already (``nohup``, a background job) stays
    ignored.
    """

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}
        self._arrived = False
        self._waiting = False

    def __enter__(self) -> Signals:
        for number in (getattr(signal, name, None) for name in _NAMES):
            if number is not None and signal.getsignal(number) not in (signal.SIG_IGN, None):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def heeded(self) -> Iterator[None]:
        """Where the demo waits: here, a signal raises :class:`Stopped`, also one that came
        before.
        """
        self._waiting = True
        try:
            if self._arrived:
                raise Stopped
            yield
        finally:
            self._waiting = False

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._arrived = True
        if self._waiting:
            self._waiting = False
            raise Stopped
