"""The only file that touches Poetry's internals.

Poetry opens connections from many places (the pool, the executor, fresh Poetry instances for builds and for
``poetry self``, the publisher, direct URLs, git), but all of them pass through a few methods. Those are replaced on
their classes, once, after a check that they are what we expect; a Poetry in which one is missing is left as it is,
with one line of explanation. Nothing is read or resolved here: that happens when a request needs it.
"""

from __future__ import annotations

import inspect
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from poetry_repo_plugin.core.errors import InputError, RepoError, RepositoryFailure
from poetry_repo_plugin.core.names import is_folder_name, is_pypi
from poetry_repo_plugin.core.origin import redact, split_userinfo, with_brackets
from poetry_repo_plugin.hooks.not_found import Answers

if TYPE_CHECKING:
    import requests
    from cleo.commands.command import Command
    from cleo.io.io import IO
    from urllib3 import PoolManager

    from poetry_repo_plugin.config.repositories import Repository
    from poetry_repo_plugin.http.auth import Access
    from poetry_repo_plugin.ops.publish import Upload
    from poetry_repo_plugin.ops.session import Surroundings


# -- the self-test -----------------------------------------------------------------------------------------------------

# Class or module, name, and the parameters that our replacement relies on.
SEAMS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("poetry.repositories.http_repository:HTTPRepository", "__init__", ("self", "name", "url")),
    ("poetry.repositories.http_repository:HTTPRepository", "session", ()),
    ("poetry.repositories.legacy_repository:LegacyRepository", "find_links_for_package", ("self", "package")),
    ("poetry.repositories.pypi_repository:PyPiRepository", "find_links_for_package", ("self", "package")),
    ("poetry.utils.authenticator:Authenticator", "create_session", ("self",)),
    ("poetry.utils.authenticator:Authenticator", "request", ("self", "method", "url", "raise_for_status")),
    ("poetry.utils.authenticator:Authenticator", "get_credentials_for_url", ("self", "url")),
    ("poetry.utils.authenticator:Authenticator", "get_credentials_for_git_url", ("self", "url")),
    ("poetry.utils.authenticator:Authenticator", "get_certs_for_url", ("self", "url")),
    ("poetry.utils.authenticator:Authenticator", "get_certs_for_repository", ("self", "name")),
    ("poetry.utils.authenticator:Authenticator", "get_http_auth", ("self", "name")),
    ("poetry.utils.authenticator:Authenticator", "get_pypi_token", ("self", "name")),
    ("poetry.utils.authenticator:RepositoryCertificateConfig", "create", ("repository", "config")),
    ("poetry.utils.password_manager:HTTPAuthCredential", "__init__", ("self", "username", "password")),
    (
        "poetry.publishing.publisher:Publisher",
        "publish",
        ("self", "repository_name", "username", "password", "cert", "client_cert", "dry_run", "skip_existing"),
    ),
    ("poetry.publishing.uploader:Uploader", "make_session", ("self",)),
    (
        "poetry.publishing.uploader:Uploader",
        "upload",
        ("self", "url", "cert", "client_cert", "dry_run", "skip_existing"),
    ),
    ("cachecontrol.controller:CacheController", "_load_from_cache", ("self", "request")),
    (
        "cachecontrol.controller:CacheController",
        "_cache_set",
        ("self", "cache_url", "request", "response", "body", "expires_time"),
    ),
    ("cachecontrol.serialize:Serializer", "prepare_response", ("self", "request", "cached", "body_file")),
    ("requests.adapters:HTTPAdapter", "build_connection_pool_key_attributes", ("self", "request", "verify", "cert")),
    ("requests.adapters:HTTPAdapter", "cert_verify", ("self", "conn", "url", "verify", "cert")),
    ("requests.adapters:HTTPAdapter", "add_headers", ("self", "request")),
)


def missing_seams() -> list[str]:
    """The names and signatures that this Poetry (or its requests) lacks; empty if the injection fits."""
    missing = []
    for place, name, parameters in SEAMS:
        module, _, class_name = place.partition(":")
        try:
            found = getattr(getattr(import_module(module), class_name), name)
        except (ImportError, AttributeError):
            missing.append(f"{class_name}.{name}")
            continue
        if parameters and not set(parameters) <= set(inspect.signature(found).parameters):
            missing.append(f"{class_name}.{name}({', '.join(parameters)})")
    return missing


