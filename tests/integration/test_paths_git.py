"""Path 8: https git dependencies. The credential goes to exactly the repository that it was
configured for.
"""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import packages
from tests.certs import CertificateFactory, server_context
from tests.integration.world import (
    MISSING,
    NAME,
    PASSWORD,
    USER,
    World,
    assert_authorized,
    assert_fails_with,
    assert_no_secret,
    installed,
    source,
)
from tests.servers import GitServer, IndexServer
from tests.servers.faults import forbidden, redirect_all

pytestmark = [
    pytest.mark.paths,
    pytest.mark.skipif(shutil.which("git") is None, reason="the server is git's own"),
]


@pytest.fixture(scope="module")
def module_git(certs: CertificateFactory) -> Iterator[GitServer]:
    with GitServer(
        tls=server_context(certs.server(), certs.ca), credentials={USER: PASSWORD}
    ) as server:
        yield server


@pytest.fixture
def git(module_git: GitServer, world: World) -> Iterator[GitServer]:
    """The git server, and a home whose repository ``foo`` is its ``/repo.git``."""
    module_git.clear()
    world.publish_to(module_git.clone_url)
    yield module_git
    module_git.respond = None


@pytest.fixture
def open_git() -> Iterator[GitServer]:
    """A git server without TLS and without a password, so that whatever comes is served and
    seen.
    """
    with GitServer() as server:
        yield server


OTHERS = ("{origin}/other.git", "{origin}/", "{origin}/repo.git/below", "http://localhost/repo.git")


def depend_on(world: World, url: str, extra: str = "") -> None:
    world.home.write_project(dependencies=(f"from-git @ git+{url}",), extra=extra)


def backend_for(distribution: packages.Distribution) -> packages.Distribution:
    """A wheel called poetry-core whose backend always builds ``distribution``."""
    name, content = distribution
    code = (
        f"import base64, pathlib\nWHEEL = base64.b64decode({base64.b64encode(content)!r})\n\n"
        "def build_wheel(directory, config_settings=None, metadata_directory=None):\n"
        f"    pathlib.Path(directory, {name!r}).write_bytes(WHEEL)\n    return {name!r}\n"
    )
    return packages.wheel("poetry-core", "2.9", files={"poetry/core/masonry/api.py": code})


def test_lock_and_install(world: World, git: GitServer, venv: Path) -> None:
    with IndexServer() as index:
        index.add(*backend_for(packages.wheel("from-git", "1.0")))
        depend_on(world, git.clone_url, source("bar", index.index_url))
        done = world.home.ok("lock", "-vvv")
        assert_no_secret(done)
        locked = world.home.lock()["package"][0]["source"]
        assert (locked["url"], locked["resolved_reference"]) == (git.clone_url, git.commit)
        assert_authorized(git.requests)
        for folder in (
            world.home.root / "cache",
            venv.parents[2] / "src",
        ):  # where Poetry keeps clones
            shutil.rmtree(folder, ignore_errors=True)
        git.clear()
        world.home.ok("install", "--no-root")
        assert installed(venv) == ["from_git-1.0"]
        assert {"/repo.git/info/refs", "/repo.git/git-upload-pack"} == set(git.paths())
        assert_authorized(git.requests)
        assert index.authorizations() == []


@pytest.mark.parametrize("missing", MISSING)
def test_twin(world: World, git: GitServer, missing: str) -> None:
    world.break_off(missing)
    depend_on(world, git.clone_url)
    assert_fails_with(world.home.run("lock"), missing)


def test_a_refused_password(world: World, git: GitServer) -> None:
    world.log_in(password="wrong")
    depend_on(world, git.clone_url)
    done = world.home.fails("lock")
    assert "[credential-rejected]" in done.text
    assert f"poetry repo login {NAME}" in done.text


def test_no_rights(world: World, git: GitServer) -> None:
    git.respond = lambda request: forbidden()
    depend_on(world, git.clone_url)
    done = world.home.fails("lock")
    assert "[credential-rejected]" in done.text
    assert "(403)" in done.text


@pytest.mark.parametrize("url", OTHERS)
def test_another_path_or_host_receives_nothing(world: World, open_git: GitServer, url: str) -> None:
    world.publish_to(url.format(origin=open_git.origin))
    depend_on(world, open_git.clone_url)
    world.home.ok("lock")
    assert open_git.requests
    assert open_git.authorizations() == []


def test_the_index_of_the_same_host_gives_nothing_to_git(world: World, open_git: GitServer) -> None:
    """Credentials of an index are for that index, though a git repository shares its host."""
    index = source(NAME, f"{open_git.origin}/simple/", "explicit")
    depend_on(world, open_git.clone_url, index)
    world.settle("config.toml", "repositories", value={})
    world.home.ok("lock")
    assert open_git.requests
    assert open_git.authorizations() == []


def test_http_receives_nothing_where_it_was_https(world: World, open_git: GitServer) -> None:
    world.publish_to(open_git.clone_url.replace("http:", "https:"))
    depend_on(world, open_git.clone_url)
    world.home.ok("lock")
    assert open_git.authorizations() == []


@pytest.mark.parametrize("suffix", ["", ".git"], ids=["without .git", "with .git"])
def test_the_same_repository_in_either_spelling(
    world: World, open_git: GitServer, suffix: str
) -> None:
    open_git.credentials = {USER: PASSWORD}
    world.publish_to(f"{open_git.origin}/repo{suffix}")
    depend_on(world, open_git.clone_url)
    world.home.ok("lock")
    assert_authorized(open_git.requests, peer=None)


@pytest.mark.parametrize("tls", [True, False], ids=["https", "http"])
def test_nothing_follows_a_redirect_to_another_origin(
    world: World, git: GitServer, tls: bool
) -> None:
    """Neither the password nor the client certificate."""
    context = server_context(world.certs.server(), world.certs.ca, require=False) if tls else None
    with GitServer(tls=context) as target:
        git.respond = redirect_all(target.origin)
        depend_on(world, git.clone_url)
        world.home.run("lock")
    assert_authorized(git.requests[:1])
    assert target.requests
    assert target.authorizations() == []
    assert {request.peer for request in target.requests} == {None}
    assert not target.saw_secret(PASSWORD)


def test_userinfo_of_the_url_wins(world: World, open_git: GitServer) -> None:
    open_git.credentials = {"bob": "b0b"}
    world.publish_to(open_git.clone_url)
    depend_on(world, open_git.with_userinfo(open_git.clone_url, "bob:b0b"))
    world.home.ok("lock")
    served = [request for request in open_git.requests if request.status == 200]
    assert_authorized(served, username="bob", password="b0b", peer=None)
    assert not open_git.saw_secret(PASSWORD)
