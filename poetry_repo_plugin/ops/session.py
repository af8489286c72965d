"""What one command works with: the user's settings, the repositories, the keyring, the access to
servers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from poetry_repo_plugin.config.bindings import Bindings
from poetry_repo_plugin.config.memory import Leaf
from poetry_repo_plugin.config.project import read_project
from poetry_repo_plugin.config.repositories import Catalogue, Repository
from poetry_repo_plugin.config.settings import Settings
from poetry_repo_plugin.core import names
from poetry_repo_plugin.core.errors import Failure, InputError
from poetry_repo_plugin.core.hints import repo
from poetry_repo_plugin.core.notices import Notices
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.core.servers import profile_of
from poetry_repo_plugin.credentials.base import (
    FIRST_REQUEST,
    Credential,
    Purpose,
    Query,
    Source,
    Unusable,
)
from poetry_repo_plugin.credentials.chain import Chain
from poetry_repo_plugin.credentials.environment import EnvironmentSource, EnvironmentUser
from poetry_repo_plugin.credentials.external import OutsideSource, RecognisedSource
from poetry_repo_plugin.credentials.keyring import KeyringGate
from poetry_repo_plugin.credentials.keyring_url import KeyringUrlSource
from poetry_repo_plugin.credentials.netrc import NetrcSource
from poetry_repo_plugin.credentials.oauth import OAuthSource
from poetry_repo_plugin.credentials.passphrase import known_passphrase
from poetry_repo_plugin.credentials.plugins import PluginSource
from poetry_repo_plugin.credentials.same_url import SameUrlSource
from poetry_repo_plugin.credentials.stored import StoredSource
from poetry_repo_plugin.credentials.trusted import MODE_VARIABLE, PublishingSource
from poetry_repo_plugin.credentials.url import USER_IN_URL, GivenSource
from poetry_repo_plugin.http.auth import Access
from poetry_repo_plugin.http.recorder import Recorder

if TYPE_CHECKING:
    from poetry_repo_plugin.credentials.oauth_protocol import IssuerAnswer
    from poetry_repo_plugin.ops.credential_store import Logins
    from poetry_repo_plugin.ops.header_store import HeaderStore

AskPassphrase = Callable[[Repository], "Secret | None"]


class Teller(Protocol):
    """Tells a person what happens."""

    def say(self, line: str) -> None:
        """What was done."""

    def warn(self, line: str) -> None:
        """What one should know although it went well."""

    def asking(self, url: str) -> None:
        """Who keeps a person waiting."""


class Surroundings(NamedTuple):
    """What a command finds.

    :param config_folder: where the user's settings are.
    :param project_folder: of the project that it works in; ``None`` for none.
    :param pypi: PyPI with the URLs of this Poetry.
    :param dotted_keys: whether this Poetry keeps a name with dots as one key.
    :param memory: gives Poetry's configuration in memory, and what projects' files brought there.
    """

    config_folder: Path
    project_folder: Path | None
    pypi: Repository
    dotted_keys: bool
    memory: Callable[[], tuple[Mapping[str, Any], list[Leaf]]] = lambda: ({}, [])


@dataclass
class Session:
    """One command's settings, read once, and what is built of them when it is needed.

    :param terminal: whether somebody can answer a question.
    :param clear_line: called before a question.
    """

    settings: Settings
    catalogue: Catalogue
    gate: KeyringGate
    notices: Notices
    terminal: bool = False
    clear_line: Callable[[], None] = lambda: None
    _typed: dict[str, Secret] = field(default_factory=dict)

    @classmethod
    def start(
        cls,
        where: Surroundings,
        notices: Notices,
        terminal: bool,
        clear_line: Callable[[], None] = lambda: None,
    ) -> Session:
        """Read the settings and the repositories.

        :raises StateError: for a file that cannot be read or parsed.
        """
        settings, catalogue = _read(where)
        gate = KeyringGate(
            enabled=lambda: settings.keyring_enabled,
            terminal=terminal,
            announce=notices.once,
        )
        return cls(settings, catalogue, gate, notices, terminal, clear_line)

    def reread(self, where: Surroundings) -> Session:
        """The same with the files as they are now."""
        settings, catalogue = _read(where)
        return replace(self, settings=settings, catalogue=catalogue)

    @property
    def project(self) -> Path | None:
        """The project's folder, if there is one."""
        return self.settings.project_folder

    @cached_property
    def bindings(self) -> Bindings:
        return Bindings(self.settings)

    @cached_property
    def logins(self) -> Logins:
        """Keeps and forgets logins."""
        from poetry_repo_plugin.ops.credential_store import Logins

        return Logins(self.settings, self.gate, self.notices, self.bindings)

    @cached_property
    def header_store(self) -> HeaderStore:
        """Keeps further headers."""
        from poetry_repo_plugin.ops.header_store import HeaderStore

        return HeaderStore(self.settings, self.gate, self.notices, self.bindings)

    @cached_property
    def access(self) -> Access:
        """For the command's own requests: first successes are recorded."""
        return self._assemble(self.bindings)

    def trial(self, name: str, url: str) -> Access:
        """For a question to ``url`` with what belongs to ``name``, before it is bound to it; keeps
        nothing.
        """
        there = replace(self, catalogue=self.catalogue.as_if_at(name, url))
        return there._assemble(Bindings(self.settings, trial=(name, url)), recording=False)

    def look(self) -> Access:
        """Decides as :attr:`access` does, says nothing and keeps nothing: a second look sees the
        same.

        First successes bind nothing, short-lived tokens are not kept, helpers are not told how
        their answers fared (git's would forget a refused one), and no token is minted for an
        upload that does not come. Each has a cache of its own: a helper that hangs for one
        repository keeps no lock that others need.
        """
        silent = replace(self, notices=Notices(lambda line: None))
        return silent._assemble(silent.bindings, recording=False)

    def _assemble(self, bindings: Bindings, *, recording: bool = True) -> Access:
        return assemble(
            *(self.settings, self.catalogue, self.gate, self.notices),
            bindings=bindings,
            ask_passphrase=self.ask_passphrase,
            recording=recording,
        )

    def confirm(self, question: str) -> bool:
        """Whether a person says yes; no without one."""
        from poetry_repo_plugin.core.prompts import confirm

        return self.terminal and confirm(question)

    def ask_passphrase(self, repository: Repository) -> Secret | None:
        """The passphrase of a client key as a person types it, asked for once; ``None`` where
        nobody can.
        """
        from poetry_repo_plugin.core.prompts import ask_secret

        name = repository.name
        if name not in self._typed and self.terminal:
            question = f"Passphrase of the client key for {name}: "
            self._typed[name] = ask_secret(question, self.clear_line)
        return self._typed.get(name)

    def typed_passphrase(self, name: str) -> Secret | None:
        """The passphrase that a person has typed in this run."""
        return self._typed.get(name)

    def new_name(self, given: str) -> str:
        """``given``, if a further repository can be called so beside those that are known.

        Raises :class:`InputError`, also where Poetry would take it for one that is known: it does
        not tell names apart by case (its pool) or by ``-``, ``_`` and ``.`` (its environment
        variables).
        """
        name = names.check_name(given)
        from_environment = {known for known, _ in self.settings.environment_repositories()}
        listed = self.catalogue.names()
        known = [other for other in listed if other == name or other not in from_environment]
        twin = names.collision(name, [*known, *self.settings.names()])
        if twin is not None:
            raise InputError(
                f"{name!r} collides with the repository {twin!r}: Poetry cannot tell them apart. "
                "Choose another name, or use that one."
            )
        return name


