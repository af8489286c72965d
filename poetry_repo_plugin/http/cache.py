"""Poetry's HTTP cache, in which an entry that is half written or damaged counts as not there
(poetry#11048).

From Poetry 2.4 on, an entry is two files: the body, and the rest. Parallel runs, a full disk and a
lost power supply leave one without the other, or a part of one. What is read here is whole, or it
is fetched anew.

What we write, plain Poetry reads: the rest of an entry has one more key, which it passes over.
"""

from __future__ import annotations

import os
import zlib
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import IO, TYPE_CHECKING, Any, cast

import msgpack
from cachecontrol import CacheControlAdapter
from cachecontrol.cache import SeparateBodyBaseCache
from cachecontrol.caches import FileCache, SeparateBodyFileCache
from cachecontrol.controller import PERMANENT_REDIRECT_STATUSES, CacheController
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict

if TYPE_CHECKING:
    from requests import PreparedRequest, Response
    from urllib3 import HTTPResponse

_VERSION = b"cc=4,"  # cachecontrol's, in front of the msgpack
_MARK = "poetry-repo-plugin"  # the key that holds the body's size and checksum
_PIECE = 1 << 20
_CONDITIONS = ("If-None-Match", "If-Modified-Since")

# What reading a damaged entry may raise: the file, msgpack, and what is not where it belongs.
_DAMAGE = (OSError, ValueError, TypeError, LookupError, AttributeError)


def write_whole(path: Path, data: Any, mode: int = 0o666, folder_mode: int = 0o777) -> None:
    """Write ``data`` to ``path``: all of it or nothing, whoever else reads and writes there.

    It is not forced to the disk, which would cost more than the cache saves; a reader notices what
    got lost.

    Raises :class:`OSError`; what was there stays then.
    """
    path.parent.mkdir(folder_mode, parents=True, exist_ok=True)
    draft = path.with_name(f".{token_hex(8)}.tmp")
    try:
        descriptor = os.open(
            draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode
        )
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.replace(draft, path)
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise


class _Careful:
    """A cache in files that writes all or nothing, and has nothing where it cannot read."""

    filemode: int
    dirmode: int

    def get(self, key: str) -> bytes | None:
        try:
            return cast("bytes | None", cast("Any", super()).get(key))
        except OSError:
            return None

    def delete(self, key: str) -> None:
        with suppress(OSError):
            cast("Any", super()).delete(key)

    def _write(self, path: str, data: Any) -> None:
        write_whole(Path(path), data, self.filemode, self.dirmode)


class CarefulFileCache(_Careful, FileCache):  # type: ignore[misc]  # cachecontrol is not checked
    """One file for each entry, as Poetry has it before 2.4."""


class CarefulSeparateBodyFileCache(_Careful, SeparateBodyFileCache):  # type: ignore[misc]
    """Two files for each entry, as Poetry has it from 2.4 on."""


_CAREFUL = {FileCache: CarefulFileCache, SeparateBodyFileCache: CarefulSeparateBodyFileCache}


def careful(cache: Any, folder: Path | None = None) -> Any:
    """The same cache, but careful; in ``folder``, if one is given. Another plugin's kind stays as
    it is.
    """
    kind = _CAREFUL.get(type(cache))
    if kind is None:
        return cache
    return kind(folder or cache.directory, cache.forever, cache.filemode, cache.dirmode)


