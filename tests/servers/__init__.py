"""Servers for tests, on real sockets: indexes, proxies, git, and everything that can go wrong with
them.

base        Server, RecordedRequest, Authorization, Response: sockets, threads, TLS, recording ├──
index   IndexServer: indexes (``simple``), uploads (``upload``), who may do what (``access``) ├──
proxy   ProxyServer: CONNECT ├── wsgi    GitServer (``git``) and PypiServer (``pypi``) └── faults
ready-made misbehaviour for ``server.respond``, and servers that never get as far as HTTP
"""

from tests.certs import server_context
from tests.servers.access import Access
from tests.servers.base import Authorization, RecordedRequest, Response, Server
from tests.servers.faults import ResetServer, SilentServer, refused_url
from tests.servers.git import GitServer
from tests.servers.index import IndexServer
from tests.servers.proxy import ProxyServer
from tests.servers.pypi import PypiServer
from tests.servers.simple import Index, Package
from tests.servers.upload import Upload

__all__ = [
    "Access",
    "Authorization",
    "GitServer",
    "Index",
    "IndexServer",
    "Package",
    "ProxyServer",
    "PypiServer",
    "RecordedRequest",
    "ResetServer",
    "Response",
    "Server",
    "SilentServer",
    "Upload",
    "refused_url",
    "server_context",
]
