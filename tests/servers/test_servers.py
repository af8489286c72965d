"""The test servers do what they claim: each success with its failing twin."""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import socket
import ssl
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from collections.abc import Iterator
from email.parser import Parser
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12
from requests.auth import HTTPBasicAuth

from tests import packages
from tests.certs import Authority, CertificateFactory, Identity, client_context, server_context
from tests.servers import (
    GitServer,
    IndexServer,
    ProxyServer,
    PypiServer,
    RecordedRequest,
    ResetServer,
    Response,
    SilentServer,
    faults,
    refused_url,
)
from tests.servers.simple import JSON

USER, PASSWORD = "alice", "pässwörd-€"
BASIC = HTTPBasicAuth(USER.encode(), PASSWORD.encode())


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """requests prefers REQUESTS_CA_BUNDLE to a session's own ``verify``, and proxies may swallow
    127.0.0.1.
    """
    for name in (
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "NO_PROXY",
    ):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def certs(tmp_path: Path) -> CertificateFactory:
    return CertificateFactory(tmp_path / "certs")


@pytest.fixture
def index() -> Iterator[IndexServer]:
    with IndexServer() as server:
        server.add(*packages.wheel("Foo.Bar", "1.0", ["baz>=1"]))
        yield server


def upload_form(filename: str, content: bytes, **fields: str) -> requests.Response:
    url = fields.pop("url")
    user = fields.pop("user", None)
    password = fields.pop("password", "")
    return requests.post(
        url,
        data={":action": "file_upload", "name": "foo", **fields},
        files={"content": (filename, content)},
        auth=HTTPBasicAuth(user.encode(), password.encode()) if user else None,
        timeout=10,
    )


def handshake(server: IndexServer, context: ssl.SSLContext, host: str = "127.0.0.1") -> bytes:
    """Connects and asks for the index, so that what TLS 1.3 reports late is seen too."""
    with (
        socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw,
        context.wrap_socket(raw, server_hostname=host) as tls,
    ):
        tls.sendall(b"GET /simple/ HTTP/1.1\r\nHost: test\r\n\r\n")
        return tls.recv(15)


# -- packages


def test_a_wheel_lists_every_file_with_its_hash() -> None:
    filename, content = packages.wheel(
        "Foo.Bar", "1.0", ["baz>=1"], metadata_extra="License: MIT\n"
    )
    assert filename == "foo_bar-1.0-py3-none-any.whl"
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        record = archive.read("foo_bar-1.0.dist-info/RECORD").decode().splitlines()
        metadata = Parser().parsestr(archive.read("foo_bar-1.0.dist-info/METADATA").decode())
        assert {line.split(",")[0] for line in record} == set(archive.namelist())
    assert (metadata["Name"], metadata["Requires-Dist"], metadata["License"]) == (
        "Foo.Bar",
        "baz>=1",
        "MIT",
    )


def test_the_same_arguments_give_the_same_bytes() -> None:
    assert packages.wheel("foo", "1.0") == packages.wheel("foo", "1.0")
    assert packages.sdist("foo", "1.0") == packages.sdist("foo", "1.0")
    assert packages.wheel("foo", "1.0") != packages.wheel("foo", "1.1")


def test_an_sdist_has_one_directory_with_its_metadata() -> None:
    filename, content = packages.sdist("foo-bar", "1.0", ["baz"])
    assert filename == "foo_bar-1.0.tar.gz"
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        assert sorted(archive.getnames()) == [
            f"foo_bar-1.0/{name}" for name in ("PKG-INFO", "foo_bar.py", "pyproject.toml")
        ]


def build(directory: Path, sdist: packages.Distribution, backend: str) -> list[str]:
    """Builds a wheel of ``sdist`` with a backend found in ``directory``; the names in it."""
    with tarfile.open(fileobj=io.BytesIO(sdist[1])) as archive:
        archive.extractall(directory, filter="data")
    source = directory / sdist[0].removesuffix(".tar.gz")
    script = f"import sys; sys.path.insert(0, {str(directory)!r}); import {backend} as b; print(b.build_wheel('..'))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=source, check=True, capture_output=True, text=True
    )
    with zipfile.ZipFile(directory / done.stdout.strip()) as archive:
        return sorted(archive.namelist())


