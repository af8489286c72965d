"""A project that brings a CA of its own: an impostor with that CA's certificates sits on the line,
as PyPI or as the company, and must receive nothing. The twins believe the same CA where it counts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests import packages
from tests.attacks.arena import (
    EVIL,
    EVIL_URL,
    HOST,
    NAME,
    PASSWORD,
    TOKEN,
    UPLOAD,
    URL,
    USER,
    Arena,
    assert_clean,
)
from tests.certs import CertificateFactory, server_context
from tests.integration.test_trusted_publishing_e2e import GithubTokens
from tests.servers import IndexServer

PYPI_HOSTS = ("pypi.org", "upload.pypi.org", "files.pythonhosted.org")
TEAM = "team.example"
TEAM_URL = f"https://{TEAM}/simple/"
CLOUD = "acme-123456789012.d.codeartifact.eu-west-1.amazonaws.com"
CLOUD_URL = f"https://{CLOUD}/pypi/main/simple/"
IGNORED = "is ignored: "


@pytest.fixture
def impostor(arena: Arena, certs: CertificateFactory) -> Iterator[IndexServer]:
    """Answers for PyPI, for ``team.example``, and for the company where a test says so; only the CA
    in the project, ``evil.pem``, vouches for it.
    """
    (arena.home.project / "evil.pem").write_bytes(certs.other_ca.pem)
    identity = certs.other_ca.server(*PYPI_HOSTS, TEAM, CLOUD, HOST)
    before = dict(arena.proxy.hosts)
    with IndexServer(tls=server_context(identity, certs.ca, require=False)) as server:
        server.add(*packages.wheel("public-lib", "1.0"))
        for host in (*PYPI_HOSTS, TEAM, CLOUD):
            arena.proxy.hosts[f"{host}:443"] = ("127.0.0.1", server.port)
        yield server
    arena.proxy.hosts.clear()
    arena.proxy.hosts.update(before)


def sit_on_the_line(arena: Arena, impostor: IndexServer) -> None:
    """Whoever asks the company reaches the impostor."""
    arena.proxy.hosts[f"{HOST}:443"] = ("127.0.0.1", impostor.port)


def write_poetry_toml(arena: Arena, text: str) -> None:
    (arena.home.project / "poetry.toml").write_text(text, encoding="utf-8")


CLAIMS_ON_PYPI = {
    "poetry.toml": ('[certificates.pypi]\ncert = "evil.pem"\n', ""),
    "poetry.toml, other case": ('[certificates.PyPI]\ncert = "evil.pem"\n', ""),
    "table": ("", '[tool.poetry-repo-plugin.pypi]\nca = "evil.pem"\n'),
    "table, other case": ("", '[tool.poetry-repo-plugin.PYPI]\nca = "evil.pem"\n'),
}


@pytest.mark.parametrize("claim", CLAIMS_ON_PYPI)
def test_nobody_becomes_pypi(arena: Arena, impostor: IndexServer, claim: str) -> None:
    poetry_toml, table = CLAIMS_ON_PYPI[claim]
    write_poetry_toml(arena, poetry_toml)
    arena.project("public-lib", extra=table)
    arena.dist()
    arena.home.environ["POETRY_PYPI_TOKEN_PYPI"] = TOKEN
    for words in (("publish",), ("publish", "-r", "pypi"), ("lock",)):
        done = arena.home.fails(*words)
        assert done.err.count("a project cannot choose the CA for PyPI") == 1
        assert_clean(done)
    assert impostor.requests == []


@pytest.mark.parametrize(
    "upload", ["https://upload.pypi.org/legacy/", "https://UPLOAD.PyPI.org:443/legacy/"]
)
def test_nor_under_another_name(arena: Arena, impostor: IndexServer, upload: str) -> None:
    """PyPI by its URL, for uploads and for downloads."""
    table = '[tool.poetry-repo-plugin.mine]\nca = "evil.pem"\n'
    arena.project("public-lib", sources={"mirror": "https://pypi.org/simple/"}, extra=table)
    text = f'[repositories.mine]\nurl = "{upload}"\n[certificates.mirror]\ncert = "evil.pem"\n'
    write_poetry_toml(arena, text)
    arena.dist()
    arena.home.environ.update(
        POETRY_HTTP_BASIC_MINE_USERNAME="__token__", POETRY_HTTP_BASIC_MINE_PASSWORD=TOKEN
    )
    for words, name in ((("publish", "-r", "mine"), "mine"), (("lock",), "mirror")):
        done = arena.home.fails(*words)
        assert done.err.count(f"{name} is at PyPI") == 1
        assert "[unknown-ca]" in done.text
        assert_clean(done)
    assert impostor.requests == []


def test_a_token_is_not_minted_by_an_impostor(arena: Arena, impostor: IndexServer) -> None:
    """Trusted publishing sends the identity of the CI's job."""
    with GithubTokens() as github:
        arena.home.environ.update(
            GITHUB_ACTIONS="true",
            ACTIONS_ID_TOKEN_REQUEST_URL=f"{github.origin}/token?api-version=2.0",
            ACTIONS_ID_TOKEN_REQUEST_TOKEN="job-secret",
        )
        write_poetry_toml(arena, '[certificates.pypi]\ncert = "evil.pem"\n')
        arena.project()
        arena.dist()
        done = arena.home.fails("publish")
        assert "a project cannot choose the CA for PyPI" in done.err
        assert github.requests == []
    assert impostor.requests == []


