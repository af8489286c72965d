"""Where a URL leads: origins, path prefixes, and URLs that are safe to print.

An origin is exact scheme, host and port (RFC 6454); a path belongs to a prefix by whole segments.
Everything that decides whether a credential may travel compares these types, never strings.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple, TypeVar
from urllib.parse import SplitResult, quote, unquote, urlsplit, urlunsplit

from poetry_repo_plugin.core.paths import is_certain, path_segments
from poetry_repo_plugin.core.patterns import Pattern
from poetry_repo_plugin.core.secret import Secret

_T = TypeVar("_T")
_G = TypeVar("_G")

DEFAULT_PORTS = {"http": 80, "https": 443}
_REMEMBERED = 8192  # URLs, for which parsing is not repeated

LONGEST_URL = (
    16 * 1024
)  # characters; servers take 8 KiB (RFC 9110, 4.1), signed URLs of storage are below 4
_LONGEST_HOST = 253  # RFC 1035, 2.3.4
_LONGEST_SHOWN = 500  # in a message

# A host, perhaps with a port, and the end of both. A password with an unescaped slash or quote
# looks to a parser like a host and a path. In a text, white space and quotes end a URL.
_HOST = r"""(?: \[[0-9A-Fa-f:.]*\] | [^\s"'/?\#@:\[\]]* ) (?: :\d{1,5} )? """
_HOST_IN_URL = Pattern(_HOST + r"(?: [/?\#] | $ )", re.VERBOSE)
_HOST_IN_TEXT = Pattern(_HOST + r"""(?: [/?\#\s"'] | $ )""", re.VERBOSE)
_START_IN_URL = Pattern(r"(?<=//)")
_START_IN_TEXT = Pattern(r"(?<=//)|(?<=https:)(?!//)|(?<=http:)(?!//)")
_RUN = Pattern(r"""(?:[^\s"'\\]+|\\.)+""")
_URL = Pattern(r"[A-Za-z][A-Za-z0-9+.-]*://\S*")
_LABEL = re.compile(r"[a-z0-9_-]+")


class InvalidUrl(ValueError):
    """The text is not an absolute http(s) URL; ``str()`` says why and shows no userinfo."""


class UncertainPath(InvalidUrl):
    """Servers may read the path of the URL in different ways."""


class Origin(NamedTuple):
    """Scheme, host and port of a URL, normalised: case, IDNA, trailing dot and default port make no
    difference.
    """

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Origin:
        """The origin of ``url``.

        Raises :class:`InvalidUrl` for anything that is not an absolute ``http`` or ``https`` URL.
        """
        return _origin_of(url)

    @property
    def netloc(self) -> str:
        """``host`` or ``host:port``; the port only where it is not the scheme's own, IPv6 in
        brackets.
        """
        host = self.host
        if ":" in self.host:
            host = f"[{self.host}]"
        if self.port == DEFAULT_PORTS[self.scheme]:
            return host
        return f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.netloc}"


class Prefix(NamedTuple):
    """An origin and a path below which everything belongs to one owner. ``path`` is ``""`` or
    ``/a/b``.
    """

    origin: Origin
    path: str = ""

    @classmethod
    def of(cls, url: str) -> Prefix:
        """The prefix that ``url`` names: its origin and its whole path. Raises
        :class:`InvalidUrl`.
        """
        return _prefix_of(url)

    @classmethod
    def of_index(cls, url: str) -> Prefix:
        """The prefix that owns the index or takes the uploads at ``url``.

        Without a last segment ``simple`` (PEP 503) or ``+simple`` (devpi), because servers keep
        files and uploads beside it, or ``upload`` or ``legacy``, beside which they keep the index;
        and without the file name of a single-page index.
        """
        return _index_prefix_of(url)

    def covers(self, url: str) -> bool:
        """Whether ``url`` lies at this origin and below this path, compared by whole segments, for
        every server: a path that one might read differently lies below nothing.
        """
        try:
            other = Prefix.of(url)
        except InvalidUrl:
            return False
        return self.contains(other)

    def contains(self, other: Prefix) -> bool:
        """Whether everything below ``other`` is also below this prefix."""
        if self.origin is not other.origin and self.origin != other.origin:
            return False
        own = path_segments(self.path)
        return path_segments(other.path)[: len(own)] == own

    @property
    def depth(self) -> int:
        """The number of path segments; of two prefixes that cover a URL the deeper is the better
        match.
        """
        return len(path_segments(self.path))

    def __str__(self) -> str:
        return f"{self.origin}{self.path}"


@lru_cache(maxsize=_REMEMBERED)
def _origin_of(url: str) -> Origin:
    return _origin_in(url, _split(url))


@lru_cache(maxsize=_REMEMBERED)
def _prefix_of(url: str) -> Prefix:
    parts = _split(url)
    segments = _certain_segments(url, parts.path)
    return Prefix(_origin_in(url, parts), "".join([f"/{segment}" for segment in segments]))


@lru_cache(maxsize=_REMEMBERED)
def _index_prefix_of(url: str) -> Prefix:
    parts = _split(url)
    segments = _certain_segments(url, parts.path)
    beside = ("simple", "+simple", "upload", "legacy")
    if segments and (segments[-1] in beside or re.search(r"\.html?$", segments[-1])):
        segments = segments[:-1]
    path = "".join([f"/{segment}" for segment in segments]).rstrip("/")
    return Prefix(_origin_in(url, parts), path)


def _origin_in(url: str, parts: SplitResult) -> Origin:
    origin = _origin_at(parts.scheme, parts.netloc.rpartition("@")[2])
    if isinstance(origin, str):
        raise InvalidUrl(f"{hidden(url)!r} {origin}")
    return origin


def with_brackets(url: str) -> str:
    """``url`` with the brackets of an IPv6 address (RFC 3986, 3.2.2), which Poetry escapes in the
    links of an index.
    """
    if "%5" not in url:
        return url
    return re.sub(
        r"^(https?://(?:[^/?#@]*@)?)%5b([0-9a-f:.]+)%5d(?=[:/?#]|$)",
        r"\1[\2]",
        url,
        flags=re.IGNORECASE,
    )


def split_userinfo(url: str) -> tuple[str, str | None, Secret | None]:
    """``url`` without its userinfo, and the user name and password that it held (``None`` where it
    held none).

    Percent escapes in both are decoded (RFC 3986, 3.2.1). Raises :class:`InvalidUrl` for what
    cannot be taken apart.
    """
    _require_length(url)
    parts = _tried(urlsplit, url)
    if isinstance(parts, ValueError):
        raise InvalidUrl(f"{hidden(url)!r} is not a URL")
    if "@" not in parts.netloc:
        return url, None, None
    if (
        "\\" in parts.netloc or not url.isprintable()
    ):  # as in _split; urlsplit drops what is white space
        raise InvalidUrl(f"{hidden(url)!r} contains a backslash or a control character")
    userinfo, _, hostport = parts.netloc.rpartition("@")
    user, colon, password = userinfo.partition(":")
    bare = urlunsplit(parts._replace(netloc=hostport))
    return bare, _decoded(user), Secret(_decoded(password)) if colon else None


def with_userinfo(url: str, username: str, secret: Secret) -> str:
    """``url`` with userinfo, percent-encoded. The result holds the secret: for other tools' files
    only.
    """
    parts = urlsplit(url)
    userinfo = ":".join(
        quote(text, safe="", errors="surrogateescape") for text in (username, secret.reveal())
    )
    return urlunsplit(parts._replace(netloc=f"{userinfo}@{parts.netloc.rpartition('@')[2]}"))


def _decoded(text: str) -> str:
    return unquote(text, errors="surrogateescape")  # bytes that are no UTF-8 go out as they came in


def redact(text: str) -> str:
    """``text``, a URL or words around some, as it may be printed: any userinfo is replaced by
    ``****``, also one that is written wrongly. Takes time in proportion to the length of ``text``.
    """
    if "@" not in text:
        return text
    if _URL.fullmatch(text):
        return _covered(text, 0, len(text), _START_IN_URL, _HOST_IN_URL)
    return _RUN.sub(lambda run: _covered(text, *run.span(), _START_IN_TEXT, _HOST_IN_TEXT), text)


def _covered(text: str, start: int, end: int, starts: Pattern[str], host: Pattern[str]) -> str:
    """What stands in ``text`` from ``start`` to ``end``, where a URL may be.

    Everything up to the last ``@`` is hidden unless what stands behind the slashes is plainly a
    host. Each slash is looked at once, and a host ends at the next one.
    """
    last = text.rfind("@", start, end)
    if last < 0:
        return text[start:end]
    for found in starts.compiled.finditer(text, start, last + 1):
        begin = found.end()
        after_slashes = text.startswith("/", begin - 1)
        if not after_slashes or not host.compiled.match(text, begin):
            return f"{text[start:begin]}****@{text[last + 1 : end]}"
    return text[start:end]


def hidden(url: str) -> str:
    """A text that was meant for a URL and is none, without all that might be userinfo, and no
    longer than is read.
    """
    scheme = re.match(r"(?i)https?://", url)
    shown = url
    if "@" in url:
        shown = f"{scheme[0] if scheme else ''}****@{url.rpartition('@')[2]}"
    if len(shown) <= _LONGEST_SHOWN:
        return shown
    return f"{shown[:_LONGEST_SHOWN]}…"


def _require_length(url: str) -> None:
    if len(url) > LONGEST_URL:
        raise InvalidUrl(f"{hidden(url)!r} is longer than {LONGEST_URL} characters")


def _split(url: str) -> SplitResult:
    _require_length(url)
    if " " in url or not url.isprintable():
        raise InvalidUrl(f"{hidden(url)!r} contains white space or a control character")
    if "\\" in url:  # urllib3 reads `https://a\@b` as host a, urllib as host b
        raise InvalidUrl(f"{hidden(url)!r} contains a backslash")
    parts = _tried(urlsplit, url)
    host, problem = (
        ("", str(parts))
        if isinstance(parts, ValueError)
        else _host_at(parts.netloc.rpartition("@")[2])
    )
    if problem or isinstance(parts, ValueError):
        why = "" if "@" in url else f" ({problem})"  # its text quotes what it takes for the port
        raise InvalidUrl(f"{hidden(url)!r} is not a URL{why}")
    scheme = parts.scheme
    if scheme not in DEFAULT_PORTS:
        what = "it has no scheme"
        if url[len(scheme) :].startswith("://") and scheme:
            what = f"its scheme is {scheme!r}"
        raise InvalidUrl(f"{hidden(url)!r} is not an http or https URL: {what}")
    if not host.strip("."):
        raise InvalidUrl(f"{hidden(url)!r} names no host")
    return parts


@lru_cache(maxsize=_REMEMBERED)
def _host_at(where: str) -> tuple[str, str]:
    """The host of ``host:port``, and what Python says is wrong with either (or ``""``): it reads
    them late.
    """
    parts = SplitResult("", where, "", "", "")
    problem = _tried(lambda parts: (parts.hostname, parts.port), parts)
    if isinstance(problem, ValueError):
        return ("", str(problem))
    return (parts.hostname or "", "")


def _tried(parse: Callable[[_G], _T], text: _G) -> _T | ValueError:
    """What ``parse`` makes of ``text``, or its error: to be asked for, not caught.

    Python's errors quote the userinfo, and Poetry prints the context of an error at ``-vvv``,
    ``from None`` or not.
    """
    try:
        return parse(text)
    except ValueError as error:
        return error


@lru_cache(maxsize=_REMEMBERED)
def _origin_at(scheme: str, where: str) -> Origin | str:
    """The origin of ``host:port``; if another parser might read it differently, what is wrong with
    it.

    The host is as a connection will look it up.
    """
    parts = SplitResult(scheme, where, "", "", "")
    host = parts.hostname or ""
    port = DEFAULT_PORTS[scheme]
    if parts.port is not None:
        port = parts.port
    if "[" in where or "]" in where:
        import ipaddress

        bracketed = re.fullmatch(r"\[([0-9A-Fa-f:.]+)\](?::[0-9]*)?", where)
        address = _tried(ipaddress.IPv6Address, bracketed[1] if bracketed else "")
        if isinstance(address, ValueError):
            return "has a host that is not a valid IPv6 address"
        return Origin(scheme, str(address), port)
    if len(host) > _LONGEST_HOST + 1:
        return "has a host name that is too long"
    if not host.isascii():
        import idna  # only a host outside ASCII pays for it

        encoded = _tried(lambda name: idna.encode(name, uts46=True), host)
        host = ""
        if not isinstance(encoded, ValueError):
            host = encoded.decode("ascii")
    host = host.removesuffix(".").lower()
    if not all(_LABEL.fullmatch(label) for label in host.split(".")):
        return "has a host name that is not valid"
    return Origin(scheme, host, port)


def _certain_segments(url: str, path: str) -> tuple[str, ...]:
    if not is_certain(path):
        raise UncertainPath(f"{hidden(url)!r} has a path that servers interpret differently")
    return path_segments(path)
