"""Client certificates: PEM with its key or with a separate one, DER, PKCS#12; encrypted or not."""

from __future__ import annotations

import secrets
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from poetry_repo_plugin.core.errors import Cause, Failure, Subject
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.tls.certificate import CertificateFacts, describe
from poetry_repo_plugin.tls.keys import find_key, load_key, unlock_pkcs12
from poetry_repo_plugin.tls.memfile import readable
from poetry_repo_plugin.tls.pem import FileFormat, certificates_in, format_of, pem_blocks
from poetry_repo_plugin.tls.settings import (
    SOON,
    AskPassphrase,
    day,
    invalid,
    parsing,
    read_file,
    utc_now,
)

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

_CERT = Subject.CLIENT_CERTIFICATE


@dataclass(frozen=True)
class ClientIdentity:
    """A client certificate that was checked, with its key and its chain.

    :param chain: the certificate itself first, then what its file holds besides.
    :param warnings: what is odd about it besides its expiry, each a clause.
    """

    path: Path
    facts: CertificateFacts
    warnings: tuple[str, ...]
    chain: tuple[x509.Certificate, ...] = field(repr=False)
    key: PrivateKeyTypes = field(repr=False)

    @property
    def expires_soon(self) -> bool:
        return self.facts.days_left() < SOON

    def apply(self, context: ssl.SSLContext) -> None:
        """Make ``context`` offer this certificate.

        Raises :class:`Failure` where OpenSSL's policy refuses it (a key too small).
        """
        from cryptography.hazmat.primitives import serialization

        pem = serialization.Encoding.PEM
        password = secrets.token_urlsafe(32).encode()
        encryption = serialization.BestAvailableEncryption(password)
        key = self.key.private_bytes(pem, serialization.PrivateFormat.PKCS8, encryption)
        certificates = b"".join(certificate.public_bytes(pem) for certificate in self.chain)
        try:
            with readable(certificates + key) as path:
                context.load_cert_chain(path, password=lambda: password)
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise invalid(self.path, _CERT, f"is refused by OpenSSL ({reason})") from None


def load_identity(
    client_cert: Path,
    client_key: Path | None = None,
    ask: AskPassphrase | None = None,
    now: datetime | None = None,
) -> ClientIdentity:
    """The client certificate in ``client_cert``, its key from ``client_key`` or from the same file.

    :param ask: called at most once, and only when the key is encrypted.
    :raises Failure: for a file that is missing or not what it should be, a key that is missing,
        does not match or does not open, a certificate that has expired or is not valid yet.
    """
    data = read_file(client_cert, _CERT)
    return _parse(client_cert, data, client_key, ask, now or utc_now())


def apply_pem(context: ssl.SSLContext, certificate_pem: str, key_pem: Secret) -> None:
    """Make ``context`` offer a certificate that a helper handed out.

    It is checked as one from a file is: :class:`Failure` says what is wrong with it.
    """
    data = f"{certificate_pem}\n{key_pem.reveal()}".encode()
    _parse(Path("from the helper"), data, None, None, utc_now()).apply(context)


def offer_plain_pem(context: ssl.SSLContext, cert: Path, key: Path | None) -> bool:
    """Make ``context`` offer PEM whose key is not encrypted, if nothing is to be said about it.

    Returns ``False`` for any other format, and where :func:`load_identity` would fail or warn. It
    does without ``cryptography``, which takes 80 ms and 12 MB to import.
    Raises :class:`Failure` for a file that cannot be read.
    """
    files = [read_file(cert, _CERT)]
    if key is not None:
        files.append(read_file(key, Subject.CLIENT_KEY))
    blocks = [block for data in files for block in pem_blocks(data)]
    if any(block.is_encrypted for block in blocks):
        return False
    try:
        # With a passphrase at hand, OpenSSL never prompts.
        context.load_cert_chain(cert, key, password=lambda: b"")
        until = _valid_until(cert, key)
    except (OSError, ValueError, NotImplementedError):
        return False
    return until - utc_now() >= timedelta(days=SOON)


