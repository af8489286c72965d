"""Asked ahead of Poetry: the same answers and the same requests, in less time; and nothing that
would do harm.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from poetry_repo_plugin.http.ahead import MOST
from tests import packages
from tests.certs import CertificateFactory
from tests.integration.far import Far, add_web, forget, lock_file, project_of, switched_off
from tests.integration.pypi_place import pypi_place
from tests.integration.test_paths_git import backend_for
from tests.integration.world import installed, make_venv, source
from tests.poetry_process import FILE_KEYRING, PoetryHome
from tests.servers import GitServer, IndexServer, RecordedRequest, Response
from tests.warm import WarmHome

pytestmark = pytest.mark.paths

USER, PASSWORD = "alice", "an-0rdinary-one"


@pytest.fixture
def index() -> Iterator[IndexServer]:
    with IndexServer() as server:
        yield server


@pytest.fixture
def far(index: IndexServer) -> Far:
    return Far(index)


def both_ways(
    home: PoetryHome, far: Far, *words: str, lock: bool = True, together: int = 2, after: int = 1
) -> tuple[list[str], list[str]]:
    """Run ``poetry WORDS`` without and with asking ahead, from nothing; the lock files must be the
    same.

    :param together: how many requests at least must be under way at the same time, once ``after``
        are answered.
    :return: the URLs that were asked for without and with.
    """
    kept = None if lock else lock_file(home)
    pyproject = (home.project / "pyproject.toml").read_bytes()
    with switched_off(home):
        forget(home, lock=lock)
        far.clear()
        home.ok(*words)
        assert far.most <= 1
        without, expected = far.urls, lock_file(home)
    forget(home, lock=lock)
    (home.project / "pyproject.toml").write_bytes(pyproject)
    if kept is not None:
        (home.project / "poetry.lock").write_bytes(kept)
    far.clear()
    far.gather(together, after)
    home.ok(*words)
    assert lock_file(home) == expected
    assert not far.twice
    assert together <= far.most <= MOST + 1
    return without, far.urls


class TestLock:
    def test_asks_the_same_at_the_same_time(
        self, home: PoetryHome, index: IndexServer, far: Far
    ) -> None:
        """Its twin is in it: without asking ahead there is never more than one request under
        way.
        """
        project_of(home, index, *add_web(index)[:6])
        without, ahead = both_ways(home, far, "lock", together=6)
        assert ahead == without
        assert far.started[0][1] == 0
        assert far.started[1][1] == 0  # nothing ahead of the first answer

    def test_what_a_release_requires_is_followed_at_once(
        self, home: PoetryHome, index: IndexServer, far: Far
    ) -> None:
        """Without waiting for Poetry: nobody but the threads knows yet what comes behind the first
        release.
        """
        needs = [f"need{number}" for number in range(8)]
        index.add_all(packages.wheel(name, "1.0", ["last"]) for name in needs)
        index.add_all((packages.wheel("first", "1.0", needs), packages.wheel("last", "1.0")))
        project_of(home, index, "first")
        without, ahead = both_ways(home, far, "lock", together=8, after=2)
        assert ahead == without

    def test_without_a_cache(self, home: PoetryHome, index: IndexServer, far: Far) -> None:
        project_of(home, index, *add_web(index)[:2])
        without, ahead = both_ways(home, far, "lock", "--no-cache")
        assert ahead == without

    def test_again_with_a_lock_file(self, home: PoetryHome, index: IndexServer, far: Far) -> None:
        project_of(home, index, *add_web(index)[:2])
        home.ok("lock")
        without, ahead = both_ways(home, far, "lock", lock=False, together=6)
        assert ahead == without

    def test_again_with_pages_that_have_not_changed(
        self, home: PoetryHome, index: IndexServer, far: Far
    ) -> None:
        index.index.cache_control, index.index.etag = "max-age=0", True
        project_of(home, index, *add_web(index)[:2])
        home.ok("lock")
        before = lock_file(home)
        far.clear()
        far.gather(2)
        home.ok("lock", "--regenerate")
        assert lock_file(home) == before
        assert {request.status for request in index.requests} == {304}
        assert far.most > 1

    def test_with_the_lock_file_of_another_project(
        self, home: PoetryHome, index: IndexServer, far: Far
    ) -> None:
        """What it has and this project does not need is not asked for."""
        project_of(home, index, "other<2", "lib2<2")
        add_web(index)
        index.add_all(
            (packages.wheel("other", "1.0", ["strange"]), packages.wheel("strange", "1.0"))
        )
        home.ok("lock")
        project_of(home, index, "lib1", "lib2")
        without, ahead = both_ways(home, far, "lock", lock=False)
        assert ahead == without
        assert not [url for url in ahead if "other" in url or "strange" in url]

    def test_as_few_at_a_time_as_the_settings_say(
        self, home: PoetryHome, index: IndexServer, far: Far
    ) -> None:
        project_of(home, index, *add_web(index))
        home.environ["POETRY_INSTALLER_MAX_WORKERS"] = "2"
        far.gather(2)
        home.ok("lock")
        assert 2 <= far.most <= 3  # and Poetry's own

    def test_an_index_on_this_machine_is_not_asked_ahead(
        self, home: PoetryHome, index: IndexServer
    ) -> None:
        near = Far(index, away=0)
        project_of(home, index, *add_web(index)[:2])
        home.ok("lock")
        assert near.most <= 4  # a busy machine makes it look far for a moment

    def test_versions_that_do_not_fit(self, home: PoetryHome, index: IndexServer, far: Far) -> None:
        """The newest is refused by what another package wants; the newest of another is not for
        this Python.
        """
        index.add_all(
            (
                packages.wheel("alpha", "1.0", ["beta<2", "gamma"]),
                packages.wheel("beta", "1.0"),
                packages.wheel("beta", "2.0", ["delta"]),
                packages.wheel("delta", "1.0"),
                packages.wheel("gamma", "1.0"),
                packages.wheel("gamma", "2.0", metadata_extra="Requires-Python: >=3.99\n"),
                packages.wheel("gamma", "3.0b1"),
            )
        )
        index.add(*packages.wheel("gamma", "2.1"), yanked="broken")
        project_of(home, index, "alpha", "beta")
        without, ahead = both_ways(home, far, "lock")
        assert {url for url in ahead if "metadata" not in url} <= set(without) | {"/simple/delta/"}
        assert [one["version"] for one in home.lock()["package"]] == ["1.0", "1.0", "1.0"]


class TestWheelsWithoutMetadata:
    """Their pages promise none (PEP 658), as those of many servers do: Poetry reads ranges."""

    def test_ranges_are_read_at_the_same_time(
        self, home: PoetryHome, index: IndexServer, far: Far
    ) -> None:
        index.index.core_metadata = False
        needs = [f"need{number}" for number in range(8)]
        index.add_all(packages.wheel(name, "1.0", ["last"]) for name in needs)
        index.add_all((packages.wheel("first", "1.0", needs), packages.wheel("last", "1.0")))
        project_of(home, index, "first")
        without, ahead = both_ways(home, far, "lock", together=8, after=2)
        assert ahead == without
        assert {request.status for request in index.requests} == {200, 206}

    @pytest.mark.parametrize("lazy", ["true", "false"])
    def test_twin_no_whole_file_is(
        self, home: PoetryHome, index: IndexServer, far: Far, lazy: str
    ) -> None:
        """The server gives no ranges, or the user wants none: Poetry reads the files by itself."""
        index.index.core_metadata, index.index.ranges = False, lazy == "false"
        home.environ["POETRY_SOLVER_LAZY_WHEEL"] = lazy
        project_of(home, index, *add_web(index)[:4])
        without, ahead = both_ways(home, far, "lock")
        assert ahead == without
        assert any(url.endswith(".whl") for url in ahead)
        assert {request.status for request in index.requests} == {200}


class TestNobodyLearnsMore:
    def test_of_sources(self, home: PoetryHome, index: IndexServer, far: Far) -> None:
        """An explicit source is asked for its own names, a supplemental one for what the others
        lack.
        """
        add_web(index)
        explicit, supplemental = (
            index.add_index("/explicit/simple/"),
            index.add_index("/more/simple/"),
        )
        explicit.add_all(
            (packages.wheel("secret", "1.0", ["lib3", "lib4"]), packages.wheel("lib3", "9.0"))
        )
        supplemental.add_all(
            (packages.wheel("rare", "1.0", ["lib5"]), packages.wheel("lib5", "9.0"))
        )
        project_of(
            home,
            index,
            "secret",
            "rare",
            "lib1",
            extra=source("priv", index.url_of(explicit), "explicit")
            + source("more", index.url_of(supplemental), "supplemental")
            + '[tool.poetry.dependencies]\nsecret = { source = "priv" }\n',
        )
        without, ahead = both_ways(home, far, "lock")
        assert ahead == without
        assert [url for url in ahead if url.startswith("/explicit/simple/")] == [
            "/explicit/simple/secret/"
        ]
        assert [url for url in ahead if url.startswith("/more/simple/")] == ["/more/simple/rare/"]
        assert "/simple/secret/" not in ahead

    def test_of_extras_and_markers(self, home: PoetryHome, index: IndexServer, far: Far) -> None:
        """An extra that nobody chose, one that somebody did, and what is for a Python that the
        project excludes.
        """
        index.add_all(
            (
                packages.wheel(
                    "alpha",
                    "1.0",
                    [
                        "beta; extra == 'fast'",
                        "gamma; extra == 'slow'",
                        "delta; python_version < '3'",
                        "epsilon; sys_platform == 'win32'",
                    ],
                    metadata_extra="Provides-Extra: fast\nProvides-Extra: slow\n",
                ),
                *(
                    packages.wheel(name, "1.0")
                    for name in ("beta", "gamma", "delta", "zeta", "eta")
                ),
                packages.wheel("epsilon", "1.0", ["zeta; sys_platform == 'linux'", "eta"]),
            )
        )
        add_web(index)
        project_of(home, index, "alpha[fast]", "lib1")
        without, ahead = both_ways(home, far, "lock")
        assert ahead == without
        asked = {url.split("/")[2] for url in ahead if url.startswith("/simple/")}
        assert {"alpha", "beta", "epsilon", "eta"} <= asked
        assert not asked & {"gamma", "delta", "zeta"}

    def test_of_what_comes_from_elsewhere(
        self, home: PoetryHome, index: IndexServer, far: Far
    ) -> None:
        """A path and a URL: their names are not asked for, also where others need them; what they
        need is.
        """
        add_web(index)
        index.add(*packages.wheel("user", "1.0", ["local", "direct>=1.0"]))
        local = home.project / "local"
        local.mkdir()
        (local / "pyproject.toml").write_text(packages.pyproject("local", "1.0", ["lib3"]))
        (local / "local.py").write_text("")
        index.add(*packages.wheel("direct", "1.0"))
        url = f"{index.origin}/files/direct-1.0-py3-none-any.whl"
        project_of(
            home, index, f"local @ file://{local}", f"direct @ {url}", "user", "lib1", "lib2"
        )
        without, ahead = both_ways(home, far, "lock")
        assert sorted(set(ahead)) == sorted(set(without))
        assert not [one for one in ahead if one in ("/simple/local/", "/simple/direct/")]

    @pytest.mark.skipif(shutil.which("git") is None, reason="the server is git's own")
    def test_of_a_git_repository(self, home: PoetryHome, index: IndexServer, far: Far) -> None:
        """Its name is not asked for, also where others need it; the git host is asked by Poetry
        alone.
        """
        add_web(index)
        index.add_all(
            (packages.wheel("user", "1.0", ["from-git"]), packages.wheel("from-git", "9.0"))
        )
        index.add(*backend_for(packages.wheel("from-git", "1.0", ["lib3"])))
        with GitServer() as git:
            project_of(home, index, f"from-git @ git+{git.clone_url}", "user", "lib1")
            without, ahead = both_ways(home, far, "lock")
            assert ahead == without
            assert not [url for url in ahead if "from-git" in url or "from_git" in url]
            assert "/simple/lib3/" in ahead
            assert set(git.paths()) == {"/repo.git/info/refs", "/repo.git/git-upload-pack"}

    def test_of_two_indexes(self, home: PoetryHome, index: IndexServer, far: Far) -> None:
        """Poetry asks all primary ones for each name; a name that one lacks is asked for once
        there.
        """
        other = index.add_index("/other/simple/")
        names = add_web(index)
        other.add_all((packages.wheel("only", "1.0", ["lib3"]), packages.wheel("lib1", "3.0")))
        project_of(home, index, *names[:3], "only", extra=source("other", index.url_of(other)))
        without, ahead = both_ways(home, far, "lock")
        assert sorted(set(ahead)) == sorted(set(without))
        assert len(ahead) <= len(without)


class TestPypi:
    """PyPI's own class: its pages, and its JSON of each release."""

    @pytest.fixture
    def front(self, home: PoetryHome, tmp_path: Path) -> Iterator[IndexServer]:
        certs = CertificateFactory(tmp_path / "certs")
        with pypi_place(certs) as (front, proxy):
            ca = str(certs.ca_file())
            home.environ.update(HTTPS_PROXY=proxy.origin, POETRY_CERTIFICATES_PYPI_CERT=ca)
            yield front

    def test_lock_and_install(self, home: PoetryHome, front: IndexServer, tmp_path: Path) -> None:
        names = add_web(front, 30)
        far = Far(front)
        project_of(home, front, *names)
        home.write_project(dependencies=names)
        without, ahead = both_ways(home, far, "lock")
        assert ahead == without
        assert "/pypi/lib3/2.0/json" in ahead
        home.environ["VIRTUAL_ENV"] = str(tmp_path / "venv")
        site_packages = make_venv(tmp_path / "venv")
        forget(home, lock=False)
        far.clear()
        home.ok("install", "--no-root")
        assert len(installed(site_packages)) == len(names)
        assert not far.twice
        assert far.urls == [f"/pypi/{name}/2.0/json" for name in sorted(names)]
        assert far.most > 6  # Poetry's own workers alone are no more


