"""Questions to a repository: what ``login``, ``certs`` and ``doctor`` ask before they believe or store anything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any

from poetry_repo_plugin import __version__
from poetry_repo_plugin.config.repositories import Repository
from poetry_repo_plugin.core.deadline import Budget
from poetry_repo_plugin.core.errors import Cause, Failure
from poetry_repo_plugin.core.json_text import NotJson, parse_json
from poetry_repo_plugin.core.names import is_pypi
from poetry_repo_plugin.core.origin import Origin
from poetry_repo_plugin.core.servers import looks_like_index, profile_of
from poetry_repo_plugin.credentials.base import Credential, Purpose
from poetry_repo_plugin.http.auth import Access
from poetry_repo_plugin.http.bodies import ENCODINGS
from poetry_repo_plugin.http.failures import failure
from poetry_repo_plugin.http.pages import is_index, is_login_page, no_page

TIMEOUT = 10.0  # seconds, for connecting and for each read
_IN_ALL = 1.5  # times that, for a question with all its redirects and renewals


class Verdict(Enum):
    """What a repository said to a credential."""

    ACCEPTED = "accepted"
    OPEN = "the index is open to everyone, so it could not be verified"
    SILENT = "its root answers as if nothing were there, so it could not be verified"
    UNTOLD = "what it answers without a credential could not be found out, so it could not be verified"
    UNASKABLE = "its server cannot be asked without uploading, so it could not be verified"


def ask(
    access: Access,
    repository: Repository,
    url: str,
    *,
    method: str = "GET",
    purpose: Purpose = Purpose.INDEX,
    given: Credential | None = None,
    anonymous: bool = False,
    strict: bool = True,
    timeout: float = TIMEOUT,
) -> Any:
    """One request on behalf of ``repository``; returns the ``requests.Response`` with the beginning of its body.

    A POST follows no redirect, as Poetry's uploads follow none. Raises :class:`Failure` for every failure,
    passing ones included, and for a 401 or 403.

    :param strict: judge a 401 or 403 also where the settings say that it is harmless for a page.
    :param timeout: seconds, for connecting and for each read; the whole takes at most half as much again.
    """
    from requests.exceptions import RequestException
    from urllib3.exceptions import HTTPError

    budget = Budget(_IN_ALL * timeout)
    with _session(access, repository, purpose, given, anonymous, budget, strict=strict) as session:
        try:
            posted = method == "POST"
            return session.request(
                method, url, timeout=timeout, data=b"" if posted else None, allow_redirects=not posted
            )
        except (RequestException, HTTPError, OSError) as error:
            raise _unasked(access, repository, url, error, purpose) from None


def check_login(access: Access, repository: Repository, url: str, credential: Credential) -> Verdict:
    """Whether ``repository`` accepts ``credential`` at ``url``, its index or its upload URL.

    Raises :class:`Failure` where it refuses, cannot be reached, or is no index at all.
    """
    if is_pypi(repository.name):
        return Verdict.UNASKABLE  # its index is open and its upload URL answers everyone alike
    if url == repository.publish_url and url != repository.index_url:
        return _check_upload(access, repository, url, credential)
    response = ask(access, repository, index_page(url), given=credential)
    wrong = _wrong_index(access, repository, url, response)
    if wrong is not None and (wrong.cause is not Cause.NOT_AN_INDEX or _is_hopeless(url, response)):
        raise wrong
    stranger = _refusal_of_nobody(access, repository, url)
    if stranger is not None and stranger.cause is Cause.CREDENTIAL_MISSING:
        return Verdict.ACCEPTED
    if wrong is not None:
        raise wrong
    if stranger is None:
        return Verdict.OPEN if response.status_code < 400 else Verdict.SILENT
    return Verdict.ACCEPTED if stranger.cause is Cause.NOT_AN_INDEX else Verdict.UNTOLD


def check_index(
    access: Access,
    repository: Repository,
    url: str,
    *,
    given: Credential | None = None,
    anonymous: bool = False,
    strict: bool = True,
    timeout: float = TIMEOUT,
) -> Any:
    """Fetch the root of an index; the response. Raises :class:`Failure`, also for what is no index.

    A status that the settings declare harmless is no failure, unless it is a 401 or 403 and ``strict``.
    """
    response = ask(
        access, repository, index_page(url), given=given, anonymous=anonymous, strict=strict, timeout=timeout
    )
    wrong = _wrong_index(access, repository, url, response)
    if wrong is not None:
        raise wrong
    return response


def wrong_upload(repository: Repository, url: str, response: Any) -> Failure | None:
    """What is wrong with a server that has answered an upload of nothing; a 500 may be its way to say just that."""
    status, host = response.status_code, Origin.of(url).netloc
    if is_login_page(response):
        message = f"{url} answers with a login page."
        return failure(Cause.NOT_AN_UPLOAD_URL, message, repository, host=host)
    if status > 500 or status == 429:
        message = f"the server failed to answer ({status} {response.reason})."
        return failure(Cause.SERVER_ERROR, message, repository, host=host)
    return None


def _check_upload(access: Access, repository: Repository, url: str, credential: Credential) -> Verdict:
    response = ask(access, repository, url, method="POST", purpose=Purpose.PUBLISH, given=credential)
    wrong = wrong_upload(repository, url, response)
    if wrong is not None:
        raise wrong
    try:
        ask(access, repository, url, method="POST", purpose=Purpose.PUBLISH, anonymous=True)
    except Failure as error:
        if error.cause is Cause.CREDENTIAL_MISSING:
            return Verdict.ACCEPTED
    return Verdict.UNASKABLE


def _is_hopeless(url: str, response: Any) -> bool:
    """Whether an answer is not even one that a server gives to those alone whom it knows."""
    return is_login_page(response) or (response.status_code == 404 and looks_like_index(url))


def _refusal_of_nobody(access: Access, repository: Repository, url: str) -> Failure | None:
    """Why the index is not to be had without a credential; ``None`` where it is."""
    try:
        check_index(access, repository, url, anonymous=True)
    except Failure as error:
        return error
    return None


def _wrong_index(access: Access, repository: Repository, url: str, response: Any) -> Failure | None:
    status, host = response.status_code, Origin.of(url).netloc
    if status in access.ignored_codes(repository):
        return None
    if status >= 500 or status == 429:
        message = f"the server failed to answer ({status} {response.reason})."
        return failure(Cause.SERVER_ERROR, message, repository, host=host)
    profile = profile_of(url, repository.name)
    lists = profile is None or profile.lists_projects
    if is_login_page(response):
        message = f"{url} answers with a login page, not with an index."
    elif (status == 404 and not lists) or (status < 300 and (not lists or is_index(response))):
        return None
    else:
        message = f"there is no index at {url} (404)." if status == 404 else f"{url} {no_page(response)}."
    return failure(Cause.NOT_AN_INDEX, message, repository, host=host)


def exchange(access: Access, name: str, method: str, url: str, json: object = None) -> tuple[int, object]:
    """One step of trusted publishing with the upload host of repository ``name``: its CA, client certificate and
    proxy, no credential.

    Returns the status and the decoded body. Raises :class:`Failure` where there is no answer; follows no
    redirect, because the body holds an identity token.
    """
    from requests.exceptions import RequestException
    from urllib3.exceptions import HTTPError

    repository = access.catalogue.get(name)
    budget = Budget(_IN_ALL * TIMEOUT)
    with _session(access, repository, Purpose.PUBLISH, None, anonymous=True, budget=budget, judge=False) as session:
        try:
            response = session.request(method, url, json=json, timeout=TIMEOUT, allow_redirects=False)
        except (RequestException, HTTPError, OSError) as error:
            raise _unasked(access, repository, url, error, Purpose.PUBLISH) from None
    try:
        return response.status_code, parse_json(response.content)
    except NotJson:
        return response.status_code, response.text


def proxy_of(url: str) -> str | None:
    """The URL of the proxy that a request to ``url`` takes (it may hold a password), or ``None``."""
    from requests.utils import get_environ_proxies, select_proxy

    found = select_proxy(url, get_environ_proxies(url))
    return found if not found or "://" in found else f"http://{found}"


def index_page(url: str) -> str:
    """The URL of an index as Poetry asks for it: with a slash at its end, unless it is a single page."""
    return url if url.endswith(("/", ".html", ".htm")) else f"{url}/"


def _unasked(access: Access, repository: Repository, url: str, error: Exception, purpose: Purpose) -> Failure:
    """Why there is no answer, in the words that every connection is explained in."""
    from urllib3.exceptions import ProtocolError

    leave = access.places.leave(url, owner=repository.name, purpose=purpose)
    found = access.tls.explain(leave, error, proxy=proxy_of(url))
    if found is not None:
        return found
    broken_off = isinstance(error, ProtocolError)
    message = "its answer breaks off." if broken_off else f"it could not be asked ({type(error).__name__})."
    return failure(Cause.SERVER_ERROR, message, repository, host=leave.origin.netloc)


@contextmanager
def _session(
    access: Access,
    repository: Repository,
    purpose: Purpose,
    given: Credential | None,
    anonymous: bool,
    budget: Budget,
    *,
    judge: bool = True,
    strict: bool = True,
) -> Iterator[Any]:
    import requests

    from poetry_repo_plugin.http.adapter import DirectAdapter

    answers: list[requests.Response] = []

    class Asking(DirectAdapter):
        """Remembers its answers: one in whose place a failure is raised is closed, too."""

        def build_response(self, *arguments: Any, **options: Any) -> requests.Response:
            answers.append(super().build_response(*arguments, **options))
            return answers[-1]

    adapter = Asking(
        lambda: access,
        lambda error: error,
        owner=lambda: repository.name or None,
        purpose=purpose,
        given=given,
        anonymous=anonymous,
        judge=judge,
        strict=strict,
        budget=budget,
    )
    with requests.Session() as session:
        session.headers["User-Agent"] = f"poetry-repo-plugin/{__version__}"
        session.headers["Accept-Encoding"] = ENCODINGS
        session.auth = lambda request: request  # no netrc of requests' own
        session.mount("https://", adapter)
        session.mount("http://", adapter)
        try:
            yield session
        finally:
            for answer in answers:
                answer.close()
