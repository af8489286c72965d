"""Whole commands of somebody who has signed in: short-lived tokens, a project that names an issuer,
and an end that is told.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests import packages
from tests.certs import CertificateFactory, server_context
from tests.integration.outside_world import project, refusals, secrets_seen
from tests.poetry_process import PoetryHome
from tests.servers import IndexServer, RecordedRequest, Response
from tests.servers.identity import IdentityServer
from tests.signing_in import NAME, Company
from tests.warm import WarmHome

MANY = [f"pkg{number:02}" for number in range(7)]


@pytest.fixture
def company(home: PoetryHome, certs: CertificateFactory) -> Iterator[Company]:
    tls = server_context(certs.server())
    with IndexServer(tls=tls) as index, IdentityServer(tls=tls) as issuer:
        index.add_all(packages.wheel(name, "1.0") for name in MANY)
        company = Company(home, index, issuer, certs).set_up()
        project(home, index.index_url, *MANY, name=NAME)
        yield company


def test_a_lock_that_lasts_longer_than_several_tokens(company: Company) -> None:
    company.home.environ["POETRY_REPO_PLUGIN_PREFETCH"] = "false"
    company.signed_in(ends_in=2, life=2)

    def slow(request: RecordedRequest) -> None:
        time.sleep(0.35)

    company.index.respond = slow
    done = company.home.ok("lock", "-vvv")
    assert len(company.home.lock()["package"]) == len(MANY)
    seen = secrets_seen(company.index)
    assert company.issuer.refreshed >= 2
    assert len(seen) >= 3, "several tokens"
    assert not company.issuer.families[0].ended
    assert refusals(company.index) <= company.issuer.refreshed
    company.assert_secrets_stayed(done.text)
    assert company.kept is not None
    assert company.kept["refresh"] == company.issuer.families[0].refresh


def test_a_token_that_was_revoked_is_renewed_once(company: Company) -> None:
    company.signed_in()
    company.issuer.end_access()
    company.home.ok("lock")
    assert company.issuer.refreshed == 1
    assert len(secrets_seen(company.index)) == 2


def test_twin_a_sign_in_that_has_ended(company: Company) -> None:
    company.signed_in(ends_in=-1)
    company.issuer.families.clear()
    done = company.home.run("lock", "-vvv")
    assert done.code == 1
    assert f"no credential: the sign-in at {company.issuer.issuer} has ended" in done.text
    assert "[credential-expired]" in done.text
    assert f"Try: poetry repo login {NAME}" in done.text
    assert len(company.issuer.forms("/token")) == 1
    assert secrets_seen(company.index) == []
    company.assert_secrets_stayed(done.text)


def test_a_project_that_names_an_issuer_gets_nothing(company: Company) -> None:
    kept = company.signed_in(ends_in=-1)
    company.settle({"url": company.index.index_url})
    evil = f'issuer = "{company.issuer.issuer}", client-id = "poetry-client"'
    table = f'\n[tool.poetry-repo-plugin.{NAME}]\noauth = {{ {evil} }}\nsigned-in = "keyring"\n'
    file = company.home.project / "pyproject.toml"
    file.write_text(file.read_text() + table)
    done = company.home.fails("repo", "login", NAME)
    assert (
        f"[tool.poetry-repo-plugin.{NAME}] oauth is ignored: a project file cannot say" in done.err
    )
    assert "--password-stdin" in done.err, "it asks for a password, as ever"
    company.home.fails("lock")
    assert company.issuer.requests == []
    assert not company.index.saw_secret(kept["access"])


def test_what_has_signed_in_elsewhere_stays_there(company: Company) -> None:
    """Another index under the same name, in a project."""
    kept = company.signed_in()
    with IndexServer(tls=company.index.tls, tokens=set()) as other:
        project(company.home, other.index_url, *MANY, name=NAME)
        done = company.home.fails("lock")
        assert "[origin-mismatch]" in done.text
        assert not other.saw_secret(kept["access"])
    assert company.issuer.requests == []


def test_ctrl_c_while_it_is_renewed_loses_nothing(company: Company) -> None:
    """The refresh token is good for one time: who asks for the next one keeps it."""
    company.signed_in(ends_in=-1)
    company.issuer.slow = 1.5
    assert isinstance(company.home, WarmHome)
    with company.home.terminal("repo", "token", NAME) as screen:
        until = time.monotonic() + 20
        while not company.issuer.forms("/token"):
            assert time.monotonic() < until, screen.screen
            time.sleep(0.05)
        screen.interrupt()
        assert screen.end() == 1
    assert company.issuer.refreshed == 1
    assert company.kept is not None
    assert company.kept["refresh"] == company.issuer.families[0].refresh
    assert company.home.ok("repo", "token", NAME).out.strip() == company.kept["access"]
    assert company.issuer.refreshed == 1


def test_a_logout_while_it_is_renewed_ends_the_new_tokens(company: Company) -> None:
    company.signed_in(ends_in=-1)
    company.issuer.slow = 1.5
    assert isinstance(company.home, WarmHome)
    with company.home.terminal("repo", "token", NAME) as screen:
        until = time.monotonic() + 20
        while not company.issuer.forms("/token"):
            assert time.monotonic() < until, screen.screen
            time.sleep(0.05)
        done = company.home.cold("repo", "logout", NAME)
        assert screen.end() == 0
    assert done.code == 0, done.text
    assert company.issuer.families[0].refresh in company.issuer.revoked
    assert company.kept is None
    assert "signed-in" not in company.own


def test_a_gitlab_takes_the_token_as_a_password(company: Company) -> None:
    """And answers 404 to strangers, 401 to a token that was withdrawn."""
    company.signed_in()
    withdrawn = company.issuer.handed[0]
    company.issuer.end_access()
    gitlab = "/api/v4/projects/1/packages/pypi/simple"

    def hide(request: RecordedRequest) -> Response | None:
        seen = request.authorization
        if seen is None:
            return Response.text(404, "Project Not Found")
        if seen.username != "oauth2" or not company.issuer.is_good(seen.password or ""):
            return Response.text(401, "Unauthorized")
        page = request.path.removeprefix(gitlab).strip("/")
        target = f"{company.index.index.prefix}{page}/"
        return Response(302, headers={"Location": target})

    company.index.respond = lambda request: hide(request) if gitlab in request.path else None
    company.index.index.tokens = None
    url = f"{company.index.origin}{gitlab}"
    project(company.home, url, *MANY[:2], name=NAME)
    company.home.ok("lock")
    assert company.issuer.refreshed == 1
    assert [one.username for one in company.index.authorizations()][:1] == ["oauth2"]
    assert secrets_seen(company.index)[0] == withdrawn


def test_doctor_and_publish_use_it(company: Company) -> None:
    company.signed_in(ends_in=-1)
    done = company.home.run("repo", "doctor", NAME)
    assert "ada@example.com, from oauth (signed in at" in done.out, done.text
    company.assert_secrets_stayed(done.text)
    assert company.issuer.refreshed == 1
    company.home.ok(
        "repo", "add", NAME, company.index.index_url, "--publish-url", company.index.upload_url
    )
    company.home.ok("build")
    company.home.ok("publish", "-r", NAME)
    assert len(company.index.uploads) == 2, "sdist and wheel"
    assert company.issuer.refreshed == 1
