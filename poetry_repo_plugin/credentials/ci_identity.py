"""The identity token of the CI job that this is, from the library ``id``, and why there is none.

Which CI gives one under which conditions: https://github.com/di/id (README, and
``detect_credential``).
"""

from __future__ import annotations

import json
import os
import re
from typing import Any, Union
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from poetry_repo_plugin.core.deadline import Budget, watched, within
from poetry_repo_plugin.core.errors import Cause
from poetry_repo_plugin.core.json_text import ENOUGH, NotJson, parse_json
from poetry_repo_plugin.core.origin import Origin
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.credentials import process
from poetry_repo_plugin.credentials.base import Broken, NotMine
from poetry_repo_plugin.credentials.process import presentable

# The variables by which `id` knows a CI, in its order, with two that Google's build and run
# services always set (https://cloud.google.com/run/docs/container-contract,
# https://cloud.google.com/build/docs/build-config-file-schema): `id` reads a file there, and a
# developer's own machine in that cloud is no CI.
_MARKS = (
    ("GITHUB_ACTIONS", "GitHub Actions"),
    ("GITLAB_CI", "GitLab CI"),
    ("BUILDKITE", "Buildkite"),
    ("CIRCLECI", "CircleCI"),
    ("GOOGLE_SERVICE_ACCOUNT_NAME", "Google Cloud"),
    ("BUILDER_OUTPUT", "Google Cloud"),
    ("CLOUD_RUN_JOB", "Google Cloud"),
)

# What an index compares, of the claims of each CI (warehouse/oidc/models/). Nothing else of a token
# is ever shown.
CLAIMS = (
    *("sub", "iss", "aud", "repository", "repository_owner", "repository_owner_id", "workflow_ref"),
    *("job_workflow_ref", "ref", "environment"),  # GitHub Actions
    *("project_path", "ci_config_ref_uri", "ref_path"),  # GitLab CI
    *("organization_slug", "pipeline_slug", "build_branch"),  # Buildkite
    *("oidc.circleci.com/project-id", "oidc.circleci.com/vcs-ref"),  # CircleCI
    "email",  # Google Cloud
)

_MOST_OF_EVENT = 32 * 1024 * 1024  # bytes; GitHub's own limit is 25 MB

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750, 2.1

TIMEOUT = 30.0  # seconds, for a CI's own tool; `id` gives its requests as long


def detected() -> str | None:
    """The CI that the environment speaks of; ``None`` for none."""
    return next((title for variable, title in _MARKS if os.environ.get(variable)), None)


def token(audience: str) -> Union[Secret, NotMine, Broken]:
    """The identity token made out for ``audience``. Asks the CI over its own network or tool; up to
    30 s.
    """
    # Not left to `id`: it looks at Google's metadata service before these three, and on a runner
    # that stands in that cloud it would return the identity of the machine. It also sets their
    # tools no time limit.
    if os.environ.get("GITHUB_ACTIONS"):
        return _github(audience)
    if os.environ.get("GITLAB_CI"):
        return _gitlab(audience)
    if os.environ.get("BUILDKITE"):
        return _from_tool(
            audience, "buildkite-agent", "oidc", "request-token", "--audience", audience
        )
    if os.environ.get("CIRCLECI"):
        claims = json.dumps({"aud": audience})
        return _from_tool(
            audience, "circleci", "run", "oidc", "get", "--claims", claims, "--root-issuer"
        )
    import id as identity_library

    try:
        found = within(TIMEOUT, lambda: identity_library.detect_credential(audience))
    except TimeoutError as error:
        return Broken.because(f"the identity token could not be obtained: {error}", Cause.TIMEOUT)
    except identity_library.IdentityError as error:
        return Broken.because(
            f"the identity token could not be obtained: {presentable(str(error))}"
        )
    except Exception as error:  # the library lets some of urllib3's and subprocess's pass
        return Broken.because(
            f"the identity token could not be obtained: {presentable(f'{type(error).__name__}: {error}')}"
        )
    if not found:
        return NotMine("no identity token was found in this environment")
    return _made_out_for(audience, Secret(found), "the identity token")


def claims(identity: Secret) -> dict[str, str]:
    """The claims of the token that an index compares, as short texts; empty where it is not JSON web
    token.
    """
    payload = _payload(identity)
    return {name: presentable(str(payload[name]), lines=1) for name in CLAIMS if name in payload}


