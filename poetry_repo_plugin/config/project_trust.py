"""Which CA of a project is believed, and for which servers (DESIGN section 4).

Whoever holds a CA's key can answer for every server that it is believed for, and receives what is
sent there. So a project's word counts for its own repositories, and for none that the user knows as
another place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from poetry_repo_plugin.config.bindings import Bindings
from poetry_repo_plugin.config.project import RefusedError, path_inside
from poetry_repo_plugin.config.repositories import Catalogue, bare
from poetry_repo_plugin.config.settings import Settings
from poetry_repo_plugin.config.toml import dump_key, shown
from poetry_repo_plugin.core.hints import repo
from poetry_repo_plugin.core.names import is_pypi
from poetry_repo_plugin.core.origin import InvalidUrl, Origin
from poetry_repo_plugin.core.servers import is_pypis, is_vendor_origin

# Where PyPI and TestPyPI answer, take uploads and keep their files (https://docs.pypi.org/api/).


class _Claim(NamedTuple):
    """A CA that the project names for a repository.

    :param where: the key and its file, for a message.
    :param fault: why it can be no CA of a project; ``""`` if it can.
    """

    where: str
    file: Path | None
    fault: str = ""


class ProjectTrust:
    """Decides which of the project's CAs counts; everything that needs a CA asks here."""

    def __init__(self, settings: Settings, catalogue: Catalogue, bindings: Bindings) -> None:
        self._settings = settings
        self._catalogue = catalogue
        self._bindings = bindings

    def ca_for(self, name: str, origin: Origin | None = None) -> Path | None:
        """The project's CA that counts for the repository ``name``, or ``None``.

        :param origin: where a connection goes; ``None`` for the repository as a whole.
        """
        file = self._file(name)
        if file is None or self._objection(name, file) is not None:
            return None
        if origin is None or self._is_in_reach(name, origin):
            return file
        return None

    def ignored(self) -> list[str]:
        """A sentence for each CA of the project that does not count."""
        return [line for name in self._claimed() for line in self.ignored_for(name)]

    def ignored_for(self, name: str) -> list[str]:
        """The same for one repository; none where the user's own setting wins anyway."""
        if self._has_setting(name):
            return []
        lines = []
        for claim in self._claims(name):
            reason = claim.fault or (self._objection(name, claim.file) if claim.file else None)
            if reason:
                lines.append(f"{claim.where} is ignored: {reason}")
        return lines

    # -- what the project says

    def _claimed(self) -> list[str]:
        project = self._catalogue.project
        tables = {}
        if project is not None:
            tables = project.settings
        found: dict[str, str] = {}
        for name in (*tables, *self._settings.poetry_toml.names_with_cert()):
            found.setdefault(name.lower(), name)
        return list(found.values())

    def _claims(self, name: str) -> Iterator[_Claim]:
        project = self._catalogue.project
        table = None
        if project is not None:
            table = project.settings_for(name)
        if table is not None and table.ca is not None:
            yield _Claim(f"[tool.poetry-repo-plugin.{dump_key(name)}] ca", table.ca)
        folder = self._settings.project_folder
        for value in self._settings.poetry_toml.certs(name) if folder is not None else ():
            where = f"certificates.{shown(name)}.cert in poetry.toml"
            try:
                yield _Claim(where, path_inside(value, folder))  # type: ignore[arg-type]  # not None here
            except RefusedError as error:
                yield _Claim(where, None, f"{error}.")

    def _file(self, name: str) -> Path | None:
        return next((claim.file for claim in self._claims(name) if claim.file is not None), None)

    def _named(self, name: str) -> list[Origin]:
        """Where the project says that the repository is; empty if it names none."""
        project = self._catalogue.project
        source = None
        if project is not None:
            source = project.source(name)
        table = None
        if project is not None:
            table = project.settings_for(name)
        urls = [
            source.url if source is not None else None,
            table.publish_url if table is not None else None,
            self._settings.poetry_toml.publish_url(name),
        ]
        repository = self._catalogue.get(name)
        if source is not None and repository.publish_derived:
            urls.append(repository.publish_url)
        return _origins(bare(url) for url in urls if url)

    # -- what the user says

    def _has_setting(self, name: str) -> bool:
        return (
            self._settings.certificate(name, "cert") is not None
            or self._settings.user_settings(name).ca is not None
        )

    def _of_user(self, name: str) -> list[Origin]:
        """Where the repository is by anything that the user has said."""
        places = self._bindings.home(name).places
        return list(
            dict.fromkeys(place.prefix.origin for place in places if place.prefix is not None)
        )

    def _is_unreadable(self, name: str) -> bool:
        bound = [place for place in self._bindings.home(name).places if place.url is None]
        return bool(bound) and all(place.prefix is None for place in bound)

    # -- the rule

    def _objection(self, name: str, file: Path) -> str | None:
        return self._objection_to_name(name) or self._objection_to_place(name, file)

    def _objection_to_name(self, name: str) -> str | None:
        """Why no CA of the project counts for this name, with the way out if there is one."""
        if is_pypi(name):
            return "a project cannot choose the CA for PyPI."
        named, users = self._named(name), self._of_user(name)
        if not named:
            return f"this project names no repository {shown(name)}."
        if any(is_pypis(origin) for origin in named):
            return f"{shown(name)} is at PyPI, and a project cannot choose the CA for PyPI."
        vendor = next((origin for origin in named if is_vendor_origin(origin)), None)
        if vendor is not None:
            return (
                f"{shown(name)} is at {vendor.host}, and a project cannot choose the CA for a public service. "
                f"If you trust it: {repo('certs', name, '--ca', str(self._file(name) or 'PATH'))}"
            )
        if self._is_unreadable(name):
            return f"where {shown(name)} belongs cannot be read in {self._settings.own_file}."
        if users and not set(users) & set(named):
            return (
                f"{shown(name)} belongs to {_listed(users)}, and this project says {_listed(named)}. "
                f"If it belongs there as well: {repo('login', name, '--url', str(named[0]))}"
            )
        return None

    def _objection_to_place(self, name: str, file: Path) -> str | None:
        """A server that the user knows by another name is believed by what is set for that one."""
        for origin in self._named(name):
            for other in self._known_as(origin, name):
                if (
                    self._has_setting(other)
                    or self._objection_to_name(other)
                    or self._file(other) != file
                ):
                    return (
                        f"you know {origin} as {shown(other)}, which does not trust this CA. "
                        f"If you trust it: {repo('certs', name, '--ca', str(file))}"
                    )
        return None

    def _known_as(self, origin: Origin, but: str) -> Iterator[str]:
        environment = (name for name, _ in self._settings.environment_repositories())
        for other in dict.fromkeys((*self._settings.names(), *environment)):
            if other.lower() != but.lower() and origin in self._of_user(other):
                yield other

    def _is_in_reach(self, name: str, origin: Origin) -> bool:
        """Whether the CA counts there too: not for the public services that an index links to, nor
        for a place that the user alone has added to the repository, where the user's secrets go.
        """
        if is_pypis(origin) or is_vendor_origin(origin):
            return False
        return origin in self._named(name) or origin not in self._of_user(name)


def _origins(urls: Iterable[str]) -> list[Origin]:
    found = []
    for url in urls:
        with suppress(InvalidUrl):
            found.append(Origin.of(url))
    return list(dict.fromkeys(found))


def _listed(origins: Iterable[Origin]) -> str:
    return " and ".join(map(str, origins))