# -- entry -------------------------------------------------------------------------------------------------------------

_current: Injection | None = None
_fits: bool | None = None
_KEPT = 64  # idle connections to a host; with fewer, those of more workers are closed and opened again
_HOSTS = 64
_inside = threading.local()  # .depth > 0 while Poetry asks on behalf of a request that our adapter will carry


def inject(command: Command, io: IO) -> None:
    """Make Poetry's connections ours for this command. Called before each command; again does nothing new."""
    global _current, _fits
    if _fits is None:
        missing = missing_seams()
        _fits = not missing
        if missing:
            io.write_error_line(
                f"<warning>poetry-repo-plugin: Poetry {poetry_version()} lacks {', '.join(missing)}; "
                "private repositories work as in plain Poetry.</warning>"
            )
        else:
            _replace_methods()
    if not _fits or (_current is not None and _current.application is command.application):
        return
    from poetry_repo_plugin.hooks.console import mask_outputs

    mask_outputs(command.name or "")
    _current = Injection(command, io)
    _current.adopt(getattr(command.application, "_poetry", None))


def explain_not_found(error: Exception) -> None:
    """The command ends with ``error``: say so where a repository that had nothing turns out to be no index at all."""
    from poetry_repo_plugin.core.wrapping import width_of
    from poetry_repo_plugin.hooks.reported import is_reported, markup

    if _current is None or is_reported(error) or "access" not in _current.__dict__:
        return
    for found in _current.answers.explain(_current.access):
        _current.io.write_error_line(markup(found.lines(), width_of(_current.io.error_output)))


def poetry_version() -> str:
    """The version of the running Poetry."""
    from poetry.__version__ import __version__

    return str(__version__)


def dotted_keys() -> bool:
    """Whether this Poetry keeps a name with dots as one key (2.4 and later)."""
    major, minor = (int(part) for part in poetry_version().split(".")[:2])
    return (major, minor) >= (2, 4)


def config_folder() -> Path:
    """The folder of ``config.toml`` and ``auth.toml``."""
    from poetry.locations import CONFIG_DIR

    return Path(CONFIG_DIR)


def builtin_pypi() -> Repository:
    """PyPI with the URLs that Poetry has built in."""
    from poetry.publishing.publisher import Publisher

    from poetry_repo_plugin.config.repositories import Repository

    publish = _originals.get("Publisher.publish", Publisher.publish)
    upload = next(word for word in publish.__code__.co_consts if isinstance(word, str) and word.startswith("https://"))
    return Repository("pypi", _builtin_index_url(), upload)


def _builtin_index_url() -> str:
    from poetry.repositories.pypi_repository import PyPiRepository

    base = str(inspect.signature(PyPiRepository.__init__).parameters["url"].default)
    return f"{base.rstrip('/')}/simple/"


def project_folder(command: Command) -> Path | None:
    """The folder of the project that ``command`` works in; ``None`` for none, and for Poetry's own environment.

    Poetry looks no further up than the first ``pyproject.toml``, be it one that it can work with or not.
    """
    from poetry_repo_plugin.config.project import find_project, is_project

    if (command.name or "").startswith("self "):
        return None
    application = command.application  # 2.0 has the same under a private name
    start = getattr(application, "project_directory", None) or getattr(application, "_project_directory", None)
    start = start or Path.cwd()
    file = find_project(Path(start))
    return file.parent if file is not None and is_project(file) else None


def surroundings(command: Command) -> Surroundings:
    """What ``command`` finds: the user's folder, the project's, and what this Poetry has built in."""
    from poetry_repo_plugin.ops.session import Surroundings

    return Surroundings(config_folder(), project_folder(command), builtin_pypi(), dotted_keys())


