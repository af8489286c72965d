"""Names that belong to one repository: Poetry looks for them there, and nowhere else.

Two guards. Where Poetry chooses whom to ask (its pool, its provider, its lock file), a name goes to
its owner, and what is not so is said. Where a repository is asked, a name that is not its own is
not there, whoever asks; so nothing is sent even on a way that we do not know.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from poetry.repositories.exceptions import PackageNotFoundError

from poetry_repo_plugin.config.owned_names import (
    Elsewhere,
    Owner,
    claimed,
    disowned,
    elsewhere,
    locked_elsewhere,
)
from poetry_repo_plugin.core.errors import Failure
from poetry_repo_plugin.core.hints import command, repo
from poetry_repo_plugin.core.names import is_pypi
from poetry_repo_plugin.core.patterns import Pattern
from poetry_repo_plugin.hooks.run import STANDS_FOR, current

_NAME = Pattern(r"[A-Za-z0-9._-]+")


# -- whom Poetry asks


def find_packages(original: Callable[..., Any], self: Any, dependency: Any) -> Any:
    """``RepositoryPool.find_packages``: of a name that is owned, from its owner."""
    repository = repository_for(self, dependency.name, dependency.source_name)
    if repository is None:
        return original(self, dependency)
    return repository.find_packages(dependency)


def package(
    original: Callable[..., Any],
    self: Any,
    name: str,
    version: Any,
    *arguments: Any,
    **options: Any,
) -> Any:
    """``RepositoryPool.package``: of a name that is owned, from its owner."""
    if not current().owned:
        return original(self, name, version, *arguments, **options)
    given = inspect.signature(original).bind(self, name, version, *arguments, **options)
    repository = repository_for(self, name, given.arguments.get("repository_name"))
    if repository is not None:
        given.arguments["repository_name"] = repository.name
    return original(*given.args, **given.kwargs)


def repository_for(pool: Any, name: str, source: str | None) -> Any:
    """The repository of ``pool`` that owns ``name``; ``None`` where nobody does.

    :param source: the one that the dependency names.

    Raises what Poetry prints well where the owner cannot be asked, or is not the one that is wanted.
    """
    owners = current().owned.owners_of(name)
    if not owners or not _asks_servers(pool):
        return None
    owner, *others = owners
    found = _repository_of(owner, pool)
    if any(found is None or _repository_of(one, pool) is not found for one in others):
        _fail(claimed(name, owners))
    if source is not None and not _is_from(owner, source, pool):
        _fail(_wanted_elsewhere(name, owner, source))
    if found is not None:
        return pool.repository(source) if source is not None else found
    if pool.has_repository(owner.repository):
        _fail(_another(name, owner, pool.repository(owner.repository)))
    _fail(_not_a_source(name, owner))


def _repository_of(owner: Owner, pool: Any) -> Any:
    """The repository of ``pool`` that an owner is; ``None`` if it is not there."""
    owned = current().owned
    if pool.has_repository(owner.repository):
        named = pool.repository(owner.repository)
        if owned.is_owner(owner, named):
            return named
    return next((one for one in pool.all_repositories if owned.is_owner(owner, one)), None)


def _is_from(owner: Owner, source: str, pool: Any) -> bool:
    """Whether the source of that name is the owner."""
    if pool.has_repository(source):
        return current().owned.is_owner(owner, pool.repository(source))
    return owner.is_called(source)


class Routes:
    """Who is asked for which name, for whoever asks ahead of Poetry: nothing is raised here."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    def source_of(self, name: str, source: str | None) -> str | None:
        """The source that a dependency comes from, as far as anybody has said one: the owner, else
        ``source``. The latter too where Poetry will complain.
        """
        owners = current().owned.owners_of(name)
        found = [_repository_of(owner, self._pool) for owner in owners]
        if not found or found[0] is None or any(one is not found[0] for one in found):
            return source
        return str(found[0].name)

    @staticmethod
    def may_be_asked(repository: Any, name: str) -> bool:
        """See :func:`may_be_asked`."""
        return may_be_asked(repository, name)


def may_be_asked(repository: Any, name: str) -> bool:
    """Whether a repository may learn of a name, and deliver it; a mirror may what the one may that
    it stands in for.
    """
    repository = getattr(repository, STANDS_FOR, repository)
    owners = current().owned.owners_of(name)
    return all(current().owned.is_owner(owner, repository) for owner in owners)


def _asks_servers(pool: Any) -> bool:
    """Whether it is no pool of the packages of a lock file."""
    return any(hasattr(one, "session") for one in pool.all_repositories)


# -- the lock file


