"""The entry point that Poetry loads. It runs before every command, so it imports next to
nothing.
"""

from __future__ import annotations

import sys
from functools import cached_property, partial
from importlib import import_module
from typing import TYPE_CHECKING

from cleo.events.console_events import COMMAND, ERROR
from poetry.console.commands.command import Command
from poetry.plugins.application_plugin import ApplicationPlugin

if TYPE_CHECKING:
    from cleo.events.event import Event
    from cleo.events.event_dispatcher import EventDispatcher
    from cleo.io.inputs.definition import Definition
    from cleo.io.io import IO
    from poetry.console.application import Application

# Every command with its one line of description, so that `poetry list` needs none of their modules.
DESCRIPTIONS = {
    "": "Private package repositories: an overview and the next step.",
    "add": "Add a package repository, for installing and for publishing.",
    "list": "List the repositories known here, and their credentials.",
    "show": "Show one repository: URLs, credential, certificates.",
    "remove": "Remove a repository and all that is stored for it.",
    "login": "Log in to a repository; only accepted logins are stored.",
    "logout": "Remove stored credentials.",
    "certs": "Set or show a repository's CA and client certificate.",
    "doctor": "Find problems, and the commands that fix them.",
    "token": "Print the credential of a repository, for other tools.",
    "import": "Import repositories and logins from .pypirc and pip.conf.",
    "migrate": "Rewrite Poetry 1 sources for Poetry 2.",
    "completions": "Print a completion script for bash, zsh or fish.",
    "demo": "See everything work, against an index on this machine.",
}
_MODULES = {"": "overview", "import": "import_"}  # the latter is a word of the language

# Poetry's listeners sit at 0; the pool and the installer do not exist before them, and need not.
_BEFORE_POETRY = 10

# Commands that open no connection: nothing of ours is imported for them. A command that we do not
# know (another plugin's) may open one.
_LOCAL = frozenset(
    (
        *(
            "about",
            "cache",
            "check",
            "config",
            "env",
            "help",
            "list",
            "new",
            "python",
            "repo",
            "run",
            "shell",
        ),
        *("source", "version"),
        *("debug info", "debug tags", "self show", "self show plugins"),
    )
)


class LazyCommand(Command):
    """Stands in for a command of ours in lists; whoever wants more than its line gets it from the
    module.

    Poetry's own ``load_command`` imports the module of each command for ``poetry list``: ours
    import a hundred.
    """

    def __init__(self, name: str) -> None:
        self.name = f"repo {name}".strip()
        self.description = DESCRIPTIONS[name]
        self._module = _MODULES.get(name, name)
        super().__init__()

    @cached_property
    def _command(self) -> Command:
        module = import_module(f"poetry_repo_plugin.commands.{self._module}")
        command: Command = module.Command()
        command.set_application(self.application)
        return command

    @property
    def definition(self) -> Definition:
        return self._command.definition

    @property
    def processed_help(self) -> str:
        return self._command.processed_help

    def merge_application_definition(self, merge_args: bool = True) -> None:
        self._command.merge_application_definition(merge_args)

    def run(self, io: IO) -> int:
        return self._command.run(io)


class RepoPlugin(ApplicationPlugin):
    """Registers the ``repo`` commands by name and one listener that injects credentials and TLS
    settings.
    """

    def activate(self, application: Application) -> None:
        """Called once by Poetry. ``application.poetry`` is not touched: that would break
        ``--directory``.
        """
        loader = application.command_loader
        for name in DESCRIPTIONS:
            loader.register_factory(f"repo {name}".strip(), partial(LazyCommand, name))
        dispatcher = application.event_dispatcher
        if dispatcher is not None:
            dispatcher.add_listener(COMMAND, _before_command, _BEFORE_POETRY)
            dispatcher.add_listener(ERROR, _after_failure)
        if _asks_our_version(sys.argv[1:]):
            from poetry_repo_plugin.hooks.facts import show_our_version

            show_our_version(application)


def _asks_our_version(words: list[str]) -> bool:
    return words[:1] == ["repo"] and ("--version" in words or "-V" in words)


def _before_command(event: Event, event_name: str, dispatcher: EventDispatcher) -> None:
    from cleo.events.console_command_event import ConsoleCommandEvent

    if not isinstance(event, ConsoleCommandEvent):
        return
    name = event.command.name or ""
    if name == "help" and "repo" in getattr(event.io.input, "_tokens", ()):
        from poetry_repo_plugin.hooks.outset import help_for

        help_for(event)
    if name == "cache clear":
        from poetry_repo_plugin.hooks.cache import clear_every_url

        clear_every_url()
    if name in _LOCAL or name.split(" ")[0] in _LOCAL:
        return
    from poetry_repo_plugin.hooks.patches import inject

    inject(event.command, event.io)


def _after_failure(event: Event, event_name: str, dispatcher: EventDispatcher) -> None:
    from cleo.events.console_error_event import ConsoleErrorEvent

    if not isinstance(event, ConsoleErrorEvent):
        return
    run = sys.modules.get("poetry_repo_plugin.hooks.run")
    if run is not None:
        run.explain_not_found(event.error)
    if type(event.error) is RuntimeError and "configuration is invalid" in str(event.error):
        from poetry_repo_plugin.hooks.explain import explain_legacy

        explain_legacy(event.command, event.error)
    from poetry_repo_plugin.hooks.unexpected import tell

    tell(event.error, event.io)
