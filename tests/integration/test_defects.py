"""What is wrong in plain Poetry (POETRY.md) and right with the plugin, where the path tests do not
show it.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import packages
from tests.certs import CertificateFactory, server_context
from tests.integration.world import (
    NAME,
    PASSPHRASE,
    PASSWORD,
    USER,
    World,
    assert_authorized,
    assert_fails_with,
    files_of,
    names_locked,
    source,
)
from tests.servers import IndexServer
from tests.servers.faults import at, redirect
from tests.warm import WarmHome

pytestmark = pytest.mark.paths

CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@pytest.fixture
def dist(world: World) -> str:
    """A project that depends on ``gamma`` and has a wheel to upload; the wheel's name."""
    world.project("gamma")
    name, content = packages.wheel("app", "0.1.0")
    (world.home.project / "dist").mkdir()
    (world.home.project / "dist" / name).write_bytes(content)
    return name


@pytest.fixture
def stranger(certs: CertificateFactory) -> Iterator[IndexServer]:
    """Another index, whose certificate is trusted, and which asks for a client certificate and a
    password, politely.
    """
    tls = server_context(certs.server(), certs.ca, require=False)
    with IndexServer(tls=tls, credentials={USER: PASSWORD}) as server:
        server.add(*packages.wheel("gamma", "6.6.6"))
        yield server


class TestCertificates:
    """Defect 8."""

    def test_the_repositorys_ca_wins_over_the_environments(self, world: World, dist: str) -> None:
        other_ca = str(world.certs.ca_file(world.certs.other_ca, name="other-ca.pem"))
        world.home.environ.update(dict.fromkeys(CA_VARIABLES, other_ca))
        world.home.ok("lock")
        world.home.ok("publish", "-r", NAME)
        assert_authorized(world.index.requests)
        assert [upload.filename for upload in world.index.uploads] == [dist]

    @pytest.mark.parametrize("variable", CA_VARIABLES)
    def test_without_a_ca_of_its_own_the_environments_counts(
        self, world: World, variable: str
    ) -> None:
        """As in plain Poetry, and also where a client certificate is set."""
        world.settle("config.toml", "certificates", NAME, "cert", value=None)
        world.home.environ[variable] = str(world.certs.ca_file())
        world.project("gamma")
        world.home.ok("lock")
        assert_authorized(world.index.requests)

    def test_false_in_the_environment_is_no_path(self, world: World) -> None:
        world.home.environ["POETRY_CERTIFICATES_FOO_CERT"] = "false"
        world.project("gamma")
        done = world.home.ok("lock")
        assert_authorized(world.index.requests)
        assert "not verified" in done.err

    def test_a_tilde_is_the_home(self, world: World) -> None:
        (world.home.root / "ca.pem").write_bytes(world.certs.ca.pem)
        world.settle("config.toml", "certificates", NAME, "cert", value="~/ca.pem")
        world.project("gamma")
        world.home.ok("lock")
        assert_authorized(world.index.requests)

    def test_an_encrypted_key_asks_nobody(self, world: World) -> None:
        world.settle("auth.toml", "http-basic", NAME, "passphrase", value=None)
        world.project("gamma")
        done = world.home.fails("lock")
        assert "Enter PEM pass phrase" not in done.text
        assert "[passphrase-missing]" in done.text
        assert f"poetry repo certs {NAME} --passphrase" in done.text
        assert world.index.requests == []


class TestRefusals:
    """Defect 10: whoever may not read the index must not get a stranger's package of the same
    name.
    """

    @pytest.fixture
    def public(self) -> Iterator[IndexServer]:
        with IndexServer() as server:
            server.add(*packages.wheel("gamma", "6.6.6"))
            yield server

    @pytest.mark.parametrize("priority", ["primary", "supplemental"])
    def test_a_refusal_stops_the_command(
        self, world: World, public: IndexServer, priority: str
    ) -> None:
        world.break_off("credential")
        world.project("gamma", extra=source("public", public.index_url, priority))
        assert_fails_with(world.home.run("lock"), "credential")
        assert not (world.home.project / "poetry.lock").exists()

    def test_unless_its_user_said_that_this_code_means_nothing(
        self, world: World, public: IndexServer
    ) -> None:
        world.break_off("credential")
        world.settle(
            "poetry-repo-plugin.toml", "repositories", NAME, "ignore-error-codes", value=[401]
        )
        world.project("gamma", extra=source("public", public.index_url))
        world.home.ok("lock")
        assert names_locked(world) == ["gamma-6.6.6"]


