"""``poetry repo demo``: a real Poetry that runs real Poetrys, and what is left of it."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from cleo.io.buffered_io import BufferedIO

from poetry_repo_plugin.core.errors import Cause, StateError
from poetry_repo_plugin.demo import child
from poetry_repo_plugin.demo import room as room_module
from poetry_repo_plugin.demo.child import Finished, Runner
from poetry_repo_plugin.demo.material import PASSPHRASE, PASSWORD
from poetry_repo_plugin.demo.room import Room
from poetry_repo_plugin.demo.screen import Screen
from poetry_repo_plugin.demo.stage import Astray, judge
from poetry_repo_plugin.demo.stopping import Signals, Stopped
from poetry_repo_plugin.demo.story import WIDTH, Step, story
from tests.poetry_process import PoetryHome

# In this order; PORT is the index's.
STORY = (
    "A private index is running on this machine",
    "$ cd ~/hello",
    "$ poetry repo add acme https://127.0.0.1:PORT/simple/ \\",
    "acme (https://127.0.0.1:PORT/simple/): added as primary",
    "$ poetry lock",
    "[unknown-ca]",
    "Try: poetry repo certs acme --ca PATH",
    "$ poetry repo certs acme --ca ~/certs/ca.pem",
    "[client-cert-required]",
    "$ poetry repo certs acme --client-cert ~/certs/alice.pem \\",
    "acme: the handshake with 127.0.0.1:PORT works",
    "$ poetry lock",
    "[credential-missing]",
    "$ poetry repo login acme --username alice --password-stdin \\",
    "      < ~/secrets/wrong-password",
    "[credential-rejected]",
    "      < ~/secrets/password",
    "Logged in to acme (127.0.0.1:PORT) as alice",
    "$ cd ~/acme-greetings",
    "$ poetry build",
    "Built acme_greetings-1.0.0-py3-none-any.whl",
    "$ poetry publish --repository acme",
    "Uploading acme_greetings-1.0.0-py3-none-any.whl 100%",
    "$ cd ~/hello",
    "$ poetry lock",
    "Writing lock file",
    "$ poetry install",
    "Installing acme-greetings (1.0.0)",
    "$ poetry run python \\",
    "Hello, Poetry: installed from a private index.",
    "$ poetry repo list",
    "acme  primary       ok alice, auth.toml",
    "$ poetry repo doctor acme",
    "client-cert",
    "Done in ",
    "3 of them were meant to fail",
)
STOP = "$ poetry lock"  # the first command that runs long enough to be interrupted

# A background job of a shell without job control ignores SIGINT, and its children inherit that.
LISTENING = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"

posix = pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")


@pytest.fixture
def home(cold_home: PoetryHome) -> PoetryHome:
    """The demo is started as a user starts it, and starts processes itself."""
    return cold_home


@pytest.fixture
def temporary(tmp_path: Path, home: PoetryHome) -> Path:
    """The folder for temporary files of ``home``'s commands; the demo has to leave it empty."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    home.environ |= {
        "TMPDIR": str(folder),
        "TEMP": str(folder),
        "TMP": str(folder),
        "COLUMNS": "80",
    }
    return folder


@pytest.mark.timeout(300)
def test_it_shows_the_whole_story_and_leaves_nothing_behind(
    home: PoetryHome, temporary: Path
) -> None:
    """Settings of the person that would lead it astray play no part and are not touched."""
    home.environ |= {
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "POETRY_HTTP_BASIC_ACME_USERNAME": "eve",
        "POETRY_HTTP_BASIC_ACME_PASSWORD": "wrong",
        "REQUESTS_CA_BUNDLE": str(home.root / "none.pem"),
        "VIRTUAL_ENV": str(home.root / "none"),
    }
    (home.config / "config.toml").write_text("this is no TOML")

    done = home.run("repo", "demo", timeout=280)

    assert done.code == 0, done.text
    port = port_in(done.out)
    told = iter(done.out.replace(f":{port}", ":PORT").splitlines())
    for line in STORY:
        assert any(line in other for other in told), (
            f"{line!r} is missing, or out of order, in\n{done.out}"
        )
    assert done.err == ""
    assert PASSWORD not in done.text
    assert PASSPHRASE not in done.text
    assert "\x1b" not in done.out
    assert all(len(line) <= 80 for line in done.out.splitlines() if line.startswith(("$", "#")))
    assert_nothing_left(temporary, port)
    assert [file.name for file in home.config.iterdir()] == ["config.toml"]
    assert list(home.project.iterdir()) == []


