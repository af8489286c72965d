"""A devpi server with one user and one index of his, filled by its own HTTP interface."""

from __future__ import annotations

import base64
import json
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.infrastructure.parts import SystemPart, daemon, free_port

_ROOT_PASSWORD = "root's own"
# It derives the key that signs its tokens with half a gigabyte and many rounds of argon2: minutes
# on a busy machine.
_CHEAP = ("--argon2-memory-cost", 64, "--argon2-parallelism", 1, "--argon2-time-cost", 1)


@dataclass(frozen=True)
class Devpi:
    """A running devpi, on plain http for the server in front of it."""

    port: int

    def call(
        self, method: str, path: str, content: dict[str, Any], auth: str | None = None
    ) -> dict[str, Any]:
        """A call of its JSON interface. Raises :class:`urllib.error.HTTPError`."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            json.dumps(content).encode(),
            {"Content-Type": "application/json", "Accept": "application/json"},
            method=method,
        )
        if auth is not None:
            request.add_header("X-Devpi-Auth", base64.b64encode(auth.encode()).decode())
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
            request, timeout=30
        ) as answer:
            found: dict[str, Any] = json.load(answer)
            return found

    def add_index(self, user: str, password: str, index: str) -> None:
        """A user, and an index that only he may upload to."""
        self.call("PUT", f"/{user}", {"password": password})
        token = self.call("POST", "/+login", {"user": user, "password": password})["result"][
            "password"
        ]
        settings = {"bases": [], "type": "stage", "volatile": True, "acl_upload": [user]}
        self.call("PUT", f"/{user}/{index}", settings, f"{user}:{token}")

    def add_mirror(self, user: str, password: str, index: str, of: str) -> str:
        """A mirror of the index at the URL ``of``, open to everyone; its own URL."""
        self.call("PUT", f"/{user}", {"password": password})
        found = self.call("POST", "/+login", {"user": user, "password": password})
        settings = {"type": "mirror", "mirror_url": of, "volatile": True}
        token = found["result"]["password"]
        self.call("PUT", f"/{user}/{index}", settings, f"{user}:{token}")
        return f"http://127.0.0.1:{self.port}/{user}/{index}/+simple/"


@contextmanager
def devpi(system_part: SystemPart, folder: Path, outside_url: str) -> Iterator[Devpi]:
    """A devpi that says in its links that it is at ``outside_url``."""
    program = system_part("devpi-server")
    folder.mkdir()
    home = {"HOME": str(folder)}
    made = [str(program.with_name("devpi-init")), "--serverdir", str(folder / "data")]
    made += ["--no-root-pypi", "--root-passwd", _ROOT_PASSWORD]
    subprocess.run(made, check=True, capture_output=True, cwd=folder)
    port = free_port()
    where = (
        "--serverdir",
        folder / "data",
        "--host",
        "127.0.0.1",
        "--port",
        port,
        "--outside-url",
        outside_url,
    )
    command = (program, *where, "--threads", 4, *_CHEAP)
    with daemon(command, folder, ports=[port], environ=home):
        yield Devpi(port)
