"""What one command shares: the access, the connections, and which authenticator works for which
repository.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from poetry_repo_plugin.core.errors import Cause, Failure, RepoError, StateError
from poetry_repo_plugin.core.names import is_pypi
from poetry_repo_plugin.core.origin import split_userinfo
from poetry_repo_plugin.core.terminal import printable
from poetry_repo_plugin.hooks.cache import settle_cache
from poetry_repo_plugin.hooks.explain import Answers
from poetry_repo_plugin.hooks.facts import note_project, project_folder, surroundings
from poetry_repo_plugin.hooks.ownership import Ownership

if TYPE_CHECKING:
    from cleo.commands.command import Command
    from cleo.io.io import IO
    from urllib3 import PoolManager

    from poetry_repo_plugin.hooks.mirror import StandIn
    from poetry_repo_plugin.http.ahead import Hosts
    from poetry_repo_plugin.http.auth import Access
    from poetry_repo_plugin.ops.publish import Upload

_KEPT = (
    64  # idle connections to a host; with fewer, those of more workers are closed and opened again
)
_HOSTS = 64
STANDS_FOR = "_repo_plugin_stands_for"  # of a mirror's repository: the one that Poetry knows


class Run:
    """One command of Poetry, with those that it calls.

    :ivar owners: the name of the repository that each authenticator works for.
    :ivar stand_ins: what answers in another repository's place, by the name of the mirror.
    """

    def __init__(self, command: Command, io: IO, watch: Callable[[Hosts], None]) -> None:
        self.application = command.application
        self._watch = watch
        self._command = command
        self.io = io
        self.owners: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
        self.uploads: WeakKeyDictionary[Any, Upload] = WeakKeyDictionary()
        self.stand_ins: dict[str, StandIn] = {}
        self.git_refusals: dict[str, Failure] = {}
        self.answers = Answers()
        self._waiting: list[tuple[str, str]] = []
        self._lock = threading.RLock()

    @property
    def terminal(self) -> bool:
        """Whether somebody can answer."""
        return self.io.is_interactive() and sys.stdin is not None and sys.stdin.isatty()

    @cached_property
    def pools(self) -> PoolManager:
        """The connections of all of Poetry's sessions: it reads a page with one and downloads the
        file with another.
        """
        with self._lock:
            if "pools" in self.__dict__:
                return self.__dict__["pools"]  # type: ignore[no-any-return]  # another thread was first
            from urllib3 import PoolManager

            return PoolManager(_HOSTS, maxsize=_KEPT)

    @cached_property
    def access(self) -> Access:
        """Built at the first request."""
        with self._lock:
            if "access" in self.__dict__:
                return self.__dict__["access"]  # type: ignore[no-any-return]  # another thread was first
            from poetry_repo_plugin.core.notices import Notices
            from poetry_repo_plugin.ops.session import Session

            where, notices = surroundings(self._command), Notices(self._warn)
            session = Session.start(where, notices, self.terminal, self._clear_line)
            for line in session.settings.managed.says.complaints:
                notices.once(line)
            for name, url in self._waiting:
                session.catalogue.add_live(name, url)
            for line in session.catalogue.ignored_mirrors:
                notices.once(line)
            self._watch(session.access.hosts)
            return session.access

    @cached_property
    def owned(self) -> Ownership:
        """Whose names are whose. What is no pattern is told, as it protects nothing."""
        with self._lock:
            if "owned" in self.__dict__:
                return self.__dict__["owned"]  # type: ignore[no-any-return]  # another thread was first
            try:
                found = Ownership(project_folder(self._command))
            except StateError as error:
                raise self.report(error) from None
            for line in found.ignored:
                self._warn(printable(line))
            return found

    @property
    def is_for_poetry_itself(self) -> bool:
        """Whether the command works on Poetry's own environment."""
        return (self._command.name or "").startswith("self ")

    def add_live(self, name: str, url: str) -> None:
        if is_pypi(name):
            return
        with self._lock:
            self._waiting.append((name, url))
            if "access" in self.__dict__:
                self.access.matcher.add_live(name, url)

    def check(self, url: str) -> None:
        """Raise :class:`Failure` where ``url`` may not be asked at all."""
        from poetry_repo_plugin.http.mirrors import refuse_original

        refuse_original(self.access.catalogue, url)

    def elsewhere(self, url: str, cause: Cause | None) -> str | None:
        """Where else a file is, of which the request to ``url`` has failed."""
        if not self.stand_ins:
            return None
        stand_in = self.stand_ins.get(self.access.matcher.linked_by(url) or "")
        if stand_in is None:
            return None
        return stand_in.file_at_original(url, cause)

    def adopt(self, poetry: Any) -> None:
        """Learn of the repositories that exist already, where another plugin had Poetry built
        before this command.
        """
        note_project(poetry)
        for repository in getattr(getattr(poetry, "pool", None), "all_repositories", ()):
            session, url = getattr(repository, "session", None), getattr(repository, "_url", None)
            if session is not None and isinstance(url, str):
                repository._url = split_userinfo(url)[0]
                settle_cache(repository)
                self.owners[session] = repository.name
                self.add_live(repository.name, url)

    def ignored_codes(self, name: str) -> frozenset[int]:
        """The error codes, but for 401 and 403, that mean “not here” with the repository
        ``name``.
        """
        repository = self.access.catalogue.find(name)
        if repository is not None:
            return self.access.ignored_codes(repository) - {401, 403}
        return frozenset()

    def report(self, error: RepoError, instead_of: BaseException | None = None) -> Exception:
        """The exception that this Poetry prints well, once; of the kind of ``instead_of`` as
        well.
        """
        from poetry_repo_plugin.hooks.explain import reported

        return reported(error, instead_of)

    def _warn(self, line: str) -> None:
        from cleo.formatters.formatter import Formatter

        from poetry_repo_plugin.core.wrapping import width_of, wrapped

        lines = wrapped(line, width_of(self.io.error_output))
        text = "\n".join(f"<warning>{Formatter.escape(one)}</warning>" for one in lines)
        self.io.write_error_line(f"{self._wiped}{text}")

    def _clear_line(self) -> None:
        self.io.write_error(self._wiped)

    @property
    def _wiped(self) -> str:
        """What takes the line of Poetry's spinner away (as it does itself); it draws itself again
        below.
        """
        if self.io.error_output.is_decorated():
            return "\r\x1b[2K"
        return ""


