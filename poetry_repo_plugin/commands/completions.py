"""``poetry repo completions``."""

from __future__ import annotations

from typing import ClassVar

from cleo.helpers import argument

from poetry_repo_plugin.commands.base import RepoCommand
from poetry_repo_plugin.commands.completion_scripts import SCRIPTS, Known
from poetry_repo_plugin.core.hints import is_name
from poetry_repo_plugin.core.names import no_choice
from poetry_repo_plugin.ops.session import Session

_NAMES = "names"  # what the scripts ask for


class Command(RepoCommand):
    """Prints a script that completes commands, options and repository names."""

    name = "repo completions"
    description = "Print a completion script for bash, zsh or fish."
    arguments: ClassVar = [argument("shell", f"One of {', '.join(SCRIPTS)}.")]
    tells_ignored = False
    help = """\
    <c1>source <(poetry repo completions bash)</c1>   in ~/.bashrc
    <c1>source <(poetry repo completions zsh)</c1>    in ~/.zshrc, behind compinit
    <c1>poetry repo completions fish | source</c1>    in ~/.config/fish/config.fish

Completes <c1>poetry repo …</c1>; what <c1>poetry completions</c1> has set up for the
other commands stays."""

    def work(self, session: Session) -> int:
        """Print the script, or the names for one."""
        shell = str(self.argument("shell"))
        if shell == _NAMES:
            for name in session.catalogue.names():
                if is_name(name):
                    self.data(name)
            return 0
        if shell not in SCRIPTS:
            raise no_choice(shell, "a shell", SCRIPTS)
        self.data(SCRIPTS[shell](self._known()))
        return 0

    def _known(self) -> list[Known]:
        assert self.application is not None
        found = []
        for whole, command in sorted(self.application.all("repo").items()):
            verb = whole.removeprefix("repo").strip()
            arguments = [one.name for one in command.definition.arguments]
            takes_name = bool({"name", "names"}.intersection(arguments)) and verb != "add"
            options = {one.name: one.description for one in command.definition.options}
            if verb:
                found.append(Known(verb, command.description, options, takes_name))
        return found
