"""Running somebody else's program: limits, what it is told, and what of it is shown."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poetry_repo_plugin.credentials import process
from tests.credentials.stand_ins import HEARTBEAT, StandIn, heart_stops

LIMIT = 20.0


def test_a_program_gets_its_input_and_its_output_and_status_come_back(tmp_path: Path) -> None:
    tool = StandIn(
        tmp_path,
        "tool",
        "print(stdin.upper(), end=''); print('careful', file=sys.stderr); sys.exit(3)",
    )
    finished = process.run([*tool.command, "one", "two words"], input=b"hello", timeout=LIMIT)
    assert (finished.status, finished.stdout, finished.stderr) == (3, b"HELLO", "careful\n")
    assert not finished.succeeded
    assert tool.calls[0]["argv"] == ["one", "two words"]


def test_without_input_the_program_finds_its_standard_input_closed(tmp_path: Path) -> None:
    tool = StandIn(tmp_path, "tool", "print(repr(stdin))")
    assert process.run(tool.command, timeout=LIMIT).stdout == b"''\n"


def test_no_shell_sees_the_arguments(tmp_path: Path) -> None:
    tool = StandIn(tmp_path, "tool", "")
    process.run([*tool.command, "$(touch x)", "a;b", "*"], timeout=LIMIT)
    assert tool.calls[0]["argv"] == ["$(touch x)", "a;b", "*"]


def test_a_program_that_does_not_read_its_input_is_no_failure(tmp_path: Path) -> None:
    path = tmp_path / "deaf"
    path.write_text(f"#!{sys.executable}\nimport os\nos.close(0)\nprint('done')\n")
    path.chmod(0o755)
    finished = process.run([str(path)], input=b"x" * 1_000_000, timeout=LIMIT)
    assert finished.stdout == b"done\n"


def test_a_hanging_program_is_killed_at_its_limit_with_what_it_started(tmp_path: Path) -> None:
    pulse = tmp_path / "pulse"
    tool = StandIn(tmp_path, "tool", HEARTBEAT.format(pulse=str(pulse)) + "time.sleep(60)")
    began = time.monotonic()
    with pytest.raises(
        process.ToolTimeout, match=r"tool did not answer within 1\.5 s and was stopped"
    ):
        process.run(tool.command, timeout=1.5)
    assert time.monotonic() - began < 10
    assert heart_stops(pulse)


def test_a_program_that_ends_and_leaves_a_daemon_with_its_output_open_is_not_waited_for(
    tmp_path: Path,
) -> None:
    pulse = tmp_path / "pulse"
    tool = StandIn(
        tmp_path,
        "tool",
        HEARTBEAT.format(pulse=str(pulse)).replace("1200", "70") + "print('answer')",
    )
    began = time.monotonic()
    assert process.run(tool.command, timeout=LIMIT).stdout == b"answer\n"
    assert time.monotonic() - began < 3
    assert not heart_stops(pulse, within=0.1), "a daemon of the user's choice goes on"
    assert heart_stops(pulse, within=10)


def test_the_user_interrupting_ends_the_program_too(tmp_path: Path) -> None:
    pulse = tmp_path / "pulse"
    tool = StandIn(tmp_path, "tool", HEARTBEAT.format(pulse=str(pulse)) + "time.sleep(60)")

    def interrupt() -> None:
        while not pulse.exists():
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        process.run(tool.command, timeout=LIMIT)
    thread.join()
    assert heart_stops(pulse)


def test_output_without_end_is_cut_off_and_the_program_killed(tmp_path: Path) -> None:
    tool = StandIn(tmp_path, "tool", "while True: sys.stdout.write('x' * 65536)")
    with pytest.raises(process.ToolFailed, match="wrote more than 1024 KiB"):
        process.run(tool.command, timeout=LIMIT)


def test_output_of_exactly_the_limit_is_taken(tmp_path: Path) -> None:
    tool = StandIn(tmp_path, "tool", "sys.stdout.write('x' * 1024 * 1024)")
    assert len(process.run(tool.command, timeout=LIMIT).stdout) == process.STDOUT_LIMIT


def test_of_endless_complaints_the_first_are_kept_and_the_program_may_finish(
    tmp_path: Path,
) -> None:
    tool = StandIn(
        tmp_path, "tool", "sys.stderr.write('first\\n' + 'x' * 1_000_000); print('answer')"
    )
    finished = process.run(tool.command, timeout=LIMIT)
    assert finished.stdout == b"answer\n"
    assert finished.stderr.startswith("first\n")
    assert len(finished.stderr) == process.STDERR_LIMIT


def test_a_bare_name_is_looked_for_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = StandIn(tmp_path / "bin", "our-tool", "print('found')")
    monkeypatch.setenv("PATH", str(tool.path.parent))
    assert process.run(["our-tool"], timeout=LIMIT).stdout == b"found\n"


@pytest.mark.parametrize("path", [".", "", "bin", f"{os.pathsep}."])
def test_the_current_folder_is_never_part_of_the_path(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A project could otherwise bring its own ``aws``."""
    tool = StandIn(tmp_path, "our-tool", "")
    StandIn(tmp_path / "bin", "our-tool", "")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", path)
    with pytest.raises(process.ToolMissing, match="our-tool is not on PATH"):
        process.run(["our-tool"], timeout=LIMIT)
    assert tool.calls == []


