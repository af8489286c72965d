"""``repo remove``: everything that carries a name, the projects' files and the user's settings."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from poetry_repo_plugin.config.changes import Changes
from poetry_repo_plugin.config.keys import entries_of
from poetry_repo_plugin.config.user_settings import OAUTH, SIGNED_IN, USERS
from poetry_repo_plugin.core.errors import InputError
from poetry_repo_plugin.core.hints import repo, unset
from poetry_repo_plugin.core.names import is_pypi, match_name
from poetry_repo_plugin.ops.credential_store import Forgotten
from poetry_repo_plugin.ops.passphrases import Passphrases
from poetry_repo_plugin.ops.session import Session, Teller
from poetry_repo_plugin.ops.sign_out import revoke

# What `repo add` keeps for the user.
_OF_ADD = ("url", "added", "ignore-error-codes", "mirror-of", "fallback")


class Removal:
    """Takes one repository away.

    :param own_file: the ``pyproject.toml`` of Poetry's own environment.
    """

    def __init__(self, session: Session, own_file: Path, out: Teller) -> None:
        self._session = session
        self._own_file = own_file
        self._out = out
        self._changes = Changes(session.settings)
        self._told: dict[Path, list[str]] = {}  # what changes in each file

    def from_own_environment(self, given: str) -> None:
        """Remove the source from Poetry's own environment only. Raises ``RepoError``."""
        if not self._note_files(given, [self._own_file]):
            raise InputError(f"Poetry's own environment has no source {given!r}.")
        self._commit()

    def remove(self, given: str, *, shared_too: bool, keep_login: bool) -> str | None:
        """Take everything away that carries the name; the projects' files come first, because they
        may refuse.

        :param shared_too: also what other projects of this user may use, unasked.
        :returns: the name whose credential may be left in the keyring; ``None`` if it is gone.
        """
        catalogue = self._session.catalogue
        if catalogue.find(given) is None and self._note_files(given, [self._own_file]):
            self._commit()
            return None
        repository = catalogue.require(given)
        name, project = repository.name, self._session.project
        files = []
        if project is not None:
            files = [project / "pyproject.toml"]
        if is_pypi(name):
            if repository.priority is None:
                message = "PyPI is built into Poetry; to forget its token, log out."
                raise InputError(message, repo("logout", "pypi"))
            self._note_files(name, files)
            self._commit()
            return None
        if not self._note_files(name, [*files, self._own_file]):
            self._refuse_if_not_users(name)
        shared = self._shared(name, keep_login=keep_login)
        question = f"Other projects may use the {shared} of {name}. Remove that as well?"
        if shared and not shared_too and not self._session.confirm(question):
            self._keep_shared(name, shared)
            return None
        return self._forget(name, keep_login=keep_login)

    # -- the files

    def _note_files(self, name: str, files: list[Path]) -> bool:
        """Note that the source goes from all of ``files``; whether it is in one of them."""
        from poetry_repo_plugin.config.project import read_text
        from poetry_repo_plugin.config.sources import remove_source

        def without(text: str, told: list[str]) -> str:
            text, told[:] = remove_source(text, name)
            return text

        self._told = {}
        for file in files:
            if file.exists():
                self._told[file] = remove_source(read_text(file), name)[1]
        for file, told in self._told.items():
            if told:
                self._changes.rewrite(file, partial(without, told=told))
        return any(self._told.values())

    def _commit(self) -> None:
        self._changes.commit()
        self._tell_files()

    # -- the user's settings

    def _refuse_if_not_users(self, name: str) -> None:
        settings = self._session.settings
        if match_name(name, settings.names(managed=False)) is not None:
            return
        managed = settings.managed.says
        if match_name(name, managed.names) is not None:
            why = f"{name} comes from the managed settings in {managed.file}"
            raise InputError(f"{why}; there is nothing of yours to remove.")
        variable = self._variable_of(name)
        if variable is not None:
            only = f"{name} is named by the environment variable {variable} only"
            raise InputError(f"{only}; there is nothing to remove.", unset(variable))
        mirror = self._session.catalogue.mirrors.called(name)
        if mirror is not None:
            raise InputError(f"{name} is named by {mirror.said_in} only; take it out by hand.")

    def _variable_of(self, name: str) -> str | None:
        """The environment variable that names the repository, if one does."""
        variable = self._session.settings.variable("REPOSITORIES", name, "_URL")
        if variable is not None:
            return variable[0]
        mirror = self._session.catalogue.mirrors.called(name)
        if mirror is not None and mirror.is_of_environment:
            return mirror.said_in
        return None

    def _shared(self, name: str, *, keep_login: bool) -> str:
        """What other projects of this user may use of the name, for a person; ``""`` for
        nothing.
        """
        settings = self._session.settings
        own = settings.own_settings(name)
        has_login = settings.login(name) or settings.token(name) or own.helper or own.provider
        has_login = has_login or own.signed_in or own.headers
        has_certificates = (
            list(entries_of(settings.auth, "certificates", name))
            or list(entries_of(settings.config, "certificates", name))
            or own.ca
            or own.client_key
            or own.passphrase_in_keyring
            or own.certificate_origins
        )
        found = []
        if (has_login or own.credential_origins) and not keep_login:
            found.append("login")
        if has_certificates:
            found.append("TLS setup")
        return " and ".join(found)

    def _keep_shared(self, name: str, shared: str) -> None:
        self._changes.save_publish_url(name, None)
        self._changes.save_user_settings(name, dict.fromkeys(_OF_ADD))
        self._changes.commit()
        self._tell_files()
        self._out.say(f"Removed {name}. Its {shared} stays for other projects.")
        self._out.say(f"To remove that as well: {repo('remove', name, '--all')}")
        self._warn_of_others(name)

    def _forget(self, name: str, *, keep_login: bool) -> str | None:
        session, changes = self._session, self._changes
        changes.forget(name)
        forgotten, kept = Forgotten(found=False), ""
        if keep_login:
            self._note_kept_login(name)
            kept = " Its credentials were kept."
        else:
            revoke(session, name, self._out)
            changes.save_user_settings(name, {OAUTH: None})
            logins, trial = session.logins, changes.copy()
            logins.note_forgotten(trial, name)
            trial.rehearse()
            forgotten = logins.forget_in_keyring(name, thorough=False)
            logins.note_forgotten(changes, name, forgotten)
        Passphrases.of(session).forget(changes, name, forgotten.gone)
        self._tell_files()
        self._out.say(f"Removed {name}.{kept}")
        self._warn_of_others(name)
        if forgotten.left is None:
            return None
        return name

    def _note_kept_login(self, name: str) -> None:
        """Put back what leads to the login: :meth:`Changes.forget` takes all."""
        own = self._session.settings.own_settings(name)
        values: dict[str, object] = {
            "credential-origins": list(own.credential_origins),
            "header-origins": list(own.header_origins),
            "headers": list(own.headers),
            "helper": list(own.helper),
            "helper-protocol": own.helper_protocol,
            "provider": own.provider,
            SIGNED_IN: own.signed_in,
            USERS: list(own.keyring_users),
        }
        kept = {key: value or None for key, value in values.items()}
        self._changes.save_user_settings(name, kept)

    # -- telling

    def _tell_files(self) -> None:
        for file, told in self._told.items():
            for change in told:
                if file == self._own_file:
                    change = f"{change} (in Poetry's own environment)"
                self._out.say(change)

    def _warn_of_others(self, name: str) -> None:
        variable = self._variable_of(name)
        if variable is not None:
            by_variable = f"named by the environment variable {variable}"
            self._out.warn(f"{name} is still {by_variable}.")
        managed = self._session.settings.managed.says
        if match_name(name, managed.names) is not None:
            by_administrator = f"named by the managed settings in {managed.file}"
            self._out.warn(f"{name} is still {by_administrator}.")
