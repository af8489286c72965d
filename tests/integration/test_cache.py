"""Poetry's caches of an index: damaged entries count as not there, and Poetry's own commands find
what we keep.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests import packages
from tests.integration.world import NAME, World, names_locked, source
from tests.servers import IndexServer

pytestmark = pytest.mark.paths


@pytest.fixture(autouse=True)
def _open_index(world: World) -> None:
    """A project that is locked once; what its index is asked for from now on is recorded."""
    world.lock_without_env()
    world.index.index.cache_control = "max-age=600"
    world.project("gamma", "delta")
    lock_again(world)
    world.index.clear()


def lock_again(world: World) -> None:
    (world.home.project / "poetry.lock").unlink(missing_ok=True)
    world.home.ok("lock")
    assert names_locked(world) == ["delta-1.0", "gamma-1.0"]


def folder_of(world: World, name: str = NAME) -> Path:
    return world.home.root / "cache" / "cache" / "repositories" / name


def entries(world: World) -> list[Path]:
    """The files of Poetry's HTTP cache."""
    return [path for path in folder_of(world).rglob("*") if path.is_file() and "_http" in str(path)]


def releases(world: World) -> list[Path]:
    """The files of its cache of metadata."""
    return [
        path for path in folder_of(world).rglob("*") if path.is_file() and "_http" not in str(path)
    ]


def remove_bodies(world: World) -> None:
    separate = [path for path in entries(world) if path.suffix == ".body"]
    for path in separate or entries(world):
        path.unlink()


def of_each(path: Callable[[Path], object]) -> Callable[[World], None]:
    def damage(world: World) -> None:
        assert entries(world)
        for entry in entries(world):
            path(entry)

    return damage


def in_place_of(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGE: dict[str, Callable[[World], None]] = {
    "no body": remove_bodies,
    "cut": of_each(lambda path: path.write_bytes(path.read_bytes()[:-9])),
    "garbage": of_each(lambda path: path.write_bytes(b"cc=4,\x93\xc1garbage")),
    "a folder": of_each(in_place_of),
}


class TestTheHttpCache:
    def test_saves_requests(self, world: World) -> None:
        lock_again(world)
        assert world.index.requests == []

    @pytest.mark.parametrize("damage", DAMAGE)
    def test_a_damaged_entry_is_fetched_anew(self, world: World, damage: str) -> None:
        """Plain Poetry calls it the network's fault, or no index, at every run until the cache is
        deleted.
        """
        DAMAGE[damage](world)
        lock_again(world)
        assert {request.status for request in world.index.requests} == {200}
        if damage != "a folder":
            world.index.clear()
            lock_again(world)
            assert world.index.requests == []

    @pytest.mark.parametrize("damage", ["no body", "cut"])
    def test_a_damaged_entry_is_not_asked_for_by_its_etag(self, world: World, damage: str) -> None:
        world.index.index.cache_control = "max-age=0"
        remove_bodies(world)
        lock_again(world)
        world.index.clear()
        lock_again(world)
        assert {request.status for request in world.index.requests} == {304}
        world.index.clear()
        DAMAGE[damage](world)
        lock_again(world)
        assert {request.status for request in world.index.requests} == {200}


class TestTheCacheOfMetadata:
    @pytest.mark.parametrize(
        "damage",
        [
            lambda path: path.write_bytes(path.read_bytes()[:-9]),
            lambda path: path.write_bytes(b"9999999999[1]"),
            in_place_of,
        ],
        ids=["cut", "a list", "a folder"],
    )
    def test_a_damaged_entry_is_fetched_anew(
        self, world: World, damage: Callable[[Path], object]
    ) -> None:
        assert len(releases(world)) == 2
        for path in releases(world):
            damage(path)
        lock_again(world)

    def test_a_cache_that_cannot_be_written_ends_nothing(self, world: World) -> None:
        world.home.ok("cache", "clear", NAME, "--all", "-n")
        folder_of(world).write_text("no folder can be made here")
        lock_again(world)


class TestPoetrysCommands:
    def test_cache_list_names_the_repositories(self, world: World) -> None:
        assert world.home.ok("cache", "list").out.split() == [NAME]

    def test_cache_clear_all_forgets_every_url(self, world: World) -> None:
        with IndexServer() as other:
            other.add_all((packages.wheel("gamma", "1.0"), packages.wheel("delta", "1.0")))
            world.home.write_project(
                dependencies=("gamma", "delta"), extra=source(NAME, other.index_url)
            )
            lock_again(world)
            asked = len(other.requests)
            assert asked
            world.home.ok("cache", "clear", NAME, "--all", "-n")
            assert not folder_of(world).exists()
            other.clear()
            lock_again(world)
            assert len(other.requests) == asked

    def test_cache_clear_of_a_release_forgets_it(self, world: World) -> None:
        assert len(releases(world)) == 2
        done = world.home.ok("cache", "clear", f"{NAME}:gamma:1.0", "-n")
        assert "No cache entries" not in done.text
        assert len(releases(world)) == 1
        assert (
            "No cache entries for gamma:1.0"
            in world.home.ok("cache", "clear", f"{NAME}:gamma:1.0", "-n").text
        )
        lock_again(world)
        assert len(releases(world)) == 2

    def test_twin_other_releases_stay(self, world: World) -> None:
        assert (
            "No cache entries for gamma:2.0"
            in world.home.ok("cache", "clear", f"{NAME}:gamma:2.0", "-n").text
        )
        assert len(releases(world)) == 2

    def test_cache_clear_of_what_is_not_there(self, world: World) -> None:
        assert (
            "No cache entries for other"
            in world.home.ok("cache", "clear", "other", "--all", "-n").text
        )
        assert (
            "No cache entries for gamma:1.0"
            in world.home.ok("cache", "clear", "other:gamma:1.0", "-n").text
        )
