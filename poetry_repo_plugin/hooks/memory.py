"""Poetry's factory: what it merges into the configuration in memory is a project's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from poetry_repo_plugin.config.memory import leaves_of
from poetry_repo_plugin.hooks.facts import note_leaves, note_project, poetry_config


def create_poetry(original: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """It merges a folder's ``poetry.toml`` and sources into the one configuration of the process,
    and is called for every dependency in a folder as well. Plugins that it activates may merge
    theirs.
    """
    config = poetry_config()
    before = []
    if config is not None:
        before = list(leaves_of(config.raw()))
    try:
        poetry = original(*arguments, **options)
    except BaseException:  # a folder whose pyproject.toml cannot be used has been merged by then
        config = config or poetry_config()
        if config is not None:
            note_leaves(config, (leaf for leaf in leaves_of(config.raw()) if leaf not in before))
        raise
    note_project(poetry)
    return poetry
