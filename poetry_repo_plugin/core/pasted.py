"""What a pasted secret has too much of: the clipboard's, the shell's, or the header's.

A secret is never changed for it: a password may begin with a quote. It is told, so that whoever is
refused knows why.
"""

from __future__ import annotations

_PREFIXES = ("bearer ", "basic ", "token ", "authorization:", "export ")
_QUOTES = ("''", '""', "“”", "‘’", "``", "„“", "«»")
_BOM = "\ufeff"  # what some shells write in front of what they pipe


def oddity_of(text: str) -> str | None:
    """What is odd about a secret, a clause that does not quote it; ``None`` for nothing."""
    if text.startswith(_BOM):
        return "begins with a byte order mark, which some shells and editors add"
    if text != text.strip():
        return "begins or ends with white space"
    if len(text) > 1 and text[0] + text[-1] in _QUOTES:
        return "is in quotes"
    for prefix in _PREFIXES:
        if text.lower().startswith(prefix):
            return f"begins with “{text[: len(prefix)].strip()}”"
    return None