def _valid_until(cert: Path, key: Path | None) -> datetime:
    """When the certificate expires, by a handshake in memory.

    Python's ssl tells it only of a peer's certificate, once verified; so a client presents it to a
    server that trusts it. Raises ``ssl.SSLError`` where OpenSSL does not accept it as a client's.
    """
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for context in (server, client):
        context.load_cert_chain(cert, key, password=lambda: b"")
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    server.verify_mode = ssl.CERT_REQUIRED
    server.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    server.load_verify_locations(cert)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server)
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    for side in (ours, theirs, ours):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    theirs.do_handshake()
    fields = theirs.getpeercert() or {}
    seconds = ssl.cert_time_to_seconds(str(fields["notAfter"]))
    return datetime.fromtimestamp(seconds, timezone.utc)


def _parse(
    client_cert: Path,
    data: bytes,
    client_key: Path | None,
    ask: AskPassphrase | None,
    now: datetime,
) -> ClientIdentity:
    key = None
    if client_key is not None:
        key = load_key(client_key, ask)
    if format_of(data) is FileFormat.PKCS12:
        certificates, own_key = _read_pkcs12(client_cert, data, ask)
        key = key or own_key
    else:
        certificates = _read_certificates(client_cert, data)
        key = key or find_key(client_cert, _CERT, data, ask)
    if key is None:
        detail = f"the {_CERT.value} {client_cert} comes without its private key"
        raise Failure(Cause.CLIENT_KEY_MISSING, detail, subject=Subject.CLIENT_KEY)
    with parsing(client_cert, _CERT):
        own = _matching(certificates, key, client_cert, client_key)
        facts = describe(own)
        _require_valid(facts, client_cert, now)
        warnings = _find_concerns(own, client_cert)
    others = [certificate for certificate in certificates if certificate is not own]
    return ClientIdentity(client_cert, facts, warnings, (own, *others), key)


def _read_certificates(path: Path, data: bytes) -> list[x509.Certificate]:
    from cryptography import x509

    ders = certificates_in(path, _CERT, data)
    with parsing(path, _CERT):
        return [x509.load_der_x509_certificate(der) for der in ders]


def _read_pkcs12(
    path: Path, data: bytes, ask: AskPassphrase | None
) -> tuple[list[x509.Certificate], PrivateKeyTypes | None]:
    content = unlock_pkcs12(path, data, ask)
    entries = list(content.additional_certs)
    if content.cert is not None:
        entries.insert(0, content.cert)
    if not entries:
        raise invalid(path, _CERT, "is PKCS#12 without a certificate")
    with parsing(path, _CERT):
        return [entry.certificate for entry in entries], content.key


def _matching(
    certificates: Sequence[x509.Certificate],
    key: PrivateKeyTypes,
    path: Path,
    key_path: Path | None,
) -> x509.Certificate:
    """The certificate that the key belongs to."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    encoding = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    public = key.public_key().public_bytes(*encoding)
    for certificate in certificates:
        try:
            if certificate.public_key().public_bytes(*encoding) == public:
                return certificate
        except UnsupportedAlgorithm:
            continue
    other = "the key beside it"
    if key_path is not None:
        other = f"the key {key_path}"
    detail = f"the {_CERT.value} {path} and {other} do not match"
    raise Failure(Cause.CLIENT_KEY_MISMATCH, detail, subject=Subject.CLIENT_KEY)


def _require_valid(facts: CertificateFacts, path: Path, now: datetime) -> None:
    whose = f"the {_CERT.value} {path} ({facts.name})"
    if facts.expired(now):
        detail = f"{whose} expired on {facts.valid_until}"
        raise Failure(Cause.CLIENT_CERT_EXPIRED, detail, subject=_CERT)
    if facts.not_yet_valid(now):
        detail = f"{whose} is not valid before {day(facts.not_before)}"
        raise Failure(Cause.CLIENT_CERT_EXPIRED, detail, subject=_CERT)


def expiry_of(path: Path, facts: CertificateFacts) -> str:
    """The warning about a client certificate that expires soon, or has expired."""
    verb = "expires"
    if facts.expired():
        verb = "expired"
    return f"the {_CERT.value} {path} {verb} on {facts.valid_until}"


def _find_concerns(own: x509.Certificate, path: Path) -> tuple[str, ...]:
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    try:
        usages = own.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return ()
    # RFC 5280, 4.2.1.12
    wanted = {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
    if not wanted.isdisjoint(usages):
        return ()
    why = "is not issued for client authentication; servers may refuse it"
    return (f"the {_CERT.value} {path} {why}",)
