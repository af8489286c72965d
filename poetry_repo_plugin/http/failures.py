"""How each cause of DESIGN section 7 is put into words, with the command that mends it."""

from __future__ import annotations

from poetry_repo_plugin.config.repositories import Repository
from poetry_repo_plugin.config.variables import ByVariable
from poetry_repo_plugin.core.errors import Cause, Failure, Subject
from poetry_repo_plugin.core.hints import Hint, as_url, export, repo, unset
from poetry_repo_plugin.credentials.base import (
    Broken,
    Resolution,
    Withheld,
)

_CA = ("certs", "--ca", "PATH")
_CLIENT_CERT = ("certs", "--client-cert", "PATH")
_IDENTITY = ("certs", "--client-cert", "PATH", "--client-key", "PATH")
_PASSPHRASE = ("certs", "--passphrase-stdin")
_LOGIN = ("login",)
_HERE = "<url>"  # stands for the URL that the failure is about
_INDEX = "<index>"  # and this for the repository's index

# Of `poetry repo`: the command, and what follows the repository's name.
_HINTS: dict[Cause, tuple[str, ...]] = {
    Cause.UNKNOWN_CA: _CA,
    Cause.CLIENT_CERT_REQUIRED: _CLIENT_CERT,
    Cause.CLIENT_CERT_REJECTED: _CLIENT_CERT,
    Cause.CLIENT_CERT_EXPIRED: _CLIENT_CERT,
    Cause.CLIENT_KEY_MISSING: _IDENTITY,
    Cause.CLIENT_KEY_MISMATCH: _IDENTITY,
    Cause.PASSPHRASE_MISSING: _PASSPHRASE,
    Cause.PASSPHRASE_WRONG: _PASSPHRASE,
    Cause.TLS_FILE_MISSING: _CLIENT_CERT,
    Cause.TLS_FILE_INVALID: _CLIENT_CERT,
    Cause.CREDENTIAL_MISSING: _LOGIN,
    Cause.CREDENTIAL_REJECTED: _LOGIN,
    Cause.CREDENTIAL_EXPIRED: _LOGIN,
    Cause.ORIGIN_MISMATCH: ("login", "--url", _HERE),
    Cause.NOT_AN_INDEX: ("add", "URL", "--publish-url", "URL"),
    Cause.NOT_AN_UPLOAD_URL: ("add", _INDEX, "--publish-url", _HERE),
}
# Where the cause alone does not say which setting is to be mended.
_HINTS_BY_SUBJECT: dict[tuple[Cause, Subject], tuple[str, ...]] = {
    (Cause.TLS_FILE_MISSING, Subject.CA): _CA,
    (Cause.TLS_FILE_INVALID, Subject.CA): _CA,
    (Cause.TLS_FILE_MISSING, Subject.CLIENT_KEY): _IDENTITY,
    (Cause.TLS_FILE_INVALID, Subject.CLIENT_KEY): _IDENTITY,
    # The CA may be trusted; Python 3.13 wants more of it.
    (Cause.UNKNOWN_CA, Subject.STRICT_X509): (*_CA, "--relaxed"),
}
# What a variable may hold goes before what these commands store.
_BY_VARIABLE = {
    _CA: ByVariable.CA,
    _CLIENT_CERT: ByVariable.CLIENT_CERT,
    _IDENTITY: ByVariable.CLIENT_CERT,
    _PASSPHRASE: ByVariable.PASSPHRASE,
}
# What an administrator may have locked, so that these commands would change nothing.
_BY_ADMINISTRATOR = {
    _CA: "ca",
    (*_CA, "--relaxed"): "ca",
    _CLIENT_CERT: "client-cert",
    _IDENTITY: "client-cert",
    _HINTS[Cause.ORIGIN_MISMATCH]: "url",
    _HINTS[Cause.NOT_AN_UPLOAD_URL]: "publish-url",
}


def hint_for(
    cause: Cause,
    repository: Repository | None,
    url: str | None = None,
    subject: Subject | None = None,
) -> Hint | None:
    """The command that mends ``cause``, or ``None`` where there is none.

    :param url: the URL that it is about, the one to upload to where that is what is wrong; else
        the repository's index by default.
    """
    words = _HINTS.get(cause)
    if subject is not None:
        words = _HINTS_BY_SUBJECT.get((cause, subject), words)
    if words is None:
        return None
    if repository is not None and _BY_ADMINISTRATOR.get(words) in repository.locked:
        return None
    index = None
    if repository is not None:
        index = repository.index_url
    if cause is Cause.NOT_AN_UPLOAD_URL:
        if index is None:  # or it would become a source to install from
            words = ("add", _HERE, "--publish-only")
    elif url is None and repository is not None:
        url = index or repository.publish_url
    known = {_HERE: as_url(url), _INDEX: as_url(index)}
    if repository is not None and cause is Cause.NOT_AN_UPLOAD_URL:
        variable = repository.variables.get(ByVariable.PUBLISH_URL)
        if variable is not None:
            return export(**{variable: known[_HERE]})
    verb, *rest = [known.get(word, word) for word in words]
    hint = repo(verb, repository.name if repository is not None else "NAME", *rest)
    if repository is None:
        return hint
    return _before_stored(words, hint, repository)


def _before_stored(words: tuple[str, ...], hint: Hint, repository: Repository) -> Hint:
    """``hint``, or what changes the variable that goes before what ``hint`` would store."""
    what = _BY_VARIABLE.get(words)
    variable = None
    if what is not None:
        variable = repository.variables.get(what)
    if variable is None:
        return hint
    if words == _IDENTITY:  # no variable holds the key
        return unset(variable).then(hint)
    return export(**{variable: "PASSPHRASE" if what is ByVariable.PASSPHRASE else "PATH"})


def failure(
    cause: Cause,
    detail: str,
    repository: Repository | None,
    *,
    host: str = "",
    url: str | None = None,
    hint: Hint | None = None,
    retry: bool = False,
    status: int | None = None,
    subject: Subject | None = None,
) -> Failure:
    """The failure with the hint that belongs to ``cause``, unless a better one is given.

    :param host: where it happened, if that is not the repository's own host.
    :param url: the URL that a hint names; the repository's index by default.
    :param hint: ``Hint()`` where no command helps.
    """
    if hint is None:
        hint = hint_for(cause, repository, url, subject)
    where = host or (repository.host if repository else "")
    whose = None
    if repository:
        whose = repository.name
    return Failure(
        cause,
        detail,
        subject=subject,
        hint=hint or None,
        repository=whose,
        host=where,
        retry=retry,
        status=status,
    )


def failure_of(
    found: Failure, repository: Repository | None, *, host: str = "", hint: Hint | None = None
) -> Failure:
    """``found``, now that it is known for which repository; one that is known stays as it is."""
    if found.repository is not None:
        return found
    return failure(
        found.cause,
        found.detail,
        repository,
        host=host or found.host,
        hint=hint or found.hint,
        retry=found.retry,
        status=found.status,
        subject=found.subject,
    )


def withheld_of(resolution: Resolution) -> Withheld | None:
    """The stored credential that was not sent because it belongs elsewhere, if that is what
    happened.
    """
    return next((answer for _, answer in resolution.steps if isinstance(answer, Withheld)), None)


def unanswered(repository: Repository, broken: Broken, *, host: str) -> Failure:
    """A source that is responsible and cannot answer."""
    found, why = broken.failure, f"no credential: {broken.why}"
    told = failure(found.cause, why, repository, host=host, hint=found.hint)
    told.of_credential = True
    return told
