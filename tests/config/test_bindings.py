"""Where a stored secret may go, and who may say so."""

from __future__ import annotations

from pathlib import Path

import pytest

from poetry_repo_plugin.config.bindings import Bindings, Kind
from poetry_repo_plugin.config.document import read_toml
from poetry_repo_plugin.config.settings import Settings
from poetry_repo_plugin.core.errors import StateError
from tests.config.saving import saving

INDEX = "https://host.example/team-a/simple/"
UPLOAD = "https://upload.example/team-a/"


@pytest.fixture
def bindings(tmp_path: Path) -> Bindings:
    return Bindings(Settings(tmp_path, environ={}))


def again(tmp_path: Path) -> Bindings:
    """As the next command reads them."""
    return Bindings(Settings(tmp_path, environ={}))


def shown(bindings: Bindings, name: str = "corp", kind: Kind = Kind.CREDENTIAL) -> list[str]:
    return [str(prefix) for prefix in bindings.of(name, kind)]


@pytest.mark.parametrize("kind", Kind)
def test_nothing_is_known_at_first(bindings: Bindings, kind: Kind) -> None:
    assert bindings.allows("corp", kind, INDEX) is None
    assert bindings.of("corp", kind) == []
    assert bindings.shown("corp", kind) == ()
    assert bindings.home("corp").places == ()
    assert bindings.home("corp").stranger_among([INDEX]) is None


def test_a_login_binds_to_what_the_repository_owns(bindings: Bindings, tmp_path: Path) -> None:
    bindings.record_for_login("corp", [INDEX, UPLOAD])
    assert shown(again(tmp_path)) == [
        "https://host.example/team-a",
        "https://upload.example/team-a",
    ]
    for url in (
        INDEX,
        UPLOAD,
        "https://host.example/team-a/files/x.whl",
        "https://HOST.example.:443/team-a/",
    ):
        assert bindings.allows("corp", Kind.CREDENTIAL, url) is True
    for url in (
        *(
            "https://host.example/",
            "https://host.example/team-ab/simple/",
            "https://host.example/team-a/../team-b/",
        ),
        *(
            "http://host.example/team-a/simple/",
            "https://host.example:8443/team-a/simple/",
            "https://evil.example/team-a/",
        ),
        *(
            "https://host.example/team-a/..%2fteam-b",
            "https://host.example\\@evil.example/team-a/",
            "nonsense",
            "",
        ),
    ):
        assert bindings.allows("corp", Kind.CREDENTIAL, url) is False
    assert bindings.of("corp", Kind.CERTIFICATE) == [], "that is another record"
    assert bindings.allows("corp", Kind.CERTIFICATE, INDEX) is True
    assert bindings.allows("corp", Kind.CERTIFICATE, "https://evil.example/") is False


def test_a_client_certificate_is_held_to_the_origin(bindings: Bindings) -> None:
    """It is offered before any path is named."""
    bindings.record("corp", Kind.CERTIFICATE, [INDEX])
    assert bindings.allows("corp", Kind.CERTIFICATE, "https://host.example/team-b/") is True
    for url in (
        "https://host.example:8443/team-a/",
        "https://evil.example/team-a/",
        "http://host.example/",
        "nonsense",
    ):
        assert bindings.allows("corp", Kind.CERTIFICATE, url) is False
    assert bindings.of("corp", Kind.CREDENTIAL) == []
    assert bindings.allows("corp", Kind.CREDENTIAL, "https://host.example/team-b/") is False, (
        "held to the path"
    )


def test_a_further_url_is_added(bindings: Bindings) -> None:
    bindings.record_for_login("corp", [INDEX])
    bindings.record("corp", Kind.CREDENTIAL, ["https://mirror.example/simple/"])
    assert shown(bindings) == ["https://host.example/team-a", "https://mirror.example"]
    bindings.record(
        "corp",
        Kind.CREDENTIAL,
        ["https://host.example/team-a/deeper/simple/", "https://host.example/"],
    )
    assert shown(bindings) == ["https://mirror.example", "https://host.example"], (
        "the widest say it all"
    )


