"""Fixtures that all rooms share."""

from __future__ import annotations

import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.poetry_process import PoetryHome, poetry_under_test
from tests.warm import WarmHome, Zygote

# How long an example takes depends on what else the machine does.
settings.register_profile("busy", deadline=None)
settings.load_profile("busy")


def pytest_configure() -> None:
    """A run in the background (``nohup … &``) ignores Ctrl-C, and so would every command that is
    interrupted here.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def quick_path(tmp_path: Path) -> Iterator[Path]:
    """As ``tmp_path``, in memory where there is such a place: for tests that write the same files a
    thousand times.
    """
    memory = Path("/dev/shm")
    if not memory.is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory, prefix="tests-") as folder:
        yield Path(folder)


@pytest.fixture
def home(warm_home: WarmHome) -> WarmHome:
    """A fresh home with a Poetry that has the plugin, and no keyring. Its commands start fast."""
    return warm_home


@pytest.fixture
def cold_home(tmp_path: Path) -> PoetryHome:
    """Each command is a new process, as a user's is: for what a fork cannot show."""
    return PoetryHome(tmp_path / "home", poetry_under_test())


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    """The Python that forks the commands of a :class:`~tests.warm.WarmHome`."""
    if sys.platform == "win32":
        pytest.skip("a Python forks these commands")
    zygote = Zygote(poetry_under_test())
    yield zygote
    zygote.close()


@pytest.fixture
def warm_home(tmp_path: Path, zygote: Zygote) -> WarmHome:
    """Its commands are forks, where a Python can be forked."""
    return WarmHome(tmp_path / "home", poetry_under_test(), zygote=zygote)
