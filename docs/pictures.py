"""Makes the manual's pictures anew, from what the commands really print.

    .venv/bin/python docs/pictures.py [demo] [doctor] [latency]

`demo.svg` is the first half of `poetry repo demo`; `doctor.svg` is `poetry repo doctor` on three
repositories, of which one is well. Their servers run on this machine, and the commands find them
under the names that the pictures show (STAGE). `latency.svg` shows what the bench measures, so
nothing else should run meanwhile. Each picture follows the reader's dark or light mode. Look at
them before you commit them.
"""

from __future__ import annotations

import json
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

from tests.certs import Authority, CertificateFactory, server_context  # noqa: E402
from tests.packages import wheel  # noqa: E402
from tests.poetry_process import PoetryHome, poetry_under_test  # noqa: E402
from tests.servers import IndexServer  # noqa: E402

COLUMNS = 80
SHOWN = "~/.config/pypoetry"
DOCS = ROOT / "docs"
HOSTS = {"acme": "pypi.example.org", "partner": "pypi.example.net", "legacy": "pypi.example.com"}

# What every Python of a picture runs first: a host of the picture is a port of this machine.
STAGE = """\
import json, os, socket, weakref

def hosts():
    with open(os.environ["PICTURE_HOSTS"], encoding="utf-8") as file:
        return json.load(file)

look_up, connect = socket.getaddrinfo, socket.socket.connect

def getaddrinfo(host, port, *rest, **more):
    ports = list(hosts().items())
    for number, (name, _) in enumerate(ports, 1):
        if host == name:
            return look_up(f"127.0.2.{number}", port, *rest, **more)
    return look_up(host, port, *rest, **more)

def connected(self, address):
    ports = list(hosts().values())
    if isinstance(address, tuple) and address[0].startswith("127.0.2."):
        reached[self] = address
        address = ("127.0.0.1", ports[int(address[0].rpartition(".")[2]) - 1])
    return connect(self, address)

def getpeername(self):
    return reached.get(self) or peer(self)

reached, peer = weakref.WeakKeyDictionary(), socket.socket.getpeername
socket.getaddrinfo, socket.socket.connect = getaddrinfo, connected
socket.socket.getpeername = getpeername
"""

# The demo, whose index says that it is HOST.
DEMO = """\
import json, os, sys
import trustme
from poetry_repo_plugin.demo.index import Index
from poetry.console.application import main

HOST = "pypi.example.org"
issue = trustme.CA.issue_cert
trustme.CA.issue_cert = lambda self, *names, **more: issue(
    self, *(HOST if name == "127.0.0.1" else name for name in names), **more
)

def upload_url(self):
    with open(os.environ["PICTURE_HOSTS"], "w", encoding="utf-8") as file:
        json.dump({HOST: self._server.server_port}, file)
    return f"https://{HOST}/"

Index.upload_url = property(upload_url)
sys.argv = ["poetry", "repo", "demo", "--ansi"]
sys.exit(main())
"""


def rgb(colour: str) -> tuple[int, int, int]:
    """``rrggbb`` as numbers."""
    red, green, blue = bytes.fromhex(colour)
    return red, green, blue


def theme(back: str, text: str, normal: str, bright: str) -> TerminalTheme:
    """The colours of a terminal."""
    rows = ([rgb(one) for one in colours.split()] for colours in (normal, bright))
    return TerminalTheme(rgb(back), rgb(text), *rows)


DARK = theme(
    "181a21",
    "d6dae2",
    "3c404a f06262 78c878 e5c064 61afef c678dd 56b6c2 d6dae2",
    "5c6370 ff7878 96dc96 f5d282 82c8ff dc96f0 6ed2dc ffffff",
)
LIGHT = theme(
    "fbfbfc",
    "2b2e36",
    "2b2e36 c0282d 217a2b 8a5a00 1f5fbf 8b2fb0 0b7285 5c6370",
    "5c6370 c0282d 217a2b 8a5a00 1f5fbf 8b2fb0 0b7285 000000",
)


@contextmanager
def stage(hosts: dict[str, int]) -> Iterator[dict[str, str]]:
    """The environment in which ``hosts`` are ports of this machine."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "sitecustomize.py").write_text(STAGE, encoding="utf-8")
        ports = Path(folder) / "hosts.json"
        ports.write_text(json.dumps(hosts), encoding="utf-8")
        yield {"PYTHONPATH": folder, "PICTURE_HOSTS": str(ports)}


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
    """Draw ``text`` with its colours as a terminal window, dark or light as the reader's."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=COLUMNS + 2, file=nowhere, force_terminal=True)
        console.print(Text.from_ansi(text.strip("\n")))
    dark, light = (
        console.export_svg(title=title, theme=one, clear=False, unique_id="window")
        for one in (DARK, LIGHT)
    )
    file.write_text(in_both(dark, light), encoding="utf-8")
    print(f"{file.relative_to(ROOT)}: {len(text.splitlines())} lines")


