"""Regular expressions of which a run needs few."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, AnyStr, Generic, Union


class Pattern(Generic[AnyStr]):
    """A regular expression that is compiled at its first use: compiling all of ours takes 20 ms of
    every start.
    """

    def __init__(self, text: AnyStr, flags: int = 0) -> None:
        self.text: AnyStr = text
        self.flags = flags

    @cached_property
    def compiled(self) -> re.Pattern[AnyStr]:
        """It, compiled now. Raises :class:`re.error`."""
        return re.compile(self.text, self.flags)

    def search(self, text: AnyStr) -> re.Match[AnyStr] | None:
        """As :meth:`re.Pattern.search`."""
        return self.compiled.search(text)

    def match(self, text: AnyStr) -> re.Match[AnyStr] | None:
        """As :meth:`re.Pattern.match`."""
        return self.compiled.match(text)

    def fullmatch(self, text: AnyStr) -> re.Match[AnyStr] | None:
        """As :meth:`re.Pattern.fullmatch`."""
        return self.compiled.fullmatch(text)

    def finditer(self, text: AnyStr) -> Iterator[re.Match[AnyStr]]:
        """As :meth:`re.Pattern.finditer`."""
        return self.compiled.finditer(text)

    def findall(self, text: AnyStr) -> list[Any]:
        """As :meth:`re.Pattern.findall`."""
        return self.compiled.findall(text)

    def sub(
        self,
        replacement: Union[AnyStr, Callable[[re.Match[AnyStr]], AnyStr]],
        text: AnyStr,
        count: int = 0,
    ) -> AnyStr:
        """As :meth:`re.Pattern.sub`."""
        return self.compiled.sub(replacement, text, count)
