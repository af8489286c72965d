"""``poetry repo doctor``: its report for a person, and the command as a user runs it."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess

import pytest

from poetry_repo_plugin.core.errors import Cause, Failure
from poetry_repo_plugin.core.hints import repo
from poetry_repo_plugin.doctor import render
from poetry_repo_plugin.doctor.report import Examined, Finding, Report, State, failed
from tests.certs import CertificateFactory, server_context
from tests.doctor.place import PASSWORD, SECRETS, USER, assert_schema, contents, posix
from tests.poetry_process import PoetryHome
from tests.servers import IndexServer
from tests.warm import WarmHome

LONG = "https://a-very-long-name-for-a-host.of-a-company-with-many-departments.example.org/a/path/simple/"
SAMPLE = Report(
    (
        Examined(
            "foo",
            LONG,
            (
                Finding("dns", State.OK, "pypi.example.org: 10.0.0.1"),
                Finding("connect", State.WARN, "a long story " * 12),
                failed(
                    "tls",
                    Failure(
                        Cause.UNKNOWN_CA,
                        f"no “index” at {LONG} …",
                        hint=repo("certs", "foo", "--ca", "PATH"),
                    ),
                ),
                Finding("client-cert", State.SKIP, "not reached, because tls failed"),
            ),
        ),
    ),
    (
        Finding(
            "permissions",
            State.WARN,
            "/home/wörk/auth.toml can be read by others",
            hint=repo("doctor", None, "--fix"),
        ),
        Finding("expiry", State.WARN, "said above", about="foo"),
    ),
)


class TestText:
    def test_for_a_person(self) -> None:
        shown = [line.text for line in render.lines(SAMPLE)]
        assert shown[0] == "foo"
        assert "  ✓  dns          pypi.example.org: 10.0.0.1" in shown
        assert any(line.startswith("  ✗  tls          no “index” at https://") for line in shown)
        assert "     Try: poetry repo certs foo --ca PATH" in shown
        assert "  -  client-cert  not reached, because tls failed" in shown
        assert "  !  permissions  /home/wörk/auth.toml can be read by others" in shown
        assert any(line.endswith("[unknown-ca]") for line in shown)
        assert shown[-1] == "1 repository checked: 1 failure, 2 warnings."
        assert not any("said above" in line for line in shown)

    @pytest.mark.parametrize("encoding", ["utf-8", "ascii", "cp1252", "cp437", "latin-1"])
    def test_fits_80_columns_in_every_encoding(self, encoding: str) -> None:
        lines = render.lines(SAMPLE, encoding, "a note")
        assert max(len(line.text) for line in lines) <= 80
        for line in lines:
            line.text.encode(encoding)
            assert line.text == line.text.rstrip()

    def test_words_in_the_place_of_marks(self) -> None:
        shown = [line.text for line in render.lines(SAMPLE, "ascii")]
        assert "  ok    dns          pypi.example.org: 10.0.0.1" in shown
        assert any(line.startswith('  FAIL  tls          no "index" at https://') for line in shown)
        assert "  skip  client-cert  not reached, because tls failed" in shown
        assert "  warn  permissions  /home/w\\xf6rk/auth.toml can be read by others" in shown

    def test_a_terminal_is_sent_no_control_characters(self) -> None:
        report = Report((), (Finding("sources", State.FAIL, "a \x1b[2Jname"),))
        assert "\x1b" not in "".join(line.text for line in render.lines(report))

    def test_summaries(self) -> None:
        assert render.summary(Report((), ())) == "No repositories to check: no problems."
        assert render.summary(Report((SAMPLE.repositories[0],) * 2, ())).startswith(
            "2 repositories checked: 2 failures"
        )

    def test_of_several_those_that_failed_are_named_last(self) -> None:
        def examined(name: str, **states: State) -> Examined:
            checks = tuple(Finding(check, state, "m") for check, state in states.items())
            return Examined(name, f"https://{name}.example.org/simple/", checks)

        acme = examined("acme", dns=State.OK, credential=State.FAIL, upload=State.FAIL)
        good = examined("good", dns=State.OK, upload=State.WARN)
        corp = examined("corp", dns=State.FAIL, tls=State.SKIP)
        shown = [line.text for line in render.lines(Report((acme, good, corp), ()))]
        assert shown[-2:] == [
            "3 repositories checked: 3 failures, 1 warning.",
            "Failed: acme (credential, upload), corp (dns).",
        ]
        alone = [line.text for line in render.lines(Report((acme,), ()))]
        well = [line.text for line in render.lines(Report((good, good), ()))]
        here = [
            line.text
            for line in render.lines(Report((good, good), (Finding("sources", State.FAIL, "m"),)))
        ]
        assert not any(line.startswith("Failed") for line in (*alone, *well, *here))
        many = render.lines(Report((corp,) * 20, ()))
        assert max(len(line.text) for line in many) <= 80


class TestCommand:
    @pytest.fixture
    def ready(self, home: WarmHome, index: IndexServer, certs: CertificateFactory) -> WarmHome:
        ca = certs.ca_file()
        (home.config / "config.toml").write_text(
            f'[certificates.foo]\ncert = "{ca}"\n\n[repositories.foo]\nurl = "{index.upload_url}"\n'
        )
        auth = home.config / "auth.toml"
        auth.write_text(f'[http-basic.foo]\nusername = "{USER}"\npassword = "{PASSWORD}"\n')
        auth.chmod(0o600)
        home.write_project(
            extra=f'[[tool.poetry.source]]\nname = "foo"\nurl = "{index.index_url}"\n'
        )
        return home

    def test_well_and_not(
        self, ready: PoetryHome, index: IndexServer, certs: CertificateFactory
    ) -> None:
        before = {**contents(ready.config), **contents(ready.project)}
        done = ready.ok("repo", "doctor", "--json")
        document = json.loads(done.out)
        assert_schema(document)
        assert document["ok"] is True
        assert done.err == ""
        assert list(document["versions"]) == ["plugin", "poetry", "python", "openssl", "platform"]
        assert all(document["versions"].values())
        assert document["keyring"] == "there is no usable keyring on this machine"
        (foo,) = document["repositories"]
        assert (foo["url"], foo["proxy"]) == (index.index_url, None)
        assert foo["expires_at"]["credential"] is foo["expires_at"]["client_cert"] is None
        assert foo["expires_at"]["server_cert"].endswith("Z")
        index.tls = server_context(certs.server_unknown_ca())
        done = ready.fails("repo", "doctor", "--json", "foo", "--timeout", "3")
        document = json.loads(done.out)
        assert_schema(document)
        (tls,) = [one for one in document["repositories"][0]["checks"] if one["check"] == "tls"]
        assert (tls["state"], tls["cause"]) == ("fail", "unknown-ca")
        assert tls["hint"] == "poetry repo certs foo --ca PATH"
        assert {**contents(ready.config), **contents(ready.project)} == before
        assert not [secret for secret in SECRETS if secret in done.text]

    @pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
    def test_for_a_person(self, ready: WarmHome, index: IndexServer, encoding: str) -> None:
        index.credentials = {}
        ready.environ["PYTHONIOENCODING"] = encoding
        done = ready.cold("repo", "doctor")
        assert done.code == 1
        assert max(map(len, done.out.splitlines())) <= 80
        mark = "✗ " if encoding == "utf-8" else "FAIL "
        assert f"  {mark} credential " in done.out
        assert "     Try: poetry repo login foo" in done.out
        assert "[credential-rejected]" in done.out
        assert done.out.splitlines()[-1] == "1 repository checked: 1 failure."
        assert "\r" not in done.text
        assert "\x1b" not in done.text
        assert not [secret for secret in SECRETS if secret in done.text]

    @posix
    def test_fix(self, ready: PoetryHome, index: IndexServer) -> None:
        """A legacy project with a password in it, which Poetry itself refuses to read."""
        (ready.config / "auth.toml").unlink()
        secret = index.with_userinfo(index.index_url, f"{USER}:s3cret-%7Bcache-dir%7D-w%C3%B6rd")
        ready.write_project(
            extra=f'[[tool.poetry.source]]\nname = "foo"\nurl = "{secret}"\nsecondary = true # why\n'
        )
        (ready.config / "poetry-repo-plugin.toml").write_text("# mine\n")
        (ready.config / "poetry-repo-plugin.toml").chmod(0o644)
        document = json.loads(ready.fails("repo", "doctor", "--json").out)
        assert {one["check"] for one in document["project"]} == {
            "permissions",
            "credentials",
            "legacy",
        }
        done = ready.ok("repo", "doctor", "--fix", "--json")
        document = json.loads(done.out)
        assert (document["ok"], document["project"]) == (True, [])
        for words in (
            "is now private (0600).",
            "no longer holds a password.",
            '→ priority = "supplemental"',
        ):
            assert words in done.err
        written = (ready.project / "pyproject.toml").read_text()
        assert written.endswith(
            f'[[tool.poetry.source]]\nname = "foo"\nurl = "{index.index_url}"\npriority = "supplemental" # why\n'
        )
        assert (ready.config / "auth.toml").stat().st_mode & 0o777 == 0o600
        assert (ready.config / "poetry-repo-plugin.toml").stat().st_mode & 0o777 == 0o600
        assert not [secret for secret in SECRETS if secret in done.text]

    def test_what_is_ignored_is_said_once(self, home: PoetryHome) -> None:
        home.write_project(extra='[tool.poetry-repo-plugin.foo]\npassword = "x"\n')
        done = home.ok("repo", "doctor")
        assert done.err == ""
        assert done.out.count("[tool.poetry-repo-plugin.foo] password is ignored") == 1
        assert home.ok("repo", "list").err.count("password is ignored") == 1

    def test_words_that_do_not_fit(self, home: PoetryHome) -> None:
        done = home.fails("repo", "doctor", "--timeout", "soon")
        assert (done.out, "'soon' is not a number of seconds" in done.err) == ("", True)

    def test_nothing_is_known_and_nothing_to_mend(self, home: PoetryHome) -> None:
        done = home.ok("repo", "doctor", "--fix")
        assert done.err == "Nothing to fix.\n"
        assert done.out.splitlines() == [
            "No private repository is known here. Next: poetry repo add NAME URL",
            "No repositories to check: no problems.",
        ]

    @posix
    def test_on_a_terminal(self, ready: PoetryHome) -> None:
        """A progress line on stderr that is gone at the end, and colours."""
        controller, line = pty.openpty()
        environ = {**ready.environment(), "TERM": "xterm"}
        environ.pop("NO_COLOR")
        process = subprocess.Popen(
            [str(ready.executable), "repo", "doctor"],
            stdin=line, stdout=line, stderr=line, cwd=ready.project, env=environ,
        )  # fmt: skip
        os.close(line)
        screen = b""
        while True:
            try:
                data = os.read(controller, 65536)
            except OSError:
                break
            if not data:
                break
            screen += data
        os.close(controller)
        assert process.wait(30) == 0, screen
        shown = screen.decode()
        assert "\rChecking foo: dns" in shown
        assert re.search(r"\r +\r", shown)
        assert "\x1b[32m  ✓\x1b[39m  dns " in shown
