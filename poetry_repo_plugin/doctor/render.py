"""The report for a terminal of any width, also one without colour, and one that knows ASCII
only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from poetry_repo_plugin.core.terminal import printable
from poetry_repo_plugin.core.wrapping import fill
from poetry_repo_plugin.doctor.report import Finding, Report, State

WIDTH = 80  # where there is no terminal
NARROWEST = 40  # columns; a terminal with fewer folds the lines itself

_MARKS = {State.OK: "✓", State.WARN: "!", State.FAIL: "✗", State.SKIP: "-"}
_WORDS = {State.OK: "ok", State.WARN: "warn", State.FAIL: "FAIL", State.SKIP: "skip"}
_STYLES = {
    State.OK: "fg=green",
    State.WARN: "fg=yellow",
    State.FAIL: "fg=red;options=bold",
    State.SKIP: "",
}
_TITLE = "options=bold"
# What our messages hold beside ASCII.
_PLAIN = str.maketrans(
    {"…": "...", "→": "->", "’": "'", "“": '"', "”": '"', "–": "-", "✓": "+", "✗": "x"}
)


@dataclass(frozen=True)
class Line:
    """One line; its first ``marked`` characters are shown in ``style``."""

    text: str
    style: str = ""
    marked: int = 0


def lines(
    report: Report, encoding: str = "utf-8", note: str = "", width: int = WIDTH
) -> list[Line]:
    """The report, grouped by repository, the summary last. Every line can be written in
    ``encoding`` and has at most ``width`` columns, but for what is meant to be copied.
    """
    width = max(width, NARROWEST)
    marks = _WORDS
    if _fits("".join(_MARKS.values()), encoding):
        marks = _MARKS
    found: list[Line] = []
    for examined in report.repositories:
        found.extend(_wrapped(writable(examined.name, encoding), "", width, style=_TITLE))
        found.extend(_wrapped(writable(examined.url, encoding), "  ", width))
        if examined.mirror_of is not None:
            stands_in = writable(f"stands in for {examined.mirror_of}", encoding)
            found.extend(_wrapped(stands_in, "  ", width))
        found.extend(_group(examined.checks, marks, encoding, width))
        found.append(Line(""))
    if report.shown_project:
        found.extend(_wrapped("project and settings", "", width, style=_TITLE))
        found.extend(_group(report.shown_project, marks, encoding, width))
        found.append(Line(""))
    if note:
        found.extend(_wrapped(note, "", width))
    found.extend(_wrapped(summary(report), "", width))
    failed = failures(report)
    if failed and len(report.repositories) > 1:
        found.extend(_wrapped(writable(failed, encoding), "", width))
    return found


def summary(report: Report) -> str:
    """The last line."""
    every = [finding for examined in report.repositories for finding in examined.checks]
    every.extend(report.shown_project)
    failures = sum(finding.state is State.FAIL for finding in every)
    warnings = sum(finding.state is State.WARN for finding in every)
    count = len(report.repositories)
    checked = "No repositories to check"
    if count:
        checked = f"{_count(count, 'repository', 'repositories')} checked"
    parts = []
    if failures:
        parts = [_count(failures, "failure", "failures")]
    parts += [_count(warnings, "warning", "warnings")] if warnings else []
    return f"{checked}: {', '.join(parts) or 'no problems'}."


def failures(report: Report) -> str:
    """Which repositories failed and where, so that nobody searches a long report; empty where none
    did.
    """
    failed = []
    for examined in report.repositories:
        checks = [finding.check for finding in examined.checks if finding.state is State.FAIL]
        if checks:
            failed.append(f"{examined.name} ({', '.join(checks)})")
    if not failed:
        return ""
    return f"Failed: {', '.join(failed)}."


def writable(text: str, encoding: str) -> str:
    """``text`` as the stream can take it; what it cannot is escaped, so that a name stays
    recognisable.
    """
    text = printable(text)
    if _fits(text, encoding):
        return text
    plain = "".join(char if _fits(char, encoding) else char.translate(_PLAIN) for char in text)
    return plain.encode(encoding, "backslashreplace").decode(encoding)


def _group(
    findings: Sequence[Finding], marks: dict[State, str], encoding: str, width: int
) -> Iterator[Line]:
    wide = max(len(finding.check) for finding in findings)
    wide_mark = max(map(len, marks.values()))
    for finding in findings:
        head = f"  {marks[finding.state]:<{wide_mark}}  {finding.check:<{wide}}  "
        cause = ""
        if finding.cause is not None:
            cause = f" [{finding.cause.value}]"
        text = _fill(writable(f"{finding.message}{cause}", encoding), width - len(head))
        yield Line(f"{head}{text[0]}", _STYLES[finding.state], 2 + wide_mark)
        yield from (Line(f"{' ' * len(head)}{more}") for more in text[1:])
        if finding.hint is not None:
            hint = writable(f"Try: {finding.hint}", encoding)
            yield from _wrapped(hint, " " * (4 + wide_mark), width, breaks=False, style="c1")


def _wrapped(
    text: str, indent: str, width: int, *, breaks: bool = True, style: str = ""
) -> list[Line]:
    filled = _fill(text, width - len(indent), breaks=breaks)
    return [Line(indent + one, style, len(indent + one) if style else 0) for one in filled]


def _fill(text: str, width: int, *, breaks: bool = True) -> list[str]:
    """``text`` in lines; a command's words stay whole."""
    return fill(text, width, breaks=breaks, indent="" if breaks else "     ")


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _fits(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
