"""Judging answers: an index, a page to log in, an empty page, an upload that was taken."""

from __future__ import annotations

import time

import pytest
import requests

from poetry_repo_plugin.core.errors import Cause
from poetry_repo_plugin.http.responses import (
    ENOUGH,
    Answer,
    Judgement,
    is_login_page,
    judge_index,
    judge_upload,
)

HTML = "text/html; charset=utf-8"
URL = "https://pypi.example.org/simple/"
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


# Pages without a link, which may be an index without packages or anything else.
EMPTY = {
    "an app": "<title>Nexus Repository Manager</title><div id=app></div><script src=/app.js></script>",
    "a project called django-sso": "<title>django-sso</title><h1>django-sso</h1>",
    "a project called flask-login": "<title>flask-login</title>",
    "text": "not found",
    "nothing": "",
    "spaces": " \n",
}


def judged(response: requests.Response) -> Answer:
    return judge_index(URL, response).answer


def answer(
    body: str | bytes, kind: str = HTML, status: int = 200, reason: str = "OK"
) -> requests.Response:
    response = requests.Response()
    response.status_code, response.reason = status, reason
    response.headers["Content-Type"] = kind
    response._content = body.encode() if isinstance(body, str) else body
    return response


@pytest.mark.parametrize("page", LOGIN_PAGES)
def test_login_pages(page: str) -> None:
    assert is_login_page(answer(LOGIN_PAGES[page]))
    assert judged(answer(LOGIN_PAGES[page])) is Answer.LOGIN_PAGE
    assert not is_login_page(answer(LOGIN_PAGES[page], "application/json")), (
        "what is no page is none"
    )


@pytest.mark.parametrize("page", INDEXES)
def test_twin_indexes(page: str) -> None:
    assert not is_login_page(answer(INDEXES[page]))
    assert judge_index(URL, answer(INDEXES[page])) == Judgement(Answer.OK, 200)


@pytest.mark.parametrize("page", EMPTY)
def test_pages_that_list_nothing(page: str) -> None:
    found = judge_index(URL, answer(EMPTY[page]))
    assert (found.answer, found.cause) == (Answer.EMPTY, None)
    assert "lists no packages" in found.detail
    assert judged(answer(EMPTY[page], status=204)) is Answer.EMPTY


def test_twin_a_page_that_says_that_it_is_an_index_is_one() -> None:
    new = '<!DOCTYPE html><html><head><meta name="pypi:repository-version" content="1.0"></head></html>'
    assert judged(answer(new)) is Answer.OK


@pytest.mark.parametrize(
    ("body", "kind", "so"),
    [
        ('{"meta": {"api-version": "1.0"}, "projects": []}', SIMPLE, True),
        ('{"meta": {"api-version": "1.0"}, "name": "x", "files": []}', SIMPLE, True),
        (
            '{"meta": {"api-version": "1.0"}, "projects": [' + '{"name": "x"},' * (ENOUGH // 10),
            SIMPLE,
            True,
        ),
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
        ("", SIMPLE, False),
        ('<a href="demo/">demo</a>', "application/octet-stream", True),
    ],
)
def test_other_bodies(body: str, kind: str, so: bool) -> None:
    assert judged(answer(body, kind)) is (Answer.OK if so else Answer.OTHER)


def test_what_was_parsed_is_not_parsed_again() -> None:
    page = answer('{"meta": {"api-version": "1.0"}, "files": []}', SIMPLE)
    assert judged(page) is Answer.OK
    assert page.json() is page.json()
    assert page.json() == {"meta": {"api-version": "1.0"}, "files": []}
    assert page.json(parse_constant=str) is not page.json()


@pytest.mark.parametrize(
    ("response", "kind", "cause", "said"),
    [
        (
            answer("gone", status=410, reason="Gone"),
            Answer.OTHER,
            Cause.NOT_AN_INDEX,
            "returned 410 Gone, not an index",
        ),
        (
            answer("", status=301, reason="Moved"),
            Answer.REDIRECT,
            Cause.NOT_AN_INDEX,
            "answers 301 without saying where to go instead",
        ),
        (answer("no", status=404), Answer.ABSENT, Cause.NOT_AN_INDEX, "there is no index at"),
        (answer("no", status=403), Answer.REFUSED, Cause.NOT_AN_INDEX, "returned 403"),
        (answer("", status=304), Answer.OK, None, ""),
        (
            answer("{}", "application/json"),
            Answer.OTHER,
            Cause.NOT_AN_INDEX,
            "returned JSON that does not follow PEP 691, not an index",
        ),
        (
            answer("<title>\n Our  Wiki</title>"),
            Answer.EMPTY,
            None,
            "returned the page “Our Wiki”, which lists no packages",
        ),
        (answer("", status=503, reason=""), Answer.FAILED, Cause.SERVER_ERROR, "answer (503)"),
        (answer("", status=429), Answer.FAILED, Cause.SERVER_ERROR, "(429 OK)"),
    ],
)
def test_what_is_said_of_them(
    response: requests.Response, kind: Answer, cause: Cause | None, said: str
) -> None:
    found = judge_index(URL, response)
    assert (found.answer, found.cause, found.status) == (kind, cause, response.status_code)
    assert said in found.detail


@pytest.mark.parametrize(
    ("response", "kind", "cause", "of_nothing"),
    [
        (answer("accepted", "text/plain"), Answer.OK, None, Answer.OK),
        (answer(""), Answer.OK, None, Answer.OK),
        (answer("<p>thank you</p>"), Answer.OK, None, Answer.OTHER),
        (answer("exists", status=409), Answer.OK, None, Answer.OK),
        (answer("<title>Thank you</title>"), Answer.OTHER, None, Answer.OTHER),
        (
            answer(LOGIN_PAGES["single quotes"]),
            Answer.LOGIN_PAGE,
            Cause.NOT_AN_UPLOAD_URL,
            Answer.LOGIN_PAGE,
        ),
        (answer("", status=405), Answer.ABSENT, Cause.NOT_AN_UPLOAD_URL, Answer.ABSENT),
        (answer("", status=302), Answer.REDIRECT, Cause.NOT_AN_UPLOAD_URL, Answer.REDIRECT),
        (answer("", status=401), Answer.REFUSED, None, Answer.REFUSED),
        (answer("", status=500), Answer.FAILED, Cause.SERVER_ERROR, Answer.FAILED),
    ],
)
def test_uploads(
    response: requests.Response, kind: Answer, cause: Cause | None, of_nothing: Answer
) -> None:
    found = judge_upload(URL, response)
    assert (found.answer, found.cause) == (kind, cause)
    assert judge_upload(URL, response, of_nothing=True).answer is of_nothing


@pytest.mark.parametrize(
    "piece", ["<input ", "<a ", "<h1>", "<h1 ", "type  ", "<form<input <a x", "password type = "]
)
def test_a_hostile_page_takes_no_time(piece: str) -> None:
    started = time.process_time()
    is_login_page(answer("password <form" + piece * (500_000 // len(piece))))
    assert time.process_time() - started < 2
