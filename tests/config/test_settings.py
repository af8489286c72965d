"""What is configured: read without surprises from what anybody may have written, and written where
Poetry looks.
"""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from poetry_repo_plugin.config.document import read_toml
from poetry_repo_plugin.config.settings import Settings, StoredLogin
from poetry_repo_plugin.config.user_settings import UserSettings
from poetry_repo_plugin.core.errors import StateError
from poetry_repo_plugin.core.names import match_name
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.core.servers import TOKEN_USER
from tests.config.saving import saving
from tests.matrix import OLDEST, OWN, Pairing

OLD_POETRY = Pairing(OLDEST, OWN, sys.executable).executable.with_name("python")
KINDS = ("cert", "client-cert")

dialects = pytest.mark.parametrize("dotted", [True, False], ids=["2.4", "2.0"])


def user(
    folder: Path, *, dotted: bool = True, environ: Mapping[str, str] | None = None
) -> Settings:
    return Settings(folder, environ=environ or {}, dotted_keys=dotted)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def content(path: Path) -> dict[str, Any]:
    return read_toml(path)


class TestLogins:
    def test_nothing_is_there_at_first(self, tmp_path: Path) -> None:
        nobody = user(tmp_path / "none")
        assert nobody.login("foo") is None
        assert nobody.token("foo") is None
        assert nobody.passphrase("foo") is None
        assert nobody.publish_url("foo") is None
        assert nobody.certificate("foo", "cert") is None
        assert nobody.user_settings("foo") == UserSettings()
        assert nobody.names() == []
        assert nobody.keyring_enabled
        saving(nobody).forget_login("foo")
        saving(nobody).forget("foo")
        saving(nobody).save_passphrase("foo", None)
        saving(nobody).save_user_settings("foo", {"url": None})
        assert not (tmp_path / "none").exists()

    @dialects
    def test_a_password_is_kept_and_forgotten(self, tmp_path: Path, dotted: bool) -> None:
        mine = user(tmp_path, dotted=dotted)
        for name in ("foo", "my.repo.2", "a-b_c"):
            saving(mine).save_login(name, "me", Secret("pä{cache-dir}ss"))
            assert mine.login(name) == StoredLogin(
                "me", Secret("pä{cache-dir}ss"), tmp_path / "auth.toml"
            )
            assert mine.token(name) is None
        assert sorted(mine.names()) == ["a-b_c", "foo", "my.repo.2"]
        for name in ("foo", "my.repo.2", "a-b_c"):
            saving(mine).forget_login(name)
            assert mine.login(name) is None
        assert content(tmp_path / "auth.toml") == {}

    @dialects
    def test_a_token_is_kept_for_uploads_and_downloads(self, tmp_path: Path, dotted: bool) -> None:
        mine = user(tmp_path, dotted=dotted)
        saving(mine).save_login("my.repo", TOKEN_USER, Secret("t"))
        file = tmp_path / "auth.toml"
        assert (
            mine.token("my.repo")
            == mine.login("my.repo")
            == StoredLogin(TOKEN_USER, Secret("t"), file)
        )
        saving(mine).save_login("my.repo", "me", Secret("pw"))
        assert mine.token("my.repo") is None, "the old token would win"
        saving(mine).save_token("my.repo", Secret("t2"))
        assert mine.login("my.repo") is None
        assert mine.token("my.repo") == StoredLogin(TOKEN_USER, Secret("t2"), file)
        saving(mine).save_token("my.repo", None)
        assert mine.token("my.repo") is None

    def test_a_password_that_a_keyring_keeps_is_not_left_in_the_file(self, tmp_path: Path) -> None:
        mine = user(tmp_path)
        saving(mine).save_login("foo", "me", Secret("S3CR3T"))
        saving(mine).save_login("foo", "me", None)
        assert mine.login("foo") == StoredLogin("me", None, tmp_path / "auth.toml")
        assert "S3CR3T" not in (tmp_path / "auth.toml").read_text(encoding="utf-8")

    def test_a_login_in_config_toml_is_found_and_forgotten(self, tmp_path: Path) -> None:
        """Poetry reads it there as well."""
        write(
            tmp_path / "config.toml",
            'cache-dir = "/c"\n[http-basic.foo]\nusername = "me"\npassword = "pw"\n',
        )
        mine = user(tmp_path)
        assert mine.login("foo") == StoredLogin("me", Secret("pw"), tmp_path / "config.toml")
        saving(mine).forget_login("foo")
        assert mine.login("foo") is None
        assert content(tmp_path / "config.toml") == {"cache-dir": "/c"}

    @dialects
    def test_the_passphrase_of_a_key_survives_login_and_logout(
        self, tmp_path: Path, dotted: bool
    ) -> None:
        mine = user(tmp_path, dotted=dotted)
        saving(mine).save_passphrase("my.repo", Secret("open"))
        changes: list[Callable[[], object]] = [
            lambda: saving(mine).save_login("my.repo", "me", Secret("pw")),
            lambda: saving(mine).save_login("my.repo", TOKEN_USER, Secret("t")),
            lambda: saving(mine).save_token("my.repo", Secret("t")),
            lambda: saving(mine).forget_login("my.repo"),
        ]
        for change in changes:
            change()
            assert mine.passphrase("my.repo") == Secret("open")
        assert mine.login("my.repo") is None
        saving(mine).save_login("my.repo", "me", Secret("pw"))
        saving(mine).save_passphrase("my.repo", None)
        assert mine.passphrase("my.repo") is None
        assert mine.login("my.repo") is not None

    @pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
    def test_a_loose_auth_toml_is_tightened_and_that_is_told(self, tmp_path: Path) -> None:
        mine = user(tmp_path)
        assert saving(mine).save_login("foo", "me", Secret("pw")) == []
        saves: list[Callable[[], list[Path]]] = [
            lambda: saving(mine).save_login(
                "foo", "me", Secret("pw")
            ),  # the same again: nothing to write
            lambda: saving(mine).save_login("foo", "me", Secret("pw2")),
            lambda: saving(mine).save_token("foo", Secret("t")),
        ]
        for save in saves:
            (tmp_path / "auth.toml").chmod(0o644)
            assert save() == [tmp_path / "auth.toml"]
            assert stat.S_IMODE((tmp_path / "auth.toml").stat().st_mode) == 0o600
            assert save() == []

    def test_a_comment_in_a_login_survives_the_next_login(self, tmp_path: Path) -> None:
        text = '# mine\n[http-basic.foo] # the old server\nusername = "me" # as at work\npassword = "old"\n# end\n'
        write(tmp_path / "auth.toml", text)
        saving(user(tmp_path)).save_login("foo", "me", Secret("new"))
        assert (tmp_path / "auth.toml").read_text(encoding="utf-8") == text.replace(
            'old"\n', 'new"\n'
        )

    def test_what_cannot_be_written_is_an_error_and_nothing_is_lost(self, tmp_path: Path) -> None:
        mine = user(tmp_path)
        saving(mine).save_login("foo", "me", Secret("pw"))
        with pytest.raises(StateError):
            saving(mine).save_login("foo", "me", Secret("not text \udcff"))
        assert mine.login("foo") == StoredLogin("me", Secret("pw"), tmp_path / "auth.toml")
        broken = user(tmp_path / "auth.toml")  # a file in the place of the folder
        with pytest.raises(StateError):
            saving(broken).save_login("foo", "me", Secret("pw"))
        assert broken.login("foo") is None


