"""Why a TLS handshake failed: which side refused the other's certificate, and what for."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from poetry_repo_plugin.core.errors import Cause
from poetry_repo_plugin.tls.certificate import CertificateFacts
from poetry_repo_plugin.tls.handshake import Peer
from poetry_repo_plugin.tls.settings import day, utc_now

# What verification says: X509_V_ERR_* (openssl/x509_vfy.h); through truststore also Windows' CERT_E_* (winerror.h) and
# macOS' errSec* (SecBase.h).
_EXPIRED = frozenset({10, 0x800B0101, -67818})
_NOT_YET_VALID = frozenset({9, -67819})
_WRONG_NAME = frozenset({62, 64, 0x800B010F, -67602})
_SELF_SIGNED, _UNTRUSTED_ROOT, _NO_ISSUER_OF_ANCHOR = 18, 19, 2
_NO_ISSUER = frozenset({_NO_ISSUER_OF_ANCHOR, 20, 21})
# Checked with X509_V_FLAG_X509_STRICT only, which Python sets from 3.13 on.
_STRICT = frozenset(range(80, 94))

# TLS alerts (RFC 8446, 6.2; no_certificate: RFC 6101) that concern the client's certificate, and what they say of it.
_CERTIFICATE_ALERTS = {
    "certificate required": "it says that none was sent",
    "handshake failure": "it gives no reason",
    "unknown ca": "it does not know the CA that issued it",
    "bad certificate": "it calls it bad",
    "unsupported certificate": "it does not support its kind",
    "certificate expired": "it says that it has expired or is not valid yet",
    "certificate revoked": "it says that it was revoked",
    "certificate unknown": "it does not accept it",
    "access denied": "it knows it and does not let it in",
    "decrypt error": "its signature does not verify",
    "no certificate": "it says that none was sent",
}

# OpenSSL's reasons for an answer that is no TLS at all; the name has changed with its versions.
_NOT_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE"})
_TOO_OLD = frozenset({"UNSUPPORTED_PROTOCOL", "NO_PROTOCOLS_AVAILABLE", "VERSION_TOO_LOW", "UNSUPPORTED_SSL_VERSION"})
_WEAK = {
    "UNSAFE_LEGACY_RENEGOTIATION_DISABLED": "its TLS knows no secure renegotiation (RFC 5746)",
    "DH_KEY_TOO_SMALL": "its Diffie-Hellman key is too small",
    "BAD_DH_VALUE": "its Diffie-Hellman key is too small",
}


@dataclass(frozen=True)
class Classified:
    """What a failure was.

    :param cause: one of DESIGN section 7.
    :param detail: a clause of which the server is the subject or owner ("its certificate expired on 2026-01-31").
    :param retry: whether trying again may help. It says no for some ``server-error`` that will not change.
    """

    cause: Cause
    detail: str
    retry: bool = False


class Situation:
    """What is known besides the error. The look at the peer happens at most once, and only if a message needs it."""

    def __init__(self, host: str, offered: bool, look: Callable[[], Peer | None] | None, now: datetime | None) -> None:
        self.host = host
        self.offered = offered
        self.now = now or utc_now()
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
        return self.peer.chain if self.peer is not None else ()


def of_verification(error: ssl.SSLCertVerificationError, situation: Situation) -> Classified:
    """Why we refused the server's certificate."""
    code = getattr(error, "verify_code", 0)
    said = getattr(error, "verify_message", "") or str(error)
    if code in _EXPIRED:
        return Classified(Cause.SERVER_CERT_EXPIRED, _expired(situation))
    if code in _NOT_YET_VALID:
        return Classified(Cause.SERVER_CERT_EXPIRED, _not_yet_valid(situation))
    if code in _WRONG_NAME:
        return wrong_name(said, situation)
    if code in _STRICT:
        detail = (
            f"Python's strict X.509 check (on by default since Python 3.13) refuses its certificate chain: {said};"
            " the CA itself may be trusted"
        )
        return Classified(Cause.UNKNOWN_CA, detail)
    return Classified(Cause.UNKNOWN_CA, _unknown_ca(code, said, situation))


def wrong_name(said: str, situation: Situation) -> Classified:
    """The server's certificate is somebody else's; ``said`` is the message of whoever found out."""
    asked = re.search(r"(?:for|hostname) '([^']+)'", said)
    wanted = asked[1] if asked else situation.host
    if not situation.chain:
        return Classified(Cause.HOSTNAME_MISMATCH, f"its certificate is not valid for {wanted}")
    names = situation.chain[0].sans
    shown = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
    of_whom = f"is for {shown}, not for {wanted}" if names else f"names no host, so it is not valid for {wanted}"
    return Classified(Cause.HOSTNAME_MISMATCH, f"its certificate {of_whom}")


