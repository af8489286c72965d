"""What a request may carry: its credential and its TLS context.

One :class:`Access` serves a whole run and all of its threads. Nothing is read, asked or built
before a request needs it, and everything is read, asked and built once.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from poetry_repo_plugin.config.bindings import Bindings, Kind
from poetry_repo_plugin.config.project_trust import ProjectTrust
from poetry_repo_plugin.config.repositories import Catalogue, Repository
from poetry_repo_plugin.config.settings import Settings
from poetry_repo_plugin.core.errors import Failure
from poetry_repo_plugin.core.headers import Headers, merged
from poetry_repo_plugin.core.hints import repo
from poetry_repo_plugin.core.notices import Notices
from poetry_repo_plugin.core.origin import InvalidUrl, Origin
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.core.servers import profile_of
from poetry_repo_plugin.credentials.base import (
    EVERYTHING,
    FIRST_REQUEST,
    Credential,
    Need,
    Purpose,
    Query,
    Resolution,
)
from poetry_repo_plugin.credentials.chain import Chain
from poetry_repo_plugin.credentials.headers import StoredHeaders
from poetry_repo_plugin.credentials.keyring import KeyringGate
from poetry_repo_plugin.http.ahead import Abandoned, Hosts, is_ahead
from poetry_repo_plugin.http.bodies import is_metadata
from poetry_repo_plugin.http.connections import Connections
from poetry_repo_plugin.http.failures import unanswered, withheld_of
from poetry_repo_plugin.http.matching import Grant, Matcher, unmistakable
from poetry_repo_plugin.http.recorder import Recorder
from poetry_repo_plugin.http.refusals import (
    UNCERTAIN,
    Action,
    Refusal,
    Reply,
    Why,
    action_for,
    explain_refusal,
)

if TYPE_CHECKING:
    from poetry_repo_plugin.credentials.external import OutsideSource

_MOST_TRIES = 3  # as it is, after a challenge, after one renewal


class Attempt(NamedTuple):
    """One request to send.

    :param find: finds what it carries. Called when there is a connection: an answer from a cache
        needs none. Raises :class:`Failure`.
    :param probe: a URL to GET in its place, to see whether it is still there.
    """

    find: Callable[[], Credential | None]
    probe: str | None = None


class Access:
    """What the requests of a run share.

    :ivar matcher: says whose repository a URL belongs to.
    :ivar tls: makes the contexts, and explains connections that fail.
    :ivar stored_headers: finds what goes out beside a credential.
    :ivar hosts: knows which hosts may be asked ahead of Poetry.
    :param passphrase: finds the passphrase of a repository's key, asking a person if need be, or
        returns ``None``.
    :param outside: the source that runs helpers.
    :param recorder: keeps what the answers teach; ``None`` to only look.
    """

    def __init__(
        self,
        settings: Settings,
        catalogue: Catalogue,
        chain: Chain,
        bindings: Bindings,
        notices: Notices,
        gate: KeyringGate,
        *,
        passphrase: Callable[[Repository], Secret | None] = lambda repository: None,
        outside: OutsideSource | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        self.settings = settings
        self.catalogue = catalogue
        self.chain = chain
        self.bindings = bindings
        self.notices = notices
        self.gate = gate
        self.matcher = Matcher(catalogue, bindings)
        self.hosts = Hosts()
        self.stored_headers = StoredHeaders(settings, gate, bindings, notices.once)
        self.tls = Connections(
            *(settings, bindings, notices),
            passphrase=passphrase,
            outside=outside,
            project_trust=ProjectTrust(settings, catalogue, bindings),
        )
        self.outside = outside
        self._recorder = recorder
        self._ended: dict[Query, Failure] = {}
        self._proofs: dict[Query, str] = {}
        self._doubts: dict[str, Failure] = {}

    def credential(self, grant: Grant, allowed: Need) -> Credential | None:
        """What to send, or ``None``. Where everything is allowed, a broken source raises
        :class:`Failure`.
        """
        if grant.uncertain:
            self._warn_of_uncertain(grant)
        if grant.given is not None or grant.query is None:
            return grant.given
        ended = self._ended.get(grant.query)
        if (
            ended is not None
        ):  # the index wants a credential, and none can be had any more: nothing goes without
            raise ended
        resolution = self.chain.resolve(grant.query._replace(allowed=allowed))
        self._warn_if_withheld(grant, resolution)
        if allowed is EVERYTHING and resolution.broken is not None and grant.repository is not None:
            raise unanswered(grant.repository, resolution.broken, host=grant.origin.netloc)
        if self.may_go(grant, resolution.credential):
            return resolution.credential
        return None

    def known_credential(self, grant: Grant) -> Credential | None:
        """As :meth:`credential`, for a request ahead: nobody is asked, and what is not known ends
        it.
        """
        if grant.given is not None or grant.query is None:
            return grant.given
        known = self.chain.known(grant.query._replace(allowed=FIRST_REQUEST))
        if known is None or grant.query in self._ended:
            raise Abandoned
        if self.may_go(grant, known.credential):
            return known.credential
        return None

    def headers(self, grant: Grant, sent: Credential | None) -> Headers:
        """The further headers of a request that carries ``sent``; those of a helper go before
        stored ones. Ahead, no keyring is asked for them.
        """
        if is_ahead() and not self.stored_headers.is_known(grant.for_headers):
            raise Abandoned
        stored = self.stored_headers.find(grant.for_headers)
        if sent is None:
            return stored
        return merged(stored, sent.headers)

    def may_go(self, grant: Grant, credential: Credential | None) -> bool:
        """Whether ``credential`` may go where the request goes, if it is one that names a host and
        nothing else (an entry of a netrc or of a keyring).

        Not over http to a host that is known for https. Nor to a stranger's host that is trusted
        only because of what a project says of one of its repositories, or because that one is not
        verified.
        """
        if credential is None or credential.source not in ("netrc", "keyring-url"):
            return True
        lent = grant.repository is not None and grant.query is not None and not grant.query.name
        if lent and grant.repository is not None and self.tls.is_trust_for_itself(grant.repository):
            return False
        return grant.origin.scheme != "http" or self._is_meant_for_http(grant.origin)

    def _is_meant_for_http(self, origin: Origin) -> bool:
        meant = {
            own.origin
            for name in self.settings.names()
            for own in self.bindings.of(name, Kind.CREDENTIAL)
        }
        for name in self.settings.names():
            for url in (
                self.settings.user_settings(name).url,
                self.settings.user_publish_url(name),
            ):
                with suppress(InvalidUrl):
                    meant.add(Origin.of(url or ""))
        known = meant | {own.origin for repository in self.catalogue for own in repository.prefixes}
        return origin in meant or not any(
            own.scheme == "https" and own.host == origin.host for own in known
        )

    def flow(
        self,
        grant: Grant,
        url: str,
        *,
        allowed: Need = FIRST_REQUEST,
        strict: bool = False,
    ) -> Generator[Attempt, Reply, None]:
        """Yields what to send, and is sent what came back; it ends when the last answer is the one
        to hand on.

        Raises :class:`Failure` where a repository's refusal is final.

        :param url: of the request, without userinfo.
        :param allowed: what finding the first credential may take.
        :param strict: a 401 or 403 counts also where the settings declare it harmless: for uploads,
            and for questions about a credential.
        """
        tried: tuple[Credential, ...] = ()
        attempt = Attempt(partial(self.credential, grant, allowed))
        for _ in range(_MOST_TRIES):
            reply = yield attempt
            if reply.sent is not None:
                tried = (*tried, reply.sent)
            if not self.means_refusal(grant, reply.status):
                return
            refused = Refusal(grant, url, reply.status, tried, reply.reason, reply.headers)
            fresh = yield from self._after_refusal(refused, strict)
            if fresh is None:
                return
            attempt = Attempt(partial(_found, fresh))

    def _after_refusal(
        self, refused: Refusal, strict: bool
    ) -> Generator[Attempt, Reply, Credential | None]:
        """A credential to try again with, or ``None`` to hand the answer on."""
        grant, sent = refused.grant, refused.sent
        repository, query = grant.repository, grant.query
        is_ignored = self.ignores(grant, refused.status)
        if is_ignored and not strict:
            return None
        when_expired, when_unknown = self._statuses(grant)
        if refused.is_hidden and sent is None and refused.status in when_unknown:
            return self._of_hidden(grant)
        if refused.is_hidden and refused.status not in when_expired:
            return None
        if refused.is_hidden and not (yield from self._may_have_run_out(query, sent)):
            return None
        is_new = self._is_new(refused)
        renewed = sent is not None and query is not None and self.chain.is_on_trial(query, sent)
        if is_new and refused.status == 403:
            resolution = Resolution(sent)  # another one would have the same rights
        else:
            resolution = self._ask_again(grant, sent, refused.status)
        fresh = None
        if grant.given is None:
            fresh = resolution.credential
        is_untried = fresh is not None and fresh not in refused.tried
        if is_untried and len(refused.tried) < 2 and self.may_go(grant, fresh):
            return fresh
        proven = self._is_proven(grant)
        if not refused.is_hidden:
            proven = (proven or is_new) and resolution.broken is None
        action = action_for(refused, proven=proven)
        if action is Action.HAND_ON or repository is None:
            return None
        reading = query is not None and query.purpose is Purpose.INDEX and grant.given is None
        why = Why(resolution, renewed, reading and not is_ignored, self._is_proven(grant))
        found = explain_refusal(refused, action, why)
        if action is Action.DOUBT and (renewed or reading or query is None):
            self._doubts.setdefault(
                repository.name, found
            )  # told if it turns out that all was answered so
            return None
        if sent is not None and query is not None and resolution.broken is not None:
            self._ended[query] = found
        if is_metadata(refused.url):
            return None  # Poetry reads the file instead, and meets the refusal there
        raise found

    def _is_proven(self, grant: Grant) -> bool:
        """The repository accepted a credential earlier in this run."""
        if grant.query is not None and grant.query.name:
            return grant.query in self._proofs
        name = ""
        if grant.repository is not None:
            name = grant.repository.name
        return any(query.name == name for query in self._proofs)

    def _is_new(self, refused: Refusal) -> bool:
        """What was refused was issued a moment ago, so that it cannot have run out."""
        sent, query = refused.sent, refused.grant.query
        if sent is None or query is None or not sent.source.startswith("provider:"):
            return False
        recalled = self.outside is not None and self.outside.between.is_recalled(sent)
        return not recalled and self.chain.asked_lately(query)

    def _of_hidden(self, grant: Grant) -> Credential | None:
        """What there is for a server that answers 404 to strangers, where nothing was sent.

        A public page that is not there looks the same, so what is broken or withheld stops nothing.
        """
        query = grant.query
        if query is None or not query.name or grant.uncertain or grant.stray:
            return None
        found = self.chain.resolve(query._replace(allowed=EVERYTHING)).credential
        if self.may_go(grant, found):
            return found
        return None

    def _ask_again(self, grant: Grant, sent: Credential | None, status: int) -> Resolution:
        """What there is beside ``sent``, which was refused: its helper is told, and all sources are
        asked.
        """
        query = grant.query
        if sent is not None and query is not None and self._recorder is not None:
            self._recorder.refused(query, sent, status)
        if query is None or grant.given is not None:
            return Resolution(grant.given)
        full = query._replace(allowed=EVERYTHING)
        beside = sent is not None and sent.source == "keyring" and query.purpose is Purpose.PUBLISH
        if sent and (beside or _renewable(sent)):
            return self.chain.renew(full, sent)
        return self.chain.resolve(full)

    def doubt(self, name: str) -> Failure | None:
        """Why it may be that the repository had nothing: it hides what one may not see, and no
        credential can be told to be good.
        """
        return self._doubts.get(name)

    def _may_have_run_out(
        self, query: Query | None, sent: Credential | None
    ) -> Generator[Attempt, Reply, bool]:
        """A 404 of a server that hides what one may not see can mean that ``sent`` is no longer
        good.

        What it had before in this run is asked for again. Before it had anything, a token that was
        made just now is good, so nothing is there. What can only be uploaded to is taken for gone.
        """
        if sent is None or query is None or not query.name:
            return False
        proof = self._proofs.get(query)
        if proof is not None and query.purpose is Purpose.PUBLISH:
            return True
        if proof is not None:
            reply = yield Attempt(partial(_found, sent), probe=proof)
            return not 200 <= reply.status < 300
        recalled = self.outside is not None and self.outside.between.is_recalled(sent)
        is_new = _renewable(sent) and not recalled and self.chain.asked_lately(query)
        return not is_new or self.chain.is_on_trial(query, sent)

    def means_refusal(self, grant: Grant, status: int) -> bool:
        """Whether ``status`` says that the credential is missing, wrong or expired, at this kind of
        server.
        """
        if status in (401, 403):
            return True
        if status < 400:
            return False
        return any(status in statuses for statuses in self._statuses(grant))

    @staticmethod
    def _statuses(grant: Grant) -> tuple[frozenset[int], frozenset[int]]:
        """How this kind of server answers to an expired credential, and to none, beside 401 and
        403.
        """
        profile = None
        if grant.repository is not None and grant.query is not None:
            profile = profile_of(grant.query.url, grant.repository.name)
        if profile is None:
            return frozenset(), frozenset()
        return profile.expired_statuses, profile.stranger_statuses

    def ignored_codes(self, repository: Repository) -> frozenset[int]:
        """The codes that the user or the project declared to mean “not here” with this
        repository.
        """
        own = self.settings.user_settings(repository.name).ignore_error_codes
        return frozenset((*own, *repository.project.ignore_error_codes))

    def ignores(self, grant: Grant, status: int) -> bool:
        """Whether ``status`` means “not here”, as :meth:`ignored_codes` has it; a project does not
        hide that its index was refused what belongs elsewhere.
        """
        repository, query = grant.repository, grant.query
        if status < 400 or repository is None:
            return False
        if status in self.settings.user_settings(repository.name).ignore_error_codes:
            return True
        if status not in repository.project.ignore_error_codes:
            return False
        allows = self.bindings.allows
        return query is None or allows(repository.name, Kind.CREDENTIAL, query.url) is not False

    def succeeded(self, grant: Grant, sent: Credential | None, url: str | None = None) -> None:
        """The repository accepted what was sent: tell its helper, and bind what was stored before
        the plugin came.

        :param url: what was there, if it can be asked for again.
        """
        if grant.repository is None or grant.query is None or not grant.query.name:
            return
        if sent is not None:
            self.chain.accepted(grant.query, sent)
            if url is not None:
                self._proofs.setdefault(grant.query, url)
        if self._recorder is not None:
            self._record(self._recorder, grant.repository, grant, grant.query, sent)

    def _record(
        self,
        recorder: Recorder,
        repository: Repository,
        grant: Grant,
        query: Query,
        sent: Credential | None,
    ) -> None:
        if sent is not None:
            recorder.accepted(query, sent)
            if sent.source in ("keyring", "auth.toml", "helper") and not sent.borrowed:
                recorder.bind(repository, Kind.CREDENTIAL, query.url)
        is_open = not grant.identify or grant.origin.scheme != "https"
        if is_open or recorder.has_bound(repository.name, Kind.CERTIFICATE):
            return  # before the settings are read for each answer
        if self.tls.has_identity(repository):
            recorder.bind(repository, Kind.CERTIFICATE, query.url)

    def note_upgrade(self, grant: Grant, before: Origin) -> None:
        """Say once which URL to write where ``before``, http, has sent a request on to https at the
        same host.
        """
        repository = grant.repository
        if (before.scheme, grant.origin.scheme) != (
            "http",
            "https",
        ) or before.host != grant.origin.host:
            return
        if (
            repository is None
            or repository.index_url is None
            or grant.query is None
            or not grant.query.name
        ):
            return
        url = repository.index_url.replace("http://", "https://", 1)
        self.notices.once(
            f"Repository {repository.name}: {before} redirects to https. "
            f"Update its URL: {repo('add', repository.name, url)}"
        )

    def _warn_of_uncertain(self, grant: Grant) -> None:
        if grant.repository is not None:
            self.notices.once(
                f"Repository {grant.repository.name}: it is asked for {UNCERTAIN}; nothing secret is sent there."
            )

    def _warn_if_withheld(self, grant: Grant, resolution: Resolution) -> None:
        withheld = withheld_of(resolution)
        if withheld is None or grant.query is None:
            return
        name, url = grant.query.name, unmistakable(grant.query.url)
        self.notices.once(
            f"Repository {name}: the stored credential belongs to {' and '.join(withheld.bound_to)} "
            f"and is not sent to {url}. To allow that: {repo('login', name, '--url', url)}"
        )


def _found(credential: Credential) -> Credential:
    return credential


def _renewable(credential: Credential) -> bool:
    return credential.expires_at is not None or credential.source.startswith(
        ("helper", "provider:", "oauth")
    )
