"""What all ``repo`` commands share: the workbench, the streams, and the handling of what goes wrong."""

from __future__ import annotations

import json
import os
import shlex
import sys
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from cleo.formatters.formatter import Formatter
from cleo.io.outputs.output import Output, Type
from poetry.console.commands.command import Command as PoetryCommand

from poetry_repo_plugin.config.bindings import Bindings
from poetry_repo_plugin.config.project_trust import ProjectTrust
from poetry_repo_plugin.config.repositories import Catalogue, Repository
from poetry_repo_plugin.config.settings import Settings
from poetry_repo_plugin.core import names
from poetry_repo_plugin.core.errors import InputError, RepoError, UnknownNameError, printable
from poetry_repo_plugin.core.notices import Notices
from poetry_repo_plugin.core.origin import InvalidUrl, Origin
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.core.wrapping import width_of, wrapped
from poetry_repo_plugin.credentials.keyring import KeyringGate
from poetry_repo_plugin.http.auth import Access
from poetry_repo_plugin.ops.assemble import assemble
from poetry_repo_plugin.ops.credential_store import Logins

# What a Windows code page or an ASCII terminal is shown for the marks that our sentences hold.
_PLAIN = str.maketrans({"→": "->", "…": "...", "“": '"', "”": '"', "’": "'", "–": "-"})


@dataclass
class Bench:
    """What a command works with.

    :param typed: the passphrases that were asked for, by repository: one question each.
    """

    settings: Settings
    catalogue: Catalogue
    gate: KeyringGate
    notices: Notices
    project: Path | None
    terminal: bool
    typed: dict[str, Secret] = field(default_factory=dict)

    @cached_property
    def bindings(self) -> Bindings:
        return Bindings(self.settings)

    @property
    def logins(self) -> Logins:
        return Logins(self.settings, self.gate, self.notices, self.bindings)

    @cached_property
    def access(self) -> Access:
        return self._assembled()

    def access_to(self, name: str, url: str | None) -> Access:
        """An access for a question to ``url`` with what belongs to ``name``, before it is bound to it."""
        if url is None:
            return self.access
        from poetry_repo_plugin.ops.further import AsIfBound

        return self._assembled(AsIfBound(self.settings, name, url))

    def _assembled(self, bindings: Bindings | None = None) -> Access:
        known = (self.settings, self.catalogue, self.gate, self.notices)
        return assemble(*known, ask_passphrase=self.ask_passphrase, bindings=bindings)

    def new_name(self, given: str) -> str:
        """``given``, if a further repository can be called so beside those that are known.

        Raises :class:`InputError`, also where Poetry would take it for one that is known: it does not tell names apart
        by case (its pool) or by ``-``, ``_`` and ``.`` (its environment variables).
        """
        name = names.check_name(given)
        from_environment = {known for known, _ in self.settings.environment_repositories()}
        known = [other for other in self.catalogue.names() if other == name or other not in from_environment]
        twin = names.collision(name, [*known, *self.settings.names()])
        if twin is not None:
            raise InputError(
                f"{name!r} collides with the repository {twin!r}, which Poetry does not tell from it; "
                "give it another name, or use that one."
            )
        return name

    def confirm(self, question: str) -> bool:
        """Whether a person says yes; no without one."""
        from poetry_repo_plugin.core.prompts import confirm

        return self.terminal and confirm(question)

    def ask_passphrase(self, repository: Repository) -> Secret | None:
        """The passphrase of a client key as a person types it; ``None`` where nobody can."""
        from poetry_repo_plugin.core.prompts import ask_secret

        name = repository.name
        if name not in self.typed and self.terminal:
            self.typed[name] = ask_secret(f"Passphrase of the client key for {name}: ")
        return self.typed.get(name)


