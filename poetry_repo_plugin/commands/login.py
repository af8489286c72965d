"""``poetry repo login``."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import ClassVar

from cleo.helpers import argument, option

from poetry_repo_plugin.commands.base import RepoCommand
from poetry_repo_plugin.config.bindings import Kind
from poetry_repo_plugin.config.project import PROVIDERS
from poetry_repo_plugin.config.repositories import Repository
from poetry_repo_plugin.config.settings import TOKEN_USER
from poetry_repo_plugin.core import names
from poetry_repo_plugin.core.errors import Cause, Failure, InputError
from poetry_repo_plugin.core.hints import Hint, repo
from poetry_repo_plugin.core.origin import Origin, Prefix, split_userinfo
from poetry_repo_plugin.core.prompts import ask, ask_secret
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.core.servers import PYPI, TESTPYPI, Profile, profile_of
from poetry_repo_plugin.core.times import remaining
from poetry_repo_plugin.credentials.base import Credential
from poetry_repo_plugin.credentials.helper_protocols import HelperIdentity
from poetry_repo_plugin.http.checks import Verdict, check_login
from poetry_repo_plugin.ops import further
from poetry_repo_plugin.ops.credential_store import check_username
from poetry_repo_plugin.ops.helper_login import Tried, judge, keep, try_helper, try_provider
from poetry_repo_plugin.ops.precedence import ahead
from poetry_repo_plugin.ops.session import Session

SECRETS = ("password", "password-stdin", "token", "token-stdin")
_UNASKED = (
    *(Cause.DNS, Cause.REFUSED, Cause.TIMEOUT, Cause.PROXY, Cause.SERVER_ERROR),
    *(Cause.NOT_AN_INDEX, Cause.NOT_AN_UPLOAD_URL),
)


@dataclass(frozen=True)
class Aim:
    """For whom a login is, and who is asked.

    :param url: of the index, or for uploads, that is asked.
    :param added: the same, if it was given and the repository may not have it yet.
    :param is_new: nothing had a URL for the name before.
    """

    repository: Repository
    url: str
    added: str | None = None
    is_new: bool = False

    @property
    def bindable(self) -> list[str]:
        """What a new credential belongs to: with ``--url``, that and what the user's own settings name, but not what
        a project's file says, where nobody was asked.
        """
        return self.repository.bindable if self.added is None else [self.added, *self.repository.user_urls]


class Command(RepoCommand):
    """Asks the repository whether it accepts a credential, and keeps it if it does."""

    name = "repo login"
    description = "Log in to a repository; only what it accepts is stored."
    arguments: ClassVar = [
        argument("name", "The repository."),
        argument("words", "Words of the helper's command, behind <c1>--helper</c1>.", optional=True, multiple=True),
    ]
    options: ClassVar = [
        option("username", "u", "The user name.", flag=False),
        option("password", "p", "The password (others on this machine see it; better: --password-stdin).", flag=False),
        option("password-stdin", None, "Read the password from standard input, one line."),
        option("token", None, "An API token (others on this machine see it; better: --token-stdin).", flag=False),
        option("token-stdin", None, "Read an API token from standard input, one line."),
        option("helper", None, "Ask this credential helper instead of storing a secret.", flag=False),
        option(
            "protocol",
            None,
            "What the helper speaks: bazel, git or exec-credential. Found out if left out.",
            flag=False,
        ),
        option("provider", None, f"Ask a cloud's own tool: {', '.join(PROVIDERS)}.", flag=False),
        option("url", None, "A further URL that the credential belongs to.", flag=False),
        option("plaintext", None, "Keep it in auth.toml, not in the keyring."),
        option("no-verify", None, "Store it without asking the repository."),
    ]
    help = """\
    <c1>poetry repo login acme</c1>                              asks for the rest
    <c1>echo $TOKEN | poetry repo login acme --token-stdin</c1>  in a script
    <c1>poetry repo login pypi --token-stdin</c1>                to publish to PyPI
    <c1>poetry repo login acme --provider aws</c1>               asks `aws`
    <c1>poetry repo login acme --helper "vault-helper ci"</c1>   asks a helper

