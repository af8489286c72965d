"""``poetry repo certs``: everything is checked before anything is stored; then a handshake is tried
and told.
"""

from __future__ import annotations

import json
import os
import shlex
import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.certs import CertificateFactory, Identity, server_context
from tests.servers import IndexServer, refused_url
from tests.tls.test_settings import signless
from tests.warm import WarmHome, mode_of

PASSPHRASE = "open {cache-dir} sésame"
CAUSES = {"CLIENT": "poetry repo certs acme --client-cert PATH --client-key PATH"}


@pytest.fixture
def server(certs: CertificateFactory) -> Iterator[IndexServer]:
    """An index that demands a client certificate and no password."""
    with IndexServer(tls=server_context(certs.server(), certs.ca)) as found:
        yield found


@pytest.fixture
def acme(home: WarmHome, server: IndexServer) -> WarmHome:
    """A home that knows the index and none of its certificates."""
    add(home, server.index_url)
    return home


@pytest.fixture
def client(certs: CertificateFactory) -> Identity:
    return certs.client("alice-laptop")


def add(home: WarmHome, url: str) -> None:
    (home.config / "poetry-repo-plugin.toml").write_text(f'[repositories.acme]\nurl = "{url}"\n')


def stored(home: WarmHome) -> dict[str, object]:
    found = home.toml("auth.toml").get("certificates", {}).get("acme", {})
    assert isinstance(found, dict)
    return found


def own(home: WarmHome) -> dict[str, object]:
    found = home.toml("poetry-repo-plugin.toml")["repositories"]["acme"]
    assert isinstance(found, dict)
    return found


class TestCa:
    def test_works_with_a_handshake(self, home: WarmHome, certs: CertificateFactory) -> None:
        with IndexServer(tls=server_context(certs.server())) as server:
            add(home, server.index_url)
            ca = certs.ca_file()
            done = home.cold("repo", "certs", "acme", "--ca", str(ca))
            assert (done.code, done.out) == (0, "")
            assert done.err == (
                f"acme: its CA is {ca}.\nacme: the handshake with {server.netloc} works (200).\n"
            )
        assert stored(home) == {"cert": str(ca)}
        assert "certificate-origins" not in own(home)

    def test_an_index_with_a_password_is_no_failure(
        self, home: WarmHome, certs: CertificateFactory
    ) -> None:
        with IndexServer(tls=server_context(certs.server()), credentials={"a": "b"}) as server:
            add(home, server.index_url)
            done = home.ok("repo", "certs", "acme", "--ca", str(certs.ca_file()))
            assert done.err.endswith(f"acme: the handshake with {server.netloc} works.\n")
            assert server.authorizations() == []

    def test_one_that_does_not_fit_is_a_warning_with_its_cause(
        self, home: WarmHome, certs: CertificateFactory
    ) -> None:
        with IndexServer(tls=server_context(certs.server())) as server:
            add(home, server.index_url)
            other = certs.ca_file(certs.other_ca, name="other.pem")
            done = home.ok("repo", "certs", "acme", "--ca", str(other))
        lines = done.err.splitlines()
        assert lines[:2] == [
            f"acme: its CA is {other}.",
            f"acme: stored, but the handshake with {server.netloc} failed:",
        ]
        assert lines[2].startswith(f"Repository acme ({server.netloc}): ")
        assert lines[2].endswith("[unknown-ca]")
        assert lines[3] == "Try: poetry repo certs acme --ca PATH"
        assert stored(home) == {"cert": str(other)}

    def test_a_server_that_is_not_there_is_a_warning(
        self, home: WarmHome, certs: CertificateFactory
    ) -> None:
        add(home, refused_url(scheme="https"))
        done = home.ok("repo", "certs", "acme", "--ca", str(certs.ca_file()))
        assert "[refused]" in done.err
        assert stored(home) != {}

    def test_no_verify_tries_nothing(
        self, acme: WarmHome, server: IndexServer, certs: CertificateFactory
    ) -> None:
        ca = certs.ca_file()
        acme.says(
            "repo", "certs", "acme", "--ca", str(ca), "--no-verify", err=f"acme: its CA is {ca}.\n"
        )
        assert server.connections == 0

    def test_system_and_none(self, acme: WarmHome, certs: CertificateFactory) -> None:
        acme.ok("repo", "certs", "acme", "--ca", str(certs.ca_file()), "--no-verify")
        acme.says(
            "repo",
            "certs",
            "acme",
            "--ca",
            "system",
            "--no-verify",
            err="acme: its CA is the system's store.\n",
        )
        assert (stored(acme), own(acme)["ca"]) == ({}, "system")
        acme.says(
            "repo",
            "certs",
            "acme",
            "--ca",
            "none",
            "--no-verify",
            err="acme: its CA is Poetry's default.\n",
        )
        assert stored(acme) == {}
        assert "ca" not in own(acme)

    def test_a_path_is_made_absolute_and_the_home_is_expanded(
        self, acme: WarmHome, certs: CertificateFactory
    ) -> None:
        for folder, word in ((acme.project, "my-ca.pem"), (acme.root, "~/my-ca.pem")):
            (folder / "my-ca.pem").write_bytes(certs.ca.pem)
            acme.ok("repo", "certs", "acme", "--ca", word, "--no-verify")
            assert stored(acme) == {"cert": str(folder / "my-ca.pem")}

    def test_a_path_holds_no_step_back(self, acme: WarmHome, certs: CertificateFactory) -> None:
        """Unless that leads over a link to somewhere else."""
        (acme.project / "my-ca.pem").write_bytes(certs.ca.pem)
        (acme.project / "sub").mkdir()
        acme.ok("repo", "certs", "acme", "--ca", "sub/../my-ca.pem", "--no-verify")
        assert stored(acme) == {"cert": str(acme.project / "my-ca.pem")}
        (acme.root / "far" / "off").mkdir(parents=True)
        (acme.root / "far" / "my-ca.pem").write_bytes(certs.ca.pem)
        (acme.project / "link").symlink_to(acme.root / "far" / "off")
        acme.ok("repo", "certs", "acme", "--ca", "link/../my-ca.pem", "--no-verify")
        assert os.path.samefile(str(stored(acme)["cert"]), acme.root / "far" / "my-ca.pem")

    def test_from_another_folder(self, acme: WarmHome, certs: CertificateFactory) -> None:
        (acme.project / "my-ca.pem").write_bytes(certs.ca.pem)
        done = acme.run(
            *("-C", str(acme.project), "repo", "certs", "acme", "--ca", "my-ca.pem", "--no-verify"),
            cwd=acme.root,
        )
        assert done.code == 0
        assert stored(acme) == {"cert": str(acme.project / "my-ca.pem")}

    def test_takes_the_place_of_what_poetry_config_stored(
        self, acme: WarmHome, certs: CertificateFactory
    ) -> None:
        acme.ok("config", "certificates.acme.cert", "/elsewhere.pem")
        (acme.config / "config.toml").write_text('[certificates.acme]\ncert = "/old.pem"\n')
        acme.ok("repo", "certs", "acme", "--ca", str(certs.ca_file()), "--no-verify")
        assert stored(acme) == {"cert": str(certs.directory / "ca.pem")}
        assert acme.toml("config.toml") == {}

    def test_is_checked_apart_from_the_client_certificate(
        self, acme: WarmHome, certs: CertificateFactory
    ) -> None:
        """What was set before has its own command to mend it."""
        acme.ok("config", "certificates.acme.client-cert", "/gone.pem")
        acme.ok("repo", "certs", "acme", "--ca", str(certs.ca_file()), "--no-verify")
        assert stored(acme)["client-cert"] == "/gone.pem"


