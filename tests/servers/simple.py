"""One index: the packages that it holds and its pages (PEP 503, 691, 658/714, 700)."""

from __future__ import annotations

import hashlib
import html
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import IO, Any, TypedDict
from urllib.parse import quote, unquote, urljoin

from tests.packages import Distribution, normalize
from tests.servers.access import Access
from tests.servers.messages import RecordedRequest, Response

HTML = "application/vnd.pypi.simple.v1+html"
JSON = "application/vnd.pypi.simple.v1+json"
PIECE = 1024 * 1024


@dataclass
class Package:
    """A file of an index."""

    filename: str
    content: bytes | Path
    sha256: str
    size: int
    requires_python: str | None = None
    yanked: str | None = None

    @property
    def project(self) -> str:
        """The normalised name of the project, as the file name has it."""
        wheel = self.filename.endswith(".whl")
        return normalize(self.filename.split("-")[0] if wheel else self.filename.rsplit("-", 1)[0])

    @property
    def version(self) -> str:
        """The version, as the file name has it."""
        if self.filename.endswith(".whl"):
            return self.filename.split("-")[1]
        return re.sub(r"\.(tar\.gz|zip)$", "", self.filename.rsplit("-", 1)[1])

    @cached_property
    def metadata(self) -> bytes | None:
        """METADATA of a wheel (PEP 658); ``None`` for an sdist, or for a wheel that is none."""
        if not self.filename.endswith(".whl"):
            return None
        try:
            with self.open() as file, zipfile.ZipFile(file) as archive:
                names = [
                    name for name in archive.namelist() if name.endswith(".dist-info/METADATA")
                ]
                return archive.read(names[0]) if names else None
        except zipfile.BadZipFile:
            return None

    def open(self) -> IO[bytes]:
        """The content, to be read from its beginning."""
        return BytesIO(self.content) if isinstance(self.content, bytes) else self.content.open("rb")

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        """The bytes ``start`` to ``stop`` (exclusive) in pieces."""
        with self.open() as file:
            file.seek(start)
            while start < stop and (piece := file.read(min(PIECE, stop - start))):
                start += len(piece)
                yield piece


class IndexOptions(TypedDict, total=False):
    """The options of :class:`Index` but for its prefix, for who passes them on."""

    credentials: dict[str, str] | None
    tokens: set[str] | None
    upload_credentials: dict[str, str] | None
    upload_tokens: set[str] | None
    read_auth: bool
    realm: str
    upload_path: str | None
    file_base_url: str | None
    core_metadata: bool
    serve_json: bool
    ranges: bool
    hashes: bool
    cache_control: str | None
    etag: bool
    overwrite: bool


