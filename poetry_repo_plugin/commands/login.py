"""``poetry repo login``."""

from __future__ import annotations

from typing import ClassVar

from cleo.helpers import argument, option

from poetry_repo_plugin.commands.base import RepoCommand
from poetry_repo_plugin.config.repositories import Repository
from poetry_repo_plugin.config.user_settings import OAuthSettings
from poetry_repo_plugin.core.errors import Failure, InputError, RepoError
from poetry_repo_plugin.core.headers import Header, Headers, fault_of, refusal_of
from poetry_repo_plugin.core.hints import Hint, export, repo
from poetry_repo_plugin.core.names import is_pypi, no_choice
from poetry_repo_plugin.core.origin import Origin, split_userinfo
from poetry_repo_plugin.core.pasted import oddity_of
from poetry_repo_plugin.core.prompts import ask, ask_secret
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.core.servers import PROVIDERS, TOKEN_USER
from poetry_repo_plugin.core.variables import env_key
from poetry_repo_plugin.core.wrapping import width_of
from poetry_repo_plugin.credentials.base import Credential
from poetry_repo_plugin.ops.credential_store import check_username
from poetry_repo_plugin.ops.helper_login import Tried, try_helper, try_provider
from poetry_repo_plugin.ops.home import profile_at
from poetry_repo_plugin.ops.login import Login
from poetry_repo_plugin.ops.login_target import Target, find_target
from poetry_repo_plugin.ops.session import Session
from poetry_repo_plugin.ops.sign_in import FLOWS, Client, SignIn, known_secret, require_keyring

OAUTH_WORDS = ("client-id", "scope", "audience", "flow", "client-secret-stdin")
SECRETS = ("password", "password-stdin", "token", "token-stdin")


