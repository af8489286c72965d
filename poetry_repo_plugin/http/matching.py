"""Whose repository a URL belongs to, and so what a request to it may carry."""

from __future__ import annotations

import threading
from collections import deque
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import urlsplit

from poetry_repo_plugin.config.bindings import Bindings, Kind
from poetry_repo_plugin.config.repositories import Catalogue, Repository
from poetry_repo_plugin.core.names import is_pypi
from poetry_repo_plugin.core.origin import DEFAULT_PORTS, InvalidUrl, Origin, Prefix, UncertainPath
from poetry_repo_plugin.core.servers import PYPI_FILES
from poetry_repo_plugin.credentials.base import Credential, Purpose, Query


class Grant(NamedTuple):
    """What one request may carry.

    :param repository: whose settings apply; ``None`` for a host that no repository is configured
        for.
    :param query: how to find its credential; ``None`` where none may be sent.
    :param identify: whether the repository's client certificate may be offered.
    :param given: a credential from the command line or the URL itself; nothing else is looked up
        then.
    :param beside: for whom further headers are found where ``given`` takes the place of ``query``.
    :param stray: it goes to the repository's host, but to none of its paths, and nothing of the
        repository led there.
    :param led_away: another origin's redirect led there; nothing secret travels.
    :param uncertain: servers may read the path in different ways, so nothing secret travels, nor
    where it leads.
    """

    origin: Origin
    repository: Repository | None
    query: Query | None = None
    identify: bool = False
    given: Credential | None = None
    beside: Query | None = None
    stray: bool = False
    uncertain: bool = False
    led_away: bool = False

    @property
    def for_headers(self) -> Query | None:
        """How to find the further headers; ``None`` where none may be sent."""
        if self.given is None:
            return self.query
        return self.beside


