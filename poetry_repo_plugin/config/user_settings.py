"""What our own file holds for one repository."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from poetry_repo_plugin.config.keys import entries_of
from poetry_repo_plugin.core.package_names import patterns_in

USERS = "keyring-users"
HEADERS = "headers"
OAUTH = "oauth"
SIGNED_IN = "signed-in"


class OAuthSettings(NamedTuple):
    """At which issuer a user signs in, and as which client: ``oauth = {…}``. A text that is not
    there is empty.
    """

    issuer: str = ""
    client_id: str = ""
    scopes: tuple[str, ...] = ()
    audience: str = ""

    def table(self) -> dict[str, object]:
        """It as it is written."""
        values = ("issuer", self.issuer), ("client-id", self.client_id), ("audience", self.audience)
        table: dict[str, object] = {key: value for key, value in values if value}
        if not self.scopes:
            return table
        return {**table, "scopes": list(self.scopes)}


class UserSettings(NamedTuple):
    """What our file holds for one repository; all of it at user level, or managed settings."""

    url: str | None = None
    credential_origins: tuple[str, ...] = ()
    certificate_origins: tuple[str, ...] = ()
    header_origins: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    """Index URLs that the user has added to a project, while a publish URL alone would say where
    the name belongs.
    """
    client_key: str | None = None
    ca: str | None = None
    relaxed: bool = False
    passphrase_in_keyring: bool = False
    keyring_users: tuple[str, ...] = ()
    """Users of whom the keyring may hold something that no other file tells: written down before it
    gets it.
    """
    headers: tuple[str, ...] = ()
    """Names of the headers that a login has stored; the values are where passwords are."""
    helper: tuple[str, ...] = ()
    helper_protocol: str | None = None
    provider: str | None = None
    audience: str | None = None
    oauth: OAuthSettings | None = None
    signed_in: str | None = None
    """Where the tokens of a sign-in are, or may be: ``keyring`` or ``auth.toml``."""
    ignore_error_codes: tuple[int, ...] = ()
    packages: tuple[str, ...] = ()
    """Patterns of the names that belong to it, as they are written."""
    mirror_of: str | None = None
    """The repository that this one stands in for (:mod:`mirrors`)."""
    fallback: bool = False
    """The original is asked where this mirror cannot be reached."""
    misread: str | None = None
    """The key among ``helper`` and ``provider`` whose value is nothing that we wrote."""


def user_settings_of(table: Mapping[str, Any], name: str) -> UserSettings:
    """What the file, parsed, says of the repository; values of a wrong type count as not there."""
    return settings_in(entry_of(table, name))


def entry_of(table: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The repository's table in the file, parsed; an empty one where it has none."""
    entries = entries_of(table, "repositories", name)
    return next((entry for entry in entries if isinstance(entry, dict)), {})


def settings_in(entry: Mapping[str, Any]) -> UserSettings:
    """What a repository's table says; values of a wrong type count as not there."""
    codes = entry.get("ignore-error-codes")
    return UserSettings(
        url=_text(entry.get("url")),
        credential_origins=_origins(entry.get("credential-origins")),
        certificate_origins=_origins(entry.get("certificate-origins")),
        header_origins=_origins(entry.get("header-origins")),
        added=_origins(entry.get("added")),
        client_key=_text(entry.get("client-key")),
        ca=_text(entry.get("ca")),
        relaxed=entry.get("relaxed") is True,
        passphrase_in_keyring=entry.get("passphrase-in-keyring") is True,
        keyring_users=_texts(entry.get(USERS)),
        headers=_texts(entry.get(HEADERS)),
        helper=_texts(entry.get("helper")),
        helper_protocol=_text(entry.get("helper-protocol")),
        provider=_text(entry.get("provider")),
        audience=_text(entry.get("audience")),
        oauth=_oauth(entry.get(OAUTH)),
        signed_in=_text(entry.get(SIGNED_IN)),
        ignore_error_codes=tuple(code for code in codes if type(code) is int)
        if isinstance(codes, list)
        else (),
        packages=patterns_in(entry.get("packages")),
        mirror_of=_text(entry.get("mirror-of")),
        fallback=entry.get("fallback") is True,
        misread=_misread(entry),
    )


def _oauth(value: Any) -> OAuthSettings | None:
    """What is set; of a wrong form it is empty, so that a login can say so."""
    if value is None:
        return None
    table = {}
    if isinstance(value, dict):
        table = value
    return OAuthSettings(
        _text(table.get("issuer")) or "",
        _text(table.get("client-id")) or "",
        _texts(table.get("scopes")),
        _text(table.get("audience")) or "",
    )


def _misread(entry: Mapping[str, Any]) -> str | None:
    helper, provider = entry.get("helper"), entry.get("provider")
    if helper is not None and (not helper or list(_texts(helper)) != helper):
        return "helper"
    if provider is not None and _text(provider) is None:
        return "provider"
    return None


def _origins(value: Any) -> tuple[str, ...]:
    """Recorded origins. What is not as we write it stays, as a text that matches nothing: a record
    that cannot be read must not look like no record, which binds to whoever comes first.
    """
    if value is None:
        return ()
    return tuple(map(str, value if isinstance(value, list) else [value]))


def _text(value: Any) -> str | None:
    if isinstance(value, str) and value:
        return str(value)
    return None


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    return tuple(str(item) for item in value if isinstance(item, str))
