"""The one classification of network and TLS failures: exceptions, and a few answers, as causes."""

from __future__ import annotations

import errno
import http.client
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from datetime import datetime

from poetry_repo_plugin.core.errors import Cause
from poetry_repo_plugin.tls.alerts import (
    Classified,
    Situation,
    asked_in_vain,
    client_certificate_wanted,
    of_tls,
    of_verification,
    wrong_name,
)
from poetry_repo_plugin.tls.handshake import Peer
from poetry_repo_plugin.tls.settings import MaterialError

__all__ = ["Classified", "classify", "classify_answer"]

_UNREACHABLE = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL})
_CUT_OFF = (ConnectionResetError, BrokenPipeError, ConnectionAbortedError, ssl.SSLEOFError, ssl.SSLZeroReturnError)

_SPEAKS_HTTPS = Classified(Cause.NOT_AN_INDEX, "it speaks https on this port, not plain http")

# How far exceptions are followed into each other; requests nests four.
_DEPTH = 12

# ngx_http_special_response.c: nginx ends the handshake well and refuses with a page, status 400.
_NGINX_PAGES = {
    b"No required SSL certificate was sent": False,
    b"The SSL certificate error": True,
}


def classify(
    error: BaseException,
    *,
    host: str,
    client_certificate_offered: bool = False,
    look: Callable[[], Peer | None] | None = None,
    again: Callable[[], object] | None = None,
    look_for_tls: Callable[[], Peer | None] | None = None,
    now: datetime | None = None,
) -> Classified | None:
    """What ``error`` means, or ``None`` where it is not about network or TLS.

    :param error: from requests, urllib3, ssl or socket, however deeply wrapped.
    :param host: ``host`` or ``host:port``, for the message.
    :param client_certificate_offered: whether the connection had a client certificate to offer.
    :param look: :func:`~poetry_repo_plugin.tls.handshake.look_at` of the same host; called at most once, and only for a
        better message (dates, names) or to tell whether the server asked for a client certificate at all.
    :param again: :func:`~poetry_repo_plugin.tls.handshake.handshake` with the same context. Called when the server just
        closed the connection: in TLS 1.3 the reset of a refused client certificate overtakes its alert, and a
        handshake after which nothing is sent brings the alert home.
    :param look_for_tls: ``look`` for a URL with plain http. Called when the server just closed the connection, as many
        do (OpenSSL's own servers, HAProxy) when what they take for a TLS hello is none.
    :param now: for expiry; by default now.
    """
    situation = Situation(host, client_certificate_offered, look, now)
    chain = list(_walk(error))
    for step in (_of_material, _of_proxy, _of_tls, _of_wrong_scheme, _of_dns, _of_refusal, _of_timeout):
        found = step(chain, situation)
        if found is not None:
            return found
    return _of_cut_off(chain, situation, again, look_for_tls)


def classify_answer(status: int, body: bytes, client_certificate_offered: bool) -> Classified | None:
    """What an HTTP answer says about TLS: nginx refuses client certificates, and plain http, with a page.

    :param body: the beginning of the answer is enough (1 kB).
    """
    if status != http.client.BAD_REQUEST:
        return None
    for page, was_sent in _NGINX_PAGES.items():
        if page in body:
            why = "it could not verify it" if was_sent else "it says that none was sent"
            return client_certificate_wanted(client_certificate_offered, why)
    if b"plain HTTP request was sent to HTTPS port" in body or b"HTTP request to an HTTPS server" in body:
        return _SPEAKS_HTTPS
    return None


def _walk(error: BaseException) -> Iterator[BaseException]:
    """``error`` and every exception inside it, the nearest first: requests keeps them in ``args``, urllib3 in
    ``reason``, Python in ``__cause__`` and ``__context__``.
    """
    level: list[BaseException] = [error]
    seen: set[int] = set()
    for _ in range(_DEPTH):
        below: list[BaseException] = []
        for one in level:
            if id(one) in seen:
                continue
            seen.add(id(one))
            yield one
            context = None if one.__suppress_context__ else one.__context__
            inside = (*one.args, getattr(one, "reason", None), one.__cause__, context)
            below.extend(found for found in inside if isinstance(found, BaseException))
        level = below


def _of_material(chain: list[BaseException], _: Situation) -> Classified | None:
    for error in chain:
        if isinstance(error, MaterialError):
            return Classified(error.cause, error.message)
        # requests.adapters.HTTPAdapter.cert_verify
        if isinstance(error, OSError) and re.match(r"Could not find (a suitable|the) TLS ", str(error)):
            return Classified(Cause.TLS_FILE_MISSING, str(error))
    return None


