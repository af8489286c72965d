"""What a test server is asked and what it answers."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Union
from urllib.parse import unquote, unquote_plus, urlsplit

from requests.structures import CaseInsensitiveDict

Headers = Union[Mapping[str, str], Iterable[tuple[str, str]]]

NEVER = float("inf")
"""A delay that only the end of the server ends."""


@dataclass(frozen=True)
class Authorization:
    """An Authorization or Proxy-Authorization header, decoded.

    ``username`` and ``password`` are set for a well-formed Basic (RFC 7617, UTF-8), ``token`` for
    Bearer (RFC 6750).
    """

    raw: str
    scheme: str
    username: str | None = None
    password: str | None = None
    token: str | None = None

    @classmethod
    def parse(cls, raw: str | None) -> Authorization | None:
        """The header's value taken apart; ``None`` for ``None``."""
        if raw is None:
            return None
        scheme, _, rest = raw.partition(" ")
        scheme = scheme.lower()
        if scheme == "bearer":
            return cls(raw, scheme, token=rest.strip())
        if scheme == "basic":
            try:
                username, colon, password = decode_base64(rest).decode("utf-8").partition(":")
            except UnicodeDecodeError:
                return cls(raw, scheme)
            return cls(raw, scheme, username, password) if colon else cls(raw, scheme)
        return cls(raw, scheme)


@dataclass
class RecordedRequest:
    """One request as it came.

    :param target: the request target, exactly as sent.
    :param path: the target without its query.
    :param headers: a dictionary that does not mind case; of a repeated header the last.
    :param raw_headers: all header lines in order.
    :param body: its first MiB.
    :param peer: the CN of the client's certificate.
    :param connection: a number for each connection, to see which requests shared one.
    :param status: the answer's, ``None`` until there is one.
    """

    method: str
    target: str
    headers: CaseInsensitiveDict[str]
    raw_headers: list[tuple[str, str]]
    body: bytes = b""
    peer: str | None = None
    connection: int = 0
    status: int | None = None

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """The query, without its question mark."""
        return self.target.partition("?")[2]

    @property
    def authorization(self) -> Authorization | None:
        """The Authorization header, decoded."""
        return Authorization.parse(self.headers.get("Authorization"))

    @property
    def proxy_authorization(self) -> Authorization | None:
        """The Proxy-Authorization header, decoded."""
        return Authorization.parse(self.headers.get("Proxy-Authorization"))

    def carries(self, secret: str) -> bool:
        """Whether ``secret`` is anywhere in the request: headers (Basic decoded), target, body;
        escaped or not.
        """
        texts = [self.target, unquote(self.target), unquote_plus(self.target)]
        texts += [value for _, value in self.raw_headers]
        wanted = [secret.encode("utf-8"), secret.encode("latin-1", "replace")]
        places = [text.encode("utf-8", "surrogateescape") for text in texts]
        places += [text.encode("latin-1", "replace") for text in texts]
        places += [
            decode_base64(value.partition(" ")[2]) for _, value in self.raw_headers if " " in value
        ]
        places += [
            self.body,
            unquote_plus(self.body.decode("latin-1")).encode("latin-1", "replace"),
        ]
        return any(form in place for form in wanted for place in places)


@dataclass
class Response:
    """An answer, and how it goes wrong on the way.

    :param headers: pairs where a name comes twice. Without Content-Length it is counted for
        ``bytes``; an iterable is sent in chunks (RFC 9112, 7.1).
    :param delay: seconds before the first byte; :data:`NEVER` for none at all.
    :param pause: seconds between the pieces of an iterable body.
    :param reset_after: the connection is reset (RST) when so many bytes of the body are out.
    """

    status: int = 200
    body: bytes | Iterable[bytes] = b""
    headers: Headers = field(default_factory=dict)
    reason: str | None = None
    delay: float = 0.0
    pause: float = 0.0
    reset_after: int | None = None

    @classmethod
    def text(cls, status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
        """Plain text."""
        return cls(
            status, text.encode(), {"Content-Type": "text/plain; charset=utf-8", **(headers or {})}
        )

    @classmethod
    def html(
        cls, text: str, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> Response:
        """A page."""
        return cls(
            status, text.encode(), {"Content-Type": "text/html; charset=utf-8", **(headers or {})}
        )

    @classmethod
    def json(
        cls, document: object, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> Response:
        """A JSON document."""
        return cls(
            status,
            json.dumps(document).encode(),
            {"Content-Type": "application/json", **(headers or {})},
        )

    def header_pairs(self) -> list[tuple[str, str]]:
        """The headers as pairs."""
        return (
            list(self.headers.items()) if isinstance(self.headers, Mapping) else list(self.headers)
        )

    def has(self, name: str) -> bool:
        """Whether the header ``name`` was given."""
        return any(name.lower() == given.lower() for given, _ in self.header_pairs())


def decode_base64(text: str) -> bytes:
    """What base64 ``text`` says; nothing for what is not base64."""
    try:
        return base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""


def origin_of(url: str) -> str:
    """``scheme://host:port`` of ``url``, as written."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
