"""What all ``repo`` commands share: the session, the streams, and the handling of what goes
wrong.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from cleo.exceptions import CleoError
from cleo.formatters.formatter import Formatter
from cleo.io.outputs.output import Output, Type
from poetry.console.commands.command import Command as PoetryCommand

from poetry_repo_plugin.commands.words import unknown_option
from poetry_repo_plugin.config.project_trust import ProjectTrust
from poetry_repo_plugin.core.errors import InputError, RepoError, UnknownNameError
from poetry_repo_plugin.core.hints import Hint, export, is_name
from poetry_repo_plugin.core.notices import Notices
from poetry_repo_plugin.core.origin import InvalidUrl, Origin
from poetry_repo_plugin.core.patterns import Pattern
from poetry_repo_plugin.core.secret import Secret, masked
from poetry_repo_plugin.core.terminal import printable
from poetry_repo_plugin.core.wrapping import folded, width_of, wrapped
from poetry_repo_plugin.ops.session import Session

if TYPE_CHECKING:
    from cleo.io.io import IO

_NO_OPTION = Pattern(r'The option "([^"]+)" does not exist')  # as cleo says it

# What a Windows code page or an ASCII terminal is shown for the marks that our sentences hold.
_PLAIN = str.maketrans({"→": "->", "…": "...", "“": '"', "”": '"', "’": "'", "–": "-"})


class RepoCommand(PoetryCommand):
    """Runs :meth:`work`; turns what goes wrong into one message on stderr and exit code 1.

    ``tells_ignored`` is false for a command that has its own place for settings of the project that
    are ignored.
    """

    tells_ignored: ClassVar[bool] = True

    def run(self, io: IO) -> int:
        """Run the command, or suggest the option that was meant."""
        try:
            return super().run(io)
        except CleoError as error:
            found = _NO_OPTION.match(str(error))
            if found is None:
                raise
            self._io = io
            tokens: list[str] = getattr(io.input, "_tokens", [])
            given = found[1] if found[1].startswith("-") else f"-{found[1]}"
            self.fail(unknown_option(self, tokens, given))
            return 1

    def handle(self) -> int:
        """Poetry's entry."""
        try:
            self._refuse_bytes()
            return self.work(self._session())
        except UnknownNameError as error:
            error.hint = (
                self._again(error.given, error.meant) if error.meant is not None else error.hint
            )
            self.fail(error)
        except RepoError as error:
            self.fail(error)
        except InvalidUrl as error:  # of a file that was written by hand
            self.fail(InputError(f"{error}."))
        except KeyboardInterrupt:
            self.io.write_error_line("")  # behind the terminal's ^C
            self.say("Stopped.")
        return 1

    def work(self, session: Session) -> int:
        """What the command does; returns its exit code."""
        raise NotImplementedError

    # -- streams

    def fail(self, error: RepoError) -> None:
        """Tell an error, and the command that mends it."""
        head, *rest = error.lines()
        self._tell(head, "error")
        for line in rest:
            self._tell(line, "c1")

    def warn(self, line: str) -> None:
        """Tell what a person should know although it went well."""
        self._tell(line, "warning")

    def say(self, line: str) -> None:
        """Tell what was done. Data goes to stdout; this is not data."""
        self._tell(line)

    def asking(self, url: str) -> None:
        """Tell a person at a terminal who keeps them waiting."""
        if width_of(self.io.error_output) is not None:
            self.say(f"Asking {Origin.of(url).netloc} …")

    def row(self, text: str, indent: int = 0) -> None:
        """Write a line of data for a person: what a terminal would act on is escaped.

        :param indent: of the further lines that a narrow terminal needs for it.
        """
        output = self.io.output
        for one in folded(_shown(text, output), width_of(output), indent):
            output.write(one, new_line=True, type=Type.RAW)

    def data(self, text: str) -> None:
        """Write a line of data, exactly as it is. Raises :class:`RepoError` where the stream cannot
        hold it.
        """
        try:
            self.io.output.write(text, new_line=True, type=Type.RAW)
        except UnicodeEncodeError as error:
            raise RepoError(
                f"Standard output is {error.encoding} and cannot print this; set PYTHONIOENCODING=utf-8."
            ) from None

    def data_json(self, document: Any) -> None:
        """Write one JSON document, without a secret."""
        self.data(masked(json.dumps(document, indent=2)))

    def _tell(self, line: str, style: str | None = None) -> None:
        output = self.io.error_output
        for one in wrapped(_shown(line, output), width_of(output)):
            text = str(Formatter.escape(one))
            self.io.write_error_line(f"<{style}>{text}</{style}>" if style else text)

    # -- words

    def text(self, option: str) -> str | None:
        """The value of an option, or ``None`` if it was not given."""
        value = self.option(option)
        if isinstance(value, str):
            return value
        return None

    def given(self, *options: str) -> list[str]:
        """Those of ``options`` that were given, also with an empty value."""
        return [option for option in options if self.option(option) not in (None, False, [])]

    def only_one_of(self, *options: str) -> None:
        """Raise :class:`InputError` if more than one of ``options`` was given."""
        given = [f"--{option}" for option in self.given(*options)]
        if len(given) > 1:
            raise InputError(f"{' and '.join(given)} cannot be used together.")

    def path(self, text: str) -> Path:
        """A path that was given as a word: ``~`` expanded, absolute from the folder where the
        command runs.
        """
        if not text:
            raise InputError("A path is empty.")
        whole = os.path.expanduser(text)
        flat = os.path.abspath(
            whole
        )  # without `..`, unless that steps back over a link to somewhere else
        if os.path.realpath(flat) == os.path.realpath(whole):
            return Path(flat)
        return Path(whole).absolute()

    def read_secret_line(self, what: str) -> Secret:
        """One line of standard input, without its end; on a terminal nothing of it is shown.

        :param what: what is read, for a message: ``password``.

        Raises :class:`InputError` where there is none.
        """
        stream = self.io.input.stream or sys.stdin
        if stream is not None and stream.isatty():
            from poetry_repo_plugin.core.prompts import ask_secret

            return ask_secret(f"{what[:1].upper()}{what[1:]}: ")
        binary = getattr(stream, "buffer", None)
        try:
            line = (
                binary.readline().decode("utf-8")
                if binary is not None
                else stream.readline()
                if stream
                else ""
            )
        except UnicodeDecodeError:
            raise InputError("Standard input is not UTF-8. Nothing was stored.") from None
        if not line:
            raise InputError(f"Standard input is empty; a line with the {what} was expected.")
        return Secret(line.removesuffix("\n").removesuffix("\r"))

    def _again(self, given: str, meant: str) -> Hint:
        """This command as it was typed, with the name ``meant``. What a user gave beside names and
        switches, which may be a secret, is an ellipsis.
        """
        words, rest = ["poetry", *(self.name or "").split()], False
        for argument in self.arguments:
            value = self.argument(argument.name) or []
            if argument.name in ("name", "names"):
                known = [
                    meant if word == given else str(word)
                    for word in ([value], value)[argument.is_list()]
                ]
                words += [word if is_name(word) else "NAME" for word in dict.fromkeys(known)]
            else:
                rest = rest or bool(value)
        for option in self.options:
            value = self.option(option.name)
            if value is True:
                words.append(f"--{option.name}")
            else:
                rest = rest or value not in (None, False, [], option.default)
        return Hint([words], cut=rest)

    @property
    def terminal(self) -> bool:
        """Whether somebody can answer a question."""
        return self.io.is_interactive() and sys.stdin is not None and sys.stdin.isatty()

    def _refuse_bytes(self) -> None:
        """Words that cannot be read could be stored in no file and sent to no server (PEP 383)."""
        words = {
            **self.io.input.arguments,
            **{f"--{name}": value for name, value in self.io.input.options.items()},
        }
        for name, value in words.items():
            for word in value if isinstance(value, list) else [value]:
                if isinstance(word, str) and not _is_text(word):
                    raise InputError(*_why_unreadable(name, word))

    # -- the session

    def _session(self) -> Session:
        from poetry_repo_plugin.hooks.facts import surroundings

        session = Session.start(surroundings(self), Notices(self.warn), self.terminal)
        session.settings.check()
        if self.tells_ignored:
            trust = ProjectTrust(session.settings, session.catalogue, session.bindings)
            ignored = (*session.settings.poetry_toml.ignored(), *trust.ignored())
            complaints = (*session.settings.managed.says.complaints, *session.catalogue.complaints)
            for line in (*complaints, *ignored):
                session.notices.once(line)
        return session


def _why_unreadable(name: str, word: str) -> tuple[str, Hint | None]:
    """What is wrong with a word that Python could not read, and what to type."""
    encoding = sys.getfilesystemencoding()
    if _is_text(os.fsencode(word).decode("utf-8", "surrogateescape")) and encoding != "utf-8":
        message = f"{name} is UTF-8, and this shell's locale makes Python read {encoding}."
        return message, export(PYTHONUTF8="1")
    return f"{name} is not valid UTF-8.", None


def _is_text(word: str) -> bool:
    try:
        word.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _shown(text: str, output: Output) -> str:
    """``text`` without what a terminal would act on, in characters that the stream can hold."""
    shown = printable(text)
    encoding = getattr(getattr(output, "stream", None), "encoding", None) or "utf-8"
    try:
        shown.encode(encoding)
    except UnicodeEncodeError:
        return shown.translate(_PLAIN).encode(encoding, "backslashreplace").decode(encoding)
    return shown
