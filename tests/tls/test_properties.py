"""Whatever a file holds, it is understood or refused with a Failure."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from poetry_repo_plugin.core.errors import Failure
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.tls.certificate import facts_of
from poetry_repo_plugin.tls.handshake import _certificates_in
from poetry_repo_plugin.tls.identity import load_identity, offer_plain_pem
from poetry_repo_plugin.tls.pem import format_of, pem_blocks
from poetry_repo_plugin.tls.trust import load_ca
from tests.certs import CertificateFactory


@cache
def valid_files() -> list[bytes]:
    """One of each form."""
    with TemporaryDirectory() as folder:
        certs = CertificateFactory(Path(folder))
        alice = certs.client_with_chain()
        paths = [
            certs.ca_file(certs.ca, certs.other_ca),
            certs.pem(alice, passphrase="secret"),
            certs.pem(alice, "open.pem"),
            certs.key_file(alice, passphrase="secret", traditional=True),
            certs.pkcs12_file(alice, passphrase="secret"),
            certs.pkcs12_file(alice, "open.p12"),
            certs.cert_der(alice),
        ]
        key = alice.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        return [path.read_bytes() for path in paths] + [key]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A valid file with some bytes changed, removed, or put in."""
    data = bytearray(draw(st.sampled_from(valid_files())))
    for _ in range(draw(st.integers(1, 4))):
        position = draw(st.integers(0, len(data) - 1))
        change = draw(st.sampled_from(["flip", "cut", "insert", "end"]))
        if change == "flip":
            data[position] = draw(st.integers(0, 255))
        elif change == "insert":
            data[position:position] = draw(st.binary(min_size=1, max_size=8))
        elif change == "cut":
            del data[position : position + draw(st.integers(1, 40))]
        else:
            del data[max(position, 1) :]
        data = data or bytearray(b"0")
    return bytes(data)


@st.composite
def mutated_inside(draw: st.DrawFn) -> bytes:
    """PEM around DER that was changed: damage that base64 and markers do not betray."""
    label = draw(
        st.sampled_from(
            ["CERTIFICATE", "PRIVATE KEY", "TRUSTED CERTIFICATE", "ENCRYPTED PRIVATE KEY"]
        )
    )
    der = bytearray(draw(st.sampled_from([data for data in valid_files() if data[:1] == b"0"])))
    for _ in range(draw(st.integers(0, 3))):
        der[draw(st.integers(0, len(der) - 1))] = draw(st.integers(0, 255))
    body = base64.encodebytes(bytes(der)).decode()
    return f"-----BEGIN {label}-----\n{body}-----END {label}-----\n".encode() + valid_files()[2]


contents = st.one_of(st.binary(max_size=300), mutated(), mutated_inside())


@settings(max_examples=300, deadline=None)
@given(contents)
def test_any_bytes_are_understood_or_refused(data: bytes) -> None:
    format_of(data)
    pem_blocks(data)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(data)
        told = [
            message for attempt in ATTEMPTS if (message := attempt_on(path, attempt)) is not None
        ]
    assert all(str(path) in message and "secret" not in message for message in told)


Attempt = Callable[[Path, ssl.SSLContext], object]

ATTEMPTS: list[Attempt] = [
    lambda path, context: offer_plain_pem(context, path, path),
    lambda path, context: load_ca(path, context),
    lambda path, context: load_identity(path).apply(context),
    lambda path, context: load_identity(path, path, lambda: Secret("secret")).apply(context),
    lambda path, _: facts_of(path),
    lambda path, _: facts_of(path, Secret("secret")),
]


def attempt_on(path: Path, attempt: Attempt) -> str | None:
    """The message of the Failure; any other exception is the test's failure."""
    try:
        attempt(path, ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    except Failure as error:
        return error.detail
    return None


@given(st.binary(max_size=12))
def test_any_beginning_of_der_has_a_form(tail: bytes) -> None:
    format_of(b"")
    for head in (
        b"0",
        b"00",
        b"0\x02\x30",
        b"0\x80",
        b"0\x82\x01\x00",
        b"0\x84",
        b"0\x85",
        b"0\xff",
        b"\xff\xfe",
    ):
        format_of(head + tail)


@given(st.binary(max_size=200))
def test_any_message_of_a_server_is_taken_apart(data: bytes) -> None:
    for certificate in _certificates_in(data):
        assert certificate in data
