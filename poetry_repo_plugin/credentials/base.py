"""What a credential source is asked, and the three things that it can answer."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum, Flag, auto
from typing import NamedTuple, Protocol, Union

from poetry_repo_plugin.core.errors import Cause, Failure
from poetry_repo_plugin.core.headers import Headers
from poetry_repo_plugin.core.hints import Hint
from poetry_repo_plugin.core.secret import Secret, remember

BASIC = "basic"
BEARER = "bearer"
NO_SCHEME = "none"  # headers alone, without Authorization

OUTSIDE = "helper or provider"  # the name of that source
NONE_SET = "none is set"  # and its answer where there is neither


class Purpose(Enum):
    """What the request is for. An index look-up never triggers what only an upload may (trusted
    publishing).
    """

    INDEX = "index"
    PUBLISH = "publish"
    GIT = "git"


class Need(Flag):
    """What an answer may take beyond reading settings, files and the environment.

    A source declares what it needs, a query says what it allows.
    """

    NOTHING = 0
    SEARCH = auto()
    """Look where no setting points to: ask a keyring in vain, take the default entry of a netrc."""
    PROCESS = auto()
    """Run the helper, or the vendor's tool."""
    NETWORK = auto()


LISTING = Need.NOTHING
FIRST_REQUEST = Need.PROCESS  # so that a public index never touches a keyring
DIAGNOSIS = Need.SEARCH
EVERYTHING = Need.SEARCH | Need.PROCESS | Need.NETWORK  # after a refusal, and for an upload
LEVELS = (LISTING, FIRST_REQUEST, DIAGNOSIS, EVERYTHING)


class Query(NamedTuple):
    """For whom a credential is looked for.

    :param name: the repository's name; ``""`` for a host that no repository is configured for.
    :param url: the index or upload URL that it will be sent to (never with userinfo).
    :param username: only a credential of this user will do, where it is given.
    :param allowed: one of ``LEVELS``.
    :param fresh: the last answer was refused; what was kept of it between commands will not do.
    """

    name: str
    url: str
    purpose: Purpose = Purpose.INDEX
    allowed: Need = EVERYTHING
    username: str | None = None
    fresh: bool = False

    def allows(self, need: Need) -> bool:
        """Whether a source may do all of ``need`` for the answer."""
        return need in self.allowed


@dataclass(frozen=True)
class Credential:
    """Something to authenticate with, and where it came from.

    Two are equal if a server cannot tell them apart: the same token handed out again is no new one,
    whatever its source says of its end.

    :param scheme: ``basic``, ``bearer``, or any other HTTP authentication scheme (RFC 9110, 11.1)
        for a helper that hands out whole Authorization headers; ``none`` for further headers alone.
    :param source: one of DESIGN section 3 (``env``, ``keyring``, ``provider:aws``, …).
    :param detail: the same for a person: which variable, which file.
    :param expires_at: when it stops working (aware, UTC), if the source knows.
    :param mend: the command that changes it, where that is not a login.
    :param borrowed: it is stored under another name than the repository's.
    :param account: who signed in for it, as their issuer calls them.
    :param headers: what its helper wants to be sent beside Authorization.
    """

    secret: Secret
    username: str | None
    source: str = field(compare=False)
    detail: str = field(compare=False)
    scheme: str = BASIC
    expires_at: datetime | None = field(default=None, compare=False)
    mend: Hint | None = field(default=None, compare=False)
    borrowed: bool = field(default=False, compare=False)
    account: str | None = field(default=None, compare=False)
    headers: Headers = ()

    def __post_init__(self) -> None:
        if self.username and not self.secret:  # the user name is the token, for some servers
            remember(self.username)

    def authorization(self) -> str | None:
        """The value of an Authorization header, if there is one. User name and password go out as
        UTF-8 (RFC 7617, 2.1), and what an environment variable held that is no UTF-8 as it was
        there (PEP 383).
        """
        if self.scheme == NO_SCHEME:
            return None
        if self.scheme == BASIC:
            text = f"{self.username or ''}:{self.secret.reveal()}"
            try:
                pair = text.encode("utf-8", "surrogateescape")
            except UnicodeEncodeError:  # its text would quote the secret
                pair = text.encode("utf-8", "replace")
            encoded = base64.b64encode(pair).decode("ascii")
            remember(encoded)  # a server may repeat it
            return f"Basic {encoded}"
        if self.scheme == BEARER:
            return f"Bearer {self.secret.reveal()}"
        return f"{self.scheme} {self.secret.reveal()}"


@dataclass(frozen=True)
class NotMine:
    """The source knows nothing about this repository. ``why`` is for ``repo show`` and
    ``doctor``.
    """

    why: str = ""


@dataclass(frozen=True)
class Unusable(NotMine):
    """Something was found that cannot be used as it is: worth telling where a credential is
    missing.

    :param hint: the command that changes it; without one, a login does.
    """

    hint: Hint | None = None


@dataclass(frozen=True)
class Withheld(NotMine):
    """There is a credential of this name, bound to other origins than the one that asks; nothing is
    sent.

    :param bound_to: those origins, as they are printed.
    """

    bound_to: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unheard(NotMine):
    """The source could not be asked, and nothing says that it has anything: the others get their
    chance first.

    :param source: the word of DESIGN section 3 for it.
    """

    source: str = "none"


@dataclass(frozen=True)
class Broken:
    """The source is responsible and cannot answer: the chain stops here and says why.

    :param failure: what is wrong, before it is known for which repository.
    :param source: one of DESIGN section 3, as of a credential.
    """

    failure: Failure
    source: str = field(default="none", compare=False)

    @classmethod
    def because(
        cls,
        why: str,
        cause: Cause = Cause.CREDENTIAL_MISSING,
        hint: Hint | None = None,
        *,
        source: str = "none",
    ) -> Broken:
        """It cannot answer because of ``why``, a clause."""
        return cls(Failure(cause, why, hint=hint), source)

    @property
    def why(self) -> str:
        """What is wrong, a clause."""
        return self.failure.detail

    @property
    def cause(self) -> Cause:
        """One of DESIGN section 7."""
        return self.failure.cause

    @property
    def hint(self) -> Hint | None:
        """What to type."""
        return self.failure.hint

    def with_hint(self, hint: Hint | None) -> Broken:
        """The same with ``hint``."""
        return replace(self, failure=Failure(self.cause, self.why, hint=hint))


Answer = Union[Credential, NotMine, Broken]


class Source(Protocol):
    """One place where credentials live."""

    @property
    def name(self) -> str:
        """How the source is called in ``repo show``."""

    def get(self, query: Query) -> Answer:
        """What this source has for ``query``. It neither prints nor raises for what a user did."""


class Resolution(NamedTuple):
    """What the chain found: the credential or why there is none, and what each source said on the
    way.
    """

    credential: Credential | None
    broken: Broken | None = None
    steps: tuple[tuple[str, Answer], ...] = ()
