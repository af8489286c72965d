"""What Poetry is told of the commands before their modules are loaded is what they say
themselves.
"""

from __future__ import annotations

from importlib import import_module

import pytest

from poetry_repo_plugin import __version__
from poetry_repo_plugin.plugin import _MODULES, DESCRIPTIONS
from tests.warm import WarmHome


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_a_command_is_described_alike_before_and_after_it_is_loaded(name: str) -> None:
    command = import_module(f"poetry_repo_plugin.commands.{_MODULES.get(name, name)}").Command
    assert command.name == f"repo {name}".strip()
    assert command.description == DESCRIPTIONS[name]
    assert len(command.description) <= 60  # so that `poetry list` fits a terminal


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_the_version_is_ours_behind_repo(warm_home: WarmHome, option: str) -> None:
    assert warm_home.ok("repo", option).out == f"Poetry Repo Plugin (version {__version__})\n"
    assert warm_home.ok(option).out.startswith("Poetry (version ")
