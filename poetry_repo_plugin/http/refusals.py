"""What a refusal means: from where it came, its status, what was sent and whether that was good before."""

from __future__ import annotations

from enum import Enum, auto
from typing import NamedTuple
from urllib.parse import urlsplit

from poetry_repo_plugin.core.names import is_pypi
from poetry_repo_plugin.core.origin import InvalidUrl, Prefix
from poetry_repo_plugin.credentials.base import Credential
from poetry_repo_plugin.http.bodies import is_file
from poetry_repo_plugin.http.matching import Leave


class Reply(NamedTuple):
    """What came back for one attempt.

    :param sent: what it carried.
    :param reason: the server's own words.
    """

    status: int
    sent: Credential | None = None
    reason: str = ""


class Refusal(NamedTuple):
    """An answer that says that a credential is missing, wrong or not enough.

    :param url: that was asked for.
    :param tried: what was sent so far, in order.
    """

    leave: Leave
    url: str
    status: int
    tried: tuple[Credential, ...] = ()
    reason: str = ""

    @property
    def sent(self) -> Credential | None:
        """What was refused."""
        return self.tried[-1] if self.tried else self.leave.given

    @property
    def is_hidden(self) -> bool:
        """The server hides what one may not see, behind a 404 or the like."""
        return self.status not in (401, 403)

    @property
    def place(self) -> Place:
        """Where it came from, as seen from the repository."""
        leave, repository = self.leave, self.leave.repository
        if repository is None:
            return Place.NOBODY
        if leave.uncertain:
            return Place.UNCERTAIN
        if leave.stray:
            return Place.STRAY
        is_its_own = leave.query is not None and bool(leave.query.name)
        if is_its_own or any(leave.origin == prefix.origin for prefix in repository.prefixes):
            return Place.HOME
        return Place.NOBODY if is_pypi(repository.name) else Place.ELSEWHERE

    @property
    def login_url(self) -> str:
        """The URL to log in to: that of the pages or files beside it, of the whole origin where files lie elsewhere."""
        origin = f"{self.leave.origin}/"
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

# Place, status (or hidden), sent something, that was good before → action. The first row that fits counts.
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
