"""Virtual environments below ``.venvs``, each made once.

    python3 tests/environments.py FOLDER REQUIREMENT…

uv installs into them, a dozen of them in the time that pip takes for one or two; where it is not
to be had, pip does. Nothing here needs more than Python itself.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENVS = ROOT / ".venvs"

_making_uv = threading.Lock()


def python_of(folder: Path) -> Path:
    """The interpreter of an environment."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def make(folder: Path, requirements: Sequence[str], interpreter: str = sys.executable) -> str:
    """Make the environment anew, unless it is there and younger than pyproject.toml.

    :param requirements: as pip takes them.
    :param interpreter: the Python of the environment.
    :return: why it cannot be made; empty if all is well.
    """
    stamp = folder / ".complete"
    project = ROOT / "pyproject.toml"
    if stamp.exists() and stamp.stat().st_mtime > project.stat().st_mtime:
        return ""
    shutil.rmtree(folder, ignore_errors=True)
    uv = _uv()
    error = _with_uv(uv, folder, requirements, interpreter) if uv else "no uv"
    if error:
        shutil.rmtree(folder, ignore_errors=True)
        error = _with_pip(folder, requirements, interpreter)
    if not error:
        stamp.touch()
    return error


def _with_uv(uv: Path, folder: Path, requirements: Sequence[str], interpreter: str) -> str:
    made = _run([interpreter, "-m", "venv", folder])  # with the pip and setuptools of that Python
    return made or _run([uv, "pip", "install", "-q", "-p", python_of(folder), *requirements])


def _with_pip(folder: Path, requirements: Sequence[str], interpreter: str) -> str:
    made = _run([interpreter, "-m", "venv", folder])
    return made or _run([python_of(folder), "-m", "pip", "install", "-q", *requirements])


def _uv() -> Path | None:
    folder = VENVS / "uv"
    found = python_of(folder).with_name("uv")
    with _making_uv:
        if not found.exists() and _with_pip(folder, ["uv"], sys.executable):
            return None
    return found


def _run(command: Sequence[str | Path]) -> str:
    done = subprocess.run(
        [str(word) for word in command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr or "it failed"


if __name__ == "__main__":
    sys.exit(make(Path(sys.argv[1]).absolute(), sys.argv[2:]) or 0)
