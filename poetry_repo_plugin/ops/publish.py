"""``poetry publish``: where it goes and with what, decided before anything is sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poetry_repo_plugin.config.bindings import Kind
from poetry_repo_plugin.config.repositories import Repository
from poetry_repo_plugin.core.errors import (
    Cause,
    Failure,
    InputError,
    RepoError,
    Subject,
    UnknownNameError,
)
from poetry_repo_plugin.core.hints import command, is_name, repo
from poetry_repo_plugin.core.names import is_pypi
from poetry_repo_plugin.core.origin import InvalidUrl, Origin
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.core.servers import TOKEN_USER, looks_like_index
from poetry_repo_plugin.credentials.base import EVERYTHING, Credential, Purpose
from poetry_repo_plugin.http.auth import Access
from poetry_repo_plugin.http.failures import failure, failure_of

if TYPE_CHECKING:
    import requests

TIMEOUT = 15.0  # seconds


_OF_CLIENT_CERT = frozenset(
    {
        Cause.CLIENT_CERT_REQUIRED,
        Cause.CLIENT_CERT_REJECTED,
        Cause.CLIENT_CERT_EXPIRED,
        Cause.CLIENT_KEY_MISSING,
        Cause.CLIENT_KEY_MISMATCH,
        Cause.TLS_FILE_MISSING,
        Cause.TLS_FILE_INVALID,
    }
)


@dataclass
class Upload:
    """What one ``poetry publish`` sends, where, and with what.

    :param given: a credential from the command line; it wins over everything stored.
    :param username: only a credential of this user will do.
    :param offered: ``given`` was typed at a prompt; whether to keep it is asked when the upload is
        done.
    :param context: the TLS context of ``--cert`` and ``--client-cert``, built on first use.
    :param identifies: ``--client-cert`` was given.
    :param trusts: ``--cert`` was given.
    """

    repository: Repository
    url: str | None = None
    given: Credential | None = None
    username: str | None = None
    context: Callable[[], Any] | None = None
    offered: bool = False
    identifies: bool = False
    trusts: bool = False

    def with_option(self, error: RepoError) -> RepoError:
        """``error`` with the option of ``poetry publish`` to mend, where one goes before what is
        stored.
        """
        if not isinstance(error, Failure):
            return error
        is_of_ca = error.cause is Cause.UNKNOWN_CA or error.subject is Subject.CA
        is_of_client = error.cause in _OF_CLIENT_CERT and error.subject is not Subject.CA
        options = [
            (is_of_ca and self.trusts, "--cert"),
            (is_of_client and self.identifies, "--client-cert"),
        ]
        option = next((option for is_meant, option in options if is_meant), None)
        if option is not None:
            error.hint = command("poetry", "publish", "-r", self.repository.name, option, "PATH")
        return error


def prepare_upload(
    access: Access,
    name: str | None,
    username: str | None,
    password: str | None,
    cert: Path | None,
    client_cert: Path | None,
) -> Upload:
    """Where an upload goes and what it may carry. Opens no connection.

    Raises ``InputError`` for an unknown repository, ``Failure`` where no upload URL is known.
    """
    try:
        repository = access.catalogue.require(name or "pypi", to_add=True)
    except UnknownNameError as error:
        if error.meant is not None and is_name(error.meant):
            error.hint = command("poetry", "publish", "-r", error.meant)
        elif "://" in error.given:
            error.hint = repo("add", "NAME", error.given, "--publish-only")
        raise
    url = (
        _upload_url(repository) if name is not None else None
    )  # plain `poetry publish` is to PyPI, by Poetry's word
    for line in access.tls.project_trust.ignored_for(
        repository.name
    ):  # said before Poetry draws its progress
        access.notices.once(line)
    upload = Upload(repository, url, username=username)
    if username is None and password is not None:
        whole = command("poetry", "publish", "--username", "USER", "--password", "PASSWORD")
        raise InputError("--password needs --username.", whole)
    if username is not None and password is not None:
        upload.given = Credential(Secret(password), username, "option", "the command line")
    if cert is not None or client_cert is not None:
        upload.context = _own_context(access, repository, url, cert, client_cert)
        upload.identifies = client_cert is not None
        upload.trusts = cert is not None
    return upload


def check_before_upload(
    access: Access, upload: Upload, make_session: Callable[[], requests.Session], terminal: bool
) -> None:
    """Stop before the first byte of a file if it would be refused: no credential for a server that
    wants one.

    A server that asks for none is believed when it says so: an upload without a file is answered
    with anything but 401 or 403. With a terminal, the credential is asked for instead. Raises
    ``Failure``.
    """
    url = upload.url or ""
    try:
        Origin.of(url)
    except InvalidUrl as error:
        raise failure(Cause.NOT_AN_UPLOAD_URL, f"{error}.", upload.repository) from None
    if upload.identifies:
        _require_home(access, upload, Kind.CERTIFICATE, terminal=terminal)
    if upload.given is not None:
        _require_home(access, upload, Kind.CREDENTIAL, terminal=terminal)
        return
    grant = access.matcher.grant_for(url, owner=upload.repository.name, purpose=Purpose.PUBLISH)
    if upload.username is not None and grant.query is not None:
        grant = grant._replace(query=grant.query._replace(username=upload.username))
    credential = access.credential(grant, EVERYTHING)
    if credential is not None:
        upload.given = credential if upload.username is not None else None
        return
    refused: Exception | None
    if upload.username is not None:
        message = f"no password of user {upload.username} is known."
        refused = failure(Cause.CREDENTIAL_MISSING, message, upload.repository)
    else:
        refused = _refused_without(upload, make_session)
    if refused is None:
        return
    if not terminal:
        raise refused
    ask_for_credential(access, upload)


def lacked_credential(upload: Upload, error: Exception) -> bool:
    """Whether ``error`` is that a server wants a credential which had none to say to
    :func:`check_before_upload`: it looks at the file first.
    """
    return upload.given is None and getattr(error, "cause", None) is Cause.CREDENTIAL_MISSING


def ask_for_credential(access: Access, upload: Upload) -> None:
    """Ask on the terminal what to upload with. Raises ``Failure`` for one that is refused."""
    _require_home(access, upload, Kind.CREDENTIAL, terminal=True)
    upload.given, upload.offered = _prompt(access, upload), True


def _require_home(access: Access, upload: Upload, kind: Kind, *, terminal: bool) -> None:
    """A secret that is given for a name does not go where only a project puts it; on a terminal a
    person decides.
    """
    from poetry_repo_plugin.core.prompts import confirm
    from poetry_repo_plugin.ops.home import require_home

    def goes_on(question: str) -> bool:
        return terminal and confirm(question)

    urls = []
    if upload.url is not None:
        urls = [upload.url]
    require_home(access.bindings, upload.repository, kind, goes_on, urls=urls)


def offer_to_keep(access: Access, upload: Upload) -> None:
    """After an upload with a credential that was typed in: ask whether to store it. The upload is
    done whatever becomes of that.
    """
    if not upload.offered or upload.given is None:
        return
    from poetry_repo_plugin.core.prompts import ask
    from poetry_repo_plugin.ops.credential_store import Logins

    name, given = upload.repository.name, upload.given
    try:
        if ask(f"Save this login for {name}? (y/n) [n]: ").strip().lower() not in ("y", "yes"):
            return
        logins = Logins(access.settings, access.gate, access.notices, access.bindings)
        urls = [*filter(None, [upload.url]), *upload.repository.user_urls]
        place = logins.store(name, given.username or "", given.secret, urls, further=True).place
    except RepoError as error:
        access.notices.once(f"The login was not saved: {error.message}")
    else:
        access.notices.once(f"Stored in {place}.")


def _refused_without(
    upload: Upload, make_session: Callable[[], requests.Session]
) -> Exception | None:
    """The refusal of an upload without a credential, or ``None`` where the server takes it."""
    if is_pypi(upload.repository.name):
        message = "an upload needs a token, and none is configured."
        return failure(Cause.CREDENTIAL_MISSING, message, upload.repository)
    with make_session() as session:
        try:
            session.post(upload.url or "", data=b"", allow_redirects=False, timeout=TIMEOUT)
        except Exception as error:
            if getattr(error, "cause", None) is Cause.CREDENTIAL_MISSING:
                return error
            raise
    return None


def _prompt(access: Access, upload: Upload) -> Credential:
    from poetry_repo_plugin.core.prompts import ask, ask_secret
    from poetry_repo_plugin.http.checks import check_login

    repository = upload.repository
    access.notices.once(
        f"{repository.name} ({Origin.of(upload.url or '').netloc}) requires a credential."
    )
    username = upload.username or ""
    if not username and not is_pypi(repository.name):
        username = ask("User name (empty for a token): ").strip()
    what = "Token: "
    if username not in ("", TOKEN_USER):
        what = f"Password of {username}: "
    given = Credential(ask_secret(what), username or TOKEN_USER, "option", "the terminal")
    check_login(
        access, replace(repository, index_url=None, publish_url=upload.url), upload.url or "", given
    )
    return given


def _upload_url(repository: Repository) -> str:
    """Where uploads go. What somebody has set as publish URL is believed, whatever it looks
    like.
    """
    index = repository.index_url
    if repository.publish_url is not None:
        return repository.publish_url
    if index is None:
        message = "no URL is known for it, only a name."
        raise failure(Cause.NOT_AN_UPLOAD_URL, message, repository)
    if looks_like_index(index):
        message = f"{index} is its index, for installing; no upload URL is known."
        raise failure(Cause.NOT_AN_UPLOAD_URL, message, repository)
    return index


def _own_context(
    access: Access,
    repository: Repository,
    url: str | None,
    cert: Path | None,
    client_cert: Path | None,
) -> Callable[[], Any]:
    built: list[Any] = []

    def context() -> Any:
        from poetry_repo_plugin.tls.context import build_context

        if not built:
            origin = None
            if url is not None:
                origin = Origin.of(url)
            settings = access.tls.settings_of(repository, origin=origin)
            if cert is not None:
                settings = replace(settings, ca=cert.expanduser().absolute(), verify=True)
            if client_cert is not None:
                settings = replace(
                    settings, client_cert=client_cert.expanduser().absolute(), client_key=None
                )
            try:
                built.append(
                    build_context(
                        settings, seen=lambda identity: access.tls.warn_of_end(repository, identity)
                    )
                )
            except Failure as error:
                host = ""
                if url is not None:
                    host = Origin.of(url).netloc
                raise failure_of(error, repository, host=host) from None
        return built[0]

    return context
