"""The access of one run: the sources of credentials in their order, and what they need."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from poetry_repo_plugin.config.bindings import Bindings
from poetry_repo_plugin.config.repositories import Catalogue, Repository
from poetry_repo_plugin.config.settings import Settings
from poetry_repo_plugin.core.errors import Failure
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
from poetry_repo_plugin.credentials.mirror_login import MirrorLoginSource
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

AskPassphrase = Callable[[Repository], "Secret | None"]


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
        MirrorLoginSource(settings),
        KeyringUrlSource(gate, later=[user, netrc], user_of=user.name_for),
        user,
        netrc,
        RecognisedSource(_recognised, outside.between),
        GivenSource(known.user_in_url, USER_IN_URL),
    ]
    if recording:
        _place_publishing(sources, settings, lambda: access)
    access: Access = Access(
        *(settings, catalogue, Chain(sources), bindings, notices, gate),
        passphrase=partial(_passphrase, settings, gate, ask_passphrase, move=recording),
        outside=outside,
        recorder=Recorder(bindings, notices, outside) if recording else None,
    )
    return access


def _place_publishing(
    sources: list[Source], settings: Settings, access: Callable[[], Access]
) -> None:
    """Put trusted publishing last, or first where it is demanded."""
    mode = (settings.environ.get(MODE_VARIABLE) or "automatic").strip().lower()
    if mode == "never":
        return
    publishing = PublishingSource(partial(_trusted_publishing, access, mode), mode, _mask)
    at = 0
    if mode != "always":
        at = len(sources)
    sources.insert(at, publishing)


def _passphrase(
    settings: Settings,
    gate: KeyringGate,
    ask: AskPassphrase,
    repository: Repository,
    *,
    move: bool,
) -> Secret | None:
    """Where it is kept, or from a person.

    :param move: bring one that an earlier version kept to its new place.
    """
    try:
        found = known_passphrase(settings, gate, repository.name, move=move)
    except Failure:
        typed = ask(repository)
        if typed is None:
            raise
        return typed
    return found or ask(repository)


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
        if not query.name or query.allowed is FIRST_REQUEST:
            return None
        profile = profile_of(query.url)
        if profile is None or not profile.token_is_username:
            return None
        for repository in self._named(query):
            username, _ = _login_in(repository, query)
            if username and query.username in (None, username):
                return Credential(Secret(""), username, "url", _whose_url(repository, query))
        return None

    def provider(self, name: str) -> str | None:
        """The provider that the project names for a repository."""
        if name not in self._providers:  # asked with each request; a project's file stays as it is
            found = self.catalogue.find(name)
            self._providers[name] = None
            if found is not None:
                self._providers[name] = found.project.provider
        return self._providers[name]

    def _named(self, query: Query) -> Iterator[Repository]:
        if not query.name:
            return
        repository = self.catalogue.find(query.name)
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
    if profile is None:
        return None
    return profile.provider


def _trusted_publishing(access: Callable[[], Access], mode: str, query: Query) -> Source:
    """The exchange of this job's identity for a token, with the repository's own CA and client
    certificate.
    """
    from poetry_repo_plugin.credentials.trusted_publishing import TrustedPublishingSource
    from poetry_repo_plugin.http.asking import exchange

    def request(method: str, url: str, json: object = None) -> tuple[int, object]:
        return exchange(access(), query.name, method, url, json)

    allowed = _allowed_audience(access(), query)
    return TrustedPublishingSource(request, always=mode == "always", allowed=allowed)


def _allowed_audience(access: Access, query: Query) -> str | None:
    """The audience that the user has set for this repository, unless its name belongs to another
    place.
    """
    home = access.bindings.home(query.name)
    if home.stranger_among([query.url], whole_origin=True) is not None:
        return None
    if not home.places and access.settings.managed.decides(query.name, "audience"):
        return None  # the administrator has not said where, and a project is not asked
    return access.settings.audience(query.name)


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
