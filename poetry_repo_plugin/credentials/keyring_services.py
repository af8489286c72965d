"""Which entries of a keyring a name, a URL or a host may stand for.

A keyring knows an entry by two texts, service and user. Poetry keeps the login of a repository
under the service ``poetry-repository-NAME``, and pip looks for one under a URL or a host. Whoever
writes a project chooses its URLs, so each kind of service is a type of its own, and none can be
spelled as another.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit

from poetry_repo_plugin.core.origin import InvalidUrl, Origin, split_userinfo

_OF_POETRY = "poetry-repository-"
# No URL and no host begins so, because of the blank; and a repository's name follows the other
# prefix.
_OF_OURS = "poetry-repo-plugin: "
EMPTY_USER = "__poetry_source_empty_username__"  # Poetry's stand-in for "" (jaraco/keyring#687)


Address = tuple[str, str]  # service and user of an entry


class NotAskable(ValueError):
    """A keyring must not be asked for this; ``str()`` says why."""


class Service:
    """The first half of what a keyring knows an entry by. Made by its subclasses only."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __str__(self) -> str:
        return self._text


class RepositoryService(Service):
    """Where Poetry keeps the login of the repository ``name``.

    Raises :class:`NotAskable` for a name that a backend with folders would take for another entry.
    """

    __slots__ = ()

    def __init__(self, name: str) -> None:
        segments = _segments(name)  # the first is never alone, the prefix stands before it
        if (
            not {"", ".", ".."}.isdisjoint(segments[1:])
            or ".." in segments
            or not name.isprintable()
        ):
            raise NotAskable(f"{name!r} cannot be part of a keyring entry's name")
        super().__init__(f"{_OF_POETRY}{name}")


class OwnService(Service):
    """Where this plugin keeps what it alone knows of the repository ``name``."""

    __slots__ = ()

    def __init__(self, name: str) -> None:
        super().__init__(_OF_OURS + quote(name, safe="", errors="surrogatepass"))


class UrlService(Service):
    """A whole URL, as pip asks for it: without its userinfo.

    Raises :class:`NotAskable` for what is no http(s) URL, or has dot segments, which a backend with
    folders would follow to another entry.
    """

    __slots__ = ()

    def __init__(self, url: str) -> None:
        bare = _without_userinfo(url)
        segments = re.split(r"[/\\]", unquote(bare))
        if not bare.lower().startswith(("http://", "https://")) or {".", ".."} & set(segments):
            raise NotAskable("its URL has dot segments")
        super().__init__(bare)

    def spellings(self) -> tuple[UrlService, UrlService]:
        """It and the same with a slash at the end, or without: people store both."""
        text = str(self)
        other = text[:-1] if text.endswith("/") else f"{text}/"
        return self, UrlService(other)


class HostService(Service):
    """The host of a URL, with the port if it names one, as pip asks for it.

    Raises :class:`NotAskable` for a host that is called like an entry of Poetry's or ours, in any
    spelling.
    """

    __slots__ = ()

    def __init__(self, url: str) -> None:
        netloc = urlsplit(_without_userinfo(url)).netloc
        for host in (netloc, Origin.of(url).host):
            if host.casefold().startswith(_OF_POETRY):
                raise NotAskable(f"in a keyring, {host} names the login of a repository")
        super().__init__(netloc)


class OwnEntry(NamedTuple):
    """A secret of a repository that only this plugin knows of.

    :param what: it, for a person.
    :param user: the user of its entry.
    :param old_user: its user in earlier versions, which kept it in Poetry's own service;
        empty for what they did not have.
    """

    what: str
    user: str
    old_user: str = ""

    def address(self, name: str) -> Address:
        """Where it lies for the repository ``name``."""
        return str(OwnService(name)), self.user

    def old_address(self, name: str) -> Address | None:
        """Where earlier versions kept it; ``None`` for a name that they cannot have kept one
        for.
        """
        if not self.old_user:
            return None
        try:
            return str(RepositoryService(name)), self.old_user
        except NotAskable:
            return None


PASSPHRASE = OwnEntry("passphrase", "client-key-passphrase", "__client_key_passphrase__")
SHORT_LIVED = OwnEntry("short-lived token", "short-lived-token", "__short_lived__")
SIGN_IN = OwnEntry("sign-in", "oauth-tokens")
HEADERS = OwnEntry("further headers", "headers")

_RESERVED_USERS = (EMPTY_USER, PASSPHRASE.old_user, SHORT_LIVED.old_user)


def login_address(name: str, username: str) -> Address | None:
    """Where the login of ``username`` lies; ``None`` where a keyring cannot have one."""
    if is_reserved_user(username):
        return None
    try:
        return str(RepositoryService(name)), username or EMPTY_USER
    except NotAskable:
        return None


def is_reserved_user(username: str | None) -> bool:
    """Whether entries under this name are no login of a user; case is ignored, as some backends
    ignore it.

    Nor is one that a backend with folders would follow to another entry: a project may name the
    user.
    """
    return username is not None and (
        username.casefold() in _RESERVED_USERS or ".." in _segments(username)
    )


def _segments(part: str) -> list[str]:
    """The folders and the file that some backends make of a part of an entry's name."""
    return re.split(r"[/\\]", part)


def _without_userinfo(url: str) -> str:
    try:
        Origin.of(url)
        return split_userinfo(url)[0]
    except InvalidUrl:
        raise NotAskable("its URL names no host") from None
