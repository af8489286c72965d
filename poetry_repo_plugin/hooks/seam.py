"""A method of Poetry that is replaced or relied on, and the check that it is what we expect."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from typing import Any, NamedTuple


class Seam(NamedTuple):
    """A method of Poetry, or of a library below it, that we replace or rely on.

    :param place: module and class, with a colon between them.
    :param replacement: called with the original before the method's own arguments; ``None`` for a
        method that is only relied on.
    :param parameters: those that we rely on.
    :param optional: an older Poetry lacks it and does without.
    """

    place: str
    name: str
    replacement: Callable[..., Any] | None = None
    parameters: tuple[str, ...] = ()
    optional: bool = False

    @property
    def owner(self) -> Any:
        """The class. Raises :class:`ImportError` or :class:`AttributeError` where there is none."""
        module, _, class_name = self.place.partition(":")
        return getattr(import_module(module), class_name)

    def fault(self) -> str | None:
        """What this Poetry lacks of it; ``None`` if it fits."""
        shown = f"{self.place.partition(':')[2]}.{self.name}"
        try:
            found = getattr(self.owner, self.name)
        except (ImportError, AttributeError):
            if self.optional:
                return None
            return shown
        if self.parameters and not set(self.parameters) <= set(inspect.signature(found).parameters):
            return f"{shown}({', '.join(self.parameters)})"
        return None

    def put_in_place(self) -> None:
        """Replace the method on its class. The original stays reachable as ``__wrapped__``."""
        replacement = self.replacement
        if replacement is None or (self.optional and not hasattr(self.owner, self.name)):
            return
        original = getattr(self.owner, self.name)
        static = isinstance(inspect.getattr_static(self.owner, self.name), staticmethod)

        @wraps(original)
        def replaced(*arguments: Any, **options: Any) -> Any:
            try:
                return replacement(original, *arguments, **options)
            except Exception as error:  # Poetry's executor prints it, without an event
                from poetry_repo_plugin.hooks.run import tell_if_unexpected

                tell_if_unexpected(error)
                raise

        setattr(self.owner, self.name, staticmethod(replaced) if static else replaced)
