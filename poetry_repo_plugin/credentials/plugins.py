"""Source 2 as well: what other plugins have put into Poetry's configuration in memory."""

from __future__ import annotations

from poetry_repo_plugin.config.memory import ANOTHER_PLUGIN
from poetry_repo_plugin.config.settings import Settings
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.core.servers import TOKEN_USER
from poetry_repo_plugin.credentials.base import Answer, Credential, NotMine, Purpose, Query


class PluginSource:
    """``http-basic.NAME`` and ``pypi-token.NAME`` that differ from the files: the one-vendor
    plugins fetch a token and merge it. It counts like an environment variable, behind those.
    """

    name = ANOTHER_PLUGIN

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def get(self, query: Query) -> Answer:
        """As in Poetry, a token wins over a pair for an upload, and a pair over a token for
        everything else.
        """
        if not query.name:
            return NotMine()
        found = [self._pair(query), self._token(query)]
        if query.purpose is Purpose.PUBLISH:
            found.reverse()
        mine = [one for one in found if one is not None and query.username in (None, one.username)]
        if mine:
            return mine[0]
        return NotMine("no other plugin has set any")

    def _pair(self, query: Query) -> Credential | None:
        username, password = self._settings.added_login(query.name)
        if password is None:
            return None
        user = username
        if username is None:
            user = query.username or ""
        return Credential(
            Secret(password), user, "env", f"{ANOTHER_PLUGIN} (http-basic.{query.name})"
        )

    def _token(self, query: Query) -> Credential | None:
        token = self._settings.added_token(query.name)
        if token is None:
            return None
        return Credential(
            Secret(token), TOKEN_USER, "env", f"{ANOTHER_PLUGIN} (pypi-token.{query.name})"
        )
