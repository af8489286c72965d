"""The gate to the keyring: how often it is asked, how long it is waited for, and what becomes of
its failures.

The keyrings are real backends (``keyrings.py``); what hangs is let go after its test.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import keyring.backend
import pytest
from keyring.backends import chainer, fail, null
from keyring.errors import InitError, KeyringLocked, NoKeyringError, PasswordSetError

from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.credentials import keyring_worker
from poetry_repo_plugin.credentials.keyring import KeyringEntry, KeyringGate
from poetry_repo_plugin.credentials.keyring_services import (
    HostService,
    UrlService,
)
from poetry_repo_plugin.credentials.keyring_stdout import stdout_diverted
from poetry_repo_plugin.credentials.keyring_worker import KeyringUnavailable
from tests.credentials.contract import printed_at_vvv
from tests.credentials.keyrings import (
    MemoryKeyring,
    ReadOnlyKeyring,
    hanging,
    in_use,
    raising,
    slow,
)

SERVICE = "poetry-repository-corp"
PW = "S3CR3T"


@pytest.fixture
def backend() -> Iterator[MemoryKeyring]:
    with in_use(
        MemoryKeyring(
            {
                (SERVICE, "me"): PW,
                ("https://host/simple/", "me"): "by url",
                ("host", "me"): "by host",
            }
        )
    ) as mine:
        yield mine


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limits, but short."""
    monkeypatch.setattr(keyring_worker, "SECONDS_WITHOUT_TERMINAL", 0.15)
    monkeypatch.setattr(keyring_worker, "SECONDS_WITH_TERMINAL", 0.4)
    monkeypatch.setattr(keyring_worker, "SECONDS_FOR_KNOWN_ENTRY", 0.8)
    monkeypatch.setattr(keyring_worker, "_PATIENCE", 0.1)


@pytest.fixture
def hung(backend: MemoryKeyring, short: None) -> Iterator[MemoryKeyring]:
    """A keyring that does not answer before the end of the test."""
    end = threading.Event()
    backend.before = hanging(end)
    yield backend
    end.set()


def gate(
    *,
    enabled: bool = True,
    terminal: bool = False,
    said: list[str] | None = None,
    limit: str | None = None,
) -> KeyringGate:
    announce = (said if said is not None else []).append
    environ = {} if limit is None else {keyring_worker.TIMEOUT_VARIABLE: limit}
    return KeyringGate(
        enabled=lambda: enabled, terminal=terminal, announce=announce, environ=environ
    )


def unavailable(ask: Callable[..., object], *arguments: object) -> KeyringUnavailable:
    with pytest.raises(KeyringUnavailable) as caught:
        ask(*arguments)
    assert PW not in printed_at_vvv(caught.value)
    return caught.value


def everything(mine: KeyringGate) -> list[KeyringUnavailable]:
    """Why each kind of call fails."""
    return [
        unavailable(mine.stored, "corp", "me"),
        unavailable(mine.stored, "other", "me"),
        unavailable(mine.found, UrlService("https://host/simple/"), None),
        unavailable(mine.store, "corp", "me", Secret(PW)),
        unavailable(mine.forget, "corp", "me"),
    ]


