"""``poetry repo add``: what is said, what is written, and what is refused with nothing written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests import packages
from tests.commands.conftest import PASSWORD, USER
from tests.poetry_process import FILE_KEYRING
from tests.servers import IndexServer, Response, refused_url
from tests.warm import WarmHome, mode_of, parsed

URL = "https://pypi.example.org/simple/"
UPLOAD = "https://pypi.example.org/upload/"
GITLAB = "https://gitlab.example.org/api/v4/projects/7/packages/pypi"
HEAD = (
    '# ours\n[project]\nname = "app"  # the name\nversion = "0.1.0"\nrequires-python = ">=3.10"\n'
)


def source(name: str, url: str | None, priority: str = "primary") -> str:
    where = f'url = "{url}"\n' if url else ""
    return f'\n[[tool.poetry.source]]\nname = "{name}"\n{where}priority = "{priority}"\n'


PYPI = source("PyPI", None)
KEPT = PYPI.replace('"PyPI"', '"PyPI"  # keeps PyPI enabled')
NEXT = "Next, if it needs a login: poetry repo login acme\n"


@pytest.fixture
def project(home: WarmHome) -> Path:
    """A project's ``pyproject.toml``, with comments."""
    file = home.project / "pyproject.toml"
    file.write_text(HEAD)
    return file


