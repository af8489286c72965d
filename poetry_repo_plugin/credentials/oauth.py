"""Source 3, too: the company's account that a user has signed in with (``login --oauth``).

The access token is handed out, and renewed before it ends or after a refusal; the refresh token
goes to the token endpoint of its issuer and nowhere else. Whoever renews holds a lock that all
processes of this user share, and looks again when it has it: twenty processes renew once.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Union

from poetry_repo_plugin.config.bindings import Bindings, Kind
from poetry_repo_plugin.config.settings import Settings
from poetry_repo_plugin.core.errors import Cause, Failure, StateError
from poetry_repo_plugin.core.hints import repo
from poetry_repo_plugin.core.notices import Notices
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.core.servers import profile_of
from poetry_repo_plugin.core.times import end_of_token, now
from poetry_repo_plugin.credentials.base import (
    BASIC,
    BEARER,
    Answer,
    Broken,
    Credential,
    Need,
    NotMine,
    Purpose,
    Query,
    Unusable,
    Withheld,
)
from poetry_repo_plugin.credentials.chain import ASK_AGAIN, RENEW_BEFORE
from poetry_repo_plugin.credentials.keyring import KeyringGate
from poetry_repo_plugin.credentials.keyring_worker import KeyringUnavailable

if TYPE_CHECKING:
    from poetry_repo_plugin.credentials.oauth_protocol import IssuerAnswer, TokenAnswer
    from poetry_repo_plugin.credentials.oauth_store import SignedIn, SignIns

SOURCE = "oauth"
Post = Callable[[str, str, "dict[str, str]", "tuple[str, Secret] | None"], "IssuerAnswer"]
_Subject = tuple[str, str, Purpose]


class OAuthSource:
    """Hands out the access token of a sign-in.

    Without one it reads nothing but our file. Safe to use from several threads.

    :param post: sends a form on behalf of a repository to a URL, with the user name and password
        of a client if there are any. Raises :class:`Failure`.
    """

    name = SOURCE

    def __init__(
        self,
        settings: Settings,
        gate: KeyringGate,
        bindings: Bindings,
        notices: Notices,
        post: Post,
    ) -> None:
        self._settings = settings
        self._gate = gate
        self._bindings = bindings
        self._notices = notices
        self._post = post
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._current: dict[str, SignedIn] = {}
        self._handed: dict[_Subject, Secret] = {}
        self._failed: dict[str, tuple[float, Broken]] = {}

    def get(self, query: Query) -> Answer:
        """The access token, good for a while; a new one for a query that is ``fresh``."""
        own = self._settings.user_settings(query.name) if query.name else None
        if own is None or own.signed_in is None:
            is_set = own is not None and own.oauth is not None
            return NotMine("nobody has signed in" if is_set else "")
        if self._bindings.allows(query.name, Kind.CREDENTIAL, query.url) is not True:
            bound = self._bindings.shown(query.name, Kind.CREDENTIAL)
            return Withheld(f"its sign-in belongs to {' and '.join(bound)}", bound)
        try:
            return self._answer(query)
        except KeyringUnavailable as error:
            why = f"its tokens are in the keyring, but {error}"
            return Broken.because(why, source=SOURCE)

    def _answer(self, query: Query) -> Answer:
        kept = self._current.get(query.name) or self._sign_ins().get(query.name)
        if kept is None:
            hint = repo("login", query.name)
            return Unusable("its stored tokens are gone", hint=hint)
        refused = self._handed.get(_subject(query)) if query.fresh else None
        if _is_good(kept, query.purpose) and (
            not query.fresh or refused not in (None, kept.access)
        ):
            return self._credential(query, kept)
        if not query.allows(Need.PROCESS):
            return self._at_rest(query, kept)
        with self._lock_of(query.name):
            found = self._renewed(query, kept)
        if isinstance(found, Broken):
            # What could not be renewed serves until its end, unless it was refused.
            if query.fresh or _has_ended(kept):
                return found
            return self._credential(query, kept)
        return self._credential(query, found)

    def _at_rest(self, query: Query, kept: SignedIn) -> Answer:
        """What a listing shows: nothing is renewed for it."""
        if not _has_ended(kept):
            return self._credential(query, kept)
        if kept.refresh is None:
            return _ended(query.name, kept)
        detail = f"{_described(kept)}, renewed when needed"
        return Credential(Secret(""), None, SOURCE, detail, BEARER, account=kept.account)

    def _credential(self, query: Query, kept: SignedIn) -> Credential:
        self._handed[_subject(query)] = kept.access
        return credential_for(kept, query.url, query.name)

    # -- renewing

    def _renewed(self, query: Query, seen: SignedIn) -> Union[SignedIn, Broken]:
        """New tokens in the place of ``seen``, whichever thread or process gets them."""
        name = query.name
        current = self._current.get(name)
        if current is not None and current.access != seen.access and not _has_ended(current):
            return current
        failed = self._failed.get(name)
        if failed is not None and time.monotonic() - failed[0] < ASK_AGAIN.total_seconds():
            return failed[1]
        if seen.refresh is None:
            return _ended(name, seen)
        found = self._under_lock(name, seen)
        if isinstance(found, Broken):
            self._failed[name] = (time.monotonic(), found)
        else:
            self._current[name] = found
        return found

    def _under_lock(self, name: str, seen: SignedIn) -> Union[SignedIn, Broken]:
        """As :meth:`_renewed`, when no other process is at it.

        It runs on a thread that the process waits for at its end: whoever presses Ctrl-C after the
        issuer has changed the refresh token must not lose the new one.
        """
        from filelock import Timeout

        lock = self._sign_ins().lock(name)
        try:
            lock.acquire()
        except Timeout:
            why = "another process has been renewing its token for a minute"
            return Broken.because(why, Cause.TIMEOUT, source=SOURCE)
        except (OSError, NotImplementedError):
            pass  # a folder that cannot be written: there is nobody to wait for
        done: queue.SimpleQueue[Union[SignedIn, Broken, BaseException]] = queue.SimpleQueue()

        def work() -> None:
            try:
                done.put(self._look_again(name, seen))
            except BaseException as error:
                done.put(error)
            finally:
                lock.release()

        threading.Thread(target=work, name="sign-in", daemon=False).start()
        found = done.get()
        if isinstance(found, BaseException):
            raise found
        return found

    def _look_again(self, name: str, seen: SignedIn) -> Union[SignedIn, Broken]:
        kept = self._sign_ins().get(name, fresh=True)
        if kept is None:
            why = "it was logged out in the meantime"
            return Broken.because(why, hint=repo("login", name), source=SOURCE)
        if kept.access != seen.access and not _has_ended(kept):
            return kept
        if kept.refresh is None:
            return _ended(name, kept)
        return self._refresh(name, kept, kept.refresh)

    def _refresh(self, name: str, kept: SignedIn, refresh: Secret) -> Union[SignedIn, Broken]:
        from poetry_repo_plugin.credentials import oauth_protocol as protocol
        from poetry_repo_plugin.credentials.oauth_issuer import ProtocolError

        sign_ins = self._sign_ins()
        was_cut_off = sign_ins.was_cut_off(name)
        sign_ins.begin(name)
        form, pair = protocol.refresh_form(kept.client_id, refresh), None
        if kept.client_secret is not None:
            form, pair = protocol.as_client(form, kept.client_secret, by_basic=kept.by_basic)
        try:
            tokens = protocol.parse_tokens(self._post(name, kept.token_endpoint, form, pair))
        except Failure as error:  # whether the issuer has heard it is not known
            why = f"its token could not be renewed: {error.detail}"
            return Broken.because(why, error.cause, error.hint, source=SOURCE)
        except ProtocolError as error:
            if not isinstance(error, protocol.Refused) or error.code != "invalid_grant":
                sign_ins.end(name)
                why = f"its token could not be renewed: {kept.issuer} is asked, and {error}"
                return Broken.because(why, Cause.SERVER_ERROR, source=SOURCE)
            ended = kept._replace(refresh=None, ended=_why_ended(error.said, was_cut_off))
            self._store(name, ended)
            return _ended(name, ended)
        fresh = renewed(kept, tokens)
        self._store(name, fresh)
        return fresh

    def _store(self, name: str, signed_in: SignedIn) -> None:
        sign_ins = self._sign_ins()
        try:
            sign_ins.renew(name, signed_in)
        except (KeyringUnavailable, StateError) as error:
            if signed_in.ended:
                return
            why = error.message if isinstance(error, StateError) else f"{error}."
            self._notices.once(
                f"Repository {name}: its sign-in was renewed, and the new tokens cannot be kept: {why} "
                f"This command goes on with them; the next may need `{repo('login', name)}`."
            )
        else:
            sign_ins.end(name)

    def _sign_ins(self) -> SignIns:
        from poetry_repo_plugin.credentials.oauth_store import SignIns

        return SignIns(self._settings, self._gate)

    def _lock_of(self, name: str) -> threading.Lock:
        with self._lock:
            return self._locks.setdefault(name, threading.Lock())


def renewed(kept: SignedIn, tokens: TokenAnswer) -> SignedIn:
    """``kept`` with new tokens; a refresh token that is not replaced stays (RFC 6749, 6)."""
    life, ends = tokens.expires_in, end_of_token(tokens.access)
    if life is not None:
        ends = now() + timedelta(seconds=life)
    return kept._replace(
        access=tokens.access,
        refresh=tokens.refresh or kept.refresh,
        expires_at=ends,
        lifetime=life,
        account=kept.account or tokens.account,
    )


def credential_for(kept: SignedIn, url: str, name: str) -> Credential:
    """The access token as the server at ``url`` wants it: as a Bearer, or as a password."""
    profile = profile_of(url, name)
    username = profile.oauth_username if profile is not None else None
    return Credential(
        kept.access,
        username,
        SOURCE,
        _described(kept),
        BEARER if username is None else BASIC,
        kept.expires_at,
        account=kept.account,
    )


def _subject(query: Query) -> _Subject:
    return query.name, query.url, query.purpose


def _is_good(kept: SignedIn, purpose: Purpose) -> bool:
    """Whether it lasts for a while; of one that is short-lived from the beginning, a quarter."""
    if kept.expires_at is None:
        return True
    margin = RENEW_BEFORE[purpose]
    if kept.lifetime is not None:
        margin = min(margin, timedelta(seconds=kept.lifetime / 4))
    return kept.expires_at - now() > margin


def _has_ended(kept: SignedIn) -> bool:
    return kept.expires_at is not None and kept.expires_at <= now()


def _described(kept: SignedIn) -> str:
    whose = f" as {kept.account}" if kept.account else ""
    return f"signed in at {kept.issuer}{whose}"


def _why_ended(said: str, was_cut_off: bool) -> str:
    if not was_cut_off:
        return said
    return (
        f"{said}; an earlier command was stopped after it had asked for new tokens and before it "
        "could keep them"
    )


def _ended(name: str, kept: SignedIn) -> Broken:
    why = f" ({kept.ended})" if kept.ended else ", and it cannot be renewed"
    detail = f"the sign-in at {kept.issuer} has ended{why}"
    return Broken.because(detail, Cause.CREDENTIAL_EXPIRED, repo("login", name), source=SOURCE)
