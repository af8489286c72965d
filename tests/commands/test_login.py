"""``poetry repo login``: asks first, stores what was accepted, and says where."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.certs import CertificateFactory, Identity, server_context
from tests.commands.conftest import PASSWORD, USER
from tests.credentials.stand_ins import StandIn
from tests.integration.outside_world import Helper, accept
from tests.poetry_process import FILE_KEYRING, PoetryHome, poetry_under_test
from tests.servers import IndexServer, Response, refused_url
from tests.servers.faults import (
    forbidden,
    login_page,
    proxy_authentication_required,
    redirect,
    unauthorized,
)
from tests.warm import WarmHome, mode_of

TOKEN = "t0ken-{cache-dir}"
NO_KEYRING = "there is no usable keyring on this machine"


def add(home: WarmHome, url: str, name: str = "acme") -> None:
    (home.config / "poetry-repo-plugin.toml").write_text(f'[repositories.{name}]\nurl = "{url}"\n')


def own(home: WarmHome) -> dict[str, Any]:
    entry: dict[str, Any] = (
        home.toml("poetry-repo-plugin.toml").get("repositories", {}).get("acme", {})
    )
    return entry


def password_words(user: str = USER) -> tuple[str, ...]:
    return ("repo", "login", "acme", "--username", user, "--password-stdin")


class TestAPassword:
    def test_is_asked_about_and_stored(self, home: WarmHome, index: IndexServer) -> None:
        add(home, index.index_url)
        done = home.cold(*password_words(), stdin=f"{PASSWORD}\n")
        auth = home.config / "auth.toml"
        assert (done.code, done.out) == (0, "")
        assert done.err == (
            f"Stored in plain text, in {auth}, because {NO_KEYRING}.\n"
            f"Logged in to acme ({index.netloc}) as {USER}; stored in {auth}.\n"
        )
        assert home.toml("auth.toml") == {
            "http-basic": {"acme": {"username": USER, "password": PASSWORD}}
        }
        assert mode_of(auth) == 0o600
        assert own(home)["credential-origins"] == [index.origin]
        assert [(found.username, found.password) for found in index.authorizations()] == [
            (USER, PASSWORD)
        ]
        assert [request.status for request in index.requests] == [200, 401]  # with it, and without

    def test_twin_refused(self, home: WarmHome, index: IndexServer) -> None:
        add(home, index.index_url)
        home.refuses(
            *password_words(),
            stdin="wr0ng\n",
            err=f"Repository acme ({index.netloc}): it refused the credential of user {USER} from the command line "
            "(401). [credential-rejected]\nTry: poetry repo login acme\nNothing was stored.\n",
        )
        assert index.saw_secret("wr0ng")

    def test_twin_an_empty_password_refused(self, home: WarmHome, index: IndexServer) -> None:
        """What stands for the user name then may be a token."""
        add(home, index.index_url)
        done = home.fails(*password_words("t0ken"), stdin="\n")
        assert "[credential-rejected]" in done.err
        assert "t0ken" not in done.text

    def test_twin_forbidden(self, home: WarmHome, index: IndexServer) -> None:
        add(home, index.index_url)
        index.respond = lambda request: forbidden() if request.authorization else None
        done = home.fails(*password_words(), stdin=f"{PASSWORD}\n")
        assert "is not allowed to do this (403)." in done.err
        assert "[credential-rejected]" in done.err
        assert home.toml("auth.toml") == {}

    def test_twin_unreachable(self, home: WarmHome) -> None:
        url = refused_url()
        add(home, url)
        done = home.fails(*password_words(), stdin=f"{PASSWORD}\n")
        assert "[refused]\n" in done.err
        assert done.err.endswith(
            "Nothing was stored. Use --no-verify to store it without checking.\n"
        )
        assert home.toml("auth.toml") == {}
        assert "credential-origins" not in own(home)

    def test_twin_a_server_whose_words_are_markup(self, home: WarmHome, index: IndexServer) -> None:
        add(home, index.index_url)
        index.respond = lambda request: Response(500, b"", reason="<error>no</c1> \x1b[31m\\")
        done = home.fails(*password_words(), "--ansi", stdin=f"{PASSWORD}\n")
        assert "(500 <error>no</c1> " in done.err
        assert "\x1b[31m\\" not in done.err
        assert "[server-error]" in done.err

    def test_twin_a_login_page(self, home: WarmHome, index: IndexServer) -> None:
        add(home, index.index_url)
        index.respond = lambda request: login_page()
        done = home.fails(*password_words(), stdin=f"{PASSWORD}\n")
        assert "returned a login page, not an index. [not-an-index]\n" in done.err
        assert home.toml("auth.toml") == {}

    def test_on_the_command_line(self, home: WarmHome, index: IndexServer) -> None:
        add(home, index.index_url)
        home.ok("repo", "login", "acme", "-u", USER, "-p", PASSWORD)
        assert home.toml("auth.toml")["http-basic"]["acme"]["password"] == PASSWORD

    def test_is_never_shown(self, home: WarmHome, index: IndexServer) -> None:
        add(home, index.index_url)
        for stdin in (PASSWORD, "wr0ng-s3cret"):
            done = home.run(*password_words(), "-vvv", stdin=f"{stdin}\n")
            assert stdin not in done.text

    @pytest.mark.parametrize("end", ["", "\n", "\r\n", "\nmore\n"])
    def test_is_one_line(self, home: WarmHome, index: IndexServer, end: str) -> None:
        add(home, index.index_url)
        home.ok(*password_words(), stdin=f"{PASSWORD}{end}")
        assert home.toml("auth.toml")["http-basic"]["acme"]["password"] == PASSWORD

    def test_may_be_empty(self, home: WarmHome, index: IndexServer) -> None:
        add(home, index.index_url)
        index.credentials = {"": "", USER: ""}
        done = home.ok(*password_words(), stdin="\n")
        assert f"Logged in to acme ({index.netloc}) with an empty password; stored in " in done.err
        assert home.toml("auth.toml") == {
            "http-basic": {"acme": {"username": USER, "password": ""}}
        }
        home.ok(*password_words(""), stdin="\n")
        assert home.toml("auth.toml") == {"http-basic": {"acme": {"username": "", "password": ""}}}

    def test_twin_empty_standard_input(self, home: WarmHome, index: IndexServer) -> None:
        add(home, index.index_url)
        home.refuses(
            *password_words(),
            stdin="",
            err="Standard input is empty; a line with the password was expected.\n",
        )
        assert index.connections == 0

    def test_twin_standard_input_that_is_no_text(self, home: WarmHome, index: IndexServer) -> None:
        add(home, index.index_url)
        done = subprocess.run(
            [str(home.executable), *password_words()],
            input=b"p\xff\n",
            capture_output=True,
            env=home.environment(),
            cwd=home.project,
            check=False,
        )
        assert (done.returncode, done.stderr) == (
            1,
            b"Standard input is not UTF-8. Nothing was stored.\n",
        )

    def test_of_another_user_takes_the_place_of_the_first(
        self, keyed: WarmHome, index: IndexServer
    ) -> None:
        add(keyed, index.index_url)
        index.credentials = {USER: PASSWORD, "bob": "hunter2"}
        keyed.ok(*password_words(), stdin=PASSWORD)
        keyed.ok(*password_words("bob"), stdin="hunter2")
        kept = json.loads((keyed.keyring_home / "keyring.json").read_text())
        assert kept["poetry-repository-acme"] == {"bob": "hunter2"}
        assert keyed.toml("auth.toml") == {"http-basic": {"acme": {"username": "bob"}}}
        keyed.ok(*password_words("bob"), "--plaintext", stdin="hunter2")
        kept = json.loads((keyed.keyring_home / "keyring.json").read_text())
        assert kept["poetry-repository-acme"] == {}

    def test_replaces_a_token(self, home: WarmHome, index: IndexServer) -> None:
        add(home, index.index_url)
        home.ok("repo", "login", "acme", "--token", TOKEN, "--no-verify")
        home.ok(*password_words(), stdin=PASSWORD)
        assert home.toml("auth.toml") == {
            "http-basic": {"acme": {"username": USER, "password": PASSWORD}}
        }

    def test_a_user_name_with_a_colon_cannot_be_sent(
        self, home: WarmHome, index: IndexServer
    ) -> None:
        add(home, index.index_url)
        home.refuses(
            *password_words("al:ice"),
            stdin=PASSWORD,
            err="A user name cannot hold a colon or a control character (RFC 7617).\n",
        )


class TestWhereItIsStored:
    def test_keyring(self, keyed: WarmHome, index: IndexServer) -> None:
        add(keyed, index.index_url)
        keyed.says(
            *password_words(),
            stdin=PASSWORD,
            err=f"Logged in to acme ({index.netloc}) as {USER}; stored in the keyring (tests keyring FileKeyring).\n",
        )
        assert keyed.files_with(PASSWORD) == []
        kept = json.loads((keyed.keyring_home / "keyring.json").read_text())
        assert kept == {"poetry-repository-acme": {USER: PASSWORD}}
        assert keyed.toml("auth.toml") == {"http-basic": {"acme": {"username": USER}}}

    @pytest.mark.parametrize(
        ("mode", "why"),
        [
            ("fail-write", "the keyring failed (RuntimeError)"),
            ("fail", "the keyring failed (RuntimeError)"),
            ("locked", "the keyring is locked"),
        ],
    )
    def test_a_keyring_that_breaks_at_the_moment_of_writing(
        self, keyed: WarmHome, index: IndexServer, mode: str, why: str
    ) -> None:
        add(keyed, index.index_url)
        keyed.environ["KEYRING_MODE"] = mode
        auth = keyed.config / "auth.toml"
        keyed.says(
            *password_words(),
            stdin=PASSWORD,
            err=f"Stored in plain text, in {auth}, because {why}.\n"
            f"Logged in to acme ({index.netloc}) as {USER}; stored in {auth}.\n",
        )
        assert keyed.toml("auth.toml") == {
            "http-basic": {"acme": {"username": USER, "password": PASSWORD}}
        }
        assert keyed.ok("repo", "token", "acme").out == f"{PASSWORD}\n"

    def test_a_keyring_that_is_switched_off(self, keyed: WarmHome, index: IndexServer) -> None:
        add(keyed, index.index_url)
        keyed.environ["POETRY_KEYRING_ENABLED"] = "false"
        done = keyed.ok(*password_words(), stdin=PASSWORD)
        assert "because the keyring is disabled (keyring.enabled is false)" in done.err
        assert keyed.keyring_calls() == []

    def test_plaintext_is_chosen_and_no_keyring_is_called(
        self, keyed: WarmHome, index: IndexServer
    ) -> None:
        add(keyed, index.index_url)
        auth = keyed.config / "auth.toml"
        keyed.says(
            *password_words(),
            "--plaintext",
            stdin=PASSWORD,
            err=f"Logged in to acme ({index.netloc}) as {USER}; stored in {auth}.\n",
        )
        assert keyed.keyring_calls() == []

    def test_a_file_that_others_could_read_is_tightened_and_said(
        self, home: WarmHome, index: IndexServer
    ) -> None:
        add(home, index.index_url)
        auth = home.config / "auth.toml"
        auth.write_text("# mine\n")
        auth.chmod(0o644)
        done = home.ok(*password_words(), "--plaintext", stdin=PASSWORD)
        assert f"{auth} was readable by others; it is now private (0600).\n" in done.err
        assert mode_of(auth) == 0o600
        assert auth.read_text().startswith("# mine\n")

    def test_a_folder_that_cannot_be_written(self, keyed: WarmHome, index: IndexServer) -> None:
        keyed.write_project(
            extra=f'[[tool.poetry.source]]\nname = "acme"\nurl = "{index.index_url}"\n'
        )
        (keyed.root / "file").write_text("")
        keyed.environ["POETRY_CONFIG_DIR"] = str(keyed.root / "file" / "config")
        keyed.refuses(
            *password_words(),
            stdin=PASSWORD,
            err=f"{keyed.root}/file/config cannot be written: not a directory. Nothing was changed.\n",
        )


class TestWhatIsNoIndex:
    """Neither refused nor accepted: nothing is stored, unless that is asked for."""

    @pytest.mark.parametrize(
        ("response", "said"),
        [
            (Response.text(400, "no"), "returned 400 Bad Request, not an index"),
            (Response.text(402, "pay"), "returned 402 Payment Required, not an index"),
            (Response.text(405, "no"), "returned 405 Method Not Allowed, not an index"),
            (Response.text(410, "gone"), "returned 410 Gone, not an index"),
            (Response(301), "answers 301 without saying where to go instead"),
            (
                Response(200, b'{"hello": 1}', {"Content-Type": "application/json"}),
                "JSON that does not follow PEP 691",
            ),
            (
                Response(200, b"<html>", {"Content-Type": "application/vnd.pypi.simple.v1+json"}),
                "JSON that does not follow PEP 691",
            ),
            (
                Response.html("<title>Login</title><form><input name=u></form>"),
                "returned a login page",
            ),
        ],
    )
    def test_other_answers(
        self, home: WarmHome, index: IndexServer, response: Response, said: str
    ) -> None:
        add(home, index.index_url)
        index.respond = lambda request: response
        done = home.fails(*password_words(), stdin=PASSWORD)
        assert said in done.err
        assert "[not-an-index]" in done.err
        assert done.err.endswith(
            "Nothing was stored. Use --no-verify to store it without checking.\n"
        )
        assert home.toml("auth.toml") == {}

    def test_a_root_that_is_no_index(self, home: WarmHome, index: IndexServer) -> None:
        """Its URL does not look like one either: this, too, is nothing that has accepted a
        password.
        """
        done = home.fails(*password_words(), "--url", f"{index.origin}/", stdin=PASSWORD)
        there = f"there is no index at {index.origin}/, but there is one at {index.index_url}."
        assert f"{there} [not-an-index]" in done.err
        done = home.ok(
            *password_words(),
            "--url",
            f"{index.origin}/",
            "--no-verify",
            "--plaintext",
            stdin=PASSWORD,
        )
        assert "is stored in" in done.err

    def test_a_page_of_anything(self, home: WarmHome, index: IndexServer) -> None:
        """The user interface of a server, whose index is below it."""
        page = Response.html("<title>Nexus Repository Manager</title><div id=app></div>")
        index.respond = lambda request: page if request.path == "/" else None
        add(home, f"{index.origin}/")
        done = home.fails(*password_words(), "--plaintext", stdin=PASSWORD)
        assert f"but there is one at {index.index_url}. [not-an-index]" in done.err
        hint = f"poetry repo add acme {index.index_url}"
        assert f"Try: {hint}\n" in done.err
        home.ok(*hint.split()[1:])
        done = home.ok(*password_words(), "--plaintext", stdin=PASSWORD)
        assert "Logged in to acme" in done.err

    @pytest.mark.parametrize("page", [Response.html("<title>Wiki</title>"), Response(204)])
    def test_twin_a_page_that_lists_nothing(
        self, home: WarmHome, index: IndexServer, page: Response
    ) -> None:
        """It may be a new index."""
        index.respond = lambda request: page
        add(home, index.index_url)
        done = home.ok(*password_words(), "--plaintext", stdin=PASSWORD)
        assert "lists no packages. Is it the URL of an index?" in done.err
        assert "not verified" in done.err

    @pytest.mark.parametrize("refusal", [Response.text(403, "no"), Response.text(405, "no")])
    def test_an_index_that_does_not_show_its_root(
        self, home: WarmHome, index: IndexServer, refusal: Response
    ) -> None:
        """Object stores list nothing; what they have, they hand out."""
        add(home, index.index_url)

        def respond(request: Any) -> Response | None:
            is_root = request.path == index.index.prefix
            return refusal if is_root and request.authorization is not None else None

        index.respond = respond
        done = home.ok(*password_words(), "--plaintext", stdin=PASSWORD)
        assert done.err.startswith(f"Logged in to acme ({index.netloc}) as {USER}")
        done = home.fails(*password_words(), "--plaintext", stdin="wr0ng")
        assert "Nothing was stored." in done.err

    def test_twin_one_that_hands_out_nothing(self, home: WarmHome, index: IndexServer) -> None:
        add(home, index.index_url)
        index.respond = lambda request: forbidden() if request.authorization is not None else None
        done = home.fails(*password_words(), stdin=PASSWORD)
        assert "is not allowed to do this (403)" in done.err

    def test_twin_a_root_that_is_closed_to_strangers(
        self, home: WarmHome, index: IndexServer
    ) -> None:
        index.respond = lambda request: unauthorized() if request.authorization is None else None
        done = home.ok(
            *password_words(), "--url", f"{index.origin}/", "--plaintext", stdin=PASSWORD
        )
        assert done.err.startswith(f"Logged in to acme ({index.netloc}) as {USER}")

    def test_twin_what_answers_so_only_to_whom_it_knows(
        self, home: WarmHome, index: IndexServer
    ) -> None:
        """Then it has accepted the password, whatever is at its root."""
        add(home, index.index_url)
        index.respond = lambda request: (
            Response.text(400, "no") if request.authorization is not None else None
        )
        done = home.ok(*password_words(), "--plaintext", stdin=PASSWORD)
        assert done.err.startswith(f"Logged in to acme ({index.netloc}) as {USER}")

    def test_an_upload_url_given_as_an_index(self, home: WarmHome, index: IndexServer) -> None:
        index.respond = lambda request: (
            Response.text(405, "no") if request.method == "GET" else None
        )
        done = home.fails(*password_words(), "--url", index.upload_url, stdin=PASSWORD)
        assert "returned 405 Method Not Allowed, not an index. [not-an-index]" in done.err

    def test_a_server_that_hides_from_strangers(self, home: WarmHome, index: IndexServer) -> None:
        """What it shows with the password, and only with it, it has accepted."""
        add(home, index.index_url)
        index.respond = lambda request: Response(404) if request.authorization is None else None
        done = home.ok(*password_words(), "--plaintext", stdin=PASSWORD)
        assert done.err.startswith(f"Logged in to acme ({index.netloc}) as {USER}")

    def test_a_stranger_s_answer_that_is_missing(self, home: WarmHome, index: IndexServer) -> None:
        add(home, index.index_url)
        index.respond = lambda request: Response(503) if request.authorization is None else None
        done = home.ok(*password_words(), "--plaintext", stdin=PASSWORD)
        assert (
            "acme: it could not be asked without a credential, so the login could not be"
            in done.err
        )

    @pytest.mark.parametrize(
        ("response", "said"),
        [
            (
                redirect("/login"),
                "redirects to /login (302), and uploads do not follow redirects. [not-an-upload-url]",
            ),
            (login_page(), "returned a login page. [not-an-upload-url]"),
            (
                Response(503),
                "the server failed to answer (503 Service Unavailable). [server-error]",
            ),
        ],
    )
    def test_an_upload_url_that_is_none(
        self, home: WarmHome, index: IndexServer, response: Response, said: str
    ) -> None:
        home.ok("repo", "add", "acme", index.upload_url, "--publish-only")
        index.respond = lambda request: response
        done = home.fails(*password_words(), stdin=PASSWORD)
        assert said in done.err
        assert home.toml("auth.toml") == {}

    def test_a_407(self, home: WarmHome, index: IndexServer) -> None:
        add(home, index.index_url)
        index.respond = lambda request: proxy_authentication_required()
        done = home.fails(*password_words(), stdin=PASSWORD)
        assert "the proxy requires a user name and a password (407). [proxy]" in done.err
        assert home.toml("auth.toml") == {}


class TestWhatTheSettingsIgnore:
    """For pages that an index does not have. A question about a password wants an answer all the
    same.
    """

    @pytest.fixture
    def ignoring(self, home: WarmHome, index: IndexServer) -> WarmHome:
        home.ok("repo", "add", "acme", index.index_url, "--ignore-error-code", "403")
        return home

    def test_a_wrong_password(self, ignoring: WarmHome, index: IndexServer) -> None:
        index.respond = lambda request: (
            None
            if request.authorization is not None and request.authorization.password == PASSWORD
            else forbidden()
        )
        done = ignoring.fails(*password_words(), stdin="wr0ng")
        assert "is not allowed to do this (403)." in done.err
        assert "[credential-rejected]\n" in done.err
        assert done.err.endswith(
            "Nothing was stored. Use --no-verify to store it without checking.\n"
        )
        assert ignoring.toml("auth.toml") == {}
        done = ignoring.ok(*password_words(), "--plaintext", stdin=PASSWORD)
        assert done.err.startswith(f"Logged in to acme ({index.netloc}) as {USER}")

    def test_a_root_that_is_not_there(self, home: WarmHome, index: IndexServer) -> None:
        """Which the user has said is in order."""
        home.ok("repo", "add", "acme", index.index_url, "--ignore-error-code", "404")
        index.respond = lambda request: Response(404)
        done = home.ok(*password_words(), "--plaintext", stdin=PASSWORD)
        assert done.err.endswith(
            "acme: its root answers 404, so the login could not be verified.\n"
        )


class TestWhatComesBeforeIt:
    """A login that is not used would be a riddle."""

    def test_a_variable(self, home: WarmHome, index: IndexServer) -> None:
        add(home, index.index_url)
        home.environ.update(
            POETRY_HTTP_BASIC_ACME_USERNAME="bob", POETRY_HTTP_BASIC_ACME_PASSWORD="hunter2"
        )
        done = home.ok(*password_words(), stdin=f"{PASSWORD}\n")
        assert done.err.endswith(
            "acme: environment variable POETRY_HTTP_BASIC_ACME_PASSWORD holds another credential, which goes to "
            f"{index.index_url} instead of this.\n"
        )
        assert not index.saw_secret("hunter2"), "nobody is asked to find that out"

    def test_the_url_of_a_projects_source(self, home: WarmHome, index: IndexServer) -> None:
        url = index.with_userinfo(index.index_url, "bob:hunter2")
        home.write_project(extra=f'[[tool.poetry.source]]\nname = "acme"\nurl = "{url}"\n')
        done = home.ok(*password_words(), stdin=f"{PASSWORD}\n")
        assert done.err.endswith(
            f"acme: the source's URL holds another credential, which goes to {index.index_url} instead of this.\n"
        )
        assert "hunter2" not in done.text

    def test_a_token_for_uploads_only(self, home: WarmHome, index: IndexServer) -> None:
        add(home, index.index_url)
        home.ok("config", "repositories.acme", index.upload_url)
        home.environ.update(
            POETRY_PYPI_TOKEN_ACME=TOKEN,
            POETRY_HTTP_BASIC_ACME_USERNAME=USER,
            POETRY_HTTP_BASIC_ACME_PASSWORD=PASSWORD,
        )
        done = home.ok(*password_words(), stdin=f"{PASSWORD}\n")
        assert done.err.endswith(
            "acme: environment variable POETRY_PYPI_TOKEN_ACME holds another credential, which goes to "
            f"{index.upload_url} instead of this.\n"
        )

    def test_twin_the_same_is_no_other(self, home: WarmHome, index: IndexServer) -> None:
        add(home, index.index_url)
        home.environ.update(
            POETRY_HTTP_BASIC_ACME_USERNAME=USER, POETRY_HTTP_BASIC_ACME_PASSWORD=PASSWORD
        )
        assert "another credential" not in home.ok(*password_words(), stdin=f"{PASSWORD}\n").text


class TestWhatCannotBeVerified:
    def test_an_open_index(self, home: WarmHome, open_index: IndexServer) -> None:
        add(home, open_index.index_url)
        auth = home.config / "auth.toml"
        home.says(
            *password_words(),
            "--plaintext",
            stdin=PASSWORD,
            err=f"acme ({open_index.netloc}): a login as {USER} is stored in {auth}, not verified.\n"
            "acme: the index is open to everyone, so the login could not be verified.\n",
        )
        assert home.toml("auth.toml")["http-basic"]["acme"]["username"] == USER

    def test_no_verify_asks_nobody(self, home: WarmHome, index: IndexServer) -> None:
        add(home, index.index_url)
        auth = home.config / "auth.toml"
        home.says(
            *password_words(),
            *("--plaintext", "--no-verify"),
            stdin="wrong",
            err=f"acme ({index.netloc}): a login as {USER} is stored in {auth}, not verified.\n",
        )
        assert index.connections == 0

    def test_pypi_is_not_asked(self, home: WarmHome) -> None:
        done = home.ok(
            "repo", "login", "pypi", "--token-stdin", "--plaintext", stdin="pypi-t0ken\n"
        )
        auth = home.config / "auth.toml"
        assert done.err == (
            f"pypi (upload.pypi.org): a login with a token is stored in {auth}, not verified.\n"
            "pypi: the login cannot be verified without an upload.\n"
            "It is sent to https://pypi.org and https://upload.pypi.org, and nowhere else.\n"
        )
        assert home.toml("auth.toml") == {"pypi-token": {"pypi": "pypi-t0ken"}}

    def test_pypi_takes_no_password(self, home: WarmHome) -> None:
        """It is kept, as Poetry keeps it; that an upload will be refused is said now."""
        words = ("repo", "login", "pypi", "-u", USER, "--password-stdin", "--plaintext")
        assert (
            "pypi takes API tokens, not account passwords. Try: poetry repo login pypi --token-stdin\n"
            in home.ok(*words, stdin=PASSWORD).err
        )

    def test_pypi_with_a_keyring_as_poetry_keeps_it(self, keyed: WarmHome) -> None:
        keyed.ok("repo", "login", "pypi", "--token-stdin", stdin="pypi-t0ken\n")
        kept = json.loads((keyed.keyring_home / "keyring.json").read_text())
        assert kept == {"poetry-repository-pypi": {"__token__": "pypi-t0ken"}}
        assert keyed.toml("auth.toml") == {}

    def test_an_upload_url_is_asked_without_uploading(
        self, home: WarmHome, index: IndexServer
    ) -> None:
        home.ok("repo", "add", "acme", index.upload_url, "--publish-only")
        done = home.ok(*password_words(), "--plaintext", stdin=PASSWORD)
        assert done.err.startswith(f"Logged in to acme ({index.netloc}) as {USER}; stored in ")
        assert index.uploads == []
        assert set(index.paths()) == {"/upload/"}

    def test_twin_an_upload_url_that_refuses(self, home: WarmHome, index: IndexServer) -> None:
        home.ok("repo", "add", "acme", index.upload_url, "--publish-only")
        done = home.fails(*password_words(), stdin="wrong")
        assert "[credential-rejected]" in done.err
        assert home.toml("auth.toml") == {}


class TestATokenForARepository:
    def test_is_kept_for_downloads_and_uploads(self, home: WarmHome, index: IndexServer) -> None:
        add(home, index.index_url)
        index.credentials = {"__token__": TOKEN}
        done = home.ok("repo", "login", "acme", "--token-stdin", "--plaintext", stdin=f"{TOKEN}\n")
        assert (
            done.err
            == f"Logged in to acme ({index.netloc}) with a token; stored in {home.config}/auth.toml.\n"
        )
        assert home.toml("auth.toml") == {
            "http-basic": {"acme": {"username": "__token__", "password": TOKEN}},
            "pypi-token": {"acme": TOKEN},
        }
        assert index.saw_secret(TOKEN)

    def test_with_a_user_name_of_its_own(self, home: WarmHome, index: IndexServer) -> None:
        """A GitLab deploy token, an Artifactory access token."""
        add(home, index.index_url)
        index.credentials = {"deploy-7": TOKEN}
        home.ok("repo", "login", "acme", "--username", "deploy-7", "--token", TOKEN)
        assert home.toml("auth.toml") == {
            "http-basic": {"acme": {"username": "deploy-7", "password": TOKEN}}
        }

    def test_with_the_user_name_of_its_server(self, home: WarmHome) -> None:
        add(
            home,
            "https://acme-123456789012.d.codeartifact.eu-west-1.amazonaws.com/pypi/internal/simple/",
        )
        home.ok("repo", "login", "acme", "--token", TOKEN, "--no-verify")
        assert home.toml("auth.toml") == {
            "http-basic": {"acme": {"username": "aws", "password": TOKEN}}
        }

    def test_that_is_the_user_name(self, keyed: WarmHome) -> None:
        """Poetry keeps user names in auth.toml, so that is where it is said to be."""
        add(keyed, "https://pypi.fury.io/acme/")
        done = keyed.ok("repo", "login", "acme", "--token", TOKEN, "--no-verify")
        auth = keyed.config / "auth.toml"
        assert done.err.startswith(
            f"acme (pypi.fury.io): a login with a token is stored in {auth}, not verified.\n"
        )
        assert keyed.toml("auth.toml") == {
            "http-basic": {"acme": {"username": TOKEN, "password": ""}}
        }

    def test_twin_empty(self, home: WarmHome, index: IndexServer) -> None:
        add(home, index.index_url)
        home.refuses(
            "repo", "login", "acme", "--token-stdin", stdin="\n", err="The token is empty.\n"
        )
        home.refuses(
            *("repo", "login", "acme", "--token-stdin"),
            err="Standard input is empty; a line with the token was expected.\n",
        )


class TestWithoutATerminal:
    @pytest.mark.parametrize(
        ("words", "known"),
        [
            ((), "USER"),
            (("-n",), "USER"),
            (("--username", USER), USER),
            (("--username", "a b"), "'a b'"),
        ],
        ids=["", "n", "username", "quoted"],
    )
    def test_nothing_prompts(
        self, home: WarmHome, index: IndexServer, words: tuple[str, ...], known: str
    ) -> None:
        add(home, index.index_url)
        home.refuses(
            *("repo", "login", "acme", *words),
            stdin="typed\n",
            err="There is no terminal to prompt on; pass the secret on standard input.\n"
            f"Try: poetry repo login acme --username {known} --password-stdin\n",
        )
        assert index.connections == 0

    def test_twin_a_user_name_that_may_be_the_secret_is_not_repeated(self, home: WarmHome) -> None:
        add(home, "https://pypi.fury.io/acme/")
        home.refuses(
            *("repo", "login", "acme", "--username", "s3cret", "--plaintext"),
            err="There is no terminal to prompt on; pass the secret on standard input.\n"
            "Try: poetry repo login acme --username USER --password-stdin --plaintext\n",
        )

    def test_a_missing_user_name(self, home: WarmHome, index: IndexServer) -> None:
        add(home, index.index_url)
        home.refuses(
            *("repo", "login", "acme", "--password-stdin", "--no-verify"),
            stdin=PASSWORD,
            err="--username is missing.\nTry: poetry repo login acme --username USER --password-stdin --no-verify\n",
        )
        home.refuses(
            *("repo", "login", "acme", "--password", PASSWORD, "--url", index.index_url),
            err="--username is missing.\n"
            f"Try: poetry repo login acme --username USER --password-stdin --url {index.index_url}\n",
        )

    def test_the_user_of_the_projects_url_is_meant(
        self, home: WarmHome, index: IndexServer
    ) -> None:
        url = index.with_userinfo(index.index_url, USER)
        home.write_project(extra=f'[[tool.poetry.source]]\nname = "acme"\nurl = "{url}"\n')
        home.ok("repo", "login", "acme", "--password-stdin", stdin=PASSWORD)
        assert home.toml("auth.toml")["http-basic"]["acme"]["username"] == USER


class TestOnATerminal:
    def test_user_name_and_password(self, home: WarmHome, index: IndexServer) -> None:
        add(home, index.index_url)
        with home.terminal("repo", "login", "acme", "--plaintext") as terminal:
            terminal.expect(f"Log in to acme ({index.netloc}).\n".replace("\n", "\r\n"))
            terminal.expect("User name (empty for a token): ")
            terminal.type(USER)
            terminal.expect(f"Password of {USER} for acme ({index.netloc}): ")
            terminal.type(PASSWORD)
            terminal.expect(f"Asking {index.netloc} …")
            assert terminal.end() == 0
        assert PASSWORD not in terminal.screen
        assert terminal.screen.endswith(
            f"Logged in to acme ({index.netloc}) as {USER}; stored in {home.config}/auth.toml.\n"
        )
        assert home.toml("auth.toml")["http-basic"]["acme"] == {
            "username": USER,
            "password": PASSWORD,
        }

    def test_a_token(self, home: WarmHome, index: IndexServer) -> None:
        add(home, index.index_url)
        index.credentials = {"__token__": TOKEN}
        with home.terminal("repo", "login", "acme") as terminal:
            terminal.expect("User name (empty for a token): ")
            terminal.type("")
            terminal.expect("Token: ")
            terminal.type(TOKEN)
            assert terminal.end() == 0
        assert TOKEN not in terminal.screen
        assert home.toml("auth.toml")["pypi-token"] == {"acme": TOKEN}

    def test_the_password_only(self, home: WarmHome, index: IndexServer) -> None:
        add(home, index.index_url)
        with home.terminal("repo", "login", "acme", "--username", USER) as terminal:
            terminal.expect(f"Password of {USER} for acme")
            terminal.type(PASSWORD)
            assert terminal.end() == 0

    def test_twin_a_wrong_one(self, home: WarmHome, index: IndexServer) -> None:
        add(home, index.index_url)
        with home.terminal("repo", "login", "acme", "--username", USER) as terminal:
            terminal.expect("Password of")
            terminal.type("wr0ng-s3cret")
            assert terminal.end() == 1
        assert "[credential-rejected]" in terminal.screen
        assert "wr0ng" not in terminal.screen
        assert home.toml("auth.toml") == {}

    def test_standard_input_that_is_the_terminal_shows_nothing(
        self, home: WarmHome, index: IndexServer
    ) -> None:
        add(home, index.index_url)
        with home.terminal(*password_words()) as terminal:
            terminal.expect("Password: ")
            terminal.type(PASSWORD)
            assert terminal.end() == 0
        assert PASSWORD not in terminal.screen

    @pytest.mark.parametrize("typed", [None, USER], ids=["at-the-first-question", "at-the-second"])
    def test_ctrl_c_leaves_nothing(
        self, keyed: WarmHome, index: IndexServer, typed: str | None
    ) -> None:
        add(keyed, index.index_url)
        before = keyed.files()
        with keyed.terminal("repo", "login", "acme") as terminal:
            terminal.expect("User name (empty for a token): ")
            if typed is not None:
                terminal.type(typed)
                terminal.expect("Password of")
            terminal.interrupt()
            assert terminal.end() == 1
        assert terminal.screen.endswith("\nStopped.\n")
        assert "Traceback" not in terminal.screen
        assert keyed.files() == before
        assert index.connections == 0

    @pytest.mark.parametrize("typed", [None, USER], ids=["at-the-first-question", "at-the-second"])
    def test_the_end_of_input_leaves_nothing(
        self, home: WarmHome, index: IndexServer, typed: str | None
    ) -> None:
        add(home, index.index_url)
        with home.terminal("repo", "login", "acme") as terminal:
            terminal.expect("User name (empty for a token): ")
            if typed is not None:
                terminal.type(typed)
                terminal.expect("Password of")
            terminal.hang_up()
            assert terminal.end() == 1
        assert terminal.screen.endswith("\nCancelled (end of input).\n")

    @pytest.mark.parametrize("typed", [None, USER], ids=["at-the-first-question", "at-the-second"])
    def test_bytes_that_are_no_text_leave_nothing(
        self, home: WarmHome, index: IndexServer, typed: str | None
    ) -> None:
        add(home, index.index_url)
        with home.terminal("repo", "login", "acme") as terminal:
            terminal.expect("User name (empty for a token): ")
            if typed is not None:
                terminal.type(typed)
                terminal.expect("Password of")
            terminal.type("p\udcff")
            assert terminal.end() == 1
        assert terminal.screen.endswith("\nThe answer is not UTF-8.\n")

    def test_no_interaction_is_respected(self, home: WarmHome, index: IndexServer) -> None:
        add(home, index.index_url)
        with home.terminal("repo", "login", "acme", "-n") as terminal:
            assert terminal.end() == 1
        assert "There is no terminal to prompt on" in terminal.screen


class TestAnotherPlace:
    """What is stored for the name belongs elsewhere, and only a project says that it has moved."""

    @pytest.fixture
    def moved(self, home: WarmHome, index: IndexServer) -> Iterator[IndexServer]:
        home.ok(*password_words(), "--url", index.index_url, stdin=PASSWORD)
        with IndexServer(credentials={USER: PASSWORD}) as other:
            home.write_project(
                extra=f'[[tool.poetry.source]]\nname = "acme"\nurl = "{other.index_url}"\n'
            )
            yield other

    def test_nothing_is_sent_and_the_way_out_is_named(
        self, home: WarmHome, index: IndexServer, moved: IndexServer
    ) -> None:
        home.refuses(
            *password_words(),
            stdin=PASSWORD,
            err=f"Repository acme ({moved.netloc}): it belongs to {index.origin} (its login, poetry repo add), "
            f"and only this project says {moved.index_url}; nothing was sent there. [origin-mismatch]\n"
            f"Try: poetry repo login acme --url {moved.index_url}\nNothing was stored.\n",
        )
        assert moved.requests == []
        home.ok(*password_words(), "--url", moved.index_url, stdin=PASSWORD)
        assert own(home)["credential-origins"] == [index.origin, moved.origin]

    def test_nor_a_helper_or_a_client_certificate(
        self, home: WarmHome, moved: IndexServer, certs: CertificateFactory
    ) -> None:
        done = home.fails("repo", "login", "acme", "--helper", "/bin/true")
        assert "[origin-mismatch]" in done.err
        client = ("--client-cert", str(certs.pem(certs.client())))
        before = home.files()
        assert "[origin-mismatch]" in home.fails("repo", "certs", "acme", *client).err
        assert home.files() == before
        assert moved.requests == []

    @pytest.mark.parametrize(("answer", "code"), [("y", 0), ("", 1)])
    def test_on_a_terminal_a_person_decides(
        self, home: WarmHome, moved: IndexServer, answer: str, code: int
    ) -> None:
        with home.terminal(
            "repo", "login", "acme", "--username", USER, "--password", PASSWORD
        ) as terminal:
            terminal.expect(f"this project says {moved.index_url}. Continue there? (y/n) [n]: ")
            terminal.type(answer)
            assert terminal.end() == code
        assert bool(moved.requests) == (code == 0)


class TestUrl:
    """``--url`` binds what is stored to a further origin, or gives a new repository its first."""

    def test_adds_a_repository(self, home: WarmHome, index: IndexServer) -> None:
        done = home.ok(*password_words(), "--plaintext", "--url", index.index_url, stdin=PASSWORD)
        assert (
            done.err
            == f"Logged in to acme ({index.netloc}) as {USER}; stored in {home.config}/auth.toml.\n"
        )
        assert own(home) == {"url": index.index_url, "credential-origins": [index.origin]}

    def test_twin_a_refused_one_is_not_added(self, home: WarmHome, index: IndexServer) -> None:
        before = home.files()
        home.fails(*password_words(), "--url", index.index_url, stdin="wrong")
        assert home.files() == before

    def test_takes_what_is_stored_to_another_origin(
        self, home: WarmHome, index: IndexServer, certs: CertificateFactory
    ) -> None:
        add(home, index.index_url)
        home.ok(*password_words(), stdin=PASSWORD)
        with IndexServer(credentials={USER: PASSWORD}) as other:
            home.write_project(
                extra=f'[[tool.poetry.source]]\nname = "acme"\nurl = "{other.index_url}"\n'
            )
            done = home.fails("repo", "token", "acme")
            assert "[origin-mismatch]" in done.err
            assert f"Try: poetry repo login acme --url {other.index_url}\n" in done.err
            home.says(
                *("repo", "login", "acme", "--url", other.index_url),
                err=f"acme: the stored credential now belongs to {other.origin} as well.\n",
            )
            assert other.saw_secret(PASSWORD)
            assert own(home)["credential-origins"] == [index.origin, other.origin]
            assert home.ok("repo", "token", "acme").out == f"{PASSWORD}\n"

    def test_what_plain_poetry_stored_stays_with_its_own_index(
        self, home: WarmHome, index: IndexServer
    ) -> None:
        """Nothing is said of where it belongs yet: it went to the project's index so far."""
        home.write_project(
            extra=f'[[tool.poetry.source]]\nname = "acme"\nurl = "{index.index_url}"\n'
        )
        home.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
        home.ok("--no-plugins", "config", "http-basic.acme", USER, PASSWORD)
        with IndexServer(credentials={USER: PASSWORD}) as other:
            home.ok("repo", "login", "acme", "--url", other.index_url)
        assert own(home)["credential-origins"] == [index.origin, other.origin]
        assert home.ok("repo", "token", "acme").out == f"{PASSWORD}\n"

    def test_twin_the_other_origin_refuses(self, home: WarmHome, index: IndexServer) -> None:
        add(home, index.index_url)
        home.ok(*password_words(), stdin=PASSWORD)
        with IndexServer(credentials={"x": "y"}) as other:
            done = home.fails("repo", "login", "acme", "--url", other.index_url)
            assert "[credential-rejected]" in done.err
        assert own(home)["credential-origins"] == [index.origin]

    def test_what_poetry_config_stored_keeps_its_own_place(
        self, home: WarmHome, index: IndexServer
    ) -> None:
        add(home, index.index_url)
        home.ok("config", "http-basic.acme", USER, PASSWORD)
        with IndexServer(credentials={USER: PASSWORD}) as other:
            home.ok("repo", "login", "acme", "--url", other.index_url)
            assert own(home)["credential-origins"] == [index.origin, other.origin]

    def test_takes_the_client_certificate_along(
        self, home: WarmHome, index: IndexServer, certs: CertificateFactory
    ) -> None:
        add(home, index.index_url)
        home.ok("config", "certificates.acme.cert", str(certs.ca_file()))
        home.ok(
            "repo", "certs", "acme", "--client-cert", str(certs.pem(certs.client("alice-laptop")))
        )
        assert own(home)["certificate-origins"] == [index.origin]
        with IndexServer(tls=server_context(certs.server(), certs.ca)) as other:
            home.says(
                *("repo", "login", "acme", "--url", other.index_url),
                err=f"acme: the client certificate now belongs to {other.origin} as well.\n",
            )
            assert {request.peer for request in other.requests} == {"alice-laptop"}
        assert own(home)["certificate-origins"] == [index.origin, other.origin]

    def test_a_password_through_a_certificate_of_another_place(
        self, home: WarmHome, index: IndexServer, certs: CertificateFactory
    ) -> None:
        add(home, index.index_url)
        home.ok("config", "certificates.acme.cert", str(certs.ca_file()))
        home.ok("repo", "certs", "acme", "--client-cert", str(certs.pem(certs.client())))
        with IndexServer(
            tls=server_context(certs.server(), certs.ca), credentials={USER: PASSWORD}
        ) as other:
            home.refuses(
                *("repo", "login", "acme", "--url", other.index_url),
                err="There is no terminal to prompt on; pass the secret on standard input.\n"
                f"Try: poetry repo login acme --username USER --password-stdin --url {other.index_url}\n",
            )
            home.ok(*password_words(), "--url", other.index_url, stdin=PASSWORD)
        assert own(home)["certificate-origins"] == [index.origin, other.origin]
        assert set(own(home)["credential-origins"]) == {index.origin, other.origin}

    @pytest.mark.parametrize(
        ("url", "said"),
        [
            (
                "ftp://h.example/",
                "'ftp://h.example/' is not an http or https URL: its scheme is 'ftp'.\n",
            ),
            (
                "https://u:p@h.example/",
                "Leave the credentials out of --url; give them with --username and --password-stdin.\n",
            ),
        ],
    )
    def test_twin_bad_ones(self, home: WarmHome, url: str, said: str) -> None:
        home.refuses(*password_words(), "--url", url, stdin=PASSWORD, err=said)

    def test_binds_nothing_that_only_a_project_says(
        self, home: WarmHome, index: IndexServer
    ) -> None:
        """Nobody asked the project's index, which may be a stranger's with the same name."""
        with IndexServer(credentials={}) as other:
            home.write_project(
                extra=f'[[tool.poetry.source]]\nname = "acme"\nurl = "{other.index_url}"\n'
            )
            done = home.ok(
                *password_words(), "--plaintext", "--url", index.index_url, stdin=PASSWORD
            )
            assert (
                done.err
                == f"Logged in to acme ({index.netloc}) as {USER}; stored in {home.config}/auth.toml.\n"
            )
            assert own(home)["credential-origins"] == [index.origin]
            home.fails("repo", "token", "acme")
            assert other.requests == []

    def test_a_new_secret_keeps_the_other_origins(self, home: WarmHome, index: IndexServer) -> None:
        home.ok(*password_words(), "--url", index.index_url, stdin=PASSWORD)
        with IndexServer(credentials={USER: PASSWORD}) as other:
            home.ok(*password_words(), "--url", other.index_url, stdin=PASSWORD)
            assert own(home)["credential-origins"] == [index.origin, other.origin]

    def test_pypi_has_no_other(self, home: WarmHome) -> None:
        home.refuses(
            *("repo", "login", "pypi", "--token", TOKEN, "--url", "https://h.example/"),
            err="The URLs of PyPI are built into Poetry; nothing can be added to them.\n",
        )

    def test_a_new_name_is_held_to_the_rules(self, home: WarmHome) -> None:
        add(home, "https://h.example/", "my-repo")
        done = home.fails(
            "repo", "login", "my_repo", "--token", TOKEN, "--url", "https://h.example/"
        )
        assert "'my_repo' collides with the repository 'my-repo'" in done.err
        done = home.fails("repo", "login", "a/b", "--token", TOKEN, "--url", "https://h.example/")
        assert "cannot be a repository's name" in done.err


