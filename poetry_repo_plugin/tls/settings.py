"""A repository's TLS settings, and reading the files that they name."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from threading import RLock
from typing import Literal, Union

from poetry_repo_plugin.core.errors import Cause, Failure, Subject
from poetry_repo_plugin.core.secret import Secret

SYSTEM: Literal["system"] = "system"

CaSetting = Union[Path, Literal["system"], None]
AskPassphrase = Callable[[], Union[Secret, None]]

# A bundle of every public CA, each with a page of text, has half of that. Anything much larger may
# never end (/dev/zero).
MAX_BYTES = 2 * 1024 * 1024

# Days; DESIGN section 3, `certs`.
SOON = 30

_warnings_lock = RLock()


@dataclass(frozen=True)
class TlsSettings:
    """The TLS settings of one repository. Paths are absolute and expanded.

    :param ca: a PEM bundle, a DER certificate or a directory of hashed certificates; ``"system"``
        for the operating system's store; ``None`` for what requests trusts by default.
    :param client_cert: PEM with or without the key, DER, or PKCS#12.
    :param client_key: the key, where it is a file of its own.
    :param passphrase: asked for the key's passphrase, once, and only if the key is encrypted.
    :param verify: ``False`` accepts every server certificate.
    :param relaxed: ``True`` leaves out the stricter X.509 checks that Python 3.13 switched on.
    :param default_too: trust what requests trusts by default as well as ``ca``.
    """

    ca: CaSetting = None
    client_cert: Path | None = None
    client_key: Path | None = None
    passphrase: AskPassphrase | None = field(default=None, compare=False, repr=False)
    verify: bool = True
    relaxed: bool = False
    default_too: bool = False

    @property
    def is_default(self) -> bool:
        """Nothing is configured, so requests' own handling will do."""
        if self.relaxed or not self.verify:
            return False
        return self.ca is None and self.client_cert is None and self.client_key is None


def utc_now() -> datetime:
    """Now, aware, UTC."""
    return datetime.now(timezone.utc)


def day(moment: datetime) -> str:
    """``YYYY-MM-DD``, UTC."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%d")


def read_file(path: Path, subject: Subject) -> bytes:
    """The bytes of ``path``. Raises :class:`Failure` where it is missing, empty or too large."""
    try:
        if not path.exists():
            detail = f"the {subject.value} {path} does not exist"
            raise Failure(Cause.TLS_FILE_MISSING, detail, subject=subject)
        if not path.is_file():
            raise invalid(path, subject, "is not a file")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise invalid(path, subject, f"cannot be read: {error.strerror or error}") from None
    except ValueError as error:  # a path that no system takes
        raise invalid(path, subject, f"cannot be read: {error}") from None
    if not data.strip():
        raise invalid(path, subject, "is empty")
    if len(data) > MAX_BYTES:
        limit = MAX_BYTES // 1024 // 1024
        raise invalid(path, subject, f"is larger than {limit} MB, which no {subject.value} is")
    return data


def invalid(path: Path, subject: Subject, why: str) -> Failure:
    """The failure of a file; ``why`` continues "the client key /x/key.pem …"."""
    detail = f"the {subject.value} {path} {why}"
    return Failure(Cause.TLS_FILE_INVALID, detail, subject=subject)


@contextmanager
def parsing(path: Path, subject: Subject) -> Iterator[None]:
    """Turn whatever ``cryptography`` raises inside the block into a :class:`Failure`."""
    with without_warnings():
        try:
            yield
        except Failure:
            raise
        except Exception as error:
            raise invalid(path, subject, f"cannot be parsed ({brief(error)})") from None
        except BaseException as error:
            if not _is_panic(error):
                raise
            raise invalid(path, subject, "cannot be parsed") from None


def _is_panic(error: BaseException) -> bool:
    """Whether the Rust half of ``cryptography`` gave up, as on an IV of odd length; that is no
    ``Exception``.
    """
    return type(error).__module__ == "pyo3_runtime"


@contextmanager
def without_warnings() -> Iterator[None]:
    """Keep warnings about the oddities of other people's certificates off the screen."""
    # catch_warnings is global state: the lock keeps threads from restoring each other's filters.
    with _warnings_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def brief(error: Exception) -> str:
    """The first line of ``error``, shortened: parsers put whole dumps into their messages."""
    lines = str(error).strip().splitlines()
    text = lines[0] if lines else type(error).__name__
    text = text.partition(": ParseError {")[0]  # the Rust error inside cryptography's
    if len(text) <= 120:
        return text
    return f"{text[:117]}..."