def test_only_its_backend_builds_an_sdist_that_names_one(tmp_path: Path) -> None:
    sdist = packages.sdist_with_backend("foo-bar", "1.0")
    with pytest.raises(subprocess.CalledProcessError):
        build(tmp_path, sdist, "tiny_backend")
    with zipfile.ZipFile(io.BytesIO(packages.backend_wheel()[1])) as archive:
        archive.extract("tiny_backend.py", tmp_path)
    info = [f"foo_bar-1.0.dist-info/{name}" for name in ("METADATA", "RECORD", "WHEEL")]
    assert build(tmp_path, sdist, "tiny_backend") == [*info, "foo_bar.py"]


def test_poetry_builds_the_ordinary_sdist(tmp_path: Path) -> None:
    assert "foo.py" in build(tmp_path, packages.sdist("foo", "1.0"), "poetry.core.masonry.api")


def test_an_installed_distribution_can_be_packed_again() -> None:
    filename, content = packages.installed_wheel("poetry-core")
    assert filename == f"poetry_core-{importlib.metadata.version('poetry-core')}-py3-none-any.whl"
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert "poetry/core/masonry/api.py" in archive.namelist()
        assert sum(name.endswith(".dist-info/RECORD") for name in archive.namelist()) == 1
    with pytest.raises(importlib.metadata.PackageNotFoundError):
        packages.installed_wheel("no-such-distribution")


def test_the_plugin_is_a_poetry_plugin() -> None:
    with zipfile.ZipFile(io.BytesIO(packages.plugin_wheel("hello-plugin")[1])) as archive:
        points = archive.read("hello_plugin-1.0.dist-info/entry_points.txt").decode()
        compile(archive.read("hello_plugin.py"), "hello_plugin.py", "exec")
    assert points == "[poetry.application.plugin]\nhello-plugin = hello_plugin:Plugin\n"


# -- the index


def test_html_is_what_a_client_gets_that_does_not_ask_for_json(index: IndexServer) -> None:
    page = requests.get(f"{index.index_url}foo-bar/", timeout=10)
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    sha256 = hashlib.sha256(packages.wheel("Foo.Bar", "1.0", ["baz>=1"])[1]).hexdigest()
    assert f'href="../../files/foo_bar-1.0-py3-none-any.whl#sha256={sha256}"' in page.text
    assert 'href="foo-bar/"' in requests.get(index.index_url, timeout=10).text


@pytest.mark.parametrize(
    ("accept", "is_json"),
    [
        (JSON, True),
        (f"{JSON}, */*;q=0.1", True),
        (f"{JSON};q=0.1, text/html", False),
        ("text/html", False),
        ("*/*", False),
    ],
)
def test_json_is_for_those_who_prefer_it(index: IndexServer, accept: str, is_json: bool) -> None:
    page = requests.get(f"{index.index_url}foo-bar/", headers={"Accept": accept}, timeout=10)
    assert (page.headers["Content-Type"] == JSON) is is_json
    if is_json:
        (file,) = page.json()["files"]
        assert file["filename"] == "foo_bar-1.0-py3-none-any.whl"
        metadata = requests.get(
            requests.compat.urljoin(page.url, f"{file['url']}.metadata"), timeout=10
        )
        assert hashlib.sha256(metadata.content).hexdigest() == file["core-metadata"]["sha256"]


def test_a_project_that_is_not_there_is_404_and_another_spelling_redirects(
    index: IndexServer,
) -> None:
    assert requests.get(f"{index.index_url}other/", timeout=10).status_code == 404
    assert requests.get(f"{index.url}other/", timeout=10).status_code == 404
    page = requests.get(f"{index.index_url}Foo_Bar", timeout=10)
    assert (page.status_code, page.history[0].headers["Location"]) == (200, "/simple/foo-bar/")


@pytest.mark.parametrize(
    ("range_", "status", "piece"),
    [
        ("bytes=0-3", 206, slice(0, 4)),
        ("bytes=5-", 206, slice(5, None)),
        ("bytes=-4", 206, slice(-4, None)),
        ("bytes=-", 200, slice(None)),
        ("bytes=9999999-", 416, slice(0, 0)),
    ],
)
def test_ranges_of_files(index: IndexServer, range_: str, status: int, piece: slice) -> None:
    filename, content = packages.wheel("Foo.Bar", "1.0", ["baz>=1"])
    answer = requests.get(f"{index.url}files/{filename}", headers={"Range": range_}, timeout=10)
    assert (answer.status_code, answer.content) == (status, content[piece])
    index.index.ranges = False
    answer = requests.get(f"{index.url}files/{filename}", headers={"Range": range_}, timeout=10)
    assert (answer.status_code, answer.content) == (200, content)


