"""Standard output while a keyring is asked.

Some backends, and tools that they start, print there. The output of ``repo token`` or ``--json`` is
read by programs, so what a backend prints goes to standard error.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

_lock = threading.Lock()
_diversion: _Diversion | None = None
_users = 0


@contextmanager
def stdout_diverted() -> Iterator[None]:
    """Send standard output, that of child processes too, to standard error. Threads may overlap."""
    global _diversion, _users
    with _lock:
        if _users == 0:
            _diversion = _Diversion()
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0 and _diversion is not None:
                _diversion.end()
                _diversion = None


class _Diversion:
    def __init__(self) -> None:
        self._stream: TextIO = sys.stdout
        _flush(self._stream)  # it was written before, and belongs to standard output
        self._descriptor = _divert_descriptor()
        sys.stdout = sys.stderr

    def end(self) -> None:
        if sys.stdout is sys.stderr:
            sys.stdout = self._stream
        _flush(sys.stderr)
        if self._descriptor is not None:
            os.dup2(self._descriptor, 1)
            os.close(self._descriptor)


def _divert_descriptor() -> int | None:
    """A copy of descriptor 1, which is that of standard error now; ``None`` where one of them is
    closed.
    """
    copy = None
    try:
        copy = os.dup(1)
        os.dup2(2, 1)
    except OSError:
        if copy is not None:
            os.close(copy)
        return None
    return copy


def _flush(stream: TextIO | None) -> None:
    with suppress(
        AttributeError, OSError, ValueError
    ):  # there is none, its reader has gone, it is closed
        stream.flush()  # type: ignore[union-attr]
