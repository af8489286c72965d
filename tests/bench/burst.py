"""Many connections at the same moment: how often TLS is set up and the credential looked up."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from tests import packages
from tests.bench.measure import Row, Sides, home, in_seconds, run
from tests.certs import CertificateFactory, server_context
from tests.integration.world import PEER, USER, World, installed, make_venv
from tests.poetry_process import FILE_KEYRING
from tests.servers import IndexServer, RecordedRequest, Response

CONNECTIONS = 64
PASSWORD = "an-0rdinary-one"
PATIENCE = 20.0  # seconds until those that have come are answered

# Counts the contexts that are made, and those into which certificates are loaded.
_WITNESS = """
import atexit, json, os, ssl, threading
lock, counts = threading.Lock(), {"contexts": 0, "loads": 0}
def count(what):
    with lock:
        counts[what] += 1
class Counting(ssl.SSLContext):
    def __new__(cls, *arguments, **options):
        count("contexts")
        return super().__new__(cls, *arguments, **options)
    def load_verify_locations(self, *arguments, **options):
        count("loads")
        return super().load_verify_locations(*arguments, **options)
Counting.__name__ = "SSLContext"
ssl.SSLContext = Counting
def tell():
    with open(os.environ["BENCH_WITNESS"], "w") as file:
        json.dump(counts, file)
atexit.register(tell)
"""


def rows(both: Sides) -> Iterator[Row]:
    """``poetry install`` with as many workers as packages, against a server that answers when all have come."""
    with TemporaryDirectory(prefix="bench-") as folder:
        certs = CertificateFactory(Path(folder) / "certs")
        tls = server_context(certs.server(), certs.ca)
        with IndexServer(tls=tls, credentials={USER: PASSWORD}) as index:
            names = [f"lib{number}" for number in range(CONNECTIONS)]
            index.add_all(packages.wheel(name, "1.0") for name in names)
            found = {}
            for side in both:
                with home(side, FILE_KEYRING) as one:
                    world = World(index, one, certs, certs.client(PEER))
                    world.trust()
                    world.identify_with_one_file()
                    world.settle("auth.toml", "http-basic", world.name, "username", value=USER)
                    entries = {f"poetry-repository-{world.name}": {USER: PASSWORD}}
                    (one.keyring_home / "keyring.json").write_text(json.dumps(entries))
                    world.project(*names)
                    run(one, "lock")
                    site_packages = make_venv(one.root / "venv", side.python)
                    witness = one.root / "witness.json"
                    (one.keyring_home / "sitecustomize.py").write_text(_WITNESS)
                    (one.keyring_home / "calls.log").unlink(missing_ok=True)
                    one.environ.update(
                        BENCH_WITNESS=str(witness),
                        VIRTUAL_ENV=str(one.root / "venv"),
                        POETRY_INSTALLER_MAX_WORKERS=str(CONNECTIONS),
                    )
                    index.clear()
                    before = index.connections
                    gate = Gate()
                    index.respond = gate.hold
                    done = run(one, "install", "--no-root")
                    index.respond = None
                    assert len(installed(site_packages)) == CONNECTIONS
                    found[side.name] = {
                        **json.loads(witness.read_text()),
                        "held": gate.most,
                        "handshakes": index.connections - before,
                        "calls": len(one.keyring_calls()),
                        "seconds": done.seconds,
                    }
            what = f"install with {CONNECTIONS} workers"

            def pair(key: str) -> tuple[str, str]:
                return str(found["plain"][key]), str(found["plugin"][key])

            one_for_all = found["plugin"]
            yield Row(f"{what}: requests that were held at once", pair("held"))
            yield Row(f"{what}: contexts with certificates", pair("loads"), "", "1", one_for_all["loads"] == 1)
            yield Row(f"{what}: handshakes", pair("handshakes"))
            yield Row(f"{what}: keyring calls", pair("calls"), "", "at most 1", one_for_all["calls"] <= 1)
            times = (in_seconds(found["plain"]["seconds"]), in_seconds(found["plugin"]["seconds"]))
            yield Row(f"{what}: time, once", times)


class Gate:
    """Holds requests for files until as many have come as there are packages, or for a while."""

    def __init__(self) -> None:
        self.most = 0
        self._here = 0
        self._lock = threading.Condition()

    def hold(self, request: RecordedRequest) -> Response | None:
        """The hook of the server."""
        if not request.path.endswith(".whl"):
            return None
        with self._lock:
            self._here += 1
            self.most = max(self.most, self._here)
            self._lock.notify_all()
            self._lock.wait_for(lambda: self.most >= CONNECTIONS, PATIENCE)
            self._here -= 1
        return None
