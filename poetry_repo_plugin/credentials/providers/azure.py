"""Azure Artifacts: a Microsoft Entra access token of about an hour from the Azure CLI.

https://learn.microsoft.com/cli/azure/authenticate-azure-cli, "Refresh tokens" (output;
``expires_on`` since CLI 2.54); 499b84ac-1321-427f-aa17-267ca6975798 is the application id of Azure
DevOps. Any user name will do (https://docs.astral.sh/uv/guides/integration/azure/); this one is
that of Microsoft's credential provider.
"""

from __future__ import annotations

import re
from datetime import datetime

from poetry_repo_plugin.core import expiry
from poetry_repo_plugin.core.hints import command
from poetry_repo_plugin.credentials.base import Answer, Broken, Query
from poetry_repo_plugin.credentials.providers.tool import ToolSource, VendorTool

RESOURCE = "499b84ac-1321-427f-aa17-267ca6975798"
WORDS = ("account", "get-access-token", "--resource", RESOURCE, "--output", "json")

# Error codes: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
_TOOL = VendorTool(
    "azure",
    "az",
    "the Azure CLI",
    "https://learn.microsoft.com/cli/azure/install-azure-cli",
    command("az", "login"),
    expired=re.compile(
        r"AADSTS(?:50078|50173|70008|70043|700081|700082|700084)\b|has expired|is expired"
        r"|Interactive authentication is needed",
        re.IGNORECASE,
    ),
    refused=re.compile(
        r"AADSTS(?:50105|53003|65001|500011|700016)\b|AuthorizationFailed|not authorized"
    ),
)


class AzureSource(ToolSource):
    """Azure Artifacts tokens, from ``az``."""

    provider = "azure"
    any_username = True

    def tool(self) -> VendorTool:
        return _TOOL

    def ask(self, query: Query) -> Answer:
        """The access token of the active subscription's account.

        The CLI keeps a token until five minutes before its end and cannot be told that it was
        refused.
        """
        env = {"AZURE_CORE_NO_COLOR": "true"}
        document = _TOOL.ask(WORDS, query, timeout=self._timeout, env=env)
        if isinstance(document, Broken):
            return document
        return _TOOL.credential(
            document.get("accessToken"),
            _expires(document),
            username=self.username(query),
            source=self.name,
            detail="az account get-access-token",
        )


source = AzureSource


def _expires(document: dict[str, object]) -> datetime | None:
    """``expires_on`` is POSIX time; the older ``expiresOn`` is the local time of this machine,
    without a zone.
    """
    moment = expiry.from_json(document.get("expires_on"))
    local = document.get("expiresOn")
    if moment is None and isinstance(local, str):
        moment = expiry.from_local_text(local)
    return moment
