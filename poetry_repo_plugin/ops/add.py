"""``repo add``: find out what the words ask for, and write all of it at once.

A new option is a field of :class:`Wanted`; what it keeps for the user is a key in
:func:`_user_settings`, what it does to the project is in :func:`_with_source`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from poetry_repo_plugin.config.changes import Changes
from poetry_repo_plugin.config.home import home_at
from poetry_repo_plugin.config.mirrors import OUR_WORD, Mirror
from poetry_repo_plugin.config.repositories import bare
from poetry_repo_plugin.core import names
from poetry_repo_plugin.core.errors import InputError
from poetry_repo_plugin.core.hints import repo, unset
from poetry_repo_plugin.core.servers import (
    index_url_of,
    looks_like_index,
    profile_of,
    publish_url_of,
)
from poetry_repo_plugin.ops.add_words import check_words
from poetry_repo_plugin.ops.index_url import find_index_below
from poetry_repo_plugin.ops.session import Session, Teller
from poetry_repo_plugin.ops.url_login import UrlLogin, UrlLogins


@dataclass(frozen=True)
class Wanted:
    """What the words of ``repo add`` say.

    :param priority: ``None`` to leave it as it is; primary for a new source.
    :param default: the source stands in for PyPI.
    :param publish_only: ``url`` is for uploads.
    :param own_file: the ``pyproject.toml`` of Poetry's own environment, if the source goes there.
    :param codes: the ignored error codes; ``None`` to leave them as they are.
    :param packages: patterns of the names that belong to it; ``None`` to leave them as they are.
    :param mirror_of: the repository that this one stands in for; ``None`` to leave it as it is.
    :param fallback: ask that one where this one cannot be reached.
    """

    name: str
    url: str | None = None
    publish_url: str | None = None
    priority: str | None = None
    default: bool = False
    publish_only: bool = False
    own_file: Path | None = None
    codes: list[int] | None = None
    packages: list[str] | None = None
    mirror_of: str | None = None
    fallback: bool = False


@dataclass(frozen=True)
class Plan:
    """What is to be written, checked.

    :param url: of the source's index; ``None`` for PyPI and for a target of uploads alone.
    :param remembered_url: the same, if the user's own file is to keep it.
    :param publish_url: as given, or as it follows from the index URL; ``None`` to leave it as it
        is.
    :param file: where the source is added, if it is.
    :param login: what stood in the URLs.
    :param is_new: nothing was known of the name.
    """

    name: str
    file: Path | None
    url: str | None = None
    remembered_url: str | None = None
    publish_url: str | None = None
    login: UrlLogin | None = None
    is_new: bool = False
    mirror_of: str | None = None


@dataclass(frozen=True)
class Before:
    """What was known of the name before.

    :param publish_url: in the user's file; a credential that stands in it stays there, and is not
        printed.
    :param has_home: the user has said where the name belongs.
    """

    url: str | None
    publish_url: str | None
    codes: tuple[int, ...]
    packages: tuple[str, ...]
    has_home: bool
    mirror_of: str | None = None
    fallback: bool = False


@dataclass(frozen=True)
class Added:
    """What was done.

    :param source: what changed in the file of the source, fit to print.
    :param login_place: where the login of the URL is kept now, if it held one.
    """

    wanted: Wanted
    plan: Plan
    before: Before
    source: list[str]
    login_place: str | None


def add(session: Session, wanted: Wanted, out: Teller) -> Added:
    """Add a repository, or change one that is known.

    Raises ``RepoError``, ``InvalidUrl``; nothing is written then.
    """
    plan = _plan(session, wanted, out)
    before = _look_back(session, plan.name)
    if wanted.codes is not None:
        session.settings.managed.refuse_locked(plan.name, "ignore-error-codes")
    source, login_place = _write(session, wanted, plan, before)
    return Added(wanted, plan, before, source, login_place)


# -- what is wanted


def _plan(session: Session, wanted: Wanted, out: Teller) -> Plan:
    check_words(wanted.name, wanted.url, session.catalogue.names())
    name = _canonical(wanted.name)
    is_new = name not in session.catalogue.names()
    if is_new:
        session.new_name(name)
    file = _source_file(session, wanted)
    if names.is_pypi(name):
        _check_pypi(session, wanted)
        return Plan(name, file)
    logins = UrlLogins(name)
    mirror_of = _original(session, wanted)
    url, publish_url = _urls(session, wanted, logins, out)
    remembered = url
    if session.project is not None and wanted.own_file is None and mirror_of is None:
        remembered = None
    beside = wanted.own_file is not None or mirror_of is not None
    if beside and wanted.publish_url is None:
        publish_url = None
    return Plan(name, file, url, remembered, publish_url, logins.login, is_new, mirror_of)


def _original(session: Session, wanted: Wanted) -> str | None:
    """The repository that the new one is to stand in for, as it is called here.

    Raises :class:`InputError` where another one does that already.
    """
    if wanted.mirror_of is None:
        return None
    known = session.catalogue.find(wanted.mirror_of)
    original = known.name if known is not None else names.check_name(wanted.mirror_of)
    if original.lower() == wanted.name.lower():
        raise InputError(f"{wanted.name} cannot stand in for itself.")
    other = session.catalogue.mirrors.of(original)
    if other is not None and other.name.lower() != wanted.name.lower():
        _refuse_second(session, other)
    return original


def _refuse_second(session: Session, other: Mirror) -> None:
    """Raise :class:`InputError`, unless the user's word would go before that of ``other``."""
    hint = None
    if other.is_of_environment:
        hint = unset(other.said_in)
    elif other.said_in == OUR_WORD:
        hint = repo("remove", other.name)
    elif not session.settings.managed.locks(other.name, "mirror-of"):
        return
    message = f"{other.name} already stands in for {other.original} ({other.said_in})."
    raise InputError(message, hint)


