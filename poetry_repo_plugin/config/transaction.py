"""Several files changed at once: all of them or none, also when the writer is killed.

A transaction collects edits and touches nothing. :meth:`Transaction.commit` takes the lock, applies
the edits to what the files hold at that moment, writes each new file beside the old one, and only
when all are on the disk renames them. A journal names the renames, so that whoever comes next
finishes what a killed process had begun.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from poetry_repo_plugin.config import files
from poetry_repo_plugin.config.document import Change, edited
from poetry_repo_plugin.config.files import JOURNAL, Replacement
from poetry_repo_plugin.config.lock import locked
from poetry_repo_plugin.core.errors import StateError


@dataclass
class _Edit:
    """What happens to one file: changes of a TOML document, or of its text as a whole."""

    private: bool = False
    changes: list[Change] = field(default_factory=list)
    rewrites: list[Callable[[str], str]] = field(default_factory=list)


class Transaction:
    """Edits of files, collected to be made together.

    :param folder: whose lock is taken: the user's settings.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._edits: dict[Path, _Edit] = {}

    def copy(self) -> Transaction:
        """Give a transaction with the same edits, that takes further ones by itself."""
        twin = Transaction(self._folder)
        for path, edit in self._edits.items():
            twin._edits[path] = _Edit(edit.private, [*edit.changes], [*edit.rewrites])
        return twin

    def edit(self, path: Path, change: Change, *, private: bool = False) -> None:
        """Note a change of the TOML document in ``path``, which is created if it has to be.

        :param private: the file is 0600 from then on.
        """
        edit = self._edits.setdefault(path, _Edit())
        edit.private = edit.private or private
        edit.changes.append(change)

    def rewrite(self, path: Path, rewrite: Callable[[str], str]) -> None:
        """Note a change of the whole text of ``path``."""
        self._edits.setdefault(path, _Edit()).rewrites.append(rewrite)

    def rehearse(self) -> None:
        """Find out whether all can be written, before something is done elsewhere that cannot be
        undone.

        Raises :class:`StateError`; nothing is changed either way.
        """
        with self._prepared():
            pass

    def commit(self) -> list[Path]:
        """Make all edits, or none.

        Returns the private files that others could read before. Raises :class:`StateError`.
        """
        with self._prepared() as new:
            _put_in_place(self._folder, new)
            loose = [one.path for one in new if one.was_loose]
            return loose + self._tighten()

    @contextmanager
    def _prepared(self) -> Iterator[list[Replacement]]:
        if not self._edits:
            yield []
            return
        with locked(self._folder):
            files.sweep(self._folder / JOURNAL)
            new: list[Replacement] = []
            try:
                for path, edit in self._edits.items():
                    files.sweep(path)
                    new.extend(_replacement(path, edit))
                yield new
            finally:
                for one in new:
                    one.clear()

    def _tighten(self) -> list[Path]:
        """Make private what had not changed, so that nothing was written."""
        found = []
        for path in (path for path, edit in self._edits.items() if edit.private):
            with suppress(OSError):
                if files.is_loose(path.stat().st_mode):
                    path.chmod(files.PRIVATE)
                    found.append(path)
        return found


def _replacement(path: Path, edit: _Edit) -> Iterator[Replacement]:
    before = files.read_settings_text(path)
    text = before
    if edit.changes:
        text = edited(path, before, edit.changes)
    for rewrite in edit.rewrites:
        text = rewrite(text)
    if text != before:
        yield files.prepare(path, text, private=edit.private)


def _put_in_place(folder: Path, new: list[Replacement]) -> None:
    together = len(new) > 1
    try:
        if together:
            pairs = [[str(one.temporary), str(one.target)] for one in new]
            files.write_text(folder / JOURNAL, json.dumps(pairs), private=True)
        for one in new:
            one.put_in_place(keep_old=together)
    except BaseException as error:
        moved = [one for one in new if not one.temporary.exists()]
        if together:
            (folder / JOURNAL).unlink(missing_ok=True)
            _take_back(moved)
        if isinstance(error, OSError):
            raise files.unwritten(new[len(moved)].path, error) from None
        raise
    for parent in {one.target.parent for one in new}:
        files.sync_folder(parent)
    if together:
        with suppress(OSError):
            (folder / JOURNAL).unlink()


def _take_back(done: list[Replacement]) -> None:
    stuck = []
    for one in reversed(done):
        try:
            one.take_back()
        except OSError:
            stuck.append(one.path)
    if stuck:
        names = " and ".join(map(str, stuck))
        raise StateError(
            f"Not every file could be written. {names} has changed already; the others have not."
        )
