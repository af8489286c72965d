"""Private keys: where they are in a file, and what opens them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from poetry_repo_plugin.core.errors import Cause
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.tls.pem import Form, form_of, is_cut_off, pem_blocks
from poetry_repo_plugin.tls.plain import CERT, KEY
from poetry_repo_plugin.tls.settings import AskPassphrase, MaterialError, brief, invalid, parsing, read_file

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes


@dataclass(frozen=True)
class Key:
    """A private key that is open.

    :param native: OpenSSL can read it from its file by itself, given the passphrase.
    :param secret: its passphrase, if it has one.
    """

    private: PrivateKeyTypes = field(repr=False)
    native: bool
    secret: Secret | None = None

    def password(self) -> bytes:
        """For ``load_cert_chain``: with an answer at hand OpenSSL never prompts."""
        return self.secret.reveal().encode() if self.secret is not None else b""


@dataclass(frozen=True)
class Pair:
    """What PKCS#12 holds: certificates, the key's own first, and the key."""

    certificates: tuple[x509.Certificate, ...]
    key: Key | None


def separate_key(path: Path, ask: AskPassphrase | None) -> Key:
    """The key in a file of its own. Raises :class:`MaterialError`, also for a file without one."""
    data = read_file(path, KEY)
    key = read_key(path, KEY, data, ask)
    if key is not None:
        return key
    form = form_of(data)
    swapped = form is Form.CERTIFICATE or any(block.is_certificate for block in pem_blocks(data))
    why = "holds a certificate and no private key" if swapped else "holds no private key"
    raise MaterialError(Cause.CLIENT_KEY_MISSING, f"the {KEY} {path} {why}")


def read_key(path: Path, what: str, data: bytes, ask: AskPassphrase | None) -> Key | None:
    """The first private key in ``data``, opened; ``None`` where there is none.

    Forms: PKCS#8 (RFC 5958), PKCS#1 and SEC 1, encrypted or not, PEM or DER, and PKCS#12.
    Raises :class:`MaterialError` for one that does not open or cannot be parsed.
    """
    from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_private_key

    form = form_of(data)
    if form is Form.PKCS12:
        return pair_of_pkcs12(path, data, ask).key
    if form in (Form.KEY, Form.ENCRYPTED_KEY):
        encrypted = form is Form.ENCRYPTED_KEY
        return _open(path, what, lambda password: load_der_private_key(data, password), encrypted, ask, native=False)
    block = next((block for block in pem_blocks(data) if block.is_key), None)
    if block is None:
        return None
    if block.label.startswith("OPENSSH"):
        raise invalid(path, what, "holds an SSH key; TLS needs PKCS#8 (`ssh-keygen -p -m PKCS8 -f KEY` converts one)")
    text = block.text
    return _open(
        path, what, lambda password: load_pem_private_key(text, password), block.is_encrypted, ask, native=True
    )


def pair_of_pkcs12(path: Path, data: bytes, ask: AskPassphrase | None) -> Pair:
    """What the PKCS#12 file holds (RFC 7292). Without a passphrase both ways of having none are tried first.

    Raises :class:`MaterialError` for a passphrase that is missing or wrong.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import pkcs12

    if is_cut_off(data):
        raise invalid(path, CERT, "is cut off: its end is missing")
    secret: Secret | None = None
    found: pkcs12.PKCS12KeyAndCertificates | None = None
    with parsing(path, CERT):
        for password in (None, b""):
            try:
                found = pkcs12.load_pkcs12(data, password)
                break
            except (ValueError, UnsupportedAlgorithm):
                continue
    if found is None:
        secret = passphrase_for(path, CERT, ask)
        with parsing(path, CERT):
            try:
                found = pkcs12.load_pkcs12(data, secret.reveal().encode())
            except ValueError as error:
                raise _wrong(path, CERT, error) from None
    with parsing(path, CERT):
        entries = ([found.cert] if found.cert is not None else []) + found.additional_certs
        certificates = tuple(entry.certificate for entry in entries)
        if not certificates:
            raise invalid(path, CERT, "is PKCS#12 without a certificate")
        return Pair(certificates, None if found.key is None else Key(found.key, native=False, secret=secret))


def passphrase_for(path: Path, what: str, ask: AskPassphrase | None) -> Secret:
    """The passphrase, from whoever knows it. Raises :class:`MaterialError` where nobody does."""
    secret = ask() if ask is not None else None
    if not secret:
        raise MaterialError(Cause.PASSPHRASE_MISSING, f"the {what} {path} is encrypted and no passphrase is known")
    return secret


def _open(
    path: Path,
    what: str,
    load: Callable[[bytes | None], PrivateKeyTypes],
    encrypted: bool,
    ask: AskPassphrase | None,
    *,
    native: bool,
) -> Key:
    if not encrypted:
        with parsing(path, what):
            return Key(load(None), native)
    secret = passphrase_for(path, what, ask)
    password = secret.reveal().encode()
    with parsing(path, what):
        try:
            return Key(load(password), native, secret)
        except ValueError as error:
            raise _wrong(path, what, error) from None


def _wrong(path: Path, what: str, error: ValueError) -> MaterialError:
    # "Key encrypted with unknown cipher" (DES, Camellia). Otherwise a wrong passphrase and a damaged file look alike.
    if "unknown" in str(error).lower():
        why = f"is encrypted in a way that is not supported ({brief(error)}); `openssl pkcs8 -topk8` writes a new one"
        return invalid(path, what, why)
    return MaterialError(Cause.PASSPHRASE_WRONG, f"the passphrase does not open the {what} {path}")
