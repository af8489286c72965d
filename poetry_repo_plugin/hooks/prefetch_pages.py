"""What is known of a name's releases, read from pages and from Poetry's cache as Poetry itself
does.
"""

from __future__ import annotations

import json
from typing import Any

from poetry.repositories.exceptions import PackageNotFoundError
from poetry.repositories.legacy_repository import LegacyRepository


def page_of(repository: Any, name: str) -> Any:
    """The page of ``name``, or ``None`` where the repository has no such package."""
    try:
        return repository.get_page(name)
    except PackageNotFoundError:
        return None


def best_release(
    pages: list[tuple[Any, Any]], name: str, constraint: Any, dependency: Any, rejected: set[Any]
) -> tuple[Any, Any, Any] | None:
    """The release that Poetry's ``Repository.find_packages`` and ``Provider.search_for`` put
    first.
    """
    eligible: dict[Any, tuple[Any, Any]] = {}
    for repository, page in pages:
        for version in list(page.versions(name)) if page is not None else ():
            if version not in rejected and version not in eligible and constraint.allows(version):
                eligible[version] = (repository, page)
    anything = dependency.allows_prereleases()
    stable = [one for one in eligible if anything or not one.is_unstable()]
    for version in sorted(stable or eligible, reverse=True):
        repository, page = eligible[version]
        if page.yanked(name, version) or _is_too_recent(repository, page, name, version):
            continue
        return repository, page, version
    return None


def _is_too_recent(repository: Any, page: Any, name: str, version: Any) -> bool:
    """``solver.min-release-age``, from Poetry 2.4 on."""
    if (
        getattr(repository, "_min_release_age_cutoff", None) is None
        or name in repository._min_release_age_exclude
    ):
        return False
    return bool(repository._is_version_too_recent(page.links_for_version(name, version)))


def release_info(repository: Any, page: Any, name: str, version: Any) -> dict[str, Any] | None:
    """What Poetry will know of a release: from its cache, else fetched; ``None`` where that is not
    for us.
    """
    cached = _cached(repository, name, version)
    if cached is not None:
        return cached
    if isinstance(repository, LegacyRepository) and not is_readable(
        repository, page, name, version
    ):
        return None
    found: dict[str, Any] = repository._get_release_info(name, version)
    return found


def is_readable(repository: Any, page: Any, name: str, version: Any) -> bool:
    """Whether Poetry reads no whole archive: there are wheels, and their metadata are beside them
    (PEP 658), or are read by range requests.
    """
    wheels = [link for link in page.links_for_version(name, version) if link.is_wheel]
    by_ranges = getattr(repository, "_lazy_wheel", False)
    return bool(wheels) and (by_ranges or all(link.has_metadata for link in wheels))


def is_cached(repository: Any, name: str, version: Any) -> bool:
    """Whether Poetry's cache has the release, so that nobody asks for it."""
    return _cached(repository, name, version) is not None


def _cached(repository: Any, name: str, version: Any) -> dict[str, Any] | None:
    """From Poetry's cache of releases, without its way of deleting what another thread is just
    writing.
    """
    if repository._disable_cache:
        return None
    try:
        path = repository._release_cache._path(f"{name}:{version}")
        found = json.loads(path.read_bytes()[10:])  # behind the date of its end
    except (OSError, ValueError):
        return None
    if not isinstance(found, dict):
        return None
    if found.get("_cache_version") != str(repository.CACHE_VERSION):
        return None
    return found
