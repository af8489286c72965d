"""A path as servers may read it: what is covered is below the prefix for each of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import permutations
from urllib.parse import quote, unquote, unquote_to_bytes, urlsplit

import pytest
import requests
from hypothesis import example, given
from hypothesis import strategies as st

from poetry_repo_plugin.core.origin import LONGEST_URL, InvalidUrl, Prefix
from poetry_repo_plugin.core.paths import is_certain

TEAM = Prefix.of("https://host/team-a/simple/")

Reading = Callable[[str], str]


def decode(path: str) -> str:
    """As most servers do, once."""
    return unquote(path, errors="replace")


def decode_overlong(path: str) -> str:
    """As servers did that took any bytes of two or three for UTF-8."""
    raw = unquote_to_bytes(path)
    raw = re.sub(rb"[\xc0\xc1]([\x80-\xbf])", lambda found: bytes([found[1][0] & 0x3F]), raw)
    raw = re.sub(rb"\xe0\x80([\x80-\xbf])", lambda found: bytes([found[1][0] & 0x3F]), raw)
    return raw.decode("utf-8", "replace")


def decode_percent_u(path: str) -> str:
    """As IIS did."""
    return re.sub("%u([0-9A-Fa-f]{4})", lambda found: chr(int(found[1], 16)), path)


def drop_parameters(path: str) -> str:
    """As servers of servlets do."""
    return re.sub(r";[^/]*", "", path)


def cut_at_nul(path: str) -> str:
    """As what is written in C may do."""
    return path.partition("\0")[0]


def take_backslashes(path: str) -> str:
    """As Windows does."""
    return path.replace("\\", "/")


def fit_to_ascii(path: str) -> str:
    """As Windows does with what a code page does not have."""
    return path.translate(str.maketrans("．․／∕⁄＼％；", "..///\\%;")).replace("‥", "..")


def strip_segments(path: str) -> str:
    """As Windows does with the names of files."""
    segments = (
        segment if set(segment) == {"."} else segment.rstrip(" \t\r\n\0")
        for segment in path.split("/")
    )
    return "/".join(segments)


READINGS: tuple[Reading, ...] = (
    decode,
    decode_overlong,
    decode_percent_u,
    drop_parameters,
    cut_at_nul,
    take_backslashes,
    fit_to_ascii,
    strip_segments,
)
SERVERS = [
    chain
    for size in range(4)
    for chain in [
        *permutations(READINGS, size),
        *(((decode, decode), (decode, decode, decode)) if size == 3 else ()),
    ]
]


def resolved(path: str, *, merged: bool) -> list[str]:
    """RFC 3986, 5.2.4; ``merged`` where ``//`` is one slash."""
    kept: list[str] = []
    for segment in path.removeprefix("/").split("/"):
        if segment == ".." and kept:
            kept.pop()
        elif segment not in (".", "..") and (segment or not merged):
            kept.append(segment)
    return kept


def places(url: str) -> set[tuple[str, ...]]:
    """Where in the trees of different servers ``url`` is."""
    found = set()
    target = url.removeprefix("https://host").partition("#")[0].partition("?")[0]
    starts = {target, urlsplit(target).path}  # `//a/b` is host a for some
    for path in starts:
        for chain in SERVERS:
            read = path
            for step in chain:
                read = step(read)
            found |= {tuple(resolved(read, merged=merged)) for merged in (True, False)}
    return found


dots = st.sampled_from(
    [
        *(
            "..",
            ".",
            "%2e%2e",
            "%2E.",
            ".%2e",
            "%252e%252e",
            "%25252e.",
            "%c0%ae%c0%ae",
            "%C0%AE.",
            "%e0%80%ae.",
        ),
        *(
            "．．",
            "%EF%BC%8E%ef%bc%8e",
            "‥",
            "․․",
            "%u002e%u002e",
            "%uff0e.",
            "..;",
            "..;a=b",
            "..%3b",
            ";..",
            "..%00",
        ),
        *("..%20", "..%09", "%00..", "％2e．", "...", "..%0a", "..%c2%a0"),
    ]
)
slashes = st.sampled_from(
    [
        "/",
        "//",
        "%2f",
        "%2F",
        "%5c",
        "%255c",
        "%252F",
        "%c0%af",
        "／",
        "∕",
        "%EF%BC%8F",
        "%u2215",
        ";/",
        "%00/",
        "\\",
        "＼",
    ]
)
names = st.sampled_from(
    ["team-a", "team-evil", "simple", "x", "private-lib", "team-a;x", "%74eam-a", "", "+", "?", "#"]
)
pieces = st.lists(st.one_of(dots, slashes, names, st.sampled_from("%;.\\2eFf")), max_size=7).map(
    "".join
)


@given(
    pieces,
    st.sampled_from(
        ["/team-a/simple/", "/team-a/simple", "/", "//team-a/simple/", "/team-a%2fsimple/"]
    ),
)
@example("%2e%2e/%2e%2e/team-evil/x/", "/team-a/simple/")
@example("..%2f..%2fteam-evil/x/", "/team-a/simple/")
@example("../simple/", "//team-a/simple/")
@example("team-a/simple/x", "//evil/")
@example("．．／．．／team-evil", "/team-a/simple/")
def test_no_spelling_leads_a_credential_out_of_its_prefix(tail: str, head: str) -> None:
    """Neither as it is written nor as requests puts it on the wire."""
    for url in {f"https://host{head}{tail}", on_the_wire(f"https://host{head}{tail}")}:
        if TEAM.covers(url):
            assert all(place[:2] == ("team-a", "simple") for place in places(url)), url


def on_the_wire(url: str) -> str:
    """What requests makes of ``url``."""
    prepared = requests.Request("GET", url).prepare().url
    assert prepared is not None
    return prepared


plain_names = st.text(
    st.characters(categories=["L", "N"], include_characters="-_+ @!~(),=&$'"),
    min_size=1,
    max_size=12,
).filter(lambda name: name.strip() == name)
plain = st.lists(
    st.builds("{}.{}".format, plain_names, st.sampled_from(["whl", "tar.gz", "0", "metadata"])),
    max_size=4,
)


@given(plain, st.sampled_from(["", "?a=b/../c", "#sha256=0123"]), st.booleans())
def test_twin_what_lies_plainly_below_is_covered(
    segments: list[str], end: str, twice: bool
) -> None:
    path = "/".join(quote(segment) for segment in segments)
    url = f"https://host/team-a/simple/{quote(path, safe='/') if twice else path}{end}"
    assert TEAM.covers(url)
    assert TEAM.covers(on_the_wire(url))


@given(st.text())
def test_any_text_has_an_answer(text: str) -> None:
    assert is_certain(text) in (True, False)


@pytest.mark.parametrize(
    "piece", ["/..a", "/%25", "/a%2B", "/%252525", "//", ".", "/é", "@", "[", "x:@//:x"]
)
def test_a_url_has_a_greatest_length(piece: str) -> None:
    url = "https://host/" + piece * (LONGEST_URL // len(piece) + 1)
    with pytest.raises(InvalidUrl, match="is longer than 16384 characters") as caught:
        Prefix.of(url)
    assert len(str(caught.value)) < 1000
    assert not Prefix.of("https://host").covers(url)


def test_twin_a_signed_url_is_none_too_long() -> None:
    url = f"https://host/team-a/simple/x.whl?X-Amz-Security-Token={'a%2B' * 2000}"
    assert TEAM.covers(url)
