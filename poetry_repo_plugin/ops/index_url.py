"""Finding the index where a URL was pasted that is none, but has one below it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from poetry_repo_plugin.config.repositories import Repository
from poetry_repo_plugin.core.errors import Failure
from poetry_repo_plugin.core.servers import looks_like_index, profile_of
from poetry_repo_plugin.http.checks import look_at_index

if TYPE_CHECKING:
    from poetry_repo_plugin.ops.session import Session

_SECONDS = 3.0  # for each of two questions: whoever adds a repository may be offline


def find_index_below(session: Session, name: str, url: str) -> str | None:
    """``URL/simple/`` where that is an index and ``url`` is none; asked without any secret.

    ``None`` too where nobody can tell: a known kind of server, no answer, a login that is wanted.
    """
    if looks_like_index(url) or profile_of(url) is not None:
        return None
    repository = session.catalogue.find(name) or Repository(name)
    try:
        found = look_at_index(session.look(), repository, url, anonymous=True, timeout=_SECONDS)
    except Failure:
        return None
    return found.index_url
