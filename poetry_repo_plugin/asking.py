"""Questions to a repository: what ``login``, ``certs`` and ``doctor`` ask before they believe or store anything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any

from poetry_repo_plugin import __version__
from poetry_repo_plugin.access import Access
from poetry_repo_plugin.credentials.base import Credential, Purpose
from poetry_repo_plugin.errors import Cause, RepositoryFailure
from poetry_repo_plugin.failures import failure
from poetry_repo_plugin.names import is_pypi
from poetry_repo_plugin.origin import Origin
from poetry_repo_plugin.profiles import looks_like_index, profile_of
from poetry_repo_plugin.repository import Repository

TIMEOUT = 10.0  # seconds, for connecting and for each read
_ENOUGH = 256 * 1024  # bytes of a body that are read: the root of a mirror of PyPI has 30 MB


class Verdict(Enum):
    """What a repository said to a credential."""

    ACCEPTED = "accepted"
    OPEN = "the index is open to everyone, so it could not be verified"
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
    timeout: float = TIMEOUT,
) -> Any:
    """One request on behalf of ``repository``; returns the ``requests.Response`` with the beginning of its body.

    A POST follows no redirect, as Poetry's uploads follow none. Raises :class:`RepositoryFailure` for every failure,
    passing ones included, and for a 401 or 403.
    """
    from requests.exceptions import ChunkedEncodingError, RequestException

    with _session(access, repository, purpose, given, anonymous) as session:
        try:
            posted = method == "POST"
            response = session.request(
                method, url, timeout=timeout, data=b"" if posted else None, allow_redirects=not posted, stream=True
            )
            _read_beginning(response)
            return response
        except RequestException as error:
            leave = access.places.leave(url, owner=repository.name, purpose=purpose)
            found = access.tls.explain(leave, error, direct=proxy_of(url) is None)
            if found is not None:
                raise found from None
            broken_off = isinstance(error, ChunkedEncodingError)
            message = "its answer breaks off." if broken_off else f"it could not be asked ({type(error).__name__})."
            raise failure(Cause.SERVER_ERROR, message, repository, host=Origin.of(url).netloc) from None


def check_login(access: Access, repository: Repository, url: str, credential: Credential) -> Verdict:
    """Whether ``repository`` accepts ``credential`` at ``url``, its index or its upload URL.

    Raises :class:`RepositoryFailure` where it refuses, cannot be reached, or is no index at all.
    """
    if is_pypi(repository.name):
        return Verdict.UNASKABLE  # its index is open and its upload URL answers everyone alike
    if url == repository.publish_url and url != repository.index_url:
        ask(access, repository, url, method="POST", purpose=Purpose.PUBLISH, given=credential)
        return Verdict.ACCEPTED if _is_closed(access, repository, url, "POST", Purpose.PUBLISH) else Verdict.UNASKABLE
    check_index(access, repository, url, given=credential)
    if _is_closed(access, repository, index_page(url), "GET", Purpose.INDEX):
        return Verdict.ACCEPTED
    return Verdict.OPEN


def check_index(
    access: Access,
    repository: Repository,
    url: str,
    *,
    given: Credential | None = None,
    anonymous: bool = False,
    timeout: float = TIMEOUT,
) -> Any:
    """Fetch the root of an index; the response. Raises :class:`RepositoryFailure`, also for what is no index."""
    response = ask(access, repository, index_page(url), given=given, anonymous=anonymous, timeout=timeout)
    host = Origin.of(url).netloc
    if response.status_code >= 500 or response.status_code == 429:
        message = f"the server failed to answer ({response.status_code} {response.reason})."
        raise failure(Cause.SERVER_ERROR, message, repository, host=host)
    if is_login_page(response):
        raise failure(Cause.NOT_AN_INDEX, f"{url} answers with a login page, not with an index.", repository, host=host)
    profile = profile_of(url, repository.name)
    if response.status_code == 404 and looks_like_index(url) and (profile is None or profile.lists_projects):
        raise failure(Cause.NOT_AN_INDEX, f"there is no index at {url} (404).", repository, host=host)
    return response


def exchange(access: Access, name: str, method: str, url: str, json: object = None) -> tuple[int, object]:
    """One step of trusted publishing with the upload host of repository ``name``: its CA, client certificate and
    proxy, no credential.

    Returns the status and the decoded body. Raises ``requests.RequestException`` (an ``OSError``) where there is no
    answer; follows no redirect, because the body holds an identity token.
    """
    repository = access.catalogue.get(name)
    with _session(access, repository, Purpose.INDEX, None, anonymous=True, judge=False) as session:
        response = session.request(method, url, json=json, timeout=TIMEOUT, allow_redirects=False)
    try:
        return response.status_code, response.json()
    except ValueError:
        return response.status_code, response.text


def is_login_page(response: Any) -> bool:
    """Whether a response is an HTML page that asks for a password."""
    kind = response.headers.get("content-type", "")
    return kind.startswith("text/html") and b'type="password"' in response.content.lower()


def proxy_of(url: str) -> str | None:
    """The URL of the proxy that a request to ``url`` takes (it may hold a password), or ``None``."""
    from requests.utils import get_environ_proxies, select_proxy

    found = select_proxy(url, get_environ_proxies(url))
    return found if not found or "://" in found else f"http://{found}"


def index_page(url: str) -> str:
    """The URL of an index as Poetry asks for it: with a slash at its end, unless it is a single page."""
    return url if url.endswith(("/", ".html", ".htm")) else f"{url}/"


def _read_beginning(response: Any) -> None:
    kept = b""
    for piece in response.iter_content(16 * 1024):
        kept += piece
        if len(kept) >= _ENOUGH:
            break
    response._content = kept
    response.close()


def _is_closed(access: Access, repository: Repository, url: str, method: str, purpose: Purpose) -> bool:
    try:
        ask(access, repository, url, method=method, purpose=purpose, anonymous=True)
    except RepositoryFailure as error:
        return error.cause is Cause.CREDENTIAL_MISSING
    return False


@contextmanager
def _session(
    access: Access,
    repository: Repository,
    purpose: Purpose,
    given: Credential | None,
    anonymous: bool,
    *,
    judge: bool = True,
) -> Iterator[Any]:
    import requests

    from poetry_repo_plugin.adapter import DirectAdapter

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
    )
    with requests.Session() as session:
        session.headers["User-Agent"] = f"poetry-repo-plugin/{__version__}"
        session.auth = lambda request: request  # no netrc of requests' own
        session.mount("https://", adapter)
        session.mount("http://", adapter)
        try:
            yield session
        finally:
            for answer in answers:
                answer.close()
