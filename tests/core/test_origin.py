"""Where a URL leads: what is compared, what is refused, what is printed."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from urllib.parse import quote

import pytest
import requests
from hypothesis import assume, example, given
from hypothesis import strategies as st
from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from poetry_repo_plugin.core.origin import (
    InvalidUrl,
    Origin,
    Prefix,
    redact,
    split_userinfo,
    with_userinfo,
)
from poetry_repo_plugin.core.secret import Secret
from tests.credentials.contract import printed_at_vvv

MARK = "S3CR3T"

labels = st.from_regex(r"[a-z0-9]([a-z0-9_-]{0,8}[a-z0-9])?", fullmatch=True)
hosts = (
    st.lists(labels, min_size=1, max_size=3)
    .map(".".join)
    .filter(lambda host: not re.fullmatch(r"[\d.]+", host))
)
schemes = st.sampled_from(["http", "https"])
ports = st.integers(1, 65535)
segments = st.from_regex(r"[a-z0-9~_-]{1,6}", fullmatch=True).filter(
    lambda segment: segment != "simple"
)
paths = st.lists(segments, max_size=4).map(lambda parts: "".join(f"/{part}" for part in parts))

# What parsers of URLs have disagreed about.
tokens = st.sampled_from(
    [
        *"aZ09.-_:@/\\?#[]%;,&=+!$'()*~`^{}|<>\" \t\r\n\0",
        *(
            "\x7f",
            "\x9b",
            "é",
            "ß",
            "İ",
            "\u212a",
            "。",
            "／",
            "＠",
            "１",
            "\u200b",
            "\u2100",
            "\ud800",
            "例",
        ),
        *(
            "::1",
            "[::1]",
            "127.0.0.1",
            "%41",
            "%2e",
            "%2F",
            "%25",
            "%00",
            "..",
            "//",
            ":443",
            ":80",
            "@b",
            "xn--",
            "host",
        ),
    ]
)
noise = st.lists(tokens, max_size=10).map("".join)
urls = st.builds(
    "{}{}{}".format,
    st.sampled_from(["https://", "http://", "HTTPS://", "https:", "//", ""]),
    noise,
    noise,
)


def invalid(url: str) -> str:
    with pytest.raises(InvalidUrl) as caught:
        Origin.of(url)
    return str(caught.value)


def said(ask: Callable[[str], object], url: str) -> str:
    """What an error about ``url`` says, with all that Poetry would print of it; empty without an
    error.
    """
    try:
        ask(url)
    except InvalidUrl as error:
        return printed_at_vvv(error).strip()
    return ""


class TestOrigin:
    @given(schemes, hosts, st.none() | ports)
    def test_spelling_makes_no_difference(self, scheme: str, host: str, port: int | None) -> None:
        default = {"http": 80, "https": 443}[scheme]
        where = Origin(scheme, host, port or default)
        end = "" if port is None else f":{port}"
        for url in (
            f"{scheme}://{host}{end}",
            f"{scheme.upper()}://{host.upper()}{end}/a/b?c=d#e",
            f"{scheme}://{host}.{end}/",
            f"{scheme}://user:password@{host}{end}/",
            f"{scheme}://{host}:{port or default:06}/",
        ):
            assert Origin.of(url) == where
        assert Origin.of(f"{scheme}://{host}:/") == Origin(scheme, host, default)

    @given(schemes, hosts, ports)
    def test_it_can_be_read_back_from_what_is_printed(
        self, scheme: str, host: str, port: int
    ) -> None:
        origin = Origin(scheme, host, port)
        assert Origin.of(str(origin)) == origin
        assert str(origin) == f"{scheme}://{origin.netloc}"
        assert (":" in origin.netloc) == (port != {"http": 80, "https": 443}[scheme])

    @pytest.mark.parametrize(
        "other",
        [
            "http://files.example.com/",
            "https://files.example.com:444/",
            "https://files.example.com.evil.org/",
            "https://evil.org/files.example.com",
            "https://evilfiles.example.com/",
            "https://example.com/",
            "https://files.example.com@evil.org/",
            "https://files-example.com/",
        ],
    )
    def test_others_are_others(self, other: str) -> None:
        assert Origin.of(other) != Origin.of("https://files.example.com/")

    @pytest.mark.parametrize(
        ("spelled", "host"),
        [
            ("bücher.example", "xn--bcher-kva.example"),
            ("BÜCHER.example", "xn--bcher-kva.example"),
            ("bu\u0308cher.example", "xn--bcher-kva.example"),  # a combining mark
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("XN--BCHER-KVA.example.", "xn--bcher-kva.example"),
            ("faß.example", "xn--fa-hia.example"),  # not fass: IDNA 2008
            ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
            ("例え。テスト。", "xn--r8jz45g.xn--zckzah"),
            ("p\u0430ypal.example", "xn--pypal-4ve.example"),  # a Cyrillic letter is another host
        ],
    )
    def test_names_outside_ascii(self, spelled: str, host: str) -> None:
        assert Origin.of(f"https://{spelled}/") == Origin("https", host, 443)

    def test_addresses(self) -> None:
        assert Origin.of("https://127.0.0.1:8443").host == "127.0.0.1"
        loopback = Origin.of("http://[::1]:8080/")
        assert loopback == Origin("http", "::1", 8080)
        assert Origin.of("http://[0:0:0:0:0:0:0:1]:8080/") == loopback
        assert str(loopback) == "http://[::1]:8080"
        assert str(Origin.of("https://[2001:DB8::A]/")) == "https://[2001:db8::a]"

    @pytest.mark.parametrize(
        "url",
        [
            *(
                "",
                "host",
                "host/simple",
                "/simple",
                "//host/simple",
                "https:",
                "https:/host",
                "https://",
                "https:///a",
            ),
            *(
                "ftp://host/",
                "file:///etc/passwd",
                "git+https://host/",
                "javascript:alert(1)",
                "HTTPSS://host",
            ),
            *(
                "https://host:port/",
                "https://host:65536/",
                "https://host:-1/",
                "https://host:４４３/",
                "https://:443/",
            ),
            *("https://host\\@evil.org/", "https:\\\\host\\", "https://host\\.evil.org/"),
            *(
                " https://host/",
                "https://host /",
                "https://host/a b",
                "https://ho\tst/",
                "https://host/\n",
                "https://h\0",
            ),
            *(
                "https://host\x7f/",
                "https://ho\u200bst/",
                "https://\u202ehost/",
                "https://host\u00a0/",
                "https://\ud800/",
            ),
            *(
                "https://evil[::1]/",
                "https://[::1]evil.org/",
                "https://[::1",
                "https://::1]/",
                "https://[v1.x]/",
            ),
            *(
                "https://[fe80::1%25eth0]/",
                "https://[::1%25@evil.org]/",
                "https://[]/",
                "https://[host]/",
            ),
            *(
                "https://%68ost/",
                "https://host%2eevil.org/",
                "https://host%00/",
                "https://*.host/",
                "https://h,i/",
            ),
            *(
                "https://.",
                "https://..",
                "https://.host/",
                "https://a..b/",
                "https://。/",
                "https://host;x/",
            ),
            *(
                "https://xn--\u0430.example/",
                "https://\u2100.example/",
                "https://host／evil.org/",
                "https://host＠evil.org/",
            ),
        ],
    )
    def test_what_could_be_read_in_two_ways_is_refused(self, url: str) -> None:
        assert invalid(url)
        assert not Prefix.of("https://host/").covers(url)

    @given(urls)
    @example("https://evil[::1]:443/")
    @example("https://%41.com/")
    @example("https://a.com。/")
    @example("https://a\\@b/")
    def test_it_agrees_with_the_library_that_connects(self, url: str) -> None:
        """For each URL that we accept, urllib3 would connect to the same host and port, or would
        not connect.
        """
        try:
            ours = Origin.of(url)
        except InvalidUrl:
            return
        try:
            theirs = parse_url(url)
        except LocationParseError:
            return
        host = (theirs.host or "").removesuffix(".")
        if host.startswith("["):
            host = str(ipaddress.IPv6Address(host[1:-1]))
        port = (
            theirs.port
            if theirs.port is not None
            else {"http": 80, "https": 443}[theirs.scheme or ""]
        )
        assert (theirs.scheme, host, port) == (ours.scheme, ours.host, ours.port)

    @given(urls)
    @example("https://h/a/%2e%2e/b")
    @example("https://h/ü/../é?x#y")
    @example("https://h/%c3%bc")
    def test_it_agrees_with_what_requests_makes_of_it(self, url: str) -> None:
        """The decision about a URL and the decision about the request prepared from it are one."""
        try:
            ours = Prefix.of(split_userinfo(url)[0])
        except InvalidUrl:
            return
        try:
            prepared = requests.Request("GET", url).prepare().url
        except (requests.RequestException, UnicodeError, LocationParseError):
            return
        assert prepared is not None
        assert Prefix.of(prepared) == ours

    @given(urls)
    def test_whatever_the_text_there_is_an_answer_or_one_kind_of_error(self, url: str) -> None:
        for ask in (Origin.of, Prefix.of, Prefix.of_index, split_userinfo):
            assert said(ask, url).isprintable()
        assert Prefix.of("https://host").covers(url) in (True, False)
        redact(url)


class TestPrefix:
    TEAM = Prefix.of("https://host/team-a/")

    @pytest.mark.parametrize(
        "url",
        [
            *(
                "https://host/team-a",
                "https://HOST:443/team-a/",
                "https://host./team-a/x/y.whl",
                "https://host/team-a//x",
            ),
            *(
                "https://host/team%2Da/x",
                "https://host/team%2da/x",
            ),
            *(
                "https://host/team-a/?q=/../..",
                "https://host/team-a#/..",
                "https://host/%74eam-a",
            ),
            # Names of files, as indexes escape them:
            *(
                "https://host/team-a/torch-2.0%2Bcpu-py3-none-any.whl",
                "https://host/team-a/torch-2.0%252Bcpu-py3-none-any.whl",
                "https://host/team-a/a%20b%40c%21(1).whl",
                "https://host/team-a/foo;x=y/v1..2/..a/.well-known/b..",
                "https://host/team-a/group%2Fproject/%E4%BE%8B/f%C3%BC.whl",
            ),
        ],
    )
    def test_whole_segments_belong(self, url: str) -> None:
        assert self.TEAM.covers(url)

    @pytest.mark.parametrize(
        "url",
        [
            *(
                "https://host/team-ab",
                "https://host/team-a-b/",
                "https://host/team-a.git",
                "https://host/team",
                "https://host/",
            ),
            *(
                "https://host/Team-A/",
                "https://host/x/team-a/",
                "http://host/team-a/",
                "https://host:8443/team-a/",
            ),
            *(
                "https://evil.org/team-a/",
                "https://host@evil.org/team-a/",
                "https://host.evil.org/team-a/",
            ),
            *(
                "https://host/team-a/../team-b",
                "https://host/team-a/%2e%2e/team-b",
                "https://host/team-a/x/../../team-b",
            ),
            *(
                "https://host/team-a/.%2E/team-b",
                "https://host/team-a/..",
                "https://host/../team-b",
            ),
            # What only some servers take for a way up:
            *(
                "https://host/team-a/..%2fteam-b",
                "https://host/team-a%2F..%2Fteam-b",
                "https://host/team-a/%2e%2e%2Fteam-b",
            ),
            *(
                "https://host/team-a/..%5cteam-b",
                "https://host/team-a/..;/team-b",
                "https://host/team-a/..;x=y/team-b",
            ),
            *("https://host/team-a/.%2f..%2f..%2fteam-b", "https://host/team-a/%2e%2e;%2fteam-b"),
            *(
                "https://host/./team-a/x",
                "https://host/x/../team-a/",
                "https://host/x/%2E%2e/team-a",
            ),
            *("https://host/team-a/%252e%252e/team-b", "https://host/team-a/%25252e./team-b"),
            *("https://host/team-a/%c0%ae%c0%ae/team-b", "https://host/team-a/..%C0%AFteam-b"),
            *(
                "https://host/team-a/%e0%80%ae./team-b",
                "https://host/team-a/..%00/team-b",
                "https://host/team-a/%ff",
            ),
            *(
                "https://host/team-a/..%09/team-b",
                "https://host/team-a/..%20/team-b",
                "https://host/team-a/.../team-b",
            ),
            *("https://host/team-a/%uff0e%uff0e/team-b", "https://host/team-a/%25u002e./team-b"),
            *(
                "https://host/team-a/．．/team-b",
                "https://host/team-a/%E2%80%A5／team-b",
                "https://host/team-a/％2e./b",
            ),
            *(
                "https://host/team-a/..%3f/team-b",
                "https://host/team-a/..%3B/team-b",
                "https://host/team-a/..%255cx",
            ),
            *(
                "https://host//team-a/team-b",
                "https://host/team-a;x/y",
                "https://host/team-a%2f",
                "https://host/team-a%00",
            ),
            *(
                "https://host/team-b//../team-a/",
                "https://host/team-b//%2e%2e/team-a/",
                "https://host//./team-a",
            ),
        ],
    )
    def test_everything_else_does_not(self, url: str) -> None:
        assert not self.TEAM.covers(url)

    def test_an_encoded_slash_without_dots_is_an_ordinary_name(self) -> None:
        """GitLab writes a project's path so."""
        project = Prefix.of("https://host/api/v4/projects/group%2Fproject/packages/pypi")
        assert project.covers(
            "https://host/api/v4/projects/group%2fproject/packages/pypi/files/x.whl"
        )
        assert not project.covers(
            "https://host/api/v4/projects/group/project/packages/pypi/files/x.whl"
        )
        assert Prefix.of("https://host/a/..x/b..%2Fc").depth == 3

    @given(schemes, hosts, paths, paths)
    def test_what_lies_below_is_covered_and_the_deeper_counts_more(
        self, scheme: str, host: str, path: str, below: str
    ) -> None:
        upper, lower = (
            Prefix.of(f"{scheme}://{host}{path}"),
            Prefix.of(f"{scheme}://{host}{path}{below}"),
        )
        assert upper.contains(lower)
        assert upper.covers(str(lower))
        assert lower.contains(upper) == (below == "")
        assert lower.depth - upper.depth == below.count("/")

    @given(schemes, hosts, paths, segments, segments)
    def test_a_longer_last_segment_is_another_one(
        self, scheme: str, host: str, path: str, segment: str, tail: str
    ) -> None:
        prefix = Prefix.of(f"{scheme}://{host}{path}/{segment}")
        assert not prefix.covers(f"{scheme}://{host}{path}/{segment}{tail}")
        assert not prefix.covers(f"{scheme}://{host}{path}")

    @given(urls)
    def test_it_can_be_read_back_from_what_is_printed(self, url: str) -> None:
        for read in (Prefix.of, Prefix.of_index):
            try:
                prefix = read(url)
            except InvalidUrl:
                continue
            assert Prefix.of(str(prefix)) == prefix
            assert prefix.covers(url)
            assert MARK not in str(prefix)

    @pytest.mark.parametrize(
        ("index", "owned"),
        [
            ("https://host/team-a/simple/", "https://host/team-a"),
            ("https://host/team-a/simple", "https://host/team-a"),
            ("https://host/root/pypi/+simple/", "https://host/root/pypi"),
            ("https://host/simple/", "https://host"),
            ("https://host/wheels/index.html", "https://host/wheels"),
            ("https://host/wheels/find-links.HTM", "https://host/wheels/find-links.HTM"),
            ("https://host/simple-things/", "https://host/simple-things"),
            ("https://host/a/simple/b", "https://host/a/simple/b"),
            ("https://host", "https://host"),
            ("https://host//mirror//simple//", "https://host//mirror"),
        ],
    )
    def test_an_index_owns_what_lies_beside_it(self, index: str, owned: str) -> None:
        assert str(Prefix.of_index(index)) == owned