class TestInsideAProject:
    def test_becomes_a_source_before_pypi_and_keeps_comments(
        self, home: WarmHome, project: Path
    ) -> None:
        done = home.cold("repo", "add", "acme", URL)
        assert (done.code, done.out) == (0, "")
        assert done.err == (
            f"acme ({URL}): added as primary\nPyPI: listed as primary behind acme, so that it stays on\n{NEXT}"
        )
        assert project.read_text() == HEAD + source("acme", URL) + KEPT
        assert home.files().keys() == {"project/pyproject.toml", "keyring/tests_keyring.py"}

    def test_the_same_again_changes_nothing(self, home: WarmHome, project: Path) -> None:
        home.ok("repo", "add", "acme", URL)
        before = project.read_bytes()
        home.says(
            "repo", "add", "acme", URL, err="acme is already in pyproject.toml; nothing changed.\n"
        )
        assert project.read_bytes() == before

    def test_other_words_update_and_say_what_changed(self, home: WarmHome, project: Path) -> None:
        home.ok("repo", "add", "acme", URL)
        other = "https://other.example.org/simple/"
        home.says(
            *("repo", "add", "acme", other, "--priority", "explicit"),
            err=f'acme: url {URL} → {other}\nacme: priority = "primary" → priority = "explicit"\n',
        )
        assert project.read_text() == HEAD + source("acme", other, "explicit") + KEPT

    def test_a_priority_that_is_not_named_stays(self, home: WarmHome, project: Path) -> None:
        """``repo add NAME URL --publish-url URL`` is the mending command of a cause: it must not
        change the order.
        """
        home.ok("repo", "add", "acme", URL, "--priority", "explicit")
        home.says(
            *("repo", "add", "acme", URL, "--publish-url", UPLOAD),
            err=f"acme is already in pyproject.toml; nothing changed.\nacme: poetry publish -r acme uploads to {UPLOAD}\n",
        )
        assert project.read_text() == HEAD + source("acme", URL, "explicit")
        assert home.toml("config.toml") == {"repositories": {"acme": {"url": UPLOAD}}}

    @pytest.mark.parametrize(
        ("words", "said", "written"),
        [
            (
                ("--secondary",),
                "acme ({}): added as supplemental\n",
                source("acme", URL, "supplemental"),
            ),
            (
                ("--priority", "supplemental"),
                "acme ({}): added as supplemental\n",
                source("acme", URL, "supplemental"),
            ),
            (
                ("--priority", "EXPLICIT"),
                "acme ({}): added as explicit\n",
                source("acme", URL, "explicit"),
            ),
            (("--default",), "acme ({}): added as primary\nPyPI: on → off\n", source("acme", URL)),
        ],
        ids=["secondary", "supplemental", "explicit", "default"],
    )
    def test_priorities(
        self, home: WarmHome, project: Path, words: tuple[str, ...], said: str, written: str
    ) -> None:
        home.says("repo", "add", "acme", URL, *words, err=said.format(URL) + NEXT)
        assert project.read_text() == HEAD + written

    def test_twin_what_has_a_credential_needs_no_next_step(
        self, home: WarmHome, project: Path
    ) -> None:
        home.environ["POETRY_HTTP_BASIC_ACME_PASSWORD"] = "secret"
        home.says(
            "repo", "add", "acme", URL, "--secondary", err=f"acme ({URL}): added as supplemental\n"
        )
        moved = home.ok("repo", "add", "other", URL.replace("//", "//alice:pw@"), "--secondary")
        assert "Next" not in moved.err

    def test_credentials_that_stand_in_the_file_are_lifted_on_the_way(
        self, home: WarmHome, project: Path
    ) -> None:
        project.write_text(HEAD + source("acme", URL.replace("//", "//bob:hunter2@")))
        done = home.ok("repo", "add", "acme", "--priority", "explicit")
        assert "hunter2" not in done.text + project.read_text()
        assert home.toml("auth.toml") == {
            "http-basic": {"acme": {"username": "bob", "password": "hunter2"}}
        }

    def test_the_projects_own_url_is_meant_where_none_is_named(
        self, home: WarmHome, project: Path
    ) -> None:
        (home.config / "poetry-repo-plugin.toml").write_text(
            '[repositories.acme]\nurl = "https://mine.example/"\n'
        )
        project.write_text(HEAD + source("acme", URL))
        home.ok("repo", "add", "acme", "--ignore-error-code", "403")
        assert project.read_text() == HEAD + source("acme", URL)

    def test_pypi_itself(self, home: WarmHome, project: Path) -> None:
        home.says("repo", "add", "pypi", err="PyPI: added as primary\n")
        assert project.read_text() == HEAD + PYPI

    def test_from_a_folder_below_and_by_its_directory(self, home: WarmHome, project: Path) -> None:
        below = home.project / "src"
        below.mkdir()
        assert home.run("repo", "add", "acme", URL, "--secondary", cwd=below).code == 0
        assert (
            home.run(
                "-C", str(home.project), "repo", "add", "beta", URL, "--secondary", cwd=home.root
            ).code
            == 0
        )
        assert project.read_text() == HEAD + source("acme", URL, "supplemental") + source(
            "beta", URL, "supplemental"
        )

    def test_the_publish_url_is_derived(self, home: WarmHome, project: Path) -> None:
        done = home.ok("repo", "add", "lab", f"{GITLAB}/simple", "--secondary")
        assert done.err.splitlines() == [
            f"lab ({GITLAB}/simple): added as supplemental",
            f"lab: poetry publish -r lab uploads to {GITLAB}",
            "GitLab: Deploy tokens have their own user name; publish to a project, not to a group.",
            "Next, if it needs a login: poetry repo login lab",
        ]
        assert home.toml("config.toml") == {"repositories": {"lab": {"url": GITLAB}}}

    def test_a_known_server_from_whose_url_none_follows(
        self, home: WarmHome, project: Path
    ) -> None:
        """It looks like one whose publish URL is derived; an unknown server in a project may be to
        read from only.
        """
        group = "https://gitlab.example.org/api/v4/groups/7/-/packages/pypi/simple"
        unknown = "lab: no upload URL is known; set one with --publish-url URL."
        assert home.ok("repo", "add", "lab", group, "--secondary").err.splitlines() == [
            f"lab ({group}): added as supplemental",
            "GitLab: Deploy tokens have their own user name; publish to a project, not to a group.",
            unknown,
            "Next, if it needs a login: poetry repo login lab",
        ]
        assert unknown not in home.ok("repo", "add", "lab", group, "--priority", "explicit").err
        assert unknown not in home.ok("repo", "add", "other", URL).err
        home.ok("repo", "add", "lab", group, "--publish-url", GITLAB)
        assert home.toml("config.toml") == {"repositories": {"lab": {"url": GITLAB}}}
        assert unknown not in home.ok("repo", "add", "lab", group.replace("/7/", "/8/")).err

    def test_a_publish_url_of_ones_own_outlives_the_derived_one(
        self, home: WarmHome, project: Path
    ) -> None:
        home.ok("repo", "add", "lab", f"{GITLAB}/simple", "--publish-url", UPLOAD)
        home.ok("repo", "add", "lab", f"{GITLAB}/simple", "--secondary")
        assert home.toml("config.toml") == {"repositories": {"lab": {"url": UPLOAD}}}

    def test_a_derived_publish_url_follows_its_index(self, home: WarmHome, project: Path) -> None:
        home.ok("repo", "add", "lab", f"{GITLAB}/simple")
        moved = GITLAB.replace("/7/", "/8/")
        done = home.ok("repo", "add", "lab", f"{moved}/simple")
        assert f"lab: poetry publish -r lab uploads to {moved} (was {GITLAB})\n" in done.err
        assert home.toml("config.toml") == {"repositories": {"lab": {"url": moved}}}

    @pytest.mark.parametrize("flag", ["default = true", "secondary = false"])
    def test_a_project_that_poetry_still_refuses(
        self, home: WarmHome, project: Path, flag: str
    ) -> None:
        project.write_text(HEAD + source("old", URL).replace('priority = "primary"', flag))
        said = (
            "Poetry 2 cannot read this project yet: it has sources with `default` or `secondary`. "
            "Try: poetry repo migrate\n"
        )
        assert home.ok("repo", "add", "acme", URL).err.endswith(f"\n{said}{NEXT}")
        home.ok("repo", "migrate")
        assert "migrate" not in home.ok("repo", "add", "acme", URL).err

    def test_a_file_that_cannot_be_edited_is_left_alone(
        self, home: WarmHome, project: Path
    ) -> None:
        project.write_text('[tool.poetry]\nsource = "no"\n')
        done = home.fails("repo", "add", "acme", URL, "--publish-url", UPLOAD)
        assert done.err.endswith("pyproject.toml: tool.poetry.source is not a list.\n")
        assert project.read_text() == '[tool.poetry]\nsource = "no"\n'
        assert home.toml("config.toml") == {}


