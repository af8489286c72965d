"""The company's own server gives hostile answers: it was broken into, or is a mirror of somebody
else's.
"""

from __future__ import annotations

import gzip
import hashlib
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from tests import packages
from tests.attacks.arena import (
    EVIL,
    HOST,
    NAME,
    PASSWORD,
    PRIVATE,
    UPLOAD,
    URL,
    USER,
    Arena,
    assert_clean,
)
from tests.integration.world import installed
from tests.servers import RecordedRequest, Response
from tests.servers.faults import at, drip, huge, redirect, redirect_all

STATUSES = (301, 302, 303, 307, 308)
AWAY = f"https://{EVIL}"


def by_path(answers: dict[str, Response]) -> Callable[[RecordedRequest], Response | None]:
    """A hook that answers some paths."""
    return lambda request: answers.get(request.path)


def authorized(arena: Arena) -> set[str]:
    """The paths of the company that were asked for with a credential."""
    return {request.path for request in arena.company.requests if request.authorization is not None}


def test_redirects_to_another_origin(arena: Arena, tmp_path: Path) -> None:
    """Pages and files, with each status: the redirect is followed, and takes nothing along; nor
    does a permanent one that was remembered, when the company is itself again.
    """
    pages = [f"page-{status}" for status in STATUSES]
    files = [f"file-{status}" for status in STATUSES]
    answers = {}
    for name, status in zip([*pages, *files], STATUSES * 2, strict=True):
        wheel = packages.wheel(name, "1.0")
        arena.evil.add(*wheel)
        arena.company.add(*wheel)
        for path in (
            [f"simple/{name}/"]
            if name in pages
            else [f"files/{wheel[0]}", f"files/{wheel[0]}.metadata"]
        ):
            answers[f"/team-a/{path}"] = redirect(f"{AWAY}/{path}", status)
    arena.company.respond = by_path(answers)
    site_packages = arena.use_venv(tmp_path / "venv")
    arena.project(*pages, *files, url=URL)
    arena.home.ok("install", "--no-root")
    assert installed(site_packages) == sorted(
        f"{name.replace('-', '_')}-1.0" for name in [*pages, *files]
    )
    assert set(answers) <= authorized(arena)
    assert len(arena.evil.paths("GET")) >= 20
    arena.assert_nothing_lost()

    arena.company.respond = None
    (arena.home.project / "poetry.lock").unlink()
    arena.home.ok("lock")


def test_redirects_back_and_to_plain_http(arena: Arena) -> None:
    """What was led away comes back without the credential, also after a step inside the other
    origin; and no redirect takes it to http on the same host.
    """
    arena.tap_plain_http()
    names = ("goes-back", "goes-round", "goes-plain")
    wheels = {name: packages.wheel(name, "1.0") for name in names}
    arena.company.add_all(wheels.values())
    first = {f"/team-a/simple/{name}/": redirect(f"{AWAY}/{name}", 307) for name in names[:2]}
    first["/team-a/simple/goes-plain/"] = redirect(f"http://{HOST}/simple/public-lib/", 301)
    arena.company.respond = by_path(first)
    arena.evil.respond = by_path(
        {
            "/goes-back": redirect(f"https://{HOST}/team-a/files/{wheels['goes-back'][0]}", 308),
            "/goes-round": redirect("/goes-on", 302),
            "/goes-on": redirect(f"https://{HOST}/team-a/files/{wheels['goes-round'][0]}", 301),
        }
    )
    for name in names:
        arena.project(name, url=URL)
        done = arena.home.run("lock")
        assert_clean(done)
    assert authorized(arena) == set(first)
    assert {
        request.status for request in arena.company.requests if request.path.endswith(".whl")
    } == {401}
    assert [request.target for request in arena.proxy.requests if request.method == "GET"]


def test_a_redirect_during_login_takes_no_password_along(arena: Arena) -> None:
    """Also not in the second step, inside the other origin."""
    arena.company.respond = at("/team-a/simple/", redirect(f"{AWAY}/one", 302))
    arena.evil.respond = by_path(
        {"/one": redirect("/two", 302), "/two": redirect("/two?again", 302)}
    )
    words = ("--username", USER, "--password-stdin", "--plaintext")
    done = arena.home.run("repo", "login", NAME, *words, stdin=PASSWORD, cwd=arena.home.root)
    assert {"/one", "/two"} <= set(arena.evil.paths())
    assert_clean(done)


