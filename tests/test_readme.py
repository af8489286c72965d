"""The manual tells what the code does: links, commands, options, causes, variables, outputs."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from poetry.console.application import COMMANDS as POETRY

from poetry_repo_plugin.core.errors import Cause
from poetry_repo_plugin.plugin import _MODULES, DESCRIPTIONS
from tests.bench.__main__ import ROOMS
from tests.warm import WarmHome

COMMANDS = tuple(filter(None, DESCRIPTIONS))

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted(f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md"))
TEXTS = {
    name: (ROOT / name).read_text(encoding="utf-8")
    for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", *PAGES)
}
README = TEXTS["README.md"]
GLOBAL = {
    "no-interaction",
    "quiet",
    "verbose",
    "no-ansi",
    "ansi",
    "help",
    "project",
    "directory",
    "version",
}

every_text = pytest.mark.parametrize("name", TEXTS)


@cache
def options(command: str) -> frozenset[str]:
    """The long options of ``poetry repo COMMAND``."""
    module = import_module(f"poetry_repo_plugin.commands.{_MODULES.get(command, command)}")
    return frozenset(option.name for option in module.Command.options)


def section(title: str, name: str = "README.md") -> str:
    """What stands below a heading of a page, up to the next one."""
    found = re.search(
        rf"^#+ {re.escape(title)}\n(.*?)(?=^#+ |\Z)", TEXTS[name], re.MULTILINE | re.DOTALL
    )
    assert found is not None, f"{name} has no section {title!r}"
    return found[1]


def typed(text: str) -> Iterator[list[str]]:
    """The words of each ``poetry repo …`` in a text."""
    for found in re.finditer(r"poetry repo ([a-z][^`\n\]]*)", text):
        part = re.split(r" # | && | < |  +#|[|;]", found[1])[0]
        try:
            yield shlex.split(part)
        except ValueError:  # a quotation mark of the sentence around it
            yield part.split()


def slug(heading: str) -> str:
    """GitHub's anchor of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def anchors(text: str) -> set[str]:
    """The anchors of a page, in the way of code hosts and of the documentation's theme."""
    text = re.sub(r"(?ms)^```.*?^```$", "", text)
    return {slug(heading) for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}


@every_text
def test_links_lead_somewhere(name: str) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", TEXTS[name]):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        file = (ROOT / name).parent / path if path else ROOT / name
        assert file.exists(), link
        if anchor:
            assert anchor in anchors(file.read_text(encoding="utf-8")), link


@every_text
def test_each_command_and_option_exists(name: str) -> None:
    for words in typed(TEXTS[name]):
        command = words[0].strip(".,:;()")
        assert command in COMMANDS or command == "COMMAND", words
        given = {
            word[2:].partition("=")[0].rstrip(".,:;)")
            for word in words[1:]
            if word.startswith("--")
        }
        assert command == "COMMAND" or given <= options(command) | GLOBAL, words


def plain(text: str) -> Iterator[list[str]]:
    """The words of each command of Poetry's own in the code blocks of a page."""
    for block in re.findall(r"(?ms)^```(?:sh|console|yaml)\n(.*?)^```$", text):
        for found in re.finditer(r"(?m)^(?:\$ | *- run: | *)poetry (?!repo\b)(.*)$", block):
            yield shlex.split(found[1], comments=True)


@every_text
def test_each_command_of_poetry_exists(name: str) -> None:
    for words in plain(TEXTS[name]):
        command = " ".join(words[:2]) if words[0] == "self" else words[0]
        assert command in POETRY, words
        module = import_module("poetry.console.commands." + command.replace(" ", "."))
        kind: Any = next(
            found
            for found in vars(module).values()
            if isinstance(found, type) and getattr(found, "name", "") == command
        )
        known = {option.name for option in kind.options} | {o.shortcut for o in kind.options}
        given = {word.lstrip("-") for word in words if word.startswith("-")}
        assert given <= known | GLOBAL, words


def test_what_the_reader_of_commands_finds() -> None:
    """Otherwise the test above would hold for nothing."""
    assert list(
        typed(
            '`poetry repo login acme --helper "/opt/x --role y"  # a word\npoetry repo list | cat'
        )
    ) == [
        ["login", "acme", "--helper", "/opt/x --role y"],
        ["list"],
    ]
    assert sum(len(list(typed(text))) for text in TEXTS.values()) > 80
    assert "publish-url" in options("add")
    assert slug("What we do not promise!") == "what-we-do-not-promise"


