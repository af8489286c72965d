"""Single changes of settings, written at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from poetry_repo_plugin.config.changes import Changes
from poetry_repo_plugin.config.settings import Settings


class saving:
    """``saving(settings).save_user_settings("acme", {...})``: each method of ``Changes``, committed
    by itself.

    A call returns the private files that others could read before.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def __getattr__(self, method: str) -> Callable[..., list[Path]]:
        def call(*words: Any, **options: Any) -> list[Path]:
            with Changes(self._settings) as changes:
                getattr(changes, method)(*words, **options)
            return changes.loosened

        return call
