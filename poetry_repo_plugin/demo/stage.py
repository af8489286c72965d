"""Plays the story: prints each command, runs it, and sees that it does what it was meant to."""

from __future__ import annotations

import time
from dataclasses import dataclass

from poetry_repo_plugin.core.errors import RepoError
from poetry_repo_plugin.demo.child import Finished, Runner
from poetry_repo_plugin.demo.index import Index
from poetry_repo_plugin.demo.material import PASSWORD, USERNAME, prepare
from poetry_repo_plugin.demo.projects import write_projects
from poetry_repo_plugin.demo.room import Room
from poetry_repo_plugin.demo.screen import Screen
from poetry_repo_plugin.demo.stopping import Signals
from poetry_repo_plugin.demo.story import Step, story


class Astray(RepoError):
    """A command of the demo did something else than it was meant to."""


@dataclass(frozen=True)
class Shown:
    """What a demo that went well has shown."""

    commands: int
    failures: int
    seconds: float


def perform(screen: Screen, signals: Signals) -> Shown:
    """All of it; afterwards the index is closed and the folder is gone.

    Raises :class:`Astray` where a command did something else, :class:`Stopped` where somebody ended
    it.
    """
    started = time.monotonic()
    with Room() as room:
        context = prepare(room)
        write_projects(room)
        with Index(room.packages, context, USERNAME, PASSWORD) as index:
            scenes = story(index.url, index.upload_url)
            _introduce(screen, room, index)
            runner = Runner(
                room.environment(colour=screen.colour), screen.colour, screen.piece, signals
            )
            for before, scene in zip([None, *scenes], scenes, strict=False):
                screen.title(scene.title)
                if before is None or before.folder != scene.folder:
                    screen.typed([f"$ cd ~/{scene.folder}"])
                for step in scene.steps:
                    _play(screen, runner, room, scene.folder, step)
    steps = [step for scene in scenes for step in scene.steps]
    return Shown(
        len(steps), sum(step.cause is not None for step in steps), time.monotonic() - started
    )


def _introduce(screen: Screen, room: Room, index: Index) -> None:
    screen.title("A private index is running on this machine")
    for line in (
        f"  index      {index.url}  (pypiserver)",
        f"  asks for   a client certificate and the password of {USERNAME}",
        f"  home       {room.home}, thrown away at the end",
        "  keyring    none: yours is not touched, what is stored goes to auth.toml",
        "  internet   not used",
    ):
        screen.line(line)


def _play(screen: Screen, runner: Runner, room: Room, folder: str, step: Step) -> None:
    screen.remark(step.remark, gap=True)
    screen.typed(step.typed())
    stdin = None
    if step.stdin is not None:
        stdin = room.home / step.stdin
    finished = runner.run(step.words, room.home / folder, stdin)
    screen.settle()
    judge(step, finished)
    if step.cause is not None:
        screen.remark(f"Exit code {finished.code}, as expected.")


def judge(step: Step, finished: Finished) -> None:
    """See that a command did what it was meant to: the exit code, and what it says. Raises
    :class:`Astray`.
    """
    command = f"`poetry {' '.join(step.words[:2])}`"
    wanted = 1
    if step.cause is None:
        wanted = 0
    if finished.code != wanted:
        raise Astray(
            f"The demo went wrong: {command} ended with exit code {finished.code}, not {wanted}."
        )
    shows = step.shows
    if step.cause is not None:
        shows = f"[{step.cause.value}]"
    if shows not in finished.text:
        raise Astray(f"The demo went wrong: {command} did not say {shows!r}.")
