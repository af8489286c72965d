"""``poetry repo import``: shows what other tools know, then stores it; their files stay as they
are.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.certs import CertificateFactory
from tests.integration.outside_world import settle
from tests.warm import WarmHome

PYPIRC = """\
[distutils]
index-servers =
    pypi
    acme

[pypi]
username = __token__
password = pypi-t0ken

[acme]
repository = https://up.example.org/legacy/
username = alice
password = p%ss {cache-dir}
"""
PIP = """\
[global]
index-url = https://bob:hunter2@pypi.example.org/team/simple/
extra-index-url =
    https://extra.example.org/simple
    https://pypi.org/simple
"""


@pytest.fixture
def pypirc(home: WarmHome) -> Path:
    file = home.root / ".pypirc"
    file.write_text(PYPIRC)
    return file


def pip_conf(home: WarmHome, text: str = PIP) -> Path:
    file = home.root / ".config" / "pip" / "pip.conf"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    return file


class TestPypirc:
    def test_is_shown_and_stored(self, home: WarmHome, pypirc: Path) -> None:
        done = home.cold("repo", "import", "-n", str(pypirc))
        assert done.code == 0
        assert done.out == (
            f"pypi ({pypirc})\n"
            "  user        __token__\n"
            "  password    ****\n"
            f"acme ({pypirc})\n"
            "  publish url https://up.example.org/legacy/\n"
            "  user        alice\n"
            "  password    ****\n"
        )
        auth = home.config / "auth.toml"
        assert done.err == (
            f"Stored in plain text, in {auth}, because there is no usable keyring on this machine.\n"
            f"pypi: imported from {pypirc}; its login is in {auth}, not verified.\n"
            f"acme: imported from {pypirc}; its login is in {auth}, not verified.\n"
        )
        assert home.toml("auth.toml") == {
            "pypi-token": {"pypi": "pypi-t0ken"},
            "http-basic": {"acme": {"username": "alice", "password": "p%ss {cache-dir}"}},
        }
        assert home.toml("config.toml") == {
            "repositories": {"acme": {"url": "https://up.example.org/legacy/"}}
        }
        origins = home.toml("poetry-repo-plugin.toml")["repositories"]
        assert origins["acme"] == {"credential-origins": ["https://up.example.org"]}
        assert pypirc.read_text() == PYPIRC

    def test_goes_to_the_keyring(self, keyed: WarmHome, pypirc: Path) -> None:
        keyed.ok("repo", "import", "-n", "~/.pypirc")
        kept = json.loads((keyed.keyring_home / "keyring.json").read_text())
        assert kept == {
            "poetry-repository-pypi": {"__token__": "pypi-t0ken"},
            "poetry-repository-acme": {"alice": "p%ss {cache-dir}"},
        }

    def test_a_pypi_that_is_another_server_is_not_pypi(self, home: WarmHome) -> None:
        """Its login is none of PyPI's business."""
        text = (
            "[pypi]\nrepository = https://pypi.corp.example/up/\nusername = u\npassword = hunter2\n"
        )
        (home.root / ".pypirc").write_text(text)
        home.ok("repo", "import", "-n", "~/.pypirc")
        assert home.toml("auth.toml") == {
            "http-basic": {"corp-up": {"username": "u", "password": "hunter2"}}
        }

    def test_tokens_of_single_projects_keep_their_names(self, home: WarmHome) -> None:
        """PyPI's own help: one section for each project, all with PyPI's upload URL."""
        upload = "https://upload.pypi.org/legacy/"
        sections = [
            f"[{name}]\nrepository = {upload}\nusername = __token__\npassword = {name}\n"
            for name in "ab"
        ]
        (home.root / ".pypirc").write_text("".join(sections))
        home.ok("repo", "import", "-n", "~/.pypirc")
        assert home.toml("config.toml") == {
            "repositories": {"a": {"url": upload}, "b": {"url": upload}}
        }
        assert home.toml("auth.toml") == {
            "pypi-token": {"a": "a", "b": "b"},
            "http-basic": {name: {"username": "__token__", "password": name} for name in "ab"},
        }
        listed = json.loads(home.ok("repo", "list", "--json").out)["repositories"]
        states = {one["name"]: (one["publish_url"], one["credential"]["state"]) for one in listed}
        assert states == {"a": (upload, "ok"), "b": (upload, "ok"), "pypi": (upload, "missing")}

    @pytest.mark.parametrize(
        ("users", "stored"),
        [
            ("alice bob", {"a": "alice", "b": "bob"}),
            ("alice alice", {"a": "alice"}),
        ],
    )
    def test_two_logins_for_one_url(
        self, home: WarmHome, users: str, stored: dict[str, str]
    ) -> None:
        """Both stay, under their own names; one that is there twice is stored once."""
        pairs = zip("ab", users.split(), strict=True)
        text = [
            f"[{name}]\nrepository = https://up.example/\nusername = {who}\npassword = x\n"
            for name, who in pairs
        ]
        (home.root / ".pypirc").write_text("".join(text))
        home.ok("repo", "import", "-n", "~/.pypirc")
        logins = home.toml("auth.toml")["http-basic"]
        assert {name: login["username"] for name, login in logins.items()} == stored

    def test_a_user_without_a_password_is_not_dropped_in_silence(self, home: WarmHome) -> None:
        (home.root / ".pypirc").write_text(
            "[a]\nrepository = https://up.example/\nusername = bob\n"
        )
        done = home.ok("repo", "import", "-n", "~/.pypirc")
        assert "  user        bob\n" in done.out
        assert "  password" not in done.out
        assert (
            "a: its password is not in the file. Next: poetry repo login a --username bob\n"
            in done.err
        )
        assert home.toml("auth.toml") == {}

    def test_a_token_that_is_the_user_name(self, home: WarmHome) -> None:
        (home.root / ".pypirc").write_text(
            "[fury]\nrepository = https://push.fury.io/acme/\nusername = t0k3n\n"
        )
        done = home.ok("repo", "import", "-n", "~/.pypirc")
        assert "  user        ****\n" in done.out
        assert "t0k3n" not in done.text
        assert home.toml("auth.toml") == {
            "http-basic": {"fury": {"username": "t0k3n", "password": ""}}
        }

    @pytest.mark.parametrize(
        ("own", "said"),
        [
            ({"helper": ["/opt/vault"], "helper-protocol": "git"}, "helper /opt/vault"),
            ({"provider": "aws"}, "provider aws"),
        ],
    )
    def test_what_it_replaces_is_said_first(
        self, home: WarmHome, pypirc: Path, own: dict[str, object], said: str
    ) -> None:
        settle(home, "acme", {"url": "https://up.example.org/simple/", **own})
        assert f"  replaces    {said}\n" in home.ok("repo", "import", "-n", "~/.pypirc").out
        assert "  replaces" not in home.ok("repo", "import", "-n", "~/.pypirc").out, (
            "it is the same"
        )
        pypirc.write_text(PYPIRC.replace("p%ss", "other"))
        assert "  replaces    login of alice\n" in home.ok("repo", "import", "-n", "~/.pypirc").out

    def test_what_is_left_out_is_said(self, home: WarmHome) -> None:
        file = home.root / ".pypirc"
        file.write_text(
            "\ufeff[distutils]\nindex-servers =\n  a, my server\n  my own\n  c\n[server-login]\nusername = u\n"
            "[a]\nrepository = https://a.example/\n[my own]\nrepository = https://b.example/\n[c]\nusername = u\n"
            "[d]\nrepository = https://d.example/\n",
            encoding="utf-8",
        )
        done = home.ok("repo", "import", "-n", "~/.pypirc")
        assert done.err == (
            f"{file}: [server-login] is left out: it names no server.\n"
            f"{file}: index-servers lists 'my', but there is no such section.\n"
            f"{file}: index-servers lists 'server', but there is no such section.\n"
            f"{file}: [d] is left out: index-servers does not list it.\n"
            f"{file}: [c] is left out, because it names no repository.\n"
            f"a: imported from {file}.\n"
            f"my-own: imported from {file}.\n"
        )

    def test_testpypi_needs_no_url(self, home: WarmHome) -> None:
        (home.root / ".pypirc").write_text("[testpypi]\nusername = __token__\npassword = x\n")
        home.ok("repo", "import", "-n", "~/.pypirc")
        assert home.toml("config.toml") == {
            "repositories": {"testpypi": {"url": "https://test.pypi.org/legacy/"}}
        }

    def test_a_name_that_means_another_host_here_gets_a_new_one(
        self, home: WarmHome, pypirc: Path
    ) -> None:
        home.ok("repo", "add", "acme", "https://bob:own@acme.example.com/simple/")
        done = home.ok("repo", "import", "-n", "~/.pypirc")
        assert (
            f"acme is another repository here already; the one in {pypirc} becomes acme-2.\n"
            in done.err
        )
        logins = home.toml("auth.toml")["http-basic"]
        assert (logins["acme"]["password"], logins["acme-2"]["password"]) == (
            "own",
            "p%ss {cache-dir}",
        )

    def test_a_name_of_the_same_host_is_the_same_repository(
        self, home: WarmHome, pypirc: Path
    ) -> None:
        home.ok("repo", "add", "acme", "https://up.example.org/simple/")
        home.ok("repo", "import", "-n", "~/.pypirc")
        assert home.toml("config.toml") == {
            "repositories": {"acme": {"url": "https://up.example.org/legacy/"}}
        }
        assert home.toml("auth.toml")["http-basic"].keys() == {"acme"}

    def test_what_names_no_server_is_left_out(self, home: WarmHome) -> None:
        text = (
            "[distutils]\nindex-servers = a b c pypi\n[a]\nusername = u\npassword = x\n[b]\nrepository = ftp://h/\n"
            "[pypi]\nrepository = https://upload.pypi.org/legacy/\nusername = __token__\npassword = t\n"
        )
        (home.root / ".pypirc").write_text(text)
        home.ok("repo", "import", "-n", "~/.pypirc")
        assert home.toml("auth.toml") == {"pypi-token": {"pypi": "t"}}
        assert home.toml("config.toml") == {}

    def test_a_server_that_is_known_keeps_its_name(self, home: WarmHome, pypirc: Path) -> None:
        home.ok("repo", "add", "mine", "https://up.example.org/legacy", "--publish-only")
        home.ok("repo", "import", "-n", "~/.pypirc")
        assert home.toml("auth.toml")["http-basic"].keys() == {"mine"}


