"""``poetry repo add``."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from cleo.helpers import argument, option

from poetry_repo_plugin.commands.base import RepoCommand
from poetry_repo_plugin.config.project import ERROR_CODES, PRIORITIES
from poetry_repo_plugin.core import names
from poetry_repo_plugin.core.errors import InputError
from poetry_repo_plugin.core.hints import repo
from poetry_repo_plugin.core.package_names import NO_PATTERN, pattern_of
from poetry_repo_plugin.ops.add import add
from poetry_repo_plugin.ops.added import report
from poetry_repo_plugin.ops.addition import Wanted
from poetry_repo_plugin.ops.session import Session

_POETRY_1 = {"secondary": "--secondary", "default": "--default"}  # its words for a priority


class Command(RepoCommand):
    """Adds a repository to the project, or outside of one to what the user knows."""

    name = "repo add"
    description = "Add a package repository, for installing and for publishing."
    arguments: ClassVar = [
        argument("name", "What to call it, for example <c1>acme</c1>."),
        argument(
            "url",
            "The URL of its index. Not needed if you added it before.",
            optional=True,
        ),
    ]
    options: ClassVar = [
        option(
            "publish-url",
            None,
            "The upload URL; derived for known servers.",
            flag=False,
        ),
        option("priority", None, f"One of {', '.join(PRIORITIES)}.", flag=False),
        option(
            "secondary",
            None,
            "Search PyPI first, and this one for what PyPI lacks (supplemental).",
        ),
        option("default", None, "Use it instead of PyPI, as the last of the primary sources."),
        option("publish-only", None, "The URL is for uploads only, not a source to install from."),
        option("self", None, "Add it to Poetry's own environment, for <c1>poetry self add</c1>."),
        option(
            "mirror-of",
            None,
            "Let it stand in for <c1>pypi</c1> or for another source, in every project of yours.",
            flag=False,
        ),
        option("fallback", None, "Ask the original where the mirror cannot be reached."),
        option(
            "ignore-error-code",
            None,
            "Treat this status (400 to 599) as “not found”, and try the next source; "
            "<c1>none</c1> clears the list.",
            flag=False,
            multiple=True,
        ),
        option(
            "packages",
            None,
            "Names of packages that belong to it, <c1>*</c1> and <c1>?</c1> allowed: no other index is "
            "asked for them; <c1>none</c1> for no name.",
            flag=False,
            multiple=True,
        ),
    ]
    help = """\
Inside a project, the repository becomes a source in pyproject.toml, asked
before PyPI:

    <c1>poetry repo add acme https://pypi.example.org/simple/</c1>

Outside a project it is saved for you: <c1>poetry repo add acme</c1> in a project
then needs no URL, and <c1>poetry publish -r acme</c1> uploads to its publish URL,
which is the given one, the one known for this kind of server, or the same
URL. A URL that ends in /simple/ is for installing only. Next:
<c1>poetry repo login acme</c1>.

A mirror stands in for PyPI in all of your projects, and leaves no trace in
their files:

    <c1>poetry repo add corp https://mirror.example.org/simple/ --mirror-of pypi</c1>"""

    def work(self, session: Session) -> int:
        """Parse the words, add, tell what changed."""
        self.only_one_of("priority", "secondary", "default")
        for word in ("self", "priority", "secondary", "default"):
            self.only_one_of("publish-only", word)
        for word in ("self", "priority", "secondary", "default", "publish-only"):
            self.only_one_of("mirror-of", word)
        if self.option("fallback") and self.text("mirror-of") is None:
            hint = repo("add", str(self.argument("name")), "URL", "--mirror-of", "pypi")
            raise InputError("--fallback is for a mirror.", hint.adding("--fallback"))
        wanted = Wanted(
            name=str(self.argument("name")),
            url=self.argument("url"),
            publish_url=self.text("publish-url"),
            priority=self._priority(),
            default=bool(self.option("default")),
            publish_only=bool(self.option("publish-only")),
            own_file=self._own_file(),
            codes=self._codes(),
            packages=self._packages(),
            mirror_of=self.text("mirror-of"),
            fallback=bool(self.option("fallback")),
        )
        report(session, add(session, wanted, self), self)
        return 0

    def _priority(self) -> str | None:
        if self.option("secondary"):
            return "supplemental"
        if self.option("default"):
            return "primary"
        given = self.text("priority")
        if given is None:
            return None
        priority = given.lower()
        if priority not in PRIORITIES:
            raise names.no_choice(given, "a priority", PRIORITIES, _POETRY_1.get(priority))
        return priority

    def _own_file(self) -> Path | None:
        from poetry_repo_plugin.hooks.facts import config_folder

        if not self.option("self"):
            return None
        return config_folder() / "pyproject.toml"

    def _codes(self) -> list[int] | None:
        words = self.option("ignore-error-code") or []
        if words == ["none"]:
            return []
        codes = {_error_code(word) for word in words}
        return sorted(codes) or None

    def _packages(self) -> list[str] | None:
        words = list(dict.fromkeys(self.option("packages") or []))
        if words == ["none"]:
            return []
        for word in words:
            if pattern_of(word) is None:
                raise InputError(f"{word!r} is no pattern: {NO_PATTERN}.")
        return words or None


def _error_code(word: str) -> int:
    is_number = word.isascii() and word.isdigit() and len(word) == 3
    if is_number and int(word) in ERROR_CODES:
        return int(word)
    first, last = ERROR_CODES[0], ERROR_CODES[-1]
    message = f"{word!r} is not an HTTP error code from {first} to {last}, nor `none` alone."
    raise InputError(message)
