"""The files of a user's settings, each read once, on first need."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from poetry_repo_plugin.config.document import read_toml
from poetry_repo_plugin.config.files import JOURNAL
from poetry_repo_plugin.config.keys import Table
from poetry_repo_plugin.config.memory import Leaf, added_to, leaves_of
from poetry_repo_plugin.config.poetry_toml import PoetryToml

OWN_FILE = "poetry-repo-plugin.toml"


class SettingsFiles:
    """Poetry's two files of the user, ours, and the project's ``poetry.toml``.

    :param folder: Poetry's configuration folder.
    :param project: the folder that holds ``pyproject.toml`` (and ``poetry.toml``), or ``None``.
    :param dotted_keys: how the running Poetry keeps a name with dots: ``True`` as one key (2.4 and
        later), ``False`` as nested tables (before). Both are read.
    :param memory: gives Poetry's configuration in memory, and what projects' files brought there.
    """

    def __init__(
        self,
        folder: Path,
        project: Path | None = None,
        *,
        environ: Mapping[str, str] = os.environ,
        dotted_keys: bool = True,
        memory: Callable[[], tuple[Mapping[str, Any], list[Leaf]]] = lambda: ({}, []),
    ) -> None:
        self.folder = folder
        self._memory = memory
        self.project_folder = project
        self.environ = environ
        self._dotted_keys = dotted_keys

    @property
    def config_file(self) -> Path:
        return self.folder / "config.toml"

    @property
    def auth_file(self) -> Path:
        return self.folder / "auth.toml"

    @property
    def own_file(self) -> Path:
        return self.folder / OWN_FILE

    @cached_property
    def config(self) -> dict[str, Any]:
        return self._read(self.config_file)

    @cached_property
    def auth(self) -> dict[str, Any]:
        return self._read(self.auth_file)

    @cached_property
    def own(self) -> dict[str, Any]:
        return self._read(self.own_file)

    @cached_property
    def local(self) -> dict[str, Any]:
        """The project's ``poetry.toml``, as it is written."""
        if self.project_folder is None:
            return {}
        return read_toml(self.project_folder / "poetry.toml")

    @property
    def poetry_toml(self) -> PoetryToml:
        """What :attr:`local` says."""
        return PoetryToml(self.local)

    def _read(self, file: Path) -> Table:
        if os.path.lexists(self.folder / JOURNAL):  # somebody was killed while changing several
            from poetry_repo_plugin.config.lock import finish

            finish(self.folder)
        return Table.of(read_toml(file))

    @cached_property
    def added(self) -> dict[str, Any]:
        """What other plugins have put into Poetry's configuration; it counts like the
        environment.
        """
        memory, brought = self._memory()
        if not memory:
            return {}
        return added_to(memory, (self.config, self.auth), [*brought, *leaves_of(self.local)])

    def check(self) -> None:
        """Read every file now, so that a broken one is named before anything is done."""
        _ = self.config, self.auth, self.own, self.local

    def refresh(self) -> None:
        """Forget what was read; the next look-up reads again."""
        for name in ("config", "auth", "own", "local"):
            self.__dict__.pop(name, None)
