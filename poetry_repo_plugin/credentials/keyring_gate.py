"""The one gate through which every keyring call goes.

A keyring may hang for ever (a locked D-Bus service without a terminal), ask a person, or fail. So each call runs on a
thread that the process does not wait for, under a time limit; an answer, also an empty one, is remembered for the
run, whichever thread asked; and after the first call that did not come back no other is made.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from poetry_repo_plugin.secret import Secret

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

SECONDS_WITHOUT_TERMINAL = 5.0
SECONDS_WITH_TERMINAL = 60.0
_PATIENCE = 2.0  # seconds of silence after which a person is told what we wait for
_SERVICE = "poetry-repository-"
_EMPTY_USER = "__poetry_source_empty_username__"  # Poetry's stand-in for "" (jaraco/keyring#687)


class KeyringUnavailable(Exception):
    """The keyring is switched off, has no usable backend, is locked, failed, or did not answer; ``str()`` says which.

    ``gone`` is whether it went wrong (as against: there is none to be used).
    """

    def __init__(self, why: str, *, gone: bool = True) -> None:
        super().__init__(why)
        self.gone = gone


class KeyringEntry(NamedTuple):
    """What a keyring answered: who, and with what."""

    username: str
    secret: Secret


class KeyringGate:
    """Calls a keyring, or explains why not.

    :param enabled: whether the user allows it (``keyring.enabled``); asked before the keyring is.
    :param terminal: whether somebody can answer a dialogue: decides the time limit.
    :param announce: takes a line for a person who waits.
    """

    def __init__(
        self,
        *,
        enabled: Callable[[], bool],
        terminal: bool = False,
        announce: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._enabled = enabled
        self._limit = SECONDS_WITH_TERMINAL if terminal else SECONDS_WITHOUT_TERMINAL
        self._announce = announce if terminal else lambda line: None
        self._lock = threading.RLock()
        self._answers: dict[tuple[str, str | None], KeyringEntry | KeyringUnavailable | None] = {}
        self._jobs: queue.SimpleQueue[tuple[Callable[[], Any], queue.SimpleQueue[tuple[bool, Any]]]] | None = None
        self._gone: KeyringUnavailable | None = None
        self._backend: str | None = None

    # -- what the sources ask ------------------------------------------------------------------------------------------

    def stored(self, name: str, username: str) -> KeyringEntry | None:
        """The secret that Poetry or we stored for repository ``name`` and ``username``.

        Raises :class:`KeyringUnavailable`.
        """
        return self._remembered(
            (_SERVICE + name, username),
            lambda keyring: _entry(username, keyring.get_password(_SERVICE + name, username or _EMPTY_USER)),
        )

    def found(self, service: str, username: str | None) -> KeyringEntry | None:
        """What a backend has for a URL or a host (as pip asks it). Raises :class:`KeyringUnavailable`."""

        def ask(keyring: Any) -> KeyringEntry | None:
            found = keyring.get_credential(service, username)
            return _entry(found.username or username or "", found.password) if found is not None else None

        return self._remembered((service, username), ask)

    def store(self, name: str, username: str, secret: Secret) -> str:
        """Keep ``secret``; returns the backend's name. Raises :class:`KeyringUnavailable`; nothing is kept then.

        A chain of backends (``keyring.backends.chainer``) that can only read takes it in silence, so it is asked again.
        """

        def keep(keyring: Any) -> bool:
            keyring.set_password(_SERVICE + name, username or _EMPTY_USER, secret.reveal())
            if not _is_chain(keyring.get_keyring()):
                return True
            kept = keyring.get_password(_SERVICE + name, username or _EMPTY_USER)
            return isinstance(kept, str) and Secret(kept) == secret

        with self._lock:
            self._answers.pop((_SERVICE + name, username), None)
            if not self._call(keep):
                raise KeyringUnavailable("the keyring did not keep it")
            return self._backend or "the keyring"

    def forget(self, name: str, username: str) -> bool:
        """Remove an entry; returns whether there was one. Raises :class:`KeyringUnavailable`."""

        def ask(keyring: Any) -> bool:
            from keyring.errors import PasswordDeleteError

            try:
                keyring.delete_password(_SERVICE + name, username or _EMPTY_USER)
            except PasswordDeleteError:
                return False
            return True

        with self._lock:
            self._answers.pop((_SERVICE + name, username), None)
            return bool(self._call(ask))

    # -- the gate ------------------------------------------------------------------------------------------------------

    def _remembered(
        self, key: tuple[str, str | None], ask: Callable[[Any], KeyringEntry | None]
    ) -> KeyringEntry | None:
        with self._lock:
            if key not in self._answers:
                try:
                    self._answers[key] = self._call(ask)
                except KeyringUnavailable as error:
                    self._answers[key] = error
            answer = self._answers[key]
        if isinstance(answer, KeyringUnavailable):
            raise answer
        return answer

    def _call(self, ask: Callable[[Any], Any]) -> Any:
        if self._gone is None and not self._enabled():
            self._gone = KeyringUnavailable("the keyring is switched off (keyring.enabled is false)", gone=False)
        if self._gone is not None:
            raise self._gone
        reply: queue.SimpleQueue[tuple[bool, Any]] = queue.SimpleQueue()
        self._worker().put((lambda: self._ask_backend(ask), reply))
        succeeded, value = self._await(reply)
        if succeeded:
            return value
        if isinstance(value, KeyringUnavailable):
            if not value.gone:
                self._gone = value
            raise value
        failed = KeyringUnavailable(_explain(value))
        if _is_locked(value):  # whoever dismissed its dialogue is not asked again
            self._gone = failed
        raise failed from None

    def _await(self, reply: queue.SimpleQueue[tuple[bool, Any]]) -> tuple[bool, Any]:
        patience = min(_PATIENCE, self._limit)
        try:
            return reply.get(timeout=patience)
        except queue.Empty:
            self._announce(f"Waiting for the keyring to answer (up to {self._limit:.0f} s) …")
        try:
            return reply.get(timeout=self._limit - patience)
        except queue.Empty:
            self._gone = KeyringUnavailable(f"the keyring did not answer within {self._limit:.0f} s")
            raise self._gone from None

    def _ask_backend(self, ask: Callable[[Any], Any]) -> Any:
        import keyring

        if self._backend is None:
            usable = _usable_backend(keyring.get_keyring())
            if usable is None:
                raise KeyringUnavailable("there is no usable keyring on this machine", gone=False)
            self._backend = usable.name
        return ask(keyring)

    def _worker(self) -> queue.SimpleQueue[tuple[Callable[[], Any], queue.SimpleQueue[tuple[bool, Any]]]]:
        if self._jobs is None:
            self._jobs = queue.SimpleQueue()
            threading.Thread(target=_serve, args=(self._jobs,), name="keyring", daemon=True).start()
        return self._jobs


def _serve(jobs: queue.SimpleQueue[tuple[Callable[[], Any], queue.SimpleQueue[tuple[bool, Any]]]]) -> None:
    while True:
        job, reply = jobs.get()
        try:
            reply.put((True, job()))
        except BaseException as error:
            reply.put((False, error))


def _entry(username: str, password: str | None) -> KeyringEntry | None:
    return KeyringEntry(username, Secret(password)) if isinstance(password, str) else None


def _usable_backend(backend: KeyringBackend) -> KeyringBackend | None:
    """The backend that will answer, by Poetry's own rule (``PoetryKeyring.is_available``), which asks it nothing."""
    from keyring.backend import get_all_keyring

    def is_usable(candidate: KeyringBackend) -> bool:
        name = str(candidate.name)
        return name.split(" ")[0] not in ("chainer", "fail", "null") and "plaintext" not in name.lower()

    if _is_chain(backend):
        return next((candidate for candidate in get_all_keyring() if is_usable(candidate)), None)
    return backend if is_usable(backend) else None


def _is_chain(backend: KeyringBackend) -> bool:
    return str(backend.name).split(" ")[0] == "chainer"


def _explain(error: BaseException) -> str:
    # A backend's own text may quote what it was given, so only the kind of failure is told.
    return "the keyring is locked" if _is_locked(error) else f"the keyring failed ({type(error).__name__})"


def _is_locked(error: BaseException) -> bool:
    from keyring.errors import KeyringLocked

    return isinstance(error, KeyringLocked)
