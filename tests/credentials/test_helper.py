"""Credential helpers in their three protocols: real scripts, each answer with its failing twin.

Formats: https://github.com/EngFlow/credential-helper-spec (spec.md, schemas/); gitcredentials(7),
git-credential(1); https://kubernetes.io/docs/reference/access-authn-authz/authentication/
("client-go credential plugins").
"""

from __future__ import annotations

import base64
import json
import shutil
import threading
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from shlex import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from poetry_repo_plugin.core.errors import Cause
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.credentials import helper_protocols as protocols
from poetry_repo_plugin.credentials.base import (
    BASIC,
    BEARER,
    Answer,
    Broken,
    Credential,
    NotMine,
    Query,
)
from poetry_repo_plugin.credentials.external_choice import PROTOCOLS, identifies, is_helper
from poetry_repo_plugin.credentials.helper import (
    Detected,
    HelperAnswer,
    HelperProtocol,
    HelperSettings,
    HelperSource,
    detect,
)
from poetry_repo_plugin.credentials.providers.registry import provider
from tests.credentials.stand_ins import HEARTBEAT, StandIn, heart_stops, path_with

URL = "https://packages.example.com/private/simple/"
QUERY = Query("corp", URL)
LATER = datetime(2099, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\n"


def source(
    tool: StandIn, protocol: HelperProtocol, *arguments: str, timeout: float = 20.0
) -> HelperSource:
    return HelperSource(HelperSettings((*tool.command, *arguments), protocol, timeout))


def saying(folder: Path, document: object) -> StandIn:
    text = document if isinstance(document, str) else json.dumps(document)
    return StandIn(folder, "helper", f"sys.stdout.write({text!r})")


def basic(pair: bytes) -> str:
    return "Basic " + base64.b64encode(pair).decode()


def got(answer: Answer) -> Credential:
    assert isinstance(answer, Credential), answer
    return answer


def why(answer: object) -> str:
    assert isinstance(answer, Broken), answer
    return answer.why


# --- the Credential Helpers Specification
# ----------------------------------------------------------------------------


def test_a_bazel_helper_is_asked_with_get_and_the_uri(tmp_path: Path) -> None:
    tool = saying(
        tmp_path,
        {"headers": {"Authorization": ["Bearer t0ken"]}, "expires": "2099-01-02T03:04:05Z"},
    )
    credential = got(source(tool, HelperProtocol.BAZEL, "--vault", "team").get(QUERY))
    assert (credential.scheme, credential.secret.reveal(), credential.username) == (
        BEARER,
        "t0ken",
        None,
    )
    assert credential.expires_at == LATER
    assert (credential.source, credential.detail) == ("helper", f"{tool.path} (bazel)")
    (call,) = tool.calls
    assert call["argv"] == ["--vault", "team", "get"]
    assert json.loads(call["stdin"]) == {"uri": URL}


def test_basic_is_taken_apart(tmp_path: Path) -> None:
    tool = saying(tmp_path, {"headers": {"authorization": [basic("Jürgen:pä:ss".encode())]}})
    credential = got(source(tool, HelperProtocol.BAZEL).get(QUERY))
    assert (credential.scheme, credential.username, credential.secret.reveal()) == (
        BASIC,
        "Jürgen",
        "pä:ss",
    )
    assert credential.expires_at is None


def test_any_other_scheme_is_kept_as_it_is(tmp_path: Path) -> None:
    value = 'AWS4-HMAC-SHA256 Credential=AKIA/x, SignedHeaders=host, Signature="ab"'
    credential = got(
        source(saying(tmp_path, {"headers": {"Authorization": [value]}}), HelperProtocol.BAZEL).get(
            QUERY
        )
    )
    assert credential.scheme == "AWS4-HMAC-SHA256"
    assert credential.authorization() == value


@pytest.mark.parametrize("alone", [True, False])
def test_bazel_further_headers(tmp_path: Path, alone: bool) -> None:
    """Several values of one are a list (RFC 9110, 5.3); cookies are a cookie string (RFC 6265)."""
    headers = {"X-Api-Key": ["k1", "k2"], "cookie": ["a=1", "b=2"], "Host": ["evil.example"]}
    if not alone:
        headers["Authorization"] = ["Bearer t0ken"]
    answer = source(saying(tmp_path, {"headers": headers}), HelperProtocol.BAZEL).ask(QUERY)
    credential = answer.credential
    assert isinstance(credential, Credential)
    assert credential.authorization() == (None if alone else "Bearer t0ken")
    sent = {name: value.reveal() for name, value in credential.headers}
    assert sent == {"X-Api-Key": "k1, k2", "cookie": "a=1; b=2"}
    assert answer.unsent == ("Host",)
    assert "k1" not in repr(credential)


@pytest.mark.parametrize("document", [{}, {"headers": {}}, {"headers": {"header1": []}}])
def test_the_three_empty_answers_of_the_specification_mean_not_mine(
    document: object, tmp_path: Path
) -> None:
    assert isinstance(source(saying(tmp_path, document), HelperProtocol.BAZEL).get(QUERY), NotMine)


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ("not json", "did not answer with a JSON object"),
        ("", "did not answer with a JSON object"),
        ([], "did not answer with a JSON object"),
        ({"headers": []}, "not an object of lists"),
        ({"headers": {"Authorization": "Bearer x"}}, "not an object of lists"),
        (
            {"headers": {"Host": ["x"], "Content-Type": ["y"]}},
            "answers only with Content-Type, Host, which cannot be sent",
        ),
        (
            {"headers": {"X-Api-Key": ["x\r\nX-Evil: 1"]}},
            "answers with X-Api-Key, but its value contains a line break",
        ),
        (
            {"headers": {"Authorization": ["Bearer x", "Bearer y"]}},
            "more than one Authorization header",
        ),
        ({"headers": {"Authorization": ["Bearer"]}}, "not of the form"),
        ({"headers": {"Authorization": ["Bearer x\r\nX-Evil: 1"]}}, "not of the form"),
        ({"headers": {"Authorization": ["Bearer two words"]}}, "white space"),
        ({"headers": {"Authorization": ["Bearer \ud800"]}}, "not of the form"),
        ({"headers": {"Authorization": ["Basic %%%"]}}, "not base64 of UTF-8"),
        ({"headers": {"Authorization": [basic(b"\xff:\xff")]}}, "not base64 of UTF-8"),
        ({"headers": {"Authorization": [basic(b"token")]}}, "no colon"),
        ({"headers": {"Authorization": [basic(b"u:pw\n")]}}, "control character"),
        (
            {"headers": {"Authorization": ["Bearer x"]}, "expires": "soon"},
            "'expires' is not a time",
        ),
    ],
)
def test_garbage_is_broken_and_named(document: object, reason: str, tmp_path: Path) -> None:
    assert reason in why(source(saying(tmp_path, document), HelperProtocol.BAZEL).get(QUERY))


