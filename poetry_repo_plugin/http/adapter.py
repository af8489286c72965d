"""The adapter through which every request of Poetry travels.

It carries what :class:`~poetry_repo_plugin.http.auth.Access` allows: the TLS context, the Authorization header (put on
for the wire only, so that no copy, cache, log or exception keeps it), one renewal after a refusal, and the turning of
failures that trying again cannot help into one clear error.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, cast

from requests.adapters import BaseAdapter, HTTPAdapter
from requests.cookies import RequestsCookieJar, extract_cookies_to_jar, get_cookie_header
from requests.exceptions import RequestException
from requests.utils import select_proxy
from urllib3 import PoolManager

from poetry_repo_plugin.core.deadline import Budget, watched
from poetry_repo_plugin.core.errors import Cause, Failure, printable
from poetry_repo_plugin.core.hints import repo
from poetry_repo_plugin.core.origin import InvalidUrl, Origin, redact, split_userinfo
from poetry_repo_plugin.credentials.base import EVERYTHING, FIRST_REQUEST, Credential, Purpose
from poetry_repo_plugin.http.ahead import Abandoned, is_ahead
from poetry_repo_plugin.http.auth import Access
from poetry_repo_plugin.http.bodies import cut, read_beginning, settle_retry_after
from poetry_repo_plugin.http.cache import CarefulAdapter
from poetry_repo_plugin.http.failures import failure
from poetry_repo_plugin.http.hops import Hop
from poetry_repo_plugin.http.matching import Leave
from poetry_repo_plugin.http.pages import ENOUGH as ENOUGH_OF_PAGE
from poetry_repo_plugin.http.uploads import judge_upload, rewind

if TYPE_CHECKING:
    from requests import PreparedRequest, Response

_HOP = "poetry-repo-plugin-hop"  # a header that travels from hop to hop of a redirect, and never on the wire
_NO_LIMIT = float("inf")  # the budget is one
_SECONDS_FOR_ANSWER = 15.0
_MOST_TRIES = 3  # as it is, after a challenge, after one renewal


class _Carrier(HTTPAdapter):
    """What both adapters do.

    :param access: gives what decides what a request may carry; called when the first request is sent.
    :param report: turns a failure into the exception that Poetry prints well.
    :param owner: the repository on whose behalf this session works, if it is known.
    :param given: a credential from the command line.
    :param context: a TLS context from the command line, instead of the repository's.
    :param judge: turn a 401 or 403 into an error; else the caller reads it.
    :param strict: judge them also where the settings declare them harmless, as every upload is judged.
    :param pools: connections that are shared with other adapters; their keys hold the TLS context.
    :param budget: the question is ours: the time for it, in which the beginning of each answer is read at once.
    :param anonymous: send no credential at all, to see what a repository does then.
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
        self._pools = pools
        self._trip = threading.local()
        self._cookies: dict[Origin, RequestsCookieJar] = {}
        super().__init__(**options)

    @property
    def _access(self) -> Access:
        return self._get_access()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Poetry downloads a file with another session than it reads the page with; the connection is the same."""
        if self._pools is None:
            super().init_poolmanager(*arguments, **options)
        else:
            self.poolmanager = self._pools

    def close(self) -> None:
        """Shared connections stay open: another thread may be using them."""
        if self._pools is not None:
            self.poolmanager = PoolManager()
        super().close()

    # -- the request ---------------------------------------------------------------------------------------------------

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

        Raises what ``report`` makes of a failure that is final; everything else as requests does, for Poetry to
        try again.
        """
        request.headers.pop("Authorization", None)
        request.headers.pop("Cookie", None)
        hop: Hop | None = cast("Any", request.headers).pop(_HOP, None)
        whole_url, given = request.url, self._take_userinfo(request)
        url = cast("str", request.url)
        try:
            owner, led_away = self._owner(), False
            if hop is not None:
                led_away = self._is_led_away(hop, url)
                owner = (hop.trusted_by if led_away else hop.owner) or owner
            if given is None:
                given = hop.leave.given if hop is not None and Origin.of(url) == hop.leave.origin else self._given
            leave = self._access.places.leave(url, owner=owner, purpose=self._purpose, led_away=led_away, given=given)
            if self._anonymous:
                leave = leave._replace(query=None, given=None)
            self._give_cookies(leave, request)
            self._trip.leave, self._trip.tried = leave, []
            self._trip.proxies = proxies
            if is_ahead():
                self._access.hosts.check(leave, request)
            response = self._travel(leave, request, stream, timeout, verify, cert, proxies, options)
            if response.is_redirect:
                cast("Any", request.headers)[_HOP] = Hop(url, leave, led_away)
            return response
        except InvalidUrl:
            return super().send(request, stream, timeout, verify, cert, proxies, **options)
        except Failure as error:
            if "leave" in self._trip.__dict__:
                self._access.hosts.refuse(self._trip.leave.origin)
            raise self._report(error) from None
        finally:
            request.headers.pop("Authorization", None)
            request.url = whole_url  # Poetry may send it again
            self._trip.__dict__.clear()

    def _travel(self, leave: Leave, request: PreparedRequest, *arguments: Any) -> Response:
        *positional, options = arguments
        tried: list[Credential] = self._trip.tried
        self._trip.allowed = EVERYTHING if self._purpose is Purpose.PUBLISH else FIRST_REQUEST
        for _ in range(_MOST_TRIES):
            self._trip.sent = None
            try:
                response = self._exchange(request, *positional, **options)
            except (RequestException, OSError) as error:
                if is_ahead():
                    self._access.hosts.refuse(leave.origin)
                    raise Abandoned from None
                self._explain(leave, error)
                raise
            seconds = self._seconds()
            if is_ahead():
                return self._settle_ahead(leave, response, seconds)
            if response.status_code >= 400:
                cut(response)
                settle_retry_after(response)
            self._read_tls_page(leave, response)
            if response.status_code == 407 and self._judge:
                message = "the proxy asks for a user name and a password (407)."
                raise failure(Cause.PROXY, message, leave.repository, host=leave.origin.netloc)
            if not self._judge or not self._access.means_refusal(leave, response.status_code):
                break
            if self._is_about_content(response):
                break
            request.headers.pop("Authorization", None)
            there = partial(self._is_still_there, leave, like=request, arguments=arguments)
            fresh = self._access.after_refusal(leave, tried, response.status_code, there, strict=self._strict)
            if fresh is None or not rewind(request):
                break
            response.close()
            self._trip.next = fresh
        if self._purpose is Purpose.PUBLISH and self._judge:
            judge_upload(leave, request, response)
        if response.status_code < 400:
            proof = request.url if response.status_code < 300 and request.method in ("GET", "POST") else None
            self._access.succeeded(leave, tried[-1] if tried else None, proof)
        self._access.hosts.settle(leave, response.status_code, seconds)
        return response

    def _exchange(self, request: PreparedRequest, stream: bool, timeout: Any, *rest: Any, **options: Any) -> Response:
        """One request and its answer. Of an answer that nobody but us looks into the beginning is read, in a time that
        the server cannot draw out.
        """
        if self._budget is not None:
            with self._budget as budget:
                response = super().send(request, stream, timeout, *rest, **options)
                try:
                    read_beginning(response, most=ENOUGH_OF_PAGE, patience=_NO_LIMIT)
                finally:
                    budget.check()
            return response
        if self._purpose is not Purpose.PUBLISH:
            return super().send(request, stream, timeout, *rest, **options)
        with Budget(_seconds_for_answer(timeout), from_answer=True):
            response = super().send(request, stream, timeout, *rest, **options)
            cut(response)
        return response

    def get_connection_with_tls_context(self, *arguments: Any, **options: Any) -> Any:
        """Connections keep to the time that the thread has for them."""
        pool: Any = super().get_connection_with_tls_context(*arguments, **options)
        pool.ConnectionCls = watched(pool.ConnectionCls)
        return pool

    def _settle_ahead(self, leave: Leave, response: Response, seconds: float | None) -> Response:
        """An answer for a request ahead, which goes on only with one that is no refusal of any kind."""
        status = response.status_code
        self._access.hosts.settle(leave, status, seconds)
        if status < 400 or (status == 404 and not self._access.means_refusal(leave, status)):
            return response
        response.close()
        raise Abandoned

    def _seconds(self) -> float | None:
        """How long the server took; ``None`` where nothing was sent, because a cache knew."""
        sent: float | None = self._trip.sent
        return time.perf_counter() - sent if sent is not None else None

    def _is_still_there(self, leave: Leave, url: str, *, like: PreparedRequest, arguments: Sequence[Any]) -> bool:
        """Whether ``url``, which was answered before, is now, with the credential that was tried last. What can only be
        uploaded to is taken for gone.
        """
        if self._purpose is Purpose.PUBLISH:
            return False
        from requests import Request

        headers = {
            name: like.headers[name] for name in ("User-Agent", "Accept", "Accept-Encoding") if name in like.headers
        }
        _, *positional, options = arguments
        tried: list[Credential] = self._trip.tried
        known, self._trip.next = len(tried), tried[-1]
        try:
            response = HTTPAdapter.send(
                self, Request("GET", url, headers).prepare(), True, *positional, **options
            )  # not from a cache
        except (RequestException, OSError) as error:
            self._explain(leave, error)
            raise
        finally:
            del tried[known:]
        cut(response)
        response.close()
        return 200 <= response.status_code < 300

    def _read_tls_page(self, leave: Leave, response: Response) -> None:
        """Raise what a page says about TLS: nginx ends the handshake well and refuses afterwards."""
        if response.status_code == 400:
            found = self._for_purpose(leave, self._access.tls.explain_answer(leave, 400, response.content[:2000]))
            if found is not None:
                raise found

    def _is_about_content(self, response: Response) -> bool:
        """Artifactory answers 403 for a file that exists already; ``--skip-existing`` wants to see that."""
        return (
            self._purpose is Purpose.PUBLISH
            and response.status_code == 403
            and "overwrite artifact" in (response.reason + response.text).lower()
        )

    def _take_userinfo(self, request: PreparedRequest) -> Credential | None:
        """The credential that the URL itself holds; the URL goes on without it."""
        if "@" not in cast("str", request.url):
            return None
        bare, username, secret = split_userinfo(cast("str", request.url))
        request.url = bare
        if username is None or secret is None:
            return None
        return Credential(secret, username, "url", "the URL itself")

    def _is_led_away(self, hop: Hop, url: str) -> bool:
        """Whether another origin's redirect led to ``url``: then nothing secret travels, nor ever again on this way."""
        if hop.leave.uncertain:  # whoever answered may be a stranger on the same host
            return True
        if hop.led_away or url == hop.url:  # the same URL: it is sent again, from the start
            return hop.led_away
        if Origin.of(url) == hop.leave.origin:
            return False
        mine = hop.leave.query.name if hop.leave.query is not None else ""
        onward = self._access.places.leave(url, owner=hop.owner or self._owner(), purpose=self._purpose)
        return not mine or onward.query is None or onward.query.name != mine

    # -- what is carried, at the moment when the connection needs it ---------------------------------------------------

    def build_connection_pool_key_attributes(self, request: PreparedRequest, verify: Any, cert: Any = None) -> Any:
        """The pool's key, with the repository's own context in the place of paths and switches."""
        host, tls = super().build_connection_pool_key_attributes(request, verify, cert)
        context = self._context()
        return (host, tls) if context is None else (host, {"ssl_context": context})

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Requests would add certifi's roots to the repository's own context here."""
        if self._context() is None:
            cast("Any", super()).cert_verify(conn, url, verify, cert)

    def add_headers(self, request: PreparedRequest, **options: Any) -> None:
        """The last step before the wire: here, and nowhere before, a credential is looked up."""
        leave: Leave | None = getattr(self._trip, "leave", None)
        if leave is None:
            return
        fresh: Credential | None = getattr(self._trip, "next", None)
        if is_ahead():
            credential = self._access.known_credential(leave)
        else:
            credential = fresh or self._access.credential(leave, self._trip.allowed)
        self._trip.sent = time.perf_counter()
        if credential is not None:
            request.headers["Authorization"] = credential.authorization()
            self._trip.tried.append(credential)

    def build_response(self, req: PreparedRequest, resp: Any, *arguments: Any, **options: Any) -> Response:
        """The response, and a cache's view of its request, know nothing of the header. The server's words for its
        status are printed by Poetry as they are.
        """
        req.headers.pop("Authorization", None)
        response = super().build_response(req, resp, *arguments, **options)
        response.reason = printable(response.reason or "")
        leave: Leave | None = getattr(self._trip, "leave", None)
        if leave is not None and "set-cookie" in response.headers:
            jar = self._cookies.setdefault(leave.origin, RequestsCookieJar())
            cast("Any", extract_cookies_to_jar)(jar, req, resp)
        return response

    def _give_cookies(self, leave: Leave, request: PreparedRequest) -> None:
        """Add the cookies of exactly the origin that the request goes to.

        A cookie may stand for the password that it was an answer to, but belongs to a host with all its ports, and to
        http as well unless its server says otherwise (RFC 6265, 8.5 and 8.6).
        """
        jar = self._cookies.get(leave.origin)
        header = cast("Any", get_cookie_header)(jar, request) if jar is not None and not leave.uncertain else None
        if header is not None:
            request.headers["Cookie"] = header

    def _context(self) -> Any:
        leave: Leave | None = getattr(self._trip, "leave", None)
        if leave is None or leave.origin.scheme != "https":
            return None
        if "context" not in self._trip.__dict__:
            own = self._own_context() if self._own_context is not None else None
            self._trip.context = own if own is not None else self._access.tls.context(leave)
        return self._trip.context

    # -- failures ------------------------------------------------------------------------------------------------------

    def _explain(self, leave: Leave, error: Exception) -> None:
        """Raise the failure that ``error`` means, unless Poetry's own retries may help."""
        proxy = select_proxy(str(leave.origin), dict(self._trip.proxies or {}))
        found = self._for_purpose(leave, self._access.tls.explain(leave, error, proxy=proxy))
        if found is not None and (self._purpose is Purpose.PUBLISH or not found.retry):
            raise found from error

    def _for_purpose(self, leave: Leave, found: Failure | None) -> Failure | None:
        if found is None or found.cause is not Cause.NOT_AN_INDEX or self._purpose is not Purpose.PUBLISH:
            return found
        repository, hint = leave.repository, None
        if leave.origin.scheme == "http" and repository is not None and repository.publish_url is not None:
            publish, index = (
                url.replace("http://", "https://", 1) if Origin.of(url) == leave.origin else url
                for url in (repository.publish_url, repository.index_url or repository.publish_url)
            )
            hint = repo("add", repository.name, index, "--publish-url", publish)
        return failure(Cause.NOT_AN_UPLOAD_URL, found.message, repository, host=leave.origin.netloc, hint=hint)


