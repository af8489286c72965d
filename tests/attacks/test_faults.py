"""Things break in the middle: connections, servers, disks, and the person at the keyboard has
enough.
"""

from __future__ import annotations

import os
import pty
import resource
import signal
import subprocess
import termios
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from poetry_repo_plugin.http.bodies import settle_retry_after
from tests.attacks.arena import NAME, PASSWORD, URL, USER, Arena, assert_clean
from tests.integration.world import installed
from tests.poetry_process import PoetryHome
from tests.servers import Response
from tests.servers.faults import at, drip, once, reset_body

LOGIN = (
    "repo",
    "login",
    NAME,
    "--username",
    USER,
    "--password-stdin",
    "--plaintext",
    "--no-verify",
)
NEW = "a-new-passw0rd"


def wheel_path(name: str = "private_lib") -> str:
    return f"/team-a/files/{name}-1.0-py3-none-any.whl"


class TestServers:
    def test_resets_in_the_middle_of_a_page_and_of_a_file(
        self, arena: Arena, tmp_path: Path
    ) -> None:
        """It is tried again, with the credential; what is installed is whole."""
        arena.company.index.core_metadata = False
        arena.company.index.ranges = False
        page, file = (once(reset_body(500)) for _ in range(2))
        arena.company.respond = lambda request: (
            page(request)
            if request.path.endswith("/private-lib/")
            else file(request)
            if "/files/" in request.path
            else None
        )
        site_packages = arena.use_venv(tmp_path / "venv")
        arena.project("private-lib", url=URL)
        done = arena.home.run("install", "--no-root")
        if done.code:  # a file that breaks off is a failure in plain Poetry, too; then nothing is half-installed
            assert_clean(done)
            assert installed(site_packages) == []
            arena.home.ok("install", "--no-root")
        assert installed(site_packages) == ["private_lib-1.0"]
        assert all(request.authorization is not None for request in arena.company.requests)

    @pytest.mark.parametrize("after", ["1", "Wed, 21 Oct 2015 07:28:00 GMT", "nan"])
    def test_503_with_retry_after(self, arena: Arena, after: str) -> None:
        """As a number, as a date (which plain Poetry takes for a number), and as neither."""
        arena.company.respond = once(Response(503, b"", {"Retry-After": after}))
        arena.project("private-lib", url=URL)
        arena.home.ok("lock")
        assert [request.status for request in arena.company.requests][:2] == [503, 200]
        assert all(request.authorization is not None for request in arena.company.requests)

    @pytest.mark.parametrize(
        ("after", "seconds"),
        [
            ("0", 0),
            ("7", 7),
            ("42", 42),
            ("99999999999999", 60),
            ("-5", 1),
            ("inf", 1),
            ("Fri, 31 Dec 9999 23:59:59 GMT", 60),
        ],
    )
    def test_a_server_cannot_make_us_wait_for_ever(self, after: str, seconds: int) -> None:
        response = requests.Response()
        response.headers["Retry-After"] = after
        settle_retry_after(response)
        assert response.headers["Retry-After"] == str(seconds)

    def test_a_slow_index(self, arena: Arena) -> None:
        index = arena.company.index

        def slowly(response: Response) -> Response:
            assert isinstance(response.body, bytes)
            dripping = drip(response.body, 0.05, piece=50)
            return Response(
                200, dripping.body, [*response.header_pairs(), *dripping.header_pairs()], pause=0.05
            )

        arena.company.respond = at(
            "/team-a/simple/",
            lambda request: (
                slowly(index.get(request))
                if index.read_access.permits(request.authorization)
                else None
            ),
        )
        arena.project("private-lib", url=URL)
        arena.home.ok("lock")
        assert arena.locked() == ["private-lib-1.0"]


def snapshot(home: PoetryHome) -> dict[str, bytes]:
    """The files of the user and of the project, by name; caches and locks left out."""
    folders = (home.config, home.project)
    return {
        path.name: path.read_bytes()
        for folder in folders
        for path in sorted(folder.iterdir())
        if path.is_file() and not path.name.endswith(".lock")
    }


