"""TLS and the client certificate: the files on this machine first, then one handshake."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from poetry_repo_plugin.config.repositories import Repository
from poetry_repo_plugin.core.deadline import within
from poetry_repo_plugin.core.errors import Cause, Failure
from poetry_repo_plugin.doctor.network import Route
from poetry_repo_plugin.doctor.report import Finding, State, failed, fine, skipped
from poetry_repo_plugin.http.auth import Access
from poetry_repo_plugin.http.failures import failure, failure_of, hint_for
from poetry_repo_plugin.http.matching import Grant
from poetry_repo_plugin.tls.settings import SOON, TlsSettings

if TYPE_CHECKING:
    import ssl

    from poetry_repo_plugin.tls.certificate import CertificateFacts
    from poetry_repo_plugin.tls.handshake import Peer

# What a handshake means when it concerns the client's certificate; bound to another origin, it was
# not offered.
OF_CLIENT = frozenset(
    {
        Cause.ORIGIN_MISMATCH,
        *(Cause.CLIENT_CERT_REQUIRED, Cause.CLIENT_CERT_REJECTED, Cause.CLIENT_CERT_EXPIRED),
        *(
            Cause.CLIENT_KEY_MISSING,
            Cause.CLIENT_KEY_MISMATCH,
            Cause.PASSPHRASE_MISSING,
            Cause.PASSPHRASE_WRONG,
        ),
    }
)

_EXPLAINING = 10.0  # seconds
_UNSEEN = "the proxy hides this; see the index check"
_PLAIN_HTTP = "plain http: anyone on the network can read and change the traffic"


@dataclass(frozen=True)
class Material:
    """What the files of one repository hold, looked at before anything is connected.

    :param plain: a context without the client certificate; ``None`` for plain http, and where
        ``ca_failure`` says why.
    :param identity_failure: why the client certificate cannot be offered.
    :param concerns: what is odd about it.
    """

    settings: TlsSettings
    plain: ssl.SSLContext | None = None
    ca_failure: Failure | None = None
    identity_failure: Failure | None = None
    identity: CertificateFacts | None = None
    concerns: tuple[str, ...] = ()


def prepare(access: Access, repository: Repository, grant: Grant) -> Material:
    """Read and check the files; may ask for a passphrase, so it is called before several walk side
    by side.
    """
    from poetry_repo_plugin.tls.context import build_context
    from poetry_repo_plugin.tls.identity import load_identity

    settings = access.tls.settings_of(repository, identify=grant.identify, origin=grant.origin)
    material = Material(settings)
    if grant.origin.scheme != "https":
        return material
    try:
        plain = build_context(replace(settings, client_cert=None, client_key=None))
        material = replace(material, plain=plain)
    except Failure as error:
        material = replace(material, ca_failure=failure_of(error, repository))
    if settings.client_cert is None:
        return material
    try:
        identity = load_identity(settings.client_cert, settings.client_key, settings.passphrase)
    except Failure as error:
        return replace(material, identity_failure=failure_of(error, repository))
    concerns = tuple(concern.removesuffix(".") for concern in identity.warnings)
    return replace(material, identity=identity.facts, concerns=concerns)


class Security:
    """The checks ``tls`` and ``client-cert`` of one repository.

    :param reached: ``""``, or why the server cannot be asked ("connect failed").
    """

    def __init__(
        self, access: Access, grant: Grant, route: Route, material: Material, timeout: float
    ) -> None:
        self._access = access
        self._grant = grant
        self._route = route
        self._material = material
        self._timeout = timeout
        self._refusal: Failure | None = None
        self.asks_in_vain = False  # for a client certificate, optionally, and none is set

    def tls(self, reached: str) -> Finding:
        """Who answers, and whether that is verified."""
        if self._grant.origin.scheme != "https":
            return Finding("tls", State.WARN, _PLAIN_HTTP)
        if self._material.ca_failure is not None:
            return failed("tls", self._material.ca_failure)
        if reached:
            return skipped("tls", reached)
        if not self._route.probable:
            return skipped("tls", _UNSEEN)
        peer = self._handshake()
        error = self._refusal
        if error is not None and error.cause not in OF_CLIENT:
            return failed("tls", error)
        if error is not None:
            peer = self._look()  # a server refuses us after we have accepted it
        facts = None
        if peer is not None:
            facts = peer.certificate
        return replace(
            self._of_peer(peer), expires_at=facts.not_after if facts is not None else None
        )

    def client_certificate(self, reached: str) -> Finding:
        """Whether one is wanted, offered and accepted."""
        facts = self._material.identity
        ends = None
        if facts is not None:
            ends = facts.not_after
        return replace(self._client_certificate(reached), expires_at=ends)

    def _client_certificate(self, reached: str) -> Finding:
        check, material = "client-cert", self._material
        if self._grant.origin.scheme != "https":
            return skipped(check, "plain http knows no client certificates")
        refusal = material.identity_failure or self._refusal
        if refusal is not None and (
            material.identity_failure is not None or refusal.cause in OF_CLIENT
        ):
            return failed(check, refusal)
        expiring = self._expiring()
        if expiring is not None:
            return expiring
        if not self._access.tls.offers(self._grant):
            return self._without_identity(reached)
        if reached or not self._route.probable:
            return skipped(check, f"{self._who()}; {reached or _UNSEEN}")
        peer = self._look()
        if peer is None or peer.asks_client_certificate is None:
            return fine(check, f"{self._who()}: let in")
        asked = peer.asks_client_certificate
        return fine(
            check,
            f"{self._who()}: accepted"
            if asked
            else f"{self._who()}; the server does not ask for it",
        )

    # -- the handshake

    def _handshake(self) -> Peer | None:
        """Who answered; what refused us is in ``_refusal``."""
        from poetry_repo_plugin.tls.handshake import handshake

        origin, context = self._grant.origin, self._context()
        assert context is not None
        try:
            return handshake(
                origin.host, origin.port, context, timeout=self._timeout, connect=self._route.open
            )
        except OSError as error:
            self._refusal = self._explained(error)
        return None

    def _explained(self, error: OSError) -> Failure:
        repository, host = self._grant.repository, self._grant.origin.netloc
        if isinstance(error, TimeoutError):
            message = "it accepts the connection but does not finish the TLS handshake in time."
            return failure(Cause.TIMEOUT, message, repository, host=host)
        found, proxy = None, self._route.proxy_url
        with suppress(TimeoutError):  # it may connect again, and ask a helper again
            found = within(
                _EXPLAINING, lambda: self._access.tls.explain(self._grant, error, proxy=proxy)
            )
        message = f"the TLS handshake fails ({type(error).__name__})."
        return found or failure(Cause.SERVER_ERROR, message, repository, host=host)

    def _context(self) -> ssl.SSLContext | None:
        """What requests will use, or as much of it as there is: a helper may be run for the client
        certificate.
        """
        plain = self._material.plain
        if self._material.identity_failure is not None:
            return plain
        try:
            return within(self._timeout, lambda: self._access.tls.context(self._grant)) or plain
        except Failure as error:
            self._material = replace(self._material, identity_failure=error)
        except TimeoutError:
            message = f"its helper gave no client certificate within {self._timeout:g} s."
            late = failure(
                Cause.TIMEOUT, message, self._grant.repository, host=self._grant.origin.netloc
            )
            self._material = replace(self._material, identity_failure=late)
        return plain

    def _look(self) -> Peer | None:
        """The server as it shows itself to a stranger."""
        from poetry_repo_plugin.tls.handshake import look_at

        origin, seconds = self._grant.origin, min(3.0, self._timeout)
        return look_at(origin.host, origin.port, timeout=seconds, connect=self._route.open)

    # -- words

    def _of_peer(self, peer: Peer | None) -> Finding:
        facts = None
        if peer is not None:
            facts = peer.certificate
        version = ""
        if peer is not None and peer.version:
            version = f"{peer.version}, "
        if not self._material.settings.verify:
            repository = self._grant.repository
            what, hint = self._access.tls.unverified(
                repository.name if repository is not None else "NAME"
            )
            message = f"{version}its certificate is not verified ({what}): any server is trusted"
            return Finding("tls", State.WARN, message, hint=hint)
        if facts is None:
            return fine("tls", f"{version}its certificate is trusted")
        if facts.days_left() < SOON:
            return Finding(
                "tls", State.WARN, f"{version}its certificate expires on {_until(facts)}"
            )
        relaxed = ""
        if self._material.settings.relaxed:
            relaxed = ", checked without Python's stricter X.509 rules"
        whose = (
            f"the certificate of {facts.name} by {facts.issuer_name}, valid until {_until(facts)}"
        )
        return fine("tls", f"{version}{whose}{relaxed}")

    def _without_identity(self, reached: str) -> Finding:
        repository = self._grant.repository
        if (
            repository is not None
            and self._access.tls.has_identity(repository)
            and not self._grant.identify
        ):
            return skipped(
                "client-cert",
                "the one that is set belongs to another origin and is not offered here",
            )
        if reached:
            return skipped("client-cert", "none is set")
        peer = None
        if self._route.probable:
            peer = self._look()
        self.asks_in_vain = peer is not None and peer.asks_client_certificate is True
        more = ", and none is demanded"
        if self.asks_in_vain:
            more = "; the server asks for one, optionally"
        return skipped("client-cert", f"none is set{more}")

    def _expiring(self) -> Finding | None:
        """A warning for what will stop working soon, or is odd already."""
        hint = hint_for(Cause.CLIENT_CERT_EXPIRED, self._grant.repository)
        facts = self._material.identity
        if facts is not None and facts.days_left() < SOON:
            return Finding(
                "client-cert", State.WARN, f"{facts.name} expires on {_until(facts)}", hint=hint
            )
        if self._material.concerns:
            return Finding("client-cert", State.WARN, "; ".join(self._material.concerns), hint=hint)
        return None

    def _who(self) -> str:
        facts = self._material.identity
        if facts is None:
            return "the one from its helper"
        return f"{facts.name}, valid until {_until(facts)}"


def _until(facts: CertificateFacts) -> str:
    left = facts.days_left()
    return f"{facts.valid_until} ({left} day{'s' if left != 1 else ''} left)"
