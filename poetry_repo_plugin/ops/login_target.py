"""For whom a login is: the repository of a name, a host or a URL, and who of it is asked."""

from __future__ import annotations

from dataclasses import dataclass

from poetry_repo_plugin.config.repositories import Repository
from poetry_repo_plugin.core import names
from poetry_repo_plugin.core.errors import InputError
from poetry_repo_plugin.core.hints import repo
from poetry_repo_plugin.core.origin import InvalidUrl, Prefix, redact, split_userinfo
from poetry_repo_plugin.core.servers import index_url_of, profile_of
from poetry_repo_plugin.ops.add_words import looks_like_url, proposed_name, with_scheme
from poetry_repo_plugin.ops.session import Session, Teller


@dataclass(frozen=True)
class Target:
    """For whom a login is, and who is asked.

    :param url: of the index, or for uploads, that is asked.
    :param added: the same, if it was given and the repository may not have it yet.
    :param is_new: nothing had a URL for the name before.
    """

    repository: Repository
    url: str
    added: str | None = None
    is_new: bool = False

    @property
    def bindable(self) -> list[str]:
        """What a new credential belongs to.

        With ``--url``, that and what the user's own settings name, but not what a project's file
        says, where nobody was asked.
        """
        if self.added is None:
            return self.repository.bindable
        return [self.added, *self.repository.user_urls]


def find_target(session: Session, given: str, url: str | None, out: Teller) -> Target:
    """The repository called ``given``; a new one is known to this command only, until it stores.

    :param url: a further URL for it, without userinfo.
    :raises InputError: for a name that is not known or has no URL, and for PyPI with another one.
    """
    if url is None:
        return _known_target(session, given, out)
    if names.is_pypi(given):
        message = "The URLs of PyPI are built into Poetry; nothing can be added to them."
        raise InputError(message)
    found = session.catalogue.find(given)
    if found is not None and found.urls:
        return Target(found, url, url)
    name = found.name if found is not None else session.new_name(given)
    index, profile = index_url_of(url), profile_of(url)
    if profile is not None and index is not None and index != url:
        out.say(f"{url} is where {profile.title} takes uploads; its index is {index}.")
        url = index
    session.access.matcher.add_live(name, url)
    return Target(session.catalogue.get(name), url, url, is_new=True)


def _known_target(session: Session, given: str, out: Teller) -> Target:
    repository = _at_url(session, given)
    if repository is not None:
        out.say(f"{redact(given)} belongs to {repository.name}.")
    else:
        repository = session.catalogue.require(given, to_add=True)
    name, url = repository.name, repository.index_url or repository.publish_url
    if names.is_pypi(name):  # its index is open: what is handed out is for uploads
        url = repository.publish_url
    if url is None:
        raise InputError(f"No URL is known for {name!r}.", repo("add", name, "URL"))
    return Target(repository, url)


def _at_url(session: Session, given: str) -> Repository | None:
    """The repository that a URL or a host belongs to, where a name is wanted; ``None`` for a name.

    Raises :class:`InputError` for a URL of several repositories, or of none.
    """
    is_host = "." in given and session.catalogue.find(given) is None
    if not looks_like_url(given) and not is_host:
        return None
    url = split_userinfo(with_scheme(given))[0]
    try:
        place = Prefix.of_index(url)
    except InvalidUrl:
        return None
    everyone = list(session.catalogue)
    found = [one for one in everyone if any(known == place for known in one.prefixes)]
    found = found or [one for one in everyone if any(map(place.contains, one.prefixes))]
    if len(found) == 1:
        return found[0]
    if found:
        listed = ", ".join(one.name for one in found)
        hint = repo("login", found[0].name)
        raise InputError(f"{place} belongs to several repositories: {listed}.", hint)
    if "://" not in given:
        return None
    name = proposed_name(url, session.catalogue.names())
    raise InputError(f"No repository has the URL {url}.", repo("add", name, url))
