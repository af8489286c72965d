"""Moments for people and for programs."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta, timezone

import pytest

from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.core.times import end_of_token, now, remaining, rfc3339

NOON = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (timedelta(days=12, hours=5), "12 days"),
        (timedelta(days=1, hours=23), "1 day"),
        (timedelta(hours=3, minutes=59), "3 hours"),
        (timedelta(minutes=1), "1 minute"),
        (timedelta(seconds=59), "under a minute"),
        (timedelta(0), "expired"),
        (-timedelta(days=1), "expired"),
    ],
)
def test_remaining(left: timedelta, said: str) -> None:
    assert remaining(NOON + left, NOON) == said


def test_rfc3339_is_utc_in_whole_seconds() -> None:
    there = datetime(2026, 11, 22, 14, 0, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
    assert rfc3339(there) == "2026-11-22T12:00:00Z"
    assert rfc3339(None) is None
    assert now().tzinfo is timezone.utc


def token(claims: object) -> Secret:
    middle = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return Secret(f"e30.{middle}.c2ln")


def test_the_end_of_a_json_web_token() -> None:
    """RFC 7519, 4.1.4."""
    assert end_of_token(token({"exp": 1_795_348_800})) == datetime(
        2026, 11, 22, 12, tzinfo=timezone.utc
    )


@pytest.mark.parametrize(
    "secret",
    [
        *map(Secret, ("", "hunter2", "a.b", "a.b.c", "a.é.c", "a.////.c")),
        *map(token, ([], {}, {"exp": None}, {"exp": 1e300}, {"exp": True}, "x")),
    ],
)
def test_twin_any_other_secret_says_nothing(secret: Secret) -> None:
    assert end_of_token(secret) is None
