"""What the two words of ``repo add`` are, where they are not a name and a URL."""

from __future__ import annotations

from collections.abc import Collection

from poetry_repo_plugin.core.errors import InputError
from poetry_repo_plugin.core.hints import as_url, is_name, repo
from poetry_repo_plugin.core.names import is_pypi
from poetry_repo_plugin.core.origin import InvalidUrl, Origin, hidden
from poetry_repo_plugin.core.patterns import Pattern

_HOST = Pattern(r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z0-9-]+|localhost")
_GENERAL = frozenset(
    ["pypi", "python", "packages", "repo", "repository", "simple", "index", "www", "artifacts"]
)
_FALLBACK = "private"


def check_words(name: str, url: str | None, known: Collection[str]) -> None:
    """Raise :class:`InputError` for words that are swapped, or of which one is missing.

    :param known: names that are taken.
    """
    if looks_like_url(name) and url is None:
        whole = with_scheme(name)
        hint = repo("add", proposed_name(whole, known), as_url(whole))
        raise InputError("The name is missing; it comes before the URL.", hint)
    if looks_like_url(name) and url is not None and is_name(url):
        hint = repo("add", url, as_url(with_scheme(name)))
        raise InputError("The name comes first, then the URL.", hint)
    if url is not None and "://" not in url and looks_like_url(url):
        message = f"{hidden(url)!r} is not an http or https URL: it has no scheme."
        raise InputError(message, repo("add", name, as_url(with_scheme(url))))


def looks_like_url(word: str) -> bool:
    """Whether ``word`` is a URL, or a host with a path or port that lacks the scheme."""
    if "://" in word:
        return True
    host, rest = word, ""
    for mark in ("/", ":"):
        before, found, behind = host.partition(mark)
        host, rest = before, rest + found + behind
    return bool(rest) and bool(_HOST.fullmatch(host))


def with_scheme(word: str) -> str:
    """``word`` as a URL; the scheme that it lacks is https."""
    if "://" in word:
        return word
    return f"https://{word}"


def proposed_name(url: str, known: Collection[str]) -> str:
    """What a repository at ``url`` could be called: after its company, as far as the host says."""
    try:
        host = Origin.of(url).host
    except InvalidUrl:
        return "NAME"
    taken = {name.lower() for name in known}
    labels = []
    if not host.replace(".", "").isdigit():
        labels = host.split(".")
    named = [one for one in labels[:-1] if one not in _GENERAL and len(one) > 2]
    for label in (*reversed(named), _FALLBACK):
        if is_name(label) and not is_pypi(label) and label.lower() not in taken:
            return label
    return "NAME"