class TestOutsideAProject:
    def test_is_remembered_and_needs_no_url_in_a_project(self, home: WarmHome) -> None:
        home.says(
            *("repo", "add", "acme", URL),
            err=f"acme ({URL}) was saved; run `poetry repo add acme` in a project to use it there.\n"
            f"acme: no upload URL is known; set one with --publish-url URL.\n{NEXT}",
        )
        assert home.toml("poetry-repo-plugin.toml") == {"repositories": {"acme": {"url": URL}}}
        assert home.toml("config.toml") == {}
        file = home.project / "pyproject.toml"
        file.write_text(HEAD)
        home.says(
            *("repo", "add", "acme", "--secondary"),
            err=f"acme ({URL}): added as supplemental\n",
        )
        assert file.read_text() == HEAD + source("acme", URL, "supplemental")

    def test_twin_a_name_without_a_url_that_nobody_knows(self, home: WarmHome) -> None:
        home.refuses(
            "repo",
            "add",
            "acme",
            err="No URL is known for 'acme'.\nTry: poetry repo add acme URL\n",
        )

    def test_is_a_publish_target(self, home: WarmHome) -> None:
        home.says(
            *("repo", "add", "acme", UPLOAD, "--publish-url", UPLOAD),
            err=f"acme ({UPLOAD}) was saved; run `poetry repo add acme` in a project to use it there.\n"
            f"acme: poetry publish -r acme uploads to {UPLOAD}\n{NEXT}",
        )
        assert home.toml("config.toml") == {"repositories": {"acme": {"url": UPLOAD}}}

    def test_what_is_no_index_by_its_looks_is_taken_for_both(self, home: WarmHome) -> None:
        done = home.ok("repo", "add", "acme", "https://pypi.example.org/")
        assert "acme: poetry publish -r acme uploads to https://pypi.example.org/\n" in done.err
        assert home.toml("config.toml") == {
            "repositories": {"acme": {"url": "https://pypi.example.org/"}}
        }

    def test_again_says_what_changed(self, home: WarmHome) -> None:
        home.ok("repo", "add", "acme", URL, "--publish-url", UPLOAD)
        home.says("repo", "add", "acme", URL, err=f"acme ({URL}) is already saved.\n")
        other = "https://other.example.org/simple/"
        home.says(
            *("repo", "add", "acme", other, "--publish-url", "https://other.example.org/up/"),
            err=f"acme: url {URL} → {other}\n"
            f"acme: poetry publish -r acme uploads to https://other.example.org/up/ (was {UPLOAD})\n",
        )

    def test_a_priority_is_said_to_have_no_meaning(self, home: WarmHome) -> None:
        done = home.ok("repo", "add", "acme", URL, "--secondary")
        assert done.err.startswith("There is no project here, so the priority is ignored.\n")

    def test_missing_folders_are_created(self, home: WarmHome) -> None:
        deep = home.root / "not" / "there" / "yet"
        home.environ["POETRY_CONFIG_DIR"] = str(deep)
        home.ok("repo", "add", "acme", URL)
        assert mode_of(deep / "poetry-repo-plugin.toml") == 0o600

    def test_works_below_a_variable_of_the_same_name(self, home: WarmHome) -> None:
        """``POETRY_REPOSITORIES_MY_REPO_URL`` does not say how its name is spelled."""
        home.environ["POETRY_REPOSITORIES_MY_REPO_URL"] = UPLOAD
        home.ok("repo", "add", "my_repo", URL)
        assert home.toml("poetry-repo-plugin.toml") == {"repositories": {"my_repo": {"url": URL}}}


class TestPublishOnly:
    def test_writes_the_publish_url_alone(self, home: WarmHome, project: Path) -> None:
        said = f"acme: poetry publish -r acme uploads to {UPLOAD}"
        home.says("repo", "add", "acme", UPLOAD, "--publish-only", err=f"{said}\n{NEXT}")
        assert project.read_text() == HEAD
        assert home.toml("config.toml") == {"repositories": {"acme": {"url": UPLOAD}}}
        assert home.toml("poetry-repo-plugin.toml") == {}
        home.says(
            "repo",
            "add",
            "acme",
            "--publish-url",
            UPLOAD,
            "--publish-only",
            err=f"{said} already.\n",
        )

    def test_twin_an_index_is_no_place_for_uploads(self, home: WarmHome) -> None:
        home.refuses(
            *("repo", "add", "acme", URL, "--publish-only"),
            err=f"{URL} is an index, for installing; uploads need another URL.\n"
            f"Try: poetry repo add acme --publish-url URL --publish-only\n",
        )

    def test_twin_no_url_at_all(self, home: WarmHome) -> None:
        home.refuses(
            *("repo", "add", "acme", "--publish-only"),
            err="The upload URL is missing.\nTry: poetry repo add acme URL --publish-only\n",
        )


class TestSelf:
    def test_adds_to_poetrys_own_environment(self, home: WarmHome, project: Path) -> None:
        home.says(
            *("repo", "add", "acme", URL, "--self"),
            err=f"acme ({URL}): added as primary (in Poetry's own environment)\n"
            f"PyPI: listed as primary behind acme, so that it stays on (in Poetry's own environment)\n{NEXT}",
        )
        assert project.read_text() == HEAD
        own = home.config / "pyproject.toml"
        assert (
            own.read_text() == "[tool.poetry]\npackage-mode = false\n" + source("acme", URL) + KEPT
        )
        home.says(
            "repo",
            "add",
            "acme",
            URL,
            "--self",
            err="acme is already in Poetry's own environment; nothing changed.\n",
        )

    def test_is_remembered_so_that_one_can_log_in(self, home: WarmHome, index: IndexServer) -> None:
        home.ok("repo", "add", "acme", index.index_url, "--self")
        home.ok("repo", "login", "acme", "-u", USER, "-p", PASSWORD)
        other = "https://other.example.org/simple/"
        done = home.ok("repo", "add", "acme", other, "--self", "--publish-url", UPLOAD)
        assert (
            f"acme: url {index.index_url} → {other}\nacme: poetry publish -r acme uploads to {UPLOAD}\n"
            in done.err
        )

    def test_the_source_survives_what_poetry_makes_of_its_file(self, home: WarmHome) -> None:
        home.ok("repo", "add", "acme", URL, "--self", "--secondary")
        home.ok("self", "show", "plugins")
        assert home.toml("pyproject.toml")["tool"]["poetry"]["source"] == [
            {"name": "acme", "url": URL, "priority": "supplemental"}
        ]


