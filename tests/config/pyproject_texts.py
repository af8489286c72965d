"""What the tests of ``pyproject.toml`` share: Poetry's own reading of a text, and texts made by
hypothesis.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

with (
    warnings.catch_warnings()
):  # pbs_installer, which Poetry imports, calls importlib.resources.open_text
    warnings.simplefilter("ignore", DeprecationWarning)
    from poetry.config.config import Config
    from poetry.factory import Factory

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


KEPT = "# keeps PyPI enabled"
INDEX = "https://pypi.example.org/simple/"


def loads(text: str) -> dict[str, Any]:
    data: dict[str, Any] = tomllib.loads(text)
    return data


def sources(text: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = loads(text).get("tool", {}).get("poetry", {}).get("source", [])
    return found


def everything_else(text: str) -> dict[str, Any]:
    """All that a text says beside its sources."""
    data = loads(text)
    poetry = data.get("tool", {}).get("poetry", {})
    poetry.pop("source", None)
    if not poetry:
        data.get("tool", {}).pop("poetry", None)
    if not data.get("tool"):
        data.pop("tool", None)
    return data


def comments(text: str) -> list[str]:
    """The user's comments in a text in which ``#`` means nothing else."""
    found = [line[line.index("#") :].rstrip() for line in text.splitlines() if "#" in line]
    return sorted(comment for comment in found if comment != KEPT)


def pool_names(text: str) -> list[str]:
    """The names in the pool that Poetry makes of the sources in ``text``, in lower case."""
    return [
        one.name.lower() for one in Factory.create_pool(Config(), sources(text)).all_repositories
    ]


def poetry_reads(text: str, folder: Path) -> list[str]:
    """The sources as Poetry itself takes them from a project with this text, in its order: ``name
    priority``.

    The ``[project]`` that Poetry needs is put in where the text has none.
    """
    if "project" not in loads(text):
        text = (
            f'[project]\nname = "probe"\nversion = "1"\n\n{text}'
            if text.strip()
            else '[project]\nname = "p"\nversion = "1"\n'
        )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_bytes(text.encode())
    pool = Factory().create_poetry(folder, disable_plugins=True).pool
    return [
        f"{one.name} {pool.get_priority(one.name).name.lower()}" for one in pool.all_repositories
    ]


_NAMES = ["foo", "bar", "corp", "My.Repo_2", "PyPI"]
_WORDS: list[dict[str, object]] = [
    {},
    {"priority": "primary"},
    {"priority": "supplemental"},
    {"priority": "explicit"},
]
_LEGACY: list[dict[str, object]] = [
    {},
    {"default": True},
    {"secondary": True},
    {"default": False, "secondary": False},
    {"default": True, "secondary": True},
    {"priority": "default"},
    {"priority": "secondary"},
    {"priority": "explicit"},
]
_BEFORE = [
    "",
    "# the file\n",
    '[project]\nname = "probe"\nversion = "1"\n\n',
    '# top\n\n[project] # here\nname = "probe"\nversion = "1"\n'
    'description = """\n[[tool.poetry.source]]\nname = 1\n"""\n\n',
    '[project]\nname = "probe"\nversion = "1"\n\n[tool.poetry]\npackages = [\n  { include = "x" }, # it\n]\n\n',
]
_AFTER = [
    "",
    "\n",
    "# end",
    "\n\n# floating\n\n",
    "\n# tools\n[tool.black] # b\nline = [\n  [1], # one\n  []\n]\n",
    "[tool.poetry.dependencies]\n\n[[tool.other]]\nx = nan\n",
]


@st.composite
def project_texts(draw: st.DrawFn, *, legacy: bool = False) -> str:
    """A ``pyproject.toml`` with sources in one of the forms of TOML, comments, and other tables
    around them.
    """
    names = draw(st.lists(st.sampled_from(_NAMES), unique=True, max_size=4))
    entries: list[dict[str, object]] = []
    for name in names:
        entry: dict[str, object] = (
            {"name": name} if name == "PyPI" else {"name": name, "url": f"{INDEX}{name}"}
        )
        words = _LEGACY if legacy and name != "PyPI" else _WORDS
        entries.append({**entry, **draw(st.sampled_from(words))})
    before = draw(st.sampled_from(_BEFORE))
    after = draw(st.sampled_from(_AFTER))
    tables = draw(st.sampled_from(["tables", "array", "lines"]))
    if tables == "tables" or not entries:
        body = "".join(draw(_table(entry)) for entry in entries)
    else:
        body = draw(_array(entries, lines=tables == "lines"))
        head = "" if "[tool.poetry]" in before else "[tool.poetry]\n"
        body = f"{head}source = [{body}]\n"
    text = before + body + after
    return text.replace("\n", "\r\n") if draw(st.booleans()) else text


@st.composite
def _table(draw: st.DrawFn, entry: dict[str, object]) -> str:
    lead = draw(st.sampled_from(["", "\n", "# above\n", "\n# apart\n\n", "\n# one\n# two\n"]))
    tail = st.sampled_from(["", "", "  # why", " #"])
    pairs = "".join(f"{key} = {_value(value)}{draw(tail)}\n" for key, value in entry.items())
    below = draw(st.sampled_from(["", "# below\n"]))
    return f"{lead}[[tool.poetry.source]]{draw(tail)}\n{pairs}{below}"


@st.composite
def _array(draw: st.DrawFn, entries: list[dict[str, object]], *, lines: bool) -> str:
    elements = [
        "{ " + ", ".join(f"{k} = {_value(v)}" for k, v in entry.items()) + " }" for entry in entries
    ]
    comma = draw(st.sampled_from(["", ","]))
    if not lines:
        return draw(st.sampled_from([", ", ","])).join(elements) + comma
    text = "\n"
    for number, element in enumerate(elements, 1):
        above = draw(st.sampled_from(["", "  # above\n"]))
        behind = draw(st.sampled_from(["", " # why"]))
        text += f"{above}  {element}{',' if number < len(elements) else comma}{behind}\n"
    return text + draw(st.sampled_from(["", "  # end\n"]))


def _value(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f'"{value}"'
