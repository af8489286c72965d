"""What the user has set about TLS is what counts: verified or not, strict or relaxed, whatever the
environment says.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests import packages
from tests.certs import Authority, CertificateFactory, server_context
from tests.integration.spoil import (
    RIGHT_PASSPHRASE,
    WRONG_PASSPHRASE,
    garbage,
    gone,
    identify_with,
    own_cert,
    sealed_key,
)
from tests.integration.told import assert_clean, assert_once
from tests.integration.world import NAME, World, assert_no_secret, installed, names_locked
from tests.matrix import NEWEST, Pairing
from tests.poetry_process import Finished, PoetryHome, poetry_under_test
from tests.warm import WarmHome, parsed

pytestmark = pytest.mark.failures

MakesFile = Callable[[World], Path]

VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")


def put_wheel(world: World) -> None:
    """A wheel to publish."""
    name, content = packages.wheel("app", "0.1.0")
    (world.home.project / "dist").mkdir()
    (world.home.project / "dist" / name).write_bytes(content)


def all_commands(world: World, venv: Path) -> list[Finished]:
    """lock, install, publish: each must work."""
    world.project("gamma")
    put_wheel(world)
    done = [
        world.home.ok("lock"),
        world.home.ok("install", "--no-root"),
        world.home.ok("publish", "-r", NAME),
    ]
    assert installed(venv) == ["gamma-1.0"]
    assert len(world.index.uploads) == 1
    return done


class TestEnvironment:
    """What requests and OpenSSL read from the environment is for those who have set nothing."""

    @pytest.mark.parametrize("what", [gone, garbage], ids=["missing", "garbage"])
    def test_never_overrides_the_repositorys_own_ca(
        self, world: World, venv: Path, what: MakesFile
    ) -> None:
        world.home.environ.update(dict.fromkeys(VARIABLES, str(what(world))))
        for done in all_commands(world, venv):
            assert_clean(done)

    def test_nor_does_a_good_bundle_of_somebody_else(self, world: World, venv: Path) -> None:
        other = world.certs.ca_file(world.certs.other_ca, name="other-ca.pem")
        world.home.environ.update(dict.fromkeys(VARIABLES[:3], str(other)))
        all_commands(world, venv)

    def test_counts_where_nothing_is_set(self, world: World, venv: Path) -> None:
        """As in plain Poetry, which asks requests."""
        world.settle("config.toml", "certificates", NAME, "cert", value=None)
        world.home.environ["REQUESTS_CA_BUNDLE"] = str(world.certs.ca_file())
        all_commands(world, venv)

    @pytest.mark.parametrize("what", [gone, garbage], ids=["missing", "garbage"])
    @pytest.mark.parametrize("identified", [True, False], ids=["client-cert", "nothing"])
    def test_twin_is_named_where_it_does_not_do(
        self, world: World, what: MakesFile, identified: bool
    ) -> None:
        world.project("gamma")
        world.settle("config.toml", "certificates", NAME, "cert", value=None)
        if not identified:
            world.break_off("client certificate")
        world.home.environ["REQUESTS_CA_BUNDLE"] = str(what(world))
        done = world.home.fails("lock")
        assert_once(done, "tls-file-missing" if what is gone else "tls-file-invalid")
        assert str(what(world)) in done.text
        assert_clean(done)


class TestSystemStore:
    """A company's proxy shows certificates of a CA that its machines trust and Poetry's own bundle
    does not know.
    """

    HINT = f"Try: poetry repo certs {NAME} --ca system"

    @pytest.mark.parametrize("identified", [True, False], ids=["client-cert", "nothing"])
    def test_is_named_where_it_would_do_and_does(self, world: World, identified: bool) -> None:
        world.project("gamma")
        world.settle("config.toml", "certificates", NAME, "cert", value=None)
        world.home.environ["SSL_CERT_FILE"] = str(world.certs.ca_file())
        if not identified:
            world.index.tls = server_context(world.certs.server())
            world.break_off("client certificate")
        done = world.home.fails("lock")
        assert_once(done, "unknown-ca")
        assert "not trusted" in done.text
        assert "; the system's store trusts it." in done.text
        assert self.HINT in done.text
        doctor = world.home.fails("repo", "doctor", NAME)
        assert self.HINT in doctor.text
        world.home.ok("repo", "certs", NAME, "--ca", "system", "--no-verify")
        world.home.ok("lock")

    @pytest.mark.parametrize("why", ["it does not", "a CA was chosen", "it is for another host"])
    def test_twin_it_would_not_or_another_was_meant(self, world: World, why: str) -> None:
        world.project("gamma")
        store = world.certs.ca_file()
        other = world.certs.ca_file(world.certs.other_ca, name="other-ca.pem")
        world.settle("config.toml", "certificates", NAME, "cert", value=None)
        if why == "it does not":
            store = other
        elif why == "a CA was chosen":
            world.trust(other)
        else:
            world.index.tls = server_context(world.certs.server_wrong_host())
        world.home.environ["SSL_CERT_FILE"] = str(store)
        done = world.home.fails("lock")
        assert_once(done, "unknown-ca")
        assert f"Try: poetry repo certs {NAME} --ca PATH" in done.text
        assert "system's store" not in done.text


@pytest.mark.parametrize("option", ["--cert", "--client-cert"])
def test_a_file_of_the_command_line_is_named_with_the_host_of_the_upload(
    world: World, option: str
) -> None:
    world.project()
    put_wheel(world)
    world.publish_to("https://upload.example.invalid/legacy/")
    done = world.home.fails(
        "publish", "-r", NAME, "--username", "u", "--password", "p", option, str(gone(world))
    )
    assert f"Repository {NAME} (upload.example.invalid): the " in done.text
    assert f"{gone(world)} does not exist. [tls-file-missing]" in done.text
    assert_clean(done)


class TestInsecure:
    def test_works_and_warns_on_every_use(self, world: World, venv: Path) -> None:
        """Once per command, and by us: urllib3 would say it with every request."""
        world.home.environ["PYTHONWARNINGS"] = "default"
        world.index.tls = server_context(world.certs.server_unknown_ca(), world.certs.ca)
        world.home.ok("repo", "certs", NAME, "--insecure", "--no-verify")
        for done in all_commands(world, venv):
            assert (
                done.err.count(f"Repository {NAME}: its certificate is not verified (--insecure).")
                == 1
            ), done.text
            assert f"Try: poetry repo certs {NAME} --ca PATH" in done.err
            assert "InsecureRequestWarning" not in done.text

    def test_the_variable_that_does_it_is_named(self, world: World) -> None:
        """It wins over all that is stored, so that storing a CA would not help."""
        world.project("gamma")
        variable = f"POETRY_CERTIFICATES_{NAME.upper()}_CERT"
        world.home.environ[variable] = "false"
        done = world.home.ok("lock")
        assert (
            f"Repository {NAME}: its certificate is not verified ({variable}=false). Try: unset {variable}\n"
            in done.err
        )
        del world.home.environ[variable]
        assert "not verified" not in world.home.ok("lock").text

    def test_twin_put_right_it_warns_no_more(self, world: World, venv: Path) -> None:
        world.home.ok("repo", "certs", NAME, "--insecure", "--no-verify")
        world.home.ok("repo", "certs", NAME, "--ca", str(world.certs.ca_file()), "--no-verify")
        for done in all_commands(world, venv):
            assert "--insecure" not in done.text


STRICT_POETRY = Pairing(NEWEST, "3.13", None).executable


@cache
def strict_python() -> bool:
    """Whether the Python of the Poetry under test checks as strictly as 3.13 does."""
    asked = "import ssl; print(bool(ssl.create_default_context().verify_flags & ssl.VERIFY_X509_STRICT))"
    python = str(poetry_under_test().with_name("python"))
    return (
        subprocess.run(
            [python, "-c", asked], capture_output=True, text=True, check=True
        ).stdout.strip()
        == "True"
    )


class TestStrictness:
    """An old company CA without key identifiers: Python 3.13 refuses what earlier ones take."""

    @pytest.fixture(autouse=True)
    def ca(self, world: World) -> Authority:
        authority, identity = world.certs.server_not_strict()
        world.index.tls = server_context(identity, world.certs.ca)
        world.trust(world.certs.ca_file(authority, name="old-ca.pem"))
        return authority

    def test_is_named_and_has_a_way_out(self, world: World, venv: Path) -> None:
        if strict_python():
            world.project("gamma")
            done = world.home.fails("lock")
            assert_once(done, "unknown-ca")
            assert "Python's strict X.509 check" in done.text
            assert f"Try: poetry repo certs {NAME} --ca PATH --relaxed" in done.text
            assert_clean(done)
            world.home.ok("repo", "certs", NAME, "--relaxed")
        all_commands(world, venv)

    @pytest.mark.skipif(
        not STRICT_POETRY.exists(),
        reason="no Poetry on Python 3.13; `tests/matrix.py --prepare` installs it",
    )
    def test_doctor_names_it_too(self, world: World, ca: Authority, tmp_path: Path) -> None:
        strict = World(
            world.index, PoetryHome(tmp_path / "strict", STRICT_POETRY), world.certs, world.identity
        )
        strict.trust(world.certs.ca_file(ca, name="old-ca.pem"))
        strict.identify()
        strict.log_in()
        strict.project("gamma")
        checks = parsed(strict.home.fails("repo", "doctor", NAME, "--json"))["repositories"][0][
            "checks"
        ]
        tls = next(check for check in checks if check["check"] == "tls")
        assert (tls["state"], tls["cause"]) == ("fail", "unknown-ca")
        assert "strict X.509" in tls["message"]
        assert tls["hint"] == f"poetry repo certs {NAME} --ca PATH --relaxed"
        strict.home.ok("repo", "certs", NAME, "--relaxed")
        strict.home.ok("repo", "doctor", NAME)
        strict.home.ok("lock")

    def test_relaxed_still_checks(self, world: World) -> None:
        """Another CA is not trusted because of it."""
        world.project("gamma")
        world.home.ok("repo", "certs", NAME, "--relaxed", "--no-verify")
        world.trust(world.certs.ca_file(world.certs.other_ca, name="other-ca.pem"))
        assert_once(world.home.fails("lock"), "unknown-ca")


class TestTerminal:
    """OpenSSL asks for a passphrase by itself, once for each of Poetry's retries. Here one question
    is asked, by us.
    """

    PROMPT = f"Passphrase of the client key for {NAME}: "

    @pytest.fixture(autouse=True, params=["two files", "one file", "PKCS#12"])
    def _sealed(self, world: World, request: pytest.FixtureRequest) -> None:
        world.project("gamma")
        certs: CertificateFactory = world.certs
        if request.param == "two files":
            identify_with(world, own_cert(world), sealed_key(world))
        elif request.param == "one file":
            identify_with(
                world, certs.pem(world.identity, "sealed.pem", passphrase=RIGHT_PASSPHRASE)
            )
        else:
            identify_with(
                world, certs.pkcs12_file(world.identity, "sealed.p12", passphrase=RIGHT_PASSPHRASE)
            )

    def test_asks_once(self, world: World, home: WarmHome) -> None:
        with home.terminal("lock") as terminal:
            terminal.expect(self.PROMPT)
            terminal.type(RIGHT_PASSPHRASE)
            assert terminal.end() == 0, terminal.screen
        assert terminal.screen.count(self.PROMPT) == 1
        assert "PEM pass phrase" not in terminal.screen
        assert RIGHT_PASSPHRASE not in terminal.screen
        assert names_locked(world) == ["gamma-1.0"]

    def test_the_question_stays_where_a_spinner_turns(self, world: World, home: WarmHome) -> None:
        with home.terminal("lock", "--ansi") as terminal:
            terminal.expect(self.PROMPT)
            terminal.watch(0.5)
            assert terminal.lines()[-1] == self.PROMPT
            terminal.type(RIGHT_PASSPHRASE)
            assert terminal.end() == 0, terminal.screen
        assert any(line.startswith("Resolving dependencies...") for line in terminal.lines())
        assert names_locked(world) == ["gamma-1.0"]

    def test_twin_a_wrong_answer(self, world: World, home: WarmHome) -> None:
        with home.terminal("lock") as terminal:
            terminal.expect(self.PROMPT)
            terminal.type(WRONG_PASSPHRASE)
            assert terminal.end() == 1, terminal.screen
        assert terminal.screen.count(self.PROMPT) == 1
        assert terminal.screen.count("[passphrase-wrong]") == 1
        assert "PEM pass phrase" not in terminal.screen
        assert world.index.requests == []

    def test_nobody_to_ask(self, world: World, home: WarmHome) -> None:
        with home.terminal("lock", "--no-interaction") as terminal:
            assert terminal.end() == 1, terminal.screen
        assert "Passphrase of" not in terminal.screen
        assert terminal.screen.count("[passphrase-missing]") == 1
        assert "PEM pass phrase" not in terminal.screen
        assert_no_secret(Finished(1, terminal.screen, ""))