def get_locked(original: Callable[..., Any], self: Any, dependency: Any) -> Any:
    """``Provider.get_locked``: what the lock file has from an explicit source counts for whoever
    names that source, and so for a name that the source owns.
    """
    source = None
    if current().owned:
        source = Routes(self.pool).source_of(dependency.name, None)
    if source is None or dependency.source_name:
        return original(self, dependency)
    named = dependency.clone()
    named.source_name = source
    found = original(self, named)
    if found is None:
        return found
    return type(found)(dependency, found.package)


def search_for_direct_origin_dependency(
    original: Callable[..., Any], self: Any, dependency: Any
) -> Any:
    """``Provider.search_for_direct_origin_dependency``: only the project itself may say that an
    owned name comes from a URL or a git repository.
    """
    owners = current().owned.owners_of(dependency.name)
    if owners and not (dependency.is_file() or dependency.is_directory()):
        key = (dependency.name, dependency.source_url)
        if key not in _direct(self._package):
            _fail(_wanted_elsewhere(dependency.name, owners[0], str(dependency.source_url)))
    return original(self, dependency)


def run_installer(original: Callable[..., int], self: Any) -> int:
    """``Installer.run``: nothing is asked of anybody while the lock file, or the project, has an
    owned name from elsewhere.
    """
    if current().owned:
        for dependency in self._package.all_requires:
            owners = current().owned.owners_of(dependency.name)
            source = dependency.source_name
            if len(owners) == 1 and source and not _is_from(owners[0], source, self._pool):
                _fail(_wanted_elsewhere(dependency.name, owners[0], source))
        found = elsewhere(
            _locked(self),
            current().owned.owners_of,
            _direct(self._package),
            lambda owner, holder: _is_from(owner, holder, self._pool),
        )
        if found:
            _check_name(found[0], self._pool)
            hint = command("poetry", "self", "lock", "--regenerate")
            _fail(locked_elsewhere(found, hint if current().is_for_poetry_itself else None))
    return original(self)


def _check_name(found: Elsewhere, pool: Any) -> None:
    """Where the lock file has the owner's name, the project means another repository by it."""
    owner = found.owners[0]
    if owner.is_called(found.holder):
        _fail(_another(found.name, owner, pool.repository(found.holder)))


def _locked(installer: Any) -> Iterable[Any]:
    """The packages of the lock file that this run relies on: those that are to be updated it looks
    for anew.
    """
    if not installer._locker.is_locked() or (installer._update and installer._lock):
        return ()
    packages = installer._locker.lock_data.get("package", ())
    if not installer._update:
        return list(packages)
    renewed = set(installer._whitelist)
    return [one for one in packages if renewed and one["name"] not in renewed]


def _direct(root: Any) -> set[tuple[str, str]]:
    """The names and URLs that a project itself names."""
    return {(one.name, str(one.source_url)) for one in root.all_requires if one.is_direct_origin()}


# -- a repository that is asked


def by_name(
    original: Callable[..., Any], self: Any, name: str, *arguments: Any, **options: Any
) -> Any:
    """A question about the package ``name``."""
    if not may_be_asked(self, name):
        raise PackageNotFoundError(f"Package [{name}] not found.")
    return original(self, name, *arguments, **options)


def search(original: Callable[..., Any], self: Any, query: Any) -> Any:
    """``PyPiRepository.search``, whose words go to the server: without names that others own."""
    if not current().owned:
        return original(self, query)
    words = query.split() if isinstance(query, str) else list(query)
    asked = [word for word in words if _may_search(self, word)]
    found = []
    if asked:
        found = original(self, " ".join(asked) if isinstance(query, str) else asked)
    return [one for one in found if may_be_asked(self, one.name)]


def _may_search(repository: Any, word: str) -> bool:
    """Whether the server may read ``word``, in which a person may have quoted several names."""
    return all(may_be_asked(repository, name) for name in _NAME.findall(word))


# -- what is said


def _fail(failure: Failure) -> NoReturn:
    raise current().report(failure)


def _wanted_elsewhere(name: str, owner: Owner, source: str) -> Failure:
    return disowned(
        owner,
        f"{name} belongs to it ({owner}), but is required from {source}. "
        f'Require it with source = "{owner.repository}" or without a source, or change the pattern',
    )


def _not_a_source(name: str, owner: Owner) -> Failure:
    whose = "this project"
    if current().is_for_poetry_itself:
        whose = "Poetry's own environment"
    words = []
    if current().is_for_poetry_itself:
        words = ["--self"]
    if current().owned.url_of(owner) is None and not is_pypi(owner.repository):
        words.insert(0, "URL")
    hint = repo("add", owner.repository, *words)
    return disowned(
        owner, f"{name} belongs to it ({owner}), but it is not a source of {whose}", hint
    )


def _another(name: str, owner: Owner, repository: Any) -> Failure:
    home = current().owned.home_of(owner)
    return disowned(
        owner,
        f"{name} belongs to it ({owner}) at {home}, and this project uses that name for {repository._url}",
        repo("login", owner.repository, "--url", repository._url),
    )
