"""AWS CodeArtifact: a token of up to twelve hours from the AWS CLI.

https://docs.aws.amazon.com/cli/latest/reference/codeartifact/get-authorization-token.html (command
and output), https://docs.aws.amazon.com/codeartifact/latest/ug/tokens-authentication.html (user
name ``aws``, twelve hours).
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Union

from poetry_repo_plugin.core import expiry
from poetry_repo_plugin.core.hints import command
from poetry_repo_plugin.core.servers import vendor_parts
from poetry_repo_plugin.credentials.base import Answer, Broken, NotMine, Query
from poetry_repo_plugin.credentials.providers.tool import TIMEOUT, VendorTool, not_for

USERNAME = "aws"

_EXPIRED = re.compile(
    r"has expired|is expired|ExpiredToken|expired and refresh failed|Error loading SSO Token"
    r"|Session token not found or invalid|otherwise invalid",
    re.IGNORECASE,
)
_REFUSED = re.compile(
    r"AccessDenied|not authorized to perform|UnauthorizedOperation|explicit deny", re.IGNORECASE
)


@dataclass(frozen=True)
class Endpoint:
    """What the URL of a CodeArtifact repository says: its host name, or for an endpoint of a VPC
    its path.
    """

    domain: str
    owner: str
    region: str

    @classmethod
    def of(cls, url: str) -> Endpoint | None:
        """The endpoint of an https ``url``; ``None`` for any other host or a port of one's own."""
        parts = vendor_parts("aws", url)
        found = [parts.get(part) for part in ("domain", "owner", "region")]
        return cls(*map(str, found)) if all(found) else None


class AwsSource:
    """CodeArtifact tokens. Lazy: ``aws`` runs when :meth:`get` is called, each time; the chain
    keeps the answer.

    :param timeout: in seconds.
    """

    name = "provider:aws"

    def __init__(self, *, timeout: float = TIMEOUT) -> None:
        self._timeout = timeout

    @property
    def login(self) -> str:
        """The command that begins a new session of the CLI."""
        return _tool().login

    def look(self, query: Query) -> Union[NotMine, Broken, None]:
        """Why there can be no token, without running anything."""
        return _unfit(query) or _tool().look(query)

    def get(self, query: Query) -> Answer:
        """A token for the domain and region that the URL tells."""
        endpoint, reason = Endpoint.of(query.url), _unfit(query)
        if reason is not None or endpoint is None:
            return reason or NotMine()
        tool = _tool()
        words = ["codeartifact", "get-authorization-token", "--domain", endpoint.domain]
        words += ["--domain-owner", endpoint.owner, "--region", endpoint.region, "--output", "json"]
        # Neither a pager nor a prompt, whatever the user's configuration says.
        env = {"AWS_PAGER": "", "AWS_CLI_AUTO_PROMPT": "off"}
        document = tool.ask(words, query, timeout=self._timeout, env=env)
        if isinstance(document, Broken):
            return document
        return tool.credential(
            document.get("authorizationToken"),
            expiry.from_json(
                document.get("expiration")
            ),  # ISO 8601, or seconds (CLI 1, cli_timestamp_format = wire)
            username=USERNAME,
            source=self.name,
            detail=f"aws codeartifact get-authorization-token, domain {endpoint.domain}",
        )


def _unfit(query: Query) -> NotMine | None:
    return not_for(query, USERNAME, lambda url: Endpoint.of(url) is not None, "AWS CodeArtifact")


def _tool() -> VendorTool:
    profile = os.environ.get("AWS_PROFILE") or os.environ.get("AWS_DEFAULT_PROFILE")
    login = command("aws", "sso", "login")
    if profile:
        login = login.adding("--profile", profile)
    return VendorTool(
        "aws", "aws", "the AWS CLI", "https://aws.amazon.com/cli/", login, _EXPIRED, _REFUSED
    )
