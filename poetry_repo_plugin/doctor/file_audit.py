"""Credentials written into files that travel: ``pyproject.toml`` and ``poetry.lock``."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress

from poetry_repo_plugin.config.pyproject import SourceText
from poetry_repo_plugin.config.toml import dump, parse, same
from poetry_repo_plugin.core.origin import InvalidUrl, Prefix, redact, split_userinfo
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.core.servers import profile_of

_URL = re.compile(r"[A-Za-z0-9+.-]://[^\s\"'<>]+")  # from the last letter of its scheme on
_PLACEHOLDER = re.compile(r"\$\{?\w+\}?|\{+\w+\}+|\*+|%\w+%|<\w+>")
_LOCKED_URL = re.compile(r'^(url\s*=\s*)"((?:[^"\\]|\\.)*)"[ \t]*$')


def login_in(url: str) -> tuple[str, str, Secret] | None:
    """``url`` without its userinfo, and the user name and secret in it; ``None`` where there is no
    secret.

    A user name alone is none, except where the server takes its token as the user name.
    """
    try:
        bare, username, secret = split_userinfo(url)
    except ValueError:
        return None
    if username is None:
        return None
    if secret is None:
        profile = profile_of(bare)
        if profile is None or not profile.token_is_username or _PLACEHOLDER.fullmatch(username):
            return None
        return bare, username, Secret("")
    if _PLACEHOLDER.fullmatch(secret.reveal()):
        return None
    return (bare, username, secret)


def lines_with_password(text: str) -> Iterator[int]:
    """The numbers of the lines in which a URL holds a user name and a password; a variable's name
    is none.
    """
    for number, line in enumerate(text.splitlines(), 1):
        if any(_has_password(found[0]) for found in _URL.finditer(line)):
            yield number


def sources_with_login(text: str) -> dict[str, tuple[str, str, Secret]]:
    """The sources of a ``pyproject.toml`` whose URLs hold a secret, and what :func:`login_in` says
    of them.

    Raises :class:`StateError` for a text that cannot be parsed.
    """
    found = {}
    for unit in SourceText(text).units:
        url = unit.data.get("url")
        login = None
        if isinstance(url, str):
            login = login_in(url)
        if login is not None:
            found[str(unit.data.get("name", ""))] = login
    return found


def without_logins(text: str, names: Collection[str]) -> str:
    """``text`` (a ``pyproject.toml``) with the URLs of the sources ``names`` free of userinfo."""
    source = SourceText(text)
    for unit in source.units:
        login = login_in(str(unit.data.get("url", "")))
        if login is not None and unit.data.get("name") in names:
            source.set(unit, "url", login[0])
    return source.text()


def strip_lock(text: str, owned: Callable[[str], bool]) -> str:
    """``text`` (a ``poetry.lock``) with no userinfo in the URLs of package sources.

    Only ``[package.source]`` of an index (type ``legacy``) whose bare URL ``owned`` knows is
    touched: Poetry looks such an index up by its name, so nothing is lost. Every other byte stays;
    a text in which that cannot be made sure is given back as it is.
    """
    lines = text.splitlines(keepends=True)
    block: list[int] = []
    for number, line in enumerate([*lines, "["]):
        if not line.startswith("["):
            block.append(number)
            continue
        if (
            block
            and _header(lines, block) == "[package.source]"
            and any(_is_legacy(lines[at]) for at in block)
        ):
            _strip(lines, block, owned)
        block = [number]
    new = "".join(lines)
    if new != text and same(_bare(parse(text), owned), parse(new)):
        return new
    return text


def is_owned(url: str, urls: Collection[str]) -> bool:
    """Whether ``url`` is one of ``urls``, a slash at the end making no difference."""
    prefixes = set()
    for other in urls:
        with suppress(InvalidUrl):
            prefixes.add(Prefix.of(other))
    try:
        return Prefix.of(url) in prefixes
    except InvalidUrl:
        return False


def _has_password(url: str) -> bool:
    shown = redact(url)
    if shown == url:
        return False
    userinfo = url.partition("://")[2].removesuffix(shown.partition("****@")[2])[:-1]
    password = userinfo.partition(":")[2]
    return bool(password) and not _PLACEHOLDER.fullmatch(password)


def _header(lines: list[str], block: list[int]) -> str:
    return lines[block[0]].strip()


def _is_legacy(line: str) -> bool:
    return re.match(r'type\s*=\s*"legacy"', line) is not None


def _strip(lines: list[str], block: list[int], owned: Callable[[str], bool]) -> None:
    for at in block:
        end = lines[at][len(lines[at].rstrip("\r\n")) :]
        found = _LOCKED_URL.match(lines[at].rstrip("\r\n"))
        login = None
        if found:
            login = login_in(str(parse(f'url = "{found[2]}"')["url"]))
        if found and login is not None and owned(login[0]):
            lines[at] = f"{found[1]}{dump(login[0])}{end}"


def _bare(data: dict[str, object], owned: Callable[[str], bool]) -> dict[str, object]:
    """What a lock file must say when it is stripped."""
    packages = data.get("package")
    for package in packages if isinstance(packages, list) else []:
        source = None
        if isinstance(package, dict):
            source = package.get("source")
        login = None
        if isinstance(source, dict):
            login = login_in(str(source.get("url", "")))
        if (
            isinstance(source, dict)
            and source.get("type") == "legacy"
            and login is not None
            and owned(login[0])
        ):
            source["url"] = login[0]
    return data
