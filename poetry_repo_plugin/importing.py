"""Reading what other tools know of repositories: ``.pypirc`` (twine) and ``pip.conf``."""

from __future__ import annotations

import configparser
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from poetry_repo_plugin.errors import InputError, StateError
from poetry_repo_plugin.names import env_key, is_pypi
from poetry_repo_plugin.origin import InvalidUrl, Origin, path_segments, split_userinfo
from poetry_repo_plugin.profiles import profile_of
from poetry_repo_plugin.secret import Secret


@dataclass(frozen=True)
class Found:
    """One repository as another tool's file has it. ``origin`` is the file."""

    name: str
    origin: Path
    index_url: str | None = None
    publish_url: str | None = None
    username: str | None = None
    secret: Secret | None = None
    ca: Path | None = None
    client_cert: Path | None = None

    @property
    def urls(self) -> list[str]:
        """The URLs that it has, without repetition."""
        return list(dict.fromkeys(url for url in (self.index_url, self.publish_url) if url))


def default_files(environ: Mapping[str, str] = os.environ) -> list[Path]:
    """The files that twine and pip read here, those that exist.

    https://packaging.python.org/en/latest/specifications/pypirc/ and https://pip.pypa.io/en/stable/topics/configuration/
    """
    home = Path("~").expanduser()
    configuration = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    candidates = [
        home / ".pypirc",
        Path(environ["PIP_CONFIG_FILE"]) if environ.get("PIP_CONFIG_FILE") else None,
        configuration / "pip" / "pip.conf",
        home / "Library" / "Application Support" / "pip" / "pip.conf",
        home / ".pip" / "pip.conf",
        Path(environ["APPDATA"]) / "pip" / "pip.ini" if environ.get("APPDATA") else None,
        Path("/etc/pip.conf"),
    ]
    return [path for path in candidates if path is not None and path.is_file()]


def read_file(path: Path) -> list[Found]:
    """The repositories in a ``.pypirc`` or a ``pip.conf``, told apart by their sections.

    Raises :class:`StateError` for a file that cannot be read, :class:`InputError` for one that is neither.
    """
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise StateError(f"{path} cannot be read: {(error.strerror or 'error').lower()}.") from None
    except (configparser.Error, UnicodeDecodeError):
        raise StateError(f"{path} cannot be parsed. It was left as it is.") from None
    if any(parser.has_section(section) for section in ("global", "install", "download", "wheel")):
        return _unique(_from_pip(path, parser))
    if parser.sections():
        return _unique(_from_pypirc(path, parser))
    raise InputError(f"{path} is neither a .pypirc nor a pip.conf.")


def _from_pypirc(path: Path, parser: configparser.RawConfigParser) -> list[Found]:
    listed = parser.get("distutils", "index-servers", fallback="").split()
    found = []
    for section in listed or [section for section in parser.sections() if section != "distutils"]:
        if not parser.has_section(section):
            continue
        values = dict(parser.items(section))
        named = _server(section, values.get("repository"))
        if named is None:
            continue
        name, url, username, secret = named
        password = values.get("password")
        found.append(
            Found(
                name,
                path,
                publish_url=url,
                username=values.get("username") or username,
                secret=Secret(password) if password else secret,
                ca=_path(values.get("ca_cert")),
                client_cert=_path(values.get("client_cert")),
            )
        )
    return found


def _server(section: str, url: str | None) -> tuple[str, str | None, str | None, Secret | None] | None:
    """Name, upload URL and login of a section of ``.pypirc``; ``None`` for one that names no server.

    ``[pypi]`` and ``[testpypi]`` need no URL (twine's ``utils.get_config``); ``[pypi]`` with the URL of another server
    is that server, whose login is none of PyPI's business.
    """
    if url is None:
        defaults = {"pypi": None, "testpypi": "https://test.pypi.org/legacy/"}
        return (section.lower(), defaults[section.lower()], None, None) if section.lower() in defaults else None
    try:
        bare, username, secret = split_userinfo(url)
        origin = Origin.of(bare)
    except InvalidUrl:
        return None
    profile = profile_of(bare)
    if profile is not None and profile.kind == "pypi":
        return "pypi", None, username, secret
    return _name_of_index(origin, bare) if is_pypi(section) else _name(section), bare, username, secret


def _from_pip(path: Path, parser: configparser.RawConfigParser) -> list[Found]:
    def value(key: str) -> str | None:
        for section in ("install", "global", "download", "wheel"):
            for spelling in (key, key.replace("-", "_")):
                if parser.has_option(section, spelling):
                    return parser.get(section, spelling)
        return None

    urls = [*(value("index-url") or "").split(), *(value("extra-index-url") or "").split()]
    found = []
    for url in urls:
        try:
            bare, username, secret = split_userinfo(url)
            origin = Origin.of(bare)
        except InvalidUrl:  # pip takes a folder as well
            continue
        profile = profile_of(bare)
        if profile is not None and profile.kind == "pypi":
            continue
        found.append(
            Found(
                _name_of_index(origin, bare),
                path,
                index_url=bare,
                username=username,
                secret=secret,
                ca=_path(value("cert")),
                client_cert=_path(value("client-cert")),
            )
        )
    return found


def _path(text: str | None) -> Path | None:
    return Path(os.path.expanduser(text)).absolute() if text else None


def _name(text: str) -> str:
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._")
    return re.sub(r"\.{2,}", ".", name)[:60] or "imported"


def _name_of_index(origin: Origin, url: str) -> str:
    """A name for an index that its file gives none: the host's, with the path's last telling segment."""
    words = [origin.host.removeprefix("www.").removeprefix("pypi.").split(".")[0]]
    telling = list(path_segments(url.split("://", 1)[1].partition("/")[2]))
    words += [segment for segment in telling if segment not in ("simple", "+simple", "pypi", "api", "repository")][-1:]
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
