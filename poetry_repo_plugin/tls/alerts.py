"""The cause of a failed TLS handshake: which side refused the other's certificate, and why."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable
from datetime import datetime

from poetry_repo_plugin.core.errors import Cause, Failure, Subject
from poetry_repo_plugin.core.hints import Hint
from poetry_repo_plugin.tls.certificate import CertificateFacts
from poetry_repo_plugin.tls.handshake import Peer
from poetry_repo_plugin.tls.settings import day

# X509_V_ERR_* (openssl/x509_vfy.h); through truststore also Windows' CERT_E_* (winerror.h) and
# macOS' errSec* (SecBase.h).
_EXPIRED = frozenset({10, 0x800B0101, -67818})
_NOT_YET_VALID = frozenset({9, -67819})
_WRONG_NAME = frozenset({62, 64, 0x800B010F, -67602})
_SELF_SIGNED, _UNTRUSTED_ROOT, _NO_ISSUER_OF_ANCHOR = 18, 19, 2
_NO_ISSUER = frozenset({_NO_ISSUER_OF_ANCHOR, 20, 21})
# Not made for a server; key or signature too weak: no CA that is trusted changes that.
_UNFIT = frozenset({26, 66, 67, 68})
# Checked with X509_V_FLAG_X509_STRICT only, which Python sets from 3.13 on.
_STRICT = frozenset(range(80, 94))

# TLS alerts (RFC 8446, 6.2; no_certificate: RFC 6101) that concern the client's certificate.
_CERTIFICATE_ALERTS = {
    "certificate required": "it says that none was sent",
    "handshake failure": "it gives no reason",
    "unknown ca": "it does not know the CA that issued it",
    "bad certificate": "it says that it is bad",
    "unsupported certificate": "it does not support this type",
    "certificate expired": "it says that it has expired or is not valid yet",
    "certificate revoked": "it says that it was revoked",
    "certificate unknown": "it does not accept it",
    "access denied": "it recognizes it but denies access",
    "decrypt error": "its signature does not verify",
    "no certificate": "it says that none was sent",
}

# OpenSSL's reasons for an answer that is no TLS at all; the name has changed with its versions.
_NOT_TLS = frozenset(
    {
        "WRONG_VERSION_NUMBER",
        "HTTP_REQUEST",
        "UNKNOWN_PROTOCOL",
        "RECORD_LAYER_FAILURE",
    }
)
_TOO_OLD = frozenset(
    {
        "UNSUPPORTED_PROTOCOL",
        "NO_PROTOCOLS_AVAILABLE",
        "VERSION_TOO_LOW",
        "UNSUPPORTED_SSL_VERSION",
    }
)
_WEAK = {
    "UNSAFE_LEGACY_RENEGOTIATION_DISABLED": "its TLS does not support secure renegotiation (RFC 5746)",
    "DH_KEY_TOO_SMALL": "its Diffie-Hellman key is too small",
    "BAD_DH_VALUE": "its Diffie-Hellman key is too small",
}


class Attempt:
    """A connection that failed: everything known besides the error.

    :param host: ``host`` or ``host:port``, for messages.
    :param offered: it had a client certificate to offer.
    :param look: :func:`~poetry_repo_plugin.tls.handshake.look_at` of the same host, called at most
        once, and only if a message needs it.
    :param now: for expiry.
    """

    def __init__(
        self,
        host: str,
        offered: bool,
        look: Callable[[], Peer | None] | None,
        now: datetime,
    ) -> None:
        self.host = host
        self.offered = offered
        self.now = now
        self.can_look = look is not None
        self._look = look
        self._peer: Peer | None = None

    @property
    def peer(self) -> Peer | None:
        if self._look is not None:
            look, self._look = self._look, None
            self._peer = look()
        return self._peer

    @property
    def chain(self) -> tuple[CertificateFacts, ...]:
        if self.peer is None:
            return ()
        return self.peer.chain


def explain_verification(error: ssl.SSLCertVerificationError, attempt: Attempt) -> Failure:
    """We refused the server's certificate."""
    code = getattr(error, "verify_code", 0)
    said = getattr(error, "verify_message", "") or str(error)
    if code in _EXPIRED:
        return Failure(Cause.SERVER_CERT_EXPIRED, _expired(attempt))
    if code in _NOT_YET_VALID:
        return Failure(Cause.SERVER_CERT_EXPIRED, _not_yet_valid(attempt))
    if code in _WRONG_NAME:
        return explain_host_name(said, attempt)
    if code in _STRICT:
        check = "Python's strict X.509 check (on by default since Python 3.13)"
        detail = f"{check} refuses its certificate chain: {said}; the CA itself may be trusted"
        return Failure(Cause.UNKNOWN_CA, detail, subject=Subject.STRICT_X509)
    hint = None
    if code in _UNFIT:
        hint = Hint()
    return Failure(
        Cause.UNKNOWN_CA, _unknown_ca(code, said, attempt), subject=Subject.CA, hint=hint
    )


def explain_host_name(said: str, attempt: Attempt) -> Failure:
    """The server's certificate names another host; ``said`` is the text of the error."""
    asked = re.search(r"(?:for|hostname) '([^']+)'", said)
    wanted = attempt.host
    if asked:
        wanted = asked[1]
    if not attempt.chain:
        return Failure(Cause.HOSTNAME_MISMATCH, f"its certificate is not valid for {wanted}")
    names = attempt.chain[0].sans
    if not names:
        detail = f"its certificate names no host, so it is not valid for {wanted}"
        return Failure(Cause.HOSTNAME_MISMATCH, detail)
    shown = ", ".join(names[:5])
    if len(names) > 5:
        shown += ", …"
    return Failure(Cause.HOSTNAME_MISMATCH, f"its certificate is for {shown}, not for {wanted}")