def test_a_credential_that_has_expired_already_is_broken(tmp_path: Path) -> None:
    tool = saying(
        tmp_path,
        {"headers": {"Authorization": ["Bearer x"]}, "expires": "2020-01-02T03:04:05+01:00"},
    )
    answer = source(tool, HelperProtocol.BAZEL).get(QUERY)
    assert (
        why(answer)
        == "the helper's credential expired at 2020-01-02 02:04 UTC, by this machine's clock"
    )
    assert isinstance(answer, Broken)
    assert answer.cause is Cause.CREDENTIAL_EXPIRED


def test_a_failing_helper_is_broken_with_what_it_said(tmp_path: Path) -> None:
    tool = StandIn(tmp_path, "helper", "print('vault is sealed', file=sys.stderr); sys.exit(2)")
    answer = source(tool, HelperProtocol.BAZEL).get(QUERY)
    assert why(answer) == f"the credential helper {tool.path} failed (status 2): vault is sealed"


@pytest.mark.parametrize(
    ("body", "arguments", "command"),
    [
        ("sys.exit('sealed')", (), "{path} --protocol bazel"),
        ("print('<html>')", (), "{path} --protocol bazel"),
        ("sys.exit('sealed')", ("--role", "s3cret"), "COMMAND"),
    ],
)
def test_what_mends_a_failing_helper_does_not_replace_it(
    body: str, arguments: tuple[str, ...], command: str, tmp_path: Path
) -> None:
    """``poetry repo login corp`` alone would; and arguments of a command may be nobody's
    business.
    """
    tool = StandIn(tmp_path / "my bin", "helper", body)
    answer = HelperSource(HelperSettings((*tool.command, *arguments), HelperProtocol.BAZEL)).get(
        QUERY
    )
    assert isinstance(answer, Broken)
    assert answer.hint == "poetry repo login corp --helper " + command.format(
        path=quote(str(tool.path))
    )
    nameless = HelperSource(HelperSettings(tool.command, HelperProtocol.BAZEL)).get(Query("", URL))
    assert isinstance(nameless, Broken)
    assert nameless.hint is None


