"""The two projects of the demo: a library to publish, and an application that uses it."""

from __future__ import annotations

from poetry_repo_plugin.demo.room import Room

LIBRARY = "acme-greetings"
APPLICATION = "hello"
PROGRAM = "import acme_greetings; print(acme_greetings.greet('Poetry'))"
GREETING = "Hello, Poetry: installed from a private index."

_LIBRARY = f"""\
[project]
name = "{LIBRARY}"
version = "1.0.0"
description = "Greets, privately."
authors = [{{ name = "Alice" }}]
requires-python = ">=3.10"

[build-system]
requires = ["poetry-core>=2.0"]
build-backend = "poetry.core.masonry.api"
"""
_CODE = '''\
"""Greets, privately."""


def greet(name: str) -> str:
    return f"Hello, {name}: installed from a private index."
'''
_APPLICATION = f"""\
[project]
name = "{APPLICATION}"
version = "0.1.0"
description = "Uses a library from a private index."
authors = [{{ name = "Alice" }}]
requires-python = ">=3.10"
dependencies = ["{LIBRARY} (>=1.0,<2.0)"]

[tool.poetry]
package-mode = false
"""


def write_projects(room: Room) -> None:
    """Both, below the home."""
    room.write(f"{LIBRARY}/pyproject.toml", _LIBRARY)
    room.write(f"{LIBRARY}/acme_greetings/__init__.py", _CODE)
    room.write(f"{APPLICATION}/pyproject.toml", _APPLICATION)
