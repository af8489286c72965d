"""What a project's ``pyproject.toml`` says about repositories: its sources and
``[tool.poetry-repo-plugin.NAME]``.

Reading only, with the standard library's parser, and also of files that Poetry 2 refuses. The file
is committed and shared, so it is believed in little: what could hold a secret, name a command,
switch verification off or widen where a credential goes is ignored and reported (DESIGN section 4).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Literal, NamedTuple

from poetry_repo_plugin.config.toml import dump_key, parse, shown
from poetry_repo_plugin.core.errors import StateError
from poetry_repo_plugin.core.names import is_pypi, match_name
from poetry_repo_plugin.core.origin import InvalidUrl, Origin, split_userinfo
from poetry_repo_plugin.core.package_names import patterns_in
from poetry_repo_plugin.core.servers import PROVIDERS

PRIORITIES = ("primary", "supplemental", "explicit")
ERROR_CODES = range(400, 600)  # HTTP statuses that can be taken for "not here"

Legacy = Literal["default", "secondary"]

_NO_MIRROR = "a project file cannot name a mirror"
_REASONS = {
    **dict.fromkeys(
        (
            *("password", "token", "passphrase", "secret", "username", "http-basic", "pypi-token"),
            *("header", "headers"),
        ),
        "a project file cannot hold a credential",
    ),
    **dict.fromkeys(
        ("helper", "command", "credential-helper"), "a project file cannot name a command to run"
    ),
    **dict.fromkeys(
        ("verify", "insecure", "cert"), "a project file cannot switch verification off"
    ),
    **dict.fromkeys(
        ("oauth", "issuer", "client-id", "signed-in"),
        "a project file cannot say where people sign in: its index would receive their tokens",
    ),
    **dict.fromkeys(("client-cert", "client-key"), "it belongs to a user, not to a project"),
    **dict.fromkeys(("mirror-of", "fallback"), _NO_MIRROR),
    **dict.fromkeys(
        ("origins", "origin", "url", "header-origins"),
        "a project file cannot extend where a credential is sent",
    ),
}

_OUTSIDE = "it is not a path inside the project"


@dataclass(frozen=True)
class SourceEntry:
    """One entry of ``[[tool.poetry.source]]``.

    ``url`` is ``None`` for PyPI, and may hold userinfo (so it is not in the ``repr``). ``priority``
    is what Poetry 2 makes of it; ``legacy`` is the word of Poetry 1 that it was derived from.
    ``index`` is its place in the file.
    """

    name: str
    url: str | None = field(repr=False)
    priority: str
    legacy: Legacy | None
    index: int


class ProjectSettings(NamedTuple):
    """``[tool.poetry-repo-plugin.NAME]``, as far as a project may say it. ``ca`` is absolute and
    inside the project.
    """

    publish_url: str | None = None
    ca: Path | None = None
    provider: str | None = None
    ignore_error_codes: tuple[int, ...] = ()
    packages: tuple[str, ...] = ()


@dataclass(frozen=True)
class Project:
    """A ``pyproject.toml`` as read.

    ``ignored`` are settings that a project cannot make; ``problems`` are sources that make no
    sense. Both are sentences that hold no value from the file. ``needs_migration``: Poetry 2
    refuses the file, ``repo migrate`` helps.
    """

    path: Path
    sources: list[SourceEntry]
    settings: dict[str, ProjectSettings]
    ignored: list[str]
    problems: list[str]
    needs_migration: bool
    pypi_is_on: bool

    @property
    def named_mirrors(self) -> list[str]:
        """Those of ``ignored`` that are about mirrors."""
        return [line for line in self.ignored if line.endswith(f"{_NO_MIRROR}.")]

    def source(self, name: str) -> SourceEntry | None:
        """The source of that name, in any case, as Poetry looks it up."""
        return next((entry for entry in self.sources if entry.name.lower() == name.lower()), None)

    def settings_for(self, name: str) -> ProjectSettings:
        """The project's settings for ``name``, in any case; empty ones where it has none."""
        found = match_name(name, self.settings)
        if found is not None:
            return self.settings[found]
        return ProjectSettings()


class RefusedError(Exception):
    """Why a setting of a project is ignored: a clause that holds no value."""


def find_project(start: Path) -> Path | None:
    """The nearest ``pyproject.toml`` in ``start`` or above, as Poetry's ``Factory.locate`` finds
    it.
    """
    for folder in (start, *start.parents):
        candidate = folder / "pyproject.toml"
        try:
            if candidate.exists():
                return candidate
        except OSError:  # a folder that may not be searched holds no project of ours
            continue
    return None


