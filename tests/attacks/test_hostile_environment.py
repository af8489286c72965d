"""Variables, proxies, netrc files and a PATH that are not as one would wish."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.attacks.arena import (
    EVIL,
    EVIL_URL,
    HOST,
    NAME,
    PASSWORD,
    URL,
    USER,
    Arena,
    assert_clean,
    stolen,
)
from tests.servers import ProxyServer


class TestProxies:
    def test_a_proxy_sees_tunnels_only(self, arena: Arena) -> None:
        """Its own login goes to it, the repository's does not."""
        with ProxyServer(
            credentials={"proxy-user": "proxy-pass"}, hosts=arena.proxy.hosts
        ) as proxy:
            arena.home.environ["HTTPS_PROXY"] = proxy.with_userinfo(
                proxy.origin, "proxy-user:proxy-pass"
            )
            arena.project("private-lib", url=URL)
            done = arena.home.ok("lock", "-vvv")
        assert {request.method for request in proxy.requests} == {"CONNECT"}
        assert {request.authorization for request in proxy.requests} == {None}
        own = {
            value
            for request in proxy.requests
            for name, value in request.raw_headers
            if name == "Proxy-Authorization"
        }
        assert len(own) == 1
        assert stolen(proxy.requests, own) == 0
        assert "proxy-pass" not in done.text
        assert_clean(done)

    def test_a_proxy_that_asks_for_a_login_gets_none(self, arena: Arena) -> None:
        with ProxyServer(credentials={"carol": "x"}) as proxy:
            arena.home.environ["HTTPS_PROXY"] = proxy.origin
            arena.project("private-lib", url=URL)
            done = arena.home.fails("lock")
        assert "[proxy]" in done.text
        assert stolen(proxy.requests) == 0
        assert_clean(done)


def garbage(folder: Path) -> Path:
    (folder / "netrc").write_bytes(b'\xff\xfe machine "\n\x00')
    return folder / "netrc"


def large(folder: Path) -> Path:
    (folder / "netrc").write_text("machine other.example login x password y\n" * 20_000)
    return folder / "netrc"


def pipe(folder: Path) -> Path:
    """A pipe, which nobody may wait for."""
    os.mkfifo(folder / "netrc")
    return folder / "netrc"


def unreadable(folder: Path) -> Path:
    (folder / "netrc").write_text("machine other.example login x password y\n")
    (folder / "netrc").chmod(0)
    return folder / "netrc"


class TestNetrc:
    @pytest.mark.parametrize("make", [garbage, large, pipe, unreadable])
    def test_a_file_that_is_none(self, arena: Arena, tmp_path: Path, make: object) -> None:
        """Neither a public index nor one with a credential of its own is kept up by it."""
        assert callable(make)
        arena.home.environ["NETRC"] = str(make(tmp_path))
        arena.project("private-lib", url=URL, sources={"open": EVIL_URL})
        arena.evil.index.packages.clear()
        done = arena.home.ok("lock")
        assert arena.locked() == ["private-lib-1.0"]
        assert_clean(done)

    def test_an_entry_does_not_go_over_http_where_it_was_https(
        self, arena: Arena, tmp_path: Path
    ) -> None:
        """A netrc knows no scheme. The company's host is known for https, so nothing goes in the
        clear.
        """
        self._entry(arena, tmp_path, HOST)
        arena.tap_plain_http()
        arena.project("public-lib", sources={"other": f"http://{HOST}/simple/"})
        arena.home.ok("lock")
        arena.refuse()
        arena.forget_cache()
        assert_clean(arena.home.fails("lock"))
        assert [request.method for request in arena.proxy.requests if request.method != "CONNECT"]

    def test_twin_an_entry_of_a_host_that_has_only_http(self, arena: Arena, tmp_path: Path) -> None:
        self._entry(arena, tmp_path, "intranet.example")
        arena.tap_plain_http()
        arena.evil.index.credentials = {USER: PASSWORD}
        arena.project("public-lib", sources={"other": "http://intranet.example/simple/"})
        arena.home.ok("lock")
        arena.proxy.clear()  # which is what the user asked for

    @staticmethod
    def _entry(arena: Arena, folder: Path, host: str) -> None:
        (folder / "netrc").write_text(
            f"machine {host} login {USER} password {PASSWORD}\n", encoding="utf-8"
        )
        arena.home.environ["NETRC"] = str(folder / "netrc")


