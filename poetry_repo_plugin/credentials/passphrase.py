"""The passphrase of a repository's client key, where it is kept: environment, ``auth.toml``,
keyring.
"""

from __future__ import annotations

from poetry_repo_plugin.config.settings import Settings
from poetry_repo_plugin.core.errors import Cause, Failure
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.core.variables import env_key
from poetry_repo_plugin.credentials.keyring import KeyringGate
from poetry_repo_plugin.credentials.keyring_services import PASSPHRASE
from poetry_repo_plugin.credentials.keyring_worker import KeyringUnavailable


def find_passphrase(settings: Settings, gate: KeyringGate, name: str) -> Secret | None:
    """The passphrase of ``name``'s client key; ``None`` if no place has it, or the keyring does not
    answer.
    """
    try:
        return _stored(settings, gate, name, move=True)
    except KeyringUnavailable:
        return None


def known_passphrase(
    settings: Settings, gate: KeyringGate, name: str, *, move: bool = True
) -> Secret | None:
    """The same. Raises ``Failure`` where it is in a keyring that does not answer.

    :param move: bring what an earlier version left elsewhere in the keyring to its place.
    """
    try:
        return _stored(settings, gate, name, move=move)
    except KeyringUnavailable as error:
        other = f"POETRY_CERTIFICATES_{env_key(name)}_PASSPHRASE"
        message = f"the passphrase of its client key is in the keyring, and {error}; {other} can hold it instead"
        raise Failure(Cause.PASSPHRASE_MISSING, message) from None


def _stored(settings: Settings, gate: KeyringGate, name: str, *, move: bool) -> Secret | None:
    variable = settings.variable("CERTIFICATES", name, "_PASSPHRASE")
    if variable is not None:
        return Secret(variable[1])
    stored = settings.passphrase(name)
    if stored is not None or not settings.user_settings(name).passphrase_in_keyring:
        return stored
    return gate.own(name, PASSPHRASE, move=move, known=True)
