"""One repository's checks in their order, and several repositories side by side."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from poetry_repo_plugin.config.repositories import Catalogue, Repository
from poetry_repo_plugin.config.settings import Settings
from poetry_repo_plugin.core import names
from poetry_repo_plugin.core.errors import Cause, InputError
from poetry_repo_plugin.core.hints import repo
from poetry_repo_plugin.core.origin import InvalidUrl, redact
from poetry_repo_plugin.credentials.base import Purpose
from poetry_repo_plugin.doctor.asker import OF_CREDENTIAL
from poetry_repo_plugin.doctor.index import Answers
from poetry_repo_plugin.doctor.network import Resolve, Route
from poetry_repo_plugin.doctor.report import CHECKS, Examined, Finding, State, failed, skipped
from poetry_repo_plugin.doctor.tls import OF_CLIENT, Material, Security, prepare
from poetry_repo_plugin.doctor.upload import Uploads
from poetry_repo_plugin.http.auth import Access
from poetry_repo_plugin.http.failures import failure
from poetry_repo_plugin.http.matching import Grant

_OR_IDENTITY = "or it wants the client certificate for which it asks, optionally"
Tell = Callable[[str, str], None]

TIMEOUT = 10.0  # seconds, for each step

_OF_SERVER = frozenset(
    {
        *(Cause.UNKNOWN_CA, Cause.SERVER_CERT_EXPIRED, Cause.HOSTNAME_MISMATCH),
        *(Cause.TLS_FILE_MISSING, Cause.TLS_FILE_INVALID),
    }
)
# Settings of PyPI that an environment variable may hold.
_PYPI_VARIABLES = (
    *(("PYPI_TOKEN", ""), ("HTTP_BASIC", "_USERNAME"), ("HTTP_BASIC", "_PASSWORD")),
    *(("CERTIFICATES", "_CERT"), ("CERTIFICATES", "_CLIENT_CERT")),
)


@dataclass(frozen=True)
class Limits:
    """Seconds.

    :param step: for each step.
    :param look_up: for looking a credential up, where a keyring may ask a person.
    """

    step: float = TIMEOUT
    look_up: float = TIMEOUT


def choose(catalogue: Catalogue, settings: Settings, wanted: Sequence[str]) -> list[Repository]:
    """The repositories to look at: the named ones, or all that have a URL.

    PyPI is among all of them only where something is set for it: a run in an ordinary place goes to
    no public server. Raises :class:`InputError` for a name that is not known, or has no URL.
    """
    if not wanted:
        known = (repository for repository in catalogue if repository.urls)
        return [one for one in known if not names.is_pypi(one.name) or _has_settings(settings)]
    chosen: dict[str, Repository] = {}
    for name in wanted:
        repository = catalogue.require(name)
        if not repository.urls:
            raise InputError(f"No URL is known for {name!r}.", repo("add", repository.name, "URL"))
        chosen.setdefault(repository.name, repository)
    return list(chosen.values())


def examine(
    access: Callable[[], Access],
    repositories: Sequence[Repository],
    limits: Limits,
    tell: Tell = lambda name, check: None,
    resolve: Resolve = socket.getaddrinfo,
) -> list[Examined]:
    """Walk all of them side by side; the results are in the order given.

    :param access: makes one for each, so that a helper that hangs for one repository keeps no lock
        that others need.
    :param tell: told each repository and check as it begins, from several threads.
    """
    walks = [Walk(access(), repository, limits, tell, resolve) for repository in repositories]
    done: queue.SimpleQueue[tuple[int, Examined | BaseException]] = queue.SimpleQueue()

    def run(number: int, walk: Walk) -> None:
        try:
            done.put((number, walk.run()))
        except BaseException as error:
            done.put((number, error))

    for number, walk in enumerate(walks):
        threading.Thread(target=run, args=(number, walk), daemon=True).start()
    results: dict[int, Examined] = {}
    for _ in walks:
        number, result = done.get()
        if isinstance(result, BaseException):
            raise result
        results[number] = result
    return [results[number] for number in range(len(walks))]


class Walk:
    """One repository. Its files are read, and a passphrase is asked for, when it is made; the rest
    is :meth:`run`.
    """

    def __init__(
        self, access: Access, repository: Repository, limits: Limits, tell: Tell, resolve: Resolve
    ) -> None:
        self._access = access
        self._mirror = access.catalogue.mirrors.called(repository.name)
        self._left_alone = ""
        stand_in = access.catalogue.mirrors.of(repository.name)
        if stand_in is not None and not stand_in.fallback:
            self._left_alone = f"{stand_in.name} stands in for it, so its index is not contacted"
            repository = replace(repository, index_url=None)
        self._repository = repository
        self._limits = limits
        self._tell = tell
        self._resolve = resolve
        self._found: dict[str, Finding] = {}
        self._url = repository.index_url or repository.publish_url or ""
        self._grant: Grant | None = None
        self._material: Material | None = None
        self._wants_identity = False
        self._proxy: str | None = None
        if not self._url:
            return
        purpose = Purpose.PUBLISH
        if repository.index_url:
            purpose = Purpose.INDEX
        try:
            self._grant = access.matcher.grant_for(
                self._url, owner=repository.name, purpose=purpose
            )
            self._material = prepare(access, repository, self._grant)
        except InvalidUrl as error:
            cause = Cause.NOT_AN_UPLOAD_URL
            if repository.index_url:
                cause = Cause.NOT_AN_INDEX
            self._add([failed("dns", failure(cause, f"{error}.", repository))])

    def run(self) -> Examined:
        """All checks; one that cannot be made says which other failed."""
        if self._grant is not None and self._material is not None:
            self._connection(self._grant, self._material)
            self._answers(self._grant)
        blocked = self._blocked() or self._left_alone
        checks = tuple(self._found.get(check) or skipped(check, blocked) for check in CHECKS)
        original = None
        if self._mirror is not None:
            original = self._mirror.original
        return Examined(self._repository.name, redact(self._url), checks, self._proxy, original)

    def _connection(self, grant: Grant, material: Material) -> None:
        route = Route(self._access, grant, self._url, self._limits.step, self._resolve)
        self._proxy = str(route.proxy) if route.proxy is not None else None
        for check, look in (("dns", route.dns), ("connect", route.connect)):
            if not self._blocked():
                self._tell(self._repository.name, check)
                self._add([look()])
        security = Security(self._access, grant, route, material, self._limits.step)
        self._tell(self._repository.name, "tls")
        self._add([security.tls(self._blocked())])
        self._add([security.client_certificate(self._blocked())])
        self._wants_identity = security.asks_in_vain

    def _answers(self, grant: Grant) -> None:
        repository = self._repository
        limits = {"timeout": self._limits.step, "patience": self._limits.look_up}
        answers = Answers(self._access, repository, grant, **limits)
        if repository.index_url is not None:
            self._tell(repository.name, "index")
            self._add(self._attributed(answers.check(self._blocked())))
        self._tell(repository.name, "upload")
        uploads = Uploads(self._access, repository, grant, **limits)
        upload, credential = uploads.check(self._blocked(but=("index",)) or self._silent())
        self._add(self._attributed([upload]))
        if repository.index_url is None:
            self._add(
                [
                    credential or answers.at_rest("not tried"),
                    skipped("index", self._left_alone or "it is for publishing only"),
                ]
            )

    def _attributed(self, findings: Iterable[Finding]) -> list[Finding]:
        """A failure of TLS that shows only when a request is made belongs to the check of that
        name.
        """
        settled, moved = [], ""
        for finding in findings:
            check = finding.check
            if finding.cause in OF_CLIENT and finding.check == "index":
                check = "client-cert"
            if finding.cause in _OF_SERVER and finding.check == "index":
                check = "tls"
            if check != finding.check:
                self._found[check] = replace(finding, check=check)
                finding, moved = (
                    skipped(finding.check, f"not reached, because {check} failed"),
                    check,
                )
            settled.append(finding)
        if not moved:
            return settled
        was, now = "because index failed", f"because {moved} failed"
        return [replace(finding, message=finding.message.replace(was, now)) for finding in settled]

    def _add(self, findings: Iterable[Finding]) -> None:
        for finding in findings:
            found = finding.failure
            is_403 = found is not None and found.cause in OF_CREDENTIAL and found.status == 403
            if self._wants_identity and is_403:
                finding = replace(finding, message=f"{finding.message}; {_OR_IDENTITY}")
            self._found.setdefault(finding.check, finding)

    def _blocked(self, but: tuple[str, ...] = ()) -> str:
        """Why nothing further can be asked, or ``""``."""
        for check in CHECKS:
            finding = self._found.get(check)
            if finding is not None and finding.state is State.FAIL and check not in but:
                return f"not reached, because {check} failed"
        return ""

    def _silent(self) -> str:
        """Why an origin whose index got no answer is not asked for uploads as well."""
        index = self._found.get("index")
        gone = index is not None and index.cause in (
            Cause.TIMEOUT,
            Cause.REFUSED,
            Cause.DNS,
            Cause.PROXY,
        )
        if gone:
            return "not reached, because index failed"
        return ""


def _has_settings(settings: Settings) -> bool:
    if any(names.is_pypi(name) for name in settings.names()):
        return True
    return any(settings.variable(prefix, "pypi", suffix) for prefix, suffix in _PYPI_VARIABLES)
