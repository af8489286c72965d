"""Providers on stand-ins for the vendors' tools, which answer in the vendors' documented formats.

- aws: https://docs.aws.amazon.com/cli/latest/reference/codeartifact/get-authorization-token.html
  ("Output"), and ``cli_timestamp_format`` in
  https://docs.aws.amazon.com/cli/latest/topic/config-vars.html
- gcloud: https://cloud.google.com/artifact-registry/docs/python/authentication; the document of
  ``config-helper`` is that of google-auth's ``tests/data/cloud_sdk_config.json``
- az: https://learn.microsoft.com/cli/azure/authenticate-azure-cli ("Refresh tokens", "Example
  output")
- GitLab: https://docs.gitlab.com/user/packages/pypi_repository/,
https://docs.gitlab.com/ci/variables/predefined_variables/
"""

from __future__ import annotations

import json
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poetry_repo_plugin.core import expiry
from poetry_repo_plugin.core.errors import Cause
from poetry_repo_plugin.credentials.base import (
    BASIC,
    Answer,
    Broken,
    Credential,
    NotMine,
    Purpose,
    Query,
    Source,
)
from poetry_repo_plugin.credentials.providers.aws import AwsSource, Endpoint
from poetry_repo_plugin.credentials.providers.azure import AzureSource
from poetry_repo_plugin.credentials.providers.gcp import GcpSource
from poetry_repo_plugin.credentials.providers.gitlab import GitlabSource
from tests.credentials.stand_ins import StandIn, path_with

