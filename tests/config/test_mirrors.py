"""Which repository stands in for which, by whose word."""

from __future__ import annotations

from pathlib import Path

import pytest

from poetry_repo_plugin.config.mirrors import Mirror, Mirrors, is_at_pypi, is_below
from poetry_repo_plugin.config.settings import Settings
from poetry_repo_plugin.core.errors import Cause, InputError
from poetry_repo_plugin.core.origin import Prefix

OTHER = "https://other.example.org/simple/"


def url_of(name: str) -> str:
    return f"https://{name}.example.org/simple/"


def entry(name: str, original: str = "pypi", more: str = "") -> str:
    return f'[repositories.{name}]\nurl = "{url_of(name)}"\nmirror-of = "{original}"\n{more}\n'


def mirrors(
    folder: Path, own: str = "", *, variable: str = "", config: str = "", site: str = ""
) -> Mirrors:
    (folder / "poetry-repo-plugin.toml").write_text(own)
    if config:
        text = f'[plugins.pypi_mirror]\nurl = "{config}"\n'
        (folder / "config.toml").write_text(text)
    environ = {"POETRY_PYPI_MIRROR_URL": variable} if variable else {}
    if site:
        file = folder / "site.toml"
        file.write_text(site)
        environ["POETRY_REPO_PLUGIN_SITE_CONFIG"] = str(file)
    return Mirrors(Settings(folder, environ=environ))


def test_of_pypi_and_of_a_source(tmp_path: Path) -> None:
    own = entry("one", "PyPI") + entry("two", "Acme", "fallback = true")
    mine = mirrors(tmp_path, own)
    assert mine.all == (
        Mirror("one", url_of("one"), "pypi"),
        Mirror("two", url_of("two"), "Acme", fallback=True),
    )
    assert mine.of("acme") == mine.called("TWO") == mine.all[1]
    assert mine.of("two") is mine.called("pypi") is None


@pytest.mark.parametrize(
    "own",
    [
        '[repositories.one]\nmirror-of = "pypi"\n',  # nobody knows where it is
        entry("one", "One"),
        '[repositories.one]\nurl = "https://one.example.org/"\nmirror-of = 7\n',
    ],
)
def test_what_makes_no_sense_is_no_mirror(tmp_path: Path, own: str) -> None:
    assert mirrors(tmp_path, own).all == ()


def test_who_goes_before_whom(tmp_path: Path) -> None:
    """The environment, the user, the administrator, the other plugin's setting; but first what is
    locked.
    """
    site = entry("site")
    lowest = mirrors(tmp_path, config=OTHER)
    assert [one.name for one in lowest.all] == ["pypi-mirror"]
    managed = mirrors(tmp_path, config=OTHER, site=site)
    assert managed.all == (Mirror("site", url_of("site"), "pypi", False, "managed settings"),)
    own = mirrors(tmp_path, entry("zzz"), config=OTHER, site=site)
    assert [one.name for one in own.all] == ["zzz"]
    variable = mirrors(tmp_path, entry("zzz"), variable=OTHER, site=site)
    assert [(one.name, one.url) for one in variable.all] == [("pypi-mirror", OTHER)]
    winner = variable.instead_of("zzz")
    assert winner == variable.instead_of("SITE") == variable.all[0]
    assert variable.instead_of("pypi-mirror") is variable.instead_of("nobody") is None
    locked = entry("site", more='locked = ["mirror-of", "url"]')
    first = mirrors(tmp_path, entry("zzz"), variable=OTHER, site=locked)
    assert [one.name for one in first.all] == ["site"]


def test_the_other_plugin_s_words_find_the_name(tmp_path: Path) -> None:
    """Of a repository at the same URL; with it come its login and its certificates."""
    own = '[repositories.one]\nurl = "https://one.example.org/simple"\n'
    assert mirrors(tmp_path, own, variable=url_of("one")).all[0].name == "one"
    own += 'mirror-of = "pypi"\nfallback = true\n'
    assert mirrors(tmp_path, own, variable=url_of("one")).all[0].fallback


@pytest.mark.parametrize("url", ["mirror.example.org", "ftp://mirror.example.org/", "https://"])
def test_a_url_that_is_none_is_no_reason_to_ask_pypi(tmp_path: Path, url: str) -> None:
    with pytest.raises(InputError, match="POETRY_PYPI_MIRROR_URL"):
        _ = mirrors(tmp_path, variable=url).all


@pytest.mark.parametrize("cause", Cause)
def test_what_the_original_is_asked_after(cause: Cause) -> None:
    gone = (Cause.DNS, Cause.REFUSED, Cause.TIMEOUT, Cause.SERVER_ERROR)
    assert Mirror("one", OTHER, "pypi", fallback=True).gives_up(cause) is (cause in gone)
    assert not Mirror("one", OTHER, "pypi").gives_up(cause)


@pytest.mark.parametrize(
    ("url", "leads_there"),
    [
        ("https://pypi.org/simple/lib/", True),
        ("http://PyPI.org.:8080/x", True),
        ("https://files.pythonhosted.org/packages/a%2F..%2Flib.whl", True),
        ("https://upload.pypi.org/legacy/", False),
        ("https://test.pypi.org/simple/", False),
        ("https://notpypi.org/", False),
        ("https://pypi.org@mirror.example.org/", False),
        ("nothing", False),
    ],
)
def test_what_is_pypi_s(url: str, leads_there: bool) -> None:
    assert is_at_pypi(url, "https://pypi.org/simple/") is leads_there


def test_what_is_a_source_s() -> None:
    places = [Prefix.of("https://h.example/a")]
    assert is_below("https://h.example/a/simple/lib/", places)
    assert is_below("https://h.example/b/%2e%2e/a/lib.whl", places)  # who knows
    assert not is_below("https://h.example/ab/", places)
    assert not is_below("https://o.example/a/", places)
    assert not is_below("nothing", places)
