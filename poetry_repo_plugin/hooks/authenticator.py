"""Poetry's authenticator: the sessions and requests of one repository, and what others ask it
for.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poetry_repo_plugin.core.errors import RepoError
from poetry_repo_plugin.core.origin import split_userinfo, with_brackets
from poetry_repo_plugin.core.servers import TOKEN_USER
from poetry_repo_plugin.hooks.run import asked_by_us, current, is_asked_by_us

if TYPE_CHECKING:
    import requests

    from poetry_repo_plugin.credentials.base import Need


def no_auth(request: Any) -> Any:
    """Given to sessions so that requests reads no netrc of its own; our adapter decides what is
    sent.
    """
    return request


def create_session(original: Callable[..., requests.Session], self: Any) -> requests.Session:
    """Poetry's session, with our adapter below it."""
    from poetry_repo_plugin.hooks.remembered import remember_environment
    from poetry_repo_plugin.http.adapter import CachingAdapter, DirectAdapter
    from poetry_repo_plugin.http.cache import careful
    from poetry_repo_plugin.http.refusing import RefusingAdapter

    session = original(self)
    run = current()

    def access() -> Any:
        return run.access

    def owner() -> str | None:
        return run.owners.get(self)

    cache = self._cache_control = careful(getattr(self, "_cache_control", None))
    if cache is None:
        adapter: Any = DirectAdapter(
            access, run.report, owner=owner, check=run.check, pools=run.pools
        )
    else:
        adapter = CachingAdapter(
            *(access, run.report),
            owner=owner,
            check=run.check,
            pools=run.pools,
            cache=cache,
        )
    session.mount("", RefusingAdapter(access, run.report, owner))
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    session.auth = no_auth
    remember_environment(session)
    return session


def request(
    original: Callable[..., requests.Response],
    self: Any,
    method: str,
    url: str,
    raise_for_status: bool = True,
    **options: Any,
) -> requests.Response:
    """Poetry's own retries, with our word for what they ended in; a file that a mirror cannot
    deliver comes from the original, if that may be asked.
    """
    try:
        return _request(original, self, method, url, raise_for_status, **options)
    except Exception as error:
        other = current().elsewhere(url, getattr(error, "server_cause", None))
        if other is None:
            raise
    return _request(original, self, method, other, raise_for_status, **options)


def _request(
    original: Callable[..., requests.Response],
    self: Any,
    method: str,
    url: str,
    raise_for_status: bool,
    **options: Any,
) -> requests.Response:
    from poetry_repo_plugin.hooks.explain import (
        explain_answer,
        explain_end,
        is_empty_page,
        judge_answer,
    )

    run = current()
    url = with_brackets(url)
    try:
        with asked_by_us():
            response = original(self, method, url, raise_for_status, **options)
    except Exception as error:
        found = explain_end(run.access, run.owners.get(self), url, error)
        if found is None:
            raise
        raise run.report(found, error) from None
    owner = run.owners.get(self)
    empty = owner is not None and is_empty_page(url, response)
    judged = None if empty else judge_answer(owner, url, response)
    if owner is not None:
        run.answers.note(owner, 404 if empty else response.status_code, judged)
        if response.status_code in run.ignored_codes(owner) and response.status_code >= 400:
            response.status_code = (
                404  # Poetry's “not here”; without it, all but 401 and 403 would end the command
            )
            return response
    found = explain_answer(run.access, owner, url, judged)
    if found is not None:
        from poetry.repositories.exceptions import RepositoryError

        raise run.report(found, RepositoryError())
    return response


def add_repository(original: Callable[..., None], self: Any, name: str, url: str) -> None:
    """An authenticator learns of a repository, and so do we."""
    original(self, name, url)
    current().add_live(name, url)


# -- what others ask for; what Poetry itself does with the answers, our adapter does better


def get_credentials_for_url(original: Any, self: Any, url: str) -> Any:
    """Nothing for Poetry's own requests (the adapter carries the header); the real answer for other
    plugins.
    """
    from poetry.utils.password_manager import HTTPAuthCredential

    if is_asked_by_us():
        return HTTPAuthCredential()
    bare, username, secret = split_userinfo(url)
    if username is not None:
        return HTTPAuthCredential(username, secret.reveal() if secret is not None else "")
    return credential_at(bare, owner=current().owners.get(self))


def get_http_auth(original: Any, self: Any, name: str) -> Any:
    """The credential for uploads to the repository ``name``.

    Poetry asks while it prepares one, be it a dry run: then no tool is run and no identity made
    out.
    """
    from poetry_repo_plugin.credentials.base import DIAGNOSIS, EVERYTHING, Purpose

    url = _upload_url(name)
    allowed = DIAGNOSIS if is_asked_by_us() else EVERYTHING
    return credential_at(url, allowed, owner=name, purpose=Purpose.PUBLISH) if url else None


def get_pypi_token(original: Any, self: Any, name: str) -> str | None:
    """The same, where it is a token."""
    found = get_http_auth(original, self, name)
    return found.password if found is not None and found.username == TOKEN_USER else None


def get_certs_for_url(original: Any, self: Any, url: str) -> Any:
    """The files of what we use. In Poetry's own requests the adapter brings a context in their
    place.
    """
    return _certificates_at(split_userinfo(url)[0], owner=current().owners.get(self))


def get_certs_for_repository(original: Any, self: Any, name: str) -> Any:
    """The same; Poetry's own answer would take a project's word for any repository, which does no
    harm where it hands it on to our ``upload``.
    """
    from poetry_repo_plugin.credentials.base import Purpose

    if is_asked_by_us():
        return original(self, name)
    return _certificates_at(_upload_url(name), owner=name, purpose=Purpose.PUBLISH)


def credential_at(url: str, allowed: Need | None = None, **where: Any) -> Any:
    """Poetry's form of what we would send to ``url``; it has none for a bearer."""
    from poetry.utils.password_manager import HTTPAuthCredential

    from poetry_repo_plugin.credentials.base import BASIC, EVERYTHING

    access = current().access
    try:
        grant = access.matcher.grant_for(url, **where)
        credential = access.credential(grant, EVERYTHING if allowed is None else allowed)
    except (RepoError, ValueError):
        return HTTPAuthCredential()
    if credential is None or credential.scheme != BASIC:
        return HTTPAuthCredential()
    return HTTPAuthCredential(credential.username, credential.secret.reveal())


def _upload_url(name: str) -> str | None:
    """Where to upload to ``name``, or its index."""
    repository = current().access.catalogue.find(name)
    if repository is None:
        return None
    return repository.publish_url or repository.index_url


def _certificates_at(url: str | None, **where: Any) -> Any:
    from poetry.utils.authenticator import RepositoryCertificateConfig

    if url is None:
        return RepositoryCertificateConfig()
    access = current().access
    try:
        grant = access.matcher.grant_for(url, **where)
    except (RepoError, ValueError):
        return RepositoryCertificateConfig()
    if grant.repository is None:
        return RepositoryCertificateConfig()
    found = access.tls.settings_of(grant.repository, identify=grant.identify, origin=grant.origin)
    ca = (
        found.ca if isinstance(found.ca, Path) else None
    )  # Poetry has no word for the system's store
    return RepositoryCertificateConfig(ca, found.client_cert, found.verify)
