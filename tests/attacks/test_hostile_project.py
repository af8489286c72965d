"""A project that somebody else wrote: it reuses a name, and its files say what they like."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import packages
from tests.attacks.arena import (
    BOUND,
    EVIL,
    EVIL_URL,
    HOST,
    NAME,
    PASSWORD,
    TOKEN,
    URL,
    USER,
    Arena,
    assert_clean,
)
from tests.certs import CertificateFactory, server_context
from tests.servers import IndexServer, Response

REUSED = {
    "host": (EVIL_URL, f"https://{EVIL}"),
    "port": (f"https://{HOST}:8443/simple/", f"https://{HOST}:8443"),
    "path": (f"https://{HOST}/team-evil/simple/", f"https://{HOST}/team-evil"),
    "scheme": (f"http://{HOST}/simple/", f"http://{HOST}"),
}


@pytest.mark.parametrize(
    ("reused", "storage"),
    [
        ("host", "auth.toml"),
        ("port", "keyring"),
        ("path", "helper"),
        ("scheme", "keyring"),
        ("host", "helper"),
    ],
)
def test_a_name_that_is_reused_gets_nothing(arena: Arena, reused: str, storage: str) -> None:
    """The run goes on without, a public package still locks, and the warning names both origins and
    the way out. An index that refuses then ends the run with ``origin-mismatch``.
    """
    url, origin = REUSED[reused]
    arena.tap_plain_http()
    arena.project("public-lib", url=url)
    calls = len(arena.home.keyring_calls())
    done = arena.home.ok("lock")
    assert arena.locked() == ["public-lib-1.0"]
    assert f"belongs to {BOUND}" in done.err
    assert f"is not sent to {origin}" in done.err
    assert f"poetry repo login {NAME} --url {origin}" in done.err
    assert done.err.count("and is not sent to") == 1
    assert len(arena.home.keyring_calls()) == calls, (
        "nothing is looked up for a stranger, a passphrase included"
    )
    assert_clean(done)

    arena.refuse()
    arena.forget_cache()
    done = arena.home.fails("lock")
    assert "[origin-mismatch]" in done.text
    assert f"poetry repo login {NAME} --url {origin}" in done.text
    assert_clean(done)


@pytest.mark.parametrize("storage", ["auth.toml", "keyring", "helper"])
def test_twin_the_company_itself_gets_everything(arena: Arena, storage: str) -> None:
    arena.project("private-lib", url=URL)
    arena.home.ok("lock")
    assert arena.locked() == ["private-lib-1.0"]
    assert {
        (request.authorization and request.authorization.password)
        for request in arena.company.requests
    } == {PASSWORD}
    assert {request.peer for request in arena.company.requests} == {"alice-laptop"}


LOOK_ALIKES = (
    "https://cоmpany.example/team-a/simple/",
    f"https://{HOST}.{EVIL}/team-a/simple/",
    f"https://{HOST}@{EVIL}/team-a/simple/",
    f"https://{HOST}:443@{EVIL}/team-a/simple/",
    f"https://{HOST}%2f@{EVIL}/team-a/simple/",
    f"https://{EVIL}/team-a/simple/?@{HOST}/team-a/simple/",
    f"https://{EVIL}/https://{HOST}/team-a/simple/",
    f"https://{HOST}/team-a/../team-evil/simple/",
    f"https://{HOST}/team-a/%2e%2e/team-evil/simple/",
    f"https://{HOST}/team-a/..%2fteam-evil/simple/",
    f"https://{HOST}/team-a/..;/team-evil/simple/",
    f"https://{HOST}/team-evil//../team-a/simple/",
    f"https://{HOST}/team-evil//%2e%2e/team-a/simple/",
    f"https://{HOST}/team-ab/simple/",
)
SAME_PLACE = (f"https://{HOST}.:443/team-a/simple/", f"HTTPS://{HOST.upper()}/team-a/simple/")


def test_look_alikes(arena: Arena) -> None:
    """Every name is bound to the company's origin; only spellings of that origin get its
    password.
    """
    sources = {f"company{number}": url for number, url in enumerate((*LOOK_ALIKES, *SAME_PLACE))}
    for name in sources:
        arena.settle(
            "auth.toml", "http-basic", name, value={"username": USER, "password": PASSWORD}
        )
        arena.settle(
            "poetry-repo-plugin.toml", "repositories", name, value={"credential-origins": [BOUND]}
        )
    arena.own.add(
        "Basic Y29tcGFueS5leGFtcGxlOjQ0Mw=="
    )  # company.example:443, which the project itself wrote
    arena.project("public-lib", sources=sources)
    done = arena.home.ok("lock")
    assert len(arena.evil.requests) >= 7
    authorized = [
        request.path for request in arena.company.requests if request.authorization is not None
    ]
    assert authorized == ["/team-a/simple/public-lib/"] * len(SAME_PLACE)
    assert "https://xn--cmpany-wqf.example/team-a/simple" in done.err
    assert "cоmpany" not in done.err
    assert_clean(done)


@pytest.mark.parametrize(
    "url", [rf"https://{HOST}\@{EVIL}/simple/", rf"https://{EVIL}\@{HOST}/simple/"]
)
def test_a_url_that_parsers_read_differently_is_refused(arena: Arena, url: str) -> None:
    arena.project("public-lib", url=url)
    done = arena.home.fails("lock")
    assert "backslash" in done.text
    assert arena.evil.requests == arena.company.requests == []
    assert_clean(done)


TABLE = """
[tool.poetry-repo-plugin.company]
helper = ["{marker}"]
command = "{marker}"
password = "evil"
token = "evil"
verify = false
insecure = true
url = "https://evil.example/simple/"
origins = ["https://evil.example"]
client-cert = "x.pem"
ca = "{ca}"
publish-url = "https://evil.example/upload/"
provider = "aws"
"""
IGNORED = (
    "helper",
    "command",
    "password",
    "token",
    "verify",
    "insecure",
    "url",
    "origins",
    "client-cert",
    "ca",
)


@pytest.fixture
def marker(arena: Arena) -> Path:
    """A program of the attacker's; it must not run."""
    program = arena.home.project / "pwn"
    program.write_text(
        f"#!/bin/sh\ntouch {arena.home.root}/pwned\nprintf 'username=a\\npassword=b\\n'\n"
    )
    program.chmod(0o700)
    return program


