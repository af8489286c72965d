"""The table of all measurements, plain Poetry beside the plugin.

    python -m tests.bench                    everything, about a quarter of an hour
    python -m tests.bench start_up burst     these rooms only
    python -m tests.bench --pairs 3          fewer pairs
    python -m tests.bench --control          plain Poetry on both sides: how far the bench is off

``POETRY_VERSION`` chooses another Poetry than the newest. Run it on a machine that does nothing
else.
"""

from __future__ import annotations

import argparse
import inspect
import os
import platform
import sys
import time
import traceback
from dataclasses import replace
from importlib import import_module

from tests.bench.measure import POETRY, Row, in_memory, sides

ROOMS = (
    "start_up",
    "growth",
    "burst",
    "keyring",
    "diagnosis",
    "upload",
    "many_packages",
    "latency",
)
CONTROLLED = ("start_up", "upload", "many_packages")  # those that need no plugin
WIDE = 62


def main() -> int:
    """Print the table as it grows; 1 if a figure is not within its limit, or a room broke off."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description="Plain Poetry beside the plugin."
    )
    parser.add_argument("rooms", nargs="*", metavar="ROOM", help=f"of: {', '.join(ROOMS)}")
    parser.add_argument("--pairs", type=int, help="how often each side is run")
    parser.add_argument(
        "--control",
        action="store_true",
        help=f"plain Poetry on both sides, in {', '.join(CONTROLLED)}",
    )
    chosen = parser.parse_args()
    if unknown := set(chosen.rooms) - set(ROOMS):
        parser.error(f"no such room: {', '.join(sorted(unknown))}")
    both = sides()
    rooms = chosen.rooms or (CONTROLLED if chosen.control else ROOMS)
    if chosen.control:
        if alone := set(rooms) - set(CONTROLLED):
            parser.error(f"no control for: {', '.join(sorted(alone))}")
        both = replace(both, plugin=replace(both.plugin, poetry=both.plain.poetry))
    load = os.getloadavg()[0]
    print(
        f"Poetry {POETRY}, Python {platform.python_version()}, {os.cpu_count()} cores, load {load:.1f}"
    )
    print(
        f"Homes {'in memory' if in_memory() else 'on a disk'}{', plain Poetry on both sides' * chosen.control}."
    )
    print("Medians; the ratio is the median over the pairs, with its quartiles.\n")
    print(f"{'':<{WIDE}}{'plain':>10}{'plugin':>10}  {'ratio':<22}limit")
    missed, broken = 0, list[str]()
    for name in rooms:
        room = import_module(f"tests.bench.{name}")
        started = time.monotonic()
        options = (
            {"pairs": chosen.pairs}
            if chosen.pairs and "pairs" in inspect.signature(room.rows).parameters
            else {}
        )
        print(f"-- {(room.__doc__ or '').splitlines()[0]}")
        try:
            for row in room.rows(both, **options):
                print(line(row), flush=True)
                missed += row.held is False
        except Exception:  # a room that breaks does not take the others along
            traceback.print_exc()
            broken.append(name)
        print(f"   python -m tests.bench {name}: {time.monotonic() - started:.0f} s\n", flush=True)
    if broken:
        print(f"broke off: {', '.join(broken)}")
    print("every limit is held" if not missed else f"{missed} not within the limit")
    return 1 if missed or broken else 0


def line(row: Row) -> str:
    """A row as it is printed."""
    plain, plugin = (*row.figures, "", "")[:2]
    mark = {True: " ok", False: " MISSED", None: ""}[row.held]
    text = f"{row.what:<{WIDE}}{plain:>10}{plugin:>10}  {row.ratio:<22}{row.limit}{mark}".rstrip()
    return "\n".join([text, *(f"    {note}" for note in row.notes)])


if __name__ == "__main__":
    sys.exit(main())
