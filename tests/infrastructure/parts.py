"""Programs of the machine that tests run as they are: where they lie, and how one is started and
ended.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
VENVS = ROOT / ".venvs"
_FOLDERS = (
    "/usr/sbin",
    "/usr/local/sbin",
    "/usr/lib/squid",
    "/usr/lib64/squid",
    "/usr/libexec/squid",
)
_PATIENCE = 40.0
"""Seconds that a program has to come up, on a busy machine."""

SystemPart = Callable[[str], Path]
"""Finds a program; skips the test where it is missing."""


def system_part(name: str) -> Path:
    """Where the program lies. Without it the test is skipped, or fails where the environment says
    ``REQUIRE_SYSTEM_PARTS``.

    A variable named after it (``devpi-server``: ``DEVPI_SERVER``) comes first, then the virtual
    environments that ``.ci/run`` makes, then the machine.
    """
    named = os.environ.get(name.upper().replace("-", "_"))
    candidates = [Path(named)] if named else sorted(VENVS.glob(f"*/bin/{name}"))
    found = shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", ""), *_FOLDERS)))
    candidates += [Path(found)] if found and not named else []
    for candidate in candidates:
        if os.access(candidate, os.X_OK):
            return candidate
    return missing(f"{name} is not installed on this machine (.ci/run installs it)")


def missing(reason: str) -> Path:
    """Skip the test, or fail it where nothing may be missing."""
    if os.environ.get("REQUIRE_SYSTEM_PARTS"):
        pytest.fail(reason)
    pytest.skip(reason)


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody listens on, for programs that cannot choose one themselves."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


@contextmanager
def daemon(
    command: Sequence[object],
    folder: Path,
    *,
    ports: Sequence[int] = (),
    environ: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """``command`` while it runs in the foreground; it is ready when it listens on all ``ports``.

    Its output goes to ``output.log`` in ``folder``. Raises :class:`RuntimeError` with it if it does
    not come up.
    """
    log = folder / "output.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**os.environ, **(environ or {})},
            start_new_session=True,
        )
    try:
        for port in ports:
            _wait_for(process, port, log)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def _wait_for(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(
        f"{process.args!r} does not listen on {port}:\n{log.read_text(errors='replace')[-3000:]}"
    )
