"""README, CONTRIBUTING and CHANGELOG tell what the code does: links, commands, options, causes,
outputs.
"""

from __future__ import annotations

import importlib.util
import re
import shlex
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

from poetry_repo_plugin.core.errors import Cause
from poetry_repo_plugin.plugin import _MODULES, DESCRIPTIONS
from tests.bench.__main__ import ROOMS
from tests.warm import WarmHome

COMMANDS = tuple(filter(None, DESCRIPTIONS))

ROOT = Path(__file__).resolve().parent.parent
TEXTS = {
    name: (ROOT / name).read_text(encoding="utf-8")
    for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
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


def section(title: str) -> str:
    """What stands below a heading of the README, up to the next one."""
    found = re.search(
        rf"^#+ {re.escape(title)}\n(.*?)(?=^#+ |\Z)", README, re.MULTILINE | re.DOTALL
    )
    assert found is not None, f"README has no section {title!r}"
    return found[1]


def first_cells(title: str) -> list[str]:
    """The first cell of each row of a section's first table."""
    rows = [line for line in section(title).splitlines() if line.startswith("| ")]
    return [row.split(" | ")[0].removeprefix("| ") for row in rows[2:]]


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


@every_text
def test_links_lead_somewhere(name: str) -> None:
    anchors = {slug(heading) for heading in re.findall(r"^#+ (.*)$", TEXTS[name], re.MULTILINE)}
    links = re.findall(r"\]\(([^)\s]+)\)", TEXTS[name])
    assert links or name == "CONTRIBUTING.md"
    for link in links:
        if link.startswith("#"):
            assert link[1:] in anchors, link
        elif "://" not in link:
            assert (ROOT / link.partition("#")[0]).exists(), link


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
    assert len(list(typed(README))) > 20
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


def test_the_causes_are_those_of_the_code() -> None:
    cells = first_cells("What can go wrong")
    assert sorted(word for cell in cells for word in re.findall(r"`([a-z-]+)`", cell)) == sorted(
        Cause
    )


def test_the_table_of_commands_is_complete_and_true() -> None:
    rows = [line for line in section("Commands").splitlines() if line.startswith("| `repo")]
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
    "title", ["Install from a private index", "One repository for all your projects"]
)
def test_the_output_of_an_example_is_real(title: str, warm_home: WarmHome) -> None:
    warm_home.write_project()
    outside = warm_home.root / "outside"
    outside.mkdir()
    block = section(title).split("```")[1].removeprefix("console\n")
    folder, checked = outside, 0
    for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        line, _, expected = step.partition("\n")
        words = shlex.split(line, comments=True)
        if words[0] == "cd":
            folder = outside if words[1] == "~" else warm_home.project
        elif words[:3] == ["poetry", "repo", "add"]:
            done = warm_home.run(*words[1:], cwd=folder)
            assert (done.code, done.text) == (0, expected)
            checked += 1
    assert checked == block.count("$ poetry repo add")
