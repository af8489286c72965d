"""Trusted publishing through ``poetry publish``: an index that mints tokens, behind TLS of a
private CA and a required client certificate, and stand-ins for what a CI knows of its jobs.

Protocol: https://github.com/pypi/warehouse (``docs/user/trusted-publishers/``,
``warehouse/oidc/views.py``); GitHub's token service:
https://docs.github.com/actions/reference/security/oidc; GitLab's variables:
https://docs.gitlab.com/ci/secrets/id_token_authentication/.
"""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from tests import packages
from tests.certs import CertificateFactory, server_context
from tests.credentials.stand_ins import StandIn, path_with
from tests.integration.outside_world import NAME, assert_nowhere, secrets_seen
from tests.poetry_process import Finished, PoetryHome, poetry_under_test
from tests.servers import IndexServer, ProxyServer, Server
from tests.servers.faults import redirect
from tests.servers.messages import RecordedRequest, Response
from tests.warm import WarmHome, Zygote

PEER = "runner-3"
AUDIENCE = "corp-index"
MODE = "POETRY_REPO_PLUGIN_TRUSTED_PUBLISHING"
GITHUB_CLAIMS = {
    "sub": "repo:octo-org/example:environment:release",
    "iss": "https://token.actions.githubusercontent.com",
    "repository": "octo-org/example",
    "workflow_ref": "octo-org/example/.github/workflows/release.yml@refs/tags/v1",
    "job_workflow_ref": "octo-org/example/.github/workflows/release.yml@refs/tags/v1",
    "ref": "refs/tags/v1",
    "environment": "release",
    "actor": "somebody",
}


def jwt(**claims: object) -> str:
    """A JSON web token (RFC 7519); nobody here checks its signature."""
    parts = [json.dumps({"alg": "RS256", "typ": "JWT"}), json.dumps(claims), "s1gnature"]
    return ".".join(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)


