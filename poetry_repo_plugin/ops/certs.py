"""A repository's CA and client certificate: checked as a whole, then stored under Poetry's own
keys.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from poetry_repo_plugin.config.changes import Changes
from poetry_repo_plugin.config.settings import Settings
from poetry_repo_plugin.core.errors import Cause, Failure, InputError, StateError
from poetry_repo_plugin.core.notices import Notices
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.core.variables import env_key
from poetry_repo_plugin.credentials.keyring import KeyringGate, KeyringUnavailable
from poetry_repo_plugin.credentials.keyring_services import PASSPHRASE, OwnService
from poetry_repo_plugin.ops.credential_store import commit, not_quite
from poetry_repo_plugin.tls.certificate import CertificateFacts
from poetry_repo_plugin.tls.settings import SOON, AskPassphrase, TlsSettings

if TYPE_CHECKING:
    from poetry_repo_plugin.tls.identity import ClientIdentity

_IN_KEYRING = "passphrase-in-keyring"


@dataclass(frozen=True)
class Shown:
    """What is set, for a person.

    :param rows: label by label.
    :param problems: the files that do not do.
    :param client: what the client certificate says, where it can be read.
    """

    rows: list[tuple[str, str]] = field(default_factory=list)
    problems: list[Failure] = field(default_factory=list)
    client: list[CertificateFacts] = field(default_factory=list)


def check(
    settings: TlsSettings, seen: Callable[[ClientIdentity], None] = lambda identity: None
) -> list[str]:
    """Parse everything that ``settings`` name: the CA is one, the key fits, the passphrase opens
    it, nothing expired.

    :param seen: told of the client certificate; what is to be said of its end is not in the result.

    Returns what is odd but works, each a clause. Raises ``Failure``.
    """
    from pathlib import Path

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


def show(
    settings: TlsSettings, ask: AskPassphrase | None = None, unverified: str = "--insecure"
) -> Shown:
    """What is set; a file that does not do hides nothing of the others.

    :param ask: asks for the passphrase of a file that cannot be shown without it.
    :param unverified: what switches verification off, if that is so.
    """
    shown = Shown()
    shown.rows.append(("verified", "yes" if settings.verify else f"NO ({unverified})"))
    if settings.relaxed:
        shown.rows.append(("checks", "relaxed (without the stricter X.509 checks of Python 3.13)"))
    for part in (_show_ca, _show_client):
        try:
            part(settings, shown, ask)
        except Failure as error:
            if error.cause is Cause.PASSPHRASE_MISSING:
                shown.rows.append(("", error.detail))
            elif (
                error.cause is not Cause.CLIENT_CERT_EXPIRED or not shown.client
            ):  # else it is shown
                shown.problems.append(error)
    return shown


def _show_ca(settings: TlsSettings, shown: Shown, _: AskPassphrase | None) -> None:
    from pathlib import Path

    from poetry_repo_plugin.tls.trust import load_ca

    if not isinstance(settings.ca, Path):
        shown.rows.append(
            ("ca", "the system's store" if settings.ca == "system" else "Poetry's default")
        )
        return
    shown.rows.append(("ca", str(settings.ca)))
    for facts in load_ca(settings.ca).facts:
        shown.rows.extend(_describe(facts))


def _show_client(settings: TlsSettings, shown: Shown, ask: AskPassphrase | None) -> None:
    from poetry_repo_plugin.tls.certificate import facts_of
    from poetry_repo_plugin.tls.identity import load_identity

    if settings.client_cert is None:
        shown.rows.append(("client cert", "none"))
        return
    shown.rows.append(("client cert", str(settings.client_cert)))
    if settings.client_key is not None:
        shown.rows.append(("client key", str(settings.client_key)))
    found, passphrase = facts_of(settings.client_cert), settings.passphrase
    if found is None and ask is not None and (secret := ask()) is not None:
        found, passphrase = facts_of(settings.client_cert, secret), lambda: secret
        if found is None:
            load_identity(
                settings.client_cert, settings.client_key, passphrase
            )  # says that it is the wrong one
    if found is None:
        shown.rows.append(("", "its passphrase is not known, so it cannot be read"))
        return
    shown.client.append(found)
    shown.rows.extend(_describe(found))
    load_identity(settings.client_cert, settings.client_key, passphrase)


def note(changes: Changes, name: str, wish: TlsSettings, *, ca: bool, identity: bool) -> None:
    """Note what ``wish`` says: paths where ``poetry config`` keeps them, the rest in our file.

    :param ca: whether the CA (or that there is to be none) is part of the wish.
    :param identity: whether the client certificate is.
    """
    keys: dict[str, str | bool | None] = {}
    own: dict[str, object] = {"relaxed": True if wish.relaxed else None}
    if ca:
        keys["cert"] = (
            False if not wish.verify else str(wish.ca) if wish.ca not in (None, "system") else None
        )
        own["ca"] = "system" if wish.ca == "system" else None
    if identity:
        keys["client-cert"] = str(wish.client_cert) if wish.client_cert is not None else None
        own["client-key"] = str(wish.client_key) if wish.client_key is not None else None
    if keys:
        changes.save_certificates(name, keys)
    changes.save_user_settings(name, own)


@dataclass(frozen=True)
class Passphrases:
    """Keeps and forgets the passphrases of client keys, in the keyring or in ``auth.toml``."""

    settings: Settings
    gate: KeyringGate
    notices: Notices

    def keep(
        self, changes: Changes, name: str, passphrase: Secret, *, plaintext: bool = False
    ) -> str:
        """Keep it in the keyring, or in ``auth.toml`` only if that was asked for, and write
        ``changes``.

        That the keyring is about to get it is written down first, so that ``--unset`` finds it.
        Returns where it is. Raises ``InputError`` where there is no keyring and plain text was not
        asked for, ``StateError``.
        """
        trial = changes.copy()
        trial.save_passphrase(name, passphrase)
        trial.rehearse()
        if plaintext:
            gone = self._forget_in_keyring(name)
            changes.save_user_settings(name, {_IN_KEYRING: None if gone else True})
            changes.save_passphrase(name, passphrase)
            changes.commit()
            return f"plain text, in {self.settings.auth_file}"
        was_there = self.settings.user_settings(name).passphrase_in_keyring
        backend, earlier = self._keep_in_keyring(name, passphrase, was_there=was_there)
        changes.save_passphrase(name, None)
        changes.save_user_settings(name, {_IN_KEYRING: True})
        try:
            changes.commit()
        except StateError as error:
            raise not_quite(error, self._put_back(name, earlier), error.hint) from None
        return f"the keyring ({backend})"

    def forget(self, changes: Changes, name: str, gone: Sequence[str] = ()) -> bool:
        """Remove it from the keyring, then write ``changes`` and that it is gone; whether the
        keyring did it.

        :param gone: entries that are gone from the keyring already.

        Where the keyring does not do it, that is said, and remembered: the next command tries
        again.
        """
        trial = changes.copy()
        trial.save_passphrase(name, None)
        trial.rehearse()
        was_there = self.settings.user_settings(name).passphrase_in_keyring
        is_gone = self._forget_in_keyring(name)
        changes.save_passphrase(name, None)
        changes.save_user_settings(name, {_IN_KEYRING: None if is_gone else True})
        commit(changes, [*gone, str(OwnService(name))] if was_there and is_gone else gone)
        return is_gone

    def _keep_in_keyring(
        self, name: str, passphrase: Secret, *, was_there: bool
    ) -> tuple[str, Secret | None]:
        """The backend that has it now, and what it had before."""
        try:
            earlier = self.gate.own(name, PASSPHRASE) if was_there else None
            with Changes(self.settings) as intent:
                intent.save_user_settings(name, {_IN_KEYRING: True})
            return self.gate.keep_own(name, PASSPHRASE, passphrase), earlier
        except KeyringUnavailable as error:
            with Changes(self.settings) as changes:
                changes.save_user_settings(name, {_IN_KEYRING: True if was_there else None})
            raise InputError(
                f"The passphrase is not kept, because {error}. Give it to each run as "
                f"POETRY_CERTIFICATES_{env_key(name)}_PASSPHRASE, or keep it in plain text with --plaintext."
            ) from None

    def _forget_in_keyring(self, name: str) -> bool:
        if not self.settings.user_settings(name).passphrase_in_keyring:
            return True
        try:
            self.gate.forget_own(name, PASSPHRASE)
        except KeyringUnavailable as error:
            entry = f"{OwnService(name)} (user {PASSPHRASE.user})"
            self.notices.once(
                f"{name}: the passphrase may be left in the keyring, as {entry}, because {error}."
            )
            return False
        return True

    def _put_back(self, name: str, earlier: Secret | None) -> list[str]:
        """Undo what was done to the keyring; what could not be undone."""
        try:
            if earlier is not None:
                self.gate.keep_own(name, PASSPHRASE, earlier)
                return []
            self.gate.forget_own(name, PASSPHRASE)
            with Changes(self.settings) as changes:
                changes.save_user_settings(name, {_IN_KEYRING: None})
        except KeyringUnavailable as error:
            return [f"the keyring holds the new passphrase as {OwnService(name)}, because {error}"]
        except StateError:
            return [f"{self.settings.own_file} says that the keyring has a passphrase"]
        return []


def note_unset(changes: Changes, name: str) -> None:
    """Note that everything about TLS that the files hold for ``name`` goes, but for the
    passphrase.
    """
    changes.save_certificates(name, {"cert": None, "client-cert": None})
    changes.save_user_settings(
        name, {"ca": None, "client-key": None, "relaxed": None, "certificate-origins": None}
    )


def _describe(facts: CertificateFacts) -> list[tuple[str, str]]:
    left = facts.days_left()
    remark = (
        "expired" if left < 0 else f"{left} days left" + (" (renew it soon)" if left < SOON else "")
    )
    rows = [
        ("  subject", facts.subject or facts.name),
        ("  issuer", facts.issuer),
        ("  names", ", ".join(facts.sans)),
        ("  sha256", facts.sha256),
        ("  valid", f"{facts.not_before:%Y-%m-%d} to {facts.valid_until}, {remark}"),
    ]
    return [row for row in rows if row[1]]
