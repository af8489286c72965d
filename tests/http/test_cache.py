"""An entry of the HTTP cache that is half written or damaged counts as not there; a whole one saves
the request.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgpack
import pytest
import requests
from cachecontrol import CacheControlAdapter
from cachecontrol.caches import FileCache, SeparateBodyFileCache
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from poetry_repo_plugin.http.cache import CarefulAdapter, careful, write_whole
from tests.servers import RecordedRequest, Response, Server

BODY = b"<!DOCTYPE html><a href='../../files/a-1.0.whl'>a-1.0.whl</a>" * 40
ETAG = '"one"'
KINDS: dict[str, Callable[[Path], Any]] = {
    "one file": FileCache,
    "two files": SeparateBodyFileCache,
}


class Index(Server):
    """One page. It is fresh for so long as ``max_age`` says, and then asked for by its ETag."""

    max_age = 600
    chunked = False
    body = BODY
    etag = ETAG

    def answer(self, request: RecordedRequest, body: Any) -> Response:
        headers = {
            "ETag": self.etag,
            "Cache-Control": f"max-age={self.max_age}",
            "Content-Type": "text/html",
        }
        if request.path == "/moved":
            return Response(301, b"it has moved", {"Location": "/page", "ETag": '"moved"'})
        if request.headers.get("If-None-Match") == self.etag:
            return Response(304, headers=headers)
        half = len(self.body) // 2
        return Response(
            200, [self.body[:half], self.body[half:]] if self.chunked else self.body, headers
        )


@pytest.fixture
def index() -> Iterator[Index]:
    with Index() as server:
        yield server


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "_http"


def fetch(folder: Path, kind: str, url: str, *, plain: bool = False) -> requests.Response:
    """Ask for ``url`` as a new run would, through the cache in ``folder``."""
    cache = KINDS[kind](folder)
    adapter = CacheControlAdapter(cache) if plain else CarefulAdapter(cache=careful(cache))
    with requests.Session() as session:
        session.mount("http://", adapter)
        return session.get(url, timeout=10)


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock")


def rest_of(folder: Path) -> Path:
    return next(path for path in files(folder) if not path.suffix)


def body_of(folder: Path) -> Path:
    return next(path for path in files(folder) if path.suffix == ".body")


def in_place_of(path: Path) -> None:
    path.unlink()
    path.mkdir()


def is_fetched_anew(index: Index, folder: Path, kind: str) -> None:
    index.clear()
    assert fetch(folder, kind, index.url + "page").content == index.body
    (asked,) = index.requests
    assert "if-none-match" not in asked.headers
    index.clear()
    assert fetch(folder, kind, index.url + "page").content == index.body


class TestAWholeEntry:
    def test_saves_the_request(self, index: Index, folder: Path, kind: str) -> None:
        for _ in range(3):
            assert fetch(folder, kind, index.url + "page").content == BODY
        assert len(index.requests) == 1

    def test_is_asked_for_by_its_etag_when_it_is_old(
        self, index: Index, folder: Path, kind: str
    ) -> None:
        index.max_age = 0
        for _ in range(3):
            answer = fetch(folder, kind, index.url + "page")
            assert (answer.status_code, answer.content) == (200, BODY)
        assert [request.status for request in index.requests] == [200, 304, 304]

    def test_of_a_page_that_came_in_chunks(self, index: Index, folder: Path, kind: str) -> None:
        index.chunked = True
        for _ in range(2):
            assert fetch(folder, kind, index.url + "page").content == BODY
        assert len(index.requests) == 1

    def test_of_an_empty_page(self, index: Index, folder: Path, kind: str) -> None:
        index.body = b""
        for _ in range(2):
            assert fetch(folder, kind, index.url + "page").content == b""
        assert len(index.requests) == 1

    def test_a_redirect_is_kept_without_its_body(
        self, index: Index, folder: Path, kind: str
    ) -> None:
        for _ in range(2):
            assert fetch(folder, kind, index.url + "moved").content == BODY
        assert index.paths() == ["/moved", "/page"]

    @pytest.mark.parametrize("plain_first", [True, False])
    def test_is_plain_poetry_s_as_well(
        self, index: Index, folder: Path, kind: str, plain_first: bool
    ) -> None:
        for plain in (plain_first, not plain_first):
            assert fetch(folder, kind, index.url + "page", plain=plain).content == BODY
        assert len(index.requests) == 1

    def test_that_plain_poetry_renewed_is_still_whole(
        self, index: Index, folder: Path, kind: str
    ) -> None:
        index.max_age = 0
        for plain in (False, True, False, True):
            assert fetch(folder, kind, index.url + "page", plain=plain).content == BODY
        assert [request.status for request in index.requests] == [200, 304, 304, 304]

    def test_leaves_nothing_beside_it(self, index: Index, folder: Path, kind: str) -> None:
        fetch(folder, kind, index.url + "page")
        assert len([path for path in folder.rglob("*") if path.is_file()]) == (
            1 if kind == "one file" else 2
        )
        assert {path.stat().st_mode & 0o777 for path in files(folder)} == {0o600}


DAMAGE: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-7]),
    "cut in two": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "the version alone": lambda path: path.write_bytes(b"cc=4,"),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "garbage": lambda path: path.write_bytes(b"cc=4," + os.urandom(path.stat().st_size)),
    "too long": lambda path: path.write_bytes(path.read_bytes() + b"x"),
    "a list": lambda path: path.write_bytes(b"cc=4," + msgpack.dumps([1])),
    "another document": lambda path: path.write_bytes(
        b"cc=4," + msgpack.dumps({"response": {"status": 200}})
    ),
    "a folder": in_place_of,
}


@pytest.mark.parametrize("age", [600, 0], ids=["fresh", "old"])
class TestADamagedEntry:
    @pytest.mark.parametrize("damage", DAMAGE)
    def test_is_fetched_anew(
        self, index: Index, folder: Path, kind: str, damage: str, age: int
    ) -> None:
        index.max_age = age
        fetch(folder, kind, index.url + "page")
        DAMAGE[damage](rest_of(folder))
        is_fetched_anew(index, folder, kind)

    @pytest.mark.parametrize("chunked", [False, True], ids=["counted", "chunked"])
    @pytest.mark.parametrize(
        "damage", ["empty", "cut", "cut in two", "zeros", "garbage", "too long", "a folder"]
    )
    def test_whose_body_is_damaged(
        self, index: Index, folder: Path, damage: str, chunked: bool, age: int
    ) -> None:
        index.max_age, index.chunked = age, chunked
        fetch(folder, "two files", index.url + "page")
        DAMAGE[damage](body_of(folder))
        is_fetched_anew(index, folder, "two files")

    def test_whose_body_is_not_there(self, index: Index, folder: Path, age: int) -> None:
        index.max_age = age
        fetch(folder, "two files", index.url + "page")
        body_of(folder).unlink()
        is_fetched_anew(index, folder, "two files")

    @pytest.mark.parametrize("damage", ["empty", "cut"])
    @pytest.mark.parametrize("chunked", [False, True], ids=["counted", "chunked"])
    def test_that_plain_poetry_wrote(
        self, index: Index, folder: Path, damage: str, chunked: bool, age: int
    ) -> None:
        """It notes no checksum; a page that came in chunks cannot be told from a part of it."""
        index.max_age, index.chunked = age, chunked
        fetch(folder, "two files", index.url + "page", plain=True)
        DAMAGE[damage](body_of(folder))
        is_fetched_anew(index, folder, "two files")

    def test_whose_body_is_another_answer_s(self, index: Index, folder: Path, age: int) -> None:
        """Two processes wrote at the same time: the ETag would keep the wrong page for ever."""
        index.max_age = age
        fetch(folder, "two files", index.url + "page")
        body_of(folder).write_bytes(BODY.replace(b"1.0", b"2.0"))
        is_fetched_anew(index, folder, "two files")


def test_an_entry_that_goes_away_while_the_server_is_asked(
    index: Index, folder: Path, kind: str
) -> None:
    """“Not modified” is no answer without it, and the request is sent once more."""
    index.max_age = 0
    fetch(folder, kind, index.url + "page")
    index.clear()

    def forget(request: RecordedRequest) -> None:
        for path in files(folder):
            path.unlink()

    index.respond = forget
    answer = fetch(folder, kind, index.url + "page")
    assert (answer.status_code, answer.content) == (200, BODY)
    assert [request.status for request in index.requests] == [304, 200]


def test_a_request_that_is_sent_again_asks_without_an_entry_that_is_gone(
    index: Index, folder: Path, kind: str
) -> None:
    """Poetry sends the same request again after a 503."""
    index.max_age = 0
    fetch(folder, kind, index.url + "page")
    index.clear()
    with requests.Session() as session:
        session.mount("http://", CarefulAdapter(cache=careful(KINDS[kind](folder))))
        request = session.prepare_request(requests.Request("GET", index.url + "page"))
        index.respond = lambda request: Response(503)
        assert session.send(request, timeout=10).status_code == 503
        index.respond = None
        for path in files(folder):
            path.unlink()
        answer = session.send(request, timeout=10)
    assert (answer.status_code, answer.content) == (200, BODY)
    assert len(index.requests) == 2


def test_a_cache_that_cannot_be_written_ends_no_request(
    index: Index, folder: Path, kind: str
) -> None:
    folder.write_text("no folder can be made here")
    for _ in range(2):
        assert fetch(folder, kind, index.url + "page").content == BODY
    assert len(index.requests) == 2


def test_a_disk_that_is_full_leaves_no_half(index: Index, tmp_path: Path, kind: str) -> None:
    """The system takes only so much of a file (a real limit); cachecontrol alone keeps what it
    took.
    """
    code = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from tests.http.test_cache import fetch\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "print(len(fetch(Path(sys.argv[1]), sys.argv[2], sys.argv[3]).content))\n"
    )
    index.body = b"<a>" * 300  # with the rest of an entry, more than the limit in one file
    index.etag = '"' + "e" * 200 + '"'
    folder = tmp_path / "cache"
    command = [sys.executable, "-W", "ignore", "-c", code, str(folder), kind, index.url + "page"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "900"
    whole = b"<a>" * 300
    assert all(path.suffix != ".tmp" for path in files(folder))
    assert [
        path for path in files(folder) if path.suffix == ".body" and path.read_bytes() != whole
    ] == []
    assert fetch(folder, kind, index.url + "page").content == whole


@given(data=st.binary(max_size=300))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_whatever_stands_in_an_entry_the_page_comes(
    index: Index, folder: Path, kind: str, data: bytes
) -> None:
    fetch(folder, kind, index.url + "page")
    rest_of(folder).write_bytes(b"cc=4," + data)
    assert fetch(folder, kind, index.url + "page").content == BODY


def page_of(number: int) -> bytes:
    """A page that says by itself whether it is whole."""
    text = json.dumps({"number": number, "filling": "x" * (number * 37 % 20000)})
    return f"{hashlib.sha256(text.encode()).hexdigest()} {text}".encode()


def is_page(content: bytes) -> bool:
    digest, _, text = content.partition(b" ")
    return hashlib.sha256(text).hexdigest().encode() == digest


class Changing(Server):
    """Each answer is another page."""

    def __init__(self) -> None:
        super().__init__()
        self.number, self.lock = 0, threading.Lock()

    def answer(self, request: RecordedRequest, body: Any) -> Response:
        with self.lock:
            self.number += 1
            number = self.number
        headers = {"ETag": f'"{number}"', "Cache-Control": "max-age=0"}
        if number % 3 == 0 and "if-none-match" in request.headers:
            return Response(304, headers={**headers, "ETag": request.headers["if-none-match"]})
        return Response(200, page_of(number), headers)


HAMMER = """
import sys
from pathlib import Path
from tests.http.test_cache import fetch, is_page
while True:
    answer = fetch(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
    assert answer.status_code == 200 and is_page(answer.content), answer.content
"""


def test_threads_and_processes_that_are_killed_never_show_a_part(folder: Path, kind: str) -> None:
    with Changing() as index:
        url = index.url + "page"
        command = [sys.executable, "-W", "ignore", "-c", HAMMER, str(folder), kind, url]

        def hammer(life: float) -> tuple[int, bytes]:
            with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
                time.sleep(life)
                process.kill()
                error = process.communicate()[1]
                return process.returncode, error

        with ThreadPoolExecutor(8) as pool:
            killed = [pool.submit(hammer, life) for life in (2.0, 2.3, 2.7, 3.1)]
            for answer in pool.map(lambda _: fetch(folder, kind, url), range(150)):
                assert answer.status_code == 200
                assert is_page(answer.content)
            ends = [one.result() for one in killed]
        assert [code for code, _ in ends] == [-signal.SIGKILL] * 4, ends
        assert is_page(fetch(folder, kind, url).content)


class TestWriting:
    def test_makes_the_folders(self, tmp_path: Path) -> None:
        write_whole(tmp_path / "a" / "b" / "file", b"x")
        assert (tmp_path / "a" / "b" / "file").read_bytes() == b"x"

    def test_that_fails_leaves_what_was_there(self, tmp_path: Path) -> None:
        (tmp_path / "file").mkdir()
        with pytest.raises(OSError, match="file"):
            write_whole(tmp_path / "file", b"x")
        assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_another_plugin_s_kind_of_cache_stays() -> None:
    other = object()
    assert careful(other) is other
