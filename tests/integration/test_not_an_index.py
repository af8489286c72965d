"""Pages that are no index, and empty ones that are: what a look-up, a login and an upload make of
them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import packages
from tests.poetry_process import poetry_under_test
from tests.servers import IndexServer
from tests.servers.messages import RecordedRequest, Response
from tests.warm import WarmHome, Zygote

APP = Response.html("<!DOCTYPE html><title>Nexus Repository Manager</title><div id=app></div>")


@pytest.fixture
def index() -> Iterator[IndexServer]:
    with IndexServer(prefix="/repository/simple/") as index:
        index.add(*packages.wheel("alpha", "1.0"))
        yield index


@pytest.fixture
def home(tmp_path: Path, zygote: Zygote) -> WarmHome:
    home = WarmHome(tmp_path / "home", poetry_under_test(), zygote=zygote)
    home.environ["POETRY_REPO_PLUGIN_TRUSTED_PUBLISHING"] = "never"
    return home


def project(home: WarmHome, *dependencies: str, **sources: str) -> None:
    text = '[project]\nname = "app"\nversion = "0.1.0"\nrequires-python = ">=3.10"\n'
    text += f"dependencies = [{', '.join(map(repr, dependencies))}]\n"
    for name, url in sources.items():
        text += f'[[tool.poetry.source]]\nname = "{name}"\nurl = "{url}"\n'
    home.project.mkdir(parents=True, exist_ok=True)
    (home.project / "pyproject.toml").write_text(text)


def app_around(index: IndexServer) -> None:
    """A server's user interface at every path that is not below its index."""

    def respond(request: RecordedRequest) -> Response | None:
        return None if request.path.startswith(index.index.prefix) else APP

    index.respond = respond


class TestLock:
    def test_the_url_of_the_index_is_told(self, home: WarmHome, index: IndexServer) -> None:
        app_around(index)
        url = f"{index.origin}/repository/"
        project(home, "alpha", acme=url)
        done = home.fails("lock")
        assert f"there is no index at {url}, but there is one at {index.index_url}" in done.err
        assert "[not-an-index]" in done.err
        hint = f"poetry repo add acme {index.index_url}"
        assert f"Try: {hint}" in done.err
        home.ok(*hint.split()[1:])
        index.respond = None
        home.ok("lock")

    def test_a_page_that_lists_nothing_is_mentioned(
        self, home: WarmHome, index: IndexServer
    ) -> None:
        index.respond = lambda request: APP
        project(home, "alpha", acme=index.index_url)
        done = home.fails("lock")
        assert "lists no packages. Is it the URL of an index?" in done.err
        assert "[not-an-index]" not in done.err

    @pytest.mark.parametrize(
        "empty",
        [
            Response(200),
            Response(204),
            Response.html(""),
            Response.html("<title>alpha-sso</title><h1>alpha-sso</h1>"),
        ],
        ids=["200", "204", "html", "called-sso"],
    )
    def test_twin_an_index_that_answers_so_for_what_it_lacks(
        self, home: WarmHome, index: IndexServer, empty: Response
    ) -> None:
        """Poetry goes on to the next source."""
        with IndexServer() as other:
            other.respond = lambda request: empty
            project(home, "alpha", other=other.index_url, acme=index.index_url)
            home.ok("lock")
        assert 'name = "alpha"' in (home.project / "poetry.lock").read_text()


class TestPublish:
    @pytest.fixture(autouse=True)
    def _files(self, home: WarmHome, index: IndexServer) -> None:
        project(home)
        (home.project / "dist").mkdir()
        for name, content in (packages.wheel("app", "0.1.0"), packages.sdist("app", "0.1.0")):
            assert isinstance(content, bytes)
            (home.project / "dist" / name).write_bytes(content)
        home.ok("repo", "add", "acme", index.index_url, "--publish-url", index.upload_url)
        home.ok("config", "http-basic.acme", "alice", "s3cret")

    def test_a_server_that_thanks_with_a_page(self, home: WarmHome, index: IndexServer) -> None:
        """Poetry takes any 2xx for a success."""
        thanks = Response.html("<title>Thank you</title><p>Your upload has arrived.</p>")
        index.respond = lambda request: thanks if request.method == "POST" else None
        done = home.ok("publish", "-r", "acme")
        assert [request.method for request in index.requests].count("POST") == 2
        said = f"{index.upload_url} returned the page “Thank you”; check there whether the file"
        assert done.err.count(said) == 1

    def test_twin_a_page_to_log_in(self, home: WarmHome, index: IndexServer) -> None:
        login = Response.html("<title>Log in</title><form><input type=password></form>")
        index.respond = lambda request: login if request.method == "POST" else None
        done = home.fails("publish", "-r", "acme")
        assert "returned a login page; nothing was uploaded" in done.err

    def test_a_new_index_takes_an_upload(self, home: WarmHome, index: IndexServer) -> None:
        index.index.packages.clear()
        home.ok("publish", "-r", "acme")
        assert len(index.uploads) == 2
