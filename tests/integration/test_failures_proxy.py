"""B6: a proxy that fails is named, with its variable, in every command that opens a connection."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import packages
from tests.integration.told import assert_clean
from tests.integration.world import NAME, PASSWORD, USER, World
from tests.servers.faults import refused_url

pytestmark = pytest.mark.failures

LOGIN = ("repo", "login", NAME, "--username", USER, "--password-stdin")
COMMANDS = {
    "lock": ("lock",),
    "install": ("install", "--no-root"),
    "publish": ("publish", "-r", NAME),
    "login": LOGIN,
    "certs": ("repo", "certs", NAME, "--ca", "CA"),
    "doctor": ("repo", "doctor", NAME),
}


@pytest.fixture
def project(world: World, tmp_path: Path) -> World:
    """A project with an environment, and a wheel to publish."""
    world.project("gamma")
    world.use_venv(tmp_path / "venv")
    (world.home.project / "dist").mkdir()
    name, content = packages.wheel("app", "0.1.0")
    (world.home.project / "dist" / name).write_bytes(content)
    world.home.environ.update(NO_PROXY="", no_proxy="")
    return world


def run(world: World, command: str) -> str:
    words = [str(world.certs.ca_file()) if word == "CA" else word for word in COMMANDS[command]]
    done = world.home.run(*words, stdin=f"{PASSWORD}\n")
    assert done.code == (0 if command == "certs" else 1), done.text  # there it is a warning
    assert world.index.requests == []
    assert_clean(done)
    return " ".join(done.text.split())


@pytest.mark.parametrize("command", COMMANDS)
def test_one_that_nobody_can_use(project: World, command: str) -> None:
    if command == "install":
        project.home.ok("lock")
        project.index.clear()
    project.home.environ["HTTPS_PROXY"] = "proxyhost:3128"
    told = run(project, command)
    assert "no scheme" in told
    assert "proxyhost:3128" in told
    assert "set by HTTPS_PROXY)" in told


@pytest.mark.parametrize("command", ["publish", "login", "certs", "doctor"])
def test_one_that_is_not_there(project: World, command: str) -> None:
    """``lock`` and ``install`` try again, as Poetry does; see ``test_failures_lock``."""
    proxy = refused_url("", "http")
    project.home.environ["HTTPS_PROXY"] = proxy
    told = run(project, command)
    assert "set by HTTPS_PROXY)" in told
    assert proxy.removeprefix("http://") in told


@pytest.mark.parametrize("command", ["lock", "publish", "login", "certs", "doctor"])
def test_twin_without_one(project: World, command: str) -> None:
    words = [str(project.certs.ca_file()) if word == "CA" else word for word in COMMANDS[command]]
    project.home.ok(*words, stdin=f"{PASSWORD}\n")
    assert project.index.requests
