"""Hints: the commands that mend a failure, as lists of words. They become text here and nowhere
else.

Names and URLs in a hint may be a stranger's, and a hint is there to be typed. So a name that no
repository can have is never put into one, nor a URL that is none, and every other word is quoted.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from poetry_repo_plugin.core.origin import InvalidUrl, Origin, redact
from poetry_repo_plugin.core.patterns import Pattern

LONGEST_NAME = 100  # characters
_NAME = Pattern(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_OF_URL = ("--url", "--publish-url")


class Hint(str):
    """Commands to type, one after the other. As a text it is what a person sees; ``Hint()`` is no
    hint.

    :param commands: each a list of words.
    :param cut: words are left out at the end, shown as an ellipsis.
    """

    commands: tuple[tuple[str, ...], ...]
    cut: bool

    def __new__(cls, commands: Iterable[Sequence[str]] = (), *, cut: bool = False) -> Hint:
        safe = tuple(tuple(_safe(words)) for words in commands)
        shown = " && ".join(" ".join(map(_quoted, words)) for words in safe)
        self = super().__new__(cls, f"{shown} …" if cut else shown)
        self.commands, self.cut = safe, cut
        return self

    def then(self, other: Hint) -> Hint:
        """This, and if it went well ``other``."""
        return Hint((*self.commands, *other.commands), cut=other.cut)

    def adding(self, *words: str) -> Hint:
        """The same with further words at the end of the last command."""
        *before, last = self.commands
        return Hint((*before, (*last, *words)), cut=self.cut)


def is_name(name: str) -> bool:
    """Whether a repository can be called ``name``."""
    return len(name) <= LONGEST_NAME and bool(_NAME.fullmatch(name)) and ".." not in name


def command(*words: str) -> Hint:
    """One command, such as a vendor's own tool."""
    return Hint([words])


def repo(verb: str, name: str | None = None, *words: str) -> Hint:
    """``poetry repo VERB NAME WORDS``; of a name that no repository can have, ``NAME``."""
    named = []
    if name is not None:
        named = [name if is_name(name) else "NAME"]
    return Hint([("poetry", "repo", verb, *named, *words)])


def unset(*variables: str) -> Hint:
    """Take variables out of the environment."""
    if os.name == "nt":
        return Hint([("set", f"{variable}=") for variable in variables])
    return Hint([("unset", *variables)])


def export(**variables: str) -> Hint:
    """Put variables into the environment."""
    words = [f"{variable}={value}" for variable, value in variables.items()]
    if os.name == "nt":
        return Hint([("set", word) for word in words])
    return Hint([("export", *words)])


def as_url(url: str | None) -> str:
    """``url`` as a word of a command; ``URL`` where it is none, or holds a credential."""
    try:
        Origin.of(url or "")
    except InvalidUrl:
        return "URL"
    if url is None or redact(url) != url:
        return "URL"
    return url


def _safe(words: Sequence[str]) -> list[str]:
    """``words`` with a placeholder for each that cannot be typed as it is."""
    found: list[str] = []
    for word in words:
        is_url = "://" in word or (found and found[-1] in _OF_URL)
        variable, is_set, value = word.partition("=")
        if is_set and variable.isidentifier() and "://" in value:
            word = f"{variable}={as_url(value)}"
        elif is_url and word != "URL":
            word = as_url(word)
        found.append(word if word.isprintable() else "…")
    return found


def _quoted(word: str) -> str:
    """``word`` so that the user's shell reads it as one."""
    if os.name != "nt":
        from shlex import quote

        if word == "…":
            return word
        return quote(word)
    from subprocess import list2cmdline

    plain = list2cmdline([word])
    if plain == word and set(word) & set("&|<>^%()!;,"):
        return f'"{plain}"'
    return plain
