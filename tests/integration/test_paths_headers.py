"""The further headers that a gateway wants, on the whole way: look-up, metadata, file and upload;
beside the login, bound to the origin, and never for git.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import packages
from tests.certs import CertificateFactory, server_context
from tests.integration.outside_world import Helper, set_helper
from tests.integration.world import (
    NAME,
    PASSPHRASE,
    PASSWORD,
    USER,
    World,
    assert_authorized,
    assert_no_secret,
    installed,
)
from tests.poetry_process import FILE_KEYRING
from tests.servers import GitServer, IndexServer, RecordedRequest, Response
from tests.servers.faults import at, forbidden, redirect

pytestmark = pytest.mark.paths

KEY, VALUE = "X-Api-Key", "gAtew4y-{cache-dir}-key"


def keep(world: World, *origins: str) -> None:
    """One header, as ``login --header --plaintext`` keeps it."""
    kept = {"passphrase": PASSPHRASE, "headers": json.dumps({KEY: VALUE})}
    for key, value in kept.items():
        world.settle("auth.toml", "http-basic", NAME, key, value=value)
    file, table = "poetry-repo-plugin.toml", ("repositories", NAME)
    world.settle(file, *table, "headers", value=[KEY])
    world.settle(file, *table, "header-origins", value=[*origins] or [world.index.origin])


def gate(request: RecordedRequest) -> Response | None:
    """A gateway before the index; what a mere server sends for the key would be cached by it."""
    return None if request.headers.get(KEY) == VALUE else forbidden()


def assert_unseen(server: IndexServer) -> None:
    assert server.requests
    for request in server.requests:
        assert KEY not in request.headers
    assert not server.saw_secret(VALUE)


@pytest.fixture
def stranger(certs: CertificateFactory) -> Iterator[IndexServer]:
    with IndexServer(tls=server_context(certs.server())) as server:
        yield server


def test_look_up_metadata_file_and_upload(world: World, venv: Path) -> None:
    keep(world)
    world.index.respond = gate
    world.project("alpha")
    (world.home.project / "dist").mkdir()
    wheel, content = packages.wheel("app", "0.1.0")
    (world.home.project / "dist" / wheel).write_bytes(content)
    world.index.requests.clear()
    for words in (("install", "--no-root", "-vvv"), ("publish", "-r", NAME, "-vvv")):
        done = world.home.ok(*words)
        assert_no_secret(done, VALUE, PASSWORD)
    assert_authorized(world.index.requests, username=USER, password=PASSWORD)
    assert {request.headers.get(KEY) for request in world.index.requests} == {VALUE}
    assert {request.method for request in world.index.requests} == {"GET", "POST"}
    assert any(request.path.endswith(".metadata") for request in world.index.requests)
    assert len(installed(venv)) == 4
    allowed = [world.home.config / "auth.toml"]
    assert world.home.files_with(VALUE) in (allowed, [str(path) for path in allowed])


def test_alone_and_with_a_publish_password_of_the_command_line(world: World) -> None:
    """An index that asks for nothing else; and one whose password is typed."""
    world.break_off("credential")
    keep(world)
    world.index.respond = gate
    world.index.credentials = None
    world.project("gamma")
    world.home.ok("lock")
    world.index.credentials = {USER: PASSWORD}
    (world.home.project / "dist").mkdir()
    wheel, content = packages.wheel("app", "0.1.0")
    (world.home.project / "dist" / wheel).write_bytes(content)
    world.home.ok("publish", "-r", NAME, "--username", USER, "--password", PASSWORD)
    assert {request.headers.get(KEY) for request in world.index.requests} == {VALUE}


def test_from_the_keyring_once_for_all_threads(world: World) -> None:
    keep(world)
    world.settle("auth.toml", "http-basic", NAME, "headers", value=None)
    world.home.keyring = FILE_KEYRING
    entries = {f"poetry-repo-plugin: {NAME}": {"headers": json.dumps({KEY: VALUE})}}
    (world.home.keyring_home / "keyring.json").write_text(json.dumps(entries))
    world.index.respond = gate
    world.project("alpha")
    world.home.ok("lock")
    calls = [tuple(call) for call in world.home.keyring_calls()]
    assert len(calls) == len(set(calls)) == 1


def test_twin_a_redirect_to_another_origin(world: World, stranger: IndexServer) -> None:
    keep(world)
    name, content = packages.wheel("gamma", "1.0")
    stranger.add(name, content)
    world.trust(world.certs.ca_file())
    to_file = redirect(f"{stranger.origin}/files/{name}")

    def respond(request: RecordedRequest) -> Response | None:
        if request.path.endswith(".whl"):
            return to_file
        return gate(request)

    world.index.respond = respond
    world.project("gamma")
    world.use_venv(world.home.root / "venv")
    world.home.ok("install", "--no-root")
    assert_unseen(stranger)
    assert {request.headers.get(KEY) for request in world.index.requests} == {VALUE}


def test_twin_a_name_that_another_project_reuses(world: World, stranger: IndexServer) -> None:
    """It is bound like a password; and that it stays here is said."""
    keep(world, "https://pypi.example.org/")
    world.break_off("credential")
    stranger.add(*packages.wheel("gamma", "1.0"))
    world.project("gamma", url=stranger.index_url)
    done = world.home.run("lock")
    print(done.text)
    assert_unseen(stranger)
    assert f"{KEY} belongs to https://pypi.example.org" in " ".join(done.text.split())


@pytest.mark.skipif(shutil.which("git") is None, reason="the server is git's own")
def test_twin_git_never_gets_it(world: World, certs: CertificateFactory) -> None:
    tls = server_context(certs.server(), certs.ca)
    with GitServer(tls=tls, credentials={USER: PASSWORD}) as git:
        world.publish_to(git.clone_url)
        keep(world, git.origin)
        world.home.write_project(dependencies=(f"from-git @ git+{git.clone_url}",))
        world.home.run("lock")
        assert git.requests
        assert all(KEY not in request.headers for request in git.requests)


BAZEL = """\
headers = {"Authorization": ["Bearer tok3n-%d-secret" % me], "X-Api-Key": ["gAtew4y-%d-key" % me]}
headers.update({"Cookie": ["CF_Authorization=c00kie-%d" % me, "b=2"], "Host": ["evil.example"]})
if ALONE:
    del headers["Authorization"]
