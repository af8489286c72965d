"""Each way in which a connection fails has one cause, met here with a real server; each has a twin
that works.
"""

from __future__ import annotations

import errno
import socket
import ssl
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError
from urllib3.util.ssl_match_hostname import CertificateError

from poetry_repo_plugin.core.errors import Cause, Failure
from poetry_repo_plugin.tls.context import build_context
from poetry_repo_plugin.tls.errors import classify, classify_answer
from poetry_repo_plugin.tls.handshake import handshake, look_at
from poetry_repo_plugin.tls.settings import CaSetting, TlsSettings, day
from tests.certs import Authority, CertificateFactory, Identity, server_context
from tests.tls.test_settings import self_signed_server
from tests.tls.wire import (
    V12,
    V13,
    Serve,
    close_at_once,
    fetch,
    https,
    listening,
    never_answer,
    plain_http,
    reset_at_once,
)

STRICT_PYTHON = sys.version_info >= (3, 13)

versions = pytest.mark.parametrize("version", [V12, V13], ids=["tls1.2", "tls1.3"])


Told = tuple[Cause, str, bool]


def told(found: Failure | None) -> Told:
    """The parts of a failure that a user or Poetry's retries see."""
    assert found is not None
    return found.cause, found.detail, found.retry


def told_as(cause: Cause, detail: str, retry: bool = False) -> Told:
    return cause, detail, retry


class Client:
    """A repository's settings, and what its failures are called with and without a second look."""

    def __init__(
        self, ca: CaSetting, client_cert: Path | None = None, *, relaxed: bool = False
    ) -> None:
        self.offered = client_cert is not None
        self.context = build_context(TlsSettings(ca, client_cert, relaxed=relaxed))

    def works(self, port: int, host: str = "localhost") -> bool:
        return bool(fetch(f"https://{host}:{port}/", self.context))

    def error(
        self, port: int, host: str = "localhost", timeout: float = 5.0
    ) -> requests.RequestException:
        with pytest.raises(requests.RequestException) as caught:
            fetch(f"https://{host}:{port}/", self.context, timeout=timeout)
        return caught.value

    def fails(
        self, port: int, host: str = "localhost", timeout: float = 5.0, *, look: bool = True
    ) -> Failure:
        """What the failure of a GET is called."""
        found = classify(
            self.error(port, host, timeout),
            host=f"{host}:{port}",
            client_certificate_offered=self.offered,
            look=(lambda: look_at(host, port, timeout=2)) if look else None,
            again=lambda: handshake(host, port, self.context, timeout=timeout),
        )
        assert found is not None
        return found

    def handshake_fails(self, port: int, host: str = "localhost", timeout: float = 5.0) -> Failure:
        """What the failure of a bare handshake is called, without any second look."""
        with pytest.raises(OSError) as caught:  # noqa: PT011
            handshake(host, port, self.context, timeout=timeout)
        found = classify(
            caught.value, host=f"{host}:{port}", client_certificate_offered=self.offered
        )
        assert found is not None
        return found


@contextmanager
def server(
    identity: Identity,
    version: ssl.TLSVersion = V13,
    clients: Authority | None = None,
    require: bool = True,
) -> Iterator[int]:
    context = server_context(identity, clients, require=require, minimum=version, maximum=version)
    with listening(https(context)) as port:
        yield port


