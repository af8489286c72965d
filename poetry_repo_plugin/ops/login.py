"""``repo login``: ask the repository what it says to a secret, then keep it, bound to where it
belongs.
"""

from __future__ import annotations

import shlex
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from poetry_repo_plugin.config.bindings import Kind
from poetry_repo_plugin.config.changes import Changes
from poetry_repo_plugin.config.user_settings import OAUTH, OAuthSettings
from poetry_repo_plugin.core import names
from poetry_repo_plugin.core.errors import Cause, Failure, RepoError
from poetry_repo_plugin.core.headers import Headers, names_of
from poetry_repo_plugin.core.hints import Hint, repo
from poetry_repo_plugin.core.origin import Origin, Prefix
from poetry_repo_plugin.core.servers import PYPI, TESTPYPI, TOKEN_USER
from poetry_repo_plugin.core.times import remaining
from poetry_repo_plugin.credentials.base import Credential, Query
from poetry_repo_plugin.credentials.helper_protocols import HelperIdentity
from poetry_repo_plugin.credentials.oauth import credential_for
from poetry_repo_plugin.credentials.stored import StoredSource
from poetry_repo_plugin.http.asking import ask, index_page
from poetry_repo_plugin.http.checks import Verdict, check_login
from poetry_repo_plugin.ops.helper_login import Tried, judge, keep, try_helper
from poetry_repo_plugin.ops.home import bind, is_open, profile_at, require_home, require_word
from poetry_repo_plugin.ops.login_target import Target
from poetry_repo_plugin.ops.precedence import ahead
from poetry_repo_plugin.ops.session import Session, Teller

if TYPE_CHECKING:
    from poetry_repo_plugin.credentials.oauth_store import SignedIn

# What a repository fails with that has not judged the credential.
_NOT_ASKED = frozenset(
    {
        *(Cause.DNS, Cause.REFUSED, Cause.TIMEOUT, Cause.PROXY, Cause.SERVER_ERROR),
        *(Cause.NOT_AN_INDEX, Cause.NOT_AN_UPLOAD_URL),
    }
)


_ANSWERED = frozenset(
    {
        *(Cause.CREDENTIAL_MISSING, Cause.CREDENTIAL_REJECTED, Cause.FORBIDDEN),
        *(Cause.NOT_AN_INDEX, Cause.NOT_AN_UPLOAD_URL, Cause.SERVER_ERROR),
        Cause.ORIGIN_MISMATCH,
    }
)


