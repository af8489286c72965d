"""``poetry repo login --oauth`` on a real terminal: in the browser, and with a code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import segno

from tests.certs import CertificateFactory, server_context
from tests.config.site import VARIABLE, as_root, site_file
from tests.servers import IndexServer, refused_url
from tests.servers.identity import ACCOUNT, CLIENT, IdentityServer, refused
from tests.signing_in import NAME, Company
from tests.warm import WarmHome, parsed


@pytest.fixture
def company(home: WarmHome, certs: CertificateFactory) -> Iterator[Company]:
    tls = server_context(certs.server())
    with IndexServer(tls=tls) as index, IdentityServer(tls=tls) as issuer:
        yield Company(home, index, issuer, certs).set_up()


def warm(company: Company) -> WarmHome:
    assert isinstance(company.home, WarmHome)
    return company.home


def modules(lines: list[str]) -> list[list[bool]]:
    """The dark modules of what is drawn, light on dark, two rows to a line."""
    rows = []
    for line in lines:
        rows.append([mark not in "█▀" for mark in line])
        rows.append([mark not in "█▄" for mark in line])
    return rows


def qr_code(text: str) -> list[list[bool]]:
    """The same as the library has it, with a border; the last half line is empty."""
    rows = [
        [bool(one) for one in row] for row in segno.make_qr(text, error="l").matrix_iter(border=2)
    ]
    return [*rows, *[[True] * len(rows[0])] * (len(rows) % 2)]


class TestWithACode:
    def test_signs_in_and_says_who(self, company: Company) -> None:
        company.issuer.device_says = ["authorization_pending"]
        with warm(company).terminal(*company.words, "-vvv") as screen:
            screen.expect(f"Open {company.issuer.origin}/activate and enter the code WDJB-MJHT")
            screen.expect(f"or open {company.issuer.origin}/activate?user_code=WDJB-MJHT")
            screen.expect(f"Logged in to {NAME} ({company.index.netloc}) as {ACCOUNT}")
            assert screen.end() == 0, screen.screen
        drawn = [line for line in screen.lines() if set(line) <= set("█▀▄ ") and line.strip()]
        assert modules(drawn) == qr_code(f"{company.issuer.origin}/activate?user_code=WDJB-MJHT")
        assert company.own["oauth"] == {"issuer": company.issuer.issuer, "client-id": CLIENT}
        assert company.own["signed-in"] == "keyring"
        assert company.own["credential-origins"] == [company.index.origin]
        assert company.kept is not None
        assert company.kept["account"] == ACCOUNT
        company.assert_secrets_stayed(screen.screen)
        assert company.issuer.forms("/device") == [
            {"client_id": CLIENT, "scope": "openid email offline_access"}
        ]
        rows = parsed(company.home.ok("repo", "list", "--json"))["repositories"]
        [row] = [row for row in rows if row["name"] == NAME]
        assert row["credential"]["source"] == "oauth"
        assert row["credential"]["username"] == ACCOUNT
        assert row["credential"]["expires_at"]
        token = parsed(company.home.ok("repo", "token", NAME, "--format", "json"))
        assert (token["scheme"], token["source"]) == ("bearer", "oauth")
        assert company.issuer.is_good(token["secret"])
        assert "oauth: found: signed in at" in company.home.ok("repo", "show", NAME).text

    @pytest.mark.parametrize(
        ("says", "told"),
        [
            ("access_denied", "the sign-in was declined. [credential-rejected]"),
            ("expired_token", "the code expired before it was used. [credential-rejected]"),
        ],
    )
    def test_twin_refused(self, company: Company, says: str, told: str) -> None:
        company.issuer.device_says = [says]
        with warm(company).terminal(*company.words) as screen:
            assert screen.end() == 1
        assert told in screen.screen
        again = f"--oauth {company.issuer.issuer} --client-id {CLIENT}"
        assert f"Try: poetry repo login {NAME} {again}\n" in screen.screen, "a bare one would not"
        assert "Nothing was stored." in screen.screen
        assert company.kept is None
        assert "signed-in" not in company.own

    def test_twin_the_index_does_not_take_the_token(self, company: Company) -> None:
        company.index.index.tokens = set()
        with warm(company).terminal(*company.words) as screen:
            assert screen.end() == 1
        assert "[credential-" in screen.screen
        assert company.kept is None
        assert len(company.issuer.revoked) == 2, "what was handed out for nothing is ended"

    def test_twin_nobody_is_there(self, company: Company) -> None:
        done = company.home.fails(*company.words)
        assert "needs a terminal, and there is none" in done.err
        assert "POETRY_HTTP_BASIC_ACME_USERNAME" in done.err
        assert company.issuer.requests == []

    def test_twin_ctrl_c(self, company: Company) -> None:
        company.issuer.device_says = ["authorization_pending"] * 100
        with warm(company).terminal(*company.words) as screen:
            screen.expect("Waiting for you")
            screen.interrupt()
            screen.expect("Stopped.")
            assert screen.end() == 1
        assert company.kept is None


class TestInTheBrowser:
    def test_signs_in(self, company: Company, tmp_path: Path) -> None:
        log = company.browser(tmp_path)
        with warm(company).terminal(*company.words, "--audience", "packages") as screen:
            screen.expect(f"Logged in to {NAME}")
            assert screen.end() == 0, screen.screen
        company.assert_secrets_stayed(screen.screen, log.read_text())
        [form] = company.issuer.forms("/token")
        assert form["redirect_uri"].startswith("http://127.0.0.1:")
        assert form["code_verifier"] not in screen.screen + log.read_text()
        assert "audience=packages" in log.read_text()
        # A bare login does the same again: that is what the hint says when it has ended.
        with warm(company).terminal("repo", "login", NAME) as again:
            again.expect(f"Logged in to {NAME}")
            assert again.end() == 0
        assert len(company.issuer.families) == 2

    def test_twin_declined(self, company: Company, tmp_path: Path) -> None:
        company.browser(tmp_path)
        company.issuer.redirects = {"code": None, "error": "access_denied"}
        with warm(company).terminal(*company.words) as screen:
            assert screen.end() == 1
        assert "the sign-in was declined" in screen.screen
        assert company.issuer.forms("/token") == []


class TestAFurtherPlace:
    def test_a_new_name_with_its_url(self, company: Company) -> None:
        company.settle({})
        words = (*company.words, "--url", company.index.index_url)
        with warm(company).terminal(*words) as screen:
            assert screen.end() == 0, screen.screen
        assert company.own["url"] == company.index.index_url
        assert company.own["credential-origins"] == [company.index.origin]

    @as_root
    def test_that_the_administrator_names(self, company: Company, tmp_path: Path) -> None:
        """A bare login does it, and leaves the setting where it is."""
        issuer = f'oauth = {{ issuer = "{company.issuer.issuer}", client-id = "{CLIENT}" }}'
        file = site_file(tmp_path / "site", f"[repositories.{NAME}]\n{issuer}\n")
        company.home.environ[VARIABLE] = str(file)
        with warm(company).terminal("repo", "login", NAME) as screen:
            assert screen.end() == 0, screen.screen
        assert "oauth" not in company.own
        assert company.own["signed-in"] == "keyring"

    def test_twin_an_issuer_that_is_not_there(self, company: Company) -> None:
        words = ("repo", "login", NAME, "--oauth", f"{refused_url()}x", "--client-id", CLIENT)
        with warm(company).terminal(*words) as screen:
            assert screen.end() == 1
        assert "[refused]" in screen.screen
        assert "--no-verify" not in screen.screen, "there is nothing to store"


class TestAGateway:
    def test_its_header_goes_to_the_index_and_not_to_the_issuer(self, company: Company) -> None:
        words = ("repo", "login", NAME, "--header", "X-Api-Key", "--header-stdin", "--no-verify")
        company.home.ok(*words, stdin="gat3way-secret\n")
        with warm(company).terminal(*company.words) as screen:
            assert screen.end() == 0, screen.screen
        assert company.index.saw_secret("gat3way-secret")
        assert not company.issuer.saw_secret("gat3way-secret")


class TestTheWords:
    @pytest.mark.parametrize(
        ("more", "told"),
        [
            (("--token-stdin",), "cannot be used together"),
            (("--helper", "x"), "cannot be used together"),
            (("--flow", "telepathy"), "is not a way to sign in"),
        ],
    )
    def test_that_do_not_fit(self, company: Company, more: tuple[str, ...], told: str) -> None:
        assert told in company.home.fails(*company.words, *more).err

    def test_that_are_missing(self, company: Company) -> None:
        done = company.home.fails(*company.words[:-2])
        assert "--client-id is missing: neither given nor set." in done.err
        done = company.home.fails("repo", "login", NAME, "--flow", "device")
        assert "--flow goes with --oauth only." in done.err


class TestWithoutAKeyring:
    def test_says_so_before_anybody_signs_in(self, company: Company) -> None:
        company.home.keyring = "keyring.backends.null.Keyring"
        with warm(company).terminal(*company.words) as screen:
            assert screen.end() == 1
        assert "can only be stored in the keyring" in screen.screen
        again = f"--oauth {company.issuer.issuer} --client-id {CLIENT} --plaintext"
        assert f"Try: poetry repo login {NAME} {again}\n" in screen.screen
        assert company.issuer.requests == []

    def test_plaintext_keeps_them_in_auth_toml(self, company: Company) -> None:
        company.home.keyring = "keyring.backends.null.Keyring"
        with warm(company).terminal(*company.words, "--plaintext") as screen:
            assert screen.end() == 0, screen.screen
        assert "The tokens are in plain text in" in screen.screen
        kept = json.loads(company.home.toml("auth.toml")["http-basic"][NAME]["oauth-tokens"])
        assert kept["account"] == ACCOUNT
        listed = company.home.ok("config", "--list").text
        assert kept["access"] not in listed
        company.home.ok("repo", "logout", NAME)
        assert company.home.toml("auth.toml") == {}
        assert "signed-in" not in company.own


class TestLogout:
    def test_ends_it_at_the_issuer(self, company: Company) -> None:
        kept = company.signed_in()
        done = company.home.ok("repo", "logout", NAME)
        assert f"Logged out of {NAME}." in done.err
        assert company.issuer.revoked == [kept["refresh"], kept["access"]]
        assert company.kept is None
        assert "signed-in" not in company.own
        assert company.own["oauth"], "where to sign in is no secret, and stays"

    @pytest.mark.parametrize(
        ("more", "is_kept"), [(("--keep-credentials",), True), (("--all",), False)]
    )
    def test_remove(self, company: Company, more: tuple[str, ...], is_kept: bool) -> None:
        company.signed_in()
        company.home.ok("repo", "remove", NAME, *more)
        assert (company.kept is not None) is is_kept
        assert ("signed-in" in company.own) is is_kept
        assert ("oauth" in company.own) is is_kept
        assert len(company.issuer.revoked) == (0 if is_kept else 2)

    def test_another_login_takes_its_place(self, company: Company) -> None:
        company.signed_in()
        words = ("repo", "login", NAME, "--username", "me", "--password-stdin", "--no-verify")
        company.home.ok(*words, stdin="Pa55\n")
        assert company.kept is None
        assert "oauth" not in company.own
        assert "Pa55" in company.home.ok("repo", "token", NAME).out

    def test_twin_the_issuer_fails(self, company: Company) -> None:
        company.signed_in()
        company.issuer.respond = lambda request: refused("temporarily_unavailable", status=503)
        done = company.home.ok("repo", "logout", NAME)
        assert "did not revoke the sign-in: it answered 503" in done.err
        assert company.kept is None
