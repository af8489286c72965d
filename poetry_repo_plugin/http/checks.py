"""Questions to a repository: what ``login``, ``certs`` and ``doctor`` ask before they believe or
store anything.
"""

from __future__ import annotations

from contextlib import suppress
from enum import Enum
from functools import partial
from typing import Any

from poetry_repo_plugin.config.repositories import Repository
from poetry_repo_plugin.core.errors import Cause, Failure
from poetry_repo_plugin.core.hints import repo
from poetry_repo_plugin.core.names import is_pypi
from poetry_repo_plugin.core.origin import Origin
from poetry_repo_plugin.core.servers import looks_like_index, profile_of
from poetry_repo_plugin.credentials.base import Credential, Purpose
from poetry_repo_plugin.http.asking import TIMEOUT, ask, index_page
from poetry_repo_plugin.http.auth import Access
from poetry_repo_plugin.http.failures import failure
from poetry_repo_plugin.http.responses import Answer, Judgement, judge_index, judge_upload

_SOME_PROJECT = "poetry-repo-plugin"  # any name will do: is there an answer at all?


class Verdict(Enum):
    """What a repository said to a credential."""

    ACCEPTED = "accepted"
    OPEN = "the index is open to everyone, so the login could not be verified"
    SILENT = "its root answers 404, so the login could not be verified"
    UNTOLD = "it could not be asked without a credential, so the login could not be verified"
    UNASKABLE = "the login cannot be verified without an upload"


def check_login(
    access: Access, repository: Repository, url: str, credential: Credential | None
) -> Verdict:
    """Whether ``repository`` accepts ``credential`` at ``url``, its index or its upload URL.

    ``None`` asks with what is found for it, and with the further headers that were lent.

    Raises :class:`Failure` where it refuses, cannot be reached, or is no index at all.
    """
    if is_pypi(repository.name):
        return Verdict.UNASKABLE  # its index is open and its upload URL answers everyone alike
    if url == repository.publish_url and url != repository.index_url:
        return _check_upload(access, repository, url, credential)
    asked = partial(look_at_index, access, repository, url)
    known = asked(given=credential)
    wrong = _wrong(repository, url, known)
    if wrong is not None and (wrong.cause is not Cause.NOT_AN_INDEX or _is_hopeless(url, known)):
        raise wrong
    try:
        stranger = asked(anonymous=True)
    except Failure as error:
        if wrong is not None and error.cause is not Cause.CREDENTIAL_MISSING:
            raise wrong from None
        return _compare(known, error)
    if wrong is not None:
        raise wrong
    if known.answer is Answer.EMPTY:
        access.notices.once(f"{repository.name}: {known.detail}. Is it the URL of an index?")
    return _compare(known, stranger)


def _compare(known: Judgement, stranger: Judgement | Failure) -> Verdict:
    """What it says of a credential that it is answered with ``known``, and a stranger otherwise."""
    if isinstance(stranger, Failure):
        refused = stranger.cause is Cause.CREDENTIAL_MISSING
        if refused:
            return Verdict.ACCEPTED
        return Verdict.UNTOLD
    if stranger.cause is Cause.NOT_AN_INDEX:
        return Verdict.ACCEPTED
    if stranger.cause is not None:
        return Verdict.UNTOLD
    if known.status < 400 or known.answer is Answer.UNLISTED:
        return Verdict.OPEN
    return Verdict.SILENT


def check_index(
    access: Access,
    repository: Repository,
    url: str,
    *,
    given: Credential | None = None,
    anonymous: bool = False,
    strict: bool = True,
    timeout: float = TIMEOUT,
) -> Judgement:
    """As :func:`look_at_index`. Raises :class:`Failure` also for what is no index."""
    found = look_at_index(
        access,
        repository,
        url,
        given=given,
        anonymous=anonymous,
        strict=strict,
        timeout=timeout,
    )
    wrong = _wrong(repository, url, found)
    if wrong is not None:
        raise wrong
    return found


