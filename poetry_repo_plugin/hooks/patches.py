"""The methods of Poetry that are replaced, in one table.

Poetry opens connections from many places (the pool, the executor, fresh Poetry instances for builds
and for ``poetry self``, the publisher, direct URLs, git), but all of them pass through a few
methods. Those are replaced on their classes, once, after a check that they are what we expect; a
Poetry in which one is missing is left as it is, with one line of explanation. Nothing is read or
resolved here: that happens when a request needs it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from poetry_repo_plugin.hooks import (
    authenticator,
    git,
    memory,
    mirror,
    owned_names,
    prefetch,
    publisher,
    repository,
    run,
)
from poetry_repo_plugin.hooks.facts import poetry_version
from poetry_repo_plugin.hooks.seam import Seam

if TYPE_CHECKING:
    from cleo.commands.command import Command
    from cleo.io.io import IO


_FACTORY = "poetry.factory:Factory"
_CONFIG = "poetry.config.config:Config"
_AUTHENTICATOR = "poetry.utils.authenticator:Authenticator"
_HTTP_REPOSITORY = "poetry.repositories.http_repository:HTTPRepository"
_LEGACY = "poetry.repositories.legacy_repository:LegacyRepository"
_PYPI = "poetry.repositories.pypi_repository:PyPiRepository"
_SINGLE_PAGE = "poetry.repositories.single_page_repository:SinglePageRepository"
_CACHED = "poetry.repositories.cached_repository:CachedRepository"
_POOL = "poetry.repositories.repository_pool:RepositoryPool"
_PROVIDER = "poetry.puzzle.provider:Provider"
_INSTALLER = "poetry.installation.installer:Installer"
_PUBLISHER = "poetry.publishing.publisher:Publisher"
_UPLOADER = "poetry.publishing.uploader:Uploader"
_CERTIFICATES = "poetry.utils.authenticator:RepositoryCertificateConfig"
_CREDENTIAL = "poetry.utils.password_manager:HTTPAuthCredential"
_KEYRING = "poetry.utils.password_manager:PoetryKeyring"
_CACHE = "cachecontrol.controller:CacheController"
_ADAPTER = "requests.adapters:HTTPAdapter"

SEAMS: tuple[Seam, ...] = (
    # Look-ups and links
    Seam(_HTTP_REPOSITORY, "__init__", repository.init_repository, ("self", "name", "url")),
    Seam(_HTTP_REPOSITORY, "session"),
    Seam(_LEGACY, "find_links_for_package", repository.find_links_for_package, ("self", "package")),
    Seam(_PYPI, "find_links_for_package", repository.find_links_for_package, ("self", "package")),
    # What a mirror answers in their place
    Seam(_CACHED, "get_release_info", mirror.get_release_info, ("self", "name", "version")),
    Seam(_HTTP_REPOSITORY, "calculate_sha256", mirror.calculate_sha256, ("self", "link")),
    Seam(_CACHED, "forget", mirror.forget, ("self", "name", "version"), optional=True),
    Seam(_LEGACY, "_get_page", mirror.get_page, ("self", "name")),
    Seam(_LEGACY, "_links_to_data", None, ("self", "links", "data")),
    Seam(_LEGACY, "find_links_for_package", mirror.find_links_for_package, ("self", "package")),
    Seam(_LEGACY, "search", mirror.search, ("self", "query")),
    Seam(_SINGLE_PAGE, "_get_page", mirror.get_page, ("self", "name")),
    Seam(_PYPI, "_get_page", mirror.get_page, ("self", "name")),
    Seam(_PYPI, "find_links_for_package", mirror.find_links_for_package, ("self", "package")),
    Seam(_PYPI, "search", mirror.search_pypi, ("self", "query")),
    # Names that belong to one repository: whom Poetry asks, and who may be asked
    Seam(_POOL, "find_packages", owned_names.find_packages, ("self", "dependency")),
    Seam(_POOL, "package", owned_names.package, ("self", "name", "version", "repository_name")),
    Seam(_PROVIDER, "get_locked", owned_names.get_locked, ("self", "dependency")),
    Seam(
        _PROVIDER,
        "search_for_direct_origin_dependency",
        owned_names.search_for_direct_origin_dependency,
        ("self", "dependency"),
    ),
    Seam(_INSTALLER, "run", owned_names.run_installer, ("self",)),
    Seam(_HTTP_REPOSITORY, "_get_page", owned_names.by_name, ("self", "name")),
    Seam(_LEGACY, "_get_page", owned_names.by_name, ("self", "name")),
    Seam(_SINGLE_PAGE, "_get_page", owned_names.by_name, ("self", "name")),
    Seam(_PYPI, "_get_page", owned_names.by_name, ("self", "name")),
    Seam(_PYPI, "_get_release_info", owned_names.by_name, ("self", "name", "version")),
    Seam(_CACHED, "get_release_info", owned_names.by_name, ("self", "name", "version")),
    Seam(_PYPI, "search", owned_names.search, ("self", "query")),
    # The configuration
    Seam(_FACTORY, "create_poetry", memory.create_poetry, ("self", "cwd")),
    Seam(_CONFIG, "create"),
    Seam(_CONFIG, "raw", None, ("self",)),
    # Sessions and requests
    Seam(_AUTHENTICATOR, "add_repository", authenticator.add_repository, ("self", "name", "url")),
    Seam(_AUTHENTICATOR, "create_session", authenticator.create_session, ("self",)),
    Seam(
        _AUTHENTICATOR,
        "request",
        authenticator.request,
        ("self", "method", "url", "raise_for_status"),
    ),
    Seam(
        _AUTHENTICATOR,
        "get_credentials_for_url",
        authenticator.get_credentials_for_url,
        ("self", "url"),
    ),
    Seam(
        _AUTHENTICATOR,
        "get_credentials_for_git_url",
        git.get_credentials_for_git_url,
        ("self", "url"),
    ),
    Seam(_AUTHENTICATOR, "get_certs_for_url", authenticator.get_certs_for_url, ("self", "url")),
    Seam(
        _AUTHENTICATOR,
        "get_certs_for_repository",
        authenticator.get_certs_for_repository,
        ("self", "name"),
    ),
    Seam(_AUTHENTICATOR, "get_http_auth", authenticator.get_http_auth, ("self", "name")),
    Seam(_AUTHENTICATOR, "get_pypi_token", authenticator.get_pypi_token, ("self", "name")),
    Seam(_CERTIFICATES, "create", None, ("repository", "config")),
    Seam(_CREDENTIAL, "__init__", None, ("self", "username", "password")),
    # From 2.1 on it asks the keyring before every install; with us a request does that, if it needs
    # it.
    Seam(_KEYRING, "preflight_check", lambda original, io=None, config=None: None, optional=True),
    # What our adapters and our cache build on
    Seam(_CACHE, "_load_from_cache", None, ("self", "request")),
    Seam(
        _CACHE,
        "_cache_set",
        None,
        ("self", "cache_url", "request", "response", "body", "expires_time"),
    ),
    Seam(
        "cachecontrol.serialize:Serializer",
        "prepare_response",
        None,
        ("self", "request", "cached", "body_file"),
    ),
    Seam(
        _ADAPTER,
        "build_connection_pool_key_attributes",
        None,
        ("self", "request", "verify", "cert"),
    ),
    Seam(_ADAPTER, "cert_verify", None, ("self", "conn", "url", "verify", "cert")),
    Seam(_ADAPTER, "add_headers", None, ("self", "request")),
)


# Uploads. Their modules are loaded for commands that may upload only.
UPLOAD_SEAMS: tuple[Seam, ...] = (
    Seam(
        _PUBLISHER,
        "publish",
        publisher.publish,
        (
            "self",
            "repository_name",
            "username",
            "password",
            "cert",
            "client_cert",
            "dry_run",
            "skip_existing",
        ),
    ),
    Seam(_UPLOADER, "make_session", publisher.make_session, ("self",)),
    Seam(
        _UPLOADER,
        "upload",
        publisher.upload,
        ("self", "url", "cert", "client_cert", "dry_run", "skip_existing"),
    ),
)

# Poetry's commands that upload nothing. One that we do not know (another plugin's) may upload.
_WITHOUT_UPLOADS = frozenset(
    ("add", "build", "install", "lock", "remove", "self", "sync", "update")
)


def missing_seams(seams: Iterable[Seam] = (*SEAMS, *UPLOAD_SEAMS)) -> list[str]:
    """The names and signatures that this Poetry (or its requests) lacks; empty if ours fit."""
    faults = (seam.fault() for seam in seams)
    return [fault for fault in faults if fault is not None]


_fitted: dict[tuple[Seam, ...], bool] = {}


def inject(command: Command, io: IO) -> None:
    """Make Poetry's connections ours for this command. Called before each command; again does
    nothing new.
    """
    name = command.name or ""
    if not _fits(SEAMS, io):
        from poetry_repo_plugin.hooks.unguarded import refuse_unguarded

        refuse_unguarded(command)
        return
    if name.partition(" ")[0] not in _WITHOUT_UPLOADS:
        _fits(UPLOAD_SEAMS, io)
    prefetch.start(name)
    run.begin(command, io, prefetch.watch)


def _fits(seams: tuple[Seam, ...], io: IO) -> bool:
    """Put our methods in their places, once, or say why not; whether they are there."""
    if seams not in _fitted:
        missing = missing_seams(seams)
        _fitted[seams] = not missing
        if missing:
            io.write_error_line(
                f"<warning>poetry-repo-plugin: Poetry {poetry_version()} lacks "
                f"{', '.join(missing)}; private repositories work as in plain Poetry.</warning>"
            )
        for seam in seams if not missing else ():
            seam.put_in_place()
    return _fitted[seams]
