"""``poetry repo migrate``: the sources of 2022 in the words of Poetry 2, with their meaning
kept.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings

from poetry_repo_plugin.config import toml
from poetry_repo_plugin.config.migrate import migrate
from poetry_repo_plugin.config.project import legacy_word
from poetry_repo_plugin.config.sources import TURNED
from poetry_repo_plugin.core.errors import StateError
from tests.config.pyproject_texts import (
    comments,
    everything_else,
    poetry_reads,
    pool_names,
    project_texts,
    sources,
)

PROJECT = '[project]\nname = "probe"\nversion = "1"\n\n'


def source(name: str, words: str = "") -> str:
    return f'[[tool.poetry.source]]\nname = "{name}"\nurl = "https://{name}.example.org/simple"\n{words}\n'


@pytest.mark.parametrize(
    ("text", "order"),
    [
        (source("foo", "default = false\nsecondary = false\n"), ["foo primary", "PyPI primary"]),
        (source("foo") + source("bar", "secondary = true"), ["foo primary", "PyPI primary", "bar supplemental"]),
        (source("bar", "secondary = true"), ["PyPI primary", "bar supplemental"]),
        (source("corp", "default = true"), ["corp primary"]),
        (source("corp", "default = true") + source("foo"), ["foo primary", "corp primary"]),
        (
            source("corp", "default = true") + source("bar", "secondary = true") + source("foo"),
            ["foo primary", "corp primary", "bar supplemental"],
        ),
        (source("corp", 'priority = "default"') + source("foo"), ["foo primary", "corp primary"]),
        (source("bar", 'priority = "secondary"'), ["PyPI primary", "bar supplemental"]),
        (source("both", "default = true\nsecondary = true"), ["both primary"]),
        (
            source("x", 'priority = "explicit"') + source("bar", "secondary = true"),
            ["PyPI primary", "bar supplemental", "x explicit"],
        ),
        (
            source("d1", "default = true") + source("d2", "default = true") + source("foo"),
            ["foo primary", "d1 primary", "d2 primary"],
        ),
        (source("foo") + source("d1", "default = true") + source("d2", "default = true"),
         ["foo primary", "d1 primary", "d2 primary"]),
        (
            source("foo", "secondary = true") + '[[tool.poetry.source]]\nname = "PyPI"\npriority = "default"\n',
            ["PyPI primary", "foo supplemental"],
        ),
    ],
)  # fmt: skip
def test_poetry_reads_the_order_that_was_meant(tmp_path: Path, text: str, order: list[str]) -> None:
    from poetry.core.exceptions import PoetryCoreError
    from poetry.exceptions import PoetryError

    with pytest.raises((PoetryError, PoetryCoreError, RuntimeError, KeyError)):
        poetry_reads(PROJECT + text, tmp_path / "before")
    new, changes = migrate(PROJECT + text)
    assert changes
    assert poetry_reads(new, tmp_path / "after") == order
    assert migrate(new) == (new, [])


def test_exact_text() -> None:
    text = (
        '# file\n\n[tool.poetry]\nname = "x"\n\n# company\n[[tool.poetry.source]]\nname = "corp"\n'
        'url = "https://corp.example.org/simple"\ndefault = true   # no PyPI\n\n# plain\n[[tool.poetry.source]]\n'
        'name = "foo"\nurl = "https://foo.example.org/simple"\nsecondary = false # s\ndefault = false # d\n\n'
        "# floating\n\n[[tool.poetry.source]]\nsecondary = true\nname = 'sec'\nurl = 'https://sec.example.org/'\n[x]"
    )
    new, changes = migrate(text)
    assert new == (
        '# file\n\n[tool.poetry]\nname = "x"\n\n# plain\n[[tool.poetry.source]]\nname = "foo"\n'
        'url = "https://foo.example.org/simple"\n# s\npriority = "primary" # d\n\n# company\n[[tool.poetry.source]]\n'
        'name = "corp"\nurl = "https://corp.example.org/simple"\npriority = "primary"   # no PyPI\n\n'
        "# floating\n\n[[tool.poetry.source]]\npriority = \"supplemental\"\nname = 'sec'\n"
        "url = 'https://sec.example.org/'\n[x]"
    )
    assert changes == [
        'corp: default = true → priority = "primary"',
        'foo: default = false, secondary = false → priority = "primary"',
        'sec: secondary = true → priority = "supplemental"',
        "corp: moved behind foo",
        "PyPI: stays off",
    ]


def test_pypi_is_listed_behind_the_last_plain_source() -> None:
    text = PROJECT + source("foo") + source("sec", "secondary = true")
    new, changes = migrate(text.replace("\n", "\r\n"))
    assert new == (
        PROJECT
        + source("foo", 'priority = "primary"\n')
        + '[[tool.poetry.source]]\nname = "PyPI"  # keeps PyPI enabled\npriority = "primary"\n\n'
        + source("sec", 'priority = "supplemental"')
    ).replace("\n", "\r\n")
    assert changes == [
        'foo: no priority → priority = "primary"',
        'sec: secondary = true → priority = "supplemental"',
        "PyPI: listed as primary behind foo, so that it stays on",
    ]


def test_inline_array_with_its_comments(tmp_path: Path) -> None:
    text = (
        "[tool.poetry]\nsource = [\n  # the company\n"
        "  {name = 'corp', url = 'https://corp.example.org/', default = true},"
        " # last\n  {name = 'foo', url = 'https://foo.example.org/'} # first\n]\n"
    )
    new, changes = migrate(text)
    foo, corp = (
        source(name, 'priority = "primary"').replace("/simple", "/") for name in ("foo", "corp")
    )
    assert new == f"[tool.poetry]\n\n# first\n{foo}\n# the company\n# last\n{corp}"
    assert changes[-1] == TURNED
    assert poetry_reads(PROJECT + new, tmp_path) == ["foo primary", "corp primary"]


def test_what_was_chosen_of_two_flags_is_said() -> None:
    _, changes = migrate(source("both", "default = true\nsecondary = true"))
    assert changes == [
        "both: is both default and secondary; default wins",
        'both: default = true, secondary = true → priority = "primary"',
        "PyPI: stays off",
    ]


@pytest.mark.parametrize(
    "text", ["", PROJECT, source("foo"), source("foo", 'priority = "explicit"'), "tool.x = 1"]
)
def test_without_a_legacy_word_nothing_changes(text: str) -> None:
    assert migrate(text) == (text, [])


@pytest.mark.parametrize(
    ("text", "order"),
    [
        (source("foo"), ["foo primary", "PyPI primary"]),
        (source("foo") + source("bar"), ["foo primary", "bar primary", "PyPI primary"]),
        (
            source("foo") + source("x", 'priority = "explicit"'),
            ["foo primary", "PyPI primary", "x explicit"],
        ),
    ],
)
def test_plain_sources_have_pypi_behind_them_again(
    tmp_path: Path, text: str, order: list[str]
) -> None:
    """Poetry 2 reads these, and asks PyPI no more; so somebody has to want it."""
    assert "PyPI primary" not in poetry_reads(PROJECT + text, tmp_path / "before")
    assert migrate(PROJECT + text) == (PROJECT + text, [])
    new, changes = migrate(PROJECT + text, plain=True)
    last = order[order.index("PyPI primary") - 1].split()[0]
    assert changes[0] == 'foo: no priority → priority = "primary"'
    off = f"poetry repo add {last} --default"
    assert (
        changes[-1]
        == f"PyPI: listed as primary behind {last}, so that it is on again. To keep it off: {off}"
    )
    assert poetry_reads(new, tmp_path / "after") == order
    assert migrate(new, plain=True) == (new, [])


@pytest.mark.parametrize(
    "text",
    [
        PROJECT,
        source("foo", 'priority = "primary"'),  # as `poetry source add` of Poetry 2 writes it
        source("x", 'priority = "explicit"'),
        source("foo") + '[[tool.poetry.source]]\nname = "PyPI"\n',
        migrate(source("corp", "default = true") + source("foo"))[0],
        migrate(source("bar", "secondary = true"))[0],
    ],
)
def test_twin_what_poetry_2_means_by_its_words_stays(text: str) -> None:
    assert migrate(text, plain=True) == (text, [])


INLINE = '[{{ name = "foo", url = "https://foo.example.org/"{} }}]'


@pytest.mark.parametrize(
    "form",
    [
        "[tool]\npoetry = {{ source = {} }}\n",
        "tool = {{ poetry = {{ source = {} }} }}\n",
        "tool.poetry = {{ source = {} }}\n",
    ],
)
def test_what_cannot_be_edited_is_told_in_full(form: str) -> None:
    """Otherwise the hint of Poetry's refusal would lead here, and from here nowhere."""
    text = form.format(INLINE.format(", secondary = true"))
    with pytest.raises(StateError) as caught:
        migrate(text)
    assert caught.value.message == (
        "pyproject.toml is written in a form in which its sources cannot be edited here. It was not changed: write "
        'them as [[tool.poetry.source]] tables. What is to change: foo: secondary = true → priority = "supplemental".'
    )
    for good in (', priority = "supplemental"', ""):
        text = form.format(INLINE.format(good))
        assert migrate(text) == (text, [])
    with pytest.raises(StateError, match="poetry repo add foo --default"):
        migrate(text, plain=True)


