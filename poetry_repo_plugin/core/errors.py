"""Everything that can go wrong and that a user is told about.

- ``RepoError``: what happened, and the command that mends it.

  - ``InputError``: the user's words, such as a bad URL, or options that contradict each other.

    - ``UnknownNameError``: no repository is called so; it carries the name that was probably meant.

  - ``StateError``: a file of settings cannot be read, parsed, locked or written.
  - ``Failure``: a repository, or a file of its settings, did not do; it carries a ``Cause`` (DESIGN
    section 7).

The message says what happened, to which repository and host, and why. The hint is a command to
type. Code decides by the type, the cause and the subject of an error, never by its text.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from poetry_repo_plugin.core.origin import hidden
from poetry_repo_plugin.core.terminal import is_unattended, printable
from poetry_repo_plugin.core.variables import env_key

if TYPE_CHECKING:
    from poetry_repo_plugin.core.hints import Hint


class Cause(str, Enum):
    """Why a repository failed: the closed list that ``doctor --json`` reports."""

    UNKNOWN_CA = "unknown-ca"
    SERVER_CERT_EXPIRED = "server-cert-expired"
    HOSTNAME_MISMATCH = "hostname-mismatch"
    CLIENT_CERT_REQUIRED = "client-cert-required"
    CLIENT_CERT_REJECTED = "client-cert-rejected"
    CLIENT_CERT_EXPIRED = "client-cert-expired"
    CLIENT_KEY_MISSING = "client-key-missing"
    CLIENT_KEY_MISMATCH = "client-key-mismatch"
    PASSPHRASE_MISSING = "passphrase-missing"
    PASSPHRASE_WRONG = "passphrase-wrong"
    TLS_FILE_MISSING = "tls-file-missing"
    TLS_FILE_INVALID = "tls-file-invalid"
    CREDENTIAL_MISSING = "credential-missing"
    CREDENTIAL_REJECTED = "credential-rejected"
    CREDENTIAL_EXPIRED = "credential-expired"
    FORBIDDEN = "forbidden"
    ORIGIN_MISMATCH = "origin-mismatch"
    OWNED_ELSEWHERE = "owned-elsewhere"
    NOT_AN_INDEX = "not-an-index"
    NOT_AN_UPLOAD_URL = "not-an-upload-url"
    DNS = "dns"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    PROXY = "proxy"
    SERVER_ERROR = "server-error"


class Subject(str, Enum):
    """The setting that a failure is about, where the cause does not say it; in the words of
    messages.

    Which command mends a failure follows from its cause and its subject, never from its text.
    """

    CA = "CA bundle"
    CLIENT_CERTIFICATE = "client certificate"
    CLIENT_KEY = "client key"
    STRICT_X509 = "strict X.509 check"


_LOGIN = ("HTTP_BASIC_{}_USERNAME", "HTTP_BASIC_{}_PASSWORD")
_CLIENT_CERT = ("CERTIFICATES_{}_CLIENT_CERT",)
_PASSPHRASE = ("CERTIFICATES_{}_PASSPHRASE",)

# Poetry's own variables, and ours for the passphrase; each after ``POETRY_``.
_VARIABLES: dict[Cause, tuple[str, ...]] = {
    Cause.UNKNOWN_CA: ("CERTIFICATES_{}_CERT",),
    Cause.CLIENT_CERT_REQUIRED: _CLIENT_CERT,
    Cause.CLIENT_CERT_REJECTED: _CLIENT_CERT,
    Cause.CLIENT_CERT_EXPIRED: _CLIENT_CERT,
    Cause.PASSPHRASE_MISSING: _PASSPHRASE,
    Cause.PASSPHRASE_WRONG: _PASSPHRASE,
    Cause.CREDENTIAL_MISSING: _LOGIN,
    Cause.CREDENTIAL_REJECTED: _LOGIN,
}
# What a variable cannot say in place of a command.
_BEYOND_VARIABLES = frozenset(("--url", "--helper", "--provider", "--relaxed", "--no-verify"))


class RepoError(Exception):
    """The root of what a user is told.

    :param message: what happened, to whom, why; one or two sentences, no secret, no markup.
    :param hint: what to type, or ``None`` where there is nothing.
    """

    def __init__(self, message: str, hint: Hint | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def lines(self) -> list[str]:
        """The text for a terminal: the message, then the hint on a line of its own."""
        told = [self.headline]
        if self.hint:
            told.append(f"Try: {self.hint}")
        return [printable(line) for line in told]

    def lines_for_ci(self) -> list[str]:
        """The same and, where nobody can type the hint, the variables that do what it does."""
        told = self.lines()
        if self.variables and is_unattended():
            told.append(f"Without a terminal, set {' and '.join(self.variables)}.")
        return told

    @property
    def headline(self) -> str:
        """The message as it stands alone."""
        return self.message

    @property
    def variables(self) -> tuple[str, ...]:
        """The environment variables that do what the hint does, for CI."""
        return ()


class InputError(RepoError):
    """The user's words do not fit. Nothing was done."""


