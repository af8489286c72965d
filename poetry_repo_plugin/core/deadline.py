"""Time limits that hold however slowly the other side sends.

A socket's own limit is for one read: a server that sends a byte now and then keeps it for ever.
"""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")

_running = threading.local()


class Budget:
    """Seconds that this thread may spend on the network: a context manager, to be entered as often
    as is needed.

    When they are spent, the connections that were made or used inside it (of a class from
    :func:`watched`) are shut down, so that whoever waits for one is woken at once. It begins to run
    with the first of them: what is asked of a person or a keyring before that costs nothing.

    :param seconds: for all times that it is entered together.
    :param from_answer: begin when an answer is waited for; sending may take as long as it takes.
    """

    def __init__(self, seconds: float, *, from_answer: bool = False) -> None:
        self._left = seconds
        self._from_answer = from_answer
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._began = 0.0
        self._connections: list[Any] = []
        self._links: list[Any] = []
        self.is_spent = False

    def __enter__(self) -> Budget:
        _budgets().append(self)
        return self

    def __exit__(self, *_: object) -> None:
        _budgets().remove(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer.join()
            self._timer = None
            self._left -= time.monotonic() - self._began
        self._connections.clear()
        self._links.clear()

    def check(self) -> None:
        """Raise :class:`TimeoutError` if it is spent."""
        if self.is_spent:
            raise TimeoutError("timed out")

    def watch(self, connection: Any, *, answering: bool) -> None:
        """Shut ``connection`` down when the time is over. Raises :class:`TimeoutError` if it is
        already.
        """
        self.check()
        with self._lock:
            self._connections.append(connection)
        if self._timer is None and (answering or not self._from_answer):
            self._began = time.monotonic()
            self._timer = threading.Timer(max(0.0, self._left), self._spend)
            self._timer.daemon = True
            self._timer.start()

    def hold(self, link: Any) -> None:
        """Shut down this socket as well: a connection forgets it before the answer has been
        read.
        """
        if link is not None:
            with self._lock:
                self._links.append(link)

    def _spend(self) -> None:
        with self._lock:
            self.is_spent = True
            for link in [*self._links, *(one.sock for one in self._connections)]:
                _shut(link)


def _budgets() -> list[Budget]:
    found: list[Budget] | None = getattr(_running, "budgets", None)
    if found is None:
        found = _running.budgets = []
    return found


def _shut(link: Any) -> None:
    while link is not None and not isinstance(link, socket.socket):  # TLS inside TLS
        link = getattr(link, "socket", None)
    if link is not None:
        with suppress(OSError):  # closed already
            socket.socket.shutdown(
                link, socket.SHUT_RDWR
            )  # not SSLSocket's, which another thread reads from


@cache
def watched(kind: type) -> type:
    """A class of connections (``http.client``'s, urllib3's) that keep to the thread's budgets;
    without one they are as they were.
    """
    if getattr(kind, "keeps_to_budget", False):
        return kind

    def connect(self: Any) -> Any:
        return _within_budgets(self, super(made, self).connect)

    def request(self: Any, *arguments: Any, **options: Any) -> Any:
        return _within_budgets(self, lambda: super(made, self).request(*arguments, **options))

    def getresponse(self: Any, *arguments: Any, **options: Any) -> Any:
        return _within_budgets(
            self, lambda: super(made, self).getresponse(*arguments, **options), answering=True
        )

    methods = {
        "connect": connect,
        "request": request,
        "getresponse": getresponse,
        "keeps_to_budget": True,
    }
    made: Any = type(kind.__name__, (kind,), methods)
    return made  # type: ignore[no-any-return]  # it is what was made


def _within_budgets(connection: Any, step: Callable[[], T], *, answering: bool = False) -> T:
    budgets = list(_budgets())
    for budget in budgets:
        budget.watch(connection, answering=answering)
        budget.hold(connection.sock)
    try:
        done = step()
    except Exception:
        for budget in budgets:
            budget.check()
        raise
    for budget in budgets:
        budget.hold(connection.sock)
        budget.check()
    return done


def within(seconds: float, work: Callable[[], T]) -> T:
    """What ``work`` returns or raises. Raises :class:`TimeoutError` if it takes longer than
    ``seconds``.

    It runs on a thread that nobody waits for: ``getaddrinfo`` has no time limit of its own, and a
    server that sends a byte now and then keeps every limit between two reads.
    """
    reply: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            reply.put((work(), None))
        except BaseException as error:
            reply.put((None, error))

    threading.Thread(target=run, daemon=True).start()
    try:
        value, error = reply.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"no answer within {seconds:g} s") from None
    if error is not None:
        raise error
    return value  # type: ignore[return-value]  # without an error it is what work returned
