"""Client certificates: PEM with its key, PEM and a key of its own, DER, PKCS#12; encrypted or not."""

from __future__ import annotations

import secrets
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from poetry_repo_plugin.core.errors import Cause
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.tls.certificate import CertificateFacts, describe
from poetry_repo_plugin.tls.keys import Key, pair_of_pkcs12, read_key, separate_key
from poetry_repo_plugin.tls.memfile import readable
from poetry_repo_plugin.tls.pem import Form, first_value, form_of, pem_blocks
from poetry_repo_plugin.tls.plain import CERT
from poetry_repo_plugin.tls.settings import (
    SOON,
    AskPassphrase,
    MaterialError,
    day,
    invalid,
    parsing,
    read_file,
    utc_now,
)

if TYPE_CHECKING:
    from cryptography import x509


@dataclass(frozen=True)
class ClientIdentity:
    """A client certificate that was checked, with its key and its chain.

    :param chain: the certificate itself first, then what its file holds besides, in the order of the file.
    :param warnings: what is odd about it, each a sentence.
    """

    path: Path
    facts: CertificateFacts
    warnings: tuple[str, ...]
    chain: tuple[x509.Certificate, ...] = field(repr=False)
    key: Key = field(repr=False)
    # The files as OpenSSL can read them by itself (certificate, key), where it can.
    files: tuple[Path, Path] | None = field(default=None, repr=False)

    @property
    def expires_soon(self) -> bool:
        """Whether it is time for another one."""
        return self.facts.days_left() < SOON

    @property
    def concerns(self) -> tuple[str, ...]:
        """The warnings without the one about its end."""
        return tuple(warning for warning in self.warnings if warning != expiry_of(self.path, self.facts))

    def apply(self, context: ssl.SSLContext) -> None:
        """Makes ``context`` offer this certificate. Nobody is ever asked for a passphrase by OpenSSL.

        Raises :class:`MaterialError` where OpenSSL's policy refuses what is otherwise in order (a key too small).
        """
        if self.files is not None:
            # Where OpenSSL does not open what is fine (RC2 and MD5 need its legacy provider), the sealed way follows.
            with suppress(OSError, ValueError):
                context.load_cert_chain(*self.files, password=self.key.password)
                return
        try:
            self._apply_sealed(context)
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise invalid(self.path, CERT, f"is refused by OpenSSL ({reason})") from None

    def _apply_sealed(self, context: ssl.SSLContext) -> None:
        from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

        seal = secrets.token_urlsafe(32).encode()
        private = self.key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(seal))
        certificates = b"".join(certificate.public_bytes(Encoding.PEM) for certificate in self.chain)
        with readable(certificates + private) as path:
            context.load_cert_chain(path, password=lambda: seal)


def load_identity(
    client_cert: Path, client_key: Path | None = None, ask: AskPassphrase | None = None, now: datetime | None = None
) -> ClientIdentity:
    """The client certificate in ``client_cert``, with the key from ``client_key`` or from the same file.

    :param ask: called at most once, and only when the key is encrypted.
    :raises MaterialError: for a file that is missing or not what it should be, a key that is missing, does not match or
        does not open, a certificate that has expired or is not valid yet.
    """
    data = read_file(client_cert, CERT)
    return _identity(client_cert, data, client_key, ask, now or utc_now())


def apply_pem(context: ssl.SSLContext, certificate_pem: str, key_pem: Secret) -> None:
    """Makes ``context`` offer a certificate that is not in any file, as a helper hands it out.

    It is checked as one from a file is: :class:`MaterialError` says what is wrong with it.
    """
    data = f"{certificate_pem}\n{key_pem.reveal()}".encode()
    identity = _identity(Path("from the helper"), data, None, None, utc_now())
    replace(identity, files=None).apply(context)


