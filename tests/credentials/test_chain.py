"""The loop over the sources: who wins, what is remembered, when it is asked again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from itertools import permutations
from pathlib import Path

import pytest

from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.credentials.base import (
    DIAGNOSIS,
    EVERYTHING,
    FIRST_REQUEST,
    Answer,
    Broken,
    Credential,
    NotMine,
    Purpose,
    Query,
    Source,
    Unheard,
)
from poetry_repo_plugin.credentials.chain import Chain, resolve
from poetry_repo_plugin.credentials.helper import HelperProtocol, HelperSettings, HelperSource
from poetry_repo_plugin.credentials.url import GivenSource
from tests.credentials.contract import MARK, NAME, URL, SourceContract
from tests.credentials.stand_ins import StandIn

QUERY = Query(NAME, URL)
START = datetime(2026, 11, 22, tzinfo=timezone.utc)


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def after(self, **passed: float) -> None:
        self.now += timedelta(**passed)


class Scripted:
    """A source that answers what it is told to, and writes down what it was asked."""

    name = "scripted"

    def __init__(self, answer: Answer | Callable[[Query], Answer]) -> None:
        self.answer = answer
        self.asked: list[Query] = []

    def get(self, query: Query) -> Answer:
        self.asked.append(query)
        return self.answer(query) if callable(self.answer) else self.answer


def credential(text: str = "pw", *, lasts: timedelta | None = None) -> Credential:
    return Credential(
        Secret(text), "me", "env", "a test", expires_at=START + lasts if lasts is not None else None
    )


def together(ask: Callable[[], object], count: int = 8) -> list[object]:
    """What ``count`` threads get that all ask at the same moment."""
    barrier = threading.Barrier(count)

    def one(_: int) -> object:
        barrier.wait(10)
        return ask()

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(one, range(count)))


class TestGivenContract(SourceContract):
    @pytest.fixture
    def source(self) -> Source:
        mine = Credential(Secret(MARK), "me", "url", "the source's URL")
        return GivenSource(
            lambda query: mine if query.url == URL and query.username in (None, "me") else None
        )


class TestHelperContract(SourceContract):
    """A real program, so it is asked less."""

    @pytest.fixture
    def source(self, tmp_path: Path) -> Source:
        says = f'print(json.dumps({{"headers": {{"Authorization": ["Bearer {MARK}"]}}}}))'
        return HelperSource(
            HelperSettings(StandIn(tmp_path, "helper", says).command, HelperProtocol.BAZEL)
        )

    @pytest.fixture(autouse=True)
    def few(self, monkeypatch: pytest.MonkeyPatch) -> None:
        strange = [
            Query(NAME, url)
            for url in ("", "x", "https://[", "https://a\\@b/", "https://ho\udcffst/")
        ]
        monkeypatch.setattr(
            "tests.credentials.contract.queries", lambda: [QUERY, *strange, Query("a\x1b[2J", URL)]
        )


@pytest.mark.parametrize(
    ("scheme", "header"),
    [("bearer", "Bearer t"), ("basic", "Basic bWU6dA=="), ("Negotiate", "Negotiate t")],
)
def test_the_header_of_each_scheme(scheme: str, header: str) -> None:
    assert Credential(Secret("t"), "me", "helper", "h", scheme).authorization() == header


class TestOrder:
    def test_the_first_that_has_an_answer_wins_whole_and_later_ones_are_not_asked(self) -> None:
        nothing, first, second = (
            Scripted(NotMine("no")),
            Scripted(credential("1")),
            Scripted(credential("2")),
        )
        found = resolve([nothing, first, second], QUERY)
        assert found.credential == credential("1")
        assert found.broken is None
        assert [answer for _, answer in found.steps] == [NotMine("no"), credential("1")]
        assert (len(nothing.asked), len(first.asked), len(second.asked)) == (1, 1, 0)

    def test_a_broken_one_stops_the_search(self) -> None:
        """Or a repository would get what its owner did not mean for it."""
        later = Scripted(credential())
        found = resolve(
            [Scripted(NotMine()), Scripted(Broken.because("it is locked")), later], QUERY
        )
        assert found.credential is None
        assert found.broken == Broken.because("it is locked")
        assert later.asked == []

    def test_one_that_could_not_be_asked_lets_the_others_answer_first(self) -> None:
        unheard = Unheard("the keyring is locked", "keyring")
        answered = resolve([Scripted(unheard), Scripted(credential("netrc"))], QUERY)
        assert (answered.credential, answered.broken) == (credential("netrc"), None)
        nobody = resolve([Scripted(unheard), Scripted(NotMine("no entry"))], QUERY)
        assert (nobody.credential, nobody.broken) == (None, Broken.because("the keyring is locked"))

    def test_nobody(self) -> None:
        assert resolve([], QUERY).credential is None
        found = resolve([Scripted(NotMine("a")), Scripted(NotMine("b"))], QUERY)
        assert (found.credential, found.broken, len(found.steps)) == (None, None, 2)

    @pytest.mark.parametrize(
        "answers", list(permutations([NotMine(), Broken.because("b"), credential()]))
    )
    def test_the_order_of_the_list_is_the_order_of_precedence(
        self, answers: Sequence[Answer]
    ) -> None:
        found = resolve([Scripted(answer) for answer in answers], QUERY)
        first = next(answer for answer in answers if not isinstance(answer, NotMine))
        assert (found.credential or found.broken) == first


class TestMemory:
    @pytest.mark.parametrize(
        "answer", [credential(), NotMine("no"), Broken.because("b")], ids=["one", "none", "broken"]
    )
    def test_all_threads_together_ask_once_also_for_an_empty_answer(self, answer: Answer) -> None:
        source = Scripted(answer)
        chain = Chain([source])
        assert len({id(found) for found in together(lambda: chain.resolve(QUERY))}) == 1
        assert len(source.asked) == 1

    def test_repositories_purposes_and_users_are_asked_for_apart(self) -> None:
        source = Scripted(
            lambda query: credential(f"{query.name}{query.url}{query.purpose}{query.username}")
        )
        chain = Chain([source])
        queries = [
            *(
                QUERY,
                Query("other", URL),
                Query(NAME, "https://other.example/"),
                Query(NAME, URL, Purpose.PUBLISH),
            ),
            *(Query(NAME, URL, Purpose.GIT), Query(NAME, URL, username="you")),
        ]
        for _ in range(2):
            found = {chain.resolve(query).credential for query in queries}
            assert len(found) == len(queries)
        assert len(source.asked) == len(queries)

    def test_a_repository_whose_source_hangs_holds_up_no_other(self) -> None:
        go_on = threading.Event()
        source = Scripted(
            lambda query: credential() if query.name == "other" or go_on.wait(20) else NotMine()
        )
        chain = Chain([source])
        hanging = threading.Thread(target=chain.resolve, args=(QUERY,))
        hanging.start()
        try:
            assert chain.resolve(Query("other", URL)).credential is not None
        finally:
            go_on.set()
            hanging.join()

    def test_a_first_look_that_found_nothing_is_followed_by_a_thorough_one(self) -> None:
        source = Scripted(lambda query: credential() if query.allowed is EVERYTHING else NotMine())
        chain = Chain([source])
        first, thorough = (
            Query(NAME, URL, allowed=allowed) for allowed in (FIRST_REQUEST, EVERYTHING)
        )
        assert chain.resolve(first).credential is None
        assert chain.resolve(thorough).credential == credential()
        assert chain.resolve(first).credential == credential(), (
            "the next request need not be refused first"
        )
        assert len(source.asked) == 2

    def test_a_first_look_that_found_something_is_enough(self) -> None:
        source = Scripted(credential())
        chain = Chain([source])
        for allowed in (FIRST_REQUEST, EVERYTHING, FIRST_REQUEST, DIAGNOSIS):
            assert chain.resolve(Query(NAME, URL, allowed=allowed)).credential == credential()
        assert len(source.asked) == 1

    def test_a_thorough_look_that_found_nothing_is_not_repeated(self) -> None:
        source = Scripted(NotMine())
        chain = Chain([source])
        for allowed in (EVERYTHING, FIRST_REQUEST, DIAGNOSIS, EVERYTHING):
            assert chain.resolve(Query(NAME, URL, allowed=allowed)).credential is None
        assert len(source.asked) == 1

    def test_an_error_in_a_source_leaves_nobody_waiting(self) -> None:
        def fail(query: Query) -> Answer:
            raise KeyboardInterrupt

        source = Scripted(fail)
        chain = Chain([source])
        with pytest.raises(KeyboardInterrupt):
            chain.resolve(QUERY)
        source.answer = credential()
        assert chain.resolve(QUERY).credential == credential()


class TestExpiry:
    @pytest.mark.parametrize(
        ("purpose", "before"), [(Purpose.INDEX, 1), (Purpose.GIT, 1), (Purpose.PUBLISH, 5)]
    )
    def test_it_is_renewed_before_it_runs_out(self, purpose: Purpose, before: int) -> None:
        """Minutes before its end: an upload takes longer than a look at an index."""
        clock = Clock()
        source = Scripted(credential("1", lasts=timedelta(minutes=60)))
        chain, query = Chain([source], now=clock), Query(NAME, URL, purpose)
        assert chain.resolve(query).credential == source.answer
        clock.after(minutes=60 - before, seconds=-1)
        chain.resolve(query)
        assert len(source.asked) == 1
        source.answer = credential("2", lasts=timedelta(minutes=120))
        clock.after(seconds=2)
        assert together(lambda: chain.resolve(query).credential) == [source.answer] * 8
        assert len(source.asked) == 2

    def test_a_source_of_very_short_ones_is_not_asked_for_every_request(self) -> None:
        clock = Clock()
        source = Scripted(
            lambda query: Credential(
                Secret("t"), None, "helper", "h", expires_at=clock() + timedelta(seconds=30)
            )
        )
        chain = Chain([source], now=clock)
        for _ in range(100):
            assert chain.resolve(QUERY).credential is not None
            clock.after(seconds=0.05)
        assert len(source.asked) == 1
        clock.after(minutes=1)
        chain.resolve(QUERY)
        assert len(source.asked) == 2, "but an expired one is never sent"

    def test_an_old_one_serves_to_its_end_if_there_is_no_new_one(self) -> None:
        clock = Clock()
        source = Scripted(credential("old", lasts=timedelta(minutes=10)))
        chain = Chain([source], now=clock)
        chain.resolve(QUERY)
        source.answer = Broken.because("the helper is gone")
        clock.after(minutes=9, seconds=30)
        assert chain.resolve(QUERY).credential == credential("old", lasts=timedelta(minutes=10))
        clock.after(minutes=1)
        assert chain.resolve(QUERY).broken == Broken.because("the helper is gone")

    def test_one_that_does_not_expire_is_never_asked_for_again(self) -> None:
        clock = Clock()
        source = Scripted(credential())
        chain = Chain([source], now=clock)
        chain.resolve(QUERY)
        clock.after(days=4000)
        chain.resolve(QUERY)
        assert len(source.asked) == 1


class TestRenewal:
    def test_threads_that_were_refused_together_renew_once(self) -> None:
        source = Scripted(credential("old"))
        chain = Chain([source])
        chain.resolve(QUERY)
        source.answer = credential("new")
        answers = together(lambda: chain.renew(QUERY, credential("old")).credential)
        assert answers == [credential("new")] * 8
        assert len(source.asked) == 2
        assert source.asked[-1].fresh, "what was kept between commands will not do"
        assert chain.resolve(QUERY).credential == credential("new")

    def test_a_refusal_of_the_one_before_does_not_renew_again(self) -> None:
        """A slow thread hears late that the old one was refused."""
        source = Scripted(credential("old"))
        chain = Chain([source])
        chain.resolve(QUERY)
        source.answer = credential("new")
        chain.renew(QUERY, credential("old"))
        assert chain.renew(QUERY, credential("old")).credential == credential("new")
        assert len(source.asked) == 2

    def test_a_source_that_repeats_itself_is_not_asked_without_end(self) -> None:
        source = Scripted(credential("old"))
        chain = Chain([source])
        chain.resolve(QUERY)
        for _ in range(10):
            assert chain.renew(QUERY, credential("old")).credential == credential("old")
        assert len(source.asked) == 2

    def test_the_same_token_with_another_end_is_no_new_one(self) -> None:
        """``az`` hands the token out again and tells its end anew: sending that once more could
        only be refused.
        """
        source = Scripted(credential("old", lasts=timedelta(minutes=60)))
        chain = Chain([source], now=Clock())
        refused = chain.resolve(QUERY).credential
        assert refused is not None
        source.answer = credential("old", lasts=timedelta(minutes=61))
        again = chain.renew(QUERY, refused).credential
        assert again == refused
        assert not chain.is_on_trial(QUERY, refused)
        assert again is not None
        assert again.expires_at == START + timedelta(minutes=61)

    def test_a_source_that_always_makes_another_is_not_asked_without_end(self) -> None:
        """Each is refused: a server that wants something else."""
        made = iter(range(100))
        source = Scripted(lambda query: credential(str(next(made))))
        chain = Chain([source])
        refused = chain.resolve(QUERY).credential
        for _ in range(10):
            assert refused is not None
            refused = chain.renew(QUERY, refused).credential
        assert len(source.asked) == 2