class TestUserinfo:
    @given(
        st.text(st.characters(exclude_categories=["Cs"])),
        st.text(st.characters(exclude_categories=["Cs"])),
        hosts,
    )
    def test_what_is_put_in_comes_out_again(self, username: str, password: str, host: str) -> None:
        url = with_userinfo(f"https://{host}/simple/?a=b", username, Secret(password))
        assert split_userinfo(url) == (f"https://{host}/simple/?a=b", username, Secret(password))
        assert Origin.of(url) == Origin("https", host, 443)

    def test_the_forms(self) -> None:
        assert split_userinfo("https://host/a@b") == ("https://host/a@b", None, None)
        assert split_userinfo("https://user@host/") == ("https://host/", "user", None)
        assert split_userinfo("https://user:@host/") == ("https://host/", "user", Secret(""))
        assert split_userinfo("https://:pw@host/") == ("https://host/", "", Secret("pw"))
        assert split_userinfo("https://u%40corp:p%3A%2F@host:8443/") == (
            "https://host:8443/",
            "u@corp",
            Secret("p:/"),
        )
        assert split_userinfo("https://u:p@w@host/") == ("https://host/", "u", Secret("p@w"))
        assert (
            with_userinfo("https://old:pw@host/x", "u", Secret("/@:"))
            == "https://u:%2F%40%3A@host/x"
        )

    def test_bytes_that_are_no_text_go_out_as_they_came_in(self) -> None:
        bare, username, secret = split_userinfo("https://u%ff:p%fe@host/")
        assert username is not None
        assert secret is not None
        assert with_userinfo(bare, username, secret) == "https://u%FF:p%FE@host/"

    @given(st.text(min_size=1), st.text(), hosts)
    @example("u", "/", "host")
    @example("u", '"', "host")
    @example("\u2100", "[", "host")
    def test_redaction_of_encoded_userinfo_leaves_none_of_it(
        self, username: str, tail: str, host: str
    ) -> None:
        userinfo = f"{quote(username, safe='', errors='replace')}{MARK}:{MARK}{quote(tail, safe='', errors='replace')}"
        shown = redact(f"https://{userinfo}@{host}/simple/")
        assert shown == f"https://****@{host}/simple/"
        assert (
            redact(f'url = "https://{userinfo}@{host}/", more = "a@b"')
            == f'url = "https://****@{host}/", more = "a@b"'
        )

    @given(noise, noise, noise)
    @example("", "", "/x")
    @example("", "/", "")
    @example("p@", "/", "")
    @example('"', "#", "?")
    def test_redaction_of_userinfo_that_is_not_encoded(
        self, user: str, before: str, after: str
    ) -> None:
        assume("\n" not in user + before + after)
        url = f"https://user{user}:{before}{MARK}{after}@host/simple/"
        # These are a host (and a port) with a path, for every parser: nobody can tell that they
        # were meant otherwise.
        assume(
            not re.match(r"https://[^/?#@:]*(:\d{1,5})?[/?#]", url) and not re.search(r"\s", url)
        )
        assert MARK not in redact(url)

    @given(
        noise,
        noise,
        st.sampled_from(
            ["https://", "https:/", "https:", "http:", "//", "", "ftp://", "https:\\\\"]
        ),
    )
    @example("", "\u2100", "https://")
    @example("", "/", "https://")
    @example("", ":", "https://")
    @example("[", "", "https://")
    def test_an_error_about_a_url_shows_no_userinfo(
        self, before: str, after: str, start: str
    ) -> None:
        """Python's own texts quote what they take for the port, or the whole network location."""
        for url in (
            f"{start}user:{before}{MARK}{after}@host/",
            f"{start}{before}{MARK}{after}@host/",
        ):
            for ask in (Origin.of, Prefix.of, Prefix.of_index, split_userinfo):
                assert MARK not in said(ask, url).upper()

    @pytest.mark.parametrize(
        "text",
        [
            "https://host:8443/@scope/package",
            "https://host/a@b",
            "https://[::1]:8443/@scope",
            "see https://host. mail a@b",
            'x = "https://host/s", y = "a@b"',
            "a@b",
            "",
        ],
    )
    def test_what_is_no_userinfo_stays(self, text: str) -> None:
        assert redact(text) == text