class Injection:
    """What one command shares: the access, and which authenticator works for which repository."""

    def __init__(self, command: Command, io: IO) -> None:
        self.application = command.application
        self._command = command
        self.io = io
        self.owners: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
        self.uploads: WeakKeyDictionary[Any, Upload] = WeakKeyDictionary()
        self.git_refusals: dict[str, RepositoryFailure] = {}
        self.answers = Answers()
        self._waiting: list[tuple[str, str]] = []
        self._lock = threading.RLock()

    @property
    def terminal(self) -> bool:
        """Whether somebody can answer."""
        return self.io.is_interactive() and sys.stdin is not None and sys.stdin.isatty()

    @cached_property
    def pools(self) -> PoolManager:
        """The connections of all of Poetry's sessions: it reads a page with one and downloads the file with another."""
        with self._lock:
            if "pools" in self.__dict__:
                return self.__dict__["pools"]  # type: ignore[no-any-return]  # another thread was first
            from urllib3 import PoolManager

            return PoolManager(_HOSTS, maxsize=_KEPT)

    @cached_property
    def access(self) -> Access:
        """Built at the first request."""
        with self._lock:
            if "access" in self.__dict__:
                return self.__dict__["access"]  # type: ignore[no-any-return]  # another thread was first
            from poetry_repo_plugin.core.notices import Notices
            from poetry_repo_plugin.ops.session import build_access

            where, notices = surroundings(self._command), Notices(self._warn)
            return build_access(where, notices, self.terminal, self._waiting, self._clear_line)

    def add_live(self, name: str, url: str) -> None:
        if is_pypi(name):
            return
        with self._lock:
            self._waiting.append((name, url))
            if "access" in self.__dict__:
                self.access.places.add_live(name, url)

    def adopt(self, poetry: Any) -> None:
        """Learn of the repositories that exist already, where another plugin had Poetry built before this command."""
        for repository in getattr(getattr(poetry, "pool", None), "all_repositories", ()):
            session, url = getattr(repository, "session", None), getattr(repository, "_url", None)
            if session is not None and isinstance(url, str):
                repository._url = split_userinfo(url)[0]
                _settle_cache(repository)
                self.owners[session] = repository.name
                self.add_live(repository.name, url)

    def ignored_codes(self, name: str) -> frozenset[int]:
        """The error codes, but for 401 and 403, that mean “not here” with the repository ``name``."""
        repository = self.access.catalogue.find(name)
        return self.access.ignored_codes(repository) - {401, 403} if repository is not None else frozenset()

    def report(self, error: RepoError) -> Exception:
        """The exception that this Poetry prints well, once."""
        from poetry_repo_plugin.hooks.reported import reported

        return reported(error)

    def _warn(self, line: str) -> None:
        from cleo.formatters.formatter import Formatter

        from poetry_repo_plugin.core.wrapping import width_of, wrapped

        lines = wrapped(line, width_of(self.io.error_output))
        text = "\n".join(f"<warning>{Formatter.escape(one)}</warning>" for one in lines)
        self.io.write_error_line(f"{self._wiped}{text}")

    def _clear_line(self) -> None:
        self.io.write_error(self._wiped)

    @property
    def _wiped(self) -> str:
        """What takes the line of Poetry's spinner away (as it does itself); it draws itself again below."""
        return "\r\x1b[2K" if self.io.error_output.is_decorated() else ""


# -- the replacements --------------------------------------------------------------------------------------------------

_originals: dict[str, Any] = {}


def _replace_methods() -> None:
    from poetry.publishing.publisher import Publisher
    from poetry.publishing.uploader import Uploader
    from poetry.repositories.http_repository import HTTPRepository
    from poetry.repositories.legacy_repository import LegacyRepository
    from poetry.repositories.pypi_repository import PyPiRepository
    from poetry.utils.authenticator import Authenticator
    from poetry.utils.password_manager import PoetryKeyring

    for owner, name, replacement in (
        (HTTPRepository, "__init__", _init_repository),
        (LegacyRepository, "find_links_for_package", _find_links("LegacyRepository")),
        (PyPiRepository, "find_links_for_package", _find_links("PyPiRepository")),
        (Authenticator, "create_session", _create_session),
        (Authenticator, "request", _request),
        (Authenticator, "get_credentials_for_url", _get_credentials_for_url),
        (Authenticator, "get_credentials_for_git_url", _get_credentials_for_git_url),
        (Authenticator, "get_certs_for_url", _get_certs_for_url),
        (Authenticator, "get_certs_for_repository", _get_certs_for_repository),
        (Authenticator, "get_http_auth", _get_http_auth),
        (Authenticator, "get_pypi_token", _get_pypi_token),
        (Publisher, "publish", _publish),
        (Uploader, "make_session", _make_upload_session),
        (Uploader, "upload", _upload),
    ):
        _originals[f"{owner.__name__}.{name}"] = getattr(owner, name)
        setattr(owner, name, replacement)
    if hasattr(PoetryKeyring, "preflight_check"):  # from 2.1 on; it asks the keyring before every install
        setattr(PoetryKeyring, "preflight_check", staticmethod(lambda io=None, config=None: None))  # noqa: B010