def _seconds_for_answer(timeout: Any) -> float:
    """How long the answer to an upload may take: longer than the limit that Poetry sets for each of its reads."""
    read = timeout[1] if isinstance(timeout, tuple) else timeout
    return max(_SECONDS_FOR_ANSWER, 2 * read if isinstance(read, (int, float)) else 0)


class DirectAdapter(_Carrier):
    """For uploads, and for sessions without a cache."""


class CachingAdapter(_Carrier, CarefulAdapter):
    """For the sessions that read an index through Poetry's cache."""


class RefusingAdapter(BaseAdapter):
    """For all that is neither http nor https, where a hostile or broken index may lead. Requests would raise something
    that Poetry takes for the network, and tries again.
    """

    def __init__(
        self,
        access: Callable[[], Access],
        report: Callable[[Failure], Exception],
        owner: Callable[[], str | None],
    ) -> None:
        super().__init__()
        self._get_access = access
        self._report = report
        self._owner = owner

    def send(self, request: PreparedRequest, *arguments: Any, **options: Any) -> NoReturn:
        """Raise what ``report`` makes of it; nothing is opened."""
        name = self._owner()
        repository = self._get_access().catalogue.find(name) if name is not None else None
        where = redact(request.url or "")[:200]
        message = f"it leads to {where!r}, which is neither http nor https; nothing was opened."
        raise self._report(failure(Cause.NOT_AN_INDEX, message, repository))

    def close(self) -> None:
        """There is nothing to close."""
