"""An original that is not to be asked, because a mirror stands in for it."""

from __future__ import annotations

from poetry_repo_plugin.config.repositories import Catalogue
from poetry_repo_plugin.core.errors import Cause, Failure
from poetry_repo_plugin.core.hints import as_url, repo
from poetry_repo_plugin.core.origin import Origin


def refuse_original(catalogue: Catalogue, url: str) -> None:
    """Raise :class:`Failure` where ``url`` is of an original that has a mirror and no fallback.

    A page of the mirror may lead there, or a redirect, or the project itself.
    """
    mirror = catalogue.barred(url)
    if mirror is None:
        return
    words = ("--mirror-of", mirror.original, "--fallback")
    raise Failure(
        Cause.NOT_AN_INDEX,
        f"it stands in for {mirror.original}, so nothing is fetched from {Origin.of(url)}",
        hint=repo("add", mirror.name, as_url(mirror.url), *words),
        repository=mirror.name,
    )
