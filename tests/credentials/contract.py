"""What every source of credentials promises, whatever it is asked.

A test of a source subclasses :class:`SourceContract` and gives it the source in a world in which it
has a credential.
"""

from __future__ import annotations

import threading
import traceback
from itertools import product

import pytest

from poetry_repo_plugin.credentials.base import (
    EVERYTHING,
    FIRST_REQUEST,
    LEVELS,
    Answer,
    Broken,
    Credential,
    NotMine,
    Purpose,
    Query,
    Source,
)
from poetry_repo_plugin.credentials.chain import Chain, resolve

MARK = "S3CR3T"  # what every secret in such a world begins with
NAME = "corp"
URL = "https://packages.example.com/private/simple/"

ORIGINS = (
    "option",
    "env",
    "helper",
    "oauth",
    "keyring",
    "auth.toml",
    "keyring-url",
    "netrc",
    "url",
)  # and provider:NAME

NAMES = (
    NAME,
    NAME.upper(),
    "",
    "other",
    "a.b",
    "..",
    "../x",
    "a/b",
    "x" * 300,
    "p\u0430ypal",
    "a\x1b[2Jb\n",
    "'\"`$(id)",
)
URLS = (
    *(
        URL,
        "https://PACKAGES.example.com:443/private/simple",
        "https://other.example/",
        "http://packages.example.com/",
    ),
    *(
        "",
        "x",
        "https://",
        "https://[",
        "https://[::1]:8443/",
        "https://host:port/",
        "https://a\\@b/",
        "ftp://host/",
    ),
    *(
        "https://\u2100.example/",
        "https://ho\udcffst/",
        "https://b\u00fccher.example/",
        "https://host/\0",
        "file:///etc/passwd",
    ),
)


def queries() -> list[Query]:
    """Ordinary questions and strange ones."""
    ordinary = [
        Query(NAME, URL, purpose, allowed, username)
        for purpose, allowed, username in product(
            Purpose, LEVELS, (None, "me", "", "somebody else")
        )
    ]
    strange = [
        Query(name, url, allowed=allowed)
        for name, url, allowed in product(NAMES, URLS, (FIRST_REQUEST, EVERYTHING))
    ]
    return [*ordinary, *strange]


def texts_of(answer: Answer) -> list[str]:
    """Everything of an answer that may come to be printed."""
    shown = [repr(answer), str(answer)]
    if isinstance(answer, Credential):
        shown += [answer.source, answer.detail]
    else:
        shown += [answer.why]
    if isinstance(answer, Broken):
        shown += [answer.hint or "", answer.cause.value]
    return shown


def printed_at_vvv(error: BaseException) -> str:
    """What Poetry prints of an error at ``-vvv``: also what it was raised in the middle of, ``from
    None`` or not.
    """
    chain: list[str] = []
    inner: BaseException | None = error
    while inner is not None:
        chain.append(f"{inner} {inner.__cause__ or ''}")
        inner = inner.__context__
    return "\n".join(chain)


class SourceContract:
    """Subclasses override the fixture ``source``."""

    @pytest.fixture
    def source(self) -> Source:
        """The source; it has a credential for ``NAME`` and ``URL`` whose secret begins with
        ``MARK``.
        """
        raise NotImplementedError

    def test_it_has_a_credential_in_this_world(self, source: Source) -> None:
        answer = source.get(Query(NAME, URL))
        assert isinstance(answer, Credential), answer
        assert answer.secret.reveal().startswith(MARK)
        assert answer.source in ORIGINS or answer.source.startswith("provider:")
        assert answer.detail
        assert (answer.authorization() or "").split(" ")[0].lower() == answer.scheme
        assert source.name
        assert source.name.isprintable()

    def test_one_of_three_answers_whatever_it_is_asked_and_none_shows_a_secret(
        self, source: Source, capfd: pytest.CaptureFixture[str]
    ) -> None:
        for query in queries():
            answer = source.get(query)
            assert isinstance(answer, Credential | NotMine | Broken), query
            assert not any(MARK in text for text in texts_of(answer)), query
            assert MARK not in repr(resolve([source], query))
        assert capfd.readouterr() == ("", "")

    def test_a_credential_is_for_the_user_who_was_asked_for(self, source: Source) -> None:
        for allowed in LEVELS:
            answer = source.get(Query(NAME, URL, allowed=allowed, username="somebody else"))
            assert not isinstance(answer, Credential) or answer.username in ("somebody else", None)

    def test_the_same_question_has_the_same_answer(self, source: Source) -> None:
        for query in (Query(NAME, URL), Query("other", "https://other.example/"), Query("", URL)):
            assert source.get(query) == source.get(query)

    def test_many_threads_may_ask_at_once(self, source: Source) -> None:
        found: list[Answer] = []
        chain = Chain([source])

        def ask(number: int) -> None:
            found.append(source.get(Query(NAME, URL)))
            chain.resolve(Query(NAME, URL, username=None if number % 2 else "me"))

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 6
        assert all(answer == found[0] for answer in found)

    def test_a_traceback_with_locals_shows_no_secret(self, source: Source) -> None:
        answer = source.get(Query(NAME, URL))
        try:
            raise ValueError(answer)
        except ValueError as error:
            trace = traceback.TracebackException.from_exception(error, capture_locals=True)
        assert MARK not in "".join(trace.format())
