"""Renewal, in one process: many threads, a clock that can be set, sources that hand out what a test
wants.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from poetry_repo_plugin.config.bindings import Bindings
from poetry_repo_plugin.config.settings import Settings
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.credentials.base import (
    DIAGNOSIS,
    FIRST_REQUEST,
    Answer,
    Broken,
    Credential,
    NotMine,
    Purpose,
    Query,
    Withheld,
)
from poetry_repo_plugin.credentials.chain import Chain
from poetry_repo_plugin.credentials.external import OutsideSource, RecognisedSource
from poetry_repo_plugin.credentials.helper_protocols import HelperIdentity
from poetry_repo_plugin.credentials.keyring import KeyringEntry, KeyringGate
from poetry_repo_plugin.credentials.keyring_services import SHORT_LIVED, OwnEntry
from poetry_repo_plugin.credentials.keyring_worker import KeyringUnavailable
from poetry_repo_plugin.credentials.providers.registry import mending_command, provider
from poetry_repo_plugin.credentials.token_cache import ShortLived, fingerprint
from poetry_repo_plugin.credentials.trusted import PublishingSource
from tests.credentials.stand_ins import StandIn, path_with

START = datetime(2026, 11, 22, 12, 0, tzinfo=timezone.utc)
QUERY = Query("foo", "https://packages.example.com/simple/")
UPLOAD = QUERY._replace(purpose=Purpose.PUBLISH)
EVIDENT = QUERY._replace(allowed=FIRST_REQUEST)


class Clock:
    """The time, as a test sets it."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Tokens:
    """A source that hands out ``T1``, ``T2``, … and notes how it was asked.

    :param life: in seconds.
    :ivar instead: what it answers instead, if anything.
    """

    name = "tokens"

    def __init__(
        self, clock: Callable[[], datetime], life: float | None = 3600, delay: float = 0
    ) -> None:
        self._clock = clock
        self.life = life
        self.delay = delay
        self.queries: list[Query] = []
        self.instead: Answer | None = None
        self.same = False

    def get(self, query: Query) -> Answer:
        self.queries.append(query)
        number = 1 if self.same else len(self.queries)
        time.sleep(self.delay)
        if self.instead is not None:
            return self.instead
        ends = None if self.life is None else self._clock() + timedelta(seconds=self.life)
        return Credential(Secret(f"T{number}"), "robot", "helper", "a test", expires_at=ends)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def secret(chain: Chain, query: Query = QUERY) -> str | None:
    credential = chain.resolve(query).credential
    return credential.secret.reveal() if credential is not None else None


def held(chain: Chain, query: Query = QUERY) -> Credential:
    credential = chain.resolve(query).credential
    assert credential is not None
    return credential


