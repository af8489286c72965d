"""Names of sources and words of commands that somebody chose with care."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.attacks.arena import EVIL_URL, NAME, URL, Arena, assert_clean

LEADS_OUT = {
    "dots": "../../../../escape",
    "absolute": "{outside}/escape",
    "parent": "..",
    "escapes": "\x1b[31mred\x1b]0;title\x07",
    "long": "x" * 300,
}
STRANGE = (
    "a/b",
    r"a\..\b",
    'quo"te',
    "quo'te",
    "<error>markup</error>",
    "</>",
    "{cache-dir}",
    "$(touch pwned)",
    "company.passphrase",
    " company ",
    "cоmpany",
    "com\u202eynap",
    "-r",
    "%s%n",
    "ｐypi",
)


def outside_of(arena: Arena, root: Path) -> set[Path]:
    """Every path below ``root`` but for Poetry's cache and the user's settings."""
    mine = (arena.home.root / "cache", arena.home.config, arena.home.keyring_home)
    return {
        path for path in root.rglob("*") if not any(path.is_relative_to(folder) for folder in mine)
    }


@pytest.mark.parametrize("name", LEADS_OUT.values(), ids=LEADS_OUT)
def test_a_name_that_is_no_folder_of_the_cache(arena: Arena, tmp_path: Path, name: str) -> None:
    """Poetry names a folder after it; nothing is written elsewhere, and nothing of it acts on the
    terminal.
    """
    name = name.format(outside=tmp_path)
    arena.project("public-lib", sources={name: EVIL_URL})
    before = outside_of(arena, tmp_path)
    done = arena.home.fails("lock", "-v")
    assert "cannot be used" in done.text
    assert outside_of(arena, tmp_path) == before
    assert arena.evil.requests == []
    assert_clean(done)


def test_strange_names_are_only_names(arena: Arena, tmp_path: Path) -> None:
    """They lock, nobody's credential goes with them, no file appears elsewhere, and lists show them
    harmlessly.
    """
    arena.project("public-lib", sources=dict.fromkeys(STRANGE, EVIL_URL))
    before = outside_of(arena, tmp_path)
    done = arena.home.ok("lock", "-v")
    assert outside_of(arena, tmp_path) - before == {arena.home.project / "poetry.lock"}
    assert_clean(done)
    listed = arena.home.ok("repo", "list")
    assert listed.out.count(EVIL_URL.rstrip("/")) == len(STRANGE)
    assert "<error>markup</error>" in listed.out
    assert "\u202e" not in listed.text
    assert_clean(listed)


@pytest.mark.parametrize("name", ["ｐypi", "'; touch pwned #"])
def test_a_strange_name_that_is_refused(arena: Arena, tmp_path: Path, name: str) -> None:
    """A name that no repository can have is in no command that one is told to type."""
    arena.project("public-lib", sources={name: EVIL_URL})
    arena.refuse()
    done = arena.home.fails("lock")
    assert "Try: poetry repo login NAME\n" in done.text
    assert_clean(done)


WORDS = (
    "../escape",
    "a/b",
    "",
    "quo'te",
    "\x1b[31mred",
    "new\nline",
    "x" * 300,
    "<error>x</error>",
    "ｐypi",
    "a..b",
)


def test_names_as_words(arena: Arena, tmp_path: Path) -> None:
    """What cannot be a name in every file, variable and keyring is not taken for one, and nothing
    is written.
    """
    arena.project(url=URL)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.toml")}
    for number, name in enumerate(WORDS):
        words = (
            ("repo", "add", "--", name, EVIL_URL)
            if number % 2
            else ("repo", "login", name, "--token", "x", "--url", EVIL_URL)
        )
        done = arena.home.fails(*words)
        assert_clean(done)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.toml")} == before
    assert not list(tmp_path.rglob("*escape*"))


def test_twin_good_names(arena: Arena) -> None:
    arena.project(url=URL)
    arena.home.ok("repo", "add", "my-repo.2_x", EVIL_URL)
    assert "my-repo.2_x" in arena.home.ok("repo", "list").out
    assert NAME in arena.home.ok("repo", "show", NAME.upper()).out
