"""Programs that stand in for credential helpers and vendors' tools: real scripts, run as real
processes.
"""

from __future__ import annotations

import json
import os
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

# What every stand-in can use: its input, and a record of how it was called.
_PRELUDE = """\
#!{python}
import json, os, sys, time
with open({record!r}, "a", encoding="utf-8") as record:
    stdin = sys.stdin.read()
    record.write(json.dumps({{"argv": sys.argv[1:], "stdin": stdin, "env": dict(os.environ)}}) + "\\n")
"""


class StandIn:
    """A program in a folder of its own.

    :param body: Python; it finds ``stdin`` read and ``json``, ``os``, ``sys``, ``time`` imported.
    """

    def __init__(self, folder: Path, name: str, body: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / name
        self._record = folder / f"{name}.calls"
        prelude = _PRELUDE.format(python=sys.executable, record=str(self._record))
        self.path.write_text(prelude + textwrap.dedent(body), encoding="utf-8")
        self.path.chmod(0o755)

    @property
    def command(self) -> tuple[str, ...]:
        return (str(self.path),)

    @property
    def calls(self) -> list[dict[str, Any]]:
        """How it was called, each time: ``argv`` (without the program), ``stdin`` and ``env``."""
        if not self._record.exists():
            return []
        return [json.loads(line) for line in self._record.read_text(encoding="utf-8").splitlines()]


# A grandchild that shows that it lives by writing, and the parent that started it.
HEARTBEAT = """\
import subprocess
subprocess.Popen(
    [
        sys.executable,
        "-c",
        "import sys, time\\n"
        "for _ in range(1200):\\n"
        "    open(sys.argv[1], 'a').write('.')\\n"
        "    time.sleep(0.05)\\n",
        {pulse!r},
    ]
)
while not os.path.exists({pulse!r}):
    time.sleep(0.01)
"""


def heart_stops(pulse: Path, *, within: float = 5.0) -> bool:
    """Whether the grandchild that writes to ``pulse`` has ended."""
    until = time.monotonic() + within
    while time.monotonic() < until:
        before = pulse.stat().st_size
        time.sleep(0.3)
        if pulse.stat().st_size == before:
            return True
    return False


def path_with(folder: Path) -> str:
    """``PATH`` with ``folder`` first."""
    return os.pathsep.join([str(folder), os.environ.get("PATH", os.defpath)])