def test_a_missing_helper_is_broken_with_the_command_that_mends_it(tmp_path: Path) -> None:
    settings = HelperSettings((str(tmp_path / "gone"),), HelperProtocol.BAZEL)
    answer = HelperSource(settings).get(QUERY)
    assert isinstance(answer, Broken)
    assert (
        answer.why
        == f"the credential helper {tmp_path}/gone cannot be started: No such file or directory"
    )
    assert answer.hint == "poetry repo login corp --helper COMMAND"
    nameless = HelperSource(settings).get(Query("", URL))
    assert isinstance(nameless, Broken)
    assert nameless.hint is None


def test_a_hanging_helper_is_killed_at_its_limit_and_its_child_too(tmp_path: Path) -> None:
    pulse = tmp_path / "pulse"
    tool = StandIn(tmp_path, "helper", HEARTBEAT.format(pulse=str(pulse)) + "time.sleep(60)")
    answer = source(tool, HelperProtocol.BAZEL, timeout=1.0).get(QUERY)
    assert (
        why(answer)
        == f"the credential helper {tool.path} did not answer within 1 s and was stopped"
    )
    assert heart_stops(pulse)


def test_only_a_credential_of_the_user_that_is_asked_for_will_do(tmp_path: Path) -> None:
    tool = saying(tmp_path, {"headers": {"Authorization": [basic(b"alice:pw")]}})
    helper = source(tool, HelperProtocol.BAZEL)
    assert got(helper.get(QUERY._replace(username="alice"))).username == "alice"
    assert isinstance(helper.get(QUERY._replace(username="bob")), NotMine)


