"""``poetry repo``: what there is and what comes next; and what all commands have in common."""

from __future__ import annotations

from pathlib import Path

import pytest

from poetry_repo_plugin.plugin import DESCRIPTIONS
from tests.integration.world import poetry_version
from tests.servers import IndexServer
from tests.warm import WarmHome

COMMANDS = tuple(filter(None, DESCRIPTIONS))

URL = "https://pypi.example.org/simple/"
PYPI = "pypi  primary       no login\n      https://pypi.org/simple/\n"


class TestOverview:
    def test_nothing_yet(self, home: WarmHome) -> None:
        done = home.cold("repo")
        assert (done.code, done.err) == (0, "")
        assert (
            done.out == f"{PYPI}\nNext: poetry repo add NAME URL\nAll commands: poetry list repo\n"
        )

    @pytest.mark.parametrize(
        ("environ", "state", "step"),
        [
            ({}, "no login", "login acme"),
            ({"POETRY_HTTP_BASIC_ACME_PASSWORD": "x"}, "ok env", "doctor"),
        ],
    )
    def test_the_next_step(
        self, home: WarmHome, environ: dict[str, str], state: str, step: str
    ) -> None:
        home.ok("repo", "add", "acme", URL)
        home.environ.update(environ)
        assert home.ok("repo").out == (
            f"acme  -             {state}\n      {URL}\n{PYPI}\nNext: poetry repo {step}\n"
            "All commands: poetry list repo\n"
        )

    def test_a_project_that_poetry_refuses_is_mended_first(self, home: WarmHome) -> None:
        home.write_project(
            extra=f'[[tool.poetry.source]]\nname = "acme"\nurl = "{URL}"\ndefault = true\n'
        )
        assert "\nNext: poetry repo migrate\n" in home.ok("repo").out
        home.ok("repo", "migrate")
        assert "\nNext: poetry repo login acme\n" in home.ok("repo").out

    def test_a_locked_keyring_is_the_doctors(self, keyed: WarmHome) -> None:
        keyed.ok("repo", "add", "acme", URL)
        keyed.ok("config", "http-basic.acme", "u", "p")
        keyed.environ["KEYRING_MODE"] = "locked"
        assert "Next: poetry repo doctor acme\n" in keyed.ok("repo").out

    def test_no_network(self, home: WarmHome, index: IndexServer) -> None:
        home.ok("repo", "add", "acme", index.index_url)
        home.ok("repo")
        assert index.connections == 0

    @pytest.mark.parametrize(
        ("word", "said"),
        [
            (
                "lst",
                "Command not found: `poetry repo lst`. Did you mean list?\nTry: poetry repo list\n",
            ),
            (
                "log-in",
                "Command not found: `poetry repo log-in`. Did you mean login?\nTry: poetry repo login\n",
            ),
            ("xyz", "Command not found: `poetry repo xyz`.\nTry: poetry list repo\n"),
            (
                "<error>\x1b[31m",
                "Command not found: `poetry repo <error>\\x1b[31m`.\nTry: poetry list repo\n",
            ),
        ],
    )
    def test_twin_an_unknown_command(self, home: WarmHome, word: str, said: str) -> None:
        home.refuses("repo", word, err=said)

    @pytest.mark.parametrize(
        ("words", "again"),
        [
            (("logn", "acme"), "login acme"),
            (("lst", "--json"), "list"),
            (("lgin", "tok", "--username", "a b"), "login tok"),
            (("lgin", "tok", "-u", "a", "--no-verify"), "login tok"),
            (("lgin", "-n", "tok", "--nonsense", "more"), "login tok"),
            (("ad", "tok", URL, "--priority=explicit"), f"add tok {URL}"),
            (("logot", "one", "two", "--all=x"), "logout one"),
            (("certs-", "tok", "--ca", "my ca.pem", "--client-cert"), "certs tok"),
        ],
    )
    def test_what_comes_behind_is_said_again(
        self, home: WarmHome, words: tuple[str, ...], again: str
    ) -> None:
        message = f"Command not found: `poetry repo {words[0]}`. Did you mean {again.split()[0]}?"
        home.refuses("repo", *words, err=f"{message}\nTry: poetry repo {again}\n")

    @pytest.mark.parametrize(
        ("words", "again"),
        [
            (("lgin", "tok", "--password", "hunter2", "--url", URL), "login tok"),
            (("lgin", "tok", "-p", "hunter2"), "login tok"),
            (("lgin", "tok", "-phunter2"), "login tok"),
            (("lgin", "tok", "--token=hunter2"), "login tok"),
            (("lgin", "tok", "--passwrd", "hunter2"), "login tok"),
            (("lgin", "tok", "alice", "hunter2"), "login tok"),
            (("lgin", "tok", "--helper", "vault --key hunter2"), "login tok"),
            (("lgin", "--username", "--password", "hunter2"), "login"),
            (("cert", "tok", "--passphrase", "hunter2"), "certs tok"),
            (("ad", "tok", "https://alice:hunter2@pypi.example.org/"), "add tok"),
            (("ad", "tok", "--publish-url", "https://pypi.example.org/?key=hunter2"), "add tok"),
            (("lgin", "fury", "--username", "hunter2"), "login fury"),
        ],
    )
    def test_twin_but_never_what_may_be_a_secret(
        self, home: WarmHome, words: tuple[str, ...], again: str
    ) -> None:
        home.ok("repo", "add", "fury", "https://pypi.fury.io/acme/")
        done = home.fails("repo", *words)
        assert done.err.endswith(f"\nTry: poetry repo {again}\n")
        assert "hunter2" not in done.text

    @pytest.mark.parametrize("words", [("--nonsense",), ("--json",), ("--username", "alice")])
    def test_twin_an_option_alone_is_no_command(
        self, home: WarmHome, words: tuple[str, ...]
    ) -> None:
        done = home.fails("repo", *words)
        assert done.err.startswith(f"Unknown option: {words[0]}.")

    def test_help_names_the_commands(self, home: WarmHome) -> None:
        done = home.ok("repo", "--help")
        assert "poetry repo add acme URL" in done.out


