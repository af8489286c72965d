"""Client certificates in the one form that plain Poetry, pip and requests take: PEM with its key in
plain.
"""

from __future__ import annotations

from pathlib import Path

from poetry_repo_plugin.config import files
from poetry_repo_plugin.config.repositories import Repository
from poetry_repo_plugin.core.errors import Failure, InputError, Subject
from poetry_repo_plugin.http.failures import failure_of
from poetry_repo_plugin.ops.session import Session
from poetry_repo_plugin.tls.settings import TlsSettings


def export_identity(session: Session, repository: Repository, target: Path) -> bool:
    """Write the client certificate of ``repository`` to ``target``; ``False`` where a person, who
    is asked first, does not want it.

    Raises as :func:`write_identity`.
    """
    exists = target.exists()
    if exists and not session.terminal:
        raise InputError(f"{target} already exists; choose another file.")
    question = f"{target} will hold the private key of {repository.name}, unencrypted"
    if exists:
        question += ", replacing what is there"
    if session.terminal and not session.confirm(f"{question}. Write it?"):
        return False
    try:
        write_identity(session.access.tls.settings_of(repository), target)
    except Failure as error:
        raise failure_of(error, repository) from None
    return True


def write_identity(settings: TlsSettings, target: Path) -> None:
    """Write the client certificate, its chain and its key, unencrypted, to ``target`` (0600).

    :raises InputError: where no client certificate is set, or ``target`` is one of its own files.
    :raises Failure: for a file that does not do, or a passphrase that nobody knows.
    :raises StateError: where ``target`` cannot be written.
    """
    from cryptography.hazmat.primitives import serialization

    from poetry_repo_plugin.tls.identity import load_identity

    if settings.client_cert is None:
        raise InputError("There is no client certificate to export.")
    for own in (settings.client_cert, settings.client_key):
        if own is not None and target.exists() and own.exists() and target.samefile(own):
            raise InputError(f"{target} is what would be exported; choose another file.")
    identity = load_identity(settings.client_cert, settings.client_key, settings.passphrase)
    pem = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    parts = [certificate.public_bytes(pem) for certificate in identity.chain]
    parts.append(identity.key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    files.write_text(target, b"".join(parts).decode("ascii"), private=True)


def is_plain(settings: TlsSettings) -> bool:
    """Whether plain Poetry can use the client certificate as it is: one PEM, its key not
    encrypted.
    """
    from poetry_repo_plugin.tls.pem import pem_blocks
    from poetry_repo_plugin.tls.settings import read_file

    if settings.client_cert is None or settings.client_key is not None:
        return False
    try:
        blocks = pem_blocks(read_file(settings.client_cert, Subject.CLIENT_CERTIFICATE))
    except Failure:
        return False
    keys = [block for block in blocks if block.label.endswith("PRIVATE KEY")]
    return bool(keys) and not any(block.is_encrypted for block in keys)
