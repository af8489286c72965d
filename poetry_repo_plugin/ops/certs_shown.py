"""A repository's CA and client certificate, for a person to read."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from poetry_repo_plugin.config.managed import MANAGED
from poetry_repo_plugin.config.repositories import Repository
from poetry_repo_plugin.core.errors import Cause, Failure
from poetry_repo_plugin.http.contexts import expiry_warning
from poetry_repo_plugin.http.failures import failure_of
from poetry_repo_plugin.ops.session import Session
from poetry_repo_plugin.tls.certificate import CertificateFacts
from poetry_repo_plugin.tls.settings import SOON, SYSTEM, AskPassphrase, CaSetting, TlsSettings

_DEFAULT = "Poetry's default"
# The settings whose value a row shows.
_KEYS = {"ca": "ca", "client cert": "client-cert", "client key": "client-key"}


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


def show(session: Session, repository: Repository) -> Shown:
    """What is set for ``repository``; a file that does not do hides nothing of the others."""
    from poetry_repo_plugin.credentials.passphrase import known_passphrase

    tls, name = session.access.tls, repository.name
    settings = tls.settings_of(repository)
    known = partial(known_passphrase, session.settings, session.gate, name)
    shown = Shown()
    shown.rows.append(("verified", _verified(session, settings, name)))
    if settings.relaxed:
        shown.rows.append(("checks", "relaxed (without Python 3.13's strict X.509 checks)"))
    for part in (_show_ca, _show_client):
        try:
            part(replace(settings, passphrase=known), shown, settings.passphrase)
        except Failure as error:
            if error.cause is Cause.PASSPHRASE_MISSING:
                shown.rows.append(("", error.detail))
            elif error.cause is not Cause.CLIENT_CERT_EXPIRED or not shown.client:
                shown.problems.append(failure_of(error, repository))
    for facts in shown.client:
        if settings.client_cert is not None and facts.days_left() < SOON:
            session.notices.once(expiry_warning(name, settings.client_cert, facts))
    theirs = session.settings.managed.keys(name)
    rows = [_marked(row) if _KEYS.get(row[0]) in theirs else row for row in shown.rows]
    return replace(shown, rows=rows)


def _marked(row: tuple[str, str]) -> tuple[str, str]:
    return row[0], f"{row[1]} ({MANAGED})"


def shown_ca(ca: CaSetting) -> str:
    """The CA in a sentence."""
    if ca is None:
        return _DEFAULT
    if ca == SYSTEM:
        return "the system's store"
    return str(ca)


def _verified(session: Session, settings: TlsSettings, name: str) -> str:
    if settings.verify:
        return "yes"
    why, _ = session.access.tls.unverified(name)
    return f"NO ({why})"


def _show_ca(settings: TlsSettings, shown: Shown, _: AskPassphrase | None) -> None:
    from poetry_repo_plugin.tls.trust import load_ca

    shown.rows.append(("ca", shown_ca(settings.ca)))
    if isinstance(settings.ca, Path):
        for facts in load_ca(settings.ca).facts:
            shown.rows.extend(_describe(facts))


def _show_client(settings: TlsSettings, shown: Shown, ask: AskPassphrase | None) -> None:
    """Raises ``Failure`` for a file that does not do, also behind its rows.

    :param ask: asks for the passphrase of a file that cannot be shown without it.
    """
    from poetry_repo_plugin.tls.certificate import facts_of
    from poetry_repo_plugin.tls.identity import load_identity

    cert, key, passphrase = settings.client_cert, settings.client_key, settings.passphrase
    if cert is None:
        shown.rows.append(("client cert", "none"))
        return
    shown.rows.append(("client cert", str(cert)))
    if key is not None:
        shown.rows.append(("client key", str(key)))
    found = facts_of(cert)
    if found is None and ask is not None:
        secret = ask()
        if secret is not None:
            found, passphrase = facts_of(cert, secret), lambda: secret
            if found is None:
                load_identity(cert, key, passphrase)  # says that it is the wrong one
    if found is None:
        shown.rows.append(("", "its passphrase is not known, so it cannot be read"))
        return
    shown.client.append(found)
    shown.rows.extend(_describe(found))
    load_identity(cert, key, passphrase)


def _describe(facts: CertificateFacts) -> list[tuple[str, str]]:
    left = facts.days_left()
    remark = f"{left} days left"
    if left < 0:
        remark = "expired"
    elif left < SOON:
        remark += " (renew it soon)"
    rows = [
        ("  subject", facts.subject or facts.name),
        ("  issuer", facts.issuer),
        ("  names", ", ".join(facts.sans)),
        ("  sha256", facts.sha256),
        ("  valid", f"{facts.not_before:%Y-%m-%d} to {facts.valid_until}, {remark}"),
    ]
    return [row for row in rows if row[1]]
