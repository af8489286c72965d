"""Names of packages, as indexes compare them, and patterns of such names."""

from __future__ import annotations

from poetry_repo_plugin.core.patterns import Pattern

NO_PATTERN = "no package name can match it; use letters, digits, '.', '-', '_', '*' and '?'"

_SEPARATORS = Pattern(r"[-_.]+")
_PATTERN = Pattern(r"[a-z0-9*?](?:[a-z0-9*?-]*[a-z0-9*?])?")


def normalized(name: str) -> str:
    """``name`` in the one spelling that stands for all of its spellings (PEP 503)."""
    return _SEPARATORS.sub("-", name).lower()


def pattern_of(text: str) -> str | None:
    """``text`` normalised, if it is a pattern that some package's name could match; else ``None``.

    Besides what a name may hold, ``*`` stands for any characters and ``?`` for one.
    """
    if not text.isascii():
        return None
    pattern = normalized(text)
    if _PATTERN.fullmatch(pattern):
        return pattern
    return None


def patterns_in(value: object) -> tuple[str, ...]:
    """The patterns that a setting holds, as they are written.

    What is none stays, to be told of: left out in silence, it would leave its names to everybody.
    """
    if value is None:
        return ()
    return tuple(map(str, value if isinstance(value, list) else [value]))


def matches(pattern: str, name: str) -> bool:
    """Whether a pattern takes in a name; both are normalised already.

    In time that grows with the product of the two lengths, however many stars there are: a pattern
    may be a stranger's.
    """
    at, of_pattern = 0, 0
    star, behind_star = -1, 0
    while at < len(name):
        one = pattern[of_pattern : of_pattern + 1]
        if one == "*":
            star, behind_star = of_pattern, at
            of_pattern += 1
        elif one == "?" or one == name[at]:
            at, of_pattern = at + 1, of_pattern + 1
        elif star >= 0:
            behind_star += 1
            at, of_pattern = behind_star, star + 1
        else:
            return False
    return not pattern[of_pattern:].strip("*")