ODD = {
    "POETRY_REPOSITORIES__URL": EVIL_URL,
    "POETRY_REPOSITORIES_../../X_URL": EVIL_URL,
    "POETRY_REPOSITORIES_COMPANY2_URL": "not a url",
    "POETRY_REPOSITORIES_É_URL": EVIL_URL,
    "POETRY_HTTP_BASIC__PASSWORD": "x",
    "POETRY_HTTP_BASIC_COMPANY_EVIL_PASSWORD": "x",
    "POETRY_PYPI_TOKEN_": "x",
    "POETRY_PYPI_TOKEN_COMPANY": "",
    "POETRY_CERTIFICATES__CERT": "false",
    "POETRY_CERTIFICATES_COMPANY_": "x",
    "POETRY_HTTP_BASIC_": "\x1b[31m",
}


def test_variables_with_odd_names(arena: Arena) -> None:
    """They neither hide the company nor lead its credential anywhere."""
    arena.home.environ.update(ODD)
    arena.project("private-lib", url=URL)
    done = arena.home.ok("lock")
    assert {
        request.authorization and request.authorization.password
        for request in arena.company.requests
    } == {PASSWORD}
    assert arena.evil.requests == []
    assert_clean(done)
    assert_clean(arena.home.ok("repo", "list"))


class TestBundles:
    """``REQUESTS_CA_BUNDLE`` and ``CURL_CA_BUNDLE``."""

    @pytest.mark.parametrize("what", ["/nonexistent/ca.pem", "garbage"])
    def test_garbage(self, arena: Arena, tmp_path: Path, what: str) -> None:
        """It is named, and nothing is sent; what the user has set for the company wins over it."""
        (tmp_path / "garbage").write_bytes(b"\x00garbage\xff")
        arena.home.environ["REQUESTS_CA_BUNDLE"] = str(tmp_path / what)
        arena.project("private-lib", url=URL)
        done = arena.home.fails("lock")
        assert "[tls-file-" in done.text
        assert arena.company.requests == []
        assert_clean(done)
        arena.settle(
            "config.toml", "certificates", NAME, "cert", value=str(arena.certs.directory / "ca.pem")
        )
        arena.home.ok("lock")


AWS = "https://acme-123456789012.d.codeartifact.eu-west-1.amazonaws.com/pypi/main/simple/"


@pytest.mark.parametrize("path", [".:bin:{path}", ":{path}:"])
def test_a_path_with_the_current_folder(arena: Arena, path: str) -> None:
    """The project names a provider and brings a program of the provider's name; it is not run."""
    for folder in (arena.home.project, arena.home.project / "bin"):
        folder.mkdir(exist_ok=True)
        for name in ("aws", "gcloud", "keyring", "git"):
            (folder / name).write_text(f"#!/bin/sh\ntouch {arena.home.root}/pwned\necho '{{}}'\n")
            (folder / name).chmod(0o700)
    arena.home.environ["PATH"] = path.format(path="/usr/bin:/bin")
    arena.proxy.respond = lambda request: None
    arena.project(
        "public-lib", url=AWS, extra='[tool.poetry-repo-plugin.company]\nprovider = "aws"\n'
    )
    done = arena.home.fails("lock")
    assert not (arena.home.root / "pwned").exists()
    assert arena.evil.requests == []
    assert_clean(done)


def test_twin_a_program_on_the_path_is_run(arena: Arena, tmp_path: Path) -> None:
    (tmp_path / "aws").write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\nexit 3\n")
    (tmp_path / "aws").chmod(0o700)
    arena.home.environ["PATH"] = f"{tmp_path}:/usr/bin:/bin"
    arena.project(
        "public-lib", url=AWS, extra='[tool.poetry-repo-plugin.company]\nprovider = "aws"\n'
    )
    arena.home.fails("lock")
    assert (tmp_path / "ran").exists()
    assert EVIL not in str(arena.evil.requests)
