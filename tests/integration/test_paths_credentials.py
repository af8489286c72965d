"""Every place where a credential may live, on the whole way: look-up, download and upload."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from tests import packages
from tests.integration.world import (
    NAME,
    PASSPHRASE,
    PASSWORD,
    PEER,
    USER,
    World,
    assert_authorized,
    assert_no_secret,
    files_of,
    installed,
    names_locked,
)
from tests.poetry_process import FILE_KEYRING

pytestmark = pytest.mark.paths

TOKEN = "tok-{cache-dir}-€-42"
SERVICE = f"poetry-repository-{NAME}"

Store = Callable[[World], None]


def in_auth_toml(username: str, password: str) -> Store:
    return lambda world: world.log_in(username, password)


def in_keyring(service: str, username: str, password: str, *, known: bool = False) -> Store:
    """A keyring entry; ``known``: ``auth.toml`` names its user, as for a password that Poetry
    stored.
    """

    def store(world: World) -> None:
        world.home.keyring = FILE_KEYRING
        entries = {service.format(host=world.index.netloc): {username: password}}
        (world.home.keyring_home / "keyring.json").write_text(json.dumps(entries))
        if known:
            world.settle("auth.toml", "http-basic", NAME, "username", value=username)

    return store


def in_environment(**variables: str) -> Store:
    return lambda world: world.home.environ.update(
        {f"POETRY_{key}": value for key, value in variables.items()}
    )


def in_netrc(username: str, password: str) -> Store:
    def store(world: World) -> None:
        line = f"machine other.example login x password y\nmachine 127.0.0.1 login {username} password {password}\n"
        file = world.home.root / ".netrc"
        file.write_text(line, encoding="utf-8")
        file.chmod(0o600)

    return store


def as_token_in_auth_toml(world: World) -> None:
    world.settle("auth.toml", "pypi-token", NAME, value=TOKEN)


# What is stored, whom the server must see, and whether that can be known before the first refusal.
PLACES: dict[str, tuple[Store, str, str, bool]] = {
    "auth.toml": (in_auth_toml(USER, PASSWORD), USER, PASSWORD, True),
    "keyring": (in_keyring(SERVICE, USER, PASSWORD, known=True), USER, PASSWORD, True),
    "keyring by host": (in_keyring("{host}", USER, PASSWORD), USER, PASSWORD, False),
    "environment": (
        in_environment(HTTP_BASIC_FOO_USERNAME=USER, HTTP_BASIC_FOO_PASSWORD=PASSWORD),
        USER,
        PASSWORD,
        True,
    ),
    "netrc": (in_netrc(USER, PASSWORD), USER, PASSWORD, True),
    "token in auth.toml": (as_token_in_auth_toml, "__token__", TOKEN, True),
    "token in the keyring": (in_keyring(SERVICE, "__token__", TOKEN), "__token__", TOKEN, False),
    "token in the environment": (in_environment(PYPI_TOKEN_FOO=TOKEN), "__token__", TOKEN, True),
    "token without a user name": (in_environment(HTTP_BASIC_FOO_PASSWORD=TOKEN), "", TOKEN, True),
    "empty user name": (in_auth_toml("", TOKEN), "", TOKEN, True),
    "empty password": (in_auth_toml(USER, ""), USER, "", True),
}


def logged_out(world: World) -> World:
    world.settle("auth.toml", "http-basic", world.name, value={"passphrase": PASSPHRASE})
    return world


@pytest.mark.parametrize("place", PLACES)
def test_look_up_download_and_upload(world: World, venv: Path, place: str) -> None:
    """POETRY.md, defects 4 and 11: what is stored is sent as it is, in UTF-8, whatever is in it."""
    store, username, password, evident = PLACES[place]
    store(logged_out(world))
    world.index.credentials = {username: password}
    world.project("gamma")
    (world.home.project / "dist").mkdir()
    wheel, content = packages.wheel("app", "0.1.0")
    (world.home.project / "dist" / wheel).write_bytes(content)
    for words in (
        ("install", "--no-root", "-vvv"),
        ("publish", "-r", NAME, "-vvv"),
    ):  # install locks first
        world.index.clear()
        calls = len(world.home.keyring_calls())
        done = world.home.ok(*words)
        refused = [request for request in world.index.requests if request.status == 401]
        assert_authorized(
            [request for request in world.index.requests if request not in refused],
            username=username,
            password=password,
        )
        # At most one refusal for each connection that was opened before the first answer came.
        assert len(refused) <= (0 if evident or words[0] == "publish" else 4)
        assert all(request.authorization is None for request in refused)
        asked = world.home.keyring_calls()[calls:]
        assert len({tuple(call) for call in asked}) == len(asked) <= 4, (
            asked
        )  # by name, URL (two spellings), host
        if password:
            assert_no_secret(done, password)
    assert names_locked(world) == installed(venv) == ["gamma-1.0"]
    assert [upload.username for upload in world.index.uploads] == [username]


NAMES = ("foo2", "my_repo", "my.repo", "Acme-2.x_y")


@pytest.mark.parametrize("name", NAMES)
def test_names_with_digits_dots_and_underscores(world: World, name: str) -> None:
    """All of it by variables (S7; POETRY.md, defects 1 and 2), beside another repository in
    ``config.toml``.
    """
    other = World(world.index, world.home, world.certs, world.identity)
    world.settle("config.toml", "certificates", value={})
    world.settle(
        "auth.toml", "http-basic", value={NAME: {"username": "nobody", "password": "nothing"}}
    )
    world.settle("poetry-repo-plugin.toml", "repositories", value={})
    pem = world.certs.pem(world.identity, "client-encrypted.pem", passphrase=PASSPHRASE)
    key = name.upper().replace("-", "_").replace(".", "_")
    in_environment(
        **{
            f"HTTP_BASIC_{key}_USERNAME": USER,
            f"HTTP_BASIC_{key}_PASSWORD": PASSWORD,
            f"CERTIFICATES_{key}_CERT": str(world.certs.ca_file()),
            f"CERTIFICATES_{key}_CLIENT_CERT": str(pem),
            f"CERTIFICATES_{key}_PASSPHRASE": PASSPHRASE,
            f"REPOSITORIES_{key}_URL": world.index.upload_url,
        }
    )(world)
    world.name = name
    world.project("gamma")
    world.home.ok("lock")
    assert names_locked(world) == ["gamma-1.0"]
    assert_authorized(world.index.requests)
    world.index.clear()
    wheel, content = packages.wheel("app", "0.1.0")
    (world.home.project / "dist").mkdir()
    (world.home.project / "dist" / wheel).write_bytes(content)
    world.home.ok("publish", "-r", name)
    assert_authorized(world.index.requests)
    assert [upload.filename for upload in world.index.uploads] == [wheel]
    assert other.name == NAME


def test_one_variable_hides_no_other_repository(world: World) -> None:
    """POETRY.md, defect 1: ``POETRY_REPOSITORIES_*_URL`` of one repository, and the upload goes to
    another.
    """
    world.home.environ["POETRY_REPOSITORIES_OTHER_URL"] = "https://other.invalid/upload/"
    world.project()
    wheel, content = packages.wheel("app", "0.1.0")
    (world.home.project / "dist").mkdir()
    (world.home.project / "dist" / wheel).write_bytes(content)
    world.home.ok("publish", "-r", NAME)
    assert_authorized(world.index.requests)
    assert len(world.index.uploads) == 1


def test_userinfo_of_a_source_url(world: World, venv: Path) -> None:
    """It is sent, and stands neither in the lock file nor in what the most talkative run says."""
    logged_out(world)
    url = world.index.with_userinfo(world.index.index_url, f"{USER}:{quote(PASSWORD, safe='')}")
    world.project("gamma", url=url)
    for words in (("lock", "-vvv"), ("install", "--no-root", "-vvv")):
        done = world.home.ok(*words)
        assert_no_secret(done, PASSWORD, quote(PASSWORD, safe=""), quote(PASSWORD))
    assert_authorized(world.index.requests)
    assert installed(venv) == ["gamma-1.0"]
    assert USER not in (world.home.project / "poetry.lock").read_text()
    assert world.home.lock()["package"][0]["source"]["url"] == world.index.index_url.rstrip("/")


@pytest.fixture
def dist(world: World) -> str:
    """A project with a wheel ready to upload; the wheel's name."""
    world.project("gamma")
    wheel, content = packages.wheel("app", "0.1.0")
    (world.home.project / "dist").mkdir()
    (world.home.project / "dist" / wheel).write_bytes(content)
    return wheel


