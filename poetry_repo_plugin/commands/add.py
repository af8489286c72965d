"""``poetry repo add``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from cleo.helpers import argument, option

from poetry_repo_plugin.commands.base import RepoCommand
from poetry_repo_plugin.config.bindings import Kind
from poetry_repo_plugin.config.changes import Changes
from poetry_repo_plugin.config.home import home_at
from poetry_repo_plugin.config.project import ERROR_CODES, PRIORITIES, read_project
from poetry_repo_plugin.config.repositories import bare, placeholder_in, shows_credential
from poetry_repo_plugin.core import names
from poetry_repo_plugin.core.errors import InputError
from poetry_repo_plugin.core.hints import repo
from poetry_repo_plugin.core.origin import Origin, split_userinfo
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.core.servers import (
    index_url_of,
    looks_like_index,
    profile_of,
    publish_url_of,
)
from poetry_repo_plugin.ops.credential_store import check_username
from poetry_repo_plugin.ops.home import require_home
from poetry_repo_plugin.ops.index_url import find_index_below
from poetry_repo_plugin.ops.session import Session


@dataclass
class Lifted:
    """The login that URLs on the command line held, and the URLs without it."""

    username: str
    secret: Secret
    urls: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Wish:
    """What the words ask for, checked.

    :param publish_url: as given, or as it follows from the index URL; ``None`` to leave it as it
        is.
    :param priority: ``None`` to leave it as it is; primary for a new source.
    :param codes: ``None`` to leave them as they are.
    """

    name: str
    url: str | None
    publish_url: str | None
    priority: str | None
    codes: list[int] | None
    lifted: Lifted | None
    is_new: bool = False


@dataclass(frozen=True)
class Before:
    """What was known of the name before.

    :param publish_url: in the user's file; a credential that stands in it stays there, and is not
        printed.
    :param has_home: the user has said where the name belongs.
    """

    url: str | None
    publish_url: str | None
    codes: tuple[int, ...]
    has_home: bool

    @classmethod
    def of(cls, session: Session, name: str) -> Before:
        """Look it up."""
        own, has_home = (
            session.settings.user_settings(name),
            bool(session.bindings.home(name).places),
        )
        return cls(own.url, _publish_url_before(session, name), own.ignore_error_codes, has_home)


class Command(RepoCommand):
    """Adds a repository to the project, or outside of one to what the user knows."""

    name = "repo add"
    description = "Add a package repository, for installing and for publishing."
    arguments: ClassVar = [
        argument("name", "What to call it, for example <c1>acme</c1>."),
        argument(
            "url",
            "The URL of its index. Not needed for a repository that you have added before.",
            optional=True,
        ),
    ]
    options: ClassVar = [
        option(
            "publish-url",
            None,
            "Where to upload to; derived where the server is known.",
            flag=False,
        ),
        option("priority", None, f"One of {', '.join(PRIORITIES)}.", flag=False),
        option(
            "secondary",
            None,
            "Ask PyPI first, and this one for what PyPI does not have (supplemental).",
        ),
        option("default", None, "Use it instead of PyPI, as the last of the primary sources."),
        option("publish-only", None, "The URL is for uploads; it is no source to install from."),
        option("self", None, "Add it to Poetry's own environment, for <c1>poetry self add</c1>."),
        option(
            "ignore-error-code",
            None,
            "Take this answer (400 to 599) for “not here”, and go on to the next source; <c1>none</c1> for no answer.",
            flag=False,
            multiple=True,
        ),
    ]
    help = """\
Inside a project, the repository becomes a source in pyproject.toml, asked
before PyPI:

    <c1>poetry repo add acme https://pypi.example.org/simple/</c1>

