"""What a command starts from: the user's settings, the repositories that it knows, the keyring, the access."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from poetry_repo_plugin.config.project import read_project
from poetry_repo_plugin.config.repositories import Catalogue, Repository
from poetry_repo_plugin.config.settings import Settings
from poetry_repo_plugin.core.notices import Notices
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.credentials.keyring import KeyringGate
from poetry_repo_plugin.http.auth import Access
from poetry_repo_plugin.ops.assemble import assemble


class Surroundings(NamedTuple):
    """What a command finds.

    :param config_folder: where the user's settings are.
    :param project_folder: of the project that it works in; ``None`` for none.
    :param pypi: PyPI with the URLs of this Poetry.
    :param dotted_keys: whether this Poetry keeps a name with dots as one key.
    """

    config_folder: Path
    project_folder: Path | None
    pypi: Repository
    dotted_keys: bool


def read_settings(where: Surroundings) -> tuple[Settings, Catalogue]:
    """Read the settings and the repositories.

    :raises StateError: for a file that cannot be read or parsed.
    """
    folder = where.project_folder
    settings = Settings(where.config_folder, folder, dotted_keys=where.dotted_keys)
    project = read_project(folder / "pyproject.toml") if folder is not None else None
    return settings, Catalogue(settings, project, where.pypi)


def build_gate(settings: Settings, notices: Notices, terminal: bool) -> KeyringGate:
    """The one way to the keyring."""
    return KeyringGate(enabled=lambda: settings.keyring_enabled, terminal=terminal, announce=notices.once)


def build_access(
    where: Surroundings,
    notices: Notices,
    terminal: bool,
    live: Iterable[tuple[str, str]] = (),
    clear_line: Callable[[], None] = lambda: None,
) -> Access:
    """The access for Poetry's own commands.

    :param terminal: whether somebody can answer a question.
    :param live: names and URLs of the repositories that Poetry has built already.
    :param clear_line: called before a question.
    """
    settings, catalogue = read_settings(where)
    for name, url in live:
        catalogue.add_live(name, url)

    def ask_passphrase(repository: Repository) -> Secret | None:
        from poetry_repo_plugin.core.prompts import ask_secret

        if not terminal:
            return None
        return ask_secret(f"Passphrase of the client key for {repository.name}: ", clear_line)

    gate = build_gate(settings, notices, terminal)
    return assemble(settings, catalogue, gate, notices, ask_passphrase=ask_passphrase)
