"""Which header fields may go out beside Authorization, and what their values may hold (RFC 9110).

A header that a gateway wants (an API key, an access token) is a secret like a password. One that
steers the connection or the request would change what Poetry asks for, so it is refused.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from poetry_repo_plugin.core.json_text import NotJson, parse_json
from poetry_repo_plugin.core.patterns import Pattern
from poetry_repo_plugin.core.secret import Secret

COOKIE = "cookie"

_NAME = Pattern(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # token, RFC 9110, 5.6.2
_VALUE = Pattern(r"[!-~](?:[ -~]*[!-~])?")  # field-value, RFC 9110, 5.5, in plain ASCII
_LONGEST_NAME = 100  # characters; no gateway's is near it

_CONNECTION = "it steers the connection"
_REQUEST = "it steers the request, which is Poetry's"
_REFUSED = {
    # RFC 9110, 7.6 to 7.8, 10.1; RFC 9112, 6 and 7; RFC 7540, 3.2.1
    **dict.fromkeys(
        (
            *("host", "connection", "keep-alive", "te", "trailer", "transfer-encoding"),
            *("upgrade", "http2-settings", "expect", "max-forwards", "via", "forwarded"),
        ),
        _CONNECTION,
    ),
    # RFC 9110, 10.1.5, 14.2; RFC 9111, 5; what some servers read in place of the request itself
    **dict.fromkeys(
        (
            *("user-agent", "range", "cache-control", "pragma", "x-http-method"),
            *("x-http-method-override", "x-method-override", "x-original-url", "x-rewrite-url"),
        ),
        _REQUEST,
    ),
    "authorization": "log in with a user name and a password, or a token, for that",
    COOKIE: "only a helper can hand out one that does not run out",
}
_REFUSED_PREFIXES = {
    "proxy-": _CONNECTION,
    "x-forwarded-": _CONNECTION,
    "content-": _REQUEST,  # RFC 9110, 8: what is uploaded
    "accept": _REQUEST,  # RFC 9110, 12.5: the form of an index page
    "if-": _REQUEST,  # RFC 9110, 13.1: what a cache has
}


class Header(NamedTuple):
    """A header field that goes out beside Authorization."""

    name: str
    value: Secret


Headers = tuple[Header, ...]


def refusal_of(name: str) -> str | None:
    """Why no header of this name is sent, a clause; ``None`` where one may be."""
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        return "it is not the name of a header (RFC 9110: letters, digits, hyphens)"
    lowered = name.lower()
    for prefix, why in _REFUSED_PREFIXES.items():
        if lowered.startswith(prefix):
            return why
    return _REFUSED.get(lowered)


def fault_of(value: str) -> str | None:
    """What is wrong with a value, a clause that does not quote it; ``None`` for one that can be
    sent.
    """
    if not value:
        return "its value is empty"
    if any(ord(char) < 32 or ord(char) == 127 for char in value):
        return "its value contains a line break or another control character"
    if not value.isascii():
        return "its value contains a character outside ASCII"
    if not _VALUE.fullmatch(value):
        return "its value begins or ends with a space"
    return None


def merged(*several: Headers) -> Headers:
    """All of them, in the order of their names; of one name, in any case, the last counts."""
    found = {header.name.lower(): header for headers in several for header in headers}
    return tuple(found[name] for name in sorted(found))


def names_of(headers: Headers) -> tuple[str, ...]:
    """What may be shown of ``headers``."""
    return tuple(header.name for header in headers)


def to_text(headers: Headers) -> Secret:
    """``headers`` as they are stored: a JSON object."""
    return Secret(json.dumps({header.name: header.value.reveal() for header in headers}))


def from_text(text: Secret) -> Headers:
    """What :func:`to_text` made; whatever could not be sent is left out, as after an edit by
    hand.
    """
    try:
        document = parse_json(text.reveal())
    except NotJson:
        return ()
    return from_object(document)


def from_object(document: object) -> Headers:
    """The headers in a JSON object of names and values."""
    if not isinstance(document, dict):
        return ()
    return merged(
        tuple(
            Header(name, Secret(value))
            for name, value in document.items()
            if isinstance(name, str) and isinstance(value, str)
            if name.lower() == COOKIE or refusal_of(name) is None
            if fault_of(value) is None
        )
    )
