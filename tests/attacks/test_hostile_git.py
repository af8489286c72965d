"""A git repository that the user has logged in to, and others that would like to be it."""

from __future__ import annotations

import shutil

import pytest

from tests.attacks.arena import EVIL, HOST, PASSWORD, URL, USER, Arena
from tests.certs import CertificateFactory, server_context
from tests.servers import GitServer
from tests.servers.faults import redirect_all

AWAY = f"https://{EVIL}"


@pytest.mark.skipif(shutil.which("git") is None, reason="the server is git's own")
class TestGit:
    """The user has a password and a client certificate for it."""

    @pytest.fixture
    def git(self, arena: Arena, certs: CertificateFactory) -> GitServer:
        """Its server; to be entered."""
        tls = server_context(certs.server("git.example"), certs.ca, require=False)
        server = GitServer(tls=tls, credentials={USER: PASSWORD})
        cert = certs.pem(certs.client("alice-at-git"), "git-client.pem")
        url = "https://git.example/repo.git"
        arena.settle("config.toml", "repositories", "gitted", "url", value=url)
        arena.settle("config.toml", "certificates", "gitted", "client-cert", value=str(cert))
        arena.settle(
            "auth.toml", "http-basic", "gitted", value={"username": USER, "password": PASSWORD}
        )
        bound = {"credential-origins": [url], "certificate-origins": [url]}
        arena.settle("poetry-repo-plugin.toml", "repositories", "gitted", value=bound)
        # dulwich reads the variables of other programs.
        arena.home.environ["https_proxy"] = arena.proxy.origin
        arena.home.environ["SSL_CERT_FILE"] = str(certs.directory / "ca.pem")
        return server

    def test_it_is_the_only_one_that_gets_anything(self, arena: Arena, git: GitServer) -> None:
        with git as server:
            arena.proxy.hosts["git.example:443"] = ("127.0.0.1", server.port)
            for url in (
                f"https://{EVIL}/repo.git",
                "https://git.example/other.git",
                f"https://{HOST}/evil/repo.git",
            ):
                arena.project(f"from-git @ git+{url}", url=URL)
                assert arena.home.run("lock").code == 1
            assert server.authorizations() == arena.company.authorizations() == []
            server.respond = redirect_all(AWAY)
            arena.project("from-git @ git+https://git.example/repo.git", url=URL)
            assert arena.home.run("lock").code == 1
            assert {
                request.peer for request in server.requests if request.path.startswith("/repo")
            } == {"alice-at-git"}
            assert any(request.path == "/repo.git/info/refs" for request in arena.evil.requests)
            arena.assert_nothing_lost()

            server.respond = None
            arena.home.ok("lock")
            assert arena.locked() == ["from-git-1.0"]
