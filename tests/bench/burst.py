"""Many connections at the same moment: how often TLS is set up and the credential looked up."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests import packages
from tests.bench.measure import Compared, Row, Run, Side, Sides, home, in_turn, run
from tests.certs import CertificateFactory, server_context
from tests.integration.world import PEER, USER, World, installed, make_venv
from tests.poetry_process import FILE_KEYRING
from tests.servers import IndexServer, RecordedRequest, Response

CONNECTIONS = 64
PAIRS = 3
PASSWORD = "an-0rdinary-one"
PATIENCE = 10.0  # seconds until those that have come are answered; Poetry waits 15 for an answer (its REQUESTS_TIMEOUT)

# Counts the contexts that set up a connection, and how often a credential is looked up where it is
# stored: by Poetry's password manager, or by the source that takes its place. A Poetry on this
# machine starts no more workers than processors and 4, whatever its settings say, so it is told of
# more processors.
_WITNESS = """
import atexit, importlib.abc, importlib.machinery, json, os, ssl, sys, threading
os.cpu_count = lambda: int(os.environ["POETRY_INSTALLER_MAX_WORKERS"])
lock, counts = threading.Lock(), {"contexts": 0, "resolved": 0}
def counting(owner, name, what):
    original = getattr(owner, name)
    def counted(*arguments, **options):
        with lock:
            counts[what] += 1
        return original(*arguments, **options)
    setattr(owner, name, counted)
used = []  # kept, so that no other context gets the identity of one that is gone
connect = ssl.SSLContext.wrap_socket
def wrap_socket(self, *arguments, **options):
    with lock:
        if not any(self is one for one in used):
            used.append(self)
            counts["contexts"] += 1
    return connect(self, *arguments, **options)
ssl.SSLContext.wrap_socket = wrap_socket
WATCHED = {
    "poetry.utils.password_manager": ("PasswordManager", "get_http_auth"),
    "poetry_repo_plugin.credentials.stored": ("StoredSource", "get"),
}
class Watcher(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name not in WATCHED:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        execute = spec.loader.exec_module
        def executed(module):
            execute(module)
            owner, method = WATCHED[name]
            counting(getattr(module, owner), method, "resolved")
        spec.loader.exec_module = executed
        return spec
sys.meta_path.insert(0, Watcher())
def tell():
    with open(os.environ["BENCH_WITNESS"], "w") as file:
        json.dump(counts, file)
atexit.register(tell)
"""


@dataclass(frozen=True)
class Burst:
    """What one install did: its run, and what was counted."""

    run: Run
    held: int
    handshakes: int
    contexts: int
    resolved: int
    calls: int


def rows(both: Sides, pairs: int = PAIRS, connections: int = CONNECTIONS) -> Iterator[Row]:
    """``poetry install`` with as many workers as packages, against a server that answers when all
    have come.
    """
    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory(prefix="bench-"))
        place = Place(Path(folder), connections)
        stack.enter_context(place.index)
        homes = {side.name: stack.enter_context(place.prepared(side)) for side in both}
        found = in_turn(both, pairs, lambda side: homes[side.name].burst())
    what = f"install with {connections} workers"
    plain, plugin = (found[side.name] for side in both)

    def row(words: str, key: str, limit: str = "", held: bool | None = None, *notes: str) -> Row:
        figures = tuple(str(max(getattr(one, key) for one in some)) for some in (plain, plugin))
        return Row(f"{what}: {words}", figures, "", limit, held, list(notes))

    told = f"each Poetry is told of {connections} processors: it starts no more workers than processors and 4"
    yield row(
        "requests held at once",
        "held",
        str(connections),
        all(one.held == connections for one in plugin),
        told,
    )
    yield row(
        "contexts that set up connections",
        "contexts",
        "1",
        all(one.contexts == 1 for one in plugin),
    )
    yield row(
        "handshakes",
        "handshakes",
        "no more",
        max(one.handshakes for one in plugin) <= max(one.handshakes for one in plain),
        "one for each connection that is open at the same time: none is opened twice, none can be spared",
    )
    once = "plain: calls of its password manager; plugin: of the source of what is stored, which all threads share"
    yield row(
        "credentials resolved", "resolved", "1", all(one.resolved == 1 for one in plugin), once
    )
    yield row("keyring calls", "calls", "at most 1", all(one.calls <= 1 for one in plugin))
    runs = {name: [one.run for one in some] for name, some in found.items()}
    yield Compared.of(runs).row(f"{what}: time, {pairs} pairs")


class Place:
    """An index over TLS with as many packages as connections, and homes that may use it."""

    def __init__(self, folder: Path, connections: int) -> None:
        self.certs = CertificateFactory(folder / "certs")
        self.names = [f"lib{number}" for number in range(connections)]
        tls = server_context(self.certs.server(), self.certs.ca)
        self.index = IndexServer(tls=tls, credentials={USER: PASSWORD})
        self.index.add_all(packages.wheel(name, "1.0") for name in self.names)

    @contextmanager
    def prepared(self, side: Side) -> Iterator[Prepared]:
        """A home of one side that has locked already."""
        with home(side, FILE_KEYRING) as one:
            world = World(self.index, one, self.certs, self.certs.client(PEER))
            world.trust()
            world.identify_with_one_file()
            world.settle("auth.toml", "http-basic", world.name, "username", value=USER)
            entries = {f"poetry-repository-{world.name}": {USER: PASSWORD}}
            (one.keyring_home / "keyring.json").write_text(json.dumps(entries))
            world.project(*self.names)
            run(one, "lock")
            yield Prepared(self, world, side)


class Prepared:
    """A home that can install again and again, each time as if it never had."""

    def __init__(self, place: Place, world: World, side: Side) -> None:
        self._index, self._home, self._count = place.index, world.home, len(place.names)
        self._venv, self._side = world.home.root / "venv", side
        (self._home.keyring_home / "sitecustomize.py").write_text(_WITNESS)

    def burst(self) -> Burst:
        """One install into a new environment, without a cache."""
        at = self._home
        shutil.rmtree(self._venv, ignore_errors=True)
        shutil.rmtree(at.root / "cache", ignore_errors=True)
        site_packages = make_venv(self._venv, self._side.python)
        witness = at.root / "witness.json"
        (at.keyring_home / "calls.log").unlink(missing_ok=True)
        at.environ.update(
            BENCH_WITNESS=str(witness),
            VIRTUAL_ENV=str(self._venv),
            POETRY_INSTALLER_MAX_WORKERS=str(self._count),
        )
        self._index.clear()
        before = self._index.connections
        gate = Gate(self._count)
        self._index.respond = gate.hold
        try:
            done = run(at, "install", "--no-root")
        finally:
            self._index.respond = None
        assert len(installed(site_packages)) == self._count
        counted = json.loads(witness.read_text())
        handshakes = self._index.connections - before
        calls = len(at.keyring_calls())
        return Burst(done, gate.most, handshakes, counted["contexts"], counted["resolved"], calls)


class Gate:
    """Holds requests for files until as many have come as there are packages, or for a while."""

    def __init__(self, count: int) -> None:
        self.most = 0
        self._count = count
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
            self._lock.wait_for(lambda: self.most >= self._count, PATIENCE)
            self._here -= 1
        return None
