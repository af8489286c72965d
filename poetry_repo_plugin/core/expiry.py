"""Times at which a credential stops working, as the vendors write them. All results are aware and
in UTC.
"""

from __future__ import annotations

import math
from datetime import datetime, timezone

from poetry_repo_plugin.core.patterns import Pattern

_FRACTION = Pattern(r"[.,](\d+)")


def from_text(text: str) -> datetime | None:
    """An RFC 3339 or ISO 8601 timestamp, also with ``Z``, a blank for ``T`` or nanoseconds; without
    a zone it is UTC.

    ``None`` for anything else.
    """
    # Python 3.10 reads neither "Z" nor fractions of other than 3 or 6 digits.
    plain = _FRACTION.sub(lambda match: "." + match[1][:6].ljust(6, "0"), text.strip(), count=1)
    if plain[-1:] in ("Z", "z"):
        plain = plain[:-1] + "+00:00"
    try:
        moment = datetime.fromisoformat(plain)
        return _utc(moment if moment.tzinfo is not None else moment.replace(tzinfo=timezone.utc))
    except (ValueError, OverflowError):
        return None


def from_local_text(text: str) -> datetime | None:
    """The same for a tool that writes the local time without a zone (``az``)."""
    try:
        return _utc(datetime.fromisoformat(text.strip()))
    except (ValueError, OverflowError, OSError):
        return None


def from_epoch(seconds: float) -> datetime | None:
    """POSIX time, in seconds. ``None`` for what is no time of this calendar."""
    if not math.isfinite(seconds):
        return None
    try:
        return datetime.fromtimestamp(seconds, timezone.utc)
    except (ValueError, OverflowError, OSError):
        return None


def from_json(value: object) -> datetime | None:
    """Whichever of a timestamp and POSIX seconds a JSON document holds. ``None`` where it is
    neither.
    """
    if isinstance(value, str):
        return from_text(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return from_epoch(float(value))
    except OverflowError:
        return None


def passed(moment: datetime | None) -> bool:
    """Whether the moment lies behind us; an unknown one does not."""
    return moment is not None and moment <= datetime.now(timezone.utc)


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(timezone.utc)
