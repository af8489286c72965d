"""Each question once at a time, with real threads."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from poetry.repositories.exceptions import PackageNotFoundError

from poetry_repo_plugin.hooks.prefetch_crew import Crew
from poetry_repo_plugin.hooks.single_flight import Flights, OneFlight
from poetry_repo_plugin.http.ahead import Abandoned, HoldBack, NotYet, asking_ahead


class Asked:
    """A question that takes a while."""

    def __init__(self, *answers: Any) -> None:
        self.count = 0
        self._answers = list(answers)

    def __call__(self, name: str) -> Any:
        self.count += 1
        time.sleep(0.05)
        answer = self._answers.pop(0) if self._answers else f"page of {name}"
        if isinstance(answer, BaseException):
            raise answer
        return answer


def ahead(call: Callable[..., Any], *arguments: Any) -> Any:
    with asking_ahead():
        return call(*arguments)


def test_many_threads_ask_once() -> None:
    asked = Asked()
    flights = Flights(asked, keep=True)
    with ThreadPoolExecutor(16) as threads:
        found = {*threads.map(flights, ["alpha"] * 16)}
    assert found == {"page of alpha"}
    assert asked.count == 1
    assert flights("alpha") == "page of alpha"
    assert asked.count == 1


def test_twin_other_names_are_asked_at_the_same_time() -> None:
    asked = Asked()
    flights = Flights(asked, keep=True)
    with ThreadPoolExecutor(16) as threads:
        assert len({*threads.map(flights, map(str, range(16)))}) == 16
    assert asked.count == 16


@pytest.mark.parametrize("error", [ValueError("broken"), Abandoned(), NotYet("there")])
def test_what_failed_ahead_is_asked_by_who_waits(error: BaseException) -> None:
    asked = Asked(error)
    flights = Flights(asked, keep=True)
    with ThreadPoolExecutor(1) as thread:
        started = thread.submit(ahead, flights, "alpha")
        time.sleep(0.02)
        assert flights("alpha") == "page of alpha"
    assert started.exception() is error
    assert asked.count == 2


def test_a_failure_of_poetry_s_own_is_its_own() -> None:
    flights = Flights(Asked(ValueError("broken")), keep=True)
    with pytest.raises(ValueError, match="broken"):
        flights("alpha")
    assert flights("alpha") == "page of alpha"


def test_not_found_is_an_answer_for_once() -> None:
    """As `functools.cache`, nothing remembers an exception longer."""
    asked = Asked(PackageNotFoundError("alpha"))
    flights = Flights(asked, keep=True)
    for _ in range(2):
        with pytest.raises(PackageNotFoundError):
            ahead(flights, "alpha")
    with pytest.raises(PackageNotFoundError):
        flights("alpha")
    assert asked.count == 1
    assert flights("alpha") == "page of alpha"


def test_what_is_not_kept_is_given_once() -> None:
    """A release that Poetry asks for again it wants anew (``RepositoryPool.refresh``)."""
    asked = Asked("first", "second")
    flights = Flights(asked, keep=False)
    assert ahead(flights, "alpha") == "first"
    assert ahead(flights, "alpha") == "first"
    assert flights("alpha") == "first"
    assert flights("alpha") == "second"


def test_what_poetry_has_is_not_asked_ahead_any_more() -> None:
    asked = Asked()
    flights = Flights(asked, keep=False)
    flights("alpha")
    with pytest.raises(Abandoned):
        ahead(flights, "alpha")
    assert asked.count == 1


def test_one_answer_for_all() -> None:
    asked = Asked()
    flights = OneFlight(asked, keep=True)
    assert flights("alpha") == flights("beta")
    assert asked.count == 1


def test_what_a_thread_ahead_logs_is_logged_when_poetry_takes_the_answer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    logger = logging.getLogger("poetry.test")

    def ask(name: str) -> str:
        logger.warning("asked for %s", name)
        return name

    flights = Flights(ask, keep=True)
    hold = HoldBack()
    caplog.handler.addFilter(hold)
    try:
        ahead(flights, "alpha")
        ahead(logger.warning, "of no flight")
        assert caplog.messages == []
        assert flights("alpha") == flights("alpha") == "alpha"
        assert caplog.messages == ["asked for alpha"]
    finally:
        caplog.handler.removeFilter(hold)


class TestCrew:
    def test_starts_with_the_first_thread_allowed(self) -> None:
        crew, ran = Crew(), threading.Event()
        crew.add(ran.set)
        assert not ran.wait(0.05)
        crew.allow(2)
        assert ran.wait(5)

    def test_runs_no_more_at_a_time_than_allowed(self) -> None:
        crew, lock, now, most = Crew(), threading.Lock(), [0], [0]
        over = threading.Semaphore(0)

        def task() -> None:
            with lock:
                now[0] += 1
                most[0] = max(most[0], now[0])
            time.sleep(0.02)
            with lock:
                now[0] -= 1
            over.release()

        crew.allow(3)
        for _ in range(12):
            crew.add(task)
        for _ in range(12):
            assert over.acquire(timeout=5)
        assert most[0] == 3

    def test_stops_when_it_is_told_to_and_goes_on(self) -> None:
        crew, ran = Crew(), threading.Event()
        crew.allow(2)
        crew.allow(0)
        crew.add(ran.set)
        assert not ran.wait(0.1)
        crew.allow(1)
        assert ran.wait(5)

    def test_what_came_too_early_waits_for_its_place(self) -> None:
        crew, ran, tries = Crew(), threading.Event(), []

        def task() -> None:
            tries.append(1)
            if len(tries) == 1:
                raise NotYet("there")
            ran.set()

        crew.allow(1)
        crew.add(task)
        assert not ran.wait(0.1)
        crew.open("elsewhere")
        assert not ran.wait(0.1)
        crew.open("there")
        assert ran.wait(5)

    @pytest.mark.parametrize("error", [ValueError("broken"), Abandoned()])
    def test_goes_on_after_a_failure(self, error: BaseException) -> None:
        crew, ran = Crew(), threading.Event()

        def fail() -> None:
            raise error

        crew.allow(1)
        crew.add(fail)
        crew.add(ran.set)
        assert ran.wait(5)
