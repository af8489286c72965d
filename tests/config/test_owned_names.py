"""Patterns of names, whose they are, and what of a lock file comes from elsewhere."""

from __future__ import annotations

import fnmatch
import re
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poetry_repo_plugin.config.owned_names import OwnedNames, Owner, elsewhere, owned_names
from poetry_repo_plugin.config.project import read_project
from poetry_repo_plugin.config.settings import Settings
from poetry_repo_plugin.core.package_names import matches, normalized, pattern_of

WORDS = st.lists(st.text("abcxyz019", min_size=1, max_size=4), min_size=1, max_size=4)
PARTS = st.lists(st.text("ab019*?", min_size=1, max_size=3), min_size=1, max_size=4)
SEPARATORS = st.sampled_from(["-", "_", ".", "--", "-_", "__."])


def spelled(draw: Any, parts: list[str]) -> str:
    """``parts`` as one name, in any of its spellings."""
    name = parts[0]
    for part in parts[1:]:
        name += draw(SEPARATORS) + part
    return "".join(one.upper() if draw(st.booleans()) else one for one in name)


def owned(*patterns: str) -> OwnedNames:
    return OwnedNames([Owner("acme", one, "pyproject.toml", True) for one in patterns])


class TestPatterns:
    @given(st.data(), WORDS)
    def test_every_spelling_is_the_same_name(self, data: st.DataObject, parts: list[str]) -> None:
        pattern, name = (spelled(data.draw, parts) for _ in range(2))
        assert owned(pattern).owners_of(name)

    @given(st.data(), PARTS, WORDS)
    def test_spelling_makes_no_difference(
        self, data: st.DataObject, parts: list[str], words: list[str]
    ) -> None:
        """Neither of the pattern nor of the name."""
        plain = bool(owned("-".join(parts)).owners_of("-".join(words)))
        other = owned(spelled(data.draw, parts)).owners_of(spelled(data.draw, words))
        assert bool(other) is plain

    @given(st.text("ab-*?", max_size=8), st.text("ab-", max_size=8))
    def test_the_same_as_fnmatch(self, pattern: str, name: str) -> None:
        """Which knows more, and takes longer for many stars."""
        assert matches(pattern, name) is fnmatch.fnmatchcase(name, pattern)

    @given(st.text(max_size=12))
    def test_what_is_a_pattern_could_match_a_name(self, text: str) -> None:
        pattern = pattern_of(text)
        if pattern is not None:
            name = pattern.replace("*", "x").replace("?", "x")
            assert re.fullmatch(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?", name)
            assert matches(pattern, normalized(name))

    @pytest.mark.parametrize(
        "text",
        [
            *("", " ", "acme *", "acme-*\n", "[a-z]", "acme-[ab]", "a/b", "../acme", "acme-", "-*"),
            *("acme,other", "{a,b}", "ącme", "acme-\u212a", "https://x", "\x1b[31m"),
        ],
    )
    def test_what_is_none(self, text: str) -> None:
        found = owned(text)
        assert not found
        (line,) = found.ignored
        assert line.endswith("use letters, digits, '.', '-', '_', '*' and '?'.")
        assert line.isprintable()

    def test_many_stars_take_no_time(self) -> None:
        """A project's pattern is a stranger's."""
        begun = time.monotonic()
        assert not matches("*a" * 200 + "b", "a" * 4000)
        assert time.monotonic() - begun < 20


class TestOwners:
    def test_from_the_user_and_the_project(self, tmp_path: Path) -> None:
        (tmp_path / "poetry-repo-plugin.toml").write_text(
            '[repositories.acme]\npackages = ["acme-*", 5, {a = 1}]\n'
            '[repositories."dotted.name"]\npackages = "one-word"\n'
        )
        file = tmp_path / "pyproject.toml"
        file.write_text(
            '[tool.poetry-repo-plugin.Acme]\npackages = ["Acme_x", "a/b"]\n'
            '[tool.poetry-repo-plugin.evil]\npackages = ["acme-*"]\n'
        )
        found = owned_names(Settings(tmp_path), read_project(file))
        acme, evil = found.owners_of("acme.X")
        assert (acme.repository, acme.by_project) == ("acme", False)
        assert (evil.repository, evil.by_project) == ("evil", True)
        assert [one.repository for one in found.owners_of("one_word")] == ["dotted.name"]
        assert found.owners_of("requests") == ()
        assert found.patterns_of("ACME") == ["acme-*", "5", "Acme_x"]
        assert len(found.ignored) == 2

    def test_none(self, tmp_path: Path) -> None:
        assert not owned_names(Settings(tmp_path), None)


class TestLockFile:
    def holders(self, *packages: dict[str, Any], direct: Any = ()) -> list[tuple[str, str]]:
        found = elsewhere(packages, owned("acme-*").owners_of, direct)
        return [(one.name, one.holder) for one in found]

    def package(self, name: str, kind: str | None = None, **source: str) -> dict[str, Any]:
        return {"name": name, **({"source": {"type": kind, **source}} if kind else {})}

    def test_where_names_come_from(self) -> None:
        url = "https://pypi.example.org/"
        git = self.package("acme-git", "git", url=f"{url}git")
        assert self.holders(
            self.package("Acme.A"),
            self.package("acme-b", "legacy", url=url, reference="acme"),
            self.package("acme-c", "legacy", url=url, reference="ACME"),
            self.package("acme-d", "legacy", url=url, reference="other"),
            self.package("acme-e", "directory", url="../e"),
            self.package("acme-f", "url", url=f"{url}f.whl"),
            git,
            self.package("requests"),
        ) == [
            ("acme-a", "PyPI"),
            ("acme-d", "other"),
            ("acme-f", f"{url}f.whl"),
            ("acme-git", f"{url}git"),
        ]
        assert self.holders(git, direct={("acme-git", f"{url}git")}) == []

    def test_what_is_no_package_as_poetry_writes_it(self) -> None:
        assert self.holders({}, {"name": 5}, {"name": "acme-x", "source": "y"}) == [
            ("acme-x", "PyPI")
        ]
