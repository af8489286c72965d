"""The way of nearly every run: OpenSSL takes the files by itself, and nothing that is wrong with them slips through."""

from __future__ import annotations

import ssl
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import example, given
from hypothesis import strategies as st

from poetry_repo_plugin.core.errors import Cause
from poetry_repo_plugin.tls.context import build_context
from poetry_repo_plugin.tls.pem import values
from poetry_repo_plugin.tls.plain import identify, trust, validity_of
from poetry_repo_plugin.tls.settings import MaterialError, TlsSettings
from tests.certs import Authority, CertificateFactory, Identity

Files = Callable[[CertificateFactory], tuple[Path, Path | None]]

_AUTHORITY = Authority.root()
_WHOLE = _AUTHORITY.cert.public_bytes(Encoding.DER)
_FROM, _UNTIL = datetime(1950, 1, 1), datetime(9999, 12, 31, 23, 59, 59)


def context() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def bundle(*authorities: Authority) -> bytes:
    return b"".join(authority.pem for authority in authorities)


def lasting(begin: datetime, end: datetime) -> bytes:
    builder = x509.CertificateBuilder().subject_name(_AUTHORITY.cert.subject).issuer_name(_AUTHORITY.cert.subject)
    builder = builder.public_key(_AUTHORITY.key.public_key()).serial_number(2**100)
    return (
        builder.not_valid_before(begin)
        .not_valid_after(end)
        .sign(_AUTHORITY.key, hashes.SHA256())
        .public_bytes(Encoding.DER)
    )


moments = st.datetimes(_FROM, _UNTIL).map(lambda moment: moment.replace(microsecond=0))


@given(moments, moments)
@example(_FROM, _UNTIL)
@example(datetime(2049, 12, 31, 23, 59, 59), datetime(2050, 1, 1))  # RFC 5280, 4.1.2.5: another type from 2050 on
@example(datetime(1969, 12, 31, 23, 59, 59), datetime(2000, 2, 29))
def test_until_when_a_certificate_is_valid_is_read_as_cryptography_reads_it(one: datetime, other: datetime) -> None:
    begin, end = sorted((one, other))
    found = validity_of(lasting(begin, end))
    assert found == tuple(moment.replace(tzinfo=timezone.utc).timestamp() for moment in (begin, end))


@given(st.binary(max_size=200) | st.integers(1, 400).map(lambda cut: _WHOLE[:-cut]))
def test_what_is_no_whole_certificate_has_no_validity(data: bytes) -> None:
    assert validity_of(data) is None
    assert all(isinstance(content, bytes) for _, content in values(data))


@pytest.mark.parametrize(
    "written", [b"\x17\x0d991231235959Z", b"\x18\x0f20991231235959Z"], ids=["UTCTime", "GeneralizedTime"]
)
@pytest.mark.parametrize("odd", [b"", b"+0100", b".5Z", b"99Z"], ids=["no zone", "offset", "fraction", "more digits"])
def test_a_time_that_rfc_5280_does_not_allow_is_left_to_cryptography(written: bytes, odd: bytes) -> None:
    def certificate(time: bytes) -> bytes:
        def sequence(content: bytes) -> bytes:
            return b"\x30\x82" + len(content).to_bytes(2, "big") + content

        times = sequence(time + time)
        return sequence(sequence(b"\x02\x01\x01" + sequence(b"") + sequence(b"") + times))

    assert validity_of(certificate(written)) is not None
    content = written[2:-1] + odd
    assert validity_of(certificate(written[:1] + bytes([len(content)]) + content)) is None
    assert validity_of(certificate(written.replace(b"1231", b"1331"))) is None


