"""What is known of each repository, for ``list`` and ``show``: never a secret, and no network is
used.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from poetry_repo_plugin.config.bindings import Kind
from poetry_repo_plugin.config.managed import MANAGED
from poetry_repo_plugin.config.memory import ANOTHER_PLUGIN
from poetry_repo_plugin.config.mirrors import OUR_WORD, Mirror
from poetry_repo_plugin.config.repositories import Repository
from poetry_repo_plugin.core.errors import Failure
from poetry_repo_plugin.core.headers import names_of
from poetry_repo_plugin.core.hints import repo
from poetry_repo_plugin.core.names import is_pypi
from poetry_repo_plugin.core.times import end_of_token, now, remaining, rfc3339
from poetry_repo_plugin.credentials.base import (
    LISTING,
    Answer,
    Broken,
    Credential,
    NotMine,
    Purpose,
    Query,
    Resolution,
)
from poetry_repo_plugin.credentials.url import USER_IN_URL
from poetry_repo_plugin.http.auth import Access
from poetry_repo_plugin.ops.home import profile_at

if TYPE_CHECKING:
    from poetry_repo_plugin.tls.settings import CaSetting

SOON = timedelta(days=30)

# DESIGN section 5: the list of sources by their names. What is not in it is asked behind netrc, and
# has no number.
_IN_ORDER = (
    "command line or URL",
    "env",
    "helper or provider",
    "stored",
    "keyring by URL",
    "netrc",
)
_NUMBERS = {source: number for number, source in enumerate((*_IN_ORDER, "trusted publishing"), 1)}

# Shown only where they have an answer.
_ONLY_IF_FOUND = (ANOTHER_PLUGIN, USER_IN_URL)


@dataclass(frozen=True)
class TlsSummary:
    """``ca`` is a path, ``system`` or ``None``; ``problem`` is what is wrong with the client
    certificate's file, and ``ca_problem`` with the CA's; ``unverified`` is what switches
    verification off, if that is so.
    """

    verify: bool
    ca: str | None
    client_cert: str | None
    expires_at: datetime | None
    problem: str | None = None
    ca_problem: str | None = None
    relaxed: bool = False
    unverified: str = "--insecure"

    @property
    def left(self) -> str:
        """How long the client certificate is still good, in brackets; empty where that is not
        known.
        """
        if self.expires_at is None:
            return ""
        if self.expires_at <= now():
            return " (expired)"
        return f" ({remaining(self.expires_at)} left)"


class ManagedKeys(NamedTuple):
    """What of a repository comes from the administrator.

    :param keys: whose value does.
    :param locked: which of its keys no user changes.
    """

    file: Path | None = None
    keys: tuple[str, ...] = ()
    locked: tuple[str, ...] = ()

    def mark(self, key: str) -> str:
        """What is shown behind the value of ``key``."""
        if key not in self.keys:
            return ""
        return f" ({MANAGED})"

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"file": str(self.file), "keys": list(self.keys), "locked": list(self.locked)}

    def __str__(self) -> str:
        locked = ""
        if self.locked:
            locked = f"; locked: {', '.join(self.locked)}"
        return f"{', '.join(self.keys) or 'nothing'}{locked} ({self.file})"


_NOT_MANAGED = ManagedKeys()


@dataclass(frozen=True)
class Summary:
    """One repository as it is shown.

    :param headers: the names of what goes out beside the credential; their values are stored in
        ``headers_source``.
    """

    repository: Repository
    resolution: Resolution
    tls: TlsSummary
    origins: tuple[str, ...]
    priority: str | None
    packages: tuple[str, ...] = ()
    managed: ManagedKeys = _NOT_MANAGED
    headers: tuple[str, ...] = ()
    headers_source: str = "none"
    mirror: Mirror | None = None
    """What it is as a mirror, if it is one."""
    mirrored_by: Mirror | None = None
    overruled_by: Mirror | None = None
    """The mirror that is used in its place."""

    @property
    def expires_at(self) -> datetime | None:
        """When the credential stops working, as far as its source or the credential itself says
        so.
        """
        credential = self.resolution.credential
        if credential is None:
            return None
        return credential.expires_at or end_of_token(credential.secret)

    @property
    def state(self) -> str:
        """``ok``, ``missing``, ``expired`` or ``unavailable``."""
        if self.resolution.broken is not None:
            return "unavailable"
        if self.resolution.credential is None:
            if self.headers:
                return "ok"
            return "missing"
        end = self.expires_at
        if end is not None and end <= now():
            return "expired"
        return "ok"

    @property
    def username(self) -> str | None:
        """The user name; masked where it may be the secret itself: at such a server, or with an
        empty password.
        """
        credential = self.resolution.credential
        if credential is not None and credential.account:
            return credential.account
        if credential is None or not credential.username:
            return None
        profile = profile_at(self.repository)
        is_token = profile is not None and profile.token_is_username
        if is_token or not credential.secret:
            return "****"
        return credential.username

    @property
    def credential_text(self) -> str:
        """The same for a person, on one line. That nobody has logged in is no fault, and should not
        read like one.
        """
        credential = self.resolution.credential
        if credential is None and self.headers:
            return f"{self.state} {self.headers_text}"
        if credential is None:
            if self.state == "missing":
                return "no login"
            return self.state
        parts = [self.state]
        if self.username:
            parts.append(f"{self.username},")
        parts.append(credential.source)
        if self.expires_at is not None and self.state == "ok":
            parts.append(f"({remaining(self.expires_at)} left)")
        if self.headers:
            parts.append(f"and {self.headers_text}")
        return " ".join(parts)

    @property
    def headers_text(self) -> str:
        """The names of the further headers, and where their values are."""
        return f"{', '.join(self.headers)} ({self.headers_source})"

    @property
    def source(self) -> str:
        """Where the credential comes from: a word of DESIGN section 3."""
        answer = self.resolution.credential or self.resolution.broken
        if answer is not None:
            return answer.source
        return self.headers_source

    @property
    def mirror_lines(self) -> list[str]:
        """Which repository stands in for which, for a person."""
        lines = []
        if self.mirror is not None:
            lines.append(f"stands in for {self.mirror.original}{_limits(self.mirror)}")
        other = self.overruled_by
        if other is not None:
            before = f"{other.name} goes before it ({other.said_in})"
            lines.append(f"does not stand in for {other.original}: {before}")
        if self.mirrored_by is not None:
            lines.append(f"{self.mirrored_by.name} stands in for it{_limits(self.mirrored_by)}")
        return lines

    @property
    def tls_lines(self) -> list[str]:
        """TLS settings for a person, one to a line; none if there are none."""
        lines = []
        if not self.tls.verify:
            lines.append(f"server NOT verified ({self.tls.unverified})")
        if self.tls.ca == "system":
            lines.append(f"CA: the system's store{self.managed.mark('ca')}")
        elif self.tls.ca is not None:
            lines.append(f"CA: {self.tls.ca}{self.managed.mark('ca')}")
        if self.tls.relaxed:
            lines.append("without Python 3.13's strict X.509 checks (--relaxed)")
        if self.tls.client_cert is not None:
            mark = self.managed.mark("client-cert")
            lines.append(f"client certificate: {self.tls.client_cert}{self.tls.left}{mark}")
        return lines

    def document(self) -> dict[str, Any]:
        """The JSON of DESIGN section 3, and ``managed`` where the administrator sets something."""
        found: dict[str, Any] = {
            "name": self.repository.name,
            "url": self.repository.index_url,
            "publish_url": self.repository.publish_url,
            "priority": self.priority,
            "credential": {
                "state": self.state,
                "source": self.source,
                "username": self.username,
                "expires_at": rfc3339(self.expires_at),
            },
            "headers": list(self.headers),
            "tls": {
                "verify": self.tls.verify,
                "ca": self.tls.ca,
                "client_cert": self.tls.client_cert,
                "client_cert_expires_at": rfc3339(self.tls.expires_at),
            },
            "origins": list(self.origins),
            "packages": list(self.packages),
            "mirror_of": self.mirror.original if self.mirror is not None else None,
            "fallback": self.mirror.fallback if self.mirror is not None else None,
        }
        if self.managed.file is not None:
            found["managed"] = self.managed.document()
        return found


def _limits(mirror: Mirror) -> str:
    if mirror.fallback:
        return f"; {mirror.original} is asked where {mirror.name} cannot be reached"
    if mirror.said_in == OUR_WORD:
        return ""
    return f" ({mirror.said_in})"


def summarise(access: Access, repository: Repository) -> Summary:
    """Put together what is known of ``repository``; the credential comes from the loop that
    requests use.
    """
    name = repository.name
    url = repository.publish_url
    if not is_pypi(name):
        url = repository.index_url or repository.publish_url
    purpose = Purpose.INDEX
    if url == repository.publish_url and url != repository.index_url:
        purpose = Purpose.PUBLISH
    belongs_to = access.bindings.of(name, Kind.CREDENTIAL)
    bound = [prefix for kind in Kind for prefix in access.bindings.of(name, kind)]
    if url is None:  # another project's, say: what is stored is still there
        held = [*belongs_to, *access.bindings.of(name, Kind.HEADERS)]
        url, purpose = str(held[0]) if held else "", Purpose.INDEX
    username = repository.username_for(upload=purpose is Purpose.PUBLISH)
    query = Query(name, url, purpose, LISTING, username)
    resolution = access.chain.resolve(query)
    stored = access.stored_headers.names(query)
    source = "none"
    if stored:
        source = access.stored_headers.source(name)
    project = access.catalogue.project
    priority = repository.priority
    if is_pypi(name) and priority is None and (project is None or project.pypi_is_on):
        priority = "primary"
    origins = tuple(dict.fromkeys(map(str, bound)))
    headers = stored
    if resolution.credential is not None and resolution.credential.headers:
        of_helper = names_of(resolution.credential.headers)
        headers, source = tuple(dict.fromkeys((*stored, *of_helper))), resolution.credential.source
    packages = tuple(access.catalogue.owned.patterns_of(name))
    tls, managed = _tls(access, repository), managed_keys(access, repository)
    mirrors = access.catalogue.mirrors
    return Summary(
        *(repository, resolution, tls, origins, priority, packages, managed, headers, source),
        mirror=mirrors.called(name),
        mirrored_by=mirrors.of(name),
        overruled_by=mirrors.instead_of(name),
    )


def managed_keys(access: Access, repository: Repository) -> ManagedKeys:
    """What of ``repository`` comes from the administrator. Its index URL does not where a source of
    the project has one of its own, nor what a user or a project says in its place.
    """
    name, managed = repository.name, access.settings.managed
    project = access.catalogue.project
    is_source = project is not None and project.source(name) is not None
    keys = [key for key in managed.keys(name) if key != "url" or not is_source]
    locked = sorted(managed.says.locked.get(name.lower(), ()))
    known = keys or locked
    return ManagedKeys(managed.says.file if known else None, tuple(keys), tuple(locked))


def explain_steps(resolution: Resolution) -> list[str]:
    """What each source said, for ``repo show``, under the numbers of the README's list. What has no
    number is left out where it has nothing to say.
    """
    lines = []
    for source, answer in resolution.steps:
        number = _NUMBERS.get(source)
        if (
            number is None
            and isinstance(answer, NotMine)
            and (source in _ONLY_IF_FOUND or not answer.why)
        ):
            continue
        lines.append(
            f"{f'{number}.' if number is not None else '  '} {source}: {_explain_step(answer)}"
        )
    return lines


def _explain_step(answer: Answer) -> str:
    if isinstance(answer, Credential):
        return f"found: {answer.detail}"
    if isinstance(answer, Broken):
        return f"broken: {answer.why}"
    return answer.why or "nothing"


def _tls(access: Access, repository: Repository) -> TlsSummary:
    settings = access.tls.settings_of(repository)
    client, expires_at, problem = None, None, None
    if settings.client_cert is not None:
        client = str(settings.client_cert)
        try:
            expires_at = _end_of(access, repository.name, settings.client_cert)
        except Failure as error:
            problem = error.detail
    unverified, _ = access.tls.unverified(repository.name)
    return TlsSummary(
        settings.verify,
        str(settings.ca) if settings.ca is not None else None,
        client,
        expires_at,
        problem,
        _ca_problem(settings.ca),
        settings.relaxed,
        unverified,
    )


def _end_of(access: Access, name: str, client_cert: Path) -> datetime | None:
    """When a client certificate expires; ``None`` where it cannot be seen. Raises ``Failure``."""
    from poetry_repo_plugin.credentials.passphrase import find_passphrase
    from poetry_repo_plugin.tls.certificate import facts_of

    facts = facts_of(client_cert)
    if facts is None:  # PKCS#12 shows its certificate only to who knows the passphrase
        passphrase = find_passphrase(access.settings, access.gate, name)
        if passphrase is not None:
            facts = facts_of(client_cert, passphrase)
    if facts is not None:
        return facts.not_after
    return None


def _ca_problem(ca: CaSetting) -> str | None:
    if ca is None or ca == "system":
        return None
    from poetry_repo_plugin.tls.trust import load_ca

    try:
        load_ca(ca)
    except Failure as error:
        return error.detail
    return None


def warnings_of(summary: Summary) -> list[str]:
    """A line for a credential that cannot be had, one for a CA that cannot be used, and one for a
    client certificate with under 30 days left, or one that has expired or cannot be used at all.
    """
    return [
        *_warn_of_credential(summary),
        *_warn_of_ca(summary),
        *_warn_of_client(summary.repository.name, summary.tls),
    ]


def _warn_of_credential(summary: Summary) -> list[str]:
    name, broken = summary.repository.name, summary.resolution.broken
    if broken is None:
        return []
    hint = broken.failure.hint
    mend = f"Try: {hint}" if hint else f"Details: {repo('doctor', name)}"
    return [f"Repository {name}: {broken.why}. {mend}"]


def _warn_of_ca(summary: Summary) -> list[str]:
    name, problem = summary.repository.name, summary.tls.ca_problem
    if problem is None:
        return []
    return [f"Repository {name}: {problem}. Try: {repo('certs', name, '--ca', 'PATH')}"]


def _warn_of_client(name: str, tls: TlsSummary) -> list[str]:
    mend = repo("certs", name, "--client-cert", "PATH")
    if tls.problem is not None:
        return [f"Repository {name}: {tls.problem}. Try: {mend}"]
    moment = tls.expires_at
    if moment is None or moment - now() > SOON:
        return []
    when = (
        f"expired on {moment:%Y-%m-%d}"
        if moment <= now()
        else f"expires in {remaining(moment)} ({moment:%Y-%m-%d})"
    )
    return [f"Repository {name}: its client certificate {when}. Try: {mend}"]
