"""``poetry publish`` without a credential: on a terminal it asks, without one it stops before
anything is sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import packages
from tests.integration.outside_world import (
    Helper,
    anonymous,
    secrets_seen,
    set_helper,
    settle,
    with_keyring,
)
from tests.poetry_process import poetry_under_test
from tests.servers import IndexServer, Server
from tests.servers.faults import redirect
from tests.servers.messages import RecordedRequest, Response
from tests.warm import Terminal, WarmHome, Zygote

USER, PASSWORD = "alice", "typed-pässword"
TOKEN = "typed-t0ken"
HINT = "poetry repo login foo"


@pytest.fixture
def index() -> Iterator[IndexServer]:
    with IndexServer(upload_credentials={USER: PASSWORD, "__token__": TOKEN}) as index:
        yield index


@pytest.fixture
def home(tmp_path: Path, zygote: Zygote, index: IndexServer) -> WarmHome:
    """A home that knows where to upload, and a project with two files."""
    home = WarmHome(tmp_path / "home", poetry_under_test(), zygote=zygote)
    (home.config / "config.toml").write_text(f'[repositories.foo]\nurl = "{index.upload_url}"\n')
    home.write_project()
    (home.project / "dist").mkdir()
    for name, content in (packages.wheel("app", "0.1.0"), packages.sdist("app", "0.1.0")):
        assert isinstance(content, bytes)
        (home.project / "dist" / name).write_bytes(content)
    home.environ["POETRY_REPO_PLUGIN_TRUSTED_PUBLISHING"] = "never"
    return home


def files_received(index: IndexServer) -> list[int]:
    """The sizes of the bodies that carried a file."""
    return [len(request.body) for request in index.requests if b'name="content"' in request.body]


def answer(screen: Terminal, username: str, secret: str) -> None:
    screen.expect("requires a credential")
    screen.expect("User name (empty for a token): ")
    screen.type(username)
    screen.expect(f"Password of {username}: " if username else "Token: ")
    screen.type(secret)


class TestOnATerminal:
    def test_it_asks_verifies_uploads_and_offers_to_keep(
        self, home: WarmHome, index: IndexServer
    ) -> None:
        with_keyring(home)
        with home.terminal("publish", "-r", "foo") as screen:
            answer(screen, USER, PASSWORD)
            screen.expect("Save this login for foo? (y/n) [n]: ")
            assert len(index.uploads) == 2, "asked when the upload is done, and once"
            screen.type("y")
            assert screen.end() == 0
        assert [upload.username for upload in index.uploads] == [USER] * 2
        assert PASSWORD not in screen.screen
        assert "Stored in the keyring" in screen.screen
        assert home.files_with(PASSWORD) == []
        assert home.toml("auth.toml") == {"http-basic": {"foo": {"username": USER}}}
        bound = home.toml("poetry-repo-plugin.toml")["repositories"]["foo"]["credential-origins"]
        assert bound == [index.origin]
        # The next one needs no terminal.
        index.index.overwrite = True
        home.ok("publish", "-r", "foo")
        assert [upload.username for upload in index.uploads] == [USER] * 4

    @pytest.mark.parametrize("word", ["n", "", "maybe"])
    def test_twin_what_is_not_kept_is_nowhere(
        self, home: WarmHome, index: IndexServer, word: str
    ) -> None:
        with_keyring(home)
        with home.terminal("publish", "-r", "foo") as screen:
            answer(screen, "", TOKEN)
            screen.expect("Save this login for foo? (y/n) [n]: ")
            screen.type(word)
            assert screen.end() == 0
        assert [upload.username for upload in index.uploads] == ["__token__"] * 2
        assert TOKEN not in screen.screen
        assert home.files_with(TOKEN) == []
        assert [call for call in home.keyring_calls() if call[0] == "set_password"] == []
        assert (home.toml("auth.toml"), home.toml("poetry-repo-plugin.toml")) == ({}, {})

    def test_without_a_keyring_it_is_kept_in_auth_toml_and_said(
        self, home: WarmHome, index: IndexServer
    ) -> None:
        with home.terminal("publish", "-r", "foo") as screen:
            answer(screen, USER, PASSWORD)
            screen.expect("Save this login for foo?")
            screen.type("yes")
            assert screen.end() == 0
        assert "Stored in plain text" in screen.screen
        assert home.files_with(PASSWORD) == [home.config / "auth.toml"]
        assert (home.config / "auth.toml").stat().st_mode & 0o777 == 0o600

    def test_twin_what_is_refused_uploads_nothing_and_keeps_nothing(
        self, home: WarmHome, index: IndexServer
    ) -> None:
        with home.terminal("publish", "-r", "foo") as screen:
            answer(screen, USER, "wr0ng")
            assert screen.end() == 1
        assert "[credential-rejected]" in screen.screen
        assert HINT in screen.screen.replace("\n", "")
        assert "Save this login" not in screen.screen
        assert "wr0ng" not in screen.screen
        assert (files_received(index), index.uploads) == ([], [])
        assert home.files_with("wr0ng") == []

    def test_a_server_that_looks_at_the_file_first(
        self, home: WarmHome, index: IndexServer
    ) -> None:
        """Its answer to an empty upload tells nothing."""
        index.respond = self.look_first
        with home.terminal("publish", "-r", "foo") as screen:
            answer(screen, USER, PASSWORD)
            screen.expect("Save this login for foo? (y/n) [n]: ")
            screen.type("n")
            assert screen.end() == 0
        assert [upload.username for upload in index.uploads] == [USER] * 2
        assert {upload.filename: upload.content for upload in index.uploads} == {
            file.name: file.read_bytes() for file in (home.project / "dist").iterdir()
        }

    def test_twin_a_wrong_one_there(self, home: WarmHome, index: IndexServer) -> None:
        index.respond = self.look_first
        with home.terminal("publish", "-r", "foo") as screen:
            answer(screen, USER, "wr0ng")
            assert screen.end() == 1
        assert "[credential-rejected]" in screen.screen
        assert screen.screen.count("requires a credential") == 1
        assert index.uploads == []

    @staticmethod
    def look_first(request: RecordedRequest) -> Response | None:
        return Response.text(400, "no file") if not request.body else None

    def test_a_user_of_the_command_line_is_asked_for_the_password_only(
        self, home: WarmHome, index: IndexServer
    ) -> None:
        with home.terminal("publish", "-r", "foo", "--username", USER) as screen:
            screen.expect(f"Password of {USER}: ")
            screen.type(PASSWORD)
            screen.expect("Save this login for foo?")
            screen.type("n")
            assert screen.end() == 0
        assert "User name" not in screen.screen
        assert [upload.username for upload in index.uploads] == [USER] * 2

    def test_twin_what_is_stored_for_that_user_is_not_asked_for(
        self, home: WarmHome, index: IndexServer
    ) -> None:
        (home.config / "auth.toml").write_text(
            f'[http-basic.foo]\nusername = "{USER}"\npassword = "{PASSWORD}"\n'
        )
        with home.terminal("publish", "-r", "foo", "--username", USER) as screen:
            assert screen.end() == 0
        assert "Password of" not in screen.screen
        assert "Save this login" not in screen.screen
        assert [upload.username for upload in index.uploads] == [USER] * 2

    def test_the_end_of_the_input_is_no_trace(self, home: WarmHome, index: IndexServer) -> None:
        with home.terminal("publish", "-r", "foo") as screen:
            screen.expect("User name (empty for a token): ")
            screen.type("\x04")
            assert screen.end() == 1
        assert "Traceback" not in screen.screen
        assert index.uploads == []

    def test_non_interactive_does_not_ask(self, home: WarmHome, index: IndexServer) -> None:
        with home.terminal("publish", "-r", "foo", "--no-interaction") as screen:
            assert screen.end() == 1
        assert "User name" not in screen.screen
        assert "[credential-missing]" in screen.screen

    def test_a_dry_run_asks_nothing(self, home: WarmHome, index: IndexServer) -> None:
        with home.terminal("publish", "-r", "foo", "--dry-run") as screen:
            assert screen.end() == 0
        assert "User name" not in screen.screen
        assert index.requests == []


class TestWithoutATerminal:
    def test_a_server_that_looks_at_the_file_first(
        self, home: WarmHome, index: IndexServer
    ) -> None:
        index.respond = TestOnATerminal.look_first
        done = home.fails("publish", "-r", "foo")
        assert "[credential-missing]" in done.text
        assert "requires a credential (401), and none is configured" in done.text
        assert len(files_received(index)) == 1
        assert index.uploads == []

    def test_it_stops_before_a_file_is_sent(self, home: WarmHome, index: IndexServer) -> None:
        done = home.fails("publish", "-r", "foo")
        assert "[credential-missing]" in done.text
        assert HINT in done.text
        assert files_received(index) == []
        assert [(request.method, len(request.body)) for request in index.requests] == [("POST", 0)]
        print(f"\nwithout a credential: {len(index.requests)} empty request, no file sent")

    def test_a_user_without_a_password_stops_as_well(
        self, home: WarmHome, index: IndexServer
    ) -> None:
        done = home.fails("publish", "-r", "foo", "--username", USER)
        assert f"no password of user {USER} is known" in done.text
        assert HINT in done.text
        assert index.requests == []

    def test_a_user_of_whom_a_password_is_stored_goes_on(
        self, home: WarmHome, index: IndexServer
    ) -> None:
        (home.config / "auth.toml").write_text(
            f'[http-basic.foo]\nusername = "{USER}"\npassword = "{PASSWORD}"\n'
        )
        home.ok("publish", "-r", "foo", "--username", USER)
        assert [upload.username for upload in index.uploads] == [USER] * 2

    def test_an_open_server_takes_it_as_with_plain_poetry(
        self, home: WarmHome, index: IndexServer
    ) -> None:
        index.index.upload_credentials = None
        home.ok("publish", "-r", "foo")
        assert len(index.uploads) == 2
        assert anonymous(index) == len(index.requests)

    def test_pypi_is_not_asked_to_find_out(self, home: WarmHome, index: IndexServer) -> None:
        """Nobody can upload there without a token."""
        home.environ.update(HTTPS_PROXY=index.origin, HTTP_PROXY=index.origin)
        done = home.fails("publish")
        assert "[credential-missing]" in done.text
        assert "poetry repo login pypi" in done.text
        assert index.requests == []

    def test_a_redirect_is_not_an_open_server(self, home: WarmHome, index: IndexServer) -> None:
        with Server() as elsewhere:
            index.respond = lambda request: redirect(f"{elsewhere.origin}/login", 302)
            done = home.run("publish", "-r", "foo")
            assert done.code == 1, done.text
            assert [request for request in elsewhere.requests if request.body] == []
            assert index.uploads == []

    def test_a_helper_is_a_credential(
        self, home: WarmHome, index: IndexServer, tmp_path: Path
    ) -> None:
        helper = Helper.make(tmp_path / "bin", "bazel", life=None)
        set_helper(home, helper, index.origin)
        index.index.upload_credentials, index.index.upload_tokens = None, {helper.token(1)}
        home.ok("publish", "-r", "foo")
        assert (helper.asked, secrets_seen(index)) == (1, [helper.token(1)])

    def test_twin_a_helper_that_fails_stops_it(
        self, home: WarmHome, index: IndexServer, tmp_path: Path
    ) -> None:
        helper = Helper.make(tmp_path / "bin", "bazel", body="sys.exit('sealed')")
        set_helper(home, helper, index.origin)
        done = home.fails("publish", "-r", "foo")
        assert "sealed" in done.text
        assert index.requests == []

    def test_a_vendors_token_never_goes_to_a_server_of_ones_own(
        self, home: WarmHome, index: IndexServer
    ) -> None:
        settle(home, "foo", {"provider": "aws"})
        done = home.fails("publish", "-r", "foo")
        assert "[credential-missing]" in done.text
        assert index.authorizations() == []
