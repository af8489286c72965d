"""What the plugin costs a command that needs no repository."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.bench.measure import Compared, Row, Sides, commands_in_turn, homes, run
from tests.integration.world import source
from tests.poetry_process import PoetryHome

COMMANDS = ("version", "list")
PAIRS = 25
RATIO = 1.02
MODULES = 6

# Python runs it before everything else; it writes down what was imported, and each file of ours
# that was opened.
_WITNESS = """
import atexit, json, os, sys
opened = []
def hook(event, arguments):
    if event == "open" and isinstance(arguments[0], str) and os.environ["BENCH_CONFIG"] in arguments[0]:
        opened.append(arguments[0])
sys.addaudithook(hook)
def tell():
    with open(os.environ["BENCH_WITNESS"], "w") as file:
        json.dump({"modules": sorted(sys.modules), "opened": opened}, file)
atexit.register(tell)
"""


def rows(both: Sides, pairs: int = PAIRS) -> Iterator[Row]:
    """The ratio of the times, the modules that come on top, the settings files that are opened on
    top.
    """
    for command in COMMANDS:
        with homes(both) as at:
            for one in at.values():
                one.write_project(
                    dependencies=("lib",), extra=source("foo", "https://pypi.example.org/simple/")
                )
                run(one, command)  # fills the caches of the disk
            runs = commands_in_turn(both, at, pairs, command)
            yield Compared.of(runs).row(f"poetry {command}: wall time, {pairs} pairs", RATIO)
            yield Compared.of(runs, lambda run: run.cpu).row(
                f"poetry {command}: processor time", RATIO
            )
            plain, plugin = (witnessed(one, command) for one in at.values())
            more = len(set(plugin["modules"]) - set(plain["modules"]))
            figures = (str(len(plain["modules"])), f"+{more}")
            yield Row(
                f"poetry {command}: modules imported",
                figures,
                "",
                f"at most +{MODULES}",
                more <= MODULES,
            )
            opened = (len(plain["opened"]), len(plugin["opened"]))
            figures = (str(opened[0]), str(opened[1]))
            yield Row(
                f"poetry {command}: settings files opened",
                figures,
                "",
                "no more",
                opened[1] <= opened[0],
            )


def witnessed(at: PoetryHome, command: str) -> dict[str, list[str]]:
    """What a command imported and which settings it opened."""
    (at.keyring_home / "sitecustomize.py").write_text(_WITNESS)
    witness = at.root / "witness.json"
    at.environ.update(BENCH_WITNESS=str(witness), BENCH_CONFIG=str(at.config))
    run(at, command)
    found: dict[str, list[str]] = json.loads(witness.read_text())
    return found
