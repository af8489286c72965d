"""Certificates for tests: every form a user may hold, and every way one can be wrong.

Nothing here needs the network or a system tool. Keys are P-256, so that making one costs well under
a millisecond. A twin for each: what should work is made by the same function as what should not,
with one argument changed.
"""

from __future__ import annotations

import ipaddress
import os
import ssl
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Union

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PrivateKey = Union[ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey]

SERVER_AUTH = ExtendedKeyUsageOID.SERVER_AUTH
CLIENT_AUTH = ExtendedKeyUsageOID.CLIENT_AUTH
DAY = timedelta(days=1)
LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True)
class Identity:
    """A certificate, its private key and the intermediates that go with it (leaf's issuer first,
    never the root).
    """

    cert: x509.Certificate
    key: PrivateKey
    chain: tuple[x509.Certificate, ...] = ()

    @property
    def cert_pem(self) -> bytes:
        """The certificate and its chain, PEM."""
        return b"".join(_pem(cert) for cert in (self.cert, *self.chain))

    @property
    def key_pem(self) -> bytes:
        """The private key, PKCS#8 PEM, not encrypted."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def common_name(self) -> str:
        """The subject's CN, as :attr:`tests.servers.RecordedRequest.peer` reports it."""
        return str(self.cert.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, lower-case hex without colons."""
        return self.cert.fingerprint(hashes.SHA256()).hex()

    def with_key_of(self, other: Identity) -> Identity:
        """This certificate with another one's key: a pair that does not match."""
        return Identity(self.cert, other.key, self.chain)

    def load_into(self, context: ssl.SSLContext) -> None:
        """Presents this identity on ``context``. Raises :class:`ssl.SSLError` when key and
        certificate differ.
        """
        handle, name = tempfile.mkstemp(suffix=".pem")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(self.key_pem + self.cert_pem)
            context.load_cert_chain(name)
        finally:
            os.unlink(name)


@dataclass(frozen=True)
class Authority:
    """A certificate authority.

    :param parents: the intermediates between this authority and its root, this authority's own
        certificate first; empty for a root.
    :param proper: whether what it issues carries what ``VERIFY_X509_STRICT`` (the default from
    Python 3.13) asks for.
    """

    cert: x509.Certificate
    key: PrivateKey
    parents: tuple[x509.Certificate, ...] = ()
    proper: bool = True

    @classmethod
    def root(
        cls, name: str = "Test root", *, proper: bool = True, valid: tuple[float, float] = (-1, 365)
    ) -> Authority:
        """A self-signed authority.

        :param proper: ``False`` leaves out key usage and key identifiers, as many companies' old
            CAs do; Python 3.13 refuses such a chain, earlier versions take it.
        :param valid: days from now, from and until.
        """
        key = _new_key("ec")
        cert = _build(_name(name), key, None, _ca_extensions(key, None, proper), valid)
        return cls(cert, key, (), proper)

    def intermediate(self, name: str = "Test intermediate") -> Authority:
        """An authority below this one."""
        key = _new_key("ec")
        extensions = _ca_extensions(key, self.cert if self.proper else None, self.proper)
        cert = _build(_name(name), key, self, extensions, (-1, 365))
        return Authority(cert, key, (cert, *self.parents), self.proper)

    def issue(
        self,
        common_name: str,
        hosts: Sequence[str] = (),
        usages: Sequence[x509.ObjectIdentifier] = (),
        valid: tuple[float, float] = (-1, 365),
        key_type: str = "ec",
        send_chain: bool = True,
    ) -> Identity:
        """A leaf.

        :param hosts: subject alternative names, IP addresses recognised.
        :param usages: extended key usages; none leaves the extension out.
        :param valid: days from now, from and until.
        :param key_type: ``ec`` or ``rsa``.
        :param send_chain: whether the identity carries the intermediates above it.
        """
        key = _new_key(key_type)
        extensions: list[tuple[x509.ExtensionType, bool]] = [
            (x509.BasicConstraints(ca=False, path_length=None), True)
        ]
        if hosts:
            extensions.append(
                (x509.SubjectAlternativeName([_general_name(host) for host in hosts]), False)
            )
        if usages:
            extensions.append((x509.ExtendedKeyUsage(list(usages)), False))
        if self.proper:
            extensions += [
                (_key_usage(ca=False), True),
                (_authority_key_identifier(self.cert), False),
            ]
            extensions.append((x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False))
        cert = _build(_name(common_name), key, self, extensions, valid)
        return Identity(cert, key, self.parents if send_chain else ())

    def server(
        self, *hosts: str, valid: tuple[float, float] = (-1, 365), key_type: str = "ec"
    ) -> Identity:
        """A server's identity; for the loopback addresses and ``localhost`` when no host is
        named.
        """
        hosts = hosts or LOOPBACK
        return self.issue(hosts[0], hosts, [SERVER_AUTH], valid, key_type)

    def client(
        self,
        common_name: str = "alice",
        valid: tuple[float, float] = (-1, 365),
        key_type: str = "ec",
    ) -> Identity:
        """A client's identity."""
        return self.issue(common_name, (), [CLIENT_AUTH], valid, key_type)

    def revoking(self, *identities: Identity) -> bytes:
        """This authority's list of revoked certificates (CRL), PEM."""
        now = datetime.now(timezone.utc)
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.cert.subject)
        builder = builder.last_update(now - DAY).next_update(now + DAY)
        for identity in identities:
            revoked = x509.RevokedCertificateBuilder().serial_number(identity.cert.serial_number)
            builder = builder.add_revoked_certificate(revoked.revocation_date(now - DAY).build())
        return builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM)

    @property
    def pem(self) -> bytes:
        """This authority's own certificate, PEM."""
        return _pem(self.cert)

    def trust(self, context: ssl.SSLContext) -> None:
        """Makes ``context`` trust this authority."""
        context.load_verify_locations(cadata=self.pem.decode("ascii"))