@contextmanager
def _asked_by_us() -> Iterator[None]:
    _inside.depth = getattr(_inside, "depth", 0) + 1
    try:
        yield
    finally:
        _inside.depth -= 1


def _is_inside() -> bool:
    return bool(getattr(_inside, "depth", 0))


def _now() -> Injection:
    assert _current is not None
    return _current


def _init_repository(self: Any, name: str, url: str, **options: Any) -> None:
    """A repository keeps its URL without userinfo (which would land in poetry.lock), and we learn of it.

    Poetry names a folder of its cache after it, wherever that leads.
    """
    if not is_folder_name(name):
        raise _now().report(
            InputError(f"The source {name[:100]!r} cannot be used: its name leads out of Poetry's cache, or is none.")
        )
    bare = split_userinfo(url)[0]
    if redact(bare) != bare:
        raise _now().report(
            InputError(f"The URL of the source {name!r} holds a credential that is not written as a URL wants it.")
        )
    _originals["HTTPRepository.__init__"](self, name, bare, **options)
    _settle_cache(self)
    _now().owners[self.session] = name
    _now().add_live(name, url)


def _settle_cache(repository: Any) -> None:
    """Keep what comes from the repository's URL apart from what others of its name say."""
    from poetry_repo_plugin.hooks.metadata_cache import settle_cache

    url = repository._url
    shared = is_pypi(repository.name) and url == _builtin_index_url()
    settle_cache(repository, url, shared=shared)


def _find_links(class_name: str) -> Callable[[Any, Any], list[Any]]:
    def find_links_for_package(self: Any, package: Any) -> list[Any]:
        links: list[Any] = _originals[f"{class_name}.find_links_for_package"](self, package)
        for link in links:
            _now().access.places.add_link(self.name, with_brackets(link.url_without_fragment))
        return links

    return find_links_for_package


def _no_auth(request: Any) -> Any:
    """Given to sessions so that requests reads no netrc of its own; our adapter decides what is sent."""
    return request


def _create_session(self: Any) -> requests.Session:
    from poetry_repo_plugin.hooks.remembered import remember_environment
    from poetry_repo_plugin.http.adapter import CachingAdapter, DirectAdapter, RefusingAdapter
    from poetry_repo_plugin.http.cache import careful

    session: requests.Session = _originals["Authenticator.create_session"](self)
    now = _now()
    cache = self._cache_control = careful(getattr(self, "_cache_control", None))
    options: dict[str, Any] = {"pools": now.pools}
    adapter = (
        DirectAdapter(lambda: now.access, now.report, owner=lambda: now.owners.get(self), **options)
        if cache is None
        else CachingAdapter(lambda: now.access, now.report, owner=lambda: now.owners.get(self), cache=cache, **options)
    )
    session.mount("", RefusingAdapter(lambda: now.access, now.report, lambda: now.owners.get(self)))
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    session.auth = _no_auth
    remember_environment(session)
    return session


def _request(self: Any, method: str, url: str, raise_for_status: bool = True, **options: Any) -> requests.Response:
    """Poetry's own retries, with our word for what they ended in."""
    from poetry_repo_plugin.hooks.outcome import explain_answer, explain_end

    original = _originals["Authenticator.request"]
    url = with_brackets(url)
    try:
        with _asked_by_us():
            response: requests.Response = original(self, method, url, raise_for_status, **options)
    except Exception as error:
        found = explain_end(_now().access, _now().owners.get(self), url, error)
        if found is None:
            raise
        raise _now().report(found) from None
    owner = _now().owners.get(self)
    if owner is not None:
        _now().answers.note(owner, response.status_code)
        if response.status_code >= 400 and response.status_code in _now().ignored_codes(owner):
            response.status_code = 404  # Poetry's “not here”; without it, all but 401 and 403 would end the command
            return response
    found = explain_answer(_now().access, owner, url, response)
    if found is not None:
        raise _now().report(found)
    return response


