"""``poetry repo import``."""

from __future__ import annotations

from typing import ClassVar

from cleo.helpers import argument

from poetry_repo_plugin.commands.base import RepoCommand
from poetry_repo_plugin.config.pip_and_twine import default_files
from poetry_repo_plugin.core.errors import InputError
from poetry_repo_plugin.core.hints import repo
from poetry_repo_plugin.core.prompts import ask
from poetry_repo_plugin.ops.importing import find, next_steps, preview, store
from poetry_repo_plugin.ops.session import Session


class Command(RepoCommand):
    """Takes over what twine and pip know."""

    name = "repo import"
    description = "Import repositories and logins from .pypirc and pip.conf."
    arguments: ClassVar = [
        argument(
            "file", "The file to import; all that twine and pip read if omitted.", optional=True
        )
    ]
    help = """\
    <c1>poetry repo import</c1>             what ~/.pypirc and pip.conf hold
    <c1>poetry repo import ~/.pypirc</c1>

Shows what it found, with the secrets masked, and asks before it stores;
with <c1>-n</c1> it does not ask. The files themselves are not changed."""

    def work(self, session: Session) -> int:
        """Read, show, ask, store."""
        given = self.argument("file")
        files = default_files() if given is None else [self.path(given)]
        if not files:
            hint = repo("import", None, "FILE")
            raise InputError("No .pypirc or pip.conf was found.", hint)
        found = find(session, files, self)
        if not found:
            self.say(f"No private repository was found in {', '.join(map(str, files))}.")
            return 0
        for one in found:
            for line in preview(session, one):
                self.row(line)
        if session.terminal and not _wants_it():
            self.say("Nothing was stored.")
            return 1
        for one in found:
            store(session, one, self)
        for name, hint in next_steps(session, found).items():
            self.say(f"To use {name} in this project: {hint}")
        return 0


def _wants_it() -> bool:
    answer = ask("Store this? (y/n) [y]: ").strip().lower()
    return answer in ("", "y", "yes")