AWS = Query(
    "aws",
    "https://my-domain-111122223333.d.codeartifact.eu-central-1.amazonaws.com/pypi/repo/simple/",
)
GCP = Query("gcp", "https://europe-west3-python.pkg.dev/project/repo/simple/")
AZURE = Query("azure", "https://pkgs.dev.azure.com/org/_packaging/feed/pypi/simple/")
LATER = datetime(2099, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
TOKEN = "eyJ2ZXIiOjF9.c2VjcmV0.c2ln"


def allowed(url: str) -> bool:
    return "example.org" not in url


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is first on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", path_with(folder))
    for variable in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        monkeypatch.delenv(variable, raising=False)
    return folder


def saying(folder: Path, name: str, document: object) -> StandIn:
    text = document if isinstance(document, str) else json.dumps(document, indent=4)
    return StandIn(folder, name, f"print({text!r})")


def failing(folder: Path, name: str, stderr: str, status: int = 1) -> StandIn:
    return StandIn(folder, name, f"sys.stderr.write({stderr!r}); sys.exit({status})")


def got(answer: Answer) -> Credential:
    assert isinstance(answer, Credential), answer
    return answer


def broken(answer: Answer) -> Broken:
    assert isinstance(answer, Broken), answer
    return answer


# --- AWS CodeArtifact
# ------------------------------------------------------------------------------------------------


def test_aws_is_asked_for_the_domain_and_region_of_the_url(tools: Path) -> None:
    tool = saying(
        tools,
        "aws",
        {"authorizationToken": TOKEN, "expiration": "2099-01-02T05:04:05.123000+02:00"},
    )
    source = AwsSource()
    assert tool.calls == []
    credential = got(source.get(AWS))
    assert (credential.username, credential.secret.reveal(), credential.scheme) == (
        "aws",
        TOKEN,
        BASIC,
    )
    assert credential.expires_at == LATER.replace(microsecond=123000)
    assert (credential.source, credential.detail) == (
        "provider:aws",
        "aws codeartifact get-authorization-token, domain my-domain",
    )
    (call,) = tool.calls
    assert " ".join(call["argv"]) == (
        "codeartifact get-authorization-token --domain my-domain --domain-owner 111122223333 "
        "--region eu-central-1 --output json"
    )
    assert (call["stdin"], call["env"]["AWS_PAGER"], call["env"]["AWS_CLI_AUTO_PROMPT"]) == (
        "",
        "",
        "off",
    )


def test_aws_may_write_the_time_as_seconds(tools: Path) -> None:
    saying(tools, "aws", {"authorizationToken": TOKEN, "expiration": LATER.timestamp() + 0.5})
    assert got(AwsSource().get(AWS)).expires_at == LATER.replace(microsecond=500000)


@pytest.mark.parametrize(
    ("stderr", "cause", "why"),
    [
        (
            "\nThe SSO session associated with this profile has expired or is otherwise invalid. To refresh this SSO "
            "session run aws sso login with the corresponding profile.\n",
            Cause.CREDENTIAL_EXPIRED,
            "its session has expired",
        ),
        (
            "\nError when retrieving token from sso: Token has expired and refresh failed\n",
            Cause.CREDENTIAL_EXPIRED,
            "its session has expired",
        ),
        (
            "\nError loading SSO Token: Token for corp does not exist\n",
            Cause.CREDENTIAL_EXPIRED,
            "its session has expired",
        ),
        (
            "\nAn error occurred (AccessDeniedException) when calling the GetAuthorizationToken operation: User: "
            "arn:aws:sts::111122223333:assumed-role/r/s is not authorized to perform: codeartifact:"
            "GetAuthorizationToken on resource: arn:aws:codeartifact:eu-central-1:111122223333:domain/my-domain\n",
            Cause.CREDENTIAL_REJECTED,
            "its identity is not allowed to get a token for this repository",
        ),
        (
            '\nUnable to locate credentials. You can configure credentials by running "aws configure".\n',
            Cause.CREDENTIAL_MISSING,
            "it has no usable session",
        ),
    ],
)
def test_why_aws_gives_no_token_is_explained(
    stderr: str, cause: Cause, why: str, tools: Path
) -> None:
    failing(tools, "aws", stderr, 255)
    answer = broken(AwsSource().get(AWS))
    assert (answer.cause, answer.hint) == (cause, "aws sso login")
    assert answer.why.startswith(
        f"the AWS CLI: {why} (`aws` ended with status 255: {stderr.strip()[:60]}"
    )


def test_the_mending_command_names_the_profile_in_use(
    tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(tools, "aws", "The SSO session associated with this profile has expired")
    monkeypatch.setenv("AWS_PROFILE", "team dev")
    assert broken(AwsSource().get(AWS)).hint == "aws sso login --profile 'team dev'"


def test_a_missing_aws_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    answer = broken(AwsSource().get(AWS))
    assert answer.why == (
        "the AWS CLI is needed: aws is not on PATH; install it (https://aws.amazon.com/cli/), then run aws sso login"
    )
    assert answer.cause is Cause.CREDENTIAL_MISSING
    assert answer.hint == "aws sso login && poetry repo login aws --provider aws"
    assert AwsSource().look(AWS) == answer


def test_a_hanging_aws_is_stopped(tools: Path) -> None:
    StandIn(tools, "aws", "time.sleep(60)")
    answer = broken(AwsSource(timeout=0.5).get(AWS))
    assert answer.why == "the AWS CLI: aws did not answer within 0.5 s and was stopped"


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        (AWS.url, Endpoint("my-domain", "111122223333", "eu-central-1")),
        (
            "https://d2-111122223333.d.codeartifact.us-gov-west-1.amazonaws.com/",
            Endpoint("d2", "111122223333", "us-gov-west-1"),
        ),
        (
            "https://my-domain-111122223333.codeartifact.us-west-2.on.aws/pypi/r/",
            Endpoint("my-domain", "111122223333", "us-west-2"),
        ),
        (
            "https://vpce-0f-1a.d.codeartifact.us-west-2.vpce.amazonaws.com/pypi/d/corp-111122223333/repo/simple/",
            Endpoint("corp", "111122223333", "us-west-2"),
        ),
        (
            "https://vpce-0f-1a.d.codeartifact.us-west-2.vpce.amazonaws.com/pypi/d/corp/repo/simple/",
            None,
        ),
        (
            "https://vpce-0f-1a.d.codeartifact.us-west-2.vpce.example.com/pypi/d/corp-111122223333/repo/simple/",
            None,
        ),
        (
            "https://MY-domain-111122223333.d.codeartifact.us-west-2.amazonaws.com./pypi/r/",
            "the same",
        ),
        ("http://my-domain-111122223333.d.codeartifact.us-west-2.amazonaws.com/", None),
        ("https://my-domain-111122223333.d.codeartifact.us-west-2.amazonaws.com:8443/", None),
        (
            "https://my-domain-111122223333.d.codeartifact.us-west-2.amazonaws.com.evil.example/",
            None,
        ),
        (
            "https://evil.example/my-domain-111122223333.d.codeartifact.us-west-2.amazonaws.com/",
            None,
        ),
        ("https://x.my-domain-111122223333.d.codeartifact.us-west-2.amazonaws.com/", None),
        ("https://my-domain-111122223333.d.codeartifact.us-west-2.on.aws/", None),
        ("https://my-domain-11112222333.d.codeartifact.us-west-2.amazonaws.com/", None),
        ("not a url", None),
    ],
)
def test_only_the_exact_shape_of_codeartifacts_hosts_counts(
    url: str, endpoint: object, tools: Path
) -> None:
    tool = saying(tools, "aws", {"authorizationToken": TOKEN})
    if endpoint == "the same":
        endpoint = Endpoint("my-domain", "111122223333", "us-west-2")
    assert Endpoint.of(url) == endpoint
    answer = AwsSource().get(Query("aws", url))
    assert isinstance(answer, Credential if endpoint else NotMine)
    assert len(tool.calls) == (1 if endpoint else 0)