class Command(RepoCommand):
    """Asks the repository whether it accepts a credential, and keeps it if it does."""

    name = "repo login"
    description = "Log in to a repository; only accepted logins are stored."
    arguments: ClassVar = [
        argument("name", "The repository."),
        argument(
            "words",
            "The helper's arguments, after <c1>--helper</c1>.",
            optional=True,
            multiple=True,
        ),
    ]
    options: ClassVar = [
        option("username", "u", "The user name.", flag=False),
        option(
            "password",
            "p",
            "The password (visible to others on this machine; prefer --password-stdin).",
            flag=False,
        ),
        option("password-stdin", None, "Read the password from standard input, one line."),
        option(
            "token",
            None,
            "An API token (visible to others on this machine; prefer --token-stdin).",
            flag=False,
        ),
        option("token-stdin", None, "Read an API token from standard input, one line."),
        option(
            "helper", None, "Ask this credential helper instead of storing a secret.", flag=False
        ),
        option(
            "protocol",
            None,
            "The helper's protocol: bazel, git or exec-credential. Detected automatically if omitted.",
            flag=False,
        ),
        option(
            "header",
            None,
            "Also send this header, such as X-Api-Key; asks for its value. May be repeated.",
            flag=False,
            multiple=True,
        ),
        option("header-stdin", None, "Read each header's value from standard input, one line."),
        option(
            "provider",
            None,
            f"Get tokens from a vendor's tool: {', '.join(PROVIDERS)}.",
            flag=False,
        ),
        option(
            "oauth",
            None,
            "Sign in with your company's account, at this issuer (a URL).",
            flag=False,
        ),
        option("client-id", None, "The client ID to sign in with.", flag=False),
        option(
            "scope",
            None,
            "A scope to request for the token; may be repeated.",
            flag=False,
            multiple=True,
        ),
        option("audience", None, "The audience to request the token for.", flag=False),
        option("flow", None, f"How to sign in: {' or '.join(FLOWS)}.", flag=False),
        option(
            "client-secret-stdin",
            None,
            "Read the secret of a confidential client from standard input, one line.",
        ),
        option("url", None, "Another URL that the credential may be sent to.", flag=False),
        option("plaintext", None, "Store it in auth.toml, not in the keyring."),
        option("no-verify", None, "Store it without checking it first."),
    ]
    help = """\
    <c1>poetry repo login acme</c1>                              asks for the rest
    <c1>echo $TOKEN | poetry repo login acme --token-stdin</c1>  in a script
    <c1>poetry repo login pypi --token-stdin</c1>                to publish to PyPI
    <c1>poetry repo login acme --provider aws</c1>               asks `aws`
    <c1>poetry repo login acme --helper "vault-helper ci"</c1>   asks a helper
    <c1>poetry repo login acme --oauth ISSUER --client-id ID</c1>  single sign-on
    <c1>poetry repo login acme --header X-Api-Key</c1>           for a gateway

The credential belongs to the hosts of the repository as it is known now. A
project that uses the same name for another host does not get it; <c1>--url</c1>
adds a host."""

    def work(self, session: Session) -> int:
        """Find out what to store and for whom, ask, then store."""
        self._check_words()
        target = find_target(session, str(self.argument("name")), self._url(), self)
        session.catalogue.check_url(target.repository, target.url)
        self._refuse_locked(session, target)
        login = Login(session, target, self, verify=not self.option("no-verify"))
        wanted = self._wanted(session, target)
        try:
            login.require_home()
            self._log_in(session, target, login, wanted)
        except Failure as error:
            said = login.explain(error)
            self.fail(error)
            self.say(said)
            return 1
        return 0

    def _log_in(
        self, session: Session, target: Target, login: Login, wanted: OAuthSettings | None
    ) -> None:
        plaintext = bool(self.option("plaintext"))
        if self.given("helper", "provider"):
            login.headers = self._headers(session, target.repository)
            login.with_helper(self._try_helper(target))
        elif self.given(*SECRETS, "username"):
            self._reach(session, login)
            credential = self._credential(session, target.repository)
            login.headers = self._headers(session, target.repository)
            login.with_secret(credential, plaintext=plaintext)
        elif self.given("header"):
            self._reach(session, login)
            login.headers = self._headers(session, target.repository)
            login.with_headers(plaintext=plaintext)
        elif wanted is not None:
            self._sign_in(session, login, target, wanted)
        elif not login.extend():
            self._reach(session, login)
            credential = self._credential(session, target.repository)
            login.with_secret(credential, plaintext=plaintext)

    def _reach(self, session: Session, login: Login) -> None:
        if session.terminal and not self.given(*SECRETS, "header-stdin"):
            login.reach()

    # -- the words

    def _check_words(self) -> None:
        self._check_headers()
        self.only_one_of(*SECRETS, "helper", "provider", "oauth")
        for word in self.given(*OAUTH_WORDS, "oauth"):
            for other in (*SECRETS, "helper", "provider", "username", "header"):
                self.only_one_of(word, other)
        if (flow := self.text("flow")) is not None and flow not in FLOWS:
            raise no_choice(flow, "a way to sign in", FLOWS)
        for word in self.given("helper", "provider"):
            for other in ("username", "plaintext"):
                self.only_one_of(word, other)
        if self.given("protocol") and not self.given("helper"):
            hint = repo("login", "NAME", "--helper", "COMMAND")
            raise InputError("--protocol goes with --helper only.", hint)
        if self.argument("words") and not self.given("helper"):
            raise self._too_many_words()

    def _too_many_words(self) -> InputError:
        """``login NAME USER PASSWORD``: what is a secret there cannot be told, so nothing of it is
        said again.
        """
        name = str(self.argument("name"))
        if self.terminal:
            message = "Give only the name of the repository; user name and password are asked for."
            return InputError(message, repo("login", name))
        message = "Give the user name with --username, and the password on standard input."
        return InputError(message, repo("login", name, "--username", "USER", "--password-stdin"))

    def _check_headers(self) -> None:
        names: list[str] = self.option("header") or []
        if self.option("header-stdin") and not names:
            hint = repo("login", "NAME", "--header", "X-Api-Key", "--header-stdin")
            raise InputError("--header-stdin needs the name of a header.", hint)
        for name in names:
            if any(mark in name for mark in ":= \t"):  # what follows may be the secret
                hint = repo("login", "NAME", "--header", "X-Api-Key")
                message = "--header takes only a name; the value is asked for. Nothing was stored."
                raise InputError(message, hint)
            why = refusal_of(name)
            if why is not None:
                raise InputError(f"The header {name} cannot be set: {why}. Nothing was stored.")

    def _headers(self, session: Session, repository: Repository) -> Headers:
        """The further headers, with their values from a prompt or standard input."""
        names = {name.lower(): name for name in self.option("header") or []}
        on_stdin = bool(self.option("header-stdin"))
        if names and not on_stdin and not session.terminal:
            message = "There is no terminal to prompt on; pass the values on standard input."
            words = [word for name in names.values() for word in ("--header", name)]
            hint = repo("login", repository.name, *words, "--header-stdin")
            raise InputError(message, hint)
        found = []
        for name in names.values():
            if on_stdin:
                value = self.read_secret_line(f"value of {name}")
            else:
                value = ask_secret(f"{name} for {repository.name} ({repository.host}): ")
            fault = fault_of(value.reveal())
            if fault is not None:
                raise InputError(f"{name} cannot be sent: {fault}. Nothing was stored.")
            found.append(Header(name, value))
        return tuple(found)

    def _url(self) -> str | None:
        given = self.text("url")
        if given is None:
            return None
        bare, username, _ = split_userinfo(given)
        Origin.of(bare)
        if username is not None:
            raise InputError(
                "Leave the credentials out of --url; give them with --username and --password-stdin."
            )
        return bare

    def _refuse_locked(self, session: Session, target: Target) -> None:
        """Stop where the administrator says who is asked for the credential, or where it goes."""
        managed, name = session.settings.managed, target.repository.name
        entry = managed.says.entry(name)
        theirs = [key for key in ("helper", "provider", "oauth") if key in entry]
        if self.given("helper", "provider"):
            managed.refuse_locked(name, *(theirs or self.given("helper", "provider")))
        if self.given("oauth", "client-id", "scope", "audience"):
            managed.refuse_locked(name, "oauth")
        is_plain = target.added is None and "oauth" not in (*theirs, *self.given("oauth"))
        if is_plain or self.given(*SECRETS, "username"):
            managed.refuse_locked(name, *theirs)
        home = session.bindings.home(name)
        if target.added is not None and home.stranger_among([target.added]) is not None:
            managed.refuse_locked(name, "url")

    def _try_helper(self, target: Target) -> Tried:
        """What a helper or provider hands out, asked once."""
        repository, helper = target.repository, self.text("helper")
        if helper is None:
            return try_provider(repository, self.text("provider") or "", target.url)
        words = self.argument("words") or []
        return try_helper(repository, helper, self.text("protocol"), target.url, words)

    # -- the company's account

    def _wanted(self, session: Session, target: Target) -> OAuthSettings | None:
        """Where and as which client to sign in: the words given, completed by what is set.

        ``None`` for any other login. Raises :class:`InputError` for half of it.
        """
        repository = target.repository
        if self.given(*SECRETS, "helper", "provider", "username"):
            return None
        known = session.settings.user_settings(repository.name).oauth
        issuer, words = self.text("oauth"), self.given(*OAUTH_WORDS)
        if issuer is None and known is None:
            if words:
                message = f"--{words[0]} goes with --oauth only."
                raise InputError(message, repo("login", repository.name, "--oauth", "ISSUER"))
            return None
        base = known if known is not None and issuer in (None, known.issuer) else OAuthSettings()
        wanted = OAuthSettings(
            issuer or base.issuer,
            self.text("client-id") or base.client_id,
            tuple(self.option("scope") or ()) or base.scopes,
            self.text("audience") or base.audience,
        )
        missing = "--oauth"
        if wanted.issuer:
            missing = ""
            if not wanted.client_id:
                missing = "--client-id"
        if missing:
            told = ["--oauth", wanted.issuer or "ISSUER", "--client-id", wanted.client_id or "ID"]
            hint = repo("login", repository.name, *told)
            raise InputError(f"{missing} is missing: neither given nor set.", hint)
        if is_pypi(repository.name):
            raise InputError(f"{repository.name} takes API tokens.", repo("login", repository.name))
        return wanted

    def _sign_in(
        self, session: Session, login: Login, target: Target, wanted: OAuthSettings
    ) -> None:
        """Let a person sign in, and keep what comes of it. Without one nothing is opened, and
        nothing waits.
        """
        name, plaintext = target.repository.name, bool(self.option("plaintext"))
        if not self.terminal_for_person:
            key = f"POETRY_HTTP_BASIC_{env_key(name)}"
            hint = export(**{f"{key}_USERNAME": "USER", f"{key}_PASSWORD": "PASSWORD"})
            message = (
                f"Signing in at {wanted.issuer} needs a terminal, and there is none. "
                f"On a terminal, run `{self._signing_in(session, name, wanted)}`."
            )
            raise InputError(message, hint)
        if self.text("oauth") is None:
            login.require_word(wanted.issuer)
        try:
            if not plaintext:
                require_keyring(session, name)
            secret = known_secret(session, name, wanted)
            if self.option("client-secret-stdin"):
                secret = self.read_secret_line("client secret")
            client, flow = Client(wanted, secret), self.text("flow")
            login.is_verifiable = False
            found = SignIn(session.access, target.repository, client, self, flow=flow).run()
            login.is_verifiable = True
            login.with_sign_in(found, wanted, plaintext=plaintext)
        except RepoError as error:
            words = error.hint.commands[0] if error.hint else ()
            if words[:4] == ("poetry", "repo", "login", name):
                error.hint = self._signing_in(session, name, wanted).adding(*words[4:])
            raise

    def _signing_in(self, session: Session, name: str, wanted: OAuthSettings) -> Hint:
        """The login that does the same once more: what is set need not be said."""
        words: list[str] = []
        if session.settings.user_settings(name).oauth != wanted:
            words += ["--oauth", wanted.issuer, "--client-id", wanted.client_id]
            for scope in wanted.scopes:
                words += ["--scope", scope]
            words += ["--audience", wanted.audience] if wanted.audience else []
        url = self.text("url")
        words += ["--url", url] if url is not None else []
        flags = ("client-secret-stdin", "plaintext", "no-verify")
        return repo("login", name, *words, *(f"--{flag}" for flag in self.given(*flags)))

    @property
    def terminal_for_person(self) -> bool:
        """Whether a person is there; the client's secret may come from a pipe."""
        if not self.option("client-secret-stdin"):
            return self.terminal
        return self.io.is_interactive() and width_of(self.io.error_output) is not None

    # -- the secret

    def _credential(self, session: Session, repository: Repository) -> Credential:
        secret_given = bool(self.given(*SECRETS))
        if not secret_given and not session.terminal:
            message = "There is no terminal to prompt on; pass the secret on standard input."
            raise InputError(message, self._with_all(repository))
        username = self.text("username")
        if username is not None:
            check_username(username)
        if self.given("token", "token-stdin"):
            return self._token(repository, self._secret("token"), username)
        if username is None:
            username = repository.url_username
        if username is None and session.terminal:
            username = self._ask_username(session, repository, secret_given=secret_given)
            if username is None:
                return self._token(repository, self._tell_odd("token", ask_secret("Token: ")), None)
            check_username(username)
        if username is None:
            raise InputError("--username is missing.", self._with_all(repository))
        if secret_given:
            return Credential(self._secret("password"), username, "option", "the command line")
        secret = ask_secret(f"Password of {username} for {repository.name} ({repository.host}): ")
        return Credential(self._tell_odd("password", secret), username, "option", "the terminal")

    def _ask_username(
        self, session: Session, repository: Repository, *, secret_given: bool
    ) -> str | None:
        """The user name that a person types, or the one that is stored; ``None`` for a token."""
        self.say(f"Log in to {repository.name} ({repository.host}).")
        known = self._known_username(session, repository)
        if known is not None:
            return ask(f"User name [{known}]: ") or known
        if secret_given:
            return ask("User name: ")
        return ask("User name (empty for a token): ") or None

    @staticmethod
    def _known_username(session: Session, repository: Repository) -> str | None:
        profile, stored = profile_at(repository), session.settings.login(repository.name)
        is_token = profile is not None and profile.token_is_username
        if stored is None or is_token or stored.username in ("", TOKEN_USER):
            return None
        if stored.secret is not None and not stored.secret:  # then the name may be the secret
            return None
        return stored.username

    def _tell_odd(self, what: str, secret: Secret) -> Secret:
        """``secret`` as it is; what looks like a slip of the clipboard is told."""
        odd = oddity_of(secret.reveal())
        if odd is not None:
            self.warn(f"The {what} {odd}; it is used as it is.")
        return secret

    def _with_all(self, repository: Repository) -> Hint:
        """This command with all that it needs: what was said already, and the secret on standard
        input.
        """
        profile, username = profile_at(repository), self.text("username")
        if profile is not None and profile.token_is_username:  # it may be the secret
            username = None
        words = ["--username", username or "USER", "--password-stdin"]
        url = self.text("url")
        words += ["--url", url] if url is not None else []
        words += [f"--{flag}" for flag in ("plaintext", "no-verify") if self.option(flag)]
        return repo("login", repository.name, *words)

    def _secret(self, what: str) -> Secret:
        given = self.text(what)
        secret = Secret(given) if given is not None else self.read_secret_line(what)
        return self._tell_odd(what, secret)

    @staticmethod
    def _token(repository: Repository, token: Secret, username: str | None) -> Credential:
        """A token with the user name that its server wants beside it, unless one was given."""
        if not token:
            raise InputError("The token is empty.")
        profile = profile_at(repository)
        if username is None and profile is not None and profile.token_is_username:
            return Credential(Secret(""), token.reveal(), "option", "the command line")
        known = None
        if profile is not None:
            known = profile.token_username
        return Credential(token, username or known or TOKEN_USER, "option", "the command line")
