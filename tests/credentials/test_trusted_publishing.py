"""Trusted publishing against a real index and a real CI's token service, both on this machine.

Protocol and answers: https://github.com/pypi/warehouse (``docs/user/trusted-publishers/``,
``warehouse/oidc/views.py``) and https://github.com/pypa/gh-action-pypi-publish
(``oidc-exchange.py``); GitHub's token service:
https://docs.github.com/actions/reference/security/oidc.
"""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from urllib3.util import parse_url

from poetry_repo_plugin.core import servers
from poetry_repo_plugin.core.errors import Cause, Failure, InputError
from poetry_repo_plugin.core.hints import command
from poetry_repo_plugin.core.origin import Origin
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.credentials import ci_identity
from poetry_repo_plugin.credentials.base import (
    BASIC,
    Answer,
    Broken,
    Credential,
    NotMine,
    Purpose,
    Query,
)
from poetry_repo_plugin.credentials.trusted_publishing import (
    TrustedPublishingSource,
    mask_lines,
    may_ask_for,
)
from tests.credentials.stand_ins import StandIn, path_with

GITHUB_CLAIMS = {
    "sub": "repo:octo-org/example:environment:release",
    "iss": "https://token.actions.githubusercontent.com",
    "repository": "octo-org/example",
    "repository_owner": "octo-org",
    "repository_owner_id": "65",
    "workflow_ref": "octo-org/example/.github/workflows/release.yml@refs/tags/v1",
    "job_workflow_ref": "octo-org/example/.github/workflows/release.yml@refs/tags/v1",
    "ref": "refs/tags/v1",
    "environment": "release",
    "actor": "not compared by the index",
}
PYPI = "pypi.org"
LATER = datetime(2099, 1, 2, 3, 4, 5, tzinfo=timezone.utc)


def jwt(**claims: object) -> str:
    """A JSON web token as a CI issues it (RFC 7519); nobody here checks its signature."""
    parts = [json.dumps({"alg": "RS256", "typ": "JWT"}), json.dumps(claims), "signature"]
    return ".".join(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)


class Index:
    """An index that offers trusted publishing, and a CI's token service beside it."""

    def __init__(self) -> None:
        self.audience: tuple[int, object] = (200, {"audience": "corp"})
        self.minted: tuple[int, object] = (200, {"success": True, "token": "pypi-minted"})
        self.claims: dict[str, object] = dict(GITHUB_CLAIMS)
        self.identity_status = 200
        self.seen: list[tuple[str, str, object]] = []
        self.origin = ""

    @property
    def query(self) -> Query:
        return Query("corp", f"{self.origin}/legacy/?x=1", Purpose.PUBLISH)

    def answer(self, method: str, path: str, body: object) -> tuple[int, object]:
        self.seen.append((method, path, body))
        where = urlsplit(path)
        if (method, where.path) == ("GET", "/_/oidc/audience"):
            return self.audience
        if (method, where.path) == ("POST", "/_/oidc/mint-token"):
            return self.minted
        if (method, where.path) == ("GET", "/ci/token"):
            token = jwt(**self.claims, aud=parse_qs(where.query)["audience"][0])
            return self.identity_status, {"value": token}
        return 404, "no such page"


@pytest.fixture
def index() -> Iterator[Index]:
    state = Index()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            status, document = state.answer(self.command, self.path, body)
            page = (document if isinstance(document, str) else json.dumps(document)).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        do_POST = do_GET

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    state.origin = f"http://127.0.0.1:{server.server_port}"
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


def request(method: str, url: str, json: object = None) -> tuple[int, object]:
    """What the caller passes in: here a plain session, without proxies or redirects."""
    import requests

    with requests.Session() as session:
        session.trust_env = False
        answer = session.request(method, url, json=json, timeout=5, allow_redirects=False)
    try:
        return answer.status_code, answer.json()
    except ValueError:
        return answer.status_code, answer.text