def test_nothing_runs_before_the_first_question_and_each_question_runs_it(tmp_path: Path) -> None:
    tool = saying(tmp_path, {})
    helper = source(tool, HelperProtocol.BAZEL)
    assert (helper.name, tool.calls) == ("helper", [])
    threads = [threading.Thread(target=helper.get, args=(QUERY,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tool.calls) == 4


def test_a_url_that_is_none_is_broken_and_runs_nothing(tmp_path: Path) -> None:
    tool = saying(tmp_path, {})
    for protocol in (HelperProtocol.GIT, HelperProtocol.EXEC_CREDENTIAL):
        assert "not an http or https URL" in why(
            source(tool, protocol).get(Query("corp", "ftp://example.com/"))
        )
    assert tool.calls == []


# --- git's credential protocol
# ---------------------------------------------------------------------------------------


def test_a_git_helper_is_asked_with_the_path_first(tmp_path: Path) -> None:
    tool = saying(
        tmp_path, "username=alice\npassword=pa=ss\npassword_expiry_utc=4071006245\nunknown=1\n"
    )
    credential = got(source(tool, HelperProtocol.GIT).get(QUERY))
    assert (credential.username, credential.secret.reveal(), credential.scheme) == (
        "alice",
        "pa=ss",
        BASIC,
    )
    assert credential.expires_at == LATER
    (call,) = tool.calls
    assert call["argv"] == ["get"]
    assert call["stdin"] == "protocol=https\nhost=packages.example.com\npath=private/simple\n\n"


def test_where_it_knows_nothing_of_the_path_it_is_asked_without_as_git_does(tmp_path: Path) -> None:
    tool = StandIn(
        tmp_path, "helper", "if 'path=' not in stdin: print('username=alice\\npassword=pw')"
    )
    assert got(source(tool, HelperProtocol.GIT).get(QUERY)).username == "alice"
    assert [("path=" in call["stdin"]) for call in tool.calls] == [True, False]


def test_port_and_user_are_part_of_the_question(tmp_path: Path) -> None:
    tool = saying(tmp_path, "password=pw\n")
    query = Query("corp", "http://127.0.0.1:8080", username="bob")
    assert got(source(tool, HelperProtocol.GIT).get(query)).username == "bob"
    assert [call["stdin"] for call in tool.calls] == [
        "protocol=http\nhost=127.0.0.1:8080\nusername=bob\n\n"
    ]


@pytest.mark.parametrize(
    "output", ["", "\n", "username=alice\n", "password=\n", "\npassword=after the end\n"]
)
def test_no_password_means_not_mine(output: str, tmp_path: Path) -> None:
    assert isinstance(source(saying(tmp_path, output), HelperProtocol.GIT).get(QUERY), NotMine)


def test_lines_may_end_as_windows_ends_them(tmp_path: Path) -> None:
    credential = got(
        source(saying(tmp_path, "username=alice\r\npassword=pw\r\n"), HelperProtocol.GIT).get(QUERY)
    )
    assert (credential.username, credential.secret.reveal()) == ("alice", "pw")


def test_quit_means_that_nobody_else_is_asked(tmp_path: Path) -> None:
    tool = saying(tmp_path, "quit=1\n")
    assert "nobody else is to be asked" in why(source(tool, HelperProtocol.GIT).get(QUERY))
    assert len(tool.calls) == 1


def test_quit_beside_a_password_changes_nothing(tmp_path: Path) -> None:
    got(
        source(saying(tmp_path, "username=a\npassword=pw\nquit=true\n"), HelperProtocol.GIT).get(
            QUERY
        )
    )


@pytest.mark.parametrize(
    "echoed", ["host=evil.example.com", "host=packages.example.com:444", "protocol=http"]
)
def test_an_answer_for_another_host_is_never_used(echoed: str, tmp_path: Path) -> None:
    tool = saying(tmp_path, f"{echoed}\nusername=alice\npassword=pw\n")
    assert isinstance(source(tool, HelperProtocol.GIT).get(QUERY), NotMine)


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("usage: helper get\n", "lines of the form 'name=value'"),
        ("=nameless\n", "lines of the form 'name=value'"),
        ("password=a\0b\n", "lines of the form 'name=value'"),
        ("password=pw\npassword_expiry_utc=soon\n", "not a number of seconds"),
        (
            "password=pw\npassword_expiry_utc=999999999999999999\n",
            "'password_expiry_utc' is not a time",
        ),
        ("password=pw\npassword_expiry_utc=1\n", "expired at 1970-01-01 00:00 UTC"),
    ],
)
def test_garbage_from_a_git_helper_is_broken(output: str, reason: str, tmp_path: Path) -> None:
    assert reason in why(source(saying(tmp_path, output), HelperProtocol.GIT).get(QUERY))


@pytest.mark.parametrize(
    "query",
    [
        Query("corp", "https://packages.example.com/a%0Apassword=x/simple/"),
        Query("corp", "https://packages.example.com/a%00/simple/"),
        Query("corp", URL, username="bob\nhost=evil.example.com"),
    ],
)
def test_a_line_end_in_a_value_is_refused_before_anything_runs(
    query: Query, tmp_path: Path
) -> None:
    """CVE-2020-5260: it would become an attribute of its own."""
    tool = saying(tmp_path, "username=a\npassword=b\n")
    assert "contains a line end" in why(source(tool, HelperProtocol.GIT).get(query))
    assert tool.calls == []


def test_a_value_that_is_not_unicode_is_refused_before_anything_runs(tmp_path: Path) -> None:
    tool = saying(tmp_path, "username=a\npassword=b\n")
    assert "not valid Unicode" in why(
        source(tool, HelperProtocol.GIT).get(QUERY._replace(username="\udcff"))
    )
    assert tool.calls == []


def test_a_failing_git_helper_is_broken(tmp_path: Path) -> None:
    tool = StandIn(tmp_path, "helper", "sys.exit('locked')")
    assert "failed (status 1): locked" in why(source(tool, HelperProtocol.GIT).get(QUERY))
    assert len(tool.calls) == 1


def test_what_was_accepted_is_stored_and_what_was_refused_erased(tmp_path: Path) -> None:
    tool = saying(tmp_path, "username=alice\npassword=pw\npassword_expiry_utc=4071006245\n")
    helper = source(tool, HelperProtocol.GIT)
    credential = got(helper.get(QUERY))
    assert helper.store(QUERY, credential) is None
    assert helper.erase(QUERY, credential) is None
    told = (
        "protocol=https\nhost=packages.example.com\npath=private/simple\n"
        "username=alice\npassword=pw\npassword_expiry_utc=4071006245\n\n"
    )
    assert [(call["argv"], call["stdin"]) for call in tool.calls[1:]] == [
        (["store"], told),
        (["erase"], told),
    ]


