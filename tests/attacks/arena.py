"""The arena: a company's own index, a hostile server, and a user who is logged in to the first.

The hosts have names (``company.example``, ``evil.example``, …) that only the test's proxy knows, so
that every request for them passes it, as the attacker would wish. The hostile server has
certificates that the user's machine trusts and asks for a client certificate: whatever a client is
ready to give away, it gets.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

import tomlkit

from tests import packages
from tests.certs import CertificateFactory, server_context
from tests.poetry_process import FILE_KEYRING, Finished, PoetryHome, poetry_under_test
from tests.servers import IndexServer, ProxyServer, RecordedRequest, Response
from tests.warm import WarmHome, Zygote

NAME = "company"
HOST = "company.example"
EVIL = "evil.example"
URL = f"https://{HOST}/team-a/simple/"
FILES = f"https://{HOST}/team-a/files/"
UPLOAD = f"https://{HOST}/team-a/upload/"
BOUND = f"https://{HOST}/team-a"
EVIL_URL = f"https://{EVIL}/simple/"

USER = "alice-the-user"
PASSWORD = "Pa55-{cache-dir}-wörd"
TOKEN = "tok-3n-0f-the-us3r"
PASSPHRASE = "open-{data-dir}-sésame"
PEER = "alice-laptop"
LOOT = (USER, PASSWORD, TOKEN, PASSPHRASE)
"""What an attacker is after."""

# Certificates name these; ``*.evil.example`` stands for all that an attacker may register.
EVIL_HOSTS = (
    *(
        EVIL,
        f"*.{EVIL}",
        f"{HOST}.{EVIL}",
        HOST,
        "xn--cmpany-wqf.example",
        "127.0.0.1",
        "localhost",
    ),
    f"poetry-repository-{HOST}",
)

PRIVATE = packages.wheel("private-lib", "1.0")
STRANGERS = packages.wheel("private-lib", "6.6.6")
PUBLIC = packages.wheel("public-lib", "1.0")


@dataclass
class Ledger:
    """What hostile servers got, over all attacks of a session."""

    attacks: int = 0
    bytes_of_credentials: int = 0
    certificates: int = 0

    def line(self) -> str:
        """The sum."""
        return (
            f"hostile servers received {self.bytes_of_credentials} bytes of credentials "
            f"and {self.certificates} client certificates in {self.attacks} attacks"
        )


def stolen(requests: Iterable[RecordedRequest], own: Iterable[str] = ()) -> int:
    """Bytes of credential in ``requests``: every header that authenticates, and any of :data:`LOOT`
    anywhere.

    :param own: header values that the attacker wrote himself.
    """
    total = 0
    for request in requests:
        for name, value in request.raw_headers:
            if (
                name.lower() in ("authorization", "proxy-authorization", "cookie")
                and value not in own
            ):
                total += len(value)
        total += sum(len(secret) for secret in LOOT if request.carries(secret))
    return total


@dataclass
class Arena:
    """Everything that one attack needs.

    :ivar company: where the user is logged in, with a password and a client certificate.
    :ivar evil: open to everyone, and ready to take what comes.
    :ivar shared: paths of ``company`` below which strangers live.
    :ivar own: Authorization headers that the attacker himself put into a URL.
    """

    company: IndexServer
    evil: IndexServer
    proxy: ProxyServer
    home: PoetryHome
    certs: CertificateFactory
    shared: tuple[str, ...] = ("/team-evil/", "/team-ab/", "/evil/")
    own: set[str] = field(default_factory=set)

    # -- the user

    def project(
        self,
        *dependencies: str,
        sources: Mapping[str, str] | None = None,
        url: str | None = None,
        priority: str = "primary",
        extra: str = "",
    ) -> Path:
        """A project; ``url`` is that of its source ``company``."""
        listed = {**({NAME: url} if url is not None else {}), **(sources or {})}
        text = "".join(
            tomlkit.dumps(
                {
                    "tool": {
                        "poetry": {"source": [{"name": name, "url": where, "priority": priority}]}
                    }
                }
            )
            + "\n"
            for name, where in listed.items()
        )
        return self.home.write_project(dependencies=dependencies, extra=text + extra)

    def locked(self) -> list[str]:
        """``name-version`` of the packages in the lock file."""
        return sorted(
            f"{package['name']}-{package['version']}" for package in self.home.lock()["package"]
        )

    def settle(self, file: str, *keys: str, value: object) -> None:
        """Set ``keys`` of a file in the configuration folder; ``None`` removes them."""
        path = self.home.config / file
        document = self.home.toml(file)
        table = document
        for key in keys[:-1]:
            table = table.setdefault(key, {})
        if value is None:
            table.pop(keys[-1], None)
        else:
            table[keys[-1]] = value
        path.write_text(tomlkit.dumps(document), encoding="utf-8")

    def dist(self) -> None:
        """A wheel of the project, ready to be published."""
        name, content = packages.wheel("app", "0.1.0")
        folder = self.home.project / "dist"
        folder.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)

    def forget_cache(self) -> None:
        """As on a new machine."""
        shutil.rmtree(self.home.root / "cache", ignore_errors=True)
        (self.home.project / "poetry.lock").unlink(missing_ok=True)

    def use_venv(self, folder: Path) -> Path:
        """Give the home an empty virtual environment; its ``site-packages``."""
        from tests.integration.world import make_venv

        self.home.environ["VIRTUAL_ENV"] = str(folder)
        self.home.environ.pop("POETRY_VIRTUALENVS_CREATE", None)
        return make_venv(folder)

    # -- the attacker

    def at_evil(self) -> list[RecordedRequest]:
        """What reached the attacker: his server, the strangers on the company's host, and every
        request that a proxy could read.
        """
        strangers = [
            request for request in self.company.requests if request.path.startswith(self.shared)
        ]
        return [*self.evil.requests, *strangers, *self.proxy.requests]

    def loot(self) -> int:
        """Bytes of credential that the attacker got."""
        return stolen(self.at_evil(), self.own)

    def peers(self) -> set[str]:
        """The client certificates that the attacker saw."""
        return {request.peer for request in self.evil.requests if request.peer is not None}

    def refuse(self) -> None:
        """From now on the attacker, and the strangers beside the company, demand a credential."""
        self.evil.index.credentials = {}
        for index in self.company.indexes[1:]:
            index.credentials = {}

    def tap_plain_http(self) -> None:
        """The attacker sits on the line, and answers for every host that is asked without TLS."""

        def answer(request: RecordedRequest) -> Response | None:
            if request.method == "CONNECT":
                return None
            bare = replace(request, target=urlsplit(request.target).path)
            index = self.evil.index
            if not index.read_access.permits(request.authorization):
                return index.read_access.challenge()
            return (
                index.get(bare) if index.serves(bare.path) else Response.text(404, "nothing here")
            )

        self.home.environ["HTTP_PROXY"] = self.proxy.origin
        self.proxy.respond = answer

    def assert_nothing_lost(self) -> None:
        """The end of every attack."""
        assert self.loot() == 0, [
            (request.method, request.target, request.raw_headers) for request in self.at_evil()
        ]
        assert self.peers() == set()


def assert_clean(done: Finished) -> None:
    """A user was told in words: no secret, no traceback, nothing that a terminal would act on."""
    for secret in (PASSWORD, TOKEN, PASSPHRASE):
        assert secret not in done.text, done.text
    assert "Traceback" not in done.text, done.text
    assert "Stack trace" not in done.text, done.text
    assert "\x1b" not in done.text, repr(done.text)


def new_company(certs: CertificateFactory) -> IndexServer:
    """The company's server: team-a's index needs a password and takes a client certificate;
    strangers are beside it.
    """
    server = IndexServer(
        tls=server_context(
            certs.server(HOST, f"www.{HOST}", "127.0.0.1", "localhost"), certs.ca, require=False
        ),
        prefix="/team-a/simple/",
        credentials={USER: PASSWORD, "__token__": TOKEN},
    )
    for stranger in ("/team-evil/simple/", "/team-ab/simple/", "/evil/simple/"):
        server.add_index(stranger).add(*PUBLIC)
    return server


def new_evil(certs: CertificateFactory) -> IndexServer:
    """The attacker's server, for any of :data:`EVIL_HOSTS`."""
    return IndexServer(tls=server_context(certs.server(*EVIL_HOSTS), certs.ca, require=False))


