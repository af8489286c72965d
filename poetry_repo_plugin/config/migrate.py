"""Sources in the words of Poetry 1, which Poetry 2 refuses to read or reads otherwise, rewritten
with their meaning.

In Poetry 1 a source without flags came before PyPI, ``secondary = true`` put it behind PyPI, and
``default = true`` put it in PyPI's place, as the last fallback (DESIGN S9 to S13). Poetry 1.5 to
1.8 also wrote ``priority = "default"`` and ``priority = "secondary"``. See
https://python-poetry.org/docs/1.8/repositories/.
"""

from __future__ import annotations

from typing import Any

from poetry_repo_plugin.config.project import (
    effective_priority,
    has_legacy_words,
    legacy_word,
    pypi_is_on,
)
from poetry_repo_plugin.config.pyproject import SourceText, Unit, as_tables, tables_of
from poetry_repo_plugin.config.sources import (
    TURNED,
    keep_pypi,
    move_behind_primaries,
    write_priority,
)
from poetry_repo_plugin.config.toml import shown
from poetry_repo_plugin.core.errors import StateError
from poetry_repo_plugin.core.names import is_pypi
from poetry_repo_plugin.core.servers import profile_of


def migrate(text: str, *, plain: bool = False) -> tuple[str, list[str]]:
    """``text`` with sources that Poetry 2 reads, and what changed, fit to print.

    A text in the words of Poetry 2 is returned as it is, with ``[]``; so a second run changes
    nothing. Comments stay, and so does the order, but that a default goes behind the other
    primaries. Raises :class:`StateError` for a text that cannot be parsed, and for one that cannot
    be edited; that error says what to change by hand.

    :param plain: also where Poetry 2 refuses nothing, but switches PyPI off because it meets a
        source without a word: somebody has to ask for that, because PyPI is on again then.
    """
    try:
        return _migrate(text, plain)
    except StateError as error:
        tables = as_tables(
            text
        )  # of a text that is no TOML, or has no list of sources: the same error once more
        changes = _migrate(tables, plain)[1]
        if not changes:
            return text, []
        raise StateError(f"{error.message} What is to change: {'; '.join(changes)}.") from None


def _migrate(text: str, plain: bool) -> tuple[str, list[str]]:
    source = SourceText(text)
    entries = [unit.data for unit in source.units]
    legacy = has_legacy_words(entries)
    changes: list[str] = []
    for unit in source.units:
        _drop_url_of_pypi(source, unit, changes)
    if not legacy and not (plain and _is_plain(entries)):
        if changes:
            return (source.text(), changes)
        return (text, [])
    was_on = pypi_is_on(entries) or not legacy
    defaults = [unit for unit in source.units if legacy_word(unit.data) == "default"]
    for unit in source.units:
        _rewrite(source, unit, changes)
    others = [
        one
        for one in source.units
        if one not in defaults and effective_priority(one.data) == "primary"
    ]
    for unit in defaults:
        if any(source.units.index(other) > source.units.index(unit) for other in others):
            move_behind_primaries(source, unit, changes)
    if was_on and not pypi_is_on([unit.data for unit in source.units]):
        keep_pypi(source, changes, again=not legacy)
    elif not was_on:
        changes.append("PyPI: stays off")
    if source.turns_array:
        changes.append(TURNED)
    return source.text(), changes


def refused(text: str) -> list[str]:
    """Say what of the sources in ``text`` Poetry 2 refuses to read, and nobody but their owner can
    decide.
    """
    found = []
    seen: set[str] = set()
    for entry in tables_of(text):
        name = str(entry.get("name", ""))
        unknown = sorted(set(entry) - {"name", "url", "priority", "default", "secondary"})
        if unknown:
            found.append(
                f"the source {shown(name)} has {', '.join(map(shown, unknown))}, which Poetry does not know"
            )
        if name.lower() in seen:
            found.append(f"two sources are called {shown(name)}")
        seen.add(name.lower())
        if is_pypi(name) and "url" in entry:
            found.append(
                f"the source {shown(name)} has a URL of its own; give that repository another name"
            )
        elif "${" in str(entry.get("url", "")):
            found.append(f"the URL of {shown(name)} holds a variable, which Poetry does not expand")
    return found


def _drop_url_of_pypi(source: SourceText, unit: Unit, changes: list[str]) -> None:
    """Poetry 2 allows PyPI no URL. One that is another server's is left to its owner: PyPI is no
    stand-in for it.
    """
    name, url = str(unit.data.get("name", "")), unit.data.get("url")
    profile = None
    if isinstance(url, str):
        profile = profile_of(url)
    if is_pypi(name) and profile is not None and profile.kind == "pypi":
        source.drop(unit, "url")
        changes.append(f"{shown(name)}: its URL is removed, because it is built into Poetry")


def _is_plain(sources: list[dict[str, Any]]) -> bool:
    """Whether a source of Poetry 1 switches PyPI off: Poetry 2 itself never writes one without a
    ``priority``.
    """
    return not pypi_is_on(sources) and any("priority" not in source for source in sources)


def _rewrite(source: SourceText, unit: Unit, changes: list[str]) -> None:
    name, priority = str(unit.data.get("name", "")), effective_priority(unit.data)
    if unit.data.get("default") and unit.data.get("secondary"):
        changes.append(f"{shown(name)}: is both default and secondary; default wins")
    write_priority(source, unit, priority, changes, always=not is_pypi(name))
