"""The checks ``credential`` and ``index``: what a repository answers to a stranger, and to us."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Union

from poetry_repo_plugin.core.errors import Cause, Failure
from poetry_repo_plugin.core.names import is_pypi
from poetry_repo_plugin.credentials.base import (
    DIAGNOSIS,
    EVERYTHING,
    FIRST_REQUEST,
    Need,
    Purpose,
    Resolution,
)
from poetry_repo_plugin.doctor.asker import OF_CREDENTIAL, Asker
from poetry_repo_plugin.doctor.report import Finding, State, failed, fine, skipped
from poetry_repo_plugin.http.checks import check_index
from poetry_repo_plugin.http.failures import failure, unanswered, withheld_of
from poetry_repo_plugin.http.responses import Answer, Judgement

Outcome = Union[Judgement, Failure]

_OPEN = "the index is open to everyone"

# The server was there and answered as it does; everything else happened on the way.
_AN_ANSWER = frozenset({Cause.CREDENTIAL_MISSING, Cause.NOT_AN_INDEX, Cause.SERVER_ERROR})


class Answers(Asker):
    """Asks for the root of the index, first as nobody and then with the credential."""

    def check(self, reached: str) -> tuple[Finding, Finding]:
        """Both findings: the same requests answer both.

        :param reached: ``""``, or why the server cannot be asked.
        """
        if reached:
            return self.at_rest(reached), skipped("index", reached)
        if is_pypi(self._repository.name):
            in_order = self.at_rest("PyPI cannot be checked without an upload", known=fine)
            return in_order, self._of_index(self._ask_index())
        stranger = self._ask_index(anonymous=True, strict=False)
        if isinstance(stranger, Failure) and stranger.cause not in _AN_ANSWER:
            return self.at_rest("not tried, because index failed"), self._of_index(stranger)
        is_open = _is_welcome(stranger)
        try:
            resolution = self._resolved(FIRST_REQUEST if is_open else EVERYTHING)
        except Failure as error:
            return failed("credential", error), skipped(
                "index", "not reached, because credential failed"
            )
        has_nothing = resolution.credential is None and not self._headers
        if has_nothing and is_open:
            return self._not_needed(), self._of_index(stranger)
        if has_nothing and not _is_closed(stranger):
            return skipped(
                "credential", "none is set; it is unknown whether one is needed"
            ), self._of_index(stranger)
        # What it answers to everyone alike says nothing of the credential.
        alike = isinstance(stranger, Judgement) and stranger.answer is Answer.REFUSED
        return self._of_both(self._ask_index(strict=not alike), resolution, is_open)

    def _of_both(
        self, known: Outcome, resolution: Resolution, is_open: bool
    ) -> tuple[Finding, Finding]:
        """What the answer to a request with the credential says of both."""
        if isinstance(known, Failure) and (
            known.cause in OF_CREDENTIAL or resolution.broken is not None
        ):
            return self._refused("credential", known), skipped(
                "index", "not reached, because credential failed"
            )
        return self._accepted(known, resolution, is_open), self._of_index(known)

    def _accepted(self, known: Outcome | None, resolution: Resolution, is_open: bool) -> Finding:
        credential = resolution.credential
        who = self._described(credential)
        if is_open:
            found = fine("credential", f"{who}; {_OPEN}, so it could not be verified")
        elif known is not None and _is_welcome(known):
            found = fine("credential", f"{who}: accepted")
        else:
            found = skipped("credential", f"{who}; it is unknown whether it is accepted")
        return self._about(credential, found)

    def at_rest(self, why: str, *, known: Callable[[str, str], Finding] = skipped) -> Finding:
        """What is known of the credential without asking the server."""
        check = "credential"
        try:
            resolution = self._resolved(DIAGNOSIS)
        except Failure as error:
            return failed(check, error, state=State.WARN)
        trouble = self._trouble(resolution)
        if trouble is not None:
            return trouble
        credential = resolution.credential
        if credential is None:
            needed = ""
            if is_pypi(self._repository.name):
                needed = " (needed for publishing only)"
            return skipped(check, f"none is set{needed}; {why}")
        return self._about(credential, known(check, f"{self._described(credential)}; {why}"))

    def _not_needed(self) -> Finding:
        """The index is open, and no request shows a credential: is there one, and is it in
        order?
        """
        try:
            resolution = self._resolved(DIAGNOSIS)
        except Failure as error:
            return failed("credential", error, state=State.WARN)
        trouble = self._trouble(resolution)
        if trouble is not None:
            return replace(trouble, message=f"{trouble.message}; not needed here, because {_OPEN}")
        if resolution.credential is None:
            return fine("credential", f"none is set, and none is needed: {_OPEN}")
        return self._accepted(None, resolution, is_open=True)

    def _trouble(self, resolution: Resolution) -> Finding | None:
        """A warning for what will not work where a credential is needed."""
        host = self._grant.origin.netloc
        if resolution.broken is not None:
            return failed(
                "credential",
                unanswered(self._repository, resolution.broken, host=host),
                state=State.WARN,
            )
        withheld = None
        if resolution.credential is None:
            withheld = withheld_of(resolution)
        if withheld is not None:
            message = (
                f"what is stored belongs to {' and '.join(withheld.bound_to)} and is not sent here"
            )
            error = failure(Cause.ORIGIN_MISMATCH, message, self._repository, host=host)
            return failed("credential", error, state=State.WARN)
        return None

    def _resolved(self, allowed: Need) -> Resolution:
        """What there is for this repository. Raises :class:`Failure` if it takes too long."""
        query = self._grant.query
        if query is None and is_pypi(self._repository.name):
            url = self._repository.publish_url or ""
            query = self._access.matcher.grant_for(
                url, owner=self._repository.name, purpose=Purpose.PUBLISH
            ).query
        return self._look_up(query, allowed)

    def _ask_index(self, *, anonymous: bool = False, strict: bool = True) -> Outcome:
        url = self._repository.index_url or ""

        def look() -> Judgement:
            return check_index(
                self._access,
                self._repository,
                url,
                anonymous=anonymous,
                strict=strict,
                timeout=self._timeout,
            )

        return self._bounded(url, look)

    def _of_index(self, outcome: Outcome) -> Finding:
        if isinstance(outcome, Failure):
            return failed("index", outcome)
        status, profile = outcome.status, self._profile
        title = ""
        if profile:
            title = f" ({profile.title}: {profile.advice.rstrip('.')})"
        if status in self._access.ignored_codes(self._repository):
            message = f"answers {status}, which your settings treat as “not found”"
            return Finding("index", State.WARN, message)
        if outcome.answer is Answer.EMPTY:
            message = f"{outcome.detail}: is it the URL of an index?"
            return Finding("index", State.WARN, message)
        if outcome.answer is Answer.UNLISTED:
            return fine("index", f"answers for a project; its root is not shown ({status}){title}")
        if status == 404:
            return fine("index", f"answers 404 at its root, which is normal{title}")
        return fine("index", f"answers{title}")


def _is_welcome(outcome: Outcome) -> bool:
    if isinstance(outcome, Failure):
        return False
    return outcome.status < 400 or outcome.answer is Answer.UNLISTED


def _is_closed(outcome: Outcome) -> bool:
    return isinstance(outcome, Failure) and outcome.cause is Cause.CREDENTIAL_MISSING
