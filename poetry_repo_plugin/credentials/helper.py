"""A program of the user's own choice that hands out credentials, in one of the three protocols that
exist already.

A helper is registered at user level (``repo login NAME --helper``): a project can never name a
command to run.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from poetry_repo_plugin.core.errors import Cause
from poetry_repo_plugin.core.hints import Hint, repo
from poetry_repo_plugin.core.origin import InvalidUrl, Origin
from poetry_repo_plugin.credentials import helper_protocols as protocols
from poetry_repo_plugin.credentials import process
from poetry_repo_plugin.credentials.base import BASIC, Answer, Broken, Credential, NotMine, Query
from poetry_repo_plugin.credentials.helper_protocols import (
    HelperAnswer,
    HelperIdentity,
    HelperProtocol,
)

__all__ = [
    "Detected",
    "HelperAnswer",
    "HelperIdentity",
    "HelperProtocol",
    "HelperSettings",
    "HelperSource",
    "detect",
]

# Seconds. A helper may unlock a vault or wait for a touch on a key; it never waits for a person at
# the terminal, because it has none.
TIMEOUT = 30.0


@dataclass(frozen=True)
class HelperSettings:
    """How a repository's helper is run.

    :param command: the program (absolute) and its arguments. The operation (``get``) is appended
        where the protocol has one. No shell sees it.
    :param timeout: in seconds, for each run.
    """

    command: tuple[str, ...]
    protocol: HelperProtocol
    timeout: float = TIMEOUT

    @property
    def shown(self) -> str:
        """The program for a person; its arguments may be nobody's business."""
        return process.presentable(self.command[0], lines=1)

    def run(
        self, *operation: str, input: bytes = b"", env: dict[str, str] | None = None
    ) -> process.Finished:
        """Run the command, with ``operation`` appended. Raises :class:`process.ToolFailed`."""
        return process.run([*self.command, *operation], input=input, timeout=self.timeout, env=env)


class HelperSource:
    """The credential source of one repository that has a helper.

    Nothing runs before :meth:`get`; each call runs the helper anew, and keeping the answer until it
    expires is the chain's work. Safe to use from several threads.
    """

    def __init__(self, settings: HelperSettings) -> None:
        self.settings = settings
        self._answered_with_path: dict[str, bool] = {}

    @property
    def name(self) -> str:
        return protocols.SOURCE

    def get(self, query: Query) -> Answer:
        """The helper's credential for ``query``. A client certificate that it returns as well is in
        :meth:`ask`.
        """
        return self.ask(query).credential

    def ask(self, query: Query) -> HelperAnswer:
        """Run the helper once (git's protocol: at most twice) and return all that it gave."""
        try:
            answer = self._ask(query)
        except process.ToolMissing as error:
            return HelperAnswer(_missing(error, query))
        except (process.ToolFailed, InvalidUrl) as error:
            answer = HelperAnswer(Broken.because(f"the credential helper {error}"))
        credential = _signed(answer.credential, self.settings, query.username)
        if isinstance(credential, Broken) and credential.failure.hint is None:
            hint = login_again(query.name, self.settings.command, self.settings.protocol)
            if credential.failure.cause is Cause.CLIENT_CERT_EXPIRED:
                hint = repo(
                    "certs", query.name, "--client-cert", "PATH"
                )  # goes before the helper's
            credential = credential.with_hint(hint)
        return replace(answer, credential=credential)

    @property
    def is_told(self) -> bool:
        """Whether its protocol has words for what became of a credential."""
        return self.settings.protocol is HelperProtocol.GIT

    def look(self, query: Query) -> Broken | None:
        """What :meth:`ask` would say if the program is not there; it is not run."""
        try:
            process.find(self.settings.command[0])
        except process.ToolMissing as error:
            return _missing(error, query)
        return None

    def store(self, query: Query, credential: Credential) -> Broken | None:
        """Tell the helper that ``credential`` was accepted (git's protocol; the others have no such
        word).

        Returns why it could not be told, which is worth a note and never an error of the command.
        """
        return self._tell("store", query, credential)

    def erase(self, query: Query, credential: Credential) -> Broken | None:
        """Tell the helper that ``credential`` was refused, so that it forgets it. As
        :meth:`store`.
        """
        return self._tell("erase", query, credential)

    def _ask(self, query: Query) -> HelperAnswer:
        if self.settings.protocol is HelperProtocol.GIT:
            return HelperAnswer(self._ask_git(query))
        finished = _one_question(self.settings, self.settings.protocol, query.url)
        if not finished.succeeded:
            return HelperAnswer(_refusal(self.settings, finished))
        if self.settings.protocol is HelperProtocol.BAZEL:
            return protocols.parse_bazel(finished.stdout)
        return protocols.parse_exec(finished.stdout)

    def _ask_git(self, query: Query) -> Answer:
        # With the path first, for helpers that tell repositories of one host apart; then without
        # it, as git asks.
        requests: dict[bytes, bool] = {}
        for with_path in (True, False):
            request = protocols.git_request(query.url, with_path=with_path, username=query.username)
            if isinstance(request, Broken):
                return request
            requests.setdefault(request, with_path)
        answer: Answer = NotMine()
        for request, with_path in requests.items():
            finished = self.settings.run("get", input=request)
            if not finished.succeeded:
                return _refusal(self.settings, finished)
            answer = protocols.parse_git(finished.stdout, query.url, query.username)
            if not isinstance(answer, NotMine):
                self._answered_with_path[query.url] = with_path
                break
        return answer

    def _tell(self, operation: str, query: Query, credential: Credential) -> Broken | None:
        if not self.is_told or credential.scheme != BASIC:
            return None
        with_path = self._answered_with_path.get(query.url, False)
        try:
            request = protocols.git_request(
                query.url, with_path=with_path, username=credential.username, credential=credential
            )
            if isinstance(request, Broken):
                return request
            finished = self.settings.run(operation, input=request)
        except (process.ToolFailed, InvalidUrl) as error:
            return Broken.because(f"the credential helper could not {operation}: {error}")
        if finished.succeeded:
            return None
        return _refusal(self.settings, finished)


