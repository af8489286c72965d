"""The certificates of the demo: a CA of its own, the index's certificate, and a developer's with an
encrypted key.
"""

from __future__ import annotations

import ssl
from datetime import datetime, timedelta, timezone

from poetry_repo_plugin.demo.room import Room

USERNAME = "alice"
PASSWORD = "Pa55-{cache-dir}-wörd"  # Poetry alone would expand the braces, and stumble over the ö
PASSPHRASE = "open sesame"

CA = "certs/ca.pem"
CLIENT_CERT = "certs/alice.pem"
CLIENT_KEY = "certs/alice.key"
PASSPHRASE_FILE = "secrets/passphrase"
PASSWORD_FILE = "secrets/password"
WRONG_PASSWORD_FILE = "secrets/wrong-password"


def prepare(room: Room) -> ssl.SSLContext:
    """Make all of it, put the developer's share below the home, and return the server's side of
    TLS.
    """
    import trustme

    authority = trustme.CA(organization_name="Acme Ltd.", organization_unit_name="Demo CA")
    until = datetime.now(timezone.utc) + timedelta(days=90)
    developer = authority.issue_cert(
        "alice@acme.example", common_name="alice", organization_name="Acme Ltd.", not_after=until
    )
    room.write(CA, authority.cert_pem.bytes().decode())
    room.write(CLIENT_CERT, "".join(blob.bytes().decode() for blob in developer.cert_chain_pems))
    room.write(CLIENT_KEY, _encrypted(developer.private_key_pem.bytes())).chmod(0o600)
    for name, secret in {
        PASSPHRASE_FILE: PASSPHRASE,
        PASSWORD_FILE: PASSWORD,
        WRONG_PASSWORD_FILE: "letmein",
    }.items():
        room.write(name, f"{secret}\n").chmod(0o600)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(
        "127.0.0.1", organization_name="Acme Ltd.", not_after=until
    ).configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def _encrypted(key_pem: bytes) -> str:
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key(key_pem, password=None)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(PASSPHRASE.encode()),
    )
    return pem.decode()
