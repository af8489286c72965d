"""The URLs of ``repo add``: which is the index, which takes uploads, and what follows from which."""

from __future__ import annotations

from typing import TYPE_CHECKING

from poetry_repo_plugin.config.repositories import bare
from poetry_repo_plugin.core.errors import InputError
from poetry_repo_plugin.core.hints import repo
from poetry_repo_plugin.core.servers import (
    index_url_of,
    looks_like_index,
    profile_of,
    publish_url_of,
)
from poetry_repo_plugin.ops.addition import Wanted
from poetry_repo_plugin.ops.index_url import find_index_below
from poetry_repo_plugin.ops.url_login import UrlLogins

if TYPE_CHECKING:
    from poetry_repo_plugin.ops.session import Session, Teller


def find_urls(
    session: Session, wanted: Wanted, logins: UrlLogins, out: Teller
) -> tuple[str | None, str | None]:
    """The URL of the index and the one for uploads, without the logins in them."""
    name, url, publish_url = wanted.name, wanted.url, wanted.publish_url
    known = None
    if url is None:
        repository = session.catalogue.get(name)
        logins.of_known(session, repository)
        known = repository.index_url
    else:
        url = logins.bare(url)
    if publish_url is not None:
        publish_url = logins.bare(publish_url)
    if wanted.publish_only:
        publish_url = publish_url or _upload_url(name, url)
        url = None
    elif url is not None:
        url = _index_at(session, name, url, logins, out)
    elif known is not None:
        url = known
    else:
        raise InputError(f"No URL is known for {name!r}.", repo("add", name, "URL"))
    if publish_url is None and url is not None:
        publish_url = _derived(session, wanted, url)
    if publish_url is not None:
        _check_upload_url(wanted, url, publish_url, out)
    return url, publish_url


def _upload_url(name: str, url: str | None) -> str:
    """Where ``repo add NAME URL --publish-only`` uploads to."""
    if url is None:
        hint = repo("add", name, "URL", "--publish-only")
        raise InputError("The upload URL is missing.", hint)
    return publish_url_of(url) or url


def _index_at(session: Session, name: str, url: str, logins: UrlLogins, out: Teller) -> str:
    """``url``, or the index that belongs to it: of a known server's upload URL, or just below
    it.
    """
    index, profile = index_url_of(url), profile_of(url)
    if profile is not None and index is not None and index != url:
        out.say(f"{url} is where {profile.title} takes uploads; its index is {index}.")
    elif index is None:
        index = _index_below(session, name, url, out)
    if index is None or index == url:
        return url
    logins.extend(index)
    return index


def _index_below(session: Session, name: str, url: str, out: Teller) -> str | None:
    """``URL/simple/`` if only that is an index, and a person wants it."""
    if looks_like_index(url) or session.catalogue.get(name).index_url == url:
        return None
    out.asking(url)
    index = find_index_below(session, name, url)
    if index is None or session.confirm(f"{url} is not an index, but {index} is. Add that?"):
        return index
    out.warn(f"{url} is not an index, but {index} is. Try: {repo('add', name, index)}")
    return None


def _derived(session: Session, wanted: Wanted, url: str) -> str | None:
    """The publish URL that follows from ``url``, unless somebody has set another one.

    Outside a project what is no index by its looks is taken for both.
    """
    before = session.catalogue.get(wanted.name)
    if before.project.publish_url is not None:
        return None
    stored = stored_publish_url(session, wanted.name)
    if stored is not None and stored not in _derived_before(before.index_url):
        return None
    outside = session.project is None and wanted.own_file is None
    derived = publish_url_of(url)
    if derived is None and outside and not looks_like_index(url):
        return url
    return derived


def _derived_before(url: str | None) -> tuple[str | None, ...]:
    """What may have been derived from the index URL that was known."""
    if url is None:
        return ()
    return publish_url_of(url), url


def _check_upload_url(wanted: Wanted, url: str | None, publish_url: str, out: Teller) -> None:
    """Whoever says ``--publish-url`` is believed, unless the server is known to read there only."""
    name = wanted.name
    if not looks_like_index(publish_url):
        return
    if profile_of(publish_url) is None and wanted.publish_url is not None:
        looks = f"{publish_url} looks like an index; uploads go there, as you asked."
        out.warn(f"{name}: {looks}")
        return
    hint = repo("add", name, url or publish_url, "--publish-url", "URL")
    if wanted.publish_only:
        hint = repo("add", name, "--publish-url", "URL", "--publish-only")
    message = f"{publish_url} is an index, for installing; uploads need another URL."
    raise InputError(message, hint)


def stored_publish_url(session: Session, name: str) -> str | None:
    stored = session.settings.user_publish_url(name)
    if stored is None:
        return None
    return bare(stored)
