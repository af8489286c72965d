"""A time limit around anything."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def within(seconds: float, work: Callable[[], T]) -> T:
    """What ``work`` returns or raises. Raises :class:`TimeoutError` if it takes longer than ``seconds``.

    It runs on a thread that nobody waits for: ``getaddrinfo`` has no time limit of its own, and a server that sends a
    byte now and then keeps every limit between two reads.
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