def test_several_origins_are_named(home: WarmHome, index: IndexServer) -> None:
    add(home, index.index_url)
    home.ok("config", "repositories.acme", "https://up.example.org/legacy/")
    done = home.ok(*password_words(), "--plaintext", stdin=PASSWORD)
    assert done.err.endswith(
        f"It is sent to {index.origin} and https://up.example.org, and nowhere else.\n"
    )


BAZEL = 'print(json.dumps({{"headers": {{"Authorization": ["Bearer {token}"]}}}}))'


def test_a_refused_new_name_is_told_what_to_type(home: WarmHome, index: IndexServer) -> None:
    """It is not known, so its URL must be said again; and it was said to be refused, not to be
    unknown.
    """
    done = home.fails("repo", "login", "oth", "--url", index.index_url, "-u", USER, "-p", "wr0ng")
    assert f"\nTry: poetry repo login oth --url {index.index_url}\n" in done.err
    words = done.err.partition("Try: poetry ")[2].splitlines()[0].split()
    home.ok(*words, "-u", USER, "-p", PASSWORD)


def test_a_new_name_with_an_unknown_ca_is_told_to_be_added_first(
    home: WarmHome, certs: CertificateFactory
) -> None:
    with IndexServer(tls=server_context(certs.server()), credentials={USER: PASSWORD}) as index:
        done = home.fails(
            "repo", "login", "oth", "--url", index.index_url, "-u", USER, "-p", PASSWORD
        )
    assert (
        f"\nTry: poetry repo add oth {index.index_url} && poetry repo certs oth --ca PATH\n"
        in done.err
    )


