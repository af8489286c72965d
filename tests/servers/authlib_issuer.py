"""An identity provider that nobody here wrote: Authlib's server with its own grants, endpoints and
checks, on our socket. Here are only the tables that it asks its user for.
"""

from __future__ import annotations

import ssl
import threading
import time
from typing import IO, Any
from urllib.parse import parse_qsl

from authlib.oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import (
    AuthorizationCodeMixin,
    ClientMixin,
    OAuth2Request,
    TokenMixin,
    grants,
)
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from authlib.oauth2.rfc8628 import (
    DEVICE_CODE_GRANT_TYPE,
    DeviceAuthorizationEndpoint,
    DeviceCodeGrant,
    DeviceCredentialDict,
)
from authlib.oauth2.rfc9207 import IssuerParameter

from tests.servers.base import Server
from tests.servers.identity import ACCOUNT, CLIENT
from tests.servers.messages import RecordedRequest, Response


class _Client(ClientMixin):  # type: ignore[misc]  # Authlib has no types
    def __init__(self, secret: str | None) -> None:
        self.secret = secret

    def get_client_id(self) -> str:
        return CLIENT

    def get_allowed_scope(self, scope: str | None) -> str:
        return scope or ""

    def check_redirect_uri(self, uri: str) -> bool:
        return uri.startswith("http://127.0.0.1:") and uri.endswith("/callback")

    def check_client_secret(self, secret: str) -> bool:
        return secret == self.secret

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == ("none" if self.secret is None else "client_secret_basic")

    def check_response_type(self, kind: str) -> bool:
        return bool(kind == "code")

    def check_grant_type(self, kind: str) -> bool:
        return kind in ("authorization_code", "refresh_token", DEVICE_CODE_GRANT_TYPE)


class _Code(AuthorizationCodeMixin):  # type: ignore[misc]
    def __init__(self, request: Any) -> None:
        self.redirect_uri = request.payload.redirect_uri
        self.code_challenge = request.payload.data.get("code_challenge")
        self.code_challenge_method = request.payload.data.get("code_challenge_method")
        self.scope = request.payload.scope

    def get_redirect_uri(self) -> Any:
        return self.redirect_uri

    def get_scope(self) -> Any:
        return self.scope


class _Token(TokenMixin):  # type: ignore[misc]
    def __init__(self, token: dict[str, Any]) -> None:
        self.token = token
        self.ended = False
        self.made = time.time()

    def check_client(self, client: Any) -> bool:
        return bool(client.get_client_id() == CLIENT)

    def get_scope(self) -> Any:
        return self.token.get("scope")

    def get_expires_in(self) -> Any:
        return self.token["expires_in"]

    def is_expired(self) -> bool:
        return time.time() > self.made + float(self.token["expires_in"])

    def is_revoked(self) -> bool:
        return self.ended


class _Request(OAuth2Request):  # type: ignore[misc]
    def __init__(self, origin: str, request: RecordedRequest) -> None:
        super().__init__(request.method, f"{origin}{request.target}", headers=request.headers)
        self._form = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
        self._args = dict(parse_qsl(request.query, keep_blank_values=True))
        self.payload = BasicOAuth2Payload({**self._args, **self._form})

    @property
    def form(self) -> dict[str, str]:
        return self._form

    @property
    def args(self) -> dict[str, str]:
        return self._args


class _Authlib(AuthorizationServer):  # type: ignore[misc]
    def __init__(self, place: AuthlibIssuer) -> None:
        super().__init__(scopes_supported=["packages", "offline_access"])
        self.place = place
        number = iter(range(10_000))
        self.register_token_generator(
            "default",
            BearerTokenGenerator(
                lambda *_, **__: f"acc3ss-{next(number)}-secret",
                lambda *_, **__: f"r3fresh-{next(number)}-secret",
                lambda *_: place.lifetime,
            ),
        )

    def query_client(self, client_id: str) -> _Client | None:
        return _Client(self.place.secret) if client_id == CLIENT else None

    def save_token(self, token: dict[str, Any], request: Any) -> None:
        self.place.tokens.append(_Token(dict(token)))

    def create_oauth2_request(self, request: Any) -> Any:
        return request if isinstance(request, _Request) else _Request(self.place.origin, request)

    def handle_response(self, status: int, body: Any, headers: Any) -> Any:
        made = _Answer.json(body, status) if isinstance(body, dict) else _Answer(status)
        made.headers = {**dict(headers), **({"Content-Type": "application/json"} if body else {})}
        return made

    def send_signal(self, name: str, *_: object, **__: object) -> None:
        """Nobody listens."""


class _Answer(Response):
    @property
    def location(self) -> str | None:
        """As Authlib's extension for RFC 9207 asks for it."""
        return dict(self.header_pairs()).get("Location")

    @location.setter
    def location(self, url: str) -> None:
        self.headers = {**dict(self.header_pairs()), "Location": url}


