"""Lines on a terminal: no word, command or URL is cut, and nothing is changed where there is no
terminal.
"""

from __future__ import annotations

import io
import os
import sys
import termios
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poetry_repo_plugin.core.wrapping import width_of, wrapped

URL = "https://gitlab.example.org/api/v4/projects/7/packages/pypi"


@pytest.mark.parametrize(
    ("line", "lines"),
    [
        ("short", ["short"]),
        ("", [""]),
        (
            "GitLab: A deploy token goes with its own user name; publish to a project, never to a group-of-projects.",
            [
                "GitLab: A deploy token goes with its own user name;",
                "publish to a project, never to a group-of-projects.",
            ],
        ),
        (
            f"lab: uploads go to {URL} and not to the index",
            ["lab: uploads go to", URL, "and not to the index"],
        ),
        (
            f"lab: poetry publish -r lab uploads to {URL}",
            ["lab: poetry publish -r lab uploads to", URL],
        ),
        (
            "What is stored belongs elsewhere. If it should be sent: poetry repo login lab --url https://example.org",
            [
                "What is stored belongs elsewhere. If it should be sent:",
                "poetry repo login lab --url https://example.org",
            ],
        ),
        (
            "acme is remembered; `poetry repo add acme --secondary` in a project to use it there.",
            [
                "acme is remembered; `poetry repo add acme --secondary`",
                "in a project to use it there.",
            ],
        ),
        (
            f"Try: poetry repo add lab {URL} --publish-url URL",
            [f"Try: poetry repo add lab {URL} --publish-url URL"],
        ),
    ],
)
def test_what_is_copied_stays_whole(line: str, lines: list[str]) -> None:
    assert wrapped(line, 56) == lines
    assert wrapped(line, None) == [line]


@given(
    st.text(st.characters(min_codepoint=33, max_codepoint=126) | st.just(" "), max_size=200),
    st.integers(20, 90),
)
def test_no_word_is_lost_or_cut(line: str, width: int) -> None:
    lines = wrapped(line, width)
    assert " ".join(lines).split() == line.split()
    for one in lines:
        assert (
            len(one) <= width
            or " " not in one.strip()
            or "poetry " in one
            or "`" in one
            or one.startswith("Try: ")
        )


class TestWidth:
    @pytest.fixture
    def terminal(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[IO[str]]:
        pty = pytest.importorskip("pty", reason="terminals as POSIX has them", exc_type=ImportError)
        monkeypatch.delenv("COLUMNS", raising=False)
        controller, line = pty.openpty()
        with os.fdopen(line, "w") as stream:
            yield stream
        os.close(controller)

    @pytest.mark.skipif(
        sys.version_info < (3, 11), reason="termios.tcsetwinsize came with Python 3.11"
    )
    @pytest.mark.parametrize(("columns", "width"), [(100, 100), (20, 20), (19, None), (0, 80)])
    def test_of_a_terminal(self, terminal: IO[str], columns: int, width: int | None) -> None:
        if sys.version_info >= (3, 11):
            termios.tcsetwinsize(terminal, (24, columns))
        assert width_of(terminal) == width

    @pytest.mark.parametrize(
        ("said", "width"), [("66", 66), ("", 80), ("wide", 80), ("0", 80), ("-5", 80)]
    )
    def test_that_the_environment_says(
        self, terminal: IO[str], monkeypatch: pytest.MonkeyPatch, said: str, width: int
    ) -> None:
        monkeypatch.setenv("COLUMNS", said)
        assert width_of(terminal) == width

    def test_twin_of_anything_else(
        self, terminal: IO[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COLUMNS", "66")
        with (tmp_path / "log").open("w") as file:
            assert width_of(file) is None
        assert width_of(file) is None  # closed
        assert width_of(io.StringIO()) is None
        assert width_of(None) is None
