"""``poetry repo remove``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import ClassVar

from cleo.helpers import argument, option

from poetry_repo_plugin.commands.base import RepoCommand
from poetry_repo_plugin.config.changes import Changes
from poetry_repo_plugin.config.keys import entries_of
from poetry_repo_plugin.config.user_settings import USERS
from poetry_repo_plugin.core.errors import InputError, RepoError
from poetry_repo_plugin.core.hints import Hint, repo, unset
from poetry_repo_plugin.core.names import is_pypi, match_name
from poetry_repo_plugin.ops.credential_store import Forgotten
from poetry_repo_plugin.ops.passphrases import Passphrases
from poetry_repo_plugin.ops.session import Session


class Command(RepoCommand):
    """Removes a repository from the project and from the user's settings."""

    name = "repo remove"
    description = "Remove a repository and all that is stored for it."
    arguments: ClassVar = [argument("name", "The repository.")]
    options: ClassVar = [
        option("all", None, "Take its login and certificates too, which other projects may use."),
        option("keep-credentials", None, "Leave what was stored by `login`."),
        option("self", None, "Remove it from Poetry's own environment only."),
    ]
    help = """\
    <c1>poetry repo remove acme</c1>
    <c1>poetry repo remove acme --all</c1>

Its login and certificates belong to all your projects. They go with
<c1>--all</c1>, or if you say so when asked."""

    def work(self, session: Session) -> int:
        """Take everything away that carries the name; the projects' files come first, because they
        may refuse.
        """
        given, changes, own_file = (
            str(self.argument("name")),
            Changes(session.settings),
            _own_file(),
        )
        if self.option("self"):
            self.only_one_of("self", "keep-credentials")
            if not self._from_files(changes, given, [own_file]):
                raise InputError(f"Poetry's own environment has no source {given!r}.")
            return self._done(changes)
        if session.catalogue.find(given) is None and self._from_files(changes, given, [own_file]):
            return self._done(changes)
        repository = session.catalogue.require(given)
        name, project = (
            repository.name,
            [session.project / "pyproject.toml"] if session.project is not None else [],
        )
        if is_pypi(name):
            if repository.priority is None:
                raise InputError(
                    "PyPI is built into Poetry; to forget its token, log out.",
                    repo("logout", "pypi"),
                )
            self._from_files(changes, name, project)
            return self._done(changes)
        if not self._from_files(changes, name, [*project, own_file]):
            self._refuse_if_only_named_by_environment(session, name)
        return self._from_settings(session, changes, name)

    def _done(self, changes: Changes) -> int:
        changes.commit()
        self._tell_files()
        return 0

    @staticmethod
    def _refuse_if_only_named_by_environment(session: Session, name: str) -> None:
        variable = session.settings.variable("REPOSITORIES", name, "_URL")
        if variable is not None and match_name(name, session.settings.names()) is None:
            message = f"{name} is named by the environment variable {variable[0]} only; there is nothing to remove."
            raise InputError(message, unset(variable[0]))

    def _from_settings(self, session: Session, changes: Changes, name: str) -> int:
        """Returns the exit code: what a keyring keeps to itself is not removed, nor what leads to
        it.
        """
        shared = self._shared(session, name)
        if (
            shared
            and not self.option("all")
            and not session.confirm(
                f"Other projects may use the {shared} of {name}. Remove that as well?"
            )
        ):
            changes.save_publish_url(name, None)
            changes.save_user_settings(name, dict.fromkeys(("url", "added", "ignore-error-codes")))
            changes.commit()
            return self._tell_removed(
                session,
                name,
                f" Its {shared} stays for other projects.",
                repo("remove", name, "--all"),
            )
        keep, own = bool(self.option("keep-credentials")), session.settings.user_settings(name)
        logins, forgotten = session.logins, Forgotten(found=False)
        changes.forget(name)
        if keep:
            kept = (
                ("credential-origins", list(own.credential_origins)),
                ("helper", list(own.helper)),
            )
            words = ("helper-protocol", own.helper_protocol), ("provider", own.provider)
            users = (USERS, list(own.keyring_users))
            changes.save_user_settings(
                name, {key: value or None for key, value in (*kept, *words, users)}
            )
        else:
            trial = changes.copy()
            logins.note_forgotten(trial, name)
            trial.rehearse()
            forgotten = logins.forget_in_keyring(name, thorough=False)
            logins.note_forgotten(changes, name, forgotten)
        Passphrases(session.settings, session.gate, session.notices).forget(
            changes, name, forgotten.gone
        )
        self._tell_removed(session, name, " Its credentials were kept." if keep else "")
        if forgotten.left is not None:
            self.fail(RepoError("Its credential is left.", repo("logout", name)))
        return 0 if forgotten.left is None else 1

    def _shared(self, session: Session, name: str) -> str:
        """What other projects of this user may use of the name, for a person; ``""`` for
        nothing.
        """
        settings, own = session.settings, session.settings.user_settings(name)
        login = (
            settings.login(name),
            settings.token(name),
            own.helper,
            own.provider,
            own.credential_origins,
        )
        entries = [
            *entries_of(settings.auth, "certificates", name),
            *entries_of(settings.config, "certificates", name),
        ]
        certificates = (
            *entries,
            own.ca,
            own.client_key,
            own.passphrase_in_keyring,
            own.certificate_origins,
        )
        found = []
        if any(login) and not self.option("keep-credentials"):
            found.append("login")
        if any(certificates):
            found.append("TLS setup")
        return " and ".join(found)

    def _tell_removed(
        self, session: Session, name: str, more: str, hint: Hint | None = None
    ) -> int:
        self._tell_files()
        self.say(f"Removed {name}.{more}")
        if hint is not None:
            self.say(f"To remove that as well: {hint}")
        variable = session.settings.variable("REPOSITORIES", name, "_URL")
        if variable is not None:
            self.warn(f"{name} is still named by the environment variable {variable[0]}.")
        return 0

    def _from_files(self, changes: Changes, name: str, files: list[Path]) -> bool:
        """Note that the source goes from all of ``files``; whether it is in one of them."""
        from poetry_repo_plugin.config.project import read_text
        from poetry_repo_plugin.config.sources import remove_source

        self._told = {
            file: remove_source(read_text(file), name)[1] for file in files if file.exists()
        }

        def without(text: str, told: list[str]) -> str:
            text, told[:] = remove_source(text, name)
            return text

        for file, told in self._told.items():
            if told:
                changes.rewrite(file, partial(without, told=told))
        return any(self._told.values())

    def _tell_files(self) -> None:
        for file, told in self._told.items():
            for change in told:
                self.say(
                    f"{change} (in Poetry's own environment)" if file == _own_file() else change
                )


def _own_file() -> Path:
    from poetry_repo_plugin.hooks.facts import config_folder

    return config_folder() / "pyproject.toml"
