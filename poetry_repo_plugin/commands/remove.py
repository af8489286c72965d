"""``poetry repo remove``."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from cleo.helpers import argument, option

from poetry_repo_plugin.commands.base import RepoCommand
from poetry_repo_plugin.core.errors import InputError, RepoError
from poetry_repo_plugin.core.hints import repo, unset
from poetry_repo_plugin.core.names import is_pypi, match_name
from poetry_repo_plugin.ops.credential_store import forget_passphrase, require_writable
from poetry_repo_plugin.ops.session import Session


class Command(RepoCommand):
    """Removes a repository from the project and from the user's settings."""

    name = "repo remove"
    description = "Remove a repository and all that is stored for it."
    arguments: ClassVar = [argument("name", "The repository.")]
    options: ClassVar = [
        option("keep-credentials", None, "Leave what was stored by `login`."),
        option("self", None, "Remove it from Poetry's own environment only."),
    ]
    help = """\
    <c1>poetry repo remove acme</c1>
    <c1>poetry repo remove acme --keep-credentials</c1>"""

    def work(self, session: Session) -> int:
        """Take everything away that carries the name; the projects' files come first, because they may refuse."""
        given, own_file = str(self.argument("name")), _own_file()
        if self.option("self"):
            self.only_one_of("self", "keep-credentials")
            if not self._from_files(session, given, [own_file]):
                raise InputError(f"Poetry's own environment has no source {given!r}.")
            return 0
        if session.catalogue.find(given) is None and self._from_files(session, given, [own_file]):
            return 0
        repository = session.catalogue.require(given)
        name, project = repository.name, [session.project / "pyproject.toml"] if session.project is not None else []
        if is_pypi(name):
            if repository.priority is None:
                raise InputError("PyPI is built into Poetry; to forget its token, log out.", repo("logout", "pypi"))
            self._from_files(session, name, project)
            return 0
        if session.settings.folder.exists():
            require_writable(session.settings)
        if not self._from_files(session, name, [*project, own_file]):
            self._refuse_if_only_named_by_environment(session, name)
        return self._from_settings(session, name)

    @staticmethod
    def _refuse_if_only_named_by_environment(session: Session, name: str) -> None:
        variable = session.settings.variable("REPOSITORIES", name, "_URL")
        if variable is not None and match_name(name, session.settings.names()) is None:
            message = f"{name} is named by the environment variable {variable[0]} only; there is nothing to remove."
            raise InputError(message, unset(variable[0]))

    def _from_settings(self, session: Session, name: str) -> int:
        """Returns the exit code: what a keyring keeps to itself is not removed, nor what leads to it."""
        keep = bool(self.option("keep-credentials"))
        own = session.settings.own_for(name)
        kept: dict[str, object] = {
            "credential-origins": list(own.credential_origins) or None,
            "helper": list(own.helper) or None,
            "helper-protocol": own.helper_protocol,
            "provider": own.provider,
        }
        left = None if keep else session.logins.forget(name, thorough=False).left
        forget_passphrase(session.settings, session.gate, session.notices, name)
        session.settings.forget(name)
        if keep or left is not None:
            session.settings.save_own(name, kept if keep else {"credential-origins": kept["credential-origins"]})
        self.say(f"Removed {name}." + (" Its credentials were kept." if keep else ""))
        variable = session.settings.variable("REPOSITORIES", name, "_URL")
        if variable is not None:
            self.warn(f"{name} is still named by the environment variable {variable[0]}.")
        if left is not None:
            self.fail(RepoError("Its credential is left.", repo("logout", name)))
        return 0 if left is None else 1

    def _from_files(self, session: Session, name: str, files: list[Path]) -> bool:
        """Take the source out of all of ``files``, or of none; whether it was in one of them."""
        from poetry_repo_plugin.config import files as store
        from poetry_repo_plugin.config.project import read_text
        from poetry_repo_plugin.config.sources import remove_source

        there = [file for file in files if file.exists()]
        if not there:
            return False
        with store.locked(session.settings.folder):
            edits = [(file, *remove_source(read_text(file), name)) for file in there]
            for file, text, changes in edits:
                if changes:
                    store.write_text(file, text)
        for file, _, changes in edits:
            for change in changes:
                self.say(f"{change} (in Poetry's own environment)" if file == _own_file() else change)
        return any(changes for _, _, changes in edits)


def _own_file() -> Path:
    from poetry_repo_plugin.hooks.facts import config_folder

    return config_folder() / "pyproject.toml"
