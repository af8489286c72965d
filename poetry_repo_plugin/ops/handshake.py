"""A handshake with a repository, to see whether its TLS settings do."""

from __future__ import annotations

from poetry_repo_plugin.config.repositories import Repository
from poetry_repo_plugin.core.errors import Cause, Failure
from poetry_repo_plugin.http.asking import ask, index_page
from poetry_repo_plugin.ops.session import Session, Teller


def try_handshake(session: Session, repository: Repository, out: Teller) -> Failure | None:
    """Say whether what is stored now does; what is wrong, if it does not."""
    url = repository.index_url or repository.publish_url
    works = f"{repository.name}: the handshake with {repository.host} works"
    not_tried = f"{repository.name}: no handshake was tried, because"
    if url is None:
        out.warn(f"{not_tried} no URL is known for it.")
        return None
    if not url.startswith("https://"):
        out.warn(f"{not_tried} {url} is not https.")
        return None
    session.catalogue.check_url(repository, url)
    out.asking(url)
    try:
        response = ask(session.access, repository, index_page(url), anonymous=True)
    except Failure as error:
        if error.cause is Cause.CREDENTIAL_MISSING:  # it answers, and asks for a login
            out.say(f"{works}.")
            return None
        out.warn(f"{repository.name}: stored, but the handshake with {repository.host} failed:")
        return error
    out.say(f"{works} ({response.status_code}).")
    return None
