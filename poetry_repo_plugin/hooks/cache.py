"""What Poetry caches under a repository's name, kept apart by the URL that it came from.

Poetry names a folder of its cache after the repository, so that a project that reuses a name would
say what another one's packages require, and which hashes their files have. Below that folder, each
URL has one of its own. There ``poetry cache list`` still shows the name, and ``poetry cache clear
NAME --all`` clears all of it.

What lies directly in the name's folder is plain Poetry's. Nobody knows from which URL it came, so
it is neither read nor written; only PyPI's is, because Poetry lets no project give PyPI another
URL.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from poetry.utils.cache import CacheItem, FileCache

from poetry_repo_plugin.core.names import is_pypi
from poetry_repo_plugin.hooks.facts import builtin_index_url

_URLS = "urls"


def settle_cache(repository: Any) -> None:
    """Give Poetry's ``repository`` a cache that holds only what came from its URL, and that
    survives its accidents.

    PyPI's folder is plain Poetry's own.
    """
    from poetry_repo_plugin.http.cache import careful

    folder, url = repository._cache_dir, repository._url
    if not is_pypi(repository.name) or url != builtin_index_url():
        folder = (
            folder
            / _URLS
            / hashlib.sha256(url.rstrip("/").encode("utf-8", "replace")).hexdigest()[:32]
        )
    repository._cache_dir = folder
    repository._release_cache = ReleaseCache(folder)
    authenticator = repository.session
    cache = authenticator._cache_control
    if cache is not None:
        authenticator._cache_control = careful(cache, folder / Path(cache.directory).name)


class ReleaseCache(FileCache[dict[str, Any]]):
    """What each release requires. A damaged entry counts as not there; a disk that is full means no
    cache.
    """

    def get(self, key: str) -> dict[str, Any] | None:
        """See Poetry's."""
        try:
            found = super().get(key)
        except OSError:
            return None
        if isinstance(found, dict):
            return found
        return None

    def put(self, key: str, value: Any, minutes: int | None = None) -> None:
        """See Poetry's, which lets others read a file of which only a part is written."""
        from poetry_repo_plugin.http.cache import write_whole

        with suppress(OSError):
            if minutes is not None:
                super().put(key, value, minutes)
            else:
                write_whole(self._path(key), self._serialize(CacheItem(value)))

    def forget(self, key: str) -> None:
        """See Poetry's."""
        with suppress(OSError):
            super().forget(key)


class _CacheOfEveryUrl(FileCache[Any]):
    """What ``poetry cache clear NAME:PACKAGE:VERSION`` clears."""

    def has(self, key: str) -> bool:
        """Whether the entry is there for any URL."""
        return any(cache.has(key) for cache in self._caches())

    def forget(self, key: str) -> None:
        """Remove the entry of every URL."""
        for cache in self._caches():
            cache.forget(key)

    def _caches(self) -> Iterator[FileCache[Any]]:
        yield FileCache(self.path)
        with suppress(OSError):
            for folder in (self.path / _URLS).iterdir():
                yield FileCache(folder)


def clear_every_url() -> None:
    """Let ``poetry cache clear`` find a release in the folders of the URLs as well."""
    from poetry.console.commands.cache import clear

    setattr(clear, "FileCache", _CacheOfEveryUrl)  # noqa: B010
