"""Trusted publishing: a CI job's identity is exchanged for a short-lived upload token.

The protocol is the Python Package Index's (https://github.com/pypi/warehouse,
``docs/user/trusted-publishers/`` and ``warehouse/oidc/``): ``GET /_/oidc/audience`` tells for whom
the identity token must be made out, ``POST /_/oidc/mint-token`` takes it and answers with the
upload token, good for 15 minutes there. The identity token comes from the library ``id``. The
explanations follow https://github.com/pypa/gh-action-pypi-publish (``oidc-exchange.py``).
"""

from __future__ import annotations

import os
import re
import sys
from typing import Protocol, Union

from poetry_repo_plugin.core import expiry
from poetry_repo_plugin.core.errors import Cause, Failure, RepoError
from poetry_repo_plugin.core.origin import DEFAULT_PORTS, InvalidUrl, Origin
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.core.servers import profile_of, publish_url_of
from poetry_repo_plugin.core.variables import env_key
from poetry_repo_plugin.credentials import ci_identity
from poetry_repo_plugin.credentials.base import Answer, Broken, Credential, NotMine, Purpose, Query
from poetry_repo_plugin.credentials.process import presentable

USERNAME = "__token__"
SOURCE = "provider:oidc"

# What may follow the host of an audience: nothing in it is read in two ways.
_PATH = r"(?:/[A-Za-z0-9._~/-]*)?"
_LOOPBACK = re.compile(r"localhost|127(?:\.[0-9]{1,3}){3}|::1")


class Request(Protocol):
    """Sends one request with the repository's own CA, client certificate and proxy, and with no
    credential.

    It follows no redirect to another origin (the body holds an identity token) and has a time
    limit.
    """

    def __call__(self, method: str, url: str, json: object = None) -> tuple[int, object]:
        """The status and the body: decoded where it is JSON, else its text.

        :param json: the body to send, as JSON.

        Raises a :class:`RepoError`, or an :class:`OSError` (of which ``requests.RequestException``
        is one), where no answer came.
        """


class TrustedPublishingSource:
    """The last source of an upload in CI. Lazy: nothing is asked before :meth:`get`; the chain
    keeps the answer.

    :param request: how the index is asked.
    :param always: look for an identity even where no sign of a CI is seen in the environment
        (``POETRY_REPO_PLUGIN_TRUSTED_PUBLISHING=always``). Whether to ask this source at all is the
        caller's decision.
    :param allowed: an audience that the user has set for this repository, beside the index's own
    name.
    """

    name = SOURCE

    def __init__(
        self, request: Request, *, always: bool = False, allowed: str | None = None
    ) -> None:
        self._request = request
        self._always = always
        self._allowed = allowed

    def available(self) -> str | None:
        """The CI whose environment this is, as it calls itself; ``None`` for none. No network, no
        process, no file.
        """
        return ci_identity.detected()

    def get(self, query: Query) -> Answer:
        """An upload token for the index at ``query.url``, if it offers trusted publishing and this
        is a CI job.
        """
        if query.purpose is not Purpose.PUBLISH:
            return NotMine("only for uploads")
        if query.username not in (None, USERNAME):
            return NotMine(f"its user name is {USERNAME}")
        ci = self.available()
        if ci is None and not self._always:
            return NotMine("this CI has no identity tokens")
        try:
            origin = Origin.of(query.url)
        except InvalidUrl as error:
            return NotMine(str(error))
        if origin.scheme != "https" and not _LOOPBACK.fullmatch(origin.host):
            return NotMine("an identity is never sent over plain http")
        audience = self._audience(origin, query.name)
        if not isinstance(audience, str):
            return audience
        identity = ci_identity.token(audience)
        if not isinstance(identity, Secret):
            return identity
        return self._mint(origin, identity, ci or "the environment")

    def _audience(self, origin: Origin, name: str) -> Union[str, NotMine, Broken]:
        answer = self._ask(origin, "GET", "audience")
        if isinstance(answer, Broken):
            return answer
        status, body = answer
        audience = None
        if isinstance(body, dict):
            audience = body.get("audience")
        if status == 200 and isinstance(audience, str) and audience:
            if may_ask_for(audience, origin, self._allowed):
                return audience
            return _refused(audience, origin, name)
        if status >= 500:
            return Broken.because(
                f"{origin} answered {status} when asked for its audience", Cause.SERVER_ERROR
            )
        if status == 403 and isinstance(
            body, dict
        ):  # the index knows the question: warehouse/oidc/views.py
            return NotMine(f"{origin} has trusted publishing disabled")
        return NotMine(f"{origin} does not offer trusted publishing")

    def _mint(self, origin: Origin, identity: Secret, ci: str) -> Answer:
        answer = self._ask(origin, "POST", "mint-token", {"token": identity.reveal()})
        if isinstance(answer, Broken):
            return answer
        status, body = answer
        if not isinstance(body, dict):
            cause = Cause.CREDENTIAL_REJECTED
            if status >= 500:
                cause = Cause.SERVER_ERROR
            return Broken.because(
                f"{origin} answered {status} without a reason when asked for an upload token", cause
            )
        if 200 <= status < 300 and body.get("success", True) is True:
            token = body.get("token")
            if not isinstance(token, str) or not re.fullmatch(r"[!-~]+", token):
                return Broken.because(
                    f"{origin} answered with something that is no upload token", Cause.SERVER_ERROR
                )
            expires_at = expiry.from_json(body.get("expires"))
            return Credential(
                Secret(token), USERNAME, SOURCE, f"trusted publishing ({ci})", expires_at=expires_at
            )
        claims = ci_identity.claims(identity)
        why = f"{origin} refused to trust this job: {_reasons(body, identity)}; the claims it saw: {_rendered(claims)}"
        if _is_reusable_workflow(claims):
            why += (
                "; the job runs in a reusable workflow, whose own name is what the index compares"
            )
        return Broken.because(
            why, Cause.SERVER_ERROR if status >= 500 else Cause.CREDENTIAL_REJECTED
        )

    def _ask(
        self, origin: Origin, method: str, endpoint: str, json: object = None
    ) -> Union[tuple[int, object], Broken]:
        try:
            return self._request(method, f"{origin}/_/oidc/{endpoint}", json)
        except Failure as error:
            why = f"{origin} could not be asked for an upload token: {error.message.removesuffix('.')}"
            return Broken.because(why, error.cause, error.hint)
        except RepoError as error:
            return Broken.because(error.message, Cause.SERVER_ERROR, error.hint)
        except OSError as error:
            cause = Cause.REFUSED
            if isinstance(error, TimeoutError):
                cause = Cause.TIMEOUT
            return Broken.because(
                f"{origin} could not be asked for an upload token ({presentable(str(error))})",
                cause,
            )