@pytest.mark.parametrize(
    "where", ["pyproject.toml", "poetry-repo-plugin.toml", "config.toml", "environment"]
)
def test_a_url_that_is_none_is_named_with_its_place(home: WarmHome, where: str) -> None:
    place = str(home.config / where)
    if where == "pyproject.toml":
        place = str(
            home.write_project(extra='[[tool.poetry.source]]\nname = "acme"\nurl = "nourl"\n')
        )
    elif where == "poetry-repo-plugin.toml":
        add(home, "nourl")
    elif where == "config.toml":
        (home.config / where).write_text('[repositories.acme]\nurl = "nourl"\n')
    else:
        home.environ["POETRY_REPOSITORIES_ACME_URL"] = "nourl"
        place = "the environment variable POETRY_REPOSITORIES_ACME_URL"
    home.refuses(
        *password_words(),
        stdin=f"{PASSWORD}\n",
        err=f"The URL of acme in {place} cannot be used: 'nourl' is not an http or https URL: it has no scheme.\n"
        "Try: poetry repo add acme URL\n",
    )


class TestHelper:
    def test_is_tried_and_its_name_is_kept(
        self, home: WarmHome, index: IndexServer, tmp_path: Path
    ) -> None:
        helper = StandIn(tmp_path / "bin", "vault", BAZEL.format(token="b3arer"))
        add(home, index.index_url)
        index.tokens = {"b3arer"}
        done = home.ok("repo", "login", "acme", "--helper", f"{helper.path} --role ci")
        assert done.err == (
            f"acme ({index.netloc}) asks the helper {helper.path}. Nothing secret was stored.\n"
        )
        assert own(home) == {
            "url": index.index_url,
            "helper": [str(helper.path), "--role", "ci"],
            "helper-protocol": "bazel",
            "credential-origins": [index.origin],
        }
        assert helper.calls[0]["argv"] == ["--role", "ci", "get"]
        assert index.saw_secret("b3arer")
        assert home.files_with("b3arer") == [helper.path] or home.files_with("b3arer") == []

    def test_further_words(self, home: WarmHome, index: IndexServer, tmp_path: Path) -> None:
        helper = StandIn(tmp_path / "bin", "vault", BAZEL.format(token="b3arer"))
        add(home, index.index_url)
        index.tokens = {"b3arer"}
        home.ok("repo", "login", "acme", "--helper", str(helper.path), "one", "two words")
        assert own(home)["helper"] == [str(helper.path), "one", "two words"]

    def test_takes_the_place_of_a_stored_secret_and_gives_it_back(
        self, home: WarmHome, index: IndexServer, tmp_path: Path
    ) -> None:
        helper = StandIn(tmp_path / "bin", "vault", BAZEL.format(token="b3arer"))
        add(home, index.index_url)
        index.tokens = {"b3arer"}
        home.ok(*password_words(), stdin=PASSWORD)
        home.ok("repo", "login", "acme", "--helper", str(helper.path))
        assert home.ok("repo", "token", "acme").out == "b3arer\n"
        home.ok(*password_words(), stdin=PASSWORD)
        assert home.ok("repo", "token", "acme").out == f"{PASSWORD}\n"
        assert "helper" not in own(home)

    @pytest.mark.parametrize(
        ("mode", "said"), [(None, ""), ("locked", "may be left, because the keyring is locked")]
    )
    def test_leaves_nothing_where_there_was_never_a_keyring(
        self, home: WarmHome, index: IndexServer, tmp_path: Path, mode: str | None, said: str
    ) -> None:
        helper = StandIn(tmp_path / "bin", "vault", BAZEL.format(token="b3arer"))
        add(home, index.index_url)
        index.tokens = {"b3arer"}
        home.ok("repo", "login", "acme", "--helper", str(helper.path))
        if mode is not None:
            home.keyring, home.environ["KEYRING_MODE"] = FILE_KEYRING, mode
        done = home.ok(*password_words(), stdin=PASSWORD)
        assert ("may be left" in done.err) == bool(said)
        assert said in done.err

    def test_goes_to_a_further_url(
        self, home: WarmHome, index: IndexServer, tmp_path: Path
    ) -> None:
        helper = StandIn(tmp_path / "bin", "vault", BAZEL.format(token="b3arer"))
        add(home, index.index_url)
        index.tokens = {"b3arer"}
        home.ok("repo", "login", "acme", "--helper", str(helper.path))
        with IndexServer(tokens={"b3arer"}) as other:
            home.says(
                *("repo", "login", "acme", "--url", other.index_url),
                err=f"acme: what its helper hands out now belongs to {other.origin} as well.\n",
            )
        assert own(home)["credential-origins"] == [index.origin, other.origin]

    def identity(self, folder: Path, certs: CertificateFactory, identity: Identity) -> StandIn:
        """A helper that hands out a client certificate and nothing else (ExecCredential)."""
        status = {
            "clientCertificateData": identity.cert_pem.decode(),
            "clientKeyData": identity.key_pem.decode(),
        }
        kind = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential"}
        return StandIn(folder / "bin", "pki", f"print({json.dumps({**kind, 'status': status})!r})")

    def test_that_hands_out_a_client_certificate(
        self, home: WarmHome, certs: CertificateFactory, tmp_path: Path
    ) -> None:
        helper = self.identity(tmp_path, certs, certs.client("alice-laptop"))
        with (
            IndexServer(tls=server_context(certs.server(), certs.ca)) as server,
            IndexServer(tls=server_context(certs.server(), certs.ca)) as other,
        ):
            add(home, server.index_url)
            home.ok("config", "certificates.acme.cert", str(certs.ca_file()))
            done = home.ok("repo", "login", "acme", "--helper", str(helper.path))
            assert done.err.startswith(f"acme ({server.netloc}) asks the helper {helper.path}")
            assert {request.peer for request in server.requests} == {"alice-laptop"}
            assert own(home)["helper-protocol"] == "exec-credential"
            home.ok("repo", "login", "acme", "--url", other.index_url)
            assert {request.peer for request in other.requests} == {"alice-laptop"}

    def test_twin_one_that_the_server_does_not_take(
        self, home: WarmHome, certs: CertificateFactory, tmp_path: Path
    ) -> None:
        helper = self.identity(tmp_path, certs, certs.client_foreign())
        with IndexServer(tls=server_context(certs.server(), certs.ca)) as server:
            add(home, server.index_url)
            home.ok("config", "certificates.acme.cert", str(certs.ca_file()))
            before = home.files()
            done = home.fails("repo", "login", "acme", "--helper", str(helper.path))
        assert "[client-cert-rejected]" in done.err
        assert home.files() == before

    def test_twin_refused(self, home: WarmHome, index: IndexServer, tmp_path: Path) -> None:
        helper = StandIn(tmp_path / "bin", "vault", BAZEL.format(token="wr0ng"))
        add(home, index.index_url)
        index.tokens = {"b3arer"}
        before = home.files()
        done = home.fails("repo", "login", "acme", "--helper", str(helper.path))
        assert done.err.endswith("Nothing was stored.\n")
        assert "wr0ng" not in done.text
        assert home.files() == before

    @pytest.mark.parametrize(
        ("command", "said"),
        [
            (
                "no-such-helper",
                "Command not found: 'no-such-helper'. Nothing was stored.\n",
            ),
            (
                "/no/such/helper",
                "Command not found: '/no/such/helper'. Nothing was stored.\n",
            ),
            ("/etc/passwd", "/etc/passwd is not executable. Nothing was stored.\n"),
            ("", "--helper names no command.\n"),
            ("'open", "--helper cannot be parsed (No closing quotation).\n"),
        ],
    )
    def test_twin_no_command(
        self, home: WarmHome, index: IndexServer, command: str, said: str
    ) -> None:
        add(home, index.index_url)
        home.refuses("repo", "login", "acme", f"--helper={command}", err=said)

    @pytest.mark.parametrize("quoted", [False, True])
    def test_a_path_with_blanks(
        self, home: WarmHome, index: IndexServer, tmp_path: Path, quoted: bool
    ) -> None:
        helper = StandIn(tmp_path / "my bin", "my helper", BAZEL.format(token="b3arer"))
        add(home, index.index_url)
        index.tokens = {"b3arer"}
        home.ok(
            "repo", "login", "acme", "--helper", f"'{helper.path}'" if quoted else str(helper.path)
        )
        assert own(home)["helper"] == [str(helper.path)]

    def test_twin_a_file_here_is_no_command_without_a_path(
        self, home: WarmHome, index: IndexServer, tmp_path: Path
    ) -> None:
        helper = StandIn(home.project, "vault", BAZEL.format(token="b3arer"))
        add(home, index.index_url)
        done = home.fails("repo", "login", "acme", "--helper", "vault")
        assert "Command not found: 'vault'" in done.err
        assert helper.calls == []

    def test_headers_that_are_not_sent_are_said(
        self, home: WarmHome, index: IndexServer, tmp_path: Path
    ) -> None:
        answer = '{"headers": {"Authorization": ["Bearer b3arer"], "Host": ["7"], "X-None": []}}'
        helper = StandIn(tmp_path / "bin", "vault", f"print({answer!r})")
        add(home, index.index_url)
        index.tokens = {"b3arer"}
        done = home.ok("repo", "login", "acme", "--helper", str(helper.path))
        said = "acme: its helper also hands out Host, which steers the request and is not sent.\n"
        assert said in done.err

    @pytest.mark.parametrize("protocol", ["bazel", "git", "exec-credential"])
    def test_what_it_handed_out_is_kept_for_the_next_command(
        self, keyed: WarmHome, index: IndexServer, tmp_path: Path, protocol: str
    ) -> None:
        helper = Helper.make(tmp_path / "bin", protocol)
        accept(index.index, helper, [1])
        add(keyed, index.index_url)
        command = ("--helper", helper.tool.command[0], "--protocol", protocol)
        done = keyed.ok("repo", "login", "acme", *command)
        assert done.err == (
            f"acme ({index.netloc}) asks the helper {helper.tool.command[0]}; "
            "its credential is valid for 59 minutes and in the keyring until then.\n"
        )
        assert "(59 minutes left)" in keyed.ok("repo", "list").out
        assert keyed.ok("repo", "token", "acme").out == f"{helper.token(1)}\n"
        assert helper.asked == 1
        keyed.ok("repo", "logout", "acme")
        assert helper.token(1) not in (keyed.keyring_home / "keyring.json").read_text()

    def test_twin_one_without_an_end_is_not(
        self, keyed: WarmHome, index: IndexServer, tmp_path: Path
    ) -> None:
        helper = Helper.make(tmp_path / "bin", "bazel", life=None)
        accept(index.index, helper, [1])
        add(keyed, index.index_url)
        done = keyed.ok("repo", "login", "acme", "--helper", helper.tool.command[0])
        assert done.err.endswith(". Nothing secret was stored.\n")
        assert [call for call in keyed.keyring_calls() if call[0] == "set_password"] == []

    def test_for_pypi_is_asked_about_uploads(self, home: WarmHome, tmp_path: Path) -> None:
        helper = StandIn(tmp_path / "bin", "vault", BAZEL.format(token="b3arer"))
        home.ok("repo", "login", "pypi", "--helper", str(helper.path))
        assert [json.loads(call["stdin"])["uri"] for call in helper.calls] == [
            "https://upload.pypi.org/legacy/"
        ]

    def test_with_its_protocol(self, home: WarmHome, index: IndexServer, tmp_path: Path) -> None:
        helper = StandIn(tmp_path / "bin", "op", f'print("username={USER}\\npassword=hunter2")')
        index.credentials = {USER: "hunter2"}
        add(home, index.index_url)
        home.ok("repo", "login", "acme", "--helper", str(helper.path), "--protocol", "git")
        assert own(home)["helper-protocol"] == "git"

    def test_twin_it_has_nothing_for_this_host(
        self, home: WarmHome, index: IndexServer, tmp_path: Path
    ) -> None:
        helper = StandIn(tmp_path / "bin", "op", "")
        add(home, index.index_url)
        before = home.files()
        done = home.fails(
            "repo", "login", "acme", "--helper", str(helper.path), "--protocol", "git"
        )
        assert f"there is no credential for {index.index_url} there" in done.err
        assert home.files() == before

    def test_twin_it_fails(self, home: WarmHome, index: IndexServer, tmp_path: Path) -> None:
        helper = StandIn(tmp_path / "bin", "vault", 'sys.exit("sealed")')
        add(home, index.index_url)
        before = home.files()
        done = home.fails("repo", "login", "acme", "--helper", str(helper.path))
        assert (
            f"the credential helper {helper.path} failed (status 1): sealed; if it speaks"
            in done.err
        )
        assert done.err.endswith(
            f"Try: poetry repo login acme --helper {helper.path}\nNothing was stored.\n"
        )
        assert home.files() == before

    def test_twin_it_fails_for_a_new_url(
        self, home: WarmHome, index: IndexServer, tmp_path: Path
    ) -> None:
        """Nothing is known of it yet, so that the next command must name it again."""
        helper = StandIn(tmp_path / "bin", "vault", 'sys.exit("sealed")')
        done = home.fails(
            "repo", "login", "acme", "--url", index.index_url, "--helper", str(helper.path)
        )
        assert (
            f"\nTry: poetry repo login acme --url {index.index_url} --helper {helper.path}\n"
            in done.err
        )

    def test_twin_an_unknown_protocol(self, home: WarmHome, index: IndexServer) -> None:
        add(home, index.index_url)
        home.refuses(
            *("repo", "login", "acme", "--helper", "/bin/true", "--protocol", "soap"),
            err="'soap' is not a helper's protocol; there are bazel, git, exec-credential.\n",
        )
        home.refuses(
            *("repo", "login", "acme", "--helper", "/bin/true", "--protocol", "gti"),
            err="'gti' is not a helper's protocol; there are bazel, git, exec-credential. Did you mean git?\n",
        )


