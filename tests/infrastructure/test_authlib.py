"""Signing in at Authlib's server, which nobody here wrote: browser, device, renewal, logout."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from tests.certs import CertificateFactory, server_context
from tests.poetry_process import poetry_under_test
from tests.servers import IndexServer
from tests.servers.authlib_issuer import AuthlibIssuer
from tests.signing_in import NAME, Company
from tests.warm import WarmHome, Zygote


@pytest.fixture
def company(tmp_path: Path, zygote: Zygote) -> Iterator[Company]:
    certs = CertificateFactory(tmp_path / "certs")
    home = WarmHome(tmp_path / "home", poetry_under_test(), zygote=zygote)
    tls = server_context(certs.server())
    with IndexServer(tls=tls) as index, AuthlibIssuer(tls=tls) as issuer:
        yield Company(home, index, cast("Any", issuer), certs).set_up()


def issuer_of(company: Company) -> AuthlibIssuer:
    return cast("AuthlibIssuer", company.issuer)


@pytest.mark.parametrize("flow", ["browser", "device"])
def test_signs_in_renews_and_signs_out(company: Company, tmp_path: Path, flow: str) -> None:
    issuer, home = issuer_of(company), company.home
    assert isinstance(home, WarmHome)
    company.browser(tmp_path)
    if flow == "device":
        issuer.agrees = None  # nobody has decided when it is asked first
    words = (*company.words, "--flow", flow, "--scope", "packages", "--scope", "offline_access")
    with home.terminal(*words) as screen:
        screen.expect(f"Logged in to {NAME}")
        assert screen.end() == 0, screen.screen
    [first] = issuer.tokens
    assert first.token["scope"] == "packages offline_access"
    issuer.tokens[0].made -= 10_000  # it has run out, and the index refuses it
    assert home.ok("repo", "token", NAME).out.strip() == first.token["access_token"]
    home.write_project(
        extra=f'[[tool.poetry.source]]\nname = "{NAME}"\nurl = "{company.index.index_url}"\n'
    )
    done = home.run("repo", "doctor", NAME)
    assert "accepted" in done.out
    assert first.ended, "its refresh token was good for one time"
    second = issuer.tokens[1]
    assert home.ok("repo", "token", NAME).out.strip() == second.token["access_token"]
    done = home.ok("repo", "logout", NAME)
    assert "did not revoke" not in done.err
    assert second.ended


CHROMIUM = """\
#!/bin/sh
exec {chromium} --headless --no-sandbox --disable-gpu --ignore-certificate-errors \\
  --user-data-dir={profile} --dump-dom "$1" >{page} 2>/dev/null
"""


def test_in_a_real_browser(
    company: Company, tmp_path: Path, system_part: Callable[[str], Path]
) -> None:
    """It opens connections that it never uses, asks for an icon, and shows what we send it."""
    script, page = tmp_path / "browser", tmp_path / "page.html"
    script.write_text(
        CHROMIUM.format(chromium=system_part("chromium"), profile=tmp_path / "profile", page=page)
    )
    script.chmod(0o755)
    company.home.environ["BROWSER"] = str(script)
    assert isinstance(company.home, WarmHome)
    with company.home.terminal(*company.words, "--flow", "browser") as screen:
        screen.expect(f"Logged in to {NAME}", timeout=60)
        assert screen.end() == 0, screen.screen
    until = time.monotonic() + 30
    while "</html>" not in (page.read_text() if page.exists() else ""):
        assert time.monotonic() < until, "the browser shows nothing"
        time.sleep(0.1)
    assert "You can close this window" in page.read_text()
    assert "acc3ss" not in page.read_text()


def test_twin_declined(company: Company) -> None:
    issuer_of(company).agrees = False
    assert isinstance(company.home, WarmHome)
    with company.home.terminal(*company.words, "--flow", "device") as screen:
        assert screen.end() == 1
    assert "the sign-in was declined" in screen.screen


def test_a_client_with_a_secret(company: Company) -> None:
    """It goes into a header, because this server's metadata says nothing else (RFC 8414, 2)."""
    issuer_of(company).secret = "cl1ent-secret"
    home = company.home
    assert isinstance(home, WarmHome)
    with home.terminal(*company.words, "--flow", "device", "--client-secret-stdin") as screen:
        screen.expect("Client secret: ")
        screen.type("cl1ent-secret")
        assert screen.end() == 0, screen.screen
    assert {seen.password for seen in company.issuer.authorizations()} == {"cl1ent-secret"}
    assert not company.index.saw_secret("cl1ent-secret")
    assert home.files_with("cl1ent-secret") == []
    assert "cl1ent-secret" not in screen.screen
    # Nobody has to find it again when the sign-in has ended.
    with home.terminal("repo", "login", NAME, "--flow", "device") as screen:
        assert screen.end() == 0, screen.screen
    assert len(issuer_of(company).tokens) == 2