def test_a_new_password_for_the_same_place_keeps_the_other_places(bindings: Bindings) -> None:
    bindings.record_for_login("corp", [INDEX])
    bindings.record("corp", Kind.CREDENTIAL, [UPLOAD])
    bindings.record_for_login("corp", [INDEX])
    assert bindings.allows("corp", Kind.CREDENTIAL, UPLOAD) is True


def test_a_login_of_another_place_takes_nothing_with_it(bindings: Bindings) -> None:
    """The new password is not the old server's, and the other way round."""
    bindings.record_for_login("corp", [INDEX, UPLOAD])
    bindings.record_for_login("corp", ["https://new.example/simple/"])
    assert shown(bindings) == ["https://new.example"]
    bindings.record_for_login("corp", ["https://new.example/simple/", "https://evil.example/"])
    assert bindings.allows("corp", Kind.CREDENTIAL, INDEX) is False


def test_a_login_for_a_further_place_keeps_the_others(bindings: Bindings) -> None:
    bindings.record_for_login("corp", [INDEX])
    bindings.record_for_login("corp", [UPLOAD], further=True)
    assert shown(bindings) == ["https://host.example/team-a", "https://upload.example/team-a"]


EVIL = "https://evil.example/simple/"
SAID = ("a login", "a certificate", "repo add", "poetry config", "the environment")


def said(tmp_path: Path, how: str, url: str) -> Bindings:
    """Bindings of a user who has said that ``corp`` is at ``url``."""
    settings = Settings(
        tmp_path, environ={"POETRY_REPOSITORIES_CORP_URL": url} if how == "the environment" else {}
    )
    bindings = Bindings(settings)
    if how == "a login":
        bindings.record("corp", Kind.CREDENTIAL, [url])
    elif how == "a certificate":
        bindings.record("corp", Kind.CERTIFICATE, [url])
    elif how == "repo add":
        saving(settings).save_user_settings("corp", {"url": url})
    elif how == "poetry config":
        saving(settings).save_publish_url("corp", url)
    return bindings


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("how", SAID)
def test_every_word_of_the_user_says_where_a_name_belongs(
    tmp_path: Path, how: str, kind: Kind
) -> None:
    bindings = said(tmp_path, how, INDEX)
    by_origin = kind is Kind.CERTIFICATE
    assert bindings.allows("corp", kind, INDEX) is True
    assert bindings.allows("corp", kind, EVIL) is False
    assert bindings.allows("corp", kind, "https://host.example/team-evil/") is by_origin
    assert bindings.shown("corp", kind) == ("https://host.example/team-a",)
    assert bindings.home("corp").stranger_among([INDEX, EVIL], whole_origin=by_origin) == EVIL
    assert bindings.allows("other", kind, EVIL) is None


@pytest.mark.parametrize("how", ["repo add", "poetry config", "the environment"])
@pytest.mark.parametrize(
    ("said_url", "url"),
    [
        ("http://host.example/a/simple/", "https://host.example/a/simple/"),
        (
            "https://nexus.example/repository/hosted/",
            "https://nexus.example/repository/group/simple/",
        ),
        (
            "https://host.example/artifactory/api/pypi/local",
            "https://host.example/artifactory/api/pypi/all/simple",
        ),
        (
            "https://gitlab.example/api/v4/projects/7/packages/pypi",
            "https://gitlab.example/api/v4/groups/7/-/packages/pypi/simple",
        ),
        (
            "https://python.cloudsmith.io/acme/py/",
            "https://dl.cloudsmith.io/basic/acme/py/python/simple/",
        ),
        (
            "https://dl.cloudsmith.io/basic/acme/py/python/simple/",
            "https://python.cloudsmith.io/acme/py/",
        ),
        ("https://push.fury.io/acme/", "https://pypi.fury.io/acme/"),
    ],
)
def test_twin_a_part_of_the_same_repository_is_no_stranger(
    tmp_path: Path, how: str, said_url: str, url: str
) -> None:
    bindings = said(tmp_path, how, said_url)
    assert bindings.allows("corp", Kind.CREDENTIAL, url) is True


