"""A context is what plain requests would use, plus exactly what the user set."""

from __future__ import annotations

import hashlib
import ssl
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from cryptography import x509
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.util.ssl_ import create_urllib3_context

from poetry_repo_plugin.core.errors import Cause, Failure
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.tls import memfile
from poetry_repo_plugin.tls.context import build_context
from poetry_repo_plugin.tls.identity import apply_pem
from poetry_repo_plugin.tls.settings import AskPassphrase, TlsSettings
from tests.certs import CertificateFactory, server_context
from tests.tls.wire import V12, V13, fetch, https, listening

PASSPHRASE = "pässwörd 42"

versions = pytest.mark.parametrize("version", [V12, V13], ids=["tls1.2", "tls1.3"])


def never_ask() -> Secret:
    raise AssertionError("the key is not encrypted: nobody is to be asked")


def ask() -> Secret:
    return Secret(PASSPHRASE)


Form = Callable[[CertificateFactory], TlsSettings]


def _pem(certs: CertificateFactory) -> TlsSettings:
    return TlsSettings(certs.ca_file(), certs.pem(certs.client()), passphrase=never_ask)


def _pem_and_key(certs: CertificateFactory) -> TlsSettings:
    alice = certs.client()
    return TlsSettings(certs.ca_file(), certs.cert_file(alice), certs.key_file(alice), never_ask)


def _encrypted_pem(certs: CertificateFactory) -> TlsSettings:
    return TlsSettings(
        certs.ca_file(), certs.pem(certs.client(), passphrase=PASSPHRASE), passphrase=ask
    )


def _encrypted_key(certs: CertificateFactory) -> TlsSettings:
    alice = certs.client()
    key = certs.key_file(alice, passphrase=PASSPHRASE)
    return TlsSettings(certs.ca_file(), certs.cert_file(alice), key, ask)


def _legacy_key(certs: CertificateFactory) -> TlsSettings:
    alice = certs.client(key_type="rsa")
    key = certs.key_file(alice, passphrase=PASSPHRASE, traditional=True)
    assert b"Proc-Type: 4,ENCRYPTED" in key.read_bytes()
    return TlsSettings(certs.ca_file(), certs.cert_file(alice), key, ask)


def _pkcs12(certs: CertificateFactory) -> TlsSettings:
    store = certs.pkcs12_file(certs.client(), passphrase=PASSPHRASE)
    return TlsSettings(certs.ca_file(), store, passphrase=ask)


def _open_pkcs12(certs: CertificateFactory) -> TlsSettings:
    return TlsSettings(certs.ca_file(), certs.pkcs12_file(certs.client()), passphrase=never_ask)


def _der_and_key(certs: CertificateFactory) -> TlsSettings:
    alice = certs.client()
    return TlsSettings(certs.ca_file(), certs.cert_der(alice), certs.key_file(alice), never_ask)


def _chain_in_pkcs12(certs: CertificateFactory) -> TlsSettings:
    store = certs.pkcs12_file(
        certs.client_with_chain(), passphrase=PASSPHRASE, authorities=[certs.ca]
    )
    return TlsSettings(certs.ca_file(), store, passphrase=ask)


def _chain_before_the_certificate(certs: CertificateFactory) -> TlsSettings:
    alice = certs.client_with_chain()
    blocks = alice.cert_pem.split(b"-----END CERTIFICATE-----\n")[:-1]
    backwards = (
        b"".join(block + b"-----END CERTIFICATE-----\n" for block in reversed(blocks))
        + alice.key_pem
    )
    return TlsSettings(
        certs.ca_file(), certs.write("backwards.pem", backwards), passphrase=never_ask
    )


FORMS = [
    _pem,
    _pem_and_key,
    _encrypted_pem,
    _encrypted_key,
    _legacy_key,
    _pkcs12,
    _open_pkcs12,
    _der_and_key,
    _chain_in_pkcs12,
    _chain_before_the_certificate,
]


@versions
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__.strip("_"))
def test_every_form_of_a_client_certificate_opens_the_door(
    certs: CertificateFactory, form: Form, version: ssl.TLSVersion
) -> None:
    context = build_context(form(certs))
    with listening(
        https(server_context(certs.server(), certs.ca, maximum=version, minimum=version))
    ) as port:
        assert fetch(f"https://localhost:{port}/", context) == "alice"


