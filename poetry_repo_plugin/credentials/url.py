"""Source 1: what the command line or the URL itself says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Union

from poetry_repo_plugin.credentials.base import Answer, Credential, NotMine, Query, Unusable

USER_IN_URL = "user name of the URL"


class GivenSource:
    """A credential that was given for this command, or that a project's source URL carries.

    :param given: finds it for a query; the credential says itself whether it is ``option`` or
        ``url``.
    :param name: how it is called in ``repo show``.
    """

    def __init__(
        self,
        given: Callable[[Query], Union[Credential, Unusable, None]],
        name: str = "command line or URL",
    ) -> None:
        self._given = given
        self.name = name

    def get(self, query: Query) -> Answer:
        """The credential that was given, if there is one."""
        return self._given(query) or NotMine("none was given")
