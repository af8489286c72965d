"""A pytest plugin for Poetry's own tests: before each of them our hooks are put in place, as before
each command.

It is loaded by name (``-p suite_hooks``) from this folder, in an environment in which the plugin is
not installed: Poetry's tests of its application would load it, and find more commands than they
count on.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.append(
    str(Path(__file__).resolve().parents[2])
)  # at the end: Poetry's tests are a package `tests` as well


@pytest.fixture(autouse=True)
def _hooks(config: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """``config`` is a fixture of Poetry's: the configuration of the test, in the place of the
    user's.
    """
    monkeypatch.setattr("poetry.config.config._default_config", config)
    _let_adapters_add_headers(monkeypatch)
    from cleo.application import Application
    from cleo.commands.command import Command
    from cleo.io.buffered_io import BufferedIO

    from poetry_repo_plugin.hooks.patches import inject

    command = Command()
    command.set_application(Application())
    for command.name in ("publish", "install"):
        inject(command, BufferedIO())


def _let_adapters_add_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    """requests' adapter calls ``add_headers`` just before the wire, and there ours puts the
    credential on. ``responses`` replaces the whole ``send`` and calls nothing; here it does, and
    sees what a server would see.
    """
    try:
        from responses import RequestsMock
    except ImportError:  # Poetry before 2.2 has httpretty, which is a server on a socket
        return
    original = RequestsMock._on_request

    def _on_request(self: Any, adapter: Any, request: Any, **options: Any) -> Any:
        adapter.add_headers(request, **options)
        seen = request.copy()
        on_the_wire = dict(seen.headers)
        try:
            return original(self, adapter, seen, **options)
        finally:
            seen.headers.update(on_the_wire)  # our adapter has taken off again what no copy keeps

    monkeypatch.setattr(RequestsMock, "_on_request", _on_request)
