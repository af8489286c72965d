"""Which credential comes before the one that ``login`` has stored, so that nobody wonders why it is
not used.
"""

from __future__ import annotations

from itertools import takewhile

from poetry_repo_plugin.config.repositories import Repository
from poetry_repo_plugin.core.names import is_pypi
from poetry_repo_plugin.credentials.base import LISTING, Credential, Purpose, Query, Source
from poetry_repo_plugin.credentials.environment import EnvironmentSource
from poetry_repo_plugin.credentials.plugins import PluginSource
from poetry_repo_plugin.credentials.stored import StoredSource
from poetry_repo_plugin.credentials.url import GivenSource
from poetry_repo_plugin.http.auth import Access


def ahead(access: Access, repository: Repository, stored: Credential) -> dict[str, list[str]]:
    """Where another credential than ``stored`` is found first, and the URLs that it goes to.

    Only a URL, the environment and other plugins are looked at: ``login`` takes a helper away, and
    nothing is asked on the way.
    """
    before: list[Source] = [
        source
        for source in takewhile(lambda one: not isinstance(one, StoredSource), access.chain.sources)
        if isinstance(source, (GivenSource, EnvironmentSource, PluginSource))
    ]
    found: dict[str, list[str]] = {}
    for url, purpose in _asked(repository):
        username = repository.username_for(upload=purpose is Purpose.PUBLISH)
        query = Query(repository.name, url, purpose, LISTING, username)
        answers = (source.get(query) for source in before)
        first = next((answer for answer in answers if isinstance(answer, Credential)), None)
        if first is not None and first != stored:
            found.setdefault(first.detail, []).append(url)
    return found


def _asked(repository: Repository) -> list[tuple[str, Purpose]]:
    asked = {}
    if not is_pypi(repository.name):
        asked = {repository.index_url: Purpose.INDEX}
    asked.setdefault(repository.publish_url, Purpose.PUBLISH)
    return [(url, purpose) for url, purpose in asked.items() if url is not None]