@dataclass(frozen=True)
class Detected:
    """The protocol that a command speaks, and what it answered when it was tried."""

    protocol: HelperProtocol
    answer: HelperAnswer


def detect(command: tuple[str, ...], url: str, *, timeout: float = TIMEOUT) -> Detected | Broken:
    """Find out which protocol a command speaks, by asking it for a credential for ``url`` in each,
    once.

    The order is ``bazel``, ``git``, ``exec-credential``; what counts is the shape of the output,
    whichever protocol was asked in, since some helpers do not look at their input. A helper that
    has nothing for ``url`` may be silent in every protocol: then it cannot be told, and the user
    must say which it is.

    :param timeout: in seconds, for each of the three runs; the first that takes longer ends the
    search.
    """
    silent = False
    complaints: list[str] = []
    for protocol in HelperProtocol:
        settings = HelperSettings(command, protocol, timeout)
        try:
            finished = _one_question(settings, protocol, url)
        except (process.ToolFailed, InvalidUrl) as error:
            return Broken.because(f"the credential helper {error}")
        if not finished.succeeded:
            complaints.append(finished.failure)
            continue
        spoken = _spoken(finished.stdout)
        if spoken is not None:
            return Detected(
                spoken, _understood(replace(settings, protocol=spoken), finished.stdout, url)
            )
        silent = silent or not finished.stdout.strip()
    return Broken.because(_unknown(settings, url, silent, complaints))


def _missing(error: process.ToolMissing, query: Query) -> Broken:
    return Broken.because(f"the credential helper {error}", hint=_again(query))


def _again(query: Query) -> Hint | None:
    if not query.name:
        return None
    return repo("login", query.name, "--helper", "COMMAND")


def login_again(
    name: str, command: tuple[str, ...], protocol: HelperProtocol | None = None
) -> Hint | None:
    """The login that tries the same helper once more: one without ``--helper`` would take its
    place.

    Arguments may be nobody's business, so a command that has some is not spelt out.
    """
    if not name:
        return None
    if len(command) > 1 or process.presentable(command[0], lines=1) != command[0]:
        return repo("login", name, "--helper", "COMMAND")
    hint = repo("login", name, "--helper", command[0])
    if protocol is None:
        return hint
    return hint.adding("--protocol", protocol.value)


def _one_question(settings: HelperSettings, protocol: HelperProtocol, url: str) -> process.Finished:
    if protocol is HelperProtocol.BAZEL:
        return settings.run("get", input=protocols.bazel_request(url))
    if protocol is HelperProtocol.GIT:
        request = protocols.git_request(url, with_path=False, username=None)
        assert isinstance(request, bytes), "an origin holds no line end"
        return settings.run("get", input=request)
    return settings.run(env=protocols.exec_environment(url))


def _refusal(settings: HelperSettings, finished: process.Finished) -> Broken:
    return Broken.because(f"the credential helper {settings.shown} {finished.failure}")


def _signed(answer: Answer, settings: HelperSettings, username: str | None) -> Answer:
    """The answer with where it came from; a credential of another user than was asked for is not
    one.
    """
    if not isinstance(answer, Credential):
        return answer
    if username is not None and answer.scheme == BASIC and answer.username != username:
        return NotMine("the helper has a credential of another user")
    return replace(answer, detail=f"{settings.shown} ({settings.protocol.value})")


def _spoken(stdout: bytes) -> HelperProtocol | None:
    kind = protocols.json_kind(stdout)
    if kind is not None:
        if kind == "ExecCredential":
            return HelperProtocol.EXEC_CREDENTIAL
        return HelperProtocol.BAZEL
    if protocols.git_attributes(stdout):
        return HelperProtocol.GIT
    return None


def _understood(settings: HelperSettings, stdout: bytes, url: str) -> HelperAnswer:
    if settings.protocol is HelperProtocol.EXEC_CREDENTIAL:
        answer = protocols.parse_exec(stdout)
    elif settings.protocol is HelperProtocol.GIT:
        answer = HelperAnswer(protocols.parse_git(stdout, url, None))
    else:
        answer = protocols.parse_bazel(stdout)
    return replace(answer, credential=_signed(answer.credential, settings, None))


def _unknown(settings: HelperSettings, url: str, silent: bool, complaints: list[str]) -> str:
    if silent:
        ran = f"{settings.shown} ran, but returned nothing for {Origin.of(url)}"
        return f"{ran}, so its protocol could not be detected; set it with --protocol"
    names = [protocol.value for protocol in HelperProtocol]
    if len(complaints) == len(names):
        which = f"if it speaks another protocol, set --protocol ({', '.join(names)})"
        return f"the credential helper {settings.shown} {complaints[0]}; {which}"
    last = ""
    if complaints:
        last = f"; it {complaints[0]}"
    return f"{settings.shown} speaks none of the protocols {', '.join(names)}{last}"
