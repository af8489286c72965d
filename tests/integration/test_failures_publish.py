"""``poetry publish`` against everything that can be wrong: what it says, how soon, and after how
many tries.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import packages
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
from tests.integration.world import NAME, World
from tests.integration.wrong import FINAL, PASSING, PUBLISH, Wrong, rows
from tests.warm import WarmHome

pytestmark = pytest.mark.failures

WORDS = ("publish", "-r", NAME)


@pytest.fixture(autouse=True)
def dist(world: World) -> Path:
    """A project with one wheel ready in ``dist``."""
    world.project()
    name, content = packages.wheel("app", "0.1.0")
    folder = world.home.project / "dist"
    folder.mkdir()
    (folder / name).write_bytes(content)
    return folder / name


@pytest.mark.parametrize("row", rows(PUBLISH, FINAL), ids=lambda row: row.name)
def test_final(world: World, dist: Path, row: Wrong, record_property: Record) -> None:
    """Told at once and after one try, and nothing passes for uploaded; put right, the same command
    uploads.
    """

    def failing() -> float:
        with spoiled(world, row) as damage:
            seen = Counter(damage.server)
            done, seconds = timed(lambda: world.home.run(*WORDS))
        assert_told(done, row)
        assert seen[row.reaches or "connections"] == row.tries(PUBLISH)
        assert world.index.uploads == []
        record_property("failing", seconds)
        return seconds

    def passing() -> float:
        done, seconds = timed(lambda: world.home.ok(*WORDS))
        assert_clean(done)
        assert [upload.filename for upload in world.index.uploads] == [dist.name]
        world.index.uploads.clear()
        del world.index.index.packages[dist.name]
        record_property("passing", seconds)
        return seconds

    assert_no_later(failing, passing)


@pytest.mark.parametrize("row", rows(PUBLISH, PASSING), ids=lambda row: row.name)
def test_passing(world: World, home: WarmHome, row: Wrong) -> None:
    """An upload is not tried again, as plain Poetry does not try it again."""
    make_impatient(world.home)
    with spoiled(world, row) as damage:
        seen = Counter(damage.server)
        done = home.cold(*WORDS)
    assert_told(done, row)
    if row.reaches:
        assert seen[row.reaches] == row.tries(PUBLISH)
    assert sleeps(world.home) == []
    assert world.index.uploads == []
