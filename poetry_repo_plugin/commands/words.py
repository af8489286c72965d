"""Words that people type in place of ours: misspelt, or another tool's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from poetry_repo_plugin.core.errors import InputError
from poetry_repo_plugin.core.hints import Hint, is_name
from poetry_repo_plugin.core.names import nearest

if TYPE_CHECKING:
    from cleo.commands.command import Command

# What other tools (pip, uv, npm, docker, git) call our commands.
_COMMANDS = {
    **dict.fromkeys(("status", "whoami", "ls", "repositories", "sources"), "list"),
    **dict.fromkeys(("info", "get", "describe"), "show"),
    **dict.fromkeys(("rm", "delete", "del", "uninstall"), "remove"),
    **dict.fromkeys(("auth", "authenticate", "signin", "sign-in", "set-password"), "login"),
    **dict.fromkeys(("signout", "sign-out", "forget"), "logout"),
    **dict.fromkeys(("tls", "ssl", "ca", "certificate", "certificates"), "certs"),
    **dict.fromkeys(("check", "test", "diagnose", "verify", "ping", "debug"), "doctor"),
    **dict.fromkeys(("update", "set", "set-url", "configure", "new", "register"), "add"),
    **dict.fromkeys(("password", "credential", "credentials", "print"), "token"),
    **dict.fromkeys(("completion", "autocomplete"), "completions"),
    "upgrade": "migrate",
}
_OPTIONS = {
    "certs": {
        **dict.fromkeys(("cert", "cacert", "ca-cert", "ca-bundle", "cafile"), "ca"),
        **dict.fromkeys(("client-certificate", "client", "pem"), "client-cert"),
        "key": "client-key",
        **dict.fromkeys(("no-verify-ssl", "trusted-host", "allow-insecure-host"), "insecure"),
        **dict.fromkeys(("remove", "delete", "none"), "unset"),
    },
    "login": {
        "user": "username",
        **dict.fromkeys(("pass", "pw"), "password"),
        **dict.fromkeys(("api-token", "api-key"), "token"),
        **dict.fromkeys(("stdin", "pass-stdin"), "password-stdin"),
        **dict.fromkeys(("sso", "oidc", "issuer", "web"), "oauth"),
        **dict.fromkeys(("no-keyring", "no-store"), "plaintext"),
        "repository-url": "url",
    },
    "add": {
        **dict.fromkeys(("upload-url", "repository-url", "publish"), "publish-url"),
        **dict.fromkeys(("supplemental", "extra"), "secondary"),
        **dict.fromkeys(("index", "replace-pypi"), "default"),
    },
}


def meant_command(word: str, known: Sequence[str]) -> str | None:
    """The command that ``word`` probably means."""
    other = _COMMANDS.get(word.lower())
    if other in known:
        return other
    return nearest(word, known)


def unknown_option(command: Command, tokens: Sequence[str], given: str) -> InputError:
    """What is said of an option that ``command`` does not have.

    What follows the option may be a secret, so that only a name is said again.

    :param tokens: the command line, without the program.
    :param given: the option, with its dashes.
    """
    # A shortcut, and what is behind it, may be a secret.
    option = given.partition("=")[0] if given.startswith("--") else given[:2]
    verb = (command.name or "").removeprefix("repo").strip()
    known = {one.name: one for one in command.definition.options}
    name = option.lstrip("-")
    meant = _OPTIONS.get(verb, {}).get(name.lower())
    if meant not in known:
        meant = None
        if len(name) > 1:
            meant = nearest(name, known)
    message = f"Unknown option: {option}."
    words = ["poetry", *(command.name or "repo").split()]
    if meant is None:
        return InputError(message, Hint([[*words, "--help"]]))
    words += _name_in(tokens, verb, command)
    takes_value = known[meant].accepts_value()
    return InputError(
        f"{message} Did you mean --{meant}?", Hint([[*words, f"--{meant}"]], cut=takes_value)
    )


def _name_in(tokens: Sequence[str], verb: str, command: Command) -> list[str]:
    """The repository that was named directly behind the command."""
    behind = list(tokens)
    for word in (command.name or "", "repo", verb):  # cleo makes one word of them
        if word in behind:
            behind = behind[behind.index(word) + 1 :]
    if behind and is_name(behind[0]):
        return [behind[0]]
    arguments = [one for one in command.definition.arguments if one.name != "command"]
    if arguments and arguments[0].is_required():
        return ["NAME"]
    return []
