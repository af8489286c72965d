"""What a file may hold, and how it is told that it does not do."""

from __future__ import annotations

import base64
import os
import ssl
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID

from poetry_repo_plugin.core.errors import Cause, Failure, Subject
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.tls.certificate import describe, facts_of
from poetry_repo_plugin.tls.identity import ClientIdentity, apply_pem, expiry_of, load_identity
from poetry_repo_plugin.tls.settings import MAX_BYTES, AskPassphrase, day, parsing, read_file
from poetry_repo_plugin.tls.trust import load_ca
from tests import certs as factory
from tests.certs import CLIENT_AUTH, SERVER_AUTH, Authority, CertificateFactory

NOW = datetime.now(timezone.utc)


def in_days(days: float) -> str:
    return day(NOW + timedelta(days=days))


def refused_ca(path: Path, now: datetime | None = None) -> str:
    with pytest.raises(Failure) as caught:
        load_ca(path, now=now)
    assert caught.value.cause is Cause.TLS_FILE_INVALID
    assert str(path) in caught.value.detail
    return caught.value.detail.replace(str(path), "PATH")


def refused_identity(
    cause: Cause,
    cert: Path,
    key: Path | None = None,
    ask: AskPassphrase | None = None,
    *,
    named: Path | None = None,
) -> str:
    with pytest.raises(Failure) as caught:
        load_identity(cert, key, ask)
    assert caught.value.cause is cause
    assert str(named or cert) in caught.value.detail
    return caught.value.detail.replace(str(cert), "CERT").replace(str(key), "KEY")


def signless(name: str, *hosts: str) -> factory.Identity:
    """A self-signed certificate that calls itself a CA and may not sign certificates."""
    key = factory._new_key("ec")
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=True, path_length=None), True),
        (factory._key_usage(ca=False), True),
    ]
    if hosts:
        extensions.append(
            (x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), False)
        )
    return factory.Identity(
        factory._build(factory._name(name), key, None, extensions, (-1, 365)), key
    )