def test_twin_the_user_may_say_so(arena: Arena, impostor: IndexServer) -> None:
    """Behind a company's proxy that opens TLS, say; what the project says is then no matter, and
    not told.
    """
    arena.settle(
        "auth.toml", "certificates", "pypi", value={"cert": str(arena.home.project / "evil.pem")}
    )
    write_poetry_toml(arena, '[certificates.pypi]\ncert = "evil.pem"\n')
    arena.project()
    arena.dist()
    impostor.respond = None
    arena.home.environ["POETRY_PYPI_TOKEN_PYPI"] = TOKEN
    done = arena.home.run("publish")
    assert [
        request.authorization and request.authorization.password for request in impostor.requests
    ] == [TOKEN]
    assert IGNORED not in done.err


@pytest.mark.parametrize(
    "where", ["poetry.toml", "poetry.toml, other case", "poetry.toml, absolute", "table"]
)
def test_twin_a_repository_of_the_project(arena: Arena, impostor: IndexServer, where: str) -> None:
    """That nobody knows as anything else."""
    file = (
        str(arena.home.project / "evil.pem") if where.endswith("absolute") else "certs/../evil.pem"
    )
    name = "TEAM" if where.endswith("case") else "team"
    if where == "table":
        table = '[tool.poetry-repo-plugin.team]\nca = "evil.pem"\n'
    else:
        table = ""
        write_poetry_toml(arena, f'[certificates.{name}]\ncert = "{file}"\n')
    arena.project("public-lib", sources={"team": TEAM_URL}, extra=table)
    done = arena.home.ok("lock")
    assert arena.locked() == ["public-lib-1.0"]
    assert IGNORED not in done.err
    assert IGNORED not in arena.home.ok("repo", "list").err


@pytest.mark.parametrize("said", ["bound", "repositories.NAME.url", "environment"])
def test_a_name_that_the_user_knows_as_another_place(
    arena: Arena, impostor: IndexServer, said: str
) -> None:
    """The project names the company at its own server, with its own CA; an upload goes where the
    user has said.
    """
    sit_on_the_line(arena, impostor)
    arena.settle("config.toml", "repositories", "company", value={"url": UPLOAD})
    if said != "bound":
        arena.settle("poetry-repo-plugin.toml", "repositories", value={})
        arena.settle("auth.toml", "certificates", value={})
    if said == "environment":
        arena.settle("config.toml", "repositories", value={})
        arena.home.environ["POETRY_REPOSITORIES_COMPANY_URL"] = UPLOAD
    arena.project(url=EVIL_URL, extra=f'[tool.poetry-repo-plugin.{NAME}]\nca = "evil.pem"\n')
    arena.dist()
    done = arena.home.fails("publish", "-r", NAME)
    assert "[unknown-ca]" in done.text
    assert f"company belongs to https://{HOST}, and this project says https://{EVIL}" in done.err
    assert f"poetry repo login company --url https://{EVIL}" in done.err
    assert_clean(done)
    assert impostor.requests == []


