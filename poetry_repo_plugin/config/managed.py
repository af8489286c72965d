"""Managed settings: the administrator's one file for everybody on a machine.

A layer below the user's settings and above the project's. It names no secrets. A key that it locks
wins over the user's.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from poetry_repo_plugin.config.files import reason
from poetry_repo_plugin.config.keys import table_at
from poetry_repo_plugin.config.managed_keys import KEYS, SECRETS, UnfitError, with_its_group
from poetry_repo_plugin.config.toml import dump_key, parse, shown
from poetry_repo_plugin.core.errors import StateError
from poetry_repo_plugin.core.hints import is_name
from poetry_repo_plugin.core.names import is_pypi
from poetry_repo_plugin.core.origin import hidden

MANAGED = "managed settings"
SITE_VARIABLE = "POETRY_REPO_PLUGIN_SITE_CONFIG"
FOLDER, FILE = "poetry-repo-plugin", "config.toml"
_LARGEST = 1024 * 1024  # bytes
_NOTHING: Mapping[str, Any] = {}


class Managed(NamedTuple):
    """What the administrator's file says.

    :param file: the file; ``None`` where there is none.
    :param names: the repositories that it knows, as it spells them.
    :param entries: the settings of each, by its name in lower case.
    :param locked: the keys of each that the file locks.
    :param complaints: what is not believed or not understood, each a sentence.
    """

    file: Path | None = None
    names: tuple[str, ...] = ()
    entries: Mapping[str, Mapping[str, Any]] = _NOTHING
    locked: Mapping[str, frozenset[str]] = _NOTHING
    complaints: tuple[str, ...] = ()

    def entry(self, name: str) -> Mapping[str, Any]:
        """What it says of the repository; case makes no difference."""
        return self.entries.get(name.lower(), _NOTHING)

    def all_locked(self, name: str) -> frozenset[str]:
        """The keys of the repository that no user can change: those that are locked, and those
        that go with them.
        """
        locked = self.locked.get(name.lower(), frozenset())
        return frozenset(one for key in locked for one in with_its_group(key))


def read_managed(environ: Mapping[str, str]) -> Managed:
    """Read the administrator's file. One that is not theirs, or cannot be parsed, says nothing at
    all, and why is among the complaints.
    """
    file, complaint = _find(environ)
    if file is None:
        return Managed(complaints=(complaint,) if complaint else ())
    try:
        why = _distrust(file)
        text = ""
        if not why:
            text = file.read_bytes().decode("utf-8")
        table = parse(text, str(file))
    except OSError as error:
        return _ignored(file, f"it cannot be read ({reason(error)})")
    except UnicodeDecodeError:
        return _ignored(file, "it is not UTF-8")
    except StateError as error:
        return _ignored(file, error.message.removesuffix(" It was not changed.").rstrip("."))
    if why:
        return _ignored(file, why)
    return _understood(file, table)


def site_file(environ: Mapping[str, str]) -> Path | None:
    """The administrator's file, unread; ``None`` where there is none."""
    return _find(environ)[0]


def _find(environ: Mapping[str, str]) -> tuple[Path | None, str]:
    """The file, or why the one that the environment names does not do."""
    named = environ.get(SITE_VARIABLE)
    if not named:
        return next(filter(_is_there, _usual_files()), None), ""
    file = Path(named)
    if not file.is_absolute():
        return None, f"{SITE_VARIABLE} is not an absolute path. It is ignored."
    if not _is_there(file):
        return None, f"{SITE_VARIABLE} names {shown(named)}, which does not exist."
    return file, ""


def _is_there(file: Path) -> bool:
    """Also where it cannot be seen, because of its folder: that is told when it is read."""
    try:
        file.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError):
        return True
    return True


def _usual_files() -> Iterator[Path]:
    """Where it may be, the first one first. A desktop puts folders of its own before ``/etc/xdg``
    (XDG Base Directory Specification), so all of them count.
    """
    import platformdirs

    folders = platformdirs.site_config_dir(FOLDER, appauthor=False, multipath=True)
    for folder in folders.split(os.pathsep):
        if os.path.isabs(folder):
            yield Path(folder) / FILE


def _distrust(file: Path) -> str | None:
    from poetry_repo_plugin.core.administrator import objection

    why = objection(file)
    if why is None and file.stat().st_size > _LARGEST:
        return "it is larger than 1 MB"
    return why


def _ignored(file: Path, why: str) -> Managed:
    return Managed(file, complaints=(f"The managed settings in {file} are ignored: {why}.",))


def _understood(file: Path, table: Mapping[str, Any]) -> Managed:
    said: list[str] = []
    for key in table:
        if key not in ("repositories", "locked"):
            said.append(_unknown(key, shown(key)))
    if not isinstance(table.get("repositories", {}), dict):
        said.append("repositories is not a table")
    everywhere = _locked(table.get("locked", []), "locked", said)
    names, entries, locked = list[str](), {}, {}
    for name, raw in _repositories(table_at(table, "repositories")):
        where = f"[repositories.{dump_key(name)}]"
        if not is_name(name):
            said.append(f"{where} is not a valid repository name")
            continue
        if name.lower() in entries:
            said.append(f"{where} appears twice, in different case")
            continue
        if is_pypi(name) and raw.pop("url", None) is not None:
            said.append(f"{where} url is built into Poetry")
        keys = _locked(raw.pop("locked", []), f"{where} locked", said)
        names.append(name)
        entry = _checked(file, where, raw, said)
        if "mirror-of" in entry and "url" not in entry:
            said.append(f"{where} mirror-of needs a url beside it")
        entries[name.lower()] = entry
        locked[name.lower()] = everywhere | keys
    complaints = tuple(f"{file}: {line}. It is ignored." for line in said)
    return Managed(file, tuple(names), entries, locked, complaints)


def _repositories(
    table: Mapping[str, Any], before: tuple[str, ...] = ()
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each repository's table; a name with dots may be a chain of them."""
    for key, value in table.items():
        names = (*before, key)
        if not isinstance(value, dict):
            continue
        below = {k: v for k, v in value.items() if isinstance(v, dict) and k not in KEYS}
        own = {k: v for k, v in value.items() if k not in below}
        if own:
            yield ".".join(names), own
        yield from _repositories(below, names)


def _checked(file: Path, where: str, raw: Mapping[str, Any], said: list[str]) -> dict[str, Any]:
    found = {}
    for key, value in raw.items():
        if key not in KEYS:
            said.append(_unknown(key, f"{where} {shown(key)}"))
            continue
        try:
            found[key] = KEYS[key](value, file.parent)
        except UnfitError as error:
            said.append(f"{where} {key} {error}")
    return found


def _unknown(key: str, where: str) -> str:
    if key in SECRETS:
        return f"{where} would be a secret, and this file can hold none: everybody can read it"
    return f"{where} is not a managed setting"


def _locked(value: object, where: str, said: list[str]) -> frozenset[str]:
    if not isinstance(value, list):
        said.append(f"{where} is not a list of keys")
        return frozenset()
    known = [item for item in value if isinstance(item, str) and item in KEYS]
    for item in value:
        if item not in known:
            what = shown(hidden(str(item)))
            said.append(f"{where} names {what}, which is not a managed setting")
    return frozenset(known)
