"""AWS CodeArtifact: a token of up to twelve hours from the AWS CLI.

https://docs.aws.amazon.com/cli/latest/reference/codeartifact/get-authorization-token.html (command and output),
https://docs.aws.amazon.com/codeartifact/latest/ug/tokens-authentication.html (user name ``aws``, twelve hours).
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from poetry_repo_plugin.credentials import expiry
from poetry_repo_plugin.credentials.base import Answer, Broken, NotMine, Query
from poetry_repo_plugin.credentials.vendor_tool import TIMEOUT, Allowed, VendorTool, not_for
from poetry_repo_plugin.origin import InvalidUrl, Origin

USERNAME = "aws"

# Constraints of --domain and --domain-owner as the CLI's reference gives them. The "dualstack" endpoint has no ".d".
_ENDPOINT = re.compile(
    r"(?P<domain>[a-z][a-z0-9-]{0,48}[a-z0-9])-(?P<owner>[0-9]{12})"
    r"(?:\.d\.codeartifact\.(?P<region>[a-z]{2}(?:-[a-z]+)+-[0-9]+)\.amazonaws\.com"
    r"|\.codeartifact\.(?P<region6>[a-z]{2}(?:-[a-z]+)+-[0-9]+)\.on\.aws)"
)

_EXPIRED = re.compile(
    r"has expired|is expired|ExpiredToken|expired and refresh failed|Error loading SSO Token"
    r"|Session token not found or invalid|otherwise invalid",
    re.IGNORECASE,
)
_REFUSED = re.compile(r"AccessDenied|not authorized to perform|UnauthorizedOperation|explicit deny", re.IGNORECASE)


@dataclass(frozen=True)
class Endpoint:
    """What the host name of a CodeArtifact repository says."""

    domain: str
    owner: str
    region: str

    @classmethod
    def of(cls, url: str) -> Endpoint | None:
        """The endpoint of an https ``url``; ``None`` for any other host or a port of one's own."""
        try:
            origin = Origin.of(url)
        except InvalidUrl:
            return None
        match = _ENDPOINT.fullmatch(origin.host)
        if match is None or (origin.scheme, origin.port) != ("https", 443):
            return None
        return cls(match["domain"], match["owner"], match["region"] or match["region6"])


class AwsSource:
    """CodeArtifact tokens. Lazy: ``aws`` runs when :meth:`get` is called, each time; the chain keeps the answer.

    :param allowed: whether a URL is at AWS; asked in addition to the exact shape of CodeArtifact's host names.
    :param timeout: in seconds.
    """

    name = "provider:aws"

    def __init__(self, allowed: Allowed = lambda url: True, *, timeout: float = TIMEOUT) -> None:
        self._allowed = allowed
        self._timeout = timeout

    @property
    def login(self) -> str:
        """The command that begins a new session of the CLI."""
        return _tool().login

    def get(self, query: Query) -> Answer:
        """A token for the domain and region that the host name tells."""
        endpoint = Endpoint.of(query.url)
        reason = not_for(query, USERNAME, lambda url: endpoint is not None and self._allowed(url), "AWS CodeArtifact")
        if reason is not None or endpoint is None:
            return reason or NotMine()
        tool = _tool()
        argv = ["aws", "codeartifact", "get-authorization-token", "--domain", endpoint.domain]
        argv += ["--domain-owner", endpoint.owner, "--region", endpoint.region, "--output", "json"]
        # Neither a pager nor a prompt, whatever the user's configuration says.
        env = {"AWS_PAGER": "", "AWS_CLI_AUTO_PROMPT": "off"}
        document = tool.ask(argv, timeout=self._timeout, env=env)
        if isinstance(document, Broken):
            return document
        return tool.credential(
            document.get("authorizationToken"),
            expiry.from_json(document.get("expiration")),  # ISO 8601, or seconds (CLI 1, cli_timestamp_format = wire)
            username=USERNAME,
            source=self.name,
            detail=f"aws codeartifact get-authorization-token, domain {endpoint.domain}",
        )


def _tool() -> VendorTool:
    profile = os.environ.get("AWS_PROFILE") or os.environ.get("AWS_DEFAULT_PROFILE")
    login = "aws sso login"
    if profile:
        import shlex

        login = f"{login} --profile {shlex.quote(profile)}"
    return VendorTool("the AWS CLI", "https://aws.amazon.com/cli/", login, _EXPIRED, _REFUSED)
