"""The private index: pypiserver behind TLS, a required client certificate and a password, on this
machine only.
"""

from __future__ import annotations

import base64
import contextlib
import hmac
import io
import logging
import socket
import socketserver
import ssl
import threading
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TextIO, cast
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_PATIENCE = 10.0  # seconds for a client that says nothing
_LINGER = 1.0  # seconds in which a refused client may read why


class Index:
    """A running index; as a context manager it serves and, at the end, closes.

    :param packages: the folder that it serves, and where uploads go.
    :param context: the server's side of TLS; whether a client certificate is required is said
    there.
    """

    def __init__(
        self, packages: Path, context: ssl.SSLContext, username: str, password: str
    ) -> None:
        self._server = _Server(context)
        self._server.set_app(_locked(_pypiserver(packages, username, password), username, password))
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True
        )

    def __enter__(self) -> Index:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(_PATIENCE)

    @property
    def upload_url(self) -> str:
        """Where it takes uploads."""
        return f"https://127.0.0.1:{self._server.server_port}/"

    @property
    def url(self) -> str:
        """The index itself."""
        return f"{self.upload_url}simple/"


def _pypiserver(packages: Path, username: str, password: str) -> Application:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its copy of bottle, on some Pythons
        import pypiserver

    logging.getLogger("pypiserver").addHandler(logging.NullHandler())
    application = pypiserver.app(
        roots=[packages],
        authenticate=["download", "list", "update"],
        auther=lambda name, secret: _same(name, username) and _same(secret, password),
        disable_fallback=True,  # never a redirect to PyPI
        backend_arg="simple-dir",
    )
    return cast("Application", application)


def _locked(application: Application, username: str, password: str) -> Application:
    """``application``, with 401 for a wrong password, as RFC 7235 and other indexes have it;
    pypiserver says 403.
    """
    expected = "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if _same(environ.get("HTTP_AUTHORIZATION", ""), expected):
            return application(environ, start_response)
        text = b"401 Unauthorized\n"
        headers = {
            "WWW-Authenticate": 'Basic realm="demo", charset="UTF-8"',
            "Content-Length": str(len(text)),
        }
        start_response("401 Unauthorized", list(headers.items()))
        return [text]

    return answer


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())


class _Handler(WSGIRequestHandler):
    """Says nothing on this terminal."""

    timeout = _PATIENCE

    def log_message(self, *_: object) -> None:
        """Nowhere."""

    def get_stderr(self) -> TextIO:
        """Nowhere."""
        return io.StringIO()


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    """One thread for each connection, and the handshake in that thread: a slow client stops no
    other.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__(("127.0.0.1", 0), _Handler)

    def server_bind(self) -> None:
        """Without :class:`http.server.HTTPServer`'s question to the name server."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]
        self.setup_environ()
        self.base_environ["HTTPS"] = "on"

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Shake hands, then serve (:class:`socketserver.ThreadingMixIn`'s hook)."""
        request.settimeout(_PATIENCE)
        connection = self._context.wrap_socket(
            request, server_side=True, do_handshake_on_connect=False
        )
        try:
            connection.do_handshake()
        except OSError:
            _dismiss(connection)
            return
        super().process_request_thread(connection, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke: the client says so, and better."""


def _dismiss(connection: ssl.SSLSocket) -> None:
    """Let a client read why its handshake failed: with TLS 1.3 it may have sent its request
    already, and closing at once would reset the connection before it has seen our alert.
    """
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_WR)
        connection.settimeout(_LINGER)
        while socket.socket.recv(connection, 65536):
            pass
    connection.close()