class TestAnswers:
    def test_poetry_s_own_entries(self, backend: MemoryKeyring) -> None:
        assert gate().stored("corp", "me") == KeyringEntry("me", Secret(PW))
        assert gate().stored("corp", "you") is None
        assert gate().stored("Corp", "me") is None

    def test_entries_by_url_and_host_of_any_user_or_one(self, backend: MemoryKeyring) -> None:
        assert gate().found(UrlService("https://host/simple/"), None) == KeyringEntry(
            "me", Secret("by url")
        )
        assert gate().found(HostService("https://host/"), "me") == KeyringEntry(
            "me", Secret("by host")
        )
        assert gate().found(HostService("https://host/"), "you") is None
        assert gate().found(HostService("https://other/"), None) is None

    def test_keeping_and_forgetting(self, backend: MemoryKeyring) -> None:
        mine = gate()
        assert mine.stored("new", "me") is None
        assert "MemoryKeyring" in mine.store("new", "me", Secret("pw"))
        assert mine.stored("new", "me") == KeyringEntry("me", Secret("pw")), (
            "what is remembered is not outdated"
        )
        assert mine.forget("new", "me") is True
        assert mine.stored("new", "me") is None
        assert mine.forget("new", "me") is False
        assert ("poetry-repository-new", "me") not in backend.entries

    def test_an_empty_user_name_as_poetry_keeps_it(self, backend: MemoryKeyring) -> None:
        """keyring warns of empty ones (jaraco/keyring#668), which would fail this test."""
        mine = gate()
        mine.store("corp", "", Secret("pw"))
        assert backend.entries[SERVICE, "__poetry_source_empty_username__"] == "pw"
        assert gate().stored("corp", "") == KeyringEntry("", Secret("pw"))
        assert mine.forget("corp", "") is True

    def test_what_is_no_text_is_no_secret(self, backend: MemoryKeyring) -> None:
        backend.entries[SERVICE, "me"] = b"bytes"  # type: ignore[assignment]  # a backend may be wrong
        assert gate().stored("corp", "me") is None

    def test_an_entry_shows_no_secret(self, backend: MemoryKeyring) -> None:
        assert PW not in repr(gate().stored("corp", "me"))


class TestBudget:
    def test_nothing_is_asked_before_somebody_asks(self, backend: MemoryKeyring) -> None:
        before = threading.active_count()
        gate()
        assert backend.calls == []
        assert threading.active_count() == before

    def test_each_thing_is_asked_once_in_a_run_by_all_threads_together(
        self, backend: MemoryKeyring
    ) -> None:
        backend.before = slow(0.02)
        mine = gate()
        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(lambda _: mine.stored("corp", "me"), range(40)))
            nothing = list(
                threads.map(lambda _: mine.found(HostService("https://nobody/"), None), range(40))
            )
        assert answers == [KeyringEntry("me", Secret(PW))] * 40
        assert nothing == [None] * 40
        assert sorted(backend.calls) == [("find", "nobody", None), ("get", SERVICE, "me")]

    def test_failures_are_remembered_too(self, backend: MemoryKeyring) -> None:
        backend.before = raising(RuntimeError(PW))
        mine = gate()
        for _ in range(3):
            unavailable(mine.stored, "corp", "me")
        assert len(backend.calls) == 1

    def test_switched_off_means_not_one_call(self, backend: MemoryKeyring) -> None:
        mine = gate(enabled=False)
        for error in everything(mine):
            assert str(error) == "the keyring is disabled (keyring.enabled is false)"
            assert not error.gone
        assert backend.calls == []

    def test_no_backend_means_not_one_call(self) -> None:
        for nothing in (null.Keyring(), fail.Keyring()):  # type: ignore[no-untyped-call]
            with in_use(nothing):
                for error in everything(gate()):
                    assert str(error) == "there is no usable keyring on this machine"
                    assert not error.gone


