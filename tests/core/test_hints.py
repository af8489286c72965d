"""What a person is told to type means to a shell what it means to us, whatever a stranger has put
into it.
"""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poetry_repo_plugin.core.hints import Hint, as_url, command, export, is_name, repo, unset
from poetry_repo_plugin.core.origin import InvalidUrl, Origin

HOSTILE = (
    *("company --url https://evil.example/", "x; touch pwned", "$(touch pwned)", "`id`", "a\nb"),
    *("--url=https://evil.example/", "-n", "", " ", "a'b", 'a"b', "\u202egro", "&& id", "|id", "~"),
)
TEXT = st.one_of(st.text(max_size=40), st.sampled_from(HOSTILE))


def _is_url(word: str) -> bool:
    try:
        Origin.of(word)
    except InvalidUrl:
        return False
    return True


@given(name=TEXT, url=st.one_of(TEXT, TEXT.map("https://{}".format)))
def test_no_name_and_no_url_makes_a_command_mean_something_else(name: str, url: str) -> None:
    """Read back by a shell, it is the command that was meant, for this name and URL, or for a
    placeholder.
    """
    shown = repo("login", name, "--url", url)
    assert shown.isprintable()
    poetry, group, verb, who, option, where = shlex.split(shown)
    assert (poetry, group, verb, option) == ("poetry", "repo", "login", "--url")
    assert who == (name if is_name(name) else "NAME")
    assert where == "URL" or (where == url and _is_url(url))
    assert list(shown.commands[0]) == shlex.split(shown)


@given(
    st.lists(
        TEXT.filter(str.isprintable).filter(lambda word: "://" not in word and "url" not in word),
        min_size=1,
    )
)
def test_every_other_word_is_read_back_as_it_was(words: list[str]) -> None:
    shown = command(*words)
    assert shlex.split(shown) == words


@pytest.mark.parametrize("name", ["acme", "a.b-c_2", "X"])
def test_a_name_that_is_one_stands_in_it(name: str) -> None:
    assert repo("login", name) == f"poetry repo login {name}"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://pypi.example.org/simple/", "https://pypi.example.org/simple/"),
        ("https://me:secret@pypi.example.org/simple/", "URL"),
        ("pypi.example.org", "URL"),
        (None, "URL"),
    ],
)
def test_a_url_that_is_none_or_holds_a_secret_is_a_placeholder(url: str | None, shown: str) -> None:
    assert as_url(url) == shown
    assert repo("add", "acme", url or "URL") == f"poetry repo add acme {shown}" or "://" not in str(
        url
    )


def test_several_commands_and_variables() -> None:
    again = command("az", "login").then(repo("login", "acme", "--provider", "azure"))
    assert again == "az login && poetry repo login acme --provider azure"
    assert (
        repo("certs", "acme").adding("--ca", "my ca.pem")
        == "poetry repo certs acme --ca 'my ca.pem'"
    )
    assert unset("POETRY_HTTP_BASIC_ACME_USERNAME") == "unset POETRY_HTTP_BASIC_ACME_USERNAME"
    assert export(PYPI="a b") == "export 'PYPI=a b'"


def test_a_variable_that_holds_a_url() -> None:
    assert (
        export(ACME_URL="https://acme.example.org/up/")
        == "export ACME_URL=https://acme.example.org/up/"
    )
    assert export(ACME_URL="https://alice:secret@acme.example.org/") == "export ACME_URL=URL"


def test_what_is_left_out_is_seen() -> None:
    assert Hint([["poetry", "repo", "login", "acme"]], cut=True) == "poetry repo login acme …"


def test_no_hint_is_false() -> None:
    assert not Hint()
