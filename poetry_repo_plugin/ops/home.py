"""To where a secret may be taken: its owner says so with a word, a project's file never."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from poetry_repo_plugin.config.bindings import Bindings, Kind
from poetry_repo_plugin.config.changes import Changes
from poetry_repo_plugin.config.repositories import Repository
from poetry_repo_plugin.core.errors import Cause, Failure
from poetry_repo_plugin.core.origin import InvalidUrl, Origin
from poetry_repo_plugin.core.servers import Profile, profile_of
from poetry_repo_plugin.http.auth import Access
from poetry_repo_plugin.http.failures import failure


def require_home(
    bindings: Bindings,
    repository: Repository,
    kind: Kind,
    confirm: Callable[[str], bool] = lambda question: False,
    *,
    urls: Iterable[str] | None = None,
) -> None:
    """Stop before a new secret goes to a place that only a project's file takes for the
    repository's.

    The user has said elsewhere where the name belongs, whatever the word was, and has not said
    that it moved. Raises :class:`Failure` (``origin-mismatch``).

    :param confirm: asks a person; the question ends with what happens.
    :param urls: where the secret is about to go, or be bound to; by default, all that the
        repository's secrets are bound to.
    """
    home, name = bindings.home(repository.name), repository.name
    asked = repository.bindable
    if urls is not None:
        asked = list(urls)
    url = home.stranger_among(asked, whole_origin=kind is Kind.CERTIFICATE)
    if url is None:
        return
    if confirm(f"{name} belongs to {home}, but this project says {url}. Continue there?"):
        return
    message = f"it belongs to {home}, and only this project says {url}; nothing was sent there."
    raise failure(Cause.ORIGIN_MISMATCH, message, repository, host=_netloc(url), url=url)


def require_word(
    bindings: Bindings,
    repository: Repository,
    url: str,
    issuer: str,
    confirm: Callable[[str], bool],
) -> None:
    """Stop before the token of a sign-in goes to ``url``, if nobody but a project has said that the
    name is there. Raises :class:`Failure` (``origin-mismatch``).

    The user knows an issuer for the name, and a project may mean another index by it.

    :param confirm: asks a person.
    """
    name = repository.name
    if bindings.home(name).places:
        return
    only = f"only this project says where it is ({url})"
    if confirm(f"{name}: {only}. Send it the token of your sign-in at {issuer}?"):
        return
    detail = f"{only}, and nothing was sent there"
    raise failure(Cause.ORIGIN_MISMATCH, detail, repository, host=_netloc(url), url=url)


def bind(access: Access, repository: Repository, kind: Kind, url: str, changes: Changes) -> None:
    """Note that what is stored belongs to ``url`` as well.

    What was not bound yet keeps the place that the user's own settings name, too; where they name
    none, the repository's own URLs, to which it went so far.
    """
    own: Iterable[str] = ()
    if not access.bindings.of(repository.name, kind):
        own = repository.user_urls or repository.bindable
    access.bindings.record(repository.name, kind, [*own, url], changes)


def is_open(access: Access, repository: Repository, url: str) -> bool:
    """Whether the index at ``url`` asks for no credential (it may ask for a client certificate).

    Raises :class:`Failure` for any other refusal.
    """
    from poetry_repo_plugin.http.checks import check_index

    try:
        check_index(access, repository, url, anonymous=True)
    except Failure as error:
        if error.cause is Cause.CREDENTIAL_MISSING:
            return False
        raise
    return True


def profile_at(repository: Repository) -> Profile | None:
    """The kind of the repository's server."""
    url = repository.index_url or repository.publish_url
    if not url:
        return None
    return profile_of(url, repository.name)


def _netloc(url: str) -> str:
    try:
        return Origin.of(url).netloc
    except InvalidUrl:
        return ""
