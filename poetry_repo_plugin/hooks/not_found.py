"""404 and nothing else: does the index lack the package, or is there no index at all?

One 404 tells nothing: an index answers so for what it does not have. So this is asked only when the command has failed
anyway, and only of repositories that had nothing at all.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

from poetry_repo_plugin.core.errors import Cause, RepositoryFailure
from poetry_repo_plugin.core.names import is_pypi

if TYPE_CHECKING:
    from poetry_repo_plugin.http.auth import Access

TIMEOUT = 5.0  # seconds, for connecting and for each read


class Answers:
    """Which repositories answered 404 to everything."""

    def __init__(self) -> None:
        self._had_nothing: dict[str, bool] = {}
        self._lock = threading.Lock()

    def note(self, name: str, status: int) -> None:
        """The repository ``name`` answered so."""
        with self._lock:
            self._had_nothing[name] = status == 404 and self._had_nothing.get(name, True)

    def explain(self, access: Access) -> Iterator[RepositoryFailure]:
        """The repositories of which the root is not there either, or to which no credential can be told to be good; one
        request at most for each that had nothing.
        """
        from poetry_repo_plugin.http.checks import check_index

        for name in [name for name, nothing in self._had_nothing.items() if nothing and not is_pypi(name)]:
            doubt = access.doubt(name)
            if doubt is not None:
                yield doubt
                continue
            repository = access.catalogue.find(name)
            if repository is None or repository.index_url is None:
                continue
            try:
                check_index(access, repository, repository.index_url, timeout=TIMEOUT)
            except RepositoryFailure as error:
                if error.cause is Cause.NOT_AN_INDEX:
                    yield error