def new_proxy(company: IndexServer, evil: IndexServer) -> ProxyServer:
    """Leads ``company.example:443`` to the company and everything else to the attacker."""
    return _Nowhere(
        hosts={
            f"{HOST}:443": ("127.0.0.1", company.port),
            f"{HOST}.:443": ("127.0.0.1", company.port),
        },
        evil=evil,
    )


class _Nowhere(ProxyServer):
    def __init__(self, *, hosts: Mapping[str, tuple[str, int]], evil: IndexServer) -> None:
        super().__init__(hosts=hosts)
        self.evil = evil

    def address(self, target: str) -> tuple[str, int]:
        """See :meth:`ProxyServer.address`."""
        if target.endswith(".invalid:443"):
            return ("127.0.0.1", 1)
        return self.hosts.get(target) or ("127.0.0.1", self.evil.port)


def new_home(root: Path, certs: CertificateFactory, proxy: ProxyServer) -> PoetryHome:
    """A home that knows the proxy and trusts the test's CA for every host."""
    home = PoetryHome(root, poetry_under_test())
    ca = str(certs.directory / "ca.pem")
    home.environ.update(
        HTTPS_PROXY=proxy.origin,
        NO_PROXY="127.0.0.1,localhost",
        REQUESTS_CA_BUNDLE=ca,
        POETRY_VIRTUALENVS_CREATE="false",
    )
    return home


