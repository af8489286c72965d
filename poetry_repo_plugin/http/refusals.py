"""What a refusal means: from where it came, its status, what was sent and whether that was good
before.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import NamedTuple
from urllib.parse import urlsplit

from poetry_repo_plugin.config.repositories import Repository
from poetry_repo_plugin.core.errors import Cause, Failure
from poetry_repo_plugin.core.hints import Hint, repo
from poetry_repo_plugin.core.names import is_pypi
from poetry_repo_plugin.core.origin import InvalidUrl, Prefix
from poetry_repo_plugin.core.servers import profile_of
from poetry_repo_plugin.credentials.base import (
    NONE_SET,
    OUTSIDE,
    Credential,
    NotMine,
    Resolution,
    Unusable,
)
from poetry_repo_plugin.credentials.providers.registry import mending_command
from poetry_repo_plugin.http.bodies import is_file
from poetry_repo_plugin.http.failures import failure, unanswered, withheld_of
from poetry_repo_plugin.http.matching import Grant, unmistakable


class Reply(NamedTuple):
    """What came back for one attempt.

    :param sent: what it carried.
    :param reason: the server's own words.
    :param headers: the names of the further headers that it carried.
    """

    status: int
    sent: Credential | None = None
    reason: str = ""
    headers: tuple[str, ...] = ()


class Refusal(NamedTuple):
    """An answer that says that a credential is missing, wrong or not enough.

    :param url: that was asked for.
    :param tried: what was sent so far, in order.
    :param headers: the names of the further headers that went with the last.
    """

    grant: Grant
    url: str
    status: int
    tried: tuple[Credential, ...] = ()
    reason: str = ""
    headers: tuple[str, ...] = ()

    @property
    def sent(self) -> Credential | None:
        """What was refused."""
        if self.tried:
            return self.tried[-1]
        return self.grant.given

    @property
    def is_hidden(self) -> bool:
        """The server hides what one may not see, behind a 404 or the like."""
        return self.status not in (401, 403)

    @property
    def place(self) -> Place:
        """Where it came from, as seen from the repository."""
        grant, repository = self.grant, self.grant.repository
        if repository is None:
            return Place.NOBODY
        if grant.uncertain:
            return Place.UNCERTAIN
        if grant.stray:
            return Place.STRAY
        at_a_host_of_its_files = grant.query is not None and not grant.query.name
        if not grant.led_away and not at_a_host_of_its_files:
            return Place.HOME
        if any(grant.origin == prefix.origin for prefix in repository.prefixes):
            return Place.HOME
        if is_pypi(repository.name):
            return Place.NOBODY
        return Place.ELSEWHERE

    @property
    def login_url(self) -> str:
        """The URL to log in to: that of the pages or files beside it, of the whole origin where
        files lie elsewhere.
        """
        origin = f"{self.grant.origin}/"
        path = urlsplit(self.url).path
        if self.place is Place.ELSEWHERE and is_file(self.url):
            return origin
        folder = path.rstrip("/")
        if folder.rpartition("/")[2] not in ("simple", "+simple"):
            folder = folder.rpartition("/")[0]
        try:
            return f"{Prefix.of(origin + folder.lstrip('/'))}/"
        except InvalidUrl:
            return origin


class Place(Enum):
    """Where a refusal came from."""

    HOME = auto()
    STRAY = auto()  # the repository's host, outside of its paths
    ELSEWHERE = auto()  # a host of its files, or one that a redirect led to
    UNCERTAIN = auto()  # a path that servers read in different ways
    NOBODY = auto()


class Action(Enum):
    """What becomes of a refusal that no other credential can help."""

    HAND_ON = auto()  # whoever asked reads the answer
    MISMATCH = auto()  # the credential belongs elsewhere
    FORBID = auto()  # the credential is good, and this is not for it
    DOUBT = auto()  # perhaps nothing is there; told if all was answered so
    REFUSE = auto()


_ANY = None
_HIDDEN = 0
_Row = tuple[Place, "int | None", "bool | None", "bool | None", Action]

# Place, status (or hidden), sent something, that was good before → action. The first row that fits
# counts.
_ROWS: tuple[_Row, ...] = (
    (Place.NOBODY, _ANY, _ANY, _ANY, Action.HAND_ON),
    (Place.UNCERTAIN, _HIDDEN, _ANY, _ANY, Action.HAND_ON),
    (Place.UNCERTAIN, _ANY, _ANY, _ANY, Action.MISMATCH),
    (Place.STRAY, 401, False, _ANY, Action.MISMATCH),
    (Place.STRAY, 403, False, _ANY, Action.MISMATCH),
    (Place.STRAY, _ANY, _ANY, _ANY, Action.HAND_ON),
    (Place.ELSEWHERE, 401, _ANY, _ANY, Action.MISMATCH),
    (Place.ELSEWHERE, 403, _ANY, True, Action.FORBID),
    (Place.ELSEWHERE, _ANY, _ANY, _ANY, Action.HAND_ON),
    (Place.HOME, 403, True, True, Action.FORBID),
    (Place.HOME, _HIDDEN, _ANY, False, Action.DOUBT),
    (Place.HOME, _ANY, _ANY, _ANY, Action.REFUSE),
)


def action_for(refusal: Refusal, *, proven: bool) -> Action:
    """What to do about ``refusal``, when there is nothing else to send.

    :param proven: what was sent was accepted in this run, or issued a moment ago.
    """
    status = _HIDDEN if refusal.is_hidden else refusal.status
    seen = (refusal.place, status, refusal.sent is not None, proven)
    for *pattern, action in _ROWS:
        if all(want in (_ANY, have) for want, have in zip(pattern, seen, strict=True)):
            return action
    raise AssertionError(seen)


# -- in words

UNCERTAIN = "a path that servers interpret differently (dots, escapes)"


class Why(NamedTuple):
    """What is known of a refusal beside the answer.

    :param resolution: what there is to send, and why there is nothing else.
    :param renewed: what was refused was made anew because the one before it was refused.
    :param reading: it was for a page or file, which a 403 of some servers says that they do not
        have.
    :param proven: the repository accepted a credential earlier in this run.
    """

    resolution: Resolution
    renewed: bool = False
    reading: bool = False
    proven: bool = False


def explain_refusal(refused: Refusal, action: Action, why: Why) -> Failure:
    """The failure that a refusal is, when nothing else can be sent."""
    grant = refused.grant
    assert grant.repository is not None
    if action is Action.MISMATCH:
        return _mismatch(refused, grant.repository)
    if action is Action.FORBID:
        return _forbidden(refused, grant.repository, why)
    if refused.sent is None:
        return _nothing_sent(refused, grant.repository, why)
    return _rejected(refused, grant.repository, refused.sent, why)


def _mismatch(refused: Refusal, repository: Repository) -> Failure:
    status, host, sent = refused.status, refused.grant.origin.netloc, refused.sent
    places = " and ".join(map(str, repository.prefixes))
    if refused.place is Place.UNCERTAIN:
        message = f"it requires a credential ({status}) at {UNCERTAIN}; nothing was sent."
        return failure(Cause.ORIGIN_MISMATCH, message, repository, host=host, hint=Hint())
    if sent is not None:
        message = f"it refused the credential from {sent.detail} ({status}); the repository's own is for {places}."
    elif refused.place is Place.STRAY:
        message = f"it requires a credential ({status}) outside of {places}; nothing was sent."
    else:
        message = f"it requires a credential ({status}), and the repository's own is for {places}; nothing was sent."
    url = refused.login_url
    return failure(Cause.ORIGIN_MISMATCH, message, repository, host=host, url=url, status=status)


def _forbidden(refused: Refusal, repository: Repository, why: Why) -> Failure:
    sent, host = refused.sent, refused.grant.origin.netloc
    credential = (
        f"the credential{_whose(sent, repository, refused.url)}"
        if sent is not None
        else "the credential"
    )
    if why.proven:
        message = f"it denied this request (403), although it accepted {credential} for others."
    else:
        origin = f" from {sent.detail}" if sent is not None else ""
        message = (
            f"it denied this request (403), although {credential}{origin} was issued just now."
        )
    message += _said(refused.reason) + _note(refused, repository)
    return failure(
        Cause.FORBIDDEN,
        message + _way_out(refused, repository, why),
        repository,
        host=host,
        status=403,
    )


def _rejected(refused: Refusal, repository: Repository, sent: Credential, why: Why) -> Failure:
    """Sent, and rejected or expired."""
    status = refused.status
    url, host = _asked_url(refused.grant), refused.grant.origin.netloc
    whose = f"the credential{_whose(sent, repository, url)} from {sent.detail}"
    tail = _note(refused, repository)
    cause, hint = Cause.CREDENTIAL_REJECTED, sent.mend
    hidden = refused.is_hidden
    if why.renewed and not hidden:
        hint = None
        message = f"it refused {whose}, and a new one as well ({status}).{tail}"
    elif (
        hidden
        or sent.expires_at is not None
        or (sent.source.startswith("provider:") and status != 403)
    ):
        cause = Cause.CREDENTIAL_EXPIRED
        broken = why.resolution.broken
        hint = (broken.failure.hint if broken is not None else None) or mending_command(sent.source)
        no_other = f" A new one could not be obtained: {broken.why}." if broken is not None else ""
        if hidden and not why.proven:
            too = ", and to a new one" if why.renewed else ""
            message = f"it answers {status} to {whose}{too}:{tail}.{no_other}"
        else:
            too = ", nor a new one" if why.renewed else ""
            message = f"it no longer accepts {whose}{too} ({status}).{tail}{no_other}"
    elif status == 403:
        said = _said(refused.reason)
        message = f"{whose} is not allowed to do this (403).{said}{tail}{_way_out(refused, repository, why)}"
    else:
        first = (
            " It takes precedence over the stored login; update or unset it."
            if sent.source == "env"
            else ""
        )
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
    profile = profile_of(_asked_url(refused.grant), repository.name)
    note = profile.refusal_notes.get(refused.status) if profile is not None else None
    if not note:
        return ""
    return f" {note}"


def _said(reason: str) -> str:
    if not reason:
        return ""
    return f" It says: “{reason}”."


def _way_out(refused: Refusal, repository: Repository, why: Why) -> str:
    if not why.reading or refused.status != 403:
        return ""
    mend = repo("add", repository.name, "--ignore-error-code", "403")
    return f" If that is its answer for missing packages: {mend}."


def _asked_url(grant: Grant) -> str:
    if grant.query is not None:
        return unmistakable(grant.query.url)
    return str(grant.origin)


def _headers_rejected(refused: Refusal, repository: Repository, why: Why) -> Failure:
    """Further headers were sent alone, and are not enough."""
    names = " and ".join(refused.headers)
    message = f"it refused {names} (403).{_said(refused.reason)}"
    words = [word for name in refused.headers for word in ("--header", name)]
    return failure(
        Cause.CREDENTIAL_REJECTED,
        message + _note(refused, repository) + _way_out(refused, repository, why),
        repository,
        host=refused.grant.origin.netloc,
        hint=repo("login", repository.name, *words),
        status=403,
    )


def _nothing_sent(refused: Refusal, repository: Repository, why: Why) -> Failure:
    resolution, status = why.resolution, refused.status
    url, host = _asked_url(refused.grant), refused.grant.origin.netloc
    withheld = withheld_of(resolution)
    if withheld is not None:
        message = (
            f"it requires a credential ({status}), and the stored one belongs to "
            f"{' and '.join(withheld.bound_to)}, not to {url}; nothing was sent."
        )
        return failure(
            Cause.ORIGIN_MISMATCH, message, repository, host=host, url=url, status=status
        )
    if resolution.broken is not None:
        return unanswered(repository, resolution.broken, host=host)
    found = next((answer for _, answer in resolution.steps if isinstance(answer, Unusable)), None)
    clue = None if found is None else found.why
    if refused.headers and status == 403:
        return _headers_rejected(refused, repository, why)
    message = f"it requires a credential ({status}), and none is configured"
    if refused.headers:
        message += f" beside {' and '.join(refused.headers)}"
    said = [
        answer.why
        for name, answer in resolution.steps
        if name == OUTSIDE and isinstance(answer, NotMine)
    ]
    if clue is None and said and said[0] not in ("", NONE_SET):
        message, clue = (
            f"it requires a credential ({status}), and its helper or provider has none",
            said[0],
        )
    message += f": {clue}." if clue else "."
    message += _said(refused.reason) if status == 403 else ""
    message += _way_out(refused, repository, why)
    hint = None if found is None else found.hint
    return failure(
        Cause.CREDENTIAL_MISSING, message, repository, host=host, hint=hint, status=status
    )
