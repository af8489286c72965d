"""Names that belong to a repository: nobody else is asked for them, whatever asks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import packages
from tests.integration.far import AWAY, SWITCH, Far, forget, lock_file
from tests.integration.world import installed, make_venv, source
from tests.poetry_process import PoetryHome
from tests.servers import IndexServer, ProxyServer, Response
from tests.warm import WarmHome

pytestmark = pytest.mark.paths

OWNED = '[tool.poetry-repo-plugin.acme]\npackages = ["acme-*", "internal-tool"]\n'


@dataclass
class Town:
    """A company's index, and one that has the same names in higher versions and everything else."""

    home: PoetryHome
    acme: IndexServer
    squatter: IndexServer

    def project(
        self, *dependencies: str, priority: str = "explicit", owned: str = OWNED, extra: str = ""
    ) -> Path:
        """Both are sources, the squatter first."""
        both = source("squat", self.squatter.index_url)
        both += source("acme", self.acme.index_url, priority)
        return self.home.write_project(dependencies=dependencies, extra=both + owned + extra)

    def own(self, *patterns: str, name: str = "acme", url: str | None = None) -> None:
        """The user's settings."""
        lines = [f"[repositories.{name}]", f"packages = {list(patterns)!r}"]
        lines += [] if url is None else [f'url = "{url}"']
        (self.home.config / "poetry-repo-plugin.toml").write_text("\n".join(lines) + "\n")

    @property
    def leaks(self) -> list[str]:
        """What the squatter was asked of the company's names."""
        told = [request.target for request in self.squatter.requests]
        return [one for one in told if "acme" in one.lower() or "internal" in one.lower()]

    @property
    def locked(self) -> dict[str, tuple[str, str]]:
        """Version and source of each package of the lock file."""
        return {
            one["name"]: (one["version"], one.get("source", {}).get("reference", ""))
            for one in self.home.lock()["package"]
        }


@pytest.fixture
def home(warm_home: WarmHome) -> PoetryHome:
    warm_home.environ["POETRY_VIRTUALENVS_CREATE"] = "false"
    return warm_home


@pytest.fixture
def town(home: PoetryHome) -> Iterator[Town]:
    with IndexServer() as acme, IndexServer() as squatter:
        acme.add_all(
            (
                packages.wheel("acme-app", "1.0", ["public", "acme-lib"]),
                packages.wheel("acme-lib", "1.0"),
                packages.wheel("internal-tool", "1.0"),
                packages.sdist_with_backend("acme-sdist", "1.0", "acme-backend"),
                packages.backend_wheel("acme-backend", "1.0"),
            )
        )
        squatter.add_all(
            (
                packages.wheel("public", "1.0", ["Internal.Tool"]),
                packages.wheel("acme-app", "9.0"),
                packages.wheel("acme-lib", "9.0"),
                packages.wheel("acme-new", "9.0"),
                packages.wheel("internal-tool", "9.0"),
                packages.backend_wheel("acme-backend", "9.0"),
            )
        )
        yield Town(home, acme, squatter)


EXPECTED = {
    "acme-app": ("1.0", "acme"),
    "acme-lib": ("1.0", "acme"),
    "internal-tool": ("1.0", "acme"),
    "public": ("1.0", "squat"),
}


