"""What a repository says to a credential, and what is at the root of an index."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from poetry_repo_plugin.config.repositories import Repository
from poetry_repo_plugin.core.errors import Cause, Failure
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.credentials.base import Credential
from poetry_repo_plugin.http.asking import index_page
from poetry_repo_plugin.http.checks import Verdict, check_index, check_login, look_at_index
from poetry_repo_plugin.http.responses import Answer
from tests.http.world import World
from tests.servers import IndexServer, Response

USER, PASSWORD = "alice", "pw-{x}-wörd"
GOOD = Credential(Secret(PASSWORD), USER, "option", "the command line")
BAD = Credential(Secret("no"), USER, "option", "the command line")


@pytest.fixture
def index() -> Iterator[IndexServer]:
    with IndexServer(credentials={USER: PASSWORD}) as server:
        yield server


def known(world: World, index: IndexServer) -> Repository:
    """The index as a source of the project."""
    world.sources(acme=index.index_url)
    return world.access().catalogue.get("acme")


class TestLogin:
    def test_accepted(self, world: World, index: IndexServer) -> None:
        repository = known(world, index)
        verdict = check_login(world.access(), repository, index.index_url, GOOD)
        assert verdict is Verdict.ACCEPTED

    def test_twin_refused(self, world: World, index: IndexServer) -> None:
        repository = known(world, index)
        with pytest.raises(Failure) as caught:
            check_login(world.access(), repository, index.index_url, BAD)
        assert (caught.value.cause, caught.value.status) == (Cause.CREDENTIAL_REJECTED, 401)

    def test_an_open_index_tells_nothing(self, world: World, index: IndexServer) -> None:
        index.credentials = {}
        index.index.read_auth = False
        repository = known(world, index)
        verdict = check_login(world.access(), repository, index.index_url, BAD)
        assert verdict is Verdict.OPEN


class TestIndex:
    def test_a_stranger_is_asked_for_a_credential(self, world: World, index: IndexServer) -> None:
        repository = known(world, index)
        with pytest.raises(Failure) as caught:
            check_index(world.access(), repository, index.index_url, anonymous=True)
        assert caught.value.cause is Cause.CREDENTIAL_MISSING
        assert [request.headers.get("Authorization") for request in index.requests] == [None]

    def test_where_the_index_is_instead(self, world: World, index: IndexServer) -> None:
        repository = known(world, index)
        root = index.index_url.removesuffix("simple/")
        found = look_at_index(world.access(), repository, root, given=GOOD)
        assert (found.cause, found.index_url) == (Cause.NOT_AN_INDEX, index.index_url)

    def test_a_page_to_log_in_is_no_index(self, world: World, index: IndexServer) -> None:
        page = Response.html("<title>Log in</title><form><input type=password></form>")
        index.respond = lambda request: page
        found = look_at_index(world.access(), known(world, index), index.index_url, given=GOOD)
        assert (found.answer, found.cause) == (Answer.LOGIN_PAGE, Cause.NOT_AN_INDEX)

    @pytest.mark.parametrize(
        ("url", "page"),
        [("https://a.example/simple", "/simple/"), ("https://a.example/all.html", "/all.html")],
    )
    def test_the_page_that_poetry_asks_for(self, url: str, page: str) -> None:
        assert index_page(url) == f"https://a.example{page}"
