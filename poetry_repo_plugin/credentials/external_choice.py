"""Which helper or provider is asked for a repository, and who made what it answers."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeGuard, Union

from poetry_repo_plugin.config.settings import Settings
from poetry_repo_plugin.core.hints import repo
from poetry_repo_plugin.core.origin import Origin
from poetry_repo_plugin.core.servers import PROVIDERS
from poetry_repo_plugin.credentials.base import Broken, Query, Source
from poetry_repo_plugin.credentials.providers.registry import provider
from poetry_repo_plugin.credentials.token_cache import fingerprint

if TYPE_CHECKING:
    from poetry_repo_plugin.credentials.helper import HelperSource

# The helpers' languages, known here by their names alone: what runs and reads helpers is loaded
# where one is set.
PROTOCOLS = frozenset(("bazel", "git", "exec-credential"))


def is_helper(source: Source | None) -> TypeGuard[HelperSource]:
    """Whether it runs a credential helper; a provider is none."""
    return source is not None and source.name == "helper"


def identifies(source: Source | None) -> bool:
    """Whether it is a helper that may hand out a client certificate."""
    return is_helper(source) and source.settings.protocol == "exec-credential"


def asked_about(source: Source, query: Query) -> str:
    """What of the URL the answer depends on: a vendor and an ExecCredential plugin are only told
    the host.
    """
    if is_helper(source) and not identifies(source):
        return query.url.rstrip("/")  # Poetry takes a slash at the end off
    return str(Origin.of(query.url))


def maker_of(source: Source, asked_for: str) -> str:
    """A hash of which tool or helper it is, asked for what, as whom."""
    if is_helper(source):
        return fingerprint(
            source.name, source.settings.protocol.value, *source.settings.command, asked_for
        )
    row = PROVIDERS.get(source.name.removeprefix("provider:"))
    prefix = ""
    if row is not None:
        prefix = row.account_variables
    return fingerprint(source.name, asked_for, environ=os.environ, prefix=prefix)


class Choice:
    """What is set for each repository, by the user or, for a provider, by the project.

    :param provider_of: the provider that the project names for a repository, or ``None``.
    """

    def __init__(self, settings: Settings, provider_of: Callable[[str], Union[str, None]]) -> None:
        self._settings = settings
        self._provider_of = provider_of
        self._lock = threading.Lock()
        self._sources: dict[tuple[str, ...], Source | None] = {}

    def misread(self, name: str) -> Broken | None:
        """What is wrong with an entry of our file that was written by hand: it must not look like
        none.
        """
        if not name:
            return None
        own = self._settings.user_settings(name)
        odd = own.misread or ("helper" if own.helper else "provider")
        file = self._settings.managed.place_of(name, odd, self._settings.own_file)
        where = f"in {file} is invalid"
        has_odd_protocol = own.helper and own.helper_protocol not in PROTOCOLS
        if own.misread == "helper" or has_odd_protocol:
            hint = repo("login", name, "--helper", "COMMAND")
            return Broken.because(f"its helper setting {where}", hint=hint, source="helper")
        has_odd_provider = own.provider and own.provider not in PROVIDERS
        if not own.helper and (own.misread or has_odd_provider):
            hint = repo("login", name, "--provider", "PROVIDER")
            return Broken.because(f"its provider setting {where}", hint=hint)
        return None

    def source_for(self, name: str) -> Source | None:
        """The helper or provider of a repository; the same object each time."""
        if not name:
            return None
        own = self._settings.user_settings(name)
        with self._lock:
            if own.helper and own.helper_protocol in PROTOCOLS:
                key = ("helper", name, own.helper_protocol or "", *own.helper)
                if key not in self._sources:
                    self._sources[key] = _helper(own.helper, own.helper_protocol or "")
                return self._sources[key]
            chosen = own.provider or self._provider_of(name)
            if chosen is None:
                return None
            key = ("provider", chosen)
            if key not in self._sources:
                self._sources[key] = provider(chosen)
            return self._sources[key]

    def is_of_administrator(self, name: str) -> bool:
        """Whether the helper is a managed setting: nobody has said with a login for which URL."""
        return self._settings.managed.decides(name, "helper")

    def is_only_proposed(self, name: str) -> bool:
        """Whether the project names the provider and the user has stored a login of their own: then
        that is used on a machine where the vendor's tool is missing or not logged in.
        """
        settings = self._settings
        own = settings.user_settings(name)
        has_login = settings.login(name) is not None or settings.token(name) is not None
        return has_login and not own.helper and own.provider is None


def _helper(command: tuple[str, ...], protocol: str) -> Source:
    from poetry_repo_plugin.credentials.helper import HelperSettings, HelperSource
    from poetry_repo_plugin.credentials.helper_protocols import HelperProtocol

    return HelperSource(HelperSettings(command, HelperProtocol(protocol)))