# --- Google Artifact Registry
# ----------------------------------------------------------------------------------------


def config_helper(**credential: object) -> dict[str, object]:
    return {
        "configuration": {
            "active_configuration": "default",
            "properties": {"core": {"account": "user@example.com", "project": "example-project"}},
        },
        "credential": credential,
        "sentinels": {"config_sentinel": "/home/example/.config/gcloud/config_sentinel"},
    }


def test_gcloud_gives_token_and_expiry(tools: Path) -> None:
    tool = saying(
        tools,
        "gcloud",
        config_helper(access_token="ya29.t0ken", token_expiry="2099-01-02T03:04:05Z"),
    )
    credential = got(GcpSource(allowed).get(GCP))
    assert (credential.username, credential.secret.reveal()) == ("oauth2accesstoken", "ya29.t0ken")
    assert (credential.expires_at, credential.source) == (LATER, "provider:gcp")
    (call,) = tool.calls
    assert call["argv"] == ["config", "config-helper", "--min-expiry=10m", "--format=json"]
    assert call["env"]["CLOUDSDK_CORE_DISABLE_PROMPTS"] == "1"


@pytest.mark.parametrize(
    ("stderr", "cause"),
    [
        (
            "ERROR: (gcloud.config.config-helper) You do not currently have an active account selected.\n"
            "Please run:\n\n  $ gcloud auth login\n\nto obtain new credentials.\n",
            Cause.CREDENTIAL_MISSING,
        ),
        (
            "ERROR: (gcloud.config.config-helper) There was a problem refreshing your current auth tokens: "
            "('invalid_grant: Bad Request', {'error': 'invalid_grant'})\nPlease run:\n\n  $ gcloud auth login\n",
            Cause.CREDENTIAL_EXPIRED,
        ),
        (
            "ERROR: (gcloud.config.config-helper) PERMISSION_DENIED: Permission 'iam.serviceAccounts.getAccessToken' "
            "denied on resource\n",
            Cause.CREDENTIAL_REJECTED,
        ),
    ],
)
def test_why_gcloud_gives_no_token_is_explained(stderr: str, cause: Cause, tools: Path) -> None:
    failing(tools, "gcloud", stderr)
    answer = broken(GcpSource(allowed).get(GCP))
    assert (answer.cause, answer.hint) == (cause, "gcloud auth login")
    assert "ERROR: (gcloud.config.config-helper)" in answer.why


OLDER = """\
if "config-helper" in sys.argv:
    {body}
elif sys.argv[1:] == ["auth", "print-access-token"]:
    print({token!r})
"""
INVALID = (
    "sys.stderr.write(\"ERROR: (gcloud.config) Invalid choice: 'config-helper'.\\n\"); sys.exit(2)"
)


@pytest.mark.parametrize("body", [INVALID, "print('Updates are available.')"])
def test_a_gcloud_without_config_helper_prints_its_token(body: str, tools: Path) -> None:
    tool = StandIn(tools, "gcloud", OLDER.format(body=body, token="ya29.an-access-token"))
    credential = got(GcpSource(allowed).get(GCP))
    assert (credential.username, credential.secret.reveal()) == (
        "oauth2accesstoken",
        "ya29.an-access-token",
    )
    assert (credential.expires_at, credential.detail) == (None, "gcloud auth print-access-token")
    assert len(tool.calls) == 2


