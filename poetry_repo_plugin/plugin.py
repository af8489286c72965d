"""The entry point that Poetry loads. It runs before every command, so it imports next to nothing."""

from __future__ import annotations

import sys
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from cleo.events.console_events import COMMAND, ERROR
from poetry.console.commands.command import Command
from poetry.plugins.application_plugin import ApplicationPlugin

if TYPE_CHECKING:
    from cleo.events.event import Event
    from cleo.events.event_dispatcher import EventDispatcher
    from cleo.io.inputs.definition import Definition
    from poetry.console.application import Application

# Every command with its one line of description, so that `poetry list` needs none of their modules.
DESCRIPTIONS = {
    "": "Private package repositories: an overview and the next step.",
    "add": "Add a package repository, for installing and for publishing.",
    "list": "List the repositories known here, and their credentials.",
    "show": "Show one repository: URLs, credential, certificates.",
    "remove": "Remove a repository and all that is stored for it.",
    "login": "Log in to a repository; only what it accepts is stored.",
    "logout": "Forget the credentials of repositories, everywhere.",
    "certs": "Set or show a repository's CA and client certificate.",
    "doctor": "Find out what is wrong, and which command mends it.",
    "token": "Print the credential of a repository, for other tools.",
    "import": "Take over repositories and logins from .pypirc and pip.conf.",
    "migrate": "Rewrite sources of Poetry 1 in the words of Poetry 2.",
    "demo": "See it all work, against an index started on this machine.",
}
COMMANDS = tuple(name for name in DESCRIPTIONS if name)

_MODULES = {"": "overview", "import": "import_"}  # the latter is a word of the language

# Poetry's listeners sit at 0; the pool and the installer do not exist before them, and need not.
_BEFORE_POETRY = 10

# Commands that open no connection: nothing of ours is imported for them. A command that we do not know (another
# plugin's) may open one.
_LOCAL = frozenset(
    (
        *("about", "cache", "check", "config", "env", "help", "list", "new", "python", "repo", "run", "shell"),
        *("source", "version"),
        *("debug info", "debug tags", "self show", "self show plugins"),
    )
)


class _Folded(Command):
    """A command of which the name and the description are known; it unfolds when anybody wants more of it."""

    def __init__(self, name: str) -> None:
        self.module = _MODULES.get(name, name)
        self.name = f"repo {name}".strip()
        self.description = DESCRIPTIONS[name]
        super().__init__()

    def _unfold(self) -> Command:
        """Becomes, in its place, the command that its module defines."""
        command_class = import_module(f"poetry_repo_plugin.commands.{self.module}").Command
        application = self.application
        self.__dict__.clear()
        self.__class__ = command_class
        command_class.__init__(self)
        self.set_application(application)
        return self

    @property
    def definition(self) -> Definition:
        return self._unfold().definition

    def merge_application_definition(self, merge_args: bool = True) -> None:
        self._unfold().merge_application_definition(merge_args)


class RepoPlugin(ApplicationPlugin):
    """Registers the ``repo`` commands by name and one listener that injects credentials and TLS settings."""

    def activate(self, application: Application) -> None:
        """Called once by Poetry. ``application.poetry`` is not touched: that would break ``--directory``."""
        loader = application.command_loader
        for name in DESCRIPTIONS:
            loader.register_factory(f"repo {name}".strip(), partial(_Folded, name))
        dispatcher = application.event_dispatcher
        if dispatcher is not None:
            dispatcher.add_listener(COMMAND, _before_command, _BEFORE_POETRY)
            dispatcher.add_listener(ERROR, _after_failure)


def _before_command(event: Event, event_name: str, dispatcher: EventDispatcher) -> None:
    from cleo.events.console_command_event import ConsoleCommandEvent

    if not isinstance(event, ConsoleCommandEvent):
        return
    name = event.command.name or ""
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
