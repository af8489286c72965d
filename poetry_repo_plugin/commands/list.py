"""``poetry repo list``."""

from __future__ import annotations

from typing import ClassVar

from cleo.helpers import option

from poetry_repo_plugin.commands.base import RepoCommand
from poetry_repo_plugin.core.names import is_pypi
from poetry_repo_plugin.ops.session import Session
from poetry_repo_plugin.ops.status import Summary, summarise, warnings_of


class Command(RepoCommand):
    """Lists every repository that is known here."""

    name = "repo list"
    description = "List the repositories known here, and their credentials."
    options: ClassVar = [option("json", None, "Print one JSON document.")]
    help = """\
    <c1>poetry repo list</c1>
    <c1>poetry repo list --json</c1>

No network is used, and no secret is shown. <c1>poetry repo show NAME</c1> tells
more."""

    def work(self, session: Session) -> int:
        """Summarise all, print."""
        summaries = [summarise(session.access, repository) for repository in session.catalogue]
        if self.option("json"):
            self.data_json({"repositories": [summary.document() for summary in summaries]})
        else:
            for line in table(summaries):
                self.row(line, len(line) - len(line.lstrip()) or 4)
        for summary in summaries:
            for warning in warnings_of(summary):
                session.notices.once(warning)
        return 0


def table(summaries: list[Summary]) -> list[str]:
    """A line for each, and below it where it is and what is set for TLS, so that it fits 80
    columns.
    """
    wide = max(len(summary.repository.name) for summary in summaries)
    lines = []
    for summary in summaries:
        repository = summary.repository
        lines.append(
            f"{repository.name:<{wide}}  {summary.priority or '-':<12}  {summary.credential_text}"
        )
        index_url = repository.index_url
        below = [
            f"{index_url}{summary.managed.mark('url')}"
            if index_url
            else (None if repository.publish_url else "no URL")
        ]
        if (
            repository.publish_url
            and repository.publish_url != repository.index_url
            and not is_pypi(repository.name)
        ):
            mark = summary.managed.mark("publish-url")
            below.append(f"uploads: {repository.publish_url}{mark}")
        below += [*summary.mirror_lines, *summary.tls_lines]
        lines += [f"{'':<{wide}}  {line}" for line in below if line]
    return lines