class TestNames:
    """One name, however it is spelled; and never another's."""

    SPELLINGS: Mapping[str, str] = {
        "one key": '[{section}."my.repo"]\n{values}\n',
        "tables": "[{section}.my.repo]\n{values}\n",
        "other case": '[{section}."My.Repo"]\n{values}\n',
        "tables in other case": "[{section}.MY.Repo]\n{values}\n",
    }

    @dialects
    @pytest.mark.parametrize("spelling", SPELLINGS)
    def test_every_spelling_of_a_dotted_name_is_read_changed_and_forgotten(
        self, tmp_path: Path, dotted: bool, spelling: str
    ) -> None:
        form = self.SPELLINGS[spelling]
        write(
            tmp_path / "auth.toml",
            form.format(section="http-basic", values='username = "me"\npassword = "pw"'),
        )
        write(
            tmp_path / "config.toml",
            form.format(section="repositories", values='url = "https://old/"')
            + form.format(section="certificates", values='cert = "/ca"\nclient-cert = "/c"'),
        )
        mine = user(tmp_path, dotted=dotted)
        login = mine.login("my.repo")
        assert login is not None
        assert login.secret == Secret("pw")
        assert mine.user_publish_url("my.repo") == "https://old/"
        assert [mine.certificate("my.repo", kind) for kind in KINDS] == ["/ca", "/c"]
        assert match_name("my.repo", mine.names()) is not None
        saving(mine).save_login("my.repo", "you", Secret("new"))
        saving(mine).save_publish_url("my.repo", "https://new/")
        saving(mine).save_certificates("my.repo", {"cert": False})
        login = mine.login("my.repo")
        assert login is not None
        assert (login.username, login.secret) == ("you", Secret("new"))
        assert mine.user_publish_url("my.repo") == "https://new/"
        assert [mine.certificate("my.repo", kind) for kind in KINDS] == [False, "/c"]
        assert (tmp_path / "auth.toml").read_text(encoding="utf-8").count("password") == 1
        saving(mine).save_publish_url("my.repo", None)
        assert mine.user_publish_url("my.repo") is None
        saving(mine).forget_login("my.repo")
        saving(mine).forget("my.repo")
        assert mine.names() == []
        assert content(tmp_path / "auth.toml") == content(tmp_path / "config.toml") == {}

    @dialects
    def test_a_token_in_both_spellings(self, tmp_path: Path, dotted: bool) -> None:
        for text in (
            '[pypi-token]\n"my.repo" = "t"\n',
            '[pypi-token.my]\nrepo = "t"\n',
            '[pypi-token.MY]\nRepo = "t"\n',
        ):
            write(tmp_path / "auth.toml", text)
            mine = user(tmp_path, dotted=dotted)
            token = mine.token("my.repo")
            assert token is not None
            assert token.secret == Secret("t")
            saving(mine).save_login("my.repo", "me", None)
            assert mine.token("my.repo") is None
            saving(mine).forget_login("my.repo")
            assert content(tmp_path / "auth.toml") == {}

    @pytest.mark.parametrize("secret", [Secret("new"), None], ids=["file", "keyring"])
    def test_a_login_in_other_case_leaves_no_old_password_behind(
        self, tmp_path: Path, secret: Secret | None
    ) -> None:
        mine = user(tmp_path)
        saving(mine).save_login("Foo", "me", Secret("S3CR3T"))
        saving(mine).save_passphrase("FOO", Secret("open"))
        saving(mine).save_login("foo", "me", secret)
        assert "S3CR3T" not in (tmp_path / "auth.toml").read_text(encoding="utf-8")
        assert mine.login("FOO") == StoredLogin("me", secret, tmp_path / "auth.toml")
        assert mine.passphrase("foo") == Secret("open")
        saving(mine).forget_login("FoO")
        assert mine.login("foo") is None
        assert mine.passphrase("foo") == Secret("open")

    @dialects
    def test_a_longer_name_is_another_one(self, tmp_path: Path, dotted: bool) -> None:
        """``a`` and ``a.b`` share tables in the old spelling."""
        mine = user(tmp_path, dotted=dotted)
        for name in ("a.b", "a", "a.b.c"):
            saving(mine).save_login(name, f"user of {name}", Secret(f"pw of {name}"))
            saving(mine).save_publish_url(name, f"https://{name}/")
            saving(mine).save_certificates(name, {"cert": f"/{name}"})
            saving(mine).save_user_settings(name, {"url": f"https://{name}/simple/"})
        assert sorted(mine.names()) == ["a", "a.b", "a.b.c"]
        saving(mine).forget_login("a")
        saving(mine).forget("a")
        assert (mine.login("a"), mine.publish_url("a"), mine.certificate("a", "cert")) == (
            None,
            None,
            None,
        )
        assert mine.user_settings("a") == UserSettings()
        for name in ("a.b", "a.b.c"):
            login = mine.login(name)
            assert login is not None
            assert login.secret == Secret(f"pw of {name}")
            assert mine.publish_url(name) == f"https://{name}/"
            assert mine.certificate(name, "cert") == f"/{name}"
            assert mine.user_settings(name).url == f"https://{name}/simple/"

    def test_an_older_poetry_s_token_of_a_longer_name_stays(self, tmp_path: Path) -> None:
        write(tmp_path / "auth.toml", '[pypi-token.a]\nb = "t"\n')
        mine = user(tmp_path, dotted=False)
        saving(mine).forget_login("a")
        saving(mine).save_login("a", "me", Secret("pw"))
        token = mine.token("a.b")
        assert token is not None
        assert token.secret == Secret("t")
        with pytest.raises(StateError):
            saving(mine).save_token("a", Secret("both cannot be there"))
        assert mine.token("a.b") == token

    @pytest.mark.parametrize(
        "name",
        [
            "foo.username",
            "foo.password",
            "foo.passphrase",
            "foo.url",
            "foo.cert",
            "foo.client-cert",
            "foo.helper",
        ],
    )
    @dialects
    def test_a_name_that_looks_like_a_setting_touches_none(
        self, tmp_path: Path, name: str, dotted: bool
    ) -> None:
        mine = user(tmp_path, dotted=dotted)
        saving(mine).save_login("foo", "me", Secret("pw"))
        saving(mine).save_passphrase("foo", Secret("open"))
        saving(mine).save_publish_url("foo", "https://foo/")
        saving(mine).save_certificates("foo", {"cert": "/ca", "client-cert": "/c"})
        saving(mine).save_user_settings("foo", {"url": "https://foo/", "helper": ["h"]})
        before = [content(file) for file in (mine.auth_file, mine.config_file, mine.own_file)]
        assert (mine.login(name), mine.token(name), mine.publish_url(name)) == (None, None, None)
        assert mine.user_settings(name) == UserSettings()
        saving(mine).forget_login(name)
        saving(mine).forget(name)
        assert [
            content(file) for file in (mine.auth_file, mine.config_file, mine.own_file)
        ] == before


