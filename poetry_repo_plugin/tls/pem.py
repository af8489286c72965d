"""From bytes to PEM blocks and kinds of DER, before anything is parsed.

A file is what it holds, not what its name says.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections import deque
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

# RFC 7468; "X509" and "TRUSTED" are OpenSSL's own (openssl-x509(1)).
CERTIFICATE_LABELS = ("CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE")

_BEGIN = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----")
_END = re.compile(rb"-----END ([A-Z0-9 ]{1,40})-----")
_HEADERS = re.compile(rb"\A(?:[!-9;-~]+:[^\n]*\n(?:[ \t][^\n]*\n)*)+\s*\n")


class Form(Enum):
    """What a file's first bytes say that it is."""

    PEM = "PEM"
    CERTIFICATE = "a DER certificate"
    KEY = "a DER private key"
    ENCRYPTED_KEY = "an encrypted DER private key"
    PKCS12 = "a PKCS#12 file"
    PKCS7 = "a PKCS#7 file"
    UTF16 = "UTF-16 text"
    UNKNOWN = "neither PEM nor DER"


class PemBlock(NamedTuple):
    """One ``-----BEGIN …-----`` to ``-----END …-----``."""

    label: str
    text: bytes

    @property
    def is_certificate(self) -> bool:
        return self.label in CERTIFICATE_LABELS

    @property
    def is_key(self) -> bool:
        """Whether it is a private key of whatever kind."""
        return self.label.endswith("PRIVATE KEY")

    @property
    def is_encrypted(self) -> bool:
        """PKCS#8 says so in its label (RFC 7468, 11), older keys in a header (RFC 1421, 4.6.1.1)."""
        return (
            self.label == "ENCRYPTED PRIVATE KEY" or re.search(rb"Proc-Type:\s*4,\s*ENCRYPTED", self.text) is not None
        )

    def der(self) -> bytes | None:
        """The decoded content, without what OpenSSL adds to a TRUSTED CERTIFICATE; ``None`` if it is no base64."""
        body = self.text.split(b"-----", 2)[2].rsplit(b"-----END", 1)[0]
        body = _HEADERS.sub(b"", body.lstrip())
        try:
            data = base64.b64decode(b"".join(body.split()), validate=True)
        except (binascii.Error, ValueError):
            return None
        return first_value(data) if self.label == "TRUSTED CERTIFICATE" else data


def pem_blocks(data: bytes) -> list[PemBlock]:
    """All complete PEM blocks in ``data``, in order. Text between them is allowed (RFC 7468, 2).

    Takes time in proportion to the size, also where nothing that begins ever ends.
    """
    ends: dict[bytes, deque[tuple[int, int]]] = {}
    for found in _END.finditer(data):
        ends.setdefault(found[1], deque()).append((found.start(), found.end()))
    blocks = []
    position = 0
    while (begin := _BEGIN.search(data, position)) is not None:
        position = begin.end()
        of_label = ends.get(begin[1], deque())
        while of_label and of_label[0][0] < position:
            of_label.popleft()
        if of_label:
            _, position = of_label.popleft()
            blocks.append(PemBlock(begin[1].decode("ascii"), data[begin.start() : position]))
    return blocks


def form_of(data: bytes) -> Form:
    """What ``data`` is, by its content. Never raises."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return Form.UTF16
    if b"-----BEGIN " in data:
        return Form.PEM
    outer = _value(data)
    if data[:1] != b"\x30" or outer is None:
        return Form.UNKNOWN
    return _der_form(outer)


def _der_form(content: bytes) -> Form:
    # The second tag decides: RFC 7292, 4 (PFX: version 3), RFC 5958, 2 and RFC 8017, A.1.2 and RFC 5915, 3 (keys:
    # version 0 or 1), RFC 5652, 3 (an OID), RFC 5280, 4.1 (tbsCertificate), RFC 5958, 3 (an algorithm, with its OID).
    if content[:3] == b"\x02\x01\x03":
        return Form.PKCS12
    if content[:3] in (b"\x02\x01\x00", b"\x02\x01\x01"):
        return Form.KEY
    if content[:1] == b"\x06":
        return Form.PKCS7
    inner = _value(content)
    if content[:1] != b"\x30" or inner is None:
        return Form.UNKNOWN
    return Form.ENCRYPTED_KEY if inner[:1] == b"\x06" else Form.CERTIFICATE


def first_value(data: bytes) -> bytes:
    """The first DER value in ``data``, without what follows it."""
    header = _header(data)
    return data if header is None or header[1] is None else data[: sum((header[0], header[1]))]


def is_cut_off(data: bytes) -> bool:
    """Whether the DER value that ``data`` begins with says that it is longer than what is there."""
    header = _header(data)
    return header is not None and header[1] is not None and sum((header[0], header[1])) > len(data)


def values(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The DER values of which ``data`` is a row, each with its tag; they end where one is not plainly to be read."""
    position = 0
    while (header := _header(data[position : position + 6])) is not None and header[1] is not None:
        start = position + header[0]
        if start + header[1] > len(data):
            return
        yield data[position], data[start : start + header[1]]
        position = start + header[1]


def _value(data: bytes) -> bytes | None:
    header = _header(data)
    if header is None:
        return None
    start, length = header
    return data[start:] if length is None else data[start : start + length]


def _header(data: bytes) -> tuple[int, int | None] | None:
    """The lengths of header and content (``None``: BER's indefinite length) of the value that ``data`` begins with."""
    if len(data) < 2:
        return None
    first = data[1]
    if first < 0x80:
        return 2, first
    if first == 0x80:
        return 2, None
    size = first & 0x7F
    if len(data) < 2 + size or size > 4:
        return None
    return 2 + size, int.from_bytes(data[2 : 2 + size], "big")
