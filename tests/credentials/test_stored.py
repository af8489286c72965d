"""What ``login`` stored, in ``auth.toml`` or in the keyring, and the places that it is bound to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from keyring.errors import KeyringLocked

from poetry_repo_plugin.config.bindings import Bindings, Kind
from poetry_repo_plugin.config.settings import Settings
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.core.servers import TOKEN_USER
from poetry_repo_plugin.credentials.base import (
    EVERYTHING,
    FIRST_REQUEST,
    LEVELS,
    LISTING,
    Answer,
    Broken,
    Credential,
    Need,
    NotMine,
    Purpose,
    Query,
    Unheard,
    Unusable,
    Withheld,
)
from poetry_repo_plugin.credentials.keyring import KeyringGate
from poetry_repo_plugin.credentials.keyring_services import PASSPHRASE, SHORT_LIVED
from poetry_repo_plugin.credentials.stored import StoredSource
from tests.config.saving import saving
from tests.credentials.contract import MARK, NAME, URL, SourceContract
from tests.credentials.keyrings import MemoryKeyring, in_use, raising

SERVICE = f"poetry-repository-{NAME}"


class World:
    """One user's settings and keyring."""

    def __init__(self, folder: Path, backend: MemoryKeyring) -> None:
        self.environ: dict[str, str] = {}
        self.settings = Settings(folder, folder / "project", environ=self.environ)
        self.bindings = Bindings(self.settings)
        self.backend = backend
        self.enabled = True

    @property
    def source(self) -> StoredSource:
        return StoredSource(self.settings, KeyringGate(enabled=lambda: self.enabled), self.bindings)

    def get(
        self,
        name: str = NAME,
        url: str = URL,
        allowed: Need = EVERYTHING,
        username: str | None = None,
        purpose: Purpose = Purpose.INDEX,
    ) -> Answer:
        return self.source.get(Query(name, url, purpose, allowed, username))

    def both(self, token: str) -> None:
        """A user of whom a keyring has the password, and a token in the file."""
        text = f'[http-basic.{NAME}]\nusername = "me"\n\n[pypi-token]\n{NAME} = "{token}"\n'
        self.settings.auth_file.write_text(text, encoding="utf-8")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with in_use(MemoryKeyring()) as backend:
        yield World(tmp_path, backend)


def got(answer: Answer) -> tuple[str | None, str, str]:
    assert isinstance(answer, Credential), answer
    return answer.username, answer.secret.reveal(), answer.source


class TestContract(SourceContract):
    @pytest.fixture(params=["password", "token", "keyring", "keyring alone", "bound"])
    def source(self, request: pytest.FixtureRequest, world: World) -> StoredSource:
        if request.param == "token":
            saving(world.settings).save_token(NAME, Secret(MARK))
        elif request.param.startswith("keyring"):
            world.backend.entries = {(SERVICE, "me"): MARK, (SERVICE, TOKEN_USER): MARK}
            if request.param == "keyring":
                saving(world.settings).save_login(NAME, "me", None)
        else:
            saving(world.settings).save_login(NAME, "me", Secret(MARK))
        if request.param == "bound":
            world.bindings.record(NAME, Kind.CREDENTIAL, [URL])
        return world.source


class TestBrokenContract(SourceContract):
    """Of a keyring that fails: still one of three answers."""

    @pytest.fixture
    def source(self, world: World) -> StoredSource:
        saving(world.settings).save_login(NAME, "me", None)
        world.backend.before = raising(RuntimeError(MARK))
        return world.source

    def test_it_has_a_credential_in_this_world(self, source: StoredSource) -> None:  # type: ignore[override]
        answer = source.get(Query(NAME, URL))
        assert answer == Broken.because(
            "its password is in the keyring, but the keyring failed (RuntimeError)"
        )


