"""Paths of URLs, read as any server may read them.

A credential that belongs below ``/team-a`` may go to a path only if no server takes that path for
another one. Servers differ: some decode escapes twice, take a backslash for a slash, drop what
stands behind ``;`` or a NUL, accept overlong UTF-8 or map look-alikes of ASCII characters. So a
path is decoded until nothing is left to decode, and a dot segment that shows on the way, between
whatever separates names, makes the path uncertain.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import quote, unquote_to_bytes

from poetry_repo_plugin.core.patterns import Pattern

_REMEMBERED = 8192
_ROUNDS = 4  # of decoding; nobody encodes a path more often
_PLAIN = re.compile(
    r"[A-Za-z0-9._~!$&'()*+,;=:@/-]*"
)  # RFC 3986, 3.3: nothing in it is ever escaped
_ESCAPE = Pattern(r"%([0-9A-Fa-f]{2})")
_NO_ESCAPE = Pattern(r"%(?![0-9A-Fa-f]{2})")
# Dots with no letter, digit, "_" or "-" beside them. Any other neighbour may separate segments
# somewhere.
_DOTS = re.compile(r"(?<![\w.-])\.+(?![\w.-])")


@lru_cache(maxsize=_REMEMBERED)
def is_certain(path: str) -> bool:
    """Whether every server reads ``path`` alike: it has no dot segment (RFC 3986, 3.3), written in
    any way, no control character, no broken escape, and is UTF-8.
    """
    text = path
    for _ in range(_ROUNDS):
        if not text.isprintable() or _DOTS.search(text):
            return False
        if "%" not in text and text.isascii():
            return True
        decoded = None
        if not _NO_ESCAPE.search(text):
            decoded = _decoded_once(text)
        if decoded is None or decoded == text:
            return decoded is not None
        text = decoded
    return False


@lru_cache(maxsize=_REMEMBERED)
def path_segments(path: str) -> tuple[str, ...]:
    """The segments of a certain path, escapes normalised (RFC 3986, 6.2.2), without empty ones at
    its end.

    Empty segments elsewhere stay: some servers take ``//a`` for ``/a``, some for an empty segment,
    and some take ``a`` for a host.
    """
    segments = [_normal(segment) for segment in path.removeprefix("/").split("/")]
    while segments and not segments[-1]:
        segments.pop()
    return tuple(segments)


def _decoded_once(text: str) -> str | None:
    """``text`` with its escapes decoded and look-alikes of ASCII replaced; ``None`` if it is not
    UTF-8.
    """
    try:
        decoded = unquote_to_bytes(text).decode("utf-8")
    except UnicodeDecodeError:
        return None
    if decoded.isascii():
        return decoded
    import unicodedata  # only a path outside ASCII pays for it

    return unicodedata.normalize("NFKC", decoded)


def _normal(segment: str) -> str:
    if _PLAIN.fullmatch(segment):
        return segment

    def decode(match: re.Match[str]) -> str:
        char = chr(int(match[1], 16))
        if char.isascii() and (char.isalnum() or char in "-._~"):
            return char
        return match[0].upper()

    return _ESCAPE.sub(
        decode, quote(segment, safe="%!$&'()*+,;=:@", errors="replace")
    )  # RFC 3986, 3.3
