"""What the providers share: asking a vendor's own command line tool, and explaining why it did not
answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import ClassVar, Union

from poetry_repo_plugin.core import expiry
from poetry_repo_plugin.core.errors import Cause
from poetry_repo_plugin.core.hints import Hint, repo
from poetry_repo_plugin.core.json_text import NotJson, parse_json
from poetry_repo_plugin.core.origin import InvalidUrl, Origin
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.core.servers import PROVIDERS, is_vendor_host
from poetry_repo_plugin.credentials import process
from poetry_repo_plugin.credentials.base import Answer, Broken, Credential, NotMine, Purpose, Query

# Seconds. The tools are slow to start, and renew their own session over the network.
TIMEOUT = 30.0

# Whether a URL is at one of the vendor's hosts.
Allowed = Callable[[str], bool]

Document = Union[dict[str, object], Broken]


@dataclass(frozen=True)
class VendorTool:
    """A vendor's command line tool.

    :param provider: what it is called in our settings.
    :param program: its name on PATH.
    :param title: what the vendor calls it.
    :param install: the page that says how to install it.
    :param login: the command that mends its session.
    :param expired: what its standard error says when its session has ended.
    :param refused: what its standard error says when its identity is not allowed to get a token.
    """

    provider: str
    program: str
    title: str
    install: str
    login: Hint
    expired: re.Pattern[str]
    refused: re.Pattern[str]

    def ask(
        self,
        words: Sequence[str],
        query: Query,
        *,
        timeout: float,
        env: Mapping[str, str] | None = None,
    ) -> Document:
        """Run the tool with ``words`` and return the JSON object that it prints."""
        finished = self.run(words, query, timeout=timeout, env=env)
        if isinstance(finished, Broken):
            return finished
        return self.document(finished)

    def run(
        self,
        words: Sequence[str],
        query: Query,
        *,
        timeout: float,
        env: Mapping[str, str] | None = None,
    ) -> Union[process.Finished, Broken]:
        """Run the tool with ``words``; :class:`Broken` where it did not come to an end of its
        own.
        """
        try:
            return process.run([self.program, *words], timeout=timeout, env=env)
        except process.ToolMissing as error:
            return self._missing(error, query)
        except process.ToolFailed as error:
            return Broken.because(f"{self.title}: {error}", Cause.CREDENTIAL_MISSING, self.login)

    def document(self, finished: process.Finished) -> Document:
        """The JSON object that it printed."""
        if not finished.succeeded:
            return self._explained(finished)
        try:
            document = parse_json(finished.stdout)
        except NotJson:
            document = None
        if not isinstance(document, dict):
            return Broken.because(
                f"{self.title}: `{self.program}` did not answer with a JSON object", hint=self.login
            )
        return document

    def look(self, query: Query) -> Broken | None:
        """What :meth:`run` would say if the tool is not there; it is not run."""
        try:
            process.find(self.program)
        except process.ToolMissing as error:
            return self._missing(error, query)
        return None

    def _missing(self, error: process.ToolMissing, query: Query) -> Broken:
        why = f"{self.title} is needed: {error}; install it ({self.install}), then run {self.login}"
        hint = self.login
        if query.name:
            hint = hint.then(repo("login", query.name, "--provider", self.provider))
        return Broken.because(why, Cause.CREDENTIAL_MISSING, hint)

    def _explained(self, finished: process.Finished) -> Broken:
        if self.expired.search(finished.stderr):
            why, cause = "its session has expired", Cause.CREDENTIAL_EXPIRED
        elif self.refused.search(finished.stderr):
            why = "its identity is not allowed to get a token for this repository"
            cause = Cause.CREDENTIAL_REJECTED
        else:
            why, cause = "it has no usable session", Cause.CREDENTIAL_MISSING
        return Broken.because(
            f"{self.title}: {why} (`{self.program}` {finished.complaint})", cause, self.login
        )

    def credential(
        self, token: object, expires_at: datetime | None, *, username: str, source: str, detail: str
    ) -> Answer:
        """The token as the password of ``username``; :class:`Broken` where it is none or no longer
        good.
        """
        if not isinstance(token, str) or not re.fullmatch(r"[!-~]+", token):
            return Broken.because(f"{self.title}: the answer holds no token", hint=self.login)
        if expiry.passed(expires_at):
            why = f"{self.title}: the token that it returned has expired, by this machine's clock"
            return Broken.because(why, Cause.CREDENTIAL_EXPIRED, self.login)
        return Credential(Secret(token), username, source, detail, expires_at=expires_at)


class ToolSource:
    """A provider that asks a vendor's tool. Lazy: the tool runs when :meth:`get` is called, each
    time; the chain keeps the answer.

    :param allowed: whether a URL is at one of the vendor's hosts; by default as the row of the
        provider says.
    :param timeout: in seconds.
    """

    provider: ClassVar[str]  # a row of PROVIDERS
    any_username: ClassVar[bool] = False

    def __init__(self, allowed: Allowed | None = None, *, timeout: float = TIMEOUT) -> None:
        self._row = PROVIDERS[self.provider]
        self._allowed = allowed or partial(is_vendor_host, self.provider)
        self._timeout = timeout
        self.name = f"provider:{self.provider}"

    @property
    def login(self) -> Hint:
        """The command that begins a new session of the tool."""
        return self.tool().login

    def tool(self) -> VendorTool:
        """The tool, as this user has set it up."""
        raise NotImplementedError

    def ask(self, query: Query) -> Answer:
        """Run the tool for a query that is fit for it."""
        raise NotImplementedError

    def get(self, query: Query) -> Answer:
        """The token of the account that the tool is logged in with."""
        return self._unfit(query) or self.ask(query)

    def look(self, query: Query) -> Union[NotMine, Broken, None]:
        """Why there can be no token, without running anything."""
        return self._unfit(query) or self.tool().look(query)

    def username(self, query: Query) -> str:
        """The user name that goes with the token."""
        if self.any_username and query.username is not None:
            return query.username
        return self._row.username

    def _unfit(self, query: Query) -> NotMine | None:
        return not_for(query, self.username(query), self._allowed, self._row.title)


def not_for(
    query: Query, username: str, allowed: Allowed, vendor: str, *, plain_http: bool = False
) -> NotMine | None:
    """Why a vendor's token is nothing for this query: another host, plain http, git, or another
    user's name.

    :param plain_http: it may go over http, to what is ``allowed``.
    """
    try:
        origin = Origin.of(query.url)
    except InvalidUrl as error:
        return NotMine(str(error))
    if query.purpose is Purpose.GIT:
        return NotMine("never sent to a git host")
    if origin.scheme != "https" and not plain_http:
        return NotMine("never sent over plain http")
    if not allowed(query.url):
        return NotMine(f"{origin} is not a host of {vendor}")
    if query.username is not None and query.username != username:
        return NotMine(f"its user name is {username}")
    return None
