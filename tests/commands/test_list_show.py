"""``poetry repo list`` and ``poetry repo show``: the documented JSON, every source, and nothing
asked on the way.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.certs import CertificateFactory
from tests.commands.conftest import PASSWORD, USER
from tests.credentials.stand_ins import StandIn
from tests.poetry_process import FILE_KEYRING
from tests.servers import IndexServer
from tests.warm import WarmHome, parsed

URL = "https://pypi.example.org/simple/"
NO_TLS = {"verify": True, "ca": None, "client_cert": None, "client_cert_expires_at": None}
NONE = {"state": "missing", "source": "none", "username": None, "expires_at": None}
PYPI: dict[str, Any] = {
    "name": "pypi",
    "url": "https://pypi.org/simple/",
    "publish_url": "https://upload.pypi.org/legacy/",
    "priority": "primary",
    "credential": NONE,
    "headers": [],
    "tls": NO_TLS,
    "origins": [],
    "packages": [],
    "mirror_of": None,
    "fallback": None,
}


def credential(home: WarmHome, name: str = "acme") -> dict[str, Any]:
    """The credential of ``repo list --json``, which says the same as ``repo show --json``."""
    done = home.ok("repo", "list", "--json")
    found = next(entry for entry in parsed(done)["repositories"] if entry["name"] == name)
    assert parsed(home.ok("repo", "show", name, "--json")) == found
    assert PASSWORD not in done.text
    result: dict[str, Any] = found["credential"]
    return result


def add(home: WarmHome, url: str = URL) -> None:
    (home.config / "poetry-repo-plugin.toml").write_text(f'[repositories.acme]\nurl = "{url}"\n')


class TestJson:
    def test_shape(self, home: WarmHome) -> None:
        home.write_project(
            extra=f'[[tool.poetry.source]]\nname = "acme"\nurl = "{URL}"\npriority = "explicit"\n'
        )
        done = home.cold("repo", "list", "--json")
        assert (done.code, done.err) == (0, "")
        acme: dict[str, Any] = {
            "name": "acme",
            "url": URL,
            "publish_url": None,
            "priority": "explicit",
            "credential": NONE,
            "headers": [],
            "tls": NO_TLS,
            "origins": [],
            "packages": [],
            "mirror_of": None,
            "fallback": None,
        }
        assert parsed(done) == {"repositories": [acme, PYPI]}
        assert done.out == json.dumps({"repositories": [acme, PYPI]}, indent=2) + "\n"

    def test_nothing_is_known_but_pypi(self, home: WarmHome) -> None:
        assert parsed(home.ok("repo", "list", "--json")) == {"repositories": [PYPI]}

    def test_pypi_has_no_priority_where_a_project_leaves_it_out(self, home: WarmHome) -> None:
        home.write_project(extra=f'[[tool.poetry.source]]\nname = "acme"\nurl = "{URL}"\n')
        acme, pypi = parsed(home.ok("repo", "list", "--json"))["repositories"]
        assert (acme["priority"], pypi["priority"]) == ("primary", None)

    def test_stays_json_when_the_project_says_what_it_may_not(self, home: WarmHome) -> None:
        home.write_project(extra=f'[tool.poetry-repo-plugin.acme]\npassword = "{PASSWORD}"\n')
        (home.project / "poetry.toml").write_text(
            '[http-basic.acme]\nusername = "u"\npassword = "hunter2"\n'
        )
        done = home.ok("repo", "list", "--json")
        assert parsed(done) == {"repositories": [PYPI]}
        assert done.err == (
            "[tool.poetry-repo-plugin.acme] password is ignored: a project file cannot hold a credential.\n"
            "poetry.toml holds http-basic.acme: a project cannot hold a secret. It is ignored.\n"
        )


class TestSources:
    """Each of ``source``, and each of ``state``."""

    def test_none(self, home: WarmHome) -> None:
        add(home)
        assert credential(home) == NONE

    def test_env(self, home: WarmHome) -> None:
        add(home)
        home.environ.update(
            POETRY_HTTP_BASIC_ACME_USERNAME=USER, POETRY_HTTP_BASIC_ACME_PASSWORD=PASSWORD
        )
        assert credential(home) == {
            "state": "ok",
            "source": "env",
            "username": USER,
            "expires_at": None,
        }

    def test_auth_toml(self, home: WarmHome) -> None:
        add(home)
        home.ok("config", "http-basic.acme", USER, PASSWORD)
        assert credential(home) == {
            "state": "ok",
            "source": "auth.toml",
            "username": USER,
            "expires_at": None,
        }

    def test_keyring(self, keyed: WarmHome) -> None:
        add(keyed)
        keyed.ok("config", "http-basic.acme", USER, PASSWORD)
        assert credential(keyed) == {
            "state": "ok",
            "source": "keyring",
            "username": USER,
            "expires_at": None,
        }
        assert keyed.files_with(PASSWORD) == []

    @pytest.mark.parametrize("service", [URL, "pypi.example.org"])
    def test_keyring_by_url_and_by_host(self, keyed: WarmHome, service: str) -> None:
        """Where the URL names a user; without a sign of anything in it the keyring is not asked."""
        (keyed.keyring_home / "keyring.json").write_text(json.dumps({service: {USER: PASSWORD}}))
        add(keyed)
        assert credential(keyed) == NONE
        assert keyed.keyring_calls() == []
        add(keyed, URL.replace("//", f"//{USER}@"))
        assert credential(keyed) == {
            "state": "ok",
            "source": "keyring-url",
            "username": USER,
            "expires_at": None,
        }

    def test_netrc(self, home: WarmHome) -> None:
        add(home)
        netrc = home.root / ".netrc"
        netrc.write_text(f"machine pypi.example.org login {USER} password hunter2\n")
        netrc.chmod(0o600)
        home.keyring = FILE_KEYRING
        assert credential(home) == {
            "state": "ok",
            "source": "netrc",
            "username": USER,
            "expires_at": None,
        }
        assert home.keyring_calls() == []

    def test_url(self, home: WarmHome) -> None:
        url = URL.replace("//", "//bob:hunter2@")
        home.write_project(extra=f'[[tool.poetry.source]]\nname = "acme"\nurl = "{url}"\n')
        assert credential(home) == {
            "state": "ok",
            "source": "url",
            "username": "bob",
            "expires_at": None,
        }
        for words in (("list",), ("list", "--json"), ("show", "acme"), ("show", "acme", "--json")):
            assert "hunter2" not in home.ok("repo", *words).text

    @pytest.mark.parametrize("where", ["config.toml", "environment", "poetry.toml"])
    def test_url_for_uploads(self, home: WarmHome, where: str) -> None:
        url = "https://bob:hunter2@pypi.example.org/upload/"
        text = f'[repositories.acme]\nurl = "{url}"\n'
        if where == "environment":
            home.environ["POETRY_REPOSITORIES_ACME_URL"] = url
        elif where == "poetry.toml":
            home.write_project()
            (home.project / "poetry.toml").write_text(text)
        else:
            (home.config / "config.toml").write_text(text)
        assert credential(home) == {
            "state": "ok",
            "source": "url",
            "username": "bob",
            "expires_at": None,
        }
        for words in ((), ("list",), ("show", "acme"), ("show", "acme", "--json")):
            done = home.ok("repo", *words)
            assert "hunter2" not in done.text
            assert "bob@" not in done.text
        assert "found: its publish URL" in home.ok("repo", "show", "acme").out

    def test_helper_is_not_run(self, home: WarmHome, tmp_path: Path) -> None:
        helper = StandIn(tmp_path / "bin", "helper", 'print("{}")')
        add(home)
        with (home.config / "poetry-repo-plugin.toml").open("a") as file:
            file.write(f'helper = ["{helper.path}"]\nhelper-protocol = "bazel"\n')
        assert credential(home) == {
            "state": "ok",
            "source": "helper",
            "username": None,
            "expires_at": None,
        }
        assert helper.calls == []

    def test_provider_is_not_run(self, home: WarmHome, tmp_path: Path) -> None:
        aws = StandIn(tmp_path / "bin", "aws", 'print("{}")')
        home.environ["PATH"] = f"{aws.path.parent}:/usr/bin:/bin"
        add(
            home,
            "https://acme-123456789012.d.codeartifact.eu-west-1.amazonaws.com/pypi/internal/simple/",
        )
        with (home.config / "poetry-repo-plugin.toml").open("a") as file:
            file.write('provider = "aws"\n')
        assert credential(home)["source"] == "provider:aws"
        assert aws.calls == []

    def test_a_helper_that_is_gone_is_unavailable(self, home: WarmHome, tmp_path: Path) -> None:
        add(home)
        with (home.config / "poetry-repo-plugin.toml").open("a") as file:
            file.write(f'helper = ["{tmp_path / "gone"}"]\nhelper-protocol = "bazel"\n')
        assert credential(home) == {**NONE, "state": "unavailable", "source": "helper"}
        assert "cannot be started: No such file" in home.ok("repo", "show", "acme").out

    def test_a_providers_tool_that_is_missing_is_unavailable(
        self, home: WarmHome, tmp_path: Path
    ) -> None:
        home.environ["PATH"] = str(tmp_path)
        add(
            home,
            "https://acme-123456789012.d.codeartifact.eu-west-1.amazonaws.com/pypi/internal/simple/",
        )
        with (home.config / "poetry-repo-plugin.toml").open("a") as file:
            file.write('provider = "aws"\n')
        assert credential(home) == {**NONE, "state": "unavailable", "source": "provider:aws"}
        assert "aws is not on PATH" in home.ok("repo", "show", "acme").out

    @pytest.mark.parametrize("provider", ["aws", "gcp", "azure", "gitlab"])
    def test_a_provider_of_other_hosts_has_nothing(self, home: WarmHome, provider: str) -> None:
        add(home)
        with (home.config / "poetry-repo-plugin.toml").open("a") as file:
            file.write(f'provider = "{provider}"\n')
        assert credential(home) == NONE

    def test_what_the_project_only_proposes_gives_way(self, home: WarmHome, tmp_path: Path) -> None:
        home.environ["PATH"] = str(tmp_path)
        url = (
            "https://acme-123456789012.d.codeartifact.eu-west-1.amazonaws.com/pypi/internal/simple/"
        )
        home.write_project(
            extra=f'[[tool.poetry.source]]\nname = "acme"\nurl = "{url}"\n\n'
            '[tool.poetry-repo-plugin.acme]\nprovider = "aws"\n'
        )
        assert credential(home)["state"] == "unavailable"
        home.ok("config", "http-basic.acme", USER, PASSWORD)
        assert credential(home) == {
            "state": "ok",
            "source": "auth.toml",
            "username": USER,
            "expires_at": None,
        }

    def test_a_token_for_pypi(self, home: WarmHome) -> None:
        home.ok("config", "pypi-token.pypi", "pypi-t0ken")
        assert credential(home, "pypi") == {
            "state": "ok",
            "source": "auth.toml",
            "username": "__token__",
            "expires_at": None,
        }

    def test_unavailable(self, keyed: WarmHome) -> None:
        add(keyed)
        keyed.ok("config", "http-basic.acme", USER, PASSWORD)
        keyed.environ["KEYRING_MODE"] = "locked"
        assert credential(keyed) == {
            "state": "unavailable",
            "source": "keyring",
            "username": None,
            "expires_at": None,
        }
        why = "its password is in the keyring, but the keyring is locked"
        said = f"Repository acme: {why}. Details: poetry repo doctor acme\n"
        shown = keyed.ok("repo", "show", "acme")
        assert f"stored: broken: {why}\n" in shown.out
        assert shown.err == said
        for words in (("list",), ("list", "--json")):
            assert keyed.ok("repo", *words).err == said
        assert credential(keyed, "pypi") == NONE, "nothing was ever stored for it"

    @pytest.mark.parametrize("mode", ["locked", "fail"])
    def test_twin_nothing_is_unavailable_of_which_there_is_no_sign(
        self, keyed: WarmHome, mode: str
    ) -> None:
        add(keyed)
        keyed.environ["KEYRING_MODE"] = mode
        assert credential(keyed) == credential(keyed, "pypi") == NONE
        assert keyed.ok("repo", "list").err == ""

    @pytest.mark.parametrize(
        "text",
        ['[http-basic.acme]\nusername = "u"\npassword = "x"\n', '[pypi-token]\nacme = "x"\n'],
    )
    def test_a_repository_without_a_url(self, home: WarmHome, text: str) -> None:
        (home.config / "auth.toml").write_text(text)
        found = credential(home)
        assert (found["state"], found["source"]) == ("ok", "auth.toml")

    def test_a_repository_of_another_project(
        self, keyed: WarmHome, index: IndexServer, tmp_path: Path
    ) -> None:
        """What was stored for it is found where its URL is not known: in the keyring, by its
        name.
        """
        keyed.write_project()
        keyed.ok("repo", "add", "acme", index.index_url)
        keyed.ok("repo", "login", "acme", "-u", USER, "--password-stdin", stdin=PASSWORD)
        done = keyed.run("repo", "list", "--json", cwd=tmp_path)
        acme = parsed(done)["repositories"][0]
        assert (acme["name"], acme["url"], acme["publish_url"]) == ("acme", None, None)
        assert acme["credential"] == {
            "state": "ok",
            "source": "keyring",
            "username": USER,
            "expires_at": None,
        }

    @pytest.mark.parametrize(
        ("extra", "state"),
        [
            ('helper = ["/bin/sh"]\nhelper-protocol = "bazel"\n', "ok"),
            ('helper = ["/bin/sh"]\nhelper-protocol = "exec-credential"\n', "ok"),
            ('provider = "aws"\n', "missing"),  # it is asked for its vendor's hosts only
        ],
    )
    def test_a_helper_or_provider_without_a_url(
        self, home: WarmHome, extra: str, state: str
    ) -> None:
        (home.config / "poetry-repo-plugin.toml").write_text(f"[repositories.acme]\n{extra}")
        assert credential(home)["state"] == state

    @pytest.mark.parametrize(("end", "state"), [(1_600_000_000, "expired"), (4_000_000_000, "ok")])
    def test_a_token_that_says_when_it_ends(self, home: WarmHome, end: int, state: str) -> None:
        """RFC 7519, 4.1.4; what is not a JSON web token says nothing."""
        claims = base64.urlsafe_b64encode(json.dumps({"exp": end}).encode()).decode().rstrip("=")
        add(home)
        home.ok("config", "http-basic.acme", USER, f"e30.{claims}.c2ln")
        found = credential(home)
        shown = home.ok("repo", "list").out.splitlines()[0]
        assert shown.startswith(f"acme  -             {state} alice, auth.toml")
        assert ("days left)" in shown) == (state == "ok")
        assert (found["state"], found["expires_at"][:4]) == (
            state,
            {"expired": "2020", "ok": "2096"}[state],
        )
        home.ok("config", "http-basic.acme", USER, "a.b.c")
        assert credential(home)["expires_at"] is None

    def test_a_token_that_is_the_user_name_is_masked(self, home: WarmHome) -> None:
        add(home, "https://pypi.fury.io/acme/")
        home.ok("config", "http-basic.acme", "s3cr3t-t0ken", "x")
        assert credential(home)["username"] == "****"
        assert "s3cr3t" not in home.ok("repo", "show", "acme").text

    def test_what_is_bound_elsewhere_is_missing_here(self, home: WarmHome) -> None:
        add(home)
        home.ok("config", "http-basic.acme", USER, PASSWORD)
        with (home.config / "poetry-repo-plugin.toml").open("a") as file:
            file.write('credential-origins = ["https://other.example.org"]\n')
        entry = parsed(home.ok("repo", "show", "acme", "--json"))
        assert entry["credential"] == NONE
        assert entry["origins"] == ["https://other.example.org"]


class TestTls:
    def test_what_is_set(self, home: WarmHome, certs: CertificateFactory) -> None:
        ca, client = certs.ca_file(), certs.pem(certs.client("alice", days=100))
        add(home)
        home.ok("config", "certificates.acme.cert", str(ca))
        home.ok("config", "certificates.acme.client-cert", str(client))
        done = home.ok("repo", "show", "acme", "--json")
        found = parsed(done)["tls"]
        expires = certs_expiry(client)
        assert found == {
            "verify": True,
            "ca": str(ca),
            "client_cert": str(client),
            "client_cert_expires_at": expires,
        }
        assert done.err == ""
        shown = home.ok("repo", "list")
        assert f"      client certificate: {client} (99 days left)\n" in shown.out
        assert f"      CA: {ca}\n" in shown.out

    def test_insecure_and_system(self, home: WarmHome) -> None:
        add(home)
        with (home.config / "poetry-repo-plugin.toml").open("a") as file:
            file.write('ca = "system"\n')
        assert parsed(home.ok("repo", "show", "acme", "--json"))["tls"]["ca"] == "system"
        home.ok("config", "certificates.acme.cert", "false")
        assert parsed(home.ok("repo", "show", "acme", "--json"))["tls"] == {
            **NO_TLS,
            "ca": "system",
            "verify": False,
        }
        assert "server NOT verified (--insecure)" in home.ok("repo", "list").out
        home.environ["POETRY_CERTIFICATES_ACME_CERT"] = "false"
        assert (
            "server NOT verified (POETRY_CERTIFICATES_ACME_CERT=false)"
            in home.ok("repo", "list").out
        )

    @pytest.mark.parametrize(("days", "said"), [(10, "expires in 9 days ("), (-1, "expired on ")])
    def test_a_certificate_that_runs_out_is_a_warning_once(
        self, home: WarmHome, certs: CertificateFactory, days: int, said: str
    ) -> None:
        identity = certs.ca.client(valid=(-30, days))
        add(home)
        home.ok(
            "config", "certificates.acme.client-cert", str(certs.pem(identity, f"soon{days}.pem"))
        )
        done = home.ok("repo", "list", "--json")
        assert done.err.startswith(f"Repository acme: its client certificate {said}")
        assert done.err.endswith("Try: poetry repo certs acme --client-cert PATH\n")
        assert done.err.count("\n") == 1
        assert parsed(done)["repositories"][0]["tls"]["client_cert_expires_at"].endswith("Z")
        shown = home.ok("repo", "show", "acme")
        assert shown.err == done.err
        assert f"soon{days}.pem ({'9 days left' if days > 0 else 'expired'})\n" in shown.out

    def test_a_file_that_is_gone_is_a_warning(self, home: WarmHome) -> None:
        add(home)
        home.ok("config", "certificates.acme.client-cert", "/nowhere/client.pem")
        done = home.ok("repo", "list", "--json")
        assert done.err == (
            "Repository acme: the client certificate /nowhere/client.pem does not exist. "
            "Try: poetry repo certs acme --client-cert PATH\n"
        )
        assert parsed(done)["repositories"][0]["tls"]["client_cert_expires_at"] is None

    @pytest.mark.parametrize(
        ("content", "said"),
        [(None, "does not exist"), (b"odd", "holds no certificate: it is neither PEM nor DER")],
    )
    def test_a_ca_that_cannot_be_used_is_a_warning(
        self, home: WarmHome, content: bytes | None, said: str
    ) -> None:
        add(home)
        file = home.root / "company-ca.pem"
        if content is not None:
            file.write_bytes(content)
        home.ok("config", "certificates.acme.cert", str(file))
        for words in (("list", "--json"), ("show", "acme")):
            assert home.ok("repo", *words).err == (
                f"Repository acme: the CA bundle {file} {said}. Try: poetry repo certs acme --ca PATH\n"
            )

    def test_an_encrypted_store_is_opened_with_the_passphrase_that_is_kept(
        self, home: WarmHome, certs: CertificateFactory
    ) -> None:
        store = certs.pkcs12_file(certs.client(), "shown.p12", passphrase="open sésame")
        add(home)
        home.ok("config", "certificates.acme.client-cert", str(store))
        assert (
            parsed(home.ok("repo", "show", "acme", "--json"))["tls"]["client_cert_expires_at"]
            is None
        )
        home.environ["POETRY_CERTIFICATES_ACME_PASSPHRASE"] = "open sésame"
        assert (
            parsed(home.ok("repo", "show", "acme", "--json"))["tls"]["client_cert_expires_at"]
            is not None
        )


def certs_expiry(path: Path) -> str:
    from cryptography import x509

    certificate = x509.load_pem_x509_certificates(path.read_bytes())[0]
    return f"{certificate.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}"


class TestText:
    def test_list(self, home: WarmHome) -> None:
        home.write_project(
            extra=f'[[tool.poetry.source]]\nname = "acme"\nurl = "{URL}"\npriority = "explicit"\n'
        )
        home.ok("config", "http-basic.acme", USER, PASSWORD)
        home.ok("config", "repositories.acme", "https://pypi.example.org/upload/")
        home.says(
            *("repo", "list"),
            out=f"acme  explicit      ok alice, auth.toml\n      {URL}\n"
            "      uploads: https://pypi.example.org/upload/\n"
            "pypi  primary       no login\n      https://pypi.org/simple/\n",
        )

    def test_show(self, home: WarmHome) -> None:
        add(home)
        home.ok("config", "http-basic.acme", USER, PASSWORD)
        done = home.ok("repo", "show", "acme")
        assert done.err == ""
        assert done.out.splitlines() == [
            "name          acme",
            f"url           {URL}",
            "publish url   unknown",
            "server        unknown kind",
            "priority      not a source of this project",
            "credential    ok alice, auth.toml",
            "tls           Poetry's default",
            "belongs to    not bound yet",
            "looked in     1. command line or URL: none was given",
            "              2. env: no environment variable is set for it",
            "              3. helper or provider: none is set",
            f"              4. stored: found: {home.config}/auth.toml",
        ]

    def test_show_numbers_the_sources_as_they_are_documented(self, home: WarmHome) -> None:
        add(home)
        listed = home.ok("repo", "show", "acme").out.partition("looked in")[2].split("\n")
        assert [line.strip().partition(":")[0] for line in listed if line] == [
            "1. command line or URL",
            "2. env",
            "3. helper or provider",
            "4. stored",
            "5. keyring by URL",
            "6. netrc",
            "7. trusted publishing",
        ]
        add(
            home,
            "https://acme-123456789012.d.codeartifact.eu-west-1.amazonaws.com/pypi/internal/simple/",
        )
        assert (
            "\n                 the cloud's own login: not asked until the"
            in home.ok("repo", "show", "acme").out
        )

    def test_show_of_a_token_that_is_the_user_name_in_the_url(self, home: WarmHome) -> None:
        add(home, "https://t0ken@pypi.fury.io/acme/")
        shown = home.ok("repo", "show", "acme").out
        assert "   user name of the URL: found: the source's URL\n" in shown
        assert "t0ken" not in shown

    def test_twin_an_unknown_name(self, home: WarmHome) -> None:
        add(home)
        for words in (("show", "{}"), ("show", "{}", "--json")):
            right = " ".join(words).format("acme")
            home.refuses(
                *("repo", *[word.format("acne") for word in words]),
                err=f"No repository is called 'acne'. Did you mean acme?\nTry: poetry repo {right}\n",
            )

    def test_case_makes_no_difference(self, home: WarmHome) -> None:
        add(home)
        assert home.ok("repo", "show", "ACME").out.startswith("name          acme\n")

    def test_hostile_words_of_a_project_are_printed_as_they_are(self, home: WarmHome) -> None:
        extra = '[[tool.poetry.source]]\nname = "<error>x\\u001b[31m"\nurl = "https://h.example/<info>/"\n'
        home.write_project(extra=extra)
        done = home.ok("repo", "list", "--ansi")
        assert "<error>x\\x1b[31m  primary" in done.out
        assert "https://h.example/<info>/" in done.out
        assert "\x1b" not in done.out
        assert (
            parsed(home.ok("repo", "list", "--json"))["repositories"][0]["name"]
            == "<error>x\x1b[31m"
        )

    @pytest.mark.parametrize(
        "url", ["not a url", "https://[bad/", "ftp://h.example/", "https://h.example:port/"]
    )
    def test_a_url_that_is_none_is_shown_as_well(self, home: WarmHome, url: str) -> None:
        home.write_project(extra=f'[[tool.poetry.source]]\nname = "acme"\nurl = "{url}"\n')
        assert parsed(home.ok("repo", "list", "--json"))["repositories"][0]["url"] == url
        assert home.ok("repo", "show", "acme").code == 0


class TestNothingIsAsked:
    def test_no_network(self, keyed: WarmHome, index: IndexServer) -> None:
        add(keyed, index.index_url)
        keyed.ok("config", "http-basic.acme", USER, PASSWORD)
        for words in (("list",), ("list", "--json"), ("show", "acme"), ("show", "acme", "--json")):
            keyed.ok("repo", *words)
        assert index.connections == 0

    def test_no_keyring_where_it_is_switched_off(self, home: WarmHome) -> None:
        home.keyring = FILE_KEYRING
        home.environ["POETRY_KEYRING_ENABLED"] = "false"
        add(home)
        home.ok("repo", "list")
        assert home.keyring_calls() == []

    @pytest.mark.parametrize(
        "words", [(), ("list",), ("list", "--json"), ("show", "pypi"), ("show", "acme")]
    )
    def test_no_keyring_without_a_sign_of_anything_in_it(
        self, keyed: WarmHome, words: tuple[str, ...]
    ) -> None:
        add(keyed)
        keyed.ok("repo", *words)
        assert keyed.keyring_calls() == []

    def test_twin_a_login_is_a_sign(self, keyed: WarmHome) -> None:
        """Poetry keeps a token for PyPI without a trace in a file; our own record of where it
        belongs is one.
        """
        keyed.ok("repo", "login", "pypi", "--token-stdin", stdin="t0ken\n")
        before = len(keyed.keyring_calls())
        assert credential(keyed, "pypi")["source"] == "keyring"
        assert {tuple(call) for call in keyed.keyring_calls()[before:]} == {
            ("get_password", "poetry-repository-pypi", "__token__")
        }

    def test_at_most_one_look_into_the_keyring_for_each_entry(self, keyed: WarmHome) -> None:
        add(keyed)
        keyed.ok("repo", "list")
        calls = [tuple(call) for call in keyed.keyring_calls()]
        assert len(calls) == len(set(calls))


@pytest.mark.parametrize("command", ["list", "show"])
def test_help_shows_an_example(home: WarmHome, command: str) -> None:
    assert f"    poetry repo {command}" in home.ok("repo", command, "--help").out


@pytest.mark.parametrize("file", ["config.toml", "auth.toml", "poetry-repo-plugin.toml"])
def test_a_broken_file_is_named(home: WarmHome, file: str) -> None:
    (home.config / file).write_text("[\n")
    before = home.files()
    done = home.fails("repo", "list", "--json")
    assert done.out == ""
    assert done.err.startswith(f"{home.config}/{file} is not valid TOML: ")
    assert home.files() == before
