"""Secrets that are longer than an entry of the keyring may be: Windows takes 1,280 characters
(``CRED_MAX_CREDENTIAL_BLOB_SIZE``, in UTF-16), and two tokens of Entra ID have three times that.

The parts lie in entries beside; the entry itself names them. It is written last, so that whoever
reads it finds either the old secret or the new one.
"""

from __future__ import annotations

import secrets

from poetry_repo_plugin.core.patterns import Pattern
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.credentials.keyring_services import Address

LONGEST = 1000  # characters
_HEAD = Pattern(r"in ([1-9][0-9]?) parts: ([0-9a-f]{8})")


def is_long(secret: Secret) -> bool:
    """Whether it may be too long for one entry."""
    return LONGEST < len(secret.reveal()) <= 99 * LONGEST


def split(address: Address, secret: Secret) -> tuple[str, list[tuple[Address, Secret]]]:
    """The text of the entry at ``address`` that stands for ``secret``, and the entries with its
    parts.
    """
    text = secret.reveal()
    parts = [Secret(text[at : at + LONGEST]) for at in range(0, len(text), LONGEST)]
    head = f"in {len(parts)} parts: {secrets.token_hex(4)}"
    return head, list(zip(parts_of(address, head), parts, strict=True))


def parts_of(address: Address, text: str) -> list[Address]:
    """Where the parts are that the entry at ``address`` names; none if it is a secret itself."""
    found = _HEAD.fullmatch(text)
    if found is None:
        return []
    service, user = address
    return [(service, f"{user}-{found[2]}-{number}") for number in range(int(found[1]))]