class TestOtherCommands:
    def test_add(self, home: PoetryHome, index: IndexServer, far: Far) -> None:
        project_of(home, index, "lib4<2", *add_web(index)[:2])
        home.ok("lock")
        without, ahead = both_ways(
            home, far, "add", "--lock", "lib2@^2.0", "lib3", lock=False, after=2
        )
        assert ahead == without

    def test_update(self, home: PoetryHome, index: IndexServer, far: Far) -> None:
        file = project_of(home, index, "lib1<2", "lib2<2")
        add_web(index)
        home.ok("lock")
        file.write_text(file.read_text().replace("<2", ""))
        without, ahead = both_ways(home, far, "update", "--lock", "lib1", lock=False)
        assert ahead == without

    def test_remove(self, home: PoetryHome, index: IndexServer, far: Far) -> None:
        project_of(home, index, *add_web(index)[:4])
        home.ok("lock")
        without, ahead = both_ways(home, far, "remove", "--lock", "lib0", lock=False)
        assert ahead == without

    def test_groups(self, home: PoetryHome, index: IndexServer, far: Far) -> None:
        add_web(index)
        groups = '[tool.poetry.group.dev]\noptional = true\n[tool.poetry.group.dev.dependencies]\nlib2 = "*"\n'
        project_of(home, index, "lib1", extra=groups)
        without, ahead = both_ways(home, far, "lock")
        assert ahead == without
        assert "/simple/lib2/" in ahead

    @pytest.mark.parametrize("command", ["install", "sync"])
    def test_install(
        self, home: PoetryHome, index: IndexServer, far: Far, tmp_path: Path, command: str
    ) -> None:
        names = add_web(index, 24)
        project_of(home, index, *names)
        home.ok("lock")
        home.environ["VIRTUAL_ENV"] = str(tmp_path / "venv")
        done = {}
        for ahead in (False, True):
            shutil.rmtree(tmp_path / "venv", ignore_errors=True)
            site_packages = make_venv(tmp_path / "venv")
            forget(home, lock=False)
            far.clear()
            if ahead:
                far.gather(12)  # Poetry's own workers alone are fewer
                home.ok(command, "--no-root")
            else:
                with switched_off(home):
                    home.ok(command, "--no-root")
            assert len(installed(site_packages)) == len(names)
            assert not far.twice
            done[ahead] = far.urls, far.most
        assert done[True][0] == done[False][0]
        assert done[True][1] > done[False][1]

    def test_a_single_page_is_asked_for_once(
        self, home: PoetryHome, index: IndexServer, far: Far
    ) -> None:
        names = add_web(index, 4)
        links = "".join(
            f'<a href="/files/{one.filename}#sha256={one.sha256}">{one.filename}</a>\n'
            for one in index.index.packages.values()
        )
        far.answer = lambda request: Response.html(links) if request.path == "/all.html" else None
        project_of(home, index, *names)
        file = home.project / "pyproject.toml"
        file.write_text(file.read_text().replace(index.index_url, f"{index.origin}/all.html"))
        home.ok("lock")
        assert index.paths().count("/all.html") == 1
        assert len(home.lock()["package"]) == 4


