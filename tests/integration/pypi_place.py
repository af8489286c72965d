"""An index of the tests in the place of PyPI: a proxy leads its host names there.

Where there is none, the proxy is a trap that counts who asks for PyPI.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from email.parser import Parser
from typing import Any

from tests.certs import CertificateFactory, server_context
from tests.servers import IndexServer, RecordedRequest, Response
from tests.servers.proxy import ProxyServer
from tests.servers.simple import Package

HOSTS = ("pypi.org", "files.pythonhosted.org")
FILES = "https://files.pythonhosted.org/files/"


@contextmanager
def pypi_place(certs: CertificateFactory) -> Iterator[tuple[IndexServer, ProxyServer]]:
    """PyPI's pages, JSON and files on two servers, and the proxy that leads there."""
    with ExitStack() as stack:
        tls = [server_context(certs.server(host), certs.ca, require=False) for host in HOSTS]
        front, files = (stack.enter_context(IndexServer(tls=one)) for one in tls)
        front.index.file_base_url = FILES
        files.index.packages = front.index.packages
        front.respond = lambda request: release(front, request)
        places = (("127.0.0.1", one.port) for one in (front, files))
        hosts = dict(zip(HOSTS, places, strict=True))
        yield front, stack.enter_context(ProxyServer(hosts=hosts))


def release(index: IndexServer, request: RecordedRequest) -> Response | None:
    """PyPI's JSON of one release (https://docs.pypi.org/api/json/)."""
    if not request.path.startswith("/pypi/"):
        return None
    _, _, name, version, _ = request.path.split("/")
    files = [
        one
        for one in index.index.packages.values()
        if (one.project, one.version) == (name, version)
    ]
    info: dict[str, Any] = {"name": name, "version": version, "summary": "A test."}
    info["requires_dist"] = None
    info["requires_python"] = files[0].requires_python
    info["yanked"] = all(one.yanked is not None for one in files)
    metadata = next((one.metadata for one in files if one.metadata), None)
    if metadata is not None:
        found = Parser().parsestr(metadata.decode())
        info["requires_dist"] = found.get_all("Requires-Dist") or []
    return Response.json({"info": info, "urls": [_file(one) for one in files]})


def _file(one: Package) -> dict[str, Any]:
    return {
        "packagetype": "bdist_wheel" if one.filename.endswith(".whl") else "sdist",
        "filename": one.filename,
        "url": f"{FILES}{one.filename}",
        "size": one.size,
        "digests": {"sha256": one.sha256},
        "yanked": one.yanked is not None,
        "yanked_reason": one.yanked or None,
    }
