"""A secret is a type: it never prints, and taking it out is an explicit call."""

from __future__ import annotations

import hmac
from typing import NoReturn


class Secret:
    """A password, token or passphrase.

    It prints as ``****`` in every form (``str``, ``repr``, ``format``, tracebacks that show locals, ``dataclass``
    reprs) and refuses to be pickled. :meth:`reveal` is the one way to the text.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, exactly as it was given."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(_bytes(self._text), _bytes(other._text))

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __str__(self) -> str:
        return "****"

    def __repr__(self) -> str:
        return "Secret(****)"

    def __format__(self, spec: str) -> str:
        return format("****", spec)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Secret is not serialised")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # an environment variable need not be UTF-8