def _read(where: Surroundings) -> tuple[Settings, Catalogue]:
    folder = where.project_folder
    settings = Settings(
        where.config_folder, folder, dotted_keys=where.dotted_keys, memory=where.memory
    )
    project = read_project(folder / "pyproject.toml") if folder is not None else None
    return settings, Catalogue(settings, project, where.pypi)


def assemble(
    settings: Settings,
    catalogue: Catalogue,
    gate: KeyringGate,
    notices: Notices,
    *,
    bindings: Bindings | None = None,
    ask_passphrase: AskPassphrase = lambda repository: None,
    recording: bool = True,
) -> Access:
    """The access of one run, with the sources of DESIGN section 5 in their order.

    :param bindings: others than those of ``settings``.
    :param recording: whether anything is kept or told to helpers; without it, nothing is minted
    either.
    """
    bindings = bindings or Bindings(settings)
    known = _Known(catalogue)
    user, netrc = EnvironmentUser(settings), NetrcSource(settings.environ)
    outside = OutsideSource(settings, gate, bindings, known.provider, keeps=recording)
    environment = EnvironmentSource(settings, bindings)
    stored = StoredSource(settings, gate, bindings)
    sources: list[Source] = [
        GivenSource(known.in_url),
        environment,
        PluginSource(settings),
        OAuthSource(settings, gate, bindings, notices, partial(_post_to_issuer, lambda: access)),
        outside,
        stored,
        SameUrlSource(settings, [environment, stored]),
        KeyringUrlSource(gate, later=[user, netrc], user_of=user.name_for),
        user,
        netrc,
        RecognisedSource(_recognised, outside.between),
        GivenSource(known.user_in_url, USER_IN_URL),
    ]
    mode = "never"
    if recording:
        mode = (settings.environ.get(MODE_VARIABLE) or "automatic").strip().lower()
    publishing = PublishingSource(
        lambda query: _trusted_publishing(access, query, mode), mode, _mask
    )
    if mode == "always":
        sources.insert(0, publishing)
    elif mode != "never":
        sources.append(publishing)

    def passphrase(repository: Repository) -> Secret | None:
        try:
            found = known_passphrase(settings, gate, repository.name, move=recording)
        except Failure:
            typed = ask_passphrase(repository)
            if typed is None:
                raise
            return typed
        return found or ask_passphrase(repository)

    access: Access = Access(
        *(settings, catalogue, Chain(sources), bindings, notices, gate),
        passphrase=passphrase,
        outside=outside,
        recorder=Recorder(bindings, notices, outside) if recording else None,
    )
    return access


