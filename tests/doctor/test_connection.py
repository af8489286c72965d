"""From the name to the client certificate: servers and settings that are wrong in one way each, and
their twins.
"""

from __future__ import annotations

import json
import socket
import ssl
import sys
import threading
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from poetry_repo_plugin.core.errors import Cause
from poetry_repo_plugin.doctor.network import Route
from poetry_repo_plugin.doctor.report import Finding, State
from poetry_repo_plugin.doctor.tls import Security, prepare
from tests.certs import CertificateFactory, server_context
from tests.doctor.place import (
    OTHER,
    PASSPHRASE,
    PASSWORD,
    QUICK,
    USER,
    WELL,
    Place,
    assert_fails,
    assert_well,
    full_listener,
    helper,
    states,
    tls_versions,
)
from tests.servers import (
    IndexServer,
    ProxyServer,
    ResetServer,
    Response,
    SilentServer,
    faults,
    refused_url,
)
from tests.tls.wire import listening, plain_http


def test_all_is_well(well: Place, index: IndexServer) -> None:
    report = well.report()
    assert report.ok
    assert_well(well)
    checks = well.checks()
    assert "127.0.0.1 is an address" in checks["dns"].message
    assert f"port {index.port}" in checks["connect"].message
    assert "Test root" in checks["tls"].message
    assert "TLSv1.3" in checks["tls"].message
    assert (
        checks["credential"].message
        == f"alice, from auth.toml ({well.config / 'auth.toml'}): accepted"
    )
    assert checks["upload"].message == "answers uploads and accepts the credential"
    assert index.uploads == []


class TestConnection:
    def test_unknown_name(self, well: Place) -> None:
        well.source("https://no-such-host.invalid/simple/")
        well.publish_to(None)
        checks = well.checks()
        assert_fails(checks, "dns", Cause.DNS, "no-such-host.invalid cannot be resolved")
        assert set(states(checks).values()) == {"fail", "skip"}
        assert (
            "auth.toml" in checks["credential"].message
        )  # what is known without the server is told all the same

    def test_a_name_that_resolves(self, well: Place, certs: CertificateFactory) -> None:
        with IndexServer(
            host="localhost", tls=server_context(certs.server()), credentials={USER: PASSWORD}
        ) as server:
            well.source(server.index_url)
            well.publish_to(server.upload_url)
            assert_well(well)
            assert "localhost: " in well.checks()["dns"].message

    def test_name_servers_that_do_not_answer(self, well: Place) -> None:
        """``getaddrinfo`` has no time limit; the check has."""
        well.source("https://pypi.example.org/simple/")
        well.publish_to(None)
        never = threading.Event()
        started = time.monotonic()
        checks = well.checks(step=0.3, resolve=lambda *_, **__: never.wait(20))
        never.set()
        assert time.monotonic() - started < 3
        assert_fails(checks, "dns", Cause.DNS, "no answer within 0.3 s")

    def test_nothing_listens(self, well: Place) -> None:
        assert_well(well)
        well.source(refused_url(scheme="https"))
        well.publish_to(None)
        assert_fails(well.checks(), "connect", Cause.REFUSED, "refuses the connection")

    def test_nobody_takes_the_connection(self, well: Place) -> None:
        with full_listener("127.0.0.1", 0) as port:
            well.source(f"https://127.0.0.1:{port}/simple/")
            well.publish_to(None)
            assert_fails(well.checks(step=0.5), "connect", Cause.TIMEOUT, "within 0.5 s")

    def test_a_url_that_is_none(self, well: Place) -> None:
        well.source("ftp://pypi.example.org/simple/")
        well.publish_to(None)
        assert_fails(
            well.checks(),
            "dns",
            Cause.NOT_AN_INDEX,
            "not an http or https URL",
            "poetry repo add foo URL --publish-url URL",
        )

    @pytest.mark.skipif(sys.platform != "linux", reason="all of 127.0.0.0/8 is this machine")
    def test_a_dead_address_before_a_good_one(self, place: Place) -> None:
        """It works, and every one of Poetry's connections will take as long as this one."""
        with IndexServer() as server, full_listener("127.0.0.2", server.port):
            place.remember(f"http://pypi.example.invalid:{server.port}/simple/")
            addresses = [
                (0, 0, 0, "", (address, server.port))
                for address in ("127.0.0.2", "127.0.0.1", "::1")
            ]
            checks = place.checks(step=2.4, resolve=lambda *_, **__: addresses)
            assert "127.0.0.2, 127.0.0.1, ::1" in checks["dns"].message
            assert checks["connect"].state is State.WARN
            assert (
                "at 127.0.0.1 answers, but only after 127.0.0.2 did not for 1 s"
                in checks["connect"].message
            )