@versions
def test_one_from_a_helper_opens_it_too(certs: CertificateFactory, version: ssl.TLSVersion) -> None:
    """ExecCredential hands out texts, not files."""
    alice = certs.client_with_chain()
    context = build_context(TlsSettings(ca=certs.ca_file()))
    apply_pem(context, alice.cert_pem.decode(), Secret(alice.key_pem.decode()))
    with listening(
        https(server_context(certs.server(), certs.ca, maximum=version, minimum=version))
    ) as port:
        assert fetch(f"https://localhost:{port}/", context) == "alice"


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__.strip("_"))
@pytest.mark.parametrize("memfd", [True, False], ids=["memfd", "file"])
def test_no_key_stays_on_the_disk(
    certs: CertificateFactory,
    form: Form,
    memfd: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    if not memfd:
        monkeypatch.setattr(memfile, "_in_memory", lambda _: (None, -1))
    build_context(form(certs))
    assert list(temporary.iterdir()) == []


def test_only_the_given_ca_is_trusted(certs: CertificateFactory) -> None:
    context = build_context(TlsSettings(ca=certs.ca_file()))
    with listening(https(server_context(certs.server()))) as port:
        assert fetch(f"https://localhost:{port}/", context) == "nobody"
    with (
        listening(https(server_context(certs.server_unknown_ca()))) as port,
        pytest.raises(requests.exceptions.SSLError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        fetch(f"https://localhost:{port}/", context)
    # requests added nothing on the way, in particular not certifi's roots
    assert context.cert_store_stats()["x509_ca"] == 1


def test_a_bundle_with_several_cas_is_trusted_whole(certs: CertificateFactory) -> None:
    context = build_context(TlsSettings(ca=certs.ca_file(certs.other_ca, certs.ca)))
    for server in (certs.server(), certs.server_unknown_ca()):
        with listening(https(server_context(server))) as port:
            assert fetch(f"https://localhost:{port}/", context) == "nobody"


def test_without_settings_it_trusts_what_requests_trusts() -> None:
    plain = create_urllib3_context()
    plain.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    context = build_context(TlsSettings(), environ={})
    assert context.cert_store_stats() == plain.cert_store_stats()
    assert context.options == plain.options
    assert context.verify_flags == plain.verify_flags
    assert context.minimum_version == plain.minimum_version
    assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)
    assert [cipher["name"] for cipher in context.get_ciphers()] == [
        cipher["name"] for cipher in plain.get_ciphers()
    ]


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_without_a_ca_the_variables_of_requests_count(
    certs: CertificateFactory, variable: str
) -> None:
    environ = {variable: str(certs.ca_file()), "SSL_CERT_FILE": "/nowhere"}
    assert build_context(TlsSettings(), environ=environ).cert_store_stats()["x509_ca"] == 1


def test_with_a_ca_they_do_not(certs: CertificateFactory) -> None:
    other = certs.ca_file(certs.other_ca, name="other.pem")
    context = build_context(
        TlsSettings(ca=certs.ca_file()), environ={"REQUESTS_CA_BUNDLE": str(other)}
    )
    with listening(https(server_context(certs.server()))) as port:
        assert fetch(f"https://localhost:{port}/", context) == "nobody"


def test_a_variable_that_names_no_file_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "missing.pem"
    with pytest.raises(Failure, match=f"REQUESTS_CA_BUNDLE, {missing}, does not exist") as caught:
        build_context(TlsSettings(), environ={"REQUESTS_CA_BUNDLE": str(missing)})
    assert caught.value.cause is Cause.TLS_FILE_MISSING


def test_a_variable_that_names_nonsense_is_named(certs: CertificateFactory) -> None:
    nonsense = certs.write("nonsense.pem", b"nonsense")
    with pytest.raises(Failure, match=r"REQUESTS_CA_BUNDLE .* is refused by OpenSSL") as caught:
        build_context(TlsSettings(), environ={"REQUESTS_CA_BUNDLE": str(nonsense)})
    assert caught.value.cause is Cause.TLS_FILE_INVALID


def test_a_variable_may_name_a_directory(certs: CertificateFactory) -> None:
    build_context(TlsSettings(), environ={"CURL_CA_BUNDLE": str(certs.directory)})


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_insecure_takes_every_server_and_still_offers_the_client_certificate(
    certs: CertificateFactory,
) -> None:
    settings = TlsSettings(client_cert=certs.pem(certs.client()), verify=False)
    context = build_context(settings)
    for server in (certs.server_unknown_ca(), certs.server_expired(), certs.server_wrong_host()):
        with listening(https(server_context(server, certs.ca))) as port:
            assert fetch(f"https://localhost:{port}/", context) == "alice"


def test_what_requests_says_about_verification_does_not_count(certs: CertificateFactory) -> None:
    context = build_context(TlsSettings(ca=certs.ca_file()))
    with (
        listening(https(server_context(certs.server_unknown_ca()))) as port,
        pytest.raises(requests.exceptions.SSLError),
    ):
        fetch(f"https://localhost:{port}/", context, verify=False)


def test_relaxed_takes_a_ca_that_only_strict_python_refuses(certs: CertificateFactory) -> None:
    authority, server = certs.server_not_strict()
    path = certs.ca_file(authority)
    with listening(https(server_context(server))) as port:
        assert (
            fetch(f"https://localhost:{port}/", build_context(TlsSettings(ca=path, relaxed=True)))
            == "nobody"
        )
        strict = build_context(TlsSettings(ca=path))
        if sys.version_info >= (3, 13):
            with pytest.raises(requests.exceptions.SSLError):
                fetch(f"https://localhost:{port}/", strict)
        else:
            assert fetch(f"https://localhost:{port}/", strict) == "nobody"


def _hash(subject: x509.Name) -> str:
    """What `openssl x509 -subject_hash` prints."""
    canonical = x509.Name(
        [x509.NameAttribute(one.oid, str(one.value).lower()) for one in subject]
    ).public_bytes()[2:]
    return hashlib.sha1(canonical).digest()[3::-1].hex()


def _settle_system_store(
    certs: CertificateFactory, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """A file, which OpenSSL finds by itself, or only hashed certificates, which truststore looks
    for.
    """
    folder = certs.directory / "hashed"
    folder.mkdir()
    if form == "folder":
        (folder / f"{_hash(certs.ca.cert.subject)}.0").write_bytes(certs.ca.pem)
    file = certs.ca_file() if form == "file" else certs.directory / "none.pem"
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    monkeypatch.setenv("SSL_CERT_DIR", str(folder))


@pytest.mark.parametrize("form", ["file", "folder"])
def test_the_system_store_is_used_for_this_context_only(
    certs: CertificateFactory, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    _settle_system_store(certs, monkeypatch, form)
    class_before = ssl.SSLContext
    context = build_context(TlsSettings(ca="system", client_cert=certs.pem(certs.client())))
    assert ssl.SSLContext is class_before
    assert isinstance(context, ssl.SSLContext)
    with listening(https(server_context(certs.server(), certs.ca))) as port:
        assert fetch(f"https://localhost:{port}/", context) == "alice"
    for server in (certs.server_unknown_ca(), certs.server_wrong_host(), certs.server_expired()):
        with (
            listening(https(server_context(server, certs.ca))) as port,
            pytest.raises(requests.exceptions.SSLError, match="CERTIFICATE_VERIFY_FAILED"),
        ):
            fetch(f"https://localhost:{port}/", context)


@pytest.mark.parametrize("form", ["file", "folder"])
def test_the_system_context_has_the_flags_of_requests(
    certs: CertificateFactory, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    _settle_system_store(certs, monkeypatch, form)
    plain = create_urllib3_context()
    context = build_context(TlsSettings(ca="system"))
    assert context.minimum_version == plain.minimum_version
    assert context.options == plain.options
    assert context.verify_flags == plain.verify_flags


def test_the_system_context_logs_its_keys_where_all_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    assert build_context(TlsSettings(ca="system")).keylog_filename == str(tmp_path / "keys")


def test_insecure_needs_no_ca_at_all(tmp_path: Path) -> None:
    context = build_context(TlsSettings(ca=tmp_path / "missing", verify=False))
    assert context.verify_mode is ssl.CERT_NONE


def test_a_key_without_a_certificate_is_told(certs: CertificateFactory) -> None:
    with pytest.raises(Failure, match="is set without a client certificate"):
        build_context(TlsSettings(ca=certs.ca_file(), client_key=certs.key_file(certs.client())))


@pytest.mark.parametrize(
    "answer", [None, lambda: None, lambda: Secret("")], ids=["nobody", "none", "empty"]
)
@pytest.mark.parametrize("form", [_encrypted_pem, _encrypted_key, _legacy_key, _pkcs12])
def test_openssl_never_prompts(
    certs: CertificateFactory,
    form: Form,
    answer: AskPassphrase | None,
    capfd: pytest.CaptureFixture[str],
) -> None:
    settings = form(certs)
    settings = TlsSettings(settings.ca, settings.client_cert, settings.client_key, answer)
    with pytest.raises(Failure) as caught:
        build_context(settings)
    assert caught.value.cause is Cause.PASSPHRASE_MISSING
    assert capfd.readouterr() == ("", "")


def test_settings_show_no_secret_and_know_when_they_are_empty(certs: CertificateFactory) -> None:
    assert TlsSettings().is_default
    assert TlsSettings(passphrase=ask).is_default
    for settings in (
        _pem(certs),
        TlsSettings(ca="system"),
        TlsSettings(verify=False),
        TlsSettings(relaxed=True),
    ):
        assert not settings.is_default
    assert PASSPHRASE not in repr(_pkcs12(certs))


def test_a_key_that_openssl_finds_too_small_is_told(certs: CertificateFactory) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if context.security_level < 1:
        pytest.skip("this OpenSSL takes every key")
    from cryptography.hazmat.primitives.asymmetric import rsa

    from tests import certs as factory

    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    certificate = factory._build(factory._name("weak"), weak, certs.ca, [], (-1, 30))
    path = certs.pem(factory.Identity(certificate, weak))
    with pytest.raises(Failure, match="is refused by OpenSSL") as caught:
        build_context(TlsSettings(certs.ca_file(), path))
    assert caught.value.cause is Cause.TLS_FILE_INVALID
