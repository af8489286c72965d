"""Storing and forgetting logins: the keyring with ``auth.toml`` behind it, in Poetry's own
places.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from poetry_repo_plugin.config.bindings import Bindings, Kind
from poetry_repo_plugin.config.changes import Changes
from poetry_repo_plugin.config.settings import Settings
from poetry_repo_plugin.config.user_settings import HEADERS as HEADER_NAMES
from poetry_repo_plugin.config.user_settings import OAUTH, SIGNED_IN, USERS
from poetry_repo_plugin.core.errors import InputError, StateError
from poetry_repo_plugin.core.hints import Hint, repo
from poetry_repo_plugin.core.names import is_pypi
from poetry_repo_plugin.core.notices import Notices
from poetry_repo_plugin.core.origin import Prefix
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.core.servers import TOKEN_USER
from poetry_repo_plugin.credentials.keyring import KeyringEntry, KeyringGate
from poetry_repo_plugin.credentials.keyring_services import (
    HEADERS,
    SHORT_LIVED,
    OwnService,
    RepositoryService,
    Service,
)
from poetry_repo_plugin.credentials.keyring_worker import KeyringUnavailable

if TYPE_CHECKING:
    from poetry_repo_plugin.config.user_settings import OAuthSettings
    from poetry_repo_plugin.credentials.oauth_store import SignedIn

# Keys of our file: who is asked in the place of a stored secret.
_OUTSIDE = ("helper", "helper-protocol", "provider")


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
    :param gone: the entries of the keyring that are gone.
    """

    found: bool
    left: str | None = None
    gone: tuple[str, ...] = ()


class _Login(NamedTuple):
    """What is to be stored.

    :param further: ``urls`` come to those that the name is bound to.
    """

    name: str
    username: str
    secret: Secret
    urls: list[str]
    further: bool


