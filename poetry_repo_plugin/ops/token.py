"""``repo token``: the credential that a request would carry, in the forms of other tools."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from poetry_repo_plugin.config.repositories import Repository
from poetry_repo_plugin.core.errors import Cause, InputError
from poetry_repo_plugin.core.headers import names_of
from poetry_repo_plugin.core.hints import repo
from poetry_repo_plugin.core.names import is_pypi
from poetry_repo_plugin.core.origin import Origin, with_userinfo
from poetry_repo_plugin.core.times import end_of_token, rfc3339
from poetry_repo_plugin.core.variables import env_key
from poetry_repo_plugin.credentials.base import (
    BASIC,
    EVERYTHING,
    NO_SCHEME,
    Credential,
    Purpose,
    Query,
)
from poetry_repo_plugin.http.failures import failure, unanswered, withheld_of
from poetry_repo_plugin.ops.export import is_plain
from poetry_repo_plugin.ops.session import Session
from poetry_repo_plugin.tls.settings import TlsSettings

FORMATS = ("plain", "env", "netrc", "pip", "json")


class Resolved(NamedTuple):
    """A repository's credential, and the URL that it goes to."""

    repository: Repository
    url: str
    credential: Credential

    def in_form(self, chosen: str) -> str:
        """The text that another tool reads.

        :param chosen: one of :data:`FORMATS`.
        :raises InputError: where that form cannot hold it.
        """
        username, secret = self.credential.username or "", self.credential.secret.reveal()
        if chosen == "json":
            return json.dumps(self._document(), indent=2)
        if chosen == "plain":
            return secret
        scheme = self.credential.scheme
        if scheme != BASIC:
            message = f"A {scheme} token has no user name; --format {chosen} cannot express that."
            raise InputError(message)
        if chosen == "env":
            key = f"POETRY_HTTP_BASIC_{env_key(self.repository.name)}"
            user_line = f"export {key}_USERNAME={shlex.quote(username)}"
            return f"{user_line}\nexport {key}_PASSWORD={shlex.quote(secret)}"
        if chosen == "pip":
            return with_userinfo(self.url, username, self.credential.secret)
        return _netrc(Origin.of(self.url).host, username, secret)

    def _document(self) -> dict[str, object]:
        credential = self.credential
        account = {}
        if credential.account:
            account = {"account": credential.account}
        return {
            "repository": self.repository.name,
            "username": credential.username,
            "secret": credential.secret.reveal(),
            "scheme": credential.scheme,
            "source": credential.source,
            "expires_at": rfc3339(credential.expires_at or end_of_token(credential.secret)),
            **account,
        }


def resolve(session: Session, repository: Repository) -> Resolved:
    """Look the credential up as a request would.

    :raises Failure: where there is none, or none that may go there.
    :raises InputError: where no URL is known.
    """
    name, url = repository.name, _url_of(repository)
    purpose = Purpose.PUBLISH
    if url == repository.index_url:
        purpose = Purpose.INDEX
    grant = session.access.matcher.grant_for(url, owner=name, purpose=purpose)
    query = grant.query or Query(name, url, purpose, EVERYTHING, repository.url_username)
    resolution = session.access.chain.resolve(query)
    credential = resolution.credential
    if credential is not None and credential.scheme == NO_SCHEME:
        names = " and ".join(names_of(credential.headers))
        raise InputError(f"{name} takes {names} alone, which other tools cannot use.")
    if credential is not None and session.access.may_go(grant, credential):
        return Resolved(repository, url, credential)
    if resolution.broken is not None:
        raise unanswered(repository, resolution.broken, host=repository.host)
    withheld = withheld_of(resolution)
    if withheld is not None:
        places = " and ".join(withheld.bound_to)
        message = f"the stored credential belongs to {places}, not to {url}."
        raise failure(Cause.ORIGIN_MISMATCH, message, repository, url=url)
    raise failure(Cause.CREDENTIAL_MISSING, "no credential is configured.", repository)


def _url_of(repository: Repository) -> str:
    """Where the credential goes. PyPI's index is open: its token is for uploads."""
    url = repository.publish_url
    if not is_pypi(repository.name):
        url = repository.index_url or url
    if url is None:
        name = repository.name
        raise InputError(f"No URL is known for {name!r}.", repo("add", name, "URL"))
    return url


def beside_url(tls: TlsSettings, name: str) -> Iterator[str]:
    """What pip needs beside the URL, which says nothing of TLS: its own variables, one line for
    each.
    """
    if not tls.verify:
        yield f"{name}: its certificate is not verified here. For pip: PIP_TRUSTED_HOST=HOST"
    if isinstance(tls.ca, Path):
        yield f"{name}: the URL does not include its CA. For pip: PIP_CERT={shlex.quote(str(tls.ca))}"
    if tls.client_cert is None:
        return
    cert = shlex.quote(str(tls.client_cert))
    lacks = f"{name}: the URL does not include its client certificate"
    if is_plain(tls):
        yield f"{lacks}. For pip: PIP_CLIENT_CERT={cert}"
    else:
        export = repo("certs", name, "--export", "PATH")
        plain = "pip takes one PEM with a plain key"
        yield f"{lacks}, and {plain}: {export}, then PIP_CLIENT_CERT=PATH"


def _netrc(host: str, username: str, secret: str) -> str:
    """A line of a netrc file.

    Tools do not agree on how it quotes, so nothing is printed that would have to be quoted.
    """
    has_odd_char = any(char.isspace() or char == "\\" for char in username + secret)
    if has_odd_char or username.startswith(('"', "#")) or secret.startswith(('"', "#")):
        odd = "white space, backslashes, or a leading quote or #"
        raise InputError(f"A netrc file cannot hold {odd} in a secret.")
    if not secret:
        raise InputError("A netrc file cannot hold an empty password.")
    login = ""
    if username:
        login = f" login {username}"
    return f"machine {host}{login} password {secret}"