def test_the_path_is_told_only_where_it_was_needed_to_find_the_credential(tmp_path: Path) -> None:
    tool = StandIn(
        tmp_path, "helper", "if 'path=' not in stdin: print('username=alice\\npassword=pw')"
    )
    helper = source(tool, HelperProtocol.GIT)
    helper.store(QUERY, got(helper.get(QUERY)))
    assert (
        tool.calls[-1]["stdin"]
        == "protocol=https\nhost=packages.example.com\nusername=alice\npassword=pw\n\n"
    )


def test_a_helper_that_cannot_store_is_told_of_not_raised(tmp_path: Path) -> None:
    credential = Credential(Secret("pw"), "alice", "helper", "")
    failing = StandIn(tmp_path, "failing", "print('read only', file=sys.stderr); sys.exit(1)")
    assert "read only" in why(source(failing, HelperProtocol.GIT).store(QUERY, credential))
    gone = HelperSource(HelperSettings((str(tmp_path / "gone"),), HelperProtocol.GIT))
    assert "could not erase" in why(gone.erase(QUERY, credential))
    assert "password contains a line end" in why(
        gone.store(QUERY, replace(credential, secret=Secret("a\nb")))
    )


def test_the_other_protocols_have_no_word_for_store_and_erase(tmp_path: Path) -> None:
    tool = saying(tmp_path, {})
    credential = Credential(Secret("pw"), "alice", "helper", "")
    assert source(tool, HelperProtocol.BAZEL).store(QUERY, credential) is None
    assert source(tool, HelperProtocol.EXEC_CREDENTIAL).erase(QUERY, credential) is None
    assert source(tool, HelperProtocol.GIT).store(QUERY, replace(credential, scheme=BEARER)) is None
    assert tool.calls == []


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_gits_own_store_helper_works_in_all_three_operations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "none"))
    git = shutil.which("git")
    assert git is not None
    command = (git, "credential-store", "--file", str(tmp_path / "passwords"))
    helper = HelperSource(HelperSettings(command, HelperProtocol.GIT))
    assert isinstance(helper.get(QUERY), NotMine)
    assert helper.store(QUERY, Credential(Secret("pässword"), "alice", "option", "")) is None
    credential = got(helper.get(QUERY))
    assert (credential.username, credential.secret.reveal()) == ("alice", "pässword")
    detected = detect(command, URL)
    assert isinstance(detected, Detected)
    assert detected.protocol is HelperProtocol.GIT
    assert isinstance(helper.get(QUERY._replace(url="https://other.example.com/")), NotMine)
    assert helper.erase(QUERY, credential) is None
    assert isinstance(helper.get(QUERY), NotMine)


# --- kubectl's ExecCredential
# ----------------------------------------------------------------------------------------


def exec_credential(**status: object) -> dict[str, object]:
    return {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": status,
    }


def test_an_exec_plugin_finds_its_input_in_the_environment_and_returns_a_token(
    tmp_path: Path,
) -> None:
    tool = saying(
        tmp_path, exec_credential(token="t0ken", expirationTimestamp="2099-01-01T19:04:05-08:00")
    )
    answer = source(tool, HelperProtocol.EXEC_CREDENTIAL, "token").ask(QUERY)
    credential = got(answer.credential)
    assert (credential.scheme, credential.secret.reveal(), credential.expires_at) == (
        BEARER,
        "t0ken",
        LATER,
    )
    assert answer.identity is None
    (call,) = tool.calls
    assert (call["argv"], call["stdin"]) == (["token"], "")
    assert json.loads(call["env"]["KUBERNETES_EXEC_INFO"]) == {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "spec": {"cluster": {"server": "https://packages.example.com"}, "interactive": False},
    }


