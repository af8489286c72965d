"""GitLab's package registry from a GitLab CI job: the job's own token.

https://docs.gitlab.com/user/packages/pypi_repository/ (user name ``gitlab-ci-token``, password
``CI_JOB_TOKEN``); https://docs.gitlab.com/ci/variables/predefined_variables/ (``CI_SERVER_URL``,
``CI_SERVER_HOST`` and its like, ``CI_API_V4_URL``).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress

from poetry_repo_plugin.core.origin import InvalidUrl, Prefix
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.core.servers import PROVIDERS
from poetry_repo_plugin.credentials.base import Answer, Credential, NotMine, Query
from poetry_repo_plugin.credentials.providers.tool import not_for

USERNAME = PROVIDERS["gitlab"].username


class GitlabSource:
    """The job token, for the GitLab that runs the job and for no other host; lazy, no process.

    Outside a job it has nothing and the chain goes on, so that a project which names this provider
    works on a developer's machine with a stored token. The token is good until the job ends, so it
    has no expiry.

    :param environ: the environment to read.
    """

    name = "provider:gitlab"

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._environ = environ

    def get(self, query: Query) -> Answer:
        """The token of the job, for a URL below ``CI_SERVER_URL`` or ``CI_API_V4_URL``; over http
        only to a GitLab that the job knows by http and by nothing else.
        """
        token = self._environ.get("CI_JOB_TOKEN", "")
        if not token:
            return NotMine("CI_JOB_TOKEN is not set: this is not a GitLab CI job")
        plain = self._is_plain(query.url)
        reason = not_for(
            query, USERNAME, self._is_own, "the GitLab that runs this job", plain_http=plain
        )
        if reason is not None:
            return reason
        if not re.fullmatch(r"[!-~]+", token):
            return NotMine("CI_JOB_TOKEN does not look like a token")
        return Credential(Secret(token), USERNAME, self.name, "CI_JOB_TOKEN")

    def _is_own(self, url: str) -> bool:
        return any(prefix.covers(url) for prefix in self._named())

    def _is_plain(self, url: str) -> bool:
        named = self._named()
        secure = {prefix.origin.host for prefix in named if prefix.origin.scheme == "https"}
        return any(prefix.covers(url) and prefix.origin.host not in secure for prefix in named)

    def _named(self) -> list[Prefix]:
        """The URLs by which the job knows its GitLab."""
        url = self._environ.get("CI_SERVER_URL", "")
        host = self._environ.get("CI_SERVER_HOST", "")
        port = self._environ.get("CI_SERVER_PORT", "")
        if not url and host:
            url = f"{self._environ.get('CI_SERVER_PROTOCOL') or 'https'}://{host}"
            url += f":{port}" if port else ""
        found = []
        for text in (url, self._environ.get("CI_API_V4_URL", "")):
            with suppress(InvalidUrl):
                found.append(Prefix.of(text))
        return found


source = GitlabSource
