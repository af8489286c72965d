"""Reading ``pyproject.toml``, and adding, changing and removing sources in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from poetry_repo_plugin.config.project import (
    ProjectSettings,
    SourceEntry,
    find_project,
    is_project,
    read_project,
)
from poetry_repo_plugin.core.errors import StateError
from tests.config.pyproject_texts import INDEX

PROJECT = '[project]\nname = "probe"\nversion = "1"\n'
FOO = f'[[tool.poetry.source]]\nname = "foo"\nurl = "{INDEX}"\npriority = "primary"\n'
PYPI = '[[tool.poetry.source]]\nname = "PyPI"\npriority = "primary"\n'
CORP = '[[tool.poetry.source]]\nname = "corp"\nurl = "https://corp.example.org/simple"\npriority = "primary"\n'


def project(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "pyproject.toml"
    path.write_bytes(text.encode())
    return path


class TestFindProject:
    def test_nearest_upward(self, tmp_path: Path) -> None:
        path = project(tmp_path, "")
        (tmp_path / "a" / "b").mkdir(parents=True)
        assert find_project(tmp_path / "a" / "b") == path
        nearer = project(tmp_path / "a", "")
        assert find_project(tmp_path / "a" / "b") == nearer

    def test_none(self, tmp_path: Path) -> None:
        assert find_project(tmp_path) is None

    def test_a_name_that_no_file_system_takes(self, tmp_path: Path) -> None:
        path = project(tmp_path, "")
        assert find_project(tmp_path / ("x" * 300)) == path

    def test_as_poetry_does(self, tmp_path: Path) -> None:
        from poetry.factory import Factory

        project(tmp_path, PROJECT)
        (tmp_path / "a").mkdir()
        assert find_project(tmp_path / "a") == Factory.locate(tmp_path / "a")


class TestIsProject:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("", False),
            ("[tool.black]\n", False),
            ("[build-system]\nrequires = []\n", False),
            ("[tool.poetry-repo-plugin.foo]\nprovider = 'aws'\n", False),
            ("tool = 1\n", False),
            ("[project]\nname = 'x'\nversion = '1'\n", True),
            ("[tool.poetry]\npackage-mode = false\n", True),
            (FOO, True),
        ],
    )
    def test_as_poetry_sees_it(self, tmp_path: Path, text: str, expected: bool) -> None:
        path = project(tmp_path, text)
        assert is_project(path) == expected
        if not expected and text != "tool = 1\n":
            from poetry.factory import Factory

            with pytest.raises(RuntimeError):
                Factory().create_poetry(tmp_path)

    @pytest.mark.parametrize("content", [b"[", b"\xff"])
    def test_one_that_cannot_be_read_is_for_others_to_name(
        self, tmp_path: Path, content: bytes
    ) -> None:
        (tmp_path / "pyproject.toml").write_bytes(content)
        assert is_project(tmp_path / "pyproject.toml")


class TestReadSources:
    def test_in_the_order_of_the_file(self, tmp_path: Path) -> None:
        text = f'{FOO}{PYPI}[[tool.poetry.source]]\nname = "x"\nurl = "{INDEX}"\npriority = "Explicit"\n'
        read = read_project(project(tmp_path, text))
        assert read.sources == [
            SourceEntry("foo", INDEX, "primary", None, 0),
            SourceEntry("PyPI", None, "primary", None, 1),
            SourceEntry("x", INDEX, "explicit", None, 2),
        ]
        assert (read.problems, read.ignored, read.needs_migration, read.pypi_is_on) == (
            [],
            [],
            False,
            True,
        )
        assert read.source("FOO") is read.sources[0]
        assert read.source("nope") is None

    @pytest.mark.parametrize(
        ("words", "priority", "legacy"),
        [
            ("default = true", "primary", "default"),
            ("secondary = true", "supplemental", "secondary"),
            ("default = true\nsecondary = true", "primary", "default"),
            ("default = false", "primary", None),
            ('priority = "default"', "primary", "default"),
            ('priority = "secondary"', "supplemental", "secondary"),
        ],
    )
    def test_files_that_poetry_2_refuses(
        self, tmp_path: Path, words: str, priority: str, legacy: str | None
    ) -> None:
        read = read_project(
            project(tmp_path, f'[[tool.poetry.source]]\nname = "a"\nurl = "{INDEX}"\n{words}\n')
        )
        assert [(one.priority, one.legacy) for one in read.sources] == [(priority, legacy)]
        assert read.needs_migration
        assert read.problems == []

    def test_no_sources(self, tmp_path: Path) -> None:
        read = read_project(project(tmp_path, PROJECT))
        assert read.sources == []
        assert read.pypi_is_on

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("tool = 1", "tool is not a table."),
            ("tool.poetry = 'x'", "tool.poetry is not a table."),
            ("tool.poetry.source = {}", "tool.poetry.source is not a list of tables."),
            ("tool.poetry.source = [1]", "Source number 1 is not a table; it is skipped."),
            ("tool.poetry.source = [{}]", "Source number 1 has no name; it is skipped."),
            (
                "tool.poetry.source = [{name = 1, url = 'x'}]",
                "Source number 1 has no name; it is skipped.",
            ),
            ("tool.poetry.source = [{name = 'a'}]", "The source a has no URL; it is skipped."),
            (
                "tool.poetry.source = [{name = 'a', url = 7}]",
                "The source a has no URL; it is skipped.",
            ),
            (
                'tool.poetry.source = [{name = "a\\u001b[2J"}]',
                r'The source "a\u001b[2J" has no URL; it is skipped.',
            ),
        ],
    )
    def test_nonsense_is_skipped_and_reported(
        self, tmp_path: Path, text: str, problem: str
    ) -> None:
        read = read_project(project(tmp_path, text))
        assert read.sources == []
        assert read.problems == [problem]

    def test_what_poetry_refuses_is_reported(self, tmp_path: Path) -> None:
        entries = f'{{name="a",url="{INDEX}",priority="best"}},{{name="A",url="{INDEX}"}},{{name="pypi",url="x"}}'
        text = f"tool.poetry.source = [{entries}]"
        read = read_project(project(tmp_path, text))
        assert [one.name for one in read.sources] == ["a", "A", "pypi"]
        assert read.sources[2].url is None
        assert [problem.split(";")[0] for problem in read.problems] == [
            "The source a has an unknown priority",
            "The source pypi has a URL",
            "The source A is listed more than once",
        ]

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (b"[tool]\nx = \n", "is not valid TOML: Invalid value (at line 2, column 5)"),
            (b"\xef\xbb\xbf[tool]\n", "byte-order mark"),
            (b"x = '\xff'\n", "is not UTF-8 (at byte 5)"),
            (b"x = " + b"[" * 50_000 + b"]" * 50_000, "nested too deeply"),
        ],
    )
    def test_what_cannot_be_parsed_is_named(
        self, tmp_path: Path, content: bytes, said: str
    ) -> None:
        path = tmp_path / "pyproject.toml"
        path.write_bytes(content)
        with pytest.raises(StateError) as error:
            read_project(path)
        assert str(path) in error.value.message
        assert said in error.value.message

    def test_a_folder_is_no_project(self, tmp_path: Path) -> None:
        with pytest.raises(StateError, match="cannot be read"):
            read_project(tmp_path)

    def test_a_password_does_not_print(self, tmp_path: Path) -> None:
        read = read_project(project(tmp_path, FOO.replace("https://", "https://u:hunter2@")))
        assert "hunter2" not in repr(read)


class TestReadSettings:
    def test_what_a_project_may_say(self, tmp_path: Path) -> None:
        text = (
            f'[tool.poetry-repo-plugin.Foo]\npublish-url = "{INDEX}"\nca = "certs/ca.pem"\n'
            'provider = "aws"\nignore-error-codes = [403, 404]\n[tool.poetry-repo-plugin.bar]\n'
        )
        read = read_project(project(tmp_path, text))
        ca = tmp_path.resolve() / "certs" / "ca.pem"
        assert read.settings == {
            "Foo": ProjectSettings(INDEX, ca, "aws", (403, 404)),
            "bar": ProjectSettings(),
        }
        assert read.settings_for("foo") is read.settings["Foo"]
        assert read.settings_for("nope") == ProjectSettings()
        assert read.ignored == []

    @pytest.mark.parametrize(
        ("line", "said"),
        [
            ('helper = "hunter2"', "helper is ignored: a project file cannot name a command to run."),
            ('password = "hunter2"', "password is ignored: a project file cannot hold a credential."),
            ("verify = false", "verify is ignored: a project file cannot switch verification off."),
            ('client-cert = "hunter2"', "client-cert is ignored: it belongs to a user, not to a project."),
            ('origins = ["hunter2"]', "origins is ignored: a project file cannot extend where a credential is sent."),
            ("colour = 1", "colour is ignored: a project cannot set it."),
            ('"\\u001b" = 1', r'"\u001b" is ignored: a project cannot set it.'),
            ("publish-url = 7", "publish-url is ignored: it is not a string."),
            ('publish-url = "ftp://hunter2"', "publish-url is ignored: it is not an http or https URL."),
            (
                'publish-url = "https://u:hunter2@pypi.example.org/"',
                "publish-url is ignored: a project file cannot hold a credential, and this URL does.",
            ),
            ('provider = "hunter2"', "provider is ignored: it is not one of aws, gcp, azure, gitlab."),
            ("provider = []", "provider is ignored: it is not one of aws, gcp, azure, gitlab."),
            *[
                (
                    f"ignore-error-codes = {codes}",
                    "ignore-error-codes is ignored: it is not a list of HTTP status codes from 400 to 599.",
                )
                for codes in ("403", '["403"]', "[true]", "[399]", "[404, 600]", "[404.0]")
            ],
            ("ca = 1", "ca is ignored: it is not a path."),
            *[
                (f"ca = '{path}'", "ca is ignored: it is not a path inside the project.")
                for path in ("/hunter2", "../hunter2", "a/../../x", "~/hunter2", "C:/x", r"\hunter2", "a/..", "out")
            ],
            ('ca = "a\\u0000"', "ca is ignored: it is not a path inside the project."),
            ('ca = "loop/x"', "ca is ignored: it is not a path inside the project."),
        ],
    )  # fmt: skip
    def test_what_it_may_not_is_ignored_and_reported(
        self, tmp_path: Path, line: str, said: str
    ) -> None:
        (tmp_path / "p").mkdir()
        (tmp_path / "p" / "out").symlink_to(tmp_path / "elsewhere.pem")
        (tmp_path / "p" / "loop").symlink_to(tmp_path / "p" / "loop")
        read = read_project(project(tmp_path / "p", f"[tool.poetry-repo-plugin.foo]\n{line}\n"))
        if (
            "loop" not in line or read.settings["foo"].ca is None
        ):  # Python 3.13 resolves a loop to itself
            assert read.ignored == [f"[tool.poetry-repo-plugin.foo] {said}"]
            assert read.settings == {"foo": ProjectSettings()}
        assert "hunter2" not in repr(read)

    def test_a_link_inside_the_project_is_followed(self, tmp_path: Path) -> None:
        (tmp_path / "ca.pem").write_text("")
        (tmp_path / "link").symlink_to("ca.pem")
        read = read_project(project(tmp_path, "[tool.poetry-repo-plugin.foo]\nca = 'link'\n"))
        assert read.settings["foo"].ca == tmp_path.resolve() / "ca.pem"

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            (
                "tool.poetry-repo-plugin = 'hunter2'",
                "tool.poetry-repo-plugin is ignored: it is not a table.",
            ),
            (
                "tool.poetry-repo-plugin.foo = 'hunter2'",
                "tool.poetry-repo-plugin.foo is ignored: it is not a table.",
            ),
            (
                "[tool.poetry-repo-plugin]\nfoo = {provider = 'aws'}\nFOO = {provider = 'gcp'}",
                "[tool.poetry-repo-plugin.FOO] is ignored: foo is the same name.",
            ),
        ],
    )
    def test_tables_that_make_no_sense(self, tmp_path: Path, text: str, said: str) -> None:
        read = read_project(project(tmp_path, text))
        assert read.ignored == [said]
