"""Access that leaves no trace: a look at what is wrong changes nothing, and a second look sees the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from poetry_repo_plugin.config.repositories import Catalogue, Repository
from poetry_repo_plugin.config.settings import Settings
from poetry_repo_plugin.core.errors import StateError
from poetry_repo_plugin.core.notices import Notices
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.credentials.base import Credential, Query
from poetry_repo_plugin.credentials.external import OutsideSource
from poetry_repo_plugin.credentials.keyring import KeyringEntry, KeyringGate, KeyringUnavailable
from poetry_repo_plugin.credentials.keyring_services import HostService, OwnEntry, UrlService
from poetry_repo_plugin.credentials.trusted import MODE_VARIABLE
from poetry_repo_plugin.http.auth import Access
from poetry_repo_plugin.ops.assemble import assemble


class Onlooker(Access):
    """Decides as :class:`Access` does, and only looks.

    First successes bind nothing, short-lived tokens are not kept, helpers are not told how their answers fared (git's
    would forget a refused one), and no token is minted for an upload that does not come.
    """

    def __init__(
        self,
        settings: Settings,
        catalogue: Catalogue,
        gate: KeyringGate,
        ask_passphrase: Callable[[Repository], Secret | None] = lambda repository: None,
    ) -> None:
        notices = Notices(lambda line: None)  # what they would say is found by the checks
        reading, quiet = _ReadingGate(gate), _ReadOnly(settings)
        environ = {**settings.environ, MODE_VARIABLE: "never"}
        inner = assemble(quiet, catalogue, reading, notices, ask_passphrase=ask_passphrase, environ=environ)
        outside = _Silent(inner.outside) if inner.outside is not None else None
        super().__init__(
            *(quiet, catalogue, inner.chain, inner.bindings, notices, reading),
            passphrase=inner.tls.passphrase,
            outside=outside,
        )


class _Silent(OutsideSource):
    """The same helpers and providers with the same answers, which hear nothing of what came of them."""

    def __init__(self, outside: OutsideSource) -> None:
        vars(self).update(vars(outside))

    def accepted(self, query: Query, credential: Credential) -> None:
        return None

    def refused(self, query: Query, credential: Credential, status: int) -> None:
        return None


class _ReadOnly(Settings):
    """Whatever would be written here is refused, as in a folder that cannot be written."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings.folder, settings.project_folder, environ=settings.environ)

    def _editing(self, file: Path, *, private: bool = False) -> NoReturn:
        raise StateError(f"{file} is left as it is: this only looks.")


class _ReadingGate(KeyringGate):
    """Answers as ``gate`` does, from what it remembers or from the keyring, and writes nothing."""

    def __init__(self, gate: KeyringGate) -> None:
        self._gate = gate

    def stored(self, name: str, username: str) -> KeyringEntry | None:
        return self._gate.stored(name, username)

    def found(self, place: UrlService | HostService, username: str | None) -> KeyringEntry | None:
        return self._gate.found(place, username)

    def own(self, name: str, entry: OwnEntry, *, move: bool = True) -> Secret | None:
        return self._gate.own(name, entry, move=False)

    def keep_own(self, name: str, entry: OwnEntry, secret: Secret) -> str:
        raise KeyringUnavailable("this only looks", gone=False)

    def forget_own(self, name: str, entry: OwnEntry) -> bool:
        raise KeyringUnavailable("this only looks", gone=False)

    def store(self, name: str, username: str, secret: Secret) -> str:
        raise KeyringUnavailable("this only looks", gone=False)

    def forget(self, name: str, username: str) -> bool:
        raise KeyringUnavailable("this only looks", gone=False)