class TestGitsProtocol:
    """A helper of git's protocol is told what became of its answer, as git tells it."""

    @pytest.fixture
    def helper(self, home: WarmHome, index: IndexServer, tmp_path: Path) -> Helper:
        add(home, index.index_url)
        return Helper.make(tmp_path / "bin", "git", life=None)

    def log_in(self, helper: Helper) -> tuple[str, ...]:
        return ("repo", "login", "acme", "--helper", helper.tool.command[0], "--protocol", "git")

    def test_what_was_accepted_is_stored(
        self, home: WarmHome, index: IndexServer, helper: Helper
    ) -> None:
        accept(index.index, helper, [1])
        home.ok(*self.log_in(helper))
        assert (helper.words, helper.told("store")) == (["get", "store"], [helper.token(1)])

    def test_what_was_refused_is_erased_and_asked_for_again(
        self, home: WarmHome, index: IndexServer, helper: Helper
    ) -> None:
        accept(index.index, helper, [2])
        home.ok(*self.log_in(helper))
        assert helper.words == ["get", "erase", "get", "store"]
        assert (helper.told("erase"), helper.told("store")) == (
            [helper.token(1)],
            [helper.token(2)],
        )

    def test_twin_both_are_refused(
        self, home: WarmHome, index: IndexServer, helper: Helper
    ) -> None:
        accept(index.index, helper, [])
        before = home.files()
        done = home.fails(*self.log_in(helper))
        assert "[credential-rejected]" in done.err
        assert helper.words == ["get", "erase", "get", "erase"]
        assert home.files() == before

    def test_twin_a_missing_right_erases_nothing(
        self, home: WarmHome, index: IndexServer, helper: Helper
    ) -> None:
        index.respond = lambda request: forbidden()
        home.fails(*self.log_in(helper))
        assert set(helper.words) == {"get"}

    def test_twin_an_open_index_has_accepted_nothing(
        self, home: WarmHome, tmp_path: Path, helper: Helper
    ) -> None:
        with IndexServer() as index:
            add(home, index.index_url)
            home.ok(*self.log_in(helper))
        assert set(helper.words) == {"get"}

    def test_at_a_further_url_as_well(
        self, home: WarmHome, index: IndexServer, helper: Helper
    ) -> None:
        accept(index.index, helper, [1, 2])
        home.ok(*self.log_in(helper))
        with IndexServer() as other:
            accept(other.index, helper, [3])
            home.ok("repo", "login", "acme", "--url", other.index_url)
        assert helper.words == ["get", "store", "get", "erase", "get", "store"]


