"""The wheel as it is published: all of the package is in it, and a Poetry that it is installed
beside finds it.

An earlier plugin of this kind shipped a wheel without entry points, which Poetry then never loaded.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path

import pytest
import tomlkit

from scripts import release
from tests.certs import CertificateFactory, server_context
from tests.poetry_process import PoetryHome, poetry_under_test
from tests.servers import IndexServer

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "poetry_repo_plugin"


def run(command: Sequence[object], folder: Path) -> str:
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, cwd=folder, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def site_packages(prefix: Path) -> Path:
    return next((prefix / "lib").glob("python*/site-packages"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as for a release."""
    folder = tmp_path_factory.mktemp("wheel")
    script = (
        "from pathlib import Path; from scripts.release import build; "
        f"print(*build(Path({str(folder)!r})), sep='\\n')"
    )
    return folder / run([sys.executable, "-c", script], ROOT).splitlines()[-1]


@pytest.fixture(scope="module")
def poetry(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh Poetry with the wheel. What Poetry needs is seen through a ``.pth`` file that leaves
    out whatever leads to this folder, so the plugin can only come from the wheel.
    """
    folder = tmp_path_factory.mktemp("fresh") / "venv"
    run([poetry_under_test().with_name("python"), "-m", "venv", folder], folder.parent)
    own = site_packages(folder)
    (own / "poetry.pth").write_text(
        f"{site_packages(poetry_under_test().parents[1])}\n"
    )  # its own .pth are not read
    run(
        [folder / "bin" / "python", "-m", "pip", "install", "-q", "--no-deps", "--no-index", wheel],
        folder,
    )
    script = folder / "bin" / "poetry"
    script.write_text(
        f"#!{folder}/bin/python\nfrom poetry.console.application import main\nraise SystemExit(main())\n"
    )
    script.chmod(0o755)
    return script


def test_holds_every_file_of_the_package(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    there = {
        f"{path.relative_to(ROOT)}"
        for path in (ROOT / PACKAGE).rglob("*")
        if path.suffix in (".py", ".typed")
    }
    assert f"{PACKAGE}/py.typed" in there
    assert {name for name in names if name.startswith(f"{PACKAGE}/")} == there
    others = {name.split("/")[0] for name in names} - {PACKAGE}
    assert [name.endswith(".dist-info") for name in others] == [True], (
        "nothing else lands in site-packages"
    )


def test_has_the_entry_point(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        text = next(
            archive.read(name).decode()
            for name in archive.namelist()
            if name.endswith("entry_points.txt")
        )
    assert text.split("\n")[:2] == [
        "[poetry.application.plugin]",
        f"repo={PACKAGE}.plugin:RepoPlugin",
    ]


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        text = next(
            archive.read(name).decode() for name in archive.namelist() if name.endswith("METADATA")
        )
    return HeaderParser().parsestr(text)


def test_says_what_it_needs(metadata: Message) -> None:
    """And nothing that only its developers need."""
    assert metadata["Name"] == "poetry-repo-plugin"
    needed = {
        found.partition(" ")[0]
        for found in metadata.get_all("Requires-Dist", [])
        if "extra ==" not in found
    }
    assert {"poetry", "cryptography", "truststore", "id", "filelock"} <= needed
    assert "pytest" not in str(metadata.get_all("Requires-Dist"))
    assert sorted(metadata.get_all("Provides-Extra", [])) == ["demo", "qr"]
    assert metadata["Requires-Python"].startswith(">=3.10")


def test_its_readme_can_be_read_where_no_file_is_beside_it(metadata: Message) -> None:
    """On a package index a relative link leads nowhere, and a diagram of mermaid is source."""
    readme = str(metadata.get_payload())
    links = re.findall(r"\]\(([^)\s]+)\)", readme)
    assert len(links) > 15
    assert [link for link in links if not link.startswith("https://")] == []
    assert "mermaid" not in readme
    home = release.project()["urls"]["Homepage"]
    picture = f"![poetry repo demo]({home}/raw/v{metadata['Version']}/docs/demo.svg)"
    assert picture in readme
    assert f"]({home}/blob/v{metadata['Version']}/docs/tls.md)" in readme


def test_one_place_holds_the_home(metadata: Message) -> None:
    home = release.project()["urls"]["Homepage"]
    urls = dict(one.split(", ") for one in metadata.get_all("Project-URL", []))
    assert {"Homepage", "Documentation", "Repository", "Issues", "Changelog"} <= set(urls)
    assert [url for url in urls.values() if not url.startswith(home)] == []
    listed = ["git", "grep", "-lF", home.partition("://")[2]]
    assert run(listed, ROOT).splitlines() == ["pyproject.toml"]


def test_the_home_can_be_set() -> None:
    before = (ROOT / "pyproject.toml").read_text("utf-8")
    after = release.with_home(before, "https://code.example.com/acme/plugin/")
    urls = tomlkit.parse(after).unwrap()["project"]["urls"]
    assert urls["Homepage"] == "https://code.example.com/acme/plugin"
    assert urls["Issues"] == "https://code.example.com/acme/plugin/issues"
    assert "example.org/" not in after
    assert len(after.splitlines()) == len(before.splitlines())


def test_links_that_work_from_anywhere_stay() -> None:
    text = (
        "[a](docs/tls.md#x) ![b](docs/b.svg) [c](#d) [e](https://pypi.example.org/) [f](mailto:g)"
    )
    assert release.absolute(text, "https://h", "1.0") == (
        "[a](https://h/blob/v1.0/docs/tls.md#x) ![b](https://h/raw/v1.0/docs/b.svg) [c](#d) "
        "[e](https://pypi.example.org/) [f](mailto:g)"
    )


def test_poetry_finds_it(poetry: Path, tmp_path: Path) -> None:
    home = PoetryHome(tmp_path / "home", poetry)
    shown = home.ok("self", "show", "plugins").out
    assert "poetry-repo-plugin" in shown
    assert "1 application plugin" in shown
    assert home.ok("repo", "add", "acme", "https://pypi.example.org/simple/").code == 0
    assert "acme" in home.ok("repo", "list").out
    found = run(
        [poetry.with_name("python"), "-c", f"import {PACKAGE} as it; print(it.__file__)"], tmp_path
    )
    assert Path(found.strip()).is_relative_to(poetry.parents[1]), (
        "the wheel is what was tried, not this folder"
    )


def test_it_comes_from_a_private_index(wheel: Path, poetry: Path, tmp_path: Path) -> None:
    """As `docs/ci.md` says: a CA of its own, a client certificate and a password, by pip's own
    variables.
    """
    certs = CertificateFactory(tmp_path / "certs")
    tls = server_context(certs.server(), certs.ca)
    words = [str(poetry.with_name("python")), "-m", "pip", "download", "-q", "--no-deps"]
    with IndexServer(tls=tls, credentials={"ci": "s3cret"}) as index:
        index.add(wheel.name, wheel.read_bytes())
        environment = {
            "PIP_INDEX_URL": index.index_url.replace("://", "://ci:s3cret@"),
            "PIP_CERT": str(certs.ca_file()),
            "PIP_CLIENT_CERT": str(certs.pem(certs.client())),
            "PIP_CONFIG_FILE": os.devnull,
        }
        done = subprocess.run(
            [*words, "poetry-repo-plugin"],
            env={**PoetryHome(tmp_path / "home", poetry).environment(), **environment},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / wheel.name).read_bytes() == wheel.read_bytes()


def test_twin_without_plugins(poetry: Path, tmp_path: Path) -> None:
    """Poetry leaves it alone where it is told to, and works."""
    home = PoetryHome(tmp_path / "home", poetry)
    assert home.run("--no-plugins", "repo", "list").code == 1
    assert home.ok("--no-plugins", "--version").out.startswith("Poetry")


def test_works_in_another_folder(poetry: Path, tmp_path: Path) -> None:
    """``-C`` and ``-P``: the project of that folder is the one that counts."""
    home = PoetryHome(tmp_path / "home", poetry)
    home.write_project(
        extra='[[tool.poetry.source]]\nname = "acme"\nurl = "https://pypi.example.org/simple/"\n'
    )
    away = tmp_path / "away"
    away.mkdir()
    for option in ("-C", "-P"):
        assert "acme" in home.ok(option, str(home.project), "repo", "list", cwd=away).out, option
    assert "acme" not in home.ok("repo", "list", cwd=away).out
    home.ok(
        "-C",
        str(home.project),
        "repo",
        "add",
        "second",
        "https://second.example.org/simple/",
        cwd=away,
    )
    assert "second" in (home.project / "pyproject.toml").read_text()
