"""``poetry repo import``."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from typing import ClassVar

from cleo.helpers import argument

from poetry_repo_plugin import names
from poetry_repo_plugin.bindings import Kind
from poetry_repo_plugin.commands.base import Bench, RepoCommand
from poetry_repo_plugin.errors import InputError
from poetry_repo_plugin.importing import Found, default_files, read_file
from poetry_repo_plugin.logins import store_login
from poetry_repo_plugin.origin import InvalidUrl, Origin
from poetry_repo_plugin.profiles import profile_of
from poetry_repo_plugin.prompts import ask


class Command(RepoCommand):
    """Takes over what twine and pip know."""

    name = "repo import"
    description = "Take over repositories and logins from .pypirc and pip.conf."
    arguments: ClassVar = [argument("file", "The file; all that twine and pip read, if left out.", optional=True)]
    help = """\
    <c1>poetry repo import</c1>             what ~/.pypirc and pip.conf hold
    <c1>poetry repo import ~/.pypirc</c1>

Shows what it found, with the secrets masked, and asks before it stores; with <c1>-n</c1> it does not ask.
The files themselves are not changed."""

    def work(self, bench: Bench) -> int:
        """Read, show, ask, store."""
        given = self.argument("file")
        files = [self.path(given)] if given is not None else default_files()
        if not files:
            raise InputError("There is no .pypirc and no pip.conf here.", "poetry repo import FILE")
        found: list[Found] = []
        for file in files:
            for one in read_file(file):
                found.append(self._checked(self._named(bench, one, found)))
        if not found:
            self.say(f"There is no private repository in {', '.join(map(str, files))}.")
            return 0
        for one in found:
            for line in preview(one):
                self.row(line)
        if bench.terminal and ask("Store this? (y/n) [y]: ").strip().lower() not in ("", "y", "yes"):
            self.say("Nothing was stored.")
            return 1
        for one in found:
            self._store(bench, one)
        return 0

    def _named(self, bench: Bench, found: Found, others: Iterable[Found]) -> Found:
        """Under the name that is known for the same URL; under a new one if its own means another host already."""
        if names.is_pypi(found.name):
            return found
        urls: dict[str, list[str]] = {repository.name: repository.urls for repository in bench.catalogue}
        for other in others:
            urls.setdefault(other.name, []).extend(other.urls)
        own = {url.rstrip("/") for url in found.urls}
        same = next((name for name, known in urls.items() if own & {url.rstrip("/") for url in known}), None)
        if same is not None:
            return replace(found, name=same)
        name, number = names.check_name(found.name), 1
        while (twin := _twin(name, urls)) is not None:
            if not urls[twin] or _origins(found.urls) & _origins(urls[twin]):
                return replace(found, name=twin)
            number += 1
            name = f"{found.name}-{number}"
        if name != found.name:
            self.warn(f"{found.name} is another repository here already; the one in {found.origin} becomes {name}.")
        return replace(found, name=name)

    def _checked(self, found: Found) -> Found:
        """Without certificates that would not work."""
        from poetry_repo_plugin import certificates
        from poetry_repo_plugin.tls.material import MaterialError, TlsSettings

        for key, settings in (
            ("ca", TlsSettings(found.ca)),
            ("client_cert", TlsSettings(client_cert=found.client_cert, verify=False)),
        ):
            try:
                certificates.check(settings)
            except MaterialError as error:
                self.warn(f"{found.name}: {error.message}; it is left out.")
                found = replace(found, **{key: None})  # type: ignore[arg-type]  # both are paths
        return found

    def _store(self, bench: Bench, found: Found) -> None:
        name = found.name
        if found.index_url is not None:
            bench.settings.save_own(name, {"url": found.index_url})
        if found.publish_url is not None:
            bench.settings.save_publish_url(name, found.publish_url)
        certificates = {"cert": found.ca, "client-cert": found.client_cert}
        paths = {key: str(value) for key, value in certificates.items() if value is not None}
        if paths:
            bench.settings.save_certificates(name, paths)
        if found.client_cert is not None:
            bench.bindings.record_for_login(name, found.urls, Kind.CERTIFICATE)
        place = ""
        if found.username is not None and found.secret is not None:
            stored = store_login(bench.settings, bench.gate, bench.notices, name, found.username, found.secret)
            bench.bindings.record_for_login(name, found.urls or bench.catalogue.get(name).bindable)
            place = f"; its login is in {stored}, not verified"
        self.say(f"{name}: taken over from {found.origin}{place}.")


def preview(found: Found) -> list[str]:
    """What would be stored, without the secret."""
    profile = profile_of(found.urls[0]) if found.urls else None
    user = "****" if profile is not None and profile.token_is_username else found.username
    rows = [
        ("url", found.index_url),
        ("publish url", found.publish_url),
        ("user", user if found.username is not None and found.secret is not None else None),
        ("password", "****" if found.secret is not None else None),
        ("ca", found.ca),
        ("client cert", found.client_cert),
    ]
    return [f"{found.name} ({found.origin})", *(f"  {label:<12}{value}" for label, value in rows if value)]


def _twin(name: str, known: Iterable[str]) -> str | None:
    taken = list(known)
    return name if name in taken else names.collision(name, taken)


def _origins(urls: Iterable[str]) -> set[Origin]:
    found = set()
    for url in urls:
        with suppress(InvalidUrl):
            found.add(Origin.of(url))
    return found
