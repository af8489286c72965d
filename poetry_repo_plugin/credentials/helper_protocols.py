"""The three languages that credential helpers speak: what goes in, and what their output means.

- ``bazel``: the Credential Helpers Specification, https://github.com/EngFlow/credential-helper-spec
  (``spec.md`` and ``schemas/``), command ``get``; its ancestor is Bazel's design
  2022-06-07-bazel-credential-helpers.
- ``git``: gitcredentials(7), "Custom helpers", and git-credential(1), "Input/output format".
- ``exec-credential``: kubectl's plugins,
  https://kubernetes.io/docs/reference/access-authn-authz/authentication/ ("client-go credential
  plugins") and https://kubernetes.io/docs/reference/config-api/client-authentication.v1/.

Everything here is a function of bytes: whatever a helper writes, the answer is a credential, *not
mine*, or *broken*.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from urllib.parse import unquote, urlsplit

from poetry_repo_plugin.core import expiry
from poetry_repo_plugin.core.errors import Cause
from poetry_repo_plugin.core.headers import COOKIE, Header, Headers, fault_of, merged, refusal_of
from poetry_repo_plugin.core.json_text import NotJson, parse_json
from poetry_repo_plugin.core.origin import Origin
from poetry_repo_plugin.core.patterns import Pattern
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.credentials.base import (
    BASIC,
    BEARER,
    NO_SCHEME,
    Answer,
    Broken,
    Credential,
    NotMine,
)
from poetry_repo_plugin.credentials.process import presentable

SOURCE = "helper"

_SCHEME = Pattern(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # token, RFC 9110, 5.6.2
_FIELD_VALUE = Pattern(r"[!-~](?:[\t -~]*[!-~])?")  # RFC 9110, 5.5, without obs-text
_TOKEN = Pattern(r"[!-~]+")
_PRIVATE_KEY = Pattern(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----")


class HelperProtocol(str, Enum):
    """The language of a helper; the value is what is stored in the settings."""

    BAZEL = "bazel"
    GIT = "git"
    EXEC_CREDENTIAL = "exec-credential"


@dataclass(frozen=True)
class HelperIdentity:
    """A client certificate that a helper handed out.

    :param certificate_pem: the certificate, and any intermediates after it.
    :param key_pem: its key.
    :param expires_at: when to ask again (aware, UTC), if the helper said so.
    """

    certificate_pem: str
    key_pem: Secret
    expires_at: datetime | None = None


@dataclass(frozen=True)
class HelperAnswer:
    """What one run of a helper gave: a credential (or why not), and sometimes a client certificate
    as well.

    :param unsent: the names of headers that it wants to be sent and that steer the request, so
        that they are not.
    """

    credential: Answer
    identity: HelperIdentity | None = None
    unsent: tuple[str, ...] = ()


def bazel_request(url: str) -> bytes:
    """The standard input of ``get``."""
    return json.dumps({"uri": url}).encode()


def parse_bazel(stdout: bytes) -> HelperAnswer:
    """The output of ``get``: an Authorization header of any scheme, other headers, or both."""
    document = _json_object(stdout)
    if document is None:
        return HelperAnswer(Broken.because("the helper did not answer with a JSON object"))
    headers = document.get("headers", {})
    if not isinstance(headers, dict) or not all(
        _is_text_list(values) for values in headers.values()
    ):
        why = "the helper's 'headers' are not an object of lists of text"
        return HelperAnswer(Broken.because(why))
    given: dict[str, list[str]] = {}
    for name, values in headers.items():
        if values:
            given.setdefault(name.lower(), []).extend(values)
    authorizations = set(given.pop("authorization", ()))
    spelled = {name.lower(): name for name in headers}
    unsent = tuple(
        sorted(
            presentable(spelled[name], lines=1)
            for name in given
            if name != COOKIE and refusal_of(name) is not None
        )
    )
    beside = _beside(spelled, given)
    if isinstance(beside, Broken):
        return HelperAnswer(beside, unsent=unsent)
    answer = _from_headers(authorizations, beside, unsent)
    if isinstance(answer, Credential):
        answer = _with_expiry(answer, document.get("expires"), "expires")
    return HelperAnswer(answer, unsent=unsent)


def _from_headers(values: set[str], beside: Headers, unsent: tuple[str, ...]) -> Answer:
    if len(values) > 1:
        return Broken.because("the helper answers with more than one Authorization header")
    if values:
        credential = from_authorization(values.pop())
        if isinstance(credential, Broken):
            return credential
        return replace(credential, headers=beside)
    if beside:
        return Credential(Secret(""), None, SOURCE, SOURCE, NO_SCHEME, headers=beside)
    if unsent:
        names = ", ".join(unsent)
        return Broken.because(f"the helper answers only with {names}, which cannot be sent")
    return NotMine("the helper has no credential for this URL")


def _beside(spelled: dict[str, str], given: dict[str, list[str]]) -> Headers | Broken:
    """The further headers that a helper hands out. Several values of one are a list (RFC 9110,
    5.3), and several cookies a cookie string (RFC 6265, 4.2.1).
    """
    found = []
    for name, values in given.items():
        if name != COOKIE and refusal_of(name) is not None:
            continue
        value = ("; " if name == COOKIE else ", ").join(values)
        fault = fault_of(value)
        if fault is not None:
            return Broken.because(f"the helper answers with {spelled[name]}, but {fault}")
        found.append(Header(spelled[name], Secret(value)))
    return merged(tuple(found))


def from_authorization(value: str) -> Credential | Broken:
    """The credential in the value of an Authorization header (RFC 9110, 11.6.2). Basic is taken
    apart (RFC 7617).
    """
    scheme, _, parameters = value.strip().partition(" ")
    parameters = parameters.strip()
    if not _SCHEME.fullmatch(scheme) or not _FIELD_VALUE.fullmatch(parameters):
        return Broken.because(
            "the helper's Authorization header is not of the form 'SCHEME CREDENTIALS'"
        )
    if scheme.lower() == BASIC:
        return _from_basic(parameters)
    if scheme.lower() == BEARER:
        return _bearer(parameters)
    return Credential(Secret(parameters), None, SOURCE, SOURCE, scheme)


def _from_basic(parameters: str) -> Credential | Broken:
    try:
        text = base64.b64decode(parameters, validate=True).decode()
    except (binascii.Error, ValueError):
        return Broken.because("the helper's Basic credentials are not base64 of UTF-8 text")
    username, colon, password = text.partition(":")
    if not colon:
        return Broken.because(
            "the helper's Basic credentials have no colon between user name and password"
        )
    if any(ord(char) < 32 or ord(char) == 127 for char in text):  # RFC 7617, 2
        return Broken.because(
            "the helper's Basic credentials contain a control character (a line end, perhaps)"
        )
    return Credential(Secret(password), username, SOURCE, SOURCE)


def _bearer(token: str) -> Credential | Broken:
    if not _TOKEN.fullmatch(token):
        return Broken.because("the helper's token contains white space or characters outside ASCII")
    return Credential(Secret(token), None, SOURCE, SOURCE, BEARER)


def git_request(
    url: str, *, with_path: bool, username: str | None, credential: Credential | None = None
) -> bytes | Broken:
    """The standard input of ``get``, and with a ``credential`` that of ``store`` and ``erase``.

    git itself sends no path over HTTP unless ``credential.useHttpPath`` is set, so both forms are
    needed. :class:`Broken` where a value cannot be said in this protocol: it has no quoting, and a
    line end in a value would start an attribute of its own (CVE-2020-5260).
    """
    origin = Origin.of(url)
    attributes = {"protocol": origin.scheme, "host": origin.netloc}
    path = unquote(urlsplit(url).path).strip("/")
    if with_path and path:
        attributes["path"] = path
    if username is not None:
        attributes["username"] = username
    if credential is not None:
        attributes["password"] = credential.secret.reveal()
        if credential.expires_at is not None:
            attributes["password_expiry_utc"] = str(int(credential.expires_at.timestamp()))
    for name, value in attributes.items():
        if any(char in value for char in "\n\r\0"):
            return Broken.because(
                f"the {name} contains a line end, which git's credential protocol cannot carry"
            )
    try:
        return "".join(f"{name}={value}\n" for name, value in attributes.items()).encode() + b"\n"
    except UnicodeEncodeError:
        return Broken.because("a value is not valid Unicode")


def parse_git(stdout: bytes, url: str, username: str | None) -> Answer:
    """The output of ``get``, for the URL and the user that were asked for."""
    attributes = git_attributes(stdout)
    if attributes is None:
        return Broken.because("the helper did not answer with lines of the form 'name=value'")
    origin = Origin.of(url)
    if (
        attributes.get("protocol", origin.scheme),
        attributes.get("host", origin.netloc).lower(),
    ) != (
        origin.scheme,
        origin.netloc,
    ):
        return NotMine("the helper answers for another host")
    password = attributes.get("password")
    if not password:
        if attributes.get("quit", "").lower() in ("1", "true"):
            return Broken.because(
                "the helper says that there is no credential and that nobody else is to be asked (quit)"
            )
        return NotMine("the helper has no password for this URL")
    found = Credential(Secret(password), attributes.get("username", username), SOURCE, SOURCE)
    expiry_utc = attributes.get("password_expiry_utc")
    if expiry_utc is None:
        return found
    if not re.fullmatch(r"[0-9]{1,18}", expiry_utc):
        return Broken.because("the helper's 'password_expiry_utc' is not a number of seconds")
    return _with_expiry(found, int(expiry_utc), "password_expiry_utc")


def git_attributes(stdout: bytes) -> dict[str, str] | None:
    """The attributes in an output, up to a blank line; the last of a name counts. ``None`` if it is
    none of that.
    """
    try:
        text = stdout.decode()
    except UnicodeDecodeError:
        return None
    attributes: dict[str, str] = {}
    for line in text.split("\n"):
        line = line.removesuffix("\r")
        if not line:
            break
        name, equals, value = line.partition("=")
        if not equals or not name or "\0" in line or "\r" in line:
            return None
        attributes[name] = value
    return attributes


def exec_environment(url: str) -> dict[str, str]:
    """The variable in which a plugin finds its input. Our index or upload host takes the place of
    the cluster.
    """
    document = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "spec": {"cluster": {"server": str(Origin.of(url))}, "interactive": False},
    }
    return {"KUBERNETES_EXEC_INFO": json.dumps(document)}


def parse_exec(stdout: bytes) -> HelperAnswer:
    """The ExecCredential that a plugin printed: a bearer token, a client certificate with its key,
    or both.
    """
    document = _json_object(stdout)
    if document is None or document.get("kind") != "ExecCredential":
        return HelperAnswer(
            Broken.because("the helper did not answer with a JSON object of kind ExecCredential")
        )
    status = document.get("status") or {}
    if not isinstance(status, dict):
        return HelperAnswer(Broken.because("the helper's 'status' is not an object"))
    expires = status.get("expirationTimestamp")
    identity = _identity(status, expires)
    if isinstance(identity, Broken):
        return HelperAnswer(identity)
    token = status.get("token")
    if token is None or token == "":
        what = "the helper returned no token"
        if identity:
            what = "the helper returned a client certificate and no token"
        return HelperAnswer(NotMine(what), identity)
    credential = (
        _bearer(token)
        if isinstance(token, str)
        else Broken.because("the helper's token is not text")
    )
    if isinstance(credential, Credential):
        return HelperAnswer(_with_expiry(credential, expires, "expirationTimestamp"), identity)
    return HelperAnswer(credential)


def _identity(status: dict[str, object], expires: object) -> HelperIdentity | Broken | None:
    certificate, key = status.get("clientCertificateData"), status.get("clientKeyData")
    if not certificate and not key:
        return None
    if not isinstance(certificate, str) or not isinstance(key, str):
        return Broken.because(
            "the helper returned a client certificate without its key, or a key without its certificate"
        )
    if "-----BEGIN CERTIFICATE-----" not in certificate or not _PRIVATE_KEY.search(key):
        return Broken.because("the helper's client certificate or key is not PEM")
    if not certificate.isascii() or not key.isascii():
        return Broken.because(
            "the helper's client certificate or key contains characters outside ASCII"
        )
    moment = expiry.from_json(expires)
    if expires is not None and moment is None:
        return Broken.because("the helper's 'expirationTimestamp' is not an RFC 3339 time")
    if expiry.passed(moment):
        return Broken.because(
            "the helper's client certificate has expired", Cause.CLIENT_CERT_EXPIRED
        )
    return HelperIdentity(certificate, Secret(key), moment)


def _with_expiry(credential: Credential, value: object, field: str) -> Credential | Broken:
    if value is None:
        return credential
    moment = expiry.from_json(value)
    if moment is None:
        return Broken.because(f"the helper's {field!r} is not a time")
    if expiry.passed(moment):
        when = f"{moment:%Y-%m-%d %H:%M} UTC"
        return Broken.because(
            f"the helper's credential expired at {when}, by this machine's clock",
            Cause.CREDENTIAL_EXPIRED,
        )
    return replace(credential, expires_at=moment)


def _json_object(stdout: bytes) -> dict[str, object] | None:
    try:
        document = parse_json(stdout)
    except NotJson:
        return None
    if isinstance(document, dict):
        return document
    return None


def json_kind(stdout: bytes) -> str | None:
    """``kind`` of the JSON object in ``stdout`` (``""`` where it names none); ``None`` where it is
    no JSON object.
    """
    document = _json_object(stdout)
    if document is None:
        return None
    kind = document.get("kind", "")
    if isinstance(kind, str):
        return kind
    return ""


def _is_text_list(values: object) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)