def _refused(audience: str, origin: Origin, name: str) -> Broken:
    shown = presentable(audience, lines=1, width=200)
    why = (
        f"{origin} asks for an identity token for {shown!r}, which does not name {origin.netloc}: "
        "whoever it names could act as this job. Nothing was sent. If this index really "
        f"goes by that name, set {variable_of(name)} to it"
    )
    return Broken.because(why, Cause.CREDENTIAL_REJECTED)


def variable_of(name: str) -> str:
    """The environment variable that allows one more audience for a repository."""
    return f"POETRY_REPO_PLUGIN_AUDIENCE_{env_key(name)}"


def mask(credential: Credential) -> None:
    """Tell the CI to keep a minted token out of its log; its protocol is to print it once, in a
    command.

    GitHub's runner looks for commands in both streams (actions/runner, ``ScriptHandler.cs``); data
    may be on stdout.
    """
    for line in mask_lines(credential):
        sys.stderr.write(f"\n{line}\n")  # at the beginning of a line, also behind a progress bar
    sys.stderr.flush()


def mask_lines(credential: Credential) -> list[str]:
    """The lines that make the CI hide a minted token in its logs, to be printed as they are (the
    caller's doing).

    They hold the token: that is GitHub's protocol
    (https://docs.github.com/actions/reference/workflow-commands-for-github-actions, "Masking a
    value in a log"), and the reason why there are none anywhere else.
    """
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return []
    token = credential.secret.reveal()
    # How the runner's own toolkit escapes a value (actions/toolkit, packages/core/src/command.ts).
    return ["::add-mask::" + token.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")]


def _reasons(body: dict[str, object], identity: Secret) -> str:
    """The index's ``errors``, as ``code (description)``; the token never comes back in them."""
    errors = body.get("errors")
    reasons = [
        f"{error.get('code', 'unknown')} ({error.get('description', 'no description')})"
        for error in (errors if isinstance(errors, list) else [])
        if isinstance(error, dict)
    ]
    text = ", ".join(reasons) or str(body.get("message") or "no reason given")
    return presentable(
        " ".join(text.replace(identity.reveal(), "****").split()), lines=1, width=500
    )


def _rendered(claims: dict[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in claims.items()) or "none that can be read"


def _is_reusable_workflow(claims: dict[str, str]) -> bool:
    workflow, job = claims.get("workflow_ref"), claims.get("job_workflow_ref")
    return workflow is not None and job is not None and workflow != job


# -- for whom an identity may be made out
#
# The identity is good for whoever its audience is. With one for ``pypi`` an index could publish at
# PyPI in the project's name, with one for a cloud's token service it could enter the project's
# account. So an audience must be the index's own name, by a rule that nothing but that name fits.


def may_ask_for(audience: str, origin: Origin, allowed: str | None = None) -> bool:
    """Whether the index that takes uploads at ``origin`` may ask for an identity made out for
    ``audience``.

    :param audience: what the index asks for.
    :param allowed: the one audience that the user has set for this repository.
    """
    if not audience:
        return False
    if audience in (allowed, _own_word(origin)):
        return True
    return audience.isascii() and _names(audience, origin)


def _own_word(origin: Origin) -> str | None:
    """The word by which a known index calls itself; only its own upload host may use it."""
    url = f"{origin}/legacy/"
    profile, upload = profile_of(url), publish_url_of(url)
    if profile is None or upload is None or Origin.of(upload) != origin:
        return None
    return profile.audience


def _names(audience: str, origin: Origin) -> bool:
    """Whether ``audience`` is the host of ``origin``, that with its port, or an https URL there.

    A URL must name the very port; another port of the host may be another service.
    """
    host = re.escape(f"[{origin.host}]" if ":" in origin.host else origin.host)
    bare = f"{host}(?::{origin.port})?"
    port = f":{origin.port}"
    if origin.port == DEFAULT_PORTS["https"]:
        port = f"(?:{port})?"
    pattern = f"{bare}|https://{host}{port}{_PATH}"
    return re.fullmatch(pattern, audience, re.IGNORECASE | re.ASCII) is not None
