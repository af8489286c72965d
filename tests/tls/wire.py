"""Servers of a few lines, each for one way in which a connection goes right or wrong, and a client
of requests.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import requests
from requests.adapters import HTTPAdapter

Serve = Callable[[socket.socket], None]

V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


@contextmanager
def listening(serve: Serve) -> Iterator[int]:
    """A port on 127.0.0.1 where each connection is given to ``serve``, in a thread of its own."""
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def handle(connection: socket.socket) -> None:
        with connection, suppress(OSError, ValueError):
            connection.settimeout(10)
            serve(connection)

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threads.append(threading.Thread(target=handle, args=(connection,)))
                threads[-1].start()

    acceptor = threading.Thread(target=accept)
    acceptor.start()
    try:
        yield listener.getsockname()[1]
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for thread in (acceptor, *threads):
            thread.join(10)


def https(context: ssl.SSLContext) -> Serve:
    """Answers each request with the common name of the client's certificate, or ``nobody``."""

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as tls:
            with tls.makefile("rb") as lines:
                while lines.readline().strip():
                    pass
            subject = dict(pair[0] for pair in (tls.getpeercert() or {}).get("subject", ()))  # type: ignore[misc]
            body = str(subject.get("commonName", "nobody")).encode()
            tls.sendall(
                b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
                + body
            )

    return serve


def plain_http(connection: socket.socket) -> None:
    connection.recv(1024)
    connection.sendall(
        b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )


def reset_at_once(connection: socket.socket) -> None:
    """Takes the client's hello and resets the connection."""
    connection.recv(1024)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def close_at_once(connection: socket.socket) -> None:
    """Takes the client's hello and closes the connection."""
    connection.recv(65536)


def never_answer(connection: socket.socket) -> None:
    while connection.recv(1024):
        pass


class ContextAdapter(HTTPAdapter):
    """What any adapter must do so that the context alone decides (shared/POETRY.md, "Seams")."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.context = context
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self.context, **kwargs)

    def cert_verify(self, *args: object, **kwargs: object) -> None:
        """Not here."""

    def build_connection_pool_key_attributes(
        self,
        request: requests.PreparedRequest,
        verify: bool | str,
        cert: str | tuple[str, str] | None = None,
    ) -> Any:
        host, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        return host, {"ssl_context": self.context}


def fetch(url: str, context: ssl.SSLContext, *, timeout: float = 5.0, verify: bool = True) -> str:
    """GET through requests with ``context``; the body. Raises what requests raises."""
    with requests.Session() as session:
        session.trust_env = False
        session.mount("https://", ContextAdapter(context))
        response = session.get(url, timeout=timeout, verify=verify)
        return response.text