class TestClientCertificate:
    def test_with_its_key(
        self, acme: WarmHome, server: IndexServer, certs: CertificateFactory, client: Identity
    ) -> None:
        ca, pem = certs.ca_file(), certs.pem(client)
        done = acme.ok("repo", "certs", "acme", "--ca", str(ca), "--client-cert", str(pem))
        assert done.err == (
            f"acme: its CA is {ca}.\n"
            f"acme: its client certificate is {pem}.\n"
            f"acme: the handshake with {server.netloc} works (200).\n"
        )
        assert stored(acme) == {"cert": str(ca), "client-cert": str(pem)}
        assert own(acme)["certificate-origins"] == [server.origin]
        assert {request.peer for request in server.requests} == {"alice-laptop"}

    def test_with_a_key_of_its_own(
        self, acme: WarmHome, server: IndexServer, certs: CertificateFactory, client: Identity
    ) -> None:
        cert, key = certs.cert_file(client), certs.key_file(client)
        done = acme.ok(
            *("repo", "certs", "acme", "--ca", str(certs.ca_file())),
            *("--client-cert", str(cert), "--client-key", str(key)),
        )
        assert f"acme: its client certificate is {cert} with the key {key}.\n" in done.err
        assert (stored(acme)["client-cert"], own(acme)["client-key"]) == (str(cert), str(key))
        assert {request.peer for request in server.requests} == {"alice-laptop"}

    def test_the_key_later(
        self, acme: WarmHome, certs: CertificateFactory, client: Identity
    ) -> None:
        acme.ok("config", "certificates.acme.client-cert", str(certs.cert_file(client)))
        acme.ok("repo", "certs", "acme", "--client-key", str(certs.key_file(client)), "--no-verify")
        assert own(acme)["client-key"] == str(certs.directory / "client.key")

    def test_a_new_one_leaves_the_old_key_behind(
        self, acme: WarmHome, certs: CertificateFactory, client: Identity
    ) -> None:
        cert, key = certs.cert_file(client), certs.key_file(client)
        acme.ok(
            "repo",
            "certs",
            "acme",
            "--client-cert",
            str(cert),
            "--client-key",
            str(key),
            "--no-verify",
        )
        acme.ok("repo", "certs", "acme", "--client-cert", str(certs.pem(client)), "--no-verify")
        assert "client-key" not in own(acme)

    def test_that_the_server_does_not_take_is_a_warning(
        self, acme: WarmHome, certs: CertificateFactory
    ) -> None:
        foreign = certs.pem(certs.client_foreign(), "foreign.pem")
        done = acme.ok(
            "repo", "certs", "acme", "--ca", str(certs.ca_file()), "--client-cert", str(foreign)
        )
        assert "[client-cert-rejected]\n" in done.err
        assert stored(acme)["client-cert"] == str(foreign)

    def test_missing_where_the_server_demands_one(
        self, acme: WarmHome, certs: CertificateFactory
    ) -> None:
        done = acme.ok("repo", "certs", "acme", "--ca", str(certs.ca_file()))
        assert (
            "[client-cert-required]\nTry: poetry repo certs acme --client-cert PATH\n" in done.err
        )

    def test_under_thirty_days_is_a_warning(
        self, acme: WarmHome, certs: CertificateFactory
    ) -> None:
        pem = certs.pem(certs.client(days=20), "soon.pem")
        done = acme.ok("repo", "certs", "acme", "--client-cert", str(pem), "--no-verify")
        assert done.err.startswith(f"acme: the client certificate {pem} expires on ")
        assert stored(acme)["client-cert"] == str(pem)

    def test_for_pypi(self, home: WarmHome, certs: CertificateFactory) -> None:
        home.ok("repo", "certs", "PyPI", "--ca", str(certs.ca_file()), "--no-verify")
        assert home.toml("auth.toml")["certificates"] == {
            "pypi": {"cert": str(certs.directory / "ca.pem")}
        }


