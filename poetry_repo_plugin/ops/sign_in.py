"""``repo login --oauth``: sign in with the company's account, in the browser or with a code."""

from __future__ import annotations

import os
import secrets
import sys
import threading
import time
from typing import NamedTuple

from poetry_repo_plugin.config.files import reason
from poetry_repo_plugin.config.repositories import Repository
from poetry_repo_plugin.config.user_settings import OAuthSettings
from poetry_repo_plugin.core.errors import Cause, Failure, InputError
from poetry_repo_plugin.core.hints import Hint, repo
from poetry_repo_plugin.core.origin import Origin
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.credentials import oauth_issuer
from poetry_repo_plugin.credentials import oauth_protocol as protocol
from poetry_repo_plugin.credentials.keyring_worker import KeyringUnavailable
from poetry_repo_plugin.credentials.oauth import renewed
from poetry_repo_plugin.credentials.oauth_issuer import Metadata, ProtocolError
from poetry_repo_plugin.credentials.oauth_protocol import (
    DeviceAnswer,
    IssuerAnswer,
    Refused,
    TokenAnswer,
)
from poetry_repo_plugin.credentials.oauth_store import SignedIn, SignIns
from poetry_repo_plugin.http.auth import Access
from poetry_repo_plugin.http.failures import failure
from poetry_repo_plugin.ops.issuer import fetch_document, post_form
from poetry_repo_plugin.ops.qr_code import qr_lines
from poetry_repo_plugin.ops.session import Session, Teller

FLOWS = ("browser", "device")
BROWSER_SECONDS = 5 * 60.0
_SLOWER = 5.0  # seconds (RFC 8628, 3.5)
_PASSING = frozenset((Cause.DNS, Cause.REFUSED, Cause.TIMEOUT, Cause.SERVER_ERROR))
_WORDS = {
    "access_denied": "the sign-in was declined",
    "expired_token": "the code expired before it was used",
}


class Client(NamedTuple):
    """As whom, and for what, a user signs in.

    :param secret: of a client that is not public.
    """

    settings: OAuthSettings
    secret: Secret | None = None

    @property
    def more(self) -> dict[str, str]:
        """What an issuer is asked for beside a token."""
        asked = ("scope", " ".join(self.settings.scopes)), ("audience", self.settings.audience)
        return {key: value for key, value in asked if value}


def has_display() -> bool:
    """Whether a browser of this person's can be opened here."""
    if any(os.environ.get(name) for name in ("SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY")):
        return False
    always = sys.platform in ("darwin", "win32")
    return always or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))


