"""What an answer to an upload means, and how an upload is sent again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urljoin

from poetry_repo_plugin.core.errors import Cause
from poetry_repo_plugin.core.origin import InvalidUrl, Origin, redact
from poetry_repo_plugin.core.servers import profile_of
from poetry_repo_plugin.http.bodies import reason_of
from poetry_repo_plugin.http.failures import failure
from poetry_repo_plugin.http.matching import Leave
from poetry_repo_plugin.http.pages import is_login_page

if TYPE_CHECKING:
    from requests import PreparedRequest, Response


def said(response: Response, *secrets: str) -> str:
    """The reason that the server gives, as a further sentence; ``""`` for none."""
    reason = reason_of(response, *secrets)
    return f" It says: “{reason}”." if reason else ""


def judge_upload(leave: Leave, request: PreparedRequest, response: Response) -> None:
    """Raise what an answer to an upload means beyond its status; an upload of nothing may be answered in any way."""
    url, status, host = redact(cast("str", request.url)), response.status_code, leave.origin.netloc
    if status in (404, 405):
        profile = profile_of(url, leave.repository.name if leave.repository is not None else "")
        note = profile.refusal_notes.get(status) if profile is not None else None
        message = f"{url} takes no uploads ({status})." + (f" {note}" if note else "")
        raise failure(Cause.NOT_AN_UPLOAD_URL, message, leave.repository, host=host)
    if 300 <= status < 400:
        target = redact(response.headers.get("location", "nowhere"))
        message = f"{url} redirects to {target} ({status}), and an upload follows no redirect."
        better = redirect_target(url, response)
        raise failure(Cause.NOT_AN_UPLOAD_URL, message, leave.repository, host=host, url=better)
    if not request.body:
        return
    if status == 429 or status >= 500:
        message = f"the server failed to take the upload ({status} {response.reason}).{said(response)}"
        raise failure(Cause.SERVER_ERROR, message, leave.repository, host=host)
    if status < 300 and is_login_page(response):  # a page of thanks is one of success
        message = f"{url} answers with a login page; nothing was uploaded."
        raise failure(Cause.NOT_AN_UPLOAD_URL, message, leave.repository, host=host)


def redirect_target(url: str, response: Response) -> str | None:
    """Where a redirect of ``url`` leads, if a hint may say so: on the same host, not from https to http."""
    target = urljoin(url, response.headers.get("location") or url)
    try:
        here, there = Origin.of(url), Origin.of(target)
    except InvalidUrl:
        return None
    if target == url or redact(target) != target or here.host != there.host:
        return None
    return target if there.scheme == "https" or here.scheme == "http" else None


def onward(request: PreparedRequest, response: Response) -> str | None:
    """Where an upload goes on to: the URL that a redirect names, if it only adds a slash at the end."""
    location = response.headers.get("location")
    if response.status_code not in (301, 302, 303, 307, 308) or location is None:
        return None
    url = cast("str", request.url)
    target = urljoin(url, location)
    return target if target == f"{url}/" else None


def rewind(request: PreparedRequest) -> bool:
    """Put a body back to its beginning, so that the request can be repeated; whether that was possible."""
    body: Any = request.body
    if body is None or isinstance(body, (bytes, str)):
        return True
    encoder = getattr(body, "encoder", None)
    if encoder is None:
        return False
    from requests_toolbelt.multipart import MultipartEncoder, MultipartEncoderMonitor

    for _, value in encoder.fields:
        if isinstance(value, tuple) and hasattr(value[1], "seek"):
            value[1].seek(0)
    again = MultipartEncoder(encoder.fields, boundary=encoder.boundary_value)
    request.body = MultipartEncoderMonitor(again, body.callback)
    return True