class TestPackages:
    TABLE = '[tool.poetry-repo-plugin.acme]\npackages = ["acme-*", "Tool.X"]\n'

    def test_in_a_project(self, home: WarmHome, project: Path) -> None:
        """They stand in its file, for the team; taken away again, the file is as it was."""
        home.ok("repo", "add", "acme", URL)
        before = project.read_text()
        home.says(
            *("repo", "add", "acme", "--packages", "acme-*", "--packages", "Tool.X"),
            err="acme: packages acme-*, Tool.X\n",
        )
        assert project.read_text() == f"{before}\n{self.TABLE}"
        assert home.toml("poetry-repo-plugin.toml") == {}
        assert "packages      acme-*, Tool.X\n" in home.ok("repo", "show", "acme").out
        shown = parsed(home.run("repo", "list", "--json"))["repositories"][0]
        assert (shown["name"], shown["packages"]) == ("acme", ["acme-*", "Tool.X"])
        home.says(
            *("repo", "add", "acme", "--packages", "x"),
            err="acme: packages x (was acme-*, Tool.X)\n",
        )
        assert project.read_text() == f"{before}\n{self.TABLE}".replace('"acme-*", "Tool.X"', '"x"')
        home.says(
            *("repo", "add", "acme", "--packages", "none"),
            err="acme: packages of no name (was x)\n",
        )
        assert project.read_text() == before

    def test_beside_other_settings(self, home: WarmHome, project: Path) -> None:
        home.ok("repo", "add", "acme", URL)
        text = project.read_text() + "\n[tool.poetry-repo-plugin.acme] # theirs\nprovider = 'aws'\n"
        project.write_text(text)
        home.ok("repo", "add", "acme", "--packages", "x")
        assert project.read_text() == text.replace("theirs\n", 'theirs\npackages = ["x"]\n')
        home.ok("repo", "add", "acme", "--packages", "none")
        assert project.read_text() == text

    def test_outside_of_one(self, home: WarmHome) -> None:
        done = home.ok("repo", "add", "acme", URL, "--packages", "acme-*")
        assert "acme: packages acme-*\n" in done.err
        home.ok("repo", "add", "pypi", "--packages", "requests")
        assert home.toml("poetry-repo-plugin.toml") == {
            "repositories": {
                "acme": {"url": URL, "packages": ["acme-*"]},
                "pypi": {"packages": ["requests"]},
            }
        }
        home.ok("repo", "add", "acme", "--packages", "none")
        assert home.toml("poetry-repo-plugin.toml")["repositories"]["acme"] == {"url": URL}

    @pytest.mark.parametrize("word", ["[a-z]", "", "a b", "a/b", "acme-"])
    def test_twin_what_is_no_pattern(self, home: WarmHome, word: str) -> None:
        home.refuses(
            *("repo", "add", "acme", URL, f"--packages={word}"),
            err=f"{word!r} is no pattern: no package name can match it; "
            "use letters, digits, '.', '-', '_', '*' and '?'.\n",
        )


class TestIgnoredErrorCodes:
    def test_are_kept_and_said(self, home: WarmHome, project: Path) -> None:
        done = home.ok(
            "repo", "add", "acme", URL, "--ignore-error-code", "404", "--ignore-error-code", "403"
        )
        assert done.err.endswith(f"acme: an answer 403, 404 counts as “not found”\n{NEXT}")
        assert home.toml("poetry-repo-plugin.toml") == {
            "repositories": {"acme": {"ignore-error-codes": [403, 404]}}
        }
        home.says(
            *("repo", "add", "acme", "--ignore-error-code", "403"),
            err="acme is already in pyproject.toml; nothing changed.\n"
            "acme: an answer 403 counts as “not found” (was 403, 404)\n",
        )

    def test_of_pypi(self, home: WarmHome) -> None:
        home.says(
            "repo",
            "add",
            "pypi",
            "--ignore-error-code",
            "403",
            err="pypi: an answer 403 counts as “not found”\n",
        )

    @pytest.mark.parametrize("word", ["200", "five", "99", "4031", "-1", "٤٠٣", ""])
    def test_twin_a_code_that_is_none(self, home: WarmHome, word: str) -> None:
        home.refuses(
            *("repo", "add", "acme", URL, f"--ignore-error-code={word}"),
            err=f"{word!r} is not an HTTP error code from 400 to 599, nor `none` alone.\n",
        )

    def test_none_forgets_them(self, home: WarmHome, project: Path) -> None:
        home.ok(
            "repo", "add", "acme", URL, "--ignore-error-code", "403", "--ignore-error-code", "599"
        )
        home.says(
            *("repo", "add", "acme", "--ignore-error-code", "none"),
            err="acme is already in pyproject.toml; nothing changed.\nacme: no answer counts as “not found” (was 403, 599)\n",
        )
        assert home.toml("poetry-repo-plugin.toml") == {}
        home.says(
            *("repo", "add", "acme", "--ignore-error-code", "none"),
            err="acme is already in pyproject.toml; nothing changed.\n",
        )

    def test_twin_none_beside_a_code(self, home: WarmHome) -> None:
        done = home.fails(
            "repo", "add", "acme", URL, "--ignore-error-code=403", "--ignore-error-code=none"
        )
        assert done.err == "'none' is not an HTTP error code from 400 to 599, nor `none` alone.\n"


