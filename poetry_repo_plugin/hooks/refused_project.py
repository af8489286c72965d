"""A command that fails because Poetry 2 refuses the project's sources of Poetry 1 ends with the command that helps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from poetry_repo_plugin.core.errors import StateError

if TYPE_CHECKING:
    from cleo.commands.command import Command


def explain_legacy(command: Command, error: Exception) -> None:
    """Add the hint to Poetry's own message, where ``default`` or ``secondary`` are what it refused."""
    from poetry_repo_plugin.config.project import read_project
    from poetry_repo_plugin.hooks.inject import project_folder

    folder = project_folder(command)
    try:
        legacy = folder is not None and read_project(folder / "pyproject.toml").needs_migration
    except StateError:
        return
    if legacy:
        hint = "Sources with default or secondary are of Poetry 1.\nTry: poetry repo migrate"
        error.args = (f"{str(error).rstrip()}\n\n{hint}",)