def test_a_client_certificate_comes_beside_the_credential(tmp_path: Path) -> None:
    status = exec_credential(
        clientCertificateData=CERTIFICATE,
        clientKeyData=KEY,
        expirationTimestamp="2099-01-02T03:04:05Z",
    )
    answer = source(saying(tmp_path, status), HelperProtocol.EXEC_CREDENTIAL).ask(QUERY)
    assert isinstance(answer.credential, NotMine)
    assert answer.identity is not None
    assert answer.identity.certificate_pem == CERTIFICATE
    assert answer.identity.key_pem.reveal() == KEY
    assert answer.identity.expires_at == LATER
    assert "MIIE" not in repr(answer)


def test_token_and_certificate_may_come_together(tmp_path: Path) -> None:
    status = exec_credential(token="t0ken", clientCertificateData=CERTIFICATE, clientKeyData=KEY)
    answer = source(saying(tmp_path, status), HelperProtocol.EXEC_CREDENTIAL).ask(QUERY)
    assert got(answer.credential).secret.reveal() == "t0ken"
    assert answer.identity is not None


@pytest.mark.parametrize(
    "document", [exec_credential(), exec_credential(token=""), {"kind": "ExecCredential"}]
)
def test_an_empty_status_means_not_mine(document: object, tmp_path: Path) -> None:
    answer = source(saying(tmp_path, document), HelperProtocol.EXEC_CREDENTIAL).ask(QUERY)
    assert isinstance(answer.credential, NotMine)
    assert answer.identity is None


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ("nonsense", "of kind ExecCredential"),
        ({"kind": "Secret"}, "of kind ExecCredential"),
        ({"kind": "ExecCredential", "status": "x"}, "'status' is not an object"),
        (exec_credential(token=7), "token is not text"),
        (exec_credential(token="a b"), "white space"),
        (
            exec_credential(token="t", expirationTimestamp="soon"),
            "'expirationTimestamp' is not a time",
        ),
        (exec_credential(token="t", expirationTimestamp="2020-01-01T00:00:00Z"), "expired at 2020"),
        (exec_credential(clientCertificateData=CERTIFICATE), "without its key"),
        (exec_credential(clientKeyData=KEY), "without its certificate"),
        (exec_credential(clientCertificateData=KEY, clientKeyData=KEY), "is not PEM"),
        (
            exec_credential(clientCertificateData=CERTIFICATE, clientKeyData=CERTIFICATE),
            "is not PEM",
        ),
        (
            exec_credential(clientCertificateData=CERTIFICATE + "é", clientKeyData=KEY),
            "outside ASCII",
        ),
        (
            exec_credential(
                clientCertificateData=CERTIFICATE, clientKeyData=KEY, expirationTimestamp="x"
            ),
            "'expirationTimestamp' is not",
        ),
        (
            exec_credential(
                clientCertificateData=CERTIFICATE,
                clientKeyData=KEY,
                expirationTimestamp="2020-01-01T00:00:00Z",
            ),
            "client certificate has expired",
        ),
    ],
)
def test_garbage_from_an_exec_plugin_is_broken(
    document: object, reason: str, tmp_path: Path
) -> None:
    answer = source(saying(tmp_path, document), HelperProtocol.EXEC_CREDENTIAL).ask(QUERY)
    assert reason in why(answer.credential)
    assert answer.identity is None


def test_a_failing_exec_plugin_is_broken(tmp_path: Path) -> None:
    tool = StandIn(tmp_path, "helper", "sys.exit('no session')")
    assert "failed (status 1): no session" in why(
        source(tool, HelperProtocol.EXEC_CREDENTIAL).get(QUERY)
    )


# --- which of them a command speaks
# ----------------------------------------------------------------------------------


def test_each_protocol_is_recognised_and_its_first_answer_kept(tmp_path: Path) -> None:
    bazel = StandIn(
        tmp_path / "b",
        "helper",
        """
        if json.loads(stdin)["uri"].startswith("https://packages."):
            print(json.dumps({"headers": {"Authorization": ["Bearer b"]}}))
        """,
    )
    git = StandIn(
        tmp_path / "g",
        "helper",
        """
        fields = dict(line.split("=", 1) for line in stdin.splitlines() if line)
        if sys.argv[1] == "get" and fields["host"] == "packages.example.com":
            print("username=alice\\npassword=g")
        """,
    )
    kubectl = StandIn(
        tmp_path / "k",
        "helper",
        """
        if sys.argv[1:]:
            sys.exit("unknown command " + sys.argv[1])
        info = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
        print(json.dumps({"apiVersion": info["apiVersion"], "kind": "ExecCredential", "status": {"token": "k"}}))
        """,
    )
    for tool, protocol, secret, calls in [
        (bazel, HelperProtocol.BAZEL, "b", 1),
        (git, HelperProtocol.GIT, "g", 2),
        (kubectl, HelperProtocol.EXEC_CREDENTIAL, "k", 3),
    ]:
        detected = detect(tool.command, URL, timeout=20)
        assert isinstance(detected, Detected)
        assert detected.protocol is protocol
        credential = got(detected.answer.credential)
        assert credential.secret.reveal() == secret
        assert credential.detail == f"{tool.path} ({protocol.value})"
        assert len(tool.calls) == calls