class TestTrust:
    @pytest.mark.parametrize(
        ("content", "plain"),
        [
            (lambda: bundle(Authority.root()), True),
            (lambda: bundle(Authority.root(proper=False)), True),
            (lambda: bundle(Authority.root(valid=(-9, -2)), Authority.root()), True),
            (lambda: bundle(Authority.root()) * 2, True),
            (lambda: bundle(Authority.root(valid=(-9, -2))), False),
            (lambda: bundle(Authority.root(valid=(2, 9))), False),
            (lambda: Authority.root().server().cert_pem, False),
            (lambda: b"-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n", False),
        ],
        ids=["a CA", "an old one", "one expired", "twice", "expired", "not yet", "a server's", "damaged"],
    )
    def test_a_ca_that_is_valid_now_is_all_it_takes(
        self, certs: CertificateFactory, content: Callable[[], bytes], plain: bool
    ) -> None:
        assert trust(context(), certs.write("ca.pem", content())) is plain

    def test_what_is_wrong_is_named_as_ever(self, certs: CertificateFactory) -> None:
        expired = certs.ca_file(Authority.root("Old root", valid=(-9, -2)))
        with pytest.raises(MaterialError, match="has expired: Old root"):
            build_context(TlsSettings(ca=expired))
        with pytest.raises(MaterialError, match="holds no CA but the certificate of"):
            build_context(TlsSettings(ca=certs.cert_file(certs.server())))
        assert build_context(TlsSettings(ca=certs.ca_file())).cert_store_stats()["x509_ca"] == 1


class TestIdentify:
    @pytest.mark.parametrize(
        ("made", "cause"),
        [
            (CertificateFactory.client, None),
            (CertificateFactory.client_with_chain, None),
            (CertificateFactory.client_expired, Cause.CLIENT_CERT_EXPIRED),
            (CertificateFactory.client_not_yet_valid, Cause.CLIENT_CERT_EXPIRED),
            (CertificateFactory.client_key_mismatch, Cause.CLIENT_KEY_MISMATCH),
        ],
    )
    @pytest.mark.parametrize("separate", [False, True], ids=["one file", "two files"])
    def test_what_is_not_in_order_is_found_before_connecting(
        self, certs: CertificateFactory, made: Callable[[CertificateFactory], Identity], cause: Cause, separate: bool
    ) -> None:
        alice = made(certs)
        cert, key = (certs.cert_file(alice), certs.key_file(alice)) if separate else (certs.pem(alice), None)
        assert identify(context(), cert, key) is (cause is None)
        if cause is not None:
            with pytest.raises(MaterialError) as caught:
                build_context(TlsSettings(certs.ca_file(), cert, key))
            assert caught.value.cause is cause

    def test_one_that_ends_soon_is_looked_at(self, certs: CertificateFactory) -> None:
        """It is said in each run; and of one that lasts, only where everything is to be looked at."""
        seen: list[str] = []

        def build(days: float, closely: bool = False) -> list[str]:
            seen.clear()
            settings = TlsSettings(certs.ca_file(), certs.pem(certs.client(f"{days} days", days=days)))
            build_context(settings, seen=lambda identity: seen.append(identity.facts.name), closely=closely)
            return seen

        assert build(29) == ["29 days"]
        assert build(31) == []
        assert build(31, closely=True) == ["31 days"]

    def test_nobody_is_asked_for_a_passphrase(self, certs: CertificateFactory) -> None:
        alice = certs.client(key_type="rsa")
        cert = certs.cert_file(alice)
        for traditional in (False, True):
            key = certs.key_file(alice, passphrase="right", traditional=traditional)
            assert identify(context(), cert, key) is False
        assert identify(context(), certs.pkcs12_file(alice), None) is False
        assert identify(context(), cert, None) is False  # no key at all
        assert identify(context(), cert, certs.key_file(alice)) is True


def test_cryptography_is_not_loaded_for_what_openssl_takes(certs: CertificateFactory) -> None:
    """It takes 20 ms and 10 MB of every run (the issue allows 5 MB on top of plain Poetry)."""
    alice = certs.client()
    code = """
import sys
from pathlib import Path
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.tls.context import build_context
from poetry_repo_plugin.tls.settings import TlsSettings
ca, cert, key = map(Path, sys.argv[1:])
build_context(TlsSettings(ca, cert, key, lambda: Secret("right")))
print("cryptography" in sys.modules)
"""

    def loaded(key: Path) -> bool:
        command = [sys.executable, "-c", code, str(certs.ca_file()), str(certs.cert_file(alice)), str(key)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout == "True\n"

    assert not loaded(certs.key_file(alice))
    assert loaded(certs.key_file(alice, passphrase="right"))
