"""``poetry repo migrate``."""

from __future__ import annotations

from typing import ClassVar

from cleo.helpers import option

from poetry_repo_plugin.commands.base import RepoCommand
from poetry_repo_plugin.config.changes import Changes
from poetry_repo_plugin.core.errors import InputError, RepoError
from poetry_repo_plugin.core.hints import repo
from poetry_repo_plugin.ops.session import Session


class Command(RepoCommand):
    """Rewrites sources that Poetry 2 refuses to read, with the meaning that they had."""

    name = "repo migrate"
    description = "Rewrite Poetry 1 sources for Poetry 2."
    options: ClassVar = [option("dry-run", None, "Show what would change, without changing it.")]
    help = """\
    <c1>poetry repo migrate --dry-run</c1>
    <c1>poetry repo migrate</c1>

A source without flags or <c1>priority</c1> becomes primary, and PyPI is listed
behind it, because Poetry 1 asked it, too; so PyPI is on again where
Poetry 2 alone had left it out. <c1>secondary = true</c1> becomes supplemental.
<c1>default = true</c1> becomes primary, behind the other primaries, and PyPI
stays off."""

    def work(self, session: Session) -> int:
        """Show the difference, or write it."""
        from poetry_repo_plugin.config.migrate import migrate, refused
        from poetry_repo_plugin.config.project import read_text
        from poetry_repo_plugin.config.sources import diff

        if session.project is None:
            raise InputError("No pyproject.toml was found here or in a parent folder.")
        file = session.project / "pyproject.toml"
        text, changes = "", list[str]()

        def rewrite(before: str) -> str:
            nonlocal text, changes
            text, changes = migrate(before, plain=True)
            return text

        if self.option("dry-run"):
            before = read_text(file)
            rewrite(before)
            for line in diff(before, text).splitlines():
                self.row(line)
        else:
            read_text(file)
            with Changes(session.settings) as edits:
                edits.rewrite(file, rewrite)
        for change in changes:
            self.say(change)
        self._tell_passwords(text)
        rest = refused(text)
        if rest:
            self.fail(RepoError(f"Poetry 2 cannot read these sources yet: {'; '.join(rest)}."))
            return 1
        if not changes:
            self.say("Nothing to migrate: Poetry 2 can read these sources.")
        elif self.option("dry-run"):
            self.say("Nothing was changed; run it without --dry-run to apply this.")
        elif (session.project / "poetry.lock").exists():
            self.say("The sources have changed, so poetry.lock is out of date. Next: poetry lock")
        else:
            self.say("Poetry 2 can read these sources now. Next: poetry lock")
        return 0

    def _tell_passwords(self, text: str) -> None:
        """What Poetry 1 had no better place for may still stand in a URL."""
        from poetry_repo_plugin.core.errors import StateError
        from poetry_repo_plugin.doctor.file_audit import sources_with_login

        try:
            names = list(sources_with_login(text))
        except StateError:  # a form that cannot be edited; the doctor tells more
            return
        for name in names:
            mend = repo("doctor", None, "--fix")
            self.warn(f"The URL of the source {name} holds a password. Move it out: {mend}")