def test_head_has_the_length_and_no_body(index: IndexServer) -> None:
    filename, content = packages.wheel("Foo.Bar", "1.0", ["baz>=1"])
    answer = requests.head(f"{index.url}files/{filename}", timeout=10)
    assert (answer.headers["Content-Length"], answer.content) == (str(len(content)), b"")
    assert requests.head(f"{index.url}files/other.whl", timeout=10).status_code == 404


def test_an_etag_saves_the_page_until_it_changes(index: IndexServer) -> None:
    index.index.cache_control = "max-age=600"
    first = requests.get(index.index_url, timeout=10)
    assert first.headers["Cache-Control"] == "max-age=600"
    again = {"If-None-Match": first.headers["ETag"]}
    assert requests.get(index.index_url, headers=again, timeout=10).status_code == 304
    index.add(*packages.wheel("other", "1.0"))
    assert requests.get(index.index_url, headers=again, timeout=10).status_code == 200


def test_files_may_lie_on_another_server(index: IndexServer) -> None:
    with IndexServer() as files:
        files.add(*packages.wheel("Foo.Bar", "1.0"))
        index.index.file_base_url = f"{files.url}files"
        page = requests.get(
            f"{index.index_url}foo-bar/", headers={"Accept": JSON}, timeout=10
        ).json()
        assert requests.get(page["files"][0]["url"], timeout=10).status_code == 200
        assert files.paths() == ["/files/foo_bar-1.0-py3-none-any.whl"]


def test_yanked_and_requires_python_are_said_in_both_forms(index: IndexServer) -> None:
    index.add(*packages.wheel("old", "1.0"), requires_python=">=3.8", yanked="bad")
    assert (
        'data-requires-python="&gt;=3.8" data-yanked="bad"'
        in requests.get(f"{index.index_url}old/", timeout=10).text
    )
    (file,) = requests.get(f"{index.index_url}old/", headers={"Accept": JSON}, timeout=10).json()[
        "files"
    ]
    assert (file["requires-python"], file["yanked"]) == (">=3.8", "bad")


def test_several_indexes_keep_their_packages_and_credentials_apart(index: IndexServer) -> None:
    team_a = index.add_index("/team-a/simple/", credentials={"a": "pw-a"})
    team_ab = index.add_index("/team-ab/simple", credentials={"ab": "pw-ab"})
    team_a.add(*packages.wheel("only-a", "1.0"))
    assert index.url_of(team_ab).endswith("/team-ab/simple/")
    good = requests.get(f"{index.url_of(team_a)}only-a/", auth=("a", "pw-a"), timeout=10)
    assert "../../files/only_a" in good.text
    assert (
        requests.get(f"{index.url}team-a/files/only_a-1.0-py3-none-any.whl", timeout=10).status_code
        == 401
    )
    assert requests.get(index.url_of(team_ab), auth=("a", "pw-a"), timeout=10).status_code == 401
    assert (
        requests.get(
            f"{index.url_of(team_ab)}only-a/", auth=("ab", "pw-ab"), timeout=10
        ).status_code
        == 404
    )


# -- who may


@pytest.mark.parametrize(
    ("auth", "status"),
    [
        (BASIC, 200),
        ((USER, "wrong"), 401),
        (HTTPBasicAuth("bob", PASSWORD.encode()), 401),
        (None, 401),
    ],
)
def test_basic_credentials(auth: HTTPBasicAuth | tuple[str, str] | None, status: int) -> None:
    with IndexServer(credentials={USER: PASSWORD}, realm="private") as server:
        answer = requests.get(server.index_url, auth=auth, timeout=10)
        assert answer.status_code == status == server.requests[0].status
        if status == 401:
            assert answer.headers["WWW-Authenticate"] == 'Basic realm="private", charset="UTF-8"'


@pytest.mark.parametrize(("token", "status"), [("t0ken", 200), ("other", 401)])
def test_bearer_tokens(token: str, status: int) -> None:
    with IndexServer(tokens={"t0ken"}) as server:
        answer = requests.get(
            server.index_url, headers={"Authorization": f"Bearer {token}"}, timeout=10
        )
        assert answer.status_code == status
        (seen,) = server.authorizations()
        assert (seen.scheme, seen.token, seen.username) == ("bearer", token, None)