def test_twin_or_nothing_that_is_one(tools: Path) -> None:
    StandIn(tools, "gcloud", OLDER.format(body=INVALID, token="Nobody is logged in."))
    assert "Invalid choice" in broken(GcpSource(allowed).get(GCP)).why


def test_twin_one_that_knows_it_is_believed(tools: Path) -> None:
    body = "sys.stderr.write('You do not currently have an active account selected.'); sys.exit(1)"
    tool = StandIn(tools, "gcloud", OLDER.format(body=body, token="ya29.an-access-token"))
    assert broken(GcpSource(allowed).get(GCP)).hint == "gcloud auth login"
    assert len(tool.calls) == 1


# --- Azure Artifacts
# -------------------------------------------------------------------------------------------------


def access_token(**expiry_fields: object) -> dict[str, object]:
    return {
        "accessToken": TOKEN,
        **expiry_fields,
        "subscription": "s",
        "tenant": "t",
        "tokenType": "Bearer",
    }


def test_az_is_asked_for_the_resource_of_azure_devops(tools: Path) -> None:
    document = access_token(
        expiresOn="2001-01-01 00:00:00.000000", expires_on=int(LATER.timestamp())
    )
    tool = saying(tools, "az", document)
    credential = got(AzureSource(allowed).get(AZURE))
    assert (credential.username, credential.secret.reveal()) == ("VssSessionToken", TOKEN)
    assert credential.expires_at == LATER, "expires_on is in UTC and wins over expiresOn"
    assert credential.source == "provider:azure"
    assert " ".join(tool.calls[0]["argv"]) == (
        "account get-access-token --resource 499b84ac-1321-427f-aa17-267ca6975798 --output json"
    )


def test_the_older_az_writes_local_time(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.platform == "win32":
        pytest.skip("needs a time zone that can be set")
    saying(tools, "az", access_token(expiresOn="2099-01-02 03:04:05.000000"))
    monkeypatch.setenv("TZ", "UTC-5")  # POSIX: five hours *east*
    time.tzset()
    try:
        assert got(AzureSource(allowed).get(AZURE)).expires_at == LATER - timedelta(hours=5)
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    "fields", [{}, {"expiresOn": "whenever"}, {"expires_on": "never", "expiresOn": 7}]
)
def test_az_without_a_readable_expiry_still_gives_a_token(
    fields: dict[str, object], tools: Path
) -> None:
    saying(tools, "az", access_token(**fields))
    assert got(AzureSource(allowed).get(AZURE)).expires_at is None


def test_azure_takes_any_user_name(tools: Path) -> None:
    saying(tools, "az", access_token())
    assert got(AzureSource(allowed).get(AZURE._replace(username="org"))).username == "org"


@pytest.mark.parametrize(
    ("stderr", "cause"),
    [
        ("ERROR: Please run 'az login' to setup account.\n", Cause.CREDENTIAL_MISSING),
        (
            "ERROR: AADSTS70043: The refresh token has expired or is invalid due to sign-in frequency checks by "
            "conditional access.\nInteractive authentication is needed. Please run:\naz login\n",
            Cause.CREDENTIAL_EXPIRED,
        ),
        (
            "ERROR: AADSTS50105: Your administrator has configured the application to block users.\n",
            Cause.CREDENTIAL_REJECTED,
        ),
    ],
)
def test_why_az_gives_no_token_is_explained(stderr: str, cause: Cause, tools: Path) -> None:
    failing(tools, "az", stderr)
    answer = broken(AzureSource(allowed).get(AZURE))
    assert (answer.cause, answer.hint) == (cause, "az login")
    assert stderr.splitlines()[0][:60] in answer.why


# --- what the three have in common
# -----------------------------------------------------------------------------------

VENDORS = [
    ("aws", AwsSource(), AWS),
    ("gcloud", GcpSource(allowed), GCP),
    ("az", AzureSource(allowed), AZURE),
]


