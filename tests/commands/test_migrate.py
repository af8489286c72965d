"""``poetry repo migrate``: what is printed, what is written, and what Poetry makes of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.config.pyproject_texts import poetry_reads
from tests.poetry_process import PoetryHome
from tests.warm import WarmHome

HEAD = '[project] # the app\nname = "app"\nversion = "0.1.0"\n\n'
LEGACY = (
    HEAD + "# ours\n[[tool.poetry.source]]\n"
    'name = "foo" # why\nurl = "https://alice:s3cret@foo.example.org/simple/"\ndefault = false\nsecondary = false\n\n'
    '[[tool.poetry.source]]\nname = "bar"\nurl = "https://bar.example.org/simple/"\nsecondary = true # odd\n'
)
MIGRATED = (
    HEAD + "# ours\n[[tool.poetry.source]]\n"
    'name = "foo" # why\nurl = "https://alice:s3cret@foo.example.org/simple/"\npriority = "primary"\n\n'
    '[[tool.poetry.source]]\nname = "PyPI"  # keeps PyPI enabled\npriority = "primary"\n\n'
    '[[tool.poetry.source]]\nname = "bar"\nurl = "https://bar.example.org/simple/"\npriority = "supplemental" # odd\n'
)
CHANGES = (
    'foo: default = false, secondary = false → priority = "primary"',
    'bar: secondary = true → priority = "supplemental"',
    "PyPI: listed as primary behind foo, so that it stays on",
)
PASSWORD = "The URL of the source foo holds a password. Move it out: poetry repo doctor --fix"


@pytest.fixture
def pyproject(home: PoetryHome) -> Path:
    file = home.project / "pyproject.toml"
    file.write_text(LEGACY)
    return file


def test_it_rewrites_the_sources(home: PoetryHome, pyproject: Path, tmp_path: Path) -> None:
    """Also below the project's folder, and in a project that Poetry itself refuses to read."""
    below = home.project / "app"
    below.mkdir()
    (home.project / "poetry.lock").write_text("")
    mode = 0o640 if os.name == "posix" else pyproject.stat().st_mode & 0o777
    pyproject.chmod(mode)
    done = home.run("repo", "migrate", cwd=below)
    assert (done.code, done.out) == (0, "")
    assert done.err.splitlines() == [
        *CHANGES,
        PASSWORD,
        "The sources have changed, so poetry.lock is out of date. Next: poetry lock",
    ]
    assert pyproject.read_text() == MIGRATED
    assert pyproject.stat().st_mode & 0o777 == mode
    assert poetry_reads(MIGRATED, tmp_path / "probe") == [
        "foo primary",
        "PyPI primary",
        "bar supplemental",
    ]
    again = home.ok("repo", "migrate")
    assert again.text.splitlines() == [
        PASSWORD,
        "Nothing to migrate: Poetry 2 can read these sources.",
    ]
    assert pyproject.read_text() == MIGRATED


def test_dry_run(home: PoetryHome, pyproject: Path) -> None:
    """The difference goes to standard output, without the password; nothing is written, not even a
    lock.
    """
    done = home.ok("repo", "migrate", "--dry-run")
    assert pyproject.read_text() == LEGACY
    assert list(home.config.iterdir()) == []
    lines = done.out.splitlines()
    assert lines[:2] == ["--- pyproject.toml", "+++ pyproject.toml"]
    for line in (
        "-default = false",
        "-secondary = false",
        '+priority = "primary"',
        '+name = "PyPI"  # keeps PyPI enabled',
    ):
        assert line in lines
    assert ' url = "https://****@foo.example.org/simple/"' in lines
    assert "s3cret" not in done.text
    assert done.err.splitlines() == [
        *CHANGES,
        PASSWORD,
        "Nothing was changed; run it without --dry-run to apply this.",
    ]


def test_plain_sources(home: WarmHome) -> None:
    """Poetry 2 reads them, so nobody but this command touches them: PyPI is on again behind it."""
    file = home.project / "pyproject.toml"
    file.write_text(
        f'{HEAD}[[tool.poetry.source]]\nname = "foo"\nurl = "https://foo.example.org/simple/"\n'
    )
    home.run("repo", "doctor", "foo", "--fix", "--timeout", "0.001")
    assert "priority" not in file.read_text()
    assert "migrate" not in home.ok("repo").text
    home.says(
        *("repo", "migrate"),
        err='foo: no priority → priority = "primary"\nPyPI: listed as primary behind foo, so that it is on again. '
        "To keep it off: poetry repo add foo --default\nPoetry 2 can read these sources now. Next: poetry lock\n",
    )
    migrated = file.read_text()
    home.says("repo", "migrate", err="Nothing to migrate: Poetry 2 can read these sources.\n")
    assert file.read_text() == migrated
    home.ok("repo", "add", "foo", "--default")
    assert "PyPI" not in file.read_text()
    home.says("repo", "migrate", err="Nothing to migrate: Poetry 2 can read these sources.\n")


def test_what_cannot_be_edited_here(home: WarmHome) -> None:
    """The loop from Poetry's refusal to this command and back ends here, with what to write."""
    file = home.project / "pyproject.toml"
    source = '{ name = "foo", url = "https://alice:s3cret@foo.example.org/", default = true }'
    file.write_text(f"{HEAD}[tool]\npoetry = {{ source = [{source}] }}\n")
    assert "Try: poetry repo migrate" in home.fails("lock").text
    home.refuses(
        *("repo", "migrate"),
        err="pyproject.toml is written in a form in which its sources cannot be edited here. It was not changed: "
        "write them as [[tool.poetry.source]] tables. What is to change: "
        'foo: default = true → priority = "primary"; PyPI: stays off.\n',
    )


@pytest.mark.parametrize("text", [None, "[tool.poetry]\nsource = [1]\n"])
def test_what_cannot_be_migrated(home: PoetryHome, text: str | None) -> None:
    file = home.project / "pyproject.toml"
    if text is not None:
        file.write_text(text)
    done = home.fails("repo", "migrate")
    assert done.out == ""
    assert (
        "No pyproject.toml was found here or in a parent folder."
        if text is None
        else "pyproject.toml"
    ) in done.err
    assert (file.read_text() if file.exists() else None) == text


def test_the_url_of_pypi_goes(home: WarmHome) -> None:
    file = home.write_project(
        extra='[[tool.poetry.source]]\nname = "PyPI"\nurl = "https://pypi.org/simple/"\npriority = "primary"\n'
    )
    done = home.ok("repo", "migrate")
    assert "PyPI: its URL is removed, because it is built into Poetry\n" in done.err
    assert "url" not in file.read_text().partition("[[tool.poetry.source]]")[2]
    home.ok("check")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ('name = "PyPI"\nurl = "https://mirror.example.org/simple/"', "has a URL of its own"),
        (
            'name = "a"\nurl = "https://a.example.org/"\nverify = false',
            "has verify, which Poetry does not know",
        ),
        ('name = "a"\nurl = "https://${USER}@a.example.org/"', "holds a variable"),
        (
            'name = "a"\nurl = "https://a.example.org/"\n[[tool.poetry.source]]\nname = "A"\nurl = "https://b/"',
            "two",
        ),
    ],
)
def test_what_poetry_2_does_not_read_is_not_called_readable(
    home: WarmHome, source: str, said: str
) -> None:
    home.write_project(extra=f"[[tool.poetry.source]]\n{source}\n")
    done = home.fails("repo", "migrate")
    assert "Poetry 2 cannot read these sources yet: " in done.err
    assert said in done.err