class TestProvider:
    URL = "https://acme-123456789012.d.codeartifact.eu-west-1.amazonaws.com/pypi/internal/simple/"

    def aws(self, home: WarmHome, folder: Path) -> StandIn:
        answer = {"authorizationToken": "aws-t0ken", "expiration": "2099-01-01T00:00:00+00:00"}
        tool = StandIn(folder / "bin", "aws", f"print({json.dumps(answer)!r})")
        home.environ["PATH"] = os.pathsep.join([str(tool.path.parent), "/usr/bin", "/bin"])
        return tool

    def test_is_tried_and_its_name_is_kept(self, home: WarmHome, tmp_path: Path) -> None:
        tool = self.aws(home, tmp_path)
        add(home, self.URL)
        done = home.ok("repo", "login", "acme", "--provider", "aws", "--no-verify")
        host = "acme-123456789012.d.codeartifact.eu-west-1.amazonaws.com"
        assert done.err.startswith(
            f"acme ({host}) asks the provider aws; its credential is valid for "
        )
        assert done.err.endswith(" days. Nothing secret was stored.\n")
        assert own(home)["provider"] == "aws"
        assert len(tool.calls) == 1

    def test_twin_another_host(self, home: WarmHome, index: IndexServer, tmp_path: Path) -> None:
        tool = self.aws(home, tmp_path)
        add(home, index.index_url)
        home.refuses(
            *("repo", "login", "acme", "--provider", "aws"),
            err=f"{index.index_url} is not a host of aws; its tokens go to its own hosts only. Nothing was stored.\n",
        )
        assert tool.calls == []

    def test_twin_trusted_publishing_needs_no_login(self, home: WarmHome) -> None:
        home.refuses(
            *("repo", "login", "pypi", "--provider", "oidc"),
            err="Trusted publishing needs no login: `poetry publish` in CI uses it when nothing else is set.\n",
        )

    def test_twin_an_unknown_one(self, home: WarmHome, index: IndexServer) -> None:
        add(home, index.index_url)
        home.refuses(
            *("repo", "login", "acme", "--provider", "ibm"),
            err="'ibm' is not a provider; there are aws, gcp, azure, gitlab.\n",
        )
        home.refuses(
            *("repo", "login", "acme", "--provider", "asw"),
            err="'asw' is not a provider; there are aws, gcp, azure, gitlab. Did you mean aws?\n",
        )


