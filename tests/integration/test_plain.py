"""Plain Poetry (``--no-plugins``) on what the plugin stored, the plugin on what plain Poetry
stored, and logout.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import quote

import pytest

from tests import packages
from tests.integration.world import (
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
from tests.poetry_process import FILE_KEYRING, NO_KEYRING, PoetryHome
from tests.servers import IndexServer, RecordedRequest, Response

pytestmark = pytest.mark.paths

PLAIN = "s3cret-of-plain-Poetry"  # plain Poetry expands braces, and knows only latin-1
TOKEN = "pypi-AgEIcHlwaS5vcmc"
KEYRINGS = pytest.mark.parametrize(
    "keyring", [FILE_KEYRING, NO_KEYRING], ids=["keyring", "auth.toml"]
)


def prepare(world: World) -> None:
    """A project that depends on ``gamma``, with a wheel to upload."""
    world.home.write_project(dependencies=("gamma",))
    (world.home.project / "dist").mkdir()
    name, content = packages.wheel("app", "0.1.0")
    (world.home.project / "dist" / name).write_bytes(content)
    world.lock_without_env()


def tell_plugin(world: World, secret: str, *, token: bool = False) -> None:
    """The commands of the quick start; the client certificate is one PEM, as plain Poetry needs
    it.
    """
    home, index = world.home, world.index
    home.ok("repo", "add", NAME, index.index_url, "--default", "--publish-url", index.upload_url)
    pem = world.certs.pem(world.identity)
    home.ok("repo", "certs", NAME, "--ca", str(world.certs.ca_file()), "--client-cert", str(pem))
    words = ("--token-stdin",) if token else ("--username", USER, "--password-stdin")
    home.ok("repo", "login", NAME, *words, stdin=f"{secret}\n")


def tell_plain_poetry(world: World, secret: str) -> None:
    world.home.ok("--no-plugins", "config", f"repositories.{NAME}", world.index.upload_url)
    world.home.ok("--no-plugins", "config", f"certificates.{NAME}.cert", str(world.certs.ca_file()))
    world.home.ok(
        "--no-plugins",
        "config",
        f"certificates.{NAME}.client-cert",
        str(world.certs.pem(world.identity)),
    )
    world.home.ok("--no-plugins", "config", f"http-basic.{NAME}", USER, secret)


def lock_install_publish(world: World, *before: str) -> None:
    for words in (("install", "--no-root"), ("publish", "-r", NAME)):  # install locks first
        world.home.ok(*before, *words)


class TestPlainPoetry:
    """DESIGN section 1: a user can remove the plugin and lose nothing that Poetry itself can do."""

    @KEYRINGS
    def test_on_what_the_plugin_stored(self, bare: World, keyring: str) -> None:
        bare.index.credentials = {USER: PLAIN}
        bare.home.keyring = keyring
        site_packages = bare.use_venv(bare.home.root / "venv")
        prepare(bare)
        tell_plugin(bare, PLAIN)
        assert (keyring == NO_KEYRING) == bool(bare.home.files_with(PLAIN))
        bare.index.clear()
        lock_install_publish(bare, "--no-plugins")
        assert installed(site_packages) == ["gamma-1.0"]
        assert_authorized(bare.index.requests, password=PLAIN)
        assert [upload.username for upload in bare.index.uploads] == [USER]

    @KEYRINGS
    def test_on_a_token_that_the_plugin_stored(self, bare: World, keyring: str) -> None:
        bare.index.credentials = {"__token__": TOKEN}
        bare.home.keyring = keyring
        prepare(bare)
        tell_plugin(bare, TOKEN, token=True)
        bare.index.clear()
        bare.home.ok("--no-plugins", "lock")
        bare.home.ok("--no-plugins", "publish", "-r", NAME)
        assert_authorized(bare.index.requests, username="__token__", password=TOKEN)

    @KEYRINGS
    def test_the_plugin_on_what_plain_poetry_stored(self, bare: World, keyring: str) -> None:
        bare.home.keyring = keyring
        site_packages = bare.use_venv(bare.home.root / "venv")
        prepare(bare)
        tell_plain_poetry(bare, PASSWORD)
        bare.project("gamma")
        lock_install_publish(bare)
        assert installed(site_packages) == ["gamma-1.0"]
        assert_authorized(bare.index.requests)
        assert [upload.username for upload in bare.index.uploads] == [USER]

    def test_unset_by_plain_poetry_is_unset_for_the_plugin(self, world: World) -> None:
        world.settle("auth.toml", "http-basic", NAME, "passphrase", value=None)
        world.identify_with_one_file()
        world.settle("poetry-repo-plugin.toml", "repositories", value={})
        world.project("gamma")
        world.home.ok("--no-plugins", "config", "--unset", f"http-basic.{NAME}")
        assert_fails_with(world.home.run("lock"), "credential")


ENV = f"POETRY_HTTP_BASIC_{NAME.upper()}"
HALVES: dict[str, tuple[dict[str, str], dict[str, dict[str, str]]]] = {
    "user in config.toml": ({f"{ENV}_PASSWORD": PLAIN}, {"config.toml": {"username": USER}}),
    "user in auth.toml": ({f"{ENV}_PASSWORD": PLAIN}, {"auth.toml": {"username": USER}}),
    "user in poetry.toml": ({f"{ENV}_PASSWORD": PLAIN}, {"poetry.toml": {"username": USER}}),
    "password in auth.toml": ({f"{ENV}_USERNAME": USER}, {"auth.toml": {"password": PLAIN}}),
    "another user in auth.toml": (
        {f"{ENV}_USERNAME": USER},
        {"auth.toml": {"username": "bob", "password": PLAIN}},
    ),
    "one in each file": ({}, {"auth.toml": {"username": USER}, "config.toml": {"password": PLAIN}}),
}
WITH_AND_WITHOUT = pytest.mark.parametrize(
    "before", [(), ("--no-plugins",)], ids=["plugin", "plain"]
)


class TestHalves:
    """User name and password under Poetry's own keys complete each other, with and without the
    plugin.
    """

    def prepare(
        self, world: World, environ: dict[str, str], files: dict[str, dict[str, str]]
    ) -> None:
        world.trust()
        world.identify_with_one_file()
        world.lock_without_env()
        world.project("gamma")
        world.home.environ.update(environ)
        for file, values in files.items():
            for key, value in values.items():
                if file == "poetry.toml":
                    (world.home.project / file).write_text(
                        f'[http-basic.{NAME}]\n{key} = "{value}"\n'
                    )
                else:
                    world.settle(file, "http-basic", NAME, key, value=value)

    @WITH_AND_WITHOUT
    @pytest.mark.parametrize("halves", HALVES.values(), ids=list(HALVES))
    def test_they_are_joined(
        self,
        bare: World,
        before: tuple[str, ...],
        halves: tuple[dict[str, str], dict[str, dict[str, str]]],
    ) -> None:
        bare.index.credentials = {USER: PLAIN}
        self.prepare(bare, *halves)
        bare.home.ok(*before, "lock")
        assert_authorized([one for one in bare.index.requests if one.authorization], password=PLAIN)

    @WITH_AND_WITHOUT
    def test_a_token_as_the_user(self, bare: World, before: tuple[str, ...]) -> None:
        bare.index.credentials = {TOKEN: ""}
        self.prepare(bare, {f"{ENV}_USERNAME": TOKEN}, {})
        bare.home.ok(*before, "lock")
        assert_authorized(bare.index.requests, username=TOKEN, password="")

    def test_twin_a_user_without_a_password(self, bare: World) -> None:
        bare.index.credentials = {USER: PLAIN}
        self.prepare(bare, {f"{ENV}_USERNAME": USER}, {})
        done = bare.home.fails("lock")
        assert "[credential-rejected]" in done.err
        assert f"Try: export {ENV}_PASSWORD=PASSWORD" in done.err

    def test_twin_a_login_in_the_project(self, bare: World) -> None:
        """Plain Poetry uses it; whoever writes a project does not decide what is sent."""
        bare.index.credentials = {USER: PLAIN}
        self.prepare(bare, {}, {})
        text = f'[http-basic.{NAME}]\nusername = "{USER}"\npassword = "{PLAIN}"\n'
        (bare.home.project / "poetry.toml").write_text(text)
        done = bare.home.fails("lock")
        assert f"poetry.toml holds http-basic.{NAME}, which plain Poetry would use" in done.err
        assert f"Try: poetry repo login {NAME}" in done.err
        assert_no_secret(done, PLAIN)

    @pytest.mark.parametrize("value", ["", "wrong"])
    def test_twin_a_variable_that_does_not_do(self, bare: World, value: str) -> None:
        """The hint changes something: the variable goes before what a login stores."""
        bare.index.credentials = {USER: PLAIN}
        self.prepare(bare, {f"{ENV}_PASSWORD": value}, {})
        done = bare.home.fails("lock")
        assert f"Try: export {ENV}_PASSWORD=PASSWORD" in done.err
        assert f"{ENV}_PASSWORD" in done.err.partition("Try:")[0]


def remember_by_authorization(index: IndexServer, request: RecordedRequest) -> Response | None:
    """The index's answer as one that a cache keeps apart by the Authorization header, and so with
    it.
    """
    if index.index.is_upload(request.path) or not index.index.read_access.permits(
        request.authorization
    ):
        return None
    response = index.index.get(request)
    vary = {"Vary": "Authorization, Accept, Cookie", "Cache-Control": "public, max-age=3600"}
    return replace(response, headers={**dict(response.header_pairs()), **vary})


def spellings(username: str, password: str) -> list[str]:
    """What a secret looks like in files: itself, in a URL, in a header."""
    encoded = [
        base64.b64encode(f"{username}:{password}".encode(code)).decode()
        for code in ("utf-8", "latin-1")
    ]
    return [password, quote(password), quote(password, safe=""), *encoded]


class TestLogout:
    @KEYRINGS
    def test_the_secret_is_in_no_file_afterwards(self, bare: World, keyring: str) -> None:
        bare.home.keyring = keyring
        bare.use_venv(bare.home.root / "venv")
        prepare(bare)
        bare.index.respond = lambda request: remember_by_authorization(bare.index, request)
        tell_plugin(bare, PASSWORD)
        for words in (("install", "--no-root", "-vvv"), ("publish", "-r", NAME, "-vvv")):
            assert_no_secret(bare.home.ok(*words), *spellings(USER, PASSWORD))
        assert list((bare.home.root / "cache").rglob("*.body")) or list(
            (bare.home.root / "cache").rglob("_http*")
        )
        bare.home.ok("repo", "logout", NAME)
        for spelling in spellings(USER, PASSWORD):
            assert bare.home.files_with(spelling) == []
        if keyring == FILE_KEYRING:
            assert PASSWORD not in (bare.home.keyring_home / "keyring.json").read_text()
        (bare.home.project / "poetry.lock").unlink()
        assert_fails_with(bare.home.run("lock", "--no-cache"), "credential")

    def test_before_that_only_auth_toml_has_it(self, bare: World) -> None:
        """The cache remembers answers that vary by Authorization, and must not remember the
        header.
        """
        bare.index.respond = lambda request: remember_by_authorization(bare.index, request)
        prepare(bare)
        tell_plugin(bare, PASSWORD)
        bare.home.ok("lock")
        found = {
            file
            for spelling in spellings(USER, PASSWORD)
            for file in bare.home.files_with(spelling)
        }
        assert found == {bare.home.config / "auth.toml"}


BOTH = pytest.mark.parametrize("before", [(), ("--no-plugins",)], ids=["plugin", "plain"])


class TestServersWithHabits:
    """DESIGN section 1: what works with plain Poetry works with the plugin."""

    @pytest.fixture
    def open_index(self) -> Iterator[IndexServer]:
        with IndexServer() as server:
            server.add_all([packages.wheel("gamma", "1.0")])
            server.add_index("/second/simple/").add_all([packages.wheel("gamma", "1.0")])
            yield server

    @BOTH
    @pytest.mark.parametrize("status", [401, 403, 500])
    def test_metadata_that_is_promised_and_refused(
        self, home: PoetryHome, open_index: IndexServer, before: tuple[str, ...], status: int
    ) -> None:
        """The wheel is read in its place."""
        open_index.respond = lambda request: (
            Response.text(status, "no", {"Retry-After": "0"})
            if request.path.endswith(".metadata")
            else None
        )
        home.write_project(dependencies=("gamma",), extra=source(NAME, open_index.index_url))
        home.ok(*before, "lock")
        assert any(path.endswith(".metadata") for path in open_index.paths())
        assert any(path.endswith(".whl") for path in open_index.paths())

    @BOTH
    @pytest.mark.parametrize("answer", [Response(204), Response(200)], ids=["204", "200"])
    def test_nothing_at_all_for_a_package_that_is_not_there(
        self, home: PoetryHome, open_index: IndexServer, before: tuple[str, ...], answer: Response
    ) -> None:
        """The next index is asked."""
        open_index.respond = lambda request: answer if request.path == "/simple/gamma/" else None
        second = open_index.url_of(open_index.indexes[1])
        extra = source(NAME, open_index.index_url) + source("bar", second)
        home.write_project(dependencies=("gamma",), extra=extra)
        home.ok(*before, "lock")
        assert home.lock()["package"][0]["source"]["reference"] == "bar"
        assert "/simple/gamma/" in open_index.paths()

    def test_twin_a_login_page_is_no_empty_answer(
        self, home: PoetryHome, open_index: IndexServer
    ) -> None:
        page = Response.html("<title>Sign in</title><form><input type=password></form>")
        open_index.respond = lambda request: page if request.path == "/simple/gamma/" else None
        home.write_project(dependencies=("gamma",), extra=source(NAME, open_index.index_url))
        assert "[not-an-index]" in home.fails("lock").text