class TestPassphrase:
    def encrypted(self, certs: CertificateFactory, form: str) -> tuple[str, ...]:
        client = certs.client("alice-laptop")
        if form == "pkcs12":
            return ("--client-cert", str(certs.pkcs12_file(client, passphrase=PASSPHRASE)))
        if form == "pem":
            return ("--client-cert", str(certs.pem(client, "locked.pem", passphrase=PASSPHRASE)))
        key = certs.key_file(client, "locked.key", passphrase=PASSPHRASE, traditional=True)
        return ("--client-cert", str(certs.cert_file(client)), "--client-key", str(key))

    @pytest.mark.parametrize("form", ["pkcs12", "pem", "separate"])
    def test_goes_to_the_keyring(
        self, keyed: WarmHome, server: IndexServer, certs: CertificateFactory, form: str
    ) -> None:
        add(keyed, server.index_url)
        words = (
            "repo",
            "certs",
            "acme",
            "--ca",
            str(certs.ca_file()),
            *self.encrypted(certs, form),
        )
        done = keyed.ok(*words, "--passphrase-stdin", stdin=f"{PASSPHRASE}\n")
        assert (
            "acme: the passphrase is stored in the keyring (tests keyring FileKeyring).\n"
            in done.err
        )
        assert done.err.endswith(f"acme: the handshake with {server.netloc} works (200).\n")
        assert keyed.files_with(PASSPHRASE) == []
        kept = json.loads((keyed.keyring_home / "keyring.json").read_text())
        assert kept == {"poetry-repo-plugin: acme": {"client-key-passphrase": PASSPHRASE}}
        assert {request.peer for request in server.requests} == {"alice-laptop"}

    def test_plain_text_is_chosen_and_said(
        self, acme: WarmHome, server: IndexServer, certs: CertificateFactory
    ) -> None:
        words = (
            "repo",
            "certs",
            "acme",
            "--ca",
            str(certs.ca_file()),
            *self.encrypted(certs, "pkcs12"),
        )
        done = acme.ok(*words, "--passphrase", PASSPHRASE, "--plaintext")
        auth = acme.config / "auth.toml"
        assert f"acme: the passphrase is stored in plain text, in {auth}.\n" in done.err
        assert done.err.endswith("works (200).\n")
        assert acme.toml("auth.toml")["http-basic"] == {"acme": {"passphrase": PASSPHRASE}}
        assert mode_of(auth) == 0o600
        assert PASSPHRASE not in done.text

    def test_twin_without_a_keyring_nothing_is_stored(
        self, acme: WarmHome, certs: CertificateFactory
    ) -> None:
        words = (
            "repo",
            "certs",
            "acme",
            "--ca",
            str(certs.ca_file()),
            *self.encrypted(certs, "pem"),
        )
        hint = shlex.join(("poetry", *words, "--passphrase-stdin", "--plaintext"))
        for given in (("--passphrase-stdin",), ("--passphrase", PASSPHRASE)):
            acme.refuses(
                *words,
                *given,
                stdin=PASSPHRASE,
                err="The passphrase was not stored, because there is no usable keyring on this machine. Set "
                "POETRY_CERTIFICATES_ACME_PASSPHRASE for each run, or store it in plain text with "
                "--plaintext. "
                f"Nothing was stored.\nTry: {hint}\n",
            )
        acme.ok(*shlex.split(hint)[1:], stdin=PASSPHRASE)

    def test_of_the_environment_is_used_and_not_kept(
        self, keyed: WarmHome, server: IndexServer, certs: CertificateFactory
    ) -> None:
        add(keyed, server.index_url)
        keyed.environ["POETRY_CERTIFICATES_ACME_PASSPHRASE"] = PASSPHRASE
        done = keyed.ok(
            "repo",
            "certs",
            "acme",
            "--ca",
            str(certs.ca_file()),
            *self.encrypted(certs, "separate"),
        )
        assert done.err.endswith("works (200).\n")
        assert not (keyed.keyring_home / "keyring.json").exists()

    def test_that_nobody_needs_is_not_kept(
        self, keyed: WarmHome, certs: CertificateFactory
    ) -> None:
        add(keyed, "https://pypi.example.org/simple/")
        keyed.ok(
            *(
                "repo",
                "certs",
                "acme",
                *self.encrypted(certs, "pem"),
                "--passphrase-stdin",
                "--no-verify",
            ),
            stdin=PASSPHRASE,
        )
        pem = certs.pem(certs.client(), "open.pem")
        keyed.says(
            *(
                "repo",
                "certs",
                "acme",
                "--client-cert",
                str(pem),
                "--passphrase",
                "x",
                "--no-verify",
            ),
            err="acme: the key is not encrypted; the passphrase is not stored.\n"
            f"acme: its client certificate is {pem}.\n",
        )
        kept = json.loads((keyed.keyring_home / "keyring.json").read_text())
        assert kept == {"poetry-repo-plugin: acme": {}}
        assert "passphrase-in-keyring" not in own(keyed)

    def test_moves_to_plain_text_when_asked(
        self, keyed: WarmHome, certs: CertificateFactory
    ) -> None:
        add(keyed, "https://pypi.example.org/simple/")
        words = (
            "repo",
            "certs",
            "acme",
            *self.encrypted(certs, "pem"),
            "--passphrase-stdin",
            "--no-verify",
        )
        keyed.ok(*words, stdin=PASSPHRASE)
        keyed.ok("repo", "certs", "acme", "--plaintext", "--no-verify")
        assert keyed.toml("auth.toml")["http-basic"] == {"acme": {"passphrase": PASSPHRASE}}
        assert json.loads((keyed.keyring_home / "keyring.json").read_text()) == {
            "poetry-repo-plugin: acme": {}
        }

    def test_alone_later(self, keyed: WarmHome, certs: CertificateFactory) -> None:
        add(keyed, "https://pypi.example.org/simple/")
        keyed.ok("config", "certificates.acme.client-cert", self.encrypted(certs, "pem")[1])
        keyed.ok("repo", "certs", "acme", "--passphrase-stdin", "--no-verify", stdin=PASSPHRASE)
        assert own(keyed)["passphrase-in-keyring"] is True

    def test_one_prompt_on_a_terminal_and_it_is_kept(
        self, keyed: WarmHome, server: IndexServer, certs: CertificateFactory
    ) -> None:
        add(keyed, server.index_url)
        words = (
            "repo",
            "certs",
            "acme",
            "--ca",
            str(certs.ca_file()),
            *self.encrypted(certs, "pkcs12"),
        )
        with keyed.terminal(*words) as terminal:
            terminal.expect("Passphrase of the client key for acme: ")
            terminal.type(PASSPHRASE)
            assert terminal.end() == 0
        assert terminal.screen.count("Passphrase of") == 1
        assert PASSPHRASE not in terminal.screen
        assert "acme: the passphrase is stored in the keyring" in terminal.screen
        host = server.netloc
        assert terminal.screen.endswith(
            f"Asking {host} …\nacme: the handshake with {host} works (200).\n"
        )

    def test_one_prompt_and_no_keyring_to_keep_it(
        self, acme: WarmHome, server: IndexServer, certs: CertificateFactory
    ) -> None:
        words = (
            "repo",
            "certs",
            "acme",
            "--ca",
            str(certs.ca_file()),
            *self.encrypted(certs, "pem"),
        )
        with acme.terminal(*words) as terminal:
            terminal.expect("Passphrase of the client key for acme: ")
            terminal.type(PASSPHRASE)
            assert terminal.end() == 0
        assert terminal.screen.count("Passphrase of") == 1
        assert (
            "The passphrase was not stored, because there is no usable keyring on this machine."
            in terminal.screen
        )
        assert "Nothing was stored" not in terminal.screen
        assert terminal.screen.endswith("works (200).\n")
        assert acme.files_with(PASSPHRASE) == []

    def test_of_the_certificate_before(self, keyed: WarmHome, certs: CertificateFactory) -> None:
        """A new certificate has a passphrase of its own; the one that is kept does not open it."""
        add(keyed, "https://pypi.example.org/simple/")
        words = ("repo", "certs", "acme", "--no-verify", "--client-cert")
        keyed.ok(*words, self.encrypted(certs, "pem")[1], "--passphrase-stdin", stdin=PASSPHRASE)
        renewed = str(
            certs.pkcs12_file(certs.client("renewed"), "renewed.p12", passphrase="another")
        )
        before = keyed.files()
        done = keyed.fails(*words, renewed)
        said = f"the passphrase that is kept for it does not open the client certificate {renewed}. [passphrase-wrong]"
        assert said in done.err
        assert (
            f"Try: poetry repo certs acme --passphrase-stdin --client-cert {renewed}\n" in done.err
        )
        assert keyed.files() == before
        with keyed.terminal(*words, renewed) as terminal:
            terminal.expect("Passphrase of the client key for acme: ")
            terminal.type("another")
            assert terminal.end() == 0
        kept = json.loads((keyed.keyring_home / "keyring.json").read_text())
        assert kept == {"poetry-repo-plugin: acme": {"client-key-passphrase": "another"}}
        with keyed.terminal(*words, self.encrypted(certs, "pem")[1]) as terminal:
            terminal.expect("Passphrase of the client key for acme: ")
            terminal.type("wrong again")
            assert terminal.end() == 1
        assert "the passphrase does not open" in terminal.screen

    def test_ctrl_c_leaves_nothing(self, acme: WarmHome, certs: CertificateFactory) -> None:
        before = acme.files()
        with acme.terminal("repo", "certs", "acme", *self.encrypted(certs, "pem")) as terminal:
            terminal.expect("Passphrase of the client key for acme: ")
            terminal.interrupt()
            assert terminal.end() == 1
        assert acme.files() == before


