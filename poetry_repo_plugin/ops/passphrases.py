"""The passphrase of a client key: found out once, and kept in the keyring or in ``auth.toml``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from poetry_repo_plugin.config.changes import Changes
from poetry_repo_plugin.config.settings import Settings
from poetry_repo_plugin.core.errors import InputError, StateError
from poetry_repo_plugin.core.notices import Notices
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.core.variables import env_key
from poetry_repo_plugin.credentials.keyring import KeyringGate
from poetry_repo_plugin.credentials.keyring_services import PASSPHRASE, OwnService
from poetry_repo_plugin.credentials.keyring_worker import KeyringUnavailable
from poetry_repo_plugin.ops.credential_store import commit, not_quite
from poetry_repo_plugin.ops.session import Session
from poetry_repo_plugin.tls.settings import AskPassphrase

_IN_KEYRING = "passphrase-in-keyring"


class Passphrase:
    """The passphrase of a key: found out once, and only if the key needs one.

    :param given: as it was given with this command.
    :param find: finds it where it is kept, or asks.
    """

    def __init__(self, given: Secret | None = None, find: AskPassphrase | None = None) -> None:
        self.given = given
        self.was_needed = False
        self._find = find
        self._found = given

    def __call__(self) -> Secret | None:
        """It, or ``None`` where nobody knows it."""
        if not self.was_needed and self._found is None and self._find is not None:
            self._found = self._find()
        self.was_needed = True
        return self._found

    def correct(self, typed: Secret) -> None:
        """What was found is of another key; this is the right one."""
        self._found = typed


@dataclass(frozen=True)
class Passphrases:
    """Keeps and forgets the passphrases of client keys, in the keyring or in ``auth.toml``."""

    settings: Settings
    gate: KeyringGate
    notices: Notices

    @classmethod
    def of(cls, session: Session) -> Passphrases:
        return cls(session.settings, session.gate, session.notices)

    def keep(
        self, changes: Changes, name: str, passphrase: Secret, *, plaintext: bool = False
    ) -> str:
        """Keep it in the keyring, or in ``auth.toml`` only if that was asked for, and write
        ``changes``.

        That the keyring is about to get it is written down first, so that ``--unset`` finds it.
        Returns where it is. Raises ``InputError`` where there is no keyring and plain text was not
        asked for, ``StateError``.
        """
        trial = changes.copy()
        trial.save_passphrase(name, passphrase)
        trial.rehearse()
        if plaintext:
            gone = self._forget_in_keyring(name)
            changes.save_user_settings(name, {_IN_KEYRING: None if gone else True})
            changes.save_passphrase(name, passphrase)
            changes.commit()
            return f"plain text, in {self.settings.auth_file}"
        was_there = self.settings.user_settings(name).passphrase_in_keyring
        backend, earlier = self._keep_in_keyring(name, passphrase, was_there=was_there)
        changes.save_passphrase(name, None)
        changes.save_user_settings(name, {_IN_KEYRING: True})
        try:
            changes.commit()
        except StateError as error:
            raise not_quite(error, self._put_back(name, earlier), error.hint) from None
        return f"the keyring ({backend})"

    def forget(self, changes: Changes, name: str, gone: Sequence[str] = ()) -> bool:
        """Remove it from the keyring, then write ``changes`` and that it is gone; whether the
        keyring did it.

        :param gone: entries that are gone from the keyring already.

        Where the keyring does not do it, that is said, and remembered: the next command tries
        again.
        """
        trial = changes.copy()
        trial.save_passphrase(name, None)
        trial.rehearse()
        was_there = self.settings.user_settings(name).passphrase_in_keyring
        is_gone = self._forget_in_keyring(name)
        changes.save_passphrase(name, None)
        changes.save_user_settings(name, {_IN_KEYRING: None if is_gone else True})
        commit(changes, [*gone, str(OwnService(name))] if was_there and is_gone else gone)
        return is_gone

    def _keep_in_keyring(
        self, name: str, passphrase: Secret, *, was_there: bool
    ) -> tuple[str, Secret | None]:
        """The backend that has it now, and what it had before."""
        try:
            earlier = None
            if was_there:
                earlier = self.gate.own(name, PASSPHRASE)
            with Changes(self.settings) as intent:
                intent.save_user_settings(name, {_IN_KEYRING: True})
            return self.gate.keep_own(name, PASSPHRASE, passphrase), earlier
        except KeyringUnavailable as error:
            with Changes(self.settings) as changes:
                changes.save_user_settings(name, {_IN_KEYRING: True if was_there else None})
            raise InputError(
                f"The passphrase was not stored, because {error}. Set "
                f"POETRY_CERTIFICATES_{env_key(name)}_PASSPHRASE for each run, or store it in plain "
                "text with --plaintext."
            ) from None

    def _forget_in_keyring(self, name: str) -> bool:
        if not self.settings.user_settings(name).passphrase_in_keyring:
            return True
        try:
            self.gate.forget_own(name, PASSPHRASE)
        except KeyringUnavailable as error:
            entry = f"{OwnService(name)} (user {PASSPHRASE.user})"
            self.notices.once(
                f"{name}: the passphrase may be left in the keyring, as {entry}, because {error}."
            )
            return False
        return True

    def _put_back(self, name: str, earlier: Secret | None) -> list[str]:
        """Undo what was done to the keyring; what could not be undone."""
        try:
            if earlier is not None:
                self.gate.keep_own(name, PASSPHRASE, earlier)
                return []
            self.gate.forget_own(name, PASSPHRASE)
            with Changes(self.settings) as changes:
                changes.save_user_settings(name, {_IN_KEYRING: None})
        except KeyringUnavailable as error:
            return [f"the keyring holds the new passphrase as {OwnService(name)}, because {error}"]
        except StateError:
            return [f"{self.settings.own_file} says that the keyring has a passphrase"]
        return []
