"""The five tasks of the README, typed word for word on a fresh home; the manual's helpers.

`pypi.example.org` is a server of this machine, reached through a proxy that knows where it is; what
stands for the public CAs is `REQUESTS_CA_BUNDLE`. One story, in the README's order.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.certs import CertificateFactory, server_context
from tests.integration.world import make_venv
from tests.packages import wheel
from tests.poetry_process import FILE_KEYRING, Finished
from tests.servers import IndexServer, ProxyServer
from tests.warm import WarmHome

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CI = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
CLOUDS = (ROOT / "docs" / "clouds.md").read_text(encoding="utf-8")
HOST = "pypi.example.org"
LOGIN = {"alice": "s3cret", "ci": "c1-secret"}
TASKS = (
    "Install from a private index",
    "Publish",
    "Use a client certificate",
    "Run in CI",
    "Find out what is wrong",
)


def commands(task: str) -> list[tuple[list[str], str]]:
    """The words of each command of a task, and what the README shows that it prints."""
    found = re.search(rf"(?ms)^### {re.escape(task)}\n.*?^```(console|sh)\n(.*?)^```$", README)
    assert found is not None, task
    if found[1] == "sh":
        return [(shlex.split(line), "") for line in found[2].splitlines()]
    steps = re.split(r"(?m)^\$ ", found[2])[1:]
    return [(shlex.split(line), rest) for line, _, rest in (one.partition("\n") for one in steps)]


@dataclass
class Place:
    """The company's index, PyPI, and a developer's home."""

    home: WarmHome
    acme: IndexServer
    certs: CertificateFactory

    def type(self, words: list[str], shown: str) -> None:
        """Type a command of the README; it must succeed and print what stands there."""
        match words:
            case ["cd", "my-project"]:
                return
            case ["export", assignment]:
                name, _, value = assignment.partition("=")
                self.home.environ[name] = LOGIN["ci"] if value == "$SECRET" else value
            case ["poetry", "repo", "login", *_]:
                self.log_in(words[1:])
            case ["poetry", *rest]:
                done = self.home.ok(*rest)
                assert shown in done.text, words
            case _:
                raise AssertionError(f"not known to this test: {words}")

    def log_in(self, words: list[str]) -> None:
        """As a person at a terminal."""
        with self.home.terminal(*words) as terminal:
            terminal.expect("ame")
            terminal.type("alice")
            terminal.expect("assword")
            terminal.type(LOGIN["alice"])
            assert terminal.end() == 0, terminal.screen

    def in_ci(self, pem: Path, passphrase: str, ca: str) -> None:
        """The recipe of `docs/ci.md` for a client certificate, in a job's shell."""
        recipe = re.search(r"(?ms)^ +env:\n(.*?)^ +run: \|\n(.*?)^```", CI)
        assert recipe is not None
        values = {
            "secrets.CLIENT_PEM": pem.read_text(),
            "secrets.CLIENT_PASSPHRASE": passphrase,
            "runner.temp": str(self.home.root),
        }
        environment = {
            **self.home.environment(),
            "POETRY_CERTIFICATES_ACME_CERT": ca,
            "POETRY_HTTP_BASIC_ACME_USERNAME": "ci",
            "POETRY_HTTP_BASIC_ACME_PASSWORD": LOGIN["ci"],
        }
        for name, value in re.findall(r"(?m)^ +(\w+): (.*)$", recipe[1]):
            environment[name] = re.sub(r"\$\{\{ ([\w.]+) \}\}", lambda m: values[m[1]], value)
        environment["PATH"] = f"{self.home.executable.parent}:{os.environ['PATH']}"
        shell = ["sh", "-e", "-c", recipe[2].replace("poetry install", "poetry repo doctor acme")]
        done = subprocess.run(
            shell, env=environment, cwd=self.home.project, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def do(self, task: str) -> None:
        """The whole task."""
        for words, shown in commands(task):
            self.type(words, shown)


@pytest.fixture
def place(warm_home: WarmHome, tmp_path: Path) -> Iterator[Place]:
    certs = CertificateFactory(tmp_path / "certs")
    public = server_context(certs.server(HOST, "pypi.org"))
    with ExitStack() as stack:
        acme = stack.enter_context(IndexServer(tls=public, credentials=LOGIN))
        pypi = stack.enter_context(IndexServer(tls=public))
        acme.add(*wheel("acme-tools", "1.0"))
        hosts = {HOST: ("127.0.0.1", acme.port), "pypi.org": ("127.0.0.1", pypi.port)}
        proxy = stack.enter_context(ProxyServer(hosts=hosts))
        warm_home.write_project("my_project")
        warm_home.keyring = FILE_KEYRING
        warm_home.environ |= {
            "HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}",
            "REQUESTS_CA_BUNDLE": str(certs.ca_file(name="public.pem")),
            "VIRTUAL_ENV": str(tmp_path / "venv"),
        }
        make_venv(tmp_path / "venv")
        yield Place(warm_home, acme, certs)


@pytest.mark.timeout(180)
def test_the_five_tasks_work_as_they_are_typed(place: Place) -> None:
    install, publish, certificate, ci, doctor = TASKS
    assert tuple(re.findall(r"(?m)^### (.*)$", README)) == TASKS
    project = place.home.project

    place.do(install)
    assert place.home.lock()["package"][0]["name"] == "acme-tools"
    assert place.home.files_with(LOGIN["alice"]) == []

    place.do(publish)
    assert [upload.username for upload in place.acme.uploads] == ["alice"] * 2

    place.do(doctor)

    place.home.ok("repo", "logout", "acme")
    before = set(place.home.environ)
    place.do(ci)
    for name in set(place.home.environ) - before:
        del place.home.environ[name]

    # The company changes over to a CA of its own, and wants to know who comes.
    private = CertificateFactory(project.parent / "private")
    me = private.client("me")
    (project / "company-ca.pem").write_bytes(private.ca_file().read_bytes())
    (project / "me.pem").write_bytes(private.cert_file(me).read_bytes())
    (project / "me.key").write_bytes(private.key_file(me).read_bytes())
    place.acme.tls = server_context(private.server(HOST), private.ca)
    place.do(certificate)
    assert "handshake with pypi.example.org works" in set_again(place).text

    place.home.ok("repo", "certs", "acme", "--unset")
    ca = str(project / "company-ca.pem")
    place.in_ci(private.pem(me, passphrase="open sesame"), "open sesame", ca)
    assert place.acme.requests[-1].peer == "me"


def set_again(place: Place) -> Finished:
    """The client certificate once more: what the handshake says."""
    files = ("--client-cert", "me.pem", "--client-key", "me.key")
    return place.home.ok("repo", "certs", "acme", *files)


@pytest.mark.parametrize(
    ("title", "tool", "answers"),
    [
        ("HashiCorp Vault", "vault", "test $# = 4 && echo t0ken"),
        ("1Password", "op", "case $2 in */username) echo me;; *) echo s3cret;; esac"),
        ("pass", "pass", "printf 's3cret\\nits notes\\n'"),
    ],
)
def test_a_helper_of_the_manual_logs_in(
    warm_home: WarmHome, tmp_path: Path, title: str, tool: str, answers: str
) -> None:
    """As it stands there, with a stand-in for the vault that it asks."""
    found = re.search(rf"(?ms)^### {title}\n+```sh\n(.*?)^```\n+`poetry (.*?)`$", CLOUDS)
    assert found is not None
    for name, script in ((tool, f"#!/bin/sh\n{answers}\n"), ("helper", found[1])):
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)
    warm_home.environ["PATH"] = f"{tmp_path}:{os.environ['PATH']}"
    words = [str(tmp_path / "helper") if "/" in word else word for word in shlex.split(found[2])]
    with IndexServer(credentials={"me": "s3cret"}, tokens={"t0ken"}) as index:
        warm_home.ok("repo", "add", "acme", index.index_url)
        assert "helper" in warm_home.ok(*words).text
        assert [one.status for one in index.requests if one.authorization] == [200]
