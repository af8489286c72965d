"""Which names a repository may have, and which of them mean the same."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from poetry_repo_plugin.core.errors import InputError
from poetry_repo_plugin.core.names import (
    check_name,
    collision,
    is_folder_name,
    is_pypi,
    match_name,
    nearest,
)
from poetry_repo_plugin.core.variables import env_key

good_names = st.from_regex(
    r"[A-Za-z0-9]([A-Za-z0-9_-]|\.(?=[A-Za-z0-9_-])){0,20}[A-Za-z0-9]?", fullmatch=True
).filter(lambda name: name[-1].isalnum())


@given(good_names)
@example("a")
@example("x" * 100)
@example("company-internal.2_old")
@example("123")
def test_ordinary_names_are_taken_as_they_are(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        *(
            "",
            " ",
            "\t",
            "x" * 101,
            "x" * 300,
            ".",
            "..",
            "...",
            "../x",
            "a/../b",
            "a..b",
            "a/b",
            "a\\b",
            "/etc/passwd",
        ),
        *(
            "-n",
            "--help",
            "a-",
            "_a",
            "a_",
            ".a",
            "a.",
            "a b",
            " a",
            "a ",
            "a\n",
            "a\nb",
            "a\0",
            "a\x1b[31m",
            "~",
            "~root",
        ),
        *(
            "a'b",
            'a"b',
            "a;b",
            "$(id)",
            "`id`",
            "a&b",
            "a|b",
            "a*",
            "<info>a</>",
            "{cache-dir}",
            "%s",
            "a@b",
            "a:b",
            "[a]",
        ),
        *(
            "ä",
            "p\u0430ypal",
            "ｆｏｏ",
            "foo\u200b",
            "\u202efoo",
            "²",
            "\u212a",
            "foo\ud800",
        ),  # look-alikes and the like
    ],
)
def test_hostile_names_are_refused_and_safe_to_tell(name: str) -> None:
    with pytest.raises(InputError) as caught:
        check_name(name)
    for line in caught.value.lines():
        assert line.isprintable()
        assert len(line) < 300


@given(st.text())
def test_whatever_is_accepted_can_be_a_file_a_variable_and_a_key(name: str) -> None:
    try:
        check_name(name)
    except InputError:
        return
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,100}", name)
    assert re.fullmatch(r"[A-Z0-9_]+", env_key(name))


@given(good_names)
def test_a_variable_s_name_forgets_case_and_signs_only(name: str) -> None:
    key = env_key(name)
    assert key == env_key(name.lower()) == env_key(name.upper())
    assert len(key) == len(name)
    assert key.replace("_", "") == re.sub(r"[._-]", "", name).upper()


@pytest.mark.parametrize(
    "name", ["..", "a/../b", "/etc", "x" * 300, "a\nb", "a\x1b[2J", "", "a\x9b", "."]
)
def test_names_that_no_folder_of_ours_can_have(name: str) -> None:
    """Poetry makes one for each repository in its cache."""
    assert not is_folder_name(name)


@given(good_names)
def test_ordinary_names_can_be_folders(name: str) -> None:
    assert is_folder_name(name)


def test_env_key() -> None:
    assert env_key("my-repo.2_old") == "MY_REPO_2_OLD"


def test_pypi_in_any_spelling_and_nothing_like_it() -> None:
    assert all(map(is_pypi, ("pypi", "PyPI", "PYPI")))
    assert not any(map(is_pypi, ("pypi2", "my-pypi", "test-pypi", "", "pypi ")))


@given(good_names, st.lists(good_names))
def test_case_makes_no_difference_and_the_same_spelling_is_preferred(
    name: str, others: list[str]
) -> None:
    assert match_name(name, [name.swapcase(), *others, name]) == name
    found = match_name(name, others)
    assert (found is None) == (name.lower() not in [other.lower() for other in others])
    assert found is None or found.lower() == name.lower()
    assert match_name(name, []) is None


def test_names_that_share_their_variables_collide() -> None:
    known = ["foo", "my-repo", "my.repo"]
    assert collision("my_repo", known) == "my-repo"
    assert collision("MY-REPO", ["my-repo"]) == "my-repo"
    assert collision("my-repo", ["my-repo"]) is None
    assert collision("my-repo", known) == "my.repo"
    assert collision("bar", known) is None


def test_a_near_name_is_suggested_as_it_is_spelled() -> None:
    assert nearest("compny", ["foo", "Company"]) == "Company"
    assert nearest("COMPANY", ["company"]) == "company"
    assert nearest("zzz", ["foo", "Company"]) is None
    assert nearest("foo", []) is None