class TestNobodyElseIsAsked:
    @pytest.mark.parametrize("priority", ["explicit", "supplemental", "primary"])
    def test_lock(self, town: Town, priority: str) -> None:
        """Also what is required by what is required, and of an explicit source."""
        town.project("Acme_App", priority=priority)
        town.home.ok("lock")
        assert town.locked == EXPECTED
        assert not town.leaks
        before = lock_file(town.home)
        town.acme.add(*packages.wheel("acme-lib", "1.1"))
        town.home.ok("lock")
        assert lock_file(town.home) == before  # what is locked stays, of an explicit source too

    def test_twin_without_the_patterns(self, town: Town) -> None:
        town.project("acme-app", owned="")
        town.home.ok("lock")
        assert town.locked == {"acme-app": ("9.0", "squat")}
        assert town.leaks

    def test_with_looking_ahead(self, town: Town) -> None:
        """Far away, so that threads go ahead; the lock file is the same as without them."""
        needs = [f"acme-{number}" for number in range(4)]
        town.acme.add_all(packages.wheel(name, "1.0", ["public"]) for name in needs)
        town.squatter.add_all(packages.wheel(name, "9.0") for name in needs)
        town.project("acme-app", *needs)
        Far(town.squatter, AWAY)
        far = Far(town.acme, AWAY)
        town.home.environ[SWITCH] = "false"
        town.home.ok("lock")
        without, expected = far.urls, lock_file(town.home)
        del town.home.environ[SWITCH]
        forget(town.home)
        far.clear()
        far.gather(3)
        town.home.ok("lock")
        assert far.most >= 3
        assert lock_file(town.home) == expected
        assert far.urls == without
        assert not town.leaks

    def test_the_life_of_a_project(self, town: Town, tmp_path: Path) -> None:
        """Installed, added to, looked at, updated, removed from; with a build environment."""
        site_packages = make_venv(tmp_path / "venv")
        town.home.environ["VIRTUAL_ENV"] = str(tmp_path / "venv")
        town.project("acme-app", "acme-sdist")
        for words in (("lock",), ("install", "--no-root"), ("sync", "--no-root")):
            town.home.ok(*words)
        assert "acme_sdist-1.0" in installed(site_packages)
        town.home.ok("add", "internal_tool")
        assert "internal-tool (>=1.0,<2.0)" in (town.home.project / "pyproject.toml").read_text()
        town.acme.add(*packages.wheel("acme-lib", "1.1"))
        shown = town.home.ok("show", "--latest").out
        assert "9.0" not in shown
        assert "1.1" in shown
        town.home.ok("update")
        assert town.locked["acme-lib"] == ("1.1", "acme")
        town.home.run("search", "acme-lib")
        town.home.fails("add", "acme-new")
        town.home.ok("remove", "acme-app")
        assert not town.leaks

    def test_a_page_that_holds_everything(self, town: Town) -> None:
        """An index of one page (PEP 503 knows none, Poetry does) delivers no owned name either."""
        page = "".join(
            f'<a href="/files/{name}">{name}</a>' for name in town.squatter.index.packages
        )
        town.squatter.respond = lambda request: (
            Response(200, page.encode(), {"Content-Type": "text/html"})
            if request.path == "/all.html"
            else None
        )
        pages = source("pages", f"{town.squatter.origin}/all.html")
        pages += source("acme", town.acme.index_url, "supplemental")
        town.home.write_project(dependencies=("acme-lib", "public"), extra=pages + OWNED)
        town.home.ok("lock")
        assert town.locked["public"] == ("1.0", "pages")
        assert town.locked["acme-lib"] == ("1.0", "acme")


class TestMirrors:
    """A mirror learns what the repository may that it stands in for."""

    def test_of_pypi_and_of_the_owner(self, town: Town) -> None:
        (town.home.config / "poetry-repo-plugin.toml").write_text(
            f'[repositories.everything]\nurl = "{town.squatter.index_url}"\nmirror-of = "pypi"\n'
            f'[repositories.near]\nurl = "{town.acme.index_url}"\nmirror-of = "acme"\n'
        )
        acme = source("acme", "http://127.0.0.1:9/simple/", "explicit")
        town.home.write_project(dependencies=("acme-app",), extra=acme + OWNED)
        with ProxyServer() as trap:
            town.home.environ["HTTPS_PROXY"] = trap.origin
            town.home.ok("lock")
            assert town.locked == {**EXPECTED, "public": ("1.0", "")}
            assert not town.leaks
            town.home.write_project(dependencies=("acme-app",), extra=acme)
            town.home.ok("lock", "--regenerate")  # the twin
            assert town.leaks
            assert trap.tunnels == []

    def test_that_is_the_owner(self, town: Town) -> None:
        """One index for everything, in PyPI's place; the twin may ask PyPI where it is away."""
        settings = (
            f'[repositories.everything]\nurl = "{town.acme.index_url}"\nmirror-of = "pypi"\n'
            'packages = ["acme-*"]\n'
        )
        own = town.home.config / "poetry-repo-plugin.toml"
        own.write_text(settings)
        squat = source("squat", town.squatter.index_url, "supplemental")
        town.home.write_project(dependencies=("acme-lib",), extra=squat)
        for words in (("lock",), ("lock",), ("install", "--dry-run")):
            town.home.ok(*words)
        assert town.locked == {"acme-lib": ("1.0", "")}
        assert not town.leaks
        assert "owned-elsewhere" not in town.home.run("repo", "doctor", "--json").out
        own.write_text(f"{settings}fallback = true\n")
        assert "[owned-elsewhere]" in town.home.fails("lock").text
        assert not town.leaks