class TestWhatIsWrong:
    """Each cause that can be found without a server: one message, exit 1, nothing stored."""

    def refused(
        self, home: WarmHome, cause: str, hint: str, *words: str, stdin: str | None = None
    ) -> str:
        before = home.files()
        done = home.fails("repo", "certs", "acme", *words, stdin=stdin)
        head, tail = done.err.splitlines()
        assert head.startswith("Repository acme (pypi.example.org): ")
        assert head.endswith(f"[{cause}]")
        assert tail == f"Try: {hint}"
        assert done.out == ""
        assert home.files() == before
        assert PASSPHRASE not in done.text
        return head

    @pytest.fixture
    def acme(self, home: WarmHome) -> WarmHome:
        add(home, "https://pypi.example.org/simple/")
        return home

    @pytest.mark.parametrize("option", ["--ca", "--client-cert"])
    def test_a_missing_file(self, acme: WarmHome, option: str) -> None:
        hint = f"poetry repo certs acme {option} PATH"
        said = self.refused(acme, "tls-file-missing", hint, option, "/no/such/file.pem")
        assert "/no/such/file.pem does not exist" in said

    def test_a_missing_key_file(self, acme: WarmHome, certs: CertificateFactory) -> None:
        cert = str(certs.cert_file(certs.client()))
        words = ("--client-cert", cert, "--client-key", "/no/such.key")
        hint = "poetry repo certs acme --client-cert PATH --client-key PATH"
        assert "/no/such.key" in self.refused(acme, "tls-file-missing", hint, *words)

    @pytest.mark.parametrize(
        "content", [b"", b"\0\1\2", b"<error>not PEM</error>", b"-----BEGIN CERTIFICATE-----\n"]
    )
    @pytest.mark.parametrize("option", ["--ca", "--client-cert"])
    def test_no_certificate_in_it(
        self, acme: WarmHome, tmp_path: Path, option: str, content: bytes
    ) -> None:
        file = tmp_path / "<info>.pem"
        file.write_bytes(content)
        hint = f"poetry repo certs acme {option} PATH"
        assert f" {file} " in self.refused(acme, "tls-file-invalid", hint, option, str(file))

    def test_a_ca_that_is_none(self, acme: WarmHome, certs: CertificateFactory) -> None:
        file = str(certs.cert_file(certs.server(), "leaf.pem"))
        assert "holds no CA" in self.refused(
            acme, "tls-file-invalid", "poetry repo certs acme --ca PATH", "--ca", file
        )

    def test_a_ca_that_may_not_sign(self, acme: WarmHome, certs: CertificateFactory) -> None:
        file = str(certs.write("signless.pem", signless("Odd root").cert_pem))
        said = self.refused(
            acme, "tls-file-invalid", "poetry repo certs acme --ca PATH", "--ca", file
        )
        assert "lacks keyCertSign" in said

    def test_a_folder(self, acme: WarmHome) -> None:
        hint = "poetry repo certs acme --client-cert PATH"
        self.refused(acme, "tls-file-invalid", hint, "--client-cert", str(acme.root))

    def test_a_certificate_without_its_key(self, acme: WarmHome, certs: CertificateFactory) -> None:
        cert = str(certs.cert_file(certs.client()))
        hint = "poetry repo certs acme --client-cert PATH --client-key PATH"
        self.refused(acme, "client-key-missing", hint, "--client-cert", cert)

    def test_a_key_of_another(self, acme: WarmHome, certs: CertificateFactory) -> None:
        pem = str(certs.pem(certs.client_key_mismatch(), "mismatch.pem"))
        hint = "poetry repo certs acme --client-cert PATH --client-key PATH"
        self.refused(acme, "client-key-mismatch", hint, "--client-cert", pem)

    @pytest.mark.parametrize("when", ["expired", "not_yet_valid"])
    def test_one_that_is_not_valid_today(
        self, acme: WarmHome, certs: CertificateFactory, when: str
    ) -> None:
        pem = str(certs.pem(getattr(certs, f"client_{when}")(), f"{when}.pem"))
        said = self.refused(
            acme,
            "client-cert-expired",
            "poetry repo certs acme --client-cert PATH",
            "--client-cert",
            pem,
        )
        assert "20" in said  # the date

    @pytest.mark.parametrize("form", ["pem", "pkcs12"])
    def test_a_passphrase_that_nobody_knows(
        self, acme: WarmHome, certs: CertificateFactory, form: str
    ) -> None:
        make = {"pem": certs.pem, "pkcs12": certs.pkcs12_file}[form]
        file = str(make(certs.client(), f"secret.{form}", passphrase=PASSPHRASE))
        hint = f"poetry repo certs acme --passphrase-stdin --client-cert {file}"
        self.refused(acme, "passphrase-missing", hint, "--client-cert", file)

    @pytest.mark.parametrize("form", ["pem", "pkcs12"])
    @pytest.mark.parametrize(
        ("typed", "cause"), [("wrong", "passphrase-wrong"), ("", "passphrase-missing")]
    )
    def test_a_wrong_passphrase(
        self, acme: WarmHome, certs: CertificateFactory, form: str, typed: str, cause: str
    ) -> None:
        make = {"pem": certs.pem, "pkcs12": certs.pkcs12_file}[form]
        file = str(make(certs.client(), f"wrong.{form}", passphrase=PASSPHRASE))
        words = ("--client-cert", file, "--passphrase-stdin")
        hint = f"poetry repo certs acme --passphrase-stdin --client-cert {file}"
        self.refused(acme, cause, hint, *words, stdin=f"{typed}\n")

    def test_one_of_two_and_the_good_one_is_not_stored_either(
        self, acme: WarmHome, certs: CertificateFactory
    ) -> None:
        words = ("--ca", str(certs.ca_file()), "--client-cert", "/no/such.pem")
        self.refused(acme, "tls-file-missing", "poetry repo certs acme --client-cert PATH", *words)


