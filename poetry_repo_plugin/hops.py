"""What travels from request to request: what a redirect remembers of the one that it answered, and cookies."""

from __future__ import annotations

from http.cookiejar import Cookie, DefaultCookiePolicy
from typing import NamedTuple
from urllib.request import Request

from poetry_repo_plugin.places import Leave


class SecureCookies(DefaultCookiePolicy):
    """A cookie that came over https never goes over http, whether or not its server says so (RFC 6265, 8.6): it may
    stand for the password that it was an answer to.
    """

    def set_ok(self, cookie: Cookie, request: Request) -> bool:
        """Whether to keep ``cookie``."""
        cookie.secure = cookie.secure or request.type == "https"
        return super().set_ok(cookie, request)


class Hop(NamedTuple):
    """What is known of the request that was answered with a redirect.

    :param led_away: that request had been led away from its origin itself.
    """

    url: str
    leave: Leave
    led_away: bool

    @property
    def owner(self) -> str | None:
        """The repository on whose behalf the next hop is made, if it goes to a place of that repository."""
        return self.leave.repository.name if self.leave.repository is not None and not self.leave.stray else None

    @property
    def trusted_by(self) -> str | None:
        """The repository whose CA is still trusted where a redirect leads; its secrets stay behind."""
        return self.leave.repository.name if self.leave.repository is not None else None
