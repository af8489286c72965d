"""What the demo shows, scene by scene, and what must come of each command."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from poetry_repo_plugin.core.errors import Cause
from poetry_repo_plugin.demo import material
from poetry_repo_plugin.demo.projects import APPLICATION, GREETING, LIBRARY, PROGRAM

WIDTH = 79  # columns of a command as it is typed


@dataclass(frozen=True)
class Step:
    """One command.

    :param words: what follows ``poetry``.
    :param remark: a sentence before it.
    :param cause: why it must fail; ``None`` if it must succeed.
    :param shows: what its output must contain.
    :param stdin: the file below the home that it reads.
    """

    words: tuple[str, ...]
    remark: str
    cause: Cause | None = None
    shows: str = ""
    stdin: str | None = None

    def typed(self) -> list[str]:
        """The command as one types it in a shell, on lines that fit a terminal."""
        lines = ["$ poetry"]
        for group in self._groups():
            if len(f"{lines[-1]} {group} \\") > WIDTH:
                lines[-1] += " \\"
                lines.append(f"      {group}")
            else:
                lines[-1] += f" {group}"
        return lines

    def _groups(self) -> list[str]:
        """The words, an option and its value together."""
        groups: list[str] = []
        for word in self.words:
            if (
                groups
                and groups[-1].startswith("-")
                and " " not in groups[-1]
                and not word.startswith("-")
            ):
                groups[-1] += f" {_quoted(word)}"
            else:
                groups.append(_quoted(word))
        if self.stdin is None:
            return groups
        return [*groups, f"< ~/{self.stdin}"]


@dataclass(frozen=True)
class Scene:
    """Some commands in one folder below the home."""

    title: str
    folder: str
    steps: tuple[Step, ...]


def story(url: str, upload_url: str) -> list[Scene]:
    """All of it, with the index at ``url``."""
    return [
        Scene("Add the repository", APPLICATION, _adding(url, upload_url)),
        Scene("Certificates", APPLICATION, _certificates()),
        Scene("Log in", APPLICATION, _login()),
        Scene("Publish a library", LIBRARY, _publishing()),
        Scene("Use it in an application", APPLICATION, _using()),
        Scene("Look at what is set", APPLICATION, _looking()),
    ]


def _adding(url: str, upload_url: str) -> tuple[Step, ...]:
    return (
        Step(
            ("repo", "add", "acme", url, "--publish-url", upload_url, "--default"),
            "An application. With --default the index is its only source: PyPI is off.",
            shows=url,
        ),
        Step(
            ("lock",),
            "The index's certificate comes from a company's own CA: this has to fail.",
            cause=Cause.UNKNOWN_CA,
        ),
    )


def _certificates() -> tuple[Step, ...]:
    return (
        Step(
            ("repo", "certs", "acme", "--ca", f"~/{material.CA}"),
            "Trust that CA, for this repository alone. Now the index wants to know us.",
            shows=f"[{Cause.CLIENT_CERT_REQUIRED.value}]",
        ),
        Step(
            (
                *("repo", "certs", "acme"),
                *(
                    "--client-cert",
                    f"~/{material.CLIENT_CERT}",
                    "--client-key",
                    f"~/{material.CLIENT_KEY}",
                ),
                *("--passphrase-stdin", "--plaintext"),
            ),
            "A client certificate; its key is a file of its own, and encrypted.",
            stdin=material.PASSPHRASE_FILE,
        ),
        Step(
            ("lock",),
            "The connection stands; there is no password yet: this has to fail.",
            cause=Cause.CREDENTIAL_MISSING,
        ),
    )


def _login() -> tuple[Step, ...]:
    words = ("repo", "login", "acme", "--username", material.USERNAME, "--password-stdin")
    return (
        Step(
            words,
            "The index is asked before anything is stored: a wrong password has to fail.",
            cause=Cause.CREDENTIAL_REJECTED,
            stdin=material.WRONG_PASSWORD_FILE,
        ),
        Step(
            words, "The right one; there are {braces} and an ö in it.", stdin=material.PASSWORD_FILE
        ),
    )


def _publishing() -> tuple[Step, ...]:
    return (
        Step(("build",), "A library which nobody else has.", shows=".whl"),
        Step(("publish", "--repository", "acme"), "The same login, the same certificates."),
    )


def _using() -> tuple[Step, ...]:
    return (
        Step(("lock",), "What failed before."),
        Step(("install",), "Into a virtual environment of its own.", shows=LIBRARY),
        Step(("run", "python", "-c", PROGRAM), "And the code runs.", shows=GREETING),
    )


def _looking() -> tuple[Step, ...]:
    return (
        Step(
            ("repo", "list"), "Every repository, and where its credential comes from.", shows="acme"
        ),
        Step(("repo", "doctor", "acme"), "And is it well?", shows="client-cert"),
    )


def _quoted(word: str) -> str:
    """For a shell; ``~`` is left to it, and quotes are those that one would type."""
    if word.startswith("~/"):
        return f"~/{shlex.quote(word[2:])}"
    if shlex.quote(word) != word and not set(word) & set('"$`\\!'):
        return f'"{word}"'
    return shlex.quote(word)
