"""The adapter for what is neither http nor https."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from requests.adapters import BaseAdapter

from poetry_repo_plugin.core.errors import Cause, Failure
from poetry_repo_plugin.core.origin import redact
from poetry_repo_plugin.http.auth import Access
from poetry_repo_plugin.http.failures import failure

if TYPE_CHECKING:
    from requests import PreparedRequest


class RefusingAdapter(BaseAdapter):
    """For all that is neither http nor https, where a hostile or broken index may lead. Requests
    would raise something that Poetry takes for the network, and tries again.
    """

    def __init__(
        self,
        access: Callable[[], Access],
        report: Callable[[Failure], Exception],
        owner: Callable[[], str | None],
    ) -> None:
        super().__init__()
        self._get_access = access
        self._report = report
        self._owner = owner

    def send(self, request: PreparedRequest, *arguments: Any, **options: Any) -> NoReturn:
        """Raise what ``report`` makes of it; nothing is opened."""
        name = self._owner()
        repository = None
        if name is not None:
            repository = self._get_access().catalogue.find(name)
        where = redact(request.url or "")[:200]
        message = f"it leads to {where!r}, which is neither http nor https; it was not followed."
        raise self._report(failure(Cause.NOT_AN_INDEX, message, repository))

    def close(self) -> None:
        """There is nothing to close."""