def in_both(dark: str, light: str) -> str:
    """The dark picture, with the colours of the light one where the reader's mode is light."""
    dark = re.sub(r"(?s)@font-face \{.*?\}\s*", "", dark)  # nothing is loaded from elsewhere
    dark = dark.replace("Fira Code, monospace", "ui-monospace, Menlo, Consolas, monospace")
    rules = re.findall(r"\.window-r\d+ \{[^}]*\}", light)
    # The window and its title have their colours as attributes, which a rule overrides.
    back = "#{:02x}{:02x}{:02x}".format(*LIGHT.background_color)
    rules += [
        f"svg > rect {{ fill: {back}; stroke: rgba(0,0,0,0.25) }}",
        ".window-title { fill: #2b2e36 }",
    ]
    mode = "@media (prefers-color-scheme: light) {\n" + "\n".join(rules) + "\n}\n"
    return dark.replace("</style>", f"{mode}</style>", 1)


def demo() -> None:
    """The demo from its beginning until the connection stands."""
    with tempfile.TemporaryDirectory() as folder, stage({}) as environment:
        home = PoetryHome(Path(folder) / "home", poetry_under_test())
        python = str(home.executable.with_name("python"))
        text = in_terminal(
            [python, "-c", DEMO], {**home.environment(), **environment}, home.project
        )
    text = re.sub(r"/[^ ]*/poetry-repo-demo-[0-9a-f]+/home", "~", text)
    found = re.search(r"(?ms)^.*?(?=^[^\n]*# The connection stands)", text)
    assert found is not None, text
    save(f"$ poetry repo demo\n{found[0]}", "poetry repo demo", DOCS / "demo.svg")


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
        factory.ca = Authority.root("Acme Root CA")
        tls = {name: server_context(factory.server(host)) for name, host in HOSTS.items()}
        with (
            IndexServer(tls=tls["acme"], credentials={"alice": "secret"}) as acme,
            IndexServer(tls=tls["partner"]) as partner,
            IndexServer(tls=tls["legacy"], credentials={"alice": "new"}) as legacy,
        ):
            servers = {"acme": acme, "partner": partner, "legacy": legacy}
            ports = {HOSTS[name]: server.port for name, server in servers.items()}
            with stage(ports) as environment:
                home.environ |= environment
                words = ["repo", "doctor", *servers]
                for name, server in servers.items():
                    server.add(*wheel("tools", "1.0"))
                    known(home, name, str(factory.ca_file()))
                text = in_terminal(
                    [str(home.executable), *words, "--ansi"], home.environment(), home.project
                )
    text = text.replace(str(home.config), SHOWN)
    text = text.replace("127.0.2.", "192.0.2.")  # as long, and nobody's (RFC 5737)
    save(f"$ poetry {' '.join(words)}\n{text}", "poetry repo doctor", DOCS / "doctor.svg")


def known(home: PoetryHome, name: str, ca: str) -> None:
    """Add a repository; the partner's CA and login stay unset."""
    host = f"https://{HOSTS[name]}"
    home.ok("repo", "add", name, f"{host}/simple/", "--publish-url", f"{host}/upload/")
    if name == "partner":
        return
    home.ok("repo", "certs", name, "--ca", ca, "--no-verify")
    login = ("repo", "login", name, "--username", "alice", "--password-stdin", "--no-verify")
    home.ok(*login, stdin="secret\n")


CHART = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 {height}" role="img" aria-label="{title}">
<style>
text {{ font: 15px system-ui, sans-serif; fill: #d6dae2 }}
.title {{ font-weight: 600 }}
.note {{ font-size: 13px; opacity: 0.75 }}
.other {{ fill: #6b7280 }}
.ours {{ fill: #78c878 }}
@media (prefers-color-scheme: light) {{
text {{ fill: #2b2e36 }}
.other {{ fill: #9aa1ad }}
.ours {{ fill: #2f9e44 }}
}}
</style>
<text class="title" x="20" y="30">{title}</text>
<text class="note" x="20" y="52">{note}</text>
{bars}
</svg>
"""


def bars(seconds: dict[str, float]) -> str:
    """A bar chart: who takes how long."""
    names = {"plain": "Poetry", "plugin": "Poetry with the plugin", "uv": "uv"}
    longest = max(seconds.values())
    lines = []
    for number, (key, name) in enumerate(names.items()):
        top, width = 68 + 34 * number, 340 * seconds[key] / longest
        kind = "ours" if key == "plugin" else "other"
        lines += [
            f'<text x="20" y="{top + 16}">{name}</text>',
            f'<rect class="{kind}" x="195" y="{top}" width="{width:.0f}" height="22" rx="3"/>',
            f'<text x="{205 + width:.0f}" y="{top + 16}">{seconds[key]:.1f} s</text>',
        ]
    return CHART.format(
        title="poetry lock, an index 50 ms away",
        note="64 packages, each needing four others; nothing cached; the median of three runs",
        height=68 + 34 * len(names) + 8,
        bars="\n".join(lines),
    )


def latency() -> None:
    """What the bench measures, on a machine that does nothing else."""
    from tests.bench.latency import headline
    from tests.bench.measure import sides

    found = headline(sides())
    (DOCS / "latency.svg").write_text(bars(found), encoding="utf-8")
    print(f"docs/latency.svg: {found}")


if __name__ == "__main__":
    pictures = {"doctor": doctor, "demo": demo, "latency": latency}
    for chosen in sys.argv[1:] or pictures:
        pictures[chosen]()