class RepoCommand(PoetryCommand):
    """Runs :meth:`work`; turns what goes wrong into one message on stderr and exit code 1.

    ``tells_ignored`` is false for a command that has its own place for settings of the project that are ignored.
    """

    tells_ignored: ClassVar[bool] = True

    def handle(self) -> int:
        """Poetry's entry."""
        try:
            self._refuse_bytes()
            return self.work(self._bench())
        except UnknownNameError as error:
            error.hint = self._again(error.given, error.meant) if error.meant is not None else error.hint
            self.fail(error)
        except RepoError as error:
            self.fail(error)
        except InvalidUrl as error:  # of a file that was written by hand
            self.fail(InputError(f"{error}."))
        except KeyboardInterrupt:
            self.io.write_error_line("")  # behind the terminal's ^C
            self.say("Stopped.")
        return 1

    def work(self, bench: Bench) -> int:
        """What the command does; returns its exit code."""
        raise NotImplementedError

    # -- streams -------------------------------------------------------------------------------------------------------

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

    def row(self, text: str) -> None:
        """Write a line of data for a person: what a terminal would act on is escaped."""
        output = self.io.output
        output.write(_shown(text, output), new_line=True, type=Type.RAW)

    def data(self, text: str) -> None:
        """Write a line of data, exactly as it is. Raises :class:`RepoError` where the stream cannot hold it."""
        try:
            self.io.output.write(text, new_line=True, type=Type.RAW)
        except UnicodeEncodeError as error:
            raise RepoError(
                f"Standard output is {error.encoding} and cannot hold this; set PYTHONIOENCODING=utf-8."
            ) from None

    def data_json(self, document: Any) -> None:
        """Write one JSON document."""
        self.data(json.dumps(document, indent=2))

    def _tell(self, line: str, style: str | None = None) -> None:
        output = self.io.error_output
        for one in wrapped(_shown(line, output), width_of(output)):
            text = str(Formatter.escape(one))
            self.io.write_error_line(f"<{style}>{text}</{style}>" if style else text)

    # -- words ---------------------------------------------------------------------------------------------------------

    def text(self, option: str) -> str | None:
        """The value of an option, or ``None`` if it was not given."""
        value = self.option(option)
        return value if isinstance(value, str) else None

    def given(self, *options: str) -> list[str]:
        """Those of ``options`` that were given, also with an empty value."""
        return [option for option in options if self.option(option) not in (None, False, [])]

    def only_one_of(self, *options: str) -> None:
        """Raise :class:`InputError` if more than one of ``options`` was given."""
        given = [f"--{option}" for option in self.given(*options)]
        if len(given) > 1:
            raise InputError(f"{' and '.join(given)} cannot be used together.")

    def path(self, text: str) -> Path:
        """A path that was given as a word: ``~`` expanded, absolute from the folder where the command runs."""
        if not text:
            raise InputError("A path is empty.")
        whole = os.path.expanduser(text)
        flat = os.path.abspath(whole)  # without `..`, unless that steps back over a link to somewhere else
        return Path(flat) if os.path.realpath(flat) == os.path.realpath(whole) else Path(whole).absolute()

    def read_secret_line(self, what: str) -> Secret:
        """One line of standard input, without its end; on a terminal nothing of it is shown.

        :param what: what is read, for a message: ``password``.

        Raises :class:`InputError` where there is none.
        """
        stream = self.io.input.stream or sys.stdin
        if stream is not None and stream.isatty():
            from poetry_repo_plugin.core.prompts import ask_secret

            return ask_secret(f"{what.capitalize()}: ")
        binary = getattr(stream, "buffer", None)
        try:
            line = binary.readline().decode("utf-8") if binary is not None else stream.readline() if stream else ""
        except UnicodeDecodeError:
            raise InputError("Standard input is not UTF-8. Nothing was stored.") from None
        if not line:
            raise InputError(f"Standard input is empty; a line with the {what} was expected.")
        return Secret(line.removesuffix("\n").removesuffix("\r"))

    def _again(self, given: str, meant: str) -> str:
        """This command as it was typed, with the name ``meant``. What a user gave beside names and switches, which may
        be a secret, is an ellipsis.
        """
        words, rest = [f"poetry {self.name}"], False
        for argument in self.arguments:
            value = self.argument(argument.name) or []
            if argument.name in ("name", "names"):
                known = [meant if word == given else str(word) for word in ([value], value)[argument.is_list()]]
                words += map(shlex.quote, dict.fromkeys(known))
            else:
                rest = rest or bool(value)
        for option in self.options:
            value = self.option(option.name)
            if value is True:
                words.append(f"--{option.name}")
            else:
                rest = rest or value not in (None, False, [], option.default)
        return " ".join([*words, "…"] if rest else words)

    @property
    def terminal(self) -> bool:
        """Whether somebody can answer a question."""
        return self.io.is_interactive() and sys.stdin is not None and sys.stdin.isatty()

    def _refuse_bytes(self) -> None:
        """Words that are no UTF-8 could be stored in no file and sent to no server (PEP 383)."""
        words = {**self.io.input.arguments, **{f"--{name}": value for name, value in self.io.input.options.items()}}
        for name, value in words.items():
            for word in value if isinstance(value, list) else [value]:
                if isinstance(word, str) and not _is_text(word):
                    raise InputError(f"{name} is not valid UTF-8.")

    # -- the workbench -------------------------------------------------------------------------------------------------

    def _bench(self) -> Bench:
        from poetry_repo_plugin.hooks.facts import surroundings
        from poetry_repo_plugin.ops.session import build_gate, read_settings

        where = surroundings(self)
        settings, catalogue = read_settings(where)
        settings.check()
        notices = Notices(self.warn)
        gate = build_gate(settings, notices, self.terminal)
        bench = Bench(settings, catalogue, gate, notices, where.project_folder, self.terminal)
        if self.tells_ignored:
            trust = ProjectTrust(settings, catalogue, bench.bindings)
            for line in (*catalogue.complaints, *settings.ignored_in_local(), *trust.ignored()):
                notices.once(line)
        return bench


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
