"""One handshake with a server, to see who answers and whether we are let in. Nothing is sent after it."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from poetry_repo_plugin.tls.certificate import CertificateFacts, describe_der

Connect = Callable[[], socket.socket]

# Seconds. How long a server has, after the handshake, to refuse a client certificate (RFC 8446, 4.4.2.4: in TLS 1.3
# the client is through before the server has looked).
LINGER = 0.5

# A debugging aid of CPython's ssl since 3.8, not documented: without it we just see less.
WATCH = "_msg_callback"

# TLS message types (RFC 8446, 4) and content types (RFC 8446, 5.1)
_HANDSHAKE = 22
_MOST_MESSAGES = 64  # of one server; an honest one sends six
_MOST_BYTES = 1024 * 1024
_CERTIFICATE, _CERTIFICATE_REQUEST = 11, 13


@dataclass(frozen=True)
class Peer:
    """Who answered.

    :param chain: what the server sent, its own certificate first; certificates that cannot be described are left out.
    :param version: ``TLSv1.3``; ``None`` where the handshake did not end.
    :param asks_client_certificate: whether the server asked for one; ``None`` where that could not be seen.
    :param refused: the error that ended the handshake, or that came right after it; ``None`` where we were let in.
    :param said: the first bytes that came, where they are no TLS.
    """

    chain: tuple[CertificateFacts, ...] = ()
    version: str | None = None
    asks_client_certificate: bool | None = None
    refused: OSError | None = None
    said: bytes = b""

    @property
    def certificate(self) -> CertificateFacts | None:
        """The server's own certificate."""
        return self.chain[0] if self.chain else None


def handshake(
    host: str,
    port: int,
    context: ssl.SSLContext,
    *,
    timeout: float,
    server_hostname: str | None = None,
    connect: Connect | None = None,
) -> Peer:
    """Connects, shakes hands and waits a moment for a late refusal; sends nothing, and closes.

    :param timeout: seconds for all of it.
    :param connect: gives a connected socket, where the way leads through a proxy.
    :raises OSError: what the network or TLS raised, for :func:`~poetry_repo_plugin.tls.errors.classify`.
    """
    peer = _shake(host, port, context, timeout, server_hostname, connect, None)
    if peer.refused is not None:
        raise peer.refused
    return peer