def _identity(
    client_cert: Path, data: bytes, client_key: Path | None, ask: AskPassphrase | None, now: datetime
) -> ClientIdentity:
    form = form_of(data)
    key = separate_key(client_key, ask) if client_key is not None else None
    if form is Form.PKCS12:
        pair = pair_of_pkcs12(client_cert, data, ask)
        certificates, key = pair.certificates, key or pair.key
    else:
        certificates = _certificates(client_cert, data, form)
        key = key or read_key(client_cert, CERT, data, ask)
    if key is None:
        raise MaterialError(Cause.CLIENT_KEY_MISSING, f"the {CERT} {client_cert} comes without its private key")
    with parsing(client_cert, CERT):
        own = _matching(certificates, key, client_cert, client_key)
        facts = describe(own)
        _require_valid(facts, client_cert, now)
        warnings = _concerns(own, facts, client_cert, now)
    # OpenSSL takes the first certificate of a file for the client's own.
    readable_as_is = form is Form.PEM and key.native and own is certificates[0]
    chain = (own, *(certificate for certificate in certificates if certificate is not own))
    files = (client_cert, client_key or client_cert) if readable_as_is else None
    return ClientIdentity(client_cert, facts, warnings, chain, key, files)


def _certificates(path: Path, data: bytes, form: Form) -> tuple[x509.Certificate, ...]:
    from cryptography import x509

    if form is Form.CERTIFICATE:
        with parsing(path, CERT):
            return (x509.load_der_x509_certificate(first_value(data)),)
    if form is not Form.PEM:
        raise invalid(path, CERT, f"holds no certificate: it is {form.value}")
    blocks = pem_blocks(data)
    wanted = [block for block in blocks if block.is_certificate]
    if not wanted:
        if any(block.is_key for block in blocks):
            raise invalid(path, CERT, "holds a private key and no certificate")
        seen = ", ".join(sorted({block.label for block in blocks})) or "no complete PEM block"
        raise invalid(path, CERT, f"holds no certificate ({seen})")
    with parsing(path, CERT):
        return tuple(x509.load_der_x509_certificate(block.der() or b"") for block in wanted)


def _matching(
    certificates: Sequence[x509.Certificate], key: Key, path: Path, key_path: Path | None
) -> x509.Certificate:
    """The certificate that the key belongs to."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    public = key.private.public_key().public_bytes(*form)
    for certificate in certificates:
        try:
            if certificate.public_key().public_bytes(*form) == public:
                return certificate
        except UnsupportedAlgorithm:
            continue
    other = f"the key {key_path}" if key_path is not None else "the key beside it"
    raise MaterialError(Cause.CLIENT_KEY_MISMATCH, f"the {CERT} {path} and {other} do not belong together")


def _require_valid(facts: CertificateFacts, path: Path, now: datetime) -> None:
    if facts.expired(now):
        raise MaterialError(
            Cause.CLIENT_CERT_EXPIRED, f"the {CERT} {path} ({facts.name}) expired on {facts.valid_until}"
        )
    if facts.not_yet_valid(now):
        begin = day(facts.not_before)
        raise MaterialError(Cause.CLIENT_CERT_EXPIRED, f"the {CERT} {path} ({facts.name}) is not valid before {begin}")


def expiry_of(path: Path, facts: CertificateFacts) -> str:
    """The warning about a client certificate that ends soon, or has ended."""
    return f"the {CERT} {path} {'expired' if facts.expired() else 'expires'} on {facts.valid_until}"


def _concerns(own: x509.Certificate, facts: CertificateFacts, path: Path, now: datetime) -> tuple[str, ...]:
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    concerns = []
    if facts.days_left(now) < SOON:
        concerns.append(expiry_of(path, facts))
    try:
        usages = own.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return tuple(concerns)
    # RFC 5280, 4.2.1.12
    if not {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE} & set(usages):
        concerns.append(f"the {CERT} {path} is not issued for client authentication; servers may refuse it")
    return tuple(concerns)
