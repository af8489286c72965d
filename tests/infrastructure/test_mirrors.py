"""What companies put in PyPI's place: devpi, nginx with a cache, and a folder of pages. The lock
file is the one of plain Poetry with PyPI, and nobody asks for PyPI.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import packages
from tests.certs import CertificateFactory, server_context
from tests.infrastructure.devpi import devpi
from tests.infrastructure.nginx import nginx
from tests.infrastructure.parts import VENVS, SystemPart, free_port, missing
from tests.integration.far import lock_file
from tests.integration.pypi_place import pypi_place
from tests.integration.world import installed, make_venv
from tests.poetry_process import PoetryHome, poetry_under_test
from tests.servers import IndexServer, ProxyServer
from tests.warm import WarmHome, Zygote

NAME = "corp"
LOCATIONS = """
    location /cached/ {{
      proxy_pass http://127.0.0.1:{port}/;
      proxy_cache kept;
      proxy_cache_valid 200 10m;
      proxy_cache_key $request_uri$http_accept;
    }}
    location /folder/ {{ alias {folder}/; index index.html; }}
"""
FILES = (
    packages.wheel("alpha", "1.0", ["beta>=1", 'win; sys_platform == "win32"']),
    packages.wheel("beta", "1.0"),
    packages.wheel("beta", "2.0rc1"),
    packages.wheel("win", "0.5"),
    packages.backend_wheel(),
    packages.sdist_with_backend("sigma", "1.0"),
)


def write_pages(folder: Path) -> None:
    """A page for each project, and the files beside it: what PEP 503 wants, and nothing more."""
    for filename, content in FILES:
        project = packages.normalize(filename.rsplit(".tar", 1)[0].split("-")[0])
        page = folder / "simple" / project / "index.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        (page.parent / filename).write_bytes(content)
        with page.open("a") as links:
            links.write(f'<a href="{filename}">{filename}</a>\n')


@pytest.fixture(scope="module")
def mirrors(
    system_part: SystemPart, certs: CertificateFactory, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """The URLs of the mirrors of one upstream."""
    folder = tmp_path_factory.mktemp("mirrors")
    write_pages(folder / "pages")
    with IndexServer() as upstream:
        upstream.add_all(FILES)
        locations = LOCATIONS.format(port=upstream.port, folder=folder / "pages")
        outside = f"http://127.0.0.1:{free_port()}"
        with (
            nginx(system_part, folder / "nginx", certs.server(), locations, caching=True) as front,
            devpi(system_part, folder / "devpi", outside) as back,
        ):
            yield {
                "devpi": back.add_mirror("alice", "an-0rdinary-one", "pypi", upstream.index_url),
                "nginx": f"{front.origin}/cached/simple/",
                "folder": f"{front.origin}/folder/simple/",
            }


@pytest.fixture(scope="module")
def lock_of_pypi(
    certs: CertificateFactory, tmp_path_factory: pytest.TempPathFactory, zygote: Zygote
) -> bytes:
    folder = tmp_path_factory.mktemp("plain")
    home = WarmHome(folder / "home", poetry_under_test(), zygote=zygote)
    with pypi_place(certs) as (front, proxy):
        front.add_all(FILES)
        home.environ.update(HTTPS_PROXY=proxy.origin, POETRY_VIRTUALENVS_CREATE="false")
        home.environ["REQUESTS_CA_BUNDLE"] = str(certs.ca_file())
        home.write_project(dependencies=("alpha", "sigma"))
        home.ok("--no-plugins", "lock")
        return lock_file(home)


@pytest.mark.parametrize("kind", ["devpi", "nginx", "folder"])
def test_lock_and_install(
    mirrors: dict[str, str],
    kind: str,
    home: WarmHome,
    venv: Path,
    certs: CertificateFactory,
    lock_of_pypi: bytes,
) -> None:
    with ProxyServer() as trap:
        home.environ.update(HTTPS_PROXY=trap.origin, HTTP_PROXY=trap.origin, NO_PROXY="127.0.0.1")
        home.write_project(dependencies=("alpha", "sigma"))
        home.ok("repo", "add", NAME, mirrors[kind], "--mirror-of", "pypi")
        if kind != "devpi":
            home.fails("lock")  # nobody has told of the CA
            home.ok("repo", "certs", NAME, "--ca", str(certs.ca_file()))
        home.ok("lock")
        assert lock_file(home) == lock_of_pypi
        home.ok("install", "--no-root")
        assert {"alpha-1.0", "beta-1.0", "sigma-1.0"} <= {*installed(venv)}
        assert trap.tunnels == []


def test_beside_the_other_plugin(tmp_path: Path, certs: CertificateFactory) -> None:
    """poetry-plugin-pypi-mirror and this one, of one mind about the same variable."""
    executable = VENVS / "neighbours" / "bin" / "poetry"
    if not executable.exists():
        missing("there is no .venvs/neighbours with the other plugin (.ci/run makes it)")
    home = PoetryHome(tmp_path / "home", executable)
    tls = server_context(certs.server(), certs.ca, require=False)
    with IndexServer(tls=tls) as mirror, ProxyServer() as trap:
        mirror.add_all(FILES)
        home.environ.update(
            POETRY_VIRTUALENVS_CREATE="false",
            HTTPS_PROXY=trap.origin,
            NO_PROXY="127.0.0.1",
            POETRY_PYPI_MIRROR_URL=mirror.index_url,
            VIRTUAL_ENV=str(tmp_path / "venv"),
        )
        home.write_project(dependencies=("alpha", "sigma"))
        done = home.fails("lock")
        assert "poetry repo certs pypi-mirror --ca" in done.text
        home.ok("repo", "certs", "pypi-mirror", "--ca", str(certs.ca_file()))
        site_packages = make_venv(tmp_path / "venv")
        home.ok("lock")
        assert all("source" not in package for package in home.lock()["package"])
        home.ok("install", "--no-root")
        assert "sigma-1.0" in installed(site_packages)
        assert trap.tunnels == []
