"""Finding the index where a URL was pasted that is none, but has one below it."""

from __future__ import annotations

from poetry_repo_plugin.config.repositories import Repository
from poetry_repo_plugin.core.errors import Cause, Failure
from poetry_repo_plugin.core.servers import looks_like_index, profile_of
from poetry_repo_plugin.http.auth import Access
from poetry_repo_plugin.http.checks import check_index, index_page
from poetry_repo_plugin.ops.session import Session

_SECONDS = 3.0  # for each of two questions: whoever adds a repository may be offline


def find_index_below(session: Session, name: str, url: str) -> str | None:
    """``URL/simple/`` where that is an index and ``url`` is none; asked without any secret.

    ``None`` too where nobody can tell: a known kind of server, no answer, a login that is wanted.
    """
    page = index_page(url)
    if looks_like_index(url) or profile_of(url) is not None or not page.endswith("/"):
        return None
    access, below = session.look(), f"{page}simple/"
    repository = session.catalogue.find(name) or Repository(name)
    if _is_index(access, repository, url) is not False:
        return None
    return below if _is_index(access, repository, below) else None


def _is_index(access: Access, repository: Repository, url: str) -> bool | None:
    try:
        check_index(access, repository, url, anonymous=True, timeout=_SECONDS)
    except Failure as error:
        return False if error.cause is Cause.NOT_AN_INDEX else None
    return True