def test_a_helper_that_does_not_look_at_its_input_is_known_by_its_output(tmp_path: Path) -> None:
    for folder, output, protocol in [
        ("git", "password=pw\n", HelperProtocol.GIT),
        ("exec", json.dumps(exec_credential(token="t")), HelperProtocol.EXEC_CREDENTIAL),
        ("bazel", "{}", HelperProtocol.BAZEL),
    ]:
        tool = saying(tmp_path / folder, output)
        detected = detect(tool.command, URL, timeout=20)
        assert isinstance(detected, Detected)
        assert detected.protocol is protocol
        assert len(tool.calls) == 1


def test_a_silent_command_cannot_be_told(tmp_path: Path) -> None:
    tool = StandIn(tmp_path, "helper", "")
    assert why(detect(tool.command, URL, timeout=20)) == (
        f"{tool.path} ran, but returned nothing for https://packages.example.com, so its protocol could not be detected; "
        "set it with --protocol"
    )


def test_a_command_that_fails_in_all_of_them_is_told_with_its_complaint(tmp_path: Path) -> None:
    tool = StandIn(tmp_path, "helper", "sys.exit('vault is sealed')")
    assert why(detect(tool.command, URL, timeout=20)) == (
        f"the credential helper {tool.path} failed (status 1): vault is sealed; if it speaks "
        "another protocol, set --protocol (bazel, git, exec-credential)"
    )
    usage = StandIn(
        tmp_path / "u",
        "helper",
        "sys.exit('what?') if sys.argv[1:] else print('Usage: helper get')",
    )
    assert why(detect(usage.command, URL, timeout=20)) == (
        f"{usage.path} speaks none of the protocols bazel, git, exec-credential; it failed (status 1): what?"
    )
    chatty = StandIn(tmp_path / "c", "helper", "print('Usage: helper [OPTIONS]')")
    assert why(detect(chatty.command, URL, timeout=20)).endswith(
        "the protocols bazel, git, exec-credential"
    )


def test_a_hanging_or_missing_command_ends_the_search_at_once(tmp_path: Path) -> None:
    tool = StandIn(tmp_path, "helper", "time.sleep(60)")
    assert "did not answer within 0.5 s" in why(detect(tool.command, URL, timeout=0.5))
    assert len(tool.calls) <= 1
    assert "cannot be started" in why(detect((str(tmp_path / "gone"),), URL))
    assert "not an http or https URL" in why(detect(saying(tmp_path, "x").command, "ftp://x"))


# --- secrets
# ---------------------------------------------------------------------------------------------------------


