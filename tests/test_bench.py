"""The bench itself: that each room can be run, and that a room that breaks is told and takes no
other along.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.bench import __main__ as bench
from tests.bench.burst import Place
from tests.bench.measure import Compared, Row, Run, Side, Sides, in_turn, spread
from tests.poetry_process import poetry_under_test

HERE = Side("plugin", poetry_under_test())
BOTH = Sides(Side("plain", HERE.poetry), HERE)


def lasting(seconds: float) -> Run:
    return Run(seconds, 0.0, 0.0, 0, "")


@pytest.mark.parametrize("name", bench.ROOMS)
def test_each_room_takes_pairs(name: str) -> None:
    parameters = inspect.signature(import_module(f"tests.bench.{name}").rows).parameters
    assert list(parameters)[:2] == ["both", "pairs"]


def test_the_sides_take_turns() -> None:
    order: list[str] = []
    assert in_turn(BOTH, 2, lambda side: order.append(side.name)) == {
        "plain": [None] * 2,
        "plugin": [None] * 2,
    }
    assert order == ["plain", "plugin", "plugin", "plain"]


def test_a_row_has_both_medians_and_the_spread_of_the_ratios() -> None:
    runs = {"plain": [lasting(1.0)] * 4, "plugin": [lasting(one) for one in (0.9, 1.0, 1.1, 1.5)]}
    row = Compared.of(runs).row("lock", 1.0)
    assert (row.figures, row.ratio, row.held) == (("1.0 s", "1.1 s"), "1.05 (1.00 to 1.10)", False)
    assert spread([3.0, 1.0, 2.0, 9.0], str) == "(2.0 to 3.0)"


def test_the_burst_counts_what_happens(tmp_path: Path) -> None:
    """It could not end once, because its witness called itself."""
    with ExitStack() as stack:
        place = Place(tmp_path, 3)
        stack.enter_context(place.index)
        found = stack.enter_context(place.prepared(HERE)).burst()
    assert (found.held, found.contexts, found.resolved, found.calls) == (3, 1, 1, 1)
    assert found.handshakes == 3, "the file comes over the connection of its page"


class TestTable:
    @pytest.fixture(autouse=True)
    def rooms(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def whole(both: Sides, pairs: int = 1) -> Iterator[Row]:
            yield Row("a figure", ("1", str(pairs)), "", "1", pairs == 1)

        def broken(both: Sides, pairs: int = 1) -> Iterator[Row]:
            yield Row("a first one", ("1", "1"))
            raise RecursionError("for ever")

        made = {"whole": whole, "broken": broken}
        monkeypatch.setattr(bench, "ROOMS", tuple(made))
        monkeypatch.setattr(bench, "sides", lambda: BOTH)
        monkeypatch.setattr(
            bench,
            "import_module",
            lambda name: SimpleNamespace(rows=made[name.rpartition(".")[2]], __doc__="What it is."),
        )

    def run(self, monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["bench", *words])
        return bench.main()

    def test_a_room_that_breaks_takes_no_other_along(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert self.run(monkeypatch, "broken", "whole") == 1
        out, err = capsys.readouterr()
        assert "a first one" in out
        assert "a figure" in out
        assert "broke off: broken\nevery limit is held" in out
        assert "RecursionError: for ever" in err

    def test_a_limit_that_is_missed_is_told(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert self.run(monkeypatch, "whole") == 0
        assert self.run(monkeypatch, "whole", "--pairs", "2") == 1
        assert "1 not within the limit" in capsys.readouterr().out
