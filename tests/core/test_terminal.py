"""What reaches a terminal: nothing that it would act on, nothing that is secret."""

from __future__ import annotations

import base64
import json
import unicodedata
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poetry_repo_plugin.core import secret
from poetry_repo_plugin.core.errors import Cause, Failure, InputError
from poetry_repo_plugin.core.notices import Notices
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.core.terminal import printable, tamed


@pytest.fixture(autouse=True, scope="module")
def _forgotten() -> Iterator[None]:
    """What is made up here is no secret of other tests."""
    before = secret._met.copy()
    yield
    secret._met.intersection_update(before)


WILD = (
    *(
        "\x1b[2J",
        "\x1b]0;title\x07",
        "\x9b2J",
        "\x90q",
        "\u202egro",
        "\u2066x",
        "\u200b",
        "\ufeff",
        "a\nb",
        "\r\x08",
    ),
    *("\u2028", "\x85", "\x7f", "\x00"),
)
FOREIGN = st.one_of(st.text(), st.lists(st.sampled_from(WILD)).map("".join))
_ACTED_ON = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def acted_on(line: str) -> bool:
    return any(unicodedata.category(char) in _ACTED_ON for char in line)


@given(FOREIGN)
def test_nothing_that_a_terminal_acts_on_passes(text: str) -> None:
    """Neither alone nor in a failure, a hint or a notice."""
    told = [printable(text), *Failure(Cause.DNS, text, repository=text, host=text).lines()]
    told += InputError(text).lines()
    Notices(told.append).once(text)
    assert not any(acted_on(line) for line in told)


@given(st.text(alphabet=st.characters(categories=["L", "N", "P", "S"])))
def test_what_can_be_shown_is_shown_as_it_is(text: str) -> None:
    if "@" not in text:
        assert printable(text) == text


@pytest.mark.parametrize("text", ["\x1b[32mgreen\x1b[39m\n", "\r\x1b[2K", "a\tb", "\x1b[1A\x1b[0J"])
def test_what_poetry_itself_writes_stays(text: str) -> None:
    assert tamed(text) == text


@pytest.mark.parametrize("text", ["\x1b]0;title\x07", "\x9b2J", "\u202eevil", "\x1bc", "\u2066"])
def test_what_only_a_stranger_writes_does_not(text: str) -> None:
    assert not any(char in tamed(text) for char in text if acted_on(char))


HARD = st.text(
    alphabet=st.characters(min_codepoint=33, max_codepoint=0x2FF, categories=["L", "N", "P", "S"])
)


@settings(max_examples=25)  # each is one more secret to look for, in this process for good
@given(
    HARD.filter(lambda text: len(text) >= 8 and not text.isalpha()),
    st.text(max_size=5),
    st.text(max_size=5),
)
def test_a_secret_of_this_run_is_in_no_line(text: str, before: str, behind: str) -> None:
    """As it is, percent-encoded, in base64 and in JSON, wherever it stands in a line."""
    Secret(text)
    forms = (
        text,
        quote(text, safe=""),
        base64.b64encode(text.encode()).decode(),
        json.dumps(text)[1:-1],
    )
    for form in forms:
        assert form not in printable(f"{before}{form}{behind}")
        assert form not in tamed(f"{before}{form}{behind}")


@pytest.mark.parametrize("text", ["", "ab", "pw1", "password", "repository"])
def test_what_is_a_word_of_ours_or_too_short_is_not_looked_for(text: str) -> None:
    """Else half of every sentence would be stars."""
    Secret(text)
    line = "Repository acme: its password is in the repository of passwords, ab, pw1."
    assert printable(line) == line


def test_a_short_secret_is_hidden_where_it_stands_alone() -> None:
    Secret("pw-1")
    assert printable("you sent pw-1, pw-1x and xpw-1") == "you sent ****, pw-1x and xpw-1"