class TestFiles:
    def test_a_password_and_a_token_are_whole_and_touch_no_keyring(self, world: World) -> None:
        world.backend.entries = {(SERVICE, "me"): "other", (SERVICE, TOKEN_USER): "other"}
        saving(world.settings).save_login(NAME, "me", Secret("pw"))
        for allowed in LEVELS:
            assert got(world.get(allowed=allowed)) == ("me", "pw", "auth.toml")
        saving(world.settings).save_token(NAME, Secret("t"))
        assert got(world.get()) == (TOKEN_USER, "t", "auth.toml")
        assert world.backend.calls == []

    def test_a_token_and_a_pair_go_by_what_the_request_is_for(self, world: World) -> None:
        """As in Poetry: the token may be for uploads only, and the pair for reading only."""
        saving(world.settings).save_token(NAME, Secret("t"))
        world.settings.auth_file.write_text(
            f'{world.settings.auth_file.read_text()}[http-basic.{NAME}]\nusername = "me"\npassword = "pw"\n'
        )
        world.settings.refresh()
        for purpose in (Purpose.INDEX, Purpose.GIT):
            assert got(world.get(purpose=purpose)) == ("me", "pw", "auth.toml")
            assert got(world.get(purpose=purpose, username=TOKEN_USER)) == (
                TOKEN_USER,
                "t",
                "auth.toml",
            )
        assert got(world.get(purpose=Purpose.PUBLISH)) == (TOKEN_USER, "t", "auth.toml")
        assert got(world.get(purpose=Purpose.PUBLISH, username="me")) == ("me", "pw", "auth.toml")
        assert world.backend.calls == []

    def test_another_user_s_is_not_taken(self, world: World) -> None:
        saving(world.settings).save_login(NAME, "me", Secret("pw"))
        assert got(world.get(username="me"))[1] == "pw"
        assert isinstance(world.get(username="you"), NotMine)

    def test_a_host_without_a_repository_has_none(self, world: World) -> None:
        saving(world.settings).save_login("", "me", Secret("pw"))
        assert isinstance(world.get(name=""), NotMine)
        assert world.backend.calls == []


class TestKeyring:
    def test_what_auth_toml_points_to_is_fetched_at_once(self, world: World) -> None:
        saving(world.settings).save_login(NAME, "me", None)
        world.backend.entries[SERVICE, "me"] = "pw"
        answer = world.get(allowed=FIRST_REQUEST)
        assert got(answer) == ("me", "pw", "keyring")
        assert isinstance(answer, Credential)
        assert answer.detail == f"keyring entry {SERVICE}"

    def test_without_a_trace_in_the_files_it_waits_for_a_refusal(self, world: World) -> None:
        world.backend.entries[SERVICE, TOKEN_USER] = "t"
        assert isinstance(world.get(allowed=FIRST_REQUEST), NotMine)
        assert world.backend.calls == []
        assert got(world.get()) == (TOKEN_USER, "t", "keyring")

    def test_for_a_user_of_the_url(self, world: World) -> None:
        world.backend.entries[SERVICE, "me"] = "pw"
        assert got(world.get(username="me")) == ("me", "pw", "keyring")
        assert world.backend.calls == [("get", SERVICE, "me")]

    @pytest.mark.parametrize("allowed", [FIRST_REQUEST, EVERYTHING])
    def test_a_token_in_the_file_stands_in_for_a_pair_that_the_keyring_has_not(
        self, world: World, allowed: Need
    ) -> None:
        world.both("t")
        assert got(world.get(allowed=allowed)) == (TOKEN_USER, "t", "auth.toml")
        assert world.backend.calls == [("get", SERVICE, "me")], (
            "the pair is asked for once, the token not at all"
        )
        world.backend.entries[SERVICE, "me"] = "pw"
        assert got(world.get(allowed=allowed)) == ("me", "pw", "keyring")

    def test_and_where_there_is_no_keyring(self, world: World) -> None:
        world.both("t")
        world.enabled = False
        assert got(world.get()) == (TOKEN_USER, "t", "auth.toml")

    def test_twin_not_where_the_keyring_fails(self, world: World) -> None:
        """The token may be for uploads only, and its refusal would hide what is wrong."""
        world.both("t")
        world.backend.before = raising(KeyringLocked())
        assert world.get() == Broken.because(
            "its password is in the keyring, but the keyring is locked"
        )

    def test_an_upload_asks_for_a_token_when_the_user_whom_the_file_names_was_refused(
        self, world: World
    ) -> None:
        """Poetry leaves no trace of a token in a file; looking for it first would be a second call
        for each upload.
        """
        saving(world.settings).save_login(NAME, "me", None)
        world.backend.entries = {(SERVICE, "me"): "pw", (SERVICE, TOKEN_USER): "t"}
        assert got(world.get(purpose=Purpose.PUBLISH)) == ("me", "pw", "keyring")
        assert world.backend.calls == [("get", SERVICE, "me")]
        assert got(world.source.get(Query(NAME, URL, Purpose.PUBLISH, fresh=True))) == (
            TOKEN_USER,
            "t",
            "keyring",
        )
        assert got(world.source.get(Query(NAME, URL, fresh=True))) == ("me", "pw", "keyring")

    def test_an_upload_with_a_token_in_the_file_asks_nobody(self, world: World) -> None:
        world.both("t")
        assert got(world.get(purpose=Purpose.PUBLISH)) == (TOKEN_USER, "t", "auth.toml")
        assert world.backend.calls == []

    def test_a_listing_asks_only_for_what_a_file_points_to(self, world: World) -> None:
        world.backend.entries = {(SERVICE, "me"): "pw", (SERVICE, TOKEN_USER): "t"}
        assert isinstance(world.get(allowed=LISTING), NotMine)
        assert world.backend.calls == []
        assert got(world.get(allowed=LISTING, username="me"))[1] == "pw", "a URL names its user"
        world.bindings.record(NAME, Kind.CREDENTIAL, [URL])
        assert got(world.get(allowed=LISTING))[1] == "t", (
            "a login leaves a record of where it belongs"
        )

    @pytest.mark.parametrize(
        "user",
        [PASSPHRASE.old_user, SHORT_LIVED.old_user.upper(), "__poetry_source_empty_username__"],
    )
    def test_what_is_kept_beside_it_is_no_password_of_a_user(self, world: World, user: str) -> None:
        """A project's URL may name any user, and would be sent the passphrase of the client key."""
        world.backend.entries = {(SERVICE, user): MARK}
        for allowed in LEVELS:
            for purpose in Purpose:
                assert isinstance(
                    world.get(allowed=allowed, purpose=purpose, username=user), NotMine
                )
        assert world.backend.calls == []

    def test_a_password_that_is_not_there_is_not_made_up(self, world: World) -> None:
        """The user name may itself be the secret, so it is not in the words."""
        saving(world.settings).save_login(NAME, MARK, None)
        answer = world.get()
        assert answer == Unusable("auth.toml names a user, but the keyring has no password for it")

    def test_one_that_is_locked(self, world: World) -> None:
        world.backend.before = raising(KeyringLocked())
        answer = world.get()
        assert answer == Unheard(
            "nothing is stored in auth.toml, and the keyring is locked", "keyring"
        )
        saving(world.settings).save_login(NAME, "me", None)
        assert world.get() == Broken.because(
            "its password is in the keyring, but the keyring is locked"
        )
        saving(world.settings).save_login(NAME, "me", Secret("pw"))
        assert got(world.get())[1] == "pw"

    def test_one_that_is_switched_off(self, world: World) -> None:
        world.enabled = False
        assert isinstance(world.get(), NotMine)
        saving(world.settings).save_login(NAME, "me", None)
        assert isinstance(world.get(), Broken)
        assert world.backend.calls == []


