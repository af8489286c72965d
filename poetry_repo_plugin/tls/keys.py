"""Private keys: finding one in a file, and opening it with its passphrase."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from poetry_repo_plugin.core.errors import Cause, Failure, Subject
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.tls.pem import FileFormat, format_of, is_cut_off, pem_blocks
from poetry_repo_plugin.tls.settings import AskPassphrase, brief, invalid, parsing, read_file

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
    from cryptography.hazmat.primitives.serialization.pkcs12 import PKCS12KeyAndCertificates

_SSH_KEY = "holds an SSH key; TLS needs PKCS#8 (`ssh-keygen -p -m PKCS8 -f KEY` converts one)"
_NEW_CIPHER = "`openssl pkcs8 -topk8` writes a new one"


def load_key(path: Path, ask: AskPassphrase | None) -> PrivateKeyTypes:
    """The key in a file of its own. Raises :class:`Failure`, also for a file without one."""
    subject = Subject.CLIENT_KEY
    data = read_file(path, subject)
    key = find_key(path, subject, data, ask)
    if key is not None:
        return key
    why = "holds no private key"
    is_der = format_of(data) is FileFormat.CERTIFICATE
    if is_der or any(block.is_certificate for block in pem_blocks(data)):
        why = "holds a certificate and no private key"
    detail = f"the {subject.value} {path} {why}"
    raise Failure(Cause.CLIENT_KEY_MISSING, detail, subject=subject)


def find_key(
    path: Path,
    subject: Subject,
    data: bytes,
    ask: AskPassphrase | None,
) -> PrivateKeyTypes | None:
    """The first private key in ``data``, opened; ``None`` where there is none.

    Formats: PKCS#8 (RFC 5958), PKCS#1 and SEC 1, encrypted or not, PEM or DER, and PKCS#12.
    Raises :class:`Failure` for one that does not open or cannot be parsed.
    """
    from cryptography.hazmat.primitives import serialization

    file_format = format_of(data)
    if file_format is FileFormat.PKCS12:
        return unlock_pkcs12(path, data, ask).key
    if file_format in (FileFormat.KEY, FileFormat.ENCRYPTED_KEY):
        passphrase = None
        if file_format is FileFormat.ENCRYPTED_KEY:
            passphrase = _passphrase(path, subject, ask)
        return _open(path, subject, data, passphrase, serialization.load_der_private_key)
    block = next((block for block in pem_blocks(data) if block.is_key), None)
    if block is None:
        return None
    if block.label.startswith("OPENSSH"):
        raise invalid(path, subject, _SSH_KEY)
    passphrase = None
    if block.is_encrypted:
        passphrase = _passphrase(path, subject, ask)
    return _open(path, subject, block.text, passphrase, serialization.load_pem_private_key)


def unlock_pkcs12(path: Path, data: bytes, ask: AskPassphrase | None) -> PKCS12KeyAndCertificates:
    """The content of a PKCS#12 file; a passphrase is asked for only if it needs one.

    Raises :class:`Failure` for a passphrase that is missing or wrong.
    """
    content = open_pkcs12(path, data, None)
    if content is not None:
        return content
    passphrase = _passphrase(path, Subject.CLIENT_CERTIFICATE, ask)
    content = open_pkcs12(path, data, passphrase)
    if content is None:
        raise _wrong_passphrase(path, Subject.CLIENT_CERTIFICATE)
    return content


def open_pkcs12(
    path: Path,
    data: bytes,
    passphrase: Secret | None,
) -> PKCS12KeyAndCertificates | None:
    """The content of a PKCS#12 file (RFC 7292), or ``None`` where ``passphrase`` does not open it.

    Without a passphrase both ways of having none are tried. Raises :class:`Failure` for a file
    that cannot be read.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12

    subject = Subject.CLIENT_CERTIFICATE
    if is_cut_off(data):
        raise invalid(path, subject, "is cut off: its end is missing")
    with parsing(path, subject):
        if passphrase is None:
            for empty in (None, b""):
                try:
                    return load_pkcs12(data, empty)
                except (ValueError, UnsupportedAlgorithm):
                    continue
            return None
        try:
            return load_pkcs12(data, passphrase.reveal().encode())
        except ValueError as error:
            _require_known_cipher(path, subject, error)
            return None


def _open(
    path: Path,
    subject: Subject,
    data: bytes,
    passphrase: Secret | None,
    load: Callable[[bytes, bytes | None], PrivateKeyTypes],
) -> PrivateKeyTypes:
    with parsing(path, subject):
        if passphrase is None:
            return load(data, None)
        try:
            return load(data, passphrase.reveal().encode())
        except ValueError as error:
            _require_known_cipher(path, subject, error)
            raise _wrong_passphrase(path, subject) from None


def _passphrase(path: Path, subject: Subject, ask: AskPassphrase | None) -> Secret:
    passphrase = None
    if ask is not None:
        passphrase = ask()
    if not passphrase:
        detail = f"the {subject.value} {path} is encrypted, and no passphrase is known"
        raise Failure(Cause.PASSPHRASE_MISSING, detail, subject=subject)
    return passphrase


def _require_known_cipher(path: Path, subject: Subject, error: ValueError) -> None:
    """Raise for an unknown cipher (DES, Camellia); a damaged file looks like a wrong passphrase."""
    if "unknown" in str(error).lower():  # cryptography has no type for it
        why = f"is encrypted in a way that is not supported ({brief(error)}); {_NEW_CIPHER}"
        raise invalid(path, subject, why) from None


def _wrong_passphrase(path: Path, subject: Subject) -> Failure:
    detail = f"the passphrase does not open the {subject.value} {path}"
    return Failure(Cause.PASSPHRASE_WRONG, detail, subject=subject)
