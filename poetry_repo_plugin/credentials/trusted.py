"""Source 7, trusted publishing: when it is asked at all. ``trusted_publishing`` is loaded only then."""

from __future__ import annotations

from collections.abc import Callable

from poetry_repo_plugin.core.hints import export
from poetry_repo_plugin.credentials.base import (
    Answer,
    Broken,
    Credential,
    Need,
    NotMine,
    Purpose,
    Query,
    Source,
)

MODES = ("automatic", "always", "never")
MODE_VARIABLE = "POETRY_REPO_PLUGIN_TRUSTED_PUBLISHING"


class PublishingSource:
    """Source 7: trusted publishing, for an upload in CI; imports its parts only there.

    :param inner: the exchange for one query.
    :param mode: ``automatic`` (the last source, silent where it is not offered) or ``always`` (the
        first, and a failure where it cannot be had). Any other word is an error of the user's.
    :param minted: told of each token, before anybody else sees it.
    """

    name = "trusted publishing"
    needs = Need.PROCESS | Need.NETWORK

    def __init__(
        self, inner: Callable[[Query], Source], mode: str, minted: Callable[[Credential], None]
    ) -> None:
        self._inner = inner
        self._mode = mode
        self._minted = minted

    def get(self, query: Query) -> Answer:
        """An upload token for this job's identity."""
        if query.purpose is not Purpose.PUBLISH or not query.allows(self.needs):
            return NotMine("for uploads only")
        if self._mode not in MODES:
            why = f"{MODE_VARIABLE} is {self._mode!r}; it can be {', '.join(MODES)}"
            return Broken.because(why, hint=export(**{MODE_VARIABLE: "automatic"}))
        answer = self._inner(query).get(query)
        if isinstance(answer, Credential):
            self._minted(answer)
        if isinstance(answer, NotMine) and self._mode == "always":
            return Broken.because(
                f"trusted publishing is required ({MODE_VARIABLE}=always), but {answer.why or 'not offered'}"
            )
        return answer
