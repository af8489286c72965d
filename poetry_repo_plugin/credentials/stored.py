"""Source 4: what ``login`` (or ``poetry config``) stored under the repository's name."""

from __future__ import annotations

from pathlib import Path

from poetry_repo_plugin.config.bindings import Bindings, Kind
from poetry_repo_plugin.config.settings import Settings, StoredLogin
from poetry_repo_plugin.core.hints import unset
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.core.servers import TOKEN_USER
from poetry_repo_plugin.credentials.base import (
    Answer,
    Broken,
    Credential,
    Need,
    NotMine,
    Purpose,
    Query,
    Unheard,
    Unusable,
    Withheld,
)
from poetry_repo_plugin.credentials.keyring import KeyringGate
from poetry_repo_plugin.credentials.keyring_services import is_reserved_user
from poetry_repo_plugin.credentials.keyring_worker import KeyringUnavailable


class StoredSource:
    """``auth.toml`` and the keyring entries ``poetry-repository-NAME``, in Poetry's own order and
    spelling.
    """

    name = "stored"

    def __init__(self, settings: Settings, gate: KeyringGate, bindings: Bindings) -> None:
        self._settings = settings
        self._gate = gate
        self._bindings = bindings

    def get(self, query: Query) -> Answer:
        """For an upload a token first, for everything else user name and password: the token may be
        for uploads only. The keyring is asked only for what the files point to, or where a search
        is allowed. Nothing is looked up for an origin that the name is not bound to.
        """
        if not query.name:
            return NotMine()
        answer = self._answer(query)
        ignored = self._settings.poetry_toml.login(query.name)
        if type(answer) is NotMine and ignored is not None:
            return Unusable(
                f"the project's poetry.toml holds {ignored}, which plain Poetry would use; "
                "a project cannot hold a credential, so it is ignored"
            )
        return answer

    def _answer(self, query: Query) -> Answer:
        if is_reserved_user(query.username):
            return NotMine("such a user name is that of a keyring entry of another kind")
        login, token = self._login(query), self._settings.token(query.name)
        if self._bindings.allows(query.name, Kind.CREDENTIAL, query.url) is False:
            bound = self._bindings.shown(query.name, Kind.CREDENTIAL)
            if login is None and token is None and not self._is_recorded(query.name):
                return NotMine(
                    f"nothing is stored in auth.toml; the keyring is asked for {' and '.join(bound)} only"
                )
            return Withheld(f"what is stored belongs to {' and '.join(bound)}", bound)
        in_order = (token, login) if query.purpose is Purpose.PUBLISH else (login, token)
        kept = [one for one in in_order if one is not None]
        if kept:
            return self._first_of(
                [one for one in kept if query.username in (None, one.username)], query, kept[0].file
            )
        if not self._is_called_for(query):
            if query.allows(Need.PROCESS):
                return NotMine("nothing is stored in auth.toml")
            return NotMine("nothing is stored in auth.toml; the keyring is not asked for a listing")
        return self._untold(query)

    def _login(self, query: Query) -> StoredLogin | None:
        """User name and password under Poetry's keys, as far as a file has a part of them."""
        user, password = self._settings.outer_user(query.name), self._settings.password(query.name)
        login = self._settings.login(query.name)
        if user is None and login is not None:
            return login
        if password is None:
            return None
        secret, file = password
        anyone = query.username or self._settings.poetry_toml.username(query.name) or ""
        return StoredLogin(user or anyone, secret, file)

    def _first_of(self, kept: list[StoredLogin], query: Query, file: Path) -> Answer:
        """The first that has a secret, in ``auth.toml`` or in the keyring. One behind it stands in
        where the keyring has none, or there is no keyring; not where the keyring failed.
        """
        nothing: Answer = NotMine(f"what {file} holds is for another user")
        for one in kept:
            if one.secret is not None:
                return self._from_file(query.name, one, one.secret)
            try:
                found = self._of_named_user(query, one.username)
            except KeyringUnavailable as error:
                nothing = Broken.because(
                    f"its password is in the keyring, but {error}", source="keyring"
                )
                if error.gone:
                    break
            else:
                if found is not None:
                    return found
                # The name is not told: it may be a token.
                nothing = Unusable("auth.toml names a user, but the keyring has no password for it")
        return nothing

    def _from_file(self, name: str, kept: StoredLogin, secret: Secret) -> Credential:
        """With the variable that puts another user in the place of the file's: it may be what is
        wrong.
        """
        variable = self._settings.variable("HTTP_BASIC", name, "_USERNAME")
        login = self._settings.login(name)
        is_of_file = login is None or login.username == kept.username
        if variable is None or variable[1] != kept.username or is_of_file:
            return Credential(secret, kept.username, "auth.toml", str(kept.file))
        detail = f"environment variable {variable[0]} and {kept.file}"
        return Credential(secret, kept.username, "auth.toml", detail, mend=unset(variable[0]))

    def _of_named_user(self, query: Query, username: str) -> Credential | None:
        """From the keyring, in one call. Poetry may have put a token for uploads there without a
        trace in a file: it is tried when an upload as the named user was refused.
        """
        found = None
        if query.fresh and query.purpose is Purpose.PUBLISH and query.username is None:
            found = self._from_keyring(query, TOKEN_USER)
        return found or self._from_keyring(query, username, known=True)

    def _is_called_for(self, query: Query) -> bool:
        """Whether the keyring is asked although no file names a user."""
        if query.allows(Need.SEARCH):
            return True
        if query.allows(Need.PROCESS):  # the first request
            return self._settings.outer_user(query.name) is not None
        # A listing: a login leaves a record of where it belongs, and a URL may name its user.
        return query.username is not None or self._is_recorded(query.name)

    def _is_recorded(self, name: str) -> bool:
        """Whether a login has left a record of where it belongs."""
        return bool(self._settings.user_settings(name).credential_origins)

    def _untold(self, query: Query) -> Answer:
        """What the keyring may have although no file says so."""
        likely = (
            self._settings.outer_user(query.name)
            or self._settings.poetry_toml.username(query.name)
            or TOKEN_USER
        )
        try:
            found = self._from_keyring(
                query, query.username if query.username is not None else likely
            )
        except KeyringUnavailable as error:
            if not error.gone:
                return NotMine(str(error))
            return Unheard(f"nothing is stored in auth.toml, and {error}", "keyring")
        return found or NotMine("nothing is stored in auth.toml or under its name in the keyring")

    def _from_keyring(
        self, query: Query, username: str, *, known: bool = False
    ) -> Credential | None:
        """Raises :class:`KeyringUnavailable`."""
        entry = self._gate.stored(query.name, username, known=known)
        if entry is None:
            return None
        return Credential(
            entry.secret, entry.username, "keyring", f"keyring entry poetry-repository-{query.name}"
        )
