"""Questions to a person. Only ever called where there is a terminal."""

from __future__ import annotations

import threading
from collections.abc import Callable

from poetry_repo_plugin.core.errors import InputError
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.core.terminal import printable

# Two threads may have a question; a person answers one after the other. Who draws on the terminal
# meanwhile waits.
turn = threading.RLock()


def ask(question: str) -> str:
    """One line of text, asked on the terminal itself. Raises :class:`InputError` if the terminal
    goes away.
    """
    import sys

    try:
        with turn:
            sys.stderr.write(printable(question))
            sys.stderr.flush()
            line = sys.stdin.readline()
    except UnicodeDecodeError:
        raise InputError(f"The answer is not {sys.stdin.encoding.upper()}.") from None
    if not line:
        raise _unanswered("Cancelled (end of input).")
    return line.rstrip("\r\n")


def confirm(question: str) -> bool:
    """Whether a person says yes."""
    return ask(f"{question} (y/n) [n]: ").strip().lower() in ("y", "yes")


def ask_secret(question: str, clear_line: Callable[[], None] = lambda: None) -> Secret:
    """One line that is not shown. Raises :class:`InputError` if the terminal goes away, or would
    show it.

    :param clear_line: called before the question, when nobody else draws on the terminal any more.
    """
    import getpass
    import warnings

    try:
        with turn, warnings.catch_warnings():
            warnings.simplefilter("error", getpass.GetPassWarning)
            clear_line()
            return Secret(getpass.getpass(printable(question)))
    except EOFError:
        raise _unanswered("Cancelled (end of input).") from None
    except UnicodeDecodeError:
        raise _unanswered("The answer is not UTF-8.") from None
    except getpass.GetPassWarning:
        raise InputError(
            "This terminal cannot hide what you type; pass the secret on standard input."
        ) from None


def _unanswered(message: str) -> InputError:
    """No Enter key has ended the question's line, so that is done here."""
    import sys

    sys.stderr.write("\n")
    return InputError(message)
