"""Source 5: the keyring by URL, then by host, so that other backends (a cloud's own, say) get their
chance.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Union

from poetry_repo_plugin.credentials.base import (
    Answer,
    Credential,
    Need,
    NotMine,
    Query,
    Source,
    Unheard,
)
from poetry_repo_plugin.credentials.keyring import KeyringGate
from poetry_repo_plugin.credentials.keyring_services import HostService, NotAskable, UrlService
from poetry_repo_plugin.credentials.keyring_worker import KeyringUnavailable


class KeyringUrlSource:
    """Asks as pip does (``pip._internal.network.auth``): by the whole URL, then by ``host[:port]``.

    :param user_of: the user of a repository, whose entry alone will do; ``None`` for anybody's.
    :param later: the sources behind this one. Before a refusal the keyring is asked only if one of
        them would answer, because only then does the order matter. A listing asks for a user whom a
        URL names, and else not.
    """

    name = "keyring by URL"

    def __init__(
        self,
        gate: KeyringGate,
        later: Sequence[Source],
        user_of: Callable[[str], Union[str, None]] = lambda name: None,
    ) -> None:
        self._gate = gate
        self._later = later
        self._user_of = user_of

    def get(self, query: Query) -> Answer:
        """The entry of the index's URL, else of its host; for a host without a repository, of the
        host only.
        """
        if not self._is_called_for(query):
            if query.allows(Need.PROCESS):
                return NotMine("not asked until the repository refuses")
            return NotMine("not asked for a listing")
        by_url: list[UrlService | HostService] = []
        if query.name:
            with suppress(NotAskable):
                by_url.extend(UrlService(query.url).spellings())
        found = self._first_of(by_url, query)
        if not isinstance(found, NotMine) or isinstance(found, Unheard):
            return found
        try:
            return self._first_of([HostService(query.url)], query)
        except NotAskable as error:
            return NotMine(str(error))

    def _first_of(self, services: Sequence[UrlService | HostService], query: Query) -> Answer:
        username = query.username
        if username is None and query.name:
            username = self._user_of(query.name)
        for service in services:
            try:
                entry = self._gate.found(service, username)
            except KeyringUnavailable as error:
                if error.gone:
                    return Unheard(str(error), "keyring-url")
                return NotMine(str(error))
            if entry is not None:
                return Credential(
                    entry.secret, entry.username, "keyring-url", f"keyring entry {service}"
                )
        return NotMine(f"the keyring has no entry for {', '.join(map(str, services))}")

    def _is_called_for(self, query: Query) -> bool:
        if query.allows(Need.SEARCH):
            return True
        if query.allows(Need.PROCESS):  # the first request
            return any(isinstance(source.get(query), Credential) for source in self._later)
        return query.username is not None
