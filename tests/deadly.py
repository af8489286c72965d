"""Killing a process at each of its steps, one after the other: nothing is left to chance.

The work runs in a fork. A step is what it does to a file in a folder (open, rename, link, remove,
…), as Python's own audit events tell it; the fork is killed right before the step whose number it
was given.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

_MOST_STEPS = 400


def killed_at_each_step(
    folder: Path, work: Callable[[], object], *, steps: int = 6
) -> Iterator[int]:
    """Give the number of each step of ``work`` in ``folder``, after the work was killed right
    before it.

    The folder is put back before each round to what it was at first. Ends with the round in which
    nobody was killed; its number is given as well.

    :param steps: how many there are at least.
    """
    before = folder.with_name(f"{folder.name}-before")
    shutil.copytree(folder, before)
    for step in range(_MOST_STEPS):
        shutil.rmtree(folder)
        shutil.copytree(before, folder)
        ended = _ends_before(step, folder, work)
        yield step
        if ended:
            assert step >= steps, "the steps of the work were not seen"
            return
    raise AssertionError(f"more than {_MOST_STEPS} steps")


def _ends_before(step: int, folder: Path, work: Callable[[], object]) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # of forks beside threads; the child makes its own
        pid = os.fork()
    if pid == 0:
        _run_until(step, folder, work)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return False
    assert os.WEXITSTATUS(status) == 0, "the work failed"
    return True


def _run_until(step: int, folder: Path, work: Callable[[], object]) -> None:
    seen = 0

    def count(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        if _writes(event, arguments) and str(folder) in str(arguments[0]):
            if seen == step:
                os.kill(os.getpid(), signal.SIGKILL)
            seen += 1

    code = 1
    try:
        sys.addaudithook(count)
        work()
        code = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)


def _writes(event: str, arguments: tuple[Any, ...]) -> bool:
    """Leaves out what changes nothing for those who come later: reading, and the lock."""
    if any(name in str(arguments[:1]) for name in (".poetry-repo-plugin.lock", ".holder")):
        return False
    if event == "open":
        return bool(arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    return event in ("os.rename", "os.remove", "os.link", "os.chmod", "os.truncate")