The credential belongs to the hosts of the repository as it is known now. A
project that uses the same name for another host does not get it; <c1>--url</c1>
adds a host."""

    def work(self, session: Session) -> int:
        """Find out what to store and for whom, ask, then store."""
        self._check_words()
        aim = self._aim(session)
        session.catalogue.check_url(aim.repository, aim.url)
        try:
            if aim.added is None:
                urls = dict.fromkeys([aim.url, *aim.bindable])
                further.require_home(session.bindings, aim.repository, Kind.CREDENTIAL, session.confirm, urls=urls)
            if self.given("helper", "provider"):
                self._set_helper(session, aim)
            elif not self._extend(session, aim):
                self._log_in(session, aim)
        except Failure as error:
            error.hint = further.mending(error.hint, aim.repository, aim.added, is_new=aim.is_new)
            self.fail(error)
            ignored = Cause.CREDENTIAL_REJECTED if session.access.ignored_codes(aim.repository) else None
            unasked = error.cause in (*_UNASKED, ignored)
            if error.cause is Cause.CREDENTIAL_REJECTED and error.status == 403:
                unasked = True  # some servers, object stores among them, show their root to nobody
            self.say("Nothing was stored." + (" --no-verify stores it unasked." if unasked else ""))
            return 1
        return 0

    # -- the words -----------------------------------------------------------------------------------------------------

    def _check_words(self) -> None:
        self.only_one_of(*SECRETS, "helper", "provider")
        for word in self.given("helper", "provider"):
            for other in ("username", "plaintext"):
                self.only_one_of(word, other)
        for word in ("words", "protocol"):
            if not self.given("helper") and (self.argument(word) if word == "words" else self.given(word)):
                what = "Further words" if word == "words" else "--protocol"
                raise InputError(f"{what} go with --helper only.", repo("login", "NAME", "--helper", "COMMAND"))

    def _aim(self, session: Session) -> Aim:
        """A repository that is new is known to this command only, until it stores."""
        given, url = str(self.argument("name")), self._url()
        if url is None:
            repository = session.catalogue.require(given, to_add=True)
            target = repository.index_url or repository.publish_url
            if names.is_pypi(repository.name):  # its index is open: what is handed out is for uploads
                target = repository.publish_url
            if target is None:
                raise InputError(f"No URL is known for {repository.name!r}.", repo("add", repository.name, "URL"))
            return Aim(repository, target)
        if names.is_pypi(given):
            raise InputError("The URLs of PyPI are built into Poetry; nothing can be added to them.")
        found = session.catalogue.find(given)
        if found is not None and found.urls:
            return Aim(found, url, url)
        name = found.name if found is not None else session.new_name(given)
        session.access.places.add_live(name, url)
        return Aim(session.catalogue.get(name), url, url, is_new=True)

    def _url(self) -> str | None:
        given = self.text("url")
        if given is None:
            return None
        bare, username, _ = split_userinfo(given)
        Origin.of(bare)
        if username is not None:
            raise InputError("Leave the credentials out of --url; give them with --username and --password-stdin.")
        return bare

    # -- a secret ------------------------------------------------------------------------------------------------------

    def _log_in(self, session: Session, aim: Aim) -> None:
        repository, name = aim.repository, aim.repository.name
        credential = self._credential(session, repository)
        verdict = self._verdict(session, aim, credential)
        token_is_user = _is_token_user(_profile(repository), credential)
        self._remember(session, aim)
        stored = session.logins.store(
            name,
            credential.username or "",
            credential.secret,
            aim.bindable,
            plaintext=bool(self.option("plaintext")) or token_is_user,  # Poetry keeps user names in its files
            further=aim.added is not None,
        )
        host = Origin.of(aim.url).netloc
        if token_is_user or credential.username == TOKEN_USER:
            who = "with a token"
        elif not credential.secret:
            who = "with an empty password"  # whose user name may be a token
        else:
            who = f"as {credential.username}" if credential.username else "with an empty user name"
        if verdict is Verdict.ACCEPTED:
            self.say(f"Logged in to {name} ({host}) {who}; stored in {stored.place}.")
        else:
            self.say(f"{name} ({host}): a login {who} is stored in {stored.place}, not verified.")
        self._tell_verdict(name, verdict)
        if _profile(repository) in (PYPI, TESTPYPI) and credential.username != TOKEN_USER:
            self.warn(f"{name} takes API tokens, no account's password. Try: {repo('login', name, '--token-stdin')}")
        for where, urls in ahead(session.access, repository, credential).items():
            self.warn(f"{name}: {where} holds another credential, which goes to {' and '.join(urls)} instead of this.")
        if len({prefix.origin for prefix in stored.bound}) > 1:
            self.say(f"It is sent to {' and '.join(map(str, stored.bound))}, and nowhere else.")

    def _credential(self, session: Session, repository: Repository) -> Credential:
        secret_given = bool(self.given(*SECRETS))
        if not secret_given and not session.terminal:
            message = "There is no terminal to ask on; give the secret on standard input."
            raise InputError(message, self._with_all(repository))
        username = self.text("username")
        if username is not None:
            check_username(username)
        if self.given("token", "token-stdin"):
            return self._token(repository, self._secret("token"), username)
        if username is None:
            username = repository.url_username
        if username is None and session.terminal:
            self.say(f"Log in to {repository.name} ({repository.host}).")
            username = ask("User name: " if secret_given else "User name (empty for a token): ")
            if not username and not secret_given:
                return self._token(repository, ask_secret("Token: "), None)
            check_username(username)
        if username is None:
            raise InputError("--username is missing.", self._with_all(repository))
        if secret_given:
            return Credential(self._secret("password"), username, "option", "the command line")
        secret = ask_secret(f"Password of {username} for {repository.name} ({repository.host}): ")
        return Credential(secret, username, "option", "the terminal")

    def _with_all(self, repository: Repository) -> Hint:
        """This command with all that it needs: what was said already, and the secret on standard input."""
        profile, username = _profile(repository), self.text("username")
        if profile is not None and profile.token_is_username:  # it may be the secret
            username = None
        words = ["--username", username or "USER", "--password-stdin"]
        url = self.text("url")
        words += ["--url", url] if url is not None else []
        words += [f"--{flag}" for flag in ("plaintext", "no-verify") if self.option(flag)]
        return repo("login", repository.name, *words)

    def _secret(self, what: str) -> Secret:
        given = self.text(what)
        return Secret(given) if given is not None else self.read_secret_line(what)

    @staticmethod
    def _token(repository: Repository, token: Secret, username: str | None) -> Credential:
        """A token with the user name that its server wants beside it, unless one was given."""
        if not token:
            raise InputError("The token is empty.")
        profile = _profile(repository)
        if username is None and profile is not None and profile.token_is_username:
            return Credential(Secret(""), token.reveal(), "option", "the command line")
        known = profile.token_username if profile is not None else None
        return Credential(token, username or known or TOKEN_USER, "option", "the command line")

    # -- a helper or provider ------------------------------------------------------------------------------------------

    def _set_helper(self, session: Session, aim: Aim) -> None:
        """Try a helper or provider once, let the repository judge what it hands out, then keep its name."""
        repository, helper = aim.repository, self.text("helper")
        found = (
            try_helper(repository, helper, self.text("protocol"), aim.url, self.argument("words") or [])
            if helper is not None
            else try_provider(repository, self.text("provider") or "", aim.url)
        )
        if found.unsent:
            names_of = ", ".join(found.unsent)
            self.warn(f"{repository.name}: its helper also hands out {names_of}; only Authorization is sent.")
        found, verdict = self._judged(session, aim, found)
        own = {**dict.fromkeys(("helper", "helper-protocol", "provider")), **found.own}
        self._remember(session, aim)
        session.bindings.record_for_login(repository.name, aim.bindable, further=aim.added is not None)
        session.settings.save_own(repository.name, own)
        until = found.credential.expires_at if found.credential is not None else None
        good = f"good for {remaining(until)}" if until is not None else ""
        if keep(session.access, found):
            tail = f"; what it handed out is {good} and in the keyring until then."
        else:
            tail = f"{f'; what it handed out is {good}' if good else ''}. Nothing secret was stored."
        self.say(f"{repository.name} ({Origin.of(aim.url).netloc}) asks {found.what}{tail}")
        self._tell_verdict(repository.name, verdict)

    # -- a further URL -------------------------------------------------------------------------------------------------

    def _extend(self, session: Session, aim: Aim) -> bool:
        """Take what is stored to a further URL, if that is all that is wanted; whether it was done."""
        if aim.added is None or self.given(*SECRETS, "username"):
            return False
        repository, own = aim.repository, session.settings.own_for(aim.repository.name)
        credential = further.stored(session.settings, session.gate, session.bindings, repository)
        has_identity = session.access.tls.has_identity(repository)
        if credential is not None or own.helper:
            if own.helper:
                tried = try_helper(repository, shlex.join(own.helper), own.helper_protocol, aim.url)
                tried, verdict = self._judged(session, aim, tried)
                credential = tried.credential
            else:
                verdict = self._verdict(session, aim, credential)
            self._tell_verdict(repository.name, verdict)
            further.bind(session.access, repository, Kind.CREDENTIAL, aim.added)
        elif not has_identity or not further.is_open(session.trial(repository.name, aim.added), repository, aim.url):
            return False
        if has_identity:
            further.bind(session.access, repository, Kind.CERTIFICATE, aim.added)
        secret = "the stored credential" if credential is not None else "the client certificate"
        what = "what its helper hands out" if own.helper else secret
        self.say(f"{repository.name}: {what} now belongs to {Prefix.of_index(aim.added)} as well.")
        return True

    # -- both ----------------------------------------------------------------------------------------------------------

    def _verdict(
        self, session: Session, aim: Aim, credential: Credential | None, identity: HelperIdentity | None = None
    ) -> Verdict | None:
        if self.option("no-verify") or (credential is None and identity is None):
            return None
        if not names.is_pypi(aim.repository.name):
            self.asking(aim.url)
        access = session.access
        if aim.added is not None:
            access = session.trial(aim.repository.name, aim.added)
        if identity is not None:
            access.tls.lend(aim.repository.name, identity)
        if credential is None:
            further.is_open(access, aim.repository, aim.url)  # raises where the client certificate is refused
            return None
        return check_login(access, aim.repository, aim.url, credential)

    def _judged(self, session: Session, aim: Aim, found: Tried) -> tuple[Tried, Verdict | None]:
        def ask(one: Tried) -> Verdict | None:
            return self._verdict(session, aim, one.credential, one.identity)

        return judge(aim.repository, found, ask, session.notices.once)

    def _tell_verdict(self, name: str, verdict: Verdict | None) -> None:
        if verdict not in (None, Verdict.ACCEPTED):
            self.warn(f"{name}: {verdict.value}.")

    @staticmethod
    def _remember(session: Session, aim: Aim) -> None:
        """A new repository is remembered now, and the client certificate belongs to the further URL as well."""
        if aim.is_new:
            session.settings.save_own(aim.repository.name, {"url": aim.added})
        if aim.added is not None and session.access.tls.has_identity(aim.repository):
            further.bind(session.access, aim.repository, Kind.CERTIFICATE, aim.added)


def _profile(repository: Repository) -> Profile | None:
    url = repository.index_url or repository.publish_url
    return profile_of(url, repository.name) if url else None


def _is_token_user(profile: Profile | None, credential: Credential) -> bool:
    """Whether the user name is the token itself, so that it is never printed."""
    return profile is not None and profile.token_is_username and not credential.secret
