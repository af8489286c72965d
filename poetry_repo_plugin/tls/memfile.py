"""Handing a key to OpenSSL, which reads only files, without leaving it on a disk.

What is written is always encrypted, with a passphrase that exists only in this process. On Linux it
goes into memory (``memfd_create(2)``); elsewhere into a private temporary directory that is removed
at once.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "poetry-repo-plugin-"

# Each opening of such a name starts at the beginning: OpenSSL opens the file twice.
SELF = "/proc/self/fd"

# Seconds. A file of ours lives for milliseconds; what is older was left by a run that was killed.
# Its age tells where a process id would not: ids are used again, and containers that share /tmp do
# not share them.
STALE = 600.0


@contextmanager
def readable(data: bytes) -> Iterator[str]:
    """A path that holds ``data`` inside the block and nowhere else afterwards."""
    path, descriptor = _in_memory(data)
    if path is not None:
        try:
            yield path
        finally:
            os.close(descriptor)
        return
    sweep()
    folder = tempfile.mkdtemp(prefix=PREFIX)  # 0700
    try:
        file = os.path.join(folder, "identity.pem")
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as target:
            target.write(data)
        yield file
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep(now: float | None = None) -> None:
    """Remove what a killed run of this user left behind. Never raises."""
    if now is None:
        now = time.time()
    with suppress(OSError):
        for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
            with suppress(OSError):
                status = folder.lstat()
                ours = not hasattr(os, "getuid") or status.st_uid == os.getuid()
                if ours and now - status.st_mtime > STALE and not folder.is_symlink():
                    shutil.rmtree(folder, ignore_errors=True)


def _in_memory(data: bytes) -> tuple[str | None, int]:
    create = getattr(os, "memfd_create", None)
    if create is None:
        return None, -1
    try:
        descriptor: int = create("poetry-repo-plugin")
    except OSError:
        return None, -1
    path = f"{SELF}/{descriptor}"
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as target:
            target.write(data)
        with open(path, "rb"):  # not where /proc is not mounted
            return path, descriptor
    except OSError:
        os.close(descriptor)
        return None, -1
