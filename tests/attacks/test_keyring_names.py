"""A host, a user or a source that is named like an entry of somebody else's in the keyring."""

from __future__ import annotations

import base64
import json

import pytest
import tomlkit

from tests.attacks.arena import EVIL, HOST, PASSPHRASE, PASSWORD, URL, Arena, assert_clean

LIKE_THE_COMPANY = f"poetry-repository-{HOST}"


@pytest.fixture
def storage() -> str:
    return "keyring"


@pytest.fixture(autouse=True)
def _named_like_its_host(arena: Arena) -> None:
    """The login's repository is called ``company.example``: its service is a host name, too."""
    entries = json.loads((arena.home.keyring_home / "keyring.json").read_text())
    login = entries["poetry-repository-company"]
    old = {"__client_key_passphrase__": PASSPHRASE, "__short_lived__": PASSWORD}
    entries[LIKE_THE_COMPANY] = {**login, **old}
    (arena.home.keyring_home / "keyring.json").write_text(json.dumps(entries))
    arena.evil.index.credentials = {}


def services(arena: Arena, before: int) -> list[str]:
    """The services that the keyring has been asked for since."""
    return [call[1] for call in arena.home.keyring_calls()[before:]]


@pytest.mark.parametrize(
    "netloc",
    [
        LIKE_THE_COMPANY,
        LIKE_THE_COMPANY.title(),
        f"{LIKE_THE_COMPANY}.",
        f"{LIKE_THE_COMPANY}:443",
        LIKE_THE_COMPANY.replace("p", "\uff50", 1),  # IDNA reads it as a plain p
        f"__client_key_passphrase__@{LIKE_THE_COMPANY}",
        f"__short_lived__@{LIKE_THE_COMPANY}",
        f"alice-the-user@{LIKE_THE_COMPANY}",
    ],
)
def test_a_host_named_like_an_entry_gets_nothing(arena: Arena, netloc: str) -> None:
    arena.project("public-lib", sources={"other": f"https://{netloc}/simple/"})
    before = len(arena.home.keyring_calls())
    done = arena.home.fails("lock")
    assert arena.evil.requests or "not a valid IDNA label" in done.text
    asked = services(arena, before)
    assert not [service for service in asked if service.lower().startswith("poetry-repo-plugin")]
    by_url = f"https://{netloc.rpartition('@')[2]}/simple"
    assert set(asked) <= {"poetry-repository-other", by_url, f"{by_url}/"}
    assert_clean(done)


@pytest.mark.parametrize("storage", ["keyring"])
def test_nor_does_a_direct_url(arena: Arena) -> None:
    """A dependency by URL belongs to no repository: only its host is asked for."""
    arena.project(f"public-lib @ https://{LIKE_THE_COMPANY}/files/public_lib-1.0-py3-none-any.whl")
    before = len(arena.home.keyring_calls())
    arena.evil.respond = lambda request: arena.evil.index.read_access.challenge()
    arena.home.fails("lock")
    assert arena.evil.requests
    assert services(arena, before) == []


@pytest.mark.parametrize(
    ("name", "user"),
    [
        (f"x/../{LIKE_THE_COMPANY}", "alice-the-user"),
        (f"{HOST}/", "alice-the-user"),
        (f"{HOST}//", "alice-the-user"),
        (f"{HOST}/.", "alice-the-user"),
        (f"{HOST}\\", "alice-the-user"),
        ("x", f"../{LIKE_THE_COMPANY}/alice-the-user"),
        ("x", f"..\\{LIKE_THE_COMPANY}\\alice-the-user"),
    ],
)
def test_nor_a_source_whose_name_leads_to_another_entry(arena: Arena, name: str, user: str) -> None:
    """As in backends that keep entries in folders, where ``a/`` is ``a``. The project names the
    user, too.
    """
    poetry_toml = {"http-basic": {name: {"username": user}}}
    (arena.home.project / "poetry.toml").write_text(tomlkit.dumps(poetry_toml), encoding="utf-8")
    arena.project("public-lib", sources={name: f"https://{EVIL}/simple/"})
    before = len(arena.home.keyring_calls())
    arena.refuse()
    arena.home.fails("lock")
    asked = [
        call
        for call in arena.home.keyring_calls()[before:]
        if call[1].startswith("poetry-repository-")
    ]
    if name == "x":
        assert not [call for call in asked if ".." in str(call)]
    else:
        assert asked == []


@pytest.mark.parametrize("user", ["corp\\alice", "team/robot", "a..b", "al.ice"])
def test_twin_ordinary_users_are_asked_for(arena: Arena, user: str) -> None:
    keep(arena, "poetry-repository-x", user, "his-own")
    arena.settle("auth.toml", "http-basic", "x", value={"username": user})
    arena.own.add(f"Basic {base64.b64encode(f'{user}:his-own'.encode()).decode()}")
    arena.evil.index.credentials = {user: "his-own"}
    arena.project("public-lib", sources={"x": f"https://{EVIL}/simple/"})
    arena.home.ok("lock")


def test_twin_a_host_of_that_name_has_its_own_entry_by_url(arena: Arena) -> None:
    """Nobody but the host itself can be meant by a whole URL."""
    url = f"https://{LIKE_THE_COMPANY}/simple/"
    keep(arena, url, "bob", "his-own")
    arena.own.add("Basic Ym9iOmhpcy1vd24=")
    arena.evil.index.credentials = {"bob": "his-own"}
    arena.project("public-lib", sources={"other": url})
    arena.home.ok("lock")


@pytest.mark.parametrize("by_url", [False, True])
def test_twin_an_ordinary_host_is_asked_for(arena: Arena, by_url: bool) -> None:
    url = f"https://repo.{EVIL}/simple/"
    keep(arena, url if by_url else f"repo.{EVIL}", "bob", "his-own")
    arena.own.add("Basic Ym9iOmhpcy1vd24=")
    arena.evil.index.credentials = {"bob": "his-own"}
    arena.project("public-lib", sources={"other": url})
    arena.home.ok("lock")


def test_twin_the_company_itself_gets_everything(arena: Arena) -> None:
    arena.project("private-lib", url=URL)
    arena.home.ok("lock")
    assert {request.peer for request in arena.company.requests} == {"alice-laptop"}


def keep(arena: Arena, service: str, user: str, password: str) -> None:
    file = arena.home.keyring_home / "keyring.json"
    entries = json.loads(file.read_text())
    file.write_text(json.dumps({**entries, service: {user: password}}))
