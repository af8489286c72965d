"""What travels with a request and what comes back, over real sockets: Poetry's own sessions on our
adapter.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from poetry_repo_plugin.config.bindings import Kind
from poetry_repo_plugin.config.changes import Changes
from poetry_repo_plugin.core.errors import Cause, Failure
from poetry_repo_plugin.credentials.base import Purpose
from poetry_repo_plugin.http.adapter import DirectAdapter
from poetry_repo_plugin.http.auth import Access
from poetry_repo_plugin.http.proxy import fault_of
from tests import packages
from tests.certs import CertificateFactory, server_context
from tests.config.saving import saving
from tests.http.world import MARK, World
from tests.servers import IndexServer, ProxyServer, RecordedRequest, Response

NAME = "acme"
UNUSUAL = "REQUESTED ITEM IS QUARANTINED"


@pytest.fixture
def index() -> Iterator[IndexServer]:
    with IndexServer(credentials={"me": MARK}) as server:
        server.add_all([packages.wheel("lib", "1.0"), packages.wheel("bad", "1.0")])
        yield server


@pytest.fixture
def elsewhere() -> Iterator[IndexServer]:
    """Another origin with the same login."""
    with IndexServer(host="localhost", credentials={"me": MARK}) as server:
        server.add_all([packages.wheel("lib", "1.0")])
        yield server


@pytest.fixture
def known(world: World, index: IndexServer) -> World:
    """A user who is logged in to the index."""
    world.sources(**{NAME: index.index_url})
    saving(world.settings).save_publish_url(NAME, index.upload_url)
    world.login(NAME, index.index_url, index.upload_url)
    return world


def session_of(access: Access, purpose: Purpose = Purpose.INDEX) -> requests.Session:
    adapter = DirectAdapter(
        lambda: access, lambda error: error, owner=lambda: NAME, purpose=purpose
    )
    session = requests.Session()
    session.trust_env = False
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return session


def fails(session: requests.Session, url: str) -> Failure:
    with pytest.raises(Failure) as caught:
        session.get(url)
    assert MARK not in "".join(caught.value.lines())
    return caught.value


def uploading(access: Access, url: str) -> requests.Response:
    session = session_of(access, Purpose.PUBLISH)
    return session.post(url, files={"content": ("a.whl", b"wheel")}, allow_redirects=False)


def moved(index: IndexServer, source: str, target: str, status: int = 301) -> None:
    """Redirect what is asked of ``source``, a path, or below it."""

    def respond(request: RecordedRequest) -> Response | None:
        if not request.path.startswith(source):
            return None
        return Response(status, b"", {"Location": target + request.path.removeprefix(source)})

    index.respond = respond


class TestRedirects:
    """B1: a login is not taken to another origin, and the failure names the command that does."""

    def test_the_login_stays_behind_and_the_hint_names_the_place(
        self, known: World, index: IndexServer, elsewhere: IndexServer
    ) -> None:
        moved(index, "/simple/", elsewhere.index_url)
        found = fails(session_of(known.access()), f"{index.index_url}lib/")
        assert found.cause is Cause.ORIGIN_MISMATCH
        assert found.hint == f"poetry repo login {NAME} --url {elsewhere.index_url}"
        assert not elsewhere.saw_secret(MARK)

    def test_typed_the_hint_helps(
        self, known: World, index: IndexServer, elsewhere: IndexServer
    ) -> None:
        moved(index, "/simple/", elsewhere.index_url)
        known.bindings.record(NAME, Kind.CREDENTIAL, [elsewhere.index_url])
        assert session_of(known.access()).get(f"{elsewhere.index_url}lib/").status_code == 200

    def test_files_elsewhere_name_the_whole_origin(
        self, known: World, index: IndexServer, elsewhere: IndexServer
    ) -> None:
        """Each file may lie in a folder of its own."""
        file = f"{elsewhere.origin}/ab/cd/lib-1.0-py3-none-any.whl"
        elsewhere.respond = lambda request: Response.text(401, "who are you?")
        access = known.access()
        access.matcher.add_link(NAME, file)
        found = fails(session_of(access), file)
        assert found.cause is Cause.ORIGIN_MISMATCH
        assert found.hint == f"poetry repo login {NAME} --url {elsewhere.url}"

    def test_where_no_login_is_wanted_none_is_missed(
        self, known: World, index: IndexServer, elsewhere: IndexServer
    ) -> None:
        moved(index, "/simple/", elsewhere.index_url)
        elsewhere.credentials = None
        assert session_of(known.access()).get(f"{index.index_url}lib/").status_code == 200

    def test_nothing_of_ours_is_on_the_wire_after_a_redirect_at_home(
        self, known: World, index: IndexServer
    ) -> None:
        moved(index, "/old/", "/simple/")
        answer = session_of(known.access()).get(f"{index.origin}/old/lib/")
        assert answer.status_code == 401 or answer.status_code == 200
        names = {name.lower() for request in index.requests for name, _ in request.raw_headers}
        assert not [name for name in names if "hop" in name or "poetry" in name]


class TestDirectUrls:
    """A11."""

    def test_a_file_beside_the_index_names_its_folder(
        self, world: World, index: IndexServer
    ) -> None:
        url = f"{index.origin}/team-a/simple/"
        world.sources(**{NAME: url})
        world.login(NAME, url)
        index.respond = lambda request: (
            Response.text(401, "no") if request.path.startswith("/direct/") else None
        )
        access = world.access()
        adapter = DirectAdapter(lambda: access, lambda error: error)
        session = requests.Session()
        session.mount("http://", adapter)
        found = fails(session, f"{index.origin}/direct/files/lib-1.0-py3-none-any.whl")
        assert found.cause is Cause.ORIGIN_MISMATCH
        assert found.hint == f"poetry repo login {NAME} --url {index.origin}/direct/files/"


class TestForbidden:
    """A7: the server's reason is told, and a good login is not called a bad one."""

    def test_a_file_that_is_quarantined(self, known: World, index: IndexServer) -> None:
        refused = Response(403, b"", reason=UNUSUAL)
        index.respond = lambda request: (
            refused if "bad" in request.path and ".whl" in request.path else None
        )
        session = session_of(known.access())
        assert session.get(f"{index.index_url}bad/").status_code == 200
        found = fails(session, f"{index.origin}/files/bad-1.0-py3-none-any.whl")
        assert found.cause is Cause.FORBIDDEN
        assert UNUSUAL in found.message
        assert found.hint is None

    def test_before_anything_was_accepted_it_is_the_login_that_is_in_doubt(
        self, known: World, index: IndexServer
    ) -> None:
        index.respond = lambda request: Response.text(403, "no read permission for team 42")
        found = fails(session_of(known.access()), f"{index.index_url}lib/")
        assert found.cause is Cause.CREDENTIAL_REJECTED
        assert "no read permission for team 42" in found.message
        assert "--ignore-error-code 403" in found.message

    def test_a_page_that_an_index_lacks(self, known: World, index: IndexServer) -> None:
        """B8: some answer 403 for what they do not have."""
        index.respond = lambda request: (
            Response.text(403, "nope") if "none" in request.path else None
        )
        session = session_of(known.access())
        assert session.get(f"{index.index_url}lib/").status_code == 200
        found = fails(session, f"{index.index_url}none/")
        assert (found.cause, found.hint) == (Cause.FORBIDDEN, None)
        assert f"poetry repo add {NAME} --ignore-error-code 403" in found.message

    @pytest.mark.parametrize(
        ("answer", "told"),
        [
            (
                Response.text(403, "Storage quota exceeded for team 42"),
                "Storage quota exceeded for team 42",
            ),
            (
                Response.json({"errors": [{"status": 403, "message": "Not for you"}]}, 403),
                "Not for you",
            ),
            (Response.json({"detail": {"reason": ["deep"]}}, 403), "deep"),
            (
                Response.html(
                    "<title>403 The user isn't allowed to upload to project 'x'</title>", 403
                ),
                "isn't allowed",
            ),
            (Response.text(403, "\x1b[31mred\x1b[0m\x07 alert"), "“red alert”"),
            (
                Response.text(403, f"your token {MARK} is not enough"),
                "your token **** is not enough",
            ),
            (Response.text(403, "x" * 400), f"“{'x' * 299}…”"),
        ],
    )
    def test_the_reason_at_an_upload(
        self, known: World, index: IndexServer, answer: Response, told: str
    ) -> None:
        index.respond = lambda request: answer
        with pytest.raises(Failure) as caught:
            uploading(known.access(), index.upload_url)
        assert told in caught.value.message
        assert "\x1b" not in caught.value.message

    @pytest.mark.parametrize(
        "answer", [Response.text(403, "Forbidden"), Response.text(403, "403 Forbidden")]
    )
    def test_no_reason_is_none(self, known: World, index: IndexServer, answer: Response) -> None:
        index.respond = lambda request: answer
        with pytest.raises(Failure) as caught:
            uploading(known.access(), index.upload_url)
        assert "It says" not in caught.value.message


