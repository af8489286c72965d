"""``repo add``: find out what the words ask for, and write all of it at once.

A new option is a field of ``Wanted``; what it keeps for the user is a key in
:func:`_user_settings`, what it does to the project is in :func:`_with_source`.
"""

from __future__ import annotations

from pathlib import Path

from poetry_repo_plugin.config.changes import Changes
from poetry_repo_plugin.config.home import home_at
from poetry_repo_plugin.config.mirrors import OUR_WORD, Mirror
from poetry_repo_plugin.core import names
from poetry_repo_plugin.core.errors import InputError
from poetry_repo_plugin.core.hints import repo, unset
from poetry_repo_plugin.ops.add_urls import find_urls, stored_publish_url
from poetry_repo_plugin.ops.add_words import check_words
from poetry_repo_plugin.ops.addition import Added, Before, Plan, Wanted
from poetry_repo_plugin.ops.session import Session, Teller
from poetry_repo_plugin.ops.url_login import UrlLogins


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
    url, publish_url = find_urls(session, wanted, logins, out)
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


def _look_back(session: Session, name: str) -> Before:
    known = session.settings.user_settings(name)
    has_home = bool(session.bindings.home(name).places)
    publish_url = stored_publish_url(session, name)
    return Before(
        *(known.url, publish_url, known.ignore_error_codes, known.packages, has_home),
        mirror_of=known.mirror_of,
        fallback=known.fallback,
    )


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
