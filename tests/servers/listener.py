"""Sockets and threads: one listener, one thread for each connection, the TLS handshake in that
thread.
"""

from __future__ import annotations

import contextlib
import socket
import socketserver
import ssl
import struct
import threading
import traceback
from collections.abc import Callable

LINGER = 0.5
"""Seconds for which a refused client may still send before its connection is closed."""

PATIENCE = 0.5
"""Seconds to wait for handshakes that are under way."""

Handler = Callable[[socket.socket, "Listener", int], None]


class Listener(socketserver.TCPServer):
    """Accepts on port 0 and hands each connection, with its number, to ``handler`` in a thread of
    its own.

    :ivar errors: tracebacks of what our own code did wrong; connections that break are none of
        them.
    :ivar accepted: the number of connections so far.
    :ivar closing: set when the server ends; whoever waits, waits for this.
    """

    allow_reuse_address = True
    request_queue_size = 128

    def __init__(
        self, bind: str, handler: Handler, tls: Callable[[], ssl.SSLContext | None]
    ) -> None:
        self.address_family = socket.AF_INET6 if ":" in bind else socket.AF_INET
        self._handshake_errors: list[str] = []
        self.errors: list[str] = []
        self.accepted = 0
        self.closing = threading.Event()
        self._handler = handler
        self._tls = tls
        self._lock = threading.Lock()
        self._settled = threading.Condition()
        self._shaking = 0
        self._open: set[socket.socket] = set()
        self._aborted: set[int] = set()
        self._threads: set[threading.Thread] = set()
        super().__init__((bind, 0), socketserver.BaseRequestHandler)
        self._accepting = threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True)
        self._accepting.start()

    def process_request(self, request: object, client_address: object) -> None:
        """One thread for each connection (:class:`socketserver.BaseServer`'s hook)."""
        assert isinstance(request, socket.socket)
        with self._lock:
            self.accepted += 1
            thread = threading.Thread(
                target=self._converse, args=(request, self.accepted), daemon=True
            )
            self._threads.add(thread)
        thread.start()

    @property
    def handshake_errors(self) -> list[str]:
        """Why TLS handshakes failed, as OpenSSL words it. Those under way are waited for: a client
        sees our alert a moment before we have noted it.
        """
        with self._settled:
            self._settled.wait_for(lambda: self._shaking == 0, timeout=PATIENCE)
            return self._handshake_errors

    def close(self) -> None:
        """Ends everything at once: no thread and no socket is left."""
        self.closing.set()
        self.shutdown()
        self.server_close()
        with self._lock:
            waiting = [self._accepting, *self._threads]
            for connection in self._open:
                _shut(connection, socket.SHUT_RDWR)
        for thread in waiting:
            thread.join(10)

    def track(self, connection: socket.socket, instead_of: socket.socket | None = None) -> None:
        """Makes :meth:`close` end ``connection`` too."""
        with self._lock:
            if instead_of is not None:
                self._open.discard(instead_of)
            self._open.add(connection)
            if self.closing.is_set():
                _shut(connection, socket.SHUT_RDWR)

    def forget(self, connection: socket.socket) -> None:
        """Closes ``connection``; gently unless :meth:`abort` was asked for."""
        with self._lock:
            self._open.discard(connection)
            aborted = connection.fileno() in self._aborted
            self._aborted.discard(connection.fileno())
        if not aborted:
            _shut(connection, socket.SHUT_WR)
        connection.close()

    def abort(self, connection: socket.socket) -> None:
        """Makes the end of ``connection`` a reset (RST)."""
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with self._lock:
            self._aborted.add(connection.fileno())

    def _converse(self, connection: socket.socket, number: int) -> None:
        try:
            self.track(connection)
            context = self._tls()
            if context is not None:
                connection = self._wrap(connection, context)
                self._shake_hands(connection)
            self._handler(connection, self, number)
        except OSError:
            pass  # The client went away, or we told it to.
        except Exception:
            if not self.closing.is_set():
                self.errors.append(traceback.format_exc())
        finally:
            with contextlib.suppress(OSError):
                self.forget(connection)
            with self._lock:
                self._threads.discard(threading.current_thread())

    def _wrap(self, raw: socket.socket, context: ssl.SSLContext) -> ssl.SSLSocket:
        connection = context.wrap_socket(raw, server_side=True, do_handshake_on_connect=False)
        self.track(connection, instead_of=raw)
        return connection

    def _shake_hands(self, connection: ssl.SSLSocket) -> None:
        with self._settled:
            self._shaking += 1
        failure: OSError | None = None
        try:
            connection.do_handshake()
        except OSError as error:
            failure = error
        with self._settled:
            self._shaking -= 1
            if failure is not None:
                self._handshake_errors.append(getattr(failure, "reason", None) or str(failure))
            self._settled.notify_all()
        if failure is not None:
            self._linger(connection)
            raise failure

    def _linger(self, connection: socket.socket) -> None:
        """Lets the client read our alert: closing at once, with its request unread, would reset the
        connection.
        """
        _shut(connection, socket.SHUT_WR)
        with contextlib.suppress(OSError):
            connection.settimeout(LINGER)
            while socket.socket.recv(connection, 65536):
                pass


def _shut(connection: socket.socket, how: int) -> None:
    # Not SSLSocket.shutdown: that drops the TLS state under the thread that is reading.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connection, how)