class TestHalves:
    """As in plain Poetry, user name and password each come from the first place that has it."""

    def write(self, world: World, **files: str) -> None:
        for name, text in files.items():
            folder = world.settings.folder
            folder = folder / "project" if name == "poetry" else folder
            folder.mkdir(exist_ok=True)
            (folder / f"{name}.toml").write_text(text, encoding="utf-8")

    def test_a_user_of_the_environment_and_a_password_of_a_file(self, world: World) -> None:
        self.write(world, auth=f'[http-basic.{NAME}]\nusername = "me"\npassword = "pw"\n')
        world.environ["POETRY_HTTP_BASIC_CORP_USERNAME"] = "you"
        assert got(world.get(allowed=FIRST_REQUEST)) == ("you", "pw", "auth.toml")
        world.bindings.record_for_login(NAME, [URL])
        assert got(world.get()) == ("you", "pw", "auth.toml")
        assert isinstance(world.get(url="https://evil.example/"), Withheld), (
            "a twin: the stored half is bound"
        )
        assert world.backend.calls == []

    def test_a_user_of_one_file_and_a_password_of_the_other(self, world: World) -> None:
        self.write(
            world,
            auth=f'[http-basic.{NAME}]\nusername = "me"\n',
            config=f'[http-basic.{NAME}]\npassword = "pw"\n',
        )
        assert got(world.get()) == ("me", "pw", "auth.toml")

    def test_a_password_alone(self, world: World) -> None:
        self.write(world, auth=f'[http-basic.{NAME}]\npassword = "pw"\n')
        assert got(world.get()) == ("", "pw", "auth.toml")
        assert got(world.get(username="me")) == ("me", "pw", "auth.toml")
        self.write(world, poetry=f'[http-basic.{NAME}]\nusername = "team"\n')
        world.settings.refresh()
        assert got(world.get()) == ("team", "pw", "auth.toml")

    def test_a_user_of_the_environment_and_a_password_of_the_keyring(self, world: World) -> None:
        world.backend.entries = {(SERVICE, "me"): "no", (SERVICE, "you"): "pw"}
        world.environ["POETRY_HTTP_BASIC_CORP_USERNAME"] = "you"
        assert got(world.get(allowed=FIRST_REQUEST)) == ("you", "pw", "keyring")
        saving(world.settings).save_login(NAME, "me", None)
        assert got(world.get()) == ("you", "pw", "keyring")

    @pytest.mark.parametrize(
        "text",
        [
            f'[http-basic.{NAME}]\nusername = "{MARK}"\npassword = "{MARK}"\n',
            f'[http-basic.{NAME}]\nusername = "{MARK}"\n',
            f'[pypi-token]\n{NAME} = "{MARK}"\n',
        ],
    )
    def test_what_a_project_holds_is_named_and_not_used(self, world: World, text: str) -> None:
        self.write(world, poetry=text)
        answer = world.get(allowed=FIRST_REQUEST)
        assert isinstance(answer, Unusable)
        assert "poetry.toml holds" in answer.why
        assert MARK not in answer.why
        saving(world.settings).save_login(NAME, "me", Secret("pw"))
        assert got(world.get())[:2] == ("me", "pw"), "a twin: the user's own goes before it"