def _of_proxy(chain: list[BaseException], _: Situation) -> Classified | None:
    from urllib3.exceptions import ProxyError

    # The innermost says it in plain words; the ones around it quote it.
    for error in reversed(chain):
        tunnel = re.match(r"Tunnel connection failed: (\d{3}.*)", str(error)) if isinstance(error, OSError) else None
        if tunnel and tunnel[1].startswith("407"):
            return Classified(Cause.PROXY, "the proxy asks for a user name and a password (407)")
        if tunnel:
            return Classified(
                Cause.PROXY, f"the proxy refuses to connect to it ({tunnel[1].strip()[:200]})", retry=True
            )
    for error in chain:
        if isinstance(error, ProxyError):
            return Classified(Cause.PROXY, f"the proxy cannot be used: {_innermost(chain)}", retry=True)
    return None


def _of_tls(chain: list[BaseException], situation: Situation) -> Classified | None:
    from urllib3.util.ssl_match_hostname import CertificateError

    for error in chain:
        if isinstance(error, ssl.SSLCertVerificationError):
            return of_verification(error, situation)
        if isinstance(error, CertificateError):
            return wrong_name(str(error), situation)
    for error in chain:
        if isinstance(error, ssl.SSLError) and not isinstance(error, _CUT_OFF):
            found = of_tls(error, situation)
            if found is not None:
                return found
    return None


def _of_wrong_scheme(chain: list[BaseException], _: Situation) -> Classified | None:
    # A TLS record of type alert, version 3.x, where a status line should be.
    if any(
        isinstance(error, http.client.BadStatusLine) and "\x15\x03" in str(error.args[0] if error.args else "")
        for error in chain
    ):
        return _SPEAKS_HTTPS
    return None


def _of_dns(chain: list[BaseException], situation: Situation) -> Classified | None:
    for error in chain:
        if isinstance(error, socket.gaierror):
            why = error.strerror or str(error)
            return Classified(Cause.DNS, f"the name {situation.host} cannot be resolved ({why})", retry=True)
    return None


def _of_refusal(chain: list[BaseException], _: Situation) -> Classified | None:
    for error in chain:
        if isinstance(error, ConnectionRefusedError):
            return Classified(Cause.REFUSED, "it refuses the connection: nothing listens on this port", retry=True)
        if isinstance(error, OSError) and error.errno in _UNREACHABLE:
            return Classified(Cause.REFUSED, f"it cannot be reached ({error.strerror})", retry=True)
    return None


def _of_timeout(chain: list[BaseException], _: Situation) -> Classified | None:
    from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
    from urllib3.exceptions import TimeoutError as Urllib3TimeoutError

    if any("handshake operation timed out" in str(error) for error in chain if isinstance(error, TimeoutError)):
        detail = "it takes the connection and does not finish the TLS handshake in time"
        return Classified(Cause.TIMEOUT, detail, retry=True)
    # NewConnectionError is a ConnectTimeoutError for compatibility only.
    late = [error for error in chain if isinstance(error, (TimeoutError, Urllib3TimeoutError))]
    late = [error for error in late if not isinstance(error, NewConnectionError)]
    if not late:
        return None
    connecting = any(isinstance(error, ConnectTimeoutError) for error in late)
    detail = "no connection could be made in time" if connecting else "it does not answer in time"
    return Classified(Cause.TIMEOUT, detail, retry=True)


def _of_cut_off(
    chain: list[BaseException],
    situation: Situation,
    again: Callable[[], object] | None,
    look_for_tls: Callable[[], Peer | None] | None,
) -> Classified | None:
    if not any(isinstance(error, _CUT_OFF) for error in chain):
        return None
    if look_for_tls is not None:
        secured = look_for_tls()
        if secured is not None and (secured.chain or secured.version is not None):
            return _SPEAKS_HTTPS
    if again is not None:
        try:
            again()
        except Exception as error:
            second = list(_walk(error))
            found = _of_tls(second, situation)
            if found is not None:
                return found
        else:
            return Classified(Cause.SERVER_ERROR, "it closed the connection without an answer", retry=True)
    peer = situation.peer
    if peer is not None and asked_in_vain(peer) and not situation.offered:
        return client_certificate_wanted(False, "")
    if situation.can_look and (peer is None or peer.version is None):
        detail = "it closes the connection during the TLS handshake"
        return Classified(Cause.SERVER_ERROR, detail, retry=True)
    return Classified(Cause.SERVER_ERROR, "it closed the connection without an answer", retry=True)


def _innermost(chain: list[BaseException]) -> str:
    last = chain[-1]
    return (last.strerror if isinstance(last, OSError) and last.strerror else str(last)) or type(last).__name__