def _get_credentials_for_url(self: Any, url: str) -> Any:
    """Nothing for Poetry's own requests (the adapter carries the header); the real answer for other plugins."""
    from poetry.utils.password_manager import HTTPAuthCredential

    if _is_inside():
        return HTTPAuthCredential()
    bare, username, secret = split_userinfo(url)
    if username is not None:
        return HTTPAuthCredential(username, secret.reveal() if secret is not None else "")
    return _resolved(bare, owner=_now().owners.get(self))


def _resolved(url: str, **where: Any) -> Any:
    from poetry.utils.password_manager import HTTPAuthCredential

    from poetry_repo_plugin.credentials.base import BASIC, EVERYTHING

    access = _now().access
    try:
        credential = access.credential(access.places.leave(url, **where), EVERYTHING)
    except (RepoError, ValueError):
        return HTTPAuthCredential()
    if credential is None or credential.scheme != BASIC:
        return HTTPAuthCredential()
    return HTTPAuthCredential(credential.username, credential.secret.reveal())


def _get_certs_for_url(self: Any, url: str) -> Any:
    """Nothing for Poetry's own requests (the adapter brings a context); for other plugins, what we would use."""
    return _certs_at(split_userinfo(url)[0], owner=_now().owners.get(self))


def _get_certs_for_repository(self: Any, name: str) -> Any:
    """The same; Poetry's own answer would take a project's word for any repository."""
    from poetry_repo_plugin.credentials.base import Purpose

    repository = None if _is_inside() else _now().access.catalogue.find(name)
    url = repository.publish_url or repository.index_url if repository is not None else None
    return _certs_at(url, owner=name, purpose=Purpose.PUBLISH)


def _certs_at(url: str | None, **where: Any) -> Any:
    from poetry.utils.authenticator import RepositoryCertificateConfig

    if url is None or _is_inside():
        return RepositoryCertificateConfig()
    access = _now().access
    try:
        leave = access.places.leave(url, **where)
    except (RepoError, ValueError):
        return RepositoryCertificateConfig()
    if leave.repository is None:
        return RepositoryCertificateConfig()
    found = access.tls.settings_of(leave.repository, identify=leave.identify, origin=leave.origin)
    ca = found.ca if isinstance(found.ca, Path) else None  # Poetry has no word for the system's store
    return RepositoryCertificateConfig(ca, found.client_cert, found.verify)


def _get_http_auth(self: Any, name: str) -> Any:
    from poetry_repo_plugin.credentials.base import Purpose

    repository = None if _is_inside() else _now().access.catalogue.find(name)
    url = repository.publish_url or repository.index_url if repository is not None else None
    return _resolved(url, owner=name, purpose=Purpose.PUBLISH) if url else None


def _get_pypi_token(self: Any, name: str) -> str | None:
    """A token is one more credential for us: :func:`_get_http_auth` has it, with its user name."""
    return None


# -- git ---------------------------------------------------------------------------------------------------------------


def _get_credentials_for_git_url(self: Any, url: str) -> Any:
    """Called by Poetry's git backend just before it connects; from here on its transport asks us."""
    import poetry.vcs.git.backend
    from poetry.utils.password_manager import HTTPAuthCredential

    backend: Any = poetry.vcs.git.backend
    if getattr(backend, "get_transport_and_path", None) is None:
        from poetry_repo_plugin.credentials.base import Purpose

        return _resolved(split_userinfo(url)[0], purpose=Purpose.GIT)
    if "git" not in _originals:
        _originals["git"] = backend.get_transport_and_path
        backend.get_transport_and_path = _get_transport_and_path
        _originals["git system"] = getattr(backend.Git, "_clone_legacy", None)
        if _originals["git system"] is not None:
            backend.Git._clone_legacy = staticmethod(_clone_with_system_git)
    return HTTPAuthCredential()


