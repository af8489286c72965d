"""The way to a server through a proxy, as an environment variable names it (RFC 9110, 9.3.6)."""

from __future__ import annotations

import base64
import http.client
import socket
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from poetry_repo_plugin.core.deadline import Budget, watched
from poetry_repo_plugin.core.origin import DEFAULT_PORTS, Origin


@dataclass(frozen=True)
class Proxy:
    """A proxy. ``userinfo`` is never printed, and goes to nobody else."""

    scheme: str
    host: str
    port: int
    userinfo: str

    @classmethod
    def of(cls, url: str) -> Proxy:
        """From its URL. Raises :class:`ValueError` for one that names no host or a bad port."""
        parts = urlsplit(url if "://" in url else f"http://{url}")
        if not parts.hostname:
            raise ValueError("it names no host")
        port = parts.port or DEFAULT_PORTS.get(parts.scheme, 1080)
        return cls(parts.scheme, parts.hostname, port, parts.netloc.rpartition("@")[0])

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def is_plain(self) -> bool:
        """Whether a tunnel through it can be opened with what is here: it speaks http itself."""
        return self.scheme == "http"

    @property
    def headers(self) -> dict[str, str]:
        """Its ``Proxy-Authorization``, where it wants one."""
        if not self.userinfo:
            return {}
        return {"Proxy-Authorization": f"Basic {base64.b64encode(unquote(self.userinfo).encode()).decode()}"}

    def tunnel(self, origin: Origin, timeout: float) -> socket.socket:
        """A socket that leads to ``origin``. Raises :class:`OSError`, also where the proxy refuses.

        :param timeout: seconds, for all of it.
        """
        way = watched(http.client.HTTPConnection)(self.host, self.port, timeout=timeout)
        way.set_tunnel(origin.host, origin.port, self.headers)
        try:
            with Budget(timeout):
                way.connect()
        except TimeoutError:
            way.close()
            raise
        except http.client.HTTPException:
            way.close()
            raise OSError("what it answers is not HTTP") from None
        link: socket.socket = way.sock
        return link
