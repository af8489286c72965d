"""Credential, index and upload: what a repository may answer, and what the doctor makes of it."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from poetry_repo_plugin.core.errors import Cause
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.credentials.keyring import KeyringEntry, KeyringGate
from poetry_repo_plugin.credentials.keyring_services import HostService, UrlService
from poetry_repo_plugin.credentials.keyring_worker import KeyringUnavailable
from poetry_repo_plugin.doctor.report import State
from tests.certs import CertificateFactory, server_context
from tests.doctor.place import (
    OTHER,
    PASSWORD,
    QUICK,
    USER,
    WELL,
    Place,
    Stubborn,
    assert_fails,
    assert_well,
    helper,
    states,
)
from tests.servers import IndexServer, ProxyServer, Response, faults, refused_url
from tests.servers.messages import RecordedRequest


class TestCredential:
    def test_missing(self, well: Place) -> None:
        well.settle("auth.toml", "http-basic", value=None)
        checks = well.checks()
        assert_fails(
            checks,
            "credential",
            Cause.CREDENTIAL_MISSING,
            "none is configured",
            "poetry repo login foo",
        )
        assert states(checks)["index"] == states(checks)["upload"] == "skip"

    def test_rejected(self, well: Place) -> None:
        well.log_in(OTHER)
        found = well.checks()
        assert_fails(
            found, "credential", Cause.CREDENTIAL_REJECTED, "auth.toml", "poetry repo login foo"
        )
        assert "user alice" in found["credential"].message

    def test_of_the_environment_is_to_be_set_anew(self, well: Place) -> None:
        """Whoever logs in as the hint says is refused again for as long as the variable is set."""
        well.environ["POETRY_HTTP_BASIC_FOO_PASSWORD"] = OTHER
        words = "of user alice from environment variable POETRY_HTTP_BASIC_FOO_PASSWORD (401). It takes precedence"
        hint = "export POETRY_HTTP_BASIC_FOO_PASSWORD="
        assert_fails(well.checks(), "credential", Cause.CREDENTIAL_REJECTED, words, hint)
        well.environ["POETRY_HTTP_BASIC_FOO_USERNAME"] = USER
        well.environ["POETRY_HTTP_BASIC_FOO_PASSWORD"] = PASSWORD
        assert_well(well)

    def test_of_pypi_is_not_said_to_be_in_order_where_nothing_was_reached(
        self, well: Place
    ) -> None:
        well.settle("auth.toml", "pypi-token", "pypi", value=PASSWORD)

        def unknown(*_: object, **__: object) -> list[object]:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")

        checks = well.checks("pypi", resolve=unknown)
        assert (checks["dns"].state, checks["credential"].state) == (State.FAIL, State.SKIP)
        assert "__token__, from auth.toml" in checks["credential"].message

    def test_without_rights(self, well: Place, index: IndexServer) -> None:
        index.respond = lambda request: faults.forbidden() if request.authorization else None
        assert_fails(
            well.checks(),
            "credential",
            Cause.CREDENTIAL_REJECTED,
            "not allowed",
            "poetry repo login foo",
        )

    def test_of_another_origin(self, well: Place) -> None:
        well.own("credential-origins", ["https://pypi.example.org/simple"])
        checks = well.checks()
        found = checks["credential"]
        assert (found.state, found.cause) == (State.FAIL, Cause.ORIGIN_MISMATCH)
        assert "poetry repo login foo --url https://127.0.0.1" in (found.hint or "")

    def test_nobody_needs_one(self, well: Place, index: IndexServer) -> None:
        index.credentials = None
        well.settle("auth.toml", "http-basic", value=None)
        found = well.checks()["credential"]
        assert found.state is State.OK
        assert found.message == "none is set, and none is needed: the index is open to everyone"

    def test_set_and_not_needed(self, well: Place, index: IndexServer) -> None:
        index.credentials = None
        found = well.checks()["credential"]
        assert found.state is State.OK
        assert "could not be verified" in found.message

    def test_stored_for_elsewhere_and_not_needed(self, well: Place, index: IndexServer) -> None:
        index.credentials = None
        well.own("credential-origins", ["https://pypi.example.org/simple"])
        found = well.checks()["credential"]
        assert (found.state, found.cause) == (State.WARN, Cause.ORIGIN_MISMATCH)

    @pytest.mark.parametrize("file", ["env", "url"])
    def test_where_it_comes_from(self, well: Place, index: IndexServer, file: str) -> None:
        if file == "env":
            well.environ.update(
                POETRY_HTTP_BASIC_FOO_USERNAME=USER, POETRY_HTTP_BASIC_FOO_PASSWORD=PASSWORD
            )
            expected = (
                "alice, from env (environment variable POETRY_HTTP_BASIC_FOO_PASSWORD): accepted"
            )
        else:
            well.source(
                index.with_userinfo(index.index_url, f"{USER}:s3cret-%7Bcache-dir%7D-w%C3%B6rd")
            )
            expected = "alice, from url (the source's URL): accepted"
        assert well.checks()["credential"].message == expected

    def test_an_answer_that_is_to_be_ignored(self, well: Place, index: IndexServer) -> None:
        well.own("ignore-error-codes", [403])
        index.respond = lambda request: faults.forbidden() if request.method == "GET" else None
        checks = well.checks()
        assert (checks["credential"].state, checks["index"].state) == (State.SKIP, State.WARN)
        assert well.report().ok

    def test_a_password_that_is_refused_with_what_is_ignored(
        self, well: Place, index: IndexServer
    ) -> None:
        """A stranger gets another answer, so it is about the password."""
        well.own("ignore-error-codes", [403])
        well.publish_to(None)
        index.respond = lambda request: faults.forbidden() if request.authorization else None
        assert_fails(
            well.checks(), "credential", Cause.CREDENTIAL_REJECTED, "(403)", "poetry repo login foo"
        )

    def test_an_upload_that_is_refused_with_what_is_ignored(
        self, well: Place, index: IndexServer
    ) -> None:
        """What a page may answer, an upload may not."""
        well.own("ignore-error-codes", [403])
        index.respond = lambda request: faults.forbidden() if request.method == "POST" else None
        assert_fails(
            well.checks(), "upload", Cause.CREDENTIAL_REJECTED, "(403)", "poetry repo login foo"
        )

    def test_a_server_that_hides_from_strangers(self, well: Place, index: IndexServer) -> None:
        index.respond = lambda request: (
            None if request.authorization else Response.text(404, "nothing here")
        )
        assert states(well.checks())["credential"] == "ok"
        well.settle("auth.toml", "http-basic", value=None)
        checks = well.checks()
        assert checks["index"].cause is Cause.NOT_AN_INDEX
        assert checks["credential"].message == "none is set; it is unknown whether one is needed"

    def test_a_helper_that_hangs(self, well: Place, index: IndexServer, tmp_path: Path) -> None:
        well.settle("auth.toml", "http-basic", value=None)
        helper(well, tmp_path, index, "sleep 3")
        assert_fails(well.checks(step=QUICK), "credential", Cause.TIMEOUT, "took longer than 1 s")
        index.index.read_auth = False
        helper(well, tmp_path, index, f"echo username={USER}; echo password={PASSWORD}")
        assert states(well.checks()) == {**WELL, "upload": "ok"}
        well.pyproject.unlink()
        helper(well, tmp_path, index, "sleep 3")
        checks = well.checks(step=QUICK)
        assert checks["upload"].cause is checks["credential"].cause is Cause.TIMEOUT

    def test_in_the_keyring_by_url(self, well: Place, index: IndexServer) -> None:
        class ByUrl(KeyringGate):
            def stored(
                self, name: str, username: str, *, known: bool = False
            ) -> KeyringEntry | None:
                return None

            def found(
                self, place: UrlService | HostService, username: str | None
            ) -> KeyringEntry | None:
                return KeyringEntry(USER, Secret(PASSWORD))

        well.settle("auth.toml", "http-basic", value=None)
        well.gate = ByUrl(enabled=lambda: True)
        found = well.checks()["credential"]
        assert (found.state, found.message.startswith("alice, from keyring-url")) == (
            State.OK,
            True,
        )
        index.credentials = None
        assert "alice, from keyring-url" in well.checks()["credential"].message

    @pytest.mark.parametrize("state", ["slow", "gone"])
    def test_a_keyring_in_the_way(self, well: Place, index: IndexServer, state: str) -> None:
        """Where no credential is needed it is a warning: Poetry does not ask for one there
        either.
        """
        well.gate = Stubborn(slow=state == "slow")
        well.settle(
            "auth.toml", "http-basic", "foo", value={"username": USER}
        )  # the password is in the keyring
        words, cause = (
            ("took longer", Cause.TIMEOUT)
            if state == "slow"
            else ("out of order", Cause.CREDENTIAL_MISSING)
        )
        found = well.checks(step=QUICK)
        assert_fails(
            found, "credential", cause, words, None if state == "slow" else "poetry repo login foo"
        )
        index.credentials = None
        well.settle("auth.toml", "http-basic", value=None)
        finding = well.checks(step=QUICK)["credential"]
        assert (finding.state, words in finding.message) == (State.WARN, True)
        well.source(refused_url(scheme="https"))
        well.publish_to(None)
        finding = well.checks(step=QUICK)["credential"]
        assert (finding.state, words in finding.message) == (State.WARN, True)


class TestIndex:
    def test_nothing_there(self, well: Place, index: IndexServer) -> None:
        well.source(f"{index.origin}/elsewhere/simple/")
        checks = well.checks()
        assert checks["index"].cause is Cause.NOT_AN_INDEX
        assert "(404)" in checks["index"].message
        assert checks["index"].hint == "poetry repo add foo URL --publish-url URL"
        well.source(f"{index.origin}/elsewhere")
        assert well.checks()["index"].cause is Cause.NOT_AN_INDEX

    @pytest.mark.parametrize(
        ("response", "cause", "words"),
        [
            (faults.login_page(), Cause.NOT_AN_INDEX, "login page"),
            (Response.text(500, "broken"), Cause.SERVER_ERROR, "500"),
            (Response.text(503, "broken"), Cause.SERVER_ERROR, "503"),
            (faults.too_many_requests(), Cause.SERVER_ERROR, "429"),
            (faults.proxy_authentication_required(), Cause.PROXY, "407"),
            (Response.text(410, "gone"), Cause.NOT_AN_INDEX, "410"),
            (Response(301), Cause.NOT_AN_INDEX, "answers 301 without saying where to go instead"),
            (
                Response.text(200, "{}", {"Content-Type": "application/json"}),
                Cause.NOT_AN_INDEX,
                "does not follow PEP 691",
            ),
            (faults.sign_on(), Cause.NOT_AN_INDEX, "login page"),
        ],
    )
    def test_another_answer(
        self, well: Place, index: IndexServer, response: Response, cause: Cause, words: str
    ) -> None:
        assert_well(well)
        index.respond = lambda request: response if request.method == "GET" else None
        checks = well.checks()
        assert (checks["index"].state, checks["index"].cause) == (State.FAIL, cause), checks[
            "index"
        ]
        assert words in checks["index"].message
        assert not well.report().ok

    def test_a_page_of_anything(self, well: Place, index: IndexServer) -> None:
        """A server's user interface, with the index below it."""
        page = Response.html("<title>Nexus Repository Manager</title><div id=app></div>")
        index.respond = lambda request: page if request.path == "/" else None
        well.source(f"{index.origin}/")
        hint = f"poetry repo add foo {index.index_url}"
        found = well.checks()["index"]
        assert (found.state, found.cause, found.hint) == (State.FAIL, Cause.NOT_AN_INDEX, hint)
        assert f"no index at {index.origin}/, but there is one at" in found.message
        well.source(index.index_url)
        assert_well(well)

    def test_twin_a_page_that_lists_nothing(self, well: Place, index: IndexServer) -> None:
        """It may be a new index, to which somebody is about to publish."""
        page = Response.html("<title>Our Wiki</title>")
        index.respond = lambda request: page if request.method == "GET" else None
        found = well.checks()["index"]
        assert (found.state, found.cause) == (State.WARN, None)
        assert "the page “Our Wiki”, which lists no packages" in found.message
        assert well.report().ok

    @pytest.mark.parametrize("refusal", [Response.text(403, "no"), Response.text(405, "no")])
    def test_a_root_that_is_not_shown(
        self, well: Place, index: IndexServer, refusal: Response
    ) -> None:
        """Object stores list nothing; what they have, they hand out."""

        def respond(request: RecordedRequest) -> Response | None:
            is_root = request.path == index.index.prefix
            return refusal if is_root and request.authorization is not None else None

        index.respond = respond
        assert_well(well)
        assert "its root is not shown" in well.checks()["index"].message
        well.log_in(OTHER)
        assert well.checks()["credential"].cause is Cause.CREDENTIAL_REJECTED

    def test_reset_in_the_middle(self, well: Place, index: IndexServer) -> None:
        index.respond = lambda request: faults.reset_body(0) if request.method == "GET" else None
        found = well.checks()["index"]
        assert (found.state, found.cause) == (State.FAIL, Cause.SERVER_ERROR)
        # Whether the reset overtakes the header is a matter of luck.
        assert found.message in (
            "its answer ended early",
            "it closed the connection without answering",
        )

    @pytest.mark.parametrize("way", ["silence", "drip"])
    def test_too_slow(self, well: Place, index: IndexServer, way: str) -> None:
        """A byte now and then keeps every limit between two reads, and not the one of the check."""
        slow = faults.silence() if way == "silence" else faults.drip(b"x" * 200, 0.2)
        index.respond = lambda request: slow
        started = time.monotonic()
        checks = well.checks(step=QUICK)
        assert time.monotonic() - started < 8 * QUICK
        assert_fails(checks, "index", Cause.TIMEOUT, "")
        assert checks["upload"].message == "not reached, because index failed"

    def test_a_huge_page_is_not_read_to_its_end(self, well: Place, index: IndexServer) -> None:
        """The root of a mirror of PyPI."""
        sent = 0

        def pages() -> Iterator[bytes]:
            nonlocal sent
            for _ in range(400):
                sent += 1
                yield b'<a href="x/">x</a>\n' * (faults.PIECE // 19)

        index.respond = lambda request: (
            Response(200, pages(), {"Content-Type": "text/html"})
            if request.method == "GET"
            else None
        )
        assert states(well.checks())["index"] == "ok"
        assert 0 < sent < 100

    def test_known_servers_get_a_line_of_advice(self, place: Place) -> None:
        with IndexServer(prefix="/repository/pypi/simple/") as server:
            place.remember(server.index_url)
            assert (
                "Nexus Repository: Publish to a hosted repository"
                in place.checks()["index"].message
            )

    def test_advice_goes_with_refusals_only(self, place: Place) -> None:
        """What a vendor says about credentials is no help against a name that cannot be
        resolved.
        """
        with IndexServer(prefix="/repository/pypi/simple/", credentials={USER: PASSWORD}) as server:
            place.remember(server.index_url)
            refused = place.checks()["credential"]
            assert refused.cause is Cause.CREDENTIAL_MISSING
            assert refused.message.endswith("proxies and groups are read-only")
            place.publish_to("https://no-such-host.invalid/repository/pypi/")
            place.log_in()
            place.own("credential-origins", [server.origin])
            checks = place.checks()
            assert checks["credential"].state is State.OK
            assert checks["upload"].cause is Cause.DNS
            assert "read from only" not in checks["upload"].message

    def test_a_server_that_lists_nothing(
        self, well: Place, certs: CertificateFactory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        host = "dom-123456789012.d.codeartifact.eu-central-1.amazonaws.com"
        with (
            IndexServer(
                tls=server_context(certs.server(host)), credentials={"aws": PASSWORD}
            ) as server,
            ProxyServer(hosts={host: ("127.0.0.1", server.port)}) as proxy,
        ):
            server.respond = lambda request: (
                Response.text(404, "no") if request.authorization else None
            )
            server.index.prefix = "/pypi/repo/simple/"
            monkeypatch.setenv("HTTPS_PROXY", proxy.origin)
            well.source(f"https://{host}/pypi/repo/simple/")
            well.publish_to(None)
            well.settle(
                "auth.toml", "http-basic", "foo", value={"username": "aws", "password": PASSWORD}
            )
            server.index.prefix = "/pypi/repo/simple/"
            checks = well.checks()
            assert checks["index"].state is State.OK, checks["index"]
            assert "404 at its root, which is normal (AWS CodeArtifact" in checks["index"].message


class TestUpload:
    def test_no_url(self, well: Place) -> None:
        well.publish_to(None)
        found = well.checks()["upload"]
        assert (found.state, found.message) == (
            State.SKIP,
            "no publish URL is known; it is for installing",
        )

    def test_the_index_itself(self, well: Place, index: IndexServer) -> None:
        well.publish_to(index.index_url)
        found = well.checks()
        assert_fails(
            found,
            "upload",
            Cause.NOT_AN_UPLOAD_URL,
            "does not accept uploads (405)",
            "--publish-url",
        )
        assert (found["upload"].hint or "").startswith(f"poetry repo add foo {index.index_url} ")

    def test_no_url_at_all(self, well: Place) -> None:
        well.publish_to("pypi.example.org/upload")
        assert_fails(
            well.checks(),
            "upload",
            Cause.NOT_AN_UPLOAD_URL,
            "not an http or https URL",
            "--publish-url",
        )

    def test_nothing_there(self, well: Place, index: IndexServer) -> None:
        well.remember(index.index_url)
        well.publish_to(f"{index.origin}/nowhere/")
        assert_fails(well.checks(), "upload", Cause.NOT_AN_UPLOAD_URL, "404", "--publish-url")

    @pytest.mark.parametrize(
        ("response", "state", "cause", "words"),
        [
            (Response.text(405, "no"), "fail", Cause.NOT_AN_UPLOAD_URL, "405"),
            (faults.login_page(), "fail", Cause.NOT_AN_UPLOAD_URL, "login page"),
            (
                faults.redirect("/login", 302),
                "fail",
                Cause.NOT_AN_UPLOAD_URL,
                "redirects to /login (302)",
            ),
            (Response.text(503, "no"), "fail", Cause.SERVER_ERROR, "503"),
            (faults.too_many_requests(), "fail", Cause.SERVER_ERROR, "429"),
            (faults.proxy_authentication_required(), "fail", Cause.PROXY, "407"),
            (faults.forbidden(), "fail", Cause.CREDENTIAL_REJECTED, "not allowed to do this (403)"),
            (Response.text(500, "no"), "warn", Cause.SERVER_ERROR, "500"),
            (Response.html("<p>hello</p>"), "warn", None, "is it the URL for uploads?"),
            (Response.text(400, "no :action"), "ok", None, "only an upload can tell"),
            (Response.text(422, "no"), "ok", None, "only an upload can tell"),
        ],
    )
    def test_an_upload_of_nothing(
        self,
        well: Place,
        index: IndexServer,
        response: Response,
        state: str,
        cause: Cause | None,
        words: str,
    ) -> None:
        index.respond = lambda request: response if request.method == "POST" else None
        found = well.checks()["upload"]
        assert (found.state.value, found.cause) == (state, cause), found
        assert words in found.message
        assert index.uploads == []

    def test_another_password(self, well: Place, index: IndexServer) -> None:
        index.index.upload_credentials = {USER: OTHER}
        assert_fails(
            well.checks(), "upload", Cause.CREDENTIAL_REJECTED, "auth.toml", "poetry repo login foo"
        )

    def test_only_uploads_need_one(self, well: Place, index: IndexServer) -> None:
        index.index.read_auth = False
        assert states(well.checks())["upload"] == "ok"
        well.settle("auth.toml", "http-basic", value=None)
        assert_fails(
            well.checks(),
            "upload",
            Cause.CREDENTIAL_MISSING,
            "none is configured",
            "poetry repo login foo",
        )

    def test_in_ci_a_token_comes_later(
        self, well: Place, index: IndexServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        index.index.read_auth = False
        well.settle("auth.toml", "http-basic", value=None)
        monkeypatch.setenv("GITHUB_ACTIONS", "true")
        found = well.checks()["upload"]
        assert (found.state, "GitHub Actions" in found.message) == (State.SKIP, True)
        assert not [path for path in index.paths() if "oidc" in path]

    def test_who_only_installs_has_not_failed(self, place: Place) -> None:
        """The publish URL is derived: nobody said that uploads go there."""
        with IndexServer(prefix="/repository/pypi/simple/") as server:
            server.respond = lambda request: (
                faults.unauthorized() if request.method == "POST" else None
            )
            place.remember(server.index_url)
            found = place.checks()["upload"]
            assert (found.state, "needed for publishing only" in found.message) == (
                State.SKIP,
                True,
            )
            place.log_in()
            found = place.checks()["upload"]
            assert (found.state, found.cause) == (State.WARN, Cause.CREDENTIAL_REJECTED)
            assert "Publish to a hosted repository" in found.message
            assert place.report("foo").ok

    def test_another_origin(
        self, well: Place, index: IndexServer, certs: CertificateFactory
    ) -> None:
        """Its own failures are its own."""
        with IndexServer(
            tls=server_context(certs.server_unknown_ca()), credentials={USER: PASSWORD}
        ) as other:
            well.remember(index.index_url)
            well.publish_to(other.upload_url)
            assert_fails(
                well.checks(),
                "upload",
                Cause.UNKNOWN_CA,
                "Another root",
                "poetry repo certs foo --ca",
            )
            other.tls = server_context(certs.server())
            well.source(refused_url(scheme="https"))
            checks = well.checks()
            assert (checks["connect"].state, checks["upload"].state) == (State.FAIL, State.OK)

    def test_for_publishing_only(self, well: Place, index: IndexServer) -> None:
        well.pyproject.unlink()
        checks = well.checks()
        assert states(checks) == {**WELL, "index": "skip", "upload": "ok"}
        assert checks["credential"].message.endswith("accepted")
        well.log_in(OTHER)
        checks = well.checks()
        assert checks["upload"].cause is checks["credential"].cause is Cause.CREDENTIAL_REJECTED
        well.publish_to("not a url")
        assert_fails(well.checks(), "dns", Cause.NOT_AN_UPLOAD_URL, hint="--publish-only")


def test_looking_tells_no_helper_and_keeps_nothing(
    well: Place, index: IndexServer, tmp_path: Path
) -> None:
    """git's helpers forget a credential that they are told was refused."""
    well.settle("auth.toml", "http-basic", value=None)
    log = helper(well, tmp_path, index, f"echo username={USER}; echo password={OTHER}")
    assert_fails(
        well.checks(), "credential", Cause.CREDENTIAL_REJECTED, "helper", "poetry repo login foo"
    )
    assert set(log.read_text().split()) == {"get"}
    log = helper(
        well,
        tmp_path,
        index,
        f"echo username={USER}; echo password={PASSWORD}; echo password_expiry_utc=9999999999",
    )
    assert_well(well)
    assert set(log.read_text().split()) == {"get"}
    gate = well.access.gate
    for write in (
        lambda: gate.store("foo", USER, Secret(PASSWORD)),
        lambda: gate.forget("foo", USER),
    ):
        with pytest.raises(KeyringUnavailable):
            write()
