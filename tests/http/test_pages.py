"""What tells a page to log in from an index, whatever the portal that made it."""

from __future__ import annotations

import time

import pytest
import requests

from poetry_repo_plugin.http.pages import ENOUGH, is_index, is_login_page, no_page

HTML = "text/html; charset=utf-8"
SIMPLE = "application/vnd.pypi.simple.v1+json"

LOGIN_PAGES = {
    "double quotes": '<form><input type="password"></form>',
    "single quotes": "<form><input type='password'></form>",
    "no quotes": "<FORM><INPUT name=p TYPE = Password></FORM>",
    "with links": '<a href="/forgot">Forgot it?</a><form><input type=password></form>',
    "saml": (
        "<title>Working…</title><body onload=f()><form method=post action=https://idp.example.org/>"
        "<input type=hidden name=SAMLRequest value=PHNhbWw></form>"
    ),
    "user name first": "<title>Login</title><form><input name=user type=email><input type=submit></form>",
    "in another language": "<title>Anmelden</title><form><input name=benutzer></form>",
    "links and a form": '<h1>Sign in to your account</h1><a href="/help">Help</a><form><input name=u></form>',
    "by script": "<title>Sign in to your account</title><script src=/app.js></script>",
}
INDEXES = {
    "links": '<!DOCTYPE html><html><body><a href="demo/">demo</a></body></html>',
    "nothing yet": "<!DOCTYPE html><html><head><title>Simple index</title></head><body></body></html>",
    "devpi": (
        '<title>root/pypi: links for login</title><h1>root/pypi: links for login</h1><a href="x.whl">x.whl</a>'
        '<form action="/refresh" method="post"><input name="refresh" type="submit" value="Refresh"></form>'
    ),
    "devpi without a file": (
        "<title>root/dev: links for sso</title>"
        "<form action=/refresh method=post><input name=refresh type=submit></form>"
    ),
    "a project called login": "<title>Links for login</title><h1>Links for login</h1>",
    "a search": '<title>Packages</title><form><input name=q></form><a href="demo/">demo</a>',
}


def answer(body: str | bytes, kind: str = HTML, status: int = 200, reason: str = "OK") -> requests.Response:
    response = requests.Response()
    response.status_code, response.reason = status, reason
    response.headers["Content-Type"] = kind
    response._content = body.encode() if isinstance(body, str) else body
    return response


@pytest.mark.parametrize("page", LOGIN_PAGES)
def test_login_pages(page: str) -> None:
    assert is_login_page(answer(LOGIN_PAGES[page]))
    assert not is_index(answer(LOGIN_PAGES[page]))
    assert not is_login_page(answer(LOGIN_PAGES[page], "application/json")), "what is no page is none"


@pytest.mark.parametrize("page", INDEXES)
def test_twin_indexes(page: str) -> None:
    assert not is_login_page(answer(INDEXES[page]))
    assert is_index(answer(INDEXES[page]))


@pytest.mark.parametrize(
    ("body", "kind", "so"),
    [
        ('{"meta": {"api-version": "1.0"}, "projects": []}', SIMPLE, True),
        ('{"meta": {"api-version": "1.0"}, "name": "x", "files": []}', SIMPLE, True),
        ('{"meta": {"api-version": "1.0"}, "projects": [' + '{"name": "x"},' * (ENOUGH // 10), SIMPLE, True),
        ('{"meta": {"api-version": "1.0"}, "projects": [', SIMPLE, False),
        ('{"meta": {"api-version": "1.0"}, "projects": [' + " " * ENOUGH, SIMPLE, True),
        ('{"projects": []}', SIMPLE, True),
        ('["api-version"]', SIMPLE, False),
        ('{"api-version": "1.0"}', SIMPLE, False),
        ('{"meta": {"api-version": "1.0"}, "files": [{"url": "x"}', SIMPLE, False),
        ('{"meta": {"api-version": "1.0"}, "files": null}', SIMPLE, False),
        ('{"meta": {"api-version": "1.0"}, "files": {}}', SIMPLE, False),
        ('{"hello": 1}', "application/json", False),
        ("[]", SIMPLE, False),
        ("", HTML, False),
        ("hello", "text/plain", False),
        ('<a href="demo/">demo</a>', "application/octet-stream", True),
    ],
)
def test_other_bodies(body: str, kind: str, so: bool) -> None:
    assert is_index(answer(body, kind)) is so


def test_what_was_parsed_is_not_parsed_again() -> None:
    page = answer('{"meta": {"api-version": "1.0"}, "files": []}', SIMPLE)
    assert is_index(page)
    assert page.json() is page.json()
    assert page.json() == {"meta": {"api-version": "1.0"}, "files": []}
    assert page.json(parse_constant=str) is not page.json()


@pytest.mark.parametrize(
    ("response", "said"),
    [
        (answer("gone", status=410, reason="Gone"), "answers 410 Gone, not with an index"),
        (answer("", status=301, reason="Moved"), "answers 301, and not where to go instead"),
        (answer("", status=204, reason="No Content"), "answers 204 No Content, not with an index"),
        (answer("{}", "application/json"), "answers with JSON that is none of PEP 691, not with an index"),
        (answer("<title>\n Our  Wiki</title>"), "answers with the page “Our Wiki”, not with an index"),
        (answer("hello", "text/plain"), "answers with something else, not with an index"),
    ],
)
def test_what_is_said_of_them(response: requests.Response, said: str) -> None:
    assert no_page(response) == said


@pytest.mark.parametrize("piece", ["<input ", "<a ", "<h1>", "<h1 ", "type  ", "<form<input <a x", "password type = "])
def test_a_hostile_page_takes_no_time(piece: str) -> None:
    started = time.process_time()
    is_login_page(answer("password <form" + piece * (500_000 // len(piece))))
    assert time.process_time() - started < 2
