"""What the doctor says of a lock file: where its packages come from, and their hashes."""

from __future__ import annotations

from typing import Any

import pytest
import tomlkit

from poetry_repo_plugin.doctor.report import Finding, State
from tests.doctor.place import Place

URL = "https://pypi.example.org/simple"
OTHER = "https://other.example.org/simple"
SAFE = "sha256:" + "0" * 64


def package(name: str, source: str | None = None, url: str = URL, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"name": name, "version": "1.0"}
    found["files"] = [{"file": f"{name}-1.0.tar.gz", "hash": SAFE}]
    if source is not None:
        found["source"] = {"type": "legacy", "url": url, "reference": source}
    return {**found, **more}


@pytest.fixture
def audited(well: Place) -> Place:
    """A project with a private source beside PyPI."""
    well.pyproject.write_text(
        '[project]\nname = "app"\nversion = "1.0"\n'
        f'[[tool.poetry.source]]\nname = "acme"\nurl = "{URL}/"\npriority = "explicit"\n'
    )
    return well


def say(place: Place, text: str) -> None:
    place.pyproject.write_text(f"{place.pyproject.read_text()}\n{text}\n")


def found(place: Place, *packages: dict[str, Any], lock: str = "2.1") -> list[Finding]:
    """The findings on a lock file, but for those that the place has without one."""
    before = place.local()
    data = {"package": list(packages), "metadata": {"lock-version": lock}}
    (place.project / "poetry.lock").write_text(tomlkit.dumps(data))
    return [one for one in place.local() if one not in before]


def told(finding: Finding) -> tuple[str, State, str | None]:
    return finding.check, finding.state, finding.hint


class TestOwnedNames:
    def test_from_elsewhere(self, audited: Place) -> None:
        say(audited, '[tool.poetry-repo-plugin.acme]\npackages = ["acme-*"]')
        (one,) = found(audited, package("Acme.A"), package("acme-b", "acme"), package("requests"))
        hint = "poetry update --lock acme-a"
        assert told(one) == ("owned-names", State.FAIL, hint)
        assert one.message == (
            'acme-a belongs to it ("acme-*" in pyproject.toml), but poetry.lock has it from PyPI'
        )
        assert one.cause is not None
        assert one.cause.value == "owned-elsewhere"

    def test_each_owner_is_named(self, audited: Place) -> None:
        say(audited, '[tool.poetry-repo-plugin.acme]\npackages = ["acme-*", "both"]')
        say(audited, '[tool.poetry-repo-plugin.beta]\npackages = ["b*"]')
        names = ("acme-a", "acme-b", "acme-c", "acme-d", "beta-x", "both")
        first, second, third = found(audited, *map(package, names))
        assert first.message.startswith("acme-a, acme-b, acme-c and 1 more belong to it")
        assert second.message.startswith("beta-x belongs to it")
        assert 'acme ("both" in pyproject.toml) and to beta ("b*"' in third.message

    @pytest.mark.parametrize(
        "line",
        [
            '[tool.poetry.dependencies]\nacme_a = {git = "https://git.example.org/a"}',
            '[tool.poetry.group.dev.dependencies]\nacme-a = [{url = "https://x.example.org/a"}]',
            '[dependency-groups]\ndev = ["Acme.A[x] @ git+https://git.example.org/a", {x = 1}]',
        ],
    )
    def test_twin_of_which_the_project_says_so(self, audited: Place, line: str) -> None:
        say(audited, '[tool.poetry-repo-plugin.acme]\npackages = ["acme-*"]')
        direct = package("acme-a")
        direct["source"] = {"type": "git", "url": "https://git.example.org/a"}
        assert len(found(audited, direct)) == 1
        say(audited, line)
        assert found(audited, direct) == []

    def test_names_without_an_owner_are_a_hint(self, audited: Place) -> None:
        (one,) = found(audited, package("acme-a", "acme"), package("acme-b", "ACME", f"{URL}/"))
        hint = "poetry repo add acme --packages 'acme-*'"
        assert told(one) == ("owned-names", State.OK, hint)
        assert one.message.startswith("acme-a, acme-b come from acme, and no pattern")

    def test_the_hint_takes_nothing_from_others(self, audited: Place) -> None:
        """A pattern that PyPI's packages of this lock file match is not proposed."""
        names = [package("py-a", "acme"), package("py-b", "acme"), package("py-cpuinfo")]
        (one,) = found(audited, *names)
        assert one.hint == "poetry repo add acme --packages py-a --packages py-b"

    def test_twin_where_no_other_index_is(self, audited: Place) -> None:
        audited.pyproject.write_text(audited.pyproject.read_text().replace("explicit", "primary"))
        assert found(audited, package("acme-a", "acme")) == []


class TestSources:
    def test_that_the_project_does_not_name(self, audited: Place) -> None:
        say(audited, '[tool.poetry-repo-plugin.acme]\npackages = ["x"]')
        (one,) = found(audited, package("a", "gone", OTHER), package("x", "acme"))
        assert told(one) == ("lock-sources", State.FAIL, "poetry update --lock a")
        assert f"from gone ({OTHER}), which is not a source" in one.message
        (many,) = found(audited, *(package(f"a{number}", "gone") for number in range(6)))
        assert many.hint == "poetry lock --regenerate"

    def test_at_another_url(self, audited: Place) -> None:
        say(audited, '[tool.poetry-repo-plugin.acme]\npackages = ["x"]')
        (one,) = found(audited, package("x", "acme", "https://u:p4ss@other.example.org/simple"))[
            -1:
        ]
        assert told(one) == ("lock-sources", State.WARN, "poetry update --lock x")
        assert (
            f"at https://****@other.example.org/simple, and pyproject.toml at {URL}" in one.message
        )

    def test_over_plain_http(self, audited: Place) -> None:
        url = "http://pypi.example.org/simple"
        audited.pyproject.write_text(audited.pyproject.read_text().replace("https", "http"))
        say(audited, '[tool.poetry-repo-plugin.acme]\npackages = ["x"]')
        (one,) = found(audited, package("x", "acme", url))
        assert told(one) == ("lock-http", State.WARN, None)
        assert f"x from {url}: plain http" in one.message


class TestHashes:
    @pytest.mark.parametrize(
        "files", [[], [{"file": "a"}], [{"file": "a", "hash": "md5:0"}], ["a"], "a"]
    )
    def test_none(self, audited: Place, files: Any) -> None:
        (one,) = found(audited, package("a", files=files), package("b"))
        assert told(one) == ("lock-hashes", State.WARN, "poetry update --lock a")
        assert "all files of a: " in one.message

    def test_twin_what_has_no_files(self, audited: Place) -> None:
        here = package("a", files=[])
        here["source"] = {"type": "directory", "url": "../a"}
        assert found(audited, here) == []

    def test_twin_of_an_older_format(self, audited: Place) -> None:
        old = {"name": "a", "version": "1.0"}
        files = {"a": [{"file": "a-1.0.tar.gz", "hash": SAFE}]}
        data = {"package": [old], "metadata": {"lock-version": "1.1", "files": files}}
        (audited.project / "poetry.lock").write_text(tomlkit.dumps(data))
        assert audited.local() == []


@pytest.mark.parametrize("text", ["package = 5", "package = [5]", "[[package]]\nsource = 5", "="])
def test_what_is_no_lock_file(audited: Place, text: str) -> None:
    (audited.project / "poetry.lock").write_text(text)
    assert all(isinstance(one, Finding) for one in audited.local())
