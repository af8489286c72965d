"""What a keyring and concurrent logins cost."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from tests import packages
from tests.bench.measure import (
    Compared,
    Row,
    Run,
    Side,
    Sides,
    home,
    in_seconds,
    in_turn,
    run,
    run_within,
    spread,
)
from tests.integration.world import installed, make_venv, source
from tests.poetry_process import FILE_KEYRING, PoetryHome
from tests.servers import IndexServer

PACKAGES = 30
URLS = 200  # of two hosts
LOGINS = 50
SLOW = 0.05  # seconds that a call of the keyring takes
PAIRS = 3
LIMIT = 20.0  # seconds after which a command that waits for ever is killed
USER, PASSWORD = "alice", "s3cret"


@dataclass(frozen=True)
class Counted:
    """A run, and what was counted in it."""

    run: Run
    count: int


def rows(both: Sides, pairs: int = PAIRS) -> Iterator[Row]:
    """Counts (the most that a run had) and times with a keyring that takes a while for each
    call.
    """
    what = f"lock + install of {PACKAGES} private packages"
    yield from counted(
        f"{what}: keyring calls", "1 a command", 2, found := in_turn(both, pairs, private_packages)
    )
    yield compared(found, f"{what}: time, {SLOW * 1000:.0f} ms a call, {pairs} pairs")
    what = f"lock of {URLS} URLs of two unmanaged hosts"
    yield from counted(
        f"{what}: keyring calls", "1 a host", 2, found := in_turn(both, pairs, many_urls)
    )
    yield compared(found, f"{what}: time, {pairs} pairs")
    plain, plugin = in_turn(both, pairs, never_answers).values()
    ended = [one.seconds for one in plugin if one is not None]
    figures = (
        in_seconds(
            None
            if None in plain
            else statistics.median(one.seconds for one in plain if one is not None)
        ),
        in_seconds(statistics.median(ended) if len(ended) == pairs else None),
    )
    what = f"public install, a keyring that never answers, {pairs} pairs"
    yield Row(
        what, figures, spread(ended, in_seconds) if ended else "", "ends", len(ended) == pairs
    )
    logins = in_turn(both, pairs, lambda side: concurrent_logins(side, side is both.plain))
    least = [min(one.count for one in some) for some in logins.values()]
    what = f"{LOGINS} logins at once"
    yield Row(
        f"{what}: kept, at least",
        (str(least[0]), str(least[1])),
        "",
        str(LOGINS),
        least[1] == LOGINS,
    )
    yield compared(logins, f"{what}: time, {pairs} pairs")


def counted(what: str, limit: str, most: int, found: dict[str, list[Counted]]) -> Iterator[Row]:
    """The row of the highest counts."""
    figures = [max(one.count for one in some) for some in found.values()]
    yield Row(what, (str(figures[0]), str(figures[1])), "", limit, figures[1] <= most)


def compared(found: dict[str, list[Counted]], what: str) -> Row:
    """The row of the times."""
    return Compared.of({name: [one.run for one in some] for name, some in found.items()}).row(what)


def calls_of(at: PoetryHome) -> int:
    """The calls of the keyring so far."""
    return len(at.keyring_calls())


def private_packages(side: Side) -> Counted:
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
        runs = [run(one, *words) for words in (("lock",), ("install", "--no-root"))]
        assert len(installed(site_packages)) == PACKAGES
        return Counted(replace(runs[0], seconds=sum(each.seconds for each in runs)), calls_of(one))


def many_urls(side: Side) -> Counted:
    """Lock direct URLs of two hosts that are open to everyone and that nothing is configured
    for.
    """
    with (
        IndexServer() as first,
        IndexServer(host="localhost") as other,
        home(side, FILE_KEYRING) as one,
    ):
        one.environ["KEYRING_MODE"] = f"slow={SLOW}"
        urls = []
        for number in range(URLS):
            server = first if number % 2 else other
            name, content = packages.wheel(f"lib{number}", "1.0")
            server.add(name, content)
            urls.append(f"lib{number} @ {server.origin}/files/{name}")
        one.write_project(dependencies=tuple(urls))
        done = run(one, "lock")
        return Counted(done, calls_of(one))


def never_answers(side: Side) -> Run | None:
    """Install a public package while the keyring hangs: its run, or ``None`` for never."""
    with IndexServer() as index, home(side, FILE_KEYRING) as one:
        index.add(*packages.wheel("lib", "1.0"))
        one.environ.update(KEYRING_MODE="hang", VIRTUAL_ENV=str(one.root / "venv"))
        make_venv(one.root / "venv", side.python)
        one.write_project(dependencies=("lib",), extra=source("open", index.index_url))
        return run_within(LIMIT, one, "install", "--no-root")


def concurrent_logins(side: Side, plain: bool) -> Counted:
    """How many of the logins that are made at once are there afterwards, and the seconds of all
    together.
    """
    with home(side) as one:
        listed = "".join(
            f'[repositories.r{n}]\nurl = "https://r{n}.example/upload/"\n' for n in range(LOGINS)
        )
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
        kept = sum(stored.get(f"r{n}", {}).get("password") == f"pw{n}" for n in range(LOGINS))
        return Counted(Run(taken, 0.0, 0.0, 0, ""), kept)
