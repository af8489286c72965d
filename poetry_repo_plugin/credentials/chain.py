"""The visible, ordered list of sources, and the one loop that asks them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone

from poetry_repo_plugin.credentials.base import (
    EVERYTHING,
    LEVELS,
    Answer,
    Broken,
    Credential,
    Need,
    Purpose,
    Query,
    Resolution,
    Source,
    Unheard,
)

RENEW_BEFORE = {
    Purpose.INDEX: timedelta(minutes=1),
    Purpose.GIT: timedelta(minutes=1),
    Purpose.PUBLISH: timedelta(minutes=5),
}
ASK_AGAIN = timedelta(seconds=10)
NEW = timedelta(minutes=1)  # so long a token that was just made cannot have run out


def resolve(sources: Sequence[Source], query: Query) -> Resolution:
    """Ask ``sources`` in order; the first that has an answer wins, whole. A broken one stops the
    search; one that could not be asked is broken where nobody else answered.
    """
    steps: list[tuple[str, Answer]] = []
    for source in sources:
        answer = source.get(query)
        steps.append((source.name, answer))
        if isinstance(answer, Credential):
            return Resolution(answer, steps=tuple(steps))
        if isinstance(answer, Broken):
            return Resolution(None, answer, tuple(steps))
    unheard = next((answer for _, answer in steps if isinstance(answer, Unheard)), None)
    broken = None
    if unheard is not None:
        broken = Broken.because(unheard.why, source=unheard.source)
    return Resolution(None, broken, tuple(steps))


class Chain:
    """Resolves once per repository and purpose, for all threads, and again when an answer runs out.

    :param sources: in order of precedence.
    :param now: the time, aware.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        self.sources = tuple(sources)
        self._now = now
        self._lock = threading.Lock()
        self._locks: dict[_Subject, threading.Lock] = {}
        self._known: dict[tuple[_Subject, Need], Resolution] = {}
        self._asked: dict[_Subject, datetime] = {}
        self._renewed_for: dict[_Subject, Credential] = {}
        self._on_trial: dict[_Subject, Credential] = {}

    def resolve(self, query: Query) -> Resolution:
        """The answer for ``query``: remembered, also when it is empty, until shortly before its
        credential expires.

        If no new one can be had then, the old one serves until its end.
        """
        subject = _subject(query)
        with self._lock_of(subject):
            known = self._known.get((subject, query.allowed))
            if known is None:
                return self._ask(query)
            if not self._runs_out(query, known):
                return known
            found = self._ask(query)
            if found.credential is None and self._is_good(known):
                self._remember(query, known)
                return known
            return found

    def known(self, query: Query) -> Resolution | None:
        """The answer for ``query`` that is remembered; ``None`` where it would have to be asked
        for.
        """
        found = self._known.get((_subject(query), query.allowed))
        if found is None or self._runs_out(query, found):
            return None
        return found

    def renew(self, query: Query, refused: Credential) -> Resolution:
        """The answer after ``refused`` was refused: asked for again once, whichever thread comes
        first.

        A thread whose refused credential has already been replaced gets the replacement without
        asking. If the replacement is refused as well, before it was ever accepted, nobody asks a
        third time.
        """
        subject = _subject(query)
        with self._lock_of(subject):
            known = self._known.get((subject, EVERYTHING))
            was_renewed = refused in (self._renewed_for.get(subject), self._on_trial.get(subject))
            if known is not None and (known.credential != refused or was_renewed):
                return known
            self._renewed_for[subject] = refused
            found = self._ask(query._replace(allowed=EVERYTHING, fresh=True))
            if found.credential is not None and found.credential != refused:
                self._on_trial[subject] = found.credential
            return found

    def accepted(self, query: Query, credential: Credential) -> None:
        """``credential`` did what it should; if it is refused later, it has run out."""
        if self.is_on_trial(query, credential):
            self._on_trial.pop(_subject(query), None)

    def is_on_trial(self, query: Query, credential: Credential) -> bool:
        """Whether ``credential`` was made because the one before it was refused, and was never
        accepted.
        """
        return self._on_trial.get(_subject(query)) == credential

    def asked_lately(self, query: Query) -> bool:
        """Whether the sources were asked within the last minute."""
        asked = self._asked.get(_subject(query))
        return asked is not None and abs(self._now() - asked) < NEW

    def _ask(self, query: Query) -> Resolution:
        found = resolve(self.sources, query)
        self._asked[_subject(query)] = self._now()
        self._remember(query, found)
        return found

    def _remember(self, query: Query, found: Resolution) -> None:
        subject = _subject(query)
        self._known[subject, query.allowed] = found
        found_one = query.allows(Need.PROCESS) and found.credential is not None
        if found_one or query.allowed is EVERYTHING:
            for allowed in LEVELS:
                self._known[subject, allowed] = found

    def _runs_out(self, query: Query, known: Resolution) -> bool:
        credential = known.credential
        if credential is None or credential.expires_at is None:
            return False
        now = self._now()
        # A source that only hands out shorter-lived credentials is not asked for every request.
        asked = self._asked.get(_subject(query))
        just_asked = (
            asked is not None and abs(now - asked) < ASK_AGAIN and credential.expires_at > now
        )
        return credential.expires_at - now < RENEW_BEFORE[query.purpose] and not just_asked

    def _is_good(self, known: Resolution) -> bool:
        credential = known.credential
        return credential is not None and (
            credential.expires_at is None or credential.expires_at > self._now()
        )

    def _lock_of(self, subject: _Subject) -> threading.Lock:
        with self._lock:
            return self._locks.setdefault(subject, threading.Lock())


# For whom and for what a query asks, not how far it looks. Every request looks several of these up.
_Subject = tuple[str, str, Purpose, str | None]


def _subject(query: Query) -> _Subject:
    return query.name, query.url, query.purpose, query.username
