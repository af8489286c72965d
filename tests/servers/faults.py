"""Ready-made misbehaviour.

The functions make a :class:`Response` for ``server.respond = lambda request: …``; the servers never
get as far as HTTP.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

from tests.servers.base import Hook, Server
from tests.servers.listener import Listener
from tests.servers.messages import NEVER, RecordedRequest, Response

PIECE = 1024 * 1024


def redirect(location: str, status: int = 302) -> Response:
    """To ``location`` (301, 302, 303, 307 or 308)."""
    return Response(status, headers={"Location": location})


def redirect_all(origin: str, status: int = 302) -> Hook:
    """A hook that sends every request to the same target at another origin
    (``https://host:port``).
    """
    return lambda request: redirect(f"{origin.rstrip('/')}{request.target}", status)


def unauthorized(challenge: str = 'Basic realm="test index"') -> Response:
    """401 with any challenge; an empty one is left out, which RFC 9110 forbids and servers do."""
    return Response(401, b"no\n", {"WWW-Authenticate": challenge} if challenge else {})


def forbidden(text: str = "you have no rights here") -> Response:
    """403."""
    return Response.text(403, text)


def proxy_authentication_required() -> Response:
    """407."""
    return Response(407, b"no\n", {"Proxy-Authenticate": 'Basic realm="proxy"'})


def too_many_requests(retry_after: int | str = 1) -> Response:
    """429 with Retry-After, in seconds or as an HTTP date."""
    return Response.text(429, "slow down", {"Retry-After": str(retry_after)})


def login_page() -> Response:
    """200 and a page to log in, as single sign-on portals answer to whoever is not logged in."""
    form = '<form action="/login" method="post"><input name="user"><input name="password" type="password"></form>'
    return Response.html(
        f"<!DOCTYPE html><html><head><title>Log in</title></head><body>{form}</body></html>"
    )


def sign_on() -> Response:
    """200 and a page that sends a browser on to the company's single sign-on (SAML)."""
    form = "<form method=post action=https://idp.example.org/><input type=hidden name=SAMLRequest value=PHNhbWw></form>"
    return Response.html(
        f"<!DOCTYPE html><title>Sign in to your account</title><body onload=go()>{form}</body>"
    )


def huge(size: int, content_type: str = "text/html") -> Response:
    """A body of ``size`` bytes, announced with its length and made piece by piece."""
    headers = {"Content-Length": str(size), "Content-Type": content_type}
    return Response(200, _zeros(size), headers)


def reset_body(after: int, size: int = PIECE) -> Response:
    """Announces ``size`` bytes and resets the connection after some of them."""
    return Response(200, _zeros(size), {"Content-Length": str(size)}, reset_after=after)


def silence() -> Response:
    """Takes the request and never answers."""
    return Response(delay=NEVER)


def drip(body: bytes, pause: float, piece: int = 1) -> Response:
    """A body in small pieces with ``pause`` seconds between them."""
    pieces = [body[start : start + piece] for start in range(0, len(body), piece)]
    return Response(200, pieces, {"Content-Length": str(len(body))}, pause=pause)


def once(response: Response) -> Hook:
    """A hook that gives ``response`` to the first request and leaves all others to the server."""
    return times(1, lambda request: response)


def times(number: int, hook: Hook) -> Hook:
    """A hook that asks ``hook`` for the first ``number`` requests only."""
    count = iter(range(number))

    def limited(request: RecordedRequest) -> Response | None:
        return hook(request) if next(count, None) is not None else None

    return limited


def at(path: str, answer: Response | Callable[[RecordedRequest], Response | None]) -> Hook:
    """A hook for requests whose path starts with ``path``."""

    def here(request: RecordedRequest) -> Response | None:
        if not request.path.startswith(path):
            return None
        return answer if isinstance(answer, Response) else answer(request)

    return here


class ResetServer(Server):
    """Reads the first bytes of a connection and resets it (RST): with ``https`` in the middle of
    the handshake.
    """

    def __init__(self, *, host: str = "127.0.0.1", scheme: str = "https") -> None:
        super().__init__(host=host)
        self._scheme = scheme

    def converse(self, connection: socket.socket, listener: Listener, number: int) -> None:
        """See :meth:`Server.converse`."""
        connection.recv(1)
        listener.abort(connection)


class SilentServer(Server):
    """Accepts connections and never says a word."""

    def __init__(self, *, host: str = "127.0.0.1", scheme: str = "http") -> None:
        super().__init__(host=host)
        self._scheme = scheme

    def converse(self, connection: socket.socket, listener: Listener, number: int) -> None:
        """See :meth:`Server.converse`."""
        listener.closing.wait()


def refused_url(path: str = "/simple/", scheme: str = "http") -> str:
    """A URL at a port of this machine where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"{scheme}://127.0.0.1:{probe.getsockname()[1]}{path}"


def _zeros(size: int) -> Iterator[bytes]:
    piece = bytes(PIECE)
    while size > 0:
        yield piece[:size]
        size -= PIECE