class TestMetadata:
    """A6: Poetry reads the wheel where metadata that was promised is not to be had."""

    @pytest.mark.parametrize("status", [401, 403])
    def test_a_refusal_of_metadata_is_an_answer(
        self, known: World, index: IndexServer, status: int
    ) -> None:
        index.respond = lambda request: (
            Response.text(status, "no") if ".metadata" in request.path else None
        )
        session = session_of(known.access())
        assert session.get(f"{index.index_url}lib/").status_code == 200
        assert (
            session.get(f"{index.origin}/files/lib-1.0-py3-none-any.whl.metadata").status_code
            == status
        )

    def test_the_file_itself_is_no_metadata(self, known: World, index: IndexServer) -> None:
        index.respond = lambda request: Response.text(401, "no") if ".whl" in request.path else None
        session = session_of(known.access())
        found = fails(session, f"{index.origin}/files/lib-1.0-py3-none-any.whl")
        assert found.cause is Cause.CREDENTIAL_REJECTED


class TestUploads:
    def test_a_slash_that_is_missing_is_added(self, known: World, index: IndexServer) -> None:
        """A2."""
        target = index.upload_url
        bare = target.rstrip("/")
        index.respond = lambda request: (
            Response(301, b"", {"Location": target})
            if request.path == "/upload"
            else Response.text(200, "ok")
        )
        assert uploading(known.access(), bare).status_code == 200
        assert [request.path for request in index.requests] == ["/upload", "/upload/"]
        assert all(b"wheel" in request.body for request in index.requests)

    @pytest.mark.parametrize(
        "target", ["/other/", "/upload/x/", "http://localhost:1/upload/", "/upload?x=/"]
    )
    def test_any_other_redirect_is_not_followed(
        self, known: World, index: IndexServer, target: str
    ) -> None:
        index.respond = lambda request: Response(308, b"", {"Location": target})
        with pytest.raises(Failure) as caught:
            uploading(known.access(), index.upload_url.rstrip("/"))
        assert caught.value.cause is Cause.NOT_AN_UPLOAD_URL
        assert len(index.requests) == 1

    def test_a_slash_that_never_suffices_ends(self, known: World, index: IndexServer) -> None:
        index.respond = lambda request: Response(301, b"", {"Location": f"{request.path}/"})
        with pytest.raises(Failure):
            uploading(known.access(), index.upload_url.rstrip("/"))
        assert len(index.requests) == 2

    def test_thanks_in_html_are_thanks(self, known: World, index: IndexServer) -> None:
        """A14."""
        index.respond = lambda request: Response.html(
            "<html><title>Thank you</title><p>Got it.</p></html>"
        )
        assert uploading(known.access(), index.upload_url).status_code == 200

    def test_a_login_page_is_none(self, known: World, index: IndexServer) -> None:
        page = "<title>Sign in</title><form><input type=password></form>"
        index.respond = lambda request: Response.html(page)
        with pytest.raises(Failure) as caught:
            uploading(known.access(), index.upload_url)
        assert caught.value.cause is Cause.NOT_AN_UPLOAD_URL


