"""Adding, changing and removing a project's sources: text in, text and what changed out (DESIGN S9
to S11).

Poetry 2 leaves PyPI out as soon as a project has a primary source. Here PyPI is switched off by
``--default`` alone: everything else keeps it as it was, and lists it behind the others where that
takes an entry of its own.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any

from poetry_repo_plugin.config import toml
from poetry_repo_plugin.config.project import (
    PRIORITIES,
    effective_priority,
    has_legacy_words,
    pypi_is_on,
)
from poetry_repo_plugin.config.pyproject import SourceText, Unit
from poetry_repo_plugin.core.errors import InputError
from poetry_repo_plugin.core.hints import repo
from poetry_repo_plugin.core.names import is_pypi, match_name
from poetry_repo_plugin.core.origin import InvalidUrl, Origin, redact, split_userinfo

TURNED = "The inline array of sources is written as [[tool.poetry.source]] tables now"
SYSTEM_PROJECT = "[tool.poetry]\npackage-mode = false\n"


def add_source(
    text: str,
    name: str,
    url: str | None,
    priority: str | None = "primary",
    *,
    default: bool = False,
) -> tuple[str, list[str]]:
    """``text`` with the source added, or the one of that name (in any case) changed in place.

    :param url: the index, without userinfo; ``None`` for PyPI only.
    :param priority: ``None`` for what it has already; a new one is primary then.
    :param default: the source stands in for PyPI: primary, behind the other primaries, and PyPI is
        switched off.

    Returns the new text and what changed, fit to print; nothing to change gives the same text and
    ``[]``. Raises :class:`InputError` for words that do not fit each other, :class:`StateError` for
    a file that cannot be edited.
    """
    source = SourceText(text)
    unit = _find(source, name)
    if priority is None:
        priority = "primary"
        if unit is not None:
            priority = effective_priority(unit.data)
    _check(name, url, priority, default)
    was_on, could_search = pypi_is_on(_data(source)), _searchable(source)
    changes: list[str] = []
    if unit is None:
        unit = Unit({"name": "PyPI"} if url is None else {"name": name, "url": url})
        unit.data["priority"] = priority
        source.units.insert(_place_for(source, unit, default=default), unit)
        shown = ""
        if url is not None:
            shown = f" ({url})"
        changes.append(f"{_shown(unit)}{shown}: added as {priority}{_before_what(source, unit)}")
    else:
        _update(source, unit, url, priority, changes, default=default)
    if default and not is_pypi(name):
        _switch_pypi_off(source, changes)
    elif was_on and not pypi_is_on(_data(source)):
        keep_pypi(source, changes)
    return _finish(source, changes, was_on=was_on, could_search=could_search)


def remove_source(text: str, name: str) -> tuple[str, list[str]]:
    """``text`` without the source of that name (in any case) and without
    ``[tool.poetry-repo-plugin.NAME]``.

    The entry that kept PyPI on goes with the last primary source beside it: Poetry does the same
    without it. One that a user wrote stays. Returns and raises as :func:`add_source`; a name that
    is not there changes nothing.
    """
    source = SourceText(text)
    was_on, could_search = pypi_is_on(_data(source)), _searchable(source)
    changes: list[str] = []
    for unit in [unit for unit in source.units if _name(unit).lower() == name.lower()]:
        source.units.remove(unit)
        changes.append(f"{_shown(unit)}: removed")
    if changes and (entry := _needless_pypi(source)) is not None:
        source.units.remove(entry)
        changes.append("PyPI: entry removed; without other primary sources, Poetry uses it anyway")
    if was_on and not is_pypi(name) and not pypi_is_on(_data(source)):
        keep_pypi(source, changes)  # the last legacy word went
    if source.drop_settings(name):
        changes.append(f"[tool.poetry-repo-plugin.{toml.dump_key(name)}]: removed")
    return _finish(source, changes, was_on=was_on, could_search=could_search)


def set_packages(text: str, name: str, patterns: list[str]) -> tuple[str, list[str]]:
    """``text`` with the patterns of names that the project gives to a repository; ``[]`` takes them
    away. Returns and raises as :func:`add_source`.
    """
    before = list(settings_in(text, name).get("packages") or ())
    if before == patterns:
        return text, []
    source = SourceText(text)
    source.set_setting(name, "packages", patterns or None)
    return source.text(), [told_packages(name, patterns, before)]


def told_packages(name: str, patterns: Iterable[str], before: Iterable[str]) -> str:
    """The sentence on a change of patterns."""
    was, now = (", ".join(map(toml.shown, some)) for some in (before, patterns))
    return f"{name}: packages {now or 'of no name'}{f' (was {was})' if was else ''}"


def settings_in(text: str, name: str) -> dict[str, Any]:
    """``[tool.poetry-repo-plugin.NAME]`` in any spelling of the name; empty where there is none."""
    own = toml.parse(text).get("tool", {}).get("poetry-repo-plugin")
    found = None
    if isinstance(own, dict):
        found = match_name(name, own)
    table = None
    if found is not None:
        table = own[found]
    if isinstance(table, dict):
        return table
    return {}


def diff(old: str, new: str, label: str = "pyproject.toml") -> str:
    """A unified diff from ``old`` to ``new`` that may be printed: userinfo in URLs is masked.
    ``""`` if they are equal.

    Lines are compared without their ends, so that a terminal shows no carriage returns.
    """
    lines = difflib.unified_diff(_lines(old), _lines(new), label, label, lineterm="")
    return "".join(f"{redact(line)}\n" for line in lines)


def system_project_text(text: str) -> str:
    """Make ``text``, of Poetry's own ``pyproject.toml``, fit to add a source to (``repo add
    --self``).

    Poetry writes that file anew for each ``poetry self`` command and keeps ``tool.poetry.source``
    of the old one, if it has a ``[tool.poetry]`` table (``SelfCommand.generate_system_pyproject``).
    """
    if "poetry" in toml.parse(text).get("tool", {}):
        return text
    if not text.strip():
        return SYSTEM_PROJECT
    return f"{text.rstrip()}\n\n{SYSTEM_PROJECT}"


def write_priority(
    source: SourceText, unit: Unit, priority: str, changes: list[str], *, always: bool = False
) -> None:
    """Say ``priority`` in the words of Poetry 2. The flags of Poetry 1 go; one of them makes room
    for it.

    :param always: also where Poetry 2 means the same without a word (no ``priority`` is primary).
    """
    flags = [flag for flag in ("default", "secondary") if flag in unit.data]
    old = [
        f"{word} = {toml.dump(unit.data[word])}"
        for word in (*flags, "priority")
        if word in unit.data
    ]
    missing = "priority" not in unit.data and (always or bool(flags) or priority != "primary")
    different = "priority" in unit.data and unit.data["priority"] != priority
    if missing or different or flags:
        changes.append(
            f'{_shown(unit)}: {", ".join(old) or "no priority"} → priority = "{priority}"'
        )
    if different:
        source.set(unit, "priority", priority)
    for flag in flags:
        source.drop(unit, flag, ("priority", priority) if missing else None)
        missing = False
    if missing:
        source.set(unit, "priority", priority)


def keep_pypi(source: SourceText, changes: list[str], *, again: bool = False) -> None:
    """List PyPI behind the last primary source, so that Poetry 2 does not switch it off.

    :param again: Poetry 2 had switched it off already.
    """
    at = _last_primary(source)
    assert at is not None, "without a primary source PyPI is on"
    source.units.insert(at + 1, Unit.kept_pypi())
    last = _shown(source.units[at])
    why = "it stays on"
    if again:
        why = f"it is on again. To keep it off: {repo('add', last, '--default')}"
    changes.append(f"PyPI: listed as primary behind {last}, so that {why}")


def move_behind_primaries(source: SourceText, unit: Unit, changes: list[str]) -> None:
    """Make ``unit`` the last of the primary sources."""
    at = _last_primary(source)
    if at is not None and (last := source.units[at]) is not unit:
        source.move(unit, at)
        changes.append(f"{_shown(unit)}: moved behind {_shown(last)}")


def _check(name: str, url: str | None, priority: str, default: bool) -> None:
    if priority not in PRIORITIES:
        raise InputError(f"{priority!r} is not a priority; choose one of {', '.join(PRIORITIES)}.")
    if default and priority != "primary":
        raise InputError(f"A default source is always primary; it cannot be {priority}.")
    if is_pypi(name):
        if url is not None:
            raise InputError(
                "PyPI's URL is built into Poetry and cannot be set.", repo("add", "PyPI")
            )
        return
    if url is None:
        raise InputError(f"The source {name} needs a URL.", repo("add", name, "URL"))
    try:
        Origin.of(url)
    except InvalidUrl as error:
        raise InputError(f"{redact(str(error))}.") from None
    if split_userinfo(url)[1] is not None:
        raise InputError(
            "A project file cannot hold a credential, and this URL does.", repo("login", name)
        )


def _update(
    source: SourceText,
    unit: Unit,
    url: str | None,
    priority: str,
    changes: list[str],
    *,
    default: bool,
) -> None:
    old_url, old = unit.data.get("url"), effective_priority(unit.data)
    if url is not None and old_url != url:
        source.set(unit, "url", url)
        shown = "none"
        if old_url is not None:
            shown = toml.shown(redact(str(old_url)))
        changes.append(f"{_shown(unit)}: url {shown} → {url}")
    write_priority(source, unit, priority, changes)
    if default:
        move_behind_primaries(source, unit, changes)
    elif priority == "primary" and old != "primary":
        at = source.units.index(unit)
        source.units.remove(unit)
        place = min(at, _place_for(source, unit))
        source.units.insert(at, unit)
        if place != at:
            source.move(unit, place)
            changes.append(f"{_shown(unit)}: moved{_before_what(source, unit)}")


def _switch_pypi_off(source: SourceText, changes: list[str]) -> None:
    """Take PyPI out; an explicit entry stays, because it is asked for those packages only that name
    it.
    """
    for unit in list(source.units):
        if is_pypi(_name(unit)) and effective_priority(unit.data) != "explicit":
            source.units.remove(unit)
            changes.append("PyPI: entry removed")


def _finish(
    source: SourceText, changes: list[str], *, was_on: bool, could_search: bool
) -> tuple[str, list[str]]:
    if could_search and not _searchable(source):
        raise InputError(
            "That would leave explicit sources only, and Poetry needs one that it can search.",
            repo("add", "PyPI", "--priority", "primary"),
        )
    now_on = pypi_is_on(_data(source))
    if was_on != now_on:
        listed = any(is_pypi(_name(unit)) for unit in source.units)
        why = ", because no primary source is left"
        if was_on or listed:
            why = ""
        changes.append("PyPI: on → off" if was_on else f"PyPI: off → on{why}")
    if source.turns_array:
        changes.append(TURNED)
    return source.text(), changes


def _place_for(source: SourceText, unit: Unit, *, default: bool = False) -> int:
    """Where a source goes that is not in the list: primaries before PyPI (S9) or what stands in for
    it (S11).
    """
    if effective_priority(unit.data) != "primary" or (last := _last_primary(source)) is None:
        return len(source.units)
    if default or is_pypi(_name(unit)):
        return last + 1
    for at, other in enumerate(source.units):
        if is_pypi(_name(other)) and effective_priority(other.data) == "primary":
            return at
    if not pypi_is_on(_data(source)):
        return last
    return last + 1


def _before_what(source: SourceText, unit: Unit) -> str:
    """In words: the primary source that ``unit`` stands before, if there is one."""
    behind = source.units[source.units.index(unit) + 1 :]
    after = next((other for other in behind if effective_priority(other.data) == "primary"), None)
    if after and effective_priority(unit.data) == "primary":
        return f" before {_shown(after)}"
    return ""


def _last_primary(source: SourceText) -> int | None:
    found = [
        at for at, unit in enumerate(source.units) if effective_priority(unit.data) == "primary"
    ]
    if not found:
        return None
    return found[-1]


def _searchable(source: SourceText) -> bool:
    """Whether Poetry has a source to search: an explicit PyPI entry takes the implicit one away
    (``create_pool``).
    """
    explicit = [effective_priority(unit.data) == "explicit" for unit in source.units]
    return not (all(explicit) and any(is_pypi(_name(unit)) for unit in source.units))


def _needless_pypi(source: SourceText) -> Unit | None:
    """The entry that kept PyPI on, if it is the only primary source: Poetry has PyPI without it."""
    primary = [unit for unit in source.units if effective_priority(unit.data) == "primary"]
    if has_legacy_words(_data(source)) or len(primary) != 1:
        return None
    if not primary[0].is_kept_pypi:
        return None
    return primary[0]


def _find(source: SourceText, name: str) -> Unit | None:
    return next((unit for unit in source.units if _name(unit).lower() == name.lower()), None)


def _name(unit: Unit) -> str:
    return str(unit.data.get("name", ""))


def _shown(unit: Unit) -> str:
    return toml.shown(_name(unit))


def _data(source: SourceText) -> list[dict[str, Any]]:
    return [unit.data for unit in source.units]


def _lines(text: str) -> list[str]:
    return [line.rstrip("\r\n") for line in re.findall(r"[^\n]*\n|[^\n]+", text)]