class TestBeforeItRunsOut:
    @pytest.mark.parametrize(
        ("query", "margin"), [(QUERY, 60), (UPLOAD, 300)], ids=["look-up", "upload"]
    )
    def test_it_is_renewed_when_too_little_is_left(
        self, clock: Clock, query: Query, margin: int
    ) -> None:
        source = Tokens(clock)
        chain = Chain([source], now=clock)
        assert secret(chain, query) == "T1"
        clock.pass_by(3600 - margin)
        assert secret(chain, query) == "T1", "just enough"
        clock.pass_by(1)
        assert secret(chain, query) == "T2"
        assert [asked.fresh for asked in source.queries] == [False, False]

    def test_an_index_and_an_upload_are_two_questions(self, clock: Clock) -> None:
        chain = Chain([Tokens(clock)], now=clock)
        assert (secret(chain, QUERY), secret(chain, UPLOAD)) == ("T1", "T2")

    def test_one_without_an_end_is_asked_for_once(self, clock: Clock) -> None:
        source = Tokens(clock, life=None)
        chain = Chain([source], now=clock)
        secret(chain)
        clock.pass_by(10**9)
        assert (secret(chain), len(source.queries)) == ("T1", 1)

    def test_what_answers_before_a_refusal_answers_after_it(self, clock: Clock) -> None:
        source = Tokens(clock, life=None)
        chain = Chain([source], now=clock)
        assert (secret(chain, EVIDENT), secret(chain), len(source.queries)) == ("T1", "T1", 1)

    def test_what_has_nothing_evident_is_asked_again_in_full(self, clock: Clock) -> None:
        source = Tokens(clock, life=None)
        source.instead = NotMine()
        chain = Chain([source], now=clock)
        assert secret(chain, EVIDENT) is None
        source.instead = None
        assert secret(chain) == "T2"
        assert secret(chain, EVIDENT) == "T2"

    @pytest.mark.parametrize("life", [59, 30, 11])
    def test_a_source_of_very_short_lives_is_not_asked_for_each_request(
        self, clock: Clock, life: int
    ) -> None:
        """Minted late, or minted short: what it gives is used, and asked for again after ten
        seconds.
        """
        source = Tokens(clock, life=life)
        chain = Chain([source], now=clock)
        for _ in range(9):
            assert secret(chain) == "T1"
            clock.pass_by(1)
        clock.pass_by(1.5)
        assert (secret(chain), len(source.queries)) == ("T2", 2)

    def test_one_that_has_ended_is_asked_for_again_at_once(self, clock: Clock) -> None:
        chain = Chain([Tokens(clock, life=3)], now=clock)
        assert secret(chain) == "T1"
        clock.pass_by(4)
        assert secret(chain) == "T2"

    def test_one_that_arrives_when_it_has_ended_is_used_and_the_server_decides(
        self, clock: Clock
    ) -> None:
        """This machine's clock is ahead of the one that made it."""
        source = Tokens(clock, life=-5)
        chain = Chain([source], now=clock)
        assert (secret(chain), len(source.queries)) == ("T1", 1)

    def test_a_clock_that_is_set_back_renews_nothing(self, clock: Clock) -> None:
        source = Tokens(clock)
        chain = Chain([source], now=clock)
        secret(chain)
        clock.pass_by(-86400)
        assert (secret(chain), len(source.queries)) == ("T1", 1)

    def test_a_clock_that_is_set_forward_renews_once(self, clock: Clock) -> None:
        source = Tokens(clock)
        chain = Chain([source], now=clock)
        secret(chain)
        clock.pass_by(86400)
        assert (secret(chain), secret(chain), len(source.queries)) == ("T2", "T2", 2)

    def test_a_source_of_short_lives_does_not_stop_renewing_when_the_clock_is_set_back(
        self, clock: Clock
    ) -> None:
        chain = Chain([Tokens(clock, life=50)], now=clock)
        secret(chain)
        clock.pass_by(-3600)
        assert secret(chain) == "T1"
        clock.pass_by(3600 + 12)
        assert secret(chain) == "T2"

    @pytest.mark.parametrize("query", [QUERY, EVIDENT], ids=["full", "evident"])
    @pytest.mark.parametrize(
        "instead",
        [Broken.because("the vault is sealed"), NotMine("nothing")],
        ids=["broken", "nothing"],
    )
    def test_the_old_one_serves_to_its_end_if_there_is_no_new_one(
        self, clock: Clock, instead: Answer, query: Query
    ) -> None:
        source = Tokens(clock, life=100)
        chain = Chain([source], now=clock)
        secret(chain, query)
        source.instead = instead
        clock.pass_by(41)
        assert secret(chain, query) == "T1"
        assert secret(chain, query) == "T1"
        assert len(source.queries) == 2, "not for each request"
        clock.pass_by(60)
        resolution = chain.resolve(query)
        assert resolution.credential is None
        assert resolution.broken == (instead if isinstance(instead, Broken) else None)


