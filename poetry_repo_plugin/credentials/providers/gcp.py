"""Google Artifact Registry: an OAuth access token of an hour from the Google Cloud CLI.

https://cloud.google.com/artifact-registry/docs/python/authentication (user name
``oauth2accesstoken``, 60 minutes); the output of ``gcloud config config-helper`` as in Google's own
keyring backend and test data
(https://github.com/GoogleCloudPlatform/artifact-registry-python-tools, ``keyrings/gauth.py``;
google-auth's ``tests/data/cloud_sdk_config.json``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Union

from poetry_repo_plugin.core import expiry
from poetry_repo_plugin.core.hints import command
from poetry_repo_plugin.credentials.base import Answer, Broken, Query
from poetry_repo_plugin.credentials.process import Finished
from poetry_repo_plugin.credentials.providers.tool import ToolSource, VendorTool

# What `gcloud auth print-access-token` prints, with its expiry, and renewed if it ends within ten
# minutes: gcloud keeps a token, and an upload must begin with five minutes left.
WORDS = ("config", "config-helper", "--min-expiry=10m", "--format=json")
# For a gcloud without config-helper; it does not tell when the token ends.
OLDER = ("auth", "print-access-token")
FORCED = "--force-auth-refresh"  # gcloud does not know that the token that it keeps was refused

_UNKNOWN_WORD = re.compile(r"Invalid choice|unrecognized arguments", re.IGNORECASE)
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{20,8000}=*")  # RFC 6750, 2.1, and no word of a message

_TOOL = VendorTool(
    "gcp",
    "gcloud",
    "the Google Cloud CLI",
    "https://cloud.google.com/sdk/docs/install",
    command("gcloud", "auth", "login"),
    expired=re.compile(
        r"problem refreshing|invalid_grant|Reauthentication|has expired|is expired|expired or revoked",
        re.IGNORECASE,
    ),
    refused=re.compile(
        r"PERMISSION_DENIED|iam\.serviceAccounts\.getAccessToken|does not have permission"
    ),
)


class GcpSource(ToolSource):
    """Artifact Registry tokens, from ``gcloud``."""

    provider = "gcp"

    def tool(self) -> VendorTool:
        return _TOOL

    def ask(self, query: Query) -> Answer:
        """The access token of the active account."""
        finished = self._run([*WORDS, FORCED] if query.fresh else WORDS, query)
        if isinstance(finished, Broken):
            return finished
        document = _TOOL.document(finished)
        if isinstance(document, Broken):
            knows_it = not finished.succeeded and not _UNKNOWN_WORD.search(finished.stderr)
            if knows_it:
                return document
            return self._older(query) or document
        credential = document.get("credential")
        if not isinstance(credential, dict):
            credential = {}
        return _TOOL.credential(
            credential.get("access_token"),
            expiry.from_json(credential.get("token_expiry")),
            username=self.username(query),
            source=self.name,
            detail="gcloud config config-helper",
        )

    def _older(self, query: Query) -> Answer | None:
        """The one line that ``print-access-token`` prints, if it is a token."""
        finished = self._run(OLDER, query)
        if isinstance(finished, Broken) or not finished.succeeded:
            return None
        token = finished.stdout.decode("utf-8", "replace").strip()
        if not _TOKEN.fullmatch(token):
            return None
        words = {"username": self.username(query), "source": self.name}
        return _TOOL.credential(token, None, **words, detail=f"gcloud {' '.join(OLDER)}")

    def _run(self, words: Sequence[str], query: Query) -> Union[Finished, Broken]:
        env = {"CLOUDSDK_CORE_DISABLE_PROMPTS": "1"}
        return _TOOL.run(words, query, timeout=self._timeout, env=env)


source = GcpSource
