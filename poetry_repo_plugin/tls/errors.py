"""The classification of network and TLS failures: exceptions, and a few answers, as causes."""

from __future__ import annotations

import errno
import http.client
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from datetime import datetime

from poetry_repo_plugin.core.errors import Cause, Failure
from poetry_repo_plugin.tls.alerts import (
    Attempt,
    asked_in_vain,
    explain_client_certificate,
    explain_host_name,
    explain_tls,
    explain_verification,
)
from poetry_repo_plugin.tls.handshake import Peer
from poetry_repo_plugin.tls.settings import utc_now

_UNREACHABLE = frozenset(
    {
        errno.EHOSTUNREACH,
        errno.ENETUNREACH,
        errno.ENETDOWN,
        errno.EADDRNOTAVAIL,
    }
)
_CUT_OFF = (
    ConnectionResetError,
    BrokenPipeError,
    ConnectionAbortedError,
    ssl.SSLEOFError,
    ssl.SSLZeroReturnError,
)

_SPEAKS_HTTPS = "it speaks https on this port, not plain http"
_NO_ANSWER = "it closed the connection without answering"

# How far exceptions are followed into each other; requests nests four.
_DEPTH = 12

# ngx_http_special_response.c: nginx ends the handshake well and refuses with a page, status 400.
_NGINX_PAGES = {
    b"No required SSL certificate was sent": False,
    b"The SSL certificate error": True,
}
# A TLS record of type alert, version 3.x, where a status line should be.
_TLS_ALERT = "\x15\x03"
_REQUESTS_FINDS_NO_FILE = ("Could not find a suitable TLS ", "Could not find the TLS ")
# nginx; Go's net/http
_HTTPS_PAGES = (
    b"plain HTTP request was sent to HTTPS port",
    b"HTTP request to an HTTPS server",
)


def classify(
    error: BaseException,
    *,
    host: str,
    secured: bool = True,
    client_certificate_offered: bool = False,
    look: Callable[[], Peer | None] | None = None,
    again: Callable[[], object] | None = None,
    now: datetime | None = None,
) -> Failure | None:
    """The failure that ``error`` means, or ``None`` where it is not about network or TLS.

    :param error: from requests, urllib3, ssl or socket, however deeply wrapped.
    :param host: ``host`` or ``host:port``, for the message.
    :param secured: the URL is one of https.
    :param client_certificate_offered: the connection had a client certificate to offer.
    :param look: :func:`~poetry_repo_plugin.tls.handshake.look_at` of the same host; called at most
        once, and only for a better message (dates, names), to tell whether the server asked for a
        client certificate at all, or, with plain http, whether a server that just closed the
        connection waited for a TLS hello (OpenSSL's own servers, HAProxy).
    :param again: :func:`~poetry_repo_plugin.tls.handshake.handshake` with the same context. Called
        when the server just closed the connection: in TLS 1.3 the reset of a refused client
        certificate overtakes its alert, and a handshake after which nothing is sent brings the
        alert home.
    :param now: for expiry; by default now.
    """
    attempt = Attempt(host, client_certificate_offered, look, now or utc_now())
    chain = list(_walk(error))
    for explain in _STEPS:
        found = explain(chain, attempt)
        if found is not None:
            return found
    if not any(isinstance(one, _CUT_OFF) for one in chain):
        return None
    if secured:
        return _of_cut_off(attempt, again)
    if attempt.peer is not None and attempt.peer.speaks_tls:
        return Failure(Cause.NOT_AN_INDEX, _SPEAKS_HTTPS)
    return Failure(Cause.SERVER_ERROR, _NO_ANSWER, retry=True)


def classify_answer(status: int, body: bytes, client_certificate_offered: bool) -> Failure | None:
    """The failure that an HTTP answer tells of: nginx refuses client certificates with a page.

    :param body: the beginning of the answer is enough (1 kB).
    """
    if status != http.client.BAD_REQUEST:
        return None
    for page, was_sent in _NGINX_PAGES.items():
        if page in body:
            why = "it says that none was sent"
            if was_sent:
                why = "it could not verify it"
            return explain_client_certificate(client_certificate_offered, why)
    if any(page in body for page in _HTTPS_PAGES):
        return Failure(Cause.NOT_AN_INDEX, _SPEAKS_HTTPS)
    return None