class TestHanging:
    def test_it_is_given_up_after_the_limit_once_for_all_threads(self, hung: MemoryKeyring) -> None:
        mine = gate()
        began = time.monotonic()
        with ThreadPoolExecutor(8) as threads:
            list(
                threads.map(
                    lambda number: unavailable(mine.stored, f"repo{number}", "me"), range(8)
                )
            )
        errors = everything(mine)
        assert time.monotonic() - began < 3  # not 13 times the limit
        assert all(error.gone for error in errors)
        assert "did not answer within" in str(errors[0])
        assert len(hung.calls) == 1

    def test_a_person_is_told_what_we_wait_for(self, hung: MemoryKeyring) -> None:
        said: list[str] = []
        unavailable(gate(terminal=True, said=said).stored, "corp", "me")
        assert said == ["Waiting for the keyring to answer (up to 0.4 s) …"]
        unavailable(gate(said=said).stored, "corp", "me")
        assert len(said) == 1, "without a terminal nobody reads it"

    def test_the_limits(self) -> None:
        assert (keyring_worker.SECONDS_WITHOUT_TERMINAL, keyring_worker.SECONDS_WITH_TERMINAL) == (
            5,
            60,
        )
        assert keyring_worker.SECONDS_FOR_KNOWN_ENTRY == 90

    def test_an_entry_that_a_file_knows_of_is_waited_for_longer(
        self, backend: MemoryKeyring, short: None
    ) -> None:
        """A cloud's backend starts a tool of its own, which takes its time."""
        backend.before = slow(0.5)
        said: list[str] = []
        assert gate(said=said).stored("corp", "me", known=True) == KeyringEntry("me", Secret(PW))
        assert said == ["Waiting for the keyring to answer (up to 0.8 s) …"]
        unavailable(gate().stored, "corp", "me")

    def test_also_after_a_guess_was_given_up(self, backend: MemoryKeyring, short: None) -> None:
        backend.before = slow(0.3)
        mine = gate()
        unavailable(mine.stored, "other", "me")
        assert mine.stored("corp", "me", known=True) == KeyringEntry("me", Secret(PW))

    def test_twin_not_twice(self, hung: MemoryKeyring) -> None:
        mine = gate()
        with pytest.raises(KeyringUnavailable):
            mine.stored("corp", "me", known=True)
        began = time.monotonic()
        with pytest.raises(KeyringUnavailable):
            mine.stored("corp", "you", known=True)
        unavailable(mine.stored, "other", "me")
        assert time.monotonic() - began < 0.1

    @pytest.mark.parametrize("limit", ["2", "2.5", "1e9", "inf"])
    def test_the_user_s_own_limit(self, backend: MemoryKeyring, short: None, limit: str) -> None:
        backend.before = slow(0.3)
        said: list[str] = []
        assert gate(limit=limit, said=said).stored("corp", "me") is not None
        assert len(said) == 1

    def test_also_a_shorter_one(self, hung: MemoryKeyring) -> None:
        began = time.monotonic()
        why = str(unavailable(gate(terminal=True, limit="0.05").stored, "corp", "me"))
        assert time.monotonic() - began < 0.3
        assert why.startswith(
            "the keyring did not answer within 0.05 s (POETRY_REPO_PLUGIN_KEYRING_TIMEOUT"
        )

    @pytest.mark.parametrize("limit", ["", "0", "-1", "nan", "soon"])
    def test_twin_one_that_is_none(self, backend: MemoryKeyring, short: None, limit: str) -> None:
        said: list[str] = []
        assert gate(limit=limit, said=said).stored("corp", "me") is not None
        assert len(said) == bool(limit)

    def test_a_slow_one_is_waited_for(self, backend: MemoryKeyring, short: None) -> None:
        backend.before = slow(0.2)
        said: list[str] = []
        assert gate(terminal=True, said=said).stored("corp", "me") == KeyringEntry("me", Secret(PW))
        assert len(said) == 1

    def test_an_answer_that_comes_too_late_is_nobody_s(
        self, backend: MemoryKeyring, short: None
    ) -> None:
        late = threading.Event()
        backend.before = hanging(late)
        mine = gate()
        unavailable(mine.stored, "corp", "me")
        late.set()
        backend.before = lambda call: None
        time.sleep(0.05)
        unavailable(mine.found, HostService("https://host/"), None)
        unavailable(mine.stored, "corp", "me")

    def test_it_does_not_keep_the_process_from_ending(self) -> None:
        code = """
import time
import keyring
from poetry_repo_plugin.credentials import keyring_worker
from poetry_repo_plugin.credentials.keyring import KeyringGate
from tests.credentials.keyrings import MemoryKeyring
mine = MemoryKeyring()
mine.before = lambda call: time.sleep(3600)
keyring.set_keyring(mine)
keyring_worker.SECONDS_WITHOUT_TERMINAL = 0.2
try:
    KeyringGate(enabled=lambda: True).stored("corp", "me")
except keyring_worker.KeyringUnavailable as error:
    print(error)
"""
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
        )
        assert done.stdout.startswith("the keyring did not answer within 0.2 s (")
        assert done.stderr == ""
        assert time.monotonic() - began < 30

    @pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="signals of POSIX")
    def test_ctrl_c_while_waiting_is_passed_on(
        self, hung: MemoryKeyring, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(keyring_worker, "SECONDS_WITHOUT_TERMINAL", 20.0)
        mine = gate()
        began = time.monotonic()
        threading.Timer(
            0.2, signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT)
        ).start()
        with pytest.raises(KeyboardInterrupt):
            mine.stored("corp", "me")
        assert time.monotonic() - began < 10


