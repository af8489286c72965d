"""A server that never comes to an end: a byte a second, gigabytes, or brackets within brackets."""

from __future__ import annotations

import base64
import gzip
import os
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from tests.attacks.arena import EVIL, HOST, NAME, PASSWORD, UPLOAD, URL, USER, Arena, assert_clean
from tests.attacks.test_hostile_identity import forget_password, publish
from tests.attacks.test_hostile_index import MEASURE
from tests.servers import RecordedRequest, Response
from tests.servers.faults import drip, huge

DEEP = b"[" * 200_000
SIZE = 300 * 1024 * 1024
LONGEST = 45  # seconds for a whole command; each of these answers takes longer than any test
_BOMB = gzip.compress(bytes(SIZE), 1)
PAGES: dict[str, Callable[[], Response]] = {
    "drip": lambda: drip(b"<html>" + b"x" * 10_000, 1.0),
    "huge": lambda: huge(SIZE),
    "bomb": lambda: Response(200, _BOMB, {"Content-Encoding": "gzip", "Content-Type": "text/html"}),
    "deep": lambda: Response(200, DEEP, {"Content-Type": "application/vnd.pypi.simple.v1+json"}),
}


def measured(
    arena: Arena, *words: str, stdin: str = ""
) -> tuple[subprocess.CompletedProcess[str], int]:
    """A command of its own process, and the most MiB that it took."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(arena.home.executable), *words],
        env=arena.home.environment(),
        cwd=arena.home.project,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done, int(done.stdout.split()[-1])


def to(path: str, kind: str, status: int = 200) -> Callable[[RecordedRequest], Response | None]:
    def respond(request: RecordedRequest) -> Response | None:
        if not request.path.startswith(path):
            return None
        answer = PAGES[kind]()
        answer.status = status
        return answer

    return respond


@pytest.mark.parametrize("kind", PAGES)
@pytest.mark.parametrize("command", ["login", "doctor"])
def test_an_index_without_an_end(arena: Arena, command: str, kind: str) -> None:
    arena.company.respond = to("/team-a/simple/", kind)
    arena.project(url=URL)
    words = {
        "login": ("repo", "login", NAME, "--username", USER, "--password-stdin"),
        "doctor": ("repo", "doctor", "--timeout", "3"),
    }
    started = time.monotonic()
    done, mib = measured(arena, *words[command], stdin=PASSWORD)
    assert time.monotonic() - started < LONGEST
    assert done.returncode in (0, 1)
    assert mib < 150
    assert "Traceback" not in done.stderr
    assert "recursion" not in done.stderr


@pytest.mark.parametrize("kind", PAGES)
def test_an_answer_to_an_upload_without_an_end(arena: Arena, kind: str) -> None:
    """What was accepted was accepted, whatever the server goes on to say."""
    arena.company.respond = to("/team-a/upload/", kind)
    arena.project(url=URL, extra=f'[tool.poetry-repo-plugin.{NAME}]\npublish-url = "{UPLOAD}"\n')
    arena.dist()
    arena.home.environ["POETRY_REQUESTS_TIMEOUT"] = "3"
    started = time.monotonic()
    done, mib = measured(arena, "publish", "-r", NAME)
    assert time.monotonic() - started < LONGEST
    assert done.returncode == 0, done.stderr
    assert mib < 150


@pytest.mark.parametrize(
    ("step", "kind"),
    [*(("mint-token", kind) for kind in PAGES), *(("audience", kind) for kind in ("huge", "deep"))],
)
def test_an_exchange_without_an_end(arena: Arena, step: str, kind: str) -> None:
    """Trusted publishing asks an index that it knows nothing of."""
    payload = base64.urlsafe_b64encode(b'{"aud": "%s"}' % EVIL.encode()).decode().rstrip("=")
    arena.home.environ.update(
        GITLAB_CI="true", GITHUB_ACTIONS="", EVIL_EXAMPLE_ID_TOKEN=f"x.{payload}.x"
    )
    endless = to(f"/_/oidc/{step}", kind)
    arena.evil.respond = lambda request: (
        endless(request)
        or (Response.json({"audience": EVIL}) if request.path == "/_/oidc/audience" else None)
    )
    started = time.monotonic()
    done = publish(arena, "evil", f"https://{EVIL}/upload/")
    assert time.monotonic() - started < LONGEST
    assert_clean(done)


def test_a_token_that_is_nested_without_an_end(arena: Arena) -> None:
    """As a password, and in a CI's variable."""
    token = f"x.{base64.urlsafe_b64encode(DEEP[:60_000]).decode().rstrip('=')}.x"
    arena.settle("auth.toml", "http-basic", NAME, "password", value=token)
    arena.project(url=URL)
    for command in ("list", "show"):
        done = arena.home.run("repo", command, *([NAME] if command == "show" else []))
        assert done.code == 0, done.text
        assert_clean(done)
    forget_password(arena)
    arena.home.environ.update(GITLAB_CI="true", GITHUB_ACTIONS="", COMPANY_EXAMPLE_ID_TOKEN=token)
    arena.company.respond = lambda request: (
        Response.json({"audience": HOST}) if request.path == "/_/oidc/audience" else None
    )
    done = publish(arena, NAME, UPLOAD)
    assert done.code == 1
    assert_clean(done)
    assert token not in done.text


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (b"-----BEGIN CERTIFICATE-----\n" * 37_000, "no complete PEM block"),
        (
            b"".join(b"-----BEGIN %d-----\n" % number for number in range(50_000)),
            "no complete PEM block",
        ),
        (os.urandom(1024) * 3 * 1024, "is larger than"),
    ],
    ids=["begins", "labels", "size"],
)
def test_a_projects_ca_file_that_takes_long(arena: Arena, text: bytes, cause: str) -> None:
    arena.project(
        sources={"evil": f"https://{EVIL}/simple/"},
        extra='[tool.poetry-repo-plugin.evil]\nca = "ca.pem"\n',
    )
    (arena.home.project / "ca.pem").write_bytes(text)
    for words in (("repo", "list"), ("repo", "certs", "evil"), ("repo", "doctor", "evil")):
        started = time.monotonic()
        done = arena.home.run(*words)
        assert time.monotonic() - started < 10
        assert "Traceback" not in done.text
    assert cause in " ".join(done.text.split())


def test_twin_a_long_bundle(arena: Arena) -> None:
    """A thousand CAs with comments."""
    ca = (arena.certs.directory / "ca.pem").read_bytes()
    arena.project(
        sources={"evil": f"https://{EVIL}/simple/"},
        extra='[tool.poetry-repo-plugin.evil]\nca = "ca.pem"\n',
    )
    (arena.home.project / "ca.pem").write_bytes(
        b"".join(b"# number %d\n%s" % (n, ca) for n in range(1000))
    )
    done = arena.home.ok("repo", "doctor", "evil")
    assert "is trusted" in done.text or "the certificate of" in done.text, done.text
