"""Runs a WSGI application (PEP 3333) on our server, so that its requests are recorded as all others
are.
"""

from __future__ import annotations

import ssl
import sys
from collections.abc import Callable, Iterable
from typing import IO, Any
from urllib.parse import unquote_to_bytes

from tests.servers.base import Server
from tests.servers.messages import RecordedRequest, Response

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class WsgiServer(Server):
    """``application`` on a real socket."""

    def __init__(
        self,
        application: Application,
        *,
        host: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(host=host, tls=tls)
        self.application = application

    def answer(self, request: RecordedRequest, body: IO[bytes]) -> Response:
        """What the application answers."""
        response = Response()

        def start_response(
            status: str, headers: list[tuple[str, str]], exc_info: object = None
        ) -> Callable[..., Any]:
            response.status = int(status.split(" ", 1)[0])
            response.headers = [
                (name, value) for name, value in headers if name.lower() != "content-length"
            ]
            return written.append

        written: list[bytes] = []
        pieces = self.application(self._environ(request, body), start_response)
        try:
            response.body = b"".join([*written, *pieces])
        finally:
            close = getattr(pieces, "close", None)
            if close is not None:
                close()
        return response

    def _environ(self, request: RecordedRequest, body: IO[bytes]) -> dict[str, Any]:
        length = body.seek(0, 2)
        body.seek(0)
        environ: dict[str, Any] = {
            "REQUEST_METHOD": request.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(request.path).decode("latin-1"),
            "QUERY_STRING": request.query,
            "CONTENT_TYPE": request.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(length),
            "SERVER_NAME": self.host,
            "SERVER_PORT": str(self.port),
            "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": self.origin.partition(":")[0],
            "wsgi.input": body,
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, value in request.raw_headers:
            if name.lower() not in ("content-type", "content-length", "transfer-encoding"):
                environ[f"HTTP_{name.upper().replace('-', '_')}"] = value
        return environ
