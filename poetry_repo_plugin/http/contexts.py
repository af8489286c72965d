"""How connections to a repository are secured: its TLS context, and what it means when one fails."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from poetry_repo_plugin.config.bindings import Bindings, Kind
from poetry_repo_plugin.config.project_trust import ProjectTrust
from poetry_repo_plugin.config.repositories import Repository
from poetry_repo_plugin.config.settings import Settings
from poetry_repo_plugin.core.errors import Cause, RepositoryFailure
from poetry_repo_plugin.core.notices import Notices
from poetry_repo_plugin.core.origin import Origin
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.core.times import now
from poetry_repo_plugin.credentials.base import Broken, Purpose
from poetry_repo_plugin.credentials.chain import ASK_AGAIN, RENEW_BEFORE
from poetry_repo_plugin.http.failures import failure, unanswered
from poetry_repo_plugin.http.matching import Leave, unmistakable

if TYPE_CHECKING:
    import ssl

    from poetry_repo_plugin.credentials.external import OutsideSource
    from poetry_repo_plugin.credentials.helper_protocols import HelperIdentity
    from poetry_repo_plugin.tls.alerts import Classified
    from poetry_repo_plugin.tls.certificate import CertificateFacts
    from poetry_repo_plugin.tls.handshake import Connect, Peer
    from poetry_repo_plugin.tls.identity import ClientIdentity
    from poetry_repo_plugin.tls.settings import TlsSettings

_LOOK_SECONDS = 5.0

_Key = tuple[str, bool, Origin | None]


class Connections:
    """One TLS context for each repository (and, where a helper identifies, each origin), for all threads of a run.

    :param passphrase: finds the passphrase of a repository's key, asking a person if need be, or returns ``None``.
    :param outside: the source that runs helpers, which may hand out client certificates.
    :ivar project_trust: says which CA of the project counts.
    """

    def __init__(
        self,
        settings: Settings,
        bindings: Bindings,
        notices: Notices,
        *,
        passphrase: Callable[[Repository], Secret | None],
        outside: OutsideSource | None,
        project_trust: ProjectTrust,
    ) -> None:
        self._settings = settings
        self.project_trust = project_trust
        self._bindings = bindings
        self._notices = notices
        self.passphrase = passphrase
        self._outside = outside
        self._lock = threading.Lock()
        self._locks: dict[_Key, threading.Lock] = {}
        self._contexts: dict[_Key, ssl.SSLContext | RepositoryFailure | None] = {}
        self._until: dict[_Key, datetime | None] = {}
        self._lent: dict[str, HelperIdentity] = {}
        self._handed_out_to: set[str] = set()
        self._passing: dict[Origin, Classified] = {}
        self._project_ca: dict[str, bool] = {}

    def context(self, leave: Leave) -> ssl.SSLContext | None:
        """The TLS context of a request; ``None`` for requests' own default. Raises :class:`RepositoryFailure`."""
        repository = leave.repository
        if repository is None or leave.origin.scheme != "https":
            return None
        # A helper answers for one origin, and a project's CA counts for some; the user's files serve all of them.
        by_origin = self._outside is not None and self._outside.may_identify(repository.name)
        by_origin = by_origin or self._has_project_ca(repository.name)
        key = (repository.name, leave.identify, leave.origin if by_origin else None)
        with self._lock_of(key):  # a helper that takes its time holds up nobody else's connection
            until = self._until.get(key)
            if key not in self._contexts or (until is not None and until <= now()):
                self._contexts[key], self._until[key] = self._build(repository, leave)
            built = self._contexts[key]
        if isinstance(built, RepositoryFailure):
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
        """Use this client certificate for ``name``, to see what the repository says to it before its helper is set."""
        self._lent[name] = identity

    def settings_of(
        self, repository: Repository, *, identify: bool = True, origin: Origin | None = None
    ) -> TlsSettings:
        """What is configured for the repository: the environment's, the user's, then the project's CA.

        :param origin: where a connection goes: a project's CA does not count everywhere.
        """
        from poetry_repo_plugin.tls.settings import TlsSettings

        name = repository.name
        own = self._settings.own_for(name)
        cert = self._settings.certificate(name, "cert")
        client = self._settings.certificate(name, "client-cert") if identify else None
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

    def unverified(self, name: str) -> tuple[str, str]:
        """What switches verification off for ``name``, and the command that ends it."""
        variable = self._settings.unverified_by(name)
        if variable is not None:
            return variable, f"unset {variable.partition('=')[0]}"
        return "--insecure", f"poetry repo certs {quote(name)} --ca PATH"

    def is_trust_for_itself(self, repository: Repository) -> bool:
        """Whether a repository's servers are believed because a project says so, or not verified at all: that is no
        word of the user's about any other host.
        """
        name = repository.name
        cert = self._settings.certificate(name, "cert")
        if cert is not None or self._settings.own_for(name).ca is not None:
            return cert is False
        return self.project_trust.ca_for(name) is not None

    def has_identity(self, repository: Repository) -> bool:
        """Whether a client certificate is configured, whether or not it may be offered."""
        return isinstance(self._settings.certificate(repository.name, "client-cert"), str)

    def _build(
        self, repository: Repository, leave: Leave
    ) -> tuple[ssl.SSLContext | RepositoryFailure | None, datetime | None]:
        """The context, and when to build it anew: a helper's client certificate may end in the middle of a run."""
        settings = self.settings_of(repository, identify=leave.identify, origin=leave.origin)
        for line in self.project_trust.ignored_for(repository.name):
            self._notices.once(line)
        if not settings.verify:
            what, mend = self.unverified(repository.name)
            self._notices.once(f"Repository {repository.name}: its certificate is not verified ({what}). Try: {mend}")
            _silence_urllib3()
        from poetry_repo_plugin.tls.settings import MaterialError

        try:
            handed_out = self._handed_out(repository, leave) if settings.client_cert is None else None
            from poetry_repo_plugin.tls.context import BUNDLE_VARIABLES, build_context

            # What requests would say of a bundle of the environment that does not do, Poetry takes for the network.
            told = any(self._settings.environ.get(name) for name in BUNDLE_VARIABLES)
            if settings.is_default and handed_out is None and not told:
                return None, None
            context = build_context(settings, seen=partial(self.warn_of_end, repository))
            if handed_out is not None:
                from poetry_repo_plugin.tls.identity import apply_pem

                apply_pem(context, handed_out.certificate_pem, handed_out.key_pem)
                self._handed_out_to.add(repository.name)
            return context, _renewal(handed_out)
        except MaterialError as error:
            return failure(error.cause, f"{error.message}.", repository, host=leave.origin.netloc), None
        except RepositoryFailure as error:
            return error, None

    def warn_of_end(self, repository: Repository, identity: ClientIdentity) -> None:
        """Say once that a client certificate which is offered ends soon."""
        if identity.expires_soon:
            self._notices.once(expiry_warning(repository.name, identity.path, identity.facts))

    def _handed_out(self, repository: Repository, leave: Leave) -> HelperIdentity | None:
        """The client certificate of the repository's helper, if it hands one out (ExecCredential).

        Raises :class:`RepositoryFailure` where the helper could not be asked.
        """
        if leave.identify and repository.name in self._lent:
            return self._lent[repository.name]
        if self._outside is None or not leave.identify:
            return None
        found = self._outside.identity(repository.name, f"{leave.origin}/")
        if isinstance(found, Broken):
            raise unanswered(repository, found, host=leave.origin.netloc)
        return found

    def explain(
        self, leave: Leave, error: BaseException, *, proxy: str | None = None, look_closer: bool = True
    ) -> RepositoryFailure | None:
        """What a failed connection means, or ``None`` if it is nothing that we know.

        :param proxy: the URL of the proxy that stood between; it is gone through as well where that is possible.
        :param look_closer: whether the server may be looked at once more for a better message.
        """
        from poetry_repo_plugin.tls.errors import classify
        from poetry_repo_plugin.tls.handshake import handshake, look_at

        host, port = leave.origin.host, leave.origin.port
        connect, passable = _way_through(proxy, leave.origin)

        def again() -> object:
            context = self.context(leave)
            if context is None:
                return None
            return handshake(host, port, context, timeout=_LOOK_SECONDS, connect=connect)

        def look() -> Peer | None:
            return look_at(host, port, connect=connect)

        # A server in distress is not looked at with each of Poetry's retries.
        look_closer = look_closer and passable and leave.origin not in self._passing
        secured = leave.origin.scheme == "https"
        found = classify(
            error,
            host=leave.origin.netloc,
            client_certificate_offered=self.offers(leave),
            look=look if look_closer and secured else None,
            again=again if look_closer and secured else None,
            look_for_tls=look if look_closer and not secured else None,
        )
        if found is not None and found.cause is Cause.SERVER_ERROR and found.retry:
            found = self._passing.setdefault(leave.origin, found)
        if found is None:
            return None
        in_system = found.cause is Cause.UNKNOWN_CA and look_closer and self._system_trusts(leave, connect)
        return self._as_failure(leave, found, in_system=in_system)

    def _system_trusts(self, leave: Leave, connect: Connect | None) -> bool:
        """Whether the system's store would do where nobody has chosen a CA; one that was chosen was meant."""
        if leave.repository is None:
            return False
        if self.settings_of(leave.repository, identify=False, origin=leave.origin).ca is not None:
            return False
        from poetry_repo_plugin.tls.context import build_context
        from poetry_repo_plugin.tls.errors import classify
        from poetry_repo_plugin.tls.handshake import handshake
        from poetry_repo_plugin.tls.settings import SYSTEM, TlsSettings

        host, port = leave.origin.host, leave.origin.port
        try:
            handshake(host, port, build_context(TlsSettings(ca=SYSTEM)), timeout=_LOOK_SECONDS, connect=connect)
        except Exception as error:  # only a server that we have believed can demand a client certificate of us
            error.__context__ = None  # the failure that is being explained
            found = classify(error, host=leave.origin.netloc)
            return found is not None and found.cause is Cause.CLIENT_CERT_REQUIRED
        return True

    def explain_answer(self, leave: Leave, status: int, body: bytes) -> RepositoryFailure | None:
        """What an answer says about TLS (nginx refuses a client certificate with a page), or ``None``."""
        from poetry_repo_plugin.tls.errors import classify_answer

        found = classify_answer(status, body, self.offers(leave))
        return self._as_failure(leave, found) if found is not None else None

    def _as_failure(self, leave: Leave, found: Classified, *, in_system: bool = False) -> RepositoryFailure:
        if found.cause in (Cause.CLIENT_CERT_REQUIRED, Cause.CLIENT_CERT_REJECTED):
            withheld = self.identity_withheld(leave)
            if withheld is not None:
                return withheld
        message = f"{found.detail.rstrip('.')}."
        hint = None
        if in_system and leave.repository is not None:
            message = f"{found.detail.rstrip('.')}; the system's store trusts it."
            hint = f"poetry repo certs {quote(leave.repository.name)} --ca system"
        if found.cause is Cause.NOT_AN_INDEX and leave.origin.scheme == "http" and leave.repository is not None:
            url = leave.repository.index_url or ""
            hint = f"poetry repo add {quote(leave.repository.name)} {quote(url.replace('http://', 'https://', 1))}"
        return failure(found.cause, message, leave.repository, host=leave.origin.netloc, hint=hint, retry=found.retry)

    def offers(self, leave: Leave) -> bool:
        """Whether the connection had a client certificate to offer."""
        repository = leave.repository
        if repository is None or not leave.identify:
            return False
        return self.has_identity(repository) or repository.name in self._handed_out_to

    def identity_withheld(self, leave: Leave) -> RepositoryFailure | None:
        """If a client certificate is configured but bound elsewhere: the failure that a demand for one means."""
        repository = leave.repository
        if repository is None or leave.identify or not self.has_identity(repository):
            return None
        bound = " and ".join(self._bindings.held_to(repository.name, Kind.CERTIFICATE).origins)
        message = f"it demands a client certificate, and the configured one belongs to {bound}; it was not offered."
        url = unmistakable(leave.query.url) if leave.query is not None else str(leave.origin)
        return failure(Cause.ORIGIN_MISMATCH, message, repository, host=leave.origin.netloc, url=url)


def expiry_warning(name: str, path: Path, facts: CertificateFacts) -> str:
    """What is said, once in a command, of a client certificate that ends soon."""
    from poetry_repo_plugin.tls.identity import expiry_of

    return f"{name}: {expiry_of(path, facts)}. Try: poetry repo certs {quote(name)} --client-cert PATH"


def _way_through(proxy: str | None, origin: Origin) -> tuple[Connect | None, bool]:
    """What opens a connection through ``proxy`` (``None``: nothing is needed), and whether it can be gone through."""
    if proxy is None:
        return None, True
    from poetry_repo_plugin.http.proxy import Proxy

    try:
        way = Proxy.of(proxy)
    except ValueError:
        return None, False
    return partial(way.tunnel, origin, _LOOK_SECONDS), way.is_plain and origin.scheme == "https"


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
