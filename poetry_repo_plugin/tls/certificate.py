"""A certificate for the screen: subject, issuer, names and validity."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from poetry_repo_plugin.core.errors import Subject
from poetry_repo_plugin.tls.pem import FileFormat, certificates_in, format_of
from poetry_repo_plugin.tls.settings import (
    day,
    invalid,
    parsing,
    read_file,
    utc_now,
    without_warnings,
)

if TYPE_CHECKING:
    from cryptography import x509

    from poetry_repo_plugin.core.secret import Secret


class CertificateFacts(NamedTuple):
    """The facts of a certificate that a user is told.

    :param subject: RFC 4514 text, as is ``issuer``.
    :param sans: the subject's alternative names: host names, addresses, URIs, mail addresses.
    :param sha256: the fingerprint, upper-case hex pairs with colons.
    :param not_before: aware UTC, as is ``not_after``.
    :param is_ca: its basic constraints say CA (RFC 5280, 4.2.1.9), or it is a self-signed
        certificate of X.509 v1.
    :param self_signed: its issuer is its subject and its signature is by its own key.
    :param may_issue: its key usage, if any, allows it to sign certificates (RFC 5280, 4.2.1.3).
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
        """The subject's common name, else its first alternative name, else all of it."""
        names = (short_name(self.subject), *self.sans, self.subject)
        return next((name for name in names if name), "")

    @property
    def issuer_name(self) -> str:
        """The issuer's common name, else all of it."""
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
    constraints = _extension(certificate, x509.BasicConstraints)
    usage = _extension(certificate, x509.KeyUsage)
    is_ca = self_signed and certificate.version == x509.Version.v1
    if constraints is not None:
        is_ca = constraints.ca
    return CertificateFacts(
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        sans=_alternative_names(certificate),
        sha256=certificate.fingerprint(SHA256()).hex(":").upper(),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        is_ca=is_ca,
        self_signed=self_signed,
        may_issue=usage is None or usage.key_cert_sign,
    )


def describe_der(der: bytes) -> CertificateFacts | None:
    """The facts of a certificate, or ``None`` where it cannot be parsed. Never raises."""
    from cryptography import x509

    with without_warnings():
        try:
            return describe(x509.load_der_x509_certificate(der))
        except Exception:  # whatever cryptography makes of a stranger's bytes
            return None


def facts_of(path: Path, passphrase: Secret | None = None) -> CertificateFacts | None:
    """The facts of the client certificate in ``path``, for listings: nobody is asked.

    ``None`` for PKCS#12 that does not open with ``passphrase``. Raises
    :class:`~poetry_repo_plugin.core.errors.Failure` for a file that is missing or holds none.
    """
    from cryptography import x509

    subject = Subject.CLIENT_CERTIFICATE
    data = read_file(path, subject)
    if format_of(data) is FileFormat.PKCS12:
        return _facts_of_pkcs12(path, data, passphrase)
    ders = certificates_in(path, subject, data)
    with parsing(path, subject):
        described = [describe(x509.load_der_x509_certificate(der)) for der in ders]
    return next((facts for facts in described if not facts.is_ca), described[0])


def _facts_of_pkcs12(path: Path, data: bytes, passphrase: Secret | None) -> CertificateFacts | None:
    from poetry_repo_plugin.tls.keys import open_pkcs12

    content = open_pkcs12(path, data, passphrase)
    if content is None:
        return None
    if content.cert is None:
        raise invalid(path, Subject.CLIENT_CERTIFICATE, "holds no certificate")
    with parsing(path, Subject.CLIENT_CERTIFICATE):
        return describe(content.cert.certificate)


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


def _alternative_names(certificate: x509.Certificate) -> tuple[str, ...]:
    from cryptography import x509

    names = _extension(certificate, x509.SubjectAlternativeName)
    kinds = (x509.DNSName, x509.IPAddress, x509.UniformResourceIdentifier, x509.RFC822Name)
    return tuple(str(name.value) for name in names or () if isinstance(name, kinds))


def _extension(certificate: x509.Certificate, kind: type[Any]) -> Any:
    """The extension of this kind, or ``None``."""
    from cryptography.x509 import ExtensionNotFound

    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except ExtensionNotFound:
        return None
