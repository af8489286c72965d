"""Makes the README's pictures anew, from what the commands really print.

    .venv/bin/python docs/pictures.py [demo] [doctor] [latency]

`latency.svg` shows what the bench measures, so nothing else should run meanwhile. `demo.svg` is a
piece of `poetry repo demo`; `doctor.svg` is `poetry repo doctor` on three repositories of this
machine, of which one is well. Look at them before you commit them.
"""

from __future__ import annotations

import os
import pty
import re
import secrets
import select
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
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
SHOWN = "~/.config/pypoetry"
NORMAL = ["3c404a", "f06262", "78c878", "e5c064", "61afef", "c678dd", "56b6c2", "d6dae2"]
BRIGHT = ["5c6370", "ff7878", "96dc96", "f5d282", "82c8ff", "dc96f0", "6ed2dc", "ffffff"]


def rgb(colour: str) -> tuple[int, int, int]:
    """``rrggbb`` as numbers."""
    red, green, blue = bytes.fromhex(colour)
    return red, green, blue


THEME = TerminalTheme(
    rgb("181a21"), rgb("d6dae2"), [rgb(one) for one in NORMAL], [rgb(one) for one in BRIGHT]
)


def in_terminal(words: list[str], environment: dict[str, str], folder: Path) -> str:
    """What a command prints into a terminal of 80 columns, with colour."""
    ours, theirs = pty.openpty()
    environment = {**environment, "COLUMNS": str(COLUMNS), "TERM": "xterm-256color"}
    environment.pop("NO_COLOR", None)
    with subprocess.Popen(
        words, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, cwd=folder
    ):
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
        text = in_terminal(
            [str(home.executable), "repo", "demo", "--ansi"], home.environment(), home.project
        )
    text = re.sub(r"/[^ ]*/poetry-repo-demo-[0-9a-f]+/home", "~", text)
    found = re.search(r"(?ms)^[^\n]*# The connection stands.*?(?=^[^\n]*Publish a library)", text)
    save(found[0] if found else text, "poetry repo demo", ROOT / "docs" / "demo.svg")


@contextmanager
def home_as_long_as_shown() -> Iterator[PoetryHome]:
    """A home of which the configuration folder has as many letters as the one that a picture shows
    for it: the report breaks its lines before a path can be replaced.
    """
    root = Path(tempfile.gettempdir()) / "x"
    root = root.with_name(secrets.token_hex(20)[: len(SHOWN) - len(str(root / "config")) + 1])
    root.mkdir(mode=0o700)
    try:
        home = PoetryHome(root, poetry_under_test())
        assert len(str(home.config)) == len(SHOWN), (
            "the folder for temporary files has too long a name"
        )
        yield home
    finally:
        shutil.rmtree(root)


def doctor() -> None:
    """Three repositories: one is well, one has a CA of its own, one wants another password."""
    with tempfile.TemporaryDirectory() as folder, home_as_long_as_shown() as home:
        factory = CertificateFactory(Path(folder) / "certs")
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
                arguments = [
                    "repo",
                    "login",
                    name,
                    "--username",
                    "alice",
                    "--password-stdin",
                    "--no-verify",
                ]
                home.ok(*arguments, stdin="secret\n")
            words = ["repo", "doctor", "acme", "partner", "legacy"]
            text = in_terminal(
                [str(home.executable), *words, "--ansi"], home.environment(), home.project
            )
    text = text.replace(str(home.config), SHOWN)
    save(f"$ poetry {' '.join(words)}\n{text}", "poetry repo doctor", ROOT / "docs" / "doctor.svg")


def bars(seconds: dict[str, float]) -> str:
    """A small bar chart: who takes how long."""
    names = {"plain": "Poetry", "plugin": "with the plugin", "uv": "uv"}
    longest = max(seconds.values())
    lines = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 150" font-family="sans-serif" font-size="15">'
    ]
    lines.append('<rect width="640" height="150" rx="8" fill="#181a21"/>')
    title = "poetry lock, 64 packages, an index 50 ms away, nothing cached (seconds)"
    lines.append(f'<text x="20" y="28" fill="#d6dae2">{title}</text>')
    for number, (key, name) in enumerate(names.items()):
        top, width = 46 + 32 * number, 400 * seconds[key] / longest
        colour = "#78c878" if key == "plugin" else "#5c6370"
        lines.append(f'<text x="20" y="{top + 16}" fill="#d6dae2">{name}</text>')
        lines.append(f'<rect x="150" y="{top}" width="{width:.0f}" height="22" fill="{colour}"/>')
        lines.append(
            f'<text x="{158 + width:.0f}" y="{top + 16}" fill="#d6dae2">{seconds[key]:.1f}</text>'
        )
    return "\n".join([*lines, "</svg>", ""])


def latency() -> None:
    """What the bench measures, on a machine that does nothing else."""
    from tests.bench.latency import headline
    from tests.bench.measure import sides

    found = headline(sides())
    (ROOT / "docs" / "latency.svg").write_text(bars(found), encoding="utf-8")
    print(f"docs/latency.svg: {found}")


if __name__ == "__main__":
    pictures = {"doctor": doctor, "demo": demo, "latency": latency}
    for chosen in sys.argv[1:] or pictures:
        pictures[chosen]()
