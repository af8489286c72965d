"""What cleo answers without looking for a command of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cleo.events.console_command_event import ConsoleCommandEvent


def help_for(event: ConsoleCommandEvent) -> None:
    """``poetry help repo login``: cleo's own command looks at the first word only."""
    tokens: list[str] = getattr(event.io.input, "_tokens", [])
    words = [token for token in tokens if not token.startswith("-")]
    application, command = event.command.application, event.command
    set_command = getattr(command, "set_command", None)
    if words[:2] != ["help", "repo"] or application is None or set_command is None:
        return
    name = " ".join(words[1:3])
    if application.has(name):
        set_command(application.find(name))
