"""Which repository stands in for which (DESIGN section 11).

Only the user, the environment and the administrator name a mirror: whoever does decides where every
package of the original comes from. A project's files are not asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from poetry_repo_plugin.config.keys import table_at
from poetry_repo_plugin.config.managed import MANAGED
from poetry_repo_plugin.core.errors import Cause, InputError
from poetry_repo_plugin.core.names import is_pypi
from poetry_repo_plugin.core.origin import (
    DEFAULT_PORTS,
    InvalidUrl,
    Origin,
    Prefix,
    UncertainPath,
    split_userinfo,
)
from poetry_repo_plugin.core.servers import PYPI_FILES

if TYPE_CHECKING:
    from poetry_repo_plugin.config.settings import Settings

MIRROR_VARIABLE = "POETRY_PYPI_MIRROR_URL"  # of poetry-plugin-pypi-mirror, as is the setting below
MIRROR_SETTING = "plugins.pypi_mirror.url"
_IN_CONFIG = f"{MIRROR_SETTING} in config.toml"
_UNREACHABLE = (Cause.DNS, Cause.REFUSED, Cause.TIMEOUT, Cause.SERVER_ERROR)
_ALIASES = ("www.pypi.org", "pypi.python.org")  # they redirect to PyPI
OUR_WORD = "poetry repo add"
UNNAMED = "pypi-mirror"  # what the mirror is called that those two give no name


class Mirror(NamedTuple):
    """A repository that stands in for another.

    :param name: of the repository that answers.
    :param url: its index, as it was written; it may hold userinfo.
    :param original: the name of the repository that it stands in for; ``pypi`` for PyPI.
    :param fallback: ask the original where the mirror cannot be reached.
    :param said_in: the variable, key or command that names it, for a person.
    """

    name: str
    url: str
    original: str
    fallback: bool = False
    said_in: str = OUR_WORD

    def gives_up(self, cause: Cause | None) -> bool:
        """Whether the original is asked where the mirror has failed for ``cause``: never after it
        has refused something, or has lied.
        """
        return self.fallback and cause in _UNREACHABLE

    @property
    def is_alone(self) -> bool:
        """Whether the original is never asked."""
        return not self.fallback

    @property
    def is_of_environment(self) -> bool:
        """Whether a variable names it."""
        return self.said_in == MIRROR_VARIABLE

    @property
    def is_of_other_plugin(self) -> bool:
        """Whether it is named in the words of poetry-plugin-pypi-mirror."""
        return self.said_in in (MIRROR_VARIABLE, _IN_CONFIG)


class Mirrors:
    """The mirrors of one user; for each original one.

    What the administrator has locked comes first, then the environment's word, the user's own
    settings, the administrator's, and last the other plugin's setting.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def all(self) -> tuple[Mirror, ...]:
        """The ones that are used. Raises :class:`InputError` for a URL that is none: without its
        mirror, the original would be asked.
        """
        found: dict[str, Mirror] = {}
        for mirror in self._said():
            found.setdefault(mirror.original.lower(), mirror)
        return tuple(found.values())

    def of(self, original: str) -> Mirror | None:
        """What stands in for ``original``, in any case; ``None`` if nothing does."""
        return next((one for one in self.all if one.original.lower() == original.lower()), None)

    def called(self, name: str) -> Mirror | None:
        """The mirror of that name, in any case; ``None`` if the repository is none."""
        return next((one for one in self.all if one.name.lower() == name.lower()), None)

    def instead_of(self, name: str) -> Mirror | None:
        """What goes before the repository ``name``, which is to be a mirror as well."""
        for mirror in self._said():
            if mirror.name.lower() == name.lower():
                used = self.of(mirror.original)
                return used if used is not None and used.name != mirror.name else None
        return None

    @property
    def ignored(self) -> list[str]:
        """A sentence for what a project's ``poetry.toml`` says; it is for nobody but the user to
        say.
        """
        if _text_below(self._settings.local, "plugins", "pypi_mirror", "url") is None:
            return []
        return [
            f"poetry.toml names a mirror of PyPI ({MIRROR_SETTING}); a project cannot. "
            "It is ignored."
        ]

    def _said(self) -> Iterator[Mirror]:
        managed = self._settings.managed
        named = [*self._named()]
        yield from (one for one in named if managed.locks(one.name, "mirror-of"))
        variable = self._settings.environ.get(MIRROR_VARIABLE, "").strip()
        if variable:
            yield self._unnamed(variable, MIRROR_VARIABLE)
        yield from sorted(named, key=lambda one: one.said_in != OUR_WORD)
        written = _text_below(self._settings.config, "plugins", "pypi_mirror", "url")
        if written is not None:
            yield self._unnamed(written, _IN_CONFIG)

    def _named(self) -> Iterator[Mirror]:
        for name in self._settings.names():
            own = self._settings.user_settings(name)
            original = own.mirror_of
            if original is None or not own.url or original.lower() == name.lower():
                continue
            if is_pypi(original):
                original = "pypi"
            is_managed = self._settings.managed.decides(name, "mirror-of")
            yield Mirror(name, own.url, original, own.fallback, MANAGED if is_managed else OUR_WORD)

    def _unnamed(self, url: str, said_in: str) -> Mirror:
        """The mirror at ``url``: the repository that the user keeps there, if there is one."""
        try:
            place = Prefix.of_index(split_userinfo(url)[0])
        except InvalidUrl as error:
            raise InputError(f"The mirror of PyPI in {said_in} cannot be used: {error}.") from None
        name = self._name_at(place) or UNNAMED
        own = self._settings.user_settings(name)
        fallback = own.fallback and is_pypi(own.mirror_of or "")
        return Mirror(name, url, "pypi", fallback, said_in)

    def _name_at(self, place: Prefix) -> str | None:
        """The repository whose index, or whose place for uploads beside it, is there."""
        for name in self._settings.names():
            for said, _ in self._settings.urls_said(name):
                with suppress(InvalidUrl):
                    if not is_pypi(name) and Prefix.of_index(split_userinfo(said)[0]) == place:
                        return name
        return None


def is_at_pypi(url: str, index_url: str) -> bool:
    """Whether ``url`` leads to PyPI, whose index is ``index_url``, or to the host of its files; by
    whichever scheme, port and name.
    """
    try:
        host = Origin.of(url).host
        return host in (Origin.of(index_url).host, Origin.of(PYPI_FILES).host, *_ALIASES)
    except InvalidUrl:
        return False


def is_below(url: str, places: Sequence[Prefix]) -> bool:
    """Whether ``url`` lies below one of ``places``.

    Over http too, as the same server, and also where its path is one that not every server reads
    alike, and it may.
    """
    try:
        there = Prefix.of(url)
    except UncertainPath:
        return any(place.origin in _origins(url) for place in places)
    except InvalidUrl:
        return False
    path = "/".join(["", *filter(None, there.path.split("/"))])  # as servers read two slashes
    either = [Prefix(origin, path) for origin in _origins(url)]
    return any(place.contains(one) for place in places for one in either)


def _origins(url: str) -> tuple[Origin, ...]:
    """The origin of ``url``; with a default port, the same host over http and https."""
    origin = Origin.of(url)
    if origin.port != DEFAULT_PORTS[origin.scheme]:
        return (origin,)
    return tuple(Origin(scheme, origin.host, port) for scheme, port in DEFAULT_PORTS.items())


def _text_below(table: dict[str, object], *keys: str) -> str | None:
    found: dict[str, object] = table
    for key in keys[:-1]:
        found = table_at(found, key)
    value = found.get(keys[-1])
    if isinstance(value, str) and value.strip():
        return str(value).strip()
    return None
