"""The TLS contexts that secure the connections to each repository."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from poetry_repo_plugin.config.memory import ANOTHER_PLUGIN
from poetry_repo_plugin.config.project_trust import ProjectTrust
from poetry_repo_plugin.config.repositories import Repository
from poetry_repo_plugin.config.settings import Settings
from poetry_repo_plugin.core.errors import Failure
from poetry_repo_plugin.core.hints import Hint, command, repo, unset
from poetry_repo_plugin.core.notices import Notices
from poetry_repo_plugin.core.origin import Origin
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.core.times import now
from poetry_repo_plugin.credentials.base import Broken, Purpose
from poetry_repo_plugin.credentials.chain import ASK_AGAIN, RENEW_BEFORE
from poetry_repo_plugin.http.failures import failure_of, unanswered
from poetry_repo_plugin.http.matching import Grant

if TYPE_CHECKING:
    import ssl

    from poetry_repo_plugin.credentials.external import OutsideSource
    from poetry_repo_plugin.credentials.helper_protocols import HelperIdentity
    from poetry_repo_plugin.tls.certificate import CertificateFacts
    from poetry_repo_plugin.tls.identity import ClientIdentity
    from poetry_repo_plugin.tls.settings import TlsSettings

# Repository, with its client certificate, on another host than its own, origin for a helper.
_Key = tuple[str, bool, bool, Origin | None]


class Contexts:
    """One TLS context for each repository, for all threads of a run.

    Where a helper hands out client certificates, one for each origin. On other hosts than its own,
    which may hold its files, the repository's CA is trusted beside the default ones.

    :param passphrase: finds the passphrase of a repository's key, asking a person if need be.
    :param outside: the source that runs helpers, which may hand out client certificates.
    :ivar project_trust: says which CA of the project counts.
    """

    def __init__(
        self,
        settings: Settings,
        notices: Notices,
        *,
        passphrase: Callable[[Repository], Secret | None],
        outside: OutsideSource | None,
        project_trust: ProjectTrust,
    ) -> None:
        self._settings = settings
        self.project_trust = project_trust
        self._notices = notices
        self.passphrase = passphrase
        self._outside = outside
        self._lock = threading.Lock()
        self._locks: dict[_Key, threading.Lock] = {}
        self._contexts: dict[_Key, ssl.SSLContext | Failure | None] = {}
        self._until: dict[_Key, datetime | None] = {}
        self._lent: dict[str, HelperIdentity] = {}
        self._handed_out_to: set[str] = set()
        self._project_ca: dict[str, bool] = {}

    def context(self, grant: Grant) -> ssl.SSLContext | None:
        """The TLS context of a request; ``None`` for requests' own default.

        Raises :class:`Failure`.
        """
        repository = grant.repository
        if repository is None or grant.origin.scheme != "https":
            return None
        # A helper answers for one origin, and a project's CA counts for some; the user's files
        # serve all of them.
        by_origin = self._outside is not None and self._outside.may_identify(repository.name)
        by_origin = by_origin or self._has_project_ca(repository.name)
        origin = None
        if by_origin:
            origin = grant.origin
        key = (repository.name, grant.identify, _is_elsewhere(grant.origin, repository), origin)
        with self._lock_of(key):  # a helper that takes its time holds up nobody else's connection
            until = self._until.get(key)
            if key not in self._contexts or (until is not None and until <= now()):
                self._contexts[key], self._until[key] = self._build(repository, grant)
            built = self._contexts[key]
        if isinstance(built, Failure):
            raise built
        return built

    def _has_project_ca(self, name: str) -> bool:
        """Found out once for each repository: each request asks."""
        if name not in self._project_ca:
            self._project_ca[name] = self.project_trust.ca_for(name) is not None
        return self._project_ca[name]

    def _lock_of(self, key: _Key) -> threading.Lock:
        with self._lock:
            return self._locks.setdefault(key, threading.Lock())

    def lend(self, name: str, identity: HelperIdentity) -> None:
        """Use this client certificate for ``name``, to try it before its helper is set."""
        self._lent[name] = identity

    def settings_of(
        self,
        repository: Repository,
        *,
        identify: bool = True,
        origin: Origin | None = None,
    ) -> TlsSettings:
        """The repository's settings: the environment's, the user's, then the project's CA.

        :param origin: where a connection goes: a project's CA does not count everywhere.
        """
        from poetry_repo_plugin.tls.settings import TlsSettings

        name = repository.name
        own = self._settings.user_settings(name)
        cert = self._settings.certificate(name, "cert")
        client = None
        if identify:
            client = self._settings.certificate(name, "client-cert")
        ca: Path | str | None = None
        if isinstance(cert, str):
            ca = _path(cert)
        elif own.ca == "system":
            ca = "system"
        elif cert is None:
            ca = self.project_trust.ca_for(name, origin)
        return TlsSettings(
            ca=ca,  # type: ignore[arg-type]  # "system" is the one text
            client_cert=_path(client) if isinstance(client, str) else None,
            client_key=_path(own.client_key) if isinstance(client, str) else None,
            passphrase=lambda: self.passphrase(repository),
            verify=cert is not False,
            relaxed=own.relaxed,
        )

    def issuer_context(self, repository: Repository, *, identify: bool = False) -> ssl.SSLContext:
        """The context for the issuer at which a user signs in: their CA for the repository beside
        the default ones. It is always verified, and no project says whom to believe.

        :param identify: the issuer is at the repository's own origin, and may ask for its
            certificate.

        Raises :class:`Failure`.
        """
        from poetry_repo_plugin.tls.context import build_context

        name = repository.name
        is_users = (
            isinstance(self._settings.certificate(name, "cert"), str)
            or self._settings.user_settings(name).ca is not None
        )
        settings = self.settings_of(repository, identify=identify)
        ca = None
        if is_users:
            ca = settings.ca
        try:
            return build_context(
                replace(settings, ca=ca, verify=True, default_too=True), self._settings.environ
            )
        except Failure as error:
            raise failure_of(error, repository) from None

    def unverified(self, name: str) -> tuple[str, Hint]:
        """The setting that switches verification off for ``name``, and the command to end it."""
        variable = self._settings.unverified_by(name)
        if variable == ANOTHER_PLUGIN:
            return variable, command("poetry", "self", "show", "plugins")
        if variable is not None:
            return variable, unset(variable.partition("=")[0])
        return "--insecure", repo("certs", name, "--ca", "PATH")

    def is_trust_for_itself(self, repository: Repository) -> bool:
        """A repository's servers are trusted because a project says so, or not verified at all.

        That is no word of the user's about any other host.
        """
        name = repository.name
        cert = self._settings.certificate(name, "cert")
        if cert is not None or self._settings.user_settings(name).ca is not None:
            return cert is False
        return self.project_trust.ca_for(name) is not None

    def has_identity(self, repository: Repository) -> bool:
        """A client certificate is configured, whether or not it may be offered."""
        return isinstance(self._settings.certificate(repository.name, "client-cert"), str)

    def offers(self, grant: Grant) -> bool:
        """The connection has a client certificate to offer."""
        repository = grant.repository
        if repository is None or not grant.identify:
            return False
        return self.has_identity(repository) or repository.name in self._handed_out_to

    def _build(
        self, repository: Repository, grant: Grant
    ) -> tuple[ssl.SSLContext | Failure | None, datetime | None]:
        """The context, and when to build it anew: a helper's client certificate may expire soon."""
        settings = self.settings_of(repository, identify=grant.identify, origin=grant.origin)
        if _is_elsewhere(grant.origin, repository):
            settings = replace(settings, default_too=True)
        for line in self.project_trust.ignored_for(repository.name):
            self._notices.once(line)
        if not settings.verify:
            what, hint = self.unverified(repository.name)
            name = repository.name
            notice = f"its certificate is not verified ({what}). Try: {hint}"
            self._notices.once(f"Repository {name}: {notice}")
            _silence_urllib3()
        try:
            handed_out = None
            if settings.client_cert is None:
                handed_out = self._handed_out(repository, grant)
            return self._context_for(repository, settings, handed_out), _renewal(handed_out)
        except Failure as error:
            return failure_of(error, repository, host=grant.origin.netloc), None

    def _context_for(
        self, repository: Repository, settings: TlsSettings, handed_out: HelperIdentity | None
    ) -> ssl.SSLContext | None:
        from poetry_repo_plugin.tls.context import BUNDLE_VARIABLES, build_context

        # Poetry takes what requests says of a bundle in the environment for a network failure.
        bundle_set = any(self._settings.environ.get(name) for name in BUNDLE_VARIABLES)
        if settings.is_default and handed_out is None and not bundle_set:
            return None
        environ, seen = self._settings.environ, partial(self.warn_of_end, repository)
        context = build_context(settings, environ, seen=seen)
        if handed_out is not None:
            from poetry_repo_plugin.tls.identity import apply_pem

            apply_pem(context, handed_out.certificate_pem, handed_out.key_pem)
            self._handed_out_to.add(repository.name)
        return context

    def warn_of_end(self, repository: Repository, identity: ClientIdentity) -> None:
        """Say once that a client certificate which is offered expires soon."""
        if identity.expires_soon:
            self._notices.once(expiry_warning(repository.name, identity.path, identity.facts))

    def _handed_out(self, repository: Repository, grant: Grant) -> HelperIdentity | None:
        """The client certificate of the repository's helper, if it hands one out (ExecCredential).

        Raises :class:`Failure` where the helper could not be asked.
        """
        if grant.identify and repository.name in self._lent:
            return self._lent[repository.name]
        if self._outside is None or not grant.identify:
            return None
        found = self._outside.identity(repository.name, f"{grant.origin}/")
        if isinstance(found, Broken):
            raise unanswered(repository, found, host=grant.origin.netloc)
        return found


def expiry_warning(name: str, path: Path, facts: CertificateFacts) -> str:
    """The warning, once in a command, about a client certificate that expires soon."""
    from poetry_repo_plugin.tls.identity import expiry_of

    hint = repo("certs", name, "--client-cert", "PATH")
    return f"{name}: {expiry_of(path, facts)}. Try: {hint}"


def _is_elsewhere(origin: Origin, repository: Repository) -> bool:
    """``origin`` is another host than the repository's own, as that of its files may be."""
    return all(origin != prefix.origin for prefix in repository.prefixes)


def _silence_urllib3() -> None:
    """Our one notice says it; urllib3 would warn at each request."""
    import urllib3

    urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)


def _renewal(handed_out: HelperIdentity | None) -> datetime | None:
    if handed_out is None or handed_out.expires_at is None:
        return None
    # One that is short-lived from the beginning is not asked for with every request.
    return max(handed_out.expires_at - RENEW_BEFORE[Purpose.INDEX], now() + ASK_AGAIN)


def _path(text: str | None) -> Path | None:
    if not text:
        return None
    with suppress(RuntimeError):  # there is no such home: the path is reported as it is
        return Path(text).expanduser().absolute()
    return Path(text).absolute()
