"""Source 5: the keyring by URL, then by host, so that other backends (a cloud's own, say) get their chance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Union

from poetry_repo_plugin.credentials.base import Answer, Credential, Need, NotMine, Query, Source, Unheard
from poetry_repo_plugin.credentials.keyring import KeyringGate, KeyringUnavailable
from poetry_repo_plugin.credentials.keyring_services import HostService, NotAskable, UrlService

_Place = Callable[[str], Union[UrlService, HostService]]


class KeyringUrlSource:
    """Asks as pip does (``pip._internal.network.auth``): by the whole URL, then by ``host[:port]``.

    :param later: the sources behind this one. Before a refusal the keyring is asked only if one of them would answer,
        because only then does the order matter. A listing asks for a user whom a URL names, and else not.
    """

    name = "keyring by URL"

    def __init__(self, gate: KeyringGate, later: Sequence[Source]) -> None:
        self._gate = gate
        self._later = later

    def get(self, query: Query) -> Answer:
        """The entry of the index's URL, else of its host; for a host without a repository, of the host only."""
        if not self._is_called_for(query):
            if query.allows(Need.PROCESS):
                return NotMine("not asked before the repository refuses")
            return NotMine("not asked for a listing")
        by_url = self._at(UrlService, query) if query.name else NotMine()
        return by_url if not isinstance(by_url, NotMine) else self._at(HostService, query)

    def _at(self, place: _Place, query: Query) -> Answer:
        try:
            service = place(query.url)
            entry = self._gate.found(service, query.username)
        except NotAskable as error:
            return NotMine(str(error))
        except KeyringUnavailable as error:
            return Unheard(str(error), "keyring-url") if error.gone else NotMine(str(error))
        if entry is None:
            return NotMine(f"the keyring has no entry for {service}")
        return Credential(entry.secret, entry.username, "keyring-url", f"keyring entry {service}")

    def _is_called_for(self, query: Query) -> bool:
        if query.allows(Need.SEARCH):
            return True
        if query.allows(Need.PROCESS):  # the first request
            return any(isinstance(source.get(query), Credential) for source in self._later)
        return query.username is not None
