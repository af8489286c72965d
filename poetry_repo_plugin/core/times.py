"""Moments for people and for programs."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta, timezone

from poetry_repo_plugin.core import expiry
from poetry_repo_plugin.core.json_text import parse_json
from poetry_repo_plugin.core.secret import Secret


def now() -> datetime:
    """The present, aware, UTC."""
    return datetime.now(timezone.utc)


def rfc3339(moment: datetime | None) -> str | None:
    """``2026-11-22T08:29:09Z``, or ``None``."""
    if moment is None:
        return None
    return moment.astimezone(timezone.utc).replace(microsecond=0).isoformat().replace("+00:00", "Z")


def remaining(moment: datetime, at: datetime | None = None) -> str:
    """How long until ``moment``, in the largest fitting unit: ``12 days``, ``3 hours``, ``5
    minutes``, ``expired``.
    """
    left = moment - (at or now())
    if left <= timedelta(0):
        return "expired"
    for unit, length in (
        ("day", timedelta(days=1)),
        ("hour", timedelta(hours=1)),
        ("minute", timedelta(minutes=1)),
    ):
        count = left // length
        if count:
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return "under a minute"


def end_of_token(token: Secret) -> datetime | None:
    """When a JSON web token says that it ends (RFC 7519, 4.1.4); ``None`` for any other secret."""
    parts = token.reveal().split(".")
    if len(parts) != 3:
        return None
    try:
        claims = parse_json(base64.urlsafe_b64decode(parts[1] + "=="))
    except ValueError:
        return None
    if not isinstance(claims, dict):
        return None
    return expiry.from_json(claims.get("exp"))
