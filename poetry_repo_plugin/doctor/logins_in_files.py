"""Logins in URLs of files that travel: found, and moved into the credential store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from poetry_repo_plugin.config.changes import Changes
from poetry_repo_plugin.config.project import read_text
from poetry_repo_plugin.config.repositories import placeholder_in
from poetry_repo_plugin.core.hints import repo
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.credentials.base import Credential, Query, Withheld
from poetry_repo_plugin.credentials.stored import StoredSource
from poetry_repo_plugin.doctor.file_audit import (
    is_owned,
    lines_with_password,
    login_in,
    sources_with_login,
    strip_lock,
    without_logins,
)
from poetry_repo_plugin.doctor.report import Finding, Fix, Mended, State
from poetry_repo_plugin.http.auth import Access
from poetry_repo_plugin.ops.credential_store import Logins

_FIX = repo("doctor", None, "--fix")
_SHOWN = 3  # lines that are named


def publish_urls(access: Access) -> Iterator[Finding]:
    """Publish URLs in the user's ``config.toml``."""
    settings = access.settings
    for name in settings.names():
        url = settings.user_publish_url(name)
        if url is None or login_in(url) is None:
            continue
        message = f"the URL of repositories.{name} in {settings.config_file} holds a password"
        yield _mendable(message, partial(_clean_publish_url, access, name, url))


def pyproject(access: Access) -> Iterator[Finding]:
    """The sources of the project, and everything else in its ``pyproject.toml``."""
    project = access.catalogue.project
    if project is None:
        return
    text = read_text(project.path)
    named = sources_with_login(text)
    for name in named:
        message = f"pyproject.toml: the URL of the source {name} holds a password"
        yield _mendable(message, partial(_clean_source, access, project.path, name))
    if not named:
        yield from _lines("pyproject.toml", text, None)


def lock(access: Access) -> Iterator[Finding]:
    """The project's ``poetry.lock``."""
    file = lock_file(access)
    if file is None:
        return
    text = read_text(file)
    strip = partial(_stripped, access)
    fix = None
    if strip(text) != text:
        fix = partial(_clean_lock, access, file)
    yield from _lines("poetry.lock", text, fix)


def lock_file(access: Access) -> Path | None:
    """The project's ``poetry.lock``, if there is one."""
    project = access.catalogue.project
    if project is None:
        return None
    file = project.path.with_name("poetry.lock")
    if file.exists():
        return file
    return None


def rewritten(access: Access, file: Path, rewrite: Callable[[str], str]) -> bool:
    """Whether ``rewrite`` had anything to change; where it had not, not even a lock is taken."""
    text = read_text(file)
    if rewrite(text) == text:
        return False
    with Changes(access.settings) as changes:
        changes.rewrite(file, rewrite)
    return True


def leave_lock(access: Access, mended: Mended) -> None:
    """Say that a lock file is out of date, if there is one."""
    if lock_file(access) is not None:
        changed = "The sources in pyproject.toml have changed"
        mended.leave(f"{changed}, so poetry.lock is out of date: poetry lock")


def _mendable(message: str, fix: Fix) -> Finding:
    return Finding("credentials", State.FAIL, message, hint=_FIX, fix=fix)


def _lines(name: str, text: str, fix: Fix | None) -> Iterator[Finding]:
    lines = list(lines_with_password(text))
    if not lines:
        return
    where = "lines"
    if len(lines) == 1:
        where = "line"
    where += f" {', '.join(map(str, lines[:_SHOWN]))}"
    if len(lines) > _SHOWN:
        where += f" and {len(lines) - _SHOWN} more"
    message = f"{name}: a URL holds a password ({where})"
    hint = None
    if fix is not None:
        hint = _FIX
    yield Finding("credentials", State.FAIL, message, hint=hint, fix=fix)


def _clean_publish_url(access: Access, name: str, url: str, mended: Mended) -> None:
    login = login_in(url)
    if login is None or not _keep(access, name, login, mended):
        return
    with Changes(access.settings) as changes:
        changes.save_publish_url(name, login[0])
    where = f"{access.settings.config_file}: repositories.{name}.url"
    mended.done.append(f"{where} no longer holds a password.")


def _clean_source(access: Access, file: Path, name: str, mended: Mended) -> None:
    login = sources_with_login(read_text(file)).get(name)
    if login is None or not _keep(access, name, login, mended):
        return
    if rewritten(access, file, lambda text: without_logins(text, [name])):
        where = f"pyproject.toml: the URL of the source {name}"
        mended.done.append(f"{where} no longer holds a password.")
        leave_lock(access, mended)


def _clean_lock(access: Access, file: Path, mended: Mended) -> None:
    if rewritten(access, file, partial(_stripped, access)):
        mended.done.append("poetry.lock: the URLs of its sources no longer hold a password.")


def _stripped(access: Access, text: str) -> str:
    """The text of a lock file without the logins of the project's own sources."""
    project = access.catalogue.project
    urls = []
    for source in project.sources if project is not None else ():
        if source.url:
            login = login_in(source.url)
            urls.append(source.url if login is None else login[0])
    return strip_lock(text, lambda url: is_owned(url, urls))


def _keep(access: Access, name: str, login: tuple[str, str, Secret], mended: Mended) -> bool:
    """Store what a URL holds under ``name``, unless something else is stored there; whether it is
    safe there now.
    """
    url, username, secret = login
    variable = placeholder_in(username, secret)
    if variable is not None:
        holds = f"{name}: its URL holds {variable}, and variables are not expanded there"
        mended.leave(f"{holds}. Remove it by hand, then: {repo('login', name)}")
        return False
    found = StoredSource(access.settings, access.gate, access.bindings).get(Query(name, url))
    if isinstance(found, Credential) and (found.username, found.secret) == (username, secret):
        return True
    is_known = access.settings.login(name) is not None
    if is_known or isinstance(found, (Credential, Withheld)):
        other = f"{name}: the stored login is not the one in its URL"
        mend = f"{repo('logout', name)}, or remove the one in the URL by hand"
        mended.leave(f"{other}. Keep one: {mend}.")
        return False
    home = access.bindings.home(name)
    if home.stranger_among([url]) is not None:
        stranger = f"the login in the URL {url} of this project is not kept for it"
        mended.leave(f"{name} belongs to {home}; {stranger}.")
        return False
    logins = Logins(access.settings, access.gate, access.notices, access.bindings)
    place = logins.store(name, username, secret, [url]).place
    mended.done.append(f"{name}: the login in its URL is now stored in {place}.")
    return True
