"""A plugin that fetches a token and merges it into Poetry's configuration, as the one-vendor
plugins do.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.world import NAME, PASSWORD, USER, World, assert_no_secret
from tests.poetry_process import PoetryHome

PLUGIN = """
from cleo.events.console_events import COMMAND
from poetry.config.config import Config
from poetry.plugins.application_plugin import ApplicationPlugin

def merge(*event):
    Config.create().merge({{"http-basic": {{"{name}": {{"username": "{user}", "password": "{password}"}}}}}})

class Plugin(ApplicationPlugin):
    def activate(self, application):
        {when}
"""
ACTIVATE = "merge()"
EVENT = "application.event_dispatcher.add_listener(COMMAND, merge, {priority})"


MIRROR = """
from poetry.config.config import Config
from poetry.plugins.application_plugin import ApplicationPlugin

class Plugin(ApplicationPlugin):
    def activate(self, application):
        Config.create().merge({{"repositories": {{"{name}": {{"url": "{url}"}}}}}})
"""


@pytest.fixture
def home(cold_home: PoetryHome) -> PoetryHome:
    """The other plugin is there when Poetry starts."""
    return cold_home


def install(world: World, when: str, password: str = PASSWORD) -> None:
    """As pip would: a module and its entry point."""
    add_plugin(world, PLUGIN.format(name=NAME, user=USER, password=password, when=when))


def add_plugin(world: World, text: str) -> None:
    folder = world.home.project.parent / "other"
    information = folder / "other_plugin-1.0.dist-info"
    information.mkdir(parents=True)
    (folder / "other_plugin.py").write_text(text, encoding="utf-8")
    (information / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: other-plugin\nVersion: 1.0\n"
    )
    (information / "entry_points.txt").write_text(
        "[poetry.application.plugin]\nother = other_plugin:Plugin\n"
    )
    world.home.environ["PYTHONPATH"] = str(folder)


@pytest.fixture
def project(bare: World) -> World:
    bare.trust()
    bare.identify()
    bare.lock_without_env()
    bare.project("gamma")
    return bare


@pytest.mark.parametrize(
    "when",
    [ACTIVATE, EVENT.format(priority=100), EVENT.format(priority=5)],
    ids=["in activate", "at an event before ours", "at an event behind ours"],
)
def test_its_token_is_used(project: World, when: str) -> None:
    install(project, when)
    project.home.ok("lock")
    assert {found.username for found in project.index.authorizations()} == {USER}


def test_show_names_it(project: World) -> None:
    install(project, ACTIVATE)
    shown = json.loads(project.home.ok("repo", "show", NAME, "--json").out)
    shown = shown.get("repositories", [shown])[0]
    assert (shown["credential"]["state"], shown["credential"]["source"]) == ("ok", "env")
    assert "another plugin" in project.home.ok("repo", "show", NAME).out


def test_twin_a_projects_poetry_toml_is_no_plugin(project: World) -> None:
    file: Path = project.home.project / "poetry.toml"
    file.write_text(
        f'[http-basic.{NAME}]\nusername = "{USER}"\npassword = "{PASSWORD}"\n', encoding="utf-8"
    )
    done = project.home.fails("lock")
    assert "[credential-missing]" in done.text
    assert_no_secret(done)
    assert not project.index.authorizations()


@pytest.mark.parametrize("name", ["PyPI", "pypi"])
def test_a_mirror_of_pypi_takes_no_uploads_for_it(project: World, name: str) -> None:
    """poetry-plugin-pypi-mirror merges the mirror's index as ``repositories.PyPI.url``."""
    add_plugin(project, MIRROR.format(name=name, url=project.index.index_url))
    assert "https://upload.pypi.org/legacy/" in project.home.ok("repo", "show", "pypi").out


def test_twin_the_url_of_another_name_counts(project: World) -> None:
    add_plugin(project, MIRROR.format(name="elsewhere", url=project.index.upload_url))
    assert project.index.upload_url in project.home.ok("repo", "show", "elsewhere").out
