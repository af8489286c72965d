"""CA bundles: what a server's certificate may chain to."""

from __future__ import annotations

import ssl
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from poetry_repo_plugin.tls.certificate import CertificateFacts, describe_der
from poetry_repo_plugin.tls.plain import CA as WHAT
from poetry_repo_plugin.tls.plain import certificates_in
from poetry_repo_plugin.tls.settings import SOON, day, invalid, utc_now


@dataclass(frozen=True)
class TrustBundle:
    """A bundle that was checked. What was checked is what is trusted: the file is not read again.

    :param certificates: DER, in the order of the file.
    :param facts: of those that can be described, in the same order.
    :param warnings: what is odd about it, each a sentence.
    """

    path: Path
    certificates: tuple[bytes, ...]
    facts: tuple[CertificateFacts, ...]
    warnings: tuple[str, ...] = ()

    @property
    def anchors(self) -> tuple[CertificateFacts, ...]:
        """Those that a chain can end in: CAs, and self-signed certificates of one server."""
        return tuple(facts for facts in self.facts if facts.is_ca or facts.self_signed)

    def apply(self, context: ssl.SSLContext) -> None:
        """Makes ``context`` trust these certificates, beside what it trusts already."""
        try:
            context.load_verify_locations(cadata=b"".join(self.certificates))
        except ssl.SSLError as error:
            raise invalid(self.path, WHAT, f"is refused by OpenSSL ({error.reason or error})") from None


def load_ca(path: Path, now: datetime | None = None) -> TrustBundle:
    """The CAs in ``path``: PEM, one DER certificate, or a directory of hashed certificates (openssl-rehash(1)).

    Raises :class:`~poetry_repo_plugin.tls.settings.MaterialError` where none of it can vouch for a server: nothing but
    a server's own certificate (unless self-signed: then it is trusted for that server alone), a private key, or only
    expired CAs.
    """
    now = now or utc_now()
    certificates, has_key = certificates_in(path)
    described = [describe_der(der) for der in certificates]
    facts = tuple(found for found in described if found is not None)
    warnings = []
    if has_key:
        warnings.append(f"the {WHAT} {path} also holds a private key, which nobody needs in order to trust a CA")
    for number, (der, found) in enumerate(zip(certificates, described, strict=True), start=1):
        if found is None:
            warnings.append(_undescribed(path, der, number, len(certificates)))
    bundle = TrustBundle(path, tuple(certificates), facts, tuple(warnings))
    # Where OpenSSL reads what cryptography does not, we cannot tell what the rest is: the handshake will.
    if len(facts) == len(certificates):
        _require_anchor(bundle, now)
    return TrustBundle(path, bundle.certificates, facts, (*warnings, *_concerns(bundle, now)))


def _undescribed(path: Path, der: bytes, number: int, count: int) -> str:
    """A bundle that plain Poetry accepts is accepted: OpenSSL has the last word on what we cannot read."""
    which = f"certificate {number} of {count}"
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=der)
    except (ssl.SSLError, ValueError):
        raise invalid(path, WHAT, f"is damaged: {which} is not a certificate") from None
    return f"{which} in the {WHAT} {path} is malformed and may not be usable"


def _require_anchor(bundle: TrustBundle, now: datetime) -> None:
    if not bundle.anchors:
        leaf = bundle.facts[0]
        raise invalid(
            bundle.path,
            WHAT,
            f"holds no CA but the certificate of {leaf.name}; the one of its issuer, {leaf.issuer_name}, is needed",
        )
    # What may not sign certificates can vouch for itself alone, if it is a server's.
    if not any(facts.may_issue or (facts.self_signed and facts.sans) for facts in bundle.anchors):
        why = f"cannot vouch for a server: the key usage of {bundle.anchors[0].name} lacks keyCertSign"
        raise invalid(bundle.path, WHAT, why)
    usable = [facts for facts in bundle.anchors if not facts.expired(now)]
    if not usable:
        last = max(bundle.anchors, key=lambda facts: facts.not_after)
        raise invalid(bundle.path, WHAT, f"has expired: {last.name} was valid until {last.valid_until}")
    if all(facts.not_yet_valid(now) for facts in usable):
        first = min(usable, key=lambda facts: facts.not_before)
        raise invalid(bundle.path, WHAT, f"is not valid yet: {first.name} begins on {day(first.not_before)}")


def _concerns(bundle: TrustBundle, now: datetime) -> list[str]:
    concerns = []
    anchors = bundle.anchors
    expired = [facts for facts in anchors if facts.expired(now)]
    if expired:
        which = f"{expired[0].name}, {expired[0].valid_until}"
        concerns.append(f"{len(expired)} of {len(anchors)} CAs in {bundle.path} have expired ({which})")
    for facts in anchors:
        if not facts.expired(now) and facts.days_left(now) < SOON:
            concerns.append(f"the CA {facts.name} in {bundle.path} expires on {facts.valid_until}")
    if anchors and not any(facts.is_ca for facts in anchors):
        concerns.append(f"{bundle.path} holds a server's self-signed certificate: only that server is trusted")
    # Python 3.13 sets VERIFY_X509_PARTIAL_CHAIN (https://docs.python.org/3.13/whatsnew/3.13.html#ssl).
    if anchors and sys.version_info < (3, 13) and not any(facts.self_signed for facts in anchors):
        concerns.append(
            f"{bundle.path} holds only intermediate CAs; before Python 3.13 the root is needed as well"
            f" (the issuer of {anchors[0].name}: {anchors[0].issuer_name})"
        )
    return concerns