def of_tls(error: ssl.SSLError, situation: Situation) -> Classified | None:
    """Why the server refused us, or why the two sides found no common language."""
    text = str(error)
    reason = _reason(error)
    alert = _alert(error)
    if alert == "protocol version" or reason in _TOO_OLD:
        return Classified(Cause.SERVER_ERROR, "it speaks no version of TLS that is still in use (1.2 or 1.3)")
    if alert == "unrecognized name":
        return Classified(Cause.HOSTNAME_MISMATCH, f"it has no certificate for {situation.host} (unrecognized name)")
    if alert in _CERTIFICATE_ALERTS:
        return _of_certificate_alert(alert, situation)
    if reason in _NOT_TLS or "wrong version number" in text:
        # Some answer what they cannot read as HTTP/0.9 does, with a page alone.
        is_http = situation.peer is not None and situation.peer.said.startswith((b"HTTP/", b"<"))
        detail = "it speaks plain http on this port, not https" if is_http else "it does not speak TLS on this port"
        return Classified(Cause.NOT_AN_INDEX, detail)
    if reason in _WEAK:
        return Classified(Cause.SERVER_ERROR, _WEAK[reason])
    if alert is not None:
        return Classified(Cause.SERVER_ERROR, f"it ends the TLS handshake with the alert '{alert}'", retry=True)
    return None


def asked_in_vain(peer: Peer) -> bool:
    """Whether the look, which offers no client certificate, was refused for lack of one."""
    if peer.asks_client_certificate is False or not isinstance(peer.refused, ssl.SSLError):
        return False
    return _alert(peer.refused) in _CERTIFICATE_ALERTS


def client_certificate_wanted(offered: bool, why: str) -> Classified:
    """The server wants a client certificate: another one, or any. ``why`` says what is wrong with the one offered."""
    if offered:
        return Classified(Cause.CLIENT_CERT_REJECTED, f"it does not accept the client certificate: {why}")
    return Classified(Cause.CLIENT_CERT_REQUIRED, "it asks for a client certificate and none is set")


def _of_certificate_alert(alert: str, situation: Situation) -> Classified:
    # Without a look we take its word; with one we know whether it asked at all.
    if situation.peer is not None and situation.peer.asks_client_certificate is False:
        return Classified(Cause.SERVER_ERROR, f"it ends the TLS handshake with the alert '{alert}': no common settings")
    return client_certificate_wanted(situation.offered, _CERTIFICATE_ALERTS[alert])


def _alert(error: ssl.SSLError) -> str | None:
    """The name of the alert that we received: ``SSLV3_ALERT_BAD_CERTIFICATE`` is ``bad certificate``.

    The prefix is of no meaning (``TLSV13_``, ``SSL/TLS``), and where Python is older than its OpenSSL only the text
    has the name.
    """
    text = f"{_reason(error)}] {error}".replace("_", " ").lower()
    if "unrecognized name" in text:  # the one alert whose name in OpenSSL has no "alert"
        return "unrecognized name"
    found = re.search(r"alert ([a-z ]+[a-z])", text)
    return found[1] if found else None


def _reason(error: ssl.SSLError) -> str:
    """OpenSSL's name for the reason; an error that Python made up itself has none."""
    return (getattr(error, "reason", None) or "").upper()


def _expired(situation: Situation) -> str:
    for position, facts in enumerate(situation.chain):
        if facts.expired(situation.now):
            what = "its certificate" if position == 0 else f"the certificate of its CA {facts.name}"
            return f"{what} expired on {facts.valid_until}"
    if situation.chain:
        return f"a certificate of its CA has expired ({situation.chain[-1].issuer_name} or the one above)"
    return "its certificate, or the one of its CA, has expired"


def _not_yet_valid(situation: Situation) -> str:
    for facts in situation.chain:
        if facts.not_yet_valid(situation.now):
            today = day(situation.now)
            return f"the certificate of {facts.name} is not valid before {day(facts.not_before)} (today is {today})"
    return "its certificate is not valid yet; is the clock of this machine right?"


def _unknown_ca(code: int, said: str, situation: Situation) -> str:
    chain = situation.chain
    if code == _SELF_SIGNED:
        return f"its certificate is self-signed ({chain[0].name})" if chain else "its certificate is self-signed"
    if code == _UNTRUSTED_ROOT:
        root = f" ({chain[-1].name})" if chain else ""
        return f"its certificate chain ends in a root CA that is not trusted{root}"
    if code not in _NO_ISSUER:
        return f"its certificate cannot be verified: {said}"
    if not chain:
        return f"the issuer of its certificate is not known ({said})"
    last = chain[-1]
    if code == _NO_ISSUER_OF_ANCHOR:
        intermediate = last.name if len(chain) > 1 else last.issuer_name
        return f"the trusted CAs hold an intermediate ({intermediate}) without the root that issued it"
    if len(chain) == 1:
        return (
            f"its certificate is issued by {last.issuer_name}, which is not trusted and which the server does not send"
            " (if it is an intermediate CA, the server should)"
        )
    return f"its certificate chain ends with {last.name}, issued by {last.issuer_name}, which is not trusted"