def is_project(path: Path) -> bool:
    """Whether Poetry would work with ``path``: a ``pyproject.toml`` that only holds the settings of
    other tools is no project (``poetry.core``: ``PyProjectTOML.is_poetry_project``). One that
    cannot be read is for others to name.
    """
    try:
        data = parse(read_text(path), str(path))
    except StateError:
        return True
    tool = data.get("tool")
    return "project" in data or (isinstance(tool, dict) and "poetry" in tool)


def read_text(path: Path) -> str:
    """The text of ``path`` with its line ends as they are. Raises :class:`StateError` naming the
    file.
    """
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise StateError(
            f"{path} is not UTF-8 (at byte {error.start}). It was not changed."
        ) from None
    except OSError as error:
        raise StateError(
            f"{path} cannot be read: {error.strerror or type(error).__name__}."
        ) from None


def read_project(path: Path) -> Project:
    """What ``path`` (a ``pyproject.toml``) says about repositories.

    Raises :class:`StateError`, naming the file and the place in it, only for a file that cannot be
    read or parsed.
    """
    tool = parse(read_text(path), str(path)).get("tool", {})
    problems: list[str] = []
    ignored: list[str] = []
    raw = _raw_sources(tool, problems)
    sources = [entry for index, one in enumerate(raw) if (entry := _entry(one, index, problems))]
    for number, entry in enumerate(sources):
        if any(other.name.lower() == entry.name.lower() for other in sources[:number]):
            problems.append(
                f"The source {shown(entry.name)} is listed more than once; Poetry refuses that."
            )
    tables = [one for one in raw if isinstance(one, dict)]
    return Project(
        path=path,
        sources=sources,
        settings=_settings(tool, path.parent, ignored),
        ignored=ignored,
        problems=problems,
        needs_migration=has_legacy_words(tables),
        pypi_is_on=pypi_is_on(tables),
    )


def legacy_word(source: Mapping[str, Any]) -> Legacy | None:
    """What a source is in the words of Poetry 1: ``default``, ``secondary``, or neither.

    A flag wins over a priority, and ``default`` over ``secondary``, as in Poetry 1.
    """
    priority = source.get("priority")
    lowered = priority.lower() if isinstance(priority, str) else None
    if source.get("default") or (lowered == "default" and not source.get("secondary")):
        return "default"
    if source.get("secondary") or lowered == "secondary":
        return "secondary"
    return None


def effective_priority(source: Mapping[str, Any]) -> str:
    """The priority that Poetry 2 gives to a source, or would give once it is migrated."""
    legacy = legacy_word(source)
    if legacy:
        if legacy == "default":
            return "primary"
        return "supplemental"
    priority = source.get("priority")
    if isinstance(priority, str) and priority.lower() in PRIORITIES:
        return priority.lower()
    return "primary"


def has_legacy_words(sources: list[dict[str, Any]]) -> bool:
    """Whether Poetry 2 refuses these sources for the words ``default`` and ``secondary``, be they
    true or false.
    """
    return any(
        {"default", "secondary"} & source.keys() or legacy_word(source) for source in sources
    )


def pypi_is_on(sources: list[dict[str, Any]]) -> bool:
    """Whether a project with these sources also looks in PyPI, listed or not.

    Poetry 2 leaves PyPI out as soon as there is a primary source; Poetry 1 did so for a default
    only.
    """
    if any(is_pypi(str(source.get("name", ""))) for source in sources):
        return True
    if has_legacy_words(sources):
        return not any(legacy_word(source) == "default" for source in sources)
    return not any(effective_priority(source) == "primary" for source in sources)


def _raw_sources(tool: object, problems: list[str]) -> list[object]:
    inner = tool
    for key, kind, word in (("poetry", dict, "tool"), ("source", list, "tool.poetry")):
        if not isinstance(inner, dict):
            problems.append(f"{word} is not a table.")
            return []
        inner = inner.get(key, kind())
    if not isinstance(inner, list):
        problems.append("tool.poetry.source is not a list of tables.")
        return []
    return inner