class TestAfterARefusal:
    def test_a_new_one_is_asked_for_and_the_source_knows_why(self, clock: Clock) -> None:
        source = Tokens(clock)
        chain = Chain([source], now=clock)
        first = held(chain, EVIDENT)
        fresh = chain.renew(EVIDENT, first).credential
        assert fresh is not None
        assert fresh.secret.reveal() == "T2"
        assert [asked.fresh for asked in source.queries] == [False, True]
        assert (secret(chain), secret(chain, EVIDENT)) == ("T2", "T2")

    def test_who_comes_late_gets_the_new_one(self, clock: Clock) -> None:
        source = Tokens(clock)
        chain = Chain([source], now=clock)
        first = held(chain)
        chain.renew(QUERY, first)
        late = chain.renew(QUERY, first).credential
        assert late is not None
        assert (late.secret.reveal(), len(source.queries)) == ("T2", 2)

    def test_a_source_that_has_only_the_same_is_asked_once(self, clock: Clock) -> None:
        source = Tokens(clock)
        source.same = True
        chain = Chain([source], now=clock)
        first = held(chain)
        for _ in range(3):
            assert chain.renew(QUERY, first).credential == first
        assert len(source.queries) == 2
        assert not chain.is_on_trial(QUERY, first), "it is no new one"

    def test_a_new_one_that_is_refused_before_it_was_accepted_ends_it(self, clock: Clock) -> None:
        source = Tokens(clock)
        chain = Chain([source], now=clock)
        second = chain.renew(QUERY, held(chain)).credential
        assert second is not None
        assert chain.is_on_trial(EVIDENT, second)
        assert chain.renew(QUERY, second).credential == second
        assert len(source.queries) == 2

    def test_one_that_was_accepted_may_run_out_later(self, clock: Clock) -> None:
        source = Tokens(clock)
        chain = Chain([source], now=clock)
        second = chain.renew(QUERY, held(chain)).credential
        assert second is not None
        chain.accepted(EVIDENT, second)
        assert not chain.is_on_trial(QUERY, second)
        third = chain.renew(QUERY, second).credential
        assert third is not None
        assert third.secret.reveal() == "T3"
        chain.accepted(QUERY, second)  # an answer that was on its way: it says nothing of the third
        assert chain.is_on_trial(QUERY, third)

    def test_without_a_new_one_the_others_learn_of_it_without_asking(self, clock: Clock) -> None:
        source = Tokens(clock)
        chain = Chain([source], now=clock)
        first = held(chain)
        source.instead = Broken.because("the vault is sealed")
        assert chain.renew(QUERY, first).broken == source.instead
        assert chain.renew(QUERY, first).broken == source.instead
        assert len(source.queries) == 2


class TestThreads:
    @pytest.mark.parametrize("count", [2, 40])
    def test_they_renew_once(self, clock: Clock, count: int) -> None:
        source = Tokens(clock, delay=0.05)
        chain = Chain([source], now=clock)
        first = held(chain)
        found = in_threads(count, lambda: chain.renew(EVIDENT, first).credential)
        assert {credential.secret.reveal() for credential in found if credential} == {"T2"}
        assert len(source.queries) == 2
        print(f"\n{count} threads refused at once: 1 renewal")

    def test_they_ask_once(self, clock: Clock) -> None:
        source = Tokens(clock, delay=0.05)
        chain = Chain([source], now=clock)
        queries = [EVIDENT, QUERY] * 10
        found = in_threads(20, lambda: chain.resolve(queries.pop()).credential)
        assert {credential.secret.reveal() for credential in found if credential} == {"T1"}
        assert len(source.queries) == 1

    def test_they_renew_once_when_it_runs_out(self, clock: Clock) -> None:
        source = Tokens(clock, delay=0.05)
        chain = Chain([source], now=clock)
        held(chain)
        clock.pass_by(3590)
        found = in_threads(20, lambda: chain.resolve(EVIDENT).credential)
        assert {credential.secret.reveal() for credential in found if credential} == {"T2"}
        assert len(source.queries) == 2

    def test_one_repository_does_not_wait_for_another(self, clock: Clock) -> None:
        source = Tokens(clock, delay=0.4)
        chain = Chain([source], now=clock)
        before = time.monotonic()
        names = ["a", "b", "c", "d"]
        in_threads(4, lambda: chain.resolve(QUERY._replace(name=names.pop())).credential)
        assert time.monotonic() - before < 1.2


