"""What TLS settings a repository has, and the one error that its files can cause."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from threading import RLock
from typing import Literal, Union

from poetry_repo_plugin.core.errors import Cause
from poetry_repo_plugin.core.secret import Secret

SYSTEM: Literal["system"] = "system"

CaSetting = Union[Path, Literal["system"], None]
AskPassphrase = Callable[[], Union[Secret, None]]

# A bundle of every public CA is 0.3 MB. What is much larger is not TLS material, and may never end (/dev/zero).
MAX_BYTES = 2 * 1024 * 1024  # every public CA, each with a page of text, has half of that

# Days; DESIGN section 3, `certs`.
SOON = 30

_quiet_lock = RLock()


class MaterialError(Exception):
    """A file, or the passphrase of one, does not do.

    :param cause: one of the ``tls-file-*``, ``client-*`` and ``passphrase-*`` causes.
    :param message: names the file and what is wrong in it; no secret, no repository. Dates are ``YYYY-MM-DD``.
    """

    def __init__(self, cause: Cause, message: str) -> None:
        super().__init__(message)
        self.cause = cause
        self.message = message


@dataclass(frozen=True)
class TlsSettings:
    """What is configured for one repository. Paths are absolute and expanded.

    :param ca: a PEM bundle, a DER certificate or a directory of hashed certificates; ``"system"`` for the operating
        system's store; ``None`` for what requests trusts by default.
    :param client_cert: PEM with or without the key, DER, or PKCS#12.
    :param client_key: the key, where it is a file of its own.
    :param passphrase: asked for the key's passphrase, once, and only when the key turns out to be encrypted.
    :param verify: ``False`` accepts every server certificate.
    :param relaxed: ``True`` leaves out the stricter X.509 checks that Python 3.13 switched on.
    """

    ca: CaSetting = None
    client_cert: Path | None = None
    client_key: Path | None = None
    passphrase: AskPassphrase | None = field(default=None, compare=False, repr=False)
    verify: bool = True
    relaxed: bool = False

    @property
    def is_default(self) -> bool:
        """Whether nothing is configured, so that requests' own handling would do."""
        given = (self.ca, self.client_cert, self.client_key)
        return all(one is None for one in given) and self.verify and not self.relaxed


def utc_now() -> datetime:
    """Now, aware, UTC."""
    return datetime.now(timezone.utc)


def read_file(path: Path, what: str) -> bytes:
    """The bytes of ``path``; ``what`` ("CA bundle", "client key") names it in the :class:`MaterialError`."""
    try:
        if not path.exists():
            raise MaterialError(Cause.TLS_FILE_MISSING, f"the {what} {path} does not exist")
        if not path.is_file():
            raise invalid(path, what, "is not a file")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise invalid(path, what, f"cannot be read: {reason}") from None
    if not data.strip():
        raise invalid(path, what, "is empty")
    if len(data) > MAX_BYTES:
        raise invalid(path, what, f"is larger than {MAX_BYTES // 1024 // 1024} MB, which no {what} is")
    return data


def invalid(path: Path, what: str, why: str) -> MaterialError:
    """The error for a file whose content does not do: ``why`` continues "the client key /x/key.pem …"."""
    return MaterialError(Cause.TLS_FILE_INVALID, f"the {what} {path} {why}")


@contextmanager
def parsing(path: Path, what: str) -> Iterator[None]:
    """Around calls of ``cryptography``: whatever bytes make it raise becomes a :class:`MaterialError`, and its
    warnings about the oddities of other people's certificates stay off the user's screen.
    """
    # catch_warnings is global state: the lock keeps two threads from restoring each other's filters.
    with _quiet_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except MaterialError:
            raise
        except Exception as error:
            raise invalid(path, what, f"cannot be understood ({brief(error)})") from None


def brief(error: Exception) -> str:
    """The first line of ``error``, shortened: parsers put whole dumps into their messages."""
    lines = str(error).strip().splitlines()
    text = lines[0] if lines else type(error).__name__
    text = text.partition(": ParseError {")[0]  # Rust's own view of its error, in cryptography
    return text if len(text) <= 120 else f"{text[:117]}..."


def day(moment: datetime) -> str:
    """``YYYY-MM-DD``, UTC."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%d")
