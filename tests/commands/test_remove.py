"""``poetry repo remove``: all that carries the name goes, or nothing does."""

from __future__ import annotations

import json

import pytest

from tests.certs import CertificateFactory
from tests.commands.conftest import PASSWORD, USER
from tests.warm import WarmHome

URL = "https://pypi.example.org/simple/"
OURS = "poetry-repo-plugin: acme"
UPLOAD = "https://pypi.example.org/upload/"


@pytest.fixture
def full(keyed: WarmHome, certs: CertificateFactory) -> WarmHome:
    """A home where ``acme`` has everything that a repository can have."""
    keyed.write_project(extra="# the end\n")
    keyed.ok("repo", "add", "acme", URL, "--publish-url", UPLOAD, "--ignore-error-code", "403")
    keyed.ok("repo", "login", "acme", "-u", USER, "--password-stdin", "--no-verify", stdin=PASSWORD)
    client = certs.pem(certs.client(), "removed.pem", passphrase="open")
    keyed.ok(
        *("repo", "certs", "acme", "--ca", str(certs.ca_file()), "--client-cert", str(client)),
        *("--passphrase-stdin", "--no-verify"),
        stdin="open",
    )
    return keyed


def keyring(home: WarmHome) -> dict[str, dict[str, str]]:
    entries = json.loads((home.keyring_home / "keyring.json").read_text())
    return {service: users for service, users in entries.items() if users}


