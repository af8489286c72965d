"""Tokens that end by themselves, kept in the keyring from one command to the next; never in a plain
file.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timezone

from poetry_repo_plugin.core.headers import from_object
from poetry_repo_plugin.core.json_text import parse_json
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.credentials.base import Credential, Query
from poetry_repo_plugin.credentials.chain import RENEW_BEFORE
from poetry_repo_plugin.credentials.keyring import KeyringGate
from poetry_repo_plugin.credentials.keyring_services import SHORT_LIVED
from poetry_repo_plugin.credentials.keyring_worker import KeyringUnavailable


class ShortLived:
    """One entry for each repository; a keyring that is missing or fails only means that the tool is
    run again.

    :param keeps: whether anything is written to the keyring.
    :param now: the time, aware.
    """

    def __init__(
        self,
        gate: KeyringGate,
        *,
        keeps: bool = True,
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        self._gate = gate
        self._keeps = keeps
        self._now = now
        self._lock = threading.Lock()
        self._recalled: set[Credential] = set()

    def get(self, query: Query, maker: str) -> Credential | None:
        """What an earlier command kept, if it is good for long enough.

        :param maker: see :func:`fingerprint`; another one's token does not count.
        """
        try:
            kept = self._gate.own(query.name, SHORT_LIVED, move=self._keeps)
        except KeyringUnavailable:
            return None
        found = None
        if kept is not None:
            found = _parsed(kept, maker)
        if (
            found is None
            or found.expires_at is None
            or found.expires_at - self._now() <= RENEW_BEFORE[query.purpose]
        ):
            return None
        with self._lock:
            self._recalled.add(found)
        return found

    def put(self, query: Query, maker: str, credential: Credential) -> bool:
        """Keep ``credential`` until it runs out, and whether that was done; not with one that does
        not run out.
        """
        if credential.expires_at is None or not self._keeps:
            return False
        kept = {
            "maker": maker,
            "secret": credential.secret.reveal(),
            "username": credential.username,
            "source": credential.source,
            "detail": credential.detail,
            "scheme": credential.scheme,
            "headers": {header.name: header.value.reveal() for header in credential.headers},
            "expires_at": credential.expires_at.isoformat(),
        }
        try:
            self._gate.keep_own(query.name, SHORT_LIVED, Secret(json.dumps(kept)))
        except KeyringUnavailable:
            return False
        return True

    def is_recalled(self, credential: Credential) -> bool:
        """Whether this one is of an earlier command: unlike one that was just made, it may have
        been withdrawn.
        """
        with self._lock:
            return credential in self._recalled


def fingerprint(*what: object, environ: Mapping[str, str] | None = None, prefix: str = "") -> str:
    """What made a token, as a hash: which tool or helper, asked for what, as whom.

    :param environ: where the variables that begin with ``prefix`` choose the account: another
        account's token will not do.
    """
    chosen = sorted(
        (key, value) for key, value in (environ or {}).items() if prefix and key.startswith(prefix)
    )
    return hashlib.sha256(json.dumps([*map(str, what), chosen]).encode()).hexdigest()


def _parsed(text: Secret, maker: str) -> Credential | None:
    """The credential in an entry; ``None`` for anything else than what :meth:`ShortLived.put`
    wrote.
    """
    try:
        kept = parse_json(text.reveal())
        if not isinstance(kept, dict):
            return None
        if kept["maker"] != maker:
            return None
        username = kept["username"]
        texts = [kept[key] for key in ("secret", "source", "detail", "scheme")]
        expires_at = datetime.fromisoformat(kept["expires_at"])
        headers = from_object(kept.get("headers", {}))
    except (ValueError, KeyError, TypeError):
        return None
    if expires_at.tzinfo is None or not all(
        isinstance(value, str) for value in (*texts, username or "")
    ):
        return None
    secret, source, detail, scheme = texts
    found = Credential(Secret(secret), username, source, detail, scheme, expires_at)
    return replace(found, headers=headers)