def test_twin_a_redirect_on_the_same_origin_keeps_the_credential(
    arena: Arena, tmp_path: Path
) -> None:
    """And one to a store elsewhere, which fails once: what is tried again starts with the
    credential again.
    """
    path = f"/team-a/files/{PRIVATE[0]}"
    answers = iter([Response(503), *[Response(200, PRIVATE[1])] * 20])
    arena.evil.respond = lambda request: next(answers)
    arena.company.index.core_metadata = False
    page = redirect(f"https://{HOST}/team-a/simple/private-lib/?moved", 302)
    arena.company.respond = lambda request: (
        (
            redirect(f"https://store.{EVIL}/x.whl?signature=1")
            if request.authorization is not None
            else None
        )
        if request.path == path
        else (page if request.query == "" and request.path.endswith("/private-lib/") else None)
    )
    site_packages = arena.use_venv(tmp_path / "venv")
    arena.project("private-lib", url=URL)
    arena.home.ok("install", "--no-root")
    assert installed(site_packages) == ["private_lib-1.0"]
    assert [
        request.path for request in arena.company.requests if request.authorization is None
    ] == []


def test_a_cookie_does_not_go_over_plain_http(arena: Arena) -> None:
    """The server, sloppily, does not say that it is for https only."""
    arena.tap_plain_http()
    name, content = packages.wheel("omega", "1.0")
    arena.evil.add(name, content)
    first, second = (packages.wheel(name, "1.0") for name in ("alpha", "beta"))
    arena.company.add_all((first, second))
    cookie = Response(200, first[1], {"Set-Cookie": "SESSION=s3ssion; Path=/"})
    arena.company.respond = lambda request: (
        cookie if request.path == f"/team-a/files/{first[0]}" else None
    )
    ours = [
        f"{wheel[0].split('-')[0]} @ https://{HOST}/team-a/files/{wheel[0]}"
        for wheel in (first, second)
    ]
    arena.project(*ours, f"omega @ http://{HOST}/files/{name}", url=URL)
    arena.home.ok("lock")
    assert [request.path for request in arena.company.requests if "cookie" in request.headers]
    assert [request.target for request in arena.proxy.requests if request.method == "GET"]


@pytest.mark.parametrize("redirected", [False, True])
def test_a_cookie_does_not_go_to_another_port(arena: Arena, redirected: bool) -> None:
    """Cookies belong to a host with all its ports (RFC 6265, 8.5); ours stay where they were
    set.
    """
    name, content = packages.wheel("omega", "1.0")
    arena.evil.add(name, content)
    first, second = (packages.wheel(name, "1.0") for name in ("alpha", "beta"))
    arena.company.add_all((first, second))
    away = f"https://{HOST}:8443/files/{name}"
    jar = {"Set-Cookie": "SESSION=s3ssion; Path=/"}
    answers = {f"/team-a/files/{first[0]}": Response(200, first[1], jar)}
    if redirected:
        answers[f"/team-a/files/{name}"] = Response(302, b"", {**jar, "Location": away})
        away = f"https://{HOST}/team-a/files/{name}"
    arena.company.respond = lambda request: answers.get(request.path)
    ours = [
        f"{wheel[0].split('-')[0]} @ https://{HOST}/team-a/files/{wheel[0]}"
        for wheel in (first, second)
    ]
    arena.project(*ours, f"omega @ {away}", url=URL)
    arena.home.ok("lock")
    assert [request.path for request in arena.company.requests if "cookie" in request.headers], (
        "the twin"
    )
    assert [request for request in arena.evil.requests if request.method == "GET"]


def test_a_reason_with_escape_sequences_at_an_upload(arena: Arena) -> None:
    answer = Response(400, b"\x1b[31mPwned", reason="\x1b[31mPwned\x1b]0;title\x07")
    arena.settle("config.toml", "repositories", NAME, "url", value=UPLOAD)
    arena.company.respond = lambda request: answer if request.method == "POST" else None
    arena.project(url=URL)
    arena.dist()
    done = arena.home.fails("publish", "-r", NAME)
    assert "Pwned" in done.text
    assert_clean(done)


@pytest.mark.parametrize("status", [301, 307, 308])
def test_an_upload_is_not_redirected(arena: Arena, status: int) -> None:
    arena.settle("config.toml", "repositories", NAME, "url", value=UPLOAD)
    arena.company.respond = redirect_all(AWAY, status)
    arena.project(url=URL)
    arena.dist()
    done = arena.home.fails("publish", "-r", NAME)
    assert arena.company.paths() == ["/team-a/upload/"]
    assert arena.evil.requests == []
    assert_clean(done)


CHALLENGES = (
    "Negotiate",
    'Digest realm="x", nonce="abc", qop="auth", algorithm=MD5',
    f'Bearer realm="https://{EVIL}/token",service="x",scope="repository:x:pull"',
    'Basic realm="\x1b[31mred\x1b]0;title\x07", charset="x"',
    'Basic realm="a\r\n Set-Cookie: a=b\r\n\tX-More: 1"',
    f'Basic realm="{"x" * 60_000}"',
)


