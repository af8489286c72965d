"""The beginning of an answer, in a size and a time that can be borne: a hostile server sends what it likes."""

from __future__ import annotations

import time
import zlib
from contextlib import suppress
from typing import Any

ENOUGH = 64 * 1024  # bytes, on the wire and unpacked
PATIENCE = 5.0  # seconds
LONGEST_WAIT = 15  # seconds before a request is tried again, five times at most
ENCODINGS = "gzip, deflate"  # those that are unpacked here


def cut(response: Any, *, most: int = ENOUGH, patience: float = PATIENCE) -> None:
    """Make the beginning of the body all there is of it; a body that has been read already stays, and one that breaks
    off is what came of it.

    :param response: a ``requests.Response`` from an adapter.
    :param most: bytes, on the wire and unpacked.
    :param patience: seconds after which the rest is not waited for; one read may take the request's own time limit.
    """
    from urllib3.exceptions import HTTPError

    with suppress(HTTPError, OSError):
        read_beginning(response, most=most, patience=patience)


def read_beginning(response: Any, *, most: int, patience: float) -> None:
    """As :func:`cut`. Raises what urllib3 raises where the body breaks off."""
    if response._content_consumed:
        return
    read = getattr(response.raw, "read1", response.raw.read)  # urllib3 1.26 has no read1
    until = time.monotonic() + patience
    pieces: list[bytes] = []
    size, ended = 0, False
    try:
        while not ended and size < most and time.monotonic() < until:
            piece = read(16 * 1024, decode_content=False)
            pieces.append(piece)
            size, ended = size + len(piece), not piece
    finally:
        response._content = _unpacked(b"".join(pieces), response.headers.get("content-encoding", ""), most)
        response._content_consumed = True
        if not ended:
            response.close()


def _unpacked(packed: bytes, encoding: str, most: int) -> bytes:
    """What is packed, no more than ``most``; nothing for an encoding that we never ask for."""
    if encoding.lower() in ("", "identity"):
        return packed[:most]
    if encoding.lower() not in ("gzip", "x-gzip", "deflate"):
        return b""
    for format in (zlib.MAX_WBITS | 32, -zlib.MAX_WBITS):  # some servers send "deflate" without zlib's header
        with suppress(zlib.error):
            return zlib.decompressobj(format).decompress(packed, most)
    return b""


def settle_retry_after(response: Any) -> None:
    """Make ``Retry-After`` a number of seconds that can be waited for.

    Poetry takes a date (RFC 9110, 10.2.3) for a number, which ends the command, and waits as long as it is told.
    """
    given = response.headers.get("retry-after")
    if given is not None:
        response.headers["retry-after"] = str(min(max(0, _seconds(given.strip())), LONGEST_WAIT))


def _seconds(text: str) -> int:
    from email.utils import parsedate_to_datetime

    if text.isascii() and text.isdigit():
        return int(text[:9])
    try:
        when = parsedate_to_datetime(text)
        return int(when.timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return 1
