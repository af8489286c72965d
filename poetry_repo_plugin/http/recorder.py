"""What the answers of a run teach, kept: to where a secret belongs, and what a helper wants to hear
of its own.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from poetry_repo_plugin.config.bindings import Bindings, Kind
from poetry_repo_plugin.config.repositories import Repository
from poetry_repo_plugin.core.notices import Notices
from poetry_repo_plugin.core.origin import InvalidUrl, Origin
from poetry_repo_plugin.credentials.base import Broken, Credential, Query

if TYPE_CHECKING:
    from poetry_repo_plugin.credentials.external import OutsideSource


class Recorder:
    """Without one, a run learns the same and keeps nothing.

    :param outside: the source that runs helpers.
    """

    def __init__(self, bindings: Bindings, notices: Notices, outside: OutsideSource) -> None:
        self._bindings = bindings
        self._notices = notices
        self._outside = outside
        self._lock = threading.Lock()
        self._bound: set[tuple[str, Kind]] = set()

    def accepted(self, query: Query, sent: Credential) -> None:
        """Tell the helper that handed ``sent`` out."""
        if sent.source == "helper":
            self._note(query.name, self._outside.accepted(query, sent))

    def refused(self, query: Query, sent: Credential, status: int) -> None:
        """Tell the helper that handed ``sent`` out, before it is asked for another."""
        if sent.source == "helper":
            self._note(query.name, self._outside.refused(query, sent, status))

    def has_bound(self, name: str, kind: Kind) -> bool:
        """Whether :meth:`bind` has seen to ``name`` in this run."""
        return (name, kind) in self._bound

    def bind(self, repository: Repository, kind: Kind, url: str) -> None:
        """Bind what was stored before the plugin came, at its first success, once in a run.

        Also to the URLs that the user names, and to those at the same origin: a server reads here
        and takes uploads there.
        """
        name, here = repository.name, Origin.of(url)
        with self._lock:
            if (name, kind) in self._bound:
                return
            self._bound.add((name, kind))
        named = repository.user_urls
        beside = [own for own in repository.bindable if own in named or _is_at(here, own)]
        self._bindings.record_first_success(name, kind, [url, *beside])

    def _note(self, name: str, broken: Broken | None) -> None:
        if broken is not None:
            self._notices.once(f"Repository {name}: {broken.why}.")


def _is_at(origin: Origin, url: str) -> bool:
    try:
        return Origin.of(url) == origin
    except InvalidUrl:
        return False