UPLOAD_URLS = ("config.toml", "environment", "poetry.toml")


def upload_to(world: World, where: str, url: str) -> None:
    """``repositories.NAME.url`` in one of its places."""
    world.settle("config.toml", "repositories", value={})
    if where == "environment":
        world.home.environ["POETRY_REPOSITORIES_FOO_URL"] = url
    elif where == "poetry.toml":
        (world.home.project / where).write_text(
            f'[repositories.{NAME}]\nurl = "{url}"\n', encoding="utf-8"
        )
    else:
        world.publish_to(url)


@pytest.mark.parametrize("where", UPLOAD_URLS)
def test_userinfo_of_a_publish_url(world: World, dist: str, where: str) -> None:
    """As plain Poetry has it: it is sent, before what is stored; to that URL only, and nobody is
    told.
    """
    world.index.credentials = {USER: PASSWORD, "__token__": TOKEN}
    upload_to(
        world,
        where,
        world.index.with_userinfo(world.index.upload_url, f"__token__:{quote(TOKEN, safe='')}"),
    )
    for words in (("publish", "-r", NAME, "-vvv"), ("lock", "-vvv")):
        done = world.home.ok(*words)
        assert_no_secret(done, TOKEN, quote(TOKEN, safe=""), quote(TOKEN))
        assert "__token__:" not in done.text
    assert [(upload.filename, upload.username) for upload in world.index.uploads] == [
        (dist, "__token__")
    ]
    reading = [request for request in world.index.requests if request.path != "/upload/"]
    assert reading
    assert_authorized(reading)


