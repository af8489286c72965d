"""The table of ``tests/matrix.py``: which rows it has, and what it says of a Python that is not
there.
"""

from __future__ import annotations

import sys

import pytest

from tests import matrix
from tests.matrix import NEWEST, OLDEST, OWN, POETRIES, PYTHONS, Pairing, Row, pairings

OTHERS = [python for python in PYTHONS if python != OWN]


@pytest.fixture(autouse=True)
def _rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every row passes at once."""
    monkeypatch.setattr(matrix, "run", lambda pairing: Row(pairing, True, {}, "", 0.0))
    monkeypatch.setattr(sys, "argv", ["matrix.py"])
    monkeypatch.delenv("REQUIRE_SYSTEM_PARTS", raising=False)


def there(monkeypatch: pytest.MonkeyPatch, *pythons: str) -> None:
    monkeypatch.setattr(
        matrix, "_interpreter", lambda python: f"/bin/python{python}" if python in pythons else None
    )


def test_the_corners_are_rows_too(monkeypatch: pytest.MonkeyPatch) -> None:
    there(monkeypatch, *PYTHONS)
    found = {(pairing.poetry, pairing.python) for pairing in pairings([])}
    assert found == {(poetry, OWN) for poetry in POETRIES} | {
        (NEWEST, python) for python in PYTHONS
    } | {(OLDEST, python) for python in (PYTHONS[0], PYTHONS[-1])}
    assert len(pairings([])) == len(found)
    assert {pairing.python for pairing in pairings([OTHERS[0]])} == {OTHERS[0]}


def test_the_plugin_itself_goes_into_the_oldest_poetry_once() -> None:
    rows = [Pairing(poetry, python, "x") for poetry in POETRIES for python in PYTHONS]
    assert [(row.poetry, row.python) for row in rows if "itself" in row.paths] == [(OLDEST, OWN)]
    assert all(set(matrix.PATHS) - {"itself"} <= set(row.paths) for row in rows)


def test_a_python_that_is_missing_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    there(monkeypatch, *OTHERS[1:])
    monkeypatch.setenv("REQUIRE_SYSTEM_PARTS", "1")
    assert matrix.main() == 0
    out = capsys.readouterr().out
    assert (
        f"{NEWEST:<8}{OTHERS[0]:<8}not installed: this machine has no Python {OTHERS[0]}\n" in out
    )
    assert out.endswith(
        "0 failed, 2 not installed\n" if OTHERS[0] == PYTHONS[0] else "0 failed, 1 not installed\n"
    )


def test_twin_no_other_python_at_all(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    there(monkeypatch)
    assert matrix.main() == 0
    monkeypatch.setenv("REQUIRE_SYSTEM_PARTS", "1")
    assert matrix.main() == 1
    assert capsys.readouterr().out.endswith(f"Not one Python beside {OWN} is installed here.\n")
