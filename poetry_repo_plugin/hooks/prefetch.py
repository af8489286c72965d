"""Latency hidden: what Poetry is about to ask of a repository is asked at the same time.

Poetry asks one question after the other. Here its solver and its installer tell what they need as
soon as they know (:mod:`prefetch_plan`), threads ask for it (:mod:`prefetch_crew`), and Poetry
finds the answer there, or waits for it (:mod:`single_flight`). Where these seams do not fit, Poetry
goes on without, and nothing is wrong.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from poetry_repo_plugin.hooks.mirror import answering
from poetry_repo_plugin.hooks.seam import Seam

if TYPE_CHECKING:
    from poetry_repo_plugin.hooks.prefetch_crew import Crew
    from poetry_repo_plugin.http.ahead import Hosts

SWITCH = "POETRY_REPO_PLUGIN_PREFETCH"

_COMMANDS = ("add", "install", "lock", "remove", "sync", "update")
_FLIGHTS = "_repo_plugin_flights"  # of a repository: its questions that are asked once at a time, by their name
_PLAN = "_repo_plugin_plan"  # of a provider

_fits: bool | None = None
_crew: Crew | None = None
_hosts: Hosts | None = None


def start(command: str) -> None:
    """Make Poetry ask ahead, if ``command`` is one that asks much and nobody has switched it
    off.
    """
    global _crew, _fits
    name, _, rest = command.partition(" ")
    if not (command in _COMMANDS or (name == "self" and rest)) or not _is_wanted():
        return
    if _fits is None:
        _fits = all(seam.fault() is None for seam in SEAMS)
        for seam in SEAMS if _fits else ():
            seam.put_in_place()
    if _fits and _crew is None:
        from poetry_repo_plugin.hooks.prefetch_crew import Crew

        _crew = Crew()


def watch(hosts: Hosts) -> None:
    """Go by what ``hosts`` of this command have answered."""
    global _hosts
    if _crew is None:
        return
    _hosts = hosts
    most, crew = _most_workers(), _crew

    def changed(place: object, workers: int) -> None:
        crew.allow(min(most, workers))
        if place is not None:
            crew.open(place)

    hosts.on_change = changed


def _is_wanted() -> bool:
    return os.environ.get(SWITCH, "").strip().lower() not in ("false", "0", "no", "off")


def _most_workers() -> int:
    """How many requests at a time the user's settings allow."""
    from poetry.config.config import Config

    from poetry_repo_plugin.http.ahead import MOST

    config = Config.create()
    if not config.get("installer.parallel", True):
        return 0
    wanted = config.get("installer.max-workers")
    if wanted is None:
        return MOST
    return max(0, min(MOST, int(wanted)))


# -- the replacements


def _init_repository(
    original: Callable[..., None], self: Any, *arguments: Any, **options: Any
) -> None:
    from poetry.repositories.single_page_repository import SinglePageRepository

    from poetry_repo_plugin.hooks.single_flight import Flights, OneFlight

    original(self, *arguments, **options)
    # In the place of Poetry's `functools.cache`, which lets two threads ask the same. A single page
    # is one for all.
    flights = Flights
    if isinstance(self, SinglePageRepository):
        flights = OneFlight
    self.get_page = flights(self._get_page, keep=True)
    setattr(self, _FLIGHTS, {})


def _once_at_a_time(
    original: Callable[..., Any], self: Any, *arguments: Any, **options: Any
) -> Any:
    from poetry_repo_plugin.hooks.single_flight import Flights

    flights = getattr(self, _FLIGHTS, None)
    if flights is None or options:  # it was made before this command, or whoever asks is not Poetry
        return original(self, *arguments, **options)
    name = original.__name__
    if name not in flights:
        flights.setdefault(name, Flights(partial(original, self), keep=False))
    return flights[name](*arguments)


def _complete_package(original: Callable[..., Any], self: Any, dependency_package: Any) -> Any:
    found = original(self, dependency_package)
    if _crew is not None and (_hosts is None or not _hosts.are_near()):
        from poetry_repo_plugin.hooks.owned_names import Routes
        from poetry_repo_plugin.hooks.prefetch_plan import Plan

        if _PLAN not in self.__dict__:
            setattr(self, _PLAN, Plan(self, _crew, Routes(self.pool), answering))
        getattr(self, _PLAN).settle(found.package.all_requires)
    return found


def _solve(original: Callable[..., Any], self: Any, *arguments: Any, **options: Any) -> Any:
    try:
        return original(self, *arguments, **options)
    finally:
        plan = getattr(self.provider, _PLAN, None)
        if plan is not None:
            plan.end()


def _execute(original: Callable[..., Any], self: Any, operations: Any) -> Any:
    if _crew is not None and self._enabled and not self._dry_run:
        from poetry_repo_plugin.hooks.prefetch_plan import pages_of

        for task in pages_of(operations, self._chooser, answering):
            _crew.add(task)
    return original(self, operations)


_HTTP_REPOSITORY = "poetry.repositories.http_repository:HTTPRepository"
_LEGACY = "poetry.repositories.legacy_repository:LegacyRepository"
_PYPI = "poetry.repositories.pypi_repository:PyPiRepository"
_SINGLE_PAGE = "poetry.repositories.single_page_repository:SinglePageRepository"
_PAGE = "poetry.repositories.link_sources.base:LinkSource"
_PROVIDER = "poetry.puzzle.provider:Provider"
_SOLVER = "poetry.puzzle.solver:Solver"

# As `patches.SEAMS`; but where one of these is missing, Poetry goes on without any of them, and
# nothing is said.
SEAMS: tuple[Seam, ...] = (
    Seam(_HTTP_REPOSITORY, "__init__", _init_repository, ("self", "name", "url")),
    Seam(_HTTP_REPOSITORY, "_get_page", None, ("self", "name")),
    Seam(_SINGLE_PAGE, "_get_page", None, ("self", "name")),
    Seam(_PYPI, "_get_page", None, ("self", "name")),
    Seam(_PYPI, "_get_release_info", _once_at_a_time, ("self", "name", "version")),
    Seam(_PYPI, "find_links_for_package", _once_at_a_time, ("self", "package")),
    Seam(_LEGACY, "_get_release_info", _once_at_a_time, ("self", "name", "version")),
    Seam(
        "poetry.repositories.repository_pool:RepositoryPool", "get_priority", None, ("self", "name")
    ),
    Seam(_PAGE, "versions", None, ("self", "name")),
    Seam(_PAGE, "links_for_version", None, ("self", "name", "version")),
    Seam(_PAGE, "yanked", None, ("self", "name", "version")),
    Seam("poetry.utils.cache:FileCache", "_path", None, ("self", "key")),
    Seam(_PROVIDER, "complete_package", _complete_package, ("self", "dependency_package")),
    Seam(_PROVIDER, "get_locked", None, ("self", "dependency")),
    Seam(_PROVIDER, "pool"),
    Seam(_PROVIDER, "use_latest"),
    Seam(_SOLVER, "provider"),
    Seam(_SOLVER, "solve", _solve, ("self",)),
    Seam("poetry.installation.executor:Executor", "execute", _execute, ("self", "operations")),
)
