"""nginx in front of something."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.certs import Authority, Identity, key_pem
from tests.infrastructure.parts import SystemPart, daemon, free_port

_CONFIGURATION = """\
{user}
daemon off;
master_process off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
  log_format seen '$status|$request_method|$request_uri|$http_authorization|$ssl_client_s_dn';
  access_log {folder}/access.log seen;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  client_max_body_size 20m;
  {cache}
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {folder}/server.pem;
    ssl_certificate_key {folder}/server.key;
    {clients}
{locations}
  }}
}}
"""


@dataclass(frozen=True)
class Seen:
    """One line of nginx's access log."""

    status: int
    method: str
    path: str
    authorization: str
    client: str


@dataclass(frozen=True)
class Nginx:
    """A running nginx."""

    folder: Path
    port: int

    @property
    def origin(self) -> str:
        """``https://127.0.0.1:PORT``."""
        return f"https://127.0.0.1:{self.port}"

    def seen(self) -> list[Seen]:
        """Every request so far, in order; ``-`` stands for nothing."""
        log = self.folder / "access.log"
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        rows = (line.split("|", 4) for line in lines)
        return [Seen(int(status), *rest) for status, *rest in rows]


@contextmanager
def nginx(
    system_part: SystemPart,
    folder: Path,
    server: Identity,
    locations: str,
    *,
    clients: Authority | None = None,
    port: int | None = None,
    caching: bool = False,
) -> Iterator[Nginx]:
    """nginx over TLS.

    :param locations: its ``location`` blocks.
    :param clients: a certificate of this authority is required of clients.
    :param caching: there is a cache called ``kept`` for ``proxy_cache``.
    """
    program = system_part("nginx")
    folder.mkdir()
    (folder / "server.pem").write_bytes(server.cert_pem)
    (folder / "server.key").write_bytes(key_pem(server))
    demand = ""
    if clients is not None:
        (folder / "clients.pem").write_bytes(clients.pem)
        demand = f"ssl_client_certificate {folder}/clients.pem;\n    ssl_verify_client on;"
    port = port or free_port()
    user = "user root;" if os.geteuid() == 0 else ""
    cache = f"proxy_cache_path {folder}/kept keys_zone=kept:1m;" if caching else ""
    text = _CONFIGURATION.format(
        user=user, folder=folder, port=port, clients=demand, locations=locations, cache=cache
    )
    configuration = folder / "nginx.conf"
    configuration.write_text(text)
    command = (program, "-p", folder, "-c", configuration, "-e", folder / "error.log")
    with daemon(command, folder, ports=[port]):
        yield Nginx(folder, port)