Outside of one it is remembered for you: so that <c1>poetry repo add acme</c1> in a
project needs no URL, and as a target of <c1>poetry publish -r acme</c1> where the
publish URL is given, known for its kind of server, or the same; a URL that
ends in /simple/ is for installing only. The next step is
<c1>poetry repo login acme</c1>."""

    def work(self, session: Session) -> int:
        """Check all words first, then write."""
        wish = self._wish(session)
        before = Before.of(session, wish.name)
        changes, told = Changes(session.settings), list[str]()
        file = self._file(session)
        if file is not None:
            changes.rewrite(file, lambda text: self._with_source(text, wish, told))
        url, publish_url = self._remembered_url(session, wish), self._kept_publish_url(wish)
        if url is not None:
            changes.save_user_settings(wish.name, {"url": url})
        if publish_url is not None and publish_url != before.publish_url:
            changes.save_publish_url(wish.name, publish_url)
            self._keep_home(changes, wish, before, url, publish_url)
        if wish.codes is not None:
            changes.save_user_settings(wish.name, {"ignore-error-codes": wish.codes or None})
        place = self._write(session, wish, changes)
        if file is not None:
            self._tell_source(wish, file, told)
        self._tell_url(session, wish, before)
        self._tell_publish_url(wish, before, publish_url)
        self._tell_codes(wish, before)
        if place is not None:
            self.say(
                f"{wish.name}: the credentials of the URL were moved to {place}; they are not verified."
            )
        self._next_step(session, wish)
        return 0

    # -- the words

    def _wish(self, session: Session) -> Wish:
        self.only_one_of("priority", "secondary", "default")
        for word in ("self", "priority", "secondary", "default"):
            self.only_one_of("publish-only", word)
        given = str(self.argument("name"))
        name = "pypi" if names.is_pypi(given) else given
        is_new = name not in session.catalogue.names()
        if is_new:
            session.new_name(name)
        url, publish_url = self.argument("url"), self.text("publish-url")
        if names.is_pypi(name):
            self._check_pypi(session, url, publish_url)
            return Wish(name, None, None, self._priority(), self._codes(), None)
        lifted: list[Lifted] = []
        known = self._known(session, name, lifted) if url is None else None
        url = self._bare(url, lifted)
        publish_url = self._bare(publish_url, lifted)
        if len(lifted) > 1:
            raise InputError("The two URLs hold different credentials; one repository has one.")
        if self.option("publish-only"):
            url, publish_url = (
                None,
                publish_url or (publish_url_of(url) or url if url is not None else None),
            )
            if publish_url is None:
                raise InputError(
                    "Where to upload to is missing.", repo("add", name, "URL", "--publish-only")
                )
        elif url is None and known is None:
            raise InputError(f"No URL is known for {name!r}.", repo("add", name, "URL"))
        else:
            url = self._index_at(session, name, url, lifted) if url is not None else known
            publish_url = publish_url or self._derived(session, name, url or "")
        if publish_url is not None:
            self._check_upload_url(name, url, publish_url)
        moved = lifted[0] if lifted else None
        return Wish(name, url, publish_url, self._priority(), self._codes(), moved, is_new=is_new)

    def _index_at(self, session: Session, name: str, url: str, lifted: list[Lifted]) -> str:
        """``url``, or the index that belongs to it: of a known server's upload URL, or just below
        it.
        """
        index, profile = index_url_of(url), profile_of(url)
        if profile is not None and index not in (None, url):
            self.say(f"{url} is where {profile.title} takes uploads; its index is {index}.")
        elif index is None:
            index = self._index_below(session, name, url)
        if index is None or index == url:
            return url
        for login in lifted:
            login.urls.append(index)
        return index

    def _index_below(self, session: Session, name: str, url: str) -> str | None:
        """``URL/simple/`` if only that is an index, and a person wants it."""
        if looks_like_index(url) or session.catalogue.get(name).index_url == url:
            return None
        self.asking(url)
        index = find_index_below(session, name, url)
        if index is None or session.confirm(f"{url} is no index, and {index} is one. Add that?"):
            return index
        self.warn(f"{url} is no index, and {index} is one. Try: {repo('add', name, index)}")
        return None

    def _check_upload_url(self, name: str, url: str | None, publish_url: str) -> None:
        """Whoever says ``--publish-url`` is believed, unless the server is known to read there
        only.
        """
        if not looks_like_index(publish_url):
            return
        if profile_of(publish_url) is None and self.text("publish-url") is not None:
            self.warn(
                f"{name}: {publish_url} looks like an index; uploads go there because you say so."
            )
            return
        hint = repo("add", name, url or publish_url, "--publish-url", "URL")
        if self.option("publish-only"):
            hint = repo("add", name, "--publish-url", "URL", "--publish-only")
        raise InputError(
            f"{publish_url} is an index, for installing; uploads go to another URL.", hint
        )

    def _check_pypi(self, session: Session, url: str | None, publish_url: str | None) -> None:
        if url is not None or publish_url is not None or self.option("publish-only"):
            raise InputError("The URLs of PyPI are built into Poetry and cannot be set.")
        if session.project is None and not self.given("self", "ignore-error-code"):
            raise InputError("PyPI is known already.", repo("login", "pypi"))

    @staticmethod
    def _known(session: Session, name: str, lifted: list[Lifted]) -> str | None:
        """The URL that a source of the project, or the user, has for the name; credentials in it
        join ``lifted``.
        """
        known = session.catalogue.get(name)
        if (
            known.index_url is not None
            and known.url_username is not None
            and known.url_secret is not None
        ):
            stored = session.settings.login(name) or session.settings.token(name)
            if stored is not None or session.settings.user_settings(name).helper:
                raise InputError(
                    f"{name}: another login than the one in its URL is stored. Decide which one is right: log out, "
                    "or take the one in the URL out by hand.",
                    repo("logout", name),
                )
            require_home(
                session.bindings, known, Kind.CREDENTIAL, session.confirm, urls=[known.index_url]
            )
            lifted.append(Lifted(known.url_username, known.url_secret, [known.index_url]))
        return known.index_url

    def _bare(self, url: str | None, lifted: list[Lifted]) -> str | None:
        """``url`` without the credentials in it, which join ``lifted``. Raises ``InvalidUrl``,
        ``InputError``.
        """
        if url is None:
            return None
        bare, username, secret = split_userinfo(url)
        Origin.of(bare)
        if username is None:
            return bare
        variable = placeholder_in(username, secret)
        if variable is not None:
            raise InputError(
                f"The URL holds {variable}, and nothing expands variables there; leave it out.",
                repo("login", self.argument("name")),
            )
        profile = profile_of(bare)
        if secret is None and not (profile is not None and profile.token_is_username):
            raise InputError(
                "The URL holds a user name and no password; leave it out.",
                repo("login", self.argument("name"), "--username", "USER"),
            )
        login = Lifted(
            check_username(username), secret if secret is not None else Secret(""), [bare]
        )
        same = next(
            (one for one in lifted if (one.username, one.secret) == (login.username, login.secret)),
            None,
        )
        if same is not None:
            same.urls.append(bare)
        else:
            lifted.append(login)
        return bare

    def _derived(self, session: Session, name: str, url: str) -> str | None:
        """The publish URL that follows from ``url``, unless somebody has set another one.

        Outside a project what is no index by its looks is taken for both.
        """
        before = session.catalogue.get(name)
        stored = _publish_url_before(session, name)
        followed = (publish_url_of(before.index_url), before.index_url) if before.index_url else ()
        if before.project.publish_url is not None or (
            stored is not None and stored not in followed
        ):
            return None
        derived = publish_url_of(url)
        if (
            derived is None
            and session.project is None
            and not self.option("self")
            and not looks_like_index(url)
        ):
            return url
        return derived

    def _priority(self) -> str | None:
        if self.option("secondary"):
            return "supplemental"
        if self.option("default"):
            return "primary"
        priority = self.text("priority")
        if priority is not None and priority.lower() not in PRIORITIES:
            flag = {"secondary": "--secondary", "default": "--default"}.get(
                priority.lower()
            )  # Poetry 1's words
            raise names.no_choice(priority, "a priority", PRIORITIES, flag)
        return priority.lower() if priority is not None else None

    def _codes(self) -> list[int] | None:
        words = self.option("ignore-error-code") or []
        if words == ["none"]:
            return []
        codes = []
        for word in words:
            if not (
                word.isascii() and word.isdigit() and len(word) == 3 and int(word) in ERROR_CODES
            ):
                first, last = ERROR_CODES[0], ERROR_CODES[-1]
                raise InputError(
                    f"{word!r} is not an HTTP error code from {first} to {last}, nor `none` alone."
                )
            codes.append(int(word))
        return sorted(set(codes)) or None

    # -- the writing

    def _file(self, session: Session) -> Path | None:
        """The file that the source is added to."""
        if self.option("self"):
            from poetry_repo_plugin.hooks.facts import config_folder

            return config_folder() / "pyproject.toml"
        if session.project is None or self.option("publish-only"):
            return None
        return session.project / "pyproject.toml"

    def _with_source(self, text: str, wish: Wish, told: list[str]) -> str:
        """``text`` with the source; what changed is ``told``."""
        from poetry_repo_plugin.config.sources import add_source, system_project_text

        old = system_project_text(text) if self.option("self") else text
        new, told[:] = add_source(
            old, wish.name, wish.url, wish.priority, default=bool(self.option("default"))
        )
        return new if told else text

    def _remembered_url(self, session: Session, wish: Wish) -> str | None:
        """What the user remembers: outside a project, and for Poetry's own environment, which is no
        project of ours.
        """
        if self.option("publish-only") or (session.project is not None and not self.option("self")):
            return None
        return wish.url

    def _kept_publish_url(self, wish: Wish) -> str | None:
        if self.option("self") and self.text("publish-url") is None:
            return None
        return wish.publish_url

    @staticmethod
    def _keep_home(
        changes: Changes, wish: Wish, before: Before, url: str | None, publish_url: str
    ) -> None:
        """Where uploads go is kept for the user, and the index in the project alone, which is no
        word of the user's: by itself the first would make a stranger of the second.
        """
        if before.has_home or wish.url is None or url is not None:
            return
        if home_at(publish_url).stranger_among([wish.url]) is not None:
            changes.save_user_settings(wish.name, {"added": [wish.url]})

    @staticmethod
    def _write(session: Session, wish: Wish, changes: Changes) -> str | None:
        """Write all at once; where the login of the URL is kept, if it held one."""
        if wish.lifted is None:
            changes.commit()
            return None
        login, plaintext = (
            wish.lifted,
            not wish.lifted.secret,
        )  # a token for a user name: Poetry keeps those in files
        words = (wish.name, login.username, login.secret, login.urls)
        return session.logins.store(*words, plaintext=plaintext, changes=changes).place

    # -- what was done

    def _tell_source(self, wish: Wish, file: Path, told: list[str]) -> None:
        own_environment = bool(self.option("self"))
        where = "Poetry's own environment" if own_environment else "pyproject.toml"
        for change in told:
            self.say(f"{change} (in {where})" if own_environment else change)
        if not told:
            self.say(f"{wish.name} is in {where} already, just so.")
        if not own_environment and read_project(file).needs_migration:
            why = "it has sources with `default` or `secondary`"
            self.warn(f"Poetry 2 cannot read this project yet: {why}. Try: {repo('migrate')}")

    def _tell_url(self, session: Session, wish: Wish, before: Before) -> None:
        name, url = wish.name, self._remembered_url(session, wish)
        if self.option("self"):
            if url is not None and before.url not in (None, url):
                self.say(f"{name}: url {before.url} → {url}")
            return
        if session.project is not None or self.option("publish-only"):
            return
        if self.given("priority", "secondary", "default"):
            self.warn("There is no project here, so a priority has no meaning; it was not kept.")
        if url is None:  # PyPI
            return
        if before.url is None:
            self.say(
                f"{name} ({url}) is remembered; `{repo('add', name)}` in a project makes it a source there."
            )
        elif before.url != url:
            self.say(f"{name}: url {before.url} → {url}")
        else:
            self.say(f"{name} ({url}) is remembered already.")
        if wish.publish_url is None and session.catalogue.get(name).publish_url is None:
            self.say(f"{name}: where to upload to is not known; --publish-url URL sets it.")

    def _tell_publish_url(self, wish: Wish, before: Before, url: str | None) -> None:
        if url is None:
            return
        if before.publish_url != url:
            was = f" (was {before.publish_url})" if before.publish_url else ""
            self.say(f"{wish.name}: poetry publish -r {wish.name} uploads to {url}{was}")
        elif self.option("publish-only"):
            self.say(f"{wish.name}: poetry publish -r {wish.name} uploads to {url} already.")

    def _tell_codes(self, wish: Wish, before: Before) -> None:
        if wish.codes is None or list(before.codes) == wish.codes:
            return
        was = f" (was {', '.join(map(str, before.codes))})" if before.codes else ""
        which = f"an answer {', '.join(map(str, wish.codes))}" if wish.codes else "no answer"
        self.say(f"{wish.name}: {which} is taken as “not here”{was}")

    def _next_step(self, session: Session, wish: Wish) -> None:
        name = wish.name
        urls = [
            bare(url) for url in (wish.url, session.settings.publish_url(name)) if url is not None
        ]
        bound = session.bindings.of(name, Kind.CREDENTIAL)
        beyond = session.bindings.held_to(name, Kind.CREDENTIAL).stranger_among(urls)
        if beyond is not None:
            places = " and ".join(session.bindings.shown(name, Kind.CREDENTIAL))
            self.warn(
                f"{name} belongs to {places}, and nothing secret is sent to {beyond}. "
                f"If it should be: {repo('login', name, '--url', beyond)}"
            )
        profile = profile_of(wish.url, name) if wish.url else None
        if profile is not None and (profile.provider is not None or profile.token_is_username):
            self.say(f"{profile.title}: {profile.advice}")
        known = session.catalogue.get(name)  # its project is as it was before
        inside = session.project is not None and not self.option(
            "self"
        )  # outside it is said of every server
        if (
            inside
            and profile is not None
            and known.publish_url is None
            and known.index_url != wish.url
        ):
            self.say(f"{name}: where to upload to is not known; --publish-url URL sets it.")
        if (
            wish.is_new
            and not wish.lifted
            and not bound
            and not shows_credential(session.settings, known)
        ):
            self.say(f"Next, if it wants a credential: {repo('login', name)}")


def _publish_url_before(session: Session, name: str) -> str | None:
    """What the user's file says; a credential that stands in it stays there, and is not printed."""
    before = session.settings.user_publish_url(name)
    return bare(before) if before is not None else None
