"""Where the browser comes back to after a sign-in: a port of this machine (RFC 8252, 7.3).

Anything on this machine, and any page in the browser, may call there. What does not carry the
``state`` of this sign-in is turned away and ends nothing.
"""

from __future__ import annotations

import http.server
import queue
import socketserver
import threading
import time
from collections.abc import Callable
from typing import Any

_PATH = "/callback"
_SECONDS = 5.0  # for a request to be read
_LOOK = 0.2  # seconds between two looks at what else may have happened
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>
<body><h1>{title}</h1><p>{text}</p></body></html>
"""
_DONE = "You can close this window", "Sign-in complete. Return to the terminal."
_ODD = "Unknown sign-in", "This address does not belong to the sign-in that is waiting."


class Loopback:
    """Listens on a free port of 127.0.0.1, as a context manager.

    :param is_ours: whether a query belongs to this sign-in.
    """

    def __init__(self, is_ours: Callable[[str], bool]) -> None:
        self._found: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._server = _Server(("127.0.0.1", 0), _Visit)
        self._server.is_ours = is_ours
        self._server.found = self._found
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True
        )

    @property
    def address(self) -> str:
        """Where the browser is to be sent back to."""
        return f"http://127.0.0.1:{self._server.port}{_PATH}"

    def __enter__(self) -> Loopback:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def wait(self, seconds: float) -> str | None:
        """The query of the redirect that is ours; ``None`` if none comes in time."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                return self._found.get(timeout=_LOOK)  # Windows hears no Ctrl-C in a long wait
            except queue.Empty:
                continue
        return None


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    block_on_close = False
    is_ours: Callable[[str], bool]
    found: queue.SimpleQueue[str]

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A visitor who breaks off is nobody's business."""


class _Visit(http.server.BaseHTTPRequestHandler):
    """One request; a browser also opens connections that it never uses."""

    server: _Server
    timeout = _SECONDS

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        # A page elsewhere whose name leads to 127.0.0.1 names itself here.
        hosts = {f"{host}:{self.server.port}" for host in ("127.0.0.1", "localhost")}
        if path != _PATH or self.headers.get("Host") not in hosts:
            self._answer(404, _ODD)
        elif not self.server.is_ours(query):
            self._answer(400, _ODD)
        else:
            self._answer(200, _DONE)
            self.server.found.put(query)

    def _answer(self, status: int, words: tuple[str, str]) -> None:
        page = _PAGE.format(title=words[0], text=words[1]).encode()
        self.send_response(status)
        for name, value in (
            ("Content-Type", "text/html; charset=utf-8"),
            ("Content-Length", str(len(page))),
            ("Content-Security-Policy", "default-src 'none'"),
            ("Referrer-Policy", "no-referrer"),
            ("Cache-Control", "no-store"),
            ("Connection", "close"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(page)
        self.close_connection = True

    def version_string(self) -> str:
        """Nobody has to know."""
        return "sign-in"

    def log_message(self, format: str, *args: object) -> None:
        """The request line holds a code."""
