"""One user and one project, as files, for the tests of what a request carries."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from poetry_repo_plugin.config.bindings import Bindings
from poetry_repo_plugin.config.project import read_project
from poetry_repo_plugin.config.repositories import Catalogue, Repository
from poetry_repo_plugin.config.settings import Settings
from poetry_repo_plugin.core.notices import Notices
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.credentials.base import EVERYTHING, Need
from poetry_repo_plugin.credentials.keyring import KeyringGate
from poetry_repo_plugin.http.auth import Access
from poetry_repo_plugin.http.matching import Grant
from poetry_repo_plugin.ops.assemble import assemble
from tests.config.saving import saving
from tests.credentials.keyrings import MemoryKeyring

MARK = "S3CR3T"
PYPI = Repository("pypi", "https://index.example/simple/", "https://upload.example/legacy/")
INDEX = "https://host.example/team-a/simple/"
EVIL = "https://evil.example/team-a/simple/"


class World:
    """One user and one project, as files; :meth:`access` is a new run."""

    def __init__(self, folder: Path, backend: MemoryKeyring) -> None:
        self.user = folder / "user"
        self.project = folder / "project"
        self.project.mkdir(parents=True)
        self.backend = backend
        self.environ: dict[str, str] = {"NETRC": str(folder / "netrc")}
        self.netrc = folder / "netrc"
        self.said: list[str] = []
        self.keyring_enabled = True

    @property
    def settings(self) -> Settings:
        return Settings(self.user, self.project, environ=self.environ)

    @property
    def bindings(self) -> Bindings:
        return Bindings(self.settings)

    def sources(self, more: str = "", /, **urls: str) -> None:
        """The project's sources by name, and other text of its ``pyproject.toml``."""
        tables = [
            f'[[tool.poetry.source]]\nname = "{name}"\nurl = "{url}"\n'
            for name, url in urls.items()
        ]
        (self.project / "pyproject.toml").write_text("\n".join([*tables, more]), encoding="utf-8")

    def login(self, name: str, *bound: str, secret: str = MARK, username: str = "me") -> None:
        saving(self.settings).save_login(name, username, Secret(secret))
        if bound:
            self.bindings.record_for_login(name, bound)

    def access(
        self, ask: Callable[[Repository], Secret | None] = lambda repository: None
    ) -> Access:
        settings = self.settings
        file = self.project / "pyproject.toml"
        catalogue = Catalogue(settings, read_project(file) if file.exists() else None, PYPI)
        gate = KeyringGate(enabled=lambda: self.keyring_enabled)
        return assemble(settings, catalogue, gate, Notices(self.said.append), ask_passphrase=ask)


def whose(grant: Grant) -> str | None:
    return grant.repository.name if grant.repository is not None else None


def secret(access: Access, url: str, allowed: Need = EVERYTHING, **where: object) -> str | None:
    """What would be sent to ``url``."""
    found = access.credential(access.matcher.grant_for(url, **where), allowed)  # type: ignore[arg-type]
    return found.secret.reveal() if found is not None else None
