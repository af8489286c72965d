"""A certificate for the screen: who it names, who vouches for it, and until when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from poetry_repo_plugin.tls.pem import Form, first_value, form_of, is_cut_off, pem_blocks
from poetry_repo_plugin.tls.settings import MaterialError, day, invalid, parsing, read_file, utc_now

if TYPE_CHECKING:
    from cryptography import x509

    from poetry_repo_plugin.core.secret import Secret


@dataclass(frozen=True)
class CertificateFacts:
    """What is told about a certificate.

    :param subject: RFC 4514 text, as is ``issuer``.
    :param sans: the subject's alternative names: host names, addresses, URIs, mail addresses.
    :param sha256: the fingerprint, upper-case hex pairs with colons.
    :param not_before: aware UTC, as is ``not_after``.
    :param is_ca: the basic constraints say CA (RFC 5280, 4.2.1.9), or it is a self-signed certificate of X.509 v1.
    :param self_signed: its issuer is its subject and its signature is by its own key.
    :param may_issue: its key usage, if it has one, allows to sign certificates (RFC 5280, 4.2.1.3).
    """

    subject: str
    issuer: str
    sans: tuple[str, ...]
    sha256: str
    not_before: datetime
    not_after: datetime
    is_ca: bool
    self_signed: bool
    may_issue: bool = True

    def days_left(self, now: datetime | None = None) -> int:
        """Whole days until it expires, rounded down; negative once it has."""
        return (self.not_after - (now or utc_now())) // timedelta(days=1)

    def expired(self, now: datetime | None = None) -> bool:
        return (now or utc_now()) > self.not_after

    def not_yet_valid(self, now: datetime | None = None) -> bool:
        return (now or utc_now()) < self.not_before

    @property
    def name(self) -> str:
        """The short name of the subject: its common name, else its first alternative name, else all of it."""
        return short_name(self.subject) or (self.sans[0] if self.sans else self.subject)

    @property
    def issuer_name(self) -> str:
        """The short name of the issuer."""
        return short_name(self.issuer) or self.issuer

    @property
    def valid_until(self) -> str:
        """``YYYY-MM-DD`` of ``not_after``."""
        return day(self.not_after)


def short_name(distinguished: str) -> str:
    """The common name in RFC 4514 text, or ``""``."""
    for part in distinguished.replace("\\,", "\0").split(","):
        if part.startswith("CN="):
            return part[3:].replace("\0", ",")
    return ""


def describe(certificate: x509.Certificate) -> CertificateFacts:
    """The facts of ``certificate``.

    Raises whatever ``cryptography`` raises for malformed parts (it parses late): call it inside
    :func:`~poetry_repo_plugin.tls.settings.parsing`.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256

    self_signed = _is_self_signed(certificate)
    try:
        is_ca = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        is_ca = self_signed and certificate.version == x509.Version.v1
    return CertificateFacts(
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        sans=_alternative_names(certificate),
        sha256=certificate.fingerprint(SHA256()).hex(":").upper(),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        is_ca=is_ca,
        self_signed=self_signed,
        may_issue=_may_issue(certificate),
    )


def describe_der(der: bytes) -> CertificateFacts | None:
    """The facts of a certificate from the wire, or ``None`` where it cannot be parsed. Never raises."""
    from cryptography import x509

    try:
        with parsing(Path("-"), "certificate"):
            return describe(x509.load_der_x509_certificate(der))
    except MaterialError:
        return None


def facts_of(path: Path, passphrase: Secret | None = None) -> CertificateFacts | None:
    """The facts of the client certificate in ``path``, for listings: no key is read, and nobody is asked.

    ``None`` for PKCS#12 that does not open with ``passphrase``. Raises :class:`MaterialError` for a file that is
    missing or holds no certificate.
    """
    from cryptography import x509

    what = "client certificate"
    data = read_file(path, what)
    form = form_of(data)
    with parsing(path, what):
        if form is Form.PKCS12:
            return _facts_of_pkcs12(path, data, passphrase)
        if form is Form.CERTIFICATE:
            return describe(x509.load_der_x509_certificate(first_value(data)))
        found = [block.der() for block in pem_blocks(data) if block.is_certificate]
        if not found:
            raise invalid(path, what, "holds no certificate")
        all_facts = [describe(x509.load_der_x509_certificate(der or b"")) for der in found]
    return next((facts for facts in all_facts if not facts.is_ca), all_facts[0])


def _facts_of_pkcs12(path: Path, data: bytes, passphrase: Secret | None) -> CertificateFacts | None:
    from cryptography.hazmat.primitives.serialization import pkcs12

    if is_cut_off(data):
        raise invalid(path, "client certificate", "is cut off: its end is missing")
    for password in (None, b"") if passphrase is None else (passphrase.reveal().encode(),):
        try:
            certificate = pkcs12.load_pkcs12(data, password).cert
        except ValueError:
            continue
        if certificate is None:
            raise invalid(path, "client certificate", "holds no certificate")
        return describe(certificate.certificate)
    return None


def _is_self_signed(certificate: x509.Certificate) -> bool:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    if certificate.subject != certificate.issuer:
        return False
    try:
        certificate.verify_directly_issued_by(certificate)
    except InvalidSignature:
        return False
    except (ValueError, TypeError, UnsupportedAlgorithm):
        pass  # an old root signed with MD5, say: nobody checks a root's own signature
    return True


def _may_issue(certificate: x509.Certificate) -> bool:
    from cryptography import x509

    try:
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound:
        return True


def _alternative_names(certificate: x509.Certificate) -> tuple[str, ...]:
    from cryptography import x509

    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    kinds = (x509.DNSName, x509.IPAddress, x509.UniformResourceIdentifier, x509.RFC822Name)
    return tuple(str(name.value) for name in names if isinstance(name, kinds))