def _canonical(name: str) -> str:
    if names.is_pypi(name):
        return "pypi"
    return name


def _source_file(session: Session, wanted: Wanted) -> Path | None:
    if wanted.own_file is not None:
        return wanted.own_file
    if session.project is None or wanted.publish_only or wanted.mirror_of is not None:
        return None
    return session.project / "pyproject.toml"


def _check_pypi(session: Session, wanted: Wanted) -> None:
    if wanted.url is not None or wanted.publish_url is not None or wanted.publish_only:
        raise InputError("The URLs of PyPI are built into Poetry and cannot be set.")
    own_words = wanted.codes is not None or wanted.packages is not None
    if session.project is None and wanted.own_file is None and not own_words:
        raise InputError("PyPI is already known.", repo("login", "pypi"))


def _urls(
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
    stored = _stored_publish_url(session, wanted.name)
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


def _look_back(session: Session, name: str) -> Before:
    known = session.settings.user_settings(name)
    has_home = bool(session.bindings.home(name).places)
    publish_url = _stored_publish_url(session, name)
    return Before(
        *(known.url, publish_url, known.ignore_error_codes, known.packages, has_home),
        mirror_of=known.mirror_of,
        fallback=known.fallback,
    )


def _stored_publish_url(session: Session, name: str) -> str | None:
    stored = session.settings.user_publish_url(name)
    if stored is None:
        return None
    return bare(stored)


# -- the writing


def _write(
    session: Session, wanted: Wanted, plan: Plan, before: Before
) -> tuple[list[str], str | None]:
    """Write all at once; what changed in the source's file, and where the login of the URL is.

    Raises ``StateError``.
    """
    name, login = plan.name, plan.login
    changes = Changes(session.settings)
    told: list[str] = []
    if plan.file is not None:
        changes.rewrite(plan.file, lambda text: _with_source(text, wanted, plan, told))
    values = _user_settings(wanted, plan, before)
    if values:
        changes.save_user_settings(name, values)
    if plan.publish_url is not None and plan.publish_url != before.publish_url:
        changes.save_publish_url(name, plan.publish_url)
    if login is None:
        changes.commit()
        return told, None
    stored = session.logins.store(
        *(name, login.username, login.secret, login.urls),
        plaintext=not login.secret,  # the user name is a token, and Poetry keeps those in files
        changes=changes,
    )
    return told, stored.place


def _with_source(text: str, wanted: Wanted, plan: Plan, told: list[str]) -> str:
    """``text`` with the source; what changed is ``told``."""
    from poetry_repo_plugin.config.sources import add_source, set_packages, system_project_text

    old = text
    if wanted.own_file is not None:
        old = system_project_text(text)
    new, told[:] = add_source(old, plan.name, plan.url, wanted.priority, default=wanted.default)
    if not told:
        new = text
    if wanted.packages is not None and wanted.own_file is None:
        new, changed = set_packages(new, plan.name, wanted.packages)
        told += changed
    return new


def _user_settings(wanted: Wanted, plan: Plan, before: Before) -> dict[str, object]:
    """What the user's own file is to keep for the name; ``None`` removes a key."""
    values: dict[str, object] = {}
    if plan.remembered_url is not None:
        values["url"] = plan.remembered_url
    if _needs_home(plan, before):
        values["added"] = [plan.url]
    if wanted.codes is not None:
        values["ignore-error-codes"] = wanted.codes or None
    if wanted.packages is not None and keeps_packages(wanted, plan):
        values["packages"] = wanted.packages or None
    if plan.mirror_of is not None:
        values["mirror-of"] = plan.mirror_of
        values["fallback"] = wanted.fallback or None
    return values


def keeps_packages(wanted: Wanted, plan: Plan) -> bool:
    """Whether the patterns are the user's: no project that the source is added to has them, and
    Poetry's own environment is no project of ours.
    """
    return plan.file is None or wanted.own_file is not None


def _needs_home(plan: Plan, before: Before) -> bool:
    """Whether the publish URL alone would make a stranger of the index.

    Where uploads go is kept for the user, and the index in the project alone, which is no word of
    the user's.
    """
    publish_url = plan.publish_url
    if publish_url is None or publish_url == before.publish_url or before.has_home:
        return False
    if plan.url is None or plan.remembered_url is not None:
        return False
    return home_at(publish_url).stranger_among([plan.url]) is not None