@dataclass(frozen=True)
class _Known:
    """What the configured repositories themselves say of credentials."""

    catalogue: Catalogue
    _providers: dict[str, str | None] = field(default_factory=dict)

    def in_url(self, query: Query) -> Credential | Unusable | None:
        """User name and password that stand in the source's URL, or in the one for uploads."""
        for repository in self._named(query):
            if repository.unexpanded is not None:
                why = f"its URL holds {repository.unexpanded}, and variables are not expanded there"
                return Unusable(why)
            username, secret = _login_in(repository, query)
            if secret is not None and query.username in (None, username):
                mend = repo("add", repository.name, repository.index_url or "URL")
                whose = _whose_url(repository, query)
                return Credential(secret, username, "url", whose, mend=mend)
        return None

    def user_in_url(self, query: Query) -> Credential | None:
        """A user name without a password, as servers want it where the token is the user name."""
        profile = (
            profile_of(query.url) if query.name and query.allowed is not FIRST_REQUEST else None
        )
        if profile is None or not profile.token_is_username:
            return None
        for repository in self._named(query):
            username, _ = _login_in(repository, query)
            if username and query.username in (None, username):
                return Credential(Secret(""), username, "url", _whose_url(repository, query))
        return None

    def provider(self, name: str) -> str | None:
        """The provider that the project names for a repository."""
        if (
            name not in self._providers
        ):  # asked for with every request, and a project's file stays as it is
            found = self.catalogue.find(name)
            self._providers[name] = found.project.provider if found is not None else None
        return self._providers[name]

    def _named(self, query: Query) -> Iterator[Repository]:
        repository = self.catalogue.find(query.name) if query.name else None
        if repository is not None:
            yield repository


def _login_in(repository: Repository, query: Query) -> tuple[str | None, Secret | None]:
    return repository.login_in(query.url, upload=query.purpose is Purpose.PUBLISH)


def _whose_url(repository: Repository, query: Query) -> str:
    of_source = (repository.url_username, repository.url_secret)
    if _login_in(repository, query) == of_source:
        return "the source's URL"
    return "its publish URL"


def _recognised(url: str) -> str | None:
    profile = profile_of(url)
    return profile.provider if profile is not None else None


def _trusted_publishing(access: Access, query: Query, mode: str) -> Source:
    from poetry_repo_plugin.ops.publish import trusted_publishing

    return trusted_publishing(access, query, always=mode == "always")


def _post_to_issuer(
    access: Callable[[], Access],
    name: str,
    url: str,
    form: dict[str, str],
    client: tuple[str, Secret] | None,
) -> IssuerAnswer:
    from poetry_repo_plugin.ops.issuer import post_form

    there = access()
    return post_form(there, there.catalogue.get(name), url, form, client)


def _mask(credential: Credential) -> None:
    from poetry_repo_plugin.credentials.trusted_publishing import mask

    mask(credential)
