"""Every place where a credential may live, on the whole way: look-up, download and upload."""

from __future__ import annotations

import json
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
from tests.poetry_process import FILE_KEYRING, PoetryHome
from tests.warm import WarmHome

pytestmark = pytest.mark.paths

TOKEN = "tok-{cache-dir}-€-42"
SERVICE = f"poetry-repository-{NAME}"

Store = Callable[[World], None]


@pytest.fixture
def home(warm_home: WarmHome) -> PoetryHome:
    return warm_home


def in_auth_toml(username: str, password: str) -> Store:
    return lambda world: world.log_in(username, password)


def in_keyring(service: str, username: str, password: str, *, known: bool = False) -> Store:
    """A keyring entry; ``known``: ``auth.toml`` names its user, as for a password that Poetry stored."""

    def store(world: World) -> None:
        world.home.keyring = FILE_KEYRING
        entries = {service.format(host=world.index.netloc): {username: password}}
        (world.home.keyring_home / "keyring.json").write_text(json.dumps(entries))
        if known:
            world.settle("auth.toml", "http-basic", NAME, "username", value=username)

    return store


def in_environment(**variables: str) -> Store:
    return lambda world: world.home.environ.update({f"POETRY_{key}": value for key, value in variables.items()})


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
    for words in (("install", "--no-root", "-vvv"), ("publish", "-r", NAME, "-vvv")):  # install locks first
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
        assert len({tuple(call) for call in asked}) == len(asked) <= 3, asked
        if password:
            assert_no_secret(done, password)
    assert names_locked(world) == installed(venv) == ["gamma-1.0"]
    assert [upload.username for upload in world.index.uploads] == [username]


NAMES = ("foo2", "my_repo", "my.repo", "Acme-2.x_y")


@pytest.mark.parametrize("name", NAMES)
def test_names_with_digits_dots_and_underscores(world: World, name: str) -> None:
    """All of it by variables (S7; POETRY.md, defects 1 and 2), beside another repository in ``config.toml``."""
    other = World(world.index, world.home, world.certs, world.identity)
    world.settle("config.toml", "certificates", value={})
    world.settle("auth.toml", "http-basic", value={NAME: {"username": "nobody", "password": "nothing"}})
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
    """POETRY.md, defect 1: ``POETRY_REPOSITORIES_*_URL`` of one repository, and the upload goes to another."""
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


def test_a_wrong_variable_is_not_replaced_by_what_is_stored(world: World) -> None:
    """The first source that has an answer wins, whole; its failure names it."""
    world.home.environ["POETRY_HTTP_BASIC_FOO_USERNAME"] = USER
    world.home.environ["POETRY_HTTP_BASIC_FOO_PASSWORD"] = "old"
    world.project("gamma")
    done = world.home.fails("lock")
    assert "[credential-rejected]" in done.text
    assert "POETRY_HTTP_BASIC_FOO_PASSWORD" in done.text
    assert not world.index.saw_secret(PASSWORD)


def test_a_user_name_is_never_completed_from_elsewhere(world: World) -> None:
    """A variable with a user name only; the stored pair is used whole, and not with that user name."""
    world.home.environ["POETRY_HTTP_BASIC_FOO_USERNAME"] = "carol"
    world.project("gamma")
    world.home.ok("lock")
    assert_authorized(world.index.requests, username=USER)
    assert files_of(world.index, ".metadata")
    assert {request.peer for request in world.index.requests} == {PEER}
