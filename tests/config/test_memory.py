"""What counts as another plugin's in Poetry's configuration in memory."""

from __future__ import annotations

from typing import Any

from poetry_repo_plugin.config.memory import added_to, leaves_of

AUTH = {"http-basic": {"acme": {"username": "alice", "password": "stored"}}}


def merged(**sections: Any) -> dict[str, Any]:
    return {"cache-dir": "/cache", **AUTH, **sections}


def test_what_the_files_hold_is_nobody_elses() -> None:
    assert added_to(merged(), [AUTH], []) == {}


def test_a_renewed_password_goes_with_the_user_of_the_files() -> None:
    memory = merged(**{"http-basic": {"acme": {"username": "alice", "password": "new"}}})
    assert added_to(memory, [AUTH], [])["http-basic"]["acme"] == {
        "username": "alice",
        "password": "new",
    }


def test_a_stored_password_is_not_taken_along() -> None:
    """It is bound to the origins that it was stored for; what is in memory is bound to none."""
    memory = merged(**{"http-basic": {"acme": {"username": "mallory", "password": "stored"}}})
    assert added_to(memory, [AUTH], [])["http-basic"]["acme"] == {"username": "mallory"}


def test_a_projects_word_is_no_plugins() -> None:
    """Its ``poetry.toml`` and its sources are merged into the same table."""
    project = {
        "certificates": {"acme": {"cert": False}},
        "http-basic": {"acme": {"password": "theirs"}},
        "repositories": {"acme": {"url": "https://evil.example/simple/"}},
    }
    memory = merged(**project)
    assert added_to(memory, [AUTH], list(leaves_of(project))) == {}
    assert added_to(memory, [AUTH], [])["certificates"] == {"acme": {"cert": False}}
