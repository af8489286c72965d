"""Where ``poetry publish`` goes, and what is said where that is not known."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import packages
from tests.servers import IndexServer
from tests.servers.faults import redirect
from tests.warm import WarmHome


@pytest.fixture
def index() -> Iterator[IndexServer]:
    """An index that takes uploads from everybody."""
    with IndexServer() as server:
        yield server


@pytest.fixture
def project(home: WarmHome) -> WarmHome:
    """A project with one wheel ready in ``dist``."""
    home.write_project()
    folder = home.project / "dist"
    folder.mkdir()
    name, content = packages.wheel("app", "0.1.0")
    (folder / name).write_bytes(content)
    return home


def fails(home: WarmHome, *words: str) -> list[str]:
    """The lines of a failing ``poetry publish``."""
    return home.fails("publish", *words).err.split("\n")


class TestAPublishOnlyRepository:
    """No hint makes it a source to install from."""

    def test_its_hint_keeps_it_one(self, project: WarmHome, index: IndexServer) -> None:
        project.ok("repo", "add", "bar", f"{index.origin}/nothing/", "--publish-only")
        lines = fails(project, "-r", "bar")
        assert "does not accept uploads (404). [not-an-upload-url]" in " ".join(lines)
        assert "Try: poetry repo add bar URL --publish-only" in lines

    def test_the_url_that_a_redirect_told(self, project: WarmHome, index: IndexServer) -> None:
        index.respond = lambda request: redirect("/upload/", 308) if request.path == "/up" else None
        project.ok("repo", "add", "bar", f"{index.origin}/up", "--publish-only")
        hint = f"poetry repo add bar {index.upload_url} --publish-only"
        assert f"Try: {hint}" in fails(project, "-r", "bar")
        project.ok(*hint.split()[1:])
        project.ok("publish", "-r", "bar")
        assert len(index.uploads) == 1

    def test_twin_not_the_url_of_another_host(self, project: WarmHome, index: IndexServer) -> None:
        index.respond = lambda request: redirect("https://evil.example.org/upload/", 308)
        project.ok("repo", "add", "bar", f"{index.origin}/up", "--publish-only")
        assert "Try: poetry repo add bar URL --publish-only" in fails(project, "-r", "bar")

    def test_twin_one_with_an_index_keeps_it(self, project: WarmHome, index: IndexServer) -> None:
        project.ok("repo", "add", "bar", index.index_url, "--publish-url", f"{index.origin}/no/")
        hint = f"Try: poetry repo add bar {index.index_url} --publish-url URL"
        assert hint in fails(project, "-r", "bar")


class TestANameIsWanted:
    def test_a_url_that_nobody_knows(self, project: WarmHome) -> None:
        lines = fails(project, "-r", "https://me:secret@up.example.org/legacy/")
        assert "No repository is called 'https://up.example.org/legacy/'." in lines
        assert "Try: poetry repo add NAME https://up.example.org/legacy/ --publish-only" in lines
        assert "secret" not in " ".join(lines)

    def test_the_url_of_one_that_is_known(self, project: WarmHome, index: IndexServer) -> None:
        project.ok("repo", "add", "bar", index.upload_url, "--publish-only")
        lines = fails(project, "-r", index.upload_url)
        assert "Try: poetry publish -r bar" in lines

    def test_only_a_login_is_known(self, project: WarmHome) -> None:
        project.ok("config", "http-basic.bar", "alice", "secret")
        lines = fails(project, "-r", "bar")
        assert "Repository bar: no URL is known for it, only a name. [not-an-upload-url]" in lines
        assert "Try: poetry repo add bar URL --publish-only" in lines


class TestAPublishUrlThatLooksLikeAnIndex:
    """pulp and pypicloud take uploads at ``…/simple/``."""

    def test_is_believed(self, project: WarmHome) -> None:
        with IndexServer(upload_path="/simple/") as index:
            project.ok("config", "repositories.bar", index.upload_url)
            project.ok("publish", "-r", "bar")
            assert len(index.uploads) == 1

    def test_twin_an_index_alone_is_none(self, project: WarmHome, index: IndexServer) -> None:
        project.ok("repo", "add", "bar", index.index_url)
        lines = fails(project, "-r", "bar")
        assert f"Try: poetry repo add bar {index.index_url} --publish-url URL" in lines
        assert index.requests == []
