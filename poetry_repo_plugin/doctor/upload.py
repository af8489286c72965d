"""The check ``upload``: whether the publish URL takes uploads and the credential, without uploading
anything.
"""

from __future__ import annotations

from poetry_repo_plugin.core.errors import Cause, Failure
from poetry_repo_plugin.core.names import is_pypi
from poetry_repo_plugin.core.origin import InvalidUrl, Origin
from poetry_repo_plugin.core.servers import profile_of
from poetry_repo_plugin.credentials.base import EVERYTHING, Purpose
from poetry_repo_plugin.credentials.trusted import MODE_VARIABLE
from poetry_repo_plugin.doctor.asker import OF_CREDENTIAL, Asker
from poetry_repo_plugin.doctor.report import Finding, State, failed, fine, skipped
from poetry_repo_plugin.http.asking import ask
from poetry_repo_plugin.http.checks import check_nothing_uploaded
from poetry_repo_plugin.http.responses import Answer, Judgement
from poetry_repo_plugin.ops.publish import prepare_upload


class Uploads(Asker):
    """Sends an upload of nothing: a server that refuses the credential does so before it looks for
    a file.
    """

    def check(self, blocked: str) -> tuple[Finding, Finding | None]:
        """The check ``upload``, without uploading; and what it says of the credential, if it was
        asked.

        :param blocked: ``""``, or why the origin of the index is not asked again.
        """
        repository, url = self._repository, self._repository.publish_url
        if url is None:
            return skipped("upload", "no publish URL is known; it is for installing"), None
        try:
            origin = Origin.of(url)
        except InvalidUrl as error:
            return failed("upload", self._failure(Cause.NOT_AN_UPLOAD_URL, str(error))), None
        profile = profile_of(url, repository.name)
        if is_pypi(repository.name) or (
            profile is not None and profile.kind in ("pypi", "testpypi")
        ):
            return skipped("upload", "it cannot be checked without an upload"), None
        try:
            prepare_upload(self._access, repository.name, None, None, None, None)
        except Failure as error:
            return self._refused("upload", error), None
        if blocked and origin == self._grant.origin:
            return skipped("upload", blocked), None
        return self._try_upload(url)

    def _try_upload(self, url: str) -> tuple[Finding, Finding | None]:
        grant = self._access.matcher.grant_for(
            url, owner=self._repository.name, purpose=Purpose.PUBLISH
        )
        try:
            sent = self._look_up(grant.query, EVERYTHING)
        except Failure as error:
            return failed("upload", error), failed("credential", error)
        outcome = self._post(url)
        if isinstance(outcome, Failure):
            refused = self._refused("upload", outcome)
            if outcome.cause not in OF_CREDENTIAL:
                return refused, None
            if outcome.cause is Cause.CREDENTIAL_MISSING and (ci := self._mints_in()) is not None:
                return skipped("upload", f"in {ci}, trusted publishing will get a credential"), None
            if outcome.cause is Cause.CREDENTIAL_MISSING and self._is_derived:
                return skipped(
                    "upload", f"{outcome.message.removesuffix('.')} (needed for publishing only)"
                ), None
            return refused, self._refused("credential", outcome)
        wrong = self._wrong_upload(outcome)
        if wrong is not None:
            return self._softened(wrong), None
        if sent.credential is None and not self._headers:
            return fine("upload", "answers uploads, and asks for no credential"), fine(
                "credential", "none is needed"
            )
        who = self._described(sent.credential)
        if isinstance(self._post(url, anonymous=True), Failure):
            return fine("upload", "answers uploads and accepts the credential"), fine(
                "credential", f"{who}: accepted"
            )
        untold = "whether it accepts the credential only an upload can tell"
        return fine("upload", f"answers uploads; {untold}"), fine("credential", f"{who}; {untold}")

    def _mints_in(self) -> str | None:
        """The CI that this is, if an upload here would get a token for the job's identity. None is
        minted to look.
        """
        from poetry_repo_plugin.credentials.ci_identity import detected

        mode = self._access.settings.environ.get(MODE_VARIABLE) or "automatic"
        if mode.strip().lower() == "never":
            return None
        return detected()

    def _wrong_upload(self, found: Judgement) -> Finding | None:
        """What is wrong with a server that has answered an upload of nothing."""
        if found.cause is not None:
            wrong = self._failure(found.cause, f"it answers an empty upload with {found.status}")
            return failed("upload", wrong, state=State.WARN)
        if found.answer is Answer.OTHER:
            return Finding("upload", State.WARN, f"{found.detail}: is it the URL for uploads?")
        return None

    def _post(self, url: str, *, anonymous: bool = False) -> Judgement | Failure:
        def post() -> Judgement:
            response = ask(
                self._access,
                self._repository,
                url,
                method="POST",
                purpose=Purpose.PUBLISH,
                anonymous=anonymous,
                timeout=self._timeout,
            )
            return check_nothing_uploaded(self._repository, url, response)

        return self._bounded(url, post)