@versions
class TestServersCertificate:
    def test_good(self, certs: CertificateFactory, version: ssl.TLSVersion) -> None:
        with server(certs.server(), version) as port:
            assert Client(certs.ca_file()).works(port)

    def test_unknown_ca(self, certs: CertificateFactory, version: ssl.TLSVersion) -> None:
        with server(certs.server_unknown_ca(), version) as port:
            client = Client(certs.ca_file())
            found = client.fails(port)
            assert (
                client.fails(port, look=False).cause
                is client.handshake_fails(port).cause
                is Cause.UNKNOWN_CA
            )
        assert found.cause is Cause.UNKNOWN_CA
        assert not found.retry
        assert found.detail.startswith(
            "its certificate is issued by Another root, which is not trusted and which"
        )

    def test_self_signed(self, certs: CertificateFactory, version: ssl.TLSVersion) -> None:
        identity = self_signed_server()
        with server(identity, version) as port:
            found = Client(certs.ca_file()).fails(port)
            assert told(found) == told_as(
                Cause.UNKNOWN_CA, "its certificate is self-signed (localhost)"
            )
            assert Client(certs.write("self.pem", identity.cert_pem)).works(port)

    def test_untrusted_root_in_the_chain(
        self, certs: CertificateFactory, version: ssl.TLSVersion
    ) -> None:
        identity = certs.server_unknown_ca()
        with server(Identity(identity.cert, identity.key, (certs.other_ca.cert,)), version) as port:
            found = Client(certs.ca_file()).fails(port)
        assert (
            found.detail
            == "its certificate chain ends in a root CA that is not trusted (Another root)"
        )

    def test_missing_intermediate(self, certs: CertificateFactory, version: ssl.TLSVersion) -> None:
        with server(certs.server_missing_intermediate(), version) as port:
            found = Client(certs.ca_file()).fails(port)
        assert found.cause is Cause.UNKNOWN_CA
        assert "issued by Test intermediate" in found.detail
        assert "an intermediate CA, the server should" in found.detail
        with server(certs.server_with_chain(), version) as port:
            assert Client(certs.ca_file()).works(port)

    def test_chain_without_its_root(
        self, certs: CertificateFactory, version: ssl.TLSVersion
    ) -> None:
        with server(certs.other_ca.intermediate("Between").server(), version) as port:
            found = Client(certs.ca_file()).fails(port)
        detail = (
            "its certificate chain ends with Between, issued by Another root, which is not trusted"
        )
        assert told(found) == told_as(Cause.UNKNOWN_CA, detail)

    def test_only_the_intermediate_is_trusted(
        self, certs: CertificateFactory, version: ssl.TLSVersion
    ) -> None:
        between = certs.ca.intermediate("Between")
        with server(between.server(), version) as port:
            client = Client(certs.ca_file(between))
            if STRICT_PYTHON:  # VERIFY_X509_PARTIAL_CHAIN
                assert client.works(port)
                return
            found = client.fails(port)
        detail = "the trusted CAs hold an intermediate (Between) without the root that issued it"
        assert told(found) == told_as(Cause.UNKNOWN_CA, detail)

    def test_strict_check(self, certs: CertificateFactory, version: ssl.TLSVersion) -> None:
        authority, identity = certs.server_not_strict()
        path = certs.ca_file(authority)
        with server(identity, version) as port:
            assert Client(path, relaxed=True).works(port)
            client = Client(path)
            client.context.verify_flags |= ssl.VERIFY_X509_STRICT
            found = client.fails(port)
        assert found.cause is Cause.UNKNOWN_CA
        assert "Python's strict X.509 check" in found.detail
        assert "Missing Authority Key Identifier" in found.detail

    def test_expired(self, certs: CertificateFactory, version: ssl.TLSVersion) -> None:
        identity = certs.server_expired()
        with server(identity, version) as port:
            client = Client(certs.ca_file())
            found = client.fails(port)
            assert client.fails(port, look=False).cause is Cause.SERVER_CERT_EXPIRED
        date = day(identity.cert.not_valid_after_utc)
        assert told(found) == told_as(
            Cause.SERVER_CERT_EXPIRED, f"its certificate expired on {date}"
        )

    def test_expired_ca_of_a_good_certificate(
        self, certs: CertificateFactory, version: ssl.TLSVersion
    ) -> None:
        old = Authority.root("Old root", valid=(-30, -2))
        identity = old.server()
        with server(Identity(identity.cert, identity.key, (old.cert,)), version) as port:
            found = Client(certs.ca_file(certs.ca, old)).fails(port)
        date = day(old.cert.not_valid_after_utc)
        assert told(found) == told_as(
            Cause.SERVER_CERT_EXPIRED, f"the certificate of its CA Old root expired on {date}"
        )

    def test_expired_ca_that_is_not_sent(
        self, certs: CertificateFactory, version: ssl.TLSVersion
    ) -> None:
        old = Authority.root("Old root", valid=(-30, -2))
        with server(old.server(), version) as port:
            found = Client(certs.ca_file(certs.ca, old)).fails(port)
        assert found.detail == "a certificate of its CA has expired (Old root or the one above)"

    def test_not_yet_valid(self, certs: CertificateFactory, version: ssl.TLSVersion) -> None:
        identity = certs.server_not_yet_valid()
        with server(identity, version) as port:
            client = Client(certs.ca_file())
            found = client.fails(port)
            assert "is the clock of this machine right?" in client.fails(port, look=False).detail
        assert found.cause is Cause.SERVER_CERT_EXPIRED
        assert f"is not valid before {day(identity.cert.not_valid_before_utc)}" in found.detail

    def test_ca_of_tomorrow(self, certs: CertificateFactory, version: ssl.TLSVersion) -> None:
        new = Authority.root("New root", valid=(2, 30))
        identity = new.server()
        with server(Identity(identity.cert, identity.key, (new.cert,)), version) as port:
            found = Client(certs.ca_file(certs.ca, new)).fails(port)
        assert found.cause is Cause.SERVER_CERT_EXPIRED
        assert found.detail.startswith("the certificate of New root is not valid before")

    def test_wrong_host(self, certs: CertificateFactory, version: ssl.TLSVersion) -> None:
        with server(certs.server("wrong.example.org", "other.example.org"), version) as port:
            client = Client(certs.ca_file())
            found = client.fails(port)
            unseen = client.fails(port, look=False)
            address = client.fails(port, "127.0.0.1")
        names = "its certificate is for wrong.example.org, other.example.org, not for"
        assert told(found) == told_as(Cause.HOSTNAME_MISMATCH, f"{names} localhost")
        assert told(address) == told_as(Cause.HOSTNAME_MISMATCH, f"{names} 127.0.0.1")
        assert told(unseen) == told_as(
            Cause.HOSTNAME_MISMATCH, "its certificate is not valid for localhost"
        )

    def test_no_host(self, certs: CertificateFactory, version: ssl.TLSVersion) -> None:
        with server(certs.ca.issue("localhost"), version) as port:
            found = Client(certs.ca_file()).fails(port)
        said = "its certificate names no host, so it is not valid for localhost"
        assert told(found) == told_as(Cause.HOSTNAME_MISMATCH, said)

    def test_certificate_of_a_client(
        self, certs: CertificateFactory, version: ssl.TLSVersion
    ) -> None:
        with server(certs.client("localhost"), version) as port:
            found = Client(certs.ca_file()).fails(port)
        # The usage is checked before the name.
        assert found.cause is Cause.UNKNOWN_CA
        assert (
            "unsuitable certificate purpose" in found.detail
            or "unsupported certificate purpose" in found.detail
        )


