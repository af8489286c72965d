"""What Poetry writes for people shows URLs as they are, user name and password included; here it is
shown without.

Some of its lines (each session's address, each step of the resolver) are written at ``-vvv`` only,
others always. Its spinner, drawn by a thread ten times a second, would wipe away a question: it
waits for the answer.
"""

from __future__ import annotations

import threading
from contextlib import nullcontext
from typing import Any

from poetry_repo_plugin.core.prompts import turn
from poetry_repo_plugin.core.terminal import tamed

# Commands whose output is for people. That of others (``export``) may be data, which is nobody's to
# change.
FOR_PEOPLE = frozenset(
    (
        *("add", "build", "install", "lock", "publish", "remove", "sync", "update"),
        *("self add", "self install", "self lock", "self remove", "self sync", "self update"),
    )
)


def mask_outputs(command: str) -> None:
    """Hide secrets and tame what a terminal would act on, in all that ``command`` writes; again
    does nothing new.
    """
    from cleo.io.outputs.stream_output import StreamOutput

    original: Any = getattr(StreamOutput, "_write", None)
    if command not in FOR_PEOPLE or original is None or getattr(original, "masks", False):
        return

    def _write(self: Any, message: str, new_line: bool = False) -> None:
        # The main thread never waits: what ends the command, such as Ctrl-C, arrives there.
        with nullcontext() if threading.current_thread() is threading.main_thread() else turn:
            original(self, tamed(message), new_line)

    _write.masks = True  # type: ignore[attr-defined]
    StreamOutput._write = _write  # type: ignore[method-assign]
