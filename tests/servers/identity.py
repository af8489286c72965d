"""IdentityServer: a company's identity provider, with the browser's side and the device's.

It keeps to RFC 6749, 7636, 8414, 8628, 7009 and 9207, hands out refresh tokens that are good for one
time, and ends a whole sign-in where one comes twice. What a hostile one does is said by changing
``metadata``, ``redirects`` or ``respond``.
"""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO
from urllib.parse import parse_qsl, urlencode

from tests.servers.base import Server
from tests.servers.messages import RecordedRequest, Response

CLIENT = "poetry-client"
ACCOUNT = "ada@example.com"


@dataclass
class Family:
    """One sign-in: whoever comes with an old refresh token ends it (RFC 9700, 2.2.2)."""

    refresh: str = ""
    ended: bool = False
    old: list[str] = field(default_factory=list)


class IdentityServer(Server):
    """An issuer on a real socket, under the path ``/tenant``.

    :param lifetime: of an access token, in seconds.
    :param secret: of a client that is not public.
    :ivar metadata: what its metadata says otherwise; ``None`` takes a key away.
    :ivar redirects: what its redirect says otherwise, in the same way.
    :ivar device_says: its answers before the person has agreed, such as ``slow_down``.
    :ivar refuses: the answer of the token endpoint to every grant, in place of tokens.
    :ivar forgiving: an old refresh token is taken once more, as some servers do for a while.
    :ivar slow: seconds before the token endpoint answers.
    """

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        lifetime: float | None = 3600,
        secret: str | None = None,
    ) -> None:
        super().__init__(tls=tls)
        self.lifetime = lifetime
        self.secret = secret
        self.metadata: dict[str, object] = {}
        self.redirects: dict[str, str | None] = {}
        self.device_says: list[str] = []
        self.refuses: Response | None = None
        self.forgiving = False
        self.slow = 0.0
        self.handed: list[str] = []
        self.refreshed = 0
        self.families: list[Family] = []
        self.revoked: list[str] = []
        self._ends: dict[str, float] = {}
        self._codes: dict[str, tuple[str, str]] = {}
        self._lock = threading.Lock()

    @property
    def issuer(self) -> str:
        """Its name."""
        return f"{self.origin}/tenant"

    def document(self) -> dict[str, object]:
        """Its metadata."""
        whole = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.origin}/authorize?tenant=1",
            "token_endpoint": f"{self.origin}/token",
            "device_authorization_endpoint": f"{self.origin}/device",
            "revocation_endpoint": f"{self.origin}/revoke",
            "scopes_supported": ["openid", "email", "offline_access", "packages"],
            "token_endpoint_auth_methods_supported": ["none", "client_secret_post"],
            "authorization_response_iss_parameter_supported": True,
            **self.metadata,
        }
        return {key: value for key, value in whole.items() if value is not None}

    # -- what an index asks

    def is_good(self, token: str) -> bool:
        """Whether an access token is good now."""
        return token not in self.revoked and time.time() < self._ends.get(token, 0)

    def end_access(self) -> None:
        """No access token that was handed out is good any more."""
        self._ends.clear()

    def secrets(self) -> list[str]:
        """Everything that it handed out and that is nobody's business but the client's."""
        return [*self.handed, *(one for family in self.families for one in family.old)]

    def forms(self, path: str) -> list[dict[str, str]]:
        """The forms that came to ``path``."""
        return [
            dict(parse_qsl(request.body.decode()))
            for request in self.requests
            if request.path == path and request.method == "POST"
        ]

    # -- answers

    def answer(self, request: RecordedRequest, body: IO[bytes]) -> Response:
        """See :meth:`Server.answer`."""
        form = dict(parse_qsl(body.read().decode(), keep_blank_values=True))
        if request.path == "/tenant/.well-known/openid-configuration":
            return Response.json(self.document())
        if request.path == "/authorize":
            return self._authorize(dict(parse_qsl(request.query)))
        if request.path == "/device":
            return self._device(form)
        if request.path == "/token":
            time.sleep(self.slow)
            with self._lock:
                return self._token(form)
        if request.path == "/revoke":
            self.revoked.append(form["token"])
            return Response(200)
        return Response.text(404, "nothing here")

    def _authorize(self, asked: Mapping[str, str]) -> Response:
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        assert asked["tenant"] == "1"  # what the endpoint has already stays
        code = f"c0de-{len(self._codes)}-{asked['state'][:4]}"
        self._codes[code] = (asked["code_challenge"], asked["redirect_uri"])
        said = {"code": code, "state": asked["state"], "iss": self.issuer, **self.redirects}
        query = urlencode({key: value for key, value in said.items() if value is not None})
        return Response(302, headers={"Location": f"{asked['redirect_uri']}?{query}"})

    def _device(self, form: Mapping[str, str]) -> Response:
        assert form["client_id"] == CLIENT
        return Response.json(
            {
                "device_code": "d3vice-code-secret",
                "user_code": "WDJB-MJHT",
                "verification_uri": f"{self.origin}/activate",
                "verification_uri_complete": f"{self.origin}/activate?user_code=WDJB-MJHT",
                "expires_in": 600,
                "interval": 1,
            }
        )

    def _token(self, form: Mapping[str, str]) -> Response:
        if form.get("client_id") != CLIENT or form.get("client_secret") != self.secret:
            return refused("invalid_client", status=401)
        if self.refuses is not None:
            return self.refuses
        kind = form["grant_type"].rpartition(":")[2]
        if kind == "authorization_code":
            return self._for_code(form)
        if kind == "device_code":
            if self.device_says:
                return refused(self.device_says.pop(0))
            return self._tokens(Family())
        return self._again(form["refresh_token"])

    def _for_code(self, form: Mapping[str, str]) -> Response:
        challenge, redirect = self._codes.pop(form["code"], ("", ""))
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        is_proven = base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == challenge
        if not is_proven or redirect != form["redirect_uri"]:
            return refused("invalid_grant")
        return self._tokens(Family())

    def _again(self, refresh: str) -> Response:
        for family in self.families:
            if refresh in family.old and self.forgiving:
                return self._tokens(family)
            if refresh in family.old:
                family.ended = True
            if refresh == family.refresh and not family.ended and refresh not in self.revoked:
                self.refreshed += 1
                return self._tokens(family)
        return refused("invalid_grant", "the refresh token is not good any more")

    def _tokens(self, family: Family) -> Response:
        number = len(self.handed) + 1
        access = f"acc3ss-{number}-secret"
        self.handed.append(access)
        self._ends[access] = time.time() + (1e6 if self.lifetime is None else self.lifetime)
        if family not in self.families:
            self.families.append(family)
        if family.refresh:
            family.old.append(family.refresh)
        family.refresh = f"r3fresh-{number}-secret"
        self.handed.append(family.refresh)
        document: dict[str, object] = {
            "access_token": access,
            "token_type": "Bearer",
            "refresh_token": family.refresh,
            "id_token": id_token({"iss": self.issuer, "sub": "u-1", "email": ACCOUNT}),
        }
        if self.lifetime is not None:
            document["expires_in"] = self.lifetime
        return Response.json(document)


class LiveTokens(set[str]):
    """The tokens that an index takes: those that are good at the moment."""

    def __init__(self, issuer: IdentityServer) -> None:
        super().__init__()
        self._issuer = issuer

    def __contains__(self, token: object) -> bool:
        return isinstance(token, str) and self._issuer.is_good(token)

    def __bool__(self) -> bool:
        return True


def refused(code: str, description: str = "", *, status: int = 400) -> Response:
    """An error answer (RFC 6749, 5.2)."""
    document = {"error": code, **({"error_description": description} if description else {})}
    return Response.json(document, status)


def id_token(claims: Mapping[str, object]) -> str:
    """An id token whose signature is none."""
    parts = ({"alg": "none"}, claims)
    texts = (base64.urlsafe_b64encode(json.dumps(part).encode()) for part in parts)
    return f"{'.'.join(text.rstrip(b'=').decode() for text in texts)}.c2ln"
