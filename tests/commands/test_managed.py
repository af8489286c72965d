"""The commands where the administrator has set something: they name the place, and what is locked
stays.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests import packages
from tests.certs import CertificateFactory
from tests.config.site import VARIABLE, as_root, site_file
from tests.servers import IndexServer
from tests.warm import WarmHome, parsed

pytestmark = as_root

URL = "https://pypi.example.org/acme/simple/"
UPLOADS = "https://pypi.example.org/acme/"


def administer(home: WarmHome, tmp_path: Path, text: str) -> Path:
    file = site_file(tmp_path / "site", text)
    home.environ[VARIABLE] = str(file)
    return file


def acme(*lines: str) -> str:
    return "\n".join(("[repositories.acme]", *lines)) + "\n"


def test_list_and_show_name_the_place(
    home: WarmHome, tmp_path: Path, certs: CertificateFactory
) -> None:
    ca = certs.ca_file()
    lines = (f'url = "{URL}"', f'publish-url = "{UPLOADS}"', f'ca = "{ca}"', 'locked = ["ca"]')
    file = administer(home, tmp_path, acme(*lines))
    out = f"""\
acme  -             no login
      {URL} (managed settings)
      uploads: {UPLOADS} (managed settings)
      CA: {ca} (managed settings)
pypi  primary       no login
      https://pypi.org/simple/