def test_a_token_that_runs_out_or_is_revoked_or_exchanged(index: IndexServer) -> None:
    def status(token: str) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        return requests.get(index.index_url, headers=headers, timeout=10).status_code

    index.tokens = {"one", "two"}
    index.limit("one", 2)
    assert [status("one") for _ in range(3)] == [200, 200, 401]
    index.revoke("two")
    assert status("two") == 401
    index.limit("two", None)
    assert status("two") == 200
    index.tokens = {"three"}
    assert (status("two"), status("three")) == (401, 200)


def test_nobody_is_not_everyone(index: IndexServer) -> None:
    assert requests.get(index.index_url, timeout=10).status_code == 200
    index.credentials = {}
    assert requests.get(index.index_url, auth=("", ""), timeout=10).status_code == 401


# -- uploads


def test_an_upload_is_kept_and_listed(index: IndexServer) -> None:
    filename, content = packages.wheel("new", "2.0")
    digest = hashlib.sha256(content).hexdigest()
    assert (
        upload_form(filename, content, url=index.upload_url, sha256_digest=digest).status_code
        == 200
    )
    (upload,) = index.uploads
    assert (upload.filename, upload.content, upload.get("name")) == (filename, content, "foo")
    assert requests.get(f"{index.url}files/{filename}", timeout=10).content == content
    assert filename in requests.get(f"{index.index_url}new/", timeout=10).text
    assert upload_form(filename, content, url=index.upload_url).status_code == 409
    index.index.overwrite = True
    assert upload_form(filename, content, url=index.upload_url).status_code == 200


@pytest.mark.parametrize(
    "fields",
    [{":action": "submit"}, {"sha256_digest": "00"}, {"filename": ""}],
    ids=["action", "digest", "no file"],
)
def test_an_upload_that_is_wrong_is_400(index: IndexServer, fields: dict[str, str]) -> None:
    files = {"content" if "filename" not in fields else "other": ("foo-1.0.tar.gz", b"x")}
    data = {":action": "file_upload", **fields}
    assert requests.post(index.upload_url, data=data, files=files, timeout=10).status_code == 400
    assert requests.post(index.upload_url, data=data, timeout=10).status_code == 400
    assert index.uploads == []


def test_a_large_upload_arrives_whole(index: IndexServer) -> None:
    content = bytes(range(256)) * 16 * 1024 + b"\r\n--end"
    assert upload_form("big-1.0.tar.gz", content, url=index.upload_url).status_code == 200
    assert index.uploads[0].sha256 == hashlib.sha256(content).hexdigest()


def test_an_upload_in_chunks_arrives_whole(index: IndexServer) -> None:
    form = requests.Request(
        "POST",
        index.upload_url,
        data={":action": "file_upload"},
        files={"content": ("a-1.0.tar.gz", b"abc")},
    ).prepare()
    body = form.body
    assert isinstance(body, bytes)
    kind = {"Content-Type": form.headers["Content-Type"]}
    assert requests.post(
        index.upload_url, data=iter([body[:50], body[50:]]), headers=kind, timeout=10
    ).ok
    assert index.uploads[0].content == b"abc"


def test_reading_may_be_open_while_uploading_is_not() -> None:
    with IndexServer(credentials={USER: PASSWORD}, read_auth=False) as server:
        assert requests.get(server.index_url, timeout=10).status_code == 200
        assert upload_form("a-1.tar.gz", b"", url=server.upload_url).status_code == 401
        assert (
            upload_form(
                "a-1.tar.gz", b"", url=server.upload_url, user=USER, password=PASSWORD
            ).status_code
            == 200
        )
        assert server.uploads[0].username == USER


def test_uploading_may_need_other_credentials() -> None:
    with IndexServer(credentials={USER: PASSWORD}, upload_credentials={"ci": "pw"}) as server:
        assert requests.get(server.index_url, auth=("ci", "pw"), timeout=10).status_code == 401
        assert (
            upload_form(
                "a-1.tar.gz", b"", url=server.upload_url, user=USER, password=PASSWORD
            ).status_code
            == 401
        )
        assert (
            upload_form(
                "a-1.tar.gz", b"", url=server.upload_url, user="ci", password="pw"
            ).status_code
            == 200
        )


def test_the_index_takes_no_posts_and_the_upload_no_gets(index: IndexServer) -> None:
    assert upload_form("a-1.tar.gz", b"", url=index.index_url).status_code == 405
    assert requests.get(index.upload_url, timeout=10).headers["Allow"] == "POST"


# -- what it saw