class TestContradictions:
    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (
                ("--password", "x", "--password-stdin"),
                "--password and --password-stdin cannot be used together.\n",
            ),
            (
                ("--password", "", "--token", "x"),
                "--password and --token cannot be used together.\n",
            ),
            (("--token", "x", "--helper", "y"), "--token and --helper cannot be used together.\n"),
            (
                ("--helper", "x", "--provider", "aws"),
                "--helper and --provider cannot be used together.\n",
            ),
            (
                ("--helper", "x", "--username", "y"),
                "--helper and --username cannot be used together.\n",
            ),
            (
                ("--token", "x", "--protocol", "git"),
                "--protocol goes with --helper only.\nTry: poetry repo login NAME --helper COMMAND\n",
            ),
            (
                ("--token", "x", "another"),
                "Give the user name with --username, and the password on standard input.\n"
                "Try: poetry repo login acme --username USER --password-stdin\n",
            ),
        ],
    )
    def test_are_refused(self, home: WarmHome, words: tuple[str, ...], said: str) -> None:
        add(home, "https://h.example/")
        home.refuses("repo", "login", "acme", *words, err=said)

    def test_an_unknown_name(self, home: WarmHome) -> None:
        add(home, "https://h.example/")
        home.refuses(
            *("repo", "login", "acne", "--token", "x"),
            err="No repository is called 'acne'. Did you mean acme?\nTry: poetry repo login acme …\n",
        )
        home.refuses(
            *("repo", "login", "acne", "--password-stdin", "--helper", ""),
            err="--password-stdin and --helper cannot be used together.\n",
        )
        home.refuses(
            *("repo", "login", "acne", "--token-stdin", "--plaintext"),
            err="No repository is called 'acne'. Did you mean acme?\n"
            "Try: poetry repo login acme --token-stdin --plaintext\n",
        )

    def test_twin_a_name_like_no_other(self, home: WarmHome) -> None:
        add(home, "https://h.example/")
        said = "No repository is called 'zzz'.\nTry: poetry repo {}\n"
        for command in ("login", "certs"):
            home.refuses(
                "repo",
                command,
                "zzz",
                *(("--token", "x") if command == "login" else ()),
                err=said.format("add zzz URL"),
            )
        for command in ("show", "token", "logout", "remove", "doctor"):
            home.refuses("repo", command, "zzz", err=said.format("list"))

    def test_a_name_without_a_url(self, home: WarmHome) -> None:
        home.ok("config", "http-basic.acme", "u", "p")
        home.refuses(
            *("repo", "login", "acme", "--token", "x"),
            err="No URL is known for 'acme'.\nTry: poetry repo add acme URL\n",
        )


