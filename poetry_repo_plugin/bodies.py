"""Answers that say no, brought to a size and a time that can be borne: a hostile server sends what it likes."""

from __future__ import annotations

import time
import zlib
from contextlib import suppress
from typing import Any

ENOUGH = 64 * 1024  # bytes, on the wire and unpacked
PATIENCE = 5.0  # seconds
LONGEST_WAIT = 15  # seconds before a request is tried again, five times at most


def cut(response: Any, *, patience: float = PATIENCE) -> None:
    """Make the beginning of the body all there is of it; a body that has been read already stays.

    :param response: a ``requests.Response`` from an adapter.
    :param patience: seconds after which the rest is not waited for; one read may take the request's own time limit.
    """
    if response._content_consumed:
        return
    from urllib3.exceptions import HTTPError

    read = getattr(response.raw, "read1", response.raw.read)  # urllib3 1.26 has no read1
    until = time.monotonic() + patience
    packed, ended = b"", False
    with suppress(HTTPError, OSError):
        while not ended and len(packed) < ENOUGH and time.monotonic() < until:
            piece = read(16 * 1024, decode_content=False)
            packed, ended = packed + piece, not piece
    response._content = _unpacked(packed, response.headers.get("content-encoding", ""))
    response._content_consumed = True
    if not ended:
        response.close()


def _unpacked(packed: bytes, encoding: str) -> bytes:
    """What is packed, no more than is enough; nothing for an encoding that no server uses for an error."""
    if encoding.lower() in ("", "identity"):
        return packed[:ENOUGH]
    if encoding.lower() not in ("gzip", "x-gzip", "deflate"):
        return b""
    with suppress(zlib.error):
        return zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(packed, ENOUGH)
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