class TestTheTable:
    """``[tool.poetry-repo-plugin.company]``."""

    @pytest.fixture(autouse=True)
    def _project(self, arena: Arena, marker: Path) -> None:
        (arena.home.project / "link.pem").symlink_to(arena.certs.directory / "ca.pem")
        arena.project("private-lib", url=URL, extra=TABLE.format(marker=marker, ca="link.pem"))
        arena.dist()

    def test_cannot_change_how_the_company_is_asked(self, arena: Arena) -> None:
        done = arena.home.ok("lock")
        assert {request.authorization is not None for request in arena.company.requests} == {True}
        assert arena.evil.requests == []
        listed = arena.home.ok("repo", "list")
        for key in IGNORED:
            assert f"[tool.poetry-repo-plugin.company] {key} is ignored" in listed.err
        assert not (arena.home.root / "pwned").exists()
        assert_clean(done)

    @pytest.mark.parametrize("outside", ["link.pem", "../../ca.pem", "{directory}/ca.pem"])
    def test_cannot_switch_verification_off_nor_name_a_ca_outside(
        self, arena: Arena, outside: str
    ) -> None:
        """Without the CA of this machine's own settings, the server is a stranger."""
        del arena.home.environ["REQUESTS_CA_BUNDLE"]
        (arena.home.root.parent / "ca.pem").write_bytes(arena.certs.ca.pem)
        text = TABLE.format(marker="x", ca=outside.format(directory=arena.certs.directory))
        arena.project("private-lib", url=URL, extra=text)
        done = arena.home.fails("lock")
        assert "[unknown-ca]" in done.text
        assert arena.company.requests == []

    def test_twin_a_ca_inside_the_project_is_believed(self, arena: Arena) -> None:
        del arena.home.environ["REQUESTS_CA_BUNDLE"]
        (arena.home.project / "own.pem").write_bytes(arena.certs.ca.pem)
        arena.project(
            "private-lib", url=URL, extra='[tool.poetry-repo-plugin.company]\nca = "own.pem"\n'
        )
        arena.home.ok("lock")

    def test_cannot_lead_an_upload_away_with_the_credential(self, arena: Arena) -> None:
        """The package goes where the project says, after a warning; the credential stays. Nor does
        it get there when the attacker asks for it.
        """
        done = arena.home.ok("publish", "-r", NAME)
        assert [upload.username for upload in arena.evil.uploads] == [None]
        assert f"poetry repo login {NAME} --url https://{EVIL}/upload/" in done.err
        arena.refuse()
        done = arena.home.fails("publish", "-r", NAME)
        assert "[origin-mismatch]" in done.text
        assert_clean(done)


