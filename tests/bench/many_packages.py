"""Lock and install of many packages over TLS with a client certificate and a password; uv and pip
beside it.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import certifi

from tests import packages
from tests.bench.measure import (
    Compared,
    Row,
    Run,
    Side,
    Sides,
    execute,
    home,
    in_megabytes,
    in_seconds,
    outside,
    run,
    spread,
)
from tests.certs import CertificateFactory, server_context
from tests.integration.world import PEER, USER, World, installed, make_venv
from tests.servers import IndexServer

PACKAGES = 200
PAIRS = 9
PASSWORD = "an-0rdinary-one"
RATIO = 1.0
MORE_MEMORY = 5.0  # megabytes
STEPS = ("lock, cold cache", "lock, warm cache", "install, cold cache", "install, warm cache")
STORES = ("private CA", "system store")
NAMES = tuple(f"lib{number}" for number in range(PACKAGES))


class Place:
    """A home of one side, set up for the index, with an environment to install into."""

    def __init__(
        self,
        stack: ExitStack,
        side: Side,
        index: IndexServer,
        certs: CertificateFactory,
        store: str,
    ) -> None:
        self.home = stack.enter_context(home(side))
        world = World(index, self.home, certs, certs.client(PEER))
        world.identify_with_one_file()
        world.log_in(password=PASSWORD)
        if store == "private CA":
            world.trust()
        else:
            # How a company's CA is in the system's store, and how a user of plain Poetry points
            # there.
            bundle = self.home.root / "system.pem"
            bundle.write_bytes(Path(certifi.where()).read_bytes() + certs.ca_file().read_bytes())
            self.home.environ.update(SSL_CERT_FILE=str(bundle), REQUESTS_CA_BUNDLE=str(bundle))
            world.settle(
                "poetry-repo-plugin.toml", "repositories", world.name, "ca", value="system"
            )
        world.project(*NAMES)
        self.site_packages = make_venv(self.home.root / "venv", side.python)

    def once(self) -> list[Run]:
        """Every step once, in their order."""
        done = []
        for step in STEPS:
            what = step.split(",")[0]
            if "cold" in step:
                shutil.rmtree(self.home.root / "cache", ignore_errors=True)
            if what == "lock":
                (self.home.project / "poetry.lock").unlink(missing_ok=True)
                self.home.environ.pop("VIRTUAL_ENV", None)
                found = run(self.home, "lock")
            else:
                empty(self.site_packages)
                self.home.environ["VIRTUAL_ENV"] = str(self.home.root / "venv")
                found = run(self.home, "install", "--no-root")
                assert len(installed(self.site_packages)) == PACKAGES
            done.append(found)
        return done


def rows(both: Sides, pairs: int = PAIRS) -> Iterator[Row]:
    """Each step with each store; then the peak of the memory; then uv and pip against the same
    server.
    """
    with TemporaryDirectory(prefix="bench-") as folder:
        certs = CertificateFactory(Path(folder) / "certs")
        with IndexServer(
            tls=server_context(certs.server(), certs.ca), credentials={USER: PASSWORD}
        ) as index:
            index.add_all(packages.wheel(name, "1.0") for name in NAMES)
            most = {side.name: 0.0 for side in both}
            for store in STORES:
                with ExitStack() as stack:
                    places = {side.name: Place(stack, side, index, certs, store) for side in both}
                    runs: dict[str, list[list[Run]]] = {side.name: [] for side in both}
                    for number in range(pairs):
                        for side in tuple(both)[:: 1 if number % 2 == 0 else -1]:
                            runs[side.name].append(places[side.name].once())
                for number, step in enumerate(STEPS):
                    of_step = {
                        name: [steps[number] for steps in rounds] for name, rounds in runs.items()
                    }
                    yield Compared.of(of_step).row(
                        f"{step}, {PACKAGES} packages, {store}, {pairs} pairs", RATIO
                    )
                for name, rounds in runs.items():
                    most[name] = max(
                        most[name], *(one.peak_mb for steps in rounds for one in steps)
                    )
            more = most["plugin"] - most["plain"]
            figures = (in_megabytes(most["plain"]), in_megabytes(most["plugin"]))
            limit = f"at most +{MORE_MEMORY:.0f} MB"
            yield Row(
                "peak memory of all these", figures, f"{more:+.1f} MB", limit, more <= MORE_MEMORY
            )
            yield from marks(index, certs, Path(folder), pairs)


def marks(index: IndexServer, certs: CertificateFactory, folder: Path, times: int) -> Iterator[Row]:
    """What uv and pip take for the same; they resolve without writing a lock file of every
    platform.
    """
    tools = outside()
    venv = folder / "venv"
    site_packages = make_venv(venv, Path(sys.executable))
    wanted = folder / "wanted.txt"
    wanted.write_text("\n".join(NAMES))
    identity, ca = certs.pem(certs.client(PEER), "mark.pem"), certs.ca_file()
    url = index.with_userinfo(index.index_url, f"{USER}:{quote(PASSWORD)}")
    clean = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    cache = folder / "cache"
    uv = {
        "SSL_CERT_FILE": str(ca),
        "SSL_CLIENT_CERT": str(identity),
        "UV_CACHE_DIR": str(cache),
        "UV_INDEX_URL": url,
    }
    pip = {
        "PIP_CERT": str(ca),
        "PIP_CLIENT_CERT": str(identity),
        "PIP_CACHE_DIR": str(cache),
        "PIP_INDEX_URL": url,
    }
    quiet = {
        "PIP_CONFIG_FILE": os.devnull,
        "UV_NO_CONFIG": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    environ = {**clean, **uv, **pip, **quiet}
    python = str(venv / "bin" / "python")
    commands = {
        "lock, cold cache": {
            "uv": (f"{tools}/uv", "pip", "compile", "-q", "--python", python, str(wanted)),
            "pip": (
                f"{tools}/pip",
                "--python",
                python,
                "install",
                "-q",
                "--dry-run",
                "-r",
                str(wanted),
            ),
        },
        "install, cold cache": {
            "uv": (f"{tools}/uv", "pip", "install", "-q", "--python", python, "-r", str(wanted)),
            "pip": (f"{tools}/pip", "--python", python, "install", "-q", "-r", str(wanted)),
        },
    }
    for step, by_tool in commands.items():
        for tool, command in by_tool.items():
            runs = []
            for _ in range(times):
                shutil.rmtree(cache, ignore_errors=True)
                empty(site_packages)
                runs.append(execute(command, folder, environ, check=False))
            done, seconds = runs[-1], [one.seconds for one in runs]
            said = in_seconds(statistics.median(seconds)) if done.code == 0 else "cannot"
            notes = [] if done.code == 0 else done.text.strip().splitlines()[-1:]
            around = spread(seconds, in_seconds) if done.code == 0 else ""
            yield Row(
                f"from outside: {tool}, {step}, {times} times", ("", said), around, notes=notes
            )


def empty(site_packages: Path) -> None:
    """As a new environment has it."""
    shutil.rmtree(site_packages)
    site_packages.mkdir()
