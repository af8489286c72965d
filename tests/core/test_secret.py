"""A secret does not print, wherever it is put; one explicit call takes it out."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import pprint
import sys
import traceback
from dataclasses import asdict, dataclass
from io import StringIO

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from poetry_repo_plugin.core.secret import Secret

MARK = "hunter2-"
texts = st.text(st.characters(exclude_categories=())).map(
    lambda text: MARK + text
)  # half surrogate pairs as well


@dataclass(frozen=True)
class Holder:
    secret: Secret


@given(texts)
def test_it_prints_as_stars_in_every_form(text: str) -> None:
    secret = Secret(text)
    forms = [
        str(secret),
        repr(secret),
        f"{secret}",
        f"{secret!r:>40}",
        f"{secret:>40}",
        "%s %r" % (secret, secret),  # noqa: UP031 -- this form as well
        "{} {!r}".format(secret, secret),  # noqa: UP032
        ascii(secret),
        repr([secret]),
        repr({secret: secret}),
        repr(Holder(secret)),
        pprint.pformat({"a": (secret,)}),
        json.dumps({"a": secret}, default=str),
    ]
    for form in forms:
        assert MARK not in form
        assert "****" in form


@given(texts)
def test_what_it_holds_comes_out_unchanged(text: str) -> None:
    assert Secret(text).reveal() == text


def test_neither_logs_nor_tracebacks_with_locals_show_it() -> None:
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    logger = logging.Logger("probe")
    logger.addHandler(handler)
    secret = Secret(MARK)
    try:
        raise ValueError(secret)
    except ValueError:
        logger.exception("it was %s", secret)
        trace = traceback.TracebackException(*sys.exc_info(), capture_locals=True)
    shown = "".join(trace.format()) + stream.getvalue()
    assert "Secret(****)" in shown
    assert MARK not in shown


def test_it_is_neither_pickled_nor_copied() -> None:
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy, lambda it: asdict(Holder(it))):
        with pytest.raises(TypeError) as caught:
            attempt(Secret(MARK))
        assert MARK not in str(caught.value)


def test_it_has_no_attributes_to_dump() -> None:
    with pytest.raises(TypeError):
        vars(Secret(MARK))


def test_it_cannot_be_joined_to_a_text_by_accident() -> None:
    with pytest.raises(TypeError):
        "https://" + Secret(MARK)  # type: ignore[operator]  # that is the point
    with pytest.raises(TypeError):
        "".join([Secret(MARK)])  # type: ignore[list-item]  # that is the point


@given(texts, texts)
@example("\ud800", "\udcff")
def test_it_is_equal_to_a_secret_of_the_same_text_and_to_nothing_else(one: str, other: str) -> None:
    assert (Secret(one) == Secret(other)) is (one == other)
    assert Secret(one) == Secret(one)
    assert hash(Secret(one)) == hash(Secret(one))
    assert Secret(one) != one


def test_an_empty_one_is_false() -> None:
    assert not Secret("")
    assert Secret(" ")