POETRY_TOML = """
[repositories.company]
url = "https://evil.example/upload/"
[certificates.company]
cert = false
client-cert = "evil.pem"
[http-basic.company]
username = "evil"
password = "evil"
[pypi-token]
company = "evil"
"""


def test_poetry_toml(arena: Arena) -> None:
    """It names an upload URL, switches verification off and brings a login of its own."""
    arena.project("private-lib", url=URL)
    arena.dist()
    (arena.home.project / "poetry.toml").write_text(POETRY_TOML)
    arena.home.ok("lock")
    assert {
        request.authorization and request.authorization.password
        for request in arena.company.requests
    } == {PASSWORD}
    arena.refuse()
    done = arena.home.fails("publish", "-r", NAME)
    assert "[origin-mismatch]" in done.text
    del arena.home.environ["REQUESTS_CA_BUNDLE"]
    arena.company.clear()
    arena.forget_cache()
    assert "[unknown-ca]" in arena.home.fails("lock").text
    assert arena.company.requests == []


def test_direct_urls(arena: Arena) -> None:
    """A file on the attacker's host, and one of a stranger on the company's: only what lies below
    the company's own path gets the credential.
    """
    names = ("omega", "other", "ours")
    wheels = {name: packages.wheel(name, "1.0") for name in names}
    arena.evil.add(*wheels["omega"])
    arena.company.indexes[3].add(*wheels["other"])
    arena.company.add(*wheels["ours"])
    places = (f"https://{EVIL}/files", f"https://{HOST}/evil/files", f"https://{HOST}/team-a/files")
    urls = [
        f"{name} @ {place}/{wheels[name][0]}" for name, place in zip(names, places, strict=True)
    ]
    arena.project(*urls, url=URL)
    arena.home.ok("lock")
    authorized = {
        request.path for request in arena.company.requests if request.authorization is not None
    }
    assert authorized == {f"/team-a/files/{wheels['ours'][0]}"}
    assert [request.peer for request in arena.evil.requests] == [None]

    arena.refuse()
    arena.forget_cache()
    arena.project(urls[1], url=URL)
    done = arena.home.fails("lock")
    assert "[origin-mismatch]" in done.text
    assert f"outside of {BOUND}" in done.text


@pytest.mark.parametrize("how", ["a link", "a table", "poetry.toml"])
def test_a_strangers_file_on_the_companys_host(arena: Arena, how: str) -> None:
    """Whoever says that it is there: another index's page, or a project that names an upload URL
    above it.
    """
    name, content = packages.wheel("omega", "1.0")
    arena.company.indexes[3].add(name, content)
    file = f"https://{HOST}/evil/files/{name}"
    table = f'[tool.poetry-repo-plugin.{NAME}]\npublish-url = "https://{HOST}/evil/files/"\n'
    if how == "a link":
        page = f'<a href="{file}">{name}</a>'.encode()
        arena.evil.respond = lambda request: (
            Response(200, page, {"Content-Type": "text/html"})
            if request.path == "/simple/omega/"
            else None
        )
        arena.project("omega", sources={"other": EVIL_URL})
    else:
        arena.project(f"omega @ {file}", url=URL, extra=table if how == "a table" else "")
        if how == "poetry.toml":
            text = f'[repositories.{NAME}]\nurl = "https://{HOST}/evil/files/"\n'
            (arena.home.project / "poetry.toml").write_text(text)
    arena.home.ok("lock")
    assert arena.locked() == ["omega-1.0"]
    assert [request.path for request in arena.company.requests if request.path.startswith("/evil/")]


