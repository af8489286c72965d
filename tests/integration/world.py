"""A private index behind everything at once (TLS, a required client certificate, a password), and a
home set up for it.

The settings are written as plain ``poetry config`` writes them, plus the one key of ours that names
a separate key file; the commands of the plugin have their own tests.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomlkit

from tests.certs import CertificateFactory, Identity
from tests.poetry_process import Finished, PoetryHome, poetry_under_test
from tests.servers import IndexServer, RecordedRequest, Server

NAME = "foo"
USER = "alice"
PASSWORD = "Pa55-{cache-dir}-wörd"
PASSPHRASE = "open {cache-dir} sésame"
PEER = "alice-laptop"

CAUSES = {
    "credential": ("credential-missing", "poetry repo login {name}"),
    "ca": ("unknown-ca", "poetry repo certs {name} --ca"),
    "client certificate": ("client-cert-required", "poetry repo certs {name} --client-cert"),
}
MISSING = tuple(CAUSES)
"""What the failing twin of a test lacks, for :meth:`World.break_off`; and the cause and hint that
it must tell.
"""


@dataclass
class World:
    """A server and a home that may use it.

    :param identity: the client's certificate and key, which the server knows.
    """

    index: IndexServer
    home: PoetryHome
    certs: CertificateFactory
    identity: Identity
    name: str = NAME

    # -- settings

    def settle(self, file: str, *keys: str, value: Any) -> None:
        """Set ``keys`` of a file in the configuration folder; ``None`` removes them."""
        path = self.home.config / file
        document: dict[str, Any] = self.home.toml(file)
        table = document
        for key in keys[:-1]:
            table = table.setdefault(key, {})
        if value is None:
            table.pop(keys[-1], None)
        else:
            table[keys[-1]] = value
        path.write_text(tomlkit.dumps(document), encoding="utf-8")

    def trust(self, ca: Path | None = None) -> None:
        """``certificates.NAME.cert``."""
        self.settle(
            "config.toml", "certificates", self.name, "cert", value=str(ca or self.certs.ca_file())
        )

    def identify(self) -> None:
        """A client certificate with an encrypted key in a file of its own."""
        cert = self.certs.cert_file(self.identity)
        key = self.certs.key_file(self.identity, passphrase=PASSPHRASE)
        self.settle("config.toml", "certificates", self.name, "client-cert", value=str(cert))
        self.settle(
            "poetry-repo-plugin.toml", "repositories", self.name, "client-key", value=str(key)
        )
        self.settle("auth.toml", "http-basic", self.name, "passphrase", value=PASSPHRASE)

    def identify_with_one_file(self) -> None:
        """A client certificate as Poetry alone can use it: one PEM with an open key."""
        pem = self.certs.pem(self.identity)
        self.settle("config.toml", "certificates", self.name, "client-cert", value=str(pem))

    def log_in(self, username: str = USER, password: str = PASSWORD) -> None:
        """``http-basic.NAME`` in ``auth.toml``."""
        self.settle("auth.toml", "http-basic", self.name, "username", value=username)
        self.settle("auth.toml", "http-basic", self.name, "password", value=password)

    def publish_to(self, url: str | None = None) -> None:
        """``repositories.NAME.url``."""
        self.settle(
            "config.toml", "repositories", self.name, "url", value=url or self.index.upload_url
        )

    def break_off(self, missing: str) -> None:
        """Take away one of :data:`MISSING`."""
        if missing == "credential":
            self.settle("auth.toml", "http-basic", self.name, "password", value=None)
            self.settle("auth.toml", "http-basic", self.name, "username", value=None)
        elif missing == "ca":
            self.trust(self.certs.ca_file(self.certs.other_ca, name="other-ca.pem"))
        else:
            self.settle("config.toml", "certificates", self.name, "client-cert", value=None)

    # -- project

    def project(
        self, *dependencies: str, extra: str = "", url: str | None = None, **options: Any
    ) -> Path:
        """A project whose one source is the index."""
        return self.home.write_project(
            dependencies=dependencies,
            extra=source(self.name, url or self.index.index_url) + extra,
            **options,
        )

    def use_venv(self, folder: Path) -> Path:
        """Give the home an empty virtual environment, so that Poetry does not make one; its
        ``site-packages``.
        """
        self.home.environ["VIRTUAL_ENV"] = str(folder)
        return make_venv(folder)

    def lock_without_env(self) -> None:
        """``poetry lock`` needs no virtual environment of its own."""
        self.home.environ["POETRY_VIRTUALENVS_CREATE"] = "false"


def source(name: str, url: str, priority: str = "primary") -> str:
    """``[[tool.poetry.source]]``."""
    return f'[[tool.poetry.source]]\nname = "{name}"\nurl = "{url}"\npriority = "{priority}"\n\n'


def make_venv(folder: Path, python: Path | None = None) -> Path:
    """An empty virtual environment without pip; its ``site-packages``."""
    executable = python or poetry_under_test().with_name("python")
    command = [str(executable), "-m", "venv", "--without-pip", "--symlinks", str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    return next((folder / "lib").glob("python*/site-packages"))


def poetry_version() -> tuple[int, ...]:
    """Major, minor and patch of the Poetry under test."""
    packages = (poetry_under_test().parents[1] / "lib").glob(
        "python*/site-packages/poetry-[0-9]*.dist-info"
    )
    found = re.match(r"poetry-(\d+)\.(\d+)\.(\d+)", next(packages).name)
    assert found is not None
    return tuple(int(part) for part in found.groups())


def installed(site_packages: Path) -> list[str]:
    """``name-version`` of the distributions in a ``site-packages``."""
    return sorted(
        path.name.removesuffix(".dist-info") for path in site_packages.glob("*.dist-info")
    )


def assert_authorized(
    requests: Iterable[RecordedRequest],
    *,
    username: str = USER,
    password: str = PASSWORD,
    peer: str | None = PEER,
) -> None:
    """Every request carried the credential and the client certificate, and was served."""
    seen = list(requests)
    assert seen, "no request came"
    for request in seen:
        authorization = request.authorization
        assert authorization is not None, f"{request.method} {request.target} without a credential"
        assert (authorization.username, authorization.password) == (username, password), (
            request.target
        )
        assert request.peer == peer, request.target
        assert (request.status or 500) < 400 or request.status == 404, request.target


def assert_fails_with(done: Finished, missing: str, *, name: str = NAME) -> None:
    """The end of the failing twin: exit 1, the cause in one place, the command that mends it, no
    secret.
    """
    cause, hint = CAUSES[missing]
    assert done.code == 1, done.text
    assert f"[{cause}]" in done.text, done.text
    assert hint.format(name=name) in done.text, done.text
    assert "Traceback" not in done.text
    assert "Stack trace" not in done.text
    assert_no_secret(done)


def assert_no_secret(done: Finished, *secrets: str) -> None:
    """Neither stream shows a secret."""
    for secret in secrets or (PASSWORD, PASSPHRASE):
        assert secret not in done.text


def names_locked(world: World) -> list[str]:
    """``name-version`` of the packages in the lock file."""
    return sorted(
        f"{package['name']}-{package['version']}" for package in world.home.lock()["package"]
    )


def files_of(server: Server, suffix: str) -> list[str]:
    """The names of the files that were asked for (with GET), in order."""
    return [path.rsplit("/", 1)[1] for path in server.paths("GET") if path.endswith(suffix)]