def test_what_cannot_be_parsed_is_left() -> None:
    with pytest.raises(StateError, match=r"pyproject\.toml is not valid TOML.*line 1"):
        migrate("[[\n")


@settings(deadline=None)
@given(project_texts(legacy=True))
def test_migrate_twice_is_migrate_once(text: str) -> None:
    """All words of Poetry 2, no comment and no source lost, all else as before, and Poetry takes
    the pool.
    """
    new, changes = migrate(text)
    assert migrate(new) == (new, [])
    wanted, more = migrate(text, plain=True)
    assert migrate(wanted, plain=True) == (wanted, [])
    assert (wanted, more) == (new, changes) or not changes
    assert (new == text) == (not changes)
    assert comments(new) == sorted(line for line in comments(text))
    assert toml.same(everything_else(new), everything_else(text))
    old, now = sources(text), sources(new)
    assert (
        {one["name"] for one in old} | {"PyPI"}
        >= {one["name"] for one in now}
        >= {one["name"] for one in old}
    )
    if not changes or all(one.get("priority") == "explicit" for one in now):
        return
    assert all(one.keys() <= {"name", "url", "priority"} for one in now)
    off = any(legacy_word(one) == "default" for one in old) and all(
        one["name"] != "PyPI" for one in old
    )
    assert ("pypi" not in pool_names(new)) == off
    primaries = [
        one["name"] for one in now if one["name"] != "PyPI" and one.get("priority") == "primary"
    ]
    plain = [one["name"] for one in old if one["name"] in primaries and legacy_word(one) is None]
    assert primaries[: len(plain)] == plain
