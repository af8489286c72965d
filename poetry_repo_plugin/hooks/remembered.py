"""What requests finds out anew with each request, though it stays the same for a whole command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from requests import Session


def remember_environment(session: Session) -> None:
    """Let ``session`` look for proxies and CA bundles in the environment once for each server.

    For each request, requests goes twice through all environment variables (on macOS and Windows
    through the system's settings as well), for the proxy of a host and whether the host is an
    exception.
    """
    merge = session.merge_environment_settings
    known: dict[tuple[Any, ...], Any] = {}

    def merge_environment_settings(
        url: Any, proxies: Any, stream: Any, verify: Any, cert: Any
    ) -> Any:
        try:
            server = urlsplit(url)
            own = (
                session.trust_env,
                session.stream,
                session.verify,
                session.cert,
                *session.proxies.items(),
            )
            key = (
                server.scheme,
                server.hostname,
                server.port,
                stream,
                verify,
                cert,
                own,
                *proxies.items(),
            )
            found = known.get(key)
        except (
            ValueError,
            TypeError,
            AttributeError,
        ):  # a bad port, an option that is no key or is None
            return merge(url, proxies, stream, verify, cert)
        if found is None:
            found = known[key] = merge(url, proxies, stream, verify, cert)
        return {**found, "proxies": {**found["proxies"]}}

    setattr(session, "merge_environment_settings", merge_environment_settings)  # noqa: B010
