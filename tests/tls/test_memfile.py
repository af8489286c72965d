"""A key is readable for as long as OpenSSL reads it, and by nobody else."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from poetry_repo_plugin.tls import memfile

WHAT = b"sealed"


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


@pytest.mark.skipif(sys.platform != "linux", reason="memfd is Linux's")
def test_on_linux_it_is_in_memory(temporary: Path) -> None:
    with memfile.readable(WHAT) as path:
        assert list(temporary.iterdir()) == []
        assert Path(path).read_bytes() == WHAT
        assert Path(path).read_bytes() == WHAT
        assert "memfd" in str(Path(path).readlink())
    assert not os.path.exists(path)


@pytest.mark.parametrize("breakage", ["no memfd", "memfd fails", "no /proc"])
def test_elsewhere_it_is_a_private_file_that_goes(
    temporary: Path, monkeypatch: pytest.MonkeyPatch, breakage: str
) -> None:
    if breakage == "no memfd":
        monkeypatch.delattr(os, "memfd_create", raising=False)
    elif breakage == "memfd fails":
        monkeypatch.setattr(os, "memfd_create", refuse, raising=False)
    else:
        monkeypatch.setattr(
            os,
            "memfd_create",
            lambda _: os.open(temporary / "x", os.O_CREAT | os.O_RDWR),
            raising=False,
        )
        monkeypatch.setattr(memfile, "SELF", "/nowhere")
    with memfile.readable(WHAT) as path:
        assert Path(path).read_bytes() == WHAT
        assert Path(path).stat().st_mode & 0o777 == 0o600
        assert Path(path).parent.stat().st_mode & 0o777 == 0o700
    assert not os.path.exists(path)
    assert [entry.name for entry in temporary.iterdir() if entry.name != "x"] == []


def refuse(name: str) -> int:
    raise OSError("not here")


def test_it_goes_when_the_work_fails(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "memfd_create", raising=False)
    with pytest.raises(RuntimeError), memfile.readable(WHAT):
        raise RuntimeError
    assert list(temporary.iterdir()) == []


def test_what_a_killed_run_left_is_swept(temporary: Path) -> None:
    old, new, other = (
        temporary / name for name in (f"{memfile.PREFIX}old", f"{memfile.PREFIX}new", "other")
    )
    for folder in (old, new, other):
        folder.mkdir()
        (folder / "identity.pem").write_bytes(WHAT)
    link = temporary / f"{memfile.PREFIX}link"
    link.symlink_to(other)
    ago = time.time() - 2 * memfile.STALE
    for path in (old, other):
        os.utime(path, (ago, ago))
    os.utime(link, (ago, ago), follow_symlinks=False)
    memfile.sweep()
    assert not old.exists()
    assert new.exists()
    assert (other / "identity.pem").exists()