class CarefulController(CacheController):  # type: ignore[misc]  # cachecontrol is not checked
    """Reads whole entries only, and writes the body before what promises it.

    A disk that is full, or not ours to write, means no cache; it ends no command.
    """

    def _load_from_cache(self, request: PreparedRequest) -> HTTPResponse | None:
        if "Range" in request.headers:  # as cachecontrol: an entry is never a part
            return None
        try:
            return self._load(request, self.cache_url(request.url))
        except _DAMAGE:
            return None

    def _load(self, request: PreparedRequest, url: str) -> HTTPResponse | None:
        data = self.cache.get(url)
        if not data or not data.startswith(_VERSION):
            return None
        entry = msgpack.loads(data[len(_VERSION) :], raw=False)
        answer = entry["response"]
        if int(answer["status"]) in PERMANENT_REDIRECT_STATUSES:  # kept without its body
            return self._respond(request, entry, None)
        if not isinstance(self.cache, SeparateBodyBaseCache):
            promised = _promised_size(answer)
            is_whole = promised is None or promised == len(answer["body"])
            if not is_whole:
                return None
            return self._respond(request, entry, None)
        body = self.cache.get_body(url)
        if body is None:
            return None
        response = None
        try:
            if _is_whole(body, entry):
                response = self._respond(request, entry, body)
        finally:
            if response is None:
                body.close()
        return response

    def _respond(
        self, request: PreparedRequest, entry: Any, body: IO[bytes] | None
    ) -> HTTPResponse | None:
        mark = entry.get(_MARK)
        response: HTTPResponse | None = self.serializer.prepare_response(request, entry, body)
        if response is not None:
            vars(response)[_MARK] = mark
        return response

    def _cache_set(
        self,
        cache_url: str,
        request: PreparedRequest,
        response: HTTPResponse,
        body: Any = None,
        expires_time: int | None = None,
    ) -> None:
        with suppress(OSError):
            if not isinstance(self.cache, SeparateBodyBaseCache):
                super()._cache_set(cache_url, request, response, body, expires_time)
                return
            mark = vars(response).get(
                _MARK
            )  # where a 304 renews the rest of an entry, its body stays
            if body is not None:
                mark = [len(body), zlib.crc32(body)]
                self.cache.set_body(cache_url, body)
            data = _marked(self.serializer.dumps(request, response, b""), mark)
            self.cache.set(cache_url, data, expires=expires_time)


def _marked(data: bytes, mark: list[int] | None) -> bytes:
    if mark is None or not data.startswith(_VERSION):
        return data
    entry = msgpack.loads(data[len(_VERSION) :], raw=False)
    entry[_MARK] = mark
    return _VERSION + cast("bytes", msgpack.dumps(entry, use_bin_type=True))


def _promised_size(answer: Any) -> int | None:
    """The ``Content-Length`` of a stored response; the body is stored as it came, so it is the
    file's size.
    """
    promised = CaseInsensitiveDict(answer["headers"]).get("content-length", "")
    if not promised.isdigit():
        return None
    return int(promised)


def _is_whole(body: IO[bytes], entry: Any) -> bool:
    """Whether ``body`` is the one that ``entry`` was written with.

    Plain Poetry's entries have their ``Content-Length`` only; without one, nobody can tell.
    """
    size, mark = os.fstat(body.fileno()).st_size, entry.get(_MARK)
    if mark is None:
        return size == _promised_size(entry["response"])
    if size != mark[0]:
        return False
    found = 0
    while piece := body.read(_PIECE):
        found = zlib.crc32(piece, found)
    body.seek(0)
    return bool(found == mark[1])


class CarefulAdapter(CacheControlAdapter):  # type: ignore[misc]  # cachecontrol is not checked
    """An adapter whose cache holds whole entries only."""

    def __init__(self, **options: Any) -> None:
        super().__init__(controller_class=CarefulController, **options)

    def send(self, request: PreparedRequest, *arguments: Any, **options: Any) -> Response:
        """Send ``request``, or answer it from the cache.

        An entry may go away while the server is asked whether it is still good. “Not modified”
        answers nothing then, and the request is sent once more, past the cache: another process may
        be renewing the entry right now.
        """
        self._forget_conditions(request)
        response: Response = super().send(request, *arguments, **options)
        if response.status_code == 304:
            response.close()
            self._forget_conditions(request)
            response = HTTPAdapter.send(self, request, *arguments, **options)
        return response

    @staticmethod
    def _forget_conditions(request: PreparedRequest) -> None:
        """Poetry sends a request again as it is: the conditions are those of an entry that may be
        gone by now.
        """
        for name in _CONDITIONS:
            request.headers.pop(name, None)
