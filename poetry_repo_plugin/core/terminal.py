"""The one way of foreign text to a terminal: names, URLs and servers' words may be a stranger's, or
hold a secret.

What a terminal would act on is escaped: control characters, escape sequences, line ends,
bidirectional overrides and what has no width (Unicode categories Cc, Cf, Cs, Zl and Zp). Userinfo
in URLs is hidden, and so is every secret that this run has met, as it is, in base64 and
percent-encoded: a server may repeat what it was sent.
"""

from __future__ import annotations

import os
import sys

from poetry_repo_plugin.core.origin import redact
from poetry_repo_plugin.core.patterns import Pattern
from poetry_repo_plugin.core.secret import masked

_WILD = Pattern(
    r"[\x00-\x07\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
    r"|\x1b(?!\[[0-9;?]*[A-Za-z])"
)


def is_unattended() -> bool:
    """Whether nobody is there to type a command: in CI, or without a terminal."""
    if os.environ.get("CI", "").lower() not in ("", "0", "false"):
        return True
    return sys.stdin is None or sys.stdin.closed or not sys.stdin.isatty()


def printable(text: str) -> str:
    """``text`` as one line that can be shown."""
    text = without_secrets(text)
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def without_secrets(text: str) -> str:
    """``text`` with neither a secret of this run nor a URL's userinfo; nothing else of it
    changes.
    """
    text = masked(text)
    if "@" in text and "//" in text:
        return redact(text)
    return text


def tamed(text: str) -> str:
    """What Poetry is about to write, colours and cursor movements included, without what only a
    stranger would put there: other escape sequences, control characters, and what turns the
    direction of the text.
    """
    text = without_secrets(text)
    return _WILD.sub(lambda found: _escaped(found[0]), text)


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