class TestPipConf:
    def test_is_shown_and_stored(self, home: WarmHome) -> None:
        file = pip_conf(home)
        done = home.ok("repo", "import", "-n", str(file))
        assert done.out == (
            f"example-team ({file})\n"
            "  url         https://pypi.example.org/team/simple/\n"
            "  user        bob\n"
            "  password    ****\n"
            f"extra ({file})\n"
            "  url         https://extra.example.org/simple\n"
        )
        own = home.toml("poetry-repo-plugin.toml")["repositories"]
        assert own["example-team"] == {
            "url": "https://pypi.example.org/team/simple/",
            "credential-origins": ["https://pypi.example.org/team"],
        }
        assert own["extra"] == {"url": "https://extra.example.org/simple"}
        assert home.toml("auth.toml") == {
            "http-basic": {"example-team": {"username": "bob", "password": "hunter2"}}
        }
        assert "hunter2" not in done.text

    def test_with_certificates(self, home: WarmHome, certs: CertificateFactory) -> None:
        ca, pem = certs.ca_file(), certs.pem(certs.client(), "pip.pem")
        text = f"[global]\nindex-url = https://h.example/simple\ncert = {ca}\nclient-cert = {pem}\n"
        home.ok("repo", "import", "-n", str(pip_conf(home, text)))
        assert home.toml("auth.toml") == {
            "certificates": {"h": {"cert": str(ca), "client-cert": str(pem)}}
        }
        assert home.toml("poetry-repo-plugin.toml")["repositories"]["h"]["certificate-origins"] == [
            "https://h.example"
        ]

    def test_twin_certificates_that_would_not_work_are_left_out(self, home: WarmHome) -> None:
        file = pip_conf(home, "[global]\nindex-url = https://h.example/simple\ncert = ~/gone.pem\n")
        done = home.ok("repo", "import", "-n", str(file))
        assert f"h: the CA bundle {home.root}/gone.pem does not exist; it is skipped.\n" in done.err
        assert home.toml("auth.toml") == {}

    def test_two_indexes_of_one_host(self, home: WarmHome) -> None:
        file = pip_conf(
            home,
            "[install]\nextra_index_url = https://h.example/simple /srv/wheels\n  http://h.example/simple\n",
        )
        home.ok("repo", "import", "-n", str(file))
        own = home.toml("poetry-repo-plugin.toml")["repositories"]
        assert own == {
            "h": {"url": "https://h.example/simple"},
            "h-2": {"url": "http://h.example/simple"},
        }

    def test_what_is_left_out_is_said(self, home: WarmHome) -> None:
        text = "[global]\nindex-url = https://h.example/simple\nextra-index-url = /srv/wheels\ntrusted-host = h.example\n"
        file = pip_conf(home, text)
        err = home.ok("repo", "import", "-n", str(file)).err
        insecure = "poetry repo certs NAME --insecure"
        assert (
            f"{file}: trusted-host h.example is left out; servers are verified ({insecure}).\n"
            in err
        )
        assert (
            f"{file}: an index is left out, because '/srv/wheels' is not an http or https URL"
            in err
        )

    @pytest.mark.parametrize(
        ("text", "commands"),
        [
            ("index-url = https://h.example/simple\n", ["h --default"]),
            (
                "index-url = https://h.example/simple\nextra-index-url = https://e.example/simple\n",
                ["h --default", "e"],
            ),
            ("extra-index-url = https://e.example/simple\n", ["e"]),
            (
                "index-url = https://h.example/simple\nextra-index-url = https://pypi.org/simple\n",
                ["h"],
            ),
            (
                "index-url = https://pypi.org/simple\nextra-index-url = https://e.example/simple\n",
                ["e"],
            ),
        ],
    )
    def test_the_next_step_in_a_project_keeps_pypi_where_pip_does(
        self, home: WarmHome, text: str, commands: list[str]
    ) -> None:
        """pip's ``index-url`` is instead of PyPI; a source beside PyPI could be overtaken by a
        stranger's package.
        """
        home.write_project()
        err = home.ok("repo", "import", "-n", str(pip_conf(home, f"[global]\n{text}"))).err
        steps = [
            line.split("poetry repo add ")[1]
            for line in err.splitlines()
            if line.startswith("To use ")
        ]
        assert steps == commands

    def test_only_pypi(self, home: WarmHome) -> None:
        file = pip_conf(home, "[global]\nindex-url = https://pypi.org/simple/\n")
        home.says("repo", "import", str(file), err=f"No private repository was found in {file}.\n")


