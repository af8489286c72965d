"""What Poetry caches under a name belongs to the URL that it came from: a project that reuses the
name neither reads nor writes it, be the name logged in, only remembered, or known to nobody.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests import packages
from tests.attacks.arena import EVIL, EVIL_URL, HOST, NAME, URL, Arena

OPEN = "open"
DEPENDENCY = "private-lib (==1.0)"
REAL = packages.wheel("private-lib", "1.0")
FAKE = packages.wheel("private-lib", "1.0", ["public-lib"])


@pytest.fixture(params=["unknown", "remembered", "logged in"])
def name(arena: Arena, request: pytest.FixtureRequest) -> str:
    """The company's index under the name that the attacker reuses; both have a file of the same
    name.
    """
    arena.evil.add(*FAKE)
    if request.param == "logged in":
        return NAME
    arena.company.index.credentials = None
    if request.param == "remembered":
        arena.home.ok("repo", "add", OPEN, URL, cwd=arena.home.root)
    return OPEN


def lock(arena: Arena, name: str, url: str, *options: str) -> None:
    """A project of its own, locked; what the servers saw of it is all that is recorded."""
    (arena.home.project / "poetry.lock").unlink(missing_ok=True)
    arena.project(DEPENDENCY, sources={name: url})
    arena.company.clear()
    arena.evil.clear()
    arena.home.ok(*options, "lock")


def assert_locked(arena: Arena, wheel: packages.Distribution, *packages_: str) -> None:
    assert arena.locked() == sorted(packages_)
    (locked,) = (
        package for package in arena.home.lock()["package"] if package["name"] == "private-lib"
    )
    assert [file["hash"] for file in locked["files"]] == [
        f"sha256:{hashlib.sha256(wheel[1]).hexdigest()}"
    ]


def assert_real(arena: Arena) -> None:
    assert_locked(arena, REAL, "private-lib-1.0")


def assert_fake(arena: Arena) -> None:
    assert_locked(arena, FAKE, "private-lib-1.0", "public-lib-1.0")


def cache(arena: Arena) -> Path:
    return arena.home.root / "cache" / "cache" / "repositories"


def test_the_real_project_locks_nothing_that_a_stranger_said(arena: Arena, name: str) -> None:
    lock(arena, name, EVIL_URL)
    assert_fake(arena)
    lock(arena, name, URL)
    assert_real(arena)
    lock(arena, name, EVIL_URL)
    lock(arena, name, URL)
    assert_real(arena)


def test_a_stranger_s_project_reads_nothing_of_the_company(arena: Arena, name: str) -> None:
    """Else it would ask its own index for what the company's packages require."""
    lock(arena, name, URL)
    assert_real(arena)
    before = {path: path.read_bytes() for path in cache(arena).rglob("*") if path.is_file()}
    lock(arena, name, EVIL_URL)
    assert_fake(arena)
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize("name", ["unknown", "remembered"], indirect=True)
def test_what_plain_poetry_left_behind_is_not_believed(arena: Arena, name: str) -> None:
    """Nobody knows from which URL it came."""
    lock(arena, name, EVIL_URL, "--no-plugins")
    assert_fake(arena)
    lock(arena, name, URL)
    assert_real(arena)


@pytest.mark.parametrize(
    ("spelling", "url"),
    [
        ("./{name}", EVIL_URL),
        ("{name}/.", EVIL_URL),
        ("{name}/urls", EVIL_URL),
        ("{name}/_http_", EVIL_URL),
        ("{name}", f"https://{EVIL}/simple"),
        ("{name}", f"https://{HOST}/evil/simple/"),
    ],
)
def test_another_spelling_of_the_folder_leads_to_no_other_s(
    arena: Arena, spelling: str, url: str
) -> None:
    arena.company.index.credentials = None
    arena.evil.add(*FAKE)
    arena.company.indexes[-1].add(*FAKE)
    lock(arena, spelling.format(name=OPEN), url)
    assert_fake(arena)
    lock(arena, OPEN, URL)
    assert_real(arena)


@pytest.mark.parametrize("spelling", ["PyPI/.", "./PyPI"])
def test_pypi_s_own_cache_is_no_other_index_s(arena: Arena, spelling: str) -> None:
    arena.evil.add(*FAKE)
    lock(arena, spelling, EVIL_URL)
    assert_fake(arena)
    assert [path.name for path in (cache(arena) / "PyPI").iterdir()] == ["urls"]


def test_twin_the_company_s_own_cache_saves_its_requests(arena: Arena, name: str) -> None:
    """Also after a stranger used the name."""
    lock(arena, name, URL)
    assert any(path.endswith(".metadata") for path in arena.company.paths())
    lock(arena, name, EVIL_URL)
    lock(arena, name, URL)
    assert_real(arena)
    assert not any(path.endswith(".metadata") for path in arena.company.paths())
    assert [
        request.status
        for request in arena.company.requests
        if request.path.endswith("/private-lib/")
    ][-1] == 304