def test_what_is_no_entry_goes_with_the_name(tmp_path: Path) -> None:
    mine = user(tmp_path)
    write(mine.config_file, '[repositories]\nfoo = "x"\nBAR = {}\nother = 1\n[certificates.bar]\n')
    saving(mine).forget("foo")
    saving(mine).forget("bar")
    assert content(mine.config_file) == {"repositories": {"other": 1}}


class TestEnvironment:
    @pytest.mark.parametrize(
        ("name", "variable"),
        [
            ("foo", "POETRY_PYPI_TOKEN_FOO"),
            ("foo2", "POETRY_PYPI_TOKEN_FOO2"),
            ("2foo", "POETRY_PYPI_TOKEN_2FOO"),
            ("my-repo", "POETRY_PYPI_TOKEN_MY_REPO"),
            ("my_repo", "POETRY_PYPI_TOKEN_MY_REPO"),
            ("my.repo", "POETRY_PYPI_TOKEN_MY_REPO"),
            ("my.repo-2", "POETRY_PYPI_TOKEN_MY.REPO_2"),  # as Poetry before 2.4 writes it
            ("My.Repo", "POETRY_PYPI_TOKEN_MY_REPO"),
        ],
    )
    def test_variables_for_names_with_digits_dots_and_signs(
        self, tmp_path: Path, name: str, variable: str
    ) -> None:
        mine = user(tmp_path, environ={variable: "t"})
        assert mine.variable("PYPI_TOKEN", name) == (variable, "t")
        assert mine.variable("PYPI_TOKEN", f"{name}x") is None
        assert mine.variable("HTTP_BASIC", name, "_USERNAME") is None

    def test_one_variable_never_hides_other_repositories(self, tmp_path: Path) -> None:
        mine = user(
            tmp_path,
            environ={
                "POETRY_REPOSITORIES_FOO2_URL": "https://env/",
                "POETRY_REPOSITORIES_EMPTY_URL": "",
            },
        )
        saving(mine).save_publish_url("bar", "https://bar/")
        saving(mine).save_publish_url("empty", "https://empty/")
        assert dict(mine.environment_repositories()) == {"foo2": "https://env/"}
        assert mine.names() == ["bar", "empty"]
        assert mine.publish_url("bar") == "https://bar/"

    def test_the_name_in_a_variable(self, tmp_path: Path) -> None:
        odd = {
            "POETRY_REPOSITORIES__URL": "https://a/",
            "POETRY_REPOSITORIES_URL": "https://b/",
            "POETRY_X_URL": "https://c/",
        }
        mine = user(tmp_path, environ={"POETRY_REPOSITORIES_MY_URL_REPO_URL": "https://d/", **odd})
        assert dict(mine.environment_repositories()) == {"my-url-repo": "https://d/"}

    @pytest.mark.parametrize(
        ("word", "meant"),
        [
            ("false", False),
            ("FALSE", False),
            ("true", True),
            ("True", True),
            ("/ca.pem", "/ca.pem"),
        ],
    )
    def test_a_certificate(self, tmp_path: Path, word: str, meant: str | bool) -> None:
        """Poetry makes a path of ``false``."""
        mine = user(
            tmp_path,
            environ={
                "POETRY_CERTIFICATES_MY_REPO_CERT": word,
                "POETRY_CERTIFICATES_OTHER_CERT": "",
            },
        )
        saving(mine).save_certificates("my-repo", {"cert": "/file", "client-cert": "/client"})
        saving(mine).save_certificates("other", {"cert": "/file"})
        assert mine.certificate("my-repo", "cert") == meant
        assert mine.certificate("my-repo", "client-cert") == "/client"
        assert mine.certificate("other", "cert") == "/file", "an empty variable says nothing"