class TestTls:
    def test_unknown_ca(self, well: Place, index: IndexServer, certs: CertificateFactory) -> None:
        assert_well(well)
        index.tls = server_context(certs.server_unknown_ca())
        assert_fails(
            well.checks(), "tls", Cause.UNKNOWN_CA, "Another root", "poetry repo certs foo --ca"
        )

    def test_missing_intermediate(
        self, well: Place, index: IndexServer, certs: CertificateFactory
    ) -> None:
        index.tls = server_context(certs.server_with_chain())
        assert_well(well)
        index.tls = server_context(certs.server_missing_intermediate())
        found = well.checks()
        assert_fails(
            found, "tls", Cause.UNKNOWN_CA, "the server does not send", "poetry repo certs foo --ca"
        )

    def test_expired(self, well: Place, index: IndexServer, certs: CertificateFactory) -> None:
        index.tls = server_context(certs.server_expired())
        assert_fails(well.checks(), "tls", Cause.SERVER_CERT_EXPIRED, "expired on 2")

    def test_not_yet_valid(
        self, well: Place, index: IndexServer, certs: CertificateFactory
    ) -> None:
        index.tls = server_context(certs.server_not_yet_valid())
        assert_fails(well.checks(), "tls", Cause.SERVER_CERT_EXPIRED, "not valid before 2")

    def test_wrong_host(self, well: Place, index: IndexServer, certs: CertificateFactory) -> None:
        index.tls = server_context(certs.server_wrong_host())
        assert_fails(
            well.checks(),
            "tls",
            Cause.HOSTNAME_MISMATCH,
            "is for wrong.example.org, not for 127.0.0.1",
        )

    def test_wrong_usage(self, well: Place, index: IndexServer, certs: CertificateFactory) -> None:
        index.tls = server_context(certs.server_wrong_usage())
        assert_fails(well.checks(), "tls", Cause.UNKNOWN_CA, "purpose")  # no CA mends that

    def test_an_old_protocol(
        self, well: Place, index: IndexServer, certs: CertificateFactory
    ) -> None:
        context = server_context(certs.server())
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning, match="TLSv1"):
            context.minimum_version = ssl.TLSVersion.TLSv1
        with pytest.warns(DeprecationWarning, match="TLSv1"):
            context.maximum_version = ssl.TLSVersion.TLSv1
        index.tls = context
        assert_fails(well.checks(), "tls", Cause.SERVER_ERROR, "does not support TLS 1.2 or 1.3")

    def test_plain_http_on_this_port(self, well: Place) -> None:
        with listening(plain_http) as port:
            well.source(f"https://127.0.0.1:{port}/simple/")
            well.publish_to(None)
            assert_fails(
                well.checks(),
                "tls",
                Cause.NOT_AN_INDEX,
                "plain http",
                "poetry repo add foo URL --publish-url URL",
            )

    def test_https_on_this_port(self, well: Place, index: IndexServer) -> None:
        well.source(index.index_url.replace("https:", "http:"))
        well.publish_to(None)
        checks = well.checks()
        assert checks["index"].state is State.FAIL
        assert checks["index"].cause in (Cause.NOT_AN_INDEX, Cause.SERVER_ERROR)

    def test_reset_in_the_handshake(self, well: Place) -> None:
        with ResetServer() as server:
            well.source(f"{server.origin}/simple/")
            well.publish_to(None)
            checks = well.checks()
            assert_fails(checks, "tls", Cause.SERVER_ERROR, "handshake")

    def test_silence(self, well: Place) -> None:
        with SilentServer(scheme="https") as server:
            well.source(f"{server.origin}/simple/")
            well.publish_to(None)
            started = time.monotonic()
            assert_fails(
                well.checks(step=QUICK),
                "tls",
                Cause.TIMEOUT,
                "does not finish the TLS handshake in time",
            )
            assert time.monotonic() - started < 5 * QUICK

    def test_plain_http(self, place: Place) -> None:
        with IndexServer() as server:
            place.remember(server.index_url)
            checks = place.checks()
            assert (checks["tls"].state, checks["tls"].cause) == (State.WARN, None)
            assert "plain http" in checks["tls"].message
            assert checks["client-cert"].state is State.SKIP
            assert checks["index"].state is State.OK
            assert place.report("foo").ok

    def test_insecure(self, well: Place, index: IndexServer, certs: CertificateFactory) -> None:
        index.tls = server_context(certs.server_unknown_ca())
        well.certificate("cert", False)
        checks = well.checks()
        assert checks["tls"].state is State.WARN
        assert "not verified (--insecure)" in checks["tls"].message
        assert checks["tls"].hint == "poetry repo certs foo --ca PATH"
        well.environ["POETRY_CERTIFICATES_FOO_CERT"] = "false"
        checks = well.checks()
        assert "not verified (POETRY_CERTIFICATES_FOO_CERT=false)" in checks["tls"].message
        assert checks["tls"].hint == "unset POETRY_CERTIFICATES_FOO_CERT", (
            "what is stored would not win"
        )
        assert checks["index"].state is State.OK

    def test_a_certificate_that_runs_out(
        self, well: Place, index: IndexServer, certs: CertificateFactory
    ) -> None:
        index.tls = server_context(certs.ca.server(valid=(-1, 12.5)))
        found = well.checks()["tls"]
        assert (found.state, found.cause) == (State.WARN, None)
        assert "(12 days left)" in found.message
        index.tls = server_context(certs.ca.server(valid=(-1, 31)))
        assert_well(well)

    @pytest.mark.parametrize("reachable", [True, False])
    def test_a_missing_file_is_found_without_the_server(self, well: Place, reachable: bool) -> None:
        well.certificate("cert", well.root / "gone.pem")
        if not reachable:
            well.source(refused_url(scheme="https"))
            well.publish_to(None)
        found = well.checks()["tls"]
        hint = "poetry repo certs foo --ca PATH"
        assert (found.state, found.cause, found.hint) == (State.FAIL, Cause.TLS_FILE_MISSING, hint)
        assert "gone.pem does not exist" in found.message

    def test_a_file_that_is_no_ca(self, well: Place, certs: CertificateFactory) -> None:
        well.certificate("cert", certs.write("broken.pem", b"-----BEGIN CERTIFICATE-----\nno\n"))
        assert_fails(
            well.checks(), "tls", Cause.TLS_FILE_INVALID, "broken.pem", "poetry repo certs foo"
        )

    def test_the_default_cas_are_not_enough(self, well: Place) -> None:
        well.certificate("cert", None)
        assert_fails(
            well.checks(), "tls", Cause.UNKNOWN_CA, "Test root", "poetry repo certs foo --ca"
        )


