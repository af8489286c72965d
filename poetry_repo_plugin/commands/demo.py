"""``poetry repo demo``."""

from __future__ import annotations

import os
import sys
from textwrap import wrap

from poetry_repo_plugin.commands.base import RepoCommand
from poetry_repo_plugin.core.errors import RepoError
from poetry_repo_plugin.core.hints import command

_SHOWN = """\
{shown.commands} commands ran as expected. {shown.failures} of them were meant to fail, and each named
its cause and the command that fixes it. You have seen an index with its own CA, a client
certificate with an encrypted key, a login that is checked before it is stored, and build, publish,
lock, install and doctor through all of it. The index is stopped and the folder removed."""


class Command(RepoCommand):
    """Shows the whole story against a private index that it starts on this machine."""

    name = "repo demo"
    description = "See everything work, against an index on this machine."
    help = """\
    <c1>poetry repo demo</c1>

Starts a private index on this machine, behind TLS with a CA of its own, a
password and a required client certificate, and runs the commands that one
would type: add, certs, login, build, publish, lock, install, list, doctor.
Each is printed with its output. It all happens in a temporary folder,
without your keyring, without your settings and without the internet, and
nothing is left behind."""

    def handle(self) -> int:
        """Perform, and say what was shown. Nothing of the person's own settings is read, so there
        is no session.
        """
        try:
            _require_extra()
            return self._perform()
        except RepoError as error:
            self.fail(error)
        except BrokenPipeError:  # nobody reads any more, which is no success
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1

    def _perform(self) -> int:
        from poetry_repo_plugin.demo.screen import Screen
        from poetry_repo_plugin.demo.stage import perform
        from poetry_repo_plugin.demo.stopping import Signals, Stopped

        screen = Screen(self.io)
        try:
            with Signals() as signals:
                shown = perform(screen, signals)
        except Stopped:
            screen.settle()
            self.warn("Stopped. The index is closed and the folder is removed.")
            return 1
        screen.title(f"Done in {shown.seconds:.1f} s")
        for line in wrap(_SHOWN.format(shown=shown), 78):
            screen.line(line)
        return 0


def _require_extra() -> None:
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pypiserver's copy of bottle, on some Pythons
            import pypiserver  # noqa: F401
            import trustme  # noqa: F401
    except ImportError:
        raise RepoError(
            "The demo needs the extra “demo”. (If Poetry was installed with pip: "
            "pip install 'poetry-repo-plugin[demo]')",
            command("poetry", "self", "add", "poetry-repo-plugin[demo]"),
        ) from None
