"""What a sign-in leaves behind: the tokens, in the keyring or (``--plaintext``) in ``auth.toml``, the
lock under which one process at a time renews them, and a note that one has begun to.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from poetry_repo_plugin.config.bindings import Kind
from poetry_repo_plugin.config.changes import Changes
from poetry_repo_plugin.config.files import PRIVATE, sync_folder
from poetry_repo_plugin.config.settings import Settings
from poetry_repo_plugin.config.user_settings import SIGNED_IN
from poetry_repo_plugin.core.json_text import parse_json
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.credentials.keyring import KeyringGate
from poetry_repo_plugin.credentials.keyring_services import SIGN_IN
from poetry_repo_plugin.credentials.keyring_worker import KeyringUnavailable

if TYPE_CHECKING:
    from filelock import FileLock

KEYRING, PLAINTEXT = "keyring", "auth.toml"
LOCK_SECONDS = 60.0  # a renewal takes a quarter of that, unless the keyring asks a person


class SignedIn(NamedTuple):
    """A sign-in: its tokens, and where they may go.

    :param token_endpoint: the only place that the refresh token goes to, as it was found when the
        person signed in.
    :param by_basic: the client's secret goes into a header.
    :param lifetime: of the access token when it was new, in seconds.
    :param ended: why it cannot be renewed any more; ``""`` as long as it can.
    """

    issuer: str
    client_id: str
    token_endpoint: str
    access: Secret
    refresh: Secret | None = None
    revocation_endpoint: str | None = None
    client_secret: Secret | None = None
    by_basic: bool = False
    expires_at: datetime | None = None
    lifetime: float | None = None
    account: str | None = None
    ended: str = ""

    def text(self) -> Secret:
        """It as it is kept."""
        revealed = {
            key: value.reveal() if isinstance(value, Secret) else value
            for key, value in self._asdict().items()
        }
        if self.expires_at is not None:
            revealed["expires_at"] = self.expires_at.isoformat()
        return Secret(json.dumps({key: value for key, value in revealed.items() if value}))


def parse_kept(text: Secret) -> SignedIn | None:
    """The sign-in in an entry; ``None`` for anything else than what :meth:`SignedIn.text` wrote."""
    try:
        kept = parse_json(text.reveal())
        if not isinstance(kept, dict):
            return None
        for key in ("access", "refresh", "client_secret"):
            if key in kept:
                kept[key] = Secret(_text(kept[key]))
        if "expires_at" in kept:
            kept["expires_at"] = datetime.fromisoformat(kept["expires_at"])
            if kept["expires_at"].tzinfo is None:
                return None
        lifetime = kept.pop("lifetime", None)
        for key in kept.keys() - {"access", "refresh", "client_secret", "expires_at", "by_basic"}:
            _text(kept[key])
        return SignedIn(**kept, lifetime=float(lifetime) if lifetime is not None else None)
    except (ValueError, TypeError):
        return None


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


class SignIns:
    """The sign-ins of one user."""

    def __init__(self, settings: Settings, gate: KeyringGate) -> None:
        self._settings = settings
        self._gate = gate

    def get(self, name: str, *, fresh: bool = False) -> SignedIn | None:
        """What is kept for a repository. Raises :class:`KeyringUnavailable`.

        :param fresh: another process may have renewed it.
        """
        if self._settings.user_settings(name).signed_in == PLAINTEXT:
            if fresh:
                self._settings.refresh()
            text = self._settings.oauth_tokens(name)
        else:
            text = self._gate.own(name, SIGN_IN, known=True, fresh=fresh)
        return parse_kept(text) if text is not None else None

    def forget(self, name: str) -> bool:
        """Remove the tokens from the keyring; whether there were any. Raises
        :class:`KeyringUnavailable`.
        """
        with self.alone(name):
            self.end(name)
            self._gate.own(name, SIGN_IN, fresh=True)  # so that it is known whether it is in parts
            return self._gate.forget_own(name, SIGN_IN)

    def renew(self, name: str, signed_in: SignedIn) -> None:
        """Keep renewed tokens where the old ones are. Raises :class:`KeyringUnavailable`,
        :class:`StateError`.
        """
        if self._settings.user_settings(name).signed_in == PLAINTEXT:
            with Changes(self._settings) as changes:
                changes.save_oauth_tokens(name, signed_in.text())
        else:
            self._gate.keep_own(name, SIGN_IN, signed_in.text())

    def keep(
        self,
        name: str,
        signed_in: SignedIn,
        changes: Changes,
        *,
        plaintext: bool,
        begin: Callable[[Changes], None],
    ) -> str:
        """Keep a new sign-in, together with ``changes``; returns the place, for a person.

        That the keyring is about to get it is written down first. Raises
        :class:`KeyringUnavailable`, :class:`StateError`; nothing of it is kept then.

        :param begin: notes where it is about to belong.
        """
        with self.alone(name):
            return self._keep(name, signed_in, changes, begin, plaintext=plaintext)

    def _keep(
        self,
        name: str,
        signed_in: SignedIn,
        changes: Changes,
        begin: Callable[[Changes], None],
        *,
        plaintext: bool,
    ) -> str:
        changes.save_user_settings(name, {SIGNED_IN: PLAINTEXT if plaintext else KEYRING})
        changes.save_oauth_tokens(name, signed_in.text() if plaintext else None)
        was_in = self._settings.user_settings(name).signed_in
        if plaintext:
            changes.commit()
            self.end(name)
            if was_in == KEYRING:
                with suppress(KeyringUnavailable):
                    self._gate.own(name, SIGN_IN, fresh=True)
                    self._gate.forget_own(name, SIGN_IN)
            return str(self._settings.auth_file)
        changes.rehearse()
        backend = self._keep_in_keyring(name, signed_in, begin)
        self.end(name)
        changes.commit()
        return f"the keyring ({backend})"

    def _keep_in_keyring(
        self, name: str, signed_in: SignedIn, begin: Callable[[Changes], None]
    ) -> str:
        before = self._settings.user_settings(name)
        with Changes(self._settings) as intent:
            begin(intent)
            intent.save_user_settings(name, {SIGNED_IN: KEYRING})
        try:
            return self._gate.keep_own(name, SIGN_IN, signed_in.text())
        except KeyringUnavailable:
            origins = list(before.credential_origins) or None
            record = {SIGNED_IN: before.signed_in, Kind.CREDENTIAL.value: origins}
            with Changes(self._settings) as undo:
                undo.save_user_settings(name, record)
            raise

    # -- one process at a time

    def lock(self, name: str) -> FileLock:
        """The lock of one sign-in, not taken yet; any thread may let it go."""
        from filelock import FileLock

        with suppress(OSError):
            self._settings.folder.mkdir(parents=True, exist_ok=True)
        path = self._beside(name, "lock")
        return FileLock(path, timeout=LOCK_SECONDS, mode=PRIVATE, thread_local=False)

    @contextmanager
    def alone(self, name: str) -> Iterator[None]:
        """Hold the lock: who renews just now would write over what is changed, or bring back what
        is ended. Whoever keeps it for too long is not waited for.
        """
        from filelock import Timeout

        lock = self.lock(name)
        with suppress(Timeout, OSError, NotImplementedError):
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def begin(self, name: str) -> None:
        """Note that the refresh token is about to be used: it may be good for one time only."""
        with suppress(OSError):
            path = self._beside(name, "renewing")
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, PRIVATE)
            os.fsync(descriptor)
            os.close(descriptor)
            sync_folder(path.parent)

    def end(self, name: str) -> None:
        """Note that what came of it is kept."""
        with suppress(OSError):
            self._beside(name, "renewing").unlink()

    def was_cut_off(self, name: str) -> bool:
        """Whether a process has begun to renew it and never came to keep the result."""
        return os.path.lexists(self._beside(name, "renewing"))

    def _beside(self, name: str, kind: str) -> Path:
        """A file beside the settings; the name of a repository may be no name of a file."""
        short = hashlib.sha256(name.lower().encode("utf-8", "surrogatepass")).hexdigest()[:16]
        return self._settings.folder / f".poetry-repo-plugin.oauth-{short}.{kind}"