class TestAFileThatIsNoProject:
    """Poetry works with no ``pyproject.toml`` that only holds the settings of other tools."""

    @pytest.mark.parametrize(
        "text", ["", "[tool.black]\nline-length = 100\n", "[build-system]\nrequires = []\n"]
    )
    def test_is_left_alone(self, home: WarmHome, text: str) -> None:
        file = home.project / "pyproject.toml"
        file.write_text(text)
        done = home.ok("repo", "add", "acme", URL)
        assert done.err.startswith(f"acme ({URL}) was saved;")
        assert file.read_text() == text
        assert home.toml("poetry-repo-plugin.toml") == {"repositories": {"acme": {"url": URL}}}
        home.ok("repo", "remove", "acme")
        assert file.read_text() == text

    def test_twin_one_that_is_a_project(self, home: WarmHome) -> None:
        file = home.project / "pyproject.toml"
        file.write_text("[tool.poetry]\npackage-mode = false\n")
        home.ok("repo", "add", "acme", URL)
        assert "tool.poetry.source" in file.read_text()


class TestCredentialsInTheUrl:
    def test_of_a_publish_url_in_a_file_are_never_shown(
        self, home: WarmHome, project: Path
    ) -> None:
        """They stay where the user has put them, unless another publish URL is given."""
        text = '[repositories.acme]\nurl = "https://bob:hunter2@pypi.example.org/upload/"\n'
        (home.config / "config.toml").write_text(text)
        for words in ((URL,), (URL, "--publish-url", UPLOAD)):
            done = home.ok("repo", "add", "acme", *words)
            assert "hunter2" not in done.text
            assert (home.config / "config.toml").read_text() == text
        other = "https://other.example.org/upload/"
        done = home.ok("repo", "add", "acme", "--publish-url", other)
        assert f"acme: poetry publish -r acme uploads to {other} (was {UPLOAD})\n" in done.err
        assert home.files_with("hunter2") == []

    def test_are_lifted_and_never_written(self, home: WarmHome, project: Path) -> None:
        secret = "p@ss:wörd/#?"
        given = "https://bob:p%40ss%3Aw%C3%B6rd%2F%23%3F@pypi.example.org/simple/"
        done = home.ok("repo", "add", "acme", given, "--secondary")
        assert done.err.splitlines() == [
            f"Stored in plain text, in {home.config}/auth.toml, because there is no usable keyring on this machine.",
            f"acme ({URL}): added as supplemental",
            f"acme: the credentials in the URL were moved to {home.config}/auth.toml; they are not verified.",
        ]
        assert project.read_text() == HEAD + source("acme", URL, "supplemental")
        assert home.toml("auth.toml") == {
            "http-basic": {"acme": {"username": "bob", "password": secret}}
        }
        assert home.toml("poetry-repo-plugin.toml") == {
            "repositories": {"acme": {"credential-origins": ["https://pypi.example.org"]}}
        }
        assert mode_of(home.config / "auth.toml") == 0o600
        assert home.files_with("p%40ss") == []

    def test_go_to_the_keyring(self, home: WarmHome) -> None:
        home.keyring = FILE_KEYRING
        done = home.ok("repo", "add", "acme", URL.replace("//", "//bob:hunter2@"))
        assert "acme: the credentials in the URL were moved to the keyring (" in done.err
        assert home.files_with("hunter2") == []
        assert home.toml("auth.toml") == {"http-basic": {"acme": {"username": "bob"}}}

    def test_of_the_project_do_not_replace_what_the_user_stored(self, home: WarmHome) -> None:
        """The project may be a stranger's."""
        home.ok(
            "repo",
            "login",
            "acme",
            "--url",
            URL,
            "-u",
            "bob",
            "-p",
            "hunter2",
            "--plaintext",
            "--no-verify",
        )
        url = "https://evil:evilpw@evil.example/simple/"
        home.write_project(extra=f'[[tool.poetry.source]]\nname = "acme"\nurl = "{url}"\n')
        home.refuses(
            *("repo", "add", "acme", "--priority", "explicit"),
            err="acme: the stored login is not the one in its URL. Keep one: log out, or remove "
            "the one in the URL by hand.\nTry: poetry repo logout acme\n",
        )

    def test_of_a_publish_url_belong_there(self, home: WarmHome) -> None:
        home.ok(
            "repo",
            "add",
            "acme",
            URL,
            "--publish-url",
            "https://bob:hunter2@up.example.org/legacy/",
        )
        assert home.toml("config.toml") == {
            "repositories": {"acme": {"url": "https://up.example.org/legacy/"}}
        }
        assert home.toml("poetry-repo-plugin.toml")["repositories"]["acme"][
            "credential-origins"
        ] == ["https://up.example.org"]

    def test_a_token_that_is_the_user_name(self, home: WarmHome) -> None:
        done = home.ok("repo", "add", "fury", "https://s3cr3t-t0ken@pypi.fury.io/acme/")
        assert "s3cr3t" not in done.text
        assert home.toml("auth.toml") == {
            "http-basic": {"fury": {"username": "s3cr3t-t0ken", "password": ""}}
        }
        assert [path.name for path in home.files_with("s3cr3t")] == ["auth.toml"]

    def test_twin_a_user_name_without_a_password(self, home: WarmHome) -> None:
        home.refuses(
            *("repo", "add", "acme", "https://s3cr3t@pypi.example.org/simple/"),
            err="The URL has a user name and no password; remove it.\n"
            "Try: poetry repo login acme --username USER\n",
        )

    def test_the_same_in_both_belong_to_both(self, home: WarmHome) -> None:
        home.ok(
            "repo",
            "add",
            "acme",
            "https://a:b@h.example/simple/",
            "--publish-url",
            "https://a:b@up.example/up/",
        )
        origins = home.toml("poetry-repo-plugin.toml")["repositories"]["acme"]["credential-origins"]
        assert origins == ["https://h.example", "https://up.example/up"]

    def test_twin_two_different_ones(self, home: WarmHome) -> None:
        home.refuses(
            *(
                "repo",
                "add",
                "acme",
                "https://a:b@h.example/simple/",
                "--publish-url",
                "https://a:c@h.example/up/",
            ),
            err="The two URLs hold different credentials; a repository has one.\n",
        )


