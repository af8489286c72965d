"""Storing and forgetting logins: the keyring with ``auth.toml`` behind it, in Poetry's own places."""

from __future__ import annotations

from contextlib import suppress

from poetry_repo_plugin import store
from poetry_repo_plugin.assemble import PASSPHRASE_USER
from poetry_repo_plugin.credentials.keyring_gate import KeyringGate, KeyringUnavailable
from poetry_repo_plugin.credentials.short_lived import CACHE_USER
from poetry_repo_plugin.errors import InputError
from poetry_repo_plugin.names import is_pypi
from poetry_repo_plugin.notices import Notices
from poetry_repo_plugin.secret import Secret
from poetry_repo_plugin.settings import TOKEN_USER, Settings

_OUTSIDE = ("helper", "helper-protocol", "provider")  # keys of our file: who is asked in the place of a stored secret


def check_username(username: str) -> str:
    """``username``, if Basic authentication can carry it (RFC 7617, 2). Raises :class:`InputError`."""
    if ":" in username or any(ord(char) < 32 or ord(char) == 127 for char in username):
        raise InputError("A user name cannot hold a colon or a control character (RFC 7617).")
    return username


def require_writable(settings: Settings) -> None:
    """Find out before a keyring is changed that the files cannot be. Raises ``StateError``."""
    with store.locked(settings.folder):
        pass


def store_login(
    settings: Settings,
    gate: KeyringGate,
    notices: Notices,
    name: str,
    username: str,
    secret: Secret,
    *,
    plaintext: bool = False,
) -> str:
    """Keep a user name and a secret where Poetry looks for them; says where, for a person.

    A token (user ``__token__``) is kept so that Poetry alone finds it for uploads and downloads alike. A keyring that
    is missing or breaks at this moment is said aloud, and ``auth.toml`` is used. What was kept for the name before
    goes, and so does a helper or provider that was set for it, because that would win. Raises ``StateError``; nothing
    is kept then.
    """
    superseded = _in_keyring(settings, name)
    require_writable(settings)
    why, backend = None, None
    if not plaintext:
        try:
            backend = gate.store(name, username, secret)
        except KeyringUnavailable as error:
            why = error
    _keep(settings, notices, name, username, secret if backend is None else None)
    if why is not None:
        notices.once(f"Stored in plain text, in {settings.auth_file}, because {why}.")
    settings.save_own(name, dict.fromkeys(_OUTSIDE))
    for other in superseded - ({username} if backend is not None else set()):
        with suppress(KeyringUnavailable):
            gate.forget(name, other)
    return f"the keyring ({backend})" if backend is not None else str(settings.auth_file)


def forget_login(settings: Settings, gate: KeyringGate, notices: Notices, name: str) -> bool:
    """Remove every credential that is stored for ``name``; whether there was one. Raises ``StateError``.

    A keyring that cannot be asked is said aloud if something of ours may be left in it.
    """
    own, in_keyring = settings.own_for(name), _in_keyring(settings, name)
    if settings.folder.exists():
        require_writable(settings)
    found = settings.login(name) is not None or settings.token(name) is not None or bool(own.helper or own.provider)
    # A token for PyPI leaves no trace in a file, nor does what a project's provider handed out.
    for username in dict.fromkeys([*in_keyring, TOKEN_USER, CACHE_USER]):
        try:
            found = gate.forget(name, username) or found
        except KeyringUnavailable as error:
            if in_keyring - {CACHE_USER} or (in_keyring and error.gone):  # where there is none, no token was kept
                notices.once(f"The keyring entry poetry-repository-{name} may be left, because {error}.")
            break
    settings.forget_login(name)
    settings.save_own(name, dict.fromkeys((*_OUTSIDE, "credential-origins")))
    return found


def forget_passphrase(settings: Settings, gate: KeyringGate, name: str) -> None:
    """Remove the passphrase of the client key, from the keyring and from ``auth.toml``."""
    if settings.own_for(name).passphrase_in_keyring:
        with suppress(KeyringUnavailable):
            gate.forget(name, PASSPHRASE_USER)
        settings.save_own(name, {"passphrase-in-keyring": None})
    settings.save_passphrase(name, None)


def _keep(settings: Settings, notices: Notices, name: str, username: str, secret: Secret | None) -> None:
    loose = (
        settings.save_token(name, secret)
        if username == TOKEN_USER and is_pypi(name)
        else settings.save_login(name, username, secret)
    )
    if loose:
        notices.once(f"{settings.auth_file} could be read by others; it is private (0600) now.")


def _in_keyring(settings: Settings, name: str) -> set[str]:
    """The users under whose names the keyring should have something for ``name``."""
    login, own = settings.login(name), settings.own_for(name)
    found = {login.username} if login is not None and login.secret is None else set()
    return found | ({CACHE_USER} if own.helper or own.provider else set())
