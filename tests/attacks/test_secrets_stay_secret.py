"""What is secret is nowhere but where it belongs: not on the screen, not in files, not in other
processes.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import packages
from tests.attacks.arena import (
    HOST,
    NAME,
    PASSPHRASE,
    PASSWORD,
    PRIVATE,
    TOKEN,
    UPLOAD,
    URL,
    USER,
    Arena,
    assert_clean,
)
from tests.poetry_process import Finished
from tests.servers import Index

BASIC = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
OTHERS = "0thers-s3cret"
FORMS = (
    PASSWORD,
    TOKEN,
    PASSPHRASE,
    BASIC,
    OTHERS,
    PASSWORD.replace("{", "%7B").replace("}", "%7D"),
)


def files_with_secrets(arena: Arena) -> set[str]:
    """Names of the files below the home that hold a secret in any form."""
    return {path.name for form in FORMS for path in arena.home.files_with(form)}


def assert_not_shown(done: Finished) -> None:
    for form in FORMS:
        assert form not in done.text, done.text


@pytest.fixture
def chatty(arena: Arena) -> Iterator[Arena]:
    """Answers depend on the credential, so that caches think of it; other libraries talk as much as
    they can.
    """
    arena.company.index.cache_control = "public, max-age=600"
    yield arena
    assert files_with_secrets(arena) <= {"auth.toml", "helper"}


VARY = [("Vary", "Authorization, Cookie, User-Agent"), ("Cache-Control", "public, max-age=600")]


class TestScreenAndFiles:
    """Every command at ``-vvv``."""

    def test_login(self, chatty: Arena) -> None:
        """By each way in; a wrong password is not shown either."""
        ways = (
            (("--username", USER, "--password-stdin"), PASSWORD),
            (("--token-stdin",), TOKEN),
            (("--username", USER, "--password", OTHERS), ""),
        )
        for words, stdin in ways:
            done = chatty.home.run(
                "repo", "login", NAME, *words, "--plaintext", "-vvv", stdin=stdin
            )
            assert_not_shown(done)
            assert done.code == (1 if OTHERS in words else 0)

    def test_lock_install_and_publish(self, chatty: Arena, tmp_path: Path) -> None:
        chatty.settle("config.toml", "repositories", NAME, "url", value=UPLOAD)
        chatty.use_venv(tmp_path / "venv")
        chatty.project("private-lib", url=URL)
        chatty.dist()
        for words in (("install", "--no-root"), ("lock", "--regenerate"), ("publish", "-r", NAME)):
            done = chatty.home.ok(*words, "-vvv")
            assert_not_shown(done)
        assert len(chatty.company.authorizations()) >= 4

    def test_an_answer_that_varies_by_the_credential(
        self, chatty: Arena, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A cache keeps the request's headers that an answer names: the credential is not among
        them.
        """
        original = Index._cache_headers
        monkeypatch.setattr(
            Index, "_cache_headers", lambda self, digest: {**original(self, digest), **dict(VARY)}
        )
        chatty.project("private-lib", url=URL)
        chatty.home.ok("lock", "-vvv")
        assert list((chatty.home.root / "cache").rglob("*.body"))

    def test_a_token_of_the_environment(self, chatty: Arena) -> None:
        chatty.home.environ["POETRY_PYPI_TOKEN_COMPANY"] = TOKEN
        chatty.project("private-lib", url=URL)
        assert_not_shown(chatty.home.ok("lock", "-vvv"))
        assert {seen.password for seen in chatty.company.authorizations()} == {TOKEN}

    def test_userinfo_in_a_source(self, chatty: Arena) -> None:
        """It is used, and is neither shown nor written to the lock file."""
        for key in ("username", "password"):
            chatty.settle("auth.toml", "http-basic", NAME, key, value=None)
        file = chatty.project("private-lib", url=f"https://__token__:{TOKEN}@{HOST}/team-a/simple/")
        assert_not_shown(chatty.home.ok("lock", "-vvv"))
        assert {seen.password for seen in chatty.company.authorizations()} == {TOKEN}
        for words in (("repo", "list"), ("repo", "show", NAME), ("repo", "list", "--json")):
            assert_not_shown(chatty.home.ok(*words))
        file.unlink()  # which is the user's own

    def test_userinfo_in_a_direct_url(self, chatty: Arena, tmp_path: Path) -> None:
        """Poetry keeps it in the lock file and in ``direct_url.json``; the screen does not show
        it.
        """
        url = f"https://__token__:{TOKEN}@{HOST}/team-a/files/{PRIVATE[0]}"
        chatty.use_venv(tmp_path / "venv")
        chatty.project(f"private-lib @ {url}")
        for words in (("install", "--no-root"), ("lock", "--regenerate", "-vvv")):
            done = chatty.home.ok(*words)
            assert_not_shown(done)
        assert {seen.password for seen in chatty.company.authorizations()} == {TOKEN}
        (chatty.home.project / "pyproject.toml").unlink()
        (chatty.home.project / "poetry.lock").unlink()

    def test_adding_a_url_with_userinfo_lifts_it(self, chatty: Arena) -> None:
        chatty.project()
        done = chatty.home.ok(
            "repo", "add", "lifted", f"https://__token__:{TOKEN}@{HOST}/team-a/simple/", "-vvv"
        )
        assert_not_shown(done)
        assert TOKEN not in (chatty.home.project / "pyproject.toml").read_text()