def look_at_index(access: Access, repository: Repository, url: str, **options: Any) -> Judgement:
    """What is at the root of an index.

    A status that the settings declare harmless is no failure, unless it is a 401 or 403 and
    ``strict``. Raises :class:`Failure` where there is no answer, or a 401 or 403.

    :param options: of :func:`ask`.
    """
    try:
        response = ask(access, repository, index_page(url), **options)
    except Failure as error:
        with suppress(Failure):
            if error.status == 403 and _has_pages(access, repository, url, **options):
                return Judgement(Answer.UNLISTED, error.status)
        raise
    found = judge_index(url, response)
    if found.status in access.ignored_codes(repository):
        return found._replace(cause=None)
    profile = profile_of(url, repository.name)
    if profile is not None and not profile.lists_projects:
        has_no_root = found.answer is Answer.ABSENT
        if has_no_root or (found.status < 300 and found.answer is not Answer.LOGIN_PAGE):
            return Judgement(Answer.OK, found.status)
    if found.status == 405 and _has_pages(access, repository, url, **options):
        return Judgement(Answer.UNLISTED, found.status)
    if found.answer in (Answer.EMPTY, Answer.ABSENT, Answer.OTHER):
        better = better_index(access, repository, url, **options)
        if better is not None:
            detail = f"there is no index at {url}, but there is one at {better}"
            return Judgement(found.answer, found.status, detail, Cause.NOT_AN_INDEX, better)
    return found


def better_index(access: Access, repository: Repository, url: str, **options: Any) -> str | None:
    """The URL below ``url`` that is the one of an index, if there is one.

    :param options: of :func:`ask`.
    """
    page = index_page(url)
    if looks_like_index(url) or not page.endswith("/"):
        return None
    try:
        response = ask(access, repository, f"{page}simple/", redirects=False, **options)
    except Failure:
        return None
    found = judge_index(f"{page}simple/", response)
    if found.answer is not Answer.OK:
        return None
    return f"{page}simple/"


def _has_pages(access: Access, repository: Repository, url: str, **options: Any) -> bool:
    """Whether an index that does not show its root, as object stores do, answers for a project.

    Raises :class:`Failure` where it refuses that.
    """
    page = f"{index_page(url)}{_SOME_PROJECT}/"
    response = ask(access, repository, page, redirects=False, **options)
    return judge_index(page, response).answer in (Answer.OK, Answer.EMPTY, Answer.ABSENT)


def check_nothing_uploaded(repository: Repository, url: str, response: Any) -> Judgement:
    """What a server is that has answered an upload of nothing.

    Raises :class:`Failure` for one that takes no uploads; a 500 may be a server's way
    to say that nothing was in it.
    """
    found = judge_upload(url, response, of_nothing=True)
    if found.cause is not None and found.status != 500:
        raise failure(found.cause, found.detail, repository, host=Origin.of(url).netloc)
    return found


def _check_upload(
    access: Access, repository: Repository, url: str, credential: Credential | None
) -> Verdict:
    asked = partial(ask, access, repository, url, method="POST", purpose=Purpose.PUBLISH)
    check_nothing_uploaded(repository, url, asked(given=credential))
    try:
        asked(anonymous=True)
    except Failure as error:
        if error.cause is Cause.CREDENTIAL_MISSING:
            return Verdict.ACCEPTED
    return Verdict.UNASKABLE


def _is_hopeless(url: str, found: Judgement) -> bool:
    """Whether an answer is not even one that a server gives to those alone whom it knows."""
    if found.answer is Answer.ABSENT:
        return looks_like_index(url)
    return found.answer in (Answer.LOGIN_PAGE, Answer.EMPTY)


def _wrong(repository: Repository, url: str, found: Judgement) -> Failure | None:
    if found.cause is None:
        return None
    hint = None
    if found.index_url is not None:
        hint = repo("add", repository.name, found.index_url)
    host = Origin.of(url).netloc
    return failure(found.cause, found.detail, repository, host=host, hint=hint)
