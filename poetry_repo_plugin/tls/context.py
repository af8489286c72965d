"""Everything that is configured for a repository as one ``ssl.SSLContext``, built once."""

from __future__ import annotations

import os
import ssl
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from poetry_repo_plugin.core.errors import Cause
from poetry_repo_plugin.tls.plain import CA, identify, trust
from poetry_repo_plugin.tls.settings import SYSTEM, MaterialError, TlsSettings, invalid

if TYPE_CHECKING:
    from poetry_repo_plugin.tls.identity import ClientIdentity

# requests.Session.merge_environment_settings; SSL_CERT_FILE means nothing to it.
BUNDLE_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def build_context(
    settings: TlsSettings,
    environ: Mapping[str, str] | None = None,
    *,
    seen: Callable[[ClientIdentity], None] = lambda identity: None,
    closely: bool = False,
) -> ssl.SSLContext:
    """A client's context for ``settings``: ciphers, versions and flags as plain requests has them.

    :param environ: where ``REQUESTS_CA_BUNDLE`` is looked up when no CA is set; by default ``os.environ``.
    :param seen: told of the client certificate that the context offers, if there may be something to say of its end.
    :param closely: look at what is plainly in order as well, so that ``seen`` is told of each client certificate.
    :raises MaterialError: for files that are missing or do not do, and for a key that does not open.

    Whoever passes the context to requests must keep requests from adding certifi's roots and from changing
    ``verify_mode`` (shared/POETRY.md, "Seams"): what is verified is said here and nowhere else.
    """
    context = _system_context() if settings.ca == SYSTEM and settings.verify else _plain_context()
    if settings.relaxed:
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not settings.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif isinstance(settings.ca, Path):
        _trust(context, settings.ca)
    elif settings.ca is None:
        _trust_default(context, os.environ if environ is None else environ)
    if settings.client_cert is not None:
        _identify(context, settings.client_cert, settings, seen, closely)
    elif settings.client_key is not None:
        raise MaterialError(
            Cause.TLS_FILE_MISSING, f"the client key {settings.client_key} is set without a client certificate"
        )
    return context


def _plain_context() -> ssl.SSLContext:
    from urllib3.util.ssl_ import create_urllib3_context

    context = create_urllib3_context()
    # urllib3 1.26 matches host names itself and leaves this off.
    context.check_hostname = True
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def _system_context() -> ssl.SSLContext:
    """A context that trusts what the operating system trusts; no other context of this process changes."""
    plain = _plain_context()
    if sys.platform not in ("darwin", "win32") and ssl.get_default_verify_paths().cafile:
        plain.load_default_certs()  # what truststore does then, but not anew with each connection
        return plain
    import truststore

    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = plain.minimum_version
    context.options |= plain.options
    context.verify_flags |= plain.verify_flags
    context.post_handshake_auth = plain.post_handshake_auth
    context.hostname_checks_common_name = plain.hostname_checks_common_name
    if plain.keylog_filename:
        context.keylog_filename = plain.keylog_filename
    return context


def _trust(context: ssl.SSLContext, ca: Path) -> None:
    if not trust(context, ca):
        from poetry_repo_plugin.tls.trust import load_ca

        load_ca(ca).apply(context)


def _identify(
    context: ssl.SSLContext, cert: Path, settings: TlsSettings, seen: Callable[[ClientIdentity], None], closely: bool
) -> None:
    if closely or not identify(context, cert, settings.client_key):
        from poetry_repo_plugin.tls.identity import load_identity

        identity = load_identity(cert, settings.client_key, settings.passphrase)
        identity.apply(context)
        seen(identity)


def _trust_default(context: ssl.SSLContext, environ: Mapping[str, str]) -> None:
    from requests.utils import DEFAULT_CA_BUNDLE_PATH

    variable = next((name for name in BUNDLE_VARIABLES if environ.get(name)), None)
    bundle = Path(environ[variable] if variable is not None else DEFAULT_CA_BUNDLE_PATH)
    origin = f"{CA} of {variable}" if variable is not None else f"default {CA}"
    if not os.path.exists(bundle):
        raise MaterialError(Cause.TLS_FILE_MISSING, f"the {origin}, {bundle}, does not exist")
    try:
        if os.path.isdir(bundle):
            context.load_verify_locations(capath=str(bundle))
        else:
            context.load_verify_locations(cafile=str(bundle))
    except OSError as error:
        raise invalid(bundle, origin, f"is refused by OpenSSL ({getattr(error, 'reason', None) or error})") from None
