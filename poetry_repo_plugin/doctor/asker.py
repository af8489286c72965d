"""What the checks share that send requests: time limits, and words for credentials and refusals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from poetry_repo_plugin.config.repositories import Repository
from poetry_repo_plugin.core.deadline import within
from poetry_repo_plugin.core.errors import Cause, Failure
from poetry_repo_plugin.core.headers import names_of
from poetry_repo_plugin.core.origin import Origin
from poetry_repo_plugin.core.servers import profile_of, publish_url_of
from poetry_repo_plugin.core.times import end_of_token, remaining
from poetry_repo_plugin.credentials.base import Credential, Need, Query, Resolution
from poetry_repo_plugin.doctor.report import Finding, State, failed
from poetry_repo_plugin.http.auth import Access
from poetry_repo_plugin.http.failures import failure
from poetry_repo_plugin.http.matching import Grant

T = TypeVar("T")

OF_CREDENTIAL = frozenset(
    {
        Cause.CREDENTIAL_MISSING,
        Cause.CREDENTIAL_REJECTED,
        Cause.CREDENTIAL_EXPIRED,
        Cause.ORIGIN_MISMATCH,
    }
)
# What a vendor's line of advice is about.
_ADVISED = OF_CREDENTIAL | {Cause.NOT_AN_UPLOAD_URL}
_GRACE = 0.5  # seconds in which requests' own time limit may strike first, with the better message


class Asker:
    """Asks one repository.

    :param grant: of the URL that the walk is about.
    :param timeout: seconds for each request, from its beginning to its end.
    :param patience: seconds for looking a credential up: a keyring may ask a person.
    """

    def __init__(
        self,
        access: Access,
        repository: Repository,
        grant: Grant,
        *,
        timeout: float,
        patience: float,
    ) -> None:
        self._access = access
        self._repository = repository
        self._grant = grant
        self._timeout = timeout
        self._patience = patience
        self._profile = profile_of(
            repository.index_url or repository.publish_url or "", repository.name
        )

    def _look_up(self, query: Query | None, allowed: Need) -> Resolution:
        """The chain's answer. Raises :class:`Failure` if it takes too long."""
        asked = query._replace(allowed=allowed) if query is not None else None
        try:
            return within(
                self._patience,
                lambda: self._access.chain.resolve(asked) if asked else Resolution(None),
            )
        except TimeoutError:
            raise self._failure(
                Cause.TIMEOUT, f"looking up its credential took longer than {self._patience:g} s"
            ) from None

    def _refused(self, check: str, error: Failure) -> Finding:
        advice = (
            self._profile.advice.rstrip(".")
            if self._profile is not None and error.cause in _ADVISED
            else ""
        )
        finding = failed(check, error, note=advice)
        if check != "upload":
            return finding
        return self._softened(finding)

    @property
    def _is_derived(self) -> bool:
        """Whether the publish URL just follows from the index URL: perhaps nobody here wants to
        publish.
        """
        repository = self._repository
        return (
            repository.index_url is not None
            and publish_url_of(repository.index_url) == repository.publish_url
        )

    def _softened(self, finding: Finding) -> Finding:
        """Who only installs has not failed where nobody said that uploads go there."""
        if self._is_derived and finding.state is State.FAIL:
            return replace(finding, state=State.WARN)
        return finding

    @property
    def _headers(self) -> tuple[str, ...]:
        """The names of the further headers that are stored for this place."""
        return self._access.stored_headers.names(self._grant.for_headers)

    def _described(self, credential: Credential | None) -> str:
        """Who, and from where; never the secret, which some servers take as the user name."""
        of_helper = names_of(credential.headers) if credential is not None else ()
        names = " and ".join(dict.fromkeys((*self._headers, *of_helper)))
        if credential is None:
            return names or "none is set"
        who = self._who(credential)
        if not names:
            return who
        return f"{who}, with {names}"

    def _who(self, credential: Credential) -> str:
        hidden = not credential.secret or (
            self._profile is not None and self._profile.token_is_username
        )
        named = credential.account or (None if hidden else credential.username)
        who = f"{named}, from" if named else "from"
        detail = (
            f" ({credential.detail})" if credential.detail not in (credential.source, "") else ""
        )
        left = (
            f", {remaining(credential.expires_at)} left"
            if credential.expires_at is not None
            else ""
        )
        return f"{who} {credential.source}{detail}{left}"

    def _about(self, credential: Credential | None, finding: Finding) -> Finding:
        """``finding`` with the moment when ``credential`` ends."""
        if credential is None:
            return finding
        ends = credential.expires_at or end_of_token(credential.secret)
        return replace(finding, expires_at=ends)

    def _failure(self, cause: Cause, message: str) -> Failure:
        return failure(cause, f"{message}.", self._repository, host=self._grant.origin.netloc)

    def _bounded(self, url: str, work: Callable[[], T]) -> T | Failure:
        try:
            return within(self._timeout + _GRACE, work)
        except Failure as error:
            return error
        except TimeoutError:
            message = f"it does not answer within {self._timeout:g} s."
            return failure(Cause.TIMEOUT, message, self._repository, host=Origin.of(url).netloc)