@pytest.mark.parametrize("how", ["repo add", "poetry config", "the environment"])
@pytest.mark.parametrize(
    ("said_url", "url"),
    [
        ("https://host.example/a/simple/", "http://host.example/a/simple/"),
        ("http://host.example:8080/a/simple/", "https://host.example/a/simple/"),
        (
            "https://host.example/team-a/repository/x/",
            "https://host.example/team-evil/repository/x/",
        ),
        ("https://nexus.example/repository/x/", "https://evil.example/repository/x/"),
        ("https://nexus.example/repository/x/", "http://nexus.example/repository/y/"),
        ("https://python.cloudsmith.io/acme/py/", "https://python.cloudsmith.io/evil/py/"),
        (
            "https://python.cloudsmith.io/acme/py/",
            "https://dl.cloudsmith.io/basic/evil/py/python/simple/",
        ),
        ("https://push.fury.io/acme/", "https://push.fury.io/evil/"),
    ],
)
def test_a_look_alike_is_a_stranger(tmp_path: Path, how: str, said_url: str, url: str) -> None:
    bindings = said(tmp_path, how, said_url)
    assert bindings.allows("corp", Kind.CREDENTIAL, url) is False
    assert bindings.home("corp").stranger_among([url]) == url


def test_a_record_is_not_widened_by_other_words(tmp_path: Path) -> None:
    """What is stored goes where it was stored for; a new secret may go to any place that the user
    names.
    """
    bindings = said(tmp_path, "repo add", "https://new.example/simple/")
    bindings.record("corp", Kind.CREDENTIAL, [INDEX])
    assert bindings.allows("corp", Kind.CREDENTIAL, "https://new.example/simple/") is False
    assert bindings.home("corp").stranger_among([INDEX, "https://new.example/simple/"]) is None
    assert str(bindings.home("corp")) == (
        "https://host.example/team-a (its login) and https://new.example (poetry repo add)"
    )


def test_a_project_says_nothing(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "poetry.toml").write_text(f'[repositories.corp]\nurl = "{EVIL}"\n')
    assert Bindings(Settings(tmp_path, project, environ={})).home("corp").places == ()


def test_pypi_is_where_poetry_has_it(tmp_path: Path) -> None:
    settings = Settings(
        tmp_path, environ={"POETRY_REPOSITORIES_PYPI_URL": "https://mirror.example/"}
    )
    assert Bindings(settings).home("pypi").places == ()
    assert Bindings(settings).allows("pypi", Kind.CREDENTIAL, "https://upload.example/") is None


@pytest.mark.parametrize("kind", Kind)
def test_the_first_success_binds_and_the_second_changes_nothing(
    bindings: Bindings, tmp_path: Path, kind: Kind
) -> None:
    bindings.record_first_success("corp", kind, [INDEX, UPLOAD])
    assert len(shown(again(tmp_path), kind=kind)) == 2
    bindings.record_first_success("corp", kind, ["https://evil.example/"])
    assert again(tmp_path).allows("corp", kind, "https://evil.example/") is False


def test_of_two_processes_that_succeed_first_at_once_the_first_binds(tmp_path: Path) -> None:
    """The second has read the settings before the first wrote them."""
    first, second = again(tmp_path), again(tmp_path)
    assert (
        first.allows("corp", Kind.CREDENTIAL, INDEX)
        is second.allows("corp", Kind.CREDENTIAL, INDEX)
        is None
    )
    first.record_first_success("corp", Kind.CREDENTIAL, [INDEX])
    second.record_first_success("corp", Kind.CREDENTIAL, ["https://evil.example/"])
    assert shown(again(tmp_path)) == ["https://host.example/team-a"]