class CertificateFactory:
    """The authorities and identities of a test, and files of them (0600) in one directory.

    Each name says what is wrong with what it makes; a name that says nothing makes a good one.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.ca = Authority.root("Test root")
        self.other_ca = Authority.root("Another root")
        self.intermediate = self.ca.intermediate()

    # -- servers

    def server(self, *hosts: str) -> Identity:
        """Good for ``hosts``, or for the loopback addresses and ``localhost``."""
        return self.ca.server(*hosts)

    def server_expired(self) -> Identity:
        """Ran out yesterday."""
        return self.ca.server(valid=(-30, -1))

    def server_not_yet_valid(self) -> Identity:
        """Starts tomorrow."""
        return self.ca.server(valid=(1, 30))

    def server_wrong_host(self) -> Identity:
        """Made out to ``wrong.example.org`` only."""
        return self.ca.server("wrong.example.org")

    def server_unknown_ca(self) -> Identity:
        """Issued by :attr:`other_ca`."""
        return self.other_ca.server()

    def server_with_chain(self) -> Identity:
        """Issued by an intermediate that the server sends along, as it must (RFC 8446, 4.4.2)."""
        return self.ca.intermediate().server()

    def server_missing_intermediate(self) -> Identity:
        """Issued by :attr:`intermediate`, which the server does not send."""
        return self.intermediate.issue("127.0.0.1", LOOPBACK, [SERVER_AUTH], send_chain=False)

    def server_wrong_usage(self) -> Identity:
        """Its extended key usage is clientAuth only."""
        return self.ca.issue("127.0.0.1", LOOPBACK, [CLIENT_AUTH])

    def server_not_strict(self) -> tuple[Authority, Identity]:
        """An authority without key usage and key identifiers, and a server of it: refused under
        X509_STRICT only.
        """
        authority = Authority.root("Old company root", proper=False)
        return authority, authority.server()

    # -- clients

    def client(
        self, common_name: str = "alice", *, days: float = 365, key_type: str = "ec"
    ) -> Identity:
        """Good for ``days`` days."""
        return self.ca.client(common_name, (-1, days), key_type)

    def client_expired(self) -> Identity:
        """Ran out yesterday."""
        return self.ca.client(valid=(-30, -1))

    def client_not_yet_valid(self) -> Identity:
        """Starts tomorrow."""
        return self.ca.client(valid=(1, 30))

    def client_foreign(self) -> Identity:
        """Issued by :attr:`other_ca`."""
        return self.other_ca.client()

    def client_with_chain(self) -> Identity:
        """Issued by an intermediate, which the client sends along."""
        return self.ca.intermediate().client()

    def client_key_mismatch(self) -> Identity:
        """A certificate with the key of another one."""
        return self.client().with_key_of(self.client())

    # -- files

    def write(self, name: str, content: bytes) -> Path:
        """A file of ``content`` with mode 0600; its absolute path."""
        path = (self.directory / name).absolute()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
        return path

    def ca_file(self, *authorities: Authority, name: str = "ca.pem") -> Path:
        """A bundle of ``authorities``, or of :attr:`ca` when none is given."""
        return self.write(name, b"".join(authority.pem for authority in authorities or (self.ca,)))

    def pem(
        self, identity: Identity, name: str = "client.pem", *, passphrase: str | None = None
    ) -> Path:
        """Key, certificate and chain in one PEM file; with ``passphrase`` the key is encrypted
        PKCS#8.
        """
        return self.write(name, key_pem(identity, passphrase) + identity.cert_pem)

    def cert_file(self, identity: Identity, name: str = "client.crt") -> Path:
        """Certificate and chain without the key, PEM."""
        return self.write(name, identity.cert_pem)

    def cert_der(self, identity: Identity, name: str = "client.der") -> Path:
        """The certificate alone, DER: a form that Poetry and requests do not read."""
        return self.write(name, identity.cert.public_bytes(Encoding.DER))

    def key_file(
        self,
        identity: Identity,
        name: str = "client.key",
        *,
        passphrase: str | None = None,
        traditional: bool = False,
    ) -> Path:
        """The key alone, PEM; encrypted with ``passphrase``.

        :param traditional: OpenSSL's own format (``EC PRIVATE KEY``, encrypted with ``Proc-Type``)
        and not PKCS#8.
        """
        return self.write(name, key_pem(identity, passphrase, traditional=traditional))

    def pkcs12_file(
        self,
        identity: Identity,
        name: str = "client.p12",
        *,
        passphrase: str | None = None,
        authorities: Iterable[Authority] = (),
        with_key: bool = True,
    ) -> Path:
        """A PKCS#12 store of the identity and its chain.

        :param passphrase: ``None`` writes it without encryption.
        :param authorities: roots to put in as well, as browsers do on export.
        :param with_key: ``False`` leaves the private key out.
        """
        extra = [*identity.chain, *(authority.cert for authority in authorities)]
        key = identity.key if with_key else None
        cert = identity.cert if with_key else None
        cas = extra if with_key else [identity.cert, *extra]
        label = identity.common_name.encode()
        return self.write(
            name,
            pkcs12.serialize_key_and_certificates(label, key, cert, cas, _encryption(passphrase)),
        )


def key_pem(
    identity: Identity, passphrase: str | None = None, *, traditional: bool = False
) -> bytes:
    """The private key as PEM, PKCS#8 or OpenSSL's traditional format, encrypted where a passphrase
    is given.
    """
    form = PrivateFormat.TraditionalOpenSSL if traditional else PrivateFormat.PKCS8
    return identity.key.private_bytes(Encoding.PEM, form, _encryption(passphrase))


def server_context(
    identity: Identity,
    ca_for_clients: Authority | None = None,
    *,
    require: bool = True,
    minimum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2,
    maximum: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED,
) -> ssl.SSLContext:
    """What a test server speaks TLS with.

    :param ca_for_clients: asks clients for a certificate of this authority.
    :param require: whether a client without one is refused; else it may come without (and is
    refused with a bad one).
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = minimum
    context.maximum_version = maximum
    identity.load_into(context)
    if ca_for_clients is not None:
        ca_for_clients.trust(context)
        context.verify_mode = ssl.CERT_REQUIRED if require else ssl.CERT_OPTIONAL
    return context