class Login:
    """One login.

    :param verify: whether the repository is asked before anything is stored.
    :ivar headers: further headers, to be kept as well.
    :ivar is_verifiable: there is something that could be stored without asking the repository.
    """

    headers: Headers = ()
    is_verifiable: bool = True

    def __init__(self, session: Session, target: Target, out: Teller, *, verify: bool) -> None:
        self._session = session
        self._target = target
        self._out = out
        self._verify = verify
        self._repository = target.repository
        self._name = target.repository.name
        self._profile = profile_at(target.repository)

    def require_home(self) -> None:
        """Stop before a secret goes where only a project puts the name. Raises :class:`Failure`."""
        target, session = self._target, self._session
        if target.added is None:
            urls = dict.fromkeys([target.url, *target.bindable])
            kind = Kind.CREDENTIAL
            require_home(session.bindings, self._repository, kind, session.confirm, urls=urls)

    def require_word(self, issuer: str) -> None:
        """The same for the token of an issuer that is set, before anybody signs in there."""
        target, session = self._target, self._session
        if target.added is None:
            repository, url = self._repository, target.url
            require_word(session.bindings, repository, url, issuer, session.confirm)

    def reach(self) -> None:
        """Connect before a person types a secret: one that cannot be tried is typed for nothing.

        Raises :class:`Failure` where there is no connection.
        """
        url = self._target.url
        if not self._verify or names.is_pypi(self._name) or not url.startswith("https://"):
            return
        access = self._session.access
        if self._target.added is not None:
            access = self._session.trial(self._name, self._target.added)
        try:
            ask(access, self._repository, index_page(url), anonymous=True)
        except Failure as error:
            if error.status is None and error.cause not in _ANSWERED:
                raise

    def with_secret(self, credential: Credential, *, plaintext: bool) -> None:
        """Ask the repository, and keep what it accepts. Raises :class:`Failure`, ``StateError``."""
        verdict = self._ask(credential)
        token_is_user = self._is_token_user(credential)
        changes = self._remembered()
        with self._keeping_headers(changes, plaintext=plaintext):
            stored = self._session.logins.store(
                self._name,
                credential.username or "",
                credential.secret,
                self._target.bindable,
                plaintext=plaintext or token_is_user,  # Poetry keeps user names in its files
                further=self._target.added is not None,
                changes=changes,
            )
        self._tell_login(self._who(credential), stored.place, verdict)
        self._warn_of_others(credential)
        self._tell_places(stored.bound)

    def with_headers(self, *, plaintext: bool) -> None:
        """The same with further headers alone; what is stored already goes with them."""
        verdict = self._ask(None)
        changes = self._remembered()
        with self._keeping_headers(changes, plaintext=plaintext) as place:
            changes.commit()
        self._tell_login("", place, verdict)
        self._tell_places(tuple(self._session.bindings.of(self._name, Kind.HEADERS)))

    def with_helper(self, found: Tried) -> None:
        """Let the repository judge what a helper or provider hands out, then keep its name."""
        if found.unsent:
            headers = ", ".join(found.unsent)
            self._out.warn(
                f"{self._name}: its helper also hands out {headers}, which steers the request and "
                "is not sent."
            )
        session, target = self._session, self._target
        found, verdict = self._judge(found)
        unset = dict.fromkeys(("helper", "helper-protocol", "provider", OAUTH))
        changes = self._remembered()
        with self._keeping_headers(changes):
            urls, added = target.bindable, target.added is not None
            session.bindings.record_for_login(self._name, urls, further=added, changes=changes)
            changes.save_user_settings(self._name, {**unset, **found.own})
            changes.commit()
        session.logins.leave_account(self._name)
        self._tell_helper(found, is_kept=keep(session.access, found))
        self._tell_verdict(verdict)

    def with_sign_in(self, found: SignedIn, settings: OAuthSettings, *, plaintext: bool) -> None:
        """Let the repository judge the token of a sign-in, then keep that, bound to its origins.

        Raises :class:`Failure`, ``StateError``, ``InputError`` where it cannot be kept; what was
        handed out is ended at the issuer then.
        """
        session, target = self._session, self._target
        try:
            credential = credential_for(found, target.url, self._name)
            verdict = self._ask(credential)
            place = session.logins.keep_sign_in(
                self._name,
                found,
                target.bindable,
                plaintext=plaintext,
                further=target.added is not None,
                changes=self._remembered(),
                settings=settings,
            )
        except RepoError:
            from poetry_repo_plugin.ops.sign_out import revoke_tokens

            revoke_tokens(session.access, self._repository, found, self._out)
            raise
        whose = f" as {found.account}" if found.account else ""
        host = Origin.of(target.url).netloc
        is_in = "Logged in to" if verdict is Verdict.ACCEPTED else "Signed in for"
        self._out.say(f"{is_in} {self._name} ({host}){whose}; the tokens are stored in {place}.")
        if plaintext:
            self._out.warn(f"The tokens are in plain text in {place}.")
        if found.refresh is None and found.expires_at is not None:
            left = remaining(found.expires_at)
            self._out.warn(f"{self._name}: it cannot be renewed; the token is good for {left}.")
        self._tell_verdict(verdict)
        self._warn_of_others(credential)

    def extend(self) -> bool:
        """Take what is stored to a further URL; ``False`` where nothing is stored that could be."""
        session, added = self._session, self._target.added
        if added is None:
            return False
        repository, access = self._repository, session.access
        own = session.settings.user_settings(self._name)
        helper, headers = own.helper, own.headers
        has_identity = access.tls.has_identity(repository)
        credential = self._stored()
        if helper:
            credential = self._try_again(helper)
        elif credential is not None or headers:
            self._tell_verdict(self._ask(credential, with_stored_headers=bool(headers)))
        elif not has_identity or not is_open(session.trial(self._name, added), repository, added):
            return False
        with Changes(session.settings) as changes:
            if helper or credential is not None:
                bind(access, repository, Kind.CREDENTIAL, added, changes)
            if headers:
                bind(access, repository, Kind.HEADERS, added, changes)
            if has_identity:
                bind(access, repository, Kind.CERTIFICATE, added, changes)
        what = "the client certificate" if credential is None else "the stored credential"
        if helper:
            what = "what its helper hands out"
        elif credential is None and headers:
            what = " and ".join(headers)
        place = Prefix.of_index(added)
        self._out.say(f"{self._name}: {what} now belongs to {place} as well.")
        return True

    def explain(self, error: Failure) -> str:
        """Mend the hint of ``error``, because nothing is stored; what is said after it."""
        error.hint = _mending(error, self._target, names_of(self.headers))
        unjudged = error.cause in _NOT_ASKED
        if error.cause is Cause.CREDENTIAL_REJECTED:
            # Some servers, object stores among them, show their root to nobody.
            ignored = self._session.access.ignored_codes(self._repository)
            unjudged = error.status == 403 or bool(ignored)
        if unjudged and self.is_verifiable:
            return "Nothing was stored. Use --no-verify to store it without checking."
        return "Nothing was stored."

    # -- asking

    def _ask(
        self,
        credential: Credential | None,
        identity: HelperIdentity | None = None,
        *,
        with_stored_headers: bool = False,
    ) -> Verdict | None:
        """What the repository says; ``None`` where it was not asked, or takes a certificate
        alone.
        """
        has_headers = with_stored_headers or bool(self.headers)
        if not self._verify or (credential is None and identity is None and not has_headers):
            return None
        target, session = self._target, self._session
        if not names.is_pypi(self._name):
            self._out.asking(target.url)
        access = session.access
        if target.added is not None:
            access = session.trial(self._name, target.added)
        if identity is not None:
            access.tls.lend(self._name, identity)
        if self.headers:
            access.stored_headers.lend(self._name, target.url, self.headers)
        if credential is None and not has_headers:
            is_open(access, self._repository, target.url)  # or it raises
            return None
        return check_login(access, self._repository, target.url, credential)

    def _judge(self, found: Tried) -> tuple[Tried, Verdict | None]:
        def ask(one: Tried) -> Verdict | None:
            return self._ask(one.credential, one.identity)

        return judge(self._repository, found, ask, self._session.notices.once)

    def _try_again(self, helper: tuple[str, ...]) -> Credential | None:
        """What the helper that is set says for the further URL."""
        protocol = self._session.settings.user_settings(self._name).helper_protocol
        tried = try_helper(self._repository, shlex.join(helper), protocol, self._target.url)
        tried, verdict = self._judge(tried)
        self._tell_verdict(verdict)
        return tried.credential

    def _stored(self) -> Credential | None:
        """What is stored under the repository's name, wherever it is bound to."""
        session, repository = self._session, self._repository
        bound = session.bindings.of(self._name, Kind.CREDENTIAL)
        url = repository.index_url or repository.publish_url or ""
        if bound:
            url = str(bound[0])
        source = StoredSource(session.settings, session.gate, session.bindings)
        answer = source.get(Query(self._name, url))
        if isinstance(answer, Credential):
            return answer
        return None

    def _keeping_headers(
        self, changes: Changes, *, plaintext: bool = False
    ) -> AbstractContextManager[str]:
        """Keep the further headers together with ``changes``; gives where, as
        :meth:`HeaderStore.keeping` does.
        """
        if not self.headers:
            return nullcontext("")
        return self._session.header_store.keeping(
            self._name,
            self.headers,
            self._target.bindable,
            changes,
            plaintext=plaintext,
            further=self._target.added is not None,
        )

    def _remembered(self) -> Changes:
        """Note that a new repository is remembered, and that its certificate belongs to the further
        URL.
        """
        target, session = self._target, self._session
        changes = Changes(session.settings)
        if target.is_new:
            changes.save_user_settings(self._name, {"url": target.added})
        if target.added is not None and session.access.tls.has_identity(self._repository):
            bind(session.access, self._repository, Kind.CERTIFICATE, target.added, changes)
        return changes

    # -- telling

    def _tell_login(self, who: str, place: str, verdict: Verdict | None) -> None:
        """Say what was stored for whom, and where."""
        host = Origin.of(self._target.url).netloc
        names = " and ".join(names_of(self.headers))
        if names:
            who = f"{who}, with {names}" if who else f"with {names}"
        if verdict is Verdict.ACCEPTED:
            self._out.say(f"Logged in to {self._name} ({host}) {who}; stored in {place}.")
        else:
            self._out.say(
                f"{self._name} ({host}): a login {who} is stored in {place}, not verified."
            )
        self._tell_verdict(verdict)

    def _tell_places(self, bound: tuple[Prefix, ...]) -> None:
        if len({prefix.origin for prefix in bound}) > 1:
            places = " and ".join(map(str, bound))
            self._out.say(f"It is sent to {places}, and nowhere else.")

    def _tell_verdict(self, verdict: Verdict | None) -> None:
        if verdict is not None and verdict is not Verdict.ACCEPTED:
            self._out.warn(f"{self._name}: {verdict.value}.")

    def _tell_helper(self, found: Tried, *, is_kept: bool) -> None:
        until = found.credential.expires_at if found.credential is not None else None
        tail = ". Nothing secret was stored."
        if until is not None:
            good = f"; its credential is valid for {remaining(until)}"
            tail = f"{good} and in the keyring until then." if is_kept else f"{good}{tail}"
        host = Origin.of(self._target.url).netloc
        self._out.say(f"{self._name} ({host}) asks {found.what}{tail}")

    def _who(self, credential: Credential) -> str:
        if self._is_token_user(credential) or credential.username == TOKEN_USER:
            return "with a token"
        if not credential.secret:
            return "with an empty password"  # whose user name may be a token
        if not credential.username:
            return "with an empty user name"
        return f"as {credential.username}"

    def _is_token_user(self, credential: Credential) -> bool:
        """Whether the user name is the token itself, so that it is never printed."""
        profile = self._profile
        return profile is not None and profile.token_is_username and not credential.secret

    def _warn_of_others(self, credential: Credential) -> None:
        if self._profile in (PYPI, TESTPYPI) and credential.username != TOKEN_USER:
            hint = repo("login", self._name, "--token-stdin")
            self._out.warn(f"{self._name} takes API tokens, not account passwords. Try: {hint}")
        found = ahead(self._session.access, self._repository, credential)
        for where, urls in found.items():
            goes = " and ".join(urls)
            self._out.warn(
                f"{self._name}: {where} holds another credential, which goes to {goes} instead of this."
            )


def _mending(error: Failure, target: Target, headers: tuple[str, ...]) -> Hint | None:
    """The hint where a login with headers, or to a further URL, has failed: the next command must
    say that again. A server that asks for a credential as well gets both at once.
    """
    hint, name = error.hint, target.repository.name
    words = hint.commands[0] if hint is not None else ()
    if headers and words == ("poetry", "repo", "login", name):
        again = [word for header in headers for word in ("--header", header)]
        user = ("--username", "USER") if error.cause is Cause.CREDENTIAL_MISSING else ()
        hint = repo("login", name, *again, *user)
        words = hint.commands[0]
    if hint is None or target.added is None:
        return hint
    if headers and words[:4] == ("poetry", "repo", "login", name):
        return repo("login", name, "--url", target.added, *words[4:])
    if words[:4] == ("poetry", "repo", "login", name) and words[4:5] in ((), ("--helper",)):
        return repo("login", name, "--url", target.added, *words[4:])
    if target.is_new and words[:3] == ("poetry", "repo", "certs"):
        return repo("add", name, target.added).then(hint)
    return hint
