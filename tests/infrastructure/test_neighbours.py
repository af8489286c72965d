"""Beside other plugins that many people have: both do what they are for.

``.ci/run`` makes ``.venvs/neighbours``: Poetry with this plugin, poetry-plugin-export,
poetry-plugin-bundle, poetry-plugin-pypi-mirror, poetry-plugin-truststore and
poetry-dynamic-versioning.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests import packages
from tests.certs import CertificateFactory, server_context
from tests.infrastructure.parts import VENVS, missing
from tests.integration.world import assert_no_secret, installed, make_venv, source
from tests.poetry_process import PoetryHome
from tests.servers import IndexServer

NAME = "acme"
USER, PASSWORD = "alice", "Pa55 {cache-dir} wörd"
PLUGINS = ("export", "bundle", "pypi-mirror", "truststore", "dynamic-versioning")


@pytest.fixture(scope="module")
def poetry() -> Path:
    """A Poetry with all of them; the plugin's own code is the one of this folder."""
    executable = VENVS / "neighbours" / "bin" / "poetry"
    if not (executable.exists() and (VENVS / "neighbours" / ".complete").exists()):
        return missing("there is no .venvs/neighbours with the other plugins (.ci/run makes it)")
    return executable


@pytest.fixture(scope="module")
def module_index(certs: CertificateFactory) -> Iterator[IndexServer]:
    tls = server_context(certs.server(), certs.ca)
    with IndexServer(tls=tls, credentials={USER: PASSWORD}) as server:
        server.add(*packages.wheel("lib", "1.0"))
        server.add(*packages.installed_wheel("poetry-core"))
        yield server


@pytest.fixture
def index(module_index: IndexServer) -> IndexServer:
    module_index.clear()
    return module_index


@pytest.fixture
def home(poetry: Path, tmp_path: Path, index: IndexServer, certs: CertificateFactory) -> PoetryHome:
    """A home that may use the index, which wants a client certificate and a password."""
    home = PoetryHome(tmp_path / "home", poetry)
    home.environ["POETRY_VIRTUALENVS_CREATE"] = "false"
    home.write_project(dependencies=("lib",), extra=source(NAME, index.index_url))
    pem = certs.pem(certs.client())
    config = f'[certificates.{NAME}]\ncert = "{certs.ca_file()}"\nclient-cert = "{pem}"\n'
    (home.config / "config.toml").write_text(
        f'{config}[repositories.{NAME}]\nurl = "{index.upload_url}"\n'
    )
    home.ok("repo", "login", NAME, "--username", USER, "--password-stdin", stdin=f"{PASSWORD}\n")
    index.clear()
    return home


def test_all_of_them_are_there(home: PoetryHome) -> None:
    shown = home.ok("self", "show", "plugins").out
    for plugin in PLUGINS:
        assert plugin in shown, plugin
    assert "poetry-repo-plugin" in shown


def test_lock_install_export(home: PoetryHome, index: IndexServer, tmp_path: Path) -> None:
    home.environ["VIRTUAL_ENV"] = str(tmp_path / "venv")
    site_packages = make_venv(tmp_path / "venv")
    home.ok("lock")
    home.ok("install", "--no-root")
    assert "lib-1.0" in installed(site_packages)
    exported = home.ok("export", "--with-credentials", "--without-hashes").out
    netloc = f"{quote(USER)}:{quote(PASSWORD, safe='')}@{index.netloc}"
    assert netloc in exported or netloc.replace("%20", "+") in exported, exported
    assert "lib==1.0" in exported
    assert_no_secret(
        home.ok("export", "--without-hashes"), PASSWORD, quote(PASSWORD), quote(PASSWORD, safe="")
    )


def test_dynamic_versioning(home: PoetryHome, index: IndexServer) -> None:
    """``publish --build`` dispatches a second command, in which the version is put in."""
    file = home.project / "pyproject.toml"
    text = file.read_text().replace('version = "0.1.0"', 'dynamic = ["version"]')
    file.write_text(
        f'{text}\n[tool.poetry]\nversion = "0.0.0"\n\n[tool.poetry-dynamic-versioning]\nenable = true\n'
    )
    for words in (
        ("init", "-q"),
        ("add", "."),
        ("-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "one"),
        ("tag", "v3.2.1"),
    ):
        subprocess.run(["git", *words], cwd=home.project, check=True, capture_output=True)
    done = home.ok("publish", "--build", "-r", NAME)
    assert_no_secret(done, PASSWORD)
    names = sorted(upload.filename for upload in index.uploads)
    assert names == ["app-3.2.1-py3-none-any.whl", "app-3.2.1.tar.gz"]


def test_mirror_of_pypi(home: PoetryHome, index: IndexServer) -> None:
    """The mirror plugin puts an index in PyPI's place; its credential and certificates are those of
    its origin.
    """
    home.write_project(dependencies=("lib",))
    home.environ["POETRY_PYPI_MIRROR_URL"] = index.index_url
    home.ok("lock")
    assert {found.username for found in index.authorizations()} == {USER}
    home.ok("repo", "logout", NAME)
    done = home.fails("lock", "--regenerate")
    assert done.text.count("[credential-missing]") == 1, done.text


@pytest.mark.parametrize("missing_part", ["credential", "ca"])
def test_twin(home: PoetryHome, certs: CertificateFactory, missing_part: str) -> None:
    """The failures are told beside them as well: truststore replaces Python's own SSLContext, for
    one.
    """
    if missing_part == "credential":
        home.ok("repo", "logout", NAME)
    else:
        home.ok(
            "config",
            f"certificates.{NAME}.cert",
            str(certs.ca_file(certs.other_ca, name="other.pem")),
        )
    done = home.fails("lock")
    cause = {"credential": "credential-missing", "ca": "unknown-ca"}[missing_part]
    assert done.text.count(f"[{cause}]") == 1, done.text
