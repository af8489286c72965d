"""Tokens that end in the middle of a run, against servers that end them: renewed once, repeated,
kept for later.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tests import packages
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
from tests.poetry_process import PoetryHome, poetry_under_test
from tests.servers import IndexServer

MANY = [f"pkg{number:02}" for number in range(25)]
FEW = MANY[:3]
WORKERS = 8
AT_ONCE = 16 + 1  # the requests ahead of Poetry, and its own (DESIGN section 10)
CACHED = "short-lived-token"


@pytest.fixture(scope="module")
def module_server() -> Iterator[IndexServer]:
    with IndexServer(tokens=set()) as server:
        server.add_all(packages.wheel(name, "1.0") for name in MANY)
        yield server


@pytest.fixture
def server(module_server: IndexServer) -> Iterator[IndexServer]:
    """The index, with nothing recorded and no token limited."""
    held = dict(module_server.index.packages)
    module_server.clear()
    yield module_server
    module_server.respond = None
    module_server.index.limits.clear()
    module_server.index.packages = held
    module_server.index.credentials, module_server.index.tokens = None, set()


@pytest.fixture(scope="module")
def lock_file(module_server: IndexServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """``poetry.lock`` of a project with 25 dependencies."""
    home = PoetryHome(tmp_path_factory.mktemp("locking") / "home", poetry_under_test())
    project(home, module_server.index_url, *MANY)
    module_server.index.tokens = None
    home.ok("lock")
    module_server.index.tokens = set()
    return (home.project / "poetry.lock").read_text(encoding="utf-8")


@pytest.fixture
def helper(server: IndexServer, home: PoetryHome, tmp_path: Path) -> Helper:
    """A helper whose first two tokens are good."""
    helper = Helper.make(tmp_path / "bin", "bazel")
    set_helper(home, helper, server.origin)
    accept(server.index, helper, [1, 2])
    return helper


def figures(what: str, server: IndexServer, helper: Helper) -> None:
    """Shown with ``pytest -s``."""
    requests, refused = len(server.requests), refusals(server)
    print(f"\n{what}: {requests} requests, {refused} refused, helper asked {helper.asked} times")


class TestLock:
    @pytest.mark.parametrize("protocol", ["bazel", "git"])
    def test_a_token_revoked_in_the_middle(
        self, server: IndexServer, home: PoetryHome, tmp_path: Path, protocol: str
    ) -> None:
        helper = Helper.make(tmp_path / "bin", protocol)
        set_helper(home, helper, server.origin)
        accept(server.index, helper, [1, 2])
        server.limit(helper.token(1), 20)
        project(home, server.index_url, *MANY)
        done = home.ok("lock")
        figures(f"lock of {len(MANY)} packages, token revoked, {protocol}", server, helper)
        assert len(home.lock()["package"]) == len(MANY)
        assert secrets_seen(server) == [helper.token(1), helper.token(2)]
        assert helper.asked == 2, "one answer, one renewal"
        assert 1 <= refusals(server) <= AT_ONCE, "one for each thread at most"
        assert anonymous(server) == 0
        assert_nowhere(home, [done], helper.token(1), helper.token(2))

    def test_twin_the_new_token_is_refused_as_well(
        self, server: IndexServer, home: PoetryHome, helper: Helper
    ) -> None:
        accept(server.index, helper, [1])
        server.limit(helper.token(1), 5)
        project(home, server.index_url, *MANY)
        done = home.fails("lock")
        assert "[credential-rejected]" in done.text
        assert "and a new one as well (401)" in done.text
        assert "poetry repo login foo" in done.text
        figures(f"lock of {len(MANY)} packages, token and successor revoked", server, helper)
        assert helper.asked == 2
        assert 2 <= refusals(server) <= 2 * AT_ONCE
        assert not (home.project / "poetry.lock").exists()
        assert_nowhere(home, [done], helper.token(1), helper.token(2))

    def test_twin_the_helper_fails_when_it_is_asked_again(
        self, server: IndexServer, home: PoetryHome, tmp_path: Path
    ) -> None:
        body = 'print(json.dumps({"headers": {"Authorization": ["Bearer tok3n-1-secret"]}, "expires": stamp}))\n'
        body = f"if me == 1:\n    {body}else:\n    sys.exit('the vault is sealed')\n"
        helper = Helper.make(tmp_path / "bin", "bazel", body=body)
        set_helper(home, helper, server.origin)
        accept(server.index, helper, [1])
        server.limit(helper.token(1), 5)
        project(home, server.index_url, *MANY)
        done = home.fails("lock")
        assert "[credential-expired]" in done.text
        assert "the vault is sealed" in done.text
        assert helper.asked == 2, "not once more after it has failed"
        assert 1 <= refusals(server) <= AT_ONCE, "those that were under way"

    def test_a_token_is_renewed_before_it_runs_out(
        self, server: IndexServer, home: PoetryHome, tmp_path: Path
    ) -> None:
        """It lives for 61 s; under a minute is left after the first second, and nobody is ever
        refused. All tokens of this helper are like that, so it is asked every ten seconds and not
        for each request. Nothing is asked ahead: the command would be over too soon.
        """
        home.environ["POETRY_REPO_PLUGIN_PREFETCH"] = "false"
        helper = Helper.make(tmp_path / "bin", "bazel", life=61)
        set_helper(home, helper, server.origin)
        accept(server.index, helper, range(1, 9))
        server.respond = lambda request: time.sleep(0.35)
        project(home, server.index_url, *MANY[:18])
        before = time.monotonic()
        home.ok("lock")
        took = time.monotonic() - before
        figures(f"lock of {took:.1f} s with tokens of 61 s", server, helper)
        assert refusals(server) == anonymous(server) == 0
        assert 2 <= helper.asked <= 1 + took / 10
        assert secrets_seen(server) == [helper.token(number + 1) for number in range(helper.asked)]


class TestInstall:
    @pytest.fixture
    def site_packages(
        self, server: IndexServer, home: PoetryHome, tmp_path: Path, lock_file: str
    ) -> Path:
        """An empty environment for a project that is locked, and eight workers."""
        project(home, server.index_url, *MANY)
        (home.project / "poetry.lock").write_text(lock_file, encoding="utf-8")
        home.environ["POETRY_INSTALLER_MAX_WORKERS"] = str(WORKERS)
        return use_venv(home, tmp_path / "venv")

    def test_eight_workers_ask_the_helper_once(
        self, server: IndexServer, home: PoetryHome, helper: Helper, site_packages: Path
    ) -> None:
        home.ok("install", "--no-root")
        figures(f"install of {len(MANY)} packages, {WORKERS} workers", server, helper)
        assert len(installed(site_packages)) == len(MANY)
        assert helper.asked == 1
        assert secrets_seen(server) == [helper.token(1)]
        assert refusals(server) == anonymous(server) == 0
        home.ok("install", "--no-root")
        assert helper.asked == 1, "there was nothing to do"

    def test_a_token_revoked_in_the_middle(
        self, server: IndexServer, home: PoetryHome, helper: Helper, site_packages: Path
    ) -> None:
        server.limit(helper.token(1), 10)
        done = home.ok("install", "--no-root")
        figures(
            f"install of {len(MANY)} packages, {WORKERS} workers, token revoked", server, helper
        )
        assert len(installed(site_packages)) == len(MANY)
        assert helper.asked == 2
        assert 1 <= refusals(server) <= WORKERS
        assert_nowhere(home, [done], helper.token(1), helper.token(2))

    def test_twin_the_new_token_is_refused_as_well(
        self, server: IndexServer, home: PoetryHome, helper: Helper, site_packages: Path
    ) -> None:
        accept(server.index, helper, [1])
        server.limit(helper.token(1), 10)
        done = home.fails("install", "--no-root")
        figures(
            f"install of {len(MANY)} packages, {WORKERS} workers, token and successor revoked",
            server,
            helper,
        )
        assert "[credential-rejected]" in done.text
        assert helper.asked == 2, "however many threads were refused"


class TestPublish:
    @pytest.fixture(autouse=True)
    def dist(self, home: PoetryHome, server: IndexServer) -> dict[str, bytes]:
        """Three files to upload: a large wheel, a small one, an sdist."""
        project(
            home,
            server.index_url,
            extra=f'[tool.poetry-repo-plugin.foo]\npublish-url = "{server.upload_url}"\n',
        )
        large = packages.wheel(
            "app", "0.1.0", files={"app.py": "x = 1\n", "data.bin": bytes(range(256)) * 8000}
        )
        files = dict(
            [
                large,
                packages.wheel("app", "0.1.0", filename_tag="py2-none-any"),
                packages.sdist("app", "0.1.0"),
            ]
        )
        (home.project / "dist").mkdir()
        for name, content in files.items():
            (home.project / "dist" / name).write_bytes(content)
        return {name: content for name, content in files.items() if isinstance(content, bytes)}

    @pytest.mark.parametrize("good_for", [0, 1, 2])
    def test_a_token_revoked_between_the_files(
        self,
        server: IndexServer,
        home: PoetryHome,
        helper: Helper,
        dist: dict[str, bytes],
        good_for: int,
    ) -> None:
        server.limit(helper.token(1), good_for)
        done = home.ok("publish", "-r", "foo")
        figures(f"publish of 3 files, token good for {good_for}", server, helper)
        assert {upload.filename: upload.content for upload in server.uploads} == dist, (
            "each from its beginning"
        )
        assert (helper.asked, refusals(server)) == (2, 1)
        assert_nowhere(home, [done], helper.token(1), helper.token(2))

    def test_twin_the_new_token_is_refused_as_well(
        self, server: IndexServer, home: PoetryHome, helper: Helper
    ) -> None:
        accept(server.index, helper, [1])
        server.limit(helper.token(1), 1)
        done = home.fails("publish", "-r", "foo")
        assert "[credential-rejected]" in done.text
        assert (len(server.uploads), helper.asked, refusals(server)) == (1, 2, 2)

    def test_an_upload_does_not_begin_with_less_than_five_minutes(
        self, server: IndexServer, home: PoetryHome, tmp_path: Path
    ) -> None:
        """What an earlier command left in the keyring is enough to look something up, and not to
        upload.
        """
        helper = Helper.make(tmp_path / "bin", "exec-credential", life=200)
        set_helper(with_keyring(home), helper, server.origin)
        accept(server.index, helper, [1, 2])
        home.ok("add", "--lock", FEW[0])
        home.ok("add", "--lock", FEW[1])
        assert (secrets_seen(server), helper.asked) == ([helper.token(1)], 1)
        home.ok("publish", "-r", "foo")
        assert (secrets_seen(server), helper.asked) == ([helper.token(1), helper.token(2)], 2)
        assert len(server.uploads) == 3


class TestBetweenCommands:
    def test_the_next_command_takes_it_from_the_keyring(
        self, server: IndexServer, home: PoetryHome, helper: Helper
    ) -> None:
        with_keyring(home)
        project(home, server.index_url, *FEW)
        done = [home.ok("lock")]
        assert helper.asked == 1
        server.clear()
        before = len(home.keyring_calls())
        done.append(home.ok("update", "--lock", "--no-cache"))
        assert (helper.asked, refusals(server), secrets_seen(server)) == (1, 0, [helper.token(1)])
        calls = home.keyring_calls()[before:]
        assert calls == [["get_password", "poetry-repo-plugin: foo", CACHED]]
        print(f"\nsecond command: helper asked 0 times, {len(calls)} keyring call")
        assert helper.token(1) in (home.keyring_home / "keyring.json").read_text()
        assert_nowhere(home, done, helper.token(1))

    def test_list_and_show_give_the_time_left(
        self, server: IndexServer, home: PoetryHome, helper: Helper
    ) -> None:
        with_keyring(home)
        project(home, server.index_url, *FEW)
        assert "(" not in home.ok("repo", "list").out.splitlines()[0], "nobody knows yet"
        assert helper.asked == 0
        home.ok("lock")
        listed = home.ok("repo", "list", "--json")
        credential = json.loads(listed.out)["repositories"][0]["credential"]
        assert (credential["state"], credential["source"]) == ("ok", "helper")
        assert (
            3000
            < (
                datetime.fromisoformat(credential["expires_at"].replace("Z", "+00:00")) - later(0)
            ).seconds
            < 3600
        )
        shown = home.ok("repo", "show", "foo")
        assert re.search(
            r"^credential +ok helper \(5\d minutes left\)$", shown.out, re.MULTILINE
        ), shown.out
        assert "ok helper (5" in home.ok("repo", "list").out
        assert helper.asked == 1
        assert_nowhere(home, [listed, shown], helper.token(1))

    def test_twin_without_a_keyring_it_is_asked_for_again(
        self, server: IndexServer, home: PoetryHome, helper: Helper
    ) -> None:
        project(home, server.index_url, *FEW)
        home.ok("lock")
        home.ok("update", "--lock", "--no-cache")
        assert (helper.asked, refusals(server)) == (2, 0)
        assert_nowhere(home, [], helper.token(1), helper.token(2))

    @pytest.mark.parametrize("mode", ["fail", "locked"])
    def test_twin_a_keyring_that_fails_only_costs_the_helper_one_more_run(
        self, server: IndexServer, home: PoetryHome, helper: Helper, mode: str
    ) -> None:
        with_keyring(home).environ["KEYRING_MODE"] = mode
        project(home, server.index_url, *FEW)
        home.ok("lock")
        assert (helper.asked, refusals(server)) == (1, 0)
        assert_nowhere(home, [], helper.token(1))

    def test_a_kept_token_that_was_revoked_meanwhile_is_replaced(
        self, server: IndexServer, home: PoetryHome, helper: Helper
    ) -> None:
        with_keyring(home)
        project(home, server.index_url, *FEW)
        home.ok("lock")
        server.revoke(helper.token(1))
        server.clear()
        home.ok("update", "--lock", "--no-cache")
        assert (helper.asked, refusals(server)) == (2, 1)
        server.clear()
        home.ok("update", "--lock", "--no-cache")
        assert (helper.asked, secrets_seen(server)) == (2, [helper.token(2)]), (
            "the new one was kept"
        )

    def test_another_helper_is_asked_itself(
        self, server: IndexServer, home: PoetryHome, helper: Helper, tmp_path: Path
    ) -> None:
        with_keyring(home)
        project(home, server.index_url, *FEW)
        home.ok("lock")
        other = Helper.make(tmp_path / "other", "bazel")
        set_helper(home, other, server.origin)
        home.ok("update", "--lock", "--no-cache")
        assert (helper.asked, other.asked) == (1, 1)

    def test_logout_forgets_it(self, server: IndexServer, home: PoetryHome, helper: Helper) -> None:
        with_keyring(home)
        project(home, server.index_url, *FEW)
        home.ok("lock")
        home.ok("repo", "logout", "foo")
        assert helper.token(1) not in (home.keyring_home / "keyring.json").read_text()
        assert "[credential-missing]" in home.fails("update", "--lock", "--no-cache").text
        assert helper.asked == 1

    @pytest.mark.parametrize("closed", [False, True])
    def test_who_has_no_helper_pays_no_keyring_call_for_it(
        self, server: IndexServer, home: PoetryHome, closed: bool
    ) -> None:
        with_keyring(home)
        server.index.tokens = set() if closed else None
        project(home, server.index_url, *FEW)
        assert home.run("lock").code == int(closed)
        calls = home.keyring_calls()
        assert not [call for call in calls if CACHED in call]
        assert closed or calls == []
