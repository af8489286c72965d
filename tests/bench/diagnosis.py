"""How long six mistakes take until they are told, and in which words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from tests import packages
from tests.bench.measure import Compared, Row, Run, Side, Sides, home, in_turn, run
from tests.certs import CertificateFactory, server_context
from tests.integration.spoil import WRONG_PASSWORD, gone, identify_with, own_cert, sealed_key
from tests.integration.world import PEER, USER, World
from tests.servers import IndexServer

PAIRS = 3
PASSWORD = "an-0rdinary-one"  # plain Poetry does not send every password as it is
LATER = 1.0  # seconds that a failure may come later than a success

MISTAKES: tuple[tuple[str, Callable[[World], object]], ...] = (
    ("nothing: it works", lambda world: None),
    ("the CA is not the server's", lambda world: world.break_off("ca")),
    ("the CA's file is not there", lambda world: world.trust(gone(world))),
    ("no client certificate", lambda world: world.break_off("client certificate")),
    ("a client certificate without its key", lambda world: identify_with(world, own_cert(world))),
    (
        "an encrypted key, no passphrase",
        lambda world: identify_with(world, own_cert(world), sealed_key(world)),
    ),
    ("the password has changed", lambda world: world.log_in(password=WRONG_PASSWORD)),
)


def rows(both: Sides, pairs: int = PAIRS) -> Iterator[Row]:
    """``poetry lock`` against an index that wants a client certificate and a password, with one
    thing wrong.
    """
    with TemporaryDirectory(prefix="bench-") as folder:
        certs = CertificateFactory(Path(folder) / "certs")
        with IndexServer(
            tls=server_context(certs.server(), certs.ca), credentials={USER: PASSWORD}
        ) as index:
            index.add(*packages.wheel("gamma", "1.0"))

            def once(spoil: Callable[[World], object], side: Side) -> Run:
                with home(side) as one:
                    world = World(index, one, certs, certs.client(PEER))
                    world.trust()
                    world.identify_with_one_file()
                    world.log_in(password=PASSWORD)
                    spoil(world)
                    world.project("gamma")
                    return run(one, "lock", check=False)

            sound = 0.0
            for name, spoil in MISTAKES:
                runs = in_turn(both, pairs, partial(once, spoil))
                compared = Compared.of(runs)
                sound = sound or compared.plugin
                notes = [
                    f"{side.name}: {said(runs[side.name][0])}"
                    for side in both
                    if runs[side.name][0].code
                ]
                row = compared.row(f"poetry lock, {name}, {pairs} pairs")
                held = compared.plugin <= sound + LATER
                yield replace(row, limit=f"a success + {LATER:.0f} s", held=held, notes=notes)


def said(done: Run) -> str:
    """The line that tells the cause; or what plain Poetry says in its place."""
    lines = [line.strip() for line in done.text.splitlines() if line.strip()]
    told = next((line for line in lines if re.search(r"\[[a-z-]+\]", line)), None)
    if told is None:
        told = next(
            (line for line in lines if not line.startswith(("Creating", "Updating", "Resolving"))),
            lines[-1],
        )
    return re.sub(r"127\.0\.0\.1:\d+", "HOST", re.sub(r"/\S*/", "…/", told))[:110]