class TestBindings:
    @pytest.mark.parametrize("where", ["auth.toml", "keyring"])
    @pytest.mark.parametrize(
        "url",
        [
            *(
                "https://evil.example/private/simple/",
                "https://packages.example.com.evil.example/private/simple/",
            ),
            *(
                "http://packages.example.com/private/simple/",
                "https://packages.example.com:8443/private/simple/",
            ),
            *(
                "https://packages.example.com/private2/simple/",
                "https://packages.example.com/private/../other/",
            ),
            *(
                "https://packages.example.com/private/..%2fother/",
                "https://packages.example.com\\@evil.example/private/",
            ),
            *(
                "https://packages.example.com/",
                "https://user@evil.example/private/simple/",
                "",
                "nonsense",
            ),
        ],
    )
    def test_a_project_that_reuses_the_name_gets_nothing(
        self, world: World, where: str, url: str
    ) -> None:
        saving(world.settings).save_login(
            NAME, "me", Secret(MARK) if where == "auth.toml" else None
        )
        world.backend.entries[SERVICE, "me"] = MARK
        world.bindings.record_for_login(NAME, [URL])
        for name in (NAME, NAME.upper(), NAME.title()):
            answer = world.get(name=name, url=url)
            assert isinstance(answer, Withheld)
            assert answer.bound_to == ("https://packages.example.com/private",)
        assert world.backend.calls == [], "nothing is even looked up"

    def test_the_bound_place_gets_it_however_it_is_spelled(self, world: World) -> None:
        saving(world.settings).save_login(NAME, "me", Secret("pw"))
        world.bindings.record_for_login(NAME, [URL])
        for url in (
            URL,
            URL.upper().replace("PRIVATE/SIMPLE", "private/simple"),
            "https://packages.example.com:443/private/f.whl",
        ):
            assert got(world.get(url=url))[1] == "pw"

    @pytest.mark.parametrize(
        "record",
        ['["nonsense"]', '"https://packages.example.com/private"', "[5]", "5", '[""]', "{}"],
    )
    def test_a_record_that_is_spelled_wrongly_does_not_open_it_to_everyone(
        self, world: World, record: str
    ) -> None:
        saving(world.settings).save_login(NAME, "me", Secret(MARK))
        text = f"[repositories.{NAME}]\ncredential-origins = {record}\n"
        world.settings.own_file.write_text(text, encoding="utf-8")
        answer = world.get(url="https://evil.example/")
        assert isinstance(answer, Withheld)
        assert answer.bound_to
        assert all(answer.bound_to)

    def test_another_name_s_binding_says_nothing(self, world: World) -> None:
        saving(world.settings).save_login("a.b", "me", Secret("pw"))
        world.bindings.record_for_login("a", ["https://other.example/"])
        assert got(world.get(name="a.b"))[1] == "pw"
