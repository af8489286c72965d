"""``poetry repo token``."""

from __future__ import annotations

from typing import ClassVar

from cleo.helpers import argument, option

from poetry_repo_plugin.commands.base import RepoCommand
from poetry_repo_plugin.core.names import no_choice
from poetry_repo_plugin.ops.session import Session
from poetry_repo_plugin.ops.token import FORMATS, beside_url, resolve


class Command(RepoCommand):
    """Prints the credential that would be sent, for other tools."""

    name = "repo token"
    description = "Print the credential of a repository, for other tools."
    arguments: ClassVar = [argument("name", "The repository.")]
    options: ClassVar = [
        option("format", None, f"One of {', '.join(FORMATS)}.", flag=False, default="plain")
    ]
    help = """\
    <c1>poetry repo token acme | docker build --secret id=acme,src=/dev/stdin .</c1>
    <c1>eval "$(poetry repo token acme --format env)"</c1>
    <c1>PIP_INDEX_URL=$(poetry repo token acme --format pip) pip install pkg</c1>

It goes to standard output; keep it out of logs."""

    def work(self, session: Session) -> int:
        """Resolve as a request would, and print."""
        chosen = self.text("format") or "plain"
        if chosen not in FORMATS:
            raise no_choice(chosen, "a format", FORMATS)
        repository = session.catalogue.require(str(self.argument("name")))
        self.data(resolve(session, repository).in_form(chosen))
        if chosen == "pip":
            for line in beside_url(session.access.tls.settings_of(repository), repository.name):
                self.warn(line)
        return 0
