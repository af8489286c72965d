"""Keyrings that stand in for a person's own: real backends, set with ``keyring.set_keyring``."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keyring
import keyring.core
from keyring.backend import KeyringBackend
from keyring.credentials import Credential, SimpleCredential
from keyring.errors import PasswordDeleteError

Call = tuple[str, str, str | None]


class MemoryKeyring(KeyringBackend):
    """Entries in memory, and a list of the calls. ``before`` is run at each call; it may wait or
    raise.
    """

    priority = 1.0
    viable = False  # never found by other tests

    def __init__(self, entries: dict[tuple[str, str], str] | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # keyring is typed in part
        self.entries = dict(entries or {})
        self.calls: list[Call] = []
        self.before: Callable[[Call], object] = lambda call: None

    def _note(self, what: str, service: str, username: str | None) -> None:
        self.calls.append((what, service, username))
        self.before(self.calls[-1])

    def get_password(self, service: str, username: str) -> str | None:
        self._note("get", service, username)
        return self.entries.get((service, username))

    def get_credential(self, service: str, username: str | None) -> Credential | None:
        self._note("find", service, username)
        for (known, user), password in self.entries.items():
            if known == service and username in (None, user):
                return SimpleCredential(user, password)
        return None

    def set_password(self, service: str, username: str, password: str) -> None:
        self._note("set", service, username)
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._note("delete", service, username)
        if self.entries.pop((service, username), None) is None:
            raise PasswordDeleteError("there is none")


class ReadOnlyKeyring(MemoryKeyring):
    """As the clouds' backends are: it answers, and cannot keep anything."""

    def set_password(self, service: str, username: str, password: str) -> None:
        raise NotImplementedError

    def delete_password(self, service: str, username: str) -> None:
        raise NotImplementedError


class FileKeyring(KeyringBackend):
    """Entries in a file, which outlive the process that writes them."""

    priority = 1.0
    viable = False

    def __init__(self, file: Path) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # keyring is typed in part
        self.file = file

    @property
    def entries(self) -> dict[tuple[str, str], str]:
        if not self.file.exists():
            return {}
        return {
            (service, user): secret for service, user, secret in json.loads(self.file.read_text())
        }

    def _write(self, entries: dict[tuple[str, str], str]) -> None:
        fresh = self.file.with_suffix(".new")
        fresh.write_text(json.dumps([[*key, secret] for key, secret in entries.items()]))
        fresh.replace(self.file)

    def get_password(self, service: str, username: str) -> str | None:
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._write({**self.entries, (service, username): password})

    def delete_password(self, service: str, username: str) -> None:
        entries = self.entries
        if entries.pop((service, username), None) is None:
            raise PasswordDeleteError("there is none")
        self._write(entries)


@contextmanager
def in_use(backend: Any) -> Iterator[Any]:
    """``backend`` is the keyring of this process."""
    previous = keyring.core._keyring_backend
    keyring.set_keyring(backend)
    try:
        yield backend
    finally:
        keyring.core._keyring_backend = previous


def raising(error: BaseException) -> Callable[[Call], object]:
    """A backend that fails at each call."""

    def fail(call: Call) -> None:
        raise error

    return fail


def slow(seconds: float) -> Callable[[Call], object]:
    """A backend that takes its time."""
    return lambda call: time.sleep(seconds)


def hanging(until: threading.Event) -> Callable[[Call], object]:
    """A backend that answers when ``until`` is set: after the test."""
    return lambda call: until.wait(60)
