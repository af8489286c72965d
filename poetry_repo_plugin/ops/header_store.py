"""Storing further headers: the keyring with ``auth.toml`` behind it, bound to origins of their
own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from poetry_repo_plugin.config.bindings import Bindings, Kind
from poetry_repo_plugin.config.changes import Changes
from poetry_repo_plugin.config.settings import Settings
from poetry_repo_plugin.config.user_settings import HEADERS as NAMES
from poetry_repo_plugin.config.user_settings import UserSettings
from poetry_repo_plugin.core.errors import StateError
from poetry_repo_plugin.core.headers import Headers, merged, names_of, to_text
from poetry_repo_plugin.core.hints import repo
from poetry_repo_plugin.core.notices import Notices
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.credentials.headers import StoredHeaders
from poetry_repo_plugin.credentials.keyring import KeyringGate
from poetry_repo_plugin.credentials.keyring_services import HEADERS, OwnService
from poetry_repo_plugin.credentials.keyring_worker import KeyringUnavailable
from poetry_repo_plugin.ops.credential_store import not_quite, tell_of_file


@dataclass(frozen=True)
class HeaderStore:
    """Keeps the further headers of one user's repositories."""

    settings: Settings
    gate: KeyringGate
    notices: Notices
    bindings: Bindings

    @contextmanager
    def keeping(
        self,
        name: str,
        headers: Headers,
        urls: Sequence[str],
        changes: Changes,
        *,
        plaintext: bool = False,
        further: bool = False,
    ) -> Iterator[str]:
        """Keep ``headers`` beside those that are stored for the same place; gives where they are.

        What the files are to hold is added to ``changes``, which the block has to commit; where it
        raises ``StateError``, the keyring is put back. As with a login, what the keyring is about
        to get and where it belongs is written down first.

        :param further: ``urls`` come to those that the headers are bound to.
        """
        own = self.settings.user_settings(name)
        stays = further or self.bindings.is_same_place(name, Kind.HEADERS, urls)
        before = self._stored(name, names_of(headers)) if stays else ()
        whole, entry = merged(before, headers), self._entry(name)
        trial = changes.copy()
        self._note(trial, name, whole, urls, further=further, in_keyring=False)
        trial.rehearse()
        backend, why = None, None
        if not plaintext:
            self._note_intent(name, own, whole, urls, further=further)
            try:
                backend = self.gate.keep_own(name, HEADERS, to_text(whole))
            except KeyringUnavailable as error:
                why = error
        self._note(changes, name, whole, urls, further=further, in_keyring=backend is not None)
        try:
            yield (
                f"the keyring ({backend})" if backend is not None else str(self.settings.auth_file)
            )
        except StateError as error:
            raise self._undone(name, own, entry, error, backend is not None) from None
        tell_of_file(self.settings, self.notices, changes, why)
        if backend is None and own.headers:
            with suppress(KeyringUnavailable):
                self.gate.forget_own(name, HEADERS)

    def _stored(self, name: str, replaced: Sequence[str]) -> Headers:
        """What is stored already. Raises :class:`StateError` for a keyring that does not answer: a
        header that another login has stored, and that is not ``replaced``, must not be lost.
        """
        known = self.settings.user_settings(name).headers
        lost = {one.lower() for one in known} - {one.lower() for one in replaced}
        try:
            reader = StoredHeaders(self.settings, self.gate, self.bindings, self.notices.once)
            return reader.read(name)
        except KeyringUnavailable as error:
            if not lost:
                return ()
            message = (
                f"{' and '.join(known)} of {name} cannot be read, because {error}. "
                "Nothing was changed."
            )
            every = dict.fromkeys((*known, *replaced))
            words = [word for one in every for word in ("--header", one)]
            raise StateError(message, repo("login", name, *words)) from None

    def _entry(self, name: str) -> Secret | None:
        """What the keyring has, in case that it must be put back."""
        is_there = self.settings.user_settings(name).headers and self.settings.headers(name) is None
        if is_there:
            with suppress(KeyringUnavailable):
                return self.gate.own(name, HEADERS, known=True)
        return None

    def _note_intent(
        self, name: str, own: UserSettings, whole: Headers, urls: Sequence[str], *, further: bool
    ) -> None:
        names = sorted({*own.headers, *names_of(whole)})
        with Changes(self.settings) as intent:
            self.bindings.record_begun(name, urls, Kind.HEADERS, further=further, changes=intent)
            intent.save_user_settings(name, {NAMES: names})

    def _note(
        self,
        changes: Changes,
        name: str,
        whole: Headers,
        urls: Sequence[str],
        *,
        further: bool,
        in_keyring: bool,
    ) -> None:
        changes.save_headers(name, None if in_keyring else to_text(whole))
        self.bindings.record_for_login(name, urls, Kind.HEADERS, further=further, changes=changes)
        changes.save_user_settings(name, {NAMES: list(names_of(whole))})

    def _undone(
        self,
        name: str,
        own: UserSettings,
        entry: Secret | None,
        error: StateError,
        in_keyring: bool,
    ) -> StateError:
        left = []
        try:
            if in_keyring and entry is not None:
                self.gate.keep_own(name, HEADERS, entry)
            elif in_keyring:
                self.gate.forget_own(name, HEADERS)
            with Changes(self.settings) as changes:
                record = {NAMES: own.headers, Kind.HEADERS.value: own.header_origins}
                kept = {key: list(value) or None for key, value in record.items()}
                changes.save_user_settings(name, kept)
        except KeyringUnavailable as why:
            left.append(f"the keyring holds the new headers as {OwnService(name)}, because {why}")
        except StateError:
            left.append(f"{self.settings.own_file} names the new headers of {name}")
        return not_quite(error, left, repo("logout", name))
