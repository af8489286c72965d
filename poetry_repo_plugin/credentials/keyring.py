"""The one gate through which every keyring call goes: an answer, also an empty one, is remembered
for the run, whichever thread asked.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.credentials.keyring_services import (
    Address,
    HostService,
    OwnEntry,
    UrlService,
    is_reserved_user,
    login_address,
)
from poetry_repo_plugin.credentials.keyring_worker import (
    KeyringUnavailable,
    KeyringWorker,
    is_chain,
)
from poetry_repo_plugin.credentials.long_secrets import is_long, parts_of, split


class KeyringEntry(NamedTuple):
    """What a keyring answered: who, and with what."""

    username: str
    secret: Secret


class KeyringGate:
    """Calls a keyring, or explains why not.

    :param enabled: whether the user allows it (``keyring.enabled``); asked before the keyring is.
    :param terminal: whether somebody can answer a dialogue: decides the time limit.
    :param announce: takes a line for a person: what is waited for, and which entry could not be
        moved.
    :param environ: where the user may have set another time limit (``TIMEOUT_VARIABLE``).
    """

    def __init__(
        self,
        *,
        enabled: Callable[[], bool],
        terminal: bool = False,
        announce: Callable[[str], None] = lambda line: None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._worker = KeyringWorker(enabled, terminal, announce, environ)
        self._tell = announce
        self._lock = threading.RLock()
        self._answers: dict[tuple[str, str | None], KeyringEntry | KeyringUnavailable | None] = {}

    # -- what the sources ask

    def stored(self, name: str, username: str, *, known: bool = False) -> KeyringEntry | None:
        """The login of ``username`` that Poetry or we stored for repository ``name``.

        Raises :class:`KeyringUnavailable`.

        :param known: a file says that there is one.
        """
        address = login_address(name, username)
        if address is None:
            return None

        def ask(keyring: Any) -> KeyringEntry | None:
            return _entry(username, keyring.get_password(*address))

        return self._remembered(address, ask, known=known)

    def found(self, place: UrlService | HostService, username: str | None) -> KeyringEntry | None:
        """What a backend has for a URL or a host (as pip asks it). Raises
        :class:`KeyringUnavailable`.
        """
        if is_reserved_user(username):
            return None
        service = str(place)

        def ask(keyring: Any) -> KeyringEntry | None:
            found = keyring.get_credential(service, username)
            if found is None:
                return None
            return _entry(found.username or username or "", found.password)

        return self._remembered((service, username), ask)

    def store(self, name: str, username: str, secret: Secret) -> str:
        """Keep a login; returns the backend's name. Raises :class:`KeyringUnavailable`; nothing is
        kept then.
        """
        address = login_address(name, username)
        if address is None:
            raise KeyringUnavailable("a keyring cannot hold this name", gone=False)
        return self._keep(address, secret)

    def forget(self, name: str, username: str) -> bool:
        """Remove a login; returns whether there was one. Raises :class:`KeyringUnavailable`."""
        address = login_address(name, username)
        return address is not None and self._forget(address)

    # -- what only we know of

    def own(
        self,
        name: str,
        entry: OwnEntry,
        *,
        move: bool = True,
        known: bool = False,
        fresh: bool = False,
    ) -> Secret | None:
        """A secret of ours for repository ``name``. Raises :class:`KeyringUnavailable`.

        :param known: a file says that there is one.
        :param fresh: another process may have changed it: what is remembered will not do.
        :param move: bring one that an earlier version left in Poetry's service to its new place.
            Where the keyring refuses, that is said, and it stays where it was.
        """
        address, old = entry.address(name), entry.old_address(name)
        if fresh:
            with self._lock:
                self._answers.pop(address, None)
        found = self._remembered(address, lambda keyring: _read(keyring, address), known=known)
        if found is None and old is not None:
            found = self._remembered(old, lambda keyring: _read(keyring, old))
            if found is not None and move:
                self._move(name, entry, found)
        if found is None:
            return None
        return self._joined(address, found.secret)

    def _joined(self, address: Address, kept: Secret) -> Secret | None:
        """The whole of a secret that is kept in parts; ``None`` where one is missing."""
        parts = parts_of(address, kept.reveal())
        if not parts:
            return kept
        texts = []
        for part in parts:
            found = self._remembered(part, partial(_read, address=part), known=True)
            if found is None:
                return None
            texts.append(found.secret.reveal())
        return Secret("".join(texts))

    def keep_own(self, name: str, entry: OwnEntry, secret: Secret) -> str:
        """Keep a secret of ours in the place of any earlier one; returns the backend's name.

        Raises :class:`KeyringUnavailable`; nothing is kept then.
        """
        address = entry.address(name)
        earlier = self._parts_at(address)
        try:
            backend = self._keep(address, secret)
        except KeyringUnavailable as error:
            if not error.gone or not is_long(secret):
                raise
            backend = self._keep_in_parts(address, secret)
        self._forget_parts(earlier)
        self._forget_old(name, entry)
        return backend

    def _keep_in_parts(self, address: Address, secret: Secret) -> str:
        head, parts = split(address, secret)
        try:
            for part, text in parts:
                self._keep(part, text)
            return self._keep(address, Secret(head))
        except KeyringUnavailable:
            self._forget_parts([part for part, _ in parts])
            raise

    def _parts_at(self, address: Address) -> list[Address]:
        """Where the parts of what was read at ``address`` are; nothing is read for it."""
        known = self._answers.get(address)
        if not isinstance(known, KeyringEntry):
            return []
        return parts_of(address, known.secret.reveal())

    def _forget_parts(self, parts: list[Address]) -> None:
        """What is left of an earlier secret is of no use to anybody."""
        with suppress(KeyringUnavailable):
            for part in parts:
                self._forget(part)

    def forget_own(self, name: str, entry: OwnEntry) -> bool:
        """Remove a secret of ours, also where earlier versions kept it; returns whether there was
        one.

        Raises :class:`KeyringUnavailable`.
        """
        old, parts = entry.old_address(name), self._parts_at(entry.address(name))
        was_there = self._forget(entry.address(name))
        self._forget_parts(parts)
        return (old is not None and self._forget(old)) or was_there

    def _move(self, name: str, entry: OwnEntry, found: KeyringEntry) -> None:
        """The old entry goes only when the new one has been read back."""
        address = entry.address(name)
        try:
            self._keep(address, found.secret, certain=True)
        except KeyringUnavailable as error:
            where = f"stays in the keyring as poetry-repository-{name} (user {entry.old_user})"
            self._tell(f"{name}: its {entry.what} {where}, because {error}.")
        else:
            self._forget_old(name, entry)
            self._answers[address] = found

    def _forget_old(self, name: str, entry: OwnEntry) -> None:
        old = entry.old_address(name)
        if old is None:
            return
        try:
            self._forget(old)
        except KeyringUnavailable as error:
            where = f"in the keyring as {old[0]} (user {old[1]})"
            self._tell(f"{name}: its old {entry.what} may still be {where}, because {error}.")

    # -- entries

    def _keep(self, address: Address, secret: Secret, *, certain: bool = False) -> str:
        """Write an entry. A chain of backends (``keyring.backends.chainer``) that can only read
        takes it in silence, so it is asked again.

        :param certain: ask any backend again.
        """

        def keep(keyring: Any) -> bool:
            keyring.set_password(*address, secret.reveal())
            if not certain and not is_chain(keyring.get_keyring()):
                return True
            kept = keyring.get_password(*address)
            return isinstance(kept, str) and Secret(kept) == secret

        with self._lock:
            self._answers.pop(address, None)
            if not self._worker.call(keep):
                raise KeyringUnavailable("the keyring did not store it")
            return self._worker.backend or "the keyring"

    def _forget(self, address: Address) -> bool:
        def ask(keyring: Any) -> bool:
            from keyring.errors import PasswordDeleteError

            try:
                keyring.delete_password(*address)
            except PasswordDeleteError:
                # there is none, or it refuses: macOS says the same for both
                if keyring.get_password(*address) is not None:
                    raise
                return False
            return True

        with self._lock:
            self._answers.pop(address, None)
            return bool(self._worker.call(ask))

    # -- the gate

    def missing(self) -> str | None:
        """Why nothing can be kept, or ``None``; the backend is asked for nothing."""
        try:
            self._worker.call(lambda keyring: None)
        except KeyringUnavailable as error:
            return str(error)
        return None

    def describe(self) -> str:
        """The backend that answers, or why none does; it is asked for nothing."""
        try:
            return str(self._worker.call(lambda keyring: self._worker.backend))
        except KeyringUnavailable as error:
            return str(error)

    def _remembered(
        self,
        key: tuple[str, str | None],
        ask: Callable[[Any], KeyringEntry | None],
        *,
        known: bool = False,
    ) -> KeyringEntry | None:
        with self._lock:
            if key not in self._answers:
                try:
                    self._answers[key] = self._worker.call(ask, known=known)
                except KeyringUnavailable as error:
                    self._answers[key] = error
            answer = self._answers[key]
        if isinstance(answer, KeyringUnavailable):
            raise answer
        return answer


def _read(keyring: Any, address: Address) -> KeyringEntry | None:
    return _entry(address[1], keyring.get_password(*address))


def _entry(username: str, password: str | None) -> KeyringEntry | None:
    if not isinstance(password, str):
        return None
    return KeyringEntry(username, Secret(password))
