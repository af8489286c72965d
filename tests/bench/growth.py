"""Whether a thousand repositories and ten thousand URLs are felt."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator

from tests import packages
from tests.bench.measure import Compared, Row, Sides, commands_in_turn, execute, home, homes, spread
from tests.integration.world import source
from tests.poetry_process import PoetryHome
from tests.servers import IndexServer

REPOSITORIES = (1, 10, 100, 1000)
URLS = 10_000
PAIRS = 11
RATIO = 1.02
LIMIT = 20.0  # microseconds for a URL after the first

# Runs with the plugin's own Python. The garbage collector stays on, as in a real run.
_LOOK_UPS = """
import json, sys, time
from pathlib import Path
from poetry_repo_plugin.ops.assemble import assemble
from poetry_repo_plugin.credentials.keyring import KeyringGate
from poetry_repo_plugin.core.notices import Notices
from poetry_repo_plugin.config.repositories import Catalogue, Repository
from poetry_repo_plugin.config.settings import Settings

settings = Settings(Path(sys.argv[1]), None, dotted_keys=True)
repositories, count = int(sys.argv[2]), int(sys.argv[3])
notices = Notices(lambda line: None)
gate = KeyringGate(enabled=lambda: False, terminal=False, announce=notices.once)
pypi = Repository("pypi", "https://pypi.example.org/simple/", "https://upload.example.org/")
access = assemble(settings, Catalogue(settings, None, pypi), gate, notices)
urls = [
    f"https://r{n % repositories}.example.org/packages/{n % 97:02x}/lib{n}-1.0-py3-none-any.whl#sha256={n:064x}"
    for n in range(count)
]
def took(some):
    started = time.perf_counter()
    for url in some:
        access.matcher.grant_for(url)
    return (time.perf_counter() - started) / len(some) * 1e6
print(json.dumps([took(urls[:1]), took(urls[1:]), took(urls[1:])]))
"""


def rows(both: Sides, pairs: int = PAIRS) -> Iterator[Row]:
    """The start, a look-up on an open index beside all these, and what finding a URL's repository
    takes.
    """
    for number in REPOSITORIES:
        with homes(both) as at:
            for one in at.values():
                configure(one, number)
                one.write_project()
            runs = commands_in_turn(both, at, pairs, "version")
            plural = "repository" if number == 1 else "repositories"
            yield Compared.of(runs).row(
                f"poetry version, {number:,} {plural}, {pairs} pairs", RATIO
            )
    with IndexServer() as index, homes(both) as at:
        index.add(*packages.wheel("lib", "1.0"))
        for one in at.values():
            configure(one, REPOSITORIES[-1])
            one.write_project(dependencies=("lib",), extra=source("open", index.index_url))
        runs = commands_in_turn(both, at, pairs, "lock", before=unlock)
        yield Compared.of(runs).row(f"lock of one open package, {REPOSITORIES[-1]:,} repositories")
    for number in REPOSITORIES:
        with home(both.plugin) as one:
            configure(one, number)
            command = [
                str(both.plugin.python),
                "-c",
                _LOOK_UPS,
                str(one.config),
                str(number),
                str(URLS),
            ]
            done = [
                json.loads(execute(command, one.root, one.environment()).text) for _ in range(pairs)
            ]
            first, new, known = (statistics.median(figures) for figures in zip(*done, strict=True))
            notes = [
                f"the first, which reads the settings: {first / 1000:.1f} ms; a known one: {known:.2f} µs"
            ]
            what = f"repository of a URL, {number:,} configured, {URLS:,} URLs, {pairs} times"
            around = spread([figures[1] for figures in done], lambda figure: f"{figure:.1f} µs")
            yield Row(
                what, ("", f"{new:.1f} µs"), around, f"under {LIMIT:.0f} µs", new < LIMIT, notes
            )


def unlock(at: PoetryHome) -> None:
    """So that the next command looks everything up again."""
    (at.project / "poetry.lock").unlink(missing_ok=True)


def configure(at: PoetryHome, number: int) -> None:
    """Settings with so many repositories, each with a publish URL, a login and a CA."""
    names = [f"r{one}" for one in range(number)]
    (at.config / "config.toml").write_text(
        "".join(
            f'[repositories.{name}]\nurl = "https://{name}.example.org/upload/"\n' for name in names
        )
    )
    (at.config / "auth.toml").write_text(
        "".join(f'[http-basic.{name}]\nusername = "alice"\npassword = "pw"\n' for name in names)
    )
    (at.config / "poetry-repo-plugin.toml").write_text(
        "".join(
            f'[repositories.{name}]\nurl = "https://{name}.example.org/simple/"\n' for name in names
        )
    )
