"""Everything that is configured for a repository as one ``ssl.SSLContext``, built once."""

from __future__ import annotations

import os
import ssl
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from poetry_repo_plugin.core.errors import Cause, Failure, Subject
from poetry_repo_plugin.tls.settings import SYSTEM, TlsSettings

if TYPE_CHECKING:
    from poetry_repo_plugin.tls.identity import ClientIdentity

# requests.Session.merge_environment_settings; SSL_CERT_FILE means nothing to it.
BUNDLE_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def build_context(
    settings: TlsSettings,
    environ: Mapping[str, str] | None = None,
    *,
    seen: Callable[[ClientIdentity], None] | None = None,
    closely: bool = False,
) -> ssl.SSLContext:
    """A client's context for ``settings``: ciphers, versions and flags as plain requests has them.

    :param environ: where ``REQUESTS_CA_BUNDLE`` is looked up; by default ``os.environ``.
    :param seen: told of the client certificate, if there may be something to say of its expiry.
    :param closely: parse what is plainly in order as well, and tell ``seen`` in any case.
    :raises Failure: for files that are missing or do not do, and for a key that does not open.

    Whoever passes the context to requests must keep requests from adding certifi's roots and from
    changing ``verify_mode``: what is verified is said here and nowhere else.
    """
    context = _new_context(settings)
    if settings.relaxed:
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if settings.verify:
        _trust(context, settings, os.environ if environ is None else environ)
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    cert, key = settings.client_cert, settings.client_key
    if cert is None and key is not None:
        detail = f"the client key {key} is set without a client certificate"
        raise Failure(Cause.TLS_FILE_MISSING, detail, subject=Subject.CLIENT_KEY)
    if cert is not None:
        identity = _offer(context, cert, settings, closely)
        if identity is not None and seen is not None:
            seen(identity)
    return context


def _offer(
    context: ssl.SSLContext,
    cert: Path,
    settings: TlsSettings,
    closely: bool,
) -> ClientIdentity | None:
    from poetry_repo_plugin.tls.identity import load_identity, offer_plain_pem

    if not closely and offer_plain_pem(context, cert, settings.client_key):
        return None
    identity = load_identity(cert, settings.client_key, settings.passphrase)
    identity.apply(context)
    return identity


def _new_context(settings: TlsSettings) -> ssl.SSLContext:
    from urllib3.util.ssl_ import create_urllib3_context

    context = create_urllib3_context()
    # urllib3 1.26 matches host names itself and leaves this off.
    context.check_hostname = True
    context.verify_mode = ssl.CERT_REQUIRED
    if settings.ca == SYSTEM and settings.verify:
        return _use_system_store(context)
    return context


def _use_system_store(context: ssl.SSLContext) -> ssl.SSLContext:
    """``context``, or one like it, that trusts the operating system's store; no other changes."""
    if sys.platform not in ("darwin", "win32") and ssl.get_default_verify_paths().cafile:
        context.load_default_certs()  # as truststore does, but not anew with each connection
        return context
    import truststore

    system = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    system.minimum_version = context.minimum_version
    system.options |= context.options
    system.verify_flags |= context.verify_flags
    system.post_handshake_auth = context.post_handshake_auth
    system.hostname_checks_common_name = context.hostname_checks_common_name
    if context.keylog_filename:
        system.keylog_filename = context.keylog_filename
    return system


def _trust(context: ssl.SSLContext, settings: TlsSettings, environ: Mapping[str, str]) -> None:
    if isinstance(settings.ca, Path):
        from poetry_repo_plugin.tls.trust import load_ca

        load_ca(settings.ca, context)
    if settings.ca is None or settings.default_too:
        _trust_default(context, environ)


def _trust_default(context: ssl.SSLContext, environ: Mapping[str, str]) -> None:
    from requests.utils import DEFAULT_CA_BUNDLE_PATH

    bundle, what = DEFAULT_CA_BUNDLE_PATH, f"default {Subject.CA.value}"
    for variable in reversed(BUNDLE_VARIABLES):
        if environ.get(variable):
            bundle, what = environ[variable], f"{Subject.CA.value} of {variable}"
    if not os.path.exists(bundle):
        detail = f"the {what}, {bundle}, does not exist"
        raise Failure(Cause.TLS_FILE_MISSING, detail, subject=Subject.CA)
    try:
        if os.path.isdir(bundle):
            context.load_verify_locations(capath=bundle)
        else:
            context.load_verify_locations(cafile=bundle)
    except OSError as error:
        reason = getattr(error, "reason", None) or error
        detail = f"the {what} {bundle} is refused by OpenSSL ({reason})"
        raise Failure(Cause.TLS_FILE_INVALID, detail, subject=Subject.CA) from None
