"""``poetry repo login``."""

from __future__ import annotations

from typing import ClassVar

from cleo.helpers import argument, option

from poetry_repo_plugin.commands.base import RepoCommand
from poetry_repo_plugin.config.repositories import Repository
from poetry_repo_plugin.config.settings import TOKEN_USER
from poetry_repo_plugin.core.errors import Failure, InputError
from poetry_repo_plugin.core.hints import Hint, repo
from poetry_repo_plugin.core.origin import Origin, split_userinfo
from poetry_repo_plugin.core.prompts import ask, ask_secret
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.core.servers import PROVIDERS
from poetry_repo_plugin.credentials.base import Credential
from poetry_repo_plugin.ops.credential_store import check_username
from poetry_repo_plugin.ops.helper_login import Tried, try_helper, try_provider
from poetry_repo_plugin.ops.home import profile_at
from poetry_repo_plugin.ops.login import Login, Target, find_target
from poetry_repo_plugin.ops.session import Session

SECRETS = ("password", "password-stdin", "token", "token-stdin")


class Command(RepoCommand):
    """Asks the repository whether it accepts a credential, and keeps it if it does."""

    name = "repo login"
    description = "Log in to a repository; only what it accepts is stored."
    arguments: ClassVar = [
        argument("name", "The repository."),
        argument(
            "words",
            "Words of the helper's command, behind <c1>--helper</c1>.",
            optional=True,
            multiple=True,
        ),
    ]
    options: ClassVar = [
        option("username", "u", "The user name.", flag=False),
        option(
            "password",
            "p",
            "The password (others on this machine see it; better: --password-stdin).",
            flag=False,
        ),
        option("password-stdin", None, "Read the password from standard input, one line."),
        option(
            "token",
            None,
            "An API token (others on this machine see it; better: --token-stdin).",
            flag=False,
        ),
        option("token-stdin", None, "Read an API token from standard input, one line."),
        option(
            "helper", None, "Ask this credential helper instead of storing a secret.", flag=False
        ),
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
        target = find_target(session, str(self.argument("name")), self._url(), self)
        session.catalogue.check_url(target.repository, target.url)
        login = Login(session, target, self, verify=not self.option("no-verify"))
        try:
            login.require_home()
            if self.given("helper", "provider"):
                login.with_helper(self._try_helper(target))
            elif self.given(*SECRETS, "username") or not login.extend():
                credential = self._credential(session, target.repository)
                login.with_secret(credential, plaintext=bool(self.option("plaintext")))
        except Failure as error:
            said = login.explain(error)
            self.fail(error)
            self.say(said)
            return 1
        return 0

    # -- the words

    def _check_words(self) -> None:
        self.only_one_of(*SECRETS, "helper", "provider")
        for word in self.given("helper", "provider"):
            for other in ("username", "plaintext"):
                self.only_one_of(word, other)
        for word in ("words", "protocol"):
            if not self.given("helper") and (
                self.argument(word) if word == "words" else self.given(word)
            ):
                what = "Further words" if word == "words" else "--protocol"
                raise InputError(
                    f"{what} go with --helper only.", repo("login", "NAME", "--helper", "COMMAND")
                )

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

    def _try_helper(self, target: Target) -> Tried:
        """What a helper or provider hands out, asked once."""
        repository, helper = target.repository, self.text("helper")
        if helper is None:
            return try_provider(repository, self.text("provider") or "", target.url)
        words = self.argument("words") or []
        return try_helper(repository, helper, self.text("protocol"), target.url, words)

    # -- the secret

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
        return Secret(given) if given is not None else self.read_secret_line(what)

    @staticmethod
    def _token(repository: Repository, token: Secret, username: str | None) -> Credential:
        """A token with the user name that its server wants beside it, unless one was given."""
        if not token:
            raise InputError("The token is empty.")
        profile = profile_at(repository)
        if username is None and profile is not None and profile.token_is_username:
            return Credential(Secret(""), token.reveal(), "option", "the command line")
        known = profile.token_username if profile is not None else None
        return Credential(token, username or known or TOKEN_USER, "option", "the command line")