class TestStandardOutput:
    """Programs read it: what a backend prints there goes to standard error."""

    CHATTY = """
import os, subprocess, sys
import keyring
from poetry_repo_plugin.credentials.keyring import KeyringGate
from poetry_repo_plugin.credentials.keyring_worker import KeyringUnavailable
from tests.credentials.keyrings import MemoryKeyring

def chat(call):
    print("printed")
    os.write(1, b"written\\n")
    subprocess.run(["echo", "echoed"])
    if len(sys.argv) > 1:
        raise RuntimeError

mine = MemoryKeyring({("poetry-repository-corp", "me"): "pw"})
mine.before = chat
keyring.set_keyring(mine)
gate = KeyringGate(enabled=lambda: True)
print("before")
try:
    print("found", gate.stored("corp", "me").username)
except KeyringUnavailable as error:
    print(error)
"""

    def run(self, *words: str, **streams: int) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", self.CHATTY, *words]
        chosen = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
        return subprocess.run(command, text=True, timeout=60, check=True, **chosen)  # type: ignore[call-overload,no-any-return]

    def test_it_is_ours_alone(self) -> None:
        done = self.run()
        assert done.stdout == "before\nfound me\n"
        assert sorted(done.stderr.split()) == ["echoed", "printed", "written"]

    def test_also_after_a_failure(self) -> None:
        done = self.run("fail")
        assert done.stdout == "before\nthe keyring failed (RuntimeError)\n"

    def test_threads_that_overlap_get_it_back(self, capfd: pytest.CaptureFixture[str]) -> None:
        inside = threading.Barrier(4)

        def chat(number: int) -> None:
            with stdout_diverted():
                inside.wait(20)
                print(f"aside {number}")

        with ThreadPoolExecutor(4) as threads:
            list(threads.map(chat, range(4)))
        print("ours")
        out, err = capfd.readouterr()
        assert out == "ours\n"
        assert err.count("aside") == 4

    def test_after_one_that_hangs(
        self, hung: MemoryKeyring, capfd: pytest.CaptureFixture[str]
    ) -> None:
        unavailable(gate().stored, "corp", "me")
        print("ours")
        os.write(1, b"ours too\n")
        assert sorted(capfd.readouterr().out.splitlines()) == ["ours", "ours too"]


