"""An issuer, at which a user signs in: its name, and what it says of itself (OpenID Connect
Discovery 1.0, RFC 8414). Nothing of that is believed before it is checked.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

from poetry_repo_plugin.core.origin import InvalidUrl, Origin, split_userinfo
from poetry_repo_plugin.core.terminal import printable

_LOOPBACK = frozenset(("127.0.0.1", "::1", "localhost"))
_LONGEST_WORDS = 300  # characters
_USUAL_SCOPES = ("openid", "email", "offline_access")


class ProtocolError(Exception):
    """An issuer does not do what the protocol asks of it; ``str()`` is a clause about "it"."""


class Metadata(NamedTuple):
    """What an issuer says of itself (RFC 8414, 2), checked.

    :param names_itself: it puts its name into each redirect (RFC 9207).
    :param by_basic: a client's secret goes into an Authorization header, not into the form.
    """

    issuer: str
    token_endpoint: str
    authorization_endpoint: str | None = None
    device_endpoint: str | None = None
    revocation_endpoint: str | None = None
    scopes: tuple[str, ...] = ()
    names_itself: bool = False
    by_basic: bool = False


def check_issuer(text: str) -> str:
    """``text``, if it can name an issuer: https, without query, fragment or user name (RFC 8414,
    2). On this machine alone http will do.

    Raises :class:`ProtocolError`.
    """
    try:
        origin = Origin.of(text)
        bare, username, _ = split_userinfo(text)
    except InvalidUrl as error:
        raise ProtocolError(str(error)) from None
    parts = urlsplit(bare)
    if username is not None or "?" in text or "#" in text or not text.isprintable():
        raise ProtocolError("it has more than a scheme, a host and a path")
    if parts.scheme != "https" and origin.host not in _LOOPBACK:
        raise ProtocolError("it is not https")
    return text


def discovery_urls(issuer: str) -> tuple[str, ...]:
    """Where an issuer's metadata may be: behind its path (OpenID Connect), then before it (RFC
    8414, 3.1).
    """
    parts = urlsplit(issuer.rstrip("/"))
    behind = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
    before = parts._replace(path=f"/.well-known/oauth-authorization-server{parts.path}")
    return behind, urlunsplit(before)


def parse_metadata(document: object, issuer: str) -> Metadata:
    """The metadata of exactly this issuer. Raises :class:`ProtocolError`."""
    if not isinstance(document, dict):
        raise ProtocolError("its metadata is not a JSON object")
    named = document.get("issuer")
    if named != issuer:
        raise ProtocolError(f"its metadata is for {words(named) or 'nothing'!r}, not {issuer!r}")

    def endpoint(key: str) -> str | None:
        value = document.get(key)
        if value is None:
            return None
        return checked_url(value, issuer, key)

    token = endpoint("token_endpoint")
    if token is None:
        raise ProtocolError("its metadata names no token_endpoint")
    methods = document.get("token_endpoint_auth_methods_supported")
    by_basic = not isinstance(methods, list) or "client_secret_post" not in methods
    return Metadata(
        issuer,
        token,
        endpoint("authorization_endpoint"),
        endpoint("device_authorization_endpoint"),
        endpoint("revocation_endpoint"),
        _texts(document.get("scopes_supported")),
        document.get("authorization_response_iss_parameter_supported") is True,
        by_basic,
    )


def usual_scopes(metadata: Metadata) -> tuple[str, ...]:
    """The scopes for a sign-in that renews itself and says whose it is, as far as the issuer has
    them.
    """
    return tuple(scope for scope in _USUAL_SCOPES if scope in metadata.scopes)


def checked_url(value: object, issuer: str, what: str) -> str:
    """A URL that a secret or a person may be sent to. Raises :class:`ProtocolError`.

    Another host than the issuer's will do: Google's and Microsoft's are.
    """
    try:
        if not isinstance(value, str) or not value.isprintable() or "#" in value:
            raise InvalidUrl("no URL")
        origin = Origin.of(value)
        has_user = split_userinfo(value)[1] is not None
    except InvalidUrl:
        raise ProtocolError(f"its {what} is no URL") from None
    is_local = origin.host in _LOOPBACK and Origin.of(issuer).scheme == "http"
    if has_user or (origin.scheme != "https" and not is_local):
        raise ProtocolError(f"its {what} is not https")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    return tuple(one for one in value if isinstance(one, str))


def words(value: object) -> str:
    """An issuer's words, for a message."""
    text = ""
    if isinstance(value, str):
        text = printable(" ".join(value.split()))
    if len(text) <= _LONGEST_WORDS:
        return text
    return f"{text[: _LONGEST_WORDS - 1]}…"
