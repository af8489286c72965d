"""Names of packages that belong to one repository, and to no other (DESIGN section 11).

Patterns are the user's, or a project's: they only narrow where Poetry looks, so that a project may
have some. A name that two repositories claim has no owner that could be believed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from poetry_repo_plugin.config.toml import dump, shown
from poetry_repo_plugin.core.errors import Cause, Failure
from poetry_repo_plugin.core.hints import Hint, command
from poetry_repo_plugin.core.origin import InvalidUrl, Prefix
from poetry_repo_plugin.core.package_names import NO_PATTERN, matches, normalized, pattern_of
from poetry_repo_plugin.core.terminal import printable

if TYPE_CHECKING:
    from poetry_repo_plugin.config.project import Project
    from poetry_repo_plugin.config.settings import Settings

PYPI = "PyPI"
_SHOWN = 3  # names in a sentence
_LOCAL = ("directory", "file")


class Owner(NamedTuple):
    """A repository and the pattern by which it owns a name.

    :param pattern: as it is written.
    :param place: where it is written, for a person.
    :param by_project: only the project says so.
    """

    repository: str
    pattern: str
    place: str
    by_project: bool

    def __str__(self) -> str:
        return f"{dump(self.pattern)} in {self.place}"

    def is_called(self, repository: str) -> bool:
        """Whether it is the repository of that name; case makes no difference, as in Poetry."""
        return self.repository.lower() == repository.lower()


class OwnedNames:
    """Whose names are whose, for one run.

    :param owners: the patterns of all repositories; who comes first is told of.
    :ivar ignored: sentences on patterns that are none.
    """

    def __init__(self, owners: Iterable[Owner] = ()) -> None:
        self.ignored: list[str] = []
        self._patterns: list[tuple[str, Owner]] = []
        self._known: dict[str, tuple[Owner, ...]] = {}
        for owner in owners:
            pattern = pattern_of(owner.pattern)
            if pattern is None:
                self.ignored.append(
                    f"{owner.place}: the pattern {dump(owner.pattern)} of {shown(owner.repository)} "
                    f"is ignored: {NO_PATTERN}."
                )
            else:
                self._patterns.append((pattern, owner))

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def owners_of(self, name: str) -> tuple[Owner, ...]:
        """The repositories that own ``name``, each once; more than one is for a person to settle."""
        name = normalized(name)
        if name not in self._known:
            found: dict[str, Owner] = {}
            for pattern, owner in self._patterns:
                if matches(pattern, name):
                    found.setdefault(owner.repository.lower(), owner)
            self._known[name] = tuple(found.values())
        return self._known[name]

    def patterns_of(self, repository: str) -> list[str]:
        """The patterns of a repository, as they are written."""
        owned = (owner.pattern for _, owner in self._patterns if owner.is_called(repository))
        return list(dict.fromkeys(owned))


def owned_names(settings: Settings, project: Project | None) -> OwnedNames:
    """The names that the user's settings and the project give to repositories."""
    return OwnedNames([*_of_user(settings), *_of_project(project)])


def _of_user(settings: Settings) -> Iterator[Owner]:
    from poetry_repo_plugin.config.managed import MANAGED

    for name in settings.names():
        where = settings.own_file.name
        if settings.managed.decides(name, "packages"):
            where = MANAGED
        for pattern in settings.user_settings(name).packages:
            yield Owner(name, pattern, where, False)


def _of_project(project: Project | None) -> Iterator[Owner]:
    for name, one in project.settings.items() if project is not None else ():
        for pattern in one.packages:
            yield Owner(name, pattern, "pyproject.toml", True)


def is_same_index(url: str, other: str | None) -> bool:
    """Whether two URLs are one index; a slash at the end makes no difference."""
    with suppress(InvalidUrl):
        return other is not None and Prefix.of(url) == Prefix.of(other)
    return False


class Elsewhere(NamedTuple):
    """A package of a lock file that does not come from its owner.

    :param owners: one, or those who claim the name.
    :param holder: where the lock file has it from: a repository's name, or a URL.
    """

    name: str
    owners: tuple[Owner, ...]
    holder: str

    @property
    def whose(self) -> tuple[str, ...]:
        """The names of its owners, the same in each spelling."""
        return tuple(owner.repository.lower() for owner in self.owners)


def elsewhere(
    packages: Iterable[Mapping[str, Any]],
    owners_of: Callable[[str], tuple[Owner, ...]],
    direct: Collection[tuple[str, str]],
    is_owner: Callable[[Owner, str], bool] = Owner.is_called,
) -> list[Elsewhere]:
    """The packages of a lock file that are owned and come from somebody else.

    :param packages: ``[[package]]``, as parsed.
    :param owners_of: as :meth:`OwnedNames.owners_of`.
    :param direct: names and URLs that the project itself names; those are its own word.
    :param is_owner: whether an owner is the repository that the project calls so.
    """
    found = []
    for package in packages:
        name = normalized(str(package.get("name", "")))
        owners = owners_of(name)
        holder = _holder(package, name, direct)
        if holder is not None and not all(is_owner(owner, holder) for owner in owners):
            found.append(Elsewhere(name, owners, holder))
    return found


def _holder(
    package: Mapping[str, Any], name: str, direct: Collection[tuple[str, str]]
) -> str | None:
    """Where a lock file has a package from; ``None`` for what no index is asked for by its name."""
    source = package.get("source")
    if not isinstance(source, Mapping):
        return PYPI
    kind, url = source.get("type"), str(source.get("url", ""))
    if kind == "legacy":
        return str(source.get("reference", url))
    if kind in _LOCAL or (name, url) in direct:
        return None
    return url


# -- what is said


def disowned(owner: Owner, detail: str, hint: Hint | None = None) -> Failure:
    """A name does not come from its owner."""
    return Failure(Cause.OWNED_ELSEWHERE, detail, repository=printable(owner.repository), hint=hint)


def claimed(name: str, owners: tuple[Owner, ...]) -> Failure:
    """More than one repository owns a name."""
    claims = " and to ".join(f"{shown(owner.repository)} ({owner})" for owner in owners)
    left = "Change the patterns so that only one matches"
    return disowned(owners[0], f"{name} belongs to {claims}. {left}")


def locked_elsewhere(found: list[Elsewhere], hint: Hint | None = None) -> Failure:
    """What a lock file has from elsewhere: of the first owner, with all names of his.

    :param hint: in place of updating these names.
    """
    first = found[0]
    if len(first.owners) > 1:
        return claimed(first.name, first.owners)
    same = [one for one in found if one.whose == first.whose]
    names = list(dict.fromkeys(one.name for one in same))
    belong, them = ("belong", "them") if len(names) > 1 else ("belongs", "it")
    holders = " and ".join(dict.fromkeys(one.holder for one in same))
    detail = (
        f"{listed(names)} {belong} to it ({first.owners[0]}), "
        f"but poetry.lock has {them} from {holders}"
    )
    return disowned(first.owners[0], detail, hint or update(names))


def update(names: Iterable[str]) -> Hint:
    """The command that looks for packages anew, and changes the lock file only."""
    return command("poetry", "update", "--lock", *names)


def listed(names: list[str]) -> str:
    """Names in a sentence; of many, the first."""
    told = ", ".join(map(shown, names[:_SHOWN]))
    if len(names) > _SHOWN:
        told += f" and {len(names) - _SHOWN} more"
    return told
