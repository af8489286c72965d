"""``poetry repo login`` and ``poetry repo certs`` against everything that can be wrong, and what
they store then.
"""

from __future__ import annotations

import pytest

from tests.integration.spoil import WRONG_PASSWORD
from tests.integration.told import (
    Counter,
    Record,
    assert_clean,
    assert_no_later,
    assert_once,
    assert_told,
    spoiled,
    timed,
)
from tests.integration.world import NAME, PASSWORD, USER, World
from tests.integration.wrong import CLIENT, FILES, FINAL, LOGGING_IN, PASSING, SERVER, Wrong, rows

pytestmark = pytest.mark.failures

HANDSHAKES = [row for row in rows(LOGGING_IN, (*SERVER, *CLIENT)) if row.name != "https-on-http"]
SHOWN = {"client-cert-expired": ", expired\n", "passphrase-missing": "no passphrase is known\n"}

LOGIN = ("repo", "login", NAME, "--username", USER, "--password-stdin")


@pytest.fixture(autouse=True)
def _project(world: World) -> None:
    world.project("gamma")


def stored(world: World) -> dict[str, bytes]:
    """Every file of settings."""
    return {file.name: file.read_bytes() for file in world.home.config.glob("*.toml")}


class TestLogin:
    @pytest.mark.parametrize("row", rows(LOGGING_IN, FINAL), ids=lambda row: row.name)
    def test_final(self, world: World, row: Wrong, record_property: Record) -> None:
        """Told at once and after one try, and nothing is stored; put right, the same command logs
        in.
        """

        def failing() -> float:
            with spoiled(world, row) as damage:
                world.break_off("credential")
                before, seen = stored(world), Counter(damage.server)
                done, seconds = timed(lambda: world.home.run(*LOGIN, stdin=PASSWORD))
                assert stored(world) == before
            assert_told(done, row)
            assert seen[row.reaches or "connections"] == row.tries(LOGGING_IN)
            record_property("failing", seconds)
            return seconds

        def passing() -> float:
            world.break_off("credential")
            done, seconds = timed(lambda: world.home.ok(*LOGIN, stdin=PASSWORD))
            assert_clean(done)
            assert world.home.toml("auth.toml")["http-basic"][NAME]["password"] == PASSWORD
            record_property("passing", seconds)
            return seconds

        assert_no_later(failing, passing)

    @pytest.mark.parametrize("row", rows(LOGGING_IN, PASSING), ids=lambda row: row.name)
    def test_passing(self, world: World, row: Wrong) -> None:
        """A person who waits for an answer can try again: one try, and nothing is stored."""
        with spoiled(world, row) as damage:
            before, seen = stored(world), Counter(damage.server)
            done = world.home.run(*LOGIN, stdin=PASSWORD)
            assert stored(world) == before
        assert_told(done, row)
        if row.reaches:
            assert seen[row.reaches] == row.tries(LOGGING_IN)

    def test_a_refused_password_is_not_stored(self, world: World) -> None:
        before = stored(world)
        done = world.home.fails(*LOGIN, stdin=WRONG_PASSWORD)
        assert_once(done, "credential-rejected")
        assert f"user {USER} from the command line (401)" in done.text
        assert_clean(done)
        assert stored(world) == before


class TestCerts:
    @pytest.mark.parametrize("row", HANDSHAKES, ids=lambda row: row.name)
    def test_what_the_handshake_finds_is_a_warning(self, world: World, row: Wrong) -> None:
        """The files are good and are stored; the server is not as they are, and that is told."""
        ca = world.certs.ca_file()
        with spoiled(world, row):
            done = world.home.ok("repo", "certs", NAME, "--ca", str(ca))
        assert_once(done, row.cause)
        for words in (*row.says, row.hint, "the handshake with"):
            assert words in done.text, done.text
        assert_clean(done)
        done = world.home.ok("repo", "certs", NAME, "--ca", str(ca))
        assert "works" in done.text
        assert_clean(done)

    @pytest.mark.parametrize("row", FILES, ids=lambda row: row.name)
    def test_what_is_wrong_with_the_files_is_shown(self, world: World, row: Wrong) -> None:
        """``repo certs NAME`` alone tells of them, without the network. An expiry is a fact to show
        and no failure. So is a passphrase that is not known.
        """
        with spoiled(world, row):
            seen = Counter(world.index)
            done = world.home.run("repo", "certs", NAME)
        assert seen["connections"] == 0
        if row.name in SHOWN:
            assert done.code == 0, done.text
            assert SHOWN[row.name] in done.out
        else:
            assert_told(done, row)
        assert_clean(done)
        assert_clean(world.home.ok("repo", "certs", NAME))
