"""Poetry's publisher: where an upload goes, with which credential, and what is asked before and
after.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poetry_repo_plugin.core.errors import RepoError
from poetry_repo_plugin.hooks.authenticator import no_auth
from poetry_repo_plugin.hooks.facts import dotted_keys
from poetry_repo_plugin.hooks.run import asked_by_us, current

if TYPE_CHECKING:
    import requests


def publish(
    original: Callable[..., None],
    self: Any,
    repository_name: str | None,
    username: str | None,
    password: str | None,
    cert: Path | None = None,
    client_cert: Path | None = None,
    dry_run: bool = False,
    skip_existing: bool = False,
) -> None:
    """Find out where to upload to, and let Poetry go on from there."""
    from poetry_repo_plugin.ops.publish import prepare_upload

    run = current()
    try:
        upload = prepare_upload(run.access, repository_name, username, password, cert, client_cert)
    except RepoError as error:
        raise run.report(error, RuntimeError()) from None
    if upload.url is not None and repository_name is not None:
        keys = (repository_name,) if dotted_keys() else tuple(repository_name.split("."))
        self._poetry.config.merge({"repositories": _nested((*keys, "url"), upload.url)})
    run.uploads[self._uploader] = upload
    with asked_by_us():
        original(
            self, repository_name, username, password, cert, client_cert, dry_run, skip_existing
        )


def _nested(keys: tuple[str, ...], value: str) -> Any:
    if not keys:
        return value
    return {keys[0]: _nested(keys[1:], value)}


def upload(
    original: Callable[..., None],
    self: Any,
    url: str,
    cert: Path | bool = True,
    client_cert: Path | None = None,
    dry_run: bool = False,
    skip_existing: bool = False,
) -> None:
    """Check before the first byte, ask a person for what turns out to be missing, and offer to keep
    it.
    """
    from poetry_repo_plugin.ops.publish import (
        ask_for_credential,
        check_before_upload,
        lacked_credential,
        offer_to_keep,
    )

    run = current()
    known = run.uploads.get(self)
    if known is not None:
        url = known.url = known.url or url
        try:
            if not dry_run:
                check_before_upload(run.access, known, self.make_session, run.terminal)
        except RepoError as error:
            raise run.report(error) from None
    try:
        original(self, url, dry_run=dry_run, skip_existing=skip_existing)
    except Exception as error:
        if known is None or not run.terminal or not lacked_credential(known, error):
            raise
        run.io.write_error_line("")  # behind the progress of the file
        try:
            ask_for_credential(run.access, known)
        except RepoError as refused:
            raise run.report(refused) from None
        original(self, url, dry_run=dry_run, skip_existing=skip_existing)
    if known is not None and not dry_run:
        offer_to_keep(run.access, known)


def make_session(original: Callable[..., requests.Session], self: Any) -> requests.Session:
    """The session of an upload, with our adapter below it."""
    from poetry_repo_plugin.credentials.base import Purpose
    from poetry_repo_plugin.http.adapter import DirectAdapter

    session = original(self)
    run = current()
    known = run.uploads.get(self)
    if known is None:
        return session
    name = known.repository.name
    adapter = DirectAdapter(
        lambda: run.access,
        lambda error: run.report(known.with_option(error)),
        owner=lambda: name,
        purpose=Purpose.PUBLISH,
        given=known.given,
        context=known.context,
    )
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    session.auth = no_auth
    return session
