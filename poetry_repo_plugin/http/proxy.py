"""The way to a server through a proxy, as an environment variable names it (RFC 9110, 9.3.6)."""

from __future__ import annotations

import base64
import http.client
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from poetry_repo_plugin.core.deadline import Budget, watched
from poetry_repo_plugin.core.origin import DEFAULT_PORTS, Origin
from poetry_repo_plugin.core.secret import remember

_SCHEMES = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")


def fault_of(proxy: str) -> str | None:
    """Why no request can go through ``proxy``, a URL from the environment, however often it is
    tried.
    """
    scheme = ""
    if "://" in proxy:
        scheme = proxy.partition("://")[0].lower()
    if not scheme and re.match(r"[A-Za-z][A-Za-z0-9+-]*:", proxy):
        return "its URL has no scheme; it must start with http://"  # urllib3 takes the host for one
    if scheme and scheme not in _SCHEMES:
        return "its URL must start with http:// or socks5://"
    try:
        Proxy.of(proxy)
    except ValueError as error:
        return f"its URL is wrong: {error}"
    if scheme.startswith("socks") and not _has_socks():
        return "it is a SOCKS proxy, which needs the package PySocks in Poetry's environment"
    return None


def _has_socks() -> bool:
    from importlib.util import find_spec

    return find_spec("socks") is not None


def name_of(proxy: str) -> str:
    """Host and port of ``proxy``, without its login; ``""`` where it has none."""
    try:
        return str(Proxy.of(proxy))
    except ValueError:
        return ""


def variable_of(proxy: str, scheme: str, environ: Mapping[str, str] = os.environ) -> str | None:
    """The environment variable that sends requests of ``scheme`` through ``proxy``, if it is one
    that does.
    """
    wanted = proxy.removeprefix("http://").rstrip("/")
    for name in (f"{scheme}_proxy", f"{scheme.upper()}_PROXY", "all_proxy", "ALL_PROXY"):
        value = environ.get(name)
        if value and value.removeprefix("http://").rstrip("/") == wanted:
            return name
    return None


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
            raise ValueError("it has no host")
        if (
            "@" in f"{parts.path}{parts.query}{parts.fragment}"
        ):  # of its password, which is not written as a URL wants
            raise ValueError("its password holds a character that must be percent-encoded")
        remember(unquote(parts.netloc.rpartition("@")[0].partition(":")[2]))
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
        return {
            "Proxy-Authorization": f"Basic {base64.b64encode(unquote(self.userinfo).encode()).decode()}"
        }

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
