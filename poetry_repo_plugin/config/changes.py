"""Changes of a user's settings: collected, then made all at once or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from poetry_repo_plugin.config.document import put
from poetry_repo_plugin.config.keys import spellings_of, table_at, value_at
from poetry_repo_plugin.config.transaction import Transaction
from poetry_repo_plugin.config.user_settings import UserSettings, user_settings_of
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.core.servers import TOKEN_USER

if TYPE_CHECKING:
    from poetry_repo_plugin.config.settings import Settings

KeyPath = tuple[str, ...]


class Changes:
    """What is to change in the files of one user, and of a project beside them.

    Used in a ``with`` statement, it is committed where the block ends without an error. Otherwise
    call :meth:`commit`; whoever has to do something else in between, that cannot be undone, calls
    :meth:`rehearse` first.

    :ivar loosened: the private files that others could read before the commit.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._transaction = Transaction(settings.folder)
        self.loosened: list[Path] = []

    def __enter__(self) -> Changes:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.commit()

    def copy(self) -> Changes:
        """The same changes once more, to be tried with others."""
        twin = Changes(self._settings)
        twin._transaction = self._transaction.copy()
        return twin

    def rehearse(self) -> None:
        """Find out whether all can be written. Raises :class:`StateError`."""
        self._transaction.rehearse()

    def commit(self) -> None:
        """Make all changes, or none. Raises :class:`StateError`."""
        transaction, self._transaction = self._transaction, Transaction(self._settings.folder)
        self.loosened = transaction.commit()
        self._settings.refresh()

    # -- credentials

    def save_login(self, name: str, username: str, secret: Secret | None) -> None:
        """Keep ``http-basic.NAME`` in ``auth.toml``; ``None`` for a password that a keyring keeps.

        What was kept for the name goes. A token is kept under ``pypi-token.NAME`` as well, where
        Poetry's own publishing looks first.
        """
        self._refuse_if_in_vain(name)
        password = _revealed(secret)
        token = None
        if username == TOKEN_USER:
            token = password
        self._auth("pypi-token", name, {"": token})
        self._auth("http-basic", name, {"username": username, "password": password})

    def save_token(self, name: str, token: Secret | None) -> None:
        """Keep ``pypi-token.NAME``; ``None`` for a token that a keyring keeps. Otherwise as
        :meth:`save_login`.
        """
        self._refuse_if_in_vain(name)
        self._auth("http-basic", name, {"username": None, "password": None})
        self._auth("pypi-token", name, {"": _revealed(token)})

    def forget_login(self, name: str, *, but_username: bool = False) -> None:
        """Remove ``http-basic.NAME`` and ``pypi-token.NAME`` from both files, in every spelling,
        and further headers; a passphrase stays.

        :param but_username: leave the user's name, which leads to what a keyring has.
        """
        keys = ("password", "headers")
        basic = dict.fromkeys(keys if but_username else ("username", *keys))
        for set_in in (self._auth, self._config):
            set_in("http-basic", name, basic)
            set_in("pypi-token", name, {"": None})

    def save_passphrase(self, name: str, passphrase: Secret | None) -> None:
        """Keep (or, for ``None``, remove) the passphrase of the client key in ``auth.toml``."""
        self._auth("http-basic", name, {"passphrase": _revealed(passphrase)})

    def save_oauth_tokens(self, name: str, tokens: Secret | None) -> None:
        """Keep (or, for ``None``, remove) the tokens of a sign-in in ``auth.toml``."""
        self._auth("http-basic", name, {"oauth-tokens": _revealed(tokens)})

    def save_headers(self, name: str, headers: Secret | None) -> None:
        """Keep (or, for ``None``, remove) further headers in ``auth.toml``."""
        self._auth("http-basic", name, {"headers": _revealed(headers)})

    # -- what is no secret

    def save_publish_url(self, name: str, url: str | None) -> None:
        """Keep or remove ``repositories.NAME.url``."""
        self._settings.managed.refuse_values(name, {"publish-url": url})
        self._config("repositories", name, {"url": url})

    def save_certificates(self, name: str, values: Mapping[str, str | bool | None]) -> None:
        """Keep (or, for ``None``, remove) ``certificates.NAME.cert`` and ``.client-cert``, where
        Poetry keeps them.
        """
        settings = {{"cert": "ca"}.get(key, key): value for key, value in values.items()}
        self._settings.managed.refuse_values(name, settings)
        self._auth("certificates", name, values)
        self._config("certificates", name, dict.fromkeys(values))

    def save_user_settings(self, name: str, values: Mapping[str, object]) -> None:
        """Keep (or, for ``None``, remove) keys of ``[repositories.NAME]`` in our file.

        Raises :class:`InputError` for a key that the administrator has locked, as do all that keep
        something here.
        """
        self._settings.managed.refuse_values(name, values)
        if not self._is_needless(self._settings.own_file, values):
            self.change_own(name, lambda own: values)

    def change_own(self, name: str, change: Callable[[UserSettings], Mapping[str, object]]) -> None:
        """As :meth:`save_user_settings`, with what ``change`` makes of the values that the file
        holds at the commit.
        """
        edit = partial(_change_own, name=name, change=change)
        self._transaction.edit(self._settings.own_file, edit, private=True)

    def forget(self, name: str) -> None:
        """Remove everything that the files hold for ``name``, but for its credentials."""
        settings = self._settings
        for file, private, sections in (
            (settings.auth_file, True, ("certificates",)),
            (settings.config_file, False, ("repositories", "certificates")),
            (settings.own_file, True, ("repositories",)),
        ):
            if os.path.lexists(file):
                self._transaction.edit(
                    file, partial(_forget, name=name, sections=sections), private=private
                )

    def rewrite(self, path: Path, rewrite: Callable[[str], str]) -> None:
        """Change the text of another file, a project's, together with the settings."""
        self._transaction.rewrite(path, rewrite)

    def _refuse_if_in_vain(self, name: str) -> None:
        """A login that nothing would ever ask for, because the administrator says who is asked."""
        managed = self._settings.managed
        set_by_them = [key for key in ("helper", "provider") if key in managed.says.entry(name)]
        managed.refuse_locked(name, *set_by_them)

    # -- both files of Poetry's

    def _auth(self, section: str, name: str, values: Mapping[str, object]) -> None:
        self._note(self._settings.auth_file, section, name, values, private=True)

    def _config(self, section: str, name: str, values: Mapping[str, object]) -> None:
        self._note(self._settings.config_file, section, name, values, private=False)

    def _note(
        self, file: Path, section: str, name: str, values: Mapping[str, object], *, private: bool
    ) -> None:
        if not self._is_needless(file, values):
            spelled = self._settings.spell(name)
            edit = partial(_set, section=section, name=name, spelled=spelled, values=values)
            self._transaction.edit(file, edit, private=private)

    @staticmethod
    def _is_needless(file: Path, values: Mapping[str, object]) -> bool:
        """Tell whether there is nothing to remove, because there is no file."""
        return all(value is None for value in values.values()) and not os.path.lexists(file)