class TestKeyringEnabled:
    @pytest.mark.parametrize(
        ("environ", "project", "mine", "enabled"),
        [
            (None, None, None, True),
            (None, None, False, False),
            (None, None, True, True),
            (None, False, True, False),
            (None, False, None, False),
            (None, True, None, True),
            (None, True, False, False),  # a project does not switch on what the user switched off
            ("true", False, False, True),
            ("1", False, False, True),
            ("false", True, True, False),
            ("0", None, None, False),
            ("", None, None, False),
        ],
    )
    def test_who_decides(
        self,
        tmp_path: Path,
        environ: str | None,
        project: bool | None,
        mine: bool | None,
        enabled: bool,
    ) -> None:
        for folder, file, word in (("p", "poetry.toml", project), ("u", "config.toml", mine)):
            text = "" if word is None else f"[keyring]\nenabled = {str(word).lower()}\n"
            write(tmp_path / folder / file, text)
        variables = {} if environ is None else {"POETRY_KEYRING_ENABLED": environ}
        assert (
            Settings(tmp_path / "u", tmp_path / "p", environ=variables).keyring_enabled is enabled
        )


class TestProjectFile:
    """``poetry.toml`` travels with a project."""

    HOSTILE = """
[http-basic.foo]
username = "me"
password = "S3CR3T"
[pypi-token]
"my.repo" = "S3CR3T"
[certificates.foo]
cert = false
client-cert = "/client"
[certificates.my.repo]
cert = false
[certificates.fine]
cert = "ca.pem"
[repositories.foo]
url = "https://project/"
"""

    def project(self, tmp_path: Path, text: str, **environ: str) -> Settings:
        write(tmp_path / "p" / "poetry.toml", text)
        return Settings(tmp_path / "u", tmp_path / "p", environ=environ)

    def test_it_holds_no_secret_and_switches_nothing_off(self, tmp_path: Path) -> None:
        settings = self.project(tmp_path, self.HOSTILE)
        assert settings.login("foo") is settings.token("foo") is settings.token("my.repo") is None
        assert (
            settings.certificate("foo", "cert")
            is settings.certificate("foo", "client-cert")
            is None
        )
        assert settings.poetry_toml.certs("foo") == settings.poetry_toml.certs("my.repo") == []
        assert settings.poetry_toml.certs("fine") == ["ca.pem"]
        assert settings.passphrase("foo") is None
        assert settings.user_settings("foo") == UserSettings()

    def test_it_is_told_what_was_ignored_but_no_value(self, tmp_path: Path) -> None:
        lines = self.project(tmp_path, self.HOSTILE).poetry_toml.ignored()
        assert lines == [
            "poetry.toml holds http-basic.foo: a project cannot hold a secret. It is ignored.",
            "poetry.toml holds pypi-token.my.repo: a project cannot hold a secret. It is ignored.",
            "poetry.toml switches off certificates.foo: a project cannot do that. It is ignored.",
            "poetry.toml names a client certificate for foo; a project cannot do that. It is ignored.",
            "poetry.toml switches off certificates.my.repo: a project cannot do that. It is ignored.",
        ]
        assert (
            self.project(tmp_path, '[certificates.foo]\ncert = "ca.pem"\n').poetry_toml.ignored()
            == []
        )

    def test_what_a_terminal_would_act_on_is_escaped(self, tmp_path: Path) -> None:
        name = tomlkit.string("a\x1b[2J\nb").as_string()
        text = f"[http-basic.{name}]\nusername = 'x'\n[certificates.{name}]\ncert = false\nclient-cert = 'x'\n"
        lines = self.project(tmp_path, text).poetry_toml.ignored()
        assert len(lines) == 3
        assert all(line.isprintable() for line in lines)

    def test_the_user_s_url_wins(self, tmp_path: Path) -> None:
        settings = self.project(tmp_path, self.HOSTILE)
        assert settings.publish_url("foo") == "https://project/"
        assert settings.user_publish_url("foo") is None
        saving(settings).save_publish_url("foo", "https://mine/")
        assert settings.publish_url("foo") == settings.user_publish_url("foo") == "https://mine/"

    def test_tables_without_end_are_survived(self, tmp_path: Path) -> None:
        settings = self.project(
            tmp_path, f"[repositories.{'.'.join('a' * 900)}]\nurl = 'https://x/'\n"
        )
        assert settings.names() is not None
        assert settings.poetry_toml.ignored() == []
        assert settings.publish_url(".".join("a" * 900)) == "https://x/"


