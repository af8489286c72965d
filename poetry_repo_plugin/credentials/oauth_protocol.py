"""OAuth 2.0 as far as a sign-in needs it: pure functions of URLs, forms and documents.

The authorization code with PKCE (RFC 6749, RFC 7636) and its issuer (RFC 9207), the device flow
(RFC 8628), refresh and revocation (RFC 7009). Nothing here opens a connection.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import NamedTuple
from urllib.parse import parse_qsl, quote_plus, urlencode, urlsplit, urlunsplit

from poetry_repo_plugin.core.json_text import NotJson, parse_json
from poetry_repo_plugin.core.patterns import Pattern
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.credentials.oauth_issuer import (
    Metadata,
    ProtocolError,
    checked_url,
    words,
)

_TOKEN = Pattern(r"[!-~]{1,16384}")  # VSCHAR of RFC 6749, A: what a header can carry
_CODE = Pattern(r"[!-~](?:[ -~]{0,62}[!-~])?")  # what a person reads and types
_LONGEST_LIFE = 10 * 365 * 24 * 3600.0  # seconds
_DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
USUAL_INTERVAL = 5.0  # seconds (RFC 8628, 3.2)
_LONGEST_INTERVAL = 60.0
_LONGEST_DEVICE = 15 * 60.0  # seconds that somebody is waited for


class Refused(ProtocolError):
    """An issuer's own error answer (RFC 6749, 5.2).

    :ivar code: its word, such as ``invalid_grant``.
    """

    def __init__(self, code: str, description: str) -> None:
        said = f"{code}: {description}" if description else code
        super().__init__(f"it refused this ({said})")
        self.code = code
        self.said = said


class IssuerAnswer(NamedTuple):
    """What came back from an issuer.

    :param document: the JSON in the body; ``None`` where there is none.
    """

    status: int
    document: object = None


class Proof(NamedTuple):
    """The two halves of a proof key (RFC 7636): the verifier stays here until the code comes."""

    verifier: Secret
    challenge: str


class TokenAnswer(NamedTuple):
    """Tokens as an issuer hands them out.

    :param expires_in: seconds; ``None`` where it does not say.
    :param account: who signed in, for a person to read; nothing is decided by it.
    """

    access: Secret
    refresh: Secret | None
    expires_in: float | None
    account: str | None


class DeviceAnswer(NamedTuple):
    """Where a person goes, and with which code (RFC 8628, 3.2).

    :param address_with_code: the same with the code in it, if the issuer has that.
    :param interval: seconds between two questions.
    """

    device_code: Secret
    user_code: str
    address: str
    address_with_code: str | None
    expires_in: float
    interval: float


# -- the browser


def make_proof() -> Proof:
    """A new proof key, S256 (RFC 7636, 4.1 and 4.2)."""
    verifier = secrets.token_urlsafe(48)
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
    return Proof(Secret(verifier), challenge)


def authorization_url(
    endpoint: str, client_id: str, redirect: str, state: str, challenge: str, more: dict[str, str]
) -> str:
    """Where the browser goes (RFC 6749, 4.1.1). A query that the endpoint has stays.

    :param more: scope and audience.
    """
    parts = urlsplit(endpoint)
    asked = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect,
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        **more,
    }
    query = "&".join(filter(None, (parts.query, urlencode(asked))))
    return urlunsplit(parts._replace(query=query))


def is_ours(query: str, state: str) -> bool:
    """Whether a redirect belongs to this sign-in: it has our ``state``, once."""
    given = [value for key, value in _pairs(query) if key == "state"]
    return len(given) == 1 and hmac.compare_digest(given[0].encode(), state.encode())


def parse_redirect(query: str, metadata: Metadata) -> Secret:
    """The code in a redirect with our ``state``. Raises :class:`ProtocolError`.

    Whoever names another issuer, or none although ours always does (RFC 9207, 2.4), is not ours.
    """
    pairs = _pairs(query)
    given = dict(pairs)
    if len(given) != len(pairs):
        raise ProtocolError("its redirect has a parameter twice")
    named = given.get("iss")
    if named is None and metadata.names_itself:
        raise ProtocolError("its redirect lacks the iss parameter, which its metadata promises")
    if named is not None and named != metadata.issuer:
        raise ProtocolError(f"its redirect names another issuer, {words(named)!r}")
    if "error" in given:
        raise Refused(words(given["error"]), words(given.get("error_description")))
    if not _TOKEN.fullmatch(given.get("code", "")):
        raise ProtocolError("its redirect brought no code")
    return Secret(given["code"])


def code_form(client_id: str, code: Secret, redirect: str, proof: Proof) -> dict[str, str]:
    """The form that changes a code into tokens (RFC 7636, 4.5)."""
    return {
        "grant_type": "authorization_code",
        "client_id": client_id,
        "code": code.reveal(),
        "redirect_uri": redirect,
        "code_verifier": proof.verifier.reveal(),
    }


# -- the device


def parse_device(answer: IssuerAnswer, issuer: str) -> DeviceAnswer:
    """Where a person goes. Raises :class:`ProtocolError`."""
    document = _successful(answer)
    code, user_code = document.get("device_code"), document.get("user_code")
    # Google, from before the RFC, says verification_url.
    address = document.get("verification_uri") or document.get("verification_url")
    if not isinstance(code, str) or not _TOKEN.fullmatch(code):
        raise ProtocolError("it returned no device code")
    if not isinstance(user_code, str) or not _CODE.fullmatch(user_code):
        raise ProtocolError("it returned no user code that can be typed")
    whole = document.get("verification_uri_complete")
    life, interval = _seconds(document.get("expires_in")), _seconds(document.get("interval"))
    return DeviceAnswer(
        Secret(code),
        user_code,
        checked_url(address, issuer, "verification_uri"),
        checked_url(whole, issuer, "verification_uri_complete") if whole is not None else None,
        min(_LONGEST_DEVICE if life is None else life, _LONGEST_DEVICE),
        min(max(1.0, USUAL_INTERVAL if interval is None else interval), _LONGEST_INTERVAL),
    )


def device_token_form(client_id: str, device_code: Secret) -> dict[str, str]:
    """The question whether the person has agreed (RFC 8628, 3.4)."""
    return {
        "grant_type": _DEVICE_GRANT,
        "client_id": client_id,
        "device_code": device_code.reveal(),
    }


# -- tokens


def parse_tokens(answer: IssuerAnswer) -> TokenAnswer:
    """The tokens in an answer. Raises :class:`Refused`, or :class:`ProtocolError` for what is
    neither tokens nor an error of the protocol.
    """
    document = _successful(answer)
    access, kind = document.get("access_token"), document.get("token_type")
    if not isinstance(access, str) or not _TOKEN.fullmatch(access):
        raise ProtocolError("it returned no access token")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise ProtocolError(f"its access token is of the type {words(kind)!r}, not Bearer")
    refresh = document.get("refresh_token")
    is_good = isinstance(refresh, str) and bool(_TOKEN.fullmatch(refresh))
    return TokenAnswer(
        Secret(access),
        Secret(str(refresh)) if is_good else None,
        _seconds(document.get("expires_in")),
        account_in(document.get("id_token")),
    )


def account_in(id_token: object) -> str | None:
    """The ``email`` or ``sub`` of an id token. Its signature is not looked at: it is shown to the
    person who signed in, and used for nothing.
    """
    parts = id_token.split(".") if isinstance(id_token, str) else []
    if len(parts) != 3:
        return None
    try:
        claims = parse_json(base64.urlsafe_b64decode(f"{parts[1]}=="))
    except (ValueError, NotJson):
        return None
    found = (claims.get(key) for key in ("email", "sub")) if isinstance(claims, dict) else ()
    return next((words(one)[:100] for one in found if isinstance(one, str) and one), None)


def refresh_form(client_id: str, refresh: Secret) -> dict[str, str]:
    """The form for new tokens (RFC 6749, 6)."""
    return {
        "grant_type": "refresh_token",
        "client_id": client_id,
        "refresh_token": refresh.reveal(),
    }


def revocation_form(client_id: str, token: Secret, kind: str) -> dict[str, str]:
    """The form that ends a token (RFC 7009, 2.1).

    :param kind: ``refresh_token`` or ``access_token``.
    """
    return {"client_id": client_id, "token": token.reveal(), "token_type_hint": kind}


def as_client(
    form: dict[str, str], secret: Secret, *, by_basic: bool
) -> tuple[dict[str, str], tuple[str, Secret] | None]:
    """``form`` with the client's secret in it, or the user name and password of a header, which are
    form-encoded first (RFC 6749, 2.3.1).
    """
    if not by_basic:
        return {**form, "client_secret": secret.reveal()}, None
    return form, (quote_plus(form["client_id"]), Secret(quote_plus(secret.reveal())))


def refusal_of(answer: IssuerAnswer) -> ProtocolError:
    """Why an answer is no success."""
    document = answer.document
    code = document.get("error") if isinstance(document, dict) else None
    if isinstance(document, dict) and isinstance(code, str) and code and answer.status < 500:
        return Refused(words(code), words(document.get("error_description")))
    if 300 <= answer.status < 400:
        return ProtocolError(
            f"it sends on to another place ({answer.status}), which is not followed"
        )
    what = "" if document is not None else " without JSON"
    return ProtocolError(f"it answered {answer.status}{what}")


def _successful(answer: IssuerAnswer) -> dict[str, object]:
    document = answer.document
    if answer.status != 200 or not isinstance(document, dict) or "error" in document:
        raise refusal_of(answer)
    return document


def _pairs(query: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query, keep_blank_values=True, max_num_fields=50)
    except ValueError:
        return []


def _seconds(value: object) -> float | None:
    """A number of seconds, also as a text; ``None`` where it is none."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:12])
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:
        return None
    return float(min(max(0, value), _LONGEST_LIFE))
