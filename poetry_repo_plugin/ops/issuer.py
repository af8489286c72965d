"""Questions to an issuer, at which a user signs in: over the repository's own CA and proxy, with
nothing of the repository's that is secret.
"""

from __future__ import annotations

from poetry_repo_plugin.config.repositories import Repository
from poetry_repo_plugin.core.deadline import Budget
from poetry_repo_plugin.core.errors import Failure
from poetry_repo_plugin.core.json_text import NotJson, parse_json
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.credentials.base import Credential, Purpose
from poetry_repo_plugin.credentials.oauth_protocol import IssuerAnswer
from poetry_repo_plugin.http.asking import IN_ALL, TIMEOUT, open_session, unasked
from poetry_repo_plugin.http.auth import Access
from poetry_repo_plugin.http.failures import failure_of


def fetch_document(access: Access, repository: Repository, url: str) -> IssuerAnswer:
    """What is at ``url``. Raises :class:`Failure` where there is no answer."""
    return _ask(access, repository, "GET", url)


def post_form(
    access: Access,
    repository: Repository,
    url: str,
    form: dict[str, str],
    client: tuple[str, Secret] | None = None,
) -> IssuerAnswer:
    """The answer to ``form``, which holds secrets: no redirect is followed.

    Raises :class:`Failure` where there is no answer.

    :param client: user name and password for an Authorization header.
    """
    return _ask(access, repository, "POST", url, form, client)


def _ask(
    access: Access,
    repository: Repository,
    method: str,
    url: str,
    form: dict[str, str] | None = None,
    client: tuple[str, Secret] | None = None,
) -> IssuerAnswer:
    from requests.exceptions import RequestException
    from urllib3.exceptions import HTTPError

    grant = access.matcher.grant_for(url, owner=repository.name)
    is_own = grant.repository is not None and grant.repository.name == repository.name
    context = access.tls.issuer_context(repository, identify=is_own and grant.identify)
    given = None
    if client:
        given = Credential(client[1], client[0], "option", "the client")
    session = open_session(
        access,
        repository,
        Purpose.INDEX,
        given,
        anonymous=True,
        budget=Budget(IN_ALL * TIMEOUT),
        judge=False,
        context=lambda: context,
    )
    headers = {"Accept": "application/json"}
    with session as asking:
        try:
            response = asking.request(
                method, url, data=form, headers=headers, timeout=TIMEOUT, allow_redirects=False
            )
        except Failure as error:
            raise failure_of(error, repository, host=grant.origin.netloc) from None
        except (RequestException, HTTPError, OSError) as error:
            raise unasked(access, repository, url, error) from None
    try:
        return IssuerAnswer(response.status_code, parse_json(response.content))
    except NotJson:
        return IssuerAnswer(response.status_code)