def test_what_is_stored_for_another_place_is_said_to_stay_there(
    home: WarmHome, index: IndexServer
) -> None:
    home.ok("repo", "add", "acme", URL.replace("//", "//bob:hunter2@"))
    other = "https://other.example.org/simple/"
    done = home.ok("repo", "add", "acme", other)
    assert (
        f"acme belongs to https://pypi.example.org; no credential is sent to {other}. "
        f"To allow that: poetry repo login acme --url {other}\n"
    ) in done.err


def test_uses_no_keyring_and_no_network(home: WarmHome, index: IndexServer) -> None:
    home.keyring = FILE_KEYRING
    home.ok("repo", "add", "acme", index.index_url)
    assert home.keyring_calls() == []
    assert index.connections == 0


class TestBadUrls:
    @pytest.mark.parametrize(
        ("url", "why"),
        [
            ("", "'' is not an http or https URL: it has no scheme"),
            (
                "pypi.example.org/simple",
                "'pypi.example.org/simple' is not an http or https URL: it has no scheme",
            ),
            (
                "ftp://h.example/",
                "'ftp://h.example/' is not an http or https URL: its scheme is 'ftp'",
            ),
            (
                "file:///srv/simple",
                "'file:///srv/simple' is not an http or https URL: its scheme is 'file'",
            ),
            ("https://", "'https://' names no host"),
            ("https:///simple/", "'https:///simple/' names no host"),
            ("https://a b/", "'https://a b/' contains white space or a control character"),
            ("https://h\x1b7/", r"'https://h\x1b7/' contains white space or a control character"),
            ("https://h\\@x/", "'https://h\\\\@x/' contains a backslash"),
            ("https://<error>h</error>/", None),
        ],
    )
    @pytest.mark.parametrize("option", [False, True], ids=["url", "publish-url"])
    def test_one_line_and_nothing_written(
        self, home: WarmHome, url: str, why: str | None, option: bool
    ) -> None:
        words = (URL, f"--publish-url={url}") if option else (url,)
        before = home.files()
        done = home.fails("repo", "add", "acme", *words)
        head, *hint = done.err.splitlines()
        assert not hint or hint == [f"Try: poetry repo add acme https://{url}"]
        assert "\x1b" not in done.err
        if why is not None and "@" not in url:
            assert head == f"{why}."
        assert home.files() == before

    def test_a_secret_in_a_bad_url_is_not_shown(self, home: WarmHome) -> None:
        done = home.fails("repo", "add", "acme", "ftp://bob:hunter2@h.example/")
        assert "hunter2" not in done.text
        done = home.fails("repo", "add", "acme", "https://bob:hun/ter2@h.example:x/")
        assert "ter2" not in done.text


NAME_RULE = "cannot be a repository's name: use letters, digits, '.', '-' and '_', beginning and ending with a letter or digit."


class TestBadNames:
    @pytest.mark.parametrize(
        "name",
        [
            *(
                "..",
                ".",
                "a/b",
                "../a",
                "a..b",
                "a b",
                "a'b",
                'a"b',
                "a\nb",
                "-a",
                "a-",
                "pypі",
                "ａcme",
                "a\\",
            ),
            *("a\x1b[31m", "<error>x</error>", "<c1>"),
        ],
    )
    def test_hostile_ones(self, home: WarmHome, name: str) -> None:
        home.refuses("repo", "add", "--", name, URL, err=f"{name!r} {NAME_RULE}\n")

    def test_empty_and_endless_ones(self, home: WarmHome) -> None:
        home.refuses("repo", "add", "", URL, err="A repository needs a name.\n")
        home.refuses("repo", "add", "  ", URL, err="A repository needs a name.\n")
        home.refuses(
            *("repo", "add", "a" * 300, URL),
            err=f"The name {'a' * 20!r}… has 300 characters; 100 are allowed.\n",
        )

    @pytest.mark.parametrize("twin", ["MY-repo", "my_repo", "my.repo", "My.Repo"])
    def test_ones_that_poetry_does_not_tell_apart(
        self, home: WarmHome, project: Path, twin: str
    ) -> None:
        home.ok("repo", "add", "my-repo", URL)
        home.refuses(
            *("repo", "add", twin, "https://other.example.org/simple/"),
            err=f"{twin!r} collides with the repository 'my-repo': "
            "Poetry cannot tell them apart. Choose another name, or use that one.\n",
        )

    @pytest.mark.parametrize("name", ["pypi", "PyPI"])
    def test_pypi_has_no_other_urls(self, home: WarmHome, project: Path, name: str) -> None:
        said = "The URLs of PyPI are built into Poetry and cannot be set.\n"
        home.refuses("repo", "add", name, URL, err=said)
        home.refuses("repo", "add", name, "--publish-url", UPLOAD, err=said)

    def test_pypi_is_known_outside_a_project(self, home: WarmHome) -> None:
        home.refuses(
            "repo", "add", "pypi", err="PyPI is already known.\nTry: poetry repo login pypi\n"
        )


