"""``poetry repo``."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from typing import ClassVar

from cleo.helpers import argument
from cleo.io.inputs.definition import Definition
from cleo.io.inputs.option import Option

from poetry_repo_plugin.commands.base import Bench, RepoCommand
from poetry_repo_plugin.commands.list import table
from poetry_repo_plugin.errors import InputError
from poetry_repo_plugin.names import is_pypi, nearest
from poetry_repo_plugin.overview import Summary, summarise
from poetry_repo_plugin.profiles import profile_of
from poetry_repo_plugin.project import Project

# Arguments and options whose values are no secrets, so that they may be said again.
_OPEN_ARGUMENTS = frozenset(("name", "names", "url", "file"))
_OPEN_OPTIONS = frozenset(
    (
        *("username", "url", "publish-url", "provider", "protocol", "priority", "ignore-error-code"),
        *("ca", "client-cert", "client-key", "format", "timeout"),
    )
)


class Command(RepoCommand):
    """A short overview and the next step."""

    name = "repo"
    description = "Private package repositories: an overview and the next step."
    arguments: ClassVar = [
        argument("subcommand", "One of the commands below <c1>repo</c1>.", optional=True, multiple=True)
    ]
    help = """\
    <c1>poetry repo add acme URL</c1>     add a repository
    <c1>poetry repo login acme</c1>       log in to it
    <c1>poetry repo certs acme</c1>       certificates
    <c1>poetry repo doctor</c1>           find out what is wrong"""

    def configure(self) -> None:
        """Options behind a misspelt command are that command's: they are no reason to speak of anything else."""
        super().configure()
        self.ignore_validation_errors()

    def handle(self) -> int:
        """Without a word, what is wrong with the options is said as for every command."""
        if not self.argument("subcommand"):
            self.io.input.bind(self.definition)
        return super().handle()

    def work(self, bench: Bench) -> int:
        """List what is there, and name one command."""
        unknown = self.argument("subcommand")
        if unknown:  # a known one would have been found under its own name
            raise self._no_such_command(bench, unknown[0])
        summaries = [summarise(bench.access, repository) for repository in bench.catalogue]
        for line in table(summaries):
            self.row(line)
        self.row("")
        self.row(f"Next: {next_step(summaries, bench.catalogue.project)}")
        self.row("All commands: poetry list repo")
        return 0

    def _no_such_command(self, bench: Bench, word: str) -> InputError:
        from poetry_repo_plugin.plugin import COMMANDS

        meant = nearest(word, COMMANDS)
        message = f"There is no command `poetry repo {word}`."
        if meant is None or self.application is None:
            return InputError(message, "poetry list repo")
        command = self.application.find(f"repo {meant}")
        command.merge_application_definition()
        behind = _behind(word)
        known = (bench.catalogue.find(one) for one in behind)
        urls = [url for repository in known if repository is not None for url in repository.urls]
        is_token = any(profile.token_is_username for profile in map(profile_of, urls) if profile is not None)
        kept = said_again(behind, command.definition, _OPEN_OPTIONS - {"username"} if is_token else _OPEN_OPTIONS)
        return InputError(f"{message} Did you mean {meant}?", shlex.join(["poetry", "repo", meant, *kept]))


def _behind(word: str) -> list[str]:
    """What was typed behind ``poetry repo WORD``."""
    words = sys.argv[1:]
    words = words[words.index("repo") + 1 :] if "repo" in words else []
    return words[words.index(word) + 1 :] if word in words else []


def said_again(words: Sequence[str], meant: Definition, open_options: frozenset[str] = _OPEN_OPTIONS) -> list[str]:
    """Those of ``words`` that can be shown as words of the command ``meant``: up to the first that it does not know, or
    that may be a secret.
    """
    rest, kept = list(words), []
    arguments = [argument for argument in meant.arguments if argument.name in _OPEN_ARGUMENTS]
    while rest:
        taken = [rest.pop(0)]
        if taken[0].startswith("-"):
            name, equals, value = taken[0].partition("=") if taken[0].startswith("--") else (taken[0], "", "")
            option = _option(meant, name)
            if option is None or (equals and not option.accepts_value()):
                break
            if option.accepts_value():
                if not equals:
                    if not rest or rest[0].startswith("-"):
                        break
                    taken.append(value := rest.pop(0))
                if option.name not in open_options or (option.name != "username" and _may_hide_secret(value)):
                    break
        elif not arguments or _may_hide_secret(taken[0]):
            break
        elif not arguments[0].is_list():
            arguments.pop(0)
        kept += taken
    return kept


def _option(meant: Definition, name: str) -> Option | None:
    if name.startswith("--"):
        return meant.option(name[2:]) if meant.has_option(name[2:]) else None
    return meant.option_for_shortcut(name[1:]) if meant.has_shortcut(name[1:]) else None


def _may_hide_secret(word: str) -> bool:
    """A URL may hold one before its ``@`` or in its query."""
    return "@" in word or "?" in word


def next_step(summaries: list[Summary], project: Project | None) -> str:
    """The command that most likely comes next; in a project that Poetry refuses to read, no other one helps."""
    if project is not None and project.needs_migration:
        return "poetry repo migrate"
    private = [summary for summary in summaries if not is_pypi(summary.repository.name)]
    if not private:
        return "poetry repo add NAME URL"
    for state, command in (("unavailable", "doctor"), ("expired", "login"), ("missing", "login")):
        for summary in private:
            if summary.state == state and summary.repository.urls:
                return f"poetry repo {command} {summary.repository.name}"
    return "poetry repo doctor"
