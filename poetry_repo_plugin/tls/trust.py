"""CA bundles: what a server's certificate may chain to."""

from __future__ import annotations

import os
import re
import ssl
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from poetry_repo_plugin.tls.facts import CertificateFacts, describe_der
from poetry_repo_plugin.tls.forms import Form, first_value, form_of, pem_blocks
from poetry_repo_plugin.tls.material import SOON, MaterialError, day, invalid, read_file, utc_now

WHAT = "CA bundle"

# What `openssl rehash` calls the certificates in a directory (openssl-rehash(1)).
_HASHED = re.compile(r"^[0-9a-f]{8}\.\d+$")


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

    Raises :class:`MaterialError` where none of it can vouch for a server: nothing but a server's own certificate
    (unless self-signed: then it is trusted for that server alone), a private key, or only expired CAs.
    """
    now = now or utc_now()
    if os.path.isdir(path):  # which, unlike Path.is_dir, never raises
        certificates, has_key = _from_directory(path), False
    else:
        certificates, has_key = _from_file(path)
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


def _from_file(path: Path) -> tuple[list[bytes], bool]:
    data = read_file(path, WHAT)
    form = form_of(data)
    if form is Form.CERTIFICATE:
        return [first_value(data)], False
    if form is Form.PKCS12:
        raise invalid(path, WHAT, "is a PKCS#12 file, which is a client certificate with its key; the CA comes as PEM")
    if form is not Form.PEM:
        raise invalid(path, WHAT, f"holds no certificate: it is {form.value}")
    blocks = pem_blocks(data)
    has_key = any(block.is_key for block in blocks)
    wanted = [block for block in blocks if block.is_certificate]
    if not wanted and has_key:
        raise invalid(path, WHAT, "holds a private key and no certificate")
    if not wanted:
        seen = ", ".join(sorted({block.label for block in blocks})) or "no complete PEM block"
        raise invalid(path, WHAT, f"holds no certificate ({seen})")
    decoded = [block.der() for block in wanted]
    if None in decoded:
        number = decoded.index(None) + 1
        raise invalid(path, WHAT, f"is damaged: certificate {number} of {len(decoded)} is not base64")
    return [der for der in decoded if der is not None], has_key


def _from_directory(path: Path) -> list[bytes]:
    try:
        files = sorted(entry for entry in path.iterdir() if _HASHED.match(entry.name))
    except OSError as error:
        raise invalid(path, WHAT, f"cannot be read: {error.strerror}") from None
    found: list[bytes] = []
    for file in files:
        # OpenSSL skips what it cannot read in such a directory, and so do we.
        try:
            found.extend(der for der in _from_file(file)[0] if der not in found)
        except MaterialError:
            continue
    if not found:
        raise invalid(path, WHAT, "is a directory without hashed certificates; `openssl rehash` makes them")
    return found


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
