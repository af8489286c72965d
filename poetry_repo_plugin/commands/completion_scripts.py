"""Completion scripts for ``poetry repo``: commands and options as they are now, repository names
asked for when they are needed.

Each leaves what completes Poetry's other commands as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from shlex import quote
from typing import NamedTuple

_ASK = "poetry repo completions names --no-interaction 2>/dev/null"


class Known(NamedTuple):
    """One command below ``repo``.

    :param options: names without dashes, with their descriptions.
    :param takes_name: its arguments are names of repositories.
    """

    verb: str
    description: str
    options: Mapping[str, str]
    takes_name: bool

    @property
    def flags(self) -> str:
        """The options, with dashes."""
        return " ".join(f"--{option}" for option in sorted(self.options))


def bash(commands: list[Known]) -> str:
    """For bash 3.2 and later, with or without bash-completion."""
    verbs = " ".join(one.verb for one in commands)
    cases = "\n".join(f"        {one.verb}) options='{one.flags}' ;;" for one in commands)
    named = "|".join(one.verb for one in commands if one.takes_name)
    return f"""\
# poetry repo: completion for bash
_poetry_repo_before=${{_poetry_repo_before:-$(complete -p poetry 2>/dev/null | sed -n 's/.* -F \\([^ ]*\\) .*/\\1/p')}}
_poetry_repo() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} verb=${{COMP_WORDS[2]}} options=
    COMPREPLY=()
    if [[ $COMP_CWORD -lt 2 || ${{COMP_WORDS[1]}} != repo ]]; then
        if [[ -n $_poetry_repo_before ]]; then "$_poetry_repo_before" "$@"
        elif [[ $COMP_CWORD -eq 1 ]]; then COMPREPLY=($(compgen -W 'repo' -- "$current"))
        fi
        return
    fi
    if [[ $COMP_CWORD -eq 2 ]]; then
        COMPREPLY=($(compgen -W '{verbs}' -- "$current"))
        return
    fi
    case $verb in
{cases}
    esac
    if [[ $current == -* ]]; then
        COMPREPLY=($(compgen -W "$options" -- "$current"))
        return
    fi
    case $verb in
        {named}) [[ ${{COMP_WORDS[COMP_CWORD-1]}} == -* ]] ||
            COMPREPLY=($(compgen -W "$({_ASK})" -- "$current")) ;;
        completions) COMPREPLY=($(compgen -W 'bash zsh fish' -- "$current")) ;;
    esac
}}
complete -o default -F _poetry_repo poetry"""


def zsh(commands: list[Known]) -> str:
    """For zsh 5, behind ``compinit``."""
    verbs = " ".join(_described(one.verb, one.description) for one in commands)
    cases = "\n".join(f"        {one.verb}) options=({_zsh_options(one)}) ;;" for one in commands)
    named = "|".join(one.verb for one in commands if one.takes_name)
    return f"""\
# poetry repo: completion for zsh
if [[ ${{_comps[poetry]}} != _poetry_repo ]]; then
    typeset -g _poetry_repo_before=${{_comps[poetry]}}
fi
_poetry_repo() {{
    local -a verbs options names
    if (( CURRENT < 3 )) || [[ $words[2] != repo ]]; then
        if [[ -n $_poetry_repo_before ]]; then $_poetry_repo_before "$@"
        elif (( CURRENT == 2 )); then compadd repo
        else _files
        fi
        return
    fi
    if (( CURRENT == 3 )); then
        verbs=({verbs})
        _describe 'command' verbs
        return
    fi
    case $words[3] in
{cases}
    esac
    if [[ $words[CURRENT] == -* ]]; then
        _describe 'option' options
        return
    fi
    case $words[3] in
        {named})
            if [[ $words[CURRENT-1] != -* ]]; then
                names=(${{(f)"$({_ASK})"}})
                compadd -a names
                return
            fi ;;
        completions) compadd bash zsh fish; return ;;
    esac
    _files
}}
compdef _poetry_repo poetry"""


def fish(commands: list[Known]) -> str:
    """For fish 3."""
    lines = [
        "# poetry repo: completion for fish",
        "complete -c poetry -f -n __fish_use_subcommand -a repo",
        "function __poetry_repo_is",
        "    set -l words (commandline -opc)",
        "    test (count $words) -ge 3; and test $words[2] = repo; and contains -- $words[3] $argv",
        "end",
        "function __poetry_repo_wants_command",
        "    set -l words (commandline -opc)",
        "    test (count $words) -eq 2; and test $words[2] = repo",
        "end",
    ]
    for one in commands:
        text = quote(_plain(one.description))
        lines.append(
            f"complete -c poetry -f -n __poetry_repo_wants_command -a {one.verb} -d {text}"
        )
        for option, description in sorted(one.options.items()):
            text = quote(_plain(description))
            lines.append(
                f"complete -c poetry -n '__poetry_repo_is {one.verb}' -l {option} -d {text}"
            )
    named = " ".join(one.verb for one in commands if one.takes_name)
    lines.append(f"complete -c poetry -f -n '__poetry_repo_is {named}' -a '({_ASK})'")
    lines.append("complete -c poetry -f -n '__poetry_repo_is completions' -a 'bash zsh fish'")
    return "\n".join(lines)


SCRIPTS: dict[str, Callable[[list[Known]], str]] = {"bash": bash, "zsh": zsh, "fish": fish}


def _zsh_options(command: Known) -> str:
    return " ".join(
        _described(f"--{option}", description)
        for option, description in sorted(command.options.items())
    )


def _described(word: str, description: str) -> str:
    return quote(f"{word}:{_plain(description)}")


def _plain(description: str) -> str:
    """Without the marks of our help, and what a shell's list cannot show."""
    return re.sub(r"</?[a-z0-9=;]*>", "", description).replace("\n", " ").replace("'", "’")
