"""What a redirect remembers of the request that it answered."""

from __future__ import annotations

from typing import NamedTuple

from poetry_repo_plugin.http.matching import Grant


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
        return (
            self.grant.repository.name
            if self.grant.repository is not None and not self.grant.stray
            else None
        )

    @property
    def trusted_by(self) -> str | None:
        """The repository whose CA is still trusted where a redirect leads; its secrets stay
        behind.
        """
        return self.grant.repository.name if self.grant.repository is not None else None
