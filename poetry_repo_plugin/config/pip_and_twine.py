"""Reading what other tools know of repositories: ``.pypirc`` (twine) and ``pip.conf``."""

from __future__ import annotations

import configparser
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from poetry_repo_plugin.core.errors import InputError, StateError
from poetry_repo_plugin.core.hints import repo
from poetry_repo_plugin.core.names import is_pypi
from poetry_repo_plugin.core.origin import InvalidUrl, Origin, redact, split_userinfo
from poetry_repo_plugin.core.paths import path_segments
from poetry_repo_plugin.core.secret import Secret, remember
from poetry_repo_plugin.core.servers import (
    OLD_PYPI_HOSTS,
    TESTPYPI_UPLOADS,
    looks_like_index,
    profile_of,
    publish_url_of,
)
from poetry_repo_plugin.core.variables import env_key

_VARIABLE = r"\$\w+|\$\{[^}]*\}|%\w+%"
_NO_VARIABLES = "it contains a variable, which is not expanded here"
_OF_PIP_ALONE = {
    "proxy": "for Poetry, set HTTPS_PROXY instead",
    "timeout": "for Poetry, set POETRY_REQUESTS_TIMEOUT instead",
    "find-links": "Poetry does not support it; use an index or a path dependency",
    "no-index": "projects choose their sources; poetry repo add NAME URL --default turns PyPI off",
}


@dataclass(frozen=True)
class Found:
    """One repository as another tool's file has it. ``origin`` is the file.

    :param replaces_pypi: its file names it in PyPI's place.
    """

    name: str
    origin: Path
    index_url: str | None = None
    publish_url: str | None = None
    username: str | None = None
    secret: Secret | None = None
    ca: Path | None = None
    client_cert: Path | None = None
    replaces_pypi: bool = False

    @property
    def urls(self) -> list[str]:
        """The URLs that it has, without repetition."""
        return list(dict.fromkeys(url for url in (self.index_url, self.publish_url) if url))

    @property
    def token_is_username(self) -> bool:
        """Whether its server takes the token as the user name, which is then never shown."""
        profile = None
        if self.urls:
            profile = profile_of(self.urls[0])
        return profile is not None and profile.token_is_username

    def goes_with(self, other: Found) -> bool:
        """Whether one name can hold the logins of both: they are the same, or only one has any."""
        if self.username is None or other.username is None:
            return True
        return self.username == other.username and (
            self.secret is None or other.secret is None or self.secret == other.secret
        )


@dataclass(frozen=True)
class Contents:
    """What other tools' files hold.

    :param left_out: what of it is not taken over, and why; a sentence each, without a secret.
    """

    found: list[Found]
    left_out: list[str]


