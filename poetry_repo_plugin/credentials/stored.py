"""Source 4: what ``login`` (or ``poetry config``) stored under the repository's name."""

from __future__ import annotations

from dataclasses import dataclass

from poetry_repo_plugin.bindings import Bindings, Kind
from poetry_repo_plugin.credentials.base import Answer, Broken, Credential, Effort, NotMine, Query
from poetry_repo_plugin.credentials.keyring_gate import KeyringGate, KeyringUnavailable
from poetry_repo_plugin.settings import TOKEN_USER, Settings


@dataclass(frozen=True)
class Withheld(NotMine):
    """There is a credential of this name, bound to other origins than the one that asks; nothing is sent.

    :param bound_to: those origins, as they are printed.
    """

    bound_to: tuple[str, ...] = ()


class StoredSource:
    """``auth.toml`` and the keyring entries ``poetry-repository-NAME``, in Poetry's own order and spelling."""

    name = "stored"

    def __init__(self, settings: Settings, gate: KeyringGate, bindings: Bindings) -> None:
        self._settings = settings
        self._gate = gate
        self._bindings = bindings

    def get(self, query: Query) -> Answer:
        """A token first, then user name and password; the keyring is asked only for what the files point to, or at
        full effort. Nothing is looked up for an origin that the name is not bound to.
        """
        if not query.name:
            return NotMine()
        if self._bindings.allows(query.name, Kind.CREDENTIAL, query.url) is False:
            bound = self._bindings.shown(query.name, Kind.CREDENTIAL)
            return Withheld(f"what is stored belongs to {' and '.join(bound)}", bound)
        found = self._from_files(query)
        if isinstance(found, Credential) and query.username not in (None, found.username):
            return NotMine(f"what {found.detail} holds is for another user")
        return found

    def _from_files(self, query: Query) -> Answer:
        token = self._settings.token(query.name)
        if token is not None and token.secret is not None:
            return Credential(token.secret, TOKEN_USER, "auth.toml", str(token.file))
        login = self._settings.login(query.name)
        if login is not None and login.secret is not None:
            return Credential(login.secret, login.username, "auth.toml", str(login.file))
        if login is not None:
            return self._from_keyring(query, login.username, evident=True)
        if query.effort is Effort.EVIDENT:
            return NotMine("nothing is stored in auth.toml")
        return self._from_keyring(query, self._likely_user(query), evident=False)

    def _likely_user(self, query: Query) -> str:
        variable = self._settings.variable("HTTP_BASIC", query.name, "_USERNAME")
        if query.username is not None:
            return query.username
        return variable[1] if variable is not None and variable[1] else TOKEN_USER

    def _from_keyring(self, query: Query, username: str, *, evident: bool) -> Answer:
        try:
            entry = self._gate.stored(query.name, username)
        except KeyringUnavailable as error:
            if evident:
                return Broken(f"its password is in the keyring, but {error}")
            return NotMine(str(error)) if not error.gone else Broken(f"nothing is stored in auth.toml, and {error}")
        if entry is not None:
            where = f"keyring entry poetry-repository-{query.name}"
            return Credential(entry.secret, entry.username, "keyring", where)
        if evident:
            return NotMine("auth.toml names a user, but the keyring has no password for it")  # the name may be a token
        return NotMine("nothing is stored in auth.toml or under its name in the keyring")
