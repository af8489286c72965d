"""``poetry repo import``."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from typing import ClassVar

from cleo.helpers import argument

from poetry_repo_plugin.commands.base import RepoCommand
from poetry_repo_plugin.config.bindings import Kind
from poetry_repo_plugin.config.changes import Changes
from poetry_repo_plugin.config.pip_and_twine import Found, default_files, read_files
from poetry_repo_plugin.core import names
from poetry_repo_plugin.core.errors import Failure, InputError
from poetry_repo_plugin.core.hints import repo
from poetry_repo_plugin.core.origin import InvalidUrl, Origin
from poetry_repo_plugin.core.prompts import ask
from poetry_repo_plugin.core.secret import masked
from poetry_repo_plugin.ops.session import Session


class Command(RepoCommand):
    """Takes over what twine and pip know."""

    name = "repo import"
    description = "Take over repositories and logins from .pypirc and pip.conf."
    arguments: ClassVar = [
        argument("file", "The file; all that twine and pip read, if left out.", optional=True)
    ]
    help = """\
    <c1>poetry repo import</c1>             what ~/.pypirc and pip.conf hold
    <c1>poetry repo import ~/.pypirc</c1>

Shows what it found, with the secrets masked, and asks before it stores;
with <c1>-n</c1> it does not ask. The files themselves are not changed."""

    def work(self, session: Session) -> int:
        """Read, show, ask, store."""
        given = self.argument("file")
        files = [self.path(given)] if given is not None else default_files()
        if not files:
            raise InputError(
                "There is no .pypirc and no pip.conf here.", repo("import", None, "FILE")
            )
        contents = read_files(files)
        found: list[Found] = []
        for one in contents.found:
            found.append(self._checked(self._named(session, one, found)))
        for line in contents.left_out:
            self.warn(line)
        if not found:
            self.say(f"There is no private repository in {', '.join(map(str, files))}.")
            return 0
        for one in found:
            for line in preview(one, replaced(session, one)):
                self.row(line)
        if session.terminal and ask("Store this? (y/n) [y]: ").strip().lower() not in (
            "",
            "y",
            "yes",
        ):
            self.say("Nothing was stored.")
            return 1
        for one in found:
            self._store(session, one)
        in_project = {
            repository.name for repository in session.catalogue if repository.priority is not None
        }
        if session.project is not None:
            alone = {one.name for one in found if one.replaces_pypi}
            for name in dict.fromkeys(
                one.name for one in found if one.index_url and one.name not in in_project
            ):
                flag = (
                    ("--default",) if name in alone else ()
                )  # without it PyPI would be asked for its packages, too
                self.say(f"To use {name} in this project: {repo('add', name, *flag)}")
        return 0

    def _named(self, session: Session, found: Found, others: list[Found]) -> Found:
        """Under the name that is known for the same URL, unless another login was found for that;
        under a new one if its own means another host already.
        """
        if names.is_pypi(found.name):
            return found
        urls = {
            one.name: list(one.urls) for one in session.catalogue if not names.is_pypi(one.name)
        }
        for other in others:
            urls.setdefault(other.name, []).extend(other.urls)
        apart = {other.name for other in others if not found.goes_with(other)}
        own = {url.rstrip("/") for url in found.urls}
        same = (name for name, known in urls.items() if own & {url.rstrip("/") for url in known})
        merged = next((name for name in same if name not in apart), None)
        if merged is not None:
            return replace(found, name=merged)
        name, number = names.check_name(found.name), 1
        while (twin := _twin(name, urls)) is not None:
            if twin not in apart and (
                not urls[twin] or _origins(found.urls) & _origins(urls[twin])
            ):
                return replace(found, name=twin)
            number += 1
            name = f"{found.name}-{number}"
        if name != found.name:
            self.warn(
                f"{found.name} is another repository here already; the one in {found.origin} becomes {name}."
            )
        return replace(found, name=name)

    def _checked(self, found: Found) -> Found:
        """Without certificates that would not work."""
        from poetry_repo_plugin.ops import certs
        from poetry_repo_plugin.tls.settings import TlsSettings

        for key, settings in (
            ("ca", TlsSettings(found.ca)),
            ("client_cert", TlsSettings(client_cert=found.client_cert, verify=False)),
        ):
            try:
                certs.check(settings)
            except Failure as error:
                self.warn(f"{found.name}: {error.detail}; it is left out.")
                found = replace(found, **{key: None})  # type: ignore[arg-type]  # both are paths
        return found

    def _store(self, session: Session, found: Found) -> None:
        name, changes = found.name, Changes(session.settings)
        if found.index_url is not None:
            changes.save_user_settings(name, {"url": found.index_url})
        if found.publish_url is not None:
            changes.save_publish_url(name, found.publish_url)
        files = {"cert": found.ca, "client-cert": found.client_cert}
        paths = {key: str(value) for key, value in files.items() if value is not None}
        if found.client_cert is not None:
            session.bindings.record_for_login(name, found.urls, Kind.CERTIFICATE, changes=changes)
        if paths:
            changes.save_certificates(name, paths)
        place = ""
        if found.username is not None and found.secret is not None:
            urls = found.urls or session.catalogue.get(name).bindable
            plaintext = found.token_is_username  # Poetry keeps user names in its files
            login = (name, found.username, found.secret, urls)
            stored = session.logins.store(*login, plaintext=plaintext, changes=changes)
            place = f"; its login is in {stored.place}, not verified"
        else:
            changes.commit()
        self.say(f"{name}: taken over from {found.origin}{place}.")
        if found.username and found.secret is None:
            is_shown = masked(found.username) == found.username
            hint = repo("login", name, "--username", found.username if is_shown else "USER")
            self.warn(f"{name}: its password is not in the file: {hint}")


def preview(found: Found, replaces: str | None = None) -> list[str]:
    """What would be stored, without the secret."""
    is_bare = found.secret is not None and not found.secret  # then the user name may be a token
    rows = [
        ("url", found.index_url),
        ("publish url", found.publish_url),
        ("user", "****" if is_bare or found.token_is_username else found.username),
        ("password", "****" if found.secret else None),
        ("ca", found.ca),
        ("client cert", found.client_cert),
        ("replaces", replaces),
    ]
    if found.username is None:
        rows = [row for row in rows if row[0] not in ("user", "password")]
    return [
        f"{found.name} ({found.origin})",
        *(f"  {label:<12}{value}" for label, value in rows if value),
    ]


def replaced(session: Session, found: Found) -> str | None:
    """What a login that is taken over takes the place of, as far as files tell; without a
    secret.
    """
    settings, name = session.settings, found.name
    if found.username is None or found.secret is None:
        return None
    own, login = settings.user_settings(name), settings.login(name) or settings.token(name)
    if own.helper:
        return f"helper {own.helper[0]}"
    if own.provider:
        return f"provider {own.provider}"
    if login is None or (login.username, login.secret) == (found.username, found.secret):
        return None
    shows = not found.token_is_username and (login.secret is None or login.secret)
    return f"login of {login.username}" if shows else "login"


def _twin(name: str, known: Iterable[str]) -> str | None:
    taken = list(known)
    return name if name in taken else names.collision(name, taken)


def _origins(urls: Iterable[str]) -> set[Origin]:
    found = set()
    for url in urls:
        with suppress(InvalidUrl):
            found.add(Origin.of(url))
    return found