class TestContradictions:
    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (("--secondary", "--default"), "--secondary and --default cannot be used together."),
            (
                ("--priority", "primary", "--secondary"),
                "--priority and --secondary cannot be used together.",
            ),
            (("--publish-only", "--self"), "--publish-only and --self cannot be used together."),
            (
                ("--publish-only", "--default"),
                "--publish-only and --default cannot be used together.",
            ),
            (
                ("--priority", "first"),
                "'first' is not a priority; there are primary, supplemental, explicit.",
            ),
            (("--priority="), "'' is not a priority; there are primary, supplemental, explicit."),
        ],
    )
    def test_are_refused(self, home: WarmHome, words: tuple[str, ...] | str, said: str) -> None:
        home.refuses(
            "repo",
            "add",
            "acme",
            URL,
            *([words] if isinstance(words, str) else words),
            err=f"{said}\n",
        )

    @pytest.mark.parametrize(
        ("word", "meant"),
        [
            ("explict", "explicit"),
            ("Primry", "primary"),
            ("secondary", "--secondary"),
            ("Default", "--default"),
        ],
    )
    def test_a_misspelt_priority_or_one_of_poetry_1(
        self, home: WarmHome, word: str, meant: str
    ) -> None:
        known = "primary, supplemental, explicit"
        said = f"'{word}' is not a priority; there are {known}. Did you mean {meant}?\n"
        home.refuses("repo", "add", "acme", URL, "--priority", word, err=said)


BROKEN = {
    "config/config.toml": "[repositories\n",
    "config/auth.toml": 'http-basic = "\n',
    "config/poetry-repo-plugin.toml": "= 1\n",
    "project/poetry.toml": "[[]]\n",
    "project/pyproject.toml": "[tool.poetry\n",
}


class TestBrokenFiles:
    @pytest.mark.parametrize("file", BROKEN)
    def test_are_named_and_left_as_they_are(self, home: WarmHome, project: Path, file: str) -> None:
        path = home.root / file
        path.write_text(BROKEN[file])
        before = home.files()
        done = home.fails("repo", "add", "acme", URL, "--publish-url", UPLOAD)
        assert done.out == ""
        assert done.err.startswith(f"{path} is not valid TOML: ")
        assert done.err.endswith("It was not changed.\n")
        assert done.err.count("\n") == 1
        assert home.files() == before

    def test_bytes_that_are_no_text(self, home: WarmHome) -> None:
        (home.config / "config.toml").write_bytes(b"a = '\xff'\n")
        home.refuses(
            *("repo", "add", "acme", URL),
            err=f"{home.config}/config.toml is not UTF-8 (at byte 5). It was not changed.\n",
        )

    def test_a_folder_that_cannot_be_written(self, home: WarmHome, project: Path) -> None:
        (home.root / "file").write_text("")
        home.environ["POETRY_CONFIG_DIR"] = str(home.root / "file" / "config")
        home.refuses(
            *("repo", "add", "acme", URL),
            err=f"{home.root}/file/config cannot be written: not a directory. Nothing was changed.\n",
        )


class TestOptionsOfAllCommands:
    def test_help_shows_an_example(self, home: WarmHome) -> None:
        done = home.ok("repo", "add", "--help")
        assert "poetry repo add acme https://pypi.example.org/simple/" in done.out
        assert done.err == ""

    def test_quiet_says_nothing_and_works(self, home: WarmHome) -> None:
        home.says("repo", "add", "acme", URL, "-q")
        assert home.toml("poetry-repo-plugin.toml") == {"repositories": {"acme": {"url": URL}}}

    @pytest.mark.parametrize("switch", ["-n", "-v", "-vvv", "--no-ansi"])
    def test_switches_make_no_difference(self, home: WarmHome, switch: str) -> None:
        home.ok("repo", "add", switch, "acme", URL)
        assert home.toml("poetry-repo-plugin.toml") == {"repositories": {"acme": {"url": URL}}}

    def test_ansi_colours_only_what_is_ours(self, home: WarmHome) -> None:
        home.environ.pop("NO_COLOR", None)
        done = home.run("repo", "add", "<info>x</info>", URL, "--ansi")
        assert done.code == 1
        assert "'<info>x</info>' cannot be" in done.err
        assert done.err.startswith("\x1b[31;1m")

    def test_words_that_are_no_text(self, home: WarmHome) -> None:
        done = home.fails("repo", "add", "acme", os.fsdecode(b"https://h.example/\xff"))
        assert done.err == "url is not valid UTF-8.\n"

    def test_a_stream_that_holds_ascii_only(self, home: WarmHome) -> None:
        home.ok("repo", "add", "acme", URL)
        home.environ["PYTHONIOENCODING"] = "ascii"
        done = home.cold("repo", "add", "acme", "https://other.example.org/simple/")
        assert done.code == 0
        assert f"acme: url {URL} -> https://other.example.org/simple/" in done.err


NEXUS = "https://nexus.example.org/repository/pypi-hosted"
ARTIFACTORY = "https://acme.example.org/artifactory/api/pypi/local"
AWS = "https://corp-111122223333.d.codeartifact.eu-west-1.amazonaws.com/pypi/repo"
GOOGLE = "https://europe-python.pkg.dev/corp/repo"
AZURE = "https://pkgs.dev.azure.com/corp/_packaging/feed/pypi"


