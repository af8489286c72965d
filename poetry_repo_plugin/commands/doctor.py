"""``poetry repo doctor``."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from cleo.formatters.formatter import Formatter
from cleo.helpers import argument, option
from cleo.io.outputs.output import Type

from poetry_repo_plugin.commands.base import RepoCommand
from poetry_repo_plugin.core.errors import InputError
from poetry_repo_plugin.core.hints import repo
from poetry_repo_plugin.core.terminal import printable
from poetry_repo_plugin.core.wrapping import width_of
from poetry_repo_plugin.ops.session import Session

if TYPE_CHECKING:
    from poetry_repo_plugin.doctor.report import Report
    from poetry_repo_plugin.doctor.runner import Limits

_LONGEST = 600.0  # seconds


class Command(RepoCommand):
    """Finds out what is wrong, and says which command mends it."""

    name = "repo doctor"
    description = "Find problems, and the commands that fix them."
    arguments: ClassVar = [
        argument(
            "names",
            "The repositories to check; all known ones if omitted.",
            optional=True,
            multiple=True,
        )
    ]
    options: ClassVar = [
        option("json", None, "Print one JSON document."),
        option("fix", None, "Fix what can be fixed safely, then check."),
        option("timeout", None, "Time limit of each step, in seconds.", flag=False, default="10"),
    ]
    tells_ignored = False
    help = """\
    <c1>poetry repo doctor</c1>
    <c1>poetry repo doctor acme --timeout 3</c1>
    <c1>poetry repo doctor --json</c1>
    <c1>poetry repo doctor --fix</c1>

Checks each repository from its host name to its upload URL: dns, connect,
tls, client-cert, credential, index, upload. Nothing is uploaded, and
without <c1>--fix</c1> nothing is written. <c1>--fix</c1> makes settings private, moves
passwords from URLs into the credential store, and rewrites sources that
Poetry 2 rejects.

PyPI is checked only if it is named or has settings of its own. The exit
code is 1 if any check failed."""

    def work(self, session: Session) -> int:
        """Mend if asked to, look, print."""
        limits = self._limits(session)
        wanted = [str(name) for name in self.argument("names") or []]
        if self.option("fix"):
            session = self._mend(session)
        report = self._examine(session, wanted, limits)
        if self.option("json"):
            self.data_json(report.document())
        else:
            self._print(session, wanted, report)
        if report.ok:
            return 0
        return 1

    def _limits(self, session: Session) -> Limits:
        from poetry_repo_plugin.credentials.keyring_worker import SECONDS_WITH_TERMINAL
        from poetry_repo_plugin.doctor.runner import Limits

        given = self.text("timeout") or ""
        try:
            seconds = float(given)
        except ValueError:
            seconds = -1.0
        if not 0 < seconds <= _LONGEST:
            raise InputError(f"{given!r} is not a number of seconds between 0 and {_LONGEST:.0f}.")
        # With a terminal, the keyring may be asking for its password.
        patience = seconds
        if session.terminal:
            patience = max(seconds, SECONDS_WITH_TERMINAL + 5)
        return Limits(seconds, patience)

    def _mend(self, session: Session) -> Session:
        from poetry_repo_plugin.doctor.local import mend
        from poetry_repo_plugin.hooks.facts import surroundings

        mended = mend(session.access)
        for line in mended.done:
            self.say(line)
        for line in mended.left:
            self.warn(line)
        if not mended.done:
            self.say("Nothing to fix.")
        return session.reread(surroundings(self))

    def _examine(self, session: Session, wanted: list[str], limits: Limits) -> Report:
        from poetry_repo_plugin.doctor.local import look_around
        from poetry_repo_plugin.doctor.report import Report, versions
        from poetry_repo_plugin.doctor.runner import choose, examine
        from poetry_repo_plugin.hooks.facts import poetry_version

        repositories = choose(session.catalogue, session.settings, wanted)
        progress = _Progress(self, len(repositories))
        try:
            examined = examine(session.look, repositories, limits, progress.tell)
        finally:
            progress.clear()
        report = Report(tuple(examined), tuple(look_around(session.look())))
        if not self.option("json"):
            return report
        known = versions(poetry_version())
        return replace(report, versions=known, keyring=session.gate.describe())

    def _print(self, session: Session, wanted: list[str], report: Report) -> None:
        from poetry_repo_plugin.doctor.render import WIDTH, lines

        note = ""
        project = session.catalogue.project
        if not wanted and all(examined.name != "pypi" for examined in report.repositories):
            if not report.repositories:
                note = f"No private repository is known here. Next: {repo('add', 'NAME', 'URL')}"
            elif (
                project is not None
                and project.pypi_is_on
                and session.catalogue.mirrors.of("pypi") is None
            ):
                note = f"PyPI was not checked. To check it: {repo('doctor', 'pypi')}"
        width = width_of(self.io.output) or WIDTH
        for line in lines(report, self._encoding(), note, width):
            head, rest = line.text[: line.marked], line.text[line.marked :]
            shown = (
                f"<{line.style}>{Formatter.escape(head)}</>"
                if line.style and head
                else Formatter.escape(head)
            )
            self.io.output.write(
                f"{shown}{Formatter.escape(rest)}", new_line=True, type=Type.NORMAL
            )

    def _encoding(self) -> str:
        """What standard output can show; a Windows code page may know no check mark."""
        stream = getattr(self.io.output, "stream", None)
        return getattr(stream, "encoding", None) or "utf-8"


class _Progress:
    """One line on a terminal's stderr, written over again and again; nothing anywhere else."""

    def __init__(self, command: Command, count: int) -> None:
        self._io = command.io
        self._width = width_of(self._io.error_output)
        self._shown = (
            bool(count) and self._width is not None and not self._io.error_output.is_quiet()
        )
        self._drawn = 0
        self._current: dict[str, str] = {}
        self._lock = threading.Lock()

    def tell(self, name: str, check: str) -> None:
        """``name`` is at ``check`` now."""
        with self._lock:
            self._current[name] = check
            if self._shown:
                now = ", ".join(
                    f"{repository}: {step}" for repository, step in self._current.items()
                )
                # A line that reached the last column would leave a part of itself behind.
                self._write(
                    printable(f"Checking {now}")[: (width_of(self._io.error_output) or 2) - 1]
                )

    def clear(self) -> None:
        """Leave nothing behind."""
        if self._shown:
            self._write("")

    def _write(self, text: str) -> None:
        blank = " " * (self._drawn - len(text))
        end = "\r"
        if text:
            end = ""
        self._io.error_output.write(f"\r{text}{blank}{end}", type=Type.RAW)
        self._drawn = len(text)