class TestInsecure:
    def test_warns_when_it_is_set_and_on_use(
        self, home: WarmHome, certs: CertificateFactory
    ) -> None:
        with IndexServer(tls=server_context(certs.server_unknown_ca())) as server:
            add(home, server.index_url)
            done = home.ok("repo", "certs", "acme", "--insecure")
            assert "its certificate is not verified (--insecure)" in done.err
            assert done.err.endswith(f"acme: the handshake with {server.netloc} works (200).\n")
            assert stored(home) == {"cert": False}
            done = home.ok("repo", "login", "acme", "-u", "u", "--password", "p")
            assert "its certificate is not verified (--insecure)" in done.err

    def test_without_a_handshake(self, acme: WarmHome) -> None:
        acme.says(
            *("repo", "certs", "acme", "--insecure", "--no-verify"),
            err="acme: its certificate is not verified: anyone on the network can read and change its traffic.\n",
        )

    def test_says_that_a_ca_is_used_no_more(
        self, acme: WarmHome, certs: CertificateFactory
    ) -> None:
        warning = "acme: its certificate is not verified: anyone on the network can read and change its traffic.\n"
        for given, ca in (
            (str(certs.ca_file()), str(certs.ca_file())),
            ("system", "the system's store"),
        ):
            acme.ok("repo", "certs", "acme", "--ca", given, "--no-verify")
            acme.says(
                *("repo", "certs", "acme", "--insecure", "--no-verify"),
                err=f"acme: its CA, {ca}, is no longer used; restore it with --ca.\n{warning}",
            )
        acme.says("repo", "certs", "acme", "--insecure", "--no-verify", err=warning)

    def test_a_ca_ends_it(self, acme: WarmHome) -> None:
        acme.ok("repo", "certs", "acme", "--insecure", "--no-verify")
        acme.ok("repo", "certs", "acme", "--ca", "none", "--no-verify")
        assert stored(acme) == {}

    def test_relaxed(self, acme: WarmHome) -> None:
        acme.says(
            *("repo", "certs", "acme", "--relaxed", "--no-verify"),
            err="acme: Python 3.13's strict X.509 checks are off.\n",
        )
        assert own(acme)["relaxed"] is True
        assert "checks        relaxed (without" in acme.ok("repo", "certs", "acme").out
        for words in (("list",), ("show", "acme")):
            assert (
                "without Python 3.13's strict X.509 checks (--relaxed)\n"
                in acme.ok("repo", *words).out
            )

    def test_another_ca_ends_it(self, acme: WarmHome, certs: CertificateFactory) -> None:
        acme.ok("repo", "certs", "acme", "--relaxed", "--no-verify")
        pem = str(certs.pem(certs.client(), "not-relaxed.pem"))
        acme.ok("repo", "certs", "acme", "--client-cert", pem, "--no-verify")
        assert own(acme)["relaxed"] is True
        acme.ok("repo", "certs", "acme", "--ca", "none", "--no-verify")
        assert "relaxed" not in own(acme)
        assert "--relaxed" not in acme.ok("repo", "list").out


