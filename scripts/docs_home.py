"""A hook of mkdocs: the documentation's link back to the project, from the one place that has it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.release import project


def on_config(config: Any) -> Any:
    """Called by mkdocs with its configuration."""
    config["repo_url"] = project()["urls"]["Repository"]
    return config
