"""The adapter through which every request of Poetry travels.

It carries what :class:`~poetry_repo_plugin.http.auth.Access` allows: the TLS context, the
Authorization header (put on for the wire only, so that no copy, cache, log or exception keeps it),
one renewal after a refusal, and the turning of failures that trying again cannot help into one
clear error.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakKeyDictionary

from requests.adapters import HTTPAdapter
from requests.exceptions import RequestException
from requests.utils import select_proxy
from urllib3 import PoolManager

from poetry_repo_plugin.core.deadline import Budget, watched
from poetry_repo_plugin.core.errors import Cause, Failure
from poetry_repo_plugin.core.headers import Headers as FurtherHeaders
from poetry_repo_plugin.core.headers import names_of
from poetry_repo_plugin.core.origin import InvalidUrl, Origin, split_userinfo
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.core.terminal import printable
from poetry_repo_plugin.credentials.base import EVERYTHING, FIRST_REQUEST, Credential, Purpose
from poetry_repo_plugin.http.ahead import Abandoned, is_ahead
from poetry_repo_plugin.http.bodies import cut, read_beginning, reason_of, settle_retry_after
from poetry_repo_plugin.http.cache import CarefulAdapter
from poetry_repo_plugin.http.cookies import Cookies
from poetry_repo_plugin.http.failures import failure
from poetry_repo_plugin.http.fields import put_on, take_off
from poetry_repo_plugin.http.hops import Headers, Hop
from poetry_repo_plugin.http.matching import Grant
from poetry_repo_plugin.http.refusals import Reply
from poetry_repo_plugin.http.responses import ENOUGH as ENOUGH_OF_PAGE
from poetry_repo_plugin.http.uploads import (
    as_upload_failure,
    check_upload,
    is_about_content,
    onward,
    rewind,
    seconds_for_answer,
)

if TYPE_CHECKING:
    from requests import PreparedRequest, Response

    from poetry_repo_plugin.http.auth import Access, Attempt

_NO_LIMIT = float("inf")  # the budget is one


@dataclass
class Trip:
    """One request on its way to the wire and back.

    :param find: finds what it carries.
    :param sent: what it carried.
    :param beside: the further headers that it carried.
    :param covered: what was in their place before.
    :param left: when it went out, in seconds of a clock; ``None`` as long as a cache may answer.
    :param seconds: how long the server took for the last answer; ``None`` where a cache answered.
    """

    grant: Grant
    proxies: Mapping[str, str]
    find: Callable[[], Credential | None] = lambda: None
    sent: Credential | None = None
    beside: FurtherHeaders = ()
    covered: dict[str, str | None] = field(default_factory=dict)
    left: float | None = None
    seconds: float | None = None


class _Carrier(HTTPAdapter):
    """What both adapters do.

    :param access: gives what decides what a request may carry; called when the first request is
        sent.
    :param report: turns a failure into the exception that Poetry prints well.
    :param owner: the repository on whose behalf this session works, if it is known.
    :param given: a credential from the command line.
    :param context: a TLS context from the command line, instead of the repository's.
    :param judge: turn a 401 or 403 into an error; else the caller reads it.
    :param strict: judge them also where the settings declare them harmless, as every upload is
        judged.
    :param check: raises :class:`Failure` for a URL that may not be asked at all.
    :param pools: connections that are shared with other adapters; their keys hold the TLS context.
    :param budget: the question is ours: the time for it, in which the beginning of each answer is
        read at once.
    :param anonymous: send nothing of the repository's, to see what it does then; ``given`` alone.
    """

    def __init__(
        self,
        access: Callable[[], Access],
        report: Callable[[Failure], Exception],
        *,
        owner: Callable[[], str | None] = lambda: None,
        purpose: Purpose = Purpose.INDEX,
        given: Credential | None = None,
        context: Callable[[], Any] | None = None,
        anonymous: bool = False,
        judge: bool = True,
        strict: bool = False,
        check: Callable[[str], None] = lambda url: None,
        pools: PoolManager | None = None,
        budget: Budget | None = None,
        **options: Any,
    ) -> None:
        self._budget = budget
        self._get_access = access
        self._report = report
        self._owner = owner
        self._purpose = purpose
        self._given = given
        self._own_context = context
        self._anonymous = anonymous
        self._judge = judge
        self._strict = strict or purpose is Purpose.PUBLISH
        self._check = check
        self._pools = pools
        self._trips: WeakKeyDictionary[PreparedRequest, Trip] = WeakKeyDictionary()
        self._cookies = Cookies()
        super().__init__(**options)

    @property
    def _access(self) -> Access:
        return self._get_access()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Poetry downloads a file with another session than it reads the page with; the connection
        is the same.
        """
        if self._pools is None:
            super().init_poolmanager(*arguments, **options)
        else:
            self.poolmanager = self._pools

    def close(self) -> None:
        """Shared connections stay open: another thread may be using them."""
        if self._pools is not None:
            self.poolmanager = PoolManager()
        super().close()

    # -- the request

    def send(
        self,
        request: PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Response:
        """Send ``request`` with what it may carry.

        Raises what ``report`` makes of a failure that is final; everything else as requests does,
        for Poetry to try again.
        """
        request.headers.pop("Authorization", None)
        request.headers.pop("Cookie", None)
        whole_url, given = request.url, self._take_userinfo(request)
        how = {
            "stream": stream,
            "timeout": timeout,
            "verify": verify,
            "cert": cert,
            "proxies": proxies,
            **options,
        }
        try:
            self._check(cast("str", request.url))
            grant, led_away = self._grant_for(request, given)
            self._cookies.give(grant, request)
            trip = self._trips[request] = Trip(grant, proxies or {})
            if is_ahead():
                self._access.hosts.check(grant, request)
            response = self._travel(trip, request, how)
            if response.is_redirect:
                request.headers = Headers(
                    request.headers, Hop(cast("str", request.url), grant, led_away)
                )
            return response
        except InvalidUrl:
            return super().send(request, **how)
        except Failure as error:
            stopped = self._trips.get(request)
            if stopped is not None:
                self._access.hosts.refuse(stopped.grant.origin)
            raise self._report(error) from None
        finally:
            self._undress(request)
            self._trips.pop(request, None)
            request.url = whole_url  # Poetry may send it again

    def _grant_for(self, request: PreparedRequest, given: Credential | None) -> tuple[Grant, bool]:
        """What ``request`` may carry, and whether another origin's redirect led to it. Raises
        :class:`InvalidUrl`.
        """
        url, hop = cast("str", request.url), getattr(request.headers, "hop", None)
        owner, led_away = self._owner(), False
        if hop is not None:
            led_away = hop.leads_away(url, self._access.matcher, owner=owner, purpose=self._purpose)
            owner = (hop.trusted_by if led_away else hop.owner) or owner
        if given is None:
            given = self._given
            if hop is not None and Origin.of(url) == hop.grant.origin:
                given = hop.grant.given
        grant = self._access.matcher.grant_for(
            url, owner=owner, purpose=self._purpose, led_away=led_away, given=given
        )
        if hop is not None and not led_away:
            self._access.note_upgrade(grant, hop.grant.origin)
        if self._anonymous:
            grant = grant._replace(query=None, given=self._given, beside=None)
        return grant, led_away

    def _travel(self, trip: Trip, request: PreparedRequest, how: dict[str, Any]) -> Response:
        """The exchanges that it takes until there is an answer to hand on."""
        flow, asked = self._flow(trip, request), request.url
        publishing = self._purpose is Purpose.PUBLISH
        while True:
            response = self._answer(trip, request, how)
            if is_ahead():
                return response
            if self._judge and not (publishing and is_about_content(response)):
                attempt = self._next_attempt(flow, trip, request, response, how)
                if attempt is not None and rewind(request):
                    response.close()
                    trip.find = attempt.find
                    continue
            target = None
            if publishing:
                target = onward(request, response)
            if target is None or request.url != asked or not rewind(request):
                break
            response.close()
            request.url = target
            flow = self._flow(trip, request)
        if publishing and self._judge:
            odd = check_upload(trip.grant, request, response)
            if odd is not None:
                whose = self._owner() or trip.grant.origin.netloc
                self._access.notices.once(f"{whose}: {odd}.")
        if response.status_code < 400:
            is_proof = response.status_code < 300 and request.method in ("GET", "POST")
            proof = None
            if is_proof:
                proof = request.url
            self._access.succeeded(trip.grant, trip.sent, proof)
        status = response.status_code
        ignored = self._access.ignores(trip.grant, status)
        self._access.hosts.settle(trip.grant, status, trip.seconds, ignored=ignored)
        return response

    def _flow(self, trip: Trip, request: PreparedRequest) -> Generator[Attempt, Reply, None]:
        allowed = FIRST_REQUEST
        if self._purpose is Purpose.PUBLISH:
            allowed = EVERYTHING
        flow = self._access.flow(
            trip.grant, cast("str", request.url), allowed=allowed, strict=self._strict
        )
        trip.find = next(flow).find
        return flow

    def _answer(self, trip: Trip, request: PreparedRequest, how: dict[str, Any]) -> Response:
        """One exchange. Raises :class:`Failure` for what no credential can help."""
        grant, trip.sent, trip.left = trip.grant, None, None
        try:
            response = self._exchange(request, **how)
        except (RequestException, OSError) as error:
            if is_ahead():
                self._access.hosts.refuse(grant.origin)
                raise Abandoned from None
            self._explain(trip, error)
            raise
        trip.seconds = time.perf_counter() - trip.left if trip.left is not None else None
        if is_ahead():
            return self._settle_ahead(trip, response)
        if response.status_code >= 400:
            cut(response)
            settle_retry_after(response)
        self._read_tls_page(grant, response)
        if response.status_code == 407 and self._judge:
            message = "the proxy requires a user name and a password (407)."
            raise failure(Cause.PROXY, message, grant.repository, host=grant.origin.netloc)
        return response

    def _settle_ahead(self, trip: Trip, response: Response) -> Response:
        """An answer for a request ahead, which goes on only with one that is no refusal of any
        kind.
        """
        status, access = response.status_code, self._access
        ignored = access.ignores(trip.grant, status)
        access.hosts.settle(trip.grant, status, trip.seconds, ignored=ignored)
        if status < 400 or ignored:
            return response
        if status == 404 and not access.means_refusal(trip.grant, status):
            return response
        response.close()
        raise Abandoned

    def _next_attempt(
        self,
        flow: Generator[Attempt, Reply, None],
        trip: Trip,
        request: PreparedRequest,
        response: Response,
        how: dict[str, Any],
    ) -> Attempt | None:
        """What to send after ``response``; ``None`` where that is the answer. Raises
        :class:`Failure`.
        """
        self._undress(request)
        reply = Reply(response.status_code, trip.sent, headers=names_of(trip.beside))
        if response.status_code >= 400:
            reply = reply._replace(reason=_words_of(response, trip))
        try:
            attempt = flow.send(reply)
            while attempt.probe is not None:
                attempt = flow.send(self._probe(trip, attempt, request, how))
        except StopIteration:
            return None
        return attempt

    def _probe(
        self, trip: Trip, attempt: Attempt, like: PreparedRequest, how: dict[str, Any]
    ) -> Reply:
        """Ask, past any cache, for what was there before."""
        from requests import Request

        headers = {
            name: like.headers[name]
            for name in ("User-Agent", "Accept", "Accept-Encoding")
            if name in like.headers
        }
        request = Request("GET", attempt.probe, headers).prepare()
        aside = self._trips[request] = Trip(trip.grant, trip.proxies, attempt.find)
        try:
            response = HTTPAdapter.send(self, request, **{**how, "stream": True})
        except (RequestException, OSError) as error:
            self._explain(aside, error)
            raise
        finally:
            self._trips.pop(request, None)
        cut(response)
        response.close()
        return Reply(response.status_code, aside.sent)

    def _exchange(self, request: PreparedRequest, **how: Any) -> Response:
        """One request and its answer. Of an answer that nobody but us looks into the beginning is
        read, in a time that the server cannot draw out.
        """
        if self._budget is not None:
            with self._budget as budget:
                response = super().send(request, **how)
                try:
                    read_beginning(response, most=ENOUGH_OF_PAGE, patience=_NO_LIMIT)
                finally:
                    budget.check()
            return response
        if self._purpose is not Purpose.PUBLISH:
            return super().send(request, **how)
        with Budget(seconds_for_answer(how["timeout"]), from_answer=True):
            response = super().send(request, **how)
            cut(response)
        return response

    def get_connection_with_tls_context(self, *arguments: Any, **options: Any) -> Any:
        """Connections keep to the time that the thread has for them."""
        pool: Any = super().get_connection_with_tls_context(*arguments, **options)
        pool.ConnectionCls = watched(pool.ConnectionCls)
        return pool

    def _read_tls_page(self, grant: Grant, response: Response) -> None:
        """Raise what a page says about TLS: nginx ends the handshake well and refuses
        afterwards.
        """
        if response.status_code == 400:
            found = self._access.tls.explain_answer(grant, 400, response.content[:2000])
            if found is not None:
                raise self._for_purpose(grant, found)

    def _take_userinfo(self, request: PreparedRequest) -> Credential | None:
        """The credential that the URL itself holds; the URL goes on without it."""
        if "@" not in cast("str", request.url):
            return None
        bare, username, secret = split_userinfo(cast("str", request.url))
        request.url = bare
        if username is None:
            return None
        return Credential(secret or Secret(""), username, "url", "the URL itself")

    # -- what is carried, at the moment when the connection needs it

    def build_connection_pool_key_attributes(
        self, request: PreparedRequest, verify: Any, cert: Any = None
    ) -> Any:
        """The pool's key, with the repository's own context in the place of paths and switches."""
        host, tls = super().build_connection_pool_key_attributes(request, verify, cert)
        context = self._context(request)
        if context is None:
            return (host, tls)
        return (host, {"ssl_context": context})

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Requests would add certifi's roots to the repository's own context here."""
        if conn.conn_kw.get("ssl_context") is None:
            cast("Any", super()).cert_verify(conn, url, verify, cert)

    def add_headers(self, request: PreparedRequest, **options: Any) -> None:
        """The last step before the wire: here, and nowhere before, a credential is looked up."""
        trip = self._trips.get(request)
        if trip is None:
            return
        self._undress(request)
        access = self._access
        trip.sent = access.known_credential(trip.grant) if is_ahead() else trip.find()
        trip.beside = access.headers(trip.grant, trip.sent)
        trip.left = time.perf_counter()
        trip.covered = put_on(request, trip.beside)
        authorization = None
        if trip.sent is not None:
            authorization = trip.sent.authorization()
        if authorization is not None:
            request.headers["Authorization"] = authorization

    def _undress(self, request: PreparedRequest) -> None:
        """Take off what only the wire is to see."""
        request.headers.pop("Authorization", None)
        trip = self._trips.get(request)
        if trip is not None:
            take_off(request, trip.covered)

    def build_response(
        self, req: PreparedRequest, resp: Any, *arguments: Any, **options: Any
    ) -> Response:
        """The response, and a cache's view of its request, know nothing of the header. The server's
        words for its status are printed by Poetry as they are.
        """
        self._undress(req)
        response = super().build_response(req, resp, *arguments, **options)
        response.reason = printable(response.reason or "")
        trip = self._trips.get(req)
        if trip is not None and "set-cookie" in response.headers:
            self._cookies.keep(trip.grant, req, resp)
        return response

    def _context(self, request: PreparedRequest) -> Any:
        trip = self._trips.get(request)
        if trip is None or trip.grant.origin.scheme != "https":
            return None
        own = None
        if self._own_context is not None:
            own = self._own_context()
        if own is not None:
            return own
        return self._access.tls.context(trip.grant)

    # -- failures

    def _explain(self, trip: Trip, error: Exception) -> None:
        """Raise the failure that ``error`` means, unless Poetry's own retries may help.

        They take seconds to a minute: too long for a mirror whose original may be asked instead.
        """
        grant = trip.grant
        proxy = select_proxy(str(grant.origin), dict(trip.proxies))
        found = self._access.tls.explain(grant, error, proxy=proxy)
        if found is None:
            return
        is_final = self._purpose is Purpose.PUBLISH or not found.retry
        if is_final or self._access.catalogue.has_fallback(grant.repository, found.cause):
            raise self._for_purpose(grant, found) from error

    def _for_purpose(self, grant: Grant, found: Failure) -> Failure:
        if self._purpose is Purpose.PUBLISH:
            return as_upload_failure(grant, found)
        return found


def _words_of(response: Response, trip: Trip) -> str:
    """The reason that a server gives, without what was sent to it."""
    secrets = [header.value.reveal() for header in trip.beside]
    if trip.sent is not None:
        authorization = trip.sent.authorization() or ""
        secrets += [trip.sent.secret.reveal(), authorization.partition(" ")[2]]
    return reason_of(response, *secrets)


class DirectAdapter(_Carrier):
    """For uploads, and for sessions without a cache."""


class CachingAdapter(_Carrier, CarefulAdapter):
    """For the sessions that read an index through Poetry's cache."""
