"""One handshake with a server, to see who answers and whether we are let in; nothing is sent."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from poetry_repo_plugin.tls.certificate import CertificateFacts, describe_der

Connect = Callable[[], socket.socket]

# Seconds. How long a server has, after the handshake, to refuse a client certificate (RFC 8446,
# 4.4.2.4: in TLS 1.3 the client is through before the server has looked).
LINGER = 0.5
_STEP = 0.02  # seconds between two looks for the server's consent

# A debugging aid of CPython's ssl since 3.8, not documented: without it we just see less.
WATCH = "_msg_callback"

# TLS content types (RFC 8446, 5.1; the header of a record: OpenSSL's SSL3_RT_HEADER) and message
# types (RFC 8446, 4).
_HEADER, _HANDSHAKE = 256, 22
_CERTIFICATE, _CERTIFICATE_REQUEST = 11, 13
_MOST_MESSAGES = 64  # of one server; an honest one sends six, and as many headers


@dataclass(frozen=True)
class Peer:
    """The server that answered.

    :param chain: what the server sent, its own certificate first; certificates that cannot be
        described are left out.
    :param version: ``TLSv1.3``; ``None`` where the handshake did not end.
    :param asks_client_certificate: the server asked for one; ``None`` where that was not seen.
    :param refused: the error that ended the handshake, or that came right after it; ``None`` where
        we were let in.
    :param speaks_http: it answered with a page or a status line, which is not TLS.
    """

    chain: tuple[CertificateFacts, ...] = ()
    version: str | None = None
    asks_client_certificate: bool | None = None
    refused: OSError | None = None
    speaks_http: bool = False

    @property
    def speaks_tls(self) -> bool:
        return bool(self.chain) or self.version is not None

    @property
    def certificate(self) -> CertificateFacts | None:
        """The server's own certificate."""
        if not self.chain:
            return None
        return self.chain[0]


Messages = list[tuple[int, int, bytes]]  # content type, message type, content


def handshake(
    host: str,
    port: int,
    context: ssl.SSLContext,
    *,
    timeout: float,
    connect: Connect | None = None,
) -> Peer:
    """Connect, shake hands and wait a moment for a late refusal; send nothing, and close.

    :param timeout: seconds for all of it.
    :param connect: gives a connected socket, where the way leads through a proxy.
    :raises OSError: what the network or TLS raised, for
        :func:`~poetry_repo_plugin.tls.errors.classify`.
    """
    peer = _shake_hands(host, port, context, timeout, connect, None)
    if peer.refused is not None:
        raise peer.refused
    return peer


def look_at(
    host: str,
    port: int,
    *,
    timeout: float = 3.0,
    connect: Connect | None = None,
) -> Peer | None:
    """The server at ``host``: a handshake that verifies nothing and offers no client certificate.

    For messages only; never decide with it what to trust. Bounded by ``timeout`` (seconds). Never
    raises: ``None`` where nobody answers.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    messages: Messages | None = None
    # With truststore's class in the place of Python's own, Python's setter calls itself.
    if hasattr(type(context), WATCH) and type(context).__module__ == "ssl":
        messages = []
        setattr(context, WATCH, _collector(messages))
    try:
        return _shake_hands(host, port, context, timeout, connect, messages)
    except OSError:
        return None


def _collector(messages: Messages) -> Callable[..., None]:
    def collect(*arguments: Any) -> None:
        _, direction, _, content_type, kind, data = arguments
        if direction == "read" and len(messages) < _MOST_MESSAGES:
            messages.append((int(content_type), int(kind), bytes(data)))

    return collect


def _shake_hands(
    host: str,
    port: int,
    context: ssl.SSLContext,
    timeout: float,
    connect: Connect | None,
    messages: Messages | None,
) -> Peer:
    _require_host_name(host)
    started = time.monotonic()
    deadline = started + timeout
    own, version, refused = None, None, None
    if connect is None:
        connect = partial(socket.create_connection, (host, port), timeout)
    with connect() as link:
        # A slow network gets more time to deliver a late alert.
        linger = max(LINGER, 3 * (time.monotonic() - started))
        link.settimeout(max(deadline - time.monotonic(), 0.001))
        try:
            with context.wrap_socket(link, server_hostname=host, suppress_ragged_eofs=False) as tls:
                own, version = tls.getpeercert(binary_form=True), tls.version()
                if version == "TLSv1.3":
                    _await_refusal(tls, min(deadline, time.monotonic() + linger))
        except OSError as error:
            refused = error
    if version is None and refused is None:
        refused = ConnectionAbortedError("the connection was closed before the TLS handshake")
    first = next((data for content, _, data in messages or [] if content == _HEADER), b"")
    return Peer(
        chain=_describe_chain(own, messages or []),
        version=version,
        asks_client_certificate=_asks(messages, refused),
        refused=refused,
        speaks_http=first.startswith((b"HTTP/", b"<")),  # HTTP/0.9 has no status line
    )


def _require_host_name(host: str) -> None:
    """Raise ``OSError`` for an empty name, a leading dot, a label of more than 63 characters."""
    try:
        encoded = host.encode("idna")
    except UnicodeError as error:
        raise OSError(f"{host!r} is not a host name ({error})") from None
    if not encoded:
        raise OSError(f"{host!r} is not a host name")


def _await_refusal(tls: ssl.SSLSocket, deadline: float) -> None:
    """Wait for an alert, until the server lets us in or ``deadline`` has passed.

    Raises ``OSError`` for what the server refuses.
    """
    tls.settimeout(_STEP)
    while not _has_ticket(tls) and time.monotonic() < deadline:
        with suppress(TimeoutError):
            tls.recv(1)
            return


def _has_ticket(tls: ssl.SSLSocket) -> bool:
    """A TLS 1.3 server sends tickets after it has accepted the client (RFC 8446, 4.6.1)."""
    return tls.session is not None and tls.session.has_ticket


def _asks(messages: Messages | None, refused: OSError | None) -> bool | None:
    """The server asked for a client certificate; ``None`` where that could not be seen."""
    if messages is None:
        return None
    kinds = [kind for content, kind, _ in messages if content == _HANDSHAKE]
    # A server that refuses before it has shown its own certificate has not asked for ours either.
    if not kinds and not isinstance(refused, ssl.SSLError):
        return None
    return _CERTIFICATE_REQUEST in kinds


def _describe_chain(own: bytes | None, messages: Messages) -> tuple[CertificateFacts, ...]:
    certificates = []
    if own:
        certificates = [own]
    for content, kind, data in messages:
        if (content, kind) == (_HANDSHAKE, _CERTIFICATE):
            certificates = _certificates_in(data)
    described = [describe_der(der) for der in certificates]
    return tuple(facts for facts in described if facts is not None)


def _certificates_in(message: bytes) -> list[bytes]:
    """The certificates of a Certificate message: RFC 5246, 7.4.2 (TLS 1.2) or RFC 8446, 4.4.2.

    TLS 1.3 has a context (empty in a server's message) and extensions after each certificate.
    """
    body = message[4:]
    tls13 = len(body) >= 4 and body[0] == 0 and int.from_bytes(body[1:4], "big") == len(body) - 4
    start = 3
    if tls13:
        start = 4
    entries = body[start:]
    found = []
    while len(entries) >= 3:
        length = int.from_bytes(entries[:3], "big")
        found.append(entries[3 : 3 + length])
        entries = entries[3 + length :]
        if tls13:
            entries = entries[2 + int.from_bytes(entries[:2], "big") :]
    return found
