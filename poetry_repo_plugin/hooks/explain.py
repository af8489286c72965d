"""How a command ends: our errors in the form that Poetry prints well, and Poetry's own put into our
words.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from cleo.formatters.formatter import Formatter

from poetry_repo_plugin.core.errors import Cause, Failure, RepoError, StateError
from poetry_repo_plugin.core.hints import repo
from poetry_repo_plugin.core.names import is_pypi
from poetry_repo_plugin.core.origin import InvalidUrl, split_userinfo
from poetry_repo_plugin.core.wrapping import width_of, wrapped
from poetry_repo_plugin.hooks.facts import project_folder

try:
    from poetry.console.exceptions import PoetryRuntimeError as _Base
except ImportError:  # Poetry 2.0
    from poetry.exceptions import PoetryError as _Base  # type: ignore[assignment]

if TYPE_CHECKING:
    from cleo.commands.command import Command
    from requests import Response

    from poetry_repo_plugin.http.auth import Access
    from poetry_repo_plugin.http.responses import Judgement

_FAILED = frozenset((429, *range(500, 1000)))
_TIMEOUT = 5.0  # seconds, for connecting and for each read

# -- an error of ours, on its way to the screen

_lock = threading.Lock()
_said: set[str] = set()


class Reported(_Base):
    """A failure on its way to the screen. Parallel downloads raise it once each; it is printed
    once.

    :ivar cause: that of the failure; ``None`` for an error without one.
    :ivar server_cause: why the server that was asked did not do; ``None`` where it was not that.
    """

    def __init__(self, error: RepoError) -> None:
        self.lines = error.lines_for_ci()
        self.cause: Cause | None = getattr(error, "cause", None)
        self.server_cause: Cause | None = None
        if isinstance(error, Failure) and not error.of_credential:
            self.server_cause = error.cause
        super().__init__(markup(self.lines))

    def __str__(self) -> str:
        return "\n".join(self.lines)

    def get_text(self, debug: bool = False, indent: str = "", strip: bool = False) -> str:
        """The text as Poetry's executor and application ask for it; a line that points back from
        the second time on.
        """
        with _lock:
            again = str(self) in _said
            _said.add(str(self))
        if again:
            return f"{indent}{'(as above)' if strip else '<fg=default;options=dark>(as above)</>'}"
        width = width_of(sys.stderr)
        text = (
            str(self)
            if strip
            else markup(self.lines, width - len(indent) if width is not None else None)
        )
        return "\n".join(f"{indent}{line}" for line in text.splitlines())


def reported(error: RepoError, instead_of: BaseException | None = None) -> Reported:
    """``error`` as an exception to raise inside Poetry.

    :param instead_of: what Poetry would raise. Ours is of that kind as well, for those who catch it
        (Poetry reads a wheel whose metadata cannot be had) and look for the response in it.
    """
    _teach_old_poetry()
    if instead_of is None or isinstance(instead_of, _Base):
        return Reported(error)
    told = _as(cast("Any", type(instead_of)))(error)
    for name in ("response", "request"):
        if hasattr(instead_of, name):
            setattr(told, name, getattr(instead_of, name))
    return told


@cache
def _as(kind: Any) -> type[Reported]:
    return type("Reported", (Reported, kind), {"__module__": __name__})


def is_reported(error: BaseException) -> bool:
    """Whether ``error`` is one of ours already."""
    return isinstance(error, Reported)


def markup(lines: list[str], width: int | None = None) -> str:
    """The message in red, the command that mends it as Poetry shows commands; what is in them is
    not markup.

    :param width: of the terminal in columns, if it is one.
    """
    head, *rest = lines
    told = [f"<error>{Formatter.escape(one)}</error>" for one in wrapped(head, width)]
    return "\n".join([*told, *(f"<c1>{Formatter.escape(line)}</c1>" for line in rest)])


def _teach_old_poetry() -> None:
    """Poetry 2.0 prints every exception with a piece of our source; give it the message instead."""
    if hasattr(_Base, "get_text"):
        return
    from cleo.ui.exception_trace import ExceptionTrace

    original = ExceptionTrace.render
    if getattr(original, "knows_reported", False):
        return

    def render(self: Any, io: Any, simple: bool = False) -> None:
        error = self._exception
        if isinstance(error, Reported):
            io.write_line("")
            io.write_line(error.get_text())
            return
        original(self, io, simple)

    render.knows_reported = True  # type: ignore[attr-defined]
    ExceptionTrace.render = render  # type: ignore[method-assign]


# -- a request that has ended


def explain_end(access: Access, owner: str | None, url: str, error: Exception) -> Failure | None:
    """Why a request to ``url`` has failed for good: the last connection error is the context of
    what Poetry raises.

    :param owner: the repository on whose behalf it was made.
    """
    response = getattr(error, "response", None)
    if response is not None:
        return explain_answer(access, owner, url, judge_answer(owner, url, response))
    if is_reported(error):
        return None
    from poetry_repo_plugin.http.asking import proxy_of

    bare = split_userinfo(url)[0]
    try:
        grant, proxy = access.matcher.grant_for(bare, owner=owner), proxy_of(bare)
    except InvalidUrl:  # nothing that we could explain: Poetry's own error stands
        return None
    found = access.tls.explain(grant, error, proxy=proxy)
    if found is None and error.__context__ is not None:
        found = access.tls.explain(grant, error.__context__, proxy=proxy)
    return found


def judge_answer(owner: str | None, url: str, response: Response) -> Judgement | None:
    """What an answer is, where Poetry takes it for a page.

    What is asked for a file, Poetry judges, which may do without it. What is not in memory was
    not asked as a page.
    """
    from poetry_repo_plugin.http.bodies import is_metadata
    from poetry_repo_plugin.http.responses import Answer, judge_index

    if is_metadata(url):  # Poetry reads the file itself instead
        return None
    status = response.status_code
    if status in _FAILED:
        return judge_index(url, response)
    if owner is None or is_pypi(owner) or not _is_for_page(url):
        return None
    if status < 300 and getattr(response, "_content_consumed", False) is not True:
        return None
    found = judge_index(url, response)
    if found.answer in (Answer.ABSENT, Answer.REFUSED):
        return found._replace(cause=None)  # of one page, an index may say so
    return found


def explain_answer(
    access: Access, owner: str | None, url: str, found: Judgement | None
) -> Failure | None:
    """An answer that Poetry would misread: a server that fails for one that lacks the package, and
    a page to log in for an empty one.
    """
    from poetry_repo_plugin.http.failures import failure
    from poetry_repo_plugin.http.responses import Answer

    if found is None or found.cause is None:
        return None
    grant = access.matcher.grant_for(split_userinfo(url)[0], owner=owner)
    repository, detail = grant.repository, found.detail
    if found.answer is Answer.FAILED:
        detail = f"{detail}, also after a retry"
    elif repository is not None and found.status in access.ignored_codes(repository):
        return None
    return failure(found.cause, detail, repository, host=grant.origin.netloc)


def is_empty_page(url: str, response: Response) -> bool:
    """Some indexes answer so, with 200 or 204, for a package that they do not have."""
    if response.status_code not in (200, 204) or not _is_for_page(url):
        return False
    read = getattr(response, "_content_consumed", False) is True
    return read and not response.content.strip()


def _is_for_page(url: str) -> bool:
    from poetry_repo_plugin.http.bodies import is_file

    return not is_file(url)


# -- a command that has failed


class Answers:
    """Which repositories had nothing at all: do they lack the package, or is there no index?

    A 404 or an empty page tells nothing: an index answers so for what it does not have. So this is
    asked only when the command has failed anyway, and only of repositories that had nothing at all.
    """

    def __init__(self) -> None:
        self._had_nothing: dict[str, bool] = {}
        self._lock = threading.Lock()

    def note(self, name: str, status: int, found: Judgement | None) -> None:
        """The repository ``name`` answered with ``status``, and what that was, if it is a page."""
        from poetry_repo_plugin.http.responses import Answer

        nothing = status == 404 or (found is not None and found.answer is Answer.EMPTY)
        with self._lock:
            self._had_nothing[name] = nothing and self._had_nothing.get(name, True)

    def explain(self, access: Access) -> Iterator[Failure]:
        """The repositories of which the root is not there either, or to which no credential can be
        told to be good; one request at most for each that had nothing.
        """
        from poetry_repo_plugin.http.checks import check_index
        from poetry_repo_plugin.http.responses import Answer

        for name in [
            name for name, nothing in self._had_nothing.items() if nothing and not is_pypi(name)
        ]:
            doubt = access.doubt(name)
            if doubt is not None:
                yield doubt
                continue
            repository = access.catalogue.find(name)
            if repository is None or repository.index_url is None:
                continue
            try:
                found = check_index(access, repository, repository.index_url, timeout=_TIMEOUT)
            except Failure as error:
                if error.cause is Cause.NOT_AN_INDEX:
                    yield error
                continue
            if found.answer is Answer.EMPTY:
                line = f"{name}: {found.detail}. Is it the URL of an index?"
                access.notices.once(line)


def explain_legacy(command: Command, error: Exception) -> None:
    """Add the hint to Poetry's own message, where ``default`` or ``secondary`` are what it
    refused.
    """
    from poetry_repo_plugin.config.project import read_project

    folder = project_folder(command)
    try:
        legacy = folder is not None and read_project(folder / "pyproject.toml").needs_migration
    except StateError:
        return
    if legacy:
        why = "`default` and `secondary` are settings of Poetry 1."
        error.args = (f"{str(error).rstrip()}\n\n{why}\nTry: {repo('migrate')}",)
