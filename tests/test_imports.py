"""Imports run one way: plugin → hooks; commands → hooks | doctor | demo → ops → http → … → core."""

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

# commands → hooks | doctor | demo → ops → http → credentials → config | tls → core
HEIGHT = {
    "": 0,
    "core": 1,
    "config": 2,
    "tls": 2,
    "credentials": 3,
    "http": 4,
    "ops": 5,
    "hooks": 6,
    "doctor": 6,
    "demo": 6,
    "commands": 7,
    "plugin": 8,
}

LEVELS = {"tls": 7}  # inside a package that has more than six, until it has not

# Poetry's own modules, and who may import them besides hooks.
POETRY_ELSEWHERE = {
    "plugin": {"poetry.plugins.application_plugin", "poetry.console.commands.command"},
    "commands.base": {"poetry.console.commands.command"},
}
CLEO = ("plugin", "commands", "hooks", "demo.screen")


@dataclass(frozen=True)
class Import:
    """One import statement.

    :param imported: without the package's name, if it is one of our own modules (``ours``).
    :param inner: it is inside a function.
    :param typed: only a type checker runs it.
    """

    importer: str
    imported: str
    ours: bool = True
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
        module = module.removesuffix("__init__")
        for name, inner, typed in _in(tree.body, False, False):
            ours = name.split(".")[0] == PACKAGE.name
            name = name.removeprefix(PACKAGE.name).removeprefix(".") if ours else name
            found.append(Import(module, name, ours, inner, typed))
    return tuple(found)


def _in(body: list[ast.stmt], inner: bool, typed: bool) -> Iterator[tuple[str, bool, bool]]:
    for node in body:
        if isinstance(node, ast.Import):
            yield from ((alias.name, inner, typed) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide where they lead"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield (whole if _is_module(whole) else str(node.module), inner, typed)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            yield from _in(node.body, inner, True)
        else:
            deeper = inner or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            for field in ("body", "orelse", "finalbody", "handlers"):
                for part in getattr(node, field, []):
                    yield from _in(
                        part.body if isinstance(part, ast.ExceptHandler) else [part], deeper, typed
                    )


def _is_module(name: str) -> bool:
    path = PACKAGE.parent.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or path.is_dir()


def height(module: str) -> int:
    return HEIGHT[room(module)]


def room(module: str) -> str:
    """The package that ``module`` lies in, or its own name where it is loose at the top."""
    return module.split(".")[0]


def told(wrong: list[Import]) -> str:
    return "\n".join(map(str, wrong))


def test_the_reader_of_imports_sees_them() -> None:
    """Otherwise all that follows would hold for nothing."""
    found = {(one.importer, one.imported) for one in imports()}
    assert {
        ("plugin", "hooks.patches"),
        ("core.origin", "core.secret"),
        ("commands.base", "ops.session"),
        ("credentials.stored", "config.bindings"),
    } <= found
    assert Import("core.origin", "idna", ours=False, inner=True) in imports()
    assert any(one.typed for one in imports())
    assert len(found) > 100


def test_every_package_is_named_here() -> None:
    assert {room(one.importer) for one in imports()} <= set(HEIGHT)
    loose = {path.name for path in PACKAGE.glob("*.py")}
    assert loose == {"__init__.py", "plugin.py"}


def test_imports_run_one_way() -> None:
    """Those inside functions too."""
    wrong = [
        one
        for one in imports()
        if one.ours
        and room(one.imported) != room(one.importer)
        and height(one.imported) >= height(one.importer)
    ]
    assert not wrong, told(wrong)


def test_the_plugin_reaches_only_hooks() -> None:
    mine = [one for one in imports() if one.importer == "plugin" and one.ours]
    wrong = [one for one in mine if room(one.imported) != "hooks"]
    assert mine
    assert not wrong, told(wrong)


def test_only_hooks_touch_poetry_s_internals() -> None:
    wrong = [
        one
        for one in imports()
        if one.imported.split(".")[0] == "poetry"
        and room(one.importer) != "hooks"
        and not one.typed
        and one.imported not in POETRY_ELSEWHERE.get(one.importer, ())
    ]
    assert not wrong, told(wrong)


def test_cleo_is_for_those_who_print() -> None:
    wrong = [
        one
        for one in imports()
        if one.imported.split(".")[0] == "cleo"
        and not one.importer.startswith(CLEO)
        and not one.typed
    ]
    assert not wrong, told(wrong)


def test_commands_are_loaded_by_name_only() -> None:
    wrong = [
        one
        for one in imports()
        if one.ours
        and one.imported.startswith("commands.")
        and not one.importer.startswith("commands")
        and not one.typed
    ]
    assert not wrong, told(wrong)


def test_no_circle() -> None:
    """Not even one that an import inside a function closes."""
    arrows = {(one.importer, one.imported) for one in imports() if one.ours and not one.typed}
    circle = circle_in(arrows)
    assert not circle, " → ".join(circle)
    closed = circle_in({*arrows, ("core.secret", "commands.add")})
    assert closed[0] == closed[-1]


@pytest.mark.parametrize("name", sorted({room(one.importer) for one in imports()} - {""}))
def test_a_package_has_at_most_six_levels(name: str) -> None:
    inside = {
        (one.importer, one.imported)
        for one in imports()
        if one.ours and not one.typed and room(one.importer) == room(one.imported) == name
    }
    chain = longest_chain(inside)
    assert len(chain) <= LEVELS.get(name, 6), " → ".join(chain)


def test_there_are_at_most_seven_levels_between_packages() -> None:
    between = {
        (room(one.importer), room(one.imported))
        for one in imports()
        if one.ours and not one.typed and one.imported and room(one.importer) != room(one.imported)
    } - {("plugin", "hooks")}
    chain = longest_chain(between)
    assert len(chain) == 7, " → ".join(chain)


def circle_in(arrows: set[tuple[str, str]]) -> list[str]:
    """One circle, its first module again at its end; empty if there is none."""
    done: set[str] = set()

    def visit(module: str, trail: list[str]) -> list[str]:
        if module in trail:
            return [*trail[trail.index(module) :], module]
        if module in done:
            return []
        for other in sorted(to for at, to in arrows if at == module):
            found = visit(other, [*trail, module])
            if found:
                return found
        done.add(module)
        return []

    for module in sorted({at for at, _ in arrows}):
        found = visit(module, [])
        if found:
            return found
    return []


def longest_chain(arrows: set[tuple[str, str]]) -> list[str]:
    """The longest way along ``arrows``, which make no circle."""

    @cache
    def below(module: str) -> tuple[str, ...]:
        return (module, *longest(below(to) for at, to in arrows if at == module))

    def longest(chains: Iterator[tuple[str, ...]]) -> tuple[str, ...]:
        return max(chains, key=lambda chain: len(chain), default=())

    return list(longest(below(at) for at, _ in arrows))


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
