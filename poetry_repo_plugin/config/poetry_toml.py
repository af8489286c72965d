"""The project's ``poetry.toml``. It travels with the project, so it is believed in little."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from poetry_repo_plugin.config.keys import entries_of, leaf_names, table_at, text_at


@dataclass(frozen=True)
class PoetryToml:
    """What the file says, and what of it counts for nothing."""

    table: Mapping[str, Any]

    def username(self, name: str) -> str | None:
        """The user whom it names. That completes a password, and is no credential alone."""
        return text_at(self.table, "http-basic", name, "username")

    def login(self, name: str) -> str | None:
        """The key that holds a credential for ``name``, which a project cannot have."""
        for entry in self._entries("http-basic", name):
            if "username" in entry or "password" in entry:
                return f"http-basic.{name}"
        tokens = entries_of(self.table, "pypi-token", name)
        if any(isinstance(token, str) for token in tokens):
            return f"pypi-token.{name}"
        return None

    def publish_url(self, name: str) -> str | None:
        """``repositories.NAME.url``, which is no word of the user's."""
        return text_at(self.table, "repositories", name, "url") or None

    def certs(self, name: str) -> list[object]:
        """``certificates.NAME.cert``, in every spelling of the name; no switches.

        Whether one counts is decided in ``project_trust``.
        """
        found = [entry.get("cert", False) for entry in self._entries("certificates", name)]
        return [value for value in found if not isinstance(value, bool)]

    def names_with_cert(self) -> list[str]:
        """The names for which :meth:`certs` finds something."""
        names = leaf_names(table_at(self.table, "certificates"))
        return [name for name in names if self.certs(name)]

    def ignored(self) -> list[str]:
        """What it must not say, for the commands to report; never a value."""
        return [f"{line} It is ignored." for line in self._not_allowed()]

    def _not_allowed(self) -> Iterator[str]:
        from poetry_repo_plugin.config.toml import shown

        for section in ("http-basic", "pypi-token"):
            for name in map(shown, leaf_names(table_at(self.table, section))):
                yield f"poetry.toml holds {section}.{name}: a project cannot hold a secret."
        if text_at(self.table, "repositories", "pypi", "url") is not None:
            yield "poetry.toml sets an upload URL for PyPI; a project cannot do that."
        for name in leaf_names(table_at(self.table, "certificates")):
            entries = list(self._entries("certificates", name))
            whose = shown(name)
            if any(entry.get("cert") is False or "verify" in entry for entry in entries):
                off = f"poetry.toml switches off certificates.{whose}"
                yield f"{off}: a project cannot do that."
            if any("client-cert" in entry for entry in entries):
                named = f"poetry.toml names a client certificate for {whose}"
                yield f"{named}; a project cannot do that."

    def _entries(self, section: str, name: str) -> Iterator[dict[str, Any]]:
        for entry in entries_of(self.table, section, name):
            if isinstance(entry, dict):
                yield entry
