"""Uploads: what the server received, who won, and the failing twins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests import packages
from tests.certs import CertificateFactory, server_context
from tests.integration.world import (
    CAUSES,
    MISSING,
    NAME,
    PASSWORD,
    USER,
    World,
    assert_authorized,
    assert_fails_with,
    assert_no_secret,
)
from tests.poetry_process import FILE_KEYRING
from tests.servers import IndexServer, Response
from tests.warm import WarmHome

pytestmark = pytest.mark.paths


@pytest.fixture(autouse=True)
def dist(world: World) -> Path:
    """A project with one wheel ready in ``dist``; the server's share of it is forgotten."""
    world.project()
    folder = world.home.project / "dist"
    folder.mkdir()
    name, content = packages.wheel("app", "0.1.0")
    (folder / name).write_bytes(content)
    return folder / name


def uploaded(server: IndexServer) -> list[tuple[str, str | None]]:
    return [(upload.filename, upload.username) for upload in server.uploads]


class TestPublish:
    """Path 5."""

    def test_publish(self, world: World, dist: Path) -> None:
        done = world.home.ok("publish", "-r", NAME, "-vvv")
        assert uploaded(world.index) == [(dist.name, USER)]
        assert world.index.uploads[0].content == dist.read_bytes()
        assert world.index.paths() == ["/upload/"]
        assert_authorized(world.index.requests)
        assert_no_secret(done)

    def test_publish_build_asks_and_sends_once(self, world: World, dist: Path) -> None:
        """``--build`` runs another command inside this one, so our listener is called twice."""
        dist.unlink()
        world.home.keyring = FILE_KEYRING
        world.settle("auth.toml", "http-basic", NAME, "password", value=None)
        (world.home.keyring_home / "keyring.json").write_text(
            f'{{"poetry-repository-{NAME}": {{"{USER}": "{PASSWORD}"}}}}', encoding="utf-8"
        )
        world.home.ok("publish", "--build", "-r", NAME)
        assert sorted(uploaded(world.index)) == [
            ("app-0.1.0-py3-none-any.whl", USER),
            ("app-0.1.0.tar.gz", USER),
        ]
        assert world.index.paths() == ["/upload/", "/upload/"]
        assert_authorized(world.index.requests)
        assert world.home.keyring_calls() == [["get_password", f"poetry-repository-{NAME}", USER]]

    def test_the_command_line_wins_over_everything_stored(self, world: World) -> None:
        world.index.credentials = {USER: PASSWORD, "bob": "bob's {data-dir} wörd"}
        world.home.environ["POETRY_HTTP_BASIC_FOO_USERNAME"] = "carol"
        world.home.environ["POETRY_HTTP_BASIC_FOO_PASSWORD"] = "carols"
        words = ("--username", "bob", "--password", "bob's {data-dir} wörd")
        world.home.ok("publish", "-r", NAME, *words)
        assert_authorized(world.index.requests, username="bob", password="bob's {data-dir} wörd")

    def test_what_the_command_line_says_is_not_completed_or_replaced(self, world: World) -> None:
        """A wrong password on the command line fails, although the right one is stored."""
        done = world.home.fails("publish", "-r", NAME, "--username", USER, "--password", "wrong")
        assert "[credential-rejected]" in done.text
        assert "the command line" in done.text
        assert [
            request.authorization.password
            for request in world.index.requests
            if request.authorization
        ] == ["wrong"] * len(world.index.requests)
        assert_no_secret(done)

    def test_a_user_name_alone_is_completed_for_that_user_only(self, world: World) -> None:
        world.home.ok("publish", "-r", NAME, "--username", USER)
        assert_authorized(world.index.requests)
        world.index.clear()
        done = world.home.fails("publish", "-r", NAME, "--username", "bob")
        assert world.index.requests == []
        assert "[credential-missing]" in done.text

    def test_skip_existing(self, world: World, dist: Path) -> None:
        world.home.ok("publish", "-r", NAME)
        world.home.ok("publish", "-r", NAME, "--skip-existing")
        assert [request.status for request in world.index.requests] == [200, 409]

    def test_dry_run_opens_no_connection(self, world: World) -> None:
        world.home.ok("publish", "-r", NAME, "--dry-run")
        assert world.index.connections == 0 or world.index.requests == []

    @pytest.mark.parametrize("missing", MISSING)
    def test_twin(self, world: World, missing: str) -> None:
        world.break_off(missing)
        done = world.home.run("publish", "-r", NAME)
        assert_fails_with(done, missing)
        assert done.text.count(f"[{CAUSES[missing][0]}]") == 1, done.text
        assert world.index.uploads == []

    def test_a_refused_credential_stops_before_the_second_file(
        self, world: World, dist: Path
    ) -> None:
        second, content = packages.wheel("app", "0.1.0", filename_tag="py2.py3-none-any")
        (dist.parent / second).write_bytes(content)
        world.log_in(password="wrong")
        done = world.home.fails("publish", "-r", NAME)
        assert "[credential-rejected]" in done.text
        assert "poetry repo login foo" in done.text
        assert len(world.index.paths("POST")) == 1

    def test_certificates_of_the_command_line(
        self, world: World, certs: CertificateFactory
    ) -> None:
        """Poetry's own ``--cert`` and ``--client-cert`` win over what is stored."""
        world.trust(certs.ca_file(certs.other_ca, name="other-ca.pem"))
        words = (
            "--cert",
            str(certs.ca_file()),
            "--client-cert",
            str(certs.pem(certs.client("bob-laptop"), "bob.pem")),
        )
        world.home.ok("publish", "-r", NAME, *words)
        assert_authorized(world.index.requests, peer="bob-laptop")

    def test_what_is_wrong_with_them_names_the_option(
        self, world: World, certs: CertificateFactory
    ) -> None:
        """It takes precedence what ``repo certs`` stores, which would change nothing."""
        wrong = str(certs.ca_file(certs.other_ca, name="other-ca.pem"))
        done = world.home.fails("publish", "-r", NAME, "--cert", wrong)
        assert "[unknown-ca]" in done.text
        assert f"poetry publish -r {NAME} --cert PATH" in done.text
        world.trust(certs.ca_file(certs.other_ca, name="another-ca.pem"))
        pem = str(certs.pem(world.identity))
        twin = world.home.fails("publish", "-r", NAME, "--client-cert", pem)
        assert f"poetry repo certs {NAME} --ca" in twin.text
        assert "--cert PATH" not in twin.text


