"""CA bundles: what a server's certificate may chain to."""

from __future__ import annotations

import os
import re
import ssl
import sys
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from pathlib import Path

from poetry_repo_plugin.core.errors import Failure, Subject
from poetry_repo_plugin.tls.certificate import CertificateFacts, describe_der
from poetry_repo_plugin.tls.pem import FileFormat, certificates_in, format_of, pem_blocks
from poetry_repo_plugin.tls.settings import SOON, day, invalid, read_file, utc_now

# The names that `openssl rehash` gives to the certificates in a directory (openssl-rehash(1)).
_HASHED = r"[0-9a-f]{8}\.\d+"


class TrustBundle:
    """A CA bundle that was checked. What was checked is what is trusted: it is not read again.

    :param certificates: DER, in the order of the file.
    :param has_key: a private key is among them.
    """

    def __init__(self, path: Path, certificates: list[bytes], has_key: bool) -> None:
        self.path = path
        self.certificates = certificates
        self.has_key = has_key

    @cached_property
    def described(self) -> list[CertificateFacts | None]:
        """The facts of each certificate; ``None`` for one that ``cryptography`` cannot read."""
        return [describe_der(der) for der in self.certificates]

    @property
    def facts(self) -> list[CertificateFacts]:
        return [facts for facts in self.described if facts is not None]

    @property
    def anchors(self) -> list[CertificateFacts]:
        """Those that a chain can end in: CAs, and self-signed certificates of one server."""
        return [facts for facts in self.facts if facts.is_ca or facts.self_signed]

    def warnings(self, now: datetime | None = None) -> list[str]:
        """The oddities of a bundle that can be used, each a clause."""
        what, warnings = f"the {Subject.CA.value} {self.path}", []
        if self.has_key:
            why = "also holds a private key, which does not belong in a CA bundle"
            warnings.append(f"{what} {why}")
        for number, facts in enumerate(self.described, start=1):
            if facts is None:
                which = f"certificate {number} of {len(self.described)}"
                warnings.append(f"{which} in {what} is malformed")
        return warnings + _find_concerns(self, now or utc_now())


def load_ca(
    path: Path,
    context: ssl.SSLContext | None = None,
    now: datetime | None = None,
) -> TrustBundle:
    """The CAs in ``path``: PEM, one DER certificate, or a directory of hashed certificates.

    :param context: made to trust them; it trusts nothing yet.
    :raises Failure: where none of it can vouch for a server: nothing but a server's own
        certificate (unless self-signed: then it is trusted for that server alone), a private key,
        or only expired CAs.
    """
    context = context or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    now = now or utc_now()
    bundle = _read(path)
    for number, der in enumerate(bundle.certificates, start=1):
        try:
            # One by one: OpenSSL would read on from one that is cut off into the next.
            context.load_verify_locations(cadata=der)
        except (ssl.SSLError, ValueError):
            which = f"certificate {number} of {len(bundle.certificates)}"
            why = f"is damaged: {which} is not a certificate"
            raise invalid(path, Subject.CA, why) from None
    # One valid CA is enough; cryptography, which takes 80 ms to import, tells what else is there.
    if not _holds_valid_ca(context, now):
        _require_anchor(bundle, now)
    return bundle


def _read(path: Path) -> TrustBundle:
    if os.path.isdir(path):  # which, unlike Path.is_dir, never raises
        return TrustBundle(path, _read_directory(path), has_key=False)
    data = read_file(path, Subject.CA)
    has_key = any(block.is_key for block in pem_blocks(data))
    return TrustBundle(path, _certificates(path, data), has_key)


def _certificates(path: Path, data: bytes) -> list[bytes]:
    if format_of(data) is FileFormat.PKCS12:
        why = "is a PKCS#12 file (a client certificate with its key); a CA bundle is PEM"
        raise invalid(path, Subject.CA, why)
    return certificates_in(path, Subject.CA, data)


def _read_directory(path: Path) -> list[bytes]:
    try:
        files = sorted(entry for entry in path.iterdir() if re.fullmatch(_HASHED, entry.name))
    except OSError as error:
        raise invalid(path, Subject.CA, f"cannot be read: {error.strerror}") from None
    found: dict[bytes, None] = {}
    for file in files:
        try:
            found.update(dict.fromkeys(_certificates(file, read_file(file, Subject.CA))))
        except Failure:
            continue  # OpenSSL skips what it cannot read in such a directory, and so do we
    if not found:
        why = "is a directory without hashed certificates; `openssl rehash` makes them"
        raise invalid(path, Subject.CA, why)
    return list(found)


def _holds_valid_ca(context: ssl.SSLContext, now: datetime) -> bool:
    moment = now.timestamp()
    # Python cannot read all that OpenSSL does; truststore's class, where another plugin has put it
    # in the place of Python's, reads nothing.
    with suppress(ssl.SSLError, ValueError, NotImplementedError):
        for fields in context.get_ca_certs():
            begin = ssl.cert_time_to_seconds(str(fields["notBefore"]))
            end = ssl.cert_time_to_seconds(str(fields["notAfter"]))
            if begin <= moment <= end:
                return True
    return False


def _require_anchor(bundle: TrustBundle, now: datetime) -> None:
    path, anchors = bundle.path, bundle.anchors
    if None in bundle.described:
        return  # OpenSSL has the last word, as with plain Poetry
    if not anchors:
        leaf = bundle.facts[0]
        why = f"holds no CA but the certificate of {leaf.name}"
        needed = f"the one of its issuer, {leaf.issuer_name}, is needed"
        raise invalid(path, Subject.CA, f"{why}; {needed}")
    # One that may not sign certificates can vouch for itself alone, if it is a server's.
    if not any(facts.may_issue or (facts.self_signed and facts.sans) for facts in anchors):
        why = f"cannot vouch for a server: the key usage of {anchors[0].name} lacks keyCertSign"
        raise invalid(path, Subject.CA, why)
    usable = [facts for facts in anchors if not facts.expired(now)]
    if not usable:
        last = max(anchors, key=lambda facts: facts.not_after)
        why = f"has expired: {last.name} was valid until {last.valid_until}"
        raise invalid(path, Subject.CA, why)
    if all(facts.not_yet_valid(now) for facts in usable):
        first = min(usable, key=lambda facts: facts.not_before)
        why = f"is not valid yet: {first.name} begins on {day(first.not_before)}"
        raise invalid(path, Subject.CA, why)


def _find_concerns(bundle: TrustBundle, now: datetime) -> list[str]:
    path, anchors = bundle.path, bundle.anchors
    concerns = []
    expired = [facts for facts in anchors if facts.expired(now)]
    if expired:
        which = f"{expired[0].name}, {expired[0].valid_until}"
        concerns.append(f"{len(expired)} of {len(anchors)} CAs in {path} have expired ({which})")
    for facts in anchors:
        if not facts.expired(now) and facts.days_left(now) < SOON:
            concerns.append(f"the CA {facts.name} in {path} expires on {facts.valid_until}")
    if anchors and not any(facts.is_ca for facts in anchors):
        concern = "holds a server's self-signed certificate: only that server is trusted"
        concerns.append(f"{path} {concern}")
    # Python 3.13 sets VERIFY_X509_PARTIAL_CHAIN (docs.python.org/3.13/whatsnew/3.13.html#ssl).
    if anchors and sys.version_info < (3, 13) and not any(facts.self_signed for facts in anchors):
        issuer = f"(the issuer of {anchors[0].name}: {anchors[0].issuer_name})"
        concern = "holds only intermediate CAs; before Python 3.13 the root is needed as well"
        concerns.append(f"{path} {concern} {issuer}")
    return concerns