@pytest.fixture(autouse=True)
def no_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the CI that runs these tests nor one that a developer has played."""
    for variable in (
        *(
            "GITHUB_ACTIONS",
            "GITHUB_EVENT_NAME",
            "GITHUB_EVENT_PATH",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
        ),
        *("ACTIONS_ID_TOKEN_REQUEST_URL", "GITLAB_CI", "CORP_ID_TOKEN", "BUILDKITE", "CIRCLECI"),
        *("GOOGLE_SERVICE_ACCOUNT_NAME", "BUILDER_OUTPUT", "CLOUD_RUN_JOB"),
    ):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def github(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job of GitHub Actions with ``id-token: write``."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "runner-secret")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", f"{index.origin}/ci/token?api-version=2.0")


def got(answer: Answer) -> Credential:
    assert isinstance(answer, Credential), answer
    return answer


def broken(answer: Answer) -> Broken:
    assert isinstance(answer, Broken), answer
    return answer


def not_mine(answer: Answer) -> str:
    assert isinstance(answer, NotMine), answer
    return answer.why


SOURCE = TrustedPublishingSource(request, allowed="corp")


# --- the exchange
# ----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("github")
def test_a_jobs_identity_is_exchanged_for_an_upload_token(index: Index) -> None:
    index.minted = (
        200,
        {"success": True, "token": "pypi-minted", "expires": int(LATER.timestamp())},
    )
    assert (SOURCE.available(), SOURCE.name, index.seen) == ("GitHub Actions", "provider:oidc", [])
    credential = got(SOURCE.get(index.query))
    assert (credential.username, credential.secret.reveal(), credential.scheme) == (
        "__token__",
        "pypi-minted",
        BASIC,
    )
    assert (credential.source, credential.expires_at) == ("provider:oidc", LATER)
    assert credential.detail == "trusted publishing (GitHub Actions)"
    identity = jwt(**GITHUB_CLAIMS, aud="corp")
    assert index.seen == [
        ("GET", "/_/oidc/audience", None),
        ("GET", "/ci/token?api-version=2.0&audience=corp", None),
        ("POST", "/_/oidc/mint-token", {"token": identity}),
    ]


@pytest.mark.usefixtures("github")
def test_an_index_that_does_not_say_when_the_token_ends(index: Index) -> None:
    assert got(SOURCE.get(index.query)).expires_at is None


@pytest.mark.usefixtures("github")
def test_a_refusal_tells_the_reasons_and_the_claims_and_never_the_token(index: Index) -> None:
    identity = jwt(**GITHUB_CLAIMS, aud="corp")
    reason = {
        "code": "invalid-publisher",
        "description": f"valid token {identity}, but no corresponding publisher",
    }
    index.minted = (422, {"message": "Token request failed", "errors": [reason]})
    answer = broken(SOURCE.get(index.query))
    assert answer.cause is Cause.CREDENTIAL_REJECTED
    assert answer.why == (
        f"{index.origin} refused to trust this job: invalid-publisher (valid token ****, but no corresponding "
        "publisher); the claims it saw: sub=repo:octo-org/example:environment:release, "
        "iss=https://token.actions.githubusercontent.com, aud=corp, repository=octo-org/example, "
        "repository_owner=octo-org, repository_owner_id=65, "
        "workflow_ref=octo-org/example/.github/workflows/release.yml@refs/tags/v1, "
        "job_workflow_ref=octo-org/example/.github/workflows/release.yml@refs/tags/v1, ref=refs/tags/v1, "
        "environment=release"
    )
    assert not any(part in answer.why for part in identity.split("."))


@pytest.mark.usefixtures("github")
def test_a_refused_reusable_workflow_is_named_as_such(index: Index) -> None:
    index.claims["job_workflow_ref"] = (
        "octo-org/shared/.github/workflows/publish.yml@refs/heads/main"
    )
    index.minted = (422, {"message": "no", "errors": []})
    why = broken(SOURCE.get(index.query)).why
    assert "refused to trust this job: no; the claims" in why
    assert why.endswith(
        "the job runs in a reusable workflow, whose own name is what the index compares"
    )


@pytest.mark.usefixtures("github")
@pytest.mark.parametrize(
    ("minted", "cause", "why"),
    [
        ((503, "<h1>maintenance</h1>"), Cause.SERVER_ERROR, "answered 503 without a reason"),
        ((422, []), Cause.CREDENTIAL_REJECTED, "answered 422 without a reason"),
        ((500, {"errors": "x"}), Cause.SERVER_ERROR, "no reason given"),
        (
            (403, {"errors": ["x", {"code": "not-enabled"}]}),
            Cause.CREDENTIAL_REJECTED,
            "not-enabled (no description)",
        ),
        (
            (200, {"success": False, "errors": [{}]}),
            Cause.CREDENTIAL_REJECTED,
            "unknown (no description)",
        ),
        ((200, {"success": True}), Cause.SERVER_ERROR, "something that is no upload token"),
        (
            (200, {"success": True, "token": "a\nb"}),
            Cause.SERVER_ERROR,
            "something that is no upload token",
        ),
    ],
)
def test_an_index_that_does_not_keep_to_the_protocol_is_named(
    minted: tuple[int, object], cause: Cause, why: str, index: Index
) -> None:
    index.minted = minted
    answer = broken(SOURCE.get(index.query))
    assert answer.cause is cause
    assert why in answer.why


@pytest.mark.usefixtures("github")
@pytest.mark.parametrize(
    ("audience", "why"),
    [
        ((404, "no such page"), "does not offer trusted publishing"),
        ((401, "who are you?"), "does not offer trusted publishing"),
        ((403, "<h1>sign in</h1>"), "does not offer trusted publishing"),
        ((302, ""), "does not offer trusted publishing"),
        ((200, "<h1>sign in</h1>"), "does not offer trusted publishing"),
        ((200, {"audience": ""}), "does not offer trusted publishing"),
        (
            (403, {"message": "Trusted publishing functionality not enabled"}),
            "has trusted publishing disabled",
        ),
    ],
)
def test_an_index_without_trusted_publishing_gets_no_identity(
    audience: tuple[int, object], why: str, index: Index
) -> None:
    index.audience = audience
    assert not_mine(SOURCE.get(index.query)) == f"{index.origin} {why}"
    assert len(index.seen) == 1


@pytest.mark.usefixtures("github")
def test_an_index_that_fails_is_not_taken_for_one_without(index: Index) -> None:
    index.audience = (503, "later")
    answer = broken(SOURCE.get(index.query))
    assert (answer.why, answer.cause) == (
        f"{index.origin} answered 503 when asked for its audience",
        Cause.SERVER_ERROR,
    )


# --- when it does not apply
# ------------------------------------------------------------------------------------------


def refuse_to_ask(method: str, url: str, json: object = None) -> tuple[int, object]:
    raise AssertionError("nobody should be asked")


@pytest.mark.usefixtures("github")
def test_it_serves_uploads_of_the_token_user_over_https_only(index: Index) -> None:
    source = TrustedPublishingSource(refuse_to_ask)
    assert not_mine(source.get(index.query._replace(purpose=Purpose.INDEX))) == "only for uploads"
    assert (
        not_mine(source.get(index.query._replace(username="alice"))) == "its user name is __token__"
    )
    plain = index.query._replace(url="http://packages.example.com/legacy/")
    assert not_mine(source.get(plain)) == "an identity is never sent over plain http"
    assert "not an http or https URL" in not_mine(source.get(index.query._replace(url="ftp://x")))


def test_outside_a_ci_nobody_is_asked(index: Index) -> None:
    source = TrustedPublishingSource(refuse_to_ask)
    assert source.available() is None
    assert not_mine(source.get(index.query)) == "this CI has no identity tokens"


def test_always_looks_for_an_identity_even_so(index: Index) -> None:
    source = TrustedPublishingSource(request, always=True, allowed="corp")
    assert not_mine(source.get(index.query)) == "no identity token was found in this environment"
    assert [path for _, path, _ in index.seen] == ["/_/oidc/audience"]


@pytest.mark.parametrize(
    ("variable", "title"),
    [
        ("GITHUB_ACTIONS", "GitHub Actions"),
        ("GITLAB_CI", "GitLab CI"),
        ("BUILDKITE", "Buildkite"),
        ("CIRCLECI", "CircleCI"),
        ("GOOGLE_SERVICE_ACCOUNT_NAME", "Google Cloud"),
    ],
)
def test_a_ci_is_known_by_its_environment(
    variable: str, title: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "true")
    assert SOURCE.available() == title


@pytest.mark.usefixtures("github")
@pytest.mark.parametrize(
    ("error", "cause", "hint"),
    [
        (
            Failure(Cause.UNKNOWN_CA, "no", repository="c", host="h", hint=command("mend")),
            Cause.UNKNOWN_CA,
            "mend",
        ),
        (InputError("no", command("mend")), Cause.SERVER_ERROR, "mend"),
        (TimeoutError("no"), Cause.TIMEOUT, None),
        (ConnectionResetError("no"), Cause.REFUSED, None),
    ],
)
def test_an_index_that_cannot_be_reached_keeps_its_cause(
    error: Exception, cause: Cause, hint: str | None, index: Index
) -> None:
    def failing(method: str, url: str, json: object = None) -> tuple[int, object]:
        raise error

    answer = broken(TrustedPublishingSource(failing).get(index.query))
    assert (answer.cause, answer.hint) == (cause, hint)
    assert "no" in answer.why


@pytest.mark.usefixtures("github")
def test_nobody_listening_is_said(index: Index) -> None:
    with closed_port() as port:
        answer = broken(SOURCE.get(index.query._replace(url=f"http://127.0.0.1:{port}/legacy/")))
    assert answer.cause is Cause.REFUSED
    assert f"http://127.0.0.1:{port} could not be asked for an upload token" in answer.why


@pytest.mark.usefixtures("github")
def test_an_index_that_goes_away_between_the_questions_is_said(index: Index) -> None:
    def half(method: str, url: str, json: object = None) -> tuple[int, object]:
        if method == "POST":
            raise ConnectionResetError("gone")
        return request(method, url, json)

    assert (
        broken(TrustedPublishingSource(half, allowed="corp").get(index.query)).cause
        is Cause.REFUSED
    )


@contextmanager
def closed_port() -> Iterator[int]:
    """A port that is ours and on which nobody listens."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield reserved.getsockname()[1]


