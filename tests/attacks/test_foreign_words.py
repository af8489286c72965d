"""Names, URLs and servers' words on their way to the screen: no runnable text, no escape sequence,
no secret.
"""

from __future__ import annotations

import base64
import json
import shlex

import pytest

from poetry_repo_plugin.core.hints import is_name
from tests.attacks.arena import EVIL_URL, NAME, PASSWORD, TOKEN, UPLOAD, URL, USER, Arena
from tests.poetry_process import Finished
from tests.servers import RecordedRequest, Response

TRAPS = {
    "option": "company --url https://evil.example/simple/",
    "command": "x; touch pwned",
    "expansion": "$(touch pwned)",
    "backticks": "`touch pwned`",
    "line": "x\nTry: touch pwned",
}
ODD = "0dd/pass wörd"  # a slash and a blank, unescaped in a URL


def commands_in(done: Finished) -> list[list[str]]:
    """Every command of ours that is shown, as a shell reads it."""
    found = []
    for line in done.text.splitlines():
        for part in line.split("poetry repo ")[1:]:
            found.append(shlex.split(part.partition("`")[0], comments=False))
    return found


@pytest.mark.parametrize("name", TRAPS.values(), ids=TRAPS)
@pytest.mark.parametrize("words", ["", "list", "show", "doctor --timeout 3", "lock"])
def test_no_shown_command_holds_a_name_that_is_none(arena: Arena, name: str, words: str) -> None:
    """Whoever types what is shown does what we meant, whatever a project calls its source."""
    arena.project("private-lib", sources={name: EVIL_URL})
    arena.refuse()
    asked = words.split() if words == "lock" else ["repo", *words.split()]
    if words == "show":
        asked.append(name)
    done = arena.home.run(*asked)
    assert not any(line.strip().startswith("Try: touch") for line in done.text.splitlines())
    for command in commands_in(done):
        assert all(
            is_name(word) or word.startswith(("-", "https://", "/", "…")) for word in command
        ), command
        assert "evil.example" not in " ".join(command)


def test_did_you_mean_a_name_that_is_none(arena: Arena) -> None:
    """The suggestion tells the name; the command does not have it."""
    arena.project("private-lib", sources={"acme --unset": EVIL_URL})
    done = arena.home.fails("repo", "show", "acme --unse")
    assert commands_in(done) == [["show", "NAME"]]


class TestSecrets:
    """The six ways on which a secret came to the screen."""

    @pytest.mark.parametrize("command", ["add", "login", "show", "doctor", "certs", "logout"])
    def test_a_url_in_the_place_of_the_name(self, arena: Arena, command: str) -> None:
        for password in (PASSWORD, "p" * 120, ODD):
            done = arena.home.fails(
                "repo", command, f"https://{USER}:{password}@company.example/team-a/simple/"
            )
            assert password not in done.text
            assert password[:15] not in done.text

    def test_a_proxy_whose_password_is_not_escaped(self, arena: Arena) -> None:
        arena.project("private-lib", url=URL)
        for password in ("s3cret/w1th", "1234/w1th#s3cret"):
            proxy = f"http://{USER}:{password}@proxy.example:3128"
            arena.home.environ.update(HTTPS_PROXY=proxy, https_proxy=proxy)
            for words in (
                ("repo", "doctor", "--timeout", "2"),
                ("repo", "doctor", "--timeout", "2", "--json"),
            ):
                done = arena.home.run(*words)
                for part in password.replace("#", "/").split("/"):
                    assert part not in done.text, done.text

    def test_a_url_whose_password_has_a_blank(self, arena: Arena) -> None:
        arena.project()
        done = arena.home.run(
            "repo", "add", "odd", f"https://{USER}:my s3cret-pass@company.example/simple/"
        )
        assert "s3cret-pass" not in done.text

    @pytest.mark.parametrize(
        "words",
        ["list", "list --json", "show odd", "doctor --timeout 2", "doctor --json --timeout 2"],
    )
    def test_a_url_without_its_scheme(self, arena: Arena, words: str) -> None:
        arena.project(sources={"odd": f"{USER}:{TOKEN}@company.example/simple/"})
        arena.settle(
            "config.toml",
            "repositories",
            "odder",
            "url",
            value=f"{USER}:{TOKEN}@company.example/up/",
        )
        done = arena.home.run("repo", *words.split())
        assert TOKEN not in done.text, done.text

    def test_a_token_in_the_place_of_a_user_name(self, arena: Arena) -> None:
        file = arena.home.root / "pip.conf"
        file.write_text(f"[global]\nindex-url = https://{TOKEN}@company.example/simple/\n")
        assert TOKEN not in arena.home.run("repo", "import", str(file)).text

    @pytest.mark.parametrize("status", [400, 403, 500])
    def test_a_server_that_repeats_what_it_was_sent(self, arena: Arena, status: int) -> None:
        """In its reason and in its text, as it came, decoded, and as JSON."""

        def answer(request: RecordedRequest) -> Response | None:
            sent = request.headers.get("Authorization", "")
            if not sent:
                return None
            plain = base64.b64decode(sent.partition(" ")[2]).decode()
            body = f"{sent} {plain} {json.dumps(plain)}".encode()
            return Response(
                status, reason=f"No {sent}", body=body, headers=[("Content-Type", "text/plain")]
            )

        arena.company.respond = answer
        arena.settle("config.toml", "repositories", NAME, "url", value=UPLOAD)
        arena.project("private-lib", url=URL)
        arena.dist()
        basic = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        for words in (
            ("lock", "-vvv"),
            ("publish", "-r", NAME, "-vvv"),
            ("repo", "doctor", NAME, "--json"),
        ):
            done = arena.home.run(*words)
            for form in (
                PASSWORD,
                PASSWORD[:15],
                basic,
                basic.rstrip("="),
                json.dumps(PASSWORD)[1:-1],
            ):
                assert form not in done.text, done.text
