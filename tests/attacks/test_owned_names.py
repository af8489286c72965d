"""Somebody wants to see, or to deliver, the packages whose names belong to the company."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import packages
from tests.integration.world import poetry_version, source
from tests.poetry_process import PoetryHome
from tests.servers import IndexServer, ProxyServer
from tests.warm import WarmHome

USER, PASSWORD = "alice", "an-0rdinary-one"


@pytest.fixture
def home(warm_home: WarmHome) -> PoetryHome:
    warm_home.environ["POETRY_VIRTUALENVS_CREATE"] = "false"
    return warm_home


@pytest.fixture
def acme() -> Iterator[IndexServer]:
    with IndexServer(credentials={USER: PASSWORD}) as server:
        server.add_all((packages.wheel("acme-lib", "1.0"), packages.wheel("acme-plugin", "1.0")))
        yield server


@pytest.fixture
def evil() -> Iterator[IndexServer]:
    with IndexServer() as server:
        server.add_all(
            (
                packages.wheel("acme-lib", "9.0"),
                packages.wheel("acme-plugin", "9.0"),
                packages.wheel("requests", "9.0"),
                packages.wheel("poetry", ".".join(map(str, poetry_version()))),
            )
        )
        yield server


@pytest.fixture(autouse=True)
def _user(home: PoetryHome, acme: IndexServer) -> None:
    """She has said whose the names are, where that is, and has logged in."""
    (home.config / "poetry-repo-plugin.toml").write_text(
        f'[repositories.acme]\nurl = "{acme.index_url}"\npackages = ["acme-*"]\n'
        f'credential-origins = ["{acme.index_url}"]\n'
    )
    (home.config / "auth.toml").write_text(
        f'[http-basic.acme]\nusername = "{USER}"\npassword = "{PASSWORD}"\n'
    )
    (home.config / "auth.toml").chmod(0o600)
    (home.config / "poetry-repo-plugin.toml").chmod(0o600)


def names_at(server: IndexServer) -> list[str]:
    return [one.target for one in server.requests if "acme" in one.target.lower()]


def secrets_at(server: IndexServer) -> list[object]:
    return [one.authorization for one in server.requests if one.authorization is not None]


def refused(home: PoetryHome, *words: str, says: str) -> None:
    done = home.fails(*words)
    assert "[owned-elsewhere]" in done.text
    assert says in " ".join(done.text.split()), done.text
    assert PASSWORD not in done.text


@pytest.mark.parametrize("spelling", ["acme", "ACME"])
def test_a_project_that_calls_another_index_so(
    home: PoetryHome, acme: IndexServer, evil: IndexServer, spelling: str
) -> None:
    """The names belong to her repository, and not to its name."""
    home.write_project(dependencies=("acme-lib",), extra=source(spelling, evil.index_url))
    refused(home, "lock", says=f"and this project uses that name for {evil.index_url.rstrip('/')}")
    assert (names_at(evil), secrets_at(evil)) == ([], [])
    home.write_project(dependencies=("acme-lib",), extra=source(spelling, acme.index_url))
    home.ok("lock")  # the twin
    text = (home.project / "pyproject.toml").read_text()
    (home.project / "pyproject.toml").write_text(text.replace(acme.index_url, evil.index_url))
    refused(home, "lock", says="and this project uses that name for")
    assert names_at(evil) == []
    assert home.lock()["package"][0]["version"] == "1.0"


@pytest.mark.parametrize("table", ["", '[tool.poetry-repo-plugin.team]\npackages = ["acme-*"]\n'])
def test_twin_a_project_that_calls_hers_otherwise(
    home: PoetryHome, acme: IndexServer, evil: IndexServer, table: str
) -> None:
    """It is the same index, and its own patterns are no other claim."""
    (home.config / "auth.toml").write_text(
        f'[http-basic.team]\nusername = "{USER}"\npassword = "{PASSWORD}"\n'
    )
    sources = source("evil", evil.index_url) + source("team", acme.index_url, "explicit")
    home.write_project(dependencies=("acme-lib",), extra=sources + table)
    for words in (("lock",), ("lock",), ("install", "--dry-run")):
        home.ok(*words)
    assert home.lock()["package"][0]["source"]["reference"] == "team"
    assert names_at(evil) == []
    assert "owned-elsewhere" not in home.run("repo", "doctor", "--json").out


@pytest.mark.parametrize("pattern", ["acme-*", "*", "acme?lib", "ACME__lib"])
def test_a_project_that_gives_the_names_to_another(
    home: PoetryHome, acme: IndexServer, evil: IndexServer, pattern: str
) -> None:
    """Nobody gets them then; and who owns everything still gets nothing that is not his."""
    sources = source("evil", evil.index_url) + source("acme", acme.index_url, "explicit")
    table = f'[tool.poetry-repo-plugin.evil]\npackages = ["{pattern}"]\n'
    home.write_project(dependencies=("acme-lib",), extra=sources + table)
    refused(home, "lock", says=f'and to evil ("{pattern}" in pyproject.toml)')
    assert (evil.requests, acme.requests) == ([], [])
    home.write_project(dependencies=("requests",), extra=sources + table)
    home.ok("lock")
    assert secrets_at(evil) == []


def test_a_lock_file_edited_by_hand(home: PoetryHome, acme: IndexServer, evil: IndexServer) -> None:
    """From another index, or from a URL: ``install`` stops, and nobody was asked anything."""
    sources = source("evil", evil.index_url) + source("acme", acme.index_url, "explicit")
    home.write_project(dependencies=("acme-lib", "requests"), extra=sources)
    home.ok("lock")
    text = (home.project / "poetry.lock").read_text()
    theirs = f'type = "legacy"\nurl = "{acme.index_url.rstrip("/")}"\nreference = "acme"\n'
    assert theirs in text
    for edited in (
        text.replace('reference = "acme"', 'reference = "evil"'),
        text.replace(theirs, f'type = "url"\nurl = "{evil.origin}/acme_lib-9.0.whl"\n'),
        text.replace(f"[package.source]\n{theirs}", "").replace("acme-lib", "ACME.lib"),
    ):
        (home.project / "poetry.lock").write_text(edited)
        for server in (acme, evil):
            server.clear()
        refused(home, "install", says="acme-lib belongs to it")
        assert (evil.requests, acme.requests) == ([], [])


def test_a_package_that_requires_it_from_a_url(
    home: PoetryHome, acme: IndexServer, evil: IndexServer
) -> None:
    """A stranger's package cannot say where an owned name comes from; the project itself can."""
    wheel = f"{evil.origin}/files/{packages.wheel('acme-lib', '9.0')[0]}"
    evil.add(*packages.wheel("lure", "1.0", [f"acme-lib @ {wheel}"]))
    sources = source("evil", evil.index_url) + source("acme", acme.index_url, "explicit")
    home.write_project(dependencies=("lure",), extra=sources)
    refused(home, "lock", says=f"required from {evil.origin}")
    assert names_at(evil) == []
    home.write_project(dependencies=("lure", f"acme-lib @ {wheel}"), extra=sources)
    home.ok("lock")
    home.ok("lock")
    assert names_at(evil)


