"""A user's settings, a project and the doctor in this process; and what all of its tests expect of
it.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import tomlkit

from poetry_repo_plugin.config.project import read_project
from poetry_repo_plugin.config.repositories import Catalogue, Repository
from poetry_repo_plugin.config.settings import Settings
from poetry_repo_plugin.core.errors import Cause
from poetry_repo_plugin.core.notices import Notices
from poetry_repo_plugin.credentials.keyring import KeyringEntry, KeyringGate
from poetry_repo_plugin.credentials.keyring_worker import KeyringUnavailable
from poetry_repo_plugin.doctor import local, render
from poetry_repo_plugin.doctor.report import CHECKS, Finding, Report, State
from poetry_repo_plugin.doctor.runner import Limits, choose, examine
from poetry_repo_plugin.http.auth import Access
from poetry_repo_plugin.ops.session import Session
from tests.certs import CertificateFactory
from tests.servers import IndexServer
from tests.tls.wire import V12, V13

USER, PASSWORD, OTHER, PASSPHRASE = (
    "alice",
    "s3cret-{cache-dir}-wörd",
    "another-s3cret",
    "open sésame",
)
SECRETS = (PASSWORD, OTHER, PASSPHRASE, "s3cret-%7Bcache-dir%7D-w%C3%B6rd")
QUICK = 1.0  # seconds for a step, where a server is to be too slow

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
tls_versions = pytest.mark.parametrize("version", [V12, V13], ids=["tls1.2", "tls1.3"])


@dataclass
class Place:
    """A user's settings and a project, and the doctor in this process."""

    root: Path
    certs: CertificateFactory
    environ: dict[str, str] = field(default_factory=dict)
    gate: KeyringGate = field(default_factory=lambda: KeyringGate(enabled=lambda: False))

    def __post_init__(self) -> None:
        for folder in (self.config, self.project):
            folder.mkdir(parents=True)

    @property
    def config(self) -> Path:
        return self.root / "config"

    @property
    def project(self) -> Path:
        return self.root / "project"

    @property
    def pyproject(self) -> Path:
        return self.project / "pyproject.toml"

    def settle(self, file: str, *keys: str, value: Any) -> None:
        """Set ``keys`` of a file in the configuration folder; ``None`` removes them."""
        path = self.config / file
        document: dict[str, Any] = tomlkit.parse(path.read_text()).unwrap() if path.exists() else {}
        table = document
        for key in keys[:-1]:
            table = table.setdefault(key, {})
        table.pop(keys[-1], None)
        if value is not None:
            table[keys[-1]] = value
        path.write_text(tomlkit.dumps(document))
        path.chmod(0o600)

    def log_in(self, password: str = PASSWORD, name: str = "foo") -> None:
        self.settle("auth.toml", "http-basic", name, value={"username": USER, "password": password})

    def certificate(self, key: str, value: object, name: str = "foo") -> None:
        self.settle(
            "config.toml",
            "certificates",
            name,
            key,
            value=str(value) if isinstance(value, Path) else value,
        )

    def own(self, key: str, value: object, name: str = "foo") -> None:
        self.settle("poetry-repo-plugin.toml", "repositories", name, key, value=value)

    def publish_to(self, url: str | None, name: str = "foo") -> None:
        self.settle("config.toml", "repositories", name, value={"url": url} if url else None)

    def remember(self, url: str, name: str = "foo") -> None:
        """A repository of the user's, outside of any project."""
        self.own("url", url, name)

    def source(self, url: str, name: str = "foo", extra: str = "") -> None:
        """A project with one source."""
        self.pyproject.write_text(
            f'[[tool.poetry.source]]\nname = "{name}"\nurl = "{url}"\n{extra}'
        )

    @property
    def access(self) -> Access:
        inside = self.pyproject.exists()
        settings = Settings(self.config, self.project if inside else None, environ=self.environ)
        project = read_project(self.pyproject) if inside else None
        pypi = Repository("pypi", "https://pypi.org/simple/", "https://upload.pypi.org/legacy/")
        catalogue = Catalogue(settings, project, pypi)
        return Session(settings, catalogue, self.gate, Notices(print)).look()

    def report(
        self, *names: str, step: float = 5.0, resolve: Callable[..., Any] = socket.getaddrinfo
    ) -> Report:
        """What the doctor says; it has written nothing and shows no secret."""
        before = contents(self.root)
        access = self.access
        repositories = choose(access.catalogue, access.settings, names)
        examined = examine(lambda: self.access, repositories, Limits(step, step), resolve=resolve)
        report = Report(tuple(examined), tuple(local.look_around(access)))
        assert contents(self.root) == before, "the doctor has written something"
        shown = json.dumps(report.document(), ensure_ascii=False)
        shown += "\n".join(line.text for line in render.lines(report))
        assert not [secret for secret in SECRETS if secret in shown]
        assert_schema(report.document())
        return report

    def checks(self, name: str = "foo", **options: Any) -> dict[str, Finding]:
        """One repository's findings, by check."""
        (examined,) = self.report(name, **options).repositories
        return {finding.check: finding for finding in examined.checks}

    def local(self) -> list[Finding]:
        return list(local.look_around(self.access))


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path): (path.read_bytes(), path.stat().st_mode)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def assert_schema(document: dict[str, Any]) -> None:
    """Exactly DESIGN section 3."""
    assert list(document) == ["ok", "versions", "keyring", "repositories", "project"]
    states, causes = {"ok", "warn", "fail", "skip"}, {cause.value for cause in Cause}
    for repository in document["repositories"]:
        assert list(repository) == ["name", "url", "proxy", "mirror_of", "expires_at", "checks"]
        assert list(repository["expires_at"]) == ["credential", "client_cert", "server_cert"]
        assert [check["check"] for check in repository["checks"]] == list(CHECKS)
    every = [check for repository in document["repositories"] for check in repository["checks"]]
    for entry in [*every, *document["project"]]:
        assert list(entry) == ["check", "state", "cause", "message", "hint"]
        assert entry["state"] in states
        assert entry["cause"] is None or entry["cause"] in causes
        assert entry["message"]
        assert entry["hint"] is None or entry["hint"].startswith(("poetry ", "unset ", "export "))
    assert document["ok"] is all(
        entry["state"] != "fail" for entry in [*every, *document["project"]]
    )


