"""The one thread on which every call of a keyring runs, under a time limit.

A keyring may hang for ever (a locked D-Bus service without a terminal), ask a person, or fail. So
the process does not wait for its thread, and after the first call that did not come back no other
is made.
"""

from __future__ import annotations

import math
import os
import queue
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from poetry_repo_plugin.credentials.keyring_stdout import stdout_diverted

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

    Reply = queue.SimpleQueue[tuple[bool, Any]]
    Jobs = queue.SimpleQueue[tuple[Callable[[], Any], Reply]]

# Seconds for an answer, by who is there to answer a dialogue; the last where a file says that there
# is an entry, because some backends start tools of their own.
SECONDS_WITHOUT_TERMINAL = 5.0
SECONDS_WITH_TERMINAL = 60.0
SECONDS_FOR_KNOWN_ENTRY = 90.0
TIMEOUT_VARIABLE = "POETRY_REPO_PLUGIN_KEYRING_TIMEOUT"
_PATIENCE = 2.0  # seconds of silence after which a person is told what we wait for


class KeyringUnavailable(Exception):
    """The keyring is switched off, has no usable backend, is locked, failed, or did not answer;
    ``str()`` says which.

    ``gone`` is whether it went wrong (as against: there is none to be used).
    """

    def __init__(self, why: str, *, gone: bool = True) -> None:
        super().__init__(why)
        self.gone = gone


class KeyringWorker:
    """Calls the module ``keyring``, or explains why not.

    :param enabled: whether the user allows it (``keyring.enabled``); asked before the keyring is.
    :param terminal: whether somebody can answer a dialogue: decides the time limit.
    :param announce: takes a line for a person.
    :param environ: where the user may have set another time limit (``TIMEOUT_VARIABLE``).
    :ivar backend: the name of the backend that answers, once it was asked.
    """

    def __init__(
        self,
        enabled: Callable[[], bool],
        terminal: bool,
        announce: Callable[[str], None],
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self.backend: str | None = None
        self._enabled = enabled
        self._terminal = terminal
        self._environ = environ
        self._tell = announce
        self._jobs: Jobs | None = None
        self._gone: KeyringUnavailable | None = None
        self._waited = 0.0

    def call(self, ask: Callable[[Any], Any], *, known: bool = False) -> Any:
        """What ``ask`` makes of the module. Raises :class:`KeyringUnavailable`.

        :param known: a file says that there is an entry.
        """
        if self._gone is None and not self._enabled():
            why = "the keyring is disabled (keyring.enabled is false)"
            self._gone = KeyringUnavailable(why, gone=False)
        limit = self._limit(known)
        gave_up_early = 0 < self._waited < limit
        if self._gone is not None and not gave_up_early:
            raise self._gone
        reply: Reply = queue.SimpleQueue()
        with stdout_diverted():
            self._worker().put((lambda: self._ask_backend(ask), reply))
            succeeded, value = self._await(reply, limit)
        if succeeded:
            return value
        if isinstance(value, KeyringUnavailable):
            if not value.gone:
                self._gone = value
            raise value
        failed = KeyringUnavailable(explain(value))
        if is_locked(value):  # whoever dismissed its dialogue is not asked again
            self._gone, self._waited = failed, 0.0
        raise failed from None

    def _await(self, reply: Reply, limit: float) -> tuple[bool, Any]:
        patience = min(_PATIENCE, limit)
        try:
            return reply.get(timeout=patience)
        except queue.Empty:
            if limit > SECONDS_WITHOUT_TERMINAL:
                self._tell(f"Waiting for the keyring to answer (up to {limit:g} s) …")
        try:
            return reply.get(timeout=limit - patience)
        except queue.Empty:
            why = f"the keyring did not answer within {limit:g} s"
            setting = f"{TIMEOUT_VARIABLE} sets the limit"
            self._gone, self._waited = KeyringUnavailable(f"{why} ({setting})"), limit
            raise self._gone from None

    def _limit(self, known: bool) -> float:
        """Seconds for one answer."""
        said = self._environ.get(TIMEOUT_VARIABLE)
        if said:
            seconds = _seconds(said)
            if seconds is not None:
                return seconds
            wrong = "not a positive number of seconds; it is ignored"
            self._tell(f"{TIMEOUT_VARIABLE} is {said!r}, {wrong}.")
        if known:
            return SECONDS_FOR_KNOWN_ENTRY
        if self._terminal:
            return SECONDS_WITH_TERMINAL
        return SECONDS_WITHOUT_TERMINAL

    def _ask_backend(self, ask: Callable[[Any], Any]) -> Any:
        import keyring

        if self.backend is None:
            usable = usable_backend(keyring.get_keyring())
            if usable is None:
                raise KeyringUnavailable("there is no usable keyring on this machine", gone=False)
            self.backend = usable.name
        return ask(keyring)

    def _worker(self) -> Jobs:
        if self._jobs is None:
            self._jobs = queue.SimpleQueue()
            threading.Thread(target=_serve, args=(self._jobs,), name="keyring", daemon=True).start()
        return self._jobs


def _serve(jobs: Jobs) -> None:
    while True:
        job, reply = jobs.get()
        try:
            reply.put((True, job()))
        except BaseException as error:
            reply.put((False, error))


def _seconds(text: str) -> float | None:
    """A time limit as a user writes it; ``None`` where it is none. A day is as good as for ever."""
    try:
        seconds = float(text)
    except ValueError:
        return None
    if math.isnan(seconds) or seconds <= 0:
        return None
    return min(seconds, 86_400.0)


def usable_backend(backend: KeyringBackend) -> KeyringBackend | None:
    """The backend that will answer, by Poetry's own rule (``PoetryKeyring.is_available``), which
    asks it nothing.
    """
    from keyring.backend import get_all_keyring

    def is_usable(candidate: KeyringBackend) -> bool:
        name = str(candidate.name)
        is_none = name.split(" ")[0] in ("chainer", "fail", "null")
        return not is_none and "plaintext" not in name.lower()

    candidates = get_all_keyring() if is_chain(backend) else [backend]
    return next(filter(is_usable, candidates), None)


def is_chain(backend: KeyringBackend) -> bool:
    return str(backend.name).split(" ")[0] == "chainer"


def explain(error: BaseException) -> str:
    # A backend's own text may quote what it was given, so only the kind of failure is told.
    if is_locked(error):
        return "the keyring is locked"
    return f"the keyring failed ({type(error).__name__})"


def is_locked(error: BaseException) -> bool:
    from keyring.errors import KeyringLocked

    return isinstance(error, KeyringLocked)