@versions
class TestClientsCertificate:
    def test_good(self, certs: CertificateFactory, version: ssl.TLSVersion) -> None:
        with server(certs.server(), version, certs.ca) as port:
            assert Client(certs.ca_file(), certs.pem(certs.client())).works(port)
        with server(certs.server(), version, certs.ca, require=False) as port:
            assert Client(certs.ca_file()).works(port)

    def test_required(self, certs: CertificateFactory, version: ssl.TLSVersion) -> None:
        with server(certs.server(), version, certs.ca) as port:
            client = Client(certs.ca_file())
            expected = told_as(
                Cause.CLIENT_CERT_REQUIRED, "it requires a client certificate, and none is set"
            )
            assert told(client.fails(port)) == expected
            assert told(client.fails(port, look=False)) == expected
            assert told(client.handshake_fails(port)) == expected

    def test_from_another_ca(self, certs: CertificateFactory, version: ssl.TLSVersion) -> None:
        with server(certs.server(), version, certs.ca) as port:
            client = Client(certs.ca_file(), certs.pem(certs.client_foreign()))
            found = client.fails(port)
            assert told(client.handshake_fails(port)) == told(found)
        assert found.cause is Cause.CLIENT_CERT_REJECTED
        assert not found.retry
        assert "it does not know the CA that issued it" in found.detail

    def test_expired(self, certs: CertificateFactory, version: ssl.TLSVersion) -> None:
        with server(certs.server(), version, certs.ca) as port:
            client = Client(certs.ca_file())
            certs.client_expired().load_into(client.context)
            client.offered = True
            found = client.fails(port)
        assert found.cause is Cause.CLIENT_CERT_REJECTED
        assert "it says that it has expired" in found.detail

    def test_required_and_the_alert_is_overtaken_by_a_reset(
        self, certs: CertificateFactory, version: ssl.TLSVersion
    ) -> None:
        """In TLS 1.3 the request is on its way when the server refuses; the reset discards the
        alert.
        """
        with server(certs.server(), version, certs.ca) as port:
            for offered, cause in (
                (False, Cause.CLIENT_CERT_REQUIRED),
                (True, Cause.CLIENT_CERT_REJECTED),
            ):
                client = Client(
                    certs.ca_file(), certs.pem(certs.client_foreign()) if offered else None
                )
                found = classify(
                    requests.ConnectionError(ConnectionResetError(104, "Connection reset by peer")),
                    host="localhost",
                    client_certificate_offered=offered,
                    again=lambda context=client.context: handshake(
                        "localhost", port, context, timeout=5
                    ),  # type: ignore[misc]
                )
                assert found is not None
                assert found.cause is cause

    def test_a_reset_by_a_server_that_lets_us_in_is_just_a_reset(
        self, certs: CertificateFactory, version: ssl.TLSVersion
    ) -> None:
        with server(certs.server(), version, certs.ca, require=False) as port:
            client = Client(certs.ca_file(), certs.pem(certs.client()))
            reset = ConnectionResetError(104, "Connection reset by peer")
            found = classify(
                requests.ConnectionError(reset),
                host="localhost",
                client_certificate_offered=True,
                look=lambda: look_at("localhost", port),
                again=lambda: handshake("localhost", port, client.context, timeout=5),
            )
            unlooked = classify(reset, host="localhost", look=lambda: look_at("localhost", port))
        assert told(found) == told(unlooked)
        assert told(found) == told_as(
            Cause.SERVER_ERROR, "it closed the connection without answering", retry=True
        )

    def test_a_look_alone_finds_out_as_well(
        self, certs: CertificateFactory, version: ssl.TLSVersion
    ) -> None:
        with server(certs.server(), version, certs.ca) as port:
            found = classify(
                BrokenPipeError(32, "Broken pipe"),
                host="localhost",
                look=lambda: look_at("localhost", port),
            )
        assert found is not None
        assert found.cause is Cause.CLIENT_CERT_REQUIRED

    def test_the_look_sees_who_answers(
        self, certs: CertificateFactory, version: ssl.TLSVersion
    ) -> None:
        name = "TLSv1.2" if version is V12 else "TLSv1.3"
        with server(certs.server_with_chain(), version) as port:
            peer = look_at("localhost", port)
        assert peer is not None
        assert [facts.name for facts in peer.chain] == ["127.0.0.1", "Test intermediate"]
        assert (peer.version, peer.asks_client_certificate, peer.refused) == (name, False, None)
        with server(certs.server(), version, certs.ca, require=False) as port:
            peer = look_at("localhost", port)
        assert peer is not None
        assert (peer.version, peer.asks_client_certificate, peer.refused) == (name, True, None)
        with server(certs.server(), version, certs.ca) as port:
            peer = look_at("localhost", port)
        assert peer is not None
        assert peer.certificate is not None
        assert peer.certificate.name == "127.0.0.1"
        assert peer.asks_client_certificate
        assert isinstance(peer.refused, ssl.SSLError)

    def test_the_look_works_without_the_debugging_aid(
        self, certs: CertificateFactory, version: ssl.TLSVersion, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("poetry_repo_plugin.tls.handshake.WATCH", "no_such_attribute")
        with server(certs.server(), version) as port:
            peer = look_at("localhost", port)
        assert peer is not None
        assert [facts.name for facts in peer.chain] == ["127.0.0.1"]
        assert peer.asks_client_certificate is None
        with server(certs.server(), version, certs.ca) as port:
            peer = look_at("localhost", port)
        assert peer is not None
        assert peer.refused is not None

    def test_a_handshake_with_the_systems_store(
        self, certs: CertificateFactory, version: ssl.TLSVersion, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(certs.ca_file()))
        client = Client("system")
        with server(certs.server(), version) as port:
            assert handshake("localhost", port, client.context, timeout=5).certificate is not None
        with server(certs.server_unknown_ca(), version) as port:
            assert client.handshake_fails(port).cause is Cause.UNKNOWN_CA
        with server(certs.server(), version, certs.ca) as port:
            assert client.handshake_fails(port).cause is Cause.CLIENT_CERT_REQUIRED

    def test_a_good_handshake_tells_who_it_was(
        self, certs: CertificateFactory, version: ssl.TLSVersion
    ) -> None:
        with server(certs.server(), version, certs.ca) as port:
            context = Client(certs.ca_file(), certs.pem(certs.client())).context
            peer = handshake("localhost", port, context, timeout=5)
        assert peer.certificate is not None
        assert peer.certificate.name == "127.0.0.1"


class TestProtocols:
    def test_a_server_that_knows_only_old_versions(self, certs: CertificateFactory) -> None:
        with pytest.warns(DeprecationWarning, match="TLSv1"):
            context = server_context(
                certs.server(), minimum=ssl.TLSVersion.TLSv1, maximum=ssl.TLSVersion.TLSv1
            )
        context.set_ciphers("ALL:@SECLEVEL=0")
        with listening(https(context)) as port:
            found = Client(certs.ca_file()).fails(port)
        detail = "it does not support TLS 1.2 or 1.3"
        assert told(found) == told_as(Cause.SERVER_ERROR, detail, retry=False)

    def test_no_cipher_in_common_is_not_a_client_certificate(
        self, certs: CertificateFactory
    ) -> None:
        context = server_context(certs.server(), maximum=V12)
        context.set_ciphers("ECDHE-ECDSA-AES256-GCM-SHA384")
        with listening(https(context)) as port:
            client = Client(certs.ca_file())
            client.context.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
            client.context.maximum_version = V12
            error = client.error(port)
            found = classify(error, host="localhost", look=lambda: look_at("localhost", port))
        assert found is not None
        assert found.cause is Cause.SERVER_ERROR
        assert "no common settings" in found.detail

    @versions
    def test_nor_is_a_server_that_has_nothing_in_common_with_anyone(
        self, certs: CertificateFactory, version: ssl.TLSVersion
    ) -> None:
        context = server_context(certs.server(), certs.ca, maximum=version, minimum=version)
        context.set_ecdh_curve("secp521r1")
        if version is V12:
            context.set_ciphers("ECDHE-RSA-AES256-GCM-SHA384")  # and the key is no RSA key
        with listening(https(context)) as port:
            peer = look_at("localhost", port)
            client = Client(certs.ca_file())
            if version is V13:
                assert client.fails(port).cause is Cause.CLIENT_CERT_REQUIRED
                return
            found = client.fails(port)
        assert peer is not None
        assert peer.asks_client_certificate is False
        assert found.cause is Cause.SERVER_ERROR

    @pytest.mark.parametrize("host", ["", ".example.org", "x" * 64 + ".example.org"])
    def test_what_is_no_host_name_is_no_crash(self, certs: CertificateFactory, host: str) -> None:
        assert look_at(host, 1, timeout=0.5) is None
        with pytest.raises(OSError, match="is not a host name"):
            handshake(host, 1, Client(certs.ca_file()).context, timeout=0.5)

    def test_plain_http_on_the_port_of_https(self, certs: CertificateFactory) -> None:
        with listening(plain_http) as port:
            client = Client(certs.ca_file())
            found, unseen = client.fails(port), client.handshake_fails(port)
            peer = look_at("localhost", port)
        assert peer is not None
        assert (peer.chain, peer.version, peer.asks_client_certificate) == ((), None, False)
        assert told(found) == told_as(
            Cause.NOT_AN_INDEX, "it speaks plain http on this port, not https"
        )
        assert told(unseen) == told_as(Cause.NOT_AN_INDEX, "it does not speak TLS on this port")

    def test_twin_anything_else_on_the_port_of_https(self, certs: CertificateFactory) -> None:
        def serve(connection: socket.socket) -> None:
            connection.recv(1024)
            connection.sendall(b"\0\1garbage" * 20)

        with listening(serve) as port:
            found = Client(certs.ca_file()).fails(port)
        assert told(found) == told_as(Cause.NOT_AN_INDEX, "it does not speak TLS on this port")

    def test_https_on_the_port_of_plain_http(self, certs: CertificateFactory) -> None:
        def serve(connection: socket.socket) -> None:
            connection.recv(1024)
            connection.sendall(b"\x15\x03\x01\x00\x02\x02\x46")  # the alert of OpenSSL's s_server

        with listening(serve) as port, pytest.raises(requests.ConnectionError) as caught:
            requests.get(f"http://localhost:{port}/", timeout=5)
        found = classify(caught.value, host="localhost")
        assert told(found) == told_as(
            Cause.NOT_AN_INDEX, "it speaks https on this port, not plain http"
        )

    def test_https_on_the_port_of_plain_http_and_it_just_closes_the_connection(
        self, certs: CertificateFactory
    ) -> None:
        """As Python's own servers do; a handshake tells them from those that break off for another
        reason.
        """
        with listening(https(server_context(certs.server()))) as port:
            with pytest.raises(requests.ConnectionError) as caught:
                requests.get(f"http://localhost:{port}/", timeout=5)
            found = classify(
                caught.value,
                host="localhost",
                secured=False,
                look=lambda: look_at("localhost", port),
            )
        assert told(found) == told_as(
            Cause.NOT_AN_INDEX, "it speaks https on this port, not plain http"
        )

    def test_twin_plain_http_that_breaks_off(self) -> None:
        with listening(close_at_once) as port:
            with pytest.raises(requests.ConnectionError) as caught:
                requests.get(f"http://localhost:{port}/", timeout=5)
            found = classify(
                caught.value,
                host="localhost",
                secured=False,
                look=lambda: look_at("localhost", port),
            )
        assert told(found) == told_as(
            Cause.SERVER_ERROR, "it closed the connection without answering", retry=True
        )


class TestNetwork:
    @pytest.mark.parametrize("serve", [reset_at_once, close_at_once])
    def test_cut_off_in_the_handshake(self, certs: CertificateFactory, serve: Serve) -> None:
        with listening(serve) as port:
            client = Client(certs.ca_file())
            found = client.fails(port)
            assert client.handshake_fails(port).cause is Cause.SERVER_ERROR
        detail = "it closes the connection during the TLS handshake"
        assert told(found) == told_as(Cause.SERVER_ERROR, detail, retry=True)

    def test_never_answering(self, certs: CertificateFactory) -> None:
        with listening(never_answer) as port:
            client = Client(certs.ca_file())
            found = client.fails(port, timeout=0.3)
            assert client.handshake_fails(port, timeout=0.3).cause is Cause.TIMEOUT
        detail = "it accepts the connection but does not finish the TLS handshake in time"
        assert told(found) == told_as(Cause.TIMEOUT, detail, retry=True)

    def test_a_handshake_ends_in_time_however_slowly_the_server_writes(
        self, certs: CertificateFactory
    ) -> None:
        def serve(connection: socket.socket) -> None:
            connection.recv(1024)
            for byte in b"\x16\x03\x03\x00\x7a" + bytes(200):
                connection.sendall(bytes([byte]))
                time.sleep(0.02)

        with listening(serve) as port:
            started = time.monotonic()
            assert Client(certs.ca_file()).handshake_fails(port, timeout=0.3).cause is Cause.TIMEOUT
            assert time.monotonic() - started < 2

    def test_no_answer_after_the_handshake(self, certs: CertificateFactory) -> None:
        context = server_context(certs.server())

        def serve(connection: socket.socket) -> None:
            with context.wrap_socket(connection, server_side=True) as tls:
                never_answer(tls)

        with listening(serve) as port:
            found = Client(certs.ca_file()).fails(port, timeout=0.5)
        assert told(found) == told_as(Cause.TIMEOUT, "it does not answer in time", retry=True)

    def test_refused(self, certs: CertificateFactory) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        client = Client(certs.ca_file())
        found = client.fails(port, "127.0.0.1")
        detail = "it refuses the connection: nothing listens on this port; check the URL, and that the server is up"
        assert told(found) == told_as(Cause.REFUSED, detail, retry=True)
        assert told(client.handshake_fails(port, "127.0.0.1")) == told(found)
        assert look_at("127.0.0.1", port) is None

    def test_unreachable(self) -> None:
        found = classify(OSError(errno.EHOSTUNREACH, "No route to host"), host="h")
        assert told(found) == told_as(
            Cause.REFUSED, "it cannot be reached (No route to host)", retry=True
        )

    def test_a_name_that_nobody_knows(self, certs: CertificateFactory) -> None:
        found = Client(certs.ca_file()).fails(1, "no-such-host.invalid")
        assert found.cause is Cause.DNS
        assert found.retry
        assert "the name no-such-host.invalid cannot be resolved (" in found.detail

    def test_a_connection_that_cannot_be_made_in_time(self) -> None:
        pool = requests.adapters.HTTPAdapter().poolmanager.connection_from_url("https://localhost")
        error = requests.ConnectTimeout(
            MaxRetryError(pool, "/", ConnectTimeoutError(None, "timed out"))
        )
        found = classify(error, host="h")
        assert told(found) == told_as(Cause.TIMEOUT, "the connection timed out", retry=True)
        assert classify(NewConnectionError(None, "odd"), host="h") is None  # type: ignore[arg-type]

    def proxied(self, port: int) -> Failure:
        with requests.Session() as session:
            session.trust_env = False
            with pytest.raises(requests.RequestException) as caught:
                session.get(
                    "https://localhost:1/", proxies={"https": f"http://localhost:{port}"}, timeout=5
                )
        found = classify(caught.value, host="localhost")
        assert found is not None
        return found

    def test_a_proxy_that_wants_a_password(self) -> None:
        def serve(connection: socket.socket) -> None:
            connection.recv(4096)
            connection.sendall(
                b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
            )

        with listening(serve) as port:
            found = self.proxied(port)
        assert told(found) == told_as(
            Cause.PROXY, "the proxy requires a user name and a password (407)"
        )

    def test_a_proxy_that_does_not_connect(self) -> None:
        def serve(connection: socket.socket) -> None:
            connection.recv(4096)
            connection.sendall(b'HTTP/1.1 502 Isn\'t "there"\r\nContent-Length: 0\r\n\r\n')

        with listening(serve) as port:
            found = self.proxied(port)
        said = 'the proxy refuses to connect to it (502 Isn\'t "there")'
        assert told(found) == told_as(Cause.PROXY, said, retry=True)

    def test_a_proxy_that_is_not_there(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        found = self.proxied(port)
        assert found.cause is Cause.PROXY
        assert "Connection refused" in found.detail


class TestOthers:
    def test_what_is_no_failure_of_network_or_tls_has_no_cause(self) -> None:
        assert classify(ValueError("odd"), host="h") is None
        assert classify(requests.HTTPError("500 Server Error"), host="h") is None
        assert classify(ssl.SSLError(1, "[SSL] something new"), host="h") is None

    def test_chains_that_bite_their_own_tail_end(self) -> None:
        one, two = ValueError("one"), ValueError("two")
        one.__cause__, two.__cause__ = two, one
        assert classify(one, host="h") is None

    def test_errors_of_the_own_files_keep_their_cause(self) -> None:
        error = RuntimeError("wrapped")
        error.__cause__ = Failure(Cause.PASSPHRASE_WRONG, "the passphrase does not open it")
        assert told(classify(error, host="h")) == told_as(
            Cause.PASSPHRASE_WRONG, "the passphrase does not open it"
        )

    def test_a_bundle_that_requests_does_not_find(self) -> None:
        with pytest.raises(OSError, match="Could not find a suitable TLS CA") as caught:
            requests.get("https://localhost:1/", verify="/nowhere/ca.pem", timeout=5)
        found = classify(caught.value, host="h")
        assert found is not None
        assert found.cause is Cause.TLS_FILE_MISSING

    def test_urllib3s_own_check_of_names(self) -> None:
        error = CertificateError("hostname 'a.example' doesn't match 'b.example'")
        found = classify(error, host="a.example:8443")
        assert told(found) == told_as(
            Cause.HOSTNAME_MISMATCH, "its certificate is not valid for a.example"
        )

    @pytest.mark.parametrize(
        ("reason", "cause"),
        [
            ("TLSV1_ALERT_UNKNOWN_CA", Cause.CLIENT_CERT_REJECTED),
            ("SSL/TLS_ALERT_BAD_CERTIFICATE", Cause.CLIENT_CERT_REJECTED),
            ("SSLV3_ALERT_CERTIFICATE_REVOKED", Cause.CLIENT_CERT_REJECTED),
            ("SSLV3_ALERT_CERTIFICATE_UNKNOWN", Cause.CLIENT_CERT_REJECTED),
            ("SSLV3_ALERT_UNSUPPORTED_CERTIFICATE", Cause.CLIENT_CERT_REJECTED),
            ("TLSV1_ALERT_ACCESS_DENIED", Cause.CLIENT_CERT_REJECTED),
            ("TLSV1_ALERT_DECRYPT_ERROR", Cause.CLIENT_CERT_REJECTED),
            ("TLSV13_ALERT_CERTIFICATE_REQUIRED", Cause.CLIENT_CERT_REJECTED),
            ("TLSV1_ALERT_PROTOCOL_VERSION", Cause.SERVER_ERROR),
            ("TLSV1_ALERT_INTERNAL_ERROR", Cause.SERVER_ERROR),
            ("TLSV1_UNRECOGNIZED_NAME", Cause.HOSTNAME_MISMATCH),
            ("SSLV3_ALERT_UNRECOGNIZED_NAME", Cause.HOSTNAME_MISMATCH),
            ("RECORD_LAYER_FAILURE", Cause.NOT_AN_INDEX),
            ("HTTP_REQUEST", Cause.NOT_AN_INDEX),
            ("UNSAFE_LEGACY_RENEGOTIATION_DISABLED", Cause.SERVER_ERROR),
            ("DH_KEY_TOO_SMALL", Cause.SERVER_ERROR),
            ("UNSUPPORTED_PROTOCOL", Cause.SERVER_ERROR),
        ],
    )
    def test_the_names_that_openssl_has_for_it(self, reason: str, cause: Cause) -> None:
        error = ssl.SSLError(1, f"[SSL: {reason}] {reason.lower().replace('_', ' ')} (_ssl.c:1000)")
        error.reason = reason
        found = classify(error, host="h", client_certificate_offered=True)
        assert found is not None
        assert found.cause is cause
        # Python that is older than its OpenSSL knows no reason; the text has it.
        error.reason = None  # type: ignore[assignment]
        if "ALERT" in reason:
            again = classify(error, host="h", client_certificate_offered=True)
            assert told(again) == told(found)

    @pytest.mark.parametrize(
        ("code", "cause"),
        [
            (0x800B0101, Cause.SERVER_CERT_EXPIRED),
            (0x800B0109, Cause.UNKNOWN_CA),
            (0x800B010F, Cause.HOSTNAME_MISMATCH),
            (-67818, Cause.SERVER_CERT_EXPIRED),
            (-67843, Cause.UNKNOWN_CA),
            (-67602, Cause.HOSTNAME_MISMATCH),
        ],
    )
    def test_what_windows_and_macos_say_through_truststore(self, code: int, cause: Cause) -> None:
        error = ssl.SSLCertVerificationError("A certificate chain could not be built")
        error.verify_code, error.verify_message = code, "A certificate chain could not be built"
        found = classify(error, host="h")
        assert found is not None
        assert found.cause is cause


class TestAnswers:
    @pytest.mark.parametrize(
        ("page", "offered", "cause"),
        [
            (
                b"<title>400 No required SSL certificate was sent</title>",
                False,
                Cause.CLIENT_CERT_REQUIRED,
            ),
            (
                b"<title>400 No required SSL certificate was sent</title>",
                True,
                Cause.CLIENT_CERT_REJECTED,
            ),
            (b"<title>400 The SSL certificate error</title>", True, Cause.CLIENT_CERT_REJECTED),
            (
                b"<center>The plain HTTP request was sent to HTTPS port</center>",
                False,
                Cause.NOT_AN_INDEX,
            ),
            (b"Client sent an HTTP request to an HTTPS server.\n", False, Cause.NOT_AN_INDEX),
        ],
    )
    def test_nginx_and_go_refuse_with_a_page(
        self, page: bytes, offered: bool, cause: Cause
    ) -> None:
        found = classify_answer(400, b"<html>" + page, offered)
        assert found is not None
        assert found.cause is cause
        assert classify_answer(200, page, offered) is None

    def test_other_pages_say_nothing_about_tls(self) -> None:
        assert classify_answer(400, b"missing field", False) is None
