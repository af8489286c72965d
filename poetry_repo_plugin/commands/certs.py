"""``poetry repo certs``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import ClassVar

from cleo.helpers import argument, option

from poetry_repo_plugin.commands.base import RepoCommand
from poetry_repo_plugin.config.bindings import Kind
from poetry_repo_plugin.config.changes import Changes
from poetry_repo_plugin.config.repositories import Repository
from poetry_repo_plugin.core.errors import Cause, Failure, InputError
from poetry_repo_plugin.core.hints import command, repo
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.http.checks import ask, index_page
from poetry_repo_plugin.http.contexts import expiry_warning
from poetry_repo_plugin.http.failures import failure_of
from poetry_repo_plugin.ops import certs as certificates
from poetry_repo_plugin.ops.export import export_identity
from poetry_repo_plugin.ops.home import require_home
from poetry_repo_plugin.ops.session import Session
from poetry_repo_plugin.tls.settings import SOON, SYSTEM, AskPassphrase, CaSetting, TlsSettings


@dataclass(frozen=True)
class Wish:
    """What the options ask for, beside what is set already.

    :param passphrase: knows the key's passphrase, if the key turns out to need one.
    """

    settings: TlsSettings
    passphrase: Passphrase
    sets_ca: bool
    sets_identity: bool


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
        option("client-key", None, "Its key, where that is a file of its own.", flag=False),
        option(
            "passphrase",
            None,
            "The key's passphrase (visible to others; better: --passphrase-stdin).",
            flag=False,
        ),
        option("passphrase-stdin", None, "Read the passphrase from standard input, one line."),
        option("plaintext", None, "Keep the passphrase in auth.toml, not in the keyring."),
        option("insecure", None, "Do not verify the repository's certificate. Warns on every use."),
        option("relaxed", None, "Leave out the stricter X.509 checks of Python 3.13."),
        option("unset", None, "Forget the CA, the client certificate and the passphrase."),
        option(
            "export",
            None,
            "Write certificate and key to one PEM file, for plain Poetry or pip.",
            flag=False,
        ),
        option("no-verify", None, "Do not try a handshake."),
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
        """Show, unset, or check and set."""
        repository = session.catalogue.require(str(self.argument("name")), to_add=True)
        given = self.given(
            "ca",
            "client-cert",
            "client-key",
            "passphrase",
            "passphrase-stdin",
            "insecure",
            "relaxed",
            "plaintext",
        )
        if self.option("unset"):
            return self._unset(session, repository, given)
        target = self.text("export")
        if target is not None:
            return self._export(session, repository, self.path(target), given)
        if not given:
            return self._show(session, repository)
        wish = self._wish(session, repository)
        if self.given("client-cert", "client-key"):
            require_home(session.bindings, repository, Kind.CERTIFICATE, session.confirm)
        self._check(session, repository, wish)
        self._store(session, repository, wish)
        self._try(session, repository, wish)
        return 0

    def _unset(self, session: Session, repository: Repository, given: list[str]) -> int:
        if given:
            raise InputError(f"--unset and --{given[0]} cannot be used together.")
        changes = Changes(session.settings)
        certificates.note_unset(changes, repository.name)
        gone = self._passphrases(session).forget(changes, repository.name)
        what = "no CA, client certificate or passphrase" if gone else "no CA or client certificate"
        self.say(f"{repository.name}: {what} is set any more.")
        if not session.access.tls.settings_of(repository).is_default:
            self.warn(
                f"{repository.name}: the environment or the project still sets what `poetry repo certs` shows."
            )
        return 0

    def _export(
        self, session: Session, repository: Repository, target: Path, given: list[str]
    ) -> int:
        if given:
            raise InputError(f"--export and --{given[0]} cannot be used together.")
        name, exists = repository.name, target.exists()
        if exists and not session.terminal:
            raise InputError(f"{target} exists already; name another file.")
        replaced = ", in the place of what is there" if exists else ""
        question = f"{target} will hold the private key of {name}, unencrypted{replaced}. Write it?"
        if session.terminal and not session.confirm(question):
            self.say("Nothing was written.")
            return 1
        try:
            export_identity(session.access.tls.settings_of(repository), target)
        except Failure as error:
            raise self._failure(repository, error) from None
        self.say(f"{name}: certificate and key, not encrypted, are in {target} (0600).")
        plain = command("poetry", "config", f"certificates.{name}.client-cert", str(target))
        self.say(f"For Poetry without this plugin: {plain}")
        return 0

    # -- showing

    def _show(self, session: Session, repository: Repository) -> int:
        from poetry_repo_plugin.credentials.passphrase import known_passphrase

        settings = session.access.tls.settings_of(repository)
        known = partial(known_passphrase, session.settings, session.gate, repository.name)
        unverified, _ = session.access.tls.unverified(repository.name)
        shown = certificates.show(
            replace(settings, passphrase=known), settings.passphrase, unverified
        )
        for label, value in shown.rows:
            self.row(f"{label:<14}{value}".rstrip())
        for facts in shown.client:
            if settings.client_cert is not None and facts.days_left() < SOON:
                session.notices.once(expiry_warning(repository.name, settings.client_cert, facts))
        for error in shown.problems:
            self.fail(self._failure(repository, error))
        return 1 if shown.problems else 0

    # -- setting

    def _wish(self, session: Session, repository: Repository) -> Wish:
        self.only_one_of("passphrase", "passphrase-stdin")
        self.only_one_of("ca", "insecure")
        settings = session.access.tls.settings_of(repository)
        ca, client_cert, client_key = (
            self.text(word) for word in ("ca", "client-cert", "client-key")
        )
        if ca is not None:
            settings = replace(settings, relaxed=False)  # which was for the CA before
            chosen: CaSetting = None if ca == "none" else SYSTEM if ca == SYSTEM else self.path(ca)
            settings = replace(settings, ca=chosen, verify=True)
        if self.option("insecure"):
            settings = replace(settings, ca=None, verify=False)
        if self.option("relaxed"):
            settings = replace(settings, relaxed=True)
        if client_cert is not None:
            settings = replace(settings, client_cert=self.path(client_cert), client_key=None)
        if client_key is not None:
            settings = replace(settings, client_key=self.path(client_key))
        about_key = self.given("client-key", "passphrase", "passphrase-stdin", "plaintext")
        if about_key and settings.client_cert is None:
            raise InputError(
                f"There is no client certificate that --{about_key[0]} could belong to.",
                repo("certs", repository.name, "--client-cert", "PATH", *self._words()),
            )
        passphrase = self._passphrase(settings)
        settings = replace(settings, passphrase=passphrase)
        sets_identity = client_cert is not None or bool(about_key)
        return Wish(
            settings, passphrase, ca is not None or bool(self.option("insecure")), sets_identity
        )

    def _words(self) -> list[str]:
        """The options as they were given, to be typed again; a passphrase comes on standard input
        then.
        """
        words = []
        for word in self.given("ca", "client-cert", "client-key"):
            words += [f"--{word}", self.text(word) or ""]
        if self.given("passphrase", "passphrase-stdin"):
            words.append("--passphrase-stdin")
        return words + [
            f"--{flag}" for flag in self.given("plaintext", "insecure", "relaxed", "no-verify")
        ]

    def _passphrase(self, settings: TlsSettings) -> Passphrase:
        given = self.text("passphrase")
        if given is not None:
            return Passphrase(Secret(given))
        if self.option("passphrase-stdin"):
            return Passphrase(self.read_secret_line("passphrase"))
        return Passphrase(find=settings.passphrase)

    def _check(self, session: Session, repository: Repository, wish: Wish) -> None:
        """Check what is new, and that alone: what was set before has its own command to mend it."""
        settings, warnings = wish.settings, []
        try:
            if wish.sets_ca:
                warnings += certificates.check(TlsSettings(settings.ca, verify=settings.verify))
            if wish.sets_identity:
                warnings += self._check_identity(session, repository, wish)
        except Failure as error:
            raise self._failure(repository, error) from None
        for warning in warnings:
            self.warn(f"{repository.name}: {warning}.")

    @staticmethod
    def _check_identity(session: Session, repository: Repository, wish: Wish) -> list[str]:
        """A passphrase that is kept may be of the certificate before: then a person is asked for
        the new one.
        """
        new, passphrase = replace(wish.settings, ca=None, verify=False), wish.passphrase
        check = partial(
            certificates.check, new, partial(session.access.tls.warn_of_end, repository)
        )
        try:
            return check()
        except Failure as error:
            is_kept = passphrase.given is None and session.typed_passphrase(repository.name) is None
            if error.cause is not Cause.PASSPHRASE_WRONG or not is_kept:
                raise
            typed = session.ask_passphrase(repository)
            if typed is None:
                what = error.detail.replace(
                    "the passphrase", "the passphrase that is kept for it", 1
                )
                raise Failure(error.cause, what, subject=error.subject) from None
        passphrase.correct(typed)
        return check()

    def _failure(self, repository: Repository, error: Failure) -> Failure:
        """What is wrong with a file is a failure of the repository that it is set for."""
        hint = None
        if error.cause in (Cause.PASSPHRASE_MISSING, Cause.PASSPHRASE_WRONG) and self.given(
            "client-cert"
        ):
            hint = repo("certs", repository.name, "--passphrase-stdin")
            for word in self.given("client-cert", "client-key"):
                hint = hint.adding(f"--{word}", self.text(word) or "")
        return failure_of(error, repository, hint=hint)

    def _store(self, session: Session, repository: Repository, wish: Wish) -> None:
        name, settings = repository.name, wish.settings
        before = session.access.tls.settings_of(repository).ca
        changes = Changes(session.settings)
        if self.given("client-cert", "client-key"):
            session.bindings.record_for_login(
                name, repository.bindable, Kind.CERTIFICATE, changes=changes
            )
        certificates.note(changes, name, settings, ca=wish.sets_ca, identity=wish.sets_identity)
        if wish.sets_identity:
            self._keep_passphrase(session, name, wish.passphrase, changes)
        else:
            changes.commit()
        if not settings.verify and before is not None:
            self.say(f"{name}: its CA, {_shown(before)}, is used no more; --ca sets it again.")
        if wish.sets_ca and settings.verify:
            self.say(f"{name}: its CA is {_shown(settings.ca)}.")
        if wish.sets_identity:
            key = f" with the key {settings.client_key}" if settings.client_key is not None else ""
            self.say(f"{name}: its client certificate is {settings.client_cert}{key}.")
        if self.option("relaxed"):
            self.say(f"{name}: the stricter X.509 checks of Python 3.13 are left out.")

    def _keep_passphrase(
        self, session: Session, name: str, passphrase: Passphrase, changes: Changes
    ) -> None:
        """Keep it in the keyring, or where that was asked for in plain text, and write ``changes``.

        One that nobody needs is not kept.
        """
        plaintext, typed = bool(self.option("plaintext")), session.typed_passphrase(name)
        if not passphrase.was_needed:
            self._passphrases(session).forget(changes, name)
            if passphrase.given is not None:
                self.say(f"{name}: the key is not encrypted; the passphrase is not kept.")
            return
        secret = passphrase.given if passphrase.given is not None else typed
        if secret is None and plaintext:
            secret = passphrase()
        if secret is None:  # it is kept already, or in the environment
            changes.commit()
            return
        try:
            place = self._passphrases(session).keep(changes, name, secret, plaintext=plaintext)
        except InputError as error:
            if typed is None:
                hint = repo("certs", name, *self._words(), "--plaintext")
                raise InputError(f"{error.message} Nothing was stored.", hint) from None
            changes.commit()
            self.warn(error.message)
            return
        self.say(f"{name}: the passphrase is kept in {place}.")

    @staticmethod
    def _passphrases(session: Session) -> certificates.Passphrases:
        return certificates.Passphrases(session.settings, session.gate, session.notices)

    # -- trying

    def _try(self, session: Session, repository: Repository, wish: Wish) -> None:
        """A handshake with what is stored now; one that fails is told with its cause, and is no
        error.
        """
        name, url = repository.name, repository.index_url or repository.publish_url
        if self.option("no-verify") or url is None or not url.startswith("https://"):
            if not wish.settings.verify:
                self.warn(
                    f"{name}: its certificate is not verified: whoever sits on the way can read and change all."
                )
            if not self.option("no-verify"):
                why = "no URL is known for it" if url is None else f"{url} is not https"
                self.warn(f"{name}: no handshake was tried, because {why}.")
            return
        session.catalogue.check_url(repository, url)
        self.asking(url)
        try:
            response = ask(session.access, repository, index_page(url), anonymous=True)
        except Failure as error:
            if error.cause is Cause.CREDENTIAL_MISSING:  # it answers, and asks for a login
                self.say(f"{name}: the handshake with {repository.host} works.")
                return
            self.warn(f"{name}: stored, but a handshake with {repository.host} fails:")
            self.fail(error)
            return
        self.say(f"{name}: the handshake with {repository.host} works ({response.status_code}).")


def _shown(ca: CaSetting) -> str:
    return "Poetry’s default" if ca is None else "the system’s store" if ca == SYSTEM else str(ca)


class Passphrase:
    """The passphrase of a key: found out once, and only if the key needs one.

    :param given: as it was given with this command.
    :param find: finds it where it is kept, or asks.
    """

    def __init__(self, given: Secret | None = None, find: AskPassphrase | None = None) -> None:
        self.given = given
        self.was_needed = False
        self._find = find
        self._found = given

    def __call__(self) -> Secret | None:
        """It, or ``None`` where nobody knows it."""
        if not self.was_needed and self._found is None and self._find is not None:
            self._found = self._find()
        self.was_needed = True
        return self._found

    def correct(self, typed: Secret) -> None:
        """What was found is of another key; this is the right one."""
        self._found = typed