STORAGES = ("auth.toml", "keyring", "helper")


def log_in(home: PoetryHome, storage: str, certs: CertificateFactory) -> None:
    """What a user does once: client certificate with a passphrase, then the login. Real
    commands.
    """
    if storage == "keyring":
        home.keyring = FILE_KEYRING
    cert = certs.directory / "client.crt"
    key = certs.directory / "client.key"
    home.ok("repo", "add", NAME, URL, cwd=home.root)
    files = ("--client-cert", str(cert), "--client-key", str(key), "--passphrase-stdin")
    plain = ("--plaintext",) if storage != "keyring" else ()
    home.ok("repo", "certs", NAME, *files, *plain, stdin=PASSPHRASE, cwd=home.root)
    if storage == "helper":
        script = home.root / "helper"
        script.write_text(
            f"#!/bin/sh\ncat >/dev/null\nprintf 'username={USER}\\npassword={PASSWORD}\\n'\n"
        )
        script.chmod(0o700)
        home.ok("repo", "login", NAME, "--helper", str(script), "--protocol", "git", cwd=home.root)
    else:
        words = ("--username", USER, "--password-stdin")
        home.ok("repo", "login", NAME, *words, *plain, stdin=PASSWORD, cwd=home.root)


@contextmanager
def restored(server: IndexServer) -> Iterator[IndexServer]:
    """The server as it is, with nothing recorded; what a test changes of it is put back."""
    kept = [({**vars(index)}, dict(index.packages), dict(index.limits)) for index in server.indexes]
    server.clear()
    yield server
    for index, (options, held, limits) in zip(list(server.indexes), kept, strict=True):
        vars(index).update({**options, "packages": held, "limits": limits})
    server.respond = None


def copy_home(template: PoetryHome, root: Path, zygote: Zygote) -> WarmHome:
    """The same user once more, for one test."""
    shutil.copytree(template.root, root)
    home = WarmHome(
        root, template.executable, dict(template.environ), template.keyring, zygote=zygote
    )
    for file in home.config.glob("*.toml"):  # a helper's path
        file.write_text(
            file.read_text(encoding="utf-8").replace(str(template.root), str(root)),
            encoding="utf-8",
        )
    return home
