"""The throwaway home: one temporary folder, and an environment in which Poetry sees nothing
else.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import time
from pathlib import Path

from poetry_repo_plugin.core.errors import StateError

NO_KEYRING = "keyring.backends.null.Keyring"

# Settings of the person or of the machine that would lead a command out of the room, or break it.
_HIDDEN = (
    *("POETRY_", "PIP_", "KEYRING_", "PYTHON_KEYRING", "NETRC"),
    *("VIRTUAL_ENV", "VIRTUALENV_", "CONDA_", "XDG_"),
    *("REQUESTS_CA", "CURL_CA", "SSL_CERT", "NO_COLOR"),
)
_REMOVAL = (
    5.0  # seconds in which a folder has to go: processes that were killed may take a moment to die
)


class Room:
    """A temporary folder; as a context manager it is made and, whatever happened, removed.

    :ivar path: the folder.
    """

    def __init__(self) -> None:
        self.path = (
            Path(tempfile.gettempdir()).absolute() / f"poetry-repo-demo-{secrets.token_hex(4)}"
        )

    def __enter__(self) -> Room:
        try:
            self.path.mkdir(mode=0o700)
            for folder in (self.home, self.packages, self._temporary):
                folder.mkdir()
        except OSError as error:
            self.close()
            raise StateError(
                f"The demo's folder {self.path} cannot be made: {error.strerror or error}."
            ) from None
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove it. Raises :class:`StateError` where that does not work."""
        patience = time.monotonic() + _REMOVAL
        shutil.rmtree(self.path, ignore_errors=True)
        while self.path.exists() and time.monotonic() < patience:
            time.sleep(0.1)
            shutil.rmtree(self.path, ignore_errors=True)
        if self.path.exists():
            raise StateError(f"The demo's folder {self.path} cannot be removed; remove it by hand.")

    @property
    def home(self) -> Path:
        """What ``~`` is."""
        return self.path / "home"

    @property
    def packages(self) -> Path:
        """Where the index keeps its files."""
        return self.path / "index"

    @property
    def _temporary(self) -> Path:
        return self.path / "tmp"

    def write(self, name: str, text: str) -> Path:
        """A file below the home."""
        file = self.home / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def environment(self, *, colour: bool) -> dict[str, str]:
        """What a command sees: the room as its home, no keyring, no proxy, none of the person's own
        settings.
        """
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.upper().startswith(_HIDDEN) and not name.upper().endswith("_PROXY")
        }
        temporary = str(self._temporary)
        columns = shutil.get_terminal_size().columns
        return {
            **kept,
            **dict.fromkeys(("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA"), str(self.home)),
            **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), temporary),
            "POETRY_CONFIG_DIR": str(self.home / "config"),
            "POETRY_DATA_DIR": str(self.home / "data"),
            "POETRY_CACHE_DIR": str(self.home / "cache"),
            "POETRY_VIRTUALENVS_IN_PROJECT": "true",
            "POETRY_VIRTUALENVS_USE_POETRY_PYTHON": "true",
            "PYTHON_KEYRING_BACKEND": NO_KEYRING,
            "PYTHONIOENCODING": "utf-8",
            "NO_PROXY": "127.0.0.1",  # the proxy settings of Windows and macOS are no variables
            "COLUMNS": str(columns),
            **({} if colour else {"NO_COLOR": "1"}),
        }