# What a file may hold in the place of what belongs there.
values = st.recursive(
    st.none().map(lambda _: "x")
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats(allow_nan=False)
    | st.text("aé\n", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["foo", "a", "url", ""]), inner, max_size=3)
    ),
    max_leaves=6,
)
keys = st.sampled_from(
    [
        "username",
        "password",
        "passphrase",
        "url",
        "cert",
        "client-cert",
        "helper",
        "provider",
        "foo",
    ]
)
own_keys = st.sampled_from(
    [
        "credential-origins",
        "certificate-origins",
        "ignore-error-codes",
        "relaxed",
        "ca",
        "client-key",
    ]
)
entries = st.dictionaries(
    st.sampled_from(["foo", "Foo", "a.b"]),
    st.dictionaries(keys | own_keys, values, max_size=4) | values,
)
sections = st.sampled_from(["http-basic", "pypi-token", "repositories", "certificates", "keyring"])
documents = st.dictionaries(sections, entries | values, max_size=4)


@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(auth=documents, config=documents, own=documents, local=documents)
def test_wrong_types_are_as_good_as_nothing(
    tmp_path: Path,
    auth: dict[str, Any],
    config: dict[str, Any],
    own: dict[str, Any],
    local: dict[str, Any],
) -> None:
    files = {
        "auth.toml": auth,
        "config.toml": config,
        "poetry-repo-plugin.toml": own,
        "p/poetry.toml": local,
    }
    for file, document in files.items():
        write(tmp_path / file, tomlkit.dumps(document))
    for dotted in (True, False):
        mine = Settings(tmp_path, tmp_path / "p", environ={}, dotted_keys=dotted)
        mine.check()
        assert isinstance(mine.keyring_enabled, bool)
        assert all(isinstance(line, str) for line in (*mine.poetry_toml.ignored(), *mine.names()))
        for name in ("foo", "a.b", "a", "", "."):
            for login in (mine.login(name), mine.token(name)):
                assert login is None or isinstance(login.username, str)
            assert isinstance(mine.passphrase(name), Secret | None)
            assert isinstance(mine.publish_url(name), str | None)
            assert isinstance(mine.poetry_toml.certs(name), list)
            assert all(
                isinstance(mine.certificate(name, kind), str | bool | None) for kind in KINDS
            )
            found = mine.user_settings(name)
            texts = (*found.credential_origins, *found.certificate_origins, *found.helper)
            assert all(isinstance(text, str) for text in texts)
            assert all(type(code) is int for code in found.ignore_error_codes)
            assert isinstance(found.relaxed, bool)