@pytest.mark.parametrize("where", ["basic", "bearer", "query", "path", "body", "header"])
def test_a_secret_is_seen_wherever_it_is(index: IndexServer, where: str) -> None:
    secret = "s3cret/+ é"
    url = index.index_url
    if where == "basic":
        requests.get(url, auth=HTTPBasicAuth(b"u", secret.encode()), timeout=10)
    elif where == "bearer":
        requests.get(url, headers={"Authorization": f"Bearer {secret}".encode()}, timeout=10)
    elif where == "query":
        requests.get(url, params={"token": secret}, timeout=10)
    elif where == "path":
        requests.get(url + requests.compat.quote(secret), timeout=10)
    elif where == "body":
        requests.post(url, data={"password": secret}, timeout=10)
    else:
        requests.get(url, headers={"X-Token": secret.encode()}, timeout=10)
    assert index.saw_secret(secret)
    assert not index.saw_secret("another secret")
    index.clear()
    assert not index.saw_secret(secret)


def test_requests_are_recorded_with_their_connection(index: IndexServer) -> None:
    with requests.Session() as session:
        session.get(f"{index.index_url}?a=1", timeout=10)
        session.get(f"{index.index_url}none/", timeout=10)
    requests.head(index.index_url, timeout=10)
    assert [(r.method, r.path, r.query, r.status) for r in index.requests] == [
        ("GET", "/simple/", "a=1", 200),
        ("GET", "/simple/none/", "", 404),
        ("HEAD", "/simple/", "", 200),
    ]
    assert [r.connection for r in index.requests] == [1, 1, 2]
    assert index.connections == 2
    assert index.paths("HEAD") == ["/simple/"]
    assert index.requests[0].headers["user-AGENT"].startswith("python-requests")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_it_answers_at_each_loopback_name(host: str) -> None:
    with IndexServer(host=host) as server:
        assert requests.get(server.index_url, timeout=10).status_code == 200
        assert server.index_url == f"{server.origin}/simple/"


# -- misbehaviour


def test_the_hook_answers_in_place_of_the_server_or_leaves_it(index: IndexServer) -> None:
    with IndexServer() as other:
        index.respond = faults.at("/simple/foo", faults.redirect(f"{other.index_url}x/", 307))
        assert requests.get(index.index_url, timeout=10).status_code == 200
        assert requests.get(f"{index.index_url}foo-bar/", timeout=10).status_code == 404
        assert other.paths() == ["/simple/x/"]
    index.respond = faults.once(faults.too_many_requests(7))
    first, second = (requests.get(index.index_url, timeout=10) for _ in range(2))
    assert (first.status_code, first.headers["Retry-After"], second.status_code) == (429, "7", 200)


@pytest.mark.parametrize(
    ("response", "status", "text"),
    [
        (faults.unauthorized("Negotiate"), 401, "no"),
        (faults.unauthorized(""), 401, "no"),
        (faults.forbidden(), 403, "no rights"),
        (faults.proxy_authentication_required(), 407, "no"),
        (Response(503), 503, ""),
        (faults.login_page(), 200, "password"),
        (faults.drip(b"slowly", 0.001), 200, "slowly"),
        (Response(body=iter([b"in ", b"chunks"])), 200, "in chunks"),
        (Response.json({"a": 1}), 200, '{"a": 1}'),
    ],
)
def test_strange_answers(index: IndexServer, response: Response, status: int, text: str) -> None:
    index.respond = lambda request: response
    answer = requests.get(index.index_url, timeout=10)
    assert answer.status_code == status
    assert text in answer.text


def test_a_body_may_be_huge_or_break_off(index: IndexServer) -> None:
    index.respond = lambda request: faults.huge(5_000_000)
    assert len(requests.get(index.index_url, timeout=10).content) == 5_000_000
    index.respond = lambda request: faults.reset_body(1000)
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match=r"reset|IncompleteRead"):
        requests.get(index.index_url, timeout=10)


def test_silence_lasts_until_the_client_gives_up(index: IndexServer) -> None:
    index.respond = lambda request: faults.silence()
    with pytest.raises(requests.exceptions.ReadTimeout):
        requests.get(index.index_url, timeout=0.1)
    with SilentServer() as silent, pytest.raises(requests.exceptions.ReadTimeout):
        requests.get(silent.url, timeout=0.1)
    with SilentServer(scheme="https") as silent, pytest.raises(requests.exceptions.Timeout):
        requests.get(silent.url, timeout=0.1)


def test_reset_and_refused() -> None:
    with ResetServer() as server, pytest.raises(requests.exceptions.ConnectionError, match="reset"):
        requests.get(server.url, timeout=10)
    with pytest.raises(requests.exceptions.ConnectionError, match="refused"):
        requests.get(refused_url(), timeout=10)


