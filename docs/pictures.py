"""Makes the README's pictures anew, from what the commands really print.

    .venv/bin/python docs/pictures.py

`demo.svg` is a piece of `poetry repo demo`; `doctor.svg` is `poetry repo doctor` on three repositories of this machine,
of which one is well. Look at them before you commit them.
"""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from rich.console import Console  # noqa: E402
from rich.terminal_theme import TerminalTheme  # noqa: E402
from rich.text import Text  # noqa: E402

from tests.certs import CertificateFactory, server_context  # noqa: E402
from tests.packages import wheel  # noqa: E402
from tests.poetry_process import PoetryHome, poetry_under_test  # noqa: E402
from tests.servers import IndexServer  # noqa: E402

COLUMNS = 80
NORMAL = ["3c404a", "f06262", "78c878", "e5c064", "61afef", "c678dd", "56b6c2", "d6dae2"]
BRIGHT = ["5c6370", "ff7878", "96dc96", "f5d282", "82c8ff", "dc96f0", "6ed2dc", "ffffff"]


def rgb(colour: str) -> tuple[int, int, int]:
    """``rrggbb`` as numbers."""
    red, green, blue = bytes.fromhex(colour)
    return red, green, blue


THEME = TerminalTheme(rgb("181a21"), rgb("d6dae2"), [rgb(one) for one in NORMAL], [rgb(one) for one in BRIGHT])


def in_terminal(words: list[str], environment: dict[str, str], folder: Path) -> str:
    """What a command prints into a terminal of 80 columns, with colour."""
    ours, theirs = pty.openpty()
    environment = {**environment, "COLUMNS": str(COLUMNS), "TERM": "xterm-256color"}
    environment.pop("NO_COLOR", None)
    with subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, cwd=folder):
        os.close(theirs)
        output = b""
        while True:
            ready, _, _ = select.select([ours], [], [], 120)
            try:
                piece = os.read(ours, 65536) if ready else b""
            except OSError:
                piece = b""
            if not piece:
                break
            output += piece
    os.close(ours)
    return output.decode("utf-8").replace("\r\n", "\n")


def save(text: str, title: str, file: Path) -> None:
    """Draw ``text`` with its colours as a terminal window."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=COLUMNS + 2, file=nowhere, force_terminal=True)
        console.print(Text.from_ansi(text.strip("\n")))
    file.write_text(console.export_svg(title=title, theme=THEME), encoding="utf-8")
    print(f"{file.relative_to(ROOT)}: {len(text.splitlines())} lines")


def demo() -> None:
    """A piece of the demo: from the certificates to the login."""
    with tempfile.TemporaryDirectory() as folder:
        home = PoetryHome(Path(folder) / "home", poetry_under_test())
        text = in_terminal([str(home.executable), "repo", "demo", "--ansi"], home.environment(), home.project)
    text = re.sub(r"/[^ ]*/poetry-repo-demo-[0-9a-f]+/home", "~", text)
    found = re.search(r"(?ms)^[^\n]*# The connection stands.*?(?=^[^\n]*Publish a library)", text)
    save(found[0] if found else text, "poetry repo demo", ROOT / "docs" / "demo.svg")


def doctor() -> None:
    """Three repositories: one is well, one has a CA of its own, one wants another password."""
    with tempfile.TemporaryDirectory() as folder:
        factory = CertificateFactory(Path(folder) / "certs")
        home = PoetryHome(Path(folder) / "home", poetry_under_test())
        tls = server_context(factory.server("127.0.0.1"))
        with (
            IndexServer(tls=tls, credentials={"alice": "secret"}) as acme,
            IndexServer(tls=tls) as partner,
            IndexServer(tls=tls, credentials={"alice": "new"}) as legacy,
        ):
            for server in (acme, partner, legacy):
                server.add(*wheel("tools", "1.0"))
            for name, server in (("acme", acme), ("partner", partner), ("legacy", legacy)):
                home.ok("repo", "add", name, server.index_url, "--publish-url", server.upload_url)
            for name in ("acme", "legacy"):
                home.ok("repo", "certs", name, "--ca", str(factory.ca_file()), "--no-verify")
                arguments = ["repo", "login", name, "--username", "alice", "--password-stdin", "--no-verify"]
                home.ok(*arguments, stdin="secret\n")
            words = [str(home.executable), "repo", "doctor", "acme", "partner", "legacy", "--ansi"]
            text = in_terminal(words, home.environment(), home.project)
    text = text.replace(f"{home.root}", "~")
    save(f"$ poetry repo doctor\n{text}", "poetry repo doctor", ROOT / "docs" / "doctor.svg")


if __name__ == "__main__":
    doctor()
    demo()
