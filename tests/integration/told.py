"""How a failure must be told: with its cause and the command that mends it, at once, without a
trace or a secret.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.integration import spoil
from tests.integration.spoil import Damage
from tests.integration.world import PASSPHRASE, PASSWORD, World, assert_no_secret
from tests.integration.wrong import Wrong
from tests.poetry_process import Finished, PoetryHome
from tests.servers import Server

Record = Callable[[str, object], None]
"""pytest's ``record_property``: what it is given stands in the report of ``--junitxml``."""

LATER = 1.0
"""Seconds by which a failure may be told later than a success."""

SECRETS = (
    PASSWORD,
    PASSPHRASE,
    spoil.PROXY_PASSWORD,
    spoil.RIGHT_PASSPHRASE,
    spoil.WRONG_PASSPHRASE,
    spoil.WRONG_PASSWORD,
)

# A line of cleo's or Python's source traces.
_TRACE = re.compile(
    r'^\s*(at .+\.py:\d+ in |File ".+", line \d+|Traceback|Stack trace)', re.MULTILINE
)

# Python imports this by itself at its start.
_IMPATIENT = """
import json, os, time
wait = time.sleep

def sleep(seconds):
    if seconds >= 0.5:
        with open(os.path.join(os.environ["KEYRING_HOME"], "sleeps.log"), "a") as log:
            log.write(json.dumps(seconds) + "\\n")
    wait(min(seconds, 0.01))

time.sleep = sleep
"""


@contextmanager
def spoiled(world: World, row: Wrong) -> Iterator[Damage]:
    """One thing is wrong inside; everything is right again after it, but for what ``row`` says is
    given.
    """
    row.given(world)
    files = [*world.home.config.glob("*.toml"), world.home.project / "pyproject.toml"]
    before = {file: file.read_bytes() for file in files}
    tls = world.index.tls
    world.index.clear()
    with Damage(world) as damage:
        row.spoil(world, damage)
        if damage.origin is not None:
            for file in files:
                file.write_bytes(
                    file.read_bytes().replace(world.index.origin.encode(), damage.origin.encode())
                )
        yield damage
    world.index.tls = tls
    for file, content in before.items():
        file.write_bytes(content)


class Counter:
    """What a server sees from here on."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._before = {"connections": server.connections, "requests": len(server.requests)}

    def __getitem__(self, what: str) -> int:
        now = {"connections": self._server.connections, "requests": len(self._server.requests)}
        return now[what] - self._before[what]


def assert_told(done: Finished, row: Wrong) -> None:
    """Exit code 1; once the cause, in one place with what else matters; the hint; nothing else."""
    assert done.code == 1, done.text
    assert_once(done, row.cause)
    for words in (*row.says, row.hint):
        assert words in done.text, done.text
    assert_clean(done)


def assert_once(done: Finished, cause: str) -> None:
    """The cause is told, and not again and again."""
    assert done.text.count(f"[{cause}]") == 1, done.text


def assert_clean(done: Finished) -> None:
    """No trace of source, no prompt, no blaming of DNS, no secret, no warning of urllib3."""
    assert not _TRACE.search(done.text), done.text
    for words in ("PEM pass phrase", "Probable Causes", "InsecureRequestWarning"):
        assert words not in done.text, done.text
    assert_no_secret(done, *SECRETS)


def timed(run: Callable[[], Finished]) -> tuple[Finished, float]:
    """What ``run`` gives, and how many seconds it took."""
    started = time.monotonic()
    done = run()
    return done, time.monotonic() - started


def assert_no_later(failing: Callable[[], float], passing: Callable[[], float]) -> None:
    """A failure is told at most :data:`LATER` seconds after a success would have been; more on a
    busy machine, where both take longer, and three times are needed. Poetry's retries alone would
    take seven seconds.
    """
    pairs = []
    for _ in range(3):
        pairs.append((failing(), passing()))
        if pairs[-1][0] <= 1.5 * pairs[-1][1] + LATER:
            return
    raise AssertionError(f"told too late (seconds: failing, passing): {pairs}")


def make_impatient(home: PoetryHome) -> None:
    """Poetry's pauses between its tries are written down, and not waited for; a connection has one
    second.
    """
    (home.keyring_home / "sitecustomize.py").write_text(_IMPATIENT)
    home.environ["POETRY_REQUESTS_TIMEOUT"] = "1"


def sleeps(home: PoetryHome) -> list[float]:
    """The pauses of half a second and more that an impatient home was asked for."""
    log = home.keyring_home / "sleeps.log"
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
