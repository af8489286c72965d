"""Source 5: the keyring by URL, then by host, so that other backends (a cloud's own, say) get their chance."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from poetry_repo_plugin.credentials.base import Answer, Broken, Credential, Effort, NotMine, Query, Source
from poetry_repo_plugin.credentials.keyring_gate import KeyringGate, KeyringUnavailable
from poetry_repo_plugin.origin import InvalidUrl, Origin


class KeyringUrlSource:
    """Asks as pip does (``pip._internal.network.auth``): by the whole URL, then by ``host[:port]``.

    :param later: the sources behind this one. Before a refusal the keyring is asked only if one of them would answer,
        because only then does the order matter.
    """

    name = "keyring by URL"

    def __init__(self, gate: KeyringGate, later: Sequence[Source]) -> None:
        self._gate = gate
        self._later = later

    def get(self, query: Query) -> Answer:
        """The entry of the index's URL, else of its host; for a host without a repository, of the host only."""
        if query.effort is Effort.EVIDENT and not any(
            isinstance(source.get(query), Credential) for source in self._later
        ):
            return NotMine("not asked before the repository refuses")
        try:
            Origin.of(query.url)
        except InvalidUrl:
            return NotMine("its URL names no host")
        netloc = urlsplit(query.url).netloc
        try:
            for service in (query.url, netloc) if query.name else (netloc,):
                entry = self._gate.found(service, query.username)
                if entry is not None:
                    return Credential(entry.secret, entry.username, "keyring-url", f"keyring entry {service}")
        except KeyringUnavailable as error:
            return Broken(str(error)) if error.gone else NotMine(str(error))
        return NotMine(f"the keyring has no entry for {netloc}")
