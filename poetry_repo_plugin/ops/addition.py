"""What ``repo add`` is told, what it plans, and what it has done."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from poetry_repo_plugin.ops.url_login import UrlLogin


@dataclass(frozen=True)
class Wanted:
    """What the words of ``repo add`` say.

    :param priority: ``None`` to leave it as it is; primary for a new source.
    :param default: the source stands in for PyPI.
    :param publish_only: ``url`` is for uploads.
    :param own_file: the ``pyproject.toml`` of Poetry's own environment, if the source goes there.
    :param codes: the ignored error codes; ``None`` to leave them as they are.
    :param packages: patterns of the names that belong to it; ``None`` to leave them as they are.
    :param mirror_of: the repository that this one stands in for; ``None`` to leave it as it is.
    :param fallback: ask that one where this one cannot be reached.
    """

    name: str
    url: str | None = None
    publish_url: str | None = None
    priority: str | None = None
    default: bool = False
    publish_only: bool = False
    own_file: Path | None = None
    codes: list[int] | None = None
    packages: list[str] | None = None
    mirror_of: str | None = None
    fallback: bool = False


@dataclass(frozen=True)
class Plan:
    """What is to be written, checked.

    :param url: of the source's index; ``None`` for PyPI and for a target of uploads alone.
    :param remembered_url: the same, if the user's own file is to keep it.
    :param publish_url: as given, or as it follows from the index URL; ``None`` to leave it as it
        is.
    :param file: where the source is added, if it is.
    :param login: what stood in the URLs.
    :param is_new: nothing was known of the name.
    """

    name: str
    file: Path | None
    url: str | None = None
    remembered_url: str | None = None
    publish_url: str | None = None
    login: UrlLogin | None = None
    is_new: bool = False
    mirror_of: str | None = None


@dataclass(frozen=True)
class Before:
    """What was known of the name before.

    :param publish_url: in the user's file; a credential that stands in it stays there, and is not
        printed.
    :param has_home: the user has said where the name belongs.
    """

    url: str | None
    publish_url: str | None
    codes: tuple[int, ...]
    packages: tuple[str, ...]
    has_home: bool
    mirror_of: str | None = None
    fallback: bool = False


@dataclass(frozen=True)
class Added:
    """What was done.

    :param source: what changed in the file of the source, fit to print.
    :param login_place: where the login of the URL is kept now, if it held one.
    """

    wanted: Wanted
    plan: Plan
    before: Before
    source: list[str]
    login_place: str | None