class TestPlaces:
    """Where an upload goes (POETRY.md, defect 3)."""

    @pytest.fixture
    def upload_host(self, certs: CertificateFactory) -> Iterator[IndexServer]:
        with IndexServer(
            tls=server_context(certs.server(), certs.ca), credentials={USER: PASSWORD}
        ) as server:
            yield server

    def test_index_and_uploads_on_different_hosts_under_one_name(
        self, world: World, upload_host: IndexServer
    ) -> None:
        """Both are the user's word; of a place that only the project names, see
        ``tests/attacks``.
        """
        world.publish_to(upload_host.upload_url)
        world.settle(
            "poetry-repo-plugin.toml", "repositories", NAME, "url", value=world.index.index_url
        )
        world.project("gamma")
        world.home.ok("lock")
        assert_authorized(world.index.requests)
        world.home.ok("publish", "-r", NAME)
        assert_authorized(upload_host.requests)
        assert [upload.username for upload in upload_host.uploads] == [USER]

    def test_an_index_takes_no_uploads(self, world: World) -> None:
        """Nothing is posted to a source's ``/simple/``; the hint says how to name the place for
        uploads.
        """
        world.settle("config.toml", "repositories", value={})
        done = world.home.fails("publish", "-r", NAME)
        assert world.index.requests == []
        assert "[not-an-upload-url]" in done.text
        assert f"poetry repo add {NAME} {world.index.index_url} --publish-url URL" in done.text

    def test_a_url_that_takes_no_uploads(self, world: World) -> None:
        world.publish_to(f"{world.index.origin}/nowhere/")
        done = world.home.fails("publish", "-r", NAME)
        assert "[not-an-upload-url]" in done.text
        assert "--publish-url" in done.text

    @pytest.mark.parametrize("path", ["/legacy/", "/api/up/"])
    @pytest.mark.parametrize("place", ["config", "variable", "import"])
    def test_a_slash_that_is_missing(
        self, world: World, warm_home: WarmHome, dist: Path, place: str, path: str
    ) -> None:
        """A2: the server sends everybody on to the URL with the slash, and takes uploads there."""
        world.index.index.upload_path = path
        bare = f"{world.index.origin}{path}".rstrip("/")
        world.index.respond = lambda request: (
            Response(301, b"", {"Location": path}) if request.path + "/" == path else None
        )
        world.settle("config.toml", "repositories", value={})
        home = replace(warm_home, root=world.home.root)
        if place == "config":
            home.ok("config", f"repositories.{NAME}", bare)
        elif place == "variable":
            home.environ[f"POETRY_REPOSITORIES_{NAME.upper()}_URL"] = bare
        else:
            login = f"username = {USER}\npassword = {PASSWORD}\n"
            (home.root / ".pypirc").write_text(
                f"[{NAME}]\nrepository = {bare}\n{login}", encoding="utf-8"
            )
            home.ok("repo", "import", str(home.root / ".pypirc"))
        home.ok("publish", "-r", NAME)
        assert uploaded(world.index) == [(dist.name, USER)]
        assert world.index.paths("POST")[-1] == path

    def test_a_name_that_nobody_knows(self, world: World) -> None:
        done = world.home.fails("publish", "-r", f"{NAME}o")
        assert f"Did you mean {NAME}?" in done.text
        assert f"Try: poetry publish -r {NAME}\n" in done.text
        assert "Try: poetry repo add zzz URL\n" in world.home.fails("publish", "-r", "zzz").text
        assert world.index.requests == []