class TestUpgrade:
    """A4: a source is written with http, and its server sends everybody on to https at the same
    host.
    """

    HOST = "index.example.org"

    @pytest.fixture
    def secured(self, certs: CertificateFactory) -> Iterator[IndexServer]:
        tls = server_context(certs.server(self.HOST), certs.ca, require=False)
        with IndexServer(host="localhost", tls=tls, credentials={"me": MARK}) as server:
            server.add_all([packages.wheel("lib", "1.0")])
            yield server

    @pytest.fixture
    def proxy(self, secured: IndexServer) -> Iterator[ProxyServer]:
        """Where the host can be reached at its ports 80, which redirects, and 443."""

        def respond(request: RecordedRequest) -> Response | None:
            if request.method == "CONNECT":
                return None
            return Response(
                301, b"", {"Location": request.target.replace("http://", "https://", 1)}
            )

        with ProxyServer(hosts={self.HOST: ("127.0.0.1", secured.port)}) as server:
            server.respond = respond
            yield server

    def get(
        self, world: World, proxy: ProxyServer, certs: CertificateFactory, url: str
    ) -> requests.Response:
        with Changes(world.settings) as changes:
            changes.save_certificates(NAME, {"cert": str(certs.ca_file())})
        session = session_of(world.access())
        session.proxies = {"http": proxy.url, "https": proxy.url}
        return session.get(url)

    @pytest.mark.parametrize("bound", ["http", "https"])
    def test_its_login_goes_on(
        self,
        world: World,
        proxy: ProxyServer,
        secured: IndexServer,
        certs: CertificateFactory,
        bound: str,
    ) -> None:
        world.sources(**{NAME: f"http://{self.HOST}/simple/"})
        world.login(NAME, f"{bound}://{self.HOST}/simple/")
        assert self.get(world, proxy, certs, f"http://{self.HOST}/simple/lib/").status_code == 200
        assert (
            self.get(
                world, proxy, certs, f"https://{self.HOST}/files/lib-1.0-py3-none-any.whl"
            ).status_code
            == 200
        )
        told = [
            line
            for line in world.said
            if "https" in line and f"poetry repo add {NAME} https://" in line
        ]
        assert len(set(told)) == 1

    def test_twin_another_host_gets_nothing(
        self, world: World, proxy: ProxyServer, secured: IndexServer, certs: CertificateFactory
    ) -> None:
        world.sources(**{NAME: "http://other.example.org/simple/"})
        world.login(NAME, "http://other.example.org/simple/")
        proxy.respond = lambda request: (
            None
            if request.method == "CONNECT"
            else Response(301, b"", {"Location": f"https://{self.HOST}/simple/lib/"})
        )
        with pytest.raises(Failure) as caught:
            self.get(world, proxy, certs, "http://other.example.org/simple/lib/")
        assert caught.value.cause is Cause.ORIGIN_MISMATCH
        assert not secured.saw_secret(MARK)


