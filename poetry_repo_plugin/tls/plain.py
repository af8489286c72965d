"""CA bundles and client certificates that OpenSSL takes by itself, which is nearly every run's way.

``cryptography`` takes 20 ms and 10 MB to load, so here it is not: what is handed to OpenSSL is checked by what OpenSSL
says of it. Whatever is not plainly in order is left to :mod:`~poetry_repo_plugin.tls.trust` and
:mod:`~poetry_repo_plugin.tls.identity`, which find out what is wrong and say so.
"""

from __future__ import annotations

import os
import re
import ssl
from calendar import timegm
from datetime import datetime
from pathlib import Path

from poetry_repo_plugin.tls.pem import Form, first_value, form_of, pem_blocks, values
from poetry_repo_plugin.tls.settings import SOON, MaterialError, invalid, read_file, utc_now

CA = "CA bundle"
CERT = "client certificate"
KEY = "client key"

# What `openssl rehash` calls the certificates in a directory (openssl-rehash(1)).
_HASHED = r"^[0-9a-f]{8}\.\d+$"
_TIMES = {0x17: 2, 0x18: 4}  # UTCTime and GeneralizedTime (RFC 5280, 4.1.2.5), and the digits of a year
_DAY = 86400  # seconds
_VERSION = 0xA0  # the tag of what may stand before the serial number


def trust(context: ssl.SSLContext, path: Path, now: datetime | None = None) -> bool:
    """Makes ``context``, which trusts nothing yet, trust the CAs in ``path``, if one of them is a CA that is valid now.

    Returns whether it is so; then :func:`~poetry_repo_plugin.tls.trust.load_ca` would say the same.
    Raises :class:`MaterialError` for a file that is missing or holds no certificate.
    """
    certificates = set(certificates_in(path)[0])
    moment = (now or utc_now()).timestamp()
    try:
        context.load_verify_locations(cadata=b"".join(certificates))
        if context.cert_store_stats()["x509"] != len(certificates):
            return False
        times = map(validity_of, context.get_ca_certs(binary_form=True))
        return any(known is not None and known[0] <= moment <= known[1] for known in times)
    except (ssl.SSLError, ValueError, NotImplementedError):  # the last for another plugin's context (truststore's)
        return False


def identify(context: ssl.SSLContext, cert: Path, key: Path | None, now: datetime | None = None) -> bool:
    """Makes ``context`` offer the certificate in ``cert``, if it is PEM, valid now and for a while, and its key is not
    encrypted.

    Returns whether it is so; then :func:`~poetry_repo_plugin.tls.identity.load_identity` would say the same.
    Raises :class:`MaterialError` for a file that cannot be read.
    """
    data = read_file(cert, CERT)
    key_data = read_file(key, KEY) if key is not None else data
    if form_of(data) is not Form.PEM or form_of(key_data) is not Form.PEM:
        return False
    first = next((block.der() for block in pem_blocks(data) if block.is_certificate), None)
    private = next((block for block in pem_blocks(key_data) if block.is_key), None)
    validity = validity_of(first) if first is not None else None
    if validity is None or private is None or private.is_encrypted:
        return False
    if not validity[0] <= (now or utc_now()).timestamp() <= validity[1] - SOON * _DAY:
        return False  # it has expired, or that is to be said beforehand
    try:
        # OpenSSL takes the first certificate, and holds the key against it; with an answer at hand it asks nobody.
        context.load_cert_chain(cert, key or cert, password=lambda: b"")
    except (OSError, ValueError):
        return False
    return True


def validity_of(der: bytes) -> tuple[int, int] | None:
    """From when until when a certificate is valid, in seconds since 1970 (RFC 5280, 4.1); ``None`` if that is not
    plainly to be read. Never raises.
    """
    tbs = next(values(next((content for _, content in values(der)), b"")), (0, b""))[1]
    fields = [content for tag, content in values(tbs) if tag != _VERSION]
    if len(fields) < 4:  # serial number, algorithm, issuer, validity
        return None
    times = [_seconds(tag, content) for tag, content in values(fields[3])]
    if len(times) != 2 or times[0] is None or times[1] is None:
        return None
    return times[0], times[1]


def _seconds(tag: int, content: bytes) -> int | None:
    digits = _TIMES.get(tag, 0)
    found = re.fullmatch(rb"(\d{%d})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z" % digits, content) if digits else None
    if found is None:
        return None
    year, *rest = map(int, found.groups())
    if digits == 2:
        year += 1900 if year >= 50 else 2000
    try:
        datetime(year, *rest)  # type: ignore[arg-type]  # five numbers
    except ValueError:
        return None
    return timegm((year, *rest))


def certificates_in(path: Path) -> tuple[list[bytes], bool]:
    """The certificates in a bundle or in a directory of hashed ones, as DER, and whether a private key is among them.

    Raises :class:`MaterialError` where there is none, or where one is damaged.
    """
    if os.path.isdir(path):  # which, unlike Path.is_dir, never raises
        return _from_directory(path), False
    data = read_file(path, CA)
    form = form_of(data)
    if form is Form.CERTIFICATE:
        return [first_value(data)], False
    if form is Form.PKCS12:
        raise invalid(path, CA, "is a PKCS#12 file, which is a client certificate with its key; the CA comes as PEM")
    if form is not Form.PEM:
        raise invalid(path, CA, f"holds no certificate: it is {form.value}")
    blocks = pem_blocks(data)
    has_key = any(block.is_key for block in blocks)
    wanted = [block for block in blocks if block.is_certificate]
    if not wanted and has_key:
        raise invalid(path, CA, "holds a private key and no certificate")
    if not wanted:
        seen = ", ".join(sorted({block.label for block in blocks})) or "no complete PEM block"
        raise invalid(path, CA, f"holds no certificate ({seen})")
    decoded = [block.der() for block in wanted]
    if None in decoded:
        number = decoded.index(None) + 1
        raise invalid(path, CA, f"is damaged: certificate {number} of {len(decoded)} is not base64")
    return [der for der in decoded if der is not None], has_key


def _from_directory(path: Path) -> list[bytes]:
    try:
        files = sorted(entry for entry in path.iterdir() if re.match(_HASHED, entry.name))
    except OSError as error:
        raise invalid(path, CA, f"cannot be read: {error.strerror}") from None
    found: dict[bytes, None] = {}
    for file in files:
        # OpenSSL skips what it cannot read in such a directory, and so do we.
        try:
            found.update(dict.fromkeys(certificates_in(file)[0]))
        except MaterialError:
            continue
    if not found:
        raise invalid(path, CA, "is a directory without hashed certificates; `openssl rehash` makes them")
    return list(found)
