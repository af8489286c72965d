"""What one command works with: the user's settings, the repositories, the keyring, the access to
servers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from poetry_repo_plugin.config.bindings import Bindings
from poetry_repo_plugin.config.memory import Leaf
from poetry_repo_plugin.config.project import read_project
from poetry_repo_plugin.config.repositories import Catalogue, Repository
from poetry_repo_plugin.config.settings import Settings
from poetry_repo_plugin.core import names
from poetry_repo_plugin.core.errors import InputError
from poetry_repo_plugin.core.notices import Notices
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.credentials.keyring import KeyringGate
from poetry_repo_plugin.http.auth import Access
from poetry_repo_plugin.ops.assemble import assemble

if TYPE_CHECKING:
    from poetry_repo_plugin.ops.credential_store import Logins
    from poetry_repo_plugin.ops.header_store import HeaderStore


class Teller(Protocol):
    """Tells a person what happens."""

    def say(self, line: str) -> None:
        """What was done."""

    def warn(self, line: str) -> None:
        """What one should know although it went well."""

    def asking(self, url: str) -> None:
        """Who keeps a person waiting."""


class Surroundings(NamedTuple):
    """What a command finds.

    :param config_folder: where the user's settings are.
    :param project_folder: of the project that it works in; ``None`` for none.
    :param pypi: PyPI with the URLs of this Poetry.
    :param dotted_keys: whether this Poetry keeps a name with dots as one key.
    :param memory: gives Poetry's configuration in memory, and what projects' files brought there.
    """

    config_folder: Path
    project_folder: Path | None
    pypi: Repository
    dotted_keys: bool
    memory: Callable[[], tuple[Mapping[str, Any], list[Leaf]]] = lambda: ({}, [])


@dataclass
class Session:
    """One command's settings, read once, and what is built of them when it is needed.

    :param terminal: whether somebody can answer a question.
    :param clear_line: called before a question.
    """

    settings: Settings
    catalogue: Catalogue
    gate: KeyringGate
    notices: Notices
    terminal: bool = False
    clear_line: Callable[[], None] = lambda: None
    _typed: dict[str, Secret] = field(default_factory=dict)

    @classmethod
    def start(
        cls,
        where: Surroundings,
        notices: Notices,
        terminal: bool,
        clear_line: Callable[[], None] = lambda: None,
    ) -> Session:
        """Read the settings and the repositories.

        :raises StateError: for a file that cannot be read or parsed.
        """
        settings, catalogue = _read(where)
        gate = KeyringGate(
            enabled=lambda: settings.keyring_enabled,
            terminal=terminal,
            announce=notices.once,
        )
        return cls(settings, catalogue, gate, notices, terminal, clear_line)

    def reread(self, where: Surroundings) -> Session:
        """The same with the files as they are now."""
        settings, catalogue = _read(where)
        return replace(self, settings=settings, catalogue=catalogue)

    @property
    def project(self) -> Path | None:
        """The project's folder, if there is one."""
        return self.settings.project_folder

    @cached_property
    def bindings(self) -> Bindings:
        return Bindings(self.settings)

    @cached_property
    def logins(self) -> Logins:
        """Keeps and forgets logins."""
        from poetry_repo_plugin.ops.credential_store import Logins

        return Logins(self.settings, self.gate, self.notices, self.bindings)

    @cached_property
    def header_store(self) -> HeaderStore:
        """Keeps further headers."""
        from poetry_repo_plugin.ops.header_store import HeaderStore

        return HeaderStore(self.settings, self.gate, self.notices, self.bindings)

    @cached_property
    def access(self) -> Access:
        """For the command's own requests: first successes are recorded."""
        return self._assemble(self.bindings)

    def trial(self, name: str, url: str) -> Access:
        """For a question to ``url`` with what belongs to ``name``, before it is bound to it; keeps
        nothing.
        """
        there = replace(self, catalogue=self.catalogue.as_if_at(name, url))
        return there._assemble(Bindings(self.settings, trial=(name, url)), recording=False)

    def look(self) -> Access:
        """Decides as :attr:`access` does, says nothing and keeps nothing: a second look sees the
        same.

        First successes bind nothing, short-lived tokens are not kept, helpers are not told how
        their answers fared (git's would forget a refused one), and no token is minted for an
        upload that does not come. Each has a cache of its own: a helper that hangs for one
        repository keeps no lock that others need.
        """
        silent = replace(self, notices=Notices(lambda line: None))
        return silent._assemble(silent.bindings, recording=False)

    def _assemble(self, bindings: Bindings, *, recording: bool = True) -> Access:
        return assemble(
            *(self.settings, self.catalogue, self.gate, self.notices),
            bindings=bindings,
            ask_passphrase=self.ask_passphrase,
            recording=recording,
        )

    def confirm(self, question: str) -> bool:
        """Whether a person says yes; no without one."""
        from poetry_repo_plugin.core.prompts import confirm

        return self.terminal and confirm(question)

    def ask_passphrase(self, repository: Repository) -> Secret | None:
        """The passphrase of a client key as a person types it, asked for once; ``None`` where
        nobody can.
        """
        from poetry_repo_plugin.core.prompts import ask_secret

        name = repository.name
        if name not in self._typed and self.terminal:
            question = f"Passphrase of the client key for {name}: "
            self._typed[name] = ask_secret(question, self.clear_line)
        return self._typed.get(name)

    def typed_passphrase(self, name: str) -> Secret | None:
        """The passphrase that a person has typed in this run."""
        return self._typed.get(name)

    def new_name(self, given: str) -> str:
        """``given``, if a further repository can be called so beside those that are known.

        Raises :class:`InputError`, also where Poetry would take it for one that is known: it does
        not tell names apart by case (its pool) or by ``-``, ``_`` and ``.`` (its environment
        variables).
        """
        name = names.check_name(given)
        from_environment = {known for known, _ in self.settings.environment_repositories()}
        listed = self.catalogue.names()
        known = [other for other in listed if other == name or other not in from_environment]
        twin = names.collision(name, [*known, *self.settings.names()])
        if twin is not None:
            raise InputError(
                f"{name!r} collides with the repository {twin!r}: Poetry cannot tell them apart. "
                "Choose another name, or use that one."
            )
        return name


def _read(where: Surroundings) -> tuple[Settings, Catalogue]:
    folder = where.project_folder
    settings = Settings(
        where.config_folder, folder, dotted_keys=where.dotted_keys, memory=where.memory
    )
    project = None
    if folder is not None:
        project = read_project(folder / "pyproject.toml")
    return settings, Catalogue(settings, project, where.pypi)
