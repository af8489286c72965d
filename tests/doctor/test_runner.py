"""Which repositories are looked at, and several side by side."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from poetry_repo_plugin.core.deadline import within
from poetry_repo_plugin.core.errors import Cause, InputError
from poetry_repo_plugin.doctor.report import State
from poetry_repo_plugin.doctor.runner import Limits, choose, examine
from tests.certs import CertificateFactory, server_context
from tests.doctor.place import PASSWORD, QUICK, WELL, Place, helper, states
from tests.servers import IndexServer, ProxyServer, SilentServer


class TestWhich:
    def test_a_helper_that_hangs_for_one_is_no_matter_for_others(
        self, well: Place, index: IndexServer, tmp_path: Path
    ) -> None:
        with IndexServer() as other:
            well.remember(other.index_url, "other")
            helper(well, tmp_path, index, "")
            (tmp_path / "helper").write_text("#!/bin/sh\nsleep 20\n")
            well.own("helper-protocol", "exec-credential")
            foo, free = well.report(step=2.0).repositories
            assert {one.cause for one in foo.checks if one.state is State.FAIL} == {Cause.TIMEOUT}
            assert [one.check for one in free.checks if one.state in (State.FAIL, State.SKIP)] == [
                "client-cert",
                "upload",
            ]

    def test_all_that_have_a_url(self, place: Place) -> None:
        with IndexServer() as one, IndexServer() as two:
            place.remember(one.index_url, "one")
            place.remember(two.index_url, "two")
            place.log_in(name="nowhere")
            assert [examined.name for examined in place.report().repositories] == ["one", "two"]
            assert [examined.name for examined in place.report("two").repositories] == ["two"]
            assert [examined.name for examined in place.report("TWO", "two").repositories] == [
                "two"
            ]

    def test_pypi_only_when_something_is_set_for_it(self, place: Place) -> None:
        """A run in an ordinary place goes to no public server, also where PyPI is listed to keep it
        on.
        """
        place.pyproject.write_text('[[tool.poetry.source]]\nname = "PyPI"\npriority = "primary"\n')
        access = place.access
        assert choose(access.catalogue, access.settings, []) == []
        assert [one.name for one in choose(access.catalogue, access.settings, ["PyPI"])] == ["pypi"]
        place.environ["POETRY_PYPI_TOKEN_PYPI"] = PASSWORD
        access = place.access
        assert [one.name for one in choose(access.catalogue, access.settings, [])] == ["pypi"]
        place.environ.clear()
        place.settle("auth.toml", "pypi-token", "pypi", value=PASSWORD)
        access = place.access
        assert [one.name for one in choose(access.catalogue, access.settings, [])] == ["pypi"]

    def test_pypi_itself(
        self, place: Place, certs: CertificateFactory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with (
            IndexServer(tls=server_context(certs.server("pypi.org"))) as server,
            ProxyServer(hosts={"pypi.org": ("127.0.0.1", server.port)}) as proxy,
        ):
            monkeypatch.setenv("HTTPS_PROXY", proxy.origin)
            place.certificate("cert", certs.ca_file(), "pypi")
            checks = place.checks("pypi")
            assert states(checks) == {**WELL, "credential": "skip", "upload": "skip"}
            place.settle("auth.toml", "pypi-token", "pypi", value=PASSWORD)
            checks = place.checks("pypi")
            assert states(checks) == {**WELL, "upload": "skip"}
            assert checks["credential"].message.startswith("__token__, from auth.toml")
            assert {request.method for request in server.requests} == {"GET"}
            assert not server.saw_secret(PASSWORD)

    def test_a_name_without_a_url(self, place: Place) -> None:
        place.log_in()
        access = place.access
        with pytest.raises(InputError, match="No URL is known for 'foo'") as caught:
            choose(access.catalogue, access.settings, ["foo"])
        with pytest.raises(InputError, match=r"Did you mean foo\?"):
            choose(access.catalogue, access.settings, ["fooo"])
        assert caught.value.hint == "poetry repo add foo URL"

    def test_side_by_side(self, place: Place) -> None:
        """Five silent servers take as long as one."""
        with ExitStack() as stack:
            for number in range(5):
                server = stack.enter_context(SilentServer())
                place.remember(f"{server.origin}/simple/", f"silent{number}")
            started = time.monotonic()
            report = place.report(step=QUICK)
            assert time.monotonic() - started < 4.5 * QUICK
            assert len(report.repositories) == 5
            assert not report.ok

    def test_what_goes_wrong_in_a_check_is_not_lost(self, place: Place) -> None:
        place.remember("http://127.0.0.1:1/simple/")
        access = place.access
        repositories = choose(access.catalogue, access.settings, [])

        def fail(name: str, check: str) -> None:
            raise RuntimeError(f"{name} {check}")

        with pytest.raises(RuntimeError, match="foo dns"):
            examine(lambda: access, repositories, Limits(), fail)


def test_within() -> None:
    assert within(5, lambda: 3) == 3
    with pytest.raises(ZeroDivisionError):
        within(5, lambda: 1 // 0)
    with pytest.raises(TimeoutError, match=r"no answer within 0.05 s"):
        within(0.05, lambda: time.sleep(0.3))
