"""A file of managed settings that is not the administrator's, or that says what it must not."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import packages
from tests.attacks.arena import EVIL_URL, NAME, PASSWORD, PRIVATE, URL, USER, Arena, assert_clean
from tests.certs import CertificateFactory, key_pem, server_context
from tests.config.site import VARIABLE, as_root, site_file
from tests.poetry_process import poetry_under_test
from tests.servers import IndexServer
from tests.warm import WarmHome, Zygote, parsed

pytestmark = as_root

SOMEBODY = 4321
TEXT = f'[repositories.{NAME}]\nurl = "{URL}"\n'


@pytest.fixture
def private_index(certs: CertificateFactory) -> Iterator[IndexServer]:
    """A company's index: its own CA, a password."""
    tls = server_context(certs.server("localhost"))
    with IndexServer(tls=tls, host="localhost", credentials={USER: PASSWORD}) as server:
        server.add(*packages.wheel("private-lib", "1.0"))
        yield server


def administered(home: WarmHome, file: Path) -> WarmHome:
    home.environ[VARIABLE] = str(file)
    return home


def names(home: WarmHome) -> list[str]:
    return [one["name"] for one in parsed(home.ok("repo", "list", "--json"))["repositories"]]


def open_to_all(file: Path) -> Path:
    file.chmod(0o666)
    return file


def open_to_a_group(file: Path) -> Path:
    file.chmod(0o664)
    return file


def somebodys(file: Path) -> Path:
    os.chown(file, SOMEBODY, SOMEBODY)
    return file


def in_an_open_folder(file: Path) -> Path:
    file.parent.chmod(0o777)
    return file


def in_an_open_folder_with_the_sticky_bit(file: Path) -> Path:
    file.parent.chmod(0o1777)
    return file


def in_somebodys_folder(file: Path) -> Path:
    os.chown(file.parent, SOMEBODY, SOMEBODY)
    return file


def below_an_open_folder(file: Path) -> Path:
    file.parent.parent.chmod(0o777)
    return file


def behind_a_link_to_an_open_folder(file: Path) -> Path:
    link = site_file(file.parent.parent / "links", "").with_name("link.toml")
    link.symlink_to(in_an_open_folder(file))
    return link


def behind_a_link_in_an_open_folder(file: Path) -> Path:
    link = site_file(file.parent.parent / "links", "").with_name("link.toml")
    link.symlink_to(file)
    link.parent.chmod(0o777)
    return link


def behind_somebodys_link(file: Path) -> Path:
    link = site_file(file.parent.parent / "links", "").with_name("link.toml")
    link.symlink_to(file)
    os.chown(link, SOMEBODY, SOMEBODY, follow_symlinks=False)
    return link


def behind_two_links(file: Path) -> Path:
    """The one in the middle lies where others can put another one."""
    middle = behind_a_link_in_an_open_folder(file)
    first = site_file(file.parent.parent / "first", "").with_name("link.toml")
    first.symlink_to(middle)
    return first


def a_pipe(file: Path) -> Path:
    file.unlink()
    os.mkfifo(file)
    return file


