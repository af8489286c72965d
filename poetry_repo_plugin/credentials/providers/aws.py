"""AWS CodeArtifact: a token of up to twelve hours from the AWS CLI.

https://docs.aws.amazon.com/cli/latest/reference/codeartifact/get-authorization-token.html (command
and output), https://docs.aws.amazon.com/codeartifact/latest/ug/tokens-authentication.html (user
name ``aws``, twelve hours).
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from poetry_repo_plugin.core import expiry
from poetry_repo_plugin.core.hints import command
from poetry_repo_plugin.core.servers import vendor_parts
from poetry_repo_plugin.credentials.base import Answer, Broken, NotMine, Query
from poetry_repo_plugin.credentials.providers.tool import TIMEOUT, ToolSource, VendorTool

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
        if not all(found):
            return None
        return cls(*map(str, found))


class AwsSource(ToolSource):
    """CodeArtifact tokens, from ``aws``."""

    provider = "aws"

    def __init__(self, *, timeout: float = TIMEOUT) -> None:
        super().__init__(lambda url: Endpoint.of(url) is not None, timeout=timeout)

    def tool(self) -> VendorTool:
        return _tool()

    def ask(self, query: Query) -> Answer:
        """A token for the domain and region that the URL tells."""
        endpoint, tool = Endpoint.of(query.url), self.tool()
        if endpoint is None:
            return NotMine()
        words = ["codeartifact", "get-authorization-token", "--domain", endpoint.domain]
        words += ["--domain-owner", endpoint.owner, "--region", endpoint.region, "--output", "json"]
        # Neither a pager nor a prompt, whatever the user's configuration says.
        env = {"AWS_PAGER": "", "AWS_CLI_AUTO_PROMPT": "off"}
        document = tool.ask(words, query, timeout=self._timeout, env=env)
        if isinstance(document, Broken):
            return document
        return tool.credential(
            document.get("authorizationToken"),
            # ISO 8601, or seconds (CLI 1, cli_timestamp_format = wire)
            expiry.from_json(document.get("expiration")),
            username=self.username(query),
            source=self.name,
            detail=f"aws codeartifact get-authorization-token, domain {endpoint.domain}",
        )


source = AwsSource


def _tool() -> VendorTool:
    profile = os.environ.get("AWS_PROFILE") or os.environ.get("AWS_DEFAULT_PROFILE")
    login = command("aws", "sso", "login")
    if profile:
        login = login.adding("--profile", profile)
    return VendorTool(
        "aws", "aws", "the AWS CLI", "https://aws.amazon.com/cli/", login, _EXPIRED, _REFUSED
    )
