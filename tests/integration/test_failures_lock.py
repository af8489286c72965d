"""``poetry lock`` against everything that can be wrong: what it says, how soon, and after how many
tries.
"""

from __future__ import annotations

import pytest

from tests.integration.told import (
    Counter,
    Record,
    assert_clean,
    assert_no_later,
    assert_told,
    make_impatient,
    sleeps,
    spoiled,
    timed,
)
from tests.integration.world import World, names_locked
from tests.integration.wrong import FINAL, LOCK, PASSING, RETRIES, Wrong, rows
from tests.warm import WarmHome

pytestmark = pytest.mark.failures


@pytest.mark.parametrize("row", rows(LOCK, FINAL), ids=lambda row: row.name)
def test_final(world: World, row: Wrong, record_property: Record) -> None:
    """Told at once, after one try, and nothing is written; with the one thing put right, the same
    command works.
    """
    world.project("gamma")
    lock = world.home.project / "poetry.lock"

    def failing() -> float:
        with spoiled(world, row) as damage:
            seen = Counter(damage.server)
            done, seconds = timed(lambda: world.home.run("lock"))
        assert_told(done, row)
        assert seen[row.reaches or "connections"] == row.tries(LOCK)
        assert not lock.exists()
        record_property("failing", seconds)
        return seconds

    def passing() -> float:
        done, seconds = timed(lambda: world.home.ok("lock"))
        assert_clean(done)
        assert names_locked(world) == ["gamma-1.0"]
        lock.unlink()
        record_property("passing", seconds)
        return seconds

    assert_no_later(failing, passing)


@pytest.mark.parametrize("row", rows(LOCK, PASSING), ids=lambda row: row.name)
def test_passing(world: World, home: WarmHome, row: Wrong) -> None:
    """Tried again as often, and after as long a pause, as plain Poetry does; then told as what it
    is.
    """
    make_impatient(world.home)
    world.project("gamma")
    with spoiled(world, row) as damage:
        seen = Counter(damage.server)
        done = home.cold("lock")
    assert_told(done, row)
    if row.reaches:
        assert seen[row.reaches] == row.tries(LOCK)
    assert len(sleeps(world.home)) == RETRIES
    assert row.name == "429" or sleeps(world.home) == [0.5, 1.0, 1.5, 2.0, 2.5]
    assert not (world.home.project / "poetry.lock").exists()
    assert_clean(world.home.ok("lock"))
    assert names_locked(world) == ["gamma-1.0"]