class TestOwnFile:
    def test_what_is_written_is_read(self, tmp_path: Path) -> None:
        mine = user(tmp_path)
        everything = UserSettings(
            url="https://host/simple/",
            credential_origins=("https://host",),
            certificate_origins=("https://host", "https://files"),
            client_key="/key",
            ca="system",
            relaxed=True,
            passphrase_in_keyring=True,
            helper=("helper", "--flag"),
            helper_protocol="bazel",
            provider="aws",
            ignore_error_codes=(403, 404),
        )
        written = {
            name.replace("_", "-"): list(value) if isinstance(value, tuple) else value
            for name, value in everything._asdict().items()
        }
        for name in ("foo", "my.repo"):
            saving(mine).save_user_settings(name, written)
            assert user(tmp_path).user_settings(name) == everything
            assert user(tmp_path).user_settings(name.upper()) == everything
        saving(mine).save_user_settings("FOO", {"url": "https://new/"})
        assert user(tmp_path).user_settings("foo").url == "https://new/"
        assert len(content(mine.own_file)["repositories"]) == 2, (
            "no second table for another spelling"
        )
        saving(mine).save_user_settings("foo", dict.fromkeys(written))
        saving(mine).forget("my.repo")
        assert content(mine.own_file) == {}

    def test_a_change_is_made_to_what_the_file_holds_now(self, tmp_path: Path) -> None:
        one, other = user(tmp_path), user(tmp_path)
        assert one.user_settings("foo") == other.user_settings("foo") == UserSettings()
        saving(one).change_own(
            "foo", lambda own: {"credential-origins": [*own.credential_origins, "https://a"]}
        )
        saving(other).change_own(
            "foo", lambda own: {"credential-origins": [*own.credential_origins, "https://b"]}
        )
        assert user(tmp_path).user_settings("foo").credential_origins == ("https://a", "https://b")

    def test_a_broken_file_is_named(self, tmp_path: Path) -> None:
        for file in ("auth.toml", "config.toml", "poetry-repo-plugin.toml"):
            write(tmp_path / file, "[broken\n")
            with pytest.raises(StateError) as caught:
                user(tmp_path).check()
            assert str(tmp_path / file) in caught.value.message
            assert (tmp_path / file).read_text(encoding="utf-8") == "[broken\n"
            (tmp_path / file).unlink()