def test_poetrys_own_environment(home: PoetryHome, acme: IndexServer, evil: IndexServer) -> None:
    """``poetry self add`` obeys the user's patterns; without the owner among its sources, it stops."""
    own = home.config / "pyproject.toml"
    own.write_text(source("evil", evil.index_url))
    refused(home, "self", "add", "--dry-run", "acme-plugin", says="Poetry's own environment")
    assert names_at(evil) == []
    own.unlink()
    own.write_text(source("evil", evil.index_url) + source("acme", acme.index_url, "explicit"))
    done = home.ok("self", "add", "--dry-run", "acme-plugin")
    assert "acme-plugin (1.0)" in done.text
    assert (names_at(evil), secrets_at(evil)) == ([], [])


def test_an_index_that_lists_them_to_a_search(
    home: PoetryHome, acme: IndexServer, evil: IndexServer
) -> None:
    """Its own list is read; the pages of owned names are not, and none of them is shown."""
    sources = source("evil", evil.index_url) + source("acme", acme.index_url)
    home.write_project(extra=sources)
    done = home.ok("search", "acme-lib")
    assert "1.0" in done.out
    assert "9.0" not in done.out
    assert names_at(evil) == []


def test_the_search_of_pypi(home: PoetryHome) -> None:
    """Its words go to the server, so owned names are left out of them; the twin asks."""
    home.write_project()
    with ProxyServer(hosts={"pypi.org": ("127.0.0.1", 9)}) as proxy:
        home.environ["HTTPS_PROXY"] = proxy.origin
        assert "No matching packages" in home.ok("search", "Acme.lib", "acme-x>=2").out
        for quoted in (" acme-lib", "lib acme-lib", "'acme-lib'"):
            assert "No matching packages" in home.ok("search", quoted).out
        assert proxy.tunnels == []
        home.run("search", "acm", timeout=20)
        assert proxy.tunnels


SHIM = """\
#!{python}
import sys
from poetry.console.application import main
from poetry.utils.authenticator import Authenticator
del Authenticator.get_pypi_token
sys.exit(main())
"""


@pytest.fixture
def changed(home: PoetryHome, tmp_path: Path) -> PoetryHome:
    """With a Poetry that lacks something that we build on, although `lock` does without."""
    shim = tmp_path / "changed-poetry"
    shim.write_text(SHIM.format(python=home.executable.with_name("python")))
    shim.chmod(0o755)
    return PoetryHome(home.root, shim, home.environ, home.keyring)


def test_a_poetry_that_we_do_not_fit(changed: PoetryHome, evil: IndexServer) -> None:
    """It asks everybody for every name, so it does not begin."""
    changed.write_project(dependencies=("acme-lib",), extra=source("evil", evil.index_url))
    done = changed.fails("lock")
    assert "lacks Authenticator.get_pypi_token" in done.text
    assert "cannot be held to that" in done.text
    assert evil.requests == []


def test_twin_where_no_name_is_anybodys(changed: PoetryHome, evil: IndexServer) -> None:
    (changed.config / "poetry-repo-plugin.toml").unlink()
    changed.write_project(dependencies=("requests",), extra=source("evil", evil.index_url))
    assert "work as in plain Poetry" in changed.ok("lock").text
    assert evil.requests
