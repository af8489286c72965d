"""What ``repo add`` says: each thing that changed, and the next step."""

from __future__ import annotations

from poetry_repo_plugin.config.bindings import Kind
from poetry_repo_plugin.config.project import read_project
from poetry_repo_plugin.config.repositories import bare, shows_credential
from poetry_repo_plugin.config.sources import told_packages
from poetry_repo_plugin.core.hints import repo
from poetry_repo_plugin.core.servers import profile_of
from poetry_repo_plugin.ops.add import keeps_packages
from poetry_repo_plugin.ops.addition import Added, Before, Plan, Wanted
from poetry_repo_plugin.ops.session import Session, Teller


def report(session: Session, added: Added, out: Teller) -> None:
    """Tell what was written. The project in ``session`` is as it was before."""
    wanted, plan, before = added.wanted, added.plan, added.before
    if plan.file is not None:
        _tell_source(wanted, plan, added.source, out)
    if wanted.own_file is not None or plan.mirror_of is not None:
        _tell_changed_url(plan, before, out)
    elif session.project is None and not wanted.publish_only:
        _tell_remembered(session, wanted, plan, before, out)
    _tell_mirror(wanted, plan, before, out)
    _tell_publish_url(wanted, plan, before, out)
    _tell_codes(wanted, plan, before, out)
    _tell_packages(wanted, plan, before, out)
    if added.login_place is not None:
        moved = f"the credentials in the URL were moved to {added.login_place}"
        out.say(f"{plan.name}: {moved}; they are not verified.")
    _warn_of_binding(session, plan, out)
    _tell_next_step(session, wanted, plan, out)


def _tell_source(wanted: Wanted, plan: Plan, changed: list[str], out: Teller) -> None:
    if wanted.own_file is not None:
        where = "Poetry's own environment"
        changed = [f"{change} (in {where})" for change in changed]
    else:
        where = "pyproject.toml"
    for change in changed:
        out.say(change)
    if not changed:
        out.say(f"{plan.name} is already in {where}; nothing changed.")
    if wanted.own_file is None and plan.file and read_project(plan.file).needs_migration:
        why = "it has sources with `default` or `secondary`"
        out.warn(f"Poetry 2 cannot read this project yet: {why}. Try: {repo('migrate')}")


def _tell_changed_url(plan: Plan, before: Before, out: Teller) -> None:
    url = plan.remembered_url
    if url is not None and before.url not in (None, url):
        out.say(f"{plan.name}: url {before.url} → {url}")


def _tell_remembered(
    session: Session, wanted: Wanted, plan: Plan, before: Before, out: Teller
) -> None:
    """What is remembered outside of a project."""
    if wanted.priority is not None:
        out.warn("There is no project here, so the priority is ignored.")
    name, url = plan.name, plan.remembered_url
    if url is None:  # PyPI
        return
    if before.url is None:
        again = repo("add", name)
        out.say(f"{name} ({url}) was saved; run `{again}` in a project to use it there.")
    elif before.url != url:
        _tell_changed_url(plan, before, out)
    else:
        out.say(f"{name} ({url}) is already saved.")
    if plan.publish_url is None and session.catalogue.get(name).publish_url is None:
        _tell_no_publish_url(name, out)


def _tell_mirror(wanted: Wanted, plan: Plan, before: Before, out: Teller) -> None:
    name, original = plan.name, plan.mirror_of
    if original is None:
        return
    again = ""
    if (before.url, before.mirror_of, before.fallback) == (plan.url, original, wanted.fallback):
        again = " already"
    out.say(f"{name} ({plan.url}) stands in for {original}{again}, in every project.")
    if wanted.fallback:
        out.say(f"{original} is asked where {name} cannot be reached.")
    else:
        out.say(f"{original} is no longer contacted, except by poetry publish.")


def _tell_no_publish_url(name: str, out: Teller) -> None:
    out.say(f"{name}: no upload URL is known; set one with --publish-url URL.")


def _tell_publish_url(wanted: Wanted, plan: Plan, before: Before, out: Teller) -> None:
    name, url = plan.name, plan.publish_url
    if url is None:
        return
    uploads = f"{name}: poetry publish -r {name} uploads to {url}"
    if before.publish_url is None:
        out.say(uploads)
    elif before.publish_url != url:
        out.say(f"{uploads} (was {before.publish_url})")
    elif wanted.publish_only:
        out.say(f"{uploads} already.")


def _tell_codes(wanted: Wanted, plan: Plan, before: Before, out: Teller) -> None:
    codes = wanted.codes
    if codes is None or list(before.codes) == codes:
        return
    which, was = "no answer", ""
    if codes:
        which = f"an answer {', '.join(map(str, codes))}"
    if before.codes:
        was = f" (was {', '.join(map(str, before.codes))})"
    out.say(f"{plan.name}: {which} counts as “not found”{was}")


def _tell_packages(wanted: Wanted, plan: Plan, before: Before, out: Teller) -> None:
    """Which names belong to it, where the user's own file has that."""
    patterns = wanted.packages
    if patterns is None or not keeps_packages(wanted, plan) or list(before.packages) == patterns:
        return
    out.say(told_packages(plan.name, patterns, before.packages))


def _warn_of_binding(session: Session, plan: Plan, out: Teller) -> None:
    """Tell where nothing secret goes, because the name belongs elsewhere."""
    name, bindings = plan.name, session.bindings
    urls = [plan.url, session.settings.publish_url(name)]
    known = [bare(url) for url in urls if url is not None]
    beyond = bindings.held_to(name, Kind.CREDENTIAL).stranger_among(known)
    if beyond is None:
        return
    places = " and ".join(bindings.shown(name, Kind.CREDENTIAL))
    out.warn(
        f"{name} belongs to {places}; no credential is sent to {beyond}. "
        f"To allow that: {repo('login', name, '--url', beyond)}"
    )


def _tell_next_step(session: Session, wanted: Wanted, plan: Plan, out: Teller) -> None:
    name = plan.name
    known = session.catalogue.get(name)
    profile = None
    if plan.url:
        profile = profile_of(plan.url, name)
    if profile is not None:
        if profile.provider is not None or profile.token_is_username:
            out.say(f"{profile.title}: {profile.advice}")
        if _lacks_publish_url(session, wanted, plan):
            _tell_no_publish_url(name, out)
    if not plan.is_new or plan.login is not None or session.bindings.of(name, Kind.CREDENTIAL):
        return
    if not shows_credential(session.settings, known):
        out.say(f"Next, if it needs a login: {repo('login', name)}")


def _lacks_publish_url(session: Session, wanted: Wanted, plan: Plan) -> bool:
    """Whether a new source of a known server has no publish URL; outside a project it is said of
    every server.
    """
    if session.project is None or wanted.own_file is not None:
        return False
    known = session.catalogue.get(plan.name)
    return known.publish_url is None and known.index_url != plan.url
