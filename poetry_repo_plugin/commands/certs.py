"""``poetry repo certs``."""

from __future__ import annotations

from typing import ClassVar

from cleo.helpers import argument, option

from poetry_repo_plugin.commands.base import RepoCommand
from poetry_repo_plugin.config.repositories import Repository
from poetry_repo_plugin.core.errors import InputError
from poetry_repo_plugin.core.hints import command
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.ops.certs import Certs, Wanted, unset
from poetry_repo_plugin.ops.certs_shown import show
from poetry_repo_plugin.ops.export import export_identity
from poetry_repo_plugin.ops.handshake import try_handshake
from poetry_repo_plugin.ops.session import Session
from poetry_repo_plugin.tls.settings import SYSTEM, AskPassphrase, CaSetting

_ABOUT_KEY = ("client-key", "passphrase", "passphrase-stdin", "plaintext")
_SETTING = ("ca", "client-cert", "client-key", "passphrase", "passphrase-stdin")
_FLAGS = ("insecure", "relaxed", "plaintext")


class Command(RepoCommand):
    """Shows, checks and sets the CA and the client certificate of a repository."""

    name = "repo certs"
    description = "Set or show a repository's CA and client certificate."
    arguments: ClassVar = [argument("name", "The repository.")]
    options: ClassVar = [
        option(
            "ca",
            None,
            "A CA bundle; <c1>system</c1> for the system's store; <c1>none</c1> for the default.",
            flag=False,
        ),
        option(
            "client-cert",
            None,
            "A client certificate: PEM with or without its key, or PKCS#12.",
            flag=False,
        ),
        option("client-key", None, "Its private key, if in a separate file.", flag=False),
        option(
            "passphrase",
            None,
            "The key's passphrase (visible to others; prefer --passphrase-stdin).",
            flag=False,
        ),
        option("passphrase-stdin", None, "Read the passphrase from standard input, one line."),
        option("plaintext", None, "Store the passphrase in auth.toml, not in the keyring."),
        option("insecure", None, "Do not verify the repository's certificate. Warns on every use."),
        option("relaxed", None, "Skip Python 3.13's strict X.509 checks."),
        option("unset", None, "Forget the CA, the client certificate and the passphrase."),
        option(
            "export",
            None,
            "Write certificate and key to one PEM file, for plain Poetry or pip.",
            flag=False,
        ),
        option("no-verify", None, "Skip the test handshake."),
    ]
    help = """\
    <c1>poetry repo certs acme --ca ca.pem</c1>
    <c1>poetry repo certs acme --client-cert me.pem --client-key me.key</c1>
    <c1>poetry repo certs acme --client-cert me.p12 --passphrase-stdin</c1>
    <c1>poetry repo certs acme --export me-plain.pem</c1>     for plain Poetry
    <c1>poetry repo certs acme</c1>                           shows what is set

Everything is checked before anything is stored, and then a handshake is
tried."""

    def work(self, session: Session) -> int:
        """Show, unset, export, or check and set."""
        repository = session.catalogue.require(str(self.argument("name")), to_add=True)
        given = self.given(*_SETTING, *_FLAGS)
        for alone in self.given("unset", "export"):
            if given:
                raise InputError(f"--{alone} and --{given[0]} cannot be used together.")
        if self.option("unset"):
            unset(session, repository, self)
            return 0
        target = self.text("export")
        if target is not None:
            return self._export(session, repository, target)
        if not given:
            return self._show(session, repository)
        self._set(session, repository)
        return 0

    def _export(self, session: Session, repository: Repository, given: str) -> int:
        name, target = repository.name, self.path(given)
        if not export_identity(session, repository, target):
            self.say("Nothing was written.")
            return 1
        self.say(f"{name}: certificate and key, not encrypted, are in {target} (0600).")
        plain = command("poetry", "config", f"certificates.{name}.client-cert", str(target))
        self.say(f"For Poetry without this plugin: {plain}")
        return 0

    def _show(self, session: Session, repository: Repository) -> int:
        shown = show(session, repository)
        for label, value in shown.rows:
            self.row(f"{label:<14}{value}".rstrip(), 14)
        for error in shown.problems:
            self.fail(error)
        if shown.problems:
            return 1
        return 0

    def _set(self, session: Session, repository: Repository) -> None:
        settings = Certs(session, repository, self._wanted(), self).set()
        can_try = (repository.index_url or repository.publish_url or "").startswith("https://")
        if not settings.verify and (self.option("no-verify") or not can_try):
            risk = "anyone on the network can read and change its traffic"
            self.warn(f"{repository.name}: its certificate is not verified: {risk}.")
        if self.option("no-verify"):
            return
        error = try_handshake(session, repository, self)
        if error is not None:
            self.fail(error)

    # -- the words

    def _wanted(self) -> Wanted:
        self.only_one_of("passphrase", "passphrase-stdin")
        self.only_one_of("ca", "insecure")
        cert, key = self.text("client-cert"), self.text("client-key")
        about_key = self.given(*_ABOUT_KEY)
        return Wanted(
            ca=self._ca(),
            sets_ca=self.text("ca") is not None,
            insecure=bool(self.option("insecure")),
            relaxed=bool(self.option("relaxed")),
            client_cert=None if cert is None else self.path(cert),
            client_key=None if key is None else self.path(key),
            about_key=about_key[0] if about_key else None,
            read_passphrase=self._read_passphrase(),
            plaintext=bool(self.option("plaintext")),
            files=tuple(self._typed("client-cert", "client-key")),
            again=tuple(self._again_words()),
        )

    def _ca(self) -> CaSetting:
        given = self.text("ca")
        if given is None or given == "none":
            return None
        if given == SYSTEM:
            return SYSTEM
        return self.path(given)

    def _read_passphrase(self) -> AskPassphrase | None:
        given = self.text("passphrase")
        if given is not None:
            return lambda: Secret(given)
        if self.option("passphrase-stdin"):
            return lambda: self.read_secret_line("passphrase")
        return None

    def _typed(self, *options: str) -> list[str]:
        """Options with their values, as they were given."""
        words = []
        for option_ in self.given(*options):
            words += [f"--{option_}", self.text(option_) or ""]
        return words

    def _again_words(self) -> list[str]:
        """The options to be typed again; a passphrase comes on standard input then."""
        words = self._typed("ca", "client-cert", "client-key")
        if self.given("passphrase", "passphrase-stdin"):
            words.append("--passphrase-stdin")
        flags = self.given("plaintext", "insecure", "relaxed", "no-verify")
        return words + [f"--{flag}" for flag in flags]