class SignIn:
    """One sign-in on behalf of a repository.

    :param flow: ``browser`` or ``device``; ``None`` for the one that fits this place.
    """

    def __init__(
        self,
        access: Access,
        repository: Repository,
        client: Client,
        out: Teller,
        *,
        flow: str | None = None,
    ) -> None:
        self._access = access
        self._repository = repository
        self._client = client
        self._out = out
        self._flow = flow
        self._issuer = client.settings.issuer

    def run(self) -> SignedIn:
        """Find the issuer's endpoints, let the person sign in, and return what came of it.

        Raises :class:`Failure`, :class:`InputError`.
        """
        try:
            oauth_issuer.check_issuer(self._issuer)
        except ProtocolError as error:
            message = f"{self._issuer!r} cannot be an issuer: {error}. Nothing was sent."
            raise InputError(message) from None
        metadata = self._discover()
        settings = self._client.settings
        if not settings.scopes:
            settings = settings._replace(scopes=oauth_issuer.usual_scopes(metadata))
            self._client = self._client._replace(settings=settings)
        in_browser = self._chosen(metadata) == "browser"
        try:
            tokens = self._in_browser(metadata) if in_browser else self._on_device(metadata)
        except Refused as error:
            said = _WORDS.get(error.code, f"it refused the sign-in ({error.said})")
            raise self._failed(said, Cause.CREDENTIAL_REJECTED) from None
        except ProtocolError as error:
            raise self._failed(str(error)) from None
        bare = SignedIn(
            self._issuer,
            settings.client_id,
            metadata.token_endpoint,
            tokens.access,
            revocation_endpoint=metadata.revocation_endpoint,
            client_secret=self._client.secret,
            by_basic=metadata.by_basic,
        )
        return renewed(bare, tokens)

    # -- the issuer

    def _discover(self) -> Metadata:
        """The issuer's endpoints. Raises :class:`Failure`."""
        self._out.asking(self._issuer)
        for url in oauth_issuer.discovery_urls(self._issuer):
            answer = fetch_document(self._access, self._repository, url)
            if answer.status == 200 and answer.document is not None:
                break
        try:
            if answer.status != 200 or answer.document is None:
                raise protocol.refusal_of(answer)
            metadata = oauth_issuer.parse_metadata(answer.document, self._issuer)
        except ProtocolError as error:
            raise self._failed(f"it does not say how to sign in: {error}") from None
        host = Origin.of(metadata.token_endpoint)
        if host.host != Origin.of(self._issuer).host:
            self._out.say(f"{self._issuer} hands out its tokens at {host}.")
        return metadata

    def _chosen(self, metadata: Metadata) -> str:
        """The flow: what was asked for, else what fits. Raises :class:`Failure`."""
        offered = {
            "browser": metadata.authorization_endpoint is not None,
            "device": metadata.device_endpoint is not None,
        }
        if self._flow is not None:
            if offered[self._flow]:
                return self._flow
            raise self._failed(f"it does not support the {self._flow} flow")
        usual = "device"
        if has_display():
            usual = "browser"
        if offered[usual]:
            return usual
        if usual == "browser" and offered["device"]:
            return "device"
        if offered["browser"]:
            why = "it only supports signing in with a browser, and none can be opened here"
            hint = repo("login", self._repository.name, "--flow", "browser")
            raise self._failed(why, hint=hint)
        raise self._failed("it supports neither the browser nor the device flow")

    def _post(self, url: str, form: dict[str, str], *, by_basic: bool = False) -> IssuerAnswer:
        pair = None
        if self._client.secret is not None:
            form, pair = protocol.as_client(form, self._client.secret, by_basic=by_basic)
        return post_form(self._access, self._repository, url, form, pair)

    # -- the browser

    def _in_browser(self, metadata: Metadata) -> TokenAnswer:
        """Raises :class:`Failure`, :class:`ProtocolError`."""
        from poetry_repo_plugin.ops.loopback import Loopback

        client_id = self._client.settings.client_id
        state, proof = secrets.token_urlsafe(24), protocol.make_proof()
        try:
            loopback = Loopback(lambda query: protocol.is_ours(query, state))
        except OSError as error:
            why = f"no local port can be opened for its redirect ({reason(error)})"
            raise self._failed(why, Cause.REFUSED) from None
        with loopback as listener:
            url = protocol.authorization_url(
                metadata.authorization_endpoint or "",
                client_id,
                listener.address,
                state,
                proof.challenge,
                self._client.more,
            )
            self._out.say("Opening your browser to sign in. If it does not open, go to:")
            self._out.say(url)
            _open_browser(url)
            query = listener.wait(BROWSER_SECONDS)
            if query is None:
                minutes = f"{BROWSER_SECONDS / 60:g} minutes"
                raise self._failed(
                    f"nothing came back from the browser within {minutes}", Cause.TIMEOUT
                )
            code = protocol.parse_redirect(query, metadata)
            form = protocol.code_form(client_id, code, listener.address, proof)
        answer = self._post(metadata.token_endpoint, form, by_basic=metadata.by_basic)
        return protocol.parse_tokens(answer)

    # -- the device

    def _on_device(self, metadata: Metadata) -> TokenAnswer:
        """Raises :class:`Failure`, :class:`ProtocolError`."""
        client_id = self._client.settings.client_id
        form = {"client_id": client_id, **self._client.more}
        answer = self._post(metadata.device_endpoint or "", form, by_basic=metadata.by_basic)
        device = protocol.parse_device(answer, self._issuer)
        self._out.say(f"Open {device.address} and enter the code {device.user_code}")
        if device.address_with_code is not None:
            self._out.say(f"or open {device.address_with_code}, which has the code in it.")
            for line in qr_lines(device.address_with_code):
                self._out.say(line)
        minutes = max(1, round(device.expires_in / 60))
        self._out.say(f"Waiting for you to sign in (up to {minutes} minutes) …")
        return self._poll(metadata, device)

    def _poll(self, metadata: Metadata, device: DeviceAnswer) -> TokenAnswer:
        """Ask until the person has decided (RFC 8628, 3.5)."""
        form = protocol.device_token_form(self._client.settings.client_id, device.device_code)
        until, interval = time.monotonic() + device.expires_in, device.interval
        while time.monotonic() + interval < until:
            time.sleep(interval)
            try:
                answer = self._post(metadata.token_endpoint, form, by_basic=metadata.by_basic)
                return protocol.parse_tokens(answer)
            except Refused as error:
                if error.code == "slow_down":
                    interval += _SLOWER
                elif error.code != "authorization_pending":
                    raise
            except Failure as error:
                if error.cause not in _PASSING:
                    raise
                interval *= 2
        raise Refused("expired_token", "")

    def _failed(
        self, detail: str, cause: Cause = Cause.SERVER_ERROR, hint: Hint | None = None
    ) -> Failure:
        host = Origin.of(self._issuer).netloc
        return failure(cause, detail, self._repository, host=host, hint=hint)


def _open_browser(url: str) -> None:
    """Some browsers come back when they are closed, and some write to the terminal."""
    import webbrowser

    threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()


def require_keyring(session: Session, name: str) -> None:
    """Stop before a person signs in for nothing: without a keyring the tokens have no place.

    Raises :class:`InputError`.
    """
    why = session.gate.missing()
    if why is not None:
        message = f"Its tokens can only be stored in the keyring, and {why}."
        raise InputError(message, repo("login", name, "--plaintext"))


def known_secret(session: Session, name: str, settings: OAuthSettings) -> Secret | None:
    """The secret of the same client from the last sign-in, so that nobody has to find it again."""
    if session.settings.user_settings(name).signed_in is None:
        return None
    try:
        kept = SignIns(session.settings, session.gate).get(name)
    except KeyringUnavailable:
        return None
    if kept is None or (kept.issuer, kept.client_id) != (settings.issuer, settings.client_id):
        return None
    return kept.client_secret
