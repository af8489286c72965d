"""What the tests of the doctor share: an index that is in order, and a place where everything is as
it should be.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.certs import CertificateFactory, server_context
from tests.doctor.place import PASSWORD, USER, Place
from tests.servers import IndexServer


@pytest.fixture(autouse=True)
def _nothing_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    others = (
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "GITHUB_ACTIONS",
        "GITLAB_CI",
        "BUILDKITE",
        "CIRCLECI",
    )
    for variable in list(os.environ):
        if variable.lower().endswith("_proxy") or variable in others:
            monkeypatch.delenv(variable)


@pytest.fixture(scope="module")
def certs(tmp_path_factory: pytest.TempPathFactory) -> CertificateFactory:
    return CertificateFactory(tmp_path_factory.mktemp("certs"))


@pytest.fixture
def place(tmp_path: Path, certs: CertificateFactory) -> Place:
    return Place(tmp_path / "home", certs)


@pytest.fixture
def index(certs: CertificateFactory) -> Iterator[IndexServer]:
    """TLS and a password."""
    with IndexServer(tls=server_context(certs.server()), credentials={USER: PASSWORD}) as server:
        yield server


@pytest.fixture
def well(place: Place, index: IndexServer) -> Place:
    """Everything is as it should be."""
    place.source(index.index_url)
    place.certificate("cert", place.certs.ca_file())
    place.publish_to(index.upload_url)
    place.log_in()
    return place
