"""How each cause of DESIGN section 7 is put into words, with the command that mends it."""

from __future__ import annotations

from poetry_repo_plugin.config.repositories import Repository
from poetry_repo_plugin.core.errors import Cause, Failure, Subject
from poetry_repo_plugin.core.hints import Hint, as_url, repo
from poetry_repo_plugin.core.servers import profile_of
from poetry_repo_plugin.credentials.base import (
    NONE_SET,
    OUTSIDE,
    Broken,
    Credential,
    NotMine,
    Resolution,
    Unusable,
    Withheld,
)
from poetry_repo_plugin.credentials.providers.registry import mending_command

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


def hint_for(
    cause: Cause, repository: Repository | None, url: str | None = None, subject: Subject | None = None
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
    index = repository.index_url if repository is not None else None
    if cause is Cause.NOT_AN_UPLOAD_URL:
        if index is None:  # or it would become a source to install from
            words = ("add", _HERE, "--publish-only")
    elif url is None and repository is not None:
        url = index or repository.publish_url
    known = {_HERE: as_url(url), _INDEX: as_url(index)}
    verb, *rest = [known.get(word, word) for word in words]
    return repo(verb, repository.name if repository is not None else "NAME", *rest)


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
    whose = repository.name if repository else None
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


def failure_of(found: Failure, repository: Repository | None, *, host: str = "", hint: Hint | None = None) -> Failure:
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


def refusal(
    repository: Repository,
    sent: Credential | None,
    resolution: Resolution,
    *,
    status: int,
    host: str,
    url: str,
    renewed: bool = False,
    reading: bool = False,
    proven: bool = True,
) -> Failure:
    """Why a 401 or 403 could not be helped: nothing to send, withheld, broken, expired or rejected. Any other status is
    that of a server which hides what one may not see.

    :param renewed: ``sent`` was made anew because the one before it was refused.
    :param proven: it accepted ``sent``, or one before it, earlier in this run.
    :param reading: the request was for a page or file, which a 403 of some servers says that they do not have.
    """
    way_out = _way_out(repository) if reading and status == 403 else ""
    if sent is None:
        return _nothing_sent(repository, resolution, status=status, host=host, url=url, way_out=way_out)
    profile = profile_of(url, repository.name)
    shows_user = sent.username and sent.secret and not (profile is not None and profile.token_is_username)
    who = f" of user {sent.username}" if shows_user else ""
    note = profile.refusal_notes.get(status) if profile else None
    tail = f" {note}" if note else ""
    hidden = status not in (401, 403)
    if renewed and not hidden:
        message = f"it refused the credential{who} from {sent.detail}, and a new one as well ({status}).{tail}"
        return failure(Cause.CREDENTIAL_REJECTED, message, repository, host=host, url=url, status=status)
    if hidden or sent.expires_at is not None or (sent.source.startswith("provider:") and status != 403):
        broken = resolution.broken
        why = f" A new one could not be had: {broken.why}." if broken is not None else ""
        hint = (broken.failure.hint if broken is not None else None) or mending_command(sent.source)
        too = ", nor a new one" if renewed else ""
        message = f"it no longer accepts the credential{who} from {sent.detail}{too} ({status}).{tail}{why}"
        if not proven:
            too = ", and to a new one" if renewed else ""
            message = f"it answers {status} to the credential{who} from {sent.detail}{too}:{tail}.{why}"
        return failure(Cause.CREDENTIAL_EXPIRED, message, repository, host=host, url=url, hint=hint, status=status)
    if status == 403:
        message = f"the credential{who} from {sent.detail} has no right to this (403).{tail}{way_out}"
    else:
        first = " It goes before what is stored: set it anew, or unset it." if sent.source == "env" else ""
        message = f"it refused the credential{who} from {sent.detail} ({status}).{first}{tail}"
    return failure(Cause.CREDENTIAL_REJECTED, message, repository, host=host, url=url, hint=sent.mend, status=status)


def _way_out(repository: Repository) -> str:
    mend = repo("add", repository.name, "--ignore-error-code", "403")
    return f" If it answers so for what it does not have: {mend}."


def withheld_of(resolution: Resolution) -> Withheld | None:
    """The stored credential that was not sent because it belongs elsewhere, if that is what happened."""
    return next((answer for _, answer in resolution.steps if isinstance(answer, Withheld)), None)


def unanswered(repository: Repository, broken: Broken, *, host: str) -> Failure:
    """A source that is responsible and cannot answer."""
    found = broken.failure
    return failure(found.cause, f"no credential: {broken.why}", repository, host=host, hint=found.hint)


def _nothing_sent(
    repository: Repository, resolution: Resolution, *, status: int, host: str, url: str, way_out: str
) -> Failure:
    withheld = withheld_of(resolution)
    if withheld is not None:
        message = (
            f"it asks for a credential ({status}), and the stored one belongs to "
            f"{' and '.join(withheld.bound_to)}, not to {url}; nothing was sent."
        )
        return failure(Cause.ORIGIN_MISMATCH, message, repository, host=host, url=url, status=status)
    if resolution.broken is not None:
        return unanswered(repository, resolution.broken, host=host)
    found = next((answer for _, answer in resolution.steps if isinstance(answer, Unusable)), None)
    clue = None if found is None else found.why
    message = f"it asks for a credential ({status}) and none is configured"
    said = [answer.why for name, answer in resolution.steps if name == OUTSIDE and isinstance(answer, NotMine)]
    if clue is None and said and said[0] not in ("", NONE_SET):
        message, clue = f"it asks for a credential ({status}), and its helper or provider has none", said[0]
    message += f": {clue}." if clue else "."
    hint = None if found is None else found.hint
    return failure(Cause.CREDENTIAL_MISSING, f"{message}{way_out}", repository, host=host, hint=hint, status=status)
