"""A time limit that a server cannot draw out, at real sockets."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import urllib3

from poetry_repo_plugin.core.deadline import Budget, watched

PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage"


def drip(link: socket.socket, stop: threading.Event) -> None:
    """A head, a byte now and then, for ever."""
    for byte in b"HTTP/1.1 200 OK\r\nX-Endless: " + b"x" * 10_000:
        if stop.wait(0.05):
            return
        link.sendall(bytes([byte]))


def drip_body(link: socket.socket, stop: threading.Event) -> None:
    link.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    while not stop.wait(0.05):
        link.sendall(b"x")


def answer(link: socket.socket, stop: threading.Event) -> None:
    stop.wait(0.3)
    link.sendall(PAGE)


@contextmanager
def serving(behave: Callable[[socket.socket, threading.Event], None]) -> Iterator[int]:
    stop = threading.Event()

    def serve(link: socket.socket) -> None:
        with link:
            try:
                link.recv(65536)
                behave(link, stop)
            except OSError:
                pass

    def accept() -> None:
        while True:
            try:
                link, _ = listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=serve, args=(link,))
            threads.append(thread)
            thread.start()

    threads: list[threading.Thread] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        yield listener.getsockname()[1]
        stop.set()
        listener.shutdown(socket.SHUT_RDWR)
    accepting.join()
    for thread in threads:
        thread.join()


def ask(port: int, budget: Budget) -> bytes:
    with urllib3.HTTPConnectionPool("127.0.0.1", port, timeout=5) as pool:
        pool.ConnectionCls = watched(pool.ConnectionCls)
        with budget:
            response = pool.urlopen("GET", "/", retries=False, preload_content=False)
            try:
                return response.read(decode_content=False)
            finally:
                budget.check()


@pytest.mark.parametrize("behave", [drip, drip_body])
@pytest.mark.parametrize("from_answer", [False, True])
def test_a_byte_now_and_then_holds_nobody(
    behave: Callable[[socket.socket, threading.Event], None], from_answer: bool
) -> None:
    before = threading.active_count()
    budget = Budget(0.5, from_answer=from_answer)
    started = time.monotonic()
    with (
        serving(behave) as port,
        pytest.raises((TimeoutError, urllib3.exceptions.ReadTimeoutError)),
    ):
        ask(port, budget)
    assert 0.4 < time.monotonic() - started < 3
    assert budget.is_spent
    assert threading.active_count() == before


def test_twin_who_answers_in_time_is_heard() -> None:
    before = threading.active_count()
    budget = Budget(5)
    with serving(answer) as port:
        assert ask(port, budget) == b"page"
        assert ask(port, budget) == b"page"
    assert not budget.is_spent
    assert threading.active_count() == before


def test_all_times_together_count() -> None:
    budget = Budget(0.8)
    with serving(answer) as port:
        ask(port, budget)
        ask(port, budget)
        with pytest.raises((TimeoutError, urllib3.exceptions.ReadTimeoutError)):
            ask(port, budget)


def test_what_comes_before_the_first_connection_does_not_count() -> None:
    """A person who is asked for a passphrase takes their time."""
    with serving(answer) as port, Budget(0.7) as budget:
        time.sleep(1)
        way = watched(http.client.HTTPConnection)("127.0.0.1", port, timeout=5)
        way.request("GET", "/")
        assert way.getresponse().read() == b"page"
        way.close()
        budget.check()


def test_sending_takes_as_long_as_it_takes_where_only_the_answer_counts() -> None:
    with serving(answer) as port, Budget(0.7, from_answer=True):
        way = watched(http.client.HTTPConnection)("127.0.0.1", port, timeout=5)
        way.connect()
        time.sleep(1)
        way.request("GET", "/")
        assert way.getresponse().read() == b"page"
        way.close()


def test_without_a_limit_a_watched_connection_is_any_other() -> None:
    with serving(answer) as port:
        way = watched(http.client.HTTPConnection)("127.0.0.1", port, timeout=5)
        way.request("GET", "/")
        assert way.getresponse().read() == b"page"
        way.close()
    assert watched(watched(http.client.HTTPConnection)) is watched(http.client.HTTPConnection)
