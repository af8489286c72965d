"""squid as a company's proxy: it tunnels, and wants a user name and a password."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.infrastructure.parts import SystemPart, daemon, free_port

_CONFIGURATION = """\
http_port 127.0.0.1:{port}
pid_filename none
netdb_filename none
cache_log {folder}/cache.log
cache_store_log none
coredump_dir {folder}
cache deny all
memory_pools off
shutdown_lifetime 0 seconds
via off
logformat seen %>Hs|%rm|%ru|%un|%>h
access_log stdio:{folder}/access.log seen
auth_param basic program {helper} {folder}/passwords
auth_param basic children 1 startup=1
auth_param basic realm a company's proxy
acl known proxy_auth REQUIRED
http_access allow known
http_access deny all
"""


@dataclass(frozen=True)
class Squid:
    """A running squid."""

    folder: Path
    port: int

    def url(self, username: str, password: str) -> str:
        """What a user puts into ``HTTPS_PROXY``."""
        return f"http://{username}:{password}@127.0.0.1:{self.port}"

    def log(self) -> str:
        """What it saw, headers too: ``status|method|target|user|headers`` for each request."""
        file = self.folder / "access.log"
        return file.read_text(encoding="utf-8") if file.exists() else ""

    def requests(self) -> list[tuple[int, str, str, str]]:
        """Status, method, target and user of each request."""
        rows = (line.split("|")[:4] for line in self.log().splitlines())
        return [(int(status), method, target, user) for status, method, target, user in rows]


@contextmanager
def squid(system_part: SystemPart, users: Mapping[str, str]) -> Iterator[Squid]:
    """squid for ``users``. As root it becomes somebody else, so its folder is open to all and not
    one of pytest's.
    """
    program, helper = system_part("squid"), system_part("basic_ncsa_auth")
    folder = Path(tempfile.mkdtemp(prefix="squid-"))
    try:
        folder.chmod(0o777)
        lines = [
            f"{user}:{hashlib.md5(password.encode()).hexdigest()}\n"
            for user, password in users.items()
        ]
        (folder / "passwords").write_text("".join(lines))
        port = free_port()
        (folder / "squid.conf").write_text(
            _CONFIGURATION.format(port=port, folder=folder, helper=helper)
        )
        command = (program, "-N", "-f", folder / "squid.conf", "-n", f"test{os.getpid()}")
        with daemon(command, folder, ports=[port]):
            yield Squid(folder, port)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
