"""What a check says, and all of it as the one document of DESIGN section 3."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from poetry_repo_plugin.core.errors import Cause, Failure
from poetry_repo_plugin.core.hints import Hint
from poetry_repo_plugin.core.times import rfc3339

CHECKS = ("dns", "connect", "tls", "client-cert", "credential", "index", "upload")


class State(str, Enum):
    """How a check ended; ``skip`` says in its message why."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"


@dataclass
class Mended:
    """Sentences about what ``--fix`` did, and about what it left and why."""

    done: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def leave(self, line: str) -> None:
        """Say once why something is left."""
        if line not in self.left:
            self.left.append(line)


Fix = Callable[[Mended], None]


@dataclass(frozen=True)
class Finding:
    """One check's result.

    :param check: one of :data:`CHECKS`, or a short word for what is found on this machine.
    :param message: a clause, without a secret; where a server is the matter it is "it".
    :param hint: a command to type.
    :param about: the repository that a finding of this machine repeats a check of; it is shown once
        only.
    :param failure: what it stands for, where that is the failure of a repository.
    :param expires_at: when the credential or certificate that it is about ends, if that is known.
    :param fix: mends it, where nothing is lost and nothing guessed; says what it did. It may raise
        ``RepoError``.
    """

    check: str
    state: State
    message: str
    hint: Hint | None = None
    about: str | None = None
    failure: Failure | None = None
    expires_at: datetime | None = None
    fix: Fix | None = field(default=None, compare=False, repr=False)

    @property
    def cause(self) -> Cause | None:
        """One of DESIGN section 7."""
        if self.failure is None:
            return None
        return self.failure.cause

    def document(self) -> dict[str, str | None]:
        """As JSON has it."""
        cause = None
        if self.cause is not None:
            cause = self.cause.value
        return {
            "check": self.check,
            "state": self.state.value,
            "cause": cause,
            "message": self.message,
            "hint": self.hint,
        }


def fine(check: str, message: str) -> Finding:
    """All is well."""
    return Finding(check, State.OK, message)


def skipped(check: str, why: str) -> Finding:
    """Not looked at."""
    return Finding(check, State.SKIP, why)


def failed(check: str, error: Failure, *, state: State = State.FAIL, note: str = "") -> Finding:
    """What a failure means, in its own words; ``note`` is a sentence that goes with it."""
    message = error.detail
    if note:
        message = f"{error.detail}. {note.removesuffix('.')}"
    return Finding(check, state, message, error.hint, failure=error)


@dataclass(frozen=True)
class Examined:
    """One repository after its walk.

    :param checks: a finding for each of :data:`CHECKS`, in their order.
    :param proxy: the host and port of the proxy on the way there.
    :param mirror_of: the repository that it stands in for, if it does.
    """

    name: str
    url: str
    checks: tuple[Finding, ...]
    proxy: str | None = None
    mirror_of: str | None = None

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        ends = {finding.check: rfc3339(finding.expires_at) for finding in self.checks}
        return {
            "name": self.name,
            "url": self.url or None,
            "proxy": self.proxy,
            "mirror_of": self.mirror_of,
            "expires_at": {
                "credential": ends.get("credential"),
                "client_cert": ends.get("client-cert"),
                "server_cert": ends.get("tls"),
            },
            "checks": [finding.document() for finding in self.checks],
        }


@dataclass(frozen=True)
class Report:
    """All that was found.

    :param versions: of the plugin, of Poetry and of what they run on.
    :param keyring: the backend of keyring, or why there is none.
    """

    repositories: tuple[Examined, ...]
    project: tuple[Finding, ...]
    versions: Mapping[str, str] = field(default_factory=dict)
    keyring: str | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing failed; warnings are no failures."""
        every = [finding for examined in self.repositories for finding in examined.checks]
        return all(finding.state is not State.FAIL for finding in (*every, *self.project))

    @property
    def shown_project(self) -> list[Finding]:
        """The findings of this machine, without those that a repository's checks say already."""
        walked = {examined.name for examined in self.repositories}
        return [finding for finding in self.project if finding.about not in walked]

    def document(self) -> dict[str, Any]:
        """``repo doctor --json``."""
        return {
            "ok": self.ok,
            "versions": dict(self.versions),
            "keyring": self.keyring,
            "repositories": [examined.document() for examined in self.repositories],
            "project": [finding.document() for finding in self.project],
        }


def versions(poetry: str) -> dict[str, str]:
    """What a support desk asks for first.

    :param poetry: the version of the running Poetry.
    """
    import platform
    import ssl

    from poetry_repo_plugin import __version__

    return {
        "plugin": __version__,
        "poetry": poetry,
        "python": platform.python_version(),
        "openssl": ssl.OPENSSL_VERSION,
        "platform": platform.platform(),
    }
