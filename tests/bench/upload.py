"""Upload of a big wheel: the time beside plain Poetry's, and whether memory grows with the file."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.measure import Compared, Row, Sides, commands_in_turn, homes, in_megabytes
from tests.certs import CertificateFactory, server_context
from tests.integration.world import PEER, USER, World
from tests.packages import metadata
from tests.servers import IndexServer

BIG, SMALL = 200, 1  # megabytes
PAIRS = 7
PASSWORD = "an-0rdinary-one"
RATIO = 1.02
FLAT = 5.0  # megabytes that the big upload may take on top of the small one


def rows(both: Sides, pairs: int = PAIRS) -> Iterator[Row]:
    """Over TLS with a client certificate and a password."""
    with TemporaryDirectory(prefix="bench-") as folder:
        certs = CertificateFactory(Path(folder) / "certs")
        tls = server_context(certs.server(), certs.ca)
        with IndexServer(tls=tls, credentials={USER: PASSWORD}, overwrite=True) as index:
            peaks: dict[tuple[str, int], float] = {}
            for size in (SMALL, BIG):
                with homes(both) as at:
                    for one in at.values():
                        world = World(index, one, certs, certs.client(PEER))
                        world.trust()
                        world.identify_with_one_file()
                        world.log_in(password=PASSWORD)
                        world.publish_to()
                        one.write_project()
                        write_wheel(one.project / "dist", size)
                    words = ("publish", "-r", "foo")
                    runs = commands_in_turn(
                        both, at, pairs, *words, before=lambda at: index.clear()
                    )
                for name, found in runs.items():
                    peaks[name, size] = max(one.peak_mb for one in found)
                if size == BIG:
                    yield Compared.of(runs).row(
                        f"publish of a wheel of {size} MB, {pairs} pairs", RATIO
                    )
            grown = {side.name: peaks[side.name, BIG] - peaks[side.name, SMALL] for side in both}
            figures = tuple(in_megabytes(peaks[side.name, BIG]) for side in both)
            flat = grown["plugin"] <= max(FLAT, grown["plain"])
            notes = [
                f"more than for a wheel of {SMALL} MB: "
                + ", ".join(f"{k} {v:+.1f} MB" for k, v in grown.items())
            ]
            yield Row(f"peak memory for a wheel of {BIG} MB", figures, "", "flat", flat, notes)


def write_wheel(dist: Path, megabytes: int) -> None:
    """A wheel of the project with one big file, which does not compress."""
    dist.mkdir()
    with zipfile.ZipFile(dist / "app-0.1.0-py3-none-any.whl", "w", zipfile.ZIP_STORED) as archive:
        with archive.open("app/data.bin", "w") as file:
            for _ in range(megabytes):
                file.write(os.urandom(1024 * 1024))
        archive.writestr("app-0.1.0.dist-info/METADATA", metadata("app", "0.1.0"))
        archive.writestr(
            "app-0.1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr("app-0.1.0.dist-info/RECORD", "")
