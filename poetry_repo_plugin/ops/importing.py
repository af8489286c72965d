"""``repo import``: what twine and pip know, under names that fit, checked, then stored."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from poetry_repo_plugin.config.bindings import Kind
from poetry_repo_plugin.config.changes import Changes
from poetry_repo_plugin.config.pip_and_twine import Found, read_files
from poetry_repo_plugin.core import names
from poetry_repo_plugin.core.errors import Failure
from poetry_repo_plugin.core.hints import Hint, repo
from poetry_repo_plugin.core.origin import InvalidUrl, Origin
from poetry_repo_plugin.core.secret import masked
from poetry_repo_plugin.ops.certs import check
from poetry_repo_plugin.ops.session import Session, Teller
from poetry_repo_plugin.tls.settings import TlsSettings


def find(session: Session, files: list[Path], out: Teller) -> list[Found]:
    """The private repositories in ``files``; what is left out is told.

    Raises ``StateError``, ``InputError``.
    """
    contents = read_files(files)
    found: list[Found] = []
    for one in contents.found:
        found.append(_checked(_named(session, one, found, out), out))
    for line in contents.left_out:
        out.warn(line)
    return found


def preview(session: Session, found: Found) -> list[str]:
    """What would be stored, without the secret."""
    is_bare = found.secret is not None and not found.secret  # then the user name may be a token
    user = found.username
    if is_bare or found.token_is_username:
        user = "****"
    rows: list[tuple[str, str | Path | None]] = [
        ("url", found.index_url),
        ("publish url", found.publish_url),
    ]
    if found.username is not None:
        rows += [("user", user), ("password", "****" if found.secret else None)]
    rows += [("ca", found.ca), ("client cert", found.client_cert)]
    rows += [("replaces", _replaced(session, found))]
    shown = [f"  {label:<12}{value}" for label, value in rows if value]
    return [f"{found.name} ({found.origin})", *shown]


def store(session: Session, found: Found, out: Teller) -> None:
    """Keep one repository and its login. Raises ``StateError``."""
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
    if found.username is not None and found.secret is not None:
        urls = found.urls or session.catalogue.get(name).bindable
        plaintext = found.token_is_username  # Poetry keeps user names in its files
        login = (name, found.username, found.secret, urls)
        stored = session.logins.store(*login, plaintext=plaintext, changes=changes)
        kept = f"its login is in {stored.place}, not verified"
        out.say(f"{name}: imported from {found.origin}; {kept}.")
        return
    changes.commit()
    out.say(f"{name}: imported from {found.origin}.")
    if found.username:
        hint = repo("login", name, "--username", _word(found.username))
        out.warn(f"{name}: its password is not in the file. Next: {hint}")


def next_steps(session: Session, found: list[Found]) -> dict[str, Hint]:
    """How each repository becomes a source of the project, by name."""
    if session.project is None:
        return {}
    sources = {one.name for one in session.catalogue if one.priority is not None}
    alone = {one.name for one in found if one.replaces_pypi}
    steps = {}
    for one in found:
        if one.index_url and one.name not in sources:
            # without the flag PyPI would be asked for its packages, too
            step = repo("add", one.name)
            if one.name in alone:
                step = step.adding("--default")
            steps[one.name] = step
    return steps


def _named(session: Session, found: Found, others: list[Found], out: Teller) -> Found:
    """Under the name that is known for the same URL, unless another login was found for that; under
    a new one if its own means another host already.
    """
    if names.is_pypi(found.name):
        return found
    listed = [one for one in session.catalogue if not names.is_pypi(one.name)]
    urls = {one.name: list(one.urls) for one in listed}
    for other in others:
        urls.setdefault(other.name, []).extend(other.urls)
    apart = {other.name for other in others if not found.goes_with(other)}
    own = _without_slash(found.urls)
    for name, known_urls in urls.items():
        if own & _without_slash(known_urls) and name not in apart:
            return replace(found, name=name)
    name, number = names.check_name(found.name), 1
    while (twin := _twin(name, urls)) is not None:
        is_same = not urls[twin] or _origins(found.urls) & _origins(urls[twin])
        if is_same and twin not in apart:
            return replace(found, name=twin)
        number += 1
        name = f"{found.name}-{number}"
    if name != found.name:
        known = f"{found.name} is another repository here already"
        out.warn(f"{known}; the one in {found.origin} becomes {name}.")
    return replace(found, name=name)


def _checked(found: Found, out: Teller) -> Found:
    """Without certificates that would not work."""
    for key, settings in (
        ("ca", TlsSettings(found.ca)),
        ("client_cert", TlsSettings(client_cert=found.client_cert, verify=False)),
    ):
        try:
            check(settings)
        except Failure as error:
            out.warn(f"{found.name}: {error.detail}; it is skipped.")
            found = replace(found, **{key: None})  # type: ignore[arg-type]  # both are paths
    return found


def _replaced(session: Session, found: Found) -> str | None:
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
    has_no_password = login.secret is not None and not login.secret
    if found.token_is_username or has_no_password:  # its user name may be a token
        return "login"
    return f"login of {login.username}"


def _word(username: str) -> str:
    """A user name as a word of a command, unless it looks like a secret."""
    if masked(username) != username:
        return "USER"
    return username


def _twin(name: str, known: Iterable[str]) -> str | None:
    taken = list(known)
    if name in taken:
        return name
    return names.collision(name, taken)


def _without_slash(urls: Iterable[str]) -> set[str]:
    return {url.rstrip("/") for url in urls}


def _origins(urls: Iterable[str]) -> set[Origin]:
    found = set()
    for url in urls:
        with suppress(InvalidUrl):
            found.add(Origin.of(url))
    return found
