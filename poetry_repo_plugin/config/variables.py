"""The environment variables that set something of a repository, and so go before what is stored."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from poetry_repo_plugin.config.settings import Settings


class ByVariable(Enum):
    """What a variable can set: the beginning and the end of its name, around the repository's."""

    CA = ("CERTIFICATES", "_CERT")
    CLIENT_CERT = ("CERTIFICATES", "_CLIENT_CERT")
    PASSPHRASE = ("CERTIFICATES", "_PASSPHRASE")
    PUBLISH_URL = ("REPOSITORIES", "_URL")


# What an administrator can lock, so that the variable counts no more.
_SETTINGS = {
    ByVariable.CA: "ca",
    ByVariable.CLIENT_CERT: "client-cert",
    ByVariable.PUBLISH_URL: "publish-url",
}


def variables_of(settings: Settings, name: str) -> dict[ByVariable, str]:
    """The names of those that are set for the repository ``name``."""
    found, locked = {}, settings.managed.says.all_locked(name)
    for what in ByVariable:
        if _SETTINGS.get(what) in locked:
            continue
        beginning, end = what.value
        variable, value = settings.variable(beginning, name, end) or ("", "")
        if value:
            found[what] = variable
    return found
