"""DESIGN section 1: a hint, typed, changes something.

For everything that can be wrong the command behind ``Try:`` is typed, again and again: that ends in
success, or in a failure with nothing to type; the same failure with the same hint never comes
twice. That is 194 commands that are typed, at the time of writing; how many a test typed stands
in the report of ``--junitxml``, as ``typed``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests import packages
from tests.certs import CertificateFactory, server_context
from tests.integration.situations import SITUATIONS, Situation
from tests.integration.told import Record, assert_clean, spoiled
from tests.integration.typist import TOKEN, Typist, diagnosed, warned
from tests.integration.world import NAME, PASSWORD, USER, World
from tests.integration.wrong import FINAL, LOCK, LOGGING_IN, PUBLISH, TUNNELLED, Wrong, rows
from tests.servers import IndexServer, RecordedRequest, Response
from tests.servers.faults import forbidden

pytestmark = pytest.mark.failures

WORDS = {
    LOCK: ("lock",),
    PUBLISH: ("publish", "-r", NAME),
    LOGGING_IN: ("repo", "login", NAME, "--username", USER, "--password-stdin"),
}
ENTITLED = "bob"

ROWS = [
    (command, row)
    for command in WORDS
    for row in rows(command, FINAL)
    if row.hint and (command == LOCK or (row not in TUNNELLED and not row.name.endswith("tls1.2")))
]


@pytest.fixture(scope="module")
def right(certs: CertificateFactory) -> Iterator[IndexServer]:
    """The index that was meant, on another port."""
    tls = server_context(certs.server(), certs.ca)
    with IndexServer(tls=tls, credentials={USER: PASSWORD}) as server:
        server.add(*packages.wheel("gamma", "1.0"))
        yield server


@pytest.fixture
def typist(world: World, right: IndexServer) -> Typist:
    """In a project that can be locked and has a wheel to publish."""
    right.index.packages.pop("app-0.1.0-py3-none-any.whl", None)
    world.project("gamma")
    (world.home.project / "dist").mkdir()
    name, content = packages.wheel("app", "0.1.0")
    (world.home.project / "dist" / name).write_bytes(content)
    return Typist(world, right)


def entitle_another(world: World) -> str:
    """It is this user who has no right; another one has."""
    world.index.credentials = {USER: PASSWORD, ENTITLED: PASSWORD}

    def respond(request: RecordedRequest) -> Response | None:
        who = request.authorization
        return forbidden() if who is not None and who.username == USER else None

    world.index.respond = respond
    return ENTITLED


@pytest.mark.parametrize(
    ("command", "row"),
    [pytest.param(command, row, id=f"{command}-{row.name}") for command, row in ROWS],
)
def test_row(
    world: World, typist: Typist, command: str, row: Wrong, record_property: Record
) -> None:
    """Each row of the table that has a hint."""
    with spoiled(world, row):
        if row.name.startswith("403"):
            typist.user = entitle_another(world)
        done = typist.follow(*WORDS[command], stdin=f"{PASSWORD}\n")
    assert typist.typed
    assert_clean(done)
    record_property("typed", len(typist.typed))
    record_property("ends", "success" if not done.code else done.err)


def each_hint_once() -> list[Wrong]:
    """A row for each cause with another hint: doctor and ``certs`` take them from the same place."""
    found = {(row.cause, row.hint): row for command, row in ROWS if command == LOCK}
    return list(found.values())


@pytest.mark.parametrize("row", each_hint_once(), ids=lambda row: row.name)
def test_doctor(world: World, typist: Typist, row: Wrong, record_property: Record) -> None:
    """The hint of the first check that fails."""
    with spoiled(world, row):
        if row.name.startswith("403"):
            typist.user = entitle_another(world)
        done = typist.follow("repo", "doctor", NAME, "--json", tells=diagnosed)
    record_property("typed", len(typist.typed))
    assert typist.typed
    assert_clean(done)


@pytest.mark.parametrize("row", each_hint_once(), ids=lambda row: row.name)
def test_certs(world: World, typist: Typist, row: Wrong, record_property: Record) -> None:
    """Something is set, and what a handshake then says is a warning with a hint."""
    ca = str(world.certs.ca_file())
    with spoiled(world, row):
        done = typist.follow("repo", "certs", NAME, "--ca", ca, tells=warned)
    record_property("typed", len(typist.typed))
    assert_clean(done)


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.name)
def test_situation(typist: Typist, situation: Situation, record_property: Record) -> None:
    """What is wrong beside the table: here it is known whether a person gets out of it."""
    typist.world.index.index.upload_credentials = {USER: PASSWORD, "__token__": TOKEN}
    situation.make(typist)
    done = typist.follow(*situation.runs, stdin=f"{PASSWORD}\n")
    record_property("typed", len(typist.typed))
    assert (done.code == 0) is situation.ends, f"{typist.typed}\n{done.text}"
    assert typist.typed
    assert_clean(replace(done, out=""))  # `repo token` is there to show a secret
