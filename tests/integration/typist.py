"""Somebody who types the command behind ``Try:``, without a terminal, and knows what only a person
can know.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tests.integration.spoil import RIGHT_PASSPHRASE
from tests.integration.world import NAME, PASSWORD, PEER, USER, World
from tests.poetry_process import Finished
from tests.servers import IndexServer
from tests.warm import parsed

MOST = 5
"""Hints that are typed one after the other; nobody has more patience."""

_LOGINS = ("--password", "--password-stdin", "--token", "--token-stdin", "--helper", "--provider")

TOKEN = "pypi-AgEIcHlwaS5vcmc"


class Told(NamedTuple):
    """A failure as a user sees it."""

    message: str
    hint: str


def told(done: Finished) -> Told | None:
    """The failure of a command, and its first hint; ``""`` where it has none."""
    return warned(done) if done.code else None


def diagnosed(done: Finished) -> Told | None:
    """The first check of ``repo doctor --json`` that failed; of another command as :func:`told`."""
    if not done.out.startswith("{"):
        return told(done)
    (repository,) = parsed(done)["repositories"]
    failed = [check for check in repository["checks"] if check["state"] == "fail"]
    return Told(failed[0]["message"], failed[0]["hint"] or "") if failed else None


def warned(done: Finished) -> Told | None:
    """What a command says with a hint, be it a failure or a warning."""
    if not done.code and "Try: " not in done.err:
        return None
    message, _, rest = done.err.partition("Try: ")
    lines = rest.splitlines() or [""]
    return Told(re.sub(r"\s+", " ", message).strip(), lines[0])


def _verb(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(words[:2] if words[0] == "repo" else words[:1])


@dataclass
class Typist:
    """Types hints.

    :param right: the index that was meant, where the URL is what is wrong.
    :ivar typed: the commands that were typed.
    """

    world: World
    right: IndexServer
    user: str = USER
    password: str = PASSWORD
    passphrase: str = RIGHT_PASSPHRASE

    def __post_init__(self) -> None:
        self.typed: list[str] = []
        self.identity = self.world.certs.client(PEER)  # fresh, as from the company's CA today

    def follow(
        self, *words: str, stdin: str | None = None, tells: Callable[[Finished], Told | None] = told
    ) -> Finished:
        """Run ``poetry WORDS`` and type what is hinted at until it works or nothing is hinted at
        any more.

        The same failure with the same hint never comes twice.

        :param tells: gives the failure; ``None`` where there is none.
        """
        seen: list[Told] = []
        done = self.world.home.run(*words, stdin=stdin)
        while (failure := tells(done)) is not None:
            assert failure not in seen, self._story(failure)
            seen.append(failure)
            if not failure.hint:
                break
            assert len(seen) <= MOST, self._story(failure)
            done = self.type(failure.hint)
            typed = shlex.split(self.typed[-1])
            if _verb(typed) == _verb(words):  # the same with other words
                words = tuple(typed)
            elif not done.code:
                done = self.world.home.run(*words, stdin=stdin)
        return done

    def _story(self, failure: Told) -> str:
        return "\n".join(("typed:", *self.typed, "and again:", *failure))

    def type(self, hint: str) -> Finished:
        """Type the commands of ``hint`` until one fails; what the last one said."""
        done = Finished(0, "", "")
        for command in hint.split(" && "):
            words = [*shlex.split(command)]
            if words[0] in ("export", "unset"):
                self._set(words)
                continue
            assert words[0] == "poetry", hint
            words = self._complete(self._fill(words[1:]))
            self.typed.append(shlex.join(words))
            done = self.world.home.run(*words, stdin=self._stdin(words))
            if done.code:
                break
        return done

    def _set(self, words: list[str]) -> None:
        self.typed.append(shlex.join(words))
        for word in words[1:]:
            variable, _, value = word.partition("=")
            if words[0] == "unset":
                self.world.home.environ.pop(variable, None)
            else:
                self.world.home.environ[variable] = self._known(value, variable)

    def _fill(self, words: list[str]) -> list[str]:
        is_publish_only = "--publish-only" in words
        filled = []
        for before, word in zip(("", *words), words, strict=False):
            known = self._known(word, before)
            if word == "URL" and is_publish_only:
                known = self.right.upload_url
            filled.append(known)
        return filled

    def _known(self, word: str, before: str) -> str:
        if word == "URL":
            is_upload = before == "--publish-url" or before.startswith("POETRY_REPOSITORIES_")
            return self.right.upload_url if is_upload else self.right.index_url
        if word == "PATH":
            return str(self._file_for(before))
        known = {"NAME": NAME, "USER": self.user, "PASSWORD": self.password}
        return {**known, "TOKEN": TOKEN, "PASSPHRASE": self.passphrase}.get(word, word)

    def _file_for(self, option: str) -> Path:
        certs = self.world.certs
        if option in ("--ca", "--cert") or (
            option.endswith("_CERT") and not option.endswith("_CLIENT_CERT")
        ):
            return certs.ca_file(certs.ca, certs.other_ca, certs.intermediate, name="known.pem")
        if option == "--client-key":
            return certs.key_file(self.identity, "known.key")
        return certs.pem(self.identity, "known-client.pem")

    def _complete(self, words: list[str]) -> list[str]:
        """Without a terminal nothing asks."""
        if words[:2] != ["repo", "login"] or set(words) & set(_LOGINS):
            return words
        user = [] if "--username" in words else ["--username", self.user]
        return [*words, *user, "--password-stdin"]

    def _stdin(self, words: list[str]) -> str:
        if "--passphrase-stdin" in words:
            return f"{self.passphrase}\n"
        return f"{self.password}\n"
