"""What a name, a URL and a host may stand for in a keyring, and where our own secrets are kept."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from keyring.errors import PasswordDeleteError, PasswordSetError

from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.credentials.base import EVERYTHING, NotMine, Purpose, Query
from poetry_repo_plugin.credentials.keyring import KeyringGate
from poetry_repo_plugin.credentials.keyring_services import (
    PASSPHRASE,
    SHORT_LIVED,
    HostService,
    NotAskable,
    OwnEntry,
    OwnService,
    RepositoryService,
    UrlService,
)
from poetry_repo_plugin.credentials.keyring_url import KeyringUrlSource
from poetry_repo_plugin.credentials.keyring_worker import KeyringUnavailable
from tests.credentials.contract import MARK
from tests.credentials.keyrings import Call, MemoryKeyring, ReadOnlyKeyring, in_use, raising

OWN = [PASSPHRASE, SHORT_LIVED]
PLACE, OLD_PLACE = "poetry-repo-plugin: corp", "poetry-repository-corp"

HOSTS = st.one_of(
    st.sampled_from(
        [
            "poetry-repository-acme.dev",
            "POETRY-Repository-acme",
            "poetry-repository-acme.dev.",
            "\uff50oetry-repository-acme.dev",
            "poetry\u00adrepository-acme.dev",
            "poetry\u2010repository-acme.dev",
            "poetry-repository-acme\u3002dev",
            "%70oetry-repository-acme",
            "poetry-repo-plugin: acme",
            "poetry-repo-plugin",
            "host.example",
            "[::1]",
        ]
    ),
    st.from_regex(r"(?i)poetry-repos?i?t?o?r?y?-[a-z0-9._-]{0,12}", fullmatch=True),
    st.text(max_size=20),
)
USERS = st.one_of(
    st.sampled_from(
        ["", "me@", "me:pw@", "__client_key_passphrase__@", "a@poetry-repository-acme@"]
    ),
    st.text(max_size=8),
)
PATHS = st.one_of(
    st.sampled_from(
        [
            "/",
            "/simple/",
            "",
            "/../poetry-repository-acme/",
            "/%2e%2e/%2e%2e/poetry-repository-acme",
        ]
    ),
    st.text(max_size=20),
)
URLS = st.builds(
    "{}{}{}{}{}".format,
    st.sampled_from(["https://", "http://", "HTTPS://", "//", "", "https:", " https://", "ftp://"]),
    USERS,
    HOSTS,
    st.sampled_from(["", ":443", ":8443", ":", ":acme", ":0443"]),
    PATHS,
)


def is_kept(service: str) -> bool:
    """Whether Poetry or we keep secrets there, by the least particular of backends."""
    return service.strip().casefold().startswith(("poetry-repository-", "poetry-repo-plugin: "))


@pytest.fixture
def backend() -> Iterator[MemoryKeyring]:
    with in_use(MemoryKeyring()) as mine:
        yield mine


def gate(said: list[str] | None = None) -> KeyringGate:
    return KeyringGate(enabled=lambda: True, announce=(said if said is not None else []).append)


class TestSpellings:
    @settings(
        deadline=None
    )  # each example asks on a thread of its own, and the machine may be busy
    @given(url=URLS, name=st.sampled_from(["", "acme"]), user=st.none() | st.text(max_size=5))
    @example("https://poetry-repository-acme.dev/simple/", "acme", None)
    @example(
        "https://__client_key_passphrase__@poetry-repository-acme.dev/",
        "",
        "__client_key_passphrase__",
    )
    def test_no_url_asks_for_what_is_kept_under_a_name(
        self, url: str, name: str, user: str | None
    ) -> None:
        with in_use(MemoryKeyring()) as backend:
            KeyringUrlSource(gate(), []).get(Query(name, url, Purpose.INDEX, EVERYTHING, user))
            for _, service, asked_for in backend.calls:
                assert not is_kept(service)
                assert "@" not in service.partition("/")[0]
                assert ".." not in service.split("/")
                assert asked_for not in ("__client_key_passphrase__", "__short_lived__")

    @given(st.text(), st.text(), st.sampled_from(OWN))
    def test_no_name_of_a_repository_is_an_entry_of_ours(
        self, name: str, user: str, entry: OwnEntry
    ) -> None:
        with in_use(MemoryKeyring()) as backend:
            for username in (user, entry.user, entry.old_user, entry.old_user.upper()):
                gate().stored(name, username)
            assert entry.address("corp") not in {
                (service, asked) for _, service, asked in backend.calls
            }
            assert not any(asked == entry.old_user for _, _, asked in backend.calls)
            assert all(service.startswith("poetry-repository-") for _, service, _ in backend.calls)

    @given(st.text(), st.text())
    def test_two_names_have_two_entries(self, one: str, other: str) -> None:
        assert (str(OwnService(one)) == str(OwnService(other))) is (one == other)

    @pytest.mark.parametrize(
        "name",
        [
            "x/../poetry-repository-acme",
            "..\\x",
            "../../x",
            "acme/",
            "acme//",
            "acme/.",
            "acme\\",
            "a\nb",
            "a\x00",
        ],
    )
    def test_a_name_that_leads_elsewhere_has_no_entry(
        self, backend: MemoryKeyring, name: str
    ) -> None:
        with pytest.raises(NotAskable):
            RepositoryService(name)
        assert gate().stored(name, "me") is None
        assert gate().forget(name, "me") is False
        with pytest.raises(KeyringUnavailable):
            gate().store(name, "me", Secret(MARK))
        assert backend.calls == []

    @pytest.mark.parametrize("name", ["acme", "acme.dev", "team/a", "Ä", "a b", "a..b"])
    def test_twin_an_ordinary_name_is_spelled_as_poetry_spells_it(self, name: str) -> None:
        assert str(RepositoryService(name)) == f"poetry-repository-{name}"

    @pytest.mark.parametrize(
        ("url", "by_url", "host"),
        [
            ("https://host/simple/", "https://host/simple/", "host"),
            ("https://me:pw@HOST:443/a", "https://HOST:443/a", "HOST:443"),
            ("http://[::1]:8080/", "http://[::1]:8080/", "[::1]:8080"),
            (
                "https://poetry.repository.dev/",
                "https://poetry.repository.dev/",
                "poetry.repository.dev",
            ),
            (
                "https://x.poetry-repository-y/",
                "https://x.poetry-repository-y/",
                "x.poetry-repository-y",
            ),
        ],
    )
    def test_twin_a_url_is_spelled_as_pip_spells_it(self, url: str, by_url: str, host: str) -> None:
        assert (str(UrlService(url)), str(HostService(url))) == (by_url, host)

    def test_a_host_that_is_not_asked_for_is_named(self, backend: MemoryKeyring) -> None:
        answer = KeyringUrlSource(gate(), []).get(
            Query("acme", "https://Poetry-Repository-x/simple/")
        )
        assert answer == NotMine(
            "in a keyring, Poetry-Repository-x names the login of a repository"
        )
        assert [service for _, service, _ in backend.calls] == [
            "https://Poetry-Repository-x/simple/",
            "https://Poetry-Repository-x/simple",
        ]


@pytest.mark.parametrize("entry", OWN)
class TestOwn:
    def test_keeping_and_forgetting(self, backend: MemoryKeyring, entry: OwnEntry) -> None:
        mine = gate()
        assert mine.own("corp", entry) is None
        mine.keep_own("corp", entry, Secret("s"))
        assert backend.entries == {(PLACE, entry.user): "s"}
        assert mine.own("corp", entry) == gate().own("corp", entry) == Secret("s")
        assert mine.forget_own("corp", entry) is True
        assert backend.entries == {}
        assert mine.own("corp", entry) is None
        assert mine.forget_own("corp", entry) is False

    def test_one_of_an_earlier_version_is_moved(
        self, backend: MemoryKeyring, entry: OwnEntry
    ) -> None:
        backend.entries = {(OLD_PLACE, entry.old_user): "s", (OLD_PLACE, "me"): "login"}
        said: list[str] = []
        mine = gate(said)
        assert [mine.own("corp", entry), mine.own("corp", entry)] == [Secret("s")] * 2
        assert backend.entries == {(PLACE, entry.user): "s", (OLD_PLACE, "me"): "login"}
        order = [call[:2] for call in backend.calls]
        assert order.index(("set", PLACE)) < order.index(("delete", OLD_PLACE))
        assert said == []
        backend.calls.clear()
        assert gate().own("corp", entry) == Secret("s")
        assert backend.calls == [("get", PLACE, entry.user)], "from then on one call, as ever"

    def test_twin_a_new_one_goes_before_an_old_one(
        self, backend: MemoryKeyring, entry: OwnEntry
    ) -> None:
        backend.entries = {(OLD_PLACE, entry.old_user): "old", (PLACE, entry.user): "new"}
        assert gate().own("corp", entry) == Secret("new")

    def test_who_only_looks_moves_nothing(self, backend: MemoryKeyring, entry: OwnEntry) -> None:
        backend.entries = {(OLD_PLACE, entry.old_user): "s"}
        assert gate().own("corp", entry, move=False) == Secret("s")
        assert backend.entries == {(OLD_PLACE, entry.old_user): "s"}

    @pytest.mark.parametrize("refused", ["set", "read back", "read only"])
    def test_a_keyring_that_refuses_loses_nothing(
        self, backend: MemoryKeyring, entry: OwnEntry, refused: str
    ) -> None:
        class Forgetful(MemoryKeyring):
            def set_password(self, service: str, username: str, password: str) -> None:
                """Says nothing, and keeps nothing."""

        there = {(OLD_PLACE, entry.old_user): "s"}
        unwilling = {"set": backend, "read back": Forgetful(), "read only": ReadOnlyKeyring()}[
            refused
        ]
        unwilling.entries = dict(there)
        unwilling.before = lambda call: (
            raising(PasswordSetError(MARK))(call) if call[0] == "set" else None
        )
        said: list[str] = []
        with in_use(unwilling):
            assert gate(said).own("corp", entry) == Secret("s")
        assert unwilling.entries == there
        assert len(said) == 1
        assert (
            f"corp: its {entry.what} stays in the keyring as {OLD_PLACE} (user {entry.old_user}), because"
            in said[0]
        )

    def test_an_old_one_that_cannot_be_deleted_is_said(
        self, backend: MemoryKeyring, entry: OwnEntry
    ) -> None:
        """macOS says the same of one that is not there."""

        def refuse(call: Call) -> None:
            if call[0] == "delete":
                raise PasswordDeleteError(MARK)

        backend.entries = {(OLD_PLACE, entry.old_user): "s"}
        backend.before = refuse
        said: list[str] = []
        assert gate(said).own("corp", entry) == Secret("s")
        assert set(backend.entries) == {(OLD_PLACE, entry.old_user), (PLACE, entry.user)}
        assert [line for line in said if f"may still be in the keyring as {OLD_PLACE}" in line]
        with pytest.raises(KeyringUnavailable):
            gate().forget_own("corp", entry)

    def test_a_new_one_takes_the_place_of_an_old_one(
        self, backend: MemoryKeyring, entry: OwnEntry
    ) -> None:
        backend.entries = {(OLD_PLACE, entry.old_user): "old"}
        gate().keep_own("corp", entry, Secret("new"))
        assert backend.entries == {(PLACE, entry.user): "new"}

    def test_both_are_forgotten(self, backend: MemoryKeyring, entry: OwnEntry) -> None:
        backend.entries = {(OLD_PLACE, entry.old_user): "old", (PLACE, entry.user): "new"}
        assert gate().forget_own("corp", entry) is True
        assert backend.entries == {}
