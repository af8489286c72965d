"""Whose names of packages are whose in one run, and which of Poetry's repositories an owner is.

Read from the settings alone: a command that asks nobody need not load what a request needs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poetry_repo_plugin.config.owned_names import OwnedNames, Owner, is_same_index, owned_names
from poetry_repo_plugin.core.errors import InputError
from poetry_repo_plugin.hooks.facts import config_folder, dotted_keys, memory

if TYPE_CHECKING:
    from poetry_repo_plugin.config.home import Home
    from poetry_repo_plugin.config.mirrors import Mirrors
    from poetry_repo_plugin.config.settings import Settings


class Ownership:
    """The owners of names, by the user, the administrator and the project.

    :param project: its folder; ``None`` for none.

    Raises :class:`StateError` for a file that cannot be read or parsed.
    """

    def __init__(self, project: Path | None) -> None:
        self._project = project
        self._names = OwnedNames()
        if any(map(_mentions_packages, self._files())):
            self._names = self._read()

    def __bool__(self) -> bool:
        return bool(self._names)

    @property
    def ignored(self) -> list[str]:
        """Sentences on patterns that are none."""
        return self._names.ignored

    def owners_of(self, name: str) -> tuple[Owner, ...]:
        """See :meth:`OwnedNames.owners_of`."""
        return self._names.owners_of(name)

    def is_owner(self, owner: Owner, repository: Any) -> bool:
        """Whether a repository is the one that owns names.

        Of the user's patterns the URL tells, if one is known: a project may call another repository
        so, and may call this one by another name. What its mirror alone answers for is the mirror's
        too.
        """
        is_called, url = owner.is_called(repository.name), getattr(repository, "_url", None)
        if owner.by_project or url is None:
            return is_called
        if is_called:
            home = self.home_of(owner)
            return not home.places or home.takes(url)
        return self._answers_for(owner, repository.name) or is_same_index(url, self.url_of(owner))

    def url_of(self, owner: Owner) -> str | None:
        """The index URL that the user has given to an owner."""
        return self._settings.user_settings(owner.repository).url

    def home_of(self, owner: Owner) -> Home:
        """Where an owner belongs, by the user's word."""
        from poetry_repo_plugin.config.bindings import Bindings

        return Bindings(self._settings).home(owner.repository)

    def _answers_for(self, owner: Owner, name: str) -> bool:
        """Whether an owner, and nobody else, answers in the place of the repository ``name``."""
        with suppress(InputError):  # which is told with the first request
            mirror = self._mirrors.of(name)
            return mirror is not None and mirror.is_alone and owner.is_called(mirror.name)
        return False

    @cached_property
    def _settings(self) -> Settings:
        from poetry_repo_plugin.config.settings import Settings

        return Settings(config_folder(), self._project, dotted_keys=dotted_keys(), memory=memory)

    @cached_property
    def _mirrors(self) -> Mirrors:
        from poetry_repo_plugin.config.mirrors import Mirrors

        return Mirrors(self._settings)

    def _read(self) -> OwnedNames:
        from poetry_repo_plugin.config.project import read_project

        project = None
        if self._project is not None:
            project = read_project(self._project / "pyproject.toml")
        return owned_names(self._settings, project)

    def _files(self) -> Iterator[Path]:
        """The files that may hold a pattern."""
        from poetry_repo_plugin.config.managed import site_file

        yield config_folder() / "poetry-repo-plugin.toml"
        if self._project is not None:
            yield self._project / "pyproject.toml"
        managed = site_file(os.environ)
        if managed is not None:
            yield managed


def _mentions_packages(file: Path) -> bool:
    """Whether it is worth to parse a file."""
    try:
        return b"packages" in file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:  # which is told when it is read
        return True