answer = {"headers": headers}
if stamp:
    answer["expires"] = stamp
print(json.dumps(answer))
"""


@pytest.mark.parametrize("alone", [False, True])
def test_of_a_helper(world: World, tmp_path: Path, alone: bool) -> None:
    """Renewed after a refusal in the middle of a run, with all that it hands out."""
    helper = Helper.make(tmp_path, "bazel", body=BAZEL.replace("ALONE", str(alone)))
    world.break_off("credential")
    set_helper(world.home, helper, world.index.origin)
    world.identify()
    current = {"number": 1, "left": 2}

    def respond(request: RecordedRequest) -> Response | None:
        number = current["number"]
        if request.headers.get(KEY) != f"gAtew4y-{number}-key":
            return Response(401, b"no\n", {"WWW-Authenticate": "Key"})
        cookie = request.headers.get("Cookie") or ""
        assert cookie.endswith(f"CF_Authorization=c00kie-{number}; b=2")
        assert (request.authorization is None) is alone
        assert request.headers["Host"] == world.index.netloc
        current["left"] -= 1
        if current["left"] == 0:
            current.update(number=2, left=1000)
        return None

    world.index.credentials = None
    world.index.respond = respond
    world.project("alpha")
    done = world.home.ok("lock", "-vvv")
    assert_no_secret(done, "gAtew4y-", "c00kie-", "tok3n-")
    assert world.index.errors == []
    assert helper.asked == 2


def test_a_page_that_varies_by_it_is_cached_without_it(world: World) -> None:
    keep(world)
    page = at("/simple/gamma/", lambda request: None)

    def respond(request: RecordedRequest) -> Response | None:
        refused = gate(request)
        if refused is not None or not request.path.endswith("/gamma/"):
            return refused or page(request)
        answer = world.index.index.get(request)
        pairs = [*answer.header_pairs(), ("Vary", KEY), ("Cache-Control", "max-age=600")]
        answer.headers = pairs
        return answer

    world.index.respond = respond
    world.project("gamma")
    for _ in range(2):
        (world.home.project / "poetry.lock").unlink(missing_ok=True)
        world.home.ok("lock")
    assert len([path for path in world.index.paths() if path.endswith("/gamma/")]) == 1
    assert all("auth.toml" in str(path) for path in world.home.files_with(VALUE))
