"""A proxy that tunnels (CONNECT, RFC 9110, 9.3.6) and can lead any host name to a server of this
machine.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Mapping

from tests.servers.base import Conversation, Server
from tests.servers.listener import Listener
from tests.servers.messages import RecordedRequest, Response

PIECE = 64 * 1024


class ProxyServer(Server):
    """An HTTP proxy for ``HTTPS_PROXY``; anything but CONNECT is answered with 501.

    :param credentials: who may use it (Proxy-Authorization: Basic); ``None`` for everyone.
    :param hosts: where a ``host:port``, or a host at any port, really is, as an address and port:
        with ``{"pypi.example.org": ("127.0.0.1", server.port)}`` a test can use names that do not
        resolve.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
        credentials: Mapping[str, str] | None = None,
        hosts: Mapping[str, tuple[str, int]] | None = None,
    ) -> None:
        super().__init__(host=host, tls=tls)
        self.credentials = credentials
        self.hosts = dict(hosts or {})

    @property
    def tunnels(self) -> list[str]:
        """The ``host:port`` of every CONNECT, also of refused ones."""
        return [request.target for request in self.requests if request.method == "CONNECT"]

    def converse(self, connection: socket.socket, listener: Listener, number: int) -> None:
        """See :meth:`Server.converse`."""
        _Tunnelling(connection, self, listener, number)

    def refusal(self, request: RecordedRequest) -> Response | None:
        """Why the proxy does not do this; ``None`` when it does."""
        if request.method != "CONNECT":
            return Response.text(501, "this proxy only tunnels")
        if self.credentials is not None:
            given = request.proxy_authorization
            if (
                given is None
                or given.username is None
                or self.credentials.get(given.username) != given.password
            ):
                return Response(407, b"no\n", {"Proxy-Authenticate": 'Basic realm="test proxy"'})
        return None

    def address(self, target: str) -> tuple[str, int]:
        """Where ``host:port`` really is."""
        host, _, port = target.rpartition(":")
        return self.hosts.get(target) or self.hosts.get(host) or (host.strip("[]"), int(port))


class _Tunnelling(Conversation):
    owner: ProxyServer

    def serve(self) -> None:
        request = self._record(b"")
        response = self.owner.respond(request) if self.owner.respond is not None else None
        response = response or self.owner.refusal(request)
        if response is None:
            try:
                upstream = socket.create_connection(self.owner.address(request.target), timeout=5)
            except OSError as error:
                response = Response.text(502, str(error))
        if response is not None:
            request.status = response.status
            self._send(response)
            # The body of whatever was refused is not read, so nothing more can be on this
            # connection.
            self.close_connection = request.method != "CONNECT"
            return
        request.status = 200
        self.close_connection = True
        self.send_response(200, "Connection established")
        self.end_headers()
        self.wfile.flush()
        self._tunnel(upstream)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_CONNECT = serve

    def _tunnel(self, upstream: socket.socket) -> None:
        upstream.settimeout(None)
        self.listener.track(upstream)
        back = threading.Thread(target=_pump, args=(upstream, self.connection), daemon=True)
        back.start()
        try:
            _pump(self.connection, upstream)
        finally:
            back.join()
            self.listener.forget(upstream)


def _pump(source: socket.socket, target: socket.socket) -> None:
    """Carries bytes until ``source`` ends, then says so to ``target``."""
    with contextlib.suppress(OSError):
        while piece := source.recv(PIECE):
            target.sendall(piece)
    with contextlib.suppress(OSError):
        socket.socket.shutdown(target, socket.SHUT_WR)
