"""What can be seen on this machine without a network: files, names, settings, dates."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from poetry_repo_plugin.config import files as store
from poetry_repo_plugin.config.bindings import Kind
from poetry_repo_plugin.config.project import read_text
from poetry_repo_plugin.config.repositories import Repository, shows_credential
from poetry_repo_plugin.core.errors import Cause, Failure, StateError, Subject
from poetry_repo_plugin.core.hints import Hint, repo
from poetry_repo_plugin.core.names import is_pypi
from poetry_repo_plugin.core.origin import InvalidUrl, Origin, redact
from poetry_repo_plugin.core.servers import is_vendor_host
from poetry_repo_plugin.core.variables import env_key
from poetry_repo_plugin.doctor.file_audit import (
    is_owned,
    lines_with_password,
    login_in,
    sources_with_login,
    strip_lock,
)
from poetry_repo_plugin.doctor.report import Finding, State
from poetry_repo_plugin.http.auth import Access
from poetry_repo_plugin.http.failures import failure_of, hint_for
from poetry_repo_plugin.tls.settings import SOON

FIX = repo("doctor", None, "--fix")


def look_around(access: Access) -> list[Finding]:
    """All local findings; nothing is asked of a keyring, a tool or the network."""
    return [
        *permissions(access),
        *_credentials_in_files(access),
        *_project(access),
        *_names(access),
        *(
            finding
            for repository in access.catalogue
            for finding in _repository(access, repository)
        ),
    ]


def permissions(access: Access) -> Iterator[Finding]:
    """Files of settings that others can read or change."""
    if is_folder_loose(access):
        message = (
            f"{access.settings.folder} can be changed by others, and with it what is sent where"
        )
        yield Finding("permissions", State.FAIL, message, hint=FIX)
    for file in loose_files(access):
        mode = file.stat().st_mode & 0o777
        # Whoever can write there decides what is sent where, and which helper is run.
        open_to_write = bool(mode & 0o022)
        message = (
            f"{file} can be {'changed' if open_to_write else 'read'} by others (mode {mode:04o})"
        )
        yield Finding("permissions", State.FAIL if open_to_write else State.WARN, message, hint=FIX)


def is_folder_loose(access: Access) -> bool:
    """Whether others can replace the files in the folder of settings (POSIX)."""
    folder = access.settings.folder
    return os.name == "posix" and folder.is_dir() and bool(folder.stat().st_mode & 0o022)


def loose_files(access: Access) -> list[Path]:
    """Those of our private files whose mode lets others in (POSIX)."""
    files = (access.settings.auth_file, access.settings.own_file)
    return [file for file in files if file.exists() and store.is_loose(file.stat().st_mode)]


def lock_file(access: Access) -> Path | None:
    """The project's ``poetry.lock``, if there is one."""
    project = access.catalogue.project
    file = project.path.with_name("poetry.lock") if project is not None else None
    return file if file is not None and file.exists() else None


def publish_urls_with_login(access: Access) -> dict[str, str]:
    """Names whose ``repositories.NAME.url`` in the user's ``config.toml`` holds a secret, and those
    URLs.
    """
    settings = access.settings
    urls = {name: settings.user_publish_url(name) for name in settings.names()}
    return {
        name: url for name, url in urls.items() if url is not None and login_in(url) is not None
    }


def source_urls(access: Access) -> list[str]:
    """The URLs of the project's sources, without userinfo."""
    project = access.catalogue.project
    urls = [source.url for source in project.sources if source.url] if project is not None else []
    return [login[0] if (login := login_in(url)) is not None else url for url in urls]


def _credentials_in_files(access: Access) -> Iterator[Finding]:
    for name in publish_urls_with_login(access):
        message = (
            f"the URL of repositories.{name} in {access.settings.config_file} holds a password"
        )
        yield Finding("credentials", State.FAIL, message, hint=FIX)
    project, lock = access.catalogue.project, lock_file(access)
    if project is not None:
        text = read_text(project.path)
        named = sources_with_login(text)
        for name in named:
            message = f"pyproject.toml: the URL of the source {name} holds a password"
            yield Finding("credentials", State.FAIL, message, hint=FIX)
        if not named:
            yield from _lines("pyproject.toml", text, None)
    if lock is not None:
        try:
            text = read_text(lock)
            can_mend = strip_lock(text, lambda url: is_owned(url, source_urls(access))) != text
        except StateError as error:
            yield Finding("files", State.FAIL, error.message.removesuffix("."))
            return
        yield from _lines("poetry.lock", text, FIX if can_mend else None)


def _lines(name: str, text: str, hint: Hint | None) -> Iterator[Finding]:
    lines = list(lines_with_password(text))
    if lines:
        more = f" and {len(lines) - 3} more" if len(lines) > 3 else ""
        where = f"line{'s' if len(lines) > 1 else ''} {', '.join(map(str, lines[:3]))}{more}"
        yield Finding(
            "credentials", State.FAIL, f"{name}: a URL holds a password ({where})", hint=hint
        )


