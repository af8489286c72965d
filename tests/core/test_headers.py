"""Which header fields may go out beside Authorization."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poetry_repo_plugin.core.headers import (
    Header,
    fault_of,
    from_text,
    merged,
    names_of,
    refusal_of,
    to_text,
)
from poetry_repo_plugin.core.secret import Secret

TOKEN_CHARS = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
STEERING = [
    "Host",
    "Connection",
    "Keep-Alive",
    "Proxy-Connection",
    "Proxy-Authorization",
    "Proxy-Authenticate",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    "HTTP2-Settings",
    "Expect",
    "Max-Forwards",
    "Via",
    "Forwarded",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "Content-Length",
    "Content-Type",
    "Content-Encoding",
    "Content-MD5",
    "Accept",
    "Accept-Encoding",
    "Accept-Language",
    "Range",
    "If-Match",
    "If-None-Match",
    "If-Modified-Since",
    "If-Range",
    "If-Unmodified-Since",
    "Cache-Control",
    "Pragma",
    "User-Agent",
    "Authorization",
    "Cookie",
    "X-HTTP-Method-Override",
    "X-Original-URL",
]
GATEWAYS = [
    "X-Api-Key",
    "apikey",
    "CF-Access-Client-Id",
    "CF-Access-Client-Secret",
    "cf-access-token",
    "X-JFrog-Art-Api",
    "X-Goog-IAP-JWT-Assertion",
    "Ocp-Apim-Subscription-Key",
    "X-Auth-Token",
    "Private-Token",
    "X-Amz-Security-Token",
]


@pytest.mark.parametrize("name", STEERING)
@pytest.mark.parametrize("spelled", [str, str.upper, str.lower])
def test_what_steers_is_refused(name: str, spelled: type[str]) -> None:
    assert refusal_of(spelled(name))


@pytest.mark.parametrize("name", GATEWAYS)
def test_twin_what_gateways_ask_for_is_not(name: str) -> None:
    assert refusal_of(name) is None


@given(st.text(st.sampled_from(TOKEN_CHARS), min_size=1, max_size=60))
def test_a_token_is_a_name(rest: str) -> None:
    assert refusal_of(f"X{rest}") is None or rest.lower().startswith(
        ("-http", "-forwarded", "-met")
    )


@given(st.text(min_size=1).filter(lambda text: set(text) - set(TOKEN_CHARS)))
def test_twin_anything_else_is_none(name: str) -> None:
    assert refusal_of(name)
    assert refusal_of("")


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1))
def test_visible_ascii_is_a_value(value: str) -> None:
    assert fault_of(value) is None
    assert fault_of(f"{value} {value}") is None


@given(st.text(), st.sampled_from("\r\n\0\t\x1b\x7f\x85\u2028é"), st.text())
def test_twin_a_control_or_foreign_character_is_none(before: str, odd: str, after: str) -> None:
    fault = fault_of(before + odd + after)
    assert fault
    assert before + odd + after not in fault or len(before + after) == 0


@pytest.mark.parametrize("value", ["", " x", "x ", " "])
def test_twin_nor_is_one_that_would_be_trimmed(value: str) -> None:
    assert fault_of(value)


_HEADERS = st.dictionaries(
    st.sampled_from(GATEWAYS),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1),
).map(lambda found: tuple(Header(name, Secret(value)) for name, value in found.items()))


@given(_HEADERS)
def test_what_is_stored_is_read_back(headers: tuple[Header, ...]) -> None:
    assert from_text(to_text(headers)) == merged(headers)


@given(st.text() | st.sampled_from(['{"Host": "a"}', '{"X": "a\\r\\nHost: b"}', '{"X": 1}', "[]"]))
def test_twin_what_was_edited_by_hand_sends_nothing_odd(text: str) -> None:
    for name, value in from_text(Secret(text)):
        assert refusal_of(name) is None
        assert fault_of(value.reveal()) is None


def test_of_one_name_the_last_counts() -> None:
    first, last = Header("X-Api-Key", Secret("old")), Header("x-api-key", Secret("new"))
    assert merged((first,), (last,)) == (last,)
    assert names_of(merged((Header("b", Secret("1")), Header("A", Secret("2"))))) == ("A", "b")
