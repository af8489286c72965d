"""Judging what a server answers: an index, an empty page, a page to log in, a refusal, …

Look-ups, ``login``, ``doctor`` and ``publish`` all ask here. Single sign-on portals answer 200 to
whoever is not logged in, and Poetry takes their page for an index without packages, or for an
upload that went well.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from poetry_repo_plugin.core.errors import Cause
from poetry_repo_plugin.core.json_text import NotJson, parse_any_depth
from poetry_repo_plugin.core.origin import redact
from poetry_repo_plugin.core.patterns import Pattern
from poetry_repo_plugin.core.servers import profile_of
from poetry_repo_plugin.http.bodies import TITLE, is_html, reason_of, title_of

if TYPE_CHECKING:
    from requests import Response

JSON_TYPE = "application/vnd.pypi.simple.v1+json"  # PEP 691
ENOUGH = 256 * 1024  # bytes of a body that are read: the root of a mirror of PyPI has 30 MB

# Every repetition is bounded: a hostile page must not make them slow.
_PASSWORD = Pattern(rb"type\s{0,9}=\s{0,9}[\"']?\s{0,9}password\b")
# Not as a part of a name: a project may be called django-sso, or flask-login.
_WORDS = Pattern(
    rb"(?<![\w.-])(?:log[ -]?[io]n|(?:single[ -])?sign(?:ing)?[ -]?(?:in|on)|sso)(?![\w-])"
)
_OF_INDEX = Pattern(rb"\blinks for\b|\bsimple index\b|\bindex of\b")
_MARK = Pattern(rb"<meta\s[^<>]{0,100}\bpypi:repository-version\b")  # PEP 629
_LINK = Pattern(rb"<a\s[^<>]{0,300}?\bhref\b")
_FIELD = Pattern(
    rb"<input\b(?![^<>]{0,500}?\btype\s{0,9}=\s{0,9}[\"']?(?:submit|button|reset|image))"
)


class Answer(Enum):
    """What an answer is."""

    OK = "an index, or an upload that was taken"
    EMPTY = "a page that lists nothing, and does not say that it is an index"
    UNLISTED = "an index that does not list what it has"
    ABSENT = "nothing there"
    REFUSED = "no access"
    LOGIN_PAGE = "a page to log in"
    REDIRECT = "a redirect that leads nowhere, or may not be followed"
    OTHER = "something else"
    FAILED = "a failure of the server"


class Judgement(NamedTuple):
    """What an answer is, and what that means.

    :param status: of the answer.
    :param detail: a clause for a message, without a full stop; nothing is decided by it.
    :param cause: of the failure that it is; ``None`` if it is none.
    :param index_url: where the index is instead.
    """

    answer: Answer
    status: int
    detail: str = ""
    cause: Cause | None = None
    index_url: str | None = None


def judge_index(url: str, response: Response) -> Judgement:
    """What an answer to ``url``, a page of an index, is (PEP 503, PEP 691)."""
    status, shown = response.status_code, redact(url)
    if status == 429 or status >= 500:
        return _failed(response)
    if status == 404:
        return _no_index(Answer.ABSENT, status, f"there is no index at {shown} (404)")
    if status >= 400:
        answer = Answer.OTHER
        if status in (401, 403):
            answer = Answer.REFUSED
        reason = _status_line(response)
        return _no_index(answer, status, f"{shown} returned {reason}, not an index")
    if status == 304:
        return Judgement(Answer.OK, status)
    if status >= 300:
        detail = f"{shown} answers {status} without saying where to go instead"
        return _no_index(Answer.REDIRECT, status, detail)
    return _judge_page(shown, response)


def _judge_page(shown: str, response: Response) -> Judgement:
    """What the body of a 2xx is."""
    status = response.status_code
    if is_json(response):
        if is_simple_json(response):
            return Judgement(Answer.OK, status)
        detail = f"{shown} returned JSON that does not follow PEP 691, not an index"
        return _no_index(Answer.OTHER, status, detail)
    page = response.content.lower()
    if is_html(response) and _asks_who(page, _project_of(response)):
        detail = f"{shown} returned a login page, not an index"
        return _no_index(Answer.LOGIN_PAGE, status, detail)
    if _LINK.search(page) is not None or (is_html(response) and _says_index(page)):
        return Judgement(Answer.OK, status)
    title = title_of(response)
    what = "a page that"
    if title:
        what = f"the page “{title}”, which"
    return Judgement(Answer.EMPTY, status, f"{shown} returned {what} lists no packages")


def judge_upload(url: str, response: Response, *, of_nothing: bool = False) -> Judgement:
    """What an answer to an upload is.

    :param of_nothing: no file was sent, to see who may upload; any complaint about that is fine.
    """
    status, shown = response.status_code, redact(url)
    if status in (404, 405):
        profile = profile_of(shown)
        note = None
        if profile is not None:
            note = profile.refusal_notes.get(status)
        detail = f"{shown} does not accept uploads ({status})" + (f". {note}" if note else "")
        return _no_upload(Answer.ABSENT, status, detail)
    if 300 <= status < 400:
        target = redact(response.headers.get("location", "nowhere"))
        detail = f"{shown} redirects to {target} ({status}), and uploads do not follow redirects"
        return _no_upload(Answer.REDIRECT, status, detail)
    if status == 429 or status >= 500:
        if of_nothing:
            return _failed(response)
        return _failed_upload(response)
    if status in (401, 403):
        return Judgement(Answer.REFUSED, status)
    if status >= 400 and not of_nothing:
        return Judgement(Answer.OK, status)  # Poetry tells what it complains of
    return _judge_thanks(shown, response, of_nothing)


def _judge_thanks(shown: str, response: Response, of_nothing: bool) -> Judgement:
    """What the body is: some servers thank with a web page, a short one or their own."""
    status, page = response.status_code, response.content.strip().lower()
    if is_login_page(response):
        so = "; nothing was uploaded"
        if of_nothing:
            so = ""
        return _no_upload(Answer.LOGIN_PAGE, status, f"{shown} returned a login page{so}")
    is_page = b"<title" in page or b"<form" in page or (of_nothing and page != b"")
    if status >= 300 or not is_html(response) or not is_page:
        return Judgement(Answer.OK, status)
    title = title_of(response)
    what = "a web page"
    if title:
        what = f"the page “{title}”"
    return Judgement(Answer.OTHER, status, f"{shown} returned {what}")


def _no_index(answer: Answer, status: int, detail: str) -> Judgement:
    return Judgement(answer, status, detail, Cause.NOT_AN_INDEX)


def _no_upload(answer: Answer, status: int, detail: str) -> Judgement:
    return Judgement(answer, status, detail, Cause.NOT_AN_UPLOAD_URL)


def _failed(response: Response) -> Judgement:
    detail = f"the server failed to answer ({_status_line(response)})"
    return Judgement(Answer.FAILED, response.status_code, detail, Cause.SERVER_ERROR)


def _failed_upload(response: Response) -> Judgement:
    reason = reason_of(response)
    said = ""
    if reason:
        said = f". It says: “{reason}”"
    detail = f"the server failed to accept the upload ({_status_line(response)}){said}"
    return Judgement(Answer.FAILED, response.status_code, detail, Cause.SERVER_ERROR)


def _status_line(response: Response) -> str:
    return f"{response.status_code} {response.reason or ''}".strip()


# -- bodies


def is_login_page(response: Response) -> bool:
    """Whether it is an HTML page that asks who one is, or that sends one on to somebody who
    does.
    """
    return is_html(response) and _asks_who(response.content.lower(), _project_of(response))


def _asks_who(page: bytes, project: bytes) -> bool:
    """A form with a button alone does not: devpi has one on each of its pages."""
    if b"password" in page and _PASSWORD.search(page):
        return True
    has_form = b"<form" in page
    if has_form and b"samlrequest" in page:
        return True
    has_field = has_form and _FIELD.search(page) is not None
    has_links = _LINK.search(page) is not None
    if not has_links and has_field:
        return True
    if has_links and not has_field:
        return False
    titles = (title for title in TITLE.findall(page) if _normalized(title) != project)
    return any(_WORDS.search(title) and not _OF_INDEX.search(title) for title in titles)


def _project_of(response: Response) -> bytes:
    """The project whose page was asked for: its page may bear its name as a title."""
    asked = response
    if response.history:
        asked = response.history[0]
    path = urlsplit(asked.url or "").path
    return _normalized(path.rstrip("/").rpartition("/")[2].encode())


def _normalized(name: bytes) -> bytes:
    """As PEP 503 has it."""
    return re.sub(rb"[-_.]+", b"-", name.strip().lower())


def _says_index(page: bytes) -> bool:
    """Whether a page without a link says that it is an index: a new one has no packages."""
    if _MARK.search(page) is not None:
        return True
    return any(_OF_INDEX.search(title) for title in TITLE.findall(page))


def is_simple_json(response: Response) -> bool:
    """Whether it is the JSON of PEP 691; of one that was cut, the beginning must do.

    A big project's has megabytes: whoever reads ``response`` next gets what was parsed here.
    """
    try:
        document = parse_any_depth(response.content)
    except NotJson:
        return len(response.content) >= ENOUGH and b'"api-version"' in response.content[:ENOUGH]
    parse = response.json
    setattr(response, "json", lambda **options: parse(**options) if options else document)  # noqa: B010
    if not isinstance(document, dict):
        return False
    return any(isinstance(document.get(key), list) for key in ("projects", "files"))


def is_json(response: Response) -> bool:
    """Whether it says that it is JSON, of whatever kind."""
    kind = response.headers.get("content-type", "").lower().partition(";")[0].strip()
    return kind.endswith(("/json", "+json"))