class TestReusedName:
    """Defect 7: a project that reuses a repository's name gets what was stored for the other
    one.
    """

    def test_nothing_goes_to_another_origin(self, world: World, stranger: IndexServer) -> None:
        world.project("gamma")
        world.home.ok("lock")  # the first success binds what was stored before the plugin came
        world.project("gamma", url=stranger.index_url)
        (world.home.project / "poetry.lock").unlink()
        done = world.home.fails("lock")
        assert stranger.requests
        assert stranger.authorizations() == []
        assert {request.peer for request in stranger.requests} == {None}
        assert "[origin-mismatch]" in done.text
        assert f"poetry repo login {NAME} --url {stranger.index_url}\n" in done.text
        assert f"https://{world.index.netloc}" in done.text

    def test_the_warning_has_a_line_of_its_own(
        self, world: World, home: WarmHome, stranger: IndexServer
    ) -> None:
        """Poetry's spinner leaves its cursor behind what it has drawn."""
        world.project("gamma")
        home.ok("lock")
        world.project("gamma", url=stranger.index_url)
        (world.home.project / "poetry.lock").unlink()
        with home.terminal("lock", "--ansi") as terminal:
            assert terminal.end() == 1
        lines = terminal.lines()
        assert "Resolving dependencies..." in terminal.screen
        assert [
            line
            for line in lines
            if "is not sent to" in line and line.startswith(f"Repository {NAME}: ")
        ]
        assert [
            line
            for line in lines
            if "[origin-mismatch]" in line and line.startswith(f"Repository {NAME} (")
        ]

    def test_the_warning_and_the_error_fit_the_terminal(
        self, world: World, home: WarmHome, stranger: IndexServer
    ) -> None:
        world.project("gamma")
        home.ok("lock")
        world.project("gamma", url=stranger.index_url)
        (world.home.project / "poetry.lock").unlink()
        home.environ["COLUMNS"] = "60"
        with home.terminal("lock", "--ansi") as terminal:
            assert terminal.end() == 1
        ours = [line for line in terminal.lines() if "Resolving" not in line]
        assert "is not sent to" in " ".join(ours)
        assert [
            line for line in ours if len(line) > 60 and not ("poetry " in line and NAME in line)
        ] == []
        assert f"Try: poetry repo login {NAME} --url {stranger.index_url}" in ours

    def test_until_its_owner_says_so(self, world: World, stranger: IndexServer) -> None:
        world.project("gamma")
        world.home.ok("lock")
        world.project("gamma", url=stranger.index_url)
        (world.home.project / "poetry.lock").unlink()
        world.home.ok("repo", "login", NAME, "--url", stranger.index_url)
        stranger.clear()
        world.home.ok("lock")
        assert_authorized(stranger.requests)

    def test_nor_along_a_redirect(self, world: World, stranger: IndexServer) -> None:
        """A file that the index sends to another host arrives from there (the CA is the same),
        without credentials.
        """
        stranger.credentials = None
        stranger.add(*packages.wheel("gamma", "1.0"))
        world.project("gamma")
        world.home.ok("lock")
        world.index.respond = at(
            "/files/", redirect(f"{stranger.origin}/files/gamma-1.0-py3-none-any.whl")
        )
        world.use_venv(world.home.root / "venv")
        world.home.ok("install", "--no-root", "--no-cache")
        assert stranger.requests
        assert stranger.authorizations() == []
        assert {request.peer for request in stranger.requests} == {None}
        assert not stranger.saw_secret(PASSWORD)
        assert not stranger.saw_secret(PASSPHRASE)

    def test_nor_to_a_host_that_only_keeps_the_files(
        self, world: World, stranger: IndexServer
    ) -> None:
        """The index's CA counts there as well (defect 8)."""
        stranger.credentials = None
        stranger.add(*packages.wheel("gamma", "1.0"))
        world.index.index.file_base_url = f"{stranger.origin}/files/"
        world.project("gamma")
        world.home.ok("lock")
        world.use_venv(world.home.root / "venv")
        world.home.ok("install", "--no-root", "--no-cache")
        assert_authorized(world.index.requests)
        assert files_of(stranger, ".whl")
        assert stranger.authorizations() == []
        assert {request.peer for request in stranger.requests} == {None}
