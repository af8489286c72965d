"""A team's project: what is committed serves everybody; a colleague and a CI job add their
credential, and no more.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import packages
from tests.certs import CertificateFactory, server_context
from tests.integration.world import assert_no_secret, installed, source
from tests.poetry_process import poetry_under_test
from tests.servers import IndexServer, RecordedRequest, Response
from tests.warm import WarmHome, Zygote

NAME = "acme"
USER, PASSWORD = "alice", "Pa55-{cache-dir}-wörd"
CI = {
    f"POETRY_HTTP_BASIC_{NAME.upper()}_USERNAME": USER,
    f"POETRY_HTTP_BASIC_{NAME.upper()}_PASSWORD": PASSWORD,
}


@pytest.fixture(scope="module")
def public() -> Iterator[IndexServer]:
    with IndexServer() as server:
        server.add(*packages.wheel("public-lib", "1.0"))
        yield server


@pytest.fixture(scope="module")
def index(certs: CertificateFactory) -> Iterator[IndexServer]:
    """As some companies' are: its CA is the company's own, and it says 403 for a package that it
    does not have.
    """

    def forbid_unknown(request: RecordedRequest) -> Response | None:
        return (
            Response.text(403, "no such package") if request.path == "/simple/public-lib/" else None
        )

    with IndexServer(tls=server_context(certs.server()), credentials={USER: PASSWORD}) as server:
        server.respond = forbid_unknown
        server.add(*packages.wheel("lib", "1.0"))
        yield server


@pytest.fixture(scope="module")
def committed(
    index: IndexServer,
    public: IndexServer,
    certs: CertificateFactory,
    zygote: Zygote,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, bytes]:
    """The files of the repository that colleagues clone: the project, its lock file, the company's
    CA.
    """
    author = WarmHome(
        tmp_path_factory.mktemp("author") / "home", poetry_under_test(), zygote=zygote
    )
    author.environ.update(CI, POETRY_VIRTUALENVS_CREATE="false")
    sources = source(NAME, index.index_url) + source("public", public.index_url)
    team = f'[tool.poetry-repo-plugin.{NAME}]\npublish-url = "{index.upload_url}"\nca = "certs/company.pem"\n'
    team += "ignore-error-codes = [403]\n"
    author.write_project("app", dependencies=("lib", "public-lib"), extra=sources + team)
    (author.project / "certs").mkdir()
    (author.project / "certs" / "company.pem").write_bytes(certs.ca.pem)
    author.ok("lock")
    there = (path for path in author.project.rglob("*") if path.is_file())
    return {str(path.relative_to(author.project)): path.read_bytes() for path in there}


@pytest.fixture
def clone(committed: dict[str, bytes], home: WarmHome, index: IndexServer, venv: Path) -> WarmHome:
    """Somebody else's home with a clone of it."""
    for name, content in committed.items():
        path = home.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    index.clear()
    return home


def test_a_colleague_is_told_what_is_missing(
    clone: WarmHome, index: IndexServer, venv: Path
) -> None:
    """Exactly one command: the CA came with the project."""
    done = clone.fails("install")
    assert done.text.count("[credential-missing]") == 1, done.text
    told = [line.strip(" |") for line in done.text.splitlines() if "poetry repo" in line]
    assert told == [f"Try: poetry repo login {NAME}"]
    clone.ok("repo", "login", NAME, "--username", USER, "--password-stdin", stdin=f"{PASSWORD}\n")
    clone.ok("install")
    assert {"lib-1.0", "public_lib-1.0"} <= set(installed(venv))


def test_a_ci_job_needs_two_variables(clone: WarmHome, index: IndexServer, venv: Path) -> None:
    clone.environ.update(CI)
    clone.ok("install")
    assert {"lib-1.0", "public_lib-1.0"} <= set(installed(venv))
    done = clone.ok("publish", "--build", "-r", NAME)
    assert [upload.username for upload in index.uploads] == [USER, USER]
    assert_no_secret(done, PASSWORD)
    assert not (clone.config / "auth.toml").exists()


@pytest.mark.parametrize("variable", sorted(CI))
def test_twin_one_variable_is_not_enough(
    clone: WarmHome, index: IndexServer, variable: str
) -> None:
    clone.environ[variable] = CI[variable]
    done = clone.fails("install")
    assert "credential" in done.text
    assert not any(request.status == 200 for request in index.requests)


@pytest.mark.parametrize("line", ["ca = ", "publish-url = ", "ignore-error-codes = "])
def test_twin_without_a_line(clone: WarmHome, index: IndexServer, line: str) -> None:
    """Each line of the team's table is needed for what it is for."""
    file = clone.project / "pyproject.toml"
    kept = [text for text in file.read_text().splitlines() if not text.startswith(line)]
    file.write_text("\n".join(kept))
    clone.environ.update(CI)
    words, cause = {
        "ca = ": (("lock",), "unknown-ca"),
        "publish-url = ": (("publish", "--build", "-r", NAME), "not-an-upload-url"),
        "ignore-error-codes = ": (("lock", "--regenerate"), "credential-rejected"),
    }[line]
    done = clone.fails(*words)
    assert done.text.count(f"[{cause}]") == 1, done.text
    assert index.uploads == []