@pytest.mark.parametrize("file", ["config.toml", "auth.toml", "poetry-repo-plugin.toml"])
def test_a_broken_file_is_named_and_left_alone(
    home: WarmHome, index: IndexServer, file: str
) -> None:
    home.write_project(extra=f'[[tool.poetry.source]]\nname = "acme"\nurl = "{index.index_url}"\n')
    (home.config / file).write_text("[\n")
    before = home.files()
    done = home.fails(*password_words(), stdin=PASSWORD)
    assert done.err.startswith(f"{home.config}/{file} is not valid TOML: ")
    assert home.files() == before
    assert index.connections == 0


def test_help_shows_an_example(home: WarmHome) -> None:
    assert "poetry repo login acme --token-stdin" in home.ok("repo", "login", "--help").out


class TestARootThatIsShownToNobody:
    """Object stores answer 403 there to the right login, too."""

    def test_the_way_on_is_said(self, home: WarmHome) -> None:
        with IndexServer(credentials={USER: PASSWORD}) as index:
            index.respond = lambda request: (
                Response(403) if request.path.startswith("/simple/") else None
            )
            home.ok("repo", "add", "acme", index.index_url)
            words = ("repo", "login", "acme", "--username", USER, "--password-stdin")
            done = home.fails(*words, stdin=PASSWORD)
            assert done.err.endswith(
                "Nothing was stored. Use --no-verify to store it without checking.\n"
            )
            home.ok(*words, "--no-verify", stdin=PASSWORD)

    def test_twin_a_wrong_password_is_just_refused(
        self, home: WarmHome, index: IndexServer
    ) -> None:
        home.ok("repo", "add", "acme", index.index_url)
        done = home.fails(
            "repo", "login", "acme", "--username", USER, "--password-stdin", stdin="wrong"
        )
        assert done.err.endswith("Nothing was stored.\n")