def in_threads(count: int, work: Callable[[], Credential | None]) -> list[Credential | None]:
    """What ``work`` returns in each of ``count`` threads that begin together."""
    barrier = threading.Barrier(count)
    found: list[Credential | None] = []

    def run() -> None:
        barrier.wait()
        found.append(work())

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == count
    return found


# --- between commands
# ------------------------------------------------------------------------------------------------


class Gate(KeyringGate):
    """A keyring in memory."""

    def __init__(self) -> None:
        super().__init__(enabled=lambda: True)
        self.entries: dict[tuple[str, str], str] = {}
        self.calls: list[str] = []
        self.gone = False

    def stored(self, name: str, username: str, *, known: bool = False) -> KeyringEntry | None:
        self._note("stored")
        return None

    def own(
        self,
        name: str,
        entry: OwnEntry,
        *,
        move: bool = True,
        known: bool = False,
        fresh: bool = False,
    ) -> Secret | None:
        self._note("own")
        found = self.entries.get((name, entry.user))
        return Secret(found) if found is not None else None

    def keep_own(self, name: str, entry: OwnEntry, secret: Secret) -> str:
        self._note("keep")
        self.entries[name, entry.user] = secret.reveal()
        return "memory"

    def _note(self, call: str) -> None:
        self.calls.append(call)
        if self.gone:
            raise KeyringUnavailable("the keyring is locked")


@pytest.fixture
def gate() -> Gate:
    return Gate()


def made(life: float | None, clock: Clock) -> Credential:
    ends = None if life is None else clock() + timedelta(seconds=life)
    return Credential(Secret("{cache-dir}-sécret"), "röbot", "helper", "a test", "bearer", ends)


class TestShortLived:
    def test_it_comes_back_whole(self, gate: Gate, clock: Clock) -> None:
        between = ShortLived(gate, now=clock)
        between.put(QUERY, "me", made(3600, clock))
        found = between.get(QUERY, "me")
        assert found is not None
        assert vars(found) == vars(made(3600, clock)), (
            "its source and its end too, which equality leaves out"
        )
        assert list(gate.entries) == [("foo", SHORT_LIVED.user)]
        assert between.is_recalled(made(3600, clock))
        assert not between.is_recalled(replace(made(3600, clock), secret=Secret("another")))

    @pytest.mark.parametrize(
        ("query", "margin"), [(QUERY, 60), (UPLOAD, 300)], ids=["look-up", "upload"]
    )
    def test_it_must_be_good_for_long_enough(
        self, gate: Gate, clock: Clock, query: Query, margin: int
    ) -> None:
        between = ShortLived(gate, now=clock)
        between.put(QUERY, "me", made(3600, clock))
        clock.pass_by(3600 - margin - 1)
        assert between.get(query, "me") is not None
        clock.pass_by(1)
        assert between.get(query, "me") is None

    def test_what_has_no_end_is_not_kept(self, gate: Gate, clock: Clock) -> None:
        ShortLived(gate, now=clock).put(QUERY, "me", made(None, clock))
        assert gate.calls == []

    def test_anothers_does_not_count(self, gate: Gate, clock: Clock) -> None:
        between = ShortLived(gate, now=clock)
        between.put(QUERY, "me", made(3600, clock))
        assert between.get(QUERY, "you") is None

    @pytest.mark.parametrize("gone", [False, True])
    def test_a_keyring_that_is_gone_is_no_failure(
        self, gate: Gate, clock: Clock, gone: bool
    ) -> None:
        gate.gone = gone
        between = ShortLived(gate, now=clock)
        between.put(QUERY, "me", made(3600, clock))
        assert (between.get(QUERY, "me") is None) is gone

    @pytest.mark.parametrize(
        "change",
        [
            lambda kept: "Oops",
            lambda kept: "[]",
            lambda kept: "null",
            lambda kept: json.dumps({**kept, "expires_at": "soon"}),
            lambda kept: json.dumps({**kept, "expires_at": "2099-01-01T00:00:00"}),
            lambda kept: json.dumps({**kept, "expires_at": 7}),
            lambda kept: json.dumps({**kept, "secret": 7}),
            lambda kept: json.dumps({**kept, "username": ["x"]}),
            lambda kept: json.dumps({key: value for key, value in kept.items() if key != "scheme"}),
        ],
    )
    def test_what_somebody_else_wrote_there_does_not_count(
        self, gate: Gate, clock: Clock, change: Callable[[dict[str, object]], str]
    ) -> None:
        between = ShortLived(gate, now=clock)
        between.put(QUERY, "me", made(3600, clock))
        gate.entries["foo", SHORT_LIVED.user] = change(
            json.loads(gate.entries["foo", SHORT_LIVED.user])
        )
        assert between.get(QUERY, "me") is None

    def test_the_account_is_part_of_the_fingerprint(self) -> None:
        environ = {"AWS_PROFILE": "a", "HOME": "/x"}
        one = fingerprint("provider:aws", environ=environ, prefix="AWS_")
        assert one == fingerprint("provider:aws", environ={**environ, "HOME": "/y"}, prefix="AWS_")
        assert one != fingerprint(
            "provider:aws", environ={**environ, "AWS_PROFILE": "b"}, prefix="AWS_"
        )
        assert one != fingerprint("provider:gcp", environ=environ, prefix="AWS_")
        assert fingerprint("a", environ=environ) == fingerprint("a")


