"""A mirror answers in the place of the repository that it stands in for.

Poetry keeps the repository that it made, with its name, its priority and its word in poetry.lock.
What it would ask of it, a second repository answers: one of Poetry's kind for pages (PEP 503, 691,
658), with the name, the login, the CA and the cache of the mirror. PyPI's own class asks for JSON
that mirrors lack; nothing of it is asked here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote, urlsplit

from poetry_repo_plugin.core.errors import Cause, RepoError
from poetry_repo_plugin.core.names import is_pypi
from poetry_repo_plugin.hooks.run import STANDS_FOR, current

if TYPE_CHECKING:
    from poetry_repo_plugin.config.mirrors import Mirror

_T = TypeVar("_T")
_STAND_IN = "_repo_plugin_stand_in"  # of a repository: what answers in its place, or None
_lock = threading.RLock()


class StandIn:
    """What answers in the place of a repository.

    :ivar repository: of the mirror.
    :ivar gone: the mirror could not be reached, so that the original is asked for the rest of the
        command.
    """

    def __init__(self, mirror: Mirror, original: Any) -> None:
        from poetry.config.config import Config

        self.mirror = mirror
        self.original = original
        self.gone = False
        self.repository = _repository_class()(
            *(mirror.name, mirror.url),
            config=Config.create(),
            disable_cache=original._disable_cache,
        )
        self.repository.of_pypi = is_pypi(mirror.original)
        setattr(self.repository, STANDS_FOR, original)

    def ask(self, at_mirror: Callable[[Any], _T], at_original: Callable[[], _T]) -> _T:
        """The mirror's answer; the original's, if that may be asked and the mirror is not there."""
        if self.gone:
            return at_original()
        try:
            return at_mirror(self.repository)
        except Exception as error:
            if not self.gives_up(getattr(error, "server_cause", None)):
                raise
        return at_original()

    def gives_up(self, cause: Cause | None) -> bool:
        """Whether a failure of the mirror makes this command go on with the original."""
        if cause is None or not self.mirror.gives_up(cause):
            return False
        if not self.gone:
            self.gone = True
            name, original = self.mirror.name, self.mirror.original
            current().access.notices.once(
                f"{name}, the mirror of {original}, cannot be reached ({cause.value}); "
                f"{original} is used instead."
            )
        return True

    def file_at_original(self, url: str, cause: Cause | None) -> str | None:
        """Where the original has the file that the mirror's page has at ``url``, if it may be
        asked.

        :param cause: why the mirror cannot deliver it.
        """
        if not self.gives_up(cause):
            return None
        filename = unquote(urlsplit(url).path.rpartition("/")[2])
        try:
            package = _package_of(filename)
        except ValueError:  # a name of old times, from which nothing can be told
            return None
        links = self.original.find_links_for_package(package)
        found = (link for link in links if link.filename == filename)
        return next((str(link.url_without_fragment) for link in found), None)


def _package_of(filename: str) -> Any:
    """The package of a wheel or sdist that a page has listed."""
    from packaging.utils import parse_sdist_filename, parse_wheel_filename
    from poetry.core.constraints.version import Version
    from poetry.core.packages.package import Package

    read = parse_wheel_filename if filename.endswith(".whl") else parse_sdist_filename
    name, version, *_ = read(filename)
    return Package(str(name), Version.parse(str(version)))


@cache
def _repository_class() -> Any:
    from poetry.repositories.legacy_repository import LegacyRepository

    class MirrorRepository(LegacyRepository):
        """Poetry's repository of pages, which writes hashes as the original's lock file has
        them.
        """

        of_pypi = False

        def _links_to_data(self, links: list[Any], data: Any) -> dict[str, Any]:
            for link in links if self.of_pypi else ():
                self._keep_sha256(link)
            found: dict[str, Any] = super()._links_to_data(links, data)
            if self.of_pypi and not found["requires_python"]:  # PyPI says what its pages say
                said = (link.requires_python for link in links)
                found["requires_python"] = next(filter(None, said), None)
            return found

        def _keep_sha256(self, link: Any) -> None:
            """PyPI's hash is SHA-256. Poetry would take a longer one from a page, and so lock
            another text.
            """
            digest = link.hashes.get("sha256")
            if digest is None and link.hashes.keys() & {"sha384", "sha512"}:
                found = self.calculate_sha256(link)
                digest = found.partition(":")[2] if found is not None else None
            if digest is not None:
                link.__dict__["hashes"] = {"sha256": digest}

    return MirrorRepository


def stand_in_of(repository: Any) -> StandIn | None:
    """What answers in the place of Poetry's ``repository``; ``None`` if nothing does."""
    known = repository.__dict__
    if _STAND_IN not in known:
        with _lock:
            if _STAND_IN not in known:
                known[_STAND_IN] = _find(repository)
    found: StandIn | None = known[_STAND_IN]
    return found


def _find(repository: Any) -> StandIn | None:
    if hasattr(repository, STANDS_FOR):
        return None
    run = current()
    try:
        mirror = run.access.catalogue.mirrors.of(repository.name)
    except RepoError as error:  # a file of settings, or a mirror's URL, that cannot be read
        raise run.report(error) from None
    if mirror is None:
        return None
    found = StandIn(mirror, repository)
    run.stand_ins[mirror.name] = found
    return found


def answering(repository: Any) -> Any:
    """The repository that is asked when Poetry asks ``repository``."""
    found = stand_in_of(repository)
    if found is None or found.gone:
        return repository
    return found.repository


# -- the replacements


def _in_its_place(method: str) -> Callable[..., Any]:
    """The replacement of ``method``: it asks what stands in."""

    def replaced(original: Callable[..., Any], self: Any, *arguments: Any, **options: Any) -> Any:
        stand_in = stand_in_of(self)
        if stand_in is None:
            return original(self, *arguments, **options)
        return stand_in.ask(
            lambda mirror: getattr(mirror, method)(*arguments, **options),
            lambda: original(self, *arguments, **options),
        )

    return replaced


get_page = _in_its_place("get_page")
get_release_info = _in_its_place("get_release_info")
find_links_for_package = _in_its_place("find_links_for_package")
calculate_sha256 = _in_its_place("calculate_sha256")
forget = _in_its_place("forget")
search = _in_its_place("search")


def search_pypi(original: Callable[..., list[Any]], self: Any, query: Any) -> list[Any]:
    """Poetry asks PyPI's website, which no mirror has. Look each word up as a name, as Poetry does
    where that fails; the list of all names that a mirror has may have 30 MB.
    """
    if stand_in_of(self) is None:
        return original(self, query)
    from poetry.core.packages.dependency import Dependency
    from poetry.core.version.requirements import InvalidRequirementError

    found: list[Any] = []
    for word in query if isinstance(query, list) else [query]:
        with suppress(InvalidRequirementError):
            found += self.find_packages(Dependency.create_from_pep_508(word))
    return found
