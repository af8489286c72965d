"""What people type in place of our words: it is told what was meant, and no secret is said again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poetry_repo_plugin.core.pasted import oddity_of
from poetry_repo_plugin.plugin import DESCRIPTIONS
from tests.certs import CertificateFactory, server_context
from tests.commands.conftest import PASSWORD, USER
from tests.servers import IndexServer
from tests.warm import WarmHome

URL = "https://pypi.example.org/simple/"


def add(home: WarmHome, url: str = URL, name: str = "acme") -> None:
    file = home.config / "poetry-repo-plugin.toml"
    before = file.read_text() if file.exists() else ""
    file.write_text(f'{before}[repositories.{name}]\nurl = "{url}"\n')


class TestOptions:
    @pytest.mark.parametrize(
        ("words", "option", "meant", "hint"),
        [
            ("login acme --usrname alice", "--usrname", "--username", "login acme --username …"),
            ("list --jsn", "--jsn", "--json", "list --json"),
            ("certs acme --cert ca.pem", "--cert", "--ca", "certs acme --ca …"),
            ("certs acme --key k.pem", "--key", "--client-key", "certs acme --client-key …"),
            ("add acme URL --upload-url U", "--upload-url", "--publish-url",
             "add acme --publish-url …"),
            ("login --pasword=s3cr3t acme", "--pasword", "--password", "login NAME --password …"),
            ("--jason", "--jason", None, "--help"),
        ],
    )  # fmt: skip
    def test_a_misspelt_one(
        self, home: WarmHome, words: str, option: str, meant: str | None, hint: str
    ) -> None:
        suggestion = f" Did you mean {meant}?" if meant else ""
        message = f"Unknown option: {option}.{suggestion}\nTry: poetry repo {hint}\n"
        home.refuses("repo", *words.split(), err=message)

    def test_a_value_is_not_said_again(self, home: WarmHome) -> None:
        for words in (("-Xs3cr3t",), ("--tokn", "s3cr3t"), ("--tokn=s3cr3t", "-vvv")):
            done = home.fails("repo", "login", "acme", *words)
            assert "s3cr3t" not in done.text
            assert done.err.startswith("Unknown option: -")


class TestCommands:
    @pytest.mark.parametrize(
        ("word", "meant"),
        [
            ("status", "list"),
            ("whoami", "list"),
            ("rm", "remove"),
            ("auth", "login"),
            ("check", "doctor"),
            ("set-url", "add"),
        ],
    )
    def test_another_tools(self, home: WarmHome, word: str, meant: str) -> None:
        message = f"Command not found: `poetry repo {word}`. Did you mean {meant}?"
        home.refuses("repo", word, "acme", err=f"{message}\nTry: poetry repo {meant} acme\n")

    def test_help(self, home: WarmHome) -> None:
        home.refuses("repo", "help", err="Help is an option.\nTry: poetry repo --help\n")
        hint = "Try: poetry help repo login\n"
        home.refuses("repo", "help", "login", err=f"Help is an option.\n{hint}")

    def test_help_of_a_command(self, home: WarmHome) -> None:
        asked = home.ok("help", "repo", "login").out
        assert asked == home.ok("repo", "login", "--help").out
        assert "--password-stdin" in asked
        assert home.ok("help", "repo").out == home.ok("repo", "--help").out
        assert home.ok("help", "install").out == home.ok("install", "--help").out

    def test_help_lists_all(self, home: WarmHome) -> None:
        shown = home.ok("repo", "--help").out
        for name, description in DESCRIPTIONS.items():
            assert f"  {name or 'repo'} " in shown
            assert description in shown


class TestAdd:
    @pytest.mark.parametrize(
        ("words", "said", "hint"),
        [
            (("acme", "pypi.example.org/simple/"),
             "'pypi.example.org/simple/' is not an http or https URL: it has no scheme.",
             f"acme {URL}"),
            ((URL, "acme"), "The name comes first, then the URL.", f"acme {URL}"),
            (("pypi.example.org/simple/", "acme"), "The name comes first, then the URL.",
             f"acme {URL}"),
            ((URL,), "The name is missing; it comes before the URL.", f"example {URL}"),
            (("https://127.0.0.1:8443/simple/",), "The name is missing; it comes before the URL.",
             "private https://127.0.0.1:8443/simple/"),
            (("https://alice:s3cr3t@pypi.example.org/simple/", "acme"),
             "The name comes first, then the URL.", "acme URL"),
        ],
    )  # fmt: skip
    def test_words_in_a_mess(
        self, home: WarmHome, words: tuple[str, ...], said: str, hint: str
    ) -> None:
        home.refuses("repo", "add", *words, err=f"{said}\nTry: poetry repo add {hint}\n")

    def test_the_hint_does(self, home: WarmHome) -> None:
        home.ok("repo", "add", "example", URL)
        done = home.fails("repo", "add", URL)  # now that name is taken
        assert f"Try: poetry repo add private {URL}\n" in done.err


class TestLogin:
    @pytest.mark.parametrize("given", ["{url}", "{origin}", "{netloc}", "{netloc}/simple/"])
    def test_by_its_url(self, home: WarmHome, index: IndexServer, given: str) -> None:
        add(home, index.index_url)
        where = {"url": index.index_url, "origin": index.origin, "netloc": index.netloc}
        if given.startswith("{netloc}"):  # a host alone is taken for https
            (home.config / "poetry-repo-plugin.toml").write_text("")
            add(home)
            where["netloc"] = "pypi.example.org"
        words = ("--username", USER, "--password-stdin", "--no-verify")
        done = home.ok("repo", "login", given.format(**where), *words, stdin=PASSWORD)
        assert " belongs to acme.\n" in done.err
        assert home.toml("auth.toml")["http-basic"]["acme"]["username"] == USER

    def test_twin_of_none_or_of_several(self, home: WarmHome) -> None:
        hint = f"Try: poetry repo add example {URL}\n"
        done = home.fails("repo", "login", URL)
        assert done.err == f"No repository has the URL {URL}.\n{hint}"
        add(home, "https://pypi.example.org/a/simple/", "one")
        add(home, "https://pypi.example.org/b/simple/", "two")
        done = home.fails("repo", "login", "https://pypi.example.org/")
        assert "belongs to several repositories: one, two.\nTry: poetry repo login one" in done.err

    def test_secrets_as_words_are_not_said_again(self, home: WarmHome) -> None:
        add(home)
        done = home.fails("repo", "login", "acme", "alice", "s3cr3t", "-vvv")
        assert "s3cr3t" not in done.text
        assert "alice" not in done.text
        assert "Try: poetry repo login acme --username USER --password-stdin\n" in done.err
        with home.terminal("repo", "login", "acme", "alice", "s3cr3t") as terminal:
            terminal.expect("user name and password are asked for.")
            terminal.expect("Try: poetry repo login acme")
            assert terminal.end() == 1

    @pytest.mark.parametrize(
        ("typed", "odd"),
        [
            (f" {PASSWORD}", "begins or ends with white space"),
            (f'"{PASSWORD}"', "is in quotes"),
            (f"Bearer {PASSWORD}", "begins with “Bearer”"),
            (f"\ufeff{PASSWORD}", "begins with a byte order mark"),
        ],
    )
    def test_a_slip_of_the_clipboard(
        self, home: WarmHome, index: IndexServer, typed: str, odd: str
    ) -> None:
        add(home, index.index_url)
        words = ("repo", "login", "acme", "--username", USER, "--password-stdin")
        done = home.fails(*words, stdin=typed)
        assert f"The password {odd}" in done.err
        assert "[credential-rejected]" in done.err
        index.credentials = {USER: typed}  # a password may be so
        assert f"The password {odd}" in home.ok(*words, stdin=typed).err
        assert home.toml("auth.toml")["http-basic"]["acme"]["password"] == typed

    def test_tls_before_the_secret(self, home: WarmHome, certs: CertificateFactory) -> None:
        with IndexServer(tls=server_context(certs.server()), credentials={USER: PASSWORD}) as index:
            add(home, index.index_url)
            with home.terminal("repo", "login", "acme") as terminal:
                terminal.expect("[unknown-ca]")
                terminal.expect("Try: poetry repo certs acme --ca")
                assert terminal.end() == 1
            assert "User name" not in terminal.screen
            home.ok("repo", "certs", "acme", "--ca", str(certs.ca_file()))
            with home.terminal("repo", "login", "acme") as terminal:
                terminal.expect("User name (empty for a token): ")
                terminal.type(USER)
                terminal.expect("Password of")
                terminal.type(PASSWORD)
                assert terminal.end() == 0

    def test_the_known_user_name(self, home: WarmHome, index: IndexServer) -> None:
        add(home, index.index_url)
        words = ("repo", "login", "acme", "--username", USER, "--password-stdin", "--no-verify")
        home.ok(*words, stdin="old-password")
        with home.terminal("repo", "login", "acme") as terminal:
            terminal.expect(f"User name [{USER}]: ")
            terminal.type("")
            terminal.expect(f"Password of {USER}")
            terminal.type(PASSWORD)
            assert terminal.end() == 0
        assert home.toml("auth.toml")["http-basic"]["acme"]["password"] == PASSWORD


class TestLogout:
    def test_all_of_nothing(self, home: WarmHome) -> None:
        add(home)
        said = "No stored credentials; nothing to log out of.\n"
        home.says("repo", "logout", "--all", err=said)


@given(st.text(min_size=1))
def test_a_plain_secret_is_not_odd(text: str) -> None:
    plain = f"s{text.strip()}3"
    assert oddity_of(plain) is None
    assert oddity_of(f"{plain}\n")
    assert oddity_of(f"'{plain}'") == "is in quotes"
    assert plain not in (oddity_of(f"Bearer {plain}") or "")
