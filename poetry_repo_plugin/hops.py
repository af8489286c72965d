"""What a redirect remembers of the request that it answered: who asked, and whether the way has left its origin."""

from __future__ import annotations

from dataclasses import dataclass

from poetry_repo_plugin.places import Leave


@dataclass(frozen=True)
class Hop:
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
