"""Where the packages of a lock file come from, and whether their files are held to hashes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from poetry_repo_plugin.config.owned_names import (
    OwnedNames,
    Owner,
    elsewhere,
    is_same_index,
    listed,
    locked_elsewhere,
    update,
)
from poetry_repo_plugin.config.project import Project, read_text
from poetry_repo_plugin.config.toml import parse, shown
from poetry_repo_plugin.core.hints import Hint, repo
from poetry_repo_plugin.core.names import is_pypi
from poetry_repo_plugin.core.origin import redact, split_userinfo
from poetry_repo_plugin.core.package_names import matches, normalized
from poetry_repo_plugin.core.patterns import Pattern
from poetry_repo_plugin.doctor.logins_in_files import lock_file
from poetry_repo_plugin.doctor.report import Finding, State, failed
from poetry_repo_plugin.http.auth import Access

_REQUIRED_FROM = Pattern(r"\s*([A-Za-z0-9._-]+)\s*(?:\[[^\]]*\])?\s*@")  # PEP 508
_WEAK = ("md5:", "sha1:")
_MOST = 5  # names in a command


class Locked(NamedTuple):
    """A package of a lock file.

    :param kind: of its source: ``legacy`` is an index other than PyPI, ``None`` PyPI.
    :param source: the name of that index.
    """

    name: str
    kind: str | None
    source: str
    url: str
    files: list[Any]


def audit(access: Access) -> Iterator[Finding]:
    """All findings on the project's ``poetry.lock``. Raises :class:`StateError`."""
    project, file = access.catalogue.project, lock_file(access)
    if project is None or file is None:
        return
    data = parse(read_text(file), "poetry.lock")
    raw = [one for one in _list(data.get("package")) if isinstance(one, dict)]
    packages = [_locked(one, data) for one in raw]
    owned = access.catalogue.owned
    yield from _owned_elsewhere(access, raw, project)
    yield from _unknown_sources(packages, project)
    yield from _plain_http(packages)
    yield from _without_hashes(packages)
    yield from _without_owner(packages, owned, project)


def _owned_elsewhere(
    access: Access, raw: list[dict[str, Any]], project: Project
) -> Iterator[Finding]:
    named = _named_directly(parse(read_text(project.path)))
    direct = {(one.name, one.url) for one in (_locked(one, {}) for one in raw) if one.name in named}

    def is_owner(owner: Owner, source: str) -> bool:
        entry, mirror = project.source(source), access.catalogue.mirrors.of(source)
        if owner.is_called(source) or owner.by_project:
            return owner.is_called(source)
        if mirror is not None and mirror.is_alone and owner.is_called(mirror.name):
            return True
        if entry is None:
            return False
        return is_same_index(entry.url or "", access.settings.user_settings(owner.repository).url)

    found = elsewhere(raw, access.catalogue.owned.owners_of, direct, is_owner)
    while found:
        yield failed("owned-names", locked_elsewhere(found))
        found = [one for one in found if one.whose != found[0].whose]


def _unknown_sources(packages: list[Locked], project: Project) -> Iterator[Finding]:
    """Poetry cannot install from a source that the project does not name."""
    for source, held in _by_source(packages):
        entry, names = project.source(source), [one.name for one in held]
        if entry is None:
            message = (
                f"poetry.lock has {listed(names)} from {shown(source)} ({redact(held[0].url)}), "
                "which is not a source of this project"
            )
            yield Finding("lock-sources", State.FAIL, message, hint=_anew(names))
        elif (strange := _other_url(held, entry.url)) is not None:
            message = (
                f"poetry.lock has {shown(source)} at {redact(strange)}, and pyproject.toml "
                f"at {redact(entry.url or '')}"
            )
            yield Finding("lock-sources", State.WARN, message, hint=_anew(names))


def _other_url(held: list[Locked], url: str | None) -> str | None:
    urls = (one.url for one in held if _bare(one.url) != _bare(url or ""))
    return next(urls, None)


def _plain_http(packages: list[Locked]) -> Iterator[Finding]:
    urls = dict.fromkeys(one.url for one in packages if one.url.lower().startswith("http://"))
    for url in urls:
        held = [one.name for one in packages if one.url == url]
        message = (
            f"poetry.lock has {listed(held)} from {redact(url)}: plain http, which whoever is "
            "on the way can read and change"
        )
        yield Finding("lock-http", State.WARN, message)


def _without_hashes(packages: list[Locked]) -> Iterator[Finding]:
    names = [one.name for one in packages if one.kind in (None, "legacy") and not _is_held(one)]
    if names:
        message = (
            f"poetry.lock has no safe hashes for all files of {listed(names)}: any file that "
            "an index delivers is installed"
        )
        yield Finding("lock-hashes", State.WARN, message, hint=_anew(names))