@pytest.mark.parametrize("text", ["älice", "ålïce"])
def test_a_name_that_the_locale_cannot_read(home: WarmHome, text: str) -> None:
    """``LC_ALL=C`` without Python's UTF-8 mode: the words are UTF-8, and the locale is what is
    wrong.
    """
    cold = PoetryHome(home.root / "cold", poetry_under_test())
    cold.environ.update(LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    words = (
        "repo",
        "login",
        "acme",
        "--url",
        "http://127.0.0.1:9/",
        "--username",
        text,
        "--password",
        "x",
    )
    done = cold.fails(*words, "--no-verify")
    assert "--username is UTF-8, and this shell's locale makes Python read" in done.err
    assert "Try: export PYTHONUTF8=1" in done.err
    cold.environ["PYTHONUTF8"] = "1"
    cold.ok(*words, "--no-verify")
    assert cold.toml("auth.toml")["http-basic"]["acme"]["username"] == text


class TestAPastedUploadUrl:
    """Of a known kind of server, for a name that is new."""

    def test_its_index_is_remembered(self, home: WarmHome) -> None:
        with IndexServer(prefix="/repository/pypi/simple/", credentials={USER: PASSWORD}) as index:
            pasted = f"{index.origin}/repository/pypi/"
            done = home.ok(*password_words(), "--url", pasted, stdin=PASSWORD)
            assert (
                f"{pasted} is where Nexus Repository takes uploads; its index is {index.index_url}.\n"
                in done.err
            )
            assert own(home)["url"] == index.index_url
            assert home.ok("repo", "show", "acme").out.count(f"{pasted} (derived)") == 1

    def test_twin_of_a_name_that_has_an_index_it_is_a_further_url(self, home: WarmHome) -> None:
        with IndexServer(prefix="/repository/pypi/simple/", credentials={USER: PASSWORD}) as index:
            add(home, index.index_url)
            done = home.run(
                *password_words(),
                "--url",
                f"{index.origin}/repository/pypi/",
                "--no-verify",
                stdin=PASSWORD,
            )
            assert "takes uploads" not in done.err
            assert own(home)["url"] == index.index_url
