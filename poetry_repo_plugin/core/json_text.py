"""JSON that somebody else wrote: a server, a tool, a token."""

from __future__ import annotations

import json
from typing import Union

ENOUGH = 256 * 1024  # bytes: a cloud's token has 2 KB, a helper's certificate 10
_DEEPEST = 32  # nested lists and objects


class NotJson(ValueError):
    """It cannot be read, or has a size or depth that nothing honest has."""


def parse_json(text: Union[str, bytes], *, most: int = ENOUGH) -> object:
    """The document in ``text`` (UTF-8, with or without a byte order mark). Raises :class:`NotJson`
    and nothing else.

    What is returned is so flat that it can be printed and compared without a thought.

    :param most: bytes, or characters; beyond them nothing is parsed.
    """
    document = parse_any_depth(text, most=most)
    if not _is_flat(document):
        raise NotJson("it is nested too deeply")
    return document


def parse_any_depth(text: Union[str, bytes], *, most: int | None = None) -> object:
    """The same for a page of an index, which may have megabytes and of which a key or two are
    looked at.
    """
    if most is not None and len(text) > most:
        raise NotJson(f"it has more than {most} bytes")
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8-sig")
        return json.loads(text)
    except (ValueError, RecursionError):
        raise NotJson("it is not JSON") from None


def _is_flat(document: object) -> bool:
    level = [document]
    for _ in range(_DEEPEST):
        below: list[object] = []
        for value in level:
            if isinstance(value, dict):
                below.extend(value.values())
            elif isinstance(value, list):
                below.extend(value)
        if not below:
            return True
        level = below
    return False