def default_files(environ: Mapping[str, str] = os.environ) -> list[Path]:
    """The files that twine and pip read here, those that exist; pip's in its order, of which a
    later one wins.

    https://packaging.python.org/en/latest/specifications/pypirc/ and
    https://pip.pypa.io/en/stable/topics/configuration/
    """
    home = Path("~").expanduser()
    chosen = environ.get("PIP_CONFIG_FILE") or ""
    candidates = [home / ".pypirc"]
    if chosen != os.devnull:  # pip: "disables the loading of all configuration files"
        shared = [
            Path(folder)
            for folder in (environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(os.pathsep)
            if folder
        ]
        mac = Path("Library", "Application Support", "pip", "pip.conf")
        candidates += [
            *(folder / "pip" / "pip.conf" for folder in reversed(shared)),
            Path("/etc/pip.conf"),
            Path("/") / mac,
            *(
                [Path(environ["PROGRAMDATA"]) / "pip" / "pip.ini"]
                if environ.get("PROGRAMDATA")
                else []
            ),
            home / ".pip" / "pip.conf",
            home / "pip" / "pip.ini",
            Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "pip" / "pip.conf",
            home / mac,
            *([Path(environ["APPDATA"]) / "pip" / "pip.ini"] if environ.get("APPDATA") else []),
            *([Path(os.path.expanduser(chosen)).absolute()] if chosen else []),
        ]
    return [path for path in dict.fromkeys(candidates) if path.is_file()]


def read_files(paths: Iterable[Path]) -> Contents:
    """The repositories in all of them. An index that several files of pip name is taken from the
    last. Raises as :func:`read_file`.
    """
    found: dict[tuple[object, ...], Found] = {}
    left_out: list[str] = []
    for path in paths:
        contents = read_file(path)
        left_out += contents.left_out
        for one in contents.found:
            key = (one.index_url.rstrip("/"),) if one.index_url is not None else (path, one.name)
            found.pop(key, None)
            found[key] = one
    return Contents(list(found.values()), left_out)


def read_file(path: Path) -> Contents:
    """The repositories in a ``.pypirc`` or a ``pip.conf``, told apart by their sections.

    Raises :class:`StateError` for a file that cannot be read, :class:`InputError` for one that is
    neither.
    """
    parser = configparser.RawConfigParser(strict=False)
    left_out: list[str] = []
    try:
        parser.read_string(path.read_text(encoding="utf-8-sig"), str(path))
    except OSError as error:
        raise StateError(f"{path} cannot be read: {(error.strerror or 'error').lower()}.") from None
    except (configparser.Error, UnicodeDecodeError):
        raise StateError(f"{path} cannot be parsed. It was not changed.") from None
    if any(parser.has_section(section) for section in ("global", "install", "download", "wheel")):
        found = _from_pip(path, parser, left_out)
    elif parser.sections():
        found = _from_pypirc(path, parser, left_out)
    else:
        raise InputError(f"{path} is neither a .pypirc nor a pip.conf.")
    return Contents(
        _unique([_with_token(one) for one in found]), [f"{path}: {why}." for why in left_out]
    )


def _with_token(found: Found) -> Found:
    """A token that its server takes as the user name needs no password."""
    takes_it = found.username is not None and found.secret is None and found.token_is_username
    if not takes_it:
        return found
    return replace(found, secret=Secret(""))


def _from_pypirc(
    path: Path, parser: configparser.RawConfigParser, left_out: list[str]
) -> list[Found]:
    found = []
    for section in _listed(parser, left_out):
        values = dict(parser.items(section))
        named = _server(section, values.get("repository"))
        if isinstance(named, str):
            left_out.append(f"[{section}] is left out, because {named}")
            continue
        name, url, username, secret = named
        password = values.get("password")
        if password is not None:
            secret = Secret(password)  # an empty one is one
        username = values.get("username") or username
        if _is_variable(username) or (secret is not None and _is_variable(secret.reveal())):
            left_out.append(f"the login of [{section}] is left out: {_NO_VARIABLES}")
            username, secret = None, None
        index_url = None
        if url is not None and looks_like_index(url):
            index_url = url
            if profile_of(url) is not None:
                url = None
                left_out.append(
                    f"{index_url} of [{section}] is for installing, and no upload URL is known"
                )
        found.append(
            Found(
                name,
                path,
                index_url=index_url,
                publish_url=url,
                username=username,
                secret=secret,
                ca=_path(values.get("ca_cert")),
                client_cert=_path(values.get("client_cert")),
            )
        )
    return found


def _listed(parser: configparser.RawConfigParser, left_out: list[str]) -> list[str]:
    """The sections of servers: those that ``index-servers`` lists, else all."""
    others = ("distutils", "server-login")
    if parser.has_section("server-login"):
        left_out.append("[server-login] is left out: it names no server")
    sections = [section for section in parser.sections() if section not in others]
    lines = parser.get("distutils", "index-servers", fallback="").split("\n")
    words = [
        [line.strip()] if line.strip() in sections else re.split(r"[\s,]+", line.strip())
        for line in lines
    ]
    listed = list(dict.fromkeys(word for line in words for word in line if word))
    left_out += [
        f"index-servers lists {word!r}, but there is no such section"
        for word in listed
        if word not in sections
    ]
    if listed:
        left_out += [
            f"[{section}] is left out: index-servers does not list it"
            for section in sections
            if section not in listed
        ]
    return [section for section in listed or sections if section in sections]


def _server(
    section: str, url: str | None
) -> tuple[str, str | None, str | None, Secret | None] | str:
    """Name, upload URL and login of a section of ``.pypirc``; for one that names no server, why.

    ``[pypi]`` and ``[testpypi]`` need no URL (twine's ``utils.get_config``); ``[pypi]`` with the
    URL of another server is that server, whose login is none of PyPI's business. Any other section
    with PyPI's own URL keeps its name, and its token: that is how one has a token for each project.
    """
    if url is None:
        defaults = {"pypi": None, "testpypi": TESTPYPI_UPLOADS}
        if section.lower() not in defaults:
            return "it names no repository"
        return section.lower(), defaults[section.lower()], None, None
    try:
        bare, username, secret = split_userinfo(url)
        origin = Origin.of(bare)
    except InvalidUrl as error:
        return str(error)
    if origin.host in OLD_PYPI_HOSTS and section.lower() in ("pypi", "testpypi"):
        if is_pypi(section):
            return section.lower(), None, username, secret
        return section.lower(), TESTPYPI_UPLOADS, username, secret
    profile = profile_of(bare)
    if profile is not None and profile.kind == "pypi":
        if is_pypi(section):
            return ("pypi", None, username, secret)
        return (_name(section), publish_url_of(bare), username, secret)
    return (
        _name_of_index(origin, bare) if is_pypi(section) else _name(section),
        bare,
        username,
        secret,
    )


def _from_pip(path: Path, parser: configparser.RawConfigParser, left_out: list[str]) -> list[Found]:
    def value(key: str) -> str | None:
        for section in ("install", "global", "download", "wheel"):
            for spelling in (key, key.replace("-", "_")):
                if parser.has_option(section, spelling):
                    return parser.get(section, spelling)
        return None

    for host in (value("trusted-host") or "").split():
        left_out.append(
            f"trusted-host {host} is left out; servers are verified ({repo('certs', 'NAME', '--insecure')})"
        )
    for key, instead in _OF_PIP_ALONE.items():
        if value(key) is not None:
            left_out.append(f"{key} is left out: {instead}")
    first = (value("index-url") or "").split()
    urls = [*first, *(value("extra-index-url") or "").split()]
    keeps_pypi = not first
    found = []
    for url in urls:
        try:
            bare, username, secret = split_userinfo(url)
            origin = Origin.of(bare)
        except InvalidUrl as error:  # pip takes a folder as well
            left_out.append(f"an index is left out, because {redact(str(error))}")
            continue
        if username and secret is None:
            remember(username)  # as likely a token as a name
        profile = profile_of(bare)
        if profile is not None and profile.kind == "pypi":
            keeps_pypi = True
            continue
        if _is_variable(username) or (secret is not None and _is_variable(secret.reveal())):
            left_out.append(f"the login of {bare} is left out: {_NO_VARIABLES}")
            username, secret = None, None
        found.append(
            Found(
                _name_of_index(origin, bare),
                path,
                index_url=bare,
                username=username,
                secret=secret,
                ca=_path(value("cert")),
                client_cert=_path(value("client-cert")),
                replaces_pypi=url in first,
            )
        )
    # pip asks PyPI only where nothing else is its `index-url`, or where it is named beside that.
    if not keeps_pypi:
        return found
    return [replace(one, replaces_pypi=False) for one in found]


def _is_variable(text: str | None) -> bool:
    """Tell whether a shell, or pip, would put something else in the place of ``text``."""
    return text is not None and re.fullmatch(_VARIABLE, text) is not None


def _path(text: str | None) -> Path | None:
    if not text:
        return None
    return Path(os.path.expanduser(text)).absolute()


def _name(text: str) -> str:
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._")
    return re.sub(r"\.{2,}", ".", name)[:60] or "imported"


def _name_of_index(origin: Origin, url: str) -> str:
    """A name for an index that its file gives none: the host's, with the path's last telling
    segment.
    """
    words = [origin.host.removeprefix("www.").removeprefix("pypi.").split(".")[0]]
    telling = list(path_segments(url.split("://", 1)[1].partition("/")[2]))
    words += [
        segment
        for segment in telling
        if segment not in ("", "simple", "+simple", "pypi", "api", "repository")
    ][-1:]
    return _name("-".join(words))


def _unique(found: list[Found]) -> list[Found]:
    taken: set[str] = set()
    unique = []
    for one in found:
        name, number = one.name, 2
        while env_key(name) in taken:
            name, number = f"{one.name}-{number}", number + 1
        taken.add(env_key(name))
        unique.append(replace(one, name=name))
    return unique