@dataclass(frozen=True)
class _Keyring:
    """What was done with the keyring.

    :param backend: the one that has the secret now; ``None`` if none has it.
    :param before: what our file held when it was written down; ``None`` if it was not.
    :param earlier: what the entry held.
    """

    backend: str | None = None
    before: dict[str, object] | None = None
    earlier: KeyringEntry | None = None


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
        changes: Changes | None = None,
    ) -> Stored:
        """Keep a user name and a secret where Poetry looks for them, bound to the owners of
        ``urls``.

        A token (user ``__token__``) is kept so that Poetry alone finds it for uploads and downloads
        alike. A keyring that is missing or breaks at this moment is said aloud, and ``auth.toml``
        is used. What was kept for the name before goes, and so does a helper or provider that was
        set for it, because that would win.

        What the keyring is about to get, and where it belongs, is written down first: whoever is
        killed in between leaves nothing that a stranger may ask for or that a logout does not find.
        Raises ``StateError``; everything is as it was then, or the message says what is not.

        :param further: ``urls`` are further ones; what the name was bound to stays.
        :param changes: what else is to be written, together with this.
        """
        urls = list(urls)
        changes = changes if changes is not None else Changes(self.settings)
        login = _Login(name, username, secret, urls, further)
        had_helper, earlier = self._has_helper(name), self._in_keyring(name)
        was_signed_in = self.settings.user_settings(name).signed_in is not None
        trial = changes.copy()
        self._note(trial, login, in_keyring=False, doubtful=earlier)
        trial.rehearse()
        keyring, why = _Keyring(), None
        if not plaintext:
            keyring, why = self._keep_in_keyring(login, earlier)
        doubtful = earlier - ({username} if keyring.backend is not None else set())
        self._note(changes, login, in_keyring=keyring.backend is not None, doubtful=doubtful)
        try:
            changes.commit()
        except StateError as error:
            raise self._undone(login, keyring, error) from None
        tell_of_file(self.settings, self.notices, changes, why)
        self._remove_doubtful(name, doubtful)
        if had_helper:
            self._forget_token(name)
        if was_signed_in:
            self._forget_sign_in(name)
        place = (
            f"the keyring ({keyring.backend})"
            if keyring.backend is not None
            else str(self.settings.auth_file)
        )
        return Stored(place, tuple(self.bindings.of(name, Kind.CREDENTIAL)))

    def keep_sign_in(
        self,
        name: str,
        signed_in: SignedIn,
        urls: Iterable[str],
        *,
        plaintext: bool,
        further: bool,
        changes: Changes,
        settings: OAuthSettings,
    ) -> str:
        """Keep the tokens of a sign-in and where it was, bound to the owners of ``urls``; returns
        the place, for a person.

        A helper or provider goes, because one of them is asked. Raises ``StateError``, and
        ``InputError`` where no keyring takes them; nothing is kept then.
        """
        from poetry_repo_plugin.credentials.oauth_store import SignIns

        urls, had_helper = list(urls), self._has_helper(name)
        self.bindings.record_for_login(name, urls, further=further, changes=changes)
        known = self.settings.user_settings(name).oauth
        is_managed = known == settings and self.settings.managed.decides(name, OAUTH)
        kept = None if is_managed else settings.table()  # the administrator may change it
        changes.save_user_settings(name, {**dict.fromkeys(_OUTSIDE), OAUTH: kept})

        def begin(intent: Changes) -> None:
            self.bindings.record_begun(name, urls, further=further, changes=intent)

        try:
            place = SignIns(self.settings, self.gate).keep(
                name, signed_in, changes, plaintext=plaintext, begin=begin
            )
        except KeyringUnavailable as error:
            hint = repo("login", name, "--plaintext")
            raise InputError(f"The tokens cannot be kept, because {error}.", hint) from None
        tell_of_file(self.settings, self.notices, changes, None)
        if had_helper:
            self._forget_token(name)
        return place

    def leave_account(self, name: str) -> None:
        """Forget the tokens of a sign-in, because somebody else is asked from now on."""
        if self.settings.user_settings(name).signed_in is not None:
            self._forget_sign_in(name)
            with Changes(self.settings) as changes:
                changes.save_oauth_tokens(name, None)
                changes.save_user_settings(name, {SIGNED_IN: None})

    def forget(self, name: str, *, thorough: bool = True) -> Forgotten:
        """Remove every credential that is stored for ``name``. Raises ``StateError``.

        Where a keyring cannot be asked and something of ours may be left in it, that is said aloud,
        and what leads to the entry stays: the user's name, and the record of where the secret
        belongs.

        :param thorough: also where no file says that the keyring has something: a token that
            ``poetry config`` put there leaves no trace.
        """
        trial = Changes(self.settings)
        self.note_forgotten(trial, name)
        trial.rehearse()
        changes = Changes(self.settings)
        forgotten = self.forget_in_keyring(name, thorough=thorough)
        self.note_forgotten(changes, name, forgotten)
        commit(changes, forgotten.gone)
        return forgotten

    def forget_in_keyring(self, name: str, *, thorough: bool = True) -> Forgotten:
        """Remove what the keyring has of ``name``. The files are left to :meth:`note_forgotten`."""
        settings, own, in_keyring = (
            self.settings,
            self.settings.user_settings(name),
            self._in_keyring(name),
        )
        has_helper = self._has_helper(name)
        found = settings.login(name) is not None or settings.token(name) is not None or has_helper
        found = found or bool(own.headers) or settings.headers(name) is not None
        gone, left = [], None
        if own.signed_in is not None:
            found = True
            if self._forget_sign_in(name):
                gone.append(str(OwnService(name)))
        if thorough or in_keyring or has_helper or own.credential_origins or own.headers:
            try:
                for username in dict.fromkeys([*sorted(in_keyring), TOKEN_USER]):
                    if self.gate.forget(name, username):
                        gone.append(str(RepositoryService(name)))
                if self.gate.forget_own(name, HEADERS):
                    gone.append(str(OwnService(name)))
            except KeyringUnavailable as error:
                has_headers = own.headers and settings.headers(name) is None
                left = None
                if in_keyring or has_headers:
                    left = str(error)
            if self._forget_token(name, aloud=has_helper and left is None):
                gone.append(str(OwnService(name)))
        if left is not None:
            service = RepositoryService(name) if in_keyring else OwnService(name)
            self.notices.once(_left(service, left))
        return Forgotten(found or bool(gone), left, tuple(gone))

    def note_forgotten(
        self, changes: Changes, name: str, forgotten: Forgotten | None = None
    ) -> None:
        """Take out of the files what they hold of the credential, but for what leads to an entry
        that is left.
        """
        own = self.settings.user_settings(name)
        record: dict[str, object] = dict.fromkeys(
            (Kind.CREDENTIAL.value, USERS, Kind.HEADERS.value, HEADER_NAMES)
        )
        is_left = forgotten is not None and forgotten.left is not None
        if is_left:
            record = {
                Kind.CREDENTIAL.value: list(own.credential_origins) or None,
                USERS: list(own.keyring_users) or None,
                Kind.HEADERS.value: list(own.header_origins) or None,
                HEADER_NAMES: list(own.headers) or None,
            }
        changes.forget_login(name, but_username=is_left)
        changes.save_oauth_tokens(name, None)
        changes.save_user_settings(name, {**dict.fromkeys((*_OUTSIDE, SIGNED_IN)), **record})

    def _forget_sign_in(self, name: str) -> bool:
        """Remove the tokens of a sign-in from the keyring; whether there were any."""
        from poetry_repo_plugin.credentials.oauth_store import SignIns

        try:
            return SignIns(self.settings, self.gate).forget(name)
        except KeyringUnavailable as error:
            if error.gone:
                self.notices.once(_left(OwnService(name), error))
            return False

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

    def _keep_in_keyring(
        self, login: _Login, earlier: set[str]
    ) -> tuple[_Keyring, KeyringUnavailable | None]:
        """Keep the secret in the keyring; without one nothing is changed, and the reason is
        given.
        """
        name, username = login.name, login.username
        own = self.settings.user_settings(name)
        before: dict[str, object] = {
            Kind.CREDENTIAL.value: list(own.credential_origins) or None,
            USERS: list(own.keyring_users) or None,
        }
        try:
            entry = None
            if username in earlier:
                entry = self.gate.stored(name, username)
        except KeyringUnavailable as error:
            return _Keyring(), error
        with Changes(self.settings) as intent:
            self.bindings.record_begun(name, login.urls, further=login.further, changes=intent)
            intent.save_user_settings(name, {USERS: sorted({*own.keyring_users, username})})
        keyring = _Keyring(before=before, earlier=entry)
        try:
            return replace(keyring, backend=self.gate.store(name, username, login.secret)), None
        except KeyringUnavailable as error:
            return keyring, error

    def _note(
        self, changes: Changes, login: _Login, *, in_keyring: bool, doubtful: set[str]
    ) -> None:
        """Note what the files are to hold of a login.

        :param doubtful: users of whom the keyring may have something that is of no use any more.
        """
        name, secret = login.name, None if in_keyring else login.secret
        if login.username == TOKEN_USER and is_pypi(name):
            changes.save_token(name, secret)
        else:
            changes.save_login(name, login.username, secret)
        self.bindings.record_for_login(name, login.urls, further=login.further, changes=changes)
        changes.save_user_settings(
            name,
            {**dict.fromkeys((*_OUTSIDE, OAUTH, SIGNED_IN)), USERS: sorted(doubtful) or None},
        )
        changes.save_oauth_tokens(name, None)

    def _undone(self, login: _Login, keyring: _Keyring, error: StateError) -> StateError:
        """Put the keyring and our record back as they were; the error that says what could not
        be.
        """
        left = []
        if keyring.backend is not None:
            try:
                self._put_back(login.name, login.username, keyring.earlier)
            except KeyringUnavailable as why:
                left.append(
                    f"the keyring holds the new secret as {RepositoryService(login.name)}, because {why}"
                )
        if keyring.before is not None:
            record = keyring.before
            if left:
                record = {Kind.CREDENTIAL.value: keyring.before[Kind.CREDENTIAL.value]}
            try:
                with Changes(self.settings) as changes:
                    changes.save_user_settings(login.name, record)
            except StateError:
                left.append(f"{self.settings.own_file} names the new place of {login.name}")
        return not_quite(error, left, repo("logout", login.name))

    def _remove_doubtful(self, name: str, users: set[str]) -> None:
        """Remove entries of earlier logins. What cannot be removed stays written down."""
        for username in sorted(users):
            try:
                self.gate.forget(name, username)
            except KeyringUnavailable as error:
                self.notices.once(_left(RepositoryService(name), error))
                return
        if users:
            with suppress(StateError), Changes(self.settings) as changes:
                changes.save_user_settings(name, {USERS: None})

    def _put_back(self, name: str, username: str, earlier: KeyringEntry | None) -> None:
        if earlier is not None:
            self.gate.store(name, username, earlier.secret)
        else:
            self.gate.forget(name, username)

    def _in_keyring(self, name: str) -> set[str]:
        """The users under whose names the keyring should have something for ``name``, or may
        have.
        """
        login = self.settings.login(name)
        named = {login.username} if login is not None and login.secret is None else set()
        return named | set(self.settings.user_settings(name).keyring_users)

    def _has_helper(self, name: str) -> bool:
        own = self.settings.own_settings(name)
        return bool(own.helper or own.provider)


