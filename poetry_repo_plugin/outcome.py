"""What Poetry's own retries ended in, in our words: what it gave up on, and answers that it would misread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from poetry_repo_plugin.access import Access
from poetry_repo_plugin.asking import proxy_of
from poetry_repo_plugin.errors import Cause, RepositoryFailure
from poetry_repo_plugin.failures import failure
from poetry_repo_plugin.origin import InvalidUrl, split_userinfo
from poetry_repo_plugin.reported import is_reported

if TYPE_CHECKING:
    from requests import Response


def explain_end(access: Access, owner: str | None, url: str, error: Exception) -> RepositoryFailure | None:
    """Why a request to ``url`` has failed for good: the last connection error is the context of what Poetry raises.

    :param owner: the repository on whose behalf it was made.
    """
    response = getattr(error, "response", None)
    if response is not None:
        return explain_answer(access, owner, url, response)
    if is_reported(error):
        return None
    bare = split_userinfo(url)[0]
    try:
        leave, direct = access.places.leave(bare, owner=owner), proxy_of(bare) is None
    except InvalidUrl:  # nothing that we could explain: Poetry's own error stands
        return None
    found = access.tls.explain(leave, error, direct=direct)
    if found is None and error.__context__ is not None:
        found = access.tls.explain(leave, error.__context__, direct=direct)
    return found


def explain_answer(access: Access, owner: str | None, url: str, response: Response) -> RepositoryFailure | None:
    """An answer that Poetry would misread: a server's failure as a missing package, a login page as an empty one."""
    status = response.status_code
    if status < 500 and status not in (200, 429):
        return None
    if status == 200 and (owner is None or not _is_read_page(response)):
        return None
    leave = access.places.leave(split_userinfo(url)[0], owner=owner)
    host = leave.origin.netloc
    if status != 200:
        message = f"the server failed to answer ({status} {response.reason}), also when asked again."
        return failure(Cause.SERVER_ERROR, message, leave.repository, host=host)
    if b'type="password"' not in response.content.lower():
        return None
    message = f"{url} answers with a login page, not with an index."
    return failure(Cause.NOT_AN_INDEX, message, leave.repository, host=host)


def _is_read_page(response: Response) -> bool:
    """Whether it is a page that is in memory already: a file is left for Poetry to stream."""
    is_page = response.headers.get("content-type", "").startswith("text/html")
    return is_page and getattr(response, "_content_consumed", False) is True
