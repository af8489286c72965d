"""A URL as a QR code, for a phone; drawn with half blocks, light on dark."""

from __future__ import annotations

import sys

from poetry_repo_plugin.core.wrapping import width_of

_BORDER = 2  # modules; the standard asks for four, and no reader misses two
_MARKS = {(True, True): "█", (True, False): "▀", (False, True): "▄", (False, False): " "}


def qr_lines(text: str) -> list[str]:
    """The lines to print; none where ``segno`` (the extra ``qr``) is missing, or the terminal is
    too narrow or has no such characters.
    """
    width = width_of(sys.stderr)
    encoding = (getattr(sys.stderr, "encoding", None) or "").lower()
    if width is None or encoding.replace("-", "") != "utf8":
        return []
    try:
        from segno import make_qr
    except ImportError:
        return []
    rows = [
        [not dark for dark in row] for row in make_qr(text, error="l").matrix_iter(border=_BORDER)
    ]
    if len(rows[0]) > width:
        return []
    if len(rows) % 2:
        rows.append([False] * len(rows[0]))
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return ["".join(_MARKS[pair] for pair in zip(*two, strict=True)) for two in pairs]
