"""The cookies of one session: each stays with the origin and the repository that it is of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from requests.cookies import RequestsCookieJar, extract_cookies_to_jar, get_cookie_header

from poetry_repo_plugin.core.origin import Origin
from poetry_repo_plugin.http.matching import Grant

if TYPE_CHECKING:
    from requests import PreparedRequest


class Cookies:
    """Jars by origin and repository.

    A cookie may stand for the password that it was an answer to, but belongs to a host with all its
    ports, and to http as well unless its server says otherwise (RFC 6265, 8.5 and 8.6).
    """

    def __init__(self) -> None:
        self._jars: dict[tuple[Origin, str], RequestsCookieJar] = {}

    def give(self, grant: Grant, request: PreparedRequest) -> None:
        """Add those of exactly the origin that the request goes to, and of the repository there."""
        jar = self._jars.get(_owner_of(grant))
        if jar is None or grant.uncertain:
            return
        header = cast("Any", get_cookie_header)(jar, request)
        if header is not None:
            request.headers["Cookie"] = header

    def keep(self, grant: Grant, request: PreparedRequest, answer: Any) -> None:
        """Keep those that urllib3's ``answer`` sets."""
        jar = self._jars.setdefault(_owner_of(grant), RequestsCookieJar())
        cast("Any", extract_cookies_to_jar)(jar, request, answer)


def _owner_of(grant: Grant) -> tuple[Origin, str]:
    """Whose cookies: one session downloads the files of all repositories, and several may share a
    host.
    """
    if grant.repository is None or grant.stray:
        return grant.origin, ""
    return grant.origin, grant.repository.name
