"""The beginning of an answer, in a size and a time that can be borne: a hostile server sends what
it likes.
"""

from __future__ import annotations

import re
import time
import zlib
from contextlib import suppress
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from poetry_repo_plugin.core.json_text import NotJson, parse_json
from poetry_repo_plugin.core.patterns import Pattern
from poetry_repo_plugin.core.terminal import without_secrets

ENOUGH = 64 * 1024  # bytes, on the wire and unpacked
PATIENCE = 5.0  # seconds
LONGEST_WAIT = 60  # seconds before a request is tried again, five times at most
_LONGEST_REASON = 300  # characters
_ESCAPES = Pattern(r"\x1b(?:\[[0-?]{0,30}[ -/]{0,9}[@-~]|\][^\x07\x1b]{0,300}(?:\x07|\x1b\\)?|.)")
# Every repetition is bounded: a hostile page must not make it slow.
TITLE = Pattern(
    rb"<(?:title|h1|h2)\b[^<>]{0,200}>(.{0,200}?)</(?:title|h1|h2)", re.DOTALL | re.IGNORECASE
)
ENCODINGS = "gzip, deflate"  # those that are unpacked here


def cut(response: Any, *, most: int = ENOUGH, patience: float = PATIENCE) -> None:
    """Make the beginning of the body all there is of it; a body that has been read already stays,
    and one that breaks off is what came of it.

    :param response: a ``requests.Response`` from an adapter.
    :param most: bytes, on the wire and unpacked.
    :param patience: seconds after which the rest is not waited for; one read may take the request's
    own time limit.
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
        response._content = _unpacked(
            b"".join(pieces), response.headers.get("content-encoding", ""), most
        )
        response._content_consumed = True
        if not ended:
            response.close()


def _unpacked(packed: bytes, encoding: str, most: int) -> bytes:
    """What is packed, no more than ``most``; nothing for an encoding that we never ask for."""
    if encoding.lower() in ("", "identity"):
        return packed[:most]
    if encoding.lower() not in ("gzip", "x-gzip", "deflate"):
        return b""
    for format in (
        zlib.MAX_WBITS | 32,
        -zlib.MAX_WBITS,
    ):  # some servers send "deflate" without zlib's header
        with suppress(zlib.error):
            return zlib.decompressobj(format).decompress(packed, most)
    return b""


# What a page of an index leads to: files, their metadata (PEP 658) and signatures.
_FILES = (
    ".whl",
    ".gz",
    ".zip",
    ".bz2",
    ".xz",
    ".tgz",
    ".egg",
    ".exe",
    ".msi",
    ".rpm",
    ".metadata",
    ".asc",
)


def is_file(url: str) -> bool:
    """A file, and no page of an index."""
    return urlsplit(url).path.lower().endswith(_FILES)


def is_metadata(url: str) -> bool:
    """The metadata of a file (PEP 658), which Poetry can do without: it reads the file then."""
    return urlsplit(url).path.lower().endswith(".metadata")


def reason_of(response: Any, *secrets: str) -> str:
    """The reason that a server gives for its refusal, for a message; ``""`` where it gives none.

    That is a status line of its own words, a line of text, a message in JSON or the title of a
    page; at most 300 printable characters of it.

    :param response: a ``requests.Response``, of which the body was read.
    :param secrets: what was sent, in case that the server says it again.
    """
    said = [response.reason or "", _text_of(response) or title_of(response) or ""]
    usual = {
        _usual(response.status_code),
        f"{response.status_code} {_usual(response.status_code)}",
        "",
    }
    for text in said:
        for secret in filter(None, secrets):
            text = text.replace(secret, "****")
        text = without_secrets(text)
        plain = " ".join(_ESCAPES.sub("", text).split())
        plain = "".join(char for char in plain if char.isprintable())
        if plain.rstrip(".").lower() not in usual:
            if len(plain) <= _LONGEST_REASON:
                return plain
            return f"{plain[: _LONGEST_REASON - 1]}…"
    return ""


def _usual(status: int) -> str:
    try:
        return HTTPStatus(status).phrase.lower()
    except ValueError:
        return ""


def _text_of(response: Any) -> str:
    """The message in a body of plain text or JSON."""
    kind = response.headers.get("content-type", "").lower().partition(";")[0].strip()
    if kind == "text/plain":
        return str(response.text)
    if not kind.endswith(("/json", "+json")):
        return ""
    try:
        return _message_in(parse_json(response.content))
    except NotJson:
        return ""


def _message_in(document: object, depth: int = 3) -> str:
    """The first message in an error as the servers word it: Artifactory, GitLab, Azure, Problem
    Details (RFC 9457).
    """
    if isinstance(document, str):
        return document
    if isinstance(document, list):
        document = next(iter(document), None)
        if not depth:
            return ""
        return _message_in(document, depth - 1)
    if not isinstance(document, dict) or not depth:
        return ""
    found = (
        document.get(key) for key in ("message", "detail", "reason", "error", "errors", "title")
    )
    return next(filter(None, (_message_in(one, depth - 1) for one in found)), "")


def settle_retry_after(response: Any) -> None:
    """Make ``Retry-After`` a number of seconds that can be waited for.

    Poetry takes a date (RFC 9110, 10.2.3) for a number, which ends the command, and waits as long
    as it is told.
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


def is_html(response: Any) -> bool:
    """Whether it says that it is HTML."""
    kind = response.headers.get("content-type", "").lower()
    return str(kind).startswith(
        ("text/html", "application/xhtml", "application/vnd.pypi.simple.v1+html")
    )


def title_of(response: Any) -> str | None:
    """The title of an HTML page, for a message; ``None`` where it is none, or has none."""
    found = None
    if is_html(response):
        found = TITLE.search(response.content)
    if found is None:
        return None
    return " ".join(found[1].decode("utf-8", "replace").split())[:60] or None
