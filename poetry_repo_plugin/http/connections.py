"""Connections to a repository: how they are secured, and why one failed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from poetry_repo_plugin.config.bindings import Bindings, Kind
from poetry_repo_plugin.config.project_trust import ProjectTrust
from poetry_repo_plugin.config.repositories import Repository
from poetry_repo_plugin.config.settings import Settings
from poetry_repo_plugin.core.errors import Cause, Failure
from poetry_repo_plugin.core.hints import Hint, repo, unset
from poetry_repo_plugin.core.notices import Notices
from poetry_repo_plugin.core.origin import Origin
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.http.contexts import Contexts
from poetry_repo_plugin.http.failures import failure, failure_of
from poetry_repo_plugin.http.matching import Grant, unmistakable

if TYPE_CHECKING:
    from poetry_repo_plugin.credentials.external import OutsideSource
    from poetry_repo_plugin.tls.handshake import Connect, Peer

_LOOK_SECONDS = 5.0


class Connections(Contexts):
    """The contexts of a run, and an explanation for each connection that fails.

    :param bindings: tell where a client certificate belongs that was not offered.
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
        super().__init__(
            settings,
            notices,
            passphrase=passphrase,
            outside=outside,
            project_trust=project_trust,
        )
        self._bindings = bindings
        self._passing: dict[Origin, Failure] = {}

    def explain(
        self,
        grant: Grant,
        error: BaseException,
        *,
        proxy: str | None = None,
        look_closer: bool = True,
    ) -> Failure | None:
        """The failure that ``error`` means, or ``None`` if it is none that we know.

        :param proxy: the URL of the proxy that stood between; it is used again where possible.
        :param look_closer: the server may be looked at once more for a better message.
        """
        from poetry_repo_plugin.tls.errors import classify
        from poetry_repo_plugin.tls.handshake import handshake, look_at

        found = self._proxy_fault(grant, proxy)
        if found is not None:
            return found
        host, port = grant.origin.host, grant.origin.port
        connect, passable = _way_through(proxy, grant.origin)

        def again() -> None:
            context = self.context(grant)
            if context is not None:
                handshake(host, port, context, timeout=_LOOK_SECONDS, connect=connect)

        def look() -> Peer | None:
            return look_at(host, port, connect=connect)

        # A server in distress is not looked at with each of Poetry's retries.
        look_closer = look_closer and passable and grant.origin not in self._passing
        found = classify(
            error,
            host=grant.origin.netloc,
            secured=grant.origin.scheme == "https",
            client_certificate_offered=self.offers(grant),
            look=look if look_closer else None,
            again=again if look_closer else None,
        )
        if found is None:
            return None
        if found.cause is Cause.SERVER_ERROR and found.retry:
            found = self._passing.setdefault(grant.origin, found)
        if found.cause is Cause.PROXY and proxy is not None:
            return self._of_proxy(grant, found.detail, proxy, retry=found.retry)
        in_system = False
        if found.cause is Cause.UNKNOWN_CA and look_closer:
            in_system = self._system_trusts(grant, connect)
        return self._as_failure(grant, found, in_system=in_system)

    def _proxy_fault(self, grant: Grant, proxy: str | None) -> Failure | None:
        """The failure that a proxy is which no request can go through."""
        from poetry_repo_plugin.http.proxy import fault_of

        fault = None
        if proxy is not None:
            fault = fault_of(proxy)
        if fault is None or proxy is None:
            return None
        return self._of_proxy(grant, f"the proxy cannot be used: {fault}", proxy, retry=False)

    def _of_proxy(self, grant: Grant, detail: str, proxy: str, *, retry: bool) -> Failure:
        """Named with its variable, which is what there is to mend."""
        from poetry_repo_plugin.http.proxy import name_of, variable_of

        variable = variable_of(proxy, grant.origin.scheme, self._settings.environ)
        words = [name_of(proxy), f"set by {variable}" if variable is not None else ""]
        named = ", ".join(filter(None, words))
        told = detail
        if named:
            told = f"{detail} ({named})"
        hint = None
        if variable is not None:
            hint = unset(variable)
        repository, host = grant.repository, grant.origin.netloc
        return failure(Cause.PROXY, told, repository, host=host, hint=hint, retry=retry)

    def _system_trusts(self, grant: Grant, connect: Connect | None) -> bool:
        """Nobody has chosen a CA (one that was chosen was meant), and the system's would do."""
        repository = grant.repository
        if repository is None:
            return False
        if self.settings_of(repository, identify=False, origin=grant.origin).ca is not None:
            return False
        from poetry_repo_plugin.tls.context import build_context
        from poetry_repo_plugin.tls.errors import classify
        from poetry_repo_plugin.tls.handshake import handshake
        from poetry_repo_plugin.tls.settings import SYSTEM, TlsSettings

        host, port = grant.origin.host, grant.origin.port
        try:
            context = build_context(TlsSettings(ca=SYSTEM))
            handshake(host, port, context, timeout=_LOOK_SECONDS, connect=connect)
        except Exception as error:
            # Only a server that we have believed can demand a client certificate of us.
            error.__context__ = None  # the failure that is being explained
            found = classify(error, host=grant.origin.netloc)
            return found is not None and found.cause is Cause.CLIENT_CERT_REQUIRED
        return True

    def explain_answer(self, grant: Grant, status: int, body: bytes) -> Failure | None:
        """The failure that an answer tells of: nginx refuses a client certificate with a page."""
        from poetry_repo_plugin.tls.errors import classify_answer

        found = classify_answer(status, body, self.offers(grant))
        if found is None:
            return None
        return self._as_failure(grant, found)

    def _as_failure(
        self,
        grant: Grant,
        found: Failure,
        *,
        in_system: bool = False,
    ) -> Failure:
        if found.cause in (Cause.CLIENT_CERT_REQUIRED, Cause.CLIENT_CERT_REJECTED):
            withheld = self.identity_withheld(grant)
            if withheld is not None:
                return withheld
        repository, host = grant.repository, grant.origin.netloc
        if repository is None:
            return failure_of(found, None, host=host)
        hint: Hint | None = None
        if in_system:
            detail = f"{found.detail}; the system's store trusts it"
            found = Failure(found.cause, detail, subject=found.subject, retry=found.retry)
            hint = repo("certs", repository.name, "--ca", "system")
        if found.cause is Cause.NOT_AN_INDEX and grant.origin.scheme == "http":
            url = (repository.index_url or "").replace("http://", "https://", 1)
            hint = repo("add", repository.name, url)
        return failure_of(found, repository, host=host, hint=hint)

    def identity_withheld(self, grant: Grant) -> Failure | None:
        """The failure that a demand for a client certificate means if ours is bound elsewhere."""
        repository = grant.repository
        if repository is None or grant.identify or not self.has_identity(repository):
            return None
        held_to = self._bindings.held_to(repository.name, Kind.CERTIFICATE)
        whose = f"the configured one belongs to {' and '.join(held_to.origins)}"
        if not held_to.places:
            whose = "the managed settings name one, but only this project says where it is"
        detail = f"it requires a client certificate, and {whose}"
        message = f"{detail}; it was not offered."
        url = unmistakable(grant.query.url) if grant.query is not None else str(grant.origin)
        host = grant.origin.netloc
        return failure(Cause.ORIGIN_MISMATCH, message, repository, host=host, url=url)


def _way_through(proxy: str | None, origin: Origin) -> tuple[Connect | None, bool]:
    """A function that connects through ``proxy``, if there is one, and whether it can do so."""
    if proxy is None:
        return None, True
    from poetry_repo_plugin.http.proxy import Proxy

    try:
        way = Proxy.of(proxy)
    except ValueError:
        return None, False
    return partial(way.tunnel, origin, _LOOK_SECONDS), way.is_plain and origin.scheme == "https"