class TestInterrupts:
    def test_ctrl_c_at_a_prompt(self, arena: Arena) -> None:
        """Nothing is stored, the terminal echoes again, and no traceback is shown."""
        before = snapshot(arena.home)
        parent, child = pty.openpty()
        echo = termios.tcgetattr(child)[3]
        process = subprocess.Popen(
            [str(arena.home.executable), "repo", "login", NAME, "--username", USER],
            cwd=arena.home.project,
            env=arena.home.environment(),
            stdin=child,
            stdout=child,
            stderr=child,
            start_new_session=True,
            preexec_fn=lambda: os.close(
                os.open(os.ttyname(0), os.O_RDWR)
            ),  # which makes it the controlling terminal
        )
        text = read_until(parent, b"Password of")
        time.sleep(0.3)
        os.write(parent, b"half-a-passw\x03")
        code = process.wait(30)
        assert termios.tcgetattr(child)[3] == echo
        os.close(child)
        text += read_until(parent, b"\0nothing")
        os.close(parent)
        assert code in (1, 130)
        assert b"half-a" not in text
        assert b"Traceback" not in text
        assert snapshot(arena.home) == before

    def test_ctrl_c_in_the_middle_of_lock(self, arena: Arena) -> None:
        """There is no lock file, old or new, and nothing temporary."""
        arena.project("private-lib", url=URL)
        before = snapshot(arena.home)
        arena.company.respond = at("/team-a/files/", Response(delay=60))
        process = subprocess.Popen(
            [str(arena.home.executable), "lock"],
            cwd=arena.home.project,
            env=arena.home.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        until = time.monotonic() + 60
        while not arena.company.paths()[1:] and time.monotonic() < until:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        text, _ = process.communicate(timeout=30)
        assert process.returncode != 0
        assert "Traceback" not in text
        assert snapshot(arena.home) == before
        assert not list(arena.home.project.glob("*.lock"))


def read_until(descriptor: int, mark: bytes) -> bytes:
    """What a terminal shows, until ``mark`` comes or the other side is gone."""
    text = b""
    while mark not in text:
        try:
            piece = os.read(descriptor, 4096)
        except OSError:  # the other side is gone
            break
        if not piece:
            break
        text += piece
    return text


KILLER = """
import os, signal

def deadly(name):
    original = getattr(os, name)
    def call(*arguments, **options):
        if any("auth.toml" in str(argument) for argument in arguments) or name == "fsync":
            if os.environ["KILL_AT"] == f"after-{name}":
                original(*arguments, **options)
            if os.environ["KILL_AT"].endswith(name):
                os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments, **options)
    setattr(os, name, call)

for name in ("open", "fsync", "fchmod", "replace", "rename"):
    deadly(name)
"""


@pytest.mark.parametrize("moment", ["open", "after-open", "fsync", "replace", "after-replace"])
def test_killed_during_login(arena: Arena, moment: str) -> None:
    """The file is the old one or the new one; the next login works and clears what was left."""
    (arena.home.keyring_home / "sitecustomize.py").write_text(KILLER)
    before = (arena.home.config / "auth.toml").read_text()
    arena.home.environ["KILL_AT"] = moment
    done = arena.home.run(*LOGIN, stdin=NEW)
    assert done.code == -signal.SIGKILL
    after = (arena.home.config / "auth.toml").read_text()
    assert after == (before.replace(PASSWORD, NEW) if moment == "after-replace" else before)
    arena.home.environ["KILL_AT"] = "never"
    arena.home.ok(*LOGIN, stdin=NEW)
    assert arena.home.toml("auth.toml")["http-basic"][NAME]["password"] == NEW
    assert not list(arena.home.config.glob(".auth.toml.*"))
    assert {path.stat().st_mode & 0o777 for path in arena.home.config.glob("auth.toml")} == {0o600}


def test_a_full_disk_during_login(arena: Arena) -> None:
    """An error, and the old file is whole. (A limit on the size of files stands for the disk.)"""
    file = arena.home.config / "auth.toml"
    file.write_text(file.read_text() + "# " + "x" * 100_000 + "\n")
    before = snapshot(arena.home)
    done = subprocess.run(
        [str(arena.home.executable), *LOGIN],
        input=NEW,
        capture_output=True,
        text=True,
        cwd=arena.home.project,
        env=arena.home.environment(),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000)),
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert snapshot(arena.home) == before
    arena.home.ok(*LOGIN, stdin=NEW)


MANY = 12


@pytest.fixture
def fresh(cold_home: PoetryHome) -> Iterator[PoetryHome]:
    """A user who has nothing yet, and no credential but what he types. Several of his commands run
    at once, each a process of its own.
    """
    home = cold_home
    names = "".join(
        f'[repositories.r{number}]\nurl = "https://r{number}.example/upload/"\n'
        for number in range(MANY)
    )
    (home.config / "config.toml").write_text(names)
    yield home
    assert not list(home.config.glob(".*.tmp"))


def test_many_logins_at_once(fresh: PoetryHome) -> None:
    """All are kept, each bound to its own origin."""

    def log_in(number: int) -> int:
        words = ("--username", USER, "--password-stdin", "--plaintext", "--no-verify")
        return fresh.run("repo", "login", f"r{number}", *words, stdin=f"pw{number}").code

    with ThreadPoolExecutor(MANY) as pool:
        assert set(pool.map(log_in, range(MANY))) == {0}
    logins = fresh.toml("auth.toml")["http-basic"]
    assert {name: login["password"] for name, login in logins.items()} == {
        f"r{n}": f"pw{n}" for n in range(MANY)
    }
    own = fresh.toml("poetry-repo-plugin.toml")["repositories"]
    assert {name: entry["credential-origins"] for name, entry in own.items()} == {
        f"r{n}": [f"https://r{n}.example"] for n in range(MANY)
    }


def test_twin_one_login(arena: Arena) -> None:
    arena.home.ok(*LOGIN, stdin=PASSWORD)
    arena.project("private-lib", url=URL)
    arena.home.ok("lock")
    assert arena.locked() == ["private-lib-1.0"]
