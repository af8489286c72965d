"""Behind all that is set or stored: the provider that serves the repository's kind of server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Union

from poetry_repo_plugin.credentials.base import Answer, Credential, Need, NotMine, Query
from poetry_repo_plugin.credentials.maker import asked_about, maker_of
from poetry_repo_plugin.credentials.providers.registry import provider
from poetry_repo_plugin.credentials.token_cache import ShortLived


class RecognisedSource:
    """The vendor's own login, for a repository at that vendor that nothing was set or stored for.
    After a refusal.

    :param kind_of: the provider that serves a URL's kind of server, or ``None``.
    """

    name = "the cloud's own login"
    needs = Need.SEARCH | Need.PROCESS

    def __init__(self, kind_of: Callable[[str], Union[str, None]], between: ShortLived) -> None:
        self._kind_of = kind_of
        self._between = between

    def get(self, query: Query) -> Answer:
        """What the vendor's command line tool says, if it is there; or what it said to an earlier
        command.
        """
        chosen = self._kind_of(query.url) if query.name else None
        source = provider(chosen) if chosen is not None else None
        if source is None:
            return NotMine()
        if not query.allows(self.needs):
            return NotMine("not asked before the repository refuses")
        maker = maker_of(source, asked_about(source, query))
        recalled = None if query.fresh else self._between.get(query, maker)
        if recalled is not None:
            return recalled
        answer = source.get(query)
        if isinstance(answer, Credential):
            self._between.put(query, maker, answer)
        return answer
