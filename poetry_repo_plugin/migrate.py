"""Sources in the words of Poetry 1, which Poetry 2 refuses to read, rewritten with their meaning (DESIGN S9 to S13).

In Poetry 1 a source without flags came before PyPI, ``secondary = true`` put it behind PyPI, and ``default = true``
put it in PyPI's place, as the last fallback. Poetry 1.5 to 1.8 also wrote ``priority = "default"`` and
``priority = "secondary"``. See https://python-poetry.org/docs/1.8/repositories/.
"""

from __future__ import annotations

from poetry_repo_plugin.inline_sources import Unit
from poetry_repo_plugin.names import is_pypi
from poetry_repo_plugin.project import effective_priority, has_legacy_words, legacy_word, pypi_is_on
from poetry_repo_plugin.source_text import SourceText
from poetry_repo_plugin.sources import keep_pypi, move_behind_primaries, write_priority
from poetry_repo_plugin.toml_text import shown


def migrate(text: str) -> tuple[str, list[str]]:
    """``text`` with sources that Poetry 2 reads, and what changed, fit to print.

    A text without a legacy word is returned as it is, with ``[]``; so a second run changes nothing. Comments stay, and
    so does the order, but that a default goes behind the other primaries. Raises :class:`StateError` for a text that
    cannot be parsed or edited.
    """
    source = SourceText(text)
    entries = [unit.data for unit in source.units]
    if not has_legacy_words(entries):
        return text, []
    changes: list[str] = []
    was_on = pypi_is_on(entries)
    defaults = [unit for unit in source.units if legacy_word(unit.data) == "default"]
    for unit in source.units:
        _rewrite(source, unit, changes)
    others = [one for one in source.units if one not in defaults and effective_priority(one.data) == "primary"]
    for unit in defaults:
        if any(source.units.index(other) > source.units.index(unit) for other in others):
            move_behind_primaries(source, unit, changes)
    if was_on and not pypi_is_on([unit.data for unit in source.units]):
        keep_pypi(source, changes)
    elif not was_on:
        changes.append("PyPI: stays off")
    return source.text(), changes


def _rewrite(source: SourceText, unit: Unit, changes: list[str]) -> None:
    name, priority = str(unit.data.get("name", "")), effective_priority(unit.data)
    if unit.data.get("default") and unit.data.get("secondary"):
        changes.append(f"{shown(name)}: is both default and secondary; default wins")
    write_priority(source, unit, priority, changes, always=not is_pypi(name))
