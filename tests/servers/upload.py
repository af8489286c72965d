"""The legacy upload: a POST of ``multipart/form-data`` with ``:action=file_upload``."""

from __future__ import annotations

import hashlib
import mmap
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import IO, Union

PIECE = 1024 * 1024

_Data = Union[bytes, mmap.mmap]


class BadUpload(ValueError):
    """The body is no upload; ``str()`` says why."""


@dataclass
class Upload:
    """What came with one upload.

    :param fields: all values of each form field, in order.
    :param path: the file's content, kept for as long as the server runs.
    :param username: who sent it, if anyone said.
    """

    filename: str
    fields: dict[str, list[str]]
    path: Path
    sha256: str
    size: int
    username: str | None = None
    content_fields: list[str] = field(default_factory=list)

    @property
    def content(self) -> bytes:
        """The file's content."""
        return self.path.read_bytes()

    def get(self, name: str) -> str | None:
        """The first value of a field."""
        values = self.fields.get(name)
        return values[0] if values else None


def parse(content_type: str, body: IO[bytes], directory: Path) -> Upload:
    """Takes an upload apart and stores its file under ``directory``. Raises :class:`BadUpload`."""
    header = Message()
    header["Content-Type"] = content_type
    boundary = header.get_param("boundary")
    if header.get_content_type() != "multipart/form-data" or not isinstance(boundary, str):
        raise BadUpload(
            f"a legacy upload is multipart/form-data with a boundary, not {content_type!r}"
        )
    upload: Upload | None = None
    fields: dict[str, list[str]] = {}
    with _mapped(body) as data:
        for name, filename, start, end in _parts(data, boundary.encode("ascii")):
            if filename is None:
                fields.setdefault(name, []).append(data[start:end].decode("utf-8"))
            else:
                upload = _store(data, start, end, filename, directory)
                upload.content_fields.append(name)
    if fields.get(":action") != ["file_upload"]:
        raise BadUpload("the field :action is not file_upload")
    if upload is None or upload.content_fields != ["content"]:
        raise BadUpload("there is no file in the field content")
    if fields.get("sha256_digest", [upload.sha256]) != [upload.sha256]:
        raise BadUpload("sha256_digest is not that of the content")
    upload.fields = fields
    return upload


@contextmanager
def _mapped(body: IO[bytes]) -> Iterator[_Data]:
    """The body as something to search and slice, without reading a large one into memory."""
    body.seek(0, 2)
    if body.tell() <= PIECE:
        body.seek(0)
        yield body.read()
        return
    body.flush()
    with mmap.mmap(body.fileno(), 0, access=mmap.ACCESS_READ) as data:
        yield data


def _parts(data: _Data, boundary: bytes) -> Iterator[tuple[str, str | None, int, int]]:
    """Name, file name, start and end of each part (RFC 7578)."""
    mark = b"\r\n--" + boundary
    position = data.find(b"--" + boundary)
    if position < 0:
        raise BadUpload("the boundary does not occur")
    position += len(mark) - 2
    while data[position : position + 2] != b"--":
        head = data.find(b"\r\n\r\n", position)
        end = data.find(mark, head)
        if head < 0 or end < 0:
            raise BadUpload("the body ends in the middle of a part")
        disposition = _disposition(bytes(data[position:head]))
        name = re.search(r'[; ]name="([^"]*)"', disposition)
        filename = re.search(r'filename="([^"]*)"', disposition)
        if name is None:
            raise BadUpload("a part has no name")
        yield name[1], filename[1] if filename else None, head + 4, end
        position = end + len(mark)


def _disposition(head: bytes) -> str:
    for line in head.decode("utf-8").split("\r\n"):
        if line.lower().startswith("content-disposition:"):
            return line
    return ""


def _store(data: _Data, start: int, end: int, filename: str, directory: Path) -> Upload:
    digest = hashlib.sha256()
    with tempfile.NamedTemporaryFile(dir=directory, delete=False) as file:
        for offset in range(start, end, PIECE):
            piece = data[offset : min(offset + PIECE, end)]
            digest.update(piece)
            file.write(piece)
    return Upload(filename, {}, Path(file.name), digest.hexdigest(), end - start)
