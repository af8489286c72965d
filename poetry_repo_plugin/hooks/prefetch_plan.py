"""What the solver is about to ask, worked out ahead of it from the same facts, by the same
rules.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from poetry.core.constraints.version import parse_constraint
from poetry.core.packages.dependency import Dependency
from poetry.core.version.exceptions import InvalidVersionError
from poetry.core.version.requirements import InvalidRequirementError
from poetry.repositories.exceptions import PackageNotFoundError
from poetry.repositories.legacy_repository import LegacyRepository
from poetry.repositories.pypi_repository import PyPiRepository
from poetry.repositories.repository_pool import Priority

from poetry_repo_plugin.hooks.prefetch_pages import (
    best_release,
    is_cached,
    is_readable,
    page_of,
    release_info,
)
from poetry_repo_plugin.hooks.single_flight import Flights

if TYPE_CHECKING:
    from poetry_repo_plugin.hooks.owned_names import Routes
    from poetry_repo_plugin.hooks.prefetch_crew import Crew

_MOST_VERSIONS = (
    8  # of a name, that are looked at because this project's Python does not suit the newer ones
)


class _Need(NamedTuple):
    """A name that is needed from certain sources."""

    name: str
    source: str | None


class Plan:
    """What one run of the solver needs.

    :param provider: Poetry's, of which only what does not change during a run is read.
    :param routes: who may be asked for which name.
    :param answering: gives the repository that is asked in the place of one.
    """

    def __init__(
        self, provider: Any, crew: Crew, routes: Routes, answering: Callable[[Any], Any]
    ) -> None:
        self._provider = provider
        self._answering = answering
        self._pool = provider.pool
        self._crew = crew
        self._routes = routes
        self._lock = threading.Lock()
        self._ended = False
        self._followed: set[tuple[Any, ...]] = set()
        self._direct: set[str] = set()
        self._sources: dict[str, str] = {}
        self._constraints: dict[_Need, Any] = {}
        self._rejected: dict[_Need, set[Any]] = {}
        self._parsed: dict[str, Any] = {}

    def end(self) -> None:
        """The solver has found its answer, or given up."""
        self._ended = True

    def settle(self, dependencies: Iterable[Any]) -> None:
        """Poetry itself has come to need ``dependencies``."""
        for dependency in dependencies:  # the sources of all, before the first is followed
            self._note(dependency)
        for dependency in dependencies:
            self._follow(dependency)

    def _note(self, dependency: Any) -> None:
        if dependency.is_direct_origin():
            self._direct.add(dependency.name)
        elif dependency.source_name:
            self._sources.setdefault(dependency.name, dependency.source_name)

    def _follow(self, dependency: Any) -> None:
        """Fetch what ``dependency`` leads to, once."""
        name, constraint = dependency.name, dependency.constraint
        if self._ended or name in self._direct or dependency.is_direct_origin():
            return
        source = dependency.source_name or self._sources.get(name)
        need = _Need(name, self._routes.source_of(name, source))
        with self._lock:
            key = (need, str(constraint), dependency.extras)
            if key in self._followed:
                return
            self._followed.add(key)
            known = self._constraints.get(need)
            both = constraint
            if known is not None:
                both = known.intersect(constraint)
            self._constraints[need] = constraint if both.is_empty() else both
        self._crew.add(lambda: self._look(need, dependency))

    # -- in the threads ahead

    def _look(self, need: _Need, dependency: Any) -> None:
        """Fetch the pages of a name, then the release that the solver will take."""
        if self._ended or need.name in self._direct:
            return
        repositories = self._repositories(need)
        locked = self._locked(dependency)
        if locked is not None:
            for one in locked.requires:
                self._follow_from(one, dependency, dependency.extras)
            self._crew.add(lambda: self._fetch_locked(repositories, need, locked.version))
            return
        if len(repositories) == 1:
            self._choose([(repositories[0], page_of(repositories[0], need.name))], need, dependency)
            return
        gathered = _Gathered(len(repositories), lambda pages: self._choose(pages, need, dependency))

        def fetch(number: int, repository: Any) -> None:
            if not self._ended:
                gathered.fetch(number, repository, need.name)

        for number, repository in enumerate(repositories):
            self._crew.add(partial(fetch, number, repository))

    def _repositories(self, need: _Need) -> list[Any]:
        """Whom Poetry asks for certain: the source that is named, else every primary one."""
        if need.source is not None:
            if self._pool.get_priority(need.source) is Priority.SUPPLEMENTAL:
                return []
            found = [self._pool.repository(need.source)]
        else:
            found = [
                one
                for one in self._pool.repositories
                if self._pool.get_priority(one.name) is Priority.PRIMARY
            ]
        if not all(self._routes.may_be_asked(one, need.name) for one in found):
            return []
        asked = [self._answering(one) for one in found]
        fit = all(isinstance(getattr(one, "get_page", None), Flights) for one in asked)
        if fit:
            return asked
        return []

    def _locked(self, dependency: Any) -> Any:
        """The package of the lock file that the solver will take, as Poetry's
        ``Provider.get_locked`` has it.
        """
        if dependency.name in self._provider.use_latest:
            return None
        for one in self._provider._locked.get(dependency.name, ()):
            package = one.package
            if package.is_direct_origin() or not package.satisfies(dependency):
                continue
            explicit = (
                not self._routes.source_of(dependency.name, dependency.source_name)
                and package.source_type == "legacy"
                and self._pool.get_priority(package.source_reference) is Priority.EXPLICIT
            )
            if not explicit:
                return package
        return None

    def _fetch_locked(self, repositories: list[Any], need: _Need, version: Any) -> None:
        """The release that the lock file names, from the first repository that has it."""
        if self._ended:
            return
        for repository in repositories:
            if is_cached(repository, need.name, version):
                return
            try:
                if isinstance(repository, LegacyRepository):
                    page: Any = repository.get_page(need.name)
                    if version not in list(page.versions(need.name)):
                        continue
                    if not is_readable(repository, page, need.name, version):
                        continue
                repository._get_release_info(need.name, version)
            except PackageNotFoundError:
                continue
            return

    def _choose(self, pages: list[tuple[Any, Any]], need: _Need, dependency: Any) -> None:
        """Fetch the best release of ``pages``, and follow what it requires."""
        rejected = self._rejected.setdefault(need, set())
        for _ in range(_MOST_VERSIONS):
            found = best_release(pages, need.name, self._constraints[need], dependency, rejected)
            if found is None or self._ended:
                return
            repository, page, version = found
            release = release_info(repository, page, need.name, version)
            if release is None:
                return
            if self._suits(release, dependency):
                self._follow_release(release, dependency)
                return
            rejected.add(version)

    def _suits(self, release: dict[str, Any], dependency: Any) -> bool:
        """Whether the solver can take a release, by the Python that it wants."""
        wanted = release.get("requires_python")
        if not wanted or not dependency.transitive_marker.is_any():
            return True
        try:
            return bool(parse_constraint(wanted).allows_all(self._provider._python_constraint))
        except ValueError:
            return True

    def _follow_release(self, release: dict[str, Any], dependency: Any) -> None:
        extras = set(dependency.extras)
        required = []
        for line in release.get("requires_dist") or ():
            if not extras and "extra" in line.partition(";")[2]:
                continue
            one = self._parse(line)
            if one is None:
                continue
            if one.name == dependency.name and extras.intersection(one.in_extras):
                extras.update(one.extras)  # an extra that stands for others
            else:
                required.append(one)
        for one in required:
            self._follow_from(one, dependency, extras)

    def _parse(self, line: str) -> Any:
        """The requirement; ``None`` for one that is not valid. Many packages require the same:
        parsing is slow.
        """
        if line not in self._parsed:
            try:
                self._parsed[line] = Dependency.create_from_pep_508(line)
            except (InvalidRequirementError, InvalidVersionError, ValueError):
                self._parsed[line] = None
        return self._parsed[line]

    def _follow_from(self, required: Any, parent: Any, extras: Iterable[str]) -> None:
        """Follow a requirement of ``parent``'s release, unless it does not apply
        (``Provider.complete_package``).
        """
        if required.in_extras and not set(required.in_extras).intersection(extras):
            return
        if required.is_optional() and not required.in_extras:
            return
        if not self._provider._python_constraint.allows_any(required.python_constraint):
            return
        if required.python_constraint.intersect(parent.python_constraint).is_empty():
            return
        marker = parent.transitive_marker.without_extras()
        if not marker.is_any():
            required = required.clone()
            required.transitive_marker = marker.intersect(required.marker.without_extras())
            if required.transitive_marker.is_empty():
                return
        if required.is_direct_origin():
            self._direct.add(required.name)
        self._follow(required)


def pages_of(
    operations: Iterable[Any], chooser: Any, answering: Callable[[Any], Any]
) -> list[Callable[[], object]]:
    """Tasks that fetch what Poetry's installer will look for the files of ``operations`` in."""
    tasks: list[Callable[[], object]] = []
    for operation in operations:
        package = operation.package
        if (
            operation.job_type == "uninstall"
            or operation.skipped
            or package.source_type not in (None, "legacy")
        ):
            continue
        repository = _repository_of(package, chooser._pool)
        if not isinstance(getattr(repository, "get_page", None), Flights):
            continue
        repository = answering(repository)
        if isinstance(repository, PyPiRepository):
            tasks.append(partial(repository.find_links_for_package, package))
        else:
            tasks.append(partial(repository.get_page.fetch, package.name))
    return tasks


def _repository_of(package: Any, pool: Any) -> Any:
    """Where Poetry will look for its files; ``None`` where that is for Poetry to complain of: a
    lock file may name a source that the project no longer has.
    """
    name = "pypi"
    if package.source_type:
        name = package.source_reference
    if pool.has_repository(name):
        return pool.repository(name)
    if package.source_type:
        return None
    return next(iter(pool.repositories), None)


class _Gathered:
    """The pages of one name from several repositories, which go on together."""

    def __init__(self, count: int, then: Callable[[list[tuple[Any, Any]]], None]) -> None:
        self._pages: dict[int, tuple[Any, Any]] = {}
        self._count = count
        self._then = then
        self._lock = threading.Lock()

    def fetch(self, number: int, repository: Any, name: str) -> None:
        page = page_of(repository, name)
        with self._lock:
            self._pages[number] = (repository, page)
            complete = len(self._pages) == self._count
        if complete:
            self._then([self._pages[one] for one in sorted(self._pages)])