def test_the_files_that_twine_and_pip_read(home: WarmHome, pypirc: Path) -> None:
    file = pip_conf(home)
    other = home.root / "other.conf"
    other.write_text("[global]\nindex-url = https://other.example.org/simple/\n")
    home.environ["PIP_CONFIG_FILE"] = str(other)
    out = home.ok("repo", "import", "-n").out
    assert [
        name
        for name in (f"acme ({pypirc})", f"other ({other})", f"extra ({file})")
        if name not in out
    ] == []


def test_of_pips_files_the_last_wins(home: WarmHome) -> None:
    """Legacy, user, ``PIP_CONFIG_FILE``; ``os.devnull`` there means none at all."""
    url = "https://{}:x@h.example/simple"
    (home.root / ".pip").mkdir()
    (home.root / ".pip" / "pip.conf").write_text(f"[global]\nindex-url = {url.format('legacy')}\n")
    pip_conf(home, f"[global]\nindex-url = {url.format('user')}\n")
    assert "  user        user\n" in home.ok("repo", "import", "-n").out
    (home.root / "own.conf").write_text(f"[global]\nindex-url = {url.format('own')}\n")
    home.environ["PIP_CONFIG_FILE"] = "~/own.conf"
    assert "  user        own\n" in home.ok("repo", "import", "-n").out
    home.environ["PIP_CONFIG_FILE"] = os.devnull
    assert "No .pypirc or pip.conf was found." in home.fails("repo", "import", "-n").err


