"""Who may use an index."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tests.servers.messages import Authorization, Response


class Access:
    """User names with passwords, and bearer tokens.

    ``None`` for both means open to everyone; an empty dictionary means nobody.

    :param limits: how many requests a password or token is still good for, where that is limited;
    counted down here.
    """

    def __init__(
        self,
        credentials: Mapping[str, str] | None = None,
        tokens: Iterable[str] | None = None,
        realm: str = "test index",
        limits: dict[str, int] | None = None,
    ) -> None:
        self.credentials = credentials
        self.tokens = tokens
        self.realm = realm
        self._limits = {} if limits is None else limits

    @property
    def open(self) -> bool:
        """Whether everyone may."""
        return self.credentials is None and self.tokens is None

    def permits(self, authorization: Authorization | None) -> bool:
        """Whether a request with this header may pass."""
        if self.open:
            return True
        secret = self._accepted_secret(authorization)
        if secret is None:
            return False
        left = self._limits.get(secret)
        if left is not None:
            self._limits[secret] = max(0, left - 1)
        return left is None or left > 0

    def challenge(self) -> Response:
        """The 401 (RFC 9110, 11.6.1), one header line for each scheme that is served."""
        lines = []
        if self.credentials is not None:
            lines.append(("WWW-Authenticate", f'Basic realm="{self.realm}", charset="UTF-8"'))
        if self.tokens is not None:
            lines.append(("WWW-Authenticate", f'Bearer realm="{self.realm}"'))
        return Response(401, b"authentication required\n", [*lines, ("Content-Type", "text/plain")])

    def _accepted_secret(self, authorization: Authorization | None) -> str | None:
        if authorization is None:
            return None
        if authorization.token is not None:
            return authorization.token if authorization.token in (self.tokens or ()) else None
        if authorization.username is not None:
            password = (self.credentials or {}).get(authorization.username)
            return password if password is not None and password == authorization.password else None
        return None
