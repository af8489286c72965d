"""A git repository over smart HTTP, served by git's own CGI program."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from tests import packages
from tests.servers.access import Access
from tests.servers.base import Server
from tests.servers.messages import RecordedRequest, Response


class GitServer(Server):
    """Serves ``/repo.git`` with a package that Poetry can install from it; needs the program
    ``git``.

    :param credentials: who may clone (Basic); ``None`` for everyone.
    :param name: the package's; ``version`` likewise. Branch ``main``, tag ``vVERSION``.
    :ivar commit: the hash of its one commit.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
        credentials: Mapping[str, str] | None = None,
        name: str = "from-git",
        version: str = "1.0",
    ) -> None:
        super().__init__(host=host, tls=tls)
        self.credentials = credentials
        self.name = name
        self.version = version
        self.commit = ""
        self._directory: tempfile.TemporaryDirectory[str] | None = None

    def start(self) -> None:
        """See :meth:`Server.start`."""
        self._directory = tempfile.TemporaryDirectory(prefix="git-server-")
        self._create(Path(self._directory.name))
        super().start()

    def close(self) -> None:
        """See :meth:`Server.close`."""
        super().close()
        if self._directory is not None:
            self._directory.cleanup()

    @property
    def clone_url(self) -> str:
        """The URL to clone."""
        return f"{self.origin}/repo.git"

    def answer(self, request: RecordedRequest, body: IO[bytes]) -> Response:
        """What ``git http-backend`` answers."""
        access = Access(self.credentials, None, "test git")
        if not access.permits(request.authorization):
            return access.challenge()
        assert self._directory is not None
        environment = {
            **_environment(self._directory.name),
            "GIT_PROJECT_ROOT": str(Path(self._directory.name, "served")),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
            "REQUEST_METHOD": request.method,
            "PATH_INFO": request.path,
            "QUERY_STRING": request.query,
            "CONTENT_TYPE": request.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": request.headers.get("Content-Encoding", ""),
            "CONTENT_LENGTH": str(body.seek(0, 2)),
            "REMOTE_USER": (request.authorization.username if request.authorization else None)
            or "",
            "REMOTE_ADDR": "127.0.0.1",
        }
        body.seek(0)
        done = subprocess.run(
            ["git", "http-backend"], input=body.read(), capture_output=True, env=environment
        )
        return _from_cgi(done.stdout, done.stderr)

    def _create(self, directory: Path) -> None:
        work = directory / "work"
        work.mkdir()
        (work / "pyproject.toml").write_text(
            packages.pyproject(self.name, self.version), encoding="utf-8"
        )
        module = work / f"{packages.module_name(self.name)}.py"
        module.write_text(f'__version__ = "{self.version}"\n', encoding="utf-8")

        def git(*arguments: str) -> str:
            done = subprocess.run(
                ["git", *arguments],
                cwd=work,
                env=_environment(str(directory)),
                check=True,
                capture_output=True,
                text=True,
            )
            return done.stdout.strip()

        git("init", "--quiet", "--initial-branch=main")
        git("add", ".")
        git("commit", "--quiet", "--message", "A package")
        git("tag", f"v{self.version}")
        self.commit = git("rev-parse", "HEAD")
        git("clone", "--quiet", "--bare", ".", str(directory / "served" / "repo.git"))
        shutil.rmtree(work)


def _environment(home: str) -> dict[str, str]:
    """What git needs, and nothing of the user's own settings."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": home,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_AUTHOR_NAME": "Test",
        "GIT_AUTHOR_EMAIL": "test@example.org",
        "GIT_COMMITTER_NAME": "Test",
        "GIT_COMMITTER_EMAIL": "test@example.org",
    }


def _from_cgi(output: bytes, complaint: bytes) -> Response:
    """A CGI program's output as a response (RFC 3875, 6)."""
    head, _, content = output.partition(b"\r\n\r\n")
    headers = [
        tuple(line.split(": ", 1)) for line in head.decode("latin-1").split("\r\n") if ": " in line
    ]
    pairs = [(name, value) for name, value in headers if name != "Status"]
    status = next((int(value.split()[0]) for name, value in headers if name == "Status"), 200)
    if not pairs:
        return Response.text(
            500, complaint.decode("utf-8", "replace") or "git http-backend said nothing"
        )
    return Response(status, content, pairs)