def test_strange_challenges(arena: Arena) -> None:
    """Nobody is asked for a token, nothing is tried again, and nothing of it reaches the
    terminal.
    """
    headers = [("WWW-Authenticate", line) for line in CHALLENGES]
    arena.company.respond = lambda request: Response(
        401, b"\x1b[31mno", headers, reason="\x1b[31mNo"
    )
    arena.project("private-lib", url=URL)
    done = arena.home.fails("lock")
    assert "[credential-rejected]" in done.text
    assert len(arena.company.requests) == 1
    assert arena.evil.requests == []
    assert_clean(done)


def test_a_reason_with_escape_sequences(arena: Arena) -> None:
    answer = Response(503, b"", {"Retry-After": "0"}, reason="\x1b[31mPwned\x1b]0;title\x07<error>")
    arena.company.respond = lambda request: answer
    arena.project("private-lib", url=URL)
    done = arena.home.fails("lock")
    assert "[server-error]" in done.text
    assert_clean(done)


def page_of(links: dict[str, str]) -> Response:
    text = "\n".join(f'<a href="{url}">{name}</a>' for name, url in links.items())
    return Response.html(f"<!DOCTYPE html><html><body>{text}</body></html>")


def test_links_to_other_places(arena: Arena, tmp_path: Path) -> None:
    """A file may lie anywhere, and is fetched from there; the credential and the client certificate
    stay.
    """
    arena.tap_plain_http()
    places = {
        "other-host": f"{AWAY}/files/",
        "no-scheme": f"//{EVIL}/files/",
        "other-port": f"https://{HOST}:8443/files/",
        "plain": f"http://{EVIL}/files/",
        "downgrade": f"http://{HOST}/files/",
        "with-user": f"https://x:y@{EVIL}/files/",
        "dots": f"{AWAY}/../..//files/",
    }
    arena.own.add("Basic eDp5")
    answers = {}
    for name, place in places.items():
        wheel, content = packages.wheel(name, "1.0")
        arena.evil.add(wheel, content)
        digest = hashlib.sha256(content).hexdigest()
        answers[f"/team-a/simple/{name}/"] = page_of({wheel: f"{place}{wheel}#sha256={digest}"})
    arena.company.respond = by_path(answers)
    site_packages = arena.use_venv(tmp_path / "venv")
    arena.project(*places, url=URL)
    arena.home.ok("install", "--no-root")
    assert len(installed(site_packages)) == len(places)
    assert authorized(arena) == set(answers)
    lock = (arena.home.project / "poetry.lock").read_text()
    assert "x:y@" not in lock


@pytest.mark.parametrize(
    "href",
    [
        f"file:///etc/{PRIVATE[0]}",
        f"/team-a/files/{quote('../../../', safe='')}{PRIVATE[0]}",
        f"ftp://{EVIL}/{PRIVATE[0]}",
    ],
    ids=["file", "dots", "ftp"],
)
def test_links_that_lead_to_no_index(arena: Arena, tmp_path: Path, href: str) -> None:
    (tmp_path / PRIVATE[0]).write_bytes(PRIVATE[1])
    arena.company.respond = at(
        "/team-a/simple/", page_of({PRIVATE[0]: href.replace("/etc", str(tmp_path))})
    )
    arena.project("private-lib", url=URL)
    before = set(tmp_path.rglob(PRIVATE[0]))
    done = arena.home.fails("lock")
    assert set(tmp_path.rglob(PRIVATE[0])) == before
    assert_clean(done)
    if not href.startswith("/"):  # what cannot be opened is not tried again, and no DNS is blamed
        assert "[not-an-index]" in done.text
        assert f"it leads to '{href.replace('/etc', str(tmp_path))}" in done.text


MEASURE = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print("MiB", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
sys.exit(code)
"""
HUGE = 200 * 1024 * 1024


def bodies(kind: str) -> Response:
    if kind == "huge":
        return huge(HUGE)
    if kind == "bomb":
        return Response(
            200,
            gzip.compress(bytes(HUGE), 1),
            {"Content-Encoding": "gzip", "Content-Type": "text/html"},
        )
    return drip(b"no" * 1000, 0.2)


@pytest.mark.parametrize(
    ("status", "kind"), [(401, "huge"), (400, "bomb"), (403, "drip"), (404, "huge")]
)
def test_the_body_of_a_refusal_is_bounded(arena: Arena, status: int, kind: str) -> None:
    """In memory and in time: 200 MB, 200 MB once unpacked, and 400 s."""
    answer = bodies(kind)
    answer.status = status
    arena.company.respond = lambda request: (
        answer if kind != "huge" else Response(status, huge(HUGE).body, answer.headers)
    )
    arena.project("private-lib", url=URL)
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(arena.home.executable), "lock"],
        env=arena.home.environment(),
        cwd=arena.home.project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert int(done.stdout.split()[-1]) < 150, "MiB"
    assert time.monotonic() - started < 60
    assert "Traceback" not in done.stderr
