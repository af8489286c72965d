"""A real Poetry in a real process, with a home, settings, cache and project of its own.

``POETRY_UNDER_TEST`` names the executable of another Poetry (with the plugin installed) to run the
path tests on.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomlkit

HIDDEN = ("POETRY_", "PIP_", "REQUESTS_CA", "CURL_CA", "SSL_CERT", "NETRC", "PYTHON_KEYRING")
NO_KEYRING = "keyring.backends.null.Keyring"
FILE_KEYRING = "tests_keyring.FileKeyring"

KEYRING_MODULE = '''
"""A keyring in a JSON file, which writes down every call; behaviour by variable KEYRING_MODE."""
import json, os, time
from pathlib import Path
from keyring import backend, credentials, errors

HOME = Path(os.environ["KEYRING_HOME"])


class FileKeyring(backend.KeyringBackend):
    priority = 9

    def _note(self, call, *words):
        with (HOME / "calls.log").open("a") as log:
            log.write(json.dumps([call, *words]) + "\\n")
        mode = os.environ.get("KEYRING_MODE", "")
        if mode == "hang":
            time.sleep(3600)
        if mode == "locked":
            raise errors.KeyringLocked("locked")
        if mode == "fail" or (mode == "fail-write" and call == "set_password"):
            raise RuntimeError("the backend is broken")
        if mode == "chatty":
            print("unlocking the vault", flush=True)
            os.system("echo and so says its tool")
        if mode.startswith("slow="):
            time.sleep(float(mode[5:]))

    def _data(self):
        file = HOME / "keyring.json"
        return json.loads(file.read_text()) if file.exists() else {}

    def get_password(self, service, username):
        self._note("get_password", service, username)
        return self._data().get(service, {}).get(username)

    def get_credential(self, service, username):
        self._note("get_credential", service, username)
        for user, password in self._data().get(service, {}).items():
            if username in (None, user):
                return credentials.SimpleCredential(user, password)
        return None

    def set_password(self, service, username, password):
        self._note("set_password", service, username)
        data = self._data()
        data.setdefault(service, {})[username] = password
        self._write(data)

    def delete_password(self, service, username):
        self._note("delete_password", service, username)
        data = self._data()
        if username not in data.get(service, {}):
            raise errors.PasswordDeleteError("not found")
        del data[service][username]
        self._write(data)

    def _write(self, data):
        fresh = HOME / f"keyring.{os.getpid()}"
        fresh.write_text(json.dumps(data))
        fresh.replace(HOME / "keyring.json")
'''


@dataclass
class Finished:
    """A Poetry command that ended."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """Both streams."""
        return self.out + self.err


@dataclass
class PoetryHome:
    """A home folder with Poetry's settings and cache in it, and a project.

    :param executable: the ``poetry`` to run; its environment has the plugin, or has not.
    """

    root: Path
    executable: Path
    environ: dict[str, str] = field(default_factory=dict)
    keyring: str = NO_KEYRING

    def __post_init__(self) -> None:
        for folder in (self.config, self.project, self.keyring_home):
            folder.mkdir(parents=True, exist_ok=True)
        (self.keyring_home / "tests_keyring.py").write_text(KEYRING_MODULE)

    @property
    def config(self) -> Path:
        """Poetry's configuration folder."""
        return self.root / "config"

    @property
    def project(self) -> Path:
        """The project's folder, where commands run."""
        return self.root / "project"

    @property
    def keyring_home(self) -> Path:
        """Where the test keyring keeps its entries and the list of its calls."""
        return self.root / "keyring"

    def environment(self) -> dict[str, str]:
        """What a command sees: nothing of the machine's own settings."""
        clean = {
            key: value
            for key, value in os.environ.items()
            if not key.upper().startswith(HIDDEN) and not key.lower().endswith("_proxy")
        }
        return {
            **clean,
            "HOME": str(self.root),
            "POETRY_CONFIG_DIR": str(self.config),
            "POETRY_CACHE_DIR": str(self.root / "cache"),
            "POETRY_DATA_DIR": str(self.root / "data"),
            "POETRY_VIRTUALENVS_IN_PROJECT": "true",
            "POETRY_INSTALLER_MAX_WORKERS": "4",
            "PYTHON_KEYRING_BACKEND": self.keyring,
            "KEYRING_HOME": str(self.keyring_home),
            "PYTHONPATH": str(self.keyring_home),
            "PYTHONWARNINGS": "ignore",
            "NO_COLOR": "1",
            "COLUMNS": "120",
            **self.environ,
        }

    def run(
        self, *words: str, stdin: str | None = None, cwd: Path | None = None, timeout: float = 100
    ) -> Finished:
        """Run ``poetry WORDS`` without a terminal."""
        done = subprocess.run(
            [str(self.executable), *words],
            input=stdin if stdin is not None else "",
            capture_output=True,
            text=True,
            encoding="utf-8",
            cwd=cwd or self.project,
            env=self.environment(),
            timeout=timeout,
            check=False,
        )
        return Finished(done.returncode, done.stdout, done.stderr)

    def ok(self, *words: str, stdin: str | None = None, cwd: Path | None = None) -> Finished:
        """As :meth:`run`, and it must succeed."""
        done = self.run(*words, stdin=stdin, cwd=cwd)
        assert done.code == 0, f"poetry {' '.join(words)} failed ({done.code}):\n{done.text}"
        return done

    def fails(self, *words: str, stdin: str | None = None, cwd: Path | None = None) -> Finished:
        """As :meth:`run`, and it must fail as a user's mistake does: exit code 1, no traceback."""
        done = self.run(*words, stdin=stdin, cwd=cwd)
        assert done.code == 1, f"poetry {' '.join(words)} ended with {done.code}:\n{done.text}"
        assert "Traceback" not in done.text
        assert "Stack trace" not in done.text
        return done

    def write_project(
        self, name: str = "app", *, dependencies: tuple[str, ...] = (), extra: str = ""
    ) -> Path:
        """A small installable project; ``extra`` is TOML appended to its pyproject.toml."""
        listed = ", ".join(f'"{dependency}"' for dependency in dependencies)
        file = self.project / "pyproject.toml"
        file.write_text(
            f'[project]\nname = "{name}"\nversion = "0.1.0"\ndescription = "a test"\nauthors = []\n'
            f'requires-python = ">=3.10,<4.0"\ndependencies = [{listed}]\n\n'
            f'[build-system]\nrequires = ["poetry-core>=2.0"]\nbuild-backend = "poetry.core.masonry.api"\n\n{extra}',
            encoding="utf-8",
        )
        package = self.project / name
        package.mkdir(exist_ok=True)
        (package / "__init__.py").write_text("")
        return file

    def toml(self, name: str) -> dict[str, Any]:
        """A file of the configuration folder, parsed; ``{}`` where there is none."""
        file = self.config / name
        return tomlkit.parse(file.read_text(encoding="utf-8")).unwrap() if file.exists() else {}

    def lock(self) -> dict[str, Any]:
        """The project's lock file, parsed."""
        return tomlkit.parse((self.project / "poetry.lock").read_text(encoding="utf-8")).unwrap()

    def keyring_calls(self) -> list[list[Any]]:
        """Every call that the test keyring got, in order."""
        import json

        log = self.keyring_home / "calls.log"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def files_with(self, secret: str) -> list[Path]:
        """Files below the home that hold ``secret``, the test keyring's own store excepted."""
        found = []
        for path in self.root.rglob("*"):
            if path.is_file() and not path.is_symlink() and path.parent != self.keyring_home:
                try:
                    data = path.read_bytes()
                except OSError:
                    continue
                if secret.encode() in data:
                    found.append(path)
        return found


def poetry_under_test() -> Path:
    """The ``poetry`` that has the plugin: the one beside this Python, or the one that the
    environment names.
    """
    named = os.environ.get("POETRY_UNDER_TEST")
    return Path(named) if named else Path(sys.executable).with_name("poetry")
