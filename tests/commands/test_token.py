"""``poetry repo token``: the credential that would be sent, in the forms of other tools."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest

from tests.certs import CertificateFactory
from tests.commands.conftest import USER
from tests.credentials.stand_ins import StandIn
from tests.warm import WarmHome, parsed

URL = "https://pypi.example.org:8443/team/simple/"
SECRET = "it's 100% {cache-dir} $HOME & wörd"


@pytest.fixture
def acme(home: WarmHome) -> WarmHome:
    add(home)
    store(home, SECRET)
    return home


def add(home: WarmHome, url: str = URL, more: str = "") -> None:
    (home.config / "poetry-repo-plugin.toml").write_text(
        f'[repositories.acme]\nurl = "{url}"\n{more}'
    )


def store(home: WarmHome, secret: str, user: str = USER) -> None:
    home.ok(
        *(
            "repo",
            "login",
            "acme",
            "--username",
            user,
            "--password-stdin",
            "--no-verify",
            "--plaintext",
            "-q",
        ),
        stdin=f"{secret}\n",
    )


class TestFormats:
    def test_plain_is_the_secret_and_nothing_else(self, acme: WarmHome) -> None:
        done = acme.cold("repo", "token", "acme")
        assert (done.code, done.out, done.err) == (0, f"{SECRET}\n", "")
        acme.says("repo", "token", "acme", "--format", "plain", out=f"{SECRET}\n")

    def test_json(self, acme: WarmHome) -> None:
        done = acme.ok("repo", "token", "acme", "--format", "json")
        assert parsed(done) == {
            "repository": "acme",
            "username": USER,
            "secret": SECRET,
            "scheme": "basic",
            "source": "auth.toml",
            "expires_at": None,
        }
        assert done.err == ""

    def test_json_tells_the_end_that_the_token_itself_tells(self, home: WarmHome) -> None:
        """As ``list --json`` does."""
        add(home)
        claims = base64.urlsafe_b64encode(b'{"exp": 4070919845}').decode().rstrip("=")
        store(home, f"eyJhbGciOiJub25lIn0.{claims}.x")
        found = parsed(home.ok("repo", "token", "acme", "--format", "json"))
        assert found["expires_at"] == "2099-01-01T03:04:05Z"
        listed = parsed(home.ok("repo", "list", "--json"))["repositories"][0]["credential"]
        assert listed["expires_at"] == found["expires_at"]

    def test_env_is_what_a_shell_reads_back(self, acme: WarmHome) -> None:
        done = acme.ok("repo", "token", "acme", "--format", "env")
        assert done.out.splitlines()[0] == "export POETRY_HTTP_BASIC_ACME_USERNAME=alice"
        script = f'{done.out}\nprintf %s "$POETRY_HTTP_BASIC_ACME_PASSWORD"'
        read = subprocess.run(
            ["/bin/sh", "-c", script], capture_output=True, encoding="utf-8", check=True
        )
        assert read.stdout == SECRET

    def test_env_of_a_name_with_dots(self, home: WarmHome) -> None:
        home.environ.update(
            POETRY_HTTP_BASIC_MY_REPO_2_USERNAME="u", POETRY_HTTP_BASIC_MY_REPO_2_PASSWORD="p"
        )
        (home.config / "poetry-repo-plugin.toml").write_text(
            f'[repositories."my-repo.2"]\nurl = "{URL}"\n'
        )
        home.says(
            *("repo", "token", "my-repo.2", "--format", "env"),
            out="export POETRY_HTTP_BASIC_MY_REPO_2_USERNAME=u\nexport POETRY_HTTP_BASIC_MY_REPO_2_PASSWORD=p\n",
        )

    def test_pip(self, acme: WarmHome) -> None:
        acme.says(
            *("repo", "token", "acme", "--format", "pip"),
            out="https://alice:it%27s%20100%25%20%7Bcache-dir%7D%20%24HOME%20%26%20w%C3%B6rd"
            "@pypi.example.org:8443/team/simple/\n",
        )

    @pytest.mark.parametrize(("user", "login"), [(USER, " login alice"), ("", "")])
    def test_netrc_is_what_pythons_own_parser_reads(
        self, acme: WarmHome, tmp_path: Path, user: str, login: str
    ) -> None:
        store(acme, "pa55#w{}rd", user)
        done = acme.ok("repo", "token", "acme", "--format", "netrc")
        assert done.out == f"machine pypi.example.org{login} password pa55#w{{}}rd\n"

    @pytest.mark.parametrize("secret", ["two words", "back\\slash", '"quoted', "#hash"])
    def test_twin_netrc_cannot_hold_everything(self, acme: WarmHome, secret: str) -> None:
        store(acme, secret)
        acme.refuses(
            *("repo", "token", "acme", "--format", "netrc"),
            err="A netrc file cannot hold white space, backslashes, or a leading quote or # in a secret.\n",
        )

    def test_twin_netrc_cannot_hold_nothing(self, acme: WarmHome) -> None:
        store(acme, "")
        acme.refuses(
            *("repo", "token", "acme", "--format", "netrc"),
            err="A netrc file cannot hold an empty password.\n",
        )

    def test_twin_an_unknown_format(self, acme: WarmHome) -> None:
        acme.refuses(
            *("repo", "token", "acme", "--format", "yaml"),
            err="'yaml' is not a format; there are plain, env, netrc, pip, json.\n",
        )
        acme.refuses(
            *("repo", "token", "acme", "--format", "pipp"),
            err="'pipp' is not a format; there are plain, env, netrc, pip, json. Did you mean pip?\n",
        )


class TestWhereItComesFrom:
    def test_the_environment_wins(self, acme: WarmHome) -> None:
        acme.environ["POETRY_PYPI_TOKEN_ACME"] = "from-env"
        found = parsed(acme.ok("repo", "token", "acme", "--format", "json"))
        assert (found["secret"], found["source"], found["username"]) == (
            "from-env",
            "env",
            "__token__",
        )

    def test_the_keyring(self, keyed: WarmHome) -> None:
        add(keyed)
        keyed.ok("config", "http-basic.acme", USER, SECRET)
        found = parsed(keyed.ok("repo", "token", "acme", "--format", "json"))
        assert (found["secret"], found["source"]) == (SECRET, "keyring")

    def test_a_helper_with_an_end(self, home: WarmHome, tmp_path: Path) -> None:
        answer = (
            '{"headers": {"Authorization": ["Bearer b3arer"]}, "expires": "2099-01-02T03:04:05Z"}'
        )
        helper = StandIn(tmp_path / "bin", "vault", f"print({answer!r})")
        add(home, more=f'helper = ["{helper.path}"]\nhelper-protocol = "bazel"\n')
        assert parsed(home.ok("repo", "token", "acme", "--format", "json")) == {
            "repository": "acme",
            "username": None,
            "secret": "b3arer",
            "scheme": "bearer",
            "source": "helper",
            "expires_at": "2099-01-02T03:04:05Z",
        }
        home.says("repo", "token", "acme", out="b3arer\n")
        home.refuses(
            *("repo", "token", "acme", "--format", "pip"),
            err="A bearer token has no user name; --format pip cannot express that.\n",
        )

    def test_twin_a_helper_that_fails(self, home: WarmHome, tmp_path: Path) -> None:
        helper = StandIn(tmp_path / "bin", "vault", 'sys.exit("sealed")')
        add(home, more=f'helper = ["{helper.path}"]\nhelper-protocol = "bazel"\n')
        done = home.fails("repo", "token", "acme")
        assert done.out == ""
        assert "sealed" in done.err

    def test_pypi(self, home: WarmHome) -> None:
        home.ok("config", "pypi-token.pypi", "pypi-t0ken")
        home.says("repo", "token", "pypi", out="pypi-t0ken\n")
        home.says(
            *("repo", "token", "PyPI", "--format", "netrc"),
            out="machine upload.pypi.org login __token__ password pypi-t0ken\n",
        )

    def test_twin_none(self, home: WarmHome) -> None:
        add(home)
        home.refuses(
            *("repo", "token", "acme"),
            err="Repository acme (pypi.example.org:8443): no credential is configured. [credential-missing]\n"
            "Try: poetry repo login acme\n",
        )

    def test_twin_one_of_another_place(self, acme: WarmHome) -> None:
        add(
            acme,
            "https://other.example.org/simple/",
            more='credential-origins = ["https://pypi.example.org:8443"]\n',
        )
        acme.refuses(
            *("repo", "token", "acme"),
            err="Repository acme (other.example.org): the stored credential belongs to https://pypi.example.org:8443, "
            "not to https://other.example.org/simple/. [origin-mismatch]\n"
            "Try: poetry repo login acme --url https://other.example.org/simple/\n",
        )

    def test_twin_a_locked_keyring(self, keyed: WarmHome) -> None:
        add(keyed)
        keyed.ok("config", "http-basic.acme", USER, SECRET)
        keyed.environ["KEYRING_MODE"] = "locked"
        done = keyed.fails("repo", "token", "acme")
        assert "the keyring is locked" in done.err
        assert done.out == ""


class TestBadInput:
    def test_an_unknown_name(self, acme: WarmHome) -> None:
        acme.refuses(
            *("repo", "token", "acne"),
            err="No repository is called 'acne'. Did you mean acme?\nTry: poetry repo token acme\n",
        )

    def test_a_name_without_a_url(self, home: WarmHome) -> None:
        home.ok("config", "http-basic.acme", "u", "p")
        home.refuses(
            *("repo", "token", "acme"),
            err="No URL is known for 'acme'.\nTry: poetry repo add acme URL\n",
        )

    def test_a_stream_that_cannot_hold_it(self, acme: WarmHome) -> None:
        acme.environ["PYTHONIOENCODING"] = "ascii"
        done = acme.cold("repo", "token", "acme")
        assert (done.code, done.out) == (1, "")
        assert (
            done.err
            == "Standard output is ascii and cannot print this; set PYTHONIOENCODING=utf-8.\n"
        )

    def test_help_shows_an_example(self, home: WarmHome) -> None:
        assert "poetry repo token acme --format env" in home.ok("repo", "token", "--help").out


class TestPipBesideTheUrl:
    """A URL says nothing of TLS: pip's own variables do."""

    def test_the_ca_and_the_client_certificate(
        self, acme: WarmHome, certs: CertificateFactory
    ) -> None:
        ca, client = certs.ca_file(), certs.pem(certs.client())
        acme.ok(
            "repo", "certs", "acme", "--ca", str(ca), "--client-cert", str(client), "--no-verify"
        )
        done = acme.ok("repo", "token", "acme", "--format", "pip")
        assert done.out.startswith("https://alice:")
        assert done.err.splitlines() == [
            f"acme: the URL does not include its CA. For pip: PIP_CERT={ca}",
            f"acme: the URL does not include its client certificate. For pip: PIP_CLIENT_CERT={client}",
        ]
        assert acme.ok("repo", "token", "acme").err == ""

    def test_a_key_of_its_own_is_nothing_for_pip(
        self, acme: WarmHome, certs: CertificateFactory
    ) -> None:
        identity = certs.client()
        words = (
            "--client-cert",
            str(certs.cert_file(identity)),
            "--client-key",
            str(certs.key_file(identity)),
        )
        acme.ok("repo", "certs", "acme", *words, "--no-verify")
        done = acme.ok("repo", "token", "acme", "--format", "pip")
        assert "poetry repo certs acme --export PATH, then PIP_CLIENT_CERT=PATH" in done.err
        assert "PIP_CERT" not in done.err

    def test_twin_nothing_is_set(self, acme: WarmHome) -> None:
        assert acme.ok("repo", "token", "acme", "--format", "pip").err == ""