@pytest.mark.parametrize("where", UPLOAD_URLS)
def test_twin_a_wrong_password_in_it_is_named(world: World, dist: str, where: str) -> None:
    upload_to(world, where, world.index.with_userinfo(world.index.upload_url, f"{USER}:hunter2"))
    done = world.home.fails("publish", "-r", NAME)
    assert f"it refused the credential of user {USER} from its publish URL (401)" in done.text
    assert "hunter2" not in done.text
    assert not world.index.saw_secret(PASSWORD), "nothing takes its place"


def test_a_user_name_in_a_publish_url_says_whose_password_is_meant(world: World, dist: str) -> None:
    world.publish_to(world.index.with_userinfo(world.index.upload_url, USER))
    world.home.ok("publish", "-r", NAME)
    assert_authorized(world.index.requests)
    world.index.clear()
    world.publish_to(world.index.with_userinfo(world.index.upload_url, "bob"))
    assert "[credential-missing]" in world.home.fails("publish", "-r", NAME).text
    assert not world.index.saw_secret(PASSWORD)


def reader_and_token_in_files(world: World) -> None:
    world.log_in()
    world.settle("auth.toml", "pypi-token", NAME, value=TOKEN)


def reader_and_token_in_keyring(world: World) -> None:
    in_keyring(SERVICE, USER, PASSWORD, known=True)(world)
    entries = {SERVICE: {USER: PASSWORD, "__token__": TOKEN}}
    (world.home.keyring_home / "keyring.json").write_text(json.dumps(entries))


BOTH: dict[str, Store] = {
    "auth.toml": reader_and_token_in_files,
    "environment": in_environment(
        HTTP_BASIC_FOO_USERNAME=USER, HTTP_BASIC_FOO_PASSWORD=PASSWORD, PYPI_TOKEN_FOO=TOKEN
    ),
    "keyring": reader_and_token_in_keyring,
}


@pytest.mark.parametrize("place", BOTH)
def test_a_token_for_uploads_beside_a_pair_for_reading(world: World, dist: str, place: str) -> None:
    """As in plain Poetry: each where it is good, and neither is tried at the other's door; but for
    the keyring, where a file names the user and nothing says that there is a token: looking for it
    first would cost every upload a call.
    """
    BOTH[place](logged_out(world))
    world.index.index.upload_credentials = {"__token__": TOKEN}
    for words, username, password in (
        (("lock",), USER, PASSWORD),
        (("publish", "-r", NAME), "__token__", TOKEN),
    ):
        world.index.clear()
        world.home.ok(*words)
        requests = world.index.requests
        if place == "keyring" and username == "__token__":
            assert requests[0].status == 401
            requests = requests[1:]
        assert_authorized(requests, username=username, password=password)
    assert [upload.filename for upload in world.index.uploads] == [dist]


