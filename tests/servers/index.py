"""IndexServer: one or several indexes on one origin, with uploads."""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import unquote

from tests.packages import Distribution
from tests.servers.base import Server
from tests.servers.messages import RecordedRequest, Response
from tests.servers.simple import Index, IndexOptions, Package
from tests.servers.upload import BadUpload, Upload, parse

if TYPE_CHECKING:
    from typing_extensions import Unpack


class IndexServer(Server):
    """A package index on a real socket.

    ``options`` are those of :class:`tests.servers.simple.Index` for the first index (``prefix``,
    ``credentials``, ``tokens``, ``upload_credentials``, ``read_auth``, …); :meth:`add_index` adds
    more. What is changed on :attr:`index` while it runs takes effect with the next request.

    :ivar uploads: what was uploaded and accepted, in order.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
        prefix: str = "/simple/",
        **options: Unpack[IndexOptions],
    ) -> None:
        super().__init__(host=host, tls=tls)
        self.index = Index(prefix, **options)
        self.indexes = [self.index]
        self.uploads: list[Upload] = []
        self._directory: tempfile.TemporaryDirectory[str] | None = None

    def start(self) -> None:
        """See :meth:`Server.start`."""
        self._directory = tempfile.TemporaryDirectory(prefix="index-server-")
        super().start()

    def close(self) -> None:
        """See :meth:`Server.close`; the contents of uploads go with it."""
        super().close()
        if self._directory is not None:
            self._directory.cleanup()

    def clear(self) -> None:
        """Forgets requests, handshake errors and the list of uploads; the packages stay."""
        super().clear()
        self.uploads.clear()

    # -- the first index, for short

    @property
    def index_url(self) -> str:
        """The URL of the first index."""
        return self.url_of(self.index)

    @property
    def upload_url(self) -> str:
        """Where the first index takes uploads."""
        return self.upload_url_of(self.index)

    @property
    def credentials(self) -> dict[str, str] | None:
        """The user names and passwords of the first index; may be set while it runs."""
        return self.index.credentials

    @credentials.setter
    def credentials(self, credentials: dict[str, str] | None) -> None:
        self.index.credentials = credentials

    @property
    def tokens(self) -> set[str] | None:
        """The bearer tokens of the first index; may be set while it runs."""
        return self.index.tokens

    @tokens.setter
    def tokens(self, tokens: set[str] | None) -> None:
        self.index.tokens = tokens

    def add(
        self,
        filename: str,
        content: bytes | Path,
        *,
        requires_python: str | None = None,
        yanked: str | None = None,
    ) -> Package:
        """Puts a file into the first index: ``server.add(*wheel("name", "1.0"))``; see
        :meth:`Index.add`.
        """
        return self.index.add(filename, content, requires_python=requires_python, yanked=yanked)

    def add_all(self, distributions: Iterable[Distribution]) -> None:
        """Puts several into the first index."""
        self.index.add_all(distributions)

    def limit(self, secret: str, requests: int | None) -> None:
        """Makes a password or token stop working after so many more requests; ``None`` lifts that
        again.
        """
        if requests is None:
            self.index.limits.pop(secret, None)
        else:
            self.index.limits[secret] = requests

    def revoke(self, secret: str) -> None:
        """Makes a password or token stop working now, for reading and uploading, in all indexes."""
        self.limit(secret, 0)

    # -- several indexes

    def add_index(self, prefix: str, **options: Unpack[IndexOptions]) -> Index:
        """Another index on the same origin, with access of its own."""
        index = Index(prefix, **options)
        index.limits = self.index.limits
        self.indexes.append(index)
        return index

    def url_of(self, index: Index) -> str:
        """The URL of an index."""
        return f"{self.origin}{index.prefix}"

    def upload_url_of(self, index: Index) -> str:
        """The URL for uploads to an index."""
        return f"{self.origin}{index.upload_path}"

    # -- answers

    def answer(self, request: RecordedRequest, body: IO[bytes]) -> Response:
        """Pages, files and uploads."""
        path = unquote(request.path)
        owners = [index for index in self.indexes if index.serves(path)]
        if not owners:
            return Response.text(404, "nothing here")
        index = max(owners, key=lambda owner: len(owner.base))
        if index.is_upload(path):
            return self._upload(index, request, body)
        if request.method not in ("GET", "HEAD"):
            return Response.text(405, "this is for reading only", {"Allow": "GET, HEAD"})
        access = index.read_access
        return index.get(request) if access.permits(request.authorization) else access.challenge()

    def _upload(self, index: Index, request: RecordedRequest, body: IO[bytes]) -> Response:
        if request.method != "POST":
            return Response.text(405, "this is for uploads only", {"Allow": "POST"})
        access = index.upload_access
        if not access.permits(request.authorization):
            return access.challenge()
        assert self._directory is not None
        try:
            upload = parse(
                request.headers.get("Content-Type", ""), body, Path(self._directory.name)
            )
        except BadUpload as error:
            return Response.text(400, str(error))
        if upload.filename in index.packages and not index.overwrite:
            return Response.text(409, f"{upload.filename} already exists")
        upload.username = request.authorization.username if request.authorization else None
        self.uploads.append(upload)
        index.packages[upload.filename] = Package(
            upload.filename, upload.path, upload.sha256, upload.size, upload.get("requires_python")
        )
        return Response.text(200, "accepted")