def _is_held(package: Locked) -> bool:
    """Whether each file must have the hash that was seen when it was locked."""
    hashes = [one.get("hash") if isinstance(one, dict) else None for one in package.files]
    return bool(hashes) and all(isinstance(one, str) and _is_safe(one) for one in hashes)


def _is_safe(digest: str) -> bool:
    return ":" in digest and not digest.lower().startswith(_WEAK)


def _without_owner(
    packages: list[Locked], owned: OwnedNames, project: Project
) -> Iterator[Finding]:
    """Names that another index could deliver as well, where the project has another."""
    indexes = len(project.sources) + project.pypi_is_on
    indexes -= any(is_pypi(one.name) for one in project.sources)
    if indexes < 2:
        return
    every = {one.name for one in packages}
    for source, held in _by_source(packages):
        names = [one.name for one in held if not owned.owners_of(one.name)]
        if names and project.source(source) is not None:
            verb = "come"
            if len(names) == 1:
                verb = "comes"
            message = (
                f"{listed(names)} {verb} from {shown(source)}, and no pattern of names keeps other "
                "indexes from delivering the same"
            )
            yield Finding(
                "owned-names", State.OK, message, hint=_owning(source, names, every - {*names})
            )


def _owning(source: str, names: list[str], others: set[str]) -> Hint | None:
    """The command that gives names to a source: by one pattern, if they begin with the same word
    and no other package of the lock file does.
    """
    patterns, words = names, {name.partition("-")[0] for name in names}
    pattern = f"{words.pop()}-*"
    alike = not words and all(matches(pattern, name) for name in names)
    if len(names) > 1 and alike and not any(matches(pattern, name) for name in others):
        patterns = [pattern]
    if len(patterns) > _MOST:
        return None
    return repo("add", source, *(word for one in patterns for word in ("--packages", one)))


def _anew(names: list[str]) -> Hint:
    """The command that looks for packages anew."""
    if len(names) > _MOST:
        return Hint([("poetry", "lock", "--regenerate")])
    return update(names)


# -- reading


def _locked(package: dict[str, Any], data: dict[str, Any]) -> Locked:
    name, source = normalized(str(package.get("name", ""))), package.get("source")
    source = source if isinstance(source, dict) else {}
    files = package.get("files")
    if files is None:  # before version 2 of the format
        metadata = data.get("metadata")
        older = None
        if isinstance(metadata, dict):
            older = metadata.get("files")
        files = None
        if isinstance(older, dict):
            files = older.get(name)
    url, kind = str(source.get("url", "")), source.get("type")
    return Locked(name, kind, str(source.get("reference", "")), url, _list(files))


def _by_source(packages: list[Locked]) -> Iterator[tuple[str, list[Locked]]]:
    """The packages of each index that is not PyPI."""
    legacy = [one for one in packages if one.kind == "legacy"]
    held: dict[str, list[Locked]] = {}
    for one in legacy:
        held.setdefault(one.source.lower(), []).append(one)
    for some in held.values():
        yield some[0].source, some


def _named_directly(data: dict[str, Any]) -> set[str]:
    """The names of which a project says itself that they come from a URL or a git repository."""
    poetry, project = (
        _table(one) for one in (_table(data.get("tool")).get("poetry"), data.get("project"))
    )
    groups = [_table(one) for one in _table(poetry.get("group")).values()]
    tables = [poetry.get("dependencies"), poetry.get("dev-dependencies")]
    tables += [one.get("dependencies") for one in groups]
    lists = [project.get("dependencies"), *_table(project.get("optional-dependencies")).values()]
    lists += _table(data.get("dependency-groups")).values()
    return {*_of_tables(map(_table, tables)), *_of_lists(map(_list, lists))}


def _of_tables(tables: Iterable[dict[str, Any]]) -> Iterator[str]:
    for table in tables:
        for name, wanted in table.items():
            for one in wanted if isinstance(wanted, list) else [wanted]:
                if isinstance(one, dict) and {"git", "url"} & one.keys():
                    yield normalized(name)


def _of_lists(lists: Iterable[list[Any]]) -> Iterator[str]:
    for one in (one for requirements in lists for one in requirements):
        found = None
        if isinstance(one, str):
            found = _REQUIRED_FROM.match(one)
        if found is not None:
            yield normalized(found[1])


def _bare(url: str) -> str:
    try:
        return split_userinfo(url)[0].rstrip("/")
    except ValueError:
        return url


def _table(value: object) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    return {}


def _list(value: object) -> list[Any]:
    if isinstance(value, list):
        return value
    return []
