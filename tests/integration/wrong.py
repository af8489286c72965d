"""The table of what can be wrong, and what a user must be told: DESIGN section 7, row by row.

Each :class:`Wrong` spoils one thing of a :class:`~tests.integration.world.World` in which
everything works; :func:`~tests.integration.told.spoiled` puts it right again, and what is run after
that is the passing twin.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from tests.certs import CertificateFactory
from tests.integration import spoil
from tests.integration.spoil import Spoil
from tests.integration.world import NAME, USER, World
from tests.servers import ResetServer, Response, SilentServer
from tests.servers.faults import (
    forbidden,
    login_page,
    proxy_authentication_required,
    redirect,
    sign_on,
    too_many_requests,
)

CA = f"Try: poetry repo certs {NAME} --ca PATH"
CLIENT_CERT = f"Try: poetry repo certs {NAME} --client-cert PATH"
CLIENT_KEY = f"Try: poetry repo certs {NAME} --client-cert PATH --client-key PATH"
PASSPHRASE_HINT = f"Try: poetry repo certs {NAME} --passphrase"
LOGIN = f"Try: poetry repo login {NAME}"
ADD = f"Try: poetry repo add {NAME} "
PUBLISH_URL = " --publish-url URL"
UNSET_PROXY = "Try: unset HTTPS_PROXY"

LOCK, PUBLISH, LOGGING_IN = "lock", "publish", "login"
EVERYWHERE = (LOCK, PUBLISH, LOGGING_IN)
INDEX = (LOCK, LOGGING_IN)

RETRIES = 5
"""How often Poetry tries again, after 0.5, 1.0, … seconds (``Authenticator.request``)."""


@dataclass(frozen=True)
class Wrong:
    """One thing that is wrong.

    :param cause: the word of DESIGN section 7.
    :param says: what else the message contains; a date is shortened to its century.
    :param hint: the line with the command that mends it; empty where there is none.
    :param reaches: what a try of it leaves on the server: ``connections``, ``requests``, or
        nothing.
    :param looks: how many more of these a second look makes, for a better message.
    :param passing: whether trying again may help, so that Poetry does.
    :param given: what belongs to the situation, and stays in the twin.
    :param on: the commands that meet it.
    """

    name: str
    cause: str
    says: tuple[str, ...]
    spoil: Spoil
    hint: str = ""
    reaches: str = "connections"
    looks: int = 0
    passing: bool = False
    given: Callable[[World], object] = field(default=lambda world: None)
    on: tuple[str, ...] = EVERYWHERE

    def tries(self, command: str) -> int:
        """What the server sees of one run of ``command``."""
        if not self.reaches:
            return 0
        return (1 + RETRIES if self.passing and command == LOCK else 1) + self.looks


def _presents(
    name: str,
    cause: str,
    says: tuple[str, ...],
    make: Callable[[CertificateFactory], object],
    hint: str = "",
) -> Wrong:
    return Wrong(name, cause, says, spoil.presenting(make), hint, looks=1)  # type: ignore[arg-type]


def _file(name: str, cause: str, says: tuple[str, ...], how: Spoil, hint: str) -> Wrong:
    return Wrong(name, cause, says, how, hint, reaches="")


def _answer(
    name: str,
    cause: str,
    says: tuple[str, ...],
    how: Spoil,
    hint: str,
    on: tuple[str, ...] = EVERYWHERE,
    looks: int = 0,
) -> Wrong:
    return Wrong(name, cause, says, how, hint, "requests", looks, on=on)


SERVER = (
    _presents(
        "unknown-ca",
        "unknown-ca",
        ("Another root", "not trusted"),
        CertificateFactory.server_unknown_ca,
        CA,
    ),
    _presents(
        "missing-intermediate",
        "unknown-ca",
        ("Test intermediate", "an intermediate CA, the server should"),
        CertificateFactory.server_missing_intermediate,
        CA,
    ),
    _presents(
        "expired", "server-cert-expired", ("expired on 20",), CertificateFactory.server_expired
    ),
    _presents(
        "not-yet-valid",
        "server-cert-expired",
        ("not valid before 20", "today is 20"),
        CertificateFactory.server_not_yet_valid,
    ),
    _presents(
        "wrong-host",
        "hostname-mismatch",
        ("is for wrong.example.org, not for 127.0.0.1",),
        CertificateFactory.server_wrong_host,
    ),
    _presents("wrong-usage", "unknown-ca", ("purpose",), CertificateFactory.server_wrong_usage),
    Wrong("tls-1.0", "server-error", ("does not support TLS 1.2 or 1.3",), spoil.tls_1_0),
    Wrong(
        "plain-http",
        "not-an-index",
        ("plain http on this port",),
        spoil.plain_http,
        ADD,
        looks=1,
        on=INDEX,
    ),
    Wrong(
        "plain-http-upload",
        "not-an-upload-url",
        ("plain http on this port",),
        spoil.plain_http,
        PUBLISH_URL,
        looks=1,
        on=(PUBLISH,),
    ),
    Wrong(
        "https-on-http",
        "not-an-index",
        ("https on this port",),
        spoil.http_url,
        f"{ADD}https://",
        looks=1,
        on=INDEX,
    ),
    Wrong(
        "https-on-http-upload",
        "not-an-upload-url",
        ("https on this port",),
        spoil.http_url,
        " --publish-url https://",
        looks=1,
        on=(PUBLISH,),
    ),
    Wrong(
        "handshake-failure",
        "server-error",
        ("handshake failure",),
        spoil.replaced_by(lambda: spoil.AlertServer(40)),
        looks=1,
    ),
)


def _client(version: ssl.TLSVersion, word: str) -> Iterator[Wrong]:
    for name, cause, says, how in (
        ("required", "client-cert-required", "none is set", spoil.lacking("client certificate")),
        (
            "foreign",
            "client-cert-rejected",
            "not know the CA",
            spoil.offering(CertificateFactory.client_foreign),
        ),
        ("revoked", "client-cert-rejected", "it was revoked", spoil.revoked),
    ):
        yield Wrong(
            f"client-cert-{name}-{word}",
            cause,
            (says,),
            how,
            CLIENT_CERT,
            looks=1,
            given=spoil.speaking(version),
        )


TUNNELLED = (
    Wrong(
        "client-cert-required-proxy",
        "client-cert-required",
        ("none is set",),
        spoil.seen_through_proxy(spoil.lacking("client certificate")),
        CLIENT_CERT,
        looks=1,
        given=spoil.speaking(ssl.TLSVersion.TLSv1_3),
    ),
    Wrong(
        "client-cert-foreign-proxy",
        "client-cert-rejected",
        ("not know the CA",),
        spoil.seen_through_proxy(spoil.offering(CertificateFactory.client_foreign)),
        CLIENT_CERT,
        looks=1,
        given=spoil.speaking(ssl.TLSVersion.TLSv1_3),
    ),
    Wrong(
        "expired-proxy",
        "server-cert-expired",
        ("its certificate expired on 20",),
        spoil.seen_through_proxy(spoil.presenting(CertificateFactory.server_expired)),
        looks=1,
    ),
    Wrong(
        "wrong-host-proxy",
        "hostname-mismatch",
        ("is for wrong.example.org, not for 127.0.0.1",),
        spoil.seen_through_proxy(spoil.presenting(CertificateFactory.server_wrong_host)),
        looks=1,
        on=(LOCK,),
    ),
    Wrong(
        "unknown-ca-proxy",
        "unknown-ca",
        ("Another root", "not trusted"),
        spoil.seen_through_proxy(spoil.presenting(CertificateFactory.server_unknown_ca)),
        CA,
        looks=1,
        on=(LOCK,),
    ),
)
"""Behind a proxy that tunnels, everything is told as without one."""

CLIENT = (*_client(ssl.TLSVersion.TLSv1_2, "tls1.2"), *_client(ssl.TLSVersion.TLSv1_3, "tls1.3"))

FILES = (
    _file(
        "client-cert-expired",
        "client-cert-expired",
        ("other-client.pem", "expired on 20"),
        spoil.offering(CertificateFactory.client_expired),
        CLIENT_CERT,
    ),
    _file(
        "client-key-missing",
        "client-key-missing",
        ("lonely.crt",),
        spoil.with_identity(lambda world: {"cert": spoil.own_cert(world)}),
        CLIENT_KEY,
    ),
    _file(
        "client-key-mismatch",
        "client-key-mismatch",
        ("lonely.crt", "other.key"),
        spoil.with_identity(
            lambda world: {"cert": spoil.own_cert(world), "key": spoil.other_key(world)}
        ),
        CLIENT_KEY,
    ),
    _file(
        "passphrase-missing",
        "passphrase-missing",
        ("sealed.key", "no passphrase is known"),
        spoil.with_identity(
            lambda world: {"cert": spoil.own_cert(world), "key": spoil.sealed_key(world)}
        ),
        PASSPHRASE_HINT,
    ),
    _file(
        "passphrase-wrong",
        "passphrase-wrong",
        ("sealed.key",),
        spoil.with_identity(
            lambda world: {
                "cert": spoil.own_cert(world),
                "key": spoil.sealed_key(world),
                "passphrase": spoil.WRONG_PASSPHRASE,
            }
        ),
        PASSPHRASE_HINT,
    ),
    _file(
        "ca-missing",
        "tls-file-missing",
        ("gone.pem", "does not exist"),
        spoil.with_ca(spoil.gone),
        CA,
    ),
    _file(
        "ca-garbage",
        "tls-file-invalid",
        ("garbage.pem", "holds no certificate"),
        spoil.with_ca(spoil.garbage),
        CA,
    ),
    _file(
        "client-cert-missing",
        "tls-file-missing",
        ("client certificate", "gone.pem", "does not exist"),
        spoil.with_identity(lambda world: {"cert": spoil.gone(world)}),
        CLIENT_CERT,
    ),
    _file(
        "client-key-file-missing",
        "tls-file-missing",
        ("client key", "gone.pem", "does not exist"),
        spoil.with_identity(
            lambda world: {"cert": spoil.own_cert(world), "key": spoil.gone(world)}
        ),
        CLIENT_KEY,
    ),
    _file(
        "client-cert-garbage",
        "tls-file-invalid",
        ("garbage.pem", "holds no certificate"),
        spoil.with_identity(lambda world: {"cert": spoil.garbage(world)}),
        CLIENT_CERT,
    ),
)

_NOTHING = spoil.answering(lambda: Response(404))
_SIGN_ON, _PROXY = spoil.answering(sign_on), spoil.answering(proxy_authentication_required)
_GONE, _MOVED = (
    spoil.answering(partial(Response, 410)),
    spoil.answering(partial(redirect, "/new/", 308)),
)
_JSON = spoil.answering(
    lambda: Response(200, b'{"meta": {', {"Content-Type": "application/vnd.pypi.simple.v1+json"})
)
_FORBIDDEN, _LOGIN_PAGE = spoil.answering(forbidden), spoil.answering(login_page)

ANSWERS = (
    _answer(
        "401-without",
        "credential-missing",
        ("(401)",),
        spoil.lacking("credential"),
        LOGIN,
        on=(LOCK, PUBLISH),
    ),
    _answer(
        "401",
        "credential-rejected",
        (USER, "auth.toml (401)"),
        spoil.wrong_password,
        LOGIN,
        on=(LOCK, PUBLISH),
    ),
    _answer(
        "403",
        "credential-rejected",
        (USER, "not allowed", "(403)"),
        _FORBIDDEN,
        LOGIN,
        on=(LOCK, PUBLISH),
    ),
    _answer(
        "403-login",
        "credential-rejected",
        (USER, "not allowed", "(403)"),
        _FORBIDDEN,
        LOGIN,
        on=(LOGGING_IN,),
        looks=1,
    ),
    _answer(
        "404", "not-an-index", ("there is no index at", "(404)"), _NOTHING, ADD, on=(LOCK,), looks=1
    ),
    _answer(
        "404-login",
        "not-an-index",
        ("there is no index at", "(404)"),
        _NOTHING,
        ADD,
        on=(LOGGING_IN,),
    ),
    _answer(
        "404-upload",
        "not-an-upload-url",
        ("does not accept uploads (404)",),
        _NOTHING,
        PUBLISH_URL,
        on=(PUBLISH,),
    ),
    _answer("login-page", "not-an-index", ("login page",), _LOGIN_PAGE, ADD, on=INDEX),
    _answer("sign-on", "not-an-index", ("login page",), _SIGN_ON, ADD, on=INDEX),
    _answer(
        "sign-on-upload",
        "not-an-upload-url",
        ("nothing was uploaded",),
        _SIGN_ON,
        PUBLISH_URL,
        on=(PUBLISH,),
    ),
    _answer(
        "moved-upload",
        "not-an-upload-url",
        ("redirects to /new/ (308)",),
        _MOVED,
        " --publish-url https://",
        on=(PUBLISH,),
    ),
    _answer("410", "not-an-index", ("returned 410 Gone, not an index",), _GONE, ADD, on=(LOCK,)),
    _answer(
        "410-login", "not-an-index", ("returned 410 Gone",), _GONE, ADD, on=(LOGGING_IN,), looks=1
    ),
    _answer("json", "not-an-index", ("JSON that does not follow PEP 691",), _JSON, ADD, on=(LOCK,)),
    _answer(
        "json-login",
        "not-an-index",
        ("does not follow PEP 691",),
        _JSON,
        ADD,
        on=(LOGGING_IN,),
        looks=1,
    ),
    _answer("407-index", "proxy", ("requires a user name", "(407)"), _PROXY, ""),
    _answer(
        "login-page-upload",
        "not-an-upload-url",
        ("login page",),
        _LOGIN_PAGE,
        PUBLISH_URL,
        on=(PUBLISH,),
    ),
    Wrong(
        "407",
        "proxy",
        ("requires a user name", "(407)"),
        spoil.behind_proxy(credentials={spoil.PROXY_USER: "x"}),
        UNSET_PROXY,
    ),
)

FINAL = (*SERVER, *CLIENT, *TUNNELLED, *FILES, *ANSWERS)
"""Trying again cannot help, so it is not tried again."""

PASSING = (
    Wrong(
        "reset",
        "server-error",
        ("closes the connection",),
        spoil.replaced_by(ResetServer),
        looks=2,
        passing=True,
    ),
    Wrong(
        "silent",
        "timeout",
        ("does not finish the TLS handshake in time",),
        spoil.replaced_by(partial(SilentServer, scheme="https")),
        passing=True,
        on=(LOCK, PUBLISH),
    ),
    Wrong("dns", "dns", ("no-such-host.invalid",), spoil.nameless, reaches="", passing=True),
    Wrong(
        "refused",
        "refused",
        ("nothing listens on this port",),
        spoil.refused,
        reaches="",
        passing=True,
    ),
    Wrong(
        "proxy-refuses",
        "proxy",
        ("502",),
        spoil.behind_proxy(hosts={"127.0.0.1": ("127.0.0.1", 1)}),
        UNSET_PROXY,
        passing=True,
    ),
    Wrong(
        "429",
        "server-error",
        ("429 Too Many",),
        spoil.answering(partial(too_many_requests, "0.5")),
        reaches="requests",
        passing=True,
    ),
    Wrong(
        "500",
        "server-error",
        ("500 Internal",),
        spoil.answering(partial(Response, 500)),
        reaches="requests",
        passing=True,
    ),
)


def rows(command: str, table: tuple[Wrong, ...]) -> list[Wrong]:
    """Those of ``table`` that ``command`` meets."""
    return [row for row in table if command in row.on]
