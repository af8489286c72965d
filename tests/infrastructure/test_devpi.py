"""devpi behind nginx, which requires a client certificate; the key of it is encrypted, in a file of
its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.certs import CertificateFactory
from tests.infrastructure.devpi import devpi
from tests.infrastructure.nginx import Nginx, nginx
from tests.infrastructure.parts import SystemPart, free_port
from tests.integration.world import assert_no_secret, installed, source
from tests.poetry_process import FILE_KEYRING
from tests.warm import WarmHome

NAME = "acme"
USER = "alice"
PASSWORD = "Pa55-{cache-dir}-wörd"
PASSPHRASE = "open {cache-dir} sésame"

_LOCATIONS = """
    location / {{
      proxy_pass http://127.0.0.1:{port};
      proxy_set_header Host $http_host;
      proxy_set_header X-outside-url https://$http_host;
      proxy_set_header X-Real-IP $remote_addr;
    }}
"""


@dataclass(frozen=True)
class Company:
    """devpi with nginx in front of it, and what a user was given."""

    front: Nginx
    certs: CertificateFactory
    files: dict[str, str]

    @property
    def index_url(self) -> str:
        return f"{self.front.origin}/{USER}/dev/+simple/"

    @property
    def upload_url(self) -> str:
        return f"{self.front.origin}/{USER}/dev/"

    def set_up(self, home: WarmHome) -> None:
        """What a new colleague types."""
        home.keyring = FILE_KEYRING  # the passphrase is kept there
        home.ok("repo", "add", NAME, self.index_url)
        home.ok("repo", "certs", NAME, *self.certificates(), stdin=f"{PASSPHRASE}\n")
        home.ok(
            "repo", "login", NAME, "--username", USER, "--password-stdin", stdin=f"{PASSWORD}\n"
        )

    def certificates(self) -> tuple[str, ...]:
        ca, cert, key = (self.files[what] for what in ("ca", "cert", "key"))
        return ("--ca", ca, "--client-cert", cert, "--client-key", key, "--passphrase-stdin")


@pytest.fixture(scope="module")
def company(
    system_part: SystemPart, certs: CertificateFactory, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Company]:
    folder = tmp_path_factory.mktemp("company")
    port = free_port()
    identity = certs.client("alice-laptop")
    files = {
        "ca": str(certs.ca_file()),
        "cert": str(certs.cert_file(identity)),
        "key": str(certs.key_file(identity, passphrase=PASSPHRASE)),
    }
    with devpi(system_part, folder / "devpi", f"https://127.0.0.1:{port}") as back:
        back.add_index(USER, PASSWORD, "dev")
        locations = _LOCATIONS.format(port=back.port)
        with nginx(
            system_part, folder / "nginx", certs.server(), locations, clients=certs.ca, port=port
        ) as front:
            yield Company(front, certs, files)


def checks(home: WarmHome) -> dict[str, tuple[str, str | None]]:
    """State and cause of each of doctor's checks."""
    report: dict[str, Any] = json.loads(home.run("repo", "doctor", NAME, "--json").out)
    return {
        row["check"]: (row["state"], row["cause"]) for row in report["repositories"][0]["checks"]
    }


def test_add_knows_devpi(company: Company, home: WarmHome) -> None:
    home.write_project()
    done = home.ok("repo", "add", NAME, company.index_url)
    assert company.upload_url in done.text
    shown = json.loads(home.ok("repo", "list", "--json").out)["repositories"][0]
    assert (shown["url"], shown["publish_url"]) == (company.index_url, company.upload_url)


def test_publish_lock_install_doctor(company: Company, home: WarmHome, venv: Path) -> None:
    """The whole way, and the encrypted key is asked for at no point of it."""
    home.write_project("lib")
    company.set_up(home)
    before = len(company.front.seen())
    published = home.ok("publish", "--build", "-r", NAME)
    assert_no_secret(published, PASSWORD, PASSPHRASE)
    home.write_project("app", dependencies=("lib",), extra=source(NAME, company.index_url))
    home.ok("lock")
    assert [package["name"] for package in home.lock()["package"]] == ["lib"]
    home.ok("install", "--no-root")
    assert "lib-0.1.0" in installed(venv)
    for row in company.front.seen()[before:]:
        assert "alice-laptop" in row.client, row
        assert row.status < 400 or (row.status == 401 and row.authorization == "-"), row
    done = home.ok("repo", "doctor", NAME)
    assert_no_secret(done, PASSWORD, PASSPHRASE)
    assert all(state in ("ok", "skip") for state, _ in checks(home).values()), checks(home)


class TestTwins:
    """nginx ends the handshake without a certificate well, and answers with a page of status
    400.
    """

    @pytest.fixture(autouse=True)
    def _known(self, company: Company, home: WarmHome) -> None:
        home.write_project("app", dependencies=("lib",), extra=source(NAME, company.index_url))
        home.ok("repo", "add", NAME, company.index_url)
        home.keyring = FILE_KEYRING

    @pytest.mark.parametrize(
        "words", [("lock",), ("publish", "--build", "-r", NAME)], ids=["lock", "publish"]
    )
    def test_no_certificate(self, company: Company, home: WarmHome, words: tuple[str, ...]) -> None:
        home.ok("repo", "certs", NAME, "--ca", company.files["ca"])
        home.ok("config", f"http-basic.{NAME}", USER, PASSWORD)
        done = home.fails(*words)
        assert done.text.count("[client-cert-required]") == 1, done.text
        assert f"poetry repo certs {NAME} --client-cert" in done.text
        assert_no_secret(done, PASSWORD)
        assert company.front.seen()[-1].status == 400
        assert checks(home)["client-cert"] == ("fail", "client-cert-required")

    def test_a_strangers_certificate(
        self, company: Company, home: WarmHome, certs: CertificateFactory
    ) -> None:
        pem = certs.pem(certs.client_foreign(), "foreign.pem")
        told = home.ok(
            "repo", "certs", NAME, "--ca", company.files["ca"], "--client-cert", str(pem)
        )
        assert "[client-cert-rejected]" in told.err
        done = home.fails("lock")
        assert done.text.count("[client-cert-rejected]") == 1, done.text
        assert checks(home)["client-cert"] == ("fail", "client-cert-rejected")

    def test_unknown_ca(self, company: Company, home: WarmHome) -> None:
        done = home.fails("lock")
        assert done.text.count("[unknown-ca]") == 1, done.text
        assert f"poetry repo certs {NAME} --ca" in done.text

    def test_wrong_passphrase(self, company: Company, home: WarmHome) -> None:
        done = home.fails("repo", "certs", NAME, *company.certificates(), stdin="wrong\n")
        assert "[passphrase-wrong]" in done.text
        assert home.toml("config.toml").get("certificates") is None

    def test_wrong_password(self, company: Company, home: WarmHome) -> None:
        """devpi's index is open to whoever has a certificate; only the upload asks for a
        password.
        """
        company.set_up(home)
        home.ok("repo", "login", NAME, "--username", USER, "--password", "wrong", "--no-verify")
        done = home.fails("publish", "--build", "-r", NAME)
        assert done.text.count("[credential-rejected]") == 1, done.text
        assert f"poetry repo login {NAME}" in done.text
