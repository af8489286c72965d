"""The real pypiserver: what our own index server is compared with."""

from __future__ import annotations

import ssl
import tempfile
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.packages import Distribution
from tests.servers.wsgi import Application, WsgiServer


class PypiServer(WsgiServer):
    """pypiserver over our sockets: index at ``/simple/``, uploads at ``/``.

    It answers 401 to a request without a password and **403** to one with a wrong password.

    :param credentials: user names and passwords, kept in an htpasswd file; ``None`` lets everyone
        in.
    :param authenticate: what needs them: ``update``, ``list``, ``download``.
    :ivar packages: the directory that it serves.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
        credentials: Mapping[str, str] | None = None,
        authenticate: Iterable[str] = ("update", "list", "download"),
    ) -> None:
        self._directory: tempfile.TemporaryDirectory[str] | None = None
        self._credentials = credentials
        self._authenticate = list(authenticate)
        super().__init__(_not_running, host=host, tls=tls)

    def start(self) -> None:
        """See :meth:`Server.start`."""
        self._directory = tempfile.TemporaryDirectory(prefix="pypiserver-")
        root = Path(self._directory.name)
        self.packages = root / "packages"
        self.packages.mkdir()
        self.application = self._load(root / "htpasswd")
        super().start()

    def close(self) -> None:
        """See :meth:`Server.close`."""
        super().close()
        if self._directory is not None:
            self._directory.cleanup()

    @property
    def index_url(self) -> str:
        """Its index."""
        return f"{self.origin}/simple/"

    @property
    def upload_url(self) -> str:
        """Where it takes uploads."""
        return f"{self.origin}/"

    def add(self, filename: str, content: bytes) -> None:
        """Puts a file into its directory."""
        (self.packages / filename).write_bytes(content)

    def add_all(self, distributions: Iterable[Distribution]) -> None:
        """Puts several in."""
        for filename, content in distributions:
            self.add(filename, content)

    def _load(self, htpasswd: Path) -> Application:
        with warnings.catch_warnings():
            # Its copy of bottle and passlib import cgi and crypt, which Python 3.11 and 3.12 warn
            # about.
            warnings.simplefilter("ignore")
            import pypiserver
            from passlib.apache import HtpasswdFile

            passwords = HtpasswdFile(str(htpasswd), new=True, default_scheme="ldap_sha1")
            for username, password in (self._credentials or {}).items():
                passwords.set_password(username, password)
            passwords.save()
            open_to_all = self._credentials is None
            application: Application = pypiserver.app(
                roots=[self.packages],
                password_file="." if open_to_all else str(htpasswd),
                authenticate=[] if open_to_all else self._authenticate,
                disable_fallback=True,
                backend_arg="simple-dir",
            )
        return application


def _not_running(*_: object) -> Iterable[bytes]:
    raise RuntimeError("the server is not running: use it in a with statement")