def test_a_mistake_in_a_hook_is_not_swallowed() -> None:
    def broken(request: RecordedRequest) -> Response:
        raise LookupError("a mistake in a test")

    def use() -> None:
        with IndexServer() as server:
            server.respond = broken
            with pytest.raises(requests.exceptions.ConnectionError):
                requests.get(server.index_url, timeout=10)

    with pytest.raises(RuntimeError, match="a mistake in a test"):
        use()


def test_closing_is_fast_and_leaves_no_thread(certs: CertificateFactory) -> None:
    before = threading.active_count()
    server = IndexServer()
    server.start()
    with requests.Session() as session, socket.create_connection(("127.0.0.1", server.port)):
        session.get(server.index_url, timeout=10)
        server.respond = lambda request: faults.silence()
        with pytest.raises(requests.exceptions.ReadTimeout):
            session.get(server.index_url, timeout=0.05)
        assert threading.active_count() > before
        start = time.perf_counter()
        server.close()
        assert time.perf_counter() - start < 0.2
    assert threading.active_count() == before
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.get(server.index_url, timeout=10)


# -- TLS

VERSIONS = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])


@VERSIONS
def test_a_good_server_certificate(certs: CertificateFactory, version: ssl.TLSVersion) -> None:
    for identity in (certs.server(), certs.server_with_chain()):
        with IndexServer(tls=server_context(identity, minimum=version, maximum=version)) as server:
            assert handshake(server, client_context(certs.ca)) == b"HTTP/1.1 200 OK"
            assert server.handshake_errors == []
            assert (
                requests.get(server.index_url, verify=str(certs.ca_file()), timeout=10).status_code
                == 200
            )


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("expired", "certificate has expired"),
        ("not_yet_valid", "certificate is not yet valid"),
        ("wrong_host", "IP address mismatch"),
        ("unknown_ca", "unable to get local issuer certificate"),
        ("missing_intermediate", "unable to get local issuer certificate"),
        ("wrong_usage", "unsuitable certificate purpose"),
    ],
)
def test_a_bad_server_certificate_is_refused(
    certs: CertificateFactory, kind: str, reason: str
) -> None:
    identity: Identity = getattr(certs, f"server_{kind}")()
    with IndexServer(tls=server_context(identity)) as server:
        with pytest.raises(ssl.SSLCertVerificationError, match=reason):
            handshake(server, client_context(certs.ca))
        assert len(server.handshake_errors) == 1
        assert server.requests == []


@pytest.mark.parametrize("strict", [False, True])
def test_an_improper_ca_is_refused_by_the_strict_check_only(
    certs: CertificateFactory, strict: bool
) -> None:
    authority, identity = certs.server_not_strict()
    for trusted, presented, accepted in [
        (authority, identity, not strict),
        (certs.ca, certs.server(), True),
    ]:
        with IndexServer(tls=server_context(presented)) as server:
            context = client_context(trusted)
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
            if strict:
                context.verify_flags |= ssl.VERIFY_X509_STRICT
            if accepted:
                assert handshake(server, context)
                continue
            with pytest.raises(ssl.SSLCertVerificationError, match=r"key usage|Key Identifier"):
                handshake(server, context)


@VERSIONS
def test_a_good_client_certificate_is_recorded(
    certs: CertificateFactory, version: ssl.TLSVersion
) -> None:
    context = server_context(certs.server(), certs.ca, minimum=version, maximum=version)
    with IndexServer(tls=context) as server:
        for identity in (
            certs.client("bob"),
            certs.client_with_chain(),
            certs.client(key_type="rsa"),
        ):
            assert handshake(server, client_context(certs.ca, identity)) == b"HTTP/1.1 200 OK"
        assert [request.peer for request in server.requests] == ["bob", "alice", "alice"]


