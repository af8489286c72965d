"""The login that stands in a URL: taken out of it, to be stored as any other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from poetry_repo_plugin.config.bindings import Kind
from poetry_repo_plugin.config.repositories import Repository, placeholder_in
from poetry_repo_plugin.core.errors import InputError
from poetry_repo_plugin.core.hints import repo
from poetry_repo_plugin.core.origin import Origin, split_userinfo
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.core.servers import profile_of
from poetry_repo_plugin.ops.credential_store import check_username
from poetry_repo_plugin.ops.home import require_home

if TYPE_CHECKING:
    from poetry_repo_plugin.ops.session import Session


@dataclass
class UrlLogin:
    """A login, and the URLs that it stood in, without it."""

    username: str
    secret: Secret
    urls: list[str] = field(default_factory=list)


class UrlLogins:
    """Takes the login out of the URLs of one command; a repository has one.

    :ivar login: what was taken out; ``None`` where no URL held any.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self.login: UrlLogin | None = None

    def bare(self, url: str) -> str:
        """``url`` without its login, which is kept here.

        Raises ``InvalidUrl``, :class:`InputError`.
        """
        bare, username, secret = split_userinfo(url)
        Origin.of(bare)
        if username is None:
            return bare
        variable = placeholder_in(username, secret)
        if variable is not None:
            message = f"The URL holds {variable}, and variables are not expanded there; remove it."
            raise InputError(message, repo("login", self._name))
        profile = profile_of(bare)
        if secret is None and not (profile is not None and profile.token_is_username):
            message = "The URL has a user name and no password; remove it."
            raise InputError(message, repo("login", self._name, "--username", "USER"))
        self._take(check_username(username), secret or Secret(""), bare)
        return bare

    def of_known(self, session: Session, repository: Repository) -> None:
        """Take the login that stands in the URL of a known source.

        Raises :class:`InputError` where another one is stored, and ``Failure`` where only a project
        says that the secret belongs there.
        """
        username, secret = repository.url_username, repository.url_secret
        url = repository.index_url
        if url is None or username is None or secret is None:
            return
        settings, name = session.settings, repository.name
        stored = settings.login(name) or settings.token(name)
        if stored is not None or settings.user_settings(name).helper:
            message = (
                f"{name}: the stored login is not the one in its URL. Keep one: "
                "log out, or remove the one in the URL by hand."
            )
            raise InputError(message, repo("logout", name))
        require_home(session.bindings, repository, Kind.CREDENTIAL, session.confirm, urls=[url])
        self._take(username, secret, url)

    def extend(self, url: str) -> None:
        """Note that the login belongs to ``url`` as well."""
        if self.login is not None:
            self.login.urls.append(url)

    def _take(self, username: str, secret: Secret, url: str) -> None:
        if self.login is None:
            self.login = UrlLogin(username, secret)
        if (self.login.username, self.login.secret) != (username, secret):
            raise InputError("The two URLs hold different credentials; a repository has one.")
        self.login.urls.append(url)
