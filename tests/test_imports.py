"""Imports flow one way: plugin → commands, inject → doctor, adapter → credentials | tls → what is below."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

import poetry_repo_plugin

PACKAGE = Path(poetry_repo_plugin.__file__).parent

# Words, files and settings: they know nothing of the rooms above.
GROUND = frozenset(
    (
        *("secret", "origin", "errors", "names", "store", "spellings", "own", "settings", "bindings", "home"),
        *("toml_text", "toml_values", "profiles", "project", "project_trust", "repository", "notices", "patterns"),
        *("paths", "deadline", "json_text"),
    )
)
HEIGHT = {
    "plugin": 6,
    "commands": 5,
    "refused_project": 5,
    "inject": 4,
    "metadata_cache": 4,
    "demo": 4,
    "credentials": 2,
    "tls": 2,
}  # all others: 3
UPWARD = {("commands.overview", "plugin")}  # the list of commands

# Poetry's own modules, and who may import them besides inject.
POETRY_ELSEWHERE = {
    "plugin": {"poetry.plugins.application_plugin", "poetry.console.commands.command"},
    "commands.base": {"poetry.console.commands.command"},
    "metadata_cache": {"poetry.utils.cache", "poetry.console.commands.cache"},
    "reported": {"poetry.console.exceptions", "poetry.exceptions"},
}
CLEO = ("plugin", "commands", "inject", "reported", "masking", "demo.screen")


@dataclass(frozen=True)
class Import:
    """One import statement. ``inner`` says that it is inside a function, ``typed`` that only a type checker runs it."""

    importer: str
    imported: str
    inner: bool = False
    typed: bool = False

    def __str__(self) -> str:
        return f"{self.importer} imports {self.imported}"


@cache
def imports() -> tuple[Import, ...]:
    """Every import in the package; its own modules without the package's name."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found += [Import(module, name, inner, typed) for name, inner, typed in _in(tree.body, False, False)]
    return tuple(found)


def _in(body: list[ast.stmt], inner: bool, typed: bool) -> Iterator[tuple[str, bool, bool]]:
    for node in body:
        if isinstance(node, ast.Import):
            yield from ((_own(alias.name), inner, typed) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide where they lead"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield (_own(whole if _is_module(whole) else str(node.module)), inner, typed)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            yield from _in(node.body, inner, True)
        else:
            deeper = inner or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            for field in ("body", "orelse", "finalbody", "handlers"):
                for part in getattr(node, field, []):
                    yield from _in(part.body if isinstance(part, ast.ExceptHandler) else [part], deeper, typed)


def _is_module(name: str) -> bool:
    path = PACKAGE.parent.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or path.is_dir()


def _own(name: str) -> str:
    return name.removeprefix("poetry_repo_plugin").removeprefix(".") if name.startswith("poetry_repo_plugin") else name


def is_own(name: str) -> bool:
    return name == "" or (PACKAGE / f"{name.split('.')[0]}.py").exists() or (PACKAGE / name.split(".")[0]).is_dir()


def height(module: str) -> int:
    room = module.split(".")[0]
    return 1 if room in GROUND or room == "" else HEIGHT.get(room, 3)


def told(wrong: list[Import]) -> str:
    return "\n".join(map(str, wrong))


def test_the_reader_of_imports_sees_them() -> None:
    """Otherwise all that follows would hold for nothing."""
    found = {(one.importer, one.imported) for one in imports()}
    assert {
        ("plugin", "inject"),
        ("origin", "secret"),
        ("commands.base", "access"),
        ("credentials.stored", "bindings"),
    } <= found
    assert Import("origin", "idna", inner=True) in imports()
    assert any(one.typed for one in imports())
    assert len(found) > 100


def test_nobody_imports_from_above() -> None:
    wrong = [
        one
        for one in imports()
        if is_own(one.imported)
        and height(one.imported) > height(one.importer)
        and (one.importer, one.imported) not in UPWARD
        and not one.typed
    ]
    assert not wrong, told(wrong)


@pytest.mark.parametrize("room", ["credentials", "tls"])
def test_credentials_and_tls_know_nothing_of_poetry_cleo_or_each_other(room: str) -> None:
    mine = [one for one in imports() if one.importer.split(".")[0] == room]
    other = {"credentials": "tls", "tls": "credentials"}[room]
    wrong = [one for one in mine if one.imported.split(".")[0] in ("poetry", "cleo", other)]
    wrong += [one for one in mine if is_own(one.imported) and height(one.imported) > 2]
    assert mine
    assert not wrong, told(wrong)


def test_tls_needs_only_words() -> None:
    allowed = ("tls", "errors", "secret", "origin")
    wrong = [
        one
        for one in imports()
        if one.importer.startswith("tls") and is_own(one.imported) and one.imported.split(".")[0] not in allowed
    ]
    assert not wrong, told(wrong)


def test_only_inject_touches_poetry_s_internals() -> None:
    wrong = [
        one
        for one in imports()
        if one.imported.split(".")[0] == "poetry"
        and one.importer != "inject"
        and not one.typed
        and one.imported not in POETRY_ELSEWHERE.get(one.importer, ())
    ]
    assert not wrong, told(wrong)


def test_cleo_is_for_those_who_print() -> None:
    wrong = [
        one
        for one in imports()
        if one.imported.split(".")[0] == "cleo" and not one.importer.startswith(CLEO) and not one.typed
    ]
    assert not wrong, told(wrong)


def test_commands_are_loaded_by_name_only() -> None:
    wrong = [
        one
        for one in imports()
        if one.imported.startswith("commands.") and not one.importer.startswith("commands") and not one.typed
    ]
    assert not wrong, told(wrong)


def test_no_circle_when_modules_are_loaded() -> None:
    edges: dict[str, set[str]] = {}
    for one in imports():
        if is_own(one.imported) and not one.inner and not one.typed and one.imported:
            edges.setdefault(one.importer, set()).add(one.imported)
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " → ".join((*trail, module))
        if module not in done:
            for other in sorted(edges.get(module, ())):
                visit(other, (*trail, module))
            done.add(module)

    for module in sorted(edges):
        visit(module, ())


def test_the_plugin_imports_next_to_nothing_when_poetry_loads_it() -> None:
    """It is loaded before every command, also those that never need it."""
    code = """
import json, sys
from poetry.console.application import Application
import poetry.plugins.application_plugin
import cleo.events.console_events, cleo.events.console_error_event, cleo.io.inputs.definition
application = Application()
application.event_dispatcher
before = set(sys.modules)
from poetry_repo_plugin.plugin import RepoPlugin
RepoPlugin().activate(application)
print(json.dumps(sorted(set(sys.modules) - before)))
"""
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(done.stdout) == ["poetry_repo_plugin", "poetry_repo_plugin.plugin"]
