"""How one thing of a world is made wrong in which everything works: the server, its answers, the
way to it, files.
"""

from __future__ import annotations

import socket
import ssl
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.certs import CertificateFactory, Identity, server_context
from tests.integration.world import World
from tests.servers import ProxyServer, Response, Server, refused_url
from tests.servers.listener import Listener

RIGHT_PASSPHRASE, WRONG_PASSPHRASE, WRONG_PASSWORD = (
    "s3same {cache-dir}",
    "0pen {cache-dir}",
    "not {cache-dir} this",
)
PROXY_USER, PROXY_PASSWORD = "carol", "pr0xy-Pa55"


class Damage(ExitStack):
    """What is wrong for the time of a ``with`` block.

    :ivar server: the server that commands talk to in the index's place.
    :ivar origin: the origin that takes the place of the index's in all settings.
    """

    def __init__(self, world: World) -> None:
        super().__init__()
        self.server: Server = world.index
        self.origin: str | None = None

    def put_in_place(self, server: Server) -> None:
        """``server`` is what is talked to."""
        self.server = self.enter_context(server)


Spoil = Callable[[World, Damage], object]


# -- the server


def presenting(make: Callable[[CertificateFactory], Identity]) -> Spoil:
    """The server has another certificate."""

    def spoil(world: World, damage: Damage) -> None:
        world.index.tls = server_context(make(world.certs), world.certs.ca)

    return spoil


def speaking(version: ssl.TLSVersion) -> Callable[[World], None]:
    """The server speaks this version of TLS only."""

    def give(world: World) -> None:
        world.index.tls = server_context(
            world.certs.server(), world.certs.ca, minimum=version, maximum=version
        )

    return give


def tls_1_0(world: World, damage: Damage) -> None:
    """A server of 2005."""
    old = ssl.TLSVersion.TLSv1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        tls = server_context(world.certs.server(), world.certs.ca, minimum=old, maximum=old)
    tls.set_ciphers("ALL:@SECLEVEL=0")  # without it OpenSSL 3 does not even offer it
    world.index.tls = tls


def revoked(world: World, damage: Damage) -> None:
    """The CA has revoked the client certificate, and the server knows."""
    assert world.index.tls is not None
    least, most = world.index.tls.minimum_version, world.index.tls.maximum_version
    tls = server_context(world.certs.server(), world.certs.ca, minimum=least, maximum=most)
    tls.load_verify_locations(world.certs.write("ca.crl", world.certs.ca.revoking(world.identity)))
    tls.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    world.index.tls = tls


def plain_http(world: World, damage: Damage) -> None:
    """No TLS where the URL says https."""
    world.index.tls = None


def replaced_by(make: Callable[[], Server]) -> Spoil:
    """Another server stands in the index's place."""

    def spoil(world: World, damage: Damage) -> None:
        damage.put_in_place(make())
        damage.origin = damage.server.origin

    return spoil


class AlertServer(Server):
    """Answers a ClientHello with a fatal alert (RFC 8446, 6)."""

    def __init__(self, alert: int) -> None:
        super().__init__()
        self._scheme, self.alert = "https", alert

    def converse(self, connection: socket.socket, listener: Listener, number: int) -> None:
        """See :meth:`Server.converse`."""
        connection.recv(65536)
        connection.sendall(bytes((21, 3, 3, 0, 2, 2, self.alert)))


# -- its answers


def answering(response: Callable[[], Response]) -> Spoil:
    """Whatever is asked, the server answers so."""

    def spoil(world: World, damage: Damage) -> None:
        world.index.respond = lambda request: response()
        damage.callback(setattr, world.index, "respond", None)

    return spoil


# -- the way to it


def http_url(world: World, damage: Damage) -> None:
    """The URL says http where the server speaks TLS."""
    damage.origin = world.index.origin.replace("https://", "http://")


def refused(world: World, damage: Damage) -> None:
    """Nothing listens."""
    damage.origin = refused_url("", "https")


def nameless(world: World, damage: Damage) -> None:
    """The name is nobody's (RFC 6761, 6.4)."""
    damage.origin = "https://no-such-host.invalid"


def behind_proxy(**options: Any) -> Spoil:
    """A proxy that does not do what is asked of it."""

    def spoil(world: World, damage: Damage) -> None:
        damage.put_in_place(ProxyServer(**options))
        world.home.environ["HTTPS_PROXY"] = damage.server.origin
        damage.callback(world.home.environ.pop, "HTTPS_PROXY", None)

    return spoil


def seen_through_proxy(how: Spoil) -> Spoil:
    """The same as ``how``, with a proxy on the way that does what is asked of it. Counted is what
    the index sees.
    """

    def spoil(world: World, damage: Damage) -> None:
        how(world, damage)
        proxy = damage.enter_context(ProxyServer(credentials={PROXY_USER: PROXY_PASSWORD}))
        world.home.environ["HTTPS_PROXY"] = proxy.origin.replace(
            "://", f"://{PROXY_USER}:{PROXY_PASSWORD}@"
        )
        damage.callback(world.home.environ.pop, "HTTPS_PROXY", None)

    return spoil


# -- the user's files


def lacking(missing: str) -> Spoil:
    """See :meth:`World.break_off`."""
    return lambda world, damage: world.break_off(missing)


def wrong_password(world: World, damage: Damage) -> None:
    """The stored password is another one."""
    world.log_in(password=WRONG_PASSWORD)


def with_ca(make: Callable[[World], Path]) -> Spoil:
    """The configured CA bundle is this file."""
    return lambda world, damage: world.trust(make(world))


def offering(make: Callable[[CertificateFactory], Identity]) -> Spoil:
    """The user has another client certificate, in one file with its key."""
    return with_identity(
        lambda world: {"cert": world.certs.pem(make(world.certs), "other-client.pem")}
    )


def with_identity(make: Callable[[World], dict[str, Any]]) -> Spoil:
    """The client certificate is configured so; ``make`` gives the parameters of
    :func:`identify_with`.
    """
    return lambda world, damage: identify_with(world, **make(world))


def identify_with(
    world: World, cert: Path, key: Path | None = None, passphrase: str | None = None
) -> None:
    """Set the client certificate, and take away what was set of it before."""
    world.settle("config.toml", "certificates", world.name, "client-cert", value=str(cert))
    world.settle(
        "poetry-repo-plugin.toml",
        "repositories",
        world.name,
        "client-key",
        value=str(key) if key else None,
    )
    world.settle("auth.toml", "http-basic", world.name, "passphrase", value=passphrase)


def gone(world: World) -> Path:
    """A file that is not there."""
    return world.home.root / "gone.pem"


def garbage(world: World) -> Path:
    """A file that holds anything else."""
    return world.certs.write("garbage.pem", b"\x00\x01 not a certificate \xff" * 40)


def own_cert(world: World) -> Path:
    """The user's certificate without its key."""
    return world.certs.cert_file(world.identity, "lonely.crt")


def sealed_key(world: World) -> Path:
    """The user's key, encrypted."""
    return world.certs.key_file(world.identity, "sealed.key", passphrase=RIGHT_PASSPHRASE)


def other_key(world: World) -> Path:
    """The key of somebody else."""
    return world.certs.key_file(world.certs.client("mallory"), "other.key")