ATTACKS = [
    *(open_to_all, open_to_a_group, somebodys, in_an_open_folder, in_somebodys_folder),
    *(in_an_open_folder_with_the_sticky_bit, below_an_open_folder),
    *(behind_a_link_to_an_open_folder, behind_a_link_in_an_open_folder, behind_somebodys_link),
    *(behind_two_links, a_pipe),
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_file_that_others_can_change_is_ignored(
    home: WarmHome, tmp_path: Path, attack: Callable[[Path], Path]
) -> None:
    """Whoever runs Poetry: not even a user who names a file of their own becomes the
    administrator.
    """
    file = attack(site_file(tmp_path / "a" / "site", TEXT))
    done = administered(home, file).ok("repo", "list", "--json")
    assert [one["name"] for one in parsed(done)["repositories"]] == ["pypi"]
    assert done.err.count("are ignored") == 1
    assert done.err.startswith(f"The managed settings in {file} are ignored: ")


def test_the_administrators_own_file_counts(home: WarmHome, tmp_path: Path) -> None:
    """The twin: also behind links that are the administrator's."""
    file = site_file(tmp_path / "site", TEXT)
    link = site_file(tmp_path / "links", "").with_name("link.toml")
    link.symlink_to(file)
    for named in (file, link):
        done = administered(home, named).ok("repo", "list", "--json")
        assert [one["name"] for one in parsed(done)["repositories"]] == [NAME, "pypi"]
        assert done.err == ""


def test_a_file_in_the_project_is_not_the_administrators(home: WarmHome) -> None:
    """A path that depends on where a command runs is a project's word."""
    home.write_project()
    site_file(home.project / "site", TEXT)
    home.environ[VARIABLE] = "site/config.toml"
    assert names(home) == ["pypi"]
    assert "is not an absolute path" in home.ok("repo", "list").err
    home.environ[VARIABLE] = str(home.project / "site" / "config.toml")
    assert names(home) == [NAME, "pypi"], "the twin: root's own"


def test_secrets_in_it_go_nowhere(home: WarmHome, tmp_path: Path) -> None:
    """The file is there for everybody to read, so what it holds is no secret."""
    with IndexServer(credentials={"me": "hush"}) as index:
        url = index.index_url.replace("://", "://me:hush@")
        text = f'[repositories.acme]\nurl = "{url}"\nusername = "me"\npassword = "hush"\n'
        more = '[http-basic.acme]\nusername = "me"\npassword = "hush"\n'
        administered(home, site_file(tmp_path / "site", text + more))
        source = f'[[tool.poetry.source]]\nname = "acme"\nurl = "{index.index_url}"\n'
        home.write_project(dependencies=("lib",), extra=source)
        done = home.fails("lock")
    assert all(request.authorization is None for request in index.requests)
    assert index.requests
    assert "hush" not in done.text
    assert done.err.count("password would be a secret") == 1
    assert done.err.count("url holds a user name or password") == 1
    assert done.err.count("http-basic would be a secret") == 1


def test_the_administrator_says_where_a_name_belongs(arena: Arena, tmp_path: Path) -> None:
    """A login that plain Poetry has stored is bound to nothing yet: a project that reuses the name
    first gets nothing, because the administrator has said whose it is.
    """
    plain = WarmHome(tmp_path / "plain", poetry_under_test(), zygote=_zygote(arena))
    plain.environ.update(arena.home.environ)
    (plain.config / "auth.toml").write_text(
        f'[http-basic.{NAME}]\nusername = "{USER}"\npassword = "{PASSWORD}"\n', encoding="utf-8"
    )
    arena.home = administered(plain, site_file(tmp_path / "site", TEXT))
    arena.project("public-lib", url=EVIL_URL)
    done = plain.ok("lock")
    assert "(managed settings)" in done.err or "belongs to https://company.example" in done.err
    assert_clean(done)
    arena.forget_cache()
    arena.project("private-lib", url=URL)
    plain.ok("lock")
    assert arena.locked() == [PRIVATE[0].removesuffix("-py3-none-any.whl").replace("_", "-")]


def _zygote(arena: Arena) -> Zygote:
    assert isinstance(arena.home, WarmHome)
    assert arena.home.zygote is not None
    return arena.home.zygote


def test_a_locked_key_holds_against_the_user(
    home: WarmHome, tmp_path: Path, private_index: IndexServer, certs: CertificateFactory
) -> None:
    """A CA that is locked: verification cannot be switched off, by whichever way; the commands say
    so. Without the lock the user's word counts.
    """
    ca, url = certs.ca_file(), private_index.index_url
    other = CertificateFactory(tmp_path / "other").ca_file()
    source = f'[[tool.poetry.source]]\nname = "acme"\nurl = "{url}"\n'
    home.write_project(dependencies=("private-lib",), extra=source)
    home.environ.update(
        POETRY_HTTP_BASIC_ACME_USERNAME=USER, POETRY_HTTP_BASIC_ACME_PASSWORD=PASSWORD
    )
    text = f'[repositories.acme]\nurl = "{url}"\nca = "{{}}"\n'
    administered(home, site_file(tmp_path / "site", text.format(ca)))
    home.ok("lock")  # the administrator's CA is all that it takes
    home.ok("repo", "certs", "acme", "--insecure", "--no-verify")
    wrong = text.format(other)
    site_file(tmp_path / "site", wrong)
    home.ok("lock", "--regenerate")
    site_file(tmp_path / "site", f'locked = ["ca"]\n{wrong}')
    home.environ["POETRY_CERTIFICATES_ACME_CERT"] = "false"
    failed = home.fails("lock", "--regenerate").text
    assert "unknown-ca" in failed
    assert "Try: poetry repo certs" not in failed, "nobody could type that"
    assert "POETRY_CERTIFICATES" not in failed
    for words in (("--insecure",), ("--ca", str(ca)), ("--ca", "none"), ("--relaxed",)):
        done = home.fails("repo", "certs", "acme", *words)
        assert done.err == (
            f"acme: `ca` is locked by the managed settings in {tmp_path}/site/config.toml; "
            "only your administrator can change it.\n"
        )


def test_a_loose_file_is_said_once_and_only_where_it_matters(
    home: WarmHome, tmp_path: Path
) -> None:
    """A command that needs no repository does not even look."""
    file = open_to_all(site_file(tmp_path / "site", TEXT))
    administered(home, file)
    with IndexServer() as index:
        index.add(*packages.wheel("lib", "1.0"))
        source = f'[[tool.poetry.source]]\nname = "acme"\nurl = "{index.index_url}"\n'
        home.write_project(dependencies=("lib",), extra=source)
        assert home.ok("lock").text.count(f"The managed settings in {file} are ignored") == 1
    assert "managed" not in home.ok("version").text
    assert "managed" not in home.ok("check").text


def test_a_locked_mirror_answers_for_pypi_whatever_the_user_sets(
    home: WarmHome, tmp_path: Path
) -> None:
    """A project without a source: the administrator's mirror is asked, and neither PyPI nor the
    mirror of the user's variable. Without the lock the variable counts.
    """
    home.write_project(dependencies=("lib",))
    home.environ.update(HTTPS_PROXY="http://127.0.0.1:1", HTTP_PROXY="http://127.0.0.1:1")
    home.environ["NO_PROXY"] = "127.0.0.1"
    with IndexServer() as theirs, IndexServer() as users:
        for index in (theirs, users):
            index.add(*packages.wheel("lib", "1.0"))
        home.environ["POETRY_PYPI_MIRROR_URL"] = users.index_url
        text = f'[repositories.mirror]\nurl = "{theirs.index_url}"\nmirror-of = "pypi"\n'
        locked = f'{text}locked = ["url", "mirror-of"]\n'
        administered(home, site_file(tmp_path / "site", locked))
        home.ok("lock")
        assert theirs.requests
        assert users.requests == []
        assert "source" not in home.lock()["package"][0]
        theirs.clear()
        site_file(tmp_path / "site", text)
        home.ok("lock", "--regenerate")
        assert users.requests
        assert theirs.requests == []


@pytest.mark.parametrize("protocol", ["bazel", "exec-credential"])
@pytest.mark.parametrize("url", [False, True], ids=["no url", "twin: a url"])
def test_a_helper_answers_where_the_administrator_or_the_user_puts_the_name(
    home: WarmHome, tmp_path: Path, protocol: str, url: bool
) -> None:
    """Not where only a project does: many helpers do not ask for whom they answer."""
    answer = {
        "bazel": '{"headers": {"Authorization": ["Bearer company-token"]}}',
        "exec-credential": '{"apiVersion": "client.authentication.k8s.io/v1", '
        '"kind": "ExecCredential", "status": {"token": "company-token"}}',
    }[protocol]
    helper = tmp_path / "helper"
    helper.write_text(f"#!/bin/sh\ncat > /dev/null\necho '{answer}'\n")
    helper.chmod(0o755)
    with IndexServer() as index:
        index.add(*packages.wheel("lib", "1.0"))
        index.index.credentials, index.index.tokens = None, {"company-token"}
        text = f'[repositories.acme]\nhelper = ["{helper}"]\nhelper-protocol = "{protocol}"\n'
        text += f'url = "{index.index_url}"\n' if url else ""
        administered(home, site_file(tmp_path / "site", text))
        source = f'[[tool.poetry.source]]\nname = "acme"\nurl = "{index.index_url}"\n'
        home.write_project(dependencies=("lib",), extra=source)
        if url:
            home.ok("lock")
            assert index.saw_secret("company-token")
            return
        done = home.fails("lock")
        assert index.requests
        assert not index.saw_secret("company-token")
        assert "only this project says where it is" in done.text
        assert f"Try: poetry repo login acme --url {index.index_url}" in done.text
        home.ok("repo", "login", "acme", "--url", index.index_url)
        home.ok("lock")


@pytest.mark.parametrize("url", [False, True], ids=["no url", "twin: a url"])
def test_a_client_certificate_goes_where_the_administrator_or_the_user_puts_the_name(
    home: WarmHome, tmp_path: Path, certs: CertificateFactory, url: bool
) -> None:
    """Not where only a project does: it would tell a stranger who works here."""
    tls = server_context(certs.server("localhost"), certs.ca)
    with IndexServer(tls=tls, host="localhost") as index:
        index.add(*packages.wheel("lib", "1.0"))
        pem = tmp_path / "me.pem"
        me = certs.client("me")  # no file of the factory's: those belong to all tests of this room
        pem.write_bytes(key_pem(me) + me.cert_pem)
        text = f'[repositories.acme]\nca = "{certs.ca_file()}"\nclient-cert = "{pem}"\n'
        text += f'url = "{index.index_url}"\n' if url else ""
        administered(home, site_file(tmp_path / "site", text))
        source = f'[[tool.poetry.source]]\nname = "acme"\nurl = "{index.index_url}"\n'
        home.write_project(dependencies=("lib",), extra=source)
        if url:
            home.ok("lock")
            return
        done = home.fails("lock")
        assert index.requests == []
        assert "[origin-mismatch]" in done.text
        assert "only this project says where it is" in done.text
        home.ok("repo", "login", "acme", "--url", index.index_url)
        home.ok("lock")