class TestNarrowTerminal:
    """At 80 columns nothing is cut in the middle of a word, and what is to be copied is on one
    line.
    """

    def test_messages(self, home: WarmHome) -> None:
        home.write_project()
        home.environ["COLUMNS"] = "80"
        lab = "https://gitlab.example.org/api/v4/projects/7/packages/pypi"
        with home.terminal("repo", "add", "lab", f"{lab}/simple", "--secondary") as terminal:
            assert terminal.end() == 0
        assert terminal.lines() == [
            f"lab ({lab}/simple): added",
            "as supplemental",
            "lab: poetry publish -r lab uploads to",
            lab,
            "GitLab: Deploy tokens have their own user name; publish to a project, not to a",
            "group.",
            "Next, if it needs a login: poetry repo login lab",
            "",
        ]

    def test_errors(self, home: WarmHome) -> None:
        home.environ["COLUMNS"] = "80"
        lab = "https://gitlab.example.org/api/v4/projects/7/packages/pypi/simple"
        with home.terminal("repo", "add", "acme", URL, "--publish-url", lab) as terminal:
            assert terminal.end() == 1
        assert terminal.lines() == [
            f"{lab} is an index,",
            "for installing; uploads need another URL.",
            f"Try: poetry repo add acme {URL} --publish-url URL",
            "",
        ]

    def test_twin_without_a_terminal_a_line_is_a_line(self, home: WarmHome) -> None:
        home.environ["COLUMNS"] = "40"
        assert len(home.ok("repo", "add", "acme", URL).err.splitlines()) == 3


class TestAllCommands:
    @pytest.mark.parametrize("name", ["", *COMMANDS])
    def test_help_fits_80_columns(self, home: WarmHome, name: str) -> None:
        """cleo does not wrap it. The options above it are Poetry's as well, and wide."""
        done = home.ok("repo", *name.split(), "--help")
        shown = done.out.partition("Help:\n")[2].splitlines()
        assert shown
        assert [line for line in shown if len(line) > 78] == []

    @pytest.mark.parametrize("name", COMMANDS)
    def test_help_shows_an_example_and_the_shared_switches(self, home: WarmHome, name: str) -> None:
        done = home.ok("repo", name, "--help")
        assert f"    poetry repo {name}" in done.out
        for switch in ("--no-interaction", "--quiet", "--verbose", "--no-ansi", "--directory"):
            assert switch in done.out

    def test_are_listed(self, home: WarmHome) -> None:
        listed = home.ok("list", "repo").out
        assert all(f"repo {name} " in listed for name in COMMANDS)

    @pytest.mark.parametrize(
        "words", [("list",), ("show", "acme"), ("certs", "acme"), ("token", "acme")]
    )
    def test_the_folder_is_chosen_with_c(
        self, home: WarmHome, tmp_path: Path, words: tuple[str, ...]
    ) -> None:
        home.write_project(extra=f'[[tool.poetry.source]]\nname = "acme"\nurl = "{URL}"\n')
        home.environ["POETRY_HTTP_BASIC_ACME_PASSWORD"] = "x"
        orders = [
            ("-C", str(home.project), "repo", *words),
            ("repo", *words, "-C", str(home.project)),
        ]
        for order in (
            orders if poetry_version() >= (2, 1) else orders[:1]
        ):  # 2.0 sees it in front only
            done = home.run(*order, cwd=tmp_path)
            assert (done.code, done.err) == (0, "")
        assert home.run("repo", *words, cwd=tmp_path).code == (0 if words == ("list",) else 1)

    @pytest.mark.parametrize("words", [("list",), ("show", "acme"), ("certs", "acme"), ()])
    def test_quiet_prints_nothing(self, home: WarmHome, words: tuple[str, ...]) -> None:
        home.ok("repo", "add", "acme", URL)
        home.says("repo", *words, "-q")

    def test_quiet_keeps_the_exit_code(self, home: WarmHome) -> None:
        done = home.run("repo", "show", "acne", "-q")
        assert (done.code, done.text) == (1, "")

    def test_a_broken_project_is_named_by_each(self, home: WarmHome) -> None:
        (home.project / "pyproject.toml").write_text("[tool.poetry\n")
        for words in (
            (),
            ("list",),
            ("show", "acme"),
            ("remove", "acme"),
            ("logout", "--all"),
            ("token", "acme"),
        ):
            done = home.fails("repo", *words)
            assert done.err.startswith(f"{home.project}/pyproject.toml is not valid TOML: ")
            assert done.out == ""