def test_no_secret_is_ever_an_argument_or_a_variable_of_the_helper(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", path_with(tmp_path))
    monkeypatch.setenv("POETRY_PYPI_TOKEN_OTHER", "hunter2-other")
    tool = saying(tmp_path, "username=alice\npassword=hunter2\n")
    helper = HelperSource(HelperSettings(("helper",), HelperProtocol.GIT))
    credential = got(helper.get(QUERY))
    helper.store(QUERY, credential)
    assert "password=hunter2\n" in tool.calls[-1]["stdin"]
    for call in tool.calls:
        assert "hunter2" not in json.dumps([call["argv"], call["env"]])
    assert "hunter2" not in repr(credential)


# --- whatever a helper writes
# ----------------------------------------------------------------------------------------

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
_BAZEL = st.fixed_dictionaries(
    {},
    optional={
        "headers": _JSON
        | st.dictionaries(
            st.sampled_from(["Authorization", "authorization", "X-Other"]),
            _JSON
            | st.lists(
                st.text()
                | st.builds("{} {}".format, st.sampled_from(["Basic", "Bearer"]), st.text())
            ),
        ),
        "expires": _JSON | st.datetimes().map(str),
    },
)
_EXEC = st.fixed_dictionaries(
    {"kind": st.just("ExecCredential") | _JSON},
    optional={
        "status": _JSON
        | st.fixed_dictionaries(
            {},
            optional={
                "token": _JSON,
                "clientCertificateData": st.just(CERTIFICATE) | _JSON,
                "clientKeyData": st.just(KEY) | _JSON,
                "expirationTimestamp": _JSON | st.datetimes().map(str),
            },
        )
    },
)
_GIT = st.lists(
    st.builds(
        "{}={}".format,
        st.sampled_from(["username", "password", "password_expiry_utc", "host", "protocol", "quit"])
        | st.text(),
        st.text() | st.integers().map(str),
    )
).map("\n".join)


def _bytes(document: object) -> bytes:
    return json.dumps(document).encode()


def assert_one_of_three(answer: Answer) -> None:
    assert isinstance(answer, (Credential, NotMine, Broken))
    if isinstance(answer, Credential):
        authorization = answer.authorization() or ""
        assert authorization or answer.headers
        for sent in (authorization, *(header.value.reveal() for header in answer.headers)):
            assert not set("\r\n\0") & set(sent), "it can be sent"
            sent.encode("ascii")
        assert answer.expires_at is None or answer.expires_at > datetime.now(
            timezone.utc
        ) - timedelta(minutes=1)


@given(st.binary() | _JSON.map(_bytes) | _BAZEL.map(_bytes))
@example(b"[" * 100_000)
@example(b'{"headers": {"Authorization": ["Bearer x"]}, "expires": 1e400}')
@example(b'{"headers": {"Authorization": ["Bearer x"]}, "expires": NaN}')
@example(b'{"headers": {"Authorization": ["Bearer x"]}, "expires": 9' + b"9" * 400 + b"}")
def test_no_bytes_of_a_bazel_helper_give_anything_but_the_three_outcomes(stdout: bytes) -> None:
    assert_one_of_three(protocols.parse_bazel(stdout).credential)


@given(st.binary() | _GIT.map(lambda text: text.encode("utf-8", "surrogatepass")))
@example(b"password=pw\npassword_expiry_utc=\xd9\xa1\n")
def test_no_bytes_of_a_git_helper_give_anything_but_the_three_outcomes(stdout: bytes) -> None:
    assert_one_of_three(protocols.parse_git(stdout, URL, "alice"))


@given(st.binary() | _JSON.map(_bytes) | _EXEC.map(_bytes))
@example(b'{"kind": "ExecCredential", "status": {"token": "\\ud800"}}')
def test_no_bytes_of_an_exec_plugin_give_anything_but_the_three_outcomes(stdout: bytes) -> None:
    answer = protocols.parse_exec(stdout)
    assert isinstance(answer, HelperAnswer)
    assert_one_of_three(answer.credential)
    if answer.identity is not None:
        answer.identity.key_pem.reveal().encode("ascii")


@given(
    st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"])),
    st.text(max_size=5),
)
def test_a_secret_survives_gits_protocol_as_it_is(secret: str, username: str) -> None:
    """Written for ``store`` and read back as a ``get`` would print it."""
    credential = Credential(Secret(secret), username, "helper", "")
    request = protocols.git_request(URL, with_path=True, username=username, credential=credential)
    if isinstance(request, Broken):
        assert set("\r\n\0") & set(username) or not username.isprintable()
        return
    answer = protocols.parse_git(request, URL, None)
    if secret:
        assert (got(answer).secret.reveal(), got(answer).username) == (secret, username)
    else:
        assert isinstance(answer, NotMine)


def test_the_languages_have_the_names_that_are_known_without_loading_them() -> None:
    assert set(HelperProtocol) == PROTOCOLS
    assert HelperProtocol.EXEC_CREDENTIAL.value == "exec-credential"
    source = HelperSource(HelperSettings(("helper",), HelperProtocol.EXEC_CREDENTIAL))
    assert is_helper(source)
    assert identifies(source)
    assert not is_helper(None)
    assert not is_helper(provider("gitlab"))
