"""``poetry repo remove``."""

from __future__ import annotations

from typing import ClassVar

from cleo.helpers import argument, option

from poetry_repo_plugin.commands.base import RepoCommand
from poetry_repo_plugin.core.errors import RepoError
from poetry_repo_plugin.core.hints import repo
from poetry_repo_plugin.ops.remove import Removal
from poetry_repo_plugin.ops.session import Session


class Command(RepoCommand):
    """Removes a repository from the project and from the user's settings."""

    name = "repo remove"
    description = "Remove a repository and all that is stored for it."
    arguments: ClassVar = [argument("name", "The repository.")]
    options: ClassVar = [
        option(
            "all", None, "Also remove its login and certificates, which other projects may use."
        ),
        option("keep-credentials", None, "Keep what `login` stored."),
        option("self", None, "Remove it from Poetry's own environment only."),
    ]
    help = """\
    <c1>poetry repo remove acme</c1>
    <c1>poetry repo remove acme --all</c1>

Its login and certificates belong to all your projects. They go with
<c1>--all</c1>, or if you say so when asked."""

    def work(self, session: Session) -> int:
        """Remove, and tell where something is left: what a keyring keeps to itself."""
        from poetry_repo_plugin.hooks.facts import config_folder

        given = str(self.argument("name"))
        removal = Removal(session, config_folder() / "pyproject.toml", self)
        if self.option("self"):
            self.only_one_of("self", "keep-credentials")
            removal.from_own_environment(given)
            return 0
        left = removal.remove(
            given,
            shared_too=bool(self.option("all")),
            keep_login=bool(self.option("keep-credentials")),
        )
        if left is None:
            return 0
        self.fail(RepoError("Its credential is left.", repo("logout", left)))
        return 1
