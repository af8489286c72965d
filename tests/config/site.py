"""A file of managed settings, as an administrator leaves it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

VARIABLE = "POETRY_REPO_PLUGIN_SITE_CONFIG"

# Only root can make a file that belongs to root.
as_root = pytest.mark.skipif(
    os.name != "posix" or os.geteuid() != 0, reason="makes files of the administrator"
)


def site_file(folder: Path, text: str) -> Path:
    """The file in a folder of its own, both the administrator's."""
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    folder.chmod(0o755)
    file = folder / "config.toml"
    file.write_text(text, encoding="utf-8")
    file.chmod(0o644)
    return file