def states(checks: dict[str, Finding]) -> dict[str, str]:
    return {check: finding.state.value for check, finding in checks.items()}


WELL = {
    "dns": "ok",
    "connect": "ok",
    "tls": "ok",
    "client-cert": "skip",
    "credential": "ok",
    "index": "ok",
}


def assert_well(place: Place, **options: Any) -> None:
    assert states(place.checks(**options)) == {**WELL, "upload": "ok"}


def assert_fails(
    checks: dict[str, Finding], check: str, cause: Cause, words: str = "", hint: str | None = None
) -> None:
    """That check fails, and no other; the ones behind it that need it say so."""
    found = checks[check]
    assert (found.state, found.cause) == (State.FAIL, cause), found
    assert words in found.message
    assert found.hint == hint if hint is None else hint in (found.hint or ""), found
    assert [one.check for one in checks.values() if one.state is State.FAIL] == [check]
    for other in list(CHECKS)[list(CHECKS).index(check) + 1 :]:
        if checks[other].state is State.SKIP and "not reached" in checks[other].message:
            assert checks[other].message.endswith(f"not reached, because {check} failed")


@contextmanager
def full_listener(address: str, port: int) -> Iterator[int]:
    """A port whose queue is full: what comes is dropped, as many firewalls do."""
    with socket.socket() as full, ExitStack() as waiting:
        full.bind((address, port))
        full.listen(0)
        for _ in range(4):
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(full.getsockname())
        yield full.getsockname()[1]


class Stubborn(KeyringGate):
    """A keyring that does not answer, or says that it cannot."""

    def __init__(self, *, slow: bool) -> None:
        super().__init__(enabled=lambda: True)
        self._slow = slow

    def stored(self, name: str, username: str, *, known: bool = False) -> KeyringEntry | None:
        if self._slow:
            time.sleep(2 * QUICK)
        raise KeyringUnavailable("the keyring is out of order")

    found = stored  # type: ignore[assignment]


def helper(place: Place, folder: Path, index: IndexServer, answer: str) -> Path:
    """A helper of git's protocol for ``foo``; the list of what it was told."""
    log, script = folder / "calls", folder / "helper"
    log.unlink(missing_ok=True)
    script.write_text(
        f'#!/bin/sh\necho $1 >> {log}\ncat > /dev/null\nif [ "$1" = get ]; then {answer}; fi\n'
    )
    script.chmod(0o755)
    place.own("helper", [str(script)])
    place.own("helper-protocol", "git")
    place.own("credential-origins", [index.origin])
    return log
