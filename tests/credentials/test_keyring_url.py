"""The keyring by URL and by host, as pip asks it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from keyring.errors import KeyringLocked

from poetry_repo_plugin.credentials.base import (
    FIRST_REQUEST,
    Credential,
    NotMine,
    Query,
    Source,
    Unheard,
)
from poetry_repo_plugin.credentials.keyring import KeyringGate
from poetry_repo_plugin.credentials.keyring_url import KeyringUrlSource
from poetry_repo_plugin.credentials.netrc import NetrcSource
from tests.credentials.contract import MARK, NAME, URL, SourceContract
from tests.credentials.keyrings import MemoryKeyring, in_use, raising

HOST = "packages.example.com"


@pytest.fixture
def backend() -> Iterator[MemoryKeyring]:
    with in_use(MemoryKeyring()) as mine:
        yield mine


def source(later: list[Source] | None = None, *, enabled: bool = True) -> KeyringUrlSource:
    return KeyringUrlSource(KeyringGate(enabled=lambda: enabled), later or [])


class TestContract(SourceContract):
    @pytest.fixture(params=[URL, HOST])
    def source(self, request: pytest.FixtureRequest, backend: MemoryKeyring) -> KeyringUrlSource:
        backend.entries[request.param, "me"] = MARK
        return source()


class TestBrokenContract(SourceContract):
    """Of a keyring that fails: still one of three answers."""

    @pytest.fixture
    def source(self, backend: MemoryKeyring) -> KeyringUrlSource:
        backend.before = raising(KeyringLocked(MARK))
        return source()

    def test_it_has_a_credential_in_this_world(self, source: KeyringUrlSource) -> None:  # type: ignore[override]
        assert source.get(Query(NAME, URL)) == Unheard("the keyring is locked", "keyring-url")


def test_by_url_then_by_host(backend: MemoryKeyring) -> None:
    backend.entries[HOST, "host-user"] = "by host"
    answer = source().get(Query(NAME, URL))
    assert isinstance(answer, Credential)
    assert (answer.username, answer.secret.reveal(), answer.source) == (
        "host-user",
        "by host",
        "keyring-url",
    )
    assert [service for _, service, _ in backend.calls] == [URL, URL.rstrip("/"), HOST]
    backend.entries[URL, "url-user"] = "by url"
    answer = source().get(Query(NAME, URL))
    assert isinstance(answer, Credential)
    assert (answer.username, answer.secret.reveal(), answer.detail) == (
        "url-user",
        "by url",
        f"keyring entry {URL}",
    )


@pytest.mark.parametrize("stored", [URL, URL.rstrip("/")])
@pytest.mark.parametrize("asked", [URL, URL.rstrip("/")])
def test_the_slash_at_the_end_makes_no_difference(
    backend: MemoryKeyring, stored: str, asked: str
) -> None:
    backend.entries[stored, "me"] = MARK
    answer = source().get(Query(NAME, asked))
    assert isinstance(answer, Credential)
    assert answer.detail == f"keyring entry {stored}"
    assert isinstance(source().get(Query(NAME, f"{asked.rstrip('/')}/x/")), NotMine), (
        "a twin: below it is another"
    )


def test_the_very_spelling_goes_before_the_other(backend: MemoryKeyring) -> None:
    backend.entries = {(URL.rstrip("/"), "other"): MARK, (URL, "me"): MARK}
    answer = source().get(Query(NAME, URL))
    assert isinstance(answer, Credential)
    assert answer.username == "me"
    assert len(backend.calls) == 1


def test_an_entry_of_another_host_port_or_user_is_not_taken(backend: MemoryKeyring) -> None:
    backend.entries[HOST, "me"] = MARK
    for url in (
        f"https://{HOST}:8443/",
        f"https://x.{HOST}/",
        f"https://{HOST}.evil.org/",
        f"https://evil.org/{HOST}",
    ):
        assert isinstance(source().get(Query(NAME, url)), NotMine)
    assert isinstance(source().get(Query(NAME, URL, username="you")), NotMine)


def test_a_host_without_a_repository_is_asked_for_once_whatever_the_url(
    backend: MemoryKeyring,
) -> None:
    mine = source()
    for number in range(50):
        assert isinstance(mine.get(Query("", f"https://files.example/{number}")), NotMine)
    assert backend.calls == [("find", "files.example", None)]


def test_before_a_refusal_it_is_asked_only_where_the_order_matters(
    backend: MemoryKeyring, tmp_path: Path
) -> None:
    """A public index never touches the keyring, unless netrc would answer, which the keyring goes
    before.
    """
    first = Query(NAME, URL, allowed=FIRST_REQUEST)
    backend.entries[URL, "me"] = MARK
    (tmp_path / "netrc").write_text(f"machine {HOST} login n password n\n", encoding="utf-8")
    netrc = NetrcSource({"NETRC": str(tmp_path / "netrc")})
    assert isinstance(source().get(first), NotMine)
    assert isinstance(
        source([netrc]).get(Query(NAME, "https://other.example/", allowed=FIRST_REQUEST)), NotMine
    )
    assert backend.calls == []
    answer = source([netrc]).get(first)
    assert isinstance(answer, Credential)
    assert answer.source == "keyring-url"


def test_none_to_be_used_is_not_broken(backend: MemoryKeyring) -> None:
    assert isinstance(source(enabled=False).get(Query(NAME, URL)), NotMine)
    assert backend.calls == []