def test_a_place_that_the_user_has_added(arena: Arena, impostor: IndexServer) -> None:
    """The project names the company where it is, and its own server as well: the user's own place
    for uploads is believed by the user's word only.
    """
    arena.proxy.hosts[f"{TEAM}:443"] = ("127.0.0.1", impostor.port)
    arena.settle("config.toml", "repositories", "company", value={"url": f"https://{TEAM}/upload/"})
    arena.project(url=URL, extra=f'[tool.poetry-repo-plugin.{NAME}]\nca = "evil.pem"\n')
    arena.dist()
    arena.home.environ.update(
        POETRY_HTTP_BASIC_COMPANY_USERNAME=USER, POETRY_HTTP_BASIC_COMPANY_PASSWORD=PASSWORD
    )
    assert "[unknown-ca]" in arena.home.fails("publish", "-r", NAME).text
    assert impostor.requests == []


def test_a_repository_that_the_project_does_not_name(arena: Arena, impostor: IndexServer) -> None:
    sit_on_the_line(arena, impostor)
    arena.settle("config.toml", "repositories", "company", value={"url": UPLOAD})
    arena.project(extra='[tool.poetry-repo-plugin.Company]\nca = "evil.pem"\n')
    write_poetry_toml(arena, '[certificates.COMPANY]\ncert = "evil.pem"\n')
    arena.dist()
    for words in (
        ("publish", "-r", NAME),
        ("repo", "login", NAME, "--username", USER, "--password", PASSWORD, "--plaintext"),
        ("repo", "doctor", NAME),
    ):
        done = arena.home.fails(*words)
        assert "this project names no repository" in " ".join(done.text.split())
        assert_clean(done)
    assert impostor.requests == []


def test_another_name_for_the_company_s_server(arena: Arena, impostor: IndexServer) -> None:
    """A source below the company's index would lend its CA to what is asked there."""
    sit_on_the_line(arena, impostor)
    arena.project("private-lib", sources={NAME: URL, "zzz": f"{URL}private-lib/"})
    write_poetry_toml(arena, '[certificates.zzz]\ncert = "evil.pem"\n')
    done = arena.home.fails("lock")
    assert f"you know https://{HOST} as company" in done.err
    assert "[unknown-ca]" in done.text
    assert impostor.requests == []


def test_a_further_name_for_what_only_the_environment_knows(
    arena: Arena, impostor: IndexServer
) -> None:
    """The login of one name also serves another one for the same URL, which has the project's
    CA.
    """
    sit_on_the_line(arena, impostor)
    impostor.index.credentials = {}
    for file in ("auth.toml", "poetry-repo-plugin.toml"):
        (arena.home.config / file).unlink()
    login = {"USERNAME": USER, "PASSWORD": PASSWORD}
    arena.home.environ.update(
        {f"POETRY_HTTP_BASIC_WORK_{key}": value for key, value in login.items()}
    )
    arena.home.environ["POETRY_REPOSITORIES_WORK_URL"] = URL
    table = '[tool.poetry-repo-plugin.zzz]\nca = "evil.pem"\n'
    arena.project("private-lib", sources={"zzz": URL}, extra=table)
    done = arena.home.fails("lock")
    assert impostor.requests == []
    assert f"you know https://{HOST} as work" in done.err
    assert "[unknown-ca]" in done.text
    assert_clean(done)


def use_cloud(arena: Arena, impostor: IndexServer, extra: str) -> None:
    """The user is logged in to a cloud, whose own tool hands out tokens; the project names an index
    there.
    """
    index = impostor.add_index("/pypi/main/simple/")
    index.add(*packages.wheel("public-lib", "1.0"))
    index.credentials = {"aws": TOKEN}
    tools = arena.home.root / "tools"
    tools.mkdir()
    token = json.dumps({"authorizationToken": TOKEN, "expiration": "2099-01-01T00:00:00+00:00"})
    (tools / "aws").write_text(f"#!/bin/sh\necho '{token}'\n")
    (tools / "aws").chmod(0o700)
    arena.home.environ["PATH"] = f"{tools}:/usr/bin:/bin"
    arena.project("public-lib", sources={"cloud": CLOUD_URL}, extra=extra)


@pytest.mark.parametrize("provider", ["aws", None])
def test_a_cloud_s_token_goes_to_nobody_else(
    arena: Arena, impostor: IndexServer, provider: str | None
) -> None:
    """It is good for all that the user may do there, and such a host needs no CA of a project."""
    table = '[tool.poetry-repo-plugin.cloud]\nca = "evil.pem"\n'
    use_cloud(arena, impostor, table + (f'provider = "{provider}"\n' if provider else ""))
    done = arena.home.fails("lock")
    assert impostor.requests == []
    assert (
        f"cloud is at {CLOUD}, and a project cannot choose the CA for a public service" in done.err
    )
    assert f"poetry repo certs cloud --ca {arena.home.project / 'evil.pem'}" in done.err
    assert_clean(done)


