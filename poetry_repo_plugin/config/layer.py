"""Managed settings as a layer: which keys have their value from the administrator's file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poetry_repo_plugin.config.managed_keys import rivals_of
from poetry_repo_plugin.core.errors import InputError

if TYPE_CHECKING:
    from poetry_repo_plugin.config.managed import Managed


class ManagedLayer:
    """The administrator's settings below those of one user.

    :param says: what the administrator's file says.
    :param is_users: whether the user sets a key of a repository, in whichever place.
    """

    def __init__(self, says: Managed, is_users: Callable[[str, str], bool]) -> None:
        self.says = says
        self._is_users = is_users
        self._decided: dict[tuple[str, str], bool] = {}

    def forget(self) -> None:
        """The user's settings have changed."""
        self._decided.clear()

    def decides(self, name: str, key: str) -> bool:
        """Whether the administrator has the last word on ``key``: the file locks it, or it sets
        it and the user says nothing of it.
        """
        if not self.says.names:
            return False
        if (name, key) not in self._decided:
            is_free = key in self.says.entry(name) and not any(
                self._is_users(name, one) for one in rivals_of(key)
            )
            self._decided[name, key] = is_free or self.locks(name, key)
        return self._decided[name, key]

    def locks(self, name: str, key: str) -> bool:
        """Whether no user can change ``key``."""
        return key in self.says.all_locked(name)

    def keys(self, name: str) -> list[str]:
        """The keys of the repository whose value is the administrator's."""
        return [key for key in self.says.entry(name) if self.decides(name, key)]

    def text(self, name: str, key: str) -> str | None:
        """The administrator's value of ``key``, a text."""
        value = self.says.entry(name).get(key)
        if isinstance(value, str):
            return value
        return None

    def merged(self, name: str, entry: Mapping[str, Any]) -> Mapping[str, Any]:
        """``entry``, the user's, with what the administrator has the last word on."""
        if not self.says.names:
            return entry
        users = {key: value for key, value in entry.items() if not self.decides(name, key)}
        theirs = self.says.entry(name)
        return {**users, **{key: theirs[key] for key in self.keys(name)}}

    def place_of(self, name: str, key: str, otherwise: Path) -> Path:
        """The administrator's file where that has the last word on ``key``."""
        file = self.says.file
        if file is not None and self.decides(name, key):
            return file
        return otherwise

    def refuse_locked(self, name: str, *keys: str) -> None:
        """Raises :class:`InputError` where one of ``keys`` is locked."""
        for key in keys:
            if self.locks(name, key):
                raise InputError(
                    f"{name}: `{key}` is locked by the managed settings in {self.says.file}; "
                    "only your administrator can change it."
                )

    def refuse_values(self, name: str, values: Mapping[str, object]) -> None:
        """The same for those of ``values`` that the administrator has not set just so. That
        something goes (``None``) is no matter.
        """
        theirs = self.says.entry(name)
        for key, value in values.items():
            if value is not None and value != theirs.get(key):
                self.refuse_locked(name, key)
