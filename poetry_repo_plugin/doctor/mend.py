"""What ``--fix`` does: only what loses nothing and guesses nothing. The rest is said."""

from __future__ import annotations

import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from poetry_repo_plugin.config.changes import Changes
from poetry_repo_plugin.config.migrate import migrate
from poetry_repo_plugin.config.project import read_text
from poetry_repo_plugin.config.repositories import placeholder_in
from poetry_repo_plugin.core.errors import RepoError
from poetry_repo_plugin.core.hints import repo
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.credentials.base import Credential, Query, Withheld
from poetry_repo_plugin.credentials.stored import StoredSource
from poetry_repo_plugin.doctor import local
from poetry_repo_plugin.doctor.file_audit import (
    is_owned,
    login_in,
    sources_with_login,
    strip_lock,
    without_logins,
)
from poetry_repo_plugin.http.auth import Access
from poetry_repo_plugin.ops.credential_store import Logins


@dataclass
class Mended:
    """Sentences about what was done, and about what was left and why."""

    done: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def mend(access: Access) -> Mended:
    """Mend what can be mended safely. What fails is said, and stops nothing else."""
    mended = Mended()
    steps: list[Callable[[Access, Mended], None]] = [_permissions, _publish_urls, _pyproject, _lock]
    for step in steps:
        try:
            step(access, mended)
        except RepoError as error:
            mended.left.append(error.message)
        access.settings.refresh()
    return mended


def _permissions(access: Access, mended: Mended) -> None:
    folder = access.settings.folder
    if local.is_folder_loose(access):
        try:
            folder.chmod(stat.S_IMODE(folder.stat().st_mode) & ~0o022)
        except OSError as error:
            mended.left.append(
                f"{folder} is left as it is: {(error.strerror or str(error)).lower()}."
            )
        else:
            mended.done.append(f"{folder} can be changed by you only.")
    for file in local.loose_files(access):
        try:
            file.chmod(0o600)
        except OSError as error:
            mended.left.append(
                f"{file} is left as it is: {(error.strerror or str(error)).lower()}."
            )
        else:
            mended.done.append(f"{file} is private now (0600).")


def _publish_urls(access: Access, mended: Mended) -> None:
    for name, url in local.publish_urls_with_login(access).items():
        login = login_in(url)
        if login is not None and _keep(access, name, login, mended):
            with Changes(access.settings) as changes:
                changes.save_publish_url(name, login[0])
            mended.done.append(
                f"{access.settings.config_file}: repositories.{name}.url holds no password any more."
            )


def _pyproject(access: Access, mended: Mended) -> None:
    project = access.catalogue.project
    if project is None:
        return
    logins = sources_with_login(read_text(project.path))
    kept = [name for name, login in logins.items() if _keep(access, name, login, mended)]
    changes: list[str] = []

    def rewrite(before: str) -> str:
        text, changes[:] = migrate(before)
        return without_logins(text, kept)

    if not _rewritten(access, project.path, rewrite):
        return
    mended.done.extend(
        f"pyproject.toml: the URL of the source {name} holds no password any more." for name in kept
    )
    mended.done.extend(f"pyproject.toml: {change}." for change in changes)
    if local.lock_file(access) is not None:
        mended.left.append(
            "The sources in pyproject.toml have changed, so poetry.lock is out of date: poetry lock"
        )


def _lock(access: Access, mended: Mended) -> None:
    file, urls = local.lock_file(access), local.source_urls(access)
    if file is not None and _rewritten(
        access, file, lambda text: strip_lock(text, lambda url: is_owned(url, urls))
    ):
        mended.done.append("poetry.lock: the URLs of its sources hold no password any more.")


def _rewritten(access: Access, file: Path, rewrite: Callable[[str], str]) -> bool:
    """Whether ``rewrite`` had anything to change; where it had not, not even a lock is taken."""
    if rewrite(text := read_text(file)) == text:
        return False
    with Changes(access.settings) as changes:
        changes.rewrite(file, rewrite)
    return True


def _keep(access: Access, name: str, login: tuple[str, str, Secret], mended: Mended) -> bool:
    """Store what a URL holds under ``name``, unless something else is stored there; whether it is
    safe there now.
    """
    url, username, secret = login
    variable = placeholder_in(username, secret)
    if variable is not None:
        mended.left.append(
            f"{name}: its URL holds {variable}, which nothing expands there. Take it out by hand, then: "
            f"{repo('login', name)}"
        )
        return False
    found = StoredSource(access.settings, access.gate, access.bindings).get(Query(name, url))
    known = access.settings.login(name) is not None
    if isinstance(found, Credential) and (found.username, found.secret) == (username, secret):
        return True
    if known or isinstance(found, (Credential, Withheld)):
        mended.left.append(
            f"{name}: another login than the one in its URL is stored. Decide which one is right: "
            f"{repo('logout', name)}, or take the one in the URL out by hand."
        )
        return False
    home = access.bindings.home(name)
    if home.stranger_among([url]) is not None:
        mended.left.append(
            f"{name} belongs to {home}; the login in the URL {url} of this project is not kept for it."
        )
        return False
    logins = Logins(access.settings, access.gate, access.notices, access.bindings)
    mended.done.append(
        f"{name}: the login in its URL is kept in {logins.store(name, username, secret, [url]).place} now."
    )
    return True