def as_before(home: WarmHome, *, also_new: bool = False) -> Path:
    """The keyring's file as an earlier version left it: the passphrase beside the login."""
    file = home.keyring_home / "keyring.json"
    entries = json.loads(file.read_text())
    new = entries["poetry-repo-plugin: acme"]
    login = entries.get("poetry-repository-acme", {})
    old = {**login, "__client_key_passphrase__": new["client-key-passphrase"]}
    both = {"poetry-repository-acme": old, "poetry-repo-plugin: acme": new}
    file.write_text(json.dumps(both if also_new else {"poetry-repository-acme": old}))
    return file


class TestAnEarlierVersion:
    """It kept the passphrase in Poetry's own service."""

    @pytest.fixture
    def kept(self, keyed: WarmHome, server: IndexServer, certs: CertificateFactory) -> Path:
        add(keyed, server.index_url)
        pem = certs.pem(certs.client(), "before.pem", passphrase=PASSPHRASE)
        words = ("--ca", str(certs.ca_file()), "--client-cert", str(pem), "--passphrase-stdin")
        keyed.ok("repo", "certs", "acme", *words, stdin=PASSPHRASE)
        return as_before(keyed)

    def test_its_passphrase_is_moved_when_it_is_needed(
        self, keyed: WarmHome, kept: Path, server: IndexServer
    ) -> None:
        server.clear()
        keyed.ok("repo", "doctor", "acme")
        assert len(server.requests) > 0
        assert "poetry-repo-plugin: acme" not in json.loads(kept.read_text()), (
            "a look changes nothing"
        )
        done = keyed.ok("repo", "certs", "acme")
        assert done.err == ""
        moved = {
            "poetry-repository-acme": {},
            "poetry-repo-plugin: acme": {"client-key-passphrase": PASSPHRASE},
        }
        assert json.loads(kept.read_text()) == moved

    def test_where_the_keyring_refuses_it_stays_and_serves(
        self, keyed: WarmHome, kept: Path
    ) -> None:
        keyed.environ["KEYRING_MODE"] = "fail-write"
        before = kept.read_text()
        done = keyed.ok("repo", "certs", "acme")
        assert done.err == (
            "acme: its passphrase stays in the keyring as poetry-repository-acme (user __client_key_passphrase__), "
            "because the keyring failed (RuntimeError).\n"
        )
        assert kept.read_text() == before

    def test_remove_takes_it_away(self, keyed: WarmHome, kept: Path) -> None:
        keyed.ok("repo", "remove", "acme", "--all")
        assert not any(json.loads(kept.read_text()).values())


class TestUnset:
    def test_forgets_all_of_it(self, keyed: WarmHome, certs: CertificateFactory) -> None:
        add(keyed, "https://pypi.example.org/simple/")
        pem = certs.pem(certs.client(), "unset.pem", passphrase=PASSPHRASE)
        keyed.ok(
            *(
                "repo",
                "certs",
                "acme",
                "--ca",
                str(certs.ca_file()),
                "--client-cert",
                str(pem),
                "--relaxed",
            ),
            *("--passphrase-stdin", "--no-verify"),
            stdin=PASSPHRASE,
        )
        keyed.says(
            "repo",
            "certs",
            "acme",
            "--unset",
            err="acme: CA, client certificate and passphrase removed.\n",
        )
        assert keyed.toml("auth.toml") == {}
        assert own(keyed) == {"url": "https://pypi.example.org/simple/"}
        assert json.loads((keyed.keyring_home / "keyring.json").read_text()) == {
            "poetry-repo-plugin: acme": {}
        }

    @pytest.mark.parametrize("also_new", [False, True])
    def test_forgets_a_passphrase_of_an_earlier_version(
        self, keyed: WarmHome, certs: CertificateFactory, also_new: bool
    ) -> None:
        add(keyed, "https://pypi.example.org/simple/")
        pem = certs.pem(certs.client(), "unset-old.pem", passphrase=PASSPHRASE)
        words = ("--client-cert", str(pem), "--passphrase-stdin", "--no-verify")
        keyed.ok("repo", "certs", "acme", *words, stdin=PASSPHRASE)
        kept = as_before(keyed, also_new=also_new)
        keyed.ok("repo", "certs", "acme", "--unset")
        assert not any(json.loads(kept.read_text()).values())

    @pytest.mark.parametrize("mode", ["locked", "fail"])
    def test_but_what_the_keyring_keeps_back(
        self, keyed: WarmHome, certs: CertificateFactory, mode: str
    ) -> None:
        """It is not said to be gone, and the next time it is tried again."""
        add(keyed, "https://pypi.example.org/simple/")
        pem = certs.pem(certs.client(), "kept-back.pem", passphrase=PASSPHRASE)
        words = ("--client-cert", str(pem), "--passphrase-stdin", "--no-verify")
        keyed.ok("repo", "certs", "acme", *words, stdin=PASSPHRASE)
        keyed.environ["KEYRING_MODE"] = mode
        head, tail = keyed.ok("repo", "certs", "acme", "--unset").err.splitlines()
        assert head.startswith(
            "acme: the passphrase may be left in the keyring, as poetry-repo-plugin: acme (user "
        )
        assert ", because " in head
        assert tail == "acme: CA and client certificate removed."
        assert own(keyed)["passphrase-in-keyring"] is True
        del keyed.environ["KEYRING_MODE"]
        keyed.says(
            "repo",
            "certs",
            "acme",
            "--unset",
            err="acme: CA, client certificate and passphrase removed.\n",
        )
        assert json.loads((keyed.keyring_home / "keyring.json").read_text()) == {
            "poetry-repo-plugin: acme": {}
        }

    def test_what_the_environment_sets_is_said_to_stay(self, acme: WarmHome) -> None:
        acme.environ["POETRY_CERTIFICATES_ACME_CERT"] = "/ca.pem"
        done = acme.ok("repo", "certs", "acme", "--unset")
        assert done.err.endswith(
            "acme: the environment or the project still sets what `poetry repo certs` shows.\n"
        )