"""
    home.says("repo", "list", out=out)
    shown = home.ok("repo", "show", "acme").out
    assert f"\nurl           {URL} (managed settings)\n" in shown
    assert f"\npublish url   {UPLOADS} (managed settings)\n" in shown
    assert f"\ntls           CA: {ca} (managed settings)\n" in shown
    assert f"\nmanaged       url, publish-url, ca; locked: ca ({file})\n" in shown
    document = parsed(home.ok("repo", "show", "acme", "--json"))
    assert document["managed"] == {
        "file": str(file),
        "keys": ["url", "publish-url", "ca"],
        "locked": ["ca"],
    }


def test_what_the_user_says_is_no_longer_marked(home: WarmHome, tmp_path: Path) -> None:
    administer(home, tmp_path, acme(f'url = "{URL}"'))
    mine = "https://mine.example.org/simple/"
    assert "acme: url" in home.ok("repo", "add", "acme", mine, cwd=home.root).err
    listed = home.ok("repo", "list").out
    assert mine in listed
    assert "managed" not in listed
    done = home.ok("repo", "remove", "acme", cwd=home.root)
    assert "acme is still named by the managed settings in" in done.err
    assert f"{URL} (managed settings)" in home.ok("repo", "list").out


def test_add_needs_no_url(home: WarmHome, tmp_path: Path) -> None:
    administer(home, tmp_path, acme(f'url = "{URL}"', 'locked = ["url"]'))
    file = home.write_project()
    home.ok("repo", "add", "acme")
    assert f'url = "{URL}"' in file.read_text()
    listed = parsed(home.ok("repo", "show", "acme", "--json"))
    assert listed["url"] == URL
    assert "url" not in listed["managed"]["keys"], "it is the project's now"


@pytest.mark.parametrize(
    ("locked", "words"),
    [
        ("url", ("add", "acme", "https://mine.example.org/simple/")),
        ("url", ("login", "acme", "--url", "https://mine.example.org/simple/", "--token", "x")),
        ("publish-url", ("add", "acme", "--publish-url", "https://mine.example.org/")),
        ("ignore-error-codes", ("add", "acme", "--ignore-error-code", "none")),
        ("provider", ("login", "acme", "--token", "x", "--no-verify")),
        ("provider", ("login", "acme", "--provider", "gcp")),
        ("provider", ("login", "acme", "--helper", "true")),
        ("client-cert", ("certs", "acme", "--client-cert", "me.pem")),
    ],
)
def test_a_locked_key_is_not_set(
    home: WarmHome, tmp_path: Path, locked: str, words: tuple[str, ...]
) -> None:
    lines = (f'url = "{URL}"', 'provider = "aws"', "ignore-error-codes = [403]")
    file = administer(home, tmp_path, acme(*lines, f'locked = ["{locked}"]'))
    why = f"acme: `{locked}` is locked by the managed settings in {file}; "
    home.refuses("repo", *words, err=f"{why}only your administrator can change it.\n")


def test_the_passphrase_of_a_locked_certificate_is_the_users(
    home: WarmHome, tmp_path: Path, certs: CertificateFactory
) -> None:
    """A secret that the administrator cannot put into the file."""
    identity = certs.client()
    cert, key = certs.cert_file(identity), certs.key_file(identity, passphrase="sésame")
    lines = (f'url = "{URL}"', f'client-cert = "{cert}"', f'client-key = "{key}"')
    administer(home, tmp_path, acme(*lines, 'locked = ["client-cert"]'))
    words = ("repo", "certs", "acme", "--passphrase-stdin", "--plaintext", "--no-verify")
    home.ok(*words, stdin="sésame")
    assert home.toml("auth.toml") == {"http-basic": {"acme": {"passphrase": "sésame"}}}
    shown = home.ok("repo", "certs", "acme").out
    assert "subject" in shown
    assert f"client cert   {cert} (managed settings)\n" in shown
    assert f"client key    {key} (managed settings)\n" in shown
    assert "client-cert" not in (home.config / "auth.toml").read_text()


def test_only_the_administrators_cannot_be_removed(home: WarmHome, tmp_path: Path) -> None:
    file = administer(home, tmp_path, acme(f'url = "{URL}"'))
    err = f"acme comes from the managed settings in {file}; there is nothing of yours to remove.\n"
    home.refuses("repo", "remove", "acme", err=err)


def test_doctor_tells_a_support_desk_all(
    home: WarmHome, tmp_path: Path, index: IndexServer
) -> None:
    lines = (f'url = "{index.index_url}"', 'locked = ["url"]', 'passwort = "x"')
    file = administer(home, tmp_path, acme(*lines))
    document = parsed(home.run("repo", "doctor", "--json"))
    assert {*document["versions"]} == {"plugin", "poetry", "python", "openssl", "platform"}
    assert all(document["versions"].values())
    assert document["keyring"]
    [examined] = document["repositories"]
    assert (examined["name"], examined["url"]) == ("acme", index.index_url)
    assert examined["proxy"] is None
    assert {*examined["expires_at"]} == {"credential", "client_cert", "server_cert"}
    told = [(one["state"], one["message"]) for one in document["project"]]
    assert ("ok", f"acme: url; locked: url ({file})") in told
    unknown = f"{file}: [repositories.acme] passwort is not a managed setting. It is ignored"
    assert ("warn", unknown) in told
    file.chmod(0o666)
    document = parsed(home.fails("repo", "doctor", "--json"))
    [finding] = [one for one in document["project"] if one["check"] == "managed"]
    assert finding["state"] == "fail"
    assert document["repositories"] == []


COMPANY = Path(__file__).parents[2] / "docs" / "company.md"


def blocks(kind: str) -> list[str]:
    """The blocks of the page for administrators."""
    return re.findall(rf"```{kind}\n(.*?)```", COMPANY.read_text(encoding="utf-8"), re.DOTALL)


def test_the_example_of_the_page_counts_as_it_is(home: WarmHome, tmp_path: Path) -> None:
    [example] = [block for block in blocks("toml") if "poetry-repo-plugin/config.toml" in block]
    administer(home, tmp_path, example)
    done = home.ok("repo", "list", "--json")
    listed = {one["name"]: one.get("managed") for one in parsed(done)["repositories"]}
    assert listed["acme"]["locked"] == ["ca", "url"]
    assert {"helper", "client-cert"} <= {*listed["tools"]["keys"]}
    assert "is ignored" not in done.err


@pytest.mark.skipif(shutil.which("jq") is None, reason="needs jq")
def test_the_lines_for_500_machines_are_true(home: WarmHome, tmp_path: Path) -> None:
    """Given what the doctor prints, they print what the page says."""
    administer(home, tmp_path, acme('url = "http://127.0.0.1:9/simple/"', 'passwort = "x"'))
    document = home.run("repo", "doctor", "--json").out
    document = document.replace('"client_cert": null', '"client_cert": "2026-01-01T00:00:00Z"')
    printed = []
    for block in blocks("sh"):
        _, is_piped, line = block.partition("poetry repo doctor --json | ")
        if is_piped:
            words = ["sh", "-euc", line]
            done = subprocess.run(words, input=document, capture_output=True, text=True, check=True)
            printed.append(done.stdout)
    every, ending, ignored = printed
    assert "\tfalse\tacme/connect: refused\n" in every
    assert ending == "acme 2026-01-01T00:00:00Z\n"
    assert ignored.endswith(
        "[repositories.acme] passwort is not a managed setting. It is ignored\n"
    )


def test_names_that_the_administrator_gives_away_have_an_owner(
    home: WarmHome, tmp_path: Path, open_index: IndexServer
) -> None:
    """A squatter's index is not asked for them any more, and the failure says where that stands."""
    open_index.add(*packages.wheel("acme-lib", "1.0"))
    source = f'[[tool.poetry.source]]\nname = "other"\nurl = "{open_index.index_url}"\n'
    home.write_project(dependencies=("acme-lib",), extra=source)
    home.ok("lock")
    open_index.clear()
    administer(home, tmp_path, acme(f'url = "{URL}"', 'packages = ["acme-*"]'))
    failed = home.fails("lock", "--regenerate")
    assert 'acme-lib belongs to it ("acme-*" in managed settings)' in failed.err
    assert "owned-elsewhere" in failed.err
    assert open_index.requests == []


def test_the_administrators_word_goes_before_the_projects(
    home: WarmHome, tmp_path: Path, certs: CertificateFactory
) -> None:
    theirs = certs.ca_file()
    table = '[tool.poetry-repo-plugin.acme]\npublish-url = "https://pypi.example.org/x/"\n'
    source = f'[[tool.poetry.source]]\nname = "acme"\nurl = "{URL}"\n'
    home.write_project(extra=f'{source}{table}ca = "ca.pem"\nprovider = "gcp"\n')
    (home.project / "ca.pem").write_bytes(theirs.read_bytes())
    before = parsed(home.ok("repo", "show", "acme", "--json"))
    assert before["publish_url"] == "https://pypi.example.org/x/"
    assert before["tls"]["ca"] == str(home.project / "ca.pem")
    lines = (f'publish-url = "{UPLOADS}"', f'ca = "{theirs}"', 'provider = "aws"')
    administer(home, tmp_path, acme(*lines))
    after = parsed(home.ok("repo", "show", "acme", "--json"))
    assert after["publish_url"] == UPLOADS
    assert after["tls"]["ca"] == str(theirs)
    assert "AWS" in home.ok("repo", "show", "acme").out
