"""A path that leads out of the company's part of a host, for some servers."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests import packages
from tests.attacks.arena import HOST, NAME, URL, Arena, assert_clean
from tests.servers import RecordedRequest, Response

UP = {
    "dots": "%2e%2e/%2e%2e",
    "slashes": "%2e%2e%2f%2e%2e",
    "backslashes": "%2e%2e%5c%2e%2e",
    "twice": "%252e%252e/%252e%252e",
    "overlong": "%c0%ae%c0%ae/%c0%ae%c0%ae",
    "parameters": "%2e%2e;x/%2e%2e;x",
    "wide": "\uff0e\uff0e/\uff0e\uff0e",
    "nul": "%2e%2e%00/%2e%2e%00",
}


def leads_out(request: RecordedRequest) -> bool:
    """Whether some server would take the request for one to a stranger's place."""
    return "team-evil" in unquote(request.target)


def depends_on(arena: Arena, name: str) -> None:
    arena.project(url=URL, extra=f'\n[tool.poetry.dependencies]\n"{name}" = "*"\n')


def assert_nothing_went_out(arena: Arena) -> None:
    strange = [request for request in arena.company.requests if leads_out(request)]
    assert strange
    for request in strange:
        assert request.authorization is None, request.target
        assert "cookie" not in request.headers, request.target
        assert request.peer is None, request.target


@pytest.mark.parametrize("up", UP.values(), ids=UP)
def test_a_dependency_named_like_a_way_up_takes_nothing_along(arena: Arena, up: str) -> None:
    """Also where the stranger then sends the request on to a plain path of his."""
    away = Response(302, b"", {"Location": "/team-evil/simple/steal/"})
    refused = Response(401, b"", {"WWW-Authenticate": "Basic"})

    def answer(request: RecordedRequest) -> Response | None:
        if not leads_out(request):
            return None
        return refused if request.path.startswith("/team-evil/") else away

    arena.company.respond = answer
    depends_on(arena, f"{up}/team-evil/simple/steal")
    done = arena.home.fails("lock")
    assert_nothing_went_out(arena)
    assert "a path that servers interpret differently" in done.text
    assert_clean(done)


def test_the_failure_says_that_nothing_was_sent(arena: Arena) -> None:
    arena.company.respond = lambda request: Response(401) if leads_out(request) else None
    depends_on(arena, f"{UP['dots']}/team-evil/simple/x")
    done = arena.home.fails("lock")
    assert_nothing_went_out(arena)
    assert "[origin-mismatch]" in done.text
    said = re.sub(r"\s+", " ", done.text)
    assert "requires a credential (401) at a path that servers interpret differently" in said
    assert "nothing was sent" in said
    assert_clean(done)


def test_a_cookie_of_the_company_stays_as_well(arena: Arena) -> None:
    """The page of the first package sets one for the whole host."""
    first = packages.wheel("alpha", "1.0")
    arena.company.add(*first)
    answers = {"/team-a/simple/alpha/": {"Set-Cookie": "SESSION=s3ssion; Path=/"}}

    def answer(request: RecordedRequest) -> Response | None:
        if request.path in answers and request.authorization is not None:
            page = f'<a href="/team-a/files/{first[0]}">{first[0]}</a>'.encode()
            return Response(200, page, {"Content-Type": "text/html", **answers[request.path]})
        return Response(401) if leads_out(request) else None

    arena.company.respond = answer
    arena.project(
        url=URL,
        extra=f'\n[tool.poetry.dependencies]\nalpha = "*"\n"{UP["dots"]}/team-evil/x" = "*"\n',
    )
    arena.home.fails("lock")
    assert_nothing_went_out(arena)


@pytest.mark.parametrize("how", ["a direct URL", "a source"])
def test_nor_does_it_go_to_strangers_on_its_host(arena: Arena, tmp_path: Path, how: str) -> None:
    """Poetry downloads the files of all repositories, and of none, in one session; its twin asks
    the company twice.
    """
    first, second = packages.wheel("alpha", "1.0"), packages.wheel("beta", "1.0")
    arena.company.add_all((first, second))
    strange = packages.wheel("gamma", "1.0")
    arena.company.indexes[1].add(*strange)
    files = dict((first, second))

    def answer(request: RecordedRequest) -> Response | None:
        content = files.get(request.path.rpartition("/")[2])
        if content is None or request.authorization is None:
            return None
        return Response(200, content, {"Set-Cookie": "SESSION=s3ssion; Path=/"})

    arena.company.respond = answer
    arena.home.environ["POETRY_INSTALLER_PARALLEL"] = "false"
    site_packages = arena.use_venv(tmp_path / "venv")
    if how == "a source":
        team = {"team": f"https://{HOST}/team-evil/simple/"}
        arena.project("alpha", "beta", "gamma", sources=team, url=URL)
    else:
        url = f"https://{HOST}/team-evil/files/{strange[0]}"
        arena.project("alpha", "beta", f"gamma @ {url}", url=URL)
    arena.home.ok("lock")
    arena.company.clear()
    shutil.rmtree(arena.home.root / "cache" / "artifacts", ignore_errors=True)  # of the lock
    arena.home.ok("install", "--no-root")
    assert len(list(site_packages.glob("*.dist-info"))) == 3
    asked = {one.path.rpartition("/")[2]: "cookie" in one.headers for one in arena.company.requests}
    assert asked[second[0]] is True
    assert asked[strange[0]] is False


def test_twin_escapes_in_the_names_of_files_are_ordinary(arena: Arena) -> None:
    """A local version has a plus sign, which indexes escape, some of them twice."""
    name, content = packages.wheel("torch", "2.0+cpu")
    page = b"".join(
        f'<a href="/team-a/files/{spelled}">{name}</a>'.encode()
        for spelled in (name.replace("+", "%2B"),)
    )

    def answer(request: RecordedRequest) -> Response | None:
        if request.authorization is None:
            return None
        if request.path == "/team-a/simple/torch/":
            return Response(200, page, {"Content-Type": "text/html"})
        return Response(200, content) if "2B" in request.path or "+" in request.path else None

    arena.company.respond = answer
    arena.project("torch", url=URL)
    arena.home.ok("lock")
    assert arena.locked() == ["torch-2.0+cpu"]
    assert any("torch-2.0" in request.path for request in arena.company.requests)
    assert NAME in arena.home.lock()["package"][0]["source"]["reference"]