@every_text
def test_each_module_and_script_can_be_run(name: str) -> None:
    for module in set(re.findall(r"python -m ([\w.]+\w)", TEXTS[name])):
        spec = importlib.util.find_spec(module)
        assert spec is not None, module
        if spec.submodule_search_locations is not None:
            assert importlib.util.find_spec(f"{module}.__main__") is not None, module
        else:
            assert '__name__ == "__main__"' in Path(str(spec.origin)).read_text(encoding="utf-8"), (
                module
            )
    for script in re.findall(r"python ([\w/.]+\.py)", TEXTS[name]):
        assert (ROOT / script).exists(), script
    for room in re.findall(r"tests\.bench (\w+)`", TEXTS[name]):
        assert room in ROOMS


def test_every_cause_is_explained() -> None:
    told = re.findall(r"^### (.*)$", TEXTS["docs/troubleshooting.md"], re.MULTILINE)
    assert len(told) == len(set(told))
    assert set(told) == set(Cause)


def test_every_variable_of_ours_is_in_the_reference() -> None:
    named = set()
    for file in (ROOT / "poetry_repo_plugin").rglob("*.py"):
        named |= set(re.findall(r"POETRY_REPO_PLUGIN_[A-Z_]*[A-Z]", file.read_text("utf-8")))
    assert "POETRY_REPO_PLUGIN_PREFETCH" in named
    assert [name for name in sorted(named) if f"`{name}" not in TEXTS["docs/reference.md"]] == []


def test_the_table_of_commands_is_complete_and_true() -> None:
    table = section("Commands", "docs/reference.md")
    rows = [line for line in table.splitlines() if line.startswith("| `repo")]
    told: dict[str, set[str]] = {}
    for row in rows:
        for command in re.findall(r"`repo ([a-z]+)", row.split(" | ")[0]):
            told[command] = set(re.findall(r"`--([a-z-]+)", row))
    assert sorted(told) == sorted(COMMANDS)
    shared = {"list": "show", "show": "list"}  # one row for both
    for command, named in told.items():
        assert named <= options(command) | options(shared.get(command, command)), command


@pytest.mark.parametrize("command", COMMANDS)
def test_each_option_has_its_words_in_help(command: str) -> None:
    """The table names those that most people need; ``--help`` has them all."""
    module = import_module(f"poetry_repo_plugin.commands.{_MODULES.get(command, command)}")
    assert [option.name for option in module.Command.options if not option.description] == []
    assert f"poetry repo {command}" in module.Command.help, "an example"


@pytest.mark.parametrize(
    ("name", "title"),
    [("README.md", "Install from a private index"), ("docs/company.md", "Mirrors")],
)
def test_what_repo_add_prints_is_real(name: str, title: str, warm_home: WarmHome) -> None:
    if name == "README.md":
        warm_home.write_project()
    block = section(title, name).split("```")[1].removeprefix("console\n")
    steps = [step.partition("\n") for step in re.split(r"(?m)^\$ ", block)[1:]]
    told = [(line, shown) for line, _, shown in steps if line.startswith("poetry repo add")]
    assert told
    for line, shown in told:
        assert warm_home.ok(*shlex.split(line)[1:]).text == shown


@pytest.mark.parametrize("file", sorted((ROOT / "docs").glob("*.svg")), ids=lambda file: file.name)
def test_a_picture_shows_hosts_as_people_have_them(file: Path) -> None:
    """It follows the reader's mode, and loads nothing from another host."""
    text = file.read_text(encoding="utf-8")
    assert ElementTree.fromstring(text).tag == "{http://www.w3.org/2000/svg}svg"
    assert "prefers-color-scheme: light" in text
    assert "127.0.0.1" not in text
    assert "@font-face" not in text
    assert "url(http" not in text


def shape(document: Any) -> Any:
    """The keys of a document, down to its leaves."""
    if isinstance(document, dict):
        return {key: shape(value) for key, value in document.items()}
    return shape(document[0]) if isinstance(document, list) and document else None


@pytest.mark.parametrize(
    "command", [("list", "--json"), ("doctor", "--json", "acme"), ("token", "--format", "json")]
)
def test_the_json_has_the_keys_of_the_reference(
    warm_home: WarmHome, tmp_path: Path, command: tuple[str, ...]
) -> None:
    url = "http://127.0.0.1:9/simple/"  # where nobody listens
    managed = {"POETRY_REPO_PLUGIN_SITE_CONFIG": str(tmp_path / "config.toml")}
    (tmp_path / "config.toml").write_text(f'[repositories.acme]\nurl = "{url}"\n')
    warm_home.environ |= managed | {"POETRY_HTTP_BASIC_ACME_USERNAME": "alice"}
    words = (*command, "acme") if command[0] == "token" else command
    told = section(f"`{' '.join(command[:3]).removesuffix(' acme')}`", "docs/reference.md")
    written = shape(json.loads(told.split("```")[1].removeprefix("json")))
    if command[0] == "list" and os.geteuid() != 0:
        del written["repositories"]["managed"]  # a file that root does not own is ignored
    assert written == shape(json.loads(warm_home.run("repo", *words).out))