READ_BACK = """
import json, sys
from poetry.config.config import Config
from poetry.utils.authenticator import RepositoryCertificateConfig
from poetry.utils.password_manager import PasswordManager
from poetry.__version__ import __version__
old = __version__.startswith("2.0")
config = Config.create()
found = {}
for name in sys.argv[1:]:
    manager = PasswordManager(config)
    auth = manager.get_http_auth(name)
    auth = auth if isinstance(auth, dict) or auth is None else {"username": auth.username, "password": auth.password}
    certs = RepositoryCertificateConfig.create(name, config)
    found[name] = {
        "auth": [auth["username"], auth["password"]] if auth else [None, None],
        "token": manager.get_pypi_token(name),
        "url": config.get(f"repositories.{name}.url" if old else ["repositories", name, "url"]),
        "cert": str(certs.cert) if certs.cert else certs.verify,
        "client-cert": str(certs.client_cert) if certs.client_cert else None,
    }
print(json.dumps(found))
"""


def poetry_reads(python: Path, folder: Path, *names: str) -> Any:
    hidden = {key: value for key, value in os.environ.items() if not key.startswith("POETRY_")}
    variables = {**hidden, "POETRY_CONFIG_DIR": str(folder), "POETRY_KEYRING_ENABLED": "false"}
    command = [str(python), "-W", "ignore", "-c", READ_BACK, *names]
    done = subprocess.run(
        command, env=variables, capture_output=True, text=True, timeout=60, cwd=folder
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("python", "dotted"),
    [
        pytest.param(Path(sys.executable), True, id="here"),
        pytest.param(
            OLD_POETRY,
            False,
            id="2.0.1",
            marks=pytest.mark.skipif(
                not OLD_POETRY.exists(),
                reason=f"no Poetry {OLDEST}; `tests/matrix.py --prepare` installs it",
            ),
        ),
    ],
)
def test_poetry_reads_back_what_we_wrote(tmp_path: Path, python: Path, dotted: bool) -> None:
    """So the plugin can be removed, and nothing is lost that Poetry can do."""
    from poetry.__version__ import __version__

    if dotted and tuple(map(int, __version__.split(".")[:2])) < (2, 4):
        dotted = False
    write(
        tmp_path / "auth.toml",
        '# mine\n[http-basic.other]\nusername = "them"\npassword = "their password"\n',
    )
    mine = user(tmp_path, dotted=dotted)
    for name in ("foo", "my.repo.2", "a_b-c"):
        saving(mine).save_login(name, "mé", Secret(f'p"\\ä\t{name}'))
        saving(mine).save_passphrase(name, Secret("open"))
        saving(mine).save_publish_url(name, f"https://{name}.example/upload/")
        saving(mine).save_certificates(name, {"cert": "/ca.pem", "client-cert": "/client.pem"})
        saving(mine).save_user_settings(name, {"url": "https://host/"})
    saving(mine).save_certificates("a_b-c", {"cert": False})
    saving(mine).save_login("tok.en", TOKEN_USER, Secret("t"))
    saving(mine).save_token("pypi", Secret("pypi-t"))
    saving(mine).save_login("gone", "me", Secret("pw"))
    saving(mine).forget_login("gone")
    found = poetry_reads(
        python, tmp_path, "foo", "my.repo.2", "a_b-c", "tok.en", "pypi", "gone", "other"
    )
    for name in ("foo", "my.repo.2", "a_b-c"):
        assert found[name] == {
            "auth": ["mé", f'p"\\ä\t{name}'],
            "token": None,
            "url": f"https://{name}.example/upload/",
            "cert": False if name == "a_b-c" else "/ca.pem",
            "client-cert": "/client.pem",
        }
    assert (found["tok.en"]["auth"], found["tok.en"]["token"]) == ([TOKEN_USER, "t"], "t")
    assert (found["pypi"]["auth"], found["pypi"]["token"]) == ([None, None], "pypi-t")
    assert found["gone"]["auth"] == [None, None]
    assert found["other"]["auth"] == ["them", "their password"]
