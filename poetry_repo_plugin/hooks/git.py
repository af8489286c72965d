"""A git dependency over https: the credential of exactly that repository, and of no other host or
path.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from poetry_repo_plugin.core.errors import Failure, RepoError
from poetry_repo_plugin.core.origin import InvalidUrl, Origin, Prefix, split_userinfo
from poetry_repo_plugin.hooks.authenticator import credential_at
from poetry_repo_plugin.hooks.run import current

if TYPE_CHECKING:
    from poetry_repo_plugin.http.auth import Access
    from poetry_repo_plugin.http.matching import Grant


def get_credentials_for_git_url(original: Any, self: Any, url: str) -> Any:
    """Called by Poetry's git backend just before it connects; from here on its transport asks us.

    The backend is loaded for git dependencies only, so what we replace in it is replaced now; it
    does without the answer, which is for others. A URL with userinfo is dulwich's to read.
    """
    import poetry.vcs.git.backend
    from poetry.utils.password_manager import HTTPAuthCredential

    from poetry_repo_plugin.credentials.base import FIRST_REQUEST, Purpose

    backend: Any = poetry.vcs.git.backend
    connect = getattr(backend, "get_transport_and_path", None)
    if connect is None:
        return credential_at(split_userinfo(url)[0], purpose=Purpose.GIT)
    if getattr(connect, "func", None) is not _get_transport_and_path:
        backend.get_transport_and_path = partial(_get_transport_and_path, connect)
        clone = getattr(backend.Git, "_clone_legacy", None)
        if clone is not None:
            backend.Git._clone_legacy = staticmethod(partial(_clone_with_system_git, clone))
    bare, username, _ = split_userinfo(url)
    if username is not None:
        return HTTPAuthCredential()
    return credential_at(bare, FIRST_REQUEST, purpose=Purpose.GIT)


def _get_transport_and_path(original: Any, location: str, *arguments: Any, **options: Any) -> Any:
    """dulwich's client for ``location``, on a connection pool that sends our credential to that
    repository only.
    """
    run = current()
    run.git_refusals.pop(location, None)

    def refused(error: Failure) -> None:
        run.git_refusals[location] = error

    try:
        pool = credential_pool(
            run.access, location, options.get("config"), report=run.report, refused=refused
        )
    except RepoError as error:
        raise run.report(error) from None
    if pool is not None:
        options = {
            key: value for key, value in options.items() if key not in ("username", "password")
        }
        options["pool_manager"] = pool
    return original(location, *arguments, **options)


def _clone_with_system_git(original: Any, *arguments: Any, **options: Any) -> Any:
    """What Poetry tries after a 401: the system's git may know a credential. If not, the 401 is
    what is told.
    """
    try:
        return original(*arguments, **options)
    except Exception:
        refusal = current().git_refusals.get(options["url"] if "url" in options else arguments[0])
        if refusal is None:
            raise
        raise current().report(refusal) from None


def credential_pool(
    access: Access,
    url: str,
    config: Any,
    *,
    report: Callable[[Failure], Exception] = lambda error: error,
    refused: Callable[[Failure], None] = lambda error: None,
) -> GitPool | None:
    """A connection pool for dulwich, or ``None`` where no repository is configured for ``url`` (or
    it is not http).

    A URL with userinfo of its own is left to dulwich. Raises ``Failure`` for TLS material that is
    broken.

    :param report: turns a failure into the exception that Poetry prints well.
    :param refused: told of a 401, which dulwich raises and Poetry answers by trying the system's
    git.
    """
    from poetry_repo_plugin.credentials.base import Purpose

    bare, username, _ = split_userinfo(url)
    if username is not None:
        return None
    try:
        prefix = Prefix.of(bare)
        grant = access.matcher.grant_for(bare, purpose=Purpose.GIT)
    except InvalidUrl:
        return None
    if grant.repository is None:
        return None
    from dulwich.client import default_urllib3_manager

    manager: Any = default_urllib3_manager(config, base_url=bare)
    if access.tls.context(grant) is not None:  # dulwich 0.24 and later pass no context through
        _use_contexts(manager, access, grant)
    return GitPool(manager, prefix, access, grant, report, refused)


def _use_contexts(manager: Any, access: Access, grant: Grant) -> None:
    """Make ``manager`` connect with the repository's TLS settings; where a redirect leads, its
    client certificate is not offered.
    """
    connect = manager.connection_from_host

    def connection_from_host(
        host: str | None,
        port: int | None = None,
        scheme: str | None = "http",
        pool_kwargs: Any = None,
    ) -> Any:
        where = f"{scheme}://{host}:{port}/" if port else f"{scheme}://{host}/"
        context = access.tls.context(
            grant if _is_at(where, grant) else grant._replace(identify=False)
        )
        own = (
            {} if context is None else {"ssl_context": context, "ca_certs": None, "cert_reqs": None}
        )
        return connect(host, port=port, scheme=scheme, pool_kwargs={**(pool_kwargs or {}), **own})

    manager.connection_from_host = connection_from_host


def _is_at(url: str, grant: Grant) -> bool:
    try:
        return Origin.of(url) == grant.origin
    except InvalidUrl:
        return False


def _was_redirected(response: Any) -> bool:
    """Another place answered."""
    history = response.retries.history if response.retries is not None else ()
    return any(past.redirect_location for past in history)


class GitPool:
    """A urllib3 pool manager that adds an Authorization header below one prefix, and follows no
    redirect with it.
    """

    def __init__(
        self,
        manager: Any,
        prefix: Prefix,
        access: Access,
        grant: Grant,
        report: Callable[[Failure], Exception],
        refused: Callable[[Failure], None],
    ) -> None:
        from poetry_repo_plugin.credentials.base import EVERYTHING

        self._manager = manager
        self._prefix = prefix
        self._access = access
        self._grant = grant
        self._report = report
        self._refused = refused
        self._credential = access.credential(grant, EVERYTHING)

    def request(self, method: str, url: str, *arguments: Any, **options: Any) -> Any:
        """As ``urllib3.PoolManager.request``, which drops the header when a redirect leaves the
        host.

        Raises what ``report`` makes of a failed connection and of a 403; a 401 goes on to dulwich.
        """
        from urllib3.exceptions import HTTPError

        if not self._prefix.covers(url):
            return self._manager.request(method, url, *arguments, **options)
        try:
            return self._travel(method, url, arguments, options)
        except HTTPError as error:
            found = self._access.tls.explain(self._grant, error)
            if found is None:
                raise
            raise self._report(found) from None

    def _travel(self, method: str, url: str, arguments: Any, options: dict[str, Any]) -> Any:
        """The exchanges that it takes until there is an answer to hand on; a POST is sent once."""
        from poetry_repo_plugin.http.refusals import Reply

        headers = dict(options.pop("headers", None) or {})
        flow = self._access.flow(self._grant, url)
        next(flow)
        while True:
            sent = self._credential
            authorization = sent.authorization() if sent is not None else None
            own = {} if authorization is None else {"Authorization": authorization}
            response = self._manager.request(
                method, url, *arguments, headers={**headers, **own}, **options
            )
            if _was_redirected(response):
                return response
            if response.status == 200:
                self._access.succeeded(self._grant, sent)
            try:
                attempt = flow.send(Reply(response.status, sent))
            except StopIteration:
                return response
            except Failure as error:
                if response.status == 403:
                    raise self._report(error) from None
                self._refused(error)
                return response
            if method != "GET":
                return response
            response.drain_conn()
            self._credential = attempt.find()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._manager, name)
