"""The TLS context of a request: what is configured for its repository, and what follows
elsewhere.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from poetry_repo_plugin.config.bindings import Kind
from poetry_repo_plugin.config.repositories import Repository
from poetry_repo_plugin.core.errors import Cause, Failure
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.http.failures import failure_of
from poetry_repo_plugin.tls.context import build_context
from poetry_repo_plugin.tls.handshake import handshake
from poetry_repo_plugin.tls.settings import TlsSettings
from tests.certs import Authority, CertificateFactory, server_context
from tests.config.saving import saving
from tests.http.world import EVIL, INDEX, World
from tests.tls.wire import https, listening

FILES = "https://files.example/lib-1.0.whl"


@pytest.fixture
def files(tmp_path: Path) -> Mapping[str, str]:
    root = Authority.root()
    client = root.client("alice")
    for name, content in {
        "ca.pem": root.pem,
        "client.pem": client.key_pem + client.cert_pem,
    }.items():
        (tmp_path / name).write_bytes(content)
    return {"ca": str(tmp_path / "ca.pem"), "client": str(tmp_path / "client.pem")}


def test_nothing_of_ours_where_nothing_is_set(world: World) -> None:
    world.sources(corp=INDEX)
    access = world.access()
    for url in (INDEX, "https://unknown.example/", "http://host.example/"):
        assert access.tls.context(access.matcher.grant_for(url)) is None


def test_one_context_for_all_threads(world: World, files: Mapping[str, str]) -> None:
    world.sources(corp=INDEX)
    saving(world.settings).save_certificates(
        "corp", {"cert": files["ca"], "client-cert": files["client"]}
    )
    access = world.access()
    with ThreadPoolExecutor(8) as threads:
        contexts = list(
            threads.map(lambda _: access.tls.context(access.matcher.grant_for(INDEX)), range(16))
        )
    assert len(set(map(id, contexts))) == 1
    assert isinstance(contexts[0], ssl.SSLContext)
    assert contexts[0].verify_mode is ssl.CERT_REQUIRED
    assert len(contexts[0].get_ca_certs()) == 1


def test_a_question_about_one_holds_up_no_other(world: World, tmp_path: Path) -> None:
    """A person who is asked, or a helper that takes its time: other repositories' requests go
    on.
    """
    certs = CertificateFactory(tmp_path)
    sealed = certs.pem(certs.client(), passphrase="open sesame")
    world.sources(slow=INDEX, quick="https://other.example/simple/")
    saving(world.settings).save_certificates("slow", {"client-cert": str(sealed)})
    asked, answer = threading.Event(), threading.Event()

    def ask(repository: Repository) -> Secret | None:
        asked.set()
        assert answer.wait(20)
        return Secret("open sesame")

    access = world.access(ask)
    with ThreadPoolExecutor(1) as thread:
        slow = thread.submit(lambda: access.tls.context(access.matcher.grant_for(INDEX)))
        assert asked.wait(20)
        assert access.tls.context(access.matcher.grant_for("https://other.example/simple/")) is None
        assert not slow.done()
        answer.set()
        assert isinstance(slow.result(20), ssl.SSLContext)


def test_a_certificate_that_is_bound_elsewhere_is_not_offered(
    world: World, files: Mapping[str, str]
) -> None:
    world.sources(corp=EVIL)
    saving(world.settings).save_certificates("corp", {"client-cert": files["client"]})
    world.bindings.record("corp", Kind.CERTIFICATE, [INDEX])
    access = world.access()
    grant = access.matcher.grant_for(EVIL)
    assert grant.identify is False
    assert access.tls.context(grant) is None
    failure = access.tls.identity_withheld(grant)
    assert failure is not None
    assert failure.cause is Cause.ORIGIN_MISMATCH
    assert "https://host.example" in failure.message
    assert failure.hint is not None
    assert "--url" in failure.hint
    world.bindings.record("corp", Kind.CERTIFICATE, [EVIL])
    access = world.access()
    assert access.matcher.grant_for(EVIL).identify is True
    assert access.tls.identity_withheld(access.matcher.grant_for(EVIL)) is None


def test_a_broken_file_is_the_same_failure_each_time(world: World, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nonsense", encoding="utf-8")
    world.sources(corp=INDEX)
    for path, cause in (
        (tmp_path / "ca.pem", Cause.TLS_FILE_INVALID),
        (tmp_path / "none.pem", Cause.TLS_FILE_MISSING),
    ):
        saving(world.settings).save_certificates("corp", {"cert": str(path)})
        access = world.access()
        for _ in range(2):
            with pytest.raises(Failure) as caught:
                access.tls.context(access.matcher.grant_for(INDEX))
            assert caught.value.cause is cause
            assert str(path) in caught.value.message


def test_a_home_that_does_not_exist_is_a_missing_file(world: World) -> None:
    world.sources(corp=INDEX)
    saving(world.settings).save_certificates("corp", {"cert": "~nobody-at-all/ca.pem"})
    access = world.access()
    with pytest.raises(Failure) as caught:
        access.tls.context(access.matcher.grant_for(INDEX))
    assert caught.value.cause is Cause.TLS_FILE_MISSING


def test_not_verifying_is_said_once_and_only_a_user_can_say_it(world: World) -> None:
    world.sources(corp=INDEX)
    (world.project / "poetry.toml").write_text(
        "[certificates.corp]\ncert = false\n", encoding="utf-8"
    )
    access = world.access()
    assert access.tls.context(access.matcher.grant_for(INDEX)) is None
    saving(world.settings).save_certificates("corp", {"cert": False})
    access = world.access()
    for _ in range(2):
        context = access.tls.context(access.matcher.grant_for(INDEX))
        assert context is not None
        assert context.verify_mode is ssl.CERT_NONE
    [line] = world.said
    assert "not verified" in line


def test_a_project_s_ca_yields_to_the_user_s(world: World, files: Mapping[str, str]) -> None:
    world.sources('[tool.poetry-repo-plugin.corp]\nca = "team.pem"\n', corp=INDEX)
    corp = world.access().catalogue.require("corp")
    assert world.access().tls.settings_of(corp).ca == (world.project / "team.pem").resolve()
    saving(world.settings).save_certificates("corp", {"cert": files["ca"]})
    assert world.access().tls.settings_of(corp).ca == Path(files["ca"])
    world.environ["POETRY_CERTIFICATES_CORP_CERT"] = "/env.pem"
    assert str(world.access().tls.settings_of(corp).ca) == str(Path("/env.pem").absolute())


@pytest.fixture
def certs(tmp_path: Path) -> CertificateFactory:
    return CertificateFactory(tmp_path / "certs")


class TestFilesOnAnotherHost:
    """The index's CA is trusted there beside the default ones, not in their place."""

    @pytest.fixture
    def company(self, certs: CertificateFactory) -> Authority:
        """Its CA is not the index's, but among those that this machine trusts by default."""
        return Authority.root("Company root")

    @pytest.fixture
    def index(
        self,
        world: World,
        certs: CertificateFactory,
        company: Authority,
    ) -> str:
        default = certs.ca_file(company, name="default.pem")
        world.environ["REQUESTS_CA_BUNDLE"] = str(default)
        world.sources(corp=INDEX)
        files = {"cert": str(certs.ca_file()), "client-cert": str(certs.pem(certs.client()))}
        saving(world.settings).save_certificates("corp", files)
        return INDEX

    @staticmethod
    def reaches(world: World, url: str, authority: Authority) -> bool:
        """A request to ``url`` accepts a server that ``authority`` vouches for."""
        access = world.access()
        access.matcher.add_link("corp", FILES)
        context = access.tls.context(access.matcher.grant_for(url))
        assert context is not None
        with listening(https(server_context(authority.server()))) as port:
            try:
                handshake("localhost", port, context, timeout=5)
            except ssl.SSLCertVerificationError:
                return False
        return True

    def test_both_are_trusted(
        self, world: World, index: str, certs: CertificateFactory, company: Authority
    ) -> None:
        assert self.reaches(world, FILES, certs.ca)
        assert self.reaches(world, FILES, company)

    def test_twin_one_that_neither_trusts(
        self, world: World, index: str, certs: CertificateFactory
    ) -> None:
        assert not self.reaches(world, FILES, certs.other_ca)

    def test_twin_at_the_index_its_own_is_trusted_alone(
        self, world: World, index: str, certs: CertificateFactory, company: Authority
    ) -> None:
        assert self.reaches(world, index, certs.ca)
        assert not self.reaches(world, index, company)

    def test_no_client_certificate_goes_there(self, world: World, index: str) -> None:
        access = world.access()
        access.matcher.add_link("corp", FILES)
        assert access.matcher.grant_for(FILES).identify is False
        assert access.matcher.grant_for(index).identify is True

    def test_without_a_bundle_of_the_environment_it_is_certifi_s(
        self, world: World, index: str
    ) -> None:
        del world.environ["REQUESTS_CA_BUNDLE"]
        certifi = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        certifi.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
        access = world.access()
        access.matcher.add_link("corp", FILES)
        context = access.tls.context(access.matcher.grant_for(FILES))
        assert context is not None
        count = certifi.cert_store_stats()["x509"]
        assert context.cert_store_stats()["x509"] == count + 1

    def test_one_that_is_not_verified_is_not_verified_there_either(
        self, world: World, index: str
    ) -> None:
        saving(world.settings).save_certificates("corp", {"cert": False})
        access = world.access()
        access.matcher.add_link("corp", FILES)
        context = access.tls.context(access.matcher.grant_for(FILES))
        assert context is not None
        assert context.verify_mode is ssl.CERT_NONE