class UnknownNameError(InputError):
    """No repository is called so.

    :param given: the name that was asked for.
    :param meant: the one that was probably meant, or ``None``.
    """

    def __init__(self, given: str, meant: str | None, hint: Hint) -> None:
        suggestion = ""
        if meant is not None:
            suggestion = f" Did you mean {meant}?"
        super().__init__(f"No repository is called {hidden(given)!r}.{suggestion}", hint)
        self.given = given
        self.meant = meant


class StateError(RepoError):
    """A file of settings cannot be read, parsed, locked or written. It is left as it is."""


class Failure(RepoError):
    """A repository, or a file of its settings, did not do what was asked of it.

    :param cause: one of DESIGN section 7.
    :param detail: what is wrong, without a full stop at its end; "it" is the server. No secret.
    :param subject: the setting to mend, where the cause alone does not say it.
    :param repository: its name; ``None`` as long as it is not known, or there is none.
    :param host: ``host`` or ``host:port``; ``""`` as long as it is not known.
    :param retry: whether trying again may help; Poetry's own retries are left to work on these.
    :param status: of the answer that refused a credential, where that is what happened.
    :ivar of_credential: no credential could be had, for ``cause``; the repository itself may be
        there.
    """

    def __init__(
        self,
        cause: Cause,
        detail: str,
        *,
        subject: Subject | None = None,
        hint: Hint | None = None,
        repository: str | None = None,
        host: str = "",
        retry: bool = False,
        status: int | None = None,
    ) -> None:
        self.detail = detail.removesuffix(".")
        super().__init__(
            f"{self.detail}." if self.detail[-1:] not in ("?", "!") else self.detail, hint
        )
        self.cause = cause
        self.subject = subject
        self.repository = repository
        self.host = host
        self.retry = retry
        self.status = status
        self.of_credential = False

    def __eq__(self, other: object) -> bool:
        """Two are equal if they say the same of the same."""
        return isinstance(other, Failure) and self._all() == other._all()

    def __hash__(self) -> int:
        return hash(self._all())

    def _all(self) -> tuple[object, ...]:
        about = (self.subject, self.repository, self.host)
        return (self.cause, self.detail, *about, self.hint, self.retry, self.status)

    @property
    def headline(self) -> str:
        """Whom it is about, what is wrong, and the cause's own word, so that it can be searched
        for.
        """
        whom = self.host
        if self.repository:
            whom = f"Repository {self.repository}{f' ({self.host})' if self.host else ''}"
        return f"{f'{whom}: ' if whom else ''}{self.message} [{self.cause.value}]"

    @property
    def variables(self) -> tuple[str, ...]:
        """See :attr:`RepoError.variables`; none where the hint is something that only a command can
        do.
        """
        if self.hint is None or self.repository is None or len(self.hint.commands) != 1:
            return ()
        words = self.hint.commands[0]
        if words[:2] != ("poetry", "repo") or words[2] not in ("login", "certs"):
            return ()
        if words[3] != self.repository or _BEYOND_VARIABLES & {*words}:
            return ()
        key = env_key(self.repository)
        return tuple(f"POETRY_{one.format(key)}" for one in _VARIABLES.get(self.cause, ()))
