"""What a person sees fits the terminal that is there, from 40 to 200 columns."""

from __future__ import annotations

import re

import pytest

from tests.servers import IndexServer
from tests.warm import WarmHome

COLUMNS = (40, 80, 200)
NAME = "a-repository-of-the-company-with-a-long-name"


def painted(screen: str, columns: int) -> list[str]:
    """The lines that a terminal of so many columns shows: it folds what is too long itself."""
    rows, row, column = [[" "] * columns], 0, 0
    for char in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen):
        if char == "\r":
            column = 0
        elif char == "\n":
            row, column = row + 1, 0
        else:
            if column == columns:
                row, column = row + 1, 0
            while row >= len(rows):
                rows.append([" "] * columns)
            rows[row][column] = char
            column += 1
        while row >= len(rows):
            rows.append([" "] * columns)
    return ["".join(cells).rstrip() for cells in rows]


def seen(home: WarmHome, columns: int, *words: str) -> str:
    home.environ["COLUMNS"] = str(columns)
    with home.terminal(*words) as terminal:
        terminal.watch(0.1)
        terminal.end(60)
        return terminal.screen


@pytest.fixture
def known(home: WarmHome, open_index: IndexServer) -> WarmHome:
    (home.config / "poetry-repo-plugin.toml").write_text(
        f'[repositories.{NAME}]\nurl = "{open_index.index_url}"\n'
    )
    return home


@pytest.mark.parametrize("columns", COLUMNS)
def test_doctor(known: WarmHome, columns: int) -> None:
    """Nothing of the progress line is left, and each line fits but for one long word in it."""
    screen = seen(known, columns, "repo", "doctor")
    assert "Checking " in screen
    lines = painted(screen, columns)
    assert not any("Checking" in line for line in lines)
    assert lines[0] == NAME[:columns]
    printed = [line.rpartition("\r")[2] for line in screen.split("\n")]
    for line in printed:
        assert len(line) <= columns or " " not in line.strip()
    if columns == 200:
        assert max(map(len, printed)) > 80


@pytest.mark.parametrize("columns", COLUMNS)
@pytest.mark.parametrize("words", [("repo", "list"), ("repo", "show", NAME), ("repo",)])
def test_rows(known: WarmHome, words: tuple[str, ...], columns: int) -> None:
    for line in seen(known, columns, *words).splitlines():
        assert len(line) <= columns or not re.search(r"\S {1,}\S", line[columns // 2 :])


def test_twin_a_pipe_gets_whole_rows(known: WarmHome) -> None:
    known.environ["COLUMNS"] = "40"
    done = known.ok("repo", "show", NAME)
    assert f"name          {NAME}\n" in done.out
