"""What is worked out ahead of the solver, and when it ends."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from poetry.core.packages.dependency import Dependency
from poetry.repositories.exceptions import PackageNotFoundError
from poetry.repositories.repository import Repository
from poetry.repositories.repository_pool import RepositoryPool

from poetry_repo_plugin.hooks.prefetch_crew import Task
from poetry_repo_plugin.hooks.prefetch_plan import Plan, pages_of
from poetry_repo_plugin.hooks.single_flight import Flights
from poetry_repo_plugin.http.ahead import asking_ahead


class Held:
    """A crew whose tasks run when the test says so."""

    def __init__(self) -> None:
        self.tasks: list[Task] = []

    def add(self, task: Task) -> None:
        self.tasks.append(task)

    def run(self) -> None:
        """Those that are held now."""
        tasks, self.tasks = self.tasks, []
        with asking_ahead():
            for task in tasks:
                task()


class NobodyOwns:
    """Each name may be asked for wherever the project looks."""

    @staticmethod
    def source_of(name: str, source: str | None) -> str | None:
        return source

    @staticmethod
    def may_be_asked(repository: Any, name: str) -> bool:
        return True


def itself(repository: Any) -> Any:
    """No mirror stands in for it."""
    return repository


def pool_of(*names: str, ask: Callable[[str, str], Any]) -> RepositoryPool:
    """Primary repositories whose pages ``ask`` gives."""
    pool = RepositoryPool()
    for name in names:
        repository: Any = Repository(name)
        repository.get_page = Flights(lambda page, name=name: ask(name, page), keep=True)
        pool.add_repository(repository)
    return pool


def missing(asked: list[tuple[str, str]]) -> Callable[[str, str], Any]:
    def ask(repository: str, page: str) -> Any:
        asked.append((repository, page))
        raise PackageNotFoundError(page)

    return ask


def plan_of(pool: RepositoryPool, crew: Held) -> Plan:
    provider = SimpleNamespace(pool=pool, use_latest=set(), _locked={})
    return Plan(provider, crew, NobodyOwns(), itself)  # type: ignore[arg-type]


def test_all_primary_sources_are_asked_for_a_name() -> None:
    asked: list[tuple[str, str]] = []
    crew = Held()
    plan = plan_of(pool_of("one", "two", ask=missing(asked)), crew)
    plan.settle([Dependency("alpha", "*")])
    crew.run()
    crew.run()
    assert asked == [("one", "alpha"), ("two", "alpha")]


def test_twin_nothing_is_asked_any_more_when_the_solver_has_ended() -> None:
    asked: list[tuple[str, str]] = []
    crew = Held()
    plan = plan_of(pool_of("one", "two", ask=missing(asked)), crew)
    plan.settle([Dependency("alpha", "*")])
    crew.run()
    plan.end()
    crew.run()
    plan.settle([Dependency("beta", "*")])
    crew.run()
    assert asked == []


def test_a_source_that_the_project_no_longer_has_is_left_to_poetry() -> None:
    pool = pool_of("one", ask=missing([]))
    gone, there = (
        SimpleNamespace(
            job_type="install",
            skipped=False,
            package=SimpleNamespace(name="alpha", source_type="legacy", source_reference=source),
        )
        for source in ("gone", "one")
    )
    chooser = SimpleNamespace(_pool=pool)
    assert pages_of([gone], chooser, itself) == []
    assert len(pages_of([there], chooser, itself)) == 1
