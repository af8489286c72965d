"""What a repository is, and all that are known here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property

from poetry_repo_plugin.config.memory import ANOTHER_PLUGIN
from poetry_repo_plugin.config.mirrors import Mirror, Mirrors, is_at_pypi, is_below
from poetry_repo_plugin.config.owned_names import OwnedNames, owned_names
from poetry_repo_plugin.config.project import Project, ProjectSettings
from poetry_repo_plugin.config.settings import Settings
from poetry_repo_plugin.config.variables import ByVariable, variables_of
from poetry_repo_plugin.core import names
from poetry_repo_plugin.core.errors import Cause, InputError, UnknownNameError
from poetry_repo_plugin.core.hints import export, repo
from poetry_repo_plugin.core.origin import InvalidUrl, Origin, Prefix, redact, split_userinfo
from poetry_repo_plugin.core.patterns import Pattern
from poetry_repo_plugin.core.secret import Secret
from poetry_repo_plugin.core.servers import publish_url_of
from poetry_repo_plugin.core.variables import env_key

_PLACEHOLDER = Pattern(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}|\$[A-Z][A-Z0-9]*_[A-Z0-9_]+")


@dataclass(frozen=True)
class Repository:
    """A name, where its index is, where one publishes to, and its place in the project.

    URLs hold no userinfo; what the index URL held is in ``url_username`` and ``url_secret``, what
    the publish URL held in ``publish_username`` and ``publish_secret``.

    :param priority: ``primary``, ``supplemental`` or ``explicit`` in this project; ``None`` if it
        is no source of it.
    :param publish_derived: the publish URL follows from the index URL (a server profile); nothing
        stores it.
    :param publish_by_project: only the project's files say where to publish to.
    :param unexpanded: what stands for a variable in the userinfo of its URL; nothing expands it
        there.
    :param user_urls: those of its URLs that the user or the environment names, whatever a project
        says.
    :param variables: the environment variables that set something of it, which storing cannot
    change.
    :param locked: the settings of it that only the administrator can change.
    """

    name: str
    index_url: str | None = None
    publish_url: str | None = None
    priority: str | None = None
    publish_derived: bool = False
    url_username: str | None = None
    url_secret: Secret | None = None
    project: ProjectSettings = field(default_factory=ProjectSettings)
    publish_by_project: bool = False
    user_urls: tuple[str, ...] = ()
    publish_username: str | None = None
    publish_secret: Secret | None = None
    unexpanded: str | None = None
    variables: Mapping[ByVariable, str] = field(default_factory=dict, compare=False)
    locked: frozenset[str] = field(default=frozenset(), compare=False)

    def login_in(self, url: str, *, upload: bool) -> tuple[str | None, Secret | None]:
        """User name and password that stand in the repository's own URL ``url``: an upload takes
        those of the publish URL, if it holds some.
        """
        if upload and self.publish_username is not None and url in self._same_as_publish:
            return self.publish_username, self.publish_secret
        if url == self.index_url:
            return (self.url_username, self.url_secret)
        return (None, None)

    def username_for(self, *, upload: bool) -> str | None:
        """The user whose credential alone will do, because a URL names one."""
        if upload and self.publish_username is not None:
            return self.publish_username
        return self.url_username

    @property
    def bindable(self) -> list[str]:
        """The URLs that a secret may be bound to when it is stored.

        Without the publish URL that a project's file names: it would be asked for nothing before
        the secret goes there.
        """
        urls = [
            url
            for url in (self.index_url, None if self.publish_by_project else self.publish_url)
            if url
        ]
        return list(dict.fromkeys(urls)) or list(self.urls)

    @cached_property
    def urls(self) -> tuple[str, ...]:
        """The URLs that are known for it, without repetition."""
        return tuple(dict.fromkeys(url for url in (self.index_url, self.publish_url) if url))

    @property
    def _same_as_publish(self) -> list[str]:
        """The URLs that are the publish URL: an index at the same place may spell it with or
        without a slash.
        """
        found = []
        for url in self.urls:
            with suppress(InvalidUrl):
                if url == self.publish_url or Prefix.of(url) == Prefix.of(self.publish_url or ""):
                    found.append(url)
        return found

    @property
    def host(self) -> str:
        """``host`` or ``host:port``, of the index if it has one; empty if there is none."""
        for url in self.urls:
            with suppress(InvalidUrl):
                return Origin.of(url).netloc
        return ""

    @cached_property
    def prefixes(self) -> tuple[Prefix, ...]:
        """Below what it owns URLs; an URL that is none owns nothing."""
        return _prefixes(self.urls)

    @cached_property
    def download_prefixes(self) -> tuple[Prefix, ...]:
        """The same for downloads: an upload URL that a project's file names owns none, so that it
        widens nothing.
        """
        return _prefixes(
            url for url in self.urls if url != self.publish_url or not self.publish_by_project
        )


def shows_credential(settings: Settings, repository: Repository, *, stored: bool = True) -> bool:
    """Whether a credential is set where it can be seen without asking anybody.

    :param stored: count what the user has stored as well, which goes only where it belongs.
    """
    name, own = repository.name, settings.user_settings(repository.name)
    seen: tuple[object, ...] = (
        repository.url_secret,
        settings.variable("PYPI_TOKEN", name),
        settings.variable("HTTP_BASIC", name, "_PASSWORD"),
        settings.added_token(name),
        settings.added_login(name)[1],
        repository.project.provider,
    )
    kept = (settings.login(name), settings.token(name), own.provider, own.helper)
    return any(seen) or (stored and any(kept))


class Catalogue:
    """Every repository that this user and this project know.

    :param project: what ``pyproject.toml`` says, or ``None`` outside a project.
    :param pypi: PyPI as Poetry has it built in.
    """

    def __init__(self, settings: Settings, project: Project | None, pypi: Repository) -> None:
        self._settings = settings
        self._project = project
        self._pypi = pypi
        self._live: dict[str, str] = {}

    def add_live(self, name: str, url: str) -> None:
        """Poetry itself has built a repository of this name for this URL; that outranks what we
        read.
        """
        self._live[name] = url

    def as_if_at(self, name: str, url: str) -> Catalogue:
        """The same repositories, with the index of ``name`` at ``url``."""
        other = Catalogue(self._settings, self._project, self._pypi)
        other._live = {**self._live, name: url}
        return other

    @property
    def complaints(self) -> list[str]:
        """What in the project's file was not believed or makes no sense, and what is no pattern of
        names.
        """
        of_project = []
        if self._project is not None:
            of_project = [*self._project.ignored, *self._project.problems]
        return [*of_project, *self.owned.ignored, *self.mirrors.ignored]

    @cached_property
    def owned(self) -> OwnedNames:
        """Whose names of packages are whose."""
        return owned_names(self._settings, self._project)

    @property
    def ignored_mirrors(self) -> list[str]:
        """Those of them that are about mirrors: a company's projects may have no other."""
        named = []
        if self._project:
            named = self._project.named_mirrors
        return [*named, *self.mirrors.ignored]

    @cached_property
    def mirrors(self) -> Mirrors:
        """Which repository stands in for which."""
        return Mirrors(self._settings)

    def barred(self, url: str) -> Mirror | None:
        """The mirror because of which ``url`` is not to be asked: it is of the original, and there
        is no fallback.
        """
        for mirror in self.mirrors.all:
            if not mirror.fallback and self._is_of_original(url, mirror):
                return mirror
        return None

    def has_fallback(self, repository: Repository | None, cause: Cause) -> bool:
        """Whether another one is asked where ``repository`` has failed for ``cause``: it is a
        mirror, and cannot be reached.
        """
        mirror = None
        if repository is not None:
            mirror = self.mirrors.called(repository.name)
        return mirror is not None and mirror.gives_up(cause)

    def _is_of_original(self, url: str, mirror: Mirror) -> bool:
        if names.is_pypi(mirror.original):
            return is_at_pypi(url, self._pypi.index_url or "")
        original = self.find(mirror.original)
        if original is None or any(own.covers(url) for own in _prefixes([bare(mirror.url)])):
            return False
        return is_below(url, original.download_prefixes)

    @property
    def project(self) -> Project | None:
        """What ``pyproject.toml`` says, or ``None`` outside a project."""
        return self._project

    def names(self) -> list[str]:
        """The names of all of them, the project's first, PyPI last."""
        found: dict[str, None] = {}
        for source in self._project.sources if self._project else ():
            found.setdefault(source.name)
        for name in self._live:
            found.setdefault(name)
        for name in self._settings.names():
            found.setdefault(name)
        for mirror in self.mirrors.all:
            found.setdefault(mirror.name)
        taken = {env_key(name) for name in found}
        for name, _ in self._settings.environment_repositories():
            if env_key(name) not in taken:
                found.setdefault(name)
        return [name for name in _one_per_case(found) if not names.is_pypi(name)] + ["pypi"]

    def __iter__(self) -> Iterator[Repository]:
        return (self.get(name) for name in self.names())

    def find(self, name: str) -> Repository | None:
        """The repository of that name (case makes no difference, as in Poetry's pool), or
        ``None``.
        """
        known = self.names()
        found = names.match_name(name, known)
        if found is None and env_key(name) in {
            env_key(n) for n, _ in self._settings.environment_repositories()
        }:
            found = name
        if found is None:
            return None
        return self.get(found)

    def require(self, name: str, *, to_add: bool = False) -> Repository:
        """As :meth:`find`; raises :class:`UnknownNameError` with a suggestion where there is none.

        :param to_add: whoever asks wants the repository to be there, so the way out is to add it.
        """
        found = self.find(name)
        if found is not None:
            return found
        if "://" in name:
            raise self._named_by_url(bare(name))
        self._explain_variable(name)
        hint = repo("add", name, "URL") if to_add else repo("list")
        raise UnknownNameError(name, names.nearest(name, self.names()), hint)

    def _named_by_url(self, url: str) -> UnknownNameError:
        """A URL was given where a name is wanted."""
        plain = url.rstrip("/")
        meant = (one.name for one in self if plain in [known.rstrip("/") for known in one.urls])
        return UnknownNameError(url, next(meant, None), repo("add", "NAME", url))

    def _explain_variable(self, name: str) -> None:
        """Raises :class:`InputError` where the environment means ``name``, but not in Poetry's
        words.
        """
        variable = self._settings.variable("REPOSITORIES", name)
        if variable is not None:
            message = f"No repository is called {name!r}: {variable[0]} is set, but Poetry reads {variable[0]}_URL."
            raise InputError(message, export(**{f"{variable[0]}_URL": "URL"}))

    def get(self, name: str) -> Repository:
        """The repository of exactly that name, put together from all that is known of it."""
        if names.is_pypi(name):
            return self._pypi_with_priority()
        raw, priority = self._index_of(name)
        index_url, username, secret = (None, None, None) if raw is None else _split(raw)
        username, secret, unexpanded = _without_placeholders(username, secret)
        project = self._project.settings_for(name) if self._project else ProjectSettings()
        raw_publish = self._publish_url_of(name, project)
        publish, publish_username, publish_secret = (
            (None, None, None) if raw_publish is None else _split(raw_publish)
        )
        derived = None
        if publish is None and index_url:
            derived = publish_url_of(index_url)
        own_publish = self._own_publish_url_of(name)
        remembered = self._settings.user_settings(name).url
        return Repository(
            name,
            index_url,
            publish or derived,
            priority,
            publish is None and derived is not None,
            username,
            secret,
            project,
            raw_publish is not None and raw_publish != own_publish,
            tuple(bare(url) for url in (remembered, own_publish) if url),
            publish_username,
            publish_secret,
            unexpanded,
            variables_of(self._settings, name),
            self._settings.managed.says.all_locked(name),
        )

    def check_url(self, repository: Repository, url: str) -> None:
        """Raises :class:`InputError`, naming the file that ``url`` was written in, where that is no
        URL.
        """
        try:
            Prefix.of(url)
        except InvalidUrl as error:
            where = self._written_in(repository, url)
            message = f"The URL of {repository.name} in {where} cannot be used: {error}."
            raise InputError(message, repo("add", repository.name, "URL")) from None

    def _written_in(self, repository: Repository, url: str) -> str:
        settings = self._settings
        if url == repository.index_url:
            return str(
                self._project.path
                if repository.priority is not None and self._project
                else settings.managed.place_of(repository.name, "url", settings.own_file)
            )
        variable = settings.variable_publish_url(repository.name)
        if variable is not None:
            return f"the environment variable {variable[0]}"
        if settings.added_url(repository.name) is not None:
            return f"the configuration of {ANOTHER_PLUGIN}"
        if settings.user_publish_url(repository.name) is None:
            return "poetry.toml"
        return str(settings.managed.place_of(repository.name, "publish-url", settings.config_file))

    def _index_of(self, name: str) -> tuple[str | None, str | None]:
        priority = None
        url = self._live.get(name)
        for source in self._project.sources if self._project else ():
            if source.name.lower() == name.lower():
                priority = source.priority
                if url is None or (
                    source.url is not None and source.url.rstrip("/") == url.rstrip("/")
                ):
                    url = source.url  # Poetry takes a slash at the end off
        url = url or self._settings.user_settings(name).url
        if url is None:
            mirror = self.mirrors.called(name)
            url = None
            if mirror is not None:
                url = mirror.url
        return url, priority

    def _publish_url_of(self, name: str, project: ProjectSettings) -> str | None:
        """As it is written, perhaps with userinfo."""
        return (
            self._own_publish_url_of(name)
            or self._settings.publish_url(name)
            or project.publish_url
        )

    def _own_publish_url_of(self, name: str) -> str | None:
        """What the environment, another plugin or the user's own file says, whatever a project
        says.
        """
        variable = self._settings.variable_publish_url(name)
        if variable is not None:
            return variable[1]
        if self._settings.managed.locks(name, "publish-url"):
            return self._settings.user_publish_url(name)
        # A plugin for mirrors puts the mirror's index under PyPI's name: nothing is uploaded there.
        added = None
        if not names.is_pypi(name):
            added = self._settings.added_url(name)
        return added or self._settings.user_publish_url(name)

    def _pypi_with_priority(self) -> Repository:
        """PyPI, uploading to where the user or the environment says instead; no project can say
        so.
        """
        raw = self._own_publish_url_of("pypi")
        url, username, secret = (self._pypi.publish_url, None, None) if raw is None else _split(raw)
        pypi = replace(
            self._pypi,
            publish_url=url,
            publish_username=username,
            publish_secret=secret,
            variables=variables_of(self._settings, "pypi"),
        )
        for source in self._project.sources if self._project else ():
            if names.is_pypi(source.name):
                return replace(pypi, priority=source.priority)
        return pypi


