"""Behind what is stored under the repository's own name: the login of another name for the same
URL.

Poetry looks a login up by URL: one that the user keeps for ``repositories.acme`` also serves a
project that calls the same index ``company``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from poetry_repo_plugin.config.settings import Settings
from poetry_repo_plugin.core.origin import InvalidUrl, Prefix
from poetry_repo_plugin.credentials.base import (
    Answer,
    Credential,
    NotMine,
    Purpose,
    Query,
    Source,
    Unusable,
)


class SameUrlSource:
    """Asks ``sources`` for each name that the user has given the very URL; no project is believed.

    Only for look-ups: an upload names its repository.
    """

    name = "another name for its URL"

    def __init__(self, settings: Settings, sources: Sequence[Source]) -> None:
        self._settings = settings
        self._sources = sources

    def get(self, query: Query) -> Answer:
        """The one login that the other names have; where they have several, none."""
        if not query.name or query.purpose is not Purpose.INDEX:
            return NotMine()
        found: dict[str, Credential] = {}
        for name in self._other_names(query):
            answer = self._of(query._replace(name=name))
            if isinstance(answer, Credential):
                found[name] = answer
        if not found:
            return NotMine()
        if len({(one.username, one.secret) for one in found.values()}) > 1:
            return Unusable(f"{' and '.join(found)} have the same URL and different logins")
        name, credential = next(iter(found.items()))
        return replace(credential, detail=f"{credential.detail}, as {name}", borrowed=True)

    def _of(self, query: Query) -> Answer:
        for source in self._sources:
            answer = source.get(query)
            if isinstance(answer, Credential):
                return answer
        return NotMine()

    def _other_names(self, query: Query) -> Iterator[str]:
        names = dict.fromkeys(self._settings.names())
        names.update(dict.fromkeys(name for name, _ in self._settings.environment_repositories()))
        for name in names:
            if name.lower() != query.name.lower() and self._is_at(name, query.url):
                yield name

    def _is_at(self, name: str, url: str) -> bool:
        for said, _ in self._settings.urls_said(name):
            with suppress(InvalidUrl):
                if Prefix.of(said) == Prefix.of(url):
                    return True
        return False
