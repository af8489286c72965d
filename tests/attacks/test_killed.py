"""kill -9 at random moments of login, certs, logout and remove, as real processes.

Nothing is torn, nothing is lost, and there is nothing that a logout does not find. The long run is
that with ``POETRY_REPO_TEST_KILLS=500``; it counts those that were really killed. (``tests/ops/test_killed.py`` kills at each step instead.)
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests.certs import CertificateFactory
from tests.poetry_process import FILE_KEYRING, poetry_under_test
from tests.warm import WarmHome, Zygote

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="signals and memory of Linux")

KILLS = int(os.environ.get("POETRY_REPO_TEST_KILLS", "12"))
URL = "https://pypi.example.org/simple/"
OTHER = ("poetry-repository-other", "me")
PASSPHRASE = "open-sesame"
SOURCE = f'[[tool.poetry.source]]\nname = "acme"\nurl = "{URL}"\npriority = "supplemental"\n'


@pytest.fixture
def home(quick_path: Path, zygote: Zygote) -> WarmHome:
    return WarmHome(quick_path / "home", poetry_under_test(), keyring=FILE_KEYRING, zygote=zygote)


def entries(home: WarmHome) -> dict[tuple[str, str], str]:
    file = home.keyring_home / "keyring.json"
    data = json.loads(file.read_text()) if file.exists() else {}
    return {
        (service, user): secret for service, users in data.items() for user, secret in users.items()
    }


def killed_after(home: WarmHome, seconds: float, *words: str, stdin: str = "") -> bool:
    """Run ``poetry WORDS`` and kill it then; whether it had not ended before."""
    assert home.zygote is not None
    with tempfile.TemporaryFile() as given, Path(os.devnull).open("wb") as away:
        given.write(stdin.encode())
        given.seek(0)
        streams = [given.fileno(), away.fileno(), away.fileno()]
        pid = home.zygote.start(words, home, home.project, streams, terminal=False)
        time.sleep(seconds)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return home.zygote.wait(pid, 60) == -signal.SIGKILL


@pytest.mark.timeout(120 + 10 * KILLS)
def test_killed_at_random_moments(home: WarmHome, certs: CertificateFactory) -> None:
    rng = random.Random(20261127)
    ca, client = certs.ca_file(), certs.pem(certs.client(), passphrase=PASSPHRASE)
    home.write_project(extra=SOURCE)
    login = ("repo", "login", "acme", "--username", "me", "--password-stdin", "--no-verify")
    set_certs = (
        "repo",
        "certs",
        "acme",
        "--ca",
        str(ca),
        "--client-cert",
        str(client),
        "--no-verify",
    )
    home.ok("repo", "add", "other", "https://other.example/simple/")
    home.ok("repo", "login", "other", *login[3:], stdin="others")
    before = time.monotonic()
    home.ok(*login, stdin="old")
    kinds = ("login", "certs", "logout", "remove")
    whole = dict.fromkeys(kinds, (time.monotonic() - before) * 1.1)
    killed = number = 0
    while killed < KILLS:  # one that ended before counts for nothing
        kind, hits = kinds[killed % 4], killed
        number += 1
        assert number <= 4 * KILLS + 8, f"only {killed} of {number} were killed in time"
        moment = rng.uniform(0.1, 1.0) * whole[kind]
        home.write_project(extra=SOURCE)
        home.ok(*login, stdin="old")
        if kind == "login":
            killed += killed_after(home, moment, *login, stdin="new")
            assert entries(home).get(("poetry-repository-acme", "me")) in ("old", "new")
        elif kind == "certs":
            killed += killed_after(home, moment, *set_certs, "--passphrase-stdin", stdin=PASSPHRASE)
        elif kind == "logout":
            killed += killed_after(home, moment, "repo", "logout", "acme")
        else:
            home.ok(*set_certs, "--passphrase-stdin", stdin=PASSPHRASE)
            killed += killed_after(home, moment, "repo", "remove", "acme", "--all")
        whole[kind] = whole[kind] * 1.05 if killed > hits else moment
        # Whatever reads the settings next finishes what was begun: certificates are there as a
        # whole or not.
        assert home.run("repo", "show", "other").code == 0
        stored = home.toml("auth.toml").get("certificates", {}).get("acme", {})
        assert set(stored) in (set(), {"cert", "client-cert"})
        assert home.toml("auth.toml")["http-basic"]["other"] == {"username": "me"}
        # Nothing that a logout, and --unset, do not find.
        home.write_project(extra=SOURCE)
        home.ok("repo", "logout", "acme")
        home.ok("repo", "certs", "acme", "--unset")
        assert entries(home) == {OTHER: "others"}, (number, kind)
        assert "acme" not in home.toml("auth.toml").get("http-basic", {})
        left = [
            path.name for path in home.config.iterdir() if path.name.endswith((".tmp", ".journal"))
        ]
        assert left == [], (number, kind)
    print(f"{killed} were killed, {number - killed} had ended before")


WORDS = {
    "login": ("repo", "login", "acme", "--username", "you", "--password-stdin", "--no-verify"),
    "logout": ("repo", "logout", "acme"),
    "certs": ("repo", "certs", "acme", "--unset"),
    "remove": ("repo", "remove", "acme", "--all"),
    "add": (
        "repo",
        "add",
        "acme",
        "https://new.example/simple/",
        "--publish-url",
        "https://new.example/up/",
    ),
}


@pytest.mark.parametrize("command", list(WORDS))
@pytest.mark.parametrize("full", ["auth.toml", "config.toml", "poetry-repo-plugin.toml"])
def test_a_disk_that_is_full_for_one_of_the_files(
    home: WarmHome, certs: CertificateFactory, command: str, full: str
) -> None:
    """Nothing is changed, in no file and not in the keyring, and that is what is said; or it did
    not matter.

    (A limit on the size of files stands for the disk, and a long comment makes the one file too
    long.)
    """
    home.write_project(extra=SOURCE)
    home.ok("repo", "add", "acme", URL, "--publish-url", "https://pypi.example.org/up/")
    client = certs.pem(certs.client(), passphrase=PASSPHRASE)
    home.ok(
        "repo", "login", "acme", "--username", "me", "--password-stdin", "--no-verify", stdin="old"
    )
    words = ("--client-cert", str(client), "--ca", str(certs.ca_file()), "--no-verify")
    home.ok("repo", "certs", "acme", *words, "--passphrase-stdin", stdin=PASSPHRASE)
    file = home.config / full
    file.write_text(f"# {'x' * 100_000}\n{file.read_text()}")
    before = home.files()
    done = subprocess.run(
        [str(home.executable), *WORDS[command]],
        input="new",
        capture_output=True,
        text=True,
        cwd=home.project,
        env=home.environment(),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000)),
        check=False,
    )
    assert "Traceback" not in done.stderr
    if done.returncode == 0:
        assert home.files()[f"config/{full}"] == before[f"config/{full}"]
    else:
        assert f"{file} cannot be written: file too large. Nothing was changed." in done.stderr
        assert home.files() == before
