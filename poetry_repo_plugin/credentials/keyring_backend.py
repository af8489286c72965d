"""Which backend of keyring will answer, and what its failures mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend


def usable_backend(backend: KeyringBackend) -> KeyringBackend | None:
    """The backend that will answer, by Poetry's own rule (``PoetryKeyring.is_available``), which
    asks it nothing.
    """
    from keyring.backend import get_all_keyring

    def is_usable(candidate: KeyringBackend) -> bool:
        name = str(candidate.name)
        return (
            name.split(" ")[0] not in ("chainer", "fail", "null")
            and "plaintext" not in name.lower()
        )

    if is_chain(backend):
        return next((candidate for candidate in get_all_keyring() if is_usable(candidate)), None)
    return backend if is_usable(backend) else None


def is_chain(backend: KeyringBackend) -> bool:
    return str(backend.name).split(" ")[0] == "chainer"


def explain(error: BaseException) -> str:
    # A backend's own text may quote what it was given, so only the kind of failure is told.
    return (
        "the keyring is locked"
        if is_locked(error)
        else f"the keyring failed ({type(error).__name__})"
    )


def is_locked(error: BaseException) -> bool:
    from keyring.errors import KeyringLocked

    return isinstance(error, KeyringLocked)