def test_a_relative_path_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    StandIn(tmp_path, "tool", "")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(process.ToolMissing, match="is not an absolute path"):
        process.run(["./tool"], timeout=LIMIT)


def test_what_is_missing_or_no_program_is_said(tmp_path: Path) -> None:
    with pytest.raises(process.ToolMissing, match="cannot be started: No such file"):
        process.run([str(tmp_path / "nothing")], timeout=LIMIT)
    plain = tmp_path / "plain"
    plain.write_text("text")
    with pytest.raises(process.ToolMissing, match="cannot be started: Permission denied"):
        process.run([str(plain)], timeout=LIMIT)
    with pytest.raises(process.ToolMissing, match="cannot be started: embedded null byte"):
        process.run([*StandIn(tmp_path, "tool", "").command, "a\0b"], timeout=LIMIT)


def test_what_belongs_to_repositories_is_not_handed_on_and_the_rest_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POETRY_HTTP_BASIC_FOO_PASSWORD", "s3cret")
    monkeypatch.setenv("POETRY_HTTP_BASIC_FOO_USERNAME", "s3cret")
    monkeypatch.setenv("POETRY_REPOSITORIES_FOO_URL", "https://s3cret.example/")
    monkeypatch.setenv("poetry_repositories_foo_url", "https://s3cret.example/")
    monkeypatch.setenv("Poetry_Http_Basic_a.b_Username", "s3cret")
    monkeypatch.setenv("POETRY_PYPI_MIRROR_URL", "https://u:s3cret@mirror.example/")
    monkeypatch.setenv("POETRY_CACHE_DIR", "/cache")
    monkeypatch.setenv("POETRY_PYPI_TOKEN_FOO", "s3cret")
    monkeypatch.setenv("POETRY_CERTIFICATES_FOO_PASSPHRASE", "s3cret")
    monkeypatch.setenv("VAULT_ADDR", "https://vault.example.com")
    tool = StandIn(tmp_path, "tool", "")
    process.run(tool.command, timeout=LIMIT, env={"EXTRA": "yes"})
    environ = tool.calls[0]["env"]
    assert "s3cret" not in str(environ)
    assert (environ["POETRY_CACHE_DIR"], environ["VAULT_ADDR"]) == (
        "/cache",
        "https://vault.example.com",
    )
    assert environ["EXTRA"] == "yes"


def test_a_program_has_no_terminal_to_ask_on(tmp_path: Path) -> None:
    tool = StandIn(
        tmp_path,
        "tool",
        """
        try:
            open("/dev/tty").close()
            print("a terminal")
        except OSError:
            print("none")
        """,
    )
    assert process.run(tool.command, timeout=LIMIT).stdout == b"none\n"


def test_the_complaint_tells_how_it_ended_and_what_it_said(tmp_path: Path) -> None:
    failing = StandIn(
        tmp_path, "failing", "print('\\n  no token\\nask Bob', file=sys.stderr); sys.exit(4)"
    )
    assert (
        process.run(failing.command, timeout=LIMIT).complaint
        == "ended with status 4: no token / ask Bob"
    )
    dying = StandIn(tmp_path, "dying", "os.kill(os.getpid(), 9)")
    assert (
        process.run(dying.command, timeout=LIMIT).complaint
        == "was ended by signal 9 without output"
    )


def test_output_is_not_in_the_representation(tmp_path: Path) -> None:
    tool = StandIn(tmp_path, "tool", "print('s3cret'); print('s3cret', file=sys.stderr)")
    assert "s3cret" not in repr(process.run(tool.command, timeout=LIMIT))


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("\x1b[31mred\x1b[0m\x07 alert\x1b]0;title\x07!", "red alert!"),
        ("one\r\ntwo\n\nthree\nfour", "one / two / three"),
        ("x" * 300, "x" * 199 + "…"),
        (
            "Traceback (most recent call last):\n  File x\nValueError: no vault",
            "ValueError: no vault",
        ),
        ("curl -H 'Authorization: Bearer abc.def'", "curl -H 'Authorization: Bearer ****'"),
        ("sent Basic dXNlcjpwdw==", "sent Basic ****"),
        ("+ echo password=hunter2", "+ echo password=****"),
        ("at https://bob:pw@example.com/x", "at https://****@example.com/x"),
        ("got eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.c2ln", "got ****"),
        ("caf\u00e9 \u202e evil", "caf\u00e9 evil"),
        ("", ""),
    ],
)
def test_what_others_say_is_made_fit_to_show(said: str, shown: str) -> None:
    assert process.presentable(said) == shown


@given(st.text(), st.integers(1, 5), st.integers(2, 80))
def test_whatever_others_say_is_one_bounded_printable_line(
    said: str, lines: int, width: int
) -> None:
    shown = process.presentable(said, lines=lines, width=width)
    assert all(char.isprintable() for char in shown)
    assert len(shown) <= lines * (width + 3)
