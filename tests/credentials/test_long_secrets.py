"""Secrets that are longer than an entry of the keyring may be, as on Windows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.credentials.keyring import KeyringGate
from poetry_repo_plugin.credentials.keyring_services import SIGN_IN
from poetry_repo_plugin.credentials.keyring_worker import KeyringUnavailable
from tests.credentials.keyrings import MemoryKeyring, in_use

NAME = "corp"
ADDRESS = SIGN_IN.address(NAME)
SHORT, LONG, OTHER = Secret("short-secret"), Secret("0123456789" * 456), Secret("abcdefg" * 300)


class WindowsLike(MemoryKeyring):
    """What the Credential Locker says to more than 2,560 bytes of UTF-16."""

    def set_password(self, service: str, username: str, password: str) -> None:
        if len(password) > 1280:
            raise RuntimeError("(1783, 'CredWrite', 'The stub received bad data')")
        super().set_password(service, username, password)


@pytest.fixture
def backend() -> Iterator[MemoryKeyring]:
    with in_use(WindowsLike()) as backend:
        yield backend


def gate() -> KeyringGate:
    return KeyringGate(enabled=lambda: True)


def test_are_kept_in_parts_and_found_again(backend: MemoryKeyring) -> None:
    gate().keep_own(NAME, SIGN_IN, LONG)
    assert len(backend.entries) == 6
    assert gate().own(NAME, SIGN_IN) == LONG


def test_take_the_place_of_one_another(backend: MemoryKeyring) -> None:
    for secret, entries in ((LONG, 6), (OTHER, 4), (SHORT, 1), (LONG, 6)):
        process = gate()
        process.own(NAME, SIGN_IN, fresh=True)
        process.keep_own(NAME, SIGN_IN, secret)
        assert process.own(NAME, SIGN_IN, fresh=True) == secret
        assert len(backend.entries) == entries


def test_are_forgotten_whole(backend: MemoryKeyring) -> None:
    process = gate()
    process.keep_own(NAME, SIGN_IN, LONG)
    process.own(NAME, SIGN_IN)
    assert process.forget_own(NAME, SIGN_IN)
    assert backend.entries == {}


def test_twin_one_part_is_missing(backend: MemoryKeyring) -> None:
    gate().keep_own(NAME, SIGN_IN, LONG)
    del backend.entries[next(address for address in backend.entries if address != ADDRESS)]
    assert gate().own(NAME, SIGN_IN) is None


def test_twin_the_keyring_breaks_in_between(backend: MemoryKeyring) -> None:
    """What was kept before is still there, and nothing of the new one."""
    gate().keep_own(NAME, SIGN_IN, SHORT)
    written = []

    def broken(call: tuple[str, str, str | None]) -> None:
        written.append(call)
        if call[0] == "set" and len(written) > 2:
            raise RuntimeError("the disk is full")

    backend.before = broken
    with pytest.raises(KeyringUnavailable):
        gate().keep_own(NAME, SIGN_IN, LONG)
    backend.before = lambda call: None
    assert gate().own(NAME, SIGN_IN) == SHORT
    assert len(backend.entries) == 1


def test_twin_a_keyring_that_takes_all_has_one_entry() -> None:
    with in_use(MemoryKeyring()) as backend:
        gate().keep_own(NAME, SIGN_IN, LONG)
        assert len(backend.entries) == 1
