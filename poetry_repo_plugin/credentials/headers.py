"""The further headers that ``login --header`` stored: sent beside whatever credential is found.

A gateway in front of a repository wants them with every request, so they are no source of the
chain, where the first answer wins. They are bound to origins of their own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from poetry_repo_plugin.config.bindings import Bindings, Kind
from poetry_repo_plugin.config.settings import Settings
from poetry_repo_plugin.core.headers import Header, Headers, from_text, merged
from poetry_repo_plugin.core.hints import repo
from poetry_repo_plugin.core.origin import Prefix
from poetry_repo_plugin.credentials.base import Purpose, Query
from poetry_repo_plugin.credentials.keyring import KeyringGate
from poetry_repo_plugin.credentials.keyring_services import HEADERS
from poetry_repo_plugin.credentials.keyring_worker import KeyringUnavailable


class StoredHeaders:
    """Finds the headers of each repository, once for all threads of a run.

    :param tell: told once why headers that are stored are not sent.
    """

    def __init__(
        self, settings: Settings, gate: KeyringGate, bindings: Bindings, tell: Callable[[str], None]
    ) -> None:
        self._settings = settings
        self._gate = gate
        self._bindings = bindings
        self._tell = tell
        self._lock = threading.Lock()
        self._read: dict[str, Headers] = {}
        self._lent: dict[str, tuple[Prefix, Headers]] = {}

    def lend(self, name: str, url: str, headers: Headers) -> None:
        """For this run, ``headers`` go to ``url`` as well, stored or not: for a question whether
        the repository takes them.
        """
        self._lent[name] = (Prefix.of_index(url), headers)

    def find(self, query: Query | None) -> Headers:
        """What goes out with a request. A keyring that does not answer is told, and stops
        nothing.
        """
        if query is None or not query.name or query.purpose is Purpose.GIT:
            return ()
        return merged(self._stored(query), self._lent_to(query))

    def is_known(self, query: Query | None) -> bool:
        """Whether :meth:`find` asks no keyring for its answer."""
        if query is None or not self._names(query.name):
            return True
        return query.name in self._read or self._settings.headers(query.name) is not None

    def names(self, query: Query | None) -> tuple[str, ...]:
        """The names of what :meth:`find` would send, without asking a keyring."""
        if query is None or not self._names(query.name) or not self._is_bound(query):
            return ()
        return self._names(query.name)

    def source(self, name: str) -> str:
        """Where the values are: a word of DESIGN section 3."""
        if self._settings.headers(name) is not None:
            return "auth.toml"
        return "keyring"

    def read(self, name: str) -> Headers:
        """All that is stored for ``name``, wherever it is bound to. Raises
        :class:`KeyringUnavailable`.
        """
        names = {known.lower() for known in self._names(name)}
        if not names:
            return ()
        text = self._settings.headers(name) or self._gate.own(name, HEADERS, known=True)
        found = from_text(text) if text is not None else ()
        return tuple(header for header in found if header.name.lower() in names)

    def _names(self, name: str) -> tuple[str, ...]:
        if not name:
            return ()
        return self._settings.user_settings(name).headers

    def _is_bound(self, query: Query) -> bool:
        return self._bindings.allows(query.name, Kind.HEADERS, query.url) is True

    def _stored(self, query: Query) -> Headers:
        names = self._names(query.name)
        if not names:
            return ()
        if not self._is_bound(query):
            self._tell(self._withheld(query))
            return ()
        with self._lock:
            if query.name not in self._read:
                self._read[query.name] = self._read_aloud(query.name)
            return self._read[query.name]

    def _read_aloud(self, name: str) -> Headers:
        try:
            found = self.read(name)
        except KeyringUnavailable as error:
            names = ", ".join(self._names(name))
            self._tell(f"Repository {name}: {names} cannot be sent: {error}.")
            return ()
        sent = {header.name.lower() for header in found}
        missing = [known for known in self._names(name) if known.lower() not in sent]
        if missing:
            words = [word for known in missing for word in ("--header", known)]
            hint = repo("login", name, *words)
            self._tell(
                f"Repository {name}: the value of {', '.join(missing)} is missing. Try: {hint}"
            )
        return found

    def _lent_to(self, query: Query) -> tuple[Header, ...]:
        prefix, headers = self._lent.get(query.name, (None, ()))
        if prefix is not None and prefix.covers(query.url):
            return headers
        return ()

    def _withheld(self, query: Query) -> str:
        names = ", ".join(self._names(query.name))
        places = " and ".join(self._bindings.shown(query.name, Kind.HEADERS))
        words = [word for known in self._names(query.name) for word in ("--header", known)]
        hint = repo("login", query.name, *words, "--url", str(Prefix.of_index(query.url)))
        return (
            f"Repository {query.name}: {names} belongs to {places} and is not sent to "
            f"{Prefix.of_index(query.url)}. To send it there too: {hint}"
        )
