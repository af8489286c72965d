"""PEM blocks, and telling file formats by their content, before anything is parsed.

A file is what it holds, not what its name says.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections import deque
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from poetry_repo_plugin.core.errors import Subject
from poetry_repo_plugin.tls.settings import invalid

# RFC 7468; "X509" and "TRUSTED" are OpenSSL's own (openssl-x509(1)).
CERTIFICATE_LABELS = ("CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE")

_BEGIN = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----")
_END = rb"-----END ([A-Z0-9 ]{1,40})-----"
_HEADERS = rb"\A(?:[!-9;-~]+:[^\n]*\n(?:[ \t][^\n]*\n)*)+\s*\n"
_PROC_TYPE = rb"Proc-Type:\s*4,\s*ENCRYPTED"


class FileFormat(Enum):
    """The format of a file, by its first bytes."""

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
        """A private key of any kind."""
        return self.label.endswith("PRIVATE KEY")

    @property
    def is_encrypted(self) -> bool:
        """PKCS#8: its label (RFC 7468, 11); older keys: a header (RFC 1421, 4.6.1.1)."""
        if self.label == "ENCRYPTED PRIVATE KEY":
            return True
        return re.search(_PROC_TYPE, self.text) is not None

    def der(self) -> bytes | None:
        """The decoded content; ``None`` if it is not base64."""
        body = self.text.split(b"-----", 2)[2].rsplit(b"-----END", 1)[0]
        if b":" in body:
            body = re.sub(_HEADERS, b"", body.lstrip())
        try:
            data = base64.b64decode(b"".join(body.split()), validate=True)
        except (binascii.Error, ValueError):
            return None
        if self.label == "TRUSTED CERTIFICATE":
            return first_value(data)  # OpenSSL appends what the certificate is trusted for
        return data


def pem_blocks(data: bytes) -> list[PemBlock]:
    """All complete PEM blocks in ``data``, in order. Text between them is allowed (RFC 7468, 2).

    Takes time in proportion to the size, also where nothing that begins ever ends.
    """
    ends: dict[bytes, deque[tuple[int, int]]] = {}
    for found in re.finditer(_END, data):
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


def certificates_in(path: Path, subject: Subject, data: bytes) -> list[bytes]:
    """The certificates in ``data``, the content of ``path``, as DER: one at least.

    Raises :class:`~poetry_repo_plugin.core.errors.Failure` where there is none, or where one is
    not base64.
    """
    file_format = format_of(data)
    if file_format is FileFormat.CERTIFICATE:
        return [first_value(data)]
    if file_format is not FileFormat.PEM:
        raise invalid(path, subject, f"holds no certificate: it is {file_format.value}")
    blocks = pem_blocks(data)
    wanted = [block for block in blocks if block.is_certificate]
    if not wanted and any(block.is_key for block in blocks):
        raise invalid(path, subject, "holds a private key and no certificate")
    if not wanted:
        seen = ", ".join(sorted({block.label for block in blocks})) or "no complete PEM block"
        raise invalid(path, subject, f"holds no certificate ({seen})")
    certificates = []
    for number, block in enumerate(wanted, start=1):
        der = block.der()
        if der is None:
            which = f"certificate {number} of {len(wanted)}"
            raise invalid(path, subject, f"is damaged: {which} is not base64")
        certificates.append(der)
    return certificates


def format_of(data: bytes) -> FileFormat:
    """The format of ``data``, by its content. Never raises."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return FileFormat.UTF16
    if b"-----BEGIN " in data:
        return FileFormat.PEM
    content = _content(data)
    if data[:1] != b"\x30" or content is None:
        return FileFormat.UNKNOWN
    # The second tag decides: RFC 7292, 4 (PFX: version 3), RFC 5958, 2 and RFC 8017, A.1.2 and
    # RFC 5915, 3 (keys: version 0 or 1), RFC 5652, 3 (an OID), RFC 5280, 4.1 (tbsCertificate),
    # RFC 5958, 3 (an algorithm, with its OID).
    if content[:3] == b"\x02\x01\x03":
        return FileFormat.PKCS12
    if content[:3] in (b"\x02\x01\x00", b"\x02\x01\x01"):
        return FileFormat.KEY
    if content[:1] == b"\x06":
        return FileFormat.PKCS7
    inner = _content(content)
    if content[:1] != b"\x30" or inner is None:
        return FileFormat.UNKNOWN
    if inner[:1] == b"\x06":
        return FileFormat.ENCRYPTED_KEY
    return FileFormat.CERTIFICATE


def first_value(data: bytes) -> bytes:
    """The first DER value in ``data``, without what follows it."""
    start, length = _header(data)
    if length is None:
        return data
    return data[: start + length]


def is_cut_off(data: bytes) -> bool:
    """``data`` is shorter than the DER value that it begins with says."""
    start, length = _header(data)
    return length is not None and start + length > len(data)


def _content(data: bytes) -> bytes | None:
    start, length = _header(data)
    if start == 0:
        return None
    if length is None:
        return data[start:]
    return data[start : start + length]


def _header(data: bytes) -> tuple[int, int | None]:
    """The lengths of header and content of the DER value that ``data`` begins with.

    The first is 0 where there is no header, the second ``None`` for BER's indefinite length.
    """
    if len(data) < 2:
        return 0, None
    first = data[1]
    if first < 0x80:
        return 2, first
    if first == 0x80:
        return 2, None
    size = first & 0x7F
    if len(data) < 2 + size or size > 4:
        return 0, None
    return 2 + size, int.from_bytes(data[2 : 2 + size], "big")
