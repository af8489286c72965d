"""What is configured on this machine, and the writing of it.

Poetry's own keys stay where Poetry looks for them (``config.toml``, ``auth.toml``), so that a user
can remove the plugin and lose nothing that Poetry can do; the rest is in one file of ours beside
them. Values are read as they are written: nothing in them is expanded, and an environment variable
hides its own value only.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from poetry_repo_plugin.config.keys import entries_of, leaf_names, table_at, text_at
from poetry_repo_plugin.config.layer import ManagedLayer
from poetry_repo_plugin.config.managed import MANAGED, read_managed
from poetry_repo_plugin.config.managed_keys import SYSTEM
from poetry_repo_plugin.config.memory import ANOTHER_PLUGIN, SECTIONS
from poetry_repo_plugin.config.settings_files import SettingsFiles
from poetry_repo_plugin.config.user_settings import (
    OAUTH,
    UserSettings,
    entry_of,
    settings_in,
)
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.core.servers import TOKEN_USER
from poetry_repo_plugin.core.variables import env_key

TABLES = frozenset((OAUTH,))  # keys of our file that hold a table, and are no names


class StoredLogin(NamedTuple):
    """What a configuration file holds for one repository. ``secret`` is ``None`` where a keyring
    has it.
    """

    username: str
    secret: Secret | None
    file: Path


class Settings(SettingsFiles):
    """The settings of one user and, where there is one, of one project."""

    @cached_property
    def managed(self) -> ManagedLayer:
        """The administrator's settings, below the user's and above the project's."""
        return ManagedLayer(read_managed(self.environ), self._is_users)

    def check(self) -> None:
        """Read every file now, so that a broken one is named before anything is done."""
        super().check()
        _ = self.managed

    def refresh(self) -> None:
        """Forget what was read; the next look-up reads again."""
        super().refresh()
        for name in ("_own_known", "_said_known"):
            self.__dict__.pop(name, None)
        if "managed" in self.__dict__:
            self.managed.forget()

    # -- reading

    @property
    def keyring_enabled(self) -> bool:
        """``keyring.enabled``: the environment's word, else on, unless the user or the project
        switches it off.

        In Poetry a project can also switch it on again; what a user switched off stays off here.
        """
        word = self.environ.get("POETRY_KEYRING_ENABLED")
        if word is not None:
            return word.lower() in ("true", "1")
        return all(
            table_at(table, "keyring").get("enabled") is not False
            for table in (self.local, self.config)
        )

    def variable(self, prefix: str, name: str, suffix: str = "") -> tuple[str, str] | None:
        """The environment variable ``POETRY_<prefix>_<NAME><suffix>`` and its value, if it is set.

        Poetry before 2.4 leaves a dot in the variable's name, so that spelling is understood as
        well.
        """
        keys = (env_key(name), name.upper().replace("-", "_"))
        for key in dict.fromkeys(keys):
            variable = f"POETRY_{prefix}_{key}{suffix}"
            if variable in self.environ:
                return variable, self.environ[variable]
        return None

    def added_login(self, name: str) -> tuple[str | None, str | None]:
        """User name and password that another plugin has put under ``http-basic.NAME``."""
        section = "http-basic"
        return text_at(self.added, section, name, "username"), text_at(
            self.added, section, name, "password"
        )

    def outer_user(self, name: str) -> str | None:
        """The user whom the environment names, else another plugin: before those of files."""
        variable = self.variable("HTTP_BASIC", name, "_USERNAME")
        named = self.added_login(name)[0] if variable is None else variable[1]
        return named or None

    def added_token(self, name: str) -> str | None:
        """The token that another plugin has put under ``pypi-token.NAME``."""
        found = entries_of(self.added, "pypi-token", name)
        return next((token for token in found if isinstance(token, str) and token), None)

    def added_url(self, name: str) -> str | None:
        """``repositories.NAME.url`` as another plugin has put it there."""
        return text_at(self.added, "repositories", name, "url") or None

    def login(self, name: str) -> StoredLogin | None:
        """User name and password under ``http-basic.NAME``; the password may be in a keyring.

        As in Poetry, each is the first that is found in ``auth.toml``, then ``config.toml``.
        """
        username, file_of_name = self._first_text("http-basic", name, "username")
        if username is None:
            return None
        password, file = self._first_text("http-basic", name, "password")
        if password is None:
            return StoredLogin(username, None, file_of_name)
        return StoredLogin(username, Secret(password), file)

    def password(self, name: str) -> tuple[Secret, Path] | None:
        """The password under ``http-basic.NAME``, whoever's it is, and the file that has it."""
        password, file = self._first_text("http-basic", name, "password")
        if password is None:
            return None
        return (Secret(password), file)

    def _first_text(self, section: str, name: str, key: str) -> tuple[str | None, Path]:
        for table, file in ((self.auth, self.auth_file), (self.config, self.config_file)):
            text = text_at(table, section, name, key)
            if text is not None:
                return text, file
        return None, self.auth_file

    def token(self, name: str) -> StoredLogin | None:
        """The token under ``pypi-token.NAME``."""
        for table, file in ((self.auth, self.auth_file), (self.config, self.config_file)):
            for token in entries_of(table, "pypi-token", name):
                if isinstance(token, str) and token:
                    return StoredLogin(TOKEN_USER, Secret(token), file)
        return None

    def passphrase(self, name: str) -> Secret | None:
        """The passphrase of the client key, under ``http-basic.NAME``: a section that Poetry never
        lists.
        """
        value = text_at(self.auth, "http-basic", name, "passphrase")
        if value is None:
            return None
        return Secret(value)

    def oauth_tokens(self, name: str) -> Secret | None:
        """The tokens of a sign-in with ``--plaintext``; as with :meth:`passphrase`, Poetry never
        lists them.
        """
        value = text_at(self.auth, "http-basic", name, "oauth-tokens")
        if value is None:
            return None
        return Secret(value)

    def headers(self, name: str) -> Secret | None:
        """The further headers of ``name`` as ``core/headers.py`` writes them, where no keyring has
        them; beside the passphrase.
        """
        value = text_at(self.auth, "http-basic", name, "headers")
        if value is None:
            return None
        return Secret(value)

    def publish_url(self, name: str) -> str | None:
        """``repositories.NAME.url``: the user's or managed, else the project's ``poetry.toml``."""
        return self.user_publish_url(name) or self.poetry_toml.publish_url(name)

    def user_publish_url(self, name: str) -> str | None:
        """``repositories.NAME.url`` of the user's ``config.toml``, or the managed one."""
        if self.managed.decides(name, "publish-url"):
            return self.managed.text(name, "publish-url")
        return text_at(self.config, "repositories", name, "url") or None

    def variable_publish_url(self, name: str) -> tuple[str, str] | None:
        """The environment variable that says where to publish to, and its value."""
        variable = self.variable("REPOSITORIES", name, "_URL")
        if variable is None or not variable[1] or self.managed.locks(name, "publish-url"):
            return None
        return variable

    def urls_said(self, name: str) -> tuple[tuple[str, str], ...]:
        """Each URL that the user or the administrator has given ``name``, and where, for a person.
        A project's files are not asked.
        """
        known: dict[str, tuple[tuple[str, str], ...]] = self.__dict__.setdefault("_said_known", {})
        if name not in known:
            own = self.user_settings(name)
            variable, value = self.variable_publish_url(name) or ("", "")
            publish = f"repositories.{name} in {self.config_file.name}"
            said = (
                (own.url, MANAGED if self.managed.decides(name, "url") else "poetry repo add"),
                *((url, "poetry repo add") for url in own.added),
                (
                    self.user_publish_url(name),
                    MANAGED if self.managed.decides(name, "publish-url") else publish,
                ),
                (value, variable),
            )
            known[name] = tuple((url, word) for url, word in said if url)
        return known[name]

    def certificate(self, name: str, key: str) -> str | bool | None:
        """``certificates.NAME.<key>`` (``cert`` or ``client-cert``): environment, other plugins,
        the user's files, managed settings.

        ``poetry config`` keeps these in ``auth.toml``, which wins over ``config.toml``.
        """
        setting = key
        if key == "cert":
            setting = "ca"
        if not self.managed.decides(name, setting):
            return self._user_certificate(name, key)
        text = self.managed.text(name, setting)
        if text == SYSTEM:
            return None
        return text

    def _user_certificate(self, name: str, key: str) -> str | bool | None:
        variable = self.variable("CERTIFICATES", name, f"_{key.upper().replace('-', '_')}")
        if variable is not None and variable[1]:
            lowered = variable[1].lower()
            if lowered in ("true", "false"):
                return lowered == "true"
            return variable[1]
        tables = (self.added, self.auth, self.config)
        entries = (entry for table in tables for entry in entries_of(table, "certificates", name))
        found = (entry.get(key) for entry in entries if isinstance(entry, dict))
        return next((value for value in found if isinstance(value, (str, bool))), None)

    def audience(self, name: str) -> str | None:
        """For whom trusted publishing may have an identity made out: the user's word, never a
        project's.
        """
        variable = self.variable("REPO_PLUGIN_AUDIENCE", name)
        if variable is not None and variable[1] and not self.managed.locks(name, "audience"):
            return variable[1]
        return self.user_settings(name).audience

    def unverified_by(self, name: str) -> str | None:
        """``VARIABLE=false`` where the environment switches verification off, or that another
        plugin does; no file can switch it on again.
        """
        variable = self.variable("CERTIFICATES", name, "_CERT")
        if variable is not None and variable[1]:
            if variable[1].lower() != "false":
                return None
            return "=".join(variable)
        added = (
            entry
            for entry in entries_of(self.added, "certificates", name)
            if isinstance(entry, dict)
        )
        if any(entry.get("cert") is False for entry in added):
            return ANOTHER_PLUGIN
        return None

    def user_settings(self, name: str) -> UserSettings:
        """What our file or the administrator's holds for ``name``; values of the wrong type count
        as absent.
        """
        known: dict[str, UserSettings] = self.__dict__.setdefault("_own_known", {})
        if name not in known:
            known[name] = settings_in(self.managed.merged(name, entry_of(self.own, name)))
        return known[name]

    def own_settings(self, name: str) -> UserSettings:
        """What our file alone holds for ``name``."""
        return settings_in(entry_of(self.own, name))

    def _is_users(self, name: str, key: str) -> bool:
        """Whether the user sets ``key``, in whichever place."""
        if key in entry_of(self.own, name):
            return True
        if key == "publish-url":
            said = (self.variable("REPOSITORIES", name, "_URL") or ("", ""))[1]
            said = said or self.added_url(name) or ""
            return bool(said or text_at(self.config, "repositories", name, "url"))
        if key in ("ca", "client-cert"):
            return self._user_certificate(name, "cert" if key == "ca" else key) is not None
        if key in ("helper", "provider", "oauth"):  # whoever has logged in uses that
            return self.login(name) is not None or self.token(name) is not None
        return False

    def names(self, *, managed: bool = True) -> list[str]:
        """Every name that any of the files knows something about, in a stable order.

        :param managed: the administrator's as well.
        """
        found: dict[str, None] = {}
        for table, key in (
            (self.config, "repositories"),
            (self.local, "repositories"),
            (self.own, "repositories"),
            (self.auth, "http-basic"),
            (self.auth, "pypi-token"),
            (self.auth, "certificates"),
            (self.config, "certificates"),
            *((self.added, section) for section in SECTIONS),
        ):
            for name in leaf_names(table_at(table, key), settings=TABLES):
                found.setdefault(name)
        for name in self.managed.says.names if managed else ():
            found.setdefault(name)
        return list(found)

    def environment_repositories(self) -> Iterator[tuple[str, str]]:
        """Each ``POETRY_REPOSITORIES_<NAME>_URL``: the name as Poetry spells it (``my-repo``), and
        the URL.
        """
        for variable, url in self.environ.items():
            key = variable.removeprefix("POETRY_REPOSITORIES_")
            if key != variable and key.endswith("_URL") and key != "_URL" and url:
                yield key.removesuffix("_URL").lower().replace("_", "-"), url

    def spell(self, name: str) -> tuple[str, ...]:
        """Give the keys under which the running Poetry keeps ``name``."""
        if self._dotted_keys:
            return (name,)
        return tuple(name.split("."))
