"""``poetry repo doctor --json`` against everything that can be wrong: the causes and hints that the
commands give.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.told import assert_clean, spoiled
from tests.integration.world import NAME, World
from tests.integration.wrong import FINAL, LOCK, PASSING, Wrong, rows
from tests.warm import WarmHome, parsed

pytestmark = pytest.mark.failures

WORDS = ("repo", "doctor", NAME, "--json", "--timeout", "2")


def checks(home: WarmHome, code: int) -> list[dict[str, Any]]:
    """What the checks of the one repository found, in their order; nothing else is on standard
    output.
    """
    done = home.run(*WORDS)
    assert done.code == code, done.text
    assert_clean(done)
    document = parsed(done)
    assert document["ok"] is (code == 0)
    (repository,) = document["repositories"]
    found: list[dict[str, Any]] = repository["checks"]
    return found


@pytest.mark.parametrize("row", rows(LOCK, (*FINAL, *PASSING)), ids=lambda row: row.name)
def test_row(world: World, home: WarmHome, row: Wrong) -> None:
    """The first check that fails has the cause; put right, all is well."""
    world.project("gamma")
    with spoiled(world, row):
        found = checks(home, code=1)
    first = next(check for check in found if check["state"] == "fail")
    assert first["cause"] == row.cause, found
    for words in row.says:
        assert words in first["message"], first
    hint = row.hint.removeprefix("Try: ")
    assert first["hint"] is None if not hint else first["hint"].startswith(hint), first
    assert [check["state"] for check in checks(home, code=0)] == ["ok"] * 7