def client_context(
    authority: Authority, identity: Identity | None = None, *, maximum: ssl.TLSVersion | None = None
) -> ssl.SSLContext:
    """A client's side for the tests of the servers themselves: trusts ``authority`` only, offers
    ``identity``.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.trust(context)
    if identity is not None:
        identity.load_into(context)
    if maximum is not None:
        context.maximum_version = maximum
    return context


def _new_key(key_type: str) -> PrivateKey:
    if key_type == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1())


def _build(
    subject: x509.Name,
    key: PrivateKey,
    issuer: Authority | None,
    extensions: Iterable[tuple[x509.ExtensionType, bool]],
    valid: tuple[float, float],
) -> x509.Certificate:
    now = datetime.now(timezone.utc)
    start, end = (now + days * DAY for days in valid)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.cert.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(issuer.key if issuer else key, hashes.SHA256())


def _ca_extensions(
    key: PrivateKey, issuer: x509.Certificate | None, proper: bool
) -> list[tuple[x509.ExtensionType, bool]]:
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=True, path_length=None), True)
    ]
    if proper:
        extensions.append((_key_usage(ca=True), True))
        extensions.append((x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False))
        if issuer is not None:
            extensions.append((_authority_key_identifier(issuer), False))
    return extensions


def _authority_key_identifier(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _key_usage(ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "poetry-repo-plugin tests"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(cert: x509.Certificate) -> bytes:
    return cert.public_bytes(Encoding.PEM)


def _encryption(passphrase: str | None) -> KeySerializationEncryption:
    return NoEncryption() if passphrase is None else BestAvailableEncryption(passphrase.encode())