@pytest.mark.parametrize(("name", "source", "query"), VENDORS)
@pytest.mark.parametrize(
    "output",
    [
        "",
        "[]",
        "null",
        "Oops",
        "{}",
        '{"authorizationToken": 7, "credential": {"access_token": 7}, "accessToken": 7}',
        '{"authorizationToken": "a b", "credential": {"access_token": "a\\nb"}, "accessToken": "\\ud800"}',
        '{"credential": "x"}',
        "[" * 100_000,
    ],
)
def test_an_answer_without_a_token_is_broken(
    name: str, source: Source, query: Query, output: str, tools: Path
) -> None:
    (tools / "answer").write_text(output)
    StandIn(tools, name, f"sys.stdout.write(open({str(tools / 'answer')!r}).read())")
    answer = broken(source.get(query))
    assert answer.why.endswith(("did not answer with a JSON object", "the answer holds no token"))
    assert answer.hint


@pytest.mark.parametrize(("name", "source", "query"), VENDORS)
def test_a_token_that_has_expired_is_broken(
    name: str, source: Source, query: Query, tools: Path
) -> None:
    past = "2020-01-02T03:04:05Z"
    document = {
        "authorizationToken": TOKEN,
        "expiration": past,
        "accessToken": TOKEN,
        "expires_on": 1577934245,
    }
    saying(tools, name, {**document, "credential": {"access_token": TOKEN, "token_expiry": past}})
    answer = broken(source.get(query))
    assert answer.cause is Cause.CREDENTIAL_EXPIRED
    assert TOKEN not in answer.why


@pytest.mark.parametrize(("name", "source", "query"), VENDORS)
def test_a_token_never_leaves_the_vendors_hosts(
    name: str, source: Source, query: Query, tools: Path
) -> None:
    tool = saying(tools, name, {})
    for other in (
        query._replace(url="https://packages.example.org/simple/"),
        query._replace(url=query.url.replace("https:", "http:")),
        query._replace(url="nonsense"),
        query._replace(purpose=Purpose.GIT),
    ):
        assert isinstance(source.get(other), NotMine)
    assert tool.calls == []


@pytest.mark.parametrize(("name", "source", "query"), VENDORS[:2])
def test_another_users_name_is_not_theirs(
    name: str, source: Source, query: Query, tools: Path
) -> None:
    tool = saying(tools, name, {})
    assert isinstance(source.get(query._replace(username="alice")), NotMine)
    assert tool.calls == []


