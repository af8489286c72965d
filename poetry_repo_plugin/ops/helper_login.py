"""``login --helper`` and ``--provider``: try it once, and know what to keep of it."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from poetry_repo_plugin.config.repositories import Repository
from poetry_repo_plugin.core.errors import Cause, Failure, InputError
from poetry_repo_plugin.core.names import no_choice
from poetry_repo_plugin.core.servers import PROVIDERS, is_vendor_host
from poetry_repo_plugin.credentials.base import Answer, Broken, Credential, Purpose, Query, Source
from poetry_repo_plugin.http.checks import Verdict
from poetry_repo_plugin.http.failures import failure, unanswered

if TYPE_CHECKING:
    from poetry_repo_plugin.credentials.helper_protocols import HelperIdentity
    from poetry_repo_plugin.http.auth import Access

_NT = os.name == "nt"  # where a backslash separates folders and escapes nothing


@dataclass(frozen=True)
class Tried:
    """What a helper or provider handed out (``None`` if that was a client certificate only), and
    what to keep.

    :param source: who was asked, and with what ``query``.
    :param what: how it is called in a message.
    :param own: keys for our settings file.
    :param identity: the client certificate.
    :param unsent: names of headers that it handed out and that are not sent.
    """

    credential: Credential | None
    source: Source
    query: Query
    what: str
    own: dict[str, object]
    identity: HelperIdentity | None = None
    unsent: tuple[str, ...] = ()


def try_helper(
    repository: Repository, words: str, protocol: str | None, url: str, more: Sequence[str] = ()
) -> Tried:
    """Run a credential helper for ``url``; its protocol is found out unless it is told.

    :param words: the command as one would type it; ``more`` are further words of it, taken as they
        are.

    Raises ``InputError`` for a command that is none, ``Failure`` for one that has no credential.
    """
    from poetry_repo_plugin.credentials.helper import (
        HelperSettings,
        HelperSource,
        detect,
        login_again,
    )
    from poetry_repo_plugin.credentials.helper_protocols import HelperProtocol

    command, query = (*_absolute(words), *more), _query(repository, url)
    if protocol is None:
        detected = detect(command, url)
        if isinstance(detected, Broken):
            if detected.failure.hint is None:
                detected = detected.with_hint(login_again(repository.name, command))
            raise unanswered(repository, detected, host=repository.host)
        speaks, answer = detected.protocol, detected.answer
    else:
        if protocol not in set(HelperProtocol):
            raise no_choice(
                protocol, "a helper's protocol", (known.value for known in HelperProtocol)
            )
        speaks, answer = HelperProtocol(protocol), None
    source = HelperSource(HelperSettings(command, speaks))
    answer = answer or source.ask(query)
    own: dict[str, object] = {"helper": list(command), "helper-protocol": speaks.value}
    credential = None
    if answer.identity is None or isinstance(answer.credential, Credential):
        credential = _credential(repository, answer.credential, url)
    return Tried(
        credential, source, query, f"the helper {command[0]}", own, answer.identity, answer.unsent
    )


def try_provider(repository: Repository, name: str, url: str) -> Tried:
    """Ask a vendor's own tool for a token for ``url``.

    Raises ``InputError`` for an unknown provider or a host that is not that vendor's, ``Failure``
    where the tool has no token.
    """
    from poetry_repo_plugin.credentials.providers.registry import provider

    if name == "oidc":
        raise InputError(
            "Trusted publishing needs no login: `poetry publish` in CI uses it when nothing else is set."
        )
    source = provider(name)
    if source is None:
        raise no_choice(name, "a provider", PROVIDERS)
    if name != "gitlab" and not is_vendor_host(name, url):
        raise InputError(
            f"{url} is not a host of {name}; its tokens go to its own hosts only. Nothing was stored."
        )
    query = _query(repository, url)
    credential = _credential(repository, source.get(query), url)
    return Tried(credential, source, query, f"the provider {name}", {"provider": name})


def judge(
    repository: Repository,
    found: Tried,
    ask: Callable[[Tried], Verdict | None],
    note: Callable[[str], None],
) -> tuple[Tried, Verdict | None]:
    """What the repository says to what was found. As git does, a helper of its protocol is told,
    and after a 401 it is asked once more.

    :param ask: asks the repository.
    :param note: told why a helper could not be told.

    Raises ``Failure`` where the repository refuses.
    """
    from poetry_repo_plugin.credentials.helper import HelperSource

    def tell(word: Callable[[Query, Credential], Broken | None]) -> None:
        problem = None
        if found.credential is not None:
            problem = word(found.query, found.credential)
        if problem is not None:
            note(f"Repository {repository.name}: {problem.why}.")

    for is_last in (False, True):
        try:
            verdict = ask(found)
        except Failure as error:
            if (
                error.status != 401
                or not isinstance(found.source, HelperSource)
                or not found.source.is_told
            ):
                raise
            tell(found.source.erase)
            again = None
            if not is_last:
                again = found.source.get(found.query)
            if not isinstance(again, Credential) or again == found.credential:
                raise
            found = replace(found, credential=again)
        else:
            break
    if verdict is Verdict.ACCEPTED and isinstance(found.source, HelperSource):
        tell(found.source.store)
    return found, verdict


def keep(access: Access, found: Tried) -> bool:
    """Keep what was found for the next command, if it runs out by itself; whether that was done."""
    from poetry_repo_plugin.credentials.helper_protocols import HelperAnswer

    if access.outside is None or found.credential is None:
        return False
    return access.outside.keep(
        found.query, found.source, HelperAnswer(found.credential, found.identity)
    )


def _query(repository: Repository, url: str) -> Query:
    """The question that a command will ask."""
    uploads = url == repository.publish_url and url != repository.index_url
    return Query(repository.name, url, Purpose.PUBLISH if uploads else Purpose.INDEX)


def _credential(repository: Repository, answer: Answer, url: str) -> Credential:
    if isinstance(answer, Credential):
        return answer
    if isinstance(answer, Broken):
        raise unanswered(repository, answer, host=repository.host)
    message = f"there is no credential for {url} there" + (
        f": {answer.why}." if answer.why else "."
    )
    raise failure(Cause.CREDENTIAL_MISSING, message, repository)


def _absolute(words: str) -> tuple[str, ...]:
    """The command with its program as an absolute path, so that neither PATH nor a project can
    change it later.

    A path with blanks in it needs no quotes of its own where there is such a program.
    """
    whole = Path(os.path.expanduser(words)).absolute()
    if len(Path(words).parts) > 1 and whole.is_file() and os.access(whole, os.X_OK):
        return (str(whole),)
    try:
        command = [word.strip('"') if _NT else word for word in shlex.split(words, posix=not _NT)]
    except ValueError as error:
        raise InputError(f"--helper cannot be parsed ({error}).") from None
    if not command:
        raise InputError("--helper names no command.")
    program = Path(os.path.expanduser(command[0]))
    found = str(program.absolute()) if len(program.parts) > 1 else shutil.which(command[0])
    if found is None or not Path(found).is_file():
        raise InputError(f"Command not found: {command[0]!r}. Nothing was stored.")
    if not os.access(found, os.X_OK):
        raise InputError(f"{found} is not executable. Nothing was stored.")
    return (str(Path(found).absolute()), *command[1:])
