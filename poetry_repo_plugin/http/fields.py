"""Header fields that a request has on the wire and nowhere else: no copy, cache, log or exception
keeps them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from poetry_repo_plugin.core.headers import COOKIE, Headers

if TYPE_CHECKING:
    from requests import PreparedRequest


def put_on(request: PreparedRequest, headers: Headers) -> dict[str, str | None]:
    """Add ``headers`` to ``request``; returns what was there before, for :func:`take_off`.

    A cookie joins those that the server itself has set (RFC 6265, 5.4).
    """
    before: dict[str, str | None] = {}
    for name, value in headers:
        earlier = before[name] = request.headers.get(name)
        text = value.reveal()
        if name.lower() == COOKIE and earlier:
            text = f"{earlier}; {text}"
        request.headers[name] = text
    return before


def take_off(request: PreparedRequest, before: dict[str, str | None]) -> None:
    """Undo :func:`put_on`; a second time does nothing."""
    while before:
        name, earlier = before.popitem()
        if earlier is None:
            request.headers.pop(name, None)
        else:
            request.headers[name] = earlier
