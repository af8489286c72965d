"""What a keyring and concurrent logins cost."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from tests import packages
from tests.bench.measure import Row, Side, Sides, home, in_seconds, run, run_within
from tests.integration.world import installed, make_venv, source
from tests.poetry_process import FILE_KEYRING, PoetryHome
from tests.servers import IndexServer

PACKAGES = 30
URLS = 200  # of two hosts
LOGINS = 50
SLOW = 0.05  # seconds that a call of the keyring takes
LIMIT = 20.0  # seconds after which a command that waits for ever is killed
USER, PASSWORD = "alice", "s3cret"


def rows(both: Sides) -> Iterator[Row]:
    """Counts and times with a keyring that takes a while for each call."""
    what = f"lock + install of {PACKAGES} private packages"
    (plain, slow), (calls, quick) = (private_packages(side) for side in both)
    yield Row(f"{what}: keyring calls", (str(plain), str(calls)), "", "1 a command", calls <= 2)
    yield Row(f"{what}: time, {SLOW * 1000:.0f} ms a call", (in_seconds(slow), in_seconds(quick)))
    what = f"lock of {URLS} URLs of two unmanaged hosts"
    (plain, slow), (calls, quick) = (many_urls(side) for side in both)
    yield Row(f"{what}: keyring calls", (str(plain), str(calls)), "", "1 a host", calls <= 2)
    yield Row(f"{what}: time", (in_seconds(slow), in_seconds(quick)))
    hangs, ends = (never_answers(side) for side in both)
    what = "public install, a keyring that never answers"
    yield Row(what, (in_seconds(hangs), in_seconds(ends)), "", "ends", ends is not None)
    (kept, _), (all_kept, taken) = (concurrent_logins(side, side is both.plain) for side in both)
    figures = (str(kept), str(all_kept))
    notes = [f"the plugin's took {taken:.1f} s together"]
    yield Row(f"{LOGINS} logins at once: kept", figures, "", str(LOGINS), all_kept == LOGINS, notes)


def calls_of(at: PoetryHome) -> int:
    """The calls of the keyring so far."""
    return len(at.keyring_calls())


def private_packages(side: Side) -> tuple[int, float]:
    """Lock and install, with the password in the keyring: calls and seconds."""
    with IndexServer(credentials={USER: PASSWORD}) as index, home(side, FILE_KEYRING) as one:
        names = [f"lib{number}" for number in range(PACKAGES)]
        index.add_all(packages.wheel(name, "1.0") for name in names)
        (one.config / "auth.toml").write_text(f'[http-basic.foo]\nusername = "{USER}"\n')
        entries = {"poetry-repository-foo": {USER: PASSWORD}}
        (one.keyring_home / "keyring.json").write_text(json.dumps(entries))
        one.environ.update(KEYRING_MODE=f"slow={SLOW}", VIRTUAL_ENV=str(one.root / "venv"))
        site_packages = make_venv(one.root / "venv", side.python)
        one.write_project(dependencies=tuple(names), extra=source("foo", index.index_url))
        seconds = 0.0
        for words in (("lock",), ("install", "--no-root")):
            seconds += run(one, *words).seconds
        assert len(installed(site_packages)) == PACKAGES
        return calls_of(one), seconds


def many_urls(side: Side) -> tuple[int, float]:
    """Lock direct URLs of two hosts that are open to everyone and that nothing is configured for."""
    with IndexServer() as first, IndexServer(host="localhost") as other, home(side, FILE_KEYRING) as one:
        one.environ["KEYRING_MODE"] = f"slow={SLOW}"
        urls = []
        for number in range(URLS):
            server = first if number % 2 else other
            name, content = packages.wheel(f"lib{number}", "1.0")
            server.add(name, content)
            urls.append(f"lib{number} @ {server.origin}/files/{name}")
        one.write_project(dependencies=tuple(urls))
        done = run(one, "lock")
        return calls_of(one), done.seconds


def never_answers(side: Side) -> float | None:
    """Install a public package while the keyring hangs: seconds, or ``None`` for never."""
    with IndexServer() as index, home(side, FILE_KEYRING) as one:
        index.add(*packages.wheel("lib", "1.0"))
        one.environ.update(KEYRING_MODE="hang", VIRTUAL_ENV=str(one.root / "venv"))
        make_venv(one.root / "venv", side.python)
        one.write_project(dependencies=("lib",), extra=source("open", index.index_url))
        done = run_within(LIMIT, one, "install", "--no-root")
        return done.seconds if done is not None else None


def concurrent_logins(side: Side, plain: bool) -> tuple[int, float]:
    """How many of the logins that are made at once are there afterwards, and the seconds of all together."""
    with home(side) as one:
        listed = "".join(f'[repositories.r{n}]\nurl = "https://r{n}.example/upload/"\n' for n in range(LOGINS))
        (one.config / "config.toml").write_text(listed)

        def log_in(number: int) -> None:
            name = f"r{number}"
            if plain:
                one.run("config", f"http-basic.{name}", USER, f"pw{number}")
            else:
                words = ("--username", USER, "--password-stdin", "--plaintext", "--no-verify")
                one.run("repo", "login", name, *words, stdin=f"pw{number}")

        started = time.monotonic()
        with ThreadPoolExecutor(LOGINS) as pool:
            list(pool.map(log_in, range(LOGINS)))
        taken = time.monotonic() - started
        try:
            stored = one.toml("auth.toml").get("http-basic", {})
        except ValueError:
            stored = {}  # half-written
        return sum(stored.get(f"r{n}", {}).get("password") == f"pw{n}" for n in range(LOGINS)), taken