@pytest.mark.parametrize("trust", ["a CA of the project", "no verification"])
def test_a_host_that_is_reached_through_borrowed_trust_gets_nothing(
    arena: Arena, trust: str
) -> None:
    """The index of ``other`` leads to the intranet, where somebody else sits on the line with a
    certificate that only the project's word for ``other`` vouches for; netrc has a login for the
    intranet.
    """
    del arena.home.environ["REQUESTS_CA_BUNDLE"]
    (arena.home.project / "own.pem").write_bytes(arena.certs.ca.pem)
    netrc = arena.home.root / "netrc"
    netrc.write_text(f"machine intranet.{EVIL} login {USER} password {PASSWORD}\n")
    arena.home.environ["NETRC"] = str(netrc)
    name, content = packages.wheel("omega", "1.0")
    arena.evil.add(name, content)
    page = f'<a href="https://intranet.{EVIL}/files/{name}">{name}</a>'.encode()
    arena.evil.respond = lambda request: (
        Response(200, page, {"Content-Type": "text/html"})
        if request.path == "/simple/omega/"
        else None
    )
    if trust == "no verification":
        arena.settle("auth.toml", "certificates", "other", value={"cert": False})
    table = '[tool.poetry-repo-plugin.other]\nca = "own.pem"\n'
    arena.project(
        "omega", sources={"other": EVIL_URL}, extra=table if trust != "no verification" else ""
    )
    arena.home.ok("lock")
    assert arena.locked() == ["omega-1.0"]
    assert [
        request
        for request in arena.evil.requests
        if request.headers.get("host", "").startswith("intranet.")
    ]


def test_what_a_reused_name_says_of_a_package_is_not_remembered(arena: Arena) -> None:
    """Poetry's cache of metadata goes by the name of the source: the company's project would lock
    what the stranger said of its package.
    """
    name, content = packages.wheel("private-lib", "1.0", ["public-lib"])
    arena.evil.add(name, content)
    arena.project("private-lib (==1.0)", url=EVIL_URL)
    arena.home.ok("lock")
    assert arena.locked() == ["private-lib-1.0", "public-lib-1.0"]
    (arena.home.project / "poetry.lock").unlink()
    arena.project("private-lib (==1.0)", url=URL)
    arena.home.ok("lock")
    assert arena.locked() == ["private-lib-1.0"]


def test_a_project_does_not_hide_that_something_was_withheld(arena: Arena) -> None:
    """By calling refusals harmless."""
    arena.refuse()
    table = f"[tool.poetry-repo-plugin.{NAME}]\nignore-error-codes = [401, 403]\n"
    arena.project("private-lib", url=EVIL_URL, extra=table)
    assert "[origin-mismatch]" in arena.home.fails("lock").text


def test_a_token_of_pypi_is_for_pypi(arena: Arena) -> None:
    """A project says that PyPI takes its uploads elsewhere."""
    arena.project(url=URL)
    arena.dist()
    (arena.home.project / "poetry.toml").write_text(
        '[repositories.pypi]\nurl = "https://evil.example/upload/"\n'
    )
    arena.settle("auth.toml", "pypi-token", "pypi", value=TOKEN)
    done = arena.home.run("publish", "-r", "pypi")
    assert arena.evil.uploads == []
    assert done.code == 1, "PyPI is not there"
    assert "poetry.toml sets an upload URL for PyPI" in arena.home.ok("repo", "list").err
    arena.home.environ["POETRY_PYPI_TOKEN_PYPI"] = TOKEN
    arena.home.fails("publish", "-r", "pypi")
    assert arena.evil.uploads == []
    assert_clean(done)


@pytest.fixture
def strict_evil(arena: Arena, certs: CertificateFactory) -> Iterator[IndexServer]:
    """The attacker ends every handshake without a client certificate of the company's CA."""
    with IndexServer(tls=server_context(certs.server("strict.evil.example"), certs.ca)) as server:
        arena.proxy.hosts["strict.evil.example:443"] = ("127.0.0.1", server.port)
        yield server
        del arena.proxy.hosts["strict.evil.example:443"]


def test_a_client_certificate_that_is_demanded_is_not_shown(
    arena: Arena, strict_evil: IndexServer
) -> None:
    arena.project("public-lib", url="https://strict.evil.example/simple/")
    done = arena.home.fails("lock")
    assert "[origin-mismatch]" in done.text
    assert f"belongs to https://{HOST}" in done.text
    assert f"poetry repo login {NAME} --url https://strict.evil.example/simple" in done.text
    assert strict_evil.requests == []
    assert_clean(done)
