"""Completions in the real shells: commands, options and the names of repositories."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import time
from pathlib import Path

import pytest

from tests.infrastructure.parts import SystemPart
from tests.warm import WarmHome

WANTED = (
    ("poetry repo lo", {"login", "logout"}),
    ("poetry repo list --js", {"--json"}),
    ("poetry repo login --user", {"--username"}),
    ("poetry repo show ac", {"acme", "acme-staging"}),
    ("poetry repo completions f", {"fish"}),
)
PATIENCE = 30.0


@pytest.fixture
def shell(home: WarmHome) -> WarmHome:
    """A home with two repositories, whose ``poetry`` is on the path."""
    own = "".join(
        f'[repositories.{name}]\nurl = "https://pypi.example.org/{name}/simple/"\n'
        for name in ("acme", "acme-staging", "other")
    )
    (home.config / "poetry-repo-plugin.toml").write_text(own)
    folder = str(home.executable.parent)
    home.environ["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"
    return home


def script(home: WarmHome, name: str, folder: Path) -> Path:
    """The script, as a user writes it to a file."""
    file = folder / f"completion.{name}"
    file.write_text(home.ok("repo", "completions", name).out, encoding="utf-8")
    return file


def ran(home: WarmHome, *command: object) -> str:
    done = subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        env=home.environment(),
        cwd=home.project,
        timeout=100,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_bash(shell: WarmHome, system_part: SystemPart, tmp_path: Path) -> None:
    """Once alone, and once behind what completes Poetry's other commands."""
    file = script(shell, "bash", tmp_path)
    before = "_before() { COMPREPLY=(before-$2); }; complete -F _before poetry"
    asked = [*WANTED, ("poetry ins", {"before-ins"})]
    lines = [before, f"source {file}", f"source {file}"]
    for line, _ in asked:
        words = " ".join(f"'{word}'" for word in line.split())
        last = line.split()[-1]
        lines += [
            f"COMP_WORDS=({words}); COMP_CWORD={len(line.split()) - 1}",
            f"_poetry_repo poetry '{last}'; echo \"${{COMPREPLY[*]}}\"",
        ]
    lines += ["unset _poetry_repo_before; complete -r poetry", f"source {file}"]
    lines += ["COMP_WORDS=(poetry re); COMP_CWORD=1; _poetry_repo; echo ${COMPREPLY[*]}"]
    out = ran(shell, system_part("bash"), "--norc", "-c", "\n".join(lines)).splitlines()
    assert [set(line.split()) for line in out] == [*(wanted for _, wanted in asked), {"repo"}]


def test_fish(shell: WarmHome, system_part: SystemPart, tmp_path: Path) -> None:
    file = script(shell, "fish", tmp_path)
    lines = [f"source {file}"]
    lines += [f"complete -C '{line}' | cut -f 1; echo ---" for line, _ in WANTED]
    out = ran(shell, system_part("fish"), "--no-config", "-c", "\n".join(lines))
    found = [set(part.split()) for part in out.split("---\n")[:-1]]
    assert found == [wanted for _, wanted in WANTED]


def test_zsh(shell: WarmHome, system_part: SystemPart, tmp_path: Path) -> None:
    """Zsh completes at a terminal only: what the Tab key lists is on the screen."""
    file = script(shell, "zsh", tmp_path)
    (tmp_path / ".zshrc").write_text(
        f"autoload -Uz compinit && compinit -u -D\nsource {file}\nsource {file}\n"
        "PS1='ready> '\nunsetopt zle_bracketed_paste\nLISTMAX=1000\nsetopt list_ambiguous\n"
    )
    environ = {**shell.environment(), "ZDOTDIR": str(tmp_path), "TERM": "dumb"}
    controller, line = pty.openpty()
    process = subprocess.Popen(
        [str(system_part("zsh")), "-i"],
        stdin=line, stdout=line, stderr=line, env=environ, cwd=shell.project,
        start_new_session=True,
    )  # fmt: skip
    os.close(line)
    try:
        _until(controller, "ready>")
        for typed, wanted in WANTED:
            os.write(controller, f"{typed}\t\t".encode())
            screen = _until(controller, *wanted)
            assert not {"import", "other"} & set(screen.split())
            os.write(controller, b"\x15")  # Ctrl-U empties the line
    finally:
        process.kill()
        process.wait(10)
        os.close(controller)


def _until(controller: int, *texts: str) -> str:
    """Read until all ``texts`` are on the screen as words."""
    screen, until = "", time.monotonic() + PATIENCE
    while not all(re.search(rf"(?<!\S){re.escape(text)}(?!\S)", screen) for text in texts):
        left = until - time.monotonic()
        ready, _, _ = select.select([controller], [], [], max(0.0, left))
        assert ready, f"no {texts} on the screen:\n{screen}"
        screen += os.read(controller, 65536).decode("utf-8", "replace")
    return screen