@pytest.mark.parametrize(("name", "source", "query"), VENDORS)
def test_the_tools_get_no_secret_of_ours(
    name: str, source: Source, query: Query, tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POETRY_HTTP_BASIC_OTHER_PASSWORD", "hunter2")
    tool = saying(tools, name, {"authorizationToken": TOKEN, "credential": {"access_token": TOKEN}})
    source.get(query)
    assert "hunter2" not in json.dumps(tool.calls)


# --- GitLab
# ----------------------------------------------------------------------------------------------------------

JOB = {
    "GITLAB_CI": "true",
    "CI_JOB_TOKEN": "glcbt-64_x",
    "CI_SERVER_URL": "https://gitlab.example.com",
    "CI_API_V4_URL": "https://gitlab.example.com/api/v4",
}
GITLAB = Query("gitlab", "https://gitlab.example.com/api/v4/projects/7/packages/pypi/simple")


def test_the_job_token_serves_the_gitlab_that_runs_the_job() -> None:
    credential = got(GitlabSource(JOB).get(GITLAB))
    assert (credential.username, credential.secret.reveal()) == ("gitlab-ci-token", "glcbt-64_x")
    assert (credential.source, credential.detail, credential.expires_at) == (
        "provider:gitlab",
        "CI_JOB_TOKEN",
        None,
    )


@pytest.mark.parametrize("variable", ["CI_SERVER_URL", "CI_API_V4_URL"])
def test_either_variable_says_which_gitlab_that_is(variable: str) -> None:
    environ = {"CI_JOB_TOKEN": "t", variable: JOB[variable]}
    got(GitlabSource(environ).get(GITLAB))


def test_a_job_that_knows_its_host_only_knows_its_gitlab() -> None:
    """Without CI_SERVER_URL."""
    environ = {"CI_JOB_TOKEN": "t", "CI_SERVER_HOST": "gitlab.example.com"}
    got(GitlabSource(environ).get(GITLAB))
    environ.update(CI_SERVER_PROTOCOL="https", CI_SERVER_PORT="8443")
    assert isinstance(GitlabSource(environ).get(GITLAB), NotMine)
    got(GitlabSource(environ).get(GITLAB._replace(url=GITLAB.url.replace(".com/", ".com:8443/"))))


@pytest.mark.parametrize(
    "variables",
    [
        {"CI_SERVER_URL": "http://gitlab.example.com"},
        {
            "CI_SERVER_PROTOCOL": "http",
            "CI_SERVER_HOST": "gitlab.example.com",
            "CI_SERVER_PORT": "80",
        },
    ],
)
def test_over_http_where_the_job_itself_knows_it_so(variables: dict[str, str]) -> None:
    source = GitlabSource({"CI_JOB_TOKEN": "t", **variables})
    plain = GITLAB._replace(url=GITLAB.url.replace("https:", "http:"))
    got(source.get(plain))
    assert isinstance(source.get(GITLAB), NotMine), "and https is another origin"
    assert isinstance(
        source.get(plain._replace(url=plain.url.replace(".com/", ".com:8080/"))), NotMine
    )


@pytest.mark.parametrize(
    ("environ", "query"),
    [
        ({}, GITLAB),
        ({**JOB, "CI_JOB_TOKEN": ""}, GITLAB),
        ({**JOB, "CI_JOB_TOKEN": "a\nb"}, GITLAB),
        ({"CI_JOB_TOKEN": "t"}, GITLAB),
        ({"CI_JOB_TOKEN": "t", "CI_SERVER_URL": "nonsense"}, GITLAB),
        (JOB, GITLAB._replace(url="https://gitlab.example.org/api/v4/")),
        (JOB, GITLAB._replace(url="https://gitlab.example.com:8443/api/v4/")),
        (JOB, GITLAB._replace(url="https://gitlab.example.com.evil.example/api/v4/")),
        (JOB, GITLAB._replace(url="http://gitlab.example.com/api/v4/")),
        (
            {**JOB, "CI_SERVER_URL": "http://gitlab.example.com"},
            GITLAB._replace(url="http://gitlab.example.com/api"),
        ),
        (
            {"CI_JOB_TOKEN": "t", "CI_SERVER_URL": "https://example.com/gitlab"},
            GITLAB._replace(url="https://example.com/other/simple"),
        ),
        (JOB, GITLAB._replace(purpose=Purpose.GIT)),
        (JOB, GITLAB._replace(username="alice")),
    ],
)
def test_the_job_token_serves_nothing_else(environ: dict[str, str], query: Query) -> None:
    assert isinstance(GitlabSource(environ).get(query), NotMine)


def test_the_jobs_own_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in JOB.items():
        monkeypatch.setenv(variable, value)
    got(GitlabSource().get(GITLAB))
    monkeypatch.delenv("CI_JOB_TOKEN")
    assert isinstance(GitlabSource().get(GITLAB), NotMine)


# --- times
# -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2099-01-02T03:04:05Z", LATER),
        ("2099-01-02T03:04:05z", LATER),
        (" 2099-01-02 03:04:05 ", LATER),
        ("2099-01-02T03:04:05.123456789Z", LATER.replace(microsecond=123456)),
        ("2099-01-02T03:04:05.1Z", LATER.replace(microsecond=100000)),
        ("2099-01-01T19:04:05-08:00", LATER),
        ("0001-01-01T00:00:00+14:00", None),
        ("soon", None),
        ("", None),
    ],
)
def test_times_as_the_vendors_write_them(text: str, moment: datetime | None) -> None:
    assert expiry.from_text(text) == moment


@given(st.text() | st.none() | st.booleans() | st.integers() | st.floats() | st.lists(st.none()))
def test_whatever_is_no_time_is_none(value: object) -> None:
    moment = expiry.from_json(value)
    assert moment is None or moment.utcoffset() == timedelta(0)
    assert expiry.from_json(True) is None
    if isinstance(value, str):
        local = expiry.from_local_text(value)
        assert local is None or local.utcoffset() == timedelta(0)
