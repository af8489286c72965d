"""``repo certs``: a CA and a client certificate are checked as a whole, stored under Poetry's own
keys, then tried.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from poetry_repo_plugin.config.bindings import Kind
from poetry_repo_plugin.config.changes import Changes
from poetry_repo_plugin.config.repositories import Repository
from poetry_repo_plugin.core.errors import Cause, Failure, InputError
from poetry_repo_plugin.core.hints import Hint, repo
from poetry_repo_plugin.http.failures import failure_of
from poetry_repo_plugin.ops.certs_shown import shown_ca
from poetry_repo_plugin.ops.home import require_home
from poetry_repo_plugin.ops.passphrases import Passphrase, Passphrases
from poetry_repo_plugin.ops.session import Session, Teller
from poetry_repo_plugin.tls.settings import SYSTEM, AskPassphrase, CaSetting, TlsSettings

if TYPE_CHECKING:
    from poetry_repo_plugin.tls.identity import ClientIdentity


@dataclass(frozen=True)
class Wanted:
    """What the options of ``repo certs`` say.

    :param ca: the CA, if ``sets_ca``.
    :param about_key: the first option that is about the client key, if there is one.
    :param read_passphrase: reads the passphrase that comes with the command, if one does.
    :param plaintext: keep the passphrase in ``auth.toml``.
    :param files: the options for the client certificate and its key, as they were typed.
    :param again: all options as they were typed, a passphrase on standard input.
    """

    ca: CaSetting = None
    sets_ca: bool = False
    insecure: bool = False
    relaxed: bool = False
    client_cert: Path | None = None
    client_key: Path | None = None
    about_key: str | None = None
    read_passphrase: AskPassphrase | None = None
    plaintext: bool = False
    files: tuple[str, ...] = ()
    again: tuple[str, ...] = ()

    @property
    def changes_ca(self) -> bool:
        return self.sets_ca or self.insecure

    @property
    def changes_identity(self) -> bool:
        return self.client_cert is not None or self.about_key is not None

    @property
    def names_identity(self) -> bool:
        return self.client_cert is not None or self.client_key is not None


def unset(session: Session, repository: Repository, out: Teller) -> None:
    """Forget the CA, the client certificate and its passphrase. Raises ``StateError``."""
    name, changes = repository.name, Changes(session.settings)
    words = ("ca", "client-key", "relaxed", "certificate-origins")
    changes.save_certificates(name, {"cert": None, "client-cert": None})
    changes.save_user_settings(name, dict.fromkeys(words))
    what = "CA and client certificate"
    if Passphrases.of(session).forget(changes, name):
        what = "CA, client certificate and passphrase"
    out.say(f"{name}: {what} removed.")
    if not session.access.tls.settings_of(repository).is_default:
        others = "the environment or the project"
        if session.settings.managed.keys(name):
            others = f"managed settings, {others}"
        out.warn(f"{name}: {others} still sets what `poetry repo certs` shows.")


class Certs:
    """Sets what is wanted for one repository."""

    def __init__(
        self, session: Session, repository: Repository, wanted: Wanted, out: Teller
    ) -> None:
        self._session = session
        self._repository = repository
        self._wanted = wanted
        self._out = out
        self._before = session.access.tls.settings_of(repository)

    def set(self) -> TlsSettings:
        """Check, then store; what is set now. Raises :class:`Failure`, ``RepoError``."""
        session, repository = self._session, self._repository
        self._refuse_locked()
        settings = self._chosen()
        passphrase = self._passphrase()
        settings = replace(settings, passphrase=passphrase)
        if self._wanted.names_identity:
            require_home(session.bindings, repository, Kind.CERTIFICATE, session.confirm)
        self._check(settings, passphrase)
        self._store(settings, passphrase)
        return settings

    def _refuse_locked(self) -> None:
        managed, name = self._session.settings.managed, self._repository.name
        if self._wanted.changes_ca or self._wanted.relaxed:
            managed.refuse_locked(name, "ca")
        if self._wanted.names_identity:
            managed.refuse_locked(name, "client-cert")

    def _chosen(self) -> TlsSettings:
        """What was set before, with what is wanted."""
        wanted, settings = self._wanted, self._before
        if wanted.sets_ca:  # `relaxed` was for the CA before
            settings = replace(settings, ca=wanted.ca, verify=True, relaxed=False)
        if wanted.insecure:
            settings = replace(settings, ca=None, verify=False)
        if wanted.relaxed:
            settings = replace(settings, relaxed=True)
        if wanted.client_cert is not None:
            settings = replace(settings, client_cert=wanted.client_cert, client_key=None)
        if wanted.client_key is not None:
            settings = replace(settings, client_key=wanted.client_key)
        if wanted.about_key is not None and settings.client_cert is None:
            hint = repo("certs", self._repository.name, "--client-cert", "PATH", *wanted.again)
            message = f"There is no client certificate that --{wanted.about_key} could belong to."
            raise InputError(message, hint)
        return settings

    def _passphrase(self) -> Passphrase:
        read = self._wanted.read_passphrase
        if read is not None:
            return Passphrase(read())
        return Passphrase(find=self._before.passphrase)

    # -- checking

    def _check(self, settings: TlsSettings, passphrase: Passphrase) -> None:
        """Check what is new, and that alone: what was set before has its own command to mend it."""
        warnings: list[str] = []
        try:
            if self._wanted.changes_ca:
                warnings += check(TlsSettings(settings.ca, verify=settings.verify))
            if self._wanted.changes_identity:
                warnings += self._check_identity(settings, passphrase)
        except Failure as error:
            raise failure_of(error, self._repository, hint=self._mending(error)) from None
        for warning in warnings:
            self._out.warn(f"{self._repository.name}: {warning}.")

    def _check_identity(self, settings: TlsSettings, passphrase: Passphrase) -> list[str]:
        """A passphrase that is kept may be of the certificate before: then a person is asked for
        the new one.
        """
        session, repository = self._session, self._repository
        new = replace(settings, ca=None, verify=False)
        told = partial(session.access.tls.warn_of_end, repository)
        try:
            return check(new, told)
        except Failure as error:
            is_given = passphrase.given is not None
            is_kept = not is_given and session.typed_passphrase(repository.name) is None
            if error.cause is not Cause.PASSPHRASE_WRONG or not is_kept:
                raise
            typed = session.ask_passphrase(repository)
            if typed is None:
                kept = "the passphrase that is kept for it"
                detail = error.detail.replace("the passphrase", kept, 1)
                raise Failure(error.cause, detail, subject=error.subject) from None
        passphrase.correct(typed)
        return check(new, told)

    def _mending(self, error: Failure) -> Hint | None:
        """The command with a passphrase, where that is what a new client certificate lacks."""
        about_passphrase = error.cause in (Cause.PASSPHRASE_MISSING, Cause.PASSPHRASE_WRONG)
        if not about_passphrase or self._wanted.client_cert is None:
            return None
        name, files = self._repository.name, self._wanted.files
        return repo("certs", name, "--passphrase-stdin", *files)

    # -- storing

    def _store(self, settings: TlsSettings, passphrase: Passphrase) -> None:
        wanted, repository = self._wanted, self._repository
        changes = Changes(self._session.settings)
        if wanted.names_identity:
            self._session.bindings.record_for_login(
                repository.name, repository.bindable, Kind.CERTIFICATE, changes=changes
            )
        _note(changes, repository.name, wanted, settings)
        if wanted.changes_identity:
            self._keep_passphrase(passphrase, changes)
        else:
            changes.commit()
        self._tell(settings)

    def _tell(self, settings: TlsSettings) -> None:
        name, wanted, before = self._repository.name, self._wanted, self._before.ca
        if not settings.verify and before is not None:
            was = shown_ca(before)
            self._out.say(f"{name}: its CA, {was}, is no longer used; restore it with --ca.")
        if wanted.changes_ca and settings.verify:
            self._out.say(f"{name}: its CA is {shown_ca(settings.ca)}.")
        if wanted.changes_identity:
            files = str(settings.client_cert)
            if settings.client_key is not None:
                files += f" with the key {settings.client_key}"
            self._out.say(f"{name}: its client certificate is {files}.")
        if wanted.relaxed:
            self._out.say(f"{name}: Python 3.13's strict X.509 checks are off.")

    def _keep_passphrase(self, passphrase: Passphrase, changes: Changes) -> None:
        """Keep it in the keyring, or where that was asked for in plain text, and write ``changes``.

        One that nobody needs is not kept.
        """
        name, plaintext = self._repository.name, self._wanted.plaintext
        passphrases = Passphrases.of(self._session)
        typed = self._session.typed_passphrase(name)
        if not passphrase.was_needed:
            passphrases.forget(changes, name)
            if passphrase.given is not None:
                self._out.say(f"{name}: the key is not encrypted; the passphrase is not stored.")
            return
        secret = passphrase.given
        if passphrase.given is None:
            secret = typed
        if secret is None and plaintext:
            secret = passphrase()
        if secret is None:  # it is kept already, or in the environment
            changes.commit()
            return
        try:
            place = passphrases.keep(changes, name, secret, plaintext=plaintext)
        except InputError as error:
            if typed is None:
                hint = repo("certs", name, *self._wanted.again, "--plaintext")
                raise InputError(f"{error.message} Nothing was stored.", hint) from None
            changes.commit()
            self._out.warn(error.message)
            return
        self._out.say(f"{name}: the passphrase is stored in {place}.")


def check(
    settings: TlsSettings, seen: Callable[[ClientIdentity], None] = lambda identity: None
) -> list[str]:
    """Parse everything that ``settings`` name: the CA is one, the key fits, the passphrase opens
    it, nothing expired.

    :param seen: told of the client certificate; what is to be said of its end is not in the result.

    Returns what is odd but works, each a clause. Raises ``Failure``.
    """
    from poetry_repo_plugin.tls.context import build_context
    from poetry_repo_plugin.tls.trust import load_ca

    warnings: list[str] = []
    identities: list[ClientIdentity] = []
    if isinstance(settings.ca, Path):
        warnings.extend(load_ca(settings.ca).warnings())
    build_context(settings, seen=identities.append, closely=True)
    for identity in identities:
        warnings.extend(identity.warnings)
        seen(identity)
    return [warning.rstrip(".") for warning in warnings]


def _note(changes: Changes, name: str, wanted: Wanted, settings: TlsSettings) -> None:
    """Note what is to be kept: paths where ``poetry config`` keeps them, the rest in our file."""
    keys: dict[str, str | bool | None] = {}
    own: dict[str, object] = {}
    if wanted.changes_ca or wanted.relaxed:
        own["relaxed"] = settings.relaxed or None
    if wanted.changes_ca:
        keys["cert"] = _text(settings.ca)
        if not settings.verify:
            keys["cert"] = False
        own["ca"] = None
        if settings.ca == SYSTEM:
            keys["cert"], own["ca"] = None, SYSTEM
    if wanted.names_identity:
        keys["client-cert"] = _text(settings.client_cert)
        own["client-key"] = _text(settings.client_key)
    if keys:
        changes.save_certificates(name, keys)
    changes.save_user_settings(name, own)


def _text(path: Path | str | None) -> str | None:
    if path is None:
        return None
    return str(path)
