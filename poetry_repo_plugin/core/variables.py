"""Environment variables: how a repository's name stands in one, and which do what a command
does.
"""

from __future__ import annotations

import re


def env_key(name: str) -> str:
    """The part of an environment variable that stands for ``name``: ``my-repo.2`` is ``MY_REPO_2``.

    Poetry maps ``-`` to ``_`` (``Config.get``); everything else that a shell does not allow in a
    variable follows.
    """
    return re.sub(r"[^A-Z0-9]", "_", name.upper())
