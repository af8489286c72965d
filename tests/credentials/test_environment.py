"""Environment variables as a source of credentials."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from poetry_repo_plugin.config.bindings import Bindings
from poetry_repo_plugin.config.settings import Settings
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.credentials.base import (
    Answer,
    Credential,
    NotMine,
    Purpose,
    Query,
    Unusable,
    Withheld,
)
from poetry_repo_plugin.credentials.environment import EnvironmentSource, EnvironmentUser
from tests.credentials.contract import MARK, NAME, URL, SourceContract


def source(folder: Path, **environ: str) -> EnvironmentSource:
    settings = settings_of(folder, **environ)
    return EnvironmentSource(settings, Bindings(settings))


def settings_of(folder: Path, **environ: str) -> Settings:
    return Settings(folder, environ={f"POETRY_{key}": value for key, value in environ.items()})


def got(answer: Answer) -> tuple[str | None, str, str]:
    assert isinstance(answer, Credential), answer
    assert answer.source == "env"
    return answer.username, answer.secret.reveal(), answer.detail


class TestContract(SourceContract):
    @pytest.fixture(params=["token", "pair"])
    def source(self, request: pytest.FixtureRequest, tmp_path: Path) -> EnvironmentSource:
        if request.param == "token":
            return source(tmp_path, PYPI_TOKEN_CORP=MARK, PYPI_TOKEN_A_B=MARK, PYPI_TOKEN_=MARK)
        return source(
            tmp_path,
            HTTP_BASIC_CORP_USERNAME="me",
            HTTP_BASIC_CORP_PASSWORD=MARK,
            HTTP_BASIC__PASSWORD=MARK,
        )


def test_a_pair_and_a_token_which_wins(tmp_path: Path) -> None:
    pair = {"HTTP_BASIC_CORP_USERNAME": "me", "HTTP_BASIC_CORP_PASSWORD": "pw"}
    detail = "environment variable POETRY_HTTP_BASIC_CORP_PASSWORD"
    assert got(source(tmp_path, **pair).get(Query(NAME, URL))) == ("me", "pw", detail)
    both = source(tmp_path, **pair, PYPI_TOKEN_CORP="t")
    token = ("__token__", "t", "environment variable POETRY_PYPI_TOKEN_CORP")
    assert got(both.get(Query(NAME, URL, Purpose.PUBLISH))) == token
    for purpose in (Purpose.INDEX, Purpose.GIT):  # the token may be for uploads only, as in Poetry
        assert got(both.get(Query(NAME, URL, purpose))) == ("me", "pw", detail)
        assert got(both.get(Query(NAME, URL, purpose, username="__token__"))) == token
        alone = source(tmp_path, PYPI_TOKEN_CORP="t", HTTP_BASIC_CORP_USERNAME="me")
        assert got(alone.get(Query(NAME, URL, purpose))) == token
    assert got(both.get(Query(NAME, URL, Purpose.PUBLISH, username="me"))) == ("me", "pw", detail)
    empty = source(tmp_path, **pair, PYPI_TOKEN_CORP="")
    assert got(empty.get(Query(NAME, URL)))[0] == "me"


@pytest.mark.parametrize("name", ["my-repo2", "my_repo2", "my.repo2", "MY-repo2"])
def test_names_with_digits_dots_and_signs(tmp_path: Path, name: str) -> None:
    mine = source(tmp_path, HTTP_BASIC_MY_REPO2_USERNAME="me", HTTP_BASIC_MY_REPO2_PASSWORD="pw")
    assert got(mine.get(Query(name, URL)))[:2] == ("me", "pw")
    assert isinstance(mine.get(Query(f"{name}x", URL)), NotMine)
    assert isinstance(mine.get(Query("repo2", URL)), NotMine)


def test_half_a_pair(tmp_path: Path) -> None:
    """A user name alone waits for its password; a password alone goes with an empty one, or the
    URL's.
    """
    answer = source(tmp_path, HTTP_BASIC_CORP_USERNAME="me").get(Query(NAME, URL))
    assert isinstance(answer, NotMine)
    assert (
        answer.why
        == "the environment sets POETRY_HTTP_BASIC_CORP_USERNAME but not POETRY_HTTP_BASIC_CORP_PASSWORD"
    )
    alone = source(tmp_path, HTTP_BASIC_CORP_PASSWORD="pw")
    assert got(alone.get(Query(NAME, URL)))[:2] == ("", "pw")
    assert got(alone.get(Query(NAME, URL, username="me")))[:2] == ("me", "pw")
    assert got(
        source(tmp_path, HTTP_BASIC_CORP_USERNAME="t", HTTP_BASIC_CORP_PASSWORD="").get(
            Query(NAME, URL)
        )
    )[:2] == (
        "t",
        "",
    )


def test_a_host_without_a_repository_has_none(tmp_path: Path) -> None:
    assert isinstance(
        source(tmp_path, PYPI_TOKEN_="t", HTTP_BASIC__PASSWORD="pw").get(Query("", URL)), NotMine
    )


def test_a_password_goes_out_as_the_bytes_that_it_is(tmp_path: Path) -> None:
    """UTF-8 (RFC 7617, 2.1), and what is no UTF-8 as the environment held it (PEP 383); ``{}`` is
    not expanded.
    """
    for text, sent in (
        ("pä:{cache-dir}", "pä:{cache-dir}".encode()),
        ("\udcff\udcfe", b"\xff\xfe"),
        ("\ud800", b"?"),
    ):
        answer = source(tmp_path, HTTP_BASIC_CORP_USERNAME="mé", HTTP_BASIC_CORP_PASSWORD=text).get(
            Query(NAME, URL)
        )
        assert isinstance(answer, Credential)
        pair = (answer.authorization() or "").removeprefix("Basic ")
        assert base64.b64decode(pair) == "mé:".encode() + sent
        assert answer == Credential(Secret(text), "mé", "env", answer.detail)


class TestHalves:
    """As in plain Poetry, user name and password each come from the first place that has it."""

    def test_the_user_of_a_file(self, tmp_path: Path) -> None:
        mine = source(tmp_path, HTTP_BASIC_CORP_PASSWORD="pw")
        for file in ("config.toml", "auth.toml"):
            (tmp_path / file).write_text(
                f'[http-basic.corp]\nusername = "{file}"\n', encoding="utf-8"
            )
            mine = source(tmp_path, HTTP_BASIC_CORP_PASSWORD="pw")
            assert got(mine.get(Query(NAME, URL)))[:2] == (file, "pw")
        assert got(mine.get(Query(NAME, URL, username="me")))[:2] == ("me", "pw"), (
            "a URL names its user"
        )
        mine = source(tmp_path, HTTP_BASIC_CORP_PASSWORD="pw", HTTP_BASIC_CORP_USERNAME="env")
        assert got(mine.get(Query(NAME, URL)))[:2] == ("env", "pw")

    def test_twin_one_that_belongs_elsewhere_goes_nowhere_and_nothing_with_it(
        self, tmp_path: Path
    ) -> None:
        (tmp_path / "auth.toml").write_text(
            '[http-basic.corp]\nusername = "me"\n', encoding="utf-8"
        )
        settings = settings_of(tmp_path, HTTP_BASIC_CORP_PASSWORD="pw")
        bindings = Bindings(settings)
        bindings.record_for_login(NAME, [URL])
        mine = EnvironmentSource(settings, bindings)
        assert got(mine.get(Query(NAME, URL)))[:2] == ("me", "pw")
        assert isinstance(mine.get(Query(NAME, "https://evil.example/")), Withheld)
        whole = settings_of(tmp_path, HTTP_BASIC_CORP_PASSWORD="pw", HTTP_BASIC_CORP_USERNAME="env")
        answer = EnvironmentSource(whole, Bindings(whole)).get(
            Query(NAME, "https://other.example/")
        )
        assert got(answer)[:2] == ("env", "pw"), "a pair of the environment is nobody else's"

    def test_the_user_of_the_project_completes_a_password_and_is_nothing_alone(
        self, tmp_path: Path
    ) -> None:
        (tmp_path / "poetry.toml").write_text(
            '[http-basic.corp]\nusername = "team"\n', encoding="utf-8"
        )
        environ = {"POETRY_HTTP_BASIC_CORP_PASSWORD": "pw"}
        with_password = Settings(tmp_path / "config", tmp_path, environ=environ)
        answer = EnvironmentSource(with_password, Bindings(with_password)).get(Query(NAME, URL))
        assert got(answer)[:2] == ("team", "pw")
        without = Settings(tmp_path / "config", tmp_path, environ={})
        assert isinstance(
            EnvironmentSource(without, Bindings(without)).get(Query(NAME, URL)), NotMine
        )
        assert isinstance(EnvironmentUser(without).get(Query(NAME, URL)), NotMine)

    def test_a_user_alone_stands_behind_all_others(self, tmp_path: Path) -> None:
        settings = settings_of(tmp_path, HTTP_BASIC_CORP_USERNAME="t0ken")
        mine = EnvironmentUser(settings)
        answer = mine.get(Query(NAME, URL))
        assert got(answer)[:2] == ("t0ken", "")
        assert isinstance(answer, Credential)
        assert answer.mend == "export POETRY_HTTP_BASIC_CORP_PASSWORD=PASSWORD"
        for other in (Query("", URL), Query("other", URL), Query(NAME, URL, username="me")):
            assert isinstance(mine.get(other), NotMine)
        whole = EnvironmentUser(
            settings_of(tmp_path, HTTP_BASIC_CORP_USERNAME="me", HTTP_BASIC_CORP_PASSWORD="pw")
        )
        assert isinstance(whole.get(Query(NAME, URL)), NotMine)

    def test_a_user_alone_of_another_plugin_is_sent_as_poetry_sends_it(
        self, tmp_path: Path
    ) -> None:
        def settings(**login: str) -> Settings:
            memory = {"http-basic": {NAME: {"username": "t0ken", **login}}}
            return Settings(tmp_path, environ={}, memory=lambda: (memory, []))

        answer = EnvironmentUser(settings()).get(Query(NAME, URL))
        assert got(answer) == (
            "t0ken",
            "",
            f"another plugin (http-basic.{NAME}, without a password)",
        )
        assert isinstance(EnvironmentUser(settings(password="pw")).get(Query(NAME, URL)), NotMine)
        (tmp_path / "auth.toml").write_text(f'[http-basic.{NAME}]\nusername = "t0ken"\n')
        assert isinstance(EnvironmentUser(settings()).get(Query(NAME, URL)), NotMine), "of a file"


@pytest.mark.parametrize(
    ("environ", "variable"),
    [
        ({"PYPI_TOKEN_CORP": ""}, "PYPI_TOKEN_CORP=TOKEN"),
        (
            {"HTTP_BASIC_CORP_USERNAME": "", "HTTP_BASIC_CORP_PASSWORD": ""},
            "HTTP_BASIC_CORP_PASSWORD=PASSWORD",
        ),
        ({"HTTP_BASIC_CORP_PASSWORD": ""}, "HTTP_BASIC_CORP_PASSWORD=PASSWORD"),
        ({"HTTP_BASIC_CORP_USERNAME": ""}, "HTTP_BASIC_CORP_USERNAME=USERNAME"),
        ({"HTTP_BASIC_CORP_USERNAME": "me"}, "HTTP_BASIC_CORP_PASSWORD=PASSWORD"),
    ],
)
def test_an_empty_variable_is_named_with_the_command_that_sets_it(
    tmp_path: Path, environ: dict[str, str], variable: str
) -> None:
    """A secret that a CI system does not hand to this job is often set, and empty."""
    answer = source(tmp_path, **environ).get(Query(NAME, URL))
    assert isinstance(answer, Unusable)
    assert answer.hint == f"export POETRY_{variable}"


def test_twin_each_credential_says_which_variable_changes_it(tmp_path: Path) -> None:
    for environ, mend in (
        ({"PYPI_TOKEN_CORP": "t"}, "export POETRY_PYPI_TOKEN_CORP=TOKEN"),
        ({"HTTP_BASIC_CORP_PASSWORD": "pw"}, "export POETRY_HTTP_BASIC_CORP_PASSWORD=PASSWORD"),
    ):
        answer = source(tmp_path, **environ).get(Query(NAME, URL))
        assert isinstance(answer, Credential)
        assert answer.mend == mend