def _prefixes(urls: Iterable[str]) -> tuple[Prefix, ...]:
    found = []
    for url in urls:
        with suppress(InvalidUrl):
            found.append(Prefix.of_index(url))
    return tuple(dict.fromkeys(found))


def bare(url: str) -> str:
    """``url``, however it was written, without its userinfo."""
    return _split(url)[0]


def _split(url: str) -> tuple[str, str | None, Secret | None]:
    """As :func:`split_userinfo`; of what is written so wrongly that its userinfo cannot be told,
    nothing is kept.
    """
    try:
        bare, username, secret = split_userinfo(url)
    except InvalidUrl:
        return f"****@{url.rpartition('@')[2]}" if "@" in url else url, None, None
    if username is None and "@" in bare and "//" not in bare:  # it lacks its scheme
        return f"****@{bare.rpartition('@')[2]}", None, None
    masked = redact(bare)
    return bare if masked == bare else masked.rpartition("//")[2], username, secret


def placeholder_in(username: str | None, secret: Secret | None) -> str | None:
    """What stands for a variable in a user name or password: ``${PASS}`` or ``$CI_JOB_TOKEN``."""
    texts = (username or "", secret.reveal() if secret is not None else "")
    return next((text for text in texts if _PLACEHOLDER.fullmatch(text)), None)


def _without_placeholders(
    username: str | None, secret: Secret | None
) -> tuple[str | None, Secret | None, str | None]:
    """The two without those that stand for a variable, and which that was."""
    found = placeholder_in(username, secret)
    if found is None:
        return username, secret, None
    return (None if found == username else username), None, found


def _one_per_case(found: Iterable[str]) -> list[str]:
    seen: dict[str, str] = {}
    for name in found:
        seen.setdefault(name.lower(), name)
    return list(seen.values())
