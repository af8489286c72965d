"""What is true of the Poetry that runs: its version, its folders, its project, PyPI's URLs."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from poetry_repo_plugin.config.memory import Leaf, leaves_of

if TYPE_CHECKING:
    from cleo.application import Application
    from cleo.commands.command import Command

    from poetry_repo_plugin.config.repositories import Repository
    from poetry_repo_plugin.ops.session import Surroundings


def show_our_version(application: Application) -> None:
    """Make ``--version`` speak of the plugin: cleo answers it for the whole application, before it
    looks for a command.
    """
    from poetry_repo_plugin import __version__

    application._name, application._version = "poetry-repo-plugin", __version__


def poetry_version() -> str:
    """The version of the running Poetry."""
    from poetry.__version__ import __version__

    return str(__version__)


def dotted_keys() -> bool:
    """Whether this Poetry keeps a name with dots as one key (2.4 and later)."""
    major, minor = (int(part) for part in poetry_version().split(".")[:2])
    return (major, minor) >= (2, 4)


def config_folder() -> Path:
    """The folder of ``config.toml`` and ``auth.toml``."""
    from poetry.locations import CONFIG_DIR

    return Path(CONFIG_DIR)


def builtin_pypi() -> Repository:
    """PyPI with the URLs that Poetry has built in."""
    from poetry_repo_plugin.config.repositories import Repository
    from poetry_repo_plugin.core.servers import publish_url_of

    index_url = builtin_index_url()
    return Repository("pypi", index_url, publish_url_of(index_url))


def builtin_index_url() -> str:
    """The index of PyPI, as Poetry's own class for it has it."""
    from poetry.repositories.pypi_repository import PyPiRepository

    base = str(inspect.signature(PyPiRepository.__init__).parameters["url"].default)
    return f"{base.rstrip('/')}/simple/"


def project_folder(command: Command) -> Path | None:
    """The folder of the project that ``command`` works in.

    ``None`` for none, and for Poetry's own environment. Poetry looks no further up than the first
    ``pyproject.toml``, be it one that it can work with or not.
    """
    from poetry_repo_plugin.config.project import find_project, is_project

    if (command.name or "").startswith("self "):
        return None
    application = command.application
    start = getattr(application, "project_directory", None)
    start = start or getattr(application, "_project_directory", None)  # its name in 2.0
    file = find_project(Path(start or Path.cwd()))
    if file is not None and is_project(file):
        return file.parent
    return None


def surroundings(command: Command) -> Surroundings:
    """What ``command`` finds: the user's folder, the project's, and what this Poetry has built
    in.
    """
    from poetry_repo_plugin.ops.session import Surroundings

    note_project(getattr(command.application, "_poetry", None))
    return Surroundings(
        config_folder(), project_folder(command), builtin_pypi(), dotted_keys(), memory
    )


# -- the configuration in memory, and what of it a project's files brought there

_brought: WeakKeyDictionary[Any, list[Leaf]] = WeakKeyDictionary()  # by configuration


def memory() -> tuple[Mapping[str, Any], list[Leaf]]:
    """What the configuration holds now, and what of it comes from projects; nothing where Poetry
    has not made it.
    """
    config = poetry_config()
    if config is not None:
        return (config.raw(), _brought.get(config, []))
    return ({}, [])


def note_project(poetry: Any) -> None:
    """Poetry made this before we came: its files are in the configuration already."""
    config, file = poetry_config(), getattr(getattr(poetry, "file", None), "path", None)
    if config is None or file is None:
        return
    from poetry_repo_plugin.config.document import read_toml

    note_leaves(config, leaves_of(read_toml(Path(file).parent / "poetry.toml")))
    sources = (
        (str(source.get("name")), source.get("url"))
        for source in poetry.local_config.get("source", [])
    )
    note_leaves(config, ((("repositories", name, "url"), url) for name, url in sources))


def note_leaves(config: Any, leaves: Iterable[Leaf]) -> None:
    """A project's files have brought ``leaves`` into ``config``."""
    _brought.setdefault(config, []).extend(leaves)


def poetry_config() -> Any:
    """Poetry's one configuration, or ``None`` while it has not made it."""
    module = sys.modules.get("poetry.config.config")
    if module is None or getattr(module, "_default_config", None) is None:
        return None
    return module.Config.create()
