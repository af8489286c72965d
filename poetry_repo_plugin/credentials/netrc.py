"""Source 6: the netrc file."""

from __future__ import annotations

import netrc
from collections.abc import Mapping
from pathlib import Path

from poetry_repo_plugin.core.origin import InvalidUrl, Origin
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.credentials.base import Answer, Broken, Credential, Need, NotMine, Query


class NetrcSource:
    """``$NETRC``, else ``~/.netrc`` or ``~/_netrc``, by host name (the format knows no port and no
    scheme).

    A ``default`` entry names no host, so it answers only after a refusal, and only for a
    repository: a stranger's host need only refuse to be asked again.
    """

    name = "netrc"

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def get(self, query: Query) -> Answer:
        """The entry of the URL's host. A file that cannot be parsed is broken only for whom nothing
        else answered.
        """
        file = self._file()
        if file is None:
            return NotMine("there is no netrc file")
        try:
            host = Origin.of(query.url).host
        except InvalidUrl:
            return NotMine("its URL names no host")
        try:
            entries = netrc.netrc(str(file))
        except (
            netrc.NetrcParseError,
            ValueError,
        ):  # the second for what is no UTF-8, and for a quote on Python 3.10
            return Broken.because(f"{file} cannot be parsed", source=self.name)
        except OSError as error:
            return Broken.because(
                f"{file} cannot be read ({(error.strerror or 'error').lower()})", source=self.name
            )
        may_search = bool(query.name) and query.allows(Need.SEARCH)
        default = may_search and "default" in entries.hosts
        known = default or (host in entries.hosts and host != "default")
        found = None
        if known:
            found = entries.authenticators(host)
        if found is None:
            return NotMine(f"{file} has no entry for {host}")
        username, _, password = found
        if query.username is not None and query.username != username:
            return NotMine(f"the entry for {host} in {file} is for another user")
        return Credential(
            Secret(password or ""), username or "", self.name, f"{file}, machine {host}"
        )

    def _file(self) -> Path | None:
        named = self._environ.get("NETRC")
        for name in [named] if named else ["~/.netrc", "~/_netrc"]:
            try:
                path = Path(name).expanduser()
                if path.is_file():
                    return path
            except (OSError, RuntimeError):  # it may not be looked at; there is no such home
                continue
        return None
