"""A Poetry that our methods do not fit goes on as plain Poetry; but not where the user has given
names to a repository, or a mirror stands in for one: plain Poetry asks everybody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from poetry_repo_plugin.core.errors import InputError, RepoError
from poetry_repo_plugin.core.hints import command as to_type

if TYPE_CHECKING:
    from cleo.commands.command import Command

# Poetry's commands that ask repositories for packages. `self` is the way to a plugin that fits.
_ASKING = frozenset(
    ("add", "build", "init", "install", "lock", "remove", "search", "sync", "update")
)


def refuse_unguarded(command: Command) -> None:
    """Raise what Poetry prints well where ``command`` would ask those who are not to be asked."""
    from poetry_repo_plugin.hooks.explain import reported

    if (command.name or "") not in _ASKING:
        return
    try:
        what = _promised(command)
    except RepoError as error:  # of a file that cannot be read, nobody knows what it promises
        raise reported(error) from None
    if what:
        message = (
            f"{what}. This Poetry cannot be held to that, and would ask others as well, as with "
            "--no-plugins; nothing was asked."
        )
        hint = to_type("poetry", "self", "update", "poetry-repo-plugin")
        raise reported(InputError(message, hint))


def _promised(command: Command) -> str:
    """What the user relies on, a clause; ``""`` for nothing."""
    from poetry_repo_plugin.config.mirrors import Mirrors
    from poetry_repo_plugin.config.settings import Settings
    from poetry_repo_plugin.hooks.facts import config_folder, dotted_keys, project_folder
    from poetry_repo_plugin.hooks.ownership import Ownership

    project = project_folder(command)
    if Ownership(project):
        return "Some names of packages belong to one repository"
    mirrors = Mirrors(Settings(config_folder(), project, dotted_keys=dotted_keys()))
    alone = next((one for one in mirrors.all if one.is_alone), None)
    return f"{alone.name} stands in for {alone.original}" if alone is not None else ""