# --- the identity
# ----------------------------------------------------------------------------------------------------


def test_a_missing_id_token_permission_is_explained(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_EVENT_NAME", "push")
    answer = broken(SOURCE.get(index.query))
    assert answer.why == (
        "GitHub issued no identity token: the job lacks the permission `id-token: write` "
        "(`permissions: {id-token: write}` in the job)"
    )
    assert answer.cause is Cause.CREDENTIAL_MISSING


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"pull_request": {"head": {"repo": {"fork": True}}}}, "pull requests from forks"),
        ({"pull_request": {"head": {"repo": {"fork": False}}}}, "lacks the permission"),
        ({"pull_request": {"head": {"repo": None}}}, "pull requests from forks"),
        ({"pull_request": {"head": {"repo": {"fork": "?"}}}}, "pull requests from forks"),
        (None, "pull requests from forks"),
    ],
)
def test_a_pull_request_from_a_fork_is_explained(
    event: object, expected: str, index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_EVENT_NAME", "pull_request")
    if event is not None:
        path = tmp_path / "event.json"
        path.write_text(json.dumps(event))
        monkeypatch.setenv("GITHUB_EVENT_PATH", str(path))
    assert expected in broken(SOURCE.get(index.query)).why


@pytest.mark.usefixtures("github")
def test_a_token_service_that_fails_is_told(index: Index) -> None:
    index.identity_status = 500
    why = broken(SOURCE.get(index.query)).why
    assert why == "the identity token could not be obtained: GitHub answered 500"
    assert jwt(**GITHUB_CLAIMS, aud="corp") not in why


def test_what_the_library_lets_pass_is_told_too(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "t")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", "gopher://nowhere")
    assert broken(SOURCE.get(index.query)).why.startswith(
        "the identity token could not be obtained: "
    )


def test_gitlab_hands_its_token_over_in_a_variable(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity = jwt(sub="project_path:g/p:ref_type:tag:ref:v1", aud="corp", project_path="g/p")
    monkeypatch.setenv("GITLAB_CI", "true")
    monkeypatch.setenv("CORP_ID_TOKEN", identity)
    assert got(SOURCE.get(index.query)).detail == "trusted publishing (GitLab CI)"
    assert index.seen[-1] == ("POST", "/_/oidc/mint-token", {"token": identity})


def test_a_gitlab_job_without_the_token_is_told_what_to_declare(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITLAB_CI", "true")
    assert broken(SOURCE.get(index.query)).why == (
        "the variable CORP_ID_TOKEN is not set: declare it in the job, with "
        "`id_tokens: {CORP_ID_TOKEN: {aud: corp}}` in .gitlab-ci.yml"
    )


@pytest.mark.parametrize("identity", [jwt(aud=["corp", "other"]), jwt(aud=["corp"])])
def test_a_token_for_several_is_for_the_index_to_judge(
    identity: str, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITLAB_CI", "true")
    monkeypatch.setenv("CORP_ID_TOKEN", identity)
    got(SOURCE.get(index.query))
    assert index.seen[-1] == ("POST", "/_/oidc/mint-token", {"token": identity})


@pytest.mark.parametrize(
    "identity",
    [
        *(jwt(aud="other"), jwt(sub="x"), jwt(aud=["other", "corp2"]), jwt(aud={"corp": 1})),
        *("0paque", "a.b.c", "a.W10.c"),
    ],
)
def test_a_gitlab_token_for_another_audience_or_one_that_cannot_be_read_is_not_sent(
    identity: str, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITLAB_CI", "true")
    monkeypatch.setenv("CORP_ID_TOKEN", identity)
    assert (
        broken(SOURCE.get(index.query)).why
        == "the token in CORP_ID_TOKEN was not issued for 'corp'"
    )
    assert len(index.seen) == 1


@pytest.mark.parametrize(
    ("audience", "variable"),
    [
        ("pypi", "PYPI_ID_TOKEN"),
        ("http://test.audience", "HTTP___TEST_AUDIENCE_ID_TOKEN"),
        ("7up-x", "_UP_X_ID_TOKEN"),
    ],
)
def test_gitlabs_variable_is_named_as_the_library_names_it(
    audience: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import id as identity_library

    assert ci_identity.gitlab_variable(audience) == variable
    monkeypatch.setenv("GITLAB_CI", "true")
    monkeypatch.setenv(variable, jwt(aud=audience))
    assert identity_library.detect_credential(audience) == jwt(aud=audience)


@pytest.mark.parametrize(
    ("variable", "tool", "arguments"),
    [
        ("BUILDKITE", "buildkite-agent", ["oidc", "request-token", "--audience", "corp"]),
        (
            "CIRCLECI",
            "circleci",
            ["run", "oidc", "get", "--claims", '{"aud": "corp"}', "--root-issuer"],
        ),
    ],
)
def test_the_other_cis_are_asked_through_their_own_tool(
    variable: str,
    tool: str,
    arguments: list[str],
    index: Index,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    identity = jwt(sub="x", aud="corp")
    agent = StandIn(tmp_path, tool, f"print({identity!r})")
    monkeypatch.setenv("PATH", path_with(tmp_path))
    monkeypatch.setenv(variable, "true")
    assert got(SOURCE.get(index.query)).secret.reveal() == "pypi-minted"
    assert [call["argv"] for call in agent.calls] == [arguments]
    assert index.seen[-1][2] == {"token": identity}


def test_an_agent_that_is_not_there_is_told(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("BUILDKITE", "true")
    assert broken(SOURCE.get(index.query)).why == (
        "the identity token could not be obtained: buildkite-agent is not on PATH"
    )


@pytest.mark.parametrize(
    ("variable", "tool"), [("BUILDKITE", "buildkite-agent"), ("CIRCLECI", "circleci")]
)
def test_on_a_runner_in_googles_cloud_the_jobs_identity_counts_and_not_the_machines(
    variable: str, tool: str, index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`id` would ask Google's metadata service first."""
    agent = StandIn(tmp_path, tool, f"print({jwt(sub='x', aud='corp')!r})")
    monkeypatch.setenv("PATH", path_with(tmp_path))
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT_NAME", "machine@example.com")
    monkeypatch.setenv(variable, "true")
    assert got(SOURCE.get(index.query)).secret.reveal() == "pypi-minted"
    assert len(agent.calls) == 1


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("sys.exit('no agent token')", "`buildkite-agent` ended with status 1: no agent token"),
        (
            f"print({jwt(aud='other')!r})",
            "what `buildkite-agent` printed was not issued for 'corp'",
        ),
        ("print('<html>')", "what `buildkite-agent` printed is not a token"),
        ("sys.stdout.buffer.write(b'\\xff')", "what `buildkite-agent` printed is not a token"),
        ("pass", "what `buildkite-agent` printed is not a token"),
    ],
)
def test_an_agent_that_gives_no_identity_is_told(
    body: str, told: str, index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    StandIn(tmp_path, "buildkite-agent", body)
    monkeypatch.setenv("PATH", path_with(tmp_path))
    monkeypatch.setenv("BUILDKITE", "true")
    assert told in broken(SOURCE.get(index.query)).why
    assert len(index.seen) == 1


# --- for whom an identity is made out
# ---------------------------------------------------------------------------------


HOST = "packages.example.com"
UPLOAD = f"https://{HOST}"


@pytest.mark.parametrize(
    ("audience", "url"),
    [
        (HOST, UPLOAD),
        (HOST.upper(), UPLOAD),
        (f"{HOST}:443", UPLOAD),
        (UPLOAD, UPLOAD),
        (f"{UPLOAD}:443/legacy/", UPLOAD),
        (f"{UPLOAD}/team-a/legacy/", UPLOAD),
        (HOST, f"{UPLOAD}:8443"),
        (f"{HOST}:8443", f"{UPLOAD}:8443"),
        (f"{UPLOAD}:8443/x", f"{UPLOAD}:8443"),
        ("[::1]", "https://[::1]:8443"),
        ("xn--bcher-kva.example", "https://bücher.example"),
        ("pypi", servers.publish_url_of(f"https://{PYPI}/simple/")),
        ("testpypi", servers.publish_url_of(f"https://test.{PYPI}/simple/")),
    ],
)
def test_an_audience_that_is_the_indexs_own_name_is_granted(audience: str, url: str) -> None:
    assert may_ask_for(audience, Origin.of(url))


@pytest.mark.parametrize(
    ("audience", "url"),
    [
        ("", UPLOAD),
        ("corp", UPLOAD),
        ("pypi", UPLOAD),
        ("PyPI", UPLOAD),
        ("pypi", f"http://upload.{PYPI}"),
        ("pypi", f"https://upload.{PYPI}:8443"),
        ("pypi", f"https://upload.{PYPI}.example.com"),
        ("pypi", f"https://test.{PYPI}"),
        ("testpypi", f"https://upload.{PYPI}"),
        ("pypi", "http://localhost:8080"),
        ("https://example.org", "http://127.0.0.1:8080"),
        ("sigstore", "https://sigstore.dev"),
        ("npm:registry.npmjs.org", UPLOAD),
        ("urn:pulumi:org:acme", UPLOAD),
        ("AzureADTokenExchange", UPLOAD),
        ("api://AzureADTokenExchange", UPLOAD),
        ("sts.amazonaws.com", UPLOAD),
        ("sts.amazonaws.com.", UPLOAD),
        (
            "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/g",
            UPLOAD,
        ),
        ("https://example.com", UPLOAD),
        (f"https://auth.{HOST}", UPLOAD),
        (f"//{HOST}", UPLOAD),
        (f"http://{HOST}", UPLOAD),
        (f"{HOST}.", UPLOAD),
        (f"{UPLOAD}.", UPLOAD),
        (f"{UPLOAD}.example.org", UPLOAD),
        (f"{UPLOAD}@example.org", UPLOAD),
        (f"{UPLOAD}:443@example.org", UPLOAD),
        (f"https://user@{HOST}", UPLOAD),
        (f"https://example.org/@{HOST}", UPLOAD),
        (f"https://example.org#{HOST}", UPLOAD),
        (f"{UPLOAD}\\@example.org", UPLOAD),
        (f"{UPLOAD}:8443", UPLOAD),
        (f"{HOST}:8443", UPLOAD),
        (f"{UPLOAD}:0443", UPLOAD),
        (UPLOAD, f"{UPLOAD}:8443"),
        (f"{UPLOAD}/?x", UPLOAD),
        (f"{UPLOAD}\n", UPLOAD),
        (f"\n{UPLOAD}", UPLOAD),
        (f" {UPLOAD}", UPLOAD),
        (f"{HOST} sts.amazonaws.com", UPLOAD),
        ("bücher.example", "https://bücher.example"),
        (HOST.replace("k", "\u212a"), UPLOAD),  # the Kelvin sign, which is k in another case
        (HOST.replace("s", "\u017f"), UPLOAD),
        ("packagesXexample.com", UPLOAD),
    ],
)
def test_any_other_audience_is_somebody_elses_until_the_user_sets_it(
    audience: str, url: str
) -> None:
    assert not may_ask_for(audience, Origin.of(url))
    if audience:
        assert may_ask_for(audience, Origin.of(url), audience)
        assert not may_ask_for(audience, Origin.of(url), f"{audience}x")


@given(st.text(alphabet=f"{HOST}:/@.#?\\%[]-_ 0148SK\u212a\u017f\u3002\n", max_size=60))
@example(f"{UPLOAD}/@example.org")
def test_what_is_granted_leads_every_reader_to_the_upload_host(audience: str) -> None:
    """Read as a URL, and as a host, by parsers of others."""
    origin = Origin.of(UPLOAD)
    if not may_ask_for(audience, origin):
        return
    url = audience if audience.lower().startswith("https://") else f"https://{audience}"
    parts, other = urlsplit(url), parse_url(url)
    assert {parts.hostname, other.host} == {HOST}
    assert {parts.port or 443, other.port or 443} == {443}
    assert (parts.username, parts.password, other.auth) == (None, None, None)
    assert audience.isascii()
    assert audience.isprintable()


@given(
    st.sampled_from(["", "https://", "http://", "//", "HTTPS://", "api://"]),
    st.sampled_from(
        ["", "user@", f"{HOST}@", f"{HOST}:443@", "example.org/", "example.org#", "example.org\\"]
    ),
    st.sampled_from(
        [HOST, f"{HOST}.", "example.org", f"x.{HOST}", f"{HOST}.example.org", HOST.title()]
    ),
    st.sampled_from(["", ":443", ":0", ":8443", ":", ":443:", ":443@example.org"]),
    st.sampled_from(["", "/", "/x", "?", "#", "/@example.org", "\\@example.org", "\0", "\r\n"]),
)
def test_only_plain_spellings_of_the_host_are_granted(
    scheme: str, before: str, host: str, port: str, after: str
) -> None:
    granted = may_ask_for(f"{scheme}{before}{host}{port}{after}", Origin.of(UPLOAD))
    plain = before == "" and host.lower() == HOST and port in ("", ":443")
    if scheme == "":
        assert granted is (plain and after == "")
    else:
        assert granted is (plain and scheme.lower() == "https://" and after in ("", "/", "/x"))


def test_a_strangers_audience_is_told_and_nothing_is_sent(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITLAB_CI", "true")
    monkeypatch.setenv("PYPI_ID_TOKEN", jwt(aud="pypi"))
    index.audience = (200, {"audience": "pypi"})
    host = "https://packages.example.com"

    def ask(method: str, url: str, json: object = None) -> tuple[int, object]:
        return request(method, url.replace(host, index.origin), json)

    answer = broken(TrustedPublishingSource(ask).get(index.query._replace(url=f"{host}/legacy/")))
    assert answer.why == (
        f"{host} asks for an identity token for 'pypi', which does not name packages.example.com: "
        "whoever it names could act as this job. Nothing was sent. If this index really "
        "goes by that name, set POETRY_REPO_PLUGIN_AUDIENCE_CORP to it"
    )
    assert [path for _, path, _ in index.seen] == ["/_/oidc/audience"]


# --- the log
# ---------------------------------------------------------------------------------------------------------


def test_the_token_is_masked_on_github_and_printed_nowhere_else(
    index: Index, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    credential = Credential(Secret("pypi-a%b"), "__token__", "provider:oidc", "")
    assert mask_lines(credential) == []
    monkeypatch.setenv("GITLAB_CI", "true")
    assert mask_lines(credential) == []
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert mask_lines(credential) == ["::add-mask::pypi-a%25b"]
    SOURCE.get(index.query)
    assert capsys.readouterr() == ("", "")
