"""Managed settings: what the administrator's file may say, and between which layers it stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tomlkit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from poetry_repo_plugin.config.bindings import Bindings
from poetry_repo_plugin.config.changes import Changes
from poetry_repo_plugin.config.managed_keys import KEYS
from poetry_repo_plugin.config.owned_names import owned_names
from poetry_repo_plugin.config.settings import Settings
from poetry_repo_plugin.config.user_settings import OAuthSettings
from poetry_repo_plugin.core.errors import InputError
from poetry_repo_plugin.core.secret import Secret
from tests.config.saving import saving
from tests.config.site import VARIABLE, as_root, site_file

pytestmark = as_root

URL = "https://pypi.example.org/acme/simple/"
OTHER = "https://other.example.org/simple/"


def managed(tmp_path: Path, text: str, **environ: str) -> Settings:
    file = site_file(tmp_path / "site", text)
    return Settings(tmp_path / "user", environ={VARIABLE: str(file), **environ})


def acme(keys: str) -> str:
    return f"[repositories.acme]\n{keys}\n"


class TestWhatItSays:
    def test_every_key_comes_through(self, tmp_path: Path) -> None:
        keys = f"""
            url = "{URL}"
            publish-url = "https://pypi.example.org/acme/"
            ca = "ca.pem"
            relaxed = true
            client-cert = "/etc/ssl/me.pem"
            client-key = "~/me.key"
            helper = ["/usr/bin/vault", "get"]
            helper-protocol = "git"
            audience = "acme"
            ignore-error-codes = [403]
            packages = ["acme-*"]
            oauth = {{ issuer = "https://id.example.org", client-id = "poetry", scopes = ["a"] }}
        """
        settings = managed(tmp_path, acme(keys))
        own = settings.user_settings("Acme")
        assert settings.managed.says.complaints == ()
        assert settings.names() == ["acme"]
        assert settings.publish_url("acme") == "https://pypi.example.org/acme/"
        assert settings.certificate("acme", "cert") == str(tmp_path / "site" / "ca.pem")
        assert settings.certificate("acme", "client-cert") == "/etc/ssl/me.pem"
        assert (own.url, own.client_key, own.relaxed) == (URL, "~/me.key", True)
        assert (own.helper, own.helper_protocol) == (("/usr/bin/vault", "get"), "git")
        assert (own.audience, own.ignore_error_codes) == ("acme", (403,))
        assert own.oauth == OAuthSettings("https://id.example.org", "poetry", ("a",))
        assert own.packages == ("acme-*",)
        owners = owned_names(settings, None).owners_of("acme_lib")
        assert list(map(str, owners)) == ['"acme-*" in managed settings']
        assert own.misread is None

    def test_the_systems_store(self, tmp_path: Path) -> None:
        settings = managed(tmp_path, acme('ca = "system"'))
        assert settings.certificate("acme", "cert") is None
        assert settings.user_settings("acme").ca == "system"

    def test_it_says_where_the_name_belongs(self, tmp_path: Path) -> None:
        home = Bindings(managed(tmp_path, acme(f'url = "{URL}"'))).home("acme")
        assert str(home) == "https://pypi.example.org/acme (managed settings)"
        assert home.stranger_among([OTHER]) == OTHER
        assert home.stranger_among([URL]) is None

    def test_a_name_with_dots_in_either_form(self, tmp_path: Path) -> None:
        text = f'[repositories."a.b"]\nurl = "{URL}"\n[repositories.c.d]\nurl = "{OTHER}"\n'
        settings = managed(tmp_path, text)
        assert settings.user_settings("a.b").url == URL
        assert settings.user_settings("c.d").url == OTHER
        assert settings.names() == ["a.b", "c.d"]

    @pytest.mark.parametrize(
        ("key", "said"),
        [
            ('password = "hush"', "password would be a secret"),
            ('token = "hush"', "token would be a secret"),
            ('url = "https://me:hush@pypi.example.org/"', "url holds a user name or password"),
            ('url = "hush"', "url is not a usable URL"),
            ('oauth = { client-secret = "hush" }', "oauth holds a secret"),
            ('oauth = { flow = "hush" }', "oauth holds 'flow', which is not one of its keys"),
            ('helper = ["hush"]', "helper does not start with an absolute path"),
            ('helper = "/hush"', "helper is not a list of strings"),
            ("ca = false", "ca is not a string"),
            ('mirror-of = ""', "mirror-of is not a string"),
            ("fallback = 1", "fallback is not true or false"),
            ('ignore-error-codes = ["hush"]', "ignore-error-codes is not a list of numbers"),
            ('credential-origins = ["hush"]', "credential-origins is not a managed setting"),
            ('locked = ["hush2"]', "locked names hush2, which is not a managed setting"),
            ("locked = [[]]", "locked names [], which is not a managed setting"),
            ('locked = "ca"', "locked is not a list of keys"),
        ],
    )
    def test_what_it_cannot_say_is_left_out_and_said(
        self, tmp_path: Path, key: str, said: str
    ) -> None:
        settings = managed(tmp_path, acme(f'audience = "acme"\n{key}'))
        [complaint] = settings.managed.says.complaints
        assert f"[repositories.acme] {said}" in complaint
        assert complaint.endswith("It is ignored.")
        assert "hush" not in complaint.replace("hush2", "").replace("'hush'", "")
        assert settings.managed.keys("acme") == ["audience"]

    def test_names_that_cannot_be(self, tmp_path: Path) -> None:
        names = ("ACME", "pypi", '"a b"')
        text = "".join(f'[repositories.{name}]\nurl = "{OTHER}"\n' for name in names)
        settings = managed(tmp_path, acme(f'url = "{URL}"') + text)
        first, second, third = settings.managed.says.complaints
        assert "[repositories.ACME] appears twice" in first
        assert "[repositories.pypi] url is built into Poetry" in second
        assert '[repositories."a b"] is not a valid repository name' in third
        assert settings.user_settings("ACME").url == URL

    @pytest.mark.parametrize("text", ["[repositories.acme", 'a = "\udcff"', "a = [\n" * 3000])
    def test_a_broken_file_says_nothing_at_all(self, tmp_path: Path, text: str) -> None:
        file = site_file(tmp_path / "site", "")
        file.write_bytes(acme(f'url = "{URL}"').encode() + text.encode("utf-8", "surrogateescape"))
        settings = Settings(tmp_path / "user", environ={VARIABLE: str(file)})
        [complaint] = settings.managed.says.complaints
        assert complaint.startswith(f"The managed settings in {file} are ignored: ")
        assert settings.names() == []

    def test_a_mirror_has_a_url(self, tmp_path: Path) -> None:
        [complaint] = managed(tmp_path, acme('mirror-of = "pypi"')).managed.says.complaints
        assert "[repositories.acme] mirror-of needs a url beside it" in complaint
        whole = managed(tmp_path, acme(f'mirror-of = "pypi"\nurl = "{URL}"'))
        assert whole.managed.says.complaints == ()

    @given(
        st.dictionaries(
            st.sampled_from((*KEYS, "locked", "password", "x", "http-basic")),
            st.recursive(
                st.sampled_from(("word", "/path", "https://u:hush@h/", 7, True, 1.5)),
                lambda inner: (
                    st.lists(inner, max_size=2)
                    | st.dictionaries(st.sampled_from(("issuer", "secret", "x")), inner, max_size=2)
                ),
                max_leaves=4,
            ),
        ),
        st.booleans(),
    )
    @settings(
        max_examples=60,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    def test_whatever_it_holds_no_secret_is_told(
        self, quick_path: Path, values: dict[str, Any], on_top: bool
    ) -> None:
        document = {**(values if on_top else {}), "repositories": {"acme": values}}
        file = site_file(quick_path / "site", tomlkit.dumps(document))
        found = Settings(quick_path / "user", environ={VARIABLE: str(file)})
        for line in found.managed.says.complaints:
            assert "hush" not in line
        found.user_settings("acme")
        found.urls_said("acme")
        found.certificate("acme", "cert")

    def test_nothing_is_there(self, tmp_path: Path) -> None:
        nowhere = tmp_path / "none.toml"
        for value, said in (
            ("", []),
            (str(nowhere), [f"{VARIABLE} names {nowhere}, which does not exist."]),
            ("site.toml", [f"{VARIABLE} is not an absolute path. It is ignored."]),
        ):
            settings = Settings(tmp_path / "user", environ={VARIABLE: value})
            assert list(settings.managed.says.complaints) == said
            assert settings.names() == []


class TestLayers:
    def test_the_users_own_word_goes_before(self, tmp_path: Path) -> None:
        theirs = f'url = "{URL}"\npublish-url = "{URL}"\nca = "system"\naudience = "theirs"'
        settings = managed(tmp_path, acme(theirs), POETRY_CERTIFICATES_ACME_CLIENT_CERT="/env.pem")
        saving(settings).save_user_settings("acme", {"url": OTHER, "audience": "mine"})
        saving(settings).save_publish_url("acme", OTHER)
        saving(settings).save_certificates("acme", {"cert": "/mine.pem"})
        own = settings.user_settings("acme")
        assert (own.url, own.audience, own.ca) == (OTHER, "mine", None)
        assert settings.publish_url("acme") == OTHER
        assert settings.certificate("acme", "cert") == "/mine.pem"
        assert settings.certificate("acme", "client-cert") == "/env.pem"
        assert settings.managed.keys("acme") == []

    @pytest.mark.parametrize("locked_above", [True, False])
    def test_a_locked_key_goes_before_the_users(self, tmp_path: Path, locked_above: bool) -> None:
        locked = 'locked = ["url", "publish-url", "ca", "client-cert", "audience"]\n'
        theirs = f'url = "{URL}"\npublish-url = "{URL}"\naudience = "theirs"\nca = "/theirs.pem"\n'
        text = locked + acme(theirs) if locked_above else acme(theirs + locked)
        free = managed(tmp_path, acme(theirs))
        saving(free).save_user_settings("acme", {"url": OTHER, "audience": "mine", "ca": "system"})
        saving(free).save_publish_url("acme", OTHER)
        saving(free).save_certificates("acme", {"cert": False, "client-cert": "/mine.pem"})
        environ = {
            "POETRY_REPOSITORIES_ACME_URL": OTHER,
            "POETRY_CERTIFICATES_ACME_CERT": "false",
            "POETRY_REPO_PLUGIN_AUDIENCE_ACME": "mine",
        }
        settings = managed(tmp_path, text, **environ)
        own = settings.user_settings("acme")
        assert (own.url, own.ca) == (URL, "/theirs.pem")
        assert settings.audience("acme") == "theirs"
        assert settings.publish_url("acme") == URL
        assert settings.certificate("acme", "cert") == "/theirs.pem"
        assert settings.certificate("acme", "client-cert") is None, "locked, and without a value"
        assert [url for url, _ in settings.urls_said("acme")] == [URL, URL]

    def test_what_belongs_together_is_not_mixed(self, tmp_path: Path) -> None:
        theirs = 'client-cert = "/a.pem"\nclient-key = "/a.key"\nprovider = "aws"\nca = "/ca.pem"'
        settings = managed(tmp_path, acme(theirs))
        assert settings.user_settings("acme").provider == "aws"
        saving(settings).save_certificates("acme", {"client-cert": "/mine.pem"})
        saving(settings).save_user_settings("acme", {"helper": ["/mine"], "relaxed": True})
        own = settings.user_settings("acme")
        assert own.client_key is None
        assert (own.helper, own.provider) == (("/mine",), None)
        assert settings.certificate("acme", "cert") == "/ca.pem"
        assert own.relaxed

    def test_whoever_has_logged_in_uses_that_login(self, tmp_path: Path) -> None:
        settings = managed(tmp_path, acme('provider = "aws"'))
        saving(settings).save_login("acme", "me", Secret("x"))
        assert settings.user_settings("acme").provider is None

    @pytest.mark.parametrize(
        ("locked", "change"),
        [
            ("url", lambda changes: changes.save_user_settings("acme", {"url": OTHER})),
            ("publish-url", lambda changes: changes.save_publish_url("acme", OTHER)),
            ("ca", lambda changes: changes.save_certificates("acme", {"cert": False})),
            ("ca", lambda changes: changes.save_user_settings("acme", {"relaxed": True})),
            ("client-key", lambda c: c.save_certificates("acme", {"client-cert": "/me"})),
            ("provider", lambda c: c.save_user_settings("acme", {"helper": ["/me"]})),
            ("provider", lambda changes: changes.save_login("acme", "me", Secret("x"))),
        ],
    )
    def test_a_locked_key_is_not_set(self, tmp_path: Path, locked: str, change: object) -> None:
        theirs = f'url = "{URL}"\nprovider = "aws"\n'
        settings = managed(tmp_path, acme(f'{theirs}locked = ["{locked}"]'))
        assert callable(change)
        with pytest.raises(InputError, match="is locked by the managed settings in"):
            change(Changes(settings))
        change(Changes(managed(tmp_path, acme(theirs))))

    def test_the_same_value_as_the_administrators_is_no_change(self, tmp_path: Path) -> None:
        settings = managed(tmp_path, acme(f'url = "{URL}"\nlocked = ["url"]'))
        saving(settings).save_user_settings("acme", {"url": URL, "ca": None})
