"""Google Artifact Registry: an OAuth access token of an hour from the Google Cloud CLI.

https://cloud.google.com/artifact-registry/docs/python/authentication (user name ``oauth2accesstoken``, 60 minutes);
the output of ``gcloud config config-helper`` as in Google's own keyring backend and test data
(https://github.com/GoogleCloudPlatform/artifact-registry-python-tools, ``keyrings/gauth.py``; google-auth's
``tests/data/cloud_sdk_config.json``).
"""

from __future__ import annotations

import re

from poetry_repo_plugin.credentials import expiry
from poetry_repo_plugin.credentials.base import Answer, Broken, Query
from poetry_repo_plugin.credentials.vendor_tool import TIMEOUT, Allowed, VendorTool, not_for

USERNAME = "oauth2accesstoken"

# What `gcloud auth print-access-token` prints, with its expiry, and renewed if it ends within ten minutes: gcloud keeps
# a token, and an upload must begin with five minutes left.
COMMAND = ("gcloud", "config", "config-helper", "--min-expiry=10m", "--format=json")
FORCED = "--force-auth-refresh"  # gcloud does not know that the token that it keeps was refused

_TOOL = VendorTool(
    "the Google Cloud CLI",
    "https://cloud.google.com/sdk/docs/install",
    "gcloud auth login",
    expired=re.compile(
        r"problem refreshing|invalid_grant|Reauthentication|has expired|is expired|expired or revoked", re.IGNORECASE
    ),
    refused=re.compile(r"PERMISSION_DENIED|iam\.serviceAccounts\.getAccessToken|does not have permission"),
)


class GcpSource:
    """Artifact Registry tokens. Lazy: ``gcloud`` runs when :meth:`get` is called, each time; the chain keeps answers.

    :param allowed: whether a URL is at Artifact Registry.
    :param timeout: in seconds.
    """

    name = "provider:gcp"
    login = _TOOL.login

    def __init__(self, allowed: Allowed, *, timeout: float = TIMEOUT) -> None:
        self._allowed = allowed
        self._timeout = timeout

    def get(self, query: Query) -> Answer:
        """The access token of the active account."""
        reason = not_for(query, USERNAME, self._allowed, "Google Artifact Registry")
        if reason is not None:
            return reason
        command = [*COMMAND, FORCED] if query.fresh else list(COMMAND)
        document = _TOOL.ask(command, timeout=self._timeout, env={"CLOUDSDK_CORE_DISABLE_PROMPTS": "1"})
        if isinstance(document, Broken):
            return document
        credential = document.get("credential")
        if not isinstance(credential, dict):
            credential = {}
        return _TOOL.credential(
            credential.get("access_token"),
            expiry.from_json(credential.get("token_expiry")),
            username=USERNAME,
            source=self.name,
            detail="gcloud config config-helper",
        )
