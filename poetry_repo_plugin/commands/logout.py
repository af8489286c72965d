"""``poetry repo logout``."""

from __future__ import annotations

from typing import ClassVar

from cleo.helpers import argument, option

from poetry_repo_plugin.commands.base import RepoCommand
from poetry_repo_plugin.core.errors import InputError, RepoError
from poetry_repo_plugin.core.hints import repo
from poetry_repo_plugin.credentials.base import Credential, Query
from poetry_repo_plugin.credentials.environment import EnvironmentSource
from poetry_repo_plugin.ops.session import Session
from poetry_repo_plugin.ops.sign_out import revoke


class Command(RepoCommand):
    """Forgets credentials, wherever they are stored."""

    name = "repo logout"
    description = "Remove stored credentials."
    arguments: ClassVar = [argument("name", "The repositories.", optional=True, multiple=True)]
    options: ClassVar = [option("all", None, "Log out of all repositories.")]
    help = """\
    <c1>poetry repo logout acme</c1>
    <c1>poetry repo logout --all</c1>

The repositories themselves and their certificates stay;
<c1>poetry repo remove</c1> takes those away."""

    def work(self, session: Session) -> int:
        """Forget each; names are checked before anything is forgotten."""
        given = list(self.argument("name") or [])
        if bool(given) == bool(self.option("all")):
            raise InputError("Name the repositories, or pass --all.", repo("logout", "NAME"))
        known = [repository.name for repository in session.catalogue]
        chosen = known
        if not self.option("all"):
            chosen = [session.catalogue.require(name).name for name in given]
        left, is_found = [], False
        for name in dict.fromkeys(chosen):
            revoke(session, name, self)
            forgotten = session.logins.forget(name)
            is_found = is_found or forgotten.found or forgotten.left is not None
            if forgotten.left is not None:
                left.append(name)
            elif forgotten.found:
                self.say(f"Logged out of {name}.")
            elif given:
                self.say(f"Nothing was stored for {name}.")
            self._tell_environment(session, name)
        if left:
            raise RepoError(
                f"Not everything was removed for {', '.join(left)}.", repo("logout", *left)
            )
        if not is_found and not given:
            self.say("No stored credentials; nothing to log out of.")
        return 0

    def _tell_environment(self, session: Session, name: str) -> None:
        found = EnvironmentSource(session.settings, session.bindings).get(Query(name, ""))
        if isinstance(found, Credential):
            self.warn(f"{name} still has a credential: {found.detail}.")