def test_a_wrong_variable_is_not_replaced_by_what_is_stored(world: World) -> None:
    """The first source that has an answer wins, whole; its failure names it."""
    world.home.environ["POETRY_HTTP_BASIC_FOO_USERNAME"] = USER
    world.home.environ["POETRY_HTTP_BASIC_FOO_PASSWORD"] = "old"
    world.project("gamma")
    done = world.home.fails("lock")
    assert "[credential-rejected]" in done.text
    assert "POETRY_HTTP_BASIC_FOO_PASSWORD" in done.text
    assert not world.index.saw_secret(PASSWORD)


def test_a_user_name_of_a_variable_takes_the_stored_password(world: World) -> None:
    """As in plain Poetry. Where that is refused, the variable is told, and without it the stored
    login is whole.
    """
    world.home.environ["POETRY_HTTP_BASIC_FOO_USERNAME"] = "carol"
    world.project("gamma")
    done = world.home.fails("lock")
    assert (
        "of user carol from environment variable POETRY_HTTP_BASIC_FOO_USERNAME and " in done.text
    )
    assert "Try: unset POETRY_HTTP_BASIC_FOO_USERNAME\n" in done.text
    del world.home.environ["POETRY_HTTP_BASIC_FOO_USERNAME"]
    world.index.clear()
    world.home.ok("lock")
    assert_authorized(world.index.requests, username=USER)


def test_twin_the_repository_knows_that_user(world: World) -> None:
    world.home.environ["POETRY_HTTP_BASIC_FOO_USERNAME"] = "carol"
    world.index.credentials = {"carol": PASSWORD}
    world.project("gamma")
    world.home.ok("lock")
    assert_authorized(world.index.requests, username="carol")
    assert files_of(world.index, ".metadata")
    assert {request.peer for request in world.index.requests} == {PEER}


class TestAnotherNameForTheSameUrl:
    """A13: ``poetry config`` knows the index as ``acme``, and the project calls it ``foo``."""

    @pytest.fixture
    def world(self, world: World) -> World:
        world.project("gamma")
        login = {"username": USER, "password": PASSWORD}
        world.settle("auth.toml", "http-basic", "acme", value=login)
        world.break_off("credential")
        world.settle("config.toml", "repositories", value={})
        return world

    def test_its_login_is_used(self, world: World) -> None:
        world.settle("config.toml", "repositories", "acme", "url", value=world.index.index_url)
        world.home.ok("lock")
        assert_authorized(world.index.requests)
        assert "acme" in world.home.ok("repo", "show", NAME).out

    def test_twin_another_url(self, world: World) -> None:
        url = f"{world.index.origin}/elsewhere/simple/"
        world.settle("config.toml", "repositories", "acme", "url", value=url)
        done = world.home.fails("lock")
        assert "[credential-missing]" in done.text
        assert_no_secret(done)


@pytest.mark.parametrize(
    "words",
    [
        ("repo", "token", NAME),
        ("repo", "token", NAME, "--format", "json"),
        ("repo", "doctor", NAME, "--json"),
    ],
    ids=lambda words: words[-1],
)
def test_what_a_keyring_prints_is_not_in_the_output(world: World, words: tuple[str, ...]) -> None:
    """C7: a backend prints on standard output, and so does a tool that it starts."""
    home = world.home
    world.project("gamma")
    world.settle("auth.toml", "http-basic", NAME, "password", value=None)
    in_keyring(SERVICE, USER, PASSWORD, known=True)(world)
    quiet = home.ok(*words)
    home.environ["KEYRING_MODE"] = "chatty"
    done = home.ok(*words)
    assert _stable(done.out) == _stable(quiet.out)
    assert "unlocking the vault" in done.err
    assert "and so says its tool" in done.err


def _stable(out: str) -> str:
    """Without the seconds that a check took."""
    return re.sub(r"\d+(\.\d+)? m?s\b", "", out)