@dataclass
class Index:
    """An index under ``prefix`` of a server, with its files and its upload beside it.

    :param prefix: the path of the simple index; the last segment taken off, the rest is where
        ``files/`` and ``upload/`` lie.
    :param credentials: user names and passwords (RFC 7617, UTF-8); ``None`` with ``tokens=None``:
        open to everyone.
    :param tokens: bearer tokens.
    :param upload_credentials: where uploads need other ones; likewise ``upload_tokens``.
    :param read_auth: ``False``: reading is open to everyone, and only uploading needs the
        credentials.
    :param file_base_url: files are linked below this URL, on another server for example; else by
        relative links.
    :param core_metadata: serves ``FILE.metadata`` and says so.
    :param serve_json: whether a client that prefers PEP 691's JSON gets it.
    :param ranges: answers Range requests on files.
    :param hashes: links carry ``sha256``.
    :param cache_control: for pages and files; ``etag`` likewise.
    :param overwrite: a file that exists may be uploaded again; else 409.
    """

    prefix: str = "/simple/"
    credentials: dict[str, str] | None = None
    tokens: set[str] | None = None
    upload_credentials: dict[str, str] | None = None
    upload_tokens: set[str] | None = None
    read_auth: bool = True
    realm: str = "test index"
    upload_path: str | None = None
    file_base_url: str | None = None
    core_metadata: bool = True
    serve_json: bool = True
    ranges: bool = True
    hashes: bool = True
    cache_control: str | None = None
    etag: bool = True
    overwrite: bool = False
    packages: dict[str, Package] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.prefix = f"/{self.prefix.strip('/')}/".replace("//", "/")
        self.base = self.prefix.rstrip("/").rpartition("/")[0] + "/"
        self.files_path = f"{self.base}files/"
        self.upload_path = self.upload_path or f"{self.base}upload/"
        self.limits: dict[str, int] = {}

    # -- what it holds

    def add(
        self,
        filename: str,
        content: bytes | Path,
        *,
        requires_python: str | None = None,
        yanked: str | None = None,
    ) -> Package:
        """Puts a file in; ``add(*wheel("name", "1.0"))``. One of the same name is replaced."""
        if isinstance(content, Path):
            digest, size = hashlib.sha256(content.read_bytes()).hexdigest(), content.stat().st_size
        else:
            digest, size = hashlib.sha256(content).hexdigest(), len(content)
        self.packages[filename] = Package(filename, content, digest, size, requires_python, yanked)
        return self.packages[filename]

    def add_all(self, distributions: Iterable[Distribution]) -> None:
        """Puts several in."""
        for filename, content in distributions:
            self.add(filename, content)

    # -- who may

    @property
    def read_access(self) -> Access:
        """Who may look up and download."""
        return self._access(self.credentials, self.tokens) if self.read_auth else Access()

    @property
    def upload_access(self) -> Access:
        """Who may upload."""
        if self.upload_credentials is None and self.upload_tokens is None:
            return self._access(self.credentials, self.tokens)
        return self._access(self.upload_credentials, self.upload_tokens)

    def _access(
        self, credentials: Mapping[str, str] | None, tokens: Iterable[str] | None
    ) -> Access:
        return Access(credentials, tokens, self.realm, self.limits)

    # -- pages

    def serves(self, path: str) -> bool:
        """Whether ``path`` is this index's, upload included."""
        return (
            path.startswith((self.prefix, self.files_path))
            or self.is_upload(path)
            or f"{path}/" == self.prefix
        )

    def is_upload(self, path: str) -> bool:
        """Whether ``path`` is where files are posted to; a slash more or less does not matter."""
        return path.rstrip("/") == (self.upload_path or "").rstrip("/")

    def get(self, request: RecordedRequest) -> Response:
        """The page or file that ``request`` asks for."""
        path = unquote(request.path)
        if path.startswith(self.files_path):
            return self._file(path[len(self.files_path) :], request)
        project = path[len(self.prefix) :]
        if not path.endswith("/") or project != normalize(project):
            target = self.prefix + (
                f"{normalize(project.strip('/'))}/" if project.strip("/") else ""
            )
            if target != path:
                return Response(301, headers={"Location": quote(target)})
        json = self.serve_json and _prefers_json(request.headers.get("Accept", ""))
        return self._page(project.strip("/"), json, request)

    def _page(self, project: str, json: bool, request: RecordedRequest) -> Response:
        packages = [package for package in self.packages.values() if package.project == project]
        if not project:
            names = sorted({package.project for package in self.packages.values()})
            response = self._root_json(names) if json else self._root_html(names)
        elif not packages:
            return Response.text(404, f"no project {project!r} here")
        else:
            response = (
                self._project_json(project, packages) if json else self._project_html(packages)
            )
        headers = {"Content-Type": JSON if json else f"{HTML}; charset=utf-8", "Vary": "Accept"}
        if not json and HTML not in request.headers.get("Accept", ""):
            headers["Content-Type"] = "text/html; charset=utf-8"
        assert isinstance(response.body, bytes)
        headers.update(self._cache_headers(hashlib.sha256(response.body).hexdigest()))
        if request.headers.get("If-None-Match") == headers.get("ETag", ""):
            return Response(304, headers=headers)
        return Response(200, response.body, headers)

    def _root_html(self, names: Iterable[str]) -> Response:
        return Response.html(
            _document("Simple index", [f'<a href="{name}/">{name}</a>' for name in names])
        )

    def _root_json(self, names: Iterable[str]) -> Response:
        return Response.json(
            {"meta": {"api-version": "1.1"}, "projects": [{"name": name} for name in names]}
        )

    def _project_html(self, packages: Iterable[Package]) -> Response:
        links = []
        for package in packages:
            attributes = {
                "href": self._url(package) + (f"#sha256={package.sha256}" if self.hashes else "")
            }
            if package.requires_python:
                attributes["data-requires-python"] = package.requires_python
            if package.yanked is not None:
                attributes["data-yanked"] = package.yanked
            if self.core_metadata and package.metadata is not None:
                digest = f"sha256={hashlib.sha256(package.metadata).hexdigest()}"
                attributes |= {"data-core-metadata": digest, "data-dist-info-metadata": digest}
            text = " ".join(f'{name}="{html.escape(value)}"' for name, value in attributes.items())
            links.append(f"<a {text}>{html.escape(package.filename)}</a>")
        return Response.html(_document("Links", links))

    def _project_json(self, project: str, packages: Iterable[Package]) -> Response:
        files: list[dict[str, Any]] = []
        for package in packages:
            entry: dict[str, Any] = {
                "filename": package.filename,
                "url": self._url(package),
                "size": package.size,
            }
            entry["hashes"] = {"sha256": package.sha256} if self.hashes else {}
            if package.requires_python:
                entry["requires-python"] = package.requires_python
            if package.yanked is not None:
                entry["yanked"] = package.yanked or True
            if self.core_metadata and package.metadata is not None:
                digests = {"sha256": hashlib.sha256(package.metadata).hexdigest()}
                entry |= {"core-metadata": digests, "dist-info-metadata": digests}
            files.append(entry)
        versions = sorted({package.version for package in packages})
        return Response.json(
            {"meta": {"api-version": "1.1"}, "name": project, "versions": versions, "files": files},
        )

    def _url(self, package: Package) -> str:
        name = quote(package.filename)
        if self.file_base_url is not None:
            return urljoin(f"{self.file_base_url.rstrip('/')}/", name)
        return f"../../files/{name}"

    def _cache_headers(self, digest: str) -> dict[str, str]:
        headers = {"Cache-Control": self.cache_control} if self.cache_control else {}
        return {**headers, "ETag": f'"{digest[:16]}"'} if self.etag else headers

    # -- files

    def _file(self, name: str, request: RecordedRequest) -> Response:
        if self.core_metadata and name.endswith(".metadata"):
            package = self.packages.get(name[: -len(".metadata")])
            metadata = package.metadata if package else None
            return (
                Response.text(404, "no such file") if metadata is None else Response(200, metadata)
            )
        package = self.packages.get(name)
        if package is None:
            return Response.text(404, "no such file")
        headers = {
            "Content-Type": "application/octet-stream",
            **self._cache_headers(package.sha256),
        }
        start, stop, status = 0, package.size, 200
        if self.ranges:
            headers["Accept-Ranges"] = "bytes"
            wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", request.headers.get("Range", ""))
            if wanted and wanted[0] != "bytes=-":
                start, stop = _range(wanted[1], wanted[2], package.size)
                if start >= stop:
                    return Response(416, headers={"Content-Range": f"bytes */{package.size}"})
                headers["Content-Range"] = f"bytes {start}-{stop - 1}/{package.size}"
                status = 206
        headers["Content-Length"] = str(stop - start)
        return Response(status, package.read(start, stop), headers)


def _range(first: str, last: str, size: int) -> tuple[int, int]:
    """Start and stop (exclusive) of a byte range (RFC 9110, 14.1.2)."""
    if not first:
        return max(0, size - int(last)), size
    return int(first), min(size, int(last) + 1 if last else size)


def _document(title: str, links: Iterable[str]) -> str:
    body = "<br>\n".join(links)
    return (
        f'<!DOCTYPE html>\n<html><head><meta name="pypi:repository-version" content="1.1"><title>{title}</title>'
        f"</head>\n<body>\n{body}\n</body></html>\n"
    )


def _prefers_json(accept: str) -> bool:
    """Whether an Accept header ranks PEP 691's JSON before HTML (RFC 9110, 12.5.1)."""
    quality: dict[str, float] = {}
    for item in accept.split(","):
        kind, *parameters = (part.strip() for part in item.split(";"))
        weights = [float(value[2:]) for value in parameters if value.startswith("q=")]
        quality[kind.lower()] = weights[0] if weights else 1.0
    html_quality = max(quality.get(kind, 0.0) for kind in (HTML, "text/html"))
    return quality.get(JSON, 0.0) > 0 and quality.get(JSON, 0.0) >= html_quality
