"""How each cause of DESIGN section 7 is put into words, with the command that mends it."""

from __future__ import annotations

from shlex import quote

from poetry_repo_plugin.config.repositories import Repository
from poetry_repo_plugin.core.errors import Cause, Failure, RepositoryFailure, Subject
from poetry_repo_plugin.core.servers import profile_of
from poetry_repo_plugin.credentials.base import NONE_SET, OUTSIDE, Broken, Credential, NotMine, Resolution
from poetry_repo_plugin.credentials.providers.registry import mending_command
from poetry_repo_plugin.credentials.stored import Withheld

_IDENTITY = "poetry repo certs {name} --client-cert PATH --client-key PATH"
_HINTS = {
    Cause.UNKNOWN_CA: "poetry repo certs {name} --ca PATH",
    Cause.CLIENT_CERT_REQUIRED: "poetry repo certs {name} --client-cert PATH",
    Cause.CLIENT_CERT_REJECTED: "poetry repo certs {name} --client-cert PATH",
    Cause.CLIENT_CERT_EXPIRED: "poetry repo certs {name} --client-cert PATH",
    Cause.CLIENT_KEY_MISSING: _IDENTITY,
    Cause.CLIENT_KEY_MISMATCH: _IDENTITY,
    Cause.PASSPHRASE_MISSING: "poetry repo certs {name} --passphrase-stdin",
    Cause.PASSPHRASE_WRONG: "poetry repo certs {name} --passphrase-stdin",
    Cause.TLS_FILE_MISSING: "poetry repo certs {name} --client-cert PATH",
    Cause.TLS_FILE_INVALID: "poetry repo certs {name} --client-cert PATH",
    Cause.CREDENTIAL_MISSING: "poetry repo login {name}",
    Cause.CREDENTIAL_REJECTED: "poetry repo login {name}",
    Cause.CREDENTIAL_EXPIRED: "poetry repo login {name}",
    Cause.ORIGIN_MISMATCH: "poetry repo login {name} --url {url}",
    Cause.NOT_AN_INDEX: "poetry repo add {name} URL --publish-url URL",
    Cause.NOT_AN_UPLOAD_URL: "poetry repo add {name} {url} --publish-url URL",
}

# Where the cause alone does not say which setting is to be mended.
_HINTS_BY_SUBJECT = {
    (Cause.TLS_FILE_MISSING, Subject.CA): "poetry repo certs {name} --ca PATH",
    (Cause.TLS_FILE_INVALID, Subject.CA): "poetry repo certs {name} --ca PATH",
    (Cause.TLS_FILE_MISSING, Subject.CLIENT_KEY): _IDENTITY,
    (Cause.TLS_FILE_INVALID, Subject.CLIENT_KEY): _IDENTITY,
    # The CA may be trusted; Python 3.13 wants more of it.
    (Cause.UNKNOWN_CA, Subject.STRICT_X509): "poetry repo certs {name} --ca PATH --relaxed",
}

_WAY_OUT = " If it answers so for what it does not have: poetry repo add {name} --ignore-error-code 403."


def failure(
    cause: Cause,
    message: str,
    repository: Repository | None,
    *,
    host: str = "",
    url: str | None = None,
    hint: str | None = None,
    retry: bool = False,
    status: int | None = None,
    subject: Subject | None = None,
) -> RepositoryFailure:
    """The failure with the hint for its cause and subject, unless a better one is given.

    :param host: where it happened, if that is not the repository's own host.
    :param url: the URL that a hint names; the repository's index by default.
    :param hint: ``""`` where no command helps.
    """
    name = repository.name if repository else "NAME"
    pattern = _HINTS.get(cause)
    if subject is not None:
        pattern = _HINTS_BY_SUBJECT.get((cause, subject), pattern)
    if hint is None and pattern is not None:
        target = url or (repository.index_url or repository.publish_url if repository else None) or "URL"
        hint = pattern.format(name=quote(name), url=quote(target))
    where = host or (repository.host if repository else "")
    whose = repository.name if repository else None
    return RepositoryFailure(
        cause, message, repository=whose, host=where, hint=hint or None, retry=retry, status=status
    )


def failure_of(
    found: Failure, repository: Repository | None, *, host: str = "", hint: str | None = None
) -> RepositoryFailure:
    """``found``, now that it is known for which repository."""
    return failure(
        found.cause,
        found.message,
        repository,
        host=host,
        hint=hint or found.hint,
        retry=found.retry,
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
) -> RepositoryFailure:
    """Why a 401 or 403 could not be helped: nothing to send, withheld, broken, expired or rejected. Any other status is
    that of a server which hides what one may not see.

    :param renewed: ``sent`` was made anew because the one before it was refused.
    :param proven: it accepted ``sent``, or one before it, earlier in this run.
    :param reading: the request was for a page or file, which a 403 of some servers says that they do not have.
    """
    way_out = _WAY_OUT.format(name=quote(repository.name)) if reading and status == 403 else ""
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
        hint = (broken.hint if broken is not None else None) or mending_command(sent.source)
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
    return failure(Cause.CREDENTIAL_REJECTED, message, repository, host=host, url=url, status=status)


def withheld_of(resolution: Resolution) -> Withheld | None:
    """The stored credential that was not sent because it belongs elsewhere, if that is what happened."""
    return next((answer for _, answer in resolution.steps if isinstance(answer, Withheld)), None)


def unanswered(repository: Repository, broken: Broken, *, host: str) -> RepositoryFailure:
    """A source that is responsible and cannot answer."""
    return failure(broken.cause, f"no credential: {broken.why}.", repository, host=host, hint=broken.hint)


def _nothing_sent(
    repository: Repository, resolution: Resolution, *, status: int, host: str, url: str, way_out: str
) -> RepositoryFailure:
    withheld = withheld_of(resolution)
    if withheld is not None:
        message = (
            f"it asks for a credential ({status}), and the stored one belongs to "
            f"{' and '.join(withheld.bound_to)}, not to {url}; nothing was sent."
        )
        return failure(Cause.ORIGIN_MISMATCH, message, repository, host=host, url=url)
    if resolution.broken is not None:
        return unanswered(repository, resolution.broken, host=host)
    clue = next(
        (
            answer.why
            for _, answer in resolution.steps
            if isinstance(answer, NotMine) and answer.why.startswith(("the environment sets", "auth.toml names"))
        ),
        None,
    )
    message = f"it asks for a credential ({status}) and none is configured"
    said = [answer.why for name, answer in resolution.steps if name == OUTSIDE and isinstance(answer, NotMine)]
    if clue is None and said and said[0] not in ("", NONE_SET):
        message, clue = f"it asks for a credential ({status}), and its helper or provider has none", said[0]
    message += f": {clue}." if clue else "."
    return failure(Cause.CREDENTIAL_MISSING, f"{message}{way_out}", repository, host=host)