class TestShow:
    def test_nothing_is_set(self, acme: WarmHome, server: IndexServer) -> None:
        acme.says(
            *("repo", "certs", "acme"),
            out="verified      yes\nca            Poetry's default\nclient cert   none\n",
        )
        assert server.connections == 0

    def test_all_that_is_set(self, acme: WarmHome, certs: CertificateFactory) -> None:
        identity = certs.ca.issue("alice-laptop", ["alice.example.org"], valid=(-1, 100))
        ca, cert, key = (
            certs.ca_file(),
            certs.cert_file(identity, "show.crt"),
            certs.key_file(identity, "show.key"),
        )
        acme.ok(
            *(
                "repo",
                "certs",
                "acme",
                "--ca",
                str(ca),
                "--client-cert",
                str(cert),
                "--client-key",
                str(key),
            ),
            "--no-verify",
        )
        done = acme.ok("repo", "certs", "acme")
        assert done.err == ""
        lines = done.out.splitlines()
        fingerprint = ":".join(identity.fingerprint.upper()[at : at + 2] for at in range(0, 64, 2))
        assert lines[:3] == [
            "verified      yes",
            f"ca            {ca}",
            "  subject     " + subject("Test root"),
        ]
        assert f"client cert   {cert}" in lines
        assert f"client key    {key}" in lines
        shown = lines[lines.index(f"client key    {key}") + 1 :]
        assert shown[:4] == [
            "  subject     " + subject("alice-laptop"),
            "  issuer      " + subject("Test root"),
            "  names       alice.example.org",
            f"  sha256      {fingerprint}",
        ]
        begin, end = identity.cert.not_valid_before_utc, identity.cert.not_valid_after_utc
        assert shown[4:] == [f"  valid       {begin:%Y-%m-%d} to {end:%Y-%m-%d}, 99 days left"]

    def test_an_encrypted_store_needs_its_passphrase(
        self, acme: WarmHome, certs: CertificateFactory
    ) -> None:
        store = certs.pkcs12_file(certs.client("alice"), "shown2.p12", passphrase=PASSPHRASE)
        acme.ok("config", "certificates.acme.client-cert", str(store))
        assert acme.ok("repo", "certs", "acme").out.endswith(
            "its passphrase is not known, so it cannot be read\n"
        )
        acme.environ["POETRY_CERTIFICATES_ACME_PASSPHRASE"] = PASSPHRASE
        assert f"  subject     {subject('alice')}\n" in acme.ok("repo", "certs", "acme").out

    def test_a_file_that_is_gone(self, acme: WarmHome) -> None:
        acme.ok("config", "certificates.acme.client-cert", "/gone.pem")
        done = acme.fails("repo", "certs", "acme")
        assert done.out.endswith("client cert   /gone.pem\n")
        assert "the client certificate /gone.pem does not exist. [tls-file-missing]\n" in done.err

    def test_one_bad_file_hides_nothing_of_the_other(
        self, acme: WarmHome, certs: CertificateFactory
    ) -> None:
        pem = certs.pem(certs.client("alice-laptop"), "beside.pem")
        acme.ok("config", "certificates.acme.cert", "/gone.pem")
        acme.ok("config", "certificates.acme.client-cert", str(pem))
        done = acme.fails("repo", "certs", "acme")
        assert (
            f"ca            /gone.pem\nclient cert   {pem}\n  subject     {subject('alice-laptop')}\n"
            in done.out
        )
        assert "the CA bundle /gone.pem does not exist. [tls-file-missing]\n" in done.err
        assert done.err.endswith("Try: poetry repo certs acme --ca PATH\n")

    def test_one_that_ends_soon(self, acme: WarmHome, certs: CertificateFactory) -> None:
        pem = certs.pem(certs.client(days=20), "soon.pem")
        acme.ok("config", "certificates.acme.client-cert", str(pem))
        done = acme.ok("repo", "certs", "acme")
        assert "(renew it soon)" in done.out
        assert done.err.startswith(f"acme: the client certificate {pem} expires on 20")
        assert done.err.endswith(". Try: poetry repo certs acme --client-cert PATH\n")

    def test_a_person_is_asked_for_the_passphrase(
        self, acme: WarmHome, certs: CertificateFactory
    ) -> None:
        """Where nothing can be shown without it, once."""
        store = certs.pkcs12_file(certs.client("alice"), "asked.p12", passphrase=PASSPHRASE)
        acme.ok("config", "certificates.acme.client-cert", str(store))
        for typed, code, said in (
            (PASSPHRASE, 0, subject("alice")),
            ("wrong", 1, "[passphrase-wrong]"),
        ):
            with acme.terminal("repo", "certs", "acme") as terminal:
                terminal.expect("Passphrase of the client key for acme: ")
                terminal.type(typed)
                assert terminal.end() == code
            assert said in terminal.screen
            assert terminal.screen.count("Passphrase of") == 1

    def test_a_keyring_that_does_not_tell(self, keyed: WarmHome, certs: CertificateFactory) -> None:
        add(keyed, "https://pypi.example.org/simple/")
        pem = certs.pem(certs.client(), "locked-in.pem", passphrase=PASSPHRASE)
        words = ("--client-cert", str(pem), "--passphrase-stdin", "--no-verify")
        keyed.ok("repo", "certs", "acme", *words, stdin=PASSPHRASE)
        keyed.environ["KEYRING_MODE"] = "locked"
        done = keyed.ok("repo", "certs", "acme")
        assert (
            "the passphrase of its client key is in the keyring, and the keyring is locked"
            in done.out
        )

    def test_insecure(self, acme: WarmHome) -> None:
        acme.ok("config", "certificates.acme.cert", "false")
        assert acme.ok("repo", "certs", "acme").out.startswith("verified      NO (--insecure)\n")
        acme.environ["POETRY_CERTIFICATES_ACME_CERT"] = "False"
        shown = acme.ok("repo", "certs", "acme").out
        assert shown.startswith("verified      NO (POETRY_CERTIFICATES_ACME_CERT=False)\n")


def subject(name: str) -> str:
    return f"CN={name},O=poetry-repo-plugin tests"


