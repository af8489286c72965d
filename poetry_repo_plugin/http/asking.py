"""One question to a repository, with all that its requests carry, and none of Poetry's sessions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from poetry_repo_plugin import __version__
from poetry_repo_plugin.config.repositories import Repository
from poetry_repo_plugin.core.deadline import Budget
from poetry_repo_plugin.core.errors import Cause, Failure
from poetry_repo_plugin.core.json_text import NotJson, parse_json
from poetry_repo_plugin.credentials.base import Credential, Purpose
from poetry_repo_plugin.http.auth import Access
from poetry_repo_plugin.http.bodies import ENCODINGS
from poetry_repo_plugin.http.failures import failure

TIMEOUT = 10.0  # seconds, for connecting and for each read
IN_ALL = 1.5  # times that, for a question with all its redirects and renewals


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
    redirects: bool = True,
    timeout: float = TIMEOUT,
) -> Any:
    """One request on behalf of ``repository``; returns the ``requests.Response`` with the beginning
    of its body.

    A POST follows no redirect, as Poetry's uploads follow none. Raises :class:`Failure` for every
    failure, passing ones included, and for a 401 or 403.

    :param strict: judge a 401 or 403 also where the settings say that it is harmless for a page.
    :param timeout: seconds, for connecting and for each read; the whole takes at most half as much
    again.
    """
    from requests.exceptions import RequestException
    from urllib3.exceptions import HTTPError

    budget = Budget(IN_ALL * timeout)
    with open_session(
        access, repository, purpose, given, anonymous, budget, strict=strict
    ) as session:
        try:
            posted = method == "POST"
            return session.request(
                method,
                url,
                timeout=timeout,
                data=b"" if posted else None,
                allow_redirects=redirects and not posted,
            )
        except (RequestException, HTTPError, OSError) as error:
            raise unasked(access, repository, url, error, purpose) from None


def exchange(
    access: Access, name: str, method: str, url: str, json: object = None
) -> tuple[int, object]:
    """One step of trusted publishing with the upload host of repository ``name``: its CA, client
    certificate and proxy, no credential.

    Returns the status and the decoded body. Raises :class:`Failure` where there is no answer;
    follows no redirect, because the body holds an identity token.
    """
    from requests.exceptions import RequestException
    from urllib3.exceptions import HTTPError

    repository = access.catalogue.get(name)
    budget = Budget(IN_ALL * TIMEOUT)
    with open_session(
        access, repository, Purpose.PUBLISH, None, anonymous=True, budget=budget, judge=False
    ) as session:
        try:
            response = session.request(
                method, url, json=json, timeout=TIMEOUT, allow_redirects=False
            )
        except (RequestException, HTTPError, OSError) as error:
            raise unasked(access, repository, url, error, Purpose.PUBLISH) from None
    try:
        return response.status_code, parse_json(response.content)
    except NotJson:
        return response.status_code, response.text


def given_proxy(url: str) -> str | None:
    """The proxy that a request to ``url`` takes, as it is written in the environment, or
    ``None``.
    """
    from requests.utils import get_environ_proxies, select_proxy

    return select_proxy(url, get_environ_proxies(url))


def proxy_of(url: str) -> str | None:
    """The URL of the proxy that a request to ``url`` takes (it may hold a password), or
    ``None``.
    """
    found = given_proxy(url)
    if found and "://" not in found:
        return f"http://{found}"
    return found


def index_page(url: str) -> str:
    """The URL of an index as Poetry asks for it: with a slash at its end, unless it is a single
    page.
    """
    if url.endswith(("/", ".html", ".htm")):
        return url
    return f"{url}/"


def unasked(
    access: Access,
    repository: Repository,
    url: str,
    error: Exception,
    purpose: Purpose = Purpose.INDEX,
) -> Failure:
    """Why there is no answer, in the words that every connection is explained in."""
    from urllib3.exceptions import ProtocolError

    grant = access.matcher.grant_for(url, owner=repository.name, purpose=purpose)
    found = access.tls.explain(grant, error, proxy=proxy_of(url))
    if found is not None:
        return found
    message = f"the request failed ({type(error).__name__})."
    if isinstance(error, ProtocolError):
        message = "its answer ended early."
    return failure(Cause.SERVER_ERROR, message, repository, host=grant.origin.netloc)


@contextmanager
def open_session(
    access: Access,
    repository: Repository,
    purpose: Purpose,
    given: Credential | None,
    anonymous: bool,
    budget: Budget,
    *,
    judge: bool = True,
    strict: bool = True,
    context: Callable[[], Any] | None = None,
) -> Iterator[Any]:
    """A session of requests for one question on behalf of ``repository``.

    :param context: a TLS context instead of the repository's.
    """
    import requests

    answers: list[Any] = []
    adapter = _remembering(answers)(
        lambda: access,
        lambda error: error,
        owner=lambda: repository.name or None,
        purpose=purpose,
        given=given,
        anonymous=anonymous,
        judge=judge,
        strict=strict,
        budget=budget,
        context=context,
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


def _remembering(answers: list[Any]) -> Any:
    """The adapter's class, with an eye on its answers: one in whose place a failure is raised is
    closed, too.
    """
    from poetry_repo_plugin.http.adapter import DirectAdapter

    class Asking(DirectAdapter):
        def build_response(self, *arguments: Any, **options: Any) -> Any:
            answers.append(super().build_response(*arguments, **options))
            return answers[-1]

    return Asking
