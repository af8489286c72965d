"""``poetry repo migrate``."""

from __future__ import annotations

from typing import ClassVar

from cleo.helpers import option

from poetry_repo_plugin.commands.base import Bench, RepoCommand
from poetry_repo_plugin.errors import InputError


class Command(RepoCommand):
    """Rewrites sources that Poetry 2 refuses to read, with the meaning that they had."""

    name = "repo migrate"
    description = "Rewrite sources with `default` or `secondary`, which Poetry 2 refuses, with their meaning."
    options: ClassVar = [option("dry-run", None, "Show what would change, and change nothing.")]
    help = """\
    <c1>poetry repo migrate --dry-run</c1>
    <c1>poetry repo migrate</c1>

A source without flags becomes primary, and PyPI is listed behind it, because it was asked before.
<c1>secondary = true</c1> becomes supplemental. <c1>default = true</c1> becomes primary, behind the other
primaries, and PyPI stays off."""

    def work(self, bench: Bench) -> int:
        """Show the difference, or write it."""
        from poetry_repo_plugin import store
        from poetry_repo_plugin.migrate import migrate
        from poetry_repo_plugin.project import read_text
        from poetry_repo_plugin.sources import diff

        if bench.project is None:
            raise InputError("There is no pyproject.toml here or above.")
        file = bench.project / "pyproject.toml"
        if self.option("dry-run"):
            before = read_text(file)
            text, changes = migrate(before)
            for line in diff(before, text).splitlines():
                self.row(line)
        else:
            with store.locked(bench.settings.folder):
                before = read_text(file)
                text, changes = migrate(before)
                if text != before:
                    store.write_text(file, text)
        for change in changes:
            self.say(change)
        if not changes:
            self.say("There is nothing to migrate: Poetry 2 reads these sources.")
        elif self.option("dry-run"):
            self.say("Nothing was changed; without --dry-run it will be.")
        elif (bench.project / "poetry.lock").exists():
            self.say("The sources have changed, so poetry.lock is out of date. Next: poetry lock")
        return 0
