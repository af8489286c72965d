"""An error that nobody has foreseen, and that is ours: where to report it."""

from __future__ import annotations

import importlib
import os
import traceback
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cleo.io.io import IO

_OURS = "poetry_repo_plugin"
_POETRY = ("poetry", "cleo")
_TOLD = "_poetry_repo_plugin_told"


def report_line(error: BaseException) -> str | None:
    """The line that asks for a report; ``None`` where ``error`` is meant for the user, or is not
    ours.

    It is ours where our code is nearer to the place where it was raised than Poetry's.
    """
    if not _is_ours(error) or _is_meant(error):
        return None
    from importlib.metadata import PackageNotFoundError, metadata

    try:
        about = metadata("poetry-repo-plugin")
    except PackageNotFoundError:  # run from a folder, without its metadata
        return None
    urls = dict(line.split(", ", 1) for line in about.get_all("Project-URL") or ())
    where = ""
    if "Issues" in urls:
        where = f" at {urls['Issues']}"
    return (
        f"poetry-repo-plugin {about['Version']} hit an unexpected error: {type(error).__name__}. "
        f"Please report it{where}, with the output of the same command and -vvv."
    )


def tell(error: BaseException, io: IO) -> None:
    """Print the line for ``error``, once."""
    if getattr(error, _TOLD, False):
        return
    line = report_line(error)
    if line is not None:
        setattr(error, _TOLD, True)
        io.write_error_line(f"<warning>{line}</warning>")


def _is_meant(error: BaseException) -> bool:
    from cleo.exceptions import CleoError

    if isinstance(error, (CleoError, BrokenPipeError)):
        return True
    if hasattr(error, "lines"):  # a RepoError, or one on its way through Poetry
        return True
    requests = importlib.import_module("requests.exceptions")
    return isinstance(error, requests.RequestException)


def _is_ours(error: BaseException) -> bool:
    for frame, _ in reversed(list(traceback.walk_tb(error.__traceback__))):
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if package == _OURS and os.path.basename(frame.f_code.co_filename) != "seam.py":
            return True
        if package in _POETRY:
            return False
    return False