class TestAsking:
    def test_yes(self, home: WarmHome, pypirc: Path) -> None:
        with home.terminal("repo", "import", "~/.pypirc") as terminal:
            terminal.expect("Store this? (y/n) [y]: ")
            assert home.toml("auth.toml") == {}
            terminal.type("")
            assert terminal.end() == 0
        assert "pypi-t0ken" not in terminal.screen
        assert home.toml("auth.toml") != {}

    def test_no(self, home: WarmHome, pypirc: Path) -> None:
        before = home.files()
        with home.terminal("repo", "import", "~/.pypirc") as terminal:
            terminal.expect("Store this? (y/n) [y]: ")
            terminal.type("n")
            assert terminal.end() == 1
        assert terminal.screen.endswith("Nothing was stored.\n")
        assert home.files() == before


class TestBadInput:
    def test_no_file_at_all(self, home: WarmHome) -> None:
        home.environ["PIP_CONFIG_FILE"] = os.devnull  # the machine may have one for everybody
        home.refuses(
            "repo",
            "import",
            err="No .pypirc or pip.conf was found.\nTry: poetry repo import FILE\n",
        )

    def test_a_file_that_is_not_there(self, home: WarmHome) -> None:
        home.refuses(
            *("repo", "import", "~/nothing"),
            err=f"{home.root}/nothing cannot be read: no such file or directory.\n",
        )

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (b"no section\n", "cannot be parsed. It was not changed."),
            (b"[a]\nx = \xff\n", "cannot be parsed. It was not changed."),
            (b"", "is neither a .pypirc nor a pip.conf."),
        ],
    )
    def test_a_file_that_is_neither(
        self, home: WarmHome, tmp_path: Path, content: bytes, said: str
    ) -> None:
        file = tmp_path / "file"
        file.write_bytes(content)
        home.refuses("repo", "import", "-n", str(file), err=f"{file} {said}\n")
        assert file.read_bytes() == content

    def test_hostile_words_are_printed_as_they_are(self, home: WarmHome) -> None:
        text = (
            "[<error>]\nrepository = https://h.example/<c1>/\nusername = <info>\\\npassword = x\n"
        )
        (home.root / ".pypirc").write_text(text)
        done = home.ok("repo", "import", "-n", "--ansi", "~/.pypirc")
        assert "  publish url https://h.example/<c1>/\n" in done.out
        assert "  user        <info>\\\n" in done.out
        assert home.toml("config.toml") == {
            "repositories": {"error": {"url": "https://h.example/<c1>/"}}
        }

    def test_help_shows_an_example(self, home: WarmHome) -> None:
        assert "poetry repo import ~/.pypirc" in home.ok("repo", "import", "--help").out


