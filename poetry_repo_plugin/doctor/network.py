"""The way to a server: name resolution, a connection, and the proxy where there is one."""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Callable
from typing import Any

from poetry_repo_plugin.core.deadline import within
from poetry_repo_plugin.core.errors import Cause, Failure
from poetry_repo_plugin.core.hints import unset
from poetry_repo_plugin.core.origin import DEFAULT_PORTS
from poetry_repo_plugin.doctor.report import Finding, State, failed, fine, skipped
from poetry_repo_plugin.http.asking import given_proxy, proxy_of
from poetry_repo_plugin.http.auth import Access
from poetry_repo_plugin.http.failures import failure
from poetry_repo_plugin.http.matching import Grant
from poetry_repo_plugin.http.proxy import Proxy, fault_of, name_of, variable_of

Resolve = Callable[..., list[Any]]

_GRACE = 0.5  # seconds in which a socket's own time limit may strike first, and close it
_SLOW = 1.0  # seconds that an address may keep us before it is worth a word


class Route:
    """How one repository's server is reached.

    :param timeout: seconds, for each step.
    :param resolve: ``socket.getaddrinfo``, or a stand-in.
    """

    def __init__(
        self, access: Access, grant: Grant, url: str, timeout: float, resolve: Resolve
    ) -> None:
        self._access = access
        self._grant = grant
        self._timeout = timeout
        self._resolve = resolve
        self._addresses: list[str] = []
        self.origin = grant.origin
        self.proxy: Proxy | None = None
        self.proxy_url = proxy_of(url)
        self._given = given_proxy(url)
        self._fault = fault_of(self._given) if self._given is not None else None
        if self.proxy_url is not None and self._fault is None:
            self.proxy = Proxy.of(self.proxy_url)

    @property
    def probable(self) -> bool:
        """Whether we can go this way ourselves, without requests: directly, or through a plain http
        proxy.
        """
        return self.proxy is None or self.proxy.is_plain

    def dns(self) -> Finding:
        """Whether the name leads to an address; through a proxy, the proxy's name."""
        if self._fault is not None:
            which = f"the proxy {name_of(self._given or '')}".rstrip()
            return failed("dns", self._of_proxy(f"{which} cannot be used: {self._fault}"))
        host = self.proxy.host if self.proxy else self.origin.host
        port = self.proxy.port if self.proxy else self.origin.port
        whose = ""
        if self.proxy:
            whose = f"the proxy {self.proxy}, which resolves {self.origin.host}"
        if _is_address(host):
            self._addresses = [host]
            why = (
                f"through {whose}"
                if whose
                else f"{host} is an address, so there is nothing to look up"
            )
            return fine("dns", why)
        try:
            found = within(
                self._timeout, lambda: self._resolve(host, port, type=socket.SOCK_STREAM)
            )
        except TimeoutError:
            return self._unresolved(host, f"no answer within {self._timeout:g} s")
        except (OSError, UnicodeError) as error:
            return self._unresolved(host, getattr(error, "strerror", None) or str(error))
        self._addresses = list(dict.fromkeys(str(info[4][0]) for info in found))
        shown = ", ".join(self._addresses[:3]) + (", …" if len(self._addresses) > 3 else "")
        return fine("dns", f"through {whose}: {shown}" if whose else f"{host}: {shown}")

    def connect(self) -> Finding:
        """Whether something listens there; through a proxy, whether the proxy lets us through."""
        if self.proxy is not None and self.proxy.scheme not in DEFAULT_PORTS:
            return skipped("connect", f"a {self.proxy.scheme} proxy is not checked on its own")
        started, first = time.monotonic(), self._addresses[:1]
        try:
            with within(self._timeout + _GRACE, self.open) as link:
                reached = str(link.getpeername()[0])
        except OSError as error:
            return self._unconnected(error)
        took = time.monotonic() - started
        if self.proxy is not None:
            tunnelled = self.probable and self.origin.scheme == "https"
            does = "answers"
            if tunnelled:
                does = f"connects to {self.origin.netloc}"
            return fine("connect", f"the proxy {self.proxy} {does}")
        where = f"port {self.origin.port} at {reached} answers"
        if took > _SLOW and first != self._addresses[:1]:
            return Finding(
                "connect",
                State.WARN,
                f"{where}, but only after {first[0]} did not for {took:.0f} s",
            )
        return fine("connect", where)

    def open(self) -> socket.socket:
        """A connected socket, through the proxy where there is one. Raises :class:`OSError`."""
        if self.proxy is None:
            return self._direct()
        if not self.proxy.is_plain or self.origin.scheme == "http":
            return socket.create_connection((self.proxy.host, self.proxy.port), self._timeout)
        return self.proxy.tunnel(self.origin, self._timeout)

    def _direct(self) -> socket.socket:
        """To the first address that answers, which from then on is the first."""
        each = min(self._timeout, max(1.0, self._timeout / len(self._addresses)))
        *others, last = self._addresses
        for address in others:
            try:
                link = socket.create_connection((address, self.origin.port), each)
            except OSError:
                continue
            self._addresses.sort(key=lambda other: other != address)
            return link
        link = socket.create_connection((last, self.origin.port), each)
        self._addresses = [last, *others]
        return link

    def _unresolved(self, host: str, why: str) -> Finding:
        if self.proxy is not None:
            return failed(
                "dns", self._of_proxy(f"the name of the proxy {host} cannot be resolved ({why})")
            )
        message = f"the name {host} cannot be resolved ({why})"
        return failed(
            "dns", failure(Cause.DNS, message, self._grant.repository, host=self.origin.netloc)
        )

    def _unconnected(self, error: OSError) -> Finding:
        found = self._access.tls.explain(self._grant, error, look_closer=False)
        cause, why = Cause.REFUSED, error.strerror or str(error)
        if found is not None:
            cause, why = found.cause, found.detail
        if isinstance(error, TimeoutError):
            cause, why = Cause.TIMEOUT, f"no connection could be made within {self._timeout:g} s"
        if self.proxy is not None:
            said = why
            if cause is not Cause.PROXY:
                said = f"the proxy {self.proxy} cannot be used: {why}"
            return failed("connect", self._of_proxy(said))
        return failed(
            "connect", failure(cause, why, self._grant.repository, host=self.origin.netloc)
        )

    def _of_proxy(self, message: str) -> Failure:
        variable = variable_of(self._given or "", self.origin.scheme)
        hint = None
        if variable is not None:
            message, hint = f"{message} (set by {variable})", unset(variable)
        repository, host = self._grant.repository, self.origin.netloc
        return failure(Cause.PROXY, message, repository, host=host, hint=hint)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