@VERSIONS
@pytest.mark.parametrize(
    ("kind", "alert", "reason"),
    [
        (None, "CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE", "PEER_DID_NOT_RETURN_A_CERTIFICATE"),
        ("expired", "CERTIFICATE_EXPIRED", "CERTIFICATE_VERIFY_FAILED"),
        ("not_yet_valid", "BAD_CERTIFICATE", "CERTIFICATE_VERIFY_FAILED"),
        ("foreign", "UNKNOWN_CA", "CERTIFICATE_VERIFY_FAILED"),
    ],
)
def test_a_bad_client_certificate_is_refused_with_an_alert(
    certs: CertificateFactory, version: ssl.TLSVersion, kind: str | None, alert: str, reason: str
) -> None:
    identity = getattr(certs, f"client_{kind}")() if kind else None
    context = server_context(certs.server(), certs.ca, minimum=version, maximum=version)
    with IndexServer(tls=context) as server:
        for _ in range(10):
            with pytest.raises(ssl.SSLError, match=alert):
                handshake(server, client_context(certs.ca, identity))
        assert server.handshake_errors == [reason] * 10
        assert server.requests == []


def test_a_client_certificate_may_be_optional(certs: CertificateFactory) -> None:
    with IndexServer(tls=server_context(certs.server(), certs.ca, require=False)) as server:
        assert handshake(server, client_context(certs.ca))
        assert handshake(server, client_context(certs.ca, certs.client()))
        with pytest.raises(ssl.SSLError):
            handshake(server, client_context(certs.ca, certs.client_foreign()))
        assert [request.peer for request in server.requests] == [None, "alice"]


def test_a_client_that_never_shakes_hands_holds_up_nobody(certs: CertificateFactory) -> None:
    with (
        IndexServer(tls=server_context(certs.server())) as server,
        socket.create_connection(("127.0.0.1", server.port)),
    ):
        assert handshake(server, client_context(certs.ca))


def test_plain_http_and_https_do_not_mix(certs: CertificateFactory, index: IndexServer) -> None:
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(index.index_url.replace("http:", "https:"), timeout=10)
    with IndexServer(tls=server_context(certs.server())) as server:
        with pytest.raises(requests.exceptions.ConnectionError):
            requests.get(server.index_url.replace("https:", "http:"), timeout=10)
        assert server.handshake_errors == ["HTTP_REQUEST"]


# -- files of certificates


def test_every_form_of_a_client_certificate_opens_and_says_the_same(
    certs: CertificateFactory,
) -> None:
    client = certs.client_with_chain()
    assert certs.pem(client).stat().st_mode & 0o777 == 0o600
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_cert_chain(certs.pem(client))
    context.load_cert_chain(certs.cert_file(client), certs.key_file(client))
    for traditional in (False, True):
        key = certs.key_file(client, passphrase="pä", traditional=traditional)
        context.load_cert_chain(certs.cert_file(client), key, "pä".encode())
        with pytest.raises(ssl.SSLError):
            context.load_cert_chain(certs.cert_file(client), key, "wrong")
    for passphrase in (None, "pä"):
        password = passphrase.encode() if passphrase else None
        store = pkcs12.load_pkcs12(
            certs.pkcs12_file(client, passphrase=passphrase).read_bytes(), password
        )
        assert store.key is not None
        assert store.cert is not None
        assert store.cert.certificate == client.cert
        assert [extra.certificate for extra in store.additional_certs] == list(client.chain)
    with pytest.raises(ValueError, match="password"):
        pkcs12.load_pkcs12(certs.pkcs12_file(client, passphrase="right").read_bytes(), b"wrong")
    store = pkcs12.load_pkcs12(certs.pkcs12_file(client, with_key=False).read_bytes(), None)
    assert store.key is None


def test_a_wrong_key_does_not_load(certs: CertificateFactory) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with pytest.raises(ssl.SSLError, match="KEY_VALUES_MISMATCH"):
        context.load_cert_chain(certs.pem(certs.client_key_mismatch()))
    with pytest.raises(ssl.SSLError):
        context.load_cert_chain(certs.cert_file(certs.client()))


def test_other_forms_of_certificates_are_what_they_say(certs: CertificateFactory) -> None:
    client = certs.client(key_type="rsa", days=3)
    assert x509.load_der_x509_certificate(certs.cert_der(client).read_bytes()) == client.cert
    assert load_pem_private_key(client.key_pem, None) is not None
    bundle = x509.load_pem_x509_certificates(certs.ca_file(certs.ca, certs.other_ca).read_bytes())
    assert [cert.subject for cert in bundle] == [certs.ca.cert.subject, certs.other_ca.cert.subject]
    assert Authority.root(proper=False).cert.extensions != certs.ca.cert.extensions


# -- the others