class TestFailing:
    @pytest.mark.parametrize(
        ("error", "said"),
        [
            (KeyringLocked(PW), "the keyring is locked"),
            (InitError(PW), "the keyring failed (InitError)"),
            (NoKeyringError(PW), "the keyring failed (NoKeyringError)"),
            (PasswordSetError(PW), "the keyring failed (PasswordSetError)"),
            (RuntimeError(PW), "the keyring failed (RuntimeError)"),
            (OSError(5, PW), "the keyring failed (OSError)"),
            (SystemExit(PW), "the keyring failed (SystemExit)"),
            (KeyboardInterrupt(PW), "the keyring failed (KeyboardInterrupt)"),
        ],
    )
    def test_the_kind_of_failure_is_told_and_no_word_of_the_backend_s(
        self, backend: MemoryKeyring, error: BaseException, said: str
    ) -> None:
        backend.before = raising(error)
        for found in everything(gate()):
            assert str(found) == said
            assert found.gone

    def test_whoever_dismissed_a_locked_keyring_is_not_asked_again(
        self, backend: MemoryKeyring
    ) -> None:
        backend.before = raising(KeyringLocked("dismissed"))
        everything(gate())
        assert len(backend.calls) == 1

    def test_one_that_dies_between_two_calls(self, backend: MemoryKeyring) -> None:
        mine = gate()
        assert mine.stored("corp", "me") is not None
        backend.before = raising(ConnectionResetError(PW))
        assert unavailable(mine.stored, "other", "me").gone
        assert mine.stored("corp", "me") is not None, "what it said before it died still holds"

    def test_one_that_breaks_at_the_moment_of_writing(self, backend: MemoryKeyring) -> None:
        mine = gate()
        assert mine.stored("corp", "me") is not None
        backend.before = lambda call: (
            raising(PasswordSetError(PW))(call) if call[0] == "set" else None
        )
        assert unavailable(mine.store, "corp", "me", Secret("new")).gone

    def test_one_whose_name_fails(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Nameless(MemoryKeyring):
            @property
            def name(self) -> str:
                raise RuntimeError(PW)

        with in_use(Nameless()):
            assert str(everything(gate())[0]) == "the keyring failed (RuntimeError)"


class TestChains:
    """keyring's own chain of backends, and backends that clouds bring."""

    @pytest.fixture
    def chained(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
        with in_use(chainer.ChainerBackend()) as chain:  # type: ignore[no-untyped-call]

            def among(*backends: object) -> None:
                monkeypatch.setattr(keyring.backend, "get_all_keyring", lambda: [*backends, chain])

            yield among

    def test_all_of_it_is_asked_and_the_first_that_can_keeps(
        self, chained: Callable[..., None]
    ) -> None:
        cloud = ReadOnlyKeyring({("https://host/simple/", "oauth"): "token"})
        own = MemoryKeyring({(SERVICE, "me"): PW})
        chained(cloud, own)
        mine = gate()
        assert mine.stored("corp", "me") == KeyringEntry("me", Secret(PW))
        assert mine.found(UrlService("https://host/simple/"), None) == KeyringEntry(
            "oauth", Secret("token")
        )
        mine.store("new", "me", Secret("pw"))
        assert own.entries["poetry-repository-new", "me"] == "pw"
        assert mine.forget("new", "me") is True

    def test_one_that_can_only_read_is_not_believed_to_have_kept_anything(
        self, chained: Callable[..., None]
    ) -> None:
        """It takes a password in silence; the login would be lost."""
        chained(ReadOnlyKeyring(), ReadOnlyKeyring())
        assert (
            str(unavailable(gate().store, "corp", "me", Secret(PW)))
            == "the keyring did not store it"
        )

    def test_one_of_nothing_usable(self, chained: Callable[..., None]) -> None:
        chained(null.Keyring(), fail.Keyring())  # type: ignore[no-untyped-call]
        assert not everything(gate())[0].gone

    def test_a_backend_that_can_only_read_by_itself(self) -> None:
        with in_use(ReadOnlyKeyring({("host", "oauth"): "token"})):
            mine = gate()
            assert mine.found(HostService("https://host/"), None) == KeyringEntry(
                "oauth", Secret("token")
            )
            assert (
                str(unavailable(mine.store, "corp", "me", Secret(PW)))
                == "the keyring failed (NotImplementedError)"
            )

    def test_plain_files_are_no_keyring(self) -> None:
        class PlaintextKeyring(MemoryKeyring):
            pass

        with in_use(PlaintextKeyring()) as plain:
            assert not unavailable(gate().store, "corp", "me", Secret(PW)).gone
            assert plain.calls == []