def _project(access: Access) -> Iterator[Finding]:
    project = access.catalogue.project
    if project is not None and project.needs_migration:
        message = "pyproject.toml has sources with `default` or `secondary`, which Poetry 2 refuses to read"
        yield Finding("legacy", State.FAIL, message, hint=repo("migrate"))
    for problem in project.problems if project is not None else ():
        yield Finding("sources", State.FAIL, problem.removesuffix("."))
    ignored = [
        *(project.ignored if project is not None else ()),
        *access.settings.ignored_in_local(),
    ]
    for line in (*ignored, *access.tls.project_trust.ignored()):
        yield Finding("ignored", State.WARN, line.removesuffix("."))


def _names(access: Access) -> Iterator[Finding]:
    groups: dict[str, list[str]] = {}
    for name in access.catalogue.names():
        groups.setdefault(env_key(name), []).append(name)
    for key, same in groups.items():
        if len(same) > 1:
            message = (
                f"{' and '.join(same)} share their environment variables (POETRY_…_{key}_…): "
                "what is set there is for all of them"
            )
            yield Finding("names", State.WARN, message)


def _repository(access: Access, repository: Repository) -> Iterator[Finding]:
    name = repository.name
    plain = [
        url for url in repository.urls if _is_plain_http(url) and _is_sent(access, repository, url)
    ]
    if plain:
        too = next(
            (f", the proxy {proxy} included" for url in plain if (proxy := _proxy_for(url))), ""
        )
        message = (
            f"{name}: its credential goes over plain http, readable for whoever is on the way{too}"
        )
        yield Finding("plain-http", State.WARN, message)
    provider = access.settings.user_settings(name).provider or repository.project.provider
    if (
        provider is not None and provider != "gitlab" and repository.urls
    ):  # a GitLab is known from CI only
        strange = [url for url in repository.urls if not is_vendor_host(provider, url)]
        if strange:
            message = f"{name}: {redact(strange[0])} is no host of its provider {provider}"
            yield Finding("provider", State.WARN, message, hint=repo("login", name))
    wanted = access.tls.settings_of(repository)
    files = {"cert": wanted.ca, "client-cert": wanted.client_cert, "client-key": wanted.client_key}
    missing = {
        key: file
        for key, file in files.items()
        if isinstance(file, Path) and not os.path.exists(file)
    }
    subjects = {"cert": Subject.CA, "client-key": Subject.CLIENT_KEY}
    for key, file in missing.items():
        hint = hint_for(Cause.TLS_FILE_MISSING, repository, subject=subjects.get(key))
        yield Finding(
            "files",
            State.FAIL,
            f"certificates.{name}.{key}: {file} does not exist",
            hint=hint,
            about=name,
        )
    if wanted.client_cert is None or "client-cert" in missing:
        return
    expiring = _expiring(access, repository, wanted.client_cert)
    if expiring is not None:
        yield expiring


def _expiring(access: Access, repository: Repository, file: Path) -> Finding | None:
    from poetry_repo_plugin.tls.certificate import facts_of

    name = repository.name
    try:
        facts = facts_of(file)
    except Failure as error:
        hint = failure_of(error, repository).hint
        return Finding("files", State.FAIL, f"{name}: {error.detail}", hint=hint, about=name)
    if facts is None or facts.days_left() >= SOON:
        return None
    hint = hint_for(Cause.CLIENT_CERT_EXPIRED, repository)
    if facts.expired():
        message = f"{name}: its client certificate expired on {facts.valid_until}"
        return Finding("expiry", State.FAIL, message, hint=hint, about=name)
    message = f"{name}: its client certificate expires on {facts.valid_until} ({facts.days_left()} days left)"
    return Finding("expiry", State.WARN, message, hint=hint, about=name)


def _is_sent(access: Access, repository: Repository, url: str) -> bool:
    """Whether a credential that can be seen would go to ``url``."""
    here = access.bindings.allows(repository.name, Kind.CREDENTIAL, url) is not False
    return not is_pypi(repository.name) and shows_credential(
        access.settings, repository, stored=here
    )


def _proxy_for(url: str) -> str | None:
    """Host and port of the proxy that a request to ``url`` goes through."""
    from requests.utils import get_environ_proxies, select_proxy

    from poetry_repo_plugin.http.proxy import Proxy

    given = select_proxy(url, get_environ_proxies(url))
    try:
        return str(Proxy.of(given)) if given else None
    except ValueError:
        return None


def _is_plain_http(url: str) -> bool:
    try:
        return Origin.of(url).scheme == "http"
    except InvalidUrl:
        return False
