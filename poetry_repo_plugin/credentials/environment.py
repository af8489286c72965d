"""Source 2: environment variables (DESIGN S7)."""

from __future__ import annotations

from poetry_repo_plugin.config.bindings import Bindings, Kind
from poetry_repo_plugin.config.memory import ANOTHER_PLUGIN
from poetry_repo_plugin.config.settings import Settings
from poetry_repo_plugin.core.hints import export
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.core.servers import TOKEN_USER
from poetry_repo_plugin.credentials.base import (
    Answer,
    Credential,
    NotMine,
    Purpose,
    Query,
    Unusable,
    Withheld,
)

USER_ALONE = "user name of the environment"

_NOTHING = NotMine("no environment variable is set for it")


class EnvironmentSource:
    """``POETRY_PYPI_TOKEN_<NAME>``, and ``POETRY_HTTP_BASIC_<NAME>_USERNAME`` and ``_PASSWORD``.

    :param bindings: where a user whom a file names belongs.
    """

    name = "env"

    def __init__(self, settings: Settings, bindings: Bindings) -> None:
        self._settings = settings
        self._bindings = bindings

    def get(self, query: Query) -> Answer:
        """As in Poetry, a token wins over a pair for an upload, and a pair over a token for
        everything else: the token may be for uploads only. A user name alone waits for its password
        from a file or the keyring.
        """
        if not query.name:
            return NotMine()
        token, pair = self._token(query), self._pair(query)
        first, second = (token, pair) if query.purpose is Purpose.PUBLISH else (pair, token)
        if isinstance(second, Credential) and not isinstance(first, Credential):
            return second
        if first == _NOTHING:
            return second
        return first

    def _token(self, query: Query) -> Answer:
        token = self._settings.variable("PYPI_TOKEN", query.name)
        if token is None:
            return _NOTHING
        variable, value = token
        if not value:
            return _empty(variable, "TOKEN")
        return self._checked(query, TOKEN_USER, value, variable)

    def _pair(self, query: Query) -> Answer:
        username = self._settings.variable("HTTP_BASIC", query.name, "_USERNAME")
        password = self._settings.variable("HTTP_BASIC", query.name, "_PASSWORD")
        if password is None:
            return _without_password(username)
        variable, secret = password
        if username is not None:
            user = username[1]
        else:
            stored = self._user_of_files(query)
            if isinstance(stored, Withheld):
                return stored
            user = stored
        if not user and not secret:
            return _empty(variable, "PASSWORD")
        missing = ""
        if not user:
            missing = f" (without {variable.removesuffix('_PASSWORD')}_USERNAME)"
        return self._checked(query, user, secret, variable, missing)

    def _user_of_files(self, query: Query) -> str | Withheld:
        """Who a URL or a file says has the password of the variable; ``""`` for nobody.

        A project's file may say so too: the password goes where it would have gone without.
        """
        if query.username is not None:
            return query.username
        login = self._settings.login(query.name)
        if login is None:
            return self._settings.poetry_toml.username(query.name) or ""
        if self._bindings.allows(query.name, Kind.CREDENTIAL, query.url) is False:
            bound = self._bindings.shown(query.name, Kind.CREDENTIAL)
            return Withheld(f"the user of its password belongs to {' and '.join(bound)}", bound)
        return login.username

    def _checked(
        self, query: Query, username: str, secret: str, variable: str, note: str = ""
    ) -> Answer:
        detail = f"environment variable {variable}{note}"
        if query.username is not None and query.username != username:
            return NotMine(f"{detail} is for another user")
        what = "PASSWORD"
        if username == TOKEN_USER:
            what = "TOKEN"
        mend = export(**{variable: what})
        return Credential(Secret(secret), username, self.name, detail, mend=mend)


class EnvironmentUser:
    """The user name of the environment, or of another plugin, where no source has a password for
    it: a token may be the user.

    Behind all other sources.
    """

    name = USER_ALONE

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def name_for(self, name: str) -> str | None:
        """The user named for the repository ``name``."""
        return self._settings.outer_user(name)

    def get(self, query: Query) -> Answer:
        """The user with an empty password, as Poetry sends it."""
        user = None
        if query.name:
            user = self._settings.outer_user(query.name)
        if user is None or query.username not in (None, user):
            return NotMine()
        username = self._settings.variable("HTTP_BASIC", query.name, "_USERNAME")
        if username is None:
            return self._of_plugin(query.name, user)
        password = username[0].removesuffix("_USERNAME") + "_PASSWORD"
        if self._settings.variable("HTTP_BASIC", query.name, "_PASSWORD") is not None:
            return NotMine()  # the pair has answered
        detail = f"environment variable {username[0]} (without {password})"
        mend = export(**{password: "PASSWORD"})
        return Credential(Secret(""), user, "env", detail, mend=mend)

    def _of_plugin(self, name: str, user: str) -> Answer:
        if self._settings.added_login(name)[1] is not None:
            return NotMine()  # the pair has answered
        detail = f"{ANOTHER_PLUGIN} (http-basic.{name}, without a password)"
        return Credential(Secret(""), user, "env", detail)


def _without_password(username: tuple[str, str] | None) -> Answer:
    if username is None:
        return _NOTHING
    variable, user = username
    if not user:
        return _empty(variable, "USERNAME")
    password = variable.removesuffix("_USERNAME") + "_PASSWORD"
    why = f"the environment sets {variable} but not {password}"
    return Unusable(why, export(**{password: "PASSWORD"}))


def _empty(variable: str, what: str) -> Unusable:
    return Unusable(f"the environment variable {variable} is empty", export(**{variable: what}))
