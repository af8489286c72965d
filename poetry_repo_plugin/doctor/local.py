"""What can be seen on this machine without a network: files, names, settings, dates; and what
``--fix`` does about it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from poetry_repo_plugin.config.bindings import Kind
from poetry_repo_plugin.config.migrate import migrate
from poetry_repo_plugin.config.project import read_text
from poetry_repo_plugin.config.repositories import Repository, shows_credential
from poetry_repo_plugin.core.errors import Cause, Failure, RepoError, Subject
from poetry_repo_plugin.core.hints import repo
from poetry_repo_plugin.core.names import is_pypi
from poetry_repo_plugin.core.origin import InvalidUrl, Origin, redact
from poetry_repo_plugin.core.servers import is_vendor_host
from poetry_repo_plugin.core.variables import env_key
from poetry_repo_plugin.doctor import logins_in_files
from poetry_repo_plugin.doctor.lock_audit import audit
from poetry_repo_plugin.doctor.logins_in_files import leave_lock, rewritten
from poetry_repo_plugin.doctor.permissions import permissions
from poetry_repo_plugin.doctor.report import Finding, Mended, State, fine
from poetry_repo_plugin.http.auth import Access
from poetry_repo_plugin.http.failures import failure_of, hint_for
from poetry_repo_plugin.ops.status import managed_keys
from poetry_repo_plugin.tls.settings import SOON

Check = Callable[[Access], Iterable[Finding]]


def look_around(access: Access) -> list[Finding]:
    """All local findings; nothing is asked of a keyring, a tool or the network."""
    found: list[Finding] = []
    for check in CHECKS:
        try:
            found.extend(check(access))
        except RepoError as error:
            broken = Finding("files", State.FAIL, error.message.removesuffix("."))
            if broken not in found:  # another check has read the same file
                found.append(broken)
    return found


def mend(access: Access) -> Mended:
    """Fix each finding that can be. What fails is said, and stops nothing else."""
    mended = Mended()
    for finding in look_around(access):
        if finding.fix is None:
            continue
        try:
            finding.fix(mended)
        except RepoError as error:
            mended.leave(error.message)
        access.settings.refresh()
    return mended


def _managed(access: Access) -> Iterator[Finding]:
    """What comes from the administrator, and what of their file is not believed."""
    says = access.settings.managed.says
    state = State.WARN
    if not says.names:  # as if there were no such file
        state = State.FAIL
    for line in says.complaints:
        yield Finding("managed", state, line.removesuffix("."))
    for repository in access.catalogue:
        found = managed_keys(access, repository)
        if found.file is not None:
            yield fine("managed", f"{repository.name}: {found}")


def _legacy(access: Access) -> Iterator[Finding]:
    """Sources that Poetry 2 refuses to read, and ``repo migrate`` rewrites."""
    project = access.catalogue.project
    if project is None:
        return
    if project.needs_migration:
        what = "pyproject.toml has sources with `default` or `secondary`"
    elif migrate(read_text(project.path))[1]:
        what = "pyproject.toml gives PyPI a URL"
    else:
        return
    message = f"{what}, which Poetry 2 refuses to read"
    fix = partial(_migrate, access, project.path)
    yield Finding("legacy", State.FAIL, message, hint=repo("migrate"), fix=fix)


def _migrate(access: Access, file: Path, mended: Mended) -> None:
    changes: list[str] = []

    def rewrite(before: str) -> str:
        text, changes[:] = migrate(before)
        return text

    if rewritten(access, file, rewrite):
        mended.done.extend(f"pyproject.toml: {change}." for change in changes)
        leave_lock(access, mended)


def _project(access: Access) -> Iterator[Finding]:
    """Sources that make no sense, and settings that count for nothing."""
    project = access.catalogue.project
    ignored = [
        *access.settings.poetry_toml.ignored(),
        *access.catalogue.owned.ignored,
        *access.tls.project_trust.ignored(),
    ]
    if project is not None:
        for problem in project.problems:
            yield Finding("sources", State.FAIL, problem.removesuffix("."))
        ignored = [*project.ignored, *ignored]
    for line in ignored:
        yield Finding("ignored", State.WARN, line.removesuffix("."))


def _names(access: Access) -> Iterator[Finding]:
    groups: dict[str, list[str]] = {}
    for name in access.catalogue.names():
        groups.setdefault(env_key(name), []).append(name)
    for key, same in groups.items():
        if len(same) > 1:
            message = (
                f"{' and '.join(same)} share their environment variables (POETRY_…_{key}_…); "
                "what is set there applies to all of them"
            )
            yield Finding("names", State.WARN, message)


def _interrupted_logins(access: Access) -> Iterator[Finding]:
    """A login writes down what the keyring is about to get, and takes that back when it is done."""
    for name in access.settings.names():
        if access.settings.user_settings(name).keyring_users:
            message = f"{name}: a login was interrupted; its secret may be left in the keyring"
            yield Finding("keyring", State.WARN, message, hint=repo("login", name), about=name)


def _repositories(access: Access) -> Iterator[Finding]:
    for repository in access.catalogue:
        yield from _plain_http(access, repository)
        yield from _strange_provider(access, repository)
        yield from _files(access, repository)


def _plain_http(access: Access, repository: Repository) -> Iterator[Finding]:
    plain = [url for url in repository.urls if _is_plain_http(url)]
    sent = [url for url in plain if _is_sent(access, repository, url)]
    if not sent:
        return
    goes = f"{repository.name}: its credential goes over plain http"
    message = f"{goes}, readable by anyone on the network"
    proxies = [proxy for url in sent if (proxy := _proxy_for(url))]
    if proxies:
        message += f", the proxy {proxies[0]} included"
    yield Finding("plain-http", State.WARN, message)


def _strange_provider(access: Access, repository: Repository) -> Iterator[Finding]:
    """A provider whose tokens go to its own hosts only, and the repository is at none of them."""
    name = repository.name
    provider = access.settings.user_settings(name).provider or repository.project.provider
    if provider is None or provider == "gitlab":  # a GitLab is known from CI only
        return
    for url in repository.urls:
        if not is_vendor_host(provider, url):
            message = f"{name}: {redact(url)} is no host of its provider {provider}"
            yield Finding("provider", State.WARN, message, hint=repo("login", name))
            return


def _files(access: Access, repository: Repository) -> Iterator[Finding]:
    """Certificates and keys that are not there, or end soon."""
    name, settings = repository.name, access.tls.settings_of(repository)
    for key, file, subject in (
        ("cert", settings.ca, Subject.CA),
        ("client-cert", settings.client_cert, None),
        ("client-key", settings.client_key, Subject.CLIENT_KEY),
    ):
        if isinstance(file, Path) and not os.path.exists(file):
            hint = hint_for(Cause.TLS_FILE_MISSING, repository, subject=subject)
            message = f"certificates.{name}.{key}: {file} does not exist"
            yield Finding("files", State.FAIL, message, hint=hint, about=name)
    if settings.client_cert is not None and os.path.exists(settings.client_cert):
        expiring = _expiring(access, repository, settings.client_cert)
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
    left = f"{facts.days_left()} days left"
    message = f"{name}: its client certificate expires on {facts.valid_until} ({left})"
    return Finding("expiry", State.WARN, message, hint=hint, about=name)


def _is_sent(access: Access, repository: Repository, url: str) -> bool:
    """Whether a credential that can be seen would go to ``url``."""
    here = access.bindings.allows(repository.name, Kind.CREDENTIAL, url) is not False
    if is_pypi(repository.name):
        return False
    return shows_credential(access.settings, repository, stored=here)


def _proxy_for(url: str) -> str | None:
    """Host and port of the proxy that a request to ``url`` goes through."""
    from requests.utils import get_environ_proxies, select_proxy

    from poetry_repo_plugin.http.proxy import Proxy

    given = select_proxy(url, get_environ_proxies(url))
    try:
        if not given:
            return None
        return str(Proxy.of(given))
    except ValueError:
        return None


def _is_plain_http(url: str) -> bool:
    try:
        return Origin.of(url).scheme == "http"
    except InvalidUrl:
        return False


# In the order in which they are shown.
CHECKS: tuple[Check, ...] = (
    permissions,
    _managed,
    logins_in_files.publish_urls,
    logins_in_files.pyproject,
    logins_in_files.lock,
    _legacy,
    _project,
    _names,
    _interrupted_logins,
    _repositories,
    audit,
)