class Matcher:
    """Decides for every URL of a run; a decision is made once, for all threads."""

    def __init__(self, catalogue: Catalogue, bindings: Bindings) -> None:
        self.catalogue = catalogue
        self.bindings = bindings
        self._lock = threading.RLock()
        self._grants: dict[tuple[str, str | None, Purpose, bool], Grant] = {}
        self._by_origin: dict[Origin, list[tuple[Prefix, Repository]]] | None = None
        self._linked: dict[str, str] = {}
        self._unplaced: deque[tuple[str, str]] = deque()
        self._linked_places: dict[Prefix, str] = {}

    def add_live(self, name: str, url: str) -> None:
        """Poetry built a repository ``name`` for ``url``."""
        with self._lock:
            self.catalogue.add_live(name, url)
            self._by_origin = None
            self._grants.clear()

    def add_link(self, name: str, url: str) -> None:
        """The index ``name`` links to the file ``url``: its settings apply to it, wherever that
        is.
        """
        self._linked[url] = name
        self._unplaced.append((url, name))

    def linked_by(self, url: str) -> str | None:
        """The index that links to the file ``url``, if one does."""
        return self._linked.get(url.partition("#")[0])

    def grant_for(
        self,
        url: str,
        *,
        owner: str | None = None,
        purpose: Purpose = Purpose.INDEX,
        led_away: bool = False,
        given: Credential | None = None,
    ) -> Grant:
        """What a request to ``url`` (without userinfo) may carry.

        :param owner: the repository on whose behalf it is made, where Poetry tells.
        :param led_away: another origin's redirect led here; then nothing secret travels.
        """
        url = url.partition("#")[0]  # Poetry downloads a link with its hash
        key = (url, owner, purpose, led_away)
        known = self._grants.get(key)
        if known is None:
            with self._lock:
                known = self._grants[key] = self._decide(url, owner, purpose, led_away)
        bare = given is None or led_away or known.uncertain
        if bare:
            return known
        return known._replace(given=given, query=None, beside=known.query)

    def _decide(self, url: str, owner: str | None, purpose: Purpose, led_away: bool) -> Grant:
        owner = owner or self._linked.get(url)
        try:
            prefix = Prefix.of(url)
        except UncertainPath:
            return self._uncertain(Origin.of(url), owner)
        plain = self._before_upgrade(prefix.origin, url)
        if plain is not None:
            return self._upgraded(self._decide(plain, owner, purpose, led_away), url)
        repository = (
            self._owner_of(prefix, owner)
            if purpose is not Purpose.GIT
            else self._git_owner_of(prefix)
        )
        if purpose is Purpose.PUBLISH and owner is not None:
            repository = self.catalogue.get(owner)
        if repository is None:
            return self._stranger(prefix, url, owner, purpose, led_away)
        if led_away:
            return Grant(prefix.origin, repository, led_away=True)
        anchor = self._anchor(repository, prefix, url, purpose)
        identify = self.bindings.allows(repository.name, Kind.CERTIFICATE, anchor) is not False
        if is_pypi(repository.name) and purpose is not Purpose.PUBLISH:
            return Grant(
                prefix.origin, repository, None, identify
            )  # PyPI's index is public; its token is for uploads
        mine = owner is not None and owner.lower() == repository.name.lower()
        if not mine and purpose is Purpose.INDEX and not self._is_among(prefix, repository):
            # A direct URL, or another index's link: strangers may share the host.
            return Grant(
                prefix.origin,
                repository,
                Query("", f"{prefix.origin}/", purpose),
                identify,
                stray=True,
            )
        query = Query(
            repository.name,
            anchor,
            purpose,
            username=repository.username_for(upload=purpose is Purpose.PUBLISH),
        )
        return Grant(prefix.origin, repository, query, identify)

    def _before_upgrade(self, origin: Origin, url: str) -> str | None:
        """``url`` as plain http at port 80, if a repository is known there and none at https.

        Its server sends everybody on to https at the same host: what may go there over http may go
        so as well.
        """
        if (origin.scheme, origin.port) != ("https", DEFAULT_PORTS["https"]) or self._at(origin):
            return None
        before = Origin("http", origin.host, DEFAULT_PORTS["http"])
        if not self._at(before):
            return None
        return f"{before}{urlsplit(url)._replace(scheme='', netloc='').geturl()}"

    def _upgraded(self, known: Grant, url: str) -> Grant:
        """``known``, decided for http, as it is at ``url``, which is https."""
        repository, query = known.repository, known.query
        identify = known.identify
        if repository is not None:
            allowed = self.bindings.allows(repository.name, Kind.CERTIFICATE, url)
            identify = identify or allowed is True
        if repository is not None and query is not None and query.name:
            there = query.url.replace("http://", "https://", 1)
            if self.bindings.allows(query.name, Kind.CREDENTIAL, query.url) is False:
                query = query._replace(url=there)
        return known._replace(origin=Origin.of(url), query=query, identify=identify)

    def _uncertain(self, origin: Origin, owner: str | None) -> Grant:
        """The repository's CA is trusted; nothing else of it goes where it is not plain what the
        server reads.
        """
        here = {one.name: one for _, one in self._at(origin)}
        only = None
        if len(here) == 1:
            only = next(iter(here.values()))
        repository = (self.catalogue.find(owner) if owner is not None else None) or only
        return Grant(origin, repository, stray=True, uncertain=True)

    def _stranger(
        self, prefix: Prefix, url: str, owner: str | None, purpose: Purpose, led_away: bool
    ) -> Grant:
        """A host that no repository is configured for: its files, a direct URL, a redirect's
        target.
        """
        known = None
        if owner is not None:
            known = self.catalogue.find(owner)
        if led_away or (known is None and purpose is not Purpose.INDEX):
            return Grant(prefix.origin, known, led_away=led_away)
        if known is not None:
            bound = [
                other
                for other in self.bindings.of(known.name, Kind.CREDENTIAL)
                if other.contains(prefix)
            ]
            if bound:  # asked for once, and not for every file
                anchor = str(max(bound, key=lambda other: other.depth))
                return Grant(
                    prefix.origin,
                    known,
                    Query(known.name, anchor, purpose),
                    self._certified(known, url),
                )
        query = Query("", f"{prefix.origin}/", purpose)
        if known is not None and is_pypi(known.name) and str(prefix.origin) == PYPI_FILES:
            allowed = self.bindings.allows(known.name, Kind.CERTIFICATE, known.index_url or "")
            return Grant(prefix.origin, known, query, allowed is not False)
        return Grant(prefix.origin, known, query, False)

    def _is_among(self, prefix: Prefix, repository: Repository) -> bool:
        """Whether ``prefix`` lies below a URL of the repository, or below one that its owner has
        logged in to.
        """
        for (
            place
        ) in repository.download_prefixes:  # nearly always one of these, and each new URL comes by
            if place.contains(prefix):
                return True
        bound = self.bindings.of(repository.name, Kind.CREDENTIAL)
        return any(place.contains(prefix) for place in bound) or self._is_linked(prefix, repository)

    def _is_linked(self, prefix: Prefix, repository: Repository) -> bool:
        """Whether the repository's index links there, in another spelling than the one that is
        asked for.
        """
        while (
            self._unplaced
        ):  # a page may have thousands of links, of which nobody asks for one in another spelling
            url, name = self._unplaced.popleft()
            with suppress(InvalidUrl):
                self._linked_places[Prefix.of(url)] = name
        return self._linked_places.get(prefix, "").lower() == repository.name.lower()

    def _certified(self, repository: Repository, url: str) -> bool:
        return self.bindings.allows(repository.name, Kind.CERTIFICATE, url) is True

    def _owner_of(self, prefix: Prefix, owner: str | None) -> Repository | None:
        here = self._at(prefix.origin)
        if here and all(repository is here[0][1] for _, repository in here):
            return here[0][1]
        covering = [(own.depth, repository) for own, repository in here if own.contains(prefix)]
        if covering:
            deepest = max(depth for depth, _ in covering)
            here_names = {
                repository.name: repository for depth, repository in covering if depth == deepest
            }
        else:
            here_names = {repository.name: repository for _, repository in here}
            if owner is None and len(here_names) > 1:
                return None  # strangers share this host, and the path belongs to none of them
        mine = next(
            (own for name, own in here_names.items() if owner and name.lower() == owner.lower()),
            None,
        )
        in_project = (
            repository for repository in here_names.values() if repository.priority is not None
        )
        return mine or next(in_project, None) or next(iter(here_names.values()), None)

    def _git_owner_of(self, prefix: Prefix) -> Repository | None:
        """The repository that was configured for exactly this git URL, or for its like over http;
        ``.git`` at its end makes no difference.
        """
        for repository in self.catalogue:
            for url in repository.urls:
                with suppress(InvalidUrl):
                    if _git_path(prefix) == _git_path(Prefix.of(url)) and prefix.origin in _secured(
                        Origin.of(url)
                    ):
                        return repository
        return None

    def _at(self, origin: Origin) -> list[tuple[Prefix, Repository]]:
        with self._lock:
            if self._by_origin is None:
                self._by_origin = {}
                for repository in self.catalogue:
                    for prefix in repository.prefixes:
                        self._by_origin.setdefault(prefix.origin, []).append((prefix, repository))
            return self._by_origin.get(origin, [])

    @staticmethod
    def _anchor(repository: Repository, prefix: Prefix, url: str, purpose: Purpose) -> str:
        """The repository's own URL at this origin, so that its answer is looked up once and not for
        every file.
        """
        if purpose is Purpose.GIT:
            return url
        for own in repository.urls:
            with suppress(InvalidUrl):
                if (
                    Prefix.of(own) == prefix
                    if purpose is Purpose.PUBLISH
                    else Origin.of(own) == prefix.origin
                ):
                    return own
        return url


def _git_path(prefix: Prefix) -> str:
    return prefix.path.removesuffix(".git")


def _secured(origin: Origin) -> tuple[Origin, ...]:
    """``origin``, and the one that servers send everybody to who comes to it over http."""
    if origin.scheme == "http" and origin.port == DEFAULT_PORTS["http"]:
        return origin, Origin("https", origin.host, DEFAULT_PORTS["https"])
    return (origin,)


def unmistakable(url: str) -> str:
    """``url`` as a connection takes it: a look-alike of a letter shows as ``xn--…``; only the
    origin where the path is uncertain.
    """
    try:
        prefix = Prefix.of(url)
    except UncertainPath:
        return str(Origin.of(url))
    if url.endswith("/") and prefix.path:
        return f"{prefix}/"
    return str(prefix)
