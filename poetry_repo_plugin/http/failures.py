"""How each cause of DESIGN section 7 is put into words, with the command that mends it."""

from __future__ import annotations

from typing import NamedTuple

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
from poetry_repo_plugin.http.matching import Leave, unmistakable
from poetry_repo_plugin.http.refusals import Action, Place, Refusal

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

UNCERTAIN = "a path that not every server reads alike (dots, escapes)"


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


class Why(NamedTuple):
    """What is known of a refusal beside the answer.

    :param resolution: what there is to send, and why there is nothing else.
    :param renewed: what was refused was made anew because the one before it was refused.
    :param reading: it was for a page or file, which a 403 of some servers says that they do not have.
    :param proven: the repository accepted a credential earlier in this run.
    """

    resolution: Resolution
    renewed: bool = False
    reading: bool = False
    proven: bool = False


def explain_refusal(refused: Refusal, action: Action, why: Why) -> Failure:
    """The failure that a refusal is, when nothing else can be sent."""
    leave = refused.leave
    assert leave.repository is not None
    if action is Action.MISMATCH:
        return _mismatch(refused, leave.repository)
    if action is Action.FORBID:
        return _forbidden(refused, leave.repository, why)
    if refused.sent is None:
        return _nothing_sent(refused, leave.repository, why)
    return _rejected(refused, leave.repository, refused.sent, why)


def _mismatch(refused: Refusal, repository: Repository) -> Failure:
    status, host, sent = refused.status, refused.leave.origin.netloc, refused.sent
    places = " and ".join(map(str, repository.prefixes))
    if refused.place is Place.UNCERTAIN:
        message = f"it asks for a credential ({status}) at {UNCERTAIN}; nothing was sent."
        return failure(Cause.ORIGIN_MISMATCH, message, repository, host=host, hint=Hint())
    if sent is not None:
        message = f"it refused the credential from {sent.detail} ({status}); the repository's own is for {places}."
    elif refused.place is Place.STRAY:
        message = f"it asks for a credential ({status}) at a place that is not below {places}; nothing was sent."
    else:
        message = f"it asks for a credential ({status}), and the repository's own is for {places}; nothing was sent."
    url = refused.login_url
    return failure(Cause.ORIGIN_MISMATCH, message, repository, host=host, url=url, status=status)


def _forbidden(refused: Refusal, repository: Repository, why: Why) -> Failure:
    sent, host = refused.sent, refused.leave.origin.netloc
    credential = f"the credential{_whose(sent, repository, refused.url)}" if sent is not None else "the credential"
    if why.proven:
        message = f"it forbids this (403), although it accepted {credential} for other things."
    else:
        origin = f" from {sent.detail}" if sent is not None else ""
        message = f"it forbids this (403), although {credential}{origin} was issued a moment ago."
    message += _said(refused.reason) + _note(refused, repository)
    return failure(Cause.FORBIDDEN, message + _way_out(refused, repository, why), repository, host=host, status=403)


def _rejected(refused: Refusal, repository: Repository, sent: Credential, why: Why) -> Failure:
    """Sent, and rejected or expired."""
    status = refused.status
    url, host = _asked_url(refused.leave), refused.leave.origin.netloc
    whose = f"the credential{_whose(sent, repository, url)} from {sent.detail}"
    tail = _note(refused, repository)
    cause, hint = Cause.CREDENTIAL_REJECTED, sent.mend
    hidden = refused.is_hidden
    if why.renewed and not hidden:
        hint = None
        message = f"it refused {whose}, and a new one as well ({status}).{tail}"
    elif hidden or sent.expires_at is not None or (sent.source.startswith("provider:") and status != 403):
        cause = Cause.CREDENTIAL_EXPIRED
        broken = why.resolution.broken
        hint = (broken.failure.hint if broken is not None else None) or mending_command(sent.source)
        no_other = f" A new one could not be had: {broken.why}." if broken is not None else ""
        if hidden and not why.proven:
            too = ", and to a new one" if why.renewed else ""
            message = f"it answers {status} to {whose}{too}:{tail}.{no_other}"
        else:
            too = ", nor a new one" if why.renewed else ""
            message = f"it no longer accepts {whose}{too} ({status}).{tail}{no_other}"
    elif status == 403:
        said = _said(refused.reason)
        message = f"{whose} has no right to this (403).{said}{tail}{_way_out(refused, repository, why)}"
    else:
        first = " It goes before what is stored: set it anew, or unset it." if sent.source == "env" else ""
        message = f"it refused {whose} ({status}).{first}{tail}"
    return failure(cause, message, repository, host=host, url=url, hint=hint, status=status)


def _whose(sent: Credential | None, repository: Repository, url: str) -> str:
    """The user whose credential it is, unless that is a secret."""
    profile = profile_of(url, repository.name)
    is_secret = profile is not None and profile.token_is_username
    if sent is None or not sent.username or not sent.secret or is_secret:
        return ""
    return f" of user {sent.username}"


def _note(refused: Refusal, repository: Repository) -> str:
    profile = profile_of(_asked_url(refused.leave), repository.name)
    note = profile.refusal_notes.get(refused.status) if profile is not None else None
    return f" {note}" if note else ""


def _said(reason: str) -> str:
    return f" It says: “{reason}”." if reason else ""


def _way_out(refused: Refusal, repository: Repository, why: Why) -> str:
    if not why.reading or refused.status != 403:
        return ""
    mend = repo("add", repository.name, "--ignore-error-code", "403")
    return f" If it answers so for what it does not have: {mend}."


def _asked_url(leave: Leave) -> str:
    return unmistakable(leave.query.url) if leave.query is not None else str(leave.origin)


def withheld_of(resolution: Resolution) -> Withheld | None:
    """The stored credential that was not sent because it belongs elsewhere, if that is what happened."""
    return next((answer for _, answer in resolution.steps if isinstance(answer, Withheld)), None)


def unanswered(repository: Repository, broken: Broken, *, host: str) -> Failure:
    """A source that is responsible and cannot answer."""
    found = broken.failure
    return failure(found.cause, f"no credential: {broken.why}", repository, host=host, hint=found.hint)


def _nothing_sent(refused: Refusal, repository: Repository, why: Why) -> Failure:
    resolution, status = why.resolution, refused.status
    url, host = _asked_url(refused.leave), refused.leave.origin.netloc
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
    message += _said(refused.reason) if status == 403 else ""
    message += _way_out(refused, repository, why)
    hint = None if found is None else found.hint
    return failure(Cause.CREDENTIAL_MISSING, message, repository, host=host, hint=hint, status=status)
