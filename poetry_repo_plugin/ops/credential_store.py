"""Storing and forgetting logins: the keyring with ``auth.toml`` behind it, in Poetry's own places."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from poetry_repo_plugin.config import files
from poetry_repo_plugin.config.bindings import Bindings, Kind
from poetry_repo_plugin.config.settings import TOKEN_USER, Settings
from poetry_repo_plugin.core.errors import InputError, StateError
from poetry_repo_plugin.core.names import is_pypi
from poetry_repo_plugin.core.notices import Notices
from poetry_repo_plugin.core.origin import Prefix
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.credentials.keyring import KeyringEntry, KeyringGate, KeyringUnavailable
from poetry_repo_plugin.credentials.keyring_services import (
    PASSPHRASE,
    SHORT_LIVED,
    OwnService,
    RepositoryService,
    Service,
)

_OUTSIDE = ("helper", "helper-protocol", "provider")  # keys of our file: who is asked in the place of a stored secret


@dataclass(frozen=True)
class Stored:
    """Where a login is kept, for a person, and to what it belongs."""

    place: str
    bound: tuple[Prefix, ...]


@dataclass(frozen=True)
class Forgotten:
    """What became of what was stored.

    :param found: there was something.
    :param left: why something may be left in the keyring, if it may.
    """

    found: bool
    left: str | None = None


@dataclass(frozen=True)
class Logins:
    """Keeps and forgets the logins of one user."""

    settings: Settings
    gate: KeyringGate
    notices: Notices
    bindings: Bindings

    def store(
        self,
        name: str,
        username: str,
        secret: Secret,
        urls: Iterable[str],
        *,
        plaintext: bool = False,
        further: bool = False,
    ) -> Stored:
        """Keep a user name and a secret where Poetry looks for them, bound to the owners of ``urls``.

        A token (user ``__token__``) is kept so that Poetry alone finds it for uploads and downloads alike. A keyring
        that is missing or breaks at this moment is said aloud, and ``auth.toml`` is used. What was kept for the name
        before goes, and so does a helper or provider that was set for it, because that would win.

        It is bound before it is kept: whoever is killed in between leaves no secret that anybody may ask for.
        Raises ``StateError``; everything is as it was then.

        :param further: ``urls`` are further ones; what the name was bound to stays.
        """
        superseded, own = self._in_keyring(name), self.settings.own_for(name)
        require_writable(self.settings)
        before, had_helper = own.credential_origins, bool(own.helper or own.provider)
        bound = self.bindings.record_for_login(name, urls, further=further)
        try:
            backend, why = self._keep(name, username, secret, superseded, plaintext=plaintext)
        except StateError:
            with suppress(StateError):
                self.settings.save_own(name, {Kind.CREDENTIAL.value: list(before) or None})
            raise
        if why is not None:
            self.notices.once(f"Stored in plain text, in {self.settings.auth_file}, because {why}.")
        self.settings.save_own(name, dict.fromkeys(_OUTSIDE))
        for other in superseded - ({username} if backend is not None else set()):
            try:
                self.gate.forget(name, other)
            except KeyringUnavailable as error:
                self.notices.once(_left(RepositoryService(name), error))
        if had_helper:
            self._forget_token(name)
        return Stored(f"the keyring ({backend})" if backend is not None else str(self.settings.auth_file), tuple(bound))

    def forget(self, name: str, *, thorough: bool = True) -> Forgotten:
        """Remove every credential that is stored for ``name``. Raises ``StateError``.

        Where a keyring cannot be asked and something of ours may be left in it, that is said aloud, and what leads to
        the entry stays: the user's name, and the record of where the secret belongs.

        :param thorough: also where no file says that the keyring has something: a token that ``poetry config`` put
            there leaves no trace.
        """
        settings, own, in_keyring = self.settings, self.settings.own_for(name), self._in_keyring(name)
        if settings.folder.exists():
            require_writable(settings)
        login = settings.login(name)
        found = login is not None or settings.token(name) is not None or bool(own.helper or own.provider)
        has_helper = bool(own.helper or own.provider)
        left: str | None = None
        if thorough or in_keyring or has_helper or own.credential_origins:
            try:
                for username in dict.fromkeys([*in_keyring, TOKEN_USER]):
                    found = self.gate.forget(name, username) or found
            except KeyringUnavailable as error:
                left = str(error) if in_keyring else None
            found = self._forget_token(name, aloud=has_helper and left is None) or found
        if left is not None:
            self.notices.once(_left(RepositoryService(name), left))
            settings.forget_login(name, but_username=True)
            settings.save_own(name, dict.fromkeys(_OUTSIDE))
            return Forgotten(found, left)
        settings.forget_login(name)
        settings.save_own(name, dict.fromkeys((*_OUTSIDE, Kind.CREDENTIAL.value)))
        return Forgotten(found)

    def _forget_token(self, name: str, *, aloud: bool = True) -> bool:
        """Remove a short-lived token, which would end by itself; whether there was one.

        :param aloud: say it where the keyring fails.
        """
        try:
            return self.gate.forget_own(name, SHORT_LIVED)
        except KeyringUnavailable as error:
            if aloud and error.gone:  # no file says that one was ever kept
                self.notices.once(_left(OwnService(name), error))
            return False

    def _keep(
        self, name: str, username: str, secret: Secret, superseded: set[str], *, plaintext: bool
    ) -> tuple[str | None, KeyringUnavailable | None]:
        """The keyring that has it now, or ``None`` for ``auth.toml`` and, if one was wanted, why there is none."""
        why, backend = None, None
        earlier: KeyringEntry | None = None
        if not plaintext:
            try:
                earlier = self.gate.stored(name, username) if username in superseded else None
                backend = self.gate.store(name, username, secret)
            except KeyringUnavailable as error:
                why = error
        try:
            loose = self._write(name, username, secret if backend is None else None)
        except StateError:
            if backend is not None:
                with suppress(KeyringUnavailable):
                    self._put_back(name, username, earlier)
            raise
        if loose:
            self.notices.once(f"{self.settings.auth_file} could be read by others; it is private (0600) now.")
        return backend, why

    def _write(self, name: str, username: str, secret: Secret | None) -> bool:
        """Whether ``auth.toml`` could be read by others before."""
        if username == TOKEN_USER and is_pypi(name):
            return self.settings.save_token(name, secret)
        return self.settings.save_login(name, username, secret)

    def _put_back(self, name: str, username: str, earlier: KeyringEntry | None) -> None:
        if earlier is not None:
            self.gate.store(name, username, earlier.secret)
        else:
            self.gate.forget(name, username)

    def _in_keyring(self, name: str) -> set[str]:
        """The users under whose names the keyring should have something for ``name``."""
        login = self.settings.login(name)
        return {login.username} if login is not None and login.secret is None else set()


def check_username(username: str) -> str:
    """``username``, if Basic authentication can carry it (RFC 7617, 2). Raises :class:`InputError`."""
    if ":" in username or any(ord(char) < 32 or ord(char) == 127 for char in username):
        raise InputError("A user name cannot hold a colon or a control character (RFC 7617).")
    return username


def require_writable(settings: Settings) -> None:
    """Find out before a keyring or a project's file is changed that the settings cannot be. Raises ``StateError``."""
    with files.locked(settings.folder):
        for file in (settings.auth_file, settings.config_file, settings.own_file):
            files.require_writable(file)


def forget_passphrase(settings: Settings, gate: KeyringGate, notices: Notices, name: str) -> bool:
    """Remove the passphrase of the client key, from the keyring and from ``auth.toml``; whether it is gone.

    Where the keyring does not do it, that is said, and remembered: the next command tries again.
    """
    gone = True
    if settings.own_for(name).passphrase_in_keyring:
        try:
            gate.forget_own(name, PASSPHRASE)
        except KeyringUnavailable as error:
            gone = False
            entry = f"{OwnService(name)} (user {PASSPHRASE.user})"
            notices.once(f"{name}: the passphrase may be left in the keyring, as {entry}, because {error}.")
        else:
            settings.save_own(name, {"passphrase-in-keyring": None})
    settings.save_passphrase(name, None)
    return gone


def _left(service: Service, why: object) -> str:
    return f"The keyring entry {service} may be left, because {why}."
