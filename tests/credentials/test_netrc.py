"""The netrc file as a source of credentials."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from poetry_repo_plugin.credentials.base import (
    EVERYTHING,
    FIRST_REQUEST,
    Answer,
    Broken,
    Credential,
    NotMine,
    Purpose,
    Query,
)
from poetry_repo_plugin.credentials.netrc import NetrcSource
from tests.credentials.contract import MARK, NAME, URL, SourceContract

HOST = "packages.example.com"


def source(folder: Path, text: str | bytes) -> NetrcSource:
    file = folder / "netrc"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return NetrcSource({"NETRC": str(file)})


def got(answer: Answer) -> tuple[str | None, str]:
    assert isinstance(answer, Credential), answer
    assert answer.source == "netrc"
    return answer.username, answer.secret.reveal()


class TestContract(SourceContract):
    @pytest.fixture(params=["machine", "default"])
    def source(self, request: pytest.FixtureRequest, tmp_path: Path) -> NetrcSource:
        words = {"machine": f"machine {HOST}", "default": "default"}[request.param]
        return source(tmp_path, f"{words} login me password {MARK}\n")


class TestBrokenContract(SourceContract):
    """Of a file that cannot be parsed: still one of three answers."""

    @pytest.fixture
    def source(self, tmp_path: Path) -> NetrcSource:
        return source(tmp_path, f"machine {HOST} login me password {MARK} nonsense\n")

    def test_it_has_a_credential_in_this_world(self, source: NetrcSource) -> None:  # type: ignore[override]
        answer = source.get(Query(NAME, URL))
        assert isinstance(answer, Broken)
        assert "cannot be parsed" in answer.why


def test_the_host_alone_decides(tmp_path: Path) -> None:
    mine = source(
        tmp_path,
        f"machine other.example login you password no\nmachine {HOST} login me password pw\n",
    )
    for name, purpose, allowed in (
        (NAME, Purpose.INDEX, FIRST_REQUEST),
        ("", Purpose.GIT, EVERYTHING),
    ):
        for url in (URL, f"https://{HOST}:8443/x", f"http://{HOST}", f"https://{HOST.upper()}./"):
            assert got(mine.get(Query(name, url, purpose, allowed))) == ("me", "pw")
    for url in (
        "https://example.com/",
        f"https://{HOST}.evil.org/",
        f"https://evil.org/{HOST}",
        f"https://x{HOST}/",
    ):
        assert isinstance(mine.get(Query(NAME, url)), NotMine)


def test_an_entry_of_another_user(tmp_path: Path) -> None:
    answer = source(tmp_path, f"machine {HOST} login me password pw\n").get(
        Query(NAME, URL, username="you")
    )
    assert isinstance(answer, NotMine)
    assert "another user" in answer.why


def test_a_default_entry_waits_for_a_repository_s_refusal(tmp_path: Path) -> None:
    """It names no host: whoever wants it need only answer 401, so strangers do not get it at
    all.
    """
    mine = source(
        tmp_path, "machine other.example login you password no\ndefault login me password pw\n"
    )
    assert isinstance(mine.get(Query(NAME, URL, allowed=FIRST_REQUEST)), NotMine)
    assert got(mine.get(Query(NAME, URL))) == ("me", "pw")
    assert isinstance(mine.get(Query("", "https://evil.example/")), NotMine)
    assert isinstance(mine.get(Query("", "https://default/")), NotMine), "that is no machine's name"
    assert isinstance(mine.get(Query(NAME, "https://default/", allowed=FIRST_REQUEST)), NotMine)


def test_incomplete_entries(tmp_path: Path) -> None:
    assert got(source(tmp_path, f"machine {HOST} login me\n").get(Query(NAME, URL))) == ("me", "")
    assert got(source(tmp_path, f"machine {HOST} password pw\n").get(Query(NAME, URL)))[1] == "pw"


@pytest.mark.parametrize(
    "content",
    [
        b"nonsense",
        b"machine",
        f"machine {HOST} login \xff".encode("latin-1"),
        b'machine x login "me',
        b"\0",
    ],
)
def test_a_file_that_cannot_be_parsed_is_broken_and_named(tmp_path: Path, content: bytes) -> None:
    answer = source(tmp_path, content).get(Query(NAME, URL))
    if not isinstance(answer, NotMine):  # versions of Python read some of these
        assert isinstance(answer, Broken)
        assert answer.why == f"{tmp_path / 'netrc'} cannot be parsed"


class TestWhichFile:
    def test_the_variable_s(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("USERPROFILE", str(tmp_path))
        for name in ("_netrc", ".netrc", "mine"):
            (tmp_path / name).write_text(
                f"machine {HOST} login {name} password pw\n", encoding="utf-8"
            )
        assert got(NetrcSource({"NETRC": "~/mine"}).get(Query(NAME, URL)))[0] == "mine"
        assert (
            got(NetrcSource({"NETRC": str(tmp_path / "mine")}).get(Query(NAME, URL)))[0] == "mine"
        )
        assert got(NetrcSource({}).get(Query(NAME, URL)))[0] == ".netrc"
        assert got(NetrcSource({"NETRC": ""}).get(Query(NAME, URL)))[0] == ".netrc"
        (tmp_path / ".netrc").unlink()
        assert got(NetrcSource({}).get(Query(NAME, URL)))[0] == "_netrc"
        (tmp_path / "_netrc").unlink()
        assert NetrcSource({}).get(Query(NAME, URL)) == NotMine("there is no netrc file")

    @pytest.mark.parametrize(
        "named",
        ["/none", "~nobody-at-all/netrc", "/", "/dev/zero", "x" * 5000, "a\0b", "", "netrc/below"],
        ids=ascii,
    )
    def test_what_is_no_file_is_as_good_as_none(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str
    ) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("USERPROFILE", str(tmp_path))
        assert NetrcSource({"NETRC": named}).get(Query(NAME, URL)) == NotMine(
            "there is no netrc file"
        )

    @pytest.mark.skipif(sys.platform != "linux", reason="a file that not even root can read")
    def test_one_that_cannot_be_read_is_broken(self) -> None:
        answer = NetrcSource({"NETRC": "/proc/self/mem"}).get(Query(NAME, URL))
        assert isinstance(answer, Broken)
        assert answer.why.startswith("/proc/self/mem cannot be read (")

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes of POSIX")
    def test_a_pipe_does_not_make_it_wait(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "netrc")
        assert isinstance(
            NetrcSource({"NETRC": str(tmp_path / "netrc")}).get(Query(NAME, URL)), NotMine
        )
