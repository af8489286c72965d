"""The tools outside: the repository's helper or provider, if one is set (source 3), and the provider
that serves its kind of server (behind all others).

What it hands out is short-lived: the next command takes it from the keyring, where there is one,
until it runs out.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Union

from poetry_repo_plugin.config.bindings import Bindings, Kind
from poetry_repo_plugin.config.settings import Settings
from poetry_repo_plugin.core.hints import repo
from poetry_repo_plugin.core.origin import InvalidUrl
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.credentials.base import (
    NONE_SET,
    OUTSIDE,
    Answer,
    Broken,
    Credential,
    Need,
    NotMine,
    Query,
    Source,
    Unusable,
    Withheld,
)
from poetry_repo_plugin.credentials.chain import RENEW_BEFORE
from poetry_repo_plugin.credentials.external_choice import (
    Choice,
    asked_about,
    identifies,
    is_helper,
    maker_of,
)
from poetry_repo_plugin.credentials.keyring import KeyringGate
from poetry_repo_plugin.credentials.providers.registry import provider
from poetry_repo_plugin.credentials.token_cache import ShortLived

if TYPE_CHECKING:
    from poetry_repo_plugin.credentials.helper_protocols import HelperAnswer, HelperIdentity


class OutsideSource:
    """Runs the helper or provider that the user (or, for a provider, the project) has set for a
    repository.

    It runs once for each question, whichever thread asks first; what came of it, a failure too,
    serves the whole run until it runs out or is refused.

    :param provider_of: the provider that the project names for a repository, or ``None``.
    :param keeps: whether a short-lived token is kept for the next command.
    """

    name = OUTSIDE

    def __init__(
        self,
        settings: Settings,
        gate: KeyringGate,
        bindings: Bindings,
        provider_of: Callable[[str], Union[str, None]],
        *,
        keeps: bool = True,
    ) -> None:
        self._bindings = bindings
        self._choice = Choice(settings, provider_of)
        self.between = ShortLived(gate, keeps=keeps)
        self._lock = threading.Lock()
        self._locks: dict[tuple[str, ...], threading.Lock] = {}
        self._answers: dict[tuple[str, ...], HelperAnswer] = {}
        self._untold: set[tuple[str, Credential]] = set()
        self._erased: set[tuple[str, Credential]] = set()

    def get(self, query: Query) -> Answer:
        """Its answer; an earlier one from the keyring while that is good. A helper answers only for
        bound origins.
        """
        misread = self._choice.misread(query.name)
        if misread is not None:
            return misread
        source = self._choice.source_for(query.name)
        if source is None:
            return NotMine(NONE_SET)
        away = self._kept_from(query, source)
        if away is not None:
            return away
        if query.allows(Need.PROCESS):
            answer = self._answer(query, source).credential
        else:
            answer = self._looked_at(query, source)
        if isinstance(answer, Broken) and self._choice.is_only_proposed(query.name):
            return NotMine(answer.why)
        if not isinstance(answer, Broken):
            return answer
        return replace(answer, source=source.name)

    def _kept_from(self, query: Query, source: Source) -> NotMine | None:
        """Why a helper is not asked for this URL; ``None`` if it may be."""
        if not is_helper(source):
            return None
        name, url = query.name, query.url
        allowed = self._bindings.allows(name, Kind.CREDENTIAL, url)
        if allowed is False:
            bound = self._bindings.shown(name, Kind.CREDENTIAL)
            return Withheld(f"its helper was set for {' and '.join(bound)}", bound)
        if allowed is None and self._choice.is_of_administrator(name):
            why = "the managed settings name its helper, and only this project says where it is"
            return Unusable(why, hint=repo("login", name, "--url", url))
        return None

    def may_identify(self, name: str) -> bool:
        """Whether a helper is set that may hand out a client certificate. It is not run to find
        out.
        """
        return identifies(self._choice.source_for(name))

    def identity(self, name: str, url: str) -> HelperIdentity | Broken | None:
        """The client certificate that the repository's helper hands out (ExecCredential), for the
        origin of ``url``.

        ``None`` if it hands out none, :class:`Broken` if it could not be asked.
        """
        source = self._choice.source_for(name)
        if not identifies(source) or source is None:
            return None
        home = self._bindings.held_to(name, Kind.CREDENTIAL)
        if home.stranger_among([url], whole_origin=True) is not None:
            return None  # held to the origin, because it is offered before any path is named
        if not home.places and self._choice.is_of_administrator(name):
            return None
        query = Query(name, url)
        answer = self._answer(query, source)
        if answer.identity is not None and _runs_out(answer.identity.expires_at, query):
            answer = self._answer(query._replace(fresh=True), source)
        if answer.identity is None and isinstance(answer.credential, Broken):
            return answer.credential
        return answer.identity

    def accepted(self, query: Query, credential: Credential) -> Broken | None:
        """Tell a helper that keeps credentials itself (git's protocol) that its answer was
        accepted; once.

        Returns why it could not be told.
        """
        source = self._choice.source_for(query.name)
        if not is_helper(source):
            return None
        with self._lock:
            if (query.name, credential) not in self._untold:
                return None
            self._untold.remove((query.name, credential))
        return source.store(query, credential)

    def refused(self, query: Query, credential: Credential, status: int) -> Broken | None:
        """Tell it that this one was refused; once, and before anybody asks it for another.

        As git does for a 401 only (http.c, ``handle_curl_result``): a 403 says that the user lacks
        a right, and would make a password manager forget a good password.
        """
        source = self._choice.source_for(query.name)
        if not is_helper(source) or status != 401:
            return None
        with self._lock_of(("erase", query.name)):
            if (query.name, credential) in self._erased:
                return None
            self._erased.add((query.name, credential))
            return source.erase(query, credential)

    # -- asking

    def _answer(self, query: Query, source: Source) -> HelperAnswer:
        from poetry_repo_plugin.credentials.helper_protocols import HelperAnswer

        asked_for = asked_about(source, query)
        key = (query.name, source.name, asked_for, query.username or "")
        with self._lock_of(key):
            if not query.fresh:
                known = self._answers.get(key)
                if known is not None and not _has_run_out(known, query):
                    return known
                recalled = self.between.get(query, maker_of(source, asked_for))
                if recalled is not None:
                    return HelperAnswer(recalled)
            whole = source.ask(query) if is_helper(source) else HelperAnswer(source.get(query))
            self._answers[key] = whole
            self._keep(query, source, whole)
            return whole

    def _keep(self, query: Query, source: Source, whole: HelperAnswer) -> None:
        if not isinstance(whole.credential, Credential):
            return
        with self._lock:
            self._untold.add((query.name, whole.credential))
        self.keep(query, source, whole)

    def keep(self, query: Query, source: Source, whole: HelperAnswer) -> bool:
        """Keep an answer of ``source`` for the next command, and whether that was done; not one
        with a certificate, for which the next command must ask anyway.
        """
        if whole.identity is not None or not isinstance(whole.credential, Credential):
            return False
        return self.between.put(
            query, maker_of(source, asked_about(source, query)), whole.credential
        )

    def _looked_at(self, query: Query, source: Source) -> Answer:
        """The answer while no tool may be run: what is known of its last one, else only that it can
        be asked.
        """
        if source.name == "provider:gitlab":
            return source.get(query)  # it only reads the environment
        look = getattr(source, "look", None)
        cannot: Union[NotMine, Broken, None] = None
        if look is not None:
            cannot = look(query)
        if isinstance(cannot, NotMine):
            return cannot
        kept = None
        with suppress(InvalidUrl):
            kept = self.between.get(query, maker_of(source, asked_about(source, query)))
        return kept or cannot or Credential(Secret(""), None, source.name, "called when needed")

    def _lock_of(self, key: tuple[str, ...]) -> threading.Lock:
        with self._lock:
            return self._locks.setdefault(key, threading.Lock())


class RecognisedSource:
    """The vendor's own login, for a repository at that vendor that nothing was set or stored for.
    After a refusal.

    :param kind_of: the provider that serves a URL's kind of server, or ``None``.
    """

    name = "the cloud's own login"
    needs = Need.SEARCH | Need.PROCESS

    def __init__(self, kind_of: Callable[[str], Union[str, None]], between: ShortLived) -> None:
        self._kind_of = kind_of
        self._between = between

    def get(self, query: Query) -> Answer:
        """What the vendor's command line tool says, if it is there; or what it said to an earlier
        command.
        """
        chosen = None
        if query.name:
            chosen = self._kind_of(query.url)
        source = None
        if chosen is not None:
            source = provider(chosen)
        if source is None:
            return NotMine()
        if not query.allows(self.needs):
            return NotMine("not asked until the repository refuses")
        maker = maker_of(source, asked_about(source, query))
        recalled = None
        if not query.fresh:
            recalled = self._between.get(query, maker)
        if recalled is not None:
            return recalled
        answer = source.get(query)
        if isinstance(answer, Credential):
            self._between.put(query, maker, answer)
        return answer


def _has_run_out(answer: HelperAnswer, query: Query) -> bool:
    return isinstance(answer.credential, Credential) and _runs_out(
        answer.credential.expires_at, query
    )


def _runs_out(expires_at: datetime | None, query: Query) -> bool:
    return (
        expires_at is not None
        and expires_at - datetime.now(timezone.utc) < RENEW_BEFORE[query.purpose]
    )