_current: Run | None = None
_asking = (
    threading.local()
)  # .depth > 0 while Poetry asks on behalf of a request that our adapter will carry


def begin(command: Command, io: IO, watch: Callable[[Hosts], None]) -> None:
    """``command`` runs from now on. A command that it calls shares what there is.

    :param watch: is given, before the first request, what knows how the hosts answer.
    """
    global _current
    if _current is not None and _current.application is command.application:
        return
    from poetry_repo_plugin.hooks.console import mask_outputs

    mask_outputs(command.name or "")
    _current = Run(command, io, watch)
    _current.adopt(getattr(command.application, "_poetry", None))


def current() -> Run:
    """What the command that runs shares."""
    assert _current is not None
    return _current


def explain_not_found(error: Exception) -> None:
    """The command ends with ``error``: say so where a repository that had nothing turns out to be
    no index at all.
    """
    from poetry_repo_plugin.core.wrapping import width_of
    from poetry_repo_plugin.hooks.explain import is_reported, markup

    if _current is None or is_reported(error) or "access" not in _current.__dict__:
        return
    for found in _current.answers.explain(_current.access):
        _current.io.write_error_line(
            markup(found.lines_for_ci(), width_of(_current.io.error_output))
        )


def tell_if_unexpected(error: Exception) -> None:
    """``error`` leaves one of our methods: ask for a report if nobody has foreseen it."""
    if _current is not None:
        from poetry_repo_plugin.hooks.unexpected import tell

        tell(error, _current.io)


@contextmanager
def asked_by_us() -> Iterator[None]:
    """Within it Poetry's own look-ups of credentials and certificates find nothing: our adapter
    carries them.
    """
    _asking.depth = getattr(_asking, "depth", 0) + 1
    try:
        yield
    finally:
        _asking.depth -= 1


def is_asked_by_us() -> bool:
    """Whether this thread is within :func:`asked_by_us`."""
    return bool(getattr(_asking, "depth", 0))