def claims_of(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return found


class MintingIndex(IndexServer):
    """An index that exchanges identities for upload tokens ``minted-1``, ``minted-2``, …

    :ivar audience: what it answers when asked for its audience: a status and a document, or a
        response.
    :ivar identities: every identity token that came.
    :ivar refusal: the document of a refusal, instead of a token.
    :ivar life: seconds that a token lives, as it says; ``None`` for a token without an end.
    :ivar good: the numbers of the tokens that uploads may use.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(upload_credentials={}, **options)
        self.audience: Response = Response.json({"audience": AUDIENCE})
        self.identities: list[str] = []
        self.refusal: Response | None = None
        self.life: float | None = 900
        self.bad: set[int] = set()
        self.respond = self._oidc

    def _oidc(self, request: RecordedRequest) -> Response | None:
        if request.path == "/_/oidc/audience":
            return self.audience
        if request.path != "/_/oidc/mint-token":
            return None
        if request.method != "POST":
            return Response.text(405, "POST it")
        self.identities.append(json.loads(request.body)["token"])
        if self.refusal is not None:
            return self.refusal
        number = len(self.identities)
        if number not in self.bad:
            self.index.upload_credentials = {"__token__": f"minted-{number}"}
        document: dict[str, object] = {"success": True, "token": f"minted-{number}"}
        if self.life is not None:
            document["expires"] = int(datetime.now(timezone.utc).timestamp() + self.life)
        return Response.json(document)

    @property
    def exchange(self) -> list[str]:
        """The paths of the exchange, in order."""
        return [path for path in self.paths() if path.startswith("/_/oidc/")]


class GithubTokens(Server):
    """GitHub's token service: ``ACTIONS_ID_TOKEN_REQUEST_URL``."""

    def __init__(self) -> None:
        super().__init__()
        self.claims: dict[str, object] = dict(GITHUB_CLAIMS)
        self.respond = self._token

    def _token(self, request: RecordedRequest) -> Response:
        if request.headers.get("Authorization") != "bearer runner-secret":
            return Response.text(401, "no")
        (audience,) = parse_qs(request.query)["audience"]
        return Response.json({"value": jwt(**self.claims, aud=audience)})


@pytest.fixture
def index(certs: CertificateFactory) -> Iterator[MintingIndex]:
    with MintingIndex(tls=server_context(certs.server(), certs.ca)) as index:
        yield index


@pytest.fixture
def home(
    tmp_path: Path, zygote: Zygote, index: MintingIndex, certs: CertificateFactory
) -> PoetryHome:
    """A home that trusts the index and has a client certificate, a project to publish, and nothing
    else.
    """
    home = WarmHome(tmp_path / "home", poetry_under_test(), zygote=zygote)
    settings = f'[repositories.{NAME}]\nurl = "{index.upload_url}"\n\n[certificates.{NAME}]\n'
    settings += f'cert = "{certs.ca_file()}"\nclient-cert = "{certs.pem(certs.client(PEER))}"\n'
    (home.config / "config.toml").write_text(settings)
    home.write_project()
    (home.project / "dist").mkdir()
    for name, content in (packages.wheel("app", "0.1.0"), packages.sdist("app", "0.1.0")):
        assert isinstance(content, bytes)
        (home.project / "dist" / name).write_bytes(content)
    home.environ["POETRY_REPO_PLUGIN_AUDIENCE_FOO"] = AUDIENCE
    # Whatever CI these tests run in is none of theirs.
    for variable in (
        "GITHUB_ACTIONS",
        "GITLAB_CI",
        "BUILDKITE",
        "CIRCLECI",
        "GOOGLE_SERVICE_ACCOUNT_NAME",
    ):
        home.environ[variable] = ""
    for variable in (
        "BUILDER_OUTPUT",
        "CLOUD_RUN_JOB",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
        "GITHUB_EVENT_NAME",
    ):
        home.environ[variable] = ""
    return home


@pytest.fixture
def github(home: PoetryHome) -> Iterator[GithubTokens]:
    """A job of GitHub Actions that may have identity tokens."""
    with GithubTokens() as tokens:
        home.environ.update(
            GITHUB_ACTIONS="true",
            ACTIONS_ID_TOKEN_REQUEST_TOKEN="runner-secret",
            ACTIONS_ID_TOKEN_REQUEST_URL=f"{tokens.origin}/token?api-version=2.0",
        )
        yield tokens


def publish(home: PoetryHome, *words: str) -> Finished:
    return home.run("publish", "-r", NAME, *words)


def masked(done: Finished) -> list[str]:
    return [line for line in done.text.splitlines() if line.startswith("::add-mask::")]


class TestWithNothingConfigured:
    def test_the_job_publishes(
        self, home: PoetryHome, index: MintingIndex, github: GithubTokens
    ) -> None:
        done = publish(home)
        assert done.code == 0, done.text
        assert [upload.username for upload in index.uploads] == ["__token__"] * 2
        assert secrets_seen(index) == ["minted-1"]
        assert index.exchange == ["/_/oidc/audience", "/_/oidc/mint-token"], "once, for both files"
        assert {request.peer for request in index.requests} == {PEER}
        (identity,) = index.identities
        assert claims_of(identity)["aud"] == AUDIENCE
        assert len(github.requests) == 1
        exchange = index.requests[:2]
        assert all(request.authorization is None for request in exchange)
        assert exchange[1].headers["Content-Type"] == "application/json"
        assert_nowhere(home, [], "minted-1", identity)
        assert identity not in done.text
        print(
            f"\ntrusted publishing of 2 files: {len(index.requests)} requests, {len(index.identities)} token minted"
        )

    def test_the_token_is_masked_first_and_shown_nowhere_else(
        self, home: PoetryHome, index: MintingIndex, github: GithubTokens
    ) -> None:
        done = publish(home, "-vvv")
        assert done.code == 0, done.text
        assert masked(done) == ["::add-mask::minted-1"]
        assert done.text.count("minted-1") == 1
        assert "minted" not in done.out, "data may be on standard output"

    def test_twin_no_identity_is_accepted(
        self, home: PoetryHome, index: MintingIndex, github: GithubTokens
    ) -> None:
        errors = [
            {
                "code": "invalid-publisher",
                "description": "valid token, but no corresponding publisher",
            }
        ]
        index.refusal = Response.json({"message": "Token request failed", "errors": errors}, 422)
        done = publish(home)
        assert done.code == 1
        assert "invalid-publisher (valid token, but no corresponding publisher)" in done.text
        for claim in (
            "sub=repo:octo-org/example:environment:release",
            "environment=release",
            f"aud={AUDIENCE}",
        ):
            assert claim in done.text
        assert "somebody" not in done.text, "a claim that no index compares"
        (identity,) = index.identities
        for part in (identity, identity.split(".")[1], "s1gnature", "runner-secret"):
            assert part not in done.text
        assert "[credential-rejected]" in done.text
        assert index.uploads == []
        assert "/upload/" not in index.paths()
        assert masked(done) == []

    def test_twin_an_index_that_repeats_the_token(
        self, home: PoetryHome, index: MintingIndex, github: GithubTokens
    ) -> None:
        token = jwt(**github.claims, aud=AUDIENCE)
        index.refusal = Response.json(
            {"errors": [{"code": "bad", "description": f"cannot read {token}"}]}, 422
        )
        done = publish(home)
        assert done.code == 1
        assert index.identities == [token]
        assert token not in done.text
        assert "cannot read ****" in done.text

    def test_twin_an_index_without_it_is_told_apart(
        self, home: PoetryHome, index: MintingIndex, github: GithubTokens
    ) -> None:
        index.audience = Response.text(404, "no such page")
        done = publish(home)
        assert done.code == 1
        assert "[credential-missing]" in done.text
        assert f"poetry repo login {NAME}" in done.text
        assert (index.identities, index.uploads, github.requests) == ([], [], [])

    @pytest.mark.parametrize(
        ("host", "cause", "why"),
        [
            ("nowhere.invalid", "dns", "the name nowhere.invalid cannot be resolved ("),
            ("127.0.0.1", "refused", "it refuses the connection: nothing listens on this port"),
            (
                "silent",
                "timeout",
                "it accepts the connection but does not finish the TLS handshake in time",
            ),
        ],
    )
    def test_twin_an_index_that_cannot_be_reached_is_called_what_it_is(
        self, home: PoetryHome, github: GithubTokens, host: str, cause: str, why: str
    ) -> None:
        """In the words that every other connection is explained in; urllib3's own are nobody's
        business.
        """
        with socket.socket() as mute:
            mute.bind(("127.0.0.1", 0))
            if host == "silent":
                mute.listen()
            netloc = f"{host if host != 'silent' else '127.0.0.1'}:{mute.getsockname()[1]}"
            home.environ["POETRY_REPOSITORIES_FOO_URL"] = f"https://{netloc}/legacy/"
            done = publish(home)
        assert done.code == 1
        flat = " ".join(done.text.split())
        assert (
            f"https://{netloc} could not be asked for an upload token: {why.format(netloc=netloc)}"
            in flat
        )
        assert f"[{cause}]" in flat
        assert "HTTPSConnection" not in flat
        assert ".." not in flat
        assert github.requests == []

    def test_twin_outside_a_ci_nothing_is_asked(
        self, home: PoetryHome, index: MintingIndex
    ) -> None:
        done = publish(home)
        assert done.code == 1
        assert "[credential-missing]" in done.text
        assert (index.exchange, index.uploads) == ([], [])

    def test_two_repositories_on_one_host_have_each_their_own_certificates(
        self, home: PoetryHome, index: MintingIndex, github: GithubTokens
    ) -> None:
        """The exchange is at the root of the host, which belongs to neither path."""
        other = index.add_index("/other/simple/")
        file = home.config / "config.toml"
        file.write_text(
            file.read_text() + f'[repositories.other]\nurl = "{index.upload_url_of(other)}"\n'
        )
        assert publish(home).code == 0
        index.clear()
        done = home.run("publish", "-r", "other")
        assert done.code == 1
        assert "[unknown-ca]" in done.text
        assert index.requests == [], "not even the first question, with the other's certificates"

    def test_a_new_token_is_minted_and_masked_when_it_is_refused(
        self, home: PoetryHome, index: MintingIndex, github: GithubTokens
    ) -> None:
        index.limit("minted-1", 1)
        done = publish(home)
        assert done.code == 0, done.text
        assert secrets_seen(index) == ["minted-1", "minted-2"]
        assert masked(done) == ["::add-mask::minted-1", "::add-mask::minted-2"], (
            done.out,
            done.err,
        )
        assert len(index.uploads) == 2

    def test_twin_both_are_refused(
        self, home: PoetryHome, index: MintingIndex, github: GithubTokens
    ) -> None:
        index.bad = {1, 2}
        done = publish(home)
        assert done.code == 1
        assert "[credential-rejected]" in done.text
        assert (len(index.identities), index.uploads) == (2, [])

    def test_a_right_that_is_missing_is_no_expired_token(
        self, home: PoetryHome, index: MintingIndex, github: GithubTokens
    ) -> None:
        """A7: a second token would have no more rights than the first."""
        said = "The user 'octo' isn't allowed to upload to project 'app'."
        index.respond = lambda request: (
            Response.text(403, said) if request.path == "/upload/" else index._oidc(request)
        )
        done = publish(home)
        assert done.code == 1
        assert "[forbidden]" in done.text
        assert said in done.text
        assert "expired" not in done.text
        assert len(index.identities) == 1
        assert len(index.paths("POST")) == 2, "one token, one file"

    def test_a_token_that_ends_too_soon_is_no_endless_loop(
        self, home: PoetryHome, index: MintingIndex, github: GithubTokens
    ) -> None:
        """Minted with less than five minutes to live: it is used all the same."""
        index.life = 120
        done = publish(home)
        assert done.code == 0, done.text
        assert len(index.identities) == 1

    def test_twin_a_token_that_has_ended(
        self, home: PoetryHome, index: MintingIndex, github: GithubTokens
    ) -> None:
        """This machine's clock and the index's differ; the index decides."""
        index.life = -3600
        done = publish(home)
        assert done.code == 0, done.text
        assert len(index.uploads) == 2


class TestModes:
    """``automatic`` never overrides what is stored or given; ``always`` and ``never`` say it
    all.
    """

    STORED = '[http-basic.foo]\nusername = "alice"\npassword = "st0red"\n'

    @pytest.fixture(autouse=True)
    def accept(self, index: MintingIndex) -> None:
        index.index.upload_credentials = {"alice": "st0red"}

    def store(self, home: PoetryHome) -> None:
        (home.config / "auth.toml").write_text(self.STORED)

    @pytest.mark.parametrize("how", ["stored", "environment", "command line"])
    def test_automatic_leaves_the_first_word_to_whatever_is_set(
        self, home: PoetryHome, index: MintingIndex, github: GithubTokens, how: str
    ) -> None:
        words: tuple[str, ...] = ()
        if how == "stored":
            self.store(home)
        elif how == "environment":
            home.environ.update(
                POETRY_HTTP_BASIC_FOO_USERNAME="alice", POETRY_HTTP_BASIC_FOO_PASSWORD="st0red"
            )
        else:
            words = ("--username", "alice", "--password", "st0red")
        done = publish(home, *words)
        assert done.code == 0, done.text
        assert [upload.username for upload in index.uploads] == ["alice"] * 2
        assert (index.exchange, github.requests, masked(done)) == ([], [], [])

    @pytest.mark.parametrize("how", ["stored", "command line"])
    def test_twin_and_also_the_last(
        self, home: PoetryHome, index: MintingIndex, github: GithubTokens, how: str
    ) -> None:
        index.index.upload_credentials = {"alice": "changed"}
        if how == "stored":
            self.store(home)
        done = publish(
            home,
            *(("--username", "alice", "--password", "st0red") if how == "command line" else ()),
        )
        assert done.code == 1
        assert "[credential-rejected]" in done.text
        assert (index.exchange, github.requests) == ([], [])

    def test_always_goes_before_what_is_stored(
        self, home: PoetryHome, index: MintingIndex, github: GithubTokens
    ) -> None:
        self.store(home)
        home.environ[MODE] = "always"
        assert publish(home).code == 0
        assert secrets_seen(index) == ["minted-1"]

    def test_twin_always_does_not_fall_back(self, home: PoetryHome, index: MintingIndex) -> None:
        self.store(home)
        home.environ[MODE] = "always"
        done = publish(home)
        assert done.code == 1
        assert f"trusted publishing is required ({MODE}=always)" in done.text
        assert (secrets_seen(index), index.uploads) == ([], [])

    def test_the_command_line_wins_over_always(
        self, home: PoetryHome, index: MintingIndex, github: GithubTokens
    ) -> None:
        home.environ[MODE] = "always"
        assert publish(home, "--username", "alice", "--password", "st0red").code == 0
        assert (secrets_seen(index), index.exchange) == (["st0red"], [])

    def test_never(self, home: PoetryHome, index: MintingIndex, github: GithubTokens) -> None:
        home.environ[MODE] = "never"
        done = publish(home)
        assert done.code == 1
        assert "[credential-missing]" in done.text
        assert (index.exchange, index.uploads, github.requests) == ([], [], [])

    def test_a_word_that_means_nothing_is_an_error(
        self, home: PoetryHome, index: MintingIndex, github: GithubTokens
    ) -> None:
        home.environ[MODE] = "nevr"
        done = publish(home)
        assert done.code == 1
        assert "it can be automatic, always, never" in done.text
        assert f"Try: export {MODE}=automatic" in done.text
        assert (index.exchange, index.uploads) == ([], [])

    def test_looking_something_up_never_asks_for_it(
        self, home: PoetryHome, index: MintingIndex, github: GithubTokens
    ) -> None:
        home.environ[MODE] = "always"
        home.environ["POETRY_VIRTUALENVS_CREATE"] = "false"
        index.add(*packages.wheel("alpha", "1.0"))
        index.index.credentials = {"alice": "st0red"}
        self.store(home)
        source = f'[[tool.poetry.source]]\nname = "{NAME}"\nurl = "{index.index_url}"\n'
        home.write_project(dependencies=("alpha",), extra=source)
        home.ok("lock")
        assert (index.exchange, github.requests) == ([], [])


class TestGithubsConditions:
    def test_a_missing_permission_is_explained(
        self, home: PoetryHome, index: MintingIndex, github: GithubTokens
    ) -> None:
        home.environ.update(ACTIONS_ID_TOKEN_REQUEST_TOKEN="", ACTIONS_ID_TOKEN_REQUEST_URL="")
        done = publish(home)
        assert done.code == 1
        assert "lacks the permission `id-token: write`" in done.text
        assert (index.identities, index.uploads) == ([], [])

    def test_a_pull_request_from_a_fork_is_explained(
        self, home: PoetryHome, index: MintingIndex, github: GithubTokens, tmp_path: Path
    ) -> None:
        event = tmp_path / "event.json"
        event.write_text(json.dumps({"pull_request": {"head": {"repo": {"fork": True}}}}))
        home.environ.update(ACTIONS_ID_TOKEN_REQUEST_TOKEN="", ACTIONS_ID_TOKEN_REQUEST_URL="")
        home.environ.update(GITHUB_EVENT_NAME="pull_request", GITHUB_EVENT_PATH=str(event))
        done = publish(home)
        assert done.code == 1
        assert "pull requests from forks" in done.text
        event.write_text(json.dumps({"pull_request": {"head": {"repo": {"fork": False}}}}))
        assert "lacks the permission" in publish(home).text

    def test_a_reusable_workflow_is_pointed_out(
        self, home: PoetryHome, index: MintingIndex, github: GithubTokens
    ) -> None:
        github.claims["job_workflow_ref"] = (
            "octo-org/shared/.github/workflows/publish.yml@refs/heads/main"
        )
        index.refusal = Response.json(
            {"errors": [{"code": "invalid-publisher", "description": "none"}]}, 422
        )
        assert "a reusable workflow" in publish(home).text


class TestOtherCis:
    def test_gitlab(self, home: PoetryHome, index: MintingIndex) -> None:
        identity = jwt(sub="project_path:g/p:ref_type:tag:ref:v1", aud=AUDIENCE, project_path="g/p")
        home.environ.update(GITLAB_CI="true", CORP_INDEX_ID_TOKEN=identity)
        done = publish(home)
        assert done.code == 0, done.text
        assert index.identities == [identity]
        assert masked(done) == [], "GitLab knows no such command"
        assert "minted" not in done.text

    def test_twin_gitlab_without_the_variable(self, home: PoetryHome, index: MintingIndex) -> None:
        home.environ.update(GITLAB_CI="true")
        done = publish(home)
        assert done.code == 1
        assert "CORP_INDEX_ID_TOKEN is not set" in done.text
        assert "id_tokens" in done.text
        assert (index.identities, index.uploads) == ([], [])

    @pytest.mark.parametrize(
        ("variable", "tool"), [("BUILDKITE", "buildkite-agent"), ("CIRCLECI", "circleci")]
    )
    def test_through_their_own_tools(
        self, home: PoetryHome, index: MintingIndex, tmp_path: Path, variable: str, tool: str
    ) -> None:
        identity = jwt(sub="x", aud=AUDIENCE)
        agent = StandIn(tmp_path / "bin", tool, f"print({identity!r})")
        home.environ.update({variable: "true", "PATH": path_with(tmp_path / "bin")})
        assert publish(home).code == 0
        assert (index.identities, len(agent.calls)) == ([identity], 1)

    @pytest.mark.parametrize(
        ("variable", "tool"), [("BUILDKITE", "buildkite-agent"), ("CIRCLECI", "circleci")]
    )
    def test_twin_a_tool_that_fails(
        self, home: PoetryHome, index: MintingIndex, tmp_path: Path, variable: str, tool: str
    ) -> None:
        StandIn(tmp_path / "bin", tool, "sys.exit('not logged in to the agent')")
        home.environ.update({variable: "true", "PATH": path_with(tmp_path / "bin")})
        done = publish(home)
        assert done.code == 1
        assert "not logged in to the agent" in done.text
        assert (index.identities, index.uploads) == ([], [])


class TestOnTheWay:
    """The repository's own CA, client certificate and proxy; no redirect; no stranger's
    audience.
    """

    def test_it_takes_the_proxy(
        self, home: PoetryHome, index: MintingIndex, github: GithubTokens
    ) -> None:
        with ProxyServer() as proxy:
            home.environ.update(HTTPS_PROXY=proxy.origin)
            done = publish(home)
            assert done.code == 0, done.text
            assert proxy.tunnels
            assert set(proxy.tunnels) == {index.netloc}
            assert len(proxy.tunnels) == index.connections, "every connection came through it"

    @pytest.mark.parametrize("missing", ["ca", "client certificate"])
    def test_twin_without_the_repositorys_own_material(
        self, home: PoetryHome, index: MintingIndex, github: GithubTokens, missing: str
    ) -> None:
        file = home.config / "config.toml"
        unwanted = "cert = " if missing == "ca" else "client-cert = "
        kept = [line for line in file.read_text().splitlines() if not line.startswith(unwanted)]
        file.write_text("\n".join(kept))
        done = publish(home)
        assert done.code == 1
        assert {"ca": "[unknown-ca]", "client certificate": "[client-cert-required]"}[
            missing
        ] in done.text
        assert (index.identities, index.uploads, github.requests) == ([], [], [])

    @pytest.mark.parametrize("step", ["audience", "mint-token"])
    @pytest.mark.parametrize("status", [302, 307])
    def test_no_redirect_is_followed(
        self, home: PoetryHome, index: MintingIndex, github: GithubTokens, step: str, status: int
    ) -> None:
        with MintingIndex() as elsewhere:
            target = redirect(f"{elsewhere.origin}/_/oidc/{step}", status)
            if step == "audience":
                index.audience = target
            else:
                index.refusal = target
            done = publish(home)
            assert done.code == 1
            assert elsewhere.requests == []
            assert index.uploads == []

    @pytest.mark.parametrize(
        "audience",
        [
            "pypi",
            "PyPI",
            "testpypi",
            "sigstore",
            "sts.amazonaws.com",
            "https://iam.example.com/pool",
        ],
    )
    def test_an_index_cannot_have_an_identity_made_out_for_another(
        self, home: PoetryHome, certs: CertificateFactory, github: GithubTokens, audience: str
    ) -> None:
        """With it, it could publish there, or enter there, in this project's name."""
        host = "packages.example.org"
        with (
            MintingIndex(tls=server_context(certs.server(host))) as index,
            ProxyServer(hosts={host: ("127.0.0.1", index.port)}) as proxy,
        ):
            index.audience = Response.json({"audience": audience})
            settings = f'[repositories.{NAME}]\nurl = "https://{host}/upload/"\n\n'
            (home.config / "config.toml").write_text(
                f'{settings}[certificates.{NAME}]\ncert = "{certs.ca_file()}"\n'
            )
            home.environ.update(HTTPS_PROXY=proxy.origin)
            done = publish(home)
            assert done.code == 1
            assert f"which does not name {host}" in " ".join(done.text.split())
            assert index.exchange == ["/_/oidc/audience"]
            assert (index.identities, index.uploads, github.requests) == ([], [], [])

    def test_an_index_on_this_machine_is_no_exception(
        self, home: PoetryHome, index: MintingIndex, github: GithubTokens
    ) -> None:
        index.audience = Response.json({"audience": "pypi"})
        assert publish(home).code == 1
        assert (index.identities, github.requests) == ([], [])

    @pytest.mark.parametrize("where", ["variable", "file"])
    def test_twin_a_rehearsal_that_the_user_allows(
        self, home: PoetryHome, index: MintingIndex, github: GithubTokens, where: str
    ) -> None:
        index.audience = Response.json({"audience": "pypi"})
        del home.environ["POETRY_REPO_PLUGIN_AUDIENCE_FOO"]
        if where == "variable":
            home.environ["POETRY_REPO_PLUGIN_AUDIENCE_FOO"] = "pypi"
        else:
            file = home.config / "poetry-repo-plugin.toml"
            file.write_text(f'[repositories.{NAME}]\naudience = "pypi"\n')
        done = publish(home)
        assert done.code == 0, done.text
        assert claims_of(index.identities[0])["aud"] == "pypi"

    @pytest.mark.parametrize("form", ["{host}", "{netloc}", "https://{netloc}/packages"])
    def test_twin_its_own_host_is_its_own_name(
        self, home: PoetryHome, index: MintingIndex, github: GithubTokens, form: str
    ) -> None:
        del home.environ["POETRY_REPO_PLUGIN_AUDIENCE_FOO"]
        index.audience = Response.json(
            {"audience": form.format(host=index.host, netloc=index.netloc)}
        )
        assert publish(home).code == 0

    def test_an_index_that_fails_is_told_with_its_status(
        self, home: PoetryHome, index: MintingIndex, github: GithubTokens
    ) -> None:
        index.audience = Response.text(503, "later")
        done = publish(home)
        assert done.code == 1
        assert "answered 503" in done.text
        assert index.uploads == []


def test_dry_run_mints_nothing(home: PoetryHome, index: MintingIndex, github: GithubTokens) -> None:
    done = publish(home, "--dry-run")
    assert done.code == 0, done.text
    assert (index.requests, github.requests) == ([], [])
