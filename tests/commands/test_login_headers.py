"""``poetry repo login --header``: what a gateway wants beside the login."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.commands.conftest import PASSWORD, USER
from tests.commands.test_logout import kept
from tests.servers import IndexServer, RecordedRequest, Response
from tests.servers.faults import forbidden
from tests.warm import WarmHome, mode_of

KEY = "X-Api-Key"
VALUE = 'gAtew4y-{cache-dir} "k\\ey"'
OTHER = "CF-Access-Client-Id"
OTHER_VALUE = "0ther-s3cret"


def gate(index: IndexServer, **wanted: str) -> None:
    """From now on a gateway stands before the index."""
    named = {name.replace("_", "-"): value for name, value in wanted.items()}

    def respond(request: RecordedRequest) -> Response | None:
        passes = all(request.headers.get(name) == value for name, value in named.items())
        return None if passes else forbidden("who are you?")

    index.respond = respond


@pytest.fixture
def gated(home: WarmHome, open_index: IndexServer) -> IndexServer:
    add(home, open_index.index_url)
    gate(open_index, X_Api_Key=VALUE)
    return open_index


def add(home: WarmHome, url: str) -> None:
    (home.config / "poetry-repo-plugin.toml").write_text(f'[repositories.acme]\nurl = "{url}"\n')


def own(home: WarmHome) -> dict[str, Any]:
    entry: dict[str, Any] = home.toml("poetry-repo-plugin.toml")["repositories"]["acme"]
    return entry


def words(*names: str) -> tuple[str, ...]:
    given = [word for name in names for word in ("--header", name)]
    return ("repo", "login", "acme", *given, "--header-stdin")


class TestStored:
    def test_alone_in_auth_toml(self, home: WarmHome, gated: IndexServer) -> None:
        done = home.ok(*words(KEY), "-vvv", stdin=f"{VALUE}\n")
        auth = home.config / "auth.toml"
        assert f"Logged in to acme ({gated.netloc}) with {KEY}; stored in {auth}.\n" in done.err
        assert VALUE not in done.text
        assert json.loads(home.toml("auth.toml")["http-basic"]["acme"]["headers"]) == {KEY: VALUE}
        assert mode_of(auth) == 0o600
        assert own(home)["headers"] == [KEY]
        assert own(home)["header-origins"] == [gated.origin]
        assert "credential-origins" not in own(home)
        with_it, *without = [request.status for request in gated.requests]
        assert with_it == 200
        assert set(without) == {403}

    def test_in_the_keyring(self, keyed: WarmHome, gated: IndexServer) -> None:
        keyed.ok(*words(KEY), stdin=f"{VALUE}\n")
        assert json.loads(kept(keyed)["poetry-repo-plugin: acme"]["headers"]) == {KEY: VALUE}
        assert keyed.toml("auth.toml") == {}
        shown = json.loads(keyed.ok("repo", "show", "acme", "--json").out)
        credential = shown["credential"]
        assert (credential["state"], credential["source"]) == ("ok", "keyring")
        assert shown["headers"] == [KEY]

    def test_several_one_after_the_other(self, keyed: WarmHome, gated: IndexServer) -> None:
        gate(gated, X_Api_Key=VALUE, CF_Access_Client_Id=OTHER_VALUE)
        keyed.ok(*words(KEY, OTHER), stdin=f"{VALUE}\n{OTHER_VALUE}\n")
        gate(gated, X_Api_Key="new-{}-value", CF_Access_Client_Id=OTHER_VALUE)
        keyed.ok(*words(KEY), stdin="new-{}-value\n")  # the other goes with it, and stays
        assert own(keyed)["headers"] == [OTHER, KEY]

    def test_beside_a_password_in_one_command(self, home: WarmHome, index: IndexServer) -> None:
        """A gateway before an index that wants a login of its own lets neither pass alone."""
        add(home, index.index_url)
        gate(index, X_Api_Key=VALUE)
        both = f"{PASSWORD}\n{VALUE}\n"
        done = home.ok(*words(KEY), "--username", USER, "--password-stdin", stdin=both)
        assert f" as {USER}, with {KEY}; stored in " in done.err
        found = home.toml("auth.toml")["http-basic"]["acme"]
        assert (found["username"], found["password"]) == (USER, PASSWORD)
        assert json.loads(found["headers"]) == {KEY: VALUE}

    def test_a_later_password_leaves_it(self, home: WarmHome, index: IndexServer) -> None:
        add(home, index.index_url)
        gate(index, X_Api_Key=VALUE)
        home.ok(*words(KEY), "--no-verify", stdin=f"{VALUE}\n")
        login = ("repo", "login", "acme", "--username", USER, "--password-stdin")
        home.ok(*login, stdin=f"{PASSWORD}\n")
        assert own(home)["headers"] == [KEY]

    def test_asked_for_at_the_prompt(self, home: WarmHome, gated: IndexServer) -> None:
        with home.terminal("repo", "login", "acme", "--header", KEY) as terminal:
            terminal.expect(f"{KEY} for acme ({gated.netloc}): ")
            terminal.type(f"{VALUE}\n")
            terminal.expect(f"with {KEY}; stored in ")
            assert terminal.end() == 0
            assert not any(VALUE in line for line in terminal.lines())


class TestAFurtherUrl:
    def test_takes_what_is_stored_along(self, home: WarmHome, gated: IndexServer) -> None:
        home.ok(*words(KEY), stdin=f"{VALUE}\n")
        with IndexServer() as other:
            gate(other, X_Api_Key=VALUE)
            done = home.ok("repo", "login", "acme", "--url", other.index_url)
            said = f"acme: {KEY} now belongs to {other.origin} as well.\n"
            assert done.err.endswith(said)
            assert sorted(own(home)["header-origins"]) == sorted((gated.origin, other.origin))
            assert "credential-origins" not in own(home)

    def test_twin_it_is_refused_there(self, home: WarmHome, gated: IndexServer) -> None:
        home.ok(*words(KEY), stdin=f"{VALUE}\n")
        with IndexServer() as other:
            gate(other, X_Api_Key="another-value")
            done = home.fails("repo", "login", "acme", "--url", other.index_url)
            assert "[credential-rejected]" in done.err
            assert own(home)["header-origins"] == [gated.origin]

    def test_the_hint_where_a_project_moves_the_name(
        self, home: WarmHome, gated: IndexServer
    ) -> None:
        home.ok(*words(KEY), stdin=f"{VALUE}\n")
        with IndexServer() as other:
            gate(other, X_Api_Key="of-the-other")
            source = f'[[tool.poetry.source]]\nname = "acme"\nurl = "{other.index_url}"\n'
            home.write_project(dependencies=("alpha",), extra=source)
            told = " ".join(home.fails("lock").text.split())
            assert not other.saw_secret(VALUE)
            assert f"{KEY} belongs to {gated.origin} and is not sent to {other.origin}." in told
            hint = f"poetry repo login acme --header {KEY} --url {other.origin}"
            assert hint in told
            again = home.ok(*hint.split()[1:], "--header-stdin", stdin="of-the-other\n")
            assert "Logged in to acme" in again.err
            assert "[credential-" not in home.fails("lock").text  # it has no such package


class TestRefused:
    def test_a_wrong_value(self, home: WarmHome, gated: IndexServer) -> None:
        before = home.files()
        done = home.fails(*words(KEY), stdin="wr0ng-value\n")
        said = f"Repository acme ({gated.netloc}): it refused {KEY} (403). It says: “who are you?”."
        assert done.err.startswith(said)
        assert "[credential-rejected]\n" in done.err
        assert f"\nTry: poetry repo login acme --header {KEY}\nNothing was stored." in done.err
        assert home.files() == before

    def test_the_index_wants_a_login_as_well(self, home: WarmHome, index: IndexServer) -> None:
        add(home, index.index_url)
        gate(index, X_Api_Key=VALUE)
        done = home.fails(*words(KEY), stdin=f"{VALUE}\n")
        assert f"(401), and none is configured beside {KEY}." in done.err
        assert f"Try: poetry repo login acme --header {KEY} --username USER\n" in done.err
        assert home.toml("auth.toml") == {}

    @pytest.mark.parametrize(
        ("name", "why"),
        [
            ("Host", "The header Host cannot be set: it steers the connection."),
            ("content-type", "The header content-type cannot be set: it steers the request"),
            ("Authorization", "log in with a user name and a password, or a token"),
            ("Cookie", "only a helper can hand out one"),
            ("X-Kéy", "it is not the name of a header"),
        ],
    )
    def test_names(self, home: WarmHome, gated: IndexServer, name: str, why: str) -> None:
        done = home.fails(*words(name), stdin=f"{VALUE}\n")
        assert why in done.err
        assert gated.requests == []

    @pytest.mark.parametrize("given", ["X-Api-Key: s3cr3t-value", "X-Api-Key=s3cr3t-value"])
    def test_a_value_on_the_command_line_is_not_echoed(
        self, home: WarmHome, gated: IndexServer, given: str
    ) -> None:
        done = home.fails("repo", "login", "acme", "--header", given, "-vvv")
        assert "--header takes only a name; the value is asked for." in done.err
        assert "s3cr3t-value" not in done.text

    @pytest.mark.parametrize(
        ("value", "why"),
        [("", "its value is empty"), ("a\tb", "control"), ("schlüssel", "ASCII"), (" x", "space")],
    )
    def test_values(self, home: WarmHome, gated: IndexServer, value: str, why: str) -> None:
        before = home.files()
        assert why in home.fails(*words(KEY), stdin=f"{value}\n").err
        assert home.files() == before
        assert gated.requests == []

    def test_without_a_terminal(self, home: WarmHome, gated: IndexServer) -> None:
        done = home.fails("repo", "login", "acme", "--header", KEY)
        assert f"Try: poetry repo login acme --header {KEY} --header-stdin\n" in done.err

    def test_a_project_cannot_set_one(self, home: WarmHome, gated: IndexServer) -> None:
        home.write_project(
            extra=f'[[tool.poetry.source]]\nname = "acme"\nurl = "{gated.index_url}"\n'
            '[tool.poetry-repo-plugin.acme]\nheaders = ["X-Api-Key"]\nheader-origins = []\n'
        )
        (home.project / "poetry.toml").write_text(
            '[http-basic.acme]\nheaders = \'{"X-Api-Key": "pr0ject"}\'\n'
        )
        done = home.run("repo", "doctor", "acme")
        said = " ".join(done.text.split())
        assert "headers is ignored: a project file cannot hold a credential" in said
        assert "header-origins is ignored: a project file cannot extend" in said
        assert not gated.saw_secret("pr0ject")
        assert all(KEY not in request.headers for request in gated.requests)


class TestForgotten:
    @pytest.mark.parametrize("which", ["home", "keyed"])
    def test_by_logout(
        self, which: str, request: pytest.FixtureRequest, gated: IndexServer
    ) -> None:
        home: WarmHome = request.getfixturevalue(which)
        home.ok(*words(KEY), stdin=f"{VALUE}\n")
        home.says("repo", "logout", "acme", err="Logged out of acme.\n")
        assert home.toml("auth.toml") == {}
        assert kept(home) == {}
        assert own(home) == {"url": gated.index_url}

    def test_by_remove(self, keyed: WarmHome, gated: IndexServer) -> None:
        keyed.ok(*words(KEY), stdin=f"{VALUE}\n")
        keyed.ok("repo", "remove", "acme", "--all")
        assert kept(keyed) == {}
        assert keyed.toml("poetry-repo-plugin.toml") == {}

    def test_twin_a_keyring_that_fails_is_told(self, keyed: WarmHome, gated: IndexServer) -> None:
        keyed.ok(*words(KEY), stdin=f"{VALUE}\n")
        keyed.environ["FILE_KEYRING_FAILS"] = "1"
        keyed.keyring = "keyring.backends.fail.Keyring"
        done = keyed.fails("repo", "logout", "acme")
        assert "The keyring entry poetry-repo-plugin: acme may be left" in done.err
        assert own(keyed)["headers"] == [KEY]


class TestShown:
    def test_names_and_never_values(self, home: WarmHome, gated: IndexServer) -> None:
        home.ok(*words(KEY), stdin=f"{VALUE}\n")
        shown, listed = home.ok("repo", "show", "acme"), home.ok("repo", "list")
        assert f"credential    ok {KEY} (auth.toml)\n" in shown.out
        assert f"ok {KEY} (auth.toml)\n" in listed.out
        doctor = home.ok("repo", "doctor", "acme", "-vvv")
        assert f"{KEY}: accepted" in doctor.text
        for done in (shown, listed, doctor):
            assert VALUE not in done.text
        document = json.loads(home.ok("repo", "list", "--json").out)
        acme = next(one for one in document["repositories"] if one["name"] == "acme")
        assert acme["headers"] == [KEY]

    def test_doctor_tells_a_revoked_one(self, home: WarmHome, gated: IndexServer) -> None:
        home.ok(*words(KEY), stdin=f"{VALUE}\n")
        gate(gated, X_Api_Key="another-value")
        done = home.fails("repo", "doctor", "acme")
        assert f"it refused {KEY} (403)" in done.text
        assert f"poetry repo login acme --header {KEY}" in done.text
