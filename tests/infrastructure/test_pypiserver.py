"""pypiserver with an htpasswd file, as small companies run it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.world import assert_no_secret, installed, source
from tests.servers import PypiServer
from tests.warm import WarmHome

# Its copy of bottle leaves a file open that it answered a Range request from.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*pypiserver-:pytest.PytestUnraisableExceptionWarning"
)

NAME = "acme"
USER = "alice"
PASSWORD = "Pa55-{cache-dir}-wörd"
WRONG = "not-the-password"


@pytest.fixture(scope="module")
def module_server() -> Iterator[PypiServer]:
    with PypiServer(credentials={USER: PASSWORD}) as server:
        yield server


@pytest.fixture
def server(module_server: PypiServer) -> PypiServer:
    module_server.clear()
    for file in module_server.packages.iterdir():
        file.unlink()
    return module_server


def log_in(home: WarmHome, server: PypiServer) -> None:
    home.ok("repo", "add", NAME, server.index_url, "--publish-url", server.upload_url)
    home.ok("repo", "login", NAME, "--username", USER, "--password-stdin", stdin=f"{PASSWORD}\n")


def test_login_publish_lock_install(server: PypiServer, home: WarmHome, venv: Path) -> None:
    home.write_project("lib")
    log_in(home, server)
    done = home.ok("publish", "--build", "-r", NAME)
    assert_no_secret(done, PASSWORD)
    assert sorted(path.name for path in server.packages.iterdir()) == [
        "lib-0.1.0-py3-none-any.whl",
        "lib-0.1.0.tar.gz",
    ]
    home.write_project("app", dependencies=("lib",), extra=source(NAME, server.index_url))
    home.ok("lock")
    home.ok("install", "--no-root")
    assert "lib-0.1.0" in installed(venv)
    assert home.ok("repo", "doctor", NAME).code == 0


def test_twin_wrong_password_at_login(server: PypiServer, home: WarmHome) -> None:
    """pypiserver says 403 and not 401 to a wrong password; it is one all the same."""
    home.ok("repo", "add", NAME, server.index_url)
    done = home.fails(
        "repo", "login", NAME, "--username", USER, "--password-stdin", stdin=f"{WRONG}\n"
    )
    assert "[credential-rejected]" in done.text
    assert home.toml("auth.toml") == {}


@pytest.mark.parametrize(
    "words", [("lock",), ("publish", "--build", "-r", NAME)], ids=["lock", "publish"]
)
@pytest.mark.parametrize("password", [None, WRONG], ids=["missing", "wrong"])
def test_twin(
    server: PypiServer, home: WarmHome, words: tuple[str, ...], password: str | None
) -> None:
    home.write_project("app", dependencies=("lib",), extra=source(NAME, server.index_url))
    home.ok("repo", "add", NAME, server.index_url, "--publish-url", server.upload_url)
    if password is not None:
        home.ok("config", f"http-basic.{NAME}", USER, password)
    done = home.fails(*words)
    assert (
        done.text.count("[credential-missing]" if password is None else "[credential-rejected]")
        == 1
    ), done.text
    assert f"poetry repo login {NAME}" in done.text
    assert_no_secret(done, WRONG)
    assert not (home.project / "poetry.lock").exists()
    assert not list(server.packages.iterdir())
