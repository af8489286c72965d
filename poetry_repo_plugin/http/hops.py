"""What a redirect remembers of the request that it answered, and where it may lead."""

from __future__ import annotations

from typing import Any, NamedTuple

from requests.structures import CaseInsensitiveDict

from poetry_repo_plugin.core.origin import Origin
from poetry_repo_plugin.credentials.base import Purpose
from poetry_repo_plugin.http.matching import Grant, Matcher


class Hop(NamedTuple):
    """What is known of the request that was answered with a redirect.

    :param led_away: that request had been led away from its origin itself.
    """

    url: str
    grant: Grant
    led_away: bool

    @property
    def owner(self) -> str | None:
        """The repository on whose behalf the next hop is made, if it goes to a place of that
        repository.
        """
        if self.grant.stray:
            return None
        return self.trusted_by

    @property
    def trusted_by(self) -> str | None:
        """The repository whose CA is still trusted where a redirect leads; its secrets stay
        behind.
        """
        if self.grant.repository is None:
            return None
        return self.grant.repository.name

    def leads_away(
        self, url: str, matcher: Matcher, *, owner: str | None, purpose: Purpose
    ) -> bool:
        """Whether another origin's redirect led to ``url``: then nothing secret travels, nor ever
        again on this way.

        :param owner: on whose behalf the session works.
        """
        grant = self.grant
        if grant.uncertain:  # whoever answered may be a stranger on the same host
            return True
        if self.led_away or url == self.url:  # the same URL: it is sent again, from the start
            return self.led_away
        if Origin.of(url) == grant.origin:
            return False
        onward = matcher.grant_for(url, owner=self.owner or owner, purpose=purpose)
        if grant.query is None or not grant.query.name or onward.query is None:
            return True
        return onward.query.name != grant.query.name


class Headers(CaseInsensitiveDict[str]):
    """Headers that remember, where requests copies them for a redirect, which request was answered
    with it.
    """

    def __init__(self, headers: Any, hop: Hop) -> None:
        super().__init__(headers)
        self.hop = hop

    def copy(self) -> Headers:
        """As they are."""
        return Headers(self, self.hop)
