"""End a sign-in at its issuer (RFC 7009)."""

from __future__ import annotations

from poetry_repo_plugin.config.repositories import Repository
from poetry_repo_plugin.core.errors import Failure
from poetry_repo_plugin.credentials import oauth_protocol as protocol
from poetry_repo_plugin.credentials.keyring_worker import KeyringUnavailable
from poetry_repo_plugin.credentials.oauth_protocol import IssuerAnswer, Refused
from poetry_repo_plugin.credentials.oauth_store import SignedIn, SignIns
from poetry_repo_plugin.http.auth import Access
from poetry_repo_plugin.ops.issuer import post_form
from poetry_repo_plugin.ops.session import Session, Teller


def revoke(session: Session, name: str, out: Teller) -> bool:
    """End a sign-in at its issuer (RFC 7009), where that offers it; whether there was one.

    What fails is said; the local copies are the caller's business.
    """
    if session.settings.user_settings(name).signed_in is None:
        return False
    sign_ins = SignIns(session.settings, session.gate)
    with sign_ins.alone(name):
        try:
            kept = sign_ins.get(name, fresh=True)
        except KeyringUnavailable:
            return True  # whoever forgets it says so
        if kept is not None:
            revoke_tokens(session.access, session.catalogue.get(name), kept, out)
    return True


def revoke_tokens(access: Access, repository: Repository, kept: SignedIn, out: Teller) -> None:
    """As :func:`revoke`, of tokens that are at hand."""
    if kept.revocation_endpoint is None:
        return
    tokens = (("refresh_token", kept.refresh), ("access_token", kept.access))
    for kind, token in tokens:
        if token is None:
            continue
        form, pair = protocol.revocation_form(kept.client_id, token, kind), None
        if kept.client_secret is not None:
            form, pair = protocol.as_client(form, kept.client_secret, by_basic=kept.by_basic)
        try:
            answer = post_form(access, repository, kept.revocation_endpoint, form, pair)
            why = _why_alive(answer, kind)
        except Failure as error:
            why = f": {error.detail}"
        if why:
            out.warn(f"{repository.name}: {kept.issuer} did not revoke the sign-in{why}.")
            return


def _why_alive(answer: IssuerAnswer, kind: str) -> str:
    """Why a token may still be good; ``""`` where it is not. Who ends refresh tokens only (RFC 7009,
    2.2.1) lets the access token run out.
    """
    if answer.status == 200:
        return ""
    why = protocol.refusal_of(answer)
    code = why.code if isinstance(why, Refused) else ""
    if code == "invalid_token":  # Google's, of one that went with the other
        return ""
    if code == "unsupported_token_type" and kind == "access_token":
        return ""
    return f": {why}"
