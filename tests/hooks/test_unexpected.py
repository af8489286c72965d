"""An error that nobody has foreseen asks for a report, once; one that is meant does not."""

from __future__ import annotations

import subprocess
from importlib.metadata import metadata
from types import CodeType

import pytest
import requests
from cleo.exceptions import CleoValueError
from cleo.io.buffered_io import BufferedIO

from poetry_repo_plugin.core.errors import InputError
from poetry_repo_plugin.hooks import unexpected
from tests.poetry_process import PoetryHome


def raised(error: Exception, *modules: str) -> Exception:
    """``error``, raised in the last of ``modules``, which called each other."""

    def step(rest: tuple[str, ...]) -> None:
        if not rest:
            raise error
        code: CodeType = compile("step(rest)", rest[0], "exec")
        exec(code, {"__name__": rest[0], "step": step, "rest": rest[1:]})

    try:
        step(modules)
    except Exception as caught:
        return caught
    raise AssertionError


@pytest.mark.parametrize(
    ("error", "modules"),
    [
        (KeyError("x"), ("poetry.console", "poetry_repo_plugin.commands.list")),
        (ValueError("x"), ("poetry.utils", "poetry_repo_plugin.http.adapter", "json.decoder")),
    ],
)
def test_one_of_ours_asks_for_a_report(error: Exception, modules: tuple[str, ...]) -> None:
    issues = next(
        url.partition(", ")[2]
        for url in metadata("poetry-repo-plugin").get_all("Project-URL") or ()
        if url.startswith("Issues")
    )
    io = BufferedIO()
    found = raised(error, *modules)
    unexpected.tell(found, io)
    unexpected.tell(found, io)
    said = io.fetch_error()
    assert said.count(issues) == 1
    assert type(error).__name__ in said
    assert "-vvv" in said


@pytest.mark.parametrize(
    ("error", "modules"),
    [
        (ValueError("x"), ("poetry_repo_plugin.http.adapter", "poetry.utils.authenticator")),
        (ValueError("x"), ("another_plugin.commands",)),
        (InputError("x"), ("poetry.console", "poetry_repo_plugin.commands.list")),
        (CleoValueError("x"), ("poetry.console", "poetry_repo_plugin.commands.list")),
        (requests.ConnectionError("x"), ("poetry", "poetry_repo_plugin.http.adapter", "requests")),
        (BrokenPipeError("x"), ("poetry.console", "poetry_repo_plugin.commands.list")),
    ],
)
def test_any_other_does_not(error: Exception, modules: tuple[str, ...]) -> None:
    assert unexpected.report_line(raised(error, *modules)) is None


def test_a_command_that_breaks_says_where_to_report_it(home: PoetryHome) -> None:
    """The whole way, with a command that is spoilt."""
    program = (
        "import sys; import poetry_repo_plugin.commands.list as module; "
        "module.Command.work = lambda self, session: 1 / 0; "
        "from poetry.console.application import main; sys.argv = ['poetry', 'repo', 'list']; "
        "sys.exit(main())"
    )
    done = subprocess.run(
        [home.executable.with_name("python"), "-c", program],
        env=home.environment(),
        cwd=home.project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "hit an unexpected error: ZeroDivisionError" in done.stderr
    assert done.stderr.count("Please report it") == 1
