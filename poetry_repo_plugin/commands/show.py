"""``poetry repo show``."""

from __future__ import annotations

from typing import ClassVar

from cleo.helpers import argument, option

from poetry_repo_plugin.commands.base import RepoCommand
from poetry_repo_plugin.config.toml import shown
from poetry_repo_plugin.ops.home import profile_at
from poetry_repo_plugin.ops.session import Session
from poetry_repo_plugin.ops.status import Summary, explain_steps, summarise, warnings_of


class Command(RepoCommand):
    """Shows all that is known of one repository."""

    name = "repo show"
    description = "Show one repository: URLs, credential, certificates."
    arguments: ClassVar = [argument("name", "The repository.")]
    options: ClassVar = [option("json", None, "Print one JSON document.")]
    help = """\
    <c1>poetry repo show acme</c1>
    <c1>poetry repo show acme --json</c1>

No network is used, and no secret is shown. <c1>poetry repo doctor acme</c1> tries
whether it works."""

    def work(self, session: Session) -> int:
        """Summarise one, print."""
        summary = summarise(session.access, session.catalogue.require(str(self.argument("name"))))
        if self.option("json"):
            self.data_json(summary.document())
        else:
            for label, value in rows(summary):
                self.row(f"{label:<12}  {value}".rstrip(), 14)
        for warning in warnings_of(summary):
            session.notices.once(warning)
        return 0


def rows(summary: Summary) -> list[tuple[str, str]]:
    """What is printed, label by label; the steps of the credential look-up come last."""
    repository = summary.repository
    profile = profile_at(repository)
    publish = repository.publish_url or "unknown"
    if repository.publish_derived:
        publish = f"{publish} (derived)"
    url = repository.index_url or "none"
    found = [
        ("name", repository.name),
        ("url", f"{url}{summary.managed.mark('url')}"),
        ("publish url", f"{publish}{summary.managed.mark('publish-url')}"),
        ("server", profile.title if profile is not None else "unknown kind"),
        ("priority", summary.priority or "not a source of this project"),
        *_listed("mirror", summary.mirror_lines),
        ("credential", summary.credential_text),
        *_listed("tls", summary.tls_lines or ["Poetry's default"]),
        ("belongs to", " ".join(summary.origins) or "not bound yet"),
    ]
    if summary.packages:
        found.append(("packages", ", ".join(map(shown, summary.packages))))
    if summary.managed.file is not None:
        found.append(("managed", str(summary.managed)))
    return [*found, *_listed("looked in", explain_steps(summary.resolution))]


def _listed(label: str, lines: list[str]) -> list[tuple[str, str]]:
    return [(label if number == 0 else "", line) for number, line in enumerate(lines)]
