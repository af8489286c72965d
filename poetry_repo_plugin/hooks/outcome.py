"""What Poetry's own retries ended in, in our words: what it gave up on, and answers that it would misread."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from poetry_repo_plugin.core.errors import Cause, RepositoryFailure
from poetry_repo_plugin.core.names import is_pypi
from poetry_repo_plugin.core.origin import InvalidUrl, redact, split_userinfo
from poetry_repo_plugin.http.auth import Access
from poetry_repo_plugin.http.failures import failure
from poetry_repo_plugin.http.pages import is_json, is_login_page, is_simple_json, no_page

if TYPE_CHECKING:
    from requests import Response

# What a page of an index leads to: files, their metadata (PEP 658) and signatures.
_FILES = (".whl", ".gz", ".zip", ".bz2", ".xz", ".tgz", ".egg", ".exe", ".msi", ".rpm", ".metadata", ".asc")


def explain_end(access: Access, owner: str | None, url: str, error: Exception) -> RepositoryFailure | None:
    """Why a request to ``url`` has failed for good: the last connection error is the context of what Poetry raises.

    :param owner: the repository on whose behalf it was made.
    """
    response = getattr(error, "response", None)
    if response is not None:
        return explain_answer(access, owner, url, response)
    from poetry_repo_plugin.hooks.reported import is_reported

    if is_reported(error):
        return None
    from poetry_repo_plugin.http.checks import proxy_of

    bare = split_userinfo(url)[0]
    try:
        leave, proxy = access.places.leave(bare, owner=owner), proxy_of(bare)
    except InvalidUrl:  # nothing that we could explain: Poetry's own error stands
        return None
    found = access.tls.explain(leave, error, proxy=proxy)
    if found is None and error.__context__ is not None:
        found = access.tls.explain(leave, error.__context__, proxy=proxy)
    return found


def explain_answer(access: Access, owner: str | None, url: str, response: Response) -> RepositoryFailure | None:
    """An answer that Poetry would misread: a server's failure as a missing package, a login page as an empty one."""
    status = response.status_code
    bare = split_userinfo(url)[0] if "@" in url else url
    failed = status >= 500 or status == 429
    if not failed and (owner is None or is_pypi(owner) or not _is_for_page(bare) or not _is_wrong(response)):
        return None
    leave = access.places.leave(bare, owner=owner)
    host = leave.origin.netloc
    if failed:
        message = f"the server failed to answer ({status} {response.reason}), also when asked again."
        return failure(Cause.SERVER_ERROR, message, leave.repository, host=host)
    if leave.repository is not None and status in access.ignored_codes(leave.repository):
        return None
    what = "answers with a login page, not with an index" if is_login_page(response) else no_page(response)
    return failure(Cause.NOT_AN_INDEX, f"{redact(bare)} {what}.", leave.repository, host=host)


def _is_for_page(url: str) -> bool:
    """Whether it is a page of an index: what is asked for a file, Poetry judges, which may do without it."""
    return not urlsplit(url).path.lower().endswith(_FILES)


def _is_wrong(response: Response) -> bool:
    """Whether no index answers so for a page, whether it has it or not. What is not in memory was not asked as one."""
    status = response.status_code
    if status >= 300:
        return status not in (304, 401, 403, 404)
    if getattr(response, "_content_consumed", False) is not True:
        return False
    if is_json(response):
        return not is_simple_json(response)
    return not response.content.strip() or is_login_page(response)