@posix
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_ended_in_the_middle_it_leaves_nothing_behind(
    home: PoetryHome, temporary: Path, name: str
) -> None:
    """Exit code 1, one line, and no process, server or folder is left."""
    with subprocess.Popen(
        [sys.executable, "-c", LISTENING, str(home.executable), "repo", "demo"],
        cwd=home.project,
        env=home.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as process:
        assert process.stdout is not None
        seen = ""
        while STOP not in seen:
            line = process.stdout.readline()
            assert line, seen
            seen += line
        assert list(temporary.iterdir()) != []
        process.send_signal(getattr(signal, name))
        _, err = process.communicate(timeout=30)

    assert process.returncode == 1
    assert err == "Stopped. The index is closed and the folder is removed.\n"
    assert_nothing_left(temporary, port_in(seen))


def test_a_reader_that_goes_away_ends_it(home: PoetryHome, temporary: Path) -> None:
    """``poetry repo demo | head``: no traceback, nothing left, and that is no success."""
    with subprocess.Popen(
        [str(home.executable), "repo", "demo"],
        cwd=home.project,
        env=home.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        err = process.stderr.read()

    assert (process.returncode, err) == (1, b"")
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("module", ["pypiserver", "trustme"])
def test_without_the_extra_one_line_names_it(
    home: PoetryHome, temporary: Path, tmp_path: Path, module: str
) -> None:
    """Either way of installing it is there to be copied."""
    (tmp_path / "shadow").mkdir()
    (tmp_path / "shadow" / f"{module}.py").write_text("raise ImportError")
    home.environ["PYTHONPATH"] = str(tmp_path / "shadow")

    done = home.fails("repo", "demo")

    assert done.out == ""
    assert done.err == (
        "The demo needs the extra “demo”. (If Poetry was installed with pip: "
        "pip install 'poetry-repo-plugin[demo]')\n"
        "Try: poetry self add 'poetry-repo-plugin[demo]'\n"
    )
    assert list(temporary.iterdir()) == []


def test_no_other_command_imports_it() -> None:
    """Start-up is not for the demo to slow down; its own module is light, too: ``poetry list``
    loads it.
    """
    program = (
        "import importlib, pkgutil, sys, poetry_repo_plugin.commands as commands\n"
        "for found in pkgutil.iter_modules(commands.__path__, 'poetry_repo_plugin.commands.'):\n"
        "    importlib.import_module(found.name)\n"
        "assert 'poetry_repo_plugin.commands.demo' in sys.modules\n"
        "heavy = {'poetry_repo_plugin.demo', 'pypiserver', 'trustme', 'wsgiref'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


# -- the judge


@pytest.mark.parametrize(
    ("step", "finished", "complaint"),
    [
        (Step(("lock",), ""), Finished(1, ""), "`poetry lock` ended with exit code 1, not 0."),
        (
            Step(("repo", "list"), "", shows="acme"),
            Finished(0, "pypi"),
            "`poetry repo list` did not say 'acme'.",
        ),
        (
            Step(("lock",), "", Cause.DNS),
            Finished(0, "[dns]"),
            "`poetry lock` ended with exit code 0, not 1.",
        ),
        (
            Step(("lock",), "", Cause.DNS),
            Finished(1, "[timeout]"),
            "`poetry lock` did not say '[dns]'.",
        ),
    ],
)
def test_a_step_that_does_something_else_ends_the_demo(
    step: Step, finished: Finished, complaint: str
) -> None:
    """Success where a failure was meant is as wrong as the reverse."""
    with pytest.raises(Astray) as caught:
        judge(step, finished)
    assert caught.value.message == f"The demo went wrong: {complaint}"


@pytest.mark.parametrize(
    ("step", "finished"),
    [
        (Step(("repo", "list"), "", shows="acme"), Finished(0, "acme, pypi")),
        (Step(("lock",), "", Cause.DNS), Finished(1, "Repository acme: … [dns]")),
    ],
)
def test_a_step_that_does_what_it_should_is_let_pass(step: Step, finished: Finished) -> None:
    """The twin of the above."""
    judge(step, finished)


# -- commands


def test_commands_are_printed_as_one_types_them() -> None:
    """Every line fits a terminal, and an option stands with its value."""
    steps = [
        step
        for scene in story("https://127.0.0.1:65535/simple/", "https://127.0.0.1:65535/")
        for step in scene.steps
    ]
    typed = [step.typed() for step in steps]

    assert all(len(line) <= WIDTH for lines in typed for line in lines)
    assert all(len(step.remark) + 2 <= WIDTH for step in steps)
    assert typed[3] == [
        "$ poetry repo certs acme --client-cert ~/certs/alice.pem \\",
        "      --client-key ~/certs/alice.key --passphrase-stdin --plaintext \\",
        "      < ~/secrets/passphrase",
    ]
    assert Step(("run", "it's", "a b", "$HOME"), "").typed() == [
        '$ poetry run "it\'s" "a b" \'$HOME\''
    ]


@posix
def test_a_command_that_hangs_is_ended(
    monkeypatch: pytest.MonkeyPatch, runner: Runner, tmp_path: Path
) -> None:
    """With all that it has started."""
    monkeypatch.setattr(child, "PATIENCE", 0.5)
    monkeypatch.setattr(child, "_SAME_POETRY", "import subprocess; subprocess.run(['sleep', '60'])")

    finished = runner.run((), tmp_path)

    assert finished.code != 0


def test_a_signal_that_came_early_ends_the_next_command(runner: Runner, tmp_path: Path) -> None:
    """While the demo makes or removes something, a signal waits."""
    with runner.signals as signals:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(Stopped), signals.heeded():
            pass
        with pytest.raises(Stopped):
            runner.run(("--version",), tmp_path)


def test_a_signal_ends_a_wait_at_once() -> None:
    """And what was set before is set again afterwards."""
    before = signal.getsignal(signal.SIGINT)
    with Signals() as signals, pytest.raises(Stopped), signals.heeded():
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


# -- the room and the screen


def test_a_room_hides_what_the_person_has_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Poetry's and pip's settings, the active environment, proxies; but not the path."""
    for name in (
        "POETRY_X",
        "PIP_X",
        "VIRTUAL_ENV",
        "CONDA_PREFIX",
        "https_proxy",
        "NETRC",
        "XDG_DATA_HOME",
    ):
        monkeypatch.setenv(name, "mine")
    with Room() as room:
        environment = room.environment(colour=False)
        folder = room.path
        assert (room.home / "..").resolve() == folder.resolve()
    assert not folder.exists()
    assert "mine" not in environment.values()
    assert environment["PATH"] == os.environ["PATH"]
    assert environment["HOME"] == str(room.home)
    assert environment["NO_COLOR"] == "1"
    assert "NO_COLOR" not in room.environment(colour=True)


def test_a_room_that_cannot_be_made_or_removed_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """By its path, without a traceback."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with (
        pytest.raises(
            StateError, match=r"poetry-repo-demo-\w+ cannot be made: No such file or directory\."
        ),
        Room(),
    ):
        pass
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(room_module, "_REMOVAL", 0.0)
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)
    with (
        pytest.raises(
            StateError, match=r"poetry-repo-demo-\w+ cannot be removed; remove it by hand\."
        ),
        Room(),
    ):
        pass


def test_the_screen_begins_each_line_of_its_own_at_the_margin() -> None:
    """A command may leave its last line open; its markup is none; a narrow encoding gets question
    marks.
    """
    io = BufferedIO()
    screen = Screen(io)
    screen.piece("<info>half a line")
    screen.typed(["$ poetry <b>x</b>"])
    screen.remark("an ö")
    screen.title("What comes")

    assert io.fetch_output() == "<info>half a line\n$ poetry <b>x</b>\n# an ö\n\nWhat comes\n"


def test_the_screen_is_coloured_where_the_terminal_is() -> None:
    """The decorated twin."""
    io = BufferedIO(decorated=True)
    screen = Screen(io)
    screen.title("What comes")

    assert screen.colour
    assert io.fetch_output() == "\n\x1b[1mWhat comes\x1b[22m\n"


# -- helpers


@pytest.fixture
def runner() -> Runner:
    """Runs in this environment, and shows nothing."""
    return Runner(dict(os.environ), False, lambda _: None, Signals())


def port_in(text: str) -> int:
    """The port that the demo's index says it has."""
    found = re.search(r"https://127\.0\.0\.1:(\d+)/simple/", text)
    assert found is not None, text
    return int(found[1])


def assert_nothing_left(temporary: Path, port: int) -> None:
    """No file, no listener, no process."""
    assert list(temporary.iterdir()) == []
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
    if sys.platform == "linux":
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # another's, or just gone
                assert os.fsencode(temporary) not in (process / "environ").read_bytes()