class TestCa:
    def test_a_root_is_taken_without_a_word(self, certs: CertificateFactory) -> None:
        bundle = load_ca(certs.ca_file())
        assert [facts.name for facts in bundle.facts] == ["Test root"]
        assert bundle.facts[0].is_ca
        assert bundle.facts[0].self_signed
        assert bundle.warnings() == []

    def test_der_is_known_by_its_content(self, certs: CertificateFactory) -> None:
        path = certs.write("ca.pem", certs.ca.cert.public_bytes(Encoding.DER))
        assert [facts.name for facts in load_ca(path).facts] == ["Test root"]

    def test_text_around_the_blocks_does_not_matter(self, certs: CertificateFactory) -> None:
        path = certs.write(
            "ca.pem", b"# our CA\r\n" + certs.ca.pem.replace(b"\n", b"\r\n") + b"\n\nthe end"
        )
        assert len(load_ca(path).certificates) == 1

    def test_openssl_trusted_certificates_are_read(self, certs: CertificateFactory) -> None:
        der = certs.ca.cert.public_bytes(Encoding.DER) + bytes.fromhex(
            "300c300a06082b06010505070301"
        )
        text = (
            b"-----BEGIN TRUSTED CERTIFICATE-----\n"
            + base64.encodebytes(der)
            + b"-----END TRUSTED CERTIFICATE-----\n"
        )
        bundle = load_ca(certs.write("ca.pem", text))
        assert bundle.certificates == [certs.ca.cert.public_bytes(Encoding.DER)]

    def test_a_directory_of_hashed_certificates_is_a_bundle(
        self, certs: CertificateFactory
    ) -> None:
        folder = certs.directory / "capath"
        folder.mkdir()
        (folder / "0a1b2c3d.0").write_bytes(certs.ca.pem)
        (folder / "0a1b2c3e.0").write_bytes(certs.other_ca.pem)
        (folder / "0a1b2c3f.0").write_bytes(b"OpenSSL passes over this")
        (folder / "README").write_bytes(b"and over this")
        assert [facts.name for facts in load_ca(folder).facts] == ["Test root", "Another root"]

    def test_a_directory_of_anything_else_is_not(self, certs: CertificateFactory) -> None:
        certs.ca_file()
        assert "openssl rehash" in refused_ca(certs.directory)

    def test_a_servers_certificate_is_no_ca(self, certs: CertificateFactory) -> None:
        message = refused_ca(certs.cert_file(certs.server("pypi.corp")))
        assert message == (
            "the CA bundle PATH holds no CA but the certificate of pypi.corp;"
            " the one of its issuer, Test root, is needed"
        )

    def test_a_self_signed_server_is_trusted_for_itself(self, certs: CertificateFactory) -> None:
        bundle = load_ca(certs.write("self.pem", self_signed_server().cert_pem))
        assert "only that server is trusted" in bundle.warnings()[0]

    def test_a_ca_that_may_not_sign_is_refused(self, certs: CertificateFactory) -> None:
        """Its key usage is for everything but certificates; one of a server vouches for itself all
        the same.
        """
        message = refused_ca(certs.write("no-sign.pem", signless("Odd root").cert_pem))
        assert (
            message
            == "the CA bundle PATH cannot vouch for a server: the key usage of Odd root lacks keyCertSign"
        )
        bundle = load_ca(certs.write("own.pem", signless("localhost", "localhost").cert_pem))
        assert [facts.may_issue for facts in bundle.facts] == [False]
        beside = certs.write("both.pem", signless("Odd root").cert_pem + certs.ca.pem)
        assert len(load_ca(beside).facts) == 2

    def test_an_expired_ca_is_refused_with_its_date(self, certs: CertificateFactory) -> None:
        path = certs.ca_file(Authority.root("Old root", valid=(-30, -2)))
        assert (
            refused_ca(path)
            == f"the CA bundle PATH has expired: Old root was valid until {in_days(-2)}"
        )

    def test_an_expired_ca_beside_a_good_one_is_a_warning(self, certs: CertificateFactory) -> None:
        path = certs.ca_file(certs.ca, Authority.root("Old root", valid=(-30, -2)))
        assert load_ca(path).warnings() == [
            f"1 of 2 CAs in {path} have expired (Old root, {in_days(-2)})"
        ]

    def test_a_ca_of_tomorrow_is_refused(self, certs: CertificateFactory) -> None:
        message = refused_ca(certs.ca_file(Authority.root("New root", valid=(2, 30))))
        assert message == f"the CA bundle PATH is not valid yet: New root begins on {in_days(2)}"

    def test_a_ca_that_expires_soon_is_a_warning(self, certs: CertificateFactory) -> None:
        path = certs.ca_file(Authority.root("Brief root", valid=(-1, 20)))
        assert load_ca(path).warnings() == [f"the CA Brief root in {path} expires on {in_days(20)}"]

    def test_an_intermediate_alone_is_told_where_python_wants_the_root(
        self, certs: CertificateFactory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = certs.ca_file(certs.ca.intermediate("Below"))
        monkeypatch.setattr("sys.version_info", (3, 12, 0))
        assert (
            "before Python 3.13 the root is needed as well (the issuer of Below: Test root)"
            in load_ca(path).warnings()[0]
        )
        monkeypatch.setattr("sys.version_info", (3, 13, 0))
        assert load_ca(path).warnings() == []

    def test_a_private_key_is_no_ca(self, certs: CertificateFactory) -> None:
        path = certs.key_file(certs.client())
        assert refused_ca(path) == "the CA bundle PATH holds a private key and no certificate"

    def test_a_private_key_beside_the_ca_is_a_warning(self, certs: CertificateFactory) -> None:
        path = certs.write("ca.pem", certs.ca.pem + certs.client().key_pem)
        assert "also holds a private key" in load_ca(path).warnings()[0]

    def test_pkcs12_is_no_ca(self, certs: CertificateFactory) -> None:
        assert "is a PKCS#12 file" in refused_ca(certs.pkcs12_file(certs.client(), passphrase="x"))

    @pytest.mark.parametrize(
        ("content", "why"),
        [
            (b"", "is empty"),
            (b" \n", "is empty"),
            (b"hello", "holds no certificate: it is neither PEM nor DER"),
            (
                "-----BEGIN CERTIFICATE-----".encode("utf-16"),
                "holds no certificate: it is UTF-16 text",
            ),
            (b"-----BEGIN CERTIFICATE-----\nabc", "holds no certificate (no complete PEM block)"),
            (b"0\x03\x04\x01\x00", "holds no certificate: it is neither PEM nor DER"),
            (
                b"0\x0b\x06\x09*\x86H\x86\xf7\r\x01\x07\x02",
                "holds no certificate: it is a PKCS#7 file",
            ),
            (
                b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
                "holds no certificate (CERTIFICATE REQUEST)",
            ),
            (
                b"-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n",
                "is damaged: certificate 1 of 1 is not base64",
            ),
            (
                b"-----BEGIN CERTIFICATE-----\nMAMCAQA=\n-----END CERTIFICATE-----\n",
                "is damaged: certificate 1 of 1 is not a certificate",
            ),
        ],
    )
    def test_what_is_no_bundle_is_told(
        self, certs: CertificateFactory, content: bytes, why: str
    ) -> None:
        assert refused_ca(certs.write("ca.pem", content)) == f"the CA bundle PATH {why}"

    def test_a_missing_file_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(Failure, match=r"the CA bundle .*nowhere\.pem does not exist") as caught:
            load_ca(tmp_path / "nowhere.pem")
        assert caught.value.cause is Cause.TLS_FILE_MISSING

    @pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
    def test_what_is_no_file_never_blocks(self, tmp_path: Path) -> None:
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        assert refused_ca(pipe) == "the CA bundle PATH is not a file"

    def test_a_path_that_no_system_takes_is_told(self) -> None:
        with pytest.raises(Failure) as caught:
            read_file(Path("/tmp/a\0b"), Subject.CA)
        assert caught.value.cause in (Cause.TLS_FILE_INVALID, Cause.TLS_FILE_MISSING)

    @pytest.mark.parametrize("kind", ["file", "directory"])
    def test_what_is_unreadable_is_told(
        self, certs: CertificateFactory, kind: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Said by a stand-in: the tests may run as root, who reads everything."""

        def deny(*_: object) -> None:
            raise PermissionError(13, "Permission denied")

        path = certs.ca_file()
        monkeypatch.setattr(Path, "open" if kind == "file" else "iterdir", deny)
        refused = refused_ca(path if kind == "file" else certs.directory)
        assert refused == "the CA bundle PATH cannot be read: Permission denied"

    def test_a_file_without_end_is_not_read_whole(self, certs: CertificateFactory) -> None:
        path = certs.write("huge.pem", b"x" * (MAX_BYTES + 1))
        assert "is larger than 2 MB" in refused_ca(path)

    def test_a_malformed_certificate_that_openssl_takes_is_a_warning(
        self, certs: CertificateFactory
    ) -> None:
        """A bundle that plain Poetry accepts is accepted."""
        der = certs.server().cert.public_bytes(Encoding.DER)
        version_5 = der.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x04", 1)
        path = certs.write("ca.pem", certs.ca.pem + pem_of(version_5))
        bundle = load_ca(path)
        assert len(bundle.certificates) == 2
        assert bundle.warnings() == [f"certificate 2 of 2 in the CA bundle {path} is malformed"]

    def test_one_that_not_even_openssl_takes_is_refused(self, certs: CertificateFactory) -> None:
        """Not even if the next one completes it: its signature is not looked at."""
        der = certs.other_ca.cert.public_bytes(Encoding.DER)
        for cut in range(1, 60):
            path = certs.write("ca.pem", certs.ca.pem + pem_of(der[:-cut]) + certs.other_ca.pem)
            assert (
                refused_ca(path)
                == "the CA bundle PATH is damaged: certificate 2 of 3 is not a certificate"
            )


def pem_of(der: bytes) -> bytes:
    return (
        b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der) + b"-----END CERTIFICATE-----\n"
    )


def self_signed_server() -> factory.Identity:
    key = factory._new_key("ec")
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (x509.SubjectAlternativeName([x509.DNSName("localhost")]), False),
        (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
    ]
    return factory.Identity(
        factory._build(factory._name("localhost"), key, None, extensions, (-1, 365)), key
    )


class TestIdentity:
    def test_the_facts_are_those_of_the_certificate(self, certs: CertificateFactory) -> None:
        alice = certs.client()
        identity = load_identity(certs.pem(alice))
        assert identity.facts.name == "alice"
        assert identity.facts.issuer_name == "Test root"
        assert identity.facts.sha256.replace(":", "").lower() == alice.fingerprint
        assert identity.facts.days_left() == 364
        assert not identity.facts.is_ca
        assert identity.warnings == ()
        assert "BEGIN" not in repr(identity)

    def test_the_chain_keeps_its_order(self, certs: CertificateFactory) -> None:
        lower = certs.ca.intermediate("upper").intermediate("lower")
        alice = lower.client()
        for path in (certs.pem(alice), certs.pkcs12_file(alice, authorities=[certs.ca])):
            names = [describe(certificate).name for certificate in load_identity(path).chain]
            assert names[:3] == ["alice", "lower", "upper"]

    def test_a_key_of_its_own_wins_over_the_one_inside(self, certs: CertificateFactory) -> None:
        alice = certs.client()
        both = certs.pem(alice.with_key_of(certs.client()))
        assert load_identity(both, certs.key_file(alice)).facts.name == "alice"

    def test_a_certificate_without_a_key(self, certs: CertificateFactory) -> None:
        message = refused_identity(Cause.CLIENT_KEY_MISSING, certs.cert_file(certs.client()))
        assert message == "the client certificate CERT comes without its private key"

    def test_pkcs12_that_is_cut_off(self, certs: CertificateFactory) -> None:
        """Not taken for one with another passphrase, which would be asked for in vain."""
        whole = certs.pkcs12_file(certs.client(), passphrase="x").read_bytes()
        path = certs.write("half.p12", whole[: len(whole) // 2])
        message = refused_identity(Cause.TLS_FILE_INVALID, path, ask=lambda: Secret("x"))
        assert message == "the client certificate CERT is cut off: its end is missing"
        with pytest.raises(Failure, match="cut off"):
            facts_of(path)

    def test_nothing_of_another_language_s_innards_is_shown(
        self, certs: CertificateFactory
    ) -> None:
        der = certs.client().cert.public_bytes(Encoding.DER)
        broken = base64.encodebytes(der[:-40])
        path = certs.write(
            "b.pem", b"-----BEGIN CERTIFICATE-----\n" + broken + b"-----END CERTIFICATE-----\n"
        )
        with pytest.raises(Failure, match="cannot be parsed") as caught:
            facts_of(path)
        assert "{" not in caught.value.detail

    def test_pkcs12_without_a_key(self, certs: CertificateFactory) -> None:
        path = certs.pkcs12_file(certs.client(), with_key=False)
        assert "without its private key" in refused_identity(Cause.CLIENT_KEY_MISSING, path)

    def test_a_key_file_without_a_key(self, certs: CertificateFactory) -> None:
        cert, key = certs.cert_file(certs.client()), certs.ca_file()
        message = refused_identity(Cause.CLIENT_KEY_MISSING, cert, key, named=key)
        assert message == "the client key KEY holds a certificate and no private key"
        key = certs.write("key.pem", b"nothing")
        message = refused_identity(Cause.CLIENT_KEY_MISSING, cert, key, named=key)
        assert message == "the client key KEY holds no private key"

    def test_the_key_in_the_place_of_the_certificate(self, certs: CertificateFactory) -> None:
        key = certs.key_file(certs.client())
        message = refused_identity(Cause.TLS_FILE_INVALID, key)
        assert message == "the client certificate CERT holds a private key and no certificate"

    @pytest.mark.parametrize("separate", [True, False])
    def test_a_key_of_another_certificate(self, certs: CertificateFactory, separate: bool) -> None:
        wrong = certs.client_key_mismatch()
        cert = certs.cert_file(wrong) if separate else certs.pem(wrong)
        key = certs.key_file(wrong) if separate else None
        other = "the key KEY" if separate else "the key beside it"
        message = refused_identity(Cause.CLIENT_KEY_MISMATCH, cert, key)
        assert message == f"the client certificate CERT and {other} do not match"

    def test_an_expired_certificate_with_its_date(self, certs: CertificateFactory) -> None:
        message = refused_identity(Cause.CLIENT_CERT_EXPIRED, certs.pem(certs.client_expired()))
        assert message == f"the client certificate CERT (alice) expired on {in_days(-1)}"

    def test_a_certificate_of_tomorrow(self, certs: CertificateFactory) -> None:
        message = refused_identity(
            Cause.CLIENT_CERT_EXPIRED, certs.pem(certs.client_not_yet_valid())
        )
        assert message == f"the client certificate CERT (alice) is not valid before {in_days(1)}"

    def test_one_that_expires_within_30_days_is_told(self, certs: CertificateFactory) -> None:
        soon = certs.client(days=29.5)
        identity = load_identity(certs.pem(soon))
        assert identity.expires_soon
        ends = soon.cert.not_valid_after_utc.date()
        assert (
            expiry_of(identity.path, identity.facts)
            == f"the client certificate {identity.path} expires on {ends}"
        )
        assert not load_identity(certs.pem(certs.client(days=31.5))).expires_soon

    def test_one_for_servers_only_is_a_warning(self, certs: CertificateFactory) -> None:
        assert (
            "not issued for client authentication"
            in load_identity(certs.pem(certs.server())).warnings[0]
        )
        both = certs.ca.issue("both", usages=[SERVER_AUTH, CLIENT_AUTH])
        assert load_identity(certs.pem(both)).warnings == ()
        neither = certs.ca.issue("neither")
        assert load_identity(certs.pem(neither)).warnings == ()

    def test_missing_files(self, certs: CertificateFactory) -> None:
        nowhere = certs.directory / "nowhere.pem"
        assert "does not exist" in refused_identity(Cause.TLS_FILE_MISSING, nowhere)
        cert = certs.cert_file(certs.client())
        message = refused_identity(Cause.TLS_FILE_MISSING, cert, nowhere, named=nowhere)
        assert message == "the client key KEY does not exist"

    def test_an_ssh_key_is_told(self, certs: CertificateFactory) -> None:
        alice = certs.client()
        ssh = alice.key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
        key = certs.write("id_ecdsa", ssh)
        assert "holds an SSH key" in refused_identity(
            Cause.TLS_FILE_INVALID, certs.cert_file(alice), key, named=key
        )

    def test_der_keys(self, certs: CertificateFactory) -> None:
        alice = certs.client()
        for form in (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL):
            key = certs.write(
                "key.der", alice.key.private_bytes(Encoding.DER, form, NoEncryption())
            )
            assert load_identity(certs.cert_file(alice), key).facts.name == "alice"
        sealed = alice.key.private_bytes(
            Encoding.DER, PrivateFormat.PKCS8, factory._encryption("x")
        )
        key = certs.write("key.der", sealed)
        assert load_identity(certs.cert_file(alice), key, lambda: Secret("x")).facts.name == "alice"
        refused_identity(Cause.PASSPHRASE_MISSING, certs.cert_file(alice), key, named=key)

    def test_one_from_a_helper_is_checked_like_a_file(self, certs: CertificateFactory) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        for identity, cause in (
            (certs.client_expired(), Cause.CLIENT_CERT_EXPIRED),
            (certs.client_key_mismatch(), Cause.CLIENT_KEY_MISMATCH),
        ):
            with pytest.raises(Failure, match="the client certificate from the helper") as caught:
                apply_pem(context, identity.cert_pem.decode(), Secret(identity.key_pem.decode()))
            assert caught.value.cause is cause
        with pytest.raises(Failure) as caught:
            apply_pem(context, "no PEM", Secret("at all"))
        assert caught.value.cause is Cause.TLS_FILE_INVALID

    def test_der_may_be_followed_by_a_newline(self, certs: CertificateFactory) -> None:
        alice = certs.client()
        path = certs.write("client.der", alice.cert.public_bytes(Encoding.DER) + b"\n")
        facts = facts_of(path)
        assert facts is not None
        assert facts.name == "alice"
        assert load_identity(path, certs.key_file(alice)).facts == facts

    def test_a_key_of_an_unknown_kind_in_the_chain_does_not_matter(
        self, certs: CertificateFactory
    ) -> None:
        alice = certs.client()
        # the OID of EC keys, changed in its last number
        odd = certs.ca.cert.public_bytes(Encoding.DER).replace(
            bytes.fromhex("06072a8648ce3d0201"), bytes.fromhex("06072a8648ce3d027f")
        )
        block = (
            b"-----BEGIN CERTIFICATE-----\n"
            + base64.encodebytes(odd)
            + b"-----END CERTIFICATE-----\n"
        )
        assert (
            load_identity(certs.write("odd.pem", block + alice.cert_pem + alice.key_pem)).facts.name
            == "alice"
        )

    def test_the_key_may_come_from_pkcs12(self, certs: CertificateFactory) -> None:
        alice = certs.client()
        assert load_identity(certs.cert_file(alice), certs.pkcs12_file(alice)).facts.name == "alice"

    def test_pkcs12_without_a_certificate(self, certs: CertificateFactory) -> None:
        data = pkcs12.serialize_key_and_certificates(
            b"x", certs.client().key, None, None, NoEncryption()
        )
        assert "without a certificate" in refused_identity(
            Cause.TLS_FILE_INVALID, certs.write("x.p12", data)
        )

    def test_pkcs12_with_an_empty_passphrase_asks_nobody(self, certs: CertificateFactory) -> None:
        alice = certs.client()
        data = pkcs12.serialize_key_and_certificates(
            b"alice",
            alice.key,
            alice.cert,
            None,
            PrivateFormat.PKCS12.encryption_builder().build(b" "),
        )
        identity = load_identity(certs.write("x.p12", data), ask=lambda: Secret(" "))
        assert identity.facts.name == "alice"

    @pytest.mark.parametrize("form", ["pem", "key", "traditional", "pkcs12", "der"])
    def test_a_wrong_passphrase_is_asked_for_once_and_told(
        self, certs: CertificateFactory, form: str
    ) -> None:
        asked: list[str] = []

        def ask() -> Secret:
            asked.append("once")
            return Secret("wrong")

        alice = certs.client()
        cert, key = certs.cert_file(alice), None
        if form == "pem":
            cert = certs.pem(alice, passphrase="right")
        elif form == "pkcs12":
            cert = certs.pkcs12_file(alice, passphrase="right")
        elif form == "der":
            sealed = alice.key.private_bytes(
                Encoding.DER, PrivateFormat.PKCS8, factory._encryption("right")
            )
            key = certs.write("key.der", sealed)
        else:
            key = certs.key_file(alice, passphrase="right", traditional=form == "traditional")
        message = refused_identity(Cause.PASSPHRASE_WRONG, cert, key, ask, named=key or cert)
        assert message.startswith("the passphrase does not open the client")
        assert asked == ["once"]

    def test_the_longest_passphrase(self, certs: CertificateFactory) -> None:
        """OpenSSL's own reader stops at 1,024 bytes."""
        passphrase = "a" * 1023
        path = certs.pem(certs.client(), passphrase=passphrase)
        load_identity(path, None, lambda: Secret(passphrase)).apply(
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        )

    def test_a_key_that_only_openssls_legacy_provider_opens(
        self, certs: CertificateFactory
    ) -> None:
        """PBE with MD5 and DES, as Java and old OpenSSL write it; cryptography opens it and OpenSSL
        3 does not.
        """
        path = certs.write("legacy.pem", LEGACY_KEY)
        identity = load_identity(path, None, lambda: Secret("right"))
        identity.apply(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        assert identity.facts.name == "legacy"

    def test_a_cipher_that_nobody_opens_is_not_called_a_wrong_passphrase(
        self, certs: CertificateFactory
    ) -> None:
        key = certs.write("des.pem", DES_KEY)
        cert = certs.cert_file(certs.client())
        message = refused_identity(
            Cause.TLS_FILE_INVALID, cert, key, lambda: Secret("right"), named=key
        )
        assert (
            "is encrypted in a way that is not supported (Key encrypted with unknown cipher.)"
            in message
        )

    def test_the_passphrase_never_shows(self, certs: CertificateFactory) -> None:
        path = certs.pkcs12_file(certs.client(), passphrase="hunter2")
        identity: ClientIdentity = load_identity(path, None, lambda: Secret("hunter2"))
        assert "hunter2" not in repr(identity) + repr(identity.key)


class TestFacts:
    def test_a_listing_needs_no_key_and_no_passphrase(self, certs: CertificateFactory) -> None:
        alice = certs.client_with_chain()
        for path in (
            certs.pem(alice, passphrase="secret"),
            certs.cert_file(alice),
            certs.cert_der(alice),
            certs.pkcs12_file(alice, name="open.p12"),
            certs.write("backwards.pem", certs.ca.pem + alice.cert_pem),
        ):
            facts = facts_of(path)
            assert facts is not None
            assert facts.name == "alice"

    def test_sealed_pkcs12_shows_nothing_until_it_is_opened(
        self, certs: CertificateFactory
    ) -> None:
        path = certs.pkcs12_file(certs.client(), passphrase="right")
        assert facts_of(path) is None
        assert facts_of(path, Secret("wrong")) is None
        facts = facts_of(path, Secret("right"))
        assert facts is not None
        assert facts.name == "alice"

    @pytest.mark.parametrize(
        "content", [b"hello", b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"]
    )
    def test_what_is_no_certificate_is_told(
        self, certs: CertificateFactory, content: bytes
    ) -> None:
        with pytest.raises(Failure) as caught:
            facts_of(certs.write("client.pem", content))
        assert caught.value.cause is Cause.TLS_FILE_INVALID

    def test_pkcs12_without_a_certificate_is_told(self, certs: CertificateFactory) -> None:
        data = pkcs12.serialize_key_and_certificates(
            b"x", certs.client().key, None, None, NoEncryption()
        )
        with pytest.raises(Failure, match="holds no certificate"):
            facts_of(certs.write("x.p12", data))

    def test_names_and_days(self, certs: CertificateFactory) -> None:
        facts = describe(certs.server("pypi.corp", "10.0.0.1").cert)
        assert facts.sans == ("pypi.corp", "10.0.0.1")
        assert facts.subject == "CN=pypi.corp,O=poetry-repo-plugin tests"
        assert len(facts.sha256) == 95
        assert facts.not_after.tzinfo is timezone.utc
        assert facts.days_left(facts.not_after - timedelta(hours=1)) == 0
        assert facts.days_left(facts.not_after + timedelta(hours=1)) == -1
        assert not facts.expired(facts.not_after)
        assert facts.expired(facts.not_after + timedelta(seconds=1))

    def test_one_without_a_common_name_is_called_by_its_host(
        self, certs: CertificateFactory
    ) -> None:
        builder = factory._build(x509.Name([]), factory._new_key("ec"), certs.ca, [], (-1, 30))
        assert describe(builder).name == ""
        sans: list[tuple[x509.ExtensionType, bool]] = [
            (
                x509.SubjectAlternativeName([x509.DNSName("a.example"), x509.DNSName("b.example")]),
                True,
            )
        ]
        named = describe(
            factory._build(x509.Name([]), factory._new_key("ec"), certs.ca, sans, (-1, 30))
        )
        assert named.name == "a.example"

    def test_a_comma_in_a_name_is_part_of_it(self, certs: CertificateFactory) -> None:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Corp, Inc.")])
        assert (
            describe(factory._build(name, factory._new_key("ec"), certs.ca, [], (-1, 30))).name
            == "Corp, Inc."
        )

    def test_a_namesake_of_its_issuer_is_not_self_signed(self, certs: CertificateFactory) -> None:
        namesake = factory._build(
            certs.ca.cert.subject, factory._new_key("ec"), certs.ca, [], (-1, 30)
        )
        facts = describe(namesake)
        assert facts.subject == facts.issuer
        assert not facts.self_signed

    def test_an_old_root_whose_signature_nobody_checks_any_more_is_self_signed(self) -> None:
        assert describe(x509.load_pem_x509_certificate(MD5_ROOT)).self_signed

    def test_a_v1_root_is_a_ca(self) -> None:
        facts = describe(x509.load_pem_x509_certificate(V1_ROOT))
        assert facts.is_ca
        assert facts.self_signed
        assert facts.name == "Version 1 root"


V1_ROOT = b"""-----BEGIN CERTIFICATE-----
MIIBLjCB1QIUNZNjV8uujuDLHPBDxVWVJLBxnW4wCgYIKoZIzj0EAwIwGTEXMBUG
A1UEAwwOVmVyc2lvbiAxIHJvb3QwIBcNMjYxMTIyMDg1ODU2WhgPMjEyNjEwMjkw
ODU4NTZaMBkxFzAVBgNVBAMMDlZlcnNpb24gMSByb290MFkwEwYHKoZIzj0CAQYI
KoZIzj0DAQcDQgAEyMJGsAcijtjxCcQGYrTNnh8Kt3lSqSRcYY3x+1upKRV+DnUO
PurH+kKaN/wIjl0TgXtnlqdjFOrB0jAXV6jAPDAKBggqhkjOPQQDAgNIADBFAiAh
tn/BVWX7rncua00+8xG6duXT0Cqc7fcfDRoHyll3pAIhAJhy0qzG+SI0JKqN+BxU
mdZJVTbgsRCf+qsga9M9F+0k
-----END CERTIFICATE-----
"""

LEGACY_KEY = b"""
-----BEGIN ENCRYPTED PRIVATE KEY-----
MIGwMBsGCSqGSIb3DQEFAzAOBAiczDagBBlgzgICCAAEgZBp2AOg0AjlANXQkTZ7
2oleRsdXHj3TQrhSVBkjRUioOtM0EilYqzQ3dt1Hdf1lucR0C6ZvzWoaMITMycMr
SYcsX6egKwibs9YxH31JIE694bZzTUmoax18IRIjZuqGiKZYmQ7EUs/drVNsVQEY
81c6LLqI7QehgC02qwFxD8KFzokBKUsXrx36jth8qL5zCTk=
-----END ENCRYPTED PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBeTCCAR+gAwIBAgIUcsPKWHEbjZUewbvbUrNZypfaHBQwCgYIKoZIzj0EAwIw
ETEPMA0GA1UEAwwGbGVnYWN5MCAXDTI2MTEyMjA5MDAxMFoYDzIxMjYxMDI5MDkw
MDEwWjARMQ8wDQYDVQQDDAZsZWdhY3kwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AARVs1OZ4unTgM8jLIsC9FsDyZ8q7XvqTUD3W0D+6k1BXGUx63pUrLo2qkpzlRFh
RrRsbE5waXc96D7pOzaEbKuMo1MwUTAdBgNVHQ4EFgQU0pi/lAxGNdouPYs9ouHF
B1lEqTYwHwYDVR0jBBgwFoAU0pi/lAxGNdouPYs9ouHFB1lEqTYwDwYDVR0TAQH/
BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiBEuCiz+sb0AQkCT8pfZJDZ915JAjVV
k5UOriCp34ZsRwIhAO8QJtCS75r3cOLE0pIVMohLAgsA6SdX9Rge0HCJV+9E
-----END CERTIFICATE-----
"""

DES_KEY = b"""
-----BEGIN EC PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED
DEK-Info: DES-CBC,1DF63276C34953AD

ylUnRimc5WQuhIJbLIpPSOolVjl7N1AF96VPQqQ37GFxDcqZP7HTvz/5M1qS/Nwr
9zYA47qe8296DqGjfVQyLp4BbVewcFXVtSPsn0p3e/s7LdAovhMCBxVOrdbC+b2S
9ogkrmY88M2T0o794p3nYf40trtou56LPYv/u80qWUo=
-----END EC PRIVATE KEY-----
"""

MD5_ROOT = b"""-----BEGIN CERTIFICATE-----
MIIDCTCCAfGgAwIBAgIUe4dti1FniEHT/EQ55n5o08ffpF8wDQYJKoZIhvcNAQEE
BQAwEzERMA8GA1UEAwwITUQ1IHJvb3QwIBcNMjYxMTIyMDkxMTQyWhgPMjEyNjEw
MjkwOTExNDJaMBMxETAPBgNVBAMMCE1ENSByb290MIIBIjANBgkqhkiG9w0BAQEF
AAOCAQ8AMIIBCgKCAQEAqdo3hLwSOvjq5H7fhBhq+zeESfkiG+kkoYXSW5EQGh93
ku6/EY99QpfL69iZtHXW9XTtkilhTlWgDpp+nkHxR+iJ7bV0onFsAiwi1uiS3/kF
o94MHjRQiq1jjhOy3oDtPUIzLJhv3IyeMnI1XZ8OFiDcjjdB7ZCPi2JkTtq0g9KF
PI/Wjsbre0CtI1wU9cCGh0xJx45Zq9CnztPMbD2Ivtww8r/G9/9KxWwMe+I0MoRQ
M/qcLQ1WIFMG9QDFFlVOR+CYVt1U/SUXFeVmSq2qE8kK+dz0aRwbigvrT/aVnV6e
/lRheQ1IqRB99UDxJGFkUITuYlkUC+fPxv8d4VG5NwIDAQABo1MwUTAdBgNVHQ4E
FgQUQ15/hJR+M4B0G01jBO1WykfbiagwHwYDVR0jBBgwFoAUQ15/hJR+M4B0G01j
BO1WykfbiagwDwYDVR0TAQH/BAUwAwEB/zANBgkqhkiG9w0BAQQFAAOCAQEAUsny
y9uvWWXuya2Ghh5LqE0nAmEjxvdBohYmX6u6v/vDB3ccsuSZzPXTvl/feBmSy8jz
9NuQVfpBrgVROPrKlvkNp3+/8LrLBhVW0P06KNra52hg5Hi5zisGeBcq5Fm3ME4w
Sth9g5rSGcIQZ9Tnj6NNBziao+i3yiXUXqnhihhvt0wvl1IFETDForPXocU1NGcZ
6TeRzLysi92+axM/VVgjtmN8gRi/UQhLmgd95CMLX+AwzVzk2DXmEBtwzCPUAjkx
bRFffRXrqC7YIVsy04QUotPClsMiBKgC42hUu6ilZDNPcQrOqH6xoVh7g0YfXeFg
eKEv6sftNWGnbts35w==
-----END CERTIFICATE-----
"""


class TestParsing:
    def test_a_panic_of_cryptography_is_a_file_that_cannot_be_understood(
        self, tmp_path: Path
    ) -> None:
        """Its Rust half raises a ``BaseException`` for some damaged keys."""
        panic = type("PanicException", (BaseException,), {"__module__": "pyo3_runtime"})
        with pytest.raises(Failure) as caught, parsing(tmp_path / "client.key", Subject.CLIENT_KEY):
            raise panic("index out of range")
        assert caught.value.cause is Cause.TLS_FILE_INVALID

    def test_twin_ctrl_c_is_none(self, tmp_path: Path) -> None:
        with pytest.raises(KeyboardInterrupt), parsing(tmp_path / "client.key", Subject.CLIENT_KEY):
            raise KeyboardInterrupt
