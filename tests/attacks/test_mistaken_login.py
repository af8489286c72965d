"""A user logs in, or sets a certificate, in a project that uses a known name for the attacker's
server.

Whatever the user's word was that says where the name belongs, and whatever the secret is: it does
not grant.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.attacks.arena import (
    BOUND,
    EVIL,
    EVIL_URL,
    NAME,
    PASSPHRASE,
    PASSWORD,
    PEER,
    TOKEN,
    UPLOAD,
    URL,
    USER,
    Arena,
    assert_clean,
)
from tests.poetry_process import Finished
from tests.warm import WarmHome

OWN = "poetry-repo-plugin.toml"
WORDS = ("a login", "a certificate", "repo add", "poetry config", "the environment")
LOGIN = ("repo", "login", NAME)
PASSWORD_WORDS = ("--username", USER, "--password-stdin", "--plaintext")
ENTERED = (
    "a password",
    "a token",
    "an unverified password",
    "a helper",
    "a certificate",
    "an unverified certificate",
)
STORED = ("a password", "a helper", "a certificate")


def say(arena: Arena, word: str) -> None:
    """A user who has stored nothing yet, and has said where the name belongs."""
    for file in arena.home.config.glob("*.toml"):
        file.unlink()
    if word == "a login":
        arena.settle(OWN, "repositories", NAME, value={"credential-origins": [BOUND]})
    elif word == "a certificate":
        arena.settle(OWN, "repositories", NAME, value={"certificate-origins": [BOUND]})
    elif word == "repo add":
        arena.home.ok("repo", "add", NAME, URL, cwd=arena.home.root)
    elif word == "poetry config":
        arena.settle("config.toml", "repositories", NAME, value={"url": UPLOAD})
    elif word == "the environment":
        arena.home.environ["POETRY_REPOSITORIES_COMPANY_URL"] = UPLOAD
    arena.company.clear()


def script(arena: Arena) -> Path:
    """A credential helper; it leaves a mark when it runs."""
    program = arena.home.root / "a-helper"
    answer = f"username={USER}\\npassword={PASSWORD}\\n"
    program.write_text(
        f"#!/bin/sh\ntouch {arena.home.root}/asked\ncat >/dev/null\nprintf '{answer}'\n"
    )
    program.chmod(0o700)
    return program


def client_words(arena: Arena) -> tuple[str, ...]:
    folder = arena.certs.directory
    files = (
        "--client-cert",
        str(folder / "client.crt"),
        "--client-key",
        str(folder / "client.key"),
    )
    return ("repo", "certs", NAME, *files, "--passphrase-stdin", "--plaintext")


def enter(arena: Arena, secret: str, *more: str) -> Finished:
    """Type a new secret into a command."""
    run = arena.home.run
    if secret == "a token":
        return run(*LOGIN, "--token-stdin", "--plaintext", *more, stdin=TOKEN)
    if secret == "a helper":
        return run(*LOGIN, "--helper", str(script(arena)), "--protocol", "git", *more)
    unverified = ("--no-verify",) if "unverified" in secret else ()
    if secret.endswith("certificate"):
        return run(*client_words(arena), *unverified, *more, stdin=PASSPHRASE)
    return run(*LOGIN, *PASSWORD_WORDS, *unverified, *more, stdin=PASSWORD)


def keep(arena: Arena, secret: str) -> None:
    """Poetry alone has stored a secret, which is bound to nothing."""
    if secret == "a password":
        arena.settle(
            "auth.toml", "http-basic", NAME, value={"username": USER, "password": PASSWORD}
        )
    elif secret == "a helper":
        arena.settle(OWN, "repositories", NAME, "helper", value=[str(script(arena))])
        arena.settle(OWN, "repositories", NAME, "helper-protocol", value="git")
    else:
        folder = arena.certs.directory
        arena.settle(
            "auth.toml", "certificates", NAME, value={"client-cert": str(folder / "client.crt")}
        )
        arena.settle(OWN, "repositories", NAME, "client-key", value=str(folder / "client.key"))
        arena.settle("auth.toml", "http-basic", NAME, value={"passphrase": PASSPHRASE})


@pytest.mark.parametrize("secret", ENTERED)
@pytest.mark.parametrize("word", WORDS)
def test_what_is_entered_for_a_known_name_does_not_leave(
    arena: Arena, word: str, secret: str
) -> None:
    """Both origins and the way out are named, nothing is stored, and the attacker is not even
    asked.
    """
    say(arena, word)
    arena.refuse()
    arena.project("public-lib", url=EVIL_URL)
    before = {file.name: file.read_bytes() for file in arena.home.config.glob("*.toml")}
    done = enter(arena, secret)
    assert done.code == 1, done.text
    assert f"belongs to {BOUND}" in done.err
    assert f"only this project says {EVIL_URL}" in done.err
    assert "[origin-mismatch]" in done.err
    assert f"Try: poetry repo login {NAME} --url {EVIL_URL}\n" in done.err
    assert {file.name: file.read_bytes() for file in arena.home.config.glob("*.toml")} == before
    assert arena.evil.requests == []
    assert not (arena.home.root / "asked").exists(), "the helper is not asked for a stranger"
    assert_clean(done)


@pytest.mark.parametrize("secret", STORED)
@pytest.mark.parametrize("word", WORDS)
def test_what_poetry_alone_has_stored_for_a_known_name_does_not_leave(
    arena: Arena, word: str, secret: str
) -> None:
    """Neither with a look-up nor with doctor's questions; token does not hand it out for the
    stranger.
    """
    say(arena, word)
    keep(arena, secret)
    arena.refuse()
    arena.project("public-lib", url=EVIL_URL)
    done = arena.home.fails("lock")
    if secret != "a certificate":
        assert "[origin-mismatch]" in done.err, done.text
        assert f"poetry repo login {NAME} --url https://{EVIL}" in done.err
        assert "[origin-mismatch]" in arena.home.fails("repo", "token", NAME).err
    assert_clean(done)
    assert not (arena.home.root / "asked").exists()
    assert_clean(arena.home.run("repo", "doctor", NAME))
    assert arena.evil.requests


@pytest.mark.parametrize("word", ["a login", "a certificate", "repo add"])
def test_a_password_on_the_line_of_publish_does_not_leave(arena: Arena, word: str) -> None:
    say(arena, word)
    table = f'[tool.poetry-repo-plugin.{NAME}]\npublish-url = "https://{EVIL}/upload/"\n'
    arena.project("public-lib", url=URL, extra=table)
    arena.dist()
    done = arena.home.fails("publish", "-r", NAME, "--username", USER, "--password", PASSWORD)
    assert "[origin-mismatch]" in done.err
    assert f"poetry repo login {NAME} --url https://{EVIL}/upload/" in done.err
    assert arena.evil.requests == []
    assert_clean(done)


@pytest.mark.parametrize("word", ["a login", "a certificate", "repo add"])
def test_a_client_certificate_on_the_line_of_publish_does_not_leave(
    arena: Arena, word: str
) -> None:
    say(arena, word)
    client = arena.certs.pem(arena.certs.client(PEER))
    table = f'[tool.poetry-repo-plugin.{NAME}]\npublish-url = "https://{EVIL}/upload/"\n'
    arena.project("public-lib", url=URL, extra=table)
    arena.dist()
    done = arena.home.fails("publish", "-r", NAME, "--client-cert", str(client))
    assert "[origin-mismatch]" in done.err
    assert arena.evil.requests == []


@pytest.mark.parametrize(
    "command", [("repo", "doctor", "--fix"), ("repo", "add", NAME)], ids=["doctor", "add"]
)
def test_a_login_that_a_project_brings_makes_no_home_of_the_place(
    arena: Arena, command: tuple[str, ...]
) -> None:
    """It would be kept under the known name, and then the next login would go there."""
    say(arena, "repo add")
    arena.own.add("Basic bWFsbG9yeTpoZXJz")
    arena.project("public-lib", url=EVIL_URL.replace("//", "//mallory:hers@"))
    arena.home.run(*command)
    assert "credential-origins" not in arena.home.toml(OWN)["repositories"][NAME]
    assert arena.home.files_with("hers") == [arena.home.project / "pyproject.toml"]
    assert "[origin-mismatch]" in enter(arena, "a password").err


@pytest.mark.parametrize("answer", ["n", "y"])
def test_before_publish_asks_for_a_password_it_asks_whether_to_go_there(
    arena: Arena, answer: str
) -> None:
    say(arena, "repo add")
    arena.refuse()
    arena.evil.index.upload_credentials = {USER: PASSWORD}
    table = f'[tool.poetry-repo-plugin.{NAME}]\npublish-url = "https://{EVIL}/upload/"\n'
    arena.project("public-lib", url=URL, extra=table)
    arena.dist()
    assert isinstance(arena.home, WarmHome)
    with arena.home.terminal("publish", "-r", NAME) as terminal:
        terminal.expect(
            f"belongs to {BOUND} (poetry repo add), but this project says https://{EVIL}/upload/."
        )
        terminal.expect("Continue there? (y/n) [n]: ")
        terminal.type(answer)
        if answer == "y":
            terminal.expect("User name (empty for a token): ")
            terminal.type("mallory")
            terminal.expect("Password of mallory: ")
            terminal.type("for-this-place")
        assert terminal.end() == 1
    named = {
        request.authorization.username for request in arena.evil.requests if request.authorization
    }
    assert named == ({"mallory"} if answer == "y" else set())
    arena.evil.clear()
    arena.proxy.clear()


@pytest.mark.parametrize("secret", ENTERED)
@pytest.mark.parametrize("word", [*WORDS, "nothing"])
def test_twin_at_home_it_is_accepted(arena: Arena, word: str, secret: str) -> None:
    """Also where nothing was ever said of the name: the first login may be in a project."""
    say(arena, word)
    arena.project("public-lib", url=URL)
    done = enter(arena, secret)
    assert done.code == 0, done.text
    found = arena.home.toml(OWN)["repositories"][NAME]
    kind = "certificate-origins" if secret.endswith("certificate") else "credential-origins"
    assert found[kind] == [BOUND]
    if "unverified" in secret:
        assert arena.company.requests == []
    elif secret.endswith("certificate"):
        assert {request.peer for request in arena.company.requests} == {PEER}
    else:
        assert any(request.authorization for request in arena.company.requests)


@pytest.mark.parametrize("secret", ["a password", "a helper"])
@pytest.mark.parametrize("word", WORDS)
def test_twin_a_url_that_is_typed_is_the_users_word(arena: Arena, word: str, secret: str) -> None:
    say(arena, word)
    arena.evil.index.credentials = {USER: PASSWORD}
    arena.project("public-lib", url=EVIL_URL)
    done = enter(arena, secret, "--url", EVIL_URL)
    assert done.code == 0, done.text
    assert f"https://{EVIL}" in arena.home.toml(OWN)["repositories"][NAME]["credential-origins"]
    assert arena.home.ok("lock").code == 0
    arena.evil.clear()
    arena.proxy.clear()


def test_twin_uploads_on_another_host_than_the_index(arena: Arena) -> None:
    """Both added by the user, inside the project: the index stands in the project's file alone, the
    publish URL in the user's settings, and neither makes a stranger of the other.
    """
    say(arena, "nothing")
    arena.project("public-lib")
    upload = f"https://upload.{EVIL}/"  # a host of the same owner, here
    arena.home.ok("repo", "add", NAME, URL, "--publish-url", upload)
    done = enter(arena, "a password")
    assert done.code == 0, done.text
    assert arena.home.toml(OWN)["repositories"][NAME]["credential-origins"] == [
        BOUND,
        upload.rstrip("/"),
    ]
    assert arena.evil.requests == []
    # Another project that uses the name for a third place gets nothing.
    arena.project("public-lib", url=EVIL_URL)
    assert "[origin-mismatch]" in enter(arena, "a password").err


def test_twin_a_login_and_a_certificate_one_after_the_other(arena: Arena) -> None:
    say(arena, "nothing")
    arena.project("public-lib", url=URL)
    assert enter(arena, "a certificate").code == 0
    assert enter(arena, "a password").code == 0
    arena.home.ok("lock")
    assert {request.peer for request in arena.company.requests} == {PEER}