CRASH = """
import cachecontrol.controller as controller
import requests.sessions as sessions

class Boom(Exception):
    pass

def crash(self, *arguments, **options):
    raise Boom("something unforeseen")

if "{where}" == "cache":
    controller.CacheController.cached_request = crash
else:
    controller.CacheController.cache_response = crash
"""


@pytest.mark.parametrize("where", ["cache", "response"])
def test_a_traceback_around_a_request(arena: Arena, where: str) -> None:
    """A failure that nobody foresaw, in the middle of a request that carries the credential."""
    (arena.home.keyring_home / "sitecustomize.py").write_text(CRASH.replace("{where}", where))
    arena.project("private-lib", url=URL)
    done = arena.home.run("lock", "-vvv")
    assert done.code != 0 or where == "response"
    assert "Boom" in done.text
    assert_not_shown(done)


SPY = '''
"""A build backend that looks around."""
import json, os, pathlib
from tiny_backend import *

def processes():
    found, pid = [], os.getpid()
    while pid > 1:
        folder = pathlib.Path("/proc", str(pid))
        try:
            found.append((folder / "cmdline").read_bytes().decode("utf-8", "replace"))
            stat = (folder / "stat").read_text()
        except OSError:
            break
        pid = int(stat.rpartition(")")[2].split()[1])
    return found

links = ["/proc/self/fd/" + fd for fd in os.listdir("/proc/self/fd")]
files = [os.readlink(link) for link in links if os.path.lexists(link)]
seen = {"environ": dict(os.environ), "commands": processes(), "files": files}
with open(os.environ["SPY_FILE"], "a") as file:
    file.write(json.dumps(seen) + "\\n")
'''


class TestOtherProcesses:
    """What a process that we or Poetry start can see of the secrets that we have resolved."""

    def test_a_build_backend(self, arena: Arena, tmp_path: Path) -> None:
        """Neither its environment nor a command line nor an open file leads to a secret."""
        arena.home.environ["SPY_FILE"] = str(tmp_path / "seen")
        arena.company.add_all(
            (
                packages.backend_wheel(),
                packages.wheel("spy-backend", "1.0", files={"spy_backend.py": SPY}),
                packages.sdist(
                    "spied",
                    "1.0",
                    build_requires=("tiny-backend", "spy-backend"),
                    build_backend="spy_backend",
                ),
            )
        )
        arena.use_venv(tmp_path / "venv")
        arena.project("spied", url=URL)
        arena.home.ok("install", "--no-root")
        seen = (tmp_path / "seen").read_text()
        assert seen.count("\n") >= 1
        for form in FORMS:
            assert json.dumps(form)[1:-1] not in seen
            assert form not in seen
        assert "memfd" not in seen

    def test_a_helper(self, arena: Arena, tmp_path: Path) -> None:
        """It is told the URL on standard input, and nothing of other repositories."""
        program = tmp_path / "helper"
        program.write_text(
            f"#!/bin/sh\nenv > {tmp_path}/env\ntr '\\0' ' ' < /proc/$$/cmdline > {tmp_path}/cmdline\n"
            f"cat > {tmp_path}/stdin\nprintf 'username={USER}\\npassword={PASSWORD}\\n'\n",
            encoding="utf-8",
        )
        program.chmod(0o700)
        arena.home.environ.update(
            POETRY_HTTP_BASIC_OTHER_PASSWORD=OTHERS,
            POETRY_PYPI_TOKEN_OTHER=TOKEN,
            POETRY_CERTIFICATES_OTHER_PASSPHRASE=PASSPHRASE,
        )
        arena.settle("auth.toml", "http-basic", NAME, "password", value=None)
        arena.settle("auth.toml", "http-basic", NAME, "username", value=None)
        own = {"helper": [str(program)], "helper-protocol": "git"}
        for key, value in own.items():
            arena.settle("poetry-repo-plugin.toml", "repositories", NAME, key, value=value)
        arena.project("private-lib", url=URL)
        assert_clean(arena.home.ok("lock", "-vvv"))
        told = (tmp_path / "stdin").read_text()
        assert f"host={HOST}" in told
        for name in ("env", "cmdline"):
            text = (tmp_path / name).read_text()
            assert text
            assert not any(form in text for form in FORMS)
        assert not any(form in told for form in (OTHERS, TOKEN, PASSPHRASE))