class TestProxies:
    """B6: a proxy that fails is named with its variable, at once where trying again cannot help."""

    @pytest.mark.parametrize(
        ("proxy", "why"),
        [
            ("proxyhost:3128", "no scheme"),
            ("ftp://proxy.example.org:3128", "start with http://"),
            ("socks5://127.0.0.1:1", "PySocks"),
        ],
    )
    def test_one_that_no_request_can_go_through(
        self, known: World, monkeypatch: pytest.MonkeyPatch, proxy: str, why: str
    ) -> None:
        known.sources(**{NAME: "https://host.example/simple/"})
        known.environ["HTTPS_PROXY"] = proxy
        session = session_of(known.access())
        session.proxies = {"https": proxy}
        found = fails(session, "https://host.example/simple/lib/")
        assert (found.cause, found.retry, found.hint) == (Cause.PROXY, False, "unset HTTPS_PROXY")
        assert why in found.message
        assert "HTTPS_PROXY" in found.message

    @pytest.mark.parametrize(
        ("proxy", "fault"),
        [
            ("http://proxy.example.org:3128", None),
            ("proxy.example.org:3128", None),
            ("https://me:secret@proxy.example.org", None),
            ("http://", "it has no host"),
        ],
    )
    def test_what_can_be_used_has_no_fault(self, proxy: str, fault: str | None) -> None:
        found = fault_of(proxy)
        assert (found is None) if fault is None else (fault in (found or ""))


def test_what_a_request_carried_is_not_kept(
    known: World, index: IndexServer, tmp_path: Path
) -> None:
    """No header, attribute or exception of it shows the credential afterwards."""
    answer = session_of(known.access()).get(f"{index.index_url}lib/")
    assert index.saw_secret(MARK)
    assert "Authorization" not in answer.request.headers
    assert MARK not in repr(vars(answer)) + repr(vars(answer.request))
