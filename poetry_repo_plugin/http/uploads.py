"""What an answer to an upload means, and how an upload is sent again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urljoin

from poetry_repo_plugin.config.variables import ByVariable
from poetry_repo_plugin.core.errors import Cause, Failure
from poetry_repo_plugin.core.hints import repo
from poetry_repo_plugin.core.origin import InvalidUrl, Origin, redact
from poetry_repo_plugin.http.failures import failure
from poetry_repo_plugin.http.matching import Grant
from poetry_repo_plugin.http.responses import Answer, judge_upload

if TYPE_CHECKING:
    from requests import PreparedRequest, Response

_SECONDS_FOR_ANSWER = 15.0


def check_upload(grant: Grant, request: PreparedRequest, response: Response) -> str | None:
    """Raise what an answer to an upload means beyond its status.

    Returns what is odd about it, though no failure: some servers thank with a web page.
    """
    url = redact(cast("str", request.url))
    found = judge_upload(url, response, of_nothing=not request.body)
    if not request.body and found.answer in (Answer.FAILED, Answer.LOGIN_PAGE):
        return None  # whoever asks looks into it
    if found.cause is not None:
        host = grant.origin.netloc
        better = None
        if found.answer is Answer.REDIRECT:
            better = redirect_target(url, response)
        raise failure(found.cause, found.detail, grant.repository, host=host, url=better)
    if request.body and found.answer is Answer.OTHER:
        return f"{found.detail}; check there whether the file has arrived"
    return None


def redirect_target(url: str, response: Response) -> str | None:
    """Where a redirect of ``url`` leads, if a hint may say so: on the same host, not from https to
    http.
    """
    target = urljoin(url, response.headers.get("location") or url)
    try:
        here, there = Origin.of(url), Origin.of(target)
    except InvalidUrl:
        return None
    if target == url or redact(target) != target or here.host != there.host:
        return None
    if here.scheme == "https" and there.scheme != "https":
        return None
    return target


def onward(request: PreparedRequest, response: Response) -> str | None:
    """Where an upload goes on to: the URL that a redirect names, if it only adds a slash at the
    end.
    """
    location = response.headers.get("location")
    if response.status_code not in (301, 302, 303, 307, 308) or location is None:
        return None
    url = cast("str", request.url)
    target = urljoin(url, location)
    if target != f"{url}/":
        return None
    return target


def rewind(request: PreparedRequest) -> bool:
    """Put a body back to its beginning, so that the request can be repeated; whether that was
    possible.
    """
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


def is_about_content(response: Response) -> bool:
    """Artifactory answers 403 for a file that exists already; ``--skip-existing`` wants to see
    that.
    """
    if response.status_code != 403:
        return False
    return "overwrite artifact" in (response.reason + response.text).lower()


def as_upload_failure(grant: Grant, found: Failure) -> Failure:
    """``found``, in the words of an upload where it says that a place is no index."""
    if found.cause is not Cause.NOT_AN_INDEX:
        return found
    repository, hint, publish = grant.repository, None, None
    if repository is not None and grant.origin.scheme == "http":
        publish = repository.publish_url
    if repository is not None and publish is not None:
        index = _as_https(repository.index_url or publish, grant.origin)
        publish = _as_https(publish, grant.origin)
        if ByVariable.PUBLISH_URL not in repository.variables:
            hint = repo("add", repository.name, index, "--publish-url", publish)
    return failure(
        *(Cause.NOT_AN_UPLOAD_URL, found.message, repository),
        host=grant.origin.netloc,
        url=publish,
        hint=hint,
    )


def seconds_for_answer(timeout: Any) -> float:
    """How long the answer to an upload may take: longer than the limit that Poetry sets for each of
    its reads.
    """
    read = timeout
    if isinstance(timeout, tuple):
        read = timeout[1]
    if not isinstance(read, (int, float)):
        return _SECONDS_FOR_ANSWER
    return max(_SECONDS_FOR_ANSWER, 2 * read)


def _as_https(url: str, origin: Origin) -> str:
    """``url`` with https, if it is at ``origin``."""
    if Origin.of(url) != origin:
        return url
    return url.replace("http://", "https://", 1)