def _get_transport_and_path(location: str, *arguments: Any, **options: Any) -> Any:
    """dulwich's client for ``location``, on a connection pool that sends our credential to that repository only."""
    from poetry_repo_plugin.hooks.git import credential_pool

    now = _now()
    now.git_refusals.pop(location, None)

    def refused(error: RepositoryFailure) -> None:
        now.git_refusals[location] = error

    try:
        pool = credential_pool(now.access, location, options.get("config"), report=now.report, refused=refused)
    except RepoError as error:
        raise now.report(error) from None
    if pool is not None:
        options = {key: value for key, value in options.items() if key not in ("username", "password")}
        options["pool_manager"] = pool
    return _originals["git"](location, *arguments, **options)


def _clone_with_system_git(*arguments: Any, **options: Any) -> Any:
    """What Poetry tries after a 401: the system's git may know a credential. If not, the 401 is what is told."""
    try:
        return _originals["git system"](*arguments, **options)
    except Exception:
        refusal = _now().git_refusals.get(options["url"] if "url" in options else arguments[0])
        if refusal is None:
            raise
        raise _now().report(refusal) from None


# -- publish -----------------------------------------------------------------------------------------------------------


def _publish(
    self: Any,
    repository_name: str | None,
    username: str | None,
    password: str | None,
    cert: Path | None = None,
    client_cert: Path | None = None,
    dry_run: bool = False,
    skip_existing: bool = False,
) -> None:
    from poetry_repo_plugin.ops.publish import prepare_upload

    now = _now()
    try:
        upload = prepare_upload(now.access, repository_name, username, password, cert, client_cert)
    except RepoError as error:
        raise now.report(error) from None
    if upload.url is not None and repository_name is not None:
        keys = (repository_name,) if dotted_keys() else tuple(repository_name.split("."))
        self._poetry.config.merge({"repositories": _nested((*keys, "url"), upload.url)})
    now.uploads[self._uploader] = upload
    with _asked_by_us():
        _originals["Publisher.publish"](self, repository_name, None, None, dry_run=dry_run, skip_existing=skip_existing)


def _nested(keys: tuple[str, ...], value: str) -> Any:
    return value if not keys else {keys[0]: _nested(keys[1:], value)}


def _upload(
    self: Any,
    url: str,
    cert: Path | bool = True,
    client_cert: Path | None = None,
    dry_run: bool = False,
    skip_existing: bool = False,
) -> None:
    from poetry_repo_plugin.ops.publish import (
        ask_for_credential,
        check_before_upload,
        lacked_credential,
        offer_to_keep,
    )

    now = _now()
    upload = now.uploads.get(self)
    if upload is not None:
        upload.url = upload.url or url
        url = upload.url
        try:
            if not dry_run:
                check_before_upload(now.access, upload, self.make_session, now.terminal)
        except RepoError as error:
            raise now.report(error) from None
    try:
        _originals["Uploader.upload"](self, url, dry_run=dry_run, skip_existing=skip_existing)
    except Exception as error:
        if upload is None or not now.terminal or not lacked_credential(upload, error):
            raise
        now.io.write_error_line("")  # behind the progress of the file
        try:
            ask_for_credential(now.access, upload)
        except RepoError as refused:
            raise now.report(refused) from None
        _originals["Uploader.upload"](self, url, dry_run=dry_run, skip_existing=skip_existing)
    if upload is not None and not dry_run:
        offer_to_keep(now.access, upload)


def _make_upload_session(self: Any) -> requests.Session:
    from poetry_repo_plugin.credentials.base import Purpose
    from poetry_repo_plugin.http.adapter import DirectAdapter

    session: requests.Session = _originals["Uploader.make_session"](self)
    now = _now()
    upload = now.uploads.get(self)
    if upload is not None:
        name, given = upload.repository.name, upload.given
        adapter = DirectAdapter(
            lambda: now.access,
            now.report,
            owner=lambda: name,
            purpose=Purpose.PUBLISH,
            given=given,
            context=upload.context,
        )
        session.mount("http://", adapter)
        session.mount("https://", adapter)
        session.auth = _no_auth
    return session