def commit(changes: Changes, gone: Sequence[str]) -> None:
    """Write ``changes``. Where that fails, say that the keyring's entries ``gone`` are gone. Raises
    ``StateError``.
    """
    try:
        changes.commit()
    except StateError as error:
        entries = dict.fromkeys(gone)
        raise not_quite(
            error, [f"{entry} is gone from the keyring" for entry in entries], error.hint
        ) from None


def check_username(username: str) -> str:
    """``username``, if Basic authentication can carry it (RFC 7617, 2). Raises
    :class:`InputError`.
    """
    if ":" in username or any(ord(char) < 32 or ord(char) == 127 for char in username):
        raise InputError("A user name cannot hold a colon or a control character (RFC 7617).")
    return username


def tell_of_file(
    settings: Settings, notices: Notices, changes: Changes, why: Exception | None
) -> None:
    """Say what nobody expects of ``auth.toml``: others could read it, or a secret is in it.

    :param why: a secret is there and not in the keyring; ``None`` where that was asked for.
    """
    file = settings.auth_file
    if file in changes.loosened:
        notices.once(f"{file} was readable by others; it is now private (0600).")
    if why is not None:
        notices.once(f"Stored in plain text, in {file}, because {why}.")


def not_quite(error: StateError, left: Sequence[str], hint: Hint | None) -> StateError:
    """Say that nothing was changed but what is ``left`` changed."""
    if not left:
        return error
    unchanged = "Nothing was changed."
    message = error.message.removesuffix(unchanged).rstrip()
    return StateError(f"{message} No other file was changed, but {' and '.join(left)}.", hint)


def _left(service: Service, why: object) -> str:
    return f"The keyring entry {service} may be left, because {why}."