# --- the sources
# -----------------------------------------------------------------------------------------------------


def outside(tmp_path: Path, gate: Gate, own: str, proposed: str | None = None) -> OutsideSource:
    """The source with these settings for ``foo``."""
    (tmp_path / "config").mkdir(exist_ok=True)
    (tmp_path / "config" / "poetry-repo-plugin.toml").write_text(f"[repositories.foo]\n{own}")
    settings = Settings(tmp_path / "config", environ={})
    return OutsideSource(
        settings, gate, Bindings(settings), lambda name: proposed if name == "foo" else None
    )


class TestOutside:
    def test_threads_run_a_helper_once_also_for_its_certificate(
        self, tmp_path: Path, gate: Gate
    ) -> None:
        tool = StandIn(
            tmp_path,
            "helper",
            "time.sleep(0.2); print(json.dumps({'kind': 'ExecCredential', 'status': {}}))",
        )
        source = outside(
            tmp_path, gate, f'helper = ["{tool.path}"]\nhelper-protocol = "exec-credential"\n'
        )
        work: list[Callable[[], object]] = [
            lambda: source.identity("foo", QUERY.url),
            lambda: source.get(QUERY),
        ]
        work = [*work, lambda: source.get(UPLOAD)] * 3

        def one() -> None:
            work.pop()()

        in_threads(9, one)
        assert len(tool.calls) == 1

    def test_a_failure_serves_the_whole_run(self, tmp_path: Path, gate: Gate) -> None:
        tool = StandIn(tmp_path, "helper", "sys.exit('sealed')")
        source = outside(tmp_path, gate, f'helper = ["{tool.path}"]\nhelper-protocol = "bazel"\n')
        answers = [source.get(query) for query in (EVIDENT, QUERY, QUERY)]
        assert isinstance(answers[0], Broken)
        assert answers[0] == answers[1] == answers[2]
        assert len(tool.calls) == 1
        source.get(QUERY._replace(fresh=True))
        assert len(tool.calls) == 2

    @pytest.mark.parametrize(
        ("own", "which"),
        [
            ('helper = ["/x"]\nhelper-protocol = "klingon"\n', "helper"),
            ('helper = ["/x"]\n', "helper"),
            ('helper = "/x get"\nhelper-protocol = "git"\n', "helper"),
            ('helper = []\nhelper-protocol = "git"\n', "helper"),
            ('helper = ["/x", 1]\nhelper-protocol = "git"\n', "helper"),
            ('provider = "klingon"\n', "provider"),
            ('provider = ["aws"]\n', "provider"),
        ],
    )
    def test_settings_that_mean_nothing_are_not_taken_for_none(
        self, tmp_path: Path, gate: Gate, own: str, which: str
    ) -> None:
        source = outside(tmp_path, gate, own, proposed="aws")
        for query in (QUERY, EVIDENT, QUERY._replace(allowed=DIAGNOSIS)):
            answer = source.get(query)
            assert isinstance(answer, Broken)
            assert f"its {which} setting in" in answer.why
            assert (
                answer.hint
                == f"poetry repo login foo --{which} {'COMMAND' if which == 'helper' else 'PROVIDER'}"
            )
        assert gate.calls == []

    def test_twin_no_settings(self, tmp_path: Path, gate: Gate) -> None:
        source = outside(tmp_path, gate, "")
        assert source.get(QUERY) == NotMine("none is set")
        assert source.get(QUERY._replace(name="")) == NotMine("none is set")
        assert source.identity("foo", QUERY.url) is None
        assert gate.calls == []

    def test_a_look_runs_nothing(self, tmp_path: Path, gate: Gate) -> None:
        tool = StandIn(tmp_path, "helper", "print('{}')")
        source = outside(tmp_path, gate, f'helper = ["{tool.path}"]\nhelper-protocol = "bazel"\n')
        answer = source.get(QUERY._replace(allowed=DIAGNOSIS))
        assert isinstance(answer, Credential)
        assert (answer.source, answer.secret.reveal(), answer.expires_at) == ("helper", "", None)
        assert tool.calls == []

    def test_other_sources_answers_are_not_told_to_a_helper(
        self, tmp_path: Path, gate: Gate
    ) -> None:
        tool = StandIn(tmp_path, "helper", "print('{}')")
        source = outside(tmp_path, gate, f'helper = ["{tool.path}"]\nhelper-protocol = "git"\n')
        assert source.accepted(QUERY, made(None, Clock())) is None
        assert tool.calls == []
        none = outside(tmp_path, gate, "")
        assert none.accepted(QUERY, made(None, Clock())) is None
        assert none.refused(QUERY, made(None, Clock()), 401) is None

    def test_origins_that_cannot_be_read_hand_out_no_certificate(
        self, tmp_path: Path, gate: Gate
    ) -> None:
        tool = StandIn(tmp_path, "helper", "print('{}')")
        own = f'helper = ["{tool.path}"]\nhelper-protocol = "exec-credential"\ncredential-origins = ["nonsense"]\n'
        source = outside(tmp_path, gate, own)
        assert source.identity("foo", QUERY.url) is None
        assert isinstance(source.get(QUERY), NotMine)
        assert tool.calls == []


