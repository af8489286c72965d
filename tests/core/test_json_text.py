"""JSON of strangers is read, or it is not: there is one failure."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poetry_repo_plugin.core.json_text import NotJson, parse_any_depth, parse_json

DEEP = ("[" * 100_000, '{"a":' * 100_000, "[" * 500 + "]" * 500, "[" * 33 + "]" * 33)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@pytest.mark.parametrize("text", DEEP)
def test_what_is_nested_too_deeply_is_none(text: str) -> None:
    with pytest.raises(NotJson):
        parse_json(text)


@pytest.mark.parametrize("text", [b"", b"\xff", b"{", b"9" * 5000, b'"' + b"x" * 300_000 + b'"'])
def test_what_is_no_json_or_too_much_is_none(text: bytes) -> None:
    with pytest.raises(NotJson):
        parse_json(text)


@pytest.mark.parametrize("text", DEEP[:2])
def test_a_page_may_be_deep_but_not_endless(text: str) -> None:
    assert parse_any_depth(b"[" * 33 + b"]" * 33)
    with pytest.raises(NotJson):
        parse_any_depth(text)


@given(DOCUMENTS)
def test_twin_every_honest_document_is_read(document: object) -> None:
    assert parse_json(json.dumps(document).encode()) == document
    assert parse_json("\ufeff".encode() + json.dumps(document).encode()) == document


@given(st.binary(max_size=60))
def test_nothing_else_is_ever_raised(data: bytes) -> None:
    with suppress(NotJson):
        parse_json(data)