def explain_tls(error: ssl.SSLError, attempt: Attempt) -> Failure | None:
    """The server refused us, or the two sides found no common language."""
    reason = _reason(error)
    alert = _alert(error)
    if alert == "protocol version" or reason in _TOO_OLD:
        detail = "it does not support TLS 1.2 or 1.3"
        return Failure(Cause.SERVER_ERROR, detail)
    if alert == "unrecognized name":
        detail = f"it has no certificate for {attempt.host} (unrecognized name)"
        return Failure(Cause.HOSTNAME_MISMATCH, detail)
    if alert in _CERTIFICATE_ALERTS:
        return _explain_certificate_alert(alert, attempt)
    if reason in _NOT_TLS or "wrong version number" in str(error):
        detail = "it does not speak TLS on this port"
        if attempt.peer is not None and attempt.peer.speaks_http:
            detail = "it speaks plain http on this port, not https"
        return Failure(Cause.NOT_AN_INDEX, detail)
    if reason in _WEAK:
        return Failure(Cause.SERVER_ERROR, _WEAK[reason])
    if alert is not None:
        detail = f"it ends the TLS handshake with the alert '{alert}'"
        return Failure(Cause.SERVER_ERROR, detail, retry=True)
    return None


def asked_in_vain(peer: Peer) -> bool:
    """The look, which offers no client certificate, was refused for lack of one."""
    if peer.asks_client_certificate is False or not isinstance(peer.refused, ssl.SSLError):
        return False
    return _alert(peer.refused) in _CERTIFICATE_ALERTS


def explain_client_certificate(offered: bool, why: str) -> Failure:
    """The server wants a client certificate: another one than was offered, or any.

    :param why: what the server finds wrong with the one offered.
    """
    subject = Subject.CLIENT_CERTIFICATE
    if offered:
        detail = f"it rejects the client certificate: {why}"
        return Failure(Cause.CLIENT_CERT_REJECTED, detail, subject=subject)
    detail = "it requires a client certificate, and none is set"
    return Failure(Cause.CLIENT_CERT_REQUIRED, detail, subject=subject)


def _explain_certificate_alert(alert: str, attempt: Attempt) -> Failure:
    # Without a look we take its word; with one we know whether it asked at all.
    if attempt.peer is not None and attempt.peer.asks_client_certificate is False:
        detail = f"it ends the TLS handshake with the alert '{alert}': no common settings"
        return Failure(Cause.SERVER_ERROR, detail)
    return explain_client_certificate(attempt.offered, _CERTIFICATE_ALERTS[alert])


def _alert(error: ssl.SSLError) -> str | None:
    """The alert that we received: ``SSLV3_ALERT_BAD_CERTIFICATE`` is ``bad certificate``.

    The prefix means nothing (``TLSV13_``, ``SSL/TLS``), and where Python is older than its OpenSSL
    only the text has the name.
    """
    text = f"{_reason(error)}] {error}".replace("_", " ").lower()
    if "unrecognized name" in text:  # the one alert whose name in OpenSSL has no "alert"
        return "unrecognized name"
    found = re.search(r"alert ([a-z ]+[a-z])", text)
    if not found:
        return None
    return found[1]


def _reason(error: ssl.SSLError) -> str:
    """OpenSSL's name for the reason; an error that Python made up itself has none."""
    return (getattr(error, "reason", None) or "").upper()


def _expired(attempt: Attempt) -> str:
    for position, facts in enumerate(attempt.chain):
        if facts.expired(attempt.now):
            what = "its certificate"
            if position > 0:
                what = f"the certificate of its CA {facts.name}"
            return f"{what} expired on {facts.valid_until}"
    if attempt.chain:
        issuer = attempt.chain[-1].issuer_name
        return f"a certificate of its CA has expired ({issuer} or the one above)"
    return "its certificate, or the one of its CA, has expired"


def _not_yet_valid(attempt: Attempt) -> str:
    for facts in attempt.chain:
        if facts.not_yet_valid(attempt.now):
            begin, today = day(facts.not_before), day(attempt.now)
            return f"the certificate of {facts.name} is not valid before {begin} (today is {today})"
    return "its certificate is not valid yet; is the clock of this machine right?"


def _unknown_ca(code: int, said: str, attempt: Attempt) -> str:
    chain = attempt.chain
    if code == _SELF_SIGNED:
        name = ""
        if chain:
            name = f" ({chain[0].name})"
        return f"its certificate is self-signed{name}"
    if code == _UNTRUSTED_ROOT:
        name = ""
        if chain:
            name = f" ({chain[-1].name})"
        return f"its certificate chain ends in a root CA that is not trusted{name}"
    if code not in _NO_ISSUER:
        return f"its certificate cannot be verified: {said}"
    if not chain:
        return f"the issuer of its certificate is not known ({said})"
    last = chain[-1]
    if code == _NO_ISSUER_OF_ANCHOR:
        name = last.issuer_name
        if len(chain) > 1:
            name = last.name
        return f"the trusted CAs hold an intermediate ({name}) without the root that issued it"
    unknown = f"issued by {last.issuer_name}, which is not trusted"
    if len(chain) > 1:
        return f"its certificate chain ends with {last.name}, {unknown}"
    advice = "(if it is an intermediate CA, the server should)"
    return f"its certificate is {unknown} and which the server does not send {advice}"