REFUSALS = [401, 403, 407, 429, 500, 503]


class TestNoHarm:
    def test_a_wrong_password_costs_one_request(
        self, home: PoetryHome, index: IndexServer, far: Far
    ) -> None:
        index.credentials = {USER: PASSWORD}
        project_of(home, index, *add_web(index))
        home.environ.update(
            POETRY_HTTP_BASIC_FOO_USERNAME=USER, POETRY_HTTP_BASIC_FOO_PASSWORD="wrong"
        )
        done = home.fails("lock")
        assert "[credential-rejected]" in done.text
        assert len(index.authorizations()) == 1

    def test_twin_the_right_one(self, home: PoetryHome, index: IndexServer, far: Far) -> None:
        index.credentials = {USER: PASSWORD}
        project_of(home, index, *add_web(index))
        home.environ.update(
            POETRY_HTTP_BASIC_FOO_USERNAME=USER, POETRY_HTTP_BASIC_FOO_PASSWORD=PASSWORD
        )
        far.gather(4)
        home.ok("lock")
        assert far.most >= 4
        assert len(index.authorizations()) == len(index.requests)

    def test_the_keyring_is_asked_once(
        self, cold_home: PoetryHome, index: IndexServer, far: Far
    ) -> None:
        """By the first request, which Poetry itself makes; 401 then is how a server asks for a
        password.
        """
        home = cold_home
        home.keyring = FILE_KEYRING
        (home.keyring_home / "keyring.json").write_text(
            f'{{"poetry-repository-foo": {{"{USER}": "{PASSWORD}"}}}}'
        )
        (home.config / "auth.toml").write_text(f'[http-basic.foo]\nusername = "{USER}"\n')
        index.credentials = {USER: PASSWORD}
        project_of(home, index, *add_web(index))
        far.gather(4, after=2)
        home.ok("lock")
        assert far.most >= 4
        assert len(home.keyring_calls()) == 1
        assert [request.status for request in index.requests].count(401) <= 1

    @pytest.mark.parametrize("status", REFUSALS)
    def test_nothing_ahead_after_a_refusal(
        self, home: PoetryHome, index: IndexServer, far: Far, status: int
    ) -> None:
        """Poetry meets it itself, later, and goes on asking one question after the other until
        then.
        """
        names = add_web(index, 40)
        refused: list[int] = []

        def answer(request: RecordedRequest) -> Response | None:
            if request.path == "/simple/lib1/":
                refused.append(len(far.started))
                return Response.text(status, "no", {"Retry-After": "0"})
            return None

        far.answer = answer
        project_of(home, index, *names[:3])
        done = home.fails("lock")
        assert str(status) in done.text
        behind = [under_way for _, under_way in far.started[refused[0] + 17 :]]
        assert all(under_way <= 1 for under_way in behind), far.started

    def test_twin_a_code_that_the_user_ignores_is_no_refusal(
        self, home: PoetryHome, index: IndexServer, far: Far
    ) -> None:
        """The index answers 403 for what it lacks, and the user has said so."""
        names = add_web(index, 40)
        other = index.add_index("/other/simple/")
        other.add(*packages.wheel("lacking", "1.0"))
        refused: list[int] = []

        def answer(request: RecordedRequest) -> Response | None:
            if request.path == "/simple/lacking/":
                refused.append(len(far.started))
                return Response.text(403, "no")
            return None

        far.answer = answer
        project_of(home, index, "lacking", *names[:3], extra=source("other", index.url_of(other)))
        (home.config / "poetry-repo-plugin.toml").write_text(
            "[repositories.foo]\nignore-error-codes = [403]\n"
        )
        with switched_off(home):
            home.ok("lock")
        as_often = len(refused)
        forget(home)
        far.clear()
        refused.clear()
        home.ok("lock")
        assert len(refused) == as_often
        behind = [under_way for _, under_way in far.started[refused[0] + 17 :]]
        assert max(behind) > 1

    def test_a_failure_that_only_speculation_meets_is_dropped(
        self, home: PoetryHome, index: IndexServer, far: Far
    ) -> None:
        """The newest release, which the solver never looks at, cannot be read."""
        index.add_all(
            (
                packages.wheel("alpha", "1.0", ["beta<2"]),
                packages.wheel("beta", "1.0"),
                packages.wheel("beta", "2.0"),
                packages.wheel("omega", "1.0", ["beta"]),
            )
        )

        def answer(request: RecordedRequest) -> Response | None:
            if "alpha-1.0" in request.path:
                time.sleep(0.3)  # so that only what omega wants is known
            return Response.text(403, "no") if "beta-2.0" in request.path else None

        far.answer = answer
        project_of(home, index, "alpha", "omega")
        without, ahead = both_ways(home, far, "lock")
        refused = "/files/beta-2.0-py3-none-any.whl.metadata"
        assert refused not in without
        assert refused in ahead

    def test_a_connection_that_breaks_is_not_tried_again_ahead(
        self, home: PoetryHome, index: IndexServer, far: Far
    ) -> None:
        """Poetry tries again, as often as it does by itself."""
        project_of(home, index, *add_web(index)[:6])
        breaks: list[str] = []

        def answer(request: RecordedRequest) -> Response | None:
            if request.path != "/simple/lib5/":
                return None
            breaks.append(request.path)
            return Response(body=b"<html>", reset_after=0) if len(breaks) == 1 else None

        far.answer = answer
        home.ok("lock")
        assert len(breaks) == 2

    def test_killed_in_the_middle_leaves_a_cache_that_can_be_used(
        self, warm_home: WarmHome, index: IndexServer, far: Far
    ) -> None:
        home = warm_home
        project_of(home, index, *add_web(index, 30))
        home.ok("lock")
        expected = lock_file(home)
        forget(home)
        far.clear()
        assert home.zygote is not None
        with (home.root / "out").open("wb+") as stream:
            streams = [stream.fileno()] * 3
            pid = home.zygote.start(("lock",), home, home.project, streams, terminal=False)
            until = time.monotonic() + 30
            while len(index.requests) < 20 and time.monotonic() < until:
                time.sleep(0.005)
            os.kill(pid, signal.SIGKILL)
            assert home.zygote.wait(pid, 30) == -signal.SIGKILL
        assert far.most > 2
        home.ok("lock")
        assert lock_file(home) == expected

    def test_ctrl_c_ends_at_once(self, cold_home: PoetryHome, index: IndexServer, far: Far) -> None:
        """At most a second later than Poetry does without threads of ours; the answers would take a
        minute. A busy machine may need a second try.
        """
        project_of(cold_home, index, *add_web(index, 30))
        for _ in range(3):
            forget(cold_home)
            with_threads = self.interrupted(cold_home, far, together=4)
            with switched_off(cold_home):
                without = self.interrupted(cold_home, far, together=1)
            if with_threads < without + 1:
                break
        assert with_threads < without + 1, f"{with_threads:.1f} s, without threads {without:.1f} s"
        assert not (cold_home.project / "poetry.lock").exists()

    @staticmethod
    def interrupted(home: PoetryHome, far: Far, together: int) -> float:
        """Seconds from Ctrl-C, at a moment when ``together`` requests are under way, to the end."""
        far.clear()
        far.answer = lambda request: Response(delay=60) if len(far.started) > 4 else None
        process = subprocess.Popen(
            [str(home.executable), "lock"],
            cwd=home.project,
            env=home.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        until = time.monotonic() + 60
        while (far.most < together or len(far.started) < 5) and time.monotonic() < until:
            time.sleep(0.02)
        time.sleep(0.3)
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        text, _ = process.communicate(timeout=30)
        took = time.monotonic() - started
        assert process.returncode != 0
        assert "Traceback" not in text
        return took

    def test_what_is_logged_comes_in_poetry_s_order(
        self, home: PoetryHome, index: IndexServer, far: Far
    ) -> None:
        project_of(home, index, *add_web(index)[:2])
        with switched_off(home):
            expected = home.ok("lock", "-vvv")
        forget(home)
        far.clear()
        far.gather(2)
        done = home.ok("lock", "-vvv")
        assert far.most > 1
        assert told(done.out) == told(expected.out)
        assert sorted(told(done.err)) == sorted(told(expected.err))


def told(text: str) -> list[str]:
    """The lines, but for those of the connections, whose number is another; no figures of time,
    no addresses of locks.
    """
    kept = [line for line in text.splitlines() if "connection" not in line.lower()]
    return [re.sub(r"\d+\.\d+ ?s(econds)?|lock \d+", "", line, flags=re.I) for line in kept]
