"""Every form of client identity that companies hand out, through lock, install and publish."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import packages
from tests.certs import CertificateFactory, Identity, server_context
from tests.integration.spoil import identify_with
from tests.integration.told import assert_clean, assert_once
from tests.integration.world import (
    NAME,
    PASSPHRASE,
    World,
    assert_authorized,
    installed,
    names_locked,
)
from tests.poetry_process import FILE_KEYRING
from tests.warm import parsed

pytestmark = [pytest.mark.failures, pytest.mark.paths]

Files = Callable[[CertificateFactory, Identity], "tuple[Path, Path | None]"]

ENCRYPTED: dict[str, Files] = {
    "pkcs12": lambda certs, one: (certs.pkcs12_file(one, "id.p12", passphrase=PASSPHRASE), None),
    "pkcs12 with the root": lambda certs, one: (
        certs.pkcs12_file(one, "id.pfx", passphrase=PASSPHRASE, authorities=[certs.ca]),
        None,
    ),
    "encrypted key": lambda certs, one: (
        certs.cert_file(one, "id.crt"),
        certs.key_file(one, "id.key", passphrase=PASSPHRASE),
    ),
    "encrypted key of OpenSSL's own form": lambda certs, one: (
        certs.cert_file(one, "id.crt"),
        certs.key_file(one, "id.key", passphrase=PASSPHRASE, traditional=True),
    ),
    "one file, encrypted": lambda certs, one: (
        certs.pem(one, "id.pem", passphrase=PASSPHRASE),
        None,
    ),
}
OPEN: dict[str, Files] = {
    "pkcs12 without encryption": lambda certs, one: (certs.pkcs12_file(one, "id.p12"), None),
    "one file": lambda certs, one: (certs.pem(one, "id.pem"), None),
    "two files": lambda certs, one: (certs.cert_file(one, "id.crt"), certs.key_file(one, "id.key")),
    "certificate as DER": lambda certs, one: (
        certs.cert_der(one, "id.der"),
        certs.key_file(one, "id.key"),
    ),
}


def assert_all_commands_work(world: World, venv: Path, peer: str) -> None:
    """lock, install and publish, each with the client certificate."""
    world.project("gamma")
    name, content = packages.wheel("app", "0.1.0")
    (world.home.project / "dist").mkdir()
    (world.home.project / "dist" / name).write_bytes(content)
    for words in (("lock",), ("install", "--no-root"), ("publish", "-r", NAME)):
        world.index.requests.clear()
        assert_clean(world.home.ok(*words))
        assert_authorized(world.index.requests, peer=peer)
    assert names_locked(world) == ["gamma-1.0"]
    assert installed(venv) == ["gamma-1.0"]
    assert len(world.index.uploads) == 1


@pytest.mark.parametrize("form", [*ENCRYPTED, *OPEN])
def test_form(world: World, venv: Path, form: str) -> None:
    cert, key = {**ENCRYPTED, **OPEN}[form](world.certs, world.identity)
    identify_with(world, cert, key, PASSPHRASE if form in ENCRYPTED else None)
    assert_all_commands_work(world, venv, world.identity.common_name)


@pytest.mark.parametrize("place", ["environment", "keyring"])
def test_place_of_the_passphrase(world: World, venv: Path, place: str) -> None:
    cert, key = ENCRYPTED["pkcs12"](world.certs, world.identity)
    if place == "environment":
        identify_with(world, cert, key)
        world.home.environ[f"POETRY_CERTIFICATES_{NAME.upper()}_PASSPHRASE"] = PASSPHRASE
    else:
        world.home.keyring = FILE_KEYRING
        words = ("--client-cert", str(cert), "--passphrase-stdin")
        assert_clean(world.home.ok("repo", "certs", NAME, *words, stdin=PASSPHRASE))
        kept = json.loads((world.home.keyring_home / "keyring.json").read_text())
        assert PASSPHRASE in [secret for entry in kept.values() for secret in entry.values()]
        assert world.home.files_with(PASSPHRASE) == []
    assert_all_commands_work(world, venv, world.identity.common_name)


def test_a_keyring_that_is_locked(world: World, venv: Path) -> None:
    """It is there, out of reach: that is said, not that nobody knows it; the environment is the way
    around.
    """
    cert, _ = ENCRYPTED["pkcs12"](world.certs, world.identity)
    identify_with(world, cert, None)
    world.home.keyring = FILE_KEYRING
    world.home.ok(
        *("repo", "certs", NAME, "--client-cert", str(cert), "--passphrase-stdin", "--no-verify"),
        stdin=PASSPHRASE,
    )
    world.home.environ["KEYRING_MODE"] = "locked"
    world.project("gamma")
    done = world.home.fails("lock")
    assert (
        "the passphrase of its client key is in the keyring, and the keyring is locked" in done.text
    )
    assert (
        f"POETRY_CERTIFICATES_{NAME.upper()}_PASSPHRASE can hold it instead. [passphrase-missing]"
        in done.text
    )
    assert_clean(done)
    world.home.environ[f"POETRY_CERTIFICATES_{NAME.upper()}_PASSPHRASE"] = PASSPHRASE
    assert_clean(world.home.ok("lock"))


def test_one_that_ends_soon(world: World, venv: Path) -> None:
    """Said once by each command that offers it, on stderr, with the command that renews it; not a
    word before.
    """
    pem = world.certs.pem(world.certs.ca.client(valid=(-1, 20)), "soon.pem")
    world.index.tls = server_context(world.certs.server(), world.certs.ca)
    identify_with(world, pem)
    world.project("gamma")
    name, content = packages.wheel("app", "0.1.0")
    (world.home.project / "dist").mkdir()
    (world.home.project / "dist" / name).write_bytes(content)
    said = f"{NAME}: the client certificate {pem} expires on 20"
    for words in (("lock",), ("install", "--no-root"), ("publish", "-r", NAME)):
        done = world.home.ok(*words)
        assert done.err.count(said) == 1, done.text
        assert f"Try: poetry repo certs {NAME} --client-cert PATH" in done.err
        assert said not in done.out
    identify_with(world, world.certs.pem(world.identity))
    assert "expires on" not in world.home.ok("lock").text


def test_one_that_an_intermediate_issued(world: World, venv: Path) -> None:
    """The server knows the root alone: the chain has to be sent along, from a store as from a
    file.
    """
    identity = world.certs.client_with_chain()
    world.index.tls = server_context(world.certs.server(), world.certs.ca)
    identify_with(
        world,
        world.certs.pkcs12_file(identity, "chain.p12", passphrase=PASSPHRASE),
        None,
        PASSPHRASE,
    )
    assert_all_commands_work(world, venv, identity.common_name)


@pytest.mark.parametrize("folder", ["CA bundle", "the client key"])
def test_the_folder_s_name_does_not_choose_the_hint(world: World, folder: str) -> None:
    missing = world.certs.directory / folder / "client.pem"
    world.settle("config.toml", "certificates", NAME, "client-cert", value=str(missing))
    world.project("gamma")
    done = world.home.fails("lock")
    assert_once(done, "tls-file-missing")
    assert f"the client certificate {missing} does not exist." in " ".join(done.text.split())
    assert done.text.rstrip().endswith(f"Try: poetry repo certs {NAME} --client-cert PATH")
    checks = parsed(world.home.fails("repo", "doctor", NAME, "--json"))["project"]
    [hint] = [finding["hint"] for finding in checks if str(missing) in finding["message"]]
    assert hint == f"poetry repo certs {NAME} --client-cert PATH"