def _entry(raw: object, index: int, problems: list[str]) -> SourceEntry | None:
    which = f"Source number {index + 1}"
    if not isinstance(raw, dict):
        problems.append(f"{which} is not a table; it is skipped.")
        return None
    name, url, priority = raw.get("name"), raw.get("url"), raw.get("priority", "primary")
    if not isinstance(name, str) or not name:
        problems.append(f"{which} has no name; it is skipped.")
        return None
    which = f"The source {shown(name)}"
    if is_pypi(name):
        if url is not None:
            problems.append(
                f"{which} has a URL; Poetry allows none for PyPI. Give that repository another name."
            )
        url = None
    elif not isinstance(url, str) or not url:
        problems.append(f"{which} has no URL; it is skipped.")
        return None
    if not isinstance(priority, str) or priority.lower() not in (
        *PRIORITIES,
        "default",
        "secondary",
    ):
        problems.append(f"{which} has an unknown priority; Poetry knows {', '.join(PRIORITIES)}.")
    return SourceEntry(name, url, effective_priority(raw), legacy_word(raw), index)


def _settings(tool: object, root: Path, ignored: list[str]) -> dict[str, ProjectSettings]:
    own = tool.get("poetry-repo-plugin", {}) if isinstance(tool, dict) else {}
    if not isinstance(own, dict):
        ignored.append("tool.poetry-repo-plugin is ignored: it is not a table.")
        return {}
    found: dict[str, ProjectSettings] = {}
    for name, table in own.items():
        where = f"[tool.poetry-repo-plugin.{dump_key(name)}]"
        if not isinstance(table, dict):
            ignored.append(
                f"tool.poetry-repo-plugin.{dump_key(name)} is ignored: it is not a table."
            )
        elif (twin := match_name(name, found)) is not None:
            ignored.append(f"{where} is ignored: {dump_key(twin)} is the same name.")
        else:
            found[name] = _one(table, root, where, ignored)
    return found


def _one(table: dict[str, object], root: Path, where: str, ignored: list[str]) -> ProjectSettings:
    values: dict[str, Any] = {}
    readers = {"publish-url": _publish_url, "provider": _provider, "ignore-error-codes": _codes}
    for key, value in table.items():
        try:
            if key == "ca":
                values["ca"] = _ca(value, root)
            elif key == "packages":
                values["packages"] = patterns_in(value)
            elif key in readers:
                values[key.replace("-", "_")] = readers[key](value)
            else:
                raise RefusedError(_REASONS.get(key, "a project cannot set it"))
        except RefusedError as error:
            ignored.append(f"{where} {dump_key(key)} is ignored: {error}.")
    return ProjectSettings(**values)


def _publish_url(value: object) -> str:
    if not isinstance(value, str):
        raise RefusedError("it is not a string")
    try:
        Origin.of(value)
    except InvalidUrl:
        raise RefusedError("it is not an http or https URL") from None
    if split_userinfo(value)[1] is not None:
        raise RefusedError("a project file cannot hold a credential, and this URL does")
    return value


def _provider(value: object) -> str:
    if not isinstance(value, str) or value not in PROVIDERS:
        raise RefusedError(f"it is not one of {', '.join(PROVIDERS)}")
    return value


def _codes(value: object) -> tuple[int, ...]:
    codes = value if isinstance(value, list) else [None]
    if not all(
        isinstance(code, int) and not isinstance(code, bool) and code in ERROR_CODES
        for code in codes
    ):
        raise RefusedError(
            f"it is not a list of HTTP status codes from {ERROR_CODES[0]} to {ERROR_CODES[-1]}"
        )
    return tuple(codes)


def _ca(value: object, root: Path) -> Path:
    """As :func:`path_inside`, and written so that it is one on every machine."""
    if isinstance(value, str):
        posix, windows = PurePosixPath(value), PureWindowsPath(value)
        if posix.is_absolute() or windows.drive or windows.root or ".." in windows.parts:
            raise RefusedError(_OUTSIDE)
    return path_inside(value, root)


def path_inside(value: object, root: Path) -> Path:
    """The file that ``value`` names, resolved: it lies below ``root``, seen through symbolic links
    too.

    Raises :class:`RefusedError`.
    """
    if not isinstance(value, str) or not value:
        raise RefusedError("it is not a path")
    try:
        base = root.resolve()
        path = (base / value).resolve()
    except (OSError, RuntimeError, ValueError):  # a loop of links, a NUL
        raise RefusedError(_OUTSIDE) from None
    if base not in path.parents or value.startswith("~"):
        raise RefusedError(_OUTSIDE)
    return path
