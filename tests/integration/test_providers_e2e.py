"""Vendors' command line tools through whole commands.

The tools are stand-ins that answer in the vendors' documented formats (see
``tests/credentials/test_providers.py`` for the pages); the vendors' hosts are this machine's
servers, which a proxy leads their names to, with certificates of a CA of our own. So the URLs are
the real ones, and every byte of a request is seen.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import packages
from tests.certs import CertificateFactory, server_context
from tests.credentials.stand_ins import StandIn, path_with
from tests.integration.outside_world import (
    anonymous,
    assert_nowhere,
    refusals,
    secrets_seen,
    settle,
    with_keyring,
)
from tests.integration.world import source
from tests.poetry_process import Finished, PoetryHome
from tests.servers import IndexServer, ProxyServer
from tests.servers.base import Hook
from tests.servers.faults import unauthorized
from tests.servers.messages import RecordedRequest, Response

TOKEN = "v3ndor-t0ken-{number}"
NAMES = ("alpha", "beta")


@dataclass(frozen=True)
class Vendor:
    """A vendor: its tool, what that prints for the token ``me``, its host, its paths.

    :param answer: a Python expression; ``token`` and ``end`` (POSIX seconds) are known.
    :param login: what begins a new session.
    :param ended: what the tool writes when its session has ended.
    """

    name: str
    tool: str
    words: str
    answer: str
    host: str
    prefix: str
    upload: str
    user: str
    login: str
    ended: str


ISO = "time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(end))"
AWS = Vendor(
    "aws",
    "aws",
    "codeartifact get-authorization-token --domain corp --domain-owner 111122223333 --region eu-central-1 "
    "--output json",
    f"{{'authorizationToken': token, 'expiration': {ISO}}}",
    "corp-111122223333.d.codeartifact.eu-central-1.amazonaws.com",
    "/pypi/repo/simple/",
    "/pypi/repo/",
    "aws",
    "aws sso login",
    "Error when retrieving token from sso: Token has expired and refresh failed",
)
GCP = Vendor(
    "gcp",
    "gcloud",
    "config config-helper --min-expiry=10m --format=json",
    f"{{'credential': {{'access_token': token, 'token_expiry': {ISO}}}}}",
    "europe-west3-python.pkg.dev",
    "/project/repo/simple/",
    "/project/repo/",
    "oauth2accesstoken",
    "gcloud auth login",
    "ERROR: (gcloud.config.config-helper) There was a problem refreshing your current auth tokens: invalid_grant",
)
AZURE = Vendor(
    "azure",
    "az",
    "account get-access-token --resource 499b84ac-1321-427f-aa17-267ca6975798 --output json",
    "{'accessToken': token, 'expires_on': int(end), 'tokenType': 'Bearer'}",
    "pkgs.dev.azure.com",
    "/org/_packaging/feed/pypi/simple/",
    "/org/_packaging/feed/pypi/upload/",
    "VssSessionToken",
    "az login",
    "ERROR: AADSTS70043: The refresh token has expired or is invalid due to sign-in frequency checks.",
)
VENDORS = (AWS, GCP, AZURE)


class Stage:
    """A home, a vendor's index and upload, its tool on PATH.

    :param made: how many tokens the tool has handed out; a token is good while its number is in
    ``good``.
    """

    def __init__(
        self,
        stack: ExitStack,
        vendor: Vendor,
        home: PoetryHome,
        certs: CertificateFactory,
        folder: Path,
    ) -> None:
        self.vendor = vendor
        self.home = home
        tls = server_context(certs.server(vendor.host))
        self.server = stack.enter_context(
            IndexServer(tls=tls, prefix=vendor.prefix, upload_path=vendor.upload, credentials={})
        )
        self.server.add_all(packages.wheel(name, "1.0") for name in NAMES)
        self.proxy = stack.enter_context(
            ProxyServer(hosts={vendor.host: ("127.0.0.1", self.server.port)})
        )
        self.bin = folder / "bin"
        self.tool = self.stand_in(f"print(json.dumps({vendor.answer}))")
        self.accept(1)
        home.environ.update(
            PATH=path_with(self.bin),
            HTTPS_PROXY=self.proxy.origin,
            POETRY_VIRTUALENVS_CREATE="false",
        )
        home.environ.update(AWS_PROFILE="", AWS_DEFAULT_PROFILE="")
        (home.config / "config.toml").write_text(
            f'[certificates.foo]\ncert = "{certs.ca_file()}"\n'
        )
        self.project()

    @property
    def url(self) -> str:
        return f"https://{self.vendor.host}{self.vendor.prefix}"

    def stand_in(self, body: str, life: float = 3600) -> StandIn:
        """The vendor's tool; its token's number is in the file ``number``, the next one with each
        new token.
        """
        state = self.bin / "number"
        lines = [
            f"state, end = {str(state)!r}, time.time() + {life}",
            # gcloud keeps its token until it is forced to make a new one; az cannot be forced.
            f"kept = {self.vendor.tool == 'az'!r} or {self.vendor.tool == 'gcloud'!r} and 'force' not in str(sys.argv)",
            "number = int(open(state).read()) if os.path.exists(state) else 0",
            "number = number if kept and number else number + 1",
            "open(state, 'w').write(str(number))",
            f"token = {TOKEN!r}.format(number=number)",
            body,
        ]
        return StandIn(self.bin, self.vendor.tool, "\n".join(lines) + "\n")

    def accept(self, number: int) -> None:
        """The one token that is good now."""
        self.server.index.credentials = {self.vendor.user: TOKEN.format(number=number)}

    def project(self, *names: str, extra: str = "") -> None:
        self.home.write_project(dependencies=names or NAMES, extra=source("foo", self.url) + extra)

    def add_dist(self) -> None:
        (self.home.project / "dist").mkdir()
        name, content = packages.wheel("app", "0.1.0")
        assert isinstance(content, bytes)
        (self.home.project / "dist" / name).write_bytes(content)

    @property
    def runs(self) -> list[str]:
        """The words of each run of the tool."""
        return [" ".join(call["argv"]) for call in self.tool.calls]

    def lock_again(self) -> Finished:
        return self.home.ok("update", "--lock", "--no-cache")


def make_stage(
    vendor: Vendor, home: PoetryHome, certs: CertificateFactory, folder: Path
) -> Iterator[Stage]:
    with ExitStack() as stack:
        yield Stage(stack, vendor, home, certs, folder)


@pytest.fixture(params=VENDORS, ids=lambda vendor: vendor.name)
def stage(
    request: pytest.FixtureRequest, home: PoetryHome, certs: CertificateFactory, tmp_path: Path
) -> Iterator[Stage]:
    yield from make_stage(request.param, home, certs, tmp_path)


@pytest.fixture
def aws(home: PoetryHome, certs: CertificateFactory, tmp_path: Path) -> Iterator[Stage]:
    yield from make_stage(AWS, home, certs, tmp_path)


@pytest.fixture
def gcp(home: PoetryHome, certs: CertificateFactory, tmp_path: Path) -> Iterator[Stage]:
    yield from make_stage(GCP, home, certs, tmp_path)


class TestEachVendor:
    def test_login_lock_publish(self, stage: Stage) -> None:
        stage.add_dist()
        done = [stage.home.ok("repo", "login", "foo", "--provider", stage.vendor.name)]
        assert (
            stage.home.toml("poetry-repo-plugin.toml")["repositories"]["foo"]["provider"]
            == stage.vendor.name
        )
        assert stage.runs == [stage.vendor.words]
        number = 2 if stage.vendor.tool == "aws" else 1  # the others keep theirs
        stage.accept(number)
        stage.server.clear()
        done.append(stage.home.ok("lock"))
        assert [package["name"] for package in stage.home.lock()["package"]] == list(NAMES)
        assert stage.runs == [stage.vendor.words] * 2
        assert secrets_seen(stage.server) == [TOKEN.format(number=number)]
        assert {one.username for one in stage.server.authorizations()} == {stage.vendor.user}
        assert (refusals(stage.server), anonymous(stage.server)) == (0, 0)
        stage.accept(number + (stage.vendor.tool == "aws"))
        done.append(stage.home.ok("publish", "-r", "foo"))
        assert [upload.username for upload in stage.server.uploads] == [stage.vendor.user]
        token = json.loads(stage.home.ok("repo", "token", "foo", "--format", "json").out)
        assert (token["username"], token["source"]) == (
            stage.vendor.user,
            f"provider:{stage.vendor.name}",
        )
        assert token["secret"].startswith("v3ndor-t0ken-")
        assert token["expires_at"].startswith("20")
        assert_nowhere(stage.home, done, *(TOKEN.format(number=number) for number in range(1, 5)))

    def test_twin_a_refused_token_stores_nothing(self, stage: Stage) -> None:
        stage.accept(77)
        done = stage.home.fails("repo", "login", "foo", "--provider", stage.vendor.name)
        assert f"https://{stage.vendor.host}" not in stage.home.toml("poetry-repo-plugin.toml").get(
            "repositories", {}
        )
        assert stage.home.toml("poetry-repo-plugin.toml") == {}
        assert "[credential-" in done.err

    def test_the_project_names_it_and_the_keyring_carries_it_on(self, stage: Stage) -> None:
        with_keyring(stage.home)
        stage.project(extra=f'[tool.poetry-repo-plugin.foo]\nprovider = "{stage.vendor.name}"\n')
        stage.home.ok("lock")
        stage.lock_again()
        assert stage.runs == [stage.vendor.words], (
            "the second command found the token in the keyring"
        )
        assert (refusals(stage.server), anonymous(stage.server)) == (0, 0)
        listed = json.loads(stage.home.ok("repo", "list", "--json").out)["repositories"][0][
            "credential"
        ]
        assert (listed["source"], listed["state"]) == (f"provider:{stage.vendor.name}", "ok")
        assert listed["expires_at"]
        assert len(stage.runs) == 1
        assert_nowhere(stage.home, [], TOKEN.format(number=1))
        print(f"\n{stage.vendor.name}: two commands, {len(stage.runs)} run of {stage.vendor.tool}")

    def test_recognised_from_the_url_after_a_refusal(self, stage: Stage) -> None:
        with_keyring(stage.home)
        stage.home.ok("lock")
        assert stage.runs == [stage.vendor.words]
        assert secrets_seen(stage.server) == [TOKEN.format(number=1)]
        first = refusals(stage.server)
        assert first == anonymous(stage.server)
        assert 1 <= first <= 4
        stage.lock_again()
        assert stage.runs == [stage.vendor.words]
        assert_nowhere(stage.home, [], TOKEN.format(number=1))

    def test_twin_an_open_repository_runs_nothing(self, stage: Stage) -> None:
        stage.server.index.credentials = None
        stage.home.ok("lock")
        assert stage.runs == []

    def test_its_session_has_ended(self, stage: Stage) -> None:
        stage.stand_in(f"sys.exit({stage.vendor.ended!r})")
        settle(stage.home, "foo", {"provider": stage.vendor.name})
        done = stage.home.fails("lock")
        assert "[credential-expired]" in done.text
        assert f"Try: {stage.vendor.login}" in done.text
        assert len(stage.runs) == 1

    def test_it_is_not_installed(self, stage: Stage) -> None:
        stage.tool.path.unlink()
        stage.home.environ["PATH"] = str(stage.bin)
        settle(stage.home, "foo", {"provider": stage.vendor.name})
        done = stage.home.fails("lock")
        assert f"{stage.vendor.tool} is not on PATH; install it (https://" in done.text
        assert f"then run {stage.vendor.login}" in done.text
        again = f"poetry repo login foo --provider {stage.vendor.name}"
        assert f"Try: {stage.vendor.login} && {again}" in done.text
        assert refusals(stage.server) <= 4

    def test_a_token_revoked_in_the_middle(self, stage: Stage) -> None:
        settle(stage.home, "foo", {"provider": stage.vendor.name})
        stage.server.limit(TOKEN.format(number=1), 1)
        if stage.vendor.tool == "az":  # it hands the same token out again, and says what to do
            done = stage.home.fails("lock")
            assert "[credential-expired]" in done.text
            assert "Try: az login" in done.text
            assert len(stage.runs) == 2
            return
        stage.server.respond = self._both_are_good(stage)
        stage.home.ok("lock")
        assert secrets_seen(stage.server) == [TOKEN.format(number=1), TOKEN.format(number=2)]
        assert len(stage.runs) == 2
        assert stage.vendor.tool != "gcloud" or stage.runs[1].endswith("--force-auth-refresh")

    @staticmethod
    def _both_are_good(stage: Stage) -> Hook:
        def respond(request: RecordedRequest) -> Response | None:
            given = request.authorization
            if given is not None and given.password == TOKEN.format(number=2):
                stage.accept(2)
            return None

        return respond


class TestElsewhere:
    def test_a_vendors_token_goes_to_no_other_host(self, aws: Stage) -> None:
        """A project that gives the name to a host of its own gets nothing, nor does one that names
        the provider.
        """
        settle(aws.home, "foo", {"provider": "aws"})
        with IndexServer(credentials={}) as elsewhere:
            extra = (
                source("foo", elsewhere.index_url)
                + '[tool.poetry-repo-plugin.foo]\nprovider = "aws"\n'
            )
            aws.home.write_project(dependencies=NAMES, extra=extra)
            done = aws.home.fails("lock")
            assert "[credential-missing]" in done.text
            assert "its helper or provider has none: never sent over plain http" in done.text
            assert elsewhere.authorizations() == []
            done = aws.home.fails("repo", "login", "foo", "--provider", "aws")
            assert "is not a host of aws" in done.err
        assert aws.runs == []

    def test_the_projects_provider_gives_way_to_a_login_of_ones_own(self, aws: Stage) -> None:
        """Where the tool is missing; where it is there, it comes first."""
        aws.project(extra='[tool.poetry-repo-plugin.foo]\nprovider = "aws"\n')
        (aws.home.config / "auth.toml").write_text(
            '[http-basic.foo]\nusername = "aws"\npassword = "my-own"\n'
        )
        aws.home.ok("lock")
        assert secrets_seen(aws.server) == [TOKEN.format(number=1)]
        aws.tool.path.unlink()
        aws.home.environ["PATH"] = str(aws.bin)
        aws.server.index.credentials = {"aws": "my-own"}
        aws.server.clear()
        aws.lock_again()
        assert secrets_seen(aws.server) == ["my-own"]

    def test_twin_a_provider_that_the_user_set_does_not(self, aws: Stage) -> None:
        settle(aws.home, "foo", {"provider": "aws"})
        (aws.home.config / "auth.toml").write_text(
            '[http-basic.foo]\nusername = "aws"\npassword = "my-own"\n'
        )
        aws.tool.path.unlink()
        aws.home.environ["PATH"] = str(aws.bin)
        assert "aws is not on PATH" in aws.home.fails("lock").text
        assert "my-own" not in secrets_seen(aws.server)

    def test_another_account_is_another_token(self, aws: Stage) -> None:
        with_keyring(aws.home)
        settle(aws.home, "foo", {"provider": "aws"})
        aws.home.ok("lock")
        aws.home.environ["AWS_PROFILE"] = "other"
        aws.accept(2)
        aws.lock_again()
        assert (len(aws.runs), refusals(aws.server)) == (2, 0)


class TestCodeArtifact:
    """It answers 404 where others answer 401: to a token that has run out, and for a package that
    it has not.
    """

    @pytest.fixture(autouse=True)
    def settings(self, aws: Stage) -> None:
        settle(with_keyring(aws.home), "foo", {"provider": "aws"})

        self.good = {TOKEN.format(number=number) for number in range(1, 9)}

        def respond(request: RecordedRequest) -> Response | None:
            given = request.authorization
            if given is None:
                return unauthorized()
            return None if given.password in self.good else Response.text(404, "no such thing")

        aws.server.index.credentials = None
        aws.server.respond = respond

    def test_a_kept_token_that_was_revoked_is_replaced(self, aws: Stage) -> None:
        aws.home.ok("lock")
        self.good.remove(TOKEN.format(number=1))
        aws.lock_again()
        assert len(aws.runs) == 2
        assert [request.status for request in aws.server.requests].count(404) == 1

    def test_twin_no_token_is_good(self, aws: Stage) -> None:
        """It cannot be told from a repository that has nothing; the tool is not run again and
        again.
        """
        aws.home.ok("lock")
        self.good.clear()
        done = aws.home.run("update", "--lock", "--no-cache")
        assert done.code == 1
        assert len(aws.runs) == 2
        assert "(404)" not in done.text
        assert "it answers 404 to the credential of user aws from aws codeartifact" in done.text
        assert (
            "and to a new one: the package or the repository does not exist, or the token has expired"
            in done.text
        )
        assert "[credential-expired]" in done.text
        assert "Try: aws sso login" in done.text

    def test_a_token_that_ends_in_the_middle_of_a_lock(self, aws: Stage) -> None:
        self.ends_after(aws, 1)
        aws.home.ok("lock")
        assert [package["name"] for package in aws.home.lock()["package"]] == list(NAMES)
        assert len(aws.runs) == 2

    def test_twin_and_no_other_can_be_had(self, aws: Stage) -> None:
        aws.tool = aws.stand_in(
            f"if number > 1: sys.exit({AWS.ended!r})\nprint(json.dumps({AWS.answer}))"
        )
        self.ends_after(aws, 1)
        with IndexServer() as other:
            other.add_all(packages.wheel(name, "6.6.6") for name in NAMES)
            extra = source("foo", aws.url) + source("second", other.index_url)
            aws.home.write_project(dependencies=NAMES, extra=extra)
            done = aws.home.fails("lock")
        assert "it no longer accepts the credential of user aws" in done.text
        assert "[credential-expired]" in done.text
        assert "Try: aws sso login" in done.text
        assert len(aws.runs) == 2
        assert not (aws.home.project / "poetry.lock").exists(), "no stranger's package in its place"

    def test_twin_a_stored_token_that_ends_in_the_middle(self, aws: Stage) -> None:
        self.store(aws)
        self.ends_after(aws, 1)
        done = aws.home.fails("lock")
        assert "it no longer accepts the credential of user aws from" in done.text
        assert "[credential-expired]" in done.text
        assert "Try: poetry repo login foo" in done.text
        assert aws.runs == []

    def test_a_stored_token_that_has_run_out(self, aws: Stage) -> None:
        self.store(aws)
        self.good.clear()
        done = aws.home.fails("lock")
        assert (
            f"it answers 404 to the credential of user aws from {aws.home.config / 'auth.toml'}: the pack"
            in done.text
        )
        assert "[credential-expired]" in done.text
        assert "Try: poetry repo login foo" in done.text

    def test_a_token_that_ends_between_two_files(self, aws: Stage) -> None:
        self.add_two(aws)
        self.ends_after(aws, 1)
        aws.home.ok("publish", "-r", "foo")
        assert len(aws.server.uploads) == 2
        assert len(aws.runs) == 2

    def test_twin_a_stored_token_that_ends_between_two_files(self, aws: Stage) -> None:
        self.store(aws)
        self.add_two(aws)
        self.ends_after(aws, 1)
        done = aws.home.fails("publish", "-r", "foo")
        assert len(aws.server.uploads) == 1
        assert "it no longer accepts the credential of user aws from" in done.text
        assert "[credential-expired]" in done.text

    def test_twin_a_new_token_and_no_such_repository(self, aws: Stage) -> None:
        self.add_two(aws)
        self.good.clear()
        done = aws.home.fails("publish", "-r", "foo")
        assert (
            "does not accept uploads (404). the package or the repository does not exist"
            in done.text
        )
        assert "[not-an-upload-url]" in done.text
        assert len(aws.runs) == 1, "a token that was just made has not run out"

    def ends_after(self, aws: Stage, number: int) -> None:
        """The first token is good for so many answers."""
        answer = aws.server.respond
        left = [number]

        def respond(request: RecordedRequest) -> Response | None:
            given = request.authorization
            if given is not None and given.password == TOKEN.format(number=1):
                left[0] -= 1
                if left[0] < 0:
                    self.good.discard(TOKEN.format(number=1))
            return answer(request) if answer is not None else None

        aws.server.respond = respond

    def store(self, aws: Stage) -> None:
        settle(aws.home, "foo", {"credential-origins": [f"https://{AWS.host}"]})
        token = TOKEN.format(number=1)
        (aws.home.config / "auth.toml").write_text(
            f'[http-basic.foo]\nusername = "aws"\npassword = "{token}"\n'
        )

    def add_two(self, aws: Stage) -> None:
        aws.add_dist()
        name, content = packages.sdist("app", "0.1.0")
        assert isinstance(content, bytes)
        (aws.home.project / "dist" / name).write_bytes(content)

    def test_twin_a_missing_package_costs_no_run_and_is_looked_for_elsewhere(
        self, aws: Stage
    ) -> None:
        with IndexServer() as other:
            other.add_all([packages.wheel("gamma", "1.0"), packages.wheel("delta", "1.0")])
            extra = source("foo", aws.url) + source("second", other.index_url)
            aws.home.write_project(dependencies=("alpha", "gamma", "delta"), extra=extra)
            aws.home.ok("lock")
            assert sorted(package["name"] for package in aws.home.lock()["package"]) == [
                "alpha",
                "delta",
                "gamma",
            ]
            assert len(aws.runs) == 1, "a token that was just made has not run out"
            aws.server.clear()
            aws.lock_again()
            assert len(aws.runs) == 2, "one that was kept may have: one run for the first of them"


class TestGitlab:
    """The job token, for the GitLab that runs the job (``CI_SERVER_URL``)."""

    @pytest.fixture
    def server(self) -> Iterator[IndexServer]:
        prefix = "/api/v4/projects/7/packages/pypi/simple/"
        with IndexServer(
            prefix=prefix,
            upload_path="/api/v4/projects/7/packages/pypi",
            credentials={"gitlab-ci-token": "j0b-token"},
        ) as server:
            server.add_all(packages.wheel(name, "1.0") for name in NAMES)
            yield server

    @pytest.fixture(autouse=True)
    def job(self, home: PoetryHome, server: IndexServer) -> None:
        home.environ.update(
            CI_JOB_TOKEN="j0b-token", CI_SERVER_URL=server.origin, POETRY_VIRTUALENVS_CREATE="false"
        )
        extra = (
            source("foo", server.index_url) + '[tool.poetry-repo-plugin.foo]\nprovider = "gitlab"\n'
        )
        home.write_project(dependencies=NAMES, extra=extra)

    def test_over_http_where_the_job_knows_its_gitlab_so(
        self, home: PoetryHome, server: IndexServer
    ) -> None:
        home.ok("lock")
        assert secrets_seen(server) == ["j0b-token"]

    def test_twin_never_where_it_is_https(self, home: PoetryHome, server: IndexServer) -> None:
        home.environ["CI_SERVER_URL"] = server.origin.replace("http:", "https:")
        done = home.fails("lock")
        assert "[credential-missing]" in done.text
        assert "its helper or provider has none: never sent over plain http" in done.text
        assert server.authorizations() == []


class TestGitlabOverTls:
    @pytest.fixture
    def server(self, certs: CertificateFactory) -> Iterator[IndexServer]:
        prefix = "/api/v4/projects/7/packages/pypi/simple/"
        with IndexServer(
            tls=server_context(certs.server()),
            prefix=prefix,
            upload_path="/api/v4/projects/7/packages/pypi",
            credentials={"gitlab-ci-token": "j0b-token"},
        ) as server:
            server.add_all(packages.wheel(name, "1.0") for name in NAMES)
            yield server

    @pytest.fixture(autouse=True)
    def job(self, home: PoetryHome, server: IndexServer, certs: CertificateFactory) -> None:
        (home.config / "config.toml").write_text(
            f'[certificates.foo]\ncert = "{certs.ca_file()}"\n'
        )
        home.environ.update(
            CI_JOB_TOKEN="j0b-token", CI_SERVER_URL=server.origin, POETRY_VIRTUALENVS_CREATE="false"
        )
        home.write_project(dependencies=NAMES, extra=source("foo", server.index_url))
        (home.project / "dist").mkdir()
        name, content = packages.wheel("app", "0.1.0")
        assert isinstance(content, bytes)
        (home.project / "dist" / name).write_bytes(content)

    def test_login_lock_publish(self, home: PoetryHome, server: IndexServer) -> None:
        done = [home.ok("repo", "login", "foo", "--provider", "gitlab"), home.ok("lock")]
        done.append(home.ok("publish", "-r", "foo"))
        assert [upload.username for upload in server.uploads] == ["gitlab-ci-token"]
        assert secrets_seen(server) == ["j0b-token"]
        assert "ok gitlab-ci-token, provider:gitlab" in home.ok("repo", "list").out
        assert home.ok("repo", "token", "foo").out == "j0b-token\n"
        assert_nowhere(home, done, "j0b-token")

    def test_recognised_from_the_url_after_a_refusal(
        self, home: PoetryHome, server: IndexServer
    ) -> None:
        home.ok("lock")
        assert secrets_seen(server) == ["j0b-token"]
        assert refusals(server) == anonymous(server) >= 1

    @pytest.mark.parametrize(
        "variables", [{"CI_JOB_TOKEN": ""}, {"CI_SERVER_URL": "https://gitlab.example.com"}]
    )
    def test_twin_no_job_or_another_gitlab(
        self, home: PoetryHome, server: IndexServer, variables: dict[str, str]
    ) -> None:
        home.environ.update(variables)
        settle(home, "foo", {"provider": "gitlab"})
        assert "[credential-missing]" in home.fails("lock").text
        assert server.authorizations() == []
        assert "foo   primary       no login\n" in home.ok("repo", "list").out
