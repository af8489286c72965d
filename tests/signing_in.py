"""A home, an index that takes the access tokens of an issuer, and a browser: what the tests of
signing in share.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomlkit

from tests.certs import CertificateFactory
from tests.poetry_process import FILE_KEYRING, PoetryHome
from tests.servers import IndexServer
from tests.servers.identity import ACCOUNT, CLIENT, IdentityServer, LiveTokens

NAME = "acme"
SERVICE = f"poetry-repo-plugin: {NAME}"
USER = "oauth-tokens"

BROWSER = """\
#!{python}
import ssl, sys, urllib.request
open({log!r}, "a").write(sys.argv[1] + "\\n")
context = ssl.create_default_context(cafile={ca!r})
try:
    urllib.request.urlopen(sys.argv[1], context=context, timeout=10).read()
except OSError as error:
    open({log!r}, "a").write(f"{{error}}\\n")
"""


@dataclass
class Company:
    """Where somebody signs in, and what for."""

    home: PoetryHome
    index: IndexServer
    issuer: IdentityServer
    certs: CertificateFactory

    def set_up(self) -> Company:
        """The index takes what the issuer hands out, and the home knows the index and its CA."""
        self.home.keyring = FILE_KEYRING
        self.index.index.credentials, self.index.index.tokens = None, LiveTokens(self.issuer)
        self.settle({"url": self.index.index_url})
        ca = self.certs.ca_file()
        (self.home.config / "config.toml").write_text(
            f'[certificates.{NAME}]\ncert = "{ca}"\n', encoding="utf-8"
        )
        return self

    @property
    def words(self) -> tuple[str, ...]:
        """The command that signs in."""
        return ("repo", "login", NAME, "--oauth", self.issuer.issuer, "--client-id", CLIENT)

    def settle(self, own: dict[str, Any]) -> None:
        """Write the entry of our own file."""
        document = {"repositories": {NAME: own}}
        (self.home.config / "poetry-repo-plugin.toml").write_text(tomlkit.dumps(document))

    @property
    def own(self) -> dict[str, Any]:
        """The entry of our own file."""
        found = self.home.toml("poetry-repo-plugin.toml")
        entry: dict[str, Any] = found.get("repositories", {}).get(NAME, {})
        return entry

    def browser(self, folder: Path) -> Path:
        """Give the home a browser that does what it is told; returns where it notes that."""
        script, log = folder / "browser", folder / "browser.log"
        script.write_text(
            BROWSER.format(python=sys.executable, log=str(log), ca=str(self.certs.ca_file()))
        )
        script.chmod(0o755)
        self.home.environ["BROWSER"] = str(script)
        return log

    def signed_in(
        self, *, ends_in: float = 3600, life: float = 3600, **more: Any
    ) -> dict[str, Any]:
        """Put tokens where a sign-in would have put them; returns them."""
        from tests.servers.identity import Family

        self.issuer.lifetime = life
        answer = self.issuer._tokens(Family())
        tokens = json.loads(bytes(answer.body))  # type: ignore[arg-type]  # it is JSON
        ends = time.time() + ends_in
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(ends))
        kept = {
            "issuer": self.issuer.issuer,
            "client_id": CLIENT,
            "token_endpoint": f"{self.issuer.origin}/token",
            "revocation_endpoint": f"{self.issuer.origin}/revoke",
            "access": tokens["access_token"],
            "refresh": tokens["refresh_token"],
            "expires_at": stamp,
            "lifetime": life,
            "account": ACCOUNT,
            **more,
        }
        file = self.home.keyring_home / "keyring.json"
        file.write_text(json.dumps({SERVICE: {USER: json.dumps(kept)}}))
        self.settle(
            {
                "url": self.index.index_url,
                "credential-origins": [self.index.origin],
                "signed-in": "keyring",
                "oauth": {"issuer": self.issuer.issuer, "client-id": CLIENT},
            }
        )
        return kept

    @property
    def kept(self) -> dict[str, Any] | None:
        """What the keyring holds of the sign-in."""
        file = self.home.keyring_home / "keyring.json"
        entries = json.loads(file.read_text()) if file.exists() else {}
        text = entries.get(SERVICE, {}).get(USER)
        return json.loads(text) if text is not None else None

    def assert_secrets_stayed(self, *screens: str) -> None:
        """No token was shown, or written anywhere but to the keyring; the index has seen access
        tokens only, the issuer's paths alone the rest.
        """
        for secret in self.issuer.handed:
            assert not [screen for screen in screens if secret in screen]
            assert self.home.files_with(secret) == []
            if secret.startswith("r3fresh"):
                assert not self.index.saw_secret(secret)
            else:
                assert not self.issuer.saw_secret(secret) or secret in self.issuer.revoked
