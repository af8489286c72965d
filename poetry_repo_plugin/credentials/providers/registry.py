"""The providers by name: a row of ``PROVIDERS`` in ``core/servers.py`` and a module of that name
here.
"""

from __future__ import annotations

from importlib import import_module

from poetry_repo_plugin.core.hints import Hint
from poetry_repo_plugin.core.servers import PROVIDERS
from poetry_repo_plugin.credentials.base import Source


def provider(name: str) -> Source | None:
    """The provider of that name; its token goes to that vendor's hosts only."""
    if name not in PROVIDERS:
        return None
    found: Source = import_module(f"{__package__}.{name}").source()
    return found


def mending_command(source: str) -> Hint | None:
    """The vendor's own command that begins a new session, for the source ``provider:NAME``;
    ``None`` for others.
    """
    prefix, _, name = source.partition(":")
    if prefix != "provider":
        return None
    login = getattr(provider(name), "login", None)
    if isinstance(login, Hint):
        return login
    return None