class TestRemove:
    def test_everything(self, full: WarmHome) -> None:
        kept = {service: set(users) for service, users in keyring(full).items()}
        assert kept == {"poetry-repository-acme": {USER}, OURS: {"client-key-passphrase"}}
        done = full.cold("repo", "remove", "acme", "--all")
        assert (done.code, done.out) == (0, "")
        assert done.err == (
            "acme: removed\n"
            "PyPI: entry removed; without other primary sources, Poetry uses it anyway\n"
            "Removed acme.\n"
        )
        pyproject = (full.project / "pyproject.toml").read_text()
        assert "acme" not in pyproject
        assert "# the end\n" in pyproject
        for name in ("config.toml", "auth.toml", "poetry-repo-plugin.toml"):
            assert full.toml(name) == {}
        assert keyring(full) == {}

    def test_without_a_terminal_what_other_projects_may_use_stays(self, full: WarmHome) -> None:
        before, own = full.files(), full.toml("poetry-repo-plugin.toml")["repositories"]["acme"]
        done = full.ok("repo", "remove", "acme")
        assert done.err.endswith(
            "Removed acme. Its login and TLS setup stays for other projects.\n"
            "To remove that as well: poetry repo remove acme --all\n"
        )
        assert "acme" not in (full.project / "pyproject.toml").read_text()
        for name in ("config/auth.toml", "keyring/keyring.json"):
            assert full.files().get(name) == before.get(name)
        gone = {"url", "added", "ignore-error-codes"}
        left = {key: value for key, value in own.items() if key not in gone}
        assert full.toml("poetry-repo-plugin.toml")["repositories"]["acme"] == left
        full.ok("repo", "remove", "acme", "--all")
        assert (keyring(full), full.toml("auth.toml")) == ({}, {})

    @pytest.mark.parametrize("answer", ["y", "n"])
    def test_at_a_terminal_it_is_asked(self, full: WarmHome, answer: str) -> None:
        with full.terminal("repo", "remove", "acme") as screen:
            screen.expect(
                "Other projects may use the login and TLS setup of acme. Remove that as well?"
            )
            screen.type(answer)
            assert screen.end() == 0
        assert (keyring(full) == {}) is (answer == "y")

    def test_twin_nothing_is_asked_where_there_is_nothing(self, home: WarmHome) -> None:
        home.write_project()
        home.ok("repo", "add", "acme", URL)
        with home.terminal("repo", "remove", "acme") as screen:
            assert screen.end() == 0
        assert "Other projects" not in screen.screen

    def test_what_a_keyring_keeps_back_is_named(self, full: WarmHome) -> None:
        full.environ["KEYRING_MODE"] = "locked"
        done = full.fails("repo", "remove", "acme", "--all")
        assert (
            "acme: the passphrase may be left in the keyring, as poetry-repo-plugin: acme (user "
            in done.err
        )

    def test_but_its_credentials(self, full: WarmHome) -> None:
        done = full.ok("repo", "remove", "acme", "--keep-credentials", "--all")
        assert done.err.endswith("Removed acme. Its credentials were kept.\n")
        assert keyring(full) == {"poetry-repository-acme": {USER: PASSWORD}}
        assert full.toml("auth.toml") == {"http-basic": {"acme": {"username": USER}}}
        assert full.toml("config.toml") == {}
        own = full.toml("poetry-repo-plugin.toml")["repositories"]["acme"]
        assert own == {"credential-origins": ["https://pypi.example.org"]}

    def test_keeps_a_helper_with_them(self, home: WarmHome) -> None:
        own = home.config / "poetry-repo-plugin.toml"
        kept = '[repositories.acme]\nhelper = ["/bin/x", "y"]\nhelper-protocol = "git"\n'
        own.write_text(f'{kept}url = "{URL}"\n')
        home.ok("repo", "remove", "acme", "--keep-credentials")
        assert home.toml(own.name) == {
            "repositories": {"acme": {"helper": ["/bin/x", "y"], "helper-protocol": "git"}}
        }
        own.write_text(f'{kept}url = "{URL}"\n')
        home.ok("repo", "remove", "acme", "--all")
        assert home.toml(own.name) == {}

    def test_other_repositories_stay(self, full: WarmHome) -> None:
        full.ok(
            "repo",
            "add",
            "beta",
            "https://beta.example.org/simple/",
            "--publish-url",
            "https://beta.example.org/",
        )
        full.ok(
            "repo", "login", "beta", "-u", "bob", "--password", "x", "--no-verify", "--plaintext"
        )
        full.ok("repo", "remove", "acme", "--all")
        assert full.toml("config.toml") == {
            "repositories": {"beta": {"url": "https://beta.example.org/"}}
        }
        assert full.toml("auth.toml") == {
            "http-basic": {"beta": {"username": "bob", "password": "x"}}
        }

    def test_a_project_file_that_refuses_the_edit_keeps_everything(self, full: WarmHome) -> None:
        """Without acme only an explicit PyPI would be left, and Poetry refuses that."""
        pyproject = full.project / "pyproject.toml"
        text = pyproject.read_text()
        pyproject.write_text(
            text.replace(
                'name = "PyPI"  # keeps PyPI enabled\npriority = "primary"',
                'name = "PyPI"\npriority = "explicit"',
            )
        )
        full.refuses(
            *("repo", "remove", "acme"),
            err="That would leave explicit sources only, and Poetry needs one that "
            "it can search.\nTry: poetry repo add PyPI --priority primary\n",
        )
        assert keyring(full) != {}

    def test_a_variable_that_still_names_it_is_named(self, home: WarmHome) -> None:
        home.environ["POETRY_REPOSITORIES_ACME_URL"] = UPLOAD
        home.ok("repo", "add", "acme", URL)
        done = home.ok("repo", "remove", "acme")
        assert done.err.endswith(
            "acme is still named by the environment variable POETRY_REPOSITORIES_ACME_URL.\n"
        )

    def test_twin_one_that_only_a_variable_names_was_not_removed(self, home: WarmHome) -> None:
        home.environ["POETRY_REPOSITORIES_ZED_URL"] = UPLOAD
        home.refuses(
            *("repo", "remove", "zed"),
            err="zed is named by the environment variable POETRY_REPOSITORIES_ZED_URL only; there is nothing to "
            "remove.\nTry: unset POETRY_REPOSITORIES_ZED_URL\n",
        )

    def test_leaves_a_project_as_it_was_before_it_was_added(self, home: WarmHome) -> None:
        home.write_project(
            extra=f'[[tool.poetry.source]]\nname = "beta"\nurl = "{URL}"\npriority = "supplemental"\n'
        )
        before = (home.project / "pyproject.toml").read_text()
        home.ok("repo", "add", "acme", URL)
        home.says(
            *("repo", "remove", "acme"),
            err="acme: removed\nPyPI: entry removed; without other primary sources, Poetry uses it "
            "anyway\nRemoved acme.\n",
        )
        assert (home.project / "pyproject.toml").read_text() == before

    def test_the_projects_own_settings_go_too(self, home: WarmHome) -> None:
        table = f'[tool.poetry-repo-plugin.acme]\npublish-url = "{UPLOAD}"\n'
        home.write_project(extra=f'[[tool.poetry.source]]\nname = "acme"\nurl = "{URL}"\n\n{table}')
        home.ok("repo", "remove", "acme")
        assert "acme" not in (home.project / "pyproject.toml").read_text()