def _walk(error: BaseException) -> Iterator[BaseException]:
    """``error`` and every exception inside it, the nearest first.

    requests keeps them in ``args``, urllib3 in ``reason``, Python in ``__cause__`` and
    ``__context__``.
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
            context = one.__context__
            if one.__suppress_context__:
                context = None
            inside = (*one.args, getattr(one, "reason", None), one.__cause__, context)
            below.extend(found for found in inside if isinstance(found, BaseException))
        level = below


def _of_files(chain: list[BaseException], _: Attempt) -> Failure | None:
    for error in chain:
        if isinstance(error, Failure):
            return error
        # requests.adapters.HTTPAdapter.cert_verify
        if isinstance(error, OSError) and str(error).startswith(_REQUESTS_FINDS_NO_FILE):
            return Failure(Cause.TLS_FILE_MISSING, str(error))
    return None


def _of_proxy(chain: list[BaseException], _: Attempt) -> Failure | None:
    from urllib3.exceptions import ProxyError

    # The innermost says it in plain words; the ones around it quote it.
    for error in reversed(chain):
        if not isinstance(error, OSError):
            continue
        tunnel = re.match(r"Tunnel connection failed: (\d{3}.*)", str(error))
        if tunnel and tunnel[1].startswith("407"):
            return Failure(Cause.PROXY, "the proxy requires a user name and a password (407)")
        if tunnel:
            detail = f"the proxy refuses to connect to it ({tunnel[1].strip()[:200]})"
            return Failure(Cause.PROXY, detail, retry=True)
    if any(isinstance(error, ProxyError) for error in chain):
        detail = f"the proxy cannot be used: {_innermost(chain)}"
        return Failure(Cause.PROXY, detail, retry=True)
    return None


def _of_tls(chain: list[BaseException], attempt: Attempt) -> Failure | None:
    from urllib3.util.ssl_match_hostname import CertificateError

    for error in chain:
        if isinstance(error, ssl.SSLCertVerificationError):
            return explain_verification(error, attempt)
        if isinstance(error, CertificateError):
            return explain_host_name(str(error), attempt)
    for error in chain:
        if isinstance(error, ssl.SSLError) and not isinstance(error, _CUT_OFF):
            found = explain_tls(error, attempt)
            if found is not None:
                return found
    return None


def _of_wrong_scheme(chain: list[BaseException], _: Attempt) -> Failure | None:
    for error in chain:
        if isinstance(error, http.client.BadStatusLine) and _TLS_ALERT in str(error):
            return Failure(Cause.NOT_AN_INDEX, _SPEAKS_HTTPS)
    return None


def _of_dns(chain: list[BaseException], attempt: Attempt) -> Failure | None:
    for error in chain:
        if isinstance(error, socket.gaierror):
            why = error.strerror or str(error)
            name = re.sub(r":\d+$", "", attempt.host)
            detail = f"the name {name} cannot be resolved ({why}); check its spelling, and your network or VPN"
            return Failure(Cause.DNS, detail, retry=True)
    return None


def _of_refusal(chain: list[BaseException], _: Attempt) -> Failure | None:
    for error in chain:
        if isinstance(error, ConnectionRefusedError):
            detail = "it refuses the connection: nothing listens on this port; check the URL, and that the server is up"
            return Failure(Cause.REFUSED, detail, retry=True)
        if isinstance(error, OSError) and error.errno in _UNREACHABLE:
            detail = f"it cannot be reached ({error.strerror})"
            return Failure(Cause.REFUSED, detail, retry=True)
    return None


def _of_timeout(chain: list[BaseException], _: Attempt) -> Failure | None:
    from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
    from urllib3.exceptions import TimeoutError as Urllib3TimeoutError

    # NewConnectionError is a ConnectTimeoutError for compatibility only.
    late = [error for error in chain if isinstance(error, (TimeoutError, Urllib3TimeoutError))]
    late = [error for error in late if not isinstance(error, NewConnectionError)]
    if not late:
        return None
    detail = "it does not answer in time"
    if any(isinstance(error, ConnectTimeoutError) for error in late):
        detail = "the connection timed out"
    if any("handshake operation timed out" in str(error) for error in late):  # _ssl.c
        detail = "it accepts the connection but does not finish the TLS handshake in time"
    return Failure(Cause.TIMEOUT, detail, retry=True)


_STEPS = (
    _of_files,
    _of_proxy,
    _of_tls,
    _of_wrong_scheme,
    _of_dns,
    _of_refusal,
    _of_timeout,
)


def _of_cut_off(attempt: Attempt, again: Callable[[], object] | None) -> Failure:
    """The server just closed the connection; another handshake, or a look, may say why."""
    no_answer = Failure(Cause.SERVER_ERROR, _NO_ANSWER, retry=True)
    if again is not None:
        try:
            again()
        except Exception as error:
            found = _of_tls(list(_walk(error)), attempt)
            if found is not None:
                return found
        else:
            return no_answer
    peer = attempt.peer
    if peer is not None and asked_in_vain(peer) and not attempt.offered:
        return explain_client_certificate(False, "")
    if attempt.can_look and (peer is None or peer.version is None):
        detail = "it closes the connection during the TLS handshake"
        return Failure(Cause.SERVER_ERROR, detail, retry=True)
    return no_answer


def _innermost(chain: list[BaseException]) -> str:
    last = chain[-1]
    if isinstance(last, OSError) and last.strerror:
        return last.strerror
    return str(last) or type(last).__name__