def _set(
    document: Any, *, section: str, name: str, spelled: KeyPath, values: Mapping[str, object]
) -> None:
    """Keep (or remove) keys below ``name``, or for the key ``""`` the value of ``name`` itself.

    It is one value however the name is spelled: other spellings of it lose those keys.
    """
    for keys in list(spellings_of(table_at(document, section), name)):
        for key in values:
            path = (section, *keys, key) if key else (section, *keys)
            if keys != spelled and not isinstance(value_at(document, path), dict):
                put(document, path, None)
    for key, value in values.items():
        path = (section, *spelled, key) if key else (section, *spelled)
        if value is not None or not isinstance(value_at(document, path), dict):
            put(document, path, value)


def _change_own(
    document: Any, *, name: str, change: Callable[[UserSettings], Mapping[str, object]]
) -> None:
    table = table_at(document, "repositories")
    known = [keys for keys in spellings_of(table, name) if isinstance(value_at(table, keys), dict)]
    for key, value in change(user_settings_of(document.unwrap(), name)).items():
        path = ("repositories", *(known[0] if known else (name,)), key)
        if isinstance(
            value_at(document, path), dict
        ):  # the key is ours, and a table is nothing that we wrote
            put(document, path, None)
        put(document, path, value)


def _forget(document: Any, *, name: str, sections: tuple[str, ...]) -> None:
    for section in sections:
        for keys in list(spellings_of(table_at(document, section), name)):
            _clear(document, (section, *keys))


def _clear(document: Any, path: KeyPath) -> None:
    """Remove what is at ``path``, but not the tables below it: those belong to longer names
    (``a.b``).
    """
    table = value_at(document, path)
    if isinstance(table, dict):
        for key in [key for key, value in table.items() if not isinstance(value, dict)]:
            put(document, (*path, key), None)
        if value_at(document, path) == {}:
            put(document, path, None)
    elif len(path) == 2:
        put(document, path, None)


def _revealed(secret: Secret | None) -> str | None:
    if secret is None:
        return None
    return secret.reveal()