class TestSelf:
    def test_takes_it_from_poetrys_own_environment_only(self, home: WarmHome) -> None:
        home.ok("repo", "add", "acme", URL, "--self", "--secondary")
        home.says(
            "repo", "remove", "acme", "--self", err="acme: removed (in Poetry's own environment)\n"
        )
        assert "acme" not in (home.config / "pyproject.toml").read_text()
        assert home.toml("poetry-repo-plugin.toml") == {"repositories": {"acme": {"url": URL}}}

    def test_without_it_everything_goes_from_there_as_well(self, home: WarmHome) -> None:
        home.write_project()
        home.ok("repo", "add", "acme", URL, "--secondary")
        home.ok("repo", "add", "acme", "--self", "--secondary")
        home.says(
            *("repo", "remove", "acme"),
            err="acme: removed\nacme: removed (in Poetry's own environment)\nRemoved acme.\n",
        )
        assert home.toml("poetry-repo-plugin.toml") == {}

    def test_one_that_is_there_only(self, home: WarmHome) -> None:
        home.ok("repo", "add", "acme", URL, "--self", "--secondary")
        (home.config / "poetry-repo-plugin.toml").unlink()
        home.says("repo", "remove", "acme", err="acme: removed (in Poetry's own environment)\n")

    def test_twin_it_is_not_there(self, home: WarmHome) -> None:
        said = "Poetry's own environment has no source 'acme'.\n"
        home.refuses("repo", "remove", "acme", "--self", err=said)
        home.ok("repo", "add", "beta", URL, "--self")
        home.refuses("repo", "remove", "acme", "--self", err=said)

    def test_twin_a_file_of_its_own_that_refuses_keeps_the_project_as_well(
        self, home: WarmHome
    ) -> None:
        home.write_project()
        home.ok("repo", "add", "acme", URL, "--secondary")
        own = home.config / "pyproject.toml"
        own.write_text(
            '[tool.poetry]\npackage-mode = false\n\n[[tool.poetry.source]]\nname = "PyPI"\npriority = "explicit"\n\n'
            f'[[tool.poetry.source]]\nname = "acme"\nurl = "{URL}"\n'
        )
        before = home.files()
        done = home.fails("repo", "remove", "acme")
        assert done.err.startswith("That would leave explicit sources only")
        assert home.files() == before


class TestBadInput:
    def test_an_unknown_name(self, home: WarmHome) -> None:
        home.ok("repo", "add", "acme", URL)
        home.refuses(
            *("repo", "remove", "acne"),
            err="No repository is called 'acne'. Did you mean acme?\nTry: poetry repo remove acme\n",
        )

    @pytest.mark.parametrize("name", ["../x", "<error>", "a\x1b[31m\nb"])
    def test_a_hostile_name(self, home: WarmHome, name: str) -> None:
        done = home.fails("repo", "remove", name)
        assert done.err.startswith(f"No repository is called {name!r}.")
        assert "\x1b" not in done.err
        assert done.err.count("\n") == 2

    def test_pypi(self, home: WarmHome) -> None:
        home.refuses(
            *("repo", "remove", "pypi"),
            err="PyPI is built into Poetry; to forget its token, log out.\nTry: poetry repo logout pypi\n",
        )

    def test_pypi_of_a_project(self, home: WarmHome) -> None:
        home.write_project(extra=f'[[tool.poetry.source]]\nname = "acme"\nurl = "{URL}"\n')
        home.ok("repo", "add", "pypi")
        home.ok("config", "pypi-token.pypi", "t0ken")
        done = home.ok("repo", "remove", "pypi")
        assert done.err.startswith("PyPI: removed\n")
        assert home.toml("auth.toml") == {"pypi-token": {"pypi": "t0ken"}}

    @pytest.mark.parametrize("file", ["config.toml", "auth.toml", "poetry-repo-plugin.toml"])
    def test_a_broken_file(self, full: WarmHome, file: str) -> None:
        (full.config / file).write_text("[\n")
        before = full.files()
        done = full.fails("repo", "remove", "acme", "--all")
        assert done.err.startswith(f"{full.config}/{file} is not valid TOML: ")
        assert full.files() == before

    def test_help_shows_an_example(self, home: WarmHome) -> None:
        assert "poetry repo remove acme" in home.ok("repo", "remove", "--help").out
