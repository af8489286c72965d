"""``poetry repo token``."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from shlex import quote
from typing import ClassVar

from cleo.helpers import argument, option

from poetry_repo_plugin.commands.base import RepoCommand
from poetry_repo_plugin.config.repositories import Repository
from poetry_repo_plugin.core.errors import Cause, InputError
from poetry_repo_plugin.core.hints import repo
from poetry_repo_plugin.core.names import is_pypi, no_choice
from poetry_repo_plugin.core.origin import Origin, with_userinfo
from poetry_repo_plugin.core.times import end_of_token, rfc3339
from poetry_repo_plugin.core.variables import env_key
from poetry_repo_plugin.credentials.base import BASIC, EVERYTHING, Credential, Purpose, Query
from poetry_repo_plugin.http.failures import failure, unanswered, withheld_of
from poetry_repo_plugin.ops.export import is_plain
from poetry_repo_plugin.ops.session import Session
from poetry_repo_plugin.tls.settings import TlsSettings

FORMATS = ("plain", "env", "netrc", "pip", "json")


class Command(RepoCommand):
    """Prints the credential that would be sent, for other tools."""

    name = "repo token"
    description = "Print the credential of a repository, for other tools."
    arguments: ClassVar = [argument("name", "The repository.")]
    options: ClassVar = [
        option("format", None, f"One of {', '.join(FORMATS)}.", flag=False, default="plain")
    ]
    help = """\
    <c1>poetry repo token acme | docker build --secret id=acme,src=/dev/stdin .</c1>
    <c1>eval "$(poetry repo token acme --format env)"</c1>
    <c1>PIP_INDEX_URL=$(poetry repo token acme --format pip) pip install pkg</c1>

It goes to standard output; do not let it end up in a log."""

    def work(self, session: Session) -> int:
        """Resolve as a request would, and print."""
        chosen = self.text("format") or "plain"
        if chosen not in FORMATS:
            raise no_choice(chosen, "a format", FORMATS)
        repository = session.catalogue.require(str(self.argument("name")))
        url = self._url(repository)
        credential = self._credential(session, repository, url)
        if chosen == "json":
            self.data(json.dumps(_document(repository, credential), indent=2))
        else:
            self.data(_render(chosen, repository.name, url, credential))
        if chosen == "pip":
            for line in beside_url(session.access.tls.settings_of(repository), repository.name):
                self.warn(line)
        return 0

    @staticmethod
    def _url(repository: Repository) -> str:
        """Where the credential goes. PyPI's index is open: its token is for uploads."""
        url = (
            repository.publish_url
            if is_pypi(repository.name)
            else repository.index_url or repository.publish_url
        )
        if url is None:
            raise InputError(
                f"No URL is known for {repository.name!r}.", repo("add", repository.name, "URL")
            )
        return url

    @staticmethod
    def _credential(session: Session, repository: Repository, url: str) -> Credential:
        purpose = Purpose.INDEX if url == repository.index_url else Purpose.PUBLISH
        grant = session.access.matcher.grant_for(url, owner=repository.name, purpose=purpose)
        query = grant.query or Query(
            repository.name, url, purpose, EVERYTHING, repository.url_username
        )
        resolution = session.access.chain.resolve(query)
        credential = resolution.credential
        if credential is not None and session.access.may_go(grant, credential):
            return credential
        if resolution.broken is not None:
            raise unanswered(repository, resolution.broken, host=repository.host)
        withheld = withheld_of(resolution)
        if withheld is not None:
            message = (
                f"the stored credential belongs to {' and '.join(withheld.bound_to)}, not to {url}."
            )
            raise failure(Cause.ORIGIN_MISMATCH, message, repository, url=url)
        raise failure(Cause.CREDENTIAL_MISSING, "no credential is configured.", repository)


def beside_url(tls: TlsSettings, name: str) -> Iterator[str]:
    """What pip needs beside the URL, which says nothing of TLS: its own variables, one line for
    each.
    """
    if not tls.verify:
        yield f"{name}: its certificate is not verified here. For pip: PIP_TRUSTED_HOST=HOST"
    if isinstance(tls.ca, Path):
        yield f"{name}: the URL does not hold its CA. For pip: PIP_CERT={quote(str(tls.ca))}"
    if tls.client_cert is None:
        return
    cert = quote(str(tls.client_cert))
    if is_plain(tls):
        yield f"{name}: the URL does not hold its client certificate. For pip: PIP_CLIENT_CERT={cert}"
    else:
        yield (
            f"{name}: the URL does not hold its client certificate, and pip takes one PEM with a plain key: "
            f"{repo('certs', name, '--export', 'PATH')}, then PIP_CLIENT_CERT=PATH"
        )


def _document(repository: Repository, credential: Credential) -> dict[str, object]:
    return {
        "repository": repository.name,
        "username": credential.username,
        "secret": credential.secret.reveal(),
        "scheme": credential.scheme,
        "source": credential.source,
        "expires_at": rfc3339(credential.expires_at or end_of_token(credential.secret)),
    }


def _render(chosen: str, name: str, url: str, credential: Credential) -> str:
    """The credential in one of the forms of other tools. Raises :class:`InputError` where a form
    cannot hold it.
    """
    username, secret = credential.username or "", credential.secret.reveal()
    if chosen == "plain":
        return secret
    if credential.scheme != BASIC:
        raise InputError(
            f"A {credential.scheme} token has no user name; the form {chosen} cannot say that."
        )
    if chosen == "env":
        key = f"POETRY_HTTP_BASIC_{env_key(name)}"
        return f"export {key}_USERNAME={shlex.quote(username)}\nexport {key}_PASSWORD={shlex.quote(secret)}"
    if chosen == "pip":
        return with_userinfo(url, username, credential.secret)
    # Tools do not agree on how a netrc file quotes, so nothing is printed that would have to be
    # quoted.
    if any(char.isspace() or char == "\\" for char in username + secret) or {
        username[:1],
        secret[:1],
    } & {'"', "#"}:
        raise InputError(
            "A netrc file cannot hold white space, backslashes, or a leading quote or # in a secret."
        )
    if not secret:
        raise InputError("A netrc file cannot hold an empty password.")
    login = f" login {username}" if username else ""
    return f"machine {Origin.of(url).host}{login} password {secret}"
