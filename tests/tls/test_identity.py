"""A client certificate that OpenSSL takes by itself: nearly every run, without ``cryptography``."""

from __future__ import annotations

import ssl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from poetry_repo_plugin.core.errors import Cause, Failure
from poetry_repo_plugin.tls.context import build_context
from poetry_repo_plugin.tls.identity import offer_plain_pem
from poetry_repo_plugin.tls.settings import TlsSettings
from tests.certs import CertificateFactory, Identity

MAKERS: list[tuple[Callable[[CertificateFactory], Identity], Cause | None]] = [
    (CertificateFactory.client, None),
    (lambda certs: certs.client(key_type="rsa"), None),
    (CertificateFactory.client_with_chain, None),
    (CertificateFactory.client_expired, Cause.CLIENT_CERT_EXPIRED),
    (CertificateFactory.client_not_yet_valid, Cause.CLIENT_CERT_EXPIRED),
    (CertificateFactory.client_key_mismatch, Cause.CLIENT_KEY_MISMATCH),
]


def context() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@pytest.mark.parametrize(("make", "cause"), MAKERS)
@pytest.mark.parametrize("separate", [False, True], ids=["one file", "two files"])
def test_a_bad_one_is_found_before_connecting(
    certs: CertificateFactory,
    make: Callable[[CertificateFactory], Identity],
    cause: Cause | None,
    separate: bool,
) -> None:
    alice = make(certs)
    cert, key = certs.pem(alice), None
    if separate:
        cert, key = certs.cert_file(alice), certs.key_file(alice)
    assert offer_plain_pem(context(), cert, key) is (cause is None)
    if cause is not None:
        with pytest.raises(Failure) as caught:
            build_context(TlsSettings(certs.ca_file(), cert, key))
        assert caught.value.cause is cause


def test_one_that_expires_soon_is_told_in_each_run(certs: CertificateFactory) -> None:
    """One that does not is told only to those who ask for every one."""
    seen: list[str] = []

    def build(days: float, closely: bool = False) -> list[str]:
        seen.clear()
        alice = certs.pem(certs.client(f"{days} days", days=days))
        settings = TlsSettings(certs.ca_file(), alice)
        build_context(
            settings, seen=lambda identity: seen.append(identity.facts.name), closely=closely
        )
        return seen

    assert build(29) == ["29 days"]
    assert build(31) == []
    assert build(31, closely=True) == ["31 days"]


def test_one_for_servers_is_left_to_those_who_can_tell(certs: CertificateFactory) -> None:
    assert offer_plain_pem(context(), certs.pem(certs.server()), None) is False
    build_context(TlsSettings(certs.ca_file(), certs.pem(certs.server())))


def test_nobody_is_asked_for_a_passphrase(certs: CertificateFactory) -> None:
    alice = certs.client(key_type="rsa")
    cert = certs.cert_file(alice)
    for traditional in (False, True):
        key = certs.key_file(alice, passphrase="right", traditional=traditional)
        assert offer_plain_pem(context(), cert, key) is False
    assert offer_plain_pem(context(), certs.pkcs12_file(alice), None) is False
    assert offer_plain_pem(context(), cert, None) is False  # no key at all
    assert offer_plain_pem(context(), cert, certs.key_file(alice)) is True


def test_cryptography_is_not_imported_for_what_openssl_takes(certs: CertificateFactory) -> None:
    """It takes 80 ms and 12 MB of every run."""
    alice = certs.client()
    code = """
import sys
from pathlib import Path
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.tls.context import build_context
from poetry_repo_plugin.tls.settings import TlsSettings
ca, cert, key = [Path(name) if name else None for name in sys.argv[1:]]
build_context(TlsSettings(ca, cert, key, lambda: Secret("right")))
print("cryptography" in sys.modules)
"""

    def imported(*files: Path | str) -> bool:
        command = [sys.executable, "-c", code, *map(str, files)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout == "True\n"

    ca, cert, key = certs.ca_file(), certs.cert_file(alice), certs.key_file(alice)
    assert not imported(ca, "", "")
    assert not imported(certs.ca_file(certs.ca, certs.other_ca, name="two.pem"), "", "")
    assert not imported(ca, cert, key)
    assert imported(ca, cert, certs.key_file(alice, "sealed.key", passphrase="right"))
