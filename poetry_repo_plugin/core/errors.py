"""Everything that can go wrong and that a user is told about.

    RepoError                    what happened, and the command that mends it
    ├── InputError               the user's words: a bad URL, options that contradict each other
    │   └── UnknownNameError     no repository is called so; carries the name that was probably meant
    ├── StateError               a file of settings that cannot be read, parsed, locked or written
    ├── Failure                  something failed, not yet known for which repository; carries a Cause
    └── RepositoryFailure        a repository did not do what was asked; carries a Cause (DESIGN section 7)

The message says what happened, to which repository and host, and why. The hint is a command to type.
"""

from __future__ import annotations

from enum import Enum


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
    ORIGIN_MISMATCH = "origin-mismatch"
    NOT_AN_INDEX = "not-an-index"
    NOT_AN_UPLOAD_URL = "not-an-upload-url"
    DNS = "dns"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    PROXY = "proxy"
    SERVER_ERROR = "server-error"


class Subject(str, Enum):
    """The setting that a failure is about, where the cause does not say it; in the words of messages.

    Which command mends a failure follows from its cause and its subject, never from its text.
    """

    CA = "CA bundle"
    CLIENT_CERTIFICATE = "client certificate"
    CLIENT_KEY = "client key"
    STRICT_X509 = "strict X.509 check"


class RepoError(Exception):
    """The root of what a user is told.

    :param message: what happened, to whom, why; one or two sentences, no secret, no markup.
    :param hint: a command to type, or ``None`` where there is none.
    """

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def lines(self) -> list[str]:
        """The text for a terminal: the message, then the hint on a line of its own."""
        return [printable(line) for line in ([self.message] if self.hint is None else [self.message, self._try])]

    @property
    def _try(self) -> str:
        return f"Try: {self.hint}"


class InputError(RepoError):
    """The user's words do not fit. Nothing was done."""


class UnknownNameError(InputError):
    """No repository is called so.

    :param given: the name that was asked for.
    :param meant: the one that was probably meant, or ``None``.
    """

    def __init__(self, given: str, meant: str | None, hint: str) -> None:
        suggestion = f" Did you mean {meant}?" if meant is not None else ""
        super().__init__(f"No repository is called {given!r}.{suggestion}", hint)
        self.given = given
        self.meant = meant


class StateError(RepoError):
    """A file of settings cannot be read, parsed, locked or written. It is left as it is."""


class Failure(RepoError):
    """Something failed, wherever it is not known yet for which repository.

    :param cause: one of DESIGN section 7.
    :param detail: a clause without a full stop: what is wrong, of which file or server. No secret, no repository.
    :param subject: the setting to mend, where the cause alone does not say it.
    :param retry: whether trying again may help.
    """

    def __init__(
        self,
        cause: Cause,
        detail: str,
        *,
        subject: Subject | None = None,
        hint: str | None = None,
        retry: bool = False,
    ) -> None:
        detail = detail.rstrip(".")
        super().__init__(f"{detail}.", hint)
        self.cause = cause
        self.detail = detail
        self.subject = subject
        self.retry = retry


class RepositoryFailure(RepoError):
    """A repository did not do what was asked of it.

    :param cause: one of DESIGN section 7.
    :param repository: its name, or ``None`` for a host that no repository is configured for.
    :param host: ``host`` or ``host:port``.
    :param retry: whether trying again may help; Poetry's own retries are left to work on these.
    :param status: of the answer that refused a credential, where that is what happened.
    """

    def __init__(
        self,
        cause: Cause,
        message: str,
        *,
        repository: str | None,
        host: str,
        hint: str | None = None,
        retry: bool = False,
        status: int | None = None,
    ) -> None:
        super().__init__(message, hint)
        self.retry = retry
        self.status = status
        self.cause = cause
        self.repository = repository
        self.host = host

    def lines(self) -> list[str]:
        """As :meth:`RepoError.lines`, with the cause's own word, so that it can be searched for."""
        whom = f"Repository {self.repository} ({self.host})" if self.repository else self.host
        text = f"{whom}: {self.message} [{self.cause.value}]"
        return [printable(line) for line in ([text] if self.hint is None else [text, self._try])]


def printable(line: str) -> str:
    """``line`` with everything escaped that a terminal would act on: names and URLs in it may be a stranger's."""
    return line if line.isprintable() else "".join(_escaped(char) for char in line)


def _escaped(char: str) -> str:
    return char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
