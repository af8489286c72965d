"""Behind what is stored under the mirror's own name: the login that poetry-plugin-pypi-mirror has
its users store as ``http-basic.PyPI``, spelled exactly so.

Poetry itself never reads that key: what it knows of PyPI is under ``pypi``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from poetry_repo_plugin.config.keys import value_at
from poetry_repo_plugin.config.mirrors import Mirrors
from poetry_repo_plugin.config.settings import Settings
from poetry_repo_plugin.core.origin import InvalidUrl, Prefix, split_userinfo
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.credentials.base import Answer, Credential, NotMine, Purpose, Query

_KEY = ("http-basic", "PyPI")


class MirrorLoginSource:
    """For the mirror that the other plugin's variable or setting names, and there alone.

    A password that only a keyring has is not found: ``poetry repo login`` stores it anew.
    """

    name = "http-basic.PyPI"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def get(self, query: Query) -> Answer:
        """User name and password of ``auth.toml`` or ``config.toml``."""
        if query.purpose is not Purpose.INDEX or not self._is_at(query):
            return NotMine()
        places = (
            (self._settings.auth, self._settings.auth_file),
            (self._settings.config, self._settings.config_file),
        )
        for table, file in places:
            username, password = _text(table, "username"), _text(table, "password")
            if username is None or password is None or query.username not in (None, username):
                continue
            return Credential(Secret(password), username, "auth.toml", f"http-basic.PyPI in {file}")
        return NotMine()

    def _is_at(self, query: Query) -> bool:
        mirror = Mirrors(self._settings).called(query.name)
        if mirror is None or not mirror.is_of_other_plugin:
            return False
        try:
            return Prefix.of_index(split_userinfo(mirror.url)[0]).covers(query.url)
        except InvalidUrl:
            return False


def _text(table: Mapping[str, Any], key: str) -> str | None:
    found = value_at(table, (*_KEY, key))
    if not isinstance(found, str):
        return None
    return str(found)
