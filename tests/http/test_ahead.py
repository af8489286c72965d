"""Which hosts may be asked ahead, and how many questions at a time are worth it."""

from __future__ import annotations

import pytest
from requests import Request

from poetry_repo_plugin.core.origin import Origin
from poetry_repo_plugin.credentials.base import Query
from poetry_repo_plugin.http.ahead import FAR, MOST, Abandoned, Hosts, NotYet, is_failure
from poetry_repo_plugin.http.matching import Grant

URL = "https://pypi.example.org/simple/alpha/"
ORIGIN = Origin.of(URL)
LEAVE = Grant(ORIGIN, None, Query("foo", "https://pypi.example.org/simple/"))
PAGE = Request("GET", URL).prepare()


def answered(*seconds: float) -> Hosts:
    hosts = Hosts()
    for one in seconds:
        hosts.settle(LEAVE, 200, one)
    return hosts


class TestWhom:
    def test_who_accepted_a_request(self) -> None:
        answered(0.05).check(LEAVE, PAGE)

    def test_not_before(self) -> None:
        with pytest.raises(NotYet):
            Hosts().check(LEAVE, PAGE)

    def test_not_for_what_a_cache_knew(self) -> None:
        hosts = Hosts()
        hosts.settle(LEAVE, 200, None)
        with pytest.raises(NotYet):
            hosts.check(LEAVE, PAGE)

    def test_a_missing_package_is_an_answer(self) -> None:
        hosts = Hosts()
        hosts.settle(LEAVE, 404, 0.05)
        hosts.check(LEAVE, PAGE)

    @pytest.mark.parametrize(
        "other",
        [
            LEAVE._replace(query=Query("bar", "https://pypi.example.org/bar/simple/")),
            LEAVE._replace(origin=Origin.of("https://files.example.org/")),
        ],
        ids=["another repository of the host", "another host"],
    )
    def test_not_with_what_was_never_sent(self, other: Grant) -> None:
        with pytest.raises(NotYet):
            answered(0.05).check(other, PAGE)

    @pytest.mark.parametrize("status", [401, 403, 407, 429, 500, 502, 503])
    def test_nobody_who_refused(self, status: int) -> None:
        hosts = answered(0.05)
        hosts.settle(LEAVE, status, 0.05)
        with pytest.raises(Abandoned):
            hosts.check(LEAVE, PAGE)
        hosts.settle(LEAVE, 200, 0.05)
        with pytest.raises(Abandoned):
            hosts.check(LEAVE, PAGE)
        assert hosts.workers() == 0

    def test_a_code_that_the_user_ignores_is_no_refusal_and_no_success(self) -> None:
        hosts = answered(0.05)
        hosts.settle(LEAVE, 403, 0.05, ignored=True)
        hosts.check(LEAVE, PAGE)
        fresh = Hosts()
        fresh.settle(LEAVE, 403, 0.05, ignored=True)
        with pytest.raises(NotYet):
            fresh.check(LEAVE, PAGE)

    @pytest.mark.parametrize(
        "path", ["alpha-1.0.tar.gz", "alpha-1.0-py3-none-any.whl", "alpha-1.0.zip"]
    )
    def test_no_archive_is_read(self, path: str) -> None:
        with pytest.raises(Abandoned):
            answered(0.05).check(
                LEAVE, Request("GET", f"https://pypi.example.org/files/{path}").prepare()
            )

    def test_a_range_of_a_wheel_is_read_where_one_was_given(self) -> None:
        """Before that nobody knows whether the host would send the whole file."""
        url = "https://pypi.example.org/files/alpha-1.0-py3-none-any.whl"
        part = Request("GET", url, headers={"Range": "bytes=-10240"}).prepare()
        hosts, told = answered(0.05), list[object]()
        hosts.on_change = lambda place, workers: told.append(place)
        with pytest.raises(NotYet) as wait:
            hosts.check(LEAVE, part)
        hosts.settle(LEAVE, 206, 0.05)
        assert told == [wait.value.place]
        hosts.check(LEAVE, part)
        for other in (Request("GET", url), Request("HEAD", url, headers=part.headers)):
            with pytest.raises(Abandoned):
                hosts.check(LEAVE, other.prepare())

    def test_twin_its_metadata_is(self) -> None:
        url = "https://pypi.example.org/files/alpha-1.0-py3-none-any.whl.metadata"
        answered(0.05).check(LEAVE, Request("GET", url).prepare())

    def test_who_accepts_is_told_once(self) -> None:
        hosts, told = Hosts(), list[object]()
        hosts.on_change = lambda place, workers: told.append((place, workers))
        for _ in range(5):
            hosts.settle(LEAVE, 200, 0.05)
        assert told == [(hosts.place(LEAVE), 12)]


class TestHowMany:
    def test_none_at_first(self) -> None:
        assert Hosts().workers() == 0
        assert not Hosts().are_near()

    def test_far_at_the_first_answer(self) -> None:
        assert answered(0.05).workers() == 12

    def test_an_answer_that_may_be_slow_for_its_connection_does_not_count_alone(self) -> None:
        assert answered(0.02).workers() == 0
        assert answered(0.02, 0.02).workers() == 5

    def test_never_more_than_the_most(self) -> None:
        assert answered(3.0).workers() == MOST

    def test_none_on_this_machine(self) -> None:
        hosts = answered(0.012, 0.003, 0.002, 0.002)
        assert hosts.workers() == 0
        assert hosts.are_near()

    def test_a_busy_machine_is_seen_through(self) -> None:
        hosts, told = Hosts(), list[int]()
        hosts.on_change = lambda place, workers: told.append(workers)
        for seconds in (0.05, 0.05, 0.003):
            hosts.settle(LEAVE, 200, seconds)
        assert told == [12, 0]

    def test_twin_a_host_that_was_fast_for_once(self) -> None:
        hosts = answered(0.003, 0.2, 0.2, 0.2)
        assert hosts.workers() == 0
        hosts.settle(LEAVE, 200, 0.2)
        assert hosts.workers() == MOST

    def test_two_at_least(self) -> None:
        assert answered(FAR, FAR).workers() == 2


def test_what_counts_as_a_failure() -> None:
    assert [status for status in range(100, 600) if is_failure(status)] == [
        401,
        403,
        407,
        429,
        *range(500, 600),
    ]