class TestWhatIsNotTakenOver:
    """It is said, and nothing that is no secret is stored as one."""

    @pytest.mark.parametrize("word", ["proxy", "timeout", "find-links", "no-index"])
    def test_what_only_pip_has_is_named(self, home: WarmHome, tmp_path: Path, word: str) -> None:
        file = tmp_path / "pip.conf"
        file.write_text(
            f"[global]\nextra-index-url = https://pypi.example.org/simple/\n{word} = 1\n"
        )
        assert f"{file}: {word} is left out: " in home.ok("repo", "import", str(file)).err

    @pytest.mark.parametrize("variable", ["$CI_JOB_TOKEN", "${TOKEN}", "%TOKEN%"])
    def test_a_variable_is_no_password(self, home: WarmHome, tmp_path: Path, variable: str) -> None:
        file = tmp_path / ".pypirc"
        file.write_text(
            f"[acme]\nrepository = https://a.example.org/up/\nusername = me\npassword = {variable}\n"
        )
        assert "is not expanded here" in home.ok("repo", "import", str(file)).err
        assert home.toml("auth.toml") == {}

    def test_twin_a_dollar_in_a_password(self, home: WarmHome, tmp_path: Path) -> None:
        file = tmp_path / ".pypirc"
        file.write_text(
            "[acme]\nrepository = https://a.example.org/up/\nusername = me\npassword = pa$$word$x\n"
        )
        home.ok("repo", "import", str(file))
        assert home.toml("auth.toml")["http-basic"]["acme"] == {
            "username": "me",
            "password": "pa$$word$x",
        }

    def test_an_empty_password_is_one(self, home: WarmHome, tmp_path: Path) -> None:
        file = tmp_path / ".pypirc"
        file.write_text(
            "[acme]\nrepository = https://a.example.org/up/\nusername = me\npassword =\n"
        )
        assert "not in the file" not in home.ok("repo", "import", str(file)).err
        assert home.toml("auth.toml")["http-basic"]["acme"] == {"username": "me", "password": ""}

    def test_the_old_host_of_pypi_is_pypi(self, home: WarmHome, tmp_path: Path) -> None:
        file = tmp_path / ".pypirc"
        file.write_text(
            "[pypi]\nrepository = https://pypi.python.org/pypi\nusername = __token__\npassword = t\n"
        )
        home.ok("repo", "import", str(file))
        assert home.toml("auth.toml") == {"pypi-token": {"pypi": "t"}}
        assert home.toml("config.toml") == {}

    def test_the_index_of_a_known_server_is_no_upload_url(
        self, home: WarmHome, tmp_path: Path
    ) -> None:
        url = "https://acme.jfrog.io/artifactory/api/pypi/pypi-local/simple"
        file = tmp_path / ".pypirc"
        file.write_text(f"[acme]\nrepository = {url}\nusername = me\npassword = p\n")
        assert "no upload URL is known" in home.ok("repo", "import", str(file)).err
        assert home.toml("config.toml") == {}
        assert home.toml("poetry-repo-plugin.toml")["repositories"]["acme"]["url"] == url

    def test_twin_another_server_may_take_uploads_where_its_index_is(
        self, home: WarmHome, tmp_path: Path
    ) -> None:
        """As pypicloud documents it (https://pypicloud.readthedocs.io/, "Upload a package")."""
        url = "https://a.example.org/simple/"
        file = tmp_path / ".pypirc"
        file.write_text(f"[acme]\nrepository = {url}\nusername = me\npassword = p\n")
        assert "no upload URL" not in home.ok("repo", "import", str(file)).err
        assert home.toml("config.toml") == {"repositories": {"acme": {"url": url}}}
        assert home.toml("poetry-repo-plugin.toml")["repositories"]["acme"]["url"] == url
