"""Credential helpers through whole commands: real scripts in the three protocols, and what the
servers received.

Protocols: https://github.com/EngFlow/credential-helper-spec; gitcredentials(7);
https://kubernetes.io/docs/reference/access-authn-authz/authentication/ ("client-go credential
plugins").
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import packages
from tests.certs import CertificateFactory, Identity, key_pem, server_context
from tests.integration.outside_world import (
    Helper,
    accept,
    anonymous,
    assert_nowhere,
    later,
    project,
    refusals,
    secrets_seen,
    set_helper,
    use_venv,
    with_keyring,
)
from tests.integration.world import installed
from tests.poetry_process import PoetryHome
from tests.servers import IndexServer
from tests.servers.faults import forbidden

PROTOCOLS = ("bazel", "git", "exec-credential")
PACKAGES = ["alpha", "beta"]


@pytest.fixture
def server() -> Iterator[IndexServer]:
    with IndexServer(tokens=set()) as server:
        server.add_all(packages.wheel(name, "1.0") for name in PACKAGES)
        yield server


@pytest.fixture(params=PROTOCOLS)
def helper(request: pytest.FixtureRequest, tmp_path: Path, server: IndexServer) -> Helper:
    """A helper in one of the protocols, whose tokens live for ever; the first two are good."""
    helper = Helper.make(tmp_path / "bin", str(request.param), life=None)
    accept(server.index, helper, [1, 2])
    return helper


def with_upload(server: IndexServer) -> str:
    return f'[tool.poetry-repo-plugin.foo]\npublish-url = "{server.upload_url}"\n'


def add_dist(home: PoetryHome) -> None:
    (home.project / "dist").mkdir()
    name, content = packages.wheel("app", "0.1.0")
    assert isinstance(content, bytes)
    (home.project / "dist" / name).write_bytes(content)


class TestFromLoginToPublish:
    def test_login_lock_install_publish(
        self, server: IndexServer, home: PoetryHome, helper: Helper, tmp_path: Path
    ) -> None:
        accept(server.index, helper, range(1, 9))
        project(home, server.index_url, *PACKAGES, extra=with_upload(server))
        add_dist(home)
        words = helper.tool.command[0]
        done = [home.ok("repo", "login", "foo", "--helper", words)]
        kept = home.toml("poetry-repo-plugin.toml")["repositories"]["foo"]
        assert (kept["helper"], kept["helper-protocol"]) == ([words], helper.protocol), (
            "the protocol was found out"
        )
        assert kept["credential-origins"] == [server.origin]
        assert not (home.config / "auth.toml").exists()
        site_packages = use_venv(home, tmp_path / "venv")
        for command, requests in (
            (("lock",), 4),
            (("install", "--no-root"), 2),
            (("publish", "-r", "foo"), 1),
        ):
            server.clear()
            before = helper.asked
            done.append(home.ok(*command))
            assert helper.asked == before + 1, command
            assert secrets_seen(server) == [helper.token(helper.asked)], command
            assert (refusals(server), anonymous(server)) == (0, 0), command
            assert len(server.requests) >= requests
        assert installed(site_packages) == [f"{name}-1.0" for name in PACKAGES]
        assert [upload.filename for upload in server.uploads] == ["app-0.1.0-py3-none-any.whl"]
        assert_nowhere(home, done, *(helper.token(number) for number in range(1, 9)))

    def test_twin_a_refused_answer_stores_nothing(
        self, server: IndexServer, home: PoetryHome, helper: Helper
    ) -> None:
        accept(server.index, helper, [])
        project(home, server.index_url, *PACKAGES)
        done = home.fails("repo", "login", "foo", "--helper", helper.tool.command[0])
        assert "[credential-rejected]" in done.err
        assert home.toml("poetry-repo-plugin.toml") == {}
        assert "[credential-missing]" in home.fails("lock").text
        assert helper.asked <= 3, "only the login asked, once for each protocol that it tried"

    def test_twin_a_helper_that_has_nothing(
        self, server: IndexServer, home: PoetryHome, tmp_path: Path
    ) -> None:
        helper = Helper.make(tmp_path / "bin", "bazel", body='print("{}")\n')
        set_helper(home, helper, server.origin)
        project(home, server.index_url, *PACKAGES)
        done = home.fails("lock")
        assert "[credential-missing]" in done.text
        assert helper.asked == 1
        assert secrets_seen(server) == []


class TestGit:
    """``store`` after a success, ``erase`` after a refusal, as git itself does."""

    @pytest.fixture
    def helper(self, tmp_path: Path, server: IndexServer, home: PoetryHome) -> Helper:
        helper = Helper.make(tmp_path / "bin", "git", life=None)
        set_helper(home, helper, server.origin)
        project(home, server.index_url, *PACKAGES, extra=with_upload(server))
        return helper

    def test_what_was_accepted_is_stored_once(
        self, server: IndexServer, home: PoetryHome, helper: Helper
    ) -> None:
        accept(server.index, helper, [1])
        home.ok("lock")
        assert helper.words == ["get", "store"]
        assert helper.told("store") == [helper.token(1)]
        stored = helper.tool.calls[-1]["stdin"]
        assert f"protocol=http\nhost={server.netloc}\npath=simple\nusername=robot1\n" in stored

    def test_what_was_refused_is_erased_before_it_is_asked_again(
        self, server: IndexServer, home: PoetryHome, helper: Helper
    ) -> None:
        accept(server.index, helper, [2])
        home.ok("lock")
        assert helper.words == ["get", "erase", "get", "store"]
        assert (helper.told("erase"), helper.told("store")) == (
            [helper.token(1)],
            [helper.token(2)],
        )
        assert refusals(server) == 1

    def test_a_token_revoked_in_the_middle(
        self, server: IndexServer, home: PoetryHome, helper: Helper
    ) -> None:
        accept(server.index, helper, [1, 2])
        server.limit(helper.token(1), 1)
        home.ok("lock")
        assert helper.words == ["get", "store", "erase", "get", "store"]
        assert helper.told("store") == [helper.token(1), helper.token(2)]

    def test_twin_both_are_refused(
        self, server: IndexServer, home: PoetryHome, helper: Helper
    ) -> None:
        accept(server.index, helper, [])
        home.fails("lock")
        assert sorted(helper.words) == ["erase", "erase", "get", "get"]
        assert sorted(helper.told("erase")) == [helper.token(1), helper.token(2)]

    def test_twin_a_missing_right_is_no_reason_to_erase(
        self, server: IndexServer, home: PoetryHome, helper: Helper
    ) -> None:
        """git erases after a 401 only (http.c): the password is good."""
        accept(server.index, helper, [1, 2])
        server.respond = lambda request: forbidden() if request.authorization else None
        done = home.fails("lock")
        assert "403" in done.text
        assert set(helper.words) == {"get"}

    def test_uploads_are_told_as_well(
        self, server: IndexServer, home: PoetryHome, helper: Helper
    ) -> None:
        accept(server.index, helper, [2])
        add_dist(home)
        home.ok("publish", "-r", "foo")
        assert helper.words == ["get", "erase", "get", "store"]
        assert len(server.uploads) == 1

    def test_a_helper_that_cannot_store_is_a_note(
        self, server: IndexServer, home: PoetryHome, tmp_path: Path
    ) -> None:
        body = 'if sys.argv[-1] != "get":\n    sys.exit("read-only vault")\nprint("username=robot1\\npassword=p4ss")\n'
        helper = Helper.make(tmp_path / "other", "git", body=body)
        set_helper(home, helper, server.origin)
        project(home, server.index_url, *PACKAGES)
        server.index.credentials, server.index.tokens = {"robot1": "p4ss"}, None
        done = home.ok("lock")
        assert "Repository foo: the credential helper" in done.err
        assert "read-only vault" in done.err
        assert "p4ss" not in done.text


def exec_helper(
    folder: Path, identity: Identity, *, token: str | None = "t0ken", ends: list[str] | None = None
) -> Helper:
    """Hands out a client certificate with its key, as kubectl's plugins do; ``ends`` says when, for
    each run.
    """
    status = {
        "clientCertificateData": identity.cert_pem.decode(),
        "clientKeyData": key_pem(identity).decode(),
        **({"token": token} if token else {}),
    }
    body = f"status = json.loads({json.dumps(status)!r})\nends = {ends!r}\n"
    body += "if ends:\n    status['expirationTimestamp'] = ends[min(me, len(ends)) - 1]\n"
    body += "print(json.dumps({'kind': 'ExecCredential', 'status': status}))\n"
    return Helper.make(folder, "exec-credential", body=body)


class TestClientCertificate:
    """ExecCredential's ``clientCertificateData`` and ``clientKeyData``: the server sees the
    peer.
    """

    @pytest.fixture
    def server(self, certs: CertificateFactory) -> Iterator[IndexServer]:
        with IndexServer(tls=server_context(certs.server(), certs.ca), tokens={"t0ken"}) as server:
            server.add_all(packages.wheel(name, "1.0") for name in PACKAGES)
            yield server

    @pytest.fixture(autouse=True)
    def settings(self, server: IndexServer, home: PoetryHome, certs: CertificateFactory) -> None:
        (home.config / "config.toml").write_text(
            f'[certificates.foo]\ncert = "{certs.ca_file()}"\n'
        )
        project(home, server.index_url, *PACKAGES, extra=with_upload(server))
        add_dist(home)

    def test_it_is_offered_and_the_helper_runs_once(
        self, server: IndexServer, home: PoetryHome, certs: CertificateFactory, tmp_path: Path
    ) -> None:
        helper = exec_helper(tmp_path / "bin", certs.client("robot-7"))
        done = [home.ok("repo", "login", "foo", "--helper", helper.tool.command[0])]
        for command in (("lock",), ("publish", "-r", "foo")):
            before = helper.asked
            server.clear()
            done.append(home.ok(*command))
            assert helper.asked == before + 1, "the token and the certificate come from one run"
            assert {request.peer for request in server.requests} == {"robot-7"}
            assert secrets_seen(server) == ["t0ken"]
            assert (refusals(server), server.handshake_errors) == (0, [])
        assert_nowhere(home, done, "t0ken", "PRIVATE KEY")

    def test_a_certificate_alone_opens_an_index_without_passwords(
        self, server: IndexServer, home: PoetryHome, certs: CertificateFactory, tmp_path: Path
    ) -> None:
        server.index.tokens = None
        helper = exec_helper(tmp_path / "bin", certs.client("robot-7"), token=None)
        home.ok("repo", "login", "foo", "--helper", helper.tool.command[0])
        before = helper.asked
        home.ok("lock")
        assert helper.asked == before + 1
        assert {request.peer for request in server.requests} == {"robot-7"}

    def test_twin_login_refuses_what_the_server_refuses(
        self, server: IndexServer, home: PoetryHome, certs: CertificateFactory, tmp_path: Path
    ) -> None:
        helper = exec_helper(tmp_path / "bin", certs.client_foreign(), token=None)
        done = home.fails("repo", "login", "foo", "--helper", helper.tool.command[0])
        assert "[client-cert-rejected]" in done.err
        assert home.toml("poetry-repo-plugin.toml") == {}

    def test_twin_a_helper_without_one(
        self, server: IndexServer, home: PoetryHome, tmp_path: Path
    ) -> None:
        helper = Helper.make(tmp_path / "bin", "exec-credential")
        set_helper(home, helper, server.origin)
        assert "[client-cert-required]" in home.fails("lock").text
        assert server.requests == []

    def test_twin_one_of_a_foreign_authority(
        self, server: IndexServer, home: PoetryHome, certs: CertificateFactory, tmp_path: Path
    ) -> None:
        set_helper(home, exec_helper(tmp_path / "bin", certs.client_foreign()), server.origin)
        assert "[client-cert-rejected]" in home.fails("lock").text
        assert server.requests == []

    def test_twin_one_that_has_expired(
        self, server: IndexServer, home: PoetryHome, certs: CertificateFactory, tmp_path: Path
    ) -> None:
        set_helper(home, exec_helper(tmp_path / "bin", certs.client_expired()), server.origin)
        done = home.fails("lock")
        assert "[client-cert-expired]" in done.text
        assert "from the helper" in done.text
        assert server.connections == 0, "found before connecting"

    def test_twin_the_helper_says_that_it_has_expired(
        self, server: IndexServer, home: PoetryHome, certs: CertificateFactory, tmp_path: Path
    ) -> None:
        helper = exec_helper(
            tmp_path / "bin", certs.client("robot-7"), ends=["2020-01-02T03:04:05Z"]
        )
        set_helper(home, helper, server.origin)
        done = home.fails("lock")
        assert "the helper's client certificate has expired" in done.text
        assert "Try: poetry repo certs foo --client-cert PATH\n" in done.text
        assert (helper.asked, server.connections) == (1, 0)

    def test_one_that_ends_in_the_middle_is_asked_for_again(
        self, server: IndexServer, home: PoetryHome, certs: CertificateFactory, tmp_path: Path
    ) -> None:
        """The first is good for 61 s: after a second it is no longer good for long enough, and the
        next connection (the server ends each) offers what a second run of the helper gave.
        """
        ends = [f"{later(seconds):%Y-%m-%dT%H:%M:%SZ}" for seconds in (61, 3600)]
        helper = exec_helper(tmp_path / "bin", certs.client("robot-7"), ends=ends)
        set_helper(home, helper, server.origin)
        home.environ["POETRY_REPO_PLUGIN_PREFETCH"] = "false"  # ahead, all four would begin at once
        server.respond = lambda request: time.sleep(
            3.5
        )  # the last of four requests begins when ten seconds are over
        home.ok("lock")
        assert helper.asked == 2
        assert (refusals(server), server.handshake_errors) == (0, [])

    def test_it_goes_to_its_own_origin_only(
        self, server: IndexServer, home: PoetryHome, certs: CertificateFactory, tmp_path: Path
    ) -> None:
        helper = exec_helper(tmp_path / "bin", certs.client("robot-7"))
        set_helper(home, helper, "https://packages.example.com")
        server.tls = server_context(certs.server(), certs.ca, require=False)
        done = home.fails("lock")
        assert "[origin-mismatch]" in done.text
        assert helper.asked == 0
        assert {request.peer for request in server.requests} == {None}


class TestBoundToOrigins:
    def test_a_project_of_the_same_name_elsewhere_does_not_even_run_it(
        self, server: IndexServer, home: PoetryHome, helper: Helper
    ) -> None:
        set_helper(home, helper, "https://packages.example.com")
        project(home, server.index_url, *PACKAGES, extra=with_upload(server))
        add_dist(home)
        for command in (("lock",), ("publish", "-r", "foo")):
            done = home.fails(*command)
            assert "[origin-mismatch]" in done.text
            assert "https://packages.example.com" in done.text
            assert "poetry repo login foo --url" in done.text
        assert helper.words == []
        assert server.authorizations() == []

    def test_twin_an_open_index_is_used_without_it(
        self, server: IndexServer, home: PoetryHome, helper: Helper
    ) -> None:
        set_helper(home, helper, "https://packages.example.com")
        project(home, server.index_url, *PACKAGES)
        server.index.tokens = server.index.credentials = None
        done = home.ok("lock")
        assert "is not sent to" in done.err
        assert helper.words == []

    def test_a_second_host_is_asked_for_once_and_not_for_each_file(
        self, server: IndexServer, home: PoetryHome, tmp_path: Path
    ) -> None:
        helper = Helper.make(tmp_path / "bin", "bazel", life=None)
        with IndexServer(tokens=set()) as files:
            files.index.packages = server.index.packages
            server.index.file_base_url = f"{files.origin}/files/"
            for index in (server.index, files.index):
                accept(index, helper, [1, 2])
            set_helper(home, helper, server.origin, files.origin)
            project(home, server.index_url, *PACKAGES)
            home.ok("lock")
            assert [json.loads(call["stdin"])["uri"] for call in helper.tool.calls] == [
                server.index_url,
                files.origin,
            ]
            assert secrets_seen(server) == [helper.token(1)]
            assert secrets_seen(files) == [helper.token(2)]


class TestTrouble:
    """A helper that fails, hangs or talks nonsense: a clear error in bounded time."""

    @pytest.mark.parametrize(
        ("body", "told"),
        [
            ("sys.exit('the vault is sealed')", "failed (status 1): the vault is sealed"),
            ("print('<html>')", "did not answer with a JSON object"),
            (
                "print(json.dumps({'headers': {'Authorization': ['Bearer a b']}}))",
                "token contains white space",
            ),
            (
                "print(json.dumps({'headers': {'Authorization': ['Bearer x']}, 'expires': 'soon'}))",
                "is not a time",
            ),
            (
                "print(json.dumps({'headers': {'Authorization': ['Bearer x']}, 'expires': '2020-01-02T03:04:05Z'}))",
                "credential expired at 2020-01-02",
            ),
            ("sys.stdout.write('x' * 2_000_000)", "wrote more than 1024 KiB"),
        ],
        ids=["fails", "nonsense", "no token", "no time", "expired", "too much"],
    )
    def test_it_is_told_once_and_run_once(
        self, server: IndexServer, home: PoetryHome, tmp_path: Path, body: str, told: str
    ) -> None:
        helper = Helper.make(tmp_path / "bin", "bazel", body=body)
        set_helper(home, helper, server.origin)
        project(home, server.index_url, *PACKAGES)
        done = home.fails("lock")
        assert done.text.count(told) == 1, done.text
        assert "Try: poetry repo login foo --helper " in done.text, (
            "a plain login would replace the helper"
        )
        assert helper.asked == 1

    def test_one_that_hangs_is_ended_and_not_tried_again(
        self, server: IndexServer, home: PoetryHome, tmp_path: Path
    ) -> None:
        helper = Helper.make(tmp_path / "bin", "bazel", body="time.sleep(600)\n")
        set_helper(home, helper, server.origin)
        project(home, server.index_url, *PACKAGES)
        before = time.monotonic()
        done = home.fails("lock")
        took = time.monotonic() - before
        print(f"\na helper that hangs: the command ended after {took:.0f} s")
        assert "did not answer within 30 s and was stopped" in done.text
        assert helper.asked == 1
        assert 30 <= took < 50

    def test_a_helper_that_is_gone(
        self, server: IndexServer, home: PoetryHome, tmp_path: Path
    ) -> None:
        helper = Helper.make(tmp_path / "bin", "bazel")
        set_helper(home, helper, server.origin)
        helper.tool.path.unlink()
        project(home, server.index_url, *PACKAGES)
        done = home.fails("lock")
        assert "cannot be started: No such file or directory" in done.text
        assert "Try: poetry repo login foo --helper COMMAND" in done.text

    def test_twin_an_open_index_is_read_all_the_same(
        self, server: IndexServer, home: PoetryHome, tmp_path: Path
    ) -> None:
        helper = Helper.make(tmp_path / "bin", "bazel", body="sys.exit('the vault is sealed')")
        set_helper(home, helper, server.origin)
        project(home, server.index_url, *PACKAGES)
        server.index.tokens = None
        home.ok("lock")
        assert helper.asked == 1


class TestNeverRun:
    def test_by_a_command_that_needs_no_repository(
        self, server: IndexServer, home: PoetryHome, tmp_path: Path
    ) -> None:
        helper = Helper.make(tmp_path / "bin", "exec-credential", life=None)
        set_helper(with_keyring(home), helper, server.origin)
        accept(server.index, helper, [1, 2])
        project(home, server.index_url, *PACKAGES)
        site_packages = use_venv(home, tmp_path / "venv")
        home.ok("install", "--no-root")
        assert helper.asked == 1
        calls = len(home.keyring_calls())
        server.clear()
        for command in (
            *(
                ("version",),
                ("show",),
                ("show", "--tree"),
                ("show", "alpha"),
                ("check",),
                ("env", "info"),
            ),
            *(
                ("install", "--no-root"),
                ("sync", "--no-root"),
                ("install", "--dry-run"),
                ("config", "--list"),
            ),
        ):
            home.ok(*command)
        assert helper.asked == 1
        assert (server.requests, len(home.keyring_calls())) == ([], calls)
        for words in ("repo", "repo list", "repo show foo", "repo list --json"):
            home.ok(*words.split())
        assert helper.asked == 1
        assert server.requests == []
        # The twin: a command that does need it runs it.
        for path in site_packages.glob("alpha*"):
            if path.name.endswith(".dist-info"):
                for file in path.iterdir():
                    file.unlink()
                path.rmdir()
        for path in sorted((home.root / "cache").rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
        home.ok("install", "--no-root")
        assert helper.asked == 2

    def test_nor_by_another_repository_on_the_way(
        self, server: IndexServer, home: PoetryHome, tmp_path: Path
    ) -> None:
        """Only the repository that is asked asks its helper."""
        helper = Helper.make(tmp_path / "bin", "bazel")
        set_helper(home, helper, "https://packages.example.com", name="other")
        server.index.tokens = None
        project(home, server.index_url, *PACKAGES)
        home.ok("lock")
        assert helper.asked == 0


def test_the_helper_knows_no_other_repositorys_secrets(
    server: IndexServer, home: PoetryHome, tmp_path: Path
) -> None:
    helper = Helper.make(tmp_path / "bin", "bazel", life=None)
    set_helper(home, helper, server.origin)
    accept(server.index, helper, [1])
    home.environ["POETRY_HTTP_BASIC_OTHER_PASSWORD"] = "s3cret"
    home.environ["VAULT_ADDR"] = "https://vault.example.com"
    project(home, server.index_url, *PACKAGES)
    home.ok("lock")
    (call,) = helper.tool.calls
    assert "POETRY_HTTP_BASIC_OTHER_PASSWORD" not in call["env"]
    assert call["env"]["VAULT_ADDR"] == "https://vault.example.com"