def test_of_two_processes_that_add_a_place_both_are_kept(tmp_path: Path) -> None:
    first, second = again(tmp_path), again(tmp_path)
    assert shown(first) == shown(second) == []
    first.record("corp", Kind.CREDENTIAL, [INDEX])
    second.record("corp", Kind.CREDENTIAL, [UPLOAD])
    assert len(shown(again(tmp_path))) == 2


def test_what_is_no_url_is_left_out_and_does_not_stop_the_rest(
    bindings: Bindings, tmp_path: Path
) -> None:
    """A publish URL may be misspelled in a variable or a file of Poetry's."""
    bad = ["", "nonsense", "ftp://host/", "https://[", "https://a\\@b/"]
    bindings.record_first_success("one", Kind.CREDENTIAL, [*bad, INDEX])
    bindings.record_for_login("two", [*bad, INDEX])
    bindings.record("three", Kind.CREDENTIAL, [*bad, INDEX])
    for name in ("one", "two", "three"):
        assert shown(again(tmp_path), name) == ["https://host.example/team-a"]
    bindings.record_first_success("four", Kind.CREDENTIAL, bad)
    bindings.record_for_login("five", bad)
    assert bindings.of("five", Kind.CREDENTIAL) == []
    assert again(tmp_path).allows("four", Kind.CREDENTIAL, INDEX) is None


def test_userinfo_is_never_recorded(bindings: Bindings, tmp_path: Path) -> None:
    bindings.record_for_login(
        "corp", ["https://me:S3CR3T@host.example/simple/?token=S3CR3T#S3CR3T"]
    )
    assert "S3CR3T" not in (tmp_path / "poetry-repo-plugin.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "record",
    ["[5]", '"nonsense"', "true", '["", "https://["]', "{ a = 1 }", '[["https://host.example"]]'],
)
@pytest.mark.parametrize("kind", Kind)
def test_a_record_that_cannot_be_read_allows_nothing_and_is_not_overwritten_by_a_success(
    tmp_path: Path, kind: Kind, record: str
) -> None:
    path = tmp_path / "poetry-repo-plugin.toml"
    path.write_text(f"[repositories.corp]\n{kind.value} = {record}\n", encoding="utf-8")
    before = read_toml(path)
    assert again(tmp_path).allows("corp", kind, INDEX) is False
    assert again(tmp_path).shown("corp", kind)
    again(tmp_path).record_first_success("corp", kind, ["https://evil.example/"])
    assert read_toml(path) == before
    again(tmp_path).record("corp", kind, [INDEX])
    assert again(tmp_path).allows("corp", kind, INDEX) is True


def test_a_single_text_in_the_place_of_a_list_is_understood(tmp_path: Path) -> None:
    path = tmp_path / "poetry-repo-plugin.toml"
    path.write_text(
        '[repositories.corp]\ncredential-origins = "https://host.example/team-a"\n',
        encoding="utf-8",
    )
    assert again(tmp_path).allows("corp", Kind.CREDENTIAL, INDEX) is True
    assert again(tmp_path).allows("corp", Kind.CREDENTIAL, UPLOAD) is False


def test_case_of_the_name_makes_no_difference(bindings: Bindings, tmp_path: Path) -> None:
    bindings.record_for_login("Corp", [INDEX])
    assert bindings.allows("CORP", Kind.CREDENTIAL, "https://evil.example/") is False
    bindings.record_for_login("corp", [UPLOAD])
    assert again(tmp_path).allows("Corp", Kind.CREDENTIAL, UPLOAD) is True
    assert again(tmp_path).allows("CORP", Kind.CREDENTIAL, INDEX) is False


def test_a_folder_that_cannot_be_written_fails_a_login_but_no_request(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("", encoding="utf-8")
    mine = Bindings(Settings(file, environ={}))
    mine.record_first_success("corp", Kind.CREDENTIAL, [INDEX])
    with pytest.raises(StateError):
        mine.record_for_login("corp", [INDEX])