class TestClientCertificate:
    @tls_versions
    def test_demanded(
        self, well: Place, index: IndexServer, certs: CertificateFactory, version: ssl.TLSVersion
    ) -> None:
        """TLS 1.3 tells it late: the handshake has ended well for the client."""
        index.tls = server_context(certs.server(), certs.ca, maximum=version)
        checks = well.checks()
        assert_fails(
            checks,
            "client-cert",
            Cause.CLIENT_CERT_REQUIRED,
            "none is set",
            "poetry repo certs foo --client-cert",
        )
        assert checks["tls"].state is State.OK
        assert "Test root" in checks["tls"].message
        well.certificate("client-cert", certs.pem(certs.client()))
        checks = well.checks()
        assert states(checks) == {**WELL, "client-cert": "ok", "upload": "ok"}
        assert "alice, valid until" in checks["client-cert"].message
        assert checks["client-cert"].message.endswith("accepted")

    @tls_versions
    def test_of_another_ca(
        self, well: Place, index: IndexServer, certs: CertificateFactory, version: ssl.TLSVersion
    ) -> None:
        index.tls = server_context(certs.server(), certs.ca, maximum=version)
        well.certificate("client-cert", certs.pem(certs.client_foreign(), "foreign.pem"))
        found = well.checks()
        assert_fails(found, "client-cert", Cause.CLIENT_CERT_REJECTED, "rejects", "--client-cert")

    @pytest.mark.parametrize("reachable", [True, False])
    def test_expired_is_found_without_the_server(
        self, well: Place, certs: CertificateFactory, reachable: bool
    ) -> None:
        well.certificate("client-cert", certs.pem(certs.client_expired(), "expired.pem"))
        if not reachable:
            well.source(refused_url(scheme="https"))
            well.publish_to(None)
        found = well.checks()["client-cert"]
        assert (found.state, found.cause) == (State.FAIL, Cause.CLIENT_CERT_EXPIRED)
        assert found.hint == "poetry repo certs foo --client-cert PATH"
        assert "expired on 2" in found.message

    def test_the_files(self, well: Place, index: IndexServer, certs: CertificateFactory) -> None:
        index.tls = server_context(certs.server(), certs.ca)
        identity = certs.client()
        encrypted = certs.key_file(identity, "encrypted.key", passphrase=PASSPHRASE)
        cert = certs.cert_file(identity, "alone.crt")
        well.certificate("client-cert", cert)
        assert_fails(
            well.checks(), "client-cert", Cause.CLIENT_KEY_MISSING, "alone.crt", "--client-key"
        )
        well.own("client-key", str(certs.key_file(certs.client(), "other.key")))
        assert_fails(
            well.checks(), "client-cert", Cause.CLIENT_KEY_MISMATCH, "other.key", "--client-key"
        )
        well.own("client-key", str(encrypted))
        assert_fails(
            well.checks(), "client-cert", Cause.PASSPHRASE_MISSING, "encrypted.key", "--passphrase"
        )
        well.environ["POETRY_CERTIFICATES_FOO_PASSPHRASE"] = OTHER
        assert_fails(
            well.checks(),
            "client-cert",
            Cause.PASSPHRASE_WRONG,
            "encrypted.key",
            "export POETRY_CERTIFICATES_FOO_PASS",
        )
        well.environ["POETRY_CERTIFICATES_FOO_PASSPHRASE"] = PASSPHRASE
        assert states(well.checks()) == {**WELL, "client-cert": "ok", "upload": "ok"}
        well.certificate("client-cert", well.root / "gone.crt")
        assert_fails(
            well.checks(),
            "client-cert",
            Cause.TLS_FILE_MISSING,
            "gone.crt",
            "poetry repo certs foo",
        )

    def test_pkcs12(self, well: Place, index: IndexServer, certs: CertificateFactory) -> None:
        index.tls = server_context(certs.server(), certs.ca)
        well.certificate("client-cert", certs.pkcs12_file(certs.client(), passphrase=PASSPHRASE))
        well.environ["POETRY_CERTIFICATES_FOO_PASSPHRASE"] = PASSPHRASE
        checks = well.checks()
        assert states(checks) == {**WELL, "client-cert": "ok", "upload": "ok"}
        assert "364 days left" in checks["client-cert"].message

    def test_it_runs_out(self, well: Place, index: IndexServer, certs: CertificateFactory) -> None:
        index.tls = server_context(certs.server(), certs.ca)
        well.certificate("client-cert", certs.pem(certs.client(days=5.5), "short.pem"))
        found = well.checks()["client-cert"]
        assert (found.state, found.cause) == (State.WARN, None)
        assert "(5 days left)" in found.message
        assert found.hint == "poetry repo certs foo --client-cert PATH"
        assert well.report().ok
        (entry,) = [one for one in well.local() if one.check == "expiry"]
        assert (entry.state, entry.about) == (State.WARN, "foo")

    def test_set_and_not_asked_for(self, well: Place, certs: CertificateFactory) -> None:
        well.certificate("client-cert", certs.pem(certs.client()))
        found = well.checks()["client-cert"]
        assert found.state is State.OK
        assert "does not ask for it" in found.message

    @tls_versions
    def test_bound_to_another_origin(
        self, well: Place, index: IndexServer, certs: CertificateFactory, version: ssl.TLSVersion
    ) -> None:
        well.certificate("client-cert", certs.pem(certs.client()))
        well.own("certificate-origins", ["https://pypi.example.org"])
        found = well.checks()["client-cert"]
        assert found.state is State.SKIP
        assert "another origin" in found.message
        index.tls = server_context(certs.server(), certs.ca, maximum=version)
        found = well.checks()["client-cert"]
        assert (found.state, found.cause) == (State.FAIL, Cause.ORIGIN_MISMATCH)
        assert "https://pypi.example.org" in found.message

    def test_where_it_cannot_be_seen_whether_it_was_asked_for(
        self, well: Place, certs: CertificateFactory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("poetry_repo_plugin.tls.handshake.WATCH", "no_such_attribute")
        well.certificate("client-cert", certs.pem(certs.client()))
        assert well.checks()["client-cert"].message.endswith("let in")

    def test_a_server_that_went_away_after_its_refusal(
        self, well: Place, index: IndexServer
    ) -> None:
        access = well.access
        grant = access.matcher.grant_for(index.index_url, owner="foo")
        route = Route(access, grant, index.index_url, 1, socket.getaddrinfo)
        security = Security(
            access, grant, route, prepare(access, access.catalogue.get("foo"), grant), 1
        )
        assert security._of_peer(None) == Finding("tls", State.OK, "its certificate is trusted")

    def test_not_for_clients(self, well: Place, certs: CertificateFactory) -> None:
        well.certificate("client-cert", certs.pem(certs.server(), "server.pem"))
        found = well.checks()["client-cert"]
        assert (found.state, "not issued for client authentication" in found.message) == (
            State.WARN,
            True,
        )

    def test_a_helper_that_hands_one_out(
        self, well: Place, index: IndexServer, certs: CertificateFactory, tmp_path: Path
    ) -> None:
        """ExecCredential (client.authentication.k8s.io)."""
        index.tls = server_context(certs.server(), certs.ca)
        identity = certs.client()
        status = {
            "clientCertificateData": identity.cert_pem.decode(),
            "clientKeyData": identity.key_pem.decode(),
            "token": OTHER,
        }
        answer = {
            "apiVersion": "client.authentication.k8s.io/v1",
            "kind": "ExecCredential",
            "status": status,
        }
        (tmp_path / "answer.json").write_text(json.dumps(answer))
        well.settle("auth.toml", "http-basic", value=None)
        index.tokens = {OTHER}
        helper(well, tmp_path, index, "")
        (tmp_path / "helper").write_text(f"#!/bin/sh\ncat {tmp_path / 'answer.json'}\n")
        well.own("helper-protocol", "exec-credential")
        checks = well.checks()
        assert states(checks) == {**WELL, "client-cert": "ok", "upload": "ok"}
        assert checks["client-cert"].message == "the one from its helper: accepted"
        (tmp_path / "helper").write_text("#!/bin/sh\nsleep 3\n")
        found = well.checks(step=QUICK)["client-cert"]
        assert (found.state, found.cause) == (State.FAIL, Cause.TIMEOUT)
        (tmp_path / "helper").write_text("#!/bin/sh\nexit 3\n")
        found = well.checks()["client-cert"]
        assert found.state is State.FAIL
        assert "helper" in found.message

    @tls_versions
    def test_wanted_and_not_demanded(
        self, well: Place, index: IndexServer, certs: CertificateFactory, version: ssl.TLSVersion
    ) -> None:
        """nginx's ``ssl_verify_client optional``, and a 403 for who has none."""
        assert well.checks()["client-cert"].message == "none is set, and none is demanded"
        index.tls = server_context(
            certs.server(), certs.ca, require=False, minimum=version, maximum=version
        )
        index.respond = lambda request: None if request.peer else faults.forbidden()
        checks = well.checks()
        assert checks["client-cert"].message == "none is set; the server asks for one, optionally"
        found = checks["credential"]
        assert (found.state, found.cause) == (State.FAIL, Cause.CREDENTIAL_REJECTED)
        assert found.message.endswith(
            "; or it wants the client certificate for which it asks, optionally"
        )
        well.certificate("client-cert", certs.pem(certs.client()))
        assert states(well.checks())["credential"] == "ok"

    def test_a_page_that_refuses_it(self, well: Place, index: IndexServer) -> None:
        """nginx ends the handshake well and says it in a 400."""
        page = "<html><center>No required SSL certificate was sent</center></html>"
        index.respond = lambda request: Response.html(page, 400)
        checks = well.checks()
        assert_fails(checks, "client-cert", Cause.CLIENT_CERT_REQUIRED, hint="--client-cert")
        assert checks["index"].message == "not reached, because client-cert failed"
        assert checks["credential"].message.endswith("not tried, because client-cert failed")


class TestProxy:
    def test_through_one(
        self, well: Place, certs: CertificateFactory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The proxy resolves the name, which this machine cannot."""
        host = "pypi.example.invalid"
        with (
            IndexServer(
                tls=server_context(certs.server(host), certs.ca), credentials={USER: PASSWORD}
            ) as server,
            ProxyServer(
                hosts={host: ("127.0.0.1", server.port)}, credentials={"pat": OTHER}
            ) as proxy,
        ):
            well.source(f"https://{host}/simple/")
            well.publish_to(None)
            well.certificate("client-cert", certs.pem(certs.client()))
            monkeypatch.setenv("HTTPS_PROXY", f"http://pat:{OTHER}@{proxy.netloc}")
            checks = well.checks()
            assert states(checks) == {**WELL, "client-cert": "ok", "upload": "skip"}
            assert f"the proxy {proxy.netloc}" in checks["dns"].message
            assert f"connects to {host}" in checks["connect"].message
            (foo,) = well.report("foo").document()["repositories"]
            assert foo["proxy"] == proxy.netloc
            assert None not in (foo["expires_at"]["client_cert"], foo["expires_at"]["server_cert"])
            monkeypatch.setenv("HTTPS_PROXY", f"http://pat:wrong@{proxy.netloc}")
            assert_fails(well.checks(), "connect", Cause.PROXY, "407", "unset HTTPS_PROXY")
            proxy.credentials = None
            proxy.hosts[host] = ("127.0.0.1", 1)
            assert_fails(well.checks(), "connect", Cause.PROXY, "502", "unset HTTPS_PROXY")
            monkeypatch.setenv("NO_PROXY", "example.invalid")
            assert_fails(well.checks(), "dns", Cause.DNS, host)

    @pytest.mark.parametrize(
        ("proxy", "check", "words"),
        [
            (
                "http://no-such-host.invalid:3128",
                "dns",
                "the name of the proxy no-such-host.invalid",
            ),
            ("REFUSED", "connect", "cannot be used"),
            ("http://", "dns", "its URL is wrong: it has no host"),
            ("proxy:3128", "dns", "its URL has no scheme"),
            ("GARBAGE", "connect", "what it answers is not HTTP"),
        ],
    )
    def test_a_bad_one(
        self, well: Place, monkeypatch: pytest.MonkeyPatch, proxy: str, check: str, words: str
    ) -> None:
        well.source("https://pypi.example.invalid/simple/")
        well.publish_to(None)
        with listening(
            lambda connection: connection.sendall(b"220 mail.example.org ESMTP\r\n")
        ) as port:
            places = {"REFUSED": refused_url(""), "GARBAGE": f"http://127.0.0.1:{port}"}
            monkeypatch.setenv("HTTPS_PROXY", places.get(proxy, proxy))
            checks = well.checks()
            assert_fails(checks, check, Cause.PROXY, words, "unset HTTPS_PROXY")
            assert checks[check].message.endswith(" (set by HTTPS_PROXY)")

    def test_one_without_a_scheme(self, well: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        well.source("https://pypi.example.invalid/simple/")
        well.publish_to(None)
        monkeypatch.setenv("https_proxy", refused_url("").removeprefix("http://"))
        checks = well.checks()
        assert_fails(checks, "connect", Cause.PROXY, "cannot be used", "unset https_proxy")
        assert checks["connect"].message.endswith(" (set by https_proxy)")

    @pytest.mark.parametrize(
        ("spoil", "check", "cause", "words"),
        [
            ("required", "client-cert", Cause.CLIENT_CERT_REQUIRED, "none is set"),
            ("foreign", "client-cert", Cause.CLIENT_CERT_REJECTED, "not know the CA"),
            ("expired", "tls", Cause.SERVER_CERT_EXPIRED, "its certificate expired on 20"),
            (
                "wrong host",
                "tls",
                Cause.HOSTNAME_MISMATCH,
                "is for wrong.example.org, not for 127.0.0.1",
            ),
            ("unknown CA", "tls", Cause.UNKNOWN_CA, "Another root"),
        ],
    )
    def test_what_fails_behind_one_is_told_as_without_it(
        self,
        well: Place,
        index: IndexServer,
        certs: CertificateFactory,
        monkeypatch: pytest.MonkeyPatch,
        *,
        spoil: str,
        check: str,
        cause: Cause,
        words: str,
    ) -> None:
        made = {"expired": certs.server_expired, "wrong host": certs.server_wrong_host}
        made |= {"unknown CA": certs.server_unknown_ca}
        index.tls = server_context(
            made.get(spoil, certs.server)(), certs.ca if spoil in ("required", "foreign") else None
        )
        if spoil == "foreign":
            well.certificate("client-cert", certs.pem(certs.client_foreign(), "foreign.pem"))
        with ProxyServer(credentials={"pat": OTHER}) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://pat:{OTHER}@{proxy.netloc}")
            found = well.checks()[check]
            assert proxy.tunnels
        assert (found.state, found.cause) == (State.FAIL, cause), found
        assert words in found.message
        assert not index.saw_secret(OTHER)

    def test_plain_http_through_one(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        with ProxyServer() as proxy:
            proxy.respond = lambda request: Response.html("<a href='x'>x</a>")
            monkeypatch.setenv("HTTP_PROXY", proxy.origin)
            place.remember("http://pypi.example.invalid/simple/")
            checks = place.checks()
            assert (checks["connect"].state, checks["index"].state) == (State.OK, State.OK)

    @pytest.mark.skipif(find_spec("socks") is not None, reason="PySocks is here")
    def test_socks_without_its_package(self, well: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:1080")
        assert_fails(well.checks(), "dns", Cause.PROXY, "PySocks", "unset HTTPS_PROXY")

    def test_socks(
        self,
        well: Place,
        certs: CertificateFactory,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
    ) -> None:
        monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:1080")
        (tmp_path / "socks.py").write_text("")
        monkeypatch.syspath_prepend(tmp_path)
        checks = well.checks()
        assert states(checks)["connect"] == states(checks)["tls"] == "skip"
        assert "socks5" in checks["connect"].message
        assert "none is set" in checks["client-cert"].message
        well.certificate("client-cert", certs.pem(certs.client()))
        assert "the proxy hides this" in well.checks()["client-cert"].message
        assert checks["index"].state is State.FAIL