def test_a_proxy_tunnels_for_those_it_knows_and_finds_any_host(certs: CertificateFactory) -> None:
    host = "pypi.example.org"
    with (
        IndexServer(tls=server_context(certs.server(host))) as server,
        ProxyServer(credentials={"p": "pw"}, hosts={host: ("127.0.0.1", server.port)}) as proxy,
    ):
        ca = str(certs.ca_file())
        for userinfo, works in (("p:pw", True), ("p:wrong", False)):
            proxies = {"https": proxy.with_userinfo(proxy.url, userinfo)}
            if works:
                assert requests.get(
                    f"https://{host}/simple/", proxies=proxies, verify=ca, timeout=10
                ).ok
            else:
                with pytest.raises(requests.exceptions.ProxyError, match="407"):
                    requests.get(f"https://{host}/simple/", proxies=proxies, verify=ca, timeout=10)
        assert proxy.tunnels == [f"{host}:443", f"{host}:443"]
        assert [request.status for request in proxy.requests] == [200, 407]
        assert proxy.saw_secret("wrong")
        assert not server.saw_secret("pw")


def test_a_proxy_answers_for_what_it_cannot_do(index: IndexServer) -> None:
    with ProxyServer() as proxy:
        answer = requests.get(index.index_url, proxies={"http": proxy.url}, timeout=10)
        assert (answer.status_code, index.requests) == (501, [])
        with pytest.raises(requests.exceptions.ProxyError, match="502"):
            requests.get(refused_url(scheme="https"), proxies={"https": proxy.url}, timeout=10)


def clone(
    server: GitServer, userinfo: str, directory: Path, ca: Path
) -> subprocess.CompletedProcess[bytes]:
    url = server.with_userinfo(server.clone_url, userinfo) if userinfo else server.clone_url
    environment = {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_SSL_CAINFO": str(ca),
        "GIT_CONFIG_NOSYSTEM": "1",
    }
    command = ["git", "-c", "credential.helper=", "clone", "--quiet", url, str(directory)]
    return subprocess.run(
        command, capture_output=True, env={**environment, "HOME": str(directory.parent)}
    )


@pytest.mark.parametrize("encrypted", [False, True])
def test_git_clones_with_the_password_only(
    certs: CertificateFactory, tmp_path: Path, encrypted: bool
) -> None:
    tls = server_context(certs.server()) if encrypted else None
    with GitServer(credentials={"git": "pw"}, tls=tls) as server:
        assert clone(server, "git:wrong", tmp_path / "bad", certs.ca_file()).returncode != 0
        done = clone(server, "git:pw", tmp_path / "good", certs.ca_file())
        assert done.returncode == 0, done.stderr
        assert 'name = "from-git"' in (tmp_path / "good" / "pyproject.toml").read_text()
        assert "/repo.git/git-upload-pack" in server.paths("POST")
        assert len(server.commit) == 40


def test_git_is_open_without_credentials_and_has_one_repository(
    certs: CertificateFactory, tmp_path: Path
) -> None:
    with GitServer() as server:
        assert clone(server, "", tmp_path / "good", certs.ca_file()).returncode == 0
        assert (
            requests.get(
                f"{server.url}other.git/info/refs?service=git-upload-pack", timeout=10
            ).status_code
            == 404
        )


def test_pypiserver_lists_stores_and_refuses(certs: CertificateFactory) -> None:
    with PypiServer(credentials={"u": "pw"}, tls=server_context(certs.server())) as server:
        server.add(*packages.wheel("foo", "1.0"))
        with requests.Session() as session:
            session.verify = str(certs.ca_file())
            assert session.get(f"{server.index_url}foo/", timeout=10).status_code == 401
            assert (
                session.get(f"{server.index_url}foo/", auth=("u", "bad"), timeout=10).status_code
                == 403
            )
            session.auth = ("u", "pw")
            assert (
                "foo-1.0-py3-none-any.whl"
                in session.get(f"{server.index_url}foo/", timeout=10).text
            )
            assert session.get(f"{server.index_url}other/", timeout=10).status_code == 404
            filename, content = packages.sdist("bar", "2.0")
            data, files = {":action": "file_upload"}, {"content": (filename, content)}
            assert (
                session.post(server.upload_url, data=data, files=files, timeout=10).status_code
                == 200
            )
            assert (
                session.post(server.upload_url, data=data, files=files, timeout=10).status_code
                == 409
            )
            assert session.get(f"{server.url}packages/{filename}", timeout=10).content == content


def test_pypiserver_may_be_open() -> None:
    with PypiServer() as server:
        server.add_all([packages.wheel("foo", "1.0"), packages.wheel("bar", "1.0")])
        assert requests.get(server.index_url, timeout=10).text.count("<a href") == 2
