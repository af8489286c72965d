"""To where a secret may be taken: ``login --url`` adds an origin because its owner says so, a project's file never."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from poetry_repo_plugin.config.bindings import Bindings, Kind
from poetry_repo_plugin.config.repositories import Repository
from poetry_repo_plugin.config.settings import Settings
from poetry_repo_plugin.core.errors import Cause, Failure
from poetry_repo_plugin.core.hints import Hint, repo
from poetry_repo_plugin.core.origin import InvalidUrl, Origin
from poetry_repo_plugin.credentials.base import Credential, Query
from poetry_repo_plugin.credentials.keyring import KeyringGate
from poetry_repo_plugin.credentials.stored import StoredSource
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
    """Stop before a new secret goes to a place that only a project's file takes for the repository's.

    The user has said elsewhere where the name belongs, whatever the word was, and has not said that it moved.
    Raises :class:`Failure` (``origin-mismatch``).

    :param confirm: asks a person; the question ends with what happens.
    :param urls: where the secret is about to go, or be bound to; all that the repository's secrets are bound to if
        left out.
    """
    home, name = bindings.home(repository.name), repository.name
    asked = repository.bindable if urls is None else urls
    url = home.stranger_among(asked, whole_origin=kind is Kind.CERTIFICATE)
    if url is None or confirm(f"{name} belongs to {home}, but this project says {url}. Go on there?"):
        return
    message = f"it belongs to {home}, and only this project says {url}; nothing was sent there."
    raise failure(Cause.ORIGIN_MISMATCH, message, repository, host=_netloc(url), url=url)


def _netloc(url: str) -> str:
    try:
        return Origin.of(url).netloc
    except InvalidUrl:
        return ""


def stored(settings: Settings, gate: KeyringGate, bindings: Bindings, repository: Repository) -> Credential | None:
    """What is stored under the repository's name, wherever it is bound to."""
    bound = bindings.of(repository.name, Kind.CREDENTIAL)
    url = str(bound[0]) if bound else repository.index_url or repository.publish_url or ""
    answer = StoredSource(settings, gate, bindings).get(Query(repository.name, url))
    return answer if isinstance(answer, Credential) else None


def is_open(access: Access, repository: Repository, url: str) -> bool:
    """Whether the index at ``url`` asks for no credential (it may ask for a client certificate).

    Raises ``Failure`` for any other refusal.
    """
    from poetry_repo_plugin.http.checks import check_index

    try:
        check_index(access, repository, url, anonymous=True)
    except Failure as error:
        if error.cause is Cause.CREDENTIAL_MISSING:
            return False
        raise
    return True


def mending(hint: Hint | None, repository: Repository, added: str | None, *, is_new: bool) -> Hint | None:
    """``hint`` where a login to ``added`` has failed, so that nothing is stored: the next command must say it again."""
    if hint is None or added is None:
        return hint
    name = repository.name
    words = hint.commands[0]
    if words[:4] == ("poetry", "repo", "login", name) and words[4:5] in ((), ("--helper",)):
        return repo("login", name, "--url", added, *words[4:])
    if is_new and words[:3] == ("poetry", "repo", "certs"):
        return repo("add", name, added).then(hint)
    return hint


def bind(access: Access, repository: Repository, kind: Kind, url: str) -> None:
    """Record that what is stored belongs to ``url`` as well. Raises ``StateError``.

    What was not bound yet keeps the place that the user's own settings name, too, and is not taken to any other.
    """
    own = [] if access.bindings.of(repository.name, kind) else repository.user_urls
    access.bindings.record(repository.name, kind, [*own, url])
