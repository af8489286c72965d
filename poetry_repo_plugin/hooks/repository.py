"""Poetry's repositories: their URLs, their cache, and the links that they find."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from poetry_repo_plugin.core.errors import InputError
from poetry_repo_plugin.core.names import is_folder_name
from poetry_repo_plugin.core.origin import redact, split_userinfo, with_brackets
from poetry_repo_plugin.hooks.cache import settle_cache
from poetry_repo_plugin.hooks.owned_names import may_be_asked
from poetry_repo_plugin.hooks.run import current


def init_repository(
    original: Callable[..., None], self: Any, name: str, url: str, **options: Any
) -> None:
    """A repository keeps its URL without userinfo (which would land in poetry.lock), and we learn
    of it.

    Poetry names a folder of its cache after it, wherever that leads.
    """
    run = current()
    if not is_folder_name(name):
        raise run.report(
            InputError(
                f"The source {name[:100]!r} cannot be used: its name is empty or leads out of Poetry's cache."
            )
        )
    bare = split_userinfo(url)[0]
    if redact(bare) != bare:
        raise run.report(
            InputError(
                f"The URL of the source {name!r} holds a credential that is not percent-encoded correctly."
            )
        )
    original(self, name, bare, **options)
    settle_cache(self)
    run.owners[self.session] = name
    run.add_live(name, url)


def find_links_for_package(
    original: Callable[..., list[Any]], self: Any, package: Any
) -> list[Any]:
    """Where an index links to, its CA is trusted. Of another repository's names it has none."""
    if not may_be_asked(self, package.name):
        return []
    links = original(self, package)
    matcher = current().access.matcher
    for link in links:
        matcher.add_link(self.name, with_brackets(link.url_without_fragment))
    return links