class TestBadInput:
    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (("--ca", "system", "--insecure"), "--ca and --insecure cannot be used together.\n"),
            (("--unset", "--relaxed"), "--unset and --relaxed cannot be used together.\n"),
            (
                ("--client-cert", "x", "--passphrase", "x", "--passphrase-stdin"),
                "--passphrase and --passphrase-stdin cannot be used together.\n",
            ),
            (
                ("--client-key", "x"),
                "There is no client certificate that --client-key could belong to.\n"
                "Try: poetry repo certs acme --client-cert PATH --client-key x\n",
            ),
            (
                ("--passphrase", ""),
                "There is no client certificate that --passphrase could belong to.\n"
                "Try: poetry repo certs acme --client-cert PATH --passphrase-stdin\n",
            ),
            (("--ca="), "A path is empty.\n"),
            (
                ("--client-cert", "x", "--passphrase-stdin"),
                "Standard input is empty; a line with the passphrase was expected.\n",
            ),
        ],
    )
    def test_words_that_do_not_fit(
        self, acme: WarmHome, words: tuple[str, ...] | str, said: str
    ) -> None:
        acme.refuses(
            "repo", "certs", "acme", *([words] if isinstance(words, str) else words), err=said
        )

    def test_an_unknown_name(self, acme: WarmHome) -> None:
        acme.refuses(
            *("repo", "certs", "acne", "--ca", "system"),
            err="No repository is called 'acne'. Did you mean acme?\nTry: poetry repo certs acme …\n",
        )

    def test_a_folder_that_cannot_be_written(
        self, keyed: WarmHome, certs: CertificateFactory
    ) -> None:
        keyed.write_project(
            extra='[[tool.poetry.source]]\nname = "acme"\nurl = "https://h.example/"\n'
        )
        (keyed.root / "file").write_text("")
        keyed.environ["POETRY_CONFIG_DIR"] = str(keyed.root / "file" / "config")
        said = (
            f"{keyed.root}/file/config cannot be written: not a directory. Nothing was changed.\n"
        )
        keyed.refuses("repo", "certs", "acme", "--ca", str(certs.ca_file()), err=said)
        pem = certs.pem(certs.client(), "unwritable.pem", passphrase=PASSPHRASE)
        keyed.refuses(
            *("repo", "certs", "acme", "--client-cert", str(pem), "--passphrase-stdin"),
            stdin=PASSPHRASE,
            err=said,
        )

    def test_plain_http(self, home: WarmHome, certs: CertificateFactory) -> None:
        add(home, "http://h.example/simple/")
        done = home.ok("repo", "certs", "acme", "--ca", str(certs.ca_file()))
        assert done.err.endswith(
            "acme: no handshake was tried, because http://h.example/simple/ is not https.\n"
        )

    def test_a_broken_file(self, acme: WarmHome, certs: CertificateFactory) -> None:
        (acme.config / "auth.toml").write_text("[\n")
        before = acme.files()
        done = acme.fails("repo", "certs", "acme", "--ca", str(certs.ca_file()))
        assert done.err.startswith(f"{acme.config}/auth.toml is not valid TOML: ")
        assert acme.files() == before

    def test_help_shows_an_example(self, home: WarmHome) -> None:
        assert "poetry repo certs acme --ca ca.pem" in home.ok("repo", "certs", "--help").out


def test_a_relaxed_ca_is_the_way_out_of_strict_checks(
    home: WarmHome, certs: CertificateFactory
) -> None:
    authority, identity = certs.server_not_strict()
    with IndexServer(tls=server_context(identity)) as server:
        add(home, server.index_url)
        ca = str(certs.ca_file(authority, name="old-company.pem"))
        done = home.ok("repo", "certs", "acme", "--ca", ca, "--relaxed")
        assert done.err.endswith("works (200).\n")
    assert os.path.isabs(str(stored(home)["cert"]))


class TestExport:
    """One PEM with certificate and key, as plain Poetry takes it."""

    def test_what_plain_poetry_takes(
        self, keyed: WarmHome, server: IndexServer, certs: CertificateFactory, tmp_path: Path
    ) -> None:
        identity = certs.client("alice-laptop")
        file = certs.pkcs12_file(identity, "export.p12", passphrase=PASSPHRASE)
        add(keyed, server.index_url)
        keyed.ok(
            *("repo", "certs", "acme", "--ca", str(certs.ca_file()), "--client-cert", str(file)),
            *("--passphrase-stdin", "-q"),
            stdin=PASSPHRASE,
        )
        target = tmp_path / "new folder" / "plain.pem"
        done = keyed.ok("repo", "certs", "acme", "--export", str(target))
        assert done.err.splitlines() == [
            f"acme: certificate and key, not encrypted, are in {target} (0600).",
            f"For Poetry without this plugin: poetry config certificates.acme.client-cert {shlex.quote(str(target))}",
        ]
        assert mode_of(target) == 0o600
        context = ssl.create_default_context(cafile=str(certs.ca_file()))
        context.load_cert_chain(target, password=lambda: b"")
        with urlopen(server.index_url, context=context) as answer:
            assert answer.status == 200

    def test_a_person_is_asked(
        self, acme: WarmHome, client: Identity, certs: CertificateFactory
    ) -> None:
        acme.ok("repo", "certs", "acme", "--client-cert", str(certs.pem(client)), "--no-verify")
        target = acme.root / "plain.pem"
        for answer, code in (("n", 1), ("y", 0)):
            with acme.terminal("repo", "certs", "acme", "--export", str(target)) as terminal:
                terminal.expect(
                    f"{target} will hold the private key of acme, unencrypted. Write it? (y/n) [n]: "
                )
                terminal.type(answer)
                assert terminal.end() == code
            assert target.exists() is (answer == "y")

    def test_twins(self, acme: WarmHome, client: Identity, certs: CertificateFactory) -> None:
        target = acme.root / "plain.pem"
        acme.refuses(
            *("repo", "certs", "acme", "--export", str(target)),
            err="There is no client certificate to export.\n",
        )
        file = certs.pem(client)
        acme.ok("repo", "certs", "acme", "--client-cert", str(file), "--no-verify")
        before = file.read_bytes()
        acme.refuses(
            *("repo", "certs", "acme", "--export", str(file)),
            err=f"{file} already exists; choose another file.\n",
        )
        assert file.read_bytes() == before
        acme.refuses(
            *("repo", "certs", "acme", "--export", str(target), "--insecure"),
            err="--export and --insecure cannot be used together.\n",
        )
