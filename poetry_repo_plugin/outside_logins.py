"""``login --helper`` and ``--provider``: try it once, and know what to keep of it."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from poetry_repo_plugin.credentials.base import Answer, Broken, Credential, Query
from poetry_repo_plugin.errors import Cause, InputError
from poetry_repo_plugin.failures import failure, unanswered
from poetry_repo_plugin.profiles import is_vendor_host
from poetry_repo_plugin.project import PROVIDERS
from poetry_repo_plugin.repository import Repository

if TYPE_CHECKING:
    from poetry_repo_plugin.credentials.helper_protocols import HelperIdentity

_NT = os.name == "nt"  # where a backslash separates folders and escapes nothing


@dataclass(frozen=True)
class Tried:
    """What a helper or provider handed out (``None`` if that was a client certificate only), and what to keep.

    :param what: how it is called in a message.
    :param own: keys for our settings file.
    :param identity: the client certificate.
    """

    credential: Credential | None
    what: str
    own: dict[str, object]
    identity: HelperIdentity | None = None


def try_helper(repository: Repository, words: str, protocol: str | None, url: str, more: Sequence[str] = ()) -> Tried:
    """Run a credential helper for ``url``; its protocol is found out unless it is told.

    :param words: the command as one would type it; ``more`` are further words of it, taken as they are.

    Raises ``InputError`` for a command that is none, ``RepositoryFailure`` for one that has no credential.
    """
    from poetry_repo_plugin.credentials.helper import HelperSettings, HelperSource, detect
    from poetry_repo_plugin.credentials.helper_protocols import HelperProtocol

    command = (*_absolute(words), *more)
    if protocol is None:
        detected = detect(command, url)
        if isinstance(detected, Broken):
            raise unanswered(repository, detected, host=repository.host)
        speaks, answer = detected.protocol, detected.answer
    else:
        if protocol not in set(HelperProtocol):
            raise InputError(f"{protocol!r} is not a helper's protocol; there are {', '.join(HelperProtocol)}.")
        speaks = HelperProtocol(protocol)
        answer = HelperSource(HelperSettings(command, speaks)).ask(Query(repository.name, url))
    own: dict[str, object] = {"helper": list(command), "helper-protocol": speaks.value}
    if answer.identity is not None and not isinstance(answer.credential, Credential):
        return Tried(None, f"the helper {command[0]}", own, answer.identity)
    credential = _credential(repository, answer.credential, url)
    return Tried(credential, f"the helper {command[0]}", own, answer.identity)


def try_provider(repository: Repository, name: str, url: str) -> Tried:
    """Ask a vendor's own tool for a token for ``url``.

    Raises ``InputError`` for an unknown provider or a host that is not that vendor's, ``RepositoryFailure`` where
    the tool has no token.
    """
    from poetry_repo_plugin.credentials.vendors import provider

    if name == "oidc":
        raise InputError("Trusted publishing needs no login: `poetry publish` in CI uses it when nothing else is set.")
    source = provider(name)
    if source is None:
        raise InputError(f"{name!r} is not a provider; there are {', '.join(PROVIDERS)}.")
    if name != "gitlab" and not is_vendor_host(name, url):
        raise InputError(f"{url} is not a host of {name}; its tokens go to its own hosts only. Nothing was stored.")
    credential = _credential(repository, source.get(Query(repository.name, url)), url)
    return Tried(credential, f"the provider {name}", {"provider": name})


def _credential(repository: Repository, answer: Answer, url: str) -> Credential:
    if isinstance(answer, Credential):
        return answer
    if isinstance(answer, Broken):
        raise unanswered(repository, answer, host=repository.host)
    message = f"there is no credential for {url} there" + (f": {answer.why}." if answer.why else ".")
    raise failure(Cause.CREDENTIAL_MISSING, message, repository)


def _absolute(words: str) -> tuple[str, ...]:
    """The command with its program as an absolute path, so that neither PATH nor a project can change it later."""
    try:
        command = [word.strip('"') if _NT else word for word in shlex.split(words, posix=not _NT)]
    except ValueError as error:
        raise InputError(f"--helper cannot be understood ({error}).") from None
    if not command:
        raise InputError("--helper names no command.")
    program = Path(os.path.expanduser(command[0]))
    found = str(program.absolute()) if len(program.parts) > 1 else shutil.which(command[0])
    if found is None or not Path(found).is_file():
        raise InputError(f"There is no command {command[0]!r} to be found. Nothing was stored.")
    if not os.access(found, os.X_OK):
        raise InputError(f"{found} is not executable. Nothing was stored.")
    return (str(Path(found).absolute()), *command[1:])
