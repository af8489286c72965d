"""To which origins a secret belongs (DESIGN section 5, origin binding)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from enum import Enum
from typing import TYPE_CHECKING

from poetry_repo_plugin.config.home import Home, Place, bound_places, places_said
from poetry_repo_plugin.config.settings import Settings
from poetry_repo_plugin.config.user_settings import UserSettings
from poetry_repo_plugin.core.errors import StateError
from poetry_repo_plugin.core.names import is_pypi
from poetry_repo_plugin.core.origin import InvalidUrl, Prefix

if TYPE_CHECKING:
    from poetry_repo_plugin.config.changes import Changes

_MOVING = "moving"  # no URL, so that it allows nothing


class Kind(Enum):
    """What is bound. Each has a record of its own, which the record of another cannot widen."""

    CREDENTIAL = "credential-origins"
    CERTIFICATE = "certificate-origins"
    HEADERS = "header-origins"


_WORDS = {
    Kind.CREDENTIAL: "its login",
    Kind.CERTIFICATE: "its client certificate",
    Kind.HEADERS: "its headers",
}


class Bindings:
    """Reads and records bindings; they are user-level settings, so no project can widen them.

    :param trial: a name, and a URL that counts as bound to it, recorded or not: for the one
        question whether the repository there takes what is stored.
    """

    def __init__(self, settings: Settings, *, trial: tuple[str, str] | None = None) -> None:
        self._settings = settings
        self._trial = (trial[0], Prefix.of_index(trial[1])) if trial is not None else None

    def of(self, name: str, kind: Kind) -> list[Prefix]:
        """The prefixes recorded for ``name``, as far as they can be read."""
        recorded = _readable(self._settings.user_settings(name), kind)
        return [*recorded, *self._tried(name)]

    def _tried(self, name: str) -> list[Prefix]:
        if self._trial is None or self._trial[0] != name:
            return []
        return [self._trial[1]]

    def allows(self, name: str, kind: Kind, url: str) -> bool | None:
        """Whether what is stored for ``name`` may go to ``url``; ``None`` while the user has said
        nothing of the name. The administrator's certificate goes nowhere then.

        A credential is held to the path as well, because strangers may share a host; a client
        certificate is offered to a host before any path is named, so it is held to the origin. A
        record that cannot be read allows nothing.
        """
        if any(prefix.covers(url) for prefix in self._tried(name)):
            return True
        home = self.held_to(name, kind)
        if not home.places:
            return False if self._is_of_administrator(name, kind) else None
        return home.takes(url, whole_origin=kind is Kind.CERTIFICATE)

    def _is_of_administrator(self, name: str, kind: Kind) -> bool:
        is_certificate = kind is Kind.CERTIFICATE and not is_pypi(name)
        return is_certificate and self._settings.managed.decides(name, "client-cert")

    def held_to(self, name: str, kind: Kind) -> Home:
        """Where what is stored for ``name`` may go: where it is recorded to belong, else where the
        name does.
        """
        places = self._bound(name, kind) or self.home(name).places
        tried = (Place(prefix, "--url") for prefix in self._tried(name))
        return Home((*places, *tried) if places else ())

    def home(self, name: str) -> Home:
        """Where ``name`` belongs, by anything that the user has said: a login, a client
        certificate, ``repo add``, ``poetry config repositories.NAME`` or the environment. A
        project's files are not asked.

        Of PyPI no project can say anything: its own URLs are built into Poetry, so that none is a
        stranger's.
        """
        if is_pypi(name):
            return Home()
        bound = [place for kind in Kind for place in self._bound(name, kind)]
        return Home((*bound, *places_said(self._settings, name)))

    def shown(self, name: str, kind: Kind) -> tuple[str, ...]:
        """Where what is stored for ``name`` may go, for a person."""
        return self.held_to(name, kind).shown

    def _bound(self, name: str, kind: Kind) -> tuple[Place, ...]:
        return bound_places(_recorded(self._settings.user_settings(name), kind), _WORDS[kind])

    def record(
        self, name: str, kind: Kind, urls: Iterable[str], changes: Changes | None = None
    ) -> None:
        """Bind ``name`` to the owners of ``urls``, beside what was recorded; what is no URL is left
        out.

        :param changes: what it becomes a part of; left out, it is written at once.

        Raises :class:`StateError`.
        """
        fresh = _owners(urls)
        self._change(name, kind, lambda own: [*_readable(own, kind), *fresh], changes)

    def record_for_login(
        self,
        name: str,
        urls: Iterable[str],
        kind: Kind = Kind.CREDENTIAL,
        *,
        further: bool = False,
        changes: Changes | None = None,
    ) -> None:
        """Bind a newly stored secret to ``urls``; what is no URL is left out.

        What was bound before stays only if this is a new secret for the same place (a password was
        changed); a name that now means another place takes nothing with it. Raises
        :class:`StateError`.

        :param further: what was bound before stays, because its owner says so.
        :param changes: what it becomes a part of; left out, it is written at once.
        """
        fresh = _owners(urls)

        def bound(own: UserSettings) -> list[Prefix]:
            before = _readable(own, kind)
            same_place = further or any(old.contains(new) for old in before for new in fresh)
            return [*(before if same_place else []), *fresh]

        self._change(name, kind, bound, changes)

    def record_begun(
        self,
        name: str,
        urls: Iterable[str],
        kind: Kind = Kind.CREDENTIAL,
        *,
        further: bool,
        changes: Changes,
    ) -> None:
        """Note where a login belongs that is about to be stored.

        As :meth:`record_for_login`, but where the name moves to another place, nothing of it goes
        anywhere until the new secret is in the place of the old one.
        """
        fresh = _owners(urls)

        def change(own: UserSettings) -> dict[str, object]:
            before = _readable(own, kind)
            same_place = further or any(old.contains(new) for old in before for new in fresh)
            if before and not same_place:
                return {kind.value: [_MOVING]}
            return {kind.value: [str(one) for one in _widest([*before, *fresh])] or None}

        changes.change_own(name, change)

    def is_same_place(self, name: str, kind: Kind, urls: Iterable[str]) -> bool:
        """Whether a new secret for ``urls`` is for a place that the old one is bound to."""
        before = _readable(self._settings.user_settings(name), kind)
        return any(old.contains(new) for old in before for new in _owners(urls))

    def record_first_success(self, name: str, kind: Kind, urls: Iterable[str]) -> None:
        """Bind what was stored before the plugin came. A folder that cannot be written is no reason
        to fail.
        """
        fresh = _owners(urls)
        with suppress(StateError):
            if fresh and not _recorded(self._settings.user_settings(name), kind):
                self._change(
                    name, kind, lambda own: _readable(own, kind) if _recorded(own, kind) else fresh
                )

    def _change(
        self,
        name: str,
        kind: Kind,
        bound: Callable[[UserSettings], list[Prefix]],
        changes: Changes | None = None,
    ) -> None:
        """Keep what ``bound`` makes of the present record, read under the lock, so that no other
        process's is lost.
        """

        def change(own: UserSettings) -> dict[str, object]:
            kept = _widest(bound(own))
            if not kept:
                return {}
            return {kind.value: [str(prefix) for prefix in kept]}

        if changes is not None:
            changes.change_own(name, change)
            return
        from poetry_repo_plugin.config.changes import Changes

        with Changes(self._settings) as alone:
            alone.change_own(name, change)


def _recorded(own: UserSettings, kind: Kind) -> tuple[str, ...]:
    if kind is Kind.CREDENTIAL:
        return own.credential_origins
    if kind is Kind.CERTIFICATE:
        return own.certificate_origins
    return own.header_origins


def _readable(own: UserSettings, kind: Kind) -> list[Prefix]:
    found = []
    for text in _recorded(own, kind):
        with suppress(InvalidUrl):
            found.append(Prefix.of(text))
    return found


def _owners(urls: Iterable[str]) -> list[Prefix]:
    found = []
    for url in urls:
        with suppress(InvalidUrl):
            found.append(Prefix.of_index(url))
    return found


def _widest(prefixes: list[Prefix]) -> list[Prefix]:
    """``prefixes`` without those that lie below another of them."""
    different = list(dict.fromkeys(prefixes))
    return [
        one
        for one in different
        if not any(other != one and other.contains(one) for other in different)
    ]
