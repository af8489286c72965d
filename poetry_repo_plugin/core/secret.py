"""A secret is a type: it never prints, and taking it out is an explicit call."""

from __future__ import annotations

import base64
import hmac
import json
import re
from typing import NoReturn
from urllib.parse import quote, quote_plus

_met: set[str] = set()  # the texts of this run's secrets; never printed
_searched: tuple[int, re.Pattern[str] | None] = (0, None)
_SHORTEST = 4  # characters; what is shorter would be found everywhere
_LONG = 12  # a secret of letters only may be a word of ours, unless it is so long


class Secret:
    """A password, token or passphrase.

    It prints as ``****`` in every form (``str``, ``repr``, ``format``, tracebacks that show locals,
    ``dataclass`` reprs) and refuses to be pickled. :meth:`reveal` is the one way to the text.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text
        remember(text)

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


def remember(text: str) -> None:
    """From now on ``text``, a secret, is hidden in all that is shown."""
    is_word = text.isalpha() and text.islower() and len(text) < _LONG
    if len(text) >= _SHORTEST and not is_word:
        _met.add(text)


def masked(text: str) -> str:
    """``text`` with ``****`` in place of each secret that this run has met, in any usual form.

    A short one counts only where it stands alone.
    """
    global _searched
    if not _met:
        return text
    count, pattern = _searched
    if count != len(_met) or pattern is None:
        forms = {form for secret in _met.copy() for form in _forms(secret)}
        pattern = re.compile(
            "|".join(_found_as(form) for form in sorted(forms, key=len, reverse=True))
        )
        _searched = (len(_met), pattern)
    return pattern.sub("****", text)


def _forms(secret: str) -> set[str]:
    raw = _bytes(secret)
    encoded = {base64.b64encode(raw).decode("ascii"), base64.urlsafe_b64encode(raw).decode("ascii")}
    quoted = {quote(raw, safe=""), quote(raw), quote_plus(raw)}
    # Poetry shows the text of some answers as Python shows bytes.
    written = {secret, repr(secret)[1:-1], repr(raw)[2:-1], json.dumps(secret)[1:-1]}
    written |= {form.replace("\\", "\\\\") for form in written}  # JSON in bytes
    return {*written, *encoded, *quoted, *(form.rstrip("=") for form in encoded)}


def _found_as(form: str) -> str:
    if len(form) >= 8:
        return re.escape(form)
    return rf"(?<!\w){re.escape(form)}(?!\w)"


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # an environment variable need not be UTF-8