def _github(audience: str) -> Union[Secret, Broken]:
    """GitHub's token, asked for as `id` does, which sets neither its time nor its size a limit
    (https://docs.github.com/actions/reference/security/oidc).
    """
    bearer = os.environ.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
    url = os.environ.get("ACTIONS_ID_TOKEN_REQUEST_URL")
    if not bearer or not url:
        return Broken.because(_github_explanation(), Cause.CREDENTIAL_MISSING)
    from urllib3.exceptions import HTTPError

    none = "the identity token could not be obtained"
    try:
        status, body = _fetch(url, audience, bearer)
    except TimeoutError:
        return Broken.because(f"{none}: GitHub did not answer within {TIMEOUT:g} s", Cause.TIMEOUT)
    except (HTTPError, OSError, ValueError) as error:
        return Broken.because(f"{none}: {presentable(str(error))}")
    if status != 200:
        return Broken.because(f"{none}: GitHub answered {status}")
    try:
        document = parse_json(body)
    except NotJson:
        document = None
    value = None
    if isinstance(document, dict):
        value = document.get("value")
    if not isinstance(value, str):
        return Broken.because(f"{none}: GitHub's answer holds no token")
    return _made_out_for(audience, Secret(value), "GitHub's token")


def _fetch(url: str, audience: str, bearer: str) -> tuple[int, bytes]:
    """The status and the beginning of GitHub's answer; no proxy, no redirect, nobody else's login.

    Raises urllib3's errors, :class:`ValueError` for what is no URL, and :class:`OSError`, of which
    :class:`TimeoutError` is one.
    """
    import urllib3

    parts = urlsplit(url)
    query = urlencode([*parse_qsl(parts.query), ("audience", audience)])
    options = {}
    if Origin.of(url).scheme == "https":
        options = {"cert_reqs": "CERT_REQUIRED"}
    with urllib3.connection_from_url(url, **options) as pool, Budget(TIMEOUT) as budget:
        pool.ConnectionCls = watched(pool.ConnectionCls)
        answer: Any = pool.urlopen(
            "GET",
            urlunsplit(("", "", parts.path or "/", query, "")),
            headers={"Authorization": f"bearer {bearer}"},
            retries=False,
            redirect=False,
            timeout=TIMEOUT,
            preload_content=False,
        )
        try:
            return answer.status, answer.read(ENOUGH, decode_content=False)
        finally:
            answer.close()
            budget.check()


def gitlab_variable(audience: str) -> str:
    """The variable that holds GitLab's token for an audience, as `id` derives it: ``PYPI_ID_TOKEN``
    for ``pypi``.
    """
    return re.sub(r"[^A-Z0-9_]|^[^A-Z_]", "_", audience.upper()) + "_ID_TOKEN"


def _gitlab(audience: str) -> Union[Secret, Broken]:
    variable = gitlab_variable(audience)
    text = os.environ.get(variable)
    if not text:
        return Broken.because(
            f"the variable {variable} is not set: declare it in the job, with `id_tokens: {{{variable}: "
            f"{{aud: {presentable(audience, lines=1)}}}}}` in .gitlab-ci.yml"
        )
    return _made_out_for(audience, Secret(text), f"the token in {variable}")


def _from_tool(audience: str, *command: str) -> Union[Secret, Broken]:
    """The token that a CI's own tool prints, called as `id` calls it."""
    try:
        finished = process.run(command, timeout=TIMEOUT)
    except process.ToolFailed as error:
        return Broken.because(f"the identity token could not be obtained: {error}")
    if not finished.succeeded:
        return Broken.because(
            f"the identity token could not be obtained: `{command[0]}` {finished.complaint}"
        )
    text = finished.stdout.decode("utf-8", "replace").strip()
    return _made_out_for(audience, Secret(text), f"what `{command[0]}` printed")


def _made_out_for(audience: str, identity: Secret, what: str) -> Union[Secret, Broken]:
    """``identity``, if it says that it is made out for ``audience``, also beside others."""
    if not _TOKEN.fullmatch(identity.reveal()):
        return Broken.because(f"{what} is not a token")
    named = _payload(identity).get("aud")
    if audience not in (named if isinstance(named, list) else [named]):
        return Broken.because(f"{what} was not issued for {presentable(audience, lines=1)!r}")
    return identity


def _github_explanation() -> str:
    if os.environ.get("GITHUB_EVENT_NAME") == "pull_request" and _is_fork() is not False:
        return (
            "GitHub issues no identity token to pull requests from forks, even with "
            "`id-token: write`; "
            "publish on an event that forks cannot trigger (a tag, a release, workflow_dispatch)"
        )
    return (
        "GitHub issued no identity token: the job lacks the permission `id-token: write` "
        "(`permissions: {id-token: write}` in the job)"
    )


def _is_fork() -> bool | None:
    """Whether the pull request comes from a fork, as the event's own file says; ``None`` where that
    cannot be read.
    """
    try:
        with open(os.environ["GITHUB_EVENT_PATH"], encoding="utf-8") as file:
            event: Any = parse_json(file.read(_MOST_OF_EVENT + 1), most=_MOST_OF_EVENT)
        fork = event["pull_request"]["head"]["repo"]["fork"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if isinstance(fork, bool):
        return fork
    return None


def _payload(identity: Secret) -> dict[str, object]:
    import base64

    try:
        _, payload, _ = identity.reveal().split(".")
        document = parse_json(base64.urlsafe_b64decode(payload + "=="))
    except ValueError:
        return {}
    if isinstance(document, dict):
        return document
    return {}