def look_at(
    host: str, port: int, *, timeout: float = 3.0, server_hostname: str | None = None, connect: Connect | None = None
) -> Peer | None:
    """Who answers at ``host``: a handshake that verifies nothing and offers no client certificate.

    For messages only; never decide with it what to trust. Bounded by ``timeout`` (seconds). Never raises: ``None``
    where nobody answers.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    messages: list[tuple[int, bytes]] | None = None
    # With another class in the place of Python's own (truststore.inject_into_ssl), Python's setter calls itself.
    if hasattr(type(context), WATCH) and type(context).__module__ == "ssl":
        messages = []
        setattr(context, WATCH, _collector(messages))
    try:
        return _shake(host, port, context, timeout, server_hostname, connect, messages)
    except OSError:
        return None


def _collector(messages: list[tuple[int, bytes]]) -> Callable[..., None]:
    def collect(_: object, direction: str, __: object, content_type: int, kind: int, data: bytes) -> None:
        if direction == "read" and content_type == _HANDSHAKE and len(messages) < _MOST_MESSAGES:
            messages.append((int(kind), bytes(data)))

    return collect


def _shake(
    host: str,
    port: int,
    context: ssl.SSLContext,
    timeout: float,
    server_hostname: str | None,
    connect: Connect | None,
    messages: list[tuple[int, bytes]] | None,
) -> Peer:
    deadline = time.monotonic() + timeout
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        tls = context.wrap_bio(incoming, outgoing, server_hostname=server_hostname or host)
    except ValueError as error:  # a name that is none: empty, a leading dot, a label of more than 63 characters
        raise OSError(f"{server_hostname or host!r} is not a host name ({error})") from None
    refused: OSError | None = None
    started = time.monotonic()
    with connect() if connect is not None else socket.create_connection((host, port), timeout) as link:
        # A slow network gets more time to deliver a late alert.
        linger = max(LINGER, 3 * (time.monotonic() - started))
        wire = _Wire(link, incoming, outgoing, deadline)
        try:
            wire.drive(tls.do_handshake)
            if tls.version() == "TLSv1.3":
                wire.deadline = min(deadline, time.monotonic() + linger)
                with suppress(TimeoutError, ssl.SSLZeroReturnError):
                    wire.drive(lambda: tls.read(1), until=lambda: _let_in(tls))
        except OSError as error:
            refused = error
    said = b"" if messages or tls.version() is not None else wire.first
    return Peer(_chain(tls, messages or []), tls.version(), _asked(messages, refused), refused, said)


def _let_in(tls: ssl.SSLObject) -> bool:
    """A TLS 1.3 server sends tickets after it has accepted the client (RFC 8446, 4.6.1)."""
    return tls.session is not None and tls.session.has_ticket


@dataclass
class _Wire:
    """Moves bytes between a socket and a TLS object until an operation is through, or the deadline has passed."""

    link: socket.socket
    incoming: ssl.MemoryBIO
    outgoing: ssl.MemoryBIO
    deadline: float
    first: bytes = b""
    received: int = 0

    def drive(self, operation: Callable[[], object], until: Callable[[], bool] = lambda: False) -> None:
        while True:
            try:
                operation()
            except ssl.SSLWantReadError:
                self._flush()
                if until():
                    return
                self._receive()
            except ssl.SSLError:
                with suppress(OSError):
                    self._flush()  # our own alert, so that the server's log says why
                raise
            else:
                self._flush()
                return

    def _flush(self) -> None:
        data = self.outgoing.read()
        # Even an empty write fails on a connection that was reset, and an alert may still wait to be read.
        if data:
            self._limit()
            self.link.sendall(data)

    def _receive(self) -> None:
        self._limit()
        data = self.link.recv(65536)
        self.received += len(data)
        if self.received > _MOST_BYTES:
            raise OSError("the server sends without end")
        if data:
            self.first = self.first or data[:16]
            self.incoming.write(data)
        else:
            self.incoming.write_eof()

    def _limit(self) -> None:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self.link.settimeout(left)


def _asked(messages: list[tuple[int, bytes]] | None, refused: OSError | None) -> bool | None:
    # A server that refuses before it has shown its own certificate has not asked for the client's either.
    answered = messages or isinstance(refused, ssl.SSLError)
    if messages is None or not answered:
        return None
    return any(kind == _CERTIFICATE_REQUEST for kind, _ in messages)


def _chain(tls: ssl.SSLObject, messages: list[tuple[int, bytes]]) -> tuple[CertificateFacts, ...]:
    sent = next((data for kind, data in messages if kind == _CERTIFICATE), None)
    if sent is not None:
        ders = _certificates_in(sent)
    else:
        try:
            own = tls.getpeercert(binary_form=True)
        except ValueError:  # the handshake did not end
            own = None
        ders = [own] if own else []
    described = (describe_der(der) for der in ders)
    return tuple(facts for facts in described if facts is not None)


def _certificates_in(message: bytes) -> list[bytes]:
    """The certificates of a Certificate message: RFC 5246, 7.4.2 (TLS 1.2) or RFC 8446, 4.4.2 (TLS 1.3).

    The two differ by a context (empty in a server's message) and by extensions after each certificate.
    """
    body = message[4:]
    tls13 = len(body) >= 4 and body[0] == 0 and int.from_bytes(body[1:4], "big") == len(body) - 4
    entries = body[4:] if tls13 else body[3:]
    found = []
    while len(entries) >= 3:
        length = int.from_bytes(entries[:3], "big")
        found.append(entries[3 : 3 + length])
        entries = entries[3 + length :]
        if tls13:
            entries = entries[2 + int.from_bytes(entries[:2], "big") :]
    return found
