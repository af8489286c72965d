"""``poetry repo logout``: what was stored is gone, everywhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.commands.conftest import PASSWORD, USER
from tests.credentials.stand_ins import StandIn
from tests.poetry_process import FILE_KEYRING
from tests.servers import IndexServer
from tests.warm import WarmHome

URL = "https://pypi.example.org/simple/"


def add(home: WarmHome, *names: str, url: str = URL) -> None:
    tables = (f'[repositories.{name}]\nurl = "{url}"\n' for name in names)
    (home.config / "poetry-repo-plugin.toml").write_text("".join(tables))


def kept(home: WarmHome) -> dict[str, dict[str, str]]:
    """The entries of the keyring that are left."""
    file = home.keyring_home / "keyring.json"
    entries = json.loads(file.read_text()) if file.exists() else {}
    return {service: users for service, users in entries.items() if users}


def log_in(home: WarmHome, name: str = "acme", *words: str) -> None:
    home.ok(
        "repo",
        "login",
        name,
        "--username",
        USER,
        "--password-stdin",
        "--no-verify",
        *words,
        stdin=PASSWORD,
    )


class TestLogout:
    def test_from_auth_toml(self, home: WarmHome) -> None:
        add(home, "acme")
        log_in(home)
        done = home.cold("repo", "logout", "acme")
        assert (done.code, done.out, done.err) == (0, "", "Logged out of acme.\n")
        assert home.toml("auth.toml") == {}
        assert home.toml("poetry-repo-plugin.toml") == {"repositories": {"acme": {"url": URL}}}
        assert home.files_with(PASSWORD) == []

    def test_from_the_keyring(self, keyed: WarmHome) -> None:
        add(keyed, "acme")
        log_in(keyed)
        assert kept(keyed) != {}
        keyed.says("repo", "logout", "acme", err="Logged out of acme.\n")
        assert kept(keyed) == {}
        assert keyed.toml("auth.toml") == {}

    def test_a_token_for_pypi_in_the_keyring_leaves_no_trace_in_a_file_and_is_found(
        self, keyed: WarmHome
    ) -> None:
        keyed.ok("repo", "login", "pypi", "--token", "pypi-t0ken")
        keyed.says("repo", "logout", "pypi", err="Logged out of pypi.\n")
        assert kept(keyed) == {}

    def test_what_poetry_config_stored(self, keyed: WarmHome) -> None:
        add(keyed, "acme")
        keyed.ok("config", "http-basic.acme", USER, PASSWORD)
        keyed.ok("config", "pypi-token.acme", "t0ken")
        keyed.ok("repo", "logout", "acme")
        assert kept(keyed) == {}
        assert keyed.toml("auth.toml") == {}

    def test_a_name_with_dots_in_either_spelling(self, home: WarmHome) -> None:
        add(home, '"a.b"')
        (home.config / "auth.toml").write_text(
            '[http-basic."a.b"]\nusername = "u"\npassword = "x"\n[http-basic.a.b]\nusername = "u"\npassword = "y"\n'
        )
        home.ok("repo", "logout", "a.b")
        assert home.toml("auth.toml") == {}

    def test_a_helper_with_what_is_kept_of_its_answer(
        self, keyed: WarmHome, index: IndexServer, tmp_path: Path
    ) -> None:
        answer = (
            '{"headers": {"Authorization": ["Bearer b3arer"]}, "expires": "2099-01-01T00:00:00Z"}'
        )
        helper = StandIn(tmp_path / "bin", "vault", f"print({answer!r})")
        index.tokens = {"b3arer"}
        add(keyed, "acme", url=index.index_url)
        keyed.ok("repo", "login", "acme", "--helper", str(helper.path))
        assert keyed.ok("repo", "token", "acme").out == "b3arer\n"
        assert "b3arer" in json.dumps(kept(keyed))
        keyed.says("repo", "logout", "acme", err="Logged out of acme.\n")
        assert kept(keyed) == {}
        assert keyed.toml("poetry-repo-plugin.toml") == {
            "repositories": {"acme": {"url": index.index_url}}
        }

    def test_a_login_in_the_place_of_a_helper_leaves_nothing_of_it(
        self, keyed: WarmHome, index: IndexServer, tmp_path: Path
    ) -> None:
        answer = (
            '{"headers": {"Authorization": ["Bearer b3arer"]}, "expires": "2099-01-01T00:00:00Z"}'
        )
        helper = StandIn(tmp_path / "bin", "vault", f"print({answer!r})")
        index.tokens = {"b3arer"}
        add(keyed, "acme", url=index.index_url)
        keyed.ok("repo", "login", "acme", "--helper", str(helper.path))
        keyed.ok("repo", "token", "acme")
        log_in(keyed)
        assert kept(keyed) == {"poetry-repository-acme": {USER: PASSWORD}}

    def test_a_short_lived_token_goes_wherever_a_version_kept_it(self, keyed: WarmHome) -> None:
        add(keyed, "acme")
        file = keyed.keyring_home / "keyring.json"
        entries = {
            "poetry-repository-acme": {"__short_lived__": "old"},
            "poetry-repo-plugin: acme": {
                "short-lived-token": "new",
                "client-key-passphrase": "stays",
            },
        }
        file.write_text(json.dumps(entries))
        keyed.says("repo", "logout", "acme", err="Logged out of acme.\n")
        assert kept(keyed) == {"poetry-repo-plugin: acme": {"client-key-passphrase": "stays"}}

    def test_several_and_all(self, home: WarmHome) -> None:
        add(home, "a", "b", "c")
        for name in ("a", "b", "c"):
            log_in(home, name)
        home.says("repo", "logout", "a", "B", "a", err="Logged out of a.\nLogged out of b.\n")
        home.says("repo", "logout", "--all", err="Logged out of c.\n")
        assert home.toml("auth.toml") == {}
        home.says("repo", "logout", "--all", err="No stored credentials; nothing to log out of.\n")

    def test_twin_nothing_was_stored(self, home: WarmHome) -> None:
        add(home, "acme")
        home.says("repo", "logout", "acme", err="Nothing was stored for acme.\n")

    def test_a_passphrase_and_certificates_stay(self, home: WarmHome) -> None:
        add(home, "acme")
        text = '[http-basic.acme]\nusername = "u"\npassword = "x"\npassphrase = "p"\n\n[certificates.acme]\ncert = "c"\n'
        (home.config / "auth.toml").write_text(text)
        home.ok("repo", "logout", "acme")
        assert home.toml("auth.toml") == {
            "http-basic": {"acme": {"passphrase": "p"}},
            "certificates": {"acme": {"cert": "c"}},
        }

    def test_a_variable_that_still_answers_is_named(self, home: WarmHome) -> None:
        add(home, "acme")
        log_in(home)
        home.environ.update(
            POETRY_HTTP_BASIC_ACME_USERNAME=USER, POETRY_HTTP_BASIC_ACME_PASSWORD=PASSWORD
        )
        home.says(
            *("repo", "logout", "acme"),
            err="Logged out of acme.\n"
            "acme still has a credential: environment variable POETRY_HTTP_BASIC_ACME_PASSWORD.\n",
        )

    @pytest.mark.parametrize(
        ("mode", "why"),
        [("locked", "the keyring is locked"), ("fail", "the keyring failed (RuntimeError)")],
    )
    def test_a_keyring_that_cannot_be_asked_is_said_to_keep_its_entry(
        self, keyed: WarmHome, mode: str, why: str
    ) -> None:
        add(keyed, "acme")
        log_in(keyed)
        keyed.environ["KEYRING_MODE"] = mode
        keyed.refuses(
            *("repo", "logout", "acme"),
            err=f"The keyring entry poetry-repository-acme may be left, because {why}.\n"
            "Not everything was removed for acme.\nTry: poetry repo logout acme\n",
        )
        keyed.environ["KEYRING_MODE"] = "ok"
        keyed.says("repo", "logout", "acme", err="Logged out of acme.\n")
        assert not any(json.loads((keyed.keyring_home / "keyring.json").read_text()).values())
        assert keyed.toml("auth.toml") == {}

    @pytest.mark.parametrize(
        ("mode", "said"), [(None, ""), ("locked", "may be left, because the keyring is locked")]
    )
    def test_a_helper_leaves_nothing_where_there_is_no_keyring(
        self, home: WarmHome, mode: str | None, said: str
    ) -> None:
        add(home, "acme")
        with (home.config / "poetry-repo-plugin.toml").open("a") as file:
            file.write('helper = ["/opt/vault"]\nhelper-protocol = "git"\n')
        if mode is not None:
            home.keyring, home.environ["KEYRING_MODE"] = FILE_KEYRING, mode
        done = home.ok("repo", "logout", "acme")
        assert done.err.endswith("Logged out of acme.\n")
        assert ("may be left" in done.err) == bool(said)
        assert said in done.err


class TestBadInput:
    def test_nobody_or_everybody(self, home: WarmHome) -> None:
        add(home, "acme")
        said = "Name the repositories, or pass --all.\nTry: poetry repo logout NAME\n"
        home.refuses("repo", "logout", err=said)
        home.refuses("repo", "logout", "acme", "--all", err=said)

    def test_one_unknown_name_and_nothing_is_forgotten(self, home: WarmHome) -> None:
        add(home, "acme")
        log_in(home)
        home.refuses(
            *("repo", "logout", "acme", "acne"),
            err="No repository is called 'acne'. Did you mean acme?\nTry: poetry repo logout acme\n",
        )
        home.refuses(
            *("repo", "logout", "beta", "acne"),
            err="No repository is called 'beta'.\nTry: poetry repo list\n",
        )

    def test_a_broken_file(self, home: WarmHome) -> None:
        (home.config / "auth.toml").write_text("[\n")
        done = home.fails("repo", "logout", "--all")
        assert done.err.startswith(f"{home.config}/auth.toml is not valid TOML: ")
        assert (home.config / "auth.toml").read_text() == "[\n"

    def test_help_shows_an_example(self, home: WarmHome) -> None:
        assert "poetry repo logout --all" in home.ok("repo", "logout", "--help").out