class TestAPastedUploadUrl:
    """Of a server whose documentation says where its index is."""

    @pytest.mark.parametrize(
        ("title", "pasted", "index"),
        [
            ("Nexus Repository", f"{NEXUS}/", f"{NEXUS}/simple/"),
            ("Artifactory", ARTIFACTORY, f"{ARTIFACTORY}/simple"),
            ("GitLab", GITLAB, f"{GITLAB}/simple"),
            ("AWS CodeArtifact", f"{AWS}/", f"{AWS}/simple/"),
            ("Google Artifact Registry", f"{GOOGLE}/", f"{GOOGLE}/simple/"),
            ("Azure Artifacts", f"{AZURE}/upload/", f"{AZURE}/simple/"),
        ],
    )
    def test_becomes_its_index(
        self, home: WarmHome, project: Path, title: str, pasted: str, index: str
    ) -> None:
        lines = home.ok("repo", "add", "acme", pasted).err.splitlines()
        assert lines[0] == f"{pasted} is where {title} takes uploads; its index is {index}."
        assert f"acme: poetry publish -r acme uploads to {pasted}" in lines
        assert source("acme", index) in project.read_text()
        assert home.toml("config.toml")["repositories"] == {"acme": {"url": pasted}}
        again = home.ok("repo", "add", "acme", index).err
        assert "takes uploads" not in again

    def test_its_login_belongs_to_both(self, home: WarmHome, project: Path) -> None:
        home.ok("repo", "add", "acme", AZURE.replace("://", f"://{USER}:secret@") + "/upload/")
        bound = home.toml("poetry-repo-plugin.toml")["repositories"]["acme"]["credential-origins"]
        assert bound == [AZURE]  # below which both are
        assert "secret" not in project.read_text()

    def test_twin_it_stays_where_it_is_for_uploads_only(
        self, home: WarmHome, project: Path
    ) -> None:
        home.ok("repo", "add", "acme", f"{NEXUS}/", "--publish-only")
        assert home.toml("config.toml")["repositories"] == {"acme": {"url": f"{NEXUS}/"}}
        assert project.read_text() == HEAD


class TestAPublishUrlThatLooksLikeAnIndex:
    """pulp and pypicloud take uploads there."""

    def test_is_believed(self, home: WarmHome, project: Path) -> None:
        done = home.ok("repo", "add", "acme", URL, "--publish-url", URL)
        assert f"acme: {URL} looks like an index; uploads go there, as you asked." in done.err
        assert home.toml("config.toml")["repositories"] == {"acme": {"url": URL}}

    def test_twin_not_where_the_server_is_known_to_read_only(
        self, home: WarmHome, project: Path
    ) -> None:
        home.refuses(
            *("repo", "add", "acme", URL, "--publish-url", f"{GITLAB}/simple"),
            err=f"{GITLAB}/simple is an index, for installing; uploads need another URL.\n"
            f"Try: poetry repo add acme {URL} --publish-url URL\n",
        )


class TestAnIndexBelow:
    """``https://host/`` was pasted, and ``https://host/simple/`` is the index."""

    def test_is_offered(self, home: WarmHome, project: Path, open_index: IndexServer) -> None:
        root = f"{open_index.origin}/"
        question = f"{root} is not an index, but {open_index.index_url} is. Add that? (y/n) [n]: "
        with home.terminal("repo", "add", "acme", root) as terminal:
            terminal.expect(question)
            terminal.type("y")
            assert terminal.end() == 0
        assert source("acme", open_index.index_url) in project.read_text()
        assert open_index.authorizations() == []

    def test_without_a_terminal_it_is_named(
        self, home: WarmHome, project: Path, open_index: IndexServer
    ) -> None:
        root = f"{open_index.origin}/"
        hint = f"poetry repo add acme {open_index.index_url}"
        done = home.ok("repo", "add", "acme", root)
        assert f"{root} is not an index, but {open_index.index_url} is. Try: {hint}\n" in done.err
        assert source("acme", root) in project.read_text()
        assert "Try:" not in home.ok(*hint.split()[1:]).err

    def test_a_page_that_lists_nothing(
        self, home: WarmHome, project: Path, open_index: IndexServer
    ) -> None:
        open_index.add(*packages.wheel("demo", "1.0"))
        open_index.respond = lambda request: (
            Response.html("<title>Nexus Repository</title>") if request.path == "/" else None
        )
        done = home.ok("repo", "add", "acme", f"{open_index.origin}/")
        assert f"Try: poetry repo add acme {open_index.index_url}\n" in done.err

    def test_twin_nothing_is_asked_of_what_looks_like_an_index(
        self, home: WarmHome, project: Path, open_index: IndexServer
    ) -> None:
        home.ok("repo", "add", "acme", open_index.index_url)
        home.ok("repo", "add", "up", f"{open_index.origin}/up/", "--publish-only")
        assert open_index.requests == []

    def test_twin_a_root_that_wants_a_login_is_left_alone(
        self, home: WarmHome, project: Path
    ) -> None:
        with IndexServer(prefix="/", credentials={USER: PASSWORD}) as index:
            done = home.ok("repo", "add", "acme", index.index_url)
        assert "is no index" not in done.err
        assert source("acme", index.index_url) in project.read_text()

    def test_twin_no_answer(self, home: WarmHome, project: Path) -> None:
        url = refused_url().removesuffix("simple/")
        assert "is no index" not in home.ok("repo", "add", "acme", url).err
        assert source("acme", url) in project.read_text()


def test_a_url_with_variables_is_not_kept(home: WarmHome) -> None:
    home.write_project()
    done = home.fails("repo", "add", "acme", "https://${USER}:${PASS}@pypi.example.org/simple/")
    assert "The URL holds ${USER}, and variables are not expanded there" in done.err
    assert "Try: poetry repo login acme" in done.err
    assert "acme" not in (home.project / "pyproject.toml").read_text()