class AuthlibIssuer(Server):
    """Authlib's server under the path ``/as``, for one client and one user, who agrees when
    ``agrees``.

    :ivar tokens: all that were issued, in order.
    """

    def __init__(
        self, *, tls: ssl.SSLContext, secret: str | None = None, lifetime: int = 3600
    ) -> None:
        super().__init__(tls=tls)
        self.secret = secret
        self.lifetime = lifetime
        self.agrees: bool | None = True
        self.tokens: list[_Token] = []
        self.codes: dict[str, _Code] = {}
        self.devices: dict[str, Any] = {}
        self._lock = threading.Lock()

    def start(self) -> None:
        """See :meth:`Server.start`."""
        super().start()
        self._authlib = _made(self)

    @property
    def issuer(self) -> str:
        """Its name."""
        return f"{self.origin}/as"

    def is_good(self, secret: str) -> bool:
        """Whether an access token is good now."""
        return any(
            one.token["access_token"] == secret and not one.ended and not one.is_expired()
            for one in self.tokens
        )

    def answer(self, request: RecordedRequest, body: IO[bytes]) -> Response:
        """See :meth:`Server.answer`."""
        with self._lock:
            return self._answer(request)

    def _answer(self, request: RecordedRequest) -> Response:
        path, server = request.path, self._authlib
        if path == "/.well-known/oauth-authorization-server/as":
            return Response.json(self._metadata())
        if path == "/authorize":
            whole = _Request(self.origin, request)
            grant = server.get_consent_grant(whole, end_user=ACCOUNT)
            user = ACCOUNT if self.agrees else None
            made: Response = server.create_authorization_response(whole, user, grant)
            return made
        if path == "/token":
            token: Response = server.create_token_response(request)
            return token
        names = {"/device": "device_authorization", "/revoke": "revocation"}
        if path in names:
            answer: Response = server.create_endpoint_response(names[path], request)
            return answer
        return Response.text(404, "nothing here")

    def _metadata(self) -> dict[str, object]:
        document = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.origin}/authorize",
            "token_endpoint": f"{self.origin}/token",
            "device_authorization_endpoint": f"{self.origin}/device",
            "revocation_endpoint": f"{self.origin}/revoke",
            "response_types_supported": ["code"],
            "scopes_supported": ["packages", "offline_access"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
        }
        AuthorizationServerMetadata(document).validate()
        return document


def _made(place: AuthlibIssuer) -> _Authlib:
    """Authlib's server with all that we use of it."""

    class Code(grants.AuthorizationCodeGrant):  # type: ignore[misc]
        TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "none")

        def save_authorization_code(self, code: str, request: Any) -> None:
            place.codes[code] = _Code(request)

        def query_authorization_code(self, code: str, client: Any) -> _Code | None:
            return place.codes.get(code)

        def delete_authorization_code(self, found: _Code) -> None:
            place.codes.clear()

        def authenticate_user(self, found: _Code) -> str:
            return ACCOUNT

    class Refresh(grants.RefreshTokenGrant):  # type: ignore[misc]
        TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "none")
        INCLUDE_NEW_REFRESH_TOKEN = True

        def authenticate_refresh_token(self, refresh: str) -> _Token | None:
            found = [one for one in place.tokens if one.token.get("refresh_token") == refresh]
            return found[0] if found and not found[0].ended else None

        def authenticate_user(self, found: _Token) -> str:
            return ACCOUNT

        def revoke_old_credential(self, found: _Token) -> None:
            found.ended = True

    class Device(DeviceCodeGrant):  # type: ignore[misc]
        def query_device_credential(self, code: str) -> Any:
            return place.devices.get(code)

        def query_user_grant(self, user_code: str) -> tuple[str, bool] | None:
            return None if place.agrees is None else (ACCOUNT, place.agrees)

        def should_slow_down(self, credential: Any) -> bool:
            place.agrees = True
            return False

    class Devices(DeviceAuthorizationEndpoint):  # type: ignore[misc]
        INTERVAL = 1

        def get_verification_uri(self) -> str:
            return f"{place.origin}/activate"

        def save_device_credential(self, client_id: str, scope: str, data: Any) -> None:
            kept = DeviceCredentialDict(client_id=client_id, scope=scope, **data)
            place.devices[data["device_code"]] = kept

    class Revocation(RevocationEndpoint):  # type: ignore[misc]
        CLIENT_AUTH_METHODS = ("client_secret_basic", "none")

        def query_token(self, secret: str, hint: str | None) -> _Token | None:
            return next((one for one in place.tokens if secret in one.token.values()), None)

        def revoke_token(self, found: _Token, request: Any) -> None:
            found.ended = True

    class Issuer(IssuerParameter):  # type: ignore[misc]
        def get_issuer(self) -> str:
            return place.issuer

    server = _Authlib(place)
    server.register_grant(Code, [CodeChallenge(required=True)])
    server.register_grant(Refresh)
    server.register_grant(Device)
    server.register_endpoint(Devices)
    server.register_endpoint(Revocation)
    server.register_extension(Issuer())
    return server
