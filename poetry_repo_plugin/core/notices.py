"""What is told to a person on the way: each thing once, on stderr, from whichever thread meets it
first.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from poetry_repo_plugin.core.terminal import printable


class Notices:
    """Warnings of one run.

    :param write: takes one line of plain text; called under a lock, never twice with the same line.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._said: set[str] = set()
        self._lock = threading.Lock()

    def once(self, line: str) -> None:
        """Say ``line``, unless it has been said; what a terminal would act on is escaped."""
        line = printable(line)
        with self._lock:
            if line in self._said:
                return
            self._said.add(line)
            self._write(line)
