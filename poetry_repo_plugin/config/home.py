"""Where a name belongs, by anything that its user has said.

A project's files are never asked here: a project that reuses a name says nothing about whose it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from poetry_repo_plugin.config.settings_files import OWN_FILE
from poetry_repo_plugin.core.origin import DEFAULT_PORTS, InvalidUrl, Origin, Prefix
from poetry_repo_plugin.core.servers import publish_url_of, same_server

if TYPE_CHECKING:
    from poetry_repo_plugin.config.settings import Settings


class Place(NamedTuple):
    """Where the user has put a name, and with which word.

    :param prefix: ``None`` where what was said cannot be read: that allows nothing.
    :param word: where the user said it, for a person.
    :param url: the URL as it was said; ``None`` for the record of a binding, which is exact.
    """

    prefix: Prefix | None
    word: str
    url: str | None = None

    def takes(self, url: str, *, whole_origin: bool) -> bool:
        """Whether ``url`` is below this place, or by its server's documentation a part of the same
        repository.
        """
        if self.prefix is None:
            return False
        if _is_below(self.prefix, url, whole_origin=whole_origin):
            return True
        if self.url is None:
            return False
        if _bare(self.url) == _bare(url) or same_server(self.url, url):
            return True
        if _is_below(_encrypted(self.prefix), url, whole_origin=whole_origin):
            return True
        uploads = {publish_url_of(self.url), self.url} & {publish_url_of(url), url}
        return bool(uploads - {None})

    def __str__(self) -> str:
        if self.prefix is not None:
            return str(self.prefix)
        return f"an origin that cannot be read in {OWN_FILE}"


class Home(NamedTuple):
    """All places of a name; none if the user has said nothing about it."""

    places: tuple[Place, ...] = ()

    def takes(self, url: str, *, whole_origin: bool = False) -> bool:
        """Whether ``url`` is at home.

        :param whole_origin: for a client certificate, which a host sees before any path is named.
        """
        return any(place.takes(url, whole_origin=whole_origin) for place in self.places)

    def stranger_among(self, urls: Iterable[str], *, whole_origin: bool = False) -> str | None:
        """The first of ``urls`` that is not at home; ``None`` too while nothing is said."""
        if not self.places:
            return None
        return next((url for url in urls if not self.takes(url, whole_origin=whole_origin)), None)

    @property
    def shown(self) -> tuple[str, ...]:
        """The places, for a person."""
        return tuple(dict.fromkeys(map(str, self.places)))

    @property
    def origins(self) -> tuple[str, ...]:
        """Their origins, for a person."""
        found = (str(place.prefix.origin) if place.prefix else str(place) for place in self.places)
        return tuple(dict.fromkeys(found))

    def __str__(self) -> str:
        """The places and by which word each is known."""
        words: dict[str, list[str]] = {}
        for place in self.places:
            said = words.setdefault(str(place), [])
            if place.prefix is not None and place.word not in said:
                said.append(place.word)
        named = (f"{at} ({', '.join(said)})" if said else at for at, said in words.items())
        return " and ".join(named)


def bound_places(origins: Iterable[str], word: str) -> tuple[Place, ...]:
    """The places of a binding. What cannot be read counts only where nothing else can."""
    found = [Place(_prefix(text), word) for text in origins]
    readable = [place for place in found if place.prefix is not None]
    return tuple(readable or found[:1])


def home_at(url: str) -> Home:
    """Give the home of a name of which the user has said this URL only."""
    prefix = _prefix(url)
    if prefix is None:
        return Home()
    return Home((Place(prefix, "", url),))


def places_said(settings: Settings, name: str) -> Iterator[Place]:
    """The URLs that the user has given ``name``, beside any binding. A text that is no URL names no
    place.
    """
    for url, word in settings.urls_said(name):
        prefix = _prefix(url)
        if prefix is not None:
            yield Place(prefix, word, url)


def _bare(url: str) -> Prefix | None:
    """The place of a git repository: ``.git`` at its end makes no difference."""
    with suppress(InvalidUrl):
        prefix = Prefix.of(url)
        return prefix._replace(path=prefix.path.removesuffix(".git"))
    return None


def _prefix(url: str) -> Prefix | None:
    with suppress(InvalidUrl):
        return Prefix.of_index(url)
    return None


def _is_below(prefix: Prefix, url: str, *, whole_origin: bool) -> bool:
    if not whole_origin:
        return prefix.covers(url)
    try:
        return Origin.of(url) == prefix.origin
    except InvalidUrl:
        return False


def _encrypted(prefix: Prefix) -> Prefix:
    """The same over https, if it is http at its own port: whoever changes to that gives nothing
    away.
    """
    origin = prefix.origin
    if (origin.scheme, origin.port) != ("http", DEFAULT_PORTS["http"]):
        return prefix
    return prefix._replace(origin=Origin("https", origin.host, DEFAULT_PORTS["https"]))
