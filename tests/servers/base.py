"""The HTTP server that all others are: it records every request and lets a test answer in its
place.
"""

from __future__ import annotations

import contextlib
import http.server
import socket
import ssl
import tempfile
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from requests.structures import CaseInsensitiveDict

from tests.servers.listener import Listener
from tests.servers.messages import NEVER, Authorization, RecordedRequest, Response

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["NEVER", "Authorization", "Hook", "RecordedRequest", "Response", "Server"]

MEGABYTE = 1024 * 1024

Hook = Callable[[RecordedRequest], "Response | None"]


class Server:
    """A server on a free port of this machine, as a context manager.

    :param host: the name in its URLs: an address, or a name that leads to 127.0.0.1
        (``localhost``).
    :param tls: speaks TLS with this; may be changed while it runs, for new connections.
    :ivar respond: asked first; what it returns is the answer, ``None`` leaves it to the server.
    :ivar requests: all requests, in the order of their arrival.
    """

    def __init__(self, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        self.host = host
        self.tls = tls
        self.respond: Hook | None = None
        self.requests: list[RecordedRequest] = []
        self._scheme = "https" if tls else "http"
        self._listener: Listener | None = None

    # -- life

    def start(self) -> None:
        """Listens. Its port is known from here on."""
        bind = (
            self.host if self.host.replace(".", "").isdigit() or ":" in self.host else "127.0.0.1"
        )
        self._listener = Listener(bind, self.converse, lambda: self.tls)

    def close(self) -> None:
        """Ends it; what it recorded stays."""
        if self._listener is not None:
            self._listener.close()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
        if error is None and self.errors:
            raise RuntimeError("the test server itself failed:\n" + "\n".join(self.errors))

    @property
    def listener(self) -> Listener:
        """The running listener. Raises :class:`RuntimeError` before :meth:`start`."""
        if self._listener is None:
            raise RuntimeError("the server is not running: use it in a with statement")
        return self._listener

    # -- where it is

    @property
    def port(self) -> int:
        """Its port."""
        return int(self.listener.server_address[1])

    @property
    def netloc(self) -> str:
        """``host:port``."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def origin(self) -> str:
        """``scheme://host:port``."""
        return f"{self._scheme}://{self.netloc}"

    @property
    def url(self) -> str:
        """The origin with a slash."""
        return f"{self.origin}/"

    def with_userinfo(self, url: str, userinfo: str) -> str:
        """``url`` of this server with ``userinfo@``."""
        parts = urlsplit(url)
        return parts._replace(netloc=f"{userinfo}@{parts.netloc}").geturl()

    # -- what it saw

    @property
    def handshake_errors(self) -> list[str]:
        """Why TLS handshakes failed, as OpenSSL words it."""
        return self.listener.handshake_errors

    @property
    def errors(self) -> list[str]:
        """Tracebacks of the server's own mistakes; leaving the ``with`` block raises them."""
        return self.listener.errors

    @property
    def connections(self) -> int:
        """The number of connections so far, failed handshakes included."""
        return self.listener.accepted

    def paths(self, method: str | None = None) -> list[str]:
        """The paths of the requests in order; of one method only where it is given."""
        return [request.path for request in self.requests if method in (None, request.method)]

    def authorizations(self) -> list[Authorization]:
        """Every Authorization header that came."""
        return [
            request.authorization for request in self.requests if request.authorization is not None
        ]

    def saw_secret(self, secret: str) -> bool:
        """Whether ``secret`` was anywhere in a request: header, Basic user or password, target,
        body.
        """
        return any(request.carries(secret) for request in self.requests)

    def clear(self) -> None:
        """Forgets the requests and handshake errors so far."""
        self.requests.clear()
        self.handshake_errors.clear()

    # -- answers

    def answer(self, request: RecordedRequest, body: IO[bytes]) -> Response:
        """The answer to ``request``, whose whole body is in ``body``. A subclass's business."""
        return Response.text(404, "nothing here")

    def respond_to(self, request: RecordedRequest, body: IO[bytes]) -> Response:
        """What :attr:`respond` says, else :meth:`answer`."""
        response = self.respond(request) if self.respond is not None else None
        return self.answer(request, body) if response is None else response

    def converse(self, connection: socket.socket, listener: Listener, number: int) -> None:
        """Talks over a connection that is open, and encrypted where it should be, until it ends."""
        Conversation(connection, self, listener, number)


class Conversation(http.server.BaseHTTPRequestHandler):
    """One connection with all its requests."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def __init__(
        self, connection: socket.socket, owner: Server, listener: Listener, number: int
    ) -> None:
        self.owner = owner
        self.listener = listener
        self.number = number
        super().__init__(connection, connection.getpeername(), cast(Any, listener))

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing (and so asks no name server)."""

    def handle_expect_100(self) -> bool:
        """Sends ``100 Continue`` at once, past our write buffer."""
        go_on = super().handle_expect_100()
        self.wfile.flush()
        return go_on

    def finish(self) -> None:
        """Closes both files, also when the client is gone and the last bytes cannot be sent."""
        for file in (self.wfile, self.rfile):
            with contextlib.suppress(OSError):
                file.close()

    def serve(self) -> None:
        """One request, whatever its method."""
        with tempfile.SpooledTemporaryFile(max_size=MEGABYTE) as body:
            for piece in self._incoming():
                body.write(piece)
            body.seek(0)
            request = self._record(body.read(MEGABYTE))
            body.seek(0)
            response = self.owner.respond_to(request, cast("IO[bytes]", body))
            request.status = response.status
            self._send(response)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_CONNECT = serve

    def _record(self, body: bytes) -> RecordedRequest:
        request = RecordedRequest(
            method=self.command,
            target=self.path,
            headers=CaseInsensitiveDict(self.headers.items()),
            raw_headers=list(self.headers.items()),
            body=body,
            peer=_common_name(self.connection),
            connection=self.number,
        )
        self.owner.requests.append(request)
        return request

    def _incoming(self) -> Iterator[bytes]:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            while size := int(self.rfile.readline().partition(b";")[0] or b"0", 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass  # trailers
            return
        left = int(self.headers.get("Content-Length") or 0)
        while left > 0 and (piece := self.rfile.read(min(left, 64 * 1024))):
            left -= len(piece)
            yield piece

    def _send(self, response: Response) -> None:
        if response.delay and self._wait(response.delay):
            return
        silent = self.command == "HEAD" or response.status in (204, 304) or response.status < 200
        body, counted = response.body, response.has("Content-Length")
        self.send_response(response.status, response.reason)
        for name, value in response.header_pairs():
            self.send_header(name, value)
        chunked = not isinstance(body, bytes) and not counted and not silent
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif isinstance(body, bytes) and not counted and response.status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if not silent:
            self._send_body([body] if isinstance(body, bytes) else body, response, chunked)

    def _send_body(self, pieces: Iterable[bytes], response: Response, chunked: bool) -> None:
        left = response.reset_after
        for number, piece in enumerate(pieces):
            if number and response.pause:
                self.wfile.flush()
                if self._wait(response.pause):
                    return
            cut = piece if left is None else piece[:left]
            if cut:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(cut), cut) if chunked else cut)
            if left is not None:
                left -= len(cut)
                if left == 0:
                    self._reset()
                    return
        if chunked:
            self.wfile.write(b"0\r\n\r\n")

    def _reset(self) -> None:
        self.wfile.flush()
        # What was sent must arrive before the reset overtakes it.
        self.listener.closing.wait(0.05)
        self.listener.abort(self.connection)
        self.close_connection = True

    def _wait(self, seconds: float) -> bool:
        """Waits; whether the server ended meanwhile."""
        ended = self.listener.closing.wait(None if seconds == NEVER else seconds)
        self.close_connection = self.close_connection or ended
        return ended


def _common_name(connection: socket.socket) -> str | None:
    if not isinstance(connection, ssl.SSLSocket):
        return None
    for rdn in (connection.getpeercert() or {}).get("subject", ()):
        for pair in cast("Iterable[tuple[str, str]]", rdn):
            if pair[0] == "commonName":
                return pair[1]
    return None