def test_twin_the_user_s_own_ca_for_a_cloud(arena: Arena, impostor: IndexServer) -> None:
    """Behind a company's proxy that opens TLS."""
    arena.settle(
        "auth.toml", "certificates", "cloud", value={"cert": str(arena.home.project / "evil.pem")}
    )
    use_cloud(arena, impostor, "")
    arena.home.ok("lock")
    assert {one.authorization.password for one in impostor.requests if one.authorization} == {TOKEN}


def test_twin_two_repositories_of_one_server_share_the_project_s_ca(arena: Arena) -> None:
    del arena.home.environ["REQUESTS_CA_BUNDLE"]
    (arena.home.project / "own.pem").write_bytes(arena.certs.ca.pem)
    arena.project("private-lib", sources={NAME: URL, "beside": f"https://{HOST}/evil/simple/"})
    claims = "".join(f'[certificates.{name}]\ncert = "own.pem"\n' for name in (NAME, "beside"))
    write_poetry_toml(arena, claims)
    done = arena.home.ok("lock")
    assert arena.locked() == ["private-lib-1.0"]
    assert IGNORED not in done.err


@pytest.mark.parametrize(
    "path", ["link.pem", "folder/ca.pem", "../../ca.pem", "{directory}/ca.pem", "~/ca.pem"]
)
def test_a_path_outside_the_project(arena: Arena, path: str) -> None:
    """It would be read, and its existence told."""
    del arena.home.environ["REQUESTS_CA_BUNDLE"]
    project = arena.home.project
    (project / "link.pem").symlink_to(arena.certs.directory / "ca.pem")
    (project / "folder").symlink_to(arena.certs.directory)
    (arena.home.root.parent / "ca.pem").write_bytes(arena.certs.ca.pem)
    write_poetry_toml(
        arena, f'[certificates.company]\ncert = "{path.format(directory=arena.certs.directory)}"\n'
    )
    arena.project("private-lib", url=URL)
    done = arena.home.fails("lock")
    said = f"certificates.company.cert in poetry.toml {IGNORED}it is not a path inside the project."
    assert done.err.count(said) == 1
    assert "[unknown-ca]" in done.text
    assert arena.company.requests == []


COMMANDS = (
    (),
    ("list",),
    ("list", "--json"),
    ("show", "team"),
    ("show", "team", "--json"),
    ("add", "other", "https://other.example/simple/"),
    ("certs", "team"),
    ("doctor", "pypi"),
    ("login", "team", "--username", "u", "--password", "p", "--no-verify", "--plaintext"),
    ("token", "team"),
    ("logout", "team"),
    ("import", ".pypirc"),
    ("migrate", "--dry-run"),
    ("remove", "other"),
)


def test_every_command_says_what_is_ignored(arena: Arena, impostor: IndexServer) -> None:
    write_poetry_toml(
        arena, '[certificates.pypi]\ncert = "evil.pem"\n[certificates.nobody]\ncert = "evil.pem"\n'
    )
    arena.project(sources={"team": TEAM_URL})
    (arena.home.project / ".pypirc").write_text("[distutils]\nindex-servers =\n")
    for words in COMMANDS:
        done = arena.home.run("repo", *words)
        assert done.text.count(f"certificates.pypi.cert in poetry.toml {IGNORED}") == 1, (
            words,
            done.text,
        )
        assert done.text.count("names no repository nobody") == 1, (words, done.text)
    assert impostor.requests == []


def test_verification_is_not_switched_off_by_poetry_s_other_word(
    arena: Arena, impostor: IndexServer
) -> None:
    """``certificates.NAME.verify``, which Poetry reads as well."""
    sit_on_the_line(arena, impostor)
    write_poetry_toml(arena, "[certificates.company]\nverify = false\n")
    arena.project("private-lib", url=URL)
    assert "[unknown-ca]" in arena.home.fails("lock").text
    assert "switches off certificates.company" in arena.home.ok("repo", "list").err
    assert impostor.requests == []
