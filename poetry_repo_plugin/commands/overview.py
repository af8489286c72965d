"""``poetry repo``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from cleo.helpers import argument

from poetry_repo_plugin.commands.base import RepoCommand
from poetry_repo_plugin.commands.list import table
from poetry_repo_plugin.commands.words import meant_command
from poetry_repo_plugin.config.project import Project
from poetry_repo_plugin.core.errors import InputError
from poetry_repo_plugin.core.hints import Hint, command, repo
from poetry_repo_plugin.core.names import is_pypi
from poetry_repo_plugin.ops.session import Session
from poetry_repo_plugin.ops.status import Summary, summarise


class Command(RepoCommand):
    """A short overview and the next step."""

    name = "repo"
    description = "Private package repositories: an overview and the next step."
    arguments: ClassVar = [
        argument(
            "subcommand", "One of the commands below <c1>repo</c1>.", optional=True, multiple=True
        )
    ]
    help = """\
    <c1>poetry repo add acme URL</c1>     add a repository
    <c1>poetry repo login acme</c1>       log in to it
    <c1>poetry repo certs acme</c1>       certificates
    <c1>poetry repo doctor</c1>           find problems"""

    @property
    def processed_help(self) -> str:
        """With all commands: whoever asks for help here looks for one."""
        assert self.application is not None
        commands = self.application.all("repo")
        named = {name.removeprefix("repo "): one for name, one in sorted(commands.items())}
        wide = max(map(len, named))
        lines = [f"  <c1>{name:<{wide}}</c1>  {one.description}" for name, one in named.items()]
        return "\n".join([super().processed_help, "", "All commands:", "", *lines])

    def configure(self) -> None:
        """Options behind a misspelt command are that command's: they are no reason to speak of
        anything else.
        """
        super().configure()
        self.ignore_validation_errors()

    def handle(self) -> int:
        """Without a word, what is wrong with the options is said as for every command."""
        if not self.argument("subcommand"):
            self.io.input.bind(self.definition)
        return super().handle()

    def work(self, session: Session) -> int:
        """List what is there, and name one command."""
        unknown = self.argument("subcommand")
        if unknown:  # a known one would have been found under its own name
            assert self.application is not None
            known = [name.removeprefix("repo ") for name in self.application.all("repo")]
            raise no_such_command(unknown[0], unknown[1:], known)
        summaries = [summarise(session.access, repository) for repository in session.catalogue]
        for line in table(summaries):
            self.row(line, len(line) - len(line.lstrip()) or 4)
        self.row("")
        self.row(f"Next: {next_step(summaries, session.catalogue.project)}")
        self.row("All commands: poetry list repo")
        return 0


def no_such_command(word: str, behind: Sequence[str], known: Sequence[str]) -> InputError:
    """What is said of ``poetry repo WORD``. Of what was typed behind it only a name and a URL are
    said again: any other word may be a secret.
    """
    if word == "help":
        words = [one for one in behind[:1] if one in known]
        ours = ("help", "repo", *words) if words else ("repo", "--help")
        return InputError("Help is an option.", command("poetry", *ours))
    meant = meant_command(word, known)
    message = f"Command not found: `poetry repo {word}`."
    if meant is None:
        return InputError(message, command("poetry", "list", "repo"))
    likely = [one for number, one in enumerate(behind) if number == 0 or "://" in one]
    kept = [one for one in likely if "@" not in one and "?" not in one]
    return InputError(f"{message} Did you mean {meant}?", command("poetry", "repo", meant, *kept))


def next_step(summaries: list[Summary], project: Project | None) -> Hint:
    """The command that most likely comes next; in a project that Poetry refuses to read, no other
    one helps.
    """
    if project is not None and project.needs_migration:
        return repo("migrate")
    private = [summary for summary in summaries if not is_pypi(summary.repository.name)]
    if not private:
        return repo("add", "NAME", "URL")
    for state, verb in (("unavailable", "doctor"), ("expired", "login"), ("missing", "login")):
        for summary in private:
            if summary.state == state and summary.repository.urls:
                return repo(verb, summary.repository.name)
    return repo("doctor")
