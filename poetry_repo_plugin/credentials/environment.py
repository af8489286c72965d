"""Source 2: environment variables (DESIGN S7)."""

from __future__ import annotations

from poetry_repo_plugin.config.settings import TOKEN_USER, Settings
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.credentials.base import Answer, Credential, Half, NotMine, Purpose, Query


class EnvironmentSource:
    """``POETRY_PYPI_TOKEN_<NAME>``, and ``POETRY_HTTP_BASIC_<NAME>_USERNAME`` and ``_PASSWORD``."""

    name = "env"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def get(self, query: Query) -> Answer:
        """As in Poetry, a token wins over a pair for an upload, and a pair over a token for everything else: the token
        may be for uploads only. A password alone has an empty user name; a user name alone is no credential (it is
        never completed with another source's password).
        """
        if not query.name:
            return NotMine()
        token, pair = self._token(query), self._pair(query)
        first, second = (token, pair) if query.purpose is Purpose.PUBLISH else (pair, token)
        return first if isinstance(first, Credential) or not isinstance(second, Credential) else second

    def _token(self, query: Query) -> Answer:
        token = self._settings.variable("PYPI_TOKEN", query.name)
        if token is None or not token[1]:
            return NotMine("no environment variable is set for it")
        return self._checked(query, TOKEN_USER, token[1], f"environment variable {token[0]}")

    def _pair(self, query: Query) -> Answer:
        username = self._settings.variable("HTTP_BASIC", query.name, "_USERNAME")
        password = self._settings.variable("HTTP_BASIC", query.name, "_PASSWORD")
        if password is not None:
            user = username[1] if username is not None else query.username or ""
            missing = password[0].removesuffix("_PASSWORD") + "_USERNAME"
            alone = "" if user else f" (without {missing})"
            return self._checked(query, user, password[1], f"environment variable {password[0]}{alone}")
        if username is not None and username[1]:
            variable = username[0].removesuffix("_USERNAME") + "_PASSWORD"
            return Half(f"the environment sets {username[0]} but not {variable}")
        return NotMine("no environment variable is set for it")

    def _checked(self, query: Query, username: str, secret: str, detail: str) -> Answer:
        if query.username is not None and query.username != username:
            return NotMine(f"{detail} is for another user")
        return Credential(Secret(secret), username, self.name, detail)