class TestHelperInTheChain:
    """The three protocols as the chain meets them."""

    BOUND = 'credential-origins = ["https://packages.example.com"]\n'

    def helper(
        self, tmp_path: Path, gate: Gate, protocol: str, body: str
    ) -> tuple[OutsideSource, StandIn]:
        tool = StandIn(tmp_path, "helper", body)
        own = f'helper = ["{tool.path}"]\nhelper-protocol = "{protocol}"\n{self.BOUND}'
        return outside(tmp_path, gate, own), tool

    def test_elsewhere_it_is_withheld(self, tmp_path: Path, gate: Gate) -> None:
        source, tool = self.helper(tmp_path, gate, "exec-credential", "print('{}')")
        answer = source.get(QUERY._replace(url="https://example.org/simple/"))
        assert isinstance(answer, Withheld)
        assert answer.bound_to == ("https://packages.example.com",)
        assert source.identity("foo", "https://example.org/") is None
        assert tool.calls == []

    def test_git_is_told_once_of_each(self, tmp_path: Path, gate: Gate) -> None:
        body = "print('username=u\\npassword=p') if sys.argv[-1] == 'get' else None"
        source, tool = self.helper(tmp_path, gate, "git", body)
        credential = source.get(QUERY)
        assert isinstance(credential, Credential)
        for _ in range(2):
            assert source.accepted(QUERY, credential) is None
            assert source.refused(QUERY, credential, 403) is None
            assert source.refused(QUERY, credential, 401) is None
        assert [call["argv"] for call in tool.calls] == [["get"], ["store"], ["erase"]]

    def test_threads_erase_once_and_none_asks_before(self, tmp_path: Path, gate: Gate) -> None:
        body = "print('username=u\\npassword=p%d' % time.time_ns()) if sys.argv[-1] == 'get' else time.sleep(0.3)"
        source, tool = self.helper(tmp_path, gate, "git", body)
        chain = Chain([source])
        first = held(chain)

        def refused() -> Credential | None:
            source.refused(QUERY, first, 401)
            return chain.renew(QUERY, first).credential

        assert len(set(in_threads(8, refused))) == 1
        assert [call["argv"][-1] for call in tool.calls] == ["get", "erase", "get"]

    def test_a_certificate_is_asked_for_again_before_its_end(
        self, tmp_path: Path, gate: Gate
    ) -> None:
        pem = "-----BEGIN {0}-----\\nMIIB\\n-----END {0}-----\\n"
        status = f"'clientCertificateData': '{pem.format('CERTIFICATE')}', 'clientKeyData': '{pem.format('PRIVATE KEY')}'"
        body = f"""
        life = [30, 3600][sum(1 for _ in open(__file__ + '.calls')) - 1]
        end = time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(time.time() + life))
        status = {{{status}, 'expirationTimestamp': end, 'token': 't'}}
        print(json.dumps({{'kind': 'ExecCredential', 'status': status}}))
        """
        source, tool = self.helper(tmp_path, gate, "exec-credential", body)
        identity = source.identity("foo", QUERY.url)
        assert isinstance(identity, HelperIdentity)
        assert identity.expires_at is not None
        assert len(tool.calls) == 2, "the first was about to end"
        assert source.identity("foo", QUERY.url) == identity
        assert isinstance(source.get(QUERY), Credential)
        assert len(tool.calls) == 2
        assert "keep" not in gate.calls, "the next command has to ask for the certificate anyway"

    def test_a_failure_is_the_certificates_failure(self, tmp_path: Path, gate: Gate) -> None:
        source, tool = self.helper(tmp_path, gate, "exec-credential", "sys.exit('sealed')")
        assert source.may_identify("foo")
        assert isinstance(source.identity("foo", QUERY.url), Broken)
        assert len(tool.calls) == 1

    def test_what_the_keyring_has_is_not_asked_for(self, tmp_path: Path, gate: Gate) -> None:
        status = "{'token': 't', 'expirationTimestamp': '2099-01-01T00:00:00Z'}"
        body = f"print(json.dumps({{'kind': 'ExecCredential', 'status': {status}}}))"
        source, tool = self.helper(tmp_path, gate, "exec-credential", body)
        first = source.get(QUERY)
        later, _ = self.helper(tmp_path, gate, "exec-credential", body)
        assert later.get(QUERY._replace(allowed=DIAGNOSIS)) == first
        assert later.identity("foo", QUERY.url) is None
        assert later.get(UPLOAD) == first
        assert len(tool.calls) == 1

    def test_a_look_at_gitlabs_provider_reads_the_environment(
        self, tmp_path: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        source = outside(tmp_path, gate, 'provider = "gitlab"\n')
        monkeypatch.delenv("CI_JOB_TOKEN", raising=False)
        assert isinstance(source.get(QUERY._replace(allowed=DIAGNOSIS)), NotMine)
        assert gate.calls == []

    @pytest.mark.parametrize(
        "kind", ['[http-basic.foo]\nusername = "u"\n', '[pypi-token]\nfoo = "t"\n', ""]
    )
    def test_what_the_project_proposes_gives_way_to_what_the_user_has(
        self, tmp_path: Path, gate: Gate, kind: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        source = outside(tmp_path, gate, "", proposed="aws")
        (tmp_path / "config" / "auth.toml").write_text(kind)
        assert isinstance(source.get(TestProviders.AWS), NotMine if kind else Broken)
        assert isinstance(
            outside(tmp_path, gate, 'provider = "aws"\n').get(TestProviders.AWS), Broken
        )

    def test_vendors_hosts_are_asked_for(self, tmp_path: Path, gate: Gate) -> None:
        for name in ("gcp", "azure"):
            assert isinstance(outside(tmp_path, gate, f'provider = "{name}"\n').get(QUERY), NotMine)


class TestProviders:
    AWS = Query(
        "foo",
        "https://corp-111122223333.d.codeartifact.eu-central-1.amazonaws.com/pypi/repo/simple/",
    )

    def test_the_recognised_one_is_asked_after_a_refusal_only_and_kept(
        self, tmp_path: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ends = (datetime.now(timezone.utc) + timedelta(hours=1)).isoformat()
        document = {"authorizationToken": "t0ken", "expiration": ends}
        tool = StandIn(tmp_path, "aws", f"print({json.dumps(document)!r})")
        monkeypatch.setenv("PATH", path_with(tmp_path))
        between = ShortLived(gate)
        source = RecognisedSource(lambda url: "aws" if "codeartifact" in url else None, between)
        assert isinstance(source.get(self.AWS._replace(allowed=FIRST_REQUEST)), NotMine)
        assert isinstance(source.get(QUERY), NotMine)
        assert (tool.calls, gate.calls) == ([], [])
        first = source.get(self.AWS)
        assert isinstance(first, Credential)
        assert source.get(self.AWS) == first
        assert between.is_recalled(first)
        assert len(tool.calls) == 1
        source.get(self.AWS._replace(fresh=True))
        assert len(tool.calls) == 2
        monkeypatch.setenv("AWS_PROFILE", "other")
        source.get(self.AWS)
        assert len(tool.calls) == 3
        monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
        assert isinstance(source.get(self.AWS._replace(fresh=True)), Broken)

    def test_each_vendor_has_its_own_mending_command(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("AWS_PROFILE", raising=False)
        monkeypatch.delenv("AWS_DEFAULT_PROFILE", raising=False)
        found = [
            mending_command(f"provider:{name}")
            for name in ("aws", "gcp", "azure", "gitlab", "oidc")
        ]
        assert found == ["aws sso login", "gcloud auth login", "az login", None, None]
        assert mending_command("keyring") is None
        assert provider("klingon") is None


class TestPublishing:
    def test_its_modes(self, clock: Clock) -> None:
        told: list[Credential] = []
        inner = Tokens(clock)

        def answer(mode: str, query: Query = UPLOAD) -> Answer:
            return PublishingSource(lambda asked: inner, mode, told.append).get(query)

        assert isinstance(answer("automatic", QUERY), NotMine)
        assert isinstance(answer("always", UPLOAD._replace(allowed=FIRST_REQUEST)), NotMine)
        assert inner.queries == []
        assert [answer("automatic"), answer("always")] == told
        inner.instead = NotMine("this CI has no")
        assert answer("automatic") == inner.instead
        always, odd = answer("always"), answer("nevr")
        assert isinstance(always, Broken)
        assert always.why.endswith("but this CI has no")
        assert isinstance(odd, Broken)
        assert "'nevr'" in odd.why
        assert len(told) == 2
