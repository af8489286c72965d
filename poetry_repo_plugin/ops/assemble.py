"""Puts together what a run needs: the list of sources, in order, and the access that uses them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from poetry_repo_plugin.config.bindings import Bindings
from poetry_repo_plugin.config.repositories import Catalogue, Repository
from poetry_repo_plugin.config.settings import Settings
from poetry_repo_plugin.core.errors import Cause, Failure
from poetry_repo_plugin.core.names import env_key
from poetry_repo_plugin.core.notices import Notices
from poetry_repo_plugin.core.origin import InvalidUrl, Origin
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.core.servers import profile_of
from poetry_repo_plugin.credentials.base import FIRST_REQUEST, Credential, Purpose, Query, Source
from poetry_repo_plugin.credentials.chain import Chain
from poetry_repo_plugin.credentials.environment import EnvironmentSource
from poetry_repo_plugin.credentials.external import OutsideSource
from poetry_repo_plugin.credentials.keyring import KeyringGate, KeyringUnavailable
from poetry_repo_plugin.credentials.keyring_services import PASSPHRASE
from poetry_repo_plugin.credentials.keyring_url import KeyringUrlSource
from poetry_repo_plugin.credentials.netrc import NetrcSource
from poetry_repo_plugin.credentials.recognised import RecognisedSource
from poetry_repo_plugin.credentials.stored import StoredSource
from poetry_repo_plugin.credentials.trusted import MODE_VARIABLE, PublishingSource
from poetry_repo_plugin.credentials.url import USER_IN_URL, GivenSource
from poetry_repo_plugin.http.auth import Access


def assemble(
    settings: Settings,
    catalogue: Catalogue,
    gate: KeyringGate,
    notices: Notices,
    *,
    ask_passphrase: Callable[[Repository], Secret | None] = lambda repository: None,
    environ: Mapping[str, str] = os.environ,
    bindings: Bindings | None = None,
) -> Access:
    """The access of one run, with the sources of DESIGN section 5 in their order.

    :param bindings: others than those of ``settings``.
    """
    bindings = bindings or Bindings(settings)
    known = _Known(catalogue)
    netrc = NetrcSource(environ)
    outside = OutsideSource(settings, gate, bindings, known.provider)
    sources: list[Source] = [
        GivenSource(known.in_url),
        EnvironmentSource(settings),
        outside,
        StoredSource(settings, gate, bindings),
        KeyringUrlSource(gate, later=[netrc]),
        netrc,
        RecognisedSource(_recognised, outside.between),
        GivenSource(known.user_in_url, USER_IN_URL),
    ]
    mode = (environ.get(MODE_VARIABLE) or "automatic").strip().lower()
    publishing = PublishingSource(lambda query: _trusted_publishing(access, query, mode == "always"), mode, _mask)
    if mode == "always":
        sources.insert(0, publishing)
    elif mode != "never":
        sources.append(publishing)

    def passphrase(repository: Repository) -> Secret | None:
        try:
            found = known_passphrase(settings, gate, repository.name)
        except Failure:
            typed = ask_passphrase(repository)
            if typed is None:
                raise
            return typed
        return found or ask_passphrase(repository)

    access = Access(
        settings, catalogue, Chain(sources), bindings, notices, gate, passphrase=passphrase, outside=outside
    )
    return access


@dataclass(frozen=True)
class _Known:
    """What the configured repositories themselves say of credentials."""

    catalogue: Catalogue
    _providers: dict[str, str | None] = field(default_factory=dict)

    def in_url(self, query: Query) -> Credential | None:
        """User name and password that stand in the source's URL, or in the one for uploads."""
        repository = self.catalogue.find(query.name) if query.name else None
        username, secret = _login_in(repository, query) if repository is not None else (None, None)
        if repository is None or secret is None or query.username not in (None, username):
            return None
        return Credential(secret, username, "url", _whose_url(repository, query))

    def user_in_url(self, query: Query) -> Credential | None:
        """A user name without a password, as servers want it where the token is the user name."""
        profile = profile_of(query.url) if query.name and query.allowed is not FIRST_REQUEST else None
        repository = self.catalogue.find(query.name) if profile is not None and profile.token_is_username else None
        username = _login_in(repository, query)[0] if repository is not None else None
        if repository is None or not username or query.username not in (None, username):
            return None
        return Credential(Secret(""), username, "url", _whose_url(repository, query))

    def provider(self, name: str) -> str | None:
        """The provider that the project names for a repository."""
        if name not in self._providers:  # asked for with every request, and a project's file stays as it is
            found = self.catalogue.find(name)
            self._providers[name] = found.project.provider if found is not None else None
        return self._providers[name]


def _login_in(repository: Repository, query: Query) -> tuple[str | None, Secret | None]:
    return repository.login_in(query.url, upload=query.purpose is Purpose.PUBLISH)


def _whose_url(repository: Repository, query: Query) -> str:
    of_source = _login_in(repository, query) == (repository.url_username, repository.url_secret)
    return "the source's URL" if of_source else "its publish URL"


def _recognised(url: str) -> str | None:
    profile = profile_of(url)
    return profile.provider if profile is not None else None


def _trusted_publishing(access: Access, query: Query, always: bool) -> Source:
    from poetry_repo_plugin.credentials.trusted_publishing import TrustedPublishingSource
    from poetry_repo_plugin.http.checks import exchange

    def request(method: str, url: str, json: object = None) -> tuple[int, object]:
        return exchange(access, query.name, method, url, json)

    allowed = _allowed_audience(access, query)
    return TrustedPublishingSource(request, always=always, allowed=allowed)


def _allowed_audience(access: Access, query: Query) -> str | None:
    """The audience that the user has set for this repository, unless the user keeps its name for another place."""
    name, settings = query.name, access.settings
    variable = settings.variable("REPOSITORIES", name, "_URL")
    said = [
        variable[1] if variable is not None else None,
        settings.user_publish_url(name),
        settings.own_for(name).url,
        *settings.own_for(name).credential_origins,
    ]
    places = [place for place in said if place]
    if places and not any(_same_origin(place, query.url) for place in places):
        return None
    return settings.audience(name)


def _same_origin(one: str, other: str) -> bool:
    try:
        return Origin.of(one) == Origin.of(other)
    except InvalidUrl:
        return False


def _mask(credential: Credential) -> None:
    from poetry_repo_plugin.ops.publish import mask

    mask(credential)


def find_passphrase(settings: Settings, gate: KeyringGate, name: str) -> Secret | None:
    """The passphrase of ``name``'s client key: environment, ``auth.toml``, keyring; ``None`` if none of them has it."""
    try:
        return _stored_passphrase(settings, gate, name)
    except KeyringUnavailable:
        return None


def known_passphrase(settings: Settings, gate: KeyringGate, name: str) -> Secret | None:
    """The same. Raises ``Failure`` where it is in a keyring that does not answer."""
    try:
        return _stored_passphrase(settings, gate, name)
    except KeyringUnavailable as error:
        other = f"POETRY_CERTIFICATES_{env_key(name)}_PASSPHRASE"
        message = f"the passphrase of its client key is in the keyring, and {error}; {other} can hold it instead"
        raise Failure(Cause.PASSPHRASE_MISSING, message) from None


def _stored_passphrase(settings: Settings, gate: KeyringGate, name: str) -> Secret | None:
    variable = settings.variable("CERTIFICATES", name, "_PASSPHRASE")
    if variable is not None:
        return Secret(variable[1])
    stored = settings.passphrase(name)
    if stored is not None or not settings.own_for(name).passphrase_in_keyring:
        return stored
    return gate.own(name, PASSPHRASE)