class TestHints:
    """The command that mends a failure never follows from a word in its message."""

    CORP = Repository("corp", INDEX)

    def hint(self, settings: TlsSettings) -> str | None:
        with pytest.raises(Failure) as caught:
            build_context(settings)
        return failure_of(caught.value, self.CORP).hint

    @pytest.mark.parametrize("folder", ["CA bundle", "the client key", "strict X.509"])
    @pytest.mark.parametrize("content", [None, b"nonsense"], ids=["missing", "invalid"])
    def test_whatever_the_folder_is_called(
        self, tmp_path: Path, folder: str, content: bytes | None
    ) -> None:
        certs = CertificateFactory(tmp_path / folder)
        ca, alice = certs.ca_file(), certs.client()
        bad = certs.directory / "bad.pem"
        if content is not None:
            bad.write_bytes(content)
        certificate = "poetry repo certs corp --client-cert PATH"
        assert self.hint(TlsSettings(ca, bad)) == certificate
        assert self.hint(TlsSettings(bad)) == "poetry repo certs corp --ca PATH"
        settings = TlsSettings(ca, certs.cert_file(alice), bad)
        assert self.hint(settings) == f"{certificate} --client-key PATH"

    def test_a_ca_called_strict_is_not_taken_for_the_strict_check(
        self, certs: CertificateFactory
    ) -> None:
        from poetry_repo_plugin.tls.errors import classify
        from poetry_repo_plugin.tls.handshake import look_at

        odd = Authority.root("strict X.509")
        context = build_context(TlsSettings(certs.ca_file()))
        with listening(https(server_context(odd.server()))) as port:
            with pytest.raises(ssl.SSLCertVerificationError) as caught:
                handshake("localhost", port, context, timeout=5)
            found = classify(caught.value, host="h", look=lambda: look_at("localhost", port))
        assert found is not None
        assert "strict X.509" in found.detail
        assert failure_of(found, self.CORP).hint == "poetry repo certs corp --ca PATH"
