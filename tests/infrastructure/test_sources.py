"""Private and public indexes in one project, in every way that Poetry can be told to use them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import packages
from tests.certs import CertificateFactory, server_context
from tests.integration.world import assert_no_secret, installed, source
from tests.servers import IndexServer, RecordedRequest, Response
from tests.warm import WarmHome

USER, PASSWORD = "alice", "Pa55-{cache-dir}-wörd"


@pytest.fixture(scope="module")
def servers(certs: CertificateFactory) -> Iterator[tuple[IndexServer, IndexServer]]:
    with (
        IndexServer() as public,
        IndexServer(tls=server_context(certs.server()), credentials={USER: PASSWORD}) as own,
    ):
        for version in ("1.0", "2.0"):
            own.add(*packages.wheel("own-lib", version, ["public-lib"]))
        public.add(*packages.wheel("public-lib", "1.0"))
        public.add(*packages.wheel("own-lib", "9.0"))  # a stranger's, of the same name
        yield public, own


@pytest.fixture
def public(servers: tuple[IndexServer, IndexServer]) -> IndexServer:
    servers[0].clear()
    return servers[0]


@pytest.fixture
def own(servers: tuple[IndexServer, IndexServer]) -> Iterator[IndexServer]:
    servers[1].clear()
    yield servers[1]
    servers[1].respond = None


@pytest.fixture
def known(home: WarmHome, own: IndexServer, certs: CertificateFactory) -> WarmHome:
    """A home outside any project that may use the private index, as ``own``."""
    home.ok("repo", "add", "own", own.index_url)
    home.ok("repo", "certs", "own", "--ca", str(certs.ca_file()))
    home.ok("repo", "login", "own", "--username", USER, "--password-stdin", stdin=f"{PASSWORD}\n")
    return home


def locked(home: WarmHome) -> dict[str, tuple[str, str]]:
    """Version and source of each package in the lock file."""
    packages = home.lock()["package"]
    return {
        found["name"]: (found["version"], found.get("source", {}).get("reference", ""))
        for found in packages
    }


def pinned(text: str = "") -> str:
    return f'[tool.poetry.dependencies]\nown-lib = {{ version = "*", source = "own" }}\n{text}'


class TestPriorities:
    def test_explicit(
        self, known: WarmHome, own: IndexServer, public: IndexServer, venv: Path
    ) -> None:
        """The private index is asked for what names it, and for nothing else."""
        sources = source("public", public.index_url) + source("own", own.index_url, "explicit")
        known.write_project(dependencies=("own-lib", "public-lib"), extra=sources + pinned())
        own.clear()
        known.ok("lock")
        assert locked(known) == {"own-lib": ("2.0", "own"), "public-lib": ("1.0", "public")}
        assert "/simple/public-lib/" not in own.paths()
        known.ok("install", "--no-root")
        assert {"own_lib-2.0", "public_lib-1.0"} <= set(installed(venv))
        assert not public.authorizations()

    def test_supplemental(self, known: WarmHome, own: IndexServer, public: IndexServer) -> None:
        """It is asked only for what the primary one lacks."""
        del public.index.packages["own_lib-9.0-py3-none-any.whl"]
        try:
            sources = source("public", public.index_url) + source(
                "own", own.index_url, "supplemental"
            )
            known.write_project(dependencies=("own-lib",), extra=sources)
            known.ok("lock")
        finally:
            public.add(*packages.wheel("own-lib", "9.0"))
        assert locked(known) == {"own-lib": ("2.0", "own"), "public-lib": ("1.0", "public")}
        assert not public.authorizations()

    @pytest.mark.parametrize("priority", ["primary", "explicit", "supplemental"])
    def test_twin_logged_out(
        self, known: WarmHome, own: IndexServer, public: IndexServer, priority: str
    ) -> None:
        """A private index that refuses stops the command: a stranger's package of the same name is
        not taken.
        """
        known.ok("repo", "logout", "own")
        mine, other = source("own", own.index_url, priority), source("public", public.index_url)
        constraint = "[tool.poetry.dependencies]\nown-lib = { version = '<9', source = 'own' }\n"
        extra = pinned() if priority == "explicit" else ""
        if priority == "supplemental":
            extra = constraint
        known.write_project(dependencies=("own-lib",), extra=mine + other + extra)
        done = known.fails("lock")
        assert done.text.count("[credential-missing]") == 1, done.text
        assert not (known.project / "poetry.lock").exists()


class TestAdd:
    def test_from_a_source(
        self, known: WarmHome, own: IndexServer, public: IndexServer, venv: Path
    ) -> None:
        sources = source("public", public.index_url) + source("own", own.index_url, "explicit")
        known.write_project(extra=sources)
        done = known.ok("add", "--source", "own", "own-lib")
        assert "own_lib-2.0" in installed(venv)
        assert locked(known)["own-lib"] == ("2.0", "own")
        assert_no_secret(done, PASSWORD)

    def test_twin_wrong_password(
        self, known: WarmHome, own: IndexServer, public: IndexServer, venv: Path
    ) -> None:
        sources = source("public", public.index_url) + source("own", own.index_url, "explicit")
        file = known.write_project(extra=sources)
        before = file.read_bytes()
        known.ok("repo", "login", "own", "--username", USER, "--password", "wrong", "--no-verify")
        done = known.fails("add", "--source", "own", "own-lib")
        assert done.text.count("[credential-rejected]") == 1, done.text
        assert file.read_bytes() == before
        assert installed(venv) == []


class TestOnePage:
    """A single page of links (``--find-links`` of pip), which Poetry takes for a URL that ends in
    .html.
    """

    @pytest.fixture
    def page(self, known: WarmHome, own: IndexServer) -> str:
        def answer(request: RecordedRequest) -> Response | None:
            if request.path != "/links.html" or request.authorization is None:
                return None if request.path != "/links.html" else own.index.read_access.challenge()
            return Response.html(
                "".join(f'<a href="files/{name}">{name}</a>' for name in sorted(own.index.packages))
            )

        own.respond = answer
        url = f"{own.origin}/links.html"
        known.ok("repo", "add", "own", url)
        return url

    def test_lock_and_install(
        self, known: WarmHome, page: str, public: IndexServer, venv: Path
    ) -> None:
        sources = source("own", page) + source("public", public.index_url)
        known.write_project(dependencies=("own-lib (<9)",), extra=sources)
        known.ok("lock")
        assert locked(known)["own-lib"] == ("2.0", "own")
        known.ok("install", "--no-root")
        assert "own_lib-2.0" in installed(venv)

    def test_twin(self, known: WarmHome, page: str, public: IndexServer) -> None:
        known.ok("repo", "logout", "own")
        known.write_project(dependencies=("own-lib",), extra=source("own", page))
        done = known.fails("lock")
        assert done.text.count("[credential-missing]") == 1, done.text


class TestSearch:
    """``poetry search`` asks each source for packages of that name, in requests of its own."""

    def test_finds(self, known: WarmHome, own: IndexServer) -> None:
        known.write_project(extra=source("own", own.index_url))
        done = known.ok("search", "own-lib")
        assert "own-lib" in done.text

    def test_twin(self, known: WarmHome, own: IndexServer) -> None:
        known.ok("repo", "logout", "own")
        known.write_project(extra=source("own", own.index_url))
        done = known.run("search", "own-lib")
        assert "[credential-missing]" in done.text, (done.code, done.text)


class TestOf2022:
    """A stranger's project, written for Poetry 1.1."""

    OLD = """\
[tool.poetry]
name = "old"
version = "0.3.0"
description = "somebody's"
authors = ["A. Nonym <a@example.org>"]

[tool.poetry.dependencies]
python = "^3.10"
own-lib = "^2.0"          # from the company's index

[[tool.poetry.source]]
name = "public"
url = "{public}"
default = true

[[tool.poetry.source]]
name = "own"              # asked second
url = "{own}"
secondary = true

[build-system]
requires = ["poetry-core>=1.0.0"]
build-backend = "poetry.core.masonry.api"
"""

    def test_is_migrated_and_locked(
        self, known: WarmHome, own: IndexServer, public: IndexServer, venv: Path
    ) -> None:
        file = known.project / "pyproject.toml"
        file.write_text(self.OLD.format(public=public.index_url, own=own.index_url))
        refused = known.run("lock")
        assert refused.code == 1
        assert refused.text.rstrip().endswith("Try: poetry repo migrate"), refused.text
        known.ok("repo", "migrate")
        text = file.read_text()
        assert "secondary" not in text
        assert "default" not in text
        assert "# asked second" in text
        assert "# from the company's index" in text
        del public.index.packages["own_lib-9.0-py3-none-any.whl"]
        try:
            known.ok("lock")
        finally:
            public.add(*packages.wheel("own-lib", "9.0"))
        assert locked(known) == {"own-lib": ("2.0", "own"), "public-lib": ("1.0", "public")}
        known.ok("install", "--no-root")
        assert {"own_lib-2.0", "public_lib-1.0"} <= set(installed(venv))
        assert "nothing" in known.ok("repo", "migrate").text.lower()

    def test_twin_other_mistakes(self, known: WarmHome) -> None:
        """What Poetry refuses for another reason is not for ``migrate``."""
        file = known.write_project(extra=source("own", "https://pypi.example.org/simple/"))
        file.write_text(file.read_text().replace('priority = "primary"', 'priority = "first"'))
        done = known.fails("lock")
        assert "configuration is invalid" in done.text
        assert "migrate" not in done.text