class TestStops:
    """Before anything is asked of anybody, or before the one question that would be wrong."""

    def stopped(self, town: Town, *words: str, says: str, hint: str | None = None) -> None:
        """``poetry WORDS`` fails so, and no server hears of it."""
        town.acme.clear()
        town.squatter.clear()
        before = (town.home.project / "poetry.lock").read_bytes()
        done = town.home.fails(*words)
        assert says in " ".join(done.text.split()), done.text
        assert "[owned-elsewhere]" in done.text
        assert (f"Try: {hint}" in done.text) if hint else ("Try:" not in done.text)
        assert (town.acme.requests, town.squatter.requests) == ([], [])
        assert (town.home.project / "poetry.lock").read_bytes() == before

    @pytest.mark.parametrize(
        "command", ["install", "sync", "lock", "remove public", "update public"]
    )
    def test_a_lock_file_from_before_the_patterns(self, town: Town, command: str) -> None:
        town.project("acme-lib", "public", owned="")
        town.home.ok("lock")
        town.own("ACME_*")
        says = 'acme-lib belongs to it ("ACME_*" in poetry-repo-plugin.toml), but poetry.lock has it from squat'
        self.stopped(town, *command.split(), says=says, hint="poetry update --lock acme-lib")

    def test_the_hint_mends_it(self, town: Town) -> None:
        town.project("public", "acme-lib", owned="")
        town.home.ok("lock")
        town.own("acme-*", "internal.tool")
        town.squatter.clear()
        town.home.ok("update", "--lock", "acme-lib", "internal-tool")
        assert town.locked["acme-lib"] == ("1.0", "acme")
        assert town.locked["internal-tool"] == ("1.0", "acme")
        assert not town.leaks
        town.home.ok("lock")

    def test_lock_regenerate_needs_no_lock_file(self, town: Town) -> None:
        town.project("acme-lib", owned="")
        town.home.ok("lock")
        town.own("acme-*")
        town.squatter.clear()
        town.home.ok("lock", "--regenerate")
        assert town.locked == {"acme-lib": ("1.0", "acme")}
        assert not town.leaks

    def test_a_dependency_with_another_source(self, town: Town) -> None:
        town.project(
            owned=OWNED,
            extra='[tool.poetry.dependencies]\nacme-lib = {version="*", source="squat"}\n',
        )
        done = town.home.fails("lock")
        assert "acme-lib belongs to it" in done.text
        assert "required from squat" in " ".join(done.text.split())
        assert (town.acme.requests, town.squatter.requests) == ([], [])

    def test_two_owners(self, town: Town) -> None:
        """Only of the name that both claim; the error names both and where they do."""
        other = '[tool.poetry-repo-plugin.squat]\npackages = ["*-lib"]\n'
        town.project("acme-lib", owned=OWNED + other)
        done = town.home.fails("lock")
        text = " ".join(done.text.split())
        assert 'acme ("acme-*" in pyproject.toml) and to squat ("*-lib" in pyproject.toml)' in text
        assert (town.acme.requests, town.squatter.requests) == ([], [])
        town.project("internal-tool", owned=OWNED + other)
        town.home.ok("lock")

    def test_an_owner_that_is_no_source(self, town: Town) -> None:
        """The user's owner, in a project that does not know it; the hint, typed, is the way."""
        town.own("acme-*", url=town.acme.index_url)
        town.home.write_project(
            dependencies=("acme-lib",), extra=source("squat", town.squatter.index_url)
        )
        done = town.home.fails("lock")
        assert "not a source of this project" in " ".join(done.text.split())
        assert "Try: poetry repo add acme" in done.text
        assert not town.leaks
        town.home.ok("repo", "add", "acme")
        town.home.ok("lock")
        assert town.locked == {"acme-lib": ("1.0", "acme")}
        assert not town.leaks

    def test_twin_a_path_of_the_project(self, town: Town) -> None:
        """What lies beside it is looked up nowhere."""
        town.project(
            "internal-tool", extra='[tool.poetry.dependencies]\nacme-here = {path="here"}\n'
        )
        here = town.home.project / "here"
        here.mkdir()
        (here / "pyproject.toml").write_text('[project]\nname = "acme-here"\nversion = "1.0"\n')
        town.home.ok("lock")
        town.home.ok("lock")
        assert not town.leaks

    def test_a_pattern_that_is_none_is_told(self, town: Town) -> None:
        town.project("internal-tool", owned=OWNED.replace('"acme-*"', '"acme-[a-z]"'))
        done = town.home.ok("lock")
        text = " ".join(done.text.split())
        assert 'the pattern "acme-[a-z]" of acme is ignored: no package name can match it' in text
        assert text.count("is ignored") == 1
