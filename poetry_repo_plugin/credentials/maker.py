"""Who made a short-lived token, asked for what: only the same question may have an earlier
answer.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeGuard

from poetry_repo_plugin.core.origin import Origin
from poetry_repo_plugin.core.servers import PROVIDERS
from poetry_repo_plugin.credentials.base import Query, Source
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
    provider = PROVIDERS.get(source.name.removeprefix("provider:"))
    prefix = provider.account_variables if provider is not None else ""
    return fingerprint(source.name, asked_for, environ=os.environ, prefix=prefix)
